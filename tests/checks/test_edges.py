"""The edges that no neighbour shares, against a count one by one."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.checks import edges
from yuxi_gis.checks.edges import Edges, unmatched

Edge = tuple[tuple[float, float], tuple[float, float], int]

ring = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=6)


def as_list(found: Edges) -> list[Edge]:
    return list(
        zip(map(tuple, found.start), map(tuple, found.end), found.row.tolist(), strict=True)
    )


def one_by_one(parcels: np.ndarray) -> list[Edge]:
    """The same by counting in a dictionary."""
    every: list[Edge] = []
    for row, parcel in enumerate(shapely.orient_polygons(parcels, exterior_cw=False)):
        for part in shapely.get_parts(parcel):
            for closed in shapely.get_rings(part):
                points = [tuple(xy) for xy in shapely.get_coordinates(closed)]
                every += [(a, b, row) for a, b in pairwise(points) if a != b]
    times = Counter((a, b) for a, b, _ in every)
    return [edge for edge in every if times[edge[0], edge[1]] > times[edge[1], edge[0]]]


def polygons(many: list[list[tuple[int, int]]]) -> np.ndarray:
    shapes = [shapely.make_valid(shapely.Polygon(points), method="structure") for points in many]
    return np.array([*shapes, None, shapely.Polygon(), shapely.MultiPolygon()])


@settings(max_examples=200, deadline=None)
@given(st.lists(ring, max_size=6), st.booleans())
def test_edges_are_those_counted_one_by_one(
    many: list[list[tuple[int, int]]], clockwise: bool
) -> None:
    """Multipolygons, holes and neighbours come of mending wild rings; direction is no matter."""
    parcels = polygons(many)
    parcels = parcels[shapely.get_dimensions(parcels) != 1]
    parcels = shapely.orient_polygons(parcels, exterior_cw=clockwise)
    found = unmatched(parcels)
    assert sorted(as_list(found)) == sorted(one_by_one(parcels))
    assert (np.diff(found.row) >= 0).all()


@pytest.mark.parametrize("size", [1, 2, 7])
def test_chunks_do_not_matter(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [shapely.box(x, y, x + 1, y + 1) for x in range(6) for y in range(5)]
    parcels = np.array([*cells, cells[7], shapely.box(2.5, 2, 3, 3), None], dtype=object)
    whole = as_list(unmatched(parcels))
    monkeypatch.setattr(edges, "_CHUNK", size)
    monkeypatch.setattr(edges, "_PART", size)
    assert as_list(unmatched(parcels)) == whole
    assert sorted(whole) == sorted(one_by_one(parcels))


def test_hole_and_the_parcel_in_it_cancel() -> None:
    outer = shapely.box(0, 0, 9, 9)
    inner = shapely.box(3, 3, 6, 6)
    found = unmatched(np.array([outer.difference(inner), inner]))
    assert set(found.row) == {0}
    np.testing.assert_array_equal(shapely.union_all(found.lines()).bounds, [0, 0, 9, 9])
    assert len(found.row) == 4


def test_minus_zero_and_repeated_vertices_do_not_matter() -> None:
    one = shapely.from_wkt("POLYGON((-0.0 0,0 5,0 5,0 9,-4 9,-4 0,-0.0 0))")
    other = shapely.from_wkt("POLYGON((0 0,4 0,4 9,0 9,0 9,0 5,0 0))")
    found = unmatched(np.array([one, other]))
    assert not ((found.start[:, 0] == 0) & (found.end[:, 0] == 0)).any()
    assert len(found.row) == 6


def test_the_inside_is_to_the_left() -> None:
    parcel = shapely.from_wkt("POLYGON((0 0,0 9,9 9,9 0,0 0),(3 3,6 3,6 6,3 6,3 3))")
    found = unmatched(np.array([parcel]))
    along = found.end - found.start
    left = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
    beside = shapely.points((found.start + found.end) / 2 + 0.1 * left)
    assert shapely.contains(parcel, beside).all()
    assert len(beside) == 8


def test_no_parcels_have_no_edges() -> None:
    for parcels in ([], [None], [shapely.Polygon(), None]):
        found = unmatched(np.array(parcels, dtype=object))
        assert found.start.shape == found.end.shape == (0, 2)
        assert found.lines().shape == (0,)
