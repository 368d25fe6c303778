"""MAD and IR-MAD: what they are blind to, what they see, and input that breaks an eigenproblem."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.change.planted import ground
from yuxi_gis.change.irmad import fit_mad
from yuxi_gis.errors import SceneError


def pair(seed: int = 0, changed: int = 60, noise: float = 0.01):
    """(6, pixels) of two dates with the first `changed` pixels moved, and where."""
    rng = np.random.default_rng(seed)
    before = ground((50, 60), seed).reshape(6, -1)
    before = before + rng.normal(0, noise, before.shape)
    after = before + rng.normal(0, noise, before.shape)
    after[:, :changed] = before[:, rng.permutation(before.shape[1])[:changed]] + 0.2
    where = np.arange(before.shape[1]) < changed
    return before, after, where


@pytest.mark.parametrize("rounds", [1, 50])
def test_changed_pixels_stand_out_and_the_others_do_not(rounds):
    before, after, where = pair()
    mad = fit_mad(before, after, rounds)
    strength = mad.strength(before, after)
    assert np.median(strength[~where]) == pytest.approx(np.sqrt(5.35), rel=0.35)
    assert np.quantile(strength[where], 0.05) > np.quantile(strength[~where], 0.999)
    assert mad.rounds == 1 if rounds == 1 else 1 < mad.rounds < 25
    assert mad.degrees == 6
    assert mad.unchanged.shape == (3000,)
    assert mad.unchanged[where].max() < 0.01 < 0.4 < mad.unchanged[~where].mean() <= 1


def test_one_round_is_mad():
    """The variates of Nielsen 1998: correlated with nothing but their partner."""
    before, after, _ = pair(noise=0.03)
    mad = fit_mad(before, after, 1)
    x, y = ((d - d.mean(axis=1)[:, None]) / d.std(axis=1)[:, None] for d in (before, after))
    u, v = mad.before.T @ x, mad.after.T @ y
    across = np.corrcoef(np.vstack([u, v]))[:6, 6:]
    assert np.allclose(np.diag(across), mad.correlations, atol=1e-3)
    assert np.abs(across - np.diag(np.diag(across))).max() < 1e-3
    assert (np.diff(mad.correlations) >= 0).all()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0.05, 20), min_size=6, max_size=6),
    st.lists(st.floats(-100, 100), min_size=6, max_size=6),
)
def test_gain_and_offset_make_no_difference(gain, offset):
    before, after, _ = pair()
    other = after * np.array(gain)[:, None] + np.array(offset)[:, None]
    one = fit_mad(before, after).strength(before, after)
    two = fit_mad(before, other).strength(before, other)
    assert np.allclose(one, two, rtol=1e-3, atol=1e-3)


def test_blocks_of_the_scene_agree_with_the_whole():
    before, after, _ = pair()
    mad = fit_mad(before, after)
    whole = mad.strength(before.reshape(6, 50, 60), after.reshape(6, 50, 60))
    part = mad.strength(before.reshape(6, 50, 60)[:, 7:20], after.reshape(6, 50, 60)[:, 7:20])
    assert whole.dtype == np.float32
    assert np.allclose(whole[7:20], part, rtol=1e-4)


def test_a_sample_gives_the_strengths_of_all():
    rng = np.random.default_rng(0)
    before = ground((300, 300)).reshape(6, -1)
    after = before * 1.1 + rng.normal(0, 0.01, before.shape)
    all_of_it = fit_mad(before, after).strength(before, after)
    some = fit_mad(before[:, ::9], after[:, ::9]).strength(before, after)
    assert np.median(np.abs(some / all_of_it - 1)) < 0.02


def test_the_input_is_not_changed():
    before, after, _ = (x.astype(np.float32) for x in pair())
    kept = before.copy(), after.copy()
    fit_mad(before, after).strength(before, after)
    assert np.array_equal(before, kept[0])
    assert np.array_equal(after, kept[1])


def test_identical_scenes_show_nothing():
    before, _, _ = pair()
    assert fit_mad(before, before).strength(before, before).max() < 1e-3


def test_identical_bands():
    before, after, where = pair()
    twice = [np.concatenate([x, x[:1]]) for x in (before, after)]
    strength = fit_mad(*twice).strength(*twice)
    assert np.isfinite(strength).all()
    assert np.quantile(strength[where], 0.05) > np.quantile(strength[~where], 0.99)


def test_a_constant_band_is_left_out():
    before, after, _ = pair()
    before[2] = 0.3
    mad = fit_mad(before, after)
    assert mad.bands.tolist() == [0, 1, 3, 4, 5]
    assert mad.tags()["BANDS_USED"] == "1 2 4 5 6"
    assert np.isfinite(mad.strength(before, after)).all()


def test_one_band():
    before, after, where = pair()
    strength = fit_mad(before[3:4], after[3:4]).strength(before[3:4], after[3:4])
    assert np.median(strength[where]) > 3 * np.median(strength[~where])


def test_unrelated_scenes_do_not_break_it():
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=(2, 4, 5000))
    assert np.isfinite(fit_mad(before, after).strength(before, after)).all()


def test_all_constant_is_an_error():
    flat = np.ones((3, 1000))
    with pytest.raises(SceneError, match="no band varies"):
        fit_mad(flat, flat)


def test_too_few_pixels_is_an_error():
    before, after, _ = pair()
    with pytest.raises(SceneError, match="only 30 valid pixels"):
        fit_mad(before[:, :30], after[:, :30])
