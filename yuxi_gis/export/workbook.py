"""The ledger (台账) that a clerk hands on: findings as an XLSX workbook."""

from __future__ import annotations

import math
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter

from yuxi_gis.checks import RULES, CheckResult
from yuxi_gis.codes import Masking
from yuxi_gis.crs import crs_name
from yuxi_gis.export.masking import mask_result
from yuxi_gis.export.provenance import Provenance, software
from yuxi_gis.export.table import FORMULA_STARTS, lon_lat
from yuxi_gis.outputs import staged

__all__ = ["write_workbook"]

_MASKING = Masking()
_ROWS_A_SHEET = 1_000_000  # Excel ends at 1,048,576
_LONGEST = 32_767  # characters Excel takes in a cell
_SEVERITY = {"error": ("错误", "error"), "warning": ("警告", "warning"), "info": ("提示", "info")}
_LINE = Side(style="thin", color="BFBFBF")


@dataclass(frozen=True)
class _Style:
    """How a cell looks; the workbook gets each as a named style, which is much faster."""

    number: str = "@"  # text, so that Excel leaves codes alone
    wrap: bool = False
    bold: bool = False
    fill: str | None = None
    frame: bool = True

    def named(self, name: str) -> NamedStyle:
        return NamedStyle(
            name=name,
            number_format=self.number,
            alignment=Alignment(vertical="top", wrap_text=self.wrap),
            font=Font(name="宋体", size=11, bold=self.bold),
            fill=PatternFill("solid", fgColor=self.fill) if self.fill else PatternFill(),
            border=Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
            if self.frame
            else Border(),
        )


_STYLES = {
    "ledger plain": _Style("General", frame=False),
    "ledger title": _Style("General", bold=True, frame=False),
    "ledger head": _Style(wrap=True, bold=True, fill="DDE8D8"),
    "ledger text": _Style(),
    "ledger long text": _Style(wrap=True),
    "ledger error": _Style(fill="F8D9D3"),
    "ledger warning": _Style(fill="FCEFC9"),
    "ledger info": _Style(),
    "ledger count": _Style("0"),
    "ledger number": _Style("General"),
    "ledger area": _Style("0.00"),
    "ledger degrees": _Style("0.000000"),
}
_LINE_HEIGHT = 15.0  # points
_MOST_LINES = 20
_OVERVIEW_WIDTHS = (14, 44, 18, 64)
_OVERVIEW_STYLES = ("ledger text", "ledger long text", "ledger count", "ledger long text")
_OVERVIEW_HEADS = (
    (("图层", "Layer"), ("名称", "Title"), ("地块数", "Records"), ("坐标系", "CRS")),
    (("规则", "Rule"), ("检查项", "Check"), ("级别", "Severity"), ("问题数", "Findings")),
    (("未执行", "Not run"), ("检查项", "Check"), ("图层", "Layer"), ("原因", "Reason")),
)


@dataclass(frozen=True)
class _Column:
    """A column of the findings sheet: its header in both languages, width and style."""

    zh: str
    en: str
    width: float
    style: str = "ledger text"


_COLUMNS = (
    _Column("序号", "No.", 7, "ledger count"),
    _Column("规则", "Rule", 7),
    _Column("检查项", "Check", 20, "ledger long text"),
    _Column("级别", "Severity", 9),
    _Column("图层", "Layer", 14, "ledger long text"),
    _Column("地块代码", "Parcel", 23),
    _Column("相关图层", "Other layer", 14, "ledger long text"),
    _Column("相关地块", "Other parcel", 23),
    _Column("问题", "What is wrong", 60, "ledger long text"),
    _Column("数值", "Value", 12, "ledger number"),
    _Column("限值", "Limit", 10, "ledger number"),
    _Column("单位", "Unit", 7),
    _Column("面积（m²）", "Area (m²)", 13, "ledger area"),
    _Column("处理方法", "How to mend it", 60, "ledger long text"),
    _Column("中心经度", "Longitude", 13, "ledger degrees"),
    _Column("中心纬度", "Latitude", 12, "ledger degrees"),
    _Column("备注", "Remark", 30, "ledger long text"),
)
_SEVERITY_AT = 3


def write_workbook(
    path: str | os.PathLike[str],
    result: CheckResult,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> None:
    """Write the findings as a workbook: an overview and the ledger.

    Texts are never formulas, whatever the data says; codes stay text. More than a million findings
    go on in further sheets.

    Parameters
    ----------
    path : path-like
        Of the XLSX file.
    result : CheckResult
    lang : {"zh", "en"}
        Of headers and messages.
    masking : Masking
        Which personal data are masked; by default all. The overview says so.
    inputs : iterable of path-like
        The files that were checked; the overview gives their names.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    k = 0 if lang == "zh" else 1
    result = mask_result(result, masking)
    provenance = Provenance.of(inputs, masking)
    with staged(path, overwrite=overwrite) as target:
        book = Workbook(write_only=True)
        for name, style in _STYLES.items():
            book.add_named_style(style.named(name))
        _overview(_Sheet(book, ("概况", "Overview")[k], _OVERVIEW_WIDTHS), result, provenance, k)
        widths = [column.width for column in _COLUMNS]
        for start in range(0, max(len(result.findings), 1), _ROWS_A_SHEET):
            number = f" {start // _ROWS_A_SHEET + 1}" if start else ""
            sheet = _Sheet(book, ("问题", "Findings")[k] + number, widths)
            _ledger(sheet, result, start, k)
        book.save(target)


class _Sheet:
    """A sheet that is written row by row, each as high as its wrapped texts need."""

    def __init__(self, book: Workbook, title: str, widths: Sequence[float]) -> None:
        self.sheet = book.create_sheet(title)
        self.widths = widths
        self.count = 0
        for index, width in enumerate(widths, start=1):
            self.sheet.column_dimensions[get_column_letter(index)].width = width
        self.sheet.page_setup.orientation = "landscape"
        self.sheet.page_setup.paperSize = 9  # A4
        self.sheet.page_setup.fitToHeight = 0
        self.sheet.sheet_properties.pageSetUpPr.fitToPage = True

    def cell(self, value: Any, style: str = "ledger plain") -> WriteOnlyCell:
        """A cell that holds a number or a text, never a formula."""
        if not isinstance(value, str):
            cell = WriteOnlyCell(self.sheet, None if pd.isna(value) else value)
            cell.style = style
            return cell
        text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)[:_LONGEST]
        cell = WriteOnlyCell(self.sheet, text)
        cell.style = style
        cell.data_type = "s"  # openpyxl takes "=…" for a formula
        if text.startswith(FORMULA_STARTS):
            cell.quotePrefix = True
        return cell

    def append(self, values: Sequence[Any], styles: Sequence[str]) -> None:
        """Append a row; not every program works out the height of wrapped text itself."""
        self.count += 1
        lines = [
            math.ceil(_display_width(value) / (width - 2))
            for value, style, width in zip(values, styles, self.widths, strict=False)
            if _STYLES[style].wrap and isinstance(value, str)
        ]
        height = _LINE_HEIGHT * min(max([1, *lines]), _MOST_LINES)
        self.sheet.row_dimensions[self.count].height = height
        self.sheet.append([self.cell(*pair) for pair in zip(values, styles, strict=False)])
        del self.sheet.row_dimensions[self.count]  # written; a million would only take memory

    def head(self, texts: Sequence[str]) -> None:
        """Append a row of column headers."""
        self.append(texts, ["ledger head"] * len(texts))


def _display_width(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(c) in "WFA" for c in text)


def _ledger(sheet: _Sheet, result: CheckResult, start: int, k: int) -> None:
    table = result.findings.iloc[start : start + _ROWS_A_SHEET]
    sheet.sheet.freeze_panes = "A2"
    sheet.sheet.auto_filter.ref = f"A1:{get_column_letter(len(_COLUMNS))}{len(table) + 1}"
    sheet.sheet.print_title_rows = "1:1"
    sheet.head([(column.zh, column.en)[k] for column in _COLUMNS])
    styles = [column.style for column in _COLUMNS]
    rows = zip(table["severity"], _rows(table, result, k), strict=True)
    for number, (severity, row) in enumerate(rows, start=start + 1):
        styles[_SEVERITY_AT] = f"ledger {severity}"
        sheet.append((number, *row), styles)


def _rows(table: gpd.GeoDataFrame, result: CheckResult, k: int) -> Iterable[Sequence[Any]]:
    """The cells of the ledger without the running number, row by row."""
    lang = ("zh", "en")[k]
    titles = {name: layer.spec.title(lang) for name, layer in result.layers.items()}
    mend = table["rule"].map(lambda id: RULES[id].mend(lang))
    said = [
        message.removesuffix(remedy).rstrip()
        for message, remedy in zip(table[f"message_{lang}"], mend, strict=True)
    ]
    return zip(
        table["rule"],
        table["rule"].map(lambda id: RULES[id].title(lang)),
        table["severity"].map(lambda severity: _SEVERITY[severity][k]),
        table["layer"].map(titles),
        table["feature"],
        table["other_layer"].map(titles).fillna(""),
        table["other_feature"],
        said,
        table["value"],
        table["limit"],
        table["unit"],
        table["area_m2"],
        mend,
        *lon_lat(table),
        [""] * len(table),
        strict=True,
    )


def _overview(sheet: _Sheet, result: CheckResult, provenance: Provenance, k: int) -> None:
    lang = ("zh", "en")[k]
    note = (
        "由软件自动检查得出；“疑似”只是线索，须核实后由主管部门认定。",
        "Found by automatic checks. What is suspected is a hint to be verified, not a verdict.",
    )
    profile = f"{result.profile.title(lang)} ({result.profile})"
    sheet.append([("检查结果概况", "Result of the checks")[k]], ["ledger title"])
    sheet.append([note[k]], ["ledger plain"])
    facts = (
        (("检查方案", "Profile")[k], profile),
        (("输入文件", "Input files")[k], ("、", ", ")[k].join(provenance.inputs)),
        (("制作", "Made")[k], f"{software()}  {provenance.made.astimezone():%Y-%m-%d %H:%M %z}"),
        (("个人信息", "Personal data")[k], provenance.masking.text(lang)),
    )
    for fact in facts:
        sheet.append(fact, ["ledger plain"] * 2)
    layers = [
        (layer.spec.name, layer.spec.title(lang), layer.count, crs_name(layer.crs))
        for layer in result.layers.values()
    ]
    counts = Counter(zip(result.findings["rule"], result.findings["severity"], strict=True))
    found = [
        (rule, RULES[rule].title(lang), _SEVERITY[severity][k], number)
        for (rule, severity), number in sorted(counts.items())
    ]
    skipped = [
        (run.rule, RULES[run.rule].title(lang), run.layer, run.reason(lang))
        for run in result.not_run
    ]
    tables: tuple[Sequence[Sequence[Any]], ...] = (layers, found, skipped)
    for head, rows in zip(_OVERVIEW_HEADS, tables, strict=True):
        sheet.append([""], ["ledger plain"])
        sheet.head([texts[k] for texts in head])
        for row in rows or [(("无", "none")[k],)]:
            sheet.append(row, _OVERVIEW_STYLES)
