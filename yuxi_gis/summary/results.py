"""Findings and changes as layers of the totals: counted in the region of their parcel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import AreaSpec, CodeList, FieldSpec, LayerSpec
from yuxi_gis.symbology import load_style

__all__ = ["RESULTS", "result_layers"]

#: id: its titles, the class field's titles, the field of the region, that of the area.
_RESULTS = {
    "findings": (("检查发现（疑似）", "Findings (suspected)"), ("级别", "Severity"), "", ""),
    "patches": (("疑似变化图斑", "Suspected changes"), ("变化类型", "Kind"), "XZQDM", "MJ"),
    "changed_parcels": (
        ("疑似变化地块", "Parcels with suspected change"),
        ("变化类型", "Kind"),
        "",
        "changed_m2",
    ),
}
#: The ids of results among the layers of a summary.
RESULTS = frozenset(_RESULTS)
_HOME = "home"


@cache
def _spec(name: str) -> LayerSpec:
    """A result described as the catalogue describes layers; its classes are those of its style."""
    (zh, en), (class_zh, class_en), region, area = _RESULTS[name]
    style = load_style(name)
    labels = {category.value or "": category.label for category in style.categories}
    kinds = CodeList(style.attribute or "", "", "V", labels, {value: value for value in labels})
    field = FieldSpec(kinds.name, class_zh, class_en, "Char", "", "V", codes=kinds)
    return LayerSpec(
        name, name, zh, en, "", "", "V", "Polygon", "feature", "feature", (field,),
        area=AreaSpec(area, "ellipsoidal") if area else None, region=region or _HOME,
    )  # fmt: skip


def result_layers(
    findings: pd.DataFrame | None,
    changes: Mapping[str, pd.DataFrame] | None,
    homes: Mapping[str, pd.Series],
    *,
    units: bool,
) -> Iterator[tuple[pd.DataFrame, LayerSpec]]:
    """Results as tables with the region in a field, each with what describes it.

    Parameters
    ----------
    findings : DataFrame, optional
        With the columns of `yuxi_gis.findings`.
    changes : mapping of str to DataFrame, optional
        ``patches`` and ``parcels``, as `yuxi_gis.change` gives them.
    homes : mapping of str to Series
        By layer id, the region of each feature.
    units : bool
        Whether regions are known as polygons: then patches that name no region are laid on them.
    """
    changes = changes or {}
    for name, frame in (("findings", findings), ("changed_parcels", changes.get("parcels"))):
        if frame is not None:
            table = pd.DataFrame(frame).reset_index(drop=True)
            yield table.assign(**{_HOME: _homes(table, homes)}), _spec(name)
    patches = changes.get("patches")
    if patches is not None:
        spec = _spec("patches")
        blank = "XZQDM" not in patches or patches["XZQDM"].fillna("").eq("").any()
        if units and blank and isinstance(patches, gpd.GeoDataFrame):
            spec = replace(spec, region=None)
        yield patches.reset_index(drop=True), spec


def _homes(table: pd.DataFrame, homes: Mapping[str, pd.Series]) -> pd.Series:
    """The region of each row's feature, missing where its layer or feature is not there."""
    home = pd.Series(None, index=table.index, dtype="str")
    for layer, rows in table.groupby("layer"):
        if str(layer) in homes:
            home[rows.index] = rows["feature"].map(homes[str(layer)]).astype("str").to_numpy()
    return home
