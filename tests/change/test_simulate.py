"""The simulator of benchmarks/: whether it plants and shows what it says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.windows import Window

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import simulate
import worlds

SIDE = 1200.0
SENSOR = simulate.SENSORS["sentinel2"]


def strips() -> gpd.GeoDataFrame:
    """Made-up fields from 300 to 6,000 m²."""
    sizes = [(10, 30), (14, 60), (25, 70), (40, 90), (60, 100)]
    boxes = [shapely.box(0, 0, wide, long) for wide, long in sizes]
    return (
        gpd.GeoDataFrame(geometry=boxes, crs="EPSG:32648").translate(410_000, 2_590_000).to_frame()
    )


@pytest.fixture(scope="module")
def world() -> worlds.World:
    return worlds.packed(strips(), SIDE, 5)


@pytest.fixture(scope="module")
def truth(world) -> gpd.GeoDataFrame:
    return worlds.plant(world, 1, 5, sizes=(100, 400, 2000))


def test_packed_fields_keep_their_shape_and_do_not_overlap(world):
    faces = world.faces.geometry
    areas = [300, 840, 1750, 3600, 6000]
    assert np.isin(faces.area.round().astype(int), areas).all()
    assert shapely.union_all(faces.array).area == pytest.approx(faces.area.sum(), rel=1e-9)
    west, north = worlds.ORIGIN
    square = shapely.box(west, north - SIDE, west + SIDE, north)
    assert faces.intersection(square).area.sum() > 0.8 * square.area


def test_planted_changes_have_their_size_and_lie_on_their_ground(world, truth):
    assert len(truth) >= 13  # of 15; not every one finds room
    corner = truth[~truth["whole"]]
    assert np.abs(corner.area / corner["size"] - 1).max() < 1e-3
    assert np.abs(truth["m2"] / truth["size"] - 1).max() <= 0.2
    assert truth["m2"].to_numpy() == pytest.approx(truth.area.to_numpy())
    layers = world.layers()
    for kind, rows in truth.groupby("kind"):
        ground = layers["homestead" if kind == "demolished" else "farmland"].union_all()
        assert rows.difference(ground.buffer(0.05)).area.max() == 0
        assert set(rows["cover"]) <= set(worlds.EVENT_KINDS[kind])


def test_planted_changes_lie_apart(truth):
    shapes = truth.geometry.to_numpy()
    distance = shapely.distance(shapes[:, None], shapes[None])
    assert distance[~np.eye(len(shapes), dtype=bool)].min() > 60


def test_the_terraces_are_narrow_and_hold_every_land():
    world = worlds.terraces(SIDE, 1)
    fields = world.layers()["farmland"]
    assert (2 * fields.area / fields.length).median() < 20  # metres wide
    assert {"dry", "built", "0301"} <= set(world.faces["land"])


@pytest.mark.parametrize("coarse", [1, 2])
def test_optics_weigh_to_one_and_centre_on_the_pixel(coarse):
    weights = simulate.optics(8, SENSOR.blur, coarse)
    cells = (np.arange(weights.shape[1]) + 0.5) / 4 - 3
    assert weights.sum(axis=1) == pytest.approx(1, abs=1e-5)
    centres = coarse * (np.arange(8) // coarse) + coarse / 2
    assert weights @ cells == pytest.approx(centres, abs=2e-3)
    sharp = simulate.optics(8, 1e-4, coarse)
    assert set(np.unique(sharp.round(6))) == {0.0, round(1 / (4 * coarse), 6)}


def ground(shape: shapely.Geometry, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """What two bands see of a shape of reflectance 1 on ground of 0."""
    sensor = simulate.Sensor({"red": 1, "nir": 1}, 10.0)
    table = np.zeros((2, 4), dtype=np.float32)
    table[1] = 1
    shapes = np.array([shape], dtype=object)
    window = Window(0, 0, 20, 20)
    return simulate._ground(shapes, shapely.STRtree(shapes), table, sensor, window, shift)[0]


def test_mixed_pixels_hold_the_area_of_what_is_in_them():
    west, north = worlds.ORIGIN
    shape = shapely.Point(west + 103, north - 97).buffer(33)
    seen = ground(shape)
    assert seen.sum() * 100 == pytest.approx(shape.area, rel=0.01)
    assert seen.max() == pytest.approx(1, abs=1e-3) and seen.min() == 0
    assert ((seen > 0.1) & (seen < 0.9)).sum() > 15


def test_a_shift_moves_the_ground_east_and_north():
    west, north = worlds.ORIGIN
    shape = shapely.box(west + 50, north - 120, west + 80, north - 90)
    assert ground(shape, (1.0, 2.0)) == pytest.approx(
        np.roll(ground(shape), (-2, 1), axis=(0, 1)), abs=1e-6
    )


def test_spectra_are_those_of_the_covers_and_vary_within_a_class():
    names = np.array(["pond", "new_road", "wheat", "bare"] * 200, dtype=object)
    seen = simulate.spectra(names, 3, 0).reshape(200, 4, 6)
    mean = seen.mean(axis=0)
    for row, name in zip(mean, names, strict=False):
        parts = simulate.MIXTURES[name]
        exact = sum(np.array(simulate.SURFACES[s]) * p for s, p in parts.items())
        assert row == pytest.approx(exact / sum(parts.values()), rel=0.2)
    assert (seen[:, 2].std(axis=0) > 0.03 * mean[2]).all()  # a crop
    assert (seen[:, 2].std(axis=0) < 0.5 * mean[2]).all()
    assert not np.array_equal(seen, simulate.spectra(names, 3, 1).reshape(200, 4, 6))


def test_red_edge_lies_between_red_and_infrared():
    six = simulate.spectra(np.array(["wheat"], dtype=object), 1, 0)
    red, *edge, nir = simulate.in_bands(six, dict.fromkeys(("B04", "B05", "B06", "B07", "B08"), 1))[
        0
    ]
    assert np.all(np.diff([red, *edge, nir]) > 0)


def test_slopes_that_face_the_sun_are_bright_and_a_low_sun_shades_more():
    noon = simulate.BEFORE.when.replace(month=6, hour=5)
    low = simulate.BEFORE.when.replace(month=12, hour=2)
    high, deep = (simulate._sky(simulate.Date(when), 1, 0).light for when in (noon, low))
    assert deep.std() > 3 * high.std()
    assert high.mean() == pytest.approx(1, abs=0.05)
    # The morning sun stands in the south-east: the height falls towards it where it is light.
    height = simulate.noise(np.random.default_rng([1, 30]), deep.shape, 15)
    south, east = np.gradient(height)
    assert np.corrcoef(deep.ravel(), (-east - south).ravel())[0, 1] > 0.8


def test_two_crops_a_year_stand_in_the_fields(world):
    spring, autumn = simulate.covers(world, (3, 10), 1)
    field = world.faces["land"].isin(["paddy", "dry"]).to_numpy()
    assert set(spring[field]) <= {"water", *simulate.MARCH["paddy"], *simulate.MARCH["dry"]}
    assert set(autumn[field]) <= {*simulate.OCTOBER["paddy"], *simulate.OCTOBER["dry"]}
    assert (spring[~field] == autumn[~field]).all()
    again, next_year = simulate.covers(world, (3, 3), 1)
    assert 0.5 < (again == next_year)[field].mean() < 0.85


def test_a_seed_makes_one_pair_and_the_ponds_are_water(world, truth, tmp_path):
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths.append(simulate.simulate(tmp_path / name, world, truth, 5))
    assert paths[0].after.read_bytes() == paths[1].after.read_bytes()
    with rasterio.open(paths[0].before) as first, rasterio.open(paths[0].after) as second:
        assert second.descriptions == tuple(SENSOR.bands) and second.scales[0] == 1e-4
        assert first.shape == (120, 120) and first.nodata == 0
        pond = truth[(truth["kind"] == "water") & (truth["size"] == 2000)]
        at = [(p.x, p.y) for p in pond.representative_point()]
        for values in second.sample(at):
            assert values[3] < values[1]  # near infrared below green


def test_clouds_and_their_shadows_hide_the_asked_share(world, truth, tmp_path):
    after = replace(simulate.AFTER, cloud=0.2)
    sky = simulate._sky(after, 5, 1)
    assert (sky.cloud > 0).mean() == pytest.approx(0.2, abs=0.01)
    made = simulate.simulate(tmp_path, world, truth, 5, dates=(simulate.BEFORE, after))
    with rasterio.open(made.after) as data:
        blue = data.read(1) * 1e-4
    assert 0.02 < (blue > 0.3).mean() < 0.4
