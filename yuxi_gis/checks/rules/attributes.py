"""Rules on the attributes of parcels: filled in, from the code list, well-formed, unique."""

from __future__ import annotations

import re
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import CodeList, FieldSpec
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.subject import Subject, severity_of
from yuxi_gis.findings import printable

__all__ = ["codes_listed", "mandatory_filled", "parcel_code_form", "parcel_code_unique"]

_CODES_NAMED = 12


@rule("A01", "error", "必填", "Mandatory fields filled", confidence="V", on="records")
def mandatory_filled(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：必填字段为空、只有空格（含全角空格），或写着 NULL、无。

    为什么：必填字段为空的记录不能入库，也无法用于统计和发证。

    怎样改：按外业调查表或原始资料补填该字段。

    例：地块 5304020010010000001 的 DKMC（地块名称）为空。

    依据：图层目录所引的标准的必填标记（M）；未核实时只作警告。

    What it finds: a mandatory field that is empty, holds only blanks (full-width ones too), or says
    NULL or 无.

    Why it matters: such a record cannot be delivered, counted or certified.

    How to mend it: fill in the field from the survey form or the original documents.

    Example: parcel 5304020010010000001 has no DKMC (parcel name).

    Source: the mandatory marks (M) of the standard that the layer catalogue names; a warning where
    they are not verified.
    """
    zh, en = subject.noun
    for name in subject.spec.mandatory:
        field = subject.spec.by_name[name]
        if not subject.has(name):
            yield absent(field)
            continue
        yield subject.at(
            subject.text(name).isna().to_numpy(),
            severity=severity_of(field.confidence),
            zh=f"{zh} {{feature}} 的必填字段 {name}（{field.title_zh}）为空。",
            en=f"{en} {{feature}}: mandatory field {name} ({field.title_en}) is empty.",
        )


@rule("A02", "error", "值域", "Values from the code list", confidence="V", on="records")
def codes_listed(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：有代码表的字段取了代码表以外的值（空值归 A01）。

    为什么：代码表以外的值无法解释，统计时会漏掉或算错。

    怎样改：对照代码表改为正确的代码；注意前导零，例如 01 不是 1。

    例：DKLB（地块类别）为 15，而代码表只有 10、21、22、23、24。

    依据：图层目录中各代码表所引的标准，旧版标准的图层按当时的代码表；代码表未核实时，以及实际数据中
    常见的代码（如地块类别 99），只作警告。

    What it finds: a value that is not in the field's code list (empty values are A01's).

    Why it matters: nobody can read such a value, and totals leave it out or count it wrongly.

    How to mend it: replace it by the right code of the list; mind leading zeros, 01 is not 1.

    Example: DKLB (parcel category) is 15, but the list has only 10, 21, 22, 23 and 24.

    Source: the standard that each code list of the layer catalogue names, in a layer of an older
    edition the list of that time; a warning where the list is not verified, and for codes that
    real data are known to use (parcel category 99).
    """
    zh, en = subject.noun
    for field in subject.spec.fields:
        codes = subject.codes(field)
        if codes is None:
            continue
        if not subject.has(field.name):
            yield absent(field)
            continue
        text = subject.text(field.name)
        wrong = (text.notna() & ~text.isin(list(codes.zh))).to_numpy()
        tolerated = text[wrong].isin(list(codes.tolerated))
        yield subject.at(
            wrong,
            severity=np.where(tolerated, "warning", severity_of(codes.confidence)),
            words={"found": _shown(text[wrong], field)},
            zh=f"{zh} {{feature}} 的 {field.name}（{field.title_zh}）为“{{found}}”，"
            f"不在代码表之中：{_listed(codes, 'zh')}。",
            en=f"{en} {{feature}}: {field.name} ({field.title_en}) is '{{found}}', which is not "
            f"in its code list: {_listed(codes, 'en')}.",
        )


@rule(
    "A04",
    "error",
    "地块代码格式",
    "Form of the parcel code",
    confidence="V",
    on="records",
    layers=("farmland",),
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
    field = subject.spec.by_name["DKBM"]
    text = subject.text("DKBM")
    # ASCII: a full-width digit is a digit to Python, but not to a database.
    form = re.compile(field.pattern or r"\d{19}", re.ASCII)
    wrong = (text.notna() & ~text.str.fullmatch(form, na=False)).to_numpy()
    yield subject.at(
        wrong,
        value=text[wrong].str.len(),
        limit=field.length or 19,
        words={"found": _shown(text[wrong], field)},
        zh="地块 {feature} 的地块代码 DKBM 为“{found}”（{value:.0f} 位），"
        "应为 {limit:.0f} 位数字。",
        en="Parcel {feature}: its code DKBM is '{found}' ({value:.0f} characters), not {limit:.0f} "
        "digits.",
    )


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
    text = subject.text("DKBM")
    # What a spreadsheet has cut to 5.30402E+18 was another code in each row, and is A04's.
    cut = text.str.fullmatch(r"[0-9][0-9.]*[Ee]\+[0-9]+").fillna(False).astype(bool)
    shared = (text.notna() & text.duplicated(keep=False) & ~cut).to_numpy()
    group = text[shared].groupby(text[shared])
    rows = pd.Series(subject.row[shared].astype(str), index=text.index[shared])
    yield subject.at(
        shared,
        value=group.transform("size"),
        limit=1,
        words={
            "found": _shown(text[shared], subject.spec.by_name["DKBM"]),
            "rows": rows.groupby(text[shared]).transform(_rows),
        },
        zh="地块 {feature} 的地块代码 DKBM“{found}”共有 {value:.0f} 个地块使用：第 {rows} 行。",
        en="Parcel {feature}: its code DKBM '{found}' is used by {value:.0f} parcels: rows {rows}.",
    )


def absent(field: FieldSpec) -> NotRun:
    """The rule cannot judge a field that is not there."""
    return NotRun(
        "", "", f"缺少字段 {field.name}（{field.title_zh}）", f"field {field.name} is missing"
    )


def _shown(text: pd.Series, field: FieldSpec) -> np.ndarray:
    """Values for a message: printable, and hidden where they are personal data."""
    if field.personal:
        return np.full(len(text), "***", dtype=object)
    return np.array(list(map(printable, text)), dtype=object)


def _listed(codes: CodeList, lang: str) -> str:
    named = [f"{code} {codes.label(code, lang)}" for code in list(codes.zh)[:_CODES_NAMED]]
    rest = len(codes.zh) - len(named)
    if rest:
        named.append(f"等 {len(codes.zh)} 个代码" if lang == "zh" else f"and {rest} more")
    # The text goes into a template.
    return ("、" if lang == "zh" else ", ").join(named).replace("{", "{{").replace("}", "}}")


def _rows(rows: pd.Series) -> str:
    return ", ".join(rows[:8]) + (" …" if len(rows) > 8 else "")
