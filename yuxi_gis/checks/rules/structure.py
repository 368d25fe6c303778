"""Rules on the structure of a layer: its CRS and its fields."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np

from yuxi_gis.checks.registry import rule
from yuxi_gis.checks.subject import Subject, severity_of
from yuxi_gis.crs import crs_name, epsg

__all__ = ["crs_expected", "crs_present", "fields_present"]


@rule("S03", "error", "坐标系存在", "CRS present", confidence="V", on="shapes")
def crs_present(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图层没有坐标系说明（例如丢失了 .prj 文件）。

    为什么：没有坐标系就不知道地块在地球上的位置，无法量算面积，也无法与其他图层叠加。

    怎样改：找到原来的 .prj 文件放回同一文件夹，或向测绘单位核实后指定坐标系；不要凭坐标数值猜测，
    CGCS2000、西安80、北京54 的坐标数值看上去一样。

    例：DK.shp 旁边没有 DK.prj，读入后坐标系为空。

    依据：第二次全国土地调查数据库检查软件“坐标系统”检查项。

    What it finds: a layer that does not say its CRS (its .prj file is lost, for example).

    Why it matters: without a CRS nobody knows where on earth the parcels lie; their areas cannot be
    measured and other layers cannot be laid over them.

    How to mend it: put the original .prj file back into the folder, or ask the surveyor and set the
    CRS; do not guess it from the numbers: CGCS2000, Xian 1980 and Beijing 1954 look alike.

    Example: DK.shp without DK.prj is read without a CRS.

    Source: check "coordinate system" of the inspection software of the second national land survey.
    """
    if subject.crs is None:
        yield subject.whole(
            [subject.spec.title_zh],
            zh="图层“{name}”没有坐标系。",
            en=f"Layer {subject.spec.id} has no CRS.",
        )


@rule(
    "S04",
    "error",
    "坐标系正确",
    "CRS as expected",
    confidence="M",
    on="shapes",
    parameters=("expected_crs",),
)
def crs_expected(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图层标注的坐标系不在检查方案允许的坐标系之中。只看标注，不看坐标数值是否与之相符。

    为什么：成果应使用 CGCS2000；玉溪全境在三度带第 34 带。基准不同的坐标系之间相差几十到上百米，
    没有官方参数就无法可靠换算。

    怎样改：若只是标错，改正坐标系说明（坐标不动）；若坐标确实属于别的坐标系，请测绘单位用官方参数
    转换为 CGCS2000（EPSG:4490、4522 或 4543）后重新提交。

    例：图层为 EPSG:2379（西安80，中央经线 102°），而应为 EPSG:4543。

    依据：三度带、中央经线与 EPSG 代码经 PROJ 核对；允许的坐标系见检查方案 expected_crs。

    What it finds: a layer whose CRS is not among those that the profile allows. It looks at what
    the layer declares, not at whether the coordinates fit.

    Why it matters: results are due in CGCS2000, and all of Yuxi lies in its 3-degree zone 34. CRSs
    of another datum are tens to hundreds of metres away, and no reliable way leads from one to the
    other without official parameters.

    How to mend it: if only the label is wrong, correct it and leave the coordinates; if they do
    belong to another CRS, have the surveyor transform them to CGCS2000 (EPSG:4490, 4522 or 4543)
    with official parameters.

    Example: a layer in EPSG:2379 (Xian 1980, central meridian 102) that should be in EPSG:4543.

    Source: zones, meridians and EPSG codes were verified against PROJ; what is allowed stands in
    the profile as expected_crs.
    """
    allowed = subject.profile.numbers("expected_crs")
    if subject.crs is not None and epsg(subject.crs) not in allowed:
        codes = ", ".join(map(str, allowed))
        yield subject.whole(
            [crs_name(subject.crs)],
            value=epsg(subject.crs) or np.nan,
            unit="EPSG",
            zh=f"图层“{subject.spec.title_zh}”的坐标系为 {{name}}，应为 EPSG {codes} 之一。",
            en=f"Layer {subject.spec.id} is in {{name}}, not in one of EPSG {codes}.",
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
