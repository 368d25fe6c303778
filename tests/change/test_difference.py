"""Differencing of an index: known indices and differences, and bands that are missing."""

from __future__ import annotations

import numpy as np
import pytest

from tests.change.planted import ROLES, SPECTRA, ground
from yuxi_gis.change.difference import INDICES, fit_difference
from yuxi_gis.errors import SceneError


def pair(gain: float = 1.0, offset: float = 0.0):
    """(6, pixels) of reflectance; the first 50 pixels are crop that became concrete."""
    rng = np.random.default_rng(0)
    before = ground((60, 60)).reshape(6, -1)
    before[:, :50] = np.array(SPECTRA["crop"])[:, None]
    after = before.copy()
    after[:, :50] = np.array(SPECTRA["concrete"])[:, None]
    noise = rng.normal(0, 0.002, (2, *before.shape))
    return before + noise[0], (after + noise[1]) * gain + offset


def ndvi(name: str) -> float:
    red, nir = SPECTRA[name][2], SPECTRA[name][3]
    return (nir - red) / (nir + red)


def test_strength_is_the_difference_in_units_of_its_scatter():
    before, after = pair()
    fitted = fit_difference(before, after, ROLES)
    strength = fitted.strength(before, after)
    expected = abs(ndvi("crop") - ndvi("concrete")) / fitted.scatter
    assert strength.dtype == np.float32
    assert np.median(strength[:50]) == pytest.approx(expected, rel=0.03)
    assert strength[50:].max() < strength[:50].min() / 2
    assert fitted.degrees == 1
    assert fitted.unchanged[:50].max() < 0.01
    assert 0.005 < fitted.scatter < 0.06
    assert fitted.tags()["INDEX"] == "ndvi"


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (1.3, 0.02), (10_000.0, 0.0)])
def test_radiometry_of_the_second_date_makes_no_difference(gain, offset):
    one, two = pair(), pair(gain, offset)
    before = fit_difference(*one, ROLES).strength(*one)
    after = fit_difference(*two, ROLES).strength(*two)
    assert np.allclose(before, after, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("index", INDICES)
def test_every_index(index):
    before, after = pair()
    strength = fit_difference(before, after, ROLES, index).strength(before, after)
    assert np.isfinite(strength).all()
    assert np.median(strength[:50]) > 2 * np.median(strength[50:])
    assert INDICES[index].id == index


@pytest.mark.filterwarnings("error")
def test_no_light_is_the_end_of_the_index():
    """Red of nought or less is NDVI 1 and near infrared of nought or less −1; neither band, 0."""
    before, after = pair()
    fitted = fit_difference(before, after, ROLES)
    one, two = (np.full((6, 4), 0.2, dtype=np.float32) for _ in range(2))  # NDVI 0
    one[2:4] = [[0.2, -0.1, 0.3, 0.0], [0.2, 0.3, -0.1, 0.0]]
    nir_at = (two[3] * fitted.gain[0] + fitted.offset[0])[0]
    red_at = (two[2] * fitted.gain[1] + fitted.offset[1])[0]
    later = (nir_at - red_at) / (nir_at + red_at)
    expected = np.abs(later - np.array([0, 1, -1, 0]) - fitted.centre) / fitted.scatter
    assert np.allclose(fitted.strength(one, two), expected, rtol=1e-4)


@pytest.mark.filterwarnings("error")
def test_numbers_of_nought_and_below_do_not_break_it():
    before, after = pair()
    fitted = fit_difference(before, after, ROLES)
    odd = np.zeros((6, 3))
    odd[:, 1], odd[3, 2] = -0.01, -0.5
    odd[2, 1] = -10  # beyond what float32 holds when divided by next to nothing
    assert np.isfinite(fitted.strength(odd, odd)).all()


def test_blocks_agree_with_the_whole():
    before, after = (x.reshape(6, 60, 60).astype(np.float32) for x in pair())
    fitted = fit_difference(before.reshape(6, -1), after.reshape(6, -1), ROLES)
    whole = fitted.strength(before, after)
    part = fitted.strength(before[:, 7:20, 5:30], after[:, 7:20, 5:30])
    assert np.allclose(whole[7:20, 5:30], part, rtol=1e-5)


@pytest.mark.parametrize("roles", [(None,) * 6, ("blue", "green", "red", None, None, None)])
def test_unknown_bands_are_an_error(roles):
    with pytest.raises(SceneError, match=r"needs the bands nir and red.*--bands"):
        fit_difference(*pair(), roles)
