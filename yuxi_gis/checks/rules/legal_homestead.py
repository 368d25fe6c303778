"""Suspicions (疑似) about homesteads: too large, and several for one household."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.findings import printable
from yuxi_gis.units import to_mu

__all__ = ["homestead_area", "one_household_one_homestead"]

Floats = npt.NDArray[np.float64]

_SIDES = ("inside", "outside")  # of the planning area of a city or town
_FULL_WIDTH = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789XX")
_IDENTITY = r"[0-9]{17}[0-9X]|[0-9]{15}"
# What a spreadsheet has cut to 15 digits, and what is one digit over and over, names nobody.
_NOBODY = r"[0-9]{15}000|([0-9])\1+"
_NAMED = 8


@rule(
    "L02",
    "warning",
    "疑似宅基地超面积",
    "Suspected: homestead larger than the limit",
    confidence="K",
    on="records",
    layers=("homestead",),
    fields=("ZJDMJ",),
    parameters=(
        "homestead_tolerance",
        *(f"homestead_person_{side}" for side in _SIDES),
        *(f"homestead_household_{side}" for side in _SIDES),
    ),
)
def homestead_area(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：宅基地面积（ZJDMJ，未填时用图形面积）比批准面积（PZMJ）大 1 平方米以上；没有批准面积的，
    与用地标准比较：户籍人口（CYRS）乘以人均标准，且不超过每户上限，人口未填时只看每户上限。数据看
    不出宅基地在规划区内还是规划区外，按较宽的一侧比较。批准面积本身是否超过标准不查。

    为什么：超出批准面积或用地标准的部分不能直接确权登记，是宅基地清理的主要内容。也可能是分户、人
    口变动、历史形成或面积口径不同；本软件不作结论。

    怎样改：核对批准文件、建房年代、户籍人口和面积的量算范围；面积录入有误的改正，其余按当地政策由
    主管部门认定。

    例：一处宅基地批准 150 平方米，实测 214.24 平方米，超出 64.24 平方米。

    依据：云南省土地管理条例的宅基地用地标准（城市规划区内人均 20 平方米、每户 100 平方米；规划区
    外人均30 平方米、每户 150 平方米），条文未核实，须按现行条例和本地规定核对；见检查方案
    homestead_person_inside、homestead_person_outside、homestead_household_inside、
    homestead_household_outside，容差 homestead_tolerance。

    What it finds: a homestead whose area (ZJDMJ, or the area of its outline where that is empty)
    exceeds the approved area (PZMJ) by more than 1 m². Without an approved area it is compared with
    the standard: registered members (CYRS) times the area for a person, at most the area for a
    household; where CYRS is empty, the latter alone. The data do not say whether it lies inside the
    planning area of a town, so the laxer side applies. Whether the approval itself exceeds the
    standard is not looked at.

    Why it matters: what exceeds the approval or the standard cannot simply be registered. The cause
    may also be a divided household, a change of members, old custom or another way to measure; this
    software draws no conclusion.

    How to mend it: compare the approval, the year of building, the registered members and what was
    measured; correct the area if it was entered wrongly, and leave the rest to the authority to
    judge by local policy.

    Example: a homestead approved for 150 m² measures 214.24 m², 64.24 m² more.

    Source: homestead standards of the land administration regulations of Yunnan (inside the
    planning area of a city 20 m² a person and 100 m² a household, outside it 30 and 150 m²), whose
    text was not verified: compare with the regulations in force and local rules; in the profile as
    homestead_person_inside, homestead_person_outside, homestead_household_inside and
    homestead_household_outside, with the tolerance homestead_tolerance.
    """
    area = _areas(subject)
    approved = subject.number("PZMJ") if subject.has("PZMJ") else np.full(len(area), np.nan)
    persons = subject.number("CYRS") if subject.has("CYRS") else np.full(len(area), np.nan)
    told = approved > 0
    # Without a field the laxer standard is all that is left to compare with: say so.
    needed = ("PZMJ",) if told.all() else ("PZMJ", "CYRS")
    yield from (absent(subject.spec.by_name[f]) for f in needed if not subject.has(f))
    limit = np.where(told, approved, _standard(subject, persons))
    over: Mask = np.round(area - limit, 4) > subject.profile.number("homestead_tolerance")
    people = [f"{n:.0f}" if n > 0 else "?" for n in persons[over]]
    yield subject.at(
        over,
        value=area[over],
        limit=limit[over],
        unit="m²",
        words={
            "over": (area - limit)[over],
            "mu": to_mu((area - limit)[over]),
            "by_zh": np.where(
                told[over],
                "批准面积",
                [f"户籍人口 {n} 人的用地标准（规划区内外取较宽者）" for n in people],
            ),
            "by_en": np.where(
                told[over],
                "the approved area",
                [f"the standard for {n} members (laxer of inside and outside)" for n in people],
            ),
        },
        zh="宅基地 {feature} 面积 {value:.2f} m²，超过{by_zh} {limit:.2f} m²，超出 {over:.2f} m²"
        "（{mu:.4f} 亩）：疑似超面积，须核实。",
        en="Homestead {feature}: its area of {value:.2f} m² exceeds {by_en}, {limit:.2f} m², by "
        "{over:.2f} m² ({mu:.4f} mu): suspected, to be verified.",
    )


@rule(
    "L03",
    "warning",
    "疑似一户多宅",
    "Suspected: one household, several homesteads",
    confidence="K",
    on="records",
    layers=("homestead",),
    fields=("HZZJHM", "ZDDM"),
)
def one_household_one_homestead(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：同一户主证件号码（HZZJHM）名下有两个以上宗地代码不同的宅基地，每处报告一次。只按身份证
    号码归户，15 位和 18 位号码视为同一人；姓名相同不算；遮盖过的、残缺的号码不判断。

    为什么：农村村民一户只能拥有一处宅基地。也可能是继承、分户未变更户主、一处宅基地分成几宗，或号
    码录错；本软件不作结论。

    怎样改：核对户口簿、分家和继承资料、建新是否应拆旧；号码录错的改正，其余交主管部门认定。

    例：同一户主的新房和老房各登记了一宗宅基地。

    依据：土地管理法第六十二条“一户一宅”（条文未核实）。

    What it finds: several homesteads of different parcel codes under one identity number of the
    head of household (HZZJHM); each of them is one finding. Only identity numbers tell households,
    15 and 18 digits of one person count as one; equal names do not count; masked and damaged
    numbers are not judged.

    Why it matters: a rural household may have one homestead. The cause may also be an inheritance,
    a divided household whose head was not changed, one homestead in several parcels, or a mistyped
    number; this software draws no conclusion.

    How to mend it: compare the household register, the documents of division and inheritance, and
    whether the old house was to be pulled down; correct a mistyped number, and leave the rest to
    the authority to judge.

    Example: the new and the old house of one head of household are each registered as a homestead.

    Source: article 62 of the Land Administration Law, one household, one homestead (its text was
    not verified).
    """
    homes = pd.DataFrame({"person": _persons(subject), "name": subject.feature})
    code = subject.text("ZDDM")
    homes["code"] = code.astype(object).where(code.notna(), homes["name"])
    groups = homes.groupby("person")["code"]
    count = groups.transform("nunique").fillna(0)
    several = (count > 1).to_numpy()
    names = homes[several].groupby("person")["name"].agg(lambda found: sorted(set(found)))
    yield subject.at(
        several,
        value=count[several],
        limit=1,
        unit="处",
        words={"all": homes.loc[several, "person"].map(names).map(_listed).to_numpy(object)},
        zh="宅基地 {feature} 的户主名下共有 {value:.0f} 处宅基地（证件号码相同）：{all}。疑似一户"
        "多宅，须核实。",
        en="Homestead {feature}: its head of household has {value:.0f} homesteads (same identity "
        "number): {all}; suspected, to be verified.",
    )


def _areas(subject: Subject) -> Floats:
    """The recorded area, or that of the outline; m²."""
    area = subject.number("ZJDMJ")
    bare = ~(area > 0)
    if bare.any() and subject.crs is not None:
        area[bare] = subject.planar(bare)
    return area


def _standard(subject: Subject, persons: Floats) -> Floats:
    """The laxer of the standards inside and outside the planning area; m²."""
    number = subject.profile.number
    sides = []
    for side in _SIDES:
        household = number(f"homestead_household_{side}")
        each = number(f"homestead_person_{side}") * persons
        sides.append(np.where(persons > 0, np.minimum(each, household), household))
    return np.maximum(*sides)


def _persons(subject: Subject) -> pd.Series:
    """Who each homestead belongs to: the identity number without what its two lengths differ in;
    missing where there is no whole number."""
    number = subject.text("HZZJHM").str.translate(_FULL_WIDTH).str.upper()
    number = number.str.replace(r"^['’‘`]|\s", "", regex=True)
    whole = number.str.fullmatch(_IDENTITY, na=False) & ~number.str.fullmatch(_NOBODY, na=False)
    number = number.where(whole)
    # Old numbers have neither the century nor the check digit.
    today = (number.str.len() == 18) & (number.str[6:8] == "19")
    return number.mask(today.fillna(False).astype(bool), number.str[:6] + number.str[8:17])


def _listed(names: list[str]) -> str:
    return printable(", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else ""))
