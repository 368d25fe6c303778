"""Columns of Arrow as columns of pandas, without loss: digits stay digits, text is valid text."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from yuxi_gis.errors import SourceError

__all__ = ["to_frame"]

_EXACT = 2**53


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
        Columns with ISO 8601 text that are to be times, in UTC where they have various zones.

    Returns
    -------
    DataFrame
        Text is ``str``, dates ``datetime64``; whole numbers with gaps are float64, ``Int64``
        where that would lose digits; lists and times of day are text (JSON, ISO 8601), bytes
        are objects.

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
    for number, values in special.items():
        frame.insert(number, str(number), values)
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
    if pa.types.is_boolean(kind) and column.null_count:
        return column.cast(pa.int8()).cast(pa.float64()).to_pandas()
    if pa.types.is_integer(kind) and column.null_count:
        ends = pc.min_max(column).as_py()
        if max(abs(ends["min"] or 0), abs(ends["max"] or 0)) > _EXACT:
            whole = pd.UInt64Dtype() if kind == pa.uint64() else pd.Int64Dtype()
            return column.to_pandas(types_mapper={kind: whole}.get)
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
    for utc in (False, True):
        try:
            found = pd.to_datetime(values, format="ISO8601", utc=utc)
        except (ValueError, OverflowError):  # various zones, or dates that pandas cannot hold
            continue
        if found.dtype != np.dtype(object):
            return found.dt.as_unit("ms")
    return values
