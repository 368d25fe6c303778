"""Several files as one raster: a VRT text on the finest of their grids.

The text goes to rasterio as it is, so nothing is written beside the sources. Bands of a coarser
file are resampled while they are read; what a source declares as no data takes no part in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from yuxi_gis.errors import SceneError

__all__ = ["Part", "stack"]

_GDAL_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}


@dataclass(frozen=True)
class Part:
    """One band of a scene of many files.

    Attributes
    ----------
    path : str
        What rasterio opens.
    name : str
        Description of the band in the stack.
    band : int
        1-based band of the file.
    nodata : float or None
        Where the file declares none itself.
    """

    path: str
    name: str
    band: int = 1
    nodata: float | None = None


@dataclass(frozen=True)
class _Source:
    """A part, and what its file says of itself."""

    part: Part
    path: str
    crs: CRS | None
    transform: Affine
    width: int
    height: int
    dtype: str
    nodata: float | None

    @property
    def pixel(self) -> float:
        """Area of a pixel."""
        return abs(float(self.transform.determinant))


def stack(parts: Sequence[Part]) -> str:
    """One raster of many bands, as the text of a GDAL VRT.

    Parameters
    ----------
    parts : sequence of Part
        Its bands in their order.

    Returns
    -------
    str
        What `rasterio.open` takes. The grid is that of the part with the smallest pixels;
        coarser parts are resampled by cubic convolution.

    Raises
    ------
    SceneError
        A file cannot be read, or lies in another CRS than the others.
    """
    sources = [_look(part) for part in parts]
    finest = min(sources, key=lambda source: source.pixel)
    for source in sources:
        if source.crs != finest.crs:
            raise SceneError(
                f"{source.part.path}：坐标系与同一景的其他波段不同。请检查是否混入了别的影像的文件。",
                f"{source.part.path}: its CRS differs from that of the scene's other bands. Check "
                "that no file of another scene got among them.",
            )
    t = finest.transform
    crs = "" if finest.crs is None else f"<SRS>{escape(finest.crs.to_wkt())}</SRS>"
    bands = "".join(_band(number, source, finest) for number, source in enumerate(sources, 1))
    return (
        f'<VRTDataset rasterXSize="{finest.width}" rasterYSize="{finest.height}">{crs}'
        f"<GeoTransform>{t.c!r},{t.a!r},{t.b!r},{t.f!r},{t.d!r},{t.e!r}</GeoTransform>"
        f"{bands}</VRTDataset>"
    )


def _look(part: Part) -> _Source:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(part.path) as data:
                own = data.nodatavals[part.band - 1]
                dtype = data.dtypes[part.band - 1]
                return _Source(
                    part=part,
                    path=data.files[0] if data.files else part.path,
                    crs=data.crs,
                    transform=data.transform,
                    width=data.width,
                    height=data.height,
                    dtype=_GDAL_TYPES[dtype],
                    nodata=part.nodata if own is None else own,
                )
    except (RasterioError, IndexError, KeyError) as error:
        raise SceneError(
            f"{part.path}：波段文件无法读取，可能没有下载完整。请重新下载这一景。",
            f"{part.path}: this band's file cannot be read; it is probably not whole. Download "
            "the scene again.",
        ) from error


def _band(number: int, source: _Source, finest: _Source) -> str:
    nodata = "" if source.nodata is None else f"<NoDataValue>{source.nodata!r}</NoDataValue>"
    return (
        f'<VRTRasterBand dataType="{source.dtype}" band="{number}">'
        f"<Description>{escape(source.part.name)}</Description>{nodata}"
        f"{_simple(source, finest, nodata)}</VRTRasterBand>"
    )


def _simple(source: _Source, finest: _Source, nodata: str) -> str:
    """Where the numbers of a band come from."""
    path, band = escape(source.path), source.part.band
    same = source.transform.almost_equals(finest.transform, 1e-6)
    if same and (source.width, source.height) == (finest.width, finest.height):
        return _element(path, band)
    # Only a nested raster that declares the value keeps it out of the resampling.
    inner = (
        f'<VRTDataset rasterXSize="{source.width}" rasterYSize="{source.height}">'
        f'<VRTRasterBand dataType="{source.dtype}" band="1">'
        f"{nodata}{_element(path, band)}</VRTRasterBand></VRTDataset>"
    )
    left, top = ~finest.transform @ (source.transform @ (0, 0))
    right, bottom = ~finest.transform @ (source.transform @ (source.width, source.height))
    return _element(
        escape(inner),
        1,
        "cubic",
        f'<SrcRect xOff="0" yOff="0" xSize="{source.width}" ySize="{source.height}"/>'
        f'<DstRect xOff="{left!r}" yOff="{top!r}" xSize="{right - left!r}" '
        f'ySize="{bottom - top!r}"/>',
    )


def _element(path: str, band: int, resampling: str = "nearest", places: str = "") -> str:
    return (
        f"<SimpleSource resampling={quoteattr(resampling)}>"
        f'<SourceFilename relativeToVRT="0">{path}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand>{places}</SimpleSource>"
    )
