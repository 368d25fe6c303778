"""One scene on a grid: where it is put, what quality layers hide there, the stored copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject
from rasterio.windows import Window

from tests.read.products import CRS, NORTH, WEST, landsat, numbers, raster, refuses, safe
from yuxi_gis.read.raster import align, grow, open_scene

NAMES = ("red", "nir")


def two_bands(side: int = 40, dtype: str = "uint16", seed: int = 0) -> np.ndarray:
    return np.stack([numbers(seed + i, side) for i in range(2)]).astype(dtype)


def scene(path: Path, data: np.ndarray, metres: float = 10, **options: object):
    return open_scene(raster(path, data, metres, **{"names": NAMES, **options}))


def whole(pair) -> Window:
    return Window(0, 0, pair.grid.width, pair.grid.height)


def other_crs(path: Path, data: np.ndarray, crs: str = "EPSG:4543", **options: object):
    """The same ground in another CRS, with an edge of no data."""
    rows, columns = data.shape[1:]
    box = (WEST, NORTH - 10 * rows, WEST + 10 * columns, NORTH)
    transform, width, height = calculate_default_transform(CRS, crs, columns, rows, *box)
    out = np.zeros((len(data), height, width), data.dtype)
    reproject(
        data, out, src_transform=Affine(10, 0, WEST, 0, -10, NORTH), src_crs=CRS,
        dst_transform=transform, dst_crs=crs, resampling=Resampling.bilinear,
    )  # fmt: skip
    return scene(path, out, crs=crs, transform=transform, **options)


# Where it is put


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("move", [(20, -30), (-10, 0)])
def test_a_shift_moves_the_after_scene_by_map_units(tmp_path, move, dtype):
    data = two_bands(dtype=dtype)
    one, two = (scene(tmp_path / f"{name}.tif", data) for name in ("one", "two"))
    with align(one, two, shift=move) as pair:
        before, after, seen = pair.read(whole(pair))
    columns, rows = move[0] // 10, -move[1] // 10
    moved = np.roll(before, (rows, columns), axis=(1, 2))
    inner = (slice(None), slice(6, -6), slice(6, -6))
    assert seen[inner[1:]].all()
    assert np.abs(after[inner] - moved[inner]).max() <= 1


def test_a_shift_of_part_of_a_pixel(tmp_path):
    x = np.arange(40) * 100 + 1000
    data = np.broadcast_to(x, (2, 40, 40)).astype("uint16")
    one, two = (scene(tmp_path / f"{name}.tif", data) for name in ("one", "two"))
    with align(one, two, shift=(5, 0)) as pair:
        before, after, _ = pair.read(whole(pair))
    assert np.abs(before - after - 50)[:, :, 4:-4].max() <= 1


def test_a_shift_is_in_units_of_the_grid_where_the_scene_has_others(tmp_path):
    data = two_bands(60)
    one = scene(tmp_path / "one.tif", data)
    two = other_crs(tmp_path / "two.tif", data, "EPSG:4326")
    with align(one, two, shift=(50, 0)) as pair:
        before, after, seen = pair.read(whole(pair))
    moved = np.roll(before, 5, axis=2)
    inner = (slice(None), slice(8, -8), slice(12, -8))
    assert seen[inner[1:]].all()
    assert np.abs(after - moved)[inner].max() < 60  # of 8,000: interpolated twice


@pytest.mark.parametrize("finer", ["before", "after"])
def test_the_coarser_grid_is_used_whichever_date_has_it(tmp_path, finer):
    fine = scene(tmp_path / "fine.tif", two_bands(80), 2.5)
    coarse = scene(tmp_path / "coarse.tif", two_bands(20), 10)
    one, two = (fine, coarse) if finer == "before" else (coarse, fine)
    with align(one, two) as pair:
        assert (pair.grid.transform.a, pair.grid.shape) == (10, (20, 20))
        before, after, seen = pair.read(whole(pair))
    averaged = two_bands(80).astype(float).reshape(2, 20, 4, 20, 4).mean(axis=(2, 4))
    assert seen.all()
    assert np.abs((before if finer == "before" else after) - averaged).max() <= 1


def test_a_slightly_finer_before_keeps_its_grid(tmp_path):
    one, two = (
        scene(tmp_path / "1.tif", two_bands(40), 10),
        scene(tmp_path / "2.tif", two_bands(30), 14),
    )
    with align(one, two) as pair:
        assert pair.grid.transform.a == 10


# What quality layers hide


def masked(folder: Path, name: str, metres: int, code: np.ndarray, **options: object):
    """A STAC-like scene is heavy; a stack with its own mask is not: bands and mask of one grid."""
    data = two_bands(len(code))
    return scene(
        folder / f"{name}.tif", np.stack([*data, code.astype("uint16")]), metres,
        names=(*NAMES, "SCL"), **options,
    )  # fmt: skip


def test_a_fine_mask_hides_every_coarser_pixel_that_it_touches(tmp_path):
    code = np.full((90, 90), 4)
    code[0, 0], code[44, 47] = 9, 3  # corners of pixels: the nearest sample would miss them
    fine = masked(tmp_path, "fine", 10, code)
    coarse = scene(tmp_path / "coarse.tif", two_bands(30), 30)
    with align(coarse, fine) as pair:
        hidden, (_, _, seen) = pair.hidden(whole(pair)), pair.read(whole(pair))
    assert set(zip(*map(list, hidden.nonzero()), strict=True)) == {(0, 0), (14, 15)}
    assert np.array_equal(~seen, hidden)


def test_a_coarse_mask_hides_all_fine_pixels_under_it(tmp_path):
    product = open_scene(safe(tmp_path))
    fine = scene(tmp_path / "fine.tif", two_bands(48), 10)
    with align(fine, product) as pair:
        hidden = pair.hidden(whole(pair))
    assert hidden[:2, 2:8].all() and not hidden[:2, 8:16].any() and not hidden[2:].any()


def test_a_mask_moves_with_its_scene(tmp_path):
    code = np.full((40, 40), 4)
    code[10, 10] = 9
    one = scene(tmp_path / "one.tif", two_bands())
    two = masked(tmp_path, "two", 10, code)
    with align(one, two, shift=(30, -20)) as pair:
        assert set(zip(*map(list, pair.hidden(whole(pair)).nonzero()), strict=True)) == {(12, 13)}


def test_outside_of_a_masked_scene_is_no_data_and_not_hidden(tmp_path):
    one = scene(tmp_path / "one.tif", two_bands(60))
    two = masked(tmp_path, "two", 10, np.full((40, 40), 4))
    with align(one, two) as pair:
        assert not pair.hidden(whole(pair)).any()
        assert pair.read(whole(pair))[2].sum() == 1600


def test_a_mask_that_is_not_there(tmp_path):
    folder = landsat(tmp_path)
    product = open_scene(folder)
    next(folder.glob("*QA_RADSAT.TIF")).unlink()
    with refuses("not whole"), align(product, product):
        pass


# The stored copy


def pairs(tmp_path: Path) -> dict[str, tuple]:
    data = two_bands(560)[:, :60]  # more than one block wide
    plain = scene(tmp_path / "plain.tif", data)
    return {
        "same grid": (plain, scene(tmp_path / "same.tif", two_bands(560, seed=3)[:, :60])),
        "another CRS": (plain, other_crs(tmp_path / "crs.tif", data)),
        "declared": (plain, other_crs(tmp_path / "nodata.tif", data, nodata=0)),
        "float": (plain, other_crs(tmp_path / "float.tif", data.astype("float64"))),
        "finer": (scene(tmp_path / "30.tif", two_bands(190)[:, :20], 30), plain),
        "coarser": (plain, scene(tmp_path / "30b.tif", two_bands(190)[:, :20], 30)),
        "products": (
            open_scene(safe(tmp_path / "a", side=60)),
            open_scene(landsat(tmp_path / "b", side=50)),
        ),
    }


@pytest.mark.parametrize(
    "kind", ["same grid", "another CRS", "declared", "float", "finer", "coarser", "products"]
)
@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.3, -4.2)])
def test_the_stored_pair_gives_the_same_numbers(tmp_path, kind, shift):
    one, two = pairs(tmp_path)[kind]
    folder = tmp_path / "scratch"
    folder.mkdir()
    parts: list[float] = []
    with align(one, two, shift=shift) as pair, pair.stored(folder, parts.append) as quick:
        assert quick.grid == pair.grid and quick.roles == pair.roles
        for window in pair.windows():
            wide, _ = grow(window, 3, pair.grid.shape)
            for here in (window, wide):
                for old, new in zip(pair.read_each(here), quick.read_each(here), strict=True):
                    assert old.dtype == new.dtype
                    assert np.array_equal(old, new)
                assert np.array_equal(pair.hidden(here), quick.hidden(here))
        for old, new in zip(pair.overview(64), quick.overview(64), strict=True):
            assert np.array_equal(old, new)
    written = {path.name for path in folder.iterdir()}
    assert ("after.tif" in written) == (kind not in ("same grid", "coarser") or any(shift))
    assert ("before.tif" in written) == (kind in ("coarser", "products"))
    assert not written or parts[-1] == 1
    assert parts == sorted(parts)


def test_a_plain_pair_is_not_copied(tmp_path):
    one, two = (scene(tmp_path / f"{name}.tif", two_bands()) for name in "ab")
    folder = tmp_path / "scratch"
    folder.mkdir()
    with align(one, two) as pair, pair.stored(folder) as quick:
        assert quick == pair
    assert not list(folder.iterdir())


def test_the_copy_keeps_the_type_of_the_numbers(tmp_path):
    one = scene(tmp_path / "one.tif", two_bands())
    two = scene(tmp_path / "two.tif", two_bands(30, "uint8"), 13)
    with (
        align(one, two) as pair,
        pair.stored(tmp_path),
        rasterio.open(tmp_path / "after.tif") as data,
    ):
        assert (data.dtypes, data.shape) == (("uint8", "uint8"), (40, 40))
        assert data.compression is None and data.profile["tiled"]


# What a file declares as no data


@pytest.mark.parametrize(
    ("dtype", "nodata", "value", "seen"),
    [
        ("uint16", 0, 0, False),
        ("int16", -9999, -9999, False),
        ("float32", -3.4028234663852886e38, -3.4028234663852886e38, False),
        ("float32", np.nan, np.nan, False),
        ("float64", -9999.9, -9999.9, False),
        ("uint16", 7, 8, True),
    ],
)
def test_declared_no_data(tmp_path, dtype, nodata, value, seen):
    data = two_bands(dtype=dtype)
    data[1, 5, 6] = value
    one = scene(tmp_path / "a.tif", data, nodata=nodata)
    with align(one, one) as pair:
        found = pair.read(whole(pair))[2]
    assert found[5, 6] == seen
    assert found.sum() == 1600 - (not seen)


def test_an_alpha_band_hides(tmp_path):
    data = np.full((4, 40, 40), 255, "uint8")
    data[3, :, :5] = 0
    names = ("red", "green", "blue", "alpha")
    one = scene(tmp_path / "a.tif", data, names=names, photometric="RGB", alpha="YES")
    with align(one, one) as pair:
        seen = pair.read(whole(pair))[2]
    assert not seen[:, :5].any() and seen[:, 5:].all()
