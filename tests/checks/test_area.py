"""The rules on areas: against other ways to measure, on other datums, in older editions."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from yuxi_gis.checks import CheckResult, run_checks

from ..test_units import national_formula

GEOD = Geod(a=6378137.0, rf=298.257222101)


def patches(shapes: list[shapely.Geometry], areas: object, crs: int = 4543) -> gpd.GeoDataFrame:
    codes = [f"{k:018d}" for k in range(len(shapes))]
    return gpd.GeoDataFrame({"BSM": codes, "TBMJ": areas}, geometry=shapes, crs=crs)


def check(rule: str, **layers: pd.DataFrame) -> CheckResult:
    return run_checks(layers, rules=[rule])


@settings(max_examples=12, deadline=None)
@given(
    east=st.floats(425_000, 618_000),
    north=st.floats(2_580_000, 2_760_000),
    size=st.floats(100, 1_000),
    excess=st.sampled_from([-3.0, -0.5, 0.0, 0.5, 3.0]),
)
def test_the_ellipsoidal_area_is_that_of_geod_and_of_the_national_formula(
    east: float, north: float, size: float, excess: float
) -> None:
    outline = shapely.box(east, north, east + size, north + size / 2)
    degrees = gpd.GeoSeries([outline], crs=4543).segmentize(25).to_crs(4490).iloc[0]
    true = abs(GEOD.geometry_area_perimeter(degrees)[0])
    assert national_formula(degrees) == pytest.approx(true, abs=1e-3)
    found = check("R02", landuse=patches([outline], [true + excess * max(1, true / 10_000)]))
    assert len(found.findings) == (abs(excess) > 1)
    if len(found.findings):
        assert found.findings["area_m2"].item() == pytest.approx(true, abs=1e-3)
        assert found.findings["severity"].item() == "warning"


def test_degrees_and_metres_have_one_ellipsoidal_area() -> None:
    outline = shapely.box(610_000, 2_700_000, 610_100, 2_700_100).segmentize(5)
    metres = patches([outline], [9_990.0])
    in_degrees = metres.to_crs(4490)
    values = [
        check("R02", landuse=layer).findings["area_m2"].item() for layer in (metres, in_degrees)
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-3)
    assert values[0] < 9_997.1  # 300 ppm less than in the plane


def test_a_patch_far_off_does_not_spoil_the_others() -> None:
    good = [shapely.box(500_000 + 100 * k, 2_700_000, 500_100 + 100 * k, 2_700_100) for k in (0, 1)]
    wild = shapely.box(1e30, 1e30, 2e30, 2e30)
    result = check("R02", landuse=patches([*good, wild], [10_000.0, 10_005.0, 1.0]))
    assert result.findings["feature"].tolist() == [f"{1:018d}"]


@pytest.mark.parametrize("crs", [4610, 4214, 2379, 2431])
def test_other_datums_have_a_plane_of_their_own_but_no_cgcs2000_ellipsoid(crs: int) -> None:
    """Xian 1980 and Beijing 1954, degrees (4610, 4214) and the zone around 102° (2379, 2431)."""
    zone = {4610: 2379, 4214: 2431}.get(crs, crs)
    outline = gpd.GeoSeries([shapely.box(600_000, 2_700_000, 600_100, 2_700_100)], crs=zone)
    outline = outline.segmentize(10).to_crs(crs)
    parcels = gpd.GeoDataFrame({"DKBM": ["A"], "SCMJ": [10_000.0]}, geometry=outline)
    agrees = check("R01", farmland=parcels)
    assert agrees.findings.empty and not agrees.not_run
    differs = check("R01", farmland=parcels.assign(SCMJ=9_000.0)).findings
    assert differs["area_m2"].item() == pytest.approx(10_000, abs=0.01)
    landuse = patches(list(outline), [9_000.0], crs)
    assert "CGCS2000" in check("R02", landuse=landuse).not_run[0].reason_en


def test_no_zone_no_planar_area() -> None:
    """The Netherlands lie in no zone of China."""
    parcels = gpd.GeoDataFrame(
        {"DKBM": ["A"], "SCMJ": [1.0]}, geometry=[shapely.box(5, 52, 5.1, 52.1)], crs=4326
    )
    result = check("R01", farmland=parcels)
    assert result.findings.empty
    assert "outside the 3-degree zones" in result.not_run[0].reason_en


@pytest.mark.parametrize("rule", ["R02", "R04"])
def test_older_standards_reckoned_otherwise(rule: str) -> None:
    second = patches([shapely.box(0, 0, 100, 100)], [1.0]).assign(
        TKXS=0.1, TKMJ=5.0, TBDLMJ=1.0, XZDWMJ=3.0
    )
    result = check(rule, landuse=second)
    assert result.findings.empty
    assert "Second national land survey" in result.not_run[0].reason_en


def test_fields_that_are_not_there_are_told() -> None:
    bare = patches([shapely.box(5e5, 27e5, 5e5 + 100, 27e5 + 100)], [1e4])
    assert {f"field {name} is missing" for name in ("TBDLMJ", "KCXS", "KCMJ")} <= {
        skipped.reason_en for skipped in check("R04", landuse=bare).not_run
    }
    assert "TBMJ" in check("R02", landuse=bare.drop(columns="TBMJ")).not_run[0].reason_en
    table = pd.DataFrame({"DKBM": ["A"], "HTMJ": [1.0]})
    assert "HTMJM" in check("R03", contract_parcel=table).not_run[0].reason_en


def test_an_extract_is_no_unit_with_patches_missing() -> None:
    """One village's land use under a layer of all villages and the county says nothing of these."""
    village = shapely.box(5e5, 27e5, 5e5 + 100, 27e5 + 100)
    county = shapely.box(5e5, 27e5, 5e5 + 1000, 27e5 + 1000)
    admin = gpd.GeoDataFrame(
        {"XZQDM": ["530402", "530402001001"], "DCMJ": [1e6, 1e4]},
        geometry=[county, village],
        crs=4543,
    )
    landuse = patches([village], [1e4]).assign(ZLDWDM="5304020010010000000")
    result = check("R05", admin=admin, landuse=landuse)
    assert result.findings.empty
    assert result.not_run[0].reason_en.endswith("a part was given: 530402")
    short = check("R05", admin=admin, landuse=landuse.assign(TBMJ=9e3)).findings
    assert short["feature"].tolist() == ["530402001001"]
    np.testing.assert_allclose(short["value"], [1000])
