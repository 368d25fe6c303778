"""The search for conflicts against brute force, on shapes that hypothesis thinks up."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.checks import pairs as search
from yuxi_gis.checks import run_checks
from yuxi_gis.checks.edges import unmatched
from yuxi_gis.checks.pairs import Pairs, conflicts, grown, polygonal

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


# The search that grows from unmatched edges ----------------------------------------------------

#: Two coverages of the same square, vertex on vertex; parts of both, holes, islands, repeats.
cell = st.tuples(st.integers(0, 5), st.integers(0, 5))
blocks = st.lists(st.tuples(cell, cell), max_size=4)


def by_seeds(parcels: np.ndarray) -> Pairs:
    """The search from the owners of unmatched edges, whatever their number."""
    seeds = np.unique(unmatched(parcels).row)
    return grown(parcels, shapely.STRtree(parcels), seeds, FLOOR, DISTANCE)


def all_against_all(parcels: np.ndarray) -> dict[tuple[int, int], float]:
    rows = [row for row, parcel in enumerate(parcels) if parcel is not None]
    areas = {(a, b): cut(parcels[a], parcels[b]) for a, b in itertools.combinations(rows, 2)}
    return {pair: area for pair, area in areas.items() if area >= FLOOR}


def assert_same(pairs: Pairs, expected: dict[tuple[int, int], float]) -> None:
    keys = zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    actual = dict(zip(keys, pairs.area, strict=True))
    assert len(actual) == len(pairs.left), "a pair is there once"
    assert set(actual) == set(expected)
    for pair, area in expected.items():
        assert actual[pair] == pytest.approx(area, abs=1e-4)


def dissolved(labels: np.ndarray) -> list[shapely.Geometry]:
    """A coverage: the unit cells with the same label are one parcel, with all vertices kept."""
    parcels = []
    for label in np.unique(labels):
        y, x = np.nonzero(labels == label)
        whole = shapely.union_all(shapely.box(x, y, x + 1.0, y + 1.0))
        whole = shapely.segmentize(whole, 1.0)
        parcels.append(shapely.transform(whole, lambda xy: xy + ORIGIN))
    return parcels


def block(corners: tuple[tuple[int, int], tuple[int, int]], step: float) -> shapely.Polygon:
    (x, y), (u, v) = corners
    shape = shapely.box(min(x, u), min(y, v), max(x, u) + 1, max(y, v) + 1)
    if (x + v) % 3:  # else its corners lie on others' edges, and theirs on its
        shape = shapely.segmentize(shape, 1.0)
    return shapely.transform(shape, lambda xy: xy + ORIGIN + step)


labels = st.lists(st.integers(0, 4), min_size=36, max_size=36)


@settings(max_examples=60, deadline=None)
@given(labels, labels, blocks, blocks, st.randoms(use_true_random=False))
def test_growth_misses_no_pair(
    one: list[int], other: list[int], fitting: list, crossing: list, random: object
) -> None:
    """Stacked coverages with holes, islands and many parts, blocks on their vertices and off."""
    parcels = dissolved(np.reshape(one, (6, 6))) + dissolved(np.reshape(other, (6, 6)))
    parcels += [block(corners, 0.0) for corners in fitting]
    parcels += [block(corners, 0.25) for corners in crossing] + [None, shapely.Polygon()]
    random.shuffle(parcels)  # type: ignore[attr-defined]
    shapes = np.array(parcels, dtype=object)
    expected = all_against_all(shapes)
    assert_same(by_seeds(shapes), expected)
    assert_same(conflicts(shapes, FLOOR, DISTANCE), expected)


def square(x: float, y: float, wide: float = 1.0, high: float = 1.0) -> shapely.Polygon:
    east, north = ORIGIN
    return shapely.box(east + x, north + y, east + x + wide, north + y + high)


def grid(count: int) -> list[shapely.Polygon]:
    return [square(x, y) for x in range(count) for y in range(count)]


@pytest.mark.parametrize("batch", [1, 7, 20_000])
def test_stacked_coverages_are_found_to_the_middle(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside, all edges of two and of three equal coverages cancel: only the outline seeds."""
    monkeypatch.setattr(search, "_BATCH", batch)
    for times in (2, 3):
        cells = np.array(grid(9) * times, dtype=object)
        seeds = np.unique(unmatched(cells).row)
        assert len(seeds) == times * 32
        pairs = by_seeds(cells)
        assert len(pairs.left) == 81 * times * (times - 1) // 2
        assert pairs.equal.all()
        assert (pairs.left % 81 == pairs.right % 81).all()


def test_in_a_clean_coverage_the_inner_parcels_are_not_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What makes the search fast; conflicts do not make it look far around them either."""
    asked: list[int] = []
    meeting = search._meeting

    def counted(parcels: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple:
        asked.append(len(a))
        return meeting(parcels, a, b)

    monkeypatch.setattr(search, "_meeting", counted)
    cells = [*grid(60), square(30.2, 30.2, 0.5, 0.5)]
    pairs = conflicts(np.array(cells, dtype=object), FLOOR, DISTANCE)
    assert pairs.left.tolist() == [30 * 60 + 30]
    assert sum(asked) < 4 * 60 * 6  # of 14,000 pairs whose bounds meet


def test_edges_are_asked_for_only_where_neighbours_share_vertices() -> None:
    def never() -> None:
        raise AssertionError

    apart = np.array([shapely.box(x * 0.9, 0, x * 0.9 + 1, 1) for x in range(50)])
    pairs = conflicts(apart, FLOOR, DISTANCE, never)  # type: ignore[arg-type]
    assert len(pairs.left) == 49
    cells = np.array(grid(9) * 2, dtype=object)
    assert len(conflicts(cells, FLOOR, DISTANCE, lambda: unmatched(cells)).left) == 81


@pytest.mark.parametrize(
    ("wkt", "width"),
    [
        ("POLYGON((0 0,10 0,10 10,0 10,0 0))", 10.0),
        ("POLYGON((0 0,40 0,40 0.5,0 0.5,0 0))", 0.5),
        ("MULTIPOLYGON(((0 0,40 0,40 0.5,0 0.5,0 0)),((0 9,2 9,2 7,0 7,0 9)))", 2.0),
        ("POLYGON EMPTY", 0.0),
    ],
)
def test_width(wkt: str, width: float) -> None:
    shape = shapely.from_wkt(wkt)
    assert search._width(np.array([shape]))[0] == width
    around = shapely.Point(0, 0).buffer(3, quad_segs=100)
    assert search._width(np.array([shape, around]))[1] == pytest.approx(6, abs=1e-3)


@pytest.mark.parametrize("east", [0.0, 34e6])
@pytest.mark.parametrize(("width", "count"), [(0.0005, 0), (0.0009, 0), (0.0011, 1), (0.002, 1)])
def test_slivers_of_rounding_are_no_conflict(east: float, width: float, count: int) -> None:
    one, other = square(east, 0, 10, 80), square(east + 10 - width, 0, 10, 80)
    pairs = conflicts(np.array([one, other]), FLOOR, DISTANCE)
    assert len(pairs.left) == count
    np.testing.assert_allclose(pairs.width, [width] * count, atol=2e-6)
