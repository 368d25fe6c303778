"""The edges of a layer that no neighbour shares.

In a clean coverage every edge occurs twice, once in each direction: the two cancel. What is left is
the outline of the whole, and wherever parcels overlap, leave a gap or do not share their nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

__all__ = ["Edges", "unmatched"]

Shapes = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Edges:
    """Directed edges, the parcel's inside to their left.

    `start` and `end` are coordinates, shape (m, 2); `row` is the parcel's row number, shape (m,).
    """

    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    row: npt.NDArray[np.intp]

    def lines(self) -> Shapes:
        """The edges as lines."""
        ends = np.stack([self.start, self.end], axis=1)
        return np.asarray(shapely.linestrings(ends), dtype=object)


def unmatched(parcels: Shapes) -> Edges:
    """The edges of `parcels` that no edge in the other direction cancels.

    Parameters
    ----------
    parcels : ndarray of valid polygons and multipolygons, shape (n,)
        None and empty ones have no edges.

    Returns
    -------
    Edges
        In the order of the parcels and of their vertices. Where k edges in one direction meet
        fewer in the other, all k of them are there.
    """
    rings, row = _rings(shapely.orient_polygons(parcels, exterior_cw=False))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inner = ring[1:] == ring[:-1]
    start, end, row = xy[:-1][inner], xy[1:][inner], row[ring[:-1][inner]]
    forward = (start[:, 0] < end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] < end[:, 1]))
    low = np.where(forward[:, None], start, end)
    high = np.where(forward[:, None], end, start)
    key = np.unique(np.hstack([low, high]), axis=0, return_inverse=True)[1]
    net = np.bincount(key, weights=np.where(forward, 1, -1))
    left = net[key] * np.where(forward, 1, -1) > 0
    return Edges(start[left], end[left], row[left])


def _rings(parcels: Shapes) -> tuple[Shapes, npt.NDArray[np.intp]]:
    parts, row = shapely.get_parts(parcels, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    return rings, row[part]
