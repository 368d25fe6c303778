"""The legend of the planner's map, in a real browser."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from selenium.webdriver.remote.webelement import WebElement

from tests.clients.mapping import (
    FARM,
    HOME,
    PHONE,
    Page,
    box,
    layers,
    patches,
    write_scene,
)
from yuxi_gis.crs import datum
from yuxi_gis.export.webmap import write_map
from yuxi_gis.units import M2_PER_MU, ellipsoidal_area

LOW = (1366, 480)


def frames() -> dict[str, gpd.GeoDataFrame]:
    """The village with two kinds of fields, and a layer that has no features."""
    village = layers()
    village["farmland"]["DKLB"] = ["10"] * 20 + ["21"] * 10
    village["empty"] = village["idle_land"].iloc[:0]
    return village


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("village")
    scene = write_scene(folder / "before_20230501.tif", None)
    return write_map(folder / "map.html", frames(), patches=patches(), before=scene)


def row(page: Page, title: str) -> WebElement:
    (found,) = [r for r in page.all(".yuxi-legend .yuxi-row") if r.text.startswith(title)]
    return found


def figures(page: Page, title: str) -> list[str]:
    """Label, count and area of a row."""
    return row(page, title).text.split("\n")


def switches(page: Page) -> dict[str, bool | None]:
    """Layers by title: on, off, or None for in part."""
    code = (
        "return [...document.querySelectorAll('.yuxi-layer-row')].map(r => [r.innerText"
        ".split('\\n')[0], (i => i.indeterminate ? null : i.checked)(r.querySelector('input'))])"
    )
    return dict(page.js(code))


def test_counts_and_mu_are_those_of_the_shapes(page: Page, village: Path) -> None:
    page.open(village)
    fields = frames()["farmland"]
    area = ellipsoidal_area(datum.to_crs(fields.geometry, 4326)) / M2_PER_MU
    whole, first, second = (f"{np.sum(a):,.1f}" for a in (area, area[:20], area[20:]))
    assert figures(page, "农村承包地") == ["农村承包地", "30", whole]
    assert figures(page, "承包地块") == ["承包地块", "20", first]
    assert figures(page, "自留地") == ["自留地", "10", second]
    title = row(page, "自留地").find_element("css selector", ".yuxi-mu").get_attribute("title")
    assert "图形椭球面积" in title
    assert page.all(".yuxi-empty")[0].text.split() == ["empty", "0"]


def test_a_category_is_filtered_and_comes_back(page: Page, village: Path) -> None:
    page.open(village)
    before, fields, homes = page.picture(), page.count(FARM), page.count(HOME)
    page.switch("承包地块")
    assert page.count(FARM) < fields / 20 and page.count(HOME) == homes
    assert switches(page)["农村承包地"] is None
    page.switch("自留地")
    assert switches(page)["农村承包地"] is False
    page.switch("农村承包地")
    assert switches(page)["农村承包地"] is True
    assert page.count(FARM) == fields and "自留地" in page.all(".yuxi-legend")[0].text
    assert figures(page, "承包地块")[1] == "20", "counts are totals"
    middle = np.s_[60:700, 60:1030]
    assert (page.picture()[middle] == before[middle]).all(), "the order is as before"
    page.switch("承包地块")
    page.click(*box(0, 0).centroid.coords[0])
    assert page.popup().startswith("行政区"), "what is not shown is not found"


def test_layers_keep_their_order_whatever_is_switched(page: Page, village: Path) -> None:
    page.open(village)
    before, order = page.picture(), list(switches(page))
    assert order == ["疑似变化图斑", "empty", "闲置用地", "农村宅基地", "农村承包地", "行政区"]
    for title in ("疑似变化图斑", "农村承包地", "行政区", "农村承包地", "行政区", "疑似变化图斑"):
        page.switch(title)
    assert list(switches(page)) == order
    middle = np.s_[60:700, 60:1030]
    assert (page.picture()[middle] == before[middle]).all()


def test_states_survive_another_language(page: Page, village: Path) -> None:
    page.open(village)
    for title in ("自留地", "农村宅基地", "前时相"):
        page.switch(title)
    page.js("yuxi.app.speak('en')")
    text = page.all(".yuxi-legend")[0].text
    assert "Contracted farmland" in text and "Before · 2023-05-01" in text and "mu" in text
    states = switches(page)
    assert states["Contracted farmland"] is None and False in states.values()
    assert page.js("return yuxi.app.layers.every(layer => layer.faded)")
    assert page.js(
        "return [...document.querySelectorAll('[name=yuxi-scene]')].map(i => i.checked)"
    ) == [False, True]
    page.js("yuxi.app.speak('zh')")
    page.switch("不显示")
    assert not page.js("return yuxi.app.layers.some(layer => layer.faded)")


@pytest.mark.parametrize("size", [LOW, PHONE], ids=["low", "phone"])
def test_a_long_legend_scrolls_within_the_map(
    page: Page, tmp_path: Path, size: tuple[int, int]
) -> None:
    many = {f"layer {i:02d}": frames()["idle_land"] for i in range(24)}
    page.open(write_map(tmp_path / "map.html", many), size)
    fold, lines = page.all(".yuxi-legend-fold")[0], page.all(".yuxi-legend-list")[0]
    assert lines.is_displayed() is (size == LOW)
    if size == PHONE:
        fold.click()
    rect = page.all(".yuxi-legend")[0].rect
    assert rect["y"] + rect["height"] < size[1] and rect["x"] >= 0
    assert rect["x"] + rect["width"] <= size[0]
    assert page.js("return arguments[0].scrollHeight > arguments[0].clientHeight", lines)
    page.switch("layer 00")
    assert switches(page)["layer 00"] is False, "the last one can be reached"
    fold.click()
    assert not lines.is_displayed() and fold.get_attribute("aria-expanded") == "false"
