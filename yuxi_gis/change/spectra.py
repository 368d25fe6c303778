"""Reflectances by band role, and the indices that the masks and kinds are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from yuxi_gis.read.raster import Pair

__all__ = [
    "ROLES",
    "Levels",
    "Spectra",
    "bsi",
    "has_reflectance",
    "levelled",
    "mndwi",
    "ndvi",
    "ndwi",
    "reflectance",
    "without_haze",
]

Image = NDArray[np.float32]
Spectra = Mapping[str, Image]
"""Band role to surface reflectance (0..1)."""

ROLES = ("blue", "green", "red", "nir", "swir1", "swir2")

_VISIBLE = ROLES[:3]
_HAZE = 0.03


class Levels(Protocol):
    """What is known of the unchanged pixels."""

    @property
    def levels(self) -> NDArray[np.float64]:
        """Mean stored numbers of the compared bands at either date, (2, bands)."""


def has_reflectance(pair: Pair, roles: tuple[str, ...] = ROLES) -> bool:
    """Whether both scenes have these bands and a known reflectance scale."""
    scales = (pair.before.scale, pair.after.scale)
    return None not in scales and set(roles) <= set(pair.roles)


def reflectance(pair: Pair, before: Image, after: Image) -> tuple[Spectra, Spectra]:
    """Both scenes' blocks (the bands of `pair.roles`) as reflectances by role."""
    return tuple(  # type: ignore[return-value]
        {
            role: block[pair.roles.index(role)] * np.float32(scene.scale) + np.float32(scene.offset)
            for role in ROLES
            if role in pair.roles
        }
        for block, scene in ((before, pair.before), (after, pair.after))
    )


def levelled(pair: Pair, before: Image, after: Image) -> tuple[Image, Image]:
    """Both scenes' numbers without the offset that reflectances are stored with, where known.

    Ratios of bands have a meaning only then (Sentinel-2 adds 1000 since baseline 04.00).
    """
    one, two = (
        block + np.float32(scene.offset / scene.scale) if scene.scale and scene.offset else block
        for block, scene in ((before, pair.before), (after, pair.after))
    )
    return one, two


def without_haze(pair: Pair, unchanged: Levels, after: Spectra) -> Spectra:
    """The second date with the haze of the first.

    Haze adds to the visible bands, most to blue. What it added comes from the mean of the
    unchanged pixels, and is held within what is left after atmospheric correction (±0.03).
    """
    scales = np.array([[pair.before.scale], [pair.after.scale]], dtype=np.float64)
    offsets = np.array([[pair.before.offset], [pair.after.offset]], dtype=np.float64)
    first, second = unchanged.levels * scales + offsets
    haze = np.clip(first - second, -_HAZE, _HAZE)
    return {
        role: image + np.float32(haze[pair.roles.index(role)]) if role in _VISIBLE else image
        for role, image in after.items()
    }


def _ratio(up: Image, down: Image) -> Image:
    """(up - down) / (up + down), 0 where both are 0."""
    total = up + down
    return np.divide(up - down, total, out=np.zeros_like(total), where=np.abs(total) > 1e-6)


def ndvi(s: Spectra) -> Image:
    """Normalised difference vegetation index (Rouse 1974)."""
    return _ratio(s["nir"], s["red"])


def ndwi(s: Spectra) -> Image:
    """Normalised difference water index (McFeeters 1996, 10.1080/01431169608948714)."""
    return _ratio(s["green"], s["nir"])


def mndwi(s: Spectra) -> Image:
    """Modified normalised difference water index (Xu 2006, 10.1080/01431160600589179)."""
    return _ratio(s["green"], s["swir1"])


def bsi(s: Spectra) -> Image:
    """Bare soil index (Rikimaru 2002): high for soil, near nought for concrete, low for leaves."""
    return _ratio(s["swir1"] + s["red"], s["nir"] + s["blue"])
