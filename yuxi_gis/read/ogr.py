"""What GDAL reads for us: GeoPackage, File GDB, GeoJSON, KML, DXF, MapInfo, FlatGeobuf.

Rows come through GDAL's Arrow stream: it is the fastest, and the only way that keeps curves, M
values and long whole numbers.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from pyogrio.raw import open_arrow, read, read_arrow
from pyproj import CRS

from yuxi_gis.crs import parse_crs
from yuxi_gis.errors import CRSError, SourceError, YuxiGisError
from yuxi_gis.read.arrow import no_times, to_frame
from yuxi_gis.read.codepage import Text, text_of
from yuxi_gis.read.declared import of_ogr
from yuxi_gis.read.geojson import stated_crs
from yuxi_gis.read.geometry import from_wkb
from yuxi_gis.read.table import Decision, Declared, Note, Options, RawTable, Stream

__all__ = ["ROW_NUMBERS", "open", "reading", "unreadable"]

#: Tables that GIS programs keep in a GeoPackage for themselves.
_PRIVATE = re.compile(r"layer_styles|qgis_projects|gpkg_.*|sqlite_.*|rtree_.*", re.IGNORECASE)
#: Names of row numbers in databases; a primary key of any other name is a field of the user's.
ROW_NUMBERS = ("fid", "ogc_fid", "ogr_fid", "objectid", "oid", "yuxi_fid")
#: Text that makes GDAL take a file, whatever its name, for an order to open others or addresses.
_ORDERS = re.compile(
    rb"<(OGRVRT|VRTDataset|OGRWFS|OGRCSW|OGROAPIF|WFS_|WMS_|GDAL_)|gdal_streamed_alg", re.IGNORECASE
)
#: What GDAL, Arrow, pandas, pyproj and shapely raise over bad data (pyogrio's and pyproj's errors
#: are RuntimeErrors). Any other exception is a mistake of ours.
_BAD_DATA = (
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
    MemoryError,
    pa.ArrowException,
    shapely.errors.ShapelyError,
)
_HEAD = 1 << 20
_EXACT = 2.0**53
_PART = re.compile(r" ?\b(Z|M|ZM)$|^(2\.5D|3D|Measured) ")


@dataclass(frozen=True)
class _Format:
    """A format: how its files begin, and the GDAL drivers that may read them."""

    title: str
    begins: re.Pattern[bytes]
    drivers: tuple[str, ...]


_JSON = _Format(
    "GeoJSON",
    re.compile(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x1e\0]*[{\[]"),
    ("GeoJSON", "GeoJSONSeq", "ESRIJSON", "TopoJSON", "JSONFG"),
)
_FORMATS = {
    ".gpkg": _Format("GeoPackage", re.compile(rb"SQLite format 3\0"), ("GPKG",)),
    ".fgb": _Format("FlatGeobuf", re.compile(rb"fgb[\s\S]fgb"), ("FlatGeobuf",)),
    ".geojson": _JSON,
    ".geojsonl": _JSON,
    ".geojsons": _JSON,
    ".json": _JSON,
    ".kml": _Format(
        "KML", re.compile(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<"), ("LIBKML", "KML")
    ),
    ".kmz": _Format("KMZ", re.compile(rb"PK"), ("LIBKML", "KML")),
    ".dxf": _Format("DXF", re.compile(rb"[\s\S]*SECTION"), ("DXF",)),
    ".tab": _Format("MapInfo TAB", re.compile(rb"\s*!table", re.IGNORECASE), ("MapInfo File",)),
    ".mif": _Format("MapInfo MIF", re.compile(rb"\s*version", re.IGNORECASE), ("MapInfo File",)),
}
#: They declare no types: GDAL takes them from the values.
_UNTYPED = ("GeoJSON", "KML", "KMZ", "DXF")
#: GDAL hands them over batch by batch; of others it has all in memory itself.
_STREAMED = ("GeoPackage", "FlatGeobuf", "File Geodatabase")
#: Shapes in a batch.
_BATCH = 10_000
_GDB = _Format("File Geodatabase", re.compile(rb""), ("OpenFileGDB",))


def open(path: Path, options: Options) -> list[RawTable]:
    """The tables of a file that GDAL reads, those that GIS programs keep for themselves left out.

    Raises
    ------
    SourceError
        The file is damaged, or is not what its name says.
    """
    form = _require_form(path)
    with reading(path):
        text = text_of(path, path.suffix.lower(), options)
        with _settings(text.config):
            names = [str(name) for name, _ in pyogrio.list_layers(text.source)]
    if path.suffix.lower() == ".gpkg":
        names = [name for name in names if not _PRIVATE.fullmatch(name)]
    found = [_Layer(path, name, form, text) for name in names]
    return [layer.raw() for layer in found]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What GDAL or Arrow raises over bad data in `path` becomes a `SourceError`; warnings are
    silent."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except YuxiGisError:
        raise
    except _BAD_DATA as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> SourceError:
    """The error for a file that a library could not read; `error` is what it said."""
    # GDAL goes on with advice about its own options, which are not ours.
    why = " ".join(str(error).split()).partition("; It might help")[0][:300]
    return SourceError(
        f"{path}：无法读取，文件可能已损坏或格式不支持（{why}）。请重新拷贝，或从原软件重新导出。",
        f"{path}: cannot be read; it may be damaged or of an unknown format ({why}). Copy it "
        "again, or export it again from the program that made it.",
    )


@contextmanager
def _settings(config: dict[str, Any]) -> Iterator[None]:
    """GDAL's settings `config`, and afterwards what they were before."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in config}
    pyogrio.set_gdal_config_options(config)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def _require_form(path: Path) -> _Format:
    """The format of `path`; GDAL must not open as another what only bears the name."""
    suffix = path.suffix.lower()
    if suffix == ".gdb":
        if path.is_dir() and any(f.suffix.lower() == ".gdbtable" for f in path.iterdir()):
            return _GDB
        raise SourceError(
            f"{path}：不是完整的 File GDB 文件夹（没有 .gdbtable 文件）。请拷贝整个 .gdb 文件夹。",
            f"{path}: is no whole File Geodatabase folder (no .gdbtable files in it). Copy the "
            "whole .gdb folder.",
        )
    form = _FORMATS[suffix]
    with reading(path), path.open("rb") as file:
        head = file.read(_HEAD)
    if not form.begins.match(head) or _ORDERS.search(head.replace(b"\0", b"")):
        raise SourceError(
            f"{path}：内容不是 {form.title}，与后缀不符。请核对文件，或改成正确的后缀。",
            f"{path}: is no {form.title}, whatever its ending says. Check the file, or give it "
            "the right ending.",
        )
    return form


@dataclass(frozen=True)
class _Layer:
    """One table of a file."""

    path: Path
    name: str
    form: _Format
    text: Text

    @property
    def where(self) -> str:
        return f"{self.path}|{self.name}"

    def raw(self) -> RawTable:
        with reading(self.path), _settings(self.text.config):
            info = pyogrio.read_info(
                self.text.source,
                layer=self.name,
                force_feature_count=True,
                force_total_bounds=self.form is _JSON,
            )
        if info["driver"] not in self.form.drivers:
            raise unreadable(self.path, ValueError(f"{info['driver']} in {self.path.suffix}"))
        crs, decisions, notes = self._crs(info)
        key = info["fid_column"] or ""
        fields = [str(name) for name in info["fields"]]
        # GeoJSON has its ``id`` both as key and as field.
        if key and key.lower() not in ROW_NUMBERS and key not in fields:
            fields.insert(0, key)
        geometry = info["geometry_type"]
        if geometry is None:
            crs = None
        rows = max(int(info["features"]), 0)
        told = (len(fields), rows, crs, _fields(info, "datetime"))
        streamed = geometry is not None and self.form.title in _STREAMED
        return RawTable(
            name=self.name,
            columns=tuple(fields),
            rows=rows,
            geometry=None if geometry is None else _PART.sub("", geometry),
            crs=crs,
            encoding=self.text.decision.value,
            load=partial(self.load, *told),
            decisions=(self.text.decision, *decisions),
            notes=notes,
            declared=self._declared(info),
            stream=partial(self.stream, *told) if streamed else None,
        )

    def _declared(self, info: dict[str, Any]) -> dict[str, Declared]:
        if self.form.title in _UNTYPED:
            return {}
        types: dict[str, str] = {}
        if self.form.title == "GeoPackage":
            name = self.name.replace("'", "''")
            query = f"SELECT name, type FROM pragma_table_info('{name}')"
            with reading(self.path), _settings(self.text.config):
                _, table = read_arrow(self.text.source, sql=query)
            types = dict(zip(*(table.column(n).to_pylist() for n in ("name", "type")), strict=True))
        return of_ogr(info, types)

    def load(
        self, fields: int, rows: int, crs: CRS | None, times: list[str]
    ) -> tuple[pd.DataFrame, tuple[Note, ...]]:
        """The rows of a table that has so many `fields`, and `rows` as its file says."""
        # Else GDAL's GeoJSON makes 2020-03-01 of 2020-02-30.
        as_written = {"DATE_AS_STRING": "YES"} if times and self.form is _JSON else {}
        with reading(self.path), _settings(self.text.config):
            meta, table = read_arrow(
                self.text.source,
                layer=self.name,
                datetime_as_string=True,
                return_fids=True,
                **as_written,
            )
        shape = None
        if meta["geometry_type"] is not None:
            shape = table.column(table.num_columns - 1)
            table = table.remove_column(table.num_columns - 1)
        frame, notes = self._attributes(table, meta, fields, rows, times)
        if shape is None:
            return frame, notes
        with reading(self.path):
            shapes, found = from_wkb(_storage(shape), crs)
        if self.form.title == "DXF":
            shapes, more = _closed(shapes)
            found += more
        name = "geometry" if "geometry" not in frame.columns else "_geometry"
        column = gpd.GeoSeries(shapes, index=frame.index, crs=crs, name=name)
        frame = pd.concat([frame, column], axis=1)  # an insert is slow where there are many
        return gpd.GeoDataFrame(frame, geometry=name), (*notes, *found)

    def _attributes(
        self, table: pa.Table, meta: dict[str, Any], fields: int, rows: int, times: list[str]
    ) -> tuple[pd.DataFrame, tuple[Note, ...]]:
        """The rows without their shapes, from a table that begins with their numbers."""
        with reading(self.path):
            # The row number comes first; it stays where it is a field of the user's.
            key, fids = table.column_names[0], table.column(0)
            if self.form.title == "GeoPackage":
                table = self._dates_as_written(table, meta)
            table = table.select(range(table.num_columns - fields, table.num_columns))
            text = self.text
            frame = to_frame(
                table, self.where, text.encoding, all_in_it=text.all_in_it, times=times
            )
            notes = _no_times(frame, times, self.where)
            if len(frame) != rows:
                # The Arrow stream ends without a word where a file breaks off; this raises.
                with _settings(text.config):
                    read(text.source, layer=self.name, columns=[], return_fids=True)
                notes += _other_number(len(frame), rows, self.where)
            if self.form is _JSON:
                notes += _lost_digits(frame, self.where)
                notes += (
                    _ids_left_out(fids.to_numpy(), frame, self.where) if key == "OGC_FID" else ()
                )
            return frame, notes

    def stream(self, fields: int, rows: int, crs: CRS | None, times: list[str]) -> Stream:
        """As `load`, the shapes batch by batch."""
        with reading(self.path), _settings(self.text.config):
            meta, table = read_arrow(
                self.text.source,
                layer=self.name,
                datetime_as_string=True,
                return_fids=True,
                read_geometry=False,
            )
        fids = table.column(0).to_numpy()
        frame, notes = self._attributes(table, meta, fields, rows, times)
        return frame, notes, self._shapes(fids, crs)

    def _shapes(
        self, fids: np.ndarray, crs: CRS | None
    ) -> Iterator[tuple[np.ndarray, tuple[Note, ...]]]:
        """The shapes of the rows `fids`, in that order."""
        done = 0
        with (
            reading(self.path),
            _settings(self.text.config),
            open_arrow(
                self.text.source,
                layer=self.name,
                columns=[],
                return_fids=True,
                use_pyarrow=True,
                batch_size=_BATCH,
            ) as (_, batches),
        ):
            for batch in batches:
                here = batch.column(0).to_numpy()  # the row numbers
                if not np.array_equal(here, fids[done : done + len(here)]):
                    raise ValueError("its rows changed while it was read")
                shapes, notes = from_wkb(_storage(pa.chunked_array([batch.column(-1)])), crs)
                yield shapes, tuple(note.further_on(done) for note in notes)
                done += len(here)
            if done != len(fids):
                raise ValueError("its rows changed while it was read")

    def _dates_as_written(self, table: pa.Table, meta: dict[str, Any]) -> pa.Table:
        """`table` with the text of dates that are none, of which GDAL's Arrow stream makes others:
        2020-03-01 of 2020-02-30, and 1970-01-01 of most."""
        key, places = f"{_quoted(table.column_names[0])} + 0", pd.Index(table.column(0).to_numpy())
        if len(places) == 1 or not places.is_unique:  # a view has no key; GDAL says 0 for all
            key, places = "row_number() OVER () - 1", pd.RangeIndex(len(table))
        for name in _fields(meta, "datetime64[D]"):
            query = (
                f"SELECT place, CAST(day AS TEXT) AS day FROM (SELECT {key} AS place, "
                f"{_quoted(name)} AS day FROM {_quoted(self.name)}) "
                "WHERE day IS NOT NULL AND date(day) IS NOT day"
            )
            _, odd = read_arrow(self.text.source, sql=query)
            if not odd.num_rows:
                continue
            texts = table.column(name).cast(pa.string()).to_numpy(zero_copy_only=False)
            at = places.get_indexer(odd.column("place").to_numpy())
            texts[at[at >= 0]] = odd.column("day").to_numpy()[at >= 0]
            column = pa.array(texts, pa.string())
            table = table.set_column(table.column_names.index(name), name, column)
        return table

    def _crs(
        self, info: dict[str, Any]
    ) -> tuple[CRS | None, tuple[Decision, ...], tuple[Note, ...]]:
        if self.form is _JSON and info["driver"] in ("GeoJSON", "GeoJSONSeq"):
            return stated_crs(self.text.source, info["total_bounds"])
        if info["crs"] is None:
            return None, (), ()
        try:
            crs = parse_crs(info["crs"])
        except CRSError:
            said = " ".join(str(info["crs"]).split())[:120]
            note = Note(
                "crs_unknown",
                f"{self.where}：文件声明的坐标系无法识别（{said}），按没有坐标系处理。",
                f"{self.where}: the CRS that the file declares is not known ({said}); taken as "
                "none.",
                "warning",
            )
            return None, (), (note,)
        if self.form.title not in ("KML", "KMZ"):
            return crs, (), ()
        zh, en = "KML 规定用 WGS 84 经纬度", "KML has WGS 84 degrees by definition"
        return crs, (Decision("crs", "EPSG:4326", zh, en, "certain"),), ()


def _quoted(name: str) -> str:
    """`name` as SQL has names."""
    return '"' + name.replace('"', '""') + '"'


def _fields(meta: dict[str, Any], kind: str) -> list[str]:
    """The fields of this kind of dtype: ``datetime``, ``datetime64[D]`` …"""
    kinds = zip(meta["fields"], map(str, meta["dtypes"]), strict=True)
    return [str(name) for name, dtype in kinds if dtype.startswith(kind)]


def _no_times(frame: pd.DataFrame, times: list[str], where: str) -> tuple[Note, ...]:
    """Dates and times that are none, for which their field is read as text."""
    found = [(name, no_times(frame[name])) for name in times]
    return tuple(
        Note.on_rows(
            "date_unreadable",
            rows + 1,
            f"{where}：日期字段 {name} 有 {{count}} 个值不是有效日期（第 {{rows}} 行），"
            "整个字段按文本读入。请改正。",
            f"{where}: {{count}} values of the date field {name} are no dates (rows {{rows}}); "
            "the whole field is read as text. Correct them.",
            severity="warning",
            field=name,
        )
        for name, rows in found
        if len(rows)
    )


def _other_number(found: int, said: int, where: str) -> tuple[Note, ...]:
    note = Note(
        "rows_differ",
        f"{where}：文件声明有 {said} 行，实际有 {found} 行。以实际为准，请核对是否缺行。",
        f"{where}: the file says that it has {said} rows; it has {found}, which were read. Check "
        "whether any are missing.",
        "warning",
        abs(found - said),
    )
    return (note,)


def _storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The bytes of a geometry column, also where some package has registered a type for it."""
    if isinstance(column.type, pa.BaseExtensionType):
        return pa.chunked_array([chunk.storage for chunk in column.chunks], pa.binary())
    return column


def _lost_digits(frame: pd.DataFrame, where: str) -> tuple[Note, ...]:
    """Whole numbers beyond 2⁶³ in GeoJSON become floats, which have 15 to 17 digits."""
    notes = []
    for name in frame.columns:
        if frame[name].dtype != np.float64:
            continue
        rows = np.flatnonzero(np.abs(frame[name].to_numpy()) >= _EXACT)
        if len(rows):
            notes.append(
                Note.on_rows(
                    "code_destroyed",
                    rows + 1,
                    f"{where}：字段 {name} 有 {{count}} 个数超过浮点数能表示的位数，末位已丢失（第 "
                    "{rows} 行）。请以文本形式重新导出该字段。",
                    f"{where}: {{count}} numbers of field {name} have more digits than a float; "
                    "the last ones are lost (rows {rows}). Export the field again as text.",
                    severity="error",
                    field=str(name),
                )
            )
    return tuple(notes)


def _ids_left_out(fids: np.ndarray, frame: pd.DataFrame, where: str) -> tuple[Note, ...]:
    """Whole numbers that GeoJSON features have as their ``id``, outside their properties.

    GDAL gives them as row numbers, changed where they repeat and invented where one has none, so
    that they cannot be kept as a field. Ids that count the rows, or that a property ``id`` repeats,
    tell nothing.
    """
    count = np.arange(len(fids))
    known = [count, count + 1, *([frame["id"].to_numpy()] if "id" in frame else [])]
    if any(np.array_equal(fids, ids) for ids in known):
        return ()
    note = Note(
        "feature_ids_left_out",
        f"{where}：要素级的 id（如 {fids[0]}，不在 properties 里）未读入。如需保留，请把它写进 "
        "properties 再导出。",
        f"{where}: the ids of features (such as {fids[0]}, outside their properties) are not "
        "read. To keep them, put them into the properties and export again.",
        "warning",
        len(fids),
    )
    return (note,)


def _closed(shapes: np.ndarray) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Closed lines of a drawing as polygons: a drawing has no others for its parcels."""
    lines = np.flatnonzero(shapely.get_type_id(shapes) == 1)
    rings = lines[shapely.is_closed(shapes[lines]) & (shapely.get_num_points(shapes[lines]) > 3)]
    if not len(rings):
        return shapes, ()
    shapes = shapes.copy()
    has_z = bool(shapely.has_z(shapes[rings]).any())
    points, of = shapely.get_coordinates(shapes[rings], include_z=has_z, return_index=True)
    shapes[rings] = shapely.polygons(shapely.linearrings(points, indices=of))
    note = Note.on_rows(
        "lines_closed",
        rings + 1,
        "{count} 条闭合线按面读入（第 {rows} 行）。",
        "{count} closed lines are read as polygons (rows {rows}).",
    )
    return shapes, (note,)
