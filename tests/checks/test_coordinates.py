"""Rules on where a layer lies, beyond the table of cases."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely import Point, box

from yuxi_gis.catalog import load_codes
from yuxi_gis.checks import run_checks
from yuxi_gis.checks.rules.coordinates import _COUNTIES
from yuxi_gis.crs.zones import YUXI
from yuxi_gis.read import read_layer

OWN = ["S03", "S04", "S05", "S06", "S07"]
SHARE = st.floats(0, 1)
COUNTIES = [code for code in _COUNTIES if len(code) == 6]


def parcel(code: str, lon: float, lat: float) -> gpd.GeoDataFrame:
    shape = box(lon, lat, lon + 0.001, lat + 0.001)
    return gpd.GeoDataFrame({"DKBM": [code]}, geometry=[shape], crs=4490)


def test_every_county_has_an_envelope_and_together_they_are_yuxi() -> None:
    assert set(COUNTIES) == set(load_codes()["county"].zh)
    boxes = gpd.GeoSeries([box(*_COUNTIES[code]) for code in COUNTIES])
    assert tuple(boxes.total_bounds) == YUXI


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(COUNTIES), SHARE, SHARE, st.sampled_from([4490, 4522, 4543]))
def test_no_place_within_its_county_is_told(county: str, x: float, y: float, crs: int) -> None:
    west, south, east, north = _COUNTIES[county]
    lon, lat = west + x * (east - west), south + y * (north - south)
    layer = parcel(f"{county}0010010000001", lon, lat).to_crs(crs)
    assert run_checks({"farmland": layer}, rules=OWN).findings.empty


def test_without_crs_only_s03_is_told() -> None:
    layer = parcel("5304020010010000001", 102.5, 24.3).set_crs(None, allow_override=True)
    result = run_checks({"farmland": layer}, rules=OWN)
    assert result.findings["rule"].tolist() == ["S03"]
    skipped = {run.rule for run in result.not_run if run.layer == "farmland"}
    assert skipped == {"S05", "S06", "S07"}


def test_a_local_crs_is_no_traceback() -> None:
    local = CRS.from_wkt('LOCAL_CS["玉溪独立坐标系",UNIT["metre",1]]')
    layer = gpd.GeoDataFrame({"DKBM": ["A"]}, geometry=[box(0, 0, 9, 9)], crs=local)
    found = run_checks({"farmland": layer}, rules=OWN).findings
    assert found["rule"].tolist() == ["S04", "S07"]


@pytest.mark.parametrize("place", [Point(float("nan"), 0), Point(float("inf"), 0), None])
def test_coordinates_that_are_no_numbers_are_other_rules(place: Point | None) -> None:
    layer = gpd.GeoDataFrame({"JZDH": ["J1"]}, geometry=[place], crs=4543)
    assert run_checks({"boundary_point": layer}, rules=OWN).findings.empty


def test_a_lost_zone_prefix_in_a_file(tmp_path: Path) -> None:
    """The mend of the message mends it."""
    layer = parcel("5304020010010000001", 102.5, 24.3).to_crs(4522)
    layer.set_crs(4543, allow_override=True).to_file(tmp_path / "DK.shp")
    found = run_checks({"farmland": read_layer(tmp_path / "DK.shp")}, rules=OWN).findings
    assert found["rule"].tolist() == ["S05"] and found["severity"].tolist() == ["error"]
    assert "--crs EPSG:4522 --override-crs" in found["message_zh"].item()
    mended = read_layer(tmp_path / "DK.shp", crs=4522, override_crs=True)
    assert run_checks({"farmland": mended}, rules=OWN).findings.empty


def test_a_stray_vertex_layer_is_judged_by_its_parcels() -> None:
    layer = parcel("5304020010010000001", 102.5, 24.3)
    more = [parcel(f"530402001001000000{i}", 102.5, 24.3 + i / 1000) for i in range(2, 9)]
    away = parcel("5304020010010000009", 101.3, 23.9)
    layer = pd.concat([layer, *more, away], ignore_index=True)
    found = run_checks({"farmland": layer}, rules=OWN).findings
    assert found["feature"].tolist() == ["5304020010010000009"]
    assert found["rule"].tolist() == ["S06"] and found["limit"].item() == 5000


def test_an_invalid_outline_names_no_place_that_is_no_number() -> None:
    outline = shapely.Polygon([(500000, 2700000), (500000, np.inf), (500010, 2700010)])
    farmland = gpd.GeoDataFrame({"DKBM": ["5304020010010000001"]}, geometry=[outline], crs=4543)
    said = run_checks({"farmland": farmland}, rules=["T01", "T02"]).findings
    assert len(said) == 1
    assert "nan" not in (said["message_zh"] + said["message_en"])[0]
