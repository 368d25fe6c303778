"""Which parcels of a layer lie on each other: the search behind the overlap rules.

Two parcels are in conflict when their *interiors* meet, so a parcel within another and a parcel
drawn twice count. The predicate ``overlaps`` leaves out both.

Where neighbours share their vertices most parcels need not be compared with anything. Let W be the
number of parcels over a point. W changes only across edges that their twins in the other direction
do not cancel (`edges.unmatched`). Take a patch where W ≥ 2. On its outline lies such an edge, and a
parcel that owns it covers the patch there: comparing the owners of unmatched edges with all around
them finds the conflicts of each patch at some place. From there the search grows to all parcels
that touch the bounds of what a pair in conflict shares. None is missed: where one walks on within
the patch and the parcels over it change, either some parcel stays, and is in conflict with all that
come; or all leave and all others come at one line. Then an edge of those that come either is
unmatched, or is the twin of an edge of one that leaves and so touches what that one shares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from yuxi_gis.checks.edges import Edges, unmatched

__all__ = ["Pairs", "Polygons", "conflicts", "grown", "polygonal", "shared"]

Polygons = npt.NDArray[np.object_]
Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

#: Parcels whose neighbours are looked up at once.
_BATCH = 20_000
#: Parcels that tell whether the neighbours of a layer share their vertices.
_SAMPLE = 300
#: Pairs that tell whether most pairs of a batch share area.
_TRIAL = 500
_NOTHING = shapely.Polygon()


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows with what they share.

    `left` and `right` are row numbers, `area` the shared area (m² in a metre CRS), `width` that of
    its widest piece (m; see `conflicts`) and `shape` the shared polygons; `equal` is true where
    both are the same polygon.
    """

    left: Rows
    right: Rows
    area: Floats
    width: Floats
    shape: Polygons
    equal: Mask

    def __getitem__(self, which: Mask | Rows) -> Pairs:
        return Pairs(
            self.left[which],
            self.right[which],
            self.area[which],
            self.width[which],
            self.shape[which],
            self.equal[which],
        )


def conflicts(
    parcels: Polygons,
    floor: float,
    distance: float,
    edges: Callable[[], Edges] | None = None,
) -> Pairs:
    """All pairs of parcels that share more than `floor` of area, or are equal.

    What they share must somewhere be wider than `distance`. The width of a piece is that of the
    rectangle with the same area and perimeter (of a piece rounder than a square: four times its
    area by its perimeter, the diameter of a circle).

    Parameters
    ----------
    parcels : ndarray of valid polygons, shape (n,)
        In a metre CRS; None and empty ones are in no pair.
    floor : float
        m²; shared areas are rounded to 0.0001 m² before they are compared, so that the result
        does not depend on where the origin of the coordinates lies.
    distance : float
        m; two parcels are equal when no point of one's outline is farther than this from the
        other's and their areas differ by no more than such a rim.
    edges : callable, optional
        Gives ``unmatched(parcels)`` where the caller may have it already. It is not called for a
        layer whose neighbours do not share their vertices.

    Returns
    -------
    Pairs
        With ``left < right``, sorted by both.
    """
    tree = shapely.STRtree(parcels)
    seeds = np.flatnonzero(~(shapely.is_missing(parcels) | shapely.is_empty(parcels)))
    if _adjoin(parcels, tree, seeds):
        seeds = np.unique((edges() if edges else unmatched(parcels)).row)
    return grown(parcels, tree, seeds, floor, distance)


def _adjoin(parcels: Polygons, tree: shapely.STRtree, rows: Rows) -> bool:
    """Whether more than half of a sample of parcels share all their edges with neighbours."""
    sample = rows[:: max(len(rows) // _SAMPLE, 1)]
    around = np.unique(tree.query(parcels[sample])[1])
    seeds = around[np.unique(unmatched(parcels[around]).row)]
    return bool(2 * np.count_nonzero(np.isin(sample, seeds)) < len(sample))


def grown(
    parcels: Polygons, tree: shapely.STRtree, seeds: Rows, floor: float, distance: float
) -> Pairs:
    """The conflicts of `seeds` and of all that a patch of conflicts leads to; see the module.

    `tree` is that of `parcels`, `seeds` are row numbers in ascending order.
    """
    searched = shapely.is_missing(parcels) | shapely.is_empty(parcels)
    found = [_measured(parcels, seeds[:0], seeds[:0], floor, distance)]
    todo = seeds
    while len(todo):
        wanted = np.zeros(len(parcels), dtype=bool)
        for batch in (todo[k : k + _BATCH] for k in range(0, len(todo), _BATCH)):
            left, right = tree.query(parcels[batch])
            left = batch[left]
            fresh = ~searched[right]
            searched[batch] = True
            fresh &= ~searched[right] | (left < right)  # both in the batch: once
            a, b = _meeting(parcels, left[fresh], right[fresh])
            if not searched.all():
                wanted[tree.query(_common_bounds(parcels, a, b))[1]] = True
            found.append(_measured(parcels, a, b, floor, distance))
        todo = np.flatnonzero(wanted & ~searched)
    return _joined(found)


def _common_bounds(parcels: Polygons, a: Rows, b: Rows) -> Polygons:
    one, other = shapely.bounds(parcels[a]), shapely.bounds(parcels[b])
    low, high = np.maximum(one, other)[:, :2], np.minimum(one, other)[:, 2:]
    return np.asarray(shapely.box(*low.T, *high.T), dtype=object)


def _meeting(parcels: Polygons, left: Rows, right: Rows) -> tuple[Rows, Rows]:
    """The pairs whose interiors meet; of pairs most of which do, those that only touch as well."""
    near = shapely.intersects(parcels[left], parcels[right])
    left, right = left[near], right[near]
    # To ask for the relation costs a third of cutting: too much where nearly all must be cut.
    few = left[:_TRIAL], right[:_TRIAL]
    if 4 * np.count_nonzero(_interiors_meet(parcels, *few)) > 3 * len(few[0]):
        return left, right
    meet = _interiors_meet(parcels, left, right)
    return left[meet], right[meet]


def _interiors_meet(parcels: Polygons, left: Rows, right: Rows) -> Mask:
    meet: Mask = shapely.relate_pattern(parcels[left], parcels[right], "T********")
    return meet


def _measured(parcels: Polygons, a: Rows, b: Rows, floor: float, distance: float) -> Pairs:
    """The pairs `a`, `b` that are worth a report."""
    left, right = np.minimum(a, b), np.maximum(a, b)
    shape, area = shared(parcels[left], parcels[right])
    equal = _equal(parcels[left], parcels[right], area, distance)
    pairs = Pairs(left, right, area, np.zeros(len(area)), shape, equal)
    pairs = pairs[(area >= floor) | equal]
    pairs.width[:] = _width(pairs.shape)
    return pairs[(pairs.width >= distance) | pairs.equal]


def _joined(found: list[Pairs]) -> Pairs:
    pairs = Pairs(
        np.concatenate([pairs.left for pairs in found]),
        np.concatenate([pairs.right for pairs in found]),
        np.concatenate([pairs.area for pairs in found]),
        np.concatenate([pairs.width for pairs in found]),
        np.concatenate([pairs.shape for pairs in found]),
        np.concatenate([pairs.equal for pairs in found]),
    )
    return pairs[np.lexsort([pairs.right, pairs.left])]


def _width(shapes: Polygons) -> Floats:
    """The width of the widest piece of each shape, to a thousandth of a millimetre."""
    pieces, row = shapes, np.arange(len(shapes))
    many = shapely.get_num_geometries(shapes) > 1
    if many.any():  # most are one piece, and need not be copied
        parts, part_of = shapely.get_parts(shapes[many], return_index=True)
        pieces = np.concatenate([shapes[~many], parts])
        row = np.concatenate([row[~many], row[many][part_of]])
    area, half = shapely.area(pieces), shapely.length(pieces) / 2
    # The longer side of the rectangle: l + w = half, l · w = area.
    longer = half / 2 + np.sqrt(np.maximum(half**2 / 4 - area, 0))
    width = np.zeros(len(shapes))
    np.maximum.at(width, row[longer > 0], area[longer > 0] / longer[longer > 0])
    return width.round(6)


def shared(a: Polygons, b: Polygons) -> tuple[Polygons, npt.NDArray[np.float64]]:
    """The polygons that each pair of valid polygons shares, and their area to 0.0001."""
    shape = polygonal(shapely.intersection(a, b))
    return shape, np.round(shapely.area(shape), 4)


def _equal(
    a: Polygons, b: Polygons, area: npt.NDArray[np.float64], distance: float
) -> npt.NDArray[np.bool_]:
    apart = np.abs(shapely.bounds(a) - shapely.bounds(b)).max(axis=1, initial=0)
    alike: Mask = apart <= distance
    a, b, area = a[alike], b[alike], area[alike]
    rim = distance * np.minimum(shapely.length(a), shapely.length(b))
    close: Mask = shapely.area(a) + shapely.area(b) - 2 * area <= rim + 1e-4
    outlines = shapely.boundary(a[close]), shapely.boundary(b[close])
    close[close] = shapely.hausdorff_distance(*outlines) <= distance + 1e-6
    alike[alike] = close
    return alike


def polygonal(shapes: Polygons) -> Polygons:
    """`shapes` without the lines and points that overlay and repair leave; None stays None."""
    shapes = np.array(shapes, dtype=object)
    mixed = shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION
    parts, row = shapely.get_parts(shapes[mixed], return_index=True)
    parts, part = shapely.get_parts(
        parts, return_index=True
    )  # a collection may hold a multipolygon
    solid = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    kept = np.full(np.count_nonzero(mixed), _NOTHING)
    shapely.multipolygons(parts[solid], indices=row[part][solid], out=kept)
    shapes[mixed] = kept
    flat = (shapely.get_dimensions(shapes) < 2) & ~shapely.is_missing(shapes)
    shapes[flat] = _NOTHING
    return shapes
