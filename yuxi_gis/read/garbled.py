"""Text that became garbled before or while it was read, told by the text itself.

Chinese that was decoded by the wrong encoding, put back into bytes and decoded by the right one, is
Chinese of everyday characters; sound text practically never is.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Garbled", "garbled"]

#: Garbled are a twentieth and three values at least; so many different ones of a field are tried.
_SHARE, _LEAST, _SAMPLE = 0.05, 3, 5000
_QUESTION = re.compile(r"[?？]{2,}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: What Chinese text has beside ASCII: ideographs, punctuation, full-width forms.
_PLAIN = re.compile(r"[\x00-\x7f\u3000-\u303f\u4e00-\u9fff\uff00-\uffef·—–“”‘’…×㎡]*")
#: ASCII, signs and the everyday characters of GB 2312 (level 1), as bytes.
_EVERYDAY = re.compile(rb"([\x00-\x7f]|[\xa1-\xa9\xb0-\xd7][\xa1-\xfe])*")

_SAY = {
    "lost": ("有字节无法解码，成了 �", "bytes that do not decode became U+FFFD"),
    "question": (
        "汉字已成为问号，在得到文件之前就已丢失",
        "Chinese became question marks; it was lost before the file came here",
    ),
    "utf8_as_gbk": (
        "是 UTF-8 文字当作 GBK 读出的样子",
        "it looks like UTF-8 that was read as GBK",
    ),
    "utf8_as_latin": (
        "是 UTF-8 文字当作西文（ISO-8859-1）读出的样子",
        "it looks like UTF-8 that was read as Latin letters (ISO-8859-1)",
    ),
    "gbk_as_latin": (
        "是 GBK 文字当作西文（ISO-8859-1）读出的样子",
        "it looks like GBK that was read as Latin letters (ISO-8859-1)",
    ),
}


@dataclass(frozen=True)
class Garbled:
    """What is garbled: `count` values of the `of` that are not plain ASCII, in `fields`, and how
    the most of them came to be so (`what`, and in words)."""

    what: str
    count: int
    of: int
    fields: tuple[str, ...]

    @property
    def zh(self) -> str:
        """How it came about, in Chinese."""
        return _SAY[self.what][0]

    @property
    def en(self) -> str:
        """How it came about, in English."""
        return _SAY[self.what][1]


def garbled(columns: Iterable[tuple[str, pd.Series]]) -> Garbled | None:
    """Whether the text of a table as a whole is garbled.

    Parameters
    ----------
    columns : iterable of (str, Series)
        Names and values of the text fields; values that are no text are passed over.

    Returns
    -------
    Garbled or None
        None where less than a twentieth of the values that are not ASCII are garbled, or fewer
        than three. Of a field with more than 5000 different values so many are tried.
    """
    counts = dict.fromkeys(_SAY, 0)
    total, fields = 0, []
    for name, column in columns:
        if column.dtype == object:  # may hold what cannot be counted, a list for example
            column = column[column.map(lambda value: isinstance(value, str))]
        row_value, values = pd.factorize(column)
        rows = np.bincount(row_value[row_value >= 0], minlength=len(values))
        foreign = sorted(
            (value, place)
            for place, value in enumerate(values)
            if isinstance(value, str) and (not value.isascii() or "??" in value)
        )
        step = max(1, -(-len(foreign) // _SAMPLE))
        here = 0
        for value, place in foreign[::step]:
            total += int(rows[place])
            what = _how(value)
            if what is not None:
                counts[what] += int(rows[place])
                here += 1
        if here:
            fields.append(name)
    count = sum(counts.values())
    if count < max(_LEAST, _SHARE * total):
        return None
    return Garbled(max(counts, key=lambda what: counts[what]), count, total, tuple(fields))


def _how(text: str) -> str | None:
    """How a value became garbled; None for one that seems sound."""
    if "\ufffd" in text:
        return "utf8_as_gbk" if _utf8_as_gbk(text) else "lost"
    if _QUESTION.search(text):
        return "utf8_as_gbk" if _utf8_as_gbk(text) else "question"
    if _utf8_as_gbk(text):
        return "utf8_as_gbk"
    if _CHINESE.search(text):
        return None
    for codec in ("latin-1", "cp1252"):
        try:
            raw = text.encode(codec)
        except UnicodeEncodeError:
            continue
        if _is_chinese(_decoded(raw, "utf-8")):
            return "utf8_as_latin"
        if _EVERYDAY.fullmatch(raw) and _is_chinese(_decoded(raw, "gb18030")):
            return "gbk_as_latin"
    return None


def _utf8_as_gbk(text: str) -> bool:
    # What was left over at the end, half a character, became ? or �.
    try:
        raw = text.rstrip("?？\ufffd").encode("gb18030")
    except UnicodeEncodeError:
        return False
    return _is_chinese(_decoded(raw, "utf-8"))


def _decoded(raw: bytes, codec: str) -> str:
    """`raw` as text, without half a character at the end; empty where it does not decode."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(raw, False)
    except UnicodeDecodeError:
        return ""


def _is_chinese(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and _CHINESE.search(text) is not None
