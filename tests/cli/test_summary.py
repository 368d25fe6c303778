"""``yuxi-gis summary`` as a clerk runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
import shapely

from tests.cli.conftest import Ran
from yuxi_gis.resources import folder

Yuxi = Callable[..., Ran]
VILLAGE = folder("sample_data") / "village.gpkg"
CODE = "530428203202"


@pytest.fixture
def farmland(tmp_path: Path) -> Path:
    boxes = [
        shapely.box(515_000 + 10 * i, 2_589_000, 515_010 + 10 * i, 2_589_010) for i in range(3)
    ]
    frame = gpd.GeoDataFrame(
        {"DKBM": [f"{CODE}{i:07d}" for i in range(3)], "DKLB": "10", "SCMJ": 100.0},
        geometry=boxes,
        crs=4543,
    )
    frame.to_file(tmp_path / "DK.gpkg", layer="DK")
    return tmp_path / "DK.gpkg"


def test_terminal_table(yuxi: Yuxi, farmland: Path) -> None:
    ran = yuxi("summary", farmland, "--by", "town", "--lang", "zh")
    assert ran.code == 0
    assert "农村承包地" in ran.out and "那诺乡" in ran.out and "合计" in ran.out
    assert "300.00" not in ran.out and "0.45" in ran.out
    english = yuxi("summary", farmland, "--by", "county", "--lang", "en").out
    assert "Recorded (SCMJ) mu" in english and "Total" in english


def test_all_outputs_together_or_none(yuxi: Yuxi, farmland: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / "out" / f"a.{e}" for e in ("xlsx", "csv", "json", "gpkg", "html")]
    args = [arg for path in outputs for arg in ("-o", path)]
    assert yuxi("summary", farmland, *args).code == 0
    assert all(path.stat().st_size for path in outputs)
    assert len(list(outputs[0].parent.iterdir())) == 5
    outputs[0].unlink()
    again = yuxi("summary", farmland, *args, "--lang", "en")
    assert again.code == 2 and "exists already" in again.err
    assert not outputs[0].exists()
    assert yuxi("summary", farmland, *args, "--overwrite").code == 0
    sheet = openpyxl.load_workbook(outputs[0]).worksheets[0]
    assert sheet["A5"].value == CODE and sheet["C5"].value == 3


def test_json_on_stdout(yuxi: Yuxi) -> None:
    """The sample village, by place, with the checks run."""
    ran = yuxi("summary", VILLAGE, "--by-place", "--check", "--json", "-q")
    assert ran.code == 0
    data = json.loads(ran.out)
    assert data["failures"] == []
    found = [row for row in data["totals"] if row["layer"] == "findings"]
    assert {row["class"] for row in found} >= {"error", "warning"}
    assert {row["field"] for row in data["control"]} == {"DCMJ", "JSMJ"}
    farmland = [row for row in data["totals"] if row["layer"] == "farmland"]
    assert sum(row["count"] for row in farmland) == 646


def test_findings_of_an_earlier_check_and_changes(
    yuxi: Yuxi, farmland: Path, tmp_path: Path
) -> None:
    assert yuxi("check", farmland, "-o", tmp_path / "f.json", "-o", tmp_path / "f.gpkg").code < 2
    told = {}
    for ending in ("json", "gpkg"):
        ran = yuxi("summary", farmland, "--findings", tmp_path / f"f.{ending}", "--json")
        rows = json.loads(ran.out)["totals"]
        told[ending] = {r["class"]: r["count"] for r in rows if r["layer"] == "findings"}
    written = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))["findings"]
    assert told["json"] == told["gpkg"] and sum(told["json"].values()) == len(written) > 0

    folder = tmp_path / "change"
    folder.mkdir()
    patch = gpd.GeoDataFrame(
        {"kind": ["built"], "XZQDM": [CODE], "MJ": [100.0]},
        geometry=[shapely.box(515_000, 2_589_000, 515_010, 2_589_010)],
        crs=4543,
    )
    patch.to_file(folder / "patches.gpkg", layer="patches")
    ran = yuxi("summary", farmland, "--changes", folder, "--json")
    rows = [r for r in json.loads(ran.out)["totals"] if r["layer"] == "patches"]
    assert [(r["region"], r["class"], r["count"], r["official_m2"]) for r in rows] == [
        (CODE, "built", 1, 100.0)
    ]


def test_wrong_use_is_told_and_leaves_nothing(yuxi: Yuxi, farmland: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[]", encoding="utf-8")
    out = tmp_path / "out.xlsx"
    for args in (
        ["--by", "province"],
        ["--by-place"],
        ["-o", tmp_path / "a.doc"],
        ["--findings", other],
        ["--findings", tmp_path / "none.gpkg"],
        ["--findings", farmland],
        ["--changes", tmp_path],
        ["--check", "--findings", other],
        ["-o", farmland, "--overwrite"],
        ["--findings", other, "-o", other, "--overwrite"],
    ):
        ran = yuxi("summary", farmland, *args, "-o", out, "--lang", "en")
        assert ran.code == 2, args
        assert ran.err.splitlines()[-1].startswith("Error: "), args
        assert "Internal error" not in ran.err, args
        assert not out.exists()
    assert yuxi("summary").code == 2


def test_what_can_be_read_is_added_up_all_the_same(
    yuxi: Yuxi, farmland: Path, tmp_path: Path
) -> None:
    ran = yuxi("summary", farmland, tmp_path / "none.shp", "--json")
    assert ran.code == 2
    data = json.loads(ran.out)
    assert len(data["failures"]) == 1 and data["totals"][0]["count"] == 3
