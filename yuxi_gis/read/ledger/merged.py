"""Cells that are merged downwards: their value holds for every row under them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd

from yuxi_gis.read.ledger.columns import Column
from yuxi_gis.read.ledger.header import Header
from yuxi_gis.read.ledger.sheet import Sheet, is_blank
from yuxi_gis.read.ledger.words import Words
from yuxi_gis.read.table import Note

__all__ = ["fill_merged"]


def fill_merged(
    sheet: Sheet, header: Header, body: pd.DataFrame, words: Words
) -> tuple[pd.DataFrame, list[Note]]:
    """`body` with cells that are merged downwards filled.

    Numbers are not, unless they number something: sums stay true.
    """
    start = body.index[0] if len(body) else 0
    spans: defaultdict[Any, list[tuple[int, int]]] = defaultdict(list)
    for top, column, bottom, _ in sheet.merged:
        if bottom > top >= start and column in body.columns:
            spans[column].append((top, bottom))
    if not spans:
        return body, []
    body = body.copy()
    index = body.index.to_numpy()
    rows: set[int] = set()
    numbers: list[str] = []
    for place, name in zip(body.columns, header.names, strict=True):
        values = body[place].to_numpy(object).copy()
        is_label = name.endswith("号") or Column(name, words[name]).named_code
        amounts = False
        for top, bottom in spans[place]:
            a, b = np.searchsorted(index, [top, bottom + 1])
            if b - a < 2 or index[a] != top or is_blank(values[a]):
                continue
            if _is_number(values[a]) and not is_label:
                amounts = True
                continue
            values[a + 1 : b] = values[a]
            rows.update(index[a + 1 : b].tolist())
        body[place] = values
        numbers += [name] if amounts else []
    return body, _merged_notes(rows, numbers)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, float | int) and not isinstance(cell, bool)


def _merged_notes(rows: set[int], numbers: list[str]) -> list[Note]:
    notes = []
    if rows:
        notes.append(
            Note.on_rows(
                "merged_filled",
                sorted(rows),
                "{count} 行的合并单元格已按首行的值填充（第 {rows} 行）。",
                "{count} rows under merged cells have the value of the first row (rows {rows}).",
            )
        )
    if numbers:
        shown = ", ".join(numbers[:10])
        notes.append(
            Note(
                "merged_number",
                f"{shown}：合并单元格里的数只留在首行，未向下填充，以免求和重复。",
                f"{shown}: numbers in merged cells stay in the first row only, so that sums are "
                "true.",
                severity="warning",
            )
        )
    return notes
