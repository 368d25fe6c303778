"""The GeoPackage for QGIS: layers, findings and changes, each with its default style.

QGIS takes a layer's default style from the table ``layer_styles`` of the same file. What is put
there is `styles/<stem>.qml` with the Chinese field titles and code labels of the catalogue added,
so that the attribute table speaks Chinese too.
"""

from __future__ import annotations

import os
import sqlite3
import warnings
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry.base import BaseGeometry

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.checks import CheckResult
from yuxi_gis.codes import Masking, as_text
from yuxi_gis.errors import OutputError, ParameterError
from yuxi_gis.export.masking import mask_findings, mask_result, mask_table
from yuxi_gis.export.provenance import Provenance, inputs_of, reading_of
from yuxi_gis.export.table import mended_of, rule_mend, rule_title, with_about
from yuxi_gis.outputs import staged
from yuxi_gis.read.ogr import ROW_NUMBERS
from yuxi_gis.regions import region_name
from yuxi_gis.symbology import load_style

__all__ = ["write_findings", "write_geopackage"]

_MASKING = Masking()
_NONE: Mapping[str, pd.DataFrame] = MappingProxyType({})
#: What pyogrio raises over a table that GDAL cannot write.
_REFUSED = (DataSourceError, DataLayerError, NotImplementedError, ValueError, OSError)
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"

_PLACE = {"layer": "图层", "feature": "要素编号", "kind": "变化类别", "kind_zh": "变化类别名称"}
#: Chinese titles of the result tables' columns, by table.
_TITLES: dict[str, dict[str, str]] = {
    "findings": _PLACE
    | {
        "rule": "规则",
        "severity": "严重程度",
        "other_layer": "相关图层",
        "other_feature": "相关要素编号",
        "value": "实际值",
        "limit": "限值",
        "unit": "单位",
        "area_m2": "面积（平方米）",
        "message_zh": "说明",
        "message_en": "说明（英文）",
        "mend": "处理方法",
        "region": "村",
        "state": "状态",
        "remark": "备注",
    },
    "patches": _PLACE
    | {
        "XZQDM": "行政区代码",
        "JCBH": "图斑编号",
        "TBLX": "图斑类型",
        "QSX": "前时相",
        "HSX": "后时相",
        "SFYN": "是否涉及永久基本农田",
        "MJ": "面积（平方米）",
        "MJ_MU": "面积（亩）",
        "seasonal": "可能为季节变化",
        "strength": "变化强度",
        "confidence": "置信度",
        "pixels": "像元数",
    },
    "changed_parcels": _PLACE
    | {
        "seasonal": "可能为季节变化",
        "changed_m2": "变化面积（平方米）",
        "changed_mu": "变化面积（亩）",
        "changed_share": "变化占比",
        "seen_share": "可见占比",
    },
}
_TITLES["findings_areas"] = _TITLES["findings_mended"] = _TITLES["findings"]


@dataclass(frozen=True)
class _Table:
    """One table of the package; `values` are the labels of coded fields, by field; `masked` are
    the fields in which personal data were masked. Where a field is `typed`, QGIS lets the user
    change no other."""

    name: str
    title: str
    description: str
    style: str | None
    geometry: str
    frame: pd.DataFrame
    titles: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    masked: tuple[str, ...] = ()
    typed: str | None = None


def write_findings(
    path: str | os.PathLike[str],
    result: CheckResult,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] = (),
    reading: Iterable[tuple[str, str]] = (),
    overwrite: bool = False,
) -> None:
    """Write what the checks found as a GeoPackage of fault places that QGIS opens styled.

    The tables are ``findings`` (a point a finding), ``findings_areas`` where places are areas, and
    ``findings_mended`` where something is mended. Beside `findings.COLUMNS` they have ``mend``,
    ``region``, ``state`` and ``remark``; QGIS lets the user change the remark only, and
    `export.earlier.read_earlier` reads it back.

    Parameters
    ----------
    path : path-like
        Ends in ``.gpkg``.
    result : CheckResult
    lang : {"zh", "en"}
        Of ``mend``; the messages are there in both languages.
    masking, inputs, overwrite
        See `write_geopackage`.
    reading : iterable of (str, str)
        What reading did to the coordinates of the inputs (`provenance.reading_of`).

    Raises
    ------
    ParameterError, OutputError
        See `write_geopackage`.
    """
    result = mask_result(result, masking)
    found, mended = (
        table.assign(mend=table["rule"].map({id: rule_mend(id, lang) for id in set(table["rule"])}))
        for table in (with_about(result), mended_of(result))
    )
    write_geopackage(
        path,
        {},
        findings=found,
        findings_mended=mended if len(mended) else None,
        masking=masking,
        inputs=inputs,
        reading=reading,
        overwrite=overwrite,
    )


def write_geopackage(
    path: str | os.PathLike[str],
    layers: Mapping[str, pd.DataFrame],
    *,
    others: Mapping[str, pd.DataFrame] = _NONE,
    findings: gpd.GeoDataFrame | None = None,
    findings_mended: gpd.GeoDataFrame | None = None,
    patches: gpd.GeoDataFrame | None = None,
    changed_parcels: gpd.GeoDataFrame | None = None,
    masking: Masking = _MASKING,
    inputs: Iterable[object] | None = None,
    reading: Iterable[tuple[str, str]] = (),
    overwrite: bool = False,
    catalog: Mapping[str, LayerSpec] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Write layers and results to one GeoPackage that QGIS opens styled.

    Parameters
    ----------
    path : path-like
        The file to write; ends in ``.gpkg``.
    layers : mapping of str to GeoDataFrame or DataFrame
        By layer id. Each goes to a table with its official name (``DK``, ``ZJD``, …), the
        catalogue's fields first and in its order, further columns after them; text fields are
        written as text, so that codes stay whole. Geometry is brought to two dimensions and to
        the multi-part type; empty geometry becomes null. The CRS stays.
    others : mapping of str to GeoDataFrame or DataFrame
        Further tables by name, written as they are, without style.
    findings : GeoDataFrame, optional
        Go to the table ``findings`` as points, a representative one in each place, so that QGIS
        shows them all in one layer; and, where the place is an area, to ``findings_areas``.
    findings_mended : GeoDataFrame, optional
        Findings that are no more, as points in the table of this name.
    patches, changed_parcels : GeoDataFrame, optional
        Go to tables of these names.
    masking : Masking
        Which personal data are masked; by default all (`yuxi_gis.export.masking`). The metadata of
        the file and the descriptions of its tables say so.
    inputs : iterable of path-like, optional
        The files that the content comes from, whose names go into the metadata; by default those
        that the layers' ``attrs["source"]`` name.
    reading : iterable of (str, str)
        What reading did to coordinates, beside what the layers' ``attrs`` say.
    overwrite : bool
        Replace an existing file.
    catalog : mapping of str to LayerSpec, optional
        By default the one of the package.

    Returns
    -------
    dict of str to tuple of str
        The fields in which something was masked, by table.

    Raises
    ------
    ParameterError
        `path` does not end in ``.gpkg``, a layer id is not in the catalogue, or two fields of a
        table have one name.
    OutputError
        The file exists and `overwrite` is false, or it cannot be written.

    Notes
    -----
    Times in the file are those of writing, or of ``SOURCE_DATE_EPOCH`` where that is set; then
    the same input gives the same bytes.
    """
    path = Path(path)
    if path.suffix.lower() != ".gpkg":
        raise ParameterError(
            f"{path}：GeoPackage 的文件名应以 .gpkg 结尾。",
            f"{path}: the name of a GeoPackage must end in .gpkg.",
        )
    catalog = load_catalog() if catalog is None else catalog
    tables = [_layer_table(i, frame, catalog, masking) for i, frame in layers.items()]
    tables += [_other_table(name, frame, masking) for name, frame in others.items()]
    results = {"patches": patches, "changed_parcels": changed_parcels}
    if findings is not None:
        results |= _split_findings(findings)
    if findings_mended is not None:
        results["findings_mended"] = _points(findings_mended)
    tables += [
        _result_table(name, frame, catalog, masking)
        for name, frame in results.items()
        if frame is not None
    ]
    every = {**layers, **others}
    sources = inputs_of(every) if inputs is None else inputs
    provenance = Provenance.of(sources, masking, [*reading, *reading_of(every)])
    with staged(path, overwrite=overwrite) as part:
        try:
            for table in tables:
                _write(part, table, provenance)
            _write_styles(part, tables, provenance)
        except _REFUSED as error:
            raise OutputError(
                f"{path}：无法写入 GeoPackage（{error}）。",
                f"{path}: the GeoPackage cannot be written ({error}).",
            ) from error
        _stamp(part, provenance.made)
    return {table.name: table.masked for table in tables}


def _layer_table(
    layer_id: str, frame: pd.DataFrame, catalog: Mapping[str, LayerSpec], masking: Masking
) -> _Table:
    if layer_id not in catalog:
        ids = "、".join(catalog)
        raise ParameterError(
            f"没有 ID 为 {layer_id} 的图层。可用的 ID：{ids}。",
            f"There is no layer with the ID {layer_id}. There are: {ids}.",
        )
    spec = catalog[layer_id]
    _refuse_twins(spec.name, frame)
    frame = frame.copy()
    for spec_field in spec.fields:
        if spec_field.name in frame.columns and spec_field.type in ("Char", "Varchar"):
            frame[spec_field.name] = as_text(frame[spec_field.name])
    frame, masked = mask_table(frame, masking, spec)
    official = [f.name for f in spec.fields if f.name in frame.columns]
    others = [column for column in frame.columns if column not in spec.by_name]
    return _Table(
        name=spec.name,
        title=spec.title_zh,
        description=spec.source,
        style=None if spec.is_table or not isinstance(frame, gpd.GeoDataFrame) else spec.id,
        geometry=spec.geometry,
        frame=frame[official + others],
        titles={f.name: f.title_zh for f in spec.fields},
        values={f.name: f.codes.zh for f in spec.fields if f.codes is not None},
        masked=masked,
    )


def _other_table(name: str, frame: pd.DataFrame, masking: Masking) -> _Table:
    _refuse_twins(name, frame)
    frame, masked = mask_table(frame, masking)
    return _Table(name, name, "", None, "Unknown", frame, {}, masked=masked)


def _refuse_twins(table: str, frame: pd.DataFrame) -> None:
    names = Counter(str(column).lower() for column in frame.columns)
    twins = "、".join(name for name, times in names.items() if times > 1)
    if twins:
        raise ParameterError(
            f"表 {table} 有重名的字段（GeoPackage 不分大小写）：{twins}。请先改名。",
            f"Table {table} has fields of one name (a GeoPackage takes no notice of case): "
            f"{twins}. Rename them first.",
        )


def _split_findings(findings: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """All places as points, and those that are areas once more as polygons."""
    shapes = np.asarray(findings.geometry.array)
    areas = findings[shapely.get_dimensions(shapes) == 2]
    areas = areas.set_geometry(areas.geometry.map(_polygons), crs=findings.crs)
    return {"findings": _points(findings)} | ({"findings_areas": areas} if len(areas) else {})


def _points(findings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return findings.set_geometry(findings.geometry.representative_point())


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """Without the lines and points that an intersection leaves beside its polygons."""
    if shape.geom_type != "GeometryCollection":
        return shape
    parts = shapely.get_parts(shape)
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])


_RESULTS = {
    "findings": ("检查发现", "Point"),
    "findings_areas": ("检查发现（范围）", "Polygon"),
    "findings_mended": ("已整改", "Point"),
    "patches": ("变化图斑", "Polygon"),
    "changed_parcels": ("变化地块", "Polygon"),
}


def _result_table(
    name: str, frame: gpd.GeoDataFrame, catalog: Mapping[str, LayerSpec], masking: Masking
) -> _Table:
    title, geometry = _RESULTS[name]
    _refuse_twins(name, frame)
    style = load_style(name)
    layer_titles = {spec.id: spec.title_zh for spec in catalog.values()}
    values: dict[str, Mapping[str, str]] = {"layer": layer_titles, "other_layer": layer_titles}
    if style.attribute is not None:
        values[style.attribute] = {c.value: c.label for c in style.categories if c.value}
    if name.startswith("findings"):
        values |= _finding_labels(frame)
    return _Table(
        name=name,
        title=title,
        description=f"{title}（疑似，须核实）",
        style=name,
        geometry=geometry,
        frame=mask_findings(frame, masking),
        titles=_TITLES[name],
        values=values,
        typed="remark" if "remark" in frame.columns else None,
    )


def _finding_labels(frame: pd.DataFrame) -> dict[str, Mapping[str, str]]:
    """What the codes in findings mean."""
    states = {"new": "新增", "remaining": "仍存在", "mended": "已整改", "": ""}
    severities = {c.value: c.label for c in load_style("findings").categories if c.value}
    regions = {code: region_name(code) for code in sorted(set(frame.get("region", ())) - {""})}
    rules = {id: f"{id} {rule_title(id, 'zh')}" for id in sorted(set(frame["rule"]))}
    return {"rule": rules, "severity": severities, "state": states, "region": regions}


def _write(path: Path, table: _Table, provenance: Provenance) -> None:
    frame = table.frame.rename(columns=str)
    for column in frame.columns[[dtype in ("object", "category") for dtype in frame.dtypes]]:
        kind = pd.api.types.infer_dtype(frame[column], skipna=True)
        if kind == "boolean":
            frame[column] = frame[column].astype("boolean")
        elif kind != "bytes":
            frame[column] = frame[column].astype("str").where(frame[column].notna(), None)
    for column in frame.columns[[str(dtype).lower() == "uint64" for dtype in frame.dtypes]]:
        fits = not (frame[column] > np.iinfo("int64").max).any()  # a GeoPackage has no greater
        frame[column] = frame[column].astype("Int64" if fits else "str")
    options = {
        "IDENTIFIER": table.title,
        "DESCRIPTION": f"{table.description} {provenance.sentence()}".lstrip(),
        "FID": _key_name(frame),
    }
    shape: dict[str, Any] = {}
    if isinstance(frame, gpd.GeoDataFrame):
        shapes = shapely.force_2d(np.asarray(frame.geometry.array))
        shapes[shapely.is_empty(shapes)] = None
        frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
        options["GEOMETRY_NAME"] = _geometry_name(table)
        kind = _geometry_type(shapes, table.geometry)
        shape = {"geometry_type": kind, "promote_to_multi": kind.startswith("Multi")}
    with warnings.catch_warnings():
        # A layer without a CRS is a finding of its own (S03), and is written as it is.
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        _append(path, table.name, frame, options, provenance, **shape)


def _append(
    path: Path,
    name: str,
    frame: pd.DataFrame,
    options: Mapping[str, str],
    provenance: Provenance,
    **shape: Any,
) -> None:
    pyogrio.write_dataframe(
        frame,
        path,
        layer=name,
        driver="GPKG",
        # What QGIS of the long-term releases reads without a warning.
        dataset_options={"VERSION": "1.2"},
        layer_options=options,
        dataset_metadata=provenance.tags(),
        # Only so are bytes written as BLOB and not as text.
        use_arrow=any(pd.api.types.infer_dtype(v, skipna=True) == "bytes" for v in _objects(frame)),
        **shape,
    )


def _geometry_type(shapes: npt.NDArray[np.object_], declared: str) -> str:
    """The one geometry type that holds all of `shapes`; ``Unknown`` where there is none."""
    found = {shape.geom_type.removeprefix("Multi") for shape in shapes if shape is not None}
    kinds = found or {declared}
    if len(kinds) > 1 or not kinds <= {"Polygon", "LineString", "Point"}:
        return "Unknown"
    kind = kinds.pop()
    single = kind == "Point" and all(s is None or s.geom_type == kind for s in shapes)
    return kind if single else f"Multi{kind}"


def _geometry_name(table: _Table) -> str:
    """The name of its geometry column, ``""`` where it has none."""
    return _free_name("geom", table.frame) if isinstance(table.frame, gpd.GeoDataFrame) else ""


def _objects(frame: pd.DataFrame) -> list[pd.Series]:
    return [values for _, values in frame.items() if values.dtype == object]


def _key_name(frame: pd.DataFrame) -> str:
    """A name for the row numbers that readers know as such, and no column of data has: else they
    would come back as a field."""
    taken = {str(column).lower() for column in frame.columns}
    free = [name for name in ROW_NUMBERS if name not in taken]
    return free[0] if free else _free_name(ROW_NUMBERS[-1], frame)


def _free_name(name: str, frame: pd.DataFrame) -> str:
    """`name`, longer where a column of data has it already."""
    active = frame.geometry.name if isinstance(frame, gpd.GeoDataFrame) else None
    taken = {str(column).lower() for column in frame.columns if column != active}
    while name in taken:
        name += "_"
    return name


def _write_styles(path: Path, tables: Iterable[_Table], provenance: Provenance) -> None:
    """The table ``layer_styles``, as QGIS itself makes it.

    Tables without geometry have a row, too: QGIS takes the titles and labels of fields from there.
    """
    styled = [table for table in tables if table.titles]
    texts = {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": [table.name for table in styled],
        "f_geometry_column": [_geometry_name(table) for table in styled],
        "styleName": [table.title for table in styled],
        "styleQML": [_qml(table) for table in styled],
        "styleSLD": "",
        "description": [table.description for table in styled],
        "owner": "",
        "ui": "",
    }
    rows = pd.DataFrame(texts, index=range(len(styled)), dtype="str")  # TEXT even without a row
    rows.insert(7, "useAsDefault", True)
    rows["update_time"] = pd.Timestamp(provenance.made)
    _append(path, "layer_styles", rows, {"FID": "id"}, provenance)


def _qml(table: _Table) -> str:
    """The style of `table`, if any, with the titles of its fields and the labels of its codes."""
    if table.style is None:
        root, drawn = ET.Element("qgis"), ""
    else:
        root, drawn = ET.parse(load_style(table.style).path).getroot(), "Symbology|Labeling|"
    root.set("styleCategories", f"{drawn}Fields|Forms")
    names = [str(column) for column in table.frame.columns]
    configuration = ET.SubElement(root, "fieldConfiguration")
    for name in names:
        if name in table.values:
            _value_map(ET.SubElement(configuration, "field", name=name), table.values[name])
    aliases = ET.SubElement(root, "aliases")
    for index, name in enumerate(names):
        if name in table.titles:
            ET.SubElement(aliases, "alias", field=name, index=str(index), name=table.titles[name])
    if table.typed is not None:
        editable = ET.SubElement(root, "editable")
        for name in names:
            ET.SubElement(editable, "field", name=name, editable=str(int(name == table.typed)))
    ET.indent(root)
    return _DOCTYPE + ET.tostring(root, encoding="unicode")


def _value_map(element: ET.Element, labels: Mapping[str, str]) -> None:
    config = ET.SubElement(ET.SubElement(element, "editWidget", type="ValueMap"), "config")
    options = ET.SubElement(config, "Option", type="Map")
    entries = ET.SubElement(options, "Option", name="map", type="List")
    for code, label in labels.items():
        entry = ET.SubElement(entries, "Option", type="Map")
        ET.SubElement(entry, "Option", name=label, value=code, type="QString")


def _stamp(path: Path, now: datetime) -> None:
    """The time of writing, where GDAL has put its own."""
    with closing(sqlite3.connect(path)) as database, database:
        for column in ("gpkg_contents SET last_change", "gpkg_metadata_reference SET timestamp"):
            time = now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            database.execute(f"UPDATE {column} = ?", (time,))
