"""Parcels with what the tables behind them say: contract, contractor, issuer, register."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.errors import ParameterError
from yuxi_gis.read.fields import as_text, completed

__all__ = ["join"]

Catalog = Mapping[str, LayerSpec]


class _Relation(NamedTuple):
    """`table` is looked up in `column` of the result, or its `field` refers to the layer."""

    table: str
    column: str
    field: str
    detail: bool


def join(
    layers: Mapping[str, pd.DataFrame],
    layer: str = "farmland",
    *,
    catalog: Catalog | None = None,
) -> gpd.GeoDataFrame:
    """A layer with the columns of the tables that belong to it, by their codes.

    The relations are those of the catalogue (`FieldSpec.references`). First come the tables whose
    key refers to the layer (``CBDKXX`` to ``DK``), one row for each of their records; then the
    tables that these refer to (``CBF``, ``FBF``, ``CBHT``, ``CBJYQZDJB`` …), and so on, each once.

    Parameters
    ----------
    layers : mapping of str to DataFrame
        By layer id, with official field names. They are not changed. Tables that are not there
        are left out.
    layer : str
        The layer or table to start from.
    catalog : mapping of str to LayerSpec, optional
        By default the one that comes with the package.

    Returns
    -------
    GeoDataFrame
        A DataFrame where the layer is a table. Every row of the layer is there, in its order and
        with its index; a row with several records in a table of details is there several times,
        in the manner of `pandas.merge`. Columns that would have a name twice bear that of their
        table in front: ``CBF_YZBM``. ``attrs["joined"]`` says for each relation: ``table``,
        ``on`` (the field that refers, and to what), ``matched`` and ``unmatched`` (rows of the
        result whose code was found or not), ``empty`` (rows without code), ``unused`` (records
        of the table that nothing refers to), ``repeated`` (rows more than before; in a table that
        is looked up: records whose code another one has already, which are left out) and
        ``shortened`` (rows matched although their code lacks its last character, as CBHTBM in 18
        characters does, where only one code fits).

    Raises
    ------
    ParameterError
        `layer` is not in `layers` or not in the catalogue, or no table belongs to it.

    Notes
    -----
    Codes are compared as text without blanks around them. Codes of 19 digits that were numbers
    once do not match: see `yuxi_gis.read.fields.destroyed_codes`.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> from shapely import box
    >>> village = "53040200100100"
    >>> farmland = gpd.GeoDataFrame(
    ...     {"DKBM": [village + "00001", village + "00002"]},
    ...     geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], crs=4543)
    >>> tables = {
    ...     "contract_parcel": pd.DataFrame(
    ...         {"DKBM": [village + "00001"], "CBFBM": [village + "0007"], "HTMJ": [667.0]}),
    ...     "contractor": pd.DataFrame({"CBFBM": [village + "0007"], "CBFMC": ["李某"]}),
    ... }
    >>> parcels = join({"farmland": farmland, **tables})
    >>> parcels["CBFMC"].fillna("-").tolist()
    ['李某', '-']
    >>> [(j["table"], j["matched"], j["unmatched"]) for j in parcels.attrs["joined"]]
    [('contract_parcel', 1, 1), ('contractor', 1, 0)]
    """
    catalog = load_catalog() if catalog is None else catalog
    for name in (layer, *layers):
        if name not in catalog:
            raise ParameterError(
                f"没有图层 {name}。图层目录中有：{', '.join(catalog)}。",
                f"There is no layer {name}. The catalogue has {', '.join(catalog)}.",
            )
    if layer not in layers:
        raise ParameterError(
            f"没有给出图层 {layer}，无法挂接。给出的有：{', '.join(layers)}。",
            f"Layer {layer} is not given, so nothing can be joined to it. "
            f"Given are {', '.join(layers)}.",
        )
    result = layers[layer].copy()
    place = {column: column for column in result.columns}
    told: list[dict[str, Any]] = []
    done = {layer}
    waiting = _details(layer, layers, catalog) + _parents(layer, place, layers, catalog)
    while waiting:
        relation = waiting.pop(0)
        if relation.table in done or relation.column not in result.columns:
            continue
        done.add(relation.table)
        result, place, report = _merge(result, layers[relation.table], relation, catalog)
        told.append(report)
        waiting += _parents(relation.table, place, layers, catalog)
    if not told:
        raise ParameterError(
            f"没有可与 {layer} 挂接的表（缺少表，或缺少代码字段）。给出的有：{', '.join(layers)}。",
            f"No table is given that belongs to {layer} (or the code fields are missing). "
            f"Given are {', '.join(layers)}.",
        )
    result.attrs = {**layers[layer].attrs, "joined": told}
    return result


def _details(layer: str, layers: Mapping[str, pd.DataFrame], catalog: Catalog) -> list[_Relation]:
    """The tables whose key field refers to `layer`."""
    found = []
    for name, frame in layers.items():
        key = catalog[name].by_name[catalog[name].key]
        table, _, column = (key.references or "").partition(".")
        if table == layer and key.name in frame.columns:
            found.append(_Relation(name, column, key.name, detail=True))
    return found


def _parents(
    layer: str, place: Mapping[str, str], layers: Mapping[str, pd.DataFrame], catalog: Catalog
) -> list[_Relation]:
    """The tables that fields of `layer` refer to; `place` is where these lie in the result."""
    found = []
    for field in catalog[layer].fields:
        table, _, name = (field.references or "").partition(".")
        if table in layers and field.name in place and name in layers[table].columns:
            found.append(_Relation(table, place[field.name], name, detail=False))
    return found


def _merge(
    left: pd.DataFrame, table: pd.DataFrame, relation: _Relation, catalog: Catalog
) -> tuple[pd.DataFrame, dict[str, str], dict[str, Any]]:
    """`left` with the columns of `table`, where they lie, and the report."""
    spec = catalog[relation.table]
    right = pd.DataFrame(table)
    if isinstance(table, gpd.GeoDataFrame) and table.active_geometry_name:
        right = right.drop(columns=table.active_geometry_name)
    wanted = _keys(left[relation.column])
    keys = _keys(right[relation.field])
    whole = completed(wanted, keys, spec.by_name[relation.field].length or 0)
    shortened = wanted.notna() & (whole != wanted)
    wanted = whole
    repeats = (keys.duplicated() & keys.notna()).to_numpy()
    usable = keys.notna().to_numpy() if relation.detail else keys.notna().to_numpy() & ~repeats

    # Rows of both sides that belong together; -1 where there is no record.
    pairs = pd.merge(
        pd.DataFrame({"key": wanted.to_numpy(), "left": np.arange(len(left))}).dropna(),
        pd.DataFrame({"key": keys[usable].to_numpy(), "right": np.flatnonzero(usable)}),
        on="key",
    )
    alone = np.setdiff1d(np.arange(len(left)), pairs["left"])
    take = np.concatenate([pairs["left"].to_numpy(), alone]).astype(np.intp)
    record = np.concatenate([pairs["right"].to_numpy(), np.full(len(alone), -1)]).astype(np.intp)
    order = np.lexsort([record, take])
    take, record = take[order], record[order]

    result = left.iloc[take].copy()
    added = right.drop(columns=relation.field)
    names = {c: c if c not in left.columns else f"{spec.name}_{c}" for c in added.columns}
    for column, name in names.items():
        values = added[column].reset_index(drop=True).reindex(record)
        result[name] = values.set_axis(result.index)
    report = {
        "table": relation.table,
        "on": f"{relation.column} = {spec.name}.{relation.field}",
        "matched": int((record >= 0).sum()),
        "unmatched": int(wanted.iloc[alone].notna().sum()),
        "empty": int(wanted.iloc[alone].isna().sum()),
        "unused": int((keys.notna() & ~keys.isin(wanted.dropna())).sum()),
        "repeated": len(take) - len(left) if relation.detail else int(repeats.sum()),
        "shortened": int(shortened.sum()),
    }
    return result, {relation.field: relation.column, **names}, report


def _keys(values: pd.Series) -> pd.Series:
    """Codes as stripped text, missing where there are none; index 0 … n-1."""
    text = as_text(values).str.strip().reset_index(drop=True)
    return text.mask(text == "")
