"""A village of squares on a page, and what a person does with the page in Chromium."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import from_origin
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from yuxi_gis.export.webmap import write_map

EAST, NORTH = 554_000.0, 2_690_000.0
FARM, HOME, BUILT = (227, 237, 176), (217, 154, 134), "#d7301f"
DESKTOP, PHONE = (1366, 768), (390, 780)

Colour = tuple[int, int, int]


def codes(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{i:05d}" for i in range(1, count + 1)]


def box(column: float, row: float, side: float = 60) -> shapely.Polygon:
    x, y = EAST + 70 * column, NORTH + 70 * row
    return shapely.box(x, y, x + side, y + side)


def layers() -> dict[str, gpd.GeoDataFrame]:
    """A village of squares: 30 fields, 5 homesteads, an idle ring, the boundary around them."""
    fields = [box(i % 6, i // 6) for i in range(30)]
    farmland = gpd.GeoDataFrame(
        {"DKBM": codes("53040210320300", 30), "DKMC": "大田", "DKLB": "10", "ZJRXM": "李小明"},
        geometry=fields,
        crs=4543,
    )
    homes = [box(7, i, 40) for i in range(5)]
    homestead = gpd.GeoDataFrame(
        {"ZDDM": codes("530402103203JC", 5), "HZXM": "王二", "LYZT": "1"}, geometry=homes, crs=4543
    )
    around = shapely.box(EAST - 50, NORTH - 50, EAST + 600, NORTH + 400)
    admin = gpd.GeoDataFrame({"XZQDM": ["530402103203"]}, geometry=[around], crs=4543)
    ring = box(6, 0).difference(box(6, 0).buffer(-20))
    idle = gpd.GeoDataFrame({"XZBH": ["XZ0001"], "XZLX": ["1"]}, geometry=[ring], crs=4543)
    return {"farmland": farmland, "homestead": homestead, "idle_land": idle, "admin": admin}


def patches() -> gpd.GeoDataFrame:
    """A suspected building on field 8 (column 1, row 1), three pixels wide."""
    fields = {"JCBH": ["1"], "kind": ["built"], "seasonal": [False], "MJ": [900.0], "MJ_MU": [1.35]}
    return gpd.GeoDataFrame(fields, geometry=[box(1, 1, 30)], crs=4543)


def findings(text: str = "边界自相交。") -> gpd.GeoDataFrame:
    fields = {
        "rule": ["T01"], "severity": ["error"], "layer": ["farmland"], "feature": ["0"],
        "message_zh": [text], "message_en": [text], "area_m2": [1.0],
    }  # fmt: skip
    place = box(4, 4).centroid.buffer(0.5)
    return gpd.GeoDataFrame(fields, geometry=[place], crs=4543)


def write_scene(path: Path, bright: shapely.Polygon | None) -> Path:
    """Grey noise of 10 m pixels; `bright` is white. Its edges lie on pixel edges."""
    place = from_origin(EAST - 100, NORTH + 500, 10, 10)
    values = np.random.default_rng(3).integers(1000, 1400, (3, 70, 90), dtype="uint16")
    if bright is not None:
        west, south, east, north = bright.bounds
        columns = slice(round((west - EAST + 100) / 10), round((east - EAST + 100) / 10))
        rows = slice(round((NORTH + 500 - north) / 10), round((NORTH + 500 - south) / 10))
        values[:, rows, columns] = 9000
    with rasterio.open(
        path, "w", driver="GTiff", width=90, height=70, count=3, dtype="uint16",
        crs="EPSG:4543", transform=place,
    ) as data:  # fmt: skip
        data.write(values)
        data.descriptions = ("red", "green", "blue")
    return path


# --- The browser ------------------------------------------------------------------------------


class Page:
    """One page in the browser, and what a person does with it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, size: tuple[int, int] = DESKTOP) -> Page:
        self.logs("performance"), self.logs("browser")
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        # A pointer left over the legend would unfold it.
        rest = {"type": "mouseMoved", "x": 1, "y": 1}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", rest)
        self.driver.get(path.as_uri())
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until the layers are unpacked and the canvases drawn and faded in."""
        time.sleep(0.05)
        self.driver.execute_async_script(
            "var done = arguments[0], app = () => window.yuxi && yuxi.app,"
            " fades = () => [...document.querySelectorAll('.leaflet-tile')].some(t =>"
            " t.style.opacity !== '' && t.style.opacity < 1),"
            " busy = () => app() && (yuxi.queue.running || !app().layers.every(l => l.features)"
            " || fades()),"
            " wait = () => busy() ? setTimeout(wait, 20) : requestAnimationFrame(() =>"
            " requestAnimationFrame(() => setTimeout(() => busy() ? wait() : done(), 60)));"
            "wait();"
        )

    def js(self, code: str, *arguments: Any) -> Any:
        """Run JavaScript that sees folium's `map`."""
        find = "Object.keys(window).find(k => /^map_/.test(k) && window[k].fitBounds)"
        return self.driver.execute_script(f"var map = window[{find}]; {code}", *arguments)

    def logs(self, kind: str) -> list[dict[str, Any]]:
        return self.driver.get_log(kind)

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def requests(self) -> list[str]:
        """Addresses that were asked for, except the page itself and what lies within it."""
        messages = [json.loads(entry["message"])["message"] for entry in self.logs("performance")]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        assert any(url.startswith("file://") for url in urls), "the log must see requests"
        return [url for url in urls if not url.startswith(("file://", "data:", "blob:"))]

    def picture(self) -> NDArray[np.uint8]:
        """The screen as red, green, blue, rows × columns × 3."""
        png = base64.b64decode(self.driver.get_screenshot_as_base64())
        with rasterio.open(io.BytesIO(png)) as image:
            return np.moveaxis(image.read([1, 2, 3]), 0, -1)

    def count(self, colour: Colour, tolerance: int = 2) -> int:
        return int(self.mask(colour, tolerance).sum())

    def mask(self, colour: Colour, tolerance: int = 2) -> NDArray[np.bool_]:
        return (np.abs(self.picture().astype(int) - colour) <= tolerance).all(axis=2)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of EPSG:4543 is on the screen."""
        lng, lat = Transformer.from_crs(4543, 4326, always_xy=True).transform(x, y)
        found = self.js(
            "var p = map.latLngToContainerPoint([arguments[1], arguments[0]]);"
            "var r = map.getContainer().getBoundingClientRect(); return [p.x + r.x, p.y + r.y];",
            lng, lat,
        )  # fmt: skip
        return found[0], found[1]

    def click(self, x: float, y: float) -> None:
        """A real click at a place of EPSG:4543."""
        left, top = self.pixel(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            event = {"type": kind, "x": left, "y": top, "button": "left", "clickCount": 1}
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
        time.sleep(0.35)
        self.settle()

    def popup(self) -> str:
        found = self.all(".leaflet-popup-content")
        return found[0].text if found else ""

    def switch(self, title: str) -> None:
        """Click the legend's switch of a layer or scene."""
        for label in self.all(".yuxi-legend label"):
            if label.text.startswith(title):
                label.find_element(By.TAG_NAME, "input").click()
                self.settle()
                return
        raise AssertionError(f"{title} is not in the legend")

    def search(self, *keys: str) -> None:
        box = self.all("#yuxi-search input")[0]
        box.clear()
        box.send_keys(*keys)
        time.sleep(0.35)
        self.settle()


@contextmanager
def browser(chromium: dict[str, str], profile: Path) -> Iterator[Page]:
    """Chromium without a network; `profile` is an empty folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = chromium["browser"]
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run",
        "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromium["driver"]))
    try:
        yield Page(driver)
    finally:
        driver.quit()


def write_village(folder: Path) -> Path:
    """The village's page with everything on it."""
    return write_map(
        folder / "map.html",
        layers(),
        patches=patches(),
        findings=findings(),
        before=write_scene(folder / "before_20230501.tif", None),
        after=write_scene(folder / "after_20240501.tif", box(1, 1, 30)),
    )
