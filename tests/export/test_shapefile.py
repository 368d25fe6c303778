"""What is written to a shapefile comes back the same, or is refused."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuxi_gis.errors import OutputError, ParameterError
from yuxi_gis.export import shapefile
from yuxi_gis.export.shapefile import ENCODINGS, write_shapefile
from yuxi_gis.read.dbf import open_dbf
from yuxi_gis.read.shapefile import open as open_shapefile
from yuxi_gis.read.table import Options


def layer(shapes: list[Any] | None = None, **columns: Any) -> gpd.GeoDataFrame:
    rows = len(next(iter(columns.values())))
    shapes = [shapely.box(n, 0, n + 1, 1) for n in range(rows)] if shapes is None else shapes
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4543)


def back(path: Path) -> gpd.GeoDataFrame:
    """As this package reads it, without being told the encoding."""
    (table,) = open_shapefile(path, Options())
    frame, notes = table.load()
    assert not [note for note in notes if note.severity != "info"]
    assert isinstance(frame, gpd.GeoDataFrame)
    return frame


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_comes_back(tmp_path: Path, encoding: str) -> None:
    names = ["碾房大田", "岩子脚", None, "", "a plain one"]
    codes = [f"53042820320202000{n:02d}" for n in range(5)]
    path = tmp_path / "DK.shp"
    assert write_shapefile(path, layer(DKMC=names, DKBM=codes), encoding=encoding) == {
        "DKMC": "DKMC",
        "DKBM": "DKBM",
    }
    frame = back(path)
    assert frame["DKMC"].fillna("").tolist() == [name or "" for name in names]
    assert frame["DKBM"].tolist() == codes
    assert frame.crs is not None and frame.crs.to_epsg() == 4543
    assert path.with_suffix(".cpg").read_text() == encoding
    dbf = open_dbf(path.with_suffix(".dbf"))
    assert dbf.language == (0 if encoding == "UTF-8" else 0x4D)
    assert [field.type for field in dbf.fields] == ["C", "C"]
    by_gdal = pyogrio.read_dataframe(path)
    assert by_gdal["DKMC"].fillna("").tolist() == [name or "" for name in names]
    assert by_gdal["DKBM"].tolist() == codes
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".cpg", ".dbf", ".prj", ".shp", ".shx"]


@pytest.mark.parametrize("encoding", ["UTF-8", "GB18030"])
def test_rare_characters(tmp_path: Path, encoding: str) -> None:
    """U+364D, for which GBK has nothing, and one beyond the Basic Multilingual Plane."""
    names = ["㙍村", "𠮷田", "é"]
    write_shapefile(tmp_path / "DK.shp", layer(DKMC=names), encoding=encoding)
    (table,) = open_shapefile(tmp_path / "DK.shp", Options())
    assert table.encoding == encoding and table.load()[0]["DKMC"].tolist() == names
    assert pyogrio.read_dataframe(tmp_path / "DK.shp")["DKMC"].tolist() == names


def test_a_character_that_gbk_has_not_is_refused(tmp_path: Path) -> None:
    frame = layer(DKBM=["1", "2", "3"], DKMC=["大田", "㙍村", "㙍村"])
    with pytest.raises(OutputError) as error:
        write_shapefile(tmp_path / "DK.shp", frame, encoding="GBK")
    assert "row 2, field DKMC: GBK has no character '㙍' (U+364D)" in error.value.en
    assert "GB18030" in error.value.en and "第 2 行字段 DKMC" in error.value.zh
    assert list(tmp_path.iterdir()) == []


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "DK.shp"
    write_shapefile(path, layer(A=["田" * 84]))
    for values, says in (
        (["x", "田" * 85], "row 2, field A: its 255 bytes are more than 254"),
        (["x\0y", "x"], "row 1, field A: it has a null character"),
        ([1.0, np.inf], "row 2, field A: infinity"),
        ([b"x", b"y"], "row 1, field A: a shapefile has no type for bytes"),
        (["x", {"a": 1}], "row 2, field A: a shapefile has no type for mixed"),
        (pd.to_timedelta(["1h", "2h"]), "row 1, field A: a shapefile has no type for timedelta"),
    ):
        with pytest.raises(OutputError, match=says):
            write_shapefile(path, layer(A=values), overwrite=True)
    assert back(path)["A"].tolist() == ["田" * 84], "the earlier file is still there"


def test_types(tmp_path: Path) -> None:
    frame = layer(
        whole=[1, -22],
        missing=pd.array([7, None], dtype="Int64"),
        big=[1, 5304282032020200001],
        area=[1234.56, np.nan],
        third=[1 / 3, 1e-300],
        large=[1e300, 2.0],
        float=[1.0, 2.0],
        yes=[True, False],
        maybe=pd.array([True, None], dtype="boolean"),
        day=pd.to_datetime(["2024-02-29", None]),
        date=[datetime.date(2024, 1, 2), None],
        time=pd.to_datetime(["2024-02-29 12:30", None]),
        kind=pd.Categorical(["甲", None]),
        empty=[None, None],
        nan=[np.nan, np.nan],
    )
    write_shapefile(tmp_path / "t.shp", frame)
    read = back(tmp_path / "t.shp")
    for name in ("whole", "area", "third", "large", "float", "nan"):
        np.testing.assert_array_equal(read[name], frame[name])
        assert read[name].dtype.kind == frame[name].dtype.kind
    assert read["missing"].isna().tolist() == [False, True] and read["missing"][0] == 7
    assert read["big"].tolist() == ["1", "5304282032020200001"]
    assert read["yes"].tolist() == [True, False] and read["maybe"].isna().tolist() == [False, True]
    assert read["day"].tolist()[0] == pd.Timestamp(2024, 2, 29) and pd.isna(read["day"][1])
    assert read["date"].tolist()[0] == pd.Timestamp(2024, 1, 2)
    assert read["time"][0] == "2024-02-29 12:30:00" and pd.isna(read["time"][1])
    assert read["kind"].fillna("").tolist() == ["甲", ""] and read["empty"].isna().all()


def test_a_second_writing_changes_nothing(tmp_path: Path) -> None:
    frame = layer(
        DKMC=["大田", None], N=[1.0, np.nan], MJ=[0.1, 2.5], D=pd.to_datetime(["2024-01-01", None])
    )
    for name in ("a.shp", "b.shp"):
        write_shapefile(tmp_path / name, frame)
        frame = back(tmp_path / name)
    for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
        first, second = ((tmp_path / name).with_suffix(suffix) for name in ("a.shp", "b.shp"))
        assert first.read_bytes()[4:] == second.read_bytes()[4:], suffix


def test_field_names(tmp_path: Path) -> None:
    columns = [
        "地块编码",
        "DKBM",
        "VERY_LONG_NAME_1",
        "VERY_LONG_NAME_2",
        "dkbm",
        "1x",
        "F01",
        "a b",
    ]
    frame = layer(**{name: ["x"] for name in columns})
    names = write_shapefile(tmp_path / "DK.shp", frame)
    assert names == {
        "地块编码": "F01_1",
        "DKBM": "DKBM",
        "VERY_LONG_NAME_1": "VERY_LONG_",
        "VERY_LONG_NAME_2": "VERY_LON_1",
        "dkbm": "dkbm_1",
        "1x": "F06",
        "F01": "F01",
        "a b": "ab",
    }
    assert back(tmp_path / "DK.shp").columns.tolist()[:-1] == list(names.values())
    listed = pd.read_csv(tmp_path / "DK_fields.csv", encoding="utf-8-sig")
    assert dict(zip(listed["name"], listed["field"], strict=True)) == names
    twins = gpd.GeoDataFrame([["a", "b"]], columns=["A", "A"], geometry=[shapely.Point(0, 0)])
    with pytest.raises(OutputError, match="the same name"):
        write_shapefile(tmp_path / "t.shp", twins)


def test_geometry(tmp_path: Path) -> None:
    hole = shapely.Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], [[(1, 1), (1, 2), (2, 2), (2, 1)]])
    shapes = [hole, shapely.MultiPolygon([hole, shapely.box(5, 5, 6, 6)]), None, shapely.Polygon()]
    write_shapefile(tmp_path / "a.shp", layer(shapes, A=[1, 2, 3, 4]))
    read = back(tmp_path / "a.shp").geometry
    assert read.isna().tolist() == [False, False, True, True]
    assert shapely.equals(read[:2].to_numpy(), shapes[:2]).all()
    lines = [
        shapely.LineString([(0, 0, 1), (1, 1, 2)]),
        shapely.MultiLineString([[(0, 0), (1, 1)]]),
    ]
    write_shapefile(tmp_path / "b.shp", layer(lines, A=[1, 2]))
    assert back(tmp_path / "b.shp").geometry.has_z.all()
    write_shapefile(tmp_path / "c.shp", layer([None, None], A=[1, 2]))
    assert back(tmp_path / "c.shp").geometry.isna().all()
    write_shapefile(tmp_path / "d.shp", layer(A=["x"]).iloc[:0])
    assert len(back(tmp_path / "d.shp")) == 0


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ([shapely.Point(0, 0), shapely.box(0, 0, 1, 1)], "Point × 1, Polygon × 1"),
        ([shapely.GeometryCollection([shapely.Point(0, 0)])] * 2, "GeometryCollection × 2"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(tmp_path: Path, shapes: list[Any], says: str) -> None:
    with pytest.raises(OutputError, match=says):
        write_shapefile(tmp_path / "a.shp", layer(shapes, A=[1, 2]))
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_geometry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="without geometry"):
        write_shapefile(tmp_path / "a.shp", pd.DataFrame({"A": [1]}))  # type: ignore[arg-type]


def test_parameters(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="Big5"):
        write_shapefile(tmp_path / "a.shp", layer(A=[1]), encoding="Big5")
    with pytest.raises(OutputError, match=r"ends in \.shp"):
        write_shapefile(tmp_path / "a.gpkg", layer(A=[1]))
    wide = layer(**{f"A{n}": ["x"] for n in range(256)})
    with pytest.raises(OutputError, match="256 fields"):
        write_shapefile(tmp_path / "a.shp", wide)


def test_all_parts_are_replaced_together(tmp_path: Path) -> None:
    path = tmp_path / "DK.shp"
    write_shapefile(path, layer(地块=["旧"]))
    (tmp_path / "DK.sbn").write_bytes(b"an index of the old shapes")
    (tmp_path / "DK.xlsx").write_bytes(b"not a part")
    with pytest.raises(OutputError, match="exists already"):
        write_shapefile(path, layer(A=["新"]))
    write_shapefile(path, layer(A=["新"]).set_crs(None, allow_override=True), overwrite=True)
    assert back(path)["A"].tolist() == ["新"]
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"DK.shp", "DK.shx", "DK.dbf", "DK.cpg", "DK.xlsx"}
    path.unlink()
    with pytest.raises(OutputError, match=r"DK\.shx: exists already"):
        write_shapefile(path, layer(A=["新"]))


def test_what_does_not_come_back_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check itself: one byte of the table is spoiled between writing and reading back."""
    write = shapefile._write_dbf

    def spoil(part: Path, *rest: Any) -> None:
        write(part, *rest)
        dbf = part.with_suffix(".dbf")
        dbf.write_bytes(dbf.read_bytes().replace(b"solid", b"soled"))

    monkeypatch.setattr(shapefile, "_write_dbf", spoil)
    with pytest.raises(OutputError, match="row 2, field A differs"):
        write_shapefile(tmp_path / "a.shp", layer(A=["x", "solid"]))
    assert list(tmp_path.iterdir()) == []


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20),
            st.integers(-(10**20), 10**20),
            st.floats(allow_infinity=False),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@pytest.mark.parametrize("encoding", ["UTF-8", "GB18030"])
def test_anything_comes_back(tmp_path: Path, encoding: str, rows: list[Any]) -> None:
    texts, numbers, floats = zip(*rows, strict=True)
    frame = layer(T=list(texts), N=pd.Series(numbers, dtype=object), F=list(floats))
    frame = frame.set_crs(None, allow_override=True)  # PROJ takes its time
    write_shapefile(tmp_path / "t.shp", frame, encoding=encoding, overwrite=True)
    read, _ = open_shapefile(tmp_path / "t.shp", Options(encoding=encoding))[0].load()
    assert read["T"].fillna("").tolist() == [text.strip(" ") for text in texts]
    assert [int(value) for value in read["N"]] == list(numbers)
    np.testing.assert_array_equal(read["F"], floats)
