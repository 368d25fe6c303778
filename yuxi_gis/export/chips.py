"""Pictures before | after of changed places, for those who go there.

Both dates are drawn on one grid around the place, north up, with the same colours and, where the
reflectance is known, the same stretch, so that what looks different is different. Pixels that are
drawn larger than they are stay squares (nearest neighbour): nobody shall see detail that the sensor
has not.
"""

from __future__ import annotations

import base64
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.features import rasterize
from rasterio.io import DatasetReader, MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from yuxi_gis.crs import metric
from yuxi_gis.errors import SceneError
from yuxi_gis.read.raster import Grid, Scene

__all__ = ["HEIGHT", "WIDTH", "Chip", "data_url", "draw_chips"]

SIDE = 320
"""Pixels along each side of the ground shown at one date."""

_STRIP = 20  # pixels, of the strips with the dates and the scale
_GAP = 4
WIDTH = 2 * SIDE + _GAP
HEIGHT = SIDE + 2 * _STRIP
"""Size of a chip in pixels."""

_AROUND = 200.0  # metres of surroundings on each side, to find the place by
_COMPOSITES = (("red", "green", "blue"), ("nir", "red", "green"))
_PERCENTILES = (2, 98)
_SAMPLED = (8, 64)  # windows along a side of the scene, and pixels along a side of a window
_ENLARGED = 2.0  # from here on pixels are squares, which PNG packs tight
_UNSAFE = re.compile(r"[^\w-]")  # in the name of a file
_LINE, _HALO = (255, 230, 0), (0, 0, 0)
_INK, _PAPER = 0, 255

#: Digits and what else dates and scales need, 5 × 7 pixels, a row a number.
_GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    "-": (0, 0, 0, 31, 0, 0, 0),
    "k": (16, 16, 18, 20, 24, 20, 18),
    "m": (0, 0, 26, 21, 21, 21, 21),
    " ": (0, 0, 0, 0, 0, 0, 0),
}

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Chip:
    """One picture.

    Attributes
    ----------
    name : str
        File name, from the label of the place: ``000012.png`` or ``000012.jpg``.
    data : bytes
        The file.
    """

    name: str
    data: bytes

    @property
    def format(self) -> str:
        """``"png"`` or ``"jpeg"``."""
        return "png" if self.name.endswith(".png") else "jpeg"


def data_url(chip: Chip) -> str:
    """A ``data:image/…`` URL, for a page that loads nothing."""
    return f"data:image/{chip.format};base64,{base64.b64encode(chip.data).decode('ascii')}"


@dataclass(frozen=True)
class _Side:
    """One date: the open scene, the bands for red, green and blue, the numbers that are drawn
    darkest and brightest, how far it is moved, and the side of its pixels, in metres."""

    scene: Scene
    data: DatasetReader
    bands: tuple[int, ...]
    shift: tuple[float, float]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    pixel: float


def draw_chips(
    places: gpd.GeoDataFrame,
    before: Scene,
    after: Scene,
    *,
    label: str = "JCBH",
    shift: tuple[float, float] = (0.0, 0.0),
) -> Iterator[Chip]:
    """A chip for each place, one after the other.

    Parameters
    ----------
    places : GeoDataFrame
        Patches or parcels in any CRS; each is shown with 200 m around it.
    before, after : Scene
        True colour where both have red, green and blue, else false colour (near infrared, red,
        green), else the first three bands, or the first as grey. Reflectance is stretched alike
        at both dates, from the 2nd to the 98th percentile of both together; other numbers, whose
        gain and offset differ from day to day, from those of each scene.
    label : str
        Column that names the files.
    shift : (float, float)
        How far `after` is moved first, in units of the CRS of `places` (`ChangeResult.shift`).

    Yields
    ------
    Chip
        In the order of `places`: `WIDTH` × `HEIGHT` pixels, the place in outline at both dates,
        above each its date where that is known, below a scale. Ground without data is grey.

    Raises
    ------
    SceneError
        A scene cannot be read.
    CRSError
        `places` have no CRS.
    """
    if places.empty:
        return
    shown = metric(places)
    outlines = np.asarray(shapely.force_2d(shown.geometry.array))
    crs = shown.crs.to_wkt()
    with ExitStack() as stack:
        sides = _sides(before, after, _moved(shift, places, crs), crs, stack)
        for name, shape in zip(places[label].astype("str"), outlines, strict=True):
            pixels, zoom = _drawn(shape, crs, sides)
            suffix = "png" if zoom >= _ENLARGED else "jpg"
            yield Chip(f"{_UNSAFE.sub('_', name)}.{suffix}", _encoded(pixels, suffix))


def _moved(shift: tuple[float, float], places: gpd.GeoDataFrame, crs: str) -> tuple[float, float]:
    """`shift` of the middle of `places`, in metres of `crs`."""
    west, south, east, north = places.total_bounds
    x, y = (west + east) / 2, (south + north) / 2
    ends = gpd.GeoSeries.from_xy([x, x + shift[0]], [y, y + shift[1]], crs=places.crs).to_crs(crs)
    return ends.iloc[1].x - ends.iloc[0].x, ends.iloc[1].y - ends.iloc[0].y


def _sides(
    before: Scene, after: Scene, shift: tuple[float, float], crs: str, stack: ExitStack
) -> tuple[_Side, _Side]:
    """Both dates with the bands and the stretch that they share."""
    scenes = (before, after)
    chosen = [_bands(scene, scenes) for scene in scenes]
    opened = []
    for scene in scenes:
        with _told_of(scene.path):
            opened.append(stack.enter_context(scene.dataset()))
    units = _units(before, after)
    samples = [
        _sample(data, bands, scene.path) * gain + offset
        for data, bands, scene, (gain, offset) in zip(opened, chosen, scenes, units, strict=True)
    ]
    ranges = [_range(sample) for sample in samples]
    if all(scene.scale is not None for scene in scenes):
        ranges = [_range(np.concatenate(samples, axis=1))] * 2
    before_side, after_side = (
        _Side(
            scene,
            data,
            bands,
            moved,
            (low - offset) / gain,
            (high - offset) / gain,
            _pixel(scene, crs),
        )
        for scene, data, bands, moved, (low, high), (gain, offset) in zip(
            scenes, opened, chosen, ((0.0, 0.0), shift), ranges, units, strict=True
        )
    )
    return before_side, after_side


def _bands(scene: Scene, scenes: tuple[Scene, Scene]) -> tuple[int, ...]:
    """The bands of `scene` that are drawn as red, green and blue."""
    for roles in _COMPOSITES:
        if all(one.band(role) for one in scenes for role in roles):
            return tuple(scene.roles.index(role) + 1 for role in roles)
    return (1, 2, 3) if min(one.count for one in scenes) >= 3 else (1, 1, 1)


def _units(before: Scene, after: Scene) -> list[tuple[float, float]]:
    """Scale and offset to reflectance, where both have them."""
    if any(scene.scale is None for scene in (before, after)):
        return [(1.0, 0.0)] * 2
    return [(scene.scale or 1.0, scene.offset or 0.0) for scene in (before, after)]


def _sample(data: DatasetReader, bands: tuple[int, ...], name: str) -> NDArray[np.float64]:
    """Numbers from small windows all over the scene, (3, pixels): of data only."""
    number, size = _SAMPLED
    found = []
    for row in np.linspace(0, max(data.height - size, 0), number, dtype=int):
        for column in np.linspace(0, max(data.width - size, 0), number, dtype=int):
            window = Window(int(column), int(row), size, size)
            window = window.intersection(Window(0, 0, data.width, data.height))
            block, seen = _read(data, list(bands), name, window=window)
            found.append(block[:, seen])
    return np.concatenate(found, axis=1).astype(float)


def _range(sample: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not sample.shape[1]:
        return np.zeros(3), np.ones(3)
    low, high = np.percentile(sample, _PERCENTILES, axis=1)
    return low, high


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """What rasterio raises over a scene, as an error that names it."""
    try:
        yield
    except RasterioError as error:
        raise SceneError(
            f"{name}：影像数据读到一半出错，文件可能不完整。请重新下载或重新导出。",
            f"{name}: reading failed part of the way; the file is probably not whole. Download or "
            "export it again.",
        ) from error


def _read(
    data: Any, bands: list[int], name: str, **how: Any
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bands, and where all of them have data: without declared nodata, nought in all is none."""
    with _told_of(name):
        block = data.read(bands, **how).astype(np.float32)
        seen = (data.read_masks(bands, **how) != 0).all(axis=0)
    return block, seen & np.isfinite(block).all(axis=0) & (block != 0).any(axis=0)


def _drawn(shape: Any, crs: str, sides: tuple[_Side, _Side]) -> tuple[Pixels, float]:
    """The chip of one place, and how much larger than they are its pixels were drawn."""
    west, south, east, north = shapely.bounds(shape)
    metres = max(east - west, north - south) + 2 * _AROUND
    pixel = metres / SIDE
    corner = (west + east - metres) / 2, (south + north + metres) / 2
    grid = Affine.translation(*corner) * Affine.scale(pixel, -pixel)
    masks = [_outlined(shape, grid, wide * pixel) for wide in (2.2, 1.1)]
    panels = []
    for side in sides:
        panel = _ground(side, grid, crs)
        for mask, colour in zip(masks, (_HALO, _LINE), strict=True):
            panel[:, mask] = np.array(colour, dtype=np.uint8)[:, None]
        panels.append(panel)
    whole = np.full((3, HEIGHT, WIDTH), _PAPER, dtype=np.uint8)
    for left, panel, side in zip((0, SIDE + _GAP), panels, sides, strict=True):
        whole[:, _STRIP : _STRIP + SIDE, left : left + SIDE] = panel
        _write(whole, side.scene.date or "", left + 2, 3)
    _scale(whole, pixel)
    return whole, min(side.pixel for side in sides) / pixel


def _outlined(shape: Any, grid: Affine, half: float) -> NDArray[np.bool_]:
    """Where a line of the outline is drawn, `half` as wide on each side of it."""
    line = shapely.buffer(shapely.boundary(shape), half)
    if line.is_empty:
        return np.zeros((SIDE, SIDE), dtype=bool)
    return rasterize([line], (SIDE, SIDE), transform=grid, all_touched=True).astype(bool)


def _ground(side: _Side, grid: Affine, crs: str) -> Pixels:
    """One date on the chip's grid."""
    resampling = Resampling.nearest if side.pixel >= grid.a else Resampling.average
    has_alpha = ColorInterp.alpha in side.data.colorinterp
    with WarpedVRT(
        side.data,
        crs=crs,
        # What is moved by so much is read from where it came.
        transform=Affine.translation(-side.shift[0], -side.shift[1]) * grid,
        width=SIDE,
        height=SIDE,
        resampling=resampling,
        add_alpha=not has_alpha and side.scene.nodata is None,
    ) as warped:
        block, seen = _read(warped, list(side.bands), side.scene.path)
    width = np.maximum(side.high - side.low, np.finfo("float32").tiny)
    grey = (block - side.low[:, None, None]) / width[:, None, None]
    return np.where(seen, np.clip(grey, 0, 1) * 255, 128).round().astype(np.uint8)


def _pixel(scene: Scene, crs: str) -> float:
    """Side of the scene's pixels in the units of `crs`."""
    box = Grid.of(scene).bounds
    west, south, east, north = transform_bounds(scene.crs, crs, *box)
    return math.sqrt((east - west) * (north - south) / (scene.width * scene.height))


def _write(whole: Pixels, text: str, left: int, top: int, size: int = 2) -> int:
    """Draw `text`, whose characters are all known; the column where it ends."""
    for character in text:
        rows = np.array(_GLYPHS[character], dtype=np.uint8)
        bits = np.unpackbits(rows[:, None], axis=1)[:, 3:].astype(bool)
        drawn = np.kron(bits, np.ones((size, size), dtype=bool))
        height, width = drawn.shape
        whole[:, top : top + height, left : left + width][:, drawn] = _INK
        left += width + size
    return left


def _scale(whole: Pixels, pixel: float) -> None:
    """A bar of 1, 2 or 5 times a power of ten metres, and its length."""
    longest = SIDE / 2 * pixel
    step = 10 ** math.floor(math.log10(longest))
    metres = next(step * k for k in (5, 2, 1) if step * k <= longest)
    told = f"{metres / 1000:.0f} km" if metres >= 1000 else f"{metres:.0f} m"
    top, end = HEIGHT - _STRIP, 2 + round(metres / pixel)
    whole[:, top + 11 : top + 14, 2:end] = _INK
    for tick in (2, end - 2):
        whole[:, top + 5 : top + 14, tick : tick + 2] = _INK
    _write(whole, told, end + 8, top + 3)


def _encoded(pixels: Pixels, suffix: str) -> bytes:
    options: dict[str, Any] = (
        {"driver": "PNG", "ZLEVEL": 6} if suffix == "png" else {"driver": "JPEG", "QUALITY": 90}
    )
    with MemoryFile() as memory, warnings.catch_warnings():
        # A picture has no georeference of its own.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(width=WIDTH, height=HEIGHT, count=3, dtype="uint8", **options) as image:
            image.write(pixels)
        return bytes(memory.read())
