"""Rules between parcels and the tables behind them: every code has its record, and they agree."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import FieldSpec
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.subject import Subject
from yuxi_gis.findings import printable

__all__ = [
    "CONTRACT",
    "codes_resolve",
    "household_members",
    "parcels_have_rows",
    "register_agrees",
]

#: The contract's code has 19 characters in CBHT, but 18 where the standard prints CBDKXX.
CONTRACT = 19

_CONTRACTED = "10"
# Codes that one table of the standard prints longer than another → the shorter length.
_PRINTED = MappingProxyType({"contract.CBHTBM": CONTRACT - 1, "transfer_contract.LZHTBM": 18})
_HEAD, _SELF = "02", "01"
_SPOUSES = ("10", "11", "12")
_HOUSEHOLD = "1"


@rule(
    "X01",
    "error",
    "图属挂接",
    "Parcels and their records",
    confidence="V",
    on="records",
    layers=("farmland", "contract_parcel"),
    fields=("DKBM",),
    needs=("farmland", "contract_parcel"),
)
def parcels_have_rows(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：承包地块（DKLB 为 10）在承包地块信息表 CBDKXX 中没有记录；或 CBDKXX 的记录没有对应的
    地块。代码去掉两端空格后按文本比较；自留地、机动地等不要求有记录；代码为空归 A01。

    为什么：有图无属性的地块不能签合同、发证；有属性无图的地块说不清在哪里。

    怎样改：核对地块代码是否写错或被截断（见 A04）；漏录的补录，多余的删除，不属承包地的改正地块
    类别。

    例：地块 5304020010010000001 的 DKLB 为 10，CBDKXX 中没有这个 DKBM。

    依据：NY/T 2539-2016 DK 表与 CBDKXX 表的 DKBM。

    What it finds: a contracted parcel (DKLB 10) without a record in CBDKXX, or a record of CBDKXX
    without a parcel. Codes are compared as text without blanks around them; private plots, reserve
    land and so on need no record; empty codes are A01's.

    Why it matters: a parcel without record can be neither contracted nor certified; of a record
    without parcel nobody knows where it lies.

    How to mend it: see whether the code was mistyped or cut (A04); enter what is missing, delete
    what is too much, and correct the category of land that is not contracted.

    Example: parcel 5304020010010000001 has DKLB 10, but CBDKXX has no such DKBM.

    Source: NY/T 2539-2016, field DKBM of the tables DK and CBDKXX.
    """
    here = subject.spec.id == "farmland"
    other = subject.others["contract_parcel" if here else "farmland"]
    if not other.has("DKBM") or (here and not subject.has("DKLB")):
        yield absent(
            subject.spec.by_name["DKLB"] if other.has("DKBM") else other.spec.by_name["DKBM"]
        )
        return
    code = subject.text("DKBM")
    alone = (code.notna() & ~code.isin(other.text("DKBM"))).to_numpy()
    if here:
        alone = alone & subject.text("DKLB").isin([_CONTRACTED]).to_numpy()
        zh = "承包地块 {feature}（DKLB 为 10）在承包地块信息表 CBDKXX 中没有记录。"
        en = "Contracted parcel {feature} (DKLB 10) has no record in CBDKXX."
    else:
        zh = "承包地块信息表 CBDKXX 的记录 {feature}：地块图层 DK 中没有代码 {code}。"
        en = "Record {feature} of CBDKXX: layer DK has no parcel with the code {code}."
    yield subject.at(
        alone, other_layer=other.spec.id, words={"code": _shown(code[alone])}, zh=zh, en=en
    )


@rule("X02", "error", "代码有对应记录", "Codes refer to records", confidence="V", on="records")
def codes_resolve(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：记录引用的代码（发包方、承包方、承包合同、流转合同、登记簿、权证）在相应的表中没有。代码
    去掉两端空格后按文本比较；承包合同代码和流转合同代码在标准的两张表中长度不同，较短的按前 18 位
    对应。代码为空归 A01，地块代码归 X01；没有给出的表列为未检查。

    为什么：代码断了，地块找不到承包方，承包方找不到合同和登记簿，发证、统计都做不下去。

    怎样改：核对代码是否写错、被截断或在 Excel 中损坏；所引的记录漏了的，补录。

    例：CBDKXX 的一行 CBFBM 为 530402001001000007，CBF 表中没有这个承包方。

    依据：NY/T 2539-2016 各表的代码字段；引用关系见图层目录。

    What it finds: a code (of issuer, contractor, contract, transfer contract, register entry or
    certificate) whose table has no such record. Codes are compared as text without blanks around
    them; contract codes have different lengths in two tables of the standard, there the first 18
    characters count. Empty codes are A01's, parcel codes X01's; tables that were not given are
    listed as not judged.

    Why it matters: where codes come apart, no contractor is found for a parcel and no contract for
    a contractor, and nothing can be certified or counted.

    How to mend it: see whether the code was mistyped, cut or damaged in Excel; enter the record
    where it is missing.

    Example: a row of CBDKXX has CBFBM 530402001001000007, but CBF has no such contractor.

    Source: the codes of the tables of NY/T 2539-2016; the layer catalogue says which refers to
    which.
    """
    zh, en = subject.noun
    for field in subject.spec.fields:
        table, _, name = (field.references or "").partition(".")
        if not table or table == "farmland":
            continue
        if not subject.has(field.name):
            if field.required == "M":
                yield absent(field)
            continue
        other = subject.others.get(table)
        if other is None or not other.has(name):
            yield NotRun(
                "",
                "",
                f"没有图层 {table}（字段 {name}），未核对 {field.name}",
                f"there is no layer {table} with {name} to look {field.name} up",
            )
            continue
        code = subject.text(field.name)
        lost = (code.notna() & ~_found(code, other.text(name), field)).to_numpy()
        yield subject.at(
            lost,
            other_layer=table,
            words={"code": _shown(code[lost])},
            zh=f"{zh} {{feature}} 的 {field.name}（{field.title_zh}）{{code}} 在"
            f"{other.spec.title_zh} {other.spec.name} 中没有。",
            en=f"{en} {{feature}}: {field.name} ({field.title_en}) {{code}} is not in "
            f"{other.spec.name}.",
        )


@rule(
    "X03",
    "error",
    "成员数量",
    "Household members",
    confidence="V",
    on="records",
    layers=("contractor",),
    fields=("CBFBM", "CBFLX"),
    needs=("household_member",),
)
def household_members(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：农户（CBFLX 为 1）的成员数量 CBFCYSL 不等于家庭成员表 CBF_JTCY 中的行数；或一户有成员而
    没有户主、户主多于一个（警告）。与户主关系 YHZGX 的代码 01、02 在不同批次含义不同（02 户主、01
    本人；或 01 户主、02 配偶），按各村数据判断：同时有 01 和 02 的户多于有配偶代码（10、11、12）
    的户时，02 是配偶。个人、单位不判断；成员的承包方代码没有对应记录归 X02。

    为什么：共有人以家庭成员表为准；人数不符，权证上就漏人或多人。

    怎样改：对照户口簿和调查表核实成员，补录、删除成员或改正 CBFCYSL；改正与户主关系。

    例：CBFCYSL 为 4，CBF_JTCY 中有 3 行。

    依据：NY/T 2539-2016 CBF 表 CBFCYSL、CBF_JTCY 表；GB/T 4761 家庭关系代码（二手资料）。

    What it finds: a household (CBFLX 1) whose CBFCYSL is not the number of its rows in CBF_JTCY; or
    one with members but no head, or several (a warning). The codes 01 and 02 of YHZGX mean
    different people in different batches (02 head and 01 self, or 01 head and 02 spouse): in a
    village where more households have both 01 and 02 than have a code for spouses (10, 11, 12), 02
    is the spouse. Persons and organisations are not judged; members of unknown households are
    X02's.

    Why it matters: the members are the joint holders; with a wrong number the certificate leaves
    somebody out, or names one too many.

    How to mend it: verify the members against the household register and the survey form; enter or
    delete members, or correct CBFCYSL and the relation to the head.

    Example: CBFCYSL is 4, CBF_JTCY has 3 rows.

    Source: NY/T 2539-2016, field CBFCYSL of table CBF, and table CBF_JTCY; GB/T 4761, family
    relations (secondary source).
    """
    members = subject.others["household_member"]
    if not members.has("CBFBM"):
        yield absent(members.spec.by_name["CBFBM"])
        return
    code, house = subject.text("CBFBM"), members.text("CBFBM")
    kind = subject.text("CBFLX")
    judged = (code.notna() & (kind.isna() | (kind == _HOUSEHOLD))).to_numpy(bool)
    count = code.map(house.value_counts()).fillna(0).to_numpy("float64")
    if subject.has("CBFCYSL"):
        said = subject.number("CBFCYSL")
        wrong = judged & ~np.isnan(said) & (said != count)
        yield subject.at(
            wrong,
            other_layer=members.spec.id,
            value=count[wrong],
            limit=said[wrong],
            unit="人",
            zh="承包方 {feature} 的成员数量 CBFCYSL 为 {limit:g}，CBF_JTCY 中有 {value:g} 人。",
            en="Contractor {feature}: CBFCYSL is {limit:g}, but CBF_JTCY has {value:g} members.",
        )
    else:
        yield absent(subject.spec.by_name["CBFCYSL"])
    if not members.has("YHZGX"):
        yield absent(members.spec.by_name["YHZGX"])
        return
    heads = code.map(_heads(house, members.text("YHZGX"))).to_numpy("float64")
    wrong = judged & (count > 0) & (heads != 1)
    yield subject.at(
        wrong,
        severity="warning",
        other_layer=members.spec.id,
        value=heads[wrong],
        limit=1,
        unit="人",
        words={"count": count[wrong]},
        zh="承包方 {feature} 的 {count:g} 个家庭成员中有 {value:g} 个户主（YHZGX），应为 1 个。",
        en="Contractor {feature}: of its {count:g} members {value:g} are head of household "
        "(YHZGX); there should be 1.",
    )


@rule(
    "X04",
    "error",
    "登记簿合同一致",
    "Register agrees with contract",
    confidence="V",
    on="records",
    layers=("register",),
    fields=("CBJYQZBM",),
    needs=("contract",),
)
def register_agrees(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：登记簿 CBJYQZDJB 与代码相同的承包合同 CBHT 在发包方代码、承包方代码、承包方式、承包期限
    起或止上不一致；每个不一致的字段报告一次。日期按年月日比较，写法不同不算。任一方为空归 A01；没有
    同代码合同的登记簿不比较，列为未检查；同一代码有几份合同的，有一份一致即可。

    为什么：登记簿依据合同登记，二者不一致时，权证所载的权利没有依据。

    怎样改：对照签字的合同，改正登记簿或合同中错的一方。

    例：合同的 CBQXZ 为 20281231，登记簿为 20271231。

    依据：NY/T 2539-2016 CBHT 表、CBJYQZDJB 表；二者的代码都是承包方代码加 J 或 Q。

    What it finds: an entry of the register CBJYQZDJB that differs from the contract CBHT of the
    same code in issuer, contractor, way of contracting, begin or end of the term; each field that
    differs is one finding. Dates are compared by day, however written. What is empty on either side
    is A01's; entries without a contract of their code are not compared but listed as not judged;
    of several contracts with one code, one that agrees will do.

    Why it matters: the register is made from the contract; where they differ, the certificate has
    no ground.

    How to mend it: correct whichever of the two differs from the signed contract.

    Example: the contract has CBQXZ 20281231, the register 20271231.

    Source: NY/T 2539-2016, tables CBHT and CBJYQZDJB; the codes of both are the contractor's with a
    J or Q behind.
    """
    contracts = subject.others["contract"]
    if not contracts.has("CBHTBM"):
        yield absent(contracts.spec.by_name["CBHTBM"])
        return
    code, key = subject.text("CBJYQZBM"), contracts.text("CBHTBM")
    lost = int((code.notna() & ~code.isin(key.dropna())).sum())
    if lost:
        yield NotRun(
            "",
            "",
            f"{lost} 条登记簿在 CBHT 中没有同代码的合同，无法比较",
            f"{lost} entries have no contract of their code in CBHT to compare with",
        )
    for name in ("FBFBM", "CBFBM", "CBFS", "CBQXQ", "CBQXZ"):
        field = subject.spec.by_name[name]
        if not (subject.has(name) and contracts.has(name)):
            yield absent(field)
            continue
        mine, theirs = (_value(layer, field) for layer in (subject, contracts))
        pairs = pd.merge(
            pd.DataFrame({"code": code, "mine": mine, "row": np.arange(len(code))}).dropna(),
            pd.DataFrame({"code": key, "theirs": theirs}).dropna(),
            on="code",
        )
        agree = pairs["row"][pairs["mine"] == pairs["theirs"]]
        odd = pairs[~pairs["row"].isin(agree)].drop_duplicates("row")
        yield subject.at(
            odd["row"].to_numpy(),
            other_layer=contracts.spec.id,
            other_feature=_shown(odd["code"]),
            words={"mine": _shown(odd["mine"]), "theirs": _shown(odd["theirs"])},
            zh=f"登记簿 {{feature}} 的 {name}（{field.title_zh}）为 {{mine}}，承包合同 "
            "{other_feature} 为 {theirs}。",
            en=f"Register entry {{feature}}: {name} ({field.title_en}) is {{mine}}, but {{theirs}} "
            "in contract {other_feature}.",
        )


def _found(code: pd.Series, keys: pd.Series, field: FieldSpec) -> pd.Series:
    """Whether each code is among `keys`, or its beginning where the standard prints it shorter."""
    found = code.isin(keys.dropna())
    width = _PRINTED.get(field.references or "")
    if width is not None:
        short = keys[keys.str.len() == width]
        found |= (code.str.len() == width).fillna(False) & code.isin(keys.dropna().str[:width])
        found |= code.str[:width].isin(short)
    return found


def _heads(house: pd.Series, relation: pd.Series) -> pd.Series:
    """How many heads each household has, by its code; 01 and 02 as its village uses them."""
    relation = relation.str.zfill(2)
    kinds = pd.DataFrame(
        {
            "head": relation.eq(_HEAD),
            "self": relation.eq(_SELF),
            "spouse": relation.isin(_SPOUSES),
        }
    ).fillna(False)
    houses = kinds.astype(int).groupby(house).sum()
    both = (houses["head"] > 0) & (houses["self"] > 0)
    village = houses.index.str[:12]
    older = both.groupby(village).transform("sum") > (houses["spouse"] > 0).groupby(
        village
    ).transform("sum")
    return houses["self"] + houses["head"].where(~older, 0)


def _value(layer: Subject, field: FieldSpec) -> pd.Series:
    """A field as it can be compared: text, of dates the day as 20170401."""
    if field.type != "Date":
        return layer.text(field.name)
    column = layer.column(field.name)
    text = layer.text(field.name)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.dt.strftime("%Y%m%d").astype("str")
    parts = text.str.extract(r"^(\d{4})\D?(\d{1,2})\D?(\d{1,2})(?:\D.*)?$")
    day = parts[0] + parts[1].str.zfill(2) + parts[2].str.zfill(2)
    return day.fillna(text)


def _shown(text: pd.Series) -> np.ndarray:
    """Codes for a message."""
    return np.array(list(map(printable, text)), dtype=object)
