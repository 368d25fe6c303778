"""Linear variates of two dates, which all methods but index differencing fit.

A variate weighs the bands of either date and subtracts the one from the other; where nothing
changed it is nought but for noise. Its length over all variates, in units of that noise, is the
strength of change.

*The smallest meaningful change.* Statistics alone call anything change that exceeds the scatter
of the unchanged pixels, be it ever so small. So each band of each date is granted an uncertainty
besides, a constant and a relative part, the form in which the accuracy of surface reflectance is
specified (0.005 + 0.05 ρ: E. Vermote, C. Justice, M. Claverie & B. Franch 2016,
10.1016/j.rse.2016.04.008):

* constant: 1 % of the band's standard deviation (`CONSTANT`), which the methods add to their
  covariances; it also makes identical scenes and collinear bands ordinary input;
* relative: 5 % of what both dates show above or below the mean of the scene (`RELATIVE`). The
  lesser of both dates counts, so a dark field that turns into a bright roof pays nothing.

Deviations are counted from the mean, not from nought, because stored numbers of unknown gain and
offset have no nought: strength is the same whatever the gain and offset of either scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc
from scipy.stats import chi2

from yuxi_gis.errors import SceneError

__all__ = [
    "CHUNK",
    "CONSTANT",
    "RELATIVE",
    "Floats",
    "Sample",
    "Variates",
    "covariance",
    "no_change",
    "standardise",
]

Floats = NDArray[np.float64]

CONSTANT = 0.01
"""Uncertainty of a band at one date, in standard deviations of the band."""
RELATIVE = 0.05
"""Uncertainty of a band at one date, relative to its deviation from the mean of the scene."""
CHUNK = 32_768
"""Pixels worked on at once: the few arrays of so many stay in the processor's cache."""

_PER_BAND = 20  # pixels per band and date below which a covariance means little


@dataclass(frozen=True)
class Sample:
    """Two dates of the same pixels in standard units.

    Attributes
    ----------
    bands : int, (n,)
        0-based bands used: those that vary at both dates.
    before, after : float64, (n, pixels)
        Mean 0, standard deviation 1.
    centre, spread : float64, (2, n)
        Mean and standard deviation of the stored numbers at the first and the second date.
    """

    bands: NDArray[np.intp]
    before: Floats
    after: Floats
    centre: Floats
    spread: Floats


@dataclass(frozen=True)
class Variates:
    """Fitted variates ``before.T @ x - after.T @ y - offset``; x and y are standardised.

    Attributes
    ----------
    bands, centre, spread
        As in `Sample`.
    before, after : float64, (n, m)
        Coefficients, such that the variates of unchanged pixels have variance 1.
    offset : float64, (m,)
    degrees : float
        Degrees of freedom of squared strength under no change: m, or less where the variates
        are correlated.
    unchanged : float64, (pixels,)
        Weight of each pixel of the sample as unchanged, 0..1.
    """

    bands: NDArray[np.intp]
    centre: Floats
    spread: Floats
    before: Floats
    after: Floats
    offset: Floats
    degrees: float
    unchanged: Floats

    def strength(
        self, before: NDArray[np.floating], after: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Length of the vector of variates, each in units of its uncertainty.

        Parameters
        ----------
        before, after : float, (bands, …)
            Stored numbers of the same pixels.

        Returns
        -------
        float32, (…)
        """
        shape = before.shape[1:]
        flat = before.reshape(len(before), -1), after.reshape(len(after), -1)
        out = np.empty(flat[0].shape[1], dtype=np.float32)
        scale = np.float32(self.degrees / len(self.offset))
        single = [
            np.ascontiguousarray(part, dtype=np.float32)
            for part in (self.before.T, self.after.T, self.offset[:, None])
        ]
        relative = (RELATIVE**2 * (self.before**2 + self.after**2).T).astype(np.float32)
        for start in range(0, len(out), CHUNK):
            part = slice(start, start + CHUNK)
            x, y = (self._standardised(date, flat[date][:, part]) for date in (0, 1))
            variates = single[0] @ x
            variates -= single[1] @ y
            variates -= single[2]
            np.square(variates, out=variates)
            np.minimum(np.square(x, out=x), np.square(y, out=y), out=x)
            uncertainty = relative @ x
            uncertainty += 1
            variates /= uncertainty
            np.sqrt(scale * variates.sum(axis=0), out=out[part])
        return out.reshape(shape)

    def tags(self) -> dict[str, str]:
        """What the result says of the fit."""
        return {"BANDS_USED": " ".join(str(band + 1) for band in self.bands)}

    def _standardised(self, date: int, numbers: NDArray[np.floating]) -> NDArray[np.float32]:
        chosen = numbers[self.bands]
        if chosen.dtype.kind != "f":
            chosen = chosen.astype(np.float32)
        chosen -= self.centre[date, :, None].astype(chosen.dtype)
        out: NDArray[np.float32] = chosen.astype(np.float32, copy=False)
        out *= (1 / self.spread[date, :, None]).astype(np.float32)
        return out


def standardise(before: NDArray[np.floating], after: NDArray[np.floating]) -> Sample:
    """A sample of pixels seen in both scenes, band by band in standard units.

    Parameters
    ----------
    before, after : float, (bands, pixels)
        Stored numbers; any units, any gain and offset per band.

    Raises
    ------
    SceneError
        Too few pixels, or no band varies in both scenes.
    """
    pixels, needed = before.shape[1], 2 * len(before) * _PER_BAND
    if pixels < needed:
        raise SceneError(
            f"两景影像共同可见的有效像元只有 {pixels} 个，至少需要 {needed} 个。"
            "请换用云更少或重叠更大的影像。",
            f"only {pixels} valid pixels are seen in both scenes, at least {needed} are needed. "
            "Use scenes with fewer clouds or more overlap.",
        )
    bands = np.flatnonzero((np.ptp(before, axis=1) > 0) & (np.ptp(after, axis=1) > 0))
    if len(bands) == 0:
        raise SceneError(
            "没有一个波段在两景影像中都有变化的数值（全为常数），无法比较。请检查导出的影像。",
            "no band varies in both scenes (all are constant), so there is nothing to compare. "
            "Check how the scenes were exported.",
        )
    dates = [date[bands].astype(np.float64) for date in (before, after)]
    centre = np.stack([date.mean(axis=1) for date in dates])
    spread = np.stack([date.std(axis=1) for date in dates])
    x, y = (
        (date - middle[:, None]) / width[:, None]
        for date, middle, width in zip(dates, centre, spread, strict=True)
    )
    return Sample(bands, x, y, centre, spread)


def covariance(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Weighted covariances of the rows of two (n, pixels) arrays, (n, n)."""
    total = weight.sum()
    mean: Floats = np.outer(x @ weight, y @ weight) / total**2
    return (x * weight) @ y.T / total - mean


def no_change(distance: Floats, degrees: float) -> Floats:
    """Probability of so large a squared strength under no change, for use as a weight.

    Calibrated: the median of `distance` is first brought down to that of χ², because season and
    sensors spread the unchanged pixels wider than the fit knows, and each round of reweighting
    would narrow it further. Never sharper than 1, the uncertainty that is granted anyway.

    Parameters
    ----------
    distance : float64, (pixels,)
        Squared strength.
    degrees : float
    """
    scale = max(float(np.median(distance)) / float(chi2.median(degrees)), 1.0)
    weight: Floats = gammaincc(degrees / 2, distance / (2 * scale))
    return weight
