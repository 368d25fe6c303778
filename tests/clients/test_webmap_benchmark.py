"""The benchmark of the map in a browser: that its measures see what they say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import shapely

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import webmap


@pytest.mark.parametrize("layout", webmap.LAYOUTS)
def test_parcels_are_valid_seeded_and_have_codes_of_their_own(layout: str) -> None:
    frame = webmap.parcels(2500, layout)
    assert len(frame) == 2500 and frame.is_valid.all()
    assert frame["DKBM"].is_unique and frame["DKBM"].str.fullmatch(r"\d{19}").all()
    assert frame["DKBM"].str[:12].nunique() == 4, "villages of 40 × 40 parcels"
    assert frame.geometry.geom_equals_exact(webmap.parcels(2500, layout).geometry, 0).all()
    left, right = frame.sindex.query(frame.geometry, predicate="intersects")
    assert (left != right).any() == (layout == "adjoining")
    assert shapely.area(shapely.union_all(frame.geometry)) == pytest.approx(frame.area.sum())


def test_a_bar_without_a_measure_does_not_hold() -> None:
    held = webmap.bars({"page MB": 15.0, "pan ms": 100.1})
    assert held["page MB"] and not held["pan ms"] and not held["first s"]


def test_a_page_of_ours_is_measured(chromium: dict[str, str], tmp_path: Path) -> None:
    frame = webmap.parcels(400, "adjoining")
    webmap.ours(tmp_path / "ours.html", frame)
    with webmap.opened(tmp_path / "ours.html") as (chrome, shown):
        assert shown is not None and 0 < shown.first <= shown.last
        frames: list[float] = []
        chrome.look(*chrome.centre(), 15)
        with chrome.frames(frames):
            chrome.driver.execute_script("const t = Date.now(); while (Date.now() - t < 300);")
        assert 300 <= frames[0] < 3000, "a planted pause is a long frame"
        before = chrome.centre()
        chrome.drag((600, 400), (200, 0), seconds=0.3)
        assert chrome.centre()[0] < before[0], "dragged to the right, the map shows the west"
        chrome.wheel(1)
        assert chrome.zoom() >= 16
        assert chrome.heap() < chrome.memory()
    assert webmap.clicks(tmp_path / "ours.html", frame, 5) == []
    moved = frame.assign(geometry=frame.translate(1.0))
    assert webmap.rounding(tmp_path / "ours.html", frame) < 0.1
    assert webmap.rounding(tmp_path / "ours.html", moved) == pytest.approx(1, abs=0.1)


def test_an_empty_page_never_appears(chromium: dict[str, str], tmp_path: Path) -> None:
    page = tmp_path / "empty.html"
    page.write_text("<!DOCTYPE html><title>empty</title><button>no polygon</button>")
    with webmap.opened(page, patience=2) as (_, shown):
        assert shown is None
