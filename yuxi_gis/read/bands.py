"""What the bands of a raster file are: their roles, their scale, their day."""

from __future__ import annotations

import re
from pathlib import Path

import rasterio
from rasterio.enums import ColorInterp

__all__ = ["acquisition_date", "band_roles", "reflectance_scale"]

# Band passes in micrometres that hold the bands of Landsat 4-9, Sentinel-2, Gaofen-1/6 and
# MODIS of the same name (USGS and ESA band tables), without overlaps.
_PASSES: tuple[tuple[str, float, float], ...] = (
    ("coastal", 0.40, 0.45),
    ("blue", 0.45, 0.52),
    ("green", 0.52, 0.60),
    ("red", 0.61, 0.69),
    ("rededge", 0.69, 0.76),
    ("nir", 0.76, 0.92),
    ("swir1", 1.50, 1.80),
    ("swir2", 2.05, 2.40),
)
_WORDS: tuple[tuple[str, str], ...] = (
    ("coastal", r"coastal|aerosol|海岸"),
    ("rededge", r"red[ _-]?edge|红边"),
    ("swir1", r"swir[ _-]?1|短波红外 ?1"),
    ("swir2", r"swir[ _-]?2|短波红外 ?2"),
    ("nir", r"(?<![a-z])nir(?![a-z])|near[ _-]?infra[ _-]?red|近红外"),
    ("blue", r"(?<![a-z])blue|蓝"),
    ("green", r"(?<![a-z])green|绿"),
    ("red", r"(?<![a-z])red(?![a-z])|红(?!外|边)"),
)
_SENTINEL2 = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge",
    "B08": "nir",
    "B11": "swir1",
    "B12": "swir2",
}
_COLOURS = {ColorInterp.red: "red", ColorInterp.green: "green", ColorInterp.blue: "blue"}
_SCALE_TAGS = ("REFLECTANCE_SCALE", "QUANTIFICATION_VALUE", "BOA_QUANTIFICATION_VALUE")
_DATE_TAGS = ("ACQUISITION_DATE", "DATE_ACQUIRED", "SENSING_TIME", "DATETIME", "TIFFTAG_DATETIME")


def _sentinel2(names: tuple[str, ...]) -> list[str | None]:
    """Sentinel-2 band of each name (``B02`` …), if the names are Sentinel-2's; else None each."""
    found = [re.search(r"(?<![A-Za-z0-9])B(\d{1,2})(A?)(?![A-Za-z0-9])", n, re.I) for n in names]
    bands = [f"B{int(m[1]):02d}{m[2].upper()}" if m else None for m in found]
    # B01-B09 alone could be Landsat's; the 8A, 11 and 12 of reflective scenes could not.
    return bands if {"B8A", "B08A", "B11", "B12"} & set(bands) else [None] * len(names)


def _wavelength(data: rasterio.DatasetReader, band: int) -> float | None:
    """Centre wavelength of a band in micrometres, from GDAL's or ENVI's metadata."""
    tags = data.tags(band)
    central = data.tags(band, ns="IMAGERY").get("CENTRAL_WAVELENGTH_UM")
    text = central or tags.get("wavelength") or tags.get("WAVELENGTH")
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    if value is None:
        return None
    return value / 1000 if value > 100 else value  # nanometres


def band_roles(data: rasterio.DatasetReader, names: tuple[str, ...]) -> tuple[str | None, ...]:
    """Role of each band (``"red"``, ``"nir"`` …); None where nothing says it."""
    sentinel = _sentinel2(names)
    roles: list[str | None] = []
    for index, name in enumerate(names):
        wave = _wavelength(data, index + 1)
        candidates = (
            next((role for role, words in _WORDS if re.search(words, name, re.I)), None),
            _SENTINEL2.get(sentinel[index] or ""),
            None
            if wave is None
            else next((role for role, low, high in _PASSES if low <= wave < high), None),
            _COLOURS.get(data.colorinterp[index]),
        )
        role = next((found for found in candidates if found), None)
        roles.append(None if role in roles else role)
    return tuple(roles)


def reflectance_scale(
    data: rasterio.DatasetReader, names: tuple[str, ...]
) -> tuple[float | None, float | None]:
    """Scale and offset that turn stored numbers into reflectance; None each where unknown."""
    scales, offsets = set(data.scales), set(data.offsets)
    if len(scales) == len(offsets) == 1 and (scales != {1.0} or offsets != {0.0}):
        return scales.pop(), offsets.pop()
    tags = {key.upper(): value for key, value in data.tags().items()}
    for key in _SCALE_TAGS:
        try:
            value = float(tags.get(key, "nan"))
        except ValueError:
            continue
        if value > 0:  # written as 10000 or as 0.0001
            return (1 / value if value > 1 else value), 0.0
    if data.dtypes[0] in ("uint16", "int16") and any(_sentinel2(names)):
        return 1e-4, 0.0
    return None, None


def acquisition_date(path: str, data: rasterio.DatasetReader) -> str | None:
    """The day of the scene as ``YYYY-MM-DD``, from its tags or its name."""
    tags = {key.upper(): value for key, value in data.tags().items()}
    for text in (*(tags.get(key, "") for key in _DATE_TAGS), Path(path).stem):
        found = re.search(r"(?<!\d)((?:19|20)\d\d)[-:./_]?(0[1-9]|1[0-2])[-:./_]?([0-3]\d)", text)
        if found:
            return "-".join(found.groups())
    return None
