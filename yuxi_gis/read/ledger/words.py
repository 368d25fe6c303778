"""What columns are called: the words of the catalogue, and units in names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from yuxi_gis.read.ledger.coordinates import last_part
from yuxi_gis.specs import FieldSpec, LayerSpec, folded
from yuxi_gis.units import M2_PER_MU

__all__ = ["UNITS", "UNIT_CELL", "UNIT_ROW", "Words", "fold", "is_area", "split_unit"]

#: Area units: m² in one.
UNITS = {
    "亩": M2_PER_MU,
    "万亩": 1e4 * M2_PER_MU,
    "平方米": 1.0,
    "平米": 1.0,
    "m2": 1.0,
    "公顷": 1e4,
    "hm2": 1e4,
    "ha": 1e4,
    "平方公里": 1e6,
    "平方千米": 1e6,
    "km2": 1e6,
}
_UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_UNIT_IN_NAME = re.compile(rf"(.+?)(?:\((?:单位:?)?({_UNIT})\)|[/_:-]({_UNIT}))$", re.IGNORECASE)
#: A unit stated over the table; a number with its unit in one cell.
UNIT_ROW = re.compile(rf"单位[:=]?\(?({_UNIT})", re.IGNORECASE)
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)"
UNIT_CELL = rf"(?i)^({_NUMBER})\s*({_UNIT})?$"


@dataclass(frozen=True)
class Words:
    """All names that fields go by, in all layers of the catalogue."""

    fields: Mapping[str, tuple[tuple[LayerSpec, FieldSpec], ...]]

    @classmethod
    def of(cls, catalog: Mapping[str, LayerSpec]) -> Words:
        found: dict[str, list[tuple[LayerSpec, FieldSpec]]] = {}
        for layer in catalog.values():
            old = {k: v for edition in layer.editions for k, v in edition.aliases.items()}
            for word, name in {**old, **layer.words}.items():
                found.setdefault(fold(word), []).append((layer, layer.by_name[name]))
        return cls({word: tuple(specs) for word, specs in found.items()})

    def __getitem__(self, name: str) -> tuple[tuple[LayerSpec, FieldSpec], ...]:
        """The fields that a column may be, with or without the unit in its name."""
        return self.whole(name) or self.fields.get(split_unit(name)[0], ())

    def whole(self, name: str) -> tuple[tuple[LayerSpec, FieldSpec], ...]:
        """The fields that are called so, unit and all."""
        return self.fields.get(fold(name)) or self.fields.get(fold(last_part(name)), ())


def fold(name: str) -> str:
    """A name for comparison: as `folded` has it, and without spaces."""
    return re.sub(r"\s+", "", folded(name))


def split_unit(name: str) -> tuple[str, str | None]:
    """A folded name without its unit, and the unit."""
    match = _UNIT_IN_NAME.fullmatch(fold(name))
    if match is None:
        return fold(last_part(name)), None
    unit = (match[2] or match[3]).lower()
    return last_part(match[1]), unit


def is_area(name: str, specs: Iterable[tuple[LayerSpec, FieldSpec]]) -> bool:
    """Whether a column is an area, by its name or by what it may be."""
    return "面积" in name or any("面积" in spec.title_zh for _, spec in specs)
