"""The spectrum of every parcel, freed from its neighbours' light.

A terrace is hardly wider than a pixel, so most of its pixels are mixtures. But the parcels say
what is mixed: each pixel is the sum of its parcels' spectra, weighted by the exact part of the
pixel that each covers, after the sensor's blur. Solved by least squares for all parcels of a
block at once, this gives back spectra as if every parcel filled its pixels (B. Zhukov et al.,
"Unmixing-based multisensor multiresolution image fusion", IEEE Trans. Geoscience and Remote
Sensing 37(3), 1999, 10.1109/36.763276).
"""

from __future__ import annotations

import os
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.transform
import rasterio.windows
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window
from rasterio.windows import transform as window_transform
from scipy import sparse
from scipy.sparse.linalg import splu

from yuxi_gis.change.appearance import Appearance
from yuxi_gis.change.coverage import coverage
from yuxi_gis.change.kinds import spectral_kinds
from yuxi_gis.change.spectra import ROLES, Levels, has_reflectance
from yuxi_gis.read.raster import Pair, grow

__all__ = ["whole_kinds"]

Floats = NDArray[np.float64]

_SIGMA = 0.5  # pixels: a sensor's blur, as in `threshold.smooth`
_REACH = 2  # pixels to which it is followed
_MARGIN = 16  # pixels around a block whose parcels take part in its mixtures
_COVERED = 0.8  # part of a pixel that parcels must cover: what else lies in it is not known
_RIDGE = 0.02  # pull towards the plain mean, in pixels: only parcels almost without pixels feel it
_SUPPORT = 2.5  # sum of squared weights, in pixels, below which a spectrum is not trusted


def whole_kinds(
    pair: Pair,
    unchanged: Levels,
    parcels: gpd.GeoDataFrame,
    seen: str | os.PathLike[str],
    appearance: Appearance | None = None,
    step: Callable[[float], None] = lambda _: None,
) -> NDArray[np.int16]:
    """What each parcel as a whole turned into.

    Parameters
    ----------
    pair : Pair
    unchanged : Levels
        What light, haze and season did to the whole scene.
    parcels : GeoDataFrame
        ``layer, geometry`` in the CRS of the pair's grid; parcels of one layer mix, layers are
        looked at one by one.
    seen : path-like
        Raster on the pair's grid: 1 where both scenes show the ground.
    appearance : Appearance, optional
        What each class of land looks like.

    Returns
    -------
    int16, (parcels,)
        Kind code (`kinds.KINDS`) of the change between the two spectra, whether or not there was
        one; 0 where the parcel is too small or too little seen, or where neither reflectances nor
        the look of the classes are known.
    """
    codes = np.zeros(len(parcels), dtype=np.int16)
    if parcels.empty or not (has_reflectance(pair, ROLES[:4]) or appearance):
        return codes
    blocks = pair.windows()
    shapes = parcels.geometry.to_numpy()
    points = shapely.get_coordinates(shapely.point_on_surface(shapes))
    tree = shapely.STRtree(shapes)
    layer = parcels["layer"].to_numpy()
    row, column = rasterio.transform.rowcol(pair.grid.transform, points[:, 0], points[:, 1])
    row, column = np.asarray(row), np.asarray(column)
    for number, window in enumerate(blocks, 1):
        wide, _ = grow(window, _MARGIN, pair.grid.shape)
        near = np.sort(tree.query(shapely.box(*_bounds(pair, wide))))
        home = (row >= window.row_off) & (row < window.row_off + window.height)
        home &= (column >= window.col_off) & (column < window.col_off + window.width)
        if home[near].any():
            ground = _ground(pair, seen, wide)
            for name in dict.fromkeys(layer[near]):
                among = near[layer[near] == name]
                one, two, sure = _unmixed(shapes[among], *ground, pair.grid.transform, wide)
                sure &= home[among]
                places = np.stack([row[among], column[among]], axis=1)[sure]
                codes[among[sure]] = spectral_kinds(
                    pair, unchanged, one[:, sure], two[:, sure], places, appearance
                )
        step(number / len(blocks))
    return codes


def _bounds(pair: Pair, window: Window) -> tuple[float, float, float, float]:
    west, south, east, north = rasterio.windows.bounds(window, pair.grid.transform)
    return min(west, east), min(south, north), max(west, east), max(south, north)


def _ground(
    pair: Pair, seen: str | os.PathLike[str], window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Stored numbers (2 × bands, pixels) of both dates in a window, and which pixels are seen."""
    before, after, _ = pair.read(window)
    with rasterio.open(seen) as data:
        visible = data.read(1, window=window).ravel() > 0
    return np.concatenate([before, after]).reshape(2 * len(before), -1), visible


def _unmixed(
    parcels: NDArray[np.object_],
    ground: NDArray[np.float32],
    visible: NDArray[np.bool_],
    transform: Affine,
    window: Window,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Spectra (bands, parcels) of one layer at both dates, and which of them can be trusted."""
    weights = _blurred(_fractions(parcels, window_transform(window, transform), window), window)
    total = np.asarray(weights.sum(axis=1)).ravel()
    use = visible & (total > _COVERED)
    weights = sparse.diags_array(1 / total[use]) @ weights[use]
    spectra = _solve(weights, ground[:, use].T.astype(np.float64)).T.astype(np.float32)
    support = np.asarray(weights.multiply(weights).sum(axis=0)).ravel()
    one, two = np.split(spectra, 2)
    return one, two, support >= _SUPPORT


def _fractions(parcels: NDArray[np.object_], transform: Affine, window: Window) -> sparse.csr_array:
    """Exact part of each pixel of the window (rows) that each parcel (columns) covers."""
    shape = (int(window.height), int(window.width))
    cells = coverage(parcels, transform, shape)
    size = (shape[0] * shape[1], len(parcels))
    return sparse.csr_array((cells.part, (cells.cell, cells.polygon)), shape=size)


def _blurred(fractions: sparse.csr_array, window: Window) -> sparse.csr_array:
    """`fractions` as the sensor's point spread (a Gaussian) mixes them."""
    reach = np.arange(-_REACH, _REACH + 1)
    kernel = np.exp(-(reach**2) / (2 * _SIGMA**2))
    kernel /= kernel.sum()

    def along(size: int) -> sparse.dia_array:
        return sparse.diags_array(
            [
                np.full(max(size - abs(k), 0), weight)
                for k, weight in zip(reach, kernel, strict=True)
            ],
            offsets=reach,
            shape=(size, size),
        )

    rows, columns = int(window.height), int(window.width)
    across = sparse.kron(sparse.eye_array(rows), along(columns), format="csr")
    down = sparse.kron(along(rows), sparse.eye_array(columns), format="csr")
    return (down @ (across @ fractions)).tocsr()


def _solve(weights: sparse.csr_array, pixels: Floats) -> Floats:
    """Least squares for ``weights @ spectra = pixels``, ridged towards each parcel's mean."""
    total = np.asarray(weights.sum(axis=0)).ravel()
    sums = weights.T @ pixels
    mean = sums / np.maximum(total, 1e-9)[:, None]
    ridge = _RIDGE * sparse.eye_array(len(total), format="csc")
    solved: Floats = splu((weights.T @ weights + ridge).tocsc()).solve(sums + _RIDGE * mean)
    return solved
