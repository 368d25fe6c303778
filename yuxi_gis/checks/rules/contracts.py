"""Rules on the codes of households, contracts and certificates, and on identity numbers."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import FieldSpec
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent, first_rows, misformed, shown, twins, well_formed
from yuxi_gis.checks.subject import Subject
from yuxi_gis.codes import identity_number_fault, mask
from yuxi_gis.findings import printable

__all__ = ["contract_code_form", "contractor_code", "identity_number_sound"]

# Where the codes of contracts and certificates are, and the field that says the way of contracting.
_CODES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "contract": (("CBHTBM",), "CBFS"),
    "register": (("CBJYQZBM",), "CBFS"),
    "certificate": (("CBJYQZBM",), None),
    "contract_parcel": (("CBHTBM", "CBJYQZBM"), "CBJYQQDFS"),
}
# J is a household contract (家庭承包), Q another one; transfers and the like say neither.
_LETTER = {"110": "J", **dict.fromkeys(("120", "121", "122", "123", "129"), "Q")}
_FAULTS = {
    "form": ("不是 18 位的身份证号码", "is not an identity number of 18 characters"),
    "born": ("其中的出生日期不存在", "holds a date of birth that does not exist"),
    "check": ("校验码不对", "has a wrong check digit"),
    "old": ("为 15 位的旧号码", "is an old one of 15 digits"),
}
_IDENTITY_CARD = "1"


@rule(
    "A07",
    "error",
    "承包方代码",
    "Contractor code",
    confidence="V",
    on="records",
    layers=("contractor", "household_member"),
    fields=("CBFBM",),
)
def contractor_code(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：承包方代码 CBFBM 不是 18 位数字（承包方表和家庭成员表）；承包方表中两个以上的承包方用了
    同一个代码，每个报告一次（空值归 A01）。

    为什么：家庭成员、合同和权证都按承包方代码挂到农户；代码错了或重复，就会挂到别的农户。

    怎样改：按“发包方代码 14 位 + 顺序号 4 位”改正；重复的，核实哪一户应使用该代码，给其余承包方重新
    编号，并同时改正合同、登记簿和家庭成员。

    例：CBFBM 为 53040200100101001（17 位）；第 4 行与第 8 行的 CBFBM 都是 530402001001010001。

    依据：GB/T 35958-2018《农村土地承包经营权要素编码规则》；NY/T 2539-2016 CBF 表 CBFBM 长 18 位。

    What it finds: a code CBFBM that is not 18 digits, in the tables of contractors and of household
    members; contractors that share one code, each of which is reported (empty ones are A01's).

    Why it matters: members, contracts and certificates find their household by this code; with a
    wrong one or a twin they come to another household.

    How to mend it: write the issuer's code of 14 digits and a serial number of 4; of twins, find
    out which household the code belongs to and give the others new ones, in contracts, register and
    household members as well.

    Example: CBFBM is 53040200100101001 (17 digits); rows 4 and 8 both have 530402001001010001.

    Source: GB/T 35958-2018 (coding of rural land contracts); NY/T 2539-2016, table CBF, field CBFBM
    of length 18.
    """
    yield misformed(subject, "CBFBM", zh="18 位数字", en="18 digits")
    if subject.spec.by_name["CBFBM"].unique:
        yield twins(subject, "CBFBM")


@rule(
    "A08",
    "error",
    "合同与权证代码",
    "Codes of contracts and certificates",
    confidence="W",
    on="records",
    layers=tuple(_CODES),
)
def contract_code_form(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：承包合同代码、承包经营权证（登记簿）代码不是 18 位数字加一个字母 J 或 Q；字母与承包方式
    不符：家庭承包（110）为 J，其他方式承包（120、121、122、123、129）为 Q。承包地块信息的 CBHTBM 为
    18 位数字的，整个字段只作一次警告。前 18 位归 A06，重复归 A03，空值归 A01。

    为什么：合同、登记簿和权证凭这个代码互相对应；字母不符，说明承包方式或代码录错。

    怎样改：按“承包方代码 18 位 + J 或 Q”改正；字母不符的，对照合同核实承包方式。

    例：CBFS 为 110（家庭承包），CBHTBM 却是 530402001001010001Q。

    依据：GB/T 35958-2018《农村土地承包经营权要素编码规则》（字母的含义为二手资料）；
    NY/T 2539-2016：CBHTBM 在 CBHT 表长 19 位，在 CBDKXX 表印作 18 位。

    What it finds: a code of a contract or certificate (register) that is not 18 digits and the
    letter J or Q; a letter that does not agree with the way of contracting: J for household
    contracts (110), Q for others (120, 121, 122, 123, 129). CBHTBM of 18 digits in the table of
    contracted parcels is a warning, once for the field. The first 18 digits are A06's, twins A03's,
    empty codes A01's.

    Why it matters: contract, register and certificate find each other by this code; a letter that
    does not agree means that the code or the way of contracting was mistyped.

    How to mend it: write the contractor's code of 18 digits and J or Q; where the letter does not
    agree, verify the way of contracting in the contract.

    Example: CBFS is 110 (household contract), but CBHTBM is 530402001001010001Q.

    Source: GB/T 35958-2018 (what the letters mean is from a secondary source); NY/T 2539-2016
    gives CBHTBM 19 characters in table CBHT and prints 18 in CBDKXX.
    """
    names, way = _CODES[subject.spec.id]
    for name in names:
        field = subject.spec.by_name[name]
        if not subject.has(name):
            yield absent(field)
            continue
        yield misformed(subject, name, zh="18 位数字加字母 J 或 Q", en="18 digits and J or Q")
        code = subject.text(name)
        formed = code.where(well_formed(code, field))
        yield from _without_letter(subject, field, formed)
        if way is not None and subject.has(way):
            yield _letter_agrees(subject, field, formed, way)
    if way is not None and not subject.has(way):
        yield absent(subject.spec.by_name[way])


def _without_letter(
    subject: Subject, field: FieldSpec, code: pd.Series
) -> Iterator[gpd.GeoDataFrame]:
    bare = (code.str.len() == 18).fillna(False).to_numpy(bool)
    if bare.any():
        yield subject.whole(
            [field.name],
            severity="warning",
            value=int(bare.sum()),
            words={"rows": first_rows(subject, bare)},
            zh=f"{{value:.0f}} 条记录的{field.title_zh} {field.name} 只有 18 位，没有字母 J 或 Q："
            "第 {rows} 行。",
            en=f"{{value:.0f}} records have {field.name} ({field.title_en}) of 18 digits, without "
            "J or Q: rows {rows}.",
        )


def _letter_agrees(
    subject: Subject, field: FieldSpec, code: pd.Series, way: str
) -> gpd.GeoDataFrame:
    told = subject.text(way)
    letter, last = told.map(_LETTER), code.str[18:].fillna("")
    wrong = (letter.notna() & (last != "") & (last != letter)).to_numpy(bool)
    zh, en = subject.noun
    return subject.at(
        wrong,
        words={
            "found": shown(code[wrong], field),
            "way": shown(told[wrong], subject.spec.by_name[way]),
            "letter": letter[wrong],
        },
        zh=f"{zh} {{feature}} 的{field.title_zh} {field.name}“{{found}}”与 {way} {{way}} 不符，"
        "末位应为 {letter}。",
        en=f"{en} {{feature}}: {field.name} ({field.title_en}) '{{found}}' does not agree with "
        f"{way} {{way}}, for which it ends in {{letter}}.",
    )


@rule("A11", "warning", "身份证号校验", "Identity numbers sound", confidence="K", on="records")
def identity_number_sound(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：居民身份证号码不是 18 位，其中的出生日期不存在或在今天以后，或校验码不对；15 位的旧号码
    作提示。只查证件类型为 1（居民身份证）或没有证件类型字段的记录；已遮盖（含 *）的号码不查。前 6
    位不查：行政区划多有变更。

    为什么：号码错了，合同和权证上的权利人就无法核实，一户多宅等按人归并的检查也会出错。

    怎样改：对照户口簿或身份证改正；15 位的换成 18 位。报告中的号码总是遮盖的，请按行号在原数据中查
    找。

    例：号码为 530402********0017，末位应为 5。

    依据：GB 11643-1999 的校验码（未核实，通行做法）。

    What it finds: an identity number that has not 18 characters, whose date of birth does not exist
    or lies in the future, or whose check digit is wrong; old numbers of 15 digits are mentioned.
    Only records with kind of paper 1 (identity card) are judged, or all where there is no such
    field; masked numbers (with *) are not. The first 6 digits are not judged, for divisions change.

    Why it matters: with a wrong number nobody can verify the holder of a contract or certificate,
    and checks that put records of one person together go wrong.

    How to mend it: correct it from the household register or the identity card; replace 15 digits
    by 18. Numbers in reports are always masked: find them in the data by row.

    Example: a number is 530402********0017, whose last digit should be 5.

    Source: the check digit of GB 11643-1999 (unverified, generally implemented).
    """
    for field in subject.spec.fields:
        if field.personal != "id":
            continue
        if not subject.has(field.name):
            yield absent(field)
            continue
        text = _of_identity_cards(subject, field)
        masked = text.str.contains("*", regex=False).fillna(False).to_numpy(bool)
        if masked.any():
            yield NotRun(
                "",
                "",
                f"{field.name} 有 {masked.sum()} 个号码已遮盖",
                f"{masked.sum()} numbers of {field.name} are masked",
            )
        fault = text.mask(masked).map(identity_number_fault, na_action="ignore")
        yield _unsound(subject, field, fault)


def _of_identity_cards(subject: Subject, field: FieldSpec) -> pd.Series:
    """The numbers of identity cards, missing where another paper is meant."""
    text = subject.text(field.name)
    kind = field.name.removesuffix("HM") + "LX"
    if kind in subject.spec.by_name and subject.has(kind):
        return text.where(subject.text(kind) == _IDENTITY_CARD)
    return text


def _unsound(subject: Subject, field: FieldSpec, fault: pd.Series) -> gpd.GeoDataFrame:
    wrong = fault.isin(list(_FAULTS)).to_numpy(bool)
    which = fault[wrong]
    zh, en = subject.noun
    return subject.at(
        wrong,
        severity=np.where(which == "old", "info", "warning"),
        words={
            "row": subject.row[wrong],
            "found": mask(subject.text(field.name)[wrong], "id").map(printable),
            "zh": which.map({key: words[0] for key, words in _FAULTS.items()}),
            "en": which.map({key: words[1] for key, words in _FAULTS.items()}),
        },
        zh=f"{zh} {{feature}}（第 {{row}} 行）的{field.title_zh} {field.name}“{{found}}”{{zh}}。",
        en=f"{en} {{feature}} (row {{row}}): {field.name} ({field.title_en}) '{{found}}' {{en}}.",
    )
