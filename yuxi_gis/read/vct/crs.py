"""What the head of a VCT file says of coordinates: CRS, axes, units, offset.

The head names an ellipsoid and gives parameters whose order differs between programs, so that
they are recognised by value: 102 or 1020000 can only be a central meridian, 34500000 only a
false easting with the number of a zone. What does not fit together is no CRS.

Sources: EPSG registry (codes of Gauss-Krüger zones); land-data.md 2.2; GB/T 17798-2007, 5.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from pyproj import CRS

from yuxi_gis.read.table import Decision

__all__ = ["Space", "read_space"]


@dataclass(frozen=True)
class _Datum:
    """A geodetic datum of China: how heads name it, its ellipsoid, its EPSG codes."""

    name: str
    pattern: str
    major: float
    flattening: float
    geographic: int
    #: First codes of 3° zones with (25 …) and without number (CM 75° …), and of 6° zones (13 …).
    zone3: int
    meridian3: int
    zone6: int


_DATUMS = (
    _Datum("CGCS2000", r"cgcs|国家\W?2000|2000\W?国家|china\W?2000",
           6378137, 298.257222101, 4490, 4513, 4534, 4491),
    _Datum("Xian 1980", r"iag|xi\W?an|西安|1975|80坐标",
           6378140, 298.257, 4610, 2349, 2370, 2327),
    _Datum("Beijing 1954", r"kras|克拉索|beijing|北京|1954|54坐标|1940",
           6378245, 298.3, 4214, 2401, 2422, 21413),
    _Datum("WGS 84", r"wgs", 6378137, 298.257223563, 4326, 0, 0, 0),
)  # fmt: skip
_GAUSS = re.compile(r"gauss|高斯|transverse|gk", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d{1,12}(?:\.\d{0,20})?")
_MERIDIANS = range(75, 136, 3)
_COMPASS = {"E": (0, 1), "W": (0, -1), "N": (1, 1), "S": (1, -1),
            "东": (0, 1), "西": (0, -1), "北": (1, 1), "南": (1, -1)}  # fmt: skip
_OVERRULE = ("可用 --crs 指定。", "Overrule with --crs.")


@dataclass(frozen=True)
class Space:
    """How the numbers of the file become easting and northing in `crs`."""

    crs: CRS | None
    decisions: tuple[Decision, ...]
    east: tuple[int, int] = (0, 1)
    north: tuple[int, int] = (1, 1)
    unit: str = "M"
    offset: tuple[float, float] = (0.0, 0.0)

    @property
    def degrees(self) -> bool:
        return self.unit in ("D", "S")

    def apply(self, xy: np.ndarray) -> np.ndarray:
        """Columns of the file to (east, north), in metres or degrees."""
        xy = xy + np.array(self.offset)
        if self.unit == "S":
            xy = _sexagesimal(xy)
        elif self.unit == "K":
            xy = xy * 1000
        (a, sign_a), (b, sign_b) = self.east, self.north
        return np.stack([xy[:, a] * sign_a, xy[:, b] * sign_b], axis=1)


def _sexagesimal(xy: np.ndarray) -> np.ndarray:
    """DDDMMSS.SSSS to degrees."""
    size = np.abs(xy)
    degrees, minutes = size // 10000, size // 100 % 100
    result: np.ndarray = np.sign(xy) * (degrees + minutes / 60 + size % 100 / 3600)
    return result


def read_space(head: dict[str, str], xy: np.ndarray) -> Space:
    """The space of a file.

    Parameters
    ----------
    head : dict of str to str
        Keys in lower case.
    xy : ndarray, shape (n, 2)
        All coordinates, as in the file; they tell whether a zone number is in front of x where
        the head does not say.
    """
    unit = _unit(head)
    east, north, axes = _axes(head)
    offset, shift = _offset(head, xy)
    space = Space(None, (), east, north, unit, offset)
    crs, decision = _crs(head, space, xy)
    decisions = (decision, *axes, *shift)
    if unit in ("K", "S"):
        zh, en = _UNITS[unit]
        decisions += (Decision("units", unit, zh, en, "certain"),)
    return Space(crs, decisions, east, north, unit, offset)


_UNITS = {
    "K": ("文件头声明坐标单位为公里，已乘以 1000。", "The head says kilometres: times 1000."),
    "S": ("文件头声明坐标为度分秒（DDDMMSS），已换算为度。",
          "The head says degrees, minutes and seconds (DDDMMSS): converted to degrees."),
}  # fmt: skip


def _unit(head: dict[str, str]) -> str:
    said = head.get("xyunit") or head.get("unit") or ""
    if not said and head.get("coordinatesystemtype", "").upper().startswith("D"):
        return "D"
    first = said[:1].upper()
    names = {"公": "K", "千": "K", "米": "M", "度": "S" if "分" in said else "D"}
    first = names.get(first, first)
    return first if first in ("K", "D", "S") else "M"


def _axes(head: dict[str, str]) -> tuple[tuple[int, int], tuple[int, int], tuple[Decision, ...]]:
    """Which column, with which sign, is east and which is north."""
    said = [head.get(f"{axis}axisdirection", "")[:1].upper() for axis in "xy"]
    system = (head.get("coordinate") or head.get("coordsystype") or "")[:1].upper()
    if not any(said) and system == "G":  # surveyors' x is north
        said = ["N", "E"]
    if not all(word in _COMPASS for word in said):
        return (0, 1), (1, 1), ()
    (first, sign), (second, other) = (_COMPASS[word] for word in said)
    if first == second:
        zh = f"文件头的坐标轴方向矛盾（X={said[0]}，Y={said[1]}），按 X 向东、Y 向北读取。"
        en = f"The head contradicts itself on axes (X={said[0]}, Y={said[1]}): X taken as east."
        return (0, 1), (1, 1), (Decision("axes", "E,N", zh, en, "low"),)
    if (first, sign, other) == (0, 1, 1):
        return (0, 1), (1, 1), ()
    zh = f"文件头声明第一个坐标朝 {said[0]}、第二个朝 {said[1]}，已换成先东后北。"
    en = f"The head says that the first coordinate points {said[0]} and the second {said[1]}: "
    decision = Decision("axes", ",".join(said), zh, en + "turned to east, north.", "certain")
    east, north = ((0, sign), (1, other)) if first == 0 else ((1, other), (0, sign))
    return east, north, (decision,)


def _numbers(text: str) -> list[float]:
    return [float(word) for word in _NUMBER.findall(text)]


def _offset(
    head: dict[str, str], xy: np.ndarray
) -> tuple[tuple[float, float], tuple[Decision, ...]]:
    """The offset of the head, where adding it brings the coordinates into the declared extent.

    The standard does not reach us in public text, so that the sign is not taken for granted.
    """
    offset = [*_numbers(head.get("offset", "")), 0.0, 0.0][:2]
    if not any(offset):
        return (0.0, 0.0), ()
    low, high = _extent(head)
    shown = ",".join(f"{value:g}" for value in offset)
    if len(low) == 2 and len(high) == 2 and np.isfinite(xy).any():
        fits = []
        for sign in (0.0, 1.0, -1.0):
            moved = xy[np.isfinite(xy).all(axis=1)] + sign * np.array(offset)
            slack = np.maximum(np.abs(np.array(high) - low) * 0.01, 1)
            fits.append(bool(((moved >= low - slack) & (moved <= high + slack)).all()))
        if fits.count(True) == 1:
            sign = (0.0, 1.0, -1.0)[fits.index(True)]
            zh = f"文件头有坐标偏移量 {shown}；按文件头的坐标范围，应乘以 {sign:+g} 后加上。"
            en = f"The head has an offset {shown}; its extent shows that {sign:+g} of it is added."
            decision = Decision("offset", shown, zh, en, "high")
            return (sign * offset[0], sign * offset[1]), (decision,)
    zh = f"文件头有坐标偏移量 {shown}，但不能从坐标范围判断如何使用，未使用。请核对坐标。"
    en = f"The head has an offset {shown}, but its extent does not tell how to use it: not used. "
    return (0.0, 0.0), (Decision("offset", shown, zh, en + "Check the coordinates.", "low"),)


def _extent(head: dict[str, str]) -> tuple[list[float], list[float]]:
    low, high = (_numbers(head.get(key, ""))[:2] for key in ("extentmin", "extentmax"))
    if not low and not high:
        low = [v for key in ("minx", "miny") for v in _numbers(head.get(key, ""))[:1]]
        high = [v for key in ("maxx", "maxy") for v in _numbers(head.get(key, ""))[:1]]
    return low, high


def _crs(head: dict[str, str], space: Space, xy: np.ndarray) -> tuple[CRS | None, Decision]:
    datum, named, why = _datum(head)
    if datum is None:
        return None, _none(*why)
    system = head.get("coordinatesystemtype", "")[:1].upper()
    if space.degrees or system == "D":
        return _found(
            datum.geographic, datum, "经纬度坐标", "degrees", "certain" if named else "high"
        )
    if system == "C" or not _GAUSS.search(head.get("projection", "")):
        return None, _none("没有声明高斯-克吕格投影", "it does not declare Gauss-Krüger")
    if not datum.zone3:
        return None, _none("WGS 84 的高斯投影没有 EPSG 代码", "WGS 84 has no such zones in EPSG")
    values = _numbers(head.get("parameters", ""))
    said = _numbers(head.get("meridian") or head.get("meridinan") or "")
    meridians = {_meridian(value) for value in said or values} - {None}
    if len(meridians) != 1:
        return None, _none("不能确定中央经线", "its central meridian cannot be told")
    eastings = {value for value in values if _is_easting(value)}
    if len(eastings) > 1:
        return None, _none("有几个可能的东偏移", "it has several possible false eastings")
    x = space.apply(xy)[:, 0] if len(xy) else np.empty(0)
    zones = {int(v) for v in np.unique(x[np.isfinite(x)] // 1e6)}
    easting = eastings.pop() if eastings else None
    zone = int(easting // 1e6) if easting is not None else zones.pop() if len(zones) == 1 else -1
    return _gauss(datum, int(meridians.pop() or 0), zone, easting is not None, named)


def _gauss(
    datum: _Datum, meridian: int, zone: int, is_said: bool, named: bool
) -> tuple[CRS | None, Decision]:
    """The code of a zone; `zone` is 0 without a number before the easting, -1 unknown."""
    confidence = "certain" if is_said and named else "high"
    zh = "按文件头的椭球、中央经线和东偏移" if is_said else "按文件头的椭球、中央经线和坐标中的带号"
    en = "by ellipsoid, meridian and " + ("false easting" if is_said else "the zone in x")
    if zone == 0:
        return _found(datum.meridian3 + (meridian - 75) // 3, datum, zh, en, confidence)
    if zone > 0 and zone * 3 == meridian:
        return _found(datum.zone3 + zone - 25, datum, zh, en, confidence)
    if zone > 0 and zone * 6 - 3 == meridian:
        return _found(datum.zone6 + zone - 13, datum, zh, en, confidence)
    return None, _none(
        f"带号 {zone} 与中央经线 {meridian}° 不符" if zone > 0 else "不能确定坐标是否带带号",
        f"zone {zone} is not that of meridian {meridian}°"
        if zone > 0
        else "whether x has a zone number cannot be told",
    )


def _found(code: int, datum: _Datum, zh: str, en: str, confidence: str) -> tuple[CRS, Decision]:
    if datum.name == "Beijing 1954" and confidence == "certain":
        confidence = "high"  # its ellipsoid is also that of other systems
    text = Decision(
        "crs",
        f"EPSG:{code}",
        f"{zh}（{datum.name}）。{_OVERRULE[0]}",
        f"From the head: {en} ({datum.name}). {_OVERRULE[1]}",
        confidence,
    )
    return CRS.from_epsg(code), text


def _none(zh: str, en: str) -> Decision:
    return Decision(
        "crs",
        "-",
        f"文件头{zh}，坐标系未定。{_OVERRULE[0]}",
        f"The head does not tell the CRS: {en}. {_OVERRULE[1]}",
        "low",
    )


def _datum(head: dict[str, str]) -> tuple[_Datum | None, bool, tuple[str, str]]:
    """The datum, whether the head names it (else by the numbers of its ellipsoid), or why not."""
    spheroid = head.get("spheroid", "")
    named = [d for d in _DATUMS if re.search(d.pattern, spheroid.partition(",")[0].lower())]
    values = _numbers(spheroid.partition(",")[2]) + _numbers(head.get("parameters", ""))
    major = {v for v in values if 6.37e6 < v < 6.39e6}
    flattening = [v for v in values if 297 < v < 300]
    if len(named) > 1:
        return None, False, ("的椭球名不唯一", "its ellipsoid has several meanings")
    within = 0.002 if named else 1e-7  # heads round 298.257
    fitting = [
        datum
        for datum in named or _DATUMS
        if major <= {datum.major}
        and all(abs(v - datum.flattening) < within for v in flattening)
        and (named or (major and flattening))
    ]
    if len(fitting) == 1:
        return fitting[0], bool(named), ("", "")
    if named:
        return None, False, ("的椭球名与参数不符", "name and numbers of its ellipsoid differ")
    return None, False, ("没有可识别的椭球", "it names no known ellipsoid")


def _meridian(value: float) -> int | None:
    """A central meridian in degrees, or as DDDMMSS."""
    for degrees in (value, value / 10000):
        if degrees in _MERIDIANS:
            return int(degrees)
    return None


def _is_easting(value: float) -> bool:
    return value == 500_000 or (value % 1_000_000 == 500_000 and 13 <= value // 1_000_000 <= 45)
