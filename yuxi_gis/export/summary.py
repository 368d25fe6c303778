"""Totals as CSV and JSON for machines and as a styled GeoPackage; workbook and page lie beside."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from yuxi_gis.codes import Masking
from yuxi_gis.export.geopackage import write_geopackage
from yuxi_gis.export.provenance import Provenance
from yuxi_gis.export.table import FORMULA_STARTS
from yuxi_gis.outputs import staged
from yuxi_gis.summary import UNKNOWN, LayerTotal, Summary
from yuxi_gis.symbology import load_style

__all__ = [
    "grades",
    "land_of",
    "region_totals",
    "to_json",
    "write_csv",
    "write_geopackage_of",
    "write_json",
]

_NO_PERSONAL_DATA = Masking()
_GRADES = 5


def write_csv(
    path: str | os.PathLike[str],
    summary: Summary,
    outlines: gpd.GeoDataFrame,
    *,
    lang: str = "zh",
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> None:
    """Write the table of `summary` as CSV, UTF-8 with a byte order mark.

    Parameters
    ----------
    path : path-like
    summary : Summary
    outlines : GeoDataFrame
        Of no effect here, as `lang` and `inputs`: all writers take the same.
    lang : {"zh", "en"}
    inputs : iterable of path-like
    overwrite : bool

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    table = summary.table.copy()
    for name in table.select_dtypes(exclude="number"):
        risky = table[name].str.startswith(FORMULA_STARTS)
        table[name] = table[name].mask(risky, "'" + table[name])
    with staged(path, overwrite=overwrite) as target:
        table.to_csv(target, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def write_json(
    path: str | os.PathLike[str],
    summary: Summary,
    outlines: gpd.GeoDataFrame,
    *,
    lang: str = "zh",
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> None:
    """Write what `to_json` returns as UTF-8; see `write_csv` for the parameters."""
    with staged(path, overwrite=overwrite) as target:
        text = json.dumps(to_json(summary, inputs), ensure_ascii=False, indent=1, allow_nan=False)
        target.write_text(text + "\n", encoding="utf-8")


def to_json(summary: Summary, inputs: Iterable[object] = ()) -> dict[str, Any]:
    """The summary as one object that `json.dumps` takes.

    Returns
    -------
    dict
        ``by``; ``totals``, ``crossing`` and ``control``: lists of objects with the columns of the
        tables, missing numbers null; ``layers``: titles, method of measuring, field of the recorded
        area; ``notes`` and ``provenance``.
    """
    return {
        "by": summary.by,
        "totals": _records(summary.table),
        "crossing": _records(summary.crossing),
        "control": _records(summary.control),
        "layers": {
            name: {
                "title_zh": layer.titles[0],
                "title_en": layer.titles[1],
                "method": layer.method or None,
                "official": layer.official or None,
                "by_place": layer.by_place,
            }
            for name, layer in summary.layers.items()
        },
        "notes": [{"zh": zh, "en": en} for zh, en in summary.notes],
        "provenance": Provenance.of(inputs, _NO_PERSONAL_DATA).as_json(),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.to_dict("records")
    records = [{str(name): value for name, value in row.items()} for row in rows]
    for record in records:
        for name, value in record.items():
            if isinstance(value, float) and not math.isfinite(value):
                record[name] = None
    return records


def land_of(layer: LayerTotal) -> str:
    """The column of the table that says how much land of a layer is handed in, in 亩; the count
    where none does."""
    if layer.official:
        return "official_mu"
    return "area_mu" if layer.method else "count"


def region_totals(summary: Summary, layer: str) -> pd.DataFrame:
    """The numbers of one layer by region: index the code, summed over classes, share worked out."""
    rows = summary.table[summary.table["layer"] == layer]
    numbers = rows.select_dtypes("number").columns.drop(["protected_share"])
    sums = rows.groupby("region")[list(numbers)].sum(min_count=1)
    sums["protected_share"] = sums["protected_m2"] / sums["area_m2"].where(sums["area_m2"] > 0)
    return sums


def grades(values: npt.ArrayLike) -> tuple[npt.NDArray[np.object_], list[tuple[float, float]]]:
    """Values in up to five grades with about as many regions each.

    Returns
    -------
    grade : ndarray of str
        ``"1"`` (least) … ``"5"``, ``""`` where there is nothing.
    ranges : list of (float, float)
        The least and the largest value of each grade.
    """
    value = np.nan_to_num(np.asarray(values, dtype=float))
    there = value > 0
    result = np.full(len(value), "", dtype=object)
    if not there.any():
        return result, []
    distinct = np.unique(value[there])
    edges = np.unique(np.quantile(distinct, np.linspace(0, 1, min(_GRADES, len(distinct)) + 1)))
    number = np.searchsorted(edges[1:-1], value[there], side="left")
    used, place = np.unique(number, return_inverse=True)
    result[there] = np.array([str(i + 1) for i in range(len(used))], dtype=object)[place]
    ranges = [(value[there][place == i].min(), value[there][place == i].max())
              for i in range(len(used))]  # fmt: skip
    return result, [(float(low), float(high)) for low, high in ranges]


def write_geopackage_of(
    path: str | os.PathLike[str],
    summary: Summary,
    outlines: gpd.GeoDataFrame,
    *,
    lang: str = "zh",
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> None:
    """Write the regions as polygons with their totals, styled, and the tables of `summary`.

    The tables are ``regions`` (shaded by the land of the first layer), ``totals``, ``crossing``,
    ``control`` and ``notes``; empty ones are left out. See `write_csv` for the parameters;
    `outlines` are from `yuxi_gis.summary.region_outlines`.
    """
    tables: dict[str, pd.DataFrame] = {"regions": _regions(summary, outlines)}
    tables |= {"totals": summary.table, "crossing": summary.crossing, "control": summary.control}
    tables["notes"] = pd.DataFrame(list(summary.notes), columns=["zh", "en"])
    kept = {name: table for name, table in tables.items() if len(table)}
    with staged(path, overwrite=overwrite) as part:
        write_geopackage(part, {}, others=kept, inputs=inputs, masking=_NO_PERSONAL_DATA)
        if "regions" in kept:
            _add_style(part)


def _regions(summary: Summary, outlines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A row a region, a few columns a layer; regions that have no outline have no geometry."""
    every = pd.Index(summary.table["region"].unique()).union(pd.Index(outlines["region"]))
    shapes = outlines.set_index("region").geometry.reindex(every)
    names = [summary.names.get(code, UNKNOWN[0]) for code in every]
    data: dict[str, Any] = {"region": every.to_numpy(object), "region_name": names, "grade": ""}
    for i, (name, layer) in enumerate(summary.layers.items()):
        sums = region_totals(summary, name).reindex(every)
        data[f"{name}_count"] = sums["count"].fillna(0).astype("int64").to_numpy()
        for column in ("official_m2", "official_mu", "area_m2", "area_mu", "protected_m2"):
            if sums[column].notna().any():
                data[f"{name}_{column}"] = sums[column].fillna(0).to_numpy()
        if i == 0:
            data["grade"] = grades(sums[land_of(layer)])[0]
    return gpd.GeoDataFrame(data, geometry=shapes.array, crs=outlines.crs)


def _add_style(path: os.PathLike[str]) -> None:
    """The default style of the table ``regions``, in the table that QGIS looks for.

    Written without a row, that table has no text columns: it is made anew as QGIS makes it.
    """
    qml = load_style("summary").path.read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE IF EXISTS layer_styles")
        database.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "
            "f_table_catalog TEXT, f_table_schema TEXT, f_table_name TEXT, f_geometry_column TEXT, "
            "styleName TEXT, styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, "
            "owner TEXT, ui TEXT, update_time DATETIME)"
        )
        database.execute(
            "INSERT INTO layer_styles SELECT 1, '', '', 'regions', 'geom', '汇总', ?, '', 1, '', "
            "'', '', last_change FROM gpkg_contents WHERE table_name = 'regions'",
            (qml,),
        )
        database.execute(
            "UPDATE gpkg_ogr_contents SET feature_count = 1 WHERE table_name = 'layer_styles'"
        )
