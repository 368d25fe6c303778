"""Columns that hold coordinates or WKT: which is the easting, what is refused, what is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from yuxi_gis.read.ledger.coordinates import find, last_part

_E, _N = [500_000.3, 500_100.3, 500_200.3], [2_650_000.1, 2_650_100.1, 2_650_200.1]


def _table(**columns: list) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    return frame.set_axis(range(5, 5 + len(frame)))


@pytest.mark.parametrize(
    ("columns", "window"),
    [
        ({"X坐标": _N, "Y坐标": _E}, "no zone"),
        ({"x": _E, "y": _N}, "no zone"),
        ({"点位/X": _N, "点位/Y": [e + 34e6 for e in _E]}, "with zone"),
        ({"东坐标": _E, "北坐标": _N}, "no zone"),
        ({"easting": _N, "northing": _E}, "no zone"),
        ({"横坐标(m)": _E, "纵坐标(m)": _N}, "no zone"),
        ({"X": [102.5, 102.6, 102.7], "Y": [24.1, 24.2, 24.3]}, "degrees"),
        ({"纬度": [24.1, 24.2, 24.3], "经度": [102.5, 102.6, 102.7]}, "degrees"),
        ({"lon": [24.1, 24.2, 24.3], "lat": [102.5, 102.6, 102.7]}, "degrees"),
        ({"POINT_X": [11.3e6, 11.4e6, 11.41e6], "POINT_Y": [2.7e6, 2.8e6, 2.81e6]}, "Mercator"),
    ],
)
def test_the_values_tell_the_easting(columns: dict, window: str) -> None:
    found, notes = find(_table(**columns))
    assert found is not None and not notes and found.kind == "Point"
    x, y = shapely.get_coordinates(found.shapes).T
    low, high = sorted(columns.values(), key=lambda values: values[0])
    expected = (high, low) if window in ("degrees", "with zone", "Mercator") else (low, high)
    np.testing.assert_array_equal(x, expected[0])
    np.testing.assert_array_equal(y, expected[1])
    (decision,) = found.decisions
    assert decision.what == "axes" and decision.confidence == "high"
    assert window in decision.en.replace("without zone number", "no zone")


def test_a_surveyors_x_is_the_northing_and_is_told() -> None:
    found, _ = find(_table(X=_N, Y=_E))
    assert found is not None
    assert "X 为北、Y 为东" in found.decisions[0].zh


@pytest.mark.parametrize("a", [[500.0, 501.0], [500_000.0, 500_001.0]])
def test_what_the_values_do_not_tell_is_not_guessed(a: list[float]) -> None:
    found, (note,) = find(_table(x=a, y=[300.0, 301.0]))
    assert found is None
    assert note.what == "coordinates_ambiguous" and note.severity == "warning"
    assert "东坐标" in note.zh and "easting" in note.en


def test_names_hold_outside_china_with_low_confidence() -> None:
    found, _ = find(_table(lon=[-3.5, -3.6], lat=[40.2, 40.3]))
    assert found is not None and found.decisions[0].confidence == "low"
    assert shapely.get_coordinates(found.shapes).tolist() == [[-3.5, 40.2], [-3.6, 40.3]]
    nothing, (note,) = find(_table(lon=[-3.5, -300.0], lat=[40.2, 40.3]))
    assert nothing is None and note.what == "coordinates_ambiguous"


def test_several_pairs_are_not_chosen_from() -> None:
    found, (note,) = find(_table(经度=[102.5], 纬度=[24.1], 中心经度=[102.6], 中心纬度=[24.2]))
    assert found is None and note.what == "coordinates_ambiguous"


def test_rows_without_a_point_stay_and_are_told() -> None:
    frame = _table(lon=[102.5, None, 0.0, 102.6, 102.7], lat=[24.1, 24.2, 0.0, 24.3, None])
    found, _ = find(frame)
    assert found is not None
    assert shapely.is_missing(found.shapes).tolist() == [False, True, True, False, True]
    (note,) = found.notes
    assert note.what == "coordinates_missing" and note.rows == (6, 7, 9)


def test_a_point_far_off_is_told() -> None:
    found, _ = find(_table(x=_E * 10 + [1.0], y=_N * 10 + [2.0]))
    assert found is not None
    (note,) = found.notes
    assert note.what == "coordinates_outside" and note.rows == (35,)


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("24°12′30″", 24 + 12 / 60 + 30 / 3600),
        ("24°12'30.6\"N", 24 + 12 / 60 + 30.6 / 3600),
        ("北纬24度12分30秒", 24 + 12 / 60 + 30 / 3600),
        ("24:12:30", 24 + 12 / 60 + 30 / 3600),
        ("24°12.5′", 24 + 12.5 / 60),
        (" 24.5 ", 24.5),
        ("24°60′00″", np.nan),
        ("二十四度", np.nan),
    ],
)
def test_degrees_minutes_and_seconds(text: str, degrees: float) -> None:
    frame = _table(经度=[102.5] * 12, 纬度=["24.2"] * 11 + [text])
    found, _ = find(frame)
    assert found is not None
    last = found.shapes[-1]
    assert (np.nan if last is None else last.y) == pytest.approx(degrees, abs=1e-12, nan_ok=True)


@given(st.floats(97, 106.5), st.floats(21, 29.5), st.integers(2, 6), st.booleans(), st.booleans())
def test_degrees_written_as_text_come_back(
    lon: float, lat: float, digits: int, chinese: bool, swapped: bool
) -> None:
    signs = "度分秒" if chinese else "°′″"

    def text(value: float) -> str:
        minutes, seconds = divmod(round(value * 3600, digits), 60)
        degrees, minutes = divmod(int(minutes), 60)
        parts = (degrees, minutes, f"{seconds:.{digits}f}")
        return "".join(f"{part}{sign}" for part, sign in zip(parts, signs, strict=True))

    values = {"经度": [text(lon)], "纬度": [text(lat)]}
    if swapped:
        values = {"经度": values["纬度"], "纬度": values["经度"]}
    found, _ = find(_table(**values))
    assert found is not None
    assert shapely.get_coordinates(found.shapes)[0] == pytest.approx(
        (lon, lat), abs=10.0**-digits / 3600
    )


def test_wkt_becomes_the_geometry_and_leaves_the_fields() -> None:
    found, _ = find(_table(id=["a", "b", "c"], 图形=["POINT (1 2)", None, "point empty"]))
    assert found is not None and found.drop == "图形" and found.kind == "Point"
    assert found.crs is None and not found.notes
    assert shapely.is_missing(found.shapes).tolist() == [False, True, False]


def test_wkt_wins_over_coordinates() -> None:
    found, _ = find(_table(x=_E, y=_N, wkt=["POLYGON ((0 0, 1 0, 1 1, 0 0))"] * 3))
    assert found is not None and found.kind == "Polygon"


@pytest.mark.parametrize(
    ("srids", "epsg", "note"),
    [
        ([4543, 4543], 4543, None),
        ([0, 4490], 4490, None),
        ([4543, 4522], None, "srid_unusable"),
        ([999_999, 999_999], None, "srid_unusable"),
        ([0, 0], None, None),
    ],
)
def test_the_srid_of_ewkt(srids: list[int], epsg: int | None, note: str | None) -> None:
    found, _ = find(_table(geom=[f"SRID={srid};POINT(500000 2650000)" for srid in srids]))
    assert found is not None and not shapely.is_missing(found.shapes).any()
    assert (found.crs and found.crs.to_epsg()) == epsg
    assert [n.what for n in found.notes] == ([note] if note else [])


_BAD = {
    "open": "POLYGON ((0 0, 1 1))",
    "cut": "MULTIPOLYGON (((0 0, 1 0, 1 1",
    "arc": "CURVEPOLYGON (CIRCULARSTRING (0 0, 1 1, 2 0, 1 -1, 0 0))",
    "nan": "POINT (nan nan)",
    "inf": "POINT (inf 1)",
    "nested": "GEOMETRYCOLLECTION (" * 200_000 + "POINT (1 1)" + ")" * 200_000,
    "brackets": "POLYGON " + "(" * 200_000,
}


@pytest.mark.parametrize("bad", _BAD)
def test_wkt_that_cannot_be_read_is_kept_as_text(bad: str) -> None:
    found, _ = find(_table(wkt=["POINT (1 2)"] * 20 + [_BAD[bad]]))
    assert found is not None and found.drop is None
    assert shapely.is_missing(found.shapes).tolist() == [False] * 20 + [True]
    (note,) = found.notes
    assert note.what == "wkt_unreadable" and note.rows == (25,) and note.severity == "error"
    assert ("弧" in note.zh) == (bad == "arc")


@pytest.mark.parametrize("values", [["J1/J2", "J3"], ["POINTS", "LINES"], [None, None], [1.0, 2.0]])
def test_what_is_no_wkt_is_a_field(values: list) -> None:
    assert find(_table(KJZB=values)) == (None, ())


def test_hostile_names_do_no_harm() -> None:
    found, _ = find(_table(**{"{0}经度": [102.5, None], "}{rows}纬度": [24.2, 24.3]}))
    assert found is not None and found.notes[0].rows == (6,)
    assert "{0}经度" in found.notes[0].zh
    assert last_part("a/") == "a/" and last_part("a/b") == "b"
