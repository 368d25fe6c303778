"""Rules on what reading the file told: damage, text, heights, curves, the direction of rings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from yuxi_gis import findings
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.subject import Subject
from yuxi_gis.read.garbled import garbled

__all__ = [
    "curves_linear",
    "file_whole",
    "heights_absent",
    "rings_oriented",
    "text_readable",
    "told",
]

#: The words of notes that say that something was damaged or lost.
_DAMAGE = (
    *("shape_unreadable", "geometry_unreadable", "multipatch_unread", "wkt_unreadable"),
    *("ring_closed", "row_damaged", "row_long", "row_short", "row_count", "rows_differ"),
    *("memo_damaged", "value_damaged", "value_count", "error_cell", "number_overflow"),
    *("number_invalid", "field_unread", "field_not_read", "table_unreadable", "table_linked"),
    *("page_map_damaged", "index_rebuilt", "gdal_says", "feature_ids_left_out"),
    *(f"vct_{what}" for what in ("broken", "count", "coordinate", "missing", "gap", "direction")),
    *(f"vct_{what}" for what in ("unclosed", "ring", "nesting", "empty", "no_object")),
    *(f"vct_{what}" for what in ("no_attributes", "duplicate_id", "duplicate_line")),
    *(f"vct_{what}" for what in ("section_not_read", "section_open", "section_missing")),
    *("vct_field_count", "vct_stray_lines"),
)
_HEIGHTS = ("z_dropped", "m_dropped", "vct_z_dropped")
_CURVES = ("curves_linearised", "curves_unread", "vct_curve", "vct_angle", "vct_spline")
_SHAPEFILE = "ESRI Shapefile"
_AS_TOLD: Mapping[str, str] = MappingProxyType({})
_FIRST_ROWS = 5


def told(
    subject: Subject, words: tuple[str, ...], severity: Mapping[str, str] = _AS_TOLD
) -> Iterator[gpd.GeoDataFrame]:
    """A finding for each note of reading that has one of `words`.

    `severity` is what a finding makes of the note's; by default it is as grave as the note.
    """
    for note in subject.frame.attrs.get("notes", ()):
        if note["what"] not in words:
            continue
        part = file_of(note["part"]) if note.get("part") else ""
        yield subject.whole(
            [findings.plain(note["zh"])],
            severity=severity.get(note["severity"], note["severity"]),
            value=note["count"] or np.nan,
            words={"said": findings.plain(note["en"]), "part": part},
            zh="{part}：{name}" if part else "{name}",
            en="{part}: {said}" if part else "{said}",
        )


def file_of(name: str) -> str:
    """The file of a table with the folder it lies in (where that lies is nobody's business), and
    the table where its file has another name."""
    path, _, table = name.partition("|")
    parts = re.split(r"[/\\]", path)
    more = f"|{table}" if table and table != PurePath(parts[-1]).stem else ""
    return findings.printable("/".join(parts[-2:]) + more)


def rows_of(rows: np.ndarray) -> str:
    """The first of some row numbers, for a message."""
    return ", ".join(map(str, rows[:_FIRST_ROWS])) + (" …" if len(rows) > _FIRST_ROWS else "")


@rule("S01", "error", "文件可读", "File readable", confidence="M", on="records")
def file_whole(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：打不开的文件；缺少 .dbf、.shx，或 .shp、.shx、.dbf 行数不一致的 shapefile；读入时发现
    图形、记录、字段值已损坏、读不出、被略去的地方。编码归 S02，曲线归 S15，代码末位丢失归 A04。

    为什么：读不出的部分不会参加任何检查，看上去没有问题，其实是没有查到。

    怎样改：从原来的位置重新拷贝全部文件（.shp、.shx、.dbf、.prj、.cpg 一起，.gdb 整个文件夹），或
    在原软件中修复后重新导出；再用 yuxi-gis info 文件 核对行数和提示。

    例：DK.dbf 有 120 行，DK.shp 只有 118 个图形，文件打不开；某 .mdb 有 3 行记录已损坏，读作空值。

    依据：ESRI Shapefile Technical Description（1998）等各格式规范；读不出的情形用损坏的文件实测。

    What it finds: files that cannot be opened; shapefiles without .dbf or .shx, or whose .shp,
    .shx and .dbf differ in the number of rows; shapes, records and values that reading found
    damaged or had to leave out. Encoding is S02's, curves are S15's, codes without their last
    digits A04's.

    Why it matters: what cannot be read takes part in no check: it looks clean and was not seen.

    How to mend it: copy all files again from where they come from (.shp, .shx, .dbf, .prj and .cpg
    together, a .gdb as a whole folder), or mend them in the program that made them and export
    again; then compare the rows and notes of yuxi-gis info FILE.

    Example: DK.dbf has 120 rows and DK.shp 118 shapes, so the file does not open; an .mdb has 3
    damaged records, read as missing values.

    Source: the specifications of the formats (ESRI Shapefile Technical Description, 1998, and
    others); what cannot be read was measured on damaged files.
    """
    if "notes" not in subject.frame.attrs:
        yield not_read()
    yield from told(subject, _DAMAGE)


def not_read() -> NotRun:
    """Why a rule on files does not judge a frame that was made in memory."""
    return NotRun(
        "", "", "不是从文件读入的，没有文件可查", "made in memory: it was not read from a file"
    )


@rule("S02", "error", "编码可解", "Text encoding", confidence="M", on="records")
def text_readable(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：整个图层的文字成了乱码：UTF-8 当作 GBK 读、GBK 或 UTF-8 当作西文读、字节无法解码（�）、
    汉字成了连续的问号；含汉字（或问号）的值中有二十分之一以上、且不少于 3 个如此时报告。另外，编码
    只能猜测时给出提示。个别值里的异常字符归 A21，字段名的截断不算。

    为什么：乱码无法按名称核对权利人和地块；在乱码上再转码一次，原文往往无法恢复。

    怎样改：向提供者问清导出时用的编码，用 --encoding UTF-8 或 --encoding GB18030 重新读取；哪种编码
    都不对（转码过两次，或已是问号）的，只能从原系统重新导出。

    例：地块名称“大田”显示为“澶х敯”，是把 UTF-8 当成了 GBK；shapefile 的 .cpg 写错时常见。

    依据：乱码的特征（按错误编码还原后是通顺的汉字）和编码判断均经实测。

    What it finds: layers whose text as a whole is garbled: UTF-8 read as GBK, GBK or UTF-8 read as
    Latin letters, bytes that do not decode (U+FFFD), Chinese turned into runs of question marks;
    told where a twentieth of the values that have Chinese (or question marks), and at least 3, are
    so. It also gives a hint where the encoding is a guess. Strange characters in single values are
    A21's; names of fields that were cut do not count.

    Why it matters: garbled text cannot be compared with the names of holders and parcels, and
    converted once more it can often not be brought back.

    How to mend it: ask in which encoding the data were exported and read them again with
    --encoding UTF-8 or --encoding GB18030; where neither is right (converted twice, or question
    marks already), only a new export from the system they come from helps.

    Example: the parcel name 大田 appears as 澶х敯, UTF-8 taken for GBK: usual where the .cpg of a
    shapefile is wrong.

    Source: the marks of garbled text (put back by the wrong encoding it is plain Chinese) and the
    detection of encodings were measured.
    """
    for made in subject.frame.attrs.get("decisions", ()):
        if made["what"] == "encoding" and made["confidence"] == "low":
            yield subject.whole(
                [findings.printable(made["value"])],
                severity="info",
                words={key: findings.plain(made[key]) for key in ("zh", "en")},
                zh="编码按 {name} 读取，但不能确定：{zh}",
                en="The text was read as {name}, which is not certain: {en}",
            )
    found = garbled(_text_columns(subject))
    if found is not None:
        yield subject.whole(
            [", ".join(findings.printable(name) for name in found.fields)],
            value=round(100 * found.count / found.of, 1),
            unit="%",
            words={"count": found.count, "of": found.of, "zh": found.zh, "en": found.en},
            zh="{of} 个含汉字的值中有 {count} 个是乱码（字段 {name}）：{zh}。",
            en="{count} of {of} values with Chinese are garbled (fields {name}): {en}.",
        )


def _text_columns(subject: Subject) -> Iterator[tuple[str, pd.Series]]:
    frame = pd.DataFrame(subject.frame)
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        if isinstance(column.dtype, pd.StringDtype) or column.dtype == object:
            yield str(name), column


@rule("S14", "warning", "Z/M 值", "Z and M values", confidence="M", on="shapes")
def heights_absent(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图形的坐标带有 Z（高程）或 M（量测）值。

    为什么：权属和地类图层是平面图形；带 Z、M 的文件在有的软件里打不开，叠加时也可能混进错误的高程。
    本工具只读平面坐标，面积和检查都不受影响。

    怎样改：导出时去掉 Z、M；或用 yuxi-gis convert 文件 输出.gpkg 另存，输出只有平面坐标。

    例：ArcGIS 导出 shapefile 时勾选了“包含 Z 值”，图层类型成为 PolygonZ。

    依据：各图层标准规定为平面图形；对 shapefile、GeoPackage、个人地理数据库和 VCT 实测。

    What it finds: shapes whose coordinates have Z (height) or M (measure) values.

    Why it matters: layers of rights and of land use are plane shapes; some programs do not open
    files with Z or M, and overlay may mix wrong heights in. This toolkit reads x and y only, so
    that areas and checks are not affected.

    How to mend it: export without Z and M, or write a copy with yuxi-gis convert FILE OUT.gpkg,
    which has plane coordinates only.

    Example: a shapefile was exported from ArcGIS with "has Z values" set, and is PolygonZ.

    Source: the standards of the layers have plane shapes; measured on shapefile, GeoPackage,
    personal geodatabase and VCT.
    """
    yield from told(subject, _HEIGHTS, {"info": "warning"})
    for letter, has in (("Z", shapely.has_z), ("M", shapely.has_m)):
        rows = np.sort(np.concatenate([part.row[has(part.shapes)] for part in subject.each()]))
        if len(rows):
            yield subject.whole(
                [letter],
                value=len(rows),
                words={"rows": rows_of(rows), "count": len(rows)},
                zh="{count} 个图形的坐标带 {name} 值（第 {rows} 行）。",
                en="{count} shapes have {name} values (rows {rows}).",
            )


@rule("S15", "error", "曲线几何", "Curved geometry", confidence="V", on="shapes")
def curves_linear(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图形中有圆弧、样条等曲线。已化为折线、弦弧相差不超过 0.001 m 的是警告；相差更大、相差
    未知、或曲线未能读出（图形为空）的是错误。

    为什么：成果要求用折线表示界线；不同软件把曲线化为折线的方法不同，相邻地块会因此重叠或留缝。

    怎样改：在原软件中把曲线加密为折线（ArcGIS：编辑 → 概化/增密；GDAL：ogr2ogr -nlt
    CONVERT_TO_LINEAR）后重新导出，共用的曲线边要一起加密。

    例：弧形田埂在 File GDB 中存为圆弧，读入后成为折线，最大相差 0.001 m。

    依据：ISO/IEC 13249-3 曲线类型；弦弧差 0.001 m 与拓扑容差一致；GDAL、GEOS 不支持曲线的拓扑运算。

    What it finds: shapes with arcs, splines or other curves. Those that became chords within
    0.001 m of the curve are warnings; those further off, or by an unknown distance, and curves that
    could not be read (no shape) are errors.

    Why it matters: results have their boundaries as straight segments; programs differ in how they
    turn curves into chords, so that neighbours come to overlap or part.

    How to mend it: turn the curves into segments in the program they come from (ArcGIS: Densify;
    GDAL: ogr2ogr -nlt CONVERT_TO_LINEAR) and export again, shared curved edges together.

    Example: a curved field ridge is an arc in a File Geodatabase; read, it is a line that leaves
    the arc by at most 0.001 m.

    Source: curve types of ISO/IEC 13249-3; 0.001 m is the topology tolerance; GDAL and GEOS have no
    topology of curves.
    """
    yield from told(subject, _CURVES, {"info": "warning", "warning": "error"})


@rule("T14", "warning", "环方向", "Ring orientation", confidence="M", scope="layer")
def rings_oriented(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：shapefile 中外环不是顺时针、或洞不是逆时针的面；以及各种来源的图层中，一个部件整个落在
    另一个部件之内的多部件面（多半是洞的方向写反，被当成了另一个外环）。GeoPackage、GeoJSON 等
    格式不规定方向，不查；别的无效图形归 T01。

    为什么：shapefile 只凭方向区分外环和洞。方向反了，有的软件把洞算成地块，面积多算；有的把地块
    算成洞。

    怎样改：方向不对的，用 yuxi-gis convert 文件 输出.shp 另存即按规范重写，边界不动；部件互相包含
    的，在标出的点上核对那是洞还是重复的部件，再改为洞或删去。

    例：由 GeoJSON 直接改写的 shapefile，外环都是逆时针。

    依据：ESRI Shapefile Technical Description（1998）：外环顺时针，洞逆时针；嵌套由 GEOS 判断。

    What it finds: polygons of a shapefile whose outline does not run clockwise or whose holes do
    not run counter-clockwise; and, from any source, multi-part polygons with a part that lies
    wholly within another (mostly a hole of the wrong direction, taken for a second outline).
    GeoPackage, GeoJSON and others prescribe no direction and are not judged; other invalid shapes
    are T01's.

    Why it matters: direction alone tells outlines from holes in a shapefile. The wrong way round,
    some programs count a hole as land, and some the land as a hole.

    How to mend it: for the direction, write a copy with yuxi-gis convert FILE OUT.shp, which turns
    the rings as the format has them and moves no boundary; for nested parts, look at the marked
    point whether it is a hole or a part drawn twice, and make it a hole or delete it.

    Example: a shapefile written straight from GeoJSON has all its outlines counter-clockwise.

    Source: ESRI Shapefile Technical Description (1998): outlines clockwise, holes
    counter-clockwise; nesting as judged by GEOS.
    """
    if _all_shapefiles(subject):
        found = [part.row[part.valid & _reversed(part.shapes)] for part in subject.each()]
        rows = np.sort(np.concatenate(found))
        if len(rows):
            yield subject.whole(
                [subject.spec.title_zh],
                value=len(rows),
                words={"rows": rows_of(rows), "count": len(rows)},
                zh="{count} 个面的环方向与 shapefile 的规定相反（第 {rows} 行）。",
                en="The rings of {count} polygons run against what a shapefile prescribes "
                "(rows {rows}).",
            )
    for part in subject.each():
        yield from _nested(part)


def _all_shapefiles(subject: Subject) -> bool:
    made = subject.frame.attrs.get("decisions", ())
    formats = {one["value"] for one in made if one["what"] == "format"}
    return formats == {_SHAPEFILE}


def _reversed(shapes: np.ndarray) -> np.ndarray:
    """Polygons with a counter-clockwise outline or a clockwise hole; a ring without area has no
    direction."""
    wrong = np.zeros(len(shapes), dtype=bool)
    parts, of = shapely.get_parts(shapes, return_index=True)
    polygons = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    parts, of = parts[polygons], of[polygons]
    wrong[of[shapely.is_ccw(shapely.get_exterior_ring(parts))]] = True
    holed = shapely.get_num_interior_rings(parts) > 0
    rings, ring_of = shapely.get_rings(parts[holed], return_index=True)
    first = np.flatnonzero(np.diff(ring_of, prepend=-1))  # the outline comes first
    holes = np.delete(rings, first)
    cw = ~shapely.is_ccw(holes) & (shapely.area(shapely.polygons(holes)) > 0)
    wrong[of[holed][np.delete(ring_of, first)[cw]]] = True
    return wrong


def _nested(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """A finding for each polygon with a part inside another, at the point that GEOS names."""
    several = ~subject.valid & (shapely.get_num_geometries(subject.shapes) > 1)
    if not several.any():
        return
    reason = pd.Series(shapely.is_valid_reason(subject.shapes[several]), dtype="str")
    point = reason.str.extract(r"^Nested shells\[(\S+) ([^\s\]]+)").astype("object")
    point = point.apply(pd.to_numeric, errors="coerce").to_numpy("float64")
    nested = np.isfinite(point).all(axis=1)
    yield findings.make(
        subject.feature[several][nested],
        np.asarray(shapely.points(point[nested]), dtype=object),
        subject.crs,
        zh="{feature} 的一个部件落在另一个部件之内，疑似洞的方向写反。",
        en="{feature}: one part lies within another; a hole may have been written the wrong way "
        "round.",
    )
