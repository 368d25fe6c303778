"""Shapefiles and single .dbf tables. GDAL reads damaged ones, and wrong text, without a word.

Geometry comes from GDAL, text and numbers from `yuxi_gis.read.dbf`.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError
from pyproj import CRS

from yuxi_gis.crs import parse_crs
from yuxi_gis.errors import CRSError, SourceError
from yuxi_gis.read.charset import Verdict, detect
from yuxi_gis.read.dbf import Dbf, field_names, open_dbf, partner, typed_column
from yuxi_gis.read.declared import of_dbf
from yuxi_gis.read.table import Decision, Note, Options, RawTable, Stream, merged

__all__ = ["open"]

_HEADER = 100
#: Header of a record in the .shp: its number and length; then the type of the shape, 0 is null.
_RECORD, _NULL = 8, 0
#: Type of the shapes, in the header; M values are not read.
_CODE = 32
_SHAPES = {0: "Unknown", 31: "Unknown"} | {
    code + more: name + z
    for code, name in ((1, "Point"), (3, "LineString"), (5, "Polygon"), (8, "MultiPoint"))
    for more, z in ((0, ""), (10, " Z"), (20, ""))
}
#: From this confidence (0-100) on GDAL too takes an ESRI definition for the one of EPSG.
_SURE_OF_EPSG = 90
#: Shapes in a batch.
_BATCH = 10_000
#: So many different warnings of GDAL are passed on.
_SAID = 3
_PARTS = (".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj")
_GDAL_ERRORS = (DataSourceError, DataLayerError, FeatureError, GeometryError, ValueError)


def open(path: Path, options: Options) -> list[RawTable]:
    """The layer of a shapefile, or the table of a .dbf that belongs to none.

    Parameters
    ----------
    path : Path
        The ``.shp``, in any case; a ``.dbf`` beside a ``.shp`` stands for that.
    options : Options
        `encoding` overrules what was found.

    Raises
    ------
    SourceError
        A part is missing or damaged, or `path` is a part from which nothing can be read. Looked at
        (ESRI Shapefile Technical Description, 1998): the file code 9994 and the file length in the
        headers of .shp and .shx, the place and number of every record in both, and the number of
        records in the .dbf.
    ParameterError
        `options.encoding` is unknown.
    """
    suffix = path.suffix.lower()
    main = path if suffix == ".shp" else partner(path, ".shp")
    if suffix in _PARTS or (main is None and suffix != ".dbf"):
        raise SourceError(
            f"{path}：这是 shapefile 的附属文件。请给出同名的 .shp 文件。",
            f"{path}: is a part of a shapefile. Give the .shp file of the same name.",
        )
    try:
        return [_table(path, options) if main is None else _layer(main, options)]
    except OSError as error:
        raise _unreadable(path, error) from error


def _layer(path: Path, options: Options) -> RawTable:
    dbf = open_dbf(_part(path, ".dbf"))
    records = _records(path, dbf)
    verdict = detect(dbf, options.encoding)
    columns, notes = _head(dbf, verdict)
    crs, crs_notes = _crs(path)
    if partner(path, ".shx") is None:
        zh, en = "缺少 .shx 索引，已按 .shp 重建（原文件未改动）", "no .shx: rebuilt from the .shp"
        notes += (Note("index_rebuilt", zh, f"{en} (the source is not changed)", "warning"),)
    told = (dbf, columns, verdict.encoding, path, records, crs)
    return RawTable(
        name=path.stem,
        columns=columns,
        rows=int(dbf.kept.sum()),
        geometry=_SHAPES[_type(path, _mapped(path))],
        crs=crs,
        encoding=verdict.encoding,
        load=partial(_load, *told),
        decisions=_decisions("ESRI Shapefile", verdict),
        notes=notes + crs_notes,
        declared=of_dbf(columns, dbf.fields),
        stream=partial(_stream, *told),
    )


def _table(path: Path, options: Options) -> RawTable:
    dbf = open_dbf(path)
    verdict = detect(dbf, options.encoding)
    columns, notes = _head(dbf, verdict)
    return RawTable(
        name=path.stem,
        columns=columns,
        rows=int(dbf.kept.sum()),
        geometry=None,
        crs=None,
        encoding=verdict.encoding,
        load=partial(_load_columns, dbf, columns, verdict.encoding),
        decisions=_decisions("dBASE", verdict),
        notes=notes,
        declared=of_dbf(columns, dbf.fields),
    )


def _decisions(kind: str, verdict: Verdict) -> tuple[Decision, ...]:
    return (
        Decision("format", kind, "按文件扩展名和文件头", "by its ending and header", "certain"),
        Decision("encoding", verdict.encoding, verdict.zh, verdict.en, verdict.confidence),
    )


def _head(dbf: Dbf, verdict: Verdict) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """Field names; Notes on them and on rows that are marked as deleted."""
    columns, notes = field_names(dbf, verdict.encoding)
    deleted = np.flatnonzero(~dbf.kept) + 1
    if len(deleted):
        notes += (
            Note.on_rows(
                "rows_deleted",
                deleted,
                "{count} 行已标记为删除，不读取（第 {rows} 行）",
                "{count} rows are marked as deleted and left out (rows {rows})",
            ),
        )
    return columns, notes


def _load_columns(
    dbf: Dbf, columns: tuple[str, ...], encoding: str
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    data: dict[str, pd.Series] = {}
    notes: tuple[Note, ...] = ()
    for name, field in zip(columns, dbf.fields, strict=True):
        data[name], more = typed_column(dbf, field, name, encoding)
        notes += more
    return pd.DataFrame(data, index=pd.RangeIndex(int(dbf.kept.sum()))), notes


def _load(
    dbf: Dbf,
    columns: tuple[str, ...],
    encoding: str,
    path: Path,
    records: np.ndarray,
    crs: CRS | None,
) -> tuple[gpd.GeoDataFrame, tuple[Note, ...]]:
    frame, notes, batches = _stream(dbf, columns, encoding, path, records, crs)
    found = list(batches)
    shapes = np.concatenate([np.empty(0, dtype=object), *(batch for batch, _ in found)])
    name = "geometry"
    while name in frame.columns:
        name = f"_{name}"
    frame[name] = gpd.GeoSeries(shapes, index=frame.index)
    told = merged(note for _, more in found for note in more)
    return gpd.GeoDataFrame(frame, geometry=name, crs=crs), notes + told


def _stream(
    dbf: Dbf,
    columns: tuple[str, ...],
    encoding: str,
    path: Path,
    records: np.ndarray,
    crs: CRS | None,
) -> Stream:
    """As `_load`, the shapes batch by batch."""
    frame, notes = _load_columns(dbf, columns, encoding)
    return frame, notes, _batches(path, records, dbf.kept)


def _batches(
    path: Path, records: np.ndarray, kept: np.ndarray
) -> Iterator[tuple[np.ndarray, tuple[Note, ...]]]:
    """Geometry of the rows that are kept; Notes on M values and on shapes GDAL cannot read.

    GDAL is shown the .shp and its index only: it refuses the geometry too for an unreadable .prj
    or field name.
    """
    warned: dict[str, None] = {}
    with tempfile.TemporaryDirectory() as folder:
        source = _alone(path, records, Path(folder)) if len(records) else path
        for first in range(0, len(records), _BATCH):
            rows = slice(first, min(first + _BATCH, len(records)))
            fids, wkb, texts = _read_by_gdal(path, source, rows, len(records))
            shapes = np.full(rows.stop - first, None, dtype=object)
            shapes[fids - first] = shapely.from_wkb(wkb, on_invalid="ignore")
            notes = _said(texts, len(fids), warned)
            lost = _lost(path, shapes, records[rows], kept[rows])
            yield shapes[kept[rows]], (*notes, *(note.further_on(first) for note in lost))


def _lost(
    path: Path, shapes: np.ndarray, records: np.ndarray, kept: np.ndarray
) -> tuple[Note, ...]:
    """Drop shapes of another type than the file's; a Note on all that cannot be read."""
    main = _mapped(path)
    types = _numbers(main, records[:, 0] + _RECORD, "<i4")
    # The shapes of a file have one type, with or without Z and M: 5, 15 and 25 are polygons.
    code = _type(path, main)
    shapes[(types % 10 != code % 10) & (code != _NULL)] = None
    lost = shapely.is_missing(shapes) & (types != _NULL) & kept
    if not lost.any():
        return ()
    note = Note.on_rows(
        "shape_unreadable",
        np.flatnonzero(lost) + 1,
        "{count} 个图形已损坏，读作空图形（第 {rows} 行）；请重新拷贝或重新导出该数据",
        "{count} shapes are damaged and read as null (rows {rows}); copy or export the data again",
        severity="error",
    )
    return (note,)


def _read_by_gdal(
    path: Path, source: Path, rows: slice, count: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Row numbers from 0 of some `rows` of `source`, WKB, and what GDAL says."""
    part: dict[str, int] = {}
    if rows.stop - rows.start < count:
        part = {"skip_features": rows.start, "max_features": rows.stop - rows.start}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            _, fids, wkb, _ = pyogrio.raw.read(source, columns=[], return_fids=True, **part)
        except _GDAL_ERRORS as error:
            raise _unreadable(path, error) from error
    if len(fids) and not rows.start <= fids.min() <= fids.max() < rows.stop:
        raise _damaged(path, "图形的行号不对", "its shapes are not numbered as its rows")
    return fids, wkb, [str(one.message).replace(str(source), path.name) for one in said]


def _said(texts: list[str], count: int, before: dict[str, None]) -> list[Note]:
    """What GDAL says of `count` shapes, but for what it said `before`."""
    notes = []
    if any(text.startswith("Measured (M)") for text in texts):
        zh, en = "{count} 个图形的 M 值不读取", "M values of {count} shapes are dropped"
        notes.append(Note.counted("m_dropped", count, zh, en))
    others = [_reason(text) for text in texts if not text.startswith("Measured (M)")]
    for text in dict.fromkeys(others):
        if text not in before and len(before) < _SAID:
            before[text] = None
            notes.append(Note("gdal_says", f"GDAL 提示：{text}", f"GDAL says: {text}", "warning"))
    return notes


def _crs(path: Path) -> tuple[CRS | None, tuple[Note, ...]]:
    """What the .prj says; None, with a Note, where it cannot be read."""
    prj = partner(path, ".prj")
    if prj is None:
        return None, ()
    with prj.open("rb") as file:
        raw = file.read(1 << 16)
    text = raw.decode("utf-8-sig", "replace").strip("\0 \t\r\n")
    try:
        crs = parse_crs(text)
        # ESRI's WKT has its own order of axes: without this EPSG:4543 would not equal itself.
        number = crs.to_epsg(min_confidence=_SURE_OF_EPSG)
        return (crs if number is None else CRS.from_epsg(number)), ()
    except CRSError:
        note = Note(
            "crs_unreadable",
            f"{prj.name} 的内容不是坐标系，未采用；请用 --crs 指明",
            f"{prj.name} holds no CRS and is not used; give it with --crs",
            "warning",
        )
        return None, (note,)


def _records(path: Path, dbf: Dbf) -> np.ndarray:
    """Where the records of the .shp start and their lengths in bytes, int64 (rows, 2)."""
    main = _mapped(path)
    shx = partner(path, ".shx")
    records = _scanned(path, main) if shx is None else _indexed(path, main, _mapped(shx), shx)
    if len(dbf.records) != len(records):
        raise _damaged(
            dbf.path,
            f".dbf 有 {len(dbf.records)} 行属性，.shp 有 {len(records)} 个图形",
            f"the .dbf has {len(dbf.records)} rows, the .shp {len(records)} shapes",
        )
    return records


def _mapped(part: Path) -> np.ndarray:
    """The bytes of a .shp or .shx, memory-mapped, its header checked."""
    size = part.stat().st_size
    data = np.memmap(part, "u1", "r") if size else np.zeros(0, "u1")
    if size < _HEADER or int.from_bytes(data[:4].tobytes(), "big") != 9994:
        raise _damaged(part, "文件头不是 shapefile", "it does not begin as a shapefile")
    declared = int.from_bytes(data[24:28].tobytes(), "big") * 2
    if declared != size:
        raise _damaged(
            part,
            f"文件有 {size} 字节，文件头写的是 {declared} 字节",
            f"it has {size} bytes, its header says {declared}",
        )
    return data


def _indexed(path: Path, main: np.ndarray, index: np.ndarray, shx: Path) -> np.ndarray:
    """The records by the .shx: each must start inside the .shp with the same length there."""
    if (len(index) - _HEADER) % 8:
        raise _damaged(shx, "最后一条索引不完整", "its last entry is not whole")
    records = index[_HEADER:].view(">i4").reshape(-1, 2).astype("int64") * 2
    start, length = records[:, 0], records[:, 1]
    outside = (start < _HEADER) | (length < 4) | (start + _RECORD + length > len(main))
    if outside.any():
        row = int(np.argmax(outside)) + 1
        raise _damaged(
            path, f"第 {row} 个图形超出文件末尾", f"shape {row} reaches past the end of the file"
        )
    in_file = _numbers(main, start + 4, ">i4").astype("int64") * 2
    if (in_file != length).any():
        row = int(np.argmax(in_file != length)) + 1
        raise _damaged(
            path,
            f"第 {row} 个图形与索引（.shx）不一致",
            f"shape {row} does not agree with the index (.shx)",
        )
    return records


def _scanned(path: Path, main: np.ndarray) -> np.ndarray:
    """The records by the .shp alone: one after the other, numbered from 1."""
    view, at = main.data, _HEADER
    records: list[tuple[int, int]] = []
    while at < len(view):
        number = int.from_bytes(view[at : at + 4], "big")
        length = int.from_bytes(view[at + 4 : at + 8], "big") * 2
        if number != len(records) + 1 or length < 4 or at + _RECORD + length > len(view):
            raise _damaged(
                path,
                f"缺少 .shx 索引，且第 {len(records) + 1} 个图形之后无法重建",
                f"its .shx is missing and cannot be rebuilt after shape {len(records)}",
            )
        records.append((at, length))
        at += _RECORD + length
    return np.asarray(records, "int64").reshape(-1, 2)


def _type(path: Path, main: np.ndarray) -> int:
    """The type of the shapes, by the header."""
    code = int.from_bytes(main[_CODE : _CODE + 4].tobytes(), "little")
    if code not in _SHAPES:
        raise _damaged(path, f"没有图形类型 {code}", f"there is no shape type {code}")
    return code


def _numbers(data: np.ndarray, at: np.ndarray, dtype: str) -> np.ndarray:
    return data[at[:, None] + np.arange(4)].copy().view(dtype).ravel()


def _alone(path: Path, records: np.ndarray, folder: Path) -> Path:
    """The .shp in `folder`, as a link where that can be made, and a .shx of `records`."""
    alone = folder / "shapes.shp"
    try:
        alone.symlink_to(path.resolve())
    except OSError:  # Windows, without the privilege
        shutil.copyfile(path, alone)
    index = (records // 2).astype(">i4").tobytes()
    header = bytearray(_mapped(path)[:_HEADER].tobytes())
    header[24:28] = ((_HEADER + len(index)) // 2).to_bytes(4, "big")
    alone.with_suffix(".shx").write_bytes(bytes(header) + index)
    return alone


def _part(path: Path, suffix: str) -> Path:
    part = partner(path, suffix)
    if part is None:
        raise SourceError(
            f"{path}：缺少同名的 {suffix} 文件。请把 .shp、.shx、.dbf、.prj 一起拷贝到同一文件夹。",
            f"{path}: its {suffix} file is missing. Copy .shp, .shx, .dbf and .prj together.",
        )
    return part


def _damaged(path: Path, zh: str, en: str) -> SourceError:
    return SourceError(
        f"{path}：shapefile 已损坏，{zh}。请重新拷贝或重新导出该数据。",
        f"{path}: the shapefile is damaged, {en}. Copy or export it again.",
    )


def _unreadable(path: Path, error: Exception) -> SourceError:
    why = _reason(str(error))
    return SourceError(
        f"{path}：无法读取，文件可能已损坏（{why}）。请重新拷贝或重新导出该数据。",
        f"{path}: cannot be read; it may be damaged ({why}). Copy or export it again.",
    )


def _reason(text: str) -> str:
    """What GDAL says without its advice about its own options, which are not ours."""
    return re.split(r"; It might help|\. To avoid", " ".join(text.split()))[0]
