"""Changed pixels as polygons, with the official names of monitoring patches (监测图斑).

A patch is a set of changed pixels of one kind that touch along edges. Blocks are vectorised one
by one; pieces that meet at a block's edge are joined afterwards, so that the result does not
depend on the blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

__all__ = ["PATCH_COLUMNS", "Patches", "collect_patches", "trace"]

PATCH_COLUMNS = (
    "XZQDM", "JCBH", "TBLX", "QSX", "HSX", "SFYN", "MJ", "MJ_MU",
    "kind", "kind_zh", "seasonal", "strength", "pixels", "geometry",
)  # fmt: skip

_YES, _NO = "1", "2"  # 是否 (C.19)


@dataclass(frozen=True)
class Patches:
    """Result of `collect_patches`: the table, and how many patches were too small for it."""

    table: gpd.GeoDataFrame
    dropped: int


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
        ``code, pixels, total`` (sum of strength), ``geometry``; no CRS.
    """
    labels, count = np.zeros(kind.shape, dtype=np.int32), 0
    for code in np.unique(kind[kind > 0]):
        found, number = label(kind == code)
        labels = np.where(found > 0, found + count, labels).astype(np.int32)
        count += number
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
        },
        geometry=shapely.normalize([shapely.geometry.shape(piece) for piece, _ in pieces]),
    )


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
        Table with `PATCH_COLUMNS` in the CRS of the pieces, from north-west to south-east. Patches
        smaller than the minimum of their kind are left out and counted.
    """
    crs = before.crs.to_wkt() if crs is None else crs
    parts = [block for block in blocks if len(block)]
    if not parts:
        return Patches(_table(_nothing(crs), before, after, layers), 0)
    pieces = _joined(pd.concat(parts, ignore_index=True)).set_crs(crs)
    pieces["MJ"] = ellipsoidal_area(pieces)
    enough = pieces["MJ"].to_numpy() >= [by_code(code).least_m2 for code in pieces["code"]]
    kept = pieces[enough]
    box = kept.bounds
    kept = kept.assign(north=-box["maxy"], west=box["minx"]).sort_values(["north", "west", "code"])
    return Patches(_table(kept, before, after, layers), int((~enough).sum()))


def _nothing(crs: Any) -> gpd.GeoDataFrame:
    numbers = {name: np.zeros(0) for name in ("code", "pixels", "total", "MJ")}
    return gpd.GeoDataFrame(numbers, geometry=[], crs=crs)


def _joined(pieces: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Pieces of one kind that share an edge, made one."""
    left, right = pieces.sindex.query(pieces.geometry, predicate="touches")
    codes = pieces["code"].to_numpy()
    near = (left < right) & (codes[left] == codes[right])
    left, right = left[near], right[near]
    shared = shapely.intersection(pieces.geometry.array[left], pieces.geometry.array[right])
    edge = shapely.length(shared) > 0
    left, right = left[edge], right[edge]
    n = len(pieces)
    links = coo_array((np.ones(len(left)), (left, right)), shape=(n, n))
    _, group = connected_components(links, directed=False)
    alone = np.bincount(group)[group] == 1
    if alone.all():
        return pieces
    merged = pieces[~alone].dissolve(
        by=group[~alone], aggfunc={"code": "first", "pixels": "sum", "total": "sum"}
    )
    # Rings start at corners, then no vertices are left where the seams were; that may change the
    # order of the holes.
    corners = shapely.simplify(merged.normalize().array, 0)
    merged = merged.set_geometry(shapely.normalize(corners))
    whole = pd.concat([pieces[alone], merged], ignore_index=True)
    return gpd.GeoDataFrame(whole, geometry="geometry")


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
        shared = shapely.intersection(
            pieces.geometry.array[at], shapely.make_valid(ground.array[which])
        )
        answers[at[shapely.area(shared) > 0]] = _YES
    return [str(answer) for answer in answers]
