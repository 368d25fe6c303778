"""Rows of a table that are no data: headers again, totals, remarks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from yuxi_gis.read.ledger.cells import like, only_text
from yuxi_gis.read.ledger.header import Header, number_like
from yuxi_gis.read.ledger.sheet import SURPLUS, Sheet, count_filled, is_blank, texts_of
from yuxi_gis.read.ledger.words import Words
from yuxi_gis.read.table import Note

__all__ = ["data_rows"]

_TOTAL = re.compile(r"(?:.{0,12}[^\d])?(?:合计|小计|总计|共计|累计|总合计)(?:数|面积)?[:：]?")
_FOOTER = re.compile(
    r"(?:注|备注|说明|制表|填表|填报|审核|复核|负责人|单位负责人|统计|调查|记录|联系|日期).{0,12}[:：].*",
    re.S,
)
_SERIAL_SIGNS = str.maketrans("", "", "()（）[]【】栏 　")
_LABEL_COLUMNS = 5
_ASIDE = {
    "page_header": ("重复的表头或标题", "a header or title again"),
    "number_row": ("栏号行", "numbers of the columns"),
    "total_row": ("合计、小计", "totals"),
    "footer_row": ("表尾说明", "remarks under the table or titles between its rows"),
}


def data_rows(
    sheet: Sheet, header: Header, body: pd.DataFrame, titles: list[str], words: Words
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


def _ragged(sheet: Sheet, body: pd.DataFrame) -> list[Note]:
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
                f"{{count}} 行多于 {width} 列，各列可能已错位；多出的值在“{SURPLUS}”列"
                "（第 {rows} 行）。请检查值里是否有未加引号的分隔符。",
                f"{{count}} lines have more than {width} values and may be shifted; what is over "
                f"stands in column {SURPLUS} (lines {{rows}}). Look for delimiters in values "
                "without quotes.",
                severity="error",
            )
        )
    return notes


def _page_headers(
    sheet: Sheet, header: Header, body: pd.DataFrame, titles: list[str]
) -> np.ndarray:
    """Rows that say what the header says, or one of the titles."""
    again = np.zeros(len(body), bool)
    for row in range(header.first, header.last + 1):
        texts = texts_of(sheet, row)
        equal, filled = np.zeros(len(body)), 0
        for position, text in enumerate(texts):
            if text:
                filled += 1
                equal += (body.iloc[:, position] == sheet.cells.iloc[row, position]).to_numpy(bool)
        again |= equal >= max(2, 0.8 * filled)
    alone = count_filled(body) <= 2
    for position in range(min(body.shape[1], _LABEL_COLUMNS)) if titles else ():
        again |= (body.iloc[:, position].isin(titles) & alone).to_numpy(bool)
    return again


def _serial_row(body: pd.DataFrame) -> np.ndarray:
    """The row under the header that numbers the columns: 1 2 3 …, (1) (2) …, 甲 乙 1 2 …."""
    is_serial = np.zeros(len(body), bool)
    if len(body):
        cells = [_plain(c).translate(_SERIAL_SIGNS) for c in body.iloc[0] if not is_blank(c)]
        numbers = [cell for cell in cells if cell not in set("甲乙丙丁")]
        counted = [str(n) for n in range(1, len(numbers) + 1)]
        is_serial[0] = len(cells) >= 4 and len(numbers) >= 3 and numbers == counted
    return is_serial


def _plain(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell:.0f}"
    return str(cell).strip()


def _totals(header: Header, body: pd.DataFrame, words: Words) -> np.ndarray:
    """Rows whose first words are 合计, 小计 …, unless they bear a code."""
    hit = np.zeros(len(body), bool)
    for position in range(min(body.shape[1], _LABEL_COLUMNS)):
        text = only_text(body.iloc[:, position])
        likely = like(text, "计").to_numpy()
        words_of = [re.sub(r"\s+", "", cell) for cell in text[likely]]
        total = [_TOTAL.fullmatch(word) is not None for word in words_of]
        hit[likely] |= np.array(total, bool)
    for row in np.flatnonzero(hit):
        for position, cell in enumerate(body.iloc[row]):
            coded = any(spec.pattern for _, spec in words[header.names[position]])
            if coded and not is_blank(cell) and number_like(_plain(cell)):
                hit[row] = False
    return hit


def _footers(sheet: Sheet, body: pd.DataFrame) -> np.ndarray:
    """Remarks and signatures in the last rows; titles merged over most of the table."""
    aside = np.zeros(len(body), bool)
    width = body.shape[1]
    for row in range(len(body) - 1, max(-1, len(body) - 16), -1):
        cells = [_plain(cell) for cell in body.iloc[row] if not is_blank(cell)]
        if not cells or not (_FOOTER.fullmatch(cells[0]) and len(cells) <= max(1, width / 2)):
            break
        aside[row] = True
    wide = {a for a, b, c, d in sheet.merged if d - b + 1 >= max(2, width / 2)}
    if wide:
        aside |= body.index.isin(list(wide)) & (count_filled(body) == 1).to_numpy()
    return aside
