"""Tables of a Microsoft Access database, and the layers of an ESRI personal geodatabase.

The ``.mdb`` of a 确权 delivery holds FBF, CBF, CBF_JTCY, CBHT, CBDKXX …; a personal geodatabase
is an ``.mdb`` too, with a catalogue of its geometry columns.

Everything is read by `yuxi_gis.read.access.jet`. access-parser 0.0.6 is not used: it opens no
file that Access 2010 or later wrote, gives the content of deleted columns for that of others, and
drops rows that moved to another page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

import geopandas as gpd
import pandas as pd

from yuxi_gis.errors import SourceError
from yuxi_gis.read.access.jet import MEMO, TEXT, Jet, JetError, Table
from yuxi_gis.read.access.pgeo import (
    CATALOGUE,
    REFERENCES,
    Shape,
    is_internal,
    shape_columns,
    shapes,
)
from yuxi_gis.read.access.rows import Cells, Entry, decode, entries, read
from yuxi_gis.read.access.values import column_of
from yuxi_gis.read.charset import Verdict, known, of_bytes
from yuxi_gis.read.declared import of_access
from yuxi_gis.read.table import Decision, Note, Options, RawTable

__all__ = ["open"]

_TABLE, _SERVER, _FILE = 1, 4, 6
_SYSTEM = 0x80000002
_HIDDEN = ("msys", "usys", "~", "gdb_")
#: An Access file is smaller than this (Microsoft's specification of Access).
_MOST_BYTES = 2**31
_VERSIONS = {0: "97 (Jet 3)", 1: "2000-2003 (Jet 4)", 2: "2007 (ACE 12)", 3: "2010 (ACE 14)"}
_CODE_PAGES = {936: "GB18030", 950: "Big5"}
_MEND = {
    "foreign": (
        "请确认文件来源：可能是别的软件的 .mdb，或拷贝、下载时损坏。请用生成它的软件另存为 Access "
        "数据库，或导出为 Excel。",
        "It may be of another program, or damaged in copying. Save it as an Access database or "
        "export a workbook from the program that wrote it.",
    ),
    "encrypted": (
        "请在 Access 中以独占方式打开，用“文件 → 信息 → 解密数据库”取消密码（旧版：工具 → 安全 → "
        "撤消数据库密码、解码数据库）后另存，再读取。",
        "Open it in Access exclusively, take the password off (File, Info, Decrypt Database; in "
        "old versions Tools, Security, Unset Password and Decode), save it and read it again.",
    ),
    "damaged": (
        "请在 Access 中用“压缩和修复数据库”处理，或重新拷贝后再读。",
        "Use Compact and Repair Database in Access, or copy it again.",
    ),
}


@dataclass(frozen=True)
class _Source:
    """A database and how its text is read: `codec` is None for UTF-16."""

    path: Path
    jet: Jet
    codec: str | None

    def text(self, stored: bytes) -> str:
        """A name as it is stored."""
        return decode(stored, self.codec)[0].rstrip("\0")


def open(path: Path, options: Options) -> list[RawTable]:
    """The user's tables of an Access database, without those of Access and ArcGIS.

    Parameters
    ----------
    path : Path
        ``.mdb`` or ``.accdb``, Access 97 to 2019.
    options : Options
        ``encoding`` counts for Access 97 only; later text is UTF-16.

    Returns
    -------
    list of RawTable
        In the order of the catalogue. What the database has beside them (linked tables, tables
        that cannot be read) is told in notes of the first.

    Raises
    ------
    SourceError
        It is no Access database, encrypted or damaged, or has no table of its own.
    """
    jet = _jet(path)
    try:
        listed = entries(jet)
    except JetError as error:
        raise _refused(path, error) from error
    listed = [entry for entry in listed if not entry.flags & _SYSTEM]
    definitions, unread = _definitions(jet, listed)
    codec, decisions = _decided(path, jet, definitions, options)
    source = _Source(path, jet, codec)
    named = [(source.text(name), table) for name, table in definitions.items()]
    shape_of = _shape_columns(source, named)
    tables = [
        _raw_table(source, name, table, shape_of.get(name.lower()), decisions)
        for name, table in named
        if not name.lower().startswith(_HIDDEN) and not (shape_of and is_internal(name, shape_of))
    ]
    notes = (*_linked(source, listed), *_unread(source, unread))
    if not tables:
        zh, en = "".join(note.zh for note in notes), " ".join(note.en for note in notes)
        raise SourceError(
            f"{path}：数据库里没有可读的数据表。{zh}",
            f"{path}: the database has no table of its own that can be read. {en}".strip(),
        )
    return [replace(tables[0], notes=(*tables[0].notes, *notes)), *tables[1:]]


def _jet(path: Path) -> Jet:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise JetError("文件超过 2 GB", "it is larger than 2 GB", "foreign")
        return Jet(path.read_bytes())
    except JetError as error:
        raise _refused(path, error) from error
    except OSError as error:
        raise SourceError(
            f"{path}：无法打开（{error.strerror}）。请检查权限，并确认没有被其他程序独占。",
            f"{path}: cannot be opened ({error.strerror}). Check the permissions, and that no "
            "other program holds it.",
        ) from error


def _refused(path: Path, error: JetError) -> SourceError:
    zh, en = _MEND[error.kind]
    return SourceError(f"{path}：{error.zh}。{zh}", f"{path}: {error.en}. {en}")


def _definitions(
    jet: Jet, listed: list[Entry]
) -> tuple[dict[bytes, Table], list[tuple[bytes, JetError]]]:
    """Definitions of the tables by name, and those that cannot be read."""
    found: dict[bytes, Table] = {}
    unread = []
    pages: set[int] = set()
    for entry in listed:
        if entry.kind != _TABLE:
            continue
        try:
            if entry.name in found or entry.page in pages:
                raise JetError("目录里重复", "the catalogue has it twice")
            pages.add(entry.page)
            found[entry.name] = jet.table(entry.page)
        except JetError as error:
            unread.append((entry.name, error))
    return found, unread


def _linked(source: _Source, listed: list[Entry]) -> Iterator[Note]:
    for entry in listed:
        if entry.kind not in (_SERVER, _FILE):
            continue
        name = source.text(entry.name)
        # Only the name of the file: a link to a server may hold its password.
        there = (
            PureWindowsPath(source.text(entry.linked_to)).name if entry.kind == _FILE else "ODBC"
        )
        yield Note(
            "table_linked",
            f"表 {name} 是链接表，数据在另一个数据库（{there}）中，未读出。请直接读取那个数据库。",
            f"Table {name} is a link to another database ({there}) and is not read. Read that "
            "database itself.",
            severity="warning",
        )


def _unread(source: _Source, unread: list[tuple[bytes, JetError]]) -> Iterator[Note]:
    zh, en = _MEND["damaged"]
    for stored, error in unread:
        name = source.text(stored)
        yield Note(
            "table_unreadable",
            f"表 {name} 未能读出：{error.zh}。{zh}",
            f"Table {name} is not read: {error.en}. {en}",
            severity="error",
        )


def _decided(
    path: Path, jet: Jet, definitions: dict[bytes, Table], options: Options
) -> tuple[str | None, tuple[Decision, ...]]:
    """The codec of text, and the decisions on format and encoding."""
    version = _VERSIONS.get(jet.version, "2013-2019 (ACE 15/16)")
    decided = Decision("format", f"Access {version}", "按文件头", "by the file's header", "certain")
    if not jet.jet3:
        zh, en = "Access 2000 起文字都是 UTF-16", "text is UTF-16 since Access 2000"
        return None, (decided, Decision("encoding", "UTF-16", zh, en, "certain"))
    if options.encoding is not None:
        verdict = Verdict(known(options.encoding), "按用户指定", "as told", "certain")
    elif jet.code_page in _CODE_PAGES:
        zh, en = f"文件头声明代码页 {jet.code_page}", f"the header says code page {jet.code_page}"
        verdict = Verdict(_CODE_PAGES[jet.code_page], zh, en, "high")
    else:
        # The page of a western Access says nothing: it keeps the bytes of a Chinese Windows.
        texts = _stored_texts(path, jet, definitions)
        verdict = of_bytes(texts, f"cp{jet.code_page}" if jet.code_page else None, path.name)
    name = verdict.encoding
    return name, (decided, Decision("encoding", name, verdict.zh, verdict.en, verdict.confidence))


def _stored_texts(path: Path, jet: Jet, definitions: dict[bytes, Table]) -> Iterator[bytes]:
    """Names and text of a Jet 3 file."""
    for name, table in definitions.items():
        yield name
        cells = _cells(path, jet, table)
        for column, values in zip(table.columns, cells.columns, strict=True):
            yield column.name
            if column.kind in (TEXT, MEMO):
                yield from (value for value in values if isinstance(value, bytes))


def _cells(path: Path, jet: Jet, table: Table) -> Cells:
    try:
        return read(jet, table)
    except JetError as error:
        raise _refused(path, error) from error


def _shape_columns(source: _Source, named: list[tuple[str, Table]]) -> dict[str, Shape]:
    """Geometry columns by the catalogue of a personal geodatabase; none in other files."""
    small = {name.lower(): table for name, table in named}
    listed = (small.get(name.lower()) for name in (CATALOGUE, REFERENCES))
    frames = (pd.DataFrame() if t is None else _frame(source, t)[0] for t in listed)
    return shape_columns(*frames)


def _names(source: _Source, table: Table) -> list[str]:
    names = [source.text(column.name) for column in table.columns]
    # Two names that differ only in bytes that cannot be decoded.
    return [n if names.count(n) == 1 else f"{n}_{i + 1}" for i, n in enumerate(names)]


def _raw_table(
    source: _Source,
    name: str,
    table: Table,
    shape: Shape | None,
    decisions: tuple[Decision, ...],
) -> RawTable:
    names = _names(source, table)
    field = next((n for n in names if shape and n.lower() == shape.field.lower()), None)
    rows = source.jet.count(table)
    path, codec = source.path, source.codec

    def load() -> tuple[pd.DataFrame, tuple[Note, ...]]:
        frame, notes = _frame(_Source(path, _jet(path), codec), table)
        if shape is None or field is None:
            return frame, notes
        geometry, found = shapes(_blobs(frame[field]))
        frame = gpd.GeoDataFrame(frame.drop(columns=field), geometry=geometry, crs=shape.crs)
        return frame, (*notes, *found)

    return RawTable(
        name=name,
        columns=tuple(n for n in names if n != field),
        rows=rows,
        geometry=shape.geometry if shape and field is not None else None,
        crs=shape.crs if shape and field is not None else None,
        encoding=decisions[1].value,
        load=load,
        decisions=decisions,
        notes=(*_count_notes(table, rows), *(shape.notes if shape else ())),
        declared=of_access(names, table.columns, wide=codec is None),
    )


def _blobs(values: pd.Series) -> list[bytes | None]:
    return [value if isinstance(value, bytes) else None for value in values]


def _count_notes(table: Table, rows: int) -> Iterator[Note]:
    if rows != table.declared:
        yield Note(
            "row_count",
            f"表的定义说有 {table.declared} 行，实际读到 {rows} 行，数据库可能已损坏。"
            f"{_MEND['damaged'][0]}",
            f"The table says that it has {table.declared} rows; {rows} are there. The database "
            f"may be damaged. {_MEND['damaged'][1]}",
            severity="warning",
            count=abs(rows - table.declared),
        )
    if not table.mapped:
        yield Note(
            "page_map_damaged",
            f"表的页面清单已损坏，改按各页的归属读取，可能含已删除的行。{_MEND['damaged'][0]}",
            "The list of the table's pages is damaged; pages are read by what they say of "
            f"themselves, deleted rows perhaps among them. {_MEND['damaged'][1]}",
            severity="error",
        )


def _frame(source: _Source, table: Table) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """All rows of `table`, and what was lost."""
    cells = _cells(source.path, source.jet, table)
    series: dict[str, pd.Series] = {}
    notes = list(_damaged_rows(cells))
    for name, column, values in zip(
        _names(source, table), table.columns, cells.columns, strict=True
    ):
        series[name], found = column_of(column, name, values, source.codec)
        values.clear()
        notes += (*_lost(name, cells.lost.get(column.name, [])), *found)
    return pd.DataFrame(series, index=pd.RangeIndex(cells.rows)), tuple(notes)


def _damaged_rows(cells: Cells) -> Iterator[Note]:
    if cells.damaged:
        yield Note.on_rows(
            "row_damaged",
            [row + 1 for row in cells.damaged],
            f"{{count}} 行已损坏，各字段读作空值（第 {{rows}} 行）。{_MEND['damaged'][0]}",
            "{count} rows are damaged; all their fields are read as missing (rows {rows}). "
            + _MEND["damaged"][1],
            severity="error",
        )


def _lost(name: str, rows: list[int]) -> Iterator[Note]:
    if rows:
        safe = name
        yield Note.on_rows(
            "memo_damaged",
            [row + 1 for row in rows],
            f"字段 {safe} 有 {{count}} 行的长内容（备注或 OLE 对象）读不出，作空值"
            f"（第 {{rows}} 行）。{_MEND['damaged'][0]}",
            f"Field {safe}: long content (memo or OLE object) of {{count}} rows cannot be read "
            f"and is missing (rows {{rows}}). {_MEND['damaged'][1]}",
            severity="error",
            field=name,
        )
