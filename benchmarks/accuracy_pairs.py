"""Labelled pairs of scenes: the real one of Taizhou, simulated ones, and known disturbances."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject
from scipy import ndimage

from benchmarks.accuracy_peers import spread
from tests.change.planted import CRS, GRID, ROLES, SPECTRA, ground, look

__all__ = [
    "Pair", "Picture", "again", "brighter", "cloudy", "elsewhere", "fewer", "moved", "planted",
    "read", "simulated", "taizhou", "wedges",
]  # fmt: skip

Image = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Picture:
    """One date: stored numbers (bands, rows, columns) and what its file says."""

    image: Image
    crs: Any
    transform: Affine
    dtype: str = "uint8"
    roles: tuple[str, ...] = ROLES
    nodata: float | None = None

    def write(self, path: Path) -> Path:
        """Save as GeoTIFF; integers are rounded and clipped as a sensor does."""
        image = self.image
        if np.dtype(self.dtype).kind == "u":
            image = np.clip(np.round(image), 0, np.iinfo(self.dtype).max)
        count, height, width = image.shape
        with rasterio.open(
            path, "w", driver="GTiff", count=count, height=height, width=width, dtype=self.dtype,
            crs=self.crs, transform=self.transform, nodata=self.nodata,
        ) as out:  # fmt: skip
            out.write(image.astype(self.dtype))
            out.descriptions = self.roles[:count]
        return path


@dataclass(frozen=True)
class Pair:
    """Two dates, and where the truth is known (on the grid of the first)."""

    before: Picture
    after: Picture
    changed: Mask
    unchanged: Mask
    clouded: Mask | None = None


def read(path: Path) -> NDArray[Any]:
    """All bands, (bands, rows, columns)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as data:
            return data.read()


def taizhou(folder: Path) -> Pair:
    """The labelled pair: Landsat 7, 2000-03-17 and 2003-02-06, 400 × 400 pixels, 6 bands."""
    with rasterio.open(folder / "2000TM") as data:
        crs, transform = data.crs, data.transform
    dates = [Picture(read(folder / n).astype(float), crs, transform) for n in ("2000TM", "2003TM")]
    changed, unchanged = (read(folder / f"{n}.bmp")[0] > 0 for n in ("change", "unchanged"))
    return Pair(*dates, changed, unchanged)


# Disturbances: a pair in, a pair out


def brighter(pair: Pair, date: str, gain: float, offset: float, dtype: str = "uint16") -> Pair:
    """Another gain and offset on one date."""
    one: Picture = getattr(pair, date)
    image = one.image * gain + offset
    return replace(pair, **{date: replace(one, image=image, dtype=dtype)})


def again(pair: Pair, date: str, kind: str = "", noise: float = 0.0) -> Pair:
    """One date against itself: gain, offset, noise and rounding to uint8; nothing changed.

    `noise` is a part of the band's standard deviation (``sd``) or of the level (``level``).
    """
    one: Picture = getattr(pair, date)
    scale = one.image if kind == "level" else spread(one.image)
    drawn = np.random.default_rng(1).normal(0, 1, one.image.shape) * noise * scale
    later = replace(one, image=(one.image + drawn) * 0.8 + 10)
    nothing = np.zeros(one.image.shape[1:], dtype=bool)
    return Pair(one, later, nothing, ~nothing)


def planted(pair: Pair, share: float, side: int = 6) -> Pair:
    """The first date against itself, with squares of other ground of the same scene.

    Only pixels that then differ by more than the standard deviation of the scene (root mean
    square over the bands) are labelled as changed.
    """
    same, rng = again(pair, "before", "sd", 0.05), np.random.default_rng(2)
    later, image = same.after.image.copy(), pair.before.image
    moved = np.zeros(image.shape[1:], dtype=bool)
    rows, columns = moved.shape
    while moved.mean() < share:
        top, left = rng.integers(0, rows - side), rng.integers(0, columns - side)
        from_top, from_left = rng.integers(0, rows - side), rng.integers(0, columns - side)
        here = np.s_[top : top + side, left : left + side]
        there = np.s_[from_top : from_top + side, from_left : from_left + side]
        later[:, *here] = same.after.image[:, *there]
        moved[here] = True
    apart = ((later - 10) / 0.8 - image) / spread(image)
    changed = moved & (np.sqrt((apart**2).mean(axis=0)) > 1)
    return replace(same, after=replace(same.after, image=later), changed=changed, unchanged=~moved)


def moved(pair: Pair, pixels: float) -> Pair:
    """The second date displaced to the south-east, by cubic splines."""
    image = ndimage.shift(pair.after.image, (0, pixels, pixels), order=3, mode="nearest")
    return replace(pair, after=replace(pair.after, image=image))


def cloudy(pair: Pair, share: float = 0.2) -> Pair:
    """Cloud over a share of the second date, with its shadow beside it."""
    rng, image = np.random.default_rng(3), pair.after.image
    field = ndimage.gaussian_filter(rng.standard_normal(image.shape[1:]), 12, mode="wrap")
    thick = np.clip((field - np.quantile(field, 1 - share)) / field.std() * 4, 0, 1)
    shade = np.roll(thick, (14, -9), axis=(0, 1))
    dark = image * (1 - 0.5 * shade)
    white = np.array([250, 245, 240, 235, 225, 200.0])[:, None, None]
    hidden = (thick > 0) | (shade > 0)
    later = dark * (1 - thick) + white * thick
    clear = {"changed": pair.changed & ~hidden, "unchanged": pair.unchanged & ~hidden}
    return replace(pair, after=replace(pair.after, image=later), clouded=thick > 0.5, **clear)


def wedges(pair: Pair) -> Pair:
    """A corner without data at the first date (declared), slanted gaps at the second (not)."""
    row, column = np.indices(pair.changed.shape)
    first = np.where(row + 2 * column < 200, 255, np.minimum(pair.before.image, 254))
    second = np.where((3 * row + column) % 120 < 16, 0, np.maximum(pair.after.image, 1))
    return replace(
        pair,
        before=replace(pair.before, image=first, nodata=255),
        after=replace(pair.after, image=second),
    )


def elsewhere(pair: Pair, crs: str = "EPSG:32650", metres: float = 20.0) -> Pair:
    """The second date in another CRS at another resolution, warped by cubic convolution."""
    one = pair.after
    rows, columns = one.image.shape[1:]
    bounds = rasterio.transform.array_bounds(rows, columns, one.transform)
    transform, width, height = calculate_default_transform(
        one.crs, crs, columns, rows, *bounds, resolution=metres
    )
    image = np.zeros((len(one.image), height, width))
    reproject(
        np.maximum(one.image, 1), image, src_transform=one.transform, src_crs=one.crs,
        dst_transform=transform, dst_crs=crs, resampling=Resampling.cubic,
    )  # fmt: skip
    return replace(pair, after=replace(one, image=image, crs=crs, transform=transform))


def fewer(pair: Pair, bands: int = 4) -> Pair:
    """The second date with its first bands only."""
    few = replace(pair.after, image=pair.after.image[:bands], roles=ROLES[:bands])
    return replace(pair, after=few)


def simulated(share: float, bands: int = 6, noise: float = 0.004, season: float = 0.0) -> Pair:
    """Invented ground twice, the second time hazier, with new ground on a share of it.

    `season` is by how much the leaves brighten or darken in the near infrared, field by field:
    no change, but it looks like one.
    """
    rng, land = np.random.default_rng(4), ground((200, 200), 4)
    fields = ndimage.zoom(rng.normal(0, season, (20, 20)), 10, order=0)
    later = land.copy()
    later[3] *= 1 + fields
    truth = np.zeros((200, 200), dtype=bool)
    while truth.mean() < share:
        row, column, name = *rng.integers(0, 194, 2), rng.choice(["concrete", "water", "asphalt"])
        later[:, row : row + 6, column : column + 6] = np.array(SPECTRA[name])[:, None, None]
        truth[row : row + 6, column : column + 6] = True
    before, after = look(land, 1, noise), look(later, 2, noise, gain=1.1)
    dates = (Picture(x[:bands] * 1e4, CRS, GRID, "uint16", ROLES[:bands]) for x in (before, after))
    return Pair(*dates, truth, ~truth)
