"""The table that checks return: one row a fault, with its place.

Columns, always in this order: `rule`, `severity` (error, warning, info), `layer`, `feature` (the
parcel's code, or ``#12`` for the twelfth row where there is no usable code; empty where the fault
is the layer's), `other_layer`, `other_feature`, `value`, `limit`, `unit`, `area_m2`, `message_zh`,
`message_en`, `geometry` (the place of the fault; missing where it has none).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS

from yuxi_gis.crs import datum
from yuxi_gis.errors import CRSError

__all__ = ["COLUMNS", "SEVERITIES", "empty", "finish", "make", "plain", "printable"]

#: The columns in their order.
COLUMNS = (
    "rule",
    "severity",
    "layer",
    "feature",
    "other_layer",
    "other_feature",
    "value",
    "limit",
    "unit",
    "area_m2",
    "message_zh",
    "message_en",
    "geometry",
)
#: From the gravest to the mildest.
SEVERITIES = ("error", "warning", "info")

_FLOATS = ("value", "limit", "area_m2")
_TEXTS = tuple(name for name in COLUMNS if name not in (*_FLOATS, "geometry"))
_ORDER = ["rule", "layer", "feature", "other_layer", "other_feature", "message_en", "wkb"]

# Control characters, and those that turn the direction of text: a terminal or a page would obey.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LONGEST = 80


def printable(text: str) -> str:
    """`text` from a data file made safe to print: no control characters, at most 80 characters."""
    text = _UNPRINTABLE.sub("\ufffd", text)
    if len(text) <= _LONGEST:
        return text
    # Half an identity number could no longer be told for one, and masked.
    return text[: _LONGEST - 1].rstrip("0123456789Xx") + "…"


def plain(text: str) -> str:
    """A whole message without control characters, on one line."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def make(
    feature: npt.ArrayLike,
    geometry: npt.NDArray[np.object_] | None,
    crs: CRS | None,
    *,
    zh: str,
    en: str,
    words: Mapping[str, Any] | None = None,
    **columns: Any,
) -> gpd.GeoDataFrame:
    """Findings of one rule on one layer, from whole columns.

    Parameters
    ----------
    feature : array-like of str, shape (n,)
        The parcels.
    geometry : ndarray of shapely geometry, shape (n,), or None
        The places of the faults in `crs`; None where the fault has no place.
    crs : pyproj.CRS or None
        Of `geometry`. Places without a CRS are dropped: nobody knows where on earth they are.
    zh, en : str
        The messages, as `str.format` templates of the columns and of `words`.
    words : mapping, optional
        Further scalars or arrays of shape (n,) for the templates.
    **columns
        Any other column of `COLUMNS`: a scalar or an array of shape (n,).

    Returns
    -------
    GeoDataFrame
        With `COLUMNS`; without any row the one empty table, which is not to be changed.
    """
    features = np.asarray(feature, dtype=object)
    n = len(features)
    if not n:  # most rules find nothing, and a table costs more than the search on a small layer
        return _nothing()
    data: dict[str, Any] = {name: np.full(n, "", dtype=object) for name in _TEXTS}
    data |= {name: np.full(n, np.nan) for name in _FLOATS}
    data["feature"] = features
    for name, value in columns.items():
        data[name] = np.broadcast_to(np.asarray(value, dtype=data[name].dtype), n)
    named = {**data, **{k: np.broadcast_to(v, n) for k, v in (words or {}).items()}}
    rows = [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]
    data["message_zh"] = [zh.format_map(row) for row in rows]
    data["message_en"] = [en.format_map(row) for row in rows]
    places = np.full(n, None)
    if geometry is not None and crs is not None:
        places[:] = geometry
        places[shapely.is_empty(places)] = None
    return _frame(data, gpd.GeoSeries(places, crs=crs))


@cache
def _nothing() -> gpd.GeoDataFrame:
    return empty()


def empty(crs: Any = None) -> gpd.GeoDataFrame:
    """No findings: all columns with their types, no row."""
    return _frame({name: [] for name in COLUMNS[:-1]}, gpd.GeoSeries([], crs=crs))


def finish(parts: Iterable[gpd.GeoDataFrame], crs: Any = None) -> gpd.GeoDataFrame:
    """All findings in one table, in one CRS and in an order that depends on nothing but them.

    Parameters
    ----------
    parts : iterable of GeoDataFrame
        Findings, each in the CRS of its layer.
    crs : CRS or None
        Of the result. A place that cannot be brought there is dropped, its finding stays.

    Returns
    -------
    GeoDataFrame
        Sorted by rule, layer, feature, other layer, other feature, message, place; index 0 … n-1.
    """
    moved = [_in_crs(part, crs) for part in parts if len(part)]
    if not moved:
        return empty(crs)
    # By column, not with pd.concat, which guesses at the type of columns that are all missing.
    data = {
        name: np.concatenate([part[name].to_numpy(_dtype(name)) for part in moved])
        for name in COLUMNS[:-1]
    }
    places = np.concatenate([part.geometry.to_numpy() for part in moved])
    table = _frame(data, gpd.GeoSeries(places, crs=crs))
    # Missing places sort first; hexadecimal text compares like the bytes.
    wkb = pd.Series(shapely.to_wkb(places, hex=True), dtype=object).fillna("")
    order = table.assign(wkb=wkb).sort_values(_ORDER, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _dtype(name: str) -> Any:
    return np.float64 if name in _FLOATS else object


def _frame(data: Mapping[str, Any], geometry: gpd.GeoSeries) -> gpd.GeoDataFrame:
    columns = {
        name: pd.Series(data[name], dtype="float64" if name in _FLOATS else "str")
        for name in COLUMNS[:-1]
    }
    return gpd.GeoDataFrame(columns, geometry=geometry)


def _in_crs(part: gpd.GeoDataFrame, crs: Any) -> gpd.GeoDataFrame:
    if crs is None or part.crs is None or part.crs == CRS.from_user_input(crs):
        return part
    try:
        moved = datum.to_crs(part, crs)
    except CRSError:  # another datum, and no way there that is known
        return part.set_geometry(gpd.GeoSeries(None, index=part.index, crs=crs))
    bounds = moved.bounds.to_numpy()
    lost = ~np.isfinite(bounds).all(axis=1)
    return moved.set_geometry(moved.geometry.where(~lost, None))
