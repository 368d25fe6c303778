"""Appearance: learnt from parcels on a scene whose reflectance nobody states."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from rasterio.windows import Window
from shapely.geometry import box

from tests.change.planted import CRS, GRID, put, write
from yuxi_gis.change import kinds
from yuxi_gis.change.appearance import BUILT, CLASSES, CROP, TREES, WATER, grounds, learn
from yuxi_gis.read.raster import align, open_scene

SIZE = 120
BANDS = {"crop": 0, "soil": 1, "forest": 2, "concrete": 3, "water": 4}
# Columns of 24 pixels: two of fields (green and bare), trees, built, water.
STRIPES = {name: slice(24 * place, 24 * place + 24) for name, place in BANDS.items()}
CODES = {"crop": "0101", "soil": "0103", "forest": "0301", "concrete": "0702", "water": "1104"}


def area(rows: slice, columns: slice):
    west, north = GRID * (columns.start, rows.start)
    east, south = GRID * (columns.stop, rows.stop)
    return box(west, south, east, north)


@pytest.fixture(scope="module")
def landuse() -> gpd.GeoDataFrame:
    shapes = [area(slice(0, SIZE), columns) for columns in STRIPES.values()]
    return gpd.GeoDataFrame({"DLBM": list(CODES.values())}, geometry=shapes, crs=CRS)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Strange numbers in place of reflectances; fields swap their crops, and four changes."""
    rng = np.random.default_rng(1)
    before, after = (np.empty((6, SIZE, SIZE)) for _ in "ab")
    for name, columns in STRIPES.items():
        put(before, slice(0, SIZE), columns, name)
        later = {"crop": "soil", "soil": "crop"}.get(name, name)
        put(after, slice(0, SIZE), columns, later)
    for place, name in enumerate(("concrete", "water", "forest")):
        put(after, slice(20 + 30 * place, 26 + 30 * place), slice(10, 16), name)
    put(after, slice(50, 56), slice(60, 66), "soil")
    folder = tmp_path_factory.mktemp("appearance")
    paths = []
    for name, image, gain in (("a", before, 3.0), ("b", after, 2.0)):
        noisy = (image * gain + 0.1 + rng.normal(0, 0.01, image.shape)).astype("float32")
        paths.append(write(folder / f"{name}.tif", noisy, dtype="float32", tags={}))
    with align(*map(open_scene, paths)) as opened:
        yield opened


def planted(window: Window) -> np.ndarray:
    """What has not changed: trees, built and water but for the felled corner."""
    quiet = np.zeros((SIZE, SIZE), dtype=bool)
    quiet[:, 48:] = True
    quiet[50:56, 60:66] = False
    return quiet[window.toslices()]


@pytest.fixture(scope="module")
def look(pair, landuse):
    return learn(pair, grounds({"landuse": landuse}, CRS), planted)


def likeness(look, pair, row: int, column: int, date: int) -> dict[str, float]:
    block = pair.read(Window(column, row, 1, 1))[date].reshape(6, 1)
    shares = look.likeness(block, np.array([[row, column]]), date)
    return dict(zip(CLASSES, shares[:, 0], strict=True))


def test_each_class_looks_like_itself_at_both_dates(look, pair):
    assert set(look.classes) == {CROP, TREES, BUILT, WATER}
    for date in (0, 1):
        for name, column in ((CROP, 30), (TREES, 55), (BUILT, 80), (WATER, 105)):
            assert likeness(look, pair, 100, column, date)[name] > 0.9


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [(22, 12, 1), (52, 12, 2), (82, 12, 3), (52, 62, 5), (100, 12, 8)],
    ids=["built", "water", "trees", "felled", "another crop"],
)
def test_what_changed_into_what_without_reflectance(look, pair, row, column, code):
    before, after, _ = pair.read(Window(column, row, 1, 1))
    changed = np.ones((1, 1), dtype=bool)
    strength = np.ones((1, 1))
    found = kinds.find_kinds(pair, None, before, after, changed, strength, look, (row, column))
    assert found.item() == code
    alone = kinds.find_kinds(pair, None, before, after, changed, strength)
    assert kinds.by_code(alone.item()).id == "other"


def test_the_change_itself_is_no_witness(look, pair):
    """The pond's own pixels are cropland by their code: those beside it do not speak for it."""
    assert likeness(look, pair, 52, 12, 1)[WATER] > 0.9


def test_a_crop_that_passes_for_trees_is_a_crop_where_the_fields_say_so():
    planted_code = np.array([3, 3, 3], dtype=np.int16)
    before = np.zeros((len(CLASSES), 3))
    after = np.zeros((len(CLASSES), 3))
    after[CLASSES.index(CROP)] = [0.95, 0.6, 0.95]
    after[CLASSES.index(TREES)] = [0.05, 0.4, 0.05]
    assert kinds.reviewed(planted_code, before, after).tolist() == [4, 3, 4]
    # Where no trees were to be learnt from, looking like a field says nothing.
    known = (CROP, BUILT)
    assert kinds.reviewed(planted_code, before, after, known).tolist() == [3, 3, 3]


def test_what_spectra_say_of_buildings_and_water_holds():
    after = np.zeros((len(CLASSES), 2))
    after[CLASSES.index(CROP)] = 1.0
    codes = np.array([1, 2], dtype=np.int16)
    assert kinds.reviewed(codes, after, after).tolist() == [1, 2]


def test_nothing_is_learnt_without_cropland(pair, landuse):
    trees = landuse[landuse.DLBM == "0301"]
    assert learn(pair, grounds({"landuse": trees}, CRS), planted) is None
    assert learn(pair, grounds({}, CRS), planted) is None


def test_grounds_take_codes_and_layers_at_their_word(landuse):
    unknown = landuse.assign(DLBM=["0101", "0602", None, "1006", "0809"])
    found = grounds({"landuse": unknown, "homestead": landuse.iloc[:1], "admin": landuse}, CRS)
    assert found["ground"].tolist() == [CROP, BUILT, BUILT]


def test_blocks_make_no_difference(pair, landuse, look, monkeypatch):
    monkeypatch.setattr(type(pair), "windows", lambda self: [
        Window(c, r, 50, 50).intersection(Window(0, 0, SIZE, SIZE))
        for r in range(0, SIZE, 50) for c in range(0, SIZE, 50)
    ])  # fmt: skip
    other = learn(pair, grounds({"landuse": landuse}, CRS), planted)
    assert np.array_equal(other.places, look.places)
    assert np.array_equal(other.labels, look.labels)
