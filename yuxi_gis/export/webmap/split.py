"""One page a township, and an index page that leads to them.

Every feature is on one page: that of the town its code names; without a code that of the town
whose outline it lies in or, else, touches; and the rest on a page of their own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack, cast

import geopandas as gpd
import pandas as pd
import shapely

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.codes import as_text
from yuxi_gis.crs import datum, require_crs
from yuxi_gis.errors import ParameterError
from yuxi_gis.export.webmap import Content, write_map
from yuxi_gis.export.webmap.index import TownPage, write_index
from yuxi_gis.export.webmap.size import NOTE_ABOVE, Note
from yuxi_gis.outputs import staged_folder
from yuxi_gis.regions import LEVELS, current_code, region_code
from yuxi_gis.summary.outlines import region_outlines

__all__ = ["REST", "TownMaps", "write_town_maps"]

#: What stands for the code of features that are in no town.
REST = "rest"
INDEX = "index.html"
_RESULTS = ("changed_parcels", "patches", "findings")
_OURS = re.compile(r"(\d{6}(\d{3}){0,2}|rest|index)\.html")

Frames = dict[str, gpd.GeoDataFrame]


@dataclass(frozen=True)
class TownMaps:
    """What was written.

    Attributes
    ----------
    index : Path
        The page to open first.
    pages : tuple of TownPage
        In the order of their codes; what is in no town last.
    """

    index: Path
    pages: tuple[TownPage, ...]


def write_town_maps(
    folder: str | os.PathLike[str],
    layers: Mapping[str, pd.DataFrame],
    *,
    level: str = "town",
    overwrite: bool = False,
    note: Note | None = None,
    note_above: int = NOTE_ABOVE,
    progress: Callable[[str, str, float], None] | None = None,
    **content: Unpack[Content],
) -> TownMaps:
    """Write one map a township (``530402001.html``), and ``index.html`` that leads to them.

    Parameters
    ----------
    folder : path-like
        Other files in it are left alone; pages of an earlier run are replaced or removed.
    layers : mapping of str to GeoDataFrame or DataFrame
    level : {"town", "village", "county"}
    overwrite : bool
        Go on although something is in `folder`.
    note, note_above
        As `write_map`; each thing is told once.
    progress : callable, optional
        Gets what is done, in Chinese and English, and the part that is done.
    **content
        The keywords of `make_map`.

    Raises
    ------
    OutputError
        The folder or a page cannot be written; nothing is left then.
    ParameterError
        No feature has a shape.
    CRSError, SceneError
        As `make_map`.
    """
    catalog = content.get("catalog") or load_catalog()
    given: dict[str, Any] = {name: frame for name, frame in layers.items() if _shaped(frame)}
    tables = {name: table for name, table in layers.items() if name not in given}
    results: dict[str, Any] = {name: content.get(name) for name in _RESULTS}
    found: Frames = given | {k: v for k, v in results.items() if v is not None}
    towns = _towns(found, level, catalog)
    codes = _codes(found, towns)
    if not codes:
        raise ParameterError("没有带图形的要素可上图。", "There is no feature with a shape to map.")
    told: set[str] = set()

    def once(zh: str, en: str) -> None:
        if note is not None and zh not in told:
            told.add(zh)
            note(zh, en)

    folder = Path(folder)
    before = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    names = [INDEX, *(f"{code}.html" for code in codes)]
    owns = dict.fromkeys([*names, *(name for name in before if _OURS.fullmatch(name))])
    pages = []
    with staged_folder(folder, owns=list(owns), overwrite=overwrite) as part:
        for i, code in enumerate(codes):
            if progress is not None:
                progress(f"写出 {code}.html", f"writing {code}.html", i / len(codes))
            here = {name: frame[towns[name] == code] for name, frame in found.items()}
            own = cast("Any", dict(content)) | {k: here.get(k) for k in _RESULTS}
            own["title"] = _title(content, code)
            land: dict[str, Any] = {k: here[k] for k in given if len(here[k])}
            land |= tables
            path = write_map(part / f"{code}.html", land, note=once, note_above=note_above, **own)
            pages.append(TownPage.of(code, path.stat().st_size, here, catalog))
        outlines = _outlines(given, level, catalog)
        write_index(part / INDEX, pages, outlines, content.get("lang", "zh"), content.get("title"))
    return TownMaps(folder / INDEX, tuple(pages))


def _shaped(frame: pd.DataFrame) -> bool:
    return isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is not None


def _title(content: Content, code: str) -> str:
    """The page's title: the town, and what the user calls the map."""
    name = TownPage.name_of(code, content.get("lang", "zh"))
    title = content.get("title")
    return f"{name} · {title}" if title else name


def _codes(found: Frames, towns: Mapping[str, pd.Series]) -> list[str]:
    """The towns with something to draw, in order; what is in none last."""
    drawn = {
        code
        for name, frame in found.items()
        for code in towns[name][~(frame.geometry.isna() | frame.geometry.is_empty)].unique()
    }
    return sorted(drawn, key=lambda code: (code == REST, code))


def _outlines(
    layers: Mapping[str, pd.DataFrame], level: str, catalog: Mapping[str, LayerSpec]
) -> gpd.GeoDataFrame:
    known = {name: frame for name, frame in layers.items() if name in catalog}
    outlines = region_outlines(known, level, catalog=catalog)
    return outlines[outlines["region"].str.len() == LEVELS[level]]


# Which town a feature is in ----------------------------------------------------------------------


def _towns(found: Frames, level: str, catalog: Mapping[str, LayerSpec]) -> dict[str, pd.Series]:
    """The code of the town of each feature, by layer or result; `REST` without one."""
    outlines = _outlines({k: v for k, v in found.items() if k not in _RESULTS}, level, catalog)
    towns: dict[str, pd.Series] = {}
    for name, frame in found.items():
        if name in ("findings", "changed_parcels"):
            coded = _of_parcels(frame, found, towns, level, catalog)
        else:
            spec = catalog.get(name)
            column = "XZQDM" if name == "patches" else spec and (spec.region or spec.key)
            coded = _by_code(frame, column or "", level)
        rest = coded.isna().to_numpy()
        coded[rest] = _by_place(frame[rest], outlines)
        towns[name] = coded.fillna(REST)
    return towns


def _by_code(frame: pd.DataFrame, column: str, level: str) -> pd.Series:
    """The town that a column names; missing where it names none."""
    if column not in frame.columns:
        return pd.Series(None, index=frame.index, dtype="str")
    codes = as_text(frame[column]).str.strip().str[:12]
    region = current_code(region_code(codes, level))
    return region.where(region.str.len() == LEVELS[level]).astype("str")


def _of_parcels(
    frame: pd.DataFrame,
    found: Frames,
    towns: Mapping[str, pd.Series],
    level: str,
    catalog: Mapping[str, LayerSpec],
) -> pd.Series:
    """The town of the parcel that a result names, else what its code says."""
    coded = _by_code(frame, "feature", level)
    if not {"layer", "feature"} <= set(frame.columns):
        return coded
    named = as_text(frame["feature"])
    for name in as_text(frame["layer"]).dropna().unique():
        spec, rows = catalog.get(name), (as_text(frame["layer"]) == name).fillna(False)
        if name not in towns or spec is None or spec.key not in found[name].columns:
            continue
        keys = as_text(found[name][spec.key])
        lookup = pd.Series(towns[name].to_numpy(), index=keys).loc[lambda s: s.index.notna()]
        lookup = lookup[~lookup.index.duplicated() & (lookup != REST)]
        coded[rows] = named[rows].map(lookup).fillna(coded[rows])
    return coded.astype("str")


def _by_place(frame: gpd.GeoDataFrame, outlines: gpd.GeoDataFrame) -> pd.Series:
    """The town that a feature lies in, by a point on it, else the first that it touches."""
    town = pd.Series(None, index=pd.RangeIndex(len(frame)), dtype="str")
    rows = (~(frame.geometry.isna() | frame.geometry.is_empty)).to_numpy().nonzero()[0]
    if not len(rows) or outlines.empty:
        return town.set_axis(frame.index)
    require_crs(frame)
    shapes = datum.to_crs(frame.iloc[rows], outlines.crs).geometry.to_numpy()
    tree, codes = shapely.STRtree(outlines.geometry.to_numpy()), outlines["region"].to_numpy()
    # What is written last holds: the point goes before the touch, a smaller code before a larger.
    for places in (shapes, shapely.point_on_surface(shapes)):
        row, zone = tree.query(places, predicate="intersects")
        first = pd.Series(zone).groupby(row).min()
        town.iloc[rows[first.index]] = codes[first]
    return town.set_axis(frame.index)
