"""The report in a real browser: it loads nothing, runs nothing, and prints on A4."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from yuxi_gis.checks import run_checks
from yuxi_gis.export.report import write_report
from yuxi_gis.read import read_layers
from yuxi_gis.resources import folder

HOSTILE = (
    "</title></svg></style><script>document.title='owned'</script><img src=http://127.0.0.1/x>"
)


@pytest.fixture(scope="module")
def driver(chromium: dict[str, str]) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium["browser"]
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(chromium["driver"])) as browser:
        yield browser


def opened(driver: webdriver.Chrome, path: Path) -> None:
    """Open the page; nothing is asked for but the page, and the console stays silent."""
    driver.get_log("performance"), driver.get_log("browser")
    driver.get(path.as_uri())
    messages: list[dict[str, Any]] = [
        json.loads(entry["message"])["message"] for entry in driver.get_log("performance")
    ]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert urls == [path.as_uri()]
    assert driver.get_log("browser") == []


def test_the_sample_village(driver: webdriver.Chrome, tmp_path: Path) -> None:
    layers = read_layers(folder("sample_data") / "village.gpkg")
    result = run_checks(layers)
    path = tmp_path / "r.html"
    write_report(path, result, layers)
    opened(driver, path)
    found = result.findings["rule"].unique()
    assert len(driver.find_elements(By.CSS_SELECTOR, "h2[id]")) == len(found)
    pictures = driver.find_elements(By.CSS_SELECTOR, "figure svg")
    assert len(pictures) > 5
    for svg in pictures:
        assert svg.size["width"] > 300 and svg.size["height"] > 150
        red = svg.find_elements(By.CSS_SELECTOR, "[stroke='#d7191c']")
        frame = svg.rect
        for shape in red:  # the fault can be seen
            box = shape.rect
            assert frame["x"] <= box["x"] + box["width"] / 2 <= frame["x"] + frame["width"]
            assert frame["y"] <= box["y"] + box["height"] / 2 <= frame["y"] + frame["height"]
    # The style sheet holds: it is let through by its own hash.
    head = driver.find_element(By.CSS_SELECTOR, "th")
    assert head.value_of_css_property("background-color") == "rgba(221, 232, 216, 1)"
    # Nothing is wider than the page.
    assert driver.execute_script("return document.body.scrollWidth <= window.innerWidth")
    pdf = base64.b64decode(driver.print_page())
    assert pdf.startswith(b"%PDF") and len(pdf) > 50_000


def test_hostile_text_stays_text(driver: webdriver.Chrome, tmp_path: Path) -> None:
    shapes = [shapely.box(x, 27e5, x + 10, 2700010) for x in (5e5, 500009, 500018)]
    codes = [HOSTILE, HOSTILE + "2", HOSTILE + "3"]
    frame = gpd.GeoDataFrame({"DKBM": codes, "DKMC": HOSTILE}, geometry=shapes, crs=4543)
    result = run_checks({"farmland": frame})
    result = replace(result, about=result.about.assign(remark=HOSTILE))
    path = tmp_path / "r.html"
    write_report(path, result, {"farmland": frame}, inputs=[HOSTILE], lang="en")
    opened(driver, path)
    assert driver.title == "Report on the checks of rural land data"
    assert driver.find_elements(By.CSS_SELECTOR, "script, img, iframe, object") == []
    assert "<script>document" in driver.find_element(By.TAG_NAME, "body").text
