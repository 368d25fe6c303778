"""Official codes of parcels and regions, and the masking of personal data.

Codes are text from end to end: a 19-digit code does not fit in a float64.
"""

from __future__ import annotations

import pandas as pd

__all__ = ["mask", "region_of"]


def region_of(code: pd.Series, level: str = "village") -> pd.Series:
    """The county, town or village part of parcel, household or region codes.

    Parameters
    ----------
    code : Series of str
        Codes that begin with the statistical region code (县 6 + 乡 3 + 村 3 digits, GB/T 2260 and
        GB/T 10114), such as DKBM, CBFBM or XZQDM.
    level : {"county", "town", "village"}

    Returns
    -------
    Series of str
        Missing where the code is too short or does not begin with that many digits.
    """
    digits = {"county": 6, "town": 9, "village": 12}[level]
    return code.astype("str").str.extract(rf"^(\d{{{digits}}})", expand=False)


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
