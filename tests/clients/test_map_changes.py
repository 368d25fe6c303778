"""Stepping through suspected changes, in a real browser."""

from __future__ import annotations

import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from selenium.webdriver.common.keys import Keys

from tests.clients.mapping import EAST, NORTH, PHONE, Page, box, layers, write_scene
from yuxi_gis.export.webmap import changes as module
from yuxi_gis.export.webmap import write_map


def patches() -> gpd.GeoDataFrame:
    """Small (sure), large (less sure), and two that may be seasonal, on fields and a homestead."""
    shapes = [box(1, 1, 30), box(3, 2, 55), box(5, 4, 40), box(0, 4, 20)]
    fields = {
        "JCBH": ["000001", "000002", "000003", "000004"],
        "kind": ["built", "water", "vegetation_gain", "vegetation_gain"],
        "seasonal": [False, False, True, True],
        "MJ": [900.0, 3025.0, 1600.0, 400.0],
        "MJ_MU": [1.35, 4.54, 2.4, 0.6],
        "confidence": [0.91, 0.62, 0.3, 0.2],
    }
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=4543)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page on which three of the four changes have a picture."""
    folder = tmp_path_factory.mktemp("changes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_CHIPS", 3)
        return write_map(
            folder / "map.html",
            layers(),
            patches=patches(),
            before=write_scene(folder / "before_20230501.tif", None),
            after=write_scene(folder / "after_20240501.tif", box(1, 1, 30)),
        )


def press(page: Page, text: str, css: str = "button") -> None:
    next(node for node in page.all(css) if node.text == text).click()
    page.settle()


def where(page: Page) -> str:
    return page.all(".yuxi-where")[0].text


def card(page: Page) -> str:
    return page.all(".yuxi-change")[0].text


def selected(page: Page) -> str:
    return page.js("var s = yuxi.app.selected; return s && s.layer.features.key(s.i)")


def in_view(page: Page, shape: shapely.Geometry) -> bool:
    """Whether a shape is on the map, beside what lies on it."""
    west, south, east, north = shape.bounds
    left, top = page.pixel(west, north)
    right, bottom = page.pixel(east, south)
    frame = page.all(".folium-map")[0].rect
    covered = page.js("return yuxi.app.covered()")
    inside = frame["x"] <= left < right <= frame["x"] + frame["width"] - covered
    return inside and frame["y"] <= top < bottom <= frame["y"] + frame["height"]


def test_steps_from_the_largest_to_the_smallest(page: Page, path: Path) -> None:
    page.open(path)
    press(page, "疑似变化", ".yuxi-tool")
    assert where(page) == "1 / 2" and selected(page) == "000002"
    assert "新增水面" in card(page) and "000002" in card(page)
    assert "3,025.0" in card(page) and "4.54" in card(page)
    assert "0.62 · 中等" in card(page) and "100 处中约有 62 处" in card(page)
    assert in_view(page, box(3, 2, 55)) and page.js("return map.getZoom()") == 18
    press(page, "下一处")
    assert where(page) == "2 / 2" and selected(page) == "000001"
    assert "新增建（构）筑物或硬化" in card(page) and "0.91 · 较高" in card(page)
    assert in_view(page, box(1, 1, 30))
    press(page, "下一处")
    assert where(page) == "2 / 2", "there is no further one"
    press(page, "上一处")
    assert where(page) == "1 / 2" and selected(page) == "000002"
    press(page, "下一处")
    press(page, "最前")
    assert where(page) == "1 / 2"
    assert [entry["message"] for entry in page.logs("browser")] == []


def test_arrow_keys_step_when_the_panel_has_the_focus(page: Page, path: Path) -> None:
    page.open(path)
    press(page, "疑似变化", ".yuxi-tool")
    centre = page.js("return map.getCenter().lng")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert where(page) == "2 / 2" and selected(page) == "000001"
    assert page.js("return map.getCenter().lng") != centre
    page.all(".yuxi-change-parcel")[0].send_keys(Keys.HOME)
    assert where(page) == "1 / 2"
    # The focus is still in the panel, though what had it is gone.
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert where(page) == "2 / 2"
    page.all(".yuxi-change-options select")[0].send_keys(Keys.ARROW_DOWN)
    assert where(page) == "1 / 2", "the keys of the choice are its own"


def test_order_by_confidence_and_the_possibly_seasonal(page: Page, path: Path) -> None:
    page.open(path)
    press(page, "疑似变化", ".yuxi-tool")
    choice = page.all(".yuxi-change-options select option")
    choice[1].click()
    assert where(page) == "1 / 2" and selected(page) == "000001"
    page.all(".yuxi-change-options input")[0].click()
    page.settle()
    seen = []
    for _ in range(4):
        seen.append(selected(page))
        press(page, "下一处")
    assert seen == ["000001", "000002", "000003", "000004"] and where(page) == "4 / 4"
    assert "可能为季节变化" in card(page)
    shown = "return yuxi.app.shown().map(l => l.id)"
    assert "seasonal_patches" in page.js(shown), "its layer is switched on"
    choice[0].click()
    page.settle()
    seen = []
    for _ in range(4):
        seen.append(selected(page))
        press(page, "下一处")
    assert seen == ["000002", "000003", "000001", "000004"]


def test_picture_is_shown_enlarged_and_missed(page: Page, path: Path) -> None:
    page.open(path)
    press(page, "疑似变化", ".yuxi-tool")
    image = page.all(".yuxi-chip img")[0]
    size = "return [arguments[0].naturalWidth, arguments[0].naturalHeight]"
    assert page.driver.execute_script(size, image) == [644, 360]
    width = image.size["width"]
    page.all(".yuxi-chip")[0].click()
    large = page.all(".yuxi-large img")[0]
    assert large.size["width"] > 3 * width and large.get_attribute("alt") == ""
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert page.all(".yuxi-large") == [] and selected(page) == "000002"
    focus = page.driver.switch_to.active_element
    assert focus.get_attribute("class") == "yuxi-chip"
    focus.send_keys(Keys.ENTER)
    page.all(".yuxi-large")[0].click()
    assert page.all(".yuxi-large") == []
    page.all(".yuxi-change-options input")[0].click()
    page.all(".yuxi-change")[0].click()
    for _ in range(3):
        press(page, "下一处")
    assert "000004" in card(page) and page.all(".yuxi-chip") == []
    assert "文件只附前 3 处" in card(page)


def test_parcels_concerned_take_you_there(page: Page, path: Path) -> None:
    page.open(path)
    press(page, "疑似变化", ".yuxi-tool")
    parcels = page.all(".yuxi-change-parcel")
    assert len(parcels) == 1
    text = parcels[0].text
    # 55 × 55 m of a field of 60 × 60 m.
    assert "农村承包地" in text and "5304021032030000016" in text and "占该地块 84.0 %" in text
    parcels[0].click()
    page.settle()
    assert selected(page) == "5304021032030000016"
    assert page.popup().splitlines()[0] == "农村承包地"
    assert where(page) == "1 / 2" and in_view(page, box(3, 2))
    press(page, "下一处")
    assert selected(page) == "000001" and page.popup() == ""


def test_a_change_chosen_on_the_map_is_looked_at(page: Page, path: Path) -> None:
    page.open(path)
    press(page, "疑似变化", ".yuxi-tool")
    page.js("map.setZoom(17, {animate: false})")
    page.settle()
    page.click(*box(1, 1, 30).centroid.coords[0])
    assert "疑似变化图斑" in page.popup() and where(page) == "2 / 2" and "000001" in card(page)


def test_the_comparison_goes_on(page: Page, path: Path) -> None:
    page.open(path)
    press(page, "对比影像", ".yuxi-tool")
    press(page, "疑似变化", ".yuxi-tool")
    press(page, "下一处")
    assert page.all(".yuxi-handle")[0].is_displayed()
    frame = page.all(".folium-map")[0].rect
    handle = page.all(".yuxi-handle")[0].rect
    assert abs(handle["x"] + handle["width"] / 2 - frame["x"] - frame["width"] / 2) <= 1


def test_in_english_and_on_a_phone(page: Page, path: Path) -> None:
    page.open(path, PHONE)
    page.js("yuxi.app.speak('en')")
    press(page, "Suspected changes", ".yuxi-tool")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    page.settle()
    text = page.all(".yuxi-panel-body")[0].text + card(page)
    assert "New building or hard surface" in text and "0.91 · high" in text
    assert not [c for c in page.all(".yuxi-panel-body")[0].text if "\u4e00" <= c <= "\u9fff"]
    assert selected(page) == "000001"
    assert in_view(page, box(1, 1, 30))


def test_two_thousand_changes_stay_fast(page: Page, tmp_path: Path) -> None:
    n = 2000
    row, column = np.divmod(np.arange(n), 50)
    west, south = EAST + 40 * column, NORTH + 40 * row
    fields = {
        "JCBH": [f"{i:06d}" for i in range(n)],
        "kind": "built",
        "seasonal": False,
        "MJ": np.arange(n) + 400.0,
    }
    shapes = shapely.box(west, south, west + 25, south + 25)
    many = gpd.GeoDataFrame(fields, geometry=shapes, crs=4543)
    page.open(write_map(tmp_path / "map.html", layers(), patches=many))
    press(page, "疑似变化", ".yuxi-tool")
    assert where(page) == "1 / 2,000" and selected(page) == "001999"
    took = page.js(
        "const from = performance.now();"
        "for (let i = 0; i < 50; i++) yuxi.app.changes.step(yuxi.app.changes.at + 1);"
        "return (performance.now() - from) / 50"
    )
    time.sleep(0.1)
    assert where(page) == "51 / 2,000" and selected(page) == "001949"
    assert len(page.all(".yuxi-panel-body *")) < 100, "only one of them is in the page"
    assert took < 100


def test_no_changes_no_panel(page: Page, tmp_path: Path) -> None:
    page.open(write_map(tmp_path / "map.html", layers()))
    assert "疑似变化" not in [tool.text for tool in page.all(".yuxi-tool")]
