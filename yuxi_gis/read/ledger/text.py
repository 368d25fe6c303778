"""Delimited text: its encoding, its delimiter, its records."""

from __future__ import annotations

import csv
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pandas as pd

from yuxi_gis.read.charset import Verdict, known, of_bytes
from yuxi_gis.read.ledger.sheet import Sheet, check_width, refused
from yuxi_gis.read.table import Decision, Note, Options

__all__ = ["read_text"]

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
_BLOCK = 1 << 20
_PEEK, _ZEROS = 4096, 0.02
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_text(path: Path, options: Options) -> Sheet:
    """All lines of a text file as cells, with the decisions on encoding and delimiter."""
    codec, verdict = _encoding(path, options)
    sample = list(islice(_lines(path, codec), _SAMPLE))
    if any("[地块坐标]" in line for line in sample):
        raise refused(
            path,
            "这是界址点坐标交换文本（[地块坐标]），不是表格，不能读取。请转换为 shapefile。",
            "is a text of boundary points ([地块坐标]), no table, and cannot be read. "
            "Convert it to a shapefile.",
        )
    csv.field_size_limit(sys.maxsize if sys.maxsize < 2**31 else 2**31 - 1)
    delimiter = _delimiter(sample)
    if delimiter is None and path.suffix.lower() == ".txt":
        raise refused(
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


def _utf16(head: bytes) -> str | None:
    """UTF-16 without BOM: the high bytes of ASCII characters are 0, and no others."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) <= _ZEROS * len(head) or min(even, odd) > 0.01 * max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


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
        raise refused(path, "是二进制文件，不是文本表。", "is a binary file, no table of text.")
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


def _records(path: Path, text: Iterable[str], delimiter: str) -> Sheet:
    """All lines as text; surplus values of a line are kept in one more column."""
    reader = csv.reader(text, delimiter=delimiter)
    records = _Records(path, delimiter)
    start = 1
    try:
        for row in reader:
            if reader.line_num - start >= _LINES_MOST:
                raise csv.Error("quote")
            records.add(start, row)
            start = reader.line_num + 1
    except csv.Error as error:
        raise refused(
            path,
            f"第 {start} 行的引号没有闭合，其后的内容不能分列。请补上或删去这个引号。",
            f'a quotation mark (") in line {start} is never closed, so that what follows has no '
            "columns. Close or delete it.",
        ) from error
    return records.sheet()


@dataclass
class _Records:
    """Records by their first line, in frames of one width: the one that most of the first have."""

    path: Path
    delimiter: str
    width: int = 0
    lines: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    frames: list[pd.DataFrame] = field(default_factory=list)

    def add(self, line: int, row: list[str]) -> None:
        if not any(row):
            self.blank.append(line)
            return
        self.lines.append(line)
        self.widths.append(len(row))
        self.rows.append(row)
        if len(self.rows) == _CHUNK:
            self._flush()

    def _flush(self) -> None:
        """Lists take several times the memory of a frame."""
        if not self.frames and self.rows:
            counts = Counter(map(len, self.rows[:_SAMPLE]))
            self.width = max(counts, key=lambda w: (counts[w], w > 1, -w))
            check_width(self.path, self.width)
        self.frames.append(
            pd.DataFrame(
                [_padded(row, self.width, self.delimiter) for row in self.rows],
                index=self.lines[len(self.lines) - len(self.rows) :],
                columns=range(self.width + 1),
                dtype="str",
            )
        )
        self.rows.clear()

    def sheet(self) -> Sheet:
        self._flush()
        cells = pd.concat(self.frames) if len(self.frames) > 1 else self.frames[0]
        widths = pd.Series(self.widths, index=self.lines)
        return Sheet(self.path.stem, cells, blank=self.blank, widths=widths)


def _padded(row: list[str], width: int, delimiter: str) -> list[str]:
    if len(row) <= width:
        return row + [""] * (width + 1 - len(row))
    surplus = row[width:]
    return [*row[:width], delimiter.join(surplus) if any(surplus) else ""]
