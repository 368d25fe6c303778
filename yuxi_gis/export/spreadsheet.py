"""Workbooks with long tables: openpyxl makes all but the many plain rows of a table.

openpyxl needs 15 µs a cell, most of it for objects. The rows of `Sheet.table` are put into its file
as XML, by columns, each different value once.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Protection, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.page import PageMargins

from yuxi_gis.export.provenance import now
from yuxi_gis.export.table import FORMULA_STARTS
from yuxi_gis.findings import plain

__all__ = ["ROWS_A_SHEET", "Book", "Cells", "Sheet", "Style", "sheet_title"]

ROWS_A_SHEET = 1_000_000  # Excel ends at 1,048,576
_LONGEST = 32_767  # characters Excel takes in a cell
_LINE_HEIGHT = 15.0  # points
_MOST_LINES = 20
_A3, _A4 = 8, 9  # as Excel numbers paper
_LINE = Side(style="thin", color="BFBFBF")
_AT_ONCE = 10_000
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # of creation and change
#: What XML cannot hold.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST_TITLE = 31
_RESERVED = "history"  # a sheet that Excel keeps for itself


@dataclass(frozen=True)
class Style:
    """How a cell looks; `locked` is of effect once somebody protects the sheet."""

    number: str = "@"  # text, so that Excel leaves codes alone
    wrap: bool = False
    bold: bool = False
    fill: str | None = None
    frame: bool = True
    colour: str = "000000"
    locked: bool = True

    def named(self, name: str) -> NamedStyle:
        """As openpyxl has it."""
        return NamedStyle(
            name=name,
            number_format=self.number,
            alignment=Alignment(vertical="top", wrap_text=self.wrap),
            font=Font(name="宋体", size=11, bold=self.bold, color=self.colour),
            fill=PatternFill("solid", fgColor=self.fill) if self.fill else PatternFill(),
            border=Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
            if self.frame
            else Border(),
            protection=Protection(locked=self.locked),
        )


@dataclass(frozen=True)
class Cells:
    """A column of a table: numbers or texts, and the name of their style, or the style by text."""

    values: pd.Series
    style: str | Mapping[str, str]


def sheet_title(text: str, taken: set[str]) -> str:
    """`text` as a name that Excel takes for a sheet, not among `taken`, to which it is added.

    Examples
    --------
    >>> taken = set()
    >>> [sheet_title(text, taken) for text in ("a/b", "A:B", "'")]
    ['a b', 'A B 2', '_']
    """
    words = plain(_ILLEGAL.sub(" ", re.sub(r"[\[\]:*?/\\]", " ", text))).strip("' ") or "_"
    title, number = _cut(words, _LONGEST_TITLE), 1
    while title.casefold() in {*taken, _RESERVED}:
        number += 1
        end = f" {number}"
        title = _cut(words, _LONGEST_TITLE - len(end)) + end
    taken.add(title.casefold())
    return title


def _cut(text: str, length: int) -> str:
    """The first `length` characters of `text`, counted in UTF-16 as Excel does."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore").strip("' ")


class Book:
    """A workbook that is written sheet by sheet.

    Parameters
    ----------
    styles : mapping of str to Style
        By the name that cells call them.
    """

    def __init__(self, styles: Mapping[str, Style]) -> None:
        self.styles = styles
        self._book = Workbook(write_only=True)
        for name, style in styles.items():
            self._book.add_named_style(style.named(name))
        self._sheets: list[Sheet] = []

    def sheet(self, title: str, widths: Sequence[float]) -> Sheet:
        """A new sheet; `widths` of its columns in characters."""
        self._sheets.append(Sheet(self._book.create_sheet(title), self.styles, widths))
        return self._sheets[-1]

    def save(self, path: Path) -> None:
        """Write the file; with ``SOURCE_DATE_EPOCH`` set, the same content gives the same bytes."""
        frame, time = io.BytesIO(), now()
        self._book.save(frame)
        with ZipFile(frame) as made, ZipFile(path, "w", ZIP_DEFLATED, compresslevel=3) as out:
            rows = {
                f"xl/worksheets/sheet{number}.xml": sheet.rows
                for number, sheet in enumerate(self._sheets, start=1)
                if sheet.rows is not None
            }
            for name in made.namelist():
                data = made.read(name)
                entry = ZipInfo(name, time.timetuple()[:6])
                entry.compress_type = ZIP_DEFLATED
                if name == "docProps/core.xml":
                    data = _TIME.sub(f"{time:%Y-%m-%dT%H:%M:%SZ}".encode(), data)
                if name not in rows:
                    out.writestr(entry, data)
                    continue
                head, end, tail = data.partition(b"</sheetData>")
                with out.open(entry, "w", force_zip64=True) as part:
                    part.write(head)
                    for text in rows[name] or ():
                        part.write(text.encode("utf-8"))
                    part.write(end + tail)


class Sheet:
    """A sheet, from its first row to its last; each is as high as its wrapped texts need."""

    def __init__(self, sheet: Any, styles: Mapping[str, Style], widths: Sequence[float]) -> None:
        self.sheet = sheet
        self.styles = styles
        self.widths = widths
        self.count = 0
        self.rows: Iterator[str] | None = None
        self._ids = {name: self._style_ids(name) for name in styles}
        for index, width in enumerate(widths, start=1):
            sheet.column_dimensions[get_column_letter(index)].width = width
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = _A4
        sheet.page_margins = PageMargins(
            left=0.4, right=0.4, top=0.7, bottom=0.7, header=0.3, footer=0.3
        )
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
        sheet.oddFooter.center.text = "&P / &N"

    def append(
        self,
        values: Sequence[Any],
        styles: Sequence[str],
        *,
        link: str | None = None,
        least: float = 0.0,
    ) -> None:
        """Append a row, at least `least` points high; its first cell leads to the sheet `link`."""
        self.count += 1
        lines = [
            math.ceil(_display_width(value) / _held(width))
            for value, style, width in zip(values, styles, self.widths, strict=False)
            if self.styles[style].wrap and isinstance(value, str)
        ]
        height = _LINE_HEIGHT * min(max([1, *lines]), _MOST_LINES)
        self.sheet.row_dimensions[self.count].height = max(height, least)
        cells = [self._cell(*pair) for pair in zip(values, styles, strict=False)]
        if link is not None:
            quoted = link.replace("'", "''")
            cells[0].hyperlink = Hyperlink(ref="A1", location=f"'{quoted}'!A1", display=link)
        self.sheet.append(cells)

    def table(
        self, heads: Sequence[str], columns: Sequence[Cells], style: str, *, printed: int
    ) -> None:
        """The rest of the sheet: a frozen row of headers with filters, and the rows under it.

        On paper, A3, are the first `printed` columns.
        """
        self.sheet.freeze_panes = f"A{self.count + 2}"  # before the first row is written
        self.append(heads, [style] * len(heads))
        count = len(columns[0].values)
        last = f"{get_column_letter(len(heads))}{self.count + count}"
        self.sheet.auto_filter.ref = f"A{self.count}:{last}"
        self.sheet.print_title_rows = f"{self.count}:{self.count}"
        self.sheet.print_area = f"A1:{get_column_letter(printed)}{self.count + count}"
        self.sheet.page_setup.paperSize = _A3
        self.rows = self._rows(columns, self.count + 1)

    def _rows(self, columns: Sequence[Cells], first: int) -> Iterator[str]:
        letters = [get_column_letter(index + 1) for index in range(len(columns))]
        for start in range(0, len(columns[0].values), _AT_ONCE):
            parts = [
                Cells(column.values.iloc[start : start + _AT_ONCE], column.style)
                for column in columns
            ]
            lines = np.maximum.reduce([*map(self._lines, parts, self.widths)])
            made = zip(*map(self._texts, parts), strict=True)
            rows = []
            for row, (height, cells) in enumerate(zip(lines, made, strict=True), first + start):
                text = "".join(
                    f'<c r="{letter}{row}"{cell}'
                    for letter, cell in zip(letters, cells, strict=True)
                )
                points = _LINE_HEIGHT * height
                rows.append(f'<row r="{row}" ht="{points:g}" customHeight="1">{text}</row>')
            yield "".join(rows)

    def _texts(self, column: Cells) -> list[str]:
        """What follows the coordinate of each cell."""
        values = column.values
        if pd.api.types.is_numeric_dtype(values.dtype):
            ids = self._ids[str(column.style)]
            return [
                f' s="{ids[0]}"/>' if value != value else f' s="{ids[0]}"><v>{value!r}</v></c>'
                for value in values.tolist()
            ]
        rows, distinct = pd.factorize(values.fillna(""))
        cells = [self._text(str(text), column.style) for text in distinct]
        return np.array(cells, dtype=object)[rows].tolist() if cells else []

    def _text(self, text: str, style: str | Mapping[str, str]) -> str:
        ids = self._ids[style if isinstance(style, str) else style[text]]
        if not text:
            return f' s="{ids[0]}"/>'
        text = _legal(text)
        id = ids[text.startswith(FORMULA_STARTS)]
        inline = f'<is><t xml:space="preserve">{escape(text)}</t></is>'
        return f' s="{id}" t="inlineStr">{inline}</c>'

    def _lines(self, column: Cells, width: float) -> npt.NDArray[np.int64]:
        """How many lines the wrapped texts of a column need."""
        if not isinstance(column.style, str) or not self.styles[column.style].wrap:
            return np.ones(len(column.values), dtype=np.int64)
        rows, distinct = pd.factorize(column.values.fillna(""))
        wide = np.array([_display_width(str(text)) for text in distinct], dtype=float)
        return np.clip(np.ceil(wide / _held(width)), 1, _MOST_LINES).astype(np.int64)[rows]

    def _style_ids(self, style: str) -> tuple[int, int]:
        """The numbers of a style in the file: of plain cells, and of texts like formulas."""
        cell = WriteOnlyCell(self.sheet)
        cell.style = style
        simple = cell.style_id
        cell.quotePrefix = True
        return simple, cell.style_id

    def _cell(self, value: Any, style: str) -> WriteOnlyCell:
        """A cell that holds a number or a text, never a formula."""
        if not isinstance(value, str):
            cell = WriteOnlyCell(self.sheet, None if pd.isna(value) else value)
            cell.style = style
            return cell
        text = _legal(value)
        cell = WriteOnlyCell(self.sheet, text)
        cell.style = style
        cell.data_type = "s"  # openpyxl takes "=…" for a formula
        if text.startswith(FORMULA_STARTS):
            cell.quotePrefix = True
        return cell


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)[:_LONGEST]


def _held(width: float) -> float:
    """Characters of half width that a line surely holds: it ends before a code that is too long."""
    return 0.9 * width - 2


def _display_width(text: str) -> int:
    """Characters of half width: those of three bytes in UTF-8 are Chinese, twice as wide."""
    return (len(text.encode("utf-8", "replace")) + len(text)) // 2
