"""Outputs name the program, the time, the masking and the input files, never their folders."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from yuxi_gis.codes import Masking
from yuxi_gis.export.provenance import Provenance, file_name, inputs_of


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
