"""The rules between tables: what cannot be told in the table of cases."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuxi_gis.checks import CheckResult, run_checks
from yuxi_gis.checks.rules.tables import CONTRACT
from yuxi_gis.read.fields import completed

HOUSE = "530402001001000001"


def check(rule: str, **layers: pd.DataFrame) -> CheckResult:
    return run_checks(layers, rules=[rule])


@given(st.integers(0, 9999), st.sampled_from("JQ"))
def test_a_cut_code_is_completed_only_where_one_fits(number: int, letter: str) -> None:
    house = f"53040200100100{number:04d}"
    keys = pd.Series([house + letter, HOUSE[:-1] + "xJ", None], dtype="str")
    codes = pd.Series([house, house + letter, house[:-1], None], dtype="str")
    assert completed(codes, keys, CONTRACT).fillna("-").tolist() == [
        house + letter,
        house + letter,
        house[:-1],
        "-",
    ]
    both = pd.Series([house + "J", house + "Q"], dtype="str")
    assert completed(codes, both, CONTRACT)[0] == house


def test_tables_that_are_not_given_are_told() -> None:
    parcels = pd.DataFrame(
        {"DKBM": ["D"], "FBFBM": ["F"], "CBFBM": [HOUSE], "CBHTBM": ["H"], "CBJYQZBM": ["Z"]}
    )
    result = check("X02", contract_parcel=parcels, contractor=pd.DataFrame({"CBFBM": [HOUSE]}))
    assert result.findings.empty
    said = " ".join(skipped.reason_en for skipped in result.not_run)
    for table in ("issuer", "contract", "register"):
        assert f"no layer {table} " in said
    assert "LZHTBM" not in said  # optional, and not in the table
    without = check("X02", contract_parcel=parcels.drop(columns="CBFBM"))
    assert any("CBFBM is missing" in skipped.reason_en for skipped in without.not_run)


def test_codes_read_as_numbers_are_compared_as_text() -> None:
    """A spreadsheet gives 14 digits as a number; these still fit into one."""
    contract = pd.DataFrame({"CBHTBM": ["C"], "FBFBM": [53040200100100.0], "CBFBM": [HOUSE]})
    issuer = pd.DataFrame({"FBFBM": ["53040200100100"]})
    contractor = pd.DataFrame({"CBFBM": [HOUSE]})
    assert check("X02", contract=contract, issuer=issuer, contractor=contractor).findings.empty


def test_entries_without_contract_are_told_not_judged() -> None:
    columns = {"FBFBM": "F", "CBFBM": HOUSE, "CBFS": "110", "CBQXQ": "19990101", "CBQXZ": "2028"}
    register = pd.DataFrame({"CBJYQZBM": [HOUSE + "J", HOUSE + "Q"], **columns})
    contract = pd.DataFrame({"CBHTBM": [HOUSE + "J"], **columns})
    result = check("X04", register=register, contract=contract)
    assert result.findings.empty
    assert result.not_run[0].reason_en.startswith("1 entries have no contract")


@pytest.mark.parametrize("kind", ["datetime64[ns]", "object"])
def test_dates_of_any_kind_are_days(kind: str) -> None:
    same = {"FBFBM": "F", "CBFBM": HOUSE, "CBFS": "110", "CBQXQ": "19990101"}
    days = pd.Series(pd.to_datetime(["2028-12-31"])).astype(kind)
    register = pd.DataFrame({"CBJYQZBM": [HOUSE + "J"], **same, "CBQXZ": days})
    contract = pd.DataFrame({"CBHTBM": [HOUSE + "J"], **same, "CBQXZ": "20281231"})
    assert check("X04", register=register, contract=contract).findings.empty
    other = contract.assign(CBQXZ="20281230")
    assert len(check("X04", register=register, contract=other).findings) == 1


def test_names_of_people_stay_out() -> None:
    contractor = pd.DataFrame(
        {"CBFBM": [HOUSE], "CBFLX": "1", "CBFMC": "李某某", "CBFCYSL": [3], "CBFZJHM": "5304"}
    )
    member = pd.DataFrame(
        {"CBFBM": [HOUSE, HOUSE[:-1] + "9"], "CYXM": "赵某某", "YHZGX": "20", "CYZJHM": "5304"}
    )
    said = pd.concat(
        [
            check("X03", contractor=contractor, household_member=member).findings,
            check("X02", contractor=contractor, household_member=member).findings,
        ]
    )
    assert sorted(said["rule"]) == ["X02", "X03", "X03"]
    assert not said["message_zh"].str.contains("某").any()


def test_the_order_of_rows_does_not_matter() -> None:
    member = pd.DataFrame(
        {"CBFBM": [HOUSE] * 3 + [HOUSE[:-1] + "2"] * 2, "YHZGX": ["02", "02", "10", "02", "10"]}
    )
    contractor = pd.DataFrame({"CBFBM": [HOUSE, HOUSE[:-1] + "2"], "CBFLX": "1", "CBFCYSL": [3, 3]})
    found = check("X03", contractor=contractor, household_member=member).findings
    turned = check(
        "X03", contractor=contractor.iloc[::-1], household_member=member.iloc[::-1]
    ).findings
    assert found["message_en"].tolist() == turned["message_en"].tolist()
    assert found["value"].tolist() == [2, 2]
