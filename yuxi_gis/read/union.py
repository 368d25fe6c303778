"""One layer from several files: the townships of a county, put together."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import LayerSpec
from yuxi_gis.crs import crs_name
from yuxi_gis.errors import CRSError, SourceError

__all__ = ["union"]

#: From this share of common keys on, two files are two copies of one layer.
_SAME = 0.5


def union(parts: Sequence[gpd.GeoDataFrame | pd.DataFrame], spec: LayerSpec) -> pd.DataFrame:
    """The rows of `parts` under one another.

    Where some parts have geometry and some have none (a layer and its ledger), those with
    geometry are the layer.

    Parameters
    ----------
    parts : sequence of GeoDataFrame or DataFrame
        As `yuxi_gis.read.read_table` gives them.
    spec : LayerSpec

    Returns
    -------
    GeoDataFrame or DataFrame
        The one part as it is; of several, their ``attrs`` put together: ``attrs["parts"]`` lists
        name and rows of each. ``attrs["left_out"]`` names the ledgers that gave way to geometry.

    Raises
    ------
    SourceError
        Half of the keys of one part lie in another: two copies of the same data.
    CRSError
        The parts have different CRS.
    """
    shaped = [part for part in parts if isinstance(part, gpd.GeoDataFrame)]
    chosen = shaped or list(parts)
    if shaped and len(shaped) < len(parts):
        names = [part.attrs["name"] for part in parts if not isinstance(part, gpd.GeoDataFrame)]
        shaped[0].attrs["left_out"] = names
    if len(chosen) == 1:
        return chosen[0]
    _refuse_copies(chosen, spec)
    _refuse_different_crs(chosen, spec)
    first = chosen[0].attrs
    attrs = {
        **first,
        "source": "; ".join(dict.fromkeys(part.attrs["source"] for part in chosen)),
        "parts": [{"name": part.attrs["name"], "rows": len(part)} for part in chosen],
        "renamed": {old: new for part in chosen for old, new in part.attrs["renamed"].items()},
        "notes": [note for part in chosen for note in part.attrs["notes"]],
        "decisions": [made for part in chosen for made in part.attrs["decisions"]],
    }
    whole = pd.concat([_bare(part) for part in chosen], ignore_index=True)
    whole.attrs = attrs
    return whole


def _bare(part: pd.DataFrame) -> pd.DataFrame:
    """`part` as `pd.concat` likes it: no attrs to compare, the geometry under one name."""
    part = part.copy(deep=False)
    part.attrs = {}
    if isinstance(part, gpd.GeoDataFrame) and part.active_geometry_name != "geometry":
        part = part.rename_geometry("geometry")
    return part


def _refuse_copies(parts: Sequence[pd.DataFrame], spec: LayerSpec) -> None:
    seen: list[tuple[str, pd.Index]] = []
    for part in parts:
        name = part.attrs["name"]
        keys = pd.Index(part[spec.key].dropna().unique() if spec.key in part else [])
        for other, others in seen:
            common = len(keys.intersection(others))
            if common and common >= _SAME * min(len(keys), len(others)):
                raise SourceError(
                    f"图层 {spec.id} 出现两次：{other} 和 {name} 有 {common} 个相同的 {spec.key}。"
                    "请只给其中一个。",
                    f"Layer {spec.id} was found twice: {other} and {name} have {common} equal "
                    f"{spec.key}. Give only one of them.",
                )
        seen.append((name, keys))


def _refuse_different_crs(parts: Sequence[pd.DataFrame], spec: LayerSpec) -> None:
    shaped = [part for part in parts if isinstance(part, gpd.GeoDataFrame)]
    for part in shaped[1:]:
        if part.crs != shaped[0].crs:
            a, b = shaped[0], part
            raise CRSError(
                f"图层 {spec.id} 的各部分坐标系不同：{a.attrs['name']} 是 {crs_name(a.crs)}，"
                f"{b.attrs['name']} 是 {crs_name(b.crs)}。请先分别用 convert --to 统一坐标系。",
                f"The parts of layer {spec.id} have different CRS: {a.attrs['name']} "
                f"{crs_name(a.crs)}, {b.attrs['name']} {crs_name(b.crs)}. Bring them to one with "
                "convert --to first.",
            )
