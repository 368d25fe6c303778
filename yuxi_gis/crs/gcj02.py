"""The shifted coordinates of Chinese web maps: GCJ-02 (高德, 腾讯) and BD-09 (百度).

GCJ-02 moves WGS 84 by a smooth field of some hundred metres, BD-09 moves GCJ-02 by a further 600 m
or so. The formulas are the published reverse engineering that every open library carries. They
serve to *recognise* such data: what was shifted must not be stored, and survey data are to be had
unshifted from where they came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import Geod, Transformer

from yuxi_gis.crs.diagnosis import Diagnosis

__all__ = [
    "FORWARD",
    "area_factor",
    "gcj02_to_bd09",
    "looks_shifted",
    "unshift",
    "wgs84_to_bd09",
    "wgs84_to_gcj02",
]

Floats = npt.NDArray[np.float64]
Pair = tuple[Floats, Floats]

# The ellipsoid of Krassowsky, on which GCJ-02 turns metres into degrees.
_A, _EE = 6378245.0, 0.00669342162296594323


def wgs84_to_gcj02(lon: Any, lat: Any) -> Pair:
    """Degrees in WGS 84 or CGCS2000 as degrees in GCJ-02, float64 of the same shape."""
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    x, y, pi, sin = lon - 105, lat - 35, np.pi, np.sin
    root = np.sqrt(abs(x))
    short = 20 * sin(6 * pi * x) + 20 * sin(2 * pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * root
    north += (short + 20 * sin(pi * y) + 40 * sin(pi * y / 3)) * 2 / 3
    north += (160 * sin(pi * y / 12) + 320 * sin(pi * y / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * root
    east += (short + 20 * sin(pi * x) + 40 * sin(pi * x / 3)) * 2 / 3
    east += (150 * sin(pi * x / 12) + 300 * sin(pi * x / 30)) * 2 / 3
    phi = np.radians(lat)
    magic = 1 - _EE * np.sin(phi) ** 2
    dlat = np.degrees(north / (_A * (1 - _EE) / magic**1.5))
    dlon = np.degrees(east / (_A / np.sqrt(magic) * np.cos(phi)))
    return lon + dlon, lat + dlat


def gcj02_to_bd09(lon: Any, lat: Any) -> Pair:
    """Degrees in GCJ-02 as degrees in BD-09."""
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    k = np.pi * 3000 / 180
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * k)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * k)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def wgs84_to_bd09(lon: Any, lat: Any) -> Pair:
    """Degrees in WGS 84 or CGCS2000 as degrees in BD-09."""
    return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))


#: The shift by its name.
FORWARD = {"gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}


def unshift(lon: Any, lat: Any, what: str) -> Pair:
    """The WGS 84 degrees that `what` (``"gcj02"`` or ``"bd09"``) moved to (`lon`, `lat`).

    Fixed-point iteration until no coordinate moves by 1e-9° (0.1 mm): the field changes by less
    than 1 % of the distance, so each step wins two digits.
    """
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    x, y = lon, lat
    for _ in range(20):
        u, v = FORWARD[what](x, y)
        dx, dy = lon - u, lat - v
        x, y = x + dx, y + dy
        if not (np.nanmax(abs(np.stack([dx, dy])), initial=0) > 1e-12):
            break
    return x, y


def area_factor(lon: Any, lat: Any, what: str) -> Floats:
    """By how much the shift makes a small area at WGS 84 (`lon`, `lat`) appear larger."""
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    step, move = 1e-5, FORWARD[what]
    east, west = move(lon + step, lat), move(lon - step, lat)
    north, south = move(lon, lat + step), move(lon, lat - step)
    jacobian = (east[0] - west[0]) * (north[1] - south[1])
    jacobian = jacobian - (east[1] - west[1]) * (north[0] - south[0])
    there = move(lon, lat)[1]
    return jacobian / (2 * step) ** 2 * _square_degree(there) / _square_degree(lat)


#: Square metres of a square degree at the equator of GRS 80: (pi a / 180)² (1 - e²).
_SQUARE_DEGREE_M2 = (np.pi * 6378137 / 180) ** 2 * (1 - 0.00669438002290)


def _square_degree(lat: Floats) -> Floats:
    """Ground area of a square degree against one at the equator."""
    phi = np.radians(lat)
    return np.cos(phi) / (1 - 0.00669438002290 * np.sin(phi) ** 2) ** 2


# Signs of a shift -------------------------------------------------------------------------------

_TITLES = {"gcj02": "GCJ-02（高德、腾讯）", "bd09": "BD-09（百度）"}
_WORDS = {
    "gcj02": r"gcj[-_ ]?0?2|火星坐标|mars[-_ ]?coord|高德|autonavi|(?<![a-z])amap|腾讯|qqmap",
    "bd09": r"(?<![a-z0-9])bd[-_ ]?0?9(?![0-9])|百度|baidu",
}
# Columns that hold a place of the parcel; which is east is told by the numbers.
_PLACES = (
    ("x", "y"),
    ("xzbz", "yzbz"),
    ("xzb", "yzb"),
    ("x坐标", "y坐标"),
    ("横坐标", "纵坐标"),
    ("经度", "纬度"),
    ("jd", "wd"),
    ("lon", "lat"),
    ("lng", "lat"),
    ("longitude", "latitude"),
)
# Columns of measured areas; those that end in M are in 亩 (2000/3 m²).
_AREAS = {
    "scmj": 1.0,
    "tbmj": 1.0,
    "zdmj": 1.0,
    "实测面积": 1.0,
    "图斑面积": 1.0,
    "scmjm": 2000 / 3,
}

_SAMPLE, _ENOUGH = 2000, 30
#: Parcels below this, m², are too small for areas printed to 0.01 m² to be compared to 1e-4.
_LEAST_AREA = 200.0
_GEOD = Geod(ellps="GRS80")


def looks_shifted(frame: gpd.GeoDataFrame, name: str = "") -> tuple[Diagnosis, ...]:
    """Signs that a layer is in the shifted coordinates of a web map.

    There are three: a word in `name` (file, folder, table), a field's name or the CRS's name
    (low confidence: a village may be called 高德); columns with coordinates of each parcel from
    which the geometry is away by just the shift of that place; measured areas from which the
    geometry's areas differ as the shift stretches the ground there, by up to 0.4 % (GCJ-02) or
    0.8 % (BD-09) in Yuxi. Without such a word or column nothing can be said: the shifted numbers
    by themselves look like any others, and silence is no proof.

    Parameters
    ----------
    frame : GeoDataFrame
        In its CRS; fields by any name. At most 2000 rows are looked at.
    name : str
        File, folder and table.

    Returns
    -------
    tuple of Diagnosis
        At most one for each sign.
    """
    found = list(_by_words(frame, name))
    rows = _rows(frame)
    if frame.crs is None or frame.crs.geodetic_crs is None or not len(rows):
        return tuple(found)
    to_degrees = Transformer.from_crs(frame.crs, frame.crs.geodetic_crs, always_xy=True)
    boxes = shapely.bounds(rows.geometry.array)
    lon, lat = to_degrees.transform(
        (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    )
    if not (73 < np.median(lon) < 136 and 3 < np.median(lat) < 54):  # nothing is shifted abroad
        return tuple(found)
    found += _by_places(rows, lon, lat, to_degrees)
    found += _by_areas(rows, lon, lat, to_degrees)
    return tuple(found)


def _rows(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Up to 2000 rows with finite geometry, from all over the layer."""
    pick = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), _SAMPLE)).astype(int))
    rows = frame.iloc[pick]
    return rows[np.isfinite(shapely.bounds(rows.geometry.array)).all(axis=1)]


def _by_words(frame: gpd.GeoDataFrame, name: str) -> Iterator[Diagnosis]:
    texts = [name, *map(str, frame.columns), frame.crs.name if frame.crs is not None else ""]
    for what, pattern in _WORDS.items():
        for text in texts:
            if hit := re.search(pattern, text, re.IGNORECASE):
                yield _told(
                    what,
                    f"名称 {text[-60:]!r} 中有“{hit[0]}”",
                    f"the name {text[-60:]!r} has {hit[0]!r} in it",
                    "low",
                )
                break


def _by_places(
    rows: gpd.GeoDataFrame, lon: Floats, lat: Floats, to_degrees: Transformer
) -> Iterator[Diagnosis]:
    """The geometry is away from the table's own coordinates by the shift of the place."""
    columns = {str(name).strip().lower(): name for name in rows.columns}
    for pair in _PLACES:
        if not set(pair) <= set(columns):
            continue
        values = [_numbers(rows[columns[word]]) for word in pair]
        for first, second in permutations(values):
            with np.errstate(invalid="ignore"):
                degrees = (abs(first) <= 180).any() and (abs(second) <= 90).any()
            x, y = (first, second) if degrees else to_degrees.transform(first, second)
            what = _shift_between((x, y), (lon, lat))
            if what:
                title = "、".join(str(columns[word]) for word in pair)
                yield _told(
                    what,
                    f"图形偏离字段 {title} 的坐标，偏移量正是当地的 {_TITLES[what]}偏移",
                    f"the geometry is away from the coordinates in {title} by the shift of {what} "
                    "at that place",
                    "high",
                )
                return


def _shift_between(places: Pair, seen: Pair) -> str | None:
    """The shift that takes `places` to `seen`; None where they agree or differ otherwise."""
    good = np.isfinite([*places, *seen]).all(axis=0)
    good &= (abs(places[0]) <= 180) & (abs(places[1]) <= 90)
    if not good.any():
        return None
    (x, y), (lon, lat) = ((p[0][good], p[1][good]) for p in (places, seen))
    apart = float(np.median(_GEOD.inv(x, y, lon, lat)[2]))
    if not 100 < apart < 3000:
        return None
    left = {
        what: float(np.median(_GEOD.inv(*move(x, y), lon, lat)[2]))
        for what, move in FORWARD.items()
    }
    best = min(left, key=lambda what: left[what])
    return best if left[best] < apart / 5 else None


def _by_areas(
    rows: gpd.GeoDataFrame, lon: Floats, lat: Floats, to_degrees: Transformer
) -> Iterator[Diagnosis]:
    """The geometry's areas are the measured ones times the shift's own stretch.

    Every other cause (projection, datum, height) stretches a layer evenly by less than 0.1 %;
    the shift's stretch changes from kilometre to kilometre, so it has to be followed as well.
    """
    columns = {str(name).strip().lower(): name for name in rows.columns}
    flat = shapely.transform(
        shapely.force_2d(rows.geometry.to_numpy()),
        lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1])),
    )
    for word, unit in _AREAS.items():
        if word not in columns:
            continue
        recorded = _numbers(rows[columns[word]]) * unit
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = shapely.area(flat) * _square_degree(lat) * _SQUARE_DEGREE_M2 / recorded
            good = (recorded >= _LEAST_AREA) & (abs(ratio - 1) < 0.02)
        if good.sum() < _ENOUGH:
            continue
        for what in FORWARD:
            stretch = area_factor(*unshift(lon[good], lat[good], what), what)
            if _explains(ratio[good], stretch):
                by = float(np.median(abs(ratio[good] - 1))) * 1e6
                yield _told(
                    what,
                    f"图形面积与字段 {columns[word]} 的差（中位数 {by:.0f} ppm）随地点变化，"
                    f"与当地的 {_TITLES[what]}变形一致",
                    f"the geometry's areas differ from {columns[word]} (median {by:.0f} ppm) from "
                    f"place to place as {what} stretches the ground",
                    "high",
                )
                return


def _explains(ratio: Floats, stretch: Floats) -> bool:
    """Whether the stretch leaves a fraction of the differences and goes with them."""
    before, after = np.median(abs(ratio - 1)), np.median(abs(ratio / stretch - 1))
    if not (after < 4e-4 and before > 3 * after and np.std(stretch) > 1e-4):
        return False
    kept = abs(ratio / stretch - 1) < 5e-3  # a few parcels are simply wrong
    return bool(np.corrcoef(ratio[kept], stretch[kept])[0, 1] > 0.9)


def _numbers(column: pd.Series) -> Floats:
    return pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)


def _told(what: str, zh: str, en: str, confidence: str) -> Diagnosis:
    return Diagnosis(
        what,
        f"坐标像是 {_TITLES[what]}偏移坐标：{zh}。请向提供者索取未偏移的原始数据；"
        "偏移坐标不得入库，也不能用于检查。",
        f"The coordinates look shifted ({what.upper()}): {en}. Ask for the unshifted original; "
        "shifted coordinates must not be stored nor used for checks.",
        confidence,
    )
