"""The edges of a layer that no neighbour shares.

In a clean coverage every edge occurs twice, once in each direction: the two cancel. What is left is
the outline of the whole, and wherever parcels overlap, leave a gap or do not share their nodes.

Edges are told apart by a number of 64 bits made of the exact coordinates of their ends. That two
edges of a million parcels have the same number by chance happens once in some ten thousand layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

__all__ = ["Edges", "unmatched"]

Shapes = npt.NDArray[np.object_]
Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
#: A number for each directed edge: the last bit tells the direction, the others the edge.
Keys = npt.NDArray[np.uint64]

#: Parcels whose coordinates are unpacked at once.
_CHUNK = 20_000
#: Keys looked at at once.
_PART = 1 << 22
_ONE = np.uint64(1)


@dataclass(frozen=True)
class Edges:
    """Directed edges, the parcel's inside to their left.

    `start` and `end` are coordinates, shape (m, 2); `row` is the parcel's row number, shape (m,).
    """

    start: Floats
    end: Floats
    row: Rows

    def lines(self) -> Shapes:
        """The edges as lines."""
        ends = np.stack([self.start, self.end], axis=1)
        return np.asarray(shapely.linestrings(ends), dtype=object)


def unmatched(parcels: Shapes) -> Edges:
    """The edges of `parcels` that no edge in the other direction cancels.

    Working memory is 17 bytes a vertex, a part of bounded size, and the result.

    Parameters
    ----------
    parcels : ndarray of valid polygons and multipolygons, shape (n,)
        None and empty ones have no edges; an edge from a point to itself is none.

    Returns
    -------
    Edges
        In the order of the parcels and of their vertices. Where k edges in one direction meet
        fewer in the other, all k of them are there.
    """
    count = np.zeros(len(parcels), dtype=np.intp)
    keys = [np.zeros(0, np.uint64)]
    for rows in _chunks(np.arange(len(parcels))):
        edges = _Unpacked.of(parcels, rows)
        count[rows] = np.bincount(edges.row - rows[0], minlength=len(rows))
        keys.append(edges.key)
    keys = [np.concatenate(keys)]
    alone = _alone(keys.pop())
    owners = np.unique(np.searchsorted(np.cumsum(count), np.flatnonzero(alone), side="right"))
    theirs = np.zeros(len(parcels), dtype=bool)
    theirs[owners] = True
    alone = alone[np.repeat(theirs, count)]
    found = [Edges(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.intp))]
    for rows in _chunks(owners):
        edges = _Unpacked.of(parcels, rows)
        found.append(edges.directed(alone[: len(edges.key)]))
        alone = alone[len(edges.key) :]
    return Edges(
        np.concatenate([edges.start for edges in found]),
        np.concatenate([edges.end for edges in found]),
        np.concatenate([edges.row for edges in found]),
    )


def _chunks(rows: Rows) -> list[Rows]:
    return [rows[first : first + _CHUNK] for first in range(0, len(rows), _CHUNK)]


def _alone(keys: Keys) -> npt.NDArray[np.bool_]:
    """Which keys are more often there than their twins in the other direction."""
    ordered = np.sort(keys)
    cuts = np.searchsorted(ordered, ordered[_PART::_PART] & ~_ONE)  # twins stay together
    odd = np.concatenate([_odd(part) for part in np.split(ordered, cuts)])
    del ordered
    alone = np.zeros(len(keys), dtype=bool)
    for first in range(0, len(keys), _PART):
        alone[first + _places(keys[first : first + _PART], odd)] = True
    return alone


def _odd(keys: Keys) -> Keys:
    """The sorted keys that outweigh their twins."""
    if len(keys) == 0:
        return keys
    edge = keys >> _ONE
    first = np.flatnonzero(np.concatenate([[True], edge[1:] != edge[:-1]]))
    times = np.diff(first, append=len(keys))
    # In a clean coverage nearly all are pairs of twins: look only at the others.
    twins = (times == 2) & (keys[first] != keys[np.minimum(first + 1, len(keys) - 1)])
    first, times = first[~twins], times[~twins]
    forward = np.concatenate([[0], np.cumsum(keys & _ONE, dtype=np.intp)])
    net = 2 * (forward[first + times] - forward[first]) - times
    return (edge[first[net != 0]] << _ONE) | (net[net != 0] > 0).astype(np.uint64)


def _places(keys: Keys, wanted: Keys) -> Rows:
    """Where in `keys` one of the sorted `wanted` stands."""
    slots = np.uint64((1 << 24) - 1)
    taken = np.zeros(1 << 24, dtype=bool)
    taken[wanted & slots] = True
    maybe = np.flatnonzero(taken[keys & slots])  # most keys of a clean coverage end here
    maybe = maybe[np.argsort(keys[maybe])]
    nearest = np.minimum(np.searchsorted(wanted, keys[maybe]), len(wanted) - 1)
    return maybe[wanted[nearest] == keys[maybe]]


@dataclass(frozen=True)
class _Unpacked:
    """All edges of some parcels: from vertex `at` of `xy` to the next, or `back`."""

    xy: Floats
    at: Rows
    back: npt.NDArray[np.bool_]
    row: Rows
    key: Keys

    @classmethod
    def of(cls, parcels: Shapes, rows: Rows) -> _Unpacked:
        rings, row, shell = _rings(parcels[rows], rows)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        turned = (_signed_area(xy, ring, len(rings)) > 0) != shell
        point = _mixed(xy)
        at = np.flatnonzero((ring[1:] == ring[:-1]) & (point[1:] != point[:-1]))
        start, end, back = point[at], point[at + 1], turned[ring[at]]
        key = ((start + end) & ~_ONE) | ((start < end) != back).astype(np.uint64)
        return cls(xy, at, back, row[ring[at]], key)

    def directed(self, which: npt.NDArray[np.bool_]) -> Edges:
        at, back = self.at[which], self.back[which]
        return Edges(self.xy[at + back], self.xy[at + ~back], self.row[which])


def _rings(parcels: Shapes, row: Rows) -> tuple[Shapes, Rows, npt.NDArray[np.bool_]]:
    """The rings of the parcels in order, their rows, and which are shells."""
    there = ~(shapely.is_missing(parcels) | shapely.is_empty(parcels))
    parcels, row = parcels[there], row[there]
    plain = shapely.get_num_interior_rings(parcels) == 0  # of multipolygons, too
    plain &= shapely.get_type_id(parcels) == shapely.GeometryType.POLYGON
    parts, part_of = shapely.get_parts(parcels[~plain], return_index=True)
    rings, ring_of = shapely.get_rings(parts, return_index=True)
    first = np.diff(ring_of, prepend=-1) > 0
    # A polygon without holes is as good as its only ring, and need not be copied.
    shapes = np.concatenate([parcels[plain], rings])
    rows = np.concatenate([row[plain], row[~plain][part_of][ring_of]])
    shell = np.concatenate([np.ones(np.count_nonzero(plain), dtype=bool), first])
    order = np.argsort(rows, kind="stable")
    return shapes[order], rows[order], shell[order]


def _signed_area(xy: Floats, ring: Rows, count: int) -> Floats:
    """Twice the area of each ring, above 0 where it runs anticlockwise."""
    first = np.searchsorted(ring, np.arange(count))
    local = xy - xy[first][ring]
    cross = local[:-1, 0] * local[1:, 1] - local[1:, 0] * local[:-1, 1]
    cross[ring[1:] != ring[:-1]] = 0
    return np.bincount(ring[:-1], weights=cross, minlength=count).astype(np.float64, copy=False)


def _mixed(xy: Floats) -> Keys:
    """A number for each point in which every bit of its coordinates matters (splitmix64)."""
    bits = np.ascontiguousarray(xy + 0.0).view(np.uint64)  # + 0.0: -0 is 0
    mixed = _scrambled(bits[:, 0]) + bits[:, 1]
    return _scrambled(mixed)


def _scrambled(bits: Keys) -> Keys:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
