"""Checks of layers by rules that each have an id, a page and a table of cases."""

from __future__ import annotations

from yuxi_gis.checks.pages import rule_as_json, rule_page, write_pages
from yuxi_gis.checks.profile import Parameter, Profile, load_profile, profile_ids
from yuxi_gis.checks.registry import FAMILIES, SECTIONS, NotRun, Rule
from yuxi_gis.checks.run import RULES, CheckedLayer, CheckResult, run_checks

__all__ = [
    "FAMILIES",
    "RULES",
    "SECTIONS",
    "CheckResult",
    "CheckedLayer",
    "NotRun",
    "Parameter",
    "Profile",
    "Rule",
    "load_profile",
    "profile_ids",
    "rule_as_json",
    "rule_page",
    "run_checks",
    "write_pages",
]
