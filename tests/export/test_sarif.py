"""SARIF, held against the mandatory parts of the standard (2.1.0, OASIS)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from yuxi_gis.checks import RULES, CheckResult, run_checks
from yuxi_gis.checks.baseline import compare
from yuxi_gis.errors import OutputError, SourceError
from yuxi_gis.export.sarif import to_sarif, write_sarif

CODES = ["5304020010010000001", "5304020010010000002", "a/b c%<>\u202e"]


@pytest.fixture(scope="module")
def result() -> CheckResult:
    shapes = [shapely.box(x, 27e5, x + 10, 2700010) for x in (5e5, 500009, 500018)]
    farmland = gpd.GeoDataFrame({"DKBM": CODES}, geometry=shapes, crs=4543)
    bad = SourceError("坏.shp：打不开", "bad.shp: cannot be opened")
    return run_checks({"farmland": farmland}, unread=[bad])


def check_text(message: Any) -> None:
    assert isinstance(message["text"], str) and message["text"]


def check_log(log: dict[str, Any]) -> dict[str, Any]:
    """The mandatory properties and the value sets of the standard; returns the only run."""
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "yuxi-gis"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:
        for name in ("shortDescription", "fullDescription", "help"):
            check_text(rule[name])
        assert rule["name"] and "helpUri" not in rule
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    for invocation in run["invocations"]:
        assert isinstance(invocation["executionSuccessful"], bool)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", invocation["endTimeUtc"])
        for told in invocation["toolConfigurationNotifications"]:
            check_text(told["message"])
            assert told["level"] in ("none", "note", "warning", "error")
            assert ids[told["associatedRule"]["index"]] == told["associatedRule"]["id"]
    for entry in run["results"]:
        check_text(entry["message"])
        assert entry["level"] in ("none", "note", "warning", "error")
        assert ids[entry["ruleIndex"]] == entry["ruleId"]
        assert entry.get("baselineState") in (None, "new", "unchanged", "updated", "absent")
        assert all(isinstance(text, str) for text in entry["partialFingerprints"].values())
        for place in [*entry["locations"], *entry.get("relatedLocations", [])]:
            physical = place.get("physicalLocation")
            if physical is not None:
                assert re.fullmatch(r"[\w.%~-]+", physical["artifactLocation"]["uri"], re.ASCII)
            for logical in place["logicalLocations"]:
                assert logical["kind"] in ("module", "element")
    return run


def prints(run: dict[str, Any]) -> list[str]:
    return [entry["partialFingerprints"]["fault/v1"] for entry in run["results"]]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_structure_and_content(result: CheckResult, lang: str) -> None:
    log = json.loads(
        json.dumps(to_sarif(result, lang=lang, sources={"farmland": "/a/b/地块 1.shp"}))
    )
    run = check_log(log)
    assert len(run["results"]) == len(result.findings)
    notes = run["invocations"][0]["toolConfigurationNotifications"]
    assert len(notes) == len(result.not_run)
    assert not run["invocations"][0]["executionSuccessful"]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} >= set(RULES)
    other = {"zh": "en", "en": "zh"}[lang]
    for entry, row in zip(run["results"], result.findings.itertuples(), strict=True):
        assert entry["message"]["text"] == getattr(row, f"message_{lang}")
        assert entry["properties"][f"message_{other}"] == getattr(row, f"message_{other}")
        place = entry["locations"][0]
        named = place["logicalLocations"][0]["fullyQualifiedName"]
        assert named == "/".join(filter(None, [row.layer, row.feature]))
        assert ("physicalLocation" in place) == bool(row.layer)
        if row.layer:
            uri = place["physicalLocation"]["artifactLocation"]["uri"]
            assert uri == "%E5%9C%B0%E5%9D%97%201.shp"


def test_an_overlap(result: CheckResult) -> None:
    run = check_log(to_sarif(result))
    entry = next(e for e in run["results"] if e["ruleId"] == "T03")
    assert entry["level"] == "error" and "baselineState" not in entry
    told = entry["properties"]
    assert told["value"] == pytest.approx(10) and told["limit"] == 0.01 and told["unit"] == "m²"
    assert (told["lon"], told["lat"]) == pytest.approx((102.0, 24.4), abs=0.01)
    (other,) = entry["relatedLocations"]
    assert other["logicalLocations"][0]["name"] == CODES[1]


def test_fingerprints_stay_from_run_to_run(result: CheckResult) -> None:
    first = prints(check_log(to_sarif(result)))
    assert len(set(first)) == len(first)
    fewer = replace(result, findings=result.findings[1:], about=result.about[1:])
    assert set(prints(check_log(to_sarif(fewer, lang="en")))) < set(first)


def test_baseline_states(result: CheckResult) -> None:
    clean = result.findings[1:].iloc[1:]
    gone = result.findings[result.findings["rule"] == "T03"].assign(feature="gone")
    now = compare(result, pd.concat([clean, gone]))
    run = check_log(to_sarif(now))
    states = [entry["baselineState"] for entry in run["results"]]
    assert states.count("new") == 2 and states.count("absent") == len(gone)
    assert states.count("unchanged") == len(clean)


def test_personal_data_are_masked(result: CheckResult) -> None:
    about = result.about.assign(remark="电话 13812345678")
    text = json.dumps(to_sarif(replace(result, about=about)), ensure_ascii=False)
    assert "13812345678" not in text and "138******78" in text


def test_file(result: CheckResult, tmp_path: Path) -> None:
    path = tmp_path / "f.sarif"
    write_sarif(path, result, inputs=["/home/user/x.shp"])
    log = json.loads(path.read_text(encoding="utf-8"))
    assert check_log(log)["artifacts"] == [{"location": {"uri": "x.shp"}}]
    assert "/home/user" not in path.read_text(encoding="utf-8")
    with pytest.raises(OutputError):
        write_sarif(path, result)
