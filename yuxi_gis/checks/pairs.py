"""Which parcels of a layer lie on each other: the search behind the overlap rules.

Two parcels are in conflict when their *interiors* meet, so a parcel within another and a parcel
drawn twice count. The predicate ``overlaps`` leaves out both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

__all__ = ["Pairs", "Polygons", "conflicts", "polygonal", "shared"]

Polygons = npt.NDArray[np.object_]
Rows = npt.NDArray[np.intp]

_INTERIORS_MEET = "T********"
_BATCH = 100_000
_NOTHING = shapely.Polygon()


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows with what they share.

    `left` and `right` are row numbers, `area` the shared area (m² in a metre CRS) and `shape` the
    shared polygons; `equal` is true where both are the same polygon.
    """

    left: Rows
    right: Rows
    area: npt.NDArray[np.float64]
    shape: Polygons
    equal: npt.NDArray[np.bool_]

    def __getitem__(self, which: npt.NDArray[np.bool_]) -> Pairs:
        return Pairs(
            self.left[which],
            self.right[which],
            self.area[which],
            self.shape[which],
            self.equal[which],
        )


def conflicts(parcels: Polygons, floor: float, distance: float) -> Pairs:
    """All pairs of parcels that share more than `floor` of area, or are equal.

    Parameters
    ----------
    parcels : ndarray of valid polygons, shape (n,)
        In a metre CRS; None and empty ones are in no pair.
    floor : float
        m²; shared areas are rounded to 0.0001 m² before they are compared, so that the result
        does not depend on where the origin of the coordinates lies.
    distance : float
        m; two parcels are equal when no point of one's outline is farther than this from the
        other's and their areas differ by no more than such a rim.

    Returns
    -------
    Pairs
        With ``left < right``.
    """
    tree = shapely.STRtree(parcels)
    left, right = tree.query(parcels)
    once = left < right
    left, right = left[once], right[once]
    found = [
        _measure(parcels, left[k : k + _BATCH], right[k : k + _BATCH], floor, distance)
        for k in range(0, max(len(left), 1), _BATCH)
    ]
    return Pairs(
        np.concatenate([pairs.left for pairs in found]),
        np.concatenate([pairs.right for pairs in found]),
        np.concatenate([pairs.area for pairs in found]),
        np.concatenate([pairs.shape for pairs in found]),
        np.concatenate([pairs.equal for pairs in found]),
    )


def _measure(parcels: Polygons, left: Rows, right: Rows, floor: float, distance: float) -> Pairs:
    # Most neighbours only touch; asking for the relation costs a third of cutting them.
    meet = shapely.relate_pattern(parcels[left], parcels[right], _INTERIORS_MEET)
    left, right = left[meet], right[meet]
    shape, area = shared(parcels[left], parcels[right])
    equal = _equal(parcels[left], parcels[right], area, distance)
    pairs = Pairs(left, right, area, shape, equal)
    return pairs[(area >= floor) | equal]


def shared(a: Polygons, b: Polygons) -> tuple[Polygons, npt.NDArray[np.float64]]:
    """The polygons that each pair of valid polygons shares, and their area to 0.0001."""
    shape = polygonal(shapely.intersection(a, b))
    return shape, np.round(shapely.area(shape), 4)


def _equal(
    a: Polygons, b: Polygons, area: npt.NDArray[np.float64], distance: float
) -> npt.NDArray[np.bool_]:
    alike = (np.abs(shapely.bounds(a) - shapely.bounds(b)) <= distance).all(axis=1)
    rim = distance * np.minimum(shapely.length(a), shapely.length(b))
    alike &= shapely.area(a) + shapely.area(b) - 2 * area <= rim + 1e-4
    outlines = shapely.boundary(a[alike]), shapely.boundary(b[alike])
    alike[alike] = shapely.hausdorff_distance(*outlines) <= distance + 1e-6
    return alike


def polygonal(shapes: Polygons) -> Polygons:
    """`shapes` without the lines and points that overlay and repair leave; None stays None."""
    shapes = np.array(shapes, dtype=object)
    mixed = shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION
    parts, row = shapely.get_parts(shapes[mixed], return_index=True)
    parts, part = shapely.get_parts(
        parts, return_index=True
    )  # a collection may hold a multipolygon
    solid = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    kept = np.full(np.count_nonzero(mixed), _NOTHING)
    shapely.multipolygons(parts[solid], indices=row[part][solid], out=kept)
    shapes[mixed] = kept
    flat = (shapely.get_dimensions(shapes) < 2) & ~shapely.is_missing(shapes)
    shapes[flat] = _NOTHING
    return shapes
