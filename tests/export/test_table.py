"""CSV and JSON of findings, read back."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from yuxi_gis.checks import CheckResult, run_checks
from yuxi_gis.checks.baseline import ABOUT
from yuxi_gis.codes import Masking
from yuxi_gis.errors import OutputError
from yuxi_gis.export.table import lon_lat, to_json, write_csv, write_json
from yuxi_gis.findings import COLUMNS

CODE = "5304020010010000001"


@pytest.fixture(scope="module")
def result() -> CheckResult:
    """Farmland with prefix, homesteads without: an overlap each, and hostile codes."""
    shapes = [shapely.box(x, 27e5, x + 10, 2700010) for x in (5e5, 500009, 500018, 500027)]
    codes = [CODE, "=HYPERLINK(1)", "@SUM(1)", "-1+1"]
    farmland = gpd.GeoDataFrame({"DKBM": codes}, geometry=shapes, crs=4543)
    homestead = gpd.GeoDataFrame({"ZDDM": ["甲", "+乙"]}, geometry=shapes[:2], crs=4543).to_crs(
        4490
    )
    return run_checks({"farmland": farmland.to_crs(4522), "homestead": homestead})


def test_json_is_one_plain_object(result: CheckResult) -> None:
    data = json.loads(json.dumps(to_json(result), allow_nan=False))
    assert set(data) == {"findings", "mended", "not_run", "profile", "layers", "provenance"}
    assert len(data["findings"]) == len(result.findings) > 5
    assert all(tuple(row) == (*COLUMNS, *ABOUT) for row in data["findings"])
    assert data["profile"]["id"] == "standard" and data["profile"]["version"]
    assert data["profile"]["parameters"]["overlap_area"]["unit"] == "m²"
    assert data["layers"]["farmland"] == {
        "name": "DK",
        "title_zh": "农村承包地",
        "title_en": "Contracted farmland",
        "count": 4,
        "crs": "EPSG:4522 CGCS2000 / 3-degree Gauss-Kruger zone 34",
        "epsg": 4522,
    }
    assert {"rule", "layer", "reason_zh", "reason_en"} == set(data["not_run"][0])


def test_json_geometry_is_in_the_crs_of_the_layer(result: CheckResult) -> None:
    rows = to_json(result)["findings"]
    by_layer = {row["layer"]: row for row in rows if row["rule"] == "T03"}
    east, north = shapely.geometry.shape(by_layer["farmland"]["geometry"]).centroid.coords[0]
    assert 34_500_000 < east < 34_500_040 and 2_700_000 < north < 2_700_010
    lon, lat = shapely.geometry.shape(by_layer["homestead"]["geometry"]).centroid.coords[0]
    assert (lon, lat) == pytest.approx((102.0, 24.4), abs=0.01)
    # It is the overlap: 1 m by 10 m.
    area = shapely.geometry.shape(by_layer["farmland"]["geometry"]).area
    assert area == pytest.approx(10, abs=1e-3)


def test_missing_values_are_null(result: CheckResult) -> None:
    row = next(row for row in to_json(result)["findings"] if row["rule"] == "S09")
    assert row["value"] is None and row["geometry"] is None


def test_written_json_is_the_same(
    result: CheckResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    write_json(tmp_path / "f.json", result)
    text = (tmp_path / "f.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(to_json(result)))
    assert "重叠" in text


def test_provenance(result: CheckResult) -> None:
    said = to_json(result, inputs=["/home/user/a/DK.shp", "C:\\b\\DK.shp", "x.gdb/"])["provenance"]
    assert said["inputs"] == ["DK.shp", "x.gdb"]
    told = to_json(result, reading=[("平移", "shifted")])["provenance"]["reading"]
    assert told == [{"zh": "平移", "en": "shifted"}]
    assert said["masking"] == "ids phones names" and said["software"].startswith("yuxi-gis")
    shown = to_json(result, masking=Masking(False, False, False))["provenance"]
    assert shown["masking"] == "none" and "请勿外传" in shown["masking_zh"]


def test_csv_shows_chinese_in_excel_and_runs_no_formula(
    result: CheckResult, tmp_path: Path
) -> None:
    path = tmp_path / "f.csv"
    write_csv(path, result)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfrule,")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*COLUMNS[:-1], "lon", "lat", *ABOUT]
    assert len(rows) == len(result.findings)
    names = {row["feature"] for row in rows} | {row["other_feature"] for row in rows}
    assert {CODE, "'=HYPERLINK(1)", "'@SUM(1)", "'-1+1", "'+乙"} <= names
    for row in rows:
        for column, text in row.items():
            if column not in ("value", "limit", "area_m2", "lon", "lat"):
                assert not text.startswith(("=", "+", "-", "@", "\t", "\r"))
    overlap = next(row for row in rows if row["rule"] == "T03" and row["layer"] == "farmland")
    assert float(overlap["value"]) == pytest.approx(10)
    assert float(overlap["lon"]) == pytest.approx(102.0, abs=0.01)
    assert float(overlap["lat"]) == pytest.approx(24.4, abs=0.01)


def test_what_is_known_beside_and_what_is_mended(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"DKBM": [CODE]}, geometry=[shapely.box(5e5, 0, 500001, 1)], crs=4543)
    unread = OutputError("坏文件：打不开", "bad file: cannot be opened")
    now = run_checks({"farmland": frame}, unread=[unread])
    now.about["remark"] = "=1+1 联系 13812345678"
    earlier = now.findings.assign(region="530402001001", state="mended", remark="改好了")
    now = replace(now, mended=earlier[earlier["layer"] == "farmland"])
    data = to_json(now)
    lost = next(row for row in data["findings"] if not row["layer"])
    assert lost["rule"] == "S01" and lost["geometry"] is None and "坏文件" in lost["message_zh"]
    assert {row["remark"] for row in data["findings"]} == {"=1+1 联系 138******78"}
    assert {(row["state"], row["remark"]) for row in data["mended"]} == {("mended", "改好了")}
    assert {row["region"] for row in data["findings"] if row["feature"]} <= {"530402001001"}
    write_csv(tmp_path / "f.csv", now)
    with (tmp_path / "f.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["remark"] for row in csv.DictReader(file)} == {"'=1+1 联系 138******78"}


def test_nothing_found_is_written_too(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"DKBM": [CODE]}, geometry=[shapely.box(5e5, 0, 500001, 1)], crs=4543)
    clean = run_checks({"farmland": frame}, rules=["T03"])
    write_csv(tmp_path / "f.csv", clean)
    assert (tmp_path / "f.csv").read_text(encoding="utf-8-sig").split(",")[0] == "rule"
    assert to_json(clean)["findings"] == []
    assert all(axis.empty for axis in lon_lat(clean.findings))


@pytest.mark.parametrize("write", [write_csv, write_json])
def test_an_existing_file_is_refused_and_kept(write, result, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "f"
    path.write_text("mine")
    with pytest.raises(OutputError):
        write(path, result)
    assert path.read_text() == "mine"
    write(path, result, overwrite=True)
    assert path.read_text(encoding="utf-8-sig") != "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
