"""Profiles: the built-in one, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from yuxi_gis import checks
from yuxi_gis.checks import load_profile, profile_ids, run_checks
from yuxi_gis.errors import CatalogError, ParameterError

STANDARD = Path(checks.__file__).parent / "profiles" / "standard.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = STANDARD.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_standard_tells_value_unit_source_and_date_of_each_parameter() -> None:
    profile = load_profile()
    assert profile.id == "standard"
    assert "standard" in profile_ids()
    for parameter in profile.parameters.values():
        assert parameter.unit and len(parameter.source) > 5
        assert 1980 < parameter.effective_from.year < 2100
    assert profile.numbers("expected_crs") == (4490, 4522, 4543)
    assert profile.number("overlap_area") == 0.01
    assert str(profile) == "standard 2026.2"
    assert profile.title("zh") != profile.title("en")


def test_every_built_in_profile_is_whole() -> None:
    for name in profile_ids():
        profile = load_profile(name)
        assert profile.id == name
        assert set(profile.parameters) == set(load_profile().parameters)


def test_a_profile_of_ones_own_decides(tmp_path: Path) -> None:
    path = changed(tmp_path, "value = 0.01", "value = 0.001")
    shapes = [shapely.box(0, 0, 10, 4), shapely.box(9.998, 0, 20, 4)]  # 0.008 m²
    frame = gpd.GeoDataFrame({"DKBM": ["A", "B"]}, geometry=shapes, crs=4543)
    assert run_checks({"farmland": frame}, rules=["T03"]).findings.empty
    result = run_checks({"farmland": frame}, rules=["T03"], profile=path)
    assert result.findings["value"].tolist() == [pytest.approx(0.008, abs=2e-4)]
    assert result.findings["limit"].tolist() == [0.001]
    assert result.profile.number("overlap_area") == 0.001


def based(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "county.toml"
    head = 'id = "county"\nversion = "1"\ntitle_zh = "本县"\ntitle_en = "County"\n'
    path.write_text(head + text, encoding="utf-8")
    return path


def test_a_profile_says_only_what_is_different(tmp_path: Path) -> None:
    path = based(
        tmp_path,
        'based_on = "standard"\nrules = ["T", "A05"]\nwithout = ["T01"]\n'
        '[severity]\nT03 = "warning"\n[parameters.overlap_area]\nvalue = 1\nunit = "m²"\n'
        'source = "县里的规定"\neffective_from = 2020-01-01\nverified = false\n',
    )
    profile = load_profile(path)
    assert profile.number("overlap_area") == 1 and profile.number("equal_distance") == 0.001
    assert profile.has("T03") and profile.has("A05")
    assert not profile.has("T01") and not profile.has("A01")
    shapes = [shapely.box(0, 0, 10, 5), shapely.box(9, 0, 20, 5), shapely.box(9, 0, 20, 5)]
    frame = gpd.GeoDataFrame({"DKBM": ["A", "B", "B"]}, geometry=shapes, crs=4543)
    result = run_checks({"farmland": frame}, profile=path)
    assert set(result.findings["rule"]) == {"T03", "T05", "T06", "A05"}
    severity = result.findings.groupby("rule")["severity"].agg(set)
    assert severity["T03"] == {"warning"} and severity["T05"] == {"error"}
    assert ("T01", "", "not in profile county") in [
        (run.rule, run.layer, run.reason_en) for run in result.not_run
    ]


def test_an_unverified_limit_is_at_most_a_warning(tmp_path: Path) -> None:
    path = based(
        tmp_path,
        '[severity]\nT03 = "error"\n[parameters.overlap_area]\nvalue = 1\nunit = "m²"\n'
        'source = "听说的"\neffective_from = 2020-01-01\nverified = false\n',
    )
    shapes = [shapely.box(0, 0, 10, 5), shapely.box(9, 0, 20, 5)]
    frame = gpd.GeoDataFrame({"DKBM": ["A", "B"]}, geometry=shapes, crs=4543)
    for profile, severity in ((None, "error"), (path, "warning")):
        found = run_checks({"farmland": frame}, rules=["T03"], profile=profile).findings
        assert found["severity"].tolist() == [severity]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('based_on = "nowhere"', "key based_on"),
        ('rules = ["t03"]', "key rules"),
        ("[severity]\nT03 = 'grave'", "key severity.T03"),
    ],
)
def test_what_is_wrong_in_a_derived_profile(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        load_profile(based(tmp_path, text))


def test_a_rule_that_is_not_there(tmp_path: Path) -> None:
    path = based(tmp_path, 'without = ["T99"]')
    frame = gpd.GeoDataFrame({"DKBM": ["A"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4543)
    with pytest.raises(ParameterError, match="county 1: There is no rule T99"):
        run_checks({"farmland": frame}, profile=path)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "standard"\n', "", "id"),
        ('id = "standard"', "id = 1", "id"),
        ("[parameters.overlap_area]", "[parameters.overlap_aria]", "parameters.overlap_aria"),
        (
            "[parameters.overlap_area]",
            "[parameters.more]\nvalue = 1\nunit = 'm'\nsource = 'x'\neffective_from = 2020-01-01\n"
            "verified = false\n[parameters.overlap_area]",
            "parameters.more",
        ),
        ("value = 0.01", 'value = "0.01"', "parameters.overlap_area.value"),
        ("value = 0.01", "value = -1", "parameters.overlap_area.value"),
        ("value = 0.01", "value = nan", "parameters.overlap_area.value"),
        ("value = 0.01", "value = true", "parameters.overlap_area.value"),
        ("value = 0.01", "value = [1]", "parameters.overlap_area.value"),
        ("value = 0.01", "valeu = 0.01", "parameters.overlap_area.valeu"),
        ("value = 0.01\n", "", "parameters.overlap_area.value"),
        ("value = [4490, 4522, 4543]", "value = []", "parameters.expected_crs.value"),
        ('unit = "m²"', 'unit = "亩"', "parameters.overlap_area.unit"),
        ("verified = true", 'verified = "yes"', "parameters.expected_crs.verified"),
        (
            "effective_from = 2008-07-01",
            "effective_from = 2008",
            "parameters.expected_crs.effective_from",
        ),
        ("[parameters.overlap_area]", "[parameters.overlap_area", "-"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(CatalogError) as caught:
        load_profile(path)
    for text in (caught.value.zh, caught.value.en):
        assert str(path) in text
    assert f"key {key}:" in caught.value.en
    assert f"键 {key}：" in caught.value.zh


def test_no_such_profile() -> None:
    with pytest.raises(ParameterError, match=r"nowhere.*standard"):
        load_profile("nowhere")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogError, match=r"x\.toml"):
        load_profile(path)
