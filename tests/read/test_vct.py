"""VCT: both editions of GB/T 17798, written by the grammar in vct_cases.py."""

from __future__ import annotations

import random
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.read.vct_cases import Vct, sample
from yuxi_gis.errors import ParameterError, SourceError
from yuxi_gis.read.table import Note, Options, RawTable
from yuxi_gis.read.vct import open as open_vct

X, Y = 34_500_000.0, 2_700_000.0
SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)]
CODE = "2001010100"
EDITIONS = (1999, 2007)


def tables(folder: Path, data: bytes, **options: str) -> dict[str, RawTable]:
    path = folder / "数据.vct"
    path.write_bytes(data)
    return {table.name: table for table in open_vct(path, Options(**options))}


def read(folder: Path, vct: Vct, name: str = "DLTB") -> tuple[gpd.GeoDataFrame, dict[str, Note]]:
    table = tables(folder, vct.bytes())[name]
    frame, notes = table.load()
    assert len(frame) == table.rows
    assert list(frame.columns)[: len(table.columns)] == list(table.columns)
    return frame, {note.what: note for note in (*table.notes, *notes)}


def parcels(edition: int, **head: str) -> Vct:
    vct = Vct(edition, head)
    vct.layer(CODE, "地类图斑", "Polygon", "DLTB", ["BSM,Char,18", "TBMJ,Float,15,2"])
    return vct


def square(x: float, y: float, size: float) -> list[tuple[float, float]]:
    return [(x + size * a / 10, y + size * b / 10) for a, b in SQUARE]


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(("encoding", "newline", "lower"), [
    ("gbk", "\r\n", False), ("utf-8", "\n", True), ("utf-8-sig", "\r", False), ("gbk", "\n", True),
])  # fmt: skip
def test_sample(tmp_path: Path, edition: int, encoding: str, newline: str, lower: bool) -> None:
    found = tables(tmp_path, sample(edition).bytes(encoding, newline, lower=lower))
    assert list(found) == ["CLKZD", "XZQJX", "DLTB", "ZJ", "QLR"]
    types = [table.geometry for table in found.values()]
    assert types == ["Point", "LineString", "Polygon", "Point", None]
    frame, notes = found["DLTB"].load()
    assert notes == ()
    assert frame["DLMC"].tolist()[:2] == ["水田", "旱地"]
    assert frame["BSM"].tolist()[0] == "530402000000000004"
    assert frame["XH"].isna().tolist() == [False, True, False, False]
    assert frame["TBMJ"].dtype == "float64"
    assert frame["RQ"].tolist()[3] == "20240101"
    assert frame["DLMC"].isna().tolist() == [False, False, True, False]
    hole = [(X + a, Y + b) for a, b in ((2, 2), (2, 4), (4, 4), (2, 2))]
    expected = [
        shapely.Polygon(square(X, Y, 10), [hole]),
        shapely.Polygon(square(X + 10, Y, 10)),
        shapely.MultiPolygon(
            [
                shapely.Polygon(square(X, Y, 10)),
                shapely.Polygon([(X + 30, Y), (X + 40, Y), (X + 40, Y + 9)]),
            ]
        ),
        shapely.Polygon(square(X + 50, Y, 10)),
    ]
    assert frame.geometry.is_valid.all()
    assert frame.geometry.geom_equals(gpd.GeoSeries(expected, crs=frame.crs)).all()
    assert [g.geom_type for g in frame.geometry] == [
        *("Polygon", "Polygon", "MultiPolygon", "Polygon")
    ]
    point = found["CLKZD"].load()[0].geometry.iloc[0]
    assert (point.x, point.y) == (X + 1.5, Y + 2.5)
    line = found["XZQJX"].load()[0].geometry.iloc[0]
    assert list(line.coords) == [(X, Y), (X + 50, Y + 60.125), (X + 70, Y + 10)]
    text = found["ZJ"].load()[0]
    assert text["VCT_TEXT"].tolist() == ["水田，张家村"]
    assert found["QLR"].load()[0]["QLRMC"].tolist() == ["某村民", "某村集体"]
    assert [note.what for note in found["CLKZD"].notes] == ["vct_helpers"]
    decision = next(d for d in found["DLTB"].decisions if d.what == "encoding")
    assert decision.value == ("GB18030" if encoding == "gbk" else "UTF-8")


@pytest.mark.parametrize(("head", "edition", "code"), [
    ({}, 2007, 4522),
    ({"Parameters": "1020000,0,0,0,1,500000,0"}, 2007, 4543),
    ({"Parameters": "105,1,18500000,0,6,18"}, 2007, 4496),
    ({"Spheroid": "1980西安坐标系,6378140,298.257"}, 2007, 2358),
    ({"Spheroid": "Krasovsky_1940,6378245,298.3"}, 2007, 2410),
    ({"CoordinateSystemType": "D", "XYUnit": "D", "Projection": ""}, 2007, 4490),
    ({}, 1999, 2358),
    ({"Spheroid": "Krasovsky", "Parameters": "6378245,6356863"}, 1999, 2410),
    # What does not fit together, or is not said, is no CRS.
    ({"Spheroid": "CGCS2000,6378140,298.257"}, 2007, None),
    ({"Spheroid": "Clarke"}, 2007, None),
    ({"Projection": "UTM"}, 2007, None),
    ({"Parameters": "102,1,35500000"}, 2007, None),
    ({"Meridinan": "105"}, 1999, None),
    ({"CoordinateSystemType": "C"}, 2007, None),
])  # fmt: skip
def test_crs(tmp_path: Path, head: dict[str, str], edition: int, code: int | None) -> None:
    table = tables(tmp_path, sample(edition, **head).bytes())["DLTB"]
    assert (table.crs.to_epsg() if table.crs else None) == code
    decision = next(d for d in table.decisions if d.what == "crs")
    assert decision.value == (f"EPSG:{code}" if code else "-")
    assert "--crs" in decision.zh and "--crs" in decision.en


@pytest.mark.parametrize(("edition", "head"), [
    (2007, {"XAxisDirection": "N", "YAxisDirection": "E"}),
    (1999, {"Coordinate": "G"}),
])  # fmt: skip
def test_first_coordinate_is_north(tmp_path: Path, edition: int, head: dict[str, str]) -> None:
    vct = parcels(edition, **head)
    ring = [(y, x) for x, y in square(X, Y + 5, 10)]
    vct.direct(1, CODE, [ring])
    vct.rows("DLTB", [(1, "a", 1)])
    frame, _ = read(tmp_path, vct)
    assert frame.total_bounds.tolist() == [X, Y + 5, X + 10, Y + 15]
    decisions = tables(tmp_path, vct.bytes())["DLTB"].decisions
    assert [d.confidence for d in decisions if d.what == "axes"] == ["certain"]


def test_units_and_offset(tmp_path: Path) -> None:
    vct = parcels(1999, Unit="S")
    vct.direct(1, CODE, [[(1023000, 240000), (1023036, 240000), (1023036, 240036)]])
    frame, _ = read(tmp_path, vct)
    assert np.allclose(frame.total_bounds, [102.5, 24, 102.51, 24.01])
    vct = parcels(1999, Unit="K")
    vct.direct(1, CODE, [square(34500, 2700, 1)])
    frame, _ = read(tmp_path, vct)
    assert frame.total_bounds.tolist() == [34_500_000, 2_700_000, 34_501_000, 2_701_000]
    extent = {"ExtentMin": f"{X},{Y}", "ExtentMax": f"{X + 10},{Y + 10}"}
    vct = parcels(2007, Offset=f"{X},{Y}", **extent)
    vct.direct(1, CODE, [square(0, 0, 10)])
    frame, _ = read(tmp_path, vct)
    assert frame.total_bounds.tolist() == [X, Y, X + 10, Y + 10]
    vct = parcels(2007, Offset="5,5")
    vct.direct(1, CODE, [square(0, 0, 10)])
    table = tables(tmp_path, vct.bytes())["DLTB"]
    assert table.load()[0].total_bounds.tolist() == [0, 0, 10, 10]
    assert [d.confidence for d in table.decisions if d.what == "offset"] == ["low"]


@pytest.mark.parametrize("separator", ["|", ";", "@"])
def test_separator(tmp_path: Path, separator: str) -> None:
    vct = parcels(2007, Separator=separator)
    vct.parts = {k: [s.replace(",", separator) for s in v] for k, v in vct.parts.items()}
    vct.direct(1, CODE, [square(X, Y, 10)])
    vct.rows("DLTB", [(1, "甲,乙", 1.5)])
    frame, notes = read(tmp_path, vct)
    assert frame["BSM"].tolist() == ["甲,乙"]
    assert frame["TBMJ"].tolist() == [1.5]
    assert frame.geometry.area.tolist() == [100.0]
    assert not notes


def test_the_number_is_the_first_field(tmp_path: Path) -> None:
    vct = parcels(1999)
    vct.direct("530402000000000001", CODE, [square(X, Y, 10)])
    vct.direct("530402000000000002", CODE, [square(X, Y, 20)])
    vct.rows("DLTB", [("530402000000000001", 99.5)])
    frame, notes = read(tmp_path, vct)
    assert list(frame.columns) == ["BSM", "TBMJ", "geometry"]
    assert frame["BSM"].tolist() == ["530402000000000001", "530402000000000002"]
    assert frame["TBMJ"].isna().tolist() == [False, True]
    assert notes["vct_no_attributes"].rows == (2,)


def test_a_third_dimension_is_told(tmp_path: Path) -> None:
    found = tables(tmp_path, sample(2007, Dim="3").bytes())
    (note,) = [n for n in next(iter(found.values())).notes if n.what == "vct_z_dropped"]
    assert note.count == 12  # objects of all kinds


@pytest.mark.parametrize("edition", EDITIONS)
def test_rows_are_never_lost(tmp_path: Path, edition: int) -> None:
    vct = parcels(edition)
    vct.line(11, "1099000000", [(0, 0), (10, 0), (10, 10)])
    vct.line(12, "1099000000", [(0, 0), (0, 10), (10, 10)])
    vct.line(13, "1099000000", [(50, 50), (60, 60)])
    vct.by_lines(1, CODE, [11, -12])
    vct.by_lines(2, CODE, [11, -12, 99])  # 99 is not there
    vct.by_lines(3, CODE, [11, 12])  # sign missing
    vct.by_lines(4, CODE, [11, 13])  # do not meet
    vct.by_lines(5, CODE, [11])  # not closed
    vct.by_lines(6, CODE, [13])  # two points
    vct.by_lines(7, CODE, [11, -12])
    vct.by_lines(7, CODE, [11, -12])
    rows = [(k, f"b{k}", k) for k in (1, 2, 3, 4, 5, 6, 8, 1)]
    vct.rows("DLTB", rows)
    frame, notes = read(tmp_path, vct)
    assert frame["VCT_ID"].tolist() == ["1", "2", "3", "4", "5", "6", "8", "1", "7", "7"]
    areas = frame.geometry.area.fillna(-1).tolist()
    assert areas == [100, -1, 100, -1, 50, -1, -1, -1, 100, 100]
    expected = {
        "vct_missing": (2,), "vct_direction": (3,), "vct_gap": (4,), "vct_unclosed": (5, 6),
        "vct_no_object": (7, 8), "vct_no_attributes": (9, 10),
        "vct_duplicate_id": (1, 8, 9, 10), "vct_ring": (6,), "vct_empty": (2, 4, 6),
    }  # fmt: skip
    assert {what: note.rows for what, note in notes.items() if note.rows} == expected
    assert "7, 7" in notes["vct_no_attributes"].en


@pytest.mark.parametrize("edition", EDITIONS)
def test_damaged_objects_keep_their_row(tmp_path: Path, edition: int) -> None:
    vct = parcels(edition)
    for number in range(1, 6):
        vct.direct(number, CODE, [square(number * 100, 0, 10)])
    data = vct.bytes()
    frame, notes = read(tmp_path, vct)
    assert not notes.keys() & {"vct_broken", "vct_coordinate"}
    broken = data.replace(b"200.0,0.0\r\n210.0", b"2oo.0,0.0\r\n210.0", 1)
    frame, found = tables(tmp_path, broken)["DLTB"].load()
    assert frame.geometry.isna().tolist() == [False, True, False, False, False]
    assert next(note.rows for note in found if note.what == "vct_coordinate") == (2,)
    style = "Unknown" if edition == 2007 else "图层"
    start = f"3\r\n{CODE}\r\n{style}\r\n".encode("gbk")
    broken = data.replace(start, start + b"xyz\r\n", 1)
    frame, found = tables(tmp_path, broken)["DLTB"].load()
    assert frame.geometry.isna().tolist() == [False, False, True, False, False]
    assert frame["VCT_ID"].tolist() == ["1", "2", "3", "4", "5"]
    assert next(note.rows for note in found if note.what == "vct_broken") == (3,)
    lost = data.replace(b"400.0,10.0\r\n", b"", 1)
    frame, found = tables(tmp_path, lost)["DLTB"].load()
    assert len(frame) == 5 and next(n.rows for n in found if n.what == "vct_count") == (4,)


def test_declared_counts_are_not_believed(tmp_path: Path) -> None:
    vct = parcels(2007)
    vct.line(11, "1099000000", SQUARE)
    vct.by_lines(1, CODE, [11])
    vct.by_lines(2, CODE, [11])
    frame, found = tables(
        tmp_path, vct.bytes().replace(b"21\r\n1\r\n11", b"21\r\n999999999\r\n11", 1)
    )["DLTB"].load()
    assert frame.geometry.area.tolist() == [100, 100]
    assert [note.rows for note in found if note.what == "vct_count"] == [(1,)]


def test_zeros_between_rings_may_not_be_counted(tmp_path: Path) -> None:
    vct = parcels(2007)
    refs: list[object] = []
    for k in range(6):
        vct.line(11 + k, "1099000000", square(k * 20, 0, 10))
        refs += [11 + k, 0]
    vct.by_lines(1, CODE, refs[:-1])
    vct.by_lines(2, CODE, [11])
    uncounted = vct.bytes().replace(b"21\r\n11\r\n", b"21\r\n6\r\n", 1)
    for data in (vct.bytes(), uncounted):
        frame, notes = tables(tmp_path, data)["DLTB"].load()
        assert frame.geometry.area.tolist() == [600, 100]
        assert not [note for note in notes if note.what == "vct_count"]


def test_references_cannot_fill_memory(tmp_path: Path) -> None:
    vct = parcels(2007)
    vct.line(11, "1099000000", [(k, k % 7) for k in range(2000)])
    vct.by_lines(1, CODE, [11, 0] * 5000)
    with pytest.raises(SourceError, match="vertices"):
        tables(tmp_path, vct.bytes())["DLTB"].load()


def test_curves(tmp_path: Path) -> None:
    vct = Vct(2007)
    vct.layer("1", "线", "Line", "JX", ["BSM,Char,18"])
    vct.layer(CODE, "面", "Polygon", "DLTB", ["BSM,Char,18"])
    vct.segments(1, "1", (11, [2, "20,0", "10,0"]), (12, ["10,0", "0,10", "-10,0"]))
    vct.segments(2, "1", (13, ["0,0", 10, 0, 90]))
    vct.segments(3, "1", (15, [3, "0,0", "1,1", "2,0"]))
    vct.segments(4, "1", (11, [2, "0,0", "1,0"]), (11, [2, "5,0", "6,0"]))
    vct.segments(5, "1", (99, [2, "0,0", "1,0"]))
    rings = {11: ("12", ["10,0", "0,10", "-10,0"]), 12: ("13", ["5,5", "10"]),
             13: ("14", ["0,0", "10,0", "0.5"])}  # fmt: skip
    for number, (shape, data) in rings.items():
        vct.add("Polygon", number, CODE, "u", 1, "0,0", 1, shape, *data, "0")
    lines, notes = read(tmp_path, vct, "JX")
    length = lines.geometry.length
    assert length.iloc[0] == pytest.approx(10 + np.pi * 10, rel=1e-4)
    assert length.iloc[1] == pytest.approx(np.pi * 5, rel=1e-4)
    assert lines.geometry.iloc[3].geom_type == "MultiLineString"
    assert lines.geometry.iloc[4] is None
    assert notes["vct_curve"].rows == (1,) and notes["vct_angle"].rows == (2,)
    assert notes["vct_spline"].rows == (3,) and notes["vct_broken"].rows == (5,)
    areas, notes = read(tmp_path, vct, "DLTB")
    expected = [np.pi * 100, np.pi * 100, np.pi * 50]
    assert areas.geometry.area.tolist() == pytest.approx(expected, rel=1e-3)
    assert notes["vct_curve"].count == 3
    assert "at most 0." in notes["vct_curve"].en


def test_points_of_other_kinds_and_types_22(tmp_path: Path) -> None:
    vct = Vct(2007)
    vct.layer("5", "点", "Point", "DD", ["BSM,Char,18"])
    vct.layer(CODE, "面", "Polygon", "DLTB", ["BSM,Char,18"])
    vct.point(1, "5", [(1, 2), (3, 4)], kind=3)
    vct.point(2, "5", [(1, 2), (3, 4), (5, 6)], kind=4)
    vct.direct(3, CODE, [square(0, 0, 10)])
    vct.direct(4, CODE, [square(10, 0, 10)])
    vct.by_lines(5, CODE, [3, 4], kind=22)
    vct.by_lines(6, CODE, [3, 77], kind=22)
    points, notes = read(tmp_path, vct, "DD")
    assert [g.geom_type for g in points.geometry] == ["Point", "MultiPoint"]
    assert points.geometry.iloc[0].coords[0] == (1, 2)
    assert notes["vct_direction"].rows == (1,)
    areas, notes = read(tmp_path, vct)
    assert areas.geometry.area.fillna(-1).tolist() == [100, 100, 200, -1]
    assert notes["vct_missing"].rows == (4,)


def test_values_that_do_not_fit_their_type_stay_text(tmp_path: Path) -> None:
    vct = Vct(2007)
    vct.table("T", ["A,Int4", "B,Float,8,2", "C{0},Int8", "D,Varbin", "D,Char,5", "E,Boolean"])
    rows = [(1, "007", "1.5", "x", "a.jpg", "p", 1), (2, "-3", "", "12", "b", "q", 0), (3,)]
    vct.rows("T", rows)
    table = tables(tmp_path, vct.bytes())["T"]
    frame, notes = table.load()
    assert table.columns == ("A", "B", "C{0}", "D", "D_2", "E", "VCT_ID")
    assert frame["A"].tolist()[:2] == [7, -3] and frame["A"].isna().tolist()[2]
    assert frame["C{0}"].tolist()[0] == "x"
    found = {note.what: note for note in notes}
    assert found["value_count"].rows == (3,)
    assert found["wrong_type"].field == "C{0}"
    assert {"varbin"} <= set(found)
    assert frame["E"].dtype == "Int64"


def test_missing_sections_and_undeclared_codes(tmp_path: Path) -> None:
    vct = sample(2007)
    vct.titles = tuple(t for t in vct.titles if t not in ("Head", "FeatureCode"))
    found = tables(tmp_path, vct.bytes())
    assert {"DLTB", "QLR", "CLKZD", "XZQJX"} <= set(found)
    frame, _ = found["DLTB"].load()
    assert found["DLTB"].crs is None and frame.geometry.notna().all() and len(frame) == 4
    notes = [note for table in found.values() for note in table.notes]
    assert "vct_section_missing" in [note.what for note in notes]
    vct = parcels(2007)
    vct.direct(1, "999", [square(0, 0, 10)])
    vct.add("Style", "1", "2", "0")
    found = tables(tmp_path, vct.bytes().replace(b"StyleEnd", b""))
    assert found["999"].load()[0].geometry.area.tolist() == [100]
    assert {n.what for t in found.values() for n in t.notes} == {
        "vct_section_not_read", "vct_section_open",
    }  # fmt: skip


def test_comments_and_line_numbers(tmp_path: Path) -> None:
    vct = parcels(2007)
    vct.add("Polygon", "CommentBegin", "1", "CommentEnd", 1, CODE, "u", "bad", "0")
    data = vct.bytes()
    line = data.decode("gbk").split("\r\n").index("bad") - 2
    with pytest.raises(SourceError, match=f"line {line}:"):
        tables(tmp_path, data)


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 99, b"HeadBegin\nHeadEnd\n", b"PointBegin\nPointEnd"]
)
def test_no_vct(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SourceError, match=r"数据\.vct"):
        tables(tmp_path, data)
    with pytest.raises(SourceError):
        open_vct(tmp_path / "missing.vct", Options())


def test_encoding_overrules(tmp_path: Path) -> None:
    table = tables(tmp_path, sample(2007).bytes(), encoding="big5")["DLTB"]
    assert table.encoding == "Big5"
    with pytest.raises(ParameterError):
        tables(tmp_path, sample(2007).bytes(), encoding="no such")


@st.composite
def areas(draw: st.DrawFn) -> shapely.Geometry:
    """Polygons of one or two parts, each a star around a centre, with up to two holes."""
    parts = []
    for k in range(draw(st.integers(1, 2))):
        count = draw(st.integers(3, 9))
        radii = draw(st.lists(st.floats(20, 40), min_size=count, max_size=count))
        angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
        centre = np.array([500_000.0 + 100 * k, 2_700_000.0])
        shell = (
            centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.array(radii)[:, None]
        )
        holes = []
        for h in range(draw(st.integers(0, 2))):
            at = centre + np.array([4 * h - 2, 0])
            size = draw(st.floats(0.1, 1))
            holes.append([at, at + np.array([size, 0]), at + size])
        parts.append(shapely.Polygon(shell, holes))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shapes=st.lists(areas(), min_size=1, max_size=4),
    cuts=st.integers(1, 3),
    edition=st.sampled_from(EDITIONS),
)
def test_any_polygon_comes_back(
    tmp_path: Path, shapes: list[shapely.Geometry], cuts: int, edition: int
) -> None:
    vct = parcels(edition)
    for k, shape in enumerate(shapes):
        vct.area(2 * k + 1, CODE, shape, cuts)
        rings = [r for part in shapely.get_parts(shape) for r in (part.exterior, *part.interiors)]
        vct.direct(2 * k + 2, CODE, [list(ring.coords) for ring in rings])
    frame, notes = read(tmp_path, vct)
    expected = shapely.normalize(np.repeat(np.array(shapes, object), 2))
    found = shapely.normalize(frame.geometry.to_numpy())
    assert shapely.equals_exact(found, expected, 0).all()
    assert set(notes) <= {"vct_helpers"}


def test_deep_nesting_and_many_holes(tmp_path: Path) -> None:
    vct = parcels(2007)
    rings = [square(k, k, 400 - 2 * k) for k in range(100)]
    vct.direct(1, CODE, rings)
    holes = [square(5 + 10 * (k % 30), 5 + 10 * (k // 30), 5) for k in range(600)]
    vct.direct(2, CODE, [square(0, 0, 1000), *holes])
    frame, _ = read(tmp_path, vct)
    sides = 400 - 2 * np.arange(100)
    assert frame.geometry.area.iloc[0] == pytest.approx(((-1.0) ** np.arange(100) * sides**2).sum())
    assert shapely.get_num_geometries(frame.geometry.iloc[0]) == 50
    assert frame.geometry.area.iloc[1] == 1000**2 - 600 * 25
    assert frame.geometry.is_valid.all()


def _mutant(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        changed = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed)
    if kind == 1:
        return data[: rng.randrange(1, len(data))]
    if kind == 2:
        del lines[i : i + rng.randint(1, 5)]
    elif kind == 3:
        lines[i:i] = lines[j : j + rng.randint(1, 20)]
    elif kind == 4:
        words = (b"-1", b"99999999", b"0", b"nan,1", b"1e999,2", b"100", b"1,2", b"", b",", b"-",
                 b"LineBegin", b"TableEnd", b"{x},%s", b"\xff\xfe", b"9" * 5000)  # fmt: skip
        lines[i] = rng.choice(words)
    else:
        lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def test_mutants_raise_nothing_but_source_error(tmp_path: Path) -> None:
    rng = random.Random(17798)
    seeds = [sample(e).bytes(c, n) for e in EDITIONS for c, n in (("gbk", "\r\n"), ("utf-8", "\n"))]
    read_through = 0
    for k in range(100):
        try:
            for table in tables(tmp_path, _mutant(seeds[k % 4], rng)).values():
                frame, _ = table.load()
                assert len(frame) == table.rows
                assert isinstance(frame, pd.DataFrame)
            read_through += 1
        except SourceError as error:
            assert "数据.vct" in error.zh or "顶点" in error.zh
    assert read_through > 50


def test_hostile_counts_of_fields_and_tables(tmp_path: Path) -> None:
    vct = Vct(2007)
    vct.table("T", [f"F{k},Char,1" for k in range(3000)])
    vct.rows("T", [(k,) for k in range(3000)])
    with pytest.raises(SourceError, match="3000 fields"):
        tables(tmp_path, vct.bytes())["T"].load()
    vct = Vct(2007)
    for k in range(2100):
        vct.point(k + 1, f"c{k:05}", [(1, 2)])
    with pytest.raises(SourceError, match="2100 tables"):
        tables(tmp_path, vct.bytes())


def test_polygons_without_signs_at_speed(tmp_path: Path) -> None:
    vct = parcels(1999)
    for k in range(2000):
        vct.line(10_000 + k, "1099000000", [(0, k), (10, k), (10, k + 1)])
        vct.line(20_000 + k, "1099000000", [(0, k), (0, k + 1), (10, k + 1)])
        vct.by_lines(k + 1, CODE, [10_000 + k, 20_000 + k])
    frame, notes = read(tmp_path, vct)
    assert frame.geometry.area.tolist() == [10] * 2000
    assert notes["vct_direction"].count == 2000
