"""Field names and text of a file, brought to what the layer's specification says."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from yuxi_gis.catalog import LayerSpec

__all__ = ["as_text", "official_names"]


def official_names(columns: Iterable[str], spec: LayerSpec) -> dict[str, str]:
    """Field names of a file → official names: same letters in any case, or an alias."""
    by_name = {field.name.upper(): field.name for field in spec.fields}
    by_alias = {
        alias.upper(): field.name
        for field in spec.fields
        for alias in (field.title_zh, *field.aliases)
    }
    result: dict[str, str] = {}
    # A field that bears the official name itself goes before one that bears an alias.
    for known in (by_name, by_alias):
        for column in columns:
            official = known.get(column.strip().upper())
            if official is not None and official not in result.values():
                result.setdefault(column, official)
    return result


def as_text(values: pd.Series) -> pd.Series:
    """A field as `str`: whole numbers without ``.0``, dates as YYYYMMDD, missing stays missing."""
    if isinstance(values.dtype, pd.StringDtype):
        return values
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.strftime("%Y%m%d").astype("str").where(values.notna())
    if pd.api.types.is_float_dtype(values):
        whole = values.notna() & (values % 1 == 0)
        text = values.astype("str")
        return text.where(~whole, values.where(whole, 0).astype("int64").astype("str")).where(
            values.notna()
        )
    return values.astype("str").where(values.notna())
