"""Totals: how many parcels a layer has, and how much land."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.units import ellipsoidal_area, planar_area, to_mu

__all__ = ["totals"]


def totals(
    layers: Mapping[str, gpd.GeoDataFrame], *, catalog: Mapping[str, LayerSpec] | None = None
) -> pd.DataFrame:
    """Parcels and land by layer, measured on the geometry.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame
        By layer id, each with a CRS.
    catalog : mapping of str to LayerSpec, optional

    Returns
    -------
    DataFrame
        One row a layer, in the order of `layers`: ``layer``, ``title_zh``, ``title_en``,
        ``parcels`` (int), ``method`` (``"planar"`` or ``"ellipsoidal"``, as the layer's standard
        wants), ``area_m2`` and ``area_mu`` (float; 亩 = 2000/3 m²). Overlapping parcels count
        twice.

    Raises
    ------
    CRSError
        A layer has no CRS.
    """
    catalog = load_catalog() if catalog is None else catalog
    rows = []
    for layer_id, frame in layers.items():
        spec = catalog[layer_id]
        method = spec.area.method if spec.area else "ellipsoidal"
        areas = planar_area(frame) if method == "planar" else ellipsoidal_area(frame)
        m2 = float(np.nansum(areas))
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
