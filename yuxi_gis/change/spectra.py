"""Reflectances by band role, and the indices that the masks and kinds are made of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from yuxi_gis.read.raster import Pair

__all__ = ["ROLES", "Spectra", "bsi", "has_reflectance", "mndwi", "ndvi", "reflectance"]

Image = NDArray[np.float32]
Spectra = Mapping[str, Image]
"""Band role to surface reflectance (0..1)."""

ROLES = ("blue", "green", "red", "nir", "swir1", "swir2")


def has_reflectance(pair: Pair) -> bool:
    """Whether both scenes have the six reflective bands and a known reflectance scale."""
    scales = (pair.before.scale, pair.after.scale)
    return None not in scales and set(ROLES) <= set(pair.before.roles)


def reflectance(pair: Pair, before: Image, after: Image) -> tuple[Spectra, Spectra]:
    """Both scenes' blocks (bands in the order of the first) as reflectances by role."""

    def convert(block: Image, scale: float | None, offset: float | None) -> Spectra:
        return {
            role: block[pair.before.roles.index(role)] * np.float32(scale or 1)
            + np.float32(offset or 0)
            for role in ROLES
        }

    return (
        convert(before, pair.before.scale, pair.before.offset),
        convert(after, pair.after.scale, pair.after.offset),
    )


def _ratio(up: Image, down: Image) -> Image:
    """(up - down) / (up + down), 0 where both are 0."""
    total = up + down
    return np.divide(up - down, total, out=np.zeros_like(total), where=np.abs(total) > 1e-6)


def ndvi(s: Spectra) -> Image:
    """Normalised difference vegetation index (Rouse 1974)."""
    return _ratio(s["nir"], s["red"])


def mndwi(s: Spectra) -> Image:
    """Modified normalised difference water index (Xu 2006, 10.1080/01431160600589179)."""
    return _ratio(s["green"], s["swir1"])


def bsi(s: Spectra) -> Image:
    """Bare soil index (Rikimaru 2002): high for soil, near nought for concrete, low for leaves."""
    return _ratio(s["swir1"] + s["red"], s["nir"] + s["blue"])
