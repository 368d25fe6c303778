"""What a GeoJSON says of its coordinate reference system, and what it means when it says nothing.

GDAL takes for WGS 84 whatever it does not know, without a word.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS

from yuxi_gis.crs import crs_name, parse_crs
from yuxi_gis.errors import CRSError
from yuxi_gis.read.table import Decision, Note

__all__ = ["stated_crs"]

_WGS84 = CRS.from_epsg(4326)
_HEAD = 65_536
_FEATURES = re.compile(rb'"(features|geometries|geometry|coordinates)"\s*:')
_MEMBER = re.compile(rb'"crs"\s*:\s*(null\b|\{[^{}]*(?:\{[^{}]*\}[^{}]*)?\})')

Stated = tuple[CRS | None, tuple[Decision, ...], tuple[Note, ...]]


def stated_crs(path: Path, bounds: Any) -> Stated:
    """The CRS of a GeoJSON, why, and what is wrong with its statement.

    Parameters
    ----------
    path : Path
        In UTF-8. The ``crs`` member of the 2008 specification is looked for before and after
        the features.
    bounds : sequence of 4 float or None
        Of the coordinates: beyond ±180, ±90 they are no degrees.

    Returns
    -------
    crs : CRS or None
        WGS 84 where nothing is stated: RFC 7946, section 4, says so. None where the member is
        null or not known.
    decisions : tuple of Decision
    notes : tuple of Note
        ``crs_unknown``.
    """
    member = _member(path)
    if member is None:
        return _WGS84, (_by_default(bounds),), ()
    name = _name(member)
    try:
        crs = None if name is None else parse_crs(name)
    except CRSError:
        crs = None
    if crs is not None:
        if crs.equals(_WGS84, ignore_axis_order=True):  # OGC:CRS84, which has no number
            crs = _WGS84
        zh, en = f"文件的 crs 成员（{name}）", f"the file's crs member ({name})"
        return crs, (Decision("crs", crs_name(crs), zh, en, "certain"),), ()
    said = member[:80].decode("utf-8", "replace")
    note = Note(
        "crs_unknown",
        f"{path.name}：crs 成员无法识别（{said}），按没有坐标系处理。",
        f"{path.name}: the crs member is not known ({said}); taken as none.",
        "warning",
    )
    return None, (), (note,)


def _member(path: Path) -> bytes | None:
    """The ``crs`` member of the collection; that of a feature's properties is none."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, path.stat().st_size - _HEAD))
        tail = file.read()
    features = _FEATURES.search(head)
    head = head[: features.start()] if features else head
    for text in (head, tail[tail.rfind(b"]") :] if b"]" in tail else b""):
        found = _MEMBER.search(text)
        if found:
            return found[1]
    return None


def _name(member: bytes) -> str | None:
    try:
        value = json.loads(member)
        name = value["properties"]["name"] if value["type"] == "name" else None
    except (ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def _by_default(bounds: Any) -> Decision:
    extent = np.array([np.nan] * 4 if bounds is None else bounds, float)
    degrees = not (np.abs(extent) > [180, 90, 180, 90]).any()
    zh = "文件没有声明坐标系；GeoJSON 规定（RFC 7946）默认为 WGS 84 经纬度"
    en = "the file states none; WGS 84 degrees is the default of GeoJSON (RFC 7946)"
    if not degrees:
        zh += "，但坐标不是经纬度。请用 --crs 指明"
        en += ", but the coordinates are no degrees. Give it with --crs"
    return Decision("crs", "EPSG:4326", zh, en, "high" if degrees else "low")
