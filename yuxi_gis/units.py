"""Areas: planar and on the ellipsoid, in m² and in 亩."""

from __future__ import annotations

from typing import TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer

from yuxi_gis.crs import metric, require_crs
from yuxi_gis.errors import CRSError

__all__ = ["M2_PER_MU", "ellipsoidal_area", "planar_area", "to_mu"]

#: Square metres in one 亩: 15 亩 are one hectare.
M2_PER_MU = 2000 / 3

_EDGE_M = 50.0
_LONGEST = 2e6

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
        Square metres; 0 for empty, nan for missing geometry and where a coordinate lies outside
        what the CRS can express.

    Raises
    ------
    CRSError
        The layer has no CRS, or lies outside it.
    """
    series = frame.geometry
    crs = require_crs(series)
    step = _EDGE_M
    if crs.is_geographic:
        step = _EDGE_M / 111_000
    elif (factor := crs.axis_info[0].unit_conversion_factor) != 1:
        step = _EDGE_M / factor
    shapes = np.array(series.array, dtype=object)
    west, south, east, north = shapely.bounds(shapes).T
    # What is larger than the earth would be cut into edges without end.
    wild = ~(np.maximum(east - west, north - south) < step * _LONGEST) & ~np.isnan(west)
    shapes[wild] = None
    middle = _middle(shapes, crs)
    if middle is None:
        return shapely.area(shapes)
    lon, lat = middle
    local = CRS.from_dict(
        {"proj": "laea", "lat_0": lat, "lon_0": lon, "ellps": "GRS80", "units": "m"}
    )
    dense = gpd.GeoSeries(shapely.segmentize(shapes, step), crs=crs)
    area = shapely.area(dense.to_crs(local).array)
    return np.where(np.isfinite(area), area, np.nan)


def _middle(shapes: npt.NDArray[np.object_], crs: CRS) -> tuple[float, float] | None:
    """Longitude and latitude of where most of the layer lies; None where it has no coordinates."""
    boxes = shapely.bounds(shapes)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        return None
    x, y = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
    lon, lat = Transformer.from_crs(crs, 4490, always_xy=True).transform(x, y)
    if not (np.isfinite([lon, lat]).all() and abs(lat) <= 90 and abs(lon) <= 360):
        raise CRSError(
            "图层的坐标超出坐标系的范围，无法计算椭球面积。请核对坐标系是否标错。",
            "The layer's coordinates lie outside its CRS: there is no area on the ellipsoid. Check "
            "whether the CRS is the right one.",
        )
    return lon, lat
