"""One scene on a grid: its bands and its quality layers, read block by block."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from yuxi_gis.errors import SceneError
from yuxi_gis.read.grid import BLOCK, Grid, windows
from yuxi_gis.read.quality import SCHEMES, Quality, hidden
from yuxi_gis.read.scene import Scene

__all__ = ["Laid", "lay", "store"]

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Shape = tuple[int, int]

_FINEST = 8  # samples of a quality layer a side of a pixel; finer layers are sampled
_SLOW = ("VRT", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID")  # decoded again in every pass
_EXACT = ("uint8", "int8", "uint16", "int16")  # what float32 holds without loss
_VALID, _HIDDEN = 1, 2


class Laid(Protocol):
    """A scene that can be read on a grid."""

    @property
    def slow(self) -> bool:
        """Whether every pass decodes or warps it anew."""

    @property
    def thinned_apart(self) -> bool:
        """Whether thinned reading is more than taking some of the pixels of full reading."""

    @property
    def dtype(self) -> str:
        """Smallest type that holds the numbers of `read`."""

    def read(self, window: Window, shape: Shape | None = None) -> tuple[Image, Mask]:
        """Stored numbers (bands, rows, columns), 0 where not seen, and where there are data."""

    def hidden(self, window: Window) -> Mask:
        """Where the quality layers say cloud, shadow, snow, saturated or defective."""


@dataclass(frozen=True)
class _Layer:
    """An open quality layer, `factor` × `factor` of its numbers a pixel of the grid."""

    data: Any
    quality: Quality
    factor: int

    def hidden(self, window: Window, shape: Shape | None, fill: bool) -> Mask:
        """A pixel is hidden where any part of it is."""
        k = self.factor
        rows, columns = shape or (int(window.height), int(window.width))
        fine = Window(window.col_off * k, window.row_off * k, window.width * k, window.height * k)
        values = self.data.read(self.quality.band, window=fine, out_shape=(rows * k, columns * k))
        found = hidden(values, self.quality.scheme, fill=fill)
        return np.asarray(found.reshape(rows, k, columns, k).any(axis=(1, 3)))


@dataclass(frozen=True)
class _Open:
    """A scene read from its source."""

    scene: Scene
    bands: tuple[int, ...]
    data: Any
    layers: tuple[_Layer, ...]

    @property
    def slow(self) -> bool:
        return isinstance(self.data, WarpedVRT) or self.data.driver in _SLOW

    @property
    def thinned_apart(self) -> bool:
        sampled = any(layer.factor > 1 for layer in self.layers)
        return sampled or bool(self.data.overviews(self.bands[0]))

    @property
    def dtype(self) -> str:
        found = {self.data.dtypes[band - 1] for band in self.bands}
        return found.pop() if len(found) == 1 and found <= set(_EXACT) else "float32"

    def read(self, window: Window, shape: Shape | None = None) -> tuple[Image, Mask]:
        indexes = list(self.bands)
        out = None if shape is None else (len(indexes), *shape)
        try:
            stored = self.data.read(indexes, window=window, out_shape=out)
            valid = self._declared(stored, window, out)
            covered = self._hidden(window, shape, fill=True)
        except RasterioError as error:
            raise _broken(self.scene) from error
        block = stored.astype(np.float32)
        valid &= np.isfinite(block).all(axis=0)
        if self.scene.nodata is None:
            # Fill that nobody declared: reflected light is never nought in every band.
            valid &= (block != 0).any(axis=0)
        if covered is not None:
            valid &= ~covered
        block[:, ~valid] = 0
        return block, valid

    def _declared(self, stored: Any, window: Window, out: tuple[int, ...] | None) -> Mask:
        """Where no band has the declared number of no data, and no mask of the file is set."""
        flags = {flag for band in self.bands for flag in self.data.mask_flag_enums[band - 1]}
        if flags <= {MaskFlags.all_valid}:
            return np.ones(stored.shape[1:], dtype=bool)
        if flags == {MaskFlags.nodata}:  # GDAL would read, and warp, every band once more for it
            empty = [self.data.nodatavals[band - 1] for band in self.bands]
            return np.asarray(
                np.logical_and.reduce([_differs(*pair) for pair in zip(stored, empty, strict=True)])
            )
        masks = self.data.read_masks(list(self.bands), window=window, out_shape=out)
        return np.asarray((masks != 0).all(axis=0))

    def hidden(self, window: Window) -> Mask:
        try:
            found = self._hidden(window, None, fill=False)
        except RasterioError as error:
            raise _broken(self.scene) from error
        return np.zeros((int(window.height), int(window.width)), bool) if found is None else found

    def _hidden(self, window: Window, shape: Shape | None, fill: bool) -> Mask | None:
        found = None
        for layer in self.layers:
            more = layer.hidden(window, shape, fill)
            found = more if found is None else found | more
        return found


@dataclass(frozen=True)
class _Stored:
    """A scene read from what `store` wrote."""

    origin: Laid
    data: Any
    flags: Any
    slow: bool = False

    @property
    def thinned_apart(self) -> bool:
        return self.origin.thinned_apart

    @property
    def dtype(self) -> str:
        return self.origin.dtype

    def read(self, window: Window, shape: Shape | None = None) -> tuple[Image, Mask]:
        if shape is not None and self.thinned_apart:
            return self.origin.read(window, shape)
        out = None if shape is None else (self.data.count, *shape)
        block = self.data.read(window=window, out_shape=out).astype(np.float32)
        return block, (self.flags.read(1, window=window, out_shape=shape) & _VALID) != 0

    def hidden(self, window: Window) -> Mask:
        return np.asarray((self.flags.read(1, window=window) & _HIDDEN) != 0)


def _differs(band: Any, nodata: float) -> Mask:
    if np.isnan(nodata):
        return np.asarray(~np.isnan(band))
    if band.dtype.kind in "iu" and (
        int(nodata) != nodata or nodata != np.clip(nodata, *_ends(band))
    ):
        return np.ones(band.shape, dtype=bool)  # a number that the type cannot hold
    return np.asarray(band != np.asarray(nodata, dtype=np.float64).astype(band.dtype))


def _ends(band: Any) -> tuple[int, int]:
    return np.iinfo(band.dtype).min, np.iinfo(band.dtype).max


def _broken(scene: Scene) -> SceneError:
    return SceneError(
        f"{scene.path}：影像数据读到一半出错，文件可能不完整。请重新下载或重新导出。",
        f"{scene.path}: reading failed part of the way; the file is probably not whole. "
        "Download or export it again.",
    )


def lay(
    grid: Grid, scene: Scene, bands: tuple[int, ...], shift: tuple[float, float], stack: ExitStack
) -> Laid:
    """Lay a scene on a grid.

    Parameters
    ----------
    grid : Grid
    scene : Scene
    bands : tuple of int
        1-based numbers of the bands to read.
    shift : (float, float)
        Eastward and northward, in units of the grid's CRS: how far the scene is moved first.
    stack : contextlib.ExitStack
        Closes what is opened here.

    Returns
    -------
    Laid
        Read from its own file where that lies on the grid; else warped: averaged where its
        pixels are clearly finer, else cubic. Quality layers are never mixed: a pixel is hidden
        where any part of it is.
    """
    try:
        data = stack.enter_context(scene.dataset())
        layers = () if scene.quality is None else scene.quality.layers
        opened = tuple(_layer(grid, scene, layer, shift, stack) for layer in layers)
        return _Open(scene, bands, _on(grid, scene, data, shift, stack), opened)
    except RasterioError as error:
        raise _broken(scene) from error


def _on(grid: Grid, scene: Scene, data: Any, shift: tuple[float, float], stack: ExitStack) -> Any:
    """The scene's own dataset, or a warped one."""
    own = Grid.of(scene)
    if shift == (0.0, 0.0) and grid.equals(own):
        return data
    declared = scene.nodata is not None
    empty = scene.nodata if declared else (0 if np.dtype(scene.dtype).kind in "iu" else np.nan)
    # Else GDAL works the scale out anew for each part, and blocks at the far edge differ.
    scale = min(1.0, sqrt(own.pixel_in(grid.crs) / grid.pixel_in(grid.crs)))
    # Bilinear would blur one date and not the other: 1.4 % false change on grids 4 m apart.
    moved = WarpedVRT(
        data,
        crs=grid.crs,
        transform=Affine.translation(-shift[0], -shift[1]) * grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=Resampling.average if grid.coarser(own) else Resampling.cubic,
        src_nodata=empty,
        nodata=empty,
        # A declared value voids its own band; undeclared nought only where all bands have it.
        UNIFIED_SRC_NODATA="NO" if declared else "YES",
        XSCALE=scale,
        YSCALE=scale,
    )
    return stack.enter_context(moved)


def _layer(
    grid: Grid, scene: Scene, quality: Quality, shift: tuple[float, float], stack: ExitStack
) -> _Layer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        data = stack.enter_context(rasterio.open(quality.path))
    own = Grid(data.crs or scene.crs, data.transform, data.width, data.height)
    if shift == (0.0, 0.0) and grid.equals(own):
        return _Layer(data, quality, 1)
    ratio = grid.pixel_in(grid.crs) / own.pixel_in(grid.crs)
    factor = min(max(ceil(sqrt(ratio) - 0.01), 1), _FINEST)
    fill = SCHEMES[quality.scheme].fill
    laid = WarpedVRT(
        data,
        src_crs=own.crs,
        crs=grid.crs,
        transform=Affine.translation(-shift[0], -shift[1])
        * grid.transform
        * Affine.scale(1 / factor),
        width=grid.width * factor,
        height=grid.height * factor,
        resampling=Resampling.nearest,
        src_nodata=fill,
        nodata=fill,
    )
    return _Layer(stack.enter_context(laid), quality, factor)


def store(
    laid: Laid, grid: Grid, path: Path, stack: ExitStack, step: Callable[[float], None]
) -> Laid:
    """Write a laid scene once, to be read from there.

    Parameters
    ----------
    laid : Laid
    grid : Grid
        On which it lies.
    path : Path
        Of the GeoTIFF with the bands; its flags go beside it, with ``.seen`` in the name.
    stack : contextlib.ExitStack
        Closes what is opened here.
    step : callable
        Told the part that is done.

    Returns
    -------
    Laid
        Gives the same numbers.
    """
    blocks = windows(grid.shape)
    count = len(laid.read(blocks[0])[0])
    seen = path.with_suffix(".seen.tif")
    with _create(path, grid, count, laid.dtype) as out, _create(seen, grid, 1, "uint8") as flags:
        for number, window in enumerate(blocks, 1):
            block, valid = laid.read(window)
            out.write(block.astype(laid.dtype), window=window)
            marks = valid * np.uint8(_VALID) | laid.hidden(window) * np.uint8(_HIDDEN)
            flags.write(marks.astype(np.uint8), 1, window=window)
            step(number / len(blocks))
    return _Stored(
        laid, stack.enter_context(rasterio.open(path)), stack.enter_context(rasterio.open(seen))
    )


def _create(path: Path, grid: Grid, count: int, dtype: str) -> Any:
    return rasterio.open(
        path,
        "w",
        count=count,
        dtype=dtype,
        blockxsize=BLOCK,
        blockysize=BLOCK,
        interleave="pixel",
        **grid.profile,
    )
