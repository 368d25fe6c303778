"""What files declare of their fields, and text that was garbled before it came here."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from yuxi_gis.read import read_layer
from yuxi_gis.read.declared import of_arrow, of_vct
from yuxi_gis.read.garbled import garbled
from yuxi_gis.read.table import Declared
from yuxi_gis.read.vct.sections import Field, Section, read_fields
from yuxi_gis.regions import region_names

from .test_dbf import write_dbf

CODE = "5304020010010000001"


def parcels(**columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[box(5e5, 27e5, 500100, 2700100)], crs=4543)


def test_a_dbf_declares_types_and_widths_under_the_official_names(tmp_path: Path) -> None:
    fields = [
        (b"dkbm", b"C", 19, 0),
        (b"SCMJ", b"N", 15, 2),
        (b"BSM", b"N", 10, 0),
        (b"X", b"D", 8, 0),
        (b"OK", b"L", 1, 0),
    ]
    path = write_dbf(tmp_path / "DK.dbf", fields, [[CODE.encode(), b"1.50", b"1", b"", b"T"]])
    assert read_layer(path, "farmland").attrs["declared"] == {
        "DKBM": {"type": "text", "width": 19},
        "SCMJ": {"type": "number", "width": None},
        "BSM": {"type": "integer", "width": None},
        "X": {"type": "date", "width": None},
        "OK": {"type": "logical", "width": None},
    }


def test_a_geopackage_declares_the_width_of_text(tmp_path: Path) -> None:
    path = tmp_path / "DK.gpkg"
    parcels(DKBM=[CODE], SCMJ=[1.5], DKMC=["大田"], BSM=[7]).to_file(path, layer="D'K")
    with sqlite3.connect(path) as database:
        database.execute("""ALTER TABLE "D'K" ADD COLUMN DKLB TEXT(2)""")
    told = read_layer(path, "D'K").attrs["declared"]
    assert told["DKLB"] == {"type": "text", "width": 2}
    assert told["DKMC"] == {"type": "text", "width": None}
    assert (told["SCMJ"]["type"], told["BSM"]["type"]) == ("number", "integer")


def test_text_formats_declare_nothing(tmp_path: Path) -> None:
    parcels(DKBM=[CODE]).to_file(tmp_path / "DK.geojson", driver="GeoJSON")
    (tmp_path / "CBF.csv").write_text("CBFBM,CBFMC\n530402001001010001,甲\n", encoding="utf-8")
    assert read_layer(tmp_path / "DK.geojson").attrs["declared"] == {}
    assert read_layer(tmp_path / "CBF.csv").attrs["declared"] == {}


def test_vct_and_arrow() -> None:
    lines = [b"DK,4", b"DKBM,Char,19", b"BSM,Int4,10", b"SCMJ,Float,15,2", b"FJ,Varbin"]
    section = Section("tablestructure", lines, np.arange(5))
    fields, _ = read_fields(section, ",", "gbk")
    assert fields["DK"][0] == Field("DKBM", "char", 19)
    assert of_vct(["DKBM", "BSM", "SCMJ", "FJ"], fields["DK"]) == {
        "DKBM": Declared("text", 19),
        "BSM": Declared("integer"),
        "SCMJ": Declared("number"),
        "FJ": Declared("binary"),
    }
    schema = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.list_(pa.int8()))])
    assert of_arrow(schema) == {"a": Declared("integer"), "b": Declared("text")}


# Garbled text ----------------------------------------------------------------------------------

VILLAGES = sorted(set(region_names().values()))
PAIRS = st.tuples(st.integers(0xB0, 0xF7), st.integers(0xA1, 0xFE))


def verdict(texts: list[str]) -> str | None:
    found = garbled([("DKMC", pd.Series(texts, dtype="str"))])
    return None if found is None else found.what


@pytest.mark.parametrize(
    ("real", "taken_for", "what"),
    [
        ("utf-8", "gb18030", "utf8_as_gbk"),
        ("utf-8", "gbk", "utf8_as_gbk"),
        ("utf-8", "latin-1", "utf8_as_latin"),
        ("gb18030", "latin-1", "gbk_as_latin"),
        ("gb18030", "cp1252", "gbk_as_latin"),
        ("gb18030", "ascii", "lost"),
    ],
)
def test_wrong_encodings_are_told_by_the_names_of_villages(
    real: str, taken_for: str, what: str
) -> None:
    assert verdict([name.encode(real).decode(taken_for, "replace") for name in VILLAGES]) == what


def test_question_marks() -> None:
    assert verdict(["?" * len(name) for name in VILLAGES]) == "question"


def test_sound_text_is_sound() -> None:
    assert verdict(VILLAGES) is None
    assert verdict(["Größe", "Müller", "São José", "m²", "½", "Đất", "Čechy", "ÄÖÜ"] * 3) is None
    few = [*VILLAGES, "??", "澶х敯", "a�"]  # three of many: A21's
    assert verdict(few) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(PAIRS, min_size=2, max_size=6))
def test_no_name_of_characters_in_gb2312_is_taken_for_garbled(pairs: list[tuple[int, int]]) -> None:
    text = bytes(byte for pair in pairs for byte in pair).decode("gb2312", "ignore")
    others = [f"{name}{text}" for name in VILLAGES[:3]]
    assert verdict([text, *others, *VILLAGES[:60]]) is None
