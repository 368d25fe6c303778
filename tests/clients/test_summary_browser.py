"""The page of totals in a real browser, with the network blocked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from tests.clients.mapping import PHONE, Page
from yuxi_gis.export.summary_page import write_page
from yuxi_gis.summary import region_outlines, summarise
from yuxi_gis.symbology import load_style

VILLAGES = ["530402001001", "530402001002", "530402002001"]
EAST, NORTH = 554_000.0, 2_690_000.0


@pytest.fixture(scope="module")
def totals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three villages side by side with 1, 2 and 3 fields, and homesteads in the first."""
    rows = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    shapes = [
        shapely.box(EAST + 200 * v, NORTH + 50 * i, EAST + 200 * v + 40, NORTH + 50 * i + 40)
        for v, i in rows
    ]
    codes = [f"{VILLAGES[v]}{i:07d}" for v, i in rows]
    fields = gpd.GeoDataFrame({"DKBM": codes, "DKLB": "10", "SCMJ": 1600.0}, geometry=shapes)
    homes = gpd.GeoDataFrame({"ZLDWDM": VILLAGES[:1], "LYZT": "1"}, geometry=shapes[:1])
    stripes = [shapely.box(EAST + 200 * v, NORTH, EAST + 200 * v + 200, NORTH + 300)
               for v in range(3)]  # fmt: skip
    names = ["<img src=x onerror=document.title='run'>", "二村", "三村"]
    admin = gpd.GeoDataFrame({"XZQDM": VILLAGES, "XZQMC": names}, geometry=stripes)
    frames = {"farmland": fields, "homestead": homes, "admin": admin}
    layers = {name: frame.set_crs(4543) for name, frame in frames.items()}
    path = tmp_path_factory.mktemp("totals") / "totals.html"
    write_page(path, summarise(layers), region_outlines(layers), inputs=["DK.shp"])
    yield path


def colour(grade: str, ground: tuple[int, int, int]) -> tuple[int, int, int]:
    """The colour of a grade as it lies on the page."""
    symbol = load_style("summary").symbol(grade)
    assert symbol is not None
    channels = [int(symbol.fill[i : i + 2], 16) for i in (1, 3, 5)]
    share = symbol.fill_opacity
    red, green, blue = (
        round(c * share + g * (1 - share)) for c, g in zip(channels, ground, strict=True)
    )
    return red, green, blue


def test_table_and_map_without_a_single_request(page: Page, totals: Path) -> None:
    page.open(totals)
    ground = (246, 245, 240)
    shades = {grade: page.count(colour(grade, ground), 3) for grade in ("1", "2", "3")}
    assert min(shades.values()) > 1000 and max(shades.values()) < 1.3 * min(shades.values())
    rows = [row.text for row in page.all("#yuxi-totals table:first-of-type tr.total")]
    assert rows[0].split()[:3] == ["合计", "6", "9,600.00"]
    page.click(EAST + 500, NORTH + 150)
    assert "三村" in page.popup() and "7.20" in page.popup()
    page.switch("农村宅基地")
    assert page.requests() == []
    assert [entry["message"] for entry in page.logs("browser")] == []


def test_names_of_the_data_stay_text(page: Page, totals: Path) -> None:
    page.open(totals)
    page.click(EAST + 100, NORTH + 150)
    assert "<img src=x" in page.popup()
    assert "<img src=x" in page.all("#yuxi-totals")[0].text
    assert page.driver.title == "玉溪市农村土地汇总"


def test_it_fits_a_telephone(page: Page, totals: Path) -> None:
    page.open(totals, PHONE)
    assert page.driver.execute_script("return document.body.scrollWidth") <= PHONE[0]
    heights = [page.all(css)[0].size["height"] for css in (".folium-map", "#yuxi-totals")]
    assert min(heights) > 150
