"""Vertices and rings: repeated ones removed, nodes inserted, rings turned. No boundary moves by
more than the tolerance that it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.errors import GEOSException

__all__ = ["insert_nodes", "nearest_vertex", "plane", "snaps", "turned", "without_repeated"]

Shapes = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_METRES_PER_DEGREE = 111_320.0


def plane(crs: CRS | None, shapes: Shapes) -> Floats:
    """Metres in a unit of x and of y, near enough to compare short distances; shape (2,)."""
    if crs is None or not crs.axis_info:
        return np.ones(2)
    unit = crs.axis_info[0].unit_conversion_factor or 1.0
    if not crs.is_geographic:
        return np.full(2, unit)
    bounds = shapely.total_bounds(shapes)
    latitude = 0.0 if np.isnan(bounds).any() else (bounds[1] + bounds[3]) / 2 * unit
    degree = _METRES_PER_DEGREE * np.rad2deg(unit)
    return np.array([degree * np.cos(latitude), degree])


def snaps(shapes: Shapes, scale: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """Vertices that follow another one of their ring at less than `tolerance`, and the vertex to
    be put in their place; wherever they are in the layer, so that neighbours stay together.

    Returns
    -------
    before, after : ndarray, shape (m, 2)
        Coordinates. Of vertices in a row, each closer than the tolerance to the next, but the
        first farther from the last, none is here.
    """
    xy, ring = shapely.get_coordinates(shapely.get_rings(_whole(shapes)), return_index=True)
    step = np.hypot(*(np.diff(xy, axis=0) * scale).T)
    near = np.flatnonzero((ring[1:] == ring[:-1]) & (step > 0) & (step < tolerance))
    if not len(near):
        return np.empty((0, 2)), np.empty((0, 2))
    ends = np.concatenate([xy[near], xy[near + 1]])
    points, number = np.unique(ends, axis=0, return_inverse=True)
    start, end = number.reshape(2, -1)
    links = coo_array((np.ones(len(start)), (start, end)), shape=(len(points),) * 2)
    group = connected_components(links, directed=False)[1]
    first = np.unique(group, return_index=True)[1]  # the westernmost of each group
    target = points[first][group]
    far = np.hypot(*((points - target) * scale).T) >= tolerance
    moved = ~np.isin(group, group[far]) & (points != target).any(axis=1)
    return points[moved], target[moved]


def without_repeated(shapes: Shapes, before: Floats, after: Floats) -> Shapes:
    """`shapes` with vertices `before` put at `after`, and equal ones in a row written once; a
    shape that would collapse stays as it is."""
    if len(before):
        source = pd.MultiIndex.from_arrays(list(before.T))

        def move(xy: Floats) -> Floats:
            where = source.get_indexer(pd.MultiIndex.from_arrays(list(xy.T)))
            return np.where((where >= 0)[:, None], after[where], xy)

        shapes = np.asarray(shapely.transform(shapes, move), dtype=object)
    try:
        slim = shapely.remove_repeated_points(shapes, tolerance=0.0)
    except GEOSException:  # a ring of one point; such a shape is T02's, and stays
        slim = np.array([_slim(shape) for shape in shapes], dtype=object)
    fewer = shapely.get_num_coordinates(slim) < shapely.get_num_coordinates(shapes)
    return np.where(fewer & ~shapely.is_empty(slim), slim, shapes)


def _slim(shape: Any) -> Any:
    try:
        return shapely.remove_repeated_points(shape, tolerance=0.0)
    except GEOSException:
        return shape


def turned(shapes: Shapes, clockwise: bool | None) -> Shapes:
    """`shapes` with their outlines in one direction and their holes in the other.

    Parameters
    ----------
    shapes : ndarray of polygons
    clockwise : bool or None
        The direction of outlines; None leaves what is either way, and turns the others
        counter-clockwise. A ring without area has no direction, and its shape stays.
    """
    right = shapely.orient_polygons(shapes, exterior_cw=bool(clockwise))
    keep = shapely.equals_identical(right, shapes)
    if clockwise is None:
        keep |= shapely.equals_identical(shapely.orient_polygons(shapes, exterior_cw=True), shapes)
    again = shapely.orient_polygons(right, exterior_cw=bool(clockwise))
    keep |= ~shapely.equals_identical(again, right)
    return np.where(keep, shapes, right)


def nearest_vertex(shapes: Shapes, xy: Floats, scale: Floats) -> Floats:
    """The vertex of each of `shapes` that is nearest to its point; shape (n, 2)."""
    vertices, shape = shapely.get_coordinates(shapes, return_index=True)
    distance = np.hypot(*((vertices - xy[shape]) * scale).T)
    order = np.lexsort([distance, shape])
    first = np.unique(shape[order], return_index=True)[1]
    return vertices[order][first]


def insert_nodes(shapes: Shapes, which: Rows, xy: Floats, scale: Floats) -> Shapes:
    """`shapes` with nodes inserted, each into the edge that is nearest to it.

    Parameters
    ----------
    shapes : ndarray of polygons and multipolygons, shape (n,)
        None missing, none empty.
    which : ndarray of int, shape (m,)
        The shape of each node.
    xy : ndarray, shape (m, 2)
    scale : ndarray, shape (2,)
        See `plane`.

    Returns
    -------
    ndarray of geometry, shape (n,)
        Of the same types; all other vertices stay.
    """
    kind, coordinates, offsets = shapely.to_ragged_array(shapes)
    edge, share = _nearest_edges(coordinates * scale, offsets, which, xy * scale)
    order = np.lexsort([share, edge])
    edge, xy = edge[order], xy[order]
    longer = np.insert(coordinates, edge + 1, xy, axis=0)
    rings = offsets[0] + np.searchsorted(edge + 1, offsets[0])
    made = shapely.from_ragged_array(kind, longer, (rings, *offsets[1:]))
    single = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    return np.where(single, shapely.get_geometry(made, 0), made)


def _nearest_edges(
    coordinates: Floats, offsets: tuple[Any, ...], which: Rows, xy: Floats
) -> tuple[Rows, Floats]:
    """For each point the edge of its shape that is nearest, by its first vertex, and where on it
    the point lies (0 … 1)."""
    bounds = offsets[-1]  # of shapes, in parts or rings, in the end in vertices
    for inner in reversed(offsets[:-1]):
        bounds = inner[bounds]
    first, count = bounds[which], bounds[which + 1] - bounds[which]
    point = np.repeat(np.arange(len(which)), count)
    edge = np.arange(len(point)) - np.repeat(np.cumsum(count) - count, count)
    edge += np.repeat(first, count)
    inside = ~np.isin(edge + 1, offsets[0])  # the last vertex of a ring begins no edge
    point, edge = point[inside], edge[inside]
    start, along = coordinates[edge], coordinates[edge + 1] - coordinates[edge]
    square = (along**2).sum(axis=1)
    dot = ((xy[point] - start) * along).sum(axis=1)
    share = np.clip(np.divide(dot, square, out=np.zeros(len(dot)), where=square > 0), 0, 1)
    distance = np.hypot(*(xy[point] - start - along * share[:, None]).T)
    order = np.lexsort([distance, point])
    best = order[np.unique(point[order], return_index=True)[1]]
    return edge[best], share[best]


def _whole(shapes: Shapes) -> Shapes:
    """The polygons of `shapes`, without what has no coordinates."""
    parts = shapely.get_parts(shapes)
    return parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
