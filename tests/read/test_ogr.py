"""The formats that GDAL reads: same values as pyogrio, text, CRS, and every refusal."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pytest
import shapely
from pandas.testing import assert_frame_equal

from yuxi_gis.errors import SourceError, YuxiGisError
from yuxi_gis.read import ogr
from yuxi_gis.read.table import Options, RawTable

CODE = 5304252022010000001


def parcels(n: int = 3) -> gpd.GeoDataFrame:
    boxes = [shapely.box(500000 + 20 * i, 2600000, 500010 + 20 * i, 2600010) for i in range(n)]
    return gpd.GeoDataFrame(
        {
            "DKBM": [f"{CODE + i}" for i in range(n)],
            "DKMC": ["大田", None, "河边地"][:n],
            "serial": [1, 2, 3][:n],
            "SCMJ": [1.5, np.nan, 2.5][:n],
            "day": pd.to_datetime(["2024-01-05", None, "2023-12-31"][:n]).as_unit("ms"),
        },
        geometry=boxes,
        crs=4543,
    )


def only(path: Path, **options: str) -> RawTable:
    (table,) = ogr.open(path, Options(**options))
    return table


def told(table: RawTable, what: str) -> tuple[str, str]:
    return next((d.value, d.confidence) for d in table.decisions if d.what == what)


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize("name", ["DK.gpkg", "DK.gdb", "DK.geojson", "DK.fgb", "DK.geojsonl"])
def test_same_as_pyogrio(tmp_path: Path, name: str) -> None:
    driver = {".gdb": "OpenFileGDB", ".geojsonl": "GeoJSONSeq"}.get(Path(name).suffix)
    frame = parcels() if "json" not in name else parcels().to_crs(4326)
    frame["serial"] = frame["serial"].astype("int32")  # a File GDB of before 2023 has no other
    pyogrio.write_dataframe(frame, tmp_path / name, driver=driver)
    before = fingerprint(tmp_path)
    table = only(tmp_path / name)
    assert fingerprint(tmp_path) == before
    done, notes = table.load()
    plain = pyogrio.read_dataframe(tmp_path / name)
    assert_frame_equal(pd.DataFrame(done), pd.DataFrame(plain), check_dtype=True)
    assert done.crs == plain.crs == table.crs
    assert notes == () and table.notes == ()
    assert (table.rows, table.columns) == (3, tuple(plain.columns.drop("geometry")))
    assert told(table, "encoding") == ("UTF-8", "certain")


def test_real_parcels_same_as_pyogrio(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "parcels").glob("*.gpkg"))
    for archive in (shared_data / "parcels").glob("*.zip"):
        with zipfile.ZipFile(archive) as zipped:
            files += [
                Path(zipped.extract(m, tmp_path)) for m in zipped.namelist() if m.endswith(".gpkg")
            ]
    assert len(files) >= 2
    for file in files:
        for table in ogr.open(file, Options()):
            done, _ = table.load()
            plain = pyogrio.read_dataframe(file, layer=table.name, fid_as_index=True)
            key = pyogrio.read_info(file, layer=table.name)["fid_column"]
            if table.columns[0] == key:  # one of the user's own
                plain = plain.rename_axis(key).reset_index()
            plain = plain.reset_index(drop=True)
            assert len(done) == table.rows == len(plain)
            assert shapely.equals_exact(
                shapely.force_2d(done.geometry.to_numpy()), shapely.force_2d(plain.geometry)
            ).all()
            columns = list(table.columns)
            mixed = pd.DataFrame(done[columns]), pd.DataFrame(plain[columns])
            for ours, theirs in zip(*(m.items() for m in mixed), strict=True):
                missing = ours[1].isna()
                assert (missing == theirs[1].isna()).all()
                assert ours[1][~missing].tolist() == theirs[1][~missing].tolist()


def test_file_geodatabase_of_every_kind(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "geometry" / "testopenfilegdb.gdb.zip") as zipped:
        zipped.extractall(tmp_path)
    (folder,) = tmp_path.glob("*.gdb")
    tables = {t.name: t for t in ogr.open(folder, Options())}
    assert len(tables) == 37
    for table in tables.values():
        frame, _ = table.load()
        assert len(frame) == table.rows
        assert isinstance(frame, gpd.GeoDataFrame) == (table.geometry is not None)
    assert tables["none"].geometry is None and tables["pointzm"].geometry == "Point"
    assert shapely.has_m(tables["polygonm"].load()[0].geometry.iloc[0])  # for normalise to count
    patch = tables["multipatch"].load()[0]
    assert patch.geometry.notna().all() and not patch.is_empty.any()


def test_long_whole_numbers_with_gaps_keep_their_digits(tmp_path: Path) -> None:
    """pyogrio makes floats of them: 5304252022010000001 would end in …0384."""
    features = [
        {"type": "Feature", "properties": {"DKBM": code}, "geometry": None}
        for code in (CODE, None, CODE + 1)
    ]
    path = tmp_path / "DK.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    frame, notes = only(path).load()
    assert frame["DKBM"].tolist()[::2] == [CODE, CODE + 1] and frame["DKBM"].isna().tolist()[1]
    assert str(frame["DKBM"].dtype) == "Int64" and notes == ()


def test_digits_that_the_format_lost_are_told(tmp_path: Path) -> None:
    features = [
        {"type": "Feature", "properties": {"DKBM": code}, "geometry": None}
        for code in (1, CODE * 10)
    ]
    path = tmp_path / "DK.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    notes = only(path).load()[1]
    assert [(n.what, n.field, n.rows, n.severity) for n in notes] == [
        ("code_destroyed", "DKBM", (2,), "error")
    ]


def test_lists_objects_and_times_of_geojson(tmp_path: Path) -> None:
    rows = [
        {"list": [1, 2], "object": {"a": "地"}, "time": "2024-01-05T10:00:00+08:00", "flag": True},
        {"list": None, "object": None, "time": "2024-01-05T10:00:00Z", "flag": False},
    ]
    features = [{"type": "Feature", "properties": r, "geometry": None} for r in rows]
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    frame, _ = only(path).load()
    assert frame["list"].tolist()[0] == "[1, 2]" and frame["list"].isna().tolist()[1]
    assert json.loads(frame["object"].iloc[0]) == {"a": "地"}
    assert frame["time"].dt.hour.tolist() == [2, 10]
    assert frame["flag"].tolist() == [True, False]


def geojson(path: Path, head: str = "", tail: str = "", x: float = 102.5) -> Path:
    feature = (
        '{"type":"Feature","properties":{"DKMC":"大田","crs":null},"geometry":{"type":"Polygon",'
        f'"coordinates":[[[{x},24],[{x + 1},24],[{x + 1},25],[{x},24]]]}}}}'
    )
    path.write_text(f'{{"type":"FeatureCollection",{head}"features":[{feature}]{tail}}}', "utf-8")
    return path


NAMED = '"crs":{{"type":"name","properties":{{"name":"{}"}}}}'


@pytest.mark.parametrize(
    ("member", "epsg"),
    [
        (NAMED.format("urn:ogc:def:crs:EPSG::4490"), 4490),
        (NAMED.format("EPSG:4543"), 4543),
        ('"crs":{"properties":{"name":"EPSG:4490"},"type":"name"}', 4490),
        (NAMED.format("nonsense"), None),
        ('"crs":null', None),
        ('"crs":{"type":"link","properties":{"href":"http://a/b"}}', None),
    ],
)
def test_crs_member(tmp_path: Path, member: str, epsg: int | None) -> None:
    """GDAL silently says WGS 84 for the last three."""
    for number, (head, tail) in enumerate(((member + ",", ""), ("", "," + member))):
        table = only(geojson(tmp_path / f"{number}.geojson", head, tail))
        assert (table.crs and table.crs.to_epsg()) == epsg
        assert [n.what for n in table.notes] == ([] if epsg else ["crs_unknown"])
        assert table.load()[0].crs == table.crs


def test_geojson_without_crs_is_the_formats_default(tmp_path: Path) -> None:
    table = only(geojson(tmp_path / "a.geojson"))
    assert table.crs is not None and table.crs.to_epsg() == 4326
    assert told(table, "crs") == ("EPSG:4326", "high")
    metres = only(geojson(tmp_path / "b.geojson", x=500000.0))
    assert told(metres, "crs") == ("EPSG:4326", "low")
    assert "--crs" in metres.decisions[-1].zh


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
def test_geojson_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = geojson(tmp_path / "DK.geojson", head=NAMED.format("EPSG:4490") + ",")
    text = path.read_text("utf-8").replace("DKMC", "地块名称").replace("大田", "大田边的老秧田地")
    path.write_bytes(text.encode(encoding))
    before = fingerprint(tmp_path)
    table = only(path)
    frame, _ = table.load()
    assert frame["地块名称"].tolist() == ["大田边的老秧田地"]
    assert table.name == "DK" and frame.crs.to_epsg() == 4490
    if encoding == "gb18030":
        assert told(table, "encoding") == ("GB18030", "high")
        assert told(only(path, encoding="gbk"), "encoding") == ("GB18030", "certain")
        with pytest.raises(SourceError, match=r"line 1 is not UTF-8.*--encoding"):
            only(path, encoding="utf-8")
    assert fingerprint(tmp_path) == before


KML = """<?xml version="1.0" encoding="{}"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>地块</name><Placemark>
<name>大田边的老秧田</name><Polygon><outerBoundaryIs><LinearRing><coordinates>
102,24,5 102.1,24,5 102.1,24.1,5 102,24,5</coordinates></LinearRing></outerBoundaryIs></Polygon>
</Placemark></Document></kml>"""


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK", "GB2312"])
def test_kml(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "DK.kml"
    path.write_bytes(KML.format(encoding).encode(encoding))
    table = only(path)
    frame, _ = table.load()
    assert table.name == "地块" and frame["Name"].tolist() == ["大田边的老秧田"]
    assert frame.has_z.all() and table.geometry in ("Polygon", "Unknown")
    assert told(table, "crs") == ("EPSG:4326", "certain")
    with zipfile.ZipFile(tmp_path / "DK.kmz", "w") as zipped:
        zipped.write(path, "doc.kml")
    assert only(tmp_path / "DK.kmz").load()[0]["Name"].tolist() == ["大田边的老秧田"]


def test_kmz_without_kml(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "DK.kmz", "w") as zipped:
        zipped.writestr("a.txt", "x")
    with pytest.raises(SourceError, match=r"no \.kml"):
        only(tmp_path / "DK.kmz")


def dxf(path: Path, encoding: str, page: str | None, version: str = "AC1015") -> Path:
    head = ["0", "SECTION", "2", "HEADER", "9", "$ACADVER", "1", version]
    head += ["9", "$DWGCODEPAGE", "3", page] if page else []
    corners = [(0, 0), (10, 0), (10, 10), (0, 10)]
    line = ["0", "LWPOLYLINE", "8", "界址线", "90", "4", "70", "1"]
    for x, y in corners:
        line += ["10", str(500000 + x), "20", str(2600000 + y)]
    text = ["0", "TEXT", "8", "注记", "10", "5", "20", "5", "40", "1", "1", "大田边的老秧田"]
    ends = ["0", "ENDSEC"]
    rows = [*head, *ends, "0", "SECTION", "2", "ENTITIES", *line, *text, *ends, "0", "EOF", ""]
    path.write_bytes("\n".join(rows).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("encoding", "page", "version"),
    [
        ("gbk", "ANSI_936", "AC1015"),
        ("gbk", "ANSI_1252", "AC1015"),
        ("gbk", None, "AC1009"),
        ("big5", "ANSI_950", "AC1015"),
        ("utf-8", "ANSI_936", "AC1021"),
        ("utf-8", None, "AC1015"),
    ],
)
def test_dxf(tmp_path: Path, encoding: str, page: str | None, version: str) -> None:
    if encoding == "big5":
        path = dxf(tmp_path / "a.dxf", "utf-8", page, version)
        text = path.read_text("utf-8").replace("界址线", "界址線").replace("注记", "註記")
        text = text.replace("大田边的老秧田", "我們的土地")
        path.write_bytes(text.encode("big5"))
    else:
        path = dxf(tmp_path / "a.dxf", encoding, page, version)
    table = only(path)
    frame, notes = table.load()
    traditional = encoding == "big5"
    assert frame["Text"].iloc[1] == ("我們的土地" if traditional else "大田边的老秧田")
    assert frame["Layer"].iloc[0] == ("界址線" if traditional else "界址线")
    assert table.crs is None and frame.crs is None
    assert frame.geom_type.tolist() == ["Polygon", "Point"]
    assert frame.area.iloc[0] == 100
    assert [(n.what, n.rows) for n in notes] == [("lines_closed", (1,))]
    assert pyogrio.get_gdal_config_option("DXF_ENCODING") is None


def test_dxf_as_told(tmp_path: Path) -> None:
    path = dxf(tmp_path / "a.dxf", "gbk", "ANSI_936")
    assert told(only(path, encoding="gbk"), "encoding") == ("GB18030", "certain")


def test_bulges_of_a_drawing_keep_the_tolerance(tmp_path: Path) -> None:
    """Two half circles of 10 m radius: GDAL's own step of 4 degrees is 0.4 m² short."""
    path = dxf(tmp_path / "a.dxf", "utf-8", None)
    rows = ["0", "LWPOLYLINE", "8", "0", "90", "2", "70", "1"]
    for x in (0, 20):
        rows += ["10", str(x), "20", "0", "42", "1"]
    text = path.read_text("utf-8").replace("0\nTEXT", "\n".join(rows) + "\n0\nTEXT", 1)
    path.write_text(text, "utf-8")
    frame, _ = only(path).load()
    assert frame.area.iloc[1] == pytest.approx(100 * np.pi, abs=0.001 * 20 * np.pi)


def mif(folder: Path, charset: str, encoding: str, text: str) -> Path:
    (folder / "DK.mif").write_bytes(
        f'Version 300\nCharset "{charset}"\nDelimiter ","\nColumns 2\n'
        "  地块 Char(20)\n  n Integer\nData\n\nRegion 1\n 4\n1 1\n2 1\n2 2\n1 1\n".encode(encoding)
    )
    (folder / "DK.mid").write_bytes(f'"{text}",7\n'.encode(encoding))
    return folder / "DK.mif"


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("WindowsSimpChinese", "gbk"),
        ("Neutral", "gbk"),
        ("WindowsLatin1", "gbk"),
        ("UTF-8", "utf-8"),
        ("WindowsTradChinese", "big5"),
    ],
)
def test_mif(tmp_path: Path, charset: str, encoding: str) -> None:
    if encoding == "big5":
        path = mif(tmp_path, charset, "utf-8", "我們的土地")
        for file in (path, path.with_suffix(".mid")):
            file.write_bytes(file.read_text("utf-8").replace("地块", "地塊").encode("big5"))
    else:
        path = mif(tmp_path, charset, encoding, "大田边的老秧田")
    before = fingerprint(tmp_path)
    table = only(path)
    frame, _ = table.load()
    expected = ("地塊", "我們的土地") if encoding == "big5" else ("地块", "大田边的老秧田")
    assert table.columns == (expected[0], "n")
    assert frame[expected[0]].tolist() == [expected[1]] and frame["n"].tolist() == [7]
    assert frame.area.tolist() == [0.5] and table.crs is None
    assert fingerprint(tmp_path) == before


def test_tab_in_gbk(tmp_path: Path) -> None:
    """MapInfo of a Chinese Windows, and one whose header says that it is a western one."""
    frame = parcels(1).assign(DKMC="大田边的老秧田")[["DKMC", "serial", "geometry"]]
    pyogrio.write_dataframe(frame, tmp_path / "DK.tab", driver="MapInfo File", encoding="CP936")
    for charset in (b"Neutral", b"WindowsLatin1", b"WindowsSimpChinese"):
        header = (tmp_path / "DK.tab").read_bytes()
        for old in (b"Neutral", b"WindowsLatin1"):
            header = header.replace(old, charset)
        (tmp_path / "DK.tab").write_bytes(header)
        done, _ = only(tmp_path / "DK.tab").load()
        assert done["DKMC"].tolist() == ["大田边的老秧田"], charset
    assert told(only(tmp_path / "DK.tab", encoding="GBK"), "encoding") == ("GB18030", "certain")


def gpkg(path: Path, sql: str = "") -> Path:
    pyogrio.write_dataframe(parcels(), path, layer="DK")
    with sqlite3.connect(path) as base:
        for (trigger,) in base.execute(
            "select name from sqlite_master where type='trigger'"
        ).fetchall():
            base.execute(f'drop trigger "{trigger}"')
        base.executescript(sql)
    base.close()
    return path


def test_geopackage_with_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = gpkg(tmp_path / "a.gpkg", "update DK set DKMC=cast(x'b4f3ccef' as text) where fid=3")
    table = only(path)
    with pytest.raises(SourceError, match=r"field DKMC in row 3 is not UTF-8.*--encoding"):
        table.load()
    frame, _ = only(path, encoding="GBK").load()
    assert frame["DKMC"].tolist()[::2] == ["大田", "大田"]


def test_primary_key_of_the_users_is_a_field(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(parcels(), path, layer="DK", layer_options={"FID": "BSM"})
    table = only(path)
    assert table.columns[0] == "BSM"
    assert table.load()[0]["BSM"].tolist() == [1, 2, 3]


def test_tables_and_private_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(parcels(), path, layer="DK")
    pyogrio.write_dataframe(parcels().drop(columns="geometry"), path, layer="CBF", append=False)
    pyogrio.write_dataframe(parcels().drop(columns="geometry"), path, layer="layer_styles")
    pyogrio.write_dataframe(parcels().iloc[:0], path, layer="empty")
    tables = {t.name: t for t in ogr.open(path, Options())}
    assert set(tables) == {"DK", "CBF", "empty"}
    table = tables["CBF"].load()[0]
    assert tables["CBF"].geometry is None and not isinstance(table, gpd.GeoDataFrame)
    assert table["DKBM"].tolist() == parcels()["DKBM"].tolist()
    empty = tables["empty"].load()[0]
    assert len(empty) == 0 and list(empty.columns) == list(parcels().columns)


def test_a_geopackage_in_wal_mode_leaves_no_files(tmp_path: Path) -> None:
    path = gpkg(tmp_path / "a.gpkg", "pragma journal_mode=wal")
    before = fingerprint(tmp_path)
    assert len(only(path).load()[0]) == 3
    assert fingerprint(tmp_path) == before


def curved() -> bytes:
    """A GeoPackage geometry: a circle of 20 m radius about (500020, 2600000)."""
    points = [(500040.0, 2600000.0), (500000.0, 2600000.0), (500040.0, 2600000.0)]
    ring = struct.pack("<BII", 1, 8, 3) + np.array(points, "<f8").tobytes()
    return struct.pack("<2sBBi", b"GP", 0, 1, 4543) + struct.pack("<BII", 1, 10, 1) + ring


def test_curves_of_a_geopackage(tmp_path: Path) -> None:
    path = gpkg(tmp_path / "a.gpkg", f"update DK set geom=x'{curved().hex()}' where fid=2")
    frame, notes = only(path).load()
    assert [(n.what, n.rows) for n in notes] == [("curves_linearised", (2,))]
    assert frame.area.iloc[1] == pytest.approx(400 * np.pi, abs=0.001 * 40 * np.pi)
    assert frame.geom_type.tolist() == ["Polygon"] * 3


def test_real_curve_polygon(shared_data: Path) -> None:
    """Its rings are straight lines: nothing to approximate, nothing to tell."""
    frame, notes = only(shared_data / "geometry" / "curvepolygon.gpkg").load()
    assert frame.geom_type.tolist() == ["Polygon"] and notes == ()
    assert shapely.get_num_coordinates(frame.geometry.iloc[0]) == 4


def test_unknown_crs_is_none(tmp_path: Path) -> None:
    sql = "update gpkg_spatial_ref_sys set definition='PROJCS[\"x\"]', organization='NONE'"
    path = gpkg(tmp_path / "a.gpkg", sql + " where srs_id=4543")
    table = only(path)
    assert table.crs is None
    assert table.load()[0].crs is None


def test_a_table_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """A page of zeros, as a bad disk or copy leaves: GDAL's Arrow stream ends there in silence."""
    path = tmp_path / "a.gpkg"
    parcels(3).loc[[0] * 5000].to_file(path, layer="DK", index=False)
    whole = path.read_bytes()
    pages = len(whole) // 4096
    refused = 0
    for page in range(3, pages, pages // 12):
        data = bytearray(whole)
        data[page * 4096 : (page + 1) * 4096] = bytes(4096)
        path.write_bytes(data)
        try:
            assert len(only(path).load()[0]) == 5000  # a page of the spatial index, not of rows
        except SourceError as error:
            refused += 1
            assert str(path) in error.en
    assert refused >= 6


def test_a_stale_number_of_rows_is_told(tmp_path: Path) -> None:
    path = gpkg(tmp_path / "a.gpkg", "update gpkg_ogr_contents set feature_count=99")
    frame, notes = only(path).load()
    assert len(frame) == 3
    assert [(n.what, n.count, n.severity) for n in notes] == [("rows_differ", 96, "warning")]


VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer>'
    "</OGRVRTDataSource>"
)


@pytest.mark.parametrize(
    "name", ["a.geojson", "a.kml", "a.gpkg", "a.dxf", "a.tab", "a.mif", "a.fgb"]
)
def test_orders_in_disguise_open_nothing(tmp_path: Path, name: str) -> None:
    """GDAL goes by content: a VRT or a GDALG named .kml would read any file of the machine."""
    secret = tmp_path / "secret.gpkg"
    parcels().to_file(secret, layer="x")
    orders = [
        VRT.format(secret),
        "<kml>" + VRT.format(secret),
        "0\nSECTION\n999\n" + VRT.format(secret),
        "Version 300\n" + VRT.format(secret),
        '{"type":"gdal_streamed_alg","command_line":"gdal vector pipeline read ' + f'{secret}"}}',
        "<OGRWFSDataSource><URL>http://127.0.0.1:9/</URL></OGRWFSDataSource>",
    ]
    for order in orders:
        (tmp_path / name).write_text(order)
        with pytest.raises(SourceError, match=r"a\.\w+: "):
            for table in ogr.open(tmp_path / name, Options()):
                table.load()


def test_a_file_under_a_wrong_name(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "DK.gpkg")
    (tmp_path / "DK.gpkg").rename(tmp_path / "DK.geojson")
    with pytest.raises(SourceError, match="is no GeoJSON"):
        only(tmp_path / "DK.geojson")
    (tmp_path / "DK.gdb").mkdir()
    with pytest.raises(SourceError, match="no whole File Geodatabase"):
        only(tmp_path / "DK.gdb")


def mutants(data: bytes, count: int, seed: int) -> list[bytes]:
    """Cut, overwritten, repeated and blanked at random places, most of them near the start."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        bytes_ = bytearray(data)
        for _ in range(rng.integers(1, 6)):
            at = int(len(bytes_) * rng.random() ** 2)
            size = int(rng.integers(1, 64))
            match rng.integers(0, 5):
                case 0:
                    bytes_[at : at + size] = rng.bytes(size)
                case 1:
                    del bytes_[at : at + size]
                case 2:
                    bytes_[at:at] = bytes_[at : at + size] * int(rng.integers(1, 5))
                case 3:
                    bytes_[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
                case 4:
                    del bytes_[max(at, 8) :]
        made.append(bytes(bytes_))
    return made


#: Reads every mutant; what is printed last is the one that ended the process.
CHILD = """
import sys
from pathlib import Path
from yuxi_gis.errors import YuxiGisError
from yuxi_gis.read import ogr, parquet
from yuxi_gis.read.geometry import normalise
from yuxi_gis.read.table import Options
for path in sorted(Path(sys.argv[1]).iterdir()):
    if path.suffix in (".dat", ".map", ".id", ".mid"):
        continue
    print(path.name, flush=True)
    try:
        for table in (parquet if path.suffix == ".parquet" else ogr).open(path, Options()):
            normalise(table.load()[0])
    except YuxiGisError as error:
        assert str(path) in error.en and "\\n" not in error.zh, error.en
"""


def seeds(folder: Path) -> dict[str, Path]:
    """A small file of each format."""
    folder.mkdir()
    pyogrio.write_dataframe(parcels(), folder / "a.fgb")
    pyogrio.write_dataframe(parcels(1), folder / "a.tab", driver="MapInfo File")
    pyogrio.write_dataframe(parcels().to_crs(4326), folder / "a.geojson")
    parcels().to_parquet(folder / "a.parquet")
    gpkg(folder / "a.gpkg")
    (folder / "a.kml").write_text(KML.format("UTF-8"), "utf-8")
    dxf(folder / "a.dxf", "gbk", "ANSI_936")
    mif(folder, "Neutral", "gbk", "大田边的老秧田").rename(folder / "a.mif")
    (folder / "DK.mid").rename(folder / "a.mid")
    return {p.suffix: p for p in folder.iterdir()}


def test_mutants(tmp_path: Path) -> None:
    """200 damaged files: each is read or refused, in a process that lives and does not hang."""
    made = seeds(tmp_path / "seeds")
    broken = tmp_path / "broken"
    broken.mkdir()
    for suffix in (".gpkg", ".geojson", ".kml", ".dxf", ".tab", ".mif", ".fgb", ".parquet"):
        for number, data in enumerate(mutants(made[suffix].read_bytes(), 25, seed=7)):
            file = broken / f"m{number:03}{suffix}"
            file.write_bytes(data)
            for part in {".tab": (".dat", ".map", ".id"), ".mif": (".mid",)}.get(suffix, ()):
                if part in made:
                    file.with_suffix(part).write_bytes(made[part].read_bytes())
    command = [sys.executable, "-c", CHILD, str(broken)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (done.stdout.splitlines()[-1:], done.stderr[-2000:])
    assert len(done.stdout.splitlines()) == 200
    with pytest.raises(YuxiGisError):
        only(tmp_path / "seeds" / "missing.gpkg")


def features(path: Path, *made: dict[str, object]) -> Path:
    whole = [{"type": "Feature", "properties": {}, "geometry": None} | one for one in made]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": whole}))
    return path


@pytest.mark.parametrize("ids", [[5, 7], [5, 5], [-5, 3], [0, 1], ["a", "b"], [5, "b"]])
@pytest.mark.parametrize("name", ["DK.geojson", "DK.geojsonl"])
def test_a_property_called_id_is_a_field(tmp_path: Path, ids: list[object], name: str) -> None:
    """GDAL has whole numbers there as key and as field."""
    path = features(tmp_path / name, *({"properties": {"id": i, "n": 1}} for i in ids))
    if name.endswith("l"):
        whole = json.loads(path.read_text())["features"]
        path.write_text("\n".join(map(json.dumps, whole)))
    table = only(path)
    frame, notes = table.load()
    assert table.columns == tuple(frame.columns[:2]) == ("id", "n") and notes == ()
    assert frame["id"].map(str).tolist() == list(map(str, ids))


@pytest.mark.parametrize(
    ("ids", "told"),
    [([5, 9], True), ([7, 7], True), ([0, 1], False), ([1, 2], False), (["x", "y"], False)],
)
def test_ids_of_features_are_not_lost_without_a_word(
    tmp_path: Path, ids: list[object], told: bool
) -> None:
    path = features(tmp_path / "DK.geojson", *({"id": i, "properties": {"n": 1}} for i in ids))
    frame, notes = only(path).load()
    assert [(n.what, n.count) for n in notes] == ([("feature_ids_left_out", 2)] if told else [])
    if ids[0] == "x":
        assert frame["id"].tolist() == ids
    path = features(path, *({"id": i, "properties": {"id": i}} for i in ids))
    frame, notes = only(path).load()
    assert frame["id"].tolist() == ids and (notes == () or ids == [7, 7])


def test_our_own_mistakes_are_no_damaged_files(tmp_path: Path) -> None:
    for error in (AttributeError, KeyError, TypeError, IndexError):
        with pytest.raises(error), ogr.reading(tmp_path):
            raise error("ours")
    for bad in (ValueError, OSError, pyogrio.errors.DataLayerError, shapely.errors.GEOSException):
        with pytest.raises(SourceError), ogr.reading(tmp_path):
            raise bad("theirs")


def dated(path: Path, days: list[str | None], times: list[str | None] | None = None) -> Path:
    """A GeoPackage with this text in a column of dates, and one of times."""
    count = len(days)
    empty = pa.table(
        {
            "day": pa.array([None] * count, pa.date32()),
            "time": pa.array([None] * count, pa.timestamp("ms")),
            "n": range(count),
        }
    )
    pyogrio.write_arrow(empty, path, layer='a " b', driver="GPKG")
    with sqlite3.connect(path) as base:
        for row, values in enumerate(zip(days, times or [None] * count, strict=True), start=1):
            base.execute('update "a "" b" set day=?, time=? where fid=?', (*values, row))
    base.close()
    return path


def test_dates_that_are_none_stay_text(tmp_path: Path) -> None:
    """GDAL's Arrow stream makes 2020-03-01 of the first, and 1970-01-01 of the others."""
    days = ["2020-02-30", "2020-03-01", "2020-13-45", None, "", "garbage", "2020"]
    frame, notes = only(dated(tmp_path / "a.gpkg", days, days)).load()
    for name in ("day", "time"):
        assert frame[name].dtype == "str"
        assert frame[name].fillna("-").tolist() == [day if day is not None else "-" for day in days]
    assert [(n.what, n.field, n.rows) for n in notes] == [
        ("date_unreadable", "day", (1, 3, 6, 7)),
        ("date_unreadable", "time", (1, 3, 6, 7)),
    ]


def test_dates_of_geojson_that_are_none_stay_text(tmp_path: Path) -> None:
    """GDAL makes 2020-03-01 of the first."""
    days = ["2020-02-30", "2020-03-01", "2020/03/02"]
    rows = ({"properties": {"day": day, "time": f"{day}T10:00:00"}} for day in days)
    frame, notes = only(features(tmp_path / "a.geojson", *rows)).load()
    assert frame["day"].tolist() == days
    assert [(n.what, n.field, n.rows) for n in notes] == [
        ("date_unreadable", "day", (1,)),
        ("date_unreadable", "time", (1,)),
    ]
    rows = ({"properties": {"day": day}} for day in days[1:])
    frame, notes = only(features(tmp_path / "a.geojson", *rows)).load()
    assert frame["day"].tolist() == [pd.Timestamp("2020-03-01"), pd.Timestamp("2020-03-02")]
    assert notes == ()


def test_dates_of_a_table_without_row_numbers(tmp_path: Path) -> None:
    path = dated(tmp_path / "a.gpkg", ["2020-03-01", "2020-02-30"])
    with sqlite3.connect(path) as base:
        base.executescript(
            'create view v as select day, n from "a "" b";'
            "create table t(day DATE); insert into t values ('2020-03-01'), ('2020-02-30');"
            "insert into gpkg_contents(table_name, data_type, identifier, srs_id) "
            "values ('v', 'attributes', 'v', 0), ('t', 'attributes', 't', 0);"
        )
    base.close()
    tables = ogr.open(path, Options())
    assert len(tables) == 3
    for table in tables:
        frame, notes = table.load()
        assert frame["day"].tolist() == ["2020-03-01", "2020-02-30"]
        assert [(n.what, n.rows) for n in notes] == [("date_unreadable", (2,))]


def test_dates_in_other_forms_are_dates(tmp_path: Path) -> None:
    days = ["20200301", "2020-03-02", "2020/03/03", None, ""]
    frame, notes = only(dated(tmp_path / "a.gpkg", days, days)).load()
    wanted = pd.to_datetime(pd.Series(["2020-03-01", "2020-03-02", "2020-03-03", None, None]))
    for name in ("day", "time"):
        pd.testing.assert_series_equal(frame[name], wanted.dt.as_unit("ms"), check_names=False)
    assert notes == ()


def test_whole_numbers_and_booleans_with_gaps_keep_their_kind(tmp_path: Path) -> None:
    kinds = {"i": "Int64", "j": "Int32", "k": "Int16", "b": "boolean"}
    frame = pd.DataFrame({n: pd.array([1, None, 0], dtype=kind) for n, kind in kinds.items()})
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg")
    done, _ = only(tmp_path / "a.gpkg").load()
    assert_frame_equal(done, frame)


@pytest.mark.filterwarnings("error")
def test_hundreds_of_columns(tmp_path: Path) -> None:
    """Columns put in one by one are slow, of which pandas warns."""
    columns: dict[str, object] = {f"f{n}": [n, n] for n in range(300)}
    columns |= {f"g{n}": pd.array([n, None], dtype="Int32") for n in range(5)}
    shapes = parcels(2).geometry.to_numpy()
    pyogrio.write_dataframe(
        gpd.GeoDataFrame(columns, geometry=shapes, crs=4543), tmp_path / "a.gpkg"
    )
    frame, _ = only(tmp_path / "a.gpkg").load()
    assert list(frame.columns) == [*columns, "geometry"]
    assert frame["f299"].tolist() == [299, 299] and frame["g4"].tolist()[0] == 4


def test_a_row_number_of_our_own_is_no_field(tmp_path: Path) -> None:
    for key in ogr.ROW_NUMBERS:
        path = tmp_path / f"{key}.gpkg"
        pyogrio.write_dataframe(parcels(), path, layer="DK", layer_options={"FID": key.upper()})
        assert only(path).columns[0] == "DKBM"
