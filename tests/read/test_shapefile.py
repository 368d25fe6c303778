"""Shapefiles as clerks have them: encodings, missing parts, damage."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
from pyproj import CRS

from tests.read.test_dbf import write_dbf
from yuxi_gis.errors import ParameterError, SourceError, YuxiGisError
from yuxi_gis.read.shapefile import open as open_shapefile
from yuxi_gis.read.table import Options, RawTable

NAMES = ["碾房大田", "岩子脚", "a plain one", ""]


def write_shp(path: Path, code: int, contents: Sequence[bytes]) -> Path:
    """A .shp and .shx of raw record contents, by the ESRI Technical Description."""
    records = index = b""
    for number, content in enumerate(contents, 1):
        index += struct.pack(">ii", (100 + len(records)) // 2, len(content) // 2)
        records += struct.pack(">ii", number, len(content) // 2) + content
    box = struct.pack("<ii8d", 1000, code, 0, 0, 10, 10, 0, 0, 0, 0)
    for suffix, body in ((".shp", records), (".shx", index)):
        head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(body)) // 2)
        path.with_suffix(suffix).write_bytes(head + box + body)
    return path


def points(path: Path, count: int) -> Path:
    return write_shp(path, 1, [struct.pack("<idd", 1, n, n + 0.5) for n in range(count)])


def layer(
    folder: Path, values: Sequence[bytes], *, language: int = 0, cpg: str | None = None
) -> Path:
    """Points with one text field of 30 bytes and a number."""
    path = points(folder / "DK.shp", len(values))
    fields = [(b"DKMC", b"C", 30, 0), (b"N", b"N", 4, 0)]
    rows = [(value, b"%d" % n) for n, value in enumerate(values, 1)]
    write_dbf(path.with_suffix(".dbf"), fields, rows, language=language)
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    return path


def read(path: Path, **options: str) -> tuple[RawTable, pd.DataFrame]:
    (table,) = open_shapefile(path, Options(**options))
    frame, _ = table.load()
    assert len(frame) == table.rows and isinstance(frame.index, pd.RangeIndex)
    if table.geometry is not None:
        frame = frame.drop(columns=frame.geometry.name)
    assert tuple(frame.columns) == table.columns
    return table, frame


def notes(path: Path) -> dict[str, tuple[int, ...]]:
    (table,) = open_shapefile(path, Options())
    return {note.what: note.rows for note in (*table.notes, *table.load()[1])}


# The table "Shapefile encoding": language byte, .cpg.
TABLE = [
    (0, None),
    (87, None),
    (77, None),
    *((0, "UTF-8"), (77, "UTF-8")),
    *((0, cpg) for cpg in ("GBK", "936", "CP936", "gb2312")),
    *((0, cpg) for cpg in ("ANSI 936", "OEM", "ISO-8859-1")),
]


@pytest.mark.parametrize("codec", ["gb18030", "utf-8", "big5"])
@pytest.mark.parametrize(("language", "cpg"), TABLE)
def test_encoding(tmp_path: Path, language: int, cpg: str | None, codec: str) -> None:
    names = ["臺北市中正區", "農地重劃", "", "plain"] if codec == "big5" else NAMES
    path = layer(tmp_path, [name.encode(codec) for name in names], language=language, cpg=cpg)
    table, frame = read(path)
    assert frame["DKMC"].fillna("").tolist() == names
    (decision,) = [d for d in table.decisions if d.what == "encoding"]
    assert decision.value == table.encoding and table.encoding.lower() == codec
    assert decision.confidence == "high" and "--encoding" in decision.zh
    if (cpg, codec) in (("UTF-8", "gb18030"), ("OEM", "gb18030"), ("GBK", "utf-8")):
        assert f"DK.cpg declares {cpg}, which the bytes contradict" in decision.en
        assert f"声明的是 {cpg}" in decision.zh


def test_encoding_given_overrules(tmp_path: Path) -> None:
    path = layer(tmp_path, ["大田".encode("gb18030"), b"x"], cpg="GBK")
    table, frame = read(path, encoding="Big5")
    assert frame["DKMC"][0] == "大田".encode("gb18030").decode("big5")
    assert table.decisions[-1].confidence == "certain"
    table, frame = read(path, encoding="utf-8")
    assert "\ufffd" in frame["DKMC"][0]
    (note,) = table.load()[1]
    assert (note.what, note.rows, note.field) == ("text_lost", (1,), "DKMC")
    with pytest.raises(ParameterError):
        read(path, encoding="klingon")


def test_half_characters_do_not_hide_the_encoding(tmp_path: Path) -> None:
    for codec in ("utf-8", "gb18030"):
        values = ["梯田梯田梯田梯田梯田a梯田梯田梯田".encode(codec), "水田".encode(codec)]
        table, frame = read(layer(tmp_path, values))
        assert table.encoding.lower() == codec
        assert frame["DKMC"][0] == values[0][:30].decode(codec, "ignore")
    assert notes(layer(tmp_path, values))["text_cut"] == (1,)


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_chinese_field_names(tmp_path: Path, codec: str) -> None:
    """GDAL refuses the file for the half character at the end of a name of 10 bytes."""
    path = points(tmp_path / "DK.shp", 1)
    raw = "地块编码名称".encode(codec)[:10]
    write_dbf(path.with_suffix(".dbf"), [(raw, b"C", 20, 0)], [[b"5304282032020200001"]])
    table, frame = read(path)
    assert table.columns == (raw.decode(codec, "ignore"),)
    assert frame.iloc[0, 0] == "5304282032020200001"


def test_real_files(shared_data: Path) -> None:
    texts = {"gbk": "简体国语", "gb2312": "简体国语", "big5": "繁體國語", "cpg_big5": "國語"}
    for name, text in texts.items():
        table, frame = read(shared_data / "encoding" / f"test_data_dbf_{name}.dbf")
        assert frame["NAME"].tolist() == [text]
        assert table.encoding == ("Big5" if "big5" in name else "GB18030")
        assert table.geometry == ("Point" if name == "cpg_big5" else None)


def test_deleted_rows(tmp_path: Path) -> None:
    path = points(tmp_path / "DK.shp", 3)
    rows = [[b"1"], [b"2"], [b"3"]]
    write_dbf(path.with_suffix(".dbf"), [(b"N", b"N", 3, 0)], rows, deleted=[2])
    (table,) = open_shapefile(path, Options())
    frame, _ = table.load()
    assert table.rows == 2 and frame["N"].tolist() == [1, 3]
    assert frame.geometry.x.tolist() == [0, 2]
    assert notes(path)["rows_deleted"] == (2,)


def test_null_shapes_stay(tmp_path: Path) -> None:
    content = [struct.pack("<idd", 1, 5, 6), struct.pack("<i", 0)]
    path = write_shp(tmp_path / "DK.shp", 1, content)
    write_dbf(path.with_suffix(".dbf"), [(b"N", b"N", 3, 0)], [[b"1"], [b"2"]])
    (table,) = open_shapefile(path, Options())
    frame, said = table.load()
    assert frame.geometry.isna().tolist() == [False, True] and not said


def test_z_is_read_and_m_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "DK.shp"
    write_dbf(path.with_suffix(".dbf"), [(b"N", b"N", 3, 0)], [[b"1"]])
    write_shp(path, 11, [struct.pack("<i4d", 11, 1, 2, 3, 4)])
    (table,) = open_shapefile(path, Options())
    frame, said = table.load()
    assert table.geometry == "Point Z" and frame.geometry[0].z == 3
    assert [(n.what, n.count) for n in said] == [("m_dropped", 1)]


def test_a_geometry_column_has_a_free_name(tmp_path: Path) -> None:
    path = points(tmp_path / "DK.shp", 1)
    write_dbf(path.with_suffix(".dbf"), [(b"geometry", b"C", 3, 0)], [[b"a"]])
    assert read(path)[0].columns == ("geometry",)


def test_no_fields_and_no_rows(tmp_path: Path) -> None:
    path = points(tmp_path / "DK.shp", 0)
    write_dbf(path.with_suffix(".dbf"), [(b"N", b"N", 3, 0)], [])
    assert read(path)[0].rows == 0
    points(path, 2)
    write_dbf(path.with_suffix(".dbf"), [], [[], []])
    assert read(path)[0].columns == ()


# Parts


def test_missing_index_is_made_up(shapefile: Path) -> None:
    shapefile.with_suffix(".shx").unlink()
    before = sorted(shapefile.parent.iterdir())
    (table,) = open_shapefile(shapefile, Options())
    frame, _ = table.load()
    assert frame.geometry.area.tolist() == [1, 1, 1] and "index_rebuilt" in notes(shapefile)
    assert sorted(shapefile.parent.iterdir()) == before
    data = bytearray(shapefile.read_bytes())
    data[104:108] = (7).to_bytes(4, "big")
    shapefile.write_bytes(data)
    with pytest.raises(SourceError, match="cannot be rebuilt after shape 1"):
        open_shapefile(shapefile, Options())


def test_parts_in_any_case(tmp_path: Path) -> None:
    path = layer(tmp_path, ["大田".encode("gb18030")], cpg="GBK")
    for suffix in (".shp", ".dbf", ".shx", ".cpg"):
        path.with_suffix(suffix).rename(path.with_suffix(suffix.upper()))
    table, frame = read(path.with_suffix(".SHP"))
    assert frame["DKMC"].tolist() == ["大田"] and "DK.CPG" in table.decisions[-1].en
    assert read(path.with_suffix(".DBF"))[0].geometry == "Point"


def test_a_part_given_as_source(tmp_path: Path) -> None:
    path = layer(tmp_path, [b"x"], cpg="GBK")
    assert read(path.with_suffix(".dbf"))[0].geometry == "Point"
    for suffix in (".shx", ".cpg", ".prj"):
        with pytest.raises(SourceError, match=r"Give the \.shp"):
            open_shapefile(path.with_suffix(suffix), Options())
    path.unlink()
    table, frame = read(path.with_suffix(".dbf"))
    assert table.geometry is None and table.crs is None and frame["DKMC"].tolist() == ["x"]


ARCGIS = (
    'PROJCS["CGCS2000_3_Degree_GK_Zone_34",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],'
    'PARAMETER["False_Easting",34500000.0],PARAMETER["False_Northing",0.0],'
    'PARAMETER["Central_Meridian",102.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


def test_prj(shapefile: Path) -> None:
    prj = shapefile.with_suffix(".prj")
    (table,) = open_shapefile(shapefile, Options())
    assert table.crs == CRS.from_epsg(4543) == pyogrio.read_dataframe(shapefile).crs
    prj.write_text(ARCGIS)
    (table,) = open_shapefile(shapefile, Options())
    assert table.crs == CRS.from_epsg(4522) == pyogrio.read_dataframe(shapefile).crs
    assert table.load()[0].crs == table.crs
    for junk in (b"", b"junk", b"\xff\xfe\0\0", b"PROJCS[", ARCGIS[:200].encode(), b"9" * 40):
        prj.write_bytes(junk)
        (table,) = open_shapefile(shapefile, Options())
        assert table.crs is None and "crs_unreadable" in notes(shapefile)
        assert table.load()[0].geometry.area.tolist() == [1, 1, 1]
    prj.unlink()
    (table,) = open_shapefile(shapefile, Options())
    assert table.crs is None and not table.notes


# Wholeness


@pytest.fixture
def shapefile(tmp_path: Path) -> Path:
    boxes = [shapely.box(i, 0, i + 1, 1) for i in range(3)]
    gpd.GeoDataFrame({"DKBM": ["a", "b", "c"]}, geometry=boxes, crs=4543).to_file(
        tmp_path / "DK.shp"
    )
    return tmp_path / "DK.shp"


def test_whole(shapefile: Path) -> None:
    (table,) = open_shapefile(shapefile, Options())
    assert table.rows == 3


def test_empty_layer_is_whole(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"DKBM": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4543)
    frame.iloc[:0].to_file(tmp_path / "DK.shp", geometry_type="Polygon")
    (table,) = open_shapefile(tmp_path / "DK.shp", Options())
    assert table.rows == 0


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def lie_about_length(path: Path) -> None:
    data = bytearray(path.read_bytes())[:-20]
    data[24:28] = (len(data) // 2).to_bytes(4, "big")
    path.write_bytes(bytes(data))


def other_record_length(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[104:108] = (7).to_bytes(4, "big")
    path.write_bytes(bytes(data))


def fewer_rows(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(4) + data[8:])


@pytest.mark.parametrize(
    ("suffix", "damage", "says"),
    [
        (".shp", cut, "bytes, its header says"),
        (".shx", cut, "bytes, its header says"),
        (".shp", lie_about_length, "shape 3 reaches past the end"),
        (".shx", lie_about_length, "its last entry is not whole"),
        (".shp", other_record_length, "shape 1 does not agree with the index"),
        (".shp", lambda p: p.write_bytes(b"PK" + bytes(200)), "does not begin as a shapefile"),
        (".shx", lambda p: p.write_bytes(b""), "does not begin as a shapefile"),
        (".dbf", Path.unlink, "its .dbf file is missing"),
        (".dbf", fewer_rows, "the .dbf has 0 rows"),
        (".dbf", cut, "rows, it has"),
    ],
)
def test_damage_is_named(
    shapefile: Path, suffix: str, damage: Callable[[Path], object], says: str
) -> None:
    damage(shapefile.with_suffix(suffix))
    with pytest.raises(SourceError) as error:
        open_shapefile(shapefile, Options())
    assert says in error.value.en
    assert "请" in error.value.zh


@pytest.mark.parametrize(("at", "value"), [(108, 1), (108, 77), (144, 9999), (144, 0), (148, 9999)])
def test_a_damaged_shape_is_named(shapefile: Path, at: int, value: int) -> None:
    """Another type, too many parts or points: GDAL gives a wrong shape or none, and is silent."""
    data = bytearray(shapefile.read_bytes())
    data[at : at + 4] = value.to_bytes(4, "little")
    shapefile.write_bytes(bytes(data))
    (table,) = open_shapefile(shapefile, Options())
    frame, said = table.load()
    assert frame.geometry.isna().tolist() == [True, False, False]
    assert [(n.what, n.rows, n.severity) for n in said] == [("shape_unreadable", (1,), "error")]


def test_real_corrupt_file(shared_data: Path) -> None:
    with pytest.raises(SourceError, match="1145 bytes, its header says 1144"):
        open_shapefile(shared_data / "geometry" / "corrupt_too_long.shp", Options())


# Mutants


def mutant(data: bytes, rng: random.Random) -> bytes:
    mutated = bytearray(data)
    for _ in range(rng.choice((1, 2, 4, 16))):
        at = rng.randrange(len(mutated) + 1)
        change = rng.randrange(6)
        if change < 3 and at < len(mutated):
            mutated[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif change == 3:
            mutated[at : at + 4] = rng.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4)))
        elif change == 4:
            del mutated[at : at + rng.randrange(1, 40)]
        else:
            mutated[at:at] = rng.randbytes(rng.randrange(1, 40))
    return bytes(mutated)


def test_300_mutants(tmp_path: Path) -> None:
    """Each is read whole, or refused with a message; the source is never changed."""
    path = tmp_path / "DK.shp"
    ring = [(0, 0), (0, 4), (4, 4), (4, 0)]
    shapes = [shapely.Polygon(ring, [[(1, 1), (2, 1), (2, 2)]]), None, shapely.box(5, 5, 6, 6)]
    gpd.GeoDataFrame({"x": [0] * 3}, geometry=shapes, crs=4543).to_file(path)
    fields = [
        (b"DKBM", b"N", 19, 0),
        ("地块名称".encode("gbk"), b"C", 11, 0),
        *((name, name, width, 0) for name, width in ((b"D", 8), (b"L", 1), (b"M", 10), (b"F", 9))),
    ]
    row = [b"5304282032020200001", "梯田大田水田".encode("gbk"), b"20240101", b"T", b"1", b"1.5"]
    write_dbf(path.with_suffix(".dbf"), fields, [row] * 3, deleted=[3])
    originals = {part: part.read_bytes() for part in sorted(tmp_path.iterdir())}
    outcomes = {True: 0, False: 0}
    for seed in range(300):
        rng = random.Random(seed)
        for part, data in originals.items():
            part.write_bytes(data)
        part = rng.choice(list(originals))
        data = bytearray(mutant(originals[part], rng))
        if part.suffix in (".shp", ".shx") and len(data) > 100 and rng.random() < 0.8:
            data[:4] = b"\0\0\x27\x0a"
            data[24:28] = (len(data) // 2).to_bytes(4, "big")
        part.write_bytes(data)
        if rng.random() < 0.1:
            path.with_suffix(".shx").unlink()
        if part.suffix != ".prj":  # PROJ takes its time
            path.with_suffix(".prj").unlink()
        before = {p: p.read_bytes() for p in sorted(tmp_path.iterdir())}
        try:
            read(path)
            outcomes[True] += 1
        except YuxiGisError as error:
            assert error.zh and error.en
            outcomes[False] += 1
        assert {p: p.read_bytes() for p in sorted(tmp_path.iterdir())} == before, seed
    assert min(outcomes.values()) > 50, outcomes
