"""Radiometric normalisation: the second date in the numbers of the first, band by band.

Light, haze, sensor and stored scale differ between two dates by nearly a gain and an offset per
band. Both are fitted to pixels that did not change, by orthogonal regression, because both dates
carry noise (M.J. Canty & A.A. Nielsen 2008, 10.1016/j.rse.2007.07.013). Bands may be stored in
any units, so the axes are first made comparable: the reduced major axis, whose slope is the ratio
of the standard deviations. Pixels that lie off the line lose their weight (Tukey's biweight;
A.E. Beaton & J.W. Tukey 1974, 10.1080/00401706.1974.10489171).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Normalisation", "fit_normalisation", "reduced_major_axis"]

Floats = NDArray[np.float64]

_ROUNDS = 20
_CUT = 4.685  # robust standard deviations: 95 % efficient on normal residuals
_TOLERANCE = 1e-6
_ENOUGH = 20  # pixels' worth of weight below which a slope means nothing


@dataclass(frozen=True)
class Normalisation:
    """``before ≈ gain × after + offset`` where nothing changed; see `fit_normalisation`.

    Attributes
    ----------
    gain, offset : float64, (bands,)
        In stored numbers.
    levels : float64, (2, bands)
        Mean stored numbers of the unchanged pixels at the first and the second date.
    """

    gain: Floats
    offset: Floats
    levels: Floats

    def apply(self, after: NDArray[np.floating]) -> NDArray[np.float32]:
        """The second date, (bands, …), in the radiometry of the first; float32."""
        shape = (-1, *[1] * (after.ndim - 1))
        gain, offset = self.gain.astype(np.float32), self.offset.astype(np.float32)
        return np.asarray(after * gain.reshape(shape) + offset.reshape(shape), dtype=np.float32)


def fit_normalisation(
    before: NDArray[np.floating], after: NDArray[np.floating], weight: NDArray[np.floating]
) -> Normalisation:
    """Fit gain and offset of each band to the unchanged pixels of a sample.

    Parameters
    ----------
    before, after : float, (bands, pixels)
        Stored numbers of the same pixels.
    weight : float, (pixels,)
        0..1, how surely a pixel did not change.

    Returns
    -------
    Normalisation
        Gains are positive. A band that is constant at a date, or has less than 20 pixels' weight,
        gets gain 1 and the difference of the means as offset; without any weight, offset 0.
    """
    rows = [
        _fit_band(one.astype(np.float64), two.astype(np.float64), weight.astype(np.float64))
        for one, two in zip(before, after, strict=True)
    ]
    gain, offset, first, second = np.array(rows).reshape(-1, 4).T
    return Normalisation(gain, offset, np.stack([first, second]))


def reduced_major_axis(before: Floats, after: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Gain and offset of ``before ≈ gain × after + offset`` per band, without robust weights.

    Parameters
    ----------
    before, after : float64, (bands, pixels)
    weight : float64, (pixels,)
        With a positive sum.

    Returns
    -------
    gain, offset : float64, (bands,)
        Gain 1 where a band is constant at either date.
    """
    share = weight / weight.sum()
    mean_x, mean_y = _means(before, share), _means(after, share)
    var_x = _means((before - mean_x[:, None]) ** 2, share)
    var_y = _means((after - mean_y[:, None]) ** 2, share)
    varies = (var_x > 1e-12 * (1 + mean_x**2)) & (var_y > 1e-12 * (1 + mean_y**2))
    gain = np.sqrt(np.divide(var_x, var_y, out=np.ones_like(var_x), where=varies))
    return gain, mean_x - gain * mean_y


def _means(rows: Floats, share: Floats) -> Floats:
    """Weighted mean of each row; not by BLAS, whose threads cost more than so short a sum."""
    return np.asarray(np.einsum("bp,p->b", rows, share))


def _fit_band(x: Floats, y: Floats, prior: Floats) -> tuple[float, float, float, float]:
    total = prior.sum()
    if total <= 0:
        return 1.0, 0.0, 0.0, 0.0
    weight, gain, offset = prior, 1.0, float((x - y) @ prior / total)
    for _ in range(_ROUNDS if total >= _ENOUGH else 0):
        (slope,), (shift,) = reduced_major_axis(x[None], y[None], weight)
        moved = max(abs(slope - gain) / slope, abs(shift - offset) / (1 + abs(shift)))
        gain, offset = float(slope), float(shift)
        if moved <= _TOLERANCE:
            break
        weight = prior * _biweight(x - gain * y - offset, prior)
    return gain, offset, float(x @ weight / weight.sum()), float(y @ weight / weight.sum())


def _biweight(residual: Floats, prior: Floats) -> Floats:
    """Tukey's weights; the spread is that of the pixels that count."""
    likely = prior > prior.max() / 2
    spread = 1.4826 * float(np.median(np.abs(residual[likely])))
    if spread == 0:
        return (residual == 0).astype(np.float64) if (residual[likely] == 0).any() else likely * 1.0
    return np.asarray(np.clip(1 - (residual / (_CUT * spread)) ** 2, 0, None) ** 2)
