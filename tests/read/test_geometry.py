"""Arcs as chords, one kind of plain geometry, and what is told of the rest."""

from __future__ import annotations

import struct

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from yuxi_gis.read.curves import linearise
from yuxi_gis.read.geometry import from_wkb, normalise, tidy

METRIC = CRS.from_epsg(4543)


def run(kind: int, *points: tuple[float, ...]) -> bytes:
    """A circular string (8), line (2) … little-endian; Z by type 1000 + kind."""
    return struct.pack("<BII", 1, kind, len(points)) + np.array(points, "<f8").tobytes()


def many(kind: int, *parts: bytes) -> bytes:
    return struct.pack("<BII", 1, kind, len(parts)) + b"".join(parts)


def circle(radius: float, x: float = 0.0, y: float = 0.0) -> bytes:
    return many(10, run(8, (x + radius, y), (x - radius, y), (x + radius, y)))


def column(*values: bytes | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.binary())])


def one(wkb: bytes, tolerance: float = 0.001) -> shapely.Geometry:
    return shapely.from_wkb(linearise([wkb], tolerance).wkb[0])


@given(
    st.floats(0.5, 5_000),
    st.sampled_from([0.001, 0.01, 0.1]),
    st.floats(0, 6.28),
    st.floats(0.01, 6.2),
)
@settings(max_examples=60, deadline=None)
def test_every_chord_keeps_to_its_arc(r: float, tolerance: float, at: float, turn: float) -> None:
    """The middle of each chord lies within the tolerance of the circle, the points on it."""
    x0, y0 = 34_500_000.0, 2_650_000.0
    arc = [(x0 + r * np.cos(at + turn * s), y0 + r * np.sin(at + turn * s)) for s in (0, 0.5, 1)]
    done = linearise([run(8, *arc)], tolerance)
    points = shapely.get_coordinates(shapely.from_wkb(done.wkb[0])) - (x0, y0)
    assert done.arcs.tolist() == [1]
    assert done.deviation <= tolerance
    # Coordinates of 3e7 have 4e-9 m; a short arc of a large circle magnifies that.
    noise = 1e-6 * max(1, 1 / min(turn, 1) ** 2)
    assert np.abs(np.hypot(*points.T) - r).max() < noise + 1e-9
    chords = (points[1:] + points[:-1]) / 2
    assert (r - np.hypot(*chords.T)).max() <= tolerance + noise
    assert points[[0, -1]].tolist() == (np.array(arc)[[0, 2]] - (x0, y0)).tolist()


def test_area_of_a_circle() -> None:
    """An inscribed polygon of n corners has the area n/2 r² sin(2π/n)."""
    polygon = one(circle(25))
    n = shapely.get_num_coordinates(polygon) - 1
    assert n == np.ceil(2 * np.pi / (4 * np.arcsin(np.sqrt(0.001 / 50))))
    assert polygon.area == pytest.approx(n / 2 * 625 * np.sin(2 * np.pi / n), rel=1e-12)
    assert 0 < np.pi * 625 - polygon.area < 0.001 * 2 * np.pi * 25


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=3, max_size=3))
@settings(max_examples=100, deadline=None)
def test_an_arc_is_the_same_backwards(points: list[tuple[float, float]]) -> None:
    """Neighbours that share an arc, each digitised in its direction, share every point."""
    if points[0] == points[2]:
        return
    there = shapely.get_coordinates(one(run(8, *points)))
    back = shapely.get_coordinates(one(run(8, *reversed(points))))
    assert there.tolist() == back[::-1].tolist()


def test_kinds_of_curves() -> None:
    half = run(8, (0, 0), (5, 5), (10, 0))
    base = run(2, (10, 0), (0, 0))
    compound = many(9, half, base)
    inner = run(2, (4, 1), (6, 1), (6, 2), (4, 1))
    polygon = many(10, compound, inner)
    dome = np.pi * 12.5
    assert one(half).geom_type == "LineString"
    assert one(half).length == pytest.approx(np.pi * 5, abs=0.01)
    assert one(compound).is_closed
    assert shapely.get_num_interior_rings(one(polygon)) == 1
    assert one(polygon).area == pytest.approx(dome - 1, abs=0.02)
    surface = one(many(12, polygon, shapely.to_wkb(shapely.box(20, 0, 21, 1))))
    assert surface.geom_type == "MultiPolygon"
    assert surface.area == pytest.approx(dome, abs=0.02)
    assert one(many(11, half, base)).geom_type == "MultiLineString"
    nested = one(many(7, polygon, shapely.to_wkb(shapely.Point(1, 2))))
    assert [g.geom_type for g in nested.geoms] == ["Polygon", "Point"]
    triangle = struct.pack("<BII", 1, 17, 1) + run(2, (0, 0), (1, 0), (0, 1), (0, 0))[5:]
    assert one(many(16, triangle, triangle)).geom_type == "MultiPolygon"


def test_z_and_m_go_along_an_arc() -> None:
    line = one(run(1008, (0, 0, 10), (5, 5, 99), (10, 0, 20)))
    z = shapely.get_coordinates(line, include_z=True)[:, 2]
    assert (z[0], z[-1]) == (10, 20) and (np.diff(z) > 0).all()
    assert shapely.has_m(one(run(2008, (0, 0, 1), (5, 5, 1), (10, 0, 1))))


def test_arcs_that_are_none() -> None:
    """Three points in a line, or twice the same, stay the points that they are."""
    for points in ([(0, 0), (1, 1), (2, 2)], [(0, 0), (0, 0), (2, 2)], [(1, 1)] * 3):
        assert shapely.get_coordinates(one(run(8, *points))).tolist() == [list(p) for p in points]
    assert one(run(8)).is_empty


def test_big_endian_and_extended_wkb() -> None:
    points = np.array([(0, 0), (5, 5), (10, 0)], ">f8").tobytes()
    big = struct.pack(">BII", 0, 8, 3) + points
    assert shapely.equals_exact(one(big), one(run(8, (0, 0), (5, 5), (10, 0))))
    srid = struct.pack("<BIII", 1, 8 | 0x20000000, 4543, 3) + run(8, (0, 0), (5, 5), (10, 0))[9:]
    assert one(srid).length == pytest.approx(np.pi * 5, abs=0.01)
    shapes, notes = from_wkb(column(big, srid), METRIC)
    assert [g.geom_type for g in shapes] == ["LineString"] * 2
    assert notes[0].count == 2


@given(st.binary(max_size=80), st.sampled_from([7, 8, 9, 10, 11, 12, 15, 16, 17, 1010]))
@settings(max_examples=200, deadline=None)
def test_hostile_curves(tail: bytes, kind: int) -> None:
    """No exception: a row without a shape, and a note that names it."""
    shapes, notes = from_wkb(column(struct.pack("<BI", 1, kind) + tail, None), METRIC)
    assert len(shapes) == 2
    assert shapes[0] is not None or notes[0].what == "geometry_unreadable"


def test_too_deep_a_collection_is_no_recursion_error() -> None:
    deep = shapely.to_wkb(shapely.Point(1, 1))
    for _ in range(5000):
        deep = many(7, deep)
    shapes, notes = from_wkb(column(deep), METRIC)
    assert shapes[0] is None and notes[0].rows == (1,)


def test_curves_are_told_with_rows_and_deviation() -> None:
    box = shapely.to_wkb(shapely.box(0, 0, 1, 1))
    shapes, notes = from_wkb(column(box, circle(10), None, circle(700)), METRIC)
    assert shapes[0].equals(shapely.box(0, 0, 1, 1)) and shapes[2] is None
    assert [n.what for n in notes] == ["curves_linearised"]
    assert notes[0].rows == (2, 4) and notes[0].count == 2
    assert "0.001 m" in notes[0].en and notes[0].severity == "info"
    assert shapes[3].area == pytest.approx(np.pi * 700**2, abs=0.001 * 2 * np.pi * 700)


def test_tolerance_in_degrees_is_of_metres_too() -> None:
    shapes, _ = from_wkb(column(circle(0.001, 102, 24)), CRS.from_epsg(4490))
    gap = np.pi * 0.001**2 - shapes[0].area
    assert 0 < gap / (2 * np.pi * 0.001) * 111_320 < 0.001


def test_open_and_damaged_shapes_are_rows_too() -> None:
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], "<f8").tobytes()
    open_ring = struct.pack("<BIII", 1, 3, 1, 4) + square
    whole = shapely.to_wkb(shapely.box(0, 0, 1, 1))
    shapes, notes = from_wkb(column(whole, open_ring, b"\x01\x03\x00", None, b"rubbish!!"), None)
    assert [g is None for g in shapes] == [False, False, True, True, True]
    assert shapes[1].area == 1
    assert {n.what: n.rows for n in notes} == {"ring_closed": (2,), "geometry_unreadable": (3, 5)}


def layer(*shapes: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"n": range(len(shapes))}, geometry=gpd.GeoSeries(list(shapes)), crs=4543
    )


BOX = shapely.box(0, 0, 10, 10)


def test_clean_layers_pass_untouched() -> None:
    frame = layer(BOX, BOX)
    assert normalise(frame)[0] is frame and normalise(frame)[1] == ()
    table = pd.DataFrame({"a": [1]})
    assert normalise(table) == (table, ())


def test_z_and_m_are_dropped_and_counted() -> None:
    frame = layer(
        BOX,
        shapely.force_3d(BOX, 5),
        shapely.from_wkt("POLYGON M ((0 0 1, 1 0 1, 1 1 1, 0 0 1))"),
        shapely.from_wkt("POLYGON ZM ((0 0 1 2, 1 0 1 2, 1 1 1 2, 0 0 1 2))"),
    )
    done, notes = normalise(frame)
    assert not done.has_z.any() and not done.has_m.any()
    assert {n.what: n.rows for n in notes} == {"z_dropped": (2, 4), "m_dropped": (3, 4)}
    assert frame.has_z.any()  # what was given stays as it was


def test_null_and_empty_rows_stay() -> None:
    done, notes = normalise(layer(BOX, None, shapely.Polygon(), BOX))
    assert len(done) == 4 and done["n"].tolist() == [0, 1, 2, 3]
    assert {n.what: n.rows for n in notes} == {"geometry_null": (2,), "geometry_empty": (3,)}


def test_single_and_multi_are_one_kind() -> None:
    multi = shapely.MultiPolygon([BOX, shapely.box(20, 0, 30, 10)])
    frame = layer(BOX, multi, None, shapely.Polygon())
    before = frame.geometry.to_numpy().copy()
    done, notes = normalise(frame)
    assert done.geom_type.dropna().unique().tolist() == ["MultiPolygon"]
    assert done.area.tolist()[:2] == [100, 200]
    assert [n.what for n in notes][-1] == "multi_unified" and notes[-1].count == 2
    assert (frame.geometry.to_numpy() == before).all()
    assert normalise(layer(BOX))[0].geom_type.tolist() == ["Polygon"]


def test_collections_keep_polygons_and_tell_the_rest() -> None:
    line = shapely.LineString([(0, 0), (5, 5)])
    inner = shapely.GeometryCollection([shapely.box(20, 0, 30, 10), shapely.Point(1, 1)])
    frame = layer(
        BOX,
        shapely.GeometryCollection([BOX, line, inner]),
        shapely.GeometryCollection([BOX]),
        shapely.GeometryCollection([line, line]),
        shapely.GeometryCollection(),
    )
    done, notes = normalise(frame)
    told = {n.what: n for n in notes}
    assert done.area.tolist()[:3] == [100, 200, 100]
    assert done.geom_type.tolist()[:4] == ["MultiPolygon"] * 3 + ["MultiLineString"]
    assert told["collection_reduced"].rows == (2,)
    assert "1 points, 1 lines" in told["collection_reduced"].en
    assert told["collection_unpacked"].rows == (3, 4)
    assert told["geometry_mixed"].rows == (4,)
    assert told["geometry_empty"].rows == (5,)


def test_mixed_families_are_told() -> None:
    done, notes = normalise(layer(BOX, shapely.Point(0, 0), BOX))
    assert [n.what for n in notes] == ["geometry_mixed"] and notes[0].rows == (2,)
    assert done.geom_type.tolist() == ["Polygon", "Point", "Polygon"]


corner = st.tuples(st.integers(-50, 50), st.integers(-50, 50)).map(
    lambda p: (float(p[0]), float(p[1]))
)


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Geometry | None:
    """Polygons of any direction with repeated points and perhaps a hole; valid or not."""
    shell = draw(st.lists(corner, min_size=3, max_size=8))
    repeated = [p for p in shell for _ in range(draw(st.integers(1, 3)))]
    kind = draw(st.sampled_from(["polygon", "hole", "multi", "none", "empty"]))
    if kind == "none":
        return None
    if kind == "empty":
        return shapely.Polygon()
    holes = [[(1, 1), (2, 1), (2, 2), (2, 2), (1, 1)]] if kind == "hole" else []
    made = shapely.Polygon(repeated, holes)
    return shapely.MultiPolygon([made, BOX]) if kind == "multi" else made


@given(st.lists(polygons(), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_tidy_changes_no_area_and_is_done_once(shapes: list[shapely.Geometry | None]) -> None:
    frame = layer(*shapes)
    done, _ = tidy(frame)
    assert done["n"].tolist() == frame["n"].tolist()
    assert done.geometry.isna().tolist() == frame.geometry.isna().tolist()
    assert done.is_empty.tolist() == frame.is_empty.tolist()
    assert np.allclose(done.area, frame.area, rtol=1e-12, atol=1e-9, equal_nan=True)
    again, notes = tidy(done)
    assert again is done and notes == ()


def test_tidy_rings_and_points() -> None:
    clockwise = shapely.Polygon([(0, 0), (0, 10), (10, 10), (10, 10), (10, 0)])
    done, notes = tidy(layer(BOX, clockwise))
    ring = done.geometry.iloc[1].exterior
    assert shapely.is_ccw(ring) and len(ring.coords) == 5
    assert {n.what: n.rows for n in notes} == {"points_removed": (2,), "rings_oriented": (2,)}
    point = shapely.Polygon([(1, 1)] * 4)
    assert tidy(layer(point))[0].geometry.iloc[0].equals_exact(point, 0)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_coordinates_that_are_no_numbers_are_told_and_kept(odd: float) -> None:
    ring = np.array([(0, 0), (0, 9), (9, 9), (9, 9), (9, 0), (0, 0)], float)
    bad = ring.copy()
    bad[2, 1] = odd
    with np.errstate(invalid="ignore"):
        made = [shapely.polygons(ring), shapely.polygons(bad), None, shapely.Polygon()]
    frame, notes = normalise(layer(*made))
    found = [n for n in notes if n.what == "coordinate_not_finite"]
    assert [(n.rows, n.severity) for n in found] == [((2,), "error")]
    assert "NaN" in found[0].zh
    done, notes = tidy(frame)
    assert {n.what: n.rows for n in notes} == {"points_removed": (1,), "rings_oriented": (1,)}
    assert shapely.equals_identical(done.geometry.iloc[1], made[1])


def test_z_that_is_no_number_is_no_matter() -> None:
    line = shapely.linestrings([(0, 0, np.nan), (1, 1, np.nan)])
    assert [n.what for n in normalise(layer(line))[1]] == ["z_dropped"]
