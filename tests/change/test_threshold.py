"""The threshold: right where change is rare, common or absent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.change.threshold import FALSE_SHARE, MARGIN, Histogram, find_threshold, smooth

BANDS = 6


def strengths(share: float, scale: float, seed: int = 0, n: int = 200_000) -> tuple:
    """Strength of n pixels of which `share` have changed, and which."""
    rng = np.random.default_rng(seed)
    changed = np.arange(n) < round(share * n)
    strength = scale * np.sqrt(rng.chisquare(BANDS, n))
    strength[changed] += scale * rng.uniform(6, 20, changed.sum())
    return strength, changed


def threshold(strength):
    histogram = Histogram()
    for block in np.array_split(strength, 7):
        histogram.add(block)
    return find_threshold(histogram, BANDS)


@pytest.mark.parametrize("share", [0.0005, 0.005, 0.05, 0.3, 0.45])
@pytest.mark.parametrize("scale", [1.0, 2.7])
def test_found_share_is_the_planted_one(share, scale):
    strength, changed = strengths(share, scale)
    found = threshold(strength)
    above = strength / found.scale > found.value
    assert found.scale == pytest.approx(scale, rel=0.06)
    assert (above & changed).sum() / changed.sum() > 0.97
    assert (above & ~changed).sum() / max(above.sum(), 1) < 2 * FALSE_SHARE + 5 / above.sum()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(1, 50))
def test_nothing_stands_out_where_nothing_changed(seed, scale):
    strength, _ = strengths(0, scale, seed, 50_000)
    found = threshold(strength)
    assert (strength / found.scale > found.value).sum() <= 2


def test_differences_below_the_floor_are_no_change():
    strength, _ = strengths(0.1, 0.05)
    found = threshold(strength)
    assert found.scale == 1
    assert (strength > found.value).sum() == 0


def test_all_nought():
    found = threshold(np.zeros(1000))
    assert found.value == np.inf


def test_smoothing_calms_single_pixels_and_does_not_bleed():
    strength = np.full((21, 21), 2.0)
    strength[3, 3] = 12
    strength[10:14, 10:14] = 12
    calm = smooth(strength, np.ones(strength.shape, dtype=bool))
    assert calm[3, 3] < 7
    assert calm[11, 11] > 11.5
    assert calm[10, 10] > 5.5
    assert calm[9, 11] < 3.2


def test_smoothing_ignores_what_is_not_seen():
    strength = np.full((15, 15), 2.0)
    seen = np.ones(strength.shape, dtype=bool)
    seen[5:9, 5:9] = False
    strength[~seen] = 1e6
    calm = smooth(strength, seen)
    assert calm[seen] == pytest.approx(2.0, rel=1e-5)
    assert (calm[~seen] == 0).all()


def test_smoothing_of_a_grown_block_equals_that_of_the_whole():
    rng = np.random.default_rng(0)
    strength, seen = rng.uniform(0.1, 9, (40, 40)), rng.random((40, 40)) > 0.1
    whole = smooth(strength, seen)[10:20, 10:20]
    m = MARGIN
    part = smooth(
        strength[10 - m : 20 + m, 10 - m : 20 + m], seen[10 - m : 20 + m, 10 - m : 20 + m]
    )
    assert np.allclose(whole, part[m:-m, m:-m])


def test_the_histogram_counts_every_pixel_once():
    rng = np.random.default_rng(0)
    strength = np.exp(rng.uniform(np.log(1e-4), np.log(1e7), 10_000)).astype(np.float32)
    histogram = Histogram()
    histogram.add(strength.reshape(100, 100))
    expected = np.histogram(np.clip(strength, 1e-3, 1e6), np.geomspace(1e-3, 1e6, 6001))[0]
    assert histogram.counts.sum() == 10_000
    assert np.abs(np.cumsum(histogram.counts - expected)).max() <= 30  # rounding at the edges


def test_smoothing_is_a_weighted_mean_of_logarithms():
    rng = np.random.default_rng(0)
    strength, seen = rng.uniform(0.1, 9, (5, 6)), np.ones((5, 6), dtype=bool)
    seen[1, 2] = False
    beside = np.exp(-2)
    kernel = np.outer([beside, 1, beside], [beside, 1, beside])
    weight = (kernel * seen[1:4, 1:4]).ravel()
    expected = np.exp(np.average(np.log(strength[1:4, 1:4]).ravel(), weights=weight))
    assert smooth(strength, seen)[2, 2] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("hole", [False, True])
def test_smoothing_keeps_what_is_even(hole):
    seen = np.ones((7, 9), dtype=bool)
    seen[3, 4] = not hole
    assert smooth(np.full((7, 9), 3.0), seen)[seen] == pytest.approx(3.0, rel=1e-5)
