"""The header of a table: which rows it is, and the names in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from yuxi_gis.read.ledger.sheet import SURPLUS, Sheet, count_filled, texts_of
from yuxi_gis.read.ledger.words import Words
from yuxi_gis.read.table import Decision, Note

__all__ = ["Header", "find_header", "header_notes", "is_nameless", "number_like"]

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
class Header:
    """Which rows of a sheet (positions) are its header, and the names in it."""

    first: int
    last: int
    names: tuple[str, ...]
    decision: Decision


def find_header(sheet: Sheet, words: Words) -> Header:
    """The row that reads most like names of fields, with group titles above or below it.

    A row counts by the share of its cells that the catalogue knows, that are words, that differ,
    that are filled, and that have numbers below them.
    """
    head = [texts_of(sheet, row) for row in range(min(_HEAD + 10, len(sheet.cells)))]
    used = max((sum(map(bool, row)) for row in head), default=0)
    scores = [_score(head, row, used, words) for row in range(min(_HEAD, len(head)))]
    best = max(range(len(scores)), key=lambda row: scores[row].total - _LATER * row, default=0)
    if not scores or scores[best].total <= 0:
        return _no_header(sheet)
    first, last = _levels(sheet, head, best)
    return Header(
        first, last, _names(sheet, head, first, last), _said(sheet, first, last, scores[best])
    )


def _no_header(sheet: Sheet) -> Header:
    decision = Decision(
        "header",
        "",
        "没有找到表头，列名为 列A、列B …；请在表格上方补上一行列名",
        "no header was found; the columns are called 列A, 列B …; add a row of names",
        "low",
    )
    return Header(0, -1, tuple(f"列{letters}" for letters in sheet.letters), decision)


class _Score(NamedTuple):
    total: float
    known: int
    share: float
    clear: bool


def _score(head: list[list[str]], row: int, used: int, words: Words) -> _Score:
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
        [any(number_like(r[c]) for r in below if r[c]) for c, cell in enumerate(head[row]) if cell]
    )
    share = familiar / len(cells)
    total = 3 * share * wordy**2 + wordy + 0.5 * distinct + filled + 0.5 * float(numbers)
    if any(sum(map(bool, above)) >= 0.8 * len(cells) for above in head[:row]):
        total -= _BELOW_FULL
    clear = bool(wordy == 1 and distinct == 1 and filled > 0.7 and numbers > 0)
    return _Score(total, familiar, share, clear)


def _levels(sheet: Sheet, head: list[list[str]], best: int) -> tuple[int, int]:
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


def _wordy(cell: str) -> bool:
    """Whether a cell may be a column's name: no number, no date, not long."""
    text = cell.strip()
    return len(text) <= _LONG and re.search(r"[^\W\d_]", text) is not None and not number_like(text)


def number_like(text: str) -> bool:
    """Whether text is a number, a code, a date or degrees."""
    return _NUMBER_LIKE.fullmatch(text) is not None


def _name(cell: str) -> str:
    """A cell of the header as a name: no line breaks, no spaces beside Chinese characters."""
    text = re.sub(r"[\u200b-\u200f\ufeff\x00-\x08]", "", cell)
    text = re.sub(r"\s+", " ", text.replace("\u3000", " ")).strip().strip("*＊")
    return re.sub(r" ?([\u3400-\u9fff（）()、：，]) ?", r"\1", text)


def _names(sheet: Sheet, head: list[list[str]], first: int, last: int) -> tuple[str, ...]:
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
            name = SURPLUS
        names.append(name or f"列{sheet.letters[column]}")
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        while seen[name] > 1 and (changed := f"{name}_{seen[name]}") in names:
            seen[name] += 1
        unique.append(name if seen[name] == 1 else changed)
    return tuple(unique)


def _said(sheet: Sheet, first: int, last: int, score: _Score) -> Decision:
    rows = [int(sheet.cells.index[row]) for row in (first, last)]
    value = str(rows[0]) if first == last else f"{rows[0]}-{rows[1]}"
    sure = score.known >= 2 and score.share >= 0.3
    zh = f"第 {value} 行最像列名"
    en = f"row {value} reads most like names of columns"
    if score.known:
        zh += f"（{score.known} 个是已知字段）"
        en += f" ({score.known} of them known fields)"
    return Decision("header", value, zh, en, "high" if sure or score.clear else "low")


def header_notes(sheet: Sheet, header: Header) -> list[Note]:
    """What is above the header, and names that were changed."""
    return [*_titles(sheet, header), *_doubled(header.names)]


def _titles(sheet: Sheet, header: Header) -> list[Note]:
    """Rows above the header: titles, or full rows, which may be data."""
    above = sheet.cells.iloc[: header.first]
    if above.empty:
        return []
    full = count_filled(above) > max(3, len(header.names) / 2)
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


def is_nameless(name: str) -> bool:
    """Whether the header says nothing of a column."""
    return name == SURPLUS or re.fullmatch(r"列[A-Z]{1,3}", name) is not None


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
