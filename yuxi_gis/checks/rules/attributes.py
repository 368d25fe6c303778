"""Rules on the attributes of any layer: filled in, from the code list, unique, clean text."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import FieldSpec
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent, first_rows, listed, shown, twins
from yuxi_gis.checks.subject import Mask, Subject, severity_of
from yuxi_gis.codes import as_text

__all__ = ["codes_listed", "identifiers_unique", "mandatory_filled", "text_clean"]

# Land classes are A13's.
_JUDGED_APART = frozenset({"DLBM"})
# The codes of parcels and contractors are A05's and A07's.
_UNIQUE_APART = frozenset({"DKBM", "CBFBM"})
# Question marks in a row, control characters, the private use area, the replacement character.
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_ODD = r"\?\?|[\x00-\x1f\x7f-\x9f" + f"\ufffd{_PRIVATE}]"
# Full-width digits, letters, hyphen and blank.
_ODD_IN_CODES = _ODD + "|[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff0d\u3000]"


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
    查什么：有代码表的字段取了代码表以外的值（空值归 A01，地类编码 DLBM 归 A13）。

    为什么：代码表以外的值无法解释，统计时会漏掉或算错。

    怎样改：对照代码表改为正确的代码；注意前导零，例如 01 不是 1。

    例：DKLB（地块类别）为 15，而代码表只有 10、21、22、23、24。

    依据：图层目录中各代码表所引的标准，旧版标准的图层按当时的代码表；代码表未核实时，以及实际数据中
    常见的代码（如地块类别 99、地力等级 1、是否基本农田 0），只作警告。

    What it finds: a value that is not in the field's code list (empty values are A01's, land
    classes DLBM are A13's).

    Why it matters: nobody can read such a value, and totals leave it out or count it wrongly.

    How to mend it: replace it by the right code of the list; mind leading zeros, 01 is not 1.

    Example: DKLB (parcel category) is 15, but the list has only 10, 21, 22, 23 and 24.

    Source: the standard that each code list of the layer catalogue names, in a layer of an older
    edition the list of that time; a warning where the list is not verified, and for codes that
    real data are known to use (parcel category 99, fertility grade 1, basic farmland 0).
    """
    zh, en = subject.noun
    for field in subject.spec.fields:
        codes = subject.codes(field)
        if codes is None or field.name in _JUDGED_APART:
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
            words={"found": shown(text[wrong], field)},
            zh=f"{zh} {{feature}} 的 {field.name}（{field.title_zh}）为“{{found}}”，"
            f"不在代码表之中：{listed(codes, 'zh')}。",
            en=f"{en} {{feature}}: {field.name} ({field.title_en}) is '{{found}}', which is not "
            f"in its code list: {listed(codes, 'en')}.",
        )


@rule("A03", "error", "标识码唯一", "Identifiers unique", confidence="V", on="records")
def identifiers_unique(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：标识码 BSM 和其他在图层内必须唯一的代码（如宗地代码、合同代码、永久基本农田图斑编号）有
    重复；每条记录报告一次。所有记录都是同一个值时只报告一次。地块代码归 A05，承包方代码归 A07，空值
    归 A01。

    为什么：代码重复时，图形与属性表、各次成果之间无法一一对应。

    怎样改：核实应使用该代码的记录，给其余记录重新编号；整条记录重复的，删去多余的一条。

    例：第 3 行与第 9 行的 BSM 都是 17；全部 500 条记录的 BSM 都是 0，即从未编号。

    依据：图层目录所引的标准；国土调查数据库质量检查软件也作此检查。未核实的字段只作警告。

    What it finds: identifiers (BSM) and other codes that must be unique in the layer (of cadastral
    parcels, contracts, protected patches) that occur more than once; each record is reported, but
    only once for the layer where all records have one and the same value. Parcel codes are A05's,
    contractor codes A07's, empty ones A01's.

    Why it matters: outlines, tables and one delivery after the other can no longer be matched.

    How to mend it: find out which record the code belongs to and give the others new ones; where a
    whole record is there twice, delete one.

    Example: rows 3 and 9 both have BSM 17; all 500 records have BSM 0: they were never numbered.

    Source: the standard that the layer catalogue names; production inspection software checks it,
    too. A warning for fields that are not verified.
    """
    for field in subject.spec.fields:
        if not field.unique or field.name in _UNIQUE_APART:
            continue
        if not subject.has(field.name):
            yield absent(field)
            continue
        text = subject.text(field.name)
        if len(text) > 2 and text.notna().all() and text.nunique() == 1:
            yield subject.whole(
                [field.name],
                severity=severity_of(field.confidence),
                value=len(text),
                limit=1,
                words={"found": shown(text[:1], field)},
                zh=f"全部 {{value:.0f}} 条记录的{field.title_zh} {field.name} 都是“{{found}}”。",
                en=f"All {{value:.0f}} records have the same {field.name} ({field.title_en}): "
                "'{found}'.",
            )
        else:
            yield twins(subject, field.name)


@rule("A21", "warning", "异常字符", "Characters that do not belong", confidence="V", on="records")
def text_clean(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：文字中有控制字符、连续的问号（??）、替换字符 U+FFFD 或私用区字符；没有代码表和格式要求
    的代码字段中有全角字符。代码字段前后有空格的，每个字段报告一次。全角的值不符合代码表或格式时归
    A02、A04、A07 至 A10。

    为什么：这些字符多由编码转换出错而来，原来的文字已经丢失；代码中的空格和全角字符使图属挂接失败。

    怎样改：从原始资料重新取得该文字；代码改为半角，去掉前后空格和控制字符。

    例：DKMC 为“大??田”；BSM 为“１７”；1200 条记录的 DKBM 后面有空格。

    依据：国土调查数据库质量检查软件的异常字符检查。

    What it finds: text with control characters, question marks in a row (??), the replacement
    character U+FFFD or characters of the private use area; full-width characters in a code field
    that has no code list nor form. Blanks around codes are reported once for each field. Where
    a full-width value breaks a code list or form, it is found by A02, A04 or A07 to A10.

    Why it matters: most come from a wrong conversion of the encoding, and the text is lost; for a
    code with blanks or full-width characters no match is found in other tables.

    How to mend it: take the text from the original source again; write codes in half-width
    characters, without blanks around them or control characters.

    Example: DKMC is '大??田'; BSM is '１７'; 1200 records have a blank after DKBM.

    Source: production inspection software for land surveys checks for such characters.
    """
    zh, en = subject.noun
    for field in subject.spec.fields:
        if field.type == "Varbin" or not subject.has(field.name):
            continue
        column = subject.column(field.name)
        if not (column.dtype == object or isinstance(column.dtype, pd.StringDtype)):
            continue
        raw = as_text(column)
        text = raw.str.strip()
        full = _is_code(field) and field.codes is None and field.pattern is None
        odd = text.str.contains(_ODD_IN_CODES if full else _ODD).fillna(False).to_numpy(bool)
        yield subject.at(
            odd,
            words={"found": shown(text[odd], field)},
            zh=f"{zh} {{feature}} 的 {field.name}（{field.title_zh}）含异常字符：“{{found}}”。",
            en=f"{en} {{feature}}: {field.name} ({field.title_en}) holds characters that do not "
            "belong there: '{found}'.",
        )
        if _is_code(field):
            yield from _blanks_around(subject, field, raw, text)


def _is_code(field: FieldSpec) -> bool:
    """Whether a field holds codes, which other tables and programs compare letter by letter."""
    told = field.codes or field.pattern or field.unique or field.references
    return bool(told) or field.name.endswith(("DM", "BM", "BH"))


def _blanks_around(
    subject: Subject, field: FieldSpec, raw: pd.Series, text: pd.Series
) -> Iterator[gpd.GeoDataFrame]:
    padded: Mask = ((text.str.len() > 0) & (raw.str.len() > text.str.len())).to_numpy(bool)
    if padded.any():
        yield subject.whole(
            [field.name],
            value=int(padded.sum()),
            words={"rows": first_rows(subject, padded)},
            zh=f"{{value:.0f}} 条记录的{field.title_zh} {field.name} 前后有空格：第 {{rows}} 行。",
            en=f"{{value:.0f}} records have blanks around {field.name} ({field.title_en}): rows "
            "{rows}.",
        )
