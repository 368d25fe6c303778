"""Scenes: what a raster file is, and two of them read block by block on one grid.

``open_scene`` looks at a file and says what its bands are; ``align`` lays a second scene on the
grid of the first. Nothing here holds more than one block of pixels in memory.

Examples
--------
>>> scene = open_scene("scene_2024.tif")                                    # doctest: +SKIP
>>> scene.band("nir"), scene.scale                                          # doctest: +SKIP
(4, 0.0001)
>>> with align(scene, open_scene("scene_2025.tif")) as pair:                # doctest: +SKIP
...     for window in pair.windows():
...         before, after, seen = pair.read(window)
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from yuxi_gis.errors import SceneError
from yuxi_gis.read.bands import acquisition_date, band_roles, reflectance_scale

__all__ = ["BLOCK", "Pair", "Scene", "align", "grow", "open_scene", "windows"]

BLOCK = 512
"""Side of a reading block in pixels; a block of 2 scenes × 6 float32 bands is 13 MB."""


@dataclass(frozen=True)
class Scene:
    """What a raster file says of itself; holds no pixels and no open file.

    Attributes
    ----------
    path : str
        As given to `open_scene`.
    crs : rasterio.crs.CRS
    transform : affine.Affine
        Pixel (column, row) to map coordinates.
    width, height : int
        Pixels.
    dtype : str
        Of the stored numbers.
    nodata : float or None
        Declared value of pixels without data.
    names : tuple of str
        Band descriptions (``band 1`` … where there are none).
    roles : tuple of (str or None)
        ``coastal blue green red rededge nir swir1 swir2``, or None where not known. A role
        occurs once: of two near-infrared bands the first has it.
    scale, offset : float or None
        ``reflectance = number × scale + offset``; None where the file does not say.
    date : str or None
        ``YYYY-MM-DD`` from the tags or the file name.
    """

    path: str
    crs: CRS
    transform: Affine
    width: int
    height: int
    dtype: str
    nodata: float | None
    names: tuple[str, ...]
    roles: tuple[str | None, ...]
    scale: float | None
    offset: float | None
    date: str | None

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.height, self.width

    @property
    def name(self) -> str:
        """File name without folder and ending."""
        return Path(self.path).stem

    def band(self, role: str) -> int | None:
        """1-based number of the band with this role, or None."""
        return self.roles.index(role) + 1 if role in self.roles else None

    @contextmanager
    def dataset(self) -> Iterator[rasterio.DatasetReader]:
        """The open rasterio dataset."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            opened = rasterio.open(self.path)
        with opened:
            yield opened

    def sha256(self) -> str:
        """Hash of the file's bytes (hex); empty for what is not one local file."""
        if not Path(self.path).is_file():
            return ""
        with Path(self.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Pair:
    """Two scenes on one grid: that of `before`. Made by `align`; usable while that is open."""

    before: Scene
    after: Scene
    order: tuple[int, ...]
    _before: rasterio.DatasetReader
    _after: Any

    def windows(self, size: int = BLOCK) -> list[Window]:
        """The blocks of the grid, row by row."""
        return windows(self.before.shape, size)

    def read_each(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Both scenes in a window, and where each of them has data.

        Returns
        -------
        before, after : float32, (bands, rows, columns)
            Stored numbers; 0 where there are no data. Bands in the order of `before`.
        in_before, in_after : bool, (rows, columns)
        """
        before, in_before = _read(self._before, self.before, None, window)
        after, in_after = _read(self._after, self.after, self.order, window)
        return before, after, in_before, in_after

    def overview(
        self, size: int = BLOCK
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Both scenes as `read` gives them, thinned to at most `size` pixels a side."""
        rows, columns = self.before.shape
        step = max(rows / size, columns / size, 1)
        thin = (max(int(rows / step), 1), max(int(columns / step), 1))
        whole = Window(0, 0, columns, rows)
        before, in_before = _read(self._before, self.before, None, whole, thin)
        after, in_after = _read(self._after, self.after, self.order, whole, thin)
        return before, after, in_before & in_after

    def read(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Both scenes in a window, and where both have data (see `read_each`)."""
        before, after, in_before, in_after = self.read_each(window)
        return before, after, in_before & in_after


def windows(shape: tuple[int, int], size: int = BLOCK) -> list[Window]:
    """Square blocks that cover `shape` (rows, columns), row by row; smaller at the far edges."""
    rows, columns = shape
    return [
        Window(left, top, min(size, columns - left), min(size, rows - top))
        for top in range(0, rows, size)
        for left in range(0, columns, size)
    ]


def grow(window: Window, margin: int, shape: tuple[int, int]) -> tuple[Window, tuple[slice, slice]]:
    """`window` widened by `margin` pixels within `shape`, and where the old one lies in it."""
    top, left = max(window.row_off - margin, 0), max(window.col_off - margin, 0)
    bottom = min(window.row_off + window.height + margin, shape[0])
    right = min(window.col_off + window.width + margin, shape[1])
    row, column = window.row_off - top, window.col_off - left
    inner = (slice(row, row + window.height), slice(column, column + window.width))
    return Window(left, top, right - left, bottom - top), inner


def open_scene(path: str | os.PathLike[str]) -> Scene:
    """Look at a raster file that GDAL can read (GeoTIFF, COG, ENVI, …).

    Band roles come from the descriptions (words, Sentinel-2 band names), else from wavelengths
    in the metadata, else from the colour interpretation; what none of them says stays None.
    The reflectance scale comes from the bands' declared scale and offset, from the tags
    ``REFLECTANCE_SCALE`` or ``QUANTIFICATION_VALUE``, or from Sentinel-2 band names on 16-bit
    integers (1/10000).

    Raises
    ------
    SceneError
        The file is missing or unreadable, or has no CRS or no georeference.
    """
    path = os.fspath(path)
    if "://" not in path and not path.startswith("/vsi") and not Path(path).exists():
        raise SceneError(
            f"{path}：找不到影像文件。请检查路径。",
            f"{path}: no such scene file. Check the path.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as data:
                _require_place(path, data)
                return _describe(path, data)
    except RasterioError as error:
        raise SceneError(
            f"{path}：无法读取为影像。请确认它是完整的 GeoTIFF 或 ENVI 等栅格文件。",
            f"{path}: cannot be read as a raster. Check that it is a whole GeoTIFF, ENVI or "
            "other raster file.",
        ) from error


def _require_place(path: str, data: rasterio.DatasetReader) -> None:
    if data.crs is None:
        raise SceneError(
            f"{path}：影像没有坐标系。请先为它指定坐标系（如 gdal_edit.py -a_srs EPSG:4543）。",
            f"{path}: the scene has no CRS. Give it one first "
            "(for example gdal_edit.py -a_srs EPSG:4543).",
        )
    if any(dtype.startswith("complex") for dtype in data.dtypes):
        raise SceneError(
            f"{path}：影像是复数类型（雷达单视复数？），不能比较。请先转换为强度影像。",
            f"{path}: the scene holds complex numbers (single-look radar?) and cannot be compared. "
            "Convert it to intensity first.",
        )
    if data.transform.is_identity:
        raise SceneError(
            f"{path}：影像没有地理参考（仿射变换）。请先做几何校正或补上坐标文件。",
            f"{path}: the scene has no georeference (affine transform). Georeference it first "
            "or add its world file.",
        )


def _describe(path: str, data: rasterio.DatasetReader) -> Scene:
    names = tuple(text or f"band {i}" for i, text in enumerate(data.descriptions, 1))
    scale, offset = reflectance_scale(data, names)
    return Scene(
        path=path,
        crs=data.crs,
        transform=data.transform,
        width=data.width,
        height=data.height,
        dtype=data.dtypes[0],
        nodata=data.nodata,
        names=names,
        roles=band_roles(data, names),
        scale=scale,
        offset=offset,
        date=acquisition_date(path, data),
    )


def _read(
    data: Any,
    scene: Scene,
    order: tuple[int, ...] | None,
    window: Window,
    shape: tuple[int, int] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    indexes = list(order or range(1, scene.count + 1))
    try:
        out = None if shape is None else (len(indexes), *shape)
        block = data.read(indexes, window=window, out_shape=out).astype(np.float32)
        masks = data.read_masks(indexes, window=window, out_shape=out)
    except RasterioError as error:
        raise SceneError(
            f"{scene.path}：影像数据读到一半出错，文件可能不完整。请重新下载或重新导出。",
            f"{scene.path}: reading failed part of the way; the file is probably not whole. "
            "Download or export it again.",
        ) from error
    valid = np.isfinite(block).all(axis=0)
    valid &= (masks != 0).all(axis=0)
    if scene.nodata is None:
        # Fill that nobody declared: reflected light is never nought in every band.
        valid &= (block != 0).any(axis=0)
    block[:, ~valid] = 0
    return block, valid


def _matching_order(before: Scene, after: Scene) -> tuple[int, ...]:
    """Bands of `after` (1-based) in the order of `before`."""
    if before.count != after.count:
        raise SceneError(
            f"两景影像波段数不同：{before.path} 有 {before.count} 个，{after.path} 有 "
            f"{after.count} 个。请导出相同的波段。",
            f"the scenes differ in their number of bands: {before.path} has {before.count}, "
            f"{after.path} has {after.count}. Export the same bands from both.",
        )
    plain = tuple(range(1, before.count + 1))
    if None in before.roles or None in after.roles:
        return plain
    if set(before.roles) != set(after.roles):
        raise SceneError(
            f"两景影像波段不同：{before.path} 为 {'、'.join(map(str, before.roles))}，"
            f"{after.path} 为 {'、'.join(map(str, after.roles))}。请导出相同的波段。",
            f"the scenes hold different bands: {before.path} has "
            f"{', '.join(map(str, before.roles))}, {after.path} has "
            f"{', '.join(map(str, after.roles))}. Export the same bands from both.",
        )
    return tuple(after.roles.index(role) + 1 for role in before.roles)


def _bounds_on(scene: Scene, crs: CRS) -> tuple[float, float, float, float]:
    west, south, east, north = array_bounds(scene.height, scene.width, scene.transform)
    box = (min(west, east), min(south, north), max(west, east), max(south, north))
    return box if scene.crs == crs else transform_bounds(scene.crs, crs, *box, densify_pts=21)


def _require_overlap(before: Scene, after: Scene) -> None:
    try:
        one, two = _bounds_on(before, before.crs), _bounds_on(after, before.crs)
        apart = one[0] >= two[2] or two[0] >= one[2] or one[1] >= two[3] or two[1] >= one[3]
    except RasterioError:
        apart = True
    if apart:
        raise SceneError(
            f"两景影像不重叠：{before.path} 与 {after.path}。请检查坐标系和范围，"
            "换用同一地区的影像。",
            f"the scenes do not overlap: {before.path} and {after.path}. Check their CRS and "
            "extent, and use scenes of the same area.",
        )


def _resampling(before: Scene, after: Scene) -> Resampling:
    """Average where the second scene is clearly finer than the grid, else cubic.

    Bilinear would blur one date and not the other: 1.4 % false change on grids 4 m apart.
    """
    left, bottom, right, top = _bounds_on(after, before.crs)
    pixel_after = (right - left) * (top - bottom) / (after.width * after.height)
    finer = abs(before.transform.determinant) > 2.25 * pixel_after
    return Resampling.average if finer else Resampling.cubic


@contextmanager
def align(before: Scene, after: Scene) -> Iterator[Pair]:
    """Lay `after` on the grid of `before`, to be read block by block.

    Parameters
    ----------
    before, after : Scene
        Any CRS and grid. `after` is warped on the fly (averaged where its pixels are clearly
        finer, else bilinear; taken as it is where the grids are equal). Where the roles of all
        bands are known they are matched by role, else by position.

    Yields
    ------
    Pair

    Raises
    ------
    SceneError
        Different bands, or no common ground.
    """
    order = _matching_order(before, after)
    _require_overlap(before, after)
    same = (
        before.crs == after.crs
        and before.shape == after.shape
        and before.transform.almost_equals(after.transform, 1e-6)
    )
    with ExitStack() as stack:
        first = stack.enter_context(before.dataset())
        second: Any = stack.enter_context(after.dataset())
        if not same:
            second = stack.enter_context(_warped(second, before, after))
        yield Pair(before, after, order, first, second)


def _warped(data: rasterio.DatasetReader, before: Scene, after: Scene) -> WarpedVRT:
    declared = after.nodata is not None
    empty = after.nodata if declared else (0 if np.dtype(after.dtype).kind in "iu" else np.nan)
    return WarpedVRT(
        data,
        crs=before.crs,
        transform=before.transform,
        width=before.width,
        height=before.height,
        resampling=_resampling(before, after),
        src_nodata=empty,
        nodata=empty,
        # A declared value voids its own band; undeclared nought only where all bands have it.
        UNIFIED_SRC_NODATA="NO" if declared else "YES",
    )
