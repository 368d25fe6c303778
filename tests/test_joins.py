"""Parcels with their tables: who is matched, who is not, and that no parcel is lost."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from shapely import box

from yuxi_gis.errors import ParameterError
from yuxi_gis.joins import join

VILLAGE = "53040200100100"
PARCELS = [f"{VILLAGE}{n:05d}" for n in range(1, 6)]
HOUSES = [f"{VILLAGE}{n:04d}" for n in range(1, 4)]
CONTRACTS = [f"{house}J" for house in HOUSES]


def farmland(codes: list[str | None] = PARCELS) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"DKBM": codes, "SCMJ": [100.0 * (i + 1) for i in range(len(codes))]},
        geometry=[box(i, 0, i + 1, 1) for i in range(len(codes))],
        crs=4543,
        index=[f"row{i}" for i in range(len(codes))],
    )


def village() -> dict[str, pd.DataFrame]:
    """Five parcels: 1 and 2 of house 1, 3 of houses 1 and 2, 4 of a house unknown, 5 of none."""
    return {
        "farmland": farmland(),
        "contract_parcel": pd.DataFrame(
            {
                "DKBM": [PARCELS[0], f" {PARCELS[1]} ", PARCELS[2], PARCELS[2], PARCELS[3], "x"],
                "FBFBM": VILLAGE,
                "CBFBM": [HOUSES[0], HOUSES[0], HOUSES[0], HOUSES[1], "nobody", HOUSES[2]],
                "CBHTBM": [CONTRACTS[0], HOUSES[0], CONTRACTS[0], CONTRACTS[1], None, None],
                "CBJYQZBM": [*[CONTRACTS[0]] * 3, CONTRACTS[1], "", None],
                "HTMJ": [100.0, 200.0, 150.0, 150.0, 400.0, 0.0],
            }
        ),
        "contractor": pd.DataFrame(
            {"CBFBM": HOUSES, "CBFMC": ["赵", "钱", "孙"], "YZBM": "653100", "LXDH": "1"}
        ),
        "issuer": pd.DataFrame({"FBFBM": [VILLAGE], "FBFMC": ["村委会"], "YZBM": ["653101"]}),
        "contract": pd.DataFrame(
            {"CBHTBM": CONTRACTS, "FBFBM": VILLAGE, "CBFBM": HOUSES, "HTZMJ": [450.0, 150.0, 9.0]}
        ),
        "register": pd.DataFrame({"CBJYQZBM": CONTRACTS, "CBFS": "110", "CBFBM": HOUSES}),
        "household_member": pd.DataFrame(
            {"CBFBM": [HOUSES[0]] * 2 + [HOUSES[1]], "CYXM": ["赵一", "赵二", "钱一"]}
        ),
    }


def told(result: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {report["table"]: report for report in result.attrs["joined"]}


def test_parcels_with_all_their_tables() -> None:
    layers = village()
    before = {name: frame.copy() for name, frame in layers.items()}
    result = join(layers)
    assert isinstance(result, gpd.GeoDataFrame) and result.crs.to_epsg() == 4543
    assert result.index.tolist() == ["row0", "row1", "row2", "row2", "row3", "row4"]
    assert result["DKBM"].tolist() == [*PARCELS[:3], *PARCELS[2:]]
    assert result["HTMJ"].fillna(-1).tolist() == [100, 200, 150, 150, 400, -1]
    assert result["CBFMC"].fillna("").tolist() == ["赵", "赵", "赵", "钱", "", ""]
    assert result["FBFMC"].fillna("").tolist() == ["村委会"] * 5 + [""]
    assert result["HTZMJ"].fillna(-1).tolist() == [450, 450, 450, 150, -1, -1]
    assert result["CBFS"].fillna("").tolist() == ["110"] * 4 + ["", ""]
    for name, frame in layers.items():
        assert_frame_equal(frame, before[name])


def test_columns_that_clash_bear_the_name_of_their_table() -> None:
    result = join(village())
    assert {"YZBM", "CBF_YZBM"} < set(result.columns) and "FBF_YZBM" not in result
    assert {"CBHT_FBFBM", "CBHT_CBFBM", "CBJYQZDJB_CBFBM"} < set(result.columns)
    assert result.columns.is_unique
    assert [c for c in result.columns if c.endswith("DKBM")] == ["DKBM"]


def test_what_matched_and_what_did_not() -> None:
    reports = told(join(village()))
    assert list(reports) == ["contract_parcel", "issuer", "contractor", "contract", "register"]
    assert reports["contract_parcel"] == {
        "table": "contract_parcel",
        "on": "DKBM = CBDKXX.DKBM",
        "matched": 5,
        "unmatched": 1,
        "empty": 0,
        "unused": 1,
        "repeated": 1,
        "shortened": 0,
    }
    contractor = reports["contractor"]
    assert contractor["on"] == "CBFBM = CBF.CBFBM"
    assert (contractor["matched"], contractor["unmatched"], contractor["empty"]) == (4, 1, 1)
    assert contractor["unused"] == 1
    # One contract code has 18 characters, as CBDKXX prints it.
    contract = reports["contract"]
    assert (contract["matched"], contract["shortened"], contract["empty"]) == (4, 1, 2)
    assert reports["register"]["unmatched"] == 0 and reports["register"]["empty"] == 2


def test_a_short_code_that_fits_two_is_not_guessed() -> None:
    layers = village()
    twin = layers["contract"].iloc[[0]].assign(CBHTBM=HOUSES[0] + "Q")
    layers["contract"] = pd.concat([layers["contract"], twin], ignore_index=True)
    contract = told(join(layers))["contract"]
    assert (contract["matched"], contract["unmatched"], contract["shortened"]) == (3, 1, 0)


def test_records_with_one_code_are_looked_up_once() -> None:
    layers = village()
    layers["contractor"] = pd.concat([layers["contractor"]] * 2, ignore_index=True)
    result = join(layers)
    assert len(result) == 6
    assert told(result)["contractor"]["repeated"] == 3


def test_codes_read_as_numbers_match() -> None:
    frame = gpd.GeoDataFrame({"DKBM": [PARCELS[0]]}, geometry=[box(0, 0, 1, 1)], crs=4543)
    table = pd.DataFrame({"DKBM": [int(PARCELS[0])], "HTMJ": [1.0]})
    assert (
        told(join({"farmland": frame, "contract_parcel": table}))["contract_parcel"]["matched"] == 1
    )


def test_a_household_with_its_members() -> None:
    layers = village()
    result = join({k: layers[k] for k in ("contractor", "household_member")}, "contractor")
    assert result["CYXM"].fillna("").tolist() == ["赵一", "赵二", "钱一", ""]
    assert not isinstance(result, gpd.GeoDataFrame)
    assert told(result)["household_member"]["repeated"] == 1


def test_what_cannot_be_joined_is_an_error() -> None:
    layers = village()
    with pytest.raises(ParameterError, match="no layer nothing"):
        join(layers, "nothing")
    with pytest.raises(ParameterError, match="homestead is not given"):
        join(layers, "homestead")
    with pytest.raises(ParameterError, match="No table is given"):
        join({"farmland": layers["farmland"]})
    with pytest.raises(ParameterError, match="No table is given"):
        join({"farmland": layers["farmland"], "issuer": layers["issuer"]})
    with pytest.raises(ParameterError, match="No table is given"):
        bare = layers["farmland"].drop(columns="DKBM")
        join({"farmland": bare, "contract_parcel": layers["contract_parcel"]})


codes = st.lists(st.sampled_from([*PARCELS[:3], " ", None, "5.3E+18"]), max_size=8)


@settings(deadline=None, max_examples=60)
@given(codes, codes)
def test_as_pandas_merges(left: list[str | None], right: list[str | None]) -> None:
    """Every parcel stays, and the pairs are those of a plain merge on stripped codes."""
    frame = farmland(left)
    table = pd.DataFrame({"DKBM": pd.Series(right, dtype="str"), "HTMJ": range(len(right))})
    result = join({"farmland": frame, "contract_parcel": table})
    assert set(result.index) == set(frame.index)
    pairs = [
        (f"row{i}", float(j))
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if a is not None and a == b and a.strip()
    ]
    found = result["HTMJ"].dropna()
    assert list(zip(found.index, found.astype(float), strict=True)) == pairs
    report = told(result)["contract_parcel"]
    assert report["matched"] + report["unmatched"] + report["empty"] == len(result)
    assert report["repeated"] == len(result) - len(frame)
