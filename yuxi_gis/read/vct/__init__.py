"""Read VCT, the Chinese exchange format of vector data (GB/T 17798-1999 and -2007).

A table holds the objects of one feature code, or of several that share an attribute table, with
its attributes; the number of the object joins them. Lines that only bound polygons are no table.

No real VCT file was available. The reader follows the grammar of the standard as public programs
read and write it, and has been tried only on files written by that grammar
(``tests/read/vct_cases.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.errors import SourceError
from yuxi_gis.read.charset import Verdict, known, of_bytes
from yuxi_gis.read.declared import of_vct
from yuxi_gis.read.table import Decision, Note, Options, RawTable
from yuxi_gis.read.vct.attributes import Attributes, read_attributes
from yuxi_gis.read.vct.crs import Space, read_space
from yuxi_gis.read.vct.geometry import Builder
from yuxi_gis.read.vct.notes import file_notes, problem_notes
from yuxi_gis.read.vct.objects import Names, Objects, read_objects
from yuxi_gis.read.vct.sections import (
    GEOMETRY,
    Field,
    Layer,
    Section,
    read_fields,
    read_head,
    read_layers,
    split_sections,
)

__all__ = ["open"]

_TEXTS = ("head", "featurecode", "tablestructure", "annotation", "attribute")
_TYPES = {"point": "Point", "line": "LineString", "polygon": "Polygon", "annotation": "Point"}
#: A survey has some hundred.
_MOST_TABLES = 2000
#: Columns for what the file says outside the attributes.
_ID, _CODE, _TEXT = "VCT_ID", "VCT_CODE", "VCT_TEXT"


@dataclass
class _Table:
    """A table of the file: what is to be joined."""

    name: str
    fields: list[Field] = field(default_factory=list)
    attributes: Attributes | None = None
    shapes: set[str] = field(default_factory=set)
    #: Objects by section.
    objects: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class _File:
    """All that was read of a file."""

    names: Names
    encoding: str
    objects: dict[str, Objects]
    builder: Builder
    space: Space


def open(path: Path, options: Options) -> list[RawTable]:
    """The tables of a VCT file.

    Parameters
    ----------
    path : Path
        The whole file is read; memory grows with its size.
    options : Options
        `encoding` overrules what the bytes tell.

    Returns
    -------
    list of RawTable
        In the order of the feature codes; then attribute tables without objects, then objects
        whose code is not declared, named by it. Notes on the file are with the first table.

    Raises
    ------
    SourceError
        The file cannot be read, is no VCT, or its objects follow no known grammar.
    ParameterError
        `options.encoding` is no encoding.
    """
    path = Path(path)
    sections = _sections(path)
    verdict = _encoding(sections, options)
    encoding = verdict.encoding
    head = read_head(sections.get("head"), encoding)
    separator = head["separator"]
    layers = read_layers(sections.get("featurecode"), separator, encoding)
    fields, miscounted = read_fields(sections.get("tablestructure"), separator, encoding)
    names = Names()
    objects = {}
    for name in GEOMETRY:
        objects[name] = read_objects(sections.get(name), layers, head, names, encoding)
        if name in sections:
            sections[name].lines.clear()  # most of the memory
    _require_readable(path, objects)
    blocks, stray = read_attributes(sections.get("attribute"), fields, layers, head, encoding)
    for block in blocks.values():
        block.ids = [names.number(text.encode(encoding, "replace")) for text in block.id_texts]
    space = read_space(head, np.concatenate([o.xy for o in objects.values()]))
    for found in objects.values():
        found.xy = space.apply(found.xy)
    file = _File(
        names, encoding, objects, Builder(objects["line"], objects["polygon"], space.degrees), space
    )
    tables, built_from = _tables(layers, fields, blocks, objects, encoding)
    decisions = (
        _format(head, layers),
        Decision("encoding", encoding, verdict.zh, verdict.en, verdict.confidence),
        *space.decisions,
    )
    dimension = head.get("dim", "")
    notes = file_notes(sections, miscounted, stray, built_from, objects, dimension)
    if len(tables) > _MOST_TABLES:
        raise SourceError(
            f"{path.name}：有 {len(tables)} 个表，多于 {_MOST_TABLES}；要素代码可能已损坏。",
            f"{path.name}: {len(tables)} tables, more than {_MOST_TABLES}; its feature codes may "
            "be damaged.",
        )
    if not tables:
        raise SourceError(
            f"{path.name}：VCT 文件中没有任何要素或属性数据。请核对文件是否完整。",
            f"{path.name}: this VCT file has neither objects nor attributes. Check that it is "
            "whole.",
        )
    return [_raw(file, table, decisions, notes if k == 0 else ()) for k, table in enumerate(tables)]


def _sections(path: Path) -> dict[str, Section]:
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    except OSError as error:
        raise SourceError(
            f"{path.name}：无法读取（{error.strerror}）。", f"{path.name}: {error.strerror}."
        ) from error
    data = data.replace(b"\r", b"\n")
    sections = split_sections(data) if b"\0" not in data[:4096] else {}
    if not set(sections) & {*GEOMETRY, "attribute"}:
        raise SourceError(
            f"{path.name}：不是 VCT 文件，或不完整：第 1 行起没有 PointBegin、LineBegin、"
            "PolygonBegin 或 AttributeBegin 段。请向数据提供方重新索取。",
            f"{path.name}: no VCT file, or not whole: from line 1 on there is no section "
            "PointBegin, LineBegin, PolygonBegin or AttributeBegin. Ask for the file again.",
        )
    return sections


def _encoding(sections: dict[str, Section], options: Options) -> Verdict:
    if options.encoding is not None:
        said = options.encoding
        return Verdict(known(said), f"按用户指定（{said}）", f"as told ({said})", "certain")

    def texts() -> Iterator[bytes]:
        for name in _TEXTS:
            section = sections.get(name)
            yield from section.lines if section else ()

    return of_bytes(texts())


def _require_readable(path: Path, objects: dict[str, Objects]) -> None:
    """Some objects may be damaged; where all of a section are, its grammar is another one."""
    for name, found in objects.items():
        if found.ids and len(found.problems.get("broken", ())) == len(found.ids):
            line = found.at[0]
            raise SourceError(
                f"{path.name} 第 {line} 行：{name.title()}Begin 段中没有一个对象符合 GB/T 17798 "
                "的语法。请用导出软件重新导出，或联系我们。",
                f"{path.name} line {line}: not one object of section {name.title()}Begin follows "
                "the grammar of GB/T 17798. Export the file again, or tell us of it.",
            )


def _format(head: dict[str, str], layers: list[Layer]) -> Decision:
    mark, version = head.get("datamark", "-")[:40], head.get("version", "-")[:40]
    return Decision(
        "format",
        f"VCT {mark} {version}",
        f"文件头的格式标志和版本；{len(layers)} 个要素类型。VCT 读取只在按标准语法编写的文件上"
        "试过，请核对结果。",
        f"Mark and version of the head; {len(layers)} feature codes. Reading of VCT was tried "
        "only on files written by the grammar of the standard: check the result.",
        "certain" if "datamark" in head else "high",
    )


def _tables(
    layers: list[Layer],
    fields: dict[str, list[Field]],
    blocks: dict[str, Attributes],
    objects: dict[str, Objects],
    encoding: str,
) -> tuple[list[_Table], dict[str, int]]:
    """The tables, and how many lines and nodes only serve to build polygons."""
    tables: dict[str, _Table] = {}
    known_fields = {name.lower(): (name, columns) for name, columns in fields.items()}
    homes: dict[tuple[str, str], _Table] = {}
    for layer in layers:
        key = layer.table.lower()
        name, columns = known_fields.get(key, (layer.table, []))
        table = tables.setdefault(key, _Table(name, columns))
        if layer.shape in GEOMETRY:
            homes.setdefault((layer.code, layer.shape), table)
            table.shapes.add(layer.shape)
    for key, block in blocks.items():
        name, columns = known_fields.get(key, (block.name, []))
        table = tables.setdefault(key, _Table(name, columns))
        table.attributes = block
    built_from: dict[str, int] = {}
    used = _used(objects["polygon"])
    for shape, found in objects.items():
        codes = pd.Series(found.codes, dtype=object)
        for code, index in codes.groupby(codes, sort=False).indices.items():
            chosen = np.asarray(index)
            home = homes.get((str(code), shape))
            if home is None:
                chosen, helpers = _serving(found, shape, chosen, used)
                built_from[shape] = built_from.get(shape, 0) + helpers
                home = _home(tables, blocks, str(code), shape, found, chosen, bool(layers))
            if home is not None:
                before = home.objects.get(shape, np.empty(0, int))
                home.objects[shape] = np.sort(np.concatenate([before, chosen]))
                home.shapes.add(shape)
    return [t for t in tables.values() if t.attributes or t.objects or t.shapes], built_from


def _used(polygons: Objects) -> np.ndarray:
    return np.unique([n for refs in polygons.refs for n, _, _ in refs]).astype(np.int64)


def _serving(
    found: Objects, shape: str, chosen: np.ndarray, used: np.ndarray
) -> tuple[np.ndarray, int]:
    """Objects of an undeclared code without those that bound polygons or are bare nodes."""
    ids = np.array(found.ids, np.int64)[chosen]
    if shape == "line":
        serves = np.isin(ids, used)
    elif shape == "point":
        serves = np.array([found.kinds[i] == 2 for i in chosen], bool)
    else:
        serves = np.zeros(len(chosen), bool)
    return chosen[~serves], int(serves.sum())


def _home(
    tables: dict[str, _Table],
    blocks: dict[str, Attributes],
    code: str,
    shape: str,
    found: Objects,
    chosen: np.ndarray,
    are_declared: bool,
) -> _Table | None:
    """The table for objects of an undeclared code: the one with their numbers, or a new one."""
    if not len(chosen):
        return None
    if not are_declared:
        ids = np.array(found.ids, np.int64)[chosen]
        for key, block in blocks.items():
            if np.isin(ids, block.ids).mean() > 0.5:
                return tables[key]
    name = code if code.lower() not in tables else f"{code}_{shape}"
    return tables.setdefault(name.lower(), _Table(name))


@dataclass(frozen=True)
class _Rows:
    """Which object and which attribute row make each row of a table; -1 for none.

    Rows are those of the attributes, in their order; objects without attributes follow.
    """

    attribute: np.ndarray
    shape: np.ndarray
    object: np.ndarray
    ids: np.ndarray


def _rows(file: _File, table: _Table) -> _Rows:
    shapes = np.repeat(
        np.array(list(table.objects), object), [len(c) for c in table.objects.values()]
    )
    index = np.concatenate([*table.objects.values(), np.empty(0, int)]).astype(int)
    ids = np.array(
        [file.objects[s].ids[i] for s, i in zip(shapes, index, strict=True)], dtype=np.int64
    )
    rows = np.array(table.attributes.ids if table.attributes else [], dtype=np.int64)
    # The k-th row with a number belongs to the k-th object with it.
    at = _numbered(ids).get_indexer(_numbered(rows))
    left = np.setdiff1d(np.arange(len(ids)), at)
    order = np.concatenate([at, left])
    attribute = np.concatenate([np.arange(len(rows)), np.full(len(left), -1)])
    # One more at the end, for -1: rows without an object.
    return _Rows(
        attribute.astype(int),
        np.concatenate([shapes, np.array([None], object)])[order],
        np.append(index, -1)[order],
        np.concatenate([rows, ids[left]]),
    )


def _numbered(ids: np.ndarray) -> pd.MultiIndex:
    series = pd.Series(ids)
    return pd.MultiIndex.from_arrays([ids, series.groupby(series).cumcount()])


def _raw(
    file: _File, table: _Table, decisions: tuple[Decision, ...], notes: tuple[Note, ...]
) -> RawTable:
    rows = _rows(file, table)
    columns, extra = _columns(file, table)
    geometry = None
    if table.shapes:
        types = {_TYPES[shape] for shape in table.shapes}
        geometry = types.pop() if len(types) == 1 else "Unknown"

    def load() -> tuple[pd.DataFrame, tuple[Note, ...]]:
        frame, lost = _frame(file, table, rows, columns, extra)
        if geometry is None:
            return frame, lost
        shapes = _geometry(file, rows)
        frame = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, crs=file.space.crs))
        return frame, (*lost, *_joining(file, table, rows), *_problems(file, rows))

    crs = file.space.crs if geometry else None
    return RawTable(
        table.name,
        (*columns, *extra),
        len(rows.ids),
        geometry,
        crs,
        file.encoding,
        load,
        decisions,
        notes,
        of_vct(columns, table.fields),
    )


def _columns(file: _File, table: _Table) -> tuple[list[str], list[str]]:
    """Names of the fields, and of the columns for what is not in the attributes."""
    block = table.attributes
    names = [f.name for f in table.fields]
    if block:
        names = block.columns(names)
    taken: dict[str, int] = {}
    unique = []
    for name in names:
        taken[name.lower()] = taken.get(name.lower(), 0) + 1
        unique.append(name if taken[name.lower()] == 1 else f"{name}_{taken[name.lower()]}")
    extra = [] if block and block.id_is_field(len(table.fields)) else [_ID]
    codes = {file.objects[s].codes[i] for s, chosen in table.objects.items() for i in chosen}
    if len(codes) > 1 and "ysdm" not in taken:
        extra.append(_CODE)
    if "annotation" in table.objects:
        extra.append(_TEXT)
    return unique, [name for name in extra if name.lower() not in taken]


def _frame(
    file: _File, table: _Table, rows: _Rows, columns: list[str], extra: list[str]
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    block = table.attributes or Attributes(table.name, "", [], [])
    frame, notes = block.frame(columns, [f.type for f in table.fields])
    if len(rows.ids) > len(frame):
        frame = frame.reindex(range(len(rows.ids)))
        if _ID not in extra and columns:  # the first field is the number of the object
            alone = np.flatnonzero(rows.attribute < 0)
            frame[columns[0]] = frame[columns[0]].astype("str").where(rows.attribute >= 0)
            frame.loc[alone, columns[0]] = [file.names.text(rows.ids[k]) for k in alone]
    made: dict[str, Any] = {
        _ID: lambda: [file.names.text(number) for number in rows.ids],
        _CODE: lambda: _of_objects(rows, lambda s, i: file.objects[s].codes[i]),
        _TEXT: lambda: _of_objects(
            rows,
            lambda s, i: (
                file.objects[s].texts[i].decode(file.encoding, "replace") or None
                if s == "annotation"
                else None
            ),
        ),
    }
    for name in extra:
        frame[name] = pd.Series(made[name](), index=frame.index, dtype="str")
    return frame, notes


def _of_objects(rows: _Rows, value: Any) -> list[str | None]:
    return [
        None if shape is None else value(shape, int(i))
        for shape, i in zip(rows.shape, rows.object, strict=True)
    ]


def _geometry(file: _File, rows: _Rows) -> np.ndarray:
    found = np.full(len(rows.ids), None, object)
    for shape in GEOMETRY:
        at = np.flatnonzero(rows.shape == shape)
        chosen = rows.object[at]
        if not len(at):
            continue
        if shape == "polygon":
            found[at] = file.builder.areas(chosen)
        elif shape == "line":
            found[at] = file.builder.polylines(chosen)
        else:
            found[at] = file.builder.points(file.objects[shape], chosen)
    return found


def _joining(file: _File, table: _Table, rows: _Rows) -> Iterator[Note]:
    """Rows without an object, objects without a row, numbers that come twice."""
    cases = {
        "no_object": (rows.object < 0) if table.objects else np.zeros(len(rows.ids), bool),
        "no_attributes": (rows.attribute < 0)
        if table.attributes
        else np.zeros(len(rows.ids), bool),
        "duplicate_id": pd.Series(rows.ids).duplicated(keep=False).to_numpy(),
    }
    for what, where in cases.items():
        yield from problem_notes(file.names, {what: np.flatnonzero(where)}, rows.ids)


def _problems(file: _File, rows: _Rows) -> Iterator[Note]:
    """What was found wrong with objects, by rows of the table."""
    found: dict[str, np.ndarray] = {}
    for shape in GEOMETRY:
        at = np.flatnonzero(rows.shape == shape)
        for what, objects in file.objects[shape].problems.items():
            hit = at[np.isin(rows.object[at], list(objects))]
            found[what] = np.union1d(found.get(what, np.empty(0, int)), hit).astype(int)
    yield from problem_notes(file.names, found, rows.ids, file.builder.deviation)
