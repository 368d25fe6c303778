"""Any source → one GeoPackage (or shapefile), and an account of every row and field."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.codes import Masking
from yuxi_gis.crs import crs_name, parse_crs
from yuxi_gis.crs.datum import DatumShift, to_crs
from yuxi_gis.errors import CRSError, OutputError, ParameterError, SourceError, YuxiGisError
from yuxi_gis.export.geopackage import write_geopackage
from yuxi_gis.export.masking import mask_table
from yuxi_gis.export.shapefile import write_shapefile
from yuxi_gis.outputs import staged
from yuxi_gis.read import SourceTable, read_table
from yuxi_gis.read.geometry import tidy
from yuxi_gis.read.georeference import misplaced
from yuxi_gis.read.union import union

__all__ = ["Conversion", "Converted", "convert"]

Progress = Callable[[str, str, float], None]
#: Beginnings of names that GeoPackage and its programs keep for themselves.
_RESERVED = re.compile(r"(gpkg|sqlite|rtree|layer_styles|qgis_projects)", re.IGNORECASE)


@dataclass(frozen=True)
class Converted:
    """One table of the output: where it comes from and what became of it.

    Attributes
    ----------
    table : str
        Its name in the output.
    layer : str or None
        The official layer that it is.
    sources : mapping of str to int
        Name → rows of every source table that went into it.
    rows : int
        Rows in the output, as read back from it.
    crs : str or None
    fields : mapping of str to str
        Every field of the sources → its name in the output.
    masked : tuple of str
        Fields in which personal data were masked.
    decisions, notes : tuple of dict
        How the sources were read; see `yuxi_gis.read.table`.
    """

    table: str
    layer: str | None
    sources: Mapping[str, int]
    rows: int
    crs: str | None
    fields: Mapping[str, str]
    masked: tuple[str, ...]
    decisions: tuple[dict[str, Any], ...]
    notes: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Conversion:
    """What `convert` wrote, and what it could not read."""

    path: Path
    tables: tuple[Converted, ...]
    failures: tuple[YuxiGisError, ...]


@dataclass(frozen=True)
class _Part:
    """One table of the output before it is written."""

    table: str
    spec: LayerSpec | None
    frame: pd.DataFrame
    sources: tuple[SourceTable, ...]
    fields: Mapping[str, str]
    notes: tuple[dict[str, Any], ...] = ()


def convert(
    tables: Iterable[SourceTable],
    path: str | os.PathLike[str],
    *,
    to: Any = None,
    masking: Masking | None = None,
    encoding: str = "UTF-8",
    overwrite: bool = False,
    catalog: Mapping[str, LayerSpec] | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Write what was found in sources to one GeoPackage, or one layer to a shapefile.

    Recognised layers go to tables with their official names and fields; all other tables keep
    their names and fields. No row and no field is left out. Converting the result once more
    changes nothing.

    Parameters
    ----------
    tables : iterable of SourceTable
        From `yuxi_gis.read.survey`.
    path : path-like
        The file to write: ``.gpkg``, or ``.shp`` where there is one layer.
    to : optional
        The CRS to bring all layers to; by default each keeps its own. A shift between datums is
        the one of the tables' options (`yuxi_gis.crs.datum`).
    masking : Masking, optional
        Which personal data are masked; by default all.
    encoding : {"UTF-8", "GBK", "GB18030"}
        Of the text of a shapefile.
    overwrite : bool
        Replace an existing file.
    catalog : mapping of str to LayerSpec, optional
    progress : callable, optional
        Called as ``progress(zh, en, fraction)``.

    Returns
    -------
    Conversion
        `failures` has the errors of layers that could not be read; the others are written.

    Raises
    ------
    SourceError, CRSError
        No table at all can be read.
    OutputError
        The file exists and `overwrite` is false, or it cannot be written whole.
    """
    tables = list(tables)
    masking = Masking() if masking is None else masking
    failures: list[YuxiGisError] = []
    parts = _parts(tables, failures, progress)
    if not parts:
        raise failures[0] if failures else _nothing()
    target = None if to is None else parse_crs(to)
    ready: list[_Part] = []
    for part in parts:
        try:
            ready.append(_ready(part, target))
        except YuxiGisError as error:
            failures.append(error)
    if not ready:
        raise failures[0]
    if progress is not None:
        progress(f"写出 {path}", f"writing {path}", 0.9)
    catalog = load_catalog() if catalog is None else catalog
    if Path(path).suffix.lower() == ".shp":
        written = [_write_shapefile(Path(path), ready, masking, encoding, overwrite=overwrite)]
    else:
        written = _write_geopackage(Path(path), ready, masking, catalog, overwrite=overwrite)
    if progress is not None:
        progress("完成", "done", 1.0)
    return Conversion(Path(path), tuple(written), tuple(failures))


def _write_geopackage(
    path: Path,
    parts: list[_Part],
    masking: Masking,
    catalog: Mapping[str, LayerSpec],
    *,
    overwrite: bool,
) -> list[Converted]:
    if path.suffix.lower() != ".gpkg":
        raise ParameterError(
            f"{path}：只能写 .gpkg 或 .shp。", f"{path}: only .gpkg and .shp are written."
        )
    with staged(path, overwrite=overwrite) as file:
        try:
            masked = write_geopackage(
                file,
                {part.spec.id: part.frame for part in parts if part.spec is not None},
                others={part.table: part.frame for part in parts if part.spec is None},
                masking=masking,
                catalog=catalog,
            )
        except YuxiGisError as error:  # names the file that the user wants, not the staged one
            told = (text.replace(str(file), str(path)) for text in (error.zh, error.en))
            raise type(error)(*told) from error
        rows = _rows(file)
        _require_all_rows(path, rows, parts)
    return [_account(part, rows[part.table], masked.get(part.table, ())) for part in parts]


def _write_shapefile(
    path: Path, parts: list[_Part], masking: Masking, encoding: str, *, overwrite: bool
) -> Converted:
    part = parts[0]
    if len(parts) > 1 or not isinstance(part.frame, gpd.GeoDataFrame):
        found = ", ".join(one.table for one in parts)
        raise ParameterError(
            f"{path}：shapefile 只能放一个带图形的图层，而来源中有：{found}。请改用 .gpkg，"
            "或用 路径|layername=图层名 指明一个。",
            f"{path}: a shapefile holds one layer with geometry, and the sources have {found}. "
            "Use .gpkg, or name one as path|layername=NAME.",
        )
    attrs = part.frame.attrs
    frame, masked = mask_table(part.frame, masking, part.spec)
    names = write_shapefile(path, frame, encoding=encoding, overwrite=overwrite)
    frame.attrs = attrs
    fields = {old: names.get(new, new) for old, new in part.fields.items()}
    return _account(replace(part, table=path.stem, frame=frame, fields=fields), len(frame), masked)


def _parts(
    tables: list[SourceTable], failures: list[YuxiGisError], progress: Progress | None
) -> list[_Part]:
    """What becomes a table: one for each official layer, one for each other table."""
    layers: dict[str, list[tuple[SourceTable, pd.DataFrame]]] = {}
    others: list[tuple[SourceTable, pd.DataFrame]] = []
    for done, table in enumerate(tables):
        if progress is not None:
            progress(f"读取 {table.name}", f"reading {table.name}", 0.9 * done / len(tables))
        try:
            pair = (table, read_table(table))
        except YuxiGisError as error:
            failures.append(error)
            continue
        if table.spec is None:
            others.append(pair)
        else:
            layers.setdefault(table.spec.id, []).append(pair)
    parts: list[_Part] = []
    for pairs in layers.values():
        shaped = [pair for pair in pairs if isinstance(pair[1], gpd.GeoDataFrame)]
        if shaped:  # a ledger beside its layer stays a table of its own
            others += [pair for pair in pairs if not isinstance(pair[1], gpd.GeoDataFrame)]
        parts.append(_layer_part(shaped or pairs, failures))
    taken = {part.table.lower() for part in parts}
    return parts + [_other_part(table, frame, taken) for table, frame in others]


def _layer_part(
    pairs: list[tuple[SourceTable, pd.DataFrame]], failures: list[YuxiGisError]
) -> _Part:
    spec = pairs[0][0].spec
    assert spec is not None  # `_parts` puts only recognised tables together
    frame = union([frame for _, frame in pairs], spec, on_error=failures.append)
    used = [part["name"] for part in frame.attrs.get("parts", [frame.attrs])]
    pairs = [pair for pair in pairs if pair[0].name in used]
    fields = {
        old: frame_.attrs["renamed"].get(old, old)
        for table, frame_ in pairs
        for old in table.columns
    }
    return _Part(spec.name, spec, frame, tuple(table for table, _ in pairs), fields)


def _other_part(table: SourceTable, frame: pd.DataFrame, taken: set[str]) -> _Part:
    renamed = frame.attrs["renamed"]
    fields = {old: renamed.get(old, old) for old in table.columns}
    return _Part(_free_name(table.table, taken), None, frame, (table,), fields)


def _free_name(name: str, taken: set[str]) -> str:
    """A name that the GeoPackage can give to a table, near to `name`; enters it into `taken`."""
    name = "".join(c for c in name if c.isprintable()).strip() or "table"
    name = f"t_{name}" if _RESERVED.match(name) else name
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.lower())
    return free


def _ready(part: _Part, target: Any) -> _Part:
    """`part` in the target CRS, its geometry tidy, no two fields of one name."""
    frame = part.frame
    attrs, shift = frame.attrs, part.sources[0].options.shift
    notes: tuple[dict[str, Any], ...] = ()
    if isinstance(frame, gpd.GeoDataFrame):
        if target is not None and frame.crs != target:
            frame = _moved(frame, target, shift)
        frame, found = tidy(frame)
        notes = tuple(note.as_dict() for note in found)
    geometry = frame.active_geometry_name if isinstance(frame, gpd.GeoDataFrame) else None
    taken: set[str] = set() if geometry is None else {geometry.lower()}
    names = {c: _free_field(c, taken) for c in frame.columns if c != geometry}
    frame = frame.rename(columns=names)
    frame.attrs = attrs
    fields = {old: names.get(new, new) for old, new in part.fields.items()}
    return replace(part, frame=frame, fields=fields, notes=notes)


def _moved(frame: gpd.GeoDataFrame, target: CRS, shift: DatumShift | None) -> gpd.GeoDataFrame:
    """`frame` in another CRS; what lies wrong is not moved to somewhere else."""
    name = frame.attrs["name"]
    wrong = misplaced(frame)
    if wrong is not None:
        raise wrong
    try:
        moved = to_crs(frame, target, shift=shift)
    except CRSError as error:
        raise CRSError(f"{name}：{error.zh}", f"{name}: {error.en}") from error
    lost = ~np.isfinite(shapely.bounds(moved.geometry.array)).all(axis=1)
    lost &= np.isfinite(shapely.bounds(frame.geometry.array)).all(axis=1)
    if lost.any():
        row, label = int(np.argmax(lost)) + 1, crs_name(target)
        raise CRSError(
            f"{name}：第 {row} 行等 {lost.sum()} 行的坐标无法换算到 {label}。"
            "请核对坐标系是否标错。",
            f"{name}: the coordinates of {lost.sum()} rows (the first is row {row}) cannot be "
            f"brought to {label}. Check whether the CRS is the right one.",
        )
    return moved


def _free_field(name: str, taken: set[str]) -> str:
    """`name`, with a number where another field has it already, in any case."""
    free, number = str(name), 1
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.lower())
    return free


def _rows(file: Path) -> dict[str, int]:
    """Rows of every table, as the file itself says."""
    return {
        str(name): int(pyogrio.read_info(file, layer=name, force_feature_count=True)["features"])
        for name, _ in pyogrio.list_layers(file)
    }


def _require_all_rows(path: Path, rows: Mapping[str, int], parts: list[_Part]) -> None:
    for part in parts:
        wanted = sum(table.rows for table in part.sources)
        if rows.get(part.table) != wanted:
            raise OutputError(
                f"{path}：表 {part.table} 应有 {wanted} 行，写出的是 {rows.get(part.table, 0)} 行，"
                "未保留该输出。请把数据报告给开发者。",
                f"{path}: table {part.table} should have {wanted} rows and got "
                f"{rows.get(part.table, 0)}; the output was not kept. Please report the data.",
            )


def _account(part: _Part, rows: int, masked: Iterable[str]) -> Converted:
    crs = part.frame.crs if isinstance(part.frame, gpd.GeoDataFrame) else None
    return Converted(
        table=part.table,
        layer=part.spec.id if part.spec else None,
        sources={table.name: table.rows for table in part.sources},
        rows=rows,
        crs=None if crs is None else crs_name(crs),
        fields=part.fields,
        masked=tuple(masked),
        decisions=tuple(part.frame.attrs["decisions"]),
        notes=(*part.frame.attrs["notes"], *part.notes),
    )


def _nothing() -> SourceError:
    return SourceError("没有可以转换的表。", "There is no table to convert.")
