"""Writes small Access databases byte by byte, so that a test knows every byte of its fixture.

No library writes Access files without Windows. The layout is that of the mdbtools project's
format notes; the tests read what is written here with mdbtools too, where it is installed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

BOOL, BYTE, INT, LONG, MONEY, SINGLE, DOUBLE, DATE = range(1, 9)
BINARY, TEXT, OLE, MEMO, GUID, NUMERIC, COMPLEX = 9, 10, 11, 12, 15, 16, 18
JET3, JET4, ACE12, ACE14 = range(4)
_SIZES = {BOOL: 0, BYTE: 1, INT: 2, LONG: 4, MONEY: 8, SINGLE: 4, DOUBLE: 8, DATE: 8}
_SIZES |= {GUID: 16, NUMERIC: 17, COMPLEX: 4}
_PACK = {BYTE: "<B", INT: "<h", LONG: "<i", SINGLE: "<f", DOUBLE: "<d", DATE: "<d", COMPLEX: "<i"}
_MASK = bytes.fromhex("7b42fb8abc4e")
_SYSTEM = [("Id", LONG), ("ParentId", LONG), ("Name", TEXT), ("Type", INT), ("DateCreate", DATE)]
_SYSTEM += [("DateUpdate", DATE), ("Flags", LONG), ("LvProp", OLE), ("Database", MEMO)]


@dataclass
class Column:
    """`number` leaves gaps where columns before it were deleted."""

    name: str
    kind: int
    number: int = -1
    scale: int = 0
    flags: int = 0  # 0xC0: calculated


@dataclass
class Table:
    """`rows` in their order; ``Moved(row)`` lies on another page, ``Deleted(row)`` is deleted.

    `declared` overrules the row count of the definition.
    """

    name: str
    columns: list[Column]
    rows: Iterable[Any]
    flags: int = 0
    kind: int = 1
    database: str | None = None
    declared: int | None = None


@dataclass(frozen=True)
class Moved:
    row: Sequence[Any]


@dataclass(frozen=True)
class Deleted:
    row: Sequence[Any]


@dataclass(frozen=True)
class Short:
    """A row written before the columns from `columns` on were added to the table."""

    row: Sequence[Any]
    columns: int


@dataclass(frozen=True)
class Raw:
    """Bytes of a cell as they are: compressed text, a pointer of a memo."""

    data: bytes


def columns(*pairs: tuple[str, int]) -> list[Column]:
    return [Column(name, kind) for name, kind in pairs]


def write(tables: Sequence[Table], version: int = JET4, code_page: int = 936) -> bytes:
    """The bytes of a database with `tables`."""
    return _Writer(version, code_page).file(tables)


@dataclass
class _Writer:
    version: int
    code_page: int
    pages: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.jet3 = self.version == JET3
        self.size = 2048 if self.jet3 else 4096
        self.codec = f"cp{self.code_page}" if self.jet3 else "utf-16-le"

    def file(self, tables: Sequence[Table]) -> bytes:
        self.pages = [self._header(), self._data([b"\0" * 133], 0), b""]
        listed = []
        for table in tables:
            page = self._add(table) if table.kind == 1 else 0
            listed.append((page, 0, table.name, table.kind, 0.0, 0.0, table.flags, None))
            listed[-1] += (table.database,)
        listed.append((2, 0, "MSysObjects", 1, 0.0, 0.0, -0x80000000, None, None))
        catalogue = Table("MSysObjects", columns(*_SYSTEM), listed)
        self._add(catalogue, page=2)
        return b"".join(self.pages)

    def _header(self) -> bytes:
        page = bytearray(self.size)
        name = b"Standard Jet DB\0" if self.version < ACE12 else b"Standard ACE DB\0"
        page[:20] = b"\0\1\0\0" + name
        page[0x14] = self.version
        head = struct.pack("<HI", self.code_page, 0)
        page[0x3C:0x42] = bytes(a ^ b for a, b in zip(head, _MASK, strict=True))
        return bytes(page)

    def _add(self, table: Table, page: int | None = None) -> int:
        if page is None:
            page = len(self.pages)
            self.pages.append(b"")
        for i, column in enumerate(table.columns):
            column.number = i if column.number < 0 else column.number
        used, live, records = [], 0, []
        for row in table.rows:
            live += not isinstance(row, Deleted)
            record = self._record(table, row, page, used)
            if sum(len(r) + 2 for r, _ in records) + len(record[0]) + 32 > self.size:
                used.append(self._append(self._data(records, page)))
                records = []
            records.append(record)
        used += [self._append(self._data(records, page))] if records else []
        bits = sum(1 << p for p in set(used)).to_bytes(128, "little")
        usage = self._append(self._data([b"\0\0\0\0\0" + bits, b"\0" * 133], page + 1))
        declared = live if table.declared is None else table.declared
        self.pages[page] = self._definition(table, declared, usage << 8)
        return page

    def _append(self, page: bytes) -> int:
        self.pages.append(page)
        return len(self.pages) - 1

    def _data(self, records: Sequence[Any], owner: int) -> bytes:
        """A data page: records from the end on, their starts after the header."""
        page, end, starts = bytearray(self.size), self.size, []
        for record in records:
            content, flags = record if isinstance(record, tuple) else (record, 0)
            end -= len(content)
            page[end : end + len(content)] = content
            starts.append(end | flags)
        head = struct.pack("<HHI", 0x0101, 0, owner) + (b"" if self.jet3 else bytes(4))
        head += struct.pack(f"<H{len(starts)}H", len(starts), *starts)
        assert len(head) <= end, "too much for a page"
        page[: len(head)] = head
        return bytes(page)

    def _record(self, table: Table, row: Any, owner: int, used: list[int]) -> tuple[bytes, int]:
        if isinstance(row, Deleted):
            return self._row(table.columns, row.row), 0xC000
        if isinstance(row, Moved):
            content = self._row(table.columns, row.row)
            there = self._append(self._data([(content, 0x8000)], owner))
            used.append(there)
            return struct.pack("<I", there << 8), 0x4000
        if isinstance(row, Short):
            return self._row(table.columns[: row.columns], row.row), 0
        return self._row(table.columns, row), 0

    def _row(self, columns: Sequence[Column], row: Sequence[Any]) -> bytes:
        number = max(c.number for c in columns) + 1
        filled, fixed, variable = 0, b"", []
        for column, value in zip(columns, row, strict=True):
            if column.kind in _SIZES:
                cell = self._fixed(column, value)
                fixed += bytes(_SIZES[column.kind]) if value is None else cell
            else:
                variable.append(b"" if value is None else self._variable(column, value))
            if value is not None and value is not False:
                filled |= 1 << column.number
        mask = filled.to_bytes((number + 7) // 8, "little")
        start = len(fixed) + (1 if self.jet3 else 2)
        offsets = [start + sum(map(len, variable[:i])) for i in range(len(variable) + 1)]
        head = bytes([number]) if self.jet3 else struct.pack("<H", number)
        return head + fixed + b"".join(variable) + self._tail(offsets) + mask

    def _tail(self, offsets: list[int]) -> bytes:
        count = len(offsets) - 1
        if not self.jet3:
            return struct.pack(f"<{count + 2}H", *offsets[::-1], count)
        jumps = (offsets[-1] + len(offsets) + 2) // 256
        table = [
            next((i for i, o in enumerate(offsets) if o >= 256 * (j + 1)), 0xFF)
            for j in range(jumps)
        ]
        return bytes(o & 0xFF for o in offsets[::-1]) + bytes(table[::-1]) + bytes([count])

    def _fixed(self, column: Column, value: Any) -> bytes:
        if isinstance(value, Raw):
            return value.data
        if value is None or column.kind == BOOL:
            return b""
        if column.kind == MONEY:
            return struct.pack("<q", round(value * 10_000))
        if column.kind == GUID:
            return bytes(value)
        if column.kind == NUMERIC:
            words = [abs(value) >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)]
            return bytes([0x80 if value < 0 else 0]) + struct.pack("<4I", *words)
        return struct.pack(_PACK[column.kind], value)

    def _variable(self, column: Column, value: Any) -> bytes:
        if isinstance(value, Raw):
            return value.data
        content = value.encode(self.codec) if isinstance(value, str) else bytes(value)
        return self._long(content) if column.kind in (OLE, MEMO) else content

    def _long(self, content: bytes) -> bytes:
        """Up to 64 bytes in the row, up to a page in one record, more in a chain."""
        room = self.size - 32
        if len(content) <= 64:
            return struct.pack("<III", len(content) | 0x80000000, 0, 0) + content
        if len(content) <= room:
            page = self._append(self._data([content], 0x4C41564C))
            return struct.pack("<III", len(content) | 0x40000000, page << 8, 0)
        pieces = [content[i : i + room] for i in range(0, len(content), room)]
        following = 0
        for piece in reversed(pieces):
            record = struct.pack("<I", following) + piece
            following = self._append(self._data([record], 0x4C41564C)) << 8
        return struct.pack("<III", len(content), following, 0)

    def _definition(self, table: Table, declared: int, usage: int) -> bytes:
        variable = sum(c.kind not in _SIZES for c in table.columns)
        number = max(c.number for c in table.columns) + 1
        count = len(table.columns)
        system = 0x53 if table.flags else 0x4E
        if self.jet3:
            head = struct.pack("<II", declared, 0)
            head += struct.pack("<BHHHII", system, number, variable, count, 0, 0)
        else:
            head = struct.pack("<7I", 0, declared, 0, 1, 0, 0, 0)
            head += struct.pack("<BHHHII", system, number, variable, count, 0, 0)
        head += struct.pack("<II", usage, usage | 1)
        body = b"".join(self._entries(table.columns))
        for column in table.columns:
            name = column.name.encode(self.codec)
            body += (bytes([len(name)]) if self.jet3 else struct.pack("<H", len(name))) + name
        data = head + body + b"\xff\xff"
        page = struct.pack("<HHII", 0x0102, 0, 0, len(data) + 12) + data
        assert len(page) <= self.size, "too many columns for one page"
        return page.ljust(self.size, b"\0")

    def _entries(self, columns: Sequence[Column]) -> Iterable[bytes]:
        offset = variable = 0
        for column in columns:
            size = _SIZES.get(column.kind)
            place, slot = (0, variable) if size is None else (offset, 0)
            flags = 2 | (size is not None)
            length = 0 if column.kind in (OLE, MEMO) else 510 if size is None else size
            if self.jet3:
                text = struct.pack("<HHH", 0x0409, self.code_page, 0)
                yield struct.pack("<BHHH", column.kind, column.number, slot, column.number) + (
                    text + struct.pack("<BHH", flags, place, length)
                )
            else:
                rest = struct.pack("<BBH", 18, column.scale, 0)
                yield struct.pack("<BIHHH", column.kind, 0, column.number, slot, column.number) + (
                    rest + struct.pack("<BBIHH", flags, column.flags, 0, place, length)
                )
            offset += size or 0
            variable += size is None
