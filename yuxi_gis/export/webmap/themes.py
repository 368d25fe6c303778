"""What the page shows of a layer: title, fields, style.

Official layers take it from the catalogue, results (findings, patches, changed parcels) from the
tables below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import geopandas as gpd

from yuxi_gis.catalog import CodeList, LayerSpec
from yuxi_gis.change.kinds import KINDS
from yuxi_gis.checks import RULES
from yuxi_gis.export.webmap.texts import all_texts, both
from yuxi_gis.export.webmap.values import PLAIN, SHARE, Kind, Number, Text, Words, field_kind, plain
from yuxi_gis.symbology import Category, Style, Symbol, load_style
from yuxi_gis.units import M2_PER_MU

__all__ = ["Column", "Theme", "layer_theme", "result_theme"]

#: How a layer is drawn that the catalogue does not know.
NEUTRAL = Symbol("Polygon", "#9e9e9e", 0.25, "#616161", 1.0, 0.26, 2.0)


@dataclass(frozen=True)
class Column:
    """One line of the popup: a column of the table, its title, how its values are read, whether
    the search looks through it."""

    name: str
    title: Words
    kind: Kind = PLAIN
    search: bool = False


@dataclass(frozen=True)
class Theme:
    """How one layer appears on the page.

    Attributes
    ----------
    id : str
    title : str or (str, str)
    key : str or None
        The column that names a feature: the popup's heading, what a link calls it by.
    columns : tuple of Column
    style : Style or None
        None: one neutral symbol.
    label : callable
        The legend's text for a category of the style.
    visible : bool
        Shown when the page opens.
    pins : Style or None
        Style of a mark of constant size on each feature, so that a sliver can be seen; with the
        same categories as `style`.
    seasonal : str or None
        A boolean column: features where it is true are drawn lighter and dashed.
    result : bool
        A result of the program, not a layer of land data: the search lists it last.
    region : str or None
        The column whose codes tell the village.
    measured : bool
        The page sums the areas of the shapes; not where these are regions and not the land.
    """

    id: str
    title: Words
    key: str | None
    columns: tuple[Column, ...]
    style: Style | None
    label: Callable[[Category], Words]
    visible: bool = True
    pins: Style | None = None
    seasonal: str | None = None
    result: bool = False
    region: str | None = None
    measured: bool = True


def layer_theme(layer_id: str, frame: gpd.GeoDataFrame, spec: LayerSpec | None) -> Theme:
    """The theme of a layer of land data.

    A layer of the catalogue shows its official fields only: what an unofficial column holds is
    not known, it may be personal. A layer without `spec` shows all its columns. One without
    `spec`, and a table that has been given geometry, have one neutral symbol.
    """
    if spec is None:
        names = [str(name) for name in frame.columns if name != frame.geometry.name]
        columns = tuple(Column(name, name, search=True) for name in names)
        key = names[0] if names else None
        return Theme(layer_id, layer_id, key, columns, None, lambda category: layer_id)
    style = None if spec.is_table else load_style(spec.id)
    field = spec.by_name.get(style.attribute or "") if style else None
    title = (spec.title_zh, spec.title_en)
    return Theme(
        spec.id,
        title,
        spec.key if spec.key in frame.columns else None,
        _official_columns(frame, spec),
        style,
        _category_label(title, field.codes if field else None),
        region=spec.region or spec.key,
    )


def _official_columns(frame: gpd.GeoDataFrame, spec: LayerSpec) -> tuple[Column, ...]:
    columns = []
    for field in (field for field in spec.fields if field.name in frame.columns):
        is_area = spec.area is not None and field.name == spec.area.field
        # Chinese titles of the standards name no unit; all of them mean m².
        kind = Number(2, " m²") if is_area else field_kind(field)
        search = kind is PLAIN
        columns.append(Column(field.name, (field.title_zh, field.title_en), kind, search))
        if spec.area and is_area and spec.area.mu_field not in frame.columns:
            columns.append(Column(field.name, both("area_mu"), _MU))
    return tuple(columns)


def _category_label(title: Words, codes: CodeList | None) -> Callable[[Category], Words]:
    """The legend's words: the style's own in Chinese, the code list's in English."""
    other = both("other")

    def label(category: Category) -> Words:
        if category.value is None:
            return title
        if category.value == "":
            return category.label or other[0], other[1]
        english = codes.label(category.value, "en") if codes else category.value
        return category.label or category.value, english

    return label


#: Values that are texts in both languages.
_PAIR = Text(lambda pair: pair)
#: An area in m² as mu.
_MU = Number(2, factor=1 / M2_PER_MU)


def _names() -> dict[str, tuple[str, str]]:
    """The page's words and the kinds of change, by key."""
    return {**all_texts(), **{kind.id: (kind.zh, kind.en) for kind in KINDS}}


def _named(words: Mapping[str, Words]) -> Text:
    return Text(lambda value: words.get(plain(value), plain(value)))


def _result_columns(catalog: Mapping[str, LayerSpec]) -> dict[str, tuple[Column, ...]]:
    """The columns of findings, patches and changed parcels that people read, in this order."""
    layer = _named({spec.id: (spec.title_zh, spec.title_en) for spec in catalog.values()})
    word, kind = _named(_names()), _named(_names())
    truth = Text(lambda value: both("yes" if value else "no"))
    rule = _named(
        {r.id: (f"{r.id} {r.title('zh')}", f"{r.id} {r.title('en')}") for r in RULES.values()}
    )
    rows: dict[str, list[tuple[str, str, Kind]]] = {
        "findings": [
            ("message", "message", _PAIR),
            ("severity", "severity", word),
            ("rule", "rule", rule),
            ("layer", "layer", layer),
            ("feature", "feature", PLAIN),
            ("other_layer", "other_layer", layer),
            ("other_feature", "other_feature", PLAIN),
            ("value", "value", PLAIN),
            ("limit", "limit", PLAIN),
            ("unit", "unit", PLAIN),
            ("area_m2", "area_m2", Number(2)),
            ("area_m2", "area_mu", _MU),
        ],
        "patches": [
            ("kind", "kind", kind),
            ("MJ", "area_m2", Number(1)),
            ("MJ_MU", "area_mu", Number(2)),
            ("confidence", "confidence", SHARE),
            ("seasonal", "is_seasonal", truth),
            ("QSX", "QSX", PLAIN),
            ("HSX", "HSX", PLAIN),
            ("JCBH", "JCBH", PLAIN),
            ("TBLX", "TBLX", PLAIN),
            ("XZQDM", "XZQDM", PLAIN),
            ("strength", "strength", Number(2)),
            ("pixels", "pixels", PLAIN),
        ],
        "changed_parcels": [
            ("layer", "layer", layer),
            ("feature", "feature", PLAIN),
            ("kind", "kind", kind),
            ("changed_m2", "changed_m2", Number(1)),
            ("changed_mu", "changed_mu", Number(2)),
            ("changed_share", "changed_share", SHARE),
            ("confidence", "confidence", SHARE),
            ("seasonal", "is_seasonal", truth),
            ("seen_share", "seen_share", SHARE),
        ],
    }
    searched = ("feature", "other_feature", "JCBH")
    return {
        table: tuple(
            Column(name, both(title), kind, name in searched) for name, title, kind in columns
        )
        for table, columns in rows.items()
    }


#: Each result's table of columns, style, style of its marks, and whether it shows at first.
_RESULTS: Mapping[str, tuple[str, str, str | None, bool]] = {
    "changed_parcels": ("changed_parcels", "changed_parcels", None, False),
    "seasonal_patches": ("patches", "patches", None, False),
    "patches": ("patches", "patches", None, True),
    "findings": ("findings", "findings_areas", "findings", True),
}


def result_theme(result: str, frame: gpd.GeoDataFrame, catalog: Mapping[str, LayerSpec]) -> Theme:
    """The theme of a result.

    Parameters
    ----------
    result : {"changed_parcels", "seasonal_patches", "patches", "findings"}
    frame : GeoDataFrame
        Findings have their messages in both languages in a column ``message``, pairs of texts.
    catalog : mapping of str to LayerSpec
    """
    names = _names()
    table, style, pins, visible = _RESULTS[result]
    columns = _result_columns(catalog)[table]
    key = "JCBH" if table == "patches" else "feature"

    def label(category: Category) -> Words:
        value = str(category.value)
        zh, en = names.get(value, (value, value))
        return category.label or zh, en

    return Theme(
        result,
        both(result),
        key if key in frame.columns else None,
        tuple(column for column in columns if column.name in frame.columns),
        load_style(style),
        label,
        visible=visible,
        pins=load_style(pins) if pins else None,
        seasonal="seasonal" if "seasonal" in frame.columns else None,
        result=True,
        region="XZQDM" if table == "patches" else "feature",
    )
