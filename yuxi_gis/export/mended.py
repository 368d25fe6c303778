"""Mended layers as one GeoPackage, with the list of mends in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import geopandas as gpd

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.codes import Masking
from yuxi_gis.export.geopackage import write_geopackage
from yuxi_gis.mend import KINDS, Mended

__all__ = ["TABLE", "write_mended"]

#: The table of the mends.
TABLE = "mends"

_MASKING = Masking()


def write_mended(
    path: str | os.PathLike[str],
    mended: Mended,
    *,
    lang: str = "zh",
    masking: Masking = _MASKING,
    inputs: Iterable[object] | None = None,
    overwrite: bool = False,
    catalog: Mapping[str, LayerSpec] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Write a mended copy of layers, and what was mended.

    Parameters
    ----------
    path : path-like
        The file to write; ends in ``.gpkg``.
    mended : Mended
        Its layers go to tables with their official names, styled
        (`yuxi_gis.export.geopackage.write_geopackage`), and its mends to the table ``mends``.
    lang : {"zh", "en"}
        Of the texts in that table.
    masking : Masking
        Which personal data are masked; by default all. A copy that is to replace the data must
        be written without masking.
    inputs : iterable of path-like, optional
        The files that the layers come from; by default those that their ``attrs`` name.
    overwrite : bool
        Replace an existing file.
    catalog : mapping of str to LayerSpec, optional

    Returns
    -------
    dict of str to tuple of str
        The fields in which something was masked, by table.

    Raises
    ------
    ParameterError
        `path` does not end in ``.gpkg``, or two fields of a table have one name.
    OutputError
        The file exists and `overwrite` is false, or it cannot be written.
    """
    catalog = load_catalog() if catalog is None else catalog
    return write_geopackage(
        path,
        mended.layers,
        others={TABLE: _told(mended.mends, lang, catalog)},
        masking=masking,
        inputs=inputs,
        overwrite=overwrite,
        catalog=catalog,
    )


def _told(mends: gpd.GeoDataFrame, lang: str, catalog: Mapping[str, LayerSpec]) -> gpd.GeoDataFrame:
    """The list of mends in one language."""
    table = mends.assign(
        layer=mends["layer"].map({name: spec.title(lang) for name, spec in catalog.items()}),
        kind=mends["kind"].map({kind: KINDS[kind][lang != "zh"] for kind in KINDS}),
        what_zh=mends[f"what_{lang}"],
    )
    return table.drop(columns="what_en").rename(columns={"what_zh": "what"})
