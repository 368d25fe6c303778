"""What each parcel of a layer gives to which region, in whole 0.01 m²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis.catalog import CodeList, LayerSpec
from yuxi_gis.codes import as_text
from yuxi_gis.findings import printable
from yuxi_gis.regions import current_code, region_code
from yuxi_gis.summary.balance import balanced, hundredths
from yuxi_gis.summary.overall import measured, shaped
from yuxi_gis.summary.places import cut, inside, locate, sound, to_layer
from yuxi_gis.symbology import load_style

__all__ = [
    "NOT_LISTED",
    "LayerParts",
    "class_codes",
    "class_field",
    "class_list",
    "features",
    "layer_parts",
]

#: The class of codes that the list of their field does not have.
NOT_LISTED = "?"

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LayerParts:
    """The parts of one layer.

    Attributes
    ----------
    table : DataFrame
        One row a parcel and region: ``row`` (int), ``region`` (str, ``""`` unknown), ``class``
        (str), ``main`` (bool: the largest part, which counts), ``crossing`` (bool: the parcel has
        other parts), ``area``, ``official`` and ``protected`` (int64, 0.01 m²).
    method : str
        ``"planar"`` or ``"ellipsoidal"``; ``""`` where nothing was measured.
    official : str
        The field of the recorded area, ``""`` where there is none.
    protected : bool
        Whether the part within protected cropland was measured.
    by_place : bool
    former : int
        Codes that began with a former county's.
    """

    table: pd.DataFrame
    method: str
    official: str
    protected: bool
    by_place: bool
    former: int


class _Placed(NamedTuple):
    row: npt.NDArray[np.intp]
    region: npt.NDArray[np.object_]
    weight: npt.NDArray[np.float64]
    shape: npt.NDArray[np.object_] | None
    former: int = 0


def layer_parts(
    frame: pd.DataFrame,
    spec: LayerSpec,
    by: str,
    units: gpd.GeoDataFrame | None,
    protected: gpd.GeoDataFrame | None,
) -> LayerParts:
    """Share out the parcels of a layer among regions.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
    spec : LayerSpec
    by : {"village", "town", "county"}
    units : GeoDataFrame or None
        From `places.units_of`: by place. None: by code.
    protected : GeoDataFrame or None
        Polygons of protected cropland.

    Raises
    ------
    CRSError
        A layer to be measured has no CRS, or one on a datum that nothing but a ballpark joins to
        that of `units` or `protected`.
    """
    land = shaped(frame) and spec.geometry not in ("LineString", "Point")
    method, m2 = measured(frame, spec) if land else ("", np.zeros(len(frame)))
    place = shaped(frame) and units is not None
    if place:
        placed = _by_place(frame, spec, units, land)
    else:
        placed = _by_code(frame, spec, by)
    row, field = placed.row, spec.area.field if spec.area else ""
    area = balanced(placed.weight, row, hundredths(m2))
    official = np.zeros(len(row), dtype=np.int64)
    if field in frame:
        stated = hundredths(pd.to_numeric(frame[field], errors="coerce").to_numpy(float))
        official = balanced(placed.weight, row, stated)
    table = pd.DataFrame(
        {
            "row": row,
            "region": pd.Series(placed.region, dtype="str"),
            "class": class_codes(frame, spec).array.take(row),
            **_ranks(placed, len(frame)),
            "area": area,
            "official": official,
            "protected": 0,
        }
    )
    guarded = protected is not None and land
    if guarded:
        table["protected"] = _protected(frame, spec, placed, area, protected)
    known = field if field in frame else ""
    return LayerParts(table, method, known, guarded, place, placed.former)


def _by_code(frame: pd.DataFrame, spec: LayerSpec, by: str) -> _Placed:
    n = len(frame)
    region, former = np.full(n, "", dtype=object), 0
    if spec.region in frame:
        # Few regions: work on each once. A village's code has twelve digits.
        text = as_text(frame[spec.region]).str.strip().str[:12]
        number, codes = pd.factorize(text)
        old = region_code(pd.Series(codes, dtype="str"), by)
        new = current_code(old)
        known = np.append(new.fillna("").to_numpy(object), "")
        region = known[number]
        moved = (old.fillna("") != new.fillna("")).to_numpy(bool)
        former = int(np.append(moved, False)[number].sum())
    return _Placed(np.arange(n), region, np.ones(n), None, former)


def _by_place(
    frame: gpd.GeoDataFrame, spec: LayerSpec, units: gpd.GeoDataFrame, land: bool
) -> _Placed:
    zones = to_layer(units, frame)
    names = np.append(units["region"].to_numpy(object), "")
    if not land:
        points = shapely.point_on_surface(frame.geometry.to_numpy())
        zone = locate(points, zones)
        return _Placed(np.arange(len(frame)), names[zone], np.ones(len(frame)), None)
    pieces = cut(sound(frame.geometry.to_numpy()), zones)
    _, m2 = measured(gpd.GeoSeries(pieces.shape, crs=frame.crs), spec)
    weight = np.nan_to_num(m2)
    largest = np.zeros(len(frame))
    np.maximum.at(largest, pieces.row, weight)
    # A part that is not 0.01 m² is no part, unless the parcel is so small itself.
    keep = (weight >= 0.005) | (weight == largest[pieces.row])
    return _Placed(pieces.row[keep], names[pieces.zone[keep]], weight[keep], pieces.shape[keep])


def _ranks(placed: _Placed, n: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Which part of each row is the largest, of equal ones the first, and which rows have more."""
    row = placed.row
    order = np.lexsort([np.arange(len(row)), -placed.weight, row])
    first = np.r_[True, np.diff(row[order]) > 0] if len(row) else np.zeros(0, dtype=bool)
    main = np.zeros(len(row), dtype=bool)
    main[order] = first
    return {"main": main, "crossing": np.bincount(row, minlength=n)[row] > 1}


def _protected(
    frame: gpd.GeoDataFrame,
    spec: LayerSpec,
    placed: _Placed,
    area: Integers,
    protected: gpd.GeoDataFrame,
) -> Integers:
    shapes = sound(frame.geometry.to_numpy()) if placed.shape is None else placed.shape
    part = inside(shapes, to_layer(protected, frame))
    within = np.flatnonzero(~shapely.is_empty(part))
    if not len(within):
        return np.zeros(len(area), dtype=np.int64)
    _, have = measured(gpd.GeoSeries(part[within], crs=frame.crs), spec)
    _, whole = measured(gpd.GeoSeries(shapes[within], crs=frame.crs), spec)
    share = np.divide(have, whole, out=np.zeros(len(have)), where=whole > 0)
    result = np.zeros(len(area), dtype=np.int64)
    result[within] = np.rint(area[within] * np.clip(np.nan_to_num(share), 0, 1))
    return result


def class_field(spec: LayerSpec) -> str | None:
    """The field that the layer is classed by: the one that its style looks at."""
    return None if spec.is_table else load_style(spec.id).attribute


def class_list(frame: pd.DataFrame, spec: LayerSpec) -> CodeList | None:
    """The codes of `class_field`, in the edition that the layer follows."""
    field = spec.by_name.get(class_field(spec) or "")
    if field is None:
        return None
    name = frame.attrs.get("edition")
    edition = next((e for e in spec.editions if e.name == name), None)
    return edition.code_list(field) if edition else field.codes


def class_codes(frame: pd.DataFrame, spec: LayerSpec) -> pd.Series:
    """The class of each row: a code of the list, `NOT_LISTED`, or ``""`` where there is none."""
    field, codes = class_field(spec), class_list(frame, spec)
    if field is None or codes is None or field not in frame:
        return pd.Series("", index=range(len(frame)), dtype="str")
    number, values = pd.factorize(as_text(frame[field]))
    known = codes.zh.keys() | codes.tolerated.keys()
    text = pd.Series(values, dtype="str").str.strip()
    text = text.where(text.isin(list(known)) | (text == ""), NOT_LISTED)
    return pd.Series(np.append(text.to_numpy(object), "")[number], dtype="str")


def features(frame: pd.DataFrame, spec: LayerSpec) -> pd.Series:
    """What findings call each row: its code; ``#12`` where that is missing or not unique."""
    label = pd.Series([f"#{i}" for i in range(1, len(frame) + 1)], dtype="str")
    if spec.key in frame:
        code = as_text(frame[spec.key]).str.strip().reset_index(drop=True)
        good = code.notna() & (code != "") & ~code.duplicated(keep=False)
        label[good] = code[good].map(printable)
    return label
