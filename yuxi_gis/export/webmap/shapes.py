"""Geometries as streams of small integers.

A coordinate is a whole number of 1e-6 degree. A vertex that occurred before, as most vertices of
adjoining parcels did, is a reference to it: along a shared edge the references run evenly, and
compress to next to nothing. A new one is the step from the vertex before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from yuxi_gis.export.webmap.packing import first_seen, varints, zigzag

__all__ = ["HALF_STEP_M", "STEP", "pack_shapes"]

STEP = 1e-6
"""Degrees in a unit of a coordinate."""

HALF_STEP_M = 0.08
"""How far rounding moves a vertex at most, in metres: half a step both ways on the ellipsoid."""

#: What a path is: a single point, a line, the outline of a polygon, a hole in the one before.
POINT, LINE, SHELL, HOLE = range(4)

Shapes = NDArray[np.object_]
Integers = NDArray[np.int64]


def pack_shapes(shapes: Shapes) -> dict[str, bytes]:
    """Geometries in degrees as streams.

    Parameters
    ----------
    shapes : ndarray of geometry, (n,)
        Longitude and latitude in degrees; none missing or empty. Collections are taken apart.

    Returns
    -------
    dict of str to bytes
        ``paths``: number of paths of each feature; ``sizes``: 4 × vertices + kind of each path;
        ``vertices``: for each vertex 0 where it is new, else 1 + zigzag of its number less that
        of the vertex before; ``dx``, ``dy``: zigzag steps to new vertices. Rings are not closed;
        shells run counter-clockwise, holes clockwise. Vertices that rounding makes equal to the
        one before are dropped, but no path is left without any.
    """
    paths, kind, owner = _paths(shapes)
    xy, path = shapely.get_coordinates(paths, return_index=True)
    grid = np.rint(xy / STEP).astype(np.int64)
    kept = _kept(grid, path, kind)
    grid, path = grid[kept], path[kept]
    number, new = first_seen((grid[:, 0] << 32) + grid[:, 1])
    step = np.diff(grid, axis=0, prepend=0)[new]
    hop = np.where(new, 0, 1 + zigzag(np.diff(number, prepend=0)))
    size = np.bincount(path, minlength=len(paths))
    return {
        "paths": varints(np.bincount(owner, minlength=len(shapes))),
        "sizes": varints(4 * size + kind),
        "vertices": varints(hop),
        "dx": varints(zigzag(step[:, 0])),
        "dy": varints(zigzag(step[:, 1])),
    }


def _paths(shapes: Shapes) -> tuple[Shapes, Integers, Integers]:
    """Rings, lines and points in the order of their features: the path, its kind, its feature."""
    parts, owner = _parts(shapes)
    polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    where = np.flatnonzero(polygon)
    rings, ring_of = shapely.get_rings(shapely.orient_polygons(parts[polygon]), return_index=True)
    part = np.concatenate([where[ring_of], np.flatnonzero(~polygon)])
    paths: Shapes = np.concatenate([rings, parts[~polygon]])
    hole = np.diff(ring_of, prepend=-1) == 0
    is_point = shapely.get_type_id(parts[~polygon]) == shapely.GeometryType.POINT
    kind = np.concatenate([np.where(hole, HOLE, SHELL), np.where(is_point, POINT, LINE)])
    order = np.argsort(part, kind="stable")
    return paths[order], kind[order], owner[part[order]]


def _parts(shapes: Shapes) -> tuple[Shapes, Integers]:
    """The single parts that are not empty, and the feature of each."""
    parts: Any = shapes
    owner: Integers = np.arange(len(shapes))
    while (shapely.get_num_geometries(parts) > 1).any() or (
        shapely.get_type_id(parts) > shapely.GeometryType.POLYGON
    ).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owner = owner[index]
    filled = ~shapely.is_empty(parts)
    return parts[filled], owner[filled]


def _kept(grid: Integers, path: Integers, kind: Integers) -> NDArray[np.bool_]:
    """Vertices that differ from the one before, less the last one of a ring, which is the first."""
    first = np.diff(path, prepend=-1) != 0
    kept = first | (np.diff(grid, axis=0, prepend=0) != 0).any(axis=1)
    last = np.append(first[1:], True)
    ring = kind[path] >= SHELL
    kept[last & ring & ~first] = False
    return kept
