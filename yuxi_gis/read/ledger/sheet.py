"""What a ledger is read from: the cells of one sheet, or of one text file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from yuxi_gis.errors import SourceError
from yuxi_gis.read.table import Decision, Note

__all__ = [
    "SURPLUS",
    "Sheet",
    "check_width",
    "count_filled",
    "is_blank",
    "letters",
    "refused",
    "texts_of",
]

#: The column of values beyond those of the header.
SURPLUS = "多余的值"
#: More than this and a table is no ledger, or damaged.
_COLUMNS_MOST = 2000


@dataclass
class Sheet:
    """The cells of one sheet or text file.

    `cells` has row numbers of the file as index and its columns, from 0, as columns; missing cells
    are None, NaN or "". `merged` is (first row, first column, last row, last column), rows as in
    the index. `blank` are rows without any value, `widths` the number of values in a line of text,
    `exact` (column → row → digits) whole numbers that a float64 cannot hold.
    """

    name: str
    cells: pd.DataFrame
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    widths: pd.Series | None = None
    exact: Mapping[int, Mapping[int, str]] = field(default_factory=dict)
    encoding: str = "UTF-8"
    decisions: list[Decision] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def letters(self) -> list[str]:
        """The columns as a spreadsheet calls them."""
        return [letters(column) for column in self.cells.columns.astype(int)]


def texts_of(sheet: Sheet, row: int) -> list[str]:
    """The cells of a row, by its position, as text."""
    return ["" if is_blank(cell) else str(cell) for cell in sheet.cells.iloc[row]]


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing, or spaces only."""
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())


def count_filled(body: pd.DataFrame) -> pd.Series:
    """How many cells of each row hold something."""
    count = pd.Series(0, index=body.index)
    for column in body:
        values = body[column]
        count += (values.notna() & (values != "")).astype(int)
    return count


def letters(column: int) -> str:
    """The name of a column in a sheet: 0 → A, 26 → AA."""
    column += 1
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def refused(path: Path, zh: str, en: str) -> SourceError:
    """The error that says why `path` is not read."""
    return SourceError(f"{path}：{zh}", f"{path}: {en}")


def check_width(path: Path, columns: int) -> None:
    """Raise for more columns than a ledger has."""
    if columns > _COLUMNS_MOST:
        raise refused(
            path,
            f"有 {columns} 列，不像台账（最多 {_COLUMNS_MOST} 列）。请检查文件是否损坏、分隔符是否"
            "正确。",
            f"has {columns} columns, which is no ledger (at most {_COLUMNS_MOST}). See whether it "
            "is damaged, or its delimiters are wrong.",
        )
