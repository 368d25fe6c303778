"""The formats that are read, and those that are known but not read: one row each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from yuxi_gis.errors import SourceError
from yuxi_gis.read.table import Options, RawTable

__all__ = ["FORMATS", "UNREAD", "Format", "Unread", "format_of", "readable", "suffixes"]


@dataclass(frozen=True)
class Format:
    """A format: its names, the endings of its files, and the module of `yuxi_gis.read` for it.

    `in_folders` is false for endings that are read only when the file itself is named: in a
    folder they may be anything. `cuts_names` is true where names of fields hold 10 bytes.
    """

    zh: str
    en: str
    suffixes: tuple[str, ...]
    reader: str
    in_folders: bool = True
    cuts_names: bool = False

    def open(self, path: Path, options: Options) -> list[RawTable]:
        """The tables of a file; see `yuxi_gis.read.table`."""
        tables: list[RawTable] = import_module(f"yuxi_gis.read.{self.reader}").open(path, options)
        return tables


@dataclass(frozen=True)
class Unread:
    """A format that a clerk may well have and that is not read: what to do instead."""

    suffixes: tuple[str, ...]
    zh: str
    en: str


FORMATS = (
    Format("shapefile", "shapefile", (".shp",), "shapefile", cuts_names=True),
    Format("dBASE 表", "dBASE table", (".dbf",), "shapefile", cuts_names=True),
    Format("GeoPackage", "GeoPackage", (".gpkg",), "ogr"),
    Format("File Geodatabase", "File Geodatabase", (".gdb",), "ogr"),
    Format("GeoJSON", "GeoJSON", (".geojson", ".geojsonl", ".geojsons"), "ogr"),
    Format("GeoJSON", "GeoJSON", (".json",), "ogr", in_folders=False),
    Format("KML", "KML", (".kml", ".kmz"), "ogr"),
    Format("DXF 图形", "DXF drawing", (".dxf",), "ogr"),
    Format("MapInfo", "MapInfo", (".tab", ".mif"), "ogr"),
    Format("FlatGeobuf", "FlatGeobuf", (".fgb",), "ogr"),
    Format("GeoParquet", "GeoParquet", (".parquet", ".geoparquet"), "parquet"),
    Format("Access 数据库", "Access database", (".mdb", ".accdb"), "access"),
    Format("Excel 工作簿", "workbook", (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), "ledger"),
    Format("CSV 表", "CSV table", (".csv", ".tsv"), "ledger"),
    Format("文本表", "text table", (".txt",), "ledger", in_folders=False),
    Format("VCT 交换文件", "VCT exchange file", (".vct",), "vct"),
)

UNREAD = (
    Unread(
        (".dwg",),
        "DWG 图形不能读取。请在 CAD 软件中另存为 DXF（R2000 或更高版本），或导出为 shapefile。",
        "a DWG drawing cannot be read. Save it as DXF (R2000 or newer) in the CAD program, or "
        "export a shapefile.",
    ),
    Unread(
        (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz"),
        "这种压缩包不能读取。请先解压到文件夹，或改用 zip。",
        "an archive of this kind cannot be read. Unpack it to a folder, or use zip.",
    ),
    Unread(
        (".e00", ".mpk", ".lpk", ".mxd", ".aprx", ".lyr", ".lyrx"),
        "这是 ArcGIS 的专用文件，不能读取。请在 ArcGIS 中导出为 File GDB 或 shapefile。",
        "a file of ArcGIS's own cannot be read. Export a File GDB or a shapefile from ArcGIS.",
    ),
    Unread(
        (".doc", ".docx", ".pdf", ".wps", ".et", ".ppt", ".pptx"),
        "这种文档里的表格不能读取。请另存为 xlsx 或 csv。",
        "tables in a document of this kind cannot be read. Save them as xlsx or csv.",
    ),
    Unread(
        (".shx", ".prj", ".cpg", ".sbn", ".sbx"),
        "这是 shapefile 的附属文件。请给出同名的 .shp 文件。",
        "this is a part of a shapefile. Give the .shp file of the same name.",
    ),
)


def suffixes() -> list[str]:
    """All endings that are read, ``.zip`` included."""
    return [suffix for row in FORMATS for suffix in row.suffixes] + [".zip"]


def format_of(path: Path) -> Format:
    """The format of a file, by its ending.

    Raises
    ------
    SourceError
        The format is not read; says what to do instead.
    """
    suffix = path.suffix.lower()
    for row in FORMATS:
        if suffix in row.suffixes:
            return row
    for unread in UNREAD:
        if suffix in unread.suffixes:
            raise SourceError(f"{path}：{unread.zh}", f"{path}: {unread.en}")
    known = " ".join(suffixes())
    raise SourceError(
        f"{path}：不认识这种文件。可以读取：{known}。",
        f"{path}: not a known kind of file. Can be read: {known}.",
    )


def readable(folder: Path) -> Iterator[Path]:
    """The data files below `folder` in the order of their names; a File GDB counts as one."""
    wanted = {s for row in FORMATS if row.in_folders for s in row.suffixes} | {".zip"}
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        inside = path.relative_to(folder).parents
        if suffix not in wanted or any(part.suffix.lower() == ".gdb" for part in inside):
            continue
        if path.is_dir() and suffix != ".gdb":
            continue
        if suffix == ".dbf" and _has_shapes(path):
            continue
        yield path


def _has_shapes(dbf: Path) -> bool:
    """Whether a .dbf belongs to another file, which is read instead of it."""
    return any(
        dbf.with_suffix(suffix).exists() for suffix in (".shp", ".SHP", ".tab", ".TAB", ".shx")
    )
