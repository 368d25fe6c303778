"""Single raster files: what their tags, descriptions and names say of them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import rasterio

from yuxi_gis.read.bands import WAYS, acquisition_date, band_roles, reflectance_scale
from yuxi_gis.read.product import Product, day
from yuxi_gis.read.quality import Quality, scheme_of
from yuxi_gis.read.sensors import Sensor, find_sensor
from yuxi_gis.read.table import Decision

__all__ = ["describe"]

_MOST_BYTES = 2**22  # a vendor's metadata have some KiB
_UNKNOWN = (
    "文件没有说明，可用 --bands 指明（如 red=3,nir=4）",
    "the file does not say; name them with --bands (for example red=3,nir=4)",
    "low",
)


def describe(source: str, data: rasterio.DatasetReader) -> Product:
    """What a raster file is.

    Band roles come from the descriptions (words, Sentinel-2 band names), else from wavelengths in
    the metadata, else from the table of sensors by the file's name or by the vendor's ``.xml``
    beside it, else from the colour interpretation; what none of them says stays None. The scale
    comes from the bands' declared scale and offset, from the tags ``REFLECTANCE_SCALE`` or
    ``QUANTIFICATION_VALUE``, or from Sentinel-2 band names on 16-bit integers (1/10000).

    Parameters
    ----------
    source : str
        What was opened.
    data : rasterio.DatasetReader
    """
    names = tuple(text or f"band {i}" for i, text in enumerate(data.descriptions, 1))
    vendor = _vendor(source)
    sensor, by = _sensor(source, vendor)
    roles, ways = band_roles(data, names, sensor)
    quality = None
    if "quality" in roles:
        number = roles.index("quality") + 1
        quality = Quality(source, number, scheme_of(names[number - 1]) or "MASK")
    return Product(
        found=Decision(
            "sensor",
            "" if sensor is None else sensor.title,
            f"{by[0]}；驱动 {data.driver}",
            f"{by[1]}; driver {data.driver}",
            "low" if sensor is None else "high",
        ),
        parts=(),
        roles=roles,
        told=WAYS[ways[0]] if ways else _UNKNOWN,
        scaling=reflectance_scale(data, names, roles),
        quality=quality,
        date=acquisition_date(source, data) or day(vendor.get("ReceiveTime", "")),
    )


def _sensor(source: str, vendor: dict[str, str]) -> tuple[Sensor | None, tuple[str, str]]:
    """The sensor, and how it was told."""
    sensor = find_sensor(Path(source).name, "one")
    if sensor is not None:
        return sensor, ("文件名", "the file's name")
    sensor = find_sensor(f"{vendor.get('SatelliteID', '')}_{vendor.get('SensorID', '')}_", "one")
    if sensor is not None:
        return sensor, ("旁边的 .xml", "the .xml beside it")
    return None, ("传感器未知", "the sensor is not known")


def _vendor(source: str) -> dict[str, str]:
    """Texts of the vendor's ``.xml`` beside a file of Gaofen or Ziyuan; empty where none."""
    beside = Path(source).with_suffix(".xml")
    try:
        with beside.open("rb") as file:
            root = ElementTree.fromstring(file.read(_MOST_BYTES))
    except (OSError, ValueError, ElementTree.ParseError):
        return {}
    return {element.tag: (element.text or "").strip() for element in root.iter()}
