"""GeoParquet, and Parquet without geometry as a table.

GeoParquet 1.1.0 (OGC 1.0): the file's metadata names the geometry columns, how they are encoded
(well-known binary or GeoArrow), and their CRS: PROJJSON; null is unknown; absent is OGC:CRS84.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from yuxi_gis.crs import crs_name, parse_crs
from yuxi_gis.errors import CRSError, SourceError
from yuxi_gis.read.arrow import to_frame
from yuxi_gis.read.declared import of_arrow
from yuxi_gis.read.geometry import from_wkb
from yuxi_gis.read.ogr import reading
from yuxi_gis.read.table import Decision, Note, Options, RawTable

__all__ = ["open"]

_MAGIC = b"PAR1"
_WGS84 = CRS.from_epsg(4326)
#: GeoArrow encodings: shapely's type, and how many lists lie around the coordinates.
_NATIVE = {
    "point": (shapely.GeometryType.POINT, 0),
    "linestring": (shapely.GeometryType.LINESTRING, 1),
    "polygon": (shapely.GeometryType.POLYGON, 2),
    "multipoint": (shapely.GeometryType.MULTIPOINT, 1),
    "multilinestring": (shapely.GeometryType.MULTILINESTRING, 2),
    "multipolygon": (shapely.GeometryType.MULTIPOLYGON, 3),
}
#: Values, or bytes of their pages, for one byte of the file, from a size on: no real table has
#: more, and each value takes 8 bytes in memory.
_RATIO, _RATIO_FROM = 50, 2**26


def open(path: Path, options: Options) -> list[RawTable]:
    """The one table of a Parquet file.

    Raises
    ------
    SourceError
        The file is damaged, or its metadata do not fit it.
    """
    with reading(path):
        with path.open("rb") as file:
            if file.read(4) != _MAGIC:
                raise ValueError("no PAR1 at its begin")
        with pq.ParquetFile(path) as parquet:
            schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
            _require_size(path, parquet.metadata)
        meta = _geo(schema, path)
        names = [str(name) for name in schema.names]
        if len(set(names)) < len(names):
            raise ValueError("two columns have one name")
        crs, decisions, notes = _crs(meta, path)
    primary = None if meta is None else meta["primary_column"]
    fields = tuple(name for name in names if name != primary)
    zh, en = "Parquet 的文字规定为 UTF-8", "text in Parquet is UTF-8 by definition"
    return [
        RawTable(
            name=path.stem,
            columns=fields,
            rows=rows,
            geometry=None if meta is None else _kind(meta["columns"][primary]),
            crs=crs,
            encoding="UTF-8",
            load=partial(_load, path, fields, meta, crs),
            decisions=(Decision("encoding", "UTF-8", zh, en, "certain"), *decisions),
            notes=notes,
            declared=of_arrow(schema),
        )
    ]


def _require_size(path: Path, metadata: Any) -> None:
    """Refuse a file that unpacks to far more than a table does (repeated pages, zip bombs)."""
    declared = sum(
        metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)
    )
    values = metadata.num_rows * max(metadata.num_columns, 1)
    size = path.stat().st_size
    if max(declared, values) > max(_RATIO * size, _RATIO_FROM):
        raise SourceError(
            f"{path}：声明的内容远大于文件本身，不予读取。请核对文件来源。",
            f"{path}: declares far more content than the file can hold; it is not read. Check "
            "where it comes from.",
        )


def _geo(schema: pa.Schema, path: Path) -> dict[str, Any] | None:
    """The ``geo`` metadata; None where the file has none."""
    raw = (schema.metadata or {}).get(b"geo")
    if raw is None:
        return None
    try:
        meta: dict[str, Any] = json.loads(raw)
        primary = meta["primary_column"]
        geometries = meta["columns"]
        fits = primary in schema.names and isinstance(geometries[primary], dict)
        fits = fits and all(isinstance(one, dict) for one in geometries.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fits = False
    if not fits:
        raise SourceError(
            f"{path}：GeoParquet 的元数据（geo）已损坏。请重新导出。",
            f"{path}: the metadata of GeoParquet (geo) are damaged. Export the file again.",
        )
    return meta


def _kind(column: dict[str, Any]) -> str:
    kinds = column.get("geometry_types") or ["Unknown"]
    if not isinstance(kinds, list) or len(kinds) != 1:
        return "Unknown"
    return str(kinds[0]).partition(" ")[0]


def _crs(
    meta: dict[str, Any] | None, path: Path
) -> tuple[CRS | None, tuple[Decision, ...], tuple[Note, ...]]:
    if meta is None:
        return None, (), ()
    column = meta["columns"][meta["primary_column"]]
    if "crs" not in column:
        zh = "元数据没有 crs；GeoParquet 规定默认为 OGC:CRS84（WGS 84 经纬度）"
        en = "the metadata have no crs; OGC:CRS84 is the default of GeoParquet"
        return _WGS84, (Decision("crs", crs_name(_WGS84), zh, en, "high"),), ()
    if column["crs"] is None:
        return None, (), ()
    try:
        said = column["crs"]
        crs = parse_crs(json.dumps(said) if isinstance(said, dict) else said)
    except CRSError:
        note = Note(
            "crs_unknown",
            f"{path}：元数据里的坐标系无法识别，按没有坐标系处理。",
            f"{path}: the CRS in the metadata is not known; taken as none.",
            "warning",
        )
        return None, (), (note,)
    if crs.equals(_WGS84, ignore_axis_order=True):  # OGC:CRS84, which has no number
        crs = _WGS84
    zh, en = "文件的元数据", "the file's metadata"
    return crs, (Decision("crs", crs_name(crs), zh, en, "certain"),), ()


def _load(
    path: Path, fields: tuple[str, ...], meta: dict[str, Any] | None, crs: CRS | None
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    with reading(path):
        # One file, never a folder of them; no schema of pandas, which may name other types.
        table = pq.read_table(path, partitioning=None).replace_schema_metadata(None)
        geometries = {} if meta is None else meta["columns"]
        shapes: dict[str, np.ndarray] = {}
        notes: list[Note] = []
        primary = None if meta is None else meta["primary_column"]
        for name in set(geometries) & set(table.column_names):
            shapes[name], found = _shapes(table.column(name), geometries[name], crs)
            notes += found if name == primary else ()
        plain = table.select([name for name in fields if name not in shapes])
        frame = to_frame(plain, str(path))
        if primary is None:
            return frame, ()
        for number, name in enumerate(fields):
            if name in shapes:
                frame.insert(number, name, shapely.to_wkt(shapes[name], rounding_precision=-1))
                notes.append(_second_geometry(name, path))
        frame[primary] = gpd.GeoSeries(shapes[primary], crs=crs)
        return gpd.GeoDataFrame(frame, geometry=primary), tuple(notes)


def _second_geometry(name: str, path: Path) -> Note:
    return Note(
        "geometry_as_text",
        f"{path}：另一图形字段 {name} 按 WKT 文本读入。",
        f"{path}: the further geometry column {name} is read as WKT text.",
        field=name,
    )


def _shapes(
    column: pa.ChunkedArray, meta: dict[str, Any], crs: CRS | None
) -> tuple[np.ndarray, tuple[Note, ...]]:
    encoding = str(meta.get("encoding", "WKB")).lower()
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([c.storage for c in column.chunks], column.type.storage_type)
    if encoding == "wkb":
        return from_wkb(column.cast(pa.large_binary()), crs)
    if encoding not in _NATIVE or not _is_native(column.type, _NATIVE[encoding][1]):
        raise ValueError(f"geometry of encoding {encoding} as {column.type}")
    kind, depth = _NATIVE[encoding]
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], column.type)
    missing = whole.is_null().to_numpy(zero_copy_only=False)
    present = whole.filter(whole.is_valid())
    offsets = []
    for _ in range(depth):
        offsets.append(np.asarray(present.offsets) - present.offsets[0].as_py())
        present = present.flatten()
    points = np.column_stack([present.field(n).to_numpy(zero_copy_only=False) for n in ("x", "y")])
    result = np.full(len(missing), None, dtype=object)
    result[~missing] = shapely.from_ragged_array(kind, points, tuple(reversed(offsets)) or None)
    return result, ()


def _is_native(kind: pa.DataType, depth: int) -> bool:
    """Whether `kind` is so many lists around a struct of numbers x and y."""
    for _ in range(depth):
        if not pa.types.is_list(kind):
            return False
        kind = kind.value_type
    if not pa.types.is_struct(kind):
        return False
    xy = [kind.get_field_index(name) for name in ("x", "y")]
    return min(xy) >= 0 and all(pa.types.is_floating(kind.field(n).type) for n in xy)
