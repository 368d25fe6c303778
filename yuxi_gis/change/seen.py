"""What both scenes show: valid pixels without cloud and cloud shadow, and a sample of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from yuxi_gis.change.clouds import REACH_M, hidden
from yuxi_gis.change.sky import Scale, Sky, survey_sky
from yuxi_gis.errors import SceneError
from yuxi_gis.read.raster import Grid, Pair, Scene, grow

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

__all__ = ["SAMPLE", "Survey", "clouds_looked_for", "survey"]

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
        Pixels left out as cloud, cloud shadow, snow or saturated.
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
    valid, seen_pixels, clouded = np.zeros(3, dtype=np.int64), 0, 0
    blocks = pair.windows()
    sky = _sky(pair) if clouds_looked_for(pair) else None
    marked = pair.before.quality is not None or pair.after.quality is not None
    for number, window in enumerate(blocks, 1):
        one, two, in_one, in_two, covered = _look(pair, window, sky)
        both = in_one & in_two
        seen = both & ~covered
        valid += [in_one.sum(), in_two.sum(), both.sum()]
        seen_pixels += int(seen.sum())
        clouded += int(((both & covered) | (pair.hidden(window) if marked else False)).sum())
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
    first, second = (np.concatenate(date, axis=1) for date in (before, after))
    return Survey(first, second, seen_pixels, clouded)


def clouds_looked_for(pair: Pair) -> bool:
    """Whether clouds must be looked for: not where the products of both dates mark them."""
    return pair.before.quality is None or pair.after.quality is None


def _sky(pair: Pair) -> Sky:
    """What the whole scenes tell of their clouds."""
    one, two, both = pair.overview()
    # The overview's pixels are larger than those of the grid.
    thinned = np.sqrt(pair.grid.width * pair.grid.height / both.size)
    pixel_m = _pixel_m(pair.grid) * float(thinned)
    return survey_sky(
        one, two, both, pixel_m, pair.roles, (_scale(pair.before), _scale(pair.after))
    )


def _scale(scene: Scene) -> Scale | None:
    if scene.scale is None or scene.offset is None:
        return None
    return scene.scale, scene.offset


def _look(pair: Pair, window: Window, sky: Sky | None) -> tuple[Image, Image, Mask, Mask, Mask]:
    """A block of both scenes, where each has data, and where clouds hide the ground."""
    if sky is None:
        one, two, in_one, in_two = pair.read_each(window)
        return one, two, in_one, in_two, np.zeros(in_one.shape, dtype=bool)
    pixel_m = _pixel_m(pair.grid)
    margin = int(np.ceil(REACH_M / pixel_m)) if sky.cloudy else 0
    wide, inner = grow(window, margin, pair.grid.shape)
    one, two, in_one, in_two = pair.read_each(wide)
    covered = hidden(one, two, in_one & in_two, pixel_m, sky)
    return one[:, *inner], two[:, *inner], in_one[inner], in_two[inner], covered[inner]


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
