"""Rules on recorded areas."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer

from yuxi_gis.catalog import FieldSpec, LayerSpec
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.crs import Zone, datum_name, geocentric, require_crs
from yuxi_gis.units import M2_PER_MU

__all__ = ["area_matches_geometry", "deduction_adds_up", "ellipsoidal_matches", "mu_matches_area"]

Numbers = npt.NDArray[np.float64]

# What is left of the area after the deduction.
_NET = {"landuse": "TBDLMJ", "protected_cropland": "YJJBNTMJ"}


@rule(
    "R01",
    "warning",
    "面积一致",
    "Recorded area agrees with the outline",
    confidence="K",
    layers=("farmland",),
    fields=("SCMJ",),
    parameters=("area_absolute", "area_relative", "area_gross"),
)
def area_matches_geometry(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：实测面积 SCMJ 与图形的高斯—克吕格平面面积之差超过限差（0.1 平方米与 0.1 % 取大者）为
    警告；超过 5 % 的为错误，但限值未核实时仍作警告。经纬度的图层按其自身基准的三度带计算。图形
    无效的地块没有确定的面积，归 T01。

    为什么：合同和权证上的面积来自 SCMJ；与图形不符说明面积没有更新，或图形有错。

    怎样改：若图形正确，按图形重新计算 SCMJ 和 SCMJM；若面积正确，核实界址点。

    例：SCMJ 为 1000.00，图形的面积为 950.00 平方米，相差 50 平方米（5.3 %）。

    依据：NY/T 2539-2016 的实测面积按平面面积计（未核实）；限差为惯例，见检查方案 area_absolute、
    area_relative、area_gross。

    What it finds: a recorded area SCMJ that differs from the outline's area in the Gauss-Kruger
    plane by more than the greater of 0.1 m² and 0.1 % (a warning), or by more than 5 % (an error,
    but a warning as long as the limits are not verified).
    A layer in degrees is measured in the 3-degree zone of its own datum. A parcel with invalid
    geometry has no definite area: it is T01's.

    Why it matters: contract and certificate take their area from SCMJ; if it does not fit the
    outline, it was not updated, or the outline is wrong.

    How to mend it: if the outline is right, work out SCMJ and SCMJM anew; if the area is right,
    verify the boundary points.

    Example: SCMJ is 1000.00, the outline has 950.00 m²: they differ by 50 m² (5.3 %).

    Source: NY/T 2539-2016 means the planar area (unverified); the tolerances are customary and
    stand in the profile as area_absolute, area_relative and area_gross.
    """
    plane = _gauss_kruger(subject)
    if plane is None:
        yield NotRun(
            "",
            "",
            "图层不在我国三度带（CGCS2000、西安 80、北京 54）的范围内，没有可比的平面面积",
            "the layer lies outside the 3-degree zones of CGCS2000, Xian 1980 and Beijing 1954: no "
            "planar area to compare with",
        )
        return
    drawn = shapely.area(plane)
    recorded = subject.number("SCMJ")
    yield _not_a_number(subject, "SCMJ", recorded)
    profile = subject.profile
    difference = np.abs(recorded - drawn)
    limit = np.maximum(
        profile.number("area_absolute"), profile.number("area_relative") / 100 * drawn
    )
    judged = subject.valid & (drawn > 0)
    wrong = judged & (np.round(difference, 4) > np.round(limit, 4))
    percent = 100 * difference[wrong] / drawn[wrong]
    gross = percent > profile.number("area_gross")
    yield subject.at(
        wrong,
        severity=np.where(gross, "error", "warning").astype(object),
        value=np.round(difference[wrong], 4),
        limit=np.round(limit[wrong], 4),
        unit="m²",
        area_m2=np.round(drawn[wrong], 4),
        words={"recorded": recorded[wrong], "percent": percent},
        zh="地块 {feature} 的实测面积 SCMJ 为 {recorded:.2f} m²，图形面积为 {area_m2:.2f} m²，"
        "相差 {value:.2f} m²（{percent:.2f} %），限差 {limit:.2f} m²。",
        en="Parcel {feature}: recorded area SCMJ is {recorded:.2f} m², its outline has "
        "{area_m2:.2f} m²; they differ by {value:.2f} m² ({percent:.2f} %), the "
        "limit is {limit:.2f} m².",
    )


@rule(
    "R02",
    "error",
    "椭球面积",
    "Recorded area agrees with the area on the ellipsoid",
    confidence="W",
    layers=("landuse", "protected_cropland"),
    parameters=("ellipsoid_absolute", "ellipsoid_relative"),
)
def ellipsoidal_matches(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：图斑面积（TBMJ、YJJBNTTBMJ）与图形的 CGCS2000 椭球面积之差超过限差（1 平方米与 0.01 %
    取大者，即平差以后的限差）。平差以前的成果须相差不超过 0.01 平方米，可在自己的检查方案中把
    ellipsoid_absolute 改为 0.01、ellipsoid_relative 改为 0。图形无效的归 T01，面积为空的归 A01；
    旧版标准的图层和其他大地基准的图层不判断。

    为什么：国土调查的面积是椭球面积；误用平面面积，在玉溪东部每公顷相差可达 3 平方米，汇总后与控制
    面积对不上。

    怎样改：若图形正确，按椭球面积公式重新计算图斑面积，并重新平差和计算扣除面积；若面积正确，核实
    图形。

    例：澄江一个图斑的 TBMJ 为 10003.08，是平面面积；椭球面积为 10000.00 平方米。

    依据：国土调查办发〔2008〕32号的椭球面积公式（二手资料）；边线加密后计算；限差见检查方案
    ellipsoid_absolute、ellipsoid_relative。

    What it finds: a recorded area (TBMJ, YJJBNTTBMJ) that differs from the outline's area on the
    CGCS2000 ellipsoid by more than the greater of 1 m² and 0.01 %, the tolerance after adjustment
    (平差). Before adjustment it is 0.01 m²: say ellipsoid_absolute 0.01 and ellipsoid_relative 0 in
    a profile of your own. An invalid outline is T01's, an empty area A01's; layers of an older
    standard or on another datum are not judged.

    Why it matters: the areas of the land survey are ellipsoidal; planar ones differ by up to 3 m²
    a hectare in the east of Yuxi, and their totals do not meet the control areas.

    How to mend it: if the outline is right, work out the area on the ellipsoid, adjust it, and work
    out the deduction anew; if the area is right, verify the outline.

    Example: a patch in Chengjiang has TBMJ 10003.08, its planar area; on the ellipsoid it has
    10000.00 m².

    Source: the formula of 国土调查办发〔2008〕32号 (secondary source), with edges densified; the
    tolerances stand in the profile as ellipsoid_absolute and ellipsoid_relative.
    """
    field = _area_field(subject.spec)
    reason = _older(subject) or (None if subject.has(field.name) else absent(field))
    if reason is None and not geocentric(require_crs(subject.frame)):
        reason = NotRun(
            "",
            "",
            "图层不在 CGCS2000 基准上，其椭球面积不可比",
            "the layer is not on the datum CGCS2000: its area on that ellipsoid is not comparable",
        )
    if reason is not None:
        yield reason
        return
    drawn = subject.ellipsoidal
    recorded = subject.number(field.name)
    yield _not_a_number(subject, field.name, recorded)
    profile = subject.profile
    difference = np.round(np.abs(recorded - drawn), 4)
    limit = np.maximum(
        profile.number("ellipsoid_absolute"), profile.number("ellipsoid_relative") / 100 * drawn
    )
    wrong = subject.valid & (drawn > 0) & (difference > np.round(limit, 4))
    yield subject.at(
        wrong,
        value=difference[wrong],
        limit=np.round(limit[wrong], 4),
        unit="m²",
        area_m2=np.round(drawn[wrong], 4),
        words={"recorded": recorded[wrong]},
        zh=f"地块 {{feature}} 的{field.title_zh} {field.name} 为 {{recorded:.2f}} m²，图形的椭球"
        "面积为 {area_m2:.2f} m²，相差 {value:.2f} m²，限差 {limit:.2f} m²。",
        en=f"Parcel {{feature}}: {field.name} is {{recorded:.2f}} m², its outline has "
        "{area_m2:.2f} m² on the ellipsoid; they differ by {value:.2f} m², the limit is "
        "{limit:.2f} m².",
    )


@rule(
    "R03",
    "error",
    "亩换算",
    "Area in mu agrees with square metres",
    confidence="V",
    on="records",
    parameters=("mu_difference",),
)
def mu_matches_area(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：亩数与平方米数 × 0.0015 之差超过 0.005 亩（两个字段都有值时）。凡图层目录中成对的字段都
    查：SCMJ 与 SCMJM（地块）、HTMJ 与 HTMJM、YHTMJ 与 YHTMJM（承包地块信息）、HTZMJ 与 HTZMJM、
    YHTZMJ 与 YHTZMJM（承包合同）、LZMJ 与 LZMJM（流转合同）、MJ 与 MJM（闲置地）。

    为什么：农户看的是亩数；亩数与平方米不符，合同和权证上的面积就自相矛盾。

    怎样改：核实平方米数后按其 × 0.0015 重新计算亩数，保留两位小数。

    例：SCMJ 为 1000.00，SCMJM 为 1.60，应为 1.50。

    依据：1 亩 = 2000/3 平方米；NY/T 2539-2016 各表的亩字段；容差见检查方案 mu_difference。

    What it finds: an area in mu that differs from the square metres × 0.0015 by more than 0.005 mu,
    where both are filled in. All pairs of the layer catalogue are judged: SCMJ and SCMJM (parcels),
    HTMJ and HTMJM, YHTMJ and YHTMJM (contracted parcels), HTZMJ and HTZMJM, YHTZMJ and YHTZMJM
    (contracts), LZMJ and LZMJM (transfers), MJ and MJM (idle land).

    Why it matters: farmers read the mu; if they do not fit the square metres, contract and
    certificate contradict themselves.

    How to mend it: verify the square metres, then work out the mu as that × 0.0015 with two
    decimals.

    Example: SCMJ is 1000.00 and SCMJM is 1.60; it should be 1.50.

    Source: 1 mu = 2000/3 m²; the fields in mu of NY/T 2539-2016; the tolerance stands in the
    profile as mu_difference.
    """
    zh, en = subject.noun
    limit = subject.profile.number("mu_difference")
    for m2_field, mu_field in _pairs(subject.spec):
        lacking = [field for field in (m2_field, mu_field) if not subject.has(field.name)]
        if lacking:
            # A table without either of two optional fields has nothing to compare.
            if len(lacking) == 1 or m2_field.required == "M":
                yield absent(lacking[0])
            continue
        area, mu = subject.number(m2_field.name), subject.number(mu_field.name)
        yield _not_a_number(subject, mu_field.name, mu)
        due = area / M2_PER_MU
        difference = np.round(np.abs(mu - due), 6)
        # The area is itself rounded to 0.01 m²: two honest roundings must not make an error.
        wrong = difference > limit + 0.005 / M2_PER_MU
        yield subject.at(
            wrong,
            value=difference[wrong],
            limit=limit,
            unit="亩",
            area_m2=area[wrong],
            words={"mu": mu[wrong], "due": due[wrong]},
            zh=f"{zh} {{feature}} 的 {mu_field.name} 为 {{mu:.2f}} 亩，{m2_field.name} 为 "
            "{area_m2:.2f} m²，合 {due:.2f} 亩，相差 {value:.4f} 亩，限差 {limit:g} 亩。",
            en=f"{en} {{feature}}: {mu_field.name} is {{mu:.2f}} mu, but {m2_field.name} is "
            "{area_m2:.2f} m², which is {due:.2f} mu; they differ by {value:.4f} mu, the limit is "
            "{limit:g} mu.",
        )


@rule(
    "R04",
    "error",
    "扣除面积",
    "Deduction adds up",
    confidence="V",
    on="records",
    layers=("landuse", "protected_cropland"),
    parameters=("deduction_difference",),
)
def deduction_adds_up(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：扣除地类面积 KCMJ 不等于图斑面积 × 扣除地类系数 KCXS（保留两位小数），或扣除以后的面积
    （TBDLMJ、YJJBNTMJ）不等于图斑面积 − KCMJ；容差 0.01 平方米。系数和扣除面积为空按 0 计。图斑面积
    本身对不对归 R02，扣除属性是否该有归 A17；旧版标准的图层扣除办法不同，不判断。

    为什么：耕地面积按扣除田坎以后的面积统计；算错了，汇总表就平不了。

    怎样改：以图斑面积和系数为准，重新计算 KCMJ 和扣除以后的面积。

    例：TBMJ 为 1000.00、KCXS 为 0.1195，KCMJ 应为 119.50，却为 120.50。

    依据：国土变更调查县级数据库质量检查的公开实现；容差见检查方案 deduction_difference。

    What it finds: a deducted area KCMJ that is not patch area × factor KCXS to two decimals, or an
    area after deduction (TBDLMJ, YJJBNTMJ) that is not patch area − KCMJ, to 0.01 m². An empty
    factor or deduction counts as 0. Whether the patch area is right is R02's, whether there should
    be a deduction A17's; layers of an older standard, which deducted otherwise, are not judged.

    Why it matters: cropland is counted after the deduction of its ridges; with wrong figures the
    tables do not balance.

    How to mend it: take patch area and factor as given and work out KCMJ and the area after
    deduction anew.

    Example: TBMJ is 1000.00 and KCXS 0.1195; KCMJ should be 119.50, but is 120.50.

    Source: public implementations of the inspection of the yearly land survey; the tolerance stands
    in the profile as deduction_difference.
    """
    gross, net = _area_field(subject.spec), subject.spec.by_name[_NET[subject.spec.id]]
    needed = [gross, net, *(subject.spec.by_name[name] for name in ("KCXS", "KCMJ"))]
    lacking = [absent(field) for field in needed if not subject.has(field.name)]
    if (older := _older(subject)) is not None or lacking:
        yield from [older] if older else lacking
        return
    area, left, factor, deducted = (subject.number(field.name) for field in needed)
    odd = np.zeros(len(area), dtype=bool)
    for name, number in (("KCXS", factor), ("KCMJ", deducted)):
        yield _not_a_number(subject, name, number)
        odd |= np.isnan(number) & subject.text(name).notna().to_numpy()
    area = np.where(odd, np.nan, area)
    # A factor that was kept in single precision has noise behind its sixth decimal.
    due = area * np.round(np.nan_to_num(factor), 6)
    deducted = np.nan_to_num(deducted)
    way = f"{gross.name} × KCXS", f"{gross.name} − KCMJ"
    yield _not_due(subject, "KCMJ", way[0], deducted, due, area)
    yield _not_due(subject, net.name, way[1], left, area - deducted, area)


def _not_due(
    subject: Subject, name: str, way: str, found: Numbers, due: Numbers, area: Numbers
) -> gpd.GeoDataFrame:
    """Where the field `name` is not what `way` gives."""
    limit = subject.profile.number("deduction_difference")
    difference = np.round(np.abs(found - due), 4)
    wrong = difference > limit
    return subject.at(
        wrong,
        value=difference[wrong],
        limit=limit,
        unit="m²",
        area_m2=area[wrong],
        words={"found": found[wrong], "due": due[wrong]},
        zh=f"地块 {{feature}} 的 {name} 为 {{found:.2f}} m²，按 {way} 应为 {{due:.2f}} m²，相差 "
        "{value:.2f} m²，限差 {limit:g} m²。",
        en=f"Parcel {{feature}}: {name} is {{found:.2f}} m²; {way} gives {{due:.2f}} m². They "
        "differ by {value:.2f} m², the limit is {limit:g} m².",
    )


def _area_field(spec: LayerSpec) -> FieldSpec:
    """The field of the official area; the layers of these rules have one."""
    if spec.area is None:
        raise ValueError(f"layer {spec.id} has no official area")
    return spec.by_name[spec.area.field]


def _pairs(spec: LayerSpec) -> list[tuple[FieldSpec, FieldSpec]]:
    """Areas in m² and their twins in 亩, whose names have an M more."""
    fields = spec.by_name
    return [
        (field, fields[name + "M"])
        for name, field in fields.items()
        if field.type == "Float" and name + "M" in fields
    ]


def _older(subject: Subject) -> NotRun | None:
    """An older standard reckoned otherwise."""
    if subject.edition is None:
        return None
    zh, en = subject.edition.title("zh"), subject.edition.title("en")
    return NotRun("", "", f"旧版标准（{zh}）的面积算法不同", f"older standard ({en})")


def _not_a_number(subject: Subject, field: str, number: Numbers) -> gpd.GeoDataFrame:
    """What is filled in but is no number cannot be compared: that is a fault by itself."""
    zh, en = subject.noun
    odd: Mask = np.isnan(number) & subject.text(field).notna().to_numpy()
    return subject.at(
        odd,
        severity="error",
        zh=f"{zh} {{feature}} 的 {field} 不是数字，无法核对面积。",
        en=f"{en} {{feature}}: {field} is not a number, its area cannot be checked.",
    )


def _gauss_kruger(subject: Subject) -> np.ndarray | None:
    """The parcels in a Gauss-Kruger plane: their own, or the 3° zone of their datum they lie in."""
    crs = require_crs(subject.frame)
    if _is_gauss_kruger(crs):
        return subject.sound
    datum = "China 2000" if geocentric(crs) else datum_name(crs)
    zones = {
        zone.meridian: zone
        for zone in Zone.all().values()
        if zone.datum == datum and zone.width == 3 and not zone.prefix
    }
    bounds = subject.place
    if not zones or bounds is None:
        return None
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    middle, _ = to_degrees.transform((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)
    nearest = min(zones, key=lambda meridian: abs(meridian - middle))
    if not abs(nearest - middle) <= 1.5:
        return None
    return subject.polygons(zones[nearest].epsg)


def _is_gauss_kruger(crs: CRS) -> bool:
    operation = crs.coordinate_operation
    if not crs.is_projected or operation is None or operation.method_name != "Transverse Mercator":
        return False
    scale = [p.value for p in operation.params if p.name == "Scale factor at natural origin"]
    return scale == [1.0] and crs.axis_info[0].unit_conversion_factor == 1
