"""Which columns of a table hold personal data, and the table with them masked.

Told by the catalogue (`FieldSpec.personal`), else by the column's title, else by its values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import FieldSpec, LayerSpec, load_catalog
from yuxi_gis.checks import CheckResult
from yuxi_gis.codes import (
    Masking,
    as_text,
    is_identity_number,
    is_mobile_number,
    mask,
    mask_codes,
    mask_text,
    suspects,
)
from yuxi_gis.specs import folded

__all__ = ["kind_by_title", "mask_findings", "mask_result", "mask_table"]

#: What a title says of the values. Chinese words count anywhere in it, field names as a whole.
_TITLES = (
    (
        "id",
        re.compile(r"身份证|证件号|公民身份|[账帐][号户]|卡号|开户"),
        re.compile(r"SFZ|SFZH|SFZHM|\w*ZJHM|YHZH|YHKH|KHH|KHYH"),
    ),
    (
        "phone",
        re.compile(r"电话|手机|联系方式"),
        re.compile(r"\w*LXDH|\w*LXFS|\w*SJHM|\w*YDDH|DHHM|SJH"),
    ),
    (
        "name",
        re.compile(
            r"姓名|户主|户名|权利人|联系人|承包人|承包方(?!式|案|法)|产权人|使用权人|所有权人|"
            r"负责人|责任人|家庭成员|住址|家庭地址|居住地址"
        ),
        re.compile(r"XM|\w*(HZ|CY|R|CBF|DB)XM|\w*QLR(MC)?|CBF|CBFDB|CQR|SYQR|FZR|ZRR"),
    ),
    ("neighbour", re.compile(r"[东西南北]至|四至"), re.compile(r"DK[DXNB]Z|ZDSZ[DXNB]")),
)
#: Titles about a person that name no person: 与户主关系, 证件类型, 权利人性质 …
_NO_PERSON = re.compile(
    "关系|性别|性质|类型|种类|年龄|人数|民族|日期|面积|代码|编码|(?<!身份证)编号|单位|数量|个数|总数|员数|记事"
)
_LOOKED_AT = 10_000  # values of a column, evenly spread, that tell what it holds
_FLOAT_BORN = r"^[0-9]{6}19"


@dataclass(frozen=True)
class _Column:
    """What is known of a column; `official` where the catalogue knows it."""

    kind: str | None
    pattern: str | None = None
    official: bool = False


def mask_table(
    frame: pd.DataFrame, masking: Masking, spec: LayerSpec | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table with its personal data masked.

    A column is masked as a whole where the catalogue, its title, or most of its values say that it
    holds personal data; in all other text, identity numbers and telephones are masked
    (`yuxi_gis.codes.mask_codes`). What bounds a parcel (四至) is masked as a name, unless it is a
    road, a ditch or the like. Official codes, official numbers and geometry stay as they are.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
        Not changed.
    masking : Masking
    spec : LayerSpec, optional
        The official layer that it is.

    Returns
    -------
    frame : DataFrame or GeoDataFrame
        Masked columns are `str`; `frame` itself where there was nothing to mask.
    masked : tuple of str
        The columns in which a value changed.
    """
    out, changed = frame, []
    geometry = frame.active_geometry_name if isinstance(frame, gpd.GeoDataFrame) else None
    for place, name in enumerate(frame.columns):
        if name == geometry:
            continue
        column = _masked(frame.iloc[:, place], masking, _known(str(name), spec))
        if column is not None:
            out = frame.copy(deep=False) if out is frame else out
            out.isetitem(place, column.array)
            changed.append(str(name))
    return out, tuple(changed)


def mask_findings(findings: gpd.GeoDataFrame, masking: Masking) -> gpd.GeoDataFrame:
    """Findings, patches or changed parcels without personal data in their texts.

    Parcels are called by their codes: what looks like an identity number and stays in the columns
    `feature` and `other_feature` as a code stays in the messages and remarks, too.
    """
    texts = [str(n) for n in findings.columns if _is_text(findings[n].dtype)]
    out, codes = findings, frozenset[str]()
    running = {name for name in texts if name == "remark" or name.startswith("message_")}
    for name in sorted(texts, key=running.__contains__):
        before = as_text(findings[name])
        if name in running:
            after = mask_text(before, masking, keep=codes)
        else:
            after = mask_codes(before, masking)
            codes |= frozenset(after[(after.str.len() == 18).to_numpy(bool, na_value=False)])
        if _differs(before, after):
            out = findings.copy(deep=False) if out is findings else out
            out[name] = after
    return out


def mask_result(result: CheckResult, masking: Masking) -> CheckResult:
    """A result of the checks with `mask_findings`, also in the clerk's remarks and in what is
    mended."""
    findings = mask_findings(result.findings.assign(remark=result.about["remark"]), masking)
    remark = findings["remark"]
    return replace(
        result,
        findings=findings.drop(columns="remark"),
        about=result.about.assign(remark=remark),
        mended=mask_findings(result.mended, masking),
    )


def kind_by_title(title: str) -> str | None:
    """The kind of personal data that a column's title or name says: see `yuxi_gis.codes.mask`.

    Examples
    --------
    >>> kind_by_title("户主身份证号码"), kind_by_title("与户主关系"), kind_by_title("LXDH")
    ('id', None, 'phone')
    """
    title = title.strip()
    if _NO_PERSON.search(title):
        return None
    found = (
        kind
        for kind, words, names in _TITLES
        if words.search(title) or names.fullmatch(title.upper())
    )
    return next(found, None)


def _known(name: str, spec: LayerSpec | None) -> _Column:
    field = None
    if spec is not None:
        field = spec.by_name.get(name) or spec.by_name.get(spec.official_name(name) or "")
    if field is None:
        return _Column(_personal_anywhere().get(folded(name)) or kind_by_title(name))
    kind = field.personal or (kind_by_title(field.title_zh) if _is_free_text(field) else None)
    return _Column(kind, field.pattern, official=True)


@cache
def _personal_anywhere() -> Mapping[str, str]:
    """The names and aliases of personal fields in the whole catalogue: clerks mix tables."""
    return {
        word: field.personal
        for spec in load_catalog().values()
        for word, name in spec.words.items()
        if (field := spec.by_name[name]).personal
    }


def _is_free_text(field: FieldSpec) -> bool:
    return field.type in ("Char", "Varchar") and field.codes is None and field.pattern is None


def _masked(values: pd.Series, masking: Masking, known: _Column) -> pd.Series | None:
    """`values` masked; None where nothing in them is to be masked."""
    kind, numeric = known.kind, pd.api.types.is_numeric_dtype(values.dtype)
    if pd.api.types.is_bool_dtype(values.dtype) or not (numeric or _is_text(values.dtype)):
        return None
    if numeric:
        if not known.official and kind not in ("id", "phone"):  # no number is a name
            kind = _kind_of_numbers(values)
        return None if kind is None or not masking.hides(kind) else _changed(values, kind)
    if kind is None and not known.official:
        kind = _kind_of_texts(as_text(values))
    text = values
    if kind is not None and masking.hides(kind):
        text = mask(values, kind)
    if kind not in ("id", "phone") or not masking.hides(kind):
        text = mask_codes(text, masking, pattern=known.pattern)
    return text if _differs(as_text(values), text) else None


def _is_text(dtype: Any) -> bool:
    return pd.api.types.is_object_dtype(dtype) or isinstance(
        dtype, (pd.StringDtype, pd.CategoricalDtype)
    )


def _changed(values: pd.Series, kind: str) -> pd.Series | None:
    masked = mask(values, kind)
    return masked if _differs(as_text(values), masked) else None


def _differs(before: pd.Series, after: pd.Series) -> bool:
    return before is not after and not before.equals(after)


def _kind_of_texts(text: pd.Series) -> str | None:
    """What most values of a column are by themselves."""
    filled = text[text.notna() & (text.str.strip() != "")]
    few = filled.iloc[:: max(len(filled) // _LOOKED_AT, 1)]
    distinct = few[suspects(few)].astype(object)
    for kind, test in (("id", is_identity_number), ("phone", is_mobile_number)):
        if sum(map(test, distinct)) * 2 > len(few):
            return kind
    return None


def _kind_of_numbers(values: pd.Series) -> str | None:
    """Whether most of a column of numbers are telephones, or identity numbers.

    Floating-point numbers have lost the last digits: there the date of birth must do, before 2000
    (see `yuxi_gis.codes.mask_codes`).
    """
    number = values.dropna()
    number = number.iloc[:: max(len(number) // _LOOKED_AT, 1)]
    amount = number.to_numpy("float64")
    mobile = (amount >= 1.3e10) & (amount < 2e10)
    identity = (amount >= 1.1e17) & (amount < 8.4e17)
    if max(mobile.sum(), identity.sum()) * 2 <= len(amount) or (amount % 1 != 0).any():
        return None
    if mobile.sum() * 2 > len(amount):
        return "phone"
    exact = pd.api.types.is_integer_dtype(values.dtype)
    text = as_text(number)
    born = text.str.contains(_FLOAT_BORN).to_numpy(bool)
    sound = np.array([is_identity_number(v, check=not b) for v, b in zip(text, born, strict=True)])
    return "id" if (sound & (born | exact)).sum() * 2 > len(text) else None
