"""The geometry of the invented village: one arrangement of faces without gaps or overlaps.

Every line (contours, dividers, roads, stream, zone edges) is noded at once on a 1 mm grid and
polygonised, so that neighbours share every vertex. Layers are unions of these faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.affinity
import shapely.ops
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from terrain import STEP, Terrain, noise

__all__ = [
    "CRS", "FARM", "GRID", "Plan", "components", "edges", "lay_out", "level_line", "make_homesteads",
    "make_plan", "place", "rectangle",
]  # fmt: skip

CRS = "EPSG:4543"
GRID = 0.001
"""Coordinates lie on a grid of 1 mm, the topology tolerance of the surveys."""

FARM = ("0101", "0103", "0201")
Polygons = NDArray[np.object_]


@dataclass(frozen=True)
class Plan:
    """What is built and where: the areas that cut the ground before fields are laid out."""

    river: shapely.Geometry
    ditch: shapely.Geometry
    roads: shapely.Geometry
    lanes: shapely.Geometry
    lane_lines: list[shapely.LineString]
    settlement: shapely.Geometry
    ponds: shapely.Geometry
    sites: dict[str, shapely.Polygon]
    zones: dict[str, shapely.Geometry]
    village: shapely.Geometry


HAMLETS = ((-95.0, 1050.0, 170.0, 82.0), (390.0, 700.0, 105.0, 62.0))
"""Settlements: metres along and above the stream, half length and half depth."""


def _band(line: shapely.Geometry, width: float) -> shapely.Geometry:
    return shapely.simplify(shapely.buffer(line, width / 2, cap_style="flat"), 0.15)


def _line(ground: Terrain, grid: NDArray[np.float64], at: tuple[float, float], level: float = 0.0):
    """The contour of `grid` that passes nearest to `at`."""
    lines = ground.contour(grid, level)
    return min(lines, key=lambda line: line.distance(shapely.Point(at)))


def place(ground: Terrain, along: float, above: float) -> tuple[float, float]:
    """Coordinates of the node nearest to (`along`, `above`)."""
    far = (ground.along - along) ** 2 + (ground.above - above) ** 2
    row, col = np.unravel_index(np.argmin(far), far.shape)
    return ground.west + STEP * col, ground.south + STEP * row


def level_line(
    ground: Terrain, at: tuple[float, float], grade: float, along: float
) -> shapely.LineString:
    """The line through `at` that follows the slope and climbs by `grade` along the valley."""
    tilted = ground.z - grade * (ground.along - along)
    here = ground.at(tilted, np.array([at[0]]), np.array([at[1]]))[0]
    return shapely.simplify(_line(ground, tilted, at, float(here)), 0.5)


def make_plan(ground: Terrain, rng: np.random.Generator) -> Plan:
    """Stream, roads, settlements and land-use zones."""
    along, above = ground.along, ground.above
    shape = along.shape
    rough = noise(rng, shape, 60 / STEP)
    wild = noise(rng, shape, 110 / STEP) + 0.45 * noise(rng, shape, 32 / STEP)
    fine = noise(rng, shape, 22 / STEP)
    copse = noise(rng, shape, 62 / STEP) + 0.25 * fine

    stream = _line(ground, above, place(ground, 0.0, 0.0))
    river = _band(shapely.simplify(stream, 0.5), 9.0)

    blobs = [
        1.0 - np.hypot((along - a) / la, (above - b) / lb) + 0.12 * rough + 0.09 * fine
        for a, b, la, lb in HAMLETS
    ]
    settled = ground.zone(np.maximum.reduce(blobs))
    main, lower = (place(ground, a, b) for a, b, _, _ in HAMLETS)
    below_main = place(ground, HAMLETS[0][0], HAMLETS[0][1] - 62.0)
    below_lower = place(ground, HAMLETS[1][0], HAMLETS[1][1] - 40.0)
    highway = level_line(ground, below_main, 0.035, HAMLETS[0][0])
    branch = level_line(ground, below_lower, -0.03, HAMLETS[1][0])
    track_at = place(ground, -300.0, 1330.0)
    upper = level_line(ground, track_at, 0.02, -300.0)
    climbs = [
        _climb(ground, place(ground, 205.0, 735.0), 1600.0, rng),
        _climb(ground, place(ground, -330.0, 1062.0), 300.0, rng),
        _climb(ground, place(ground, -480.0, 520.0), 700.0, rng),
    ]
    climbs[0] = _cut(climbs[0], branch, highway)
    climbs[1] = _cut(climbs[1], None, upper)
    climbs[2] = _cut(climbs[2], None, highway)
    roads = shapely.unary_union(
        [_band(highway, 6.0), _band(branch, 4.5), _band(upper, 4.0)] + [_band(c, 3.5) for c in climbs]
    )
    ditch_at = place(ground, 0.0, 930.0)
    ditch = shapely.difference(_band(level_line(ground, ditch_at, 0.004, 0.0), 2.0), roads)

    lane_lines = []
    for (a, b, _, lb), where in zip(HAMLETS, (main, lower), strict=True):
        for step in np.arange(-lb, lb + 1, 33.0) + 12.0:
            at = place(ground, a, b + step)
            lane = level_line(ground, at, 0.0, a)
            lane_lines += list(shapely.get_parts(shapely.intersection(lane, settled)))
        lane_lines.append(shapely.intersection(_climb(ground, where, 150.0, rng), settled))
    lane_lines = [line for line in lane_lines if line.length > 25]
    lanes = shapely.difference(
        shapely.intersection(_band(shapely.unary_union(lane_lines), 3.2), settled), roads
    )

    gully = np.minimum(-ground.spur - 0.80 + 0.10 * wild, np.minimum((1500 - above), above - 40) / 60)
    forest = np.maximum.reduce(
        [
            (above - 1370.0 + 60.0 * wild) / 100.0,
            (ground.slope() - 0.47 + 0.03 * wild) * 6.0,
            (-above - 60.0 + 60.0 * wild) / 100.0,
            ground.patch + 0.25 * wild - 1.7,
        ]
    )
    grass = np.minimum(-ground.patch + 0.3 * wild - 1.55, 0.5 - forest)
    settled_far = -np.maximum.reduce(blobs) * 4.0 - 1.0
    bank = np.minimum(170.0 + 25.0 * wild - np.abs(above), 1.0 + 0 * above)
    zones = {
        "0301": ground.zone(forest),
        "0305": ground.zone(np.maximum(gully, bank / 100.0)),
        "0404": ground.zone(grass),
        "0307": ground.zone(np.minimum(copse - 1.3, 1.0 + settled_far)),
    }
    sites = {
        "08H2": rectangle(ground, place(ground, -205.0, 1000.0), 34.0, 25.0),
        "0601": rectangle(ground, place(ground, 265.0, 690.0), 40.0, 22.0),
        "1202": rectangle(ground, place(ground, -400.0, 1000.0), 38.0, 24.0),
        "1201": rectangle(ground, place(ground, 60.0, 1003.0), 26.0, 17.0),
    }
    pools = [(-250.0, 905.0, 17.0), (160.0, 980.0, 14.0), (480.0, 610.0, 15.0), (-520.0, 760.0, 19.0)]
    ponds = shapely.union_all(
        [
            shapely.simplify(
                shapely.affinity.rotate(
                    shapely.affinity.scale(shapely.Point(place(ground, a, b)).buffer(r), 1.35, 0.8), 35
                ),
                0.2,
            )
            for a, b, r in pools
        ]
    )
    edge = np.minimum.reduce(
        [along + 395.0 + 35 * wild, 500.0 + 40 * rough - along, above - 6.0, 1640.0 + 30 * wild - above]
    )
    built = shapely.union_all([settled, *sites.values(), ponds])
    settlement = shapely.difference(settled, shapely.union_all([roads, ditch, *sites.values(), ponds]))
    return Plan(
        river=river, ditch=shapely.difference(ditch, built), roads=shapely.difference(roads, ponds),
        lanes=shapely.difference(lanes, shapely.union_all(list(sites.values()))),
        lane_lines=lane_lines, settlement=settlement, ponds=ponds,
        sites={k: shapely.difference(s, shapely.union_all([roads, lanes])) for k, s in sites.items()},
        zones=zones, village=ground.zone(edge),
    )  # fmt: skip


def rectangle(ground: Terrain, at: tuple[float, float], length: float, depth: float):
    """A rectangle whose long side follows the contour."""
    east, north = (ground.at(g, *map(np.atleast_1d, at))[0] for g in ground.uphill())
    angle = np.degrees(np.arctan2(-east, north))
    box = shapely.box(-length / 2, -depth / 2, length / 2, depth / 2)
    turned = shapely.affinity.rotate(box, angle, origin=(0, 0))
    return shapely.affinity.translate(turned, *at)


def _climb(ground: Terrain, at: tuple[float, float], length: float, rng: np.random.Generator):
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


def _cut(path: shapely.LineString, first: shapely.Geometry | None, last: shapely.Geometry | None):
    """The part of a path between the lines it starts and ends at."""
    start = 0.0 if first is None else path.project(path.intersection(first).centroid)
    if first is not None and not path.intersects(first):
        start = 0.0
    end = path.length
    if last is not None and path.intersects(last):
        end = path.project(shapely.get_parts(path.intersection(last))[0])
    return shapely.ops.substring(path, start, end)


def _dividers(
    ground: Terrain, lines: list[shapely.LineString], rise: list[float], rng: np.random.Generator
) -> list[shapely.LineString]:
    """Field ends: from irregular places on each contour straight up to the next one.

    They start afresh on every terrace, so that fields are staggered like bricks.
    """
    starts, tops = [], []
    for line, top in zip(lines, rise, strict=True):
        gaps = np.clip(rng.lognormal(np.log(84.0), 0.42, 400), 34.0, 200.0)
        where = np.cumsum(gaps) - rng.uniform(0.0, 70.0)
        where = where[(where > 12.0) & (where < line.length - 12.0)]
        starts += list(shapely.get_coordinates(shapely.line_interpolate_point(line, where)))
        tops += [top] * len(where)
    place, top = np.array(starts), np.array(tops)
    slopes = ground.uphill()
    skew = rng.normal(0.0, 0.22, len(place))
    path, alive = [place], np.ones(len(place), dtype=bool)
    ends = np.full(len(place), 60)
    for i in range(60):
        here = path[-1]
        east, north = (ground.at(g, here[:, 0], here[:, 1]) for g in slopes)
        step = np.stack([east - skew * north, north + skew * east], axis=1)
        step /= np.hypot(*step.T)[:, None]
        path.append(here + 1.0 * step)
        height = ground.at(ground.z, path[-1][:, 0], path[-1][:, 1])
        arrived = alive & (height > top)
        ends[arrived] = i + 1
        alive &= ~arrived
    track = np.stack(path, axis=1)
    dividers = []
    for way, end in zip(track, ends, strict=True):
        if end >= 60:
            continue
        first, last = way[0] - (way[1] - way[0]) * 0.7, way[end] + (way[end] - way[end - 1]) * 0.7
        middle = way[end // 2] if end > 8 else None
        points = [first, last] if middle is None else [first, middle, last]
        dividers.append(shapely.LineString(points))
    return dividers


def edges(polygons: Polygons) -> pd.DataFrame:
    """Shared edges of a coverage: columns face, other (-1 outside), dx, dy, length.

    (dx, dy) runs along the ring of `face`, which is counter-clockwise outside.
    """
    rings, owner = shapely.get_rings(shapely.orient_polygons(polygons), return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    keys = np.round(points / GRID).astype(np.int64)
    table = pd.DataFrame(
        {
            "face": owner[ring[:-1]][same],
            "x1": keys[:-1, 0][same], "y1": keys[:-1, 1][same],
            "x2": keys[1:, 0][same], "y2": keys[1:, 1][same],
        }
    )  # fmt: skip
    back = table.rename(
        columns={"face": "other", "x1": "x2", "y1": "y2", "x2": "x1", "y2": "y1"}
    )
    both = table.merge(back, how="left", on=["x1", "y1", "x2", "y2"])
    both["other"] = both["other"].fillna(-1).astype(int)
    both["dx"] = (both.x2 - both.x1) * GRID
    both["dy"] = (both.y2 - both.y1) * GRID
    both["length"] = np.hypot(both.dx, both.dy)
    return both[["face", "other", "dx", "dy", "length"]]


def _classify(plan: Plan, points: Polygons, ground: Terrain) -> NDArray[np.str_]:
    """Land class of each face from the plan; what is left is farmland."""
    x, y = shapely.get_x(points), shapely.get_y(points)
    above, spur, patch = (ground.at(g, x, y) for g in (ground.above, ground.spur, ground.patch))
    paddy = (above < 960.0 + 120.0 * patch) & (above > 130.0)
    orchard = (np.abs(above - 480 - 80 * spur) < 130) & (patch > 0.95)
    orchard |= (above > 1240) & (patch < -0.9) & (spur > -0.4)
    dlbm = np.where(orchard, "0201", np.where(paddy, "0101", "0103")).astype("U5")
    layers: list[tuple[str, shapely.Geometry]] = [
        ("0404", plan.zones["0404"]), ("0307", plan.zones["0307"]), ("0301", plan.zones["0301"]), ("0305", plan.zones["0305"]),
        ("1107", plan.ditch), ("0702", plan.settlement), ("1004", plan.lanes),
        *plan.sites.items(), ("1104", plan.ponds), ("1006", plan.roads), ("1101", plan.river),
    ]  # fmt: skip
    for code, area in layers:
        shapely.prepare(area)
        dlbm[shapely.contains_xy(area, x, y)] = code
    return dlbm


def _merge_small(polygons: Polygons, dlbm: NDArray[np.str_]) -> tuple[Polygons, NDArray[np.str_]]:
    """Give slivers to the neighbour with the longest common edge, of the same class if any."""
    keep_small = np.isin(dlbm, ["1107", "1006", "1004", "1104", "08H2", "0601", "1201", "1202", "1101"])
    for _ in range(4):
        area, length = shapely.area(polygons), shapely.length(polygons)
        farm = np.isin(dlbm, FARM)
        small = (area < np.where(farm, 130.0, 60.0)) | (farm & (2 * area / length < 3.2))
        small &= ~keep_small
        shared = edges(polygons)
        shared = shared[(shared.other >= 0) & (shared.face != shared.other)]
        shared = shared.groupby(["face", "other"], as_index=False)["length"].sum()
        shared = shared[small[shared.face]]
        alike = dlbm[shared.face] == dlbm[shared.other]
        shared["alike"] = np.where(alike, 2, np.where(keep_small[shared.other], 0, 1))
        shared = shared[alike | (area[shared.face] < 130.0)]
        order = shared.sort_values(["face", "alike", "length", "other"], ascending=[1, 0, 0, 1])
        target = order.drop_duplicates("face")
        # A sliver that takes in another must not move itself in the same round.
        target = target[~(small[target.other] & (area[target.other] <= area[target.face]))]
        if target.empty:
            break
        root = np.arange(len(polygons))
        root[target.face] = target.other
        root = root[root]
        polygons, keep = _dissolve(polygons, root)
        dlbm, keep_small = dlbm[keep], keep_small[keep]
    return polygons, dlbm


def _dissolve(polygons: Polygons, label: NDArray[np.int_]) -> tuple[Polygons, NDArray[np.int_]]:
    """Union of the faces with the same label, keeping all vertices; and the labels in order."""
    order = np.argsort(label, kind="stable")
    names, first = np.unique(label[order], return_index=True)
    merged = []
    for group in np.split(polygons[order], first[1:]):
        merged.append(group[0] if len(group) == 1 else shapely.coverage_union_all(group))
    parts = [shapely.get_parts(m) for m in merged]
    assert all(len(p) == 1 for p in parts)
    return np.array([p[0] for p in parts], dtype=object), names


def components(polygons: Polygons, label: NDArray[np.str_]) -> NDArray[np.int_]:
    """Connected groups of faces of the same label (neighbours by an edge)."""
    shared = edges(polygons)
    shared = shared[(shared.other >= 0) & (label[shared.face] == label[shared.other])]
    n = len(polygons)
    links = coo_matrix((np.ones(len(shared)), (shared.face, shared.other)), shape=(n, n))
    return connected_components(links, directed=False)[1]


def lay_out(ground: Terrain, plan: Plan, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """All faces of the model area: columns dlbm, inside (the village), geometry."""
    taken = shapely.union_all(
        [plan.river, plan.ditch, plan.roads, plan.settlement, plan.lanes, plan.ponds,
         *plan.sites.values(), *plan.zones.values()]
    )  # fmt: skip
    farm = shapely.difference(ground.domain, taken)
    levels = np.cumsum(np.clip(rng.normal(4.8, 0.9, 400), 2.8, 7.0)) + float(ground.z.min())
    levels = levels[levels < ground.z.max()]
    contours, rise = [], []
    for level, top in zip(levels[:-1], levels[1:], strict=True):
        for line in ground.contour(ground.z, level):
            contours.append(shapely.simplify(line, 0.3))
            rise.append(top)
    dividers = _dividers(ground, contours, rise, rng)
    shapely.prepare(farm)
    fence = [shapely.boundary(g) for g in (
        plan.river, plan.ditch, plan.roads, plan.settlement, plan.lanes, plan.ponds,
        *plan.sites.values(), *plan.zones.values(), ground.domain)]  # fmt: skip
    limits = shapely.difference(shapely.boundary(plan.village), farm)
    inner = shapely.intersection(np.array(contours + dividers, dtype=object), farm)
    lines = shapely.unary_union([*inner, *fence, limits], grid_size=GRID)
    faces = np.asarray(shapely.get_parts(shapely.polygonize([lines])))
    faces = faces[shapely.contains_properly(ground.domain.buffer(1.0), faces)]
    dlbm = _classify(plan, shapely.point_on_surface(faces), ground)
    faces, dlbm = _merge_small(faces, dlbm)
    point = shapely.point_on_surface(faces)
    inside = shapely.contains_xy(plan.village, shapely.get_x(point), shapely.get_y(point))
    # Land that is not farmed is one patch as far as it goes, within and without the village.
    label = np.char.add(dlbm, np.where(inside, "i", "o"))
    single = np.isin(dlbm, FARM)
    label[single] = np.arange(single.sum()).astype(str)
    group = components(faces, label)
    faces, names = _dissolve(faces, group)
    first = np.array([np.flatnonzero(group == g)[0] for g in names])
    return gpd.GeoDataFrame(
        {"dlbm": dlbm[first], "inside": inside[first]}, geometry=list(faces), crs=CRS
    )


def make_homesteads(plan: Plan, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Yards on both sides of the lanes, turned with them; column lane."""
    open_ground = shapely.difference(plan.settlement, plan.lanes)
    shapely.prepare(open_ground)
    yards: list[shapely.Polygon] = []
    lanes: list[int] = []
    for number, line in enumerate(plan.lane_lines):
        for side in (1.0, -1.0):
            at = rng.uniform(2.0, 8.0)
            while at < line.length - 4.0:
                front, depth = rng.uniform(9.0, 15.5), rng.uniform(8.5, 14.5)
                a, b = (shapely.get_coordinates(line.interpolate(at + d))[0] for d in (0.0, front))
                tangent = (b - a) / max(np.hypot(*(b - a)), 1e-9)
                normal = side * np.array([-tangent[1], tangent[0]])
                centre = (a + b) / 2 + normal * (1.6 + rng.uniform(0.8, 3.0) + depth / 2)
                angle = np.degrees(np.arctan2(tangent[1], tangent[0])) + rng.normal(0.0, 4.0)
                box = shapely.box(-front / 2, -depth / 2, front / 2, depth / 2)
                yard = shapely.affinity.translate(shapely.affinity.rotate(box, angle), *centre)
                yard = shapely.set_precision(yard, GRID)
                free = open_ground.contains(yard) and all(yard.distance(y) > 0.4 for y in yards)
                if free and 80.0 <= yard.area <= 220.0:
                    yards.append(yard)
                    lanes.append(number)
                    at += front + rng.uniform(0.8, 5.0)
                else:
                    at += 4.0
    return gpd.GeoDataFrame({"lane": lanes}, geometry=yards, crs=CRS)
