"""Known shifts are found through gain, season, change, cloud and gaps, and corrected by `align`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from affine import Affine
from numpy.fft import fft2, ifft2
from rasterio.crs import CRS
from scipy.ndimage import fourier_shift, gaussian_filter

from tests.change.planted import ROLES, write
from yuxi_gis.change.registration import Shift, correlation, estimate_shift, fine_structure
from yuxi_gis.read.raster import align, open_scene

SHAPE = (240, 260)


@cache
def texture(seed: int = 0, bands: int = 4) -> np.ndarray:
    """Fields, roads and roofs as noise of several sizes; one reflectance image a band."""
    rng = np.random.default_rng(seed)
    sizes = [gaussian_filter(rng.standard_normal((bands, *SHAPE)), (0, s, s)) for s in (1, 3, 9)]
    image = sum(one / one.std() for one in sizes)
    return np.asarray(0.2 + 0.02 * image)


def moved(image: np.ndarray, down: float, right: float) -> np.ndarray:
    """The picture moved by a part of a pixel, as its Fourier series says (the edge wraps)."""
    return np.stack([ifft2(fourier_shift(fft2(band), (down, right))).real for band in image])


def blobs(seed: int, share: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.standard_normal(SHAPE), 8)
    return noise > np.quantile(noise, 1 - share)


def pair_of(before, after, in_before=None, in_after=None, step=(10.0, -10.0), crs="EPSG:4543"):
    """What `estimate_shift` asks of a pair, of arrays."""
    everything = np.ones(before.shape[1:], dtype=bool)
    in_before = everything if in_before is None else in_before
    in_after = everything if in_after is None else in_after

    def read_each(window):
        part = window.toslices()
        images = (
            np.where(seen, image, 0)[:, *part].astype(np.float32)
            for image, seen in ((before, in_before), (after, in_after))
        )
        return *images, in_before[part], in_after[part]

    grid = SimpleNamespace(
        shape=before.shape[1:],
        transform=Affine(step[0], 0, 500_000, 0, step[1], 2_700_000),
        crs=CRS.from_string(crs),
    )
    return SimpleNamespace(grid=grid, read_each=read_each)


def off(shift: Shift) -> tuple[float, float]:
    """Pixels (down, right) by which the after scene lies off, on a grid of 10 m."""
    return shift.dy / 10, -shift.dx / 10


@pytest.mark.parametrize(
    "place", [(0.25, -0.25), (0.5, 0.5), (1, -0.5), (-2.3, 2.3), (10, -9.6)], ids=str
)
def test_a_shift_is_found_to_a_twentieth_of_a_pixel(place):
    rng = np.random.default_rng(3)
    before = texture()
    after = 1.4 * moved(before, *place) + 0.03 + rng.normal(0, 0.002, before.shape)
    shift = estimate_shift(pair_of(before, after))
    assert off(shift) == pytest.approx(place, abs=0.05)
    assert shift.significant and shift.windows == shift.tried == 25
    assert shift.pixels == pytest.approx(np.hypot(*place), abs=0.05)


def test_a_registered_pair_is_left_alone():
    rng = np.random.default_rng(4)
    before = texture()
    shift = estimate_shift(pair_of(before, 0.8 * before + rng.normal(0, 0.004, before.shape)))
    assert shift.found and not shift.significant
    assert shift.pixels < 0.05
    assert "未作校正" in shift.zh and "not corrected" in shift.en


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.6, -1.3)], ids=str)
def test_change_cloud_gaps_noise_and_turned_contrast(place):
    rng = np.random.default_rng(5)
    before, other = texture(), texture(9)
    rows, columns = np.indices(SHAPE)
    after = moved(before, *place)
    changed, cloud = blobs(1, 0.3), blobs(2, 0.2)
    after[:, changed] = other[:, changed]
    after[:, cloud] = 0.6
    after[3] = 0.5 - after[3]
    after = 1.5 * after + 0.02 + rng.normal(0, 0.003, after.shape)
    wedges = rows + columns > 110, rows - columns < 130
    shift = estimate_shift(pair_of(before, after, *wedges))
    assert off(shift) == pytest.approx(place, abs=0.15)  # half of the ground is left
    assert np.abs(np.subtract(off(shift), place)).max() < 3 * shift.error
    assert shift.significant == (place != (0.0, 0.0))


def test_a_mask_that_both_share_fakes_no_shift_of_nought():
    rng = np.random.default_rng(6)
    seen = ~blobs(7, 0.3)
    before = texture()
    after = moved(before, -1.5, 2.5) + rng.normal(0, 0.01, before.shape)
    assert off(estimate_shift(pair_of(before, after, seen, seen))) == pytest.approx(
        (-1.5, 2.5), abs=0.05
    )
    noise = rng.standard_normal((2, 4, *SHAPE))
    assert not estimate_shift(pair_of(*noise, seen, seen)).found


@pytest.mark.parametrize("kind", ["water", "another place", "no data"])
def test_what_cannot_be_matched_says_so(kind):
    rng = np.random.default_rng(8)
    before, after, seen = texture(), texture(1), np.ones(SHAPE, dtype=bool)
    if kind == "water":
        before, after = 0.05 + rng.normal(0, 0.001, (2, *before.shape))
    if kind == "no data":
        seen[:] = False
    shift = estimate_shift(pair_of(before, after, seen, seen))
    assert not shift.found and not shift.significant
    assert (shift.dx, shift.dy, shift.pixels) == (0, 0, 0)
    assert "无法估计" in shift.zh and "cannot be estimated" in shift.en


def test_a_constant_scene():
    flat = np.full((4, *SHAPE), 0.3)
    assert not estimate_shift(pair_of(flat, texture())).found


@pytest.mark.parametrize("place", [(1.5, -0.75), (-0.4, 3.3)], ids=str)
def test_align_takes_the_shift_as_it_is(tmp_path: Path, place):
    """The sign, from files to files: estimated, handed to `align`, and then gone."""
    before = texture(bands=6)
    after = 1.2 * moved(before, *place)
    scenes = [
        open_scene(write(tmp_path / f"{name}.tif", image, names=ROLES))
        for name, image in (("before", before), ("after", after))
    ]
    with align(*scenes) as pair:
        shift = estimate_shift(pair)
    assert off(shift) == pytest.approx(place, abs=0.05)
    assert "已校正" in shift.zh and "corrected" in shift.en
    with align(*scenes, shift=(shift.dx, shift.dy)) as pair:
        again = estimate_shift(pair)
    assert again.pixels < 0.05 and not again.significant


def test_words():
    shift = Shift(dx=-3.1, dy=4.8, pixels=0.57, error=0.03, windows=25, tried=25)
    assert shift.zh == (
        "后一期影像相对前一期偏移 (3.1 m, -4.8 m)，0.57 ± 0.03 像元（25 个窗口），已校正。"
    )
    assert "(3.1 m, -4.8 m) off the before scene" in shift.en


def test_degrees_are_said_as_degrees():
    before = texture()
    pair = pair_of(before, moved(before, 0, 2), step=(1e-4, -1e-4), crs="EPSG:4490")
    shift = estimate_shift(pair)
    assert shift.dx == pytest.approx(-2e-4, abs=5e-6)
    assert f"({-shift.dx:.6f} °, 0.000000 °)" in shift.zh


def test_a_south_up_grid():
    before = texture()
    shift = estimate_shift(pair_of(before, moved(before, 1.5, 0), step=(10.0, 10.0)))
    assert (shift.dx, shift.dy) == pytest.approx((0, -15), abs=0.5)


def test_fine_structure_is_free_of_gain_and_turns_with_its_sign():
    image, seen = texture()[0].astype(np.float32), ~blobs(3, 0.1)
    plain = fine_structure(image, seen)
    assert fine_structure(7 * image + 2, seen) == pytest.approx(plain, abs=1e-3)
    assert fine_structure(1 - image, seen) == pytest.approx(-plain, abs=1e-3)
    assert (plain[~seen] == 0).all()


def test_correlation_is_pearson_over_the_common_pixels():
    """Against numpy's, at a displacement, with two different masks."""
    window = (slice(0, 60), slice(0, 60))
    before, after = texture()[:1, *window], texture(2)[:1, *window] + texture()[:1, *window]
    seen = ~blobs(4, 0.2)[window], ~blobs(5, 0.2)[window]
    surface = correlation(before.astype(np.float32), after.astype(np.float32), *seen)
    assert surface is not None
    one = fine_structure(before[0].astype(np.float32), seen[0])[:-3, 2:]
    two = fine_structure(after[0].astype(np.float32), seen[1])[3:, :-2]
    both = seen[0][:-3, 2:] & seen[1][3:, :-2]
    assert surface[0, 14 + 3, 14 - 2] == pytest.approx(np.corrcoef(one[both], two[both])[0, 1])
