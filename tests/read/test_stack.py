"""Several files as one raster: the finest grid, resampling, no data, names with odd signs."""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.windows import Window

from tests.read.products import numbers, raster, refuses
from yuxi_gis.read.grid import windows
from yuxi_gis.read.stack import Part, stack


def test_no_data_takes_no_part_in_the_resampling(tmp_path):
    coarse = np.full((10, 10), 3000, dtype="uint16")
    coarse[:, :4] = 0
    fine = raster(tmp_path / "fine.tif", numbers(0, 20), 10)
    parts = (
        Part(str(fine), "a", nodata=0),
        Part(str(raster(tmp_path / "c.tif", coarse, 20)), "b", nodata=0),
    )
    with rasterio.open(stack(parts)) as data:
        found = data.read(2)
    assert set(np.unique(found)) == {0, 3000}
    assert (found[:, 8:] == 3000).all() and (found[:, :6] == 0).all()


def test_blocks_are_the_same_as_the_whole(tmp_path):
    paths = [raster(tmp_path / f"{m}.tif", numbers(m, 600 // m), m) for m in (10, 20, 30)]
    with rasterio.open(stack([Part(str(path), path.stem) for path in paths])) as data:
        assert (data.shape, data.transform.a) == ((60, 60), 10)
        whole = data.read()
        for window in windows(data.shape, 17):
            assert np.array_equal(data.read(window=window), whole[:, *window.toslices()])


def test_a_part_that_covers_less_is_empty_elsewhere(tmp_path):
    fine = raster(tmp_path / "fine.tif", numbers(0, 20), 10)
    part = raster(tmp_path / "part.tif", numbers(1, 6), 20)
    parts = [Part(str(fine), "a"), Part(str(part), "b", nodata=0)]
    with rasterio.open(stack(parts)) as data:
        found = data.read(2)
    assert (found[:12, :12] > 0).all() and not found[12:].any() and not found[:, 12:].any()


def test_bands_and_names_with_signs_of_xml(tmp_path):
    folder = tmp_path / 'a & "b" <c>'
    path = raster(folder / "影像.tif", np.stack([numbers(i, 8) for i in range(3)]), 10)
    with rasterio.open(stack([Part(str(path), "<&>", 3)])) as data:
        assert data.descriptions == ("<&>",)
        assert np.array_equal(data.read(1, window=Window(0, 0, 8, 8)), numbers(2, 8))


def test_a_band_that_there_is_not(tmp_path):
    path = raster(tmp_path / "a.tif", numbers(0, 8), 10)
    with refuses("a.tif", "cannot be read"):
        stack([Part(str(path), "x", 2)])
