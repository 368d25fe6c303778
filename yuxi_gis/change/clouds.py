"""Clouds, their shadows, snow and saturation in scenes that carry no quality band.

`sky` says from the whole scenes what the other date lets one expect and what the day's clouds
look like. Here every pixel is asked how much of such a cloud would explain its lift above
expectation (the mixing model of thin cloud), and objects are made of what is thick, grown into
what is thin around it. Shadows leave the ground darker in the infrared; they count only at the
one displacement that the clouds of a day share (Z. Zhu & C.E. Woodcock 2012,
10.1016/j.rse.2011.10.028; comparison of dates: O. Hagolle et al. 2010,
10.1016/j.rse.2010.03.002). Snow needs known reflectance (D.K. Hall et al. 1995,
10.1016/0034-4257(95)00137-P).

What it cannot see, by design: haze and cirrus thinner than about a tenth of a thick cloud; the
clouds of a date none of which has a heart of 4 ha (1 ha where reflectance is known, and 9 pixels
of the thinned scene); clouds that cover, at one date or the other, more than about a third of the
ground, unless reflectance is known; clouds at the same place at both dates; shadows whose clouds
are out of the picture; objects of fewer than 4 pixels that are at least half cloud. A new surface
as white in *every* band as half a cloud is taken for one if the date has clouds, and so are
changes to brighter ground within some pixels of a cloud.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_propagation, label, uniform_filter

from yuxi_gis.change.sky import Sky

__all__ = ["REACH_M", "hidden"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Steps = NDArray[np.intp]

REACH_M = 2000.0
"""Farthest distance of a shadow from its cloud that is looked at."""

# Share of cloud in a pixel, and the part of it that the least lifted band must show.
_THICK, _THIN, _VEIL = (0.5, 0.7), (0.25, 0.6), (0.07, 0.0)
_SMOOTH = 0.06  # deviation of the share within 5 × 5 pixels of a veil; new concrete is rougher
_SURE = 2.0  # spreads of lift that are no noise
_PIXELS = 4  # thick pixels of an object; fewer are as likely roofs
_RIM_M = 40.0  # rim that the tests miss; as much again where it still glows
_SLACK_M = 30.0  # by which single clouds leave the common displacement
_OVERLAP = 0.5  # of the displaced clouds that must lie on darkened ground
_POINTS = 500  # of the clouds that are displaced
_OPEN = 0.2  # of the displaced points that must not lie on clouds again
_SQUARE = np.ones((3, 3), dtype=bool)


def hidden(before: Image, after: Image, seen: Mask, pixel_m: float, sky: Sky) -> Mask:
    """Where either date shows cloud, cloud shadow, snow or saturated numbers.

    Parameters
    ----------
    before, after : float32, (bands, rows, columns)
        Stored numbers of a block; widened by `REACH_M` on all sides if ``sky.cloudy``.
    seen : bool, (rows, columns)
        Where both dates have data.
    pixel_m : float
        Side of a pixel in metres.
    sky : Sky
        From `survey_sky`, of the whole scenes.

    Returns
    -------
    bool, (rows, columns)
    """
    mask = np.zeros(seen.shape, dtype=bool)
    for date, (image, other) in enumerate(((before, after), (after, before))):
        mask |= (image >= sky.full[date][:, None, None]).any(axis=0)
        mask |= _snow(image, date, sky)
        if sky.cloud[date] is None or not seen.any():
            continue
        expected = sky.expected(date, other)
        lift = (image - expected) / sky.spread[date][:, None, None]
        cloud = _clouds(image, expected, lift, date, sky, seen)
        dark = (lift[sky.infrared].mean(axis=0) < -_SURE) & (lift < 0).all(axis=0) & seen
        shadow = _shadows(cloud, dark, pixel_m)
        if cloud.any():
            rim = max(round(_RIM_M / pixel_m), 1)
            mask |= binary_dilation(cloud | shadow, _SQUARE, iterations=rim)
            glow = (lift.min(axis=0) > 0) & (lift.mean(axis=0) > _SURE / 2)
            mask |= glow & binary_dilation(cloud, _SQUARE, iterations=2 * rim)
    return mask & seen


def _clouds(image: Image, expected: Floats, lift: Floats, date: int, sky: Sky, seen: Mask) -> Mask:
    """Thick cloud in objects of some pixels, and the thin cloud that touches them."""
    colour = np.asarray(sky.cloud[date])[:, None, None]
    room = (colour - expected) / sky.spread[date][:, None, None]
    # A band in which the ground is about as bright as the cloud says nothing of it.
    share = np.where(room > 2 * _SURE, lift / np.maximum(room, 2 * _SURE), np.nan)
    least = np.fmin.reduce(share, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels that no band tells of
        middle = np.nanmedian(share[sky.visible], axis=0)
    lifted = seen & (lift.mean(axis=0) > _SURE)
    thick, thin, veil = (
        lifted & (middle >= part) & (least >= alike * middle)
        for part, alike in (_THICK, _THIN, _VEIL)
    )
    veil &= _roughness(np.nan_to_num(middle)) < _SMOOTH
    objects, count = label(thick)
    large = np.bincount(objects.ravel(), minlength=count + 1) >= _PIXELS
    large[0] = False
    return np.asarray(binary_propagation(large[objects], _SQUARE, mask=thick | thin | veil))


def _roughness(share: Floats) -> Floats:
    """Standard deviation within 5 × 5 pixels."""
    square = uniform_filter(share**2, 5) - uniform_filter(share, 5) ** 2
    return np.asarray(np.sqrt(np.clip(square, 0, None)))


def _snow(image: Image, date: int, sky: Sky) -> Mask:
    """Bright in green, dark in short-wave infrared, and no water, which is dark in nir."""
    scale, roles = sky.scales[date], sky.roles
    if scale is None or not {"green", "nir", "swir1"} <= set(roles):
        return np.zeros(image.shape[1:], dtype=bool)
    green, nir, swir = (
        image[roles.index(role)] * scale[0] + scale[1] for role in ("green", "nir", "swir1")
    )
    return np.asarray((green - swir > 0.4 * (green + swir)) & (nir > 0.11) & (green > 0.3))


def _shadows(cloud: Mask, dark: Mask, pixel_m: float) -> Mask:
    """Darkened ground where the sun puts the shadows of the clouds; none if it does not match."""
    none = np.zeros(cloud.shape, dtype=bool)
    places = np.argwhere(cloud)
    if len(places) == 0 or not dark.any():
        return none
    points = places[:: max(len(places) // _POINTS, 1)]
    steps, overlap = _overlaps(points, cloud, dark, _steps(pixel_m))
    best = int(np.argmax(overlap))
    # Dark ground is everywhere after a flood: a match must stand out from chance.
    if overlap[best] < _OVERLAP + dark.mean():
        return none
    moved = places + steps[best]
    cast = none.copy()
    cast[tuple(moved[((moved >= 0) & (moved < dark.shape)).all(axis=1)].T)] = True
    near = binary_dilation(cast, _SQUARE, iterations=max(round(_SLACK_M / pixel_m), 1))
    return np.asarray(near & binary_dilation(dark, _SQUARE))


def _steps(pixel_m: float) -> Steps:
    """Displacements in pixels on rings around a cloud, (steps, 2)."""
    distance = np.arange(2 * pixel_m, REACH_M, max(2 * pixel_m, 30.0))
    angle = np.radians(np.arange(0, 360, 3))
    rows = np.outer(distance, np.cos(angle)) / pixel_m
    columns = np.outer(distance, np.sin(angle)) / pixel_m
    steps = np.round(np.stack([rows.ravel(), columns.ravel()], axis=1)).astype(np.intp)
    return np.unique(steps, axis=0).astype(np.intp)


def _overlaps(points: Steps, cloud: Mask, dark: Mask, steps: Steps) -> tuple[Steps, Floats]:
    """The displacements, and the part of the displaced points that lies on darkened ground."""
    overlap = np.zeros(len(steps))
    for number, step in enumerate(steps):
        moved = points + step
        inside = moved[((moved >= 0) & (moved < dark.shape)).all(axis=1)]
        # Shadows partly out of the picture or under clouds are judged by the part that is seen.
        open_ = inside[~cloud[tuple(inside.T)]]
        if 2 * len(inside) >= len(points) and len(open_) >= _OPEN * len(points):
            overlap[number] = dark[tuple(open_.T)].mean()
    return steps, overlap
