"""Outputs name the program, the time, the masking and the input files, never their folders."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from yuxi_gis.codes import Masking
from yuxi_gis.export.geopackage import write_geopackage
from yuxi_gis.export.provenance import Provenance, file_name, inputs_of, reading_of
from yuxi_gis.read import read_layers


def test_file_names_only() -> None:
    for path in ("/home/me/a/DK.shp", "C:\\me\\DK.shp", "DK.shp", "/x/DK.shp/"):
        assert file_name(path) == "DK.shp"
    frame = pd.DataFrame()
    frame.attrs["source"] = "/home/me/DK.shp"
    assert inputs_of({"farmland": frame, "other": pd.DataFrame()}) == ["/home/me/DK.shp"]
    made = Provenance.of(["/home/me/DK.shp", "/b/DK.shp", "/c/d.gdb"], Masking())
    assert made.inputs == ("DK.shp", "d.gdb")
    said = json.dumps(made.as_json(), ensure_ascii=False) + str(made.tags()) + made.sentence()
    assert "home" not in said and "DK.shp" in said


def test_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    many = Provenance.of([f"{i}.shp" for i in range(9)], Masking(names=False))
    assert many.as_json()["made"] == "2023-11-14T22:13:20+00:00"
    assert many.as_json()["masking"] == "ids phones"
    assert "9 个文件" in many.sentence() and "2023-11-14" in many.sentence()
    assert many.tags()["YUXI_GIS_INPUTS"].count(".shp") == 9


def test_how_inputs_were_read(tmp_path: Path) -> None:
    """From a file that was told to lie in another CRS, with its axes exchanged."""
    source = tmp_path / "DK.gpkg"
    frame = gpd.GeoDataFrame(
        {"DKBM": ["5304252002010000001"], "DKMC": ["大田"]},
        geometry=[shapely.box(2600100, 500000, 2600200, 500099)],
        crs=4544,
    )
    pyogrio.write_dataframe(frame, source, layer="DK", driver="GPKG")
    plain = read_layers(source)
    moved = read_layers(source, crs=4543, override_crs=True, swap_axes=True)
    assert reading_of(plain) == [] and reading_of({"x": pd.DataFrame()}) == []
    lines = reading_of(moved)
    assert [zh.partition(":")[0] for zh, _ in lines] == ["farmland"] * 2
    assert lines[0][0].startswith("farmland: EPSG:4543") and "用户指定，代替" in lines[0][0]
    assert "given by the user in place of" in lines[0][1]
    assert lines[1] == (
        "farmland: 已按用户要求交换 X、Y。",
        "farmland: X and Y were exchanged, as told.",
    )

    out = tmp_path / "out.gpkg"
    write_geopackage(out, moved)
    metadata = pyogrio.read_info(out, layer="DK")["dataset_metadata"]
    assert metadata["YUXI_GIS_READING"].split("\n") == [f"{zh} / {en}" for zh, en in lines]
    said = Provenance.of([], Masking(), lines)
    assert said.as_json()["reading"] == [{"zh": zh, "en": en} for zh, en in lines]
    assert said.sentence() == Provenance(Masking(), made=said.made).sentence()


def test_a_change_of_datum_is_told() -> None:
    frame = pd.DataFrame()
    made = {
        "what": "datum",
        "value": "A → B",
        "zh": "三参数",
        "en": "three",
        "confidence": "certain",
    }
    crs = {"what": "crs", "value": "A", "zh": "文件自带", "en": "declared", "confidence": "certain"}
    frame.attrs |= {"decisions": [crs, made], "notes": [{"what": "datum", "zh": "x", "en": "x"}]}
    suspicion = {"what": "axes_swapped", "zh": "x", "en": "x", "severity": "error"}
    frame.attrs["notes"].append(suspicion)
    assert reading_of({"farmland": frame}) == [("farmland: A → B 三参数", "farmland: A → B three")]


def test_every_file_of_a_layer_put_together_is_named() -> None:
    whole = pd.DataFrame()
    parts = [{"name": f"d/{k}.shp|{k}", "source": f"d/{k}.shp", "rows": 1} for k in "ab"]
    whole.attrs = {"source": "d/a.shp; d/b.shp", "parts": parts}
    single = pd.DataFrame()
    single.attrs = {"source": "e/c.mdb"}
    inputs = inputs_of({"farmland": whole, "contractor": single, "mine": pd.DataFrame()})
    assert Provenance.of(inputs, Masking()).inputs == ("a.shp", "b.shp", "c.mdb")
