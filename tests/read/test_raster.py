"""Scenes: what files say of themselves, and two of them on one grid."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.warp import Resampling, calculate_default_transform, reproject
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from yuxi_gis.errors import SceneError
from yuxi_gis.read.raster import Scene, align, grow, open_scene, windows

GRID = Affine(10, 0, 514_000, 0, -10, 2_590_000)


def write(path: Path, data: np.ndarray, **options: object) -> Path:
    profile = {
        "driver": "GTiff",
        "count": data.shape[0],
        "height": data.shape[1],
        "width": data.shape[2],
        "dtype": data.dtype,
        "crs": "EPSG:4543",
        "transform": GRID,
    }
    names, tags = options.pop("names", None), options.pop("tags", {})
    profile.update(options)
    with rasterio.open(path, "w", **profile) as out:
        out.write(data)
        out.update_tags(**tags)
        if names:
            out.descriptions = names
    return path


def moved(columns: int, rows: int) -> Affine:
    return window_transform(Window(columns, rows, 1, 1), GRID)


def some(bands: int = 2, rows: int = 40, columns: int = 50, dtype: str = "uint16") -> np.ndarray:
    y, x = np.mgrid[:rows, :columns]
    return np.stack([100 + 10 * b + x + 2 * y for b in range(bands)]).astype(dtype)


# What a file says


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (("blue", "green", "red", "nir"), ("blue", "green", "red", "nir")),
        (("Red", "Near Infrared", "SWIR 1", "swir2"), ("red", "nir", "swir1", "swir2")),
        (("B02", "B8", "B8A", "B11"), ("blue", "nir", None, "swir1")),
        (("B2", "B3", "B4", "B5"), (None, None, None, None)),  # Landsat 5 or 8? not guessed
        (("蓝波段", "绿", "红", "近红外"), ("blue", "green", "red", "nir")),
        (("red edge 1", "redness", "nirvana", "x"), ("rededge", None, None, None)),
    ],
)
def test_roles_from_names(tmp_path, names, roles):
    path = write(tmp_path / "a.tif", some(4), names=names, photometric="MINISBLACK")
    assert open_scene(path).roles == roles


def test_roles_from_wavelengths_of_a_real_envi_pair(shared_data):
    scene = open_scene(shared_data / "taizhou" / "2000TM")
    assert scene.roles == ("blue", "green", "red", "nir", "swir1", "swir2")
    assert scene.band("nir") == 4
    assert scene.band("coastal") is None
    assert scene.crs.to_epsg() == 32651
    assert scene.scale is None
    assert (scene.count, scene.shape, scene.name) == (6, (400, 400), "2000TM")


@pytest.mark.parametrize(
    ("names", "tags", "scale"),
    [
        (("a", "b"), {}, None),
        (("a", "b"), {"REFLECTANCE_SCALE": "10000"}, 1e-4),
        (("a", "b"), {"QUANTIFICATION_VALUE": "0.0001"}, 1e-4),
        (("a", "b"), {"REFLECTANCE_SCALE": "much"}, None),
        (("B02", "B11"), {}, 1e-4),
    ],
)
def test_scale(tmp_path, names, tags, scale):
    found = open_scene(write(tmp_path / "a.tif", some(), names=names, tags=tags)).scale
    assert found == (None if scale is None else pytest.approx(scale))


def test_scale_declared_by_the_bands(tmp_path):
    path = write(tmp_path / "a.tif", some())
    with rasterio.open(path, "r+") as data:
        data.scales, data.offsets = (2.75e-5, 2.75e-5), (-0.2, -0.2)
    scene = open_scene(path)
    assert (scene.scale, scene.offset) == (2.75e-5, -0.2)


@pytest.mark.parametrize(
    ("name", "tags", "date"),
    [
        ("T48_20240305.tif", {}, "2024-03-05"),
        ("a_2024-03-05.tif", {}, "2024-03-05"),
        ("12024030512.tif", {}, None),
        ("a.tif", {"TIFFTAG_DATETIME": "2023:11:02 10:00:00"}, "2023-11-02"),
    ],
)
def test_date(tmp_path, name, tags, date):
    assert open_scene(write(tmp_path / name, some(), tags=tags)).date == date


def test_hash_is_that_of_the_file(tmp_path):
    path = write(tmp_path / "a.tif", some())
    assert open_scene(path).sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


# What is wrong with a file


def refuses(*words: str) -> pytest.RaisesExc:
    """A SceneError of one line in both languages that holds the words."""
    return pytest.raises(
        SceneError,
        check=lambda e: "\n" not in e.zh + e.en and all(word in e.en for word in words),
    )


def test_missing_file(tmp_path):
    with refuses("none.tif", "no such"):
        open_scene(tmp_path / "none.tif")


@pytest.mark.parametrize("content", [b"", b"not a raster"])
def test_unreadable_file(tmp_path, content):
    path = tmp_path / "bad.tif"
    path.write_bytes(content)
    with refuses("bad.tif", "cannot be read"):
        open_scene(path)
    assert path.read_bytes() == content


def test_no_crs(tmp_path):
    with refuses("a.tif", "no CRS"):
        open_scene(write(tmp_path / "a.tif", some(), crs=None))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_no_georeference(tmp_path):
    with refuses("a.tif", "georeference"):
        open_scene(write(tmp_path / "a.tif", some(), transform=Affine.identity()))


def opened(tmp_path: Path, name: str, data: np.ndarray, **options: object) -> Scene:
    return open_scene(write(tmp_path / f"{name}.tif", data, **options))


def test_different_number_of_bands(tmp_path):
    one, two = opened(tmp_path, "one", some(2)), opened(tmp_path, "two", some(3))
    with refuses("one.tif has 2", "two.tif has 3", "--bands"), align(one, two):
        pass


def test_no_common_bands(tmp_path):
    one = opened(tmp_path, "one", some(2), names=("red", "nir"))
    two = opened(tmp_path, "two", some(2), names=("green", "swir1"))
    with refuses("no bands in common", "swir1", "--bands"), align(one, two):
        pass


def test_the_common_bands_are_compared(tmp_path):
    data = some(3)
    one = opened(tmp_path, "one", data, names=("red", "nir", "swir1"))
    two = opened(tmp_path, "two", data[[2, 0]], names=("swir1", "red"))
    with align(one, two) as pair:
        assert pair.roles == ("red", "swir1")
        assert (pair.before_bands, pair.after_bands) == ((1, 3), (2, 1))
        before, after, _ = whole(pair)
    assert before.shape[0] == 2
    assert np.array_equal(before, after)


@pytest.mark.parametrize("crs", ["EPSG:4543", "EPSG:32651"])
def test_no_overlap(tmp_path, crs):
    far = moved(5_000, 0)
    one = opened(tmp_path, "one", some())
    two = opened(tmp_path, "two", some(), transform=far, crs=crs)
    with refuses("do not overlap"), align(one, two):
        pass


# Two scenes on one grid


def whole(pair):
    rows, columns = pair.grid.shape
    return pair.read(Window(0, 0, columns, rows))


def test_bands_are_matched_by_role(tmp_path):
    data = some(2)
    one = opened(tmp_path, "one", data, names=("red", "nir"))
    two = opened(tmp_path, "two", data[::-1], names=("nir", "red"))
    with align(one, two) as pair:
        before, after, seen = whole(pair)
    assert np.array_equal(before, after)
    assert seen.all()


def test_a_shifted_scene_comes_to_its_place(tmp_path):
    data = some(2)
    one = opened(tmp_path, "one", data)
    two = opened(tmp_path, "two", data[:, 5:, 7:], transform=moved(7, 5))
    with align(one, two) as pair:
        before, after, seen = whole(pair)
    assert seen[5:, 7:].all()
    assert not seen[:5].any()
    assert not seen[:, :7].any()
    assert np.array_equal(before[:, seen], after[:, seen])


def test_another_crs_comes_to_its_place(tmp_path):
    data = some(1, 60, 60, "float32")
    one = opened(tmp_path, "one", data)
    transform, width, height = calculate_default_transform(
        "EPSG:4543", "EPSG:32648", 60, 60, *rasterio.transform.array_bounds(60, 60, GRID)
    )
    there = np.full((1, height, width), np.nan, dtype="float32")
    reproject(
        data, there, src_transform=GRID, src_crs="EPSG:4543", dst_transform=transform,
        dst_crs="EPSG:32648", resampling=Resampling.bilinear, dst_nodata=np.nan,
    )  # fmt: skip
    two = opened(tmp_path, "two", there, crs="EPSG:32648", transform=transform)
    with align(one, two) as pair:
        before, after, seen = whole(pair)
    assert seen.mean() > 0.9
    inner = (slice(None), slice(3, -3), slice(3, -3))  # at the rim there is nothing to average
    assert seen[inner[1:]].all()
    assert np.abs(before - after)[inner].max() < 0.3  # the ramp climbs 1 and 2 a pixel


def test_a_finer_scene_is_averaged(tmp_path):
    coarse = np.full((1, 20, 20), 100, dtype="uint16")
    checks = np.indices((80, 80)).sum(axis=0)[None] % 2 * 100 + 50
    one = opened(tmp_path, "one", coarse)
    two = opened(
        tmp_path, "two", checks.astype("uint16"), transform=Affine(2.5, 0, GRID.c, 0, -2.5, GRID.f)
    )
    with align(one, two) as pair:
        _, after, seen = whole(pair)
    assert seen.all()
    assert np.abs(after - 100).max() <= 1


@pytest.mark.parametrize(
    ("dtype", "value", "nodata"),
    [("uint16", 7, 7), ("uint16", 0, None), ("float32", np.nan, None), ("int16", -9999, -9999)],
)
def test_what_is_not_seen(tmp_path, dtype, value, nodata):
    data = some(2, dtype=dtype)
    data[:, 3:9, 4:12] = value
    one = opened(tmp_path, "one", some(2, dtype=dtype), nodata=nodata)
    two = opened(tmp_path, "two", data, nodata=nodata)
    with align(one, two) as pair:
        before, after, seen = whole(pair)
    hole = np.zeros(seen.shape, dtype=bool)
    hole[3:9, 4:12] = True
    assert np.array_equal(~seen, hole)
    assert (after[:, hole] == 0).all()
    assert np.isfinite(before).all()


def test_nought_in_one_band_is_a_number_where_nothing_is_declared(tmp_path):
    data = some(2)
    data[0, 3, 3] = 0
    one, two = opened(tmp_path, "one", some(2)), opened(tmp_path, "two", data)
    with align(one, two) as pair:
        assert whole(pair)[2].all()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(3, 70), st.integers(0, 9))
def test_blocks_cover_the_scene_once_and_grow_within_it(rows, columns, size, margin):
    count = np.zeros((rows, columns), dtype=int)
    marks = np.arange(rows * columns).reshape(rows, columns)
    for window in windows((rows, columns), size):
        here = window.toslices()
        count[here] += 1
        wide, inner = grow(window, margin, (rows, columns))
        assert np.array_equal(marks[wide.toslices()][inner], marks[here])
    assert (count == 1).all()
