"""Every method: one protocol, the same planted change, and nothing where nothing changed."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from tests.change.planted import ROLES, ground, look, put
from yuxi_gis.change import methods
from yuxi_gis.change.methods import DEFAULT, METHODS
from yuxi_gis.change.threshold import Histogram, find_threshold, smooth


def mapped(method: str, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The map of change of a method."""
    samples = [x.reshape(len(x), -1) for x in (before, after)]
    fitted = METHODS[method].fit(*samples, ROLES)
    strength = smooth(fitted.strength(before, after), np.ones(before.shape[1:], dtype=bool))
    histogram = Histogram()
    histogram.add(strength)
    threshold = find_threshold(histogram, fitted.degrees)
    return strength > threshold.scale * threshold.value


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_change_is_found_and_no_other(method):
    land = ground((100, 100))
    put(land, slice(40, 50), slice(30, 45), "crop")
    later = land.copy()
    put(later, slice(40, 50), slice(30, 45), "concrete")
    found = mapped(method, look(land, 1), look(later, 2, gain=0.9))
    here = np.zeros(found.shape, dtype=bool)
    here[40:50, 30:45] = True
    assert found[here].mean() > (0.8 if method == "mad" else 0.95)
    assert found[~here].mean() < 0.005


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise", [0.0, 0.002, 0.02])
def test_nothing_where_nothing_changed(method, noise):
    land = ground((100, 100))
    assert mapped(method, look(land, 1, noise), look(land, 2, noise, gain=1.2)).mean() < 0.002


@pytest.mark.parametrize("method", METHODS)
def test_noise_that_grows_with_the_level_is_no_change(method):
    land, rng = 1000 * ground((100, 100)), np.random.default_rng(0)
    later = land * (1 + 0.05 * rng.standard_normal(land.shape))
    assert mapped(method, land, np.round(0.5 * later + 30)).mean() < 0.005


@pytest.mark.parametrize("method", METHODS)
def test_protocol(method):
    row, land = METHODS[method], ground((50, 50)).reshape(6, -1)
    before, after = look(land[..., None], 1)[..., 0], look(land[..., None], 2)[..., 0]
    fitted = row.fit(before, after, ROLES)
    assert row.id == method
    assert row.zh
    assert row.en
    assert row.source
    assert 1 <= fitted.degrees <= 6
    assert fitted.unchanged.shape == (2500,)
    assert 0 <= fitted.unchanged.min() <= fitted.unchanged.max() <= 1
    assert all(isinstance(text, str) for pair in fitted.tags().items() for text in pair)
    assert fitted.strength(before, after).dtype == np.float32


def test_the_default_is_a_method():
    assert DEFAULT in METHODS


def test_example():
    assert doctest.testmod(methods).failed == 0
