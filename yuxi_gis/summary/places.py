"""Parcels laid on regions: exact parts where a boundary crosses them."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis.codes import as_text
from yuxi_gis.crs import datum, require_crs
from yuxi_gis.errors import ParameterError
from yuxi_gis.regions import LEVELS, current_code, region_code

__all__ = ["Pieces", "cut", "inside", "locate", "sound", "to_layer", "units_of"]

Shapes = npt.NDArray[np.object_]
Rows = npt.NDArray[np.intp]


class Pieces(NamedTuple):
    """Parts of parcels: the parcel's row, the zone's row (-1 outside every zone), the shape."""

    row: Rows
    zone: Rows
    shape: Shapes


def units_of(admin: gpd.GeoDataFrame, by: str) -> gpd.GeoDataFrame:
    """The regions of one level as polygons.

    Parameters
    ----------
    admin : GeoDataFrame
        Administrative areas with the field ``XZQDM``.
    by : {"village", "town", "county"}

    Returns
    -------
    GeoDataFrame
        ``region`` and geometry, one row a region, sorted by it. Units of the level itself; where
        the layer has none, finer ones put together, else the finest that there are.

    Raises
    ------
    ParameterError
        The layer has no ``XZQDM``, or no code and polygon together.
    CRSError
        The layer has no CRS.
    """
    require_crs(admin)
    shapes = sound(admin.geometry.to_numpy())
    codes = (
        as_text(admin["XZQDM"])
        if "XZQDM" in admin
        else pd.Series(None, index=admin.index, dtype="str")
    )
    finest = region_code(codes.str.strip())
    width = finest.str.len().fillna(0).to_numpy(int) * (shapely.area(shapes) > 0)
    if not width.any():
        raise ParameterError(
            "行政区图层没有可用的行政区代码（XZQDM）和面，不能按位置汇总。"
            "请检查该图层，或改为按代码汇总。",
            "The layer of administrative areas has no code (XZQDM) with a polygon: nothing can be "
            "added up by place. Check that layer, or add up by code.",
        )
    fine = width[width >= LEVELS[by]]
    use = width == (fine.min() if len(fine) else width.max())
    region = current_code(region_code(finest[use], by)).to_numpy()
    units = gpd.GeoDataFrame({"region": region}, geometry=shapes[use], crs=admin.crs)
    return units.dissolve(by="region", as_index=False)[["region", "geometry"]]


def sound(shapes: Shapes) -> Shapes:
    """The polygons, flat, with invalid ones repaired to be measured; empty where there is none."""
    shapes = shapely.force_2d(shapes)
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    shapes[shapely.is_missing(shapes) | ~(shapely.area(shapes) > 0)] = shapely.Polygon()
    return shapes


def cut(shapes: Shapes, zones: Shapes) -> Pieces:
    """The parts of polygons in each zone, and what lies in none.

    Parameters
    ----------
    shapes, zones : ndarray of valid polygons, shapes (n,) and (m,)
        In one CRS.

    Returns
    -------
    Pieces
        Sorted by row, in it by zone. Every row has a piece at least; a polygon within one zone is
        its own piece. Parts without area are left out.
    """
    pairs, whole = _overlay(shapes, zones)
    covered = _gathered(pairs.shape, pairs.row, len(shapes))
    out = np.flatnonzero(~np.isin(np.arange(len(shapes)), pairs.row[whole]))
    rest = shapely.difference(shapes[out], covered[out])
    # Less than a hundred-millionth is the noise of coordinates, not land.
    keep = (shapely.area(rest) > 1e-8 * shapely.area(shapes[out])) | shapely.is_empty(covered[out])
    out, rest = out[keep], rest[keep]
    row = np.concatenate([pairs.row, out])
    zone = np.concatenate([pairs.zone, np.full(len(out), -1)])
    order = np.lexsort([zone, row])
    return Pieces(row[order], zone[order], np.concatenate([pairs.shape, rest])[order])


def inside(shapes: Shapes, zones: Shapes) -> Shapes:
    """The part of each polygon that lies in any of the zones; zones that overlap count once."""
    pairs, whole = _overlay(shapes, zones)
    rows = np.unique(pairs.row[whole])
    other = ~np.isin(pairs.row, rows)
    part = _gathered(pairs.shape[other], pairs.row[other], len(shapes))
    part[rows] = shapes[rows]
    return part


def locate(points: Shapes, zones: Shapes) -> Rows:
    """The first zone that each point lies in, -1 for none."""
    zone = np.full(len(points), -1)
    at, which = shapely.STRtree(zones).query(points, predicate="intersects")
    order = np.argsort(-which, kind="stable")
    zone[at[order]] = which[order]
    return zone


def _gathered(shapes: Shapes, row: Rows, n: int) -> Shapes:
    """The union of the pieces of each row 0 … n-1; empty where there is none."""
    result = np.full(n, shapely.Polygon(), dtype=object)
    order = np.argsort(row, kind="stable")
    rows, count = np.unique(row, return_counts=True)
    if len(rows):
        several = np.repeat(count > 1, count)
        result[row[order][~several]] = shapes[order][~several]
        if several.any():
            pile = np.repeat(np.arange(np.count_nonzero(count > 1)), count[count > 1])
            piles = np.asarray(shapely.geometrycollections(shapes[order][several], indices=pile))
            result[rows[count > 1]] = shapely.union_all(piles[:, None], axis=1)
    return result


def to_layer(zones: gpd.GeoDataFrame, frame: gpd.GeoDataFrame) -> Shapes:
    """Zones in the CRS of a layer."""
    return sound(datum.to_crs(zones.geometry, require_crs(frame)).to_numpy())


def _overlay(shapes: Shapes, zones: Shapes) -> tuple[Pieces, npt.NDArray[np.bool_]]:
    """The common area of each pair, and where a zone covers the whole polygon."""
    tree = shapely.STRtree(shapes)
    # A query prepares its input: cheap for a village that covers thousands of parcels.
    zone, row = tree.query(zones, predicate="intersects")
    covering, covered = tree.query(zones, predicate="covers")
    whole = np.isin(zone * len(shapes) + row, covering * len(shapes) + covered)
    piece = shapes[row]  # a copy
    piece[~whole] = shapely.intersection(shapes[row[~whole]], zones[zone[~whole]])
    area = shapely.area(piece) > 0
    return Pieces(row[area], zone[area], piece[area]), whole[area]
