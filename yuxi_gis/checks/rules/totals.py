"""Rules on totals: what parts add up to against what the whole is said to be."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.rules.tables import CONTRACT
from yuxi_gis.checks.subject import Subject
from yuxi_gis.read.fields import completed

__all__ = ["contract_totals", "control_area"]

_PATCHES, _PARCELS = "landuse", "contract_parcel"
# Patches with less than this share of a unit's area are an extract of it, not the unit.
_WHOLE = 0.5


@rule(
    "R05",
    "error",
    "控制面积",
    "Patches add up to the control area",
    confidence="W",
    on="records",
    layers=("admin",),
    fields=("XZQDM",),
    needs=(_PATCHES,),
    parameters=("control_difference",),
)
def control_area(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：行政区（县、乡、村，代码 6、9、12 位）内图斑面积 TBMJ 之和不等于其控制面积（调查面积
    DCMJ，没有时用计算面积 JSMJ；同一代码的几个面合计）；容差为每个图斑 0.01 平方米。图斑按坐落单位
    代码 ZLDWDM 归入行政区。没有图斑的行政区不判断；图斑面积之和不足控制面积一半的，视为只给了一部分
    图斑，列为未检查。

    为什么：图斑面积要平差到与控制面积相等，各级汇总才能逐级相符。

    怎样改：先改正图斑的重叠、缝隙（T03、T04）、漏绘和坐落单位代码，再重新平差。

    例：某村控制面积为 5000000.00 平方米，1200 个图斑合计 5000350.20 平方米，多 350.20 平方米。

    依据：二调以来的面积控制规则（二手资料）；容差见检查方案 control_difference。

    What it finds: a county, town or village (codes of 6, 9 and 12 digits) whose patches (TBMJ) do
    not add up to its control area: DCMJ, or JSMJ where that is empty, of all polygons with the
    code; to 0.01 m² a patch. ZLDWDM says whose a patch is. Units without patches are not judged;
    where the patches make less than half of the control area, only a part of them was given, and
    the unit is listed as not judged.

    Why it matters: patches are adjusted to the control area so that the totals of all levels agree.

    How to mend it: first mend overlaps and gaps (T03, T04), patches left out and location codes,
    then adjust the areas anew.

    Example: a village has a control area of 5000000.00 m²; its 1200 patches add up to
    5000350.20 m², 350.20 m² too many.

    Source: control of areas since the second survey (secondary source); the tolerance stands in the
    profile as control_difference.
    """
    patches = subject.others[_PATCHES]
    lacking = [f for f in ("TBMJ", "ZLDWDM") if not patches.has(f)]
    control = _control(subject)
    if lacking or control is None:
        yield absent(patches.spec.by_name[lacking[0]] if lacking else subject.spec.by_name["DCMJ"])
        return
    units = _units(subject.region, control, patches)
    part = units["total"] < _WHOLE * units["control"]
    if part.any():
        names = ", ".join(units["code"][part][:8])
        yield NotRun(
            "",
            "",
            f"{int(part.sum())} 个行政区的图斑面积之和不足控制面积的一半，只给了一部分：{names}",
            f"{int(part.sum())} units have patches for less than half of their area, only a part "
            f"was given: {names}",
        )
    difference = np.round(np.abs(units["total"] - units["control"]), 4)
    limit = np.round(subject.profile.number("control_difference") * units["patches"], 4)
    wrong = units[~part & (difference > limit)]
    yield subject.at(
        wrong["row"].to_numpy(),
        other_layer=_PATCHES,
        value=difference[wrong.index],
        limit=limit[wrong.index],
        unit="m²",
        area_m2=wrong["control"],
        words={"code": wrong["code"], "total": wrong["total"], "patches": wrong["patches"]},
        zh="行政区 {code} 的控制面积为 {area_m2:.2f} m²，其 {patches} 个图斑合计 {total:.2f} m²，"
        "相差 {value:.2f} m²，限差 {limit:.2f} m²。",
        en="Unit {code}: its control area is {area_m2:.2f} m², its {patches} patches add up to "
        "{total:.2f} m²; they differ by {value:.2f} m², the limit is {limit:.2f} m².",
    )


@rule(
    "R06",
    "error",
    "合同面积合计",
    "Contract totals agree with its parcels",
    confidence="V",
    on="records",
    layers=("contract",),
    fields=("CBHTBM",),
    needs=(_PARCELS,),
    parameters=("contract_difference",),
)
def contract_totals(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：承包合同的总面积 HTZMJ 不等于承包地块信息表 CBDKXX 中该合同各地块 HTMJ 之和（容差 0.01
    平方米），或地块总数 CBDKZS 不等于其行数。合同代码在 CBDKXX 中只有 18 位的，补足末位后对应；有
    地块的 HTMJ 为空或不是数字的合同，不核对面积（归 A01）。

    为什么：合同上的总面积、总块数与地块明细不符，农户一算就知道，合同须重签。

    怎样改：以核实过的地块明细为准，重新计算 HTZMJ（及 HTZMJM）和 CBDKZS；明细漏了或多了地块的，
    先改明细。

    例：合同有 3 块地，HTMJ 合计 2001.50，而 HTZMJ 为 2000.00。

    依据：NY/T 2539-2016 CBHT 表 HTZMJ、CBDKZS，CBDKXX 表 HTMJ；容差见检查方案 contract_difference。

    What it finds: a contract whose total area HTZMJ is not the sum of HTMJ of its parcels in
    CBDKXX (to 0.01 m²), or whose number of parcels CBDKZS is not the number of their rows. A
    contract code with 18 characters in CBDKXX is completed. The area of a contract with a parcel
    whose HTMJ is empty or no number is not judged (A01).

    Why it matters: a farmer sees at once that the parcels do not add up to the contract, and it has
    to be signed again.

    How to mend it: verify the parcels, then work out HTZMJ (and HTZMJM) and CBDKZS from them; where
    a parcel is missing or one too many, mend CBDKXX first.

    Example: the three parcels of a contract have 2001.50 m² in all, but HTZMJ is 2000.00.

    Source: NY/T 2539-2016, table CBHT, fields HTZMJ and CBDKZS, table CBDKXX, field HTMJ; the
    tolerance stands in the profile as contract_difference.
    """
    parcels = subject.others[_PARCELS]
    if not parcels.has("CBHTBM"):
        yield absent(parcels.spec.by_name["CBHTBM"])
        return
    code = subject.text("CBHTBM")
    owner = completed(parcels.text("CBHTBM"), code, CONTRACT)
    counts = code.map(owner.value_counts()).fillna(0).to_numpy("float64")
    if subject.has("CBDKZS"):
        said = subject.number("CBDKZS")
        wrong = code.notna().to_numpy() & ~np.isnan(said) & (said != counts)
        yield subject.at(
            wrong,
            other_layer=_PARCELS,
            value=counts[wrong],
            limit=said[wrong],
            unit="块",
            zh="合同 {feature} 的地块总数 CBDKZS 为 {limit:g}，CBDKXX 中有 {value:g} 块。",
            en="Contract {feature}: its number of parcels CBDKZS is {limit:g}, but CBDKXX has "
            "{value:g}.",
        )
    else:
        yield absent(subject.spec.by_name["CBDKZS"])
    for layer, field in ((subject, "HTZMJ"), (parcels, "HTMJ")):
        if not layer.has(field):
            yield absent(layer.spec.by_name[field])
            return
    # Of a group with an unknown area the sum is unknown: nan.
    areas = pd.Series(parcels.number("HTMJ")).groupby(owner)
    total = code.map(areas.sum().where(areas.count() == areas.size())).to_numpy("float64")
    said = subject.number("HTZMJ")
    limit = subject.profile.number("contract_difference")
    difference = np.round(np.abs(said - total), 4)
    wrong = difference > limit
    yield subject.at(
        wrong,
        other_layer=_PARCELS,
        value=difference[wrong],
        limit=limit,
        unit="m²",
        area_m2=total[wrong],
        words={"said": said[wrong], "count": counts[wrong]},
        zh="合同 {feature} 的总面积 HTZMJ 为 {said:.2f} m²，其 {count:g} 个地块的 HTMJ 合计 "
        "{area_m2:.2f} m²，相差 {value:.2f} m²，限差 {limit:g} m²。",
        en="Contract {feature}: its area HTZMJ is {said:.2f} m², but HTMJ of its {count:g} parcels "
        "adds up to {area_m2:.2f} m²; they differ by {value:.2f} m², the limit is {limit:g} m².",
    )


def _control(admin: Subject) -> npt.NDArray[np.float64] | None:
    """The control area of each polygon; None where the layer has no field for it."""
    fields = [admin.number(name) for name in ("DCMJ", "JSMJ") if admin.has(name)]
    if not fields:
        return None
    return np.where(fields[0] > 0, fields[0], fields[-1])


def _units(region: pd.Series, control: npt.NDArray[np.float64], patches: Subject) -> pd.DataFrame:
    """The units that have a control area and patches.

    Returns
    -------
    DataFrame
        `code`, `row` (of its first polygon), `control` and `total` (m²), `patches` (their number).
    """
    units = pd.DataFrame({"code": region, "row": np.arange(len(region)), "control": control})
    groups = units.dropna(subset="code").groupby("code")
    units = groups.agg(
        row=("row", "first"),
        control=("control", lambda parts: parts.sum(skipna=False)),
    )
    whose, area = patches.region, pd.Series(patches.number("TBMJ")).fillna(0)
    sums = pd.concat(
        [
            area.groupby(whose.str[:width].where(whose.str.len() >= width)).agg(["sum", "size"])
            for width in sorted({len(code) for code in units.index})
        ]
        or [pd.DataFrame({"sum": [], "size": []})]
    )
    units["total"] = sums["sum"].reindex(units.index)
    units["patches"] = sums["size"].reindex(units.index)
    units = units[(units["control"] > 0) & (units["patches"] > 0)]
    return units.astype({"patches": int}).reset_index(names="code")
