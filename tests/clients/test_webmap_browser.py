"""The web map in a real browser, with the network blocked."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import shapely
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.clients.mapping import (
    DESKTOP,
    EAST,
    FARM,
    HOME,
    NORTH,
    PHONE,
    Page,
    box,
    findings,
    layers,
    patches,
)
from yuxi_gis.export.webmap import write_map
from yuxi_gis.symbology import load_style

# --- What a planner sees and does -------------------------------------------------------------


def test_everything_works_without_a_single_request(page: Page, village: Path) -> None:
    page.open(village)
    page.click(*box(0, 0).centroid.coords[0])
    page.search("JC00003", Keys.ENTER)
    for title in ("前时相", "后时相", "农村承包地", "检查发现"):
        page.switch(title)
    page.all("#yuxi-about summary")[0].click()
    assert page.requests() == []
    assert [entry["message"] for entry in page.logs("browser")] == []


def test_browser_itself_refuses_outside_addresses(page: Page, village: Path) -> None:
    page.open(village)
    refused = page.driver.execute_async_script(
        "var done = arguments[0], seen = [], note = e => seen.push(e.effectiveDirective);"
        "document.addEventListener('securitypolicyviolation', note);"
        "new Image().src = 'http://example.com/x.png';"
        "fetch('http://example.com/').catch(() => 0);"
        "var s = document.createElement('script'); s.textContent = 'window.injected = 1';"
        "document.body.appendChild(s); setTimeout(() => done(seen), 200);"
    )
    assert {"img-src", "connect-src"} <= set(refused)
    assert any(directive.startswith("script-src") for directive in refused)
    assert page.js("return window.injected") is None


def test_polygons_are_drawn_in_the_colours_of_the_styles(page: Page, village: Path) -> None:
    page.open(village)
    left, top = page.pixel(EAST, NORTH + 60)
    right, bottom = page.pixel(EAST + 60, NORTH)
    field = (right - left) * (bottom - top)
    assert load_style("farmland").categories[0].symbol.fill == "#{:02x}{:02x}{:02x}".format(*FARM)
    # 30 fields less the patch, the finding and the outlines.
    assert 0.85 * 30 * field < page.count(FARM) < 30 * field
    assert page.count(HOME) > 0.7 * 5 * field * (40 / 60) ** 2
    assert page.driver.title == "玉溪市农村土地一张图"


def test_popup_of_the_parcel_that_was_clicked(page: Page, village: Path) -> None:
    page.open(village)
    page.click(*box(3, 2).centroid.coords[0])
    lines = page.popup().splitlines()
    assert lines[0] == "农村承包地" and "地块代码 5304021032030000016" in lines
    assert "地块类别 承包地块 [10]" in lines
    assert "指界人姓名 李**" in lines and "李小明" not in page.driver.page_source
    assert "此处还有" in lines and "行政区" in lines
    assert lines.count("农村承包地") == 1, "not its neighbours"
    page.click(*box(1, 1, 30).centroid.coords[0])
    text = page.popup()
    assert text.index("疑似变化图斑") < text.index("农村承包地")
    assert "新增建（构）筑物或硬化" in text and "900.0" in text and "1.35" in text
    page.click(*box(4, 4).centroid.coords[0])
    assert "边界自相交。" in page.popup()


def test_a_click_into_a_hole_does_not_find_the_ring_around_it(page: Page, village: Path) -> None:
    page.open(village)
    x, y = box(6, 0).centroid.coords[0]
    page.click(x, y)
    assert page.popup().startswith("行政区") and "闲置用地" not in page.popup()
    page.click(x + 25, y)
    assert page.popup().startswith("闲置用地")


def test_legend_names_what_is_on_the_map(page: Page, village: Path) -> None:
    page.open(village)
    text = page.all(".yuxi-legend")[0].text
    order = ["前时相 · 2023-05-01", "后时相 · 2024-05-01", "检查发现", "错误", "疑似变化图斑"]
    order += ["新增建（构）筑物或硬化", "农村宅基地", "在用", "农村承包地", "承包地块", "行政区"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)
    assert "自留地" not in text, "only categories that occur"


def test_switching_a_layer_off_and_on_keeps_the_order(page: Page, village: Path) -> None:
    page.open(village)
    before = page.picture()
    fields, homes = page.count(FARM), page.count(HOME)
    page.switch("农村承包地")
    assert page.count(FARM) < fields / 100 and page.count(HOME) == homes
    assert "承包地块" not in page.all(".yuxi-legend")[0].text
    page.click(*box(3, 2).centroid.coords[0])
    assert "农村承包地" not in page.popup()
    page.driver.find_element(By.CSS_SELECTOR, ".leaflet-popup-close-button").click()
    time.sleep(0.4)
    page.switch("农村承包地")
    middle = np.s_[60:700, 60:1090]
    changed = (np.abs(page.picture()[middle].astype(int) - before[middle]) > 8).any(axis=2)
    assert changed.sum() == 0, "the patch and the finding are still above the fields"


def test_scene_lies_under_its_parcels(page: Page, village: Path) -> None:
    page.open(village)
    for title in ("检查发现", "疑似变化图斑", "农村宅基地", "农村承包地", "行政区"):
        page.switch(title)
    assert page.count((255, 255, 255)) > 0
    page.switch("后时相")
    time.sleep(0.3)
    left, top = page.pixel(*box(1, 1, 30).bounds[0:4:3])
    right, bottom = page.pixel(*box(1, 1, 30).bounds[2:0:-1])
    area = np.s_[round(top) - 40 : round(bottom) + 40, round(left) - 40 : round(right) + 40]
    rows, columns = np.nonzero((page.picture()[area] > 235).all(axis=2))
    found = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    want = left + 40 - round(left), right - round(left) + 40, 40.0, bottom - round(top) + 40
    assert np.abs(np.subtract(found, want)).max() <= 2
    page.switch("前时相")
    time.sleep(0.3)
    assert not (page.picture()[area] > 235).all(axis=2).any(), "before, nothing is there"


def test_fills_fade_over_a_scene_and_come_back(page: Page, village: Path) -> None:
    page.open(village)
    fields = page.count(FARM)
    page.switch("后时相")
    assert page.count(FARM) < fields / 20
    page.switch("不显示")
    assert page.count(FARM) == fields


def test_search_finds_a_parcel_by_its_code_with_the_keyboard(page: Page, village: Path) -> None:
    page.open(village)
    page.switch("农村承包地")
    page.search("530402103203000002")
    assert len(page.all("#yuxi-results [role=option]")) == 10
    page.search("0000027", Keys.ENTER)
    assert "5304021032030000027" in page.popup()
    x, y = page.pixel(*box(2, 4).centroid.coords[0])
    assert 0 < x < 1100 and 50 < y < 768
    assert page.count(FARM) > 1000, "its layer was switched on"
    page.search("jc0000", Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    assert "530402103203JC00002" in page.popup()
    page.search("no such code")
    assert "没有找到" in page.all("#yuxi-results")[0].text


def test_note_on_the_data_opens_and_closes(page: Page, village: Path) -> None:
    page.open(village)
    note = page.all("#yuxi-about > div")[0]
    page.all("#yuxi-about summary")[0].send_keys(Keys.ENTER)
    assert "EPSG:4543" in note.text and "疑似" in note.text and "after_20240501.tif" in note.text
    assert str(village.parent.parent) not in page.driver.page_source
    page.all("#yuxi-about summary")[0].send_keys(Keys.ESCAPE)
    assert not note.is_displayed()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_controls_do_not_overlap(page: Page, village: Path, size: tuple[int, int]) -> None:
    page.open(village, size)
    css = "#yuxi-bar, .yuxi-legend, .leaflet-control-zoom, .leaflet-control-scale, .yuxi-north"
    rects = [
        shapely.box(r["x"], r["y"], r["x"] + r["width"], r["y"] + r["height"])
        for r in (element.rect for element in page.all(css))
    ]
    assert len(rects) == 5
    screen = shapely.box(0, 0, *size)
    for i, rect in enumerate(rects):
        assert screen.contains(rect)
        assert not any(rect.intersects(other) for other in rects[:i])
    x, y = page.pixel(EAST, NORTH + 400)
    right, bottom = page.pixel(EAST + 600, NORTH - 50)
    assert 0 < x < right < size[0] and 0 < y < bottom < size[1], "all of the village is in view"


def test_phone_legend_folds_out_and_away(page: Page, village: Path) -> None:
    page.open(village, PHONE)
    assert not page.all(".yuxi-legend-list")[0].is_displayed()
    page.all(".yuxi-legend-fold")[0].click()
    assert page.all(".yuxi-legend-list")[0].is_displayed()
    page.search("0000016", Keys.ENTER)
    assert not page.all(".yuxi-legend-list")[0].is_displayed()
    assert "5304021032030000016" in page.popup()


def test_english_page(page: Page, tmp_path: Path) -> None:
    page.open(write_map(tmp_path / "en.html", layers(), patches=patches(), lang="en"))
    page.click(*box(3, 2).centroid.coords[0])
    assert "Parcel code" in page.popup()
    legend = page.all(".yuxi-legend")[0].text
    assert "Contracted farmland" in legend and "New building or hard surface" in legend
    # The tool that changes the language has the name of the other one.
    bar = page.all("#yuxi-bar")[0].text.replace("中文", "")
    chinese = [c for c in legend + bar if "\u4e00" <= c <= "\u9fff"]
    assert chinese == []


# --- Hostile text -----------------------------------------------------------------------------

PWN = "window.pwned=1,alert(1)"
HOSTILE = {
    "script": f"<script>{PWN}</script> <style>*{{display:none}}</style>",
    "end": f"</script><script>{PWN}</script>",
    "handlers": f"<img src=x onerror={PWN}> <svg onload={PWN}> <details open ontoggle={PWN}>",
    "addresses": f"'\"><iframe src='javascript:{PWN}'></iframe> <a href='javascript:{PWN}'>x</a> "
    f"<object data='data:text/html,<script>{PWN}</script>'></object>",
    "code": f"'-({PWN})-' ${{{PWN}}} {{{{ 7*7 }}}}{{% for x in [1] %}}a{{% endfor %}}",
    "unicode": f"\u2028{PWN}//\u2029 \u202e倒着写\u202c",
    "comment": "<!--",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_does_nothing(page: Page, tmp_path: Path, text: str) -> None:
    frames = layers()
    for frame in frames.values():
        for name in frame.columns.drop("geometry"):
            frame[name] = text
        frame.attrs.update(source=text, table=text)
    frames[text] = frames["homestead"].rename(columns={"HZXM": text})
    results = patches().assign(kind=text, JCBH=text), findings(text).assign(severity=text)
    path = write_map(
        tmp_path / "map.html", frames, patches=results[0], findings=results[1], title=text
    )
    page.open(path)
    page.click(*box(1, 1, 30).centroid.coords[0])
    for details in page.all(".yuxi-popup details:not([open]) summary"):
        details.click()
    shown = page.popup()
    page.all("#yuxi-about summary")[0].click()
    page.search(text.replace("\u2028", "").replace("\u2029", "")[:12], Keys.ARROW_DOWN)
    with pytest.raises(NoAlertPresentException):
        _ = page.driver.switch_to.alert
    assert page.js("return window.pwned") is None
    assert page.all("body img, body iframe, body object, body svg, body style") == []
    assert len(page.all("script:not([type])")) == 3
    assert len(page.all("[onerror], [onload], [ontoggle]")) == 0
    visible = " ".join(text.split())
    assert visible in " ".join(shown.split())
    assert visible in " ".join(page.all(".yuxi-legend")[0].text.split())
    assert [entry["message"] for entry in page.logs("browser")] == []
    assert page.requests() == []
