"""Iterative slow feature analysis (ISFA).

C. Wu, B. Du & L. Zhang, "Slow feature analysis for change detection in multispectral imagery",
IEEE Trans. Geoscience and Remote Sensing 52(5), 2014, 10.1109/TGRS.2013.2266673.

Both standardised dates are looked at along the same directions, those along which they differ
least compared with what they show: the slow features. Their differences, each in units of its own
scatter, add up to a χ² under no change; pixels that look changed lose weight, and the directions
are found anew until they rest. As in `irmad`, the weights are calibrated (`variates.no_change`)
and each band is granted the smallest uncertainty of `variates`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from yuxi_gis.change.variates import (
    CONSTANT,
    Floats,
    Variates,
    covariance,
    no_change,
    standardise,
)

__all__ = ["fit_isfa"]

_ROUNDS = 50
_TOLERANCE = 1e-3  # in the scatters of the slow features, relative


def fit_isfa(before: NDArray[np.floating], after: NDArray[np.floating]) -> Variates:
    """Find the slow features from a sample of pixels seen in both scenes.

    Parameters
    ----------
    before, after : float, (bands, pixels)
        Stored numbers; any units, any gain and offset per band.

    Raises
    ------
    SceneError
        Too few pixels, or no band varies in both scenes.
    """
    sample = standardise(before, after)
    n, dates = len(sample.bands), (sample.before, sample.after)
    weight, last = np.ones(before.shape[1]), np.full(n, np.inf)
    for _ in range(_ROUNDS):
        a, b, offset, slowness = _features(*dates, weight)
        difference = a.T @ sample.before - b.T @ sample.after - offset[:, None]
        distance = np.square(difference).sum(axis=0)
        if np.abs(slowness - last).max() < _TOLERANCE * slowness.max():
            break
        last, weight = slowness, no_change(distance, n)
    return Variates(
        bands=sample.bands,
        centre=sample.centre,
        spread=sample.spread,
        before=a,
        after=b,
        offset=offset,
        degrees=float(n),
        unchanged=weight,
    )


def _features(x: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Coefficients for both dates (unit no-change variance), offset, and variances ascending."""
    total = weight.sum()
    x_mean, y_mean = x @ weight / total, y @ weight / total
    sxx, syy, sxy = covariance(x, x, weight), covariance(y, y, weight), covariance(x, y, weight)
    # The unchanged pixels are standardised anew; a band that is constant there stays as it is.
    dx, dy = (np.diag(1 / np.sqrt(np.maximum(np.diag(s), CONSTANT**2))) for s in (sxx, syy))
    floor = CONSTANT**2 * np.eye(len(x))
    sxx, syy, sxy = dx @ (sxx + floor) @ dx, dy @ (syy + floor) @ dy, dx @ sxy @ dy
    slowness, w = eigh(sxx + syy - sxy - sxy.T, (sxx + syy) / 2)
    w = w / np.sqrt(np.maximum(slowness, 1e-12))
    a, b = dx @ w, dy @ w
    return a, b, a.T @ x_mean - b.T @ y_mean, slowness
