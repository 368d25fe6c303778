"""The changed share of every parcel, by exact pixel fractions.

A pixel on a parcel's boundary counts with the exact part of it that lies within (`coverage`), so
narrow terraces are measured as well as large fields.

A parcel counts as changed when real change (of kinds that are not seasonal) covers the smallest
area that its main kind is mapped at (`Kind.least_m2`), and either the smallest share
(`Kind.least_share`) or `MUCH` times that area; in a parcel that is itself small, half of the
parcel and half of that area are enough. If real change does not reach that but all change
together does, the parcel is listed as possibly seasonal. The blurred rims of changes do not
count.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray

from yuxi_gis.catalog import load_catalog
from yuxi_gis.change.coverage import class_pixels
from yuxi_gis.change.kinds import KINDS
from yuxi_gis.crs import datum, require_crs
from yuxi_gis.errors import ParameterError
from yuxi_gis.units import ellipsoidal_area, to_mu

__all__ = [
    "CHANGED_COLUMNS",
    "MUCH",
    "SHARE_COLUMNS",
    "Measured",
    "changed_parcels",
    "gather",
    "judged_whole",
    "kind_shares",
    "measure",
    "parcel_shares",
    "shaped",
]

SHARE_COLUMNS = (
    "layer", "feature", "changed_share", "seasonal_share", "seen_share", "geometry",
)  # fmt: skip
CHANGED_COLUMNS = (
    "layer", "feature", "kind", "kind_zh", "seasonal",
    "changed_m2", "changed_mu", "changed_share", "seen_share", "strength", "pixels", "geometry",
)  # fmt: skip

MUCH = 5
"""Multiple of a kind's smallest area that counts whatever its share of the parcel."""

#: Key fields that number districts, or what was seen to change between two dates: no parcels.
_NOT_PARCELS = frozenset({"XZQDM", "JCBH", "YGTBZJ"})
_MOSTLY = 0.5
_DIGITS = 7  # of a share: to 1 m² of 1,000 ha

Floats = NDArray[np.float64]


def shaped(layers: Mapping[str, pd.DataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """The layers that have geometry: a table cannot be laid on a scene.

    Raises
    ------
    ParameterError
        There are only tables.
    """
    found = {
        name: frame
        for name, frame in layers.items()
        if isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is not None
    }
    if layers and not found:
        raise ParameterError(
            f"{'、'.join(layers)}：没有图形。请给出带图形的地块图层。",
            f"{', '.join(layers)}: no geometry. Give parcel layers that have it.",
        )
    return found


def gather(layers: Mapping[str, gpd.GeoDataFrame], crs: str) -> gpd.GeoDataFrame:
    """All parcels of all layers: ``layer, feature, geometry`` in `crs`.

    Left out are layers of districts and of patches of change (monitoring patches and the like),
    rows that are no polygons, and layers without such rows. `feature` is the key field of the
    catalogue, else the row's index.

    Raises
    ------
    CRSError
        A layer has no CRS, or nothing but a ballpark leads from its datum to that of `crs`.
    """
    catalog = load_catalog()
    frames = []
    for name, frame in layers.items():
        require_crs(frame)
        polygons = frame[frame.geom_type.isin(["Polygon", "MultiPolygon"]) & ~frame.is_empty]
        key = catalog[name].key if name in catalog else None
        if key in _NOT_PARCELS or polygons.empty:
            continue
        feature = polygons[key] if key in polygons else polygons.index.to_series()
        named = gpd.GeoDataFrame(
            {"layer": name, "feature": feature.astype("str").to_numpy()},
            geometry=polygons.geometry.array,
        )
        frames.append(datum.to_crs(named, crs))
    if not frames:
        empty = {"layer": pd.Series(dtype="str"), "feature": pd.Series(dtype="str")}
        return gpd.GeoDataFrame(empty, geometry=[], crs=crs)
    parcels = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=crs)
    # Self-crossing rings are a finding of the checks; here they only need an inside.
    shapes = parcels.geometry.to_numpy().copy()
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    return parcels.set_geometry(shapes, crs=crs)[~shapely.is_empty(shapes)].reset_index(drop=True)


@dataclass(frozen=True)
class Measured:
    """What the pixels within each parcel say.

    Attributes
    ----------
    shares : float64, (parcels, kinds)
        Part of the parcel that is of each kind, in the order of `KINDS`.
    seen : float64, (parcels,)
        Part of the parcel that is seen.
    strengths : float64, (parcels, kinds)
        `shares`, each pixel times its strength of change: mean strength is the one by the other.
    pixels : float64, (parcels,)
        Size of the parcel in pixels.
    """

    shares: Floats
    seen: Floats
    strengths: Floats
    pixels: Floats


def measure(
    parcels: gpd.GeoDataFrame,
    kinds: str | os.PathLike[str],
    strength: str | os.PathLike[str] | None = None,
) -> Measured:
    """What the pixels within each parcel say, each by the exact part that lies within.

    Parameters
    ----------
    parcels : GeoDataFrame
        In the CRS of the raster.
    kinds : path-like
        Raster whose first band holds kind codes, nodata where not seen.
    strength : path-like, optional
        Raster on the same grid whose first band is the strength of change; without it every
        pixel counts as of strength 1.
    """
    with rasterio.open(kinds) as data:
        pixel = abs(data.transform.determinant)
    shapes = parcels.geometry.to_numpy()
    found = class_pixels(shapes, kinds, [kind.code for kind in KINDS], strength)
    pixels = shapely.area(shapes) / pixel
    whole = np.maximum(pixels, 1e-9)
    return Measured(
        np.clip(found.of_class / whole[:, None], 0, 1),
        np.clip(found.seen / whole, 0, 1),
        found.weighed / whole[:, None],
        pixels,
    )


def kind_shares(parcels: gpd.GeoDataFrame, kinds: str | os.PathLike[str]) -> tuple[Floats, Floats]:
    """`Measured.shares` and `Measured.seen` alone."""
    found = measure(parcels, kinds)
    return found.shares, found.seen


def judged_whole(shares: Floats, wholes: NDArray[np.int16]) -> NDArray[np.int16]:
    """Kind codes of the fields that are judged by their own spectra; 0 for the others.

    Mixed pixels mislead about crops, trees and water, which take fields as a whole. So where most
    of a parcel changed, and its spectrum is known and says such a kind, that kind holds. What the
    pixels say of buildings stays, as these take a corner.

    Parameters
    ----------
    shares : float64, (parcels, kinds)
        From `kind_shares`.
    wholes : int16, (parcels,)
        From `unmix.whole_kinds`.
    """
    by_field = np.isin(wholes, [kind.code for kind in KINDS if kind.by_field])
    return np.where(by_field & (shares.sum(axis=1) >= _MOSTLY), wholes, 0).astype(np.int16)


def _with_judgement(shares: Floats, judged: NDArray[np.int16]) -> Floats:
    """`shares` with what judged fields hold of by-field kinds moved to the kind of the field."""
    by_field = np.array([kind.by_field for kind in KINDS])
    column = {kind.code: place for place, kind in enumerate(KINDS)}
    rows = np.flatnonzero(judged)
    out = shares.copy()
    out[np.ix_(rows, by_field)] = 0.0
    out[rows, [column[int(code)] for code in judged[rows]]] = shares[:, by_field].sum(axis=1)[rows]
    return out


def parcel_shares(parcels: gpd.GeoDataFrame, shares: Floats, seen: Floats) -> gpd.GeoDataFrame:
    """What was found in every parcel: table with `SHARE_COLUMNS`.

    `changed_share` is of real change, `seasonal_share` of what may be seasonal, both of the
    whole parcel; `seen_share` says how much of it was seen at all.
    """
    seasonal = np.array([kind.seasonal for kind in KINDS])
    table = parcels.assign(
        changed_share=shares[:, ~seasonal].sum(axis=1).round(_DIGITS),
        seasonal_share=shares[:, seasonal].sum(axis=1).round(_DIGITS),
        seen_share=seen.round(_DIGITS),
    )
    return table[list(SHARE_COLUMNS)]


def changed_parcels(
    parcels: gpd.GeoDataFrame,
    shares: Floats,
    seen: Floats,
    judged: NDArray[np.int16],
    strengths: Floats | None = None,
    pixels: Floats | None = None,
) -> gpd.GeoDataFrame:
    """The parcels that count as changed: table with `CHANGED_COLUMNS`.

    `strength` is the mean over the part of the parcel that changed, `pixels` the size of this part
    in pixels.

    Parameters
    ----------
    parcels : GeoDataFrame
    shares, seen, strengths, pixels : float64
        From `measure`; without the last two their columns are nan.
    judged : int16, (parcels,)
        From `judged_whole`.
    """
    area = ellipsoidal_area(parcels)
    powers = np.full_like(shares, np.nan) if strengths is None else strengths
    pixels = np.full(len(parcels), np.nan) if pixels is None else pixels
    shares = _with_judgement(shares, judged)
    powers = _with_judgement(powers, judged)
    season = np.array([kind.seasonal for kind in KINDS])
    least_m2 = np.array([kind.least_m2 for kind in KINDS])
    least_share = np.array([kind.least_share for kind in KINDS])

    def main(columns: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Floats, NDArray[np.bool_]]:
        part = np.where(columns, shares, 0.0)
        kind, total = part.argmax(axis=1), part.sum(axis=1)
        size = total * area / least_m2[kind]
        large = (size >= 1) & ((total >= least_share[kind]) | (size >= MUCH))
        return kind, total, large | ((size >= 0.5) & (total >= _MOSTLY))

    kind, total, real = main(~season)
    any_total, any_change = main(np.ones(len(KINDS), dtype=bool))[1:]
    # Real change that is too small to count does not become a season's.
    maybe, some_season, _ = main(season)
    any_change &= some_season > 0
    kind, total = np.where(real, kind, maybe), np.where(real, total, any_total)
    power = np.where(real, powers[:, ~season].sum(axis=1), powers.sum(axis=1))
    table = parcels.assign(
        kind=np.array([row.id for row in KINDS], dtype=object)[kind],
        kind_zh=np.array([row.zh for row in KINDS], dtype=object)[kind],
        seasonal=~real,
        changed_m2=(total * area).round(2),
        changed_mu=to_mu(total * area).round(4),
        changed_share=total.round(_DIGITS),
        seen_share=seen.round(_DIGITS),
        strength=(power / np.maximum(total, 1e-9)).round(3),
        pixels=(total * pixels).round(3),
    )
    table[["kind", "kind_zh"]] = table[["kind", "kind_zh"]].astype("str")
    return table.loc[real | any_change, list(CHANGED_COLUMNS)].reset_index(drop=True)
