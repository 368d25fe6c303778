"""Lines and rings of a VCT file without curves: arcs as chords, segments that meet joined."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import shapely

from yuxi_gis.read.curves import linearise
from yuxi_gis.read.vct.objects import Objects, Piece

__all__ = ["SAME", "Chains"]

#: Points nearer than this are one (in metres, in degrees): writers round to 3 decimals and more.
SAME = {False: 1e-3, True: 1e-8}
_POLYLINE, _ARC, _CIRCLE, _ELLIPSE = 11, 12, 13, 14


@dataclass
class Chains:
    """Runs of coordinates without curves: `start` and `count` into `xy`.

    A line is one chain, with the number of its object; of polygons each ring is one, `parts` of
    an object from `first` on. `loose` has the lines whose segments do not meet. `deviation` is the
    largest distance of an arc from its chords.
    """

    xy: np.ndarray
    start: np.ndarray
    count: np.ndarray
    first: np.ndarray
    parts: np.ndarray
    ids: np.ndarray
    index: np.ndarray
    loose: dict[int, list[np.ndarray]]
    deviation: float

    @classmethod
    def of(cls, objects: Objects, degrees: bool, *, is_ring: bool) -> Chains:
        chains: list[tuple[int, int]] = []
        added: list[np.ndarray] = []
        loose: dict[int, list[np.ndarray]] = {}
        curves = _Curves(SAME[degrees])
        total = len(objects.xy)
        parts = np.zeros(len(objects.ids), int)
        for i, pieces in enumerate(objects.pieces):
            if all(p.shape == _POLYLINE for p in pieces) and (is_ring or len(pieces) == 1):
                chains += [(p.start, p.size) for p in pieces]
                parts[i] = len(pieces)
                continue
            runs = []
            for piece in pieces:
                points, problem = _curve(objects.xy, piece, curves, is_ring=is_ring)
                runs.append(points)
                if problem:
                    objects.mark(problem, i)
            if not is_ring:
                runs = _segments(runs, degrees)
                if len(runs) > 1:
                    loose[i], runs = runs, []
                runs = runs or [np.empty((0, 2))]
            for points in runs:
                chains.append((total, len(points)))
                added.append(points)
                total += len(points)
            parts[i] = len(runs)
        start, count = np.array(chains, int).reshape(-1, 2).T
        ids, index = np.unique(np.array(objects.ids, np.int64), return_index=True)
        xy = np.concatenate([objects.xy, *added])
        return cls(
            xy, start, count, np.cumsum(parts) - parts, parts, ids, index, loose, curves.deviation
        )

    def find(self, numbers: np.ndarray) -> np.ndarray:
        """The objects with these numbers; -1 where there is none."""
        if not len(self.ids):
            return np.full(len(numbers), -1)
        at = np.minimum(np.searchsorted(self.ids, numbers), len(self.ids) - 1)
        return np.where(self.ids[at] == numbers, self.index[at], -1)


class _Curves:
    """Arcs as chords that keep within a tolerance; `deviation` is the largest that was needed."""

    def __init__(self, least: float) -> None:
        self.least = least
        self.deviation = 0.0

    def chords(self, points: np.ndarray) -> np.ndarray:
        tolerance = self.tolerance(points)
        wkb = struct.pack("<BII", 1, 8, len(points)) + points.astype("<f8").tobytes()
        linear = linearise([wkb], tolerance)
        self.deviation = max(self.deviation, linear.deviation)
        return shapely.get_coordinates(shapely.from_wkb(linear.wkb[0]))

    def tolerance(self, points: np.ndarray) -> float:
        return max(self.least, 1e-6 * float(np.ptp(points, axis=0).max()))

    def ellipse(self, points: np.ndarray, ratio: float, start: float, turn: float) -> np.ndarray:
        u = points[1] - points[0]
        major = float(np.hypot(*u))
        bend = min(self.tolerance(points) / max(major, 1e-12), 1)
        steps = int(np.clip(np.ceil(abs(turn) / (2 * np.arccos(1 - bend) + 1e-9)), 8, 4000))
        angle = start + turn * np.linspace(0, 1, steps + 1)
        v = np.array([-u[1], u[0]]) * ratio
        self.deviation = max(self.deviation, major * (1 - np.cos(turn / steps / 2)))
        around: np.ndarray = points[0] + np.outer(np.cos(angle), u) + np.outer(np.sin(angle), v)
        return around


def _curve(
    xy: np.ndarray, piece: Piece, curves: _Curves, *, is_ring: bool
) -> tuple[np.ndarray, str]:
    """A piece as points, and the problem to tell."""
    points = xy[piece.start : piece.start + piece.size]
    if piece.shape == _POLYLINE:
        return points, ""
    if np.isnan(points).any():
        return points, "coordinate"
    numbers = piece.numbers
    if piece.shape == _ARC and len(points) == 3:
        return curves.chords(_circle(points) if is_ring else points), "curve"
    if piece.shape == _CIRCLE and not numbers and len(points) == 3:  # 1999
        return curves.chords(_circle(points)), "curve"
    if piece.shape == _CIRCLE and len(numbers) == 1:
        return curves.chords(_round(points[0], numbers[0], 0, 2 * np.pi)), "curve"
    if piece.shape == _CIRCLE and len(numbers) == 3:
        return curves.chords(_round(points[0], numbers[0], *_turn(*numbers[1:]))), "angle"
    if piece.shape == _ELLIPSE and numbers:
        start, turn = _turn(*numbers[1:]) if len(numbers) == 3 else (0, 2 * np.pi)
        return curves.ellipse(points, numbers[0], start, turn), "curve" if is_ring else "angle"
    return points, "spline"


def _segments(runs: list[np.ndarray], degrees: bool) -> list[np.ndarray]:
    """Segments of a line, those that meet joined."""
    joined: list[np.ndarray] = []
    for run in runs:
        if joined and np.hypot(*(joined[-1][-1] - run[0])) <= SAME[degrees]:
            joined[-1] = np.concatenate([joined[-1], run[1:]])
        else:
            joined.append(run)
    return joined


def _circle(points: np.ndarray) -> np.ndarray:
    """Five points of the circle through three; the three where they lie in a line."""
    u, v = points[1] - points[0], points[2] - points[0]
    cross = u[0] * v[1] - u[1] * v[0]
    if cross == 0:
        return points
    uu, vv = u @ u, v @ v
    centre = np.array([v[1] * uu - u[1] * vv, u[0] * vv - v[0] * uu]) / (2 * cross)
    start = float(np.arctan2(-centre[1], -centre[0]))
    around = _round(points[0] + centre, float(np.hypot(*centre)), start, 2 * np.pi)
    around[[0, -1]] = points[0]
    return around


def _round(centre: np.ndarray, radius: float, start: float, turn: float) -> np.ndarray:
    """Five points of an arc."""
    angle = start + turn * np.linspace(0, 1, 5)
    around: np.ndarray = centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if turn == 2 * np.pi:
        around[-1] = around[0]
    return around


def _turn(start: float, stop: float) -> tuple[float, float]:
    """Start angle and turn (anticlockwise) in radians; more than 2π can only be degrees."""
    if max(abs(start), abs(stop)) > 2 * np.pi + 1e-6:
        start, stop = float(np.radians(start)), float(np.radians(stop))
    return start, (stop - start) % (2 * np.pi) or 2 * np.pi
