"""The plan of the invented village: stream, roads, settlements, sites and zones of land use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
import shapely.affinity
import shapely.ops
from shapely.geometry.base import BaseGeometry
from terrain import STEP, Grid, Terrain, noise

__all__ = ["Plan", "level_line", "make_plan", "rectangle"]

Point = tuple[float, float]

# Places are metres (along, above) the stream.
HAMLETS = ((-95.0, 1050.0, 170.0, 82.0), (390.0, 700.0, 105.0, 62.0))
"""Settlements: place, half length and half depth."""
SITES = {
    "08H2": (-205.0, 1000.0, 34.0, 25.0),
    "0601": (265.0, 690.0, 40.0, 22.0),
    "1202": (-400.0, 1000.0, 38.0, 24.0),
    "1201": (60.0, 1003.0, 26.0, 17.0),
}
"""Land class of a site: place, length and depth."""
POOLS = ((-250.0, 905.0, 17.0), (160.0, 980.0, 14.0), (480.0, 610.0, 15.0), (-520.0, 760.0, 19.0))
"""Ponds: place and radius."""


@dataclass(frozen=True)
class Plan:
    """What is built and where: the areas that cut the ground before fields are laid out."""

    river: BaseGeometry
    ditch: BaseGeometry
    roads: BaseGeometry
    lanes: BaseGeometry
    lane_lines: list[shapely.LineString]
    settlement: BaseGeometry
    ponds: BaseGeometry
    sites: dict[str, BaseGeometry]
    zones: dict[str, BaseGeometry]
    village: BaseGeometry

    def areas(self) -> list[BaseGeometry]:
        """All that is no farmland."""
        return [
            self.river, self.ditch, self.roads, self.settlement, self.lanes, self.ponds,
            *self.sites.values(), *self.zones.values(),
        ]  # fmt: skip


def _band(line: BaseGeometry, width: float) -> BaseGeometry:
    return shapely.simplify(shapely.buffer(line, width / 2, cap_style="flat"), 0.15)


def _line(ground: Terrain, grid: Grid, at: Point, level: float = 0.0) -> shapely.LineString:
    """The contour of `grid` that passes nearest to `at`."""
    lines = ground.contour(grid, level)
    return min(lines, key=lambda line: line.distance(shapely.Point(at)))


def _place(ground: Terrain, along: float, above: float) -> Point:
    """Coordinates of the node nearest to (`along`, `above`)."""
    far = (ground.along - along) ** 2 + (ground.above - above) ** 2
    row, col = np.unravel_index(np.argmin(far), far.shape)
    return ground.west + STEP * int(col), ground.south + STEP * int(row)


def level_line(ground: Terrain, at: Point, grade: float, along: float) -> shapely.LineString:
    """The line through `at` that follows the slope and climbs by `grade` along the valley."""
    tilted = ground.z - grade * (ground.along - along)
    here = ground.at(tilted, np.array([at[0]]), np.array([at[1]]))[0]
    return shapely.simplify(_line(ground, tilted, at, float(here)), 0.5)


def rectangle(ground: Terrain, at: Point, length: float, depth: float) -> shapely.Polygon:
    """A rectangle whose long side follows the contour."""
    east, north = (ground.at(g, *map(np.atleast_1d, at))[0] for g in ground.uphill())
    angle = np.degrees(np.arctan2(-east, north))
    box = shapely.box(-length / 2, -depth / 2, length / 2, depth / 2)
    turned = shapely.affinity.rotate(box, angle, origin=(0, 0))
    return shapely.affinity.translate(turned, *at)


def _climb(
    ground: Terrain, at: Point, length: float, rng: np.random.Generator
) -> shapely.LineString:
    """A path up the slope from `at`, winding a little."""
    slopes = ground.uphill()
    phase = rng.uniform(0, 6)
    points = [np.array(at)]
    for i in range(int(length / 6)):
        here = np.atleast_2d(points[-1])
        up = np.array([ground.at(g, here[:, 0], here[:, 1])[0] for g in slopes])
        up = up / np.hypot(*up)
        lean = 0.9 * np.sin(i / 7.0 + phase)
        step = np.array([up[0] - lean * up[1], up[1] + lean * up[0]])
        points.append(points[-1] + 6.0 * step / np.hypot(*step))
    return shapely.simplify(shapely.LineString(points), 0.3)


def _cut(
    path: shapely.LineString, first: BaseGeometry | None, last: BaseGeometry
) -> shapely.LineString:
    """The part of a path from the line it starts at to the line it ends at, where it meets them."""
    start, end = 0.0, path.length
    if first is not None and path.intersects(first):
        start = path.project(path.intersection(first).centroid)
    if path.intersects(last):
        end = path.project(shapely.get_parts(path.intersection(last))[0])
    part = shapely.ops.substring(path, start, end)
    assert isinstance(part, shapely.LineString)
    return part


def _roads(ground: Terrain, rng: np.random.Generator) -> BaseGeometry:
    """The village road, two farm roads along the slope and three paths between them."""
    (a, b, _, _), (c, d, _, _) = HAMLETS
    highway = level_line(ground, _place(ground, a, b - 62.0), 0.035, a)
    branch = level_line(ground, _place(ground, c, d - 40.0), -0.03, c)
    upper = level_line(ground, _place(ground, -300.0, 1330.0), 0.02, -300.0)
    paths = [
        _cut(_climb(ground, _place(ground, *start), length, rng), first, last)
        for start, length, first, last in (
            ((205.0, 735.0), 1600.0, branch, highway),
            ((-330.0, 1062.0), 300.0, None, upper),
            ((-480.0, 520.0), 700.0, None, highway),
        )
    ]
    bands = [_band(highway, 6.0), _band(branch, 4.5), _band(upper, 4.0)]
    return shapely.unary_union(bands + [_band(path, 3.5) for path in paths])


def _lanes(
    ground: Terrain, settled: BaseGeometry, rng: np.random.Generator
) -> list[shapely.LineString]:
    """Level lanes through the settlements and one that climbs."""
    lines: list[shapely.LineString] = []
    for a, b, _, depth in HAMLETS:
        for step in np.arange(-depth, depth + 1, 33.0) + 12.0:
            lane = level_line(ground, _place(ground, a, b + step), 0.0, a)
            lines += list(shapely.get_parts(shapely.intersection(lane, settled)))
        climb = _climb(ground, _place(ground, a, b), 150.0, rng)
        lines += list(shapely.get_parts(shapely.intersection(climb, settled)))
    return [line for line in lines if line.length > 25]


def _zones(ground: Terrain, hamlet: Grid, wild: Grid, copse: Grid) -> dict[str, BaseGeometry]:
    """Woods above and across the stream, shrubs in gullies and on the bank, grass, copses."""
    above = ground.above
    gully = np.minimum(
        -ground.spur - 0.80 + 0.10 * wild, np.minimum((1500 - above), above - 40) / 60
    )
    forest = np.maximum.reduce(
        [
            (above - 1370.0 + 60.0 * wild) / 100.0,
            (ground.slope() - 0.47 + 0.03 * wild) * 6.0,
            (-above - 60.0 + 60.0 * wild) / 100.0,
            ground.patch + 0.25 * wild - 1.7,
        ]
    )
    grass = np.minimum(-ground.patch + 0.3 * wild - 1.55, 0.5 - forest)
    bank = np.minimum(170.0 + 25.0 * wild - np.abs(above), 1.0)
    return {
        "0301": ground.zone(forest),
        "0305": ground.zone(np.maximum(gully, bank / 100.0)),
        "0404": ground.zone(grass),
        "0307": ground.zone(np.minimum(copse - 1.3, -4.0 * hamlet)),
    }


def _ponds(ground: Terrain) -> BaseGeometry:
    ovals = []
    for a, b, radius in POOLS:
        disc = shapely.Point(_place(ground, a, b)).buffer(radius)
        oval = shapely.affinity.rotate(shapely.affinity.scale(disc, 1.35, 0.8), 35)
        ovals.append(shapely.simplify(oval, 0.2))
    return shapely.union_all(ovals)


def make_plan(ground: Terrain, rng: np.random.Generator) -> Plan:
    """Stream, roads, settlements and land-use zones."""
    along, above = ground.along, ground.above
    shape = along.shape
    rough = noise(rng, shape, 60 / STEP)
    wild = noise(rng, shape, 110 / STEP) + 0.45 * noise(rng, shape, 32 / STEP)
    fine = noise(rng, shape, 22 / STEP)
    copse = noise(rng, shape, 62 / STEP) + 0.25 * fine
    hamlet = np.maximum.reduce(
        [
            1.0 - np.hypot((along - a) / la, (above - b) / lb) + 0.12 * rough + 0.09 * fine
            for a, b, la, lb in HAMLETS
        ]
    )
    limits = (along + 395.0 + 35 * wild, 500.0 + 40 * rough - along, above - 6.0,
              1640.0 + 30 * wild - above)  # fmt: skip

    river = _band(shapely.simplify(_line(ground, above, _place(ground, 0.0, 0.0)), 0.5), 9.0)
    settled = ground.zone(hamlet)
    roads = _roads(ground, rng)
    canal = level_line(ground, _place(ground, 0.0, 930.0), 0.004, 0.0)
    ditch = shapely.difference(_band(canal, 2.0), roads)
    lane_lines = _lanes(ground, settled, rng)
    lanes = shapely.intersection(_band(shapely.unary_union(lane_lines), 3.2), settled)
    lanes = shapely.difference(lanes, roads)
    ponds = _ponds(ground)
    sites = {
        code: rectangle(ground, _place(ground, a, b), length, depth)
        for code, (a, b, length, depth) in SITES.items()
    }
    whole_sites = shapely.union_all(list(sites.values()))
    paved = shapely.union_all([roads, lanes])
    return Plan(
        river=river,
        ditch=shapely.difference(ditch, shapely.union_all([settled, whole_sites, ponds])),
        roads=shapely.difference(roads, ponds),
        lanes=shapely.difference(lanes, whole_sites),
        lane_lines=lane_lines,
        settlement=shapely.difference(
            settled, shapely.union_all([roads, ditch, whole_sites, ponds])
        ),
        ponds=ponds,
        sites={code: shapely.difference(site, paved) for code, site in sites.items()},
        zones=_zones(ground, hamlet, wild, copse),
        village=ground.zone(np.minimum.reduce(limits)),
    )
