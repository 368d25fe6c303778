"""Fewer vertices in the drawing of large layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from yuxi_gis.crs import metric
from yuxi_gis.errors import ParameterError
from yuxi_gis.export.webmap.features import Encoded, encode_layer
from yuxi_gis.export.webmap.themes import Theme

__all__ = ["Simplified", "encode_layers", "simplified"]

#: Vertices from which on `shapely.hausdorff_distance` is too slow for a shape.
_LONG = 1000


@dataclass(frozen=True)
class Simplified:
    """What was done to the shapes of a layer.

    Attributes
    ----------
    tolerance_m : float
    method : {"coverage", "each"}
        Whether borders that neighbours share stay shared, or each shape was taken by itself.
    vertices, left : int
        Before and after.
    shift_m : float
        The furthest that any outline moved, as measured.
    """

    tolerance_m: float
    method: str
    vertices: int
    left: int
    shift_m: float

    def as_json(self) -> Mapping[str, Any]:
        """As one object that `json.dumps` takes."""
        return asdict(self)


def encode_layers(
    themed: Iterable[tuple[Theme, gpd.GeoDataFrame]], tolerance: float = 0.0
) -> tuple[list[Encoded], dict[str, Simplified]]:
    """Layers as the page carries them, those of land simplified.

    Parameters
    ----------
    themed : iterable of (Theme, GeoDataFrame)
    tolerance : float
        Metres; 0 simplifies nothing. Results (findings, changes) are never simplified.

    Returns
    -------
    encoded : list of Encoded
    made : dict of str to Simplified
        By layer id.

    Raises
    ------
    ParameterError
        `tolerance` is negative or no number.
    CRSError
        A layer has no CRS.
    """
    if not 0 <= tolerance < np.inf:
        raise ParameterError(
            f"图形简化的容差 {tolerance}：应为不小于 0 的米数。",
            f"Tolerance of simplifying {tolerance}: give metres, not less than 0.",
        )
    encoded, made = [], {}
    for theme, frame in themed:
        drawn = None
        if tolerance and not theme.result:
            drawn, done = simplified(frame, tolerance)
            if done is not None:
                made[theme.id] = done
        encoded.append(encode_layer(frame, theme, drawn))
    return encoded, made


def simplified(
    frame: gpd.GeoDataFrame, tolerance: float
) -> tuple[gpd.GeoDataFrame, Simplified | None]:
    """A layer with simpler shapes.

    Polygons that form a coverage (neighbours meet vertex by vertex and nothing overlaps) are
    simplified together (Visvalingam-Whyatt), so that no gap opens between them; in other layers
    each shape is simplified by itself (Douglas-Peucker, keeping its topology).

    Parameters
    ----------
    frame : GeoDataFrame
        In any CRS; not changed.
    tolerance : float
        Metres. For a coverage the square root of the area of the triangles that are cut off.

    Returns
    -------
    frame : GeoDataFrame
        With the same rows and columns, in a CRS of metres.
    Simplified or None
        None where there is nothing to simplify: points, or no shape.
    """
    rows = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy(dtype=bool)
    if not rows.any() or shapely.get_dimensions(frame.geometry.to_numpy()).max() < 1:
        return frame, None
    # A height that is no number would make all three coordinates infinite.
    out = metric(frame.set_geometry(shapely.force_2d(frame.geometry.array)))
    whole = out.geometry.to_numpy().copy()
    # What lies outside the CRS of metres stays as it is; `drawable` leaves it out.
    rows &= np.isfinite(shapely.bounds(whole)).all(axis=1)
    before = whole[rows]
    method, after = _simpler(before, tolerance)
    whole[rows] = after
    return out.set_geometry(gpd.GeoSeries(whole, index=out.index, crs=out.crs)), Simplified(
        tolerance,
        method,
        int(shapely.get_num_coordinates(before).sum()),
        int(shapely.get_num_coordinates(after).sum()),
        round(_furthest(before, after), 2),
    )


def _furthest(before: npt.NDArray[np.object_], after: npt.NDArray[np.object_]) -> float:
    """How far the shapes moved at most (Hausdorff distance), in metres.

    What is left of the vertices is a choice of those before: the distance is that of the vertices
    before from the lines after. `shapely.hausdorff_distance` compares all with all and takes
    minutes for one outline of 100,000 vertices.
    """
    size = shapely.get_num_coordinates(before)
    long = size > _LONG
    moved = [shapely.hausdorff_distance(before[~long], after[~long])]
    for one, other in zip(before[long], after[long], strict=True):
        xy, path = shapely.get_coordinates(_lines(other), return_index=True)
        joined = np.flatnonzero(path[1:] == path[:-1])
        edges: Any = shapely.linestrings(np.stack([xy[joined], xy[joined + 1]], axis=1))
        tree = shapely.STRtree(edges)
        points = shapely.points(shapely.get_coordinates(_lines(one)))
        moved.append(tree.query_nearest(points, return_distance=True, all_matches=False)[1])
    return float(np.nanmax(np.concatenate([*moved, [0.0]])))


def _lines(shape: Any) -> npt.NDArray[np.object_]:
    """The rings and lines of a shape; points, which never move, are left out."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    size = shapely.get_dimensions(parts)
    return np.concatenate([shapely.get_rings(parts[size == 2]), parts[size == 1]])


def _simpler(
    shapes: npt.NDArray[np.object_], tolerance: float
) -> tuple[str, npt.NDArray[np.object_]]:
    polygons = np.isin(
        shapely.get_type_id(shapes),
        (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON),
    )
    if polygons.all() and shapely.is_valid(shapes).all() and shapely.coverage_is_valid(shapes):
        method, after = "coverage", shapely.coverage_simplify(shapes, tolerance)
    else:
        method, after = "each", shapely.simplify(shapes, tolerance, preserve_topology=True)
    # A shape must not vanish from the map.
    lost = shapely.is_empty(after) | shapely.is_missing(after)
    return method, np.where(lost, shapes, after)
