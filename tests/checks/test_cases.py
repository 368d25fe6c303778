"""Every rule on its table of cases, and what every rule must have."""

from __future__ import annotations

import re

import pytest

from yuxi_gis.checks import FAMILIES, RULES, SECTIONS, load_profile, rule_page, run_checks

from . import cases

ALL = [case for rule in RULES for case in cases.load(rule)]
#: Moving by the zone number is a change of CRS, not of place: the same findings must come out.
MOVED = [case for case in ALL if case.crs == 4543]


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.rule}-{case.name}")
def test_case(case: cases.Case) -> None:
    result = run_checks(case.frames(), rules=[case.rule], profile=case.profile)
    assert not [skipped for skipped in result.not_run if skipped.layer in case.layers]
    cases.compare(case, result.findings, RULES[case.rule].severity)


@pytest.mark.parametrize("case", MOVED, ids=lambda case: f"{case.rule}-{case.name}")
def test_case_with_zone_prefix(case: cases.Case) -> None:
    east = 34_000_000.0
    frames = case.frames(east=east, crs=4522)
    result = run_checks(frames, rules=[case.rule], profile=case.profile)
    cases.compare(case, result.findings, RULES[case.rule].severity, east)


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.rule}-{case.name}")
def test_nothing_is_found_twice_nor_changed(case: cases.Case) -> None:
    """All rules at once find for this rule what it finds alone, and leave the layers alone."""
    layers = case.frames()
    before = {name: frame.copy() for name, frame in layers.items()}
    together = run_checks(layers, profile=case.profile).findings
    alone = run_checks(layers, rules=[case.rule], profile=case.profile).findings
    of_rule = together[together["rule"] == case.rule].reset_index(drop=True)
    assert of_rule["message_zh"].tolist() == alone["message_zh"].tolist()
    for name, frame in layers.items():
        assert frame.equals(before[name])


def test_ids_are_sorted_and_of_a_family() -> None:
    assert list(RULES) == sorted(RULES)
    assert all(re.fullmatch(rf"[{''.join(FAMILIES)}]\d\d", id) for id in RULES)


def test_first_dozen_is_there() -> None:
    first = "S03 S04 S09 A01 A02 A04 A05 T01 T02 T03 T05 R01 R03 L01"
    assert set(RULES) >= set(first.split())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_rule_is_whole(rule) -> None:
    """Titles, a page in both languages, two good and two bad cases, parameters in the profile."""
    chinese = re.compile(r"[\u4e00-\u9fff]")
    assert chinese.search(rule.title_zh)
    assert rule.title_en.isascii()
    for section in SECTIONS:
        assert chinese.search(rule.page("zh")[section]), section
        assert len(rule.page("en")[section]) > 10, section
        assert len(chinese.findall(rule.page("en")[section])) < 30, section
    assert set(rule.parameters) <= set(load_profile().parameters)
    for lang in ("zh", "en"):
        page = rule_page(rule, lang)
        assert page.startswith(f"# {rule.id} {rule.title(lang)}\n")
        assert all(f"`{name}`" in page for name in rule.parameters)
    table = cases.load(rule.id)
    assert sum(not case.expect for case in table) >= 2
    assert sum(bool(case.expect) for case in table) >= 2
    assert all("place" in row for case in table for row in case.expect)


def test_cases_are_of_rules() -> None:
    assert {path.stem for path in cases.FOLDER.glob("*.toml")} == set(RULES)


def test_every_parameter_is_used() -> None:
    used = {name for rule in RULES.values() for name in rule.parameters}
    assert used == set(load_profile().parameters)


def test_a_suspicion_is_no_verdict() -> None:
    for rule in RULES.values():
        if rule.family == "L":
            assert rule.severity != "error"
            assert "疑似" in rule.title_zh
            text = rule_page(rule, "zh") + rule_page(rule, "en")
            assert not re.search(r"违法占用|非法|illegal", text)
