from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from yuxi_gis.crs.gcj02 import (
    FORWARD,
    area_factor,
    looks_shifted,
    unshift,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)

GEOD = Geod(ellps="WGS84")
WHAT = ["gcj02", "bd09"]


# The field ---------------------------------------------------------------------------------------


def test_offsets_in_hongta() -> None:
    """Section 2.4 of the domain reference: 362 m and 845 m, measured with eviltransform."""
    lon, lat = 102.545, 24.352
    assert GEOD.inv(lon, lat, *wgs84_to_gcj02(lon, lat))[2] == pytest.approx(362, abs=3)
    assert GEOD.inv(lon, lat, *wgs84_to_bd09(lon, lat))[2] == pytest.approx(845, abs=5)


def test_known_point() -> None:
    """天安门 as in the tests of the open libraries (coordtransform, gcoord)."""
    np.testing.assert_allclose(
        wgs84_to_gcj02(116.404, 39.915), (116.41024449916938, 39.91640428150164), atol=1e-9
    )
    np.testing.assert_allclose(
        wgs84_to_bd09(116.404, 39.915), (116.41662724378733, 39.922699552216216), atol=1e-7
    )


@pytest.mark.parametrize("what", WHAT)
@given(lon=st.floats(73, 135), lat=st.floats(18, 54))
def test_round_trip_within_a_micrometre(what: str, lon: float, lat: float) -> None:
    back = unshift(*FORWARD[what](lon, lat), what)
    assert GEOD.inv(lon, lat, *back)[2] < 1e-6


@pytest.mark.parametrize("what", WHAT)
def test_area_factor_is_that_of_a_small_square(what: str) -> None:
    lon, lat, half = 102.3, 24.1, 2e-4
    ring = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half + (lon, lat)
    before = abs(GEOD.polygon_area_perimeter(*ring.T)[0])
    after = abs(GEOD.polygon_area_perimeter(*FORWARD[what](*ring.T))[0])
    assert float(area_factor(lon, lat, what)) == pytest.approx(after / before, abs=2e-6)
    assert abs(after / before - 1) > 1e-4


def test_not_a_number_stays_one() -> None:
    lon, lat = unshift([np.nan, 102.5], [24.0, 24.3], "gcj02")
    assert np.isnan(lon[0]) and np.isfinite([lon[1], lat[1]]).all()


# Signs -------------------------------------------------------------------------------------------


def parcels(n: int = 400) -> gpd.GeoDataFrame:
    """Parcels of 600 m² to 2500 m² over 6 km in 红塔区."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(540_000, 546_000, n), rng.uniform(2_690_000, 2_696_000, n)
    width, height = rng.uniform(25, 50, (2, n))
    return gpd.GeoDataFrame(geometry=shapely.box(x, y, x + width, y + height), crs=4543)


def moved(frame: gpd.GeoDataFrame, what: str, crs: int) -> gpd.GeoDataFrame:
    shapes = shapely.transform(
        np.asarray(frame.to_crs(4490).geometry.array),
        lambda xy: np.column_stack(FORWARD[what](*xy.T)),
    )
    return frame.set_geometry(gpd.GeoSeries(shapes, crs=4490)).to_crs(crs)


def signs(frame: gpd.GeoDataFrame, name: str = "") -> list[tuple[str, str]]:
    return [(sign.what, sign.confidence) for sign in looks_shifted(frame, name)]


@pytest.mark.parametrize("crs", [4490, 4543, 4522])
@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("field", ["SCMJ", "SCMJM"])
def test_areas_tell(what: str, crs: int, field: str) -> None:
    frame = parcels()
    area = frame.area if field == "SCMJ" else frame.area * 0.0015
    frame[field] = area.round(2 if field == "SCMJ" else 4)
    assert signs(frame.to_crs(crs)) == []
    assert signs(moved(frame, what, crs)) == [(what, "high")]
    frame.loc[:20, field] = 5.0  # some areas are simply wrong
    assert signs(frame.to_crs(crs)) == []
    assert signs(moved(frame, what, crs)) == [(what, "high")]


def test_areas_that_cannot_tell_say_nothing() -> None:
    frame = parcels()
    frame["SCMJ"] = frame.area * np.random.default_rng(2).normal(1, 0.01, len(frame))
    assert signs(moved(frame, "gcj02", 4490)) == []  # measured too roughly
    few = parcels(20)
    few["SCMJ"] = few.area
    assert signs(moved(few, "gcj02", 4490)) == []
    assert signs(moved(parcels(), "gcj02", 4490)) == []  # no areas at all


def test_even_scale_is_no_shift() -> None:
    """A raised projection plane (1600 m) or a wrong unit stretches all alike."""
    for factor in (1.0005, 0.9992, 1.01, 2.0):
        frame = parcels()
        frame["SCMJ"] = frame.area * factor
        assert signs(frame) == []


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize(
    ("names", "degrees", "north_first"),
    [(("经度", "纬度"), True, False), (("X", "Y"), False, True), (("XZBZ", "YZBZ"), False, False)],
)
def test_coordinates_in_the_table_tell(
    what: str, names: tuple[str, str], degrees: bool, north_first: bool
) -> None:
    frame = parcels(50)
    place = (frame.to_crs(4490) if degrees else frame).representative_point()
    values = (place.y, place.x) if north_first else (place.x, place.y)
    frame[names[0]], frame[names[1]] = (v.round(7).astype(str) for v in values)
    assert signs(frame) == []
    assert signs(moved(frame, what, 4543)) == [(what, "high")]
    assert signs(frame.translate(300, 0).to_frame("geometry").join(frame[[*names]])) == []


def test_words_are_a_low_sign() -> None:
    frame = parcels(3)
    assert signs(frame, "导出/DK_gcj02.shp") == [("gcj02", "low")]
    assert signs(frame, "百度地图/小区.geojson") == [("bd09", "low")]
    assert signs(frame.assign(bd09_lng=1.0)) == [("bd09", "low")]
    for name in ("DK5304022024.shp", "campus", "AMAPOLA_abd09.shp"):
        assert ("bd09", "low") not in signs(frame, name)
    (sign,) = looks_shifted(frame, "高德")
    assert "unshifted original" in sign.en and "原始数据" in sign.zh


@pytest.mark.parametrize("crs", [None, 4543, 4326])
def test_nothing_to_look_at(crs: int | None) -> None:
    empty = gpd.GeoDataFrame({"SCMJ": [1.0, 2.0]}, geometry=[None, shapely.Polygon()], crs=crs)
    assert signs(empty) == [] and signs(empty.iloc[:0]) == []


def test_nothing_is_shifted_abroad() -> None:
    frame = gpd.GeoDataFrame(
        {"X": [10.003], "Y": [50.0]}, geometry=[shapely.box(10, 50, 10.001, 50.001)], crs=4326
    )
    assert signs(frame) == []
