"""Clouds and shadows: found where they are, and roofs, ponds and seasons are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter

from tests.change.planted import ROLES, SPECTRA, ground, look, put
from yuxi_gis.change.clouds import hidden
from yuxi_gis.change.sky import survey_sky

SHAPE = (160, 160)
SEEN = np.ones(SHAPE, dtype=bool)


def hide(before: np.ndarray, after: np.ndarray, seen: np.ndarray = SEEN) -> np.ndarray:
    """Of reflectance, in pixels of 10 m."""
    images = before.astype(np.float32), after.astype(np.float32)
    sky = survey_sky(*images, seen, 10.0, ROLES, ((1.0, 0.0), (1.0, 0.0)))
    return hidden(*images, seen, 10.0, sky)


def disc(row: int, column: int, radius: float) -> np.ndarray:
    rows, columns = np.indices(SHAPE)
    return np.hypot(rows - row, columns - column) <= radius


def overcast(image: np.ndarray, cloud: np.ndarray, shadow: np.ndarray) -> np.ndarray:
    """A cloud with soft edges and its shadow (direct light gone, blue skylight left)."""
    thick, dark = (gaussian_filter(mask.astype(float), 1.5) for mask in (cloud, shadow))
    left = np.array([0.55, 0.48, 0.42, 0.35, 0.3, 0.3])[:, None, None]
    image = image * (1 - dark * (1 - left))
    white = np.array(SPECTRA["cloud"])[:, None, None]
    return image * (1 - thick) + white * thick


@pytest.fixture
def dates():
    land = ground(SHAPE)
    return look(land, 1), look(land, 2, gain=0.93)


@pytest.mark.parametrize("at", [0, 1])
def test_cloud_and_shadow_are_hidden_at_either_date(dates, at):
    cloud, shadow = disc(50, 60, 14), disc(95, 40, 14)
    images = list(dates)
    images[at] = overcast(images[at], cloud, shadow)
    mask = hide(*images)
    assert mask[cloud].mean() > 0.99
    assert mask[binary_erosion(shadow, iterations=2)].mean() > 0.97
    assert mask[~(disc(50, 60, 24) | disc(95, 40, 24))].mean() < 0.005


@pytest.mark.parametrize("at", [0, 1])
def test_a_bank_over_most_of_the_scene_is_no_season(dates, at):
    bank = np.zeros(SHAPE, dtype=bool)
    bank[:110] = True  # 69 %
    images = list(dates)
    images[at] = overcast(images[at], bank, np.zeros(SHAPE, dtype=bool))
    mask = hide(*images)
    assert mask[bank].mean() > 0.99
    assert mask[125:].mean() < 0.005


def test_a_clear_pair_hides_nothing(dates):
    assert not hide(*dates).any()


def test_roofs_ponds_and_harvest_are_not_clouds(dates):
    before, after = dates
    put(after, slice(20, 36), slice(20, 36), "concrete")
    after[:, 20:36, 20:36] *= 1.3  # a bright new roof of 2.5 ha
    put(after, slice(60, 70), slice(60, 70), "water")
    put(before, slice(100, 140), slice(100, 140), "crop")
    put(after, slice(100, 140), slice(100, 140), "stubble")
    mask = hide(before, after)
    assert not mask.any()


def test_nothing_seen():
    flat = np.zeros((6, 20, 20))
    assert not hide(flat, flat, np.zeros((20, 20), dtype=bool)).any()


# Scenes whose reflectance is not known: numbers of eight bits, as Landsat stored them.


def numbers(image: np.ndarray, gain: float = 400.0) -> np.ndarray:
    """Stored numbers, with the path radiance that raw scenes have."""
    haze = np.array([50, 35, 25, 12, 5, 4])[: len(image), None, None]
    return np.clip(np.round(image * gain + haze), 1, 255).astype(np.float32)


def puffs(seed: int, share: float = 0.2) -> np.ndarray:
    """Opacity of clouds of many sizes with soft edges, 0..1."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.standard_normal(SHAPE), 5)
    return gaussian_filter((noise > np.quantile(noise, 1 - share)).astype(float), 1.5)


def veiled(image: np.ndarray, opacity: np.ndarray, white: float) -> np.ndarray:
    return np.round(image * (1 - opacity) + white * opacity).astype(np.float32)


def hide_numbers(before, after, roles=ROLES, pixel_m=30.0, scales=(None, None)) -> np.ndarray:
    roles = roles[: len(before)]
    return hidden(
        before, after, SEEN, pixel_m, survey_sky(before, after, SEEN, 30.0, roles, scales)
    )


@pytest.fixture
def raw(dates):
    return numbers(dates[0]), numbers(dates[1], 330.0)


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize(
    ("roles", "white"),
    [(ROLES, 210.0), (ROLES[:4], 210.0), (ROLES[:3], 210.0), (ROLES, 250.0), ((None,) * 4, 250.0)],
    ids=str,
)
def test_small_clouds_without_shadow_or_reflectance(raw, at, white, roles):
    images, opacity = [image[: len(roles)] for image in raw], puffs(at)
    images[at] = veiled(images[at], opacity, white)
    mask = hide_numbers(*images, roles)
    assert mask[opacity > 0.3].mean() > 0.99
    assert mask[opacity > 0.1].mean() > 0.97
    assert mask[opacity < 0.001].mean() < 0.01


def test_clouds_at_both_dates(raw):
    opacity = puffs(1, 0.12), puffs(2, 0.12)
    images = [veiled(image, part, 220.0) for image, part in zip(raw, opacity, strict=True)]
    mask = hide_numbers(*images)
    alone = [(one > 0.3) & (two < 0.01) for one, two in (opacity, opacity[::-1])]
    assert all(mask[part].mean() > 0.98 for part in alone)
    assert mask[(opacity[0] < 0.001) & (opacity[1] < 0.001)].mean() < 0.01


@pytest.mark.parametrize("cloudy", [False, True])
def test_new_concrete_stays_seen(dates, cloudy):
    """Nine bright yards, some of them of 2 ha, on crop and soil, with and without clouds."""
    before, after = dates
    yards = np.zeros(SHAPE, dtype=bool)
    for number, row in enumerate(range(20, 140, 14)):
        place = slice(row, row + 5), slice(20, 23 + number % 3)
        put(after, *place, "concrete")
        yards[place] = True
    images, opacity = [numbers(before), numbers(after)], np.zeros(SHAPE)
    if cloudy:
        opacity = puffs(5)
        opacity[:, :60] = 0
        images[1] = veiled(images[1], opacity, 235.0)
    mask = hide_numbers(*images)
    assert mask.any() == cloudy
    assert not mask[yards].any()


@pytest.mark.parametrize("count", [3, 4, 6])
def test_a_clear_pair_of_numbers_hides_nothing(raw, count):
    sky = survey_sky(*(image[:count] for image in raw), SEEN, 30.0, ROLES[:count])
    assert not sky.cloudy and np.isinf(sky.full).all()
    assert not hide_numbers(*(image[:count] for image in raw)).any()


def test_saturation_is_a_pile_at_full_scale(raw):
    before, after = raw
    flat = after.copy()
    flat[2, 10:14, 10:14] = 180  # a flat roof is no full scale
    assert not hide_numbers(before, flat).any()
    after[2, 10:14, 10:14] = 255
    mask = hide_numbers(before, after)
    assert mask[10:14, 10:14].all() and mask.sum() == 16


@pytest.mark.parametrize("at", [0, 1])
def test_a_band_without_a_picture_hides_no_ground(raw, at):
    raw[at][1] = 255
    assert not hide_numbers(*raw).any()


def test_snow_needs_reflectance(dates):
    before, after = (image.astype(np.float32) for image in dates)
    snow = np.array([0.75, 0.75, 0.72, 0.6, 0.1, 0.08])[:, None, None]
    after[:, 30:40, 30:60] = snow
    put(after, slice(80, 90), slice(30, 60), "water")
    mask = hide_numbers(before, after, scales=((1.0, 0.0), (1.0, 0.0)))
    assert mask[30:40, 30:60].all() and mask.sum() == 300


def test_expectation_goes_both_ways(raw):
    before, after = raw
    sky = survey_sky(before, after, SEEN, 30.0, ROLES)
    assert sky.expected(1, sky.expected(0, after)) == pytest.approx(after, abs=1e-3)
    assert np.abs(sky.expected(0, after) - before).mean() < 2


def test_too_few_pixels_know_nothing(raw):
    few = np.zeros(SHAPE, dtype=bool)
    few[0, :50] = True
    sky = survey_sky(*raw, few, 30.0, ROLES)
    assert not sky.cloudy
    assert not hidden(*raw, SEEN, 30.0, sky).any()
