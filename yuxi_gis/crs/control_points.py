"""A datum shift fitted to points that are known in the old and in the new plane."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from scipy import stats

from yuxi_gis.crs import Bounds, crs_name, robust_bounds
from yuxi_gis.crs.shifts import Shapes, modern, move, require_cgcs2000, require_small
from yuxi_gis.errors import CRSError, ParameterError

__all__ = ["ControlPoints", "Similarity"]

Floats = npt.NDArray[np.float64]

#: Control points that lie farther than this from the layer, in metres, do not speak for it.
_REACH = 100_000.0


@dataclass(frozen=True)
class Similarity:
    """A least-squares similarity of the plane (four parameters), and how well it fits.

    Attributes
    ----------
    factor : complex
        Scale and rotation: new - new centre = factor * (old - old centre).
    old, new : complex
        The centres, east + north·i, metres.
    residuals : complex, shape (n,)
        Fitted minus given new position, metres.
    sigma : float
        Standard deviation of a coordinate, metres; nan where two points leave nothing to check.
    suspects : bool, shape (n,)
        Points outside three sigma of the fit to all others.
    """

    factor: complex
    old: complex
    new: complex
    residuals: npt.NDArray[np.complex128]
    sigma: float
    suspects: npt.NDArray[np.bool_]

    @classmethod
    def fit(cls, old: Floats, new: Floats) -> Similarity:
        """Fit to points, shape (n, 2) each, n ≥ 2, not all in one place.

        A similarity is one complex factor: linear regression. A suspect is found as regression
        finds an outlier: with the others' sigma (the point's own error would hide it), at the
        probability that three sigma has, 0.27 %.
        """
        z, w = (np.ascontiguousarray(p).view(np.complex128)[:, 0] for p in (old, new))
        n, here, there = len(z), z.mean(), w.mean()
        dz = z - here
        spread = float((abs(dz) ** 2).sum())
        factor = complex((dz.conj() * (w - there)).sum() / spread)
        residuals = factor * dz + there - w
        squares = abs(residuals) ** 2
        total = float(squares.sum())
        suspects = np.zeros(n, dtype=bool)
        if n > 3:
            leverage = np.minimum(1 / n + abs(dz) ** 2 / spread, 1 - 1e-9)
            alone = squares / (1 - leverage)
            others = np.maximum(total - alone, 1e-12) / (2 * n - 6)
            suspects = stats.f.sf(alone / 2 / others, 2, 2 * n - 6) < 0.0027
        sigma = math.sqrt(total / (2 * n - 4)) if n > 2 else math.nan
        return cls(factor, complex(here), complex(there), residuals, sigma, suspects)

    def __call__(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Old eastings and northings as new ones."""
        moved = self.factor * (x + 1j * y - self.old) + self.new
        return moved.real, moved.imag


# Chinese tables call the northing X and the easting Y (NY/T 2539 among others).
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "e_old": ("e_old", "x_old", "旧y", "旧y坐标", "旧东", "旧东坐标", "原y", "原y坐标"),
    "n_old": ("n_old", "y_old", "旧x", "旧x坐标", "旧北", "旧北坐标", "原x", "原x坐标"),
    "e_new": ("e_new", "x_new", "新y", "新y坐标", "新东", "新东坐标"),
    "n_new": ("n_new", "y_new", "新x", "新x坐标", "新北", "新北坐标"),
}
_NAMES = ("id", "name", "点号", "点名", "编号", "序号")
_SHOWN = 20


@dataclass(frozen=True)
class ControlPoints:
    """Points known in the old plane and in that of CGCS2000; the shift is a similarity fitted.

    Four parameters in the plane are customary for points in one projection zone (the guide
    现有测绘成果转换到2000国家大地坐标系技术指南, known from secondary texts only). Both sides are
    in the same projection: old points in EPSG:2379 go with new ones in 4543, 2358 with 4522.

    Attributes
    ----------
    names : tuple of str
    old, new : float64, shape (n, 2)
        Easting, northing; metres.
    source : str
        Name of the file.
    """

    names: tuple[str, ...]
    old: Floats
    new: Floats
    source: str = ""

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ControlPoints:
        """From a CSV file with a header (UTF-8 or GB18030; comma, semicolon or tab).

        Columns, in any order and case: ``x_old, y_old, x_new, y_new`` (x is east) or ``e_old,
        n_old, e_new, n_new``; in Chinese ``旧X, 旧Y, 新X, 新Y``, where X is **north**, or
        ``旧东, 旧北, 新东, 新北``; 原 for 旧; optionally ``id``, ``name``, ``点号`` or ``点名``.

        Raises
        ------
        ParameterError
            The file cannot be read, lacks a column, has a field that is no number, or its points
            determine no similarity; names file, row and field.
        """
        path = Path(path)
        header, rows = _csv_rows(path)
        columns = {key: _column(path, header, names) for key, names in _COLUMNS.items()}
        numbers = np.array(
            [
                [_number(path, line, row, header, at) for at in columns.values()]
                for line, row in rows
            ]
        ).reshape(-1, 4)
        at = next((k for k, name in enumerate(header) if name in _NAMES), None)
        names = tuple(
            row[at].strip() if at is not None and at < len(row) and row[at].strip() else f"#{line}"
            for line, row in rows
        )
        points = cls(names, numbers[:, :2].copy(), numbers[:, 2:].copy(), path.name)
        points._require_sound()
        return points

    @cached_property
    def fit(self) -> Similarity:
        """The similarity, with residuals."""
        return Similarity.fit(self.old, self.new)

    def apply(self, shapes: Shapes, source: CRS, target: CRS) -> Shapes:
        """See `DatumShift`."""
        require_cgcs2000(source, target)
        plane = modern(source)
        if plane is None or not plane.is_projected:
            raise CRSError(
                f"控制点是平面坐标，不能用于 {crs_name(source)}；经纬度图层请用 --helmert。",
                f"Control points are in a plane and cannot move {crs_name(source)}; use --helmert "
                "for a layer in degrees.",
            )
        self._require_near(robust_bounds(shapes))
        last = Transformer.from_crs(plane, target, always_xy=True)

        def mover(x: Floats, y: Floats) -> tuple[Any, Any]:
            return last.transform(*self.fit(x, y))

        require_small(shapes, source, target, mover, self.source or "--control-points")
        return move(shapes, mover)

    def describe(self) -> tuple[str, str]:
        """See `DatumShift`."""
        fit, size = self.fit, abs(self.fit.residuals)
        turn = math.degrees(math.atan2(fit.factor.imag, fit.factor.real)) * 3600
        ppm, rms = (abs(fit.factor) - 1) * 1e6, float(np.sqrt((size**2).mean()))
        each = ", ".join(
            f"{name} {r:.3f}" for name, r in zip(self.names[:_SHOWN], size, strict=False)
        ) + (" …" if len(size) > _SHOWN else "")
        zh = f"{self.source} {len(size)} 点拟合四参数：旋转 {turn:.4f}″，尺度 {ppm:.3f} ppm；"
        en = (
            f"four parameters fitted to {len(size)} control points of {self.source}: rotation "
            f'{turn:.4f}", scale {ppm:.3f} ppm; '
        )
        if len(size) == 2:
            return zh + "只有两点，残差无从检核", en + "two points leave no residual to check"
        zh += f"残差（m）{each}，均方根 {rms:.3f}"
        en += f"residuals (m) {each}, RMS {rms:.3f}"
        return zh, en

    def warnings(self) -> tuple[tuple[str, str], ...]:
        """See `DatumShift`."""
        odd = [name for name, is_odd in zip(self.names, self.fit.suspects, strict=True) if is_odd]
        if not odd:
            return ()
        names = ", ".join(odd[:_SHOWN]) + (" …" if len(odd) > _SHOWN else "")
        return (
            (
                f"{self.source}：控制点 {names} 的残差超过三倍中误差，请核对。",
                f"{self.source}: the residuals of {names} are beyond 3 sigma; check these points.",
            ),
        )

    def _require_sound(self) -> None:
        """At least two points apart, and a similarity that can be a datum shift."""
        for points in (self.old, self.new):
            if len(np.unique(points.round(3), axis=0)) < 2:
                raise ParameterError(
                    f"{self.source}：至少要有两个位置不同的控制点，现有 {len(points)} 行。",
                    f"{self.source}: at least two control points in different places are needed; "
                    f"it has {len(points)} rows.",
                )
        turn, scale = math.degrees(np.angle(self.fit.factor)), abs(self.fit.factor)
        if abs(turn) > 1 or abs(scale - 1) > 1e-3:
            raise ParameterError(
                f"{self.source}：新旧坐标之间旋转 {turn:.3f}°、尺度 {scale:.6f}，不可能是基准转换。"
                "请核对 X/Y 次序、投影带，以及点号是否对应。",
                f"{self.source}: rotation {turn:.3f}°, scale {scale:.6f} between old and new "
                "coordinates is no datum shift. Check the order of X and Y, the zone, and whether "
                "the points correspond.",
            )

    def _require_near(self, bounds: Bounds | None) -> None:
        if bounds is None:
            return
        west, south, east, north = bounds
        middle = np.array([(west + east) / 2, (south + north) / 2])
        away = float(np.hypot(*(self.old - middle).T).min())
        if not away <= _REACH:
            e, n = self.old.mean(axis=0)
            raise ParameterError(
                f"{self.source}：控制点（东 {e:.0f}，北 {n:.0f}）离图层（东 {middle[0]:.0f}，北 "
                f"{middle[1]:.0f}）{away / 1000:.0f} km。请核对 X/Y 次序（旧X、新X 为北坐标）、"
                "带号和投影带。",
                f"{self.source}: the control points (E {e:.0f}, N {n:.0f}) lie "
                f"{away / 1000:.0f} km from the layer (E {middle[0]:.0f}, N {middle[1]:.0f}). "
                "Check the order of X and Y (x_old is east), the zone prefix and the zone.",
            )


def _csv_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header in lower case, and the rows that are not blank with their line numbers."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ParameterError(
            f"控制点表 {path} 读不出：{error.strerror}。",
            f"The control points {path} cannot be read: {error.strerror}.",
        ) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", errors="replace")
    first = text.split("\n", 1)[0]
    reader = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count))
    try:
        rows = [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    except csv.Error as error:
        raise ParameterError(
            f"{path.name}：第 {reader.line_num} 行不是 CSV：{error}。",
            f"{path.name}: line {reader.line_num} is not CSV: {error}.",
        ) from error
    header = [field.strip().lower() for field in rows[0][1]] if rows else []
    return header, rows[1:]


def _column(path: Path, header: Sequence[str], names: tuple[str, ...]) -> int:
    found = [k for k, name in enumerate(header) if name in names]
    if len(found) == 1:
        return found[0]
    zh, en = ("缺少", "has no") if not found else ("有多个", "has several of")
    raise ParameterError(
        f"{path.name}：表头{zh}列 {names[1]}（或 {names[2]}）。"
        "应有 x_old,y_old,x_new,y_new（x 为东）或 旧X,旧Y,新X,新Y（X 为北）。",
        f"{path.name}: its header {en} column {names[1]} (or {names[2]}). It needs "
        "x_old,y_old,x_new,y_new (x is east) or 旧X,旧Y,新X,新Y (X is north).",
    )


def _number(path: Path, line: int, row: Sequence[str], header: Sequence[str], at: int) -> float:
    field = row[at].strip() if at < len(row) else ""
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ParameterError(
            f"{path.name}：第 {line} 行 {header[at]} 的 {field[:40]!r} 不是数。",
            f"{path.name}: row {line}, {header[at]}: {field[:40]!r} is no number.",
        )
    return value
