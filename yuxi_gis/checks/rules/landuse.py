"""Rules on land classes, and on what depends on the class outside cropland."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import CodeList, load_codes
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import from_older_edition, shown
from yuxi_gis.checks.subject import Mask, Subject, severity_of

__all__ = [
    "LANDUSE",
    "class_listed",
    "class_named",
    "known_classes",
    "settlement_code",
    "width_of_linear_classes",
]

#: The layers with all fields of DLTB.
LANDUSE = ("landuse", "landuse_change", "farmland_target")
# Classifications that are mistaken for each other, by the name of their code list.
_VERSIONS = {
    "DLBM": ("三调工作分类", "the third survey's classification"),
    "second_survey": ("二调土地分类", "the second survey's classification"),
    "land_use_2017": ("GB/T 21010-2017", "GB/T 21010-2017"),
    "land_use_2023": ("2023 年用地用海分类", "the classification of land and sea use of 2023"),
}
# How many codes it takes to tell that a layer uses another classification.
_CODES_THAT_SHOW = 3
_LINEAR = ("1001", "1002", "1003", "1004", "1006", "1009", "1101", "1107", "1107A")
_RURAL_ROAD = "1006"
# Classes that must say to what settlement they belong, and those with one code only.
_SETTLED = r"(?:0[5-9]|1004|1005|1201)"
_ONE_CODE = {"0602": "204", "0603": "204", "09": "205"}


def known_classes(subject: Subject) -> pd.Series:
    """The land class of each record, missing where the classification has no such code."""
    codes = subject.codes(subject.spec.by_name["DLBM"])
    text = subject.text("DLBM")
    return text if codes is None else text.where(text.isin(list(codes.zh)))


@rule(
    "A13",
    "error",
    "地类编码合法",
    "Land class of the right classification",
    confidence="V",
    on="records",
    layers=(*LANDUSE, "protected_cropland", "monitoring_patch"),
    fields=("DLBM",),
)
def class_listed(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：地类编码 DLBM 不在图层所用的分类之中（三调工作分类；二调图层为二调分类），并指出它是否为
    二调、GB/T 21010-2017 或 2023 年用地用海分类的编码。全部编码都属于另一种分类时，每个图层只报告
    一次（空值归 A01；A02 不查 DLBM）。

    为什么：混用分类会使面积汇总漏算或算到别的地类，例如农村宅基地在三调为 0702，在 2023 年分类为
    0703。

    怎样改：对照图层所用的分类改正；消息给出了二调编码对应的三调编码，一对多的须核实现状。注意前导
    零：101 可能是丢了前导零的 0101。

    例：DLBM 为 0501（GB/T 21010-2017 零售商业用地），三调为 05H1。

    依据：第三次全国国土调查工作分类（TD/T 1055-2019）；GB/T 21010-2007；其余分类的编码未核实，只用
    于提示。

    What it finds: a land class DLBM that is not in the layer's classification (the third survey's;
    in a layer of the second survey that of its time), and whether it is a code of the second
    survey, of GB/T 21010-2017 or of the classification of 2023. Where all codes are of another one,
    the layer is reported once (empty values are A01's; A02 does not look at DLBM).

    Why it matters: with mixed classifications totals leave out areas, or count them elsewhere: a
    rural homestead is 0702 in the third survey and 0703 in the classification of 2023.

    How to mend it: replace it by the code of the layer's classification; the message names what a
    code of the second survey became, which has to be verified where several became one. Mind
    leading zeros: 101 may be 0101.

    Example: DLBM is 0501 (retail, GB/T 21010-2017), which is 05H1 in the third survey.

    Source: the working classification of the third national land survey (TD/T 1055-2019);
    GB/T 21010-2007; the codes of the other ones are unverified and serve as hints only.
    """
    field = subject.spec.by_name["DLBM"]
    codes = subject.codes(field)
    assert codes is not None
    text = subject.text("DLBM")
    wrong = (text.notna() & ~text.isin(list(codes.zh))).to_numpy(bool)
    severity = severity_of(codes.confidence)
    others = [load_codes()[name] for name in _VERSIONS if name != codes.name]
    ours = _VERSIONS[codes.name]
    whole = _all_of_another(text, wrong, others)
    if whole is not None:
        theirs = _VERSIONS[whole.name]
        yield subject.whole(
            ["DLBM"],
            severity=severity,
            value=int(text.notna().sum()),
            zh=f"全部 {{value:.0f}} 条记录的地类编码 DLBM 用的是{theirs[0]}，应为{ours[0]}。",
            en=f"All {{value:.0f}} land classes DLBM are of {theirs[1]}, not of {ours[1]}.",
        )
        return
    hints = {code: _hint(code, others, codes.name) for code in text[wrong].unique()}
    zh, en = subject.noun
    yield subject.at(
        wrong,
        severity=severity,
        words={
            "found": shown(text[wrong], field),
            "hint_zh": [hints[code][0] for code in text[wrong]],
            "hint_en": [hints[code][1] for code in text[wrong]],
        },
        zh=f"{zh} {{feature}} 的地类编码 DLBM 为“{{found}}”，不在{ours[0]}之中{{hint_zh}}。",
        en=f"{en} {{feature}}: its land class DLBM '{{found}}' is not in {ours[1]}{{hint_en}}.",
    )


def _all_of_another(text: pd.Series, wrong: Mask, others: list[CodeList]) -> CodeList | None:
    """The other classification that the whole layer uses, where most of its codes are wrong."""
    used = set(text.dropna().unique())
    if 2 * wrong.sum() <= text.count() or len(used) < _CODES_THAT_SHOW:
        return None
    return next((other for other in others if used <= set(other.zh)), None)


def _hint(code: str, others: list[CodeList], ours: str) -> tuple[str, str]:
    """What a code means in another classification, and what became of it in ours."""
    other = next((codes for codes in others if code in codes.zh), None)
    if other is None:
        return "", ""
    new = other.successors.get(code) if other.replaced_by == ours else None
    zh, en = _VERSIONS[other.name]
    return (
        f"，而是{zh}的{other.zh[code]}" + (f"（今 {new}）" if new else ""),
        f", but in {en} ({other.label(code, 'en')})" + (f": {new} today" if new else ""),
    )


@rule(
    "A14",
    "error",
    "编码名称一致",
    "Land class and its name agree",
    confidence="V",
    on="records",
    layers=(*LANDUSE, "protected_cropland"),
    fields=("DLBM", "DLMC"),
)
def class_named(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：地类名称 DLMC 不是地类编码 DLBM 的名称；可调整地类（K）写作原地类名称的作警告（编码不在
    分类之中的归 A13，空值归 A01）。二调图层不查。

    为什么：编码与名称不符，无法知道哪一个是对的；汇总按编码，制图往往按名称。

    怎样改：核实现状地类，改正编码或名称。

    例：DLBM 为 0103（旱地），DLMC 却是“水田”。

    依据：第三次全国国土调查工作分类的编码与名称；公开的国土变更调查质检程序作此检查。

    What it finds: a name DLMC that is not the name of the class DLBM; for an adjustable class (K)
    the name of the class itself is a warning (codes that are not in the classification are A13's,
    empty values A01's). Layers of the second survey are not judged.

    Why it matters: nobody can tell which of the two is right; totals go by the code, maps often by
    the name.

    How to mend it: verify what the land is used for, and correct the code or the name.

    Example: DLBM is 0103 (dry land), but DLMC is 水田 (paddy).

    Source: codes and names of the third survey's working classification; public inspection software
    for the yearly survey checks it.
    """
    if subject.edition is not None:
        yield from_older_edition(subject)
        return
    names = load_codes()["DLBM"].zh
    code, name = known_classes(subject), subject.text("DLMC")
    right = code.map(dict(names))
    wrong = (right.notna() & name.notna() & (name != right)).to_numpy(bool)
    plain = code[wrong].str.removesuffix("K").map(dict(names)) == name[wrong]
    zh, en = subject.noun
    yield subject.at(
        wrong,
        severity=np.where(plain, "warning", "error"),
        words={
            "code": code[wrong],
            "right": right[wrong],
            "found": shown(name[wrong], subject.spec.by_name["DLMC"]),
        },
        zh=f"{zh} {{feature}} 的地类编码 DLBM 为 {{code}}（{{right}}），"
        "地类名称 DLMC 却为“{found}”。",
        en=f"{en} {{feature}}: its land class DLBM is {{code}} ({{right}}), but its name DLMC is "
        "'{found}'.",
    )


@rule(
    "A18",
    "warning",
    "线状宽度",
    "Width of linear land",
    confidence="V",
    on="records",
    layers=LANDUSE,
    fields=("DLBM", "XZDWKD"),
    parameters=("rural_road_width",),
)
def width_of_linear_classes(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：非线状地类填了线状地物宽度 XZDWKD；农村道路（1006）的宽度超过 8 米。线状地类为 1001、
    1002、1003、1004、1006、1009、1101、1107、1107A；宽度为 0 视同未填。二调图层不查。

    为什么：宽度只属于线状地物；超过 8 米的道路一般应为公路（1003）或城镇村道路（1004），地类可能错
    了。

    怎样改：核实地类和宽度：不是线状地物的清空宽度，道路较宽的改正地类或宽度。

    例：农村道路（1006）的 XZDWKD 为 12.0。

    依据：公开的三调质检程序的线状地物规则；宽度上限见检查方案 rural_road_width。

    What it finds: a width XZDWKD on a class that is not linear; a rural road (1006) wider than 8 m.
    The linear classes are 1001, 1002, 1003, 1004, 1006, 1009, 1101, 1107 and 1107A; a width of 0
    is none. Layers of the second survey are not judged.

    Why it matters: only linear land has a width; a road wider than 8 m is likely a highway (1003)
    or a street (1004), so the class may be wrong.

    How to mend it: verify class and width: empty the width of what is not linear, correct the class
    or the width of a wide road.

    Example: a rural road (1006) has XZDWKD 12.0.

    Source: the rules on linear land of public inspection software for the third survey; the widest
    rural road is rural_road_width in the profile.
    """
    if subject.edition is not None:
        yield from_older_edition(subject)
        return
    code, width = known_classes(subject), subject.number("XZDWKD")
    zh, en = subject.noun
    odd = (code.notna() & ~code.isin(_LINEAR)).to_numpy(bool) & (width > 0)
    yield subject.at(
        odd,
        value=width[odd],
        unit="m",
        words={"code": code[odd]},
        zh=f"{zh} {{feature}} 的地类 {{code}} 不是线状地类，"
        "却填了线状地物宽度 XZDWKD {value:g} 米。",
        en=f"{en} {{feature}}: class {{code}} is not linear, but it has a width XZDWKD of "
        "{value:g} m.",
    )
    limit = subject.profile.number("rural_road_width")
    wide = (code == _RURAL_ROAD).fillna(False).to_numpy(bool) & (width > limit)
    yield subject.at(
        wide,
        value=width[wide],
        limit=limit,
        unit="m",
        zh=f"{zh} {{feature}} 为农村道路（1006），宽度 XZDWKD 为 {{value:g}} 米，"
        "超过 {limit:g} 米。",
        en=f"{en} {{feature}}: a rural road (1006) has a width XZDWKD of {{value:g}} m, more than "
        "{limit:g} m.",
    )


@rule(
    "A20",
    "error",
    "城镇村属性码",
    "Settlement code",
    confidence="W",
    on="records",
    layers=LANDUSE,
    fields=("DLBM", "CZCSXM"),
)
def settlement_code(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：地类以 05、06、07、08、09 开头，或为 1004、1005、1201 的图斑没有城镇村属性码 CZCSXM；采
    矿用地（0602）、盐田（0603）的不是 204；特殊用地（09）的不是 205。不在代码表之中的值归 A02，其
    余地类不论。二调图层不查。

    为什么：城镇村面积按属性码汇总，漏填的图斑不计入任何城镇或村庄。

    怎样改：按图斑所在的城市、建制镇、村庄填 201、202、203（独立工业用地加 A），采矿用地和盐田填
    204，特殊用地填 205。

    例：农村宅基地（0702）图斑的 CZCSXM 为空。

    依据：TD/T 1057-2020；三调数据库培训资料中的城镇村属性逻辑（二手资料）。

    What it finds: patches whose class begins with 05 to 09, or is 1004, 1005 or 1201, without a
    settlement code CZCSXM; mines (0602) and salt pans (0603) with another one than 204; special
    land (09) with another one than 205. Values that are not in the code list are A02's; other
    classes are not judged, nor layers of the second survey.

    Why it matters: the area of cities, towns and villages is summed by this code; a patch without
    it counts for none.

    How to mend it: write 201, 202 or 203 for the city, town or village in which the patch lies
    (with A for detached industry), 204 for mines and salt pans, 205 for special land.

    Example: a patch of rural homesteads (0702) has no CZCSXM.

    Source: TD/T 1057-2020; training slides on the third survey's database (secondary source).
    """
    if subject.edition is not None:
        yield from_older_edition(subject)
        return
    code, told = known_classes(subject), subject.text("CZCSXM")
    zh, en = subject.noun
    empty = code.str.match(_SETTLED).fillna(False).to_numpy(bool) & told.isna().to_numpy(bool)
    yield subject.at(
        empty,
        words={"code": code[empty]},
        zh=f"{zh} {{feature}} 的地类为 {{code}}，城镇村属性码 CZCSXM 为空。",
        en=f"{en} {{feature}}: its class is {{code}}, but it has no settlement code CZCSXM.",
    )
    right = code.map(_ONE_CODE)
    codes = load_codes()["CZCSXM"]
    wrong = (right.notna() & told.isin(list(codes.zh)) & (told != right)).to_numpy(bool)
    yield subject.at(
        wrong,
        words={"code": code[wrong], "found": told[wrong], "right": right[wrong]},
        zh=f"{zh} {{feature}} 的地类为 {{code}}，城镇村属性码 CZCSXM 为 {{found}}，"
        "应为 {right}。",
        en=f"{en} {{feature}}: its class is {{code}}, but its settlement code CZCSXM is {{found}}, "
        "not {right}.",
    )
