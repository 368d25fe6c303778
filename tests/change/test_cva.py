"""CVA: known lengths, and what it is blind to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.change.test_irmad import pair
from yuxi_gis.change.cva import fit_cva
from yuxi_gis.errors import SceneError

SIGMA = 0.3


def noisy(pixels: int = 40_000):
    """Three unrelated bands, seen twice with noise of the same size."""
    rng = np.random.default_rng(0)
    before = rng.normal(0, 3, (3, pixels))
    return before, before + rng.normal(0, SIGMA, before.shape)


def test_strength_is_the_length_in_units_of_the_noise():
    before, after = noisy()
    fitted = fit_cva(before, after)
    assert fitted.degrees == pytest.approx(3, abs=0.05)
    step = np.array([[3.0], [4.0], [0.0]])  # 5 long, at the mean of the scene
    middle = before.mean(axis=1)[:, None]
    # The weights see the quieter half of the noise, so lengths are longer than 5 / SIGMA.
    longer = fitted.strength(middle, middle + step)[0] / (5 / SIGMA)
    assert 1 <= longer < 1.5
    half = fitted.strength(middle, middle + step / 2)[0]
    assert fitted.strength(middle, middle + step)[0] == pytest.approx(2 * half, rel=0.02)


def test_bands_that_say_the_same_count_once():
    before, after = noisy()
    fitted = fit_cva(before[[0, 0, 0]], after[[0, 0, 0]])
    assert fitted.degrees == pytest.approx(1, abs=0.1)
    alone = fit_cva(before[:1], after[:1])
    assert np.allclose(
        fitted.strength(before[[0, 0, 0]], after[[0, 0, 0]]),
        alone.strength(before[:1], after[:1]),
        rtol=0.1,
        atol=0.1,
    )


def test_changed_pixels_stand_out():
    before, after, where = pair()
    fitted = fit_cva(before, after)
    strength = fitted.strength(before, after)
    assert np.quantile(strength[where], 0.05) > np.quantile(strength[~where], 0.99)
    assert 1 <= fitted.degrees <= 6


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.floats(0.05, 20), min_size=6, max_size=6),
    st.lists(st.floats(-100, 100), min_size=6, max_size=6),
)
def test_gain_and_offset_make_no_difference(gain, offset):
    before, after, _ = pair()
    other = after * np.array(gain)[:, None] + np.array(offset)[:, None]
    one = fit_cva(before, after).strength(before, after)
    two = fit_cva(before, other).strength(before, other)
    assert np.allclose(one, two, rtol=5e-3, atol=5e-3)


def test_all_constant_is_an_error():
    flat = np.ones((3, 1000))
    with pytest.raises(SceneError, match="no band varies"):
        fit_cva(flat, flat)
