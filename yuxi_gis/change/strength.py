"""The lean way from two scenes to a raster of the strength of change.

A method is fitted to a sample of the scene and applied block by block: besides the blocks of the
sample, each scene is read once, and only the bands that the method uses. There are no clouds
looked for, nothing is smoothed and no threshold found: that is `detect_change`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Interleaving, MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from yuxi_gis.change.difference import Difference
from yuxi_gis.change.methods import DEFAULT, METHODS, Fitted
from yuxi_gis.change.spectra import levelled
from yuxi_gis.errors import ParameterError, SceneError
from yuxi_gis.outputs import refuse_inputs, staged
from yuxi_gis.read.raster import BLOCK, Grid, Pair, Scene, align, open_scene

__all__ = ["NODATA", "SAMPLE", "write_strength"]

NODATA = -1.0
SAMPLE = 50_000
"""Pixels, about, that the method is fitted to; a variance from so many is exact to 0.6 %."""

_PARTS = 4  # blocks of the sample along either side of the scene
_CACHE = 64 << 20  # bytes; GDAL's own default grows with the machine: 5 % of its memory
_PLAIN = ([MaskFlags.all_valid], [MaskFlags.nodata])

Numbers = NDArray[Any]
Mask = NDArray[np.bool_]
Read = Callable[[Window, int], tuple[Numbers, Numbers, Mask]]


def write_strength(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    method: str = DEFAULT,
    bands: Mapping[str, int] | None = None,
    overwrite: bool = False,
    progress: Callable[[float], None] = lambda _: None,
) -> Fitted:
    """Write the strength of change between two scenes.

    Parameters
    ----------
    before, after : path-like
        Scenes as `yuxi_gis.read.raster.open_scene` takes them.
    out : path-like
        GeoTIFF to write: one band of float32 on the grid of `before`, or of the coarser scene;
        tiled; nodata −1 where not both scenes show the ground in the bands used. Strength is in
        units of what no change leaves (`yuxi_gis.change.methods`).
    method : str
        Key of `METHODS`.
    bands : mapping of role to int, optional
        Bands of both scenes, as `open_scene` takes them.
    overwrite : bool
        Replace an existing file.
    progress : callable, optional
        Told the part that is done.

    Returns
    -------
    Fitted
        The method as fitted to the sample.

    Raises
    ------
    SceneError
        A scene cannot be read, or the method cannot be fitted to the two.
    ParameterError
        There is no such method.
    OutputError
        `out` exists and `overwrite` is false, is an input, or cannot be written.
    """
    fit = _method(method).fit
    refuse_inputs([out], [before, after])
    with (
        # Each block is read once: nothing is gained by GDAL's cache.
        rasterio.Env(GDAL_CACHEMAX=_CACHE, GTIFF_DIRECT_IO="YES"),
        staged(out, overwrite=overwrite) as path,
        align(open_scene(before, bands), open_scene(after, bands)) as pair,
    ):
        blocks = _blocks(pair)
        fitted = fit(*_sample(pair, blocks), pair.roles)
        used, narrow = _narrowed(fitted)
        with _reader(pair, used) as read, _create(path, pair.grid) as result:
            for number, window in enumerate(blocks, 1):
                one, two, seen = read(window, 1)
                strength = narrow.strength(*levelled(pair, one, two))
                if not seen.all():
                    strength[~seen] = NODATA
                result.write(strength, 1, window=window)
                progress(number / len(blocks))
            result.descriptions = ("strength",)
            result.update_tags(METHOD=method, **fitted.tags())
    return fitted


def _method(name: str) -> Any:
    if name not in METHODS:
        known = ", ".join(METHODS)
        raise ParameterError(
            f"没有名为 {name!r} 的变化检测方法。可用：{known}。",
            f"no method of change detection is called {name!r}. Known: {known}.",
        )
    return METHODS[name]


def _striped(scene: Scene) -> bool:
    """Whether the file is stored in strips of whole rows: a square block reads them all."""
    with scene.dataset() as data:
        return bool(data.block_shapes[0][1] == data.width > BLOCK)


def _blocks(pair: Pair) -> list[Window]:
    """Blocks that read every stored tile or strip once."""
    if not (_striped(pair.before) or _striped(pair.after)):
        return pair.windows()
    rows, columns = pair.grid.shape
    height = max(BLOCK * BLOCK // columns, 1)
    return [Window(0, top, columns, min(height, rows - top)) for top in range(0, rows, height)]


def _sample(pair: Pair, blocks: list[Window]) -> tuple[Numbers, Numbers]:
    """Pixels seen in both scenes, (bands, pixels), from blocks spread over the scene."""
    tops = sorted({int(block.row_off) for block in blocks})
    lefts = sorted({int(block.col_off) for block in blocks})
    rows, columns = (_spread(starts) for starts in (tops, lefts))
    chosen = [block for block in blocks if block.row_off in rows and block.col_off in columns]
    pixels = sum(block.width * block.height for block in chosen)
    step = max(int(np.sqrt(pixels / SAMPLE)), 1)
    with _reader(pair, tuple(range(len(pair.roles)))) as read:
        parts = [read(block, step) for block in chosen]
    before, after = (
        np.concatenate([part[date][:, part[2]] for part in parts], axis=1, dtype=np.float32)
        for date in (0, 1)
    )
    return levelled(pair, before, after)


def _spread(starts: list[int]) -> set[int]:
    """Some of the starts, evenly spread."""
    number = min(len(starts), _PARTS)
    return {starts[(2 * i + 1) * len(starts) // (2 * number)] for i in range(number)}


def _narrowed(fitted: Any) -> tuple[tuple[int, ...], Fitted]:
    """The 0-based bands that a method uses, and the method for numbers of these only."""
    if isinstance(fitted, Difference):
        pair = tuple(sorted((fitted.up, fitted.down)))
        return pair, replace(fitted, up=pair.index(fitted.up), down=pair.index(fitted.down))
    used = tuple(int(band) for band in fitted.bands)
    return used, replace(fitted, bands=np.arange(len(used)))


@contextmanager
def _reader(pair: Pair, used: tuple[int, ...]) -> Iterator[Read]:
    """What reads every so many-th pixel of the used bands, and says where both scenes are seen."""
    with ExitStack() as stack:
        scenes = ((pair.before, pair.before_bands), (pair.after, pair.after_bands))
        plain = [
            _Plain(scene, stack.enter_context(scene.dataset()), [bands[i] for i in used])
            for scene, bands in scenes
        ]

        def together(window: Window, step: int) -> tuple[Numbers, Numbers, Mask]:
            (one, seen), (two, also) = (scene.read(window, step) for scene in plain)
            return one, two, seen & also

        def aligned(window: Window, step: int) -> tuple[Numbers, Numbers, Mask]:
            one, two, seen = pair.read(window)
            thin = (slice(None, None, step),) * 2
            return one[:, *thin][list(used)], two[:, *thin][list(used)], seen[thin]

        yield together if all(one.lies_on(pair.grid) for one in plain) else aligned


@dataclass(frozen=True)
class _Plain:
    """A scene whose file lies on the grid and marks what is not seen by nodata at most.

    Read as stored: a mask of GDAL's costs more than all the rest.
    """

    scene: Scene
    data: Any
    bands: list[int]

    def lies_on(self, grid: Grid) -> bool:
        """Whether the file can be read so."""
        flags = self.data.mask_flag_enums
        return (
            self.scene.quality is None
            and grid.equals(Grid.of(self.scene))
            and all(flags[band - 1] in _PLAIN for band in self.bands)
            and len({self.data.nodatavals[band - 1] for band in self.bands}) == 1
        )

    @cached_property
    def _whole(self) -> bool:
        """Whether to read all bands for the two that are used.

        GDAL fetches whole pixels in any case, and takes them apart in one go faster than it picks
        bands from them, as long as they are few.
        """
        return (
            self.data.interleaving == Interleaving.pixel
            and len(self.bands) == 2 < self.data.count <= 4
            and self.bands[0] < self.bands[1]
        )

    def read(self, window: Window, step: int) -> tuple[Numbers, Mask]:
        """Stored numbers and where the scene is seen, by the rules of `Pair.read`."""
        try:
            if self._whole:
                first, last = self.bands[0] - 1, self.bands[1] - 1
                block = self.data.read(window=window)
                block = block[first : last + 1 : last - first]  # a view; a list would copy
            else:
                block = self.data.read(self.bands, window=window)
        except RasterioError as error:
            raise SceneError(
                f"{self.scene.path}：影像数据读到一半出错，文件可能不完整。请重新下载或重新导出。",
                f"{self.scene.path}: reading failed part of the way; the file is probably not "
                "whole. Download or export it again.",
            ) from error
        if step > 1:
            block = block[:, ::step, ::step].copy()  # not a view, which would hold the whole block
        seen = _seen(block, self.data.nodatavals[self.bands[0] - 1])
        if block.dtype.kind == "f":
            seen &= np.isfinite(block).all(axis=0)
            block[:, ~seen] = 0
        return block, seen


def _seen(block: Numbers, nodata: float | None) -> Mask:
    """Where no band is nodata; where none is declared, not every band is nought."""
    empty: Mask = block[0] == (0 if nodata is None else nodata)
    for band in block[1:]:  # a reduction along the bands takes ten times as long
        if nodata is None:
            if not empty.any():
                break
            empty &= band == 0
        else:
            empty |= band == nodata
    return np.logical_not(empty, out=empty)


@contextmanager
def _create(path: Path, grid: Grid) -> Iterator[Any]:
    with rasterio.open(
        path,
        "w",
        count=1,
        dtype="float32",
        nodata=NODATA,
        blockxsize=BLOCK,
        blockysize=BLOCK,
        **grid.profile,
    ) as out:
        yield out
