"""Iteratively reweighted multivariate alteration detection (IR-MAD).

A.A. Nielsen, "The regularized iteratively reweighted MAD method for change detection in multi-
and hyperspectral data", IEEE Trans. Image Processing 16(2), 2007, 10.1109/TIP.2006.888195.

Canonical variates of the two dates are subtracted, the least correlated first; what is left is
invariant to any gain and offset of either scene. Pixels that look changed then lose weight and
the variates are found anew, until they rest.

Two things differ from the paper (``benchmarks/accuracy_taizhou.py`` compares the two):

*Calibrated weights.* The paper's weights, ``P(χ² > d²)``, take for granted that unchanged pixels
have the variance of the weighted sample. Each round narrows that variance, so on real pairs the
weights run away: on Taizhou their mean sinks from 0.62 to 0.09. Here ``d²`` is first divided by a
scale that brings its median to the median of χ², the mean weight stays near one half, and the
rounds end after about ten.

*A floor.* Covariances are ridged with (1 % of a band's standard deviation)². Differences below
that carry no meaning at any sensor; the floor also makes identical scenes, identical bands and
collinear bands ordinary input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.stats import chi2

from yuxi_gis.errors import SceneError

__all__ = ["Mad", "fit_mad"]

Floats = NDArray[np.float64]

_FLOOR = 1e-4  # (1 % of the standard deviation)², in standardised units
_ROUNDS = 50
_TOLERANCE = 1e-4  # in the canonical correlations
_PER_BAND = 20  # pixels per band and date below which a covariance means little


@dataclass(frozen=True)
class Mad:
    """Fitted variates; `strength` applies them to any block of the same two scenes.

    Attributes
    ----------
    bands : int, (n,)
        0-based bands used: those that vary in both scenes.
    before, after : float64, (n, n)
        Variates are ``before.T @ x - after.T @ y + constant``, of unit no-change variance.
    constant : float64, (n,)
    correlations : float64, (n,)
        Canonical correlations of the last round, ascending.
    levels : float64, (2, n)
        Mean stored numbers of the unchanged pixels at the first and the second date: what light,
        haze and season did to the whole scene (M.J. Canty & A.A. Nielsen 2008,
        10.1016/j.rse.2007.07.013).
    rounds : int
    """

    bands: NDArray[np.intp]
    before: Floats
    after: Floats
    constant: Floats
    correlations: Floats
    levels: Floats
    rounds: int

    def strength(
        self, before: NDArray[np.floating], after: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Length of the vector of standardised variates.

        Parameters
        ----------
        before, after : float, (bands, …)
            Stored numbers of the same pixels.

        Returns
        -------
        float32, (…)
        """
        shape = before.shape[1:]
        x = before[self.bands].reshape(len(self.bands), -1)
        y = after[self.bands].reshape(len(self.bands), -1)
        variates = self.before.T @ x - self.after.T @ y + self.constant[:, None]
        return np.sqrt((variates**2).sum(axis=0)).astype(np.float32).reshape(shape)


def fit_mad(before: NDArray[np.floating], after: NDArray[np.floating]) -> Mad:
    """Find the variates from a sample of pixels seen in both scenes.

    Parameters
    ----------
    before, after : float, (bands, pixels)
        Stored numbers; any units, any gain and offset per band.

    Raises
    ------
    SceneError
        Too few pixels, or no band varies in both scenes.
    """
    pixels = before.shape[1]
    if pixels < 2 * len(before) * _PER_BAND:
        needed = 2 * len(before) * _PER_BAND
        raise SceneError(
            f"两景影像共同可见的有效像元只有 {pixels} 个，至少需要 {needed} 个。"
            "请换用云更少或重叠更大的影像。",
            f"only {pixels} valid pixels are seen in both scenes, at least {needed} are needed. "
            "Use scenes with fewer clouds or more overlap.",
        )
    bands = _varying(before, after)
    x, x_mean, x_std = _standardised(before[bands])
    y, y_mean, y_std = _standardised(after[bands])
    weight = np.ones(pixels)
    last, rounds = np.zeros(len(bands)), 0
    for _ in range(_ROUNDS):
        rounds += 1
        a, b, centre, correlations = _variates(x, y, weight)
        distance = ((a.T @ x - b.T @ y - centre[:, None]) ** 2).sum(axis=0)
        if np.abs(correlations - last).max() < _TOLERANCE:
            break
        last = correlations
        weight = _weights(distance, len(bands))
    unchanged = weight / weight.sum()
    levels = np.stack([x_mean + x_std * (x @ unchanged), y_mean + y_std * (y @ unchanged)])
    a, b = a / x_std[:, None], b / y_std[:, None]
    constant = b.T @ y_mean - a.T @ x_mean - centre
    return Mad(bands, a, b, constant, correlations, levels, rounds)


def _varying(before: NDArray[np.floating], after: NDArray[np.floating]) -> NDArray[np.intp]:
    bands = np.flatnonzero((np.ptp(before, axis=1) > 0) & (np.ptp(after, axis=1) > 0))
    if len(bands) == 0:
        raise SceneError(
            "没有一个波段在两景影像中都有变化的数值（全为常数），无法比较。请检查导出的影像。",
            "no band varies in both scenes (all are constant), so there is nothing to compare. "
            "Check how the scenes were exported.",
        )
    return bands


def _standardised(sample: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
    mean = sample.mean(axis=1, dtype=np.float64)
    std = sample.std(axis=1, dtype=np.float64)
    return (sample - mean[:, None]) / std[:, None], mean, std


def _variates(x: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Canonical vectors of both dates (columns, unit no-change variance), centre, correlations."""
    n, total = len(x), weight.sum()
    x_mean, y_mean = x @ weight / total, y @ weight / total
    floor = _FLOOR * np.eye(n)
    sxx = (x * weight) @ x.T / total - np.outer(x_mean, x_mean) + floor
    syy = (y * weight) @ y.T / total - np.outer(y_mean, y_mean) + floor
    sxy = (x * weight) @ y.T / total - np.outer(x_mean, y_mean)
    squared, a = eigh(sxy @ np.linalg.solve(syy, sxy.T), sxx)
    # A variate without a partner gets a vanishing second vector, not a division by nought.
    correlations = np.sqrt(np.clip(squared, 0.0, 1.0))
    b = np.linalg.solve(syy, sxy.T @ a) / np.maximum(correlations, 1e-9)
    deviation = np.sqrt(np.maximum(2 * (1 - correlations), 1e-12))
    a, b = a / deviation, b / deviation
    return a, b, a.T @ x_mean - b.T @ y_mean, correlations


def _weights(distance: Floats, n: int) -> Floats:
    """Probability of no change, calibrated on the median; never sharper than the floor."""
    scale = max(float(np.median(distance)) / chi2.median(n), 1.0)
    weight: Floats = chi2.sf(distance / scale, n)
    return weight
