"""Rules on the attributes that belong to cropland: slope, form, deduction, planting."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np

from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import from_older_edition
from yuxi_gis.checks.rules.landuse import LANDUSE, known_classes
from yuxi_gis.checks.subject import Mask, Subject

__all__ = ["cropland_form", "deduction", "planting", "slope_class"]

_LAYERS = (*LANDUSE, "protected_cropland")
_SLOPES = ("1", "2", "3", "4", "5")
_FLAT = "1"
_FORMS = ("TT", "PD")
_RIDGE = "1203"
_RESTORABLE = ("JKHF", "GCHF")
# The classes that can be made cropland again.
_RESTORABLE_ON = r"(?:02|0301|0302|0305|0307|0403K|0404|1104)"


def _cropland(subject: Subject) -> tuple[Mask, Mask]:
    """Which records are cropland, and which are of another known class."""
    code = known_classes(subject)
    cropland = code.str.startswith("01").fillna(False).to_numpy(bool)
    return cropland, code.notna().to_numpy(bool) & ~cropland


@rule(
    "A15",
    "error",
    "耕地坡度级别",
    "Slope class of cropland",
    confidence="V",
    on="records",
    layers=_LAYERS,
    fields=("DLBM", "GDPDJB"),
)
def slope_class(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：耕地（0101、0102、0103）没有坡度级别 GDPDJB；非耕地（可调整地类也是）填了坡度级别。代码
    表以外的值归 A02，地类编码不合法的不查，二调图层不查。

    为什么：耕地按坡度级别汇总，25° 以上的耕地另有政策；漏填的耕地统计不到。

    怎样改：按坡度图给耕地填 1 至 5；非耕地清空；若地类错了，改正地类。

    例：旱地（0103）图斑的 GDPDJB 为空；果园（0201）图斑的 GDPDJB 为 3。

    依据：TD/T 1057-2020；公开的三调、国土变更调查质检程序的规则。

    What it finds: cropland (0101, 0102, 0103) without a slope class GDPDJB; a slope class on other
    land (adjustable classes, too). Values that are not in the code list are A02's; records with an
    unknown land class and layers of the second survey are not judged.

    Why it matters: cropland is summed by slope class, and above 25° other policies hold; cropland
    without one is left out.

    How to mend it: write 1 to 5 from the slope map for cropland, empty it elsewhere, or correct the
    land class if that is wrong.

    Example: a patch of dry land (0103) has no GDPDJB; an orchard (0201) has GDPDJB 3.

    Source: TD/T 1057-2020; the rules of public inspection software for the third survey.
    """
    if subject.edition is not None:
        yield from_older_edition(subject)
        return
    cropland, other = _cropland(subject)
    slope = subject.text("GDPDJB")
    zh, en = subject.noun
    yield subject.at(
        cropland & slope.isna().to_numpy(bool),
        zh=f"{zh} {{feature}} 为耕地，坡度级别 GDPDJB 为空。",
        en=f"{en} {{feature}} is cropland, but has no slope class GDPDJB.",
    )
    odd = other & slope.isin(_SLOPES).to_numpy(bool)
    yield subject.at(
        odd,
        words={"code": known_classes(subject)[odd], "slope": slope[odd]},
        zh=f"{zh} {{feature}} 的地类 {{code}} 不是耕地，坡度级别 GDPDJB 却为 {{slope}}。",
        en=f"{en} {{feature}}: class {{code}} is no cropland, but its slope class GDPDJB is "
        "{slope}.",
    )


@rule(
    "A16",
    "error",
    "耕地类型",
    "Terraced or sloping cropland",
    confidence="V",
    on="records",
    layers=_LAYERS,
    fields=("GDPDJB", "GDLX", "KCXS"),
)
def cropland_form(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：坡度级别 GDPDJB 为 2 至 5 而耕地类型 GDLX 为空；坡度级别为 1 而填了耕地类型，或扣除地类
    系数 KCXS 不为 0。代码表以外的值归 A02，坡度级别该不该填归 A15。二调图层不查。

    为什么：2° 以上的耕地分梯田和坡地，田坎系数由此而定；2° 以下的不分，也不扣田坎。

    怎样改：核实坡度级别：2 至 5 级填 TT（梯田）或 PD（坡地）；1 级清空耕地类型，KCXS 改为 0。

    例：GDPDJB 为 3，GDLX 为空；GDPDJB 为 1，KCXS 却为 0.1195。

    依据：TD/T 1057-2020；公开的三调质检程序的规则。

    What it finds: slope class GDPDJB 2 to 5 without a form of cropland GDLX; slope class 1 with a
    form, or with a deduction factor KCXS that is not 0. Values that are not in the code list are
    A02's, whether there must be a slope class A15's. Layers of the second survey are not judged.

    Why it matters: cropland above 2° is terraced or sloping, which decides how much is deducted for
    field ridges; flatter land is neither, and has no deduction.

    How to mend it: verify the slope class: write TT (terraced) or PD (sloping) for 2 to 5; for 1
    empty GDLX and set KCXS to 0.

    Example: GDPDJB is 3 and GDLX is empty; GDPDJB is 1, but KCXS is 0.1195.

    Source: TD/T 1057-2020; the rules of public inspection software for the third survey.
    """
    if subject.edition is not None:
        yield from_older_edition(subject)
        return
    slope, form = subject.text("GDPDJB"), subject.text("GDLX")
    factor = subject.number("KCXS")
    flat = (slope == _FLAT).fillna(False).to_numpy(bool)
    zh, en = subject.noun
    bare = slope.isin(_SLOPES).to_numpy(bool) & ~flat & form.isna().to_numpy(bool)
    yield subject.at(
        bare,
        words={"slope": slope[bare]},
        zh=f"{zh} {{feature}} 的坡度级别 GDPDJB 为 {{slope}}，耕地类型 GDLX 为空。",
        en=f"{en} {{feature}}: slope class GDPDJB is {{slope}}, but its form GDLX is empty.",
    )
    formed = flat & form.isin(_FORMS).to_numpy(bool)
    yield subject.at(
        formed,
        words={"form": form[formed]},
        zh=f"{zh} {{feature}} 的坡度级别 GDPDJB 为 1，耕地类型 GDLX 却为 {{form}}。",
        en=f"{en} {{feature}}: slope class GDPDJB is 1, but its form GDLX is {{form}}.",
    )
    deducted = flat & (factor > 0)
    yield subject.at(
        deducted,
        value=factor[deducted],
        limit=0,
        zh=f"{zh} {{feature}} 的坡度级别 GDPDJB 为 1，扣除地类系数 KCXS 却为 {{value:g}}。",
        en=f"{en} {{feature}}: slope class GDPDJB is 1, but the deduction factor KCXS is "
        "{value:g}.",
    )


@rule(
    "A17",
    "error",
    "扣除属性",
    "Deduction of field ridges",
    confidence="V",
    on="records",
    layers=_LAYERS,
    fields=("DLBM", "KCDLBM", "KCXS"),
)
def deduction(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：扣除地类系数 KCXS 小于 0 或不小于 1；非耕地有扣除；KCXS 大于 0 而扣除地类编码 KCDLBM 不
    是1203（田坎），或 KCDLBM 为 1203 而 KCXS 为 0 或空。每个图斑报告一次，按上列次序取第一项。
    KCDLBM 的其他值归 A02，扣除面积归 R04。二调图层不查。

    为什么：扣除田坎后的面积才是耕地面积；属性不一致，耕地面积就算错。

    怎样改：按当地田坎系数表填 KCXS（0.12 表示 12 %），有扣除的填 KCDLBM 1203，没有的两项都清空。

    例：KCXS 为 0.1195 而 KCDLBM 为空；KCXS 为 11.95。

    依据：TD/T 1057-2020；公开的三调、国土变更调查质检程序的规则。

    What it finds: a deduction factor KCXS below 0, or 1 and more; a deduction from other land than
    cropland; KCXS above 0 without the deducted class KCDLBM 1203 (field ridges), or KCDLBM 1203
    with KCXS 0 or empty. A patch is reported once, for the first of these. Other values of KCDLBM
    are A02's, deducted areas R04's. Layers of the second survey are not judged.

    Why it matters: cropland is counted after the deduction of its field ridges; where these fields
    do not agree, its area is wrong.

    How to mend it: take KCXS from the county's table of factors (0.12 is 12 %) and write KCDLBM
    1203 where there is a deduction; empty both where there is none.

    Example: KCXS is 0.1195 and KCDLBM is empty; KCXS is 11.95.

    Source: TD/T 1057-2020; the rules of public inspection software for the third survey.
    """
    if subject.edition is not None:
        yield from_older_edition(subject)
        return
    factor, told = subject.number("KCXS"), subject.text("KCDLBM")
    ridge = (told == _RIDGE).fillna(False).to_numpy(bool)
    _, other = _cropland(subject)
    outside = (factor < 0) | (factor >= 1)
    misplaced = other & ((factor > 0) | ridge) & ~outside
    rest = ~outside & ~misplaced
    zh, en = subject.noun
    for wrong, zh_why, en_why in (
        (outside, "KCXS 应不小于 0 且小于 1", "KCXS must be at least 0 and below 1"),
        (misplaced, "非耕地不应有扣除", "there is no deduction from land other than cropland"),
        (
            rest & (factor > 0) & told.isna().to_numpy(bool),
            "有扣除系数而 KCDLBM 为空",
            "there is a factor, but KCDLBM is empty",
        ),
        (
            rest & ridge & ~(factor > 0),
            "KCDLBM 为 1203 而没有扣除系数",
            "KCDLBM is 1203, but there is no factor",
        ),
    ):
        yield subject.at(
            wrong,
            value=factor[wrong],
            words={"factor": _shown(factor[wrong])},
            zh=f"{zh} {{feature}} 的扣除地类系数 KCXS {{factor}}：{zh_why}。",
            en=f"{en} {{feature}}: deduction factor KCXS {{factor}}: {en_why}.",
        )


def _shown(factor: np.ndarray) -> list[str]:
    return ["—" if np.isnan(value) else f"{value:g}" for value in factor]


@rule(
    "A19",
    "error",
    "种植属性",
    "Planting code",
    confidence="V",
    on="records",
    layers=LANDUSE,
    fields=("DLBM", "ZZSXDM"),
)
def planting(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：耕地没有种植属性代码 ZZSXDM，或填了 JKHF（即可恢复）、GCHF（工程恢复）；02、0301、0302、
    0305、0307、0403K、0404、1104 以外的地类填了 JKHF、GCHF。代码表以外的值归 A02；其他地类上的 LS
    等代码不查；永久基本农田的种植属性可不填，不查；二调图层不查。

    为什么：种植属性用于耕地“非粮化”和恢复潜力的统计，漏填的耕地统计不到。

    怎样改：按外业调查给耕地填 LS、FLS、LYFL、XG、LLJZ 或 WG；恢复属性只填在可恢复为耕地的园地、林
    地、草地、坑塘上；若地类错了，改正地类。

    例：水田（0101）图斑的 ZZSXDM 为空；农村宅基地（0702）图斑的 ZZSXDM 为 JKHF。

    依据：TD/T 1057-2020；公开的三调、国土变更调查质检程序的规则。

    What it finds: cropland without a planting code ZZSXDM, or with JKHF or GCHF (land that can be
    made cropland again); these two on other classes than 02, 0301, 0302, 0305, 0307, 0403K, 0404
    and 1104. Values that are not in the code list are A02's. LS and the like on other classes are
    not judged, nor protected cropland, where the field is optional, nor layers of the second
    survey.

    Why it matters: the code tells cropland that grows no grain, and land that could be restored;
    cropland without it is left out.

    How to mend it: write LS, FLS, LYFL, XG, LLJZ or WG for cropland from the field survey; JKHF and
    GCHF belong to gardens, woods, grass and ponds only; or correct the land class.

    Example: a patch of paddy (0101) has no ZZSXDM; a homestead (0702) has ZZSXDM JKHF.

    Source: TD/T 1057-2020; the rules of public inspection software for the third survey.
    """
    if subject.edition is not None:
        yield from_older_edition(subject)
        return
    code, told = known_classes(subject), subject.text("ZZSXDM")
    cropland, other = _cropland(subject)
    zh, en = subject.noun
    yield subject.at(
        cropland & told.isna().to_numpy(bool),
        zh=f"{zh} {{feature}} 为耕地，种植属性代码 ZZSXDM 为空。",
        en=f"{en} {{feature}} is cropland, but has no planting code ZZSXDM.",
    )
    possible = code.str.match(_RESTORABLE_ON).fillna(False).to_numpy(bool)
    odd = (cropland | (other & ~possible)) & told.isin(_RESTORABLE).to_numpy(bool)
    yield subject.at(
        odd,
        words={"code": code[odd], "found": told[odd]},
        zh=f"{zh} {{feature}} 的地类为 {{code}}，种植属性代码 ZZSXDM 不应为 {{found}}。",
        en=f"{en} {{feature}}: its class is {{code}}, so its planting code ZZSXDM cannot be "
        "{found}.",
    )
