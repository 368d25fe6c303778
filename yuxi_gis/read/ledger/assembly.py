"""From the cells of a sheet to a table with names, types and geometry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.read.ledger.columns import Column
from yuxi_gis.read.ledger.coordinates import Found, find
from yuxi_gis.read.ledger.header import find_header, header_notes, is_nameless
from yuxi_gis.read.ledger.merged import fill_merged
from yuxi_gis.read.ledger.rows import data_rows
from yuxi_gis.read.ledger.sheet import Sheet, texts_of
from yuxi_gis.read.ledger.units import convert_areas
from yuxi_gis.read.ledger.words import UNIT_ROW, Words, fold
from yuxi_gis.read.table import Decision, Note, RawTable
from yuxi_gis.specs import LayerSpec

__all__ = ["assemble"]

_NO_NAME = re.compile(r"(?:sheet|工作表|表)\s*\d*", re.IGNORECASE)


def assemble(path: Path, sheet: Sheet, words: Words, catalog: Mapping[str, LayerSpec]) -> RawTable:
    """The table of a sheet; notes name its rows as the sheet numbers them."""
    header = find_header(sheet, words)
    notes = list(sheet.notes)
    decisions = [*sheet.decisions, header.decision]
    notes += header_notes(sheet, header)
    titles = [cell for row in range(header.first) for cell in texts_of(sheet, row) if cell]
    body = sheet.cells.iloc[header.last + 1 :]
    body, aside = data_rows(sheet, header, body, titles, words)
    notes += aside
    body, filled = fill_merged(sheet, header, body, words)
    notes += filled
    unit = next((m[1].lower() for t in titles if (m := UNIT_ROW.search(fold(t)))), None)
    columns: dict[str, pd.Series] = {}
    for position, name in enumerate(header.names):
        values = body.iloc[:, position]
        exact = sheet.exact.get(int(body.columns[position]), {})
        column = Column(name, words[name], exact).read(values)
        if column.values.isna().all() and is_nameless(name):
            continue
        columns[name] = column.values
        notes += column.notes
    frame = pd.DataFrame(columns, index=body.index)
    frame, said, told = convert_areas(sheet.name, path.stem, frame, unit, words, catalog)
    found, extra = find(frame)
    notes += [*told, *extra]
    return _raw(path, sheet, frame, found, [*decisions, *said], notes)


def _raw(
    path: Path,
    sheet: Sheet,
    frame: pd.DataFrame,
    found: Found | None,
    decisions: Sequence[Decision],
    notes: Sequence[Note],
) -> RawTable:
    name = path.stem if _NO_NAME.fullmatch(sheet.name) else sheet.name
    decisions, notes = list(decisions), list(notes)
    shapes = None
    if found is not None:
        decisions += found.decisions
        notes += found.notes
        if found.drop is not None:
            frame = frame.drop(columns=found.drop)
        frame = frame.rename(columns={"geometry": "geometry_text"})
        shapes = found.shapes
    crs = None if found is None else found.crs
    rows = frame.index
    frame = frame.reset_index(drop=True)
    return RawTable(
        name=name,
        columns=tuple(frame.columns),
        rows=len(frame),
        geometry=None if found is None else found.kind,
        crs=crs,
        encoding=sheet.encoding,
        load=partial(_load, frame, rows, shapes, crs),
        decisions=tuple(decisions),
        notes=tuple(notes),
    )


def _load(
    frame: pd.DataFrame, rows: pd.Index, shapes: np.ndarray | None, crs: Any
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    frame = frame.copy()
    if shapes is not None:
        frame = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, crs=crs))
    frame.attrs["file_rows"] = rows.tolist()
    return frame, ()
