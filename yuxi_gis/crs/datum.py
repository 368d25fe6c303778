"""From one datum to another, never by a guess.

PROJ has no published way from Xian 1980 or Beijing 1954 to CGCS2000 in Yunnan: it falls back to a
"ballpark" operation that moves nothing, tens of metres to more than 100 m off, and does not say
so. `to_crs` refuses that unless the user gives the way: seven parameters (`Helmert`), points
known in both systems (`ControlPoints`), or `BALLPARK`.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
from pyproj import CRS, Transformer
from pyproj.crs import ProjectedCRS
from pyproj.exceptions import ProjError
from pyproj.transformer import AreaOfInterest, TransformerGroup

from yuxi_gis.crs import (
    Bounds,
    crs_name,
    datum_name,
    geocentric,
    parse_crs,
    require_crs,
    robust_bounds,
)
from yuxi_gis.crs.control_points import ControlPoints
from yuxi_gis.crs.shifts import BALLPARK, DatumShift, Helmert, Shapes, modern, move
from yuxi_gis.errors import CRSError

__all__ = [
    "BALLPARK",
    "ControlPoints",
    "DatumShift",
    "Helmert",
    "Shifted",
    "accuracy",
    "modern",
    "to_cgcs2000",
    "to_crs",
]

Frame = TypeVar("Frame", gpd.GeoDataFrame, gpd.GeoSeries)

#: Metres between positions of today in CGCS2000 (epoch 2000.0) and WGS 84, at most, for decades.
_EPOCHS = 1.0


def accuracy(source: CRS, target: CRS, bounds: Bounds | None = None) -> float | None:
    """How well PROJ brings `source` to `target`, with what is installed here.

    Parameters
    ----------
    source, target : CRS
    bounds : tuple of float, optional
        Where the data lie, in the coordinates of `source`; by default where `source` is for.

    Returns
    -------
    float or None
        Metres: 0 on one datum; 1 between CGCS2000 and WGS 84, the same by definition and apart
        by the plate's motion since the year 2000; as EPSG has it for other datums; nan where
        there is an operation of unstated accuracy (parameters in the CRS itself). None where
        there is only a ballpark, or only operations for other places or with missing grids.
    """
    if _one_datum(source, target):
        return 0.0
    if geocentric(source) and geocentric(target):
        return _EPOCHS
    operation = _operation(source, target, bounds)
    if operation is None:
        return None
    return operation.accuracy if operation.accuracy >= 0 else math.nan


def _one_datum(a: CRS, b: CRS) -> bool:
    name = datum_name(a)
    return bool(name) and name == datum_name(b) and not (a.is_bound or b.is_bound)


def _operation(source: CRS, target: CRS, bounds: Bounds | None) -> Transformer | None:
    """PROJ's best operation for the place that is no ballpark, able to run without a download.

    CGCS2000 counts as WGS 84 here: PROJ knows nothing between the two, so that a layer on a
    foreign datum would come to CGCS2000 by a ballpark although its way to WGS 84 is known.
    """
    place = _place(source, bounds)
    area = None if place is None else AreaOfInterest(*place)
    with warnings.catch_warnings():  # that a better operation lacks its grid is judged here
        warnings.simplefilter("ignore")
        try:
            group = TransformerGroup(
                _as_wgs84(source), _as_wgs84(target), always_xy=True, area_of_interest=area
            )
        except ProjError:  # no operation of any kind
            return None
    for operation in group.transformers:
        if "Ballpark" not in operation.description and _holds(operation, place):
            return operation
    return None


def _holds(operation: Transformer, place: Bounds | None) -> bool:
    area = operation.area_of_use
    if area is None or place is None:
        return True
    west, south, east, north = area.bounds
    return bool(
        west <= place[0] and south <= place[1] and place[2] <= east and place[3] <= north
    ) or (west > east)  # over the date line: PROJ has looked at it


def _place(crs: CRS, bounds: Bounds | None) -> Bounds | None:
    """The data in degrees; without data a point in the middle of the area `crs` is for."""
    if bounds is None:
        if crs.area_of_use is None:
            return None
        west, south, east, north = crs.area_of_use.bounds
        x, y = (west + east) / 2, (south + north) / 2
        return x, y, x, y
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    box = to_degrees.transform_bounds(*bounds)
    good = np.isfinite(box).all() and abs(box[1]) <= 90 and abs(box[3]) <= 90
    return box if good and -180 <= box[0] <= box[2] <= 180 else None


def _as_wgs84(crs: CRS) -> CRS:
    if datum_name(crs) != "China 2000":
        return crs
    wgs84 = CRS.from_epsg(4326)
    return ProjectedCRS(crs.coordinate_operation, geodetic_crs=wgs84) if crs.is_projected else wgs84


def to_crs(frame: Frame, crs: Any, *, shift: DatumShift | None = None) -> Frame:
    """`frame` in another CRS, like its own ``to_crs``, but never over a datum by a ballpark.

    Parameters
    ----------
    frame : GeoDataFrame or GeoSeries
        With a CRS.
    crs : anything that `parse_crs` takes
    shift : DatumShift, optional
        The way between the datums; used wherever they differ, except between CGCS2000 and WGS 84.

    Raises
    ------
    CRSError
        There is no CRS; or no way of known accuracy between the datums at the data's place.
    ParameterError
        The numbers of `shift` cannot be right for these data.
    """
    source, target = require_crs(frame), parse_crs(crs)
    if (
        source == target
        or _one_datum(source, target)
        or (geocentric(source) and geocentric(target))
    ):
        return frame.to_crs(target)
    shapes = frame.geometry.to_numpy()
    if shift is not None:
        return _with(frame, shift.apply(shapes, source, target), target)
    bounds = robust_bounds(shapes)
    if bounds is None:
        return frame.to_crs(target)
    operation = _operation(source, target, bounds)
    if operation is None:
        raise _no_way(source, target)
    # This operation for all points: PROJ by itself would take a ballpark for some, unsaid.
    return _with(frame, move(shapes, operation.transform), target)


@dataclass(frozen=True)
class Shifted:
    """How a layer came from `source` to `target` (the same CRS where it did not have to move).

    Attributes
    ----------
    source, target : CRS
    zh, en : str
        The way, for the provenance of outputs; empty where nothing moved.
    warnings : tuple of (str, str)
        What to look at again, in Chinese and English.
    """

    source: CRS
    target: CRS
    zh: str = ""
    en: str = ""
    warnings: tuple[tuple[str, str], ...] = ()


def to_cgcs2000(frame: gpd.GeoDataFrame, shift: DatumShift) -> tuple[gpd.GeoDataFrame, Shifted]:
    """A layer on an old datum brought to CGCS2000 in its own projection.

    Parameters
    ----------
    frame : GeoDataFrame
        With a CRS.
    shift : DatumShift

    Returns
    -------
    frame : GeoDataFrame
        In `modern` of its CRS; the same object where PROJ needs no help to come to CGCS2000.
    how : Shifted

    Raises
    ------
    CRSError, ParameterError
    """
    source = require_crs(frame)
    bounds = robust_bounds(frame.geometry.array)
    if accuracy(source, CRS.from_epsg(4490), bounds) is not None:
        return frame, Shifted(source, source)
    target = modern(source)
    if target is None:
        raise _no_way(source, CRS.from_epsg(4490))
    moved = to_crs(frame, target, shift=shift)
    return moved, Shifted(source, target, *shift.describe(), shift.warnings())


def _with(frame: Frame, shapes: Shapes, crs: CRS) -> Frame:
    series = gpd.GeoSeries(shapes, index=frame.index, crs=crs)
    if isinstance(frame, gpd.GeoSeries):
        return series.rename(frame.name)
    return frame.set_geometry(series.rename(frame.active_geometry_name))


def _no_way(source: CRS, target: CRS) -> CRSError:
    here, there = (datum_name(crs) or "?" for crs in (source, target))
    return CRSError(
        f"{crs_name(source)}（基准 {here}）到 {crs_name(target)}（基准 {there}）没有已知精度"
        "的转换：PROJ 在数据所在处只有近似换算，平面位置可差几十米到一百多米。请用官方七参数 "
        "--helmert DX,DY,DZ,RX,RY,RZ,DS 或控制点表 --control-points FILE；能接受这样的误差才用 "
        "--allow-ballpark。",
        f"There is no transformation of known accuracy from {crs_name(source)} (datum {here}) to "
        f"{crs_name(target)} (datum {there}): at the data's place PROJ has only a ballpark, tens "
        "of metres to more than 100 m off. Give official parameters with --helmert "
        "DX,DY,DZ,RX,RY,RZ,DS or control points with --control-points FILE, or accept such an "
        "error with --allow-ballpark.",
    )
