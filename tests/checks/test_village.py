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


#: What the rules see beside the ledger: the consequences of planted overlaps in other layers, and
#: what is natural in such a village. Small patches and sharp corners are there by chance; the
#: former are looked up again below.
CONSEQUENCES: dict[Fault, str] = {
    ("R05", "admin", "530428203202", ""): "two land use overlaps, 296.41 and 225.00 m²",
    ("X06", "protected_cropland", "530428203202000029", "530428203202000163"): (
        "a homestead patch planted inside cropland"
    ),
    ("X07", "protected_cropland", "530428203202000004", "530428203202000029"): (
        "a protected patch grown over its neighbour by 1.8 m"
    ),
}
SHARP = {
    "farmland": {"5304282032020200062", "5304282032020300099"},
    "landuse": {"530428203202000045", "530428203202000048", "530428203202000121"},
    "protected_cropland": {"530428203202000017"},
}
# Square metres that a patch on the map has at least, by land class (TD/T 1055).
SMALLEST = {"05": 200, "06": 200, "07": 200, "08": 200, "09": 200, "01": 400, "02": 400, "03": 400}


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
    natural = {fault for fault in actual if fault[0] in ("T09", "T11")}
    beside = Counter(natural) + Counter(CONSEQUENCES.keys())
    assert actual - expected - beside == Counter(), "found, but not planted"
    assert (expected + Counter(CONSEQUENCES.keys())) - actual == Counter(), "planted, but not found"


def test_small_patches_and_sharp_corners_are_there(
    result: CheckResult, layers: dict[str, gpd.GeoDataFrame]
) -> None:
    table = result.findings
    sharp = table[table["rule"] == "T09"].groupby("layer")["feature"].agg(set).to_dict()
    assert sharp == SHARP
    patches = layers["landuse"]
    smallest = patches["DLBM"].str[:2].map(SMALLEST)
    small = set(patches.loc[patches.area < smallest, "BSM"])
    told = table[(table["rule"] == "T11") & (table["layer"] == "landuse")]
    others = patches.set_index("BSM").loc[sorted(set(told["feature"]) - small)]
    assert small <= set(told["feature"])
    assert (others.area < 600).all() and not others["DLBM"].str[:2].isin(SMALLEST).any()
    assert set(table.loc[table["rule"] == "T11", "layer"]) == {"landuse"}


def test_the_ledger_is_of_rules_that_there_are(ledger: pd.DataFrame) -> None:
    assert set(ledger["rule"]) <= set(RULES) and ledger["rule"].nunique() == 17


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
    idle = [run for run in result.not_run if run.layer == "idle_land"]
    by_field = {run.rule for run in idle if "XZKSRQ" in run.reason_en}
    assert by_field == {"A01", "A12", "L06", "L07"}
    # Made in memory, or of a kind that the village has not.
    others = {"S01", "S08", "T15", "X01", "X09"}
    assert {run.rule for run in result.not_run if run.layer in result.layers} == by_field | others


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
