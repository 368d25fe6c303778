"""Clouds and their shadows in scenes of known reflectance that carry no quality band.

A cloud is white, bright and far brighter than the same ground at the other date, and somewhere
within reach lies its shadow: a darkening of about the same shape that leaves the ground its
colour. The spectral tests are those of Fmask (Z. Zhu & C.E. Woodcock 2012,
10.1016/j.rse.2011.10.028) and of the multi-temporal method (O. Hagolle et al. 2010,
10.1016/j.rse.2010.03.002). The detector is conservative: roofs and greenhouses pass the spectral
tests as well, so an object without a shadow counts only when it is very large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, label

from yuxi_gis.change.spectra import Spectra, mndwi, ndvi

__all__ = ["REACH_M", "Season", "obscured", "season"]

Mask = NDArray[np.bool_]
Season = Mapping[str, float]

REACH_M = 2000.0
"""Farthest distance of a shadow from its cloud that is looked at."""

_CLEAR = 0.2  # reflectance in blue: vegetation, soil and most roofs are darker, clouds brighter
_LEAST_M2 = 5_000.0  # smaller white objects are as likely roofs
_CERTAIN_M2 = 500_000.0  # larger ones are clouds even if their shadow lies out of sight
_BRIGHTER = 0.08  # in blue, against the other date; Hagolle's 0.03 suits dates a few days apart
_RIM_M = 40.0  # rim that the tests miss
_SLACK_M = 30.0  # by which single clouds leave the common displacement
_OVERLAP = 0.5  # of the displaced cloud that must lie on darkened ground
_POINTS = 400  # of an object that are displaced


@dataclass(frozen=True)
class _Sky:
    """Candidates of one date."""

    cloud: Mask
    shadow: Mask


def season(before: Spectra, after: Spectra, seen: Mask) -> Season:
    """How much brighter each band is at the second date than at the first.

    Parameters
    ----------
    before, after : mapping of role to float32 (rows, columns)
        Surface reflectance of the whole scene, thinned: a part of it may be all cloud.
    seen : bool, (rows, columns)

    Returns
    -------
    dict of role to float
        Median ratio over the pixels that look clear at both dates; 1 where there are none.
    """
    clear = seen & (before["blue"] < _CLEAR) & (after["blue"] < _CLEAR)
    if not clear.any():
        return dict.fromkeys(before, 1.0)
    return {
        role: float(np.median(after[role][clear] / np.maximum(before[role][clear], 1e-3)))
        for role in before
    }


def obscured(before: Spectra, after: Spectra, seen: Mask, pixel_m: float, ratio: Season) -> Mask:
    """Where either date shows cloud or cloud shadow.

    Parameters
    ----------
    before, after : mapping of role to float32 (rows, columns)
        Surface reflectance of the six bands.
    seen : bool, (rows, columns)
        Where both dates have data.
    pixel_m : float
        Side of a pixel in metres.
    ratio : dict of role to float
        From `season`, of the whole scene.

    Returns
    -------
    bool, (rows, columns)
    """
    mask = np.zeros(seen.shape, dtype=bool)
    if not seen.any():
        return mask
    back = {role: 1 / max(value, 1e-3) for role, value in ratio.items()}
    for date, other, factor in ((before, after, back), (after, before, ratio)):
        in_season = {role: image * np.float32(factor[role]) for role, image in other.items()}
        mask |= _matched(_candidates(date, in_season, seen), pixel_m)
    return mask & seen


def _candidates(date: Spectra, other: Spectra, seen: Mask) -> _Sky:
    visible = np.stack([date["blue"], date["green"], date["red"]])
    mean = np.maximum(visible.mean(axis=0), 1e-3)
    whiteness = np.abs(visible - mean).sum(axis=0) / mean
    haze = date["blue"] - 0.5 * date["red"] - 0.08
    brighter = date["blue"] - other["blue"]
    cloud = (
        (whiteness < 0.7)
        & (haze > 0)
        & (ndvi(date) < 0.8)
        & (date["swir2"] > 0.03)
        & (date["nir"] > 0.75 * date["swir1"])
        & (brighter > _BRIGHTER)
        & (date["red"] - other["red"] < 1.5 * brighter)
    )
    shadow = (
        (date["nir"] < 0.75 * other["nir"])
        & (date["swir1"] < 0.75 * other["swir1"])
        & (date["red"] < other["red"])
        & (other["nir"] - date["nir"] > 0.04)
        & (np.abs(ndvi(date) - ndvi(other)) < 0.3)
        & (mndwi(date) < 0.2)
    )
    return _Sky(cloud & seen, shadow & seen)


def _matched(sky: _Sky, pixel_m: float) -> Mask:
    """Clouds whose shadows lie where the sun puts them, those shadows, and their rims."""
    square = np.ones((3, 3), dtype=bool)
    objects, count = label(binary_opening(sky.cloud, square))
    if count == 0:
        return np.zeros(sky.cloud.shape, dtype=bool)
    pixels = np.argwhere(objects)
    number = objects[tuple(pixels.T)]
    counts = np.bincount(number)[1:]
    places = np.split(pixels[np.argsort(number, kind="stable")], np.cumsum(counts)[:-1])
    sizes = counts * pixel_m**2
    large = [place for place, size in zip(places, sizes, strict=True) if size >= _LEAST_M2]
    step = _common_step(large, sky.shadow, pixel_m) if large else None
    clouds, shadows = (np.zeros(sky.cloud.shape, dtype=bool) for _ in "cs")
    for place, size in zip(places, sizes, strict=True):
        cast = None if step is None else _cast(place, step, sky.shadow, pixel_m)
        if cast is not None:
            shadows[tuple(cast.T)] = True
        if cast is not None or size >= _CERTAIN_M2:
            clouds[tuple(place.T)] = True
    rim = max(round(_RIM_M / pixel_m), 1)
    mask = np.zeros(sky.cloud.shape, dtype=bool)
    for found, candidates in ((clouds, sky.cloud), (shadows, sky.shadow)):
        if found.any():  # what touches the found belongs to it; its edge thins out slowly
            near = candidates & binary_dilation(found, square, iterations=2 * rim)
            mask |= binary_dilation(found | near, square, iterations=rim)
    return mask


def _common_step(
    clouds: list[NDArray[np.intp]], shadow: Mask, pixel_m: float
) -> NDArray[np.intp] | None:
    """The displacement that lays most of the clouds on darkened ground.

    The clouds of one day float at about one height under one sun, so they share it.
    """
    steps, overlap = _overlaps(np.concatenate(clouds), shadow, _steps(pixel_m))
    best = int(np.argmax(overlap))
    return steps[best] if overlap[best] >= _OVERLAP else None


def _cast(
    cloud: NDArray[np.intp], step: NDArray[np.intp], shadow: Mask, pixel_m: float
) -> NDArray[np.intp] | None:
    """The pixels of a cloud's shadow near the common displacement, or None if there is none."""
    slack = np.arange(-1, 2) * max(round(_SLACK_M / pixel_m), 1)
    around = step + np.stack(np.meshgrid(slack, slack), axis=-1).reshape(-1, 2)
    steps, overlap = _overlaps(cloud, shadow, around)
    best = int(np.argmax(overlap))
    if overlap[best] < _OVERLAP:
        return None
    moved = cloud + steps[best]
    return moved[((moved >= 0) & (moved < shadow.shape)).all(axis=1)]


def _steps(pixel_m: float) -> NDArray[np.intp]:
    """Displacements in pixels on rings around a cloud, (steps, 2)."""
    distance = np.arange(2 * pixel_m, REACH_M, max(2 * pixel_m, 30.0))
    angle = np.radians(np.arange(0, 360, 3))
    rows = np.outer(distance, np.cos(angle)) / pixel_m
    columns = np.outer(distance, np.sin(angle)) / pixel_m
    steps = np.round(np.stack([rows.ravel(), columns.ravel()], axis=1)).astype(np.intp)
    return np.unique(steps, axis=0).astype(np.intp)


def _overlaps(
    cloud: NDArray[np.intp], shadow: Mask, steps: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The displacements, and the part of the displaced cloud that lies on darkened ground."""
    points = cloud[:: max(len(cloud) // _POINTS, 1)]
    moved = points[None] + steps[:, None]
    inside = np.asarray(((moved >= 0) & (moved < shadow.shape)).all(axis=2))
    moved = np.where(inside[..., None], moved, 0)
    hits = shadow[moved[..., 0], moved[..., 1]] & inside
    # A shadow partly out of the picture is judged by the part within, if that is most of it.
    known = inside.mean(axis=1) >= 0.5
    return steps, np.where(known, hits.sum(axis=1) / np.maximum(inside.sum(axis=1), 1), 0.0)
