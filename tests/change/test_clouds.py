"""Clouds and shadows: found where they are, and roofs, ponds and seasons are not taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter

from tests.change.planted import ROLES, SPECTRA, ground, look, put
from yuxi_gis.change.clouds import obscured, season

SHAPE = (160, 160)
SEEN = np.ones(SHAPE, dtype=bool)


def spectra(image: np.ndarray):
    return dict(zip(ROLES, image.astype(np.float32), strict=True))


def hide(before, after, seen: np.ndarray = SEEN) -> np.ndarray:
    return obscured(before, after, seen, 10.0, season(before, after, seen))


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
    hidden = hide(*map(spectra, images))
    assert hidden[cloud].mean() > 0.99
    assert hidden[binary_erosion(shadow, iterations=2)].mean() > 0.97
    assert hidden[~(disc(50, 60, 24) | disc(95, 40, 24))].mean() < 0.005


@pytest.mark.parametrize("at", [0, 1])
def test_a_bank_over_most_of_the_scene_is_no_season(dates, at):
    bank = np.zeros(SHAPE, dtype=bool)
    bank[:110] = True  # 69 %
    images = list(dates)
    images[at] = overcast(images[at], bank, np.zeros(SHAPE, dtype=bool))
    hidden = hide(*map(spectra, images))
    assert hidden[bank].mean() > 0.99
    assert hidden[125:].mean() < 0.005


def test_a_clear_pair_hides_nothing(dates):
    assert not hide(*map(spectra, dates)).any()


def test_roofs_ponds_and_harvest_are_not_clouds(dates):
    before, after = dates
    put(after, slice(20, 36), slice(20, 36), "concrete")
    after[:, 20:36, 20:36] *= 1.3  # a bright new roof of 2.5 ha
    put(after, slice(60, 70), slice(60, 70), "water")
    put(before, slice(100, 140), slice(100, 140), "crop")
    put(after, slice(100, 140), slice(100, 140), "stubble")
    hidden = hide(spectra(before), spectra(after))
    assert not hidden.any()


def test_nothing_seen():
    flat = spectra(np.zeros((6, 20, 20)))
    assert not hide(flat, flat, np.zeros((20, 20), dtype=bool)).any()
