"""Whose farmland a parcel is: the household's code and name in its popup and in the search.

Geometry and names lie in different tables: parcels (``DK``) are tied by ``CBDKXX`` to contractors
(``CBF``). A planner looks a parcel up by its household, so both are put together here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import geopandas as gpd
import pandas as pd

from yuxi_gis.catalog import LayerSpec
from yuxi_gis.codes import Masking, as_text
from yuxi_gis.export.masking import mask_table
from yuxi_gis.export.webmap.themes import Column, Theme

__all__ = ["with_households"]

_KEY, _CODE, _NAME = "DKBM", "CBFBM", "CBFMC"


def with_households(
    theme: Theme,
    frame: gpd.GeoDataFrame,
    layers: Mapping[str, pd.DataFrame],
    catalog: Mapping[str, LayerSpec],
    masking: Masking,
) -> tuple[Theme, gpd.GeoDataFrame]:
    """Farmland with the code and the name of each parcel's household as searched columns.

    Parameters
    ----------
    theme : Theme
    frame : GeoDataFrame
        Its features, with personal data masked.
    layers : mapping of str to DataFrame
        By layer id; ``contract_parcel`` tells whose a parcel is, ``contractor`` the name.
    catalog : mapping of str to LayerSpec
    masking : Masking
        How names are masked.

    Returns
    -------
    theme : Theme
    frame : GeoDataFrame
        Both as they were where the layer is not ``farmland``, or no table tells the household.
        Several households of one parcel are in one text, in the same order in both columns.
    """
    tables = _tables(layers, catalog)
    if theme.id != "farmland" or "contract_parcel" not in tables or _KEY not in frame.columns:
        return theme, frame
    parcels = pd.DataFrame({_KEY: _codes(frame[_KEY]).array, "row": range(len(frame))})
    owners = parcels.merge(tables["contract_parcel"].drop_duplicates(), on=_KEY)
    if "contractor" in tables:
        owners = owners.merge(tables["contractor"].drop_duplicates(_CODE), on=_CODE, how="left")
    spec = catalog["contractor"]
    columns = [name for name in (_CODE, _NAME) if name in owners.columns]
    masked, _ = mask_table(owners[columns], masking, spec)
    added = _listed(masked, owners["row"]).reindex(range(len(frame)))
    fields = [spec.by_name[name] for name in columns]
    titles = [Column(f.name, (f.title_zh, f.title_en), search=True) for f in fields]
    kept = [column for column in theme.columns if column.name not in columns]
    values = {name: added[name].array for name in columns}
    return replace(theme, columns=(*kept, *titles)), frame.assign(**values)


def _tables(
    layers: Mapping[str, pd.DataFrame], catalog: Mapping[str, LayerSpec]
) -> dict[str, pd.DataFrame]:
    """What is needed of the tables that are there; without incomplete records."""
    wanted = {"contract_parcel": [_KEY, _CODE], "contractor": [_CODE, _NAME]}
    tables = {}
    for name, columns in wanted.items():
        if name in layers and name in catalog and set(columns) <= set(layers[name].columns):
            table = pd.DataFrame({column: _codes(layers[name][column]) for column in columns})
            tables[name] = table[(table.fillna("") != "").all(axis=1)]
    return tables


def _codes(values: pd.Series) -> pd.Series:
    return as_text(values).str.strip()


def _listed(values: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    """One line a row: what several lines say, one after the other."""
    text = values.apply(lambda column: as_text(column).fillna(""))
    several = row.duplicated(keep=False)
    lists = text[several].groupby(row[several]).agg("、".join)
    single = text[~several].set_axis(row[~several].to_numpy())
    return pd.concat([single, lists])
