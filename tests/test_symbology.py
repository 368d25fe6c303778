"""QML read as symbols: the ways in which QGIS writes them, and errors that name the file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from yuxi_gis.errors import CatalogError
from yuxi_gis.resources import folder
from yuxi_gis.symbology import Style, Symbol, load_style

SHAPES = {
    "findings": "Point",
    "findings_mended": "Point",
    "boundary_point": "Point",
    "boundary_line": "LineString",
}
STEMS = sorted(path.stem for path in folder("styles").glob("*.qml"))

FILL = """<layer class="SimpleFill" enabled="1"><Option type="Map">
<Option name="color" type="QString" value="255,127,0,255"/>
<Option name="style" type="QString" value="solid"/>
<Option name="outline_color" type="QString" value="10,20,30,255"/>
<Option name="outline_style" type="QString" value="dash"/>
<Option name="outline_width" type="QString" value="0.5"/>
<Option name="outline_width_unit" type="QString" value="MM"/>
</Option></layer>"""


def single(layers: str, kind: str = "fill", alpha: str = "1", more: str = "") -> str:
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        '<qgis version="3.34.0-Prizren"><renderer-v2 type="singleSymbol"><symbols>'
        f'<symbol type="{kind}" name="0" alpha="{alpha}">{layers}</symbol>'
        f"</symbols></renderer-v2>{more}</qgis>"
    )


def categorized(categories: str, attr: str = "DKLB") -> str:
    return (
        f'<qgis><renderer-v2 type="categorizedSymbol" attr="{attr}"><categories>{categories}'
        '</categories><symbols><symbol type="fill" name="0">'
        f"{FILL}</symbol></symbols></renderer-v2></qgis>"
    )


def read(tmp_path: Path, text: str) -> Style:
    (tmp_path / "style.qml").write_text(text, encoding="utf-8")
    load_style.cache_clear()
    return load_style("style", tmp_path)


def only(tmp_path: Path, text: str) -> Symbol:
    (category,) = read(tmp_path, text).categories
    assert category.value is None
    return category.symbol


@pytest.mark.parametrize("stem", STEMS)
def test_shipped_styles_read(stem: str) -> None:
    style = load_style(stem)
    for category in style.categories:
        symbol = category.symbol
        assert symbol.stroke_opacity > 0 and symbol.stroke_width_mm > 0
        assert 0 <= symbol.fill_opacity <= 1
        assert symbol.geometry == SHAPES.get(stem, "Polygon")
        assert (symbol.size_mm > 0) == (symbol.geometry == "Point")


def test_layers_of_one_symbol_can_be_told_apart() -> None:
    """They may lie over each other and over the classes of the others."""
    strokes = Counter(
        stroke
        for stem in STEMS
        for stroke in {category.symbol.stroke for category in load_style(stem).categories}
    )
    for stem in STEMS:
        style = load_style(stem)
        if style.attribute is None and not stem.startswith("boundary"):
            assert strokes[style.categories[0].symbol.stroke] == 1, stem


@pytest.mark.parametrize("stem", [s for s in STEMS if s != "landuse"])
def test_classes_of_a_style_can_be_told_apart(stem: str) -> None:
    symbols = [category.symbol for category in load_style(stem).categories]
    assert len({(s.fill, s.stroke) for s in symbols}) == len(symbols)


def test_a_simple_fill(tmp_path: Path) -> None:
    assert only(tmp_path, single(FILL)) == Symbol(
        geometry="Polygon",
        fill="#ff7f00",
        fill_opacity=1.0,
        stroke="#0a141e",
        stroke_opacity=1.0,
        stroke_width_mm=0.5,
        stroke_style="dash",
    )


def test_old_props_and_new_colours_say_the_same(tmp_path: Path) -> None:
    new = only(tmp_path, single(FILL))
    old = FILL.replace('<Option type="Map">', "", 1).replace("</Option></layer>", "</layer>")
    old = old.replace('<Option name="', '<prop k="').replace('" type="QString" value=', '" v=')
    assert only(tmp_path, single(old)) == new
    float_colour = FILL.replace("255,127,0,255", "255,127,0,255,rgb:1,0.498,0,1")
    assert only(tmp_path, single(float_colour)) == new
    no_alpha = FILL.replace("255,127,0,255", "255, 127, 0")
    assert only(tmp_path, single(no_alpha)) == new


def test_opacities_multiply(tmp_path: Path) -> None:
    half = FILL.replace("255,127,0,255", "255,127,0,128")
    more = "<layerOpacity>0.5</layerOpacity>"
    symbol = only(tmp_path, single(half, alpha="0.5", more=more))
    assert symbol.fill_opacity == pytest.approx(128 / 255 / 4, abs=1e-4)
    assert symbol.stroke_opacity == 0.25


def test_units_become_millimetres(tmp_path: Path) -> None:
    points = FILL.replace('value="MM"', 'value="Point"').replace('"0.5"', '"72"')
    assert only(tmp_path, single(points)).stroke_width_mm == pytest.approx(25.4)


def test_no_fill_and_no_outline(tmp_path: Path) -> None:
    assert only(tmp_path, single(FILL.replace('"solid"', '"no"'))).fill_opacity == 0
    assert only(tmp_path, single(FILL.replace('"dash"', '"no"'))).stroke_opacity == 0


def test_a_brush_pattern_is_a_light_tint(tmp_path: Path) -> None:
    assert only(tmp_path, single(FILL.replace('"solid"', '"b_diagonal"'))).fill_opacity == 0.25


HATCH = """<layer class="LinePatternFill"><Option type="Map">
<Option name="distance" type="QString" value="2"/></Option>
<symbol type="line" name="@0@0" alpha="1"><layer class="SimpleLine"><Option type="Map">
<Option name="line_color" type="QString" value="0,128,0,255"/>
<Option name="line_width" type="QString" value="0.2"/></Option></layer></symbol></layer>"""


def test_a_hatch_is_a_tint_of_what_its_lines_cover(tmp_path: Path) -> None:
    outline = FILL.replace('"solid"', '"no"')
    symbol = only(tmp_path, single(HATCH + outline))
    assert (symbol.fill, symbol.fill_opacity) == ("#008000", 0.1)
    assert (symbol.stroke, symbol.stroke_width_mm) == ("#0a141e", 0.5)


def test_a_hatch_of_before_sub_symbols(tmp_path: Path) -> None:
    old = (
        '<layer class="LinePatternFill"><prop k="color" v="0,128,0,255"/>'
        '<prop k="line_width" v="0.5"/><prop k="distance" v="2"/></layer>'
    )
    symbol = only(tmp_path, single(old))
    assert (symbol.fill, symbol.fill_opacity, symbol.stroke_opacity) == ("#008000", 0.25, 0)


def test_layers_lie_over_one_another(tmp_path: Path) -> None:
    below = FILL.replace("255,127,0,255", "255,0,0,255")
    above = FILL.replace("255,127,0,255", "0,0,255,51").replace("10,20,30", "1,2,3")
    symbol = only(tmp_path, single(below + above))
    assert (symbol.fill, symbol.fill_opacity, symbol.stroke) == ("#cc0033", 1.0, "#010203")
    off = above.replace('enabled="1"', 'enabled="0"')
    assert only(tmp_path, single(below + off)).fill == "#ff0000"


def test_lines_and_markers(tmp_path: Path) -> None:
    line = '<layer class="SimpleLine"><prop k="line_color" v="1,2,3,255"/></layer>'
    symbol = only(tmp_path, single(line, "line"))
    assert (symbol.geometry, symbol.stroke, symbol.fill_opacity) == ("LineString", "#010203", 0)
    marker = (
        '<layer class="SimpleMarker"><prop k="color" v="1,2,3,255"/><prop k="size" v="3"/></layer>'
    )
    symbol = only(tmp_path, single(marker, "marker"))
    assert (symbol.geometry, symbol.fill, symbol.size_mm) == ("Point", "#010203", 3)


def test_categories(tmp_path: Path) -> None:
    style = read(
        tmp_path,
        categorized(
            '<category value="10" label="承包地块" symbol="0"/>'
            '<category type="List" label="其他地块" symbol="0"><val value="21"/><val value="22"/>'
            "</category>"
            '<category value="23" label="不显示" symbol="0" render="false"/>'
            '<category value="" label="其他" symbol="0"/>',
            attr="&quot;DKLB&quot;",
        ),
    )
    assert style.attribute == "DKLB"
    assert [(c.value, c.label) for c in style.categories] == [
        ("10", "承包地块"),
        ("21", "其他地块"),
        ("22", "其他地块"),
        ("", "其他"),
    ]


def test_the_symbol_of_a_value() -> None:
    style = load_style("farmland")
    first, *_, other = style.categories
    assert style.symbol("10") == first.symbol
    assert style.symbol("77") == style.symbol(None) == other.symbol
    assert load_style("findings").symbol("fatal") is None
    assert load_style("admin").symbol("x") == load_style("admin").categories[0].symbol


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("not xml", "cannot be read"),
        ('<?xml version="1.0" encoding="gbk"?><qgis/>', "cannot be read"),
        ("<qgis/>", "renderer None"),
        ('<qgis><renderer-v2 type="RuleRenderer"/></qgis>', "renderer RuleRenderer"),
        ('<qgis><renderer-v2 type="singleSymbol"/></qgis>', "has no symbol"),
        (single(""), "symbol '0' has no layer"),
        (single(FILL, kind="hybrid"), "symbol type 'hybrid'"),
        (single('<layer class="MarkerLine"/>', kind="line"), "symbol layer 'MarkerLine'"),
        (single('<layer class="RasterFill"/>'), "symbol layer 'RasterFill'"),
        (single(FILL.replace("255,127,0,255", "orange")), "colour 'orange' of color"),
        (single(FILL.replace("255,127,0,255", "300,0,0,255")), "colour '300,0,0,255'"),
        (single(FILL.replace("255,127,0,255", "²,0,0,255")), "colour '²,0,0,255'"),
        (single(FILL.replace('"0.5"', '"wide"')), "outline_width='wide'"),
        (single(FILL.replace('"0.5"', '"-1"')), "outline_width='-1'"),
        (single(FILL.replace('"0.5"', '"nan"')), "outline_width='nan'"),
        (single(FILL.replace('"MM"', '"MapUnit"')), "unit 'MapUnit' of outline_width"),
        (single(FILL, alpha="thin"), "alpha='thin'"),
        (categorized(""), "has no category"),
        (categorized('<category value="1" symbol="7"/>'), "category '1' refers to symbol '7'"),
        (categorized("", attr="left(DKLB, 1)"), "attr='left(DKLB, 1)'"),
        (categorized("", attr=""), "attr=''"),
    ],
)
def test_a_bad_style_is_named_with_what_is_wrong(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(CatalogError) as caught:
        read(tmp_path, text)
    assert caught.value.en.startswith(f"Style file {tmp_path / 'style.qml'}: ")
    assert what in caught.value.en
    assert str(tmp_path / "style.qml") in caught.value.zh


def test_a_missing_style_is_named() -> None:
    with pytest.raises(CatalogError, match=r"nothing\.qml: cannot be read"):
        load_style("nothing")
