"""Where coordinates lie, against the CRS that they are said to be in.

Coordinates cannot tell their datum: a place has nearly the same numbers in EPSG:4543, 2379 and
2431. They do tell the projection: a zone prefix, exchanged axes, degrees instead of metres. What
is found is named with its mend, which is to relabel and never to reproject: the numbers are right,
the label is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from pyproj import CRS, Transformer

from yuxi_gis.crs import Bounds, Zone, datum_name, epsg, robust_bounds
from yuxi_gis.crs.diagnosis import Diagnosis
from yuxi_gis.crs.gcj02 import looks_shifted

__all__ = [
    "YUXI",
    "Diagnosis",
    "Suggestion",
    "diagnose",
    "looks_shifted",
    "robust_bounds",
    "suggest",
]

#: Yuxi in degrees (envelope of its nine districts' boundaries): west, south, east, north.
YUXI: Bounds = (101.277, 23.315, 103.152, 24.952)
_CHINA: Bounds = (73.0, 16.5, 136.0, 54.0)

# How far, in degrees, the middle of a layer may lie outside the area its CRS is made for: layers
# cross the borders of zones. Less where another reading puts the layer into Yuxi.
_MARGIN, _MARGIN_HOME, _MARGIN_UNITS = 1.5, 0.3, 6.0
_NEAR_YUXI = 0.1


@dataclass(frozen=True)
class Suggestion:
    """A CRS that a layer without one may be in, and why; with `swap`: after exchanging X and Y."""

    crs: CRS
    zh: str
    en: str
    confidence: str
    swap: bool = False


class _Reading(NamedTuple):
    """Another way to understand the coordinates."""

    what: str
    crs: CRS
    swap: bool
    within: Bounds  # where it must put the layer, degrees
    margin: float


# A declared CRS ---------------------------------------------------------------------------------


def diagnose(
    bounds: Bounds | None, crs: CRS, *, home: Bounds | None = None
) -> tuple[Diagnosis, ...]:
    """What is wrong with `crs` for coordinates within `bounds`.

    The middle of the layer is held against the area that `crs` is made for, in any country; only
    where it lies outside are other readings tried: the same zone with or without its prefix,
    exchanged axes, degrees, the zone that the prefix names, then the zones and CRSs that put the
    layer into Yuxi. The datum of the mend is the declared one.

    Parameters
    ----------
    bounds : tuple of float or None
        From `robust_bounds`; None (an empty layer) gives no diagnosis.
    crs : CRS
        As declared.
    home : tuple of float, optional
        West, south, east, north in degrees, where the layer is known to lie: `YUXI` where its
        codes begin with 5304. Without it, eastings of the meridian 102° under the label of 105°
        cannot be told from a layer that does lie 3° further east.

    Returns
    -------
    tuple of Diagnosis
        One or none.
    """
    if bounds is None or crs.geodetic_crs is None:
        return ()
    area = _area(crs)
    if _in_metres(crs) and area and _fits(_as_degrees(bounds), area, _MARGIN_UNITS):
        return (_told(_Reading("degrees", _geographic(crs), False, area, 0), bounds, crs),)
    here = _in_degrees(bounds, crs)
    if _fits(here, home or YUXI, _NEAR_YUXI) or area is None:
        return ()
    at_home = home is None or _fits(here, home, _NEAR_YUXI)
    if at_home and _fits(here, area, _MARGIN_HOME):
        return ()
    for reading in _readings(bounds, crs, area, home or YUXI):
        place = _in_degrees(bounds, reading.crs, reading.swap)
        if _fits(place, reading.within, reading.margin) and (
            home is None or _fits(place, home, _NEAR_YUXI)
        ):
            return (_told(reading, bounds, crs),)
    if at_home and _fits(here, area, _MARGIN):
        return ()
    return (_outside(bounds, crs, here, area if at_home else home or area),)


def _readings(bounds: Bounds, crs: CRS, area: Bounds, home: Bounds) -> Iterator[_Reading]:
    """Other ways to understand the coordinates, the nearest to the label first."""
    declared, degrees = Zone.of(crs), crs.is_geographic
    datum = datum_name(crs)
    zones = [zone for zone in Zone.all().values() if zone.datum == datum] or [
        zone for zone in Zone.all().values() if zone.datum == "China 2000"
    ]
    for zone in zones:
        if declared and zone == declared.other():
            twin = _crs(zone.epsg)
            margin = _MARGIN if declared.other().prefix else _MARGIN_HOME
            yield _Reading("zone_prefix", twin, False, _area(twin) or area, margin)
    yield _Reading("axes_swapped", crs, True, area, _MARGIN_HOME)
    if _in_metres(crs):
        yield _Reading("degrees", _geographic(crs), True, area, _MARGIN_UNITS)
    what = "metres" if degrees else "wrong_zone"
    for swap in (False, True):
        for zone in zones:
            if zone.prefix and zone.number == int((bounds[1] if swap else bounds[0]) // 1_000_000):
                other = _crs(zone.epsg)
                word = "zone_prefix" if declared and not declared.prefix else what
                yield _Reading(word, other, swap, _area(other) or area, _MARGIN)
    if declared:
        twin = _crs(declared.other().epsg)
        yield _Reading("zone_prefix", twin, True, _area(twin) or area, _MARGIN_HOME)
    plain = [zone.epsg for zone in zones if not zone.prefix and zone.meridian in (102, 105, 99)]
    plain.sort(key=lambda number: abs(Zone.all()[number].meridian - 102))
    for number in (*plain, 32648, 32647, 3857):
        for swap in (False, True):
            yield _Reading(what, _crs(number), swap, home, _NEAR_YUXI)
    if not _in_metres(crs):  # metres anyway, of a meridian that cannot be known
        return
    yield _Reading("degrees", _geographic(crs), False, home, _NEAR_YUXI)


def _told(reading: _Reading, bounds: Bounds, declared: CRS) -> Diagnosis:
    what, crs, swap, *_ = reading
    label, seen = _label(declared), _seen(bounds)
    zone = Zone.of(crs)
    prefixed = (
        (
            f"带有带号 {zone.number}，而 {label} 不带",
            f"have the zone prefix {zone.number}, which {label} has not",
        )
        if zone and zone.prefix
        else (f"不带带号，而 {label} 带有", f"have no zone prefix, which {label} has")
    )
    here = _where(_in_degrees(bounds, declared))
    there = _where(_in_degrees(bounds, crs, swap))
    zh, en = {
        "zone_prefix": prefixed,
        "axes_swapped": (
            "的 X、Y 写反了（测绘以 X 为北）",
            "have X and Y exchanged (X is north in Chinese surveying)",
        ),
        "degrees": (f"是经纬度，而 {label} 以米为单位", f"are degrees, but {label} is in metres"),
        "metres": (
            f"以米为单位，而 {label} 是经纬度；按 {_label(crs)} 落在 {there[0]}",
            f"are metres, but {label} is in degrees; as {_label(crs)} they lie at {there[1]}",
        ),
        "wrong_zone": (
            f"按 {label} 落在 {here[0]}，不在其适用范围；按 {_label(crs)} 落在 {there[0]}",
            f"lie at {here[1]} as {label}, outside its area, and at {there[1]} as {_label(crs)}",
        ),
    }[what]
    if swap and what != "axes_swapped":
        zh, en = zh + "，且 X、Y 写反了", en + ", and X and Y are exchanged"
    relabel = None if crs == declared else crs
    mend = _mend(relabel, swap)
    confidence = "low" if what == "wrong_zone" and not (zone and zone.prefix) else "high"
    return Diagnosis(
        what,
        f"坐标（{seen}）{zh}。{mend[0]}",
        f"Coordinates ({seen}) {en}. {mend[1]}",
        confidence,
        relabel,
        swap,
    )


def _outside(bounds: Bounds, crs: CRS, here: Bounds | None, area: Bounds) -> Diagnosis:
    seen, label, place = _seen(bounds), _label(crs), _where(here)
    what = "metres" if crs.is_geographic and max(map(abs, bounds)) > 360 else "outside"
    west, south, east, north = area
    box = f"{west:.2f}–{east:.2f}°E, {south:.2f}–{north:.2f}°N"
    return Diagnosis(
        what,
        f"坐标（{seen}）按 {label} 落在 {place[0]}，超出应在的范围（{box}），也不符合别的读法。"
        "请向数据提供者核实坐标系，再用 --crs EPSG:… --override-crs 指明。",
        f"Coordinates ({seen}) lie at {place[1]} as {label}, outside where they should be ({box}), "
        "and no other reading fits. Ask where the data came from, then give --crs EPSG:… "
        "--override-crs.",
        "high",
    )


def _mend(crs: CRS | None, swap: bool) -> tuple[str, str]:
    zh, en, option = [], [], []
    if crs is not None:
        zh.append(f"改标为 {_label(crs)}，不要投影转换（坐标不动）")
        en.append(f"relabel as {_label(crs)}, do not reproject")
        option.append(f"--crs {_label(crs)} --override-crs")
    if swap:
        zh.append("交换 X、Y")
        en.append("exchange X and Y")
        option.append("--swap-axes")
    options = " ".join(option)
    return f"请{'，并'.join(zh)}：{options}", f"Mend: {' and '.join(en)}: {options}"


# No CRS -----------------------------------------------------------------------------------------

_DATUMS = (
    ("China 2000", "CGCS2000（现行）", "CGCS2000 (in force)"),
    ("Xian 1980", "西安 80", "Xian 1980"),
    ("Beijing 1954", "北京 54", "Beijing 1954"),
)
# Not Gauss-Krüger, but with numbers that Yuxi can have: UTM on either side of 102°, Web Mercator.
_OTHERS = (32648, 32647, 3857)


def _twins(like: str) -> tuple[str, str]:
    """What is to be said of Gauss-Krüger and UTM of one meridian: their scales are 1 and 0.9996,
    so that a northing of 2 600 km differs by 1 km."""
    return (
        f"；与 {like} 数值相近（约差 1 km），不能确定是哪一个",
        f"; {like} has nearly the same numbers (about 1 km apart), and they cannot be told apart "
        "for sure",
    )


_UTM_LIKE = {105: _twins("UTM 48N (EPSG:32648)"), 99: _twins("UTM 47N (EPSG:32647)")}
_GK_LIKE = {32648: _twins("EPSG:4544"), 32647: _twins("EPSG:4542")}


def suggest(bounds: Bounds | None) -> tuple[Suggestion, ...]:
    """The CRSs that coordinates within `bounds` may be in, likeliest first.

    Never more than a suggestion: the three Chinese datums lie within some hundred metres of each
    other, and so do EPSG:4490, 4326, GCJ-02 and BD-09; numbers do not tell them apart. CGCS2000
    comes first as the one in force. Eastings without a zone prefix fit every zone; only those that
    fall into Yuxi are suggested.
    """
    if bounds is None:
        return ()
    for swap in (False, True):
        if found := tuple(_suggested(bounds, swap)):
            return found
    if _as_degrees(bounds) is not None:
        return (
            _suggestion(_crs(4326), bounds, False, "中国以外的经纬度", "degrees outside China"),
        )
    return ()


def _suggested(bounds: Bounds, swap: bool) -> Iterator[Suggestion]:
    if _fits(_in_degrees(bounds, _crs(4490), swap), _CHINA, 0):
        for number, zh, en in ((4490, "CGCS2000", "CGCS2000"), (4326, "WGS 84", "WGS 84")):
            yield _suggestion(
                _crs(number),
                bounds,
                swap,
                f"中国境内的经纬度，可能是 {zh}；4490、4326 与网络地图的 GCJ-02、BD-09 "
                "从数值上分不出",
                f"degrees in China, maybe {en}; 4490, 4326 and the GCJ-02 and BD-09 of web maps "
                "cannot be told apart by value",
            )
        return
    east = bounds[1] if swap else bounds[0]
    for zone in Zone.all().values():
        crs = _crs(zone.epsg)
        if zone.prefix:
            fits = zone.number == int(east // 1_000_000) and _fits(
                _in_degrees(bounds, crs, swap), _area(crs) or _CHINA, _MARGIN
            )
        else:
            fits = abs(zone.meridian - 102) <= 3 and _fits(
                _in_degrees(bounds, crs, swap), YUXI, _NEAR_YUXI
            )
        if fits:
            zh, en = next(names for datum, *names in _DATUMS if datum == zone.datum)
            like_zh, like_en = _UTM_LIKE.get(0 if zone.prefix else zone.meridian, ("", ""))
            yield _suggestion(
                crs,
                bounds,
                swap,
                f"{zone.name[0]}，可能是 {zh}；CGCS2000、西安 80、北京 54 从数值上分不出{like_zh}",
                f"{zone.name[1]}, maybe {en}; CGCS2000, Xian 1980 and Beijing 1954 cannot be told "
                f"apart by value{like_en}",
            )
    for number in _OTHERS:
        crs = _crs(number)
        if _fits(_in_degrees(bounds, crs, swap), YUXI, _NEAR_YUXI):
            zh, en = _GK_LIKE.get(number, ("", ""))
            yield _suggestion(crs, bounds, swap, crs.name + zh, crs.name + en)


def _suggestion(crs: CRS, bounds: Bounds, swap: bool, zh: str, en: str) -> Suggestion:
    seen, place = _seen(bounds), _where(_in_degrees(bounds, crs, swap))
    option = f"--crs {_label(crs)}" + (" --swap-axes" if swap else "")
    return Suggestion(
        crs,
        f"坐标（{seen}）{'交换 X、Y 后' if swap else ''}像是 {zh}（在 {place[0]}）；"
        f"若属实：{option}",
        f"Coordinates ({seen}){' with X and Y exchanged' if swap else ''} look like {en} (at "
        f"{place[1]}); if so: {option}",
        "low",
        swap,
    )


# Places -----------------------------------------------------------------------------------------


@cache
def _crs(number: int) -> CRS:
    return CRS.from_epsg(number)


@lru_cache(maxsize=256)
def _to_degrees(crs: CRS) -> Transformer:
    return Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)


def _as_degrees(bounds: Bounds) -> Bounds | None:
    west, south, east, north = bounds
    return bounds if -180 <= west <= east <= 180 and -90 <= south <= north <= 90 else None


def _in_degrees(bounds: Bounds, crs: CRS, swap: bool = False) -> Bounds | None:
    """`bounds` in degrees; None where they lie outside what `crs` can express."""
    if swap:
        bounds = (bounds[1], bounds[0], bounds[3], bounds[2])
    if crs.is_geographic:
        return _as_degrees(bounds)
    way = _to_degrees(crs)
    x, y = np.array([bounds[0], bounds[2]]), np.array([bounds[1], bounds[3]])
    lon, lat = way.transform(x, y)
    back = way.transform(lon, lat, direction="INVERSE")
    # Far off its zone the projection's series go wrong, and do not lead back.
    if not np.allclose(back, (x, y), rtol=0, atol=1):
        return None
    return float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1])


def _area(crs: CRS) -> Bounds | None:
    """Where `crs` is for, in degrees; None where it does not say.

    A zone of 3° around 105° has the numbers of the zone of 6°: it is taken as that wide.
    """
    zone = Zone.of(crs)
    if zone is not None:
        half = 3.0 if zone.meridian % 6 == 3 else 1.5
        return zone.meridian - half, _CHINA[1], zone.meridian + half, _CHINA[3]
    area, number = crs.area_of_use, epsg(crs)
    if area is None and number is not None:
        area = _crs(number).area_of_use
    return None if area is None else area.bounds


def _fits(box: Bounds | None, area: Bounds, margin: float) -> bool:
    """Whether the middle of `box` lies in `area` (which may cross the date line)."""
    if box is None:
        return False
    lon, lat = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    west, south, east, north = area
    lon_fits = (
        west - margin <= lon <= east + margin
        if west <= east
        else lon >= west - margin or lon <= east + margin
    )
    return lon_fits and south - margin <= lat <= north + margin


def _in_metres(crs: CRS) -> bool:
    """Whether `crs` is projected, with a unit near the metre: of others, numbers as small as
    degrees are no surprise."""
    return crs.is_projected and 0.1 < (crs.axis_info[0].unit_conversion_factor or 1.0) < 10


def _geographic(crs: CRS) -> CRS:
    """The system in degrees of the declared datum."""
    geodetic = crs.geodetic_crs
    number = None if geodetic is None else geodetic.to_epsg()
    return _crs(number) if number else _crs(4490)


def _label(crs: CRS) -> str:
    number = epsg(crs)
    return f"EPSG:{number}" if number else crs.name


def _seen(bounds: Bounds) -> str:
    largest = max(map(abs, bounds))
    form = ".4f" if largest <= 360 else ".0f" if largest < 1e9 else ".3g"
    x0, y0, x1, y1 = (format(value, form) for value in bounds)
    return f"E {x0}–{x1}, N {y0}–{y1}"


def _where(box: Bounds | None) -> tuple[str, str]:
    if box is None:
        return "地球之外", "no place on earth"
    place = f"{(box[0] + box[2]) / 2:.2f}°E, {(box[1] + box[3]) / 2:.2f}°N"
    return place, place
