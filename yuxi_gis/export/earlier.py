"""Findings of an earlier run, read back from the GeoPackage, workbook or JSON it wrote."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from python_calamine import CalamineError, CalamineWorkbook

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks.baseline import ABOUT
from yuxi_gis.crs import datum
from yuxi_gis.errors import SourceError, YuxiGisError
from yuxi_gis.export.workbook import HEADS, SEVERITY, STATE
from yuxi_gis.findings import COLUMNS

__all__ = ["read_earlier"]

_COLUMNS = [name for name in (*COLUMNS, *ABOUT) if name not in ("geometry", "state")]
_FLOATS = ("value", "limit", "area_m2")
_HEAD_WITHIN = 10  # rows that a clerk may have put above the header
_BROKEN = (
    DataLayerError, DataSourceError, CalamineError, sqlite3.Error, OSError, ValueError, KeyError,
    TypeError, AttributeError, shapely.errors.ShapelyError,
)  # fmt: skip


def read_earlier(path: str | os.PathLike[str]) -> gpd.GeoDataFrame:
    """Read findings that this program wrote, for `yuxi_gis.checks.baseline.compare`.

    Parameters
    ----------
    path : path-like
        ``.gpkg``, ``.xlsx`` or ``.json``. In a workbook, rows may have been sorted, moved to other
        sheets or deleted, and columns moved or added; the remarks are those of its last column.

    Returns
    -------
    GeoDataFrame
        `findings.COLUMNS`, ``region`` and ``remark``; places as points, in EPSG:4490 unless from a
        GeoPackage.

    Raises
    ------
    SourceError
        There is no such file, or it holds no findings of this program.
    """
    path = Path(path)
    read = _READERS.get(path.suffix.lower())
    if read is None:
        endings = " ".join(_READERS)
        raise SourceError(
            f"{path}：不能作为上次检查的结果。请给出本程序写出的文件（{endings}）。",
            f"{path}: cannot be read as an earlier result. Give a file that this program wrote "
            f"({endings}).",
        )
    if not path.is_file():
        raise SourceError(f"{path}：没有这个文件。", f"{path}: there is no such file.")
    try:
        return _typed(read(path))
    except YuxiGisError:
        raise
    except _BROKEN as error:
        raise _no_findings(path) from error


def _no_findings(path: Path) -> SourceError:
    return SourceError(
        f"{path}：不是本程序写出的检查结果，或已损坏。请给出上次 check -o 写出的文件。",
        f"{path}: is no result of the checks, or is damaged. Give a file that check -o wrote.",
    )


def _typed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """All columns, floats and texts."""
    if not {"rule", "layer", "feature"} <= set(frame.columns):
        raise KeyError("rule")
    columns = {
        name: pd.to_numeric(_column(frame, name), errors="coerce").astype("float64")
        if name in _FLOATS
        else _column(frame, name).astype("str").fillna("")
        for name in _COLUMNS
    }
    return gpd.GeoDataFrame(columns, geometry=frame.geometry.array, crs=frame.crs)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name in frame.columns:
        return frame[name].reset_index(drop=True)
    return pd.Series(None, index=range(len(frame)), dtype=object)


def _package(path: Path) -> gpd.GeoDataFrame:
    frame = pyogrio.read_dataframe(path, layer="findings")
    if not isinstance(frame, gpd.GeoDataFrame):
        raise ValueError("no geometry")
    if "mend" in frame.columns:  # the remedy as it was then
        for name in ("message_zh", "message_en"):
            frame[name] = [
                str(text).removesuffix(str(mend)).rstrip()
                for text, mend in zip(frame[name], frame["mend"], strict=True)
            ]
    return frame


def _json(path: Path) -> gpd.GeoDataFrame:
    data = json.loads(path.read_text(encoding="utf-8"))
    frame = pd.DataFrame(data["findings"], columns=[*_COLUMNS, "geometry"])
    shapes = [
        None if place is None else shapely.from_geojson(json.dumps(place))
        for place in frame.pop("geometry")
    ]
    points = np.full(len(frame), None)
    points[:] = shapely.point_on_surface(np.asarray(shapes, dtype=object))
    for layer, rows in frame.groupby("layer"):
        code = data["layers"].get(layer, {}).get("epsg")
        if code is None:
            points[rows.index] = None
        else:
            moved = datum.to_crs(gpd.GeoSeries(points[rows.index], crs=code), 4490)
            points[rows.index] = moved.to_numpy()
    return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(points, crs=4490))


def _workbook(path: Path) -> gpd.GeoDataFrame:
    book = CalamineWorkbook.from_path(str(path))
    parts = [part for name in book.sheet_names for part in _sheet(book, name)]
    if not parts:
        raise _no_findings(path)
    frame = pd.concat(parts, ignore_index=True)
    mended = _column(frame, "state").isin(STATE["mended"])
    known = frame["rule"].astype("str").str.fullmatch(r"[A-Z][0-9]{2}")
    frame = frame[known & ~mended].reset_index(drop=True)
    layers = {
        title: id for id, spec in load_catalog().items() for title in (spec.title_en, spec.title_zh)
    }
    for name in ("layer", "other_layer"):
        frame[name] = frame[name].map(layers).fillna("")
    severities = {word: name for name, words in SEVERITY.items() for word in words}
    frame["severity"] = _column(frame, "severity").map(severities).fillna("info")
    lon, lat = (pd.to_numeric(frame[name], errors="coerce") for name in ("lon", "lat"))
    points = gpd.points_from_xy(lon, lat, crs=4490)
    return gpd.GeoDataFrame(frame, geometry=np.where(lon.notna(), points, None), crs=4490)


def _sheet(book: CalamineWorkbook, name: str) -> Iterator[pd.DataFrame]:
    """The findings of a sheet; nothing where it is no sheet of findings."""
    rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    for lang, heads in HEADS.items():
        for number, row in enumerate(rows[:_HEAD_WITHIN]):
            texts = [str(value).strip() for value in row]
            at = {key: texts.index(head) for key, head in heads.items() if head in texts}
            if {"rule", "layer", "feature", "said"} <= set(at):
                yield _renamed(rows[number + 1 :], at, lang)
                return


def _renamed(rows: list[list[Any]], at: Mapping[str, int], lang: str) -> pd.DataFrame:
    frame = pd.DataFrame({key: [row[place] for row in rows] for key, place in at.items()})
    return frame.reindex(columns=list(dict.fromkeys([*at, "remark", "lon", "lat"]))).rename(
        columns={"said": f"message_{lang}"}
    )


_READERS: dict[str, Callable[[Path], gpd.GeoDataFrame]] = {
    ".gpkg": _package,
    ".xlsx": _workbook,
    ".json": _json,
}
