"""Areas: planar and on the ellipsoid, in m² and in 亩."""

from __future__ import annotations

import warnings
from typing import TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Proj, Transformer

from yuxi_gis.crs import metric, require_crs
from yuxi_gis.errors import CRSError

__all__ = ["M2_PER_MU", "ellipsoidal_area", "planar_area", "to_mu"]

#: Square metres in one 亩: 15 亩 are one hectare.
M2_PER_MU = 2000 / 3

_EDGE_M = 50.0
_LONGEST = 2e6
# Extent up to which the scale of the projection at the centroid stands for the whole polygon: what
# is left out is (extent / radius of the earth)²/12 of the area, 0.0001 m² of a square of this side.
_SMALL_M = 500.0
# Shapes whose coordinates are unpacked at a time: what bounds the memory.
_BLOCK = 100_000

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

    Straight edges of the layer's own CRS stay where they are: those longer than 50 m are densified,
    then all are projected to a Lambert azimuthal *equal-area* CRS on the CGCS2000 ellipsoid centred
    on the layer, where the planar area is the ellipsoidal one. The national edge-sum formula
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
    there = Transformer.from_crs(crs, local, always_xy=True)
    area = np.full(len(shapes), np.nan)
    small = np.maximum(east - west, north - south) <= _SMALL_M
    if small.any() and _has_scale(crs):
        area[small] = _scaled_area(shapes[small], crs)
    rest = np.flatnonzero(np.isnan(area))
    for k in range(0, len(rest), _BLOCK):
        some = rest[k : k + _BLOCK]
        area[some] = _moved_area(shapes[some], step, there)
    return np.where(np.isfinite(area), area, np.nan)


def _has_scale(crs: CRS) -> bool:
    """Whether the projection is Gauss–Krüger or UTM in metres, on the ellipsoid of CGCS2000 or one
    that equals it. (Of other projections PROJ may tell the scale on a sphere.)"""
    operation, ellipsoid = crs.coordinate_operation, crs.ellipsoid
    return (
        crs.type_name == "Projected CRS"
        and operation is not None
        and operation.method_name == "Transverse Mercator"
        and all(axis.unit_conversion_factor == 1 for axis in crs.axis_info[:2])
        and ellipsoid is not None
        and abs(ellipsoid.semi_major_metre - 6_378_137) < 0.01
        and abs(ellipsoid.inverse_flattening - 298.257222101) < 1e-4
    )


def _scaled_area(shapes: npt.NDArray[np.object_], crs: CRS) -> npt.NDArray[np.float64]:
    """Areas by the areal scale of the projection at each centroid: as a parcel is to the earth, so
    is the error to the area; a linear change of the scale cancels at the centroid. Nan outside the
    projection, and where a polygon has no area."""
    x, y = shapely.get_x(centre := shapely.centroid(shapes)), shapely.get_y(centre)
    assert crs.geodetic_crs is not None
    lon, lat = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(x, y)
    with warnings.catch_warnings():
        # Degrees are what pyproj calls a loss of what the CRS says; only its formula is asked.
        warnings.simplefilter("ignore", UserWarning)
        scale = np.asarray(Proj(crs).get_factors(lon, lat).areal_scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        area = shapely.area(shapes) / scale
    return np.where(np.isfinite(area) & (scale > 0), area, np.nan)


def _moved_area(
    shapes: npt.NDArray[np.object_], step: float, there: Transformer
) -> npt.NDArray[np.float64]:
    """The areas of shapes brought `there`, no edge of which is longer than `step`."""
    # A polygon without holes is as good as its only ring: it need not be built anew.
    ring = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    ring &= shapely.get_num_interior_rings(shapes) == 0
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    long = np.hypot(*np.diff(xy, axis=0).T) > step
    ring[owner[1:][long & (owner[1:] == owner[:-1])]] = False
    moved = shapely.transform(
        shapely.segmentize(shapes[~ring], step), lambda xy: np.column_stack(there.transform(*xy.T))
    )
    area = np.full(len(shapes), np.nan)
    area[~ring] = shapely.area(moved)
    area[ring] = _ring_area(np.where(ring, shapes, np.array(None)), there)[ring]
    return area


def _ring_area(rings: npt.NDArray[np.object_], there: Transformer) -> npt.NDArray[np.float64]:
    """The areas of polygons without holes brought `there`; 0 where missing."""
    xy, owner = shapely.get_coordinates(rings, return_index=True)
    x, y = there.transform(xy[:, 0], xy[:, 1])
    size = np.bincount(owner, minlength=len(rings))
    first = np.repeat(np.cumsum(size) - size, size)
    with np.errstate(invalid="ignore"):  # what lies outside the CRS is infinite
        x, y = x - x[first], y - y[first]  # small numbers lose no digits
        twice = x[:-1] * y[1:] - x[1:] * y[:-1]
    twice[owner[1:] != owner[:-1]] = 0
    return np.abs(np.bincount(owner[1:], weights=twice, minlength=len(rings))) / 2


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
