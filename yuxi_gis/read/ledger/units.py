"""Areas in the units of their official fields, where the header or the cells say their unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from yuxi_gis.catalog import recognise
from yuxi_gis.read.ledger.columns import not_numbers
from yuxi_gis.read.ledger.coordinates import last_part
from yuxi_gis.read.ledger.words import UNIT_CELL, UNITS, Words, fold, is_area, split_unit
from yuxi_gis.read.table import Decision, Note
from yuxi_gis.specs import FieldSpec, LayerSpec
from yuxi_gis.units import M2_PER_MU

__all__ = ["convert_areas"]

#: m². Half of all parcels below this: the values are more likely 亩.
_SMALLEST_M2 = 20.0


def convert_areas(
    sheet: str,
    stem: str,
    frame: pd.DataFrame,
    over_table: str | None,
    words: Words,
    catalog: Mapping[str, LayerSpec],
) -> tuple[pd.DataFrame, list[Decision], list[Note]]:
    """`frame` with areas in the units of their official fields, where the header says its unit."""
    names = [last_part(column) for column in map(str, frame)]
    names += [split_unit(column)[0] for column in map(str, frame)]
    layer = recognise(sheet, names, catalog) or recognise(stem, names, catalog)
    work = _Areas(frame, over_table, layer, words)
    for column in list(frame.columns):
        if is_area(column, words[column]):
            work.column(column)
    if over_table is not None and not work.decisions:
        work.decisions.append(
            Decision(
                "units",
                over_table,
                f"表上注明单位：{over_table}；没有需要换算的面积字段",
                f"stated over the table: {over_table}; no area field had to be converted",
                "high",
            )
        )
    return work.frame.rename(columns=work.renamed), work.decisions, work.notes


@dataclass
class _Areas:
    """The area columns of a table, one by one brought to official units."""

    frame: pd.DataFrame
    over_table: str | None
    layer: LayerSpec | None
    words: Words
    renamed: dict[str, str] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def column(self, name: str) -> None:
        base, unit = split_unit(name)
        said = unit or self.over_table
        whole = self.words.whole(name)
        official = self._official(whole or self.words.fields.get(base, ()))
        meant = None if official is None else _official_unit(official[1])
        if unit is not None and whole and meant == UNITS[unit]:
            said = unit  # the unit is a part of the field's own name
        self._suffixes(name, said, meant)
        if not pd.api.types.is_numeric_dtype(self.frame[name]) or official is None:
            return
        if said is None:
            self._suspicious(name, *official)
        elif unit is None or not whole:
            self._convert(name, base, said, *official)

    def _official(
        self, specs: Sequence[tuple[LayerSpec, FieldSpec]]
    ) -> tuple[LayerSpec, FieldSpec] | None:
        """The one field that a column is: of the recognised layer, or the same in all layers."""
        own = [pair for pair in specs if pair[0] is self.layer]
        fitting = own or (list(specs) if self.layer is None else [])
        return fitting[0] if len({spec.name for _, spec in fitting}) == 1 else None

    def _suffixes(self, name: str, said: str | None, meant: float | None) -> None:
        """Units beside the numbers: ``3.5亩``, ``2333平方米``."""
        values = self.frame[name]
        if pd.api.types.is_numeric_dtype(values) or not values.notna().any():
            return
        text = values.astype("str").where(values.notna())
        text = text.str.normalize("NFKC").str.strip()
        parts = text.str.extract(UNIT_CELL)
        if (parts[0].isna() & values.notna()).any() or not parts[1].notna().any():
            if meant is not None and not _is_text_only(text):
                self.notes.append(not_numbers(name, values.index[parts[0].isna() & values.notna()]))
            return
        units = parts[1].str.lower()
        bare = units.isna() & values.notna()
        factors = units.dropna().map(UNITS).unique()
        if said is None and bare.any() and (len(factors) > 1 or meant not in (None, factors[0])):
            self.notes.append(_unit_unclear(name, values.index[bare]))
            return
        most = said or next((u for u, f in UNITS.items() if f == meant), str(units.mode()[0]))
        factor = units.map(UNITS).fillna(UNITS[most]) / UNITS[most]
        numbers = pd.to_numeric(parts[0].str.replace(",", "", regex=False)).astype("float64")
        self.frame[name] = numbers * factor
        self.notes.append(_unit_converted(name, most, values.index[factor != 1]))
        if said is None and meant is None:
            self.renamed[name] = f"{name}（{most}）"

    def _convert(self, name: str, base: str, said: str, layer: LayerSpec, spec: FieldSpec) -> None:
        unit, official = UNITS[said], _official_unit(spec)
        twin = _twin(layer, spec)
        if unit == official:
            target, factor = base, 1.0
            if fold(name) == base:
                return
        elif twin is not None and unit == _official_unit(twin):
            target, factor = twin.name, 1.0
        else:
            target, factor = base, unit / official
        others = [str(c) for c in self.frame if c != name]
        taken = {layer.official_name(last_part(c)) for c in others}
        if target in others or layer.official_name(target) in taken:
            self.notes.append(_conflict(name, said, target))
            return
        if factor != 1:
            self.frame[name] = self.frame[name] * factor
        self.renamed[name] = target
        self._tell(name, target, said, factor)

    def _tell(self, name: str, target: str, said: str, factor: float) -> None:
        zh = f"{name} 注明单位为{said}，读作 {target}"
        en = f"{name} is stated in {said} and read as {target}"
        if factor != 1:
            zh += f"，数值乘以 {factor:.10g} 换算为官方单位"
            en += f", its values times {factor:.10g} for the official unit"
        else:
            zh += "，数值未变"
            en += ", its values unchanged"
        self.decisions.append(Decision("units", f"{name} → {target}", zh, en, "high"))

    def _suspicious(self, name: str, layer: LayerSpec, spec: FieldSpec) -> None:
        """m² that look like 亩: a parcel of 20 m² is none."""
        if layer.area is None or spec.name != layer.area.field:
            return
        values = self.frame[name]
        values = values[values > 0]
        doubtful = len(values) >= 3 and values.median() < _SMALLEST_M2
        if (twin := _twin(layer, spec)) is not None:
            for column in map(str, self.frame):
                if layer.official_name(last_part(column)) == twin.name:
                    beside = pd.to_numeric(self.frame[column], errors="coerce")
                    doubtful = 0.9 < (values / beside[values.index]).median() < 1.1
        if doubtful:
            self.notes.append(
                Note(
                    "units_suspicious",
                    f"{name} 应为平方米，数值（中位数 {values.median():.4g}）却像亩；未换算，"
                    "请核对并在表头注明单位，如“实测面积（亩）”。",
                    f"{name} should be m², but its values (median {values.median():.4g}) look like "
                    "mu; nothing was converted. Check, and state the unit in the header.",
                    severity="warning",
                    field=name,
                )
            )


def _unit_unclear(name: str, rows: pd.Index) -> Note:
    return Note.on_rows(
        "units_unclear",
        rows,
        f"{name} 混有带不同单位的数，{{count}} 行未写单位（第 {{rows}} 行）；整列按文本读入，"
        "未换算。请补写单位，或在表头注明。",
        f"{name} mixes units, and {{count}} rows name none (rows {{rows}}); the column is read as "
        "text, nothing was converted. Write the units, or state one in the header.",
        severity="error",
        field=name,
    )


def _unit_converted(name: str, unit: str, rows: pd.Index) -> Note:
    if not len(rows):
        return Note(
            "units_in_cells",
            f"{name} 的数后面写有单位（{unit}），已去掉单位读作数。",
            f"values of {name} bear their unit ({unit}); they are read as numbers.",
            field=name,
        )
    return Note.on_rows(
        "units_mixed",
        rows,
        f"{name} 的数后面写有单位，统一为{unit}；{{count}} 行由别的单位换算（第 {{rows}} 行）。",
        f"values of {name} bear units; all are in {unit} now, {{count}} rows from another one "
        "(rows {rows}).",
        severity="warning",
        field=name,
    )


def _is_text_only(text: pd.Series) -> bool:
    return bool(pd.to_numeric(text, errors="coerce").isna().all())


def _official_unit(spec: FieldSpec) -> float:
    """m² in the unit of an official area field: 亩 where its title says so, else m²."""
    return M2_PER_MU if split_unit(spec.title_zh)[1] == "亩" else 1.0


def _twin(layer: LayerSpec, spec: FieldSpec) -> FieldSpec | None:
    """The field of the same area in the other unit: SCMJM of SCMJ."""
    title = split_unit(spec.title_zh)[0]
    same = (f for f in layer.fields if f is not spec and split_unit(f.title_zh)[0] == title)
    return next(same, None)


def _conflict(name: str, said: str, target: str) -> Note:
    return Note(
        "units_conflict",
        f"{name} 注明单位为{said}，应读作 {target}，但表里已有 {target}；未换算，请核对。",
        f"{name} is stated in {said} and would be {target}, which the table has already; nothing "
        "was converted. Check it.",
        severity="warning",
        field=name,
    )
