"""What a source holds, before its rows are read.

A source is a path, a folder, or ``ID=path`` where the layer must be named; ``path|layername=T``
names one table of a container.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from yuxi_gis.catalog import LayerSpec, load_catalog, recognise
from yuxi_gis.crs import parse_crs
from yuxi_gis.errors import SourceError
from yuxi_gis.read.encoding import undeclared_encoding
from yuxi_gis.read.fields import official_names
from yuxi_gis.read.shapefile import require_whole

__all__ = ["Catalog", "SourceTable", "find_tables", "unreadable"]

Catalog = Mapping[str, LayerSpec]

#: What a folder is searched for; a .gdb is a folder itself.
_SUFFIXES = (".shp", ".gpkg", ".geojson", ".gdb", ".zip")
#: Tables that GIS programs keep in a container for themselves.
_PRIVATE = re.compile(r"layer_styles|qgis_projects|gpkg_.*|sqlite_.*|rtree_.*")


@dataclass(frozen=True)
class SourceTable:
    """One table of a source: what it is, before its rows are read.

    Attributes
    ----------
    path : Path
        The file, or the folder of a File Geodatabase.
    table : str
        Name of the table in it.
    spec : LayerSpec or None
        The official layer that it is; None where it was not recognised.
    why : tuple of str
        Why, in Chinese and in English.
    geometry : str or None
        Geometry type as the file declares it; None for a table without geometry.
    crs : CRS or None
    crs_from : str
        ``"file"``, ``"given"`` or ``"missing"``.
    encoding : str
        Character encoding with which the text is read.
    encoding_from : str
        ``"file"``, or ``"text"`` where the file declares none and the bytes of its text tell it.
    rows : int
    columns : tuple of str
        Field names as in the file.
    """

    path: Path
    table: str
    spec: LayerSpec | None
    why: tuple[str, str]
    geometry: str | None
    crs: CRS | None
    crs_from: str
    encoding: str
    encoding_from: str
    rows: int
    columns: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Mandatory fields of the layer that the table does not have."""
        if self.spec is None:
            return ()
        have = set(official_names(self.columns, self.spec).values())
        return tuple(name for name in self.spec.mandatory if name not in have)


def find_tables(
    sources: Iterable[str | os.PathLike[str]], *, crs: Any = None, catalog: Catalog | None = None
) -> list[SourceTable]:
    """What `sources` hold, without reading their rows.

    Raises
    ------
    SourceError
        A source is missing or cannot be opened.
    """
    catalog = load_catalog() if catalog is None else catalog
    given = None if crs is None else parse_crs(crs)
    found: list[SourceTable] = []
    for source in sources:
        spec, path, table = _parse(os.fspath(source), catalog)
        for file in _files(path):
            tables = _tables(file)
            if table is not None and table not in tables:
                names = ", ".join(tables)
                raise SourceError(
                    f"{file}：没有名为 {table} 的图层。其中有：{names}。",
                    f"{file}: has no table {table}. It has: {names}.",
                )
            wanted = tables if table is None else [table]
            inspected = [_inspect(file, name, catalog, given) for name in wanted]
            found.extend(inspected if spec is None else [_named(file, inspected, spec)])
    return found


def _parse(source: str, catalog: Catalog) -> tuple[LayerSpec | None, Path, str | None]:
    """``ID=path|layername=T`` in its parts."""
    path, _, table = source.partition("|layername=")
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


def _files(path: Path) -> list[Path]:
    """The data files that `path` stands for."""
    if not path.exists():
        raise SourceError(
            f"{path}：找不到该文件。请检查路径和文件名。",
            f"{path}: no such file. Check the path and the name.",
        )
    if path.is_file() or path.suffix.lower() == ".gdb":
        if path.is_file() and path.stat().st_size == 0:
            raise SourceError(
                f"{path}：文件是空的（0 字节）。请重新拷贝或重新导出。",
                f"{path}: the file is empty (0 bytes). Copy or export it again.",
            )
        return [path]
    files = sorted(
        f
        for f in path.rglob("*")
        if f.suffix.lower() in _SUFFIXES and not _within_gdb(f.relative_to(path))
    )
    if not files:
        kinds = " ".join(_SUFFIXES)
        raise SourceError(
            f"{path}：文件夹里没有可读的数据（{kinds}）。",
            f"{path}: the folder has no data that can be read ({kinds}).",
        )
    return files


def _within_gdb(path: Path) -> bool:
    return any(folder.suffix.lower() == ".gdb" for folder in path.parents)


def _tables(file: Path) -> list[str]:
    if file.suffix.lower() == ".shp":
        require_whole(file)
    try:
        with warnings.catch_warnings():
            # Declared M values are dropped on reading; the rows are what matters here.
            warnings.filterwarnings("ignore", message=".*geometry types are not supported")
            names = [str(name) for name, _ in pyogrio.list_layers(file)]
    except (DataSourceError, DataLayerError) as error:
        raise unreadable(file, error) from error
    return [name for name in names if not _PRIVATE.fullmatch(name)]


def unreadable(file: Path, error: Exception) -> SourceError:
    # GDAL goes on with advice about its own options, which are not ours.
    why = " ".join(str(error).split()).partition("; It might help")[0]
    return SourceError(
        f"{file}：无法读取，文件可能已损坏或格式不支持（{why}）。"
        "支持 shapefile、GeoPackage、GeoJSON、File GDB（含 zip）。",
        f"{file}: cannot be read; it may be damaged or of an unknown format ({why}). "
        "Shapefile, GeoPackage, GeoJSON and File GDB (zipped too) can be read.",
    )


def _inspect(file: Path, table: str, catalog: Catalog, given: CRS | None) -> SourceTable:
    told = undeclared_encoding(file) if file.suffix.lower() == ".shp" else None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*geometry types are not supported")
            info = pyogrio.read_info(file, layer=table, encoding=told, force_feature_count=True)
    except (DataSourceError, DataLayerError, UnicodeDecodeError) as error:
        raise unreadable(file, error) from error
    columns = tuple(str(name) for name in info["fields"])
    declared = None if info["crs"] is None else parse_crs(info["crs"])
    stem = file.name.partition(".")[0]
    spec = recognise(table, columns, catalog) or recognise(stem, columns, catalog)
    why = (
        ("未识别：表名和字段都不像已知图层", "not recognised by its name or fields")
        if spec is None
        else (f"按表名和字段识别为{spec.title_zh}", f"recognised by name and fields as {spec.id}")
    )
    return SourceTable(
        path=file,
        table=table,
        spec=spec,
        why=why,
        geometry=info["geometry_type"],
        crs=given if declared is None else declared,
        crs_from="file" if declared else "given" if given else "missing",
        encoding=told or info["encoding"] or "UTF-8",
        encoding_from="text" if told else "file",
        rows=info["features"],
        columns=columns,
    )


def _named(file: Path, tables: list[SourceTable], spec: LayerSpec) -> SourceTable:
    """The table that the user means by ``ID=file``."""
    with_geometry = [t for t in tables if t.geometry is not None]
    fitting = [t for t in tables if t.spec is spec] or with_geometry or tables
    if len(fitting) != 1:
        names = ", ".join(t.table for t in fitting)
        raise SourceError(
            f"{file}：有多个图层（{names}），不知道哪个是 {spec.id}。"
            f"请写成 {spec.id}={file.name}|layername=图层名。",
            f"{file}: has several tables ({names}); which one is {spec.id}? "
            f"Write {spec.id}={file.name}|layername=NAME.",
        )
    why = (f"按用户指定读作{spec.title_zh}", f"read as {spec.id}, as told")
    return replace(fitting[0], spec=spec, why=why)
