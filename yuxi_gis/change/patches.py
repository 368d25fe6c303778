"""Changed pixels as polygons, with the official names of monitoring patches (监测图斑).

A patch is a set of changed pixels of one kind that touch along edges. Blocks are vectorised one
by one; pieces that meet at a block's edge are joined afterwards, so that the result does not
depend on the blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.windows import Window
from rasterio.windows import transform as window_transform
from scipy.ndimage import label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from yuxi_gis.change.kinds import by_code
from yuxi_gis.crs import datum
from yuxi_gis.read.raster import Scene
from yuxi_gis.units import ellipsoidal_area, to_mu

__all__ = [
    "LEAST_PIXELS",
    "PATCH_COLUMNS",
    "SMALL_COLUMNS",
    "Patches",
    "collect_patches",
    "trace",
]

PATCH_COLUMNS = (
    "XZQDM", "JCBH", "TBLX", "QSX", "HSX", "SFYN", "MJ", "MJ_MU",
    "kind", "kind_zh", "seasonal", "strength", "pixels", "geometry",
)  # fmt: skip

_YES, _NO = "1", "2"  # 是否 (C.19)


SMALL_COLUMNS = ("kind", "kind_zh", "seasonal", "reason", "count", "m2")

LEAST_PIXELS = 4
"""Fewest pixels of a patch: what is smaller cannot be told from noise, however large a pixel."""


@dataclass(frozen=True)
class Patches:
    """Result of `collect_patches`.

    Attributes
    ----------
    table : GeoDataFrame
        The patches, with `PATCH_COLUMNS`.
    small : DataFrame
        What is too small for the table, by kind and reason, with `SMALL_COLUMNS`: `count` patches
        of `m2` square metres together. The reason is ``area`` (smaller than the smallest area
        that the kind is mapped at, `Kind.least_m2`) or else ``pixels`` (large enough, but of
        fewer than `LEAST_PIXELS`).
    """

    table: gpd.GeoDataFrame
    small: pd.DataFrame

    @property
    def dropped(self) -> int:
        """Number of patches that are too small for the table."""
        return int(self.small["count"].sum())


def trace(
    kind: NDArray[np.integer], strength: NDArray[np.floating], window: Window, transform: Affine
) -> gpd.GeoDataFrame:
    """Polygons of the changed pixels of one block.

    Parameters
    ----------
    kind : int, (rows, columns)
        Kind codes; 0 where nothing changed or was seen.
    strength : float, (rows, columns)
    window : Window
        Where the block lies in the scene.
    transform : Affine
        Of the whole scene.

    Returns
    -------
    GeoDataFrame
        ``code, pixels, total`` (sum of strength), ``rim`` (whether it reaches the block's rim,
        where the next block may continue it), ``geometry``; no CRS.
    """
    labels, count = np.zeros(kind.shape, dtype=np.int32), 0
    for code in np.unique(kind[kind > 0]):
        found, number = label(kind == code)
        labels = np.where(found > 0, found + count, labels).astype(np.int32)
        count += number
    at_rim = np.zeros(count + 1, dtype=bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        at_rim[side] = True
    here = window_transform(window, transform)
    pieces = list(shapes(labels, mask=labels > 0, transform=here))
    numbers = np.array([int(number) for _, number in pieces], dtype=np.intp)
    flat = labels.ravel()
    codes = np.zeros(count + 1, dtype=np.int64)
    codes[flat] = kind.ravel()
    return gpd.GeoDataFrame(
        {
            "code": codes[numbers],
            "pixels": np.bincount(flat, minlength=count + 1)[numbers],
            "total": np.bincount(flat, strength.ravel(), minlength=count + 1)[numbers],
            "rim": at_rim[numbers],
        },
        geometry=shapely.normalize(_polygons([piece["coordinates"] for piece, _ in pieces])),
    )


def _polygons(pieces: list[list[list[tuple[float, float]]]]) -> NDArray[np.object_]:
    """Polygons of the rings of each piece, the outer one first, made all at once."""
    rings = [ring for piece in pieces for ring in piece]
    if not rings:
        return np.zeros(0, dtype=object)
    vertices = np.array([vertex for ring in rings for vertex in ring])
    ring = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    piece = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    closed = np.asarray(shapely.linearrings(vertices, indices=ring), dtype=object)
    return np.asarray(shapely.polygons(closed, indices=piece), dtype=object)


def collect_patches(
    blocks: Iterable[gpd.GeoDataFrame],
    before: Scene,
    after: Scene,
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    crs: Any = None,
) -> Patches:
    """Join the pieces of all blocks and describe each patch.

    Parameters
    ----------
    blocks : iterable of GeoDataFrame
        From `trace`.
    before, after : Scene
        For the dates.
    layers : mapping of layer id to GeoDataFrame
        `admin` gives XZQDM, `protected_cropland` gives SFYN; without them these are empty.
    crs : anything that pyproj takes, optional
        Of the pieces; by default that of `before`.

    Returns
    -------
    Patches
        Table with `PATCH_COLUMNS` in the CRS of the pieces, from north-west to south-east: the
        patches that reach both the smallest area that their kind is mapped at and `LEAST_PIXELS`.
        The others are counted.
    """
    crs = before.crs.to_wkt() if crs is None else crs
    parts = [block for block in blocks if len(block)]
    if not parts:
        nothing = _nothing(crs)
        return Patches(_table(nothing, before, after, layers), _small(nothing, []))
    pieces = _joined(pd.concat(parts, ignore_index=True)).set_crs(crs)
    pieces["MJ"] = ellipsoidal_area(pieces)
    codes, kind_of = np.unique(pieces["code"], return_inverse=True)
    least = np.array([by_code(code).least_m2 for code in codes])[kind_of]
    few = np.where(pieces["pixels"] < LEAST_PIXELS, "pixels", "")
    # In whole square metres: four pixels of 100 m² are 400 m² whatever the projection's scale.
    reason = np.where(pieces["MJ"].round() < least, "area", few)
    small, kept = pieces[reason != ""], pieces[reason == ""]
    box = kept.bounds
    kept = kept.assign(north=-box["maxy"], west=box["minx"]).sort_values(["north", "west", "code"])
    return Patches(_table(kept, before, after, layers), _small(small, reason[reason != ""]))


def _small(pieces: gpd.GeoDataFrame, reason: Sequence[str] | NDArray[np.str_]) -> pd.DataFrame:
    """Counts and areas by kind and reason: table with `SMALL_COLUMNS`."""
    groups = pd.DataFrame(pieces[["code", "MJ"]]).assign(reason=reason).groupby(["code", "reason"])
    sums = groups["MJ"].agg(["size", "sum"]).reset_index()
    kinds = [by_code(code) for code in sums["code"]]
    return pd.DataFrame(
        {
            "kind": pd.Series([kind.id for kind in kinds], dtype="str"),
            "kind_zh": pd.Series([kind.zh for kind in kinds], dtype="str"),
            "seasonal": np.array([kind.seasonal for kind in kinds], dtype=bool),
            "reason": sums["reason"].astype("str"),
            "count": sums["size"].astype("int64"),
            "m2": sums["sum"].astype("float64").round(2),
        }
    )[list(SMALL_COLUMNS)]


def _nothing(crs: Any) -> gpd.GeoDataFrame:
    numbers = {name: np.zeros(0) for name in ("code", "pixels", "total", "MJ")}
    return gpd.GeoDataFrame(numbers, geometry=[], crs=crs)


def _joined(pieces: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Pieces of one kind that share an edge, made one."""
    rim = pieces[pieces["rim"]]
    shapes, codes = rim.geometry.to_numpy(), rim["code"].to_numpy()
    left, right = rim.sindex.query(rim.geometry, predicate="touches")
    near = (left < right) & (codes[left] == codes[right])
    left, right = left[near], right[near]
    edge = shapely.length(shapely.intersection(shapes[left], shapes[right])) > 0
    left, right = left[edge], right[edge]
    if len(left) == 0:
        return pieces
    n = len(rim)
    links = coo_array((np.ones(len(left)), (left, right)), shape=(n, n))
    count, group = connected_components(links, directed=False)
    alone = np.bincount(group)[group] == 1
    first = np.zeros(count, dtype=np.intp)
    first[group[::-1]] = np.arange(n)[::-1]
    merged = gpd.GeoDataFrame(
        {
            "code": codes[first],
            "pixels": np.bincount(group, rim["pixels"], count).astype(np.int64),
            "total": np.bincount(group, rim["total"], count),
        },
        geometry=_united(shapes, group),
    )[np.bincount(group) > 1]
    # Rings start at corners, then no vertices are left where the seams were; that may change the
    # order of the holes.
    corners = shapely.simplify(merged.normalize().array, 0)
    merged = merged.set_geometry(shapely.normalize(corners))
    whole = pd.concat([pieces[~pieces["rim"]], rim[alone], merged], ignore_index=True)
    return gpd.GeoDataFrame(whole.drop(columns="rim"), geometry="geometry")


def _united(shapes: NDArray[np.object_], group: NDArray[np.integer]) -> NDArray[np.object_]:
    """The union of each group's shapes, groups of one size at a time."""
    size = np.bincount(group)
    order = np.lexsort((group, size[group]))
    out = np.empty(len(size), dtype=object)
    for number in np.unique(size):
        members = order[size[group[order]] == number].reshape(-1, number)
        found = shapes[members[:, 0]] if number == 1 else shapely.union_all(shapes[members], axis=1)
        out[group[members[:, 0]]] = found
    return out


def _table(
    pieces: gpd.GeoDataFrame,
    before: Scene,
    after: Scene,
    layers: Mapping[str, gpd.GeoDataFrame],
) -> gpd.GeoDataFrame:
    kinds = [by_code(code) for code in pieces["code"]]
    n = len(pieces)
    area = pieces["MJ"].to_numpy(dtype=float)
    columns: dict[str, Any] = {
        "XZQDM": _region(pieces, layers.get("admin")),
        "JCBH": [f"{number:06d}" for number in range(1, n + 1)],
        "TBLX": [kind.tblx for kind in kinds],
        "QSX": [before.date or before.name] * n,
        "HSX": [after.date or after.name] * n,
        "SFYN": _protected(pieces, layers.get("protected_cropland")),
        "MJ": area.round(2),
        "MJ_MU": to_mu(area).round(4),
        "kind": [kind.id for kind in kinds],
        "kind_zh": [kind.zh for kind in kinds],
        "seasonal": np.array([kind.seasonal for kind in kinds], dtype=bool),
        "strength": (pieces["total"] / pieces["pixels"]).to_numpy(dtype=float).round(3),
        "pixels": pieces["pixels"].to_numpy(dtype=np.int64),
    }
    texts = ("XZQDM", "JCBH", "TBLX", "QSX", "HSX", "SFYN", "kind", "kind_zh")
    frame = gpd.GeoDataFrame(columns, geometry=pieces.geometry.array, crs=pieces.crs)
    frame[list(texts)] = frame[list(texts)].astype("str")
    return frame[list(PATCH_COLUMNS)]


def _region(pieces: gpd.GeoDataFrame, admin: gpd.GeoDataFrame | None) -> list[str]:
    """XZQDM of the region that holds a point of the patch."""
    codes = np.full(len(pieces), "", dtype=object)
    if admin is not None and "XZQDM" in admin and len(pieces):
        points = pieces.geometry.representative_point()
        at, which = datum.to_crs(admin, pieces.crs).sindex.query(points, predicate="intersects")
        codes[at[::-1]] = admin["XZQDM"].astype("str").to_numpy()[which[::-1]]
    return [str(code) for code in codes]


def _protected(pieces: gpd.GeoDataFrame, layer: gpd.GeoDataFrame | None) -> list[str]:
    """是否涉及永久基本农田: whether the patch shares ground with protected cropland."""
    if layer is None:
        return [""] * len(pieces)
    answers = np.full(len(pieces), _NO, dtype=object)
    if len(pieces):
        ground = datum.to_crs(layer, pieces.crs).geometry
        at, which = ground.sindex.query(pieces.geometry, predicate="intersects")
        hit, which = np.unique(which, return_inverse=True)
        shapes = ground.to_numpy()[hit]
        broken = ~shapely.is_valid(shapes)
        shapes[broken] = shapely.make_valid(shapes[broken])
        shared = shapely.intersection(pieces.geometry.to_numpy()[at], shapes[which])
        answers[at[shapely.area(shared) > 0]] = _YES
    return [str(answer) for answer in answers]
