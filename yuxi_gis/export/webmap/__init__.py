"""The planner's map: one HTML file that works without internet.

Made with folium. Leaflet and the page's own scripts are inlined from ``assets/``, scenes are
warped to EPSG:3857 and inlined as pictures, and a Content-Security-Policy in the page makes the
browser itself refuse any outside address.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
from folium.map import CustomPane
from folium.raster_layers import ImageOverlay

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.codes import Masking, as_text
from yuxi_gis.errors import ParameterError
from yuxi_gis.export.masking import mask_findings, mask_table
from yuxi_gis.export.webmap.about import provenance_block
from yuxi_gis.export.webmap.basemaps import BasemapLayer, basemap
from yuxi_gis.export.webmap.changes import change_list
from yuxi_gis.export.webmap.elements import PageControls, VectorLayer
from yuxi_gis.export.webmap.features import Encoded
from yuxi_gis.export.webmap.heading import Source, heading
from yuxi_gis.export.webmap.households import with_households
from yuxi_gis.export.webmap.page import OfflineMap, OfflinePage, Raw, check_offline
from yuxi_gis.export.webmap.scenes import Picture, picture
from yuxi_gis.export.webmap.simplify import encode_layers
from yuxi_gis.export.webmap.size import NOTE_ABOVE, Note, announce
from yuxi_gis.export.webmap.texts import all_texts, both, texts
from yuxi_gis.export.webmap.themes import Theme, layer_theme, result_theme
from yuxi_gis.outputs import staged

__all__ = ["OfflineMap", "VectorLayer", "make_map", "write_map"]

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
    shift: tuple[float, float]
    lang: str
    title: str | None
    catalog: Mapping[str, LayerSpec] | None
    masking: Masking
    simplify: float
    basemaps: Sequence[str]


def make_map(
    layers: Layers,
    *,
    findings: gpd.GeoDataFrame | None = None,
    patches: gpd.GeoDataFrame | None = None,
    changed_parcels: gpd.GeoDataFrame | None = None,
    before: Scene | None = None,
    after: Scene | None = None,
    shift: tuple[float, float] = (0.0, 0.0),
    lang: str = "zh",
    title: str | None = None,
    catalog: Mapping[str, LayerSpec] | None = None,
    masking: Masking = _MASKING,
    simplify: float = 0.0,
    basemaps: Sequence[str] = (),
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
        Scenes, shown as pictures below the layers. With both, pictures of the changes.
    shift : (float, float)
        How far `after` is moved to fit on `before` (`yuxi_gis.change.ChangeResult.shift`).
    lang : {"zh", "en"}
    title : str, optional
    catalog : mapping of str to LayerSpec, optional
        By default the one of the package.
    masking : Masking
        Which personal data are masked; by default all (`yuxi_gis.export.masking`). The page says
        so.
    simplify : float
        Metres by which the drawing of land is simplified (`yuxi_gis.export.webmap.simplify`);
        results never are. The page says how far outlines moved.
    basemaps : sequence of str
        Pictures of the country below everything, by the words of
        `yuxi_gis.export.webmap.basemaps.basemap`; the first is shown.

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
    if clash := ", ".join(sorted(set(layers) & set(results))):
        raise ParameterError(
            f"图层名 {clash} 与程序结果的名称相同，请改名。",
            f"Layers are called as results are: {clash}. Give them other names.",
        )
    themed = _themed(layers, results, specs, masking)
    scenes = {"before": before, "after": after}
    if not themed and before is None and after is None:
        raise ParameterError(
            "没有可上图的图层或影像。请至少给出一个带图形的图层。",
            "There is no layer and no scene to map. Give at least one layer that has geometry.",
        )
    encoded, simpler = encode_layers(themed, simplify)
    around = _surroundings(encoded)
    pictures = {
        when: picture(path, around=around) for when, path in scenes.items() if path is not None
    }
    name = title or words["title"]
    page = OfflinePage(name, "zh-CN" if lang == "zh" else "en")
    bounds = _bounds(encoded, pictures)
    result = _canvas(page, bounds)
    for i, word in enumerate(basemaps):
        found = basemap(word, bounds=bounds)
        BasemapLayer(found, show=i == 0).add_to(result)
    _add_scenes(result, pictures, show=not any(layer.count for layer in encoded))
    sources = [Source.of_picture(both(when), image) for when, image in pictures.items()]
    for data, (_, frame) in zip(encoded, themed, strict=True):
        layer = VectorLayer(data)
        layer.add_to(result)
        sources.append(Source.of_layer(data.head["title"], frame, data.count))
    titles = [_scene_title(when, image) for when, image in pictures.items()]
    settings = {"texts": all_texts(), "lang": lang, "scenes": titles, "bounds": bounds}
    settings["changes"] = change_list(
        patches, themed, before=before, after=after, shift=shift, masking=masking
    )
    PageControls(settings).add_to(result)
    drawn = list(zip(encoded, (frame for _, frame in themed), strict=True))
    seen = [image.scene for image in pictures.values()]
    page.html.add_child(provenance_block(drawn, seen, masking, simpler), name="provenance")
    page.header.add_child(Raw(f'<meta name="yuxi-gis-masking" content="{masking.word}">'))
    masked = (masking.text("zh"), masking.text("en"))
    page.html.add_child(heading(title or both("title"), sources, words, masked), name="heading")
    return result


def write_map(
    path: str | os.PathLike[str],
    layers: Layers,
    *,
    overwrite: bool = False,
    note: Note | None = None,
    note_above: int = NOTE_ABOVE,
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
    note : callable, optional
        Is told, in Chinese and English, the size of a page of more than `note_above` bytes before
        it is written, and what to do.
    note_above : int
        Bytes; the page may have `yuxi_gis.export.webmap.size.REFUSE_ABOVE`, or this if it is more.
    **content
        The keywords of `make_map`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OutputError
        The file exists or cannot be written, or the page would be too large or load something
        from outside; no file is left then.
    CRSError, ParameterError, SceneError
        As `make_map`.
    """
    with staged(path, overwrite=overwrite) as part:
        page = make_map(layers, **content).get_root()
        announce(page, note, note_above)
        html = page.render()
        part.write_text(html, encoding="utf-8", newline="\n")
        check_offline(part.read_text(encoding="utf-8"))
    return Path(path)


def _themed(
    layers: Layers,
    results: Mapping[str, gpd.GeoDataFrame],
    catalog: Mapping[str, LayerSpec],
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
        theme = layer_theme(layer_id, frame, spec)
        themed.append(with_households(theme, frame, layers, catalog, masking))
    for result, frame in results.items():
        frame = mask_findings(frame, masking)
        if {"message_zh", "message_en"} <= set(frame.columns):
            said = (as_text(frame[n]).fillna("") for n in ("message_zh", "message_en"))
            pairs = zip(*said, strict=True)
            frame = frame.assign(message=list(pairs))
        themed.append((result_theme(result, frame, catalog), frame))
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
        # Tiles are drawn for whole levels; between two they are those of the next, made smaller.
        zoom_snap=0.5,
        wheel_px_per_zoom_level=120,
        fade_animation=False,
    )
    page.add_child(result)
    return result


def _bounds(encoded: list[Encoded], pictures: Mapping[str, Picture]) -> list[list[float]]:
    """[[south, west], [north, east]] of the land layers, else of all features, else the scenes."""
    land = [layer for layer in encoded if not layer.head["result"]]
    for group in (land, encoded):
        boxes = [layer.bounds for layer in group if layer.bounds is not None]
        if boxes:
            west, south = np.min(boxes, axis=0)[:2].tolist()
            east, north = np.max(boxes, axis=0)[2:].tolist()
            return [[south, west], [north, east]]
    for image in pictures.values():
        return [list(corner) for corner in image.bounds]
    return _YUXI


def _surroundings(encoded: Sequence[Encoded]) -> tuple[float, float, float, float] | None:
    """West, south, east, north of all features in degrees, and half as much on each side."""
    boxes = [layer.bounds for layer in encoded if layer.bounds is not None]
    if not boxes:
        return None
    west, south = np.min(boxes, axis=0)[:2].tolist()
    east, north = np.max(boxes, axis=0)[2:].tolist()
    wide, high = (east - west) / 2, (north - south) / 2
    return west - wide, max(south - high, -85.0), east + wide, min(north + high, 85.0)


def _add_scenes(result: folium.Map, pictures: Mapping[str, Picture], *, show: bool) -> None:
    """Each scene below the features, in a pane of its own that ``swipe.js`` clips.

    With `show` the last one shows at first: where there is no feature, nothing else does.
    """
    for depth, when in ((150, "before"), (151, "after")):
        if when in pictures:
            pane, image = f"yuxi-{when}", pictures[when]
            shown = show and when == list(pictures)[-1]
            CustomPane(pane, z_index=depth).add_to(result)
            ImageOverlay(
                image.url, image.bounds, name=when, overlay=False, show=shown, pane=pane
            ).add_to(result)


def _scene_title(when: str, image: Picture) -> list[str]:
    return [f"{word} · {image.scene.date or image.scene.name}" for word in both(when)]
