"""The columns of .dbf files written byte by byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuxi_gis.errors import SourceError
from yuxi_gis.read.dbf import Dbf, decoded, field_names, open_dbf, partner, typed_column
from yuxi_gis.read.table import Note

Fields = Sequence[tuple[bytes, bytes, int, int]]


def write_dbf(
    path: Path,
    fields: Fields,
    rows: Sequence[Sequence[bytes]],
    *,
    language: int = 0,
    deleted: Sequence[int] = (),
    count: int | None = None,
) -> Path:
    """A .dbf of `fields` (name, type, width, decimals) and raw values, cut at the width."""
    width = 1 + sum(field[2] for field in fields)
    head = bytearray(32)
    head[:4] = bytes([3, 126, 1, 1])
    head[4:8] = (len(rows) if count is None else count).to_bytes(4, "little")
    head[8:10] = (33 + 32 * len(fields)).to_bytes(2, "little")
    head[10:12] = width.to_bytes(2, "little")
    head[29] = language
    for name, kind, size, decimals in fields:
        head += name[:11].ljust(11, b"\0") + kind + bytes(4) + bytes([size, decimals]) + bytes(14)
    body = b"".join(
        (b"*" if number in deleted else b" ")
        + b"".join(v[: f[2]].ljust(f[2]) for v, f in zip(row, fields, strict=True))
        for number, row in enumerate(rows, 1)
    )
    path.write_bytes(bytes(head) + b"\r" + body + b"\x1a")
    return path


def column(
    folder: Path, kind: bytes, width: int, values: list[bytes], encoding: str = "UTF-8", decimals=0
) -> tuple[pd.Series, tuple[Note, ...]]:
    path = write_dbf(folder / "t.dbf", [(b"X", kind, width, decimals)], [[v] for v in values])
    dbf = open_dbf(path)
    return typed_column(dbf, dbf.fields[0], "X", encoding)


def test_types(tmp_path: Path) -> None:
    values, notes = column(tmp_path, b"N", 9, [b"1", b"      -22", b"0"])
    assert values.dtype == "int32" and values.tolist() == [1, -22, 0] and not notes
    values, _ = column(tmp_path, b"N", 10, [b"1234567890"])
    assert values.dtype == "int64"
    values, _ = column(tmp_path, b"F", 19, [b"1.5", b"2.5e+003", b"-0.25"], decimals=11)
    assert values.tolist() == [1.5, 2500.0, -0.25]
    values, _ = column(tmp_path, b"L", 1, [b"T", b"y", b"F", b"n"])
    assert values.dtype == bool and values.tolist() == [True, True, False, False]
    values, _ = column(tmp_path, b"L", 1, [b"T", b"?", b" "])
    assert values.dtype == "boolean" and values.isna().tolist() == [False, True, True]
    values, _ = column(tmp_path, b"D", 8, [b"20240229", b"", b"00000000"])
    assert values.dtype == "datetime64[ms]"
    assert values[0] == pd.Timestamp(2024, 2, 29) and values.isna().tolist() == [False, True, True]


def test_a_blank_number_is_missing_not_zero(tmp_path: Path) -> None:
    values, notes = column(tmp_path, b"N", 5, [b"", b"0", b"\0\0\0\0\0"])
    assert values.isna().tolist() == [True, False, True] and values[1] == 0 and not notes


def test_numbers_of_19_digits_are_kept_as_text(tmp_path: Path) -> None:
    codes = [b"5304282032020200001", b"", b" 530428203202020002"]
    values, notes = column(tmp_path, b"N", 19, codes)
    assert values.fillna("").tolist() == ["5304282032020200001", "", "530428203202020002"]
    assert [(n.what, n.count, n.rows, n.field) for n in notes] == [("digits_kept", 2, (1, 3), "X")]
    values, notes = column(tmp_path, b"N", 18, [b"12", b"999999999999999"])
    assert values.dtype == "int64" and not notes


def test_what_is_no_number_is_said(tmp_path: Path) -> None:
    raw = [b"1", b"abc", b"nan", b"inf", b"1,5", b"*****", b"1_0", b"\xff\xfe"]
    values, notes = column(tmp_path, b"N", 5, raw)
    assert values.isna().tolist() == [False] + [True] * 7
    assert {n.what: n.rows for n in notes} == {
        "number_overflow": (6,),
        "number_invalid": (2, 3, 4, 5, 7, 8),
    }


def test_a_fraction_in_a_whole_field_is_not_cut(tmp_path: Path) -> None:
    assert column(tmp_path, b"N", 8, [b"1.5", b"2"])[0].tolist() == [1.5, 2.0]


def test_impossible_dates_stay_as_text(tmp_path: Path) -> None:
    values, notes = column(tmp_path, b"D", 8, [b"20240230", b"20240101", b"2024-1-1", b""])
    assert values.fillna("").tolist() == ["20240230", "20240101", "2024-1-1", ""]
    assert [(n.what, n.rows) for n in notes] == [("date_invalid", (1, 3))]


def test_memos_are_not_given_as_block_numbers(tmp_path: Path) -> None:
    values, notes = column(tmp_path, b"M", 10, [b"         1", b""])
    assert values.isna().all()
    assert [(n.what, n.rows) for n in notes] == [("field_not_read", (1,))]
    assert ".dbt" in notes[0].en


def test_text_as_gdal_reads_it(tmp_path: Path) -> None:
    """Blanks at both ends do not count, text ends at NUL, blank is missing."""
    values, _ = column(tmp_path, b"C", 6, [b"  ab  ", b"a\0b", b"", b"\0\0\0\0\0\0"])
    assert values.dtype == "str" and values.fillna("").tolist() == ["ab", "a", "", ""]
    values, _ = column(tmp_path, b"C", 6, [b"  ab  ", b"", b"x y"])
    assert values.fillna("").tolist() == ["ab", "", "x y"]


@pytest.mark.parametrize(
    ("encoding", "width", "kept"),
    [("UTF-8", 11, "梯田梯"), ("GB18030", 11, "梯田梯田梯"), ("Big5", 5, "梯田")],
)
def test_half_a_character_is_dropped_and_said(
    tmp_path: Path, encoding: str, width: int, kept: str
) -> None:
    raw = ["水田".encode(encoding), "梯田梯田梯田".encode(encoding)]
    values, notes = column(tmp_path, b"C", width, raw, encoding)
    assert values.tolist() == ["水田"[: len(values[0])], kept] and values[0]
    assert [(n.what, n.rows, n.severity) for n in notes] == [("text_cut", (2,), "info")]


def test_bytes_that_do_not_decode_are_named(tmp_path: Path) -> None:
    raw = ["大田".encode(), b"\xb4\xf3 x", b"plain"]
    values, notes = column(tmp_path, b"C", 10, raw, "UTF-8")
    assert values.tolist() == ["大田", "\ufffd\ufffd x", "plain"]
    assert [(n.what, n.rows, n.field) for n in notes] == [("text_lost", (2,), "X")]
    assert "--encoding" in notes[0].zh and "--encoding" in notes[0].en


def test_deleted_rows_keep_their_numbers(tmp_path: Path) -> None:
    rows = [[b"1"], [b"x"], [b"x"], [b"4"]]
    path = write_dbf(tmp_path / "t.dbf", [(b"X", b"N", 3, 0)], rows, deleted=[2])
    dbf = open_dbf(path)
    values, notes = typed_column(dbf, dbf.fields[0], "X", "UTF-8")
    assert len(values) == 3 and notes[0].rows == (3,)


@pytest.mark.parametrize("kind", [b"C", b"N", b"D", b"L", b"M", b"?"])
def test_no_rows_and_no_width(tmp_path: Path, kind: bytes) -> None:
    assert len(column(tmp_path, kind, 8, [])[0]) == 0
    assert column(tmp_path, kind, 0, [b"", b""])[0].isna().all()


def test_field_names(tmp_path: Path) -> None:
    gbk, cut = "地块编码".encode("gb18030"), "耕地坡度级".encode()[:10]
    fields = [(n, b"C", 2, 0) for n in (b"A", b"a", b"A", gbk, b"", b"A_2", b"B\0junk")]
    dbf = open_dbf(write_dbf(tmp_path / "t.dbf", fields, []))
    names, notes = field_names(dbf, "GB18030")
    assert names == ("A", "a_2", "A_3", "地块编码", "FIELD_5", "A_2_2", "B")
    assert [n.what for n in notes] == ["field_renamed"] * 4
    dbf = open_dbf(write_dbf(tmp_path / "t.dbf", [(cut, b"C", 2, 0)], []))
    assert field_names(dbf, "UTF-8")[0] == ("耕地坡",)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d[:20], "header is not whole"),
        (lambda d: d[:4] + b"\xff\xff\xff\x7f" + d[8:], "says 2147483647 rows, it has 2"),
        (lambda d: d[:8] + b"\0\0" + d[10:], "does not begin as a .dbf"),
        (lambda d: d[:8] + b"\xff\xff" + d[10:], "does not begin as a .dbf"),
        (lambda d: d[:10] + b"\0\0" + d[12:], "does not begin as a .dbf"),
        (lambda d: d[:10] + b"\x05\0" + d[12:], "wider than a row"),
        (lambda d: d[:-10], "says 2 rows, it has 1"),
    ],
)
def test_damage_is_named(tmp_path: Path, change, says: str) -> None:
    path = write_dbf(tmp_path / "t.dbf", [(b"X", b"C", 20, 0)], [[b"a"], [b"b"]])
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(SourceError) as error:
        open_dbf(path)
    assert says in error.value.en and "请" in error.value.zh and str(path) in error.value.en


def test_partner_in_any_case(tmp_path: Path) -> None:
    for name in ("DK.SHP", "DK.dBf", "other.shx"):
        (tmp_path / name).write_bytes(b"")
    assert partner(tmp_path / "DK.SHP", ".dbf") == tmp_path / "DK.dBf"
    assert partner(tmp_path / "DK.SHP", ".shx") is None


def test_texts_are_distinct_and_beyond_ascii(tmp_path: Path) -> None:
    village = "碾房".encode()
    rows = [[village, b"1"], [b"plain", b"2"], [village + b"  ", b"\xff"]]
    fields = [(b"N", b"C", 12, 0), (b"M", b"N", 3, 0)]
    dbf = open_dbf(write_dbf(tmp_path / "t.dbf", fields, rows))
    assert list(dbf.texts()) == [b"N", b"M", village]


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@pytest.mark.parametrize("encoding", ["UTF-8", "GB18030"])
def test_text_is_read_as_it_was_written(tmp_path: Path, encoding: str, texts: list[str]) -> None:
    raw = [text.encode(encoding) for text in texts]
    values, notes = column(tmp_path, b"C", 40, raw, encoding)
    assert values.fillna("").tolist() == [text.strip(" ") for text in texts]
    assert all("\ufffd" in texts[row - 1] for note in notes for row in note.rows)


@given(st.binary(max_size=12), st.sampled_from(["UTF-8", "GB18030", "Big5", "ISO-8859-1"]))
def test_any_bytes_become_text(raw: bytes, encoding: str) -> None:
    text, how = decoded(raw, encoding)
    assert text is None or text.encode("utf-8")
    assert how in ("", "cut", "lost")


def test_memory_map_is_not_writable(tmp_path: Path) -> None:
    dbf: Dbf = open_dbf(write_dbf(tmp_path / "t.dbf", [(b"X", b"C", 2, 0)], [[b"a"]]))
    assert isinstance(dbf.records, np.memmap) and not dbf.records.flags.writeable
