"""Rules on land classes and cropland, where a table of cases is not enough."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from yuxi_gis.catalog import load_catalog, load_codes
from yuxi_gis.checks import run_checks

RULES = ("A02", "A13", "A14", "A15", "A16", "A17", "A18", "A19", "A20")
SURVEY = ("A14", "A15", "A16", "A17", "A18", "A19", "A20")
NAMES = load_codes()["DLBM"].zh
CROPLAND = {"DLBM": "0103", "DLMC": "旱地", "GDPDJB": "3", "GDLX": "TT", "ZZSXDM": "LS"}
CROPLAND |= {"KCDLBM": "1203", "KCXS": 0.1195, "XZDWKD": 0.0, "CZCSXM": None}
OTHER = {"GDPDJB": None, "GDLX": None, "ZZSXDM": None, "KCDLBM": None, "KCXS": 0.0, "XZDWKD": 0.0}


def layer(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    shapes = [box(n, 0, n + 1, 1) for n in range(len(rows))]
    table = pd.DataFrame(rows).assign(BSM=[str(n) for n in range(len(rows))], MSSM="00", QSXZ="30")
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4543)


def found(rows: list[dict[str, Any]], name: str = "landuse") -> list[tuple[str, str]]:
    table = run_checks({name: layer(rows)}, rules=RULES).findings
    return list(zip(table["rule"], table["feature"], strict=True))


def test_every_class_of_the_survey_can_be_sound() -> None:
    settled = {"0602": "204", "0603": "204", "09": "205"}
    rows = [
        {**(CROPLAND if code[:2] == "01" else OTHER), "DLBM": code, "DLMC": name}
        | {"CZCSXM": settled.get(code, "203")}
        for code, name in NAMES.items()
    ]
    assert found(rows) == []


def test_a_wrong_code_is_found_once_and_silences_what_depends_on_it() -> None:
    rows = [CROPLAND, {**CROPLAND, "DLBM": "013", "GDPDJB": None}, {**CROPLAND, "GDPDJB": "6"}]
    assert found(rows) == [("A02", "2"), ("A13", "1")]


@pytest.mark.parametrize("name", ["landuse", "landuse_change", "farmland_target"])
def test_all_layers_with_the_fields_are_judged(name: str) -> None:
    bare = {**CROPLAND, "GDPDJB": None, "ZZSXDM": None}
    assert found([bare], name) == [("A15", "0"), ("A19", "0")]


def test_a_layer_of_the_second_survey_is_not_judged_by_the_rules_of_today() -> None:
    frame = layer([{**CROPLAND, "DLBM": "013", "DLMC": "水田", "GDPDJB": None}])
    frame.attrs["edition"] = "second_survey"
    result = run_checks({"landuse": frame}, rules=RULES)
    assert result.findings.empty
    told = {run.rule: run.reason_en for run in result.not_run if run.layer == "landuse"}
    assert set(told) == set(SURVEY)
    assert all("Second national land survey" in reason for reason in told.values())


def test_every_class_of_the_second_survey_says_what_became_of_it() -> None:
    old = load_codes()["second_survey"]
    rows = [{**OTHER, "DLBM": "0301", "DLMC": "乔木林地", "CZCSXM": None}] * len(old.zh)
    rows += [{**OTHER, "DLBM": code, "DLMC": "x", "CZCSXM": None} for code in old.zh]
    table = run_checks({"landuse": layer(rows)}, rules=["A13"]).findings
    assert len(table) == len(old.zh)
    said = dict(zip(table["feature"].astype(int) - len(old.zh), table["message_zh"], strict=True))
    for n, (code, name) in enumerate(old.zh.items()):
        new = f"（今 {old.successors[code]}）" if code in old.successors else ""
        assert f"二调土地分类的{name}{new}。" in said[n]


def test_a_layer_of_one_wrong_class_is_reported_by_its_parcels() -> None:
    """One or two codes do not tell which classification a layer uses."""
    rows = [{**OTHER, "DLBM": "072", "DLMC": "农村宅基地", "CZCSXM": "203"}] * 3
    assert [feature for rule, feature in found(rows) if rule == "A13"] == ["0", "1", "2"]


def test_adjustable_classes_are_those_of_the_list() -> None:
    spec = load_catalog()["landuse"]
    adjustable = [code for code in NAMES if code.endswith("K")]
    assert len(adjustable) == 9
    base = {code[:-1] for code in adjustable}
    assert base <= set(NAMES)
    rows = [
        {**OTHER, "DLBM": code, "DLMC": NAMES[code[:-1]], "CZCSXM": None} for code in adjustable
    ]
    table = run_checks({spec.id: layer(rows)}, rules=["A14"]).findings
    assert table["severity"].tolist() == ["warning"] * 9


def test_missing_numbers_are_no_deduction_and_no_width() -> None:
    rows = [{**OTHER, "DLBM": "0301", "DLMC": "乔木林地", "CZCSXM": None, "KCXS": np.nan}]
    rows[0]["XZDWKD"] = np.nan
    assert found(rows) == []
