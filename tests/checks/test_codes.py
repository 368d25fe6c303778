"""Rules on codes, identity numbers, dates and characters, where a table of cases is not enough."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import CheckResult, run_checks
from yuxi_gis.codes import identity_number_fault, is_identity_number

CATALOG = load_catalog()
HOUSE = "530402001001010001"
SOUND = "530402198001010011"
RULES = ("A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10", "A11", "A12", "A21")


def said(result: CheckResult) -> list[str]:
    return (result.findings["message_zh"] + result.findings["message_en"]).tolist()


def skipped(result: CheckResult, layer: str) -> list[str]:
    return [run.reason_en for run in result.not_run if run.layer == layer]


@pytest.mark.parametrize("layer", CATALOG)
@pytest.mark.parametrize("rows", [0, 2])
def test_layers_without_any_value_have_nothing_to_find(layer: str, rows: int) -> None:
    empty = pd.DataFrame({f.name: [None] * rows for f in CATALOG[layer].fields}, dtype=object)
    result = run_checks({layer: empty}, rules=RULES)
    assert result.findings.empty
    assert not skipped(result, layer)


def test_what_is_not_there_is_not_judged() -> None:
    table = pd.DataFrame({"CBFBM": [HOUSE]})
    result = run_checks(
        {"contract": table, "contractor": table}, rules=["A03", "A08", "A11", "A12"]
    )
    assert [run.rule for run in result.not_run if run.layer == "contract"] == [
        *("A03", "A08", "A08", "A12", "A12", "A12"),
    ]
    assert "field CBHTBM is missing" in skipped(result, "contract")
    assert "field CBFZJHM is missing" in skipped(result, "contractor")


def test_twins_name_eight_rows_at_most_and_do_not_depend_on_their_order() -> None:
    codes = [HOUSE + "J"] * 9 + [HOUSE[:-1] + "2J"]
    one, other = (
        run_checks({"contract": pd.DataFrame({"CBHTBM": order})}, rules=["A03"])
        for order in (codes, codes[::-1])
    )
    assert len(one.findings) == len(other.findings) == 9
    assert "rows 1, 2, 3, 4, 5, 6, 7, 8 …." in said(one)[0]
    assert "rows 2, 3, 4, 5, 6, 7, 8, 9 …." in said(other)[0]


def test_masked_numbers_are_not_judged() -> None:
    table = pd.DataFrame(
        {"CBFBM": HOUSE, "CYZJLX": "1", "CYZJHM": ["530402********0011", SOUND, SOUND[:-1] + "2"]}
    )
    result = run_checks({"household_member": table}, rules=["A11"])
    assert result.findings["feature"].tolist() == ["#3"]
    assert skipped(result, "household_member") == ["1 numbers of CYZJHM are masked"]


@given(
    st.from_regex(r"[1-9][0-9]{5}(19|20)[0-9]{9}[0-9Xx]", fullmatch=True, alphabet="0123456789Xx")
)
def test_a_number_without_fault_is_an_identity_number_of_some_province(number: str) -> None:
    fault = identity_number_fault(number)
    here = "53" + number[2:]
    assert is_identity_number(here) == (identity_number_fault(here) is None)
    assert is_identity_number(here, check=False) == (fault != "born")


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (SOUND, None),
        ("'" + SOUND + " ", None),
        ("５３０４０２１９８００１０１００１１", None),
        ("999999198001010017", "check"),
        (SOUND[:-1] + "X", "check"),
        ("530402198013010011", "born"),
        ("530402188001010011", "born"),
        ("530402800101001", "old"),
        ("530402801301001", "born"),
        ("5304021980010100", "form"),
        ("", "form"),
        ("不详", "form"),
    ],
)
def test_what_is_wrong_with_an_identity_number(number: str, fault: str | None) -> None:
    assert identity_number_fault(number) == fault


def test_no_number_is_shown_whatever_is_wrong_with_it() -> None:
    numbers = [
        "530402198001010012",
        "53040219800101001",
        "5304021980010100111",
        "1234567",
        "张三丰",
    ]
    table = pd.DataFrame({"CBFBM": HOUSE, "CYZJLX": "1", "CYZJHM": numbers})
    result = run_checks({"household_member": table}, rules=["A11"])
    assert len(result.findings) == 5
    assert not [number for number in numbers if number in "".join(said(result))]


TODAY = datetime.date.today()


@pytest.mark.parametrize(
    ("values", "late"),
    [
        (pd.to_datetime([TODAY, TODAY + datetime.timedelta(1)]), [False, True]),
        (pd.to_datetime([TODAY, None]), [False, False]),
        ([TODAY + datetime.timedelta(1), TODAY], [True, False]),
        ([f"{TODAY:%Y%m%d}", f"{TODAY + datetime.timedelta(1):%Y%m%d}"], [False, True]),
    ],
)
def test_today_is_not_the_future(values: object, late: list[bool]) -> None:
    table = pd.DataFrame({"CBJYQZBM": ["A", "B"], "ZXYY": "1", "ZXRQ": values})
    result = run_checks({"certificate_cancellation": table}, rules=["A12"])
    found = set(result.findings["feature"])
    assert found == {name for name, is_late in zip("AB", late, strict=True) if is_late}
    assert all("in the future" in text for text in said(result))


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("20160301", True),
        ("2016-3-1", False),
        ("2016.03.01", False),
        ("2016/03/01 00:00:00", False),
        ("2016-03-01T08:00:00+08:00", False),
        ("2016年3月1日", False),
    ],
)
def test_spellings_of_a_date(text: str, spelt: bool) -> None:
    table = pd.DataFrame({"CBJYQZBM": ["A"], "ZXYY": "1", "ZXRQ": [text]})
    found = run_checks({"certificate_cancellation": table}, rules=["A12"]).findings
    assert found["severity"].tolist() == ([] if spelt else ["warning"])


@pytest.mark.parametrize(
    "text", ["2016", "201603", "2016301", "20161301", "2016-02-30", "长期", "0"]
)
def test_what_is_no_date(text: str) -> None:
    table = pd.DataFrame({"CBJYQZBM": ["A"], "ZXYY": "1", "ZXRQ": [text]})
    found = run_checks({"certificate_cancellation": table}, rules=["A12"]).findings
    assert found["feature"].tolist() == ["A"]
    assert found["severity"].tolist() == ["error"]


def test_blanks_around_codes_are_counted_and_no_other_blanks() -> None:
    table = pd.DataFrame(
        {"FBFBM": [f"5304020010010{n} " for n in range(9)] + ["53040200100109"], "FBFMC": " 一组 "}
    )
    found = run_checks({"issuer": table}, rules=["A21"]).findings
    assert found["value"].tolist() == [9]
    assert "rows 1, 2, 3, 4, 5, 6, 7, 8 …." in found["message_en"].item()


def test_numbers_and_lists_hold_no_odd_characters() -> None:
    table = pd.DataFrame({"FBFBM": np.arange(2), "FBFMC": [["?", "?"], b"??"]})
    assert len(run_checks({"issuer": table}, rules=["A21"]).findings) == 1


def test_codes_without_the_field_they_begin_with_are_listed_as_not_judged() -> None:
    code = "5304020010010100001"
    farmland, issuer = pd.DataFrame({"DKMC": ["田"]}), pd.DataFrame({"FBFMC": ["荷花"]})
    assert skipped(run_checks({"farmland": farmland}, rules=["A06"]), "farmland") == [
        "field DKBM is missing"
    ]
    layers = {"farmland": pd.DataFrame({"DKBM": [code]}), "issuer": issuer}
    assert skipped(run_checks(layers, rules=["A06"]), "farmland") == ["field FBFBM is missing"]
    unit = pd.DataFrame({"BDCDYH": ["530402001001JC00001W00000000"]})
    result = run_checks({"homestead": unit}, rules=["A10"])
    assert skipped(result, "homestead") == ["field ZDDM is missing"]


def test_tables_without_the_field_that_tells_what_to_compare_are_listed_as_not_judged() -> None:
    """Without CBFLX a company would count as a household, without ZDDM one homestead as two."""
    house = "530402001001010001"
    layers = {
        "contractor": pd.DataFrame({"CBFBM": [house], "CBFCYSL": [5]}),
        "household_member": pd.DataFrame({"CBFBM": [house], "YHZGX": ["02"]}),
    }
    result = run_checks(layers, rules=["X03"])
    assert result.findings.empty
    assert skipped(result, "contractor") == ["missing: CBFLX"]
    homes = pd.DataFrame({"HZZJHM": ["999999198001010019"] * 2, "ZJDMJ": [200.0, 200.0]})
    result = run_checks({"homestead": homes}, rules=["L03"])
    assert result.findings.empty and skipped(result, "homestead") == ["missing: ZDDM"]
    result = run_checks({"homestead": homes}, rules=["L02"])
    assert result.findings["limit"].tolist() == [150.0, 150.0]
    assert skipped(result, "homestead") == ["field CYRS is missing", "field PZMJ is missing"]
    result = run_checks({"homestead": homes.assign(PZMJ=250.0)}, rules=["L02"])
    assert result.findings.empty and skipped(result, "homestead") == []
