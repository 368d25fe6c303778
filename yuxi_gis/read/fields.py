"""Field names and text of a file, brought to what the layer's specification says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import binom

from yuxi_gis.catalog import CodeList, Edition, FieldSpec, LayerSpec
from yuxi_gis.read.table import Note
from yuxi_gis.specs import folded

__all__ = ["as_text", "completed", "damaged_number", "destroyed_codes", "official_names"]

Mask = npt.NDArray[np.bool_]

#: A DBF cuts the names of its fields here (dBASE III: 11 bytes, the last one is 0).
_NAME_BYTES = 10
#: Charsets in which Chinese names are cut.
_CHARSETS = ("utf-8", "gb18030")

#: A number as Excel shows it when it has more than 11 digits: 5.30402E+18.
_SCIENTIFIC = r"^\s*[0-9](?:[.,][0-9]+)?[Ee]\+[12][0-9]\s*$"
_SHORTEST_CODE = 11
#: Whole numbers up to 2⁵³ survive in a float64: no code of 15 digits is ever damaged.
_SAFE_DIGITS, _MOST_DIGITS = 15, 20
#: How rare a column must be, were its codes sound, before they are called damaged.
_BY_CHANCE = 1e-6

#: What happens to codes: how grave it is, and in words.
_DAMAGE = {
    "code_scientific": (
        "error",
        "有 {count} 个代码成了科学计数法（如 5.30402E+18），末几位已丢失：第 {rows} 行。",
        "{count} codes are numbers in scientific notation (5.30402E+18), whose last digits are "
        "lost: rows {rows}.",
    ),
    "code_rounded": (
        "warning",
        "有 {count} 个代码疑似曾存为数字，末几位已被改动（数量远超巧合）：第 {rows} 行。",
        "{count} codes look as if they had been stored as numbers, which changes their last "
        "digits (far more than chance has it): rows {rows}.",
    ),
    "code_zeros_lost": (
        "warning",
        "有 {count} 个代码丢了前导零（如 1 应为 01）：第 {rows} 行。",
        "{count} codes have lost their leading zeros (1 for 01): rows {rows}.",
    ),
}


def official_names(
    columns: Iterable[str], spec: LayerSpec, *, truncated: bool = False
) -> dict[str, str]:
    """Field names of a file → official names.

    Parameters
    ----------
    columns : iterable of str
    spec : LayerSpec
    truncated : bool
        The file cuts names at 10 bytes, as a DBF does: a name that is what the cut leaves of the
        names of one field only (in GB18030 or UTF-8, a broken last character or not) is that
        field. What could be two fields stays unknown, whole name or not: 原合同面积 may have been
        原合同面积（亩）.

    Returns
    -------
    dict of str to str
        Same letters in any case, an alias, or the name in an older edition of the standard
        (`LayerSpec.official_names`). A column that is not here is none of the official fields, or
        the second one that claims to be the same.
    """
    columns = list(columns)
    names = spec.official_names(columns)
    if not truncated:
        return names
    owners = _cut_names(spec)
    names = {column: name for column, name in names.items() if len(owners[folded(column)]) < 2}
    taken = set(names.values())
    for column in columns:
        fields = owners[folded(column.rstrip("\ufffd"))]
        if column not in names and len(fields) == 1 and not fields & taken:
            names[column] = next(iter(fields))
            taken |= fields
    return names


def _cut_names(spec: LayerSpec) -> defaultdict[str, set[str]]:
    """What 10 bytes leave of each field's names → the fields that it can be."""
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for field in spec.fields:
        for word in (field.name, *field.aliases):
            for charset in _CHARSETS:
                left = word.encode(charset)[:_NAME_BYTES].decode(charset, "ignore")
                owners[folded(left)].add(field.name)
    return owners


def as_text(values: pd.Series) -> pd.Series:
    """A field as `str`: whole numbers without ``.0``, dates as YYYYMMDD, missing stays missing.

    A number beyond 2⁵³ has lost digits: it is written as ``5.3040200120001E+18``, with the digits
    that are left, so that nobody takes it for a code.
    """
    if isinstance(values.dtype, pd.StringDtype):
        return values
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.strftime("%Y%m%d").astype("str").where(values.notna())
    if pd.api.types.is_float_dtype(values):
        values = values.map(_number_as_text, na_action="ignore")
    return values.astype("str").where(values.notna())


def damaged_number(value: float) -> str:
    """A number of more digits than a float64 holds, with the digits that are left.

    Examples
    --------
    >>> damaged_number(5304020012000100352.0)
    '5.3040200120001E+18'
    """
    digits, _, power = f"{value:.14E}".partition("E")
    return f"{digits.rstrip('0').rstrip('.')}E{power}"


def _number_as_text(value: float) -> str:
    if abs(value) >= 2**53:
        return damaged_number(value)
    return f"{value:.0f}" if value % 1 == 0 else str(value)


def destroyed_codes(
    frame: pd.DataFrame, spec: LayerSpec, *, edition: Edition | None = None
) -> list[Note]:
    """Codes that a spreadsheet or a float64 has damaged, by field, with their rows.

    Parameters
    ----------
    frame : DataFrame
        With official field names; fields that the specification types as text are text.
    spec : LayerSpec
    edition : Edition, optional
        The older standard that the table follows (`LayerSpec.edition`).

    Returns
    -------
    list of Note
        ``code_scientific`` (error): numbers such as ``5.30402E+18`` in a code field.
        ``code_rounded`` (warning): in a field that identifies a row, or refers to one, more codes
        than chance allows are numbers that a float64 holds exactly, or end in zeros after the
        15th digit; a code was a number once, and its last digits are not the original ones.
        ``code_zeros_lost`` (warning): a code such as ``1`` where the list has ``01``. Rows count
        from 1.

    Notes
    -----
    A sound code of 19 digits is a multiple of 1024, which a float64 of that size must be, once in
    1024 times (2⁶² … 2⁶³, 53 bits; IEEE 754), and ends in four zeros once in 10⁴ times. The
    different codes of a column are called damaged when so many would come about by chance with a
    probability under 10⁻⁶ (binomial test). A single rounded code among thousands of sound ones is
    therefore not found here.

    Examples
    --------
    >>> from yuxi_gis.catalog import load_catalog
    >>> frame = pd.DataFrame({"DKBM": ["5.30402E+18", "5304020010010000002"]})
    >>> [(note.what, note.field, note.rows) for note in destroyed_codes(
    ...     frame, load_catalog()["farmland"])]
    [('code_scientific', 'DKBM', (1,))]
    """
    return [note for field in spec.fields for note in _damage(frame, field, edition)]


def _damage(frame: pd.DataFrame, field: FieldSpec, edition: Edition | None) -> Iterator[Note]:
    if field.name not in frame.columns or field.type != "Char":
        return
    text = pa.array(as_text(frame[field.name]), type=pa.large_string(), from_pandas=True)
    if isinstance(text, pa.ChunkedArray):  # a long column keeps the pieces it was read in
        text = text.combine_chunks()
    codes = edition.code_list(field) if edition else field.codes
    found: dict[str, Mask] = {}
    if (field.length or _SHORTEST_CODE) >= _SHORTEST_CODE:
        found["code_scientific"] = _scientific(text)
    if field.unique or field.references or field.personal == "id":
        found["code_rounded"] = _rounded(text, repeats=not field.unique)
    if codes is not None:
        found["code_zeros_lost"] = _without_zeros(text, codes)
    for what, which in found.items():
        if which.any():
            severity, zh, en = _DAMAGE[what]
            yield Note.on_rows(
                what,
                np.flatnonzero(which) + 1,
                f"{field.name}（{field.title_zh}）{zh}请从原始资料或代码表改正，并把该列设为文本格式。",
                f"{field.name} ({field.title_en}): {en} Mend them from the original source or the "
                "code list, with the column formatted as text.",
                severity=severity,
                field=field.name,
            )


def _as_mask(values: pa.Array) -> Mask:
    """Arrow's truth values; missing is false."""
    return np.asarray(pc.fill_null(values, False), dtype=bool)


def _scientific(text: pa.Array) -> Mask:
    # Searching for one character is far cheaper than the pattern, and sound data do not have it.
    if not pc.any(pc.match_substring(text, "+")).as_py():
        return np.zeros(len(text), dtype=bool)
    return _as_mask(pc.match_substring_regex(text, _SCIENTIFIC))


def _rounded(text: pa.Array, *, repeats: bool) -> Mask:
    """Which codes are too round to be all sound; with `repeats`, each code counts once."""
    digits = pc.ascii_is_decimal(text)
    length = np.asarray(pc.fill_null(pc.if_else(digits, pc.binary_length(text), 0), 0))
    found = np.zeros(len(text), dtype=bool)
    for n in range(_SAFE_DIGITS + 1, _MOST_DIGITS + 1):
        here = np.flatnonzero(length == n)
        if not len(here):
            continue
        code = text if len(here) == len(text) else text.take(pa.array(here))
        row: Any = slice(None)
        if repeats:
            encoded = code.dictionary_encode()
            code, row = encoded.dictionary, np.asarray(encoded.indices)
        high = np.asarray(pc.cast(pc.utf8_slice_codeunits(code, 0, n - 10), pa.uint64()))
        low = np.asarray(pc.cast(pc.utf8_slice_codeunits(code, n - 10, n), pa.uint64()))
        # Neighbouring float64 numbers of this size are 2**k apart.
        exponent = np.frexp(high * 1e10 + low)[1]
        gap = np.left_shift(np.uint64(1), np.maximum(exponent - 53, 0).astype("uint64"))
        exact = ((high % gap) * (np.uint64(10**10) % gap) + low % gap) % gap == 0
        zeros = low % np.uint64(10 ** (n - _SAFE_DIGITS)) == 0
        for damaged, chance in ((exact, 1 / gap.min()), (zeros, 10.0 ** (_SAFE_DIGITS - n))):
            # The probability of so many or more among sound codes.
            if chance < 1 and binom.sf(damaged.sum() - 1, len(code), chance) < _BY_CHANCE:
                found[here[damaged[row]]] = True
    return found


def _without_zeros(text: pa.Array, codes: CodeList) -> Mask:
    """Which codes are those of the list without their leading zeros.

    None where other numbers are not in the list either: then the column follows another list.
    """
    encoded = text.dictionary_encode()
    words = [word.strip() for word in encoded.dictionary.to_pylist()]
    short = {code.lstrip("0") or "0" for code in codes.zh if code[0] == "0" and code.isdigit()}
    strange = np.array([w.isdigit() and w not in codes.zh for w in words], dtype=bool)
    lost = np.array([w in short for w in words], dtype=bool)
    if (strange & ~lost).any() or not strange.any():
        return np.zeros(len(text), dtype=bool)
    return np.append(strange, False)[np.asarray(pc.fill_null(encoded.indices, len(words)))]


def completed(codes: pd.Series, keys: pd.Series, length: int) -> pd.Series:
    """`codes` with the last character where it was cut off, and only one of `keys` fits.

    NY/T 2539 prints CBHTBM with 18 characters in CBDKXX and with 19 in CBHT.

    Parameters
    ----------
    codes, keys : Series of str
    length : int
        Of a whole key.
    """
    full = keys[keys.str.len() == length].drop_duplicates()
    full = full[~full.str[:-1].duplicated(keep=False)]
    whole = pd.Series(full.to_numpy(), index=full.str[:-1].to_numpy(), dtype="str")
    return codes.where(codes.isin(keys), codes.map(whole).astype("str").fillna(codes))
