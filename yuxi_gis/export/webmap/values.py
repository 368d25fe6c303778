"""Columns of a table as people read them: texts in two languages, and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from yuxi_gis.catalog import FieldSpec
from yuxi_gis.export.webmap.packing import (
    Integers,
    first_seen,
    json_text,
    references,
    varints,
    zigzag,
)

__all__ = [
    "PLAIN",
    "SHARE",
    "Kind",
    "Number",
    "Text",
    "Words",
    "field_kind",
    "pack_column",
    "plain",
]

Words = str | tuple[str, str]
"""A text; where the languages differ, in Chinese and in English."""

_LARGEST = 2**53  # integers up to here are exact in JavaScript


def plain(value: Any) -> str:
    """A value as it stands: whole numbers without decimals, days without times."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST:
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, pd.Timestamp):
        return value.isoformat()[: value.isoformat().index("T")]
    return str(value).strip()


@dataclass(frozen=True)
class Text:
    """Values that are words; `label` makes a word of each distinct value."""

    label: Callable[[Any], Words] = plain


@dataclass(frozen=True)
class Number:
    """Values that are numbers, times `factor`, with so many `decimals` and a `unit`."""

    decimals: int
    unit: Words = ""
    factor: float = 1.0


Kind = Text | Number
PLAIN = Text()
SHARE = Number(1, " %", 100.0)
"""Shares 0..1 as per cent."""


def _day(value: Any) -> str:
    text = plain(value)
    if len(text) == 8 and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def field_kind(field: FieldSpec) -> Kind:
    """How the values of an official field are read."""
    if field.codes is not None:
        codes = field.codes

        def label(value: Any) -> Words:
            code = plain(value)
            names = (codes.label(code, "zh"), codes.label(code, "en"))
            zh, en = (code if name == code else f"{name} [{code}]" for name in names)
            return zh if zh == en else (zh, en)

        return Text(label)
    if field.type == "Float":
        return Number(2 if field.decimals is None else field.decimals)
    if field.type == "Date" or field.name.endswith("RQ"):
        return Text(_day)
    return PLAIN


def pack_column(values: pd.Series, kind: Kind) -> tuple[dict[str, Any], bytes, bytes]:
    """A column as a head and two streams.

    Parameters
    ----------
    values : Series, (n,)
    kind : Kind
        A column of numbers in which a value is none is packed as text.

    Returns
    -------
    head : dict
        What the reader must know: for numbers ``decimals``, ``unit``, ``factor``.
    words : bytes
        Distinct texts (a JSON list, in the order of first occurrence); nothing for numbers.
    codes : bytes
        For texts `references`; for numbers 0 where missing, else 1 + zigzag of the value in
        units of its last decimal.
    """
    if isinstance(kind, Number):
        whole = _whole(values, kind)
        if whole is not None:
            head = {"decimals": kind.decimals, "unit": kind.unit}
            return head, b"", varints(whole)
        kind = PLAIN
    if values.dtype == object and not values.map(pd.api.types.is_hashable).all():
        # Lists, as GeoJSON may have them.
        values = values.map(plain, na_action="ignore")
    number, distinct = pd.factorize(values, use_na_sentinel=False)
    labels = _labels(pd.Series(distinct), kind)
    # Values with one label are one word: 1 and "1", or codes of which the list knows none.
    merged, words = pd.factorize(pd.Series(labels, dtype=object))
    order, new = first_seen(merged[number])
    return {}, json_text(list(words)).encode("utf-8", "replace"), varints(references(order, new))


def _labels(distinct: pd.Series, kind: Text) -> list[Words]:
    """The words of distinct values; "" where missing."""
    if kind.label is plain and isinstance(distinct.dtype, pd.StringDtype):
        return list(distinct.str.strip().fillna(""))
    pairs = zip(distinct, distinct.isna(), strict=True)
    return ["" if missing else kind.label(value) for value, missing in pairs]


def _whole(values: pd.Series, kind: Number) -> Integers | None:
    """The stream of a column of numbers; None where a value is none, or out of reach."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(numbers)
    told = values[missing].dropna().astype("str").str.strip() != ""
    if told.any():
        return None
    scaled = np.rint(np.where(missing, 0, numbers) * kind.factor * 10.0**kind.decimals)
    if not (np.abs(scaled) < _LARGEST).all():
        return None
    return np.where(missing, 0, 1 + zigzag(scaled.astype(np.int64)))
