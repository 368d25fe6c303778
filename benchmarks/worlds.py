"""Ground for simulated scenes: maps of land cover, and changes planted on them.

Worlds are squares in metres, made of the terraces of the sample village's generator, or of any
layer of field outlines packed side by side.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "sample_data"))

from parcels import lay_out
from plan import make_plan
from terrain import make_terrain

__all__ = ["CRS", "EVENT_KINDS", "ORIGIN", "SIZES", "World", "packed", "plant", "terraces"]

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]

CRS = "EPSG:32648"
ORIGIN = (410_000.0, 2_600_000.0)
"""North-west corner of every world, near Yuxi."""
SIZES = (100, 200, 400, 700, 1000, 2000, 5000, 10_000)
"""Areas of planted changes, m²."""
EVENT_KINDS: Mapping[str, tuple[str, ...]] = {
    "built": ("new_yard", "new_road", "flat_roof", "blue_roof", "grey_roof", "red_roof"),
    "water": ("pond",),
    "planted": ("orchard", "0307"),
    "abandoned": ("wild", "stripped"),
    "demolished": ("rubble",),
}
"""Kind of planted change, and the covers that it may leave behind."""
FIELDS = ("paddy", "dry", "orchard")

_LANDS = {
    "paddy": 0.40, "dry": 0.37, "built": 0.06, "orchard": 0.04, "0301": 0.05, "0305": 0.03,
    "0404": 0.02, "0702": 0.02, "1104": 0.01,
}  # fmt: skip
_VILLAGE = {"0101": "paddy", "0103": "dry", "0201": "orchard", "08H2": "built", "0601": "built"}
_PATH_M = 2.0  # between packed fields
_APART_M = 60.0  # between planted changes, so that each is found by itself
_WHOLE = 0.3  # of the changes take a whole field, where one of that size is there


@dataclass(frozen=True)
class World:
    """Faces of the ground in a square, its north-west corner at `ORIGIN`.

    Attributes
    ----------
    faces : GeoDataFrame
        ``land``: paddy, dry, orchard, built, or a cover of `simulate.MIXTURES`. What no face
        covers is the ridge between fields.
    side_m : float
    """

    faces: gpd.GeoDataFrame
    side_m: float

    def layers(self) -> dict[str, gpd.GeoDataFrame]:
        """The parcels that a survey would have: fields, and built-up land."""
        land = self.faces["land"]
        return {
            "farmland": self.faces.loc[land.isin(FIELDS), ["geometry"]],
            "homestead": self.faces.loc[land == "built", ["geometry"]],
        }


def _placed(land: NDArray[np.object_], shapes: Shapes, side_m: float) -> World:
    """What lies within the square, moved to its place."""
    inside = shapely.intersects(shapes, shapely.box(0.0, -side_m, side_m, 0.0))
    faces = gpd.GeoDataFrame(
        {"land": land[inside].astype("str")},
        geometry=gpd.GeoSeries(shapes[inside]).translate(*ORIGIN),
        crs=CRS,
    )
    return World(faces, side_m)


@cache
def _village(seed: int) -> gpd.GeoDataFrame:
    """Faces of one village of the sample's generator, its north-west corner at (0, 0)."""
    rng = [np.random.default_rng([seed, stage]) for stage in range(4)]
    ground = make_terrain(rng[1])
    faces = lay_out(ground, make_plan(ground, rng[2]), rng[3])
    west, _, _, north = ground.domain.bounds
    land = faces["dlbm"].replace(_VILLAGE).to_numpy(dtype=object)
    small = (land == "paddy") | (land == "dry")
    # Hamlets are too few to plant demolitions of every size in.
    land[small & (rng[0].random(len(land)) < _LANDS["built"])] = "built"
    return gpd.GeoDataFrame({"land": land}, geometry=faces.geometry.translate(-west, -north).array)


def terraces(side_m: float, seed: int) -> World:
    """A square of narrow terraces, roads, woods and hamlets."""
    tile = _village(seed)
    step = float(tile.total_bounds[2])
    places = range(int(np.ceil(side_m / step)))
    shapes = [
        tile.geometry.translate(step * column, -step * row).to_numpy()
        for row, column in product(places, places)
    ]
    return _placed(np.tile(tile["land"].to_numpy(), len(shapes)), np.concatenate(shapes), side_m)


def _coordinates(shapes: Shapes, turn: Floats, x: Floats, y: Floats) -> Shapes:
    """Each shape turned about the origin by its angle, then moved."""
    xy, which = shapely.get_coordinates(shapes, return_index=True)
    cosine, sine = np.cos(turn)[which], np.sin(turn)[which]
    east = cosine * xy[:, 0] - sine * xy[:, 1] + x[which]
    north = sine * xy[:, 0] + cosine * xy[:, 1] + y[which]
    return np.asarray(shapely.set_coordinates(shapes.copy(), np.stack([east, north], axis=1)))


def packed(fields: gpd.GeoDataFrame, side_m: float, seed: int) -> World:
    """A square of these outlines, drawn at random and laid in rows side by side."""
    rng = np.random.default_rng([seed, 4])
    metric = fields.to_crs(fields.estimate_utm_crs()).geometry.make_valid()
    parts = np.asarray(shapely.get_parts(metric.to_numpy()))
    parts = parts[(shapely.get_dimensions(parts) == 2) & (shapely.area(parts) > 50)]
    # The world is cut from a square half as wide again, turned by any angle.
    wide = 1.5 * side_m
    shapes = parts[rng.integers(len(parts), size=int(wide**2 / shapely.area(parts).mean()))]
    shapes = _level(shapes, np.pi * rng.integers(2, size=len(shapes)))
    box = shapely.bounds(shapes)
    width, height = box[:, 2] - box[:, 0] + _PATH_M, box[:, 3] - box[:, 1] + _PATH_M
    order = np.argsort(height * rng.uniform(1.0, 1.3, len(shapes)))  # like heights, little waste
    shapes, box, width, height = shapes[order], box[order], width[order], height[order]
    row = (np.cumsum(width) // wide).astype(np.intp)
    left = np.cumsum(width) - width - row * wide
    tall = np.zeros(row[-1] + 1)
    np.maximum.at(tall, row, height)
    top = np.zeros_like(tall)
    shuffled = rng.permutation(len(tall))
    top[shuffled] = np.cumsum(tall[shuffled]) - tall[shuffled]
    still, angle = np.zeros(len(shapes)), np.full(len(shapes), rng.uniform(0, np.pi))
    half = wide / 2
    laid = _coordinates(shapes, still, left - box[:, 0] - half, half - top[row] - box[:, 3])
    laid = _coordinates(laid, angle, still + side_m / 2, still - side_m / 2)
    names = np.array(list(_LANDS), dtype=object)
    return _placed(rng.choice(names, len(laid), p=list(_LANDS.values())), laid, side_m)


def _level(shapes: Shapes, more: Floats) -> Shapes:
    """Outlines turned so that the longest side of the smallest box lies level, and by `more`."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shapes)).reshape(-1, 5, 2)
    sides = np.diff(corners, axis=1)[:, :2]
    long = sides[np.arange(len(sides)), np.hypot(sides[..., 0], sides[..., 1]).argmax(axis=1)]
    none = np.zeros(len(shapes))
    return _coordinates(shapes, more - np.arctan2(long[:, 1], long[:, 0]), none, none)


def plant(world: World, each: int, seed: int, sizes: Sequence[int] = SIZES) -> gpd.GeoDataFrame:
    """Changes of every kind and size at random places, as many as find room.

    Parameters
    ----------
    world : World
    each : int
        Changes of each kind and size.
    seed : int
    sizes : sequence of int
        m².

    Returns
    -------
    GeoDataFrame
        ``kind`` (`EVENT_KINDS`), ``size`` (the class), ``m2``, ``whole`` (whether it is a whole
        field), ``cover`` (what lies there now), geometry. Corners have the area of their class to
        0.1 %, whole fields that of the class to a fifth.
    """
    rng = np.random.default_rng([seed, 5])
    wanted = [(k, s) for s in sorted(sizes, reverse=True) for k in EVENT_KINDS for _ in range(each)]
    rows, centres = [], np.zeros((0, 3))
    grounds = {
        name: _Ground(layer.geometry.to_numpy(), world.side_m)
        for name, layer in world.layers().items()
    }
    for kind, size in wanted:
        ground = grounds["homestead" if kind == "demolished" else "farmland"]
        found = ground.place(size, centres, rng)
        if found is None:
            continue
        shape, whole = found
        middle = shapely.minimum_bounding_circle(shape)
        x, y = shapely.get_coordinates(middle.centroid)[0]
        centres = np.vstack([centres, [x, y, shapely.minimum_bounding_radius(shape)]])
        cover = str(rng.choice(EVENT_KINDS[kind]))
        rows.append((kind, size, shape.area, whole, cover, shape))
    columns = ["kind", "size", "m2", "whole", "cover", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=CRS)


class _Ground:
    """Where changes of some kind may be planted: polygons, and an index of them."""

    def __init__(self, shapes: Shapes, side_m: float) -> None:
        west, north = ORIGIN
        edge = shapely.box(west + 30, north - side_m + 30, west + side_m - 30, north - 30)
        self.shapes = shapes[shapely.covered_by(shapes, edge)]
        self.area = shapely.area(self.shapes)
        self.tree = shapely.STRtree(self.shapes)

    def place(
        self, size: float, taken: Floats, rng: np.random.Generator
    ) -> tuple[shapely.Geometry, bool] | None:
        """A shape of about that size far from those taken (x, y, radius), and if it is a field."""
        fits = np.flatnonzero(np.abs(self.area / size - 1) < 0.2)
        whole = len(fits) > 0 and rng.random() < _WHOLE
        # A field large enough is best; where none is, the change takes several.
        room = fits if whole else np.flatnonzero(self.area > 1.3 * size)
        pool = room if len(room) else np.arange(len(self.shapes))
        for index in rng.permutation(pool)[:60]:
            field = self.shapes[index]
            shape = field if whole else self._corner(field, size, len(room) > 0, rng)
            if shape is None:
                continue
            circle = shapely.minimum_bounding_circle(shape)
            x, y = shapely.get_coordinates(circle.centroid)[0]
            away = np.hypot(taken[:, 0] - x, taken[:, 1] - y) - taken[:, 2]
            if (away > shapely.minimum_bounding_radius(shape) + _APART_M).all():
                return shape, bool(whole)
        return None

    def _corner(
        self, field: shapely.Geometry, size: float, within: bool, rng: np.random.Generator
    ) -> shapely.Geometry | None:
        """The part of the ground in a turned rectangle, whose scale gives it the right area."""
        west, south, east, north = shapely.bounds(field)
        at = shapely.Point(rng.uniform(west, east), rng.uniform(south, north))
        ground = field
        if not within:
            near = self.tree.query(at.buffer(1.5 * np.sqrt(size)), predicate="intersects")
            ground = shapely.union_all(self.shapes[near], grid_size=0.01)
        at = shapely.shortest_line(field, at).interpolate(0.0)
        aspect, turn = rng.uniform(1.0, 2.0), rng.uniform(0, np.pi)
        scales = np.sqrt(size) * np.geomspace(0.7, 2.5, 60)
        rough = self._cut(ground, at, scales, aspect, turn)
        over = int(np.searchsorted(shapely.area(rough), size))
        if not 0 < over < len(scales):
            return None
        fine = self._cut(ground, at, np.linspace(*scales[over - 1 : over + 1], 50), aspect, turn)
        shape = fine[np.abs(shapely.area(fine) - size).argmin()]
        single = shape.geom_type == "Polygon" and abs(shape.area / size - 1) < 1e-3
        compact = 4 * np.pi * shape.area > 0.3 * shape.length**2
        return shape if single and compact else None

    @staticmethod
    def _cut(
        ground: shapely.Geometry, at: shapely.Point, scales: Floats, aspect: float, turn: float
    ) -> Shapes:
        """The ground within rectangles of these scales about a point."""
        half, deep = scales * np.sqrt(aspect) / 2, scales / np.sqrt(aspect) / 2
        boxes = shapely.box(-half, -deep, half, deep)
        n = len(scales)
        moved = _coordinates(boxes, np.full(n, turn), np.full(n, at.x), np.full(n, at.y))
        return np.asarray(shapely.intersection(ground, moved))
