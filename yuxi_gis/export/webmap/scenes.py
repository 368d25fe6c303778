"""A satellite scene as one small picture that lies exactly on the web map."""

from __future__ import annotations

import base64
import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import Transformer
from rasterio.drivers import raster_driver_extensions
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from yuxi_gis.read.raster import Scene, open_scene

__all__ = ["MAX_SIDE", "Picture", "picture"]

#: The longer side of a picture, in pixels.
MAX_SIDE = 1500
#: A small scene is drawn with up to so many picture pixels a side of each of its pixels, so that
#: rounding to the picture's grid moves nothing by more than an eighth of a scene pixel.
_OVERSAMPLE = 4
_WEB = "EPSG:3857"

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Picture:
    """An image in EPSG:3857.

    Attributes
    ----------
    scene : Scene
    url : str
        ``data:image/…`` URL.
    bounds : tuple
        ((south, west), (north, east)) in degrees, the outer edges of the outermost pixels.
    """

    scene: Scene
    url: str
    bounds: tuple[tuple[float, float], tuple[float, float]]


def picture(
    path: str | os.PathLike[str], *, around: Box | None = None, max_side: int = MAX_SIDE
) -> Picture:
    """A scene in natural colours, stretched from the 2nd to the 98th percentile of each band.

    Leaflet stretches an image linearly between its corners in EPSG:3857, so that is where the
    scene is warped to. Memory depends on `max_side`, not on the scene.

    Parameters
    ----------
    path : path-like
        What `yuxi_gis.read.raster.open_scene` can open. Without known red, green and blue bands
        the first three are taken, or the first as grey.
    around : (float, float, float, float), optional
        West, south, east, north in degrees: no more of the scene than this is drawn, and so in
        more detail. The whole scene where it lies elsewhere.
    max_side : int
        Longest side in pixels.

    Raises
    ------
    SceneError
        The file is missing, unreadable or not georeferenced.
    """
    scene = open_scene(path)
    with scene.dataset() as source:
        grid, enlarged = _grid(source, around, max_side)
        resampling = Resampling.nearest if enlarged else Resampling.average
        has_alpha = ColorInterp.alpha in source.colorinterp
        with WarpedVRT(source, add_alpha=not has_alpha, resampling=resampling, **grid) as warped:
            bands = warped.read(_bands(scene)).astype("float32")
            alpha = warped.read(warped.colorinterp.index(ColorInterp.alpha) + 1)
            west, south, east, north = warped.bounds
    seen = (alpha > 0) & np.isfinite(bands).all(axis=0)
    degrees = Transformer.from_crs(_WEB, "EPSG:4326", always_xy=True)
    (west, east), (south, north) = degrees.transform([west, east], [south, north])
    return Picture(scene, _data_url(_stretch(bands, seen), seen), ((south, west), (north, east)))


def _grid(source: DatasetReader, around: Box | None, max_side: int) -> tuple[dict[str, Any], bool]:
    """The picture's grid, and whether its pixels are smaller than the scene's."""
    with WarpedVRT(source, crs=_WEB) as suggested:
        bounds, pixel = tuple(suggested.bounds), suggested.res
    if around is not None:
        bounds = _common(bounds, transform_bounds("EPSG:4326", _WEB, *around))
    west, south, east, north = bounds
    width, height = (east - west) / pixel[0], (north - south) / pixel[1]
    factor = min(max_side / max(width, height), _OVERSAMPLE)
    width, height = (max(1, round(side * factor)) for side in (width, height))
    transform = from_bounds(*bounds, width, height)
    grid = {"crs": _WEB, "transform": transform, "width": width, "height": height}
    return grid, factor >= 1


def _common(whole: Box, part: Box) -> Box:
    """What both boxes cover; `whole` where that is nothing."""
    west, south = max(whole[0], part[0]), max(whole[1], part[1])
    east, north = min(whole[2], part[2]), min(whole[3], part[3])
    return (west, south, east, north) if west < east and south < north else whole


def _bands(scene: Scene) -> list[int]:
    natural = [scene.band(role) for role in ("red", "green", "blue")]
    if all(natural):
        return [band for band in natural if band]
    return [1, 2, 3] if scene.count >= 3 else [1, 1, 1]


def _stretch(bands: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Each band from its 2nd and 98th percentile to 0..255."""
    if not seen.any():
        return np.zeros(bands.shape, dtype="uint8")
    low, high = np.percentile(bands[:, seen], [2, 98], axis=1)[:, :, None, None]
    scaled = (bands - low) / np.maximum(high - low, np.finfo("float32").tiny)
    return np.where(seen, np.clip(scaled, 0, 1) * 255, 0).round().astype("uint8")


def _data_url(rgb: npt.NDArray[np.uint8], seen: npt.NDArray[np.bool_]) -> str:
    pixels = np.concatenate([rgb, seen[None].astype("uint8") * 255])
    webp = "webp" in raster_driver_extensions()
    options: dict[str, Any] = {"driver": "WEBP", "QUALITY": 85} if webp else {"driver": "PNG"}
    with MemoryFile() as memory, warnings.catch_warnings():
        # A picture has no georeference of its own.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        _, height, width = pixels.shape
        with memory.open(width=width, height=height, count=4, dtype="uint8", **options) as image:
            image.write(pixels)
        code = base64.b64encode(memory.read()).decode("ascii")
    return f"data:image/{options['driver'].lower()};base64,{code}"
