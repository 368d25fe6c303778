"""Suspicions (疑似) about land that lies idle: cropland and construction sites."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import geopandas as gpd
import pandas as pd

from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.subject import Subject

__all__ = ["abandoned_cropland", "idle_construction_land"]

_DATE = r"^([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})(?![0-9])"
# XZLX.
_CONSTRUCTION, _CROPLAND = "1", "3"


@rule(
    "L06",
    "info",
    "疑似撂荒",
    "Suspected: abandoned cropland",
    confidence="K",
    on="records",
    layers=("landuse", "protected_cropland", "idle_land"),
    parameters=("abandoned_years",),
)
def abandoned_cropland(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：地类图斑或永久基本农田图斑的地类为耕地（01）、种植属性为“未耕种”（WG）；闲置用地中的
    撂荒地（闲置类型 3），闲置开始日期至今满 2 年。只看登记的属性，不看影像：由多年影像判断撂荒不
    在本规则之内。

    为什么：耕地长期无人耕种会影响粮食生产，须掌握并引导复耕。也可能是轮作、休耕或调查时刚收获；本
    软件不作结论。

    怎样改：核对调查时间和近两年的种植情况；属性过时的更新，确实无人耕种的列入复耕台账。

    例：一块旱地的种植属性为 WG；一块撂荒地自 2019 年起无人耕种。

    依据：TD/T 1057-2020 种植属性代码；年限为项目默认值（各地 1 年或 2 年不等，未核实），见检查方
    案abandoned_years。

    What it finds: a patch of land use or permanent basic farmland of class cropland (01) whose
    planting code is "not cultivated" (WG); abandoned cropland of the layer of idle land (kind 3)
    that has been idle for at least 2 years up to today. Recorded attributes only, no images: to
    tell abandonment from images of several years is not this rule's.

    Why it matters: cropland that nobody tills is lost to food production, and has to be known to be
    tilled again. The cause may also be rotation, fallow or a survey just after the harvest; this
    software draws no conclusion.

    How to mend it: compare the date of the survey and what grew in the last two years; bring
    outdated attributes up to date, and list what nobody tills to be taken up again.

    Example: a patch of dry land has the planting code WG; a field has been idle since 2019.

    Source: the planting codes of TD/T 1057-2020; the number of years is a default of this project
    (1 or 2 years in local rules, not verified) and stands in the profile as abandoned_years.
    """
    if subject.spec.by_name.get("XZKSRQ"):
        yield from _idle(
            subject,
            _CROPLAND,
            subject.profile.number("abandoned_years"),
            zh="撂荒地 {feature} 自 {since} 起闲置，已满 {limit:g} 年：疑似撂荒，须核实。",
            en="Abandoned field {feature}: idle since {since}, for {limit:g} years or more: "
            "suspected, to be verified.",
        )
        return
    for name in ("DLBM", "ZZSXDM"):
        if not subject.has(name):
            yield absent(subject.spec.by_name[name])
            return
    zh, en = subject.spec.title_zh, subject.spec.title_en
    cropland = subject.text("DLBM").str.startswith("01", na=False)
    yield subject.at(
        (cropland & (subject.text("ZZSXDM") == "WG").fillna(False)).to_numpy(bool),
        zh=f"{zh} {{feature}} 为耕地，种植属性为 WG（未耕种）：疑似撂荒，须核实。",
        en=f"{en} {{feature}}: cropland with the planting code WG (not cultivated): suspected "
        "abandonment, to be verified.",
    )


@rule(
    "L07",
    "info",
    "疑似闲置建设用地",
    "Suspected: idle construction land",
    confidence="W",
    on="records",
    layers=("idle_land",),
    parameters=("idle_years",),
)
def idle_construction_land(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：闲置用地中的闲置建设用地（闲置类型 1），闲置开始日期至今满 1 年。动工面积三分之一、投
    资25 % 等条件数据中没有，不判断。

    为什么：掌握闲置时间，便于盘活利用。村级闲置建设用地是调查类别；《闲置土地处置办法》所称闲置土
    地只指国有建设用地，是否属于闲置土地由主管部门认定，本软件不作结论。

    怎样改：核对闲置开始日期和现状；已经利用的更新记录，仍然闲置的列入盘活台账。

    例：原村小学自 2016 年撤并后一直空置。

    依据：《闲置土地处置办法》（国土资源部令第53号，二手资料）的一年期限，用于村级调查只作参考；见
    检查方案 idle_years。

    What it finds: idle construction land (kind 1) of the layer of idle land that has been idle for
    at least 1 year up to today. What was built or invested (one third, 25 %) is not in the data and
    not judged.

    Why it matters: who knows how long a site has been idle can bring it back to use. Idle sites of
    villages are a category of surveys; "idle land" (闲置土地) of the national regulation is
    state-owned construction land only, and the authority judges what is; this software draws no
    conclusion.

    How to mend it: compare the date since when it is idle and its state today; bring the record up
    to date where it is used, and list what is still idle to be put to use.

    Example: the former village school has stood empty since it was closed in 2016.

    Source: the one-year term of the regulation on idle land (Order 53 of the Ministry of Land and
    Resources, secondary source), for village surveys a reference only; in the profile as
    idle_years.
    """
    yield from _idle(
        subject,
        _CONSTRUCTION,
        subject.profile.number("idle_years"),
        zh="闲置建设用地 {feature} 自 {since} 起闲置，已满 {limit:g} 年：疑似闲置，须核实。",
        en="Idle construction land {feature}: idle since {since}, for {limit:g} years or more: "
        "suspected, to be verified.",
    )


def _idle(
    subject: Subject, kind: str, years: float, **told: Any
) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """Idle land of the kind whose date lies at least so many years back."""
    for name in ("XZLX", "XZKSRQ"):
        if not subject.has(name):
            yield absent(subject.spec.by_name[name])
            return
    since = _dates(subject.text("XZKSRQ"))
    latest = pd.Timestamp(date.today()) - pd.DateOffset(months=round(12 * years))
    long = ((subject.text("XZLX") == kind).fillna(False) & (since <= latest)).to_numpy(bool)
    day = since[long].dt.strftime("%Y-%m-%d")
    yield subject.at(long, limit=years, unit="年", words={"since": day.to_numpy(object)}, **told)


def _dates(text: pd.Series) -> pd.Series:
    """Dates as people and programs write them; NaT where there is none (see A12)."""
    parts = text.str.extract(_DATE).set_axis(["year", "month", "day"], axis=1)
    return pd.to_datetime(parts.apply(pd.to_numeric), errors="coerce")
