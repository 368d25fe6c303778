from __future__ import annotations

import pandas as pd
import pytest

from yuxi_gis.regions import LEVELS, current_code, region_code, region_name, region_names


@pytest.mark.parametrize(
    ("code", "village", "town", "county"),
    [
        ("5304020010010000001", "530402001001", "530402001", "530402"),
        ("530402001", "530402001", "530402001", "530402"),
        ("530402001000", "530402001", "530402001", "530402"),
        ("530402000000", "530402", "530402", "530402"),
        ("530402", "530402", "530402", "530402"),
        ("53040", None, None, None),
        ("5.304E+18", None, None, None),
        ("", None, None, None),
        (None, None, None, None),
    ],
)
def test_region_code(code: str | None, village: str, town: str, county: str) -> None:
    for level, expected in zip(("village", "town", "county"), (village, town, county), strict=True):
        found = region_code(pd.Series([code], dtype="str"), level)[0]
        assert found == expected or (expected is None and pd.isna(found))


def test_levels_are_twelve_nine_and_six_digits() -> None:
    assert LEVELS == {"county": 6, "town": 9, "village": 12}


def test_current_code_changes_the_county_only() -> None:
    codes = ["530421001001", "530422", "530402001001", "53042", None]
    assert current_code(pd.Series(codes, dtype="str")).fillna("-").tolist() == [
        "530403001001", "530481", "530402001001", "53042", "-",
    ]  # fmt: skip
    assert current_code(pd.Series([], dtype="str")).empty


def test_names() -> None:
    assert region_name("530402") == "红塔区"
    assert region_name("530421") == "江川县"
    assert region_name("999999") == "999999"
    assert region_names()["530402001001"] == "荷花社区居民委员会"
