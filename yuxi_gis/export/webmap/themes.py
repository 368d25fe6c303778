"""What the page shows of a layer: title, fields, style.

Official layers take it from the catalogue, results (findings, patches, changed parcels) from the
tables below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import CodeList, LayerSpec
from yuxi_gis.change.kinds import KINDS
from yuxi_gis.checks import RULES
from yuxi_gis.export.webmap.texts import named, texts
from yuxi_gis.export.webmap.values import Show, decoded, field_show, number, percent, plain
from yuxi_gis.symbology import Category, Style, Symbol, load_style
from yuxi_gis.units import M2_PER_MU

__all__ = ["Column", "Theme", "layer_theme", "result_theme"]

#: How a layer is drawn that the catalogue does not know.
NEUTRAL = Symbol("Polygon", "#9e9e9e", 0.25, "#616161", 1.0, 0.26, 2.0)


@dataclass(frozen=True)
class Column:
    """One line of the popup: a column of the table, its title, how its values are shown."""

    name: str
    title: str
    show: Show


@dataclass(frozen=True)
class Theme:
    """How one layer appears on the page.

    Attributes
    ----------
    id, title : str
    key : str or None
        The column that names a feature: the popup's heading, what the search looks through.
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
    """

    id: str
    title: str
    key: str | None
    columns: tuple[Column, ...]
    style: Style | None
    label: Callable[[Category], str]
    visible: bool = True
    pins: Style | None = None
    seasonal: str | None = None
    result: bool = False


def layer_theme(
    layer_id: str, frame: gpd.GeoDataFrame, spec: LayerSpec | None, *, lang: str
) -> Theme:
    """The theme of a layer of land data.

    A layer of the catalogue shows its official fields only: what an unofficial column holds is
    not known, it may be personal. A layer without `spec` shows all its columns. One without
    `spec`, and a table that has been given geometry, have one neutral symbol.
    """
    if spec is None:
        names = [str(name) for name in frame.columns if name != frame.geometry.name]
        columns = tuple(Column(name, name, plain) for name in names)
        key = names[0] if names else None
        return Theme(layer_id, layer_id, key, columns, None, lambda category: layer_id)
    style = None if spec.is_table else load_style(spec.id)
    field = spec.by_name.get(style.attribute or "") if style else None
    return Theme(
        spec.id,
        spec.title(lang),
        spec.key if spec.key in frame.columns else None,
        _official_columns(frame, spec, lang),
        style,
        _category_label(spec.title(lang), lang, field.codes if field else None),
    )


def _official_columns(frame: gpd.GeoDataFrame, spec: LayerSpec, lang: str) -> tuple[Column, ...]:
    columns = []
    for field in (field for field in spec.fields if field.name in frame.columns):
        is_area = spec.area is not None and field.name == spec.area.field
        # Chinese titles of the standards name no unit; all of them mean m².
        show = number(2, " m²") if is_area else field_show(field, lang)
        columns.append(Column(field.name, field.title(lang), show))
        if spec.area and is_area and spec.area.mu_field is None:
            columns.append(Column(field.name, texts(lang)["area_mu"], _as_mu))
    return tuple(columns)


def _category_label(title: str, lang: str, codes: CodeList | None) -> Callable[[Category], str]:
    """The legend's words: the style's own in Chinese, the code list's in English."""
    other = texts(lang)["other"]

    def label(category: Category) -> str:
        if category.value is None:
            return title
        if lang == "zh":
            return category.label or category.value or other
        if category.value == "":
            return other
        return codes.label(category.value, lang) if codes else category.value

    return label


def _as_mu(values: pd.Series) -> list[str]:
    return number(2)(pd.to_numeric(values, errors="coerce") / M2_PER_MU)


def _kind_names(lang: str) -> dict[str, str]:
    return {kind.id: kind.zh if lang == "zh" else kind.en for kind in reversed(KINDS)}


def _result_columns(lang: str, catalog: Mapping[str, LayerSpec]) -> dict[str, tuple[Column, ...]]:
    """The columns of findings, patches and changed parcels that people read, in this order."""
    words = texts(lang)
    layers = {spec.id: spec.title(lang) for spec in catalog.values()}
    layer = decoded(lambda value: named(value, layers))
    word = decoded(lambda value: named(value, words))
    truth = decoded(lambda value: words["yes" if value else "no"])
    kinds = _kind_names(lang)
    kind = decoded(lambda value: named(value, kinds))
    rules = {rule.id: f"{rule.id} {rule.title(lang)}" for rule in RULES.values()}
    rule = decoded(lambda value: named(value, rules))
    rows: dict[str, list[tuple[str, str, Show]]] = {
        "findings": [
            (f"message_{lang}", "message", plain),
            ("severity", "severity", word),
            ("rule", "rule", rule),
            ("layer", "layer", layer),
            ("feature", "feature", plain),
            ("other_layer", "other_layer", layer),
            ("other_feature", "other_feature", plain),
            ("value", "value", plain),
            ("limit", "limit", plain),
            ("unit", "unit", plain),
            ("area_m2", "area_m2", number(2)),
            ("area_m2", "area_mu", _as_mu),
        ],
        "patches": [
            ("kind", "kind", kind),
            ("MJ", "area_m2", number(1)),
            ("MJ_MU", "area_mu", number(2)),
            ("seasonal", "is_seasonal", truth),
            ("QSX", "QSX", plain),
            ("HSX", "HSX", plain),
            ("JCBH", "JCBH", plain),
            ("TBLX", "TBLX", plain),
            ("XZQDM", "XZQDM", plain),
            ("strength", "strength", number(2)),
            ("pixels", "pixels", plain),
        ],
        "changed_parcels": [
            ("layer", "layer", layer),
            ("feature", "feature", plain),
            ("kind", "kind", kind),
            ("changed_m2", "changed_m2", number(1)),
            ("changed_mu", "changed_mu", number(2)),
            ("changed_share", "changed_share", percent),
            ("seasonal", "is_seasonal", truth),
            ("seen_share", "seen_share", percent),
        ],
    }
    return {
        table: tuple(Column(name, words[title], show) for name, title, show in columns)
        for table, columns in rows.items()
    }


#: Each result's table of columns, style, style of its marks, and whether it shows at first.
_RESULTS: Mapping[str, tuple[str, str, str | None, bool]] = {
    "changed_parcels": ("changed_parcels", "changed_parcels", None, False),
    "seasonal_patches": ("patches", "patches", None, False),
    "patches": ("patches", "patches", None, True),
    "findings": ("findings", "findings_areas", "findings", True),
}


def result_theme(
    result: str, frame: gpd.GeoDataFrame, catalog: Mapping[str, LayerSpec], *, lang: str
) -> Theme:
    """The theme of a result.

    Parameters
    ----------
    result : {"changed_parcels", "seasonal_patches", "patches", "findings"}
    frame : GeoDataFrame
    catalog : mapping of str to LayerSpec
    lang : {"zh", "en"}
    """
    words = {**texts(lang), **_kind_names(lang)}
    table, style, pins, visible = _RESULTS[result]
    columns = _result_columns(lang, catalog)[table]
    key = "JCBH" if table == "patches" else "feature"
    label = _category_label(words[result], lang, None)
    return Theme(
        result,
        words[result],
        key if key in frame.columns else None,
        tuple(column for column in columns if column.name in frame.columns),
        load_style(style),
        label if lang == "zh" else lambda category: named(category.value, words),
        visible=visible,
        pins=load_style(pins) if pins else None,
        seasonal="seasonal" if "seasonal" in frame.columns else None,
        result=True,
    )
