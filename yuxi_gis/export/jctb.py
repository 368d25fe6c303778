"""Changed patches in the official fields of monitoring patches (监测图斑, JCTB).

The fields, their order and lengths are those of ``layers/monitoring_patch.toml``. What is not
known stays empty: two scenes do not say what a red line touches, or whose the land is.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from yuxi_gis.catalog import load_catalog
from yuxi_gis.codes import Masking, as_text
from yuxi_gis.crs import datum, datum_name
from yuxi_gis.errors import CRSError
from yuxi_gis.export.geopackage import write_geopackage
from yuxi_gis.export.masking import mask_table
from yuxi_gis.export.shapefile import write_shapefile
from yuxi_gis.findings import plain
from yuxi_gis.regions import current_code, region_names
from yuxi_gis.symbology import load_style

__all__ = ["FILES", "LAYER", "monitoring_patches", "overlaps", "write_jctb"]

LAYER = "monitoring_patch"
"""Id of the layer in the catalogue."""

_PARTS = ("shx", "dbf", "prj", "cpg")
#: What other programs leave beside them; wrong for new ones.
_STALE = ("sbn", "sbx", "qix", "shp.xml", "gpkg.aux.xml")
FILES = ("jctb.gpkg", "jctb.shp", "jctb.qml", *(f"jctb.{part}" for part in _PARTS + _STALE))
"""The files that `write_jctb` writes into a folder, or makes stale there."""

_MASKING = Masking()
#: What the land survey says of the ground before: fields that both layers have.
_OF_LANDUSE = ("DLBM", "DLMC", "TBXHMC", "ZZSXDM", "CZCSXM")
_OFFICIAL = datum_name(CRS.from_epsg(4490))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def overlaps(patches: gpd.GeoDataFrame, layer: gpd.GeoDataFrame) -> pd.DataFrame:
    """What each patch shares with the polygons of a layer.

    Parameters
    ----------
    patches, layer : GeoDataFrame
        Polygons in any CRS.

    Returns
    -------
    DataFrame
        ``patch`` and ``row`` (positions), ``area`` (exact, in squared units of the CRS of
        `patches`): a row for each two that share ground, by patch, the largest area first.

    Raises
    ------
    CRSError
        Nothing but a ballpark leads from the datum of `layer` to that of `patches`.
    """
    ground = shapely.make_valid(np.asarray(datum.to_crs(layer, patches.crs).geometry.array))
    own = np.asarray(patches.geometry.array)
    patch, row = shapely.STRtree(ground).query(own, predicate="intersects")
    area = shapely.area(shapely.intersection(own[patch], ground[row]))
    found = pd.DataFrame({"patch": patch, "row": row, "area": area})[area > 0]
    order = ["patch", "area", "row"]
    return found.sort_values(order, ascending=[True, False, True], ignore_index=True)


def monitoring_patches(
    patches: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame]
) -> gpd.GeoDataFrame:
    """Patches as a layer `monitoring_patch`.

    Parameters
    ----------
    patches : GeoDataFrame
        `ChangeResult.patches`; its ``confidence``, where it has one, is told in BZ.
    layers : mapping of layer id to GeoDataFrame
        `landuse` gives the former land class, by the largest share of the patch, and what the
        survey says of it; where no region is known, also the county.

    Returns
    -------
    GeoDataFrame
        All fields of the layer in its order, texts but for MJ (m², ellipsoidal); what is not
        known is missing. Rows of `patches`; on CGCS2000, in the projection of `layers` where they
        are on it, else in degrees (EPSG:4490). On a datum from which no way is known the CRS stays.
    """
    spec = load_catalog()[LAYER]
    n = len(patches)
    columns = {f.name: pd.Series([""] * n, dtype="str") for f in spec.fields}
    known = ("XZQDM", "JCBH", "TBLX", "SFYN", "MJ")
    columns |= {name: patches[name].reset_index(drop=True) for name in known}
    columns["XZQDM"] = columns["XZQDM"].fillna("")
    for name in ("QSX", "HSX"):
        times = patches[name].reset_index(drop=True)
        columns[name] = times.where(times.str.fullmatch(_DATE.pattern), "")
    if "landuse" in layers and n:
        former = _former(patches, layers["landuse"])
        columns |= {name: former[name] for name in _OF_LANDUSE}
        # A location code of 19 digits begins with that of the county.
        columns["XZQDM"] = columns["XZQDM"].where(columns["XZQDM"] != "", former["county"])
    columns["XMC"] = _county(columns["XZQDM"])
    columns["BZ"] = _remarks(patches)
    lengths = {f.name: f.length for f in spec.fields if f.type == "Char"}
    for name, length in lengths.items():
        columns[name] = columns[name].astype("str").map(plain).str.slice(0, length)
        columns[name] = columns[name].where(columns[name] != "").astype("str")
    frame = gpd.GeoDataFrame(columns, geometry=patches.geometry.array, crs=patches.crs)
    return _on_cgcs2000(frame[[*spec.by_name, "geometry"]], layers)


def _on_cgcs2000(
    frame: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame]
) -> gpd.GeoDataFrame:
    ordered = sorted(layers, key=lambda name: name != "landuse")
    given = [layers[name].crs for name in ordered]
    official = [crs for crs in (frame.crs, *given) if crs and datum_name(crs) == _OFFICIAL]
    try:
        return datum.to_crs(frame, official[0] if official else 4490)
    except CRSError:
        return frame


def _former(patches: gpd.GeoDataFrame, landuse: gpd.GeoDataFrame) -> pd.DataFrame:
    """What the land survey says of the class with most ground in each patch, a row a patch.

    Of several polygons of that class the largest part counts.
    """
    found = overlaps(patches, landuse)
    wanted = {name: landuse.get(name) for name in (*_OF_LANDUSE, "ZLDWDM")}
    said = pd.DataFrame(
        {
            name: [""] * len(found)
            if values is None
            else as_text(values).fillna("").to_numpy()[found["row"]]
            for name, values in wanted.items()
        },
        dtype="str",
    )
    found = pd.concat([found, said], axis=1)
    found["whole"] = found.groupby(["patch", "DLBM"])["area"].transform("sum")
    found = found.sort_values(
        ["patch", "whole", "area", "row"], ascending=[True, False, False, True]
    )
    first = found.groupby("patch").first().reindex(range(len(patches)))
    first["county"] = first["ZLDWDM"].str.extract(r"^(\d{6})\d{13}$", expand=False)
    return first[[*_OF_LANDUSE, "county"]].astype("str").fillna("")


def _county(codes: pd.Series) -> pd.Series:
    """Names of the counties that codes begin with; ``""`` where there is none."""
    return current_code(codes.str[:6]).map(region_names()).fillna("").astype("str")


def _remarks(patches: gpd.GeoDataFrame) -> pd.Series:
    """疑似…, and how sure that is."""
    text = "疑似" + patches["kind_zh"].astype("str")
    text = text.where(~patches["seasonal"].astype(bool), text + "，可能只是季节变化")
    if "confidence" in patches:
        sure = patches["confidence"].map("，置信度 {:.2f}".format, na_action="ignore")
        text = text + sure.fillna("").astype("str")
    return (text + "，须实地核实").reset_index(drop=True)


def write_jctb(
    folder: Path,
    patches: gpd.GeoDataFrame,
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    masking: Masking = _MASKING,
    inputs: tuple[str, ...] = (),
) -> None:
    """Write `monitoring_patches` as ``jctb.gpkg`` (table JCTB) and ``jctb.shp``, both styled.

    The shapefile is in GBK, or in GB18030, its superset, where a character needs that.

    Parameters
    ----------
    folder : Path
        An empty, staged one.
    patches, layers
        See `monitoring_patches`.
    masking : Masking
        Which personal data are masked; by default all.
    inputs : tuple of str
        The scenes, whose names go into the metadata.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    frame = monitoring_patches(patches, layers)
    spec = load_catalog()[LAYER]
    write_geopackage(folder / FILES[0], {LAYER: frame}, masking=masking, inputs=inputs)
    masked, _ = mask_table(frame, masking, spec)
    shutil.copyfile(load_style(LAYER).path, folder / FILES[2])
    fields = [f for f in spec.fields if f.type == "Char"]
    words = {word for f in fields for word in masked[f.name].dropna()}
    write_shapefile(
        folder / FILES[1],
        gpd.GeoDataFrame(masked),
        encoding="GBK" if all(map(_in_gbk, words)) else "GB18030",
        widths={f.name: f.length for f in fields if f.length is not None},
    )


def _in_gbk(text: str) -> bool:
    return text.encode("gbk", "ignore").decode("gbk") == text
