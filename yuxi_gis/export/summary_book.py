"""Totals as the workbook that an office hands in: one sheet a layer, ready to print."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import Any

import geopandas as gpd
import pandas as pd
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.pagebreak import Break
from openpyxl.worksheet.worksheet import Worksheet

from yuxi_gis.codes import Masking
from yuxi_gis.export.provenance import Provenance, software
from yuxi_gis.export.table import FORMULA_STARTS
from yuxi_gis.outputs import staged
from yuxi_gis.summary import OfficeTable, Summary, office_table

__all__ = ["table_title", "unit_line", "write_workbook"]

_LEVEL = {"village": ("村", "village"), "town": ("乡镇", "town"), "county": ("县", "county")}
_LINE = Side(style="thin", color="808080")
_GRID = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_FILL = {"subtotal": "EEF3EA", "total": "DDE8D8"}
_FORMATS = {0: "#,##0", 2: "#,##0.00", 4: "#,##0.0000"}
#: Tables wider than this (in characters) go over several pages, broken between groups.
_WIDEST = 260
_PAGE, _SCALE = 190, 55  # what such a page holds, and its scale in percent
_HEAD_AT = 3  # the row of the upper heading
_CROSSING = (
    ("图层", "Layer"), ("编号", "Feature"), ("行政区代码", "Region"), ("行政区名称", "Name"),
    ("面积（平方米）", "Area (m²)"), ("占比", "Share"), ("计数于此", "Counted here"),
)  # fmt: skip
_CONTROL = (
    ("行政区代码", "Region"), ("行政区名称", "Name"), ("控制面积字段", "Field"),
    ("控制面积（平方米）", "Control area (m²)"), ("图斑记载面积合计", "Sum of recorded areas"),
    ("图斑图形面积合计", "Sum of measured areas"), ("记载面积差", "Recorded less control"),
    ("图形面积差", "Measured less control"),
)  # fmt: skip


def table_title(summary: Summary, layer: str, lang: str = "zh") -> str:
    """What stands over a table: 玉溪市农村承包地汇总表."""
    k = 0 if lang == "zh" else 1
    title, level = summary.layers[layer].titles[k], _LEVEL[summary.by][k]
    return (f"玉溪市{title}汇总表（按{level}）", f"Yuxi: {title} by {level}")[k]


def unit_line(lang: str = "zh") -> str:
    """What stands under the title."""
    return "单位：平方米、亩、公顷" if lang == "zh" else "Units: m², mu (2000/3 m²), hm²"


def write_workbook(
    path: str | os.PathLike[str],
    summary: Summary,
    outlines: gpd.GeoDataFrame,
    *,
    lang: str = "zh",
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> None:
    """Write the totals as XLSX.

    One sheet a layer: title, units, heading of two levels, a line a region, subtotals and the
    total; frozen heading, A4 landscape with the heading on each page. Further sheets say what the
    reader has to know, which parcels cross boundaries and by how much, and how the land use patches
    agree with the control areas.

    Parameters
    ----------
    path : path-like
    summary : Summary
    outlines : GeoDataFrame
        Of no effect here; all writers of totals take the same.
    lang : {"zh", "en"}
    inputs : iterable of path-like
        Whose names stand below each table.
    overwrite : bool

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    k = 0 if lang == "zh" else 1
    provenance = Provenance.of(inputs, Masking())
    book = Workbook()
    book.remove(book.worksheets[0])
    for layer in summary.layers:
        title = summary.layers[layer].titles[k]
        sheet = book.create_sheet(_sheet_name(title, book))
        table = office_table(summary, layer, lang)
        _table(sheet, table, table_title(summary, layer, lang), provenance, k)
    _list(book, ("跨界地块", "Across boundaries")[k], _crossing(summary, k), _CROSSING, k)
    _list(book, ("控制面积", "Control areas")[k], summary.control, _CONTROL, k)
    _notes(book.create_sheet(("说明", "Notes")[k]), summary, provenance, k)
    with staged(path, overwrite=overwrite) as target:
        book.save(target)


def _sheet_name(title: str, book: Workbook) -> str:
    name = re.sub(r"[\[\]:*?/\\]", " ", title)[:31]
    return name if name not in book.sheetnames else f"{name[:28]} {len(book.sheetnames)}"


def _put(sheet: Worksheet, row: int, column: int, value: Any, **style: Any) -> Cell:
    """A cell that holds a number or a text, never a formula."""
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)
        cell.data_type = "s"  # openpyxl takes "=…" for a formula
        cell.quotePrefix = value.startswith(FORMULA_STARTS)
        cell.number_format = "@"
    elif not pd.isna(value):
        cell.value = value.item() if hasattr(value, "item") else value
    cell.font = Font(name="宋体", size=style.pop("size", 10), bold=style.pop("bold", False))
    for name, setting in style.items():
        setattr(cell, name, setting)
    return cell


def _table(
    sheet: Worksheet, table: OfficeTable, title: str, provenance: Provenance, k: int
) -> None:
    _put(sheet, 1, 1, title, size=16, bold=True, alignment=Alignment(horizontal="center"))
    _put(sheet, 2, 1, unit_line(("zh", "en")[k]), alignment=Alignment(horizontal="right"))
    sheet.row_dimensions[1].height = 26
    _heading(sheet, table)
    rows = zip(table.kinds, table.data.itertuples(index=False), strict=True)
    for number, (kind, values) in enumerate(rows, start=_HEAD_AT + 2):
        fill = PatternFill("solid", fgColor=_FILL[kind]) if kind in _FILL else PatternFill()
        for at, (column, value) in enumerate(zip(table.columns, values, strict=True), start=1):
            cell = _put(sheet, number, at, value, border=_GRID, fill=fill, bold=kind != "unit")
            if column.decimals is not None:
                cell.number_format = _FORMATS[column.decimals]
    made = f"{provenance.made.astimezone():%Y-%m-%d}"
    sources = ("、", ", ")[k].join(provenance.inputs) or ("内存中的数据", "data in memory")[k]
    last = _HEAD_AT + 2 + len(table.kinds)
    foot = (
        f"制表日期：{made}    来源：{sources}    制表软件：{software()}",
        f"Made {made} with {software()} from {sources}",
    )[k]
    _put(sheet, last, 1, foot)
    # What a table says of itself stands on its first page.
    width = min([len(table.columns), *_breaks(table)])
    for row in (1, 2, last):
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=width)
    _page(sheet, table)


def _breaks(table: OfficeTable) -> list[int]:
    """The columns after which a wide table goes on on the next page; none within a group."""
    widths = _widths(table)
    if sum(widths) <= _WIDEST:
        return []
    breaks: list[int] = []
    at, used = 0, 0
    for _, columns in groupby(table.columns, key=lambda column: column.group):
        number = len(list(columns))
        wide = sum(widths[at : at + number])
        if used + wide > _PAGE:
            breaks.append(at)
            used = sum(widths[:2])  # they are on each page
        at, used = at + number, used + wide
    return breaks


def _heading(sheet: Worksheet, table: OfficeTable) -> None:
    """Two levels, the upper one merged over the columns of a group."""
    centre = Alignment(horizontal="center", vertical="center", wrap_text=True)
    style = {"bold": True, "alignment": centre, "border": _GRID}
    fill = PatternFill("solid", fgColor="DDE8D8")
    at = 1
    for group, columns in groupby(table.columns, key=lambda column: column.group):
        titles = [column.title for column in columns]
        for i, title in enumerate(titles):
            _put(sheet, _HEAD_AT, at + i, group if i == 0 else "", fill=fill, **style)
            _put(sheet, _HEAD_AT + 1, at + i, title, fill=fill, **style)
        if len(titles) > 1:
            sheet.merge_cells(start_row=_HEAD_AT, end_row=_HEAD_AT, start_column=at,
                              end_column=at + len(titles) - 1)  # fmt: skip
        at += len(titles)
    sheet.row_dimensions[_HEAD_AT].height = 32


def _page(sheet: Worksheet, table: OfficeTable) -> None:
    """Widths, frozen heading, print set-up."""
    for at, width in enumerate(_widths(table), start=1):
        sheet.column_dimensions[get_column_letter(at)].width = width
    sheet.freeze_panes = sheet.cell(_HEAD_AT + 2, 3)
    sheet.print_title_rows = f"1:{_HEAD_AT + 1}"
    sheet.print_title_cols = "A:B"
    _landscape(sheet)
    breaks = _breaks(table)
    if breaks:
        sheet.sheet_properties.pageSetUpPr.fitToPage = False
        sheet.page_setup.scale = _SCALE
        for column in breaks:
            sheet.col_breaks.append(Break(id=column))


def _widths(table: OfficeTable) -> list[int]:
    """The width of each column, in characters."""
    widths = []
    for column, (_, values) in zip(table.columns, table.data.items(), strict=True):
        texts = [column.title]
        if column.decimals is None:
            texts += values.tolist()
        else:
            texts += [f"{value:,.{column.decimals}f}" for value in values.dropna()]
        widths.append(min(max(max(map(_width, texts)) + 2, 8), 40))
    return widths


def _landscape(sheet: Worksheet) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_options.horizontalCentered = True
    sheet.oddFooter.center.text = "&P / &N"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WFA" else 1 for c in text)


def _crossing(summary: Summary, k: int) -> pd.DataFrame:
    """The parts of parcels that cross boundaries, in words."""
    table = summary.crossing.copy()
    titles = {name: layer.titles[k] for name, layer in summary.layers.items()}
    table["layer"] = table["layer"].map(titles)
    yes, no = ("是", "yes")[k], ("否", "no")[k]
    table["counted"] = table["counted"].map({True: yes, False: no})
    table["share"] = table["share"].round(4)
    return table


def _list(
    book: Workbook, name: str, table: pd.DataFrame, heads: tuple[tuple[str, str], ...], k: int
) -> None:
    """A plain table on a sheet of its own; none where there is no row."""
    if table.empty:
        return
    sheet = book.create_sheet(name)
    fill = PatternFill("solid", fgColor="DDE8D8")
    for at, head in enumerate(heads, start=1):
        _put(sheet, 1, at, head[k], bold=True, border=_GRID, fill=fill)
        sheet.column_dimensions[get_column_letter(at)].width = 22
    for number, values in enumerate(table.itertuples(index=False), start=2):
        for at, value in enumerate(values, start=1):
            cell = _put(sheet, number, at, value, border=_GRID)
            if isinstance(value, float):
                cell.number_format = "0.00%" if heads[at - 1] == _CROSSING[5] else _FORMATS[2]
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    sheet.print_title_rows = "1:1"
    _landscape(sheet)


def _notes(sheet: Worksheet, summary: Summary, provenance: Provenance, k: int) -> None:
    lines = [
        (
            "记载面积是数据中登记的面积；图形面积由图形量算，平面或椭球按各图层的标准。",
            "Recorded areas are what the data state; measured areas come from the shapes, planar "
            "or ellipsoidal as the standard of each layer wants.",
        ),
        (
            "每个地块的面积先取到 0.01 平方米，合计与地块逐一相加一致；亩和公顷按最大余数法平差。",
            "Each parcel's area is rounded to 0.01 m² first, so totals agree with the parcels; mu "
            "and hm² are balanced by the largest remainder.",
        ),
        (
            "检查发现与变化均为疑似，须核实。",
            "Findings and changes are suspicions to be verified.",
        ),
        *summary.notes,
        (
            f"来源：{'、'.join(provenance.inputs)}；{software()}",
            f"From {', '.join(provenance.inputs)}; {software()}",
        ),
    ]
    sheet.column_dimensions["A"].width = 120
    for number, line in enumerate(lines, start=1):
        wrap = Alignment(wrap_text=True, vertical="top")
        _put(sheet, number, 1, line[k], alignment=wrap)
    _landscape(sheet)
