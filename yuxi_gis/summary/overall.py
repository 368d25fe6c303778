"""Totals: how many parcels or records a layer has, and how much land."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.units import ellipsoidal_area, planar_area, to_mu

__all__ = ["measured", "shaped", "totals"]


def totals(
    layers: Mapping[str, pd.DataFrame], *, catalog: Mapping[str, LayerSpec] | None = None
) -> pd.DataFrame:
    """Parcels and land by layer, measured on the geometry where there is one.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame or DataFrame
        By layer id; those of parcels have a CRS.
    catalog : mapping of str to LayerSpec, optional

    Returns
    -------
    DataFrame
        One row a layer, in the order of `layers`: ``layer``, ``title_zh``, ``title_en``,
        ``parcels`` (int, rows of whatever kind), ``method``, ``area_m2`` and ``area_mu`` (float;
        亩 = 2000/3 m²). The method is ``"planar"`` or ``"ellipsoidal"``, as the layer's standard
        wants; ``"official"`` where a table without geometry has the field of the official area,
        whose numbers are added then; and ``""``, with the areas nan, for points, lines and tables
        that state no area. Overlapping parcels count twice.

    Raises
    ------
    CRSError
        A layer whose area is to be measured has no CRS.
    """
    catalog = load_catalog() if catalog is None else catalog
    rows = []
    for layer_id, frame in layers.items():
        spec = catalog[layer_id]
        method, m2 = _area(frame, spec)
        rows.append(
            {
                "layer": layer_id,
                "title_zh": spec.title_zh,
                "title_en": spec.title_en,
                "parcels": len(frame),
                "method": method,
                "area_m2": m2,
                "area_mu": to_mu(m2),
            }
        )
    columns = ["layer", "title_zh", "title_en", "parcels", "method", "area_m2", "area_mu"]
    return pd.DataFrame(rows, columns=columns)


def _area(frame: pd.DataFrame, spec: LayerSpec) -> tuple[str, float]:
    """How the land of a layer is known, and how many m² it is."""
    if shaped(frame):
        if spec.geometry in ("LineString", "Point"):
            return "", np.nan
        method, m2 = measured(frame, spec)
        return method, float(np.nansum(m2))
    if spec.area and spec.area.field in frame:
        stated = pd.to_numeric(frame[spec.area.field], errors="coerce")
        if stated.notna().any():
            return "official", float(stated.sum())
    return "", np.nan


def shaped(frame: pd.DataFrame) -> TypeGuard[gpd.GeoDataFrame]:
    """Whether a table has geometry."""
    return isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is not None


def measured(
    frame: gpd.GeoDataFrame | gpd.GeoSeries, spec: LayerSpec
) -> tuple[str, npt.NDArray[np.float64]]:
    """The method that the layer's standard measures by, and the m² of each polygon so measured."""
    method = spec.area.method if spec.area else "ellipsoidal"
    return method, (planar_area if method == "planar" else ellipsoidal_area)(frame)
