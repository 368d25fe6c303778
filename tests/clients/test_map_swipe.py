"""Comparing the scene before with the one after, in a real browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import from_origin
from selenium.webdriver.common.keys import Keys

from tests.clients.mapping import EAST, FARM, NORTH, Page, box, layers
from yuxi_gis.export.webmap import write_map

RED, BLUE = (230, 20, 20), (20, 20, 230)
#: Ground that is black at both dates, in a field of red before and of blue after.
MARKS = [box(column, row, 20) for column in (1, 3, 5) for row in (1, 3)]
SCENE = shapely.box(EAST - 100, NORTH - 200, EAST + 800, NORTH + 500)


def write_marked(path: Path, colour: tuple[int, int, int], pixel: float, edge: int) -> Path:
    """A scene of `colour`, `edge` metres larger than `SCENE` on each side, with `MARKS` black."""
    west, south, east, north = SCENE.buffer(edge, join_style="mitre").bounds
    values = np.empty((3, round((north - south) / pixel), round((east - west) / pixel)), "uint8")
    values[:] = np.reshape(colour, (3, 1, 1))
    for mark in MARKS:
        left, bottom, right, top = mark.bounds
        rows = slice(round((north - top) / pixel), round((north - bottom) / pixel))
        columns = slice(round((left - west) / pixel), round((right - west) / pixel))
        values[:, rows, columns] = 0
    # So that the stretch of each band runs from 0 to 255.
    strip = round(130 / pixel)
    values[:, -strip:, :], values[:, :strip, :] = 255, 0
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[2], height=values.shape[1], count=3,
        dtype="uint8", crs="EPSG:4543", transform=from_origin(west, north, pixel, pixel),
    ) as data:  # fmt: skip
        data.write(values)
        data.descriptions = ("red", "green", "blue")
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swipe")
    return write_map(
        folder / "map.html",
        {"farmland": layers()["farmland"]},
        before=write_marked(folder / "before_20230501.tif", RED, 2, 30),
        after=write_marked(folder / "after_20240501.tif", BLUE, 2.5, 75),
    )


def compare(page: Page) -> None:
    """Press the tool."""
    next(tool for tool in page.all(".yuxi-tool") if tool.text == "对比影像").click()
    page.settle()
    time.sleep(0.2)


def edge(page: Page) -> float:
    """Where the handle is on the screen."""
    rect = page.all(".yuxi-handle")[0].rect
    return rect["x"] + rect["width"] / 2


def reds_and_blues(page: Page) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the screen shows the scene before, and the one after, without what lies on them."""
    picture = page.picture().astype(int)
    if page.all(".yuxi-handle") and page.all(".yuxi-handle")[0].is_displayed():
        top = round(page.all(".yuxi-handle")[0].rect["y"])
        picture[top - 10 : top + 60] = 0  # the handle and the ring of its focus
    red, green, blue = np.moveaxis(picture, -1, 0)
    return red - np.maximum(green, blue) > 90, blue - np.maximum(red, green) > 90


def divided(page: Page) -> None:
    """Red is left of the handle, blue right of it, and both reach it."""
    red, blue = (np.nonzero(mask)[1] for mask in reds_and_blues(page))
    at = edge(page)
    assert at - 12 < red.max() <= at + 1 and at - 1 <= blue.min() < at + 12


def drag(page: Page, by: float, touch: bool = False) -> None:
    """Drag the handle with the mouse or a finger."""
    rect = page.all(".yuxi-handle")[0].rect
    x, y = rect["x"] + rect["width"] / 2, rect["y"] + rect["height"] / 2

    def send(kind: int, left: float) -> None:
        if touch:
            name = ("touchStart", "touchMove", "touchEnd")[kind]
            points = [] if kind == 2 else [{"x": left, "y": y}]
            event: dict[str, Any] = {"type": name, "touchPoints": points}
            page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)
        else:
            name = ("mousePressed", "mouseMoved", "mouseReleased")[kind]
            event = {"type": name, "x": left, "y": y, "button": "left", "clickCount": 1}
            page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    send(0, x)
    for step in range(1, 6):
        send(1, x + by * step / 5)
    send(2, x + by)
    page.settle()


def test_before_is_left_of_the_handle_and_after_right_of_it(page: Page, path: Path) -> None:
    page.open(path)
    assert not page.all(".yuxi-handle")[0].is_displayed()
    fields = page.count(FARM)
    assert fields > 10_000
    compare(page)
    divided(page)
    assert page.count(FARM) < fields / 20, "fills fade, so that the scenes can be seen"
    dates = [node.text for node in page.all(".yuxi-divide span")]
    assert dates == ["前时相 · 2023-05-01", "后时相 · 2024-05-01"]
    rects = [node.rect for node in page.all(".yuxi-divide span")]
    assert rects[0]["x"] + rects[0]["width"] < edge(page) < rects[1]["x"]
    assert [entry["message"] for entry in page.logs("browser")] == []


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
def test_handle_is_dragged_and_the_map_stays(page: Page, path: Path, touch: bool) -> None:
    page.open(path)
    compare(page)
    before, centre = edge(page), page.js("return [map.getCenter().lat, map.getCenter().lng]")
    drag(page, -90, touch)
    assert abs(edge(page) - before + 90) <= 1
    divided(page)
    drag(page, 50, touch)
    assert abs(edge(page) - before + 40) <= 1
    assert page.js("return [map.getCenter().lat, map.getCenter().lng]") == centre
    assert page.popup() == ""


def test_handle_works_with_the_keyboard(page: Page, path: Path) -> None:
    page.open(path)
    compare(page)
    handle = page.all(".yuxi-handle")[0]
    assert handle.get_attribute("role") == "slider" and handle.get_attribute("aria-label")
    assert handle.get_attribute("aria-valuenow") == "50"
    width, centre = page.js("return map.getSize().x"), page.js("return map.getCenter().lng")
    at = edge(page)
    handle.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert handle.get_attribute("aria-valuenow") == "44"
    assert abs(at - edge(page) - 0.06 * width) <= 1
    divided(page)
    handle.send_keys(Keys.ARROW_RIGHT)
    assert handle.get_attribute("aria-valuenow") == "46"
    for key, value, shown in ((Keys.HOME, "0", 1), (Keys.END, "100", 0)):
        handle.send_keys(key)
        assert handle.get_attribute("aria-valuenow") == value
        masks = reds_and_blues(page)
        assert masks[shown].any() and not masks[1 - shown].any()
    assert page.js("return map.getCenter().lng") == centre, "the map does not move"


def test_pictures_stay_divided_while_the_map_moves(page: Page, path: Path) -> None:
    page.open(path)
    compare(page)
    at = edge(page)
    page.js("map.panBy([-70, 30], {animate: false})")
    page.settle()
    divided(page)
    page.js("map.setZoom(map.getZoom() + 1)")
    for _ in range(3):
        # In the middle of the animation, too.
        red, blue = (np.nonzero(mask)[1] for mask in reds_and_blues(page))
        assert red.max() <= at + 1 and blue.min() >= at - 1
    time.sleep(0.4)
    page.settle()
    divided(page)
    assert edge(page) == at
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1100, "height": 700, "deviceScaleFactor": 1, "mobile": False},
    )
    time.sleep(0.5)
    page.settle()
    assert edge(page) < at
    divided(page)


def test_legend_chooses_and_the_comparison_gives_way(page: Page, path: Path) -> None:
    def chosen() -> list[int]:
        radios = page.all(".yuxi-legend input[name=yuxi-scene]")
        return [i for i, radio in enumerate(radios) if radio.is_selected()]

    page.open(path)
    page.switch("后时相")
    compare(page)
    assert chosen() == [], "neither of the two alone, nor none"
    compare(page)
    assert chosen() == [2]
    masks = reds_and_blues(page)
    assert masks[1].any() and not masks[0].any(), "what was shown before is shown again"
    compare(page)
    page.switch("前时相")
    assert chosen() == [1] and not page.all(".yuxi-handle")[0].is_displayed()
    masks = reds_and_blues(page)
    assert masks[0].any() and not masks[1].any()
    assert np.nonzero(masks[0])[1].max() > page.js("return map.getSize().x") * 0.6, "not clipped"
    compare(page)
    page.switch("不显示")
    assert chosen() == [0] and not any(mask.any() for mask in reds_and_blues(page))
    page.js("yuxi.app.swipe.start(); yuxi.app.speak('en')")
    assert chosen() == [] and page.all(".yuxi-divide span")[0].text == "Before · 2023-05-01"


@pytest.mark.parametrize("zoom", [16, 16.5, 17.25])
def test_both_pictures_lie_where_their_ground_is(page: Page, path: Path, zoom: float) -> None:
    """Black marks are found within a pixel of where they are, on whatever pixels and extent."""
    page.open(path)
    page.js("map.removeLayer(yuxi.app.layers[0]); map.options.zoomSnap = 0")
    page.js(f"map.setView(map.getCenter(), {zoom}, {{animate: false}})")
    for mark in (MARKS[0], MARKS[3]):
        for title in ("前时相", "后时相"):
            page.switch(title)
            time.sleep(0.2)
            middle, want, share = darkness(page, mark)
            assert np.abs(np.subtract(middle, want)).max() <= 1
            assert share == pytest.approx(1, abs=0.2)


def darkness(page: Page, mark: shapely.Polygon) -> tuple[list[float], list[float], float]:
    """The middle of what is dark on the screen around a mark; the middle of the mark itself; how
    much is dark, as a share of the mark."""
    left, top = page.pixel(*mark.bounds[0:4:3])
    right, bottom = page.pixel(*mark.bounds[2:0:-1])
    first, last = np.floor([top - 9, left - 9]).astype(int), np.ceil([bottom + 9, right + 9])
    window = page.picture()[first[0] : int(last[0]), first[1] : int(last[1])]
    weight = np.clip(1 - window.max(axis=2) / 200.0, 0, 1)
    places = np.indices(weight.shape) + 0.5 + first[:, None, None]
    middle = ((places * weight).sum(axis=(1, 2)) / weight.sum()).tolist()
    size = (right - left) * (bottom - top)
    return middle, [(top + bottom) / 2, (left + right) / 2], float(weight.sum() / size)


def test_one_scene_alone_cannot_be_compared(page: Page, tmp_path: Path) -> None:
    scene = write_marked(tmp_path / "before_20230501.tif", RED, 10, 30)
    page.open(write_map(tmp_path / "map.html", layers(), before=scene))
    assert "对比影像" not in [tool.text for tool in page.all(".yuxi-tool")]
    assert page.all(".yuxi-handle") == []
