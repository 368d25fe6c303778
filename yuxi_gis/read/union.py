"""One layer from several files: the townships of a county, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import LayerSpec
from yuxi_gis.crs import crs_name
from yuxi_gis.errors import CRSError, SourceError, YuxiGisError

__all__ = ["union"]

#: From this share of common keys on, two files are two copies of one layer.
_SAME = 0.5
#: What is told of each part.
_TOLD = ("name", "source", "table", "declared")


def union(
    parts: Sequence[gpd.GeoDataFrame | pd.DataFrame],
    spec: LayerSpec,
    *,
    on_error: Callable[[YuxiGisError], None] | None = None,
) -> pd.DataFrame:
    """The rows of `parts` under one another.

    Where some parts have geometry and some have none (a layer and its ledger), those with
    geometry are the layer.

    Parameters
    ----------
    parts : sequence of GeoDataFrame or DataFrame
        As `yuxi_gis.read.read_table` gives them.
    spec : LayerSpec
    on_error : callable, optional
        Is given the error of a part that does not go with those before it, and the others are put
        together; by default it is raised.

    Returns
    -------
    GeoDataFrame or DataFrame
        The one part as it is; of several, their ``attrs`` put together: ``attrs["parts"]`` lists
        name, source, table, declared fields and rows of each, and each note has the name of its
        ``part``. ``attrs["left_out"]`` names the ledgers that gave way to geometry.

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
    chosen = _fitting(chosen, spec, on_error)
    if len(chosen) == 1:
        return chosen[0]
    first = chosen[0].attrs
    attrs = {
        **first,
        "source": "; ".join(dict.fromkeys(part.attrs["source"] for part in chosen)),
        "parts": [
            {key: part.attrs[key] for key in _TOLD if key in part.attrs} | {"rows": len(part)}
            for part in chosen
        ],
        "renamed": {old: new for part in chosen for old, new in part.attrs["renamed"].items()},
        "notes": [
            {**note, "part": part.attrs["name"]} for part in chosen for note in part.attrs["notes"]
        ],
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


def _fitting(
    parts: Sequence[pd.DataFrame],
    spec: LayerSpec,
    on_error: Callable[[YuxiGisError], None] | None,
) -> list[pd.DataFrame]:
    """The parts that go together: no copy of one before it, and all of one CRS."""
    kept: list[pd.DataFrame] = []
    keys: list[pd.Index] = []
    for part in parts:
        own = pd.Index(part[spec.key].dropna().unique() if spec.key in part else [])
        error = _copy_of(part, own, kept, keys, spec) or _elsewhere(part, kept, spec)
        if error is None:
            kept.append(part)
            keys.append(own)
        elif on_error is None:
            raise error
        else:
            on_error(error)
    return kept


def _copy_of(
    part: pd.DataFrame,
    own: pd.Index,
    kept: Sequence[pd.DataFrame],
    keys: Sequence[pd.Index],
    spec: LayerSpec,
) -> YuxiGisError | None:
    for other, others in zip(kept, keys, strict=True):
        common = len(own.intersection(others))
        if common and common >= _SAME * min(len(own), len(others)):
            first, second = other.attrs["name"], part.attrs["name"]
            return SourceError(
                f"图层 {spec.id} 出现两次：{first} 和 {second} 有 {common} 个相同的 {spec.key}，"
                f"未使用 {second}。请只给其中一个。",
                f"Layer {spec.id} was found twice: {first} and {second} have {common} equal "
                f"{spec.key}; {second} is not used. Give only one of them.",
            )
    return None


def _elsewhere(
    part: pd.DataFrame, kept: Sequence[pd.DataFrame], spec: LayerSpec
) -> YuxiGisError | None:
    first = next((one for one in kept if isinstance(one, gpd.GeoDataFrame)), None)
    if first is None or not isinstance(part, gpd.GeoDataFrame) or part.crs == first.crs:
        return None
    return CRSError(
        f"图层 {spec.id} 的各部分坐标系不同：{first.attrs['name']} 是 {crs_name(first.crs)}，"
        f"{part.attrs['name']} 是 {crs_name(part.crs)}，未使用后者。请先分别用 convert --to "
        "统一坐标系。",
        f"The parts of layer {spec.id} have different CRS: {first.attrs['name']} "
        f"{crs_name(first.crs)}, {part.attrs['name']} {crs_name(part.crs)}; the latter is not "
        "used. Bring them to one with convert --to first.",
    )
