"""Where regions lie: the administrative areas, else what their parcels cover."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.codes import as_text
from yuxi_gis.crs import datum
from yuxi_gis.errors import YuxiGisError
from yuxi_gis.regions import current_code, region_code
from yuxi_gis.summary.overall import shaped
from yuxi_gis.summary.places import sound, units_of

__all__ = ["region_outlines"]


def region_outlines(
    layers: Mapping[str, pd.DataFrame],
    by: str = "village",
    *,
    admin: gpd.GeoDataFrame | None = None,
    catalog: Mapping[str, LayerSpec] | None = None,
) -> gpd.GeoDataFrame:
    """The regions of one level as polygons, to draw a map of totals.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame or DataFrame
    by : {"village", "town", "county"}
    admin : GeoDataFrame, optional
        By default ``layers["admin"]``.
    catalog : mapping of str to LayerSpec, optional

    Returns
    -------
    GeoDataFrame
        ``region`` and geometry, in the CRS of the administrative areas; without them the union of
        the parcels of each region, in the CRS of the first layer with polygons and codes. No row
        where nothing has both.
    """
    catalog = load_catalog() if catalog is None else catalog
    admin = layers.get("admin") if admin is None else admin
    if admin is not None and shaped(admin):
        with suppress(YuxiGisError):  # no codes, or no CRS: the parcels may have them
            return units_of(admin, by)
    found: list[gpd.GeoDataFrame] = []
    for name, frame in layers.items():
        spec = catalog[name]
        if (
            name != "admin"
            and shaped(frame)
            and spec.geometry == "Polygon"
            and spec.region in frame
            and frame.crs
        ):
            # A village's code has twelve digits; few of them differ.
            number, codes = pd.factorize(as_text(frame[spec.region]).str.strip().str[:12])
            region = current_code(region_code(pd.Series(codes, dtype="str"), by))
            shapes = gpd.GeoSeries(sound(frame.geometry.to_numpy()), crs=frame.crs)
            part = gpd.GeoDataFrame(
                {"region": region.array.take(number, allow_fill=True)}, geometry=shapes
            )
            found.append(part if not found else datum.to_crs(part, found[0].crs))
    if not found:
        return gpd.GeoDataFrame({"region": pd.Series(dtype="str")}, geometry=[], crs=4490)
    every = gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=found[0].crs)
    return every.dissolve(by="region", as_index=False)[["region", "geometry"]]
