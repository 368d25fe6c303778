"""Exact parts of pixels: against shapely pixel by pixel, and against exactextract."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.change.planted import CRS, write
from yuxi_gis.change import coverage as module
from yuxi_gis.change.coverage import class_pixels, coverage

SHAPE = (7, 9)
WKT = pyproj.CRS(CRS).to_wkt()
GRIDS = {
    "square": Affine(10, 0, 514_000, 0, -10, 2_590_000),
    "degrees": Affine(1e-4, 0, 102.1, 0, -9e-5, 23.4),
    "south-up": Affine(2, 0, 100, 0, 3, 500),
    "turned": Affine(8, 6, 514_000, 6, -8, 2_590_000),
}


def pixels(grid: Affine, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """The cells as polygons, row by row."""
    row, column = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    u = np.stack([column, column + 1, column + 1, column], axis=1)
    v = np.stack([row, row, row + 1, row + 1], axis=1)
    x, y = grid.a * u + grid.b * v + grid.c, grid.d * u + grid.e * v + grid.f
    return shapely.polygons(np.stack([x, y], axis=-1))


def placed(shape: shapely.Geometry, grid: Affine) -> shapely.Geometry:
    """A shape in columns and rows, in the CRS of the grid."""
    matrix = np.array([[grid.a, grid.b], [grid.d, grid.e]])
    return shapely.transform(shape, lambda uv: uv @ matrix.T + (grid.c, grid.f))


def dense(shapes: list[shapely.Geometry], grid: Affine, shape: tuple[int, int] = SHAPE):
    """Parts as an array (polygons, cells)."""
    cells = coverage(shapes, grid, shape)
    assert (cells.part > 0).all()
    assert (cells.part <= 1).all()
    key = cells.polygon * shape[0] * shape[1] + cells.cell
    assert (np.diff(key) > 0).all()  # in order, and no cell twice
    out = np.zeros((len(shapes), shape[0] * shape[1]))
    out[cells.polygon, cells.cell] = cells.part
    return out


def truth(shapes: list[shapely.Geometry], grid: Affine, shape: tuple[int, int] = SHAPE):
    """The same by clipping: shapely's intersection with every pixel."""
    shared = shapely.intersection(np.array(shapes, dtype=object)[:, None], pixels(grid, shape))
    return shapely.area(shared) / abs(grid.determinant)


def sound(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.make_valid(shape, method="structure", keep_collapsed=False)


NUMBERS = st.one_of(
    st.floats(-4, 13, allow_subnormal=False),
    st.integers(-3, 12).map(float),  # on the lines
    st.integers(-12, 48).map(lambda n: n / 4),
)


def moved(shapes: list[shapely.Geometry], grid: Affine) -> list[shapely.Geometry]:
    """Shapes in the CRS of the grid, mended where the move has made a sliver cross itself."""
    return [sound(placed(shape, grid)) for shape in shapes]


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Geometry:
    """Random polygons in columns and rows: any ring made valid, perhaps less another one."""
    ring = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=9)
    shape, hole = (sound(shapely.Polygon(draw(ring))) for _ in range(2))
    if draw(st.booleans()):
        shape = shapely.difference(shape, hole)
    return draw(st.sampled_from([shape, shapely.reverse(shape)]))


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@settings(max_examples=25, deadline=None)
@given(shapes=st.lists(polygons(), min_size=1, max_size=4))
def test_parts_are_those_of_clipping(grid, shapes):
    there = moved(shapes, grid)
    np.testing.assert_allclose(dense(there, grid), truth(there, grid), atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(shapes=st.lists(polygons().filter(lambda s: s.area > 1e-3), min_size=1, max_size=4))
def test_parts_are_those_of_exactextract(shapes):
    grid, (rows, columns) = GRIDS["square"], SHAPE
    there = moved(shapes, grid)
    source = NumPyRasterSource(
        np.zeros(SHAPE), grid.c, grid.f - 10 * rows, grid.c + 10 * columns, grid.f, srs_wkt=WKT
    )
    # It takes no collections: their lines cover nothing.
    areal = [
        shapely.multipolygons([p for p in shapely.get_parts(s) if p.geom_type == "Polygon"])
        for s in there
    ]
    frame = gpd.GeoDataFrame(geometry=areal, crs=CRS)
    found = exact_extract(source, frame, ["cell_id", "coverage"], output="pandas")
    theirs = np.zeros((len(there), rows * columns))
    for number, (cell, part) in enumerate(zip(found["cell_id"], found["coverage"], strict=True)):
        theirs[number, np.asarray(cell, dtype=int)] = part
    np.testing.assert_allclose(dense(there, grid), theirs, atol=1e-6)


SQUARE = shapely.box(0, 0, 3, 2)


@pytest.mark.parametrize(
    ("shape", "known"),
    [
        (SQUARE, {(r, c): 1 for r in range(2) for c in range(3)}),
        (shapely.box(0.25, 0.25, 0.5, 0.75), {(0, 0): 0.125}),
        (shapely.box(0.5, 0, 1.5, 1), {(0, 0): 0.5, (0, 1): 0.5}),
        (shapely.box(-5, 0, 0.5, 1), {(0, 0): 0.5}),
        (shapely.box(8.5, 6.5, 99, 99), {(6, 8): 0.25}),
        (shapely.box(-9, -9, -1, 99), {}),
        (shapely.box(9, 0, 12, 7), {}),
        (shapely.box(0, 7, 9, 9), {}),
        (shapely.box(2, 1, 2 + 1e-13, 6), {}),
        (shapely.Polygon([(0, 0), (2, 0), (0, 1)]), {(0, 0): 0.75, (0, 1): 0.25}),
        (shapely.Polygon(SQUARE.exterior, [shapely.box(1, 0, 2, 1.5).exterior]),
         {(0, 0): 1, (0, 2): 1, (1, 0): 1, (1, 1): 0.5, (1, 2): 1}),
        (shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(4, 0, 4.5, 1)]),
         {(0, 0): 1, (0, 4): 0.5}),
        (shapely.GeometryCollection([SQUARE.exterior, shapely.box(0, 0, 1, 1)]), {(0, 0): 1}),
        (shapely.GeometryCollection([shapely.MultiPolygon([SQUARE, shapely.box(5, 0, 6, 1)])]),
         {(0, 5): 1, **{(r, c): 1 for r in range(2) for c in range(3)}}),
        (shapely.Polygon(), {}),
        (shapely.Point(1, 1), {}),
        (shapely.LineString([(0, 0), (5, 5)]), {}),
        (None, {}),
    ],
)  # fmt: skip
def test_known_parts(shape, known):
    grid = GRIDS["square"]
    found = coverage([SQUARE, placed(shape, grid) if shape else shape], grid, SHAPE)
    expected = {row * SHAPE[1] + column: part for (row, column), part in known.items()}
    assert dict(zip(found.cell, found.part, strict=True)) == pytest.approx(expected)
    assert set(found.polygon) <= {1}


def test_nothing_covers_nothing():
    for none in ([], [None], [shapely.Polygon()]):
        cells = coverage(none, GRIDS["square"], SHAPE)
        assert (len(cells.polygon), len(cells.cell), len(cells.part)) == (0, 0, 0)


def stars(number: int, size: float, extent: float, seed: int) -> list[shapely.Polygon]:
    """Valid polygons of many vertices around random places, in columns and rows."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, (number, 40)))
    reach = size * rng.uniform(0.3, 1, angle.shape)
    middle = rng.uniform(0, extent, (number, 1, 2))
    ring = middle + np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=-1)
    made = shapely.make_valid(shapely.polygons(ring), method="structure", keep_collapsed=False)
    return list(made)


@pytest.mark.parametrize(("number", "size"), [(60, 3), (4, 300)])
def test_batches_make_no_difference(monkeypatch, number, size):
    grid, shape = GRIDS["square"], (210, 170)
    there = [placed(star, grid) for star in stars(number, size, 200, 3)]
    whole = dense(there, grid, shape)
    inside = shapely.intersection(there, placed(shapely.box(0, 0, 170, 210), grid))
    assert whole.sum(axis=1) == pytest.approx(shapely.area(inside) / 100, abs=1e-7)
    monkeypatch.setattr(module, "_BATCH", 500)
    np.testing.assert_allclose(dense(there, grid, shape), whole, atol=1e-9)


@pytest.fixture(scope="module")
def rasters(tmp_path_factory) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    """Codes -1 (nodata) to 3 and their weights, 80 × 90 pixels."""
    folder, rng = tmp_path_factory.mktemp("classes"), np.random.default_rng(4)
    codes, weights = rng.integers(-1, 4, (1, 80, 90)), rng.uniform(0, 9, (1, 80, 90))
    weights = weights.astype("float32")
    one = write(folder / "codes.tif", codes, dtype="int16", nodata=-1, names=None)
    two = write(folder / "weights.tif", weights, dtype="float32", names=None)
    return one, two, codes.ravel(), weights.ravel()


@pytest.mark.parametrize("tile", [1024, 33])
def test_pixels_of_each_class(monkeypatch, rasters, tile):
    one, two, codes, weights = rasters
    grid, classes = GRIDS["square"], (2, 0, 7)
    there = [placed(star, grid) for star in [*stars(40, 8, 85, 5), *stars(3, 80, 85, 6)]]
    there = [*there, None, shapely.Polygon(), placed(shapely.box(500, 0, 501, 1), grid)]
    parts = dense(there, grid, (80, 90))
    monkeypatch.setattr(module, "_TILE", tile)
    found = class_pixels(there, one, classes, two)
    assert found.seen == pytest.approx(parts @ (codes >= 0))
    for column, code in enumerate(classes):
        assert found.of_class[:, column] == pytest.approx(parts @ (codes == code))
        assert found.weighed[:, column] == pytest.approx(parts @ ((codes == code) * weights))
    plain = class_pixels(there, one, classes)
    assert np.array_equal(plain.weighed, plain.of_class)
    assert np.array_equal(plain.of_class, found.of_class)


def test_no_polygons_no_pixels(rasters):
    found = class_pixels([], rasters[0], (1, 2))
    assert (found.of_class.shape, found.seen.shape) == ((0, 2), (0,))
