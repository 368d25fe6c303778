"""The list of suspected changes that a person steps through on the page."""

from __future__ import annotations

import base64
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.drivers import raster_driver_extensions
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from yuxi_gis.change.kinds import KINDS
from yuxi_gis.change.parcels import gather
from yuxi_gis.codes import Masking, mask_codes
from yuxi_gis.export.change_outputs import first_patches
from yuxi_gis.export.chips import Chip, data_url, draw_chips
from yuxi_gis.export.jctb import overlaps
from yuxi_gis.export.webmap.themes import Theme
from yuxi_gis.export.webmap.values import plain
from yuxi_gis.read.raster import open_scene
from yuxi_gis.units import ellipsoidal_area

__all__ = ["MOST_BYTES", "MOST_CHIPS", "change_list"]

MOST_CHIPS = 100
"""Changes that have a picture in the page."""
MOST_BYTES = 6_000_000
"""Of all pictures together, as the page carries them."""

_QUALITY = 75  # of WebP
_NAMED = 12  # parcels named for each change
#: Its polygons cover everything, and are no one's parcels.
_NOT_NAMED = frozenset({"landuse"})

Scene = str | os.PathLike[str]


def change_list(
    patches: gpd.GeoDataFrame | None,
    themed: Sequence[tuple[Theme, gpd.GeoDataFrame]],
    *,
    before: Scene | None = None,
    after: Scene | None = None,
    shift: tuple[float, float] = (0.0, 0.0),
    masking: Masking,
) -> dict[str, Any]:
    """Suspected changes with pictures and the parcels concerned, as ``changes.js`` reads them.

    Parameters
    ----------
    patches : GeoDataFrame, optional
        `ChangeResult.patches`, in any CRS.
    themed : sequence of (Theme, GeoDataFrame)
        The layers of the page; masked, so that parcels are called here as they are there.
    before, after : path-like, optional
        Scenes; pictures are made where both are given, of real change before what may be seasonal,
        each by size, until there are `MOST_CHIPS` or they take `MOST_BYTES`.
    shift : (float, float)
        How far `after` is moved first, in units of the CRS of `patches` (`ChangeResult.shift`).
    masking : Masking

    Returns
    -------
    dict
        ``kinds`` ({id: (zh, en)}), ``chips`` (how many pictures there are) and ``items``, the
        largest first: ``layer`` (id), ``key`` (JCBH), ``m2`` (ellipsoidal), ``kind`` (id),
        ``seasonal``, ``confidence`` (0..1 or None), ``chip`` (data URL or None), ``parcels``
        (``layer``, ``key``, ``m2`` and ``share`` of the parcel that the change covers, the largest
        part first) and ``more``, the number of parcels beyond those. Empty without patches that
        have numbers (JCBH).

    Raises
    ------
    CRSError
        Nothing but a ballpark leads from the datum of a layer to that of `patches`.
    SceneError
        A scene cannot be read.
    """
    if patches is None or patches.empty or "JCBH" not in patches:
        return {"kinds": {}, "chips": 0, "items": []}
    kinds = {kind.id: (kind.zh, kind.en) for kind in KINDS}
    ordered = _ordered(patches)
    chips: dict[str, str] = {}
    if before is not None and after is not None:
        chips = _chips(first_patches(ordered, MOST_CHIPS), before, after, shift)
    numbers = mask_codes(ordered["JCBH"], masking).to_numpy()
    parcels = _parcels(ordered, themed)
    items = []
    for i, row in enumerate(ordered.drop(columns=ordered.geometry.name).to_dict("records")):
        confidence = row["confidence"]
        named = parcels.get(i, [])
        items.append(
            {
                "layer": "seasonal_patches" if row["seasonal"] else "patches",
                "key": plain(numbers[i]),
                "m2": round(row["MJ"], 1),
                "kind": row["kind"],
                "seasonal": row["seasonal"],
                "confidence": round(confidence, 2) if np.isfinite(confidence) else None,
                "chip": chips.get(row["JCBH"]),
                "parcels": named[:_NAMED],
                "more": max(0, len(named) - _NAMED),
            }
        )
    used = {name: kinds.get(name, (name, name)) for name in sorted(set(ordered["kind"]))}
    return {"kinds": used, "chips": len(chips), "items": items}


def _ordered(patches: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Patches with the columns that are told of, the largest first."""
    area = patches["MJ"].to_numpy("float64") if "MJ" in patches else ellipsoidal_area(patches)
    n, nothing = len(patches), pd.Series(np.nan, index=patches.index)
    sure = pd.to_numeric(patches.get("confidence", nothing)).to_numpy("float64")
    unsure = patches.get("seasonal", nothing).fillna(False).to_numpy(dtype=bool)
    kind = patches.get("kind", pd.Series(["other"] * n, index=patches.index))
    table = {
        "JCBH": patches["JCBH"].astype("str").to_numpy(),
        "MJ": np.nan_to_num(area),
        "kind": kind.astype("str").fillna("other").to_numpy(),
        "seasonal": unsure,
        "confidence": sure,
    }
    frame = gpd.GeoDataFrame(table, geometry=patches.geometry.array, crs=patches.crs)
    return frame.sort_values(["MJ", "JCBH"], ascending=[False, True], ignore_index=True)


# --- Pictures ---------------------------------------------------------------------------------


def _chips(
    places: gpd.GeoDataFrame, before: Scene, after: Scene, shift: tuple[float, float]
) -> dict[str, str]:
    """Data URLs by JCBH, as many as fit."""
    drawn = places[~(shapely.is_missing(places.geometry) | shapely.is_empty(places.geometry))]
    found: dict[str, str] = {}
    room = MOST_BYTES
    chips = draw_chips(drawn, open_scene(before), open_scene(after), shift=shift)
    for number, url in zip(drawn["JCBH"], _urls(chips), strict=True):
        room -= len(url)
        if room < 0:
            break
        found[number] = url
    return found


def _urls(chips: Iterator[Chip]) -> Iterator[str]:
    """Data URLs; photographs (JPEG) as WebP where it can be written. Squares stay as they are."""
    webp = "webp" in raster_driver_extensions()
    for chip in chips:
        yield _webp(chip) if webp and chip.format == "jpeg" else data_url(chip)


def _webp(chip: Chip) -> str:
    with MemoryFile(chip.data) as old, MemoryFile() as new, warnings.catch_warnings():
        # A picture has no georeference of its own.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with old.open() as image:
            pixels = image.read()
        count, height, width = pixels.shape
        size = {"width": width, "height": height, "count": count, "dtype": "uint8"}
        with new.open(driver="WEBP", QUALITY=_QUALITY, **size) as image:
            image.write(pixels)
        code = base64.b64encode(new.read()).decode("ascii")
    return f"data:image/webp;base64,{code}"


# --- Parcels ----------------------------------------------------------------------------------


def _parcels(
    patches: gpd.GeoDataFrame, themed: Sequence[tuple[Theme, gpd.GeoDataFrame]]
) -> dict[int, list[dict[str, Any]]]:
    """The parcels on each patch by its position, the largest part first."""
    land = {theme.id: (theme, frame) for theme, frame in themed if not theme.result}
    # Without their codes parcels are numbered; the page's own names for them follow below.
    bare = {
        name: gpd.GeoDataFrame(geometry=frame.geometry.array, crs=frame.crs)
        for name, (_, frame) in land.items()
        if name not in _NOT_NAMED
    }
    places = gather(bare, patches.crs.to_wkt())
    found = overlaps(patches, places)
    # Areas on the plane only share out the true ones.
    planes = [shapely.area(np.asarray(frame.geometry.array)) for frame in (patches, places)]
    part = found["area"] / planes[0][found["patch"]]
    found["m2"] = part * ellipsoidal_area(patches)[found["patch"]]
    found["share"] = found["area"] / planes[1][found["row"]]
    found = found.join(places[["layer", "feature"]], on="row")
    found["key"] = _keys(found, land)
    found = found[found["m2"] >= 0.5].round({"m2": 1, "share": 4})
    told: list[Any] = found[["layer", "key", "m2", "share"]].to_dict("records")
    out: dict[int, list[dict[str, Any]]] = {}
    for patch, parcel in zip(found["patch"].tolist(), told, strict=True):
        out.setdefault(patch, []).append(parcel)
    return out


def _keys(found: pd.DataFrame, land: Mapping[str, tuple[Theme, gpd.GeoDataFrame]]) -> Any:
    """What the page calls each parcel that was found; ``""`` where it has no code."""
    keys = np.full(len(found), "", dtype=object)
    for name, rows in found.groupby("layer"):
        theme, frame = land[str(name)]
        if theme.key is not None:
            values = frame[theme.key].iloc[rows["feature"].astype("int64")]
            keys[rows.index.to_numpy()] = [
                "" if pd.isna(value) else plain(value) for value in values
            ]
    return keys
