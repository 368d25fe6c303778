from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from yuxi_gis.crs import Bounds, Zone
from yuxi_gis.crs.zones import YUXI, Diagnosis, diagnose, robust_bounds, suggest

PLACE: Bounds = (102.4, 24.2, 102.6, 24.4)  # 红塔区
PEKING: Bounds = (116.2, 39.8, 116.5, 40.1)


def within(crs: object, place: Bounds = PLACE) -> Bounds:
    way = Transformer.from_crs(4490, CRS(crs), always_xy=True)
    x, y = way.transform([place[0], place[2]], [place[1], place[3]])
    return x[0], y[0], x[1], y[1]


def swapped(bounds: Bounds) -> Bounds:
    return bounds[1], bounds[0], bounds[3], bounds[2]


def one(bounds: Bounds, crs: object, **told: Bounds) -> Diagnosis:
    (found,) = diagnose(bounds, CRS(crs), **told)
    return found


def test_the_box_of_yuxi_gives_the_windows_of_the_reference() -> None:
    """Section 2.2 of the domain reference, measured with PROJ 9.5.1 on the nine districts."""
    corners = shapely.segmentize(shapely.box(*YUXI), 0.01)
    for number, window in {
        4543: (425_329, 2_578_869, 618_658, 2_762_124),
        4522: (34_425_329, 2_578_869, 34_618_658, 2_762_124),
        3857: (11_273_325, 2_669_551, 11_483_719, 2_870_832),
    }.items():
        box = gpd.GeoSeries([corners], crs=4490).to_crs(number).total_bounds
        np.testing.assert_allclose(box, window, atol=1500)


# What is right is left alone ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "crs", [4543, 4522, 2379, 2358, 2431, 2410, 4490, 4610, 4326, 32648, 32647, 3857, 4544, 4507,
            4496, 4523, 4542]
)  # fmt: skip
def test_yuxi_in_any_crs_is_right(crs: int) -> None:
    assert diagnose(within(crs), CRS(crs)) == ()
    assert diagnose(within(crs), CRS(crs), home=YUXI) == ()


@pytest.mark.parametrize("crs", [4527, 4548, 2362 + 1, 4490, 4326, 3857, 32650, 4498, 4509])
def test_peking_is_right(crs: int) -> None:
    assert diagnose(within(crs, PEKING), CRS(crs)) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([z for z in Zone.all().values() if 75 <= z.meridian <= 132]),
    st.floats(-1, 1),
    st.floats(20, 50),
)
def test_a_county_in_its_own_zone_is_right(zone: Zone, east: float, lat: float) -> None:
    lon = zone.meridian + east * zone.width / 2
    bounds = within(zone.epsg, (lon - 0.2, lat, lon + 0.2, lat + 0.3))
    assert diagnose(bounds, CRS(zone.epsg)) == ()


PARCELS = {
    "ai4sf_1_vietnam_areas.gpkg": 32648,
    "de_bb_antrag.zip": 25833,
    "de_sh_Feldbloecke_2026_GPKG.zip": 4647,
    "ec_si_SI_2021.zip": 3794,
    "india_10k_india_10k.zip": 4326,
    "nl_brpgewaspercelen_definitief_2023.gpkg": 28992,
}


@pytest.mark.parametrize("name", PARCELS)
def test_real_foreign_parcels_are_right(shared_data: Path, name: str) -> None:
    frame = gpd.read_file(shared_data / "parcels" / name)
    assert frame.crs.to_epsg() == PARCELS[name]
    assert diagnose(robust_bounds(frame.geometry.array), frame.crs) == ()
    exchanged = shapely.transform(np.asarray(frame.geometry.array), lambda xy: xy[:, ::-1])
    if PARCELS[name] != 4326:  # 25 E, 75 N is on earth
        assert one(robust_bounds(exchanged), frame.crs).what == "axes_swapped"  # type: ignore[arg-type]


def test_nothing_to_say_of_nothing() -> None:
    assert diagnose(None, CRS(4543)) == () and suggest(None) == ()


def test_units_far_from_the_metre_are_no_degrees() -> None:
    """ESRI:102069 counts in 150 km: its numbers are as small as degrees."""
    crs = CRS("ESRI:102069")
    assert diagnose(within(crs, (10, 70, 20, 75)), crs) == ()


def test_a_local_system_says_nothing_of_its_area() -> None:
    local = CRS.from_proj4("+proj=tmerc +lon_0=102.5 +x_0=50000 +y_0=-2600000 +ellps=GRS80")
    assert diagnose((1e4, 1e4, 2e4, 2e4), local) == ()


# What is wrong is named with its mend ------------------------------------------------------------


@pytest.mark.parametrize(
    ("true", "label"), [(4522, 4543), (4543, 4522), (2358, 2379), (2379, 2358), (2410, 2431),
                        (2431, 2410), (4496, 4507), (4507, 4496), (4496, 4543), (4523, 4543)]
)  # fmt: skip
def test_zone_prefix(true: int, label: int) -> None:
    found = one(within(true), label)
    assert (found.what, found.confidence, found.swap) == ("zone_prefix", "high", False)
    assert found.crs is not None and found.crs.to_epsg() == true
    for text in (found.zh, found.en):
        assert f"--crs EPSG:{true} --override-crs" in text and "swap" not in text
        assert f"{within(true)[0]:.0f}" in text and f"{within(true)[3]:.0f}" in text
    assert f"relabel as EPSG:{true}, do not reproject" in found.en
    assert f"改标为 EPSG:{true}，不要投影转换" in found.zh


@pytest.mark.parametrize(("true", "label"), [(4496, 4507), (2332, 2343), (4496, 4490)])
def test_zone_prefix_in_the_west_of_yuxi(true: int, label: int) -> None:
    """More than 3° from the meridian 105°, where a layer of zone 18 may lie all the same."""
    west = within(true, (101.3, 24.0, 101.5, 24.2))
    found = one(west, label)
    assert found.what == ("metres" if label == 4490 else "zone_prefix")
    assert found.crs == CRS(true)
    assert true in [s.crs.to_epsg() for s in suggest(west)]


def test_prefix_of_another_zone() -> None:
    found = one(within(4523), 4522)
    assert (found.what, found.confidence) == ("wrong_zone", "high")
    assert found.crs == CRS(4523)


@pytest.mark.parametrize("crs", [4543, 4522, 2379, 4490, 4326])
def test_exchanged_axes(crs: int) -> None:
    found = one(swapped(within(crs)), crs)
    assert (found.what, found.crs, found.swap) == ("axes_swapped", None, True)
    assert "--swap-axes" in found.zh and "--swap-axes" in found.en
    assert "--crs" not in found.en


def test_exchanged_axes_with_prefix_under_the_code_without() -> None:
    found = one(swapped(within(4522)), 4543)
    assert (found.what, found.swap, found.crs) == ("zone_prefix", True, CRS(4522))
    assert "--crs EPSG:4522 --override-crs --swap-axes" in found.en


@pytest.mark.parametrize(
    ("label", "mend"), [(4543, 4490), (4522, 4490), (2379, 4610), (32648, 4326), (3857, 4326)]
)
def test_degrees_under_a_metre_crs(label: int, mend: int) -> None:
    found = one(within(4490), label)
    assert (found.what, found.crs, found.swap) == ("degrees", CRS(mend), False)
    assert "102.4000" in found.en
    if label != 3857:
        found = one(swapped(within(4490)), label)
        assert (found.what, found.crs, found.swap) == ("degrees", CRS(mend), True)


@pytest.mark.parametrize(
    ("true", "label", "mend"),
    [(4543, 4490, 4543), (4522, 4490, 4522), (4522, 4326, 4522), (2379, 4610, 2379),
     (2358, 4610, 2358), (3857, 4490, 3857), (4544, 4490, 4544)],
)  # fmt: skip
def test_metres_under_degrees(true: int, label: int, mend: int) -> None:
    found = one(within(true), label)
    assert (found.what, found.crs, found.confidence) == ("metres", CRS(mend), "high")


def test_metres_under_degrees_of_a_meridian_that_cannot_be_known() -> None:
    found = one(within(4548, PEKING), 4490)
    assert (found.what, found.crs) == ("metres", None)
    assert one(within(4527, PEKING), 4490).crs == CRS(4527)  # the prefix names it


def test_wrong_meridian() -> None:
    found = one(within(4544), 4543)
    assert (found.what, found.crs, found.confidence) == ("wrong_zone", CRS(4544), "low")
    # Eastings of 102° under 105° are a good place too, in 文山; only where the layer belongs tells.
    assert diagnose(within(4543), CRS(4544)) == ()
    found = one(within(4543), 4544, home=YUXI)
    assert (found.what, found.crs) == ("wrong_zone", CRS(4543))


def test_web_mercator() -> None:
    assert one(within(3857), 4543).crs == CRS(3857)
    assert one(within(4543), 3857, home=YUXI).crs == CRS(4543)
    assert one(within(4522), 3857).crs == CRS(4522)


@pytest.mark.parametrize(
    "bounds", [(1e7, -3e6, 1.1e7, -2e6), (1e300, 1, 1e300, 2), (0, 0, 0, 0), (-1e6, 0, 1e6, 1e5)]
)
def test_what_fits_nothing(bounds: Bounds) -> None:
    found = one(bounds, 4543)
    assert (found.what, found.crs, found.swap) == ("outside", None, False)
    assert "EPSG:4543" in found.zh and len(found.zh) < 400


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 4),
    st.sampled_from([4543, 4522, 4490, 4326, 3857, 28992, 4647, 32648, 2193]),
)
def test_any_numbers_get_an_answer(numbers: tuple[float, ...], crs: int) -> None:
    west, east = sorted(numbers[:2])
    south, north = sorted(numbers[2:])
    for found in diagnose((west, south, east, north), CRS(crs)):
        assert found.zh and found.en
    suggest((west, south, east, north))


# No CRS ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("true", "first"),
    [
        (4543, [4543, 2379, 2431]),
        (4522, [4522, 2358, 2410]),
        (4490, [4490, 4326]),
        (3857, [3857]),
        (4496, [4496, 2332, 21418]),
        (4544, [4544, 4507]),
        (4542, [4542]),
    ],
)
def test_suggestions(true: int, first: list[int]) -> None:
    found = suggest(within(true))
    assert [s.crs.to_epsg() for s in found[: len(first)]] == first
    assert f"--crs EPSG:{first[0]}" in found[0].zh
    assert {s.confidence for s in found} == {"low"} and not any(s.swap for s in found)
    if true != 3857:
        assert "cannot be told apart" in found[0].en and "分不出" in found[0].zh
    other_way = suggest(swapped(within(true)))
    assert [s.crs for s in other_way] == [s.crs for s in found]
    assert all(s.swap and "--swap-axes" in s.en for s in other_way)


def test_suggestions_elsewhere() -> None:
    assert suggest(within(4527, PEKING))[0].crs == CRS(4527)
    assert suggest(within(4548, PEKING)) == ()  # no prefix: any meridian
    assert [s.crs.to_epsg() for s in suggest((10, 50, 11, 51))] == [4326]


def test_utm_of_the_same_meridian_is_named() -> None:
    """UTM differs from Gauss-Krüger by its scale of 0.9996: 1 km in a northing of 2 700 km."""
    for true, utm, twin in ((4544, 32648, "UTM 48N"), (4542, 32647, "UTM 47N")):
        apart = np.subtract(within(true), within(utm))
        assert 900 < np.abs(apart).max() < 1300
        found = {s.crs.to_epsg(): s for s in suggest(within(true))}
        for text in (found[true].zh, found[true].en):
            assert f"{twin} (EPSG:{utm})" in text and "1 km" in text
        assert f"EPSG:{true}" in found[utm].en and "cannot be told apart" in found[utm].en
    assert "UTM" not in suggest(within(4543))[0].en and "UTM" not in suggest(within(4496))[0].en
