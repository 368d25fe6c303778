"""One layer of the page: its features as GeoJSON, its symbols, its legend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis.codes import as_text
from yuxi_gis.crs import datum, require_crs
from yuxi_gis.export.webmap.themes import NEUTRAL, Theme
from yuxi_gis.symbology import Category, Symbol

__all__ = ["drawable", "encode_layer"]

#: Decimals of a degree that are kept: 1e-7 degree is about a centimetre.
_DECIMALS = 7
#: CSS reference pixels in a millimetre.
_PX_PER_MM = 96 / 25.4
#: Qt's pen styles as dashes and gaps in pixels.
_DASHES = {
    "solid": "",
    "no": "",
    "dash": "6 4",
    "dot": "1 4",
    "dash dot": "9 4 1 4",
    "dash dot dot": "9 4 1 4 1 4",
}


def drawable(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The features that have a place, in EPSG:4326, two-dimensional, rounded to 1e-7 degree.

    Parameters
    ----------
    frame : GeoDataFrame
        In any CRS.

    Raises
    ------
    CRSError
        The layer has no CRS, or nothing but a ballpark leads from its datum to WGS 84.
    """
    require_crs(frame)
    shapes = frame.geometry.array
    frame = datum.to_crs(frame[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))], 4326)
    flat = shapely.transform(
        shapely.force_2d(frame.geometry.array), lambda xy: np.round(xy, _DECIMALS)
    )
    finite = np.isfinite(shapely.bounds(flat)).all(axis=1)
    return frame.set_geometry(gpd.GeoSeries(flat, index=frame.index, crs=4326))[finite]


def encode_layer(frame: gpd.GeoDataFrame, theme: Theme, *, seasonal: str) -> str:
    """The layer as the JSON that ``assets/layers.js`` reads.

    Parameters
    ----------
    frame : GeoDataFrame
        From `drawable`.
    theme : Theme
    seasonal : str
        What the legend adds to the label of possibly seasonal changes.

    Returns
    -------
    str
        JSON with the members id, title, fields (titles), key (of each feature), symbols, legend
        and features; each feature's properties are its symbol ``s``, key ``k``, values ``v`` and a
        point inside it ``p``.
    """
    categories = _categories(theme)
    chosen = _choose(frame, theme, categories)
    if theme.seasonal:
        unsure = frame[theme.seasonal].fillna(False).to_numpy(dtype=bool)
        chosen = chosen + len(categories) * unsure
        categories += [_unsure(label, symbol, seasonal) for label, symbol in categories]
    used, index, counts = np.unique(chosen, return_inverse=True, return_counts=True)
    head = {
        "id": theme.id,
        "title": theme.title,
        "result": theme.result,
        "fields": [column.title for column in theme.columns],
        "symbols": [_symbol_json(*categories[i][1]) for i in used],
        "pins": _pins(theme, used),
        "legend": [
            {"label": categories[i][0], "count": int(n)} for i, n in zip(used, counts, strict=True)
        ],
    }
    features = ",".join(_features(frame, theme, index))
    return f'{_json(head)[:-1]},"features":[{features}]}}'


#: A label with its symbol and whether it is dashed.
_Entry = tuple[str, tuple[Symbol, bool]]


def _categories(theme: Theme) -> list[_Entry]:
    if theme.style is None:
        return [(theme.title, (NEUTRAL, False))]
    return [(theme.label(c), (c.symbol, False)) for c in theme.style.categories]


def _unsure(label: str, symbol: tuple[Symbol, bool], note: str) -> _Entry:
    lighter = replace(symbol[0], fill_opacity=round(symbol[0].fill_opacity * 0.4, 3))
    return f"{label} · {note}", (lighter, True)


def _choose(
    frame: gpd.GeoDataFrame, theme: Theme, categories: list[_Entry]
) -> npt.NDArray[np.int64]:
    """The category of each feature. One that no category fits is drawn neutral, never lost."""
    style = theme.style
    if style is None or style.attribute is None:
        return np.zeros(len(frame), dtype=np.int64)
    by_value = {c.value: i for i, c in enumerate(style.categories)}
    if style.attribute in frame.columns:
        values = as_text(frame[style.attribute]).fillna("")
    else:
        values = pd.Series("", index=frame.index)
    numbers = values.map(by_value).fillna(by_value.get("", -1))
    chosen = np.array(numbers, dtype=np.int64)
    if (chosen < 0).any():
        chosen[chosen < 0] = len(categories)
        categories.append((theme.label(Category("", "", NEUTRAL)), (NEUTRAL, False)))
    return chosen


def _symbol_json(symbol: Symbol, dashed: bool) -> dict[str, Any]:
    """The symbol as options of a Leaflet path."""
    options = {
        "shape": symbol.geometry,
        "fill": symbol.fill_opacity > 0,
        "fillColor": symbol.fill,
        "fillOpacity": symbol.fill_opacity,
        "stroke": symbol.stroke_opacity > 0,
        "color": symbol.stroke,
        "opacity": symbol.stroke_opacity,
        "weight": round(symbol.stroke_width_mm * _PX_PER_MM, 2),
        "radius": round(max(symbol.size_mm, 1.5) / 2 * _PX_PER_MM, 2),
    }
    dash = _DASHES["dash" if dashed else symbol.stroke_style]
    return {**options, "dashArray": dash} if dash else options


def _pins(theme: Theme, used: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """The mark of each symbol that is used; empty for a theme without marks."""
    if theme.pins is None:
        return []
    marks = [category.symbol for category in theme.pins.categories]
    return [_symbol_json(marks[i] if i < len(marks) else NEUTRAL, False) for i in used]


def _features(frame: gpd.GeoDataFrame, theme: Theme, symbols: npt.NDArray[np.int64]) -> list[str]:
    shapes = shapely.to_geojson(frame.geometry.array)
    points = np.round(shapely.get_coordinates(frame.geometry.representative_point()), _DECIMALS)
    columns = [column.show(frame[column.name]) for column in theme.columns]
    keys = as_text(frame[theme.key]).fillna("") if theme.key else [""] * len(frame)
    rows: Sequence[tuple[str, ...]] = list(zip(*columns, strict=True)) or [()] * len(frame)
    return [
        f'{{"type":"Feature","geometry":{shape},"properties":'
        f"{_json({'s': int(s), 'k': key, 'v': row, 'p': point})}}}"
        for shape, s, key, row, point in zip(
            shapes, symbols, keys, rows, points.tolist(), strict=True
        )
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
