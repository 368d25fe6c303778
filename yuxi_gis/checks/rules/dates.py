"""Rules on dates."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import FieldSpec
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent, first_rows, shown
from yuxi_gis.checks.subject import Subject, severity_of

__all__ = ["dates_sound"]

#: When something begins and when it ends. Every other date is of what has happened.
_TERMS = {"CBQXQ": "CBQXZ", "LZQXKSRQ": "LZQXJSRQ", "BHKSSJ": "BHJSSJ"}
_OFFICIAL = r"^([0-9]{4})([0-9]{2})([0-9]{2})$"
_OTHER = r"^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?:[ T][0-9:.+-]+Z?)?$"
#: Databases write 1899-12-30 for no date at all.
_FIRST_YEAR = 1900


@rule("A12", "error", "日期", "Dates", confidence="V", on="records")
def dates_sound(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：日期字段不是存在的日期，或在 1900 年以前；调查、签订、登记、发证等已发生之事的日期晚于
    今天；承包、流转或保护的期限终止日期不晚于开始日期。日期存在但不写作 YYYYMMDD（如 2016-03-01、
    2016年3月1日）的，每个字段只作一次警告；日期型字段不论写法（空值归 A01）。期限的止日可以很远。

    为什么：日期决定合同是否在有效期内；不存在的日期在导入数据库时会丢失或变成别的日期。

    怎样改：对照合同、登记簿或调查表改正，写作 8 位数字 YYYYMMDD。

    例：QDSJ 为 20170231；CBQXQ 为 20281231，CBQXZ 却是 19990101。

    依据：NY/T 2539-2016 各表的日期字段为 YYYYMMDD；未核实的字段只作警告。

    What it finds: a date that does not exist, or before 1900; a date of what has happened (survey,
    signing, registration, issue) that lies in the future; the term of a contract, a transfer or of
    protection that does not end after it begins. Dates that exist but are not written YYYYMMDD
    (like 2016-03-01) are a warning, once for the field; a field of true dates has no spelling
    (empty values are A01's). Terms may end in the far future.

    Why it matters: dates decide whether a contract holds; one that does not exist is lost, or
    becomes another one, in a database.

    How to mend it: correct the date from the contract, the register or the survey form, and write
    it as 8 digits YYYYMMDD.

    Example: QDSJ is 20170231; CBQXQ is 20281231, but CBQXZ is 19990101.

    Source: NY/T 2539-2016, where dates are YYYYMMDD; a warning for fields that are not verified.
    """
    known: dict[str, pd.Series] = {}
    for field in subject.spec.fields:
        if field.type != "Date":
            continue
        if not subject.has(field.name):
            yield absent(field)
            continue
        date, official = _read(subject, field.name)
        known[field.name] = date
        yield _not_a_date(subject, field, date)
        yield from _spelt_otherwise(subject, field, date, official)
        if field.name not in {*_TERMS, *_TERMS.values()}:
            yield _in_future(subject, field, date)
    for begin, end in _TERMS.items():
        if begin in known and end in known:
            yield _term(subject, begin, end, known[begin], known[end])


def _read(subject: Subject, name: str) -> tuple[pd.Series, np.ndarray]:
    """The dates of a field, and where they are written as the standard has it."""
    column, text = subject.column(name), subject.text(name)
    row_value, values = pd.factorize(text)  # a table has few dates
    value = pd.Series(values, dtype="str")
    parts = value.str.extract(_OFFICIAL)
    official = parts[0].notna().to_numpy(bool)
    parts = parts.fillna(value.str.extract(_OTHER))
    parts.columns = pd.Index(["year", "month", "day"])
    date = pd.to_datetime(parts.astype("Float64"), errors="coerce")
    date = date.where(date.dt.year >= _FIRST_YEAR)
    # True dates, and numbers, have no spelling.
    spelt = pd.api.types.infer_dtype(column, skipna=True) == "string"
    found = pd.Series(date.array.take(row_value, allow_fill=True))
    return found, np.append(official | (not spelt), True)[row_value]


def _not_a_date(subject: Subject, field: FieldSpec, date: pd.Series) -> gpd.GeoDataFrame:
    text = subject.text(field.name)
    wrong = (text.notna() & date.isna()).to_numpy(bool)
    zh, en = subject.noun
    return subject.at(
        wrong,
        severity=severity_of(field.confidence),
        words={"found": shown(text[wrong], field)},
        zh=f"{zh} {{feature}} 的{field.title_zh} {field.name}“{{found}}”不是有效的日期。",
        en=f"{en} {{feature}}: {field.name} ({field.title_en}) '{{found}}' is no valid date.",
    )


def _spelt_otherwise(
    subject: Subject, field: FieldSpec, date: pd.Series, official: np.ndarray
) -> Iterator[gpd.GeoDataFrame]:
    other = date.notna().to_numpy(bool) & ~official
    if other.any():
        yield subject.whole(
            [field.name],
            severity="warning",
            value=int(other.sum()),
            words={
                "rows": first_rows(subject, other),
                "found": shown(subject.text(field.name)[other][:1], field),
            },
            zh=f"{{value:.0f}} 条记录的{field.title_zh} {field.name} 没有写作 YYYYMMDD，"
            "如“{found}”：第 {rows} 行。",
            en=f"{{value:.0f}} records have a {field.name} ({field.title_en}) that is not written "
            "YYYYMMDD, like '{found}': rows {rows}.",
        )


def _in_future(subject: Subject, field: FieldSpec, date: pd.Series) -> gpd.GeoDataFrame:
    late = (date > pd.Timestamp(datetime.date.today())).to_numpy(bool)
    zh, en = subject.noun
    return subject.at(
        late,
        severity=severity_of(field.confidence),
        words={"found": date[late].dt.strftime("%Y-%m-%d")},
        zh=f"{zh} {{feature}} 的{field.title_zh} {field.name} 为 {{found}}，晚于今天。",
        en=f"{en} {{feature}}: {field.name} ({field.title_en}) is {{found}}, which is in the "
        "future.",
    )


def _term(
    subject: Subject, begin: str, end: str, first: pd.Series, last: pd.Series
) -> gpd.GeoDataFrame:
    wrong = (last <= first).to_numpy(bool)
    zh, en = subject.noun
    fields = subject.spec.by_name
    return subject.at(
        wrong,
        severity=severity_of(fields[end].confidence),
        words={
            "first": first[wrong].dt.strftime("%Y-%m-%d"),
            "last": last[wrong].dt.strftime("%Y-%m-%d"),
        },
        zh=f"{zh} {{feature}} 的{fields[end].title_zh} {end}（{{last}}）不晚于"
        f"{fields[begin].title_zh} {begin}（{{first}}）。",
        en=f"{en} {{feature}}: {end} ({fields[end].title_en}) {{last}} is not after {begin} "
        f"({fields[begin].title_en}) {{first}}.",
    )
