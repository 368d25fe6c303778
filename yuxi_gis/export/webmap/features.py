"""One layer of the page: its features, their columns and symbols, packed for ``features.js``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis.codes import as_text
from yuxi_gis.crs import Bounds, datum, require_crs, robust_bounds
from yuxi_gis.export.webmap.packing import Integers, deflated, varints
from yuxi_gis.export.webmap.shapes import pack_shapes
from yuxi_gis.export.webmap.texts import both
from yuxi_gis.export.webmap.themes import NEUTRAL, Theme
from yuxi_gis.export.webmap.values import Number, Text, Words, pack_column
from yuxi_gis.regions import region_code, region_name
from yuxi_gis.symbology import Category, Symbol
from yuxi_gis.units import ellipsoidal_area

__all__ = ["Encoded", "drawable", "encode_layer"]

#: CSS reference pixels in a millimetre.
_PX_PER_MM = 96 / 25.4
#: Qt's pen styles as dashes and gaps in pixels.
_DASHES = {
    "solid": [],
    "no": [],
    "dash": [6, 4],
    "dot": [1, 4],
    "dash dot": [9, 4, 1, 4],
    "dash dot dot": [9, 4, 1, 4, 1, 4],
}
_AREA = Number(1)
_VILLAGE = "village"
#: Times that the whole may be as wide as where nearly all lie.
_SPECK = 20


@dataclass(frozen=True)
class Encoded:
    """A layer as the page carries it.

    Attributes
    ----------
    head : dict
        What ``features.js`` must know before it unpacks: id, title, columns, categories, streams.
    data : str
        The streams, compressed, in base64.
    count : int
        Features that have a place.
    bounds : tuple of float or None
        Where the features lie: west, south, east, north in degrees; None without features. A few
        that lie far off are left out.
    """

    head: dict[str, Any]
    data: str
    count: int
    bounds: Bounds | None


def drawable(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The features that have a place, in EPSG:4326, along a space-filling curve.

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
    nowhere = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    placed = frame[~nowhere] if nowhere.any() else frame
    if shapely.has_z(shapes).any():
        placed = placed.set_geometry(shapely.force_2d(placed.geometry.array))
    placed = datum.to_crs(placed, 4326)
    outside = ~np.isfinite(placed.bounds.to_numpy()).all(axis=1)
    if outside.any():
        placed = placed[~outside]
    if len(placed) < 2:
        return placed
    return placed.iloc[np.argsort(placed.hilbert_distance().to_numpy(), kind="stable")]


def encode_layer(
    frame: gpd.GeoDataFrame, theme: Theme, drawn_as: gpd.GeoDataFrame | None = None
) -> Encoded:
    """A layer as ``features.js`` reads it.

    Parameters
    ----------
    frame : GeoDataFrame
        In any CRS.
    theme : Theme
    drawn_as : GeoDataFrame, optional
        The same rows with simpler shapes, in any CRS: what is drawn. Areas are those of `frame`.

    Raises
    ------
    CRSError
        As `drawable`.
    """
    rows = pd.RangeIndex(len(frame))
    drawn = drawable((frame if drawn_as is None else drawn_as).set_axis(rows))
    shapes = drawn.geometry.to_numpy()
    streams = pack_shapes(shapes)
    categories, chosen = _categories(drawn, theme)
    streams["category"] = varints(chosen)
    head: dict[str, Any] = {
        "id": theme.id,
        "title": theme.title,
        "result": theme.result,
        "show": theme.visible,
        "count": len(drawn),
        "key": next((i for i, c in enumerate(theme.columns) if c.name == theme.key), None),
        "columns": _pack_columns(drawn, theme, streams),
        "categories": categories,
    }
    if theme.region is not None and theme.region in drawn.columns:
        villages = pd.Series(region_code(as_text(drawn[theme.region])), index=drawn.index)
        _, words, codes = pack_column(villages, Text(_village))
        streams |= {f"{_VILLAGE}.words": words, f"{_VILLAGE}.codes": codes}
    if theme.measured and len(shapes) and shapely.get_dimensions(shapes).max() == 2:
        area = pd.Series(ellipsoidal_area(frame.geometry.iloc[drawn.index]))
        streams["area"] = pack_column(area, _AREA)[2]
    head["streams"], data = deflated(streams)
    return Encoded(head, data, len(drawn), _bounds(shapes))


def _bounds(shapes: npt.NDArray[np.object_]) -> Bounds | None:
    """Of all shapes; of nearly all where the others would make these a speck on the map."""
    near = robust_bounds(shapes)
    if near is None:
        return None
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    far = max(east - west, north - south) > _SPECK * max(near[2] - near[0], near[3] - near[1])
    return near if far else (west, south, east, north)


def _pack_columns(
    frame: gpd.GeoDataFrame, theme: Theme, streams: dict[str, bytes]
) -> list[dict[str, Any]]:
    """The heads of the columns; their streams go into `streams`."""
    heads: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    for i, column in enumerate(theme.columns):
        head: dict[str, Any] = {"name": column.name, "title": column.title}
        kind = column.kind
        if isinstance(kind, Number) and column.name in numbers:
            # The same numbers in another unit are worked out in the page.
            first = numbers[column.name]
            factor = kind.factor / theme.columns[first].kind.factor  # type: ignore[union-attr]
            head |= {"of": first, "factor": factor}
            head |= {"decimals": kind.decimals, "unit": kind.unit}
        else:
            facts, words, codes = pack_column(frame[column.name], kind)
            head |= facts
            if facts:
                numbers[column.name] = i
            else:
                head["search"] = column.search
                streams[f"{i}.words"] = words
            streams[f"{i}.codes"] = codes
        heads.append(head)
    return heads


def _village(code: str) -> str:
    """Town and village by name, as far as they are known."""
    names = [region_name(code[:width]) for width in (9, 12) if len(code) >= width]
    known = [name for name in names if not name.isdigit()]
    return " ".join(known) or code


#: A label with its symbol and whether it is dashed.
_Entry = tuple[Words, Symbol, bool]


def _categories(frame: gpd.GeoDataFrame, theme: Theme) -> tuple[list[dict[str, Any]], Integers]:
    """The categories that occur, and which of them each feature has."""
    entries = _entries(theme)
    chosen = _choose(frame, theme, entries)
    if theme.seasonal:
        unsure = frame[theme.seasonal].fillna(False).to_numpy(dtype=bool)
        chosen = chosen + len(entries) * unsure
        entries += [_unsure(*entry) for entry in entries]
    used, index, counts = np.unique(chosen, return_inverse=True, return_counts=True)
    marks = [] if theme.pins is None else [c.symbol for c in theme.pins.categories]
    heads = []
    for i, count in zip(used.tolist(), counts.tolist(), strict=True):
        label, symbol, dashed = entries[i]
        head = {"label": label, "symbol": _symbol(symbol, dashed), "count": count}
        if theme.pins is not None:
            head["pin"] = _symbol(marks[i] if i < len(marks) else NEUTRAL, False)
        heads.append(head)
    return heads, index.astype(np.int64)


def _entries(theme: Theme) -> list[_Entry]:
    if theme.style is None:
        return [(theme.title, NEUTRAL, False)]
    return [(theme.label(c), c.symbol, False) for c in theme.style.categories]


def _unsure(label: Words, symbol: Symbol, dashed: bool) -> _Entry:
    zh, en = (label, label) if isinstance(label, str) else label
    note = both("seasonal")
    lighter = replace(symbol, fill_opacity=round(symbol.fill_opacity * 0.4, 3))
    return (f"{zh} · {note[0]}", f"{en} · {note[1]}"), lighter, True


def _choose(frame: gpd.GeoDataFrame, theme: Theme, entries: list[_Entry]) -> npt.NDArray[np.int64]:
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
        chosen[chosen < 0] = len(entries)
        entries.append((theme.label(Category("", "", NEUTRAL)), NEUTRAL, False))
    return chosen


def _symbol(symbol: Symbol, dashed: bool) -> dict[str, Any]:
    """The symbol as ``tiles.js`` draws it; widths in CSS pixels."""
    return {
        "shape": symbol.geometry,
        "fill": symbol.fill,
        "fillOpacity": symbol.fill_opacity,
        "stroke": symbol.stroke,
        "strokeOpacity": symbol.stroke_opacity,
        "width": round(symbol.stroke_width_mm * _PX_PER_MM, 2),
        "radius": round(max(symbol.size_mm, 1.5) / 2 * _PX_PER_MM, 2),
        "dash": _DASHES["dash" if dashed else symbol.stroke_style],
    }
