"""The geometry of the invented village: one arrangement of faces without gaps or overlaps.

Every line (contours, dividers, roads, stream, zone edges) is noded at once on a 1 mm grid and
polygonised, so that neighbours share every vertex. Layers are unions of these faces.
"""

from __future__ import annotations

from itertools import pairwise, product

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.affinity
from numpy.typing import NDArray
from plan import Plan
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry
from terrain import Terrain

__all__ = [
    "CRS",
    "FARM",
    "GRID",
    "Polygons",
    "components",
    "edges",
    "lay_out",
    "make_homesteads",
]

CRS = "EPSG:4543"
GRID = 0.001
"""Coordinates lie on a grid of 1 mm, the topology tolerance of the surveys."""

FARM = ("0101", "0103", "0201")
MAY_BE_SMALL = ("1107", "1006", "1004", "1104", "08H2", "0601", "1201", "1202", "1101")
Polygons = NDArray[np.object_]


def _dividers(
    ground: Terrain, lines: list[shapely.LineString], rise: list[float], rng: np.random.Generator
) -> list[shapely.LineString]:
    """Field ends: from irregular places on each contour straight up to the next one.

    They start afresh on every terrace, so that fields are staggered like bricks.
    """
    starts, tops = [], []
    for line, top in zip(lines, rise, strict=True):
        gaps = np.clip(rng.lognormal(np.log(90.0), 0.42, 400), 36.0, 210.0)
        where = np.cumsum(gaps) - rng.uniform(0.0, 70.0)
        where = where[(where > 12.0) & (where < line.length - 12.0)]
        starts += list(shapely.get_coordinates(shapely.line_interpolate_point(line, where)))
        tops += [top] * len(where)
    goal = np.array(tops)
    slopes = ground.uphill()
    skew = rng.normal(0.0, 0.22, len(starts))
    path, alive = [np.array(starts)], np.ones(len(starts), dtype=bool)
    ends = np.full(len(starts), 60)
    for i in range(60):  # all ways at once, a metre a step
        here = path[-1]
        east, north = (ground.at(g, here[:, 0], here[:, 1]) for g in slopes)
        step = np.stack([east - skew * north, north + skew * east], axis=1)
        step /= np.hypot(*step.T)[:, None]
        path.append(here + 1.0 * step)
        height = ground.at(ground.z, path[-1][:, 0], path[-1][:, 1])
        arrived = alive & (height > goal)
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
    back = table.rename(columns={"face": "other", "x1": "x2", "y1": "y2", "x2": "x1", "y2": "y1"})
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
    layers: list[tuple[str, BaseGeometry]] = [
        *((code, plan.zones[code]) for code in ("0404", "0307", "0301", "0305")),
        ("1107", plan.ditch), ("0702", plan.settlement), ("1004", plan.lanes),
        *plan.sites.items(), ("1104", plan.ponds), ("1006", plan.roads), ("1101", plan.river),
    ]  # fmt: skip
    for code, area in layers:
        shapely.prepare(area)
        dlbm[shapely.contains_xy(area, x, y)] = code
    return dlbm


def _merge_small(polygons: Polygons, label: NDArray[np.str_]) -> tuple[Polygons, NDArray[np.str_]]:
    """Give slivers to the neighbour with the longest common edge, of the same label if any.

    A label is the class and i or o: inside or outside the village.
    """
    keep_small = np.isin(_without_side(label), MAY_BE_SMALL)
    for _ in range(4):
        area, length = shapely.area(polygons), shapely.length(polygons)
        farm = np.isin(_without_side(label), FARM)
        small = (area < np.where(farm, 130.0, 60.0)) | (farm & (2 * area / length < 3.2))
        small &= ~keep_small
        seams = edges(polygons)
        seams = seams[(seams.other >= 0) & (seams.face != seams.other)]
        shared = seams.groupby(["face", "other"])["length"].sum().reset_index()
        shared = shared[small[shared.face]]
        alike = label[shared.face] == label[shared.other]
        shared["alike"] = np.where(alike, 2, np.where(keep_small[shared.other], 0, 1))
        shared = shared[alike | (area[shared.face] < 130.0)]
        order = shared.sort_values(
            ["face", "alike", "length", "other"], ascending=[True, False, False, True]
        )
        target = order.drop_duplicates("face")
        # A sliver that takes in another must not move itself in the same round.
        target = target[~(small[target.other] & (area[target.other] <= area[target.face]))]
        if target.empty:
            break
        root = np.arange(len(polygons))
        root[target.face] = target.other
        root = root[root]
        polygons, keep = _dissolve(polygons, root)
        label, keep_small = label[keep], keep_small[keep]
    return polygons, label


def _without_side(label: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.array([name[:-1] for name in label])


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


def _terraces(ground: Terrain, rng: np.random.Generator) -> list[shapely.LineString]:
    """Contours at irregular heights and the ends of the fields between them."""
    levels = np.cumsum(np.clip(rng.normal(5.2, 1.0, 400), 3.0, 7.6)) + float(ground.z.min())
    levels = levels[levels < ground.z.max()]
    contours, rise = [], []
    for level, top in pairwise(levels):
        for line in ground.contour(ground.z, level):
            contours.append(shapely.simplify(line, 0.3))
            rise.append(top)
    return contours + _dividers(ground, contours, rise, rng)


def lay_out(ground: Terrain, plan: Plan, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """All faces of the model area: columns dlbm, inside (the village), geometry."""
    farm = shapely.difference(ground.domain, shapely.union_all(plan.areas()))
    shapely.prepare(farm)
    terraces = shapely.intersection(np.array(_terraces(ground, rng), dtype=object), farm)
    fence = shapely.boundary([*plan.areas(), ground.domain])
    limits = shapely.simplify(shapely.boundary(plan.village), 0.4)
    lines = shapely.unary_union([*terraces, *fence, limits], grid_size=GRID)
    faces = np.asarray(shapely.get_parts(shapely.polygonize([lines])))
    faces = faces[shapely.contains_properly(ground.domain.buffer(1.0), faces)]
    point = shapely.point_on_surface(faces)
    inside = shapely.contains_xy(plan.village, shapely.get_x(point), shapely.get_y(point))
    label = np.char.add(_classify(plan, point, ground), np.where(inside, "i", "o"))
    faces, label = _merge_small(faces, label)
    dlbm, inside = _without_side(label), np.char.endswith(label, "i")
    # Land that is not farmed is one patch as far as it goes, within and without the village.
    label[np.isin(dlbm, FARM)] = np.arange(np.isin(dlbm, FARM).sum()).astype(str)
    group = components(faces, label)
    faces, _ = _dissolve(faces, group)
    first = np.unique(group, return_index=True)[1]
    return gpd.GeoDataFrame(
        {"dlbm": dlbm[first], "inside": inside[first]}, geometry=list(faces), crs=CRS
    )


def make_homesteads(plan: Plan, rng: np.random.Generator) -> list[shapely.Polygon]:
    """Yards on both sides of the lanes, turned with them."""
    open_ground = shapely.difference(plan.settlement, plan.lanes)
    shapely.prepare(open_ground)
    yards: list[shapely.Polygon] = []
    for line, side in product(plan.lane_lines, (1.0, -1.0)):
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
                at += front + rng.uniform(0.8, 5.0)
            else:
                at += 4.0
    return yards
