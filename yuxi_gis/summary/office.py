"""The table an office hands in: a line a region, subtotals, a grand total, columns by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yuxi_gis.regions import LEVELS
from yuxi_gis.summary.regional import UNKNOWN, LayerTotal, Summary

__all__ = ["OfficeColumn", "OfficeTable", "office_table"]

_METHOD = {"planar": ("平面面积", "planar"), "ellipsoidal": ("椭球面积", "ellipsoidal")}
_UNITS = {
    "m2": (("平方米", "m²"), 2),
    "mu": (("亩", "mu"), 2),
    "hm2": (("公顷", "hm²"), 4),
}


@dataclass(frozen=True)
class OfficeColumn:
    """A column: its heading of two levels, and the decimals of its numbers (None for text).

    `key` names it in any language: a column of the table of `Summary`, ``"share"``, or the code of
    a class with ``" count"`` or ``" land"`` behind it.
    """

    key: str
    group: str
    title: str
    decimals: int | None


@dataclass(frozen=True)
class OfficeTable:
    """One layer by region.

    `columns` describe those of `data`, in order; `kinds` say of each row whether it is a
    ``"unit"``, a ``"subtotal"`` or the ``"total"``.
    """

    layer: LayerTotal
    columns: tuple[OfficeColumn, ...]
    data: pd.DataFrame
    kinds: tuple[str, ...]


def office_table(summary: Summary, layer: str, lang: str = "zh") -> OfficeTable:
    """One layer of a summary as the table that is handed in.

    Parameters
    ----------
    summary : Summary
    layer : str
        One of `summary.layers`.
    lang : {"zh", "en"}

    Returns
    -------
    OfficeTable
        Columns: code and name of the region, count, recorded area, measured area, count and area
        of each class (the recorded area where there is one, in 亩), and what lies within protected
        cropland. Subtotals follow the regions that they add up, those of towns before those of
        counties; unknown regions come last before the total.
    """
    k = 0 if lang == "zh" else 1
    about = summary.layers[layer]
    rows = summary.table[summary.table["layer"] == layer]
    spread, columns = _spread(rows, about, k)
    codes = sorted(spread.index, key=lambda code: (code not in summary.names, code == "", code))
    known = [code for code in codes if code in summary.names]
    # A subtotal of all counties where there is but one would say the total twice.
    coarser = [w for w in LEVELS.values() if w < LEVELS[summary.by]]
    levels = [w for w in coarser if w == max(coarser) or len({c[:w] for c in known}) > 1]
    lines: list[tuple[str, str, str, list[str]]] = []
    for i, code in enumerate(known):
        name = rows["region_name"][rows["region"] == code].iloc[0]
        lines.append(("unit", code, name, [code]))
        following = known[i + 1] if i + 1 < len(known) else ""
        for width in sorted(levels, reverse=True):
            group = [c for c in known if c[:width] == code[:width]]
            if len(code) >= width and following[:width] != code[:width]:
                title = summary.names.get(code[:width], code[:width])
                lines.append(("subtotal", code[:width], title + (" 小计", " subtotal")[k], group))
    lines += [("unit", code, UNKNOWN[k], [code]) for code in codes[len(known) :]]
    lines.append(("total", "", ("合计", "Total")[k], codes))
    sums = [spread.loc[members].sum(min_count=1) for *_, members in lines]
    data = pd.DataFrame(sums, columns=spread.columns).reset_index(drop=True)
    data = _with_share(data, columns).round({n: c.decimals for n, c in columns.items()})
    data.insert(0, "name", [line[2] for line in lines])
    data.insert(0, "code", [line[1] for line in lines])
    head = (
        OfficeColumn("region", ("行政区", "Region")[k], ("代码", "Code")[k], None),
        OfficeColumn("region_name", ("行政区", "Region")[k], ("名称", "Name")[k], None),
    )
    data.columns = pd.RangeIndex(data.shape[1])
    return OfficeTable(about, (*head, *columns.values()), data, tuple(line[0] for line in lines))


def _spread(
    rows: pd.DataFrame, about: LayerTotal, k: int
) -> tuple[pd.DataFrame, dict[str, OfficeColumn]]:
    """The numbers by region, a column each, and what describes the columns."""
    columns: dict[str, OfficeColumn] = {}
    by = rows.groupby("region")
    count = ("数量", "Count")[k]
    parts = {"count": by["count"].sum()}
    columns["count"] = OfficeColumn("count", ("合计", "All")[k], count, 0)
    stated = (f"记载面积（{about.official}）", f"Recorded ({about.official})")[k]
    method = _METHOD.get(about.method, ("", ""))[k]
    measured = (f"图形面积（{method}）", f"Measured ({method})")[k]
    for source, group in (("official", stated), ("area", measured)):
        if rows[f"{source}_m2"].notna().any():
            for unit, (titles, decimals) in _UNITS.items():
                parts[f"{source}_{unit}"] = by[f"{source}_{unit}"].sum()
                columns[f"{source}_{unit}"] = OfficeColumn(
                    f"{source}_{unit}", group, titles[k], decimals
                )
    land = next((s for s in ("official_mu", "area_mu") if s in parts), None)
    for code, label in _classes(rows, about, k):
        mine = rows[rows["class"] == code].groupby("region")
        parts[f"{code} count"] = mine["count"].sum()
        columns[f"{code} count"] = OfficeColumn(f"{code} count", label, count, 0)
        if land:
            parts[f"{code} land"] = mine[land].sum()
            columns[f"{code} land"] = OfficeColumn(f"{code} land", label, _UNITS["mu"][0][k], 2)
    if about.protected:
        group = ("永久基本农田范围内（图形面积）", "In protected cropland (measured)")[k]
        parts["protected_mu"] = by["protected_mu"].sum()
        parts["protected_m2"] = by["protected_m2"].sum()
        columns["protected_m2"] = OfficeColumn("protected_m2", group, _UNITS["m2"][0][k], 2)
        columns["protected_mu"] = OfficeColumn("protected_mu", group, _UNITS["mu"][0][k], 2)
        columns["share"] = OfficeColumn("share", group, ("占比（%）", "Share (%)")[k], 2)
    spread = pd.DataFrame(parts).reindex(pd.Index(by.size().index)).fillna(0.0)
    return spread, columns


def _classes(rows: pd.DataFrame, about: LayerTotal, k: int) -> list[tuple[str, str]]:
    """Codes and labels of the classes, blank and wrong ones last; none where there is but one
    that says nothing."""
    if about.classes is None:
        return []
    names = rows.drop_duplicates("class").set_index("class")[f"class_{('zh', 'en')[k]}"]
    order = sorted(names.index, key=lambda code: (code in ("", "?"), code))
    return [
        (code, f"{code} {names[code]}" if code[:1].isdigit() else names[code]) for code in order
    ]


def _with_share(data: pd.DataFrame, columns: dict[str, OfficeColumn]) -> pd.DataFrame:
    """The columns in order, the share of protected cropland worked out last."""
    if "share" in columns:
        whole = data["area_m2"].to_numpy()
        part = data["protected_m2"].to_numpy() * 100
        data["share"] = np.divide(part, whole, out=np.zeros(len(data)), where=whole > 0)
    return data[list(columns)]
