"""Rules that point at suspicions (疑似). None of them states that anything is illegal."""

from __future__ import annotations

import math
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from yuxi_gis import findings
from yuxi_gis.checks.pairs import shared
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.crs import require_crs
from yuxi_gis.units import to_mu

__all__ = [
    "BUILT_TYPES",
    "CONSTRUCTION",
    "construction_on_cropland",
    "other_crops",
    "protected_cropland_occupied",
]

#: Classes of construction land (DLBM, third survey): rural roads (1006) and farm facilities (1202)
#: are agricultural land.
CONSTRUCTION = r"(?:05|06|07|08|09|100[1-57-9]|1109|1201).*"
#: Types of monitoring patches (TBLX) that are construction beyond doubt.
BUILT_TYPES = ("20", "YH", "DL1", "DL2", "DL3", "TL", "SJ", "CK", "LD", "GF", "GEF", "JC")
_NOT_GRAIN = r"(?:02|03|1104).*"

_PROTECTED, _LANDUSE = "protected_cropland", "landuse"
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
    查什么：宅基地、闲置建设用地或闲置宅基地（不含撂荒地）与永久基本农田图斑相交，相交面积合计不小
    于1 平方米且不小于该地块面积的 0.5 %；与每个图斑的相交各报告一次。

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
    reason = _incomparable(subject, patches, *(("XZLX",) if "XZLX" in subject.spec.by_name else ()))
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


@rule(
    "L04",
    "warning",
    "疑似非农建设占用耕地",
    "Suspected: construction on cropland",
    confidence="K",
    layers=(
        "landuse_change",
        "monitoring_patch",
        "new_construction_patch",
        "suspected_construction_patch",
    ),
    needs=(_LANDUSE,),
    parameters=("mapping_unit_construction",),
    scope="layer",
)
def construction_on_cropland(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：变更或监测图斑为建设用地，其位置在地类图斑（前一时期）中是耕地（01），占耕地面积合计不
    小于200 平方米。变更图斑看地类编码（05–09、1001–1005、1007–1009、1109、1201；农村道路 1006
    和设施农用地1202 不算），监测图斑看图斑类型（建构筑物、硬化、道路、铁路、水工、采矿、公园绿地、
    光伏、高尔夫、机场；动土、推堆土不算）。不足 200 平方米的不逐个报告，只报告个数。

    为什么：耕地转为建设用地须依法办理审批。也可能已经批准，或两个图层不同期、边界误差、解译错误；
    本软件不作结论。200 平方米是调查的上图面积，不是豁免面积。

    怎样改：核对农用地转用审批、设施农用地备案和两个图层的时间，必要时实地核实；属边界误差的改正边
    界，其余交主管部门认定。

    例：上一年的旱地，今年的更新图斑为 0702 农村宅基地，面积 350 平方米。

    依据：国办发明电〔2020〕24号（二手资料）；200 平方米为三调建设用地最小上图面积，见检查方案
    mapping_unit_construction。

    What it finds: change or monitoring patches of construction land that lie on cropland (01) of
    the land use layer, which is of the earlier date, with at least 200 m² in all. Of changes the
    class tells (05-09, 1001-1005, 1007-1009, 1109, 1201; not rural roads 1006 and farm facilities
    1202), of monitoring patches their type (buildings, hardened ground, roads, railways, hydraulic
    structures, mining, parks, photovoltaics, golf courses, airports; not earthwork). Smaller ones
    are counted only.

    Why it matters: cropland may be built on with an approval only. There may be one, or the layers
    are of other dates, a boundary or the image was read wrongly; this software draws no conclusion.
    The 200 m² are a mapping unit of the survey, no exemption.

    How to mend it: compare the approvals of conversion, the records of farm facilities and the
    dates of both layers, and verify on site where needed; correct the boundary if it is in error,
    else leave it to the authority to judge.

    Example: dry land of last year is a patch of 0702, rural homestead, in this year's changes,
    350 m² large.

    Source: 国办发明电〔2020〕24号 (secondary source); 200 m² are the smallest patch of construction
    land of the third survey, in the profile as mapping_unit_construction.
    """
    landuse = subject.others[_LANDUSE]
    classed = subject.spec.id == "landuse_change"
    kind = "DLBM" if classed else "TBLX"
    all_built = subject.spec.id.endswith("construction_patch")
    reason = _incomparable(subject, landuse, *(() if all_built else (kind,)), other=("DLBM",))
    if reason is not None:
        yield reason
        return
    limit = subject.profile.number("mapping_unit_construction")
    zh, en = subject.spec.title_zh, subject.spec.title_en
    small: list[float] = []
    for part in subject.each():
        parts = _merged(_on_cropland(part, None if all_built else kind))
        small += parts.loc[parts["area"] < limit, "area"].tolist()
        yield _on_landuse(
            part,
            parts[parts["area"] >= limit],
            limit,
            zh=f"{zh} {{feature}} 为建设用地，有 {{value:.2f}} m²（{{mu:.4f}} 亩）在地类图斑 "
            "{other_feature} {more_zh}的耕地上（限值 {limit:g} m²）：疑似非农建设占用耕地，"
            "须核实。",
            en=f"{en} {{feature}}: construction, {{value:.2f}} m² ({{mu:.4f}} mu) of it on "
            "cropland of land use patch {other_feature}{more_en} (limit {limit:g} m²): suspected, "
            "to be verified.",
        )
    yield subject.whole(
        [""] * bool(small),
        severity="info",
        value=len(small),
        unit="个",
        area_m2=math.fsum(small),
        words={"largest": max(small, default=0.0), "limit": limit},
        zh="另有 {value:.0f} 个建设图斑占耕地不足 {limit:g} m²（共 {area_m2:.2f} m²，最大 "
        "{largest:.2f} m²），疑似占用但未逐个报告。",
        en="{value:.0f} more construction patches lie on cropland with less than {limit:g} m² "
        "({area_m2:.2f} m² in all, {largest:.2f} m² at most): suspected, not reported one by one.",
    )


@rule(
    "L05",
    "info",
    "疑似耕地非粮化",
    "Suspected: protected cropland without grain",
    confidence="K",
    layers=(_PROTECTED,),
    needs=(_LANDUSE,),
    parameters=("mapping_unit_farm",),
)
def other_crops(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：永久基本农田图斑中，地类图斑为园地（02）、林地（03）、坑塘水面（1104）的，或为耕地（01）
    而种植属性为“种植非粮食作物”（FLS）的部分，面积合计不小于 400 平方米。

    为什么：永久基本农田重点用于粮食生产。也可能是划定前已有的园地林地、粮与非粮轮作、两个图层不同
    期；本软件不作结论。

    怎样改：核对划定时间、现状和种植情况；图层不同期的更新，其余由主管部门按当地政策认定。

    例：一块永久基本农田中有 1200 平方米种了果树，地类图斑为 0201 果园。

    依据：国办发〔2020〕44号（未核实）、TD/T 1057-2020 种植属性代码；400 平方米为三调农用地最小上
    图面积，见检查方案 mapping_unit_farm。

    What it finds: of patches of permanent basic farmland, what is garden land (02), forest (03) or
    pond (1104) in the land use layer, or cropland (01) with the planting code "other than grain"
    (FLS), with at least 400 m² in all.

    Why it matters: permanent basic farmland is foremost for grain. The gardens may be older than
    the protection, grain may grow in rotation, or the layers are of different dates; this software
    draws no conclusion.

    How to mend it: compare the date of protection, the state today and what is planted; bring an
    outdated layer up to date, and leave the rest to the authority to judge by local policy.

    Example: 1200 m² of a patch of permanent basic farmland are planted with fruit trees; the land
    use patch is 0201, orchard.

    Source: 国办发〔2020〕44号 (not verified) and the planting codes of TD/T 1057-2020; 400 m² are
    the smallest patch of agricultural land of the third survey, in the profile as
    mapping_unit_farm.
    """
    landuse = subject.others[_LANDUSE]
    reason = _incomparable(subject, landuse, other=("DLBM",))
    if reason is not None:
        yield reason
        return
    land = landuse.text("DLBM").fillna("")
    where = land.str.fullmatch(_NOT_GRAIN)
    if landuse.has("ZZSXDM"):
        where |= land.str.startswith("01") & (landuse.text("ZZSXDM").fillna("") == "FLS")
    else:
        yield absent(landuse.spec.by_name["ZZSXDM"])
    every = np.ones(len(subject.frame), dtype=bool)
    parts = _merged(_parts(subject, every, landuse, where.to_numpy(bool)))
    limit = subject.profile.number("mapping_unit_farm")
    yield _on_landuse(
        subject,
        parts[parts["area"] >= limit],
        limit,
        zh="永久基本农田图斑 {feature} 有 {value:.2f} m²（{mu:.4f} 亩）为园地、林地、坑塘或非粮"
        "种植，在地类图斑 {other_feature}（{class}）{more_zh}（限值 {limit:g} m²）：疑似非粮化，"
        "须核实。",
        en="Permanent basic farmland {feature}: {value:.2f} m² ({mu:.4f} mu) are garden land, "
        "forest, pond or planted with other crops, in land use patch {other_feature} "
        "({class}){more_en} (limit {limit:g} m²): suspected, to be verified.",
    )


def _on_landuse(
    subject: Subject, parts: pd.DataFrame, limit: float, *, zh: str, en: str
) -> gpd.GeoDataFrame:
    """Findings on what parcels share with land use patches, one a parcel (`_merged`)."""
    landuse = subject.others[_LANDUSE]
    more = parts["patches"].to_numpy() - 1
    return findings.make(
        subject.feature[parts["plot"]],
        parts["shape"].to_numpy(),
        subject.metre.crs,
        other_layer=_LANDUSE,
        other_feature=landuse.feature[parts["patch"]],
        value=parts["area"],
        limit=limit,
        unit="m²",
        area_m2=parts["area"],
        words={
            "mu": to_mu(parts["area"].to_numpy()),
            "class": list(map(findings.printable, landuse.text("DLBM").iloc[parts["patch"]])),
            "more_zh": np.where(more > 0, [f"等 {n + 1} 个图斑" for n in more], ""),
            "more_en": np.where(more > 0, [f" and {n} more" for n in more], ""),
        },
        zh=zh,
        en=en,
    )


def _on_cropland(subject: Subject, kind: str | None) -> pd.DataFrame:
    """What constructions share with cropland (`_parts`); `kind` is the field that tells them, None
    where all are."""
    landuse = subject.others[_LANDUSE]
    built = np.ones(len(subject.frame), dtype=bool)
    if kind == "DLBM":
        built = subject.text(kind).str.fullmatch(CONSTRUCTION, na=False).to_numpy(bool)
    elif kind is not None:
        built = subject.text(kind).isin(BUILT_TYPES).to_numpy()
    cropland = landuse.text("DLBM").str.startswith("01", na=False).to_numpy(bool)
    return _parts(subject, built, landuse, cropland)


def _occupied(subject: Subject, patches: Subject) -> pd.DataFrame:
    """What parcels share with patches, above the limits of L01: `_parts` and `percent`, the
    parcel's share that lies in any patch."""
    parts = _parts(subject, _built(subject), patches, np.ones(len(patches.frame), dtype=bool))
    total = parts["plot"].map(_merged(parts).set_index("plot")["area"])
    plots = subject.metre.to_numpy()[parts["plot"]]
    parts["percent"] = np.round(100 * total / shapely.area(plots), 6)
    floor = subject.profile.number("protected_area")
    suspect = (total >= floor) & (parts["percent"] >= subject.profile.number("protected_share"))
    # Of a parcel on several patches, boundary errors are left out; its largest part is always told.
    largest = parts.groupby("plot")["area"].transform("max")
    return parts[suspect & ((parts["area"] >= floor) | (parts["area"] == largest))]


def _parts(subject: Subject, which: Mask, other: Subject, where: Mask) -> pd.DataFrame:
    """What the parcels `which` share with the patches `where` of another layer.

    Returns
    -------
    DataFrame
        A row a pair: `plot` and `patch` (row numbers), `shape` (in the parcels' metre CRS) and
        `area` (m², above 0).
    """
    plots, fields = subject.metre.to_numpy().copy(), other.polygons(subject.metre.crs)
    plots[~which], fields[~where] = None, None
    plot, patch = shapely.STRtree(fields).query(plots, predicate="intersects")
    shape, area = shared(plots[plot], fields[patch])
    parts = pd.DataFrame({"plot": plot, "patch": patch, "shape": shape, "area": area})
    return parts[parts["area"] > 0].reset_index(drop=True)


def _merged(parts: pd.DataFrame) -> pd.DataFrame:
    """`_parts` put together by parcel, what patches share once: with the largest `patch`, and
    `patches`, how many there are."""
    order = parts.sort_values(["plot", "area", "patch"], ascending=[True, False, True])
    whole = order.drop_duplicates("plot").reset_index(drop=True)
    whole["patches"] = order.groupby("plot").size().to_numpy()
    shapes = whole["shape"].to_numpy(dtype=object, copy=True)
    again = order[order["plot"].duplicated(keep=False)]
    for plot, several in again.groupby("plot")["shape"]:
        shapes[whole["plot"].searchsorted(plot)] = shapely.union_all(several.to_numpy())
    whole["shape"] = shapes
    whole["area"] = np.round(shapely.area(shapes), 4)
    return whole


def _built(subject: Subject) -> Mask:
    """Which parcels are for building: all homesteads; of idle land, what its kind says."""
    if not subject.spec.by_name.get("XZLX"):
        return np.ones(len(subject.frame), dtype=bool)
    return subject.text("XZLX").isin(_BUILT).to_numpy()


def _incomparable(
    subject: Subject, patches: Subject, *fields: str, other: tuple[str, ...] = ()
) -> NotRun | None:
    """Why the two layers cannot be compared by these fields; None where they can."""
    for layer, names in ((subject, fields), (patches, other)):
        for name in names:
            if not layer.has(name):
                return absent(layer.spec.by_name[name])
        if names and layer.edition is not None:
            zh, en = layer.edition.title_zh, layer.edition.title_en
            return NotRun("", "", f"图层为旧版标准（{zh}）", f"the layer follows the old {en}")
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
