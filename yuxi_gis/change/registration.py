"""How far the second scene lies off the first: misregistration to a fraction of a pixel.

Some dozens of small windows, spread over the scene, are matched by normalised cross-correlation
of only those pixels that both scenes show (D. Padfield 2012, 10.1109/TIP.2011.2181402), so that
the edge of a mask cannot fake a match. What is matched is each band's fine structure at equal
local contrast: gain, offset, haze and season go out. Bands join with the sign and the weight at
which they match over the whole scene, so a band whose contrast turned over helps as well. The
joined surface is band-limited, and interpolating it gives the peak between the pixels (as
M. Guizar-Sicairos et al. 2008, 10.1364/OL.33.000156, do with the Fourier transform).

Windows that match elsewhere than the many (clouds, changes, open water) are left out; the shift
is the weighted median of the rest, and their spread gives its error. One shift is fitted to the
whole scene: rotation, scale and relief are not modelled, only seen in the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import gaussian_filter

from yuxi_gis.read.raster import Pair

__all__ = ["Shift", "correlation", "estimate_shift", "fine_structure"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

MEANINGFUL = 0.1
"""Pixels. X. Dai & S. Khorram 1998 (10.1109/36.718860): registration must be better than a fifth
of a pixel for change errors below a tenth. Half of that leaves room for relief, and a smaller
shift is not worth the sharpness that resampling costs."""

_REACH = 14  # pixels searched to each side
_SIDES = (32, 128)  # of a window, pixels
_LATTICE = 7  # windows a side at most
_SEEN = 0.3  # least part of a window that each scene shows, and of it that still overlaps
_AGREE = 1.5  # pixels between the peak of a window and that of all
_LEAST, _PART = 4, 0.2  # windows that must agree: chance brings 1 in 100 there
_FINE, _COARSE, _LOCAL = 1.0, 3.0, 8.0  # pixels: structure lies between, contrast is of the last
_FLAT = 0.3  # of the window's contrast: flatter ground is noise and not raised to the rest


@dataclass(frozen=True)
class Shift:
    """Result of `estimate_shift`.

    Attributes
    ----------
    dx, dy : float
        Map units of the grid by which the after scene must be moved to lie on the before scene:
        the `shift` of `align`. The after scene lies off by ``(-dx, -dy)``.
    pixels : float
        Length of the shift in pixels of the grid; 0 where none could be estimated.
    error : float
        Its standard error in pixels, from the spread over windows; infinite where none could be
        estimated.
    windows, tried : int
        Windows that agree on the shift, and those in which both scenes show enough ground.
    unit : str
        ``m``, ``°`` or the name of another unit of the map.
    """

    dx: float
    dy: float
    pixels: float
    error: float
    windows: int
    tried: int
    unit: str = "m"

    @property
    def found(self) -> bool:
        """Whether enough windows agree."""
        return bool(np.isfinite(self.error))

    @property
    def significant(self) -> bool:
        """Whether the shift is, at 95 %, larger than a meaningful one (a tenth of a pixel)."""
        return self.found and self.pixels - 2 * self.error > MEANINGFUL

    @property
    def zh(self) -> str:
        """One sentence in Chinese."""
        if not self.found:
            return (
                f"两期影像的配准误差无法估计：{self.tried} 个窗口中只有 {self.windows} 个能一致匹配"
                "（纹理太少、遮挡或变化太多），未作校正。"
            )
        end = "已校正" if self.significant else "无显著偏移，未作校正"
        return (
            f"后一期影像相对前一期偏移 {self._offset}，{self.pixels:.2f} ± {self.error:.2f} 像元"
            f"（{self.windows} 个窗口），{end}。"
        )

    @property
    def en(self) -> str:
        """One sentence in English."""
        if not self.found:
            return (
                f"the misregistration of the scenes cannot be estimated: only {self.windows} of "
                f"{self.tried} windows match in one place (too little texture, too much hidden or "
                "changed); nothing was corrected."
            )
        end = "corrected" if self.significant else "not significant, not corrected"
        return (
            f"the after scene lies {self._offset} off the before scene, {self.pixels:.2f} ± "
            f"{self.error:.2f} pixels ({self.windows} windows): {end}."
        )

    @property
    def _offset(self) -> str:
        form = ".6f" if self.unit == "°" else ".1f"
        x, y = (-value + 0.0 for value in (self.dx, self.dy))
        return f"({x:{form}} {self.unit}, {y:{form}} {self.unit})"


def estimate_shift(pair: Pair) -> Shift:
    """Estimate by how much the after scene of a pair must be moved.

    Parameters
    ----------
    pair : Pair
        Open. Only some dozens of windows of it are read, so memory and time do not grow with
        the scene. Shifts up to 12 pixels of the grid in each direction are found.

    Returns
    -------
    Shift
        Hand ``(dx, dy)`` to `align` if it is `significant`.
    """
    blocks = (pair.read_each(window) for window in _lattice(pair.grid.shape))
    surfaces = [found for block in blocks if (found := correlation(*block)) is not None]
    places, weight = _places(np.array(surfaces)) if surfaces else (np.empty((0, 2)), np.empty(0))
    counts, unit = (len(places), len(surfaces)), _unit(pair.grid.crs)
    if len(places) < max(_LEAST, _PART * len(surfaces)):
        return Shift(0.0, 0.0, 0.0, np.inf, *counts, unit)
    (down, right), error = _centre(places, weight)
    step = pair.grid.transform
    dx, dy = -(step.a * right + step.b * down), -(step.d * right + step.e * down)
    return Shift(float(dx), float(dy), float(np.hypot(down, right)), error, *counts, unit)


def fine_structure(band: Image, seen: Mask) -> Floats:
    """The fine structure of a band at equal local contrast; 0 where not seen.

    Parameters
    ----------
    band : float32, (rows, columns)
    seen : bool, (rows, columns)

    Returns
    -------
    float64, (rows, columns)
        Invariant to gain and offset; a negative gain turns its sign.
    """
    part = seen.astype(np.float64)

    def smooth(image: Floats, sigma: float) -> Floats:
        known = np.maximum(gaussian_filter(part, sigma), 1e-3)
        return np.asarray(gaussian_filter(image * part, sigma) / known)

    middle = band.astype(np.float64) - band[seen].mean()
    detail = (smooth(middle, _FINE) - smooth(middle, _COARSE)) * part
    overall = np.sqrt((detail[seen] ** 2).mean())
    if overall == 0:
        return detail
    local = np.sqrt(smooth(detail**2, _LOCAL))
    return np.asarray(detail / (local + _FLAT * overall))


def correlation(
    before: Image, after: Image, in_before: Mask, in_after: Mask
) -> NDArray[np.float64] | None:
    """Correlation of two windows over all displacements up to the reach, band by band.

    Parameters
    ----------
    before, after : float32, (bands, rows, columns)
    in_before, in_after : bool, (rows, columns)
        Where each has data.

    Returns
    -------
    float64, (bands, 29, 29), or None
        Pearson correlation of the pixels seen in both, by displacement of the second (rows,
        columns) from -14 to 14; 0 where too few overlap. None where too little is seen.
    """
    parts = in_before.astype(np.float64), in_after.astype(np.float64)
    if min(part.mean() for part in parts) < _SEEN:
        return None
    shape = tuple(next_fast_len(side + _REACH, real=True) for side in in_before.shape)
    lags = np.arange(-_REACH, _REACH + 1)

    def spectrum(image: Floats) -> NDArray[np.complex128]:
        return np.asarray(rfft2(image, shape))

    def product(one: NDArray[np.complex128], two: NDArray[np.complex128]) -> Floats:
        return np.asarray(irfft2(np.conj(one) * two, shape)[np.ix_(lags, lags)])

    here, there = map(spectrum, parts)
    overlap = np.maximum(product(here, there), 1.0)
    surfaces = []
    for one, two in zip(before, after, strict=True):
        x, y = fine_structure(one, in_before), fine_structure(two, in_after)
        fx, fy = spectrum(x), spectrum(y)
        sum_x, sum_y = product(fx, there), product(here, fy)
        var_x = product(spectrum(x**2), there) - sum_x**2 / overlap
        var_y = product(here, spectrum(y**2)) - sum_y**2 / overlap
        spread = np.sqrt(np.clip(var_x, 0, None) * np.clip(var_y, 0, None))
        known = (overlap >= _SEEN * parts[0].sum()) & (spread > 1e-6 * overlap)
        covariance = product(fx, fy) - sum_x * sum_y / overlap
        surfaces.append(np.divide(covariance, spread, out=np.zeros_like(spread), where=known))
    return np.stack(surfaces)


def _lattice(shape: tuple[int, int]) -> list[Window]:
    """Windows spread evenly over the grid."""
    sides = [min(max(length // 5, _SIDES[0]), _SIDES[1], length) for length in shape]
    starts = [
        np.linspace(0, length - side, min(_LATTICE, max(length // side, 1))).astype(int)
        for length, side in zip(shape, sides, strict=True)
    ]
    return [Window(left, top, sides[1], sides[0]) for top in starts[0] for left in starts[1]]


def _places(surfaces: Floats) -> tuple[Floats, Floats]:
    """Peaks (rows, columns) of the windows that agree with all together, and their heights.

    Parameters
    ----------
    surfaces : float64, (windows, bands, lags, lags)
    """
    strongest = (surfaces**2).mean(axis=(0, 1))
    row, column = np.unravel_index(int(strongest.argmax()), strongest.shape)
    bands = surfaces[:, :, row, column].mean(axis=0)
    joined = np.einsum("b,wbij->wij", bands / max(float(np.abs(bands).sum()), 1e-9), surfaces)
    peaks = np.array([np.unravel_index(int(one.argmax()), one.shape) for one in joined])
    agree = (np.abs(peaks - (row, column)) <= _AGREE).all(axis=1) & (joined.max(axis=(1, 2)) > 0)
    edge = 2 * _REACH
    agree &= ((peaks > 1) & (peaks < edge - 1)).all(axis=1)  # a peak beyond the reach is unseen
    found = [_peak(one, peak) for one, peak in zip(joined[agree], peaks[agree], strict=True)]
    return np.array(found).reshape(-1, 2), joined[agree].max(axis=(1, 2))


def _peak(surface: Floats, peak: NDArray[np.intp]) -> tuple[float, float]:
    """Displacement at the top of the surface near `peak`, to a hundredth of a pixel."""
    lags = np.arange(-_REACH, _REACH + 1)
    spline = RectBivariateSpline(lags, lags, surface, kx=5, ky=5)
    place = peak.astype(float) - _REACH
    for step in (0.1, 0.01):
        row, column = (centre + np.arange(-10, 11) * step for centre in place)
        values = spline(row, column)
        i, j = np.unravel_index(int(values.argmax()), values.shape)
        place = np.array([row[i], column[j]])
    return float(place[0]), float(place[1])


def _centre(places: Floats, weight: Floats) -> tuple[Floats, float]:
    """Weighted median of the places, and its standard error."""
    centre = np.array([_median(axis, weight) for axis in places.T])
    spread = 1.4826 * np.array([_median(axis, weight) for axis in np.abs(places - centre).T])
    number = weight.sum() ** 2 / (weight**2).sum()
    # Of a median: √(π/2) times that of a mean. The peaks are read to a hundredth.
    error = np.sqrt(np.pi / 2 / number) * np.hypot(*np.maximum(spread, 0.01)) / np.sqrt(2)
    return centre, float(error)


def _median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values)
    share = np.cumsum(weight[order]) - weight[order] / 2
    return float(np.interp(weight.sum() / 2, share, values[order]))


def _unit(crs: CRS) -> str:
    if crs.is_geographic:
        return "°"
    name, factor = crs.linear_units_factor
    return "m" if factor == 1 else name
