"""Read land layers from shapefile, GeoPackage, GeoJSON and File Geodatabase."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from yuxi_gis.catalog import load_catalog
from yuxi_gis.crs import crs_name
from yuxi_gis.errors import CRSError, SourceError, YuxiGisError
from yuxi_gis.read.fields import as_text, official_names
from yuxi_gis.read.sources import Catalog, SourceTable, find_tables, unreadable

__all__ = ["read_layer", "read_layers", "read_tables"]


def read_layer(
    source: str | os.PathLike[str],
    layer: str | None = None,
    *,
    crs: Any = None,
    require_crs: bool = True,
    catalog: Catalog | None = None,
) -> gpd.GeoDataFrame:
    """Read one layer with its official field names.

    Parameters
    ----------
    source : path-like
        A file, a File Geodatabase (zipped too), or ``ID=path``.
    layer : str, optional
        Layer id (``"farmland"``) or name of the table; needed where the source holds several.
    crs : optional
        The CRS of a source that declares none: anything that pyproj takes.
    require_crs : bool
        False returns a layer without CRS instead of raising.
    catalog : mapping of str to LayerSpec, optional
        By default the one of the package.

    Returns
    -------
    GeoDataFrame
        All rows and all fields in the file's order. Fields of the layer's specification have
        their official names; those that it types as text are text (``str``), so that codes stay
        whole. ``attrs`` tells how it was read: ``source``, ``table``, ``layer``, ``encoding``,
        ``encoding_from``, ``crs_from``, ``renamed``.

    Raises
    ------
    SourceError
        The source is missing, damaged, has no geometry, or `layer` does not name one table.
    CRSError
        The source declares no CRS and none is given.
    """
    catalog = load_catalog() if catalog is None else catalog
    tables = find_tables([source], crs=crs, catalog=catalog)
    if layer is not None:
        tables = [t for t in tables if layer in (t.table, t.spec.id if t.spec else None)]
    elif len(tables) > 1:
        tables = [t for t in tables if t.spec is not None]
    if len(tables) != 1:
        names = ", ".join(t.table for t in find_tables([source], crs=crs, catalog=catalog))
        raise SourceError(
            f"{source}：需要指明读哪一个图层（layer=…）。其中有：{names}。",
            f"{source}: say which layer to read (layer=…). It has: {names}.",
        )
    table = tables[0]
    _require_usable(table, require_crs=require_crs)
    return _read(table)


def read_layers(
    *sources: str | os.PathLike[str], crs: Any = None, catalog: Catalog | None = None
) -> dict[str, gpd.GeoDataFrame]:
    """Read every recognised layer of `sources`.

    Parameters
    ----------
    *sources : path-like
        Files, folders, or ``ID=path``.
    crs : optional
        The CRS of sources that declare none.
    catalog : mapping of str to LayerSpec, optional

    Returns
    -------
    dict of str to GeoDataFrame
        By layer id, in the order of the catalogue. See `read_layer`.

    Raises
    ------
    SourceError
        Nothing was recognised, or one layer was found twice.
    CRSError

    Warns
    -----
    UserWarning
        Names the tables that were not recognised.
    """
    catalog = load_catalog() if catalog is None else catalog
    tables = find_tables(sources, crs=crs, catalog=catalog)
    skipped = [f"{t.path.name}|{t.table}" for t in tables if t.spec is None]
    if skipped:
        warnings.warn("not recognised, not read: " + ", ".join(skipped), stacklevel=2)
    return read_tables(tables)


def read_tables(tables: Iterable[SourceTable]) -> dict[str, gpd.GeoDataFrame]:
    """Read the recognised ones of `tables`; see `read_layers`."""
    tables = list(tables)
    chosen: dict[str, SourceTable] = {}
    for table in tables:
        if table.spec is None:
            continue
        if table.spec.id in chosen:
            twin = chosen[table.spec.id]
            raise SourceError(
                f"图层 {table.spec.id} 出现两次：{twin.path}|{twin.table} 和 "
                f"{table.path}|{table.table}。请只给其中一个。",
                f"Layer {table.spec.id} was found twice: {twin.path}|{twin.table} and "
                f"{table.path}|{table.table}. Give only one of them.",
            )
        chosen[table.spec.id] = table
    if not chosen:
        names = ", ".join(f"{t.path}|{t.table}" for t in tables)
        raise SourceError(
            f"没有识别出任何图层：{names}。请用 ID=路径 指明，例如 farmland=地块.shp；"
            "yuxi-gis layers 列出所有 ID。",
            f"No layer was recognised: {names}. Name it as ID=path, for example "
            "farmland=parcels.shp; yuxi-gis layers lists the IDs.",
        )
    for table in chosen.values():
        _require_usable(table, require_crs=True)
    return {layer_id: _read(table) for layer_id, table in chosen.items()}


def _require_usable(table: SourceTable, *, require_crs: bool) -> None:
    where = f"{table.path}|{table.table}"
    if table.geometry is None:
        raise SourceError(
            f"{where}：是没有图形的属性表，不能作为图层。请给出带图形的文件。",
            f"{where}: is a table without geometry and no layer. Give the file with the shapes.",
        )
    if require_crs and table.crs is None:
        raise CRSError(
            f"{where}：没有坐标系（缺 .prj？规则 S03）。请用 --crs 指明，例如 --crs EPSG:4543。",
            f"{where}: has no CRS (.prj missing? rule S03). Give it with --crs, for example "
            "--crs EPSG:4543.",
        )


def _read(table: SourceTable) -> gpd.GeoDataFrame:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*geometry types are not supported")
            warnings.filterwarnings("ignore", message="Could not parse column")  # stays text
            told = table.encoding if table.encoding_from == "text" else None
            frame = pyogrio.read_dataframe(table.path, layer=table.table, encoding=told)
    except (DataSourceError, DataLayerError, UnicodeDecodeError) as error:
        raise unreadable(table.path, error) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise unreadable(table.path, YuxiGisError("没有图形", "no geometry"))
    if frame.crs is None and table.crs is not None:
        frame = frame.set_crs(table.crs)
    renamed: dict[str, str] = {}
    if table.spec is not None:
        names = official_names(table.columns, table.spec)
        renamed = {old: new for old, new in names.items() if old != new}
        frame = frame.rename(columns=renamed)
        for field in table.spec.fields:
            if field.type in ("Char", "Varchar") and field.name in frame.columns:
                frame[field.name] = as_text(frame[field.name])
    frame.attrs.update(
        source=str(table.path),
        table=table.table,
        layer=table.spec.id if table.spec else None,
        encoding=table.encoding,
        encoding_from=table.encoding_from,
        crs=crs_name(table.crs),
        crs_from=table.crs_from,
        renamed=renamed,
    )
    return frame
