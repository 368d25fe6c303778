"""The table of a shapefile (.dbf): its header, its bytes, its columns with their types.

GDAL is not used for it, because it refuses a whole file for half a character in one field name,
one impossible date or two fields of the same name (it returns the last one twice), turns 19-digit
codes stored as numbers into floats, and gives the block numbers of memos as if they were text.

Source: dBASE III+ file structure, as the ESRI Shapefile Technical Description (1998) uses it.
"""

from __future__ import annotations

import codecs
import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from yuxi_gis.errors import SourceError
from yuxi_gis.read.table import Note

__all__ = ["Dbf", "Field", "decoded", "field_names", "open_dbf", "partner", "typed_column"]

_HEADER, _FIELD, _NAME, _END = 32, 32, 11, 0x0D
_BLOCK = 1 << 24
#: Digits that a float64 holds exactly.
_FLOAT_DIGITS = 15
_DELETED = 0x2A
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


@dataclass(frozen=True)
class Field:
    """One field: `name` in the file's bytes, dBASE `type`, where it is in a row."""

    name: bytes
    type: str
    width: int
    decimals: int
    offset: int


@dataclass(frozen=True)
class Dbf:
    """A .dbf, memory-mapped.

    Attributes
    ----------
    path : Path
    language : int
        The language byte (LDID, offset 29).
    fields : tuple of Field
    records : ndarray of uint8 (rows, width)
        All rows as they are, deleted ones too; column 0 is the mark of deletion.
    """

    path: Path
    language: int
    fields: tuple[Field, ...]
    records: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """Which rows are not marked as deleted, bool (rows,)."""
        return self.records[:, 0] != _DELETED

    def texts(self) -> Iterator[bytes]:
        """Names of the fields, then the values of the character columns beyond ASCII.

        Blocks of rows of about 16 MB; values are distinct within a block.
        """
        yield from (field.name for field in self.fields)
        characters = [field for field in self.fields if field.type == "C" and field.width]
        step = max(1, _BLOCK // max(1, self.records.shape[1]))
        for first in range(0, len(self.records), step):
            block = np.asarray(self.records[first : first + step])
            if block.max(initial=0) < 0x80:
                continue
            for field in characters:
                column = block[:, field.offset : field.offset + field.width]
                column = column[(column >= 0x80).any(axis=1)]
                if len(column):
                    for value in _distinct(column)[1]:
                        yield _trimmed(value)


def partner(path: Path, suffix: str) -> Path | None:
    """The file beside `path` with the same stem and `suffix` in any case; None without one."""
    for name in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if name.is_file():
            return name
    return next(
        (p for p in path.parent.glob("*") if p.stem == path.stem and p.suffix.lower() == suffix),
        None,
    )


def open_dbf(path: Path) -> Dbf:
    """Map a .dbf and check its header against its size.

    Raises
    ------
    SourceError
        Names the file and what is wrong with it.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER:
            raise _damaged(path, "文件头不完整", "its header is not whole")
        rows = int.from_bytes(header[4:8], "little")
        start, width = (int.from_bytes(header[at : at + 2], "little") for at in (8, 10))
        described = file.read(max(0, start - _HEADER))
    if start <= _HEADER or len(described) < start - _HEADER or width < 1:
        raise _damaged(path, "文件头不是 .dbf", "it does not begin as a .dbf")
    fields = _fields(described, width)
    if fields is None:
        raise _damaged(
            path,
            f"各字段宽度之和超过行宽 {width}",
            f"its fields are wider than a row ({width} bytes)",
        )
    there = (path.stat().st_size - start) // width
    if there < rows:
        raise _damaged(
            path,
            f"文件头写的是 {rows} 行，实际只有 {there} 行",
            f"its header says {rows} rows, it has {there}",
        )
    shape = (rows, width)
    records = np.memmap(path, "u1", "r", start, shape) if rows else np.zeros(shape, "u1")
    return Dbf(path, header[29], fields, records)


def _fields(described: bytes, width: int) -> tuple[Field, ...] | None:
    """The field descriptors; None where they do not fit into a row of `width` bytes."""
    fields, offset = [], 1
    for at in range(0, len(described) - _FIELD + 1, _FIELD):
        entry = described[at : at + _FIELD]
        if entry[0] == _END:
            break
        name = entry[:_NAME].split(b"\0")[0].strip(b" ")
        field = Field(name, chr(entry[11]).upper(), entry[16], entry[17], offset)
        fields.append(field)
        offset += field.width
    return tuple(fields) if offset <= width else None


def field_names(dbf: Dbf, encoding: str) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """Names of the fields as text, each one once; a Note for those that had to be changed."""
    names: list[str] = []
    notes = []
    for number, field in enumerate(dbf.fields, 1):
        text = (decoded(field.name, encoding)[0] or "").strip()
        text = "".join(c if c.isprintable() else "_" for c in text)
        name, n = text or f"FIELD_{number}", 1
        while name.upper() in (other.upper() for other in names):
            n += 1
            name = f"{text or 'FIELD'}_{n}"
        names.append(name)
        if name != text:
            zh, en = ("重名", "stands twice") if text else ("没有字段名", "has no name")
            notes.append(
                Note(
                    "field_renamed",
                    f"第 {number} 个字段 {text!r} {zh}，读作 {name}",
                    f"field {number} {text!r} {en} and is read as {name}",
                    "warning",
                    1,
                    field=name,
                )
            )
    return tuple(names), tuple(notes)


def decoded(value: bytes, encoding: str) -> tuple[str | None, str]:
    """The text of a value and how it went: ``""``, ``"cut"`` or ``"lost"``.

    ``"cut"``: half a character at the end, cut at the width of the field, was dropped.
    ``"lost"``: bytes that `encoding` does not have became U+FFFD. Blank text is None.
    """
    raw = _trimmed(value)
    how = ""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        try:
            text, how = codecs.getincrementaldecoder(encoding)().decode(raw, False), "cut"
        except UnicodeDecodeError:
            text, how = raw.decode(encoding, "replace"), "lost"
    if "\ufffd" in text:
        how = "lost"
    return text or None, how


def typed_column(
    dbf: Dbf, field: Field, name: str, encoding: str
) -> tuple[pd.Series, tuple[Note, ...]]:
    """The values of one field in the rows that are not deleted.

    Returns
    -------
    series : Series
        RangeIndex. C is ``str``; N and F are int32, int64 or float64, or ``str`` where whole
        numbers have more than 15 digits; D is datetime64[ms], or ``str`` where one is no date;
        L is bool, or ``boolean`` with missing values. Blank values are missing.
    notes : tuple of Note
        Rows are counted as the file counts them, deleted ones too.
    """
    kept = dbf.kept
    raw = dbf.records[:, field.offset : field.offset + field.width]
    raw = np.ascontiguousarray(raw if kept.all() else raw[kept])
    rows = np.flatnonzero(kept) + 1
    read = _READERS.get(field.type, _not_read) if field.width else _blank
    return read(_Column(raw, rows, name, field, encoding))


@dataclass(frozen=True)
class _Column:
    raw: np.ndarray
    rows: np.ndarray
    name: str
    field: Field
    encoding: str

    def note(self, what: str, where: np.ndarray, zh: str, en: str, severity: str) -> Note:
        """A note on the rows where `where` is true; the texts start with the field's name."""
        label = self.name
        return Note.on_rows(
            what,
            self.rows[where],
            f"字段 {label}：{zh}（第 {{rows}} 行）",
            f"field {label}: {en} (rows {{rows}})",
            severity=severity,
            field=self.name,
        )


_Read = tuple[pd.Series, tuple[Note, ...]]


def _text(column: _Column) -> _Read:
    quick = _quick_text(column)
    if quick is not None:
        return _series(quick), ()
    codes, values = _distinct(column.raw)
    texts, how = zip(*(decoded(value, column.encoding) for value in values), strict=True)
    went = np.asarray(how)[codes]
    encoding = column.encoding
    notes = []
    for what, zh, en, severity in (
        (
            "cut",
            "{count} 个值在字段宽度处截断了半个汉字，已去掉这半个",
            "{count} values end in half a character, cut at the field's width; the half is dropped",
            "info",
        ),
        (
            "lost",
            f"{{count}} 个值有 {encoding} 读不出的字节（或原已丢失），读作 �；"
            "请用 --encoding 指明编码，或在原数据中改正",
            f"{{count}} values have bytes that are not {encoding}, or were lost before, and read "
            "as �; give --encoding, or correct them in the data",
            "warning",
        ),
    ):
        if (went == what).any():
            notes.append(column.note(f"text_{what}", went == what, zh, en, severity))
    return _series(pa.array(texts, pa.large_string()).take(pa.array(codes))), tuple(notes)


def _quick_text(column: _Column) -> pa.Array | None:
    """Text that needs no care: ASCII or valid UTF-8 without NUL."""
    ascii_only = column.raw.max(initial=0) < 0x80
    if column.raw.min(initial=1) == 0 or not (ascii_only or column.encoding == "UTF-8"):
        return None
    array = _binary(column.raw)
    try:
        return _blank_as_null(pc.ascii_trim(pc.cast(array, pa.large_string()), " "))
    except pa.ArrowInvalid:
        return None


def _number(column: _Column) -> _Read:
    text = _ascii(column.raw)
    full = pc.match_substring_regex(text, r"^\*+$")
    notes: tuple[Note, ...] = ()
    if pc.any(full).as_py():
        zh, en = (
            "{count} 个值写满了 *（超出字段宽度），读作空",
            "{count} values are ***, read as missing",
        )
        notes += (column.note("number_overflow", _flags(full), zh, en, "warning"),)
        text = pc.if_else(full, None, text)
    if column.field.width > _FLOAT_DIGITS and column.field.decimals == 0:
        long = pc.match_substring_regex(text, rf"^[0-9]{{{_FLOAT_DIGITS + 1},}}$")
        if pc.any(long).as_py():
            zh = "{count} 个值是超过 15 位的数字，按文本读取，一位不差"
            en = "{count} values are numbers of more than 15 digits, read as text digit for digit"
            notes += (column.note("digits_kept", _flags(long), zh, en, "info"),)
            return _series(text), notes
    values, bad = _parsed(text)
    if bad.any():
        zh, en = "{count} 个值不是数字，读作空", "{count} values are no numbers, read as missing"
        notes += (column.note("number_invalid", bad, zh, en, "warning"),)
    if pa.types.is_integer(values.type) and not values.null_count:
        size = "int32" if column.field.width < 10 else "int64"
        return pd.Series(values.to_numpy(zero_copy_only=False).astype(size)), notes
    return pd.Series(values.cast(pa.float64()).to_numpy(zero_copy_only=False)), notes


def _parsed(text: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Numbers (int64 where all are whole, else float64), and where there was something else."""
    nothing = np.zeros(len(text), bool)
    try:
        return text.cast(pa.int64()), nothing
    except pa.ArrowInvalid:
        pass
    good = pc.fill_null(pc.match_substring_regex(text, _NUMBER), True)
    values = pc.if_else(good, text, None).cast(pa.float64())
    finite = pc.fill_null(pc.is_finite(values), True)
    return pc.if_else(finite, values, None), ~_flags(pc.and_(good, finite))


def _date(column: _Column) -> _Read:
    text = _ascii(column.raw)
    zero = pc.fill_null(pc.match_substring_regex(text, "^[0]+$"), False)
    text = pc.if_else(zero, None, text)
    values = text.dictionary_encode()
    days = [_day(value) for value in values.dictionary.to_pylist()]
    wrong = pa.array([day is None for day in days], pa.bool_()).take(values.indices)
    bad = _flags(wrong)
    if bad.any():
        zh = "{count} 个值不是 YYYYMMDD 日期，整列按文本读取"
        en = "{count} values are no dates YYYYMMDD, so the field is read as text"
        return _series(text), (column.note("date_invalid", bad, zh, en, "warning"),)
    array = pa.array(days, pa.date32()).take(values.indices)
    return pd.Series(array.cast(pa.timestamp("ms")).to_numpy(zero_copy_only=False)), ()


def _day(text: str) -> datetime.date | None:
    if not re.fullmatch(r"[0-9]{8}", text):
        return None
    try:
        return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _logical(column: _Column) -> _Read:
    first = column.raw[:, 0]
    true, false = np.isin(first, list(b"TtYy1")), np.isin(first, list(b"FfNn0"))
    values = pd.Series(true)
    known = true | false
    return (values if known.all() else values.astype("boolean").where(known)), ()


def _not_read(column: _Column) -> _Read:
    """Memos and the binary types of other dialects: blank, and said so."""
    filled = (column.raw != 0x20).any(axis=1) & (column.raw != 0).any(axis=1)
    kind = column.field.type if column.field.type.isprintable() else "?"
    zh, en = f"类型 {kind}", f"type {kind}"
    if kind in "MGP":
        zh, en = (
            f"备注类型 {kind}（内容在 .dbt/.fpt 中）",
            f"memo type {kind} (text in a .dbt/.fpt)",
        )
    note = column.note(
        "field_not_read",
        filled,
        f"{zh}不能读取，{{count}} 个值读作空；请在原软件中改为文本字段后重新导出",
        f"{en} cannot be read, {{count}} values are left out; export it again as a text field",
        "warning",
    )
    return _blank(column)[0], (note,) if filled.any() else ()


def _blank(column: _Column) -> _Read:
    return _series(pa.nulls(len(column.rows), pa.large_string())), ()


_READERS: dict[str, Callable[[_Column], _Read]] = {
    "C": _text,
    "N": _number,
    "F": _number,
    "D": _date,
    "L": _logical,
}


def _binary(raw: np.ndarray) -> pa.Array:
    """Rows of bytes (rows, width) as an Arrow array of binary values."""
    rows, width = raw.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype="int64")
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(raw)]
    return pa.Array.from_buffers(pa.large_binary(), rows, buffers)


def _distinct(raw: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """Which of the distinct values each row has, and these."""
    encoded = _binary(np.ascontiguousarray(raw)).dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


def _ascii(raw: np.ndarray) -> pa.Array:
    """Trimmed text; what is no printable ASCII becomes ``?``, NUL a blank; blank is null."""
    plain = np.where(raw >= 0x7F, ord("?"), np.where(raw < 0x20, 0x20, raw)).astype("u1")
    return _blank_as_null(pc.ascii_trim(pc.cast(_binary(plain), pa.large_string()), " "))


def _blank_as_null(text: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(text, ""), None, text)


def _series(text: pa.Array) -> pd.Series:
    series: pd.Series = text.to_pandas()
    return series.astype("str") if series.isna().all() else series


def _flags(array: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(array, False).to_numpy(zero_copy_only=False)
    return flags


def _trimmed(value: bytes) -> bytes:
    return value.split(b"\0", 1)[0].strip(b" ")


def _damaged(path: Path, zh: str, en: str) -> SourceError:
    return SourceError(
        f"{path}：属性表已损坏，{zh}。请重新拷贝或重新导出该数据。",
        f"{path}: the table is damaged, {en}. Copy or export it again.",
    )
