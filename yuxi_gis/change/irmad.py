"""Multivariate alteration detection: once (MAD), or iteratively reweighted (IR-MAD).

A.A. Nielsen, K. Conradsen & J.J. Simpson, "Multivariate alteration detection (MAD) and MAF
postprocessing in multispectral, bitemporal image data", Remote Sensing of Environment 64(1),
1998, 10.1016/S0034-4257(97)00162-4; A.A. Nielsen, "The regularized iteratively reweighted MAD
method for change detection in multi- and hyperspectral data", IEEE Trans. Image Processing 16(2),
2007, 10.1109/TIP.2006.888195.

Canonical variates of the two dates are subtracted, the least correlated first; what is left is
invariant to any gain and offset of either scene. Pixels that look changed then lose weight and
the variates are found anew, until they rest.

Two things differ from the papers (``benchmarks/accuracy.py`` compares): the weights are
calibrated (`variates.no_change`), because the plain χ² weights take for granted that unchanged
pixels have the variance of the weighted sample, which each round narrows; and each band is
granted the smallest uncertainty of `variates`.
"""

from __future__ import annotations

from dataclasses import dataclass

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

__all__ = ["ROUNDS", "Mad", "fit_mad"]

ROUNDS = 50
"""Rounds after which the fit ends even if the variates do not rest; about ten are usual."""

_TOLERANCE = 1e-4  # in the canonical correlations


@dataclass(frozen=True)
class Mad(Variates):
    """Fitted MAD variates.

    Attributes
    ----------
    correlations : float64, (n,)
        Canonical correlations of the last round, ascending.
    rounds : int
    """

    correlations: Floats
    rounds: int

    def tags(self) -> dict[str, str]:
        """What the result says of the fit."""
        return {
            **super().tags(),
            "ROUNDS": str(self.rounds),
            "CORRELATIONS": " ".join(f"{rho:.4f}" for rho in self.correlations),
        }


def fit_mad(before: NDArray[np.floating], after: NDArray[np.floating], rounds: int = ROUNDS) -> Mad:
    """Find the variates from a sample of pixels seen in both scenes.

    Parameters
    ----------
    before, after : float, (bands, pixels)
        Stored numbers; any units, any gain and offset per band.
    rounds : int
        At most so many; 1 is MAD.

    Raises
    ------
    SceneError
        Too few pixels, or no band varies in both scenes.
    """
    sample = standardise(before, after)
    n = len(sample.bands)
    weight, last, done = np.ones(before.shape[1]), np.zeros(n), 0
    while done < rounds:
        done += 1
        a, b, offset, correlations = _variates(sample.before, sample.after, weight)
        difference = a.T @ sample.before - b.T @ sample.after - offset[:, None]
        distance = np.square(difference).sum(axis=0)
        if np.abs(correlations - last).max() < _TOLERANCE:
            break
        last, weight = correlations, no_change(distance, n)
    if rounds == 1:  # its directions stand, but their scatter shall be that of unchanged pixels
        deviation = np.sqrt(np.square(difference) @ weight / weight.sum() + CONSTANT**2)
        a, b, offset = a / deviation, b / deviation, offset / deviation
    return Mad(
        bands=sample.bands,
        centre=sample.centre,
        spread=sample.spread,
        before=a,
        after=b,
        offset=offset,
        degrees=float(n),
        unchanged=weight,
        correlations=correlations,
        rounds=done,
    )


def _variates(x: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Canonical vectors of both dates (columns, unit no-change variance), offset, correlations."""
    floor = CONSTANT**2 * np.eye(len(x))
    sxx, syy = covariance(x, x, weight) + floor, covariance(y, y, weight) + floor
    sxy = covariance(x, y, weight)
    squared, a = eigh(sxy @ np.linalg.solve(syy, sxy.T), sxx)
    # A variate without a partner gets a vanishing second vector, not a division by nought.
    correlations = np.sqrt(np.clip(squared, 0.0, 1.0))
    b = np.linalg.solve(syy, sxy.T @ a) / np.maximum(correlations, 1e-9)
    deviation = np.sqrt(np.maximum(2 * (1 - correlations), 1e-12))
    a, b = a / deviation, b / deviation
    return a, b, (a.T @ (x @ weight) - b.T @ (y @ weight)) / weight.sum(), correlations
