"""Totals by village, town or county, by layer and by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import CodeList, LayerSpec, load_catalog
from yuxi_gis.codes import as_text
from yuxi_gis.errors import ParameterError, YuxiGisError
from yuxi_gis.findings import printable
from yuxi_gis.regions import LEVELS, current_code, region_code, region_names
from yuxi_gis.summary.balance import balanced, hundredths
from yuxi_gis.summary.overall import shaped
from yuxi_gis.summary.parts import (
    NOT_LISTED,
    LayerParts,
    class_field,
    class_list,
    features,
    layer_parts,
)
from yuxi_gis.summary.places import units_of
from yuxi_gis.summary.results import result_layers
from yuxi_gis.units import M2_PER_MU

__all__ = ["COLUMNS", "UNKNOWN", "LayerTotal", "Summary", "by_region", "summarise"]

#: The columns of the table, in their order.
COLUMNS = (
    "region", "region_name", "layer", "class", "class_zh", "class_en", "count", "crossing",
    "area_m2", "area_mu", "area_hm2", "official_m2", "official_mu", "official_hm2",
    "protected_m2", "protected_mu", "protected_share",
)  # fmt: skip
#: The name of a region that no list has.
UNKNOWN = ("未知", "unknown")
_SUMS = ("area", "official", "protected")
_LEVEL = {"village": ("村", "village"), "town": ("乡镇", "town"), "county": ("县", "county")}
_CLASSES = {"": ("未填", "blank"), NOT_LISTED: ("代码不在代码表中", "code not in the list")}

Catalog = Mapping[str, LayerSpec]
Note = tuple[str, str]


@dataclass(frozen=True)
class LayerTotal:
    """One layer of a summary: what it is called, how its land is known.

    `method` is ``"planar"``, ``"ellipsoidal"`` or, where nothing was measured, ``""``; `official`
    the field of the recorded area or ``""``; `classes` the titles of the field that it is classed
    by, or None.
    """

    id: str
    titles: tuple[str, str]
    method: str
    official: str
    official_titles: tuple[str, str]
    classes: tuple[str, str] | None
    protected: bool
    by_place: bool


@dataclass(frozen=True)
class Summary:
    """Totals by region.

    Attributes
    ----------
    by : {"village", "town", "county"}
    table : DataFrame
        See `by_region`.
    layers : mapping of str to LayerTotal
        By layer id; ``findings``, ``patches`` and ``changed_parcels`` are results.
    crossing : DataFrame
        The parts of parcels that lie in several regions: ``layer``, ``feature``, ``region``,
        ``region_name``, ``area_m2``, ``share``, ``counted`` (bool: where the parcel counts).
    control : DataFrame
        ``region``, ``region_name``, ``field``, ``control_m2`` (what the administrative areas
        state), ``official_m2`` and ``area_m2`` (sums over the land use patches), and both less the
        control area: ``official_difference`` and ``area_difference``.
    notes : tuple of (str, str)
        What a reader has to know, in Chinese and English.
    names : mapping of str to str
        Names by code, those of the administrative areas before those of the official list.
    """

    by: str
    table: pd.DataFrame
    layers: Mapping[str, LayerTotal]
    crossing: pd.DataFrame
    control: pd.DataFrame
    notes: tuple[Note, ...]
    names: Mapping[str, str]


def by_region(layers: Mapping[str, pd.DataFrame], by: str = "village", **how: Any) -> pd.DataFrame:
    """Count and land by region, layer and class.

    Parameters
    ----------
    layers, by, **how
        As in `summarise`.

    Returns
    -------
    DataFrame
        Sorted by layer, region and class; a row for each that occurs. ``region`` (code, ``""`` for
        unknown), ``region_name``, ``layer``, ``class`` (code, ``""`` blank, ``"?"`` not in the
        list), ``class_zh``, ``class_en``, ``count`` (a parcel counts where its larger part lies),
        ``crossing`` (parcels that lie here in part); measured on the geometry, ``area_m2``,
        ``area_mu``, ``area_hm2``; recorded in the official field, ``official_m2``, ``official_mu``,
        ``official_hm2``; within protected cropland, measured, ``protected_m2``, ``protected_mu``
        and ``protected_share`` (of ``area_m2``). nan where the layer has no such area.

    Notes
    -----
    Each parcel's area is rounded to 0.01 m² first, so that sums agree with the parcels to the last
    0.01 m². 亩 and hm² are balanced within a layer: their sums, in 0.01 亩 and 0.0001 hm², are what
    the layer's m² give.
    """
    return summarise(layers, by, **how).table


def summarise(
    layers: Mapping[str, pd.DataFrame],
    by: str = "village",
    *,
    admin: gpd.GeoDataFrame | None = None,
    by_place: bool = False,
    findings: pd.DataFrame | None = None,
    changes: Mapping[str, pd.DataFrame] | None = None,
    catalog: Catalog | None = None,
) -> Summary:
    """Totals of layers and results by region.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame or DataFrame
        By layer id, with official field names. The layer ``admin`` is not added up: it says where
        regions lie, what they are called, and their control areas.
    by : {"village", "town", "county"}
    admin : GeoDataFrame, optional
        Administrative areas; by default ``layers["admin"]``.
    by_place : bool
        Go by place, not by the code of each parcel. Layers without a field of the region go by
        place anyway where `admin` is there.
    findings : DataFrame, optional
        Of checks; counted in the region of their parcel.
    changes : mapping, optional
        ``patches`` and ``parcels`` of a change detection.
    catalog : mapping of str to LayerSpec, optional

    Raises
    ------
    ParameterError
        No such level or layer, nothing to add up, or `by_place` without usable `admin`.
    CRSError
        A layer to be measured or placed has no CRS or an unknown way to the other's datum.
    """
    catalog = load_catalog() if catalog is None else catalog
    admin = layers.get("admin") if admin is None else admin
    _require(layers, by, admin, by_place, catalog)
    given = {name: frame for name, frame in layers.items() if name != "admin"}
    work = _Work(by, _names(admin))
    units = None
    if admin is not None and shaped(admin):
        try:
            units = units_of(admin, by)
        except YuxiGisError as error:
            if by_place:
                raise
            work.notes.append((error.zh, error.en))
    protected = given.get("protected_cropland")
    if protected is None or not shaped(protected):
        protected = None
    for name, frame in given.items():
        spec = catalog[name]
        coded = not by_place and spec.region in frame
        # Protected cropland lies in itself.
        zones = protected if name != "protected_cropland" else None
        work.add(frame, spec, None if coded else units, zones, homes=_asked(findings, changes))
    for frame, spec in result_layers(findings, changes, work.homes, units=units is not None):
        work.add(frame, spec, units if spec.region is None else None, None)
    table = pd.concat(work.tables, ignore_index=True)
    return Summary(
        by,
        table,
        MappingProxyType(work.layers),
        pd.concat(work.crossing, ignore_index=True),
        _control(table, layers, admin, by, work.names),
        tuple(work.notes),
        MappingProxyType(work.names),
    )


def _asked(*results: object) -> bool:
    return any(result is not None for result in results)


def _require(
    layers: Mapping[str, pd.DataFrame], by: str, admin: Any, by_place: bool, catalog: Catalog
) -> None:
    """Refuse what cannot be added up."""
    if by not in LEVELS:
        raise ParameterError(
            f"没有级别 {by}，可以是 village（村）、town（乡镇）、county（县）。",
            f"There is no level {by}: use village, town or county.",
        )
    strange = [name for name in layers if name not in catalog]
    if strange:
        raise ParameterError(
            f"没有图层 {'、'.join(strange)}。图层目录中有：{', '.join(catalog)}。",
            f"There is no layer {', '.join(strange)}. The catalogue has {', '.join(catalog)}.",
        )
    if not set(layers) - {"admin"}:
        raise ParameterError(
            "没有可汇总的图层：行政区图层只说明区域。请同时给出地块、宅基地等图层或属性表。",
            "There is no layer to add up: administrative areas only say where regions lie. Give "
            "parcels, homesteads or other layers or tables, too.",
        )
    if by_place and (admin is None or not shaped(admin)):
        raise ParameterError(
            "按位置汇总需要带图形的行政区图层（XZQ），请一并给出。",
            "Adding up by place needs the layer of administrative areas (XZQ) with its shapes.",
        )


def _names(admin: pd.DataFrame | None) -> dict[str, str]:
    names = dict(region_names())
    if admin is not None and {"XZQDM", "XZQMC"} <= set(admin):
        codes = current_code(as_text(admin["XZQDM"]).str.strip())
        told = pd.Series(as_text(admin["XZQMC"]).to_numpy(), index=codes.to_numpy()).dropna()
        names |= {str(code): printable(str(name)) for code, name in told.items()}
    return names


class _Work:
    """Adds up layer after layer."""

    def __init__(self, by: str, names: dict[str, str]) -> None:
        self.by, self.names = by, names
        self.tables: list[pd.DataFrame] = []
        self.layers: dict[str, LayerTotal] = {}
        self.crossing: list[pd.DataFrame] = []
        self.homes: dict[str, pd.Series] = {}
        self.notes: list[Note] = []

    def add(
        self,
        frame: pd.DataFrame,
        spec: LayerSpec,
        units: gpd.GeoDataFrame | None,
        protected: gpd.GeoDataFrame | None,
        *,
        homes: bool = False,
    ) -> None:
        parts = layer_parts(frame, spec, self.by, units, protected)
        titles = (spec.title_zh, spec.title_en)
        known = spec.by_name.get(parts.official)
        classed = spec.by_name.get(class_field(spec) or "")
        self.layers[spec.id] = LayerTotal(
            spec.id,
            titles,
            parts.method,
            parts.official,
            (known.title_zh, known.title_en) if known else (parts.official, parts.official),
            (classed.title_zh, classed.title_en) if classed and classed.name in frame else None,
            parts.protected,
            parts.by_place,
        )
        self.tables.append(self._sums(parts, spec.id, class_list(frame, spec)))
        self.crossing.append(self._crossing(parts, frame, spec))
        self._note(parts, frame, spec)
        if homes:
            main = parts.table[parts.table["main"]]
            place = pd.Series(features(frame, spec).array.take(main["row"]), dtype="str")
            self.homes[spec.id] = pd.Series(main["region"].to_numpy(), index=place, dtype="str")

    def name(self, region: str) -> str:
        """What the table calls a region."""
        if region not in self.names:
            return UNKNOWN[0]
        below = len(region) < LEVELS[self.by]
        return self.names[region] + (f"（未到{_LEVEL[self.by][0]}）" if below else "")

    def _sums(self, parts: LayerParts, layer: str, codes: CodeList | None) -> pd.DataFrame:
        flags = parts.table[["main", "crossing"]].astype("int64")
        sums = (
            parts.table.assign(**flags)
            .groupby(["region", "class"], sort=True)[["main", "crossing", *_SUMS]]
            .sum()
            .reset_index()
        )
        kinds = sums["class"].map(lambda code: _class_names(code, codes))
        table = pd.DataFrame(
            {
                "region": sums["region"],
                "region_name": sums["region"].map(self.name).astype("str"),
                "layer": pd.Series(layer, index=sums.index, dtype="str"),
                "class": sums["class"],
                "class_zh": kinds.str[0].astype("str"),
                "class_en": kinds.str[1].astype("str"),
                "count": sums["main"],
                "crossing": sums["crossing"],
            }
        )
        there = {"area": parts.method, "official": parts.official, "protected": parts.protected}
        for column in _SUMS:
            for unit, values in _in_units(sums[column].to_numpy()).items():
                table[f"{column}_{unit}"] = values if there[column] else np.nan
        share = table["protected_m2"] / table["area_m2"].where(table["area_m2"] > 0)
        return table.assign(protected_share=share)[list(COLUMNS)]

    def _crossing(self, parts: LayerParts, frame: pd.DataFrame, spec: LayerSpec) -> pd.DataFrame:
        here = parts.table[parts.table["crossing"]]
        whole = here.groupby("row")["area"].transform("sum")
        return pd.DataFrame(
            {
                "layer": pd.Series(spec.id, index=here.index, dtype="str"),
                "feature": features(frame, spec).array.take(here["row"]) if len(here) else "",
                "region": here["region"],
                "region_name": here["region"].map(self.name).astype("str"),
                "area_m2": here["area"] / 100,
                "share": here["area"] / whole.where(whole > 0),
                "counted": here["main"],
            }
        )

    def _note(self, parts: LayerParts, frame: pd.DataFrame, spec: LayerSpec) -> None:
        main = parts.table[parts.table["main"]]
        strange = main["region"][~main["region"].isin(list(self.names))]
        lost = int((strange == "").sum())
        codes = strange[strange != ""].value_counts().sort_index()
        zh, en = spec.title_zh, spec.title_en
        if parts.former:
            self._say(
                f"{zh}：{parts.former} 个代码以旧县代码（530421、530422）开头，已归入今天的县",
                f"{en}: {parts.former} codes begin with a former county (530421, 530422) and are "
                "added up under the one of today",
            )
        if lost and parts.by_place:
            self._say(
                f"{zh}：{lost} 个在行政区之外（或无图形），列为“未知”",
                f"{en}: {lost} lie outside the administrative areas or have no shape: unknown",
            )
        elif lost:
            self._say(
                f"{zh}：{lost} 个没有可用的区域代码，列为“未知”",
                f"{en}: {lost} have no usable code of a region: unknown",
            )
        part = parts.table[(parts.table["region"] == "") & parts.table["crossing"]]
        if len(part):
            self._say(
                f"{zh}：{len(part)} 个地块部分在行政区之外，"
                f"共 {part['area'].sum() / 100:.2f} 平方米",
                f"{en}: {len(part)} parcels lie outside the administrative areas in part, "
                f"{part['area'].sum() / 100:.2f} m² in all",
            )
        if len(codes):
            named = "、".join(f"{printable(str(c))}（{n}）" for c, n in codes.head(10).items())
            shown = ", ".join(f"{printable(str(c))} ({n})" for c, n in codes.head(10).items())
            self._say(
                f"{zh}：{len(codes)} 个区域代码不在区划名录中，列为“未知”：{named}",
                f"{en}: {len(codes)} codes are in no list of regions: unknown: {shown}",
            )
        odd = int((main["class"] == NOT_LISTED).sum())
        if odd:
            self._say(
                f"{zh}：{odd} 个的 {class_field(spec)} 不在代码表中",
                f"{en}: {class_field(spec)} of {odd} is not in the code list",
            )

    def _say(self, zh: str, en: str) -> None:
        self.notes.append((zh, en))


def _class_names(code: str, codes: CodeList | None) -> tuple[str, str]:
    if code in _CLASSES:
        return _CLASSES[code] if codes else ("", "")
    if codes is None or code in codes.tolerated:
        label = codes.tolerated[code] if codes else code
        return label, label
    return codes.label(code), codes.label(code, "en")


def _in_units(cents: np.ndarray) -> dict[str, np.ndarray]:
    """0.01 m² as m², and as 亩 and hm² whose sums agree with their own total."""
    group = np.zeros(len(cents), dtype=np.intp)
    units = {"m2": cents / 100}
    for name, per_unit, decimals in (("mu", M2_PER_MU, 2), ("hm2", 1e4, 4)):
        total = np.rint(cents.sum() / 100 / per_unit * 10**decimals).astype(np.int64)
        units[name] = balanced(cents, group, total[None]) / 10**decimals
    return units


def _control(
    table: pd.DataFrame,
    layers: Mapping[str, pd.DataFrame],
    admin: pd.DataFrame | None,
    by: str,
    names: Mapping[str, str],
) -> pd.DataFrame:
    """The stated areas of regions beside what the land use patches, which tile them, add up to."""
    columns = ["region", "region_name", "field", "control_m2", "official_m2", "area_m2"]
    rows = []
    if admin is not None and "landuse" in layers and "XZQDM" in admin:
        code = as_text(admin["XZQDM"]).str.strip()
        region = current_code(region_code(code, by)).to_numpy(object)
        exact = (code.str.len() == LEVELS[by]).to_numpy(bool, na_value=False)
        use = exact if exact.any() else (code.str.len() == 12).to_numpy(bool, na_value=False)
        mine = table[table["layer"] == "landuse"].groupby("region")[["official_m2", "area_m2"]]
        sums = mine.sum(min_count=1)
        for field in ("DCMJ", "JSMJ"):
            if field not in admin:
                continue
            stated = pd.to_numeric(admin[field], errors="coerce").to_numpy(float)
            fit = use & np.isfinite(stated)
            cents = pd.Series(hundredths(stated[fit])).groupby(pd.Series(region[fit])).sum()
            for code_, control in cents.items():
                have = sums.reindex([code_]).iloc[0]
                name = names.get(str(code_), UNKNOWN[0])
                rows.append((code_, name, field, control / 100, *have))
    control = pd.DataFrame(rows, columns=columns)
    for column in ("official", "area"):
        control[f"{column}_difference"] = (
            (control[f"{column}_m2"] - control["control_m2"]).astype(float).round(2)
        )
    return control
