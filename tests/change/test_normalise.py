"""Gain and offset of a second date are found again, whatever changed beside them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.change.normalise import fit_normalisation, reduced_major_axis

PIXELS = 4000
GAINS = st.floats(0.2, 5.0)
OFFSETS = st.floats(-200.0, 200.0)


def dates(gain, offset, share, seed, noise=1.0):
    """Two dates, of which `share` changed; the chance of no change as a method would say it."""
    rng = np.random.default_rng(seed)
    ground = 400 + 60 * rng.standard_normal((2, PIXELS))
    changed = rng.random(PIXELS) < share
    before = ground + rng.normal(0, noise, ground.shape)
    now = np.where(changed, ground[:, ::-1] + 150, ground) + rng.normal(0, noise, ground.shape)
    after = (now - np.array(offset)[:, None]) / np.array(gain)[:, None]
    # A method's weights are no more than likely: some changes pass, and so do not all others.
    weight = np.where(changed, rng.uniform(0, 0.3, PIXELS), rng.uniform(0.3, 1, PIXELS))
    return before, after, weight, changed


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
@settings(max_examples=15, deadline=None)
@given(gain=st.tuples(GAINS, GAINS), offset=st.tuples(OFFSETS, OFFSETS), seed=st.integers(0, 99))
def test_gain_and_offset_come_back(share, gain, offset, seed):
    before, after, weight, changed = dates(gain, offset, share, seed)
    fit = fit_normalisation(before, after, weight)
    assert fit.gain == pytest.approx(gain, rel=0.01)
    error = fit.apply(after)[:, ~changed] - before[:, ~changed]
    assert np.abs(error.mean(axis=1)).max() < 1  # of a spread of 60
    assert error.std(axis=1).max() < 2  # the noise of two dates is 1.4


@given(weight=st.floats(0.01, 1.0), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_only_the_ratio_of_weights_counts(weight, seed):
    before, after, weights, _ = dates((1.3, 0.7), (5, -9), 0.05, seed)
    one, two = (fit_normalisation(before, after, w) for w in (weights, weights * weight))
    assert two.gain == pytest.approx(one.gain, rel=1e-6)
    assert two.offset == pytest.approx(one.offset, abs=1e-3)


def test_the_dates_change_places():
    """An orthogonal fit is the same line from either side; a least-squares fit is not."""
    before, after, weight, _ = dates((2.0, 0.5), (10, -10), 0.05, 1, noise=15.0)
    there, back = fit_normalisation(before, after, weight), fit_normalisation(after, before, weight)
    assert there.gain * back.gain == pytest.approx([1, 1], rel=1e-3)
    assert there.gain == pytest.approx([2, 0.5], rel=0.05)


def test_levels_are_those_of_the_unchanged():
    before, after, weight, changed = dates((1.0, 1.0), (30, -40), 0.3, 2)
    levels = fit_normalisation(before, after, weight).levels
    expected = [before[:, ~changed].mean(axis=1), after[:, ~changed].mean(axis=1)]
    assert levels == pytest.approx(np.array(expected), abs=3)


@pytest.mark.parametrize("constant", ["before", "after", "both"])
def test_a_constant_band_keeps_its_gain(constant):
    before, after, weight, _ = dates((1.0, 2.0), (0, 5), 0.05, 3)
    if constant != "after":
        before[0] = 7.0
    if constant != "before":
        after[0] = 3.0
    fit = fit_normalisation(before, after, weight)
    assert fit.gain[0] == 1
    assert np.isfinite(fit.offset).all()
    assert fit.gain[1] == pytest.approx(2, rel=0.01)
    if constant == "both":
        assert fit.offset[0] == pytest.approx(4)


def test_identical_dates():
    before, _, weight, _ = dates((1.0, 1.0), (0, 0), 0.0, 4)
    fit = fit_normalisation(before, before, weight)
    assert fit.gain == pytest.approx([1, 1]) and fit.offset == pytest.approx([0, 0], abs=1e-6)


def test_few_pixels_give_the_difference_of_means():
    before, after = np.array([[10.0, 20.0, 30.0]]), np.array([[1.0, 5.0, 3.0]])
    fit = fit_normalisation(before, after, np.array([1.0, 1.0, 0.0]))
    assert (fit.gain[0], fit.offset[0]) == (1, 12)
    assert fit.levels[:, 0] == pytest.approx([15, 3])


@pytest.mark.parametrize("pixels", [0, 3])
def test_no_weight_changes_nothing(pixels):
    sample = np.arange(2.0 * pixels).reshape(2, pixels)
    fit = fit_normalisation(sample, sample + 1, np.zeros(pixels))
    assert fit.apply(np.ones((2, 3, 4))) == pytest.approx(np.ones((2, 3, 4)))
    assert fit.apply(np.ones((2, 3, 4))).dtype == np.float32


def test_reduced_major_axis_of_a_line():
    after = np.array([[1.0, 2.0, 3.0, 100.0]])
    gain, offset = reduced_major_axis(3 * after - 4, after, np.array([1.0, 1.0, 1.0, 0.0]))
    assert (gain[0], offset[0]) == pytest.approx((3, -4))
