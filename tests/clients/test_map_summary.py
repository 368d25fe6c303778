"""Totals of what is in view, and the list saved as CSV, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from numpy.typing import NDArray
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests.clients.mapping import PHONE, Page, box, browser, codes, findings, patches
from yuxi_gis.export.webmap import write_map
from yuxi_gis.units import ellipsoidal_area

#: Two villages of Chunhe and how many of the 30 fields each has; they lie in rows of six.
VILLAGES = {"530402103203": 18, "530402103204": 12}
#: What a spreadsheet would run, what looks like it, and what breaks a careless file.
NAMES = [
    "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "-3.5", '三亩"大"田, 河边',
    "第一行\n第二行", "0012", "大田", "<b>田</b>",
]  # fmt: skip


def farmland() -> gpd.GeoDataFrame:
    """Fields of two kinds (20 contracted, 10 others), names from `NAMES`."""
    keys = [key for village, n in VILLAGES.items() for key in codes(f"{village}00", n)]
    columns = {
        "DKBM": keys,
        "DKMC": [NAMES[i % len(NAMES)] for i in range(30)],
        "DKLB": ["10", "10", "21"] * 10,
        "SCMJ": [3600.125 if i else np.nan for i in range(30)],
        "ZJRXM": "李小明",
    }
    fields = [box(i % 6, i // 6) for i in range(30)]
    return gpd.GeoDataFrame(columns, geometry=fields, crs=4543)


def road() -> gpd.GeoDataFrame:
    """A layer that the catalogue does not know, of lines: counts only."""
    line = shapely.LineString([box(0, 0).centroid, box(5, 4).centroid])
    return gpd.GeoDataFrame({"=name": ["-1+1"]}, geometry=[line], crs=4543)


def mu(frame: gpd.GeoDataFrame) -> NDArray[np.float64]:
    return np.asarray(ellipsoidal_area(frame.geometry)) / (2000 / 3)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def page(
    chromium: dict[str, str], tmp_path_factory: pytest.TempPathFactory, downloads: Path
) -> Iterator[Page]:
    with browser(chromium, tmp_path_factory.mktemp("profile")) as page:
        allow = {"behavior": "allow", "downloadPath": str(downloads)}
        page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", allow)
        yield page


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("totals") / "map.html"
    layers = {"farmland": farmland(), "road": road()}
    return write_map(path, layers, patches=patches(), findings=findings())


class Panel:
    """The panel of totals as a person sees it."""

    def __init__(self, page: Page, tool: str = "本视图汇总") -> None:
        self.page = page
        self.button(tool, "#yuxi-tools").click()
        self.node = page.all(".yuxi-panel:not([hidden])")[0]
        self.settle()
        assert self.total() != ""

    def button(self, text: str, inside: str) -> WebElement:
        found = self.page.all(f"{inside} button")
        return next(button for button in found if button.text == text)

    def press(self, text: str) -> None:
        self.button(text, ".yuxi-panel:not([hidden])").click()
        self.settle()

    def choose(self, layer: str) -> None:
        Select(self.node.find_element(By.TAG_NAME, "select")).select_by_visible_text(layer)
        self.settle()

    def settle(self) -> None:
        time.sleep(0.3)
        self.page.settle()

    def wait(self, true: Callable[[], bool]) -> None:
        end = time.time() + 10
        while not true():
            assert time.time() < end, self.node.text
            time.sleep(0.05)

    def total(self) -> str:
        found = self.page.all(".yuxi-sum-total")
        return found[0].text.replace("\n", " ") if found else ""

    def rows(self, table: int) -> list[list[str]]:
        """The cells of a table: 0 by kind, 1 by village."""
        rows = self.page.all(".yuxi-sums")[table].find_elements(By.CSS_SELECTOR, "tbody tr")
        return [[c.text for c in row.find_elements(By.CSS_SELECTOR, "th, td")] for row in rows]

    def counts(self, table: int) -> list[int]:
        return [int(row[1]) for row in self.rows(table)]


def test_totals_of_all_fields(page: Page, village: Path) -> None:
    panel = Panel(page.open(village))
    panel.choose("农村承包地")
    areas, kind = mu(farmland()), farmland()["DKLB"] == "10"
    assert panel.total().split() == ["30", "个", f"{areas.sum():.2f}", "亩"]
    assert panel.counts(0) == [20, 10]
    assert [row[2] for row in panel.rows(0)] == [
        f"{areas[kind].sum():.2f}",
        f"{areas[~kind].sum():.2f}",
    ]
    assert panel.counts(1) == [18, 12]
    widths = page.driver.execute_script(
        "return Array.from(document.querySelectorAll('.yuxi-sum-share > div'), d => d.style.width)"
    )
    shares = [float(width[:-1]) for width in widths]
    assert shares == pytest.approx([200 / 3, 100 / 3, 60, 40], abs=0.1)


def test_totals_follow_the_view(page: Page, village: Path) -> None:
    panel = Panel(page.open(village))
    panel.choose("农村承包地")
    west, south, east, north = gpd.GeoSeries([box(3, 3)], crs=4543).to_crs(4326).total_bounds
    page.js(
        "map.setView([arguments[0], arguments[1]], 21, {animate: false})",
        (south + north) / 2, (west + east) / 2,
    )  # fmt: skip
    panel.settle()
    assert panel.counts(0) == [1] and panel.total().startswith("1 个")
    panel.press("全部")
    assert panel.counts(0) == [20, 10]
    panel.press("本视图")
    assert panel.counts(0) == [1]
    page.js("map.setView([24.0, 101.5], 17, {animate: false})")
    panel.settle()
    assert "没有" in panel.total() and page.all(".yuxi-sums") == []


def test_totals_follow_the_filter(page: Page, village: Path) -> None:
    panel = Panel(page.open(village))
    panel.choose("农村承包地")
    hide = (
        "var f = yuxi.app.layers.find(l => l.id === 'farmland');"
        "yuxi.app.filter(f, f.features.category[{}], arguments[0])"
    )
    first = page.js("return yuxi.app.layers.find(l => l.id === 'farmland').features.category[0]")
    page.js(hide.format(0), True)
    panel.settle()
    left = panel.counts(0)
    assert left in ([20], [10]) and sum(panel.counts(1)) == left[0]
    page.js(hide.format(0), False)
    panel.settle()
    assert panel.counts(0) == [20, 10] and first in (0, 1)


def test_the_layer_is_the_uppermost_land_layer_shown_until_one_is_chosen(
    page: Page, village: Path
) -> None:
    panel = Panel(page.open(village))
    select = Select(panel.node.find_element(By.TAG_NAME, "select"))
    assert select.first_selected_option.text == "road"
    assert panel.total() == "1 个", "lines have no area"
    page.switch("road")
    panel.settle()
    assert select.first_selected_option.text == "农村承包地"
    assert select.options[0].text == "检查发现", "as the legend lists them"
    panel.choose("疑似变化图斑")
    page.switch("road")
    panel.settle()
    assert select.first_selected_option.text == "疑似变化图斑"
    assert panel.rows(0)[0][1:] == ["1", f"{mu(patches())[0]:.2f}"]


def test_a_village_leads_to_its_fields_by_mouse_and_keyboard(page: Page, village: Path) -> None:
    panel = Panel(page.open(village))
    panel.choose("农村承包地")
    links = page.all("[data-village]")
    assert len(links) == 2
    links[1].send_keys(Keys.ENTER)
    panel.settle()
    assert max(panel.counts(1)) <= 18 and panel.rows(1)[0][1] in ("12", "18")
    west, south, east, north = farmland()[18:].to_crs(4326).total_bounds
    inside = page.js(
        "return map.getBounds().contains([[arguments[1], arguments[0]], [arguments[3],"
        " arguments[2]]])",
        west, south, east, north,
    )  # fmt: skip
    assert inside
    assert page.driver.switch_to.active_element.get_attribute("data-village") is not None


def test_totals_in_english_and_on_a_phone(page: Page, village: Path) -> None:
    panel = Panel(page.open(village, PHONE))
    page.js("yuxi.app.speak('en')")
    panel.settle()
    assert [c for c in panel.node.text if "\u4e00" <= c <= "\u9fff"] == []
    assert "measured on the ellipsoid" in panel.node.text


# --- CSV --------------------------------------------------------------------------------------


def saved(page: Page, panel: Panel, downloads: Path, tool: str = "导出 CSV") -> Path:
    for old in downloads.iterdir():
        old.unlink()
    panel.press(tool)
    panel.wait(lambda: any(p.suffix == ".csv" for p in downloads.iterdir()))
    return next(downloads.iterdir())


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def test_saved_list_is_the_data(page: Page, village: Path, downloads: Path) -> None:
    panel = Panel(page.open(village))
    panel.choose("农村承包地")
    path = saved(page, panel, downloads)
    raw, table, data = path.read_bytes(), read(path), farmland()
    assert path.name.startswith("农村承包地_")
    assert raw.startswith(b"\xef\xbb\xbf") and raw.count(b"\r\n") == 31
    table = table.assign(key=table["地块代码"].str.strip()).set_index("key").loc[data["DKBM"]]
    assert (table["地块代码"] == data["DKBM"].to_numpy() + "\t").all(), "Excel keeps all digits"
    guarded = {
        name: "'" + name for name in NAMES if name[0] in "=+-@" and name != "-3.5"
    } | {"0012": "0012\t"}  # fmt: skip
    expected = [guarded.get(name, " ".join(name.split())) for name in data["DKMC"]]
    assert [" ".join(n.split(" ")).replace("\n", " ") for n in table["地块名称"]] == expected
    measured = pd.to_numeric(table["图形面积（亩）"]).to_numpy()
    np.testing.assert_allclose(measured, mu(data), atol=6e-4)
    recorded = table["实测面积（m²）"]
    assert recorded.iloc[0] == "" and set(recorded.iloc[1:]) <= {"3600.12", "3600.13"}
    assert "李小明" not in raw.decode() and (table["指界人姓名"] == "李**").all()
    assert table["村"].nunique() == 2 and table["村"].value_counts().tolist() == [18, 12]


def test_saved_list_is_what_is_listed(page: Page, village: Path, downloads: Path) -> None:
    panel = Panel(page.open(village))
    panel.choose("农村承包地")
    place = farmland().to_crs(4326).geometry[21].centroid
    page.js("map.setView([arguments[0], arguments[1]], 21, {animate: false})", place.y, place.x)
    panel.settle()
    assert list(read(saved(page, panel, downloads))["地块代码"].str.strip()) == [
        farmland()["DKBM"][21]
    ]
    panel.press("全部")
    page.js("yuxi.app.filter(yuxi.app.layers.find(l => l.id === 'farmland'), 0, true)")
    panel.settle()
    left = read(saved(page, panel, downloads))
    assert len(left) in (10, 20) and left.iloc[:, 2].nunique() == 1


def test_saved_list_in_english_and_of_an_unknown_layer(
    page: Page, village: Path, downloads: Path
) -> None:
    panel = Panel(page.open(village))
    panel.choose("road")
    table = read(saved(page, panel, downloads))
    assert table.to_dict("list") == {"'=name": ["'-1+1"]}
    page.js("yuxi.app.speak('en')")
    panel.settle()
    panel.choose("Suspected changes")
    path = saved(page, panel, downloads, "Save as CSV")
    table = read(path)
    assert path.name.startswith("Suspected changes_")
    assert {"Area (mu)", "Measured area (mu)"} <= set(table.columns)
    assert table["Suspected kind of change"].tolist() == ["New building or hard surface"]
    assert page.logs("browser") == []
