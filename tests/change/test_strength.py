"""The lean way to a raster of strength: the same numbers as the method gives, whatever the file."""

from __future__ import annotations

import os

import numpy as np
import pytest
import rasterio

from tests.change.planted import GRID, ROLES, ground, look, put, write
from yuxi_gis.change.methods import METHODS
from yuxi_gis.change.strength import NODATA, write_strength
from yuxi_gis.errors import OutputError, ParameterError, SceneError
from yuxi_gis.read.raster import align, open_scene

SHAPE = (150, 700)


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    land = ground(SHAPE)
    later = land.copy()
    put(later, slice(20, 30), slice(600, 610), "concrete")
    one, two = look(land, 1), look(later, 2, gain=0.9)
    one[:, 70:80, 10:20] = 0
    return one, two


LAYOUTS = {
    "strips": {},
    "tiles": {"tiled": True, "blockxsize": 128, "blockysize": 128, "compress": "deflate"},
    "declared": {"nodata": 0},
    "floats": {"dtype": "float32", "nodata": 0},
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_strength_is_that_of_the_method(images, tmp_path, layout, method):
    paths = [
        write(tmp_path / f"{name}.tif", image, **LAYOUTS[layout])
        for name, image in zip("ab", images, strict=True)
    ]
    fitted = write_strength(*paths, tmp_path / "out.tif", method=method)
    with align(*map(open_scene, paths)) as pair:
        before, after, seen = pair.read(rasterio.windows.Window(0, 0, *SHAPE[::-1]))
    with rasterio.open(tmp_path / "out.tif") as data:
        strength = data.read(1)
        assert (data.nodata, data.tags()["METHOD"]) == (NODATA, method)
        assert (data.transform, data.dtypes[0], data.block_shapes) == (
            GRID,
            "float32",
            [(512, 512)],
        )
    assert (strength[70:80, 10:20] == NODATA).all()
    if method != "difference":  # the index is known wherever its two bands are
        assert ((strength == NODATA) == ~seen).all()
    assert seen.mean() > 0.98
    assert np.allclose(strength[seen], fitted.strength(before, after)[seen], rtol=1e-5)
    assert strength[22:28, 602:608].min() > 3 * np.median(strength[seen])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 2, 0, 3)])
def test_two_bands_wherever_they_lie(images, tmp_path, order):
    """Files of up to four bands are read whole: the bands of the index are still the right ones."""
    names = [ROLES[band] for band in order]
    paths = [
        write(tmp_path / f"{n}.tif", i[list(order)], names=names, tiled=True)
        for n, i in zip("ab", images, strict=True)
    ]
    fitted = write_strength(*paths, tmp_path / "out.tif", method="difference")
    with align(*map(open_scene, paths)) as pair:
        before, after, seen = pair.read(rasterio.windows.Window(0, 0, *SHAPE[::-1]))
    with rasterio.open(tmp_path / "out.tif") as data:
        strength = data.read(1)
    assert fitted.tags()["BANDS_USED"] == f"{names.index('nir') + 1} {names.index('red') + 1}"
    assert np.allclose(strength[seen], fitted.strength(before, after)[seen], rtol=1e-5)
    assert strength[22:28, 602:608].min() > 3 * np.median(strength[seen])


def test_a_sample_changes_little(images, tmp_path, monkeypatch):
    """A quarter of the pixels: nearly the same order, and the same pixels stand out."""
    paths = [write(tmp_path / f"{n}.tif", i) for n, i in zip("ab", images, strict=True)]
    write_strength(*paths, tmp_path / "whole.tif")
    monkeypatch.setattr("yuxi_gis.change.strength.SAMPLE", 26_000)
    write_strength(*paths, tmp_path / "part.tif")
    with (
        rasterio.open(tmp_path / "whole.tif") as one,
        rasterio.open(tmp_path / "part.tif") as two,
    ):
        whole, part = one.read(1), two.read(1)
    assert not np.array_equal(whole, part)
    assert ((whole > 20) == (part > 20)).mean() > 0.999
    assert (part > 20).sum() >= 90
    seen = whole >= 0
    assert np.corrcoef(whole[seen], part[seen])[0, 1] > 0.98


def test_another_grid_is_warped(images, tmp_path):
    one = write(tmp_path / "a.tif", images[0])
    two = write(tmp_path / "b.tif", images[1], transform=GRID * GRID.translation(3, 2))
    write_strength(one, two, tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as data:
        assert data.transform == GRID
        assert (data.read(1)[:, :3] == NODATA).all()


@pytest.mark.parametrize("layout", ["pixel", "band"])
def test_a_file_that_is_not_whole(images, tmp_path, layout):
    """Read through GDAL or not: the same error, and no output."""
    paths = [
        write(tmp_path / f"{n}.tif", i, interleave=layout, tiled=True)
        for n, i in zip("ab", images, strict=True)
    ]
    os.truncate(paths[1], paths[1].stat().st_size // 3)
    with pytest.raises(SceneError, match=r"b\.tif"):
        write_strength(*paths, tmp_path / "out.tif", method="difference")
    assert {path.name for path in tmp_path.iterdir()} == {"a.tif", "b.tif"}


def test_uncompressed_or_not_the_result_is_the_same(images, tmp_path):
    for kind, options in {"u": {}, "c": {"compress": "deflate"}}.items():
        for name, image in zip("ab", images, strict=True):
            write(tmp_path / f"{kind}{name}.tif", image, interleave="pixel", tiled=True, **options)
        write_strength(
            *(tmp_path / f"{kind}{name}.tif" for name in "ab"),
            tmp_path / f"{kind}.tif",
            method="difference",
        )
    results = []
    for kind in "uc":
        with rasterio.open(tmp_path / f"{kind}.tif") as data:
            results.append(data.read(1))
    assert np.array_equal(*results)


def test_bad_input_leaves_nothing(images, tmp_path):
    paths = [write(tmp_path / f"{n}.tif", i) for n, i in zip("ab", images, strict=True)]
    with pytest.raises(ParameterError, match="irmad"):
        write_strength(*paths, tmp_path / "out.tif", method="guess")
    with pytest.raises(OutputError, match="input"):
        write_strength(*paths, paths[0], overwrite=True)
    (tmp_path / "out.tif").write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        write_strength(*paths, tmp_path / "out.tif")
    assert {path.name for path in tmp_path.iterdir()} == {"a.tif", "b.tif", "out.tif"}
    assert (tmp_path / "out.tif").read_bytes() == b"mine"
