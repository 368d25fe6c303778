"""Coordinate reference systems of Chinese land data.

Yuxi lies wholly in the 3° zone 34 of CGCS2000 (central meridian 102°): EPSG:4543 without, and
EPSG:4522 with the zone number before the easting; EPSG:4490 is the geographic system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Proj, Transformer
from pyproj.crs import ProjectedCRS
from pyproj.exceptions import CRSError as ProjError
from pyproj.exceptions import ProjError as AnyProjError

from yuxi_gis.errors import CRSError

__all__ = [
    "Bounds",
    "Zone",
    "crs_name",
    "datum_name",
    "epsg",
    "geocentric",
    "metric",
    "parse_crs",
    "require_crs",
    "robust_bounds",
    "works",
]

Frame = TypeVar("Frame", gpd.GeoDataFrame, gpd.GeoSeries)
Bounds = tuple[float, float, float, float]

# What people call the three systems, and how ArcGIS (and so PROJ) begins their names.
_SPOKEN = (
    (r"cgcs\s*2000|国家\s*2000|2000\s*国家大地坐标系|大地\s*2000", "CGCS2000"),
    (r"西安\s*(?:19)?80|1980\s*西安坐标系|xi'?an\s*(?:19)?80", "Xian_1980"),
    (r"北京\s*(?:19)?54|1954\s*年?北京坐标系|beijing\s*(?:19)?54", "Beijing_1954"),
)


def parse_crs(value: Any) -> CRS:
    """A CRS from an EPSG number, ``"EPSG:4543"``, WKT, PROJ text, a name or a CRS object.

    Names are those of EPSG and of ArcGIS (``CGCS2000_3_Degree_GK_CM_102E``), and Chinese ones
    with the width of the zone and its meridian or number: ``CGCS2000 3度带 102``, ``西安80 三度带
    34``. A name has to be whole: PROJ by itself would take ``Beijing`` for New Beijing.

    Raises
    ------
    CRSError
        The text is no CRS that PROJ knows, or only the beginning of a name.
    """
    hint_zh = hint_en = ""
    try:
        if not isinstance(value, str):
            return CRS.from_user_input(value)
        text = value.strip()
        if text.isdecimal():
            return CRS.from_epsg(int(text))
        if re.search(r"[:+\[{=]", text):
            return CRS.from_user_input(text)
        text = _spoken(text) or text
        crs = CRS.from_user_input(text)
        if _plain(text) in {_plain(crs.name), _plain(_esri_name(crs))}:
            return crs
        hint_zh, hint_en = f"是不是 {crs_name(crs)}？", f" Do you mean {crs_name(crs)}?"
    except (ProjError, ValueError, OverflowError):
        pass
    shown = repr(value)[:80]
    raise CRSError(
        f"坐标系 {shown} 无法识别。{hint_zh}请写成 EPSG:4543（CGCS2000 三度带，中央经线 102°，"
        "无带号）、EPSG:4522（带号 34）或 EPSG:4490（经纬度）这样的形式。",
        f"CRS {shown} is not known.{hint_en} Write it like EPSG:4543 (CGCS2000, 3° zone, central "
        "meridian 102°, no zone prefix), EPSG:4522 (with prefix 34) or EPSG:4490 (degrees).",
    )


def _spoken(text: str) -> str | None:
    """ArcGIS's name for a Chinese one: ``西安80 3度带 102`` is Xian_1980_3_Degree_GK_CM_102E."""
    for pattern, datum in _SPOKEN:
        found = re.fullmatch(
            rf"(?:{pattern})\D*?([36三六])\s*(?:度|°|degree)\D*?(\d{{2,3}})\D*", text, re.I
        )
        if found:
            width = "3_Degree_" if found[1] in "3三" else ""
            place = f"CM_{found[2]}E" if int(found[2]) >= 75 else f"Zone_{found[2]}"
            return f"{datum}_{width}GK_{place}"
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _esri_name(crs: CRS) -> str:
    try:
        return re.split('"', crs.to_wkt("WKT1_ESRI"), maxsplit=2)[1]
    except ProjError:  # what ESRI's WKT cannot say
        return ""


@lru_cache(maxsize=256)
def works(crs: CRS) -> bool:
    """Whether PROJ can compute with `crs`; a damaged definition may name no real projection.

    A local (engineering) CRS has no way to degrees by its nature, and works.
    """
    if crs.geodetic_crs is None:
        return True
    try:
        Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    except AnyProjError:
        return False
    return True


def require_crs(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> CRS:
    """The CRS of `frame`; `CRSError` if there is none."""
    if frame.crs is None:
        raise CRSError(
            "图层没有坐标系，无法计算。请先用 set_crs 指定，例如 EPSG:4543。",
            "The layer has no CRS. Set one first with set_crs, for example EPSG:4543.",
        )
    return frame.crs


def epsg(crs: CRS | None) -> int | None:
    """The EPSG number of `crs` (of its horizontal part), or None where it has none.

    ESRI's WKT in a .prj carries no number: PROJ finds it by names and parameters.
    """
    return None if crs is None else _epsg(crs)


@lru_cache(maxsize=256)
def _epsg(crs: CRS) -> int | None:
    """For a CRS without a number PROJ searches its whole database, which takes a second."""
    return (crs.sub_crs_list[0] if crs.is_compound else crs).to_epsg()


def crs_name(crs: CRS | None) -> str:
    """A short name for people: ``EPSG:4543 CGCS2000 / 3-degree Gauss-Kruger CM 102E``."""
    if crs is None:
        return "-"
    number = epsg(crs)
    return f"EPSG:{number} {crs.name}" if number else crs.name


def datum_name(crs: CRS) -> str:
    """EPSG's name of the datum: ``"China 2000"``, ``"Xian 1980"`` …; empty where there is none."""
    geodetic = crs.geodetic_crs
    if geodetic is None or geodetic.datum is None:
        return ""
    return geodetic.datum.name.removesuffix(" ensemble")


def geocentric(crs: CRS) -> bool:
    """Whether the datum is CGCS2000 or WGS 84, which agree to centimetres by definition.

    Positions of today differ from CGCS2000 (epoch 2000.0) by the motion of the plate, below 1 m.
    Text with the WGS 84 ellipsoid and no datum is taken for WGS 84, as old PROJ text means it.
    """
    name = datum_name(crs)
    return name in ("China 2000", "Unknown based on WGS 84 ellipsoid") or name.startswith(
        "World Geodetic System 1984"
    )


@dataclass(frozen=True)
class Zone:
    """A Gauss-Krüger zone of one of the three Chinese systems.

    Attributes
    ----------
    datum : {"China 2000", "Xian 1980", "Beijing 1954"}
    width : {3, 6}
        Degrees of longitude.
    number : int
        25 … 45 (3°) or 13 … 23 (6°).
    prefix : bool
        Whether eastings begin with the number: 34 500 000 m instead of 500 000 m.
    epsg : int
    """

    datum: str
    width: int
    number: int
    prefix: bool
    epsg: int

    @property
    def meridian(self) -> int:
        """Longitude of the central meridian."""
        return 3 * self.number if self.width == 3 else 6 * self.number - 3

    @property
    def geographic(self) -> int:
        """EPSG number of the system in degrees."""
        return _GEOGRAPHIC[self.datum]

    @property
    def name(self) -> tuple[str, str]:
        """For people, in Chinese and English."""
        zh = f"{self.width} 度带，" + (
            f"带号 {self.number}" if self.prefix else f"中央经线 {self.meridian}°，无带号"
        )
        en = f"{self.width}° zone, " + (
            f"prefix {self.number}" if self.prefix else f"CM {self.meridian}°, no prefix"
        )
        return zh, en

    def other(self) -> Zone:
        """The same zone with the prefix where it has none, without it where it has one."""
        return self._alike(self.datum, not self.prefix)

    def on(self, datum: str) -> Zone:
        """The same zone on another datum."""
        return self._alike(datum, self.prefix)

    def _alike(self, datum: str, prefix: bool) -> Zone:
        wanted = (datum, self.width, self.number, prefix)
        zones = _zones().values()
        return next(z for z in zones if (z.datum, z.width, z.number, z.prefix) == wanted)

    @staticmethod
    def all() -> dict[int, Zone]:
        """Every zone by its EPSG number."""
        return _zones()

    @staticmethod
    def of(crs: CRS | None) -> Zone | None:
        """The zone that `crs` is; None where it is something else."""
        return _zones().get(epsg(crs) or 0)


_GEOGRAPHIC = {"China 2000": 4490, "Xian 1980": 4610, "Beijing 1954": 4214}

# First EPSG number of each series: 3° with and without prefix, 6° with and without.
_SERIES = {
    "China 2000": ((3, True, 4513), (3, False, 4534), (6, True, 4491), (6, False, 4502)),
    "Xian 1980": ((3, True, 2349), (3, False, 2370), (6, True, 2327), (6, False, 2338)),
    "Beijing 1954": ((3, True, 2401), (3, False, 2422), (6, True, 21413), (6, False, 21453)),
}


@cache
def _zones() -> dict[int, Zone]:
    return {
        first + k: Zone(datum, width, number, prefix, first + k)
        for datum, series in _SERIES.items()
        for width, prefix, first in series
        for k, number in enumerate(range(25, 46) if width == 3 else range(13, 24))
    }


#: From this many features on, their boxes stand for their vertices.
_MANY = 50
_TRIM = 0.02


def robust_bounds(shapes: Any) -> Bounds | None:
    """Where nearly all of the coordinates lie: a broken vertex at (0, 0) does not count.

    Of layers with 50 features or more the 2nd and 98th percentile of the features' boxes; of
    smaller ones of their distinct vertices, the outermost on each side left out. What is not
    finite, empty or missing does not count.

    Parameters
    ----------
    shapes : array of geometries, shape (n,)

    Returns
    -------
    tuple of float or None
        minx, miny, maxx, maxy; None where no coordinate is a number.
    """
    shapes = np.asarray(shapes, dtype=object)
    if len(shapes) < _MANY:
        points = np.unique(shapely.get_coordinates(shapes), axis=0)
        boxes = np.hstack([points, points])
    else:
        boxes = shapely.bounds(shapes)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        return None
    low = np.quantile(boxes[:, :2], _TRIM, axis=0, method="higher")
    high = np.quantile(boxes[:, 2:], 1 - _TRIM, axis=0, method="lower")
    (west, south), (east, north) = np.minimum(low, high).tolist(), np.maximum(low, high).tolist()
    return west, south, east, north


#: Areal distortion above which a projected CRS does not measure: 3° and 6° zones stay below it.
_DISTORTION = 0.005


def metric(frame: Frame) -> Frame:
    """`frame` in a CRS that measures metres: its own, or the UTM zone that fits it.

    A projected CRS measures when areas at the middle of the layer are true to 0.5 %: a zone of
    Gauss-Krüger does, Web Mercator or a far-off zone does not. The UTM zone is taken on the
    layer's own datum unless that is CGCS2000 or WGS 84: measuring needs no datum shift.

    Raises
    ------
    CRSError
        The layer has no CRS.
    """
    crs = require_crs(frame)
    bounds = frame.total_bounds
    if crs.is_projected and crs.axis_info[0].unit_conversion_factor == 1:
        if np.isnan(bounds).any() or _is_true(crs, bounds):
            return frame
    elif np.isnan(bounds).any():  # nothing there to fit a zone to
        return frame.to_crs(4543)
    utm = frame.estimate_utm_crs()
    if not geocentric(crs) and crs.geodetic_crs is not None:
        utm = ProjectedCRS(utm.coordinate_operation, geodetic_crs=crs.geodetic_crs)
    return frame.to_crs(utm)


def _is_true(crs: CRS, bounds: np.ndarray) -> bool:
    """Whether areas in the middle of `bounds` are true; taken so where the CRS cannot tell."""
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    middle = to_degrees.transform((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)
    if not np.isfinite(middle).all():
        return True
    scale = Proj(crs).get_factors(*middle).areal_scale
    return bool(abs(scale - 1) <= _DISTORTION) or not np.isfinite(scale)
