"""Circular arcs in well-known binary as chords (ISO/IEC 13249-3 SQL/MM; OGC 06-103r4).

GEOS has no arcs, and GDAL's own stroking has one step in degrees for every radius. Here the step
follows the radius, so that no chord leaves its arc by more than a tolerance. An arc gives the
same points in both directions, so that neighbours which share it stay without gap or overlap.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["CURVED", "Linear", "linearise"]

#: Types that GEOS cannot read, or (7, a collection) that may hold them; 17 is the last known.
CURVED = (7, *range(8, 18))
_ARCS, _COMPOUND = 8, 9
_LINES, _WITH_RINGS, _WITH_CURVES = (2, 8), (3, 17), 10
#: What each becomes: arcs and compound curves lines, surfaces polygons, TIN multi-polygons.
_PLAIN = {8: 2, 9: 2, 10: 3, 11: 5, 12: 6, 15: 6, 16: 6, 17: 3}
_DEPTH = 32
#: More vertices than this and the tolerance gives way (it is told which one was reached).
_VERTICES = 50_000_000
_WIDEST = np.pi / 4


@dataclass
class Linear:
    """What `linearise` gives back.

    Attributes
    ----------
    wkb : list of bytes or None
        None where the bytes are no well-known binary.
    arcs : ndarray of int
        Number of arcs in each geometry.
    deviation : float
        Largest distance between an arc and its chord, in the unit of the coordinates.
    """

    wkb: list[bytes | None]
    arcs: np.ndarray
    deviation: float


@dataclass
class _Pieces:
    """Runs of coordinates (n, 4) of all geometries; those of arcs are densified together."""

    coords: list[np.ndarray] = field(default_factory=list)
    arcs: list[int] = field(default_factory=list)

    def add(self, coords: np.ndarray, *, is_arc: bool) -> int:
        if is_arc and len(coords) >= 3 and len(coords) % 2:
            self.arcs.append(len(self.coords))
        self.coords.append(coords)
        return len(self.coords) - 1


def linearise(wkb: Sequence[bytes], tolerance: float) -> Linear:
    """`wkb` without arcs: curve polygons as polygons, multi-surfaces as multi-polygons …

    Parameters
    ----------
    wkb : sequence of bytes
        ISO or extended well-known binary of any type.
    tolerance : float
        The largest allowed distance of a chord from its arc (sagitta), > 0, in the unit of the
        coordinates. Z and M go evenly along an arc.

    Returns
    -------
    Linear
    """
    pieces = _Pieces()
    trees: list[_Node | None] = []
    arcs = np.zeros(len(wkb), int)
    for row, data in enumerate(wkb):
        before = len(pieces.arcs)
        try:
            trees.append(_parse(data, 0, 0, pieces)[0])
        except (struct.error, ValueError, IndexError):
            trees.append(None)
        arcs[row] = sum((len(pieces.coords[p]) - 1) // 2 for p in pieces.arcs[before:])
    deviation = _densify(pieces, tolerance)
    plain = [None if tree is None else _emit(tree, pieces.coords) for tree in trees]
    return Linear(plain, arcs, deviation)


@dataclass(frozen=True)
class _Node:
    """A geometry without arcs: `rings` of piece numbers (a line has one), or other geometries."""

    kind: int
    dims: tuple[bool, bool]
    rings: list[list[int]] = field(default_factory=list)
    parts: list[_Node] = field(default_factory=list)


def _parse(data: bytes, at: int, depth: int, pieces: _Pieces) -> tuple[_Node, int]:
    if depth > _DEPTH:
        raise ValueError("nested too deep")
    end = "<" if data[at] else ">"
    (code,) = struct.unpack_from(end + "I", data, at + 1)
    at += 9 if code & 0x20000000 else 5  # extended WKB may carry an SRID
    iso, kind = divmod(code & 0xFFFF, 1000)
    dims = (bool(code & 0x80000000) or iso in (1, 3), bool(code & 0x40000000) or iso in (2, 3))
    if kind == 1:
        coords, at = _coordinates(data, at, 1, end, dims)
        return _Node(1, dims, [[pieces.add(coords, is_arc=False)]]), at
    (count,) = struct.unpack_from(end + "I", data, at)
    at += 4
    if kind in _LINES:
        coords, at = _coordinates(data, at, count, end, dims)
        return _Node(2, dims, [[pieces.add(coords, is_arc=kind == _ARCS)]]), at
    node = _Node(_PLAIN.get(kind, kind), dims)
    for _ in range(count):
        if kind in _WITH_RINGS:
            (size,) = struct.unpack_from(end + "I", data, at)
            coords, at = _coordinates(data, at + 4, size, end, dims)
            node.rings.append([pieces.add(coords, is_arc=False)])
            continue
        part, at = _parse(data, at, depth + 1, pieces)
        if kind == _COMPOUND:
            node.rings[:] = [[*(node.rings[0] if node.rings else []), *part.rings[0]]]
        elif kind == _WITH_CURVES:
            node.rings.extend(part.rings)
        else:
            node.parts.append(part)
    return node, at


def _coordinates(
    data: bytes, at: int, count: int, end: str, dims: tuple[bool, bool]
) -> tuple[np.ndarray, int]:
    """`count` coordinates as (count, 4) of x, y, z, m; `ValueError` where the bytes end before."""
    width = 2 + sum(dims)
    coords = np.zeros((0, 4))
    if count:
        if count * width * 8 > len(data) - at:
            raise ValueError("bytes end before the coordinates")
        values = np.frombuffer(data, end + "f8", count * width, at).reshape(count, width)
        coords = np.zeros((count, 4))
        coords[:, [0, 1, *([2] if dims[0] else []), *([3] if dims[1] else [])]] = values
    return coords, at + count * width * 8


def _densify(pieces: _Pieces, tolerance: float) -> float:
    """Replace the arcs of `pieces` by points on them; returns the largest sagitta."""
    if not pieces.arcs:
        return 0.0
    runs = [pieces.coords[p] for p in pieces.arcs]
    counts = np.array([(len(run) - 1) // 2 for run in runs])
    start = np.concatenate([run[:-2:2] for run in runs])
    middle = np.concatenate([run[1:-1:2] for run in runs])
    stop = np.concatenate([run[2::2] for run in runs])
    with np.errstate(all="ignore"):
        points, sizes, deviation = _points(start, middle, stop, tolerance)
    last = np.cumsum(counts)
    bounds = np.concatenate([[0], np.cumsum(sizes)])[np.concatenate([[0], last])]
    for piece, run, a, b in zip(pieces.arcs, runs, bounds[:-1], bounds[1:], strict=True):
        pieces.coords[piece] = np.concatenate([points[a:b], run[-1:]])
    return deviation


def _points(
    start: np.ndarray, middle: np.ndarray, stop: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Points of each arc without its last one, how many they are, and the largest sagitta."""
    # From the smaller end, so that the arc of a neighbour, digitised backwards, has the same.
    back = (stop[:, 0] < start[:, 0]) | ((stop[:, 0] == start[:, 0]) & (stop[:, 1] < start[:, 1]))
    a, c = (np.where(back[:, None], p, q) for p, q in ((stop, start), (start, stop)))
    u, v = middle[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    cross = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    uu, vv = (u**2).sum(axis=1), (v**2).sum(axis=1)
    circle = (v == 0).all(axis=1) & (uu > 0)
    centre = np.stack([v[:, 1] * uu - u[:, 1] * vv, u[:, 0] * vv - v[:, 0] * uu], axis=1)
    centre = np.where(circle[:, None], u / 2, centre / (2 * cross)[:, None])
    radius = np.hypot(*centre.T)
    first = np.arctan2(-centre[:, 1], -centre[:, 0])
    turn = np.arctan2(v[:, 1] - centre[:, 1], v[:, 0] - centre[:, 0]) - first
    turn = np.where(cross > 0, turn % (2 * np.pi), -(-turn % (2 * np.pi)))
    turn = np.where(circle, 2 * np.pi, turn)
    straight = ~np.isfinite(radius) | ~np.isfinite(turn) | (radius > 1e9 * np.sqrt(uu + vv))
    radius, turn = np.where(straight, 0, radius), np.where(straight, 0, turn)
    steps = _steps(radius, turn, tolerance)
    sizes = np.where(straight, 2, steps)

    arc = np.repeat(np.arange(len(a)), sizes)
    number = np.arange(len(arc)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    share = np.where(back[arc], steps[arc] - number, number) / steps[arc]
    angle = first[arc] + turn[arc] * share
    points = a[arc] + share[:, None] * (c - a)[arc]
    circular = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[arc, None]
    points[:, :2] = a[arc, :2] + (centre[arc] + circular)
    points[number == 0] = start
    points[straight[arc] & (number == 1)] = middle[straight]
    sagitta = radius * (1 - np.cos(turn / steps / 2))
    return points, sizes, float(sagitta.max(initial=0))


def _steps(radius: np.ndarray, turn: np.ndarray, tolerance: float) -> np.ndarray:
    """How many chords each arc needs: sagitta = r (1 − cos(step / 2))."""
    widest = 4 * np.arcsin(np.sqrt(np.clip(tolerance / (2 * radius), 0, 1)))
    widest = np.where(radius > 0, np.minimum(widest, _WIDEST), _WIDEST)
    steps = np.clip(np.ceil(np.abs(turn) / widest), 1, _VERTICES)
    if steps.sum() > _VERTICES:
        steps = np.minimum(steps, max(8, _VERTICES // len(steps)))
    return steps.astype(int)


def _emit(node: _Node, coords: list[np.ndarray]) -> bytes:
    """ISO well-known binary, little-endian."""
    code = node.kind + 1000 * node.dims[0] + 2000 * node.dims[1]
    head = struct.pack("<BI", 1, code)
    columns = [0, 1, *([2] if node.dims[0] else []), *([3] if node.dims[1] else [])]

    def run(numbers: list[int]) -> Any:
        joined = [coords[numbers[0]]] if numbers else [np.zeros((0, 4))]
        for number in numbers[1:]:
            ends = len(joined[-1]) and len(coords[number])
            meets = bool(ends) and np.array_equal(joined[-1][-1, :2], coords[number][0, :2])
            joined.append(coords[number][1:] if meets else coords[number])
        return np.concatenate(joined)[:, columns].astype("<f8")

    if node.kind == 1:
        return head + run(node.rings[0]).tobytes()
    if node.kind == 2:
        line = run(node.rings[0] if node.rings else [])
        return head + struct.pack("<I", len(line)) + line.tobytes()
    if node.kind == 3:
        rings = [run(ring) for ring in node.rings]
        body = b"".join(struct.pack("<I", len(ring)) + ring.tobytes() for ring in rings)
        return head + struct.pack("<I", len(rings)) + body
    parts = b"".join(_emit(part, coords) for part in node.parts)
    return head + struct.pack("<I", len(node.parts)) + parts
