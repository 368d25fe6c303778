"""Numbers and names that point to a person, and how they are masked.

Identity numbers are those of GB 11643-1999 (18 characters, the last one a check digit after
ISO 7064 MOD 11-2) and the 15 digits before it; telephones in running text are mainland mobile
numbers (11 digits, 13x to 19x) and landlines whose area code is set off: 0877-2061234,
(010)12345678. Both are found in any text; a mistyped identity number, too, where its date of
birth is before 2000. Names are known by their column only: in running text nobody can tell them
from other words, and they stay there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import date
from operator import mul

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = [
    "Masking",
    "as_text",
    "identity_number_fault",
    "is_identity_number",
    "is_mobile_number",
    "mask",
    "mask_codes",
    "mask_text",
    "suspects",
]

_HALF_WIDTH = str.maketrans("０１２３４５６７８９Ｘｘ．－", "0123456789Xx.-")
_DIGIT = "[0-9０-９]"
_GAP = r"[\s\-－]?"
_NUMBERS = (
    rf"(?P<id>{_DIGIT}{{6}}{_GAP}{_DIGIT}{{8}}{_GAP}{_DIGIT}{{3}}[0-9０-９XxＸｘ])"
    rf"|(?P<old>{_DIGIT}{{15}})"
    rf"|(?P<phone>(?:[8８][6６])?[1１][3-9３-９]{_DIGIT}{_GAP}{_DIGIT}{{4}}{_GAP}{_DIGIT}{{4}})"
    # Area codes of three digits are 010 and 02x only. Digits alone may be anything.
    rf"|(?P<landline>[(（]?(?:[8８][6６][\s\-－][0０]?|[0０])(?:[1１][0０]|[2２]{_DIGIT}|[3-9３-９]{_DIGIT}{{2}})"
    rf"\s?[)）\-－–—]{{1,2}}\s?[1-9１-９]{_DIGIT}{{6,7}})"
)
_SOME_DIGITS = rf"{_DIGIT}{{4}}"
#: What may be an identity number or a telephone within text; all else is not looked at.
_SUSPECT = rf"(?:^|[^0-9０-９])(?:{re.sub('[?]P<[a-z]+>', '?:', _NUMBERS)})(?:$|[^0-9０-９])"
#: The same, exactly: a letter J or Q after 18 digits makes them the code of a contract, and a
#: number after a decimal point is none.
_IN_TEXT = re.compile(
    rf"(?<!{_DIGIT})(?<!{_DIGIT}[.．])(?:{_NUMBERS})(?!{_DIGIT}|(?<={_DIGIT})[JQ])"
)
#: The common forms, masked without a look at each: pattern, start and end of the stars.
_EXACT = {"id": (r"[0-9]{17}[0-9Xx]", 6, -1, 11), "phone": (r"1[3-9][0-9]{9}", 3, -2, 6)}
_SAYS_ID = re.compile("身份证|证件|公民")
_ID_DIGITS = re.compile(r"[0-9]{15}|[0-9]{17}[0-9Xx]")
_ID_FORM = re.compile(r"[0-9*]{17}[0-9Xx*]|[0-9*]{15}")
#: A contractor's code would need a town coded 190 to 199 to look so: none is. So here a wrong
#: check digit is a mistyped one.
_BORN_BEFORE_2000 = r"^\s*[0-9]{6}19[0-9]{9}[0-9Xx]\s*$"
_MOBILE = re.compile(r"(?:\+?86)?1[3-9][0-9]{9}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
#: First two digits of identity numbers: GB/T 2260 provinces, and 83 for residents from Taiwan.
_PROVINCES = frozenset(
    (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55),
     *range(61, 66), 71, 81, 82, 83)
)  # fmt: skip
#: Village codes look like the birth dates of old numbers before this year: 100201 is 1910-02-01.
_OLD_FROM = 30
_NOTHING = frozenset(("", "无", "暂无", "不详", "未知", "/", "-", "—", "NULL", "None"))
#: What bounds a parcel and is no person; all else beside a parcel is masked as a name.
_LANDMARK = re.compile(
    "(?:乡|村|组|机耕|生产|水泥|田间|排水|灌溉|集体|国有|自然|乡村|农村|村组)?"
    "(?:公路|道路|马路|大路|小路|土路|机耕路|铁路|高速公路|路|道|沟|水沟|沟渠|渠|水渠|排水沟|河|河流|"
    "小河|江|湖|水库|坝塘|水塘|鱼塘|塘|坝|箐|箐沟|埂|田埂|地埂|坎|土坎|石坎|山|荒山|山坡|坡|山林|林地|"
    "树林|林|荒地|空地|草地|草坡|果园|菜地|菜园|茶园|竹林|田|水田|旱地|地|耕地|土地|坟|坟地|墓地|墙|围墙|"
    "房|房屋|住房|院墙|院子|村庄|村子|晒场|场地|广场|学校|界|村界|组界|县界|边界|桥|高压线|线|集体|沟边|"
    "路边|河边|林边|埂边|坎边|本户|自家|本人|自己)"
)
_SEPARATORS = re.compile(r"([、，,；;/\\|\s]+)")
Rows = npt.NDArray[np.bool_]
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Masking:
    """Which personal data are masked; by default all.

    Attributes
    ----------
    ids, phones, names : bool
        Identity numbers, telephones; names and addresses.
    """

    ids: bool = True
    phones: bool = True
    names: bool = True

    def hides(self, kind: str) -> bool:
        """Whether data of `kind` (``"id"``, ``"phone"``, ``"name"``) are masked."""
        return {"id": self.ids, "phone": self.phones}.get(kind, self.names)

    @property
    def word(self) -> str:
        """What is masked, for machines: ``"ids phones names"``, ``"ids phones"``, ``"none"``."""
        shown = zip(("ids", "phones", "names"), (self.ids, self.phones, self.names), strict=True)
        return " ".join(name for name, hidden in shown if hidden) or "none"

    def text(self, lang: str = "zh") -> str:
        """What is masked, as a sentence for people."""
        kinds = (("证件号码", "identity numbers"), ("电话", "telephones"), ("姓名", "names"))
        k = 0 if lang == "zh" else 1
        parts: tuple[list[str], list[str]] = ([], [])
        for hidden, kind in zip((self.ids, self.phones, self.names), kinds, strict=True):
            parts[hidden].append(kind[k])
        shown, masked = (("、", ", ")[k].join(part) for part in parts)
        if not shown:
            return (f"个人信息（{masked}）已遮盖。", f"Personal data ({masked}) are masked.")[k]
        kept = (f"含未遮盖的{shown}，请勿外传", f"unmasked personal data ({shown}): do not pass on")
        if not masked:
            return (kept[0] + "。", f"This holds {kept[1]}.")[k]
        return (f"{masked}已遮盖；{kept[0]}。", f"Masked: {masked}. This holds {kept[1]}.")[k]


def is_identity_number(text: str, *, check: bool = True) -> bool:
    """Whether `text` is an identity number: province, date of birth and check digit are sound.

    Blanks around it, an apostrophe before it, a small ``x``, full-width digits and the ``.0`` of a
    number are looked over. Old ones of 15 digits, which have no check digit, count from 1930 on.

    Parameters
    ----------
    text : str
    check : bool
        False takes any check digit, as in numbers that a spreadsheet has rounded.
    """
    return _sound(_clean(text), check)


def identity_number_fault(text: str) -> str | None:
    """What is wrong with an identity number.

    Parameters
    ----------
    text : str
        As `is_identity_number` takes it. The first six digits are not looked at: divisions change.

    Returns
    -------
    str or None
        ``"form"`` (neither 18 characters nor 15 digits), ``"born"`` (no date of birth, or one in
        the future), ``"check"`` (wrong check digit), ``"old"`` (15 digits, sound so far), or None.
    """
    return _fault(_clean(text))


def is_mobile_number(text: str) -> bool:
    """Whether `text` is a mainland mobile number, with or without 86 before it."""
    return _MOBILE.fullmatch(_clean(text)) is not None


def suspects(text: pd.Series) -> Rows:
    """Which values hold a number of the form of an identity number or a telephone."""
    # The plain pattern runs in pyarrow, the other one in Python.
    here = text.str.contains(_SOME_DIGITS, na=False).to_numpy(bool).copy()
    if here.any():
        here[here] = text[here].str.contains(_SUSPECT, na=False).to_numpy(bool)
    return here


def mask(values: pd.Series, kind: str) -> pd.Series:
    """Personal data made unreadable.

    Masking what is masked changes nothing. Words for "nothing" (无, 不详, ``/``) stay.

    Parameters
    ----------
    values : Series
        Text; numbers are taken as text without decimals.
    kind : {"id", "phone", "name", "neighbour"}
        Identity number (first 6 and last 1 characters stay; of other documents the first one),
        telephone (first 3 and last 2 of at least 11; of shorter ones the first), name or address
        (the first character stays), what bounds a parcel (as a name, unless it is a road, a
        ditch …).

    Returns
    -------
    Series of str
        Missing values stay missing.
    """
    how = {"id": _mask_id, "phone": _mask_phone, "name": _mask_name, "neighbour": _mask_neighbour}
    text = as_text(values)
    if kind not in _EXACT:
        return _each(text, how[kind])
    pattern, start, end, stars = _EXACT[kind]
    out = text.str.slice_replace(start, end, "*" * stars)
    other = ~text.str.fullmatch(pattern, na=False).to_numpy(bool)
    out[other] = _each(text[other], how[kind]).array
    return out


def mask_text(values: pd.Series, masking: Masking, *, keep: Set[str] = frozenset()) -> pd.Series:
    """Running text with its identity numbers and telephones masked.

    Parameters
    ----------
    values : Series of str
    masking : Masking
    keep : set of str
        Numbers that look like identity numbers and are none: official codes.

    Returns
    -------
    Series of str
    """
    text = as_text(values)
    return _where(suspects(text), text, lambda value: _mask_within(value, masking, keep))


def mask_codes(values: pd.Series, masking: Masking, *, pattern: str | None = None) -> pd.Series:
    """A column of codes or text with its identity numbers and telephones masked.

    The 18 digits of a contractor's code (承包方代码) can pass for the identity number of someone
    born in 2000 or later: its 7th to 14th digits are the codes of town, village and group. So such
    numbers stay where they match `pattern`, and where most numbers of 18 digits in the column
    are no sound identity numbers. Those born earlier are masked even with a wrong check digit,
    but where they match `pattern`.

    Parameters
    ----------
    values : Series
    masking : Masking
    pattern : str, optional
        The form of the official code that the column holds.

    Returns
    -------
    Series of str
    """
    text = as_text(values)
    here = suspects(text)
    if pattern is not None and here.any():
        form = re.compile(pattern, re.ASCII)
        official = text[here].map(lambda value: form.fullmatch(value) is not None)
        early = text[here].str.contains(_BORN_BEFORE_2000) & text[here].map(is_identity_number)
        here[here] = (~official.astype(bool) | early.astype(bool)).to_numpy()
    if not here.any():
        return text
    whole = text[here]
    whole = whole[whole.str.fullmatch(r"\s*[0-9]{17}[0-9Xx]\s*")].map(_clean)
    doubtful = whole[~whole.str.contains(_BORN_BEFORE_2000)]
    if len(whole) and whole.map(_sound).mean() >= 0.5:
        doubtful = doubtful[:0]
    keep = frozenset(doubtful)
    return _where(here, text, lambda value: _mask_within(value, masking, keep))


def as_text(values: pd.Series) -> pd.Series:
    """Values as `str`; whole numbers without a decimal point, missing stays missing."""
    if isinstance(values.dtype, pd.StringDtype):
        return values
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        return values.map("{:.0f}".format, na_action="ignore").astype("str")
    if values.dtype == object:  # may hold a list, or half a character
        values = values.map(_plain, na_action="ignore")
    return values.astype("str").where(values.notna(), None)


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _each(text: pd.Series, how: Callable[[str], str]) -> pd.Series:
    """`how` called once for each distinct value."""
    codes, distinct = pd.factorize(text)
    done = pd.Series([how(str(value)) for value in distinct], dtype="str")
    found = done.array.take(codes, allow_fill=True)
    return pd.Series(found, index=text.index, name=text.name)


def _where(here: Rows, text: pd.Series, how: Callable[[str], str]) -> pd.Series:
    """`text`, in the rows `here` with `how` applied."""
    if not here.any():
        return text
    out = text.copy()
    out[here] = _each(text[here], how).array
    return out


def _clean(text: str) -> str:
    """A number as people write it, brought to plain digits."""
    if _ID_FORM.fullmatch(text) or _MOBILE.fullmatch(text):
        return text
    text = text.translate(_HALF_WIDTH).strip().lstrip("'’‘`").strip()
    if re.fullmatch(r"[0-9*]{11,18}\.0+", text):
        text = text.partition(".")[0]
    bare = re.sub(r"[\s-]", "", text)
    return bare if _ID_FORM.fullmatch(bare) or _MOBILE.fullmatch(bare) else text


def _born(digits: str) -> date | None:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
    return born if born.year >= 1900 and born <= date.today() else None


def _fault(number: str) -> str | None:
    """What is wrong with a clean number as an identity number, whatever its first six digits."""
    if _ID_DIGITS.fullmatch(number) is None:
        return "form"
    old = len(number) == 15
    if _born("19" + number[6:12] if old else number[6:14]) is None:
        return "born"
    if old:
        return "old"
    total = sum(map(mul, _WEIGHTS, map(int, number[:17])))
    return None if _CHECK[total % 11] == number[-1].upper() else "check"


def _sound(number: str, check: bool = True) -> bool:
    """Whether a clean number is an identity number."""
    fault = _fault(number)
    if fault in ("form", "born") or int(number[:2]) not in _PROVINCES:
        return False
    if fault == "old":
        return int(number[6:8]) >= _OLD_FROM
    return fault is None or not check


def _likely(number: str) -> bool:
    """Whether a clean number is an identity number, or a mistyped one of a birth before 2000."""
    return _sound(number, check=re.match(_BORN_BEFORE_2000, number) is None)


def _starred(text: str, head: int, tail: int) -> str:
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]


def _mask_id(text: str) -> str:
    number = _clean(text)
    if number in _NOTHING:
        return text
    if _ID_FORM.fullmatch(number):
        return _starred(number, 6, 1)
    return _starred(number, 1, 0) if len(number) > 7 else "*"


def _mask_phone(text: str) -> str:
    number = _clean(text)
    if number in _NOTHING:
        return text
    if len(number) >= 11:
        return _starred(number, 3, 2)
    return _starred(number, 1, 0) if len(number) > 5 else "*"


def _mask_name(text: str) -> str:
    name = text.strip()
    if name in _NOTHING:
        return text
    return _starred(name, 1, 0) if len(name) > 1 else "*"


def _mask_neighbour(text: str) -> str:
    parts = _SEPARATORS.split(text)
    # Separators stand at odd places.
    return "".join(
        part
        if i % 2 or not _CHINESE.search(part) or _LANDMARK.fullmatch(part)
        else _mask_name(part)
        for i, part in enumerate(parts)
    )


def _mask_within(text: str, masking: Masking, keep: Set[str]) -> str:
    def masked(found: re.Match[str]) -> str:
        number = _clean(found.group())
        if found.lastgroup == "phone":
            return _mask_phone(number) if masking.phones else found.group()
        if found.lastgroup == "landline":
            digits = re.sub(r"[^0-9]", "", number)
            return _mask_phone(digits) if masking.phones else found.group()
        said = _SAYS_ID.search(found.string, max(found.start() - 8, 0), found.start())
        if not masking.ids or number in keep or not (_likely(number) or said):
            return found.group()
        return _mask_id(number)

    return _IN_TEXT.sub(masked, text)
