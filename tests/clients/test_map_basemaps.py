"""Basemaps in a real browser: planted control points lie where the data have them."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.export.webmap.cutouts import picture, tile_at, write_mbtiles, write_pmtiles
from yuxi_gis.crs.gcj02 import unshift, wgs84_to_gcj02
from yuxi_gis.export.webmap.basemaps import Basemap, BasemapLayer, basemap
from yuxi_gis.export.webmap.page import OfflineMap, OfflinePage

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SIZE = (900, 640)
#: Places in Yuxi, degrees of WGS 84 (the same in CGCS2000): Hongta, Yuanjiang, Huaning, Xinping.
CONTROLS = [(102.5431, 24.3547), (101.9982, 23.5967), (102.9289, 24.1928), (101.9906, 24.0664)]
#: Around each control point, in pixels of the screen: further marks in the same view.
OFFSETS = [(0, 0), (-330, -230), (310, -200), (-290, 210), (335, 225)]
YUXI = (101.277, 23.315, 103.152, 24.952)
#: A host that is known for GCJ-02; the browser is told that it is this computer.
SHIFTED_HOST = "webrd01.is.autonavi.com"

Place = tuple[float, float]


def neighbours(place: Place, level: float) -> list[Place]:
    """Five places in one view of a level, the first in its middle."""
    degree = 256 * 2**level / 360
    stretch = np.cos(np.radians(place[1]))
    return [(place[0] + x / degree, place[1] + y / degree * stretch) for x, y in OFFSETS]


def shifted(places: list[Place]) -> list[Place]:
    return [tuple(map(float, wgs84_to_gcj02(*place))) for place in places]  # type: ignore[misc]


class Tiles:
    """A tile server on this computer that draws `marks` on white."""

    def __init__(self) -> None:
        self.marks: list[Place] = []
        self.asked: list[str] = []
        self.broken = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                z, x, y = (int(part) for part in self.path.strip("/").split("/"))
                self.send_response(404 if outer.broken else 200)
                self.end_headers()
                if not outer.broken:
                    self.wfile.write(picture((z, x, y), outer.marks))

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def address(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server.server_port}/{{z}}/{{x}}/{{y}}"


class Page:
    """One page in the browser."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, *basemaps: Basemap, lang: str = "zh", view: tuple[Any, ...] = ()) -> Page:
        sheet = OfflinePage("底图", "zh-CN" if lang == "zh" else "en")
        canvas = OfflineMap(
            location=(24.35, 102.54), zoom_start=9, tiles=None, zoom_control=False, max_zoom=22,
            attribution_control=False, prefer_canvas=True, zoom_snap=0.25, fade_animation=False,
        )  # fmt: skip
        sheet.add_child(canvas)
        for i, each in enumerate(basemaps):
            BasemapLayer(each, show=i == 0).add_to(canvas)
        path = self.folder / "page.html"
        path.write_text(sheet.render(), encoding="utf-8")
        metrics = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get_log("browser")
        self.driver.get(path.as_uri())
        return self

    def js(self, code: str, *arguments: Any) -> Any:
        """Run JavaScript that sees the `map` and the shown basemap's `tiles` layers."""
        find = (
            "var own = k => Object.keys(window).find(n => n.startsWith(k) && window[n].addTo);"
            "var map = window[Object.keys(window).find(n => /^map_/.test(n))];"
            "var base = window[Object.keys(window).find(n => /^basemap_layer_/.test(n))];"
            "var tiles = base ? base.getLayers() : [];"
        )
        return self.driver.execute_script(find + code, *arguments)

    def look(self, place: Place, zoom: float) -> None:
        """Centre the map and wait for the tiles."""
        self.js("map.setView([arguments[1], arguments[0]], arguments[2], {animate: false})",
                *place, zoom)  # fmt: skip
        self.settle()

    def settle(self) -> None:
        for _ in range(100):
            time.sleep(0.05)
            if not self.js("return tiles.some(t => t.isLoading())"):
                break
        self.drawn()

    def drawn(self) -> None:
        """Wait until the browser has drawn what there is."""
        self.driver.execute_async_script(
            "var done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)));"
        )

    def picture(self) -> NDArray[np.int64]:
        png = base64.b64decode(self.driver.get_screenshot_as_base64())
        with rasterio.open(io.BytesIO(png)) as image:
            return np.moveaxis(image.read([1, 2, 3]), 0, -1).astype("int64")

    def expected(self, places: list[Place]) -> NDArray[np.float64]:
        code = "return arguments[0].map(p => map.latLngToContainerPoint([p[1], p[0]]))"
        return np.array([[p["x"], p["y"]] for p in self.js(code, places)])

    def data(self, places: list[Place]) -> None:
        """The same places as data: black rings on the canvas of the map."""
        self.js(
            "arguments[0].forEach(p => L.circleMarker([p[1], p[0]],"
            " {radius: 12, weight: 2, color: '#000', fill: false}).addTo(map))",
            places,
        )


def centres(weight: NDArray[np.float64], near: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centres of mass of a picture's weights within 16 pixels of each expected place."""
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    found = []
    for left, top in near:
        part = weight * (np.hypot(x - left, y - top) < 16)
        assert part.sum() > 20, f"nothing near {left:.0f}, {top:.0f}"
        found.append([(part * x).sum() / part.sum(), (part * y).sum() / part.sum()])
    return np.array(found)


def red(image: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much of each pixel is mark (pure red on white, below black rings)."""
    return np.clip(image[..., 0] - image[..., 1:].max(axis=-1), 0, 255) / 255


def black(image: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(image.max(axis=-1) < 128, 1.0, 0.0)


def apart(page: Page, places: list[Place]) -> tuple[float, float]:
    """The greatest distances, in pixels: of marks from data, of data from where they belong.

    Leaflet draws circles at whole pixels.
    """
    want = page.expected(places)
    page.data(places)
    page.drawn()
    image = page.picture()
    marks, rings = centres(red(image), want), centres(black(image), want)
    return (
        float(np.hypot(*(marks - rings).T).max()),
        float(np.hypot(*(rings - want).T).max()),
    )


@pytest.fixture(scope="module")
def tiles() -> Iterator[Tiles]:
    made = Tiles()
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def page(chromium: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium["browser"]
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run", "--no-proxy-server",
        "--disable-dev-shm-usage", "--disk-cache-size=1",
        f"--host-resolver-rules=MAP {SHIFTED_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromium["driver"]))
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    try:
        yield Page(driver, tmp_path_factory.mktemp("page"))
    finally:
        driver.quit()


def ask(word: str) -> Basemap:
    west, south, east, north = YUXI
    return basemap(word, bounds=((south, west), (north, east)))


# The shift ---------------------------------------------------------------------------------------


def test_forward_formula_is_that_of_python(page: Page, tiles: Tiles) -> None:
    page.open(ask(tiles.address(SHIFTED_HOST)))
    random = np.random.default_rng(7)
    places = np.column_stack([random.uniform(73, 136, 3000), random.uniform(3, 54, 3000)])
    ours = page.js("return arguments[0].map(p => yuxi.gcj02.forward(p[0], p[1]))", places.tolist())
    theirs = np.column_stack(wgs84_to_gcj02(*places.T))
    assert np.abs(np.array(ours) - theirs).max() < 1e-9
    assert np.abs(theirs - places).max() > 1e-3
    back = page.js("return arguments[0].map(p => yuxi.gcj02.inverse(p[0], p[1]))", theirs.tolist())
    assert np.abs(np.array(back) - np.column_stack(unshift(*theirs.T, "gcj02"))).max() < 1e-9
    abroad = [[2.35, 48.86], [139.7, 35.7], [103.8, -10.0], [-70.0, 40.0]]
    assert page.js("return arguments[0].map(p => yuxi.gcj02.forward(p[0], p[1]))", abroad) == abroad


def residuals(page: Page, level: int, box: str) -> NDArray[np.float64]:
    """How far from its true place content of a tile is drawn, in pixels: 400 random places."""
    random = np.random.default_rng(level)
    west, south, east, north = YUXI
    lon, lat = random.uniform(west, east, 400), random.uniform(south, north, 400)
    side = 256 * 2.0**level

    def pixel(lon: Any, lat: Any) -> NDArray[np.float64]:
        down = 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)
        return np.column_stack([(lon / 360 + 0.5) * side, down * side])

    true, drawn = pixel(lon, lat), pixel(*wgs84_to_gcj02(lon, lat))
    numbers = np.floor(drawn / 256)
    boxes = page.js(
        "return arguments[0].map(t => {"
        " var b = tiles[0][arguments[2]]({x: t[0], y: t[1], z: arguments[1]});"
        " return [b.min.x, b.min.y, b.max.x, b.max.y]; })",
        numbers.tolist(), level, box,
    )  # fmt: skip
    low, high = np.hsplit(np.array(boxes), 2)
    assert (np.abs(high - low - 256) <= 2).all()
    seen = low + (drawn / 256 - numbers) * (high - low)
    return np.hypot(*(seen - true).T)


def test_what_moving_whole_tiles_leaves_is_less_than_a_pixel(page: Page, tiles: Tiles) -> None:
    """Of the shift half a pixel at most; whole pixels, at which tiles must begin, add theirs."""
    page.open(ask(tiles.address(SHIFTED_HOST)))
    tiles.marks = []
    for level in range(10, 19):
        page.look(CONTROLS[0], level)
        assert residuals(page, level, "_trueBox").max() <= 0.5, level
        assert residuals(page, level, "_tileBox").max() <= 1, level


# Planted control points --------------------------------------------------------------------------


@pytest.mark.parametrize("host", [SHIFTED_HOST, "127.0.0.1"], ids=["gcj02", "plain"])
def test_control_points_coincide(page: Page, tiles: Tiles, host: str) -> None:
    """Tiles of GCJ-02 are moved, plain ones stay; data are where the map has them in both."""
    page.open(ask(tiles.address(host)))
    views = [(zoom, control) for zoom in (15, 18) for control in CONTROLS]
    for zoom, control in [*views, (16.25, CONTROLS[0]), (20, (102.7, 24.1))]:
        scale = 2 ** (zoom - min(round(zoom), 18))  # a tile's pixel on the screen
        places = neighbours(control, zoom)
        tiles.marks = shifted(places) if host == SHIFTED_HOST else places
        page.look(control, zoom)
        marks, data = apart(page, places)
        assert marks <= max(1, scale) and data <= 0.75, (control, marks)
        page.js("map.eachLayer(l => l instanceof L.CircleMarker && l.remove())")


def test_without_the_shift_the_marks_would_be_elsewhere(page: Page, tiles: Tiles) -> None:
    """The proof can fail: the same tiles, taken for plain ones, lie hundreds of metres away."""
    page.open(replace(ask(tiles.address(SHIFTED_HOST)), gcj02=False))
    tiles.marks = shifted([CONTROLS[0]])
    page.look(CONTROLS[0], 15)
    marks = np.argwhere(red(page.picture()) > 0.9)
    assert len(marks)
    away = np.hypot(*(marks.mean(axis=0)[::-1] - page.expected([CONTROLS[0]])[0]))
    assert away > 50


def test_moved_tiles_cover_the_view_without_gaps(page: Page, tiles: Tiles) -> None:
    page.open(ask(tiles.address(SHIFTED_HOST)))
    tiles.marks = []
    page.js("map.getContainer().style.background = '#00f'; base._credit.remove();")
    for zoom in (4, 8, 11, 15, 18, 20):
        page.look(CONTROLS[1], zoom)
        page.js("map.panBy([437, -655], {animate: false})")
        page.settle()
        assert page.picture()[..., 0].min() > 127, zoom


def cut_out(path: Path, write: Callable[..., Path]) -> Path:
    """Levels 15 and 18 around the first two control points, with gaps between the levels."""
    made = {}
    for level in (15, 18):
        for control in CONTROLS[:2]:
            places = neighbours(control, level)
            _, x, y = tile_at(level, *control)
            for tile in ((level, x + i, y + j) for i in range(-3, 4) for j in range(-2, 3)):
                made[tile] = picture(tile, places)
    return write(path, made)


@pytest.mark.parametrize(
    ("name", "write"), [("a.mbtiles", write_mbtiles), ("a.pmtiles", write_pmtiles)]
)
def test_control_points_coincide_in_a_cut_out(
    page: Page, tiles: Tiles, tmp_path: Path, name: str, write: Callable[..., Path]
) -> None:
    tiles.asked.clear()
    page.open(ask(str(cut_out(tmp_path / name, write))))
    for zoom in (15, 18):
        for control in CONTROLS[:2]:
            places = neighbours(control, zoom)
            page.look(control, zoom)
            marks, data = apart(page, places)
            assert marks <= 1 and data <= 0.75, (control, zoom, marks)
            page.js("map.eachLayer(l => l instanceof L.CircleMarker && l.remove())")
    page.look(CONTROLS[0], 16)
    assert red(page.picture()).sum() > 20, "a level that is missing shows the one above"
    started = time.monotonic()
    page.look(CONTROLS[0], 3)
    assert time.monotonic() - started < 3 and page.js("return map.getMinZoom()") == 0
    assert tiles.asked == [] and page.driver.get_log("browser") == []


# The page ----------------------------------------------------------------------------------------


def test_basemap_lies_below_everything_and_says_whose_it_is(page: Page, tiles: Tiles) -> None:
    own, other = ask(tiles.address()), ask(tiles.address(SHIFTED_HOST))
    tiles.marks = []
    page.open(own, other)
    page.settle()
    panes = page.js(
        "return ['yuxi-basemap', 'tilePane', 'overlayPane'].map("
        "n => +getComputedStyle(map.getPane(n)).zIndex)"
    )
    assert panes[0] == 100 and panes[0] < panes[1] < panes[2]
    text = "return [...document.querySelectorAll('.yuxi-credit')].map(n => n.innerText)"
    assert page.js(text) == ["127.0.0.1 · 底图需要能访问它的网络。"]
    assert all(not path.startswith("//") for path in tiles.asked)
    page.js("yuxi.lang = 'en'; yuxi.translate();")
    assert page.js(text) == ["127.0.0.1 · The basemap needs a network that reaches it."]
    page.js("base.remove()")
    assert page.js(text) == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_without_network_a_note_is_all_there_is(page: Page, tiles: Tiles, lang: str) -> None:
    tiles.broken, tiles.marks = True, []
    try:
        page.open(ask(tiles.address()), lang=lang)
        page.js("yuxi.lang = arguments[0]; yuxi.translate()", lang)
        page.settle()
        note = page.js("return document.querySelector('.yuxi-credit [role=status]').innerText")
        words = ("底图未能载入（需要网络）", "The basemap could not be loaded (it needs network)")
        assert note.strip() == words[lang == "en"]
        seen = "i => getComputedStyle(i).visibility !== 'hidden'"
        assert page.js(f"return [...document.images].filter({seen}).length") == 0, (
            "no picture of a broken picture"
        )
    finally:
        tiles.broken = False
    page.look(CONTROLS[1], 15)
    assert page.js("return document.querySelector('.yuxi-credit [role=status]').hidden")


def test_browser_loads_from_the_declared_host_only_and_pictures_only(
    page: Page, tiles: Tiles
) -> None:
    page.open(ask(tiles.address()))
    page.settle()
    origin = tiles.address().partition("/{z}")[0]
    refused = page.driver.execute_async_script(
        "var done = arguments[1], seen = [];"
        "document.addEventListener('securitypolicyviolation', e => seen.push(e.blockedURI));"
        "new Image().src = 'http://127.0.0.1:1/a.png';"
        "fetch(arguments[0] + '/1/0/0').catch(() => 0);"
        "var s = document.createElement('script'); s.src = arguments[0] + '/1/1/1';"
        "document.body.appendChild(s); setTimeout(() => done(seen), 300);",
        origin,
    )
    assert set(refused) == {"http://127.0.0.1:1/a.png", f"{origin}/1/0/0", f"{origin}/1/1/1"}
    assert not {"/1/0/0", "/1/1/1"} & set(tiles.asked)


def test_choice_of_one_basemap_or_none(page: Page, tiles: Tiles) -> None:
    tiles.marks = []
    page.open(ask(tiles.address()), ask("gaode"))
    page.js(
        "var all = Object.keys(window).filter(n => /^basemap_layer_/.test(n)).map(n => window[n]);"
        "yuxi.basemapChoice(map, all, document.body).id = 'choice'; window.all = all;"
    )
    time.sleep(0.1)
    labels = page.driver.find_elements("css selector", "#choice label")
    assert [label.get_attribute("textContent") for label in labels] == [
        "不显示", "底图 127.0.0.1", "高德地图",
    ]  # fmt: skip
    shown = "return window.all.map(b => map.hasLayer(b))"
    for i, want in [
        (1, [True, False]),
        (2, [False, True]),
        (0, [False, False]),
        (1, [True, False]),
    ]:
        page.js("document.querySelectorAll('#choice input')[arguments[0]].click()", i)
        assert page.js(shown) == want
