"""Ledgers: workbooks (XLSX, XLS, ODS) and delimited text, as clerks keep them.

Title rows above the header, headers of two rows, totals and page headers between the rows, merged
cells, areas in 亩 and m², codes that Excel has turned into numbers. What a file is, its content
says, not its ending. Every data row is kept; what is no data row is left out and told.

Formulas and links are never evaluated; of a formula the stored result is read. XLSB goes the same
way, but no such file was at hand to try.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yuxi_gis.catalog import load_catalog
from yuxi_gis.read.ledger.assembly import assemble
from yuxi_gis.read.ledger.kind import is_workbook
from yuxi_gis.read.ledger.sheet import Sheet, refused
from yuxi_gis.read.ledger.text import read_text
from yuxi_gis.read.ledger.words import Words
from yuxi_gis.read.ledger.workbook import read_workbook
from yuxi_gis.read.table import Note, Options, RawTable

__all__ = ["open"]


def open(path: Path, options: Options) -> list[RawTable]:
    """The tables of a workbook or text file: one for each sheet that holds any.

    Parameters
    ----------
    path : Path
    options : Options
        `encoding` is that of text files.

    Returns
    -------
    list of RawTable
        Read already: `load` only hands the rows over. Rows in notes are those of the sheet, lines
        of a text file; ``attrs["file_rows"]`` of the frame has them all (list of int, from 1, one a
        row). A table whose columns hold WKT or coordinates has geometry.

    Raises
    ------
    SourceError
        No table that can be read.
    """
    path = Path(path)
    sheets = _sheets(path, options)
    catalog = load_catalog()
    words = Words.of(catalog)
    tables = [assemble(path, sheet, words, catalog) for sheet in sheets if len(sheet.cells)]
    tables = [table for table in tables if table.columns]
    if not tables:
        raise refused(
            path,
            "没有表格：工作表都是空的，或只有标题。",
            "holds no table: all sheets are empty or have a title only.",
        )
    notes = _empty([sheet.name for sheet in sheets if not len(sheet.cells)])
    return [replace(tables[0], notes=(*notes, *tables[0].notes)), *tables[1:]]


def _sheets(path: Path, options: Options) -> list[Sheet]:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if is_workbook(path, head):
            return read_workbook(path)
        return [read_text(path, options)]
    except OSError as error:
        raise refused(
            path, f"无法打开（{error.strerror}）。", f"cannot open ({error.strerror})."
        ) from error


def _empty(names: list[str]) -> list[Note]:
    if not names:
        return []
    shown = ", ".join(names[:10])
    return [
        Note(
            "sheet_empty",
            f"空工作表已跳过：{shown}。",
            f"empty sheets are left out: {shown}.",
            count=len(names),
        )
    ]
