"""Landsat Collection 2 Level-2 products: a folder or a tar with one GeoTIFF a band."""

from __future__ import annotations

import json
import re
from typing import Any

from yuxi_gis.errors import SceneError
from yuxi_gis.read.container import Container
from yuxi_gis.read.product import BY_FILE, Product, Scaling, bands_of, day, incomplete, one_scale
from yuxi_gis.read.quality import Quality
from yuxi_gis.read.sensors import Sensor, find_sensor
from yuxi_gis.read.stack import Part
from yuxi_gis.read.table import Decision

__all__ = ["read_landsat"]

_FILE = r"(L[CTEO]0[4-9]_L\w+)_(SR_B\d|QA_PIXEL|QA_RADSAT)\.TIF"
_LEVEL1 = r"L[CTEO]0[4-9]_L1\w+_B\d\.TIF"
_GROUP = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"


def read_landsat(files: Container) -> Product | None:
    """The Landsat product in a container; None where there is none.

    The scale comes from the group ``LEVEL2_SURFACE_REFLECTANCE_PARAMETERS`` of the metadata
    file (its Level-1 groups use the same names for other numbers), else from the collection's
    fixed values.

    Raises
    ------
    SceneError
        There are several products or only Level-1 bands, or the metadata cannot be read.
    """
    there: dict[str, dict[str, str]] = {}
    for name in files.find(_FILE):
        found = re.search(_FILE, name, re.I)
        if found is not None:
            there.setdefault(found[1].upper(), {})[found[2].upper()] = name
    there = {
        product: bands for product, bands in there.items() if "SR_B2" in bands or len(bands) > 2
    }
    if not there:
        if files.find(_LEVEL1):
            raise _level1(files.path)
        return None
    if len(there) > 1:
        raise SceneError(
            f"{files.path}：里面有 {len(there)} 景 Landsat 产品。请只指定其中一景的文件夹。",
            f"{files.path}: holds {len(there)} Landsat products. Give the folder of one of them.",
        )
    product, bands = next(iter(there.items()))
    sensor = find_sensor(product, "many")
    return None if sensor is None else _product(files, product, sensor, bands)


def _level1(path: str) -> SceneError:
    return SceneError(
        f"{path}：这是 Landsat Level-1 产品（大气顶层），不是地表反射率。"
        "请下载 Collection 2 Level-2（文件名含 L2SP 或 L2SR，波段名为 SR_B*）。",
        f"{path}: this is a Landsat Level-1 product (top of the atmosphere), not reflectance of "
        "the ground. Download Collection 2 Level-2 (L2SP or L2SR in the name, bands SR_B*).",
    )


def _product(files: Container, product: str, sensor: Sensor, there: dict[str, str]) -> Product:
    metadata = _metadata(files, product)
    bands = bands_of(sensor, there)
    missing = [band.name for band in sensor.bands if band.name not in there]
    missing += [] if "QA_PIXEL" in there else ["QA_PIXEL"]
    return Product(
        found=Decision(
            "sensor", sensor.title, f"产品名 {product}", f"the product's name {product}", "certain"
        ),
        parts=tuple(
            Part(files.full(file), band.name, nodata=sensor.nodata) for band, file in bands
        ),
        roles=tuple(band.role for band, _ in bands),
        told=BY_FILE,
        scaling=_scaling(metadata, sensor, [band.name for band, _ in bands]),
        quality=_quality(files, sensor, there),
        date=day(metadata.get("IMAGE_ATTRIBUTES", {}).get("DATE_ACQUIRED", "")) or day(product),
        doubt=incomplete(files.path, sensor, missing) if missing else None,
    )


def _quality(files: Container, sensor: Sensor, there: dict[str, str]) -> Quality | None:
    if "QA_PIXEL" not in there or sensor.quality is None:
        return None
    also = None
    if "QA_RADSAT" in there and sensor.saturation is not None:
        also = Quality(files.full(there["QA_RADSAT"]), 1, sensor.saturation)
    return Quality(files.full(there["QA_PIXEL"]), 1, sensor.quality, also)


def _metadata(files: Container, product: str) -> dict[str, dict[str, str]]:
    """Groups of the MTL file, from its JSON or its text; empty where there is neither."""
    for name in sorted(files.find(rf"{product}_MTL\.(json|txt)")):
        text = files.text(name)
        groups = _from_json(text) if name.lower().endswith(".json") else _from_text(text)
        if not groups:
            raise SceneError(
                f"{files.path}：元数据 {name} 无法解析。请重新下载这一景。",
                f"{files.path}: its metadata {name} cannot be understood. Download the "
                "scene again.",
            )
        return groups
    return {}


def _from_json(text: str) -> dict[str, dict[str, str]]:
    try:
        data: Any = json.loads(text)
        groups = data["LANDSAT_METADATA_FILE"]
        return {
            group: {str(key): str(value) for key, value in values.items()}
            for group, values in groups.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _from_text(text: str) -> dict[str, dict[str, str]]:
    groups: dict[str, dict[str, str]] = {}
    inside = ""
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            inside = value
        elif value and key != "END_GROUP":
            groups.setdefault(inside, {})[key] = value.strip('"')
    return groups


def _scaling(metadata: dict[str, dict[str, str]], sensor: Sensor, names: list[str]) -> Scaling:
    group = metadata.get(_GROUP)
    if group is None:
        return Scaling(
            sensor.scale,
            sensor.offset,
            "没有 MTL 元数据，用 Collection 2 Level-2 的固定值",
            "no MTL metadata; the fixed values of Collection 2 Level-2",
            "high",
        )
    numbers = [name.removeprefix("SR_B") for name in names]
    try:
        pairs = {
            (
                float(group[f"REFLECTANCE_MULT_BAND_{number}"]),
                float(group[f"REFLECTANCE_ADD_BAND_{number}"]),
            )
            for number in numbers
        }
    except (KeyError, ValueError):
        pairs = set()
    return one_scale(pairs, "MTL 元数据", "the MTL metadata")
