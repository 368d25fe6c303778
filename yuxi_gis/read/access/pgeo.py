"""Geometry of an ESRI personal geodatabase: its catalogue tables and its shape buffers.

The column SHAPE holds extended shape buffers: the record of a shapefile, or one of the general
types 50-54 with flags for Z, M and curves. Their first part, the plane geometry, is the same in
all of them, so it goes as it is into a scratch shapefile which GDAL reads; that also sorts the
rings of a polygon into shells and holes.

Sources: ESRI, *Extended Shapefile Record Format* (2012) and *ESRI Shapefile Technical
Description* (1998).
"""

from __future__ import annotations

import struct
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS

from yuxi_gis.crs import parse_crs
from yuxi_gis.errors import CRSError
from yuxi_gis.read.table import Note

__all__ = ["CATALOGUE", "REFERENCES", "Shape", "is_internal", "shape_columns", "shapes"]

CATALOGUE, REFERENCES = "GDB_GeomColumns", "GDB_SpatialRefs"
#: ShapeType of GDB_GeomColumns (esriGeometryType).
_DECLARED = {1: "Point", 2: "MultiPoint", 3: "MultiLineString", 4: "MultiPolygon"}
_POINT, _LINE, _POLYGON, _MULTIPOINT = 1, 3, 5, 8
#: Type of a buffer → type of its plane geometry, whether Z follows, whether M does; the general
#: types (50 …) say so in flags.
_TYPES: dict[int, tuple[int, bool, bool]] = {
    1: (_POINT, False, False),
    3: (_LINE, False, False),
    5: (_POLYGON, False, False),
    8: (_MULTIPOINT, False, False),
    9: (_POINT, True, False),
    10: (_LINE, True, False),
    11: (_POINT, True, True),
    13: (_LINE, True, True),
    15: (_POLYGON, True, True),
    18: (_MULTIPOINT, True, True),
    19: (_POLYGON, True, False),
    20: (_MULTIPOINT, True, False),
    21: (_POINT, False, True),
    23: (_LINE, False, True),
    25: (_POLYGON, False, True),
    28: (_MULTIPOINT, False, True),
}
_GENERAL = {50: _LINE, 51: _POLYGON, 52: _POINT, 53: _MULTIPOINT}
_PATCHES = (31, 32, 54)
_HAS_Z, _HAS_M, _HAS_CURVES = 0x80000000, 0x40000000, 0x20000000
_SHP_HEADER = 100

_CONVERT_ZH = "请在 ArcGIS 中导出为 File GDB（曲线、三维面可保留）或 shapefile 后再读"
_CONVERT_EN = "export a File GDB or a shapefile from ArcGIS and read that"
_SAY = {
    "z_dropped": (
        "{count} 行的坐标带 Z 值，只保留平面坐标（第 {rows} 行）。",
        "{count} rows have Z values; only x and y are kept (rows {rows}).",
        "info",
    ),
    "m_dropped": (
        "{count} 行的坐标带 M 值，只保留平面坐标（第 {rows} 行）。",
        "{count} rows have M values; only x and y are kept (rows {rows}).",
        "info",
    ),
    "curves_unread": (
        f"{{count}} 行的图形含曲线，未能读出，属性已保留（第 {{rows}} 行）。{_CONVERT_ZH}。",
        f"{{count}} rows have curves, which are not read; their attributes are kept "
        f"(rows {{rows}}): {_CONVERT_EN}.",
        "error",
    ),
    "multipatch_unread": (
        f"{{count}} 行是三维多面体，未能读出，属性已保留（第 {{rows}} 行）。{_CONVERT_ZH}。",
        f"{{count}} rows are multipatches, which are not read; their attributes are kept "
        f"(rows {{rows}}): {_CONVERT_EN}.",
        "error",
    ),
    "geometry_unreadable": (
        "{count} 行的图形数据已损坏，未能读出，属性已保留（第 {rows} 行）。"
        "请在 ArcGIS 中用“修复几何”处理后再读。",
        "{count} rows have damaged geometry, which is not read; their attributes are kept "
        "(rows {rows}). Run Repair Geometry in ArcGIS and read again.",
        "error",
    ),
}


@dataclass(frozen=True)
class Shape:
    """The geometry column of a table, as GDB_GeomColumns says."""

    field: str
    geometry: str
    crs: CRS | None
    notes: tuple[Note, ...] = ()


def shape_columns(columns: pd.DataFrame, references: pd.DataFrame) -> dict[str, Shape]:
    """Table name in small letters → its geometry column.

    Parameters
    ----------
    columns, references : DataFrame
        GDB_GeomColumns (``TableName, FieldName, ShapeType, SRID``) and GDB_SpatialRefs
        (``SRID, SRTEXT``) as they are; what a row or table lacks is unknown.
    """
    texts = {
        row["srid"]: row["srtext"]
        for row in _rows(references)
        if row.keys() >= {"srid", "srtext"} and isinstance(row["srtext"], str)
    }
    found = {}
    for row in _rows(columns):
        table, field = row.get("tablename"), row.get("fieldname")
        if isinstance(table, str) and isinstance(field, str):
            kind = row.get("shapetype")
            geometry = _DECLARED.get(kind or 0, "Unknown")
            crs, notes = _crs(texts.get(row.get("srid")))
            found[table.lower()] = Shape(field, geometry, crs, notes)
    return found


def _rows(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    small = frame.rename(columns=str.lower).astype(object)
    return small.where(small.notna(), None).to_dict("records")


def _crs(text: str | None) -> tuple[CRS | None, tuple[Note, ...]]:
    # The GUID is ArcGIS's for a coordinate system that is not known.
    if text is None or text.strip().upper() in ("", "UNKNOWN") or text.startswith("{B286C06B"):
        return None, ()
    try:
        return parse_crs(text), ()
    except CRSError:
        start = " ".join(text.split())[:80]
        return None, (
            Note(
                "crs_unknown",
                f"个人地理数据库声明的坐标系无法识别（{start}…），请用 --crs 指明。",
                f"The CRS that the personal geodatabase declares is not known ({start}…); "
                "give it with --crs.",
                severity="warning",
            ),
        )


def is_internal(name: str, shape_columns: dict[str, Shape]) -> bool:
    """Whether a table of a personal geodatabase is one that ArcGIS keeps for itself."""
    spatial = {f"{table}_{shape.field}_index".lower() for table, shape in shape_columns.items()}
    return name.lower() in spatial | {"selections", "selectedobjects"}


def shapes(buffers: Sequence[bytes | None]) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Shapes from extended shape buffers.

    Parameters
    ----------
    buffers : sequence of bytes or None

    Returns
    -------
    shapes : ndarray of shapely geometries, object
        In two dimensions; None for a null shape and for what cannot be read.
    notes : tuple of Note
        ``z_dropped``, ``m_dropped``, ``curves_unread``, ``multipatch_unread``,
        ``geometry_unreadable``.
    """
    result = np.full(len(buffers), None, dtype=object)
    records: dict[int, dict[int, bytes]] = {}
    said: dict[str, list[int]] = {word: [] for word in _SAY}
    for row, buffer in enumerate(buffers):
        if not buffer:
            continue
        kind, content, words = _plane(buffer)
        for word in words:
            said[word].append(row)
        if content:
            records.setdefault(kind, {})[row] = content
    for kind, contents in records.items():
        rows = np.fromiter(contents, "i8", len(contents))
        result[rows] = _read(kind, list(contents.values()))
        said["geometry_unreadable"] += rows[result[rows] == None].tolist()  # noqa: E711
    notes = (
        Note.on_rows(word, np.sort(rows) + 1, zh, en, severity=severity)
        for word, (zh, en, severity) in _SAY.items()
        if (rows := np.array(said[word], "i8")).size
    )
    return result, tuple(notes)


def _plane(buffer: bytes) -> tuple[int, bytes, tuple[str, ...]]:
    """The record of a shapefile with the plane geometry of `buffer`, and what it lacks.

    The record is empty for a null or empty shape, and for one that cannot be read.
    """
    unreadable = (0, b"", ("geometry_unreadable",))
    if len(buffer) < 4:
        return unreadable
    (code,) = struct.unpack_from("<I", buffer)
    number = code & 0xFF
    if number in _GENERAL:
        kind, z, m = _GENERAL[number], bool(code & _HAS_Z), bool(code & _HAS_M)
    elif code in _TYPES:
        kind, z, m = _TYPES[code]
    elif number in _PATCHES:
        return 0, b"", ("multipatch_unread",)
    else:
        return (0, b"", ()) if code == 0 else unreadable
    end, points = _extent(kind, buffer)
    if end < 0:
        return unreadable
    if not points:
        return 0, b"", ()
    if number in _GENERAL and code & _HAS_CURVES and kind in (_LINE, _POLYGON):
        after = end + (16 + 8 * points) * (z + m)
        if after + 4 > len(buffer) or struct.unpack_from("<I", buffer, after)[0]:
            return 0, b"", ("curves_unread",)
    coordinates = np.frombuffer(buffer, "<f8", 2 * points, end - 16 * points)
    if not np.isfinite(coordinates).all():
        # ArcGIS writes an empty point as one without numbers.
        return (0, b"", ()) if kind == _POINT else unreadable
    words = ("z_dropped",) * z + ("m_dropped",) * m
    return kind, struct.pack("<I", kind) + buffer[4:end], words


def _extent(kind: int, buffer: bytes) -> tuple[int, int]:
    """Where the plane geometry ends, and how many points it has; −1 where it is damaged."""
    if kind == _POINT:
        return (20, 1) if len(buffer) >= 20 else (-1, 0)
    head = 40 if kind == _MULTIPOINT else 44
    if len(buffer) < head:
        return -1, 0
    counts = struct.unpack_from("<2I" if head == 44 else "<I", buffer, 36)
    parts, points = counts if head == 44 else (0, counts[0])
    end = head + 4 * parts + 16 * points
    if end > len(buffer) or (points and head == 44 and not parts):
        return -1, 0
    if parts and points:
        starts = np.frombuffer(buffer, "<i4", parts, head)
        if starts[0] != 0 or (np.diff(starts) <= 0).any() or starts[-1] >= points:
            return -1, 0
    return end, points


def _read(kind: int, contents: list[bytes]) -> np.ndarray:
    """Shapes from records of one kind, through a shapefile that GDAL reads."""
    lengths = np.array([len(content) for content in contents])
    starts = _SHP_HEADER + np.concatenate([[0], np.cumsum(lengths + 8)])
    index = np.stack([starts[:-1] // 2, lengths // 2], axis=1).astype(">u4")
    numbers = np.stack([np.arange(1, len(contents) + 1), lengths // 2], axis=1).astype(">u4")
    result = np.full(len(contents), None, dtype=object)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shapes.shp")
        with path.open("wb") as file:
            file.write(_shp_header(kind, int(starts[-1])))
            for number, content in zip(numbers, contents, strict=True):
                file.write(number.tobytes() + content)
        header = _shp_header(kind, _SHP_HEADER + index.nbytes)
        path.with_suffix(".shx").write_bytes(header + index.tobytes())
        with warnings.catch_warnings():
            # A ring that is not closed: shapely refuses it below, and that is told.
            warnings.filterwarnings("ignore", message="Non closed ring")
            _, fids, wkb, _ = pyogrio.raw.read(path, return_fids=True)
    result[fids] = shapely.from_wkb(wkb, on_invalid="ignore")
    return result


def _shp_header(kind: int, size: int) -> bytes:
    """Extent zero: it serves only spatial filters, and there is none."""
    return struct.pack(">7i", 9994, 0, 0, 0, 0, 0, size // 2) + struct.pack(
        "<2i8d", 1000, kind, *[0.0] * 8
    )
