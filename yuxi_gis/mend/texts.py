"""Text as it should have been typed: no blanks around it, codes in half-width characters."""

from __future__ import annotations

import re

import pandas as pd

from yuxi_gis.catalog import FieldSpec
from yuxi_gis.checks.subject import Subject

__all__ = ["planned_texts"]

# Full-width digits and letters, and what stands for them.
_HALF_WIDTH = {
    wide: wide - 0xFEE0
    for first, last in (("０", "９"), ("Ａ", "Ｚ"), ("ａ", "ｚ"))
    for wide in range(ord(first), ord(last) + 1)
}
_CONTROL = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
_INSIDE = re.compile(f"[{_CONTROL}]")
_AROUND = re.compile(rf"^[\s{_CONTROL}]+|[\s{_CONTROL}]+$")


def planned_texts(subject: Subject) -> pd.DataFrame:
    """The texts of official fields that are to be written otherwise.

    In every text field blanks and control characters around a text go; in code fields control
    characters within it, too, and full-width digits and letters become half-width. Names, other
    personal data and free text are trimmed only; what holds nothing but blanks stays.

    Returns
    -------
    DataFrame
        `row` (position), `field` (official name), `before` and `after`.
    """
    parts = []
    for field in subject.spec.fields:
        if field.type not in ("Char", "Varchar") or not subject.has(field.name):
            continue
        column = subject.column(field.name)
        if not (column.dtype == object or isinstance(column.dtype, pd.StringDtype)):
            continue
        if column.dtype == object:
            column = column[column.map(lambda value: isinstance(value, str)).astype(bool)]
        number, values = pd.factorize(column)
        clean = pd.Series([_clean(str(value), field) for value in values], dtype=object)
        wrong = (clean != pd.Series(values, dtype=object)) & (clean != "")
        here = (number >= 0) & wrong.to_numpy(bool).take(number) if len(values) else number >= 0
        parts.append(
            pd.DataFrame(
                {
                    "row": column.index[here],
                    "field": field.name,
                    "before": column[here].to_numpy(object),
                    "after": clean.to_numpy(object).take(number[here]),
                }
            )
        )
    found = [part for part in parts if len(part)]
    if not found:
        return pd.DataFrame(columns=["row", "field", "before", "after"], dtype=object)
    return pd.concat(found, ignore_index=True)


def _clean(text: str, field: FieldSpec) -> str:
    if _is_code(field):
        text = _INSIDE.sub("", text).translate(_HALF_WIDTH)
    return _AROUND.sub("", text)


def _is_code(field: FieldSpec) -> bool:
    """Whether a field holds codes, which other tables compare letter by letter (as A21 has it)."""
    told = field.codes or field.pattern or field.unique or field.references
    return not field.personal and (bool(told) or field.name.endswith(("DM", "BM", "BH")))
