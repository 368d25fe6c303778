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
from exactextract import exact_extract
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy import sparse
from scipy.sparse.linalg import splu

from yuxi_gis.change.irmad import Mad
from yuxi_gis.change.kinds import transition
from yuxi_gis.change.spectra import ROLES, has_reflectance, reflectance, without_haze
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
    mad: Mad,
    parcels: gpd.GeoDataFrame,
    seen: str | os.PathLike[str],
    step: Callable[[float], None] = lambda _: None,
) -> NDArray[np.int16]:
    """What each parcel as a whole turned into.

    Parameters
    ----------
    pair : Pair
    mad : Mad
    parcels : GeoDataFrame
        ``layer, geometry`` in the CRS of the before scene; parcels of one layer mix, layers are
        looked at one by one.
    seen : path-like
        Raster on the grid of the before scene: 1 where both scenes show the ground.

    Returns
    -------
    int16, (parcels,)
        Kind code (`kinds.KINDS`) of the change between the two spectra, whether or not there was
        one; 0 where the parcel is too small or too little seen, or reflectances are not known.
    """
    codes = np.zeros(len(parcels), dtype=np.int16)
    if parcels.empty or not has_reflectance(pair):
        return codes
    blocks = pair.windows()
    points = parcels.representative_point()
    tree = shapely.STRtree(parcels.geometry.to_numpy())
    layer = parcels["layer"].to_numpy()
    row, column = rasterio.transform.rowcol(pair.grid.transform, points.x, points.y)
    row, column = np.asarray(row), np.asarray(column)
    for number, window in enumerate(blocks, 1):
        wide, _ = grow(window, _MARGIN, pair.grid.shape)
        near = np.sort(tree.query(shapely.box(*_bounds(pair, wide))))
        home = (row >= window.row_off) & (row < window.row_off + window.height)
        home &= (column >= window.col_off) & (column < window.col_off + window.width)
        for name in dict.fromkeys(layer[near]):
            among = near[layer[near] == name]
            # A forest may reach over the whole scene: only its part in the window is needed.
            here = parcels.iloc[among].clip_by_rect(*_bounds(pair, wide))
            solid = here.geom_type.isin(["Polygon", "MultiPolygon"]).to_numpy()
            solid = solid & (shapely.area(here.to_numpy()) > 0)
            among = among[solid]
            found = _block(pair, mad, here[solid].to_frame("geometry"), seen, wide)
            codes[among[home[among]]] = found[home[among]]
        step(number / len(blocks))
    return codes


def _bounds(pair: Pair, window: Window) -> tuple[float, float, float, float]:
    west, south, east, north = rasterio.windows.bounds(window, pair.grid.transform)
    return min(west, east), min(south, north), max(west, east), max(south, north)


def _block(
    pair: Pair,
    mad: Mad,
    parcels: gpd.GeoDataFrame,
    seen: str | os.PathLike[str],
    window: Window,
) -> NDArray[np.int16]:
    """Kind codes of the parcels of one layer, from the pixels of one window."""
    before, after, _ = pair.read(window)
    with rasterio.open(seen) as data:
        visible = data.read(1, window=window).ravel() > 0
    first, second = reflectance(pair, before, after)
    second = without_haze(pair, mad, second)
    weights = _blurred(_fractions(parcels, seen, window, pair.grid.width), window)
    total = np.asarray(weights.sum(axis=1)).ravel()
    use = visible & (total > _COVERED)
    weights = sparse.diags_array(1 / total[use]) @ weights[use]
    pixels = np.stack([date[role].ravel()[use] for date in (first, second) for role in ROLES], 1)
    spectra = _solve(weights, pixels.astype(np.float64))
    n = len(ROLES)
    one, two = (
        dict(zip(ROLES, spectra[:, k : k + n].T.astype(np.float32), strict=True)) for k in (0, n)
    )
    support = np.asarray(weights.multiply(weights).sum(axis=0)).ravel()
    return np.where(support >= _SUPPORT, transition(one, two), 0).astype(np.int16)


def _fractions(
    parcels: gpd.GeoDataFrame, grid: str | os.PathLike[str], window: Window, columns: int
) -> sparse.csr_array:
    """Exact part of each pixel of the window (rows) that each parcel (columns) covers."""
    cells = exact_extract(
        os.fspath(grid), parcels[["geometry"]], ["cell_id", "coverage"], output="pandas"
    )
    parcel = np.repeat(np.arange(len(parcels)), cells["cell_id"].map(len).to_numpy(dtype=np.intp))
    cell = np.concatenate([*cells["cell_id"], []]).astype(np.int64)
    part = np.concatenate([*cells["coverage"], []])
    row, column = cell // columns - window.row_off, cell % columns - window.col_off
    inside = (row >= 0) & (row < window.height) & (column >= 0) & (column < window.width)
    place = row[inside] * window.width + column[inside]
    shape = (window.height * window.width, len(parcels))
    return sparse.csr_array((part[inside], (place, parcel[inside])), shape=shape)


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

    both = sparse.kron(along(int(window.height)), along(int(window.width)), format="csr")
    return (both @ fractions).tocsr()


def _solve(weights: sparse.csr_array, pixels: Floats) -> Floats:
    """Least squares for ``weights @ spectra = pixels``, ridged towards each parcel's mean."""
    total = np.asarray(weights.sum(axis=0)).ravel()
    sums = weights.T @ pixels
    mean = sums / np.maximum(total, 1e-9)[:, None]
    ridge = _RIDGE * sparse.eye_array(len(total), format="csc")
    solved: Floats = splu((weights.T @ weights + ridge).tocsc()).solve(sums + _RIDGE * mean)
    return solved
