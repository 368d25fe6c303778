"""Columns are packed so that they say what they said."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.webmap.unpacked import Unpacked
from yuxi_gis.catalog import load_catalog
from yuxi_gis.export.webmap.values import PLAIN, SHARE, Kind, Number, Text, field_kind, pack_column


def shown(values: Any, kind: Kind, lang: int = 0) -> list[str]:
    """What the page shows of a column."""
    facts, words, codes = pack_column(pd.Series(values), kind)
    head = {"count": len(values), "columns": [{"title": "x", **facts}]}
    return Unpacked(head, {"0.words": words, "0.codes": codes}, lang).column(0)


def test_codes_keep_all_digits_and_whole_numbers_have_no_point() -> None:
    assert shown(["5304021032030000012", None], PLAIN) == ["5304021032030000012", ""]
    assert shown([1.0, np.nan, 2.5], PLAIN) == ["1", "", "2.5"]
    assert shown([pd.Timestamp("2024-05-01"), pd.NaT], PLAIN) == ["2024-05-01", ""]


def test_numbers_have_decimals_and_what_is_none_stays_as_it_is() -> None:
    assert shown([1234.5, np.nan, -0.125], Number(2)) == ["1,234.50", "", "-0.12"]
    assert shown(["1234.5", " ", None], Number(2, " m²")) == ["1,234.50 m²", "", ""]
    assert shown(["不详", None, "12"], Number(2)) == ["不详", "", "12"]
    assert shown([1.0, np.inf], Number(2)) == ["1", "inf"]
    assert shown([0.256, np.nan], SHARE) == ["25.6 %", ""]


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9))))
def test_numbers_come_back_to_the_last_decimal(values: list[float | None]) -> None:
    _, _, codes = pack_column(pd.Series(values, dtype="float64"), Number(3))
    found = Unpacked({"count": 0}, {"x": codes}).numbers("x", 3)
    for value, number in zip(values, found, strict=True):
        assert (value is None) == (number is None)
        assert value is None or abs(value - number) <= 0.000501


@settings(deadline=None)
@given(st.lists(st.sampled_from(["大田", "大田 ", "河边", "", None])))
def test_texts_come_back_stripped_and_each_word_is_stored_once(values: list[str | None]) -> None:
    assert shown(pd.Series(values, dtype="object"), PLAIN) == [(v or "").strip() for v in values]
    words = json.loads(pack_column(pd.Series(values, dtype="object"), PLAIN)[1])
    assert len(words) == len(set(words))


def test_code_lists_are_decoded_in_both_languages() -> None:
    kind = field_kind(load_catalog()["farmland"].by_name["DKLB"])
    assert shown(["10", "77"], kind) == ["承包地块 [10]", "77"]
    assert (
        shown(["10", "77"], kind, 1)[0].endswith("[10]") and "承包" not in shown(["10"], kind, 1)[0]
    )


def test_dates_are_readable() -> None:
    fields = [f for spec in load_catalog().values() for f in spec.fields if f.type == "Date"]
    assert shown(["20240501", "2024"], field_kind(fields[0])) == ["2024-05-01", "2024"]


def test_pairs_show_their_language() -> None:
    pairs = pd.Series([("一", "one"), ("二", "two"), ("一", "one")])
    assert shown(pairs, Text(lambda pair: pair)) == ["一", "二", "一"]
    assert shown(pairs, Text(lambda pair: pair), 1) == ["one", "two", "one"]


@pytest.mark.parametrize("text", ["\ud800", "</script>", "\u2028", "{{ 7*7 }}"])
def test_hostile_text_is_text(text: str) -> None:
    values = pd.Series([text], dtype=object)
    assert shown(values, PLAIN) == [text.encode("utf-8", "replace").decode().strip()]


def test_lists_and_days_far_away_are_text() -> None:
    assert shown(pd.Series([[1, 2], None], dtype=object), PLAIN) == ["[1, 2]", ""]
    far = pd.Series(np.array(["12024-05-01"], dtype="datetime64[s]"))
    assert shown(far, PLAIN) == ["12024-05-01"]
