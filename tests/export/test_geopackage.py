"""What is written to the GeoPackage is what was given, and each table has its style."""

from __future__ import annotations

import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely import LineString, Point, Polygon, box

from yuxi_gis.change.kinds import KINDS
from yuxi_gis.checks import RULES, run_checks
from yuxi_gis.codes import Masking
from yuxi_gis.errors import OutputError, ParameterError
from yuxi_gis.export.geopackage import write_findings, write_geopackage
from yuxi_gis.findings import SEVERITIES
from yuxi_gis.read import Options, read_layer, read_layers, read_table, survey
from yuxi_gis.read.ogr import ROW_NUMBERS
from yuxi_gis.symbology import load_style

CODES = ["5304251002010000001", "5304251002010000002", "5304251002010000003"]
SQUARES = [box(34_500_000 + i, 2_700_000, 34_500_000 + i + 1, 2_700_001) for i in range(3)]
HOSTILE = [
    "Robert'); DROP TABLE DK;--",
    '<script>alert("x")</script> &amp; ]]> \u202e',
    "𠀀田\t\n换行 'a\" %s {0}",
]


def farmland(**columns: Any) -> gpd.GeoDataFrame:
    rows = {"DKMC": ["大田", "小田", None], "SCMJ": [1.25, 2.5, np.nan], "BSM": [1, 2, 3]}
    return gpd.GeoDataFrame(
        rows | {"DKBM": CODES, "DKLB": "10"} | columns, geometry=SQUARES, crs=4522
    )


def findings() -> gpd.GeoDataFrame:
    places = [
        Point(1, 2),
        None,
        Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], [[(1, 1), (3, 1), (3, 3), (1, 3)]]),
        LineString([(0, 0), (2, 2)]),
        shapely.GeometryCollection([box(5, 5, 6, 6), LineString([(0, 0), (1, 1)])]),
    ]
    return gpd.GeoDataFrame(
        {
            "rule": ["T01", "S03", "T03", "T06", "L01"],
            "severity": ["error", "error", "error", "warning", "info"],
            "layer": "farmland",
            "feature": CODES[0],
            "other_layer": None,
            "other_feature": None,
            "value": 1.0,
            "limit": 0.0,
            "unit": "m²",
            "area_m2": np.nan,
            "message_zh": HOSTILE[0],
            "message_en": HOSTILE[1],
        },
        geometry=places,
        crs=4543,
    )


def patches() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "XZQDM": "530425100201", "JCBH": ["1", "2"], "TBLX": ["20", "LT"], "QSX": "20240101",
            "HSX": "20250101", "SFYN": "0", "MJ": [1.0, 2.0], "MJ_MU": [0.0015, 0.003],
            "kind": ["built", "bare"], "kind_zh": ["建", "裸"], "seasonal": [False, True],
            "strength": [9.5, 8.5], "pixels": [4, 5],
        },
        geometry=SQUARES[:2],
        crs=4543,
    )  # fmt: skip


def changed_parcels() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "layer": "farmland", "feature": CODES[:2], "kind": ["built", "bare"],
            "kind_zh": ["建", "裸"], "seasonal": [False, True], "changed_m2": [1.0, 2.0],
            "changed_mu": [0.0015, 0.003], "changed_share": [0.5, 1.0], "seen_share": [1.0, 0.5],
        },
        geometry=SQUARES[:2],
        crs=4543,
    )  # fmt: skip


def table(path: Path, name: str) -> gpd.GeoDataFrame:
    return gpd.read_file(path, layer=name)


def sql(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "out.gpkg"
    write_geopackage(
        path,
        {"farmland": farmland(X="extra")},
        findings=findings(),
        patches=patches(),
        changed_parcels=changed_parcels(),
    )
    return path


def test_tables_and_titles(package: Path) -> None:
    rows = sql(package, "SELECT table_name, data_type, identifier FROM gpkg_contents")
    assert rows == [
        ("DK", "features", "农村承包地"),
        ("patches", "features", "变化图斑"),
        ("changed_parcels", "features", "变化地块"),
        ("findings", "features", "检查发现"),
        ("findings_areas", "features", "检查发现（范围）"),
        ("layer_styles", "attributes", "layer_styles"),
    ]


def test_rows_come_back_as_they_were(package: Path) -> None:
    back = table(package, "DK")
    want = farmland(X="extra")
    assert list(back.columns) == ["BSM", "DKBM", "DKMC", "DKLB", "SCMJ", "X", "geometry"]
    assert back.crs == want.crs
    assert back.geom_type.eq("MultiPolygon").all()
    assert shapely.equals(back.geometry.array, want.geometry.array).all()
    assert back["DKBM"].tolist() == CODES
    assert back["BSM"].tolist() == [1, 2, 3]
    assert back["DKMC"].tolist()[:2] == ["大田", "小田"] and back["DKMC"].isna().tolist()[2]
    pd.testing.assert_series_equal(back["SCMJ"], want["SCMJ"])


def test_a_package_is_a_source_again(package: Path) -> None:
    with pytest.warns(UserWarning, match="findings"):
        layers = read_layers(package)
    assert list(layers) == ["farmland"]
    assert layers["farmland"]["DKBM"].tolist() == CODES


def test_hostile_text_is_only_text(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    frame = farmland(DKMC=HOSTILE)
    frame['a"b; DROP TABLE DK'] = HOSTILE
    write_geopackage(path, {"farmland": frame})
    back = table(path, "DK")
    assert back["DKMC"].tolist() == HOSTILE
    assert back['a"b; DROP TABLE DK'].tolist() == HOSTILE


@pytest.mark.parametrize(
    "codes",
    [
        pd.Series([10, 21, 22]),
        pd.Series([10.0, 21.0, 22.0]),
        pd.Series(["10", "21", "22"], dtype=object),
        pd.Series(["10", "21", "22"], dtype="category"),
        pd.Series([10, "21", 22]),
    ],
)
def test_codes_are_text(tmp_path: Path, codes: pd.Series) -> None:
    path = tmp_path / "out.gpkg"
    write_geopackage(path, {"farmland": farmland(DKLB=codes)})
    assert sql(path, "SELECT DKLB, typeof(DKLB) FROM DK") == [
        ("10", "text"),
        ("21", "text"),
        ("22", "text"),
    ]


def test_missing_codes_are_null(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    write_geopackage(path, {"farmland": farmland(DKLB=[10, None, np.nan], DLDJ=["01", None, ""])})
    assert sql(path, "SELECT DKLB, DLDJ FROM DK") == [("10", "01"), (None, None), (None, "")]


def test_null_and_empty_geometry_are_null(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    frame = farmland()
    frame.geometry = [SQUARES[0], None, Polygon()]
    write_geopackage(path, {"farmland": frame})
    assert sql(path, "SELECT geom IS NULL FROM DK") == [(0,), (1,), (1,)]
    assert frame.geometry[2].is_empty, "what was given stays as it was"


def test_all_null_no_row_z_values_and_mixed_kinds(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    nothing = farmland().set_geometry(gpd.GeoSeries([None] * 3, crs=4543))
    mixed = farmland().set_geometry(
        gpd.GeoSeries([SQUARES[0], Point(1, 1), LineString([(0, 0), (1, 1)])], crs=4543)
    )
    deep = farmland().set_geometry(shapely.force_3d(SQUARES, 7.0), crs=4543)
    write_geopackage(
        path,
        {"farmland": nothing, "homestead": farmland()[:0], "landuse": mixed, "admin": deep},
    )
    kinds = dict(sql(path, "SELECT table_name, geometry_type_name || z FROM gpkg_geometry_columns"))
    assert kinds == {
        "DK": "MULTIPOLYGON0",
        "ZJD": "MULTIPOLYGON0",
        "DLTB": "GEOMETRY0",
        "XZQ": "MULTIPOLYGON0",
    }
    assert len(table(path, "ZJD")) == 0
    assert table(path, "DLTB").geom_type.tolist() == ["Polygon", "Point", "LineString"]


def test_a_layer_without_crs_is_written_without(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    frame = gpd.GeoDataFrame(farmland().drop(columns="geometry"), geometry=SQUARES)
    write_geopackage(path, {"farmland": frame})
    assert pyogrio.read_info(path, layer="DK")["crs"] is None


def test_columns_called_as_gdal_calls_its_own(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    write_geopackage(path, {"farmland": farmland(fid=[7, 7, 7], geom=["a", "b", "c"])})
    back = table(path, "DK")
    assert back["fid"].tolist() == [7, 7, 7]
    assert back["geom"].tolist() == ["a", "b", "c"]
    assert sql(path, "SELECT f_geometry_column FROM layer_styles") == [("geom_",)]


def test_personal_data_are_masked(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    frame = gpd.GeoDataFrame(
        {"ZDDM": ["530425001002JC00001"], "HZXM": ["张三丰"], "HZZJHM": ["530425199001011234"]},
        geometry=SQUARES[:1],
        crs=4543,
    )
    write_geopackage(path, {"homestead": frame})
    assert "张三丰".encode() not in path.read_bytes()
    assert b"199001011234" not in path.read_bytes()
    assert table(path, "ZJD")["HZXM"].tolist() == ["张**"]
    assert frame["HZXM"].tolist() == ["张三丰"]
    write_geopackage(path, {"homestead": frame}, masking=Masking(names=False), overwrite=True)
    assert table(path, "ZJD")["HZXM"].tolist() == ["张三丰"]
    assert b"199001011234" not in path.read_bytes()
    write_geopackage(
        path, {"homestead": frame}, masking=Masking(False, False, False), overwrite=True
    )
    assert table(path, "ZJD")["HZZJHM"].tolist() == ["530425199001011234"]


def test_the_metadata_say_what_is_masked_and_from_which_files(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    frame = farmland()
    frame.attrs["source"] = "/home/user/secret folder/DK.shp"
    write_geopackage(path, {"farmland": frame})
    metadata = pyogrio.read_info(path, layer="DK")["dataset_metadata"]
    assert metadata["YUXI_GIS_MASKING"] == "ids phones names"
    assert metadata["YUXI_GIS_INPUTS"] == "DK.shp"
    assert metadata["YUXI_GIS_SOFTWARE"].startswith("yuxi-gis")
    assert b"secret folder" not in path.read_bytes()
    ((description,),) = sql(path, "SELECT description FROM gpkg_contents WHERE table_name = 'DK'")
    assert "已遮盖" in description
    write_geopackage(
        path, {"farmland": frame}, masking=Masking(False, False, False), overwrite=True
    )
    metadata = pyogrio.read_info(path, layer="DK")["dataset_metadata"]
    assert metadata["YUXI_GIS_MASKING"] == "none" and "请勿外传" in metadata["YUXI_GIS_MASKING_ZH"]


def test_other_tables_are_written_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    ledger = pd.DataFrame({"姓名": ["张三"], "面积": [1.5], "备注": ["x"]})
    shapes = farmland().rename(columns=str.lower)
    masked = write_geopackage(
        path, {"farmland": farmland()}, others={"台账": ledger, "extra": shapes}
    )
    assert masked == {"DK": (), "台账": ("姓名",), "extra": ()}
    assert sql(path, 'SELECT "姓名", "面积", "备注" FROM "台账"') == [("张*", 1.5, "x")]
    assert table(path, "extra")["dkbm"].tolist() == CODES
    assert sql(path, "SELECT f_table_name FROM layer_styles") == [("DK",)]


def test_findings_are_points_and_areas(package: Path) -> None:
    points, areas = table(package, "findings"), table(package, "findings_areas")
    assert points["rule"].tolist() == findings()["rule"].tolist()
    assert points.geom_type.fillna("null").tolist() == ["Point", "null", *["Point"] * 3]
    inside = findings().geometry.distance(points.geometry).drop(1)
    assert (inside < 1e-9).all(), "a representative point lies in its place"
    assert areas["rule"].tolist() == ["T03", "L01"]
    assert areas.geom_type.eq("MultiPolygon").all()
    assert areas.area.tolist() == [12, 1]
    assert points["message_zh"].tolist() == [HOSTILE[0]] * 5


def test_findings_of_a_check_carry_what_the_clerk_needs(tmp_path: Path) -> None:
    frame = farmland().to_crs(4543)
    frame.geometry = [frame.geometry[0].buffer(0.5), *frame.geometry[1:]]
    result = run_checks({"farmland": frame}, rules=["T03"])
    about = result.about.assign(state="new", remark="电话 13812345678")
    gone = result.findings.assign(region="530425100201", state="mended", remark="好")
    path = tmp_path / "out.gpkg"
    write_findings(path, replace(result, about=about, mended=gone), lang="en", inputs=["a/x.shp"])
    names = [name for name, _ in pyogrio.list_layers(path)]
    assert names == ["findings", "findings_areas", "findings_mended", "layer_styles"]
    found = table(path, "findings")
    assert found["region"].str.startswith("530425100").all() and set(found["state"]) == {"new"}
    assert set(found["remark"]) == {"电话 138******78"}
    assert set(found["mend"]) == {RULES["T03"].mend("en")}
    assert table(path, "findings_mended")["remark"].tolist() == ["好"] * len(gone)
    styles = dict(sql(path, "SELECT f_table_name, styleQML FROM layer_styles"))
    for name in names[:3]:
        root = ET.fromstring(styles[name].partition("\n")[2])
        editable = {e.get("name"): e.get("editable") for e in root.iterfind("editable/field")}
        assert [name for name, can in editable.items() if can == "1"] == ["remark"]
        titles = {a.get("field"): a.get("name") for a in root.iterfind("aliases/alias")}
        assert {"remark": "备注", "state": "状态", "mend": "处理方法", "region": "村"}.items() <= (
            titles.items()
        )
        labels = {o.get("value"): o.get("name") for o in root.iter("Option")}
        assert labels["T03"] == "T03 面重叠" and labels["new"] == "新增"


def test_no_findings_no_areas(tmp_path: Path) -> None:
    path = tmp_path / "out.gpkg"
    write_geopackage(path, {}, findings=findings()[:2])
    assert [name for name, _ in pyogrio.list_layers(path)] == ["findings", "layer_styles"]
    write_geopackage(path, {}, findings=findings()[:0], overwrite=True)
    assert len(table(path, "findings")) == 0


def test_layer_styles(package: Path) -> None:
    columns = [row[1] for row in sql(package, "PRAGMA table_info(layer_styles)")]
    assert columns == [
        "id", "f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column",
        "styleName", "styleQML", "styleSLD", "useAsDefault", "description", "owner", "ui",
        "update_time",
    ]  # fmt: skip
    rows = sql(
        package,
        "SELECT f_table_name, f_table_schema, f_geometry_column, styleName, useAsDefault, styleQML "
        "FROM layer_styles",
    )
    assert [row[0] for row in rows] == [
        "DK", "patches", "changed_parcels", "findings", "findings_areas",
    ]  # fmt: skip
    for name, schema, geometry, title, default, qml in rows:
        assert (schema, geometry, default) == ("", "geom", 1)
        assert title
        stem = {"DK": "farmland"}.get(name, name)
        written = ET.fromstring(qml)
        shipped = ET.parse(load_style(stem).path).getroot()
        for root in (written, shipped):
            ET.indent(root)
        assert ET.tostring(written.find("renderer-v2")) == ET.tostring(shipped.find("renderer-v2"))


def test_titles_and_labels_of_fields(package: Path) -> None:
    styles = dict(sql(package, "SELECT f_table_name, styleQML FROM layer_styles"))
    farm = ET.fromstring(styles["DK"])
    aliases = {a.get("field"): a.get("name") for a in farm.iterfind("aliases/alias")}
    assert aliases["DKBM"] == "地块代码"
    assert "X" not in aliases
    fields = {f.get("name"): f for f in farm.iterfind("fieldConfiguration/field")}
    assert set(fields) == {"DKLB"}
    labels = {o.get("value"): o.get("name") for o in fields["DKLB"].iterfind(".//Option[@value]")}
    assert labels["10"] == "承包地块"
    for name in ("findings", "patches", "changed_parcels"):
        root = ET.fromstring(styles[name])
        titled = {a.get("field") for a in root.iterfind("aliases/alias")}
        assert titled == set(table(package, name).columns) - {"geometry"}
        style = load_style(name)
        (coded,) = [
            f for f in root.iterfind("fieldConfiguration/field") if f.get("name") == style.attribute
        ]
        values = {o.get("value"): o.get("name") for o in coded.iterfind(".//Option[@value]")}
        assert values == {c.value: c.label for c in style.categories}


def test_result_styles_have_a_class_for_every_value() -> None:
    kinds = {kind.id: kind.zh for kind in KINDS}
    for stem in ("patches", "changed_parcels"):
        assert {c.value: c.label for c in load_style(stem).categories} == kinds
    for stem in ("findings", "findings_areas"):
        assert tuple(c.value for c in load_style(stem).categories) == SEVERITIES


def test_the_same_input_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    for name in ("a", "b"):
        folder = tmp_path / name
        write_geopackage(folder / "out.gpkg", {"farmland": farmland()}, findings=findings())
    assert (tmp_path / "a/out.gpkg").read_bytes() == (tmp_path / "b/out.gpkg").read_bytes()
    times = sql(tmp_path / "a/out.gpkg", "SELECT DISTINCT last_change FROM gpkg_contents")
    assert times == [("2023-11-14T22:13:20.000Z",)]


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"must end in \.gpkg"):
        write_geopackage(tmp_path / "out.shp", {})
    with pytest.raises(ParameterError, match="no layer with the ID roads"):
        write_geopackage(tmp_path / "out.gpkg", {"roads": farmland()})
    with pytest.raises(ParameterError, match=r"DK has fields of one name .*: dkbm"):
        write_geopackage(tmp_path / "out.gpkg", {"farmland": farmland(dkbm=CODES)})
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written(tmp_path: Path, package: Path) -> None:
    before = package.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_geopackage(package, {"farmland": farmland()})
    unwritable = farmland(X=[1 + 2j, 0, 0])
    with pytest.raises(OutputError, match="cannot be written"):
        write_geopackage(package, {"farmland": unwritable}, overwrite=True)
    assert package.read_bytes() == before
    assert list(tmp_path.iterdir()) == [package]


@pytest.mark.parametrize("own", [["fid"], ["ogc_fid"], ["FID", "ogc_fid"], list(ROW_NUMBERS)[:5]])
def test_fields_called_as_row_numbers_do_not_grow(tmp_path: Path, own: list[str]) -> None:
    frame = farmland(**{name: [7, 8, 7] for name in own})
    columns = []
    for step in range(3):
        path = tmp_path / f"{step}.gpkg"
        write_geopackage(path, {"farmland": frame})
        frame = read_layer(path)
        columns.append(list(frame.columns))
        for name in own:
            assert frame[name].tolist() == [7, 8, 7]
    assert columns[0] == columns[1] == columns[2]
    assert set(columns[0]) - set(own) == {"BSM", "DKBM", "DKMC", "DKLB", "SCMJ", "geometry"}


def test_kinds_of_values_with_gaps(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "whole": pd.array([1, None, 3], dtype="Int64"),
        "small": pd.array([1, None, 3], dtype="Int32"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "answer": np.array([True, None, False], dtype=object),
        "positive": pd.array([1, None, 2**63 - 1], dtype="UInt64"),
        "huge": np.array([1, 2, 2**64 - 1], dtype="u8"),
        "real": [1.0, np.nan, 3.0],
        "blob": np.array([b"\x80\0", None, b""], dtype=object),
    }
    wanted = {
        "whole": "int64", "small": "int32", "flag": "bool", "answer": "bool", "real": "float64",
        "blob": "object", "positive": "int64", "huge": "object",
    }  # fmt: skip
    for name, given in (("o", values), ("p", {k: v for k, v in values.items() if k != "blob"})):
        path = tmp_path / f"{name}.gpkg"
        write_geopackage(path, {"farmland": farmland(**given)})
        info = pyogrio.read_info(path, layer="DK")
        found = dict(zip(info["fields"], map(str, info["dtypes"]), strict=True))
        assert {k: found[k] for k in given} == {k: wanted[k] for k in given}
        assert sql(path, "SELECT whole, small, flag, answer FROM DK") == [
            (1, 1, 1, 1), (None, None, None, None), (3, 3, 0, 0)
        ]  # fmt: skip
        assert sql(path, "SELECT positive, huge FROM DK")[2] == (2**63 - 1, str(2**64 - 1))
        assert table(path, "DK").geom_type.eq("MultiPolygon").all()
    kinds = sql(tmp_path / "o.gpkg", "SELECT blob, typeof(blob) FROM DK")
    assert kinds == [(b"\x80\0", "blob"), (None, "null"), (b"", "blob")]
    back = read_layer(tmp_path / "o.gpkg")
    assert back["blob"].tolist()[::2] == [b"\x80\0", b""]
    assert back["flag"].dtype == "boolean" and back["small"].dtype == "Int32"


def test_real_attachments_stay_bytes(shared_data: Path, tmp_path: Path) -> None:
    found = 0
    accdb = Path(__file__).parents[1] / "read" / "data" / "queren_V2010.accdb.zip"
    for source in (accdb, shared_data / "geometry" / "testopenfilegdb.gdb.zip"):
        for raw in survey([source], options=Options()).tables:
            frame = read_table(raw, require_crs=False)
            for name, values in frame.items():
                if not values.map(lambda v: isinstance(v, bytes)).any():
                    continue
                found += 1
                path = tmp_path / f"{found}.gpkg"
                write_geopackage(path, {}, others={"t": frame})
                kinds = sql(path, f'SELECT DISTINCT typeof("{name}") FROM t')
                assert {kind for (kind,) in kinds} <= {"blob", "null"}
                back = read_layer(path, "t", require_crs=False)[name]
                assert back.isna().tolist() == values.isna().tolist()
                assert back.dropna().tolist() == values.dropna().tolist()
    assert found >= 2
