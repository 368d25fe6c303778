"""What a rule is, and the decorator that makes a function one.

A rule's docstring is its page, in Chinese and then in English: five labelled paragraphs each. The
paragraph 怎样改 / How to mend it closes every message of the rule, so it stands in one place only.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import geopandas as gpd

from yuxi_gis.findings import SEVERITIES

if TYPE_CHECKING:
    from yuxi_gis.checks.subject import Subject

__all__ = [
    "CONFIDENCES",
    "FAMILIES",
    "KINDS",
    "SCOPES",
    "SECTIONS",
    "NotRun",
    "Rule",
    "registered",
    "rule",
]

#: The families of rules, by the letter their ids begin with.
FAMILIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "S": ("结构", "Structure"),
        "A": ("属性", "Attributes"),
        "T": ("拓扑", "Topology"),
        "R": ("面积", "Area"),
        "X": ("图层与表之间", "Between layers and tables"),
        "C": ("变化", "Change"),
        "L": ("疑似违规线索", "Suspicion"),
    }
)
#: What a rule looks at: records of any layer or table, whatever has geometry, or parcels only.
KINDS = ("records", "shapes", "parcels")
#: What a rule must see at once, of a layer that is judged in tiles: the fields of all records and
#: no geometry but the places of what it finds; one shape (with what lies on it in other layers); a
#: shape and those beside it; or the layer as a whole, of which it asks `Subject.each`, `bounds` …
SCOPES = ("records", "shape", "neighbours", "layer")
_SCOPE_OF = {"records": "records", "shapes": "layer", "parcels": "shape"}
#: The paragraphs of a page and their labels.
SECTIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "finds": ("查什么", "What it finds"),
        "why": ("为什么", "Why it matters"),
        "mend": ("怎样改", "How to mend it"),
        "example": ("例", "Example"),
        "source": ("依据", "Source"),
    }
)
#: How sure a rule's source is.
CONFIDENCES = {
    "V": ("已核实", "verified"),
    "M": ("实测", "measured"),
    "W": ("二手资料", "secondary source"),
    "K": ("未核实", "unverified"),
}


@dataclass(frozen=True)
class NotRun:
    """A rule that could not judge a layer, and why."""

    rule: str
    layer: str
    reason_zh: str
    reason_en: str

    def reason(self, lang: str = "zh") -> str:
        """The reason in `lang`."""
        return self.reason_zh if lang == "zh" else self.reason_en


Check = Callable[["Subject"], Iterator[gpd.GeoDataFrame | NotRun]]


@dataclass(frozen=True)
class Rule:
    """One rule: what it is called, what it reads, and the function that judges one layer.

    `on` is one of `KINDS`; `layers` are the layers it judges (empty: every layer of that kind);
    `fields` must be in them; `needs` are other layers that must be given; `parameters` are names in
    the profile. `check` yields tables made by `findings.make`, without rule, layer and remedy, and
    `NotRun` for what it cannot judge; a `CRSError` within it says the same. `scope` is one of
    `SCOPES`. A finding with a
    `limit` is at most a warning where a parameter of the rule is not verified.
    """

    id: str
    severity: str
    title_zh: str
    title_en: str
    confidence: str
    check: Check
    pages: Mapping[str, Mapping[str, str]]
    on: str = "parcels"
    layers: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    scope: str = "shape"

    @property
    def family(self) -> str:
        """The family's letter."""
        return self.id[0]

    def title(self, lang: str = "zh") -> str:
        """The rule's title in `lang`."""
        return self.title_zh if lang == "zh" else self.title_en

    def page(self, lang: str = "zh") -> Mapping[str, str]:
        """The rule's page: a paragraph for each key of `SECTIONS`."""
        return self.pages[lang]

    def mend(self, lang: str = "zh") -> str:
        """How to mend what the rule finds."""
        return self.pages[lang]["mend"]


_RULES: dict[str, Rule] = {}


def rule(
    id: str,
    severity: str,
    title_zh: str,
    title_en: str,
    *,
    confidence: str,
    on: str = "parcels",
    layers: tuple[str, ...] = (),
    fields: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    parameters: tuple[str, ...] = (),
    scope: str | None = None,
) -> Callable[[Check], Check]:
    """Register the decorated function as a rule; see `Rule` for the words.

    Without `scope`, a rule on records sees the records, one on parcels a shape at a time, and one
    on shapes the layer as a whole.

    Raises
    ------
    ValueError
        The rule breaks a promise of the project: an id twice or of no family, an unknown severity,
        a suspicion or an unverified demand declared an error, a docstring that is no page.
    """
    if id in _RULES or id[0] not in FAMILIES:
        raise ValueError(f"rule {id}: registered twice, or of no known family")
    if severity not in SEVERITIES or confidence not in CONFIDENCES:
        raise ValueError(f"rule {id}: severity {severity!r} or confidence {confidence!r} unknown")
    if on not in KINDS:
        raise ValueError(f"rule {id}: on {on!r} unknown")
    if scope is not None and (scope not in SCOPES or (on == "records") != (scope == "records")):
        raise ValueError(f"rule {id}: scope {scope!r} unknown, or not of a rule on {on}")
    if id[0] == "L" and severity == "error":
        raise ValueError(f"rule {id}: a suspicion is at most a warning")
    if confidence == "K" and severity == "error":
        raise ValueError(f"rule {id}: what nobody verified is at most a warning")

    def register(check: Check) -> Check:
        _RULES[id] = Rule(
            id=id,
            severity=severity,
            title_zh=title_zh,
            title_en=title_en,
            confidence=confidence,
            check=check,
            pages=_pages(id, inspect.getdoc(check) or ""),
            on=on,
            layers=layers,
            fields=fields,
            needs=needs,
            parameters=parameters,
            scope=scope or _SCOPE_OF[on],
        )
        return check

    return register


def registered() -> Mapping[str, Rule]:
    """All rules by id, sorted by id."""
    return MappingProxyType(dict(sorted(_RULES.items())))


def _pages(id: str, doc: str) -> Mapping[str, Mapping[str, str]]:
    """Cut a docstring into the paragraphs of the page, in both languages."""
    pages: dict[str, Mapping[str, str]] = {}
    for lang, which, colon, joint in (("zh", 0, "：", ""), ("en", 1, ": ", " ")):
        page = {}
        for key, labels in SECTIONS.items():
            found = re.search(rf"^{labels[which]}{colon}(.+?)(?:\n\n|\Z)", doc, re.M | re.S)
            if found is None:
                raise ValueError(f"rule {id}: its docstring has no paragraph {labels[which]!r}")
            text = joint.join(line.strip() for line in found[1].splitlines())
            page[key] = text[0].upper() + text[1:]
        pages[lang] = MappingProxyType(page)
    return MappingProxyType(pages)
