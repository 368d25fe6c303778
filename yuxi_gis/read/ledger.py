"""Ledgers: workbooks (XLSX, XLS, ODS) and delimited text, as clerks keep them.

Title rows above the header, headers of two rows, totals and page headers between the rows, merged
cells, areas in 亩 and m², codes that Excel has turned into numbers. What a file is, its content
says, not its ending. Every data row is kept; what is no data row is left out and told.

Formulas and links are never evaluated; of a formula the stored result is read. XLSB goes the same
way, but no such file was at hand to try.
"""

from __future__ import annotations

import csv
import datetime
import math
import pickle
import re
import subprocess
import sys
import threading
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import load_catalog, recognise
from yuxi_gis.errors import SourceError
from yuxi_gis.read.charset import Verdict, known, of_bytes
from yuxi_gis.read.coordinates import Found, find, last_part, literal
from yuxi_gis.read.table import Decision, Note, Options, RawTable
from yuxi_gis.specs import FieldSpec, LayerSpec, folded
from yuxi_gis.units import M2_PER_MU

__all__ = ["open"]


@dataclass
class _Sheet:
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
        return [_letters(column) for column in self.cells.columns.astype(int)]


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
        of a text file. A table whose columns hold WKT or coordinates has geometry.

    Raises
    ------
    SourceError
        No table that can be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if _is_workbook(path, head):
            sheets = _workbook(path)
        else:
            sheets = [_text(path, options)]
    except OSError as error:
        raise _error(
            path, f"无法打开（{error.strerror}）。", f"cannot open ({error.strerror})."
        ) from error
    catalog = load_catalog()
    words = _Words.of(catalog)
    tables = [_table(path, sheet, words, catalog) for sheet in sheets if len(sheet.cells)]
    tables = [table for table in tables if table.columns]
    if not tables:
        raise _error(
            path,
            "没有表格：工作表都是空的，或只有标题。",
            "holds no table: all sheets are empty or have a title only.",
        )
    empty = [sheet.name for sheet in sheets if not len(sheet.cells)]
    if empty:
        shown = ", ".join(empty[:10])
        note = Note(
            "sheet_empty",
            f"空工作表已跳过：{shown}。",
            f"empty sheets are left out: {shown}.",
            count=len(empty),
        )
        tables[0] = replace(tables[0], notes=(note, *tables[0].notes))
    return tables


def _error(path: Path, zh: str, en: str) -> SourceError:
    return SourceError(f"{path}：{zh}", f"{path}: {en}")


# ------------------------------------------------------------------------------- workbooks

#: A workbook of a million rows and 30 columns unpacks to about 2 GB; sheets of clerks pack
#: twenty- to forty-fold.
_UNPACKED_MOST = 2 << 30
_RATIO_MOST, _RATIO_FROM = 200, 100 << 20
_MEMORY, _MEMORY_FACTOR = 1 << 30, 12
_SECONDS, _BYTES_PER_SECOND = 60, 200_000

#: Reads a workbook with calamine in a process of its own: on a damaged file calamine may panic
#: (which prints), and a cell far out makes it allocate the whole rectangle and abort.
_CHILD = """
import pickle, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
except (ImportError, OSError, ValueError):
    pass
import python_calamine as calamine
def send(*message):
    sys.stdout.buffer.write(pickle.dumps(message, 5))
try:
    with open(sys.argv[1], "rb") as file:
        book = calamine.load_workbook(file)
        for about in book.sheets_metadata:
            if about.typ != calamine.SheetTypeEnum.WorkSheet:
                continue
            sheet = book.get_sheet_by_name(about.name)
            hidden = about.visible != calamine.SheetVisibleEnum.Visible
            send("sheet", about.name, hidden, sheet.merged_cell_ranges)
            rows = []
            first = 1 + (sheet.start or (0, 0))[0]
            left = [""] * (sheet.start or (0, 0))[1]
            for number, row in enumerate(sheet.to_python(skip_empty_area=True), first):
                if any(cell != "" for cell in row):
                    rows.append((number, left + row))
                if len(rows) == 1000:
                    send("rows", rows)
                    rows = []
            send("rows", rows)
    send("end")
except MemoryError:
    send("memory")
except calamine.PasswordError:
    send("password")
except Exception as error:
    send("error", str(error)[:200])
sys.stdout.flush()
"""


def _is_workbook(path: Path, head: bytes) -> bool:
    """Whether the content is that of a workbook; raises for what is neither that nor text."""
    if head.startswith(b"PK\x03\x04"):
        _check_zip(path)
        return True
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
            raise _password(path)
        return True
    if head.startswith((b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")):
        return True  # BIFF 2-4: a stream without a compound file around it
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<table", b"<meta")):
        raise _error(
            path,
            "后缀是表格，内容却是网页（HTML）。请用 Excel 或 WPS 打开，另存为 xlsx。",
            "is a web page (HTML) with the ending of a table. Open it in Excel or WPS and save it "
            "as xlsx.",
        )
    if start.startswith((b"<?xml", b"<workbook")):
        raise _error(
            path,
            "后缀是表格，内容却是 XML（可能是 Excel 2003 XML 表格）。请用 Excel 打开，"
            "另存为 xlsx。",
            "is XML (perhaps an XML spreadsheet of 2003) with the ending of a table. Open it in "
            "Excel and save it as xlsx.",
        )
    return False


def _password(path: Path) -> SourceError:
    return _error(
        path,
        "工作簿有密码。请用 Excel 打开，去掉密码后另存。",
        "the workbook has a password. Open it in Excel and save it without.",
    )


def _damaged(path: Path, why: str = "") -> SourceError:
    return _error(
        path,
        f"工作簿已损坏或不是表格{f'（{why}）' if why else ''}。"
        "请用 Excel 或 WPS 打开并另存为 xlsx。",
        f"the workbook is damaged, or is none{f' ({why})' if why else ''}. Open it in Excel or "
        "WPS and save it as xlsx.",
    )


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise _damaged(path) from error
    size = sum(entry.file_size for entry in names)
    packed = max(1, path.stat().st_size)
    if size > _UNPACKED_MOST or (size > _RATIO_FROM and size / packed > _RATIO_MOST):
        raise _error(
            path,
            f"解压后有 {size / 1e9:.1f} GB（压缩比 {size / packed:.0f}），不像台账，未打开。"
            "请拆分，或另存为 CSV。",
            f"unpacks to {size / 1e9:.1f} GB (ratio {size / packed:.0f}), which is no ledger; not "
            "opened. Split it, or save it as CSV.",
        )


def _workbook(path: Path) -> list[_Sheet]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    flaws = _xlsx_flaws(path) if zipped else {}
    size = path.stat().st_size
    if zipped:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    sheets = []
    for name, hidden, merged, numbers, rows in _calamine(path, size):
        cells = pd.DataFrame(rows, index=numbers, dtype=object)
        cells = cells.loc[:, (cells != "").any().to_numpy()]
        _check_width(path, cells.shape[1])
        sheet = _Sheet(name, cells)
        if merged is not None:
            sheet.merged = [(a + 1, b, c + 1, d) for (a, b), (c, d) in merged]
        elif numbers:
            sheet.notes.append(_merged_unknown())
        if numbers:
            span = np.setdiff1d(np.arange(numbers[0], numbers[-1]), numbers)
            sheet.blank = span.tolist()
        if hidden and numbers:
            sheet.notes.append(_hidden(name))
        if name in flaws:
            sheet.exact = flaws[name].exact
            sheet.notes += flaws[name].notes()
        sheets.append(sheet)
    return sheets


#: More than this and a table is no ledger, or damaged.
_COLUMNS_MOST = 2000


def _check_width(path: Path, columns: int) -> None:
    if columns > _COLUMNS_MOST:
        raise _error(
            path,
            f"有 {columns} 列，不像台账（最多 {_COLUMNS_MOST} 列）。请检查文件是否损坏、分隔符是否"
            "正确。",
            f"has {columns} columns, which is no ledger (at most {_COLUMNS_MOST}). See whether it "
            "is damaged, or its delimiters are wrong.",
        )


def _merged_unknown() -> Note:
    return Note(
        "merged_unknown",
        "这种格式不能得知哪些单元格是合并的，合并的内容只在首行；如有，请另存为 xlsx。",
        "in this format merged cells are not known: what they hold stands in the first row only. "
        "If there are any, save it as xlsx.",
    )


def _hidden(name: str) -> Note:
    return Note(
        "sheet_hidden",
        f"工作表 {name} 是隐藏的，也读入了。",
        f"sheet {name} is hidden; it was read too.",
        severity="warning",
    )


_SheetRows = tuple[str, bool, list[Any] | None, list[int], list[list[Any]]]


def _calamine(path: Path, size: int) -> list[_SheetRows]:
    """(name, hidden, merged, row numbers, rows) of each sheet; `size` is that of the content."""
    memory = _MEMORY + _MEMORY_FACTOR * size
    command = [sys.executable, "-P", "-c", _CHILD, str(path.resolve()), str(memory)]
    sheets: list[_SheetRows] = []
    last: tuple[Any, ...] = ("none",)
    with _quiet(command) as child:
        alarm = threading.Timer(_SECONDS + size / _BYTES_PER_SECOND, child.kill)
        alarm.start()
        try:
            while True:
                last = pickle.load(child.stdout)  # type: ignore[arg-type]  # from our own process
                if last[0] == "sheet":
                    sheets.append((*last[1:], [], []))
                elif last[0] == "rows":
                    sheets[-1][3].extend(number for number, _ in last[1])
                    sheets[-1][4].extend(row for _, row in last[1])
                else:
                    break
        except (EOFError, pickle.UnpicklingError):
            last = ("died",)
        finally:
            alarm.cancel()
            child.kill()
    if last[0] == "end":
        return sheets
    if last[0] == "password":
        raise _password(path)
    if last[0] == "error":
        raise _damaged(path, last[1])
    raise _error(
        path,
        "工作簿已损坏，或在很远的行列里有零星内容，内存放不下。请用 Excel 打开，删去表格以外的"
        "行列，另存为 xlsx。",
        "the workbook is damaged, or has stray cells far out that no memory can hold. Open it in "
        "Excel, delete rows and columns beyond the table, and save it as xlsx.",
    )


def _quiet(command: list[str]) -> subprocess.Popen[bytes]:
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing)


@dataclass
class _Flaws:
    """What calamine does not tell of a sheet: error cells, and integers of more than 15 digits."""

    errors: list[tuple[int, int]] = field(default_factory=list)
    exact: defaultdict[int, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))

    def notes(self) -> list[Note]:
        if not self.errors:
            return []
        shown = ", ".join(f"{_letters(c)}{r}" for r, c in self.errors[:10])
        return [
            Note.on_rows(
                "error_cell",
                [row for row, _ in self.errors],
                f"{{count}} 个单元格是错误值（#N/A、#REF! 等），按缺失读入：{shown}。",
                f"{{count}} cells hold an error (#N/A, #REF! …) and are read as missing: {shown}.",
                severity="warning",
            )
        ]


_ERROR_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*\bt=[\"']e[\"'][^>]*)>")
_LONG_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*)><(?:\w+:)?v>(\d{16,40})</")
_REFERENCE = re.compile(rb"\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_BLOCK, _OVERLAP = 1 << 20, 4096


def _xlsx_flaws(path: Path) -> dict[str, _Flaws]:
    """By sheet name; nothing for a zip that is no XLSX."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _scan(archive, part) for name, part in _parts(archive)}
    except KeyError:
        return {}
    except (zipfile.BadZipFile, ElementTree.ParseError, zlib.error, ValueError) as error:
        raise _damaged(path) from error
    except (RuntimeError, NotImplementedError, EOFError) as error:
        raise _damaged(path, str(error)[:100]) from error


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Names of sheets and the parts of the package that hold them (ECMA-376, part 1, 18.2.19)."""

    def root(part: str) -> ElementTree.Element:
        with archive.open(part) as file:
            text = file.read(1 << 24)
        if b"<!DOCTYPE" in text:
            raise ValueError("DOCTYPE")
        return ElementTree.fromstring(text)

    links = {link.get("Id"): link.get("Target", "") for link in root("xl/_rels/workbook.xml.rels")}
    names = set(archive.namelist())
    for element in root("xl/workbook.xml").iter():
        if element.tag.rpartition("}")[2] != "sheet":
            continue
        ids = [value for name, value in element.items() if name.endswith("}id")]
        target = links.get(ids[0] if ids else None, "").lstrip("/")
        part = target if target.startswith("xl/") else f"xl/{target}"
        if part in names:
            yield element.get("name", ""), part


def _scan(archive: zipfile.ZipFile, part: str) -> _Flaws:
    flaws = _Flaws()
    errors: set[tuple[int, int]] = set()
    with archive.open(part) as file:
        tail = b""
        while block := file.read(_BLOCK):
            block = tail + block
            for match in _ERROR_CELL.finditer(block):
                errors |= _place(match[1])
            for match in _LONG_CELL.finditer(block):
                for row, column in _place(match[1]):
                    flaws.exact[column][row] = match[2].decode()
            tail = block[-_OVERLAP:]
    flaws.errors = sorted(errors)
    return flaws


def _place(attributes: bytes) -> set[tuple[int, int]]:
    match = _REFERENCE.search(attributes)
    if match is None:
        return set()
    column = 0
    for letter in match[1]:
        column = column * 26 + letter - 64
    return {(int(match[2]), column - 1)}


def _letters(column: int) -> str:
    """The name of a column in a sheet: 0 → A, 26 → AA."""
    column += 1
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


# ------------------------------------------------------------------------------------ text

#: In the order in which they win when two fit equally.
_DELIMITERS = {
    ",": "逗号",
    "\t": "制表符",
    ";": "分号",
    "|": "竖线",
    "，": "全角逗号",
    "、": "顿号",
}
_SAMPLE = 200
#: A quoted value over more lines than this is a quotation mark that was never closed.
_LINES_MOST = 200
_CHUNK = 50_000
_SURPLUS = "多余的值"


def _text(path: Path, options: Options) -> _Sheet:
    codec, verdict = _encoding(path, options)
    sample = list(islice(_lines(path, codec), _SAMPLE))
    if any("[地块坐标]" in line for line in sample):
        raise _error(
            path,
            "这是界址点坐标交换文本（[地块坐标]），不是表格，不能读取。请转换为 shapefile。",
            "is a text of boundary points ([地块坐标]), no table, and cannot be read. "
            "Convert it to a shapefile.",
        )
    csv.field_size_limit(sys.maxsize if sys.maxsize < 2**31 else 2**31 - 1)
    delimiter = _delimiter(sample)
    if delimiter is None and path.suffix.lower() == ".txt":
        raise _error(
            path,
            "不是表格：没有逗号、制表符、分号等分隔的列。",
            "is no table: it has no columns separated by commas, tabs, semicolons …",
        )
    broken: list[int] = []
    sheet = _records(path, _lines(path, codec, broken), delimiter or ",")
    sheet.encoding = verdict.encoding
    sheet.notes = [_undecodable(verdict.encoding, broken)] if broken else []
    sheet.decisions = [
        Decision("encoding", verdict.encoding, verdict.zh, verdict.en, verdict.confidence)
    ]
    if delimiter is not None:
        sheet.decisions.append(
            Decision(
                "delimiter",
                delimiter,
                f"{_DELIMITERS[delimiter]}分隔的各行列数最一致",
                "with it the lines agree best in their number of columns",
                "high",
            )
        )
    return sheet


_PEEK, _ZEROS = 4096, 0.02


def _utf16(head: bytes) -> str | None:
    """UTF-16 without BOM: the high bytes of ASCII characters are 0, and no others."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) <= _ZEROS * len(head) or min(even, odd) > 0.01 * max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def _encoding(path: Path, options: Options) -> tuple[str, Verdict]:
    """The codec that reads a file, and why."""
    if options.encoding is not None:
        name = known(options.encoding)
        return name, Verdict(name, "用户指定", "given by the user", "certain")
    with path.open("rb") as file:
        head = file.read(_PEEK)
    for mark, name in _BOMS:
        if head.startswith(mark):
            shown = name.removesuffix("-sig").upper()
            return name, Verdict(shown, "文件开头的 BOM", "the file begins with a BOM", "certain")
    if (wide := _utf16(head)) is not None:
        return wide, Verdict(wide.upper(), "字节中有规律的 0", "by its zero bytes", "high")
    if head.count(0) > _ZEROS * len(head):
        raise _error(path, "是二进制文件，不是文本表。", "is a binary file, no table of text.")
    verdict = of_bytes(_blocks(path))
    return verdict.encoding, verdict


def _blocks(path: Path) -> Iterator[bytes]:
    """A file in pieces that end where a line ends."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block + file.readline(_BLOCK)


def _lines(path: Path, codec: str, broken: list[int] | None = None) -> Iterator[str]:
    """The lines of a file; those with bytes that `codec` cannot read are added to `broken`."""
    with path.open(encoding=codec, errors="replace", newline="") as file:
        for number, line in enumerate(file, 1):
            if broken is not None and "\ufffd" in line:
                broken.append(number)
            yield line.removeprefix("\ufeff") if number == 1 else line


def _undecodable(encoding: str, lines: list[int]) -> Note:
    return Note.on_rows(
        "undecodable",
        lines,
        f"{{count}} 行有不能按 {encoding} 读出的字节，显示为 �（第 {{rows}} 行）。"
        "请用 --encoding 指明编码。",
        f"{{count}} lines have bytes that are no {encoding}, shown as � (lines {{rows}}). "
        "Give --encoding.",
        severity="error",
    )


def _delimiter(sample: Sequence[str]) -> str | None:
    """What makes most lines equally wide; None where all have one column."""
    best, score = None, 0.0
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if any(row)]
        except csv.Error:
            continue
        width, lines = max(
            Counter(w for w in widths if w > 1).items(), key=lambda x: (x[1], x[0]), default=(1, 0)
        )
        if lines and (fit := lines / len(widths) * math.log2(width)) > score * 1.001:
            best, score = delimiter, fit
    return best


def _records(path: Path, text: Iterable[str], delimiter: str) -> _Sheet:
    """All lines as text; surplus values of a line are kept in one more column."""
    reader = csv.reader(text, delimiter=delimiter)
    frames: list[pd.DataFrame] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    widths: list[int] = []
    blank: list[int] = []
    start, width = 1, 0

    def flush() -> None:
        nonlocal width
        if not frames and rows:
            counts = Counter(map(len, rows[:_SAMPLE]))
            width = max(counts, key=lambda w: (counts[w], w > 1, -w))
            _check_width(path, width)
        frames.append(
            pd.DataFrame(
                [_padded(row, width, delimiter) for row in rows],
                index=lines[len(lines) - len(rows) :],
                columns=range(width + 1),
                dtype="str",
            )
        )
        rows.clear()

    try:
        for row in reader:
            if reader.line_num - start >= _LINES_MOST:
                raise csv.Error("quote")
            if any(row):
                lines.append(start)
                rows.append(row)
                widths.append(len(row))
                if len(rows) == _CHUNK:
                    flush()
            else:
                blank.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise _error(
            path,
            f"第 {start} 行的引号没有闭合，其后的内容不能分列。请补上或删去这个引号。",
            f'a quotation mark (") in line {start} is never closed, so that what follows has no '
            "columns. Close or delete it.",
        ) from error
    flush()
    cells = pd.concat(frames) if len(frames) > 1 else frames[0]
    return _Sheet(path.stem, cells, blank=blank, widths=pd.Series(widths, index=lines))


def _padded(row: list[str], width: int, delimiter: str) -> list[str]:
    if len(row) <= width:
        return row + [""] * (width + 1 - len(row))
    surplus = row[width:]
    return [*row[:width], delimiter.join(surplus) if any(surplus) else ""]


# ----------------------------------------------------------------------------------- words


def _fold(name: str) -> str:
    """A name for comparison: as `folded` has it, and without spaces."""
    return re.sub(r"\s+", "", folded(name))


#: Area units: m² in one.
_UNITS = {
    "亩": M2_PER_MU,
    "万亩": 1e4 * M2_PER_MU,
    "平方米": 1.0,
    "平米": 1.0,
    "m2": 1.0,
    "公顷": 1e4,
    "hm2": 1e4,
    "ha": 1e4,
    "平方公里": 1e6,
    "平方千米": 1e6,
    "km2": 1e6,
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_UNIT_IN_NAME = re.compile(rf"(.+?)(?:\((?:单位:?)?({_UNIT})\)|[/_:-]({_UNIT}))$", re.IGNORECASE)
_UNIT_ROW = re.compile(rf"单位[:=]?\(?({_UNIT})", re.IGNORECASE)
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)"
_UNIT_CELL = rf"(?i)^({_NUMBER})\s*({_UNIT})?$"
_CODE_WORDS = re.compile(
    r"编码|编号|代码|代号|号码|证号|证书号|单元号|宗地号|电话|手机|身份证|邮编|账号|帐号|[Cc]ode$|CODE$"
)


def _split_unit(name: str) -> tuple[str, str | None]:
    """A folded name without its unit, and the unit."""
    match = _UNIT_IN_NAME.fullmatch(_fold(name))
    if match is None:
        return _fold(last_part(name)), None
    unit = (match[2] or match[3]).lower()
    return last_part(match[1]), unit


@dataclass(frozen=True)
class _Words:
    """All names that fields go by, in all layers of the catalogue."""

    fields: Mapping[str, tuple[tuple[LayerSpec, FieldSpec], ...]]

    @classmethod
    def of(cls, catalog: Mapping[str, LayerSpec]) -> _Words:
        found: dict[str, list[tuple[LayerSpec, FieldSpec]]] = {}
        for layer in catalog.values():
            old = {k: v for edition in layer.editions for k, v in edition.aliases.items()}
            for word, name in {**old, **layer.words}.items():
                found.setdefault(_fold(word), []).append((layer, layer.by_name[name]))
        return cls({word: tuple(specs) for word, specs in found.items()})

    def __getitem__(self, name: str) -> tuple[tuple[LayerSpec, FieldSpec], ...]:
        """The fields that a column may be, with or without the unit in its name."""
        return self.whole(name) or self.fields.get(_split_unit(name)[0], ())

    def whole(self, name: str) -> tuple[tuple[LayerSpec, FieldSpec], ...]:
        """The fields that are called so, unit and all."""
        return self.fields.get(_fold(name)) or self.fields.get(_fold(last_part(name)), ())


# ---------------------------------------------------------------------------------- header

_HEAD = 12
_LEVELS = 3
#: What a header loses for each row above it, and for a row above it that is as full.
_LATER, _BELOW_FULL = 0.05, 0.5
#: In a part of a two-level name, because "/" joins the parts.
_SLASH = "／"
#: Numbers, codes, dates, degrees.
_NUMBER_LIKE = re.compile(
    r"[\d\s.,:/°′″'\"+\-]+[XJQ]?|[\d.]+[eE][+-]?\d+|\d{2,4}年\d{1,2}月(?:\d{1,2}日)?"
)
_LONG = 60


@dataclass(frozen=True)
class _Header:
    """Which rows of a sheet (positions) are its header, and the names in it."""

    first: int
    last: int
    names: tuple[str, ...]
    decision: Decision


def _texts(sheet: _Sheet, row: int) -> list[str]:
    return ["" if _is_blank(cell) else str(cell) for cell in sheet.cells.iloc[row]]


def _is_blank(cell: Any) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())


def _wordy(cell: str) -> bool:
    """Whether a cell may be a column's name: no number, no date, not long."""
    text = cell.strip()
    return (
        len(text) <= _LONG and re.search(r"[^\W\d_]", text) is not None and not _number_like(text)
    )


def _number_like(text: str) -> bool:
    return _NUMBER_LIKE.fullmatch(text) is not None


def _find_header(sheet: _Sheet, words: _Words) -> _Header:
    """The row that reads most like names of fields, with group titles above or below it.

    A row counts by the share of its cells that the catalogue knows, that are words, that differ,
    that are filled, and that have numbers below them.
    """
    head = [_texts(sheet, row) for row in range(min(_HEAD + 10, len(sheet.cells)))]
    used = max((sum(map(bool, row)) for row in head), default=0)
    scores = [_score(head, row, used, words) for row in range(min(_HEAD, len(head)))]
    best = max(range(len(scores)), key=lambda row: scores[row].total - _LATER * row, default=0)
    if not scores or scores[best].total <= 0:
        names = tuple(f"列{letters}" for letters in sheet.letters)
        return _Header(
            0,
            -1,
            names,
            Decision(
                "header",
                "",
                "没有找到表头，列名为 列A、列B …；请在表格上方补上一行列名",
                "no header was found; the columns are called 列A, 列B …; add a row of names",
                "low",
            ),
        )
    first, last = _levels(sheet, head, best)
    return _Header(
        first, last, _names(sheet, head, first, last), _said(sheet, first, last, scores[best])
    )


class _Score(NamedTuple):
    total: float
    known: int
    share: float
    clear: bool


def _score(head: list[list[str]], row: int, used: int, words: _Words) -> _Score:
    cells = [cell for cell in head[row] if cell]
    if len(cells) < min(2, used):
        return _Score(0, 0, 0, False)
    familiar = sum(bool(words[_name(cell).replace("/", _SLASH)]) for cell in set(cells))
    wordy = sum(map(_wordy, cells)) / len(cells)
    if wordy < (0.5 if familiar else 0.8):
        return _Score(0, 0, 0, False)
    distinct = len(set(cells)) / len(cells)
    filled = len(cells) / used
    below = head[row + 1 : row + 11]
    numbers = np.mean(
        [any(_number_like(r[c]) for r in below if r[c]) for c, cell in enumerate(head[row]) if cell]
    )
    share = familiar / len(cells)
    total = 3 * share * wordy**2 + wordy + 0.5 * distinct + filled + 0.5 * float(numbers)
    if any(sum(map(bool, above)) >= 0.8 * len(cells) for above in head[:row]):
        total -= _BELOW_FULL
    clear = bool(wordy == 1 and distinct == 1 and filled > 0.7 and numbers > 0)
    return _Score(total, familiar, share, clear)


def _levels(sheet: _Sheet, head: list[list[str]], best: int) -> tuple[int, int]:
    """The first and last row of the header: groups of columns have a title over them."""
    first = last = best
    if best + 1 < len(head) and _groups(head[best], head[best + 1]):
        last = best + 1
    while first and last - first < _LEVELS - 1 and _groups(head[first - 1], head[first]):
        first -= 1
    return first, last


def _groups(upper: list[str], lower: list[str]) -> bool:
    """Whether `upper` holds titles over groups of `lower`, and names of single columns."""
    over = [cell for cell in upper if cell]
    if len(set(over)) < 2 or sum(map(bool, lower)) < 2:
        return False
    if not all(
        _wordy(cell) and not re.search("[:：]", cell) for cell in [*over, *filter(None, lower)]
    ):
        return False
    spans = any(
        upper[c] and lower[c] and lower[c + 1] and upper[c + 1] in ("", upper[c])
        for c in range(len(upper) - 1)
    )
    uncovered = sum(1 for u, low in zip(upper, lower, strict=True) if u and not low)
    hanging = all(any(upper[: c + 1]) for c, low in enumerate(lower) if low)
    return spans and hanging and (uncovered > 0 or len(over) < sum(map(bool, lower)))


def _name(cell: str) -> str:
    """A cell of the header as a name: no line breaks, no spaces beside Chinese characters."""
    text = re.sub(r"[\u200b-\u200f\ufeff\x00-\x08]", "", cell)
    text = re.sub(r"\s+", " ", text.replace("\u3000", " ")).strip().strip("*＊")
    return re.sub(r" ?([\u3400-\u9fff（）()、：，]) ?", r"\1", text)


def _names(sheet: _Sheet, head: list[list[str]], first: int, last: int) -> tuple[str, ...]:
    levels = [list(map(_name, head[row])) for row in range(first, last + 1)]
    for level, lower in pairwise(levels):
        for column in range(1, len(level)):
            if not level[column] and lower[column]:
                level[column] = level[column - 1]
    names: list[str] = []
    for column, parts in enumerate(zip(*levels, strict=True)):
        distinct = list(
            dict.fromkeys(
                part.replace("/", _SLASH) if last > first else part for part in parts if part
            )
        )
        name = "/".join(distinct)
        if not name and column == sheet.cells.shape[1] - 1 and sheet.widths is not None:
            name = _SURPLUS
        names.append(name or f"列{sheet.letters[column]}")
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        while seen[name] > 1 and (changed := f"{name}_{seen[name]}") in names:
            seen[name] += 1
        unique.append(name if seen[name] == 1 else changed)
    return tuple(unique)


def _said(sheet: _Sheet, first: int, last: int, score: _Score) -> Decision:
    rows = [int(sheet.cells.index[row]) for row in (first, last)]
    value = str(rows[0]) if first == last else f"{rows[0]}-{rows[1]}"
    sure = score.known >= 2 and score.share >= 0.3
    zh = f"第 {value} 行最像列名"
    en = f"row {value} reads most like names of columns"
    if score.known:
        zh += f"（{score.known} 个是已知字段）"
        en += f" ({score.known} of them known fields)"
    return Decision("header", value, zh, en, "high" if sure or score.clear else "low")


# ------------------------------------------------------------------------------------ rows

_TOTAL = re.compile(r"(?:.{0,12}[^\d])?(?:合计|小计|总计|共计|累计|总合计)(?:数|面积)?[:：]?")
_FOOTER = re.compile(
    r"(?:注|备注|说明|制表|填表|填报|审核|复核|负责人|单位负责人|统计|调查|记录|联系|日期).{0,12}[:：].*",
    re.S,
)
_SERIAL_SIGNS = str.maketrans("", "", "()（）[]【】栏 　")
_LABEL_COLUMNS = 5


def _table(path: Path, sheet: _Sheet, words: _Words, catalog: Mapping[str, LayerSpec]) -> RawTable:
    header = _find_header(sheet, words)
    notes = list(sheet.notes)
    decisions = [*sheet.decisions, header.decision]
    notes += [*_titles(sheet, header), *_doubled(header.names)]
    titles = [cell for row in range(header.first) for cell in _texts(sheet, row) if cell]
    body = sheet.cells.iloc[header.last + 1 :]
    body, aside = _data_rows(sheet, header, body, titles, words)
    notes += aside
    body, filled = _fill_merged(sheet, header, body, words)
    notes += filled
    unit = next((m[1].lower() for t in titles if (m := _UNIT_ROW.search(_fold(t)))), None)
    frame = pd.DataFrame(index=body.index)
    columns: dict[str, pd.Series] = {}
    for position, name in enumerate(header.names):
        values = body.iloc[:, position]
        exact = sheet.exact.get(int(body.columns[position]), {})
        column = _Column(name, words[name], exact).read(values)
        if column.values.isna().all() and _is_nameless(name):
            continue
        columns[name] = column.values
        notes += column.notes
    frame = pd.DataFrame(columns, index=body.index)
    frame, said, told = _units(sheet.name, path.stem, frame, unit, words, catalog)
    found, extra = find(frame)
    notes += [*told, *extra]
    return _raw(path, sheet, frame, found, [*decisions, *said], notes)


def _titles(sheet: _Sheet, header: _Header) -> list[Note]:
    """Rows above the header: titles, or full rows, which may be data."""
    above = sheet.cells.iloc[: header.first]
    if above.empty:
        return []
    full = _filled(above) > max(3, len(header.names) / 2)
    return [
        Note.on_rows(
            "title_row",
            above.index,
            "表头以上的 {count} 行作为标题，不作为数据读入（第 {rows} 行）。"
            + ("其中有的像数据，请核对表头。" if full.any() else ""),
            "{count} rows above the header are titles, not data (rows {rows})."
            + (" Some look like data: check the header." if full.any() else ""),
            severity="warning" if full.any() else "info",
        )
    ]


def _is_nameless(name: str) -> bool:
    return name == _SURPLUS or re.fullmatch(r"列[A-Z]{1,3}", name) is not None


def _doubled(names: Sequence[str]) -> list[Note]:
    twice = [n for n in names if re.fullmatch(r".*_\d+", n) and n.rpartition("_")[0] in names]
    if not twice:
        return []
    shown = ", ".join(twice[:10])
    return [
        Note(
            "column_renamed",
            f"表头有重名的列，已改名为：{shown}。",
            f"columns of the same name are now called: {shown}.",
            count=len(twice),
        )
    ]


def _data_rows(
    sheet: _Sheet, header: _Header, body: pd.DataFrame, titles: list[str], words: _Words
) -> tuple[pd.DataFrame, list[Note]]:
    """`body` without rows that are no data, and notes that name each of them."""
    kinds = pd.Series("", index=body.index)
    kinds[_page_headers(sheet, header, body, titles)] = "page_header"
    kinds[_serial_row(body)] = "number_row"
    kinds[_totals(header, body, words)] = "total_row"
    kinds[_footers(sheet, body)] = "footer_row"
    notes = []
    for kind, (zh, en) in _ASIDE.items():
        rows = body.index[kinds == kind]
        if len(rows):
            notes.append(
                Note.on_rows(
                    kind,
                    rows,
                    f"{{count}} 行是{zh}，不作为数据读入（第 {{rows}} 行）。",
                    f"{{count}} rows are {en}, not data, and are left out (rows {{rows}}).",
                )
            )
    body = body[kinds == ""]
    if len(body):
        blank = [row for row in sheet.blank if body.index[0] < row < body.index[-1]]
        if blank:
            notes.append(
                Note.on_rows(
                    "blank_row",
                    blank,
                    "{count} 行是空行，已跳过（第 {rows} 行）。",
                    "{count} rows are blank and left out (rows {rows}).",
                )
            )
    return body, notes + _ragged(sheet, body)


_ASIDE = {
    "page_header": ("重复的表头或标题", "a header or title again"),
    "number_row": ("栏号行", "numbers of the columns"),
    "total_row": ("合计、小计", "totals"),
    "footer_row": ("表尾说明", "remarks under the table or titles between its rows"),
}


def _ragged(sheet: _Sheet, body: pd.DataFrame) -> list[Note]:
    if sheet.widths is None or body.empty:
        return []
    widths = sheet.widths.loc[body.index]
    width = body.shape[1] - 1
    notes = []
    if (short := widths < width).any():
        notes.append(
            Note.on_rows(
                "row_short",
                body.index[short],
                f"{{count}} 行不足 {width} 列，缺的按空值读入（第 {{rows}} 行）。",
                f"{{count}} lines have less than {width} values; those missing are read as empty "
                "(lines {rows}).",
                severity="warning",
            )
        )
    surplus = body.iloc[:, -1] != ""
    if surplus.any():
        notes.append(
            Note.on_rows(
                "row_long",
                body.index[surplus],
                f"{{count}} 行多于 {width} 列，各列可能已错位；多出的值在“{_SURPLUS}”列"
                "（第 {rows} 行）。请检查值里是否有未加引号的分隔符。",
                f"{{count}} lines have more than {width} values and may be shifted; what is over "
                f"stands in column {_SURPLUS} (lines {{rows}}). Look for delimiters in values "
                "without quotes.",
                severity="error",
            )
        )
    return notes


def _filled(body: pd.DataFrame) -> pd.Series:
    """How many cells of each row hold something."""
    count = pd.Series(0, index=body.index)
    for column in body:
        values = body[column]
        count += (values.notna() & (values != "")).astype(int)
    return count


def _page_headers(
    sheet: _Sheet, header: _Header, body: pd.DataFrame, titles: list[str]
) -> np.ndarray:
    """Rows that say what the header says, or one of the titles."""
    again = np.zeros(len(body), bool)
    for row in range(header.first, header.last + 1):
        texts = _texts(sheet, row)
        equal, filled = np.zeros(len(body)), 0
        for position, text in enumerate(texts):
            if text:
                filled += 1
                equal += (body.iloc[:, position] == sheet.cells.iloc[row, position]).to_numpy(bool)
        again |= equal >= max(2, 0.8 * filled)
    alone = _filled(body) <= 2
    for position in range(min(body.shape[1], _LABEL_COLUMNS)) if titles else ():
        again |= (body.iloc[:, position].isin(titles) & alone).to_numpy(bool)
    return again


def _serial_row(body: pd.DataFrame) -> np.ndarray:
    """The row under the header that numbers the columns: 1 2 3 …, (1) (2) …, 甲 乙 1 2 …."""
    is_serial = np.zeros(len(body), bool)
    if len(body):
        cells = [_plain(c).translate(_SERIAL_SIGNS) for c in body.iloc[0] if not _is_blank(c)]
        numbers = [cell for cell in cells if cell not in set("甲乙丙丁")]
        counted = [str(n) for n in range(1, len(numbers) + 1)]
        is_serial[0] = len(cells) >= 4 and len(numbers) >= 3 and numbers == counted
    return is_serial


def _plain(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell:.0f}"
    return str(cell).strip()


def _totals(header: _Header, body: pd.DataFrame, words: _Words) -> np.ndarray:
    """Rows whose first words are 合计, 小计 …, unless they bear a code."""
    hit = np.zeros(len(body), bool)
    for position in range(min(body.shape[1], _LABEL_COLUMNS)):
        text = _only_text(body.iloc[:, position])
        likely = _like(text, "计").to_numpy()
        words_of = [re.sub(r"\s+", "", cell) for cell in text[likely]]
        total = [_TOTAL.fullmatch(word) is not None for word in words_of]
        hit[likely] |= np.array(total, bool)
    for row in np.flatnonzero(hit):
        for position, cell in enumerate(body.iloc[row]):
            coded = any(spec.pattern for _, spec in words[header.names[position]])
            if coded and not _is_blank(cell) and _number_like(_plain(cell)):
                hit[row] = False
    return hit


def _footers(sheet: _Sheet, body: pd.DataFrame) -> np.ndarray:
    """Remarks and signatures in the last rows; titles merged over most of the table."""
    aside = np.zeros(len(body), bool)
    width = body.shape[1]
    for row in range(len(body) - 1, max(-1, len(body) - 16), -1):
        cells = [_plain(cell) for cell in body.iloc[row] if not _is_blank(cell)]
        if not cells or not (_FOOTER.fullmatch(cells[0]) and len(cells) <= max(1, width / 2)):
            break
        aside[row] = True
    wide = {a for a, b, c, d in sheet.merged if d - b + 1 >= max(2, width / 2)}
    if wide:
        aside |= body.index.isin(list(wide)) & (_filled(body) == 1).to_numpy()
    return aside


def _fill_merged(
    sheet: _Sheet, header: _Header, body: pd.DataFrame, words: _Words
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
        is_label = name.endswith("号") or _Column(name, words[name]).named_code
        amounts = False
        for top, bottom in spans[place]:
            a, b = np.searchsorted(index, [top, bottom + 1])
            if b - a < 2 or index[a] != top or _is_blank(values[a]):
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


# --------------------------------------------------------------------------------- columns

_TRIM = " \t\r\n\u3000\u00a0\u200b\u200c\u200d\u2060\ufeff'‘’`"
_EXCEL_DIGITS = 15
_SCIENTIFIC = r"^[+]?[0-9](?:\.[0-9]+)?[eE]\+?(?:9|[1-3][0-9])$"
#: Kinds of columns as `pandas.api.types.infer_dtype` names them.
_NUMERIC = ("floating", "integer", "mixed-integer-float")
_DATES = ("date", "datetime", "datetime64")
_OTHER_TYPED = ("boolean", "empty", *_DATES)
_TEXT_TYPES, _NUMBER_TYPES = ("Char", "Varchar"), ("Int", "Float")


@dataclass
class _Column:
    """One column of a table, from cells to values of one type."""

    name: str
    specs: tuple[tuple[LayerSpec, FieldSpec], ...]
    exact: Mapping[int, str] = field(default_factory=dict)
    values: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))
    notes: list[Note] = field(default_factory=list)

    @property
    def shown(self) -> str:
        return literal(self.name)

    @property
    def official(self) -> str:
        """What the catalogue makes of it: text, number or nothing certain."""
        types = {spec.type for _, spec in self.specs}
        if types and types <= set(_TEXT_TYPES):
            return "text"
        return "number" if types and types <= set(_NUMBER_TYPES) else ""

    @property
    def named_code(self) -> bool:
        if self.official == "number":
            return False
        titles = [self.name, *(spec.title_zh for _, spec in self.specs)]
        coded = any(s.pattern or s.codes or s.personal in ("id", "phone") for _, s in self.specs)
        return coded or any(_CODE_WORDS.search(title) for title in titles)

    def read(self, cells: pd.Series) -> _Column:
        """Read `cells` (str, or objects as calamine gives them) to `values`."""
        if self.exact:
            cells = cells.astype(object)
            there = [row for row in self.exact if row in cells.index]
            cells.loc[there] = [self.exact[row] for row in there]
        typed = cells.dtype == object
        cells = self._without_blanks(cells)
        kind = pd.api.types.infer_dtype(cells, skipna=True)
        if self.named_code or self._holds_codes(cells, kind):
            self.values = self._codes(_text_of(cells, kind))
        elif kind in _NUMERIC:
            self.values = _tight(pd.to_numeric(cells))
            if self.official == "text":
                self.values = _text_of(cells, kind)
        elif kind == "boolean" and cells.notna().all():
            self.values = cells.astype(bool)
        elif kind in _DATES:
            self.values = self._dates(cells)
        else:
            self.values = self._numbers_in_text(cells, _text_of(cells, kind), typed=typed)
        return self

    @staticmethod
    def _without_blanks(cells: pd.Series) -> pd.Series:
        """Cells of spaces only are missing; ``="530402"`` is the text that it protects."""
        if cells.dtype == object:
            cells = cells.where(cells != "", None)
            text = _only_text(cells)
            if not text.notna().any():
                return cells
            if text.notna().sum() < cells.notna().sum():
                return cells.where(text.str.strip() != "", None)
            cells = text
        cells = cells.where(cells.str.strip() != "")
        if (shielded := _like(cells, '^=".*"$')).any():
            cells = cells.where(~shielded, cells.str.slice(2, -1))
        return cells

    @staticmethod
    def _holds_codes(cells: pd.Series, kind: str) -> bool:
        """Digits with a leading zero, or more than 15 of them."""
        if kind in _NUMERIC:
            numbers = pd.to_numeric(cells.dropna()).abs()
            large = (numbers >= 10.0**_EXCEL_DIGITS) & (numbers < 1e32) & (numbers % 1 == 0)
            return len(numbers) > 0 and bool(large.mean() >= 0.5)
        if kind in _OTHER_TYPED:
            return False
        coded = _like(_only_text(cells), "^[ \t\u3000']*(?:0[0-9]+|[0-9]{16,})[XxJQ]?[ \t\u3000]*$")
        return bool(coded.sum() > 0.2 * cells.notna().sum())

    def _codes(self, text: pd.Series) -> pd.Series:
        wide = _like(text, "[^ -~]")
        plain = text.where(~wide, text[wide].str.normalize("NFKC")).str.strip(_TRIM)
        plain = plain.where(plain != "")
        if (changed := (plain != text) & text.notna()).any():
            self.notes.append(
                Note.on_rows(
                    "code_trimmed",
                    text.index[changed],
                    f"{{count}} 行的 {self.shown} 去掉了空格、撇号或全角写法（第 {{rows}} 行）。",
                    f"{{count}} values of {self.shown} lost spaces, apostrophes or full-width "
                    "forms (rows {rows}).",
                    field=self.name,
                )
            )
        self._destroyed(plain)
        return plain

    def _destroyed(self, text: pd.Series) -> None:
        """Codes of which Excel has kept 15 digits: ``5.30402E+18``, or zeros from the 16th on."""
        broken = _like(text, _SCIENTIFIC)
        long = _like(text, "^[0-9]{16,19}$")
        if long.any():
            zeros = long & _like(text, f"^[0-9]{{{_EXCEL_DIGITS}}}0+$")
            places = int(text[long].str.len().median()) - _EXCEL_DIGITS
            by_chance = 10.0**-places
            if zeros.sum() * places >= 3 and zeros.sum() / long.sum() > min(0.99, 10 * by_chance):
                self._tell_destroyed(
                    text.index[zeros],
                    "第 16 位起全是 0",
                    "have only zeros from the 16th digit on",
                    "error" if zeros.sum() >= 0.9 * long.sum() else "warning",
                )
        if broken.any():
            self._tell_destroyed(
                text.index[broken], "已成为科学计数法", "are in scientific notation", "error"
            )

    def _tell_destroyed(self, rows: pd.Index, zh: str, en: str, severity: str) -> None:
        self.notes.append(
            Note.on_rows(
                "code_destroyed",
                rows,
                f"{{count}} 行的 {self.shown} {zh}：Excel 只留 15 位数字，代码已损坏，无法还原"
                "（第 {rows} 行）。请重新从原始系统以文本格式导出。",
                f"{{count}} values of {self.shown} {en}: Excel keeps 15 digits, the codes are "
                "destroyed (rows {rows}). Export them again as text from the system they come "
                "from.",
                severity=severity,
                field=self.name,
            )
        )

    def _dates(self, cells: pd.Series) -> pd.Series:
        try:
            return pd.to_datetime(cells)
        except (ValueError, TypeError, OverflowError):  # beyond what pandas can count
            return _text_of(cells, "mixed")

    def _numbers_in_text(self, cells: pd.Series, text: pd.Series, *, typed: bool) -> pd.Series:
        """Text as numbers where all of it is, and the column is meant to be one."""
        if self.official == "text" or not text.notna().any():
            return text
        in_text = text.str.strip()
        if self.official == "number" or _is_area(self.name, self.specs):
            commas = _like(in_text, r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?$")
            if commas.any():
                in_text = in_text.where(~commas, in_text.str.replace(",", "", regex=False))
        numbers = pd.to_numeric(in_text, errors="coerce")
        numbers = numbers.where(np.isfinite(numbers.astype("float64")))
        odd = text.notna() & numbers.isna()
        from_text = _only_text(cells).notna()
        meant = not typed or self.official == "number" or not from_text[text.notna()].all()
        if not odd.any() and meant:
            if typed and from_text.any():
                self.notes.append(_number_as_text(self.name, text.index[from_text]))
            return _tight(numbers)
        if self.official == "number" and not _is_area(self.name, self.specs):
            self.notes.append(_not_numbers(self.name, text.index[odd]))
        return text


def _number_as_text(name: str, rows: pd.Index) -> Note:
    shown = literal(name)
    return Note.on_rows(
        "number_as_text",
        rows,
        f"{{count}} 行的 {shown} 是文本格式的数字，已读作数（第 {{rows}} 行）。",
        f"{{count}} values of {shown} are numbers stored as text; they are read as numbers "
        "(rows {rows}).",
        field=name,
    )


def _not_numbers(name: str, rows: pd.Index) -> Note:
    shown = literal(name)
    return Note.on_rows(
        "not_a_number",
        rows,
        f"{shown} 应是数，{{count}} 行不是，整列按文本读入（第 {{rows}} 行）。请改正后重新读入。",
        f"{shown} should be numbers; {{count}} values are none, and the column is read as text "
        "(rows {rows}). Correct them and read again.",
        severity="error",
        field=name,
    )


def _tight(numbers: pd.Series) -> pd.Series:
    """Whole numbers as int64 where none is missing."""
    numbers = numbers.astype("float64")
    whole = numbers.notna().all() and bool(((numbers % 1 == 0) & (numbers.abs() < 2**53)).all())
    return numbers.astype("int64") if whole and len(numbers) else numbers


def _like(text: pd.Series, pattern: str) -> pd.Series:
    """Where `text` has `pattern`, as bool; an anchored pattern is faster than `fullmatch`."""
    return text.str.contains(pattern, regex=True).fillna(False).astype(bool)


def _only_text(cells: pd.Series) -> pd.Series:
    """Cells that are text, as `str`; others are missing."""
    if cells.dtype != object:
        return cells
    kind = pd.api.types.infer_dtype(cells, skipna=True)
    if kind == "string":
        return cells.astype("str").where(cells.notna())
    if kind in _NUMERIC or kind in _OTHER_TYPED:
        return pd.Series(None, index=cells.index, dtype="str")
    is_text = cells.map(lambda cell: isinstance(cell, str))
    return cells.where(is_text, "").astype("str").where(is_text)


def _text_of(cells: pd.Series, kind: str) -> pd.Series:
    """Cells as `str`; missing stays missing."""
    if cells.dtype == object and kind != "string":
        cells = cells.map(_cell_text, na_action="ignore")
    return cells.astype("str").where(cells.notna())


def _cell_text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float | int):
        if abs(cell) >= 10**_EXCEL_DIGITS:
            return f"{cell:.5E}"
        return f"{cell:.0f}" if cell == int(cell) else repr(cell)
    if isinstance(cell, datetime.datetime) and cell.time() != datetime.time():
        return cell.isoformat(sep=" ")
    if isinstance(cell, datetime.date):
        return cell.strftime("%Y%m%d")
    return str(cell)


# ----------------------------------------------------------------------------------- units


def _is_area(name: str, specs: Iterable[tuple[LayerSpec, FieldSpec]]) -> bool:
    return "面积" in name or any("面积" in spec.title_zh for _, spec in specs)


def _units(
    sheet: str,
    stem: str,
    frame: pd.DataFrame,
    over_table: str | None,
    words: _Words,
    catalog: Mapping[str, LayerSpec],
) -> tuple[pd.DataFrame, list[Decision], list[Note]]:
    """`frame` with areas in the units of their official fields, where the header says its unit."""
    names = [last_part(column) for column in map(str, frame)]
    names += [_split_unit(column)[0] for column in map(str, frame)]
    layer = recognise(sheet, names, catalog) or recognise(stem, names, catalog)
    work = _Areas(frame, over_table, layer, words)
    for column in list(frame.columns):
        if _is_area(column, words[column]):
            work.column(column)
    if over_table is not None and not work.decisions:
        work.decisions.append(
            Decision(
                "units",
                over_table,
                f"表上注明单位：{over_table}；没有需要换算的面积字段",
                f"stated over the table: {over_table}; no area field had to be converted",
                "high",
            )
        )
    return work.frame.rename(columns=work.renamed), work.decisions, work.notes


@dataclass
class _Areas:
    frame: pd.DataFrame
    over_table: str | None
    layer: LayerSpec | None
    words: _Words
    renamed: dict[str, str] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def column(self, name: str) -> None:
        base, unit = _split_unit(name)
        said = unit or self.over_table
        whole = self.words.whole(name)
        official = self._official(whole or self.words.fields.get(base, ()))
        meant = None if official is None else _official_unit(official[1])
        if unit is not None and whole and meant == _UNITS[unit]:
            said = unit  # the unit is a part of the field's own name
        self._suffixes(name, said, meant)
        if not pd.api.types.is_numeric_dtype(self.frame[name]) or official is None:
            return
        if said is None:
            self._suspicious(name, *official)
        elif unit is None or not whole:
            self._convert(name, base, said, *official)

    def _official(
        self, specs: Sequence[tuple[LayerSpec, FieldSpec]]
    ) -> tuple[LayerSpec, FieldSpec] | None:
        """The one field that a column is: of the recognised layer, or the same in all layers."""
        own = [pair for pair in specs if pair[0] is self.layer]
        fitting = own or (list(specs) if self.layer is None else [])
        return fitting[0] if len({spec.name for _, spec in fitting}) == 1 else None

    def _suffixes(self, name: str, said: str | None, meant: float | None) -> None:
        """Units beside the numbers: ``3.5亩``, ``2333平方米``."""
        values = self.frame[name]
        if pd.api.types.is_numeric_dtype(values) or not values.notna().any():
            return
        text = values.astype("str").where(values.notna())
        text = text.str.normalize("NFKC").str.strip()
        parts = text.str.extract(_UNIT_CELL)
        if (parts[0].isna() & values.notna()).any() or not parts[1].notna().any():
            if meant is not None and not _is_text_only(text):
                self.notes.append(
                    _not_numbers(name, values.index[parts[0].isna() & values.notna()])
                )
            return
        units = parts[1].str.lower()
        bare = units.isna() & values.notna()
        factors = units.dropna().map(_UNITS).unique()
        if said is None and bare.any() and (len(factors) > 1 or meant not in (None, factors[0])):
            self.notes.append(_unit_unclear(name, values.index[bare]))
            return
        most = said or next((u for u, f in _UNITS.items() if f == meant), str(units.mode()[0]))
        factor = units.map(_UNITS).fillna(_UNITS[most]) / _UNITS[most]
        numbers = pd.to_numeric(parts[0].str.replace(",", "", regex=False)).astype("float64")
        self.frame[name] = numbers * factor
        self.notes.append(_unit_converted(name, most, values.index[factor != 1]))
        if said is None and meant is None:
            self.renamed[name] = f"{name}（{most}）"

    def _convert(self, name: str, base: str, said: str, layer: LayerSpec, spec: FieldSpec) -> None:
        unit, official = _UNITS[said], _official_unit(spec)
        twin = _twin(layer, spec)
        if unit == official:
            target, factor = base, 1.0
            if _fold(name) == base:
                return
        elif twin is not None and unit == _official_unit(twin):
            target, factor = twin.name, 1.0
        else:
            target, factor = base, unit / official
        others = [str(c) for c in self.frame if c != name]
        taken = {layer.official_name(last_part(c)) for c in others}
        if target in others or layer.official_name(target) in taken:
            self.notes.append(_conflict(name, said, target))
            return
        if factor != 1:
            self.frame[name] = self.frame[name] * factor
        self.renamed[name] = target
        self._tell(name, target, said, factor)

    def _tell(self, name: str, target: str, said: str, factor: float) -> None:
        zh = f"{name} 注明单位为{said}，读作 {target}"
        en = f"{name} is stated in {said} and read as {target}"
        if factor != 1:
            zh += f"，数值乘以 {factor:.10g} 换算为官方单位"
            en += f", its values times {factor:.10g} for the official unit"
        else:
            zh += "，数值未变"
            en += ", its values unchanged"
        self.decisions.append(Decision("units", f"{name} → {target}", zh, en, "high"))

    def _suspicious(self, name: str, layer: LayerSpec, spec: FieldSpec) -> None:
        """m² that look like 亩: a parcel of 20 m² is none."""
        if layer.area is None or spec.name != layer.area.field:
            return
        values = self.frame[name]
        values = values[values > 0]
        doubtful = len(values) >= 3 and values.median() < _SMALLEST_M2
        if (twin := _twin(layer, spec)) is not None:
            for column in map(str, self.frame):
                if layer.official_name(last_part(column)) == twin.name:
                    beside = pd.to_numeric(self.frame[column], errors="coerce")
                    doubtful = 0.9 < (values / beside[values.index]).median() < 1.1
        if doubtful:
            self.notes.append(
                Note(
                    "units_suspicious",
                    f"{name} 应为平方米，数值（中位数 {values.median():.4g}）却像亩；未换算，"
                    "请核对并在表头注明单位，如“实测面积（亩）”。",
                    f"{name} should be m², but its values (median {values.median():.4g}) look like "
                    "mu; nothing was converted. Check, and state the unit in the header.",
                    severity="warning",
                    field=name,
                )
            )


#: m². Half of all parcels below this: the values are more likely 亩.
_SMALLEST_M2 = 20.0


def _unit_unclear(name: str, rows: pd.Index) -> Note:
    shown = literal(name)
    return Note.on_rows(
        "units_unclear",
        rows,
        f"{shown} 混有带不同单位的数，{{count}} 行未写单位（第 {{rows}} 行）；整列按文本读入，"
        "未换算。请补写单位，或在表头注明。",
        f"{shown} mixes units, and {{count}} rows name none (rows {{rows}}); the column is read as "
        "text, nothing was converted. Write the units, or state one in the header.",
        severity="error",
        field=name,
    )


def _unit_converted(name: str, unit: str, rows: pd.Index) -> Note:
    if not len(rows):
        return Note(
            "units_in_cells",
            f"{name} 的数后面写有单位（{unit}），已去掉单位读作数。",
            f"values of {name} bear their unit ({unit}); they are read as numbers.",
            field=name,
        )
    shown = literal(name)
    return Note.on_rows(
        "units_mixed",
        rows,
        f"{shown} 的数后面写有单位，统一为{unit}；{{count}} 行由别的单位换算（第 {{rows}} 行）。",
        f"values of {shown} bear units; all are in {unit} now, {{count}} rows from another one "
        "(rows {rows}).",
        severity="warning",
        field=name,
    )


def _is_text_only(text: pd.Series) -> bool:
    return bool(pd.to_numeric(text, errors="coerce").isna().all())


def _official_unit(spec: FieldSpec) -> float:
    """m² in the unit of an official area field: 亩 where its title says so, else m²."""
    return M2_PER_MU if _split_unit(spec.title_zh)[1] == "亩" else 1.0


def _twin(layer: LayerSpec, spec: FieldSpec) -> FieldSpec | None:
    """The field of the same area in the other unit: SCMJM of SCMJ."""
    title = _split_unit(spec.title_zh)[0]
    same = (f for f in layer.fields if f is not spec and _split_unit(f.title_zh)[0] == title)
    return next(same, None)


def _conflict(name: str, said: str, target: str) -> Note:
    return Note(
        "units_conflict",
        f"{name} 注明单位为{said}，应读作 {target}，但表里已有 {target}；未换算，请核对。",
        f"{name} is stated in {said} and would be {target}, which the table has already; nothing "
        "was converted. Check it.",
        severity="warning",
        field=name,
    )


# ---------------------------------------------------------------------------------- result

_NO_NAME = re.compile(r"(?:sheet|工作表|表)\s*\d*", re.IGNORECASE)


def _raw(
    path: Path,
    sheet: _Sheet,
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
    frame = frame.reset_index(drop=True)
    return RawTable(
        name=name,
        columns=tuple(frame.columns),
        rows=len(frame),
        geometry=None if found is None else found.kind,
        crs=crs,
        encoding=sheet.encoding,
        load=partial(_load, frame, shapes, crs),
        decisions=tuple(decisions),
        notes=tuple(notes),
    )


def _load(
    frame: pd.DataFrame, shapes: np.ndarray | None, crs: Any
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    if shapes is None:
        return frame.copy(), ()
    return gpd.GeoDataFrame(frame.copy(), geometry=gpd.GeoSeries(shapes, crs=crs)), ()
