"""The planner's map: one HTML file that works without internet.

Made with folium. Leaflet and the page's own scripts are inlined from ``assets/``, scenes are
warped to EPSG:3857 and inlined as pictures, and a Content-Security-Policy in the page makes the
browser itself refuse any outside address.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
from folium.raster_layers import ImageOverlay

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.codes import Masking
from yuxi_gis.errors import ParameterError
from yuxi_gis.export.masking import mask_findings, mask_table
from yuxi_gis.export.webmap.elements import PageControls, VectorLayer
from yuxi_gis.export.webmap.features import drawable, encode_layer
from yuxi_gis.export.webmap.heading import Source, heading
from yuxi_gis.export.webmap.page import OfflineMap, OfflinePage, Raw, check_offline
from yuxi_gis.export.webmap.scenes import Picture, picture
from yuxi_gis.export.webmap.texts import texts
from yuxi_gis.export.webmap.themes import Theme, layer_theme, result_theme
from yuxi_gis.outputs import staged

__all__ = ["make_map", "write_map"]

_MASKING = Masking()
#: Drawing order of the known layers, the lowest first; others lie above these.
_ORDER = (
    "admin", "landuse", "landuse_change", "farmland", "protected_cropland", "farmland_target",
    "cadastral_parcel", "homestead", "idle_land", "monitoring_patch",
    "suspected_construction_patch", "new_construction_patch", "enforcement_parcel",
    "boundary_line", "boundary_point",
)  # fmt: skip

#: What a page without features shows: the city of Yuxi, [[south, west], [north, east]].
_YUXI = [[23.315, 101.277], [24.952, 103.152]]

Layers = Mapping[str, pd.DataFrame]
Scene = str | os.PathLike[str]


class Content(TypedDict, total=False):
    """The keywords of `make_map`."""

    findings: gpd.GeoDataFrame | None
    patches: gpd.GeoDataFrame | None
    changed_parcels: gpd.GeoDataFrame | None
    before: Scene | None
    after: Scene | None
    lang: str
    title: str | None
    catalog: Mapping[str, LayerSpec] | None
    masking: Masking


def make_map(
    layers: Layers,
    *,
    findings: gpd.GeoDataFrame | None = None,
    patches: gpd.GeoDataFrame | None = None,
    changed_parcels: gpd.GeoDataFrame | None = None,
    before: Scene | None = None,
    after: Scene | None = None,
    lang: str = "zh",
    title: str | None = None,
    catalog: Mapping[str, LayerSpec] | None = None,
    masking: Masking = _MASKING,
) -> folium.Map:
    """Lay layers, findings and changes on one folium map.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame or DataFrame
        By layer id, each in its own CRS. Layers of the catalogue show their official fields with
        titles and decoded code lists, others all their columns. Features without geometry are
        not drawn; the page says how many. Tables without geometry are left out.
    findings, patches, changed_parcels : GeoDataFrame, optional
        Results of `yuxi_gis.checks` and `yuxi_gis.change`.
    before, after : path-like, optional
        Scenes, shown as pictures below the layers.
    lang : {"zh", "en"}
    title : str, optional
    catalog : mapping of str to LayerSpec, optional
        By default the one of the package.
    masking : Masking
        Which personal data are masked; by default all (`yuxi_gis.export.masking`). The page says
        so.

    Returns
    -------
    folium.Map
        Its ``save`` writes the page, too, but may leave half a file: prefer `write_map`.

    Raises
    ------
    CRSError
        A layer has no CRS.
    ParameterError
        There is nothing to show, or `lang` is unknown.
    SceneError
        A scene is missing, unreadable or not georeferenced.
    """
    words = texts(lang)
    specs = load_catalog() if catalog is None else catalog
    results = _results(changed_parcels, patches, findings)
    themed = _themed(layers, results, specs, lang, masking)
    scenes = {"before": before, "after": after}
    pictures = {when: picture(path) for when, path in scenes.items() if path is not None}
    if not themed and not pictures:
        raise ParameterError(
            "没有可上图的图层或影像。请至少给出一个带图形的图层。",
            "There is no layer and no scene to map. Give at least one layer that has geometry.",
        )
    frames = [drawable(frame) for _, frame in themed]
    name = title or words["title"]
    page = OfflinePage(name, "zh-CN" if lang == "zh" else "en")
    land = [frame for (theme, _), frame in zip(themed, frames, strict=True) if not theme.result]
    bounds = _bounds(land, frames, pictures)
    result = _canvas(page, bounds)
    for when, image in pictures.items():
        ImageOverlay(image.url, image.bounds, name=when, overlay=False, show=False).add_to(result)
    sources = [Source.of_picture(words[when], image) for when, image in pictures.items()]
    for (theme, frame), drawn in zip(themed, frames, strict=True):
        data = encode_layer(drawn, theme, seasonal=words["seasonal"])
        VectorLayer(data, name=theme.title, show=theme.visible).add_to(result)
        sources.append(Source.of_layer(theme.title, frame, len(drawn)))
    titles = [_scene_title(words[when], image) for when, image in pictures.items()]
    PageControls({"texts": words, "scenes": titles, "bounds": bounds}).add_to(result)
    page.header.add_child(Raw(f'<meta name="yuxi-gis-masking" content="{masking.word}">'))
    page.html.add_child(heading(name, sources, words, masking.text(lang)), name="heading")
    return result


def write_map(
    path: str | os.PathLike[str],
    layers: Layers,
    *,
    overwrite: bool = False,
    **content: Unpack[Content],
) -> Path:
    """Write the map as one HTML file.

    Parameters
    ----------
    path : path-like
        The HTML file.
    layers : mapping of str to GeoDataFrame or DataFrame
    overwrite : bool
        Replace an existing file.
    **content
        The keywords of `make_map`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OutputError
        The file exists or cannot be written, or the page would load something from outside; no
        file is left then.
    CRSError, ParameterError, SceneError
        As `make_map`.
    """
    with staged(path, overwrite=overwrite) as part:
        html = make_map(layers, **content).get_root().render()
        part.write_text(html, encoding="utf-8", newline="\n")
        check_offline(part.read_text(encoding="utf-8"))
    return Path(path)


def _themed(
    layers: Layers,
    results: Mapping[str, gpd.GeoDataFrame],
    catalog: Mapping[str, LayerSpec],
    lang: str,
    masking: Masking,
) -> list[tuple[Theme, gpd.GeoDataFrame]]:
    """Themes with their frames, the lowest first: land, then results."""
    known = [layer_id for layer_id in _ORDER if layer_id in layers]
    others = [layer_id for layer_id in layers if layer_id not in _ORDER]
    themed = []
    for layer_id in (*known, *others):
        spec, table = catalog.get(layer_id), layers[layer_id]
        if not isinstance(table, gpd.GeoDataFrame) or table.active_geometry_name is None:
            continue
        frame, _ = mask_table(table, masking, spec)
        themed.append((layer_theme(layer_id, frame, spec, lang=lang), frame))
    for result, frame in results.items():
        frame = mask_findings(frame, masking)
        themed.append((result_theme(result, frame, catalog, lang=lang), frame))
    return themed


def _results(
    changed_parcels: gpd.GeoDataFrame | None,
    patches: gpd.GeoDataFrame | None,
    findings: gpd.GeoDataFrame | None,
) -> dict[str, gpd.GeoDataFrame]:
    """The results that there are, the lowest first; possibly seasonal patches by themselves."""
    found = {"changed_parcels": changed_parcels}
    if patches is not None and "seasonal" in patches:
        unsure = patches["seasonal"].fillna(False).astype(bool)
        found["seasonal_patches"] = patches[unsure] if unsure.any() else None
        patches = patches[~unsure]
    found |= {"patches": patches, "findings": findings}
    return {result: frame for result, frame in found.items() if frame is not None}


def _canvas(page: OfflinePage, bounds: list[list[float]]) -> OfflineMap:
    """The empty map on its page."""
    (south, west), (north, east) = bounds
    result = OfflineMap(
        location=[(south + north) / 2, (west + east) / 2],
        zoom_start=14,
        max_zoom=22,
        tiles=None,
        control_scale=False,
        zoom_control=False,
        prefer_canvas=True,
        attribution_control=False,
        zoom_snap=0.25,
        wheel_px_per_zoom_level=120,
    )
    page.add_child(result)
    return result


def _bounds(
    land: list[gpd.GeoDataFrame], frames: list[gpd.GeoDataFrame], pictures: Mapping[str, Picture]
) -> list[list[float]]:
    """[[south, west], [north, east]] of the land layers, else of all features, else the scenes."""
    for group in (land, frames):
        boxes = [frame.total_bounds for frame in group if not frame.empty]
        if boxes:
            west, south = np.min(boxes, axis=0)[:2].tolist()
            east, north = np.max(boxes, axis=0)[2:].tolist()
            return [[south, west], [north, east]]
    for image in pictures.values():
        return [list(corner) for corner in image.bounds]
    return _YUXI


def _scene_title(when: str, image: Picture) -> str:
    return f"{when} · {image.scene.date or image.scene.name}"
