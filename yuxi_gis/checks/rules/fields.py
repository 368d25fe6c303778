"""What the rules on values share: fields that are not there, values in messages, form, twins."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import CodeList, FieldSpec
from yuxi_gis.checks.registry import NotRun
from yuxi_gis.checks.subject import Mask, Subject, severity_of
from yuxi_gis.findings import printable

__all__ = [
    "absent",
    "first_rows",
    "from_older_edition",
    "listed",
    "misformed",
    "shown",
    "twins",
    "well_formed",
]

_CODES_NAMED = 12
_ROWS_NAMED = 8
#: What a spreadsheet made of a long number.
_CUT = r"[0-9][0-9.]*[Ee]\+[0-9]+"


def absent(field: FieldSpec) -> NotRun:
    """The rule cannot judge a field that is not there."""
    return NotRun(
        "", "", f"缺少字段 {field.name}（{field.title_zh}）", f"field {field.name} is missing"
    )


def from_older_edition(subject: Subject) -> NotRun:
    """The rule is of the standard of today, the layer of an older one."""
    edition = subject.edition
    assert edition is not None
    return NotRun(
        "",
        "",
        f"图层按旧标准（{edition.title_zh}），此规则只用于现行标准",
        f"the layer follows an older standard ({edition.title_en}); the rule is for today's",
    )


def shown(text: pd.Series, field: FieldSpec) -> np.ndarray:
    """Values for a message: printable, and hidden where they are personal data."""
    if field.personal:
        return np.full(len(text), "***", dtype=object)
    return np.array(list(map(printable, text)), dtype=object)


def listed(codes: CodeList, lang: str) -> str:
    """The codes of a list with their labels, for a template."""
    named = [f"{code} {codes.label(code, lang)}" for code in list(codes.zh)[:_CODES_NAMED]]
    rest = len(codes.zh) - len(named)
    if rest:
        named.append(f"等 {len(codes.zh)} 个代码" if lang == "zh" else f"and {rest} more")
    return ("、" if lang == "zh" else ", ").join(named).replace("{", "{{").replace("}", "}}")


def first_rows(subject: Subject, which: Mask) -> str:
    """The numbers of the first rows of `which`, for a message: ``1, 3 …``."""
    rows = subject.row[which]
    return ", ".join(map(str, rows[:_ROWS_NAMED])) + (" …" if len(rows) > _ROWS_NAMED else "")


def well_formed(text: pd.Series, field: FieldSpec) -> Mask:
    """Whether the values `text` of a field have the form that the catalogue demands."""
    # ASCII: a full-width digit is a digit to Python, but not to a database.
    form = re.compile(field.pattern or ".*", re.ASCII)
    return text.str.fullmatch(form).fillna(False).to_numpy(bool)


def misformed(subject: Subject, name: str, *, zh: str, en: str) -> gpd.GeoDataFrame:
    """Findings on values that have not the form of the catalogue; `zh` and `en` name that form."""
    field = subject.spec.by_name[name]
    text = subject.text(name)
    wrong = text.notna().to_numpy() & ~well_formed(text, field)
    noun_zh, noun_en = subject.noun
    return subject.at(
        wrong,
        value=text[wrong].str.len(),
        limit=np.nan if field.length is None else field.length,
        severity=severity_of(field.confidence),
        words={"found": shown(text[wrong], field)},
        zh=f"{noun_zh} {{feature}} 的{field.title_zh} {name} 为“{{found}}”（{{value:.0f}} 位），"
        f"应为 {zh}。",
        en=f"{noun_en} {{feature}}: {name} ({field.title_en}) is '{{found}}' ({{value:.0f}} "
        f"characters), not {en}.",
    )


def twins(subject: Subject, name: str) -> gpd.GeoDataFrame:
    """Findings on values that several records share, each with the rows of all of them."""
    field = subject.spec.by_name[name]
    text = subject.text(name)
    # What a spreadsheet has cut was another code in each row: it is misformed, no twin.
    cut = text.str.fullmatch(_CUT).fillna(False).astype(bool)
    shared = (text.notna() & text.duplicated(keep=False) & ~cut).to_numpy()
    twin = text[shared]
    first = twin.groupby(twin).cumcount() < _ROWS_NAMED
    rows = pd.Series(subject.row[shared].astype(str), index=twin.index)
    size = twin.map(twin.value_counts())
    named = twin.map(rows[first].groupby(twin[first]).agg(", ".join))
    noun_zh, noun_en = subject.noun
    return subject.at(
        shared,
        value=size,
        limit=1,
        severity=severity_of(field.confidence),
        words={"found": shown(twin, field), "rows": named + np.where(size > _ROWS_NAMED, " …", "")},
        zh=f"{noun_zh} {{feature}} 的{field.title_zh} {name}“{{found}}”共有 {{value:.0f}} 个"
        f"{noun_zh}使用：第 {{rows}} 行。",
        en=f"{noun_en} {{feature}}: {name} ({field.title_en}) '{{found}}' is used by "
        f"{{value:.0f}} {noun_en.lower()}s: rows {{rows}}.",
    )
