"""Rules that point at suspicions (疑似). None of them states that anything is illegal."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from yuxi_gis import findings
from yuxi_gis.checks.pairs import shared
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.attributes import absent
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.crs import require_crs
from yuxi_gis.units import to_mu

__all__ = ["protected_cropland_occupied"]

_PROTECTED = "protected_cropland"
# XZLX: 1 闲置建设用地 and 2 闲置宅基地 are built land; 3 撂荒地 is cropland and occupies nothing.
_BUILT = ("1", "2")
# Datums that are one to a decimetre or so; no transformation with known accuracy joins others.
_SAME_GROUND = ("China 2000", "World Geodetic System 1984", "World Geodetic System 1984 ensemble")


@rule(
    "L01",
    "warning",
    "疑似占用永久基本农田",
    "Suspected use of permanent basic farmland",
    confidence="W",
    layers=("homestead", "idle_land"),
    needs=(_PROTECTED,),
    parameters=("protected_area", "protected_share"),
)
def protected_cropland_occupied(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：宅基地、闲置建设用地或闲置宅基地（不含撂荒地）与永久基本农田图斑相交，相交面积合计不小于
    1 平方米且不小于该地块面积的 0.5 %；与每个图斑的相交各报告一次。

    为什么：永久基本农田原则上不得用于非农建设。相交可能是疑似占用，也可能是图层不同期、边界误差
    或依法审批；本软件不作结论。

    怎样改：核对两个图层的时间、比例尺和审批资料，必要时实地核实；属边界误差的，改正边界；其余交
    主管部门认定。

    例：一处宅基地的院子有 35 平方米（占 24 %）落在永久基本农田图斑之内。

    依据：国办发明电〔2020〕24号、自然资发〔2021〕166号（二手资料）；限值为项目默认值，见检查方案
    protected_area、protected_share。

    What it finds: a homestead, idle construction land or an idle homestead (not abandoned cropland)
    that shares at least 1 m² and at least 0.5 % of its area with patches of permanent basic
    farmland; what it shares with each patch is one finding.

    Why it matters: permanent basic farmland is in principle not to be built on. The cause may be a
    suspected occupation, layers of different dates, a boundary error or a lawful approval; this
    software draws no conclusion.

    How to mend it: compare date, scale and approval documents of both layers, and verify on site
    where needed; correct the boundary if it is in error, else leave it to the authority to judge.

    Example: 35 m² (24 %) of a homestead's yard lie in a patch of permanent basic farmland.

    Source: 国办发明电〔2020〕24号 and 自然资发〔2021〕166号 (secondary sources); the limits are
    defaults of this project and stand in the profile as protected_area and protected_share.
    """
    patches = subject.others[_PROTECTED]
    reason = _cannot(subject, patches)
    if reason is not None:
        yield reason
        return
    parts = _occupied(subject, patches)
    share = subject.profile.number("protected_share")
    yield findings.make(
        subject.feature[parts["plot"]],
        parts["shape"].to_numpy(),
        subject.metre.crs,
        other_layer=_PROTECTED,
        other_feature=patches.feature[parts["patch"]],
        value=parts["area"],
        limit=subject.profile.number("protected_area"),
        unit="m²",
        area_m2=parts["area"],
        words={"mu": to_mu(parts["area"].to_numpy()), "percent": parts["percent"], "share": share},
        zh=f"{subject.spec.title_zh} {{feature}} 有 {{value:.2f}} m²（{{mu:.4f}} 亩）在永久基本农田"
        "图斑 {other_feature} 之内，该地块共有 {percent:.1f} % 在永久基本农田之内（限值 {limit:g} "
        "m² 且 {share:g} %）：疑似占用永久基本农田，须核实。",
        en=f"{subject.spec.title_en} {{feature}}: {{value:.2f}} m² ({{mu:.4f}} mu) lie in patch "
        "{other_feature} of permanent basic farmland, {percent:.1f} % of the parcel in all (limits "
        "{limit:g} m² and {share:g} %): suspected, to be verified.",
    )


def _occupied(subject: Subject, patches: Subject) -> pd.DataFrame:
    """What parcels share with patches, above the limits.

    Returns
    -------
    DataFrame
        A row a pair: `plot` and `patch` (row numbers), `shape` (in the parcels' metre CRS), `area`
        (m²) and `percent`, the parcel's share that lies in any patch.
    """
    plots = subject.metre.to_numpy().copy()
    plots[~_built(subject)] = None
    fields = patches.polygons(subject.metre.crs)
    plot, patch = shapely.STRtree(fields).query(plots, predicate="intersects")
    shape, area = shared(plots[plot], fields[patch])
    parts = pd.DataFrame({"plot": plot, "patch": patch, "shape": shape, "area": area})
    parts = parts[parts["area"] > 0].reset_index(drop=True)
    total = _total(parts)
    parts["percent"] = np.round(100 * total / shapely.area(plots[parts["plot"]]), 6)
    floor = subject.profile.number("protected_area")
    suspect = (total >= floor) & (parts["percent"] >= subject.profile.number("protected_share"))
    # Of a parcel on several patches, boundary errors are left out; its largest part is always told.
    largest = parts.groupby("plot")["area"].transform("max")
    return parts[suspect & ((parts["area"] >= floor) | (parts["area"] == largest))]


def _total(parts: pd.DataFrame) -> pd.Series:
    """For each part, what its parcel shares with all patches, once where patches overlap."""
    groups = parts.groupby("plot")
    total = groups["area"].transform("sum")
    for _, several in parts[groups["area"].transform("size") > 1].groupby("plot"):
        total[several.index] = shapely.area(shapely.union_all(several["shape"].to_numpy()))
    return total.round(4)


def _built(subject: Subject) -> Mask:
    """Which parcels are for building: all homesteads; of idle land, what its kind says."""
    if not subject.spec.by_name.get("XZLX"):
        return np.ones(len(subject.frame), dtype=bool)
    return subject.text("XZLX").isin(_BUILT).to_numpy()


def _cannot(subject: Subject, patches: Subject) -> NotRun | None:
    """Why the two layers cannot be compared; None where they can."""
    if subject.spec.by_name.get("XZLX") and not subject.has("XZLX"):
        return absent(subject.spec.by_name["XZLX"])
    if not _same_ground(require_crs(subject.frame), require_crs(patches.frame)):
        return NotRun(
            "",
            "",
            "两个图层的大地基准不同，没有精度可靠的换算",
            "the layers are on different datums, with no transformation of known accuracy",
        )
    return None


def _same_ground(a: CRS, b: CRS) -> bool:
    datums = {crs.datum.name for crs in (a, b) if crs.datum is not None}
    return len(datums) == 1 or datums <= set(_SAME_GROUND)
