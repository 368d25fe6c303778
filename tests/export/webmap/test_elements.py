"""`VectorLayer` as any folium layer: on our map, on a plain folium map, in groups."""

from __future__ import annotations

import doctest
import json
import re
from typing import Any

import folium
import geopandas as gpd
import pytest
import shapely

from tests.export.webmap.unpacked import layers_of
from yuxi_gis.codes import Masking
from yuxi_gis.errors import CRSError
from yuxi_gis.export.webmap import OfflineMap, VectorLayer, elements, make_map
from yuxi_gis.export.webmap.features import encode_layer
from yuxi_gis.export.webmap.notebook import inline_html
from yuxi_gis.export.webmap.page import check_offline
from yuxi_gis.export.webmap.themes import Column, Theme

EVIL = "<img src=x onerror=alert(1)></script>"


def land(**columns: Any) -> gpd.GeoDataFrame:
    shapes = [shapely.box(102.5 + i / 1000, 24.3, 102.5005 + i / 1000, 24.3005) for i in range(3)]
    fields = {"code": ["a", "b", "c"], "use": ["road", "田", None], **columns}
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=4490)


def rendered(canvas: folium.Map) -> str:
    page: str = canvas.get_root().render()
    return page


def test_example_of_the_docstring() -> None:
    assert doctest.testmod(elements).failed == 0


def test_a_frame_alone_is_enough() -> None:
    canvas = OfflineMap(title="甲", lang="en")
    layer = VectorLayer(land(), name="地块").add_to(canvas)
    folium.LayerControl().add_to(canvas)
    page = rendered(canvas)
    check_offline(page)
    assert "Content-Security-Policy" in page and "<title>甲</title>" in page
    (found,) = layers_of(page).values()
    assert found.title == "地块" and found.fields == ["code", "use"]
    assert sorted(row.get("use", "") for row in found.rows) == ["", "road", "田"]
    corners = [value for corner in canvas.get_bounds() for value in corner]
    assert corners == pytest.approx([24.3, 102.5, 24.3005, 102.5025])
    assert layer.show and f"yuxi.standalone({canvas.get_name()}, {layer.get_name()})" in page


def test_official_layers_look_as_the_catalogue_says_and_are_masked() -> None:
    frame = land(DKBM=["1", "2", "3"], DKLB="10", ZJRXM="李小明")
    frame.attrs["layer"] = "farmland"
    canvas = OfflineMap()
    VectorLayer(frame).add_to(canvas)
    VectorLayer(frame, masking=Masking(ids=False, phones=False, names=False)).add_to(canvas)
    heads = [
        json.loads(text) for text in re.findall(r'_head">(.*?)</script>', rendered(canvas), re.S)
    ]
    assert [head["title"] for head in heads] == [["农村承包地", "Contracted farmland"]] * 2
    assert heads[0]["categories"][0]["symbol"]["fill"] != "#9e9e9e"
    words = []
    for head, layer in zip(heads, canvas._children.values(), strict=True):
        page = OfflineMap()
        VectorLayer(layer.encoded).add_to(page)
        (found,) = layers_of(rendered(page)).values()
        words.append(str(found.rows))
        assert head["id"] == "farmland"
    assert "李小明" not in words[0] and "李小明" in words[1]


def test_hostile_names_are_text() -> None:
    canvas = OfflineMap()
    layer = VectorLayer(land(**{EVIL: EVIL}), name=EVIL).add_to(canvas)
    folium.LayerControl().add_to(canvas)
    page = rendered(canvas)
    assert "<img" not in layer.layer_name and "<img src=x" not in page
    assert next(iter(layers_of(page).values())).title == EVIL


def test_theme_show_and_what_was_encoded_before() -> None:
    theme = Theme("x", ("甲", "A"), "code", (Column("code", "编号"),), None, lambda c: "甲")
    hidden = VectorLayer(land(), theme=theme, show=False)
    assert (hidden.layer_name, hidden.show, hidden.encoded.head["show"]) == ("甲", False, False)
    again = VectorLayer(encode_layer(land(), theme), name="乙")
    assert again.layer_name == "乙" and again.encoded.head["title"] == "乙"
    with pytest.raises(CRSError):
        VectorLayer(land().set_crs(None, allow_override=True))


def test_plain_folium_map_gets_the_engine_once_and_keeps_its_own_leaflet() -> None:
    canvas = folium.Map(tiles=None)
    group = folium.FeatureGroup("组").add_to(canvas)
    VectorLayer(land(), name="一").add_to(group)
    VectorLayer(land(), name="二").add_to(canvas)
    page = rendered(canvas)
    assert page.count("yuxi.standalone = function") == 1 and "leaflet.js" in page
    assert page.index("leaflet.js") < page.index("yuxi.standalone = function")
    assert page.count(f"yuxi.standalone({canvas.get_name()}, ") == 2
    assert page.count('id="yuxi-texts"') == 1
    # Neither another Leaflet nor the layout of our own page.
    assert "@preserve" not in page and "grid-template" not in page


def test_page_controls_answer_clicks_themselves() -> None:
    page = rendered(make_map({"land": land()}))
    assert "yuxi.standalone(map_" not in page and 'id="yuxi-texts"' not in page


def test_a_layer_must_be_on_a_map() -> None:
    with pytest.raises(TypeError, match="folium"):
        VectorLayer(land()).add_to(folium.Figure()).render()


def test_notebook_output_of_a_page() -> None:
    canvas = make_map({"land": land()}, lang="en")
    out = canvas._repr_html_()
    assert out.count("<iframe") == 1 and "Trust Notebook" in out and "allowfullscreen" in out
    (inner,) = re.findall(r'srcdoc="([^"]*)"', out)
    assert "Content-Security-Policy" in inner and "<" not in inner
    large = inline_html("x" * 20_000_001, "en")
    assert "20 MB" in large and ".save(" in large and "<iframe" not in large
    assert "笔记本" in inline_html("x" * 20_000_001, "zh-CN")
