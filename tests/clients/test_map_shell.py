"""The page around the map: with the keyboard, at 1366 × 768 and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.clients.mapping import DESKTOP, PHONE, Page, box, browser

#: Keeps what was said while the page was loading.
WATCH = (
    "window.said = []; new MutationObserver((changes) => changes.forEach((change) =>"
    " change.addedNodes.forEach((node) => node.className === 'yuxi-loading' &&"
    " window.said.push(node.textContent)))).observe(document, {childList: true, subtree: true});"
)


@pytest.fixture(scope="module")
def page(chromium: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(chromium, tmp_path_factory.mktemp("profile")) as page:
        source = {"source": WATCH}
        page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
        yield page


def focused(page: Page) -> str:
    return page.js("return document.activeElement.className || document.activeElement.tagName")


def press(page: Page, *keys: str) -> None:
    ActionChains(page.driver).send_keys(*keys).perform()


def test_the_bar_is_one_row_at_1366_and_more_tools_scroll(page: Page, village: Path) -> None:
    page.open(village, DESKTOP)
    assert page.all("#yuxi-bar")[0].size["height"] <= 50
    page.js("for (let i = 0; i < 4; i++) yuxi.tool('print', () => 0); yuxi.app.speak('en')")
    assert page.all("#yuxi-bar")[0].size["height"] <= 56
    parts = [
        part.rect for part in page.all("#yuxi-bar > h1, #yuxi-search, #yuxi-tools, #yuxi-about")
    ]
    ends = [part["x"] + part["width"] for part in parts]
    assert all(end <= part["x"] for end, part in zip(ends, parts[1:], strict=False))
    assert ends[-1] <= DESKTOP[0] and min(part["width"] for part in parts) >= 70


def test_fingers_find_everything_on_a_phone(page: Page, village: Path) -> None:
    page.open(village, PHONE)
    assert page.js("return document.documentElement.scrollWidth") <= PHONE[0]
    small = page.js(
        "return Array.from(document.querySelectorAll('#yuxi-bar button, #yuxi-about summary,"
        " #yuxi-search input, .leaflet-bar a')).filter(n => n.offsetHeight < 36)"
        ".map(n => n.textContent)"
    )
    assert small == []
    assert page.all("#yuxi-search input")[0].size["width"] > 0.9 * PHONE[0]
    page.js("yuxi.app.panels[yuxi.app.panels.length - 1].toggle(true)")
    side, canvas = page.all("#yuxi-side")[0].rect, page.all(".folium-map")[0].rect
    assert side["height"] <= 0.451 * PHONE[1] and side["width"] == PHONE[0]
    assert side["y"] == pytest.approx(canvas["y"] + canvas["height"], abs=1)
    assert side["y"] + side["height"] == pytest.approx(PHONE[1], abs=1)
    assert canvas["height"] > 250


def test_the_keyboard_goes_to_the_map_and_along_the_tools(page: Page, village: Path) -> None:
    page.open(village, DESKTOP)
    assert page.js("return window.said") == ["正在载入…"] and page.all(".yuxi-loading") == []
    press(page, Keys.TAB)
    assert focused(page) == "yuxi-skip"
    assert page.all(".yuxi-skip")[0].rect["y"] >= 0, "seen while it has the keys"
    press(page, Keys.TAB)
    assert focused(page) == "INPUT"
    press(page, Keys.TAB, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert page.js("return Array.from(document.querySelectorAll('.yuxi-tool'))"
                   ".indexOf(document.activeElement)") == 1  # fmt: skip
    assert page.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.js("document.querySelector('.yuxi-skip').focus()")
    press(page, Keys.ENTER)
    assert "folium-map" in focused(page)
    before = page.js("return map.getCenter().lng")
    press(page, Keys.ARROW_RIGHT)
    page.driver.execute_async_script("setTimeout(arguments[0], 600)")
    assert page.js("return map.getCenter().lng") > before


def test_escape_closes_a_panel_and_gives_the_keys_back(page: Page, village: Path) -> None:
    page.open(village, DESKTOP)
    tool = next(tool for tool in page.all(".yuxi-tool") if tool.text == "打印")
    tool.send_keys(Keys.ENTER)
    assert tool.get_attribute("aria-expanded") == "true"
    page.all(".yuxi-print input")[0].send_keys(Keys.ESCAPE)
    assert (
        not page.all("#yuxi-side")[0].is_displayed()
        and page.driver.switch_to.active_element == tool
    )


def test_what_is_selected_is_said(page: Page, village: Path) -> None:
    page.open(village, DESKTOP)
    page.click(*box(3, 2).centroid.coords[0])
    spoken = page.all(".yuxi-spoken")[0]
    assert spoken.get_attribute("role") == "status"
    assert spoken.get_attribute("textContent") == "农村承包地 5304021032030000016"
    names = page.js(
        "return Array.from(document.querySelectorAll("
        "'[role=toolbar], .folium-map, .yuxi-panel, .yuxi-measure'))"
        ".filter(n => !n.getAttribute('aria-label')).map(n => n.className)"
    )
    assert names == []
