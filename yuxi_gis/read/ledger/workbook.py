"""Workbooks: read with calamine in a process of its own (`child`)."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from yuxi_gis.read.ledger.kind import damaged, password
from yuxi_gis.read.ledger.sheet import Sheet, check_width, refused
from yuxi_gis.read.ledger.xlsx import flaws_of
from yuxi_gis.read.table import Note

__all__ = ["read_workbook"]

_CHILD = Path(__file__).with_name("child.py")
#: What the child may take: bytes, and bytes for each byte of content; seconds, and bytes of
#: content a second.
_MEMORY, _MEMORY_FACTOR = 1 << 30, 12
_SECONDS, _BYTES_PER_SECOND = 60, 200_000


def read_workbook(path: Path) -> list[Sheet]:
    """All sheets of a workbook with cells; charts are none."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    flaws = flaws_of(path) if zipped else {}
    size = path.stat().st_size
    if zipped:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    sheets = []
    for name, hidden, merged, numbers, rows in _calamine(path, size):
        cells = pd.DataFrame(rows, index=numbers, dtype=object)
        cells = cells.loc[:, (cells != "").any().to_numpy()]
        check_width(path, cells.shape[1])
        sheet = Sheet(name, cells)
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
    sheets: list[_SheetRows] = []
    last: tuple[Any, ...] = ("none",)
    for last in _messages(path, size):
        if last[0] == "sheet":
            sheets.append((*last[1:], [], []))
        elif last[0] == "rows":
            sheets[-1][3].extend(number for number, _ in last[1])
            sheets[-1][4].extend(row for _, row in last[1])
    if last[0] == "end":
        return sheets
    if last[0] == "password":
        raise password(path)
    if last[0] == "error":
        raise damaged(path, last[1])
    raise refused(
        path,
        "工作簿已损坏，或在很远的行列里有零星内容，内存放不下。请用 Excel 打开，删去表格以外的"
        "行列，另存为 xlsx。",
        "the workbook is damaged, or has stray cells far out that no memory can hold. Open it in "
        "Excel, delete rows and columns beyond the table, and save it as xlsx.",
    )


def _messages(path: Path, size: int) -> Iterator[tuple[Any, ...]]:
    """What the child sends: one of other kinds than "sheet" and "rows" is its last, if it lived."""
    memory = _MEMORY + _MEMORY_FACTOR * size
    command = [sys.executable, "-P", str(_CHILD), str(path.resolve()), str(memory)]
    with _quiet(command) as child:
        alarm = threading.Timer(_SECONDS + size / _BYTES_PER_SECOND, child.kill)
        alarm.start()
        kind = "sheet"
        try:
            while kind in ("sheet", "rows"):
                message = pickle.load(child.stdout)  # type: ignore[arg-type]  # our own process
                kind = message[0]
                yield message
        except (EOFError, pickle.UnpicklingError):
            pass  # it died
        finally:
            alarm.cancel()
            child.kill()


def _quiet(command: list[str]) -> subprocess.Popen[bytes]:
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing)
