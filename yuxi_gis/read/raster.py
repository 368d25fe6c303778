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

__all__ = ["BLOCK", "Grid", "Pair", "Scene", "align", "grow", "open_scene", "windows"]

BLOCK = 512
"""Side of a reading block in pixels; a block of 2 scenes × 6 float32 bands is 13 MB."""

_FINER = 2.25
"""Ratio of pixel areas above which the one scene is clearly finer than the other."""


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
class Grid:
    """Where pixels lie: the grid on which two scenes are compared.

    Attributes
    ----------
    crs : rasterio.crs.CRS
    transform : affine.Affine
        Pixel (column, row) to map coordinates.
    width, height : int
        Pixels.
    """

    crs: CRS
    transform: Affine
    width: int
    height: int

    @classmethod
    def of(cls, scene: Scene) -> Grid:
        """The grid on which a scene is stored."""
        return cls(scene.crs, scene.transform, scene.width, scene.height)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.height, self.width

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        west, south, east, north = array_bounds(self.height, self.width, self.transform)
        return min(west, east), min(south, north), max(west, east), max(south, north)

    def equals(self, other: Grid) -> bool:
        """Whether each pixel of one is a pixel of the other."""
        return (
            self.crs == other.crs
            and self.shape == other.shape
            and self.transform.almost_equals(other.transform, 1e-6)
        )


@dataclass(frozen=True)
class Pair:
    """Two scenes on one grid. Made by `align`; usable while that is open.

    Attributes
    ----------
    before, after : Scene
    grid : Grid
        That of `before`, or of `after` where its pixels are clearly larger.
    roles : tuple of (str or None)
        Roles of the compared bands.
    before_bands, after_bands : tuple of int
        1-based numbers of the compared bands in either scene.
    """

    before: Scene
    after: Scene
    grid: Grid
    roles: tuple[str | None, ...]
    before_bands: tuple[int, ...]
    after_bands: tuple[int, ...]
    _before: Any
    _after: Any

    def windows(self, size: int = BLOCK) -> list[Window]:
        """The blocks of the grid, row by row."""
        return windows(self.grid.shape, size)

    def read_each(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Both scenes in a window, and where each of them has data.

        Returns
        -------
        before, after : float32, (bands, rows, columns)
            Stored numbers of the compared bands; 0 where there are no data.
        in_before, in_after : bool, (rows, columns)
        """
        before, in_before = _read(self._before, self.before, self.before_bands, window)
        after, in_after = _read(self._after, self.after, self.after_bands, window)
        return before, after, in_before, in_after

    def overview(
        self, size: int = BLOCK
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Both scenes as `read` gives them, thinned to at most `size` pixels a side."""
        rows, columns = self.grid.shape
        step = max(rows / size, columns / size, 1)
        thin = (max(int(rows / step), 1), max(int(columns / step), 1))
        whole = Window(0, 0, columns, rows)
        before, in_before = _read(self._before, self.before, self.before_bands, whole, thin)
        after, in_after = _read(self._after, self.after, self.after_bands, whole, thin)
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
    bands: tuple[int, ...],
    window: Window,
    shape: tuple[int, int] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    indexes = list(bands)
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


def _compared(
    before: Scene, after: Scene
) -> tuple[tuple[str | None, ...], tuple[int, ...], tuple[int, ...]]:
    """Roles and 1-based numbers of the bands that both scenes have."""
    agree = all(
        one == two or None in (one, two)
        for one, two in zip(before.roles, after.roles, strict=False)
    )
    if before.count == after.count and agree:
        roles = tuple(one or two for one, two in zip(before.roles, after.roles, strict=True))
        plain = tuple(range(1, before.count + 1))
        return roles, plain, plain
    common = tuple(role for role in before.roles if role is not None and role in after.roles)
    if not common:
        names = ["、".join(role or "?" for role in scene.roles) for scene in (before, after)]
        raise SceneError(
            f"两景影像没有共同的波段：{before.path} 有 {before.count} 个（{names[0]}），"
            f"{after.path} 有 {after.count} 个（{names[1]}）。"
            "请用 --bands 指明波段（如 red=3,nir=4），或导出相同的波段。",
            f"the scenes have no bands in common: {before.path} has {before.count} ({names[0]}), "
            f"{after.path} has {after.count} ({names[1]}). Say which they are with --bands (for example red=3,nir=4), or export "
            "the same bands from both.",
        )
    return (
        common,
        tuple(before.roles.index(role) + 1 for role in common),
        tuple(after.roles.index(role) + 1 for role in common),
    )


def _bounds_on(scene: Scene, crs: CRS) -> tuple[float, float, float, float]:
    box = Grid.of(scene).bounds
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


def _coarser(one: Scene, two: Scene) -> bool:
    """Whether the pixels of `one` are clearly larger than those of `two`."""
    west, south, east, north = _bounds_on(two, one.crs)
    return abs(one.transform.determinant) > _FINER * (east - west) * (north - south) / (
        two.width * two.height
    )


@contextmanager
def align(
    before: Scene, after: Scene, *, shift: tuple[float, float] = (0.0, 0.0)
) -> Iterator[Pair]:
    """Lay two scenes on one grid, to be read block by block.

    Parameters
    ----------
    before, after : Scene
        Any CRS and grid. They are compared on the grid of `before`, or on that of `after` where
        its pixels are clearly larger. What does not lie on that grid is warped on the fly:
        averaged where its pixels are clearly finer, else cubic. Bands are matched by their
        roles, those that only one scene has are left out; where the roles are not known, equal
        numbers of bands are matched by position.
    shift : (float, float)
        Eastward and northward, in units of the CRS of `after`: how far it is moved first.

    Yields
    ------
    Pair

    Raises
    ------
    SceneError
        No bands or no ground in common.
    """
    roles, before_bands, after_bands = _compared(before, after)
    _require_overlap(before, after)
    grid = Grid.of(after if _coarser(after, before) else before)
    with ExitStack() as stack:
        first = _on(grid, before, (0.0, 0.0), stack)
        second = _on(grid, after, shift, stack)
        yield Pair(before, after, grid, roles, before_bands, after_bands, first, second)


def _on(grid: Grid, scene: Scene, shift: tuple[float, float], stack: ExitStack) -> Any:
    """The open dataset of a scene on `grid`: its own, or warped."""
    data = stack.enter_context(scene.dataset())
    if shift == (0.0, 0.0) and grid.equals(Grid.of(scene)):
        return data
    declared = scene.nodata is not None
    empty = scene.nodata if declared else (0 if np.dtype(scene.dtype).kind in "iu" else np.nan)
    west, south, east, north = _bounds_on(scene, grid.crs)
    pixel = (east - west) * (north - south) / (scene.width * scene.height)
    # Bilinear would blur one date and not the other: 1.4 % false change on grids 4 m apart.
    finer = abs(grid.transform.determinant) > _FINER * pixel
    moved = WarpedVRT(
        data,
        src_transform=Affine.translation(*shift) * scene.transform,
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=Resampling.average if finer else Resampling.cubic,
        src_nodata=empty,
        nodata=empty,
        # A declared value voids its own band; undeclared nought only where all bands have it.
        UNIFIED_SRC_NODATA="NO" if declared else "YES",
    )
    return stack.enter_context(moved)
