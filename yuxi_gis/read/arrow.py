"""Columns of Arrow as columns of pandas, without loss: digits stay digits, text is valid text."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from yuxi_gis.errors import SourceError

__all__ = ["no_times", "to_frame"]

#: How a time begins; pandas takes shorter ones, and makes a day of a year.
_DAY = r"(\d{4}-?\d\d-?\d\d|$)"
#: Types of pandas for columns with gaps, which would be floats otherwise.
_WITH_GAPS = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}


def to_frame(
    table: pa.Table,
    where: str,
    encoding: str | None = None,
    *,
    all_in_it: bool = False,
    times: Sequence[str] = (),
) -> pd.DataFrame:
    """A DataFrame with the columns of `table`, RangeIndex.

    Parameters
    ----------
    table : Table
        Its text may hold bytes that are no UTF-8, as GDAL passes them on.
    where : str
        File and table, for messages.
    encoding : str or None
        For text that is no UTF-8.
    all_in_it : bool
        All text is in `encoding`, whether or not some of it could be UTF-8.
    times : sequence of str
        Columns with ISO 8601 text that are to be times, in UTC where they have various zones;
        text where any is no time (`no_times`).

    Returns
    -------
    DataFrame
        Text is ``str``, dates ``datetime64``; whole numbers and booleans with gaps are of the
        nullable dtypes (``Int32``, ``boolean`` …); lists and times of day are text (JSON,
        ISO 8601), bytes are objects.

    Raises
    ------
    SourceError
        Text is no UTF-8 and `encoding` is None, or does not fit.
    """
    names = list(table.column_names)
    table = table.rename_columns([str(number) for number in range(len(names))])
    special: dict[int, pd.Series] = {}
    for number, name in enumerate(names):
        column = table.column(number)
        if isinstance(column.type, pa.BaseExtensionType):  # JSON, UUID: as it is stored
            column = column.cast(column.type.storage_type)
            table = table.set_column(number, str(number), column)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            valid = _valid_text(column, (where, name), encoding, all_in_it=all_in_it)
            if valid is not column:
                table = table.set_column(number, str(number), valid)
        else:
            converted = _special(column)
            if converted is not None:
                special[number] = converted
    bare = table.drop_columns([str(number) for number in special])
    del table
    frame = bare.to_pandas(
        date_as_object=False, split_blocks=True, self_destruct=True, ignore_metadata=True
    )
    del bare
    if special:  # all at once: single inserts are slow where there are many
        frame = pd.concat([frame, pd.DataFrame(special).rename(columns=str)], axis=1)
        frame = frame[[str(number) for number in range(len(names))]]
    for column in frame.columns[[i for i, name in enumerate(names) if name in times]]:
        frame[column] = _times(frame[column])
    frame.columns = pd.Index(names, dtype="str")
    return frame


def _special(column: pa.ChunkedArray) -> pd.Series | None:
    """The columns that pyarrow would turn into floats or Python objects."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).to_pandas()
    if pa.types.is_nested(kind):
        texts = [None if v is None else _json(v) for v in column.to_pylist()]
        return pd.Series(texts, dtype="str")
    if pa.types.is_time(kind):
        return pd.Series(column.cast(pa.string()).to_pylist(), dtype="str")
    if pa.types.is_null(kind):
        return pd.Series([None] * len(column), dtype="str")
    if column.null_count and (kind in _WITH_GAPS):
        return column.to_pandas(types_mapper=_WITH_GAPS.get)
    return None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _valid_text(
    column: pa.ChunkedArray, where: tuple[str, str], encoding: str | None, *, all_in_it: bool
) -> pa.ChunkedArray:
    """`column` itself where it is valid UTF-8, and otherwise decoded."""
    other = encoding if encoding != "UTF-8" else None
    if not (all_in_it and other):
        try:
            column.validate(full=True)
            return column
        except pa.ArrowInvalid:
            pass
    first = (encoding or "UTF-8",) if all_in_it else ("UTF-8", *([other] if other else []))
    texts: list[str | None] = []
    for row, value in enumerate(column.cast(pa.large_binary()).to_pylist(), start=1):
        try:
            texts.append(None if value is None else _decoded(value, first, cut=all_in_it))
        except UnicodeDecodeError as error:
            file, name = where
            raise SourceError(
                f"{file}：第 {row} 行字段 {name} 的文字不是 {first[-1]} 编码。"
                "请用 --encoding 指明编码，例如 --encoding GB18030。",
                f"{file}: the text of field {name} in row {row} is not {first[-1]}. Name its "
                "encoding with --encoding, for example --encoding GB18030.",
            ) from error
    return pa.chunked_array([pa.array(texts, pa.large_string())])


def _decoded(value: bytes, encodings: Sequence[str], *, cut: bool) -> str:
    """`value` in the first of `encodings` that fits; with `cut`, but for half a character at its
    end, where a field of fixed width ends."""
    for encoding in encodings[:-1]:
        try:
            return value.decode(encoding)
        except UnicodeDecodeError:
            continue
    return codecs.getincrementaldecoder(encodings[-1])().decode(value, final=not cut)


def _times(values: pd.Series) -> pd.Series:
    """ISO 8601 text as times; text stays where it is none."""
    if values.dtype != "str":
        return values
    text = _dashed(values)
    if not text.dropna().str.match(_DAY).all():
        return values
    for utc in (False, True):
        try:
            found = pd.to_datetime(text, format="ISO8601", utc=utc)
        except (ValueError, OverflowError):  # various zones, or dates that pandas cannot hold
            continue
        if found.dtype != np.dtype(object):
            return found.dt.as_unit("ms")
    return values


def no_times(values: pd.Series) -> np.ndarray:
    """The positions of text that is no time, where text was to be times."""
    if values.dtype != "str":
        return np.array([], int)
    text = _dashed(values)
    whole = text.where(text.str.match(_DAY))
    found = pd.to_datetime(whole, format="ISO8601", errors="coerce", utc=True)
    return np.flatnonzero(found.isna() & values.notna() & (values != ""))


def _dashed(values: pd.Series) -> pd.Series:
    """Dates as 2020/03/01, which GDAL takes too, as 2020-03-01."""
    return values.str.replace("/", "-", regex=False)
