"""Rules on patches of change: those of the yearly survey and those of monitoring."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np

from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.rules.legal import BUILT_TYPES
from yuxi_gis.checks.rules.patches import CLASSES, mapping_unit
from yuxi_gis.checks.subject import Subject
from yuxi_gis.units import to_mu

__all__ = ["patch_large_enough"]

# Types of monitoring patches (TBLX) by the smallest patch, like `patches.CLASSES`.
_TYPES = (
    ("", "DL[123]|TL|ND|HL|GQ"),
    ("construction", "|".join(BUILT_TYPES)),
    ("farm", "0[1234]|KT|SK"),
    ("other", "SM|WL|TP|LT|LY"),
)


@rule(
    "C01",
    "info",
    "变更图斑面积",
    "Area of patches of change",
    confidence="V",
    layers=(
        "landuse_change",
        "monitoring_patch",
        "new_construction_patch",
        "suspected_construction_patch",
    ),
    parameters=("mapping_unit_construction", "mapping_unit_farm", "mapping_unit_other"),
)
def patch_large_enough(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：变更图斑、监测图斑的椭球面积小于最小上图面积：建设用地和设施农用地 200 平方米，其他农
    用地400 平方米，其他 600 平方米。按变化后的地类编码或图斑类型分类；线状地物（道路、河流、沟渠
    等）按宽度上图，不查；动土、推堆土和类型不明的不查。

    为什么：小于上图面积的图斑调查中不单独表示，应舍去或并入相邻图斑。上图面积只是制图要求，不是豁
    免面积：疑似占用永久基本农田的图斑再小也要核实（见 L01）。

    怎样改：真实的变化并入相邻同类图斑；误差造成的碎片删去；涉及永久基本农田或须举证的保留。

    例：一个新增建筑物图斑只有 85 平方米。

    依据：三调最小上图面积，见检查方案 mapping_unit_construction、mapping_unit_farm、
    mapping_unit_other。

    What it finds: patches of change or monitoring whose ellipsoidal area is below the smallest one
    that the survey draws: 200 m² of construction land and farm facilities, 400 m² of other
    agricultural land, 600 m² of all else. The class or type after the change counts. Lines (roads,
    rivers, ditches) are drawn by their width and not judged, nor are earthwork and unknown types.

    Why it matters: the survey does not draw smaller patches; they are dropped or merged with a
    neighbour. This is a mapping unit and no exemption: a suspected use of permanent basic farmland
    has to be verified however small it is (see L01).

    How to mend it: merge a real change with a neighbour of its class, delete what is an error, and
    keep what lies on permanent basic farmland or has to be documented.

    Example: a patch of a new building is 85 m² large.

    Source: the smallest patches of the third land survey, in the profile as
    mapping_unit_construction, mapping_unit_farm and mapping_unit_other.
    """
    if subject.edition is not None:
        yield NotRun("", "", "图层为旧版标准", "the layer follows an old standard")
        return
    if subject.spec.id.endswith("construction_patch"):
        limit = np.full(len(subject.frame), subject.profile.number("mapping_unit_construction"))
    else:
        changed = subject.spec.id == "landuse_change"
        field, table = ("DLBM", CLASSES) if changed else ("TBLX", _TYPES)
        if not subject.has(field):
            yield absent(subject.spec.by_name[field])
            return
        limit = mapping_unit(subject, subject.text(field), table)
    area = np.round(subject.ellipsoidal, 4)
    small = (area > 0) & (area < limit)
    yield subject.at(
        small,
        value=area[small],
        limit=limit[small],
        unit="m²",
        area_m2=area[small],
        words={"mu": to_mu(area[small])},
        zh="图斑 {feature} 的面积 {value:.2f} m²（{mu:.4f} 亩）小于最小上图面积 {limit:g} m²。",
        en="Patch {feature}: its area of {value:.2f} m² ({mu:.4f} mu) is below the smallest patch "
        "of {limit:g} m².",
    )
