"""The search for conflicts against brute force, on shapes that hypothesis thinks up."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.checks import run_checks
from yuxi_gis.checks.pairs import conflicts, polygonal

FLOOR, DISTANCE = 0.01, 0.001
ORIGIN = np.array([5e5, 27e5])

# Rings on a grid of half metres: neighbours share edges, cross, contain and repeat each other,
# and many rings cross themselves.
ring = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=3, max_size=6)
rings = st.lists(ring, min_size=1, max_size=7)


def polygon(points: list[tuple[int, int]], east: float = 0.0) -> shapely.Polygon:
    return shapely.Polygon(np.array(points) / 2 + ORIGIN + [east, 0])


def frame(
    many: list[list[tuple[int, int]]], east: float = 0.0, crs: int = 4543
) -> gpd.GeoDataFrame:
    shapes = [polygon(points, east) for points in many]
    return gpd.GeoDataFrame({"DKBM": [f"P{i}" for i in range(len(many))]}, geometry=shapes, crs=crs)


def found(layer: gpd.GeoDataFrame) -> dict[tuple[str, str, str], float]:
    table = run_checks({"farmland": layer}, rules=["T03", "T05"]).findings
    keys = zip(table["rule"], table["feature"], table["other_feature"], strict=True)
    pairs = dict(zip(keys, table["value"], strict=True))
    assert len(pairs) == len(table)
    assert len({key[1:] for key in pairs}) == len(table), "a pair is reported once"
    return pairs


def cut(a: shapely.Geometry, b: shapely.Geometry) -> float:
    """Shared area by another road than the code's: inclusion and exclusion."""
    return float(a.area + b.area - shapely.union(a, b).area)


@settings(max_examples=150, deadline=None)
@given(rings)
def test_conflicts_are_those_of_brute_force(many: list[list[tuple[int, int]]]) -> None:
    layer = frame(many)
    pairs = found(layer)
    whole = [shapely.make_valid(shape, method="structure") for shape in layer.geometry]
    expected = {}
    for (a, left), (b, right) in itertools.combinations(enumerate(whole), 2):
        area = round(cut(left, right), 4)  # as exact as it is told
        if area >= FLOOR:
            equal = shapely.symmetric_difference(left, right).area < 1e-6
            expected["T05" if equal else "T03", f"P{a}", f"P{b}"] = area
    assert set(pairs) == set(expected)
    for key, area in expected.items():
        np.testing.assert_allclose(pairs[key], area, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(rings, st.randoms(use_true_random=False))
def test_order_of_rows_and_zone_prefix_do_not_matter(
    many: list[list[tuple[int, int]]], random: object
) -> None:
    layer = frame(many)
    plain = found(layer)
    order = list(range(len(many)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert found(layer.iloc[order]) == plain
    moved = found(frame(many, 34e6, 4522))
    assert set(moved) == set(plain)
    np.testing.assert_allclose([moved[k] for k in plain], list(plain.values()), atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 5),
    st.integers(2, 5),
    st.floats(0.5, 400),
    st.floats(-3, 3),
    st.sampled_from([0.0, 34e6]),
)
def test_a_coverage_has_no_conflict_however_it_lies(
    nx: int, ny: int, size: float, angle: float, east: float
) -> None:
    """Turned cells with the same numbers at shared corners: noise must not become a finding."""
    x, y = np.meshgrid(np.arange(nx + 1) * size, np.arange(ny + 1) * size * 0.37)
    grid = np.stack(
        [
            x * np.cos(angle) - y * np.sin(angle) + 5e5 + east,
            x * np.sin(angle) + y * np.cos(angle) + 27e5,
        ],
        axis=-1,
    )
    corners = [grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]]
    cells = shapely.polygons(np.stack(corners, axis=2).reshape(-1, 4, 2))
    assert shapely.is_valid(cells).all()
    pairs = conflicts(cells, FLOOR, DISTANCE)
    assert len(pairs.left) == 0


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 5000), st.floats(0.01, 3.1), st.sampled_from([0.0, 34e6]))
def test_neighbours_with_different_vertices_on_one_line_do_not_conflict(
    length: float, angle: float, east: float
) -> None:
    """A vertex in the middle of the other's edge is off the line by rounding only."""
    start = np.array([5e5 + east, 27e5])
    along = length * np.array([np.cos(angle), np.sin(angle)])
    across = 10 * np.array([-np.sin(angle), np.cos(angle)])
    one = shapely.Polygon([start, start + along, start + along + across, start + across])
    middle = [start + along * t for t in (1 / 3, 0.7)]
    other = shapely.Polygon([start, *middle, start + along, start + along - across, start - across])
    pairs = conflicts(np.array([one, other]), FLOOR, DISTANCE)
    assert len(pairs.left) == 0


def test_polygonal_keeps_only_what_has_area() -> None:
    wkt = [
        "GEOMETRYCOLLECTION(POINT(0 0),POLYGON((0 0,1 0,1 1,0 0)))",
        "GEOMETRYCOLLECTION(MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5))),POINT(9 9))",
        "GEOMETRYCOLLECTION(LINESTRING(0 0,9 9),POINT(1 1))",
        "LINESTRING(0 0,1 1)",
        "POLYGON((0 0,1 0,1 1,0 0))",
    ]
    shapes = np.append(shapely.from_wkt(wkt), None)
    kept = polygonal(shapes)
    np.testing.assert_allclose(shapely.area(kept), [0.5, 1.0, 0, 0, 0.5, np.nan])
    assert shapely.get_num_geometries(kept[1]) == 2
    assert shapely.is_empty(kept).tolist() == [False, False, True, True, False, False]
    assert kept[5] is None
