"""Cells of a column as values of one type, and tests on their text."""

from __future__ import annotations

import datetime
from typing import Any

import pandas as pd

from yuxi_gis.read.fields import damaged_number

__all__ = [
    "DATES",
    "EXCEL_DIGITS",
    "NUMERIC",
    "OTHER_TYPED",
    "like",
    "only_text",
    "text_of",
    "tight",
]

EXCEL_DIGITS = 15
#: Kinds of columns as `pandas.api.types.infer_dtype` names them.
NUMERIC = ("floating", "integer", "mixed-integer-float")
DATES = ("date", "datetime", "datetime64")
OTHER_TYPED = ("boolean", "empty", *DATES)


def tight(numbers: pd.Series) -> pd.Series:
    """Whole numbers as int64 where none is missing."""
    numbers = numbers.astype("float64")
    whole = numbers.notna().all() and bool(((numbers % 1 == 0) & (numbers.abs() < 2**53)).all())
    return numbers.astype("int64") if whole and len(numbers) else numbers


def like(text: pd.Series, pattern: str) -> pd.Series:
    """Where `text` has `pattern`, as bool; an anchored pattern is faster than `fullmatch`."""
    return text.str.contains(pattern, regex=True).fillna(False).astype(bool)


def only_text(cells: pd.Series) -> pd.Series:
    """Cells that are text, as `str`; others are missing."""
    if cells.dtype != object:
        return cells
    kind = pd.api.types.infer_dtype(cells, skipna=True)
    if kind == "string":
        return cells.astype("str").where(cells.notna())
    if kind in NUMERIC or kind in OTHER_TYPED:
        return pd.Series(None, index=cells.index, dtype="str")
    is_text = cells.map(lambda cell: isinstance(cell, str))
    return cells.where(is_text, "").astype("str").where(is_text)


def text_of(cells: pd.Series, kind: str) -> pd.Series:
    """Cells as `str`; missing stays missing."""
    if cells.dtype == object and kind != "string":
        cells = cells.map(_cell_text, na_action="ignore")
    return cells.astype("str").where(cells.notna())


def _cell_text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float | int):
        if abs(cell) >= 10**EXCEL_DIGITS:
            return damaged_number(cell)
        return f"{cell:.0f}" if cell == int(cell) else repr(cell)
    if isinstance(cell, datetime.datetime) and cell.time() != datetime.time():
        return cell.isoformat(sep=" ")
    if isinstance(cell, datetime.date):
        return cell.strftime("%Y%m%d")
    return str(cell)
