"""Measuring on the map: figures against PROJ's geodesics, and the tool in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer
from selenium.webdriver.common.keys import Keys

from tests.clients.mapping import DESKTOP, PHONE, Page, box, browser, write_village

GEOD = Geod(ellps="GRS80")
YUXI = (102.54, 24.35)


@pytest.fixture(scope="module")
def page(chromium: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(chromium, tmp_path_factory.mktemp("profile")) as page:
        yield page.open(write_village(tmp_path_factory.mktemp("village")))


@pytest.fixture
def tool(page: Page) -> Iterator[Page]:
    """The page with the tool on, measuring a length."""
    page.js("yuxi.app.measuring.toggle(true)")
    yield page
    page.js("yuxi.app.measuring.clear(); yuxi.app.measuring.toggle(false); yuxi.home(yuxi.app)")


def press(page: Page, *keys: str) -> None:
    page.driver.switch_to.active_element.send_keys(*keys)


def figure(page: Page) -> str:
    return page.all(".yuxi-measure output")[0].text


def place(column: float, row: float) -> tuple[float, float]:
    return box(column, row).bounds[0], box(column, row).bounds[1]


def metres(text: str) -> float:
    return float(text.split()[0].replace(",", ""))


# --- Figures ----------------------------------------------------------------------------------


def test_lengths_agree_with_proj_to_a_millimetre(page: Page) -> None:
    random = np.random.default_rng(1)
    starts = random.uniform((101.3, 23.3), (103.1, 24.9), (60, 2))
    azimuth, length = random.uniform(0, 360, 60), np.geomspace(1, 1e5, 60)
    lng, lat, _ = GEOD.fwd(*starts.T, azimuth, length)
    pairs = [[list(a), [x, y]] for a, x, y in zip(starts.tolist(), lng, lat, strict=True)]
    pairs += [[[YUXI[0], 24.0], [YUXI[0], 24.5]], [[102.0, 24.0], [102.5, 24.0]]]
    found = page.js("return arguments[0].map((p) => yuxi.geodesic(p[0], p[1]))", pairs)
    true = [GEOD.inv(*a, *b)[2] for a, b in pairs]
    assert np.abs(np.subtract(found, true)).max() < 1e-3
    assert page.js("return yuxi.geodesic([102, 24], [102, 24])") == 0


def dense_area(ring: np.ndarray) -> float:
    """The area by PROJ of a ring whose edges are straight in Web Mercator."""
    there = Transformer.from_crs(4326, 3857, always_xy=True)
    corners = np.column_stack(there.transform(*ring.T))
    share = np.arange(400)[:, None] / 400
    edges = pairwise([*corners, corners[0]])
    points = np.vstack([a + share * (b - a) for a, b in edges])
    lng, lat = there.transform(*points.T, direction="INVERSE")
    return abs(GEOD.geometry_area_perimeter(shapely.Polygon(np.column_stack([lng, lat])))[0])


@pytest.mark.parametrize("side", [10.0, 300.0, 5e3, 5e4])
def test_areas_agree_with_proj_to_a_millionth(page: Page, side: float) -> None:
    turns = np.array([10.0, 75, 130, 220, 300])
    lng, lat, _ = GEOD.fwd(np.full(5, YUXI[0]), np.full(5, YUXI[1]), turns, np.full(5, side))
    ring = np.column_stack([lng, lat])
    found = page.js("return yuxi.areaOf(arguments[0])", ring.tolist())
    assert found == pytest.approx(dense_area(ring), rel=1e-6)
    backwards = page.js("return yuxi.areaOf(arguments[0])", ring[::-1].tolist())
    assert backwards == pytest.approx(found, rel=1e-9)


def test_a_ring_that_crosses_itself_is_known(page: Page) -> None:
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    bow = [[0, 0], [1, 1], [1, 0], [0, 1]]
    assert page.js("return [yuxi.crosses(arguments[0]), yuxi.crosses(arguments[1])]", square, bow) \
        == [False, True]  # fmt: skip


# --- The tool ---------------------------------------------------------------------------------


def test_clicks_measure_a_length_and_open_no_popup(tool: Page) -> None:
    tool.click(*place(0, 0))
    tool.click(*place(3, 0))
    assert metres(figure(tool)) == pytest.approx(210, abs=1.5), "two clicks, a pixel is 0.7 m"
    tool.click(*place(3, 2))
    assert metres(figure(tool)) == pytest.approx(350, abs=2)
    press(tool, Keys.BACKSPACE)
    assert metres(figure(tool)) == pytest.approx(210, abs=1.5)
    press(tool, Keys.ENTER)
    assert tool.popup() == "" and tool.js("return yuxi.app.selected") is None
    assert len(tool.all(".yuxi-measured")) == 1, "it stays"
    press(tool, Keys.ESCAPE)
    assert not tool.all(".yuxi-measure")[0].is_displayed()
    tool.click(*box(3, 2).centroid.coords[0])
    assert "农村承包地" in tool.popup(), "clicks ask again"
    assert len(tool.all(".yuxi-measured")) == 1


def test_an_area_in_square_metres_mu_and_hectares(tool: Page) -> None:
    tool.all(".yuxi-measure button")[1].click()
    for corner in (place(0, 0), place(4, 0), place(4, 4), place(0, 4)):
        tool.click(*corner)
    area, mu, hectares = (float(part.split()[0].replace(",", ""))
                          for part in figure(tool).split(" · "))  # fmt: skip
    assert area == pytest.approx(280**2, rel=0.01)
    assert mu == pytest.approx(area * 3 / 2000, abs=0.006)
    assert hectares == pytest.approx(area / 1e4, abs=6e-5)
    tool.click(*place(5, 2))
    assert "自相交" in figure(tool)
    tool.all(".yuxi-measure button")[4].click()
    assert tool.all(".yuxi-measured") == [] and figure(tool) == ""


def test_the_keyboard_alone_measures(tool: Page) -> None:
    start = tool.js("return map.getCenter().lng")
    press(tool, Keys.SPACE)
    press(tool, Keys.ARROW_RIGHT)
    tool.driver.execute_async_script("setTimeout(arguments[0], 600)")
    end, lat = tool.js("return [map.getCenter().lng, map.getCenter().lat]")
    assert end > start
    press(tool, Keys.SPACE)
    assert metres(figure(tool)) == pytest.approx(GEOD.inv(start, lat, end, lat)[2], abs=0.06)
    assert tool.all(".yuxi-keys"), "the cross is shown"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_its_box_fits_the_map(tool: Page, size: tuple[int, int]) -> None:
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    tool.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    rect = tool.all(".yuxi-measure")[0].rect
    assert rect["x"] >= 0 and rect["x"] + rect["width"] <= size[0]
    assert rect["y"] + rect["height"] <= size[1] and rect["height"] < 0.3 * size[1]
