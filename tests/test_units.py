"""Areas against pyproj.Geod and the national edge-sum formula."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from yuxi_gis.errors import CRSError
from yuxi_gis.units import M2_PER_MU, ellipsoidal_area, planar_area, to_mu

A, F = 6378137.0, 1 / 298.257222101
GEOD = Geod(a=A, rf=298.257222101)


def national_formula(polygon: shapely.Polygon) -> float:
    """国土调查办发〔2008〕32号: the ellipsoidal area of a ring in degrees, edge by edge."""
    e2 = F * (2 - F)
    b = A * (1 - F)
    a_ = 1 + 3 / 6 * e2 + 30 / 80 * e2**2 + 35 / 112 * e2**3 + 630 / 2304 * e2**4
    b_ = 1 / 6 * e2 + 15 / 80 * e2**2 + 21 / 112 * e2**3 + 420 / 2304 * e2**4
    c_ = 3 / 80 * e2**2 + 7 / 112 * e2**3 + 180 / 2304 * e2**4
    d_ = 1 / 112 * e2**3 + 45 / 2304 * e2**4
    e_ = 5 / 2304 * e2**4
    lon, lat = np.radians(np.asarray(polygon.exterior.coords)).T
    lon = lon - lon.min()
    dl = (lon[:-1] + lon[1:]) / 2
    db, bm = np.diff(lat), (lat[:-1] + lat[1:]) / 2
    terms = sum(
        sign * k * np.sin(n * db / 2) * np.cos(n * bm)
        for sign, k, n in ((1, a_, 1), (-1, b_, 3), (1, c_, 5), (-1, d_, 7), (1, e_, 9))
    )
    return abs(float(np.sum(2 * b**2 * dl * terms)))


def test_mu() -> None:
    assert pytest.approx(666.6666667) == M2_PER_MU
    assert to_mu(10_000.0) == pytest.approx(15)
    assert to_mu(1.0) == pytest.approx(0.0015)


@settings(deadline=None)
@given(
    east=st.floats(425_000, 618_000),
    north=st.floats(2_580_000, 2_760_000),
    size=st.floats(5, 1_000),
)
def test_ellipsoidal_area_equals_geod_and_national_formula(
    east: float, north: float, size: float
) -> None:
    """To 0.001 m² for parcels up to 1 km, anywhere in Yuxi, in the planar and prefixed CRS."""
    box = shapely.box(east, north, east + size, north + size * 0.7)
    series = gpd.GeoSeries([box], crs=4543)
    degrees = series.segmentize(25).to_crs(4490).iloc[0]
    expected = abs(GEOD.geometry_area_perimeter(degrees)[0])
    assert ellipsoidal_area(series)[0] == pytest.approx(expected, abs=1e-3)
    assert national_formula(degrees) == pytest.approx(expected, abs=1e-3)
    prefixed = series.translate(34_000_000).set_crs(4522, allow_override=True)
    assert ellipsoidal_area(prefixed)[0] == pytest.approx(expected, abs=1e-3)


@settings(deadline=None)
@given(
    east=st.floats(425_000, 618_000),
    size=st.floats(5, 500),
    turn=st.floats(0, 360),
    crs=st.sampled_from([4543, 32648, 3857]),
)
def test_area_by_the_scale_of_the_projection_is_the_one_of_its_points(
    east: float, size: float, turn: float, crs: int
) -> None:
    """Small parcels take the short way; the long one is that of the same parcel in a collection
    with a far corner, which makes it large."""
    wedge = shapely.Polygon([(0, 0), (size, 0), (size * 0.3, size * 0.6), (0, size * 0.2)])
    placed = shapely.affinity.translate(shapely.affinity.rotate(wedge, turn), east, 2_680_000)
    series = gpd.GeoSeries([placed], crs=4543).to_crs(crs)
    far = shapely.affinity.translate(series.iloc[0], 1_000, 0)
    long = ellipsoidal_area(gpd.GeoSeries([shapely.MultiPolygon([series.iloc[0], far])], crs=crs))
    both = ellipsoidal_area(gpd.GeoSeries([series.iloc[0], far], crs=crs))
    assert both.sum() == pytest.approx(long[0], abs=1e-3)


def test_planar_and_ellipsoidal_differ_in_the_east() -> None:
    """+308 ppm at 103.1° E: one method for both would give false errors."""
    east = gpd.GeoSeries([shapely.Point(103.1, 24.2)], crs=4490).to_crs(4543).iloc[0]
    hectare = gpd.GeoSeries([east.buffer(50, cap_style="square")], crs=4543)
    ratio = planar_area(hectare)[0] / ellipsoidal_area(hectare)[0] - 1
    assert ratio == pytest.approx(308e-6, abs=5e-6)


def test_empty_and_missing_geometry() -> None:
    series = gpd.GeoSeries([shapely.Polygon(), None, shapely.box(0, 0, 1, 1)], crs=4543)
    for area in (planar_area, ellipsoidal_area):
        values = area(series)
        assert values[0] == 0
        assert np.isnan(values[1])
    only_empty = gpd.GeoSeries([shapely.Polygon()], crs=4490)
    assert ellipsoidal_area(only_empty)[0] == 0
    assert planar_area(only_empty)[0] == 0


def test_degrees_are_measured_in_metres() -> None:
    series = gpd.GeoSeries([shapely.box(102.0, 24.0, 102.01, 24.01)], crs=4490)
    true = ellipsoidal_area(series)[0]
    assert true == pytest.approx(1.1264e6, rel=1e-3)
    assert planar_area(series)[0] == pytest.approx(true, rel=1.5e-3)


def test_without_crs() -> None:
    series = gpd.GeoSeries([shapely.box(0, 0, 1, 1)])
    with pytest.raises(CRSError, match="no CRS"):
        ellipsoidal_area(series)
