"""STAC items: a local JSON file that names the files of a scene and says what their bands are.

Versions 1.0 (``eo:bands``, ``raster:bands``) and 1.1 (``bands``) are read. Addresses that are not
local go to GDAL as they are; nothing is downloaded here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from yuxi_gis.errors import SceneError
from yuxi_gis.read.product import Product, Scaling, day, one_scale
from yuxi_gis.read.quality import Quality
from yuxi_gis.read.sensors import ROLES
from yuxi_gis.read.stack import Part
from yuxi_gis.read.table import Decision
from yuxi_gis.read.zip_entries import shown

__all__ = ["read_stac"]

# Common names of the extension "eo" to roles; where two bands share a role the first wins.
_COMMON = {
    "coastal": "coastal",
    "blue": "blue",
    "green": "green",
    "red": "red",
    "rededge": "rededge",
    "rededge071": "rededge",
    "nir": "nir",
    "nir08": "nir",
    "swir16": "swir1",
    "swir22": "swir2",
}
_NOT_DATA = {"thumbnail", "overview", "visual", "metadata"}
_QUALITY = {"scl": "SCL", "qa_pixel": "QA_PIXEL"}
_MOST_BYTES = 2**26
#: Says that the catalogue has taken the offset of Sentinel-2 off already, whatever it declares.
_OFFSET_APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")


@dataclass(frozen=True)
class _Band:
    """One band of an asset."""

    part: Part
    common: str
    scale: float | None
    offset: float


def read_stac(path: str) -> Product | None:
    """The scene of a STAC item; None where the file is no STAC item.

    Parameters
    ----------
    path : str
        A local ``.json`` or ``.geojson``.

    Raises
    ------
    SceneError
        It is an item, but none of its assets has a band of known role.
    """
    try:
        with Path(path).open("rb") as file:
            item = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(item, dict) or item.get("type") != "Feature" or "assets" not in item:
        return None
    assets = item["assets"] if isinstance(item["assets"], dict) else {}
    bands = _by_role(path, assets)
    if not bands:
        raise SceneError(
            f"{path}：这个 STAC 条目没有可用的波段：资产需要 eo:bands（或 bands）中的 common_name，"
            "如 red、nir。",
            f"{path}: this STAC item has no usable bands: its assets need common_name in eo:bands "
            "(or bands), such as red or nir.",
        )
    properties = item.get("properties") if isinstance(item.get("properties"), dict) else {}
    return _product(
        path,
        str(item.get("id", "")),
        properties or {},
        bands,
        _quality(path, assets, properties or {}),
    )


def _product(
    path: str,
    name: str,
    properties: Mapping[str, Any],
    bands: Mapping[str, _Band],
    quality: Quality | None,
) -> Product:
    title = " ".join(
        shown(str(properties[key])) for key in ("platform", "constellation") if properties.get(key)
    )
    return Product(
        found=Decision(
            "sensor",
            title or "STAC",
            f"STAC 条目 {shown(name)}",
            f"the STAC item {shown(name)}",
            "certain",
        ),
        parts=tuple(band.part for band in bands.values()),
        roles=tuple(bands),
        told=("资产的 common_name", "common_name of the assets", "certain"),
        scaling=_scaling(properties, bands),
        quality=quality,
        date=day(str(properties.get("datetime") or properties.get("start_datetime") or "")),
    )


def _by_role(path: str, assets: Mapping[str, Any]) -> dict[str, _Band]:
    """The band of each role, in the order of `ROLES`; files of one band go first."""
    bands = list(_bands(path, assets))
    found: dict[str, _Band] = {}
    for common, role in _COMMON.items():
        same = [band for band in bands if band.common == common]
        if same:
            found.setdefault(role, min(same, key=lambda band: band.part.band > 1))
    return {role: found[role] for role in ROLES if role in found}


def _bands(path: str, assets: Mapping[str, Any]) -> Iterator[_Band]:
    for asset in assets.values():
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            continue
        if _NOT_DATA & set(_list(asset, "roles")):
            continue
        named = _list(asset, "bands") or _list(asset, "eo:bands")
        raster = _list(asset, "raster:bands")
        for number, band in enumerate(named, 1):
            if not isinstance(band, dict):
                continue
            common = str(band.get("eo:common_name") or band.get("common_name") or "")
            said = raster[number - 1] if number <= len(raster) else {}
            said = {**asset, **band} | (said if isinstance(said, dict) else {})
            scale = _number(said, "scale")
            yield _Band(
                Part(
                    _place(path, asset["href"]),
                    str(band.get("name") or common),
                    number,
                    _number(said, "nodata"),
                ),
                common,
                scale,
                _number(said, "offset") or 0.0,
            )


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _number(data: Mapping[str, Any], key: str) -> float | None:
    """A number under `key` or ``raster:key`` (STAC 1.1), or None."""
    value = data.get(key, data.get(f"raster:{key}"))
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _place(path: str, href: str) -> str:
    """An address as rasterio opens it: local ones as paths, relative ones beside the item."""
    if href.startswith("file://"):
        return unquote(urlsplit(href).path)
    if "://" in href or href.startswith("/vsi"):
        return href
    return str(Path(path).resolve().parent / href)


def _quality(path: str, assets: Mapping[str, Any], properties: Mapping[str, Any]) -> Quality | None:
    for key, asset in assets.items():
        scheme = _QUALITY.get(str(key).lower())
        if scheme and isinstance(asset, dict) and isinstance(asset.get("href"), str):
            baseline = _number(properties, "s2:processing_baseline") or 0.0
            scheme = "SCL_04" if scheme == "SCL" and baseline >= 4 else scheme
            return Quality(_place(path, asset["href"]), 1, scheme)
    return None


def _scaling(properties: Mapping[str, Any], bands: Mapping[str, _Band]) -> Scaling:
    if any(band.scale is None for band in bands.values()):
        return one_scale(set(), "STAC 条目", "the STAC item")
    if any(properties.get(key) is True for key in _OFFSET_APPLIED):
        scales = {(float(band.scale or 0), 0.0) for band in bands.values()}
        return one_scale(
            scales,
            "STAC 条目的 raster:bands（注明偏移已扣除）",
            "raster:bands of the STAC item, which says that the offset is taken off already",
        )
    pairs = {(float(band.scale or 0), band.offset) for band in bands.values()}
    return one_scale(pairs, "STAC 条目的 raster:bands", "raster:bands of the STAC item")
