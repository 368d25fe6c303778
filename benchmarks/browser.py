"""A page in headless Chromium without network: when it shows something, how long its frames take.

Screens are 1366 × 768. A frame's time is the gap between two callbacks of requestAnimationFrame.
What is drawn is seen on screenshots, asked for one after the other, of the middle of the screen
at quarter size: nothing is read back from a canvas, which would make Chromium draw it otherwise.
A time by screenshot is late by at most one screenshot (`Appearance.step`).
"""

from __future__ import annotations

import base64
import io
import math
import os
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from urllib3.exceptions import HTTPError

__all__ = ["FAILURES", "SCREEN", "Appearance", "Browser", "browser"]

SCREEN = (1366, 768)
#: What a page that does not answer in time ends in.
FAILURES = (WebDriverException, HTTPError)
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
_MIDDLE = {"x": 283, "y": 134, "width": 800, "height": 500, "scale": 0.25}
#: Channels of a pixel that is coloured, not grey, lie further apart than this; a share of such
#: pixels is a drawing, not a button.
_CHROMA, _SHARE = 20, 0.02
_PROBE = """
(function () {
  const probe = (window.frameProbe = { worst: 0, late: 0, at: performance.now() });
  probe.start = () => { probe.worst = 0; probe.late = probe.at = performance.now(); };
  (function frame() {
    const now = performance.now(), gap = now - probe.at;
    if (gap > probe.worst) probe.worst = gap;
    if (gap > 50) probe.late = now;
    probe.at = now;
    requestAnimationFrame(frame);
  })();
})();
"""
_MAP = (
    "var map = window[Object.keys(window).find("
    "k => /^map_/.test(k) && window[k] && window[k].fitBounds)];"
)


@dataclass(frozen=True)
class Appearance:
    """When a page showed itself, in seconds from the start of the navigation.

    Attributes
    ----------
    first : float
        The first polygons were on the screen.
    last : float
        The last change of the picture.
    step : float
        Between the screenshot that showed polygons and the one before.
    """

    first: float
    last: float
    step: float


class Browser:
    """Chromium with one page, and what a person does with its map."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=_PROBE)
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=SCREEN[0], height=SCREEN[1], deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def cdp(self, command: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)

    def js(self, code: str, *arguments: Any) -> Any:
        """Run JavaScript that sees the Leaflet map as `map`."""
        return self.driver.execute_script(f"{_MAP} {code}", *arguments)

    def shot(self) -> NDArray[np.int16]:
        """The middle of the screen, 125 × 200 × 3."""
        asked = {"format": "png", "optimizeForSpeed": True, "clip": _MIDDLE}
        png = base64.b64decode(self.cdp("Page.captureScreenshot", **asked)["data"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(io.BytesIO(png)) as image:
                return np.moveaxis(image.read([1, 2, 3]), 0, -1).astype(np.int16)

    # --- Appearing ---

    def open(self, path: Path, patience: float) -> Appearance | None:
        """Open a page; None where no polygons appear within `patience` seconds."""
        begun = time.time()
        self.driver.get(path.resolve().as_uri())
        # A screenshot that was asked of the document before would never come.
        while not self.driver.execute_script("return location.protocol === 'file:'"):
            time.sleep(0.01)
        before, first, step, last = time.time(), 0.0, 0.0, 0.0
        picture: NDArray[np.int16] | None = None
        while not first or time.time() - last < 1.5:
            new, now = self.shot(), time.time()
            if not first and _coloured(new):
                first, step = now, now - before
            if picture is None or (new != picture).any():
                last = now
            picture, before = new, now
            if not first and time.time() - begun > patience:
                return None
        start = self.driver.execute_script("return performance.timeOrigin") / 1000
        return Appearance(first - start, last - start, step)

    # --- Frames ---

    @contextmanager
    def frames(self, worst: list[float]) -> Iterator[None]:
        """Append the longest frame in ms, from here until the map has come to rest."""
        self.driver.execute_script("frameProbe.start()")
        yield
        self.rest()
        worst.append(self.driver.execute_script("return frameProbe.worst"))

    def rest(self, least: float = 1.0) -> None:
        """Wait for `least` seconds, then until no frame has been long for half a second."""
        time.sleep(least)
        quiet = "return performance.now() - frameProbe.late"
        for _ in range(100):
            if self.driver.execute_script(quiet) > 500:
                return
            time.sleep(0.1)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.cdp("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, start: tuple[float, float], by: tuple[float, float], seconds: float = 1) -> None:
        """Drag with the left button, in 60 moves a second as far as the page keeps up."""
        begun, share = time.perf_counter(), 0.0
        self.mouse("mousePressed", *start, button="left", clickCount=1)
        while share < 1:
            time.sleep(1 / 60)
            share = min(1.0, (time.perf_counter() - begun) / seconds)
            place = start[0] + share * by[0], start[1] + share * by[1]
            self.mouse("mouseMoved", *place, button="left", buttons=1)
        self.mouse("mouseReleased", *place, button="left", clickCount=1)

    def wheel(self, levels: float) -> None:
        """Turn the wheel, eight notches a second, until the map is `levels` nearer."""
        x, y = SCREEN[0] / 2, SCREEN[1] / 2
        goal = self.zoom() + levels
        for _ in range(80):
            if (self.zoom() - goal) * levels >= 0:
                return
            self.mouse("mouseWheel", x, y, deltaX=0, deltaY=math.copysign(100, -levels))
            time.sleep(1 / 8)

    def click(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    # --- The map ---

    def zoom(self) -> float:
        return float(self.js("return map.getZoom()"))

    def look(self, lng: float, lat: float, zoom: float) -> None:
        """Show a place, without animation."""
        code = "map.setView([arguments[1], arguments[0]], arguments[2], {animate: false})"
        self.js(code, lng, lat, zoom)

    def centre(self) -> tuple[float, float]:
        lng, lat = self.js("var c = map.getCenter(); return [c.lng, c.lat]")
        return lng, lat

    # --- Memory ---

    def heap(self) -> float:
        """MB of JavaScript objects and array buffers in use, after a collection."""
        self.cdp("HeapProfiler.collectGarbage")
        usage = self.cdp("Runtime.getHeapUsage")
        return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 2**20

    def memory(self) -> float:
        """MB of all of the browser's processes, shared pages counted once."""
        total, driver = 0, self.driver.service.process.pid
        for process in _below(driver) - {driver}:
            with suppress(OSError):
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024


def _coloured(picture: NDArray[np.int16]) -> bool:
    return float((np.ptp(picture, axis=2) > _CHROMA).mean()) > _SHARE


def _below(ancestor: int) -> set[int]:
    """A process and its descendants."""
    parent = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent[int(folder.name)] = int(
                (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            )
    found, size = {ancestor}, 0
    while len(found) > size:
        size = len(found)
        found |= {process for process, above in parent.items() if above in found}
    return found


@contextmanager
def browser(patience: float = 120) -> Iterator[Browser]:
    """A fresh browser; a command fails after `patience` seconds."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    program, driver = next(filter(None, found), None), shutil.which("chromedriver")
    if not program or not driver:
        sys.exit("Chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.page_load_strategy = "none"
    for flag in _FLAGS:
        options.add_argument(flag)
    service = Service(driver)
    chrome = webdriver.Chrome(options=options, service=service)
    chrome.command_executor.client_config.timeout = patience  # type: ignore[union-attr]
    try:
        yield Browser(chrome)
    finally:
        processes = _below(service.process.pid)
        with suppress(*FAILURES):
            chrome.command_executor.client_config.timeout = 10  # type: ignore[union-attr]
            chrome.quit()
        for process in processes:  # a page that hangs keeps them
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
