"""The sample village: every planted fault is found where it was planted, and nothing else."""

from __future__ import annotations

from collections import Counter

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import RULES, CheckResult, run_checks
from yuxi_gis.resources import folder

SAMPLE = folder("sample_data")
CATALOG = load_catalog()
Fault = tuple[str, str, str, str]


def village() -> dict[str, gpd.GeoDataFrame]:
    ids = {spec.name: spec.id for spec in CATALOG.values()}
    path = SAMPLE / "village.gpkg"
    return {
        ids[name]: gpd.read_file(path, layer=name)
        for name, _ in pyogrio.list_layers(path)
        if name in ids
    }


def homesteads_without_prj() -> dict[str, gpd.GeoDataFrame]:
    return {"homestead": gpd.read_file(SAMPLE / "faults" / "ZJD_noprj.shp", encoding="utf-8")}


@pytest.fixture(scope="module")
def layers() -> dict[str, gpd.GeoDataFrame]:
    return village()


@pytest.fixture(scope="module")
def result(layers: dict[str, gpd.GeoDataFrame]) -> CheckResult:
    return run_checks(layers)


@pytest.fixture(scope="module")
def ledger() -> pd.DataFrame:
    return pd.read_csv(SAMPLE / "truth" / "faults.csv", dtype=str, keep_default_na=False).astype(
        {"x": "object", "y": "object"}
    )


def named(rule: str, layer: str, feature: str, other_layer: str, other: str) -> Fault:
    """A fault by name; the two of a pair within one layer in either order."""
    if layer == other_layer:
        feature, other = sorted((feature, other))
    return rule, layer, feature, other


def planted(ledger: pd.DataFrame) -> Counter[Fault]:
    columns = ["rule", "layer", "feature", "other_layer", "other_feature"]
    return Counter(named(*row) for row in ledger[columns].itertuples(index=False))


def found(result: CheckResult, layers: dict[str, gpd.GeoDataFrame]) -> Counter[Fault]:
    """The findings by name; a parcel that is called by its row gets back the code it has there."""

    def code(layer: str, feature: str) -> str:
        if not feature.startswith("#"):
            return feature
        return str(layers[layer].iloc[int(feature[1:]) - 1][CATALOG[layer].key])

    return Counter(
        named(
            row.rule,
            row.layer,
            code(row.layer, row.feature),
            row.other_layer,
            code(row.other_layer, row.other_feature),
        )
        for row in result.findings.itertuples()
    )


def test_exactly_the_planted_faults_are_found(
    result: CheckResult, layers: dict[str, gpd.GeoDataFrame], ledger: pd.DataFrame
) -> None:
    in_village = ledger[ledger["rule"] != "S03"]  # that one is a file of its own
    expected, actual = planted(in_village), found(result, layers)
    assert actual - expected == Counter(), "found, but not planted"
    assert expected - actual == Counter(), "planted, but not found"


def test_every_rule_has_a_planted_fault(ledger: pd.DataFrame) -> None:
    assert set(ledger["rule"]) == set(RULES)


def test_faults_are_found_where_they_were_planted(
    result: CheckResult, ledger: pd.DataFrame
) -> None:
    """Each ledger point is within 1 m of a finding of its rule."""
    places = ledger[ledger["x"] != ""]
    points = gpd.GeoDataFrame(
        places,
        geometry=gpd.points_from_xy(places["x"].astype(float), places["y"].astype(float)),
        crs=4543,
    )
    # A parcel without geometry has no place: the ledger says where it was.
    points = points[points["rule"] != "T02"]
    assert len(points) > 30
    for rule, of_rule in points.groupby("rule"):
        places_found = result.findings.loc[result.findings["rule"] == rule].geometry
        distance = of_rule.geometry.apply(lambda p, there=places_found: there.distance(p).min())
        assert (distance < 1).all(), f"{rule}\n{of_rule.assign(distance=distance)}"


def test_what_was_not_run_is_what_the_planted_gap_prevents(result: CheckResult) -> None:
    assert [(run.rule, run.layer) for run in result.not_run] == [("A01", "idle_land")]
    assert "XZKSRQ" in result.not_run[0].reason_en


def test_layer_without_prj() -> None:
    alone = homesteads_without_prj()
    result = run_checks(alone, rules=["S03", "S04"])
    assert [(f.rule, f.layer) for f in result.findings.itertuples()] == [("S03", "homestead")]


def test_nobody_is_named(result: CheckResult, layers: dict[str, gpd.GeoDataFrame]) -> None:
    """No name, identity number or telephone of the layers stands in a message."""
    said = "\n".join(result.findings["message_zh"] + result.findings["message_en"])
    people = {
        str(value)
        for name, frame in layers.items()
        for field in CATALOG[name].fields
        if field.personal and field.name in frame
        for value in frame[field.name].dropna()
        if len(str(value).strip()) > 1 and str(value) != "NULL"
    }
    assert len(people) > 20
    assert not [person for person in people if person in said]
