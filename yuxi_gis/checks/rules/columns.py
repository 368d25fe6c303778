"""Rules on the fields of a layer: which there are, their types and lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis import findings
from yuxi_gis.catalog import FieldSpec
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.reading import file_of, rows_of
from yuxi_gis.checks.subject import Mask, Subject, severity_of
from yuxi_gis.read.fields import official_names
from yuxi_gis.specs import folded

__all__ = ["field_lengths", "field_types", "fields_known", "fields_present"]

#: The most characters that a field of a .dbf has.
_DBF_MOST = 254
#: Official type → the declared types that hold its values; another one is a fault.
_FITTING: Mapping[str, tuple[str, ...]] = {
    "Char": ("text", "date"),
    "Varchar": ("text", "date"),
    "Int": ("integer", "number"),
    "Float": ("number",),
    "Date": ("date", "text", "integer"),
}
_TYPES = {
    "text": ("文本", "text"),
    "integer": ("整数", "whole number"),
    "number": ("小数", "decimal number"),
    "date": ("日期", "date"),
    "logical": ("是/否", "yes/no"),
    "binary": ("二进制", "binary"),
}
#: What keeping a value under another type costs.
_COST = {
    "code": ("存为数字会丢失前导零和长代码的末位", "numbers lose leading zeros and last digits"),
    "decimals": ("整数字段存不下小数", "whole numbers keep no decimals"),
    "other": ("值无法按标准类型使用", "the values cannot be used as the standard has them"),
}
#: Fields that programs keep for themselves.
_SYSTEM = frozenset(
    [
        *("FID", "OGC_FID", "OGR_FID", "YUXI_FID", "OBJECTID", "OID", "SHAPE", "GEOM", "GEOMETRY"),
        *("SHAPE_LENGTH", "SHAPE_LENG", "SHAPE_LEN", "SHAPE.LEN", "SHAPE.STLENGTH()", "SHAPE_STLE"),
        *("SHAPE_AREA", "SHAPE.AREA", "SHAPE.STAREA()", "SHAPE_STAR"),
    ]
)


@rule("S09", "error", "字段齐全", "Required fields present", confidence="V", on="records")
def fields_present(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图层缺少标准规定的必填字段（不分大小写，也认字段别名）。

    为什么：缺字段的成果无法入库，依赖该字段的检查也无法进行。

    怎样改：按图层标准补上该字段（名称、类型、长度见 yuxi-gis layers）并填写；若字段只是改了名，改回
    标准名称。

    例：DK 图层没有 DKBM 字段。

    依据：图层目录所引的标准；字段必填与否未核实时只作警告。

    What it finds: a layer without a field that its standard makes mandatory (in any case of
    letters; known aliases count).

    Why it matters: without it the layer cannot be delivered, and rules that need the field cannot
    run.

    How to mend it: add the field as the layer's standard has it (name, type and length: yuxi-gis
    layers) and fill it in; if it was only renamed, give it its official name back.

    Example: a DK layer without the field DKBM.

    Source: the standard that the layer catalogue names; a warning where it is not verified that the
    field is mandatory.
    """
    missing = [
        subject.spec.by_name[name] for name in subject.spec.mandatory if not subject.has(name)
    ]
    yield subject.whole(
        [field.name for field in missing],
        severity=np.array([severity_of(field.confidence) for field in missing], dtype=object),
        words={
            "title_zh": np.array([field.title_zh for field in missing], dtype=object),
            "title_en": np.array([field.title_en for field in missing], dtype=object),
        },
        zh=f"图层“{subject.spec.title_zh}”缺少必填字段 {{name}}（{{title_zh}}）。",
        en=f"Layer {subject.spec.id} lacks the mandatory field {{name}} ({{title_en}}).",
    )


@rule("S10", "error", "字段类型", "Field types", confidence="V", on="records")
def field_types(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：文件声明的字段类型存不下标准规定的值：代码、名称存为数字，面积存为整数或文本，等等；以及
    应为数的字段里有不是数的值。不损失内容的差别不报：日期存为 8 位文本，整数存为小数类型。
    GeoJSON、Excel、CSV 等不声明类型的格式只看值；按旧标准建的图层不查类型。

    为什么：代码存为数字会丢失前导零和 15 位以后的数字，面积存为整数会丢失小数，都无法恢复。

    怎样改：按标准的类型重建字段（yuxi-gis layers 列出类型），从原始资料重新填写；只改类型补不回已经
    丢失的数字。值不是数的，在列出的行改正。

    例：DKBM 在 shapefile 中是 N(19,0)；SCMJ 是 C(20)，其中有“3.5亩”。

    依据：图层目录所引标准的字段表；字段未核实时只作警告。

    What it finds: fields that the file declares of a type which cannot hold what the standard has:
    codes or names as numbers, areas as whole numbers or text and so on; and values that are no
    numbers where the standard has numbers. Differences that lose nothing are not told: dates as
    text of 8 digits, whole numbers in a field for decimals. Of formats that declare no types
    (GeoJSON, workbooks, CSV) only the values are judged; types not where a layer follows an older
    standard.

    Why it matters: codes as numbers lose leading zeros and all digits after the 15th, areas as
    whole numbers lose their decimals, for good.

    How to mend it: make the field anew with the standard's type (yuxi-gis layers has it) and fill
    it in from the original; a change of type alone does not bring lost digits back. Values that are
    no numbers are to be corrected in the rows named.

    Example: DKBM is N(19,0) in a shapefile; SCMJ is C(20) and has the value 3.5亩 in it.

    Source: the tables of fields of the standards that the catalogue names; a warning where a field
    is not verified.
    """
    if subject.edition is None:
        for part in _sources(subject):
            yield _wrong_types(subject, part.get("declared", {}))
    else:
        yield _older(subject)
    for field in subject.spec.fields:
        if field.type in ("Int", "Float") and subject.has(field.name):
            yield _no_numbers(subject, field)


def _sources(subject: Subject) -> Sequence[Mapping[str, Any]]:
    """What was told of each file of the layer."""
    attrs = subject.frame.attrs
    parts: Sequence[Mapping[str, Any]] = attrs.get("parts", [attrs])
    return parts


def _older(subject: Subject) -> NotRun:
    assert subject.edition is not None
    return NotRun(
        "",
        "",
        f"图层按旧标准（{subject.edition.title_zh}）建立，其字段类型和长度未收录",
        f"the layer follows an older standard ({subject.edition.title_en}), whose types and "
        "lengths of fields are not known here",
    )


def _wrong_types(subject: Subject, declared: Mapping[str, Mapping[str, Any]]) -> gpd.GeoDataFrame:
    wrong = [
        (field, declared[field.name]["type"])
        for field in subject.spec.fields
        if field.name in declared
        and declared[field.name]["type"] not in _FITTING.get(field.type, _TYPES)
    ]
    cost = [_COST[_cost(field, have)] for field, have in wrong]
    return _on_fields(
        subject,
        [field for field, _ in wrong],
        words={
            "have_zh": [_TYPES[have][0] for _, have in wrong],
            "have_en": [_TYPES[have][1] for _, have in wrong],
            "want": [f"{field.type}({field.length or ''})" for field, _ in wrong],
            "cost_zh": [zh for zh, _ in cost],
            "cost_en": [en for _, en in cost],
        },
        severity=[severity_of(field.confidence) for field, _ in wrong],
        zh="字段 {name}（{title_zh}）在文件中是{have_zh}，标准为 {want}：{cost_zh}。",
        en="Field {name} ({title_en}) is a {have_en} in the file; the standard has {want}: "
        "{cost_en}.",
    )


def _cost(field: FieldSpec, have: str) -> str:
    if field.type in ("Char", "Varchar") and have in ("integer", "number"):
        return "code"
    return "decimals" if field.type == "Float" and have == "integer" else "other"


def _no_numbers(subject: Subject, field: FieldSpec) -> gpd.GeoDataFrame:
    """A finding where a field of numbers has values that are none."""
    column = subject.column(field.name)
    strange: Mask = np.zeros(len(column), dtype=bool)
    if not pd.api.types.is_numeric_dtype(column.dtype):
        strange = subject.text(field.name).notna().to_numpy() & np.isnan(subject.number(field.name))
    rows = subject.row[strange]
    return _on_fields(
        subject,
        [field] if len(rows) else [],
        value=len(rows),
        words={"count": len(rows), "rows": rows_of(rows)},
        severity=[severity_of(field.confidence)],
        zh="字段 {name}（{title_zh}）应为数，有 {count} 个值不是（第 {rows} 行）。",
        en="Field {name} ({title_en}) should be numbers; {count} values are none (rows {rows}).",
    )


def _on_fields(
    subject: Subject,
    fields: Sequence[FieldSpec],
    *,
    words: Mapping[str, Any],
    severity: Sequence[str] = (),
    **columns: Any,
) -> gpd.GeoDataFrame:
    """Findings on fields of the layer, with their names and titles in the templates."""
    titles = {
        "title_zh": np.array([field.title_zh for field in fields], dtype=object),
        "title_en": np.array([field.title_en for field in fields], dtype=object),
    }
    given = {
        name: np.array(value, dtype=object) if isinstance(value, list) else value
        for name, value in words.items()
    }
    if severity:
        columns["severity"] = np.array(severity[: len(fields)], dtype=object)
    names = [field.name for field in fields]
    return subject.whole(names, words={**titles, **given}, **columns)


@rule("S11", "warning", "字段长度", "Field lengths", confidence="V", on="records")
def field_lengths(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：文本字段声明的长度小于标准长度；以及比标准长度还长的值（按字符数）。比标准宽的字段不报；
    .dbf 最长 254，标准更长的按 254 看。有代码表或固定格式的字段，值的长度归 A02、A04 等；按旧标准
    建的图层不查。

    为什么：字段窄了，录入和转换时会把后面的字截断；值太长，汇交入库时会被截断或拒收。

    怎样改：按标准长度重建字段（见 yuxi-gis layers），已被截断的值从原始资料补全；值太长的，缩写或
    移到备注。

    例：DKMC 标准长度 50，文件中只有 20。

    依据：图层目录所引标准的字段长度；.dbf 的上限见 dBASE 规范。

    What it finds: text fields that the file declares narrower than the standard has them; and
    values with more characters than the standard allows. Wider fields are not told; a .dbf holds
    254 at most, and what the standard has longer counts as 254. Values of fields with a code list
    or a fixed form are A02's, A04's and others'. A layer that follows an older standard is not
    judged.

    Why it matters: a narrow field cuts what is typed or converted into it; a value that is too long
    is cut or refused when the layer is delivered.

    How to mend it: make the field anew with the standard's length (see yuxi-gis layers) and
    complete the values that were cut; shorten values that are too long, or move them to the remark.

    Example: DKMC has the standard length 50 and is 20 wide in the file.

    Source: the lengths in the standards that the catalogue names; the limit of a .dbf by dBASE.
    """
    if subject.edition is not None:
        yield _older(subject)
        return
    texts = [f for f in subject.spec.fields if f.type in ("Char", "Varchar") and f.length]
    for part in _sources(subject):
        yield _too_narrow(subject, texts, part)
    for field in texts:
        if field.codes is None and field.pattern is None and subject.has(field.name):
            yield _too_long(subject, field)


def _too_narrow(
    subject: Subject, texts: Sequence[FieldSpec], part: Mapping[str, Any]
) -> gpd.GeoDataFrame:
    path = str(part.get("name", "")).rpartition("|")[0]
    most = _DBF_MOST if path.lower().endswith((".shp", ".dbf")) else np.inf
    declared = part.get("declared", {})
    width = {name: told["width"] for name, told in declared.items() if told.get("width")}
    narrow = [f for f in texts if width.get(f.name, np.inf) < min(f.length or 0, most)]
    return _on_fields(
        subject,
        narrow,
        value=[width[field.name] for field in narrow],
        limit=[field.length for field in narrow],
        words={
            "have": [width[field.name] for field in narrow],
            "want": [field.length for field in narrow],
            "file": file_of(path) or subject.spec.name,
        },
        zh="{file} 的字段 {name}（{title_zh}）长度为 {have}，标准为 {want}。",
        en="{file}: field {name} ({title_en}) is {have} characters wide; the standard has {want}.",
    )


def _too_long(subject: Subject, field: FieldSpec) -> gpd.GeoDataFrame:
    length = subject.text(field.name).str.len().to_numpy("float64", na_value=np.nan)
    long = length > (field.length or np.inf)
    rows = subject.row[long]
    return _on_fields(
        subject,
        [field] if len(rows) else [],
        value=length[long].max(initial=0),
        limit=field.length,
        words={"count": len(rows), "rows": rows_of(rows), "want": field.length},
        zh="字段 {name}（{title_zh}）有 {count} 个值超过标准长度 {want}，最长 {value:.0f} 字"
        "（第 {rows} 行）。",
        en="Field {name} ({title_en}): {count} values are longer than the standard's {want}, the "
        "longest has {value:.0f} characters (rows {rows}).",
    )


@rule("S12", "info", "多余字段", "Extra fields", confidence="K", on="records")
def fields_known(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图层中标准没有的字段，整层只列一次。字段的别名、旧标准的字段、软件自带的字段（FID、
    OBJECTID、Shape_Length、Shape_Area 等）不算多余。

    为什么：多余字段不影响检查；但汇交时可能被拒收，也可能是标准字段写错了名字。

    怎样改：若是标准字段写错了名字，改成标准名称（见 yuxi-gis layers）；其余的在汇交前删去，自用时可
    保留。

    例：图层多出“备注1”“检查人”，以及误写的 DKBMM。

    依据：图层目录所引标准的字段表；是否允许附加字段未核实，所以只作提示。

    What it finds: fields that the standard does not have, listed once for the layer. Aliases,
    fields of older standards and those that programs keep for themselves (FID, OBJECTID,
    Shape_Length, Shape_Area and the like) do not count.

    Why it matters: they do not disturb the checks; but a delivery may be refused for them, and one
    may be an official field whose name was mistyped.

    How to mend it: give a mistyped field its official name (see yuxi-gis layers); remove the others
    before delivery, or keep them for your own use.

    Example: a layer has the fields 备注1 and 检查人, and a mistyped DKBMM.

    Source: the tables of fields of the standards that the catalogue names; whether further fields
    are allowed was not verified, hence a hint only.
    """
    extra = [findings.printable(name) for name in _extra(subject)]
    if extra:
        yield subject.whole(
            [subject.spec.title_zh],
            value=len(extra),
            words={"id": subject.spec.id, "names": ", ".join(extra), "count": len(extra)},
            zh="图层“{name}”有 {count} 个标准没有的字段：{names}。",
            en="Layer {id} has {count} fields that the standard does not have: {names}.",
        )


def _extra(subject: Subject) -> list[str]:
    frame, spec = subject.frame, subject.spec
    shape = frame.active_geometry_name if isinstance(frame, gpd.GeoDataFrame) else None
    names = [str(name) for name in frame.columns if name != shape]
    known = _SYSTEM | {folded(mark) for edition in spec.editions for mark in edition.marks}
    official = official_names(dict.fromkeys(names), spec)
    return [name for name in names if name not in official and folded(name) not in known]
