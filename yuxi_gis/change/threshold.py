"""Where change begins: a threshold from the scene's own unchanged pixels.

Under no change, squared strength follows a χ² distribution with as many degrees of freedom as the
method says, but for a scale that the season, the sensors and the reweighting set. That scale is
found from the median of the unchanged pixels (an *empirical null*: B. Efron, J. Am. Stat. Assoc.
99, 2004, 10.1198/016214504000000089). The threshold is then the smallest at which the expected
share of false alarms among the reported pixels is at most `FALSE_SHARE` (Y. Benjamini &
Y. Hochberg, J. R. Stat. Soc. B 57, 1995): strict where hardly anything changed, milder where much
did, and in a pair without change nothing stands out.

The scale is never below 1. Strength is measured in units that are at least the uncertainty of
reflectances (`variates`), so differences without radiometric meaning are no change however small
the scatter around them is.

A fixed χ² quantile takes the season for change, and a two-class split always finds a second class
(``docs/change-accuracy.md`` compares them).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Image = NDArray[np.float32]

__all__ = ["FALSE_SHARE", "MARGIN", "Histogram", "Threshold", "find_threshold", "smooth"]

FALSE_SHARE = 0.01
"""Accepted share of false alarms among the pixels reported as changed."""

MARGIN = 1
"""Pixels that `smooth` looks beyond a block's edge."""

_SIGMA = 0.5  # pixels: the width of a sensor's point spread, about that of a pixel
_BESIDE = float(np.exp(-0.5 / _SIGMA**2))  # weight of the next pixel; the one after has 0.03 %
_LEAST, _MOST = 1e-3, 1e6  # strength below which differences are nought, and beyond all meaning
_BINS = 6000  # 0.35 % of strength each
_PER_LOG = _BINS / np.log(_MOST / _LEAST)
_EDGES = np.geomspace(_LEAST, _MOST, _BINS + 1)


@dataclass
class Histogram:
    """Counts of strength in fixed logarithmic bins; blocks are added one by one."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, dtype=np.int64))

    def add(self, strength: NDArray[np.floating]) -> None:
        """Count the pixels of a block."""
        bins = np.log(np.clip(strength.ravel(), _LEAST, _MOST, dtype=np.float32))
        bins -= np.float32(np.log(_LEAST))
        bins *= np.float32(_PER_LOG)
        number = np.clip(bins.astype(np.int32), 0, _BINS - 1)
        self.counts += np.bincount(number, minlength=_BINS)


@dataclass(frozen=True)
class Threshold:
    """What `find_threshold` found.

    Attributes
    ----------
    scale : float
        Divide strength by it, and unchanged pixels follow χ with the method's degrees of freedom.
    value : float
        Scaled strength above which a pixel has changed; infinite when nothing stands out.
    """

    scale: float
    value: float


def smooth(strength: NDArray[np.floating], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Geometric mean of strength over about a pixel's width, over seen pixels only.

    Calms single noisy pixels as the point spread of the sensor would; being geometric, it does
    not bleed a strong change into its neighbours.

    Parameters
    ----------
    strength : float, (rows, columns)
    seen : bool, (rows, columns)

    Returns
    -------
    float32, (rows, columns)
        0 where not seen.
    """
    logs = np.log(np.maximum(strength, _LEAST, dtype=np.float32))
    if seen.all():
        mean = _blur(logs)
        mean /= _blur(np.ones((1, logs.shape[1]), np.float32), rows=False)
        mean /= _blur(np.ones((logs.shape[0], 1), np.float32), columns=False)
        return np.exp(mean, out=mean)
    logs *= seen
    mean = _blur(logs)
    mean /= np.maximum(_blur(seen.astype(np.float32)), np.float32(_BESIDE**2))
    np.exp(mean, out=mean)
    mean *= seen
    return mean


def _blur(image: NDArray[np.float32], rows: bool = True, columns: bool = True) -> Image:
    """Sum over the pixel and its eight neighbours, weighted by the point spread."""
    out, beside = image.copy(), np.float32(_BESIDE)
    if rows:
        side = beside * image
        out[1:] += side[:-1]
        out[:-1] += side[1:]
    if columns:
        side = beside * out
        out[:, 1:] += side[:, :-1]
        out[:, :-1] += side[:, 1:]
    return out


def find_threshold(histogram: Histogram, degrees: float) -> Threshold:
    """Scale and threshold from the histogram of a scene's smoothed strength.

    Parameters
    ----------
    histogram : Histogram
        Of all pixels seen in both scenes.
    degrees : float
        Degrees of freedom of squared strength under no change.
    """
    total = histogram.counts.sum()
    edges = _EDGES[:-1]
    beyond = 1 - np.concatenate([[0], np.cumsum(histogram.counts)])[:-1] / total
    changed, found = 0.0, Threshold(1.0, float("inf"))
    for _ in range(20):  # the null is that of the unchanged: find it, find them, until they rest
        median = np.interp(0.5 * (1 - changed), 1 - beyond, edges)
        scale = max(float(median) / np.sqrt(chi2.median(degrees)), 1.0)
        expected = chi2.sf((edges / scale) ** 2, degrees)
        passing = np.flatnonzero((expected <= FALSE_SHARE * beyond) & (beyond > 0))
        if len(passing) == 0:
            return Threshold(scale, float("inf"))
        found = Threshold(scale, float(edges[passing[0]] / scale))
        if beyond[passing[0]] == changed:
            break
        changed = float(beyond[passing[0]])
    return found
