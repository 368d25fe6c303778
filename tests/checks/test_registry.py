"""What the decorator refuses, and the pages that are made from docstrings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest

from yuxi_gis.checks import RULES, rule_as_json, rule_page, write_pages
from yuxi_gis.checks.registry import registered, rule
from yuxi_gis.checks.subject import Subject


def declare(id: str = "T99", severity: str = "error", confidence: str = "V", doc: str = "") -> None:
    def check(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
        yield from ()

    check.__doc__ = doc
    rule(id, severity, "名", "Title", confidence=confidence)(check)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"id": "T01"}, "twice"),
        ({"id": "Z01"}, "family"),
        ({"severity": "fatal"}, "severity"),
        ({"confidence": "X"}, "confidence"),
        ({"id": "L99"}, "at most a warning"),
        ({}, "no paragraph '查什么'"),
        ({"doc": "查什么：某事。"}, "no paragraph '为什么'"),
    ],
)
def test_a_rule_that_breaks_a_promise_is_refused(words: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        declare(**words)
    assert set(registered()) == set(RULES)


def test_pages_are_written_for_all_rules_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "T77.md").write_text("a rule of old")
    written = write_pages(tmp_path, RULES)
    assert {path.name for path in tmp_path.iterdir()} == {f"{id}.md" for id in RULES} | {"index.md"}
    assert set(written) == set(tmp_path.iterdir())
    page = (tmp_path / "T03.md").read_text(encoding="utf-8")
    assert "# T03 面重叠" in page and "# T03 Parcels overlap" in page
    assert "`overlap_area` = 0.01 m²" in page
    index = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert all(f"[{id}]({id}.md)" in index for id in RULES)
    # Docstrings are wrapped; pages are not, and Chinese gets no blanks at the joints.
    assert "完全相同的一对归 T05" in page


def test_json_of_a_rule_says_what_its_page_says() -> None:
    for rule_ in RULES.values():
        data = json.loads(json.dumps(rule_as_json(rule_)))
        assert data["id"] == rule_.id
        assert data["page"]["zh"]["mend"] in rule_page(rule_, "zh")
        assert data["page"]["en"]["mend"] in rule_page(rule_, "en")


def test_docs_are_up_to_date(tmp_path: Path) -> None:
    docs = Path(__file__).resolve().parents[2] / "docs" / "rules"
    write_pages(tmp_path, RULES)
    fresh = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {path.name: path.read_bytes() for path in docs.glob("*.md")} == fresh, (
        "run checks.write_pages(Path('docs/rules'), RULES)"
    )
