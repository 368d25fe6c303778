"""Read layers and tables with their official names, in one way for every format."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, TypeAlias

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.crs import crs_name
from yuxi_gis.errors import SourceError, YuxiGisError
from yuxi_gis.read.fields import as_text, destroyed_codes, official_names
from yuxi_gis.read.geometry import normalise
from yuxi_gis.read.georeference import Move, georeference, require_known
from yuxi_gis.read.sources import Catalog, SourceTable, find_tables
from yuxi_gis.read.table import Note, Options
from yuxi_gis.read.union import union

__all__ = ["Frame", "finished", "read_layer", "read_layers", "read_table", "read_tables"]

Frame: TypeAlias = gpd.GeoDataFrame | pd.DataFrame
Progress = Callable[[str, str, float], None]


def read_layer(
    source: str | os.PathLike[str],
    layer: str | None = None,
    *,
    require_crs: bool = True,
    catalog: Catalog | None = None,
    **options: Any,
) -> Frame:
    """Read one layer, or one table without geometry, with its official field names.

    Parameters
    ----------
    source : path-like
        A file, a File Geodatabase, a zip or a folder; see `yuxi_gis.read.formats` for what can be
        read.
    layer : str, optional
        Layer id (``"farmland"``) or name of the table; needed where the source holds several.
    require_crs : bool
        False returns a layer without CRS instead of raising.
    catalog : mapping of str to LayerSpec, optional
        By default the one of the package.
    **options
        What you know better than the file: ``crs`` (anything that pyproj takes; for a source that
        declares none), ``override_crs`` (it holds in any case), ``encoding``, ``swap_axes``,
        ``shift``; see `yuxi_gis.read.table.Options`.

    Returns
    -------
    GeoDataFrame or DataFrame
        All rows and all fields in the file's order. Fields of the layer's specification have
        their official names; those that it types as text are text (``str``), so that codes stay
        whole. Geometry is two-dimensional; all of it is multi-part where any is. ``attrs`` tells
        how it was read: ``source``, ``table``, ``layer``, ``encoding``, ``crs``, ``crs_from``,
        ``renamed``, ``edition``, ``declared`` (field → what `Declared` holds), ``decisions`` and
        ``notes`` (lists of what `Decision` and `Note` hold).

    Raises
    ------
    SourceError
        The source is missing or damaged, or `layer` does not name one table.
    CRSError
        The source declares no CRS and none is given; the message says what it may be.
    """
    told = Options.of(**options)
    tables = find_tables([source], options=told, catalog=catalog)
    if layer is not None:
        chosen = [t for t in tables if layer in (t.table, t.spec.id if t.spec else None)]
    else:
        chosen = [t for t in tables if t.spec is not None] if len(tables) > 1 else tables
    if len(chosen) != 1:
        names = ", ".join(t.table for t in tables)
        raise SourceError(
            f"{source}：需要指明读哪一个图层（layer=…）。其中有：{names}。",
            f"{source}: say which layer to read (layer=…). It has: {names}.",
        )
    return read_table(chosen[0], require_crs=require_crs)


def read_layers(
    *sources: str | os.PathLike[str], catalog: Catalog | None = None, **options: Any
) -> dict[str, Frame]:
    """Read every recognised layer and table of `sources`.

    Parameters
    ----------
    *sources : path-like
        Files, folders, zips, or ``ID=path``.
    catalog : mapping of str to LayerSpec, optional
    **options
        See `read_layer`.

    Returns
    -------
    dict of str to GeoDataFrame or DataFrame
        By layer id. See `read_layer` and `read_tables`.

    Raises
    ------
    SourceError
        A source cannot be read, or nothing was recognised.
    CRSError

    Warns
    -----
    UserWarning
        Names the tables that were not recognised.
    """
    tables = find_tables(sources, options=Options.of(**options), catalog=catalog)
    skipped = [t.name for t in tables if t.spec is None]
    if skipped:
        warnings.warn("not recognised, not read: " + ", ".join(skipped), stacklevel=2)
    return read_tables(tables)


def read_tables(
    tables: Iterable[SourceTable],
    *,
    on_error: Callable[[YuxiGisError], None] | None = None,
    progress: Progress | None = None,
    read: Callable[[SourceTable], Frame] | None = None,
) -> dict[str, Frame]:
    """Read the recognised ones of `tables`.

    A layer that lies in several files is put together, the rows in the order of the files.

    Parameters
    ----------
    tables : iterable of SourceTable
    on_error : callable, optional
        Is given the error of a layer that cannot be read, and the others are read all the same;
        by default it is raised.
    progress : callable, optional
        Called as ``progress(zh, en, fraction)``.
    read : callable, optional
        Reads one table; by default `read_table`.

    Raises
    ------
    SourceError
        Nothing was recognised, or the same parcels lie in two files.
    CRSError
        A layer has no CRS, or the parts of one have different ones.
    """
    tables = list(tables)
    wanted = [t for t in tables if t.spec is not None]
    if not wanted:
        names = ", ".join(t.name for t in tables)
        raise SourceError(
            f"没有识别出任何图层：{names}。请用 ID=路径 指明，例如 farmland=地块.shp；"
            "yuxi-gis layers 列出所有 ID。",
            f"No layer was recognised: {names}. Name it as ID=path, for example "
            "farmland=parcels.shp; yuxi-gis layers lists the IDs.",
        )
    parts: dict[str, list[SourceTable]] = {}
    for table in wanted:
        parts.setdefault(table.spec.id, []).append(table)  # type: ignore[union-attr]
    order = list(load_catalog())
    layers: dict[str, Frame] = {}
    for layer_id in sorted(parts, key=lambda i: order.index(i) if i in order else len(order)):
        try:
            layers[layer_id] = _whole(parts[layer_id], on_error, progress, read or read_table)
        except YuxiGisError as error:
            if on_error is None:
                raise
            on_error(error)
    return layers


def _whole(
    tables: list[SourceTable],
    on_error: Callable[[YuxiGisError], None] | None,
    progress: Progress | None,
    read: Callable[[SourceTable], Frame],
) -> Frame:
    """One layer from all its tables that can be read."""
    frames: list[Frame] = []
    errors: list[YuxiGisError] = []
    for done, table in enumerate(tables):
        if progress is not None:
            progress(f"读取 {table.name}", f"reading {table.name}", done / len(tables))
        try:
            frames.append(read(table))
        except YuxiGisError as error:
            if on_error is None:
                raise
            errors.append(error)
    spec = tables[0].spec
    assert spec is not None  # those without were sorted out before
    if on_error is None:
        return union(frames, spec)
    for failed in errors if frames else errors[:-1]:
        on_error(failed)
    if not frames:
        raise errors[-1]
    return union(frames, spec, on_error=on_error)


def read_table(table: SourceTable, *, require_crs: bool = True) -> Frame:
    """Read one table; see `read_layer`.

    Raises
    ------
    SourceError
        The rows cannot be read.
    CRSError
        It has geometry but no CRS, and `require_crs` is true.
    """
    frame, notes = table.load()
    shaped: tuple[Note, ...] = ()
    if isinstance(frame, gpd.GeoDataFrame):
        frame, shaped = normalise(frame)
    return finished(table, frame, notes, shaped, require_crs=require_crs)[0]


def finished(
    table: SourceTable,
    frame: Frame,
    notes: tuple[Note, ...],
    shaped: tuple[Note, ...],
    *,
    require_crs: bool = True,
) -> tuple[Frame, tuple[Move, ...]]:
    """The rows of a table, its geometry plain, with official names and in their place.

    Parameters
    ----------
    table : SourceTable
    frame : GeoDataFrame or DataFrame
        As the file has it, the geometry as `geometry.normalise` gives it.
    notes, shaped : tuple of Note
        What was noticed of rows and of shapes.

    Returns
    -------
    frame : GeoDataFrame or DataFrame
        See `read_layer`.
    moves : tuple of callable
        What was done to the shapes: see `Georeference`.

    Raises
    ------
    CRSError
        It has geometry but no CRS, and `require_crs` is true.
    """
    decisions, notes = list(table.decisions), (*table.notes, *notes)
    moves: tuple[Move, ...] = ()
    file_rows = frame.attrs.pop("file_rows", None)
    found: tuple[Note, ...] = ()
    attrs: dict[str, Any] = {
        "source": str(table.path),
        "name": table.name,
        "table": table.table,
        "layer": table.spec.id if table.spec else None,
        "encoding": table.encoding,
        "crs": "-",
        "crs_from": None,
        "renamed": {},
        "edition": None,
        "declared": {},
    }
    if table.spec is not None:
        frame, more = _official(frame, table.spec, attrs, truncated=table.truncated)
        known = {
            attrs["renamed"].get(note.field, note.field)
            for note in notes
            if note.what == "code_destroyed"
        }
        found += tuple(note for note in more if note.field not in known)
    attrs["declared"] = {
        attrs["renamed"].get(name, name): asdict(told) for name, told in table.raw.declared.items()
    }
    if isinstance(frame, gpd.GeoDataFrame):
        in_yuxi = table.spec is not None and _in_yuxi(frame, table.spec)
        placed = georeference(frame, table.name, table.options, in_yuxi=in_yuxi)
        if require_crs:
            require_known(placed, table.name)
        frame, moves = placed.frame, placed.moves
        attrs |= {"crs": crs_name(frame.crs), "crs_from": placed.crs_from}
        # A reader that says more of the CRS than that the file declares it is heard.
        told = placed.crs_from == "file" and any(made.what == "crs" for made in decisions)
        decisions = [made for made in decisions if told or made.what != "crs"]
        decisions += [made for made in placed.decisions if not (told and made.what == "crs")]
        found += shaped
        notes += placed.notes
    if file_rows is not None:
        found = tuple(note.renumbered(file_rows) for note in found)
    notes += found
    attrs["decisions"] = [asdict(d) for d in decisions]
    attrs["notes"] = [n.as_dict() for n in notes]
    frame.attrs.clear()
    frame.attrs.update(attrs)
    return frame, moves


def _official(
    frame: Frame, spec: LayerSpec, attrs: dict[str, Any], *, truncated: bool
) -> tuple[Frame, tuple[Note, ...]]:
    """`frame` with official names and text where the specification says text."""
    shape = frame.active_geometry_name if isinstance(frame, gpd.GeoDataFrame) else None
    columns = [str(c) for c in frame.columns if c != shape]
    names = official_names(columns, spec, truncated=truncated)
    attrs["renamed"] = {old: new for old, new in names.items() if old != new}
    edition = spec.edition(columns)
    attrs["edition"] = edition.name if edition else None
    frame = frame.rename(columns=attrs["renamed"])
    for field in spec.fields:
        if field.type in ("Char", "Varchar") and field.name in frame.columns:
            frame[field.name] = as_text(frame[field.name])
    return frame, tuple(destroyed_codes(frame, spec, edition=edition))


def _in_yuxi(frame: Frame, spec: LayerSpec) -> bool:
    """Whether the codes of a layer are those of Yuxi (GB/T 2260: 5304)."""
    if spec.key not in frame.columns:
        return False
    codes = frame[spec.key].dropna().astype("str").head(1000)
    return len(codes) > 0 and bool(codes.str.startswith("5304").mean() > 0.9)
