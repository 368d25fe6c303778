"""Access databases and personal geodatabases: written byte by byte, and real ones."""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry import MultiPoint, MultiPolygon, Point, Polygon

import yuxi_gis.read.access as access
import yuxi_gis.read.access.pgeo as pgeo
from tests.read.jet_writer import (
    ACE12,
    ACE14,
    BOOL,
    BYTE,
    COMPLEX,
    DATE,
    DOUBLE,
    GUID,
    INT,
    JET3,
    JET4,
    LONG,
    MEMO,
    MONEY,
    NUMERIC,
    OLE,
    SINGLE,
    TEXT,
    Column,
    Deleted,
    Moved,
    Raw,
    Short,
    Table,
    columns,
    write,
)
from yuxi_gis.errors import SourceError, YuxiGisError
from yuxi_gis.read.access.rows import decode
from yuxi_gis.read.table import Note, Options, RawTable

VERSIONS = (JET3, JET4, ACE12, ACE14)
ENC = Options()
MEMO_TEXT = "调查记事：田埂以东。" * 600  # 6,000 characters, 12 kB
DAY = 42480.0  # 2016-04-20


def chinese() -> list[Table]:
    """A small 确权 database with known answers."""
    fbf = Table(
        "FBF",
        columns(("FBFBM", TEXT), ("FBFMC", TEXT), ("FBFDCRQ", DATE), ("FBFDCJS", MEMO)),
        [
            ("53040210020000", "红塔区研和街道一组", DAY, MEMO_TEXT),
            ("53040210020001", "矣氏村民小组", DAY + 0.354166666667, ""),
            ("53040210020002", None, None, None),
        ],
    )
    names = ("王秀英", "李 建国", "普㙍明", "")
    cbf = Table(
        "CBF",
        columns(("CBFBM", TEXT), ("CBFMC", TEXT), ("CBFCYSL", INT), ("YZ", BOOL), ("JE", MONEY)),
        [
            (f"5304021002000000{i:02}", names[i % 4], i if i % 5 else None, i % 2 == 0, i + 0.25)
            for i in range(20)
        ],
    )
    dk = Table(
        "CBDKXX",
        columns(("DKBM", TEXT), ("HTMJ", DOUBLE)),
        [(f"53040210020000{i:05}", i / 4) for i in range(5000)],
    )
    return [fbf, cbf, dk]


def save(tmp_path: Path, tables: list[Table], version: int = JET4, **kwargs: Any) -> Path:
    path = tmp_path / ("x.mdb" if version < ACE12 else "x.accdb")
    path.write_bytes(write(tables, version, **kwargs))
    return path


def load(path: Path, options: Options = ENC) -> tuple[dict[str, pd.DataFrame], list[Note]]:
    frames, notes = {}, []
    for table in access.open(path, options):
        frames[table.name], found = table.load()
        assert len(frames[table.name]) == table.rows
        names = [c for c in frames[table.name].columns if c != "geometry"]
        assert tuple(names) == table.columns
        assert list(frames[table.name].index) == list(range(table.rows))
        notes += [*table.notes, *found]
    return frames, notes


def words(notes: list[Note]) -> set[str]:
    return {note.what for note in notes}


@pytest.mark.parametrize("version", VERSIONS)
def test_chinese_database(tmp_path: Path, version: int) -> None:
    tables = chinese()
    if version == JET3:  # 㙍 is not in GBK
        tables[1].rows = [(a, (b or "").replace("㙍", "家"), *c) for a, b, *c in tables[1].rows]
    path = save(tmp_path, tables, version)
    frames, notes = load(path)
    assert not notes
    assert list(frames) == ["FBF", "CBF", "CBDKXX"]
    fbf, cbf, dk = frames.values()
    assert fbf["FBFBM"].tolist() == ["53040210020000", "53040210020001", "53040210020002"]
    assert fbf["FBFMC"].tolist()[:2] == ["红塔区研和街道一组", "矣氏村民小组"]
    assert fbf["FBFMC"].isna().tolist() == [False, False, True]
    assert fbf["FBFDCRQ"].tolist()[:2] == ["20160420", "2016-04-20T08:30:00"]
    assert fbf["FBFDCJS"][0] == MEMO_TEXT and fbf["FBFDCJS"][1] == ""
    assert fbf[["FBFDCRQ", "FBFDCJS"]].isna().to_numpy()[2].all()
    assert cbf["CBFMC"].tolist()[:3] == ["王秀英", "李 建国", "普㙍明" if version else "普家明"]
    assert cbf["CBFCYSL"].isna().tolist() == [i % 5 == 0 for i in range(20)]
    assert cbf["CBFCYSL"].dropna().tolist() == [i for i in range(20) if i % 5]
    assert cbf["YZ"].tolist() == [i % 2 == 0 for i in range(20)]
    assert cbf["JE"].tolist() == [i + 0.25 for i in range(20)]
    assert dk["DKBM"].tolist() == [f"53040210020000{i:05}" for i in range(5000)]
    assert dk["HTMJ"].tolist() == [i / 4 for i in range(5000)]
    assert isinstance(dk["DKBM"][0], str)


def test_decisions(tmp_path: Path) -> None:
    first = access.open(save(tmp_path, chinese()), ENC)[0]
    assert [(d.what, d.value, d.confidence) for d in first.decisions] == [
        ("format", "Access 2000-2003 (Jet 4)", "certain"),
        ("encoding", "UTF-16", "certain"),
    ]
    assert (first.rows, first.geometry, first.crs, first.encoding) == (3, None, None, "UTF-16")


# -- text ------------------------------------------------------------------------------------


def test_jet3_encoding_is_found_and_overruled(tmp_path: Path) -> None:
    table = Table("承包方", columns(("承包方名称", TEXT)), [("研和街道办事处王秀英",)] * 5)
    path = save(tmp_path, [table], JET3)
    (found,) = access.open(path, ENC)
    assert found.name == "承包方" and found.columns == ("承包方名称",)
    assert (found.encoding, found.decisions[1].confidence) == ("GB18030", "high")
    data = bytearray(path.read_bytes())
    data[0x3C] ^= 0x03A8 & 0xFF ^ 1252 & 0xFF  # an English Access: code page 1252
    data[0x3D] ^= 936 >> 8 ^ 1252 >> 8
    path.write_bytes(bytes(data))
    assert load(path)[0]["承包方"]["承包方名称"][0] == "研和街道办事处王秀英"
    (told,) = access.open(path, Options(encoding="Big5"))
    assert (told.encoding, told.decisions[1].confidence) == ("Big5", "certain")
    assert told.name != "承包方"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (b"\xff\xfeABC 110", "ABC 110"),
        (b"\xff\xfe2016\0" + "年".encode("utf-16-le") + b"\0" + b"4\0\x08g\0", "2016年4月"),
        (b"\xff\xfe\0" + "地块".encode("utf-16-le"), "地块"),
        (b"\xff\xfe\xe9\xb2", "é²"),  # no UTF-8
        (b"\xff\xfe\xc2\xb2", "Â²"),  # would be ² in UTF-8
        ("一二".encode("utf-16-le"), "一二"),  # U+4E00 has a zero byte
        ("𠮷".encode("utf-16-le"), "𠮷"),
        (b"\xff\xfe", ""),
    ],
)
def test_compressed_text(cell: bytes, text: str) -> None:
    assert decode(cell, None) == (text, True)


def compress(text: str) -> bytes:
    """As Access does it, for text of which no character has a zero as its low byte."""
    cell, narrow = b"\xff\xfe", True
    for character in text:
        if narrow != (ord(character) < 0x100):
            cell, narrow = cell + b"\0", not narrow
        cell += bytes([ord(character)]) if narrow else character.encode("utf-16-le")
    return cell


@given(st.text(st.characters(min_codepoint=1, max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_compressed_text_round_trip(text: str) -> None:
    text = "".join(c for c in text if ord(c) & 0xFF)
    assert decode(compress(text), None) == (text, True)
    assert decode(text.encode("utf-16-le"), None) == (text, True)


def test_text_that_cannot_be_decoded_is_told(tmp_path: Path) -> None:
    rows = [("好",), (Raw(b"\x00\xd8"),), (Raw("半".encode("utf-16-le") + b"\x34"),)]
    frames, notes = load(save(tmp_path, [Table("T", columns(("名{0}", TEXT)), rows)]))
    assert frames["T"]["名{0}"].tolist() == ["好", "\ufffd", "半\ufffd"]
    (note,) = notes
    assert (note.what, note.field, note.rows) == ("text_damaged", "名{0}", (2, 3))
    assert "名{0}" in note.zh and note.severity == "error"


# -- rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_deleted_moved_and_short_rows(tmp_path: Path, version: int) -> None:
    shape = columns(("A", TEXT), ("B", LONG), ("C", TEXT), ("D", BOOL))
    rows = [
        ("一", 1, "甲", True),
        Deleted(("删", 2, "乙", True)),
        Moved(("长" * 120, 3, "丙", False)),
        Short(("短", 4), columns=2),
        Short(("旧",), columns=1),
    ]
    frames, notes = load(save(tmp_path, [Table("T", shape, rows)], version))
    assert not notes
    table = frames["T"]
    assert table["A"].tolist() == ["一", "长" * 120, "短", "旧"]
    assert table["B"].isna().tolist() == [False, False, False, True]
    assert table["B"].tolist()[:3] == [1, 3, 4]
    assert table["C"].tolist()[:2] == ["甲", "丙"] and table["C"].isna().tolist()[2:] == [True] * 2
    assert table["D"].tolist() == [True, False, False, False]


def test_deleted_columns_shift_nothing(tmp_path: Path) -> None:
    # Access keeps the numbers of the columns when one before them is deleted.
    shape = [Column("A", TEXT, 1), Column("B", BOOL, 4), Column("C", TEXT, 9)]
    frames, _ = load(save(tmp_path, [Table("T", shape, [("甲", True, None), (None, False, "乙")])]))
    assert frames["T"]["A"].isna().tolist() == [False, True]
    assert frames["T"]["B"].tolist() == [True, False]
    assert frames["T"]["C"].isna().tolist() == [True, False]


def test_empty_table(tmp_path: Path) -> None:
    frames, notes = load(save(tmp_path, [Table("T", columns(("A", TEXT), ("B", DATE)), [])]))
    assert frames["T"].shape == (0, 2) and not notes


def test_row_count_mismatch_is_told(tmp_path: Path) -> None:
    table = Table("T", columns(("A", TEXT)), [("甲",)] * 3, declared=5)
    frames, (note,) = load(save(tmp_path, [table]))
    assert len(frames["T"]) == 3
    assert (note.what, note.count) == ("row_count", 2)
    assert "5" in note.zh and "3" in note.zh


def test_lost_page_is_told(tmp_path: Path) -> None:
    path = save(tmp_path, [chinese()[2]])
    data = path.read_bytes()
    whole = load(path)[0]["CBDKXX"]
    broken = bytearray(data)
    places = [p for p in range(0, len(data), 4096) if data[p : p + 2] == b"\1\1"]
    broken[places[20] : places[20] + 4096] = bytes(4096)
    path.write_bytes(bytes(broken))
    frames, notes = load(path)
    assert 0 < len(frames["CBDKXX"]) < len(whole) and "row_count" in words(notes)


@pytest.mark.parametrize("version", (JET3, JET4))
def test_long_values(tmp_path: Path, version: int) -> None:
    contents = ["", "短", "段" * 500, "篇" * 9000]
    blobs = [b"", b"\x01\x00\xff", bytes(range(256)) * 5, os.urandom(20_000)]
    shape = columns(("M", MEMO), ("O", OLE))
    rows = [*zip(contents, blobs, strict=True), (None, None)]
    frames, notes = load(save(tmp_path, [Table("T", shape, rows)], version))
    assert not notes
    assert frames["T"]["M"].tolist()[:4] == contents
    assert frames["T"]["O"].tolist() == [*blobs, None]


def test_memo_chain_without_end(tmp_path: Path) -> None:
    long = struct.pack("<III", 0x3FFFFFFF, 0, 0)
    rows = [(Raw(long[:4] + struct.pack("<II", p << 8, 0)),) for p in range(40)] + [("好",)]
    path = save(tmp_path, [Table("T", columns(("M", MEMO)), rows)])
    data = bytearray(path.read_bytes())
    loop = len(data) // 4096
    page = bytearray(4096)
    page[:16] = struct.pack("<HHIIHH", 0x0101, 0, 0x4C41564C, 0, 1, 4000)
    page[4000:4004] = struct.pack("<I", loop << 8)
    path.write_bytes(bytes(data + page))
    rows[0] = (Raw(long[:4] + struct.pack("<II", loop << 8, 0)),)
    start = time.perf_counter()
    frames, notes = load(path)
    assert time.perf_counter() - start < 5
    assert frames["T"]["M"].tolist()[-1] == "好"
    (note,) = [note for note in notes if note.what == "memo_damaged"]
    assert note.field == "M" and note.count >= 39


def test_damaged_row_is_kept_and_told(tmp_path: Path) -> None:
    path = save(tmp_path, [Table("T", columns(("A", TEXT)), [("甲",), ("乙乙",), ("丙",)])])
    data = bytearray(path.read_bytes())
    place = data.find("乙乙".encode("utf-16-le"))
    data[place + 4 : place + 6] = b"\xff\xff"  # where the cell ends
    path.write_bytes(bytes(data))
    frames, notes = load(path)
    assert frames["T"]["A"].isna().tolist() == [False, True, False]
    (note,) = notes
    assert (note.what, note.rows, note.severity) == ("row_damaged", (2,), "error")


# -- values ----------------------------------------------------------------------------------


def test_numbers(tmp_path: Path) -> None:
    code, tiny = 5304021002000100001, 12345678901234567891
    shape = [
        Column("字节", BYTE),
        Column("整", LONG),
        Column("单", SINGLE),
        Column("货币", MONEY),
        Column("编码", NUMERIC, scale=0),
        Column("面积", NUMERIC, scale=2),
        Column("高精", NUMERIC, scale=19),
        Column("标识", GUID),
        Column("附件", COMPLEX),
        Column("计算", DOUBLE, flags=0xC0),
    ]
    guid = bytes(range(16))
    rows = [
        (200, -7, 0.1, -1.2345, code, -100005, tiny, guid, 1, 1.0),
        (None, None, None, None, None, None, None, None, None, None),
    ]
    frames, notes = load(save(tmp_path, [Table("T", shape, rows)]))
    table = frames["T"]
    assert table["字节"][0] == 200 and table["整"][0] == -7
    assert table["单"].dtype == "float32" and table["单"][0] == np.float32(0.1)
    assert table["货币"][0] == -1.2345
    assert table["编码"][0] == code and str(table["编码"].dtype) == "Int64"
    assert table["面积"][0] == -1000.05
    assert table["高精"][0] == "1.2345678901234567891"
    assert table["标识"][0] == "{03020100-0504-0706-0809-0A0B0C0D0E0F}"
    assert table.iloc[1].isna().all()
    assert {(n.what, n.field) for n in notes} == {
        ("number_as_text", "高精"),
        ("field_unread", "附件"),
        ("field_unread", "计算"),
    }


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (DAY, "20160420"),
        (DAY + 0.5, "2016-04-20T12:00:00"),
        (DAY + 86399 / 86400, "2016-04-20T23:59:59"),
        (0.0, "18991230"),
        (0.25, "1899-12-30T06:00:00"),
        (-1.25, "1899-12-29T06:00:00"),  # the fraction counts forward also before day zero
        (2958465.0, "99991231"),
        (float("nan"), None),
        (1e300, None),
        (-800_000.0, None),
    ],
)
def test_dates(tmp_path: Path, days: float, text: str | None) -> None:
    frames, notes = load(save(tmp_path, [Table("T", columns(("D", DATE)), [(days,)])]))
    assert frames["T"]["D"].astype(object).where(frames["T"]["D"].notna(), None)[0] == text
    assert words(notes) == (set() if text else {"value_damaged"})


# -- what is not read, and what is refused --------------------------------------------------------


def test_links_and_system_tables(tmp_path: Path) -> None:
    own = Table("CBF", columns(("A", TEXT)), [("甲",)])
    link = Table("FBF", [], [], kind=6, database="Z:\\数据\\权属.mdb")
    server = Table("DK", [], [], kind=4, database="DSN=x;PWD=geheim")
    hidden = [
        Table(name, columns(("A", TEXT)), [("x",)], flags=flags)
        for name, flags in (("MSysACEs", -0x80000000), ("~TMPCLP1", 0), ("USysRibbons", 0))
    ]
    path = save(tmp_path, [link, *hidden, own, server])
    frames, notes = load(path)
    assert list(frames) == ["CBF"]
    assert [note.what for note in notes] == ["table_linked"] * 2
    assert "FBF" in notes[0].zh and "权属.mdb" in notes[0].zh and "Z:" not in notes[0].zh
    assert "geheim" not in notes[1].zh + notes[1].en
    with pytest.raises(SourceError, match=r"no table of its own.*FBF"):
        access.open(save(tmp_path, [link]), ENC)


def test_unreadable_table_is_told(tmp_path: Path) -> None:
    path = save(tmp_path, [Table(n, columns(("A", TEXT)), [("甲",)]) for n in ("好", "坏")])
    data = bytearray(path.read_bytes())
    pages = [p for p in range(0, len(data), 4096) if data[p] == 2 and p != 2 * 4096]
    data[pages[1]] = 9
    path.write_bytes(bytes(data))
    frames, notes = load(path)
    assert list(frames) == ["好"]
    assert [(n.what, "坏" in n.zh) for n in notes] == [("table_unreadable", True)]


@pytest.mark.parametrize(
    ("content", "zh"),
    [
        (b"", "不是 Access"),
        (b"SQLite format 3\0" + bytes(5000), "不是 Access"),
        (b"PK\x03\x04" + bytes(5000), "不是 Access"),
        (b"\0\1\0\0Standard Jet DB\0\1", "已损坏"),
        (b"\0\1\0\0Standard ACE DB\0" + bytes(range(90, 130)) + bytes(30), "已"),
    ],
)
def test_not_access(tmp_path: Path, content: bytes, zh: str) -> None:
    path = tmp_path / "x.mdb"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        access.open(path, ENC)
    assert zh in caught.value.zh and "x.mdb" in caught.value.zh


def test_encrypted(tmp_path: Path) -> None:
    path = save(tmp_path, chinese())
    data = bytearray(path.read_bytes())
    data[0x3F] ^= 0x5A  # the key of the pages
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match=r"encrypted.*password"):
        access.open(path, ENC)


# -- personal geodatabase ----------------------------------------------------------------------

OUTER = [(0, 0), (0, 10), (10, 10), (10, 0), (0, 0)]  # clockwise, as ESRI has shells
HOLE = [(2, 2), (4, 2), (4, 4), (2, 4), (2, 2)]
FAR = [(20, 0), (20, 5), (25, 5), (25, 0), (20, 0)]


def buffer(code: int, *rings: Any, z: bool = False, m: bool = False, tail: bytes = b"") -> bytes:
    """An extended shape buffer of lines or rings."""
    points = np.concatenate([np.array(ring, "<f8") for ring in rings])
    starts = np.cumsum([0, *map(len, rings[:-1])]).astype("<i4")
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    head = struct.pack("<I", code) + box.tobytes() + struct.pack("<2I", len(rings), len(points))
    extra = bytes(16) + np.arange(len(points)).astype("<f8").tobytes()
    return head + starts.tobytes() + points.tobytes() + extra * (z + m) + tail


HOLED, PARTS = Polygon(OUTER, [HOLE]), MultiPolygon([Polygon(OUTER), Polygon(FAR)])
SHAPES: list[tuple[str, bytes | None, Any, set[str]]] = [
    ("面", buffer(5, OUTER), Polygon(OUTER), set()),
    ("带洞", buffer(5, OUTER, HOLE), HOLED, set()),
    ("多部件", buffer(5, OUTER, FAR), PARTS, set()),
    ("Z", buffer(19, OUTER, HOLE, z=True), HOLED, {"z_dropped"}),
    ("ZM", buffer(15, OUTER, FAR, z=True, m=True), PARTS, {"z_dropped", "m_dropped"}),
    ("通用", buffer(51, OUTER), Polygon(OUTER), set()),
    ("通用Z", buffer(51 | 1 << 31, OUTER, z=True), Polygon(OUTER), {"z_dropped"}),
    ("无弧", buffer(51 | 1 << 29, OUTER, tail=bytes(4)), Polygon(OUTER), set()),
    ("弧", buffer(51 | 1 << 29, OUTER, tail=struct.pack("<I", 1)), None, {"curves_unread"}),
    ("线", buffer(3, OUTER[:3]), shapely.LineString(OUTER[:3]), set()),
    ("点", struct.pack("<I2d", 1, 3, 4), Point(3, 4), set()),
    ("点Z", struct.pack("<I3d", 9, 3, 4, 5), Point(3, 4), {"z_dropped"}),
    (
        "多点",
        struct.pack("<I4dI4d", 8, 0, 0, 1, 1, 2, 0, 0, 1, 1),
        MultiPoint([(0, 0), (1, 1)]),
        set(),
    ),
    ("空点", struct.pack("<I2d", 1, np.nan, np.nan), None, set()),
    ("空", struct.pack("<I", 0), None, set()),
    ("缺", None, None, set()),
    ("多面体", struct.pack("<I", 32) + bytes(60), None, {"multipatch_unread"}),
    ("断", buffer(5, OUTER)[:-20], None, {"geometry_unreadable"}),
    ("谎", struct.pack("<I4d2I", 5, 0, 0, 1, 1, 1, 2**31), None, {"geometry_unreadable"}),
    ("怪", struct.pack("<I", 77) + bytes(60), None, {"geometry_unreadable"}),
    ("未闭", buffer(5, OUTER[:-1]), None, {"geometry_unreadable"}),
    ("非数", buffer(5, [(0, 0), (0, np.inf), (1, 1), (0, 0)]), None, {"geometry_unreadable"}),
]


@pytest.mark.parametrize(("name", "blob", "expected", "said"), SHAPES)
def test_shape_buffers(name: str, blob: bytes | None, expected: Any, said: set[str]) -> None:
    (shape,), notes = pgeo.shapes([blob])
    assert (shape is None) == (expected is None), name
    assert expected is None or shapely.equals(shape, expected)
    assert expected is None or shape.geom_type == expected.geom_type
    assert words(list(notes)) == said


def geodatabase(crs: str) -> list[Table]:
    listed = columns(("TableName", TEXT), ("FieldName", TEXT), ("ShapeType", LONG), ("SRID", LONG))
    shapes = [(name, 1.5, blob) for name, blob, *_ in SHAPES]
    return [
        Table("GDB_GeomColumns", listed, [("DK", "SHAPE", 4, 3)]),
        Table("GDB_SpatialRefs", columns(("SRID", LONG), ("SRTEXT", MEMO)), [(3, crs)]),
        Table("DK_SHAPE_Index", columns(("IndexedObjectId", LONG)), [(1,)]),
        Table("SelectedObjects", columns(("SelectionID", LONG)), []),
        Table("DK", columns(("DKMC", TEXT), ("SHAPE_Area", DOUBLE), ("Shape", OLE)), shapes),
        Table("CBF", columns(("CBFBM", TEXT)), [("530402",)]),
    ]


def test_personal_geodatabase(tmp_path: Path) -> None:
    text = CRS.from_epsg(4543).to_wkt("WKT1_ESRI")
    path = save(tmp_path, geodatabase(text))
    dk, cbf = access.open(path, ENC)
    assert (dk.name, dk.columns) == ("DK", ("DKMC", "SHAPE_Area"))
    assert dk.geometry == "MultiPolygon" and cbf.geometry is None
    assert dk.crs is not None and dk.crs.to_epsg() == 4543
    frame, notes = dk.load()
    assert isinstance(frame, gpd.GeoDataFrame) and frame.crs == dk.crs
    assert frame["DKMC"].tolist() == [name for name, *_ in SHAPES]
    for shape, (name, _, expected, _) in zip(frame.geometry, SHAPES, strict=True):
        assert (shape is None and expected is None) or shapely.equals(shape, expected), name
    by_word = {note.what: note for note in notes}
    assert by_word["curves_unread"].rows == (9,) and "File GDB" in by_word["curves_unread"].zh
    assert by_word["z_dropped"].count == 4
    assert by_word["geometry_unreadable"].count == 5


@pytest.mark.parametrize(("text", "said"), [("UNKNOWN", set()), ("PROJCS[…", {"crs_unknown"})])
def test_personal_geodatabase_without_crs(tmp_path: Path, text: str, said: set[str]) -> None:
    dk, _ = access.open(save(tmp_path, geodatabase(text)), ENC)
    assert dk.crs is None and words(list(dk.notes)) == said


# -- hostile bytes -------------------------------------------------------------------------------


def read_all(path: Path) -> None:
    try:
        tables: list[RawTable] = access.open(path, ENC)
    except YuxiGisError as error:
        assert error.zh and "\n" not in error.zh
        return
    for table in tables:
        try:
            table.load()
        except YuxiGisError as error:
            assert error.zh


def mutant(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    page = 4096
    # Where structure is: heads of pages, and the records at their ends.
    for _ in range(rng.choice((1, 3, 20))):
        start = rng.randrange(len(data) // page) * page
        place = start + rng.choice(
            (rng.randrange(64), rng.randrange(page), page - 1 - rng.randrange(200))
        )
        changed[place] = rng.choice((0, 1, 0x40, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    if rng.random() < 0.2:
        del changed[rng.randrange(len(changed)) :]
    return bytes(changed)


@pytest.mark.parametrize("version", (JET3, JET4, ACE14))
def test_mutants(tmp_path: Path, version: int) -> None:
    tables = chinese()
    tables[1].rows = [(a, (b or "").replace("㙍", "家"), *c) for a, b, *c in tables[1].rows]
    tables[2].rows = list(tables[2].rows)[:300]
    tables += geodatabase("UNKNOWN")
    data = write(tables, version)
    rng = random.Random(version)
    path = tmp_path / "mutant.mdb"
    start = time.perf_counter()
    for _ in range(100):
        path.write_bytes(mutant(data, rng))
        read_all(path)
    assert time.perf_counter() - start < 60


# -- other readers, other writers ---------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("mdb-export"), reason="mdbtools is not installed")
@pytest.mark.parametrize("version", VERSIONS)
def test_mdbtools_reads_the_same(tmp_path: Path, version: int) -> None:
    tables = chinese()
    tables[1].rows = [(a, (b or "").replace("㙍", "家"), *c) for a, b, *c in tables[1].rows]
    path = save(tmp_path, tables, version)
    frames, _ = load(path)
    env = os.environ | {"MDB_JET3_CHARSET": "CP936", "LC_ALL": "C.UTF-8"}
    for name, frame in frames.items():
        done = subprocess.run(["mdb-export", path, name], capture_output=True, env=env, check=True)
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8"))))
        assert len(rows) == len(frame)
        for column in ("FBFBM", "FBFMC", "FBFDCJS", "CBFBM", "CBFMC", "DKBM"):
            if column in frame:
                assert [row[column] for row in rows] == frame[column].fillna("").tolist()
        if "HTMJ" in frame:
            assert [float(row["HTMJ"]) for row in rows] == frame["HTMJ"].tolist()


@pytest.fixture(scope="module")
def real() -> Path:
    """Databases that Microsoft Access wrote; not everybody has them."""
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / "access"
    if not path.is_dir():
        pytest.skip(f"real Access files are not at {path}")
    return path


def test_real_deleted_column(real: Path) -> None:
    frames, notes = load(real / "delColV2000.mdb")
    assert not notes
    assert frames["Table1"]["data2"].tolist() == ["foo2", "bar2"]


@pytest.mark.parametrize("name", ["overflowV1997.mdb", "overflowV2000.mdb", "overflowV2010.accdb"])
def test_real_moved_rows(real: Path, name: str) -> None:
    frames, notes = load(real / name)
    assert not notes
    assert frames["Table1"]["data1"].tolist()[:2] == ["row1col1", "row2col1"]
    assert len(frames["Table1"]) == 7


def test_real_compressed_text(real: Path) -> None:
    frames, notes = load(real / "unicodeCompV2003.mdb")
    assert not notes
    text = frames["Table"]["Unicode"].tolist()
    assert text[:5] == [
        "only ascii chars",
        "ääkkösiä",
        "Мир",
        "\u03f0\u03b1\u1f76 \u03c4\u1f79\u03c4' \u1f10\u03b3\u1f7c "  # Greek with oxia
        "\u039a\u1f7b\u03f0\u03bb\u03c9\u03c0\u03b1",
        "漢字仮名交じり文",
    ]
    assert [len(value) for value in text[5:]] == [16, 6, 255]


def test_real_2010(real: Path) -> None:
    frames, notes = load(real / "common1V2010.accdb")
    table = frames["Table1"]
    assert not notes
    assert table["A"].tolist() == ["a", "abcdefg"]
    assert table["G"].tolist()[1] == "19740921"


def test_real_links(real: Path) -> None:
    frames, notes = load(real / "linkedV2007.accdb")
    assert list(frames) == ["Table1"]
    assert [(n.what, "linkeeTest.accdb" in n.en) for n in notes] == [("table_linked", True)]


@pytest.mark.parametrize(
    "name", ["db97-enc.mdb", "db-enc.mdb", "db2007-enc.accdb", "db2013-enc.accdb"]
)
def test_real_encrypted(real: Path, name: str) -> None:
    with pytest.raises(SourceError, match="encrypted"):
        access.open(real / name, ENC)


@pytest.mark.parametrize("name", ["queren_V2000.mdb", "queren_V2010.accdb"])
def test_chinese_written_by_jackcess(tmp_path: Path, name: str) -> None:
    shutil.unpack_archive(Path(__file__).parent / "data" / f"{name}.zip", tmp_path)
    frames, notes = load(tmp_path / name)
    assert not notes
    assert {k: len(v) for k, v in frames.items()} == {
        "FBF": 3, "CBF": 20, "CBF_JTCY": 60, "CBHT": 20, "CBDKXX": 4900,
    }  # fmt: skip
    assert frames["FBF"]["FBFDCJS"][0] == "调查记事。" * 1500
    assert frames["CBHT"]["BH"].tolist()[1] == 5304021002000100001
    assert frames["CBHT"]["HTZMJ"].tolist()[0] == -1000.05
    assert frames["CBHT"]["FJ"][3] == bytes(i % 251 for i in range(9000))
    assert frames["CBDKXX"]["DKBM"][0] == "5304021002000000001"
    assert frames["CBF"]["CBFMC"][0] == "改名后很长的名字" + "长" * 40
    assert frames["CBF"]["CBFMC"][8] == "𠮷野"
