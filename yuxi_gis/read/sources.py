"""What lies in the files, folders and archives that a user names, before rows are read.

A source is written ``path``, ``ID=path`` or ``path|layername=TABLE``; a path is a file, a File
Geodatabase, a zip, or a folder with any number of these.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from yuxi_gis.catalog import LayerSpec, load_catalog, recognise
from yuxi_gis.errors import SourceError, YuxiGisError
from yuxi_gis.read.archive import Unpacked, refuse_other_archives, unpack
from yuxi_gis.read.fields import official_names
from yuxi_gis.read.formats import UNREAD, Format, format_of, readable, suffixes
from yuxi_gis.read.table import Batch, Decision, Note, Options, RawTable, Stream

__all__ = ["Catalog", "SourceTable", "Survey", "find_tables", "survey"]

#: Shapes in a batch.
_BATCH = 10_000

Catalog = Mapping[str, LayerSpec]
Progress = Callable[[str, str, float], None]
Sources = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class SourceTable:
    """One table of a source: what it is, before its rows are read.

    Attributes
    ----------
    path : Path
        The file that the user has, or the folder of a File Geodatabase; for a member of a zip,
        the zip.
    name : str
        Path and table as people write them: ``"county.zip/DK.shp|DK"``.
    raw : RawTable
        The table as its reader gives it.
    spec : LayerSpec or None
        The official layer that it is; None where it was not recognised.
    decisions : tuple of Decision
        Format, layer, and what the reader decided.
    notes : tuple of Note
    options : Options
    truncated : bool
        The file cuts names of fields at 10 bytes.
    unpacked : Unpacked or None
        Holds the scratch copy of a zip as long as the table is there.
    """

    path: Path
    name: str
    raw: RawTable
    spec: LayerSpec | None
    decisions: tuple[Decision, ...]
    notes: tuple[Note, ...]
    options: Options
    truncated: bool = False
    unpacked: Unpacked | None = None

    @property
    def table(self) -> str:
        """Name of the table in its file."""
        return self.raw.name

    @property
    def geometry(self) -> str | None:
        """Geometry type as the file declares it; None for a table without geometry."""
        return self.raw.geometry

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.raw.rows

    @property
    def columns(self) -> tuple[str, ...]:
        """Field names as in the file."""
        return self.raw.columns

    @property
    def encoding(self) -> str:
        """Character encoding with which the text is read."""
        return self.raw.encoding

    @property
    def crs(self) -> CRS | None:
        """The CRS that the file declares, or the one that the user gave for it."""
        given = self.options.crs
        return (
            given if self.raw.crs is None or (given and self.options.override_crs) else self.raw.crs
        )

    def load(self) -> tuple[pd.DataFrame, tuple[Note, ...]]:
        """The rows as the file has them, and what was noticed; see `RawTable.load`."""
        try:
            return self.raw.load()
        except YuxiGisError as error:
            raise _in_words_of_the_user(error, self.path, self.unpacked) from error

    def stream(self) -> Stream:
        """The same with the shapes apart, batch by batch where the format can; see `Stream`."""
        try:
            if self.raw.stream is None:
                frame, notes = self.raw.load()
                return _in_parts(frame, notes)
            frame, notes, batches = self.raw.stream()
        except YuxiGisError as error:
            raise _in_words_of_the_user(error, self.path, self.unpacked) from error
        return frame, notes, self._told(batches)

    def _told(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        try:
            yield from batches
        except YuxiGisError as error:
            raise _in_words_of_the_user(error, self.path, self.unpacked) from error

    @property
    def missing(self) -> tuple[str, ...]:
        """Mandatory fields of the layer that the table does not have."""
        if self.spec is None:
            return ()
        have = official_names(self.columns, self.spec, truncated=self.truncated).values()
        return tuple(name for name in self.spec.mandatory if name not in have)


@dataclass(frozen=True)
class Survey:
    """What sources hold: the tables, the files that cannot be read and why, the ones left out.

    Attributes
    ----------
    tables : tuple of SourceTable
    failures : tuple of YuxiGisError
        One for each file that cannot be read; the message names it.
    ignored : tuple of (Path, str, str)
        Files in a folder or zip that are of a known kind that is not read, with the advice in
        Chinese and English.
    """

    tables: tuple[SourceTable, ...]
    failures: tuple[YuxiGisError, ...]
    ignored: tuple[tuple[str, str, str], ...] = ()


def find_tables(
    sources: Sources,
    *,
    options: Options | None = None,
    catalog: Catalog | None = None,
) -> list[SourceTable]:
    """What `sources` hold, without reading their rows.

    Raises
    ------
    SourceError
        A source is missing or cannot be opened.
    """
    found = survey(sources, options=options, catalog=catalog)
    if found.failures:
        raise found.failures[0]
    return list(found.tables)


def survey(
    sources: Sources,
    *,
    options: Options | None = None,
    catalog: Catalog | None = None,
    progress: Progress | None = None,
) -> Survey:
    """What `sources` hold; goes on past what cannot be read.

    Parameters
    ----------
    sources : path-like or iterable of path-like
        Files, folders, zips; each may be written ``ID=path`` and ``path|layername=TABLE``.
    options : Options, optional
        Encoding, CRS and so on that the user gives.
    catalog : mapping of str to LayerSpec, optional
        By default the one of the package.
    progress : callable, optional
        Called as ``progress(zh, en, fraction)``.

    Returns
    -------
    Survey
    """
    looking = _Looking(options or Options(), load_catalog() if catalog is None else catalog)
    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    todo = [os.fspath(source) for source in sources]
    for done, source in enumerate(todo):
        if progress is not None:
            progress(f"查看 {source}", f"looking at {source}", done / len(todo))
        looking.at_source(source)
    return Survey(tuple(looking.tables), tuple(looking.failures), tuple(looking.ignored))


class _Looking:
    """One pass over sources: collects tables, failures and what is left out."""

    def __init__(self, options: Options, catalog: Catalog) -> None:
        self.options = options
        self.catalog = catalog
        self.tables: list[SourceTable] = []
        self.failures: list[YuxiGisError] = []
        self.ignored: list[tuple[str, str, str]] = []

    def at_source(self, source: str) -> None:
        try:
            spec, path, table = _parse(source, self.catalog)
            found: list[SourceTable] = []
            for place in self._places(path):
                found += self._tables(place, table)
            if spec is None:
                self.tables += found
            elif found:
                self.tables += _named(found, spec)
        except YuxiGisError as error:
            self.failures.append(error)
        except OSError as error:  # a folder that may not be looked into, a disk that is gone
            why = error.strerror or str(error)
            self.failures.append(
                SourceError(f"{source}：无法读取（{why}）。", f"{source}: cannot be read ({why}).")
            )

    def _places(self, path: Path) -> list[_Place]:
        """The data files that `path` stands for."""
        _require_there(path)
        if path.is_dir() and path.suffix.lower() != ".gdb":
            self._note_unread(path, path.as_posix())
            files = list(readable(path))
            if not files:
                known = " ".join(suffixes())
                raise SourceError(
                    f"{path}：文件夹里没有可读的数据（{known}）。",
                    f"{path}: the folder has no data that can be read ({known}).",
                )
        else:
            files = [path]
        places: list[_Place] = []
        for file in files:
            try:
                places += self._unpacked(file) if file.suffix.lower() == ".zip" else [_Place(file)]
            except YuxiGisError as error:
                if len(files) == 1:
                    raise
                self.failures.append(error)
        return places

    def _unpacked(self, path: Path) -> list[_Place]:
        _require_there(path)
        unpacked = unpack(path)
        self.ignored += [(path.as_posix(), note.zh, note.en) for note in unpacked.notes]
        self._note_unread(_root(path, unpacked), path.as_posix())
        files = list(readable(unpacked.folder))
        if not files:
            known = " ".join(suffixes())
            raise SourceError(
                f"{path}：压缩包里没有可读的数据（{known}）。",
                f"{path}: the archive has no data that can be read ({known}).",
            )
        return [_Place(file, path, unpacked) for file in files]

    def _note_unread(self, folder: Path, shown: str) -> None:
        advice = {suffix: row for row in UNREAD[:-1] for suffix in row.suffixes}
        for file in sorted(folder.rglob("*")):
            row = advice.get(file.suffix.lower())
            if row is not None and file.is_file():
                name = f"{shown}/{file.relative_to(folder).as_posix()}"
                self.ignored.append((name, row.zh, row.en))

    def _tables(self, place: _Place, wanted: str | None) -> list[SourceTable]:
        """The tables of one file; a failure is listed where more files may follow."""
        try:
            _require_there(place.file)
            form = format_of(place.file)
            raws = form.open(place.file, self.options)
            if wanted is not None:
                raws = _pick(place, raws, wanted)
            return [self._source_table(place, form, raw) for raw in raws]
        except YuxiGisError as error:
            self.failures.append(_in_words_of_the_user(error, place.path, place.unpacked))
            return []

    def _source_table(self, place: _Place, form: Format, raw: RawTable) -> SourceTable:
        stem = place.file.name.partition(".")[0]
        spec = recognise(raw.name, raw.columns, self.catalog) or recognise(
            stem, raw.columns, self.catalog
        )
        extra = () if place.unpacked is None else place.unpacked.decisions
        return SourceTable(
            path=place.path,
            name=f"{place.shown}|{raw.name}",
            raw=raw,
            spec=spec,
            decisions=_in_order(
                _format_decision(form), *extra, _layer_decision(spec), *raw.decisions
            ),
            notes=raw.notes,
            options=self.options,
            truncated=form.cuts_names,
            unpacked=place.unpacked,
        )


@dataclass(frozen=True)
class _Place:
    """A data file, and the zip that it came out of."""

    file: Path
    zip: Path | None = None
    unpacked: Unpacked | None = None

    @property
    def path(self) -> Path:
        return self.file if self.zip is None else self.zip

    @property
    def shown(self) -> str:
        if self.zip is None or self.unpacked is None:
            return str(self.file)
        return f"{self.zip}/{self.file.relative_to(_root(self.zip, self.unpacked)).as_posix()}"


def _root(path: Path, unpacked: Unpacked) -> Path:
    """Where the members of a zip lie: the folder named as the zip, unless it is a geodatabase."""
    folder = unpacked.folder / path.stem
    return folder if folder.is_dir() and folder.suffix.lower() != ".gdb" else unpacked.folder


def _in_parts(frame: pd.DataFrame, notes: tuple[Note, ...]) -> Stream:
    """A table that was read at once, its shapes in batches."""
    if not isinstance(frame, gpd.GeoDataFrame):
        return frame, notes, iter(())
    shapes = frame.geometry.to_numpy()
    bare = pd.DataFrame(frame.drop(columns=frame.active_geometry_name))
    bare.attrs = frame.attrs
    cuts = range(0, len(shapes), _BATCH)
    return bare, notes, ((shapes[first : first + _BATCH], ()) for first in cuts)


def _in_words_of_the_user(
    error: YuxiGisError, path: Path, unpacked: Unpacked | None
) -> YuxiGisError:
    """The same error with the zip that the user knows, not its scratch copy."""
    if unpacked is None:
        return error
    scratch = str(_root(path, unpacked))
    return type(error)(error.zh.replace(scratch, str(path)), error.en.replace(scratch, str(path)))


def _parse(source: str, catalog: Catalog) -> tuple[LayerSpec | None, Path, str | None]:
    """``ID=path|layername=T`` in its parts."""
    path, _, table = source.partition("|layername=")
    if not path.strip():
        raise SourceError("没有给出路径。", "No path was given.")
    match = re.fullmatch(r"([A-Za-z_]\w*)=(.+)", path)
    if match is None or Path(path).exists():
        return None, Path(path), table or None
    layer_id, path = match.groups()
    if layer_id not in catalog:
        ids = ", ".join(catalog)
        raise SourceError(
            f"没有 ID 为 {layer_id} 的图层。可用的 ID：{ids}。",
            f"There is no layer with the ID {layer_id}. There are: {ids}.",
        )
    return catalog[layer_id], Path(path), table or None


def _require_there(path: Path) -> None:
    try:
        there = path.exists()
    except (OSError, ValueError):  # a name that no disk can hold
        there = False
    if not there:
        raise SourceError(
            f"{path}：找不到该文件。请检查路径和文件名。",
            f"{path}: no such file. Check the path and the name.",
        )
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(
            f"{path}：文件是空的（0 字节）。请重新拷贝或重新导出。",
            f"{path}: the file is empty (0 bytes). Copy or export it again.",
        )
    if path.is_file():
        refuse_other_archives(path)


def _pick(place: _Place, raws: list[RawTable], wanted: str) -> list[RawTable]:
    chosen = [raw for raw in raws if raw.name == wanted]
    if not chosen:
        names = ", ".join(raw.name for raw in raws)
        raise SourceError(
            f"{place.file}：没有名为 {wanted} 的图层。其中有：{names}。",
            f"{place.file}: has no table {wanted}. It has: {names}.",
        )
    return chosen


def _format_decision(form: Format) -> Decision:
    return Decision("format", form.en, "按文件后缀", "by the ending of the file", "certain")


def _in_order(form: Decision, *others: Decision) -> tuple[Decision, ...]:
    """The reader's own word on the format goes before what the ending says."""
    own = [made for made in others if made.what == "format"]
    return (*(own or [form]), *(made for made in others if made.what != "format"))


def _layer_decision(spec: LayerSpec | None) -> Decision:
    if spec is None:
        return Decision(
            "layer",
            "",
            "未识别：表名和字段都不像已知图层；可用 ID=路径 指明",
            "not recognised by its name or fields; name it as ID=path",
            "low",
        )
    return Decision(
        "layer",
        spec.id,
        f"按表名和字段识别为{spec.title_zh}",
        f"recognised by name and fields as {spec.id}",
        "high",
    )


def _named(tables: list[SourceTable], spec: LayerSpec) -> list[SourceTable]:
    """The tables that the user means by ``ID=path``: one from each file."""
    by_file: dict[str, list[SourceTable]] = {}
    for table in tables:
        by_file.setdefault(table.name.rpartition("|")[0], []).append(table)
    return [_one(file, found, spec) for file, found in by_file.items()]


def _one(file: str, tables: list[SourceTable], spec: LayerSpec) -> SourceTable:
    with_geometry = [t for t in tables if t.geometry is not None]
    fitting = [t for t in tables if t.spec is spec] or with_geometry or tables
    if len(fitting) != 1:
        names = ", ".join(t.table for t in fitting)
        short = file.replace("\\", "/").rpartition("/")[2]
        raise SourceError(
            f"{file}：有多个图层（{names}），不知道哪个是 {spec.id}。"
            f"请写成 {spec.id}={short}|layername=图层名。",
            f"{file}: has several tables ({names}); which one is {spec.id}? "
            f"Write {spec.id}={short}|layername=NAME.",
        )
    told = Decision(
        "layer", spec.id, f"按用户指定读作{spec.title_zh}", f"read as {spec.id}, as told", "certain"
    )
    decisions = tuple(told if d.what == "layer" else d for d in fitting[0].decisions)
    return replace(fitting[0], spec=spec, decisions=decisions)
