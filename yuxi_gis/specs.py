"""What the layer catalogue says: layers and tables, their fields, code lists and older editions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

__all__ = ["AreaSpec", "CodeList", "Edition", "FieldSpec", "LayerSpec", "folded"]


def folded(word: object) -> str:
    """A name as it is compared: any case, full-width letters and brackets as half-width ones."""
    return unicodedata.normalize("NFKC", str(word)).strip().upper()


@dataclass(frozen=True)
class CodeList:
    """An official code list: code → label in Chinese and, where given, in English.

    `tolerated` are codes that real deliveries use although the list does not have them, with what
    they mean there. `successors` are the codes of the list that replaced this one; where several
    codes became one, only the old code keeps the difference.
    """

    name: str
    source: str
    confidence: str
    zh: Mapping[str, str]
    en: Mapping[str, str] = field(default_factory=dict)
    tolerated: Mapping[str, str] = field(default_factory=dict)
    replaced_by: str | None = None
    successors: Mapping[str, str] = field(default_factory=dict)

    def label(self, code: str, lang: str = "zh") -> str:
        """The label of `code`; the code itself where the list does not have it."""
        if lang == "en" and code in self.en:
            return self.en[code]
        return self.zh.get(code, code)


@dataclass(frozen=True)
class FieldSpec:
    """One official field.

    `required` is M (必填), C (条件必填) or O (可选); `personal` is the kind of personal data
    (``"id"``, ``"phone"``, ``"name"``) that exports mask, or None. `source` says where the facts
    come from and `confidence` how sure they are: V (verified in public material that transcribes
    the standard), M (measured), W (secondary source) or K (unverified). `aliases` are other
    names that the field goes by, its Chinese title among them. `references` is the field of
    another table, as ``"contractor.CBFBM"``, whose record this one belongs to.
    """

    name: str
    title_zh: str
    title_en: str
    type: str
    source: str
    confidence: str
    length: int | None = None
    decimals: int | None = None
    required: str = "O"
    codes: CodeList | None = None
    pattern: str | None = None
    unique: bool = False
    personal: str | None = None
    references: str | None = None
    aliases: tuple[str, ...] = ()

    def title(self, lang: str = "zh") -> str:
        """The field's title in `lang`."""
        return self.title_zh if lang == "zh" else self.title_en


@dataclass(frozen=True)
class AreaSpec:
    """Which field holds the official area (m²), by which method, and its 亩 twin."""

    field: str
    method: str
    mu_field: str | None = None


@dataclass(frozen=True)
class Edition:
    """An older standard of a layer: what its fields were called, and the codes of that time.

    `marks` are fields that only this edition has; `aliases` its field names → today's; `codes`
    today's field → the code list of that time; `open` are today's fields whose codes of that time
    are not known.
    """

    name: str
    title_zh: str
    title_en: str
    source: str
    confidence: str
    marks: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, CodeList] = field(default_factory=dict)
    open: tuple[str, ...] = ()

    def title(self, lang: str = "zh") -> str:
        """The edition's title in `lang`."""
        return self.title_zh if lang == "zh" else self.title_en

    def code_list(self, field: FieldSpec) -> CodeList | None:
        """The code list of today's `field` in this edition; None where it has none or an unknown
        one."""
        return None if field.name in self.open else self.codes.get(field.name, field.codes)


@dataclass(frozen=True)
class LayerSpec:
    """One official layer or table: what a `layers/<id>.toml` says.

    `geometry` is ``"None"`` for a table. `like` is the layer whose fields it has, too: these say
    nothing about which of the two a table is. `region` is the field whose first 6, 9 and 12 digits
    are the codes of the county, town and village.
    """

    id: str
    name: str
    title_zh: str
    title_en: str
    standard: str
    source: str
    confidence: str
    geometry: str
    key: str
    label: str
    fields: tuple[FieldSpec, ...]
    aliases: tuple[str, ...] = ()
    area: AreaSpec | None = None
    like: str | None = None
    region: str | None = None
    editions: tuple[Edition, ...] = ()

    def title(self, lang: str = "zh") -> str:
        """The layer's title in `lang`."""
        return self.title_zh if lang == "zh" else self.title_en

    @property
    def is_table(self) -> bool:
        """Whether its records have no geometry."""
        return self.geometry == "None"

    @cached_property
    def by_name(self) -> Mapping[str, FieldSpec]:
        """The fields by official name."""
        return MappingProxyType({f.name: f for f in self.fields})

    @property
    def mandatory(self) -> tuple[str, ...]:
        """Names of the fields that must be there and filled (M)."""
        return tuple(f.name for f in self.fields if f.required == "M")

    @cached_property
    def words(self) -> Mapping[str, str]:
        """What a column can be called, as `folded` has it → official name."""
        return MappingProxyType(
            {folded(word): f.name for f in self.fields for word in (*f.aliases, f.name)}
        )

    def official_name(self, column: str) -> str | None:
        """The official name of a column that is called so, in any case, or by an alias."""
        return self.words.get(folded(column))

    def edition(self, columns: Iterable[str]) -> Edition | None:
        """The older standard that a table follows; None for the one of today.

        A table follows an older standard when it has a field that only that one has, and none
        under the name that replaced an old one (those that it may have had itself, `Edition.open`,
        say nothing). When two fit equally well, none is named.
        """
        have = {folded(column) for column in columns}
        scores = {
            edition.name: len(have & set(map(folded, edition.marks)))
            for edition in self.editions
            if not have & {folded(n) for n in edition.aliases.values() if n not in edition.open}
        }
        best = max(scores.values(), default=0)
        names = [name for name, score in scores.items() if score == best]
        if best == 0 or len(names) > 1:
            return None
        return next(edition for edition in self.editions if edition.name == names[0])

    def official_names(self, columns: Iterable[str]) -> dict[str, str]:
        """The columns that are official fields → their official names.

        A column that bears the official name goes before one of an older edition, and that before
        one that bears an alias; each field is given once.
        """
        columns = list(columns)
        edition = self.edition(columns)
        old = {folded(k): v for k, v in edition.aliases.items()} if edition else {}
        found: dict[str, str] = {}
        taken: set[str] = set()
        names = {folded(f.name): f.name for f in self.fields}
        for words in (names, old, self.words):
            for column in columns:
                official = words.get(folded(column))
                if official is not None and official not in taken and column not in found:
                    found[column] = official
                    taken.add(official)
        # A heading of two levels, 承包方/姓名: the lower one is the field.
        for column in columns:
            lower = folded(column.rpartition("/")[2])
            official = names.get(lower) or old.get(lower) or self.words.get(lower)
            if "/" in column and official is not None and official not in taken:
                found.setdefault(column, official)
                taken.add(official)
        return found
