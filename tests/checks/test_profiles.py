"""The built-in profiles: which rules hold in them, and that they run."""

from __future__ import annotations

import geopandas as gpd
import pyogrio
import pytest
import shapely

from yuxi_gis.catalog import load_catalog, recognise
from yuxi_gis.checks import FAMILIES, RULES, load_profile, profile_ids, run_checks
from yuxi_gis.resources import folder

BUILT_IN = ("geometry-only", "homestead-survey", "rights-confirmation", "standard", "third-survey")
VILLAGE = folder("sample_data") / "village.gpkg"


@pytest.fixture(scope="module")
def village() -> dict[str, gpd.GeoDataFrame]:
    layers = {}
    for name, _ in pyogrio.list_layers(VILLAGE):
        frame = gpd.read_file(VILLAGE, layer=name)
        spec = recognise(name, frame.columns, load_catalog())
        assert spec is not None
        layers[spec.id] = frame
    return layers


def test_these_are_built_in() -> None:
    assert profile_ids() == BUILT_IN


@pytest.mark.parametrize("name", BUILT_IN)
def test_profile_names_rules_that_are_there(name: str) -> None:
    profile = load_profile(name)
    assert {*profile.rules, *profile.without, *profile.severity} <= {*RULES, *FAMILIES}
    # What is left out would hold without being left out; nothing is named in vain.
    assert all({rule, rule[0]} & set(profile.rules) for rule in profile.without)
    assert profile.based_on == (None if name == "standard" else "standard")
    for parameter, standard in load_profile().parameters.items():
        own = profile.parameters[parameter]
        assert own == standard or (own.value != standard.value and own.source != standard.source)


def test_every_rule_is_in_a_profile_of_its_survey() -> None:
    surveys = [load_profile(name) for name in BUILT_IN[1:] if name != "standard"]
    assert all(load_profile().has(rule) for rule in RULES)
    assert [rule for rule in RULES if not any(each.has(rule) for each in surveys)] == []


@pytest.mark.parametrize("name", BUILT_IN[1:])
def test_profile_has_the_rules_of_its_layers(name: str) -> None:
    """A rule that reads no layer of the survey is not in its profile, all others are."""
    layers = {
        "rights-confirmation": {
            "farmland",
            "contractor",
            "contract",
            "contract_parcel",
            "register",
        },
        "third-survey": {"landuse", "landuse_change", "protected_cropland", "admin"},
        "homestead-survey": {"homestead", "cadastral_parcel", "idle_land"},
        "standard": {layer for rule in RULES.values() for layer in rule.layers},
    }[name]
    families = {"rights-confirmation": "SATRX", "homestead-survey": "SATRXL"}.get(name, "SATRXLC")
    for rule in RULES.values():
        reads = not rule.layers or bool(layers & set(rule.layers))
        assert load_profile(name).has(rule.id) == (reads and rule.family in families), rule.id


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("geometry-only", ("farmland", "admin")),
        ("homestead-survey", ("homestead", "idle_land")),
        ("rights-confirmation", ("farmland",)),
        ("third-survey", ("landuse", "protected_cropland", "admin")),
    ],
)
def test_profile_runs_on_the_village(
    name: str, layers: tuple[str, ...], village: dict[str, gpd.GeoDataFrame]
) -> None:
    result = run_checks({layer: village[layer] for layer in layers}, profile=name)
    profile = load_profile(name)
    assert result.profile == profile
    assert all(profile.has(rule) for rule in set(result.findings["rule"]))
    left_out = {run.rule for run in result.not_run if "not in profile" in run.reason_en}
    assert left_out == {rule for rule in RULES if not profile.has(rule)}


def test_geometry_only_asks_for_no_field() -> None:
    shapes = [
        shapely.box(5e5, 27e5, 500_100, 2_700_050),
        shapely.box(500_099, 27e5, 500_200, 27e5 + 50),
    ]
    frame = gpd.GeoDataFrame(geometry=shapes, crs=4543)
    result = run_checks({"farmland": frame}, profile="geometry-only")
    assert set(result.findings["rule"]) >= {"T03"}
    assert {rule[0] for rule in result.findings["rule"]} == {"T"}
    assert run_checks(
        {"farmland": frame.set_crs(None, allow_override=True)}, profile="geometry-only"
    ).findings["rule"].tolist() == ["S03"]


def test_the_land_survey_has_a_wider_angle() -> None:
    """A corner of 7°: below the 10° of the land survey, above the 5° of rights confirmation."""
    sharp = shapely.Polygon([(5e5, 27e5), (500_100, 27e5), (500_100, 2_700_012.28)])
    frame = gpd.GeoDataFrame({"BSM": ["1"]}, geometry=[sharp], crs=4543)
    for name, angles in (("third-survey", [10]), ("rights-confirmation", [])):
        found = run_checks({"landuse": frame}, profile=name, rules=["T09"]).findings
        assert found["limit"].tolist() == angles
        assert set(found["severity"]) <= {"warning", "info"}
