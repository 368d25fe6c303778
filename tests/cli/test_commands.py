"""Each command does its job, in both languages, for people and for scripts."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import openpyxl
import pyogrio
import pytest
import rasterio

from tests.cli.conftest import Ran
from yuxi_gis.catalog import load_catalog, load_codes
from yuxi_gis.checks import RULES
from yuxi_gis.cli import build
from yuxi_gis.cli._base import Console, language
from yuxi_gis.findings import COLUMNS
from yuxi_gis.resources import folder

Yuxi = Callable[..., Ran]
VILLAGE = folder("sample_data") / "village.gpkg"
COMMANDS = ("demo", "layers", "rules", "info", "convert", "check", "change", "summary", "map")


@pytest.fixture(scope="module")
def farmland(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few sound parcels of the village."""
    path = tmp_path_factory.mktemp("farmland") / "DK.gpkg"
    faulty = set(pyogrio.read_dataframe(VILLAGE.parent / "truth" / "faults.csv")["feature"])
    frame = gpd.read_file(VILLAGE, layer="DK")
    frame = frame[~frame["DKBM"].isin(faulty) & frame["DKBM"].notna()]
    frame[frame.is_valid & ~frame["DKBM"].duplicated(keep=False)].head(20).to_file(path, layer="DK")
    return path


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_in_both_languages(yuxi: Yuxi, command: str) -> None:
    args = [command] if command else []
    zh = yuxi(*args, "--help", "--lang", "zh")
    en = yuxi(*args, "--help", "--lang", "en")
    assert zh.code == en.code == 0
    assert zh.out.startswith("用法：yuxi-gis") and "Usage" not in zh.out
    assert en.out.startswith("Usage: yuxi-gis") and not any("一" <= c <= "鿿" for c in en.out)


def test_every_option_is_explained_in_the_language() -> None:
    for lang in ("zh", "en"):
        group = build(Console(lang))
        assert list(group.commands) == list(COMMANDS)
        for command in group.commands.values():
            options = [p for p in command.params if p.param_type_name == "option"]
            assert all(getattr(option, "help", None) for option in options), command.name
            chinese = ["一" <= c <= "鿿" for option in options for c in option.help]
            assert any(chinese) == (lang == "zh")


@pytest.mark.parametrize(
    ("args", "env", "expected"),
    [
        (["check", "--lang", "en"], {"LANG": "zh_CN.UTF-8"}, "en"),
        (["--lang=zh", "check"], {"LANG": "en_US.UTF-8"}, "zh"),
        ([], {"LANG": "en_GB.UTF-8"}, "en"),
        ([], {"LC_ALL": "zh_CN.UTF-8", "LANG": "en_GB.UTF-8"}, "zh"),
        ([], {"LANG": "C.UTF-8"}, "zh"),
        (["--lang"], {"LANG": "C"}, "zh"),
    ],
)
def test_language(
    monkeypatch: pytest.MonkeyPatch, args: list[str], env: dict[str, str], expected: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert language(args) == expected


def test_layers(yuxi: Yuxi) -> None:
    for lang in ("zh", "en"):
        out = yuxi("layers", "--lang", lang).out
        for spec in load_catalog().values():
            assert spec.id in out and spec.title(lang) in out
    one = yuxi("layers", "farmland", "--lang", "zh").out
    assert "DKBM" in one and "地块代码" in one and "承包地块" in one
    every = json.loads(yuxi("layers", "--json").out)
    assert [spec["id"] for spec in every] == [*load_catalog(), *load_codes()]
    assert all(entry["source"] and entry["confidence"] in "VMWK" for entry in every)
    listed = [entry for entry in every if entry["kind"] != "codes"]
    by_id = {spec["id"]: spec for spec in listed}
    fields = {f["name"]: f for f in by_id["farmland"]["fields"]}
    assert fields["DKLB"]["codes"]["zh"]["10"] == "承包地块"
    assert all(spec["source"] and spec["confidence"] in "VMWK" for spec in listed)
    assert all(f["source"] and f["confidence"] in "VMWK" for s in listed for f in s["fields"])
    relations = {f["name"]: f["references"] for f in by_id["contract_parcel"]["fields"]}
    assert relations["CBFBM"] == "contractor.CBFBM" and relations["HTMJ"] is None
    assert by_id["contractor"]["geometry"] == "None"
    (edition,) = by_id["landuse"]["editions"]
    assert edition["aliases"]["GDPDJ"] == "GDPDJB"
    assert edition["codes"]["DLBM"]["successors"]["011"] == "0101"


def test_layers_by_groups_and_code_lists(yuxi: Yuxi) -> None:
    out = yuxi("layers", "--lang", "zh").out
    heads = [out.index(f"\n{head}\n" if head != "图层" else "图层\n") for head in (
        "图层", "属性表", "代码表")]  # fmt: skip
    assert heads == sorted(heads)
    assert heads[1] < out.index("CBF_JTCY") < heads[2] < out.index("second_survey")
    assert max(map(len, out.splitlines())) < 130
    landuse = yuxi("layers", "landuse", "--lang", "en").out
    assert "Older edition: Second national land survey" in landuse and "GDPDJ" in landuse
    assert "contractor.CBFBM" in yuxi("layers", "contract_parcel").out
    assert "99" in yuxi("layers", "farmland", "--lang", "zh").out
    old = yuxi("layers", "county_former", "--lang", "en")
    assert "530421" in old.out and "530403" in old.out
    (codes,) = json.loads(yuxi("layers", "county", "--json").out)
    assert len(codes["zh"]) == 9
    assert yuxi("layers", "nothing").code == 2


def test_rules(yuxi: Yuxi) -> None:
    for lang in ("zh", "en"):
        out = yuxi("rules", "--lang", lang).out
        assert all(rule.id in out and rule.title(lang) in out for rule in RULES.values())
    assert "怎样改" in yuxi("rules", "t03", "--lang", "zh").out
    assert "How to mend it" in yuxi("rules", "T03", "--lang", "en").out
    assert {rule["id"] for rule in json.loads(yuxi("rules", "--json").out)} == set(RULES)


def test_info(yuxi: Yuxi, tmp_path: Path) -> None:
    out = yuxi("info", VILLAGE, "--lang", "zh").out
    assert "EPSG:4543" in out and "farmland" in out and "XZKSRQ" in out
    tables = {t["table"]: t for t in json.loads(yuxi("info", VILLAGE, "--json").out)}
    assert tables["XZJSYD"]["missing"] == ["XZKSRQ"]
    assert tables["DK"]["rows"] == len(gpd.read_file(VILLAGE, layer="DK"))


def test_check_clean_is_exit_0(yuxi: Yuxi, farmland: Path) -> None:
    ran = yuxi("check", farmland, "--lang", "zh")
    assert ran.code == 0, ran.out
    assert "没有发现问题" in ran.out


def test_check_village(yuxi: Yuxi, tmp_path: Path) -> None:
    outputs = [tmp_path / f"findings{ending}" for ending in (".json", ".csv", ".xlsx", ".gpkg")]
    args = [arg for path in outputs for arg in ("-o", path)]
    ran = yuxi("check", VILLAGE, "--json", "-q", *args)
    assert ran.code == 1
    assert ran.err == ""
    report = json.loads(ran.out)
    findings = report["findings"]
    assert {"findings", "not_run", "profile", "layers"} <= set(report)
    assert set(COLUMNS) <= set(findings[0])
    assert json.loads(outputs[0].read_text(encoding="utf-8"))["findings"] == findings
    with outputs[1].open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.reader(file))) == len(findings) + 1
    assert openpyxl.load_workbook(outputs[2]).sheetnames
    assert len(gpd.read_file(outputs[3], layer="findings")) == len(findings)


@pytest.mark.parametrize(
    ("fail_on", "code"), [("error", 0), ("warning", 1), ("info", 1), ("never", 0)]
)
def test_fail_on(yuxi: Yuxi, farmland: Path, tmp_path: Path, fail_on: str, code: int) -> None:
    """An area that is 1 % off is a warning."""
    frame = gpd.read_file(farmland)
    frame.loc[0, "SCMJ"] = round(frame.loc[0, "SCMJ"] * 1.01, 2)
    frame.loc[0, "SCMJM"] = round(frame.loc[0, "SCMJ"] * 0.0015, 2)
    frame.to_file(tmp_path / "DK.gpkg", layer="DK")
    assert yuxi("check", tmp_path / "DK.gpkg", "--fail-on", fail_on).code == code


def test_real_parcels(yuxi: Yuxi, shared_data: Path) -> None:
    """Every real file is checked; what official fields it lacks are findings."""
    files = sorted((shared_data / "parcels").iterdir())
    assert files
    for file in files:
        ran = yuxi("check", f"farmland={file}", "--json", "-q")
        report = json.loads(ran.out)
        rules = [finding["rule"] for finding in report["findings"]]
        assert ran.code == 1 and "S09" in rules, file.name


def test_change(yuxi: Yuxi, tmp_path: Path) -> None:
    sample = VILLAGE.parent
    before, after = sample / "scene_before.tif", sample / "scene_after.tif"
    out = tmp_path / "change"
    ran = yuxi("change", before, after, "--parcels", VILLAGE, "-o", out, "--json", "-q")
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert sorted(p.name for p in out.iterdir()) == ["change.tif", "parcels.gpkg", "patches.gpkg"]
    with rasterio.open(out / "change.tif") as raster:
        assert raster.descriptions == ("strength", "changed", "kind")
    patches = gpd.read_file(out / "patches.gpkg")
    assert len(patches) == sum(row["count"] for row in report["patches"])


def test_map(yuxi: Yuxi, farmland: Path, tmp_path: Path) -> None:
    ran = yuxi("map", farmland, "-o", tmp_path / "m.html", "--lang", "en")
    assert ran.code == 0, ran.err
    assert "wrote" in ran.out
    assert (tmp_path / "m.html").read_text(encoding="utf-8").lower().startswith("<!doctype html>")


def test_demo(yuxi: Yuxi, tmp_path: Path) -> None:
    out = tmp_path / "yuxi-demo"
    ran = yuxi("demo", out, "--lang", "zh")
    assert ran.code == 0, ran.err
    assert sorted(p.name for p in out.iterdir()) == [
        "change",
        "findings.xlsx",
        "map.html",
        "village.gpkg",
    ]
    for text in ("农村承包地", "亩", "T03", "map.html"):
        assert text in ran.out
    assert yuxi("demo", out).code == 2
    again = yuxi("demo", out, "--overwrite", "--json", "-q")
    assert json.loads(again.out)["findings"]["T03"] > 0
