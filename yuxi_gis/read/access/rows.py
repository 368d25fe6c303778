"""Rows of the tables of a Microsoft Access database as raw cells, and the text in them.

A row has its fixed cells first, then the variable ones, their offsets and a mask of what is not
null. Memo and OLE content lies in the row, in one record elsewhere or in a chain of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from yuxi_gis.read.access.jet import (
    CATALOGUE,
    DELETED,
    ELSEWHERE,
    MEMO,
    OLE,
    Column,
    Jet,
    JetError,
    Table,
    u16,
    u32,
)

__all__ = ["Cells", "Entry", "decode", "entries", "read"]

_LISTED = ("Id", "Type", "Flags", "Name", "Database", "Connect")


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue: type 1 is a table, 4 and 6 are links to another database.

    `name` and `linked_to` are text as it is stored.
    """

    name: bytes
    kind: int
    page: int
    flags: int
    linked_to: bytes


@dataclass
class Cells:
    """The raw cells of a table: for each column one ``bytes`` (None: null) or bool a row.

    `damaged` are the row numbers (from 0) that cannot be read, all null; `lost` the cells
    (column name, row) whose memo or OLE content cannot be followed.
    """

    columns: list[list[bytes | bool | None]]
    rows: int = 0
    damaged: list[int] = field(default_factory=list)
    lost: dict[bytes, list[int]] = field(default_factory=dict)


def entries(jet: Jet) -> list[Entry]:
    """The catalogue of a database.

    Raises
    ------
    JetError
        It cannot be read.
    """
    table = jet.table(CATALOGUE)
    cells = read(jet, table)
    column = {c.name: v for c, v in zip(table.columns, cells.columns, strict=True)}
    stored = [name.encode("ascii" if jet.jet3 else "utf-16-le") for name in _LISTED]
    if not column.keys() >= set(stored[:4]):
        raise JetError("目录缺少字段", "its catalogue lacks fields")
    empty: list[bytes | bool | None] = [None] * cells.rows
    listed = (column.get(name, empty) for name in stored)
    return [_entry(*values) for values in zip(*listed, strict=True)]


def _entry(*values: bytes | bool | None) -> Entry:
    cells = [value if isinstance(value, bytes) else b"" for value in values]
    page, kind, flags = (int.from_bytes(cell, "little") for cell in cells[:3])
    name, database, connect = cells[3:]
    return Entry(name, kind, page & 0xFFFFFF, flags, database or connect)


def read(jet: Jet, table: Table) -> Cells:
    """All rows of `table`, raw.

    Raises
    ------
    JetError
        There are more rows than the file can hold.
    """
    reader = _Reader(jet)
    cells = Cells([[] for _ in table.columns])
    # Real rows have one column or less a byte; only a made-up file has more.
    most = 2 * len(jet.data) + 1_000_000
    for page in table.pages:
        for row, start in enumerate(jet.starts(page)[1:]):
            if start & DELETED:
                continue
            if (cells.rows + 1) * len(table.columns) > most:
                raise JetError("行数与文件大小不符", "more rows than the file can hold")
            reader.append(cells, table.columns, page << 8 | row, bool(start & ELSEWHERE))
    return cells


class _Reader:
    """Takes rows apart; no more bytes are read through references than the file has."""

    def __init__(self, jet: Jet) -> None:
        self._jet = jet
        self._budget = len(jet.data)

    def append(
        self, cells: Cells, columns: tuple[Column, ...], pointer: int, elsewhere: bool
    ) -> None:
        """Add a row to `cells`; one that grew lies elsewhere."""
        try:
            row = self._jet.record(pointer)
            if elsewhere:
                row = self._spend(self._jet.record(u32(row, 0)))
            values = self._split(row, columns)
        except (JetError, struct.error, IndexError):
            cells.damaged.append(cells.rows)
            values = [None] * len(columns)
        for column, store, value in zip(columns, cells.columns, values, strict=True):
            store.append(self._content(column, value, cells))
        cells.rows += 1

    def _split(self, row: bytes, columns: tuple[Column, ...]) -> list[bytes | bool | None]:
        """The cells of a row: fixed ones, variable ones, their offsets, the mask of nulls."""
        width = 1 if self._jet.jet3 else 2
        number = row[0] if self._jet.jet3 else u16(row, 0)
        end = len(row) - (number + 7) // 8
        if end < width:
            raise IndexError
        filled = int.from_bytes(row[end:], "little")
        offsets: list[int] | None = None
        values: list[bytes | bool | None] = []
        for column in columns:
            # A column that was added after the row was written has no bit in its mask.
            present = column.number < number and bool(filled >> column.number & 1)
            if column.is_bit:
                values.append(present)
            elif not present:
                values.append(None)
            elif column.fixed:
                start = width + column.offset
                if start + column.size > end:
                    raise IndexError
                values.append(row[start : start + column.size])
            else:
                if offsets is None:
                    offsets = self._offsets(row, end)
                start, stop = offsets[column.variable], offsets[column.variable + 1]
                if not width <= start <= stop <= end:
                    raise IndexError
                values.append(row[start:stop])
        return values

    def _offsets(self, row: bytes, end: int) -> list[int]:
        """Where the variable cells start, and where the last one ends."""
        if not self._jet.jet3:
            count = u16(row, end - 2)
            start = end - 4 - 2 * count
            if start < 0:
                raise IndexError
            return list(struct.unpack_from(f"<{count + 1}H", row, start))[::-1]
        # One byte an offset: a table of jumps says from which one on another 256 are added.
        count, jumps = row[end - 1], (len(row) - 1) // 256
        last = end - 1 - jumps - 1
        if jumps and (last - count) // 256 < jumps:
            jumps -= 1
        if last - count < 0:
            raise IndexError
        offsets, jumped = [], 0
        for i in range(count + 1):
            while jumped < jumps and row[end - 2 - jumped] == i:
                jumped += 1
            offsets.append(row[last - i] + 256 * jumped)
        return offsets

    def _content(
        self, column: Column, value: bytes | bool | None, cells: Cells
    ) -> bytes | bool | None:
        """A cell, with its memo or OLE content followed."""
        if isinstance(value, bytes) and column.kind in (OLE, MEMO):
            try:
                value = self._long(value)
            except (JetError, struct.error, IndexError):
                cells.lost.setdefault(column.name, []).append(cells.rows)
                return None
        return value

    def _long(self, cell: bytes) -> bytes:
        """Content that is in the row itself, in one record elsewhere, or in a chain of them."""
        if not cell:
            return b""
        length, where = u32(cell, 0) & 0x3FFFFFFF, cell[3] & 0xC0
        if where & 0x80:
            if len(cell) < 12 + length:
                raise IndexError
            return cell[12 : 12 + length]
        pointer = u32(cell, 4)
        parts, got = [], 0
        while pointer and got < length:
            record = self._spend(self._jet.record(pointer))
            pointer = 0 if where else u32(record, 0)
            parts.append(record if where else record[4:])
            got += len(parts[-1])
            if not parts[-1]:
                break
        if got < length:
            raise IndexError
        return b"".join(parts)[:length]

    def _spend(self, record: bytes) -> bytes:
        """`record`; but no more of them than the file has bytes, so that no chain is endless."""
        self._budget -= len(record)
        if self._budget < 0:
            raise JetError("记录互相重复引用", "records refer to each other over and over")
        return record


def decode(cell: bytes, encoding: str | None) -> tuple[str, bool]:
    """Text of a cell, and whether all of it is valid; what is not becomes U+FFFD.

    With `encoding` None it is UTF-16, of which Access writes some compressed: after FF FE, one
    byte a character, and a zero byte changes between that and two bytes a character.
    """
    if encoding is not None:
        return _decoded(cell, encoding)
    if cell[:2] != b"\xff\xfe":
        return _decoded(cell, "utf-16-le")
    parts, valid, place, narrow = [], True, 2, True
    while place < len(cell):
        if narrow:
            stop = cell.find(0, place)
            stop = len(cell) if stop < 0 else stop
            parts.append(cell[place:stop].decode("latin-1"))
        else:
            stop = place
            while stop + 1 < len(cell) and cell[stop]:
                stop += 2
            wide, good = _decoded(cell[place:stop], "utf-16-le")
            parts.append(wide)
            valid &= good and (stop >= len(cell) or cell[stop] == 0)
        place, narrow = stop + 1, not narrow
    return "".join(parts), valid


def _decoded(cell: bytes, encoding: str) -> tuple[str, bool]:
    try:
        return cell.decode(encoding), True
    except UnicodeDecodeError:
        return cell.decode(encoding, "replace"), False
