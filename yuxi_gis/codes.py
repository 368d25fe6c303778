"""Codes and names that point to a person, and how exports mask them."""

from __future__ import annotations

import pandas as pd

__all__ = ["mask"]


def mask(values: pd.Series, kind: str) -> pd.Series:
    """Personal data made unreadable, as every export does by default.

    Parameters
    ----------
    values : Series of str
    kind : {"id", "phone", "name"}
        Identity number (first 6 and last 1 characters stay), telephone (first 3 and last 2), name
        (the first character stays).

    Returns
    -------
    Series of str
        Missing values stay missing.
    """
    head, tail = {"id": (6, 1), "phone": (3, 2), "name": (1, 0)}[kind]
    text = values.astype("str")
    length = text.str.len()
    stars = (length - head - tail).clip(lower=0)
    masked = text.str[:head] + stars.fillna(0).astype(int).map(lambda n: "*" * n)
    if tail:
        masked = masked + text.str[-tail:]
    short = text.where(length <= 0, "*")
    return masked.where(length > head + tail, short).where(values.notna(), values)
