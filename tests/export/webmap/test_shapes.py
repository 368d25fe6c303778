"""Geometries come back within half a step, whatever they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from tests.export.webmap.unpacked import integers, unpack
from yuxi_gis.export.webmap.packing import deflated
from yuxi_gis.export.webmap.shapes import HALF_STEP_M, STEP, pack_shapes

LNG, LAT = 102.5, 24.35


def back(shapes: list[Any]) -> list[Any]:
    streams = pack_shapes(np.array(shapes, dtype=object))
    table, data = deflated(streams)
    return unpack({"count": len(shapes), "streams": table}, data).shapes


def at(x: float, y: float) -> tuple[float, float]:
    """Metres, about, from a place in Yuxi."""
    return LNG + x * 1e-5, LAT + y * 1e-5


def ring(x: float, y: float, side: float) -> list[tuple[float, float]]:
    return [at(x, y), at(x + side, y), at(x + side, y + side), at(x, y + side)]


HOLED = shapely.Polygon(ring(0, 0, 90), [ring(10, 10, 20), ring(50, 50, 20)])
ISLANDS = shapely.MultiPolygon([HOLED, shapely.Polygon(ring(200, 0, 30))])
LINE = shapely.LineString([at(0, 0), at(30, 10), at(50, 70)])
MIXED = shapely.GeometryCollection(
    [shapely.MultiPoint([at(1, 1), at(2, 2)]), LINE, shapely.GeometryCollection([ISLANDS])]
)


@pytest.mark.parametrize("shape", [HOLED, ISLANDS, LINE, shapely.Point(at(3, 4)), MIXED])
def test_every_kind_of_geometry_comes_back(shape: Any) -> None:
    (found,) = back([shape])
    assert found.area == pytest.approx(shape.area, rel=1e-3)
    assert found.length == pytest.approx(shape.length, rel=1e-3)
    assert shapely.hausdorff_distance(found, shape) < STEP
    parts = shapely.get_parts(shapely.get_parts(shape))
    assert len(shapely.get_parts(found)) >= len(parts) or len(parts) == 1


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5e3, 5e3), st.floats(-5e3, 5e3), st.floats(1, 500)), max_size=20)
)
def test_vertices_move_by_less_than_the_page_says(
    squares: list[tuple[float, float, float]],
) -> None:
    shapes = [shapely.Polygon(ring(*square)) for square in squares]
    geod = Geod(ellps="WGS84")
    for found, shape in zip(back(shapes), shapes, strict=True):
        want = shapely.get_coordinates(shape)[:-1]
        have = shapely.get_coordinates(found)[:-1]
        assert len(have) == len(want)
        # Rings may begin elsewhere and run the other way.
        pairs = np.abs(want[:, None] - have[None]).sum(axis=2).argmin(axis=1)
        _, _, moved = geod.inv(*want.T, *have[pairs].T)
        assert moved.max() <= HALF_STEP_M


def test_shared_edges_are_stored_once() -> None:
    wave = [at(50 + 5 * np.sin(k), k) for k in range(100)]
    left = shapely.Polygon([at(0, 99), at(0, 0), *wave])
    right = shapely.Polygon([at(99, 0), at(99, 99), *wave[::-1]])
    streams = pack_shapes(np.array([left, right], dtype=object))
    assert len(integers(streams["dx"])) == 100 + 4
    hops = integers(streams["vertices"])
    assert len(hops) == 2 * 102 and hops.count(0) == 104


def test_shells_run_counter_clockwise_and_holes_clockwise() -> None:
    clockwise = shapely.Polygon(ring(0, 0, 90)[::-1], [ring(10, 10, 20)])
    (found,) = back([clockwise])
    assert shapely.is_ccw(found.exterior) and not shapely.is_ccw(found.interiors[0])


def test_what_is_smaller_than_a_step_keeps_a_vertex() -> None:
    sliver = shapely.Polygon([(LNG, LAT), (LNG + 1e-8, LAT), (LNG, LAT + 1e-8)])
    (found,) = back([sliver])
    assert found.equals(shapely.Point(LNG, LAT).centroid) or found.distance(sliver) < STEP


def test_empty_parts_are_left_out_and_a_feature_of_them_has_no_path() -> None:
    both = shapely.MultiPolygon([shapely.Polygon(), shapely.Polygon(ring(0, 0, 9))])
    streams = pack_shapes(np.array([both], dtype=object))
    assert integers(streams["paths"]) == [1]


def test_no_features() -> None:
    assert pack_shapes(np.array([], dtype=object))["paths"] == b""
