"""A column from cells to values: codes stay text, numbers become numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from yuxi_gis.read.ledger.cells import (
    DATES,
    EXCEL_DIGITS,
    NUMERIC,
    OTHER_TYPED,
    like,
    only_text,
    text_of,
    tight,
)
from yuxi_gis.read.ledger.words import is_area
from yuxi_gis.read.table import Note
from yuxi_gis.specs import FieldSpec, LayerSpec

__all__ = ["Column", "not_numbers"]

_CODE_WORDS = re.compile(
    r"编码|编号|代码|代号|号码|证号|证书号|单元号|宗地号|电话|手机|身份证|邮编|账号|帐号|[Cc]ode$|CODE$"
)
_TRIM = " \t\r\n\u3000\u00a0\u200b\u200c\u200d\u2060\ufeff'‘’`"
_SCIENTIFIC = r"^[+]?[0-9](?:\.[0-9]+)?[eE]\+?(?:9|[1-3][0-9])$"
_TEXT_TYPES, _NUMBER_TYPES = ("Char", "Varchar"), ("Int", "Float")


@dataclass
class Column:
    """One column of a table, from cells to values of one type."""

    name: str
    specs: tuple[tuple[LayerSpec, FieldSpec], ...]
    exact: Mapping[int, str] = field(default_factory=dict)
    values: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))
    notes: list[Note] = field(default_factory=list)

    @property
    def official(self) -> str:
        """What the catalogue makes of it: text, number or nothing certain."""
        types = {spec.type for _, spec in self.specs}
        if types and types <= set(_TEXT_TYPES):
            return "text"
        return "number" if types and types <= set(_NUMBER_TYPES) else ""

    @property
    def named_code(self) -> bool:
        if self.official == "number":
            return False
        titles = [self.name, *(spec.title_zh for _, spec in self.specs)]
        coded = any(s.pattern or s.codes or s.personal in ("id", "phone") for _, s in self.specs)
        return coded or any(_CODE_WORDS.search(title) for title in titles)

    def read(self, cells: pd.Series) -> Column:
        """Read `cells` (str, or objects as calamine gives them) to `values`."""
        if self.exact:
            cells = cells.astype(object)
            there = [row for row in self.exact if row in cells.index]
            cells.loc[there] = [self.exact[row] for row in there]
        typed = cells.dtype == object
        cells = self._without_blanks(cells)
        kind = pd.api.types.infer_dtype(cells, skipna=True)
        if self.named_code or self._holds_codes(cells, kind):
            self.values = self._codes(text_of(cells, kind))
        elif kind in NUMERIC:
            self.values = tight(pd.to_numeric(cells))
            if self.official == "text":
                self.values = text_of(cells, kind)
        elif kind == "boolean" and cells.notna().all():
            self.values = cells.astype(bool)
        elif kind in DATES:
            self.values = self._dates(cells)
        else:
            self.values = self._numbers_in_text(cells, text_of(cells, kind), typed=typed)
        return self

    @staticmethod
    def _without_blanks(cells: pd.Series) -> pd.Series:
        """Cells of spaces only are missing; ``="530402"`` is the text that it protects."""
        if cells.dtype == object:
            cells = cells.where(cells != "", None)
            text = only_text(cells)
            if not text.notna().any():
                return cells
            if text.notna().sum() < cells.notna().sum():
                return cells.where(text.str.strip() != "", None)
            cells = text
        cells = cells.where(cells.str.strip() != "")
        if (shielded := like(cells, '^=".*"$')).any():
            cells = cells.where(~shielded, cells.str.slice(2, -1))
        return cells

    @staticmethod
    def _holds_codes(cells: pd.Series, kind: str) -> bool:
        """Digits with a leading zero, or more than 15 of them."""
        if kind in NUMERIC:
            numbers = pd.to_numeric(cells.dropna()).abs()
            large = (numbers >= 10.0**EXCEL_DIGITS) & (numbers < 1e32) & (numbers % 1 == 0)
            return len(numbers) > 0 and bool(large.mean() >= 0.5)
        if kind in OTHER_TYPED:
            return False
        coded = like(only_text(cells), "^[ \t\u3000']*(?:0[0-9]+|[0-9]{16,})[XxJQ]?[ \t\u3000]*$")
        return bool(coded.sum() > 0.2 * cells.notna().sum())

    def _codes(self, text: pd.Series) -> pd.Series:
        wide = like(text, "[^ -~]")
        plain = text.where(~wide, text[wide].str.normalize("NFKC")).str.strip(_TRIM)
        plain = plain.where(plain != "")
        if (changed := (plain != text) & text.notna()).any():
            self.notes.append(
                Note.on_rows(
                    "code_trimmed",
                    text.index[changed],
                    f"{{count}} 行的 {self.name} 去掉了空格、撇号或全角写法（第 {{rows}} 行）。",
                    f"{{count}} values of {self.name} lost spaces, apostrophes or full-width "
                    "forms (rows {rows}).",
                    field=self.name,
                )
            )
        self._destroyed(plain)
        return plain

    def _destroyed(self, text: pd.Series) -> None:
        """Codes of which Excel has kept 15 digits: ``5.30402E+18``, or zeros from the 16th on."""
        broken = like(text, _SCIENTIFIC)
        long = like(text, "^[0-9]{16,19}$")
        if long.any():
            zeros = long & like(text, f"^[0-9]{{{EXCEL_DIGITS}}}0+$")
            places = int(text[long].str.len().median()) - EXCEL_DIGITS
            by_chance = 10.0**-places
            if zeros.sum() * places >= 3 and zeros.sum() / long.sum() > min(0.99, 10 * by_chance):
                self._tell_destroyed(
                    text.index[zeros],
                    "第 16 位起全是 0",
                    "have only zeros from the 16th digit on",
                    "error" if zeros.sum() >= 0.9 * long.sum() else "warning",
                )
        if broken.any():
            self._tell_destroyed(
                text.index[broken], "已成为科学计数法", "are in scientific notation", "error"
            )

    def _tell_destroyed(self, rows: pd.Index, zh: str, en: str, severity: str) -> None:
        self.notes.append(
            Note.on_rows(
                "code_destroyed",
                rows,
                f"{{count}} 行的 {self.name} {zh}：Excel 只留 15 位数字，代码已损坏，无法还原"
                "（第 {rows} 行）。请重新从原始系统以文本格式导出。",
                f"{{count}} values of {self.name} {en}: Excel keeps 15 digits, the codes are "
                "destroyed (rows {rows}). Export them again as text from the system they come "
                "from.",
                severity=severity,
                field=self.name,
            )
        )

    def _dates(self, cells: pd.Series) -> pd.Series:
        try:
            return pd.to_datetime(cells)
        except (ValueError, TypeError, OverflowError):  # beyond what pandas can count
            return text_of(cells, "mixed")

    def _numbers_in_text(self, cells: pd.Series, text: pd.Series, *, typed: bool) -> pd.Series:
        """Text as numbers where all of it is, and the column is meant to be one."""
        if self.official == "text" or not text.notna().any():
            return text
        in_text = text.str.strip()
        if self.official == "number" or is_area(self.name, self.specs):
            commas = like(in_text, r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?$")
            if commas.any():
                in_text = in_text.where(~commas, in_text.str.replace(",", "", regex=False))
        numbers = pd.to_numeric(in_text, errors="coerce")
        numbers = numbers.where(np.isfinite(numbers.astype("float64")))
        odd = text.notna() & numbers.isna()
        from_text = only_text(cells).notna()
        meant = not typed or self.official == "number" or not from_text[text.notna()].all()
        if not odd.any() and meant:
            if typed and from_text.any():
                self.notes.append(_number_as_text(self.name, text.index[from_text]))
            return tight(numbers)
        if self.official == "number" and not is_area(self.name, self.specs):
            self.notes.append(not_numbers(self.name, text.index[odd]))
        return text


def _number_as_text(name: str, rows: pd.Index) -> Note:
    return Note.on_rows(
        "number_as_text",
        rows,
        f"{{count}} 行的 {name} 是文本格式的数字，已读作数（第 {{rows}} 行）。",
        f"{{count}} values of {name} are numbers stored as text; they are read as numbers "
        "(rows {rows}).",
        field=name,
    )


def not_numbers(name: str, rows: pd.Index) -> Note:
    return Note.on_rows(
        "not_a_number",
        rows,
        f"{name} 应是数，{{count}} 行不是，整列按文本读入（第 {{rows}} 行）。请改正后重新读入。",
        f"{name} should be numbers; {{count}} values are none, and the column is read as text "
        "(rows {rows}). Correct them and read again.",
        severity="error",
        field=name,
    )
