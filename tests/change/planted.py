"""Small scenes with known answers, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

ROLES = ("blue", "green", "red", "nir", "swir1", "swir2")
GRID = Affine(10, 0, 514_000, 0, -10, 2_590_000)
CRS = "EPSG:4543"

# Surface reflectances in the order of ROLES, of the size that spectral libraries give.
SPECTRA = {
    "crop": (0.03, 0.07, 0.04, 0.40, 0.21, 0.10),
    "soil": (0.06, 0.09, 0.16, 0.24, 0.32, 0.27),
    "stubble": (0.08, 0.12, 0.17, 0.27, 0.35, 0.26),
    "forest": (0.02, 0.045, 0.025, 0.30, 0.14, 0.06),
    "concrete": (0.20, 0.23, 0.25, 0.28, 0.31, 0.28),
    "asphalt": (0.09, 0.10, 0.11, 0.13, 0.16, 0.15),
    "water": (0.05, 0.07, 0.05, 0.03, 0.02, 0.01),
    "cloud": (0.50, 0.50, 0.50, 0.55, 0.45, 0.38),
}


def ground(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float64]:
    """A quiet landscape of crop, soil and forest, (6, rows, columns) reflectance."""
    rng = np.random.default_rng(seed)
    shares = np.stack([gaussian_filter(rng.standard_normal(shape), 3) for _ in range(3)])
    shares = np.exp(6 * shares / shares.std())
    shares /= shares.sum(axis=0)
    ends = np.array([SPECTRA[name] for name in ("crop", "soil", "forest")])
    return np.einsum("kb,krc->brc", ends, shares)


def look(
    image: NDArray[np.floating], seed: int, noise: float = 0.002, gain: float = 1.0
) -> NDArray[np.float64]:
    """The same ground through a sensor on another day: gain, haze and noise."""
    rng = np.random.default_rng(seed)
    haze = np.array([0.012, 0.008, 0.005, 0.002, 0.001, 0.001])[:, None, None] * (gain - 1) * 10
    return image * gain + haze + rng.normal(0, noise, image.shape)


def put(image: NDArray[np.floating], rows: slice, columns: slice, name: str) -> None:
    """Cover a rectangle with one kind of ground."""
    image[:, rows, columns] = np.array(SPECTRA[name])[:, None, None]


def write(path: Path, image: NDArray[np.floating], **options: Any) -> Path:
    """Save reflectance × 10000 as uint16 with band names; `options` override the profile."""
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": len(image),
        "height": image.shape[1],
        "width": image.shape[2],
        "dtype": "uint16",
        "crs": CRS,
        "transform": GRID,
    }
    names = options.pop("names", ROLES)
    tags = options.pop("tags", {"REFLECTANCE_SCALE": "10000"})
    profile.update(options)
    if profile["dtype"] == "uint16":
        image = np.clip(np.round(image * 10_000), 0, 65_535)
    with rasterio.open(path, "w", **profile) as out:
        out.write(image.astype(profile["dtype"]))
        out.update_tags(**tags)
        if names is not None:
            out.descriptions = names[: len(image)]
    return path
