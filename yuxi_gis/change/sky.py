"""What two whole scenes tell of their clouds: how the dates compare, and how white a cloud is.

A cloud is told by comparison with the same ground at the other date. Each band of one date is laid
on the other by the regression of that half of the pixels that agrees best (least trimmed squares,
P.J. Rousseeuw & K. Van Driessen 2006, 10.1007/s10618-005-0024-4). Against that expectation a cloud
lifts *every* band, and its heart is far brighter than any ground of the scene; a new roof or bare
field is brighter in the visible, seldom in the near infrared as well, and small. Where a large
heart is found, its colour is that of the day's clouds. No reflectance scale and no certain set of
bands is needed; where the scale is known, a heart must also be as bright as a cloud is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from yuxi_gis.change.normalise import reduced_major_axis

__all__ = ["Scale", "Sky", "survey_sky"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Scale = tuple[float, float]

_VISIBLE = ("blue", "green", "red")
_INFRARED = ("nir", "swir1", "swir2")
_LEAST = 20  # pixels a band below which nothing is fitted
_AGREE = 0.5  # of the pixels that lay one date on the other
_ROUNDS = 15
_FIT = 60_000  # pixels the fit rests on
_BRIGHT = 2.5  # of a heart, in steps from the ground's median brightness to its top tenth
_LIFT, _ANY_LIFT = 10.0, 4.0  # of a heart above expectation, in spreads: visible, any band
_HEART_M2 = 40_000.0  # smallest certain heart: few roofs and yards are 200 m wide and as bright
_HEART_PIXELS = 9
# Reflectance of a heart, its size and lift in any band, where reflectance is known: over dry soil a
# cloud is hardly brighter in short-wave infrared.
_WHITE, _WHITE_M2, _WHITE_LIFT = 0.35, 10_000.0, 2.0
_CLEAR = 0.2  # reflectance in blue: vegetation, soil and most roofs are darker, clouds brighter
_BITS = (8, 10, 11, 12, 14, 15, 16)  # of sensors and files
_PILE = 10  # pixels at the top number, and times as many as just below it: saturation


@dataclass(frozen=True)
class Sky:
    """What the whole scenes tell of their clouds; made by `survey_sky`, used by `clouds.hidden`.

    Attributes
    ----------
    roles : tuple of (str or None)
        Of the bands.
    gain, offset : float64, (bands,)
        ``before ≈ gain × after + offset`` where nothing changed.
    spread : float64, (2, bands)
        Robust standard deviation about that, in numbers of either date.
    cloud : tuple of (float64, (bands,), or None)
        Stored numbers of each date's clouds; None where the date has none that are certain.
    full : float64, (2, bands)
        Number at which a band is saturated; infinite where it is not.
    scales : tuple of ((scale, offset) or None)
        Per date, ``reflectance = number × scale + offset``; None where not known.
    """

    roles: tuple[str | None, ...]
    gain: Floats
    offset: Floats
    spread: Floats
    cloud: tuple[Floats | None, Floats | None]
    full: Floats
    scales: tuple[Scale | None, Scale | None]

    @property
    def visible(self) -> Mask:
        """Bands of visible light, (bands,); all bands where their roles are not known."""
        return _having(self.roles, _VISIBLE)

    @property
    def infrared(self) -> Mask:
        """Bands in which a shadow is darkest, (bands,); all where their roles are not known."""
        return _having(self.roles, _INFRARED)

    @property
    def cloudy(self) -> bool:
        """Whether either date has certain clouds."""
        return any(colour is not None for colour in self.cloud)

    def expected(self, date: int, other: Image) -> Floats:
        """What a date (0 or 1) would show if nothing had changed since the other, as `other`."""
        shape = (-1, *[1] * (other.ndim - 1))
        gain, offset = self.gain.reshape(shape), self.offset.reshape(shape)
        return np.asarray(gain * other + offset if date == 0 else (other - offset) / gain)


def survey_sky(
    before: Image,
    after: Image,
    seen: Mask,
    pixel_m: float,
    roles: tuple[str | None, ...],
    scales: tuple[Scale | None, Scale | None] = (None, None),
) -> Sky:
    """Gather what must be known of the whole scenes.

    Parameters
    ----------
    before, after : float32, (bands, rows, columns)
        Stored numbers of the whole scenes, thinned.
    seen : bool, (rows, columns)
        Where both have data.
    pixel_m : float
        Side of a pixel of the thinned scenes in metres.
    roles : tuple of (str or None)
        Of the bands.
    scales : tuple of ((scale, offset) or None)
        Per date, ``reflectance = number × scale + offset``; None where not known.
    """
    bands = len(roles)
    one, none = np.ones(bands), np.full((2, bands), np.inf)
    sky = Sky(roles, one, 0 * one, none, (None, None), none, scales)
    x, y = before[:, seen].astype(np.float64), after[:, seen].astype(np.float64)
    if x.shape[1] < _LEAST * bands:
        return sky
    clear = _dim(sky, x, y)
    gain, offset = _agreement(x[:, clear], y[:, clear])
    sky = replace(sky, gain=gain, offset=offset, full=np.stack([_full(x), _full(y)]))
    one_sky = [_heart(sky, 0, before, after, seen, clear, pixel_m)]
    one_sky.append(_heart(sky, 1, after, before, seen, clear, pixel_m))
    (spread_x, cloud_x), (spread_y, cloud_y) = one_sky
    return replace(sky, spread=np.stack([spread_x, spread_y]), cloud=(cloud_x, cloud_y))


def _having(roles: tuple[str | None, ...], wanted: tuple[str, ...]) -> Mask:
    found = np.array([role in wanted for role in roles])
    return found if found.any() else ~found


def _dim(sky: Sky, x: Floats, y: Floats) -> Mask:
    """Pixels that look clear at both dates, by their reflectance; all where it is not known."""
    everything = np.ones(x.shape[1], dtype=bool)
    if "blue" not in sky.roles:
        return everything
    blue, dim = sky.roles.index("blue"), everything
    for image, scale in zip((x, y), sky.scales, strict=True):
        if scale is None:
            return everything
        dim = dim & (image[blue] * scale[0] + scale[1] < _CLEAR)
    return dim if dim.sum() >= _LEAST * len(x) else everything


def _agreement(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Gain and offset per band by the half of the pixels that agrees best."""
    thin = slice(None, None, max(x.shape[1] // _FIT, 1))
    x, y = x[:, thin], y[:, thin]
    weight = np.ones(x.shape[1])
    for _ in range(_ROUNDS):
        gain, offset = reduced_major_axis(x, y, weight)
        residual = np.abs(x - gain[:, None] * y - offset[:, None])
        spread = np.maximum(np.median(residual[:, weight > 0], axis=1), 1e-9)
        distance = ((residual / spread[:, None]) ** 2).sum(axis=0)
        weight = (distance <= np.quantile(distance, _AGREE)).astype(np.float64)
    return gain, offset


def _heart(
    sky: Sky, date: int, image: Image, other: Image, seen: Mask, clear: Mask, pixel_m: float
) -> tuple[Floats, Floats | None]:
    """Spread of a date's bands about expectation, and the colour of its clouds if it has any."""
    values = image[:, seen].astype(np.float64)
    expected = sky.expected(date, other[:, seen])
    lift = values - expected
    ground = np.minimum(values, expected)[:, clear]  # what is cloud at one date only drops out
    middle, upper = np.percentile(ground, (50, 90), axis=1)
    spread = 1.4826 * np.median(np.abs(lift[:, clear]), axis=1)
    spread = np.maximum(np.maximum(spread, 0.3 * (upper - middle)), 1e-6)
    lift /= spread[:, None]
    scale, light = sky.scales[date], values[sky.visible]
    if scale is not None:
        least, any_lift, bright = _WHITE_M2, _WHITE_LIFT, light * scale[0] + scale[1] > _WHITE
    else:
        step = np.maximum(upper - middle, spread)[sky.visible, None]
        least, any_lift = _HEART_M2, _ANY_LIFT
        bright = light - middle[sky.visible, None] > _BRIGHT * step
    lifted = (lift[sky.visible].min(axis=0) > _LIFT) & (lift.min(axis=0) > any_lift)
    heart = np.zeros(seen.shape, dtype=bool)
    heart[seen] = lifted & bright.all(axis=0)
    objects, count = label(heart)
    sizes = np.bincount(objects.ravel(), minlength=count + 1)
    certain = sizes >= max(least / pixel_m**2, _HEART_PIXELS)
    certain[0] = False
    hearts = certain[objects]
    return spread, np.median(image[:, hearts], axis=1) if hearts.any() else None


def _full(values: Floats) -> Floats:
    """Per band the number of saturation: a full scale at which pixels pile up; else infinite."""
    full = np.full(len(values), np.inf)
    for band, numbers in enumerate(values):
        top = numbers.max()
        if top == numbers.min():  # no picture at all: the other bands still show the ground
            continue
        below = ((numbers < top) & (numbers >= 0.98 * top)).sum()
        piled = (numbers == top).sum() >= _PILE * max(below / (0.02 * top), 1)
        if piled and top in {2**bits - 1 for bits in _BITS}:
            full[band] = top
    return full
