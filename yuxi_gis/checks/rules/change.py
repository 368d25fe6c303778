"""Rules on patches of change: those of the yearly survey and those of monitoring."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.rules.legal import BUILT_TYPES, CONSTRUCTION
from yuxi_gis.checks.subject import Subject
from yuxi_gis.units import ellipsoidal_area, to_mu

__all__ = ["patch_large_enough"]

# Survey classes (DLBM) by the smallest patch that the survey draws; the first that fits.
_CLASSES = (
    # Lines are drawn by their width (2 m), whatever their area.
    ("", r"100[1-469]|1101|1107A?"),
    ("construction", CONSTRUCTION + "|1202.*"),
    ("farm", r"(?:01|02|03|040[123]|1103|1104|1203).*"),
    ("other", r"(?:0404|1102|1105|1106|1108|1110|1204|1205|1206|1207).*"),
)
# Types of monitoring patches (TBLX) likewise.
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
    kinds = pd.Series("construction", index=range(len(subject.frame)))
    if not subject.spec.id.endswith("construction_patch"):
        field, table = (
            ("DLBM", _CLASSES) if subject.spec.id == "landuse_change" else ("TBLX", _TYPES)
        )
        if not subject.has(field):
            yield absent(subject.spec.by_name[field])
            return
        kinds = _kinds(subject.text(field).fillna(""), table)
    area = np.round(ellipsoidal_area(gpd.GeoSeries(subject.sound, crs=subject.crs)), 4)
    limit = _limits(subject, kinds)
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


def _kinds(codes: pd.Series, table: tuple[tuple[str, str], ...]) -> pd.Series:
    """What each code is by the first row of the table that fits; ``""`` where none does."""
    kinds = pd.Series("", index=codes.index)
    for kind, pattern in reversed(table):
        kinds = kinds.mask(codes.str.fullmatch(pattern), kind)
    return kinds


def _limits(subject: Subject, kinds: pd.Series) -> npt.NDArray[np.float64]:
    """The smallest area of each patch in m²; nan where there is none."""
    units = {
        kind: subject.profile.number(f"mapping_unit_{kind}")
        for kind in ("construction", "farm", "other")
    }
    return np.asarray(kinds.map(units), dtype=np.float64)
