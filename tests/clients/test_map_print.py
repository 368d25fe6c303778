"""The printed sheet, through Chromium's own printing to PDF."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from selenium.webdriver.common.by import By

from tests.clients.mapping import FARM, Page, browser, write_village

PAPERS = {
    ("A4", "landscape"): (297, 210),
    ("A4", "portrait"): (210, 297),
    ("A3", "landscape"): (420, 297),
    ("A3", "portrait"): (297, 420),
}
DOTS = 100
#: printToPDF prints; the page's own call would open a dialog.
STUB = "window.printed = 0; window.print = () => { window.printed++; };"


@pytest.fixture(scope="module")
def page(chromium: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(chromium, tmp_path_factory.mktemp("profile")) as page:
        stub = {"source": STUB}
        page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", stub)
        yield page.open(write_village(tmp_path_factory.mktemp("village")))


def lay_out(page: Page, paper: str, turn: str, title: str = "红塔区 <b>某村</b>") -> str:
    """Fill in the form, wait until the page prints; the sheet's text."""
    tool = next(tool for tool in page.all(".yuxi-tool") if tool.text == "打印")
    tool.click()
    form = page.all(".yuxi-print")[0]
    for select, value in zip(form.find_elements(By.TAG_NAME, "select"), (paper, turn), strict=True):
        page.js("arguments[0].value = arguments[1]", select, value)
    box = form.find_element(By.TAG_NAME, "input")
    box.clear()
    box.send_keys(title)
    page.js("window.printed = 0")
    form.find_element(By.TAG_NAME, "button").click()
    late = time.monotonic() + 40
    while not page.js("return window.printed") and time.monotonic() < late:
        time.sleep(0.05)
    assert page.js("return window.printed") == 1
    return page.all("#yuxi-sheet")[0].text


def pdf(page: Page) -> bytes:
    settings = {"preferCSSPageSize": True, "printBackground": True}
    return base64.b64decode(page.driver.execute_cdp_cmd("Page.printToPDF", settings)["data"])


def raster(content: bytes, folder: Path) -> NDArray[np.uint8]:
    """The first page as red, green, blue, rows × columns × 3."""
    program = shutil.which("pdftoppm")
    if program is None:
        pytest.skip("pdftoppm is not installed")
    source = folder / "map.pdf"
    source.write_bytes(content)
    command = [program, "-r", str(DOTS), "-png", "-singlefile", str(source), str(folder / "map")]
    subprocess.run(command, check=True)
    with rasterio.open(folder / "map.png") as image:
        return np.moveaxis(image.read([1, 2, 3]), 0, -1)


@pytest.mark.parametrize(("paper", "turn"), PAPERS)
def test_one_page_of_the_right_size_and_scale(
    page: Page, tmp_path: Path, paper: str, turn: str
) -> None:
    before = page.js("return [map.getZoom(), map.getCenter().lat, map.getCenter().lng]")
    text = lay_out(page, paper, turn)
    scale = int("".join(re.search(r"1:([\d\u2009]+)", text)[1].split("\u2009")))  # type: ignore[index]
    overflow = page.js(
        "return Array.from(document.querySelectorAll('#yuxi-sheet, #yuxi-sheet > *'))"
        ".filter(n => n.scrollHeight > n.clientHeight + 1 || n.scrollWidth > n.clientWidth + 1)"
        ".map(n => n.className)"
    )
    assert overflow == []
    bar = page.js("return document.querySelector('.yuxi-sheet-bar').getBoundingClientRect().width")
    content = pdf(page)
    assert len(re.findall(rb"/Type ?/Page\b", content)) == 1
    found = re.search(rb"/MediaBox ?\[([^]]*)\]", content)
    assert found is not None
    size = np.array(found[1].split(), float)[2:] / 72 * 25.4
    assert size == pytest.approx(PAPERS[paper, turn], abs=0.3)
    image = raster(content, tmp_path)
    fields = (np.abs(image.astype(int) - FARM) <= 3).all(axis=2)
    share = (0.86, 0.75) if turn == "landscape" else (0.72, 1)
    height, width = np.multiply(fields.shape, share).astype(int)
    rows, columns = np.nonzero(fields[:height, :width])
    # Without the legend, right or below. Six fields of 60 m, 70 m apart, five such rows.
    ground = np.array([5 * 70 + 60, 4 * 70 + 60])
    dots = np.array([np.ptp(columns) + 1, np.ptp(rows) + 1])
    assert dots / DOTS * 0.0254 * scale == pytest.approx(ground, rel=0.01)
    metres = float(re.search(r"([\d.]+) m", text)[1])  # type: ignore[index]
    assert bar / 96 * 0.0254 * scale == pytest.approx(metres, rel=0.005)
    assert page.all("#yuxi-sheet") == [], "the screen is as it was"
    after = page.js("return [map.getZoom(), map.getCenter().lat, map.getCenter().lng]")
    assert after == pytest.approx(before, abs=1e-5)


def test_the_sheet_says_what_is_shown(page: Page) -> None:
    layer = "yuxi.app.layers.find(l => l.id === 'homestead')"
    page.js(f"map.removeLayer({layer})")
    idle = "yuxi.app.layers.find(l => l.id === 'idle_land')"
    page.js(f"yuxi.app.filter({idle}, 0, true)")
    text = lay_out(page, "A4", "landscape")
    assert text.startswith("红塔区 <b>某村</b>"), "text, not HTML"
    for word in ("图例", "农村承包地", "承包地块", "北", "疑似", "已遮盖"):
        assert word in text
    assert "农村宅基地" not in text and "闲置" not in text
    assert time.strftime("打印日期：%Y-%m-%d") in text
    sharp = page.js(
        "return Array.from(document.querySelectorAll('#yuxi-sheet canvas.yuxi-tile'))"
        ".map(tile => tile.width)"
    )
    assert {512} <= set(sharp) <= {0, 512}, "twice the pixels of the screen"
    page.js("window.dispatchEvent(new Event('afterprint'))")
    page.js(f"map.addLayer({layer}); yuxi.app.filter({idle}, 0, false)")
    page.settle()
    shown = "return [devicePixelRatio, document.body.className, map.options.zoomSnap]"
    assert page.js(shown) == [1, "", 0.5]
    assert page.all(".folium-map")[0].rect["width"] > 900
    assert [entry["message"] for entry in page.logs("browser")] == []


def test_a_screenful_is_on_the_paper(page: Page) -> None:
    uncovered = page.js("return yuxi.uncovered(yuxi.app).toBBoxString()")
    lay_out(page, "A4", "portrait")
    inside = "return map.getBounds().pad(1e-6).contains(L.latLngBounds(arguments[0], arguments[1]))"
    west, south, east, north = map(float, uncovered.split(","))
    assert page.js(inside, [south, west], [north, east])
    page.js("window.dispatchEvent(new Event('afterprint'))")
