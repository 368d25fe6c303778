"""Areas: planar and on the ellipsoid, in m² and in 亩."""

from __future__ import annotations

from typing import TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from yuxi_gis.crs import metric, require_crs

__all__ = ["M2_PER_MU", "ellipsoidal_area", "planar_area", "to_mu"]

#: Square metres in one 亩: 15 亩 are one hectare.
M2_PER_MU = 2000 / 3

_EDGE_M = 50.0

Number = TypeVar("Number", float, npt.NDArray[np.float64])


def to_mu(m2: Number) -> Number:
    """Square metres as 亩 (1 亩 = 2000/3 m²)."""
    return m2 / M2_PER_MU


def planar_area(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> npt.NDArray[np.float64]:
    """Area in the plane of the layer's projected CRS, as NY/T 2539 means 实测面积 (SCMJ).

    Parameters
    ----------
    frame : GeoDataFrame or GeoSeries
        Polygons with a CRS. A geographic CRS is first brought to a metre CRS (`crs.metric`).

    Returns
    -------
    ndarray of float64, shape (n,)
        Square metres; 0 for empty, nan for missing geometry.
    """
    return shapely.area(metric(frame).geometry.array)


def ellipsoidal_area(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> npt.NDArray[np.float64]:
    """Area on the CGCS2000 ellipsoid, as TD/T 1057 means 图斑面积 (TBMJ) 椭球面积.

    Straight edges of the layer's own CRS stay where they are: they are densified to 50 m, then
    projected to a Lambert azimuthal *equal-area* CRS on the CGCS2000 ellipsoid centred on the
    layer, where the planar area is the ellipsoidal one. The national edge-sum formula
    (国土调查办发〔2008〕32号) and `pyproj.Geod` are the oracles of the tests.

    Parameters
    ----------
    frame : GeoDataFrame or GeoSeries
        Polygons with a CRS.

    Returns
    -------
    ndarray of float64, shape (n,)
        Square metres; 0 for empty, nan for missing geometry.

    Raises
    ------
    CRSError
        The layer has no CRS.
    """
    series = frame.geometry
    crs = require_crs(series)
    if series.empty or series.is_empty.all():
        return shapely.area(series.array)
    step = _EDGE_M
    if crs.is_geographic:
        step = _EDGE_M / 111_000
    elif (factor := crs.axis_info[0].unit_conversion_factor) != 1:
        step = _EDGE_M / factor
    dense = gpd.GeoSeries(shapely.segmentize(series.array, step), crs=crs)
    west, south, east, north = dense.to_crs(4490).total_bounds
    local = CRS.from_dict(
        {
            "proj": "laea",
            "lat_0": (south + north) / 2,
            "lon_0": (west + east) / 2,
            "ellps": "GRS80",
            "units": "m",
        }
    )
    return shapely.area(dense.to_crs(local).array)
