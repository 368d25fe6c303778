"""What each class of land looks like at either date, learnt from the parcels themselves.

Land-use codes say what lies on most of the ground. Pixels that lie wholly within one parcel and
did not change show how cropland, trees, water and buildings look in this light, in this season,
to this sensor; no reflectance scale is needed. A changed pixel is then asked which of them it
looks like at each date: the share of its nearest neighbours in the space of the bands (T.M. Cover
& P.E. Hart, "Nearest neighbor pattern classification", IEEE Trans. Information Theory 13(1),
1967, 10.1109/TIT.1967.1053964), each class with the same number of examples. What looks like
cropland at both dates is cropland in another stage of the year.

Crops come and go, so cropland gives its changed pixels as examples, too: the other fields of the
scene show what a field may look like on that day. A pixel's own surroundings are no witnesses,
and codes that are out of date do little harm: a few wrong examples are outvoted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window, bounds
from rasterio.windows import transform as window_transform
from scipy.spatial import cKDTree

from yuxi_gis.crs import datum
from yuxi_gis.read.raster import Pair

__all__ = ["BUILT", "CLASSES", "CROP", "OPEN", "TREES", "WATER", "Appearance", "grounds", "learn"]

CROP, TREES, OPEN, BUILT, WATER = CLASSES = ("crop", "trees", "open", "built", "water")
"""Classes of ground: cropland, trees, grass and bare land, built, water."""

#: Layer, field, how its codes begin, class (TD/T 1055-2019, table 1 of the land-use codes).
_EVIDENCE: tuple[tuple[str, str | None, tuple[str, ...], str], ...] = (
    ("landuse", "DLBM", ("01",), CROP),
    ("landuse", "DLBM", ("02", "03"), TREES),
    ("landuse", "DLBM", ("04", "1205", "1206", "1207"), OPEN),
    (
        "landuse",
        "DLBM",
        ("05", "0601", "07", "08", "09", "1001", "1002", "1003", "1004", "1005", "1007", "1201"),
        BUILT,
    ),
    ("landuse", "DLBM", ("1101", "1102", "1103", "1104"), WATER),
    ("farmland", None, (), CROP),
    ("protected_cropland", None, (), CROP),
    ("homestead", None, (), BUILT),
)
_PURE = 0.75  # pixels that a parcel is narrowed by: what is left holds no part of its neighbours
_EXAMPLES = 2000  # of each class
_LEAST = 50  # examples below which a class is not known
_NEIGHBOURS = 15
_AROUND = 10  # pixels within which an example may show the very same change

_CROP = CLASSES.index(CROP) + 1

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Appearance:
    """Examples of each class at the two dates.

    Attributes
    ----------
    classes : tuple of str
        Those of `CLASSES` that had examples enough.
    labels : int, (examples,)
        Index into `classes`.
    places : int, (examples, 2)
        Row and column of each.
    examples : float64, (2, examples, bands)
        Stored numbers at the first and the second date.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.intp]
    places: NDArray[np.intp]
    examples: Floats

    @cached_property
    def _spread(self) -> Floats:
        return np.maximum(self.examples.std(axis=1), 1e-9)

    @cached_property
    def _trees(self) -> tuple[cKDTree, cKDTree]:
        first, second = self.examples / self._spread[:, None]
        return cKDTree(first), cKDTree(second)

    def likeness(
        self, pixels: NDArray[np.floating], places: NDArray[np.integer], date: int
    ) -> Floats:
        """Share of each pixel's nearest examples that are of each class.

        Parameters
        ----------
        pixels : float, (bands, pixels)
            Stored numbers.
        places : int, (pixels, 2)
            Row and column on the grid.
        date : int
            0 for the first, 1 for the second.

        Returns
        -------
        float64, (len(CLASSES), pixels)
            0 for classes without examples.
        """
        shares = np.zeros((len(CLASSES), pixels.shape[1]))
        if pixels.shape[1] == 0:
            return shares
        many = min(4 * _NEIGHBOURS, len(self.labels))
        near = self._trees[date].query(pixels.T / self._spread[date], many)[1]
        apart = np.abs(self.places[near] - places[:, None]).max(axis=2) > _AROUND
        use = apart & (apart.cumsum(axis=1) <= _NEIGHBOURS)
        # As if every class had as many examples.
        weight = use / np.bincount(self.labels)[self.labels[near]]
        for index, name in enumerate(self.classes):
            shares[CLASSES.index(name)] = np.where(self.labels[near] == index, weight, 0).sum(
                axis=1
            )
        return shares / np.maximum(shares.sum(axis=0), 1e-12)


def grounds(layers: Mapping[str, pd.DataFrame], crs: str) -> gpd.GeoDataFrame:
    """The parcels whose layer or code says what lies on them: ``ground, geometry`` in `crs`."""
    found = []
    for name, field, begins, ground in _EVIDENCE:
        frame = layers.get(name)
        if not isinstance(frame, gpd.GeoDataFrame) or (field and field not in frame):
            continue
        if field is not None:
            codes = frame[field].astype("str").fillna("")
            frame = frame[codes.str.startswith(begins)]
        frame = frame[frame.geom_type.isin(["Polygon", "MultiPolygon"]) & frame.is_valid]
        if len(frame):
            shapes = datum.to_crs(frame.geometry, crs).to_numpy()
            named = {"ground": [ground] * len(frame)}
            found.append(gpd.GeoDataFrame(named, geometry=shapes, crs=crs))
    if not found:
        return gpd.GeoDataFrame({"ground": pd.Series(dtype="str")}, geometry=[], crs=crs)
    return gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=crs)


def learn(
    pair: Pair,
    parcels: gpd.GeoDataFrame,
    unchanged: Callable[[Window], Mask],
    step: Callable[[float], None] = lambda _: None,
) -> Appearance | None:
    """Examples of each class from the pixels that lie wholly in one parcel and did not change.

    Parameters
    ----------
    pair : Pair
    parcels : GeoDataFrame
        From `grounds`, in the CRS of the pair's grid.
    unchanged : callable
        Window → bool (rows, columns): seen at both dates and not changed.

    Returns
    -------
    Appearance or None
        None where cropland and at least one other class have not examples enough.
    """
    if parcels.empty:
        return None
    side = float(np.sqrt(abs(pair.grid.transform.determinant)))
    narrowed = shapely.buffer(parcels.geometry.to_numpy(), -_PURE * side)
    number = parcels["ground"].map({name: i for i, name in enumerate(CLASSES, 1)}).to_numpy()
    tree = shapely.STRtree(narrowed)
    taken: list[NDArray[np.floating]] = []
    classes: list[NDArray[np.intp]] = []
    blocks = pair.windows()
    for done, window in enumerate(blocks, 1):
        near = np.sort(tree.query(shapely.box(*bounds(window, pair.grid.transform))))
        near = near[~shapely.is_empty(narrowed[near])]
        if len(near):
            shape = (int(window.height), int(window.width))
            inside = rasterize(
                zip(narrowed[near], number[near], strict=True),
                shape,
                transform=window_transform(window, pair.grid.transform),
                dtype="uint8",
            )
            use = (inside == _CROP) | ((inside > 0) & unchanged(window))
            if use.any():
                before, after, seen = pair.read(window)
                use &= seen
                rows, columns = np.nonzero(use)
                place = np.stack([rows + window.row_off, columns + window.col_off])
                taken.append(np.concatenate([place, before[:, use], after[:, use]]))
                classes.append(inside[use].astype(np.intp) - 1)
                taken, classes = _thinned(taken, classes)
        step(done / len(blocks))
    if not taken:
        return None
    pixels, labels = np.concatenate(taken, axis=1), np.concatenate(classes)
    by_place = np.lexsort((pixels[1], pixels[0]))  # whatever the blocks
    return _appearance(pixels[:, by_place], labels[by_place])


def _thinned(
    taken: list[NDArray[np.floating]], classes: list[NDArray[np.intp]]
) -> tuple[list[NDArray[np.floating]], list[NDArray[np.intp]]]:
    """No more examples in memory than are needed to choose from, whatever the scene's size."""
    if sum(map(len, classes)) < 50 * _EXAMPLES:
        return taken, classes
    pixels, labels = np.concatenate(taken, axis=1), np.concatenate(classes)
    chosen = _even(labels, 4 * _EXAMPLES)
    return [pixels[:, chosen]], [labels[chosen]]


def _even(labels: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many rows of each class, evenly spread over the scene."""
    rows = []
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        number = min(len(of_class), most)
        rows.append(of_class[np.linspace(0, len(of_class) - 1, number).astype(np.intp)])
    return np.sort(np.concatenate(rows))


def _appearance(pixels: NDArray[np.floating], labels: NDArray[np.intp]) -> Appearance | None:
    counts = np.bincount(labels, minlength=len(CLASSES))
    known = np.flatnonzero(counts >= _LEAST)
    if CLASSES.index(CROP) not in known or len(known) < 2:
        return None
    keep = np.isin(labels, known)
    pixels, labels = pixels[:, keep], labels[keep]
    chosen = _even(labels, min(_EXAMPLES, int(counts[known].min()) * 4))
    pixels, labels = pixels[:, chosen].astype(np.float64), labels[chosen]
    places, dates = pixels[:2].T.astype(np.intp), np.split(pixels[2:].T, 2, axis=1)
    names = tuple(CLASSES[index] for index in known)
    return Appearance(names, np.searchsorted(known, labels), places, np.stack(dates))
