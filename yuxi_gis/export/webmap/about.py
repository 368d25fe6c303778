"""Where a page comes from: its inputs with hashes, each layer's CRS, versions, time, masking.

The record is a data block of the page, ``yuxi-provenance``; ``assets/about.js`` shows it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pyproj

from yuxi_gis.codes import Masking
from yuxi_gis.crs import crs_name
from yuxi_gis.export.provenance import Provenance, file_name, inputs_of, reading_of
from yuxi_gis.export.webmap.features import Encoded
from yuxi_gis.export.webmap.packing import json_text
from yuxi_gis.export.webmap.page import Raw, data_block
from yuxi_gis.export.webmap.simplify import Simplified
from yuxi_gis.read.raster import Scene

__all__ = ["file_hashes", "provenance_block"]

#: The other files of a shapefile that say what its features are and where.
_SIDECARS = (".shx", ".dbf", ".prj", ".cpg")


def provenance_block(
    layers: Sequence[tuple[Encoded, gpd.GeoDataFrame]],
    scenes: Iterable[Scene],
    masking: Masking,
    simplified: Mapping[str, Simplified],
) -> Raw:
    """The record of a page as its data block.

    Parameters
    ----------
    layers : sequence of (Encoded, GeoDataFrame)
        As drawn, and as it was given: its CRS and its ``attrs`` are told.
    scenes : iterable of Scene
    masking : Masking
    simplified : mapping of str to Simplified
        What was done to the shapes, by layer id.
    """
    frames = {str(data.head["id"]): frame for data, frame in layers}
    scenes = list(scenes)
    paths = [*inputs_of(frames), *(path for s in scenes for path in s.files or (s.path,))]
    record = Provenance.of(paths, masking, reading_of(frames)).as_json() | {
        "inputs": [facts for path in dict.fromkeys(paths) for facts in file_hashes(path)],
        "versions": _versions(),
        "crs": "EPSG:3857",
        "layers": [
            _layer(data, frame, simplified.get(str(data.head["id"]))) for data, frame in layers
        ],
        "scenes": [{"file": file_name(scene.path), "crs": _scene_crs(scene)} for scene in scenes],
    }
    return data_block("yuxi-provenance", json_text(record))


def _versions() -> dict[str, str]:
    return {
        "folium": version("folium"),
        "GDAL": pyogrio.__gdal_version_string__,
        "PROJ": pyproj.proj_version_str,
    }


def _layer(data: Encoded, frame: gpd.GeoDataFrame, made: Simplified | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": data.head["id"],
        "title": data.head["title"],
        "files": list(dict.fromkeys(map(file_name, inputs_of({"": frame})))),
        "crs": crs_name(frame.crs),
        "features": len(frame),
        "drawn": data.count,
    }
    return facts if made is None else facts | {"simplified": made.as_json()}


def _scene_crs(scene: Scene) -> str:
    number = scene.crs.to_epsg()
    return f"EPSG:{number}" if number else str(scene.crs.to_string())


def file_hashes(source: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Name, size and SHA-256 of an input, without folders.

    Parameters
    ----------
    source : path-like
        A file, one inside an archive (the archive is told), or a folder such as a geodatabase:
        its hash is that of the list that ``sha256sum *`` prints in it. The main file of a
        shapefile brings its parts along.

    Returns
    -------
    list of dict
        ``file``, ``bytes`` and ``sha256``; only ``file`` for what does not lie on this computer.
    """
    path = _on_disk(Path(source))
    if path is None:
        return [{"file": file_name(source)}]
    parts = [path]
    if path.suffix.lower() == ".shp":
        stem = path.stem.lower()
        parts += sorted(
            other
            for other in path.parent.iterdir()
            if other.stem.lower() == stem and other.suffix.lower() in _SIDECARS
        )
    return [_facts(part) for part in parts]


def _on_disk(path: Path) -> Path | None:
    """The file or folder itself, or the archive that a path goes into."""
    try:
        found = path if path.exists() else None
        return found or next((parent for parent in path.parents if parent.is_file()), None)
    except OSError:  # no name that a file can have
        return None


def _facts(path: Path) -> dict[str, Any]:
    files = [path]
    if path.is_dir():
        files = sorted((part for part in path.iterdir() if part.is_file()), key=lambda p: p.name)
    states = [file.stat() for file in files]
    hashes = [
        _sha256(str(file), state.st_size, state.st_mtime_ns)
        for file, state in zip(files, states, strict=True)
    ]
    if path.is_dir():
        lines = (f"{code}  {file.name}\n" for code, file in zip(hashes, files, strict=True))
        hashes = [hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()]
    size = sum(state.st_size for state in states)
    return {"file": path.name, "bytes": size, "sha256": hashes[0]}


@lru_cache(maxsize=1024)
def _sha256(path: str, size: int, changed: int) -> str:
    """Hash of a file, once for all pages of a run; `size` and `changed` tell another version."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
