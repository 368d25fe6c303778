"""Search and popup of the planner's map, in a real browser."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from selenium.webdriver.common.keys import Keys

from tests.clients.mapping import DESKTOP, EAST, NORTH, PHONE, Page, box, codes, findings
from yuxi_gis.export.webmap import write_map

HOUSEHOLD = "5304020010010000"
HOSTILE = "<b>甲</b>组晒场"


def layers() -> dict[str, gpd.GeoDataFrame]:
    """Two villages of 12 and 6 fields, 3 homesteads, and parcels of which 4 are one household's."""
    keys = codes("53040200100101", 12) + codes("53040200100201", 6)
    names = ["大田"] * 16 + ["Ａ区 秧田", HOSTILE]
    fields = [box(i % 6, i // 6) for i in range(18)]
    farmland = gpd.GeoDataFrame(
        {"DKBM": keys, "DKMC": names, "DKLB": ["10", "21"] * 9, "ZJRXM": "李小明", "SCMJ": 3600.0},
        geometry=fields, crs=4543,
    )  # fmt: skip
    homestead = gpd.GeoDataFrame(
        {"ZDDM": codes("530402001001JC", 3), "ZLDWDM": "530402001001",
         "ZLDWMC": ["幸福路1号", "幸福路2号", "河边"]},
        geometry=[box(7, i, 40) for i in range(3)], crs=4543,
    )  # fmt: skip
    owned = gpd.GeoDataFrame(
        {"code": list("abcdef"), "household": [HOUSEHOLD + "07"] * 4 + [HOUSEHOLD + "08", "x"]},
        geometry=[box(i, 3) for i in range(6)], crs=4543,
    )  # fmt: skip
    admin = gpd.GeoDataFrame(
        {"XZQDM": ["530402001001"], "XZQMC": ["荷花社区"]},
        geometry=[box(0, 0, 900)], crs=4543,
    )  # fmt: skip
    return {"farmland": farmland, "homestead": homestead, "owned": owned, "admin": admin}


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("village") / "map.html"
    return write_map(path, layers(), findings=findings().assign(feature="53040200100101" + "00001"))


def hits(page: Page, text: str) -> list[str]:
    """The rows that are listed for what is typed, each in one line."""
    page.search(text)
    return [" ".join(row.text.split()) for row in page.all("#yuxi-results [role=option]")]


def marks(page: Page) -> list[str]:
    return [mark.text for mark in page.all("#yuxi-results mark")]


def in_view(page: Page, *shapes: Any) -> bool:
    corners = [page.pixel(x, y) for s in shapes for x in s.bounds[::2] for y in s.bounds[1::2]]
    return all(0 < x < DESKTOP[0] - 310 and 45 < y < DESKTOP[1] for x, y in corners)


# --- Search -------------------------------------------------------------------------------------


def test_codes_come_first_and_the_match_is_marked(page: Page, village: Path) -> None:
    page.open(village)
    exact = hits(page, "5304020010010100001")
    assert exact[0] == "农村承包地 地块代码 5304020010010100001"
    assert exact[1].startswith("检查发现") and len(exact) == 2
    rows = hits(page, "530402001001")
    assert rows[0] == "行政区 行政区代码 530402001001"
    assert [row.split()[0] for row in rows[1:13]] == ["农村宅基地"] * 3 + ["农村承包地"] * 9
    assert set(marks(page)) == {"530402001001"}
    assert hits(page, "JC0000") == hits(page, "ｊｃ 0000") == [
        f"农村宅基地 宗地代码 530402001001JC0000{i}" for i in (1, 2, 3)
    ]  # fmt: skip
    assert marks(page) == ["JC0000"] * 3


def test_other_columns_say_which_field_matched(page: Page, village: Path) -> None:
    page.open(village)
    assert hits(page, "幸福路2") == [
        "农村宅基地 530402001001JC00002 坐落单位名称 幸福路2号"
    ]  # fmt: skip
    assert hits(page, "a区秧") == ["农村承包地 5304020010020100005 地块名称 Ａ区 秧田"]
    assert marks(page) == ["Ａ区 秧"]
    assert hits(page, "大田") == ["农村承包地 16 个 地块名称 大田"]
    assert hits(page, "晒场")[0].endswith(HOSTILE), "text, not HTML"
    assert hits(page, "小明") == [] and "姓名已遮盖" in page.all("#yuxi-results")[0].text
    assert hits(page, "3600") == []


def test_a_household_takes_to_all_its_parcels(page: Page, village: Path) -> None:
    page.open(village)
    page.search(HOUSEHOLD + "07", Keys.ENTER)
    time.sleep(0.2)
    assert "共 4 个" in page.all("#yuxi-search [role=status]")[0].text
    assert in_view(page, box(0, 3), box(3, 3)) and not in_view(page, box(0, 0))
    assert page.js("return yuxi.app.mark.getLayers().length") == 4
    assert page.popup() == ""


def test_a_village_takes_to_its_parcels_of_all_layers(page: Page, village: Path) -> None:
    page.open(village)
    rows = hits(page, "荷花社区")
    assert rows[0].startswith("农村宅基地 3、农村承包地 12、行政区 1 村")
    assert rows[1] == "行政区 530402001001 行政区名称 荷花社区"
    zoom = page.js("return map.getZoom()")
    page.search("新兴社区", Keys.ENTER)
    time.sleep(0.2)
    assert "共 6 个" in page.all("#yuxi-search [role=status]")[0].text
    assert in_view(page, box(0, 2), box(5, 2)) and page.js("return map.getZoom()") > zoom


def test_hidden_layers_and_categories_come_on(page: Page, village: Path) -> None:
    page.open(village)
    state = "var l = yuxi.app.layers.find(l => l.id === 'farmland'); return "
    page.switch("农村承包地")
    page.search("5304020010010100003", Keys.ENTER)
    assert page.js(state + "map.hasLayer(l)") and "5304020010010100003" in page.popup()
    page.switch("自留地")
    page.search("5304020010010100005", Keys.ENTER)
    assert page.js(state + "l.hidden") == [False, True], "its category was not hidden"
    page.search("5304020010010100004", Keys.ENTER)
    assert page.js(state + "l.hidden") == [False, False]


def test_keyboard_and_long_lists(page: Page, village: Path) -> None:
    page.open(village)
    page.search("5")
    assert len(page.all("#yuxi-results [role=option]")) <= 30
    page.search("JC0000", Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    box_ = page.all("#yuxi-search input")[0]
    chosen = page.all("#yuxi-results [aria-selected=true]")
    assert [row.get_attribute("id") for row in chosen] == [
        box_.get_attribute("aria-activedescendant")
    ]
    box_.send_keys(Keys.ESCAPE)
    assert not page.all("#yuxi-results")[0].is_displayed()
    box_.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    page.settle()
    assert "530402001001JC00001" in page.popup()


def test_search_on_a_phone(page: Page, village: Path) -> None:
    page.open(village, PHONE)
    page.search("JC00002")
    page.all("#yuxi-results [role=option]")[0].click()
    page.settle()
    popup, fold = page.all(".leaflet-popup")[0].rect, page.all(".yuxi-legend")[0].rect
    assert popup["x"] >= 0 and popup["x"] + popup["width"] <= PHONE[0]
    assert popup["y"] >= fold["y"] + fold["height"], "not behind the legend"


# --- Popup --------------------------------------------------------------------------------------


def test_popup_follows_the_language(page: Page, village: Path) -> None:
    page.open(village)
    page.click(*box(1, 1).centroid.coords[0])
    page.all(".yuxi-popup summary")[1].click()
    lines = page.popup().splitlines()
    assert "地块类别 自留地 [21]" in lines and "指界人姓名 李**" in lines
    assert "实测面积 3,600.00 m²" in lines
    area, _ = [line for line in lines if line.startswith("图形椭球面积")]
    assert re.fullmatch(r"图形椭球面积 3,\d{3}\.\d m² = 5\.\d\d 亩", area)
    assert any(line.startswith("所在村") and "荷花社区" in line for line in lines)
    page.js("yuxi.app.speak('en')")
    text = page.popup()
    assert "Parcel code 5304020010010100008" in text and "Also here" in text
    opened = page.js(
        "return [...document.querySelectorAll('.yuxi-popup details')].map(d => d.open)"
    )
    assert opened == [True, True]
    page.js("yuxi.app.speak('zh')")


def test_focus_goes_into_the_popup_and_back(page: Page, village: Path) -> None:
    page.open(village)
    page.search("JC00001", Keys.ENTER)
    inside = "return document.activeElement.closest('.leaflet-popup') !== null"
    assert page.js(inside)
    page.driver.switch_to.active_element.send_keys(Keys.TAB, Keys.TAB)
    assert page.js(inside)
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    time.sleep(0.1)
    assert page.popup() == ""
    assert page.js("return document.activeElement.parentNode.id") == "yuxi-search"


def test_the_code_can_be_copied(page: Page, village: Path) -> None:
    page.open(village)
    page.search("JC00001", Keys.ENTER)
    page.js(
        "window.copied = []; navigator.clipboard.writeText = t => {"
        " copied.push(t); return Promise.reject(); };"
        " document.execCommand = c => { copied.push(document.activeElement.value); return 1; }"
    )
    page.all(".yuxi-copy")[0].click()
    time.sleep(0.1)
    assert page.js("return copied") == ["530402001001JC00001"] * 2, "and the way of old browsers"
    assert page.all(".yuxi-copy")[0].text == "已复制"
    assert page.all(".yuxi-popup table")[0].is_displayed(), "the button does not fold"


def test_polygons_are_hit_exactly(page: Page, village: Path) -> None:
    page.open(village)
    page.click(EAST + 60 + 2, NORTH + 30)
    assert page.popup().startswith("行政区") and "农村承包地" not in page.popup()
    page.click(EAST + 60 - 2, NORTH + 30)
    assert page.popup().startswith("农村承包地")
