"""Pages and table definitions of a Microsoft Access database (Jet 3, Jet 4 and ACE files).

Source of the layout: the format notes of the mdbtools project (HACKING.md). A file is a row of
pages; page 2 defines the table ``MSysObjects``, which lists all others. Every number of the file
is checked against the file before it is used, chains of pages are bounded by what they declare,
and no byte of the file is read into more than one row.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["CATALOGUE", "Column", "Jet", "JetError", "Table", "u16", "u32"]

BOOLEAN, BINARY, TEXT, OLE, MEMO, COMPLEX = 1, 9, 10, 11, 12, 18
_DATA, _DEFINITION, _MAP = 1, 2, 5
CATALOGUE = 2
DELETED, ELSEWHERE, _OFFSET = 0x8000, 0x4000, 0x1FFF
_MOST_COLUMNS = 255  # of a table, Microsoft's specification of Access
_MOST_PAGES = 64  # of a definition: twice what 255 columns and 32 indexes take
#: RC4 with the key 0x6B39DAC7 hides the head of every file; here is what covers 0x3C-0x41.
_MASK = bytes.fromhex("7b42fb8abc4e")


class JetError(Exception):
    """The bytes are not what the format says; `zh` and `en` tell in a few words.

    `kind` is ``"foreign"`` (no Access database), ``"encrypted"`` or ``"damaged"``.
    """

    def __init__(self, zh: str, en: str, kind: str = "damaged") -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.kind = kind


@dataclass(frozen=True)
class _Layout:
    """Where things are in the pages of one generation."""

    page: int
    rows_on_page: int
    rows: int
    columns: int
    indexes: int
    usage: int
    first_column: int
    index_entry: int
    column_entry: int
    number: int
    variable: int
    flags: int
    fixed: int
    size: int


_JET3 = _Layout(2048, 8, 12, 25, 31, 35, 43, 8, 18, 1, 3, 13, 14, 16)
_JET4 = _Layout(4096, 12, 16, 45, 51, 55, 63, 12, 25, 5, 7, 15, 21, 23)


@dataclass(frozen=True)
class Column:
    """A column of a table; `kind` is the type number of the format.

    Of a calculated column it is not: what it holds is written in its properties only.
    """

    name: bytes
    kind: int
    number: int
    fixed: bool
    offset: int
    size: int
    variable: int
    scale: int
    calculated: bool

    @property
    def is_bit(self) -> bool:
        """Kept in the mask of nulls of the row."""
        return self.kind == BOOLEAN and not self.calculated


@dataclass(frozen=True)
class Table:
    """A table as its definition page says: `declared` rows, `columns` in their order."""

    page: int
    declared: int
    columns: tuple[Column, ...]
    pages: tuple[int, ...]
    mapped: bool


class Jet:
    """A database in memory.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    JetError
        It is no Access database, or encrypted.
    """

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\0\1\0\0" or data[4:19] not in (b"Standard Jet DB", b"Standard ACE DB"):
            raise JetError("不是 Access 数据库", "it is no Access database", "foreign")
        self.data = data
        self.version = data[0x14]
        self.jet3 = self.version == 0
        self._layout = _JET3 if self.jet3 else _JET4
        head = bytes(a ^ b for a, b in zip(data[0x3C:0x42], _MASK, strict=False))
        self.code_page = int.from_bytes(head[:2], "little")
        self._page_count = len(data) // self._layout.page
        start = CATALOGUE * self._layout.page
        if any(head[2:]):
            raise JetError("数据库已加密", "it is encrypted", "encrypted")
        if data[start : start + 1] != bytes([_DEFINITION]):
            raise JetError("目录页已损坏", "the page of its catalogue is damaged")

    # -- definitions -----------------------------------------------------------------------------

    def table(self, page: int) -> Table:
        """The definition on `page`.

        Raises
        ------
        JetError
            There is none, or it is damaged.
        """
        at, data = self._layout, self._definition(page)
        try:
            declared, count = u32(data, at.rows), u16(data, at.columns)
            start = at.first_column + at.index_entry * u32(data, at.indexes)
            names = self._names(data, start + at.column_entry * count, count)
            columns = [
                self._column(data[start + at.column_entry * i :], name)
                for i, name in enumerate(names)
            ]
            usage = u32(data, at.usage)
        except (struct.error, IndexError) as error:
            raise _damaged_definition(page) from error
        if len(set(names)) < count:
            raise _damaged_definition(page)
        pages = self._used(usage)
        mapped = pages is not None
        owned = set(self._owned(page))
        pages = sorted(owned) if pages is None else [p for p in pages if p in owned]
        ordered = tuple(sorted(columns, key=lambda column: column.number))
        return Table(page, declared, ordered, tuple(pages), mapped)

    def _definition(self, page: int) -> bytes:
        """The definition on `page` and on those that go on with it."""
        parts: list[bytes] = []
        following = page
        while following:
            content = self._page(following)
            if content[:1] != bytes([_DEFINITION]) or len(parts) == _MOST_PAGES:
                raise _damaged_definition(page)
            parts.append(content[8:] if parts else content)
            following = u32(content, 4)
        return b"".join(parts)

    def _names(self, data: bytes, start: int, count: int) -> list[bytes]:
        if count > _MOST_COLUMNS or start > len(data):
            raise IndexError
        names = []
        for _ in range(count):
            length = data[start] if self.jet3 else u16(data, start)
            start += 1 if self.jet3 else 2
            if not length or start + length > len(data):
                raise IndexError
            names.append(data[start : start + length])
            start += length
        return names

    def _column(self, entry: bytes, name: bytes) -> Column:
        at = self._layout
        return Column(
            name=name,
            kind=entry[0],
            number=u16(entry, at.number),
            fixed=bool(entry[at.flags] & 1),
            offset=u16(entry, at.fixed),
            size=u16(entry, at.size),
            variable=u16(entry, at.variable),
            scale=entry[12],
            calculated=not self.jet3 and entry[16] & 0xC0 == 0xC0,
        )

    def _used(self, pointer: int) -> list[int] | None:
        """The pages of a usage map in their order; None where the map cannot be read."""
        size = self._layout.page
        try:
            usage = self.record(pointer)
        except JetError:
            return None
        if usage[:1] == b"\0" and len(usage) > 5:
            return self._bits(u32(usage, 1), usage[5:])
        if usage[:1] != b"\1":
            return None
        pages: list[int] = []
        for i in range((len(usage) - 1) // 4):
            where = u32(usage, 1 + 4 * i)
            if where:
                content = self._page(where) if where < self._page_count else b""
                if content[:1] != bytes([_MAP]):
                    return None
                pages += self._bits(i * (size - 4) * 8, content[4:])
        return pages

    def _bits(self, first: int, bitmap: bytes) -> list[int]:
        bits = np.flatnonzero(np.unpackbits(np.frombuffer(bitmap, "u1"), bitorder="little"))
        pages = bits + first
        return [int(page) for page in pages[pages < self._page_count]]

    def _owned(self, definition: int) -> np.ndarray:
        """All data pages that name `definition` as theirs; some may be freed ones."""
        return np.flatnonzero(self._owners == definition)

    @cached_property
    def _owners(self) -> np.ndarray:
        """The definition that each page names as its owner; 0 where it is no data page."""
        size = self._layout.page
        pages = np.frombuffer(self.data, "u1", self._page_count * size).reshape(-1, size)
        owners = np.ascontiguousarray(pages[:, 4:8]).view("<u4")[:, 0]
        return np.where(pages[:, 0] == _DATA, owners, 0)

    def count(self, table: Table) -> int:
        """How many rows the pages of `table` hold."""
        return sum(not start & DELETED for p in table.pages for start in self.starts(p)[1:])

    # -- pages -----------------------------------------------------------------------------------

    def _page(self, number: int) -> bytes:
        if not 0 < number < self._page_count:
            raise JetError(f"第 {number} 页不存在", f"there is no page {number}")
        size = self._layout.page
        return self.data[number * size : (number + 1) * size]

    def starts(self, page: int) -> tuple[int, ...]:
        """Where the records of a data page start, flags included, after where the first ends."""
        at = self._layout.rows_on_page
        content = self._page(page)
        count = u16(content, at) if content[0] == _DATA else 0
        count = min(count, (self._layout.page - at - 2) // 2, 255)
        return (self._layout.page, *struct.unpack_from(f"<{count}H", content, at + 2))

    def record(self, pointer: int) -> bytes:
        """A record: page number in three bytes, number on the page in the lowest one."""
        page, row = pointer >> 8, pointer & 0xFF
        starts = self.starts(page)
        if row + 1 >= len(starts):
            raise JetError(f"第 {page} 页没有第 {row} 条记录", f"page {page} has no record {row}")
        start, end = starts[row + 1] & _OFFSET, starts[row] & _OFFSET
        head = self._layout.rows_on_page + 2 * len(starts)
        if not head <= start < end <= self._layout.page:
            raise JetError(f"第 {page} 页的记录重叠", f"records overlap on page {page}")
        first = page * self._layout.page
        return self.data[first + start : first + end]


def _damaged_definition(page: int) -> JetError:
    return JetError(
        f"第 {page} 页的表定义已损坏", f"the table definition on page {page} is damaged"
    )


def u16(data: bytes, at: int) -> int:
    """Two bytes as a number; IndexError or struct.error where they are not there."""
    if at < 0:
        raise IndexError
    return int(struct.unpack_from("<H", data, at)[0])


def u32(data: bytes, at: int) -> int:
    """Four bytes as a number; struct.error where they are not there."""
    return int(struct.unpack_from("<I", data, at)[0])
