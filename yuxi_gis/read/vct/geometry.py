"""Points, lines and polygons from the objects of a VCT file.

Rings are put together from lines for all polygons of a table at once. Which ring is a hole is not
written in the file: rings of one object nest, and every second level is a hole (even-odd).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import shapely

from yuxi_gis.errors import SourceError
from yuxi_gis.read.vct.curves import SAME, Chains
from yuxi_gis.read.vct.objects import Objects, Piece

__all__ = ["Builder"]

#: A line bounds two polygons of a layer; more vertices than this many times those of the file
#: come from references made to fill memory.
_EXPANSION, _SMALL = 16, 100_000
_PAIRS = 20_000_000
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


@dataclass
class Builder:
    """Geometries of the objects of one file.

    Attributes
    ----------
    lines, polygons : Objects
        With coordinates that are already (east, north).
    degrees : bool
    """

    lines: Objects
    polygons: Objects
    degrees: bool
    _chains: dict[str, Chains] = field(default_factory=dict)

    @property
    def deviation(self) -> float:
        """The largest distance of an arc from its chords so far."""
        return max((chains.deviation for chains in self._chains.values()), default=0.0)

    def points(self, objects: Objects, chosen: np.ndarray) -> np.ndarray:
        """Points and multi-points; the second of a directed point is its direction."""
        found = np.full(len(chosen), None, object)
        starts = [(objects.pieces[i] or [Piece(0, -1, 0)])[0] for i in chosen]
        count = np.array([p.size if objects.kinds[i] != 3 else min(p.size, 1)
                          for p, i in zip(starts, chosen, strict=True)], int)  # fmt: skip
        start = np.array([p.start for p in starts], int)
        for i in chosen[[objects.kinds[i] == 3 for i in chosen]] if len(chosen) else ():
            objects.mark("direction", int(i))
        xy, group = _runs(objects.xy, start, count)
        for g in np.unique(group[np.isnan(xy).any(axis=1)]):
            objects.mark("coordinate", int(chosen[g]))
            count[g] = 0
        single = count == 1
        found[single] = shapely.points(objects.xy[start[single]])
        many = np.flatnonzero(count > 1)
        kept = np.isin(group, many)
        if len(many):
            parts = np.asarray(shapely.points(xy[kept]))
            found[many] = shapely.multipoints(parts, indices=np.searchsorted(many, group[kept]))
        return found

    def polylines(self, chosen: np.ndarray) -> np.ndarray:
        """Lines and multi-lines."""
        chains = self._chain(self.lines, "line")
        plain = np.array([not self.lines.refs[i] for i in chosen], bool)
        found = np.full(len(chosen), None, object)
        direct = chosen[plain]
        xy, group = _runs(chains.xy, chains.start[direct], chains.count[direct])
        found[plain] = self._linestrings(self.lines, direct, xy, group)
        if not plain.all():
            xy, ring, owner = self._expanded(self.lines, chosen[~plain], chains)
            parts = _each(shapely.linestrings, xy, ring, len(owner), 2)
            found[~plain] = _merged(parts, owner, int((~plain).sum()))
        for k in np.flatnonzero(np.isin(chosen, list(chains.loose))):
            runs = [run for run in chains.loose[chosen[k]] if len(run) > 1]
            if runs and np.isfinite(np.concatenate(runs)).all():
                found[k] = shapely.MultiLineString(runs)
        for k in np.flatnonzero(shapely.is_missing(found)):
            self.lines.mark("empty", int(chosen[k]))
        return found

    def _linestrings(
        self, objects: Objects, chosen: np.ndarray, xy: np.ndarray, group: np.ndarray
    ) -> np.ndarray:
        for g in np.unique(group[np.isnan(xy).any(axis=1)]):
            objects.mark("coordinate", int(chosen[g]))
        return _each(shapely.linestrings, xy, group, len(chosen), 2)

    def areas(self, chosen: np.ndarray) -> np.ndarray:
        """Polygons and multi-polygons of `polygons`."""
        kinds = np.array([self.polygons.kinds[i] for i in chosen], int)
        found = np.full(len(chosen), None, object)
        plain = kinds != 22
        found[plain] = self._areas(chosen[plain])
        if not plain.all():
            found[~plain] = self._of_polygons(chosen[~plain])
        for k in np.flatnonzero(shapely.is_missing(found)):
            self.polygons.mark("empty", int(chosen[k]))
        return found

    def _areas(self, chosen: np.ndarray) -> np.ndarray:
        own = self._chain(self.polygons, "ring")
        count = own.parts[chosen]
        which = _ranges(own.first[chosen], count)
        xy, ring = _runs(own.xy, own.start[which], own.count[which])
        owner = np.repeat(np.arange(len(chosen)), count)
        by_lines = np.array([bool(self.polygons.refs[i]) for i in chosen], bool)
        places = np.flatnonzero(by_lines)
        if len(places):
            lines = self._chain(self.lines, "line")
            more, more_ring, more_owner = self._expanded(self.polygons, chosen[places], lines)
            xy = np.concatenate([xy, more])
            ring = np.concatenate([ring, more_ring + len(owner)])
            owner = np.concatenate([owner, places[more_owner]])
        return self._from_rings(chosen, xy, ring, owner)

    def _from_rings(
        self, chosen: np.ndarray, xy: np.ndarray, ring: np.ndarray, owner: np.ndarray
    ) -> np.ndarray:
        size = np.bincount(ring, minlength=len(owner))
        first = np.cumsum(size) - size
        bad = np.zeros(len(owner), bool)
        np.logical_or.at(bad, ring, np.isnan(xy).any(axis=1))
        full = np.flatnonzero((size > 0) & ~bad)
        gap = np.hypot(*(xy[first[full]] - xy[(first + size - 1)[full]]).T)
        for r in full[gap > SAME[self.degrees]]:
            self.polygons.mark("unclosed", int(chosen[owner[r]]))
        near = full[(gap > 0) & (gap <= SAME[self.degrees])]
        xy[(first + size - 1)[near]] = xy[first[near]]
        rings = _each(shapely.linearrings, xy, ring, len(owner), 3)
        lost = np.zeros(len(chosen), bool)
        lost[owner[bad | (size == 0)]] = True
        for r in np.flatnonzero((size > 0) & shapely.is_missing(rings)):
            self.polygons.mark("coordinate" if bad[r] else "ring", int(chosen[owner[r]]))
        kept = ~shapely.is_missing(rings) & ~lost[owner]
        return self._nested(chosen, rings[kept], owner[kept])

    def _nested(self, chosen: np.ndarray, rings: np.ndarray, owner: np.ndarray) -> np.ndarray:
        """Polygons from the rings of each owner, every second level of nesting a hole."""
        shell = np.arange(len(rings))
        hole = np.zeros(len(rings), bool)
        order = np.argsort(owner, kind="stable")
        several = np.flatnonzero(np.bincount(owner, minlength=len(chosen)) > 1)
        left = np.searchsorted(owner[order], several, "left")
        right = np.searchsorted(owner[order], several, "right")
        for k, a, b in zip(several, left, right, strict=True):
            mine = order[a:b]
            nesting = _nesting(np.asarray(shapely.polygons(rings[mine])))
            if nesting is None:
                self.polygons.mark("nesting", int(chosen[k]))
                shell[mine] = -1
                continue
            shell[mine], hole[mine] = mine[nesting[0]], nesting[1]
        sequence = np.lexsort((np.arange(len(rings)), hole, shell))
        sequence = sequence[shell[sequence] >= 0]
        shells, index = np.unique(shell[sequence], return_inverse=True)
        parts = np.asarray(shapely.polygons(rings[sequence], indices=index))
        return _merged(parts, owner[shells], len(chosen))

    def _of_polygons(self, chosen: np.ndarray) -> np.ndarray:
        """Objects made of other polygons (type 22): their union."""
        used = [number for i in chosen for number, _, _ in self.polygons.refs[i]]
        ids = np.array(self.polygons.ids)
        plain = np.flatnonzero(np.array(self.polygons.kinds) != 22)
        plain = plain[np.isin(ids[plain], used)]
        known = dict(zip(ids[plain].tolist(), self._areas(plain), strict=True))
        found = np.full(len(chosen), None, object)
        size = {n: int(shapely.get_num_coordinates(shape)) for n, shape in known.items()}
        refs = [list(dict.fromkeys(n for n, _, _ in self.polygons.refs[i])) for i in chosen]
        self._limit(sum(size.get(n, 0) for numbers in refs for n in numbers), self.lines.xy)
        for k, numbers in enumerate(refs):
            parts = [known.get(number) for number in numbers]
            if None in parts or not parts:
                self.polygons.mark("missing", int(chosen[k]))
            else:
                found[k] = shapely.union_all(shapely.make_valid(np.array(parts, object)))
        return found

    def _limit(self, total: int, xy: np.ndarray) -> None:
        if total > max(_SMALL, _EXPANSION * (len(xy) + len(self.polygons.xy))):
            raise SourceError(
                f"面引用的线或面展开后有 {total} 个顶点，远多于文件中的坐标。请核对文件。",
                f"What polygons refer to expands to {total} vertices, far more than the file has "
                "coordinates. Check the file.",
            )

    def _chain(self, objects: Objects, kind: str) -> Chains:
        """Coordinates of direct objects without curves; made once."""
        if kind not in self._chains:
            self._chains[kind] = Chains.of(objects, self.degrees, is_ring=kind == "ring")
        return self._chains[kind]

    def _expanded(
        self, objects: Objects, chosen: np.ndarray, lines: Chains
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates of objects that refer to lines, their ring, and the owner of each ring.

        Objects with a missing line, or with lines that do not meet, get no ring.
        """
        flat = [(k, *ref) for k, i in enumerate(chosen) for ref in objects.refs[i]]
        table = np.array(flat, np.int64).reshape(-1, 4)
        line = lines.find(table[:, 1])
        for k in np.unique(table[line < 0, 0]):
            objects.mark("missing", int(chosen[k]))
        known = ~np.isin(table[:, 0], table[line < 0, 0])
        table, line = table[known], line[known]
        self._limit(int(lines.count[line].sum()), lines.xy)
        _, ring = np.unique(table[:, [0, 3]], axis=0, return_inverse=True)
        ring = ring.reshape(-1)
        owner = np.zeros(int(ring.max(initial=-1)) + 1, int)
        owner[ring] = table[:, 0]
        xy, keep, group, torn = self._joined(lines, line, table[:, 2].astype(bool), ring)
        keep &= ~np.isin(group, torn)
        xy, group = xy[keep], group[keep]
        if len(torn):
            # `ring` rises: objects and their rings come in order.
            spans = zip(*(np.searchsorted(ring, torn, side) for side in _SIDES), strict=True)
            mended = {
                r: self._mended(lines, line[a:b], table[a:b, 2])
                for r, (a, b) in zip(torn, spans, strict=True)
            }
            for r, points in mended.items():
                objects.mark("gap" if points is None else "direction", int(chosen[owner[r]]))
            good = [(r, points) for r, points in mended.items() if points is not None]
            xy = np.concatenate([xy, *(points for _, points in good)])
            group = np.concatenate([group, *(np.full(len(p), r) for r, p in good)])
            order = np.argsort(group, kind="stable")
            xy, group = xy[order], group[order]
        return xy, group, owner

    def _joined(
        self, lines: Chains, line: np.ndarray, back: np.ndarray, ring: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """All lines one after the other; `keep` leaves out points where two of them meet."""
        count = lines.count[line]
        first = np.cumsum(count) - count
        step = np.arange(int(count.sum())) - np.repeat(first, count)
        forward = np.repeat(lines.start[line], count) + step
        backward = np.repeat(lines.start[line] + count - 1, count) - step
        xy = lines.xy[np.where(np.repeat(back, count), backward, forward)]
        keep = np.ones(len(xy), bool)
        joint = np.flatnonzero((ring[1:] == ring[:-1]) & (count[1:] > 0) & (count[:-1] > 0)) + 1
        gap = np.hypot(*(xy[first[joint]] - xy[first[joint] - 1]).T)
        meets = ~(gap > SAME[self.degrees])  # NaN is told elsewhere
        keep[first[joint[meets]]] = False
        return xy, keep, np.repeat(ring, count), np.unique(ring[joint[~meets]])

    def _mended(self, lines: Chains, line: np.ndarray, back: np.ndarray) -> np.ndarray | None:
        """A ring whose signs are wrong, each line turned so that it goes on; None if none fits."""
        parts = [lines.xy[lines.start[k] : lines.start[k] + lines.count[k]] for k in line]
        if not all(len(part) for part in parts):
            return None
        for turned in (bool(back[0]), not back[0]):
            ring = [parts[0][::-1] if turned else parts[0]]
            for part in parts[1:]:
                ends = [np.hypot(*(end - ring[-1][-1])) for end in (part[0], part[-1])]
                if not min(ends) <= SAME[self.degrees]:
                    break
                ring.append(part[1:] if ends[0] <= ends[1] else part[-2::-1])
            else:
                return np.concatenate(ring)
        return None


def _ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """``first[0], first[0] + 1 …`` of each range, `count` of them."""
    begin = np.cumsum(count) - count
    steps: np.ndarray = np.arange(int(count.sum())) - np.repeat(begin - first, count)
    return steps


def _runs(xy: np.ndarray, start: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of all runs, and which run each is of."""
    return xy[_ranges(start, count)], np.repeat(np.arange(len(count)), count)


def _each(maker: Any, xy: np.ndarray, group: np.ndarray, n: int, fewest: int) -> np.ndarray:
    """A geometry of each of `n` groups of points; None where there are too few, or NaN."""
    good = np.bincount(group, minlength=n) >= fewest
    good[group[np.isnan(xy).any(axis=1)]] = False
    found = np.full(n, None, object)
    kept = good[group]
    if kept.any():
        found[good] = maker(xy[kept], indices=(np.cumsum(good) - 1)[group[kept]])
    return found


def _merged(parts: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    """Parts of each of `n` owners as one geometry: single where there is one, None for none."""
    found = np.full(n, None, object)
    there = np.flatnonzero(~shapely.is_missing(parts))
    order = there[np.argsort(owner[there], kind="stable")]
    parts, owner = parts[order], owner[order]
    count = np.bincount(owner, minlength=n)
    single = count[owner] == 1
    found[owner[single]] = parts[single]
    if not single.all():
        is_area = shapely.get_type_id(parts[0]) == 3
        maker = shapely.multipolygons if is_area else shapely.multilinestrings
        several, index = np.unique(owner[~single], return_inverse=True)
        found[several] = maker(parts[~single], indices=index)
    return found


def _nesting(areas: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """For rings of one object: the ring that each belongs to, and whether it is a hole.

    None where more pairs contain one another than a real object can have.
    """
    n = len(areas)
    size = shapely.area(areas)
    inside = shapely.point_on_surface(areas)
    tree = shapely.STRtree(areas)
    step = max(1, 2_000_000 // n)
    pairs, total = [], 0
    for at in range(0, n, step):
        inner, outer = tree.query(inside[at : at + step], predicate="intersects")
        bigger = size[outer] > size[inner + at]
        pairs.append(np.stack([inner[bigger] + at, outer[bigger]]))
        total += len(inner)
        if total > _PAIRS:
            return None
    inner, outer = np.concatenate(pairs, axis=1)
    depth = np.bincount(inner, minlength=n)
    hole = depth % 2 == 1
    belongs = np.arange(n)
    order = np.argsort(-size[outer], kind="stable")  # the smallest ring around comes last
    order = order[hole[inner[order]] & ~hole[outer[order]]]
    belongs[inner[order]] = outer[order]
    return belongs, hole
