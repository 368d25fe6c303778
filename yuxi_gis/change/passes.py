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
from rasterio.windows import bounds
from rasterio.windows import transform as window_transform

from yuxi_gis.change.irmad import Mad, fit_mad
from yuxi_gis.change.kinds import KINDS, body, find_kinds
from yuxi_gis.change.patches import trace
from yuxi_gis.change.seen import Survey, survey
from yuxi_gis.change.threshold import MARGIN, Histogram, Threshold, find_threshold, smooth
from yuxi_gis.change.unmix import whole_kinds
from yuxi_gis.read.raster import Pair, grow

__all__ = ["BANDS", "NODATA", "Passes"]

NODATA = -1.0
BANDS = ("strength", "changed", "kind")
KIND = BANDS.index("kind") + 1

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

    def _create(self, name: str, count: int, dtype: str, nodata: float | None) -> DatasetWriter:
        grid = self.pair.grid
        return rasterio.open(
            self.folder / f"{name}.tif",
            "w",
            driver="GTiff",
            width=grid.width,
            height=grid.height,
            count=count,
            dtype=dtype,
            crs=grid.crs,
            transform=grid.transform,
            nodata=nodata,
            tiled=True,
            blockxsize=256,
            blockysize=256,
            interleave="band",
            bigtiff="IF_SAFER",
        )

    def _open(self, name: str) -> rasterio.DatasetReader:
        return rasterio.open(self.folder / f"{name}.tif")

    def survey(self, step: Step) -> Survey:
        """Pass 1: what both scenes show, and the sample."""
        with self._create("seen", 1, "uint8", None) as mask:
            return survey(self.pair, mask, step)

    def measure(self, sample: Survey, step: Step) -> tuple[Mad, Threshold]:
        """Pass 2: strength everywhere, and where change begins."""
        mad = fit_mad(sample.before, sample.after)
        histogram = Histogram()
        blocks = self.pair.windows()
        with self._open("seen") as mask, self._create("strength", 1, "float32", None) as out:
            for number, window in enumerate(blocks, 1):
                wide, inner = grow(window, MARGIN, self.pair.grid.shape)
                before, after, _ = self.pair.read(wide)
                seen = mask.read(1, window=wide) > 0
                strength = smooth(mad.strength(before, after), seen)[inner]
                histogram.add(strength[seen[inner]])
                out.write(strength, 1, window=window)
                step(number / len(blocks))
        return mad, find_threshold(histogram, len(mad.bands))

    def classify(self, mad: Mad, threshold: Threshold, step: Step) -> int:
        """Pass 3: changed or not, and which kind; returns the number of changed pixels."""
        changed_pixels = 0
        blocks = self.pair.windows()
        with (
            self._open("seen") as mask,
            self._open("strength") as strengths,
            self._create("result", len(BANDS), "float32", NODATA) as result,
            self._create("kind", 1, "int16", NODATA) as kinds,
        ):
            for number, window in enumerate(blocks, 1):
                wide, inner = grow(window, 2, self.pair.grid.shape)
                before, after, _ = self.pair.read(wide)
                seen = mask.read(1, window=wide) > 0
                strength = strengths.read(1, window=wide) / threshold.scale
                changed = seen & (strength > threshold.value)
                kind = find_kinds(self.pair, mad, before, after, changed, strength)
                bands = np.stack([strength, changed, kind]).astype(np.float32)
                bands[:, ~seen] = NODATA
                result.write(bands[:, *inner], window=window)
                parcels = np.where(seen, body(kind, strength), int(NODATA)).astype(np.int16)
                kinds.write(parcels[inner], 1, window=window)
                changed_pixels += int(changed[inner].sum())
                step(number / len(blocks))
        return changed_pixels

    def wholes(self, mad: Mad, parcels: gpd.GeoDataFrame, step: Step) -> NDArray[np.int16]:
        """What each parcel as a whole turned into."""
        return whole_kinds(self.pair, mad, parcels, self.folder / "seen.tif", step)

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
        """Last pass: the polygons of each block."""
        blocks = self.pair.windows()
        with self._open("result") as result:
            for number, window in enumerate(blocks, 1):
                strength, _, kind = result.read(window=window)
                yield trace(kind.astype(np.int32), strength, window, self.pair.grid.transform)
                step(number / len(blocks))

    def publish(self, path: str | os.PathLike[str], tags: Mapping[str, str]) -> None:
        """The result as a Cloud Optimized GeoTIFF."""
        with rasterio.open(self.folder / "result.tif", "r+") as result:
            result.descriptions = BANDS
            result.update_tags(**tags)
        rasterio.shutil.copy(
            self.folder / "result.tif",
            path,
            driver="COG",
            compress="DEFLATE",
            predictor="YES",
            overview_resampling="NEAREST",
            bigtiff="IF_SAFER",
        )
