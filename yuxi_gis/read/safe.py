"""Sentinel-2 Level-2A products in the SAFE format: a folder, or a zip of it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from yuxi_gis.errors import SceneError
from yuxi_gis.read.container import Container
from yuxi_gis.read.product import BY_FILE, Product, Scaling, bands_of, day, incomplete, one_scale
from yuxi_gis.read.quality import Quality
from yuxi_gis.read.sensors import sensors
from yuxi_gis.read.stack import Part
from yuxi_gis.read.table import Decision
from yuxi_gis.read.zip_entries import shown

__all__ = ["read_safe"]

_PRODUCT = r"MTD_MSIL(2A|1C)\.xml"
# band_id of the offsets in the metadata: B8A stands between B08 and B09.
_BAND_ID = {"B02": 1, "B03": 2, "B04": 3, "B08": 7, "B11": 11, "B12": 12}


def read_safe(files: Container) -> Product | None:
    """The Sentinel-2 product in a container; None where there is none.

    Bands are taken in their finest resolution. Numbers become reflectance by
    ``(number + BOA_ADD_OFFSET) / BOA_QUANTIFICATION_VALUE`` of the product's metadata; the
    offset is there from processing baseline 04.00 on.

    Raises
    ------
    SceneError
        There are several products, or the metadata cannot be read.
    """
    found = files.find(_PRODUCT)
    if not found:
        return None
    level2 = [name for name in found if "MSIL2A" in name]
    if len(level2 or found) > 1:
        raise _several(files.path, level2 or found)
    name = (level2 or found)[0]
    inner = files.below(name.rpartition("/")[0])
    metadata = _metadata(files, name)
    return _level2(inner, name, metadata) if level2 else _level1(inner, name, metadata)


def _several(path: str, found: list[str]) -> SceneError:
    names = [shown(name.rpartition("/")[0] or name) for name in found[:4]]
    return SceneError(
        f"{path}：里面有 {len(found)} 景 Sentinel-2 产品（{'、'.join(names)}）。请只指定其中一景。",
        f"{path}: holds {len(found)} Sentinel-2 products ({', '.join(names)}). Give one of them.",
    )


def _metadata(files: Container, name: str) -> dict[str, list[tuple[str, str]]]:
    """Texts of the metadata with their ``band_id``, by tag without namespace."""
    try:
        root = ElementTree.fromstring(files.text(name))
    except ElementTree.ParseError as error:
        raise SceneError(
            f"{files.path}：元数据 {name} 不是完整的 XML。请重新下载这一景。",
            f"{files.path}: its metadata {name} are no whole XML. Download the scene again.",
        ) from error
    found: dict[str, list[tuple[str, str]]] = {}
    for element in root.iter():
        tag = str(element.tag).rpartition("}")[2]
        text = (element.text or "").strip()
        found.setdefault(tag, []).append((element.get("band_id", ""), text))
    return found


def _first(metadata: dict[str, list[tuple[str, str]]], *tags: str) -> str:
    return next((metadata[tag][0][1] for tag in tags if tag in metadata), "")


def _baseline(metadata: dict[str, list[tuple[str, str]]]) -> float:
    """Processing baseline as a number: 4.0, 5.11; 0 where it is not said."""
    try:
        return float(_first(metadata, "PROCESSING_BASELINE"))
    except ValueError:
        return 0.0


def _scaling(metadata: dict[str, list[tuple[str, str]]], names: list[str]) -> Scaling:
    try:
        number = float(_first(metadata, "BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"))
        offsets = {key: float(text) for key, text in metadata.get("BOA_ADD_OFFSET", [])}
    except ValueError:
        number, offsets = 0.0, {}
    zh, en = "产品元数据 MTD_MSIL2A.xml", "the product's MTD_MSIL2A.xml"
    if number <= 0 or (_baseline(metadata) >= 4 and not offsets):
        return one_scale(set(), zh, en)
    pairs = {(1 / number, offsets.get(str(_BAND_ID[name]), 0.0) / number) for name in names}
    return one_scale(pairs, zh, en)


def _images(files: Container, pattern: str) -> dict[str, str]:
    """The file of each band in the finest resolution there is."""
    found: dict[str, tuple[int, str]] = {}
    for name in files.find(rf"[^/]*_{pattern}\.jp2"):
        match = re.search(rf"_{pattern}\.jp2$", name, re.I)
        if match is None or "/QI_DATA/" in name:
            continue
        band, metres = match[1].upper(), int(match[2] or 0)
        if band not in found or metres < found[band][0]:
            found[band] = (metres, name)
    return {band: name for band, (_, name) in found.items()}


def _level2(files: Container, name: str, metadata: dict[str, list[tuple[str, str]]]) -> Product:
    sensor = sensors()["sentinel-2-l2a"]
    there = _images(files, r"(B\d\d|SCL)_(\d\d)m")
    bands = bands_of(sensor, there)
    missing = [band.name for band in sensor.bands if band.name not in there]
    quality = None
    if "SCL" in there:
        scheme = "SCL_04" if _baseline(metadata) >= 4 else "SCL"
        quality = Quality(files.full(there["SCL"]), 1, scheme)
    else:
        missing.append("SCL")
    title = f"{shown(_first(metadata, 'SPACECRAFT_NAME')) or 'Sentinel-2'} MSI L2A"
    baseline = shown(_first(metadata, "PROCESSING_BASELINE"))
    return Product(
        found=Decision(
            "sensor",
            title,
            f"元数据 {shown(name)}，处理基线 {baseline or '未注明'}",
            f"its metadata {shown(name)}, processing baseline {baseline or 'not said'}",
            "certain",
        ),
        parts=tuple(
            Part(files.full(file), band.name, nodata=sensor.nodata) for band, file in bands
        ),
        roles=tuple(band.role for band, _ in bands),
        told=BY_FILE,
        scaling=_scaling(metadata, [band.name for band, _ in bands]),
        quality=quality,
        date=_date(metadata),
        doubt=incomplete(files.path, sensor, missing) if missing else None,
    )


def _level1(files: Container, name: str, metadata: dict[str, list[tuple[str, str]]]) -> Product:
    sensor = sensors()["sentinel-2-l2a"]
    bands = bands_of(sensor, _images(files, r"(B\d\d)()"))
    return Product(
        found=Decision(
            "sensor", "Sentinel-2 MSI L1C", f"元数据 {name}", f"its metadata {name}", "certain"
        ),
        parts=tuple(
            Part(files.full(file), band.name, nodata=sensor.nodata) for band, file in bands
        ),
        roles=tuple(band.role for band, _ in bands),
        told=BY_FILE,
        scaling=Scaling(
            None,
            None,
            "L1C 是大气顶层反射率，不是地表反射率",
            "L1C is reflectance at the top of the atmosphere, not of the ground",
            "low",
        ),
        quality=None,
        date=_date(metadata),
        doubt=SceneError(
            f"{files.path}：这是 Sentinel-2 L1C 产品（大气顶层反射率，没有云掩膜），"
            "不是地表反射率。"
            "请下载同一景的 L2A；确要使用时，用 --bands 指明波段"
            "（如 blue=1,green=2,red=3,nir=4）。",
            f"{files.path}: this is a Sentinel-2 L1C product, reflectance at the top of the "
            "atmosphere without a cloud mask, not of the ground. Download the scene's L2A; to use "
            "it all the same, name its bands with --bands (for example "
            "blue=1,green=2,red=3,nir=4).",
        ),
    )


def _date(metadata: dict[str, list[tuple[str, str]]]) -> str | None:
    return day(_first(metadata, "DATATAKE_SENSING_START", "PRODUCT_START_TIME"))
