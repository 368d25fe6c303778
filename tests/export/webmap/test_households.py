"""Farmland with the households of its parcels."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from shapely import box

from yuxi_gis.catalog import load_catalog
from yuxi_gis.codes import Masking
from yuxi_gis.export.webmap.households import with_households
from yuxi_gis.export.webmap.themes import Theme, layer_theme

VILLAGE = "53040210320300"
CATALOG = load_catalog()


def parcel(number: int) -> str:
    return f"{VILLAGE}{number:05d}"


def household(number: int) -> str:
    return f"{VILLAGE}{number:04d}"


@pytest.fixture
def layers() -> dict[str, Any]:
    farmland = gpd.GeoDataFrame(
        {"DKBM": [parcel(3), parcel(1), parcel(2), None, parcel(4)]},
        geometry=[box(i, 0, i + 1, 1) for i in range(5)],
        crs=4543,
        index=[7, 7, 3, 9, 1],
    )
    links = {
        "DKBM": [f" {parcel(1)}", parcel(2), parcel(2), parcel(1), parcel(4), None, "elsewhere"],
        "CBFBM": [household(1), household(2), household(3), household(1), None, household(3), "x"],
    }
    names = {
        "CBFBM": [household(1), household(2), household(2), None],
        "CBFMC": ["李小明", "王二", "另一人", "无码"],
        "CBFZJHM": ["53040219700101001X"] * 4,
    }
    return {
        "farmland": farmland,
        "contract_parcel": pd.DataFrame(links),
        "contractor": pd.DataFrame(names),
    }


def together(
    layers: dict[str, Any], masking: Masking | None = None
) -> tuple[Theme, gpd.GeoDataFrame]:
    farmland = layers["farmland"]
    theme = layer_theme("farmland", farmland, CATALOG["farmland"])
    return with_households(theme, farmland, layers, CATALOG, masking or Masking())


def test_each_parcel_says_its_households(layers: dict[str, Any]) -> None:
    theme, frame = together(layers, Masking(names=False))
    assert frame.index.tolist() == [7, 7, 3, 9, 1] and frame.crs == layers["farmland"].crs
    both = f"{household(2)}、{household(3)}"
    assert frame["CBFBM"].fillna("").tolist() == ["", household(1), both, "", ""]
    assert frame["CBFMC"].fillna("").tolist() == ["", "李小明", "王二、", "", ""]
    code, name = theme.columns[-2:]
    assert (code.name, code.title, code.search) == (
        "CBFBM",
        ("承包方代码", "Contractor code"),
        True,
    )
    assert name.name == "CBFMC" and name.search
    assert "CBFBM" not in layers["farmland"].columns, "what was given is not changed"


def test_names_are_masked_and_codes_are_not(layers: dict[str, Any]) -> None:
    _, frame = together(layers)
    assert frame["CBFMC"].fillna("").tolist() == ["", "李**", "王*、", "", ""]
    assert frame["CBFBM"].iloc[1] == household(1)


def test_without_names_there_are_codes(layers: dict[str, Any]) -> None:
    del layers["contractor"]
    theme, frame = together(layers)
    assert theme.columns[-1].name == "CBFBM" and "CBFMC" not in frame.columns
    assert frame["CBFBM"].iloc[1] == household(1)


@pytest.mark.parametrize("missing", ["contract_parcel", "CBFBM", "DKBM"])
def test_without_links_all_stays(layers: dict[str, Any], missing: str) -> None:
    if missing == "contract_parcel":
        del layers[missing]
    else:
        layers["contract_parcel"] = layers["contract_parcel"].drop(columns=missing)
    theme, frame = together(layers)
    assert frame is layers["farmland"] and "CBFBM" not in [c.name for c in theme.columns]


def test_links_that_fit_no_parcel(layers: dict[str, Any]) -> None:
    layers["contract_parcel"] = layers["contract_parcel"].iloc[-1:]
    _, frame = together(layers)
    assert frame["CBFBM"].isna().all() and len(frame) == 5


def test_other_layers_stay(layers: dict[str, Any]) -> None:
    theme = layer_theme("homestead", layers["farmland"], CATALOG["homestead"])
    found = with_households(theme, layers["farmland"], layers, CATALOG, Masking())
    assert found == (theme, layers["farmland"])
