"""ISFA: slow features of planted pairs, and what it is blind to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.change.test_irmad import pair
from yuxi_gis.change.isfa import fit_isfa
from yuxi_gis.errors import SceneError


def test_changed_pixels_stand_out_and_the_others_do_not():
    before, after, where = pair()
    fitted = fit_isfa(before, after)
    strength = fitted.strength(before, after)
    assert np.median(strength[~where]) == pytest.approx(np.sqrt(5.35), rel=0.35)
    assert np.quantile(strength[where], 0.05) > np.quantile(strength[~where], 0.999)
    assert fitted.unchanged[where].max() < 0.01
    assert fitted.degrees == 6


def test_the_slowest_feature_is_the_one_that_stays():
    """Two mixtures of a still and a moving source: the still one differs least."""
    rng = np.random.default_rng(0)
    still, moving, other = rng.normal(size=(3, 20_000))
    before = np.array([[1, 1], [1, -1]]) @ [still, moving]
    after = np.array([[1, 1], [1, -1]]) @ [still, other]
    fitted = fit_isfa(before, after)
    scale = np.linalg.norm(fitted.before, axis=0)
    directions = fitted.before / scale
    assert np.allclose(np.abs(directions[:, 0]), np.sqrt(0.5), atol=0.02)
    assert directions[0, 0] * directions[1, 0] > 0 > directions[0, 1] * directions[1, 1]
    assert scale[0] > 10 * scale[1]


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.floats(0.05, 20), min_size=6, max_size=6),
    st.lists(st.floats(-100, 100), min_size=6, max_size=6),
)
def test_gain_and_offset_make_no_difference(gain, offset):
    before, after, _ = pair()
    other = after * np.array(gain)[:, None] + np.array(offset)[:, None]
    one = fit_isfa(before, after).strength(before, after)
    two = fit_isfa(before, other).strength(before, other)
    assert np.allclose(one, two, rtol=1e-3, atol=1e-3)


def test_identical_scenes_and_bands():
    before, after, _ = pair()
    assert fit_isfa(before, before).strength(before, before).max() < 1e-3
    twice = [np.concatenate([x, x[:1]]) for x in (before, after)]
    assert np.isfinite(fit_isfa(*twice).strength(*twice)).all()


def test_all_constant_is_an_error():
    flat = np.ones((3, 1000))
    with pytest.raises(SceneError, match="no band varies"):
        fit_isfa(flat, flat)
