"""Variates: the uncertainty that bands are granted, and the calibrated weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from yuxi_gis.change.variates import CHUNK, RELATIVE, Variates, covariance, no_change


def difference_of(spread: float = 1.0) -> Variates:
    """One band: the plain difference of two dates, whose unchanged pixels scatter by `spread`."""
    one = np.ones((1, 1))
    return Variates(
        bands=np.array([0]),
        centre=np.zeros((2, 1)),
        spread=np.ones((2, 1)),
        before=one / spread,
        after=one / spread,
        offset=np.zeros(1),
        degrees=1.0,
        unchanged=np.ones(1),
    )


@settings(max_examples=50, deadline=None)
@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(0.1, 5))
def test_strength_by_hand(before, after, spread):
    """The difference in units of its scatter and of 5 % of the lesser deviation, twice."""
    level = min(abs(before), abs(after))
    unit = np.sqrt(spread**2 + 2 * RELATIVE**2 * level**2)
    found = difference_of(spread).strength(np.array([[before]]), np.array([[after]]))
    assert found[0] == pytest.approx(abs(before - after) / unit, rel=1e-4, abs=1e-4)


def test_what_turns_bright_pays_nothing_for_its_brightness():
    both = difference_of(0.01).strength(np.array([[10.0, 0.0]]), np.array([[10.5, 10.0]]))
    assert both[0] < 1
    assert both[1] == pytest.approx(1000, rel=1e-3)


@pytest.mark.parametrize("pixels", [1, CHUNK - 1, CHUNK, 2 * CHUNK + 7])
def test_chunks_make_no_difference(pixels):
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=(2, 1, pixels)).astype(np.float32)
    found = difference_of().strength(before, after)
    assert found.shape == (pixels,)
    last = difference_of().strength(before[:, -1:], after[:, -1:])
    assert found[-1] == pytest.approx(last[0], rel=1e-6)


def test_covariance_is_that_of_numpy():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(3, 500)) + 5, rng.random(500)
    assert np.allclose(covariance(x, x, weight), np.cov(x, aweights=weight, ddof=0))


def test_weights_are_calibrated_on_the_median():
    distance = np.random.default_rng(0).chisquare(6, 20_000)
    weight = no_change(distance, 6)
    assert weight.mean() == pytest.approx(0.5, abs=0.02)
    assert np.allclose(no_change(9 * distance, 6), weight, atol=0.02)


def test_weights_are_never_sharper_than_what_is_granted():
    distance = 1e-3 * np.random.default_rng(0).chisquare(6, 1000)
    assert np.allclose(no_change(distance, 6), chi2.sf(distance, 6))
    assert no_change(distance, 6).min() > 0.99
