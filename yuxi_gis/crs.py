"""Coordinate reference systems of Chinese land data.

Yuxi lies wholly in the 3° zone 34 of CGCS2000 (central meridian 102°): EPSG:4543 without, and
EPSG:4522 with the zone number before the easting; EPSG:4490 is the geographic system.
"""

from __future__ import annotations

from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
from pyproj import CRS, Proj, Transformer
from pyproj.exceptions import CRSError as ProjError

from yuxi_gis.errors import CRSError

__all__ = ["crs_name", "epsg", "metric", "parse_crs", "require_crs"]

Frame = TypeVar("Frame", gpd.GeoDataFrame, gpd.GeoSeries)


def parse_crs(value: Any) -> CRS:
    """A CRS from an EPSG number, ``"EPSG:4543"``, WKT, PROJ text or a CRS object.

    Raises
    ------
    CRSError
        The text is no CRS that PROJ knows.
    """
    try:
        return CRS.from_user_input(int(value) if str(value).isdigit() else value)
    except ProjError as error:
        raise CRSError(
            f"坐标系 {value!r} 无法识别。请写成 EPSG:4543（CGCS2000 三度带，中央经线 102°，"
            "无带号）、EPSG:4522（带号 34）或 EPSG:4490（经纬度）这样的形式。",
            f"CRS {value!r} is not known. Write it like EPSG:4543 (CGCS2000, 3° zone, central "
            "meridian 102°, no zone prefix), EPSG:4522 (with prefix 34) or EPSG:4490 (degrees).",
        ) from error


def require_crs(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> CRS:
    """The CRS of `frame`; `CRSError` if there is none."""
    if frame.crs is None:
        raise CRSError(
            "图层没有坐标系，无法计算。请先用 set_crs 指定，例如 EPSG:4543。",
            "The layer has no CRS. Set one first with set_crs, for example EPSG:4543.",
        )
    return frame.crs


def epsg(crs: CRS | None) -> int | None:
    """The EPSG number of `crs`, or None where it has none."""
    return None if crs is None else crs.to_epsg()


def crs_name(crs: CRS | None) -> str:
    """A short name for people: ``EPSG:4543 CGCS2000 / 3-degree Gauss-Kruger CM 102E``."""
    if crs is None:
        return "-"
    number = epsg(crs)
    return f"EPSG:{number} {crs.name}" if number else crs.name


#: Areal distortion above which a projected CRS does not measure: 3° and 6° zones stay below it.
_DISTORTION = 0.005


def metric(frame: Frame) -> Frame:
    """`frame` in a CRS that measures metres: its own, or the UTM zone that fits it.

    A projected CRS measures when areas at the middle of the layer are true to 0.5 %: a zone of
    Gauss-Krüger does, Web Mercator or a far-off zone does not.

    Raises
    ------
    CRSError
        The layer has no CRS.
    """
    crs = require_crs(frame)
    bounds = frame.total_bounds
    if crs.is_projected and crs.axis_info[0].unit_conversion_factor == 1:
        if np.isnan(bounds).any() or _is_true(crs, bounds):
            return frame
    elif np.isnan(bounds).any():  # nothing there to fit a zone to
        return frame.to_crs(4543)
    return frame.to_crs(frame.estimate_utm_crs())


def _is_true(crs: CRS, bounds: np.ndarray) -> bool:
    """Whether areas in the middle of `bounds` are true; taken so where the CRS cannot tell."""
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    middle = to_degrees.transform((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)
    if not np.isfinite(middle).all():
        return True
    scale = Proj(crs).get_factors(*middle).areal_scale
    return bool(abs(scale - 1) <= _DISTORTION) or not np.isfinite(scale)
