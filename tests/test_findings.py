"""The findings table: columns, types, order, places."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from pyproj import CRS

from yuxi_gis import findings

GAUSS = CRS(4543)
POINTS = shapely.points([[5e5, 27e5], [500100, 2700100], [500200, 2700200]])


def some(**columns: object):  # type: ignore[no-untyped-def]
    given_columns = {"rule": "T01", "layer": "farmland", **columns}
    return findings.make(
        ["C", "A", "B"], POINTS, GAUSS, zh="地块 {feature}", en="Parcel {feature}", **given_columns
    )


def test_columns_and_types_are_the_same_with_and_without_rows() -> None:
    none, three = findings.empty(4543), findings.finish([some(value=1)], 4543)
    for table in (none, three, findings.finish([], 4543), findings.finish([none], 4543)):
        assert tuple(table.columns) == findings.COLUMNS
        assert table.dtypes.astype(str).tolist() == three.dtypes.astype(str).tolist()
        assert table.crs == GAUSS
    for name in ("value", "limit", "area_m2"):
        assert three[name].dtype == np.float64


def test_scalars_and_arrays_fill_columns_and_messages() -> None:
    table = findings.make(
        ["A", "B"],
        None,
        GAUSS,
        zh="{feature} {value:.1f} {word}",
        en="{feature} {n}",
        words={"word": np.array(["甲", "乙"], dtype=object), "n": 7},
        value=np.array([1.25, 2.0]),
        unit="m²",
    )
    assert table["message_zh"].tolist() == ["A 1.2 甲", "B 2.0 乙"]
    assert table["message_en"].tolist() == ["A 7", "B 7"]
    assert table["unit"].tolist() == ["m²", "m²"]
    assert table["limit"].isna().all()
    assert (table["other_feature"] == "").all()


def test_braces_in_data_are_only_text() -> None:
    table = findings.make(["{0.__class__}{x}"], None, None, zh="{feature}", en="{feature}")
    assert table["message_zh"].tolist() == ["{0.__class__}{x}"]


def test_rows_are_sorted_by_what_they_say() -> None:
    parts = [some(), some(rule="A01"), some(layer="admin")]
    table = findings.finish(parts, 4543)
    keys = table[["rule", "layer", "feature"]].to_numpy().tolist()
    assert keys == sorted(keys)
    assert_frame_equal(table, findings.finish(parts[::-1], 4543))
    assert table.index.tolist() == list(range(9))


def test_place_decides_where_all_else_is_equal() -> None:
    parts = [findings.make(["A"], POINTS[[i]], GAUSS, zh="", en="", rule="T01") for i in range(3)]
    there = findings.finish(parts, 4543).geometry.to_wkt().tolist()
    assert there == findings.finish(parts[::-1], 4543).geometry.to_wkt().tolist()


def test_parts_come_into_one_crs() -> None:
    degrees = some().to_crs(4490)
    table = findings.finish([degrees, some(rule="T02")], 4543)
    assert table.crs == GAUSS
    first, second = table.geometry.iloc[:3], table.geometry.iloc[3:]
    assert (first.distance(second, align=False) < 1e-4).all()


def test_a_place_that_is_nowhere_is_dropped_but_not_its_finding() -> None:
    far = findings.make(
        ["A", "B"], shapely.points([[102, 24], [5e5, 27e5]]), CRS(4490), zh="", en="", rule="T01"
    )
    table = findings.finish([far], 4543)
    assert table["feature"].tolist() == ["A", "B"]
    assert table.geometry.isna().tolist() == [False, True]


def test_empty_places_and_places_without_crs_are_missing() -> None:
    shapes = np.array([shapely.Point(), POINTS[0], None], dtype=object)
    assert findings.make(list("abc"), shapes, GAUSS, zh="", en="").geometry.isna().tolist() == [
        True,
        False,
        True,
    ]
    assert findings.make(list("abc"), shapes, None, zh="", en="").geometry.isna().all()


def test_words_of_another_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        findings.make(["A", "B"], None, None, zh="", en="", words={"x": np.arange(3)})


@given(st.text())
def test_printable_text_is_one_harmless_line(text: str) -> None:
    said = findings.printable(text)
    assert len(said) <= 80
    assert len(said.splitlines()) <= 1
    said.encode("utf-8")
    if text.isprintable() and len(text) <= 80:
        assert said == text
