"""Accuracy on the labelled Taizhou pair, as it is and disturbed: the rows of the benchmark."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import ROWS, Row, by_method, kappa, ours, score, taizhou
from benchmarks.accuracy_pairs import Pair, Picture, again, planted
from tests.change.planted import CRS, GRID, ROLES, ground, look
from yuxi_gis.change.methods import METHODS

PLAIN, *DISTURBED = ROWS


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Pair:
    """The labelled pair."""
    return taizhou(shared_data / "taizhou")


@cache
def plain(folder: Path) -> float:
    """Kappa of the pair as it is."""
    return ours(taizhou(folder))[0].kappa


def test_the_pair_as_it_is(real, shared_data):
    assert (int(real.changed.sum()), int(real.unchanged.sum())) == (4227, 17163)
    assert plain(shared_data / "taizhou") >= PLAIN.kappa == 0.934


@pytest.mark.parametrize("row", DISTURBED, ids=lambda row: row.name)
def test_row(row: Row, real: Pair, shared_data: Path):
    pair = row.make(real)
    result, seen = ours(pair)
    if row.kappa is not None:
        assert result.kappa >= row.kappa
    if row.share is not None:
        assert result.share <= row.share
    if row.name.startswith("gain"):
        assert result.kappa == pytest.approx(plain(shared_data / "taizhou"), abs=0.01)
    if row.name.startswith("shift"):
        told = float(result.shift.split()[0]) / np.sqrt(2)
        assert told == pytest.approx(float(row.name.split()[2]), abs=0.2)
    if pair.clouded is not None:
        assert seen[pair.clouded].mean() < 0.1
        assert seen[~pair.clouded].mean() > 0.7


@pytest.mark.parametrize("method", ["irmad", "isfa", "cva"])
def test_a_sample_is_as_good_as_all_pixels(method, real):
    """A sixteenth of the pixels: the same map but for a few pixels in a thousand."""
    whole, some = (by_method(real, method, every) for every in (1, 16))
    assert (whole != some).mean() < 0.01
    assert score(some, real).kappa == pytest.approx(score(whole, real).kappa, abs=0.01)


def invented(count: int = 2) -> Pair:
    """A small simulated pair without change."""
    land = ground((100, 100))
    dates = [Picture(look(land, i) * 1e4, CRS, GRID, "uint16", ROLES) for i in range(count)]
    nothing = np.zeros((100, 100), dtype=bool)
    return Pair(*dates, nothing, ~nothing)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "difference"])
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_methods_on_planted_ground(method, share):
    pair = planted(invented(), share)
    assert score(by_method(pair, method), pair).kappa > (0.5 if method == "mad" else 0.9)


def test_planted_truth_is_what_it_says():
    pair = planted(invented(), 0.1)
    assert 0.05 < pair.changed.mean() <= 0.1
    assert not (pair.changed & pair.unchanged).any()
    quiet = again(invented(), "before", "sd", 0.01)
    assert not quiet.changed.any()


def test_kappa_by_hand():
    """Cohen 1960, 10.1177/001316446002000104: agreement 0.7, by chance 0.5."""
    assert kappa(np.array([20, 5, 10, 15])) == pytest.approx(0.4)
    assert kappa(np.array([0, 0, 0, 9])) == 0


def test_interval_holds_the_figure_and_widens_with_clustered_errors():
    rng, truth = np.random.default_rng(0), np.zeros((400, 400), dtype=bool)
    truth[:, :200] = True
    pair = Pair(None, None, truth, ~truth)  # type: ignore[arg-type]
    scattered = truth ^ (rng.random(truth.shape) < 0.06)
    clustered = truth ^ np.kron(rng.random((16, 16)) < 0.06, np.ones((25, 25), dtype=bool))
    widths = []
    for found in (scattered, clustered):
        result = score(found, pair)
        low, high = result.interval()
        assert low <= result.kappa <= high
        widths.append(high - low)
    assert widths[1] > 5 * widths[0]
