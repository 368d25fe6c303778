"""What both scenes show: valid pixels without cloud and cloud shadow, and a sample of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from yuxi_gis.change.clouds import REACH_M, Season, obscured, season
from yuxi_gis.change.spectra import has_reflectance, reflectance
from yuxi_gis.errors import SceneError
from yuxi_gis.read.raster import Grid, Pair, grow

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

__all__ = ["SAMPLE", "Survey", "survey"]

SAMPLE = 500_000
"""Pixels at most that the statistics rest on: all of a scene up to 707 × 707, else a lattice.
A covariance from so many is exact to about 0.2 %."""


@dataclass(frozen=True)
class Survey:
    """Result of `survey`.

    Attributes
    ----------
    before, after : float32, (bands, pixels)
        The sample.
    seen : int
        Pixels of the grid that both scenes show.
    clouded : int
        Pixels left out as cloud or cloud shadow.
    """

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    seen: int
    clouded: int


def survey(
    pair: Pair, mask: DatasetWriter, progress: Callable[[float], None] = lambda _: None
) -> Survey:
    """Write 1 into `mask` where both scenes show the ground, 0 elsewhere, and take the sample.

    Raises
    ------
    SceneError
        One scene has no valid pixel, or they have none in common.
    """
    rows, columns = pair.grid.shape
    step = int(np.ceil(np.sqrt(max(rows * columns / SAMPLE, 1))))
    before, after = [], []
    valid, clouded = np.zeros(3, dtype=np.int64), 0
    blocks = pair.windows()
    ratio = _season(pair)
    for number, window in enumerate(blocks, 1):
        one, two, in_one, in_two, hidden = _look(pair, window, ratio)
        both = in_one & in_two
        seen = both & ~hidden
        valid += [in_one.sum(), in_two.sum(), both.sum()]
        clouded += int((both & hidden).sum())
        mask.write(seen.astype(np.uint8), 1, window=window)
        # One lattice over the whole grid, whatever the blocks.
        lattice = (
            slice(-window.row_off % step, None, step),
            slice(-window.col_off % step, None, step),
        )
        chosen = seen[lattice]
        before.append(one[:, *lattice][:, chosen])
        after.append(two[:, *lattice][:, chosen])
        progress(number / len(blocks))
    _require_common(pair, valid)
    return Survey(
        np.concatenate(before, axis=1),
        np.concatenate(after, axis=1),
        int(valid[2]) - clouded,
        clouded,
    )


def _season(pair: Pair) -> Season:
    """Brightness of the second date against the first, over the whole scene; empty if unknown."""
    if not has_reflectance(pair):
        return {}
    one, two, both = pair.overview()
    return season(*reflectance(pair, one, two), both)


def _look(pair: Pair, window: Window, ratio: Season) -> tuple[Image, Image, Mask, Mask, Mask]:
    """A block of both scenes, where each has data, and where clouds hide the ground."""
    if not has_reflectance(pair):
        one, two, in_one, in_two = pair.read_each(window)
        return one, two, in_one, in_two, np.zeros(in_one.shape, dtype=bool)
    pixel_m = _pixel_m(pair.grid)
    wide, inner = grow(window, int(np.ceil(REACH_M / pixel_m)), pair.grid.shape)
    one, two, in_one, in_two = pair.read_each(wide)
    hidden = obscured(*reflectance(pair, one, two), in_one & in_two, pixel_m, ratio)
    return one[:, *inner], two[:, *inner], in_one[inner], in_two[inner], hidden[inner]


def _pixel_m(grid: Grid) -> float:
    """Side of a pixel in metres; of a degree, at the equator."""
    side = float(np.sqrt(abs(grid.transform.determinant)))
    return side * (111_320 if grid.crs.is_geographic else grid.crs.linear_units_factor[1])


def _require_common(pair: Pair, valid: NDArray[np.int64]) -> None:
    for scene, count in zip((pair.before, pair.after), valid, strict=False):
        if count == 0:
            raise SceneError(
                f"{scene.path}：在比较范围内没有有效像元（全部为无数据）。请换用有数据的影像。",
                f"{scene.path}: has no valid pixel where the scenes are compared (all nodata). "
                "Use a scene with data.",
            )
    if valid[2] == 0:
        raise SceneError(
            f"{pair.before.path} 与 {pair.after.path} 的有效像元没有重叠。请换用同一地区的影像。",
            f"the valid pixels of {pair.before.path} and {pair.after.path} do not overlap. "
            "Use scenes of the same area.",
        )
