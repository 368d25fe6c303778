"""The map in a notebook's output, a layer on a map of folium's own, and the index of towns."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import folium
import pytest
from selenium.webdriver.common.by import By

from tests.clients.mapping import EAST, NORTH, Page, browser, findings, layers, patches
from yuxi_gis.export.webmap import OfflineMap, VectorLayer, make_map
from yuxi_gis.export.webmap.page import _assets
from yuxi_gis.export.webmap.split import write_town_maps

#: The policy of the page in which VS Code shows outputs, without its own origin.
VS_CODE = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src https: http: data:; font-src https:; connect-src https:; child-src https: data:;"
)


@pytest.fixture(scope="module")
def page(chromium: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(chromium, tmp_path_factory.mktemp("profile")) as one:
        yield one


def opened(page: Page, path: Path) -> None:
    """Open a page that has no app of its own, and wait for it to be drawn."""
    page.open(path)
    ready = (
        "const map = Object.keys(window).map(k => window[k]).find(v => v && v.yuxiApp);"
        "return !!map && map.yuxiApp.layers.every(l => l.features) && !yuxi.queue.running"
    )
    for _ in range(100):
        if page.driver.execute_script(ready):
            break
        time.sleep(0.05)
    time.sleep(0.3)


def errors(page: Page) -> list[str]:
    return [entry["message"] for entry in page.logs("browser")]


@pytest.mark.parametrize("policy", ["", VS_CODE])
def test_maps_of_two_cells(page: Page, tmp_path: Path, policy: str) -> None:
    """Each works in its own frame, under its own policy and that of the page around it."""
    first = make_map(layers(), patches=patches(), findings=findings())
    second = make_map({"homestead": layers()["homestead"]}, lang="en")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' if policy else ""
    cells = "".join(f"<div>{cell._repr_html_()}</div>" for cell in (first, second, first))
    path = tmp_path / "notebook.html"
    text = f'<!doctype html><meta charset="utf-8">{meta}<body>{cells}</body>'
    path.write_text(text, encoding="utf-8")
    page.open(path)
    frames = page.driver.find_elements(By.TAG_NAME, "iframe")
    assert len(frames) == 3
    for frame, title, count in zip(
        frames, ("农村承包地", "Homesteads", "农村承包地"), (30, 5, 30), strict=True
    ):
        assert frame.size["height"] == 620
        page.driver.switch_to.frame(frame)
        try:
            page.settle()
            assert title in page.all(".yuxi-legend")[0].text
            drawn = page.driver.execute_script(
                "return [Math.max.apply(null, yuxi.app.layers.map(l => l.features.count)),"
                " document.querySelectorAll('canvas.yuxi-tile').length,"
                " !!document.getElementById('yuxi-failed')]"
            )
            assert drawn[0] == count and drawn[1] > 0 and not drawn[2]
            page.js("map.panBy([40, 0], {animate: false})")
            page.driver.execute_script(
                "const box = yuxi.app.layers.find(l => l.features.count >= 5).features.place(0);"
                "const at = L.latLng(box[1], box[0]); yuxi.app.map.fire('click', {latlng: at})"
            )
            assert page.popup()
        finally:
            page.driver.switch_to.default_content()
    assert errors(page) == [] and page.requests() == []


def test_layer_on_our_map_without_the_page_around_it(page: Page, tmp_path: Path) -> None:
    canvas = OfflineMap(lang="en")
    VectorLayer(layers()["farmland"], name="地块").add_to(canvas)
    VectorLayer(layers()["homestead"], name="<b>宅</b>").add_to(canvas)
    folium.LayerControl(collapsed=False).add_to(canvas)
    canvas.fit_bounds(canvas.get_bounds())
    canvas.save(tmp_path / "map.html")
    opened(page, tmp_path / "map.html")
    page.click(EAST + 70 + 30, NORTH + 70 + 30)
    assert "53040210320300" in page.popup() and "DKMC" in page.popup()
    assert "李小明" not in page.popup()
    assert page.all(".leaflet-control-layers")[0].text.split() == ["地块", "<b>宅</b>"]
    page.click(EAST + 490 + 20, NORTH + 20)
    assert "ZDDM" in page.popup()
    outline = ".leaflet-overlay-pane canvas, .leaflet-overlay-pane path"
    outlined = page.driver.execute_script(
        "return document.querySelectorAll(arguments[0]).length", outline
    )
    assert outlined > 0
    page.all(".leaflet-control-layers input")[1].click()
    page.driver.execute_script(
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))"
    )
    time.sleep(0.4)
    assert page.popup() == ""
    page.click(EAST + 490 + 20, NORTH + 20)
    assert page.popup() == "", "a layer that is switched off does not answer"
    assert errors(page) == [] and page.requests() == []


def test_layer_on_a_plain_folium_map(page: Page, tmp_path: Path) -> None:
    """Leaflet comes from where folium says; here, without a network, it is put into the page."""
    canvas = folium.Map(tiles=None)
    group = folium.FeatureGroup("组").add_to(canvas)
    VectorLayer(layers()["farmland"], name="地块").add_to(group)
    canvas.fit_bounds(canvas.get_bounds())
    canvas.save(tmp_path / "map.html")
    text = (tmp_path / "map.html").read_text(encoding="utf-8")
    leaflet = _assets(("leaflet/leaflet.js",))
    text, count = re.subn(
        r'<script src="[^"]*/leaflet.js"></script>', lambda _: f"<script>{leaflet}</script>", text
    )
    assert count == 1
    (tmp_path / "map.html").write_text(text, encoding="utf-8")
    opened(page, tmp_path / "map.html")
    page.click(EAST + 70 + 30, NORTH + 70 + 30)
    assert "53040210320300" in page.popup() and "大田" in page.popup()


def test_index_of_towns_leads_to_their_pages(page: Page, tmp_path: Path) -> None:
    found = layers()
    farmland = found["farmland"]
    east = farmland.geometry.centroid.x > EAST + 200
    farmland.loc[east, "DKBM"] = "530402104" + farmland.loc[east, "DKBM"].str[9:]
    result = write_town_maps(tmp_path / "towns", {"farmland": farmland})
    opened(page, result.index)
    links = page.all("#yuxi-towns a")
    assert len(links) == 2
    page.click(EAST + 30, NORTH + 30)
    assert "530402103" in page.popup()
    links[1].click()
    page.settle()
    assert page.driver.current_url.endswith("/530402104.html")
    assert page.js("return yuxi.app.layers[0].features.count") == int(east.sum())
    assert errors(page) == [] and page.requests() == []


def test_provenance_is_in_the_box_about_the_data(page: Page, tmp_path: Path) -> None:
    frame = layers()["farmland"]
    source = tmp_path / "DK.gpkg"
    source.write_bytes(b"x" * 2000)
    frame.attrs["source"] = str(source)
    canvas = make_map({"farmland": frame}, simplify=1.0)
    path = tmp_path / "map.html"
    path.write_text(canvas.get_root().render(), encoding="utf-8")
    page.open(path)
    page.all("#yuxi-about summary")[0].click()
    said = page.all("#yuxi-about")[0].text
    assert "DK.gpkg" in said and "2.0 KB" in said and re.search(r"\b[0-9a-f]{64}\b", said)
    assert "GDAL" in said and "图形简化" in said and "输入文件" in said
    page.js("yuxi.app.speak('en')")
    assert "Input files" in page.all("#yuxi-about")[0].text
