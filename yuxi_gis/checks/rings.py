"""The outlines of many parcels as coordinates: each vertex once, with its ring and its parcel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from yuxi_gis.checks.subject import Mask, Shapes, Subject

__all__ = ["BLOCK", "ROUNDING", "Faults", "Outlines", "angle_between", "each_outlines", "search"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

# Parcels whose coordinates are laid out at a time: what bounds the memory.
BLOCK = 100_000
# What coordinates with a zone prefix (8 digits before the point) lose as binary numbers, and more.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Faults:
    """Places of a fault: its parcel's row, where it is, and what was measured there."""

    row: Rows
    xy: Floats
    value: Floats


@dataclass(frozen=True)
class Outlines:
    """Rings of many parcels in one, each vertex once: `xy`, the ring's number and the parcel's
    row."""

    xy: Floats
    ring: Rows
    row: Rows

    @cached_property
    def first(self) -> Rows:
        """The first vertex of each ring."""
        return np.flatnonzero(np.diff(self.ring, prepend=-1))

    @cached_property
    def size(self) -> Rows:
        """The number of vertices of each ring."""
        return np.diff(self.first, append=len(self.ring))

    def each(self, of_ring: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What is known of the rings, for their vertices."""
        return np.repeat(of_ring, self.size)

    def after(self, steps: int = 1) -> Rows:
        """The vertex so many steps after each one, around its ring."""
        first = self.each(self.first)
        here = np.arange(len(self.ring))
        return np.asarray(first + (here - first + steps) % self.each(self.size))

    def length(self) -> Floats:
        """The length of the edge from each vertex to the next."""
        return np.asarray(np.hypot(*(self.xy[self.after()] - self.xy).T))

    def mean_width(self) -> Floats:
        """Twice the area by the length of each ring."""
        here = self.xy - np.repeat(self.xy[self.first], self.size, axis=0)
        twice = np.add.reduceat(_cross(here, here[self.after()]), self.first)
        return np.asarray(np.abs(twice) / np.add.reduceat(self.length(), self.first))

    def faults(self, which: Mask, value: Floats) -> Faults:
        return Faults(self.row[which], self.xy[which], value[which])

    def __getitem__(self, which: Mask) -> Outlines:
        return Outlines(self.xy[which], self.ring[which], self.row[which])


def each_outlines(
    subject: Subject, short: float, angle: float = 0.0, step: float = 0.0
) -> Iterator[Outlines]:
    """The outlines of the valid parcels in metres that may have a fault, a block at a time.

    Parameters
    ----------
    short, angle : float
        Faults are where an edge is no longer than `short` (m) or an angle is below `angle` (°):
        outlines without such a place are left out.
    step : float
        Vertices that are closer to the next one are left out, and rings of less than three others.
    """
    shapes = np.where(subject.valid, subject.metre.to_numpy(), np.array(None))
    for start in range(0, max(len(shapes), 1), BLOCK):
        block = shapes[start : start + BLOCK]
        rows = start + np.flatnonzero(_doubtful(block, max(short, step), angle))
        parts, row = shapely.get_parts(shapes[rows], return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        last = np.append(ring[1:] != ring[:-1], True)[: len(ring)]
        outlines = Outlines(xy, ring, rows[row[part[ring]]])[~last]
        if step > 0:
            outlines = outlines[outlines.length() >= step]
            outlines = outlines[outlines.each(outlines.size >= 3)]
        yield outlines


def _doubtful(shapes: Shapes, short: float, angle: float) -> Mask:
    """Which parcels have an edge no longer than `short` or an angle below `angle`, or several
    rings: those need a closer look."""
    one = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    one &= shapely.get_num_interior_rings(shapes) == 0
    doubtful = ~(one | shapely.is_missing(shapes))
    xy, row = shapely.get_coordinates(np.where(one, shapes, np.array(None)), return_index=True)
    within = row[1:] == row[:-1]
    edge, row = np.diff(xy, axis=0)[within], row[1:][within]
    square = (edge**2).sum(axis=1)
    doubtful[row[square <= (short + ROUNDING) ** 2]] = True
    if angle > 0:
        # The edge before each: that of the last vertex before the first one.
        before = np.arange(-1, len(row) - 1)
        first = np.flatnonzero(np.diff(row, prepend=-1))
        before[first] = np.append(first[1:], len(row))[: len(first)] - 1
        back = -(edge * edge[before]).sum(axis=1)
        cosine = np.cos(np.radians(min(angle, 180.0))) - ROUNDING
        doubtful[row[back >= cosine * np.sqrt(square * square[before])]] = True
    return doubtful


def search(
    subject: Subject,
    judge: Callable[[Outlines], Faults],
    short: float,
    angle: float = 0.0,
    step: float = 0.0,
) -> Faults:
    found = [judge(outlines) for outlines in each_outlines(subject, short, angle, step)]
    return Faults(
        np.concatenate([part.row for part in found]),
        np.concatenate([part.xy for part in found]),
        np.concatenate([part.value for part in found]),
    )


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def angle_between(a: Floats, b: Floats) -> Floats:
    """The angle between vectors in degrees, 0 … 180."""
    return np.asarray(np.degrees(np.arctan2(np.abs(_cross(a, b)), (a * b).sum(axis=1))))
