"""Cells of an Access table as columns of a frame: numbers, dates, text, money, GUIDs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from yuxi_gis.read.access.jet import BINARY, COMPLEX, MEMO, OLE, TEXT, Column
from yuxi_gis.read.access.rows import decode
from yuxi_gis.read.table import Note

__all__ = ["column_of"]

_INTEGERS = {2: "u1", 3: "<i2", 4: "<i4", 19: "<i8"}
_FLOATS = {6: "<f4", 7: "<f8"}
_MONEY, _DATE, _GUID, _NUMERIC, _LONG_DATE = 5, 8, 15, 16, 20
_TEXTS, _BYTES = (TEXT, MEMO), (BINARY, OLE)
_DAY_ZERO = np.datetime64("1899-12-30")
#: Access keeps dates of the years 100 to 9999, in days from day zero.
_FIRST_DAY, _LAST_DAY = -657_434, 2_958_465
_MS_A_DAY = 86_400_000
_INT64 = 2**63

_SAY = {
    "text_damaged": (
        "字段 {name} 有 {{count}} 行含无法解码的文字，已用 � 代替（第 {{rows}} 行）。",
        "Field {name}: {{count}} rows have text that cannot be decoded; � stands for it "
        "(rows {{rows}}).",
        "error",
    ),
    "value_damaged": (
        "字段 {name} 有 {{count}} 行的值已损坏，读作空值（第 {{rows}} 行）。",
        "Field {name}: {{count}} rows have a damaged value, read as missing (rows {{rows}}).",
        "error",
    ),
    "number_as_text": (
        "字段 {name} 是高精度小数，双精度浮点数存不下，按文字读取（{{count}} 行）。",
        "Field {name} has decimals that no double can hold; they are read as text "
        "({{count}} rows).",
        "info",
    ),
    "field_unread": (
        "字段 {name} 的类型（附件、多值、计算字段等）不支持，{{count}} 行的内容未读出。"
        "请在 Access 中用生成表查询转成普通字段；附件请另存为文件。",
        "Field {name} is of a kind that is not read (attachments, several values, calculated); "
        "the content of {{count}} rows is left out. Make it an ordinary field with a make-table "
        "query in Access.",
        "error",
    ),
}


@dataclass
class _Result:
    """Values of a column (None: missing) and the rows, from 0, that something is to be said of."""

    values: Any
    said: dict[str, list[int]]


def column_of(
    column: Column, name: str, cells: Sequence[bytes | bool | None], encoding: str | None
) -> tuple[pd.Series, tuple[Note, ...]]:
    """The cells of one column as a Series, and what was lost.

    Parameters
    ----------
    column : Column
    name : str
        Its name, for messages.
    cells : sequence
        Raw, one a row; None for null.
    encoding : str or None
        Of text; None where it is UTF-16 (see `jet_rows.decode`).

    Returns
    -------
    series : Series
        Booleans and whole numbers in dtypes that hold missing ones exactly, text as ``str``,
        a date as ``YYYYMMDD`` and with a time of day in ISO 8601, bytes as they are. Money and
        decimals are float64 where that holds every one of them exactly, otherwise text.
    notes : tuple of Note
    """
    result = _reader(column, encoding)(list(cells))
    series = result.values
    if not isinstance(series, pd.Series):
        series = pd.Series(series)
    safe = name
    notes = []
    for word, rows in result.said.items():
        zh, en, severity = _SAY[word]
        if rows:
            numbers = [row + 1 for row in rows]
            zh, en = zh.format(name=safe), en.format(name=safe)
            notes.append(Note.on_rows(word, numbers, zh, en, severity=severity, field=name))
    return series, tuple(notes)


def _reader(column: Column, encoding: str | None) -> Callable[[list[Any]], _Result]:
    kind = column.kind
    if column.is_bit:
        return lambda cells: _Result(_bits(cells), {})
    if column.calculated or kind == COMPLEX:
        return _unread
    if kind in _INTEGERS:
        return lambda cells: _integers(cells, np.dtype(_INTEGERS[kind]))
    if kind in _FLOATS:
        return lambda cells: _floats(cells, np.dtype(_FLOATS[kind]))
    if kind in _TEXTS:
        return lambda cells: _texts(cells, encoding)
    if kind in _BYTES:
        return lambda cells: _Result(pd.Series(cells, dtype=object), {})
    readers: dict[int, Callable[[list[Any]], _Result]] = {
        _DATE: _dates,
        _MONEY: lambda cells: _decimals(cells, _money, 4),
        _NUMERIC: lambda cells: _decimals(cells, _numeric, column.scale),
        _GUID: lambda cells: _each(cells, _guid),
        _LONG_DATE: lambda cells: _each(cells, _long_date),
    }
    return readers.get(kind, _unread)


def _bits(cells: list[Any]) -> Any:
    return pd.array(cells, dtype="boolean") if None in cells else np.array(cells, dtype=bool)


def _unread(cells: list[Any]) -> _Result:
    rows = [row for row, cell in enumerate(cells) if cell is not None]
    return _Result(pd.Series([None] * len(cells), dtype=object), {"field_unread": rows})


def _numbers(cells: list[Any], dtype: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Numbers (0 where there is none), where there is one, and the rows of a wrong width."""
    blank = bytes(dtype.itemsize)
    bad = [i for i, c in enumerate(cells) if c is not None and len(c) != dtype.itemsize]
    for row in bad:
        cells[row] = None
    there = np.array([cell is not None for cell in cells], dtype=bool)
    values = np.frombuffer(b"".join(blank if c is None else c for c in cells), dtype)
    return values.astype(dtype.newbyteorder("=")), there, bad


def _integers(cells: list[Any], dtype: np.dtype[Any]) -> _Result:
    values, there, bad = _numbers(cells, dtype)
    if not there.all():
        return _Result(pd.arrays.IntegerArray(values.astype("i8"), ~there), {"value_damaged": bad})
    return _Result(values, {"value_damaged": bad})


def _floats(cells: list[Any], dtype: np.dtype[Any]) -> _Result:
    values, there, bad = _numbers(cells, dtype)
    return _Result(np.where(there, values, values.dtype.type("nan")), {"value_damaged": bad})


def _dates(cells: list[Any]) -> _Result:
    days, there, bad = _numbers(cells, np.dtype("<f8"))
    # Days count from midnight of day zero; the time of day is the fraction, of either sign.
    good = there & (days > _FIRST_DAY - 1) & (days < _LAST_DAY + 1)
    whole, fraction = np.trunc(np.where(good, days, 0)), np.abs(np.modf(np.where(good, days, 0))[0])
    ms = np.rint(fraction * _MS_A_DAY).astype("i8")
    moments = (_DAY_ZERO + whole.astype("m8[D]")).astype("M8[ms]") + ms.astype("m8[ms]")
    plain = [day.replace("-", "") for day in np.datetime_as_string(moments, unit="D")]
    exact = ms % 1000 != 0
    clock = np.where(
        exact, np.datetime_as_string(moments), np.datetime_as_string(moments, unit="s")
    )
    values = np.where(ms % _MS_A_DAY == 0, plain, clock).astype(object)
    values[~good] = None
    bad += np.flatnonzero(there & ~good).tolist()
    return _Result(pd.Series(values, dtype="str"), {"value_damaged": sorted(bad)})


def _texts(cells: list[Any], encoding: str | None) -> _Result:
    values: list[str | None] = []
    bad = []
    for row, cell in enumerate(cells):
        if cell is None:
            values.append(None)
            continue
        value, valid = decode(cell, encoding)
        values.append(value.rstrip("\0"))
        if not valid:
            bad.append(row)
    return _Result(pd.Series(values, dtype="str"), {"text_damaged": bad})


def _each(cells: list[Any], parse: Callable[[bytes], str]) -> _Result:
    values: list[str | None] = []
    bad = []
    for row, cell in enumerate(cells):
        try:
            values.append(None if cell is None else parse(cell))
        except (ValueError, OverflowError):
            values.append(None)
            bad.append(row)
    return _Result(pd.Series(values, dtype="str"), {"value_damaged": bad})


def _guid(cell: bytes) -> str:
    return "{" + str(uuid.UUID(bytes_le=cell)).upper() + "}"


def _long_date(cell: bytes) -> str:
    """``days:seconds and 100 ns:7``, from 0001-01-01 (the type "Date/Time Extended")."""
    days, ticks, _ = cell.split(b":")
    number, tick = int(days), int(ticks)
    if not (0 <= number < 3_652_059 and 0 <= tick < _MS_A_DAY * 10_000):
        raise ValueError
    day = np.datetime64("0001-01-01") + np.timedelta64(number, "D")
    seconds, rest = divmod(tick, 10_000_000)
    if not tick:
        return str(day).replace("-", "")
    moment = str(day.astype("M8[s]") + np.timedelta64(seconds, "s"))
    return f"{moment}.{rest:07d}" if rest else moment


def _decimals(cells: list[Any], parse: Callable[[bytes], int | None], scale: int) -> _Result:
    """Whole numbers for scale 0, so that a code in such a field keeps its digits."""
    numbers = [None if cell is None else parse(cell) for cell in cells]
    bad = [i for i, (n, cell) in enumerate(zip(numbers, cells, strict=True)) if n is None and cell]
    # As text, since arithmetic with Decimal rounds to 28 digits.
    values = [None if n is None else Decimal(f"{n}E-{scale}") for n in numbers]
    rows = [row for row, value in enumerate(values) if value is not None]
    present = [value for value in values if value is not None]
    said = {"value_damaged": bad}
    if not scale and all(abs(value) < _INT64 for value in present):
        return _Result(pd.array([None if v is None else int(v) for v in values], "Int64"), said)
    if all(Decimal(repr(float(value))) == value for value in present):
        return _Result(np.array([np.nan if v is None else float(v) for v in values]), said)
    texts = [None if value is None else f"{value:f}" for value in values]
    return _Result(pd.Series(texts, dtype="str"), said | {"number_as_text": rows})


def _money(cell: bytes) -> int | None:
    return int.from_bytes(cell, "little", signed=True) if len(cell) == 8 else None


def _numeric(cell: bytes) -> int | None:
    """A sign, then four words of four bytes, the highest word first."""
    if len(cell) != 17:
        return None
    number = 0
    for start in range(1, 17, 4):
        number = number << 32 | int.from_bytes(cell[start : start + 4], "little")
    return -number if cell[0] else number
