"""The passes over the blocks of a pair of scenes; one block in memory, the rest on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.shutil
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.io import DatasetWriter
from rasterio.windows import Window, bounds
from rasterio.windows import transform as window_transform

from yuxi_gis.change.appearance import Appearance, learn
from yuxi_gis.change.kinds import KINDS, body, find_kinds
from yuxi_gis.change.methods import Fitted
from yuxi_gis.change.normalise import Normalisation
from yuxi_gis.change.patches import trace
from yuxi_gis.change.seen import Survey, survey
from yuxi_gis.change.spectra import levelled
from yuxi_gis.change.threshold import MARGIN, Histogram, Threshold, smooth
from yuxi_gis.change.unmix import whole_kinds
from yuxi_gis.read.raster import BLOCK, Pair, grow

__all__ = ["BANDS", "LEAST_CACHE", "NODATA", "Passes", "cache_bytes"]

NODATA = -1.0
BANDS = ("strength", "changed", "kind")
STRENGTH, _, KIND = range(1, len(BANDS) + 1)

LEAST_CACHE, _MOST_CACHE = 64 << 20, 256 << 20
_AROUND = 2  # pixels beyond a block that its kinds depend on

Mask = NDArray[np.bool_]
Step = Callable[[float], None]


@dataclass(frozen=True)
class Passes:
    """The passes of `detect_change`, in this order; each leaves a raster in `folder`."""

    pair: Pair
    folder: Path

    @property
    def kinds(self) -> Path:
        """Kind codes without blurred rims, 0 where unchanged, nodata where not seen."""
        return self.folder / "kind.tif"

    @property
    def strength(self) -> Path:
        """Strength in the units of the threshold, nodata where not seen, as the first band."""
        return self.folder / "result.tif"

    def _create(self, name: str, count: int, dtype: str, nodata: float | None) -> DatasetWriter:
        grid = self.pair.grid
        return rasterio.open(
            self.folder / f"{name}.tif",
            "w",
            count=count,
            dtype=dtype,
            nodata=nodata,
            blockxsize=256,
            blockysize=256,
            interleave="band",
            **grid.profile,
        )

    def _open(self, name: str) -> rasterio.DatasetReader:
        return rasterio.open(self.folder / f"{name}.tif")

    def survey(self, step: Step) -> Survey:
        """Pass 1: what both scenes show, and the sample."""
        with self._create("seen", 1, "uint8", None) as mask:
            return survey(self.pair, mask, step)

    def measure(self, fitted: Fitted, step: Step) -> Histogram:
        """Pass 2: smoothed strength everywhere, and how often each occurs."""
        histogram = Histogram()
        blocks = self.pair.windows()
        with self._open("seen") as mask, self._create("strength", 1, "float32", None) as out:
            for number, window in enumerate(blocks, 1):
                wide, inner = grow(window, MARGIN, self.pair.grid.shape)
                seen = mask.read(1, window=wide) > 0
                if seen[inner].any():  # else nought, as the file is made
                    before, after, _ = self.pair.read(wide)
                    strength = smooth(fitted.strength(*levelled(self.pair, before, after)), seen)[
                        inner
                    ]
                    histogram.add(strength[seen[inner]])
                    out.write(strength, 1, window=window)
                step(number / len(blocks))
        return histogram

    def learn(
        self, parcels: gpd.GeoDataFrame, threshold: Threshold, step: Step
    ) -> Appearance | None:
        """What the classes of land look like where nothing changed."""
        with self._open("seen") as mask, self._open("strength") as strengths:

            def unchanged(window: Window) -> Mask:
                strength = strengths.read(1, window=window) / np.float32(threshold.scale)
                still = strength <= threshold.value
                return np.asarray(still & (mask.read(1, window=window) > 0))

            return learn(self.pair, parcels, unchanged, step)

    def classify(
        self,
        threshold: Threshold,
        normalisation: Normalisation,
        appearance: Appearance | None,
        tags: Mapping[str, str],
        step: Step,
    ) -> int:
        """Pass 3: changed or not, and which kind; returns the number of changed pixels."""
        changed_pixels = 0
        blocks = self.pair.windows()
        with (
            self._open("seen") as mask,
            self._open("strength") as strengths,
            self._create("result", len(BANDS), "float32", NODATA) as result,
            self._create("kind", 1, "int16", NODATA) as kinds,
        ):
            result.descriptions = BANDS
            result.update_tags(**tags)
            for number, window in enumerate(blocks, 1):
                wide, inner = grow(window, _AROUND, self.pair.grid.shape)
                seen = mask.read(1, window=wide) > 0
                strength = strengths.read(1, window=wide) / np.float32(threshold.scale)
                changed = seen & (strength > threshold.value)
                kind, parcels = np.zeros((2, *seen.shape), dtype=np.int16)
                if changed.any():
                    kind = self._kinds(wide, changed, strength, normalisation, appearance)
                    parcels = body(kind, strength)
                bands = np.stack([strength, changed, kind]).astype(np.float32)
                bands[:, ~seen] = NODATA
                parcels[~seen] = int(NODATA)
                result.write(bands[:, *inner], window=window)
                kinds.write(parcels[inner], 1, window=window)
                changed_pixels += int(changed[inner].sum())
                step(number / len(blocks))
        return changed_pixels

    def _kinds(
        self,
        window: Window,
        changed: Mask,
        strength: NDArray[np.float32],
        normalisation: Normalisation,
        appearance: Appearance | None,
    ) -> NDArray[np.int16]:
        before, after, _ = self.pair.read(window)
        corner = (int(window.row_off), int(window.col_off))
        return find_kinds(
            self.pair, normalisation, before, after, changed, strength, appearance, corner
        )

    def wholes(
        self,
        normalisation: Normalisation,
        parcels: gpd.GeoDataFrame,
        appearance: Appearance | None,
        step: Step,
    ) -> NDArray[np.int16]:
        """What each parcel as a whole turned into."""
        seen = self.folder / "seen.tif"
        return whole_kinds(self.pair, normalisation, parcels, seen, appearance, step)

    def judge(self, parcels: gpd.GeoDataFrame, codes: NDArray[np.int16]) -> None:
        """Give the changed pixels of judged fields (``codes > 0``) the kind of the field."""
        fields = parcels.geometry.to_numpy()[codes > 0]
        codes = codes[codes > 0]
        if len(fields) == 0:
            return
        by_field = [kind.code for kind in KINDS if kind.by_field]
        smaller_last = np.argsort(-shapely.area(fields), kind="stable")
        fields, codes = fields[smaller_last], codes[smaller_last]
        tree = shapely.STRtree(fields)
        transform = self.pair.grid.transform
        with rasterio.open(self.folder / "result.tif", "r+") as result:
            for window in self.pair.windows():
                near = np.sort(tree.query(shapely.box(*bounds(window, transform))))
                if len(near) == 0:
                    continue
                field = rasterize(
                    zip(fields[near], codes[near], strict=True),
                    (int(window.height), int(window.width)),
                    transform=window_transform(window, transform),
                    dtype="int16",
                )
                kind = result.read(KIND, window=window)
                corrected = np.where((field > 0) & np.isin(kind, by_field), field, kind)
                result.write(corrected.astype(np.float32), KIND, window=window)

    def trace(self, step: Step) -> Iterator[gpd.GeoDataFrame]:
        """Last pass: the polygons of each block with changes."""
        blocks = self.pair.windows()
        with self._open("result") as result:
            for number, window in enumerate(blocks, 1):
                kind = result.read(KIND, window=window)
                if (kind > 0).any():
                    strength = result.read(STRENGTH, window=window)
                    yield trace(kind.astype(np.int32), strength, window, self.pair.grid.transform)
                step(number / len(blocks))

    def publish(self, path: str | os.PathLike[str]) -> None:
        """The result as a Cloud Optimized GeoTIFF."""
        rasterio.shutil.copy(
            self.folder / "result.tif",
            path,
            driver="COG",
            compress="DEFLATE",
            predictor="YES",
            overview_resampling="NEAREST",
            bigtiff="IF_SAFER",
            num_threads="ALL_CPUS",
        )


def cache_bytes(pair: Pair) -> int:
    """What GDAL may keep of the files: two rows of blocks, so that no strip is read for each.

    GDAL's own default grows with the machine (5 % of its memory).
    """
    pixel = sum(np.dtype(scene.dtype).itemsize * scene.count for scene in (pair.before, pair.after))
    return int(min(max(2.2 * BLOCK * pair.grid.width * pixel, LEAST_CACHE), _MOST_CACHE))
