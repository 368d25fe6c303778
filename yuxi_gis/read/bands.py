"""What the bands of a raster file are: their roles, their scale, their day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import rasterio
from rasterio.enums import ColorInterp

from yuxi_gis.errors import ParameterError
from yuxi_gis.read.product import Scaling, one_scale
from yuxi_gis.read.quality import scheme_of
from yuxi_gis.read.sensors import ROLES, Sensor
from yuxi_gis.read.zip_entries import shown

__all__ = ["WAYS", "acquisition_date", "band_roles", "chosen_roles", "reflectance_scale"]

#: How a band's role is told: in Chinese, in English, and how sure it is; the best first.
WAYS: Mapping[str, tuple[str, str, str]] = {
    "description": ("波段说明", "band descriptions", "certain"),
    "sentinel2": ("Sentinel-2 波段名", "Sentinel-2 band names", "certain"),
    "wavelength": ("波长", "wavelengths", "certain"),
    "sensor": ("传感器表（按文件名）", "the table of sensors, by the file's name", "high"),
    "colour": ("文件声明的颜色", "the file's colour interpretation", "high"),
}

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


def band_roles(
    data: rasterio.DatasetReader, names: tuple[str, ...], sensor: Sensor | None = None
) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    """Role of each band, and by which of `WAYS` the roles were told.

    Parameters
    ----------
    data : rasterio.DatasetReader
    names : tuple of str
        Descriptions of the bands.
    sensor : Sensor or None
        Whose file it is by its name; holds where it has as many bands as the file.

    Returns
    -------
    roles : tuple of (str or None)
        ``"red"``, ``"nir"`` … or ``"quality"``; None where nothing says it. Each occurs once.
    ways : tuple of str
        Keys of `WAYS`, the best first.
    """
    sentinel = _sentinel2(names)
    table = sensor.roles if sensor and len(sensor.bands) == len(names) else (None,) * len(names)
    roles: list[str | None] = []
    ways: set[str] = set()
    for index, name in enumerate(names):
        wave = _wavelength(data, index + 1)
        candidates = {
            "quality": "quality" if scheme_of(name) else None,
            "description": next((r for r, words in _WORDS if re.search(words, name, re.I)), None),
            "sentinel2": _SENTINEL2.get(sentinel[index] or ""),
            "wavelength": None if wave is None else _by_wavelength(wave),
            "sensor": table[index],
            "colour": _COLOURS.get(data.colorinterp[index]),
        }
        way, role = next(((w, r) for w, r in candidates.items() if r), ("", None))
        known = role is not None and role not in roles
        roles.append(role if known else None)
        ways |= {way} if known and way != "quality" else set()
    return tuple(roles), tuple(way for way in WAYS if way in ways)


def _by_wavelength(wave: float) -> str | None:
    return next((role for role, low, high in _PASSES if low <= wave < high), None)


def chosen_roles(
    path: str, bands: Mapping[str, int], names: tuple[str, ...]
) -> tuple[str | None, ...]:
    """The roles as the user gives them: ``{"red": 3, "nir": 4}``; bands not named have none.

    Raises
    ------
    ParameterError
        A role or a number that there is not, or one band for two roles.
    """
    allowed = (*ROLES, "quality")
    there = ", ".join(f"{number} {shown(name)}" for number, name in enumerate(names, 1))
    roles: list[str | None] = [None] * len(names)
    for role, number in bands.items():
        if role not in allowed:
            raise ParameterError(
                f"没有名为 {shown(role)} 的波段角色。可用：{'、'.join(allowed)}。",
                f"there is no band role {shown(role)}. Use one of: {', '.join(allowed)}.",
            )
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= len(names):
            raise ParameterError(
                f"{path}：没有第 {number} 波段（{role}）。该影像的波段：{there}。",
                f"{path}: there is no band {number} ({role}). The scene has: {there}.",
            )
        if roles[number - 1] is not None:
            raise ParameterError(
                f"第 {number} 波段同时被指定为 {roles[number - 1]} 和 {role}。请只指定一个。",
                f"band {number} is named both {roles[number - 1]} and {role}. Give it one role.",
            )
        roles[number - 1] = role
    return tuple(roles)


def reflectance_scale(
    data: rasterio.DatasetReader, names: tuple[str, ...], roles: tuple[str | None, ...]
) -> Scaling:
    """What turns stored numbers into reflectance, and who says so."""
    spectral = [index for index, role in enumerate(roles) if role != "quality"]
    pairs = {(data.scales[index], data.offsets[index]) for index in spectral}
    if len(pairs) == 1 and pairs != {(1.0, 0.0)}:
        return one_scale(pairs, "文件声明的比例和偏移", "the file's declared scale and offset")
    tags = {key.upper(): value for key, value in data.tags().items()}
    for key in _SCALE_TAGS:
        try:
            value = float(tags.get(key, "nan"))
        except ValueError:
            continue
        if value > 0:  # written as 10000 or as 0.0001
            scale = 1 / value if value > 1 else value
            return Scaling(scale, 0.0, f"标签 {key}", f"the tag {key}")
    if data.dtypes[0] in ("uint16", "int16") and any(_sentinel2(names)):
        return Scaling(
            1e-4,
            0.0,
            "波段名是 Sentinel-2 的；若处理基线在 04.00 以上且未扣除偏移 −1000，反射率会偏高 0.1",
            "its band names are Sentinel-2's; should it be of processing baseline 04.00 or later "
            "with the offset of −1000 still in it, reflectances are 0.1 too high",
            "low",
        )
    return Scaling(
        None,
        None,
        "文件没有说明，按原始数值比较，不识别变化类型",
        "the file does not say; numbers are compared as they are, and kinds are not told",
        "high",
    )


def acquisition_date(path: str, data: rasterio.DatasetReader) -> str | None:
    """The day of the scene as ``YYYY-MM-DD``, from its tags or its name."""
    tags = {key.upper(): value for key, value in data.tags().items()}
    for text in (*(tags.get(key, "") for key in _DATE_TAGS), Path(path).stem):
        found = re.search(r"(?<!\d)((?:19|20)\d\d)[-:./_]?(0[1-9]|1[0-2])[-:./_]?([0-3]\d)", text)
        if found:
            return "-".join(found.groups())
    return None
