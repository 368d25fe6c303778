"""Field names and text of a file, brought to what the layer's specification says."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from yuxi_gis.catalog import LayerSpec

__all__ = ["as_text", "official_names"]


def official_names(columns: Iterable[str], spec: LayerSpec) -> dict[str, str]:
    """Field names of a file → official names: same letters in any case, or an alias."""
    result: dict[str, str] = {}
    # A field that bears the official name itself goes before one that bears an alias.
    for column in sorted(columns, key=lambda c: c.strip().upper() != spec.official_name(c)):
        official = spec.official_name(column)
        if official is not None and official not in result.values():
            result[column] = official
    return result


def as_text(values: pd.Series) -> pd.Series:
    """A field as `str`: whole numbers without ``.0``, dates as YYYYMMDD, missing stays missing.

    A number beyond 2⁵³ has lost digits: it stays in the form ``5.30402E+18``, as Excel shows it,
    so that nobody takes its digits for a code.
    """
    if isinstance(values.dtype, pd.StringDtype):
        return values
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.strftime("%Y%m%d").astype("str").where(values.notna())
    if pd.api.types.is_float_dtype(values):
        values = values.map(_number_as_text, na_action="ignore")
    return values.astype("str").where(values.notna())


def _number_as_text(value: float) -> str:
    if abs(value) >= 2**53:
        return f"{value:.5E}"
    return f"{value:.0f}" if value % 1 == 0 else str(value)
