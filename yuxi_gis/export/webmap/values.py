"""Values of a table as text for people: numbers, dates, decoded codes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from yuxi_gis.catalog import FieldSpec

__all__ = ["Show", "decoded", "field_show", "number", "percent", "plain"]

#: Makes a column of values a list of texts of the same length; missing values become "".
Show = Callable[[pd.Series], list[str]]


def decoded(label: Callable[[Any], str]) -> Show:
    """A `Show` that calls `label` once for each distinct value."""

    def show(values: pd.Series) -> list[str]:
        codes, distinct = pd.factorize(values)
        # Missing values have the code -1: the last entry.
        labels = np.array([*(label(value) for value in distinct), ""], dtype=object)
        return labels[codes].tolist()

    return show


def _plain(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d")
    return str(value).strip()


plain: Show = decoded(_plain)


def number(decimals: int, unit: str = "") -> Show:
    """Numbers with thousands separators and fixed decimals; what is no number stays as it is."""

    def label(value: Any) -> str:
        try:
            amount = float(value)
        except (TypeError, ValueError):
            return _plain(value)
        return f"{amount:,.{decimals}f}{unit}" if math.isfinite(amount) else _plain(value)

    return decoded(label)


def percent(values: pd.Series) -> list[str]:
    """Shares 0..1 as per cent."""
    return number(1, " %")(pd.to_numeric(values, errors="coerce") * 100)


def _date(value: Any) -> str:
    text = _plain(value)
    if len(text) == 8 and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def field_show(field: FieldSpec, lang: str) -> Show:
    """How the values of an official field are shown.

    Parameters
    ----------
    field : FieldSpec
    lang : {"zh", "en"}
    """
    if field.codes is not None:
        codes = field.codes

        def label(value: Any) -> str:
            code = _plain(value)
            name = codes.label(code, lang)
            return code if name == code else f"{name} [{code}]"

        return decoded(label)
    if field.type == "Float":
        return number(2 if field.decimals is None else field.decimals)
    if field.type == "Date" or field.name.endswith("RQ"):
        return decoded(_date)
    return plain
