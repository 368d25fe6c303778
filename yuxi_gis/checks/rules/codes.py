"""Rules on the codes of parcels: form, unique, whose they are."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import load_codes
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent, misformed, shown, twins, well_formed
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.regions import region_code, region_names

__all__ = [
    "code_prefix",
    "homestead_code_form",
    "parcel_code_form",
    "parcel_code_unique",
    "unit_code_form",
]

# The field whose first six digits are a county.
_COUNTY = {
    "farmland": "DKBM",
    "contract_parcel": "DKBM",
    "contract": "CBFBM",
    "register": "CBFBM",
    "issuer": "FBFBM",
}
# Which code begins with which other one, and how grave it is where it does not: that a parcel's
# code begins with its issuer's is verified, the others come from secondary sources.
_PREFIXES = {
    "contract_parcel": (
        ("DKBM", "FBFBM", "error"),
        ("CBHTBM", "CBFBM", "warning"),
        ("CBJYQZBM", "CBFBM", "warning"),
    ),
    "contract": (("CBFBM", "FBFBM", "warning"), ("CBHTBM", "CBFBM", "warning")),
    "register": (("CBFBM", "FBFBM", "warning"), ("CBJYQZBM", "CBFBM", "warning")),
}
_VILLAGES_NAMED = 8
_HOMESTEAD = r"5304[0-9]{8}JC[0-9]{5}"


@rule(
    "A04",
    "error",
    "地块代码格式",
    "Form of the parcel code",
    confidence="V",
    on="records",
    layers=("farmland", "contract_parcel"),
    fields=("DKBM",),
)
def parcel_code_form(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：地块代码 DKBM 不是 19 位数字（空值归 A01）。

    为什么：地块代码是地块与合同、登记簿、权证之间唯一的联系；代码错了就挂接不上。

    怎样改：按“县 6 位 + 乡 3 位 + 村 3 位 + 组 2 位 + 顺序号 5 位”改正；若代码曾在 Excel 中变成
    5.30402E+18 或末尾变成 0，须从原始资料重新取得。

    例：DKBM 为 530402001001000001（18 位）。

    依据：GB/T 35958-2018《农村土地承包经营权要素编码规则》；NY/T 2539-2016 DK 表 DKBM 长 19 位。

    What it finds: a parcel code DKBM that is not 19 digits (empty ones are A01's).

    Why it matters: the code is the only tie between a parcel and its contract, register entry and
    certificate; with a wrong one they come apart.

    How to mend it: write county 6 + town 3 + village 3 + group 2 + serial number 5 digits; a code
    that Excel turned into 5.30402E+18, or that ends in zeros since, must be taken from the original
    documents again.

    Example: DKBM is 530402001001000001 (18 digits).

    Source: GB/T 35958-2018 (coding of rural land contracts); NY/T 2539-2016, table DK, field DKBM
    of length 19.
    """
    yield misformed(subject, "DKBM", zh="19 位数字", en="19 digits")


@rule(
    "A05",
    "error",
    "地块代码唯一",
    "Parcel code unique",
    confidence="V",
    on="records",
    layers=("farmland",),
    fields=("DKBM",),
)
def parcel_code_unique(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：两个以上的地块用了同一个地块代码 DKBM；每个地块报告一次（空值归 A01）。

    为什么：同一代码对应几个地块时，合同和权证说不清指的是哪一块地。

    怎样改：核实哪一块地应使用该代码，给其余地块重新编号；若图形也重复（见 T05），删去多余的一个。

    例：第 12 行与第 57 行的 DKBM 都是 5304020010010000001。

    依据：GB/T 35958-2018《农村土地承包经营权要素编码规则》：一地块一代码。

    What it finds: parcels that share one parcel code DKBM; each of them is reported (empty codes
    are A01's).

    Why it matters: when a code stands for several parcels, contract and certificate do not say
    which one they mean.

    How to mend it: find out which parcel the code belongs to and give the others new serial
    numbers; if the outline is there twice as well (see T05), delete one.

    Example: rows 12 and 57 both have DKBM 5304020010010000001.

    Source: GB/T 35958-2018 (coding of rural land contracts): one parcel, one code.
    """
    yield twins(subject, "DKBM")


@rule(
    "A06",
    "error",
    "代码前缀",
    "Beginnings of codes",
    confidence="V",
    on="records",
    layers=tuple(_COUNTY),
)
def code_prefix(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：代码的前 6 位不是玉溪市的县级代码；承包地块信息的 DKBM 不以 FBFBM 开头；合同、登记簿代
    码不以 CBFBM、CBFBM 不以 FBFBM 开头（警告）；给出发包方表时，地块代码前 14 位不在其中。江川、澄
    江的旧代码 530421、530422 视同今 530403、530481，和 2023 年统计用区划代码中没有的村一样，每个图
    层只作一次提示。格式不对的代码归 A04、A07、A08。

    为什么：地块、合同、登记簿和发包方靠代码的前缀互相对应；前缀不符，说明代码录错或挂错了发包方。

    怎样改：对照发包方调查表和合同核实两个代码，改正录错的一个；提示（旧县、旧村代码）不必改：承包期
    内代码不变。

    例：DKBM 为 5304020010010100001，FBFBM 却是 53040200100102。

    依据：GB/T 35958-2018（代码构成，前缀关系为二手资料，只有 DKBM 以 FBFBM 开头已核实）；
    GB/T 2260；2023 年统计用区划代码。

    What it finds: codes whose first 6 digits are no county of Yuxi; in the table of contracted
    parcels a DKBM that does not begin with FBFBM; codes of contracts and of the register that do
    not begin with CBFBM, or CBFBM with FBFBM (warnings); where the table of issuers is given, a
    parcel code whose first 14 digits are not in it. The former codes 530421 and 530422 count as
    530403 and 530481; they, and villages that the statistical codes of 2023 do not have, are
    mentioned once for each layer. Codes of a wrong form are A04's, A07's and A08's.

    Why it matters: parcels, contracts, register and issuers belong together by the beginnings of
    their codes; where these differ, a code was mistyped or given to the wrong issuer.

    How to mend it: compare both codes with the issuer's survey form and the contract, and correct
    the wrong one; former codes of counties and villages need no mending, for codes stay as they are
    for the term of the contract.

    Example: DKBM is 5304020010010100001, but FBFBM is 53040200100102.

    Source: GB/T 35958-2018 (how codes are made up; of the beginnings only DKBM and FBFBM are
    verified, the others from a secondary source); GB/T 2260; statistical codes of 2023.
    """
    name = _COUNTY[subject.spec.id]
    if subject.has(name):
        yield from _of_yuxi(subject, name)
    prefixes = _PREFIXES.get(subject.spec.id, ())
    needed = dict.fromkeys([name, *(field for pair in prefixes for field in pair[:2])])
    yield from (absent(subject.spec.by_name[field]) for field in needed if not subject.has(field))
    for longer, shorter, severity in prefixes:
        if subject.has(longer) and subject.has(shorter):
            yield _begins_with(subject, longer, shorter, severity)
    issuers = subject.others.get("issuer")
    if subject.spec.id == "farmland" and issuers is not None and subject.has("DKBM"):
        if issuers.has("FBFBM"):
            yield _issuer_known(subject, issuers)
        else:
            yield absent(issuers.spec.by_name["FBFBM"])


def _today(codes: pd.Series) -> pd.Series:
    """Codes with the former codes of counties brought to today's."""
    county = codes.str[:6]
    former = county.map(dict(load_codes()["county_former"].successors))
    return codes.where(former.isna(), former + codes.str[6:])


def _of_yuxi(subject: Subject, name: str) -> Iterator[gpd.GeoDataFrame]:
    field = subject.spec.by_name[name]
    lists = load_codes()
    code = subject.text(name)
    code = code.where(well_formed(code, field))
    county = code.str[:6]
    former = county.isin(list(lists["county_former"].zh))
    strange = (code.notna() & ~former & ~county.isin(list(lists["county"].zh))).to_numpy(bool)
    zh, en = subject.noun
    yield subject.at(
        strange,
        words={"found": shown(code[strange], field), "county": county[strange]},
        zh=f"{zh} {{feature}} 的{field.title_zh} {name} 为“{{found}}”，前 6 位 {{county}} "
        "不是玉溪市的县级代码。",
        en=f"{en} {{feature}}: {name} ({field.title_en}) is '{{found}}', but {{county}} is no "
        "county of Yuxi.",
    )
    for old, count in county[former].value_counts().sort_index().items():
        new = lists["county_former"].successors[str(old)]
        yield subject.whole(
            [name],
            severity="info",
            value=count,
            zh=f"{{value:.0f}} 条记录的 {name} 以旧县代码 {old} 开头，今为 {new}（"
            f"{lists['county'].zh[new]}）。",
            en=f"{{value:.0f}} codes {name} begin with the former county code {old}, today {new} "
            f"({lists['county'].label(new, 'en')}).",
        )
    village = region_code(code.mask(former | strange))
    unknown = village[village.notna() & ~village.isin(list(region_names()))]
    if len(unknown):
        names = sorted(unknown.unique())
        more = " …" if len(names) > _VILLAGES_NAMED else ""
        yield subject.whole(
            [name],
            severity="info",
            value=len(unknown),
            words={"villages": ", ".join(names[:_VILLAGES_NAMED]) + more},
            zh=f"{{value:.0f}} 条记录的 {name} 所属的村不在 2023 年统计用区划代码之中："
            "{villages}。",
            en=f"{{value:.0f}} codes {name} are of villages that the statistical codes of 2023 do "
            "not have: {villages}.",
        )


def _begins_with(subject: Subject, longer: str, shorter: str, severity: str) -> gpd.GeoDataFrame:
    fields = subject.spec.by_name
    code, start = subject.text(longer), subject.text(shorter)
    width = fields[shorter].length
    differ = (start.notna() & (_today(code).str[:width] != _today(start))).to_numpy(bool)
    wrong: Mask = differ & well_formed(code, fields[longer])
    zh, en = subject.noun
    return subject.at(
        wrong,
        severity=severity,
        words={
            "code": shown(code[wrong], fields[longer]),
            "start": shown(start[wrong], fields[shorter]),
        },
        zh=f"{zh} {{feature}} 的 {longer}“{{code}}”不以 {shorter}“{{start}}”开头。",
        en=f"{en} {{feature}}: {longer} '{{code}}' does not begin with {shorter} '{{start}}'.",
    )


def _issuer_known(subject: Subject, issuers: Subject) -> gpd.GeoDataFrame:
    code = subject.text("DKBM")
    known = list(_today(issuers.text("FBFBM").dropna()))
    formed = well_formed(code, subject.spec.by_name["DKBM"])
    strange = formed & ~_today(code).str[:14].isin(known).to_numpy(bool)
    return subject.at(
        strange,
        other_layer="issuer",
        words={"issuer": code[strange].str[:14]},
        zh="地块 {feature} 的发包方 {issuer}（地块代码前 14 位）不在发包方表中。",
        en="Parcel {feature}: its issuer {issuer} (the first 14 digits of its code) is not in the "
        "table of issuers.",
    )


@rule(
    "A09",
    "error",
    "宗地代码",
    "Form of the cadastral parcel code",
    confidence="V",
    on="records",
    layers=("homestead", "cadastral_parcel"),
    fields=("ZDDM",),
)
def homestead_code_form(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：宗地代码 ZDDM 不是“县 6 位 + 地籍区 3 位 + 地籍子区 3 位 + 特征码 2 位 + 顺序号 5 位”；
    宅基地的代码不以 5304 开头，或特征码不是 JC（空值归 A01，重复归 A03）。

    为什么：宗地代码是不动产单元号的前 19 位，错了就不能登记发证。

    怎样改：对照地籍调查表改正；特征码用大写字母，宅基地为 JC（集体土地上的宅基地使用权）。

    例：宅基地的 ZDDM 为 530402001001GB00001，特征码 GB 是国有建设用地。

    依据：GB/T 37346-2019《不动产单元设定与代码编制规则》；项目图层目录的格式。

    What it finds: a code ZDDM that is not county 6 + cadastral district 3 + subdistrict 3 digits,
    mark of 2 letters, serial number 5 digits; a homestead's that does not begin with 5304 or whose
    mark is not JC (empty codes are A01's, twins A03's).

    Why it matters: it is the first 19 characters of the real estate unit code: with a wrong one
    the parcel cannot be registered.

    How to mend it: correct it from the cadastral survey form; marks are capital letters, a
    homestead's is JC (use of a homestead on collective land).

    Example: a homestead's ZDDM is 530402001001GB00001, where GB is state construction land.

    Source: GB/T 37346-2019 (real estate units and their codes).
    """
    yield misformed(
        subject,
        "ZDDM",
        zh="12 位数字、两位特征码（大写字母）和 5 位数字，如 530402001001JC00001",
        en="12 digits, two capital letters and 5 digits, like 530402001001JC00001",
    )
    if subject.spec.id == "homestead":
        field, text = subject.spec.by_name["ZDDM"], subject.text("ZDDM")
        of_homestead = text.str.fullmatch(_HOMESTEAD).fillna(False).to_numpy(bool)
        wrong = well_formed(text, field) & ~of_homestead
        yield subject.at(
            wrong,
            words={"found": shown(text[wrong], field)},
            zh="地块 {feature} 的宗地代码 ZDDM 为“{found}”，宅基地应以 5304 开头，特征码为 JC。",
            en="Parcel {feature}: ZDDM (Cadastral parcel code) is '{found}'; a homestead's in Yuxi "
            "begins with 5304 and has the mark JC.",
        )


@rule(
    "A10",
    "error",
    "不动产单元代码",
    "Real estate unit code",
    confidence="V",
    on="records",
    layers=("homestead", "cadastral_parcel"),
    fields=("BDCDYH",),
)
def unit_code_form(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：不动产单元号 BDCDYH 不是 28 位的规定格式，或前 19 位与宗地代码 ZDDM 不同（未填的不查；
    ZDDM 本身的格式归 A09）。

    为什么：不动产单元号是登记簿上唯一的编号；与宗地代码不符，说明单元挂到了别的宗地。

    怎样改：按“宗地代码 19 位 + 定着物特征码 1 位（F、L、Q、W）+ 单元号 8 位”改正；没有定着物的为
    W00000000；登记簿上分段印出的空格不录入。

    例：BDCDYH 为 530402001001JC00002F00010001，ZDDM 却是 530402001001JC00001。

    依据：GB/T 37346-2019《不动产单元设定与代码编制规则》。

    What it finds: a code BDCDYH that has not the form of 28 characters, or whose first 19 differ
    from ZDDM (empty ones are not judged; the form of ZDDM itself is A09's).

    Why it matters: it is the only number in the register; where it differs from the parcel's code,
    the unit hangs on another parcel.

    How to mend it: write the parcel code of 19 characters, the mark of the fixture (F, L, Q, W) and
    8 digits; W00000000 where there is no fixture; the blanks with which it is printed are left out.

    Example: BDCDYH is 530402001001JC00002F00010001, but ZDDM is 530402001001JC00001.

    Source: GB/T 37346-2019 (real estate units and their codes).
    """
    yield misformed(
        subject,
        "BDCDYH",
        zh="宗地代码 19 位、F、L、Q 或 W 和 8 位数字（共 28 位）",
        en="the parcel code of 19 characters, F, L, Q or W and 8 digits (28 in all)",
    )
    if not subject.has("ZDDM"):
        yield absent(subject.spec.by_name["ZDDM"])
        return
    fields = subject.spec.by_name
    unit, parcel = subject.text("BDCDYH"), subject.text("ZDDM")
    differ = (parcel.notna() & (unit.str[:19] != parcel)).to_numpy(bool)
    wrong = differ & well_formed(unit, fields["BDCDYH"])
    yield subject.at(
        wrong,
        words={
            "unit": shown(unit[wrong], fields["BDCDYH"]),
            "parcel": shown(parcel[wrong], fields["ZDDM"]),
        },
        zh="地块 {feature} 的不动产单元号“{unit}”的前 19 位与宗地代码“{parcel}”不同。",
        en="Parcel {feature}: the first 19 characters of BDCDYH '{unit}' are not its ZDDM "
        "'{parcel}'.",
    )
