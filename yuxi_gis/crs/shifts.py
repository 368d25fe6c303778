"""Ways between an old datum and CGCS2000 that only the user can give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.crs import BoundCRS, ProjectedCRS
from pyproj.crs.coordinate_operation import ToWGS84Transformation

from yuxi_gis.crs import Zone, crs_name, datum_name, geocentric, robust_bounds
from yuxi_gis.errors import CRSError, ParameterError

__all__ = [
    "BALLPARK",
    "DatumShift",
    "Helmert",
    "Mover",
    "Shapes",
    "modern",
    "move",
    "require_cgcs2000",
    "require_small",
]

Shapes = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
#: Eastings and northings in, eastings and northings out.
Mover = Callable[[Floats, Floats], tuple[Any, Any]]

#: Beyond this, in metres, a datum shift in China is no datum shift but a slip.
_FARTHEST = 1000.0


class DatumShift(Protocol):
    """A way from an old datum to CGCS2000, given by the user."""

    def apply(self, shapes: Shapes, source: CRS, target: CRS) -> Shapes:
        """The geometries brought from `source` to `target`; Z stays as it is.

        Raises
        ------
        CRSError
            The shift does not lead from `source` to `target`.
        ParameterError
            Its numbers cannot be right for these data.
        """

    def describe(self) -> tuple[str, str]:
        """How, in one line for the provenance of outputs, in Chinese and English."""

    def warnings(self) -> tuple[tuple[str, str], ...]:
        """What the user should look at again, each in Chinese and English."""


@dataclass(frozen=True)
class Helmert:
    """Seven parameters from the old datum to CGCS2000 (Bursa-Wolf, 布尔莎).

    Heights are taken as 0; 1600 m of height with a rotation of 1″ move a point by 8 mm.

    Attributes
    ----------
    values : tuple of 7 float
        dx, dy, dz in metres, rx, ry, rz in arc seconds, ds in parts per million.
    convention : {"coordinate_frame", "position_vector"}
        Sense of the rotations. Chinese textbooks and software write the model as
        ``X' = dX + (1+m) [1 rz -ry; -rz 1 rx; ry -rx 1] X``, which is EPSG's coordinate frame
        rotation (method 9607); it is the default. ``+towgs84`` and EPSG method 9606 are position
        vector, with the opposite sign of the three rotations.
    """

    values: tuple[float, float, float, float, float, float, float]
    convention: str = "coordinate_frame"

    @classmethod
    def parse(cls, text: str, convention: str = "coordinate_frame") -> Helmert:
        """From ``"dx,dy,dz,rx,ry,rz,ds"``; an eighth word may name the convention.

        Raises
        ------
        ParameterError
            Not seven finite numbers, or an unknown convention.
        """
        *words, last = text.replace("，", ",").replace(";", ",").split(",")
        if last.strip() in _ROTATIONS:
            convention = last.strip()
        else:
            words.append(last)
        try:
            values = tuple(float(word) for word in words)
        except ValueError:
            values = ()
        if len(values) != 7 or not np.isfinite(values).all() or convention not in _ROTATIONS:
            raise ParameterError(
                f"--helmert {text[:80]!r}：须为 7 个数 DX,DY,DZ,RX,RY,RZ,DS（米、角秒、ppm），"
                f"其后可写 {' 或 '.join(_ROTATIONS)}。",
                f"--helmert {text[:80]!r}: give 7 numbers DX,DY,DZ,RX,RY,RZ,DS (m, arc seconds, "
                f"ppm), and if needed {' or '.join(_ROTATIONS)} after them.",
            )
        dx, dy, dz, rx, ry, rz, ds = values
        return cls((dx, dy, dz, rx, ry, rz, ds), convention)

    def apply(self, shapes: Shapes, source: CRS, target: CRS) -> Shapes:
        """See `DatumShift`."""
        require_cgcs2000(source, target)
        mover = self._mover(source, target)
        require_small(shapes, source, target, mover, "--helmert")
        return move(shapes, mover)

    def _mover(self, source: CRS, target: CRS) -> Mover:
        base = source.source_crs if source.is_bound and source.source_crs else source
        dx, dy, dz, rx, ry, rz, ds = self.values
        sign = _ROTATIONS[self.convention]
        way = ToWGS84Transformation(
            source_crs=base.geodetic_crs,
            x_axis_translation=dx,
            y_axis_translation=dy,
            z_axis_translation=dz,
            x_axis_rotation=sign * rx,
            y_axis_rotation=sign * ry,
            z_axis_rotation=sign * rz,
            scale_difference=ds,
        )
        cgcs2000 = CRS.from_epsg(4490)
        bound = BoundCRS(source_crs=base, target_crs=cgcs2000, transformation=way)
        first = Transformer.from_crs(bound, cgcs2000, always_xy=True)
        last = Transformer.from_crs(cgcs2000, target, always_xy=True)
        return lambda x, y: last.transform(*first.transform(x, y))

    def describe(self) -> tuple[str, str]:
        """See `DatumShift`."""
        numbers = ",".join(f"{value:g}" for value in self.values)
        return (
            f"七参数 {numbers}（米、角秒、ppm，{self.convention}），由用户给出，精度未知",
            f"seven parameters {numbers} (m, arc seconds, ppm, {self.convention}) given by the "
            "user, accuracy unknown",
        )

    def warnings(self) -> tuple[tuple[str, str], ...]:
        """See `DatumShift`."""
        return ()


#: PROJ's own convention is the position vector.
_ROTATIONS = {"coordinate_frame": -1, "position_vector": 1}


@dataclass(frozen=True)
class _Ballpark:
    """What PROJ does where it knows nothing better, because the user accepts that."""

    def apply(self, shapes: Shapes, source: CRS, target: CRS) -> Shapes:
        """See `DatumShift`."""
        return move(shapes, Transformer.from_crs(source, target, always_xy=True).transform)

    def describe(self) -> tuple[str, str]:
        """See `DatumShift`."""
        return (
            "近似换算（--allow-ballpark）：平面位置可差几十米到一百多米",
            "ballpark (--allow-ballpark): tens of metres to more than 100 m off",
        )

    def warnings(self) -> tuple[tuple[str, str], ...]:
        """See `DatumShift`."""
        return (self.describe(),)


BALLPARK: DatumShift = _Ballpark()


def modern(crs: CRS) -> CRS | None:
    """The CRS of the same projection on CGCS2000: EPSG:4543 for 2379, 4522 for 2410, 4490 for 4610.

    A local projection (a city's own meridian) keeps its parameters; None for what is neither
    projected nor geographic.
    """
    if crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    if datum_name(crs) == "China 2000":
        return crs
    if crs.is_geographic:
        return CRS.from_epsg(4490)
    if not crs.is_projected:
        return None
    if (zone := Zone.of(crs)) is not None:
        return CRS.from_epsg(zone.on("China 2000").epsg)
    way: Any = crs.coordinate_operation
    return ProjectedCRS(way, name=f"CGCS2000 / {way.name}", geodetic_crs=CRS.from_epsg(4490))


def move(shapes: Shapes, mover: Mover) -> Shapes:
    """Every vertex moved in the plane, Z kept."""

    def moved(points: Floats) -> Floats:
        x, y = mover(points[:, 0], points[:, 1])
        return np.column_stack([x, y, *points[:, 2:].T])

    out = np.array(shapes, dtype=object)
    high = shapely.has_z(out)
    for which, with_z in ((~high, False), (high, True)):
        if which.any():
            out[which] = shapely.transform(out[which], moved, include_z=with_z)
    return out


def require_cgcs2000(source: CRS, target: CRS) -> None:
    if not geocentric(target) or geocentric(source):
        raise CRSError(
            f"基准转换参数只用于从旧基准到 CGCS2000，不用于 {crs_name(source)} 到 "
            f"{crs_name(target)}。",
            "The datum shift leads from an old datum to CGCS2000, not from "
            f"{crs_name(source)} to {crs_name(target)}.",
        )


def require_small(shapes: Shapes, source: CRS, target: CRS, mover: Mover, what: str) -> None:
    """A shift that moves the middle of the data by kilometres is a slip in the numbers."""
    bounds = robust_bounds(shapes)
    if bounds is None:
        return
    x, y = np.array([(bounds[0] + bounds[2]) / 2]), np.array([(bounds[1] + bounds[3]) / 2])
    plain = Transformer.from_crs(source, 4490, always_xy=True).transform(x, y)
    back = Transformer.from_crs(target, 4490, always_xy=True)
    shifted = back.transform(*mover(x, y))
    if not np.isfinite(plain).all():
        return
    away = float(Geod(ellps="GRS80").inv(*plain, *shifted)[2][0])
    if not away <= _FARTHEST:  # nor where it leads off the earth
        raise ParameterError(
            f"{what}：把数据移动了 {away:.0f} m，而国内基准之间相差不到 {_FARTHEST:.0f} m。"
            "请核对单位（米、角秒、ppm）、X/Y 次序、带号和投影带。",
            f"{what} moves the data by {away:.0f} m; Chinese datums are less than "
            f"{_FARTHEST:.0f} m apart. Check the units (m, arc seconds, ppm), the order of X and "
            "Y, the zone prefix and the zone.",
        )
