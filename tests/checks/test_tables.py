"""Tables without geometry, points and lines, and layers of an older edition under the rules."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely import LineString, Point, box

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import RULES, CheckResult, run_checks

CATALOG = load_catalog()
HOUSE = "530402001001000001"


def found(result: CheckResult, rule: str) -> gpd.GeoDataFrame:
    return result.findings[result.findings["rule"] == rule]


#: Rules that judge records, whatever else a table has.
ON_RECORDS = {rule.id for rule in RULES.values() if rule.on == "records"}
#: Rules that cannot run on one table made in memory: no file was read, no other table is there.
WITHOUT_OTHERS = {"S01", "S08", "X02", "X03"}


def contractors(**columns: Any) -> pd.DataFrame:
    fields = CATALOG["contractor"].fields
    row = {f.name: "20160501" if f.type == "Date" else "1" for f in fields} | {"CBFZJLX": "9"}
    return pd.DataFrame({**row, "CBFBM": [HOUSE, HOUSE[:-1] + "2"], **columns})


def test_a_sound_table_has_no_findings_and_no_excuses() -> None:
    result = run_checks({"contractor": contractors()})
    assert result.findings.empty
    here = {skipped.rule for skipped in result.not_run if skipped.layer == "contractor"}
    assert here <= WITHOUT_OTHERS
    assert result.layers["contractor"].count == 2 and result.layers["contractor"].crs is None


def test_attributes_of_a_table_are_judged_without_a_place() -> None:
    table = contractors(CBFMC=["赵", " "], CBFLX=["1", "7"]).drop(columns="CBFDCY")
    result = run_checks({"contractor": table})
    assert result.findings["rule"].tolist() == ["A01", "A02", "S09"]
    assert result.findings["feature"].tolist() == [HOUSE[:-1] + "2"] * 2 + [""]
    assert result.findings.geometry.isna().all() and result.findings.crs is None
    assert "记录" in found(result, "A01")["message_zh"].item()
    assert found(result, "A01")["message_en"].item().startswith("Record ")
    assert "CBFDCY" in found(result, "S09")["message_en"].item()


def test_personal_data_stay_out_of_findings() -> None:
    row = {f.name: "1" for f in CATALOG["household_member"].fields}
    table = pd.DataFrame(
        [{**row, "CBFBM": HOUSE, "CYXM": "李某某", "CYZJHM": "", "CYXB": "李某某"}]
    )
    said = run_checks({"household_member": table}).findings
    assert set(said["rule"]) == {"A01", "A02"}
    assert not said.loc[said["rule"] == "A01", "message_zh"].str.contains("李某某").any()


@pytest.mark.parametrize("layer_id", [spec.id for spec in CATALOG.values() if spec.is_table])
def test_no_rule_on_geometry_looks_at_a_table(layer_id: str) -> None:
    spec = CATALOG[layer_id]
    bare = run_checks({layer_id: pd.DataFrame({spec.key: ["1"]})})
    judged = {run.rule for run in bare.not_run if run.layer == layer_id}
    assert judged | set(bare.findings["rule"]) <= ON_RECORDS
    assert "S09" in set(bare.findings["rule"])


def test_a_table_beside_parcels_changes_nothing_for_them() -> None:
    parcels = gpd.GeoDataFrame(
        {"DKBM": ["5304020010010000001"]}, geometry=[box(5e5, 27e5, 500100, 2700100)], crs=4543
    )
    alone, together = (
        run_checks({"farmland": parcels, **more}) for more in ({}, {"contractor": contractors()})
    )
    assert together.findings.equals(alone.findings)
    excuses = [
        [run for run in result.not_run if run.layer == "farmland"] for result in (alone, together)
    ]
    assert excuses[0] == excuses[1]
    assert together.findings.crs == parcels.crs


def test_points_and_lines_are_no_parcels() -> None:
    """They have a CRS and attributes, but no area: the rules on parcels pass them over."""
    layers = {
        "boundary_point": gpd.GeoDataFrame(
            {"BSM": [1, 2], "JZDH": "J1", "JZDLX": ["1", "8"]},
            geometry=[Point(5e5, 27e5), Point(500010, 27e5)],
            crs=2379,
        ),
        "boundary_line": gpd.GeoDataFrame(
            {"BSM": [1], "JXXZ": ["x"]}, geometry=[LineString([(5e5, 27e5), (500010, 27e5)])]
        ),
    }
    result = run_checks(layers)
    rules = result.findings.groupby("layer")["rule"].agg(list).to_dict()
    assert rules == {"boundary_point": ["A02", "S04", "S07"], "boundary_line": ["A02", "S03"]}
    place = found(result, "A02").set_index("layer").geometry
    assert place["boundary_point"] == Point(500010, 27e5)
    parcels = {id for id, rule in RULES.items() if rule.on == "parcels"}
    assert not parcels & {run.rule for run in result.not_run if run.layer in layers}


SECOND_SURVEY = {
    "BSM": [1, 2, 3],
    "DLBM": ["013", "203", "0103"],
    "GDPDJ": ["3", "", "9"],
    "KCLX": ["TK", "", ""],
    "TKXS": [0.2, 0, 0],
}


def test_an_older_edition_is_judged_by_the_codes_of_its_time() -> None:
    frame = gpd.GeoDataFrame(
        SECOND_SURVEY, geometry=[box(i, 0, i + 1, 1) for i in range(3)], crs=4543
    )
    read = frame.rename(columns=CATALOG["landuse"].official_names(frame.columns))
    read.attrs["edition"] = "second_survey"
    for layer in (frame, read):  # as it came, and as reading hands it over
        result = run_checks({"landuse": layer})
        for rule, field in (("A13", "DLBM"), ("A02", "GDPDJB")):
            said = found(result, rule)
            assert said["feature"].tolist() == ["3"]
            assert field in said["message_en"].item()
    today = frame.rename(columns={"GDPDJ": "GDPDJB", "KCLX": "KCDLBM", "TKXS": "KCXS"})
    result = run_checks({"landuse": today})
    assert len(found(result, "A02")) == 2 and len(found(result, "A13")) == 2


def test_a_code_of_real_data_is_a_warning() -> None:
    frame = gpd.GeoDataFrame(
        {"DKBM": ["A", "B"], "DKLB": ["99", "98"]},
        geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)],
        crs=4543,
    )
    said = found(run_checks({"farmland": frame}), "A02")
    assert said.set_index("feature")["severity"].to_dict() == {"A": "warning", "B": "error"}
