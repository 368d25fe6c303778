"""Which encoding text is in; the rows of the table of shapefile encodings are in test_shapefile."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.read.test_dbf import write_dbf
from yuxi_gis.errors import ParameterError
from yuxi_gis.read.charset import canonical, detect, known, of_bytes
from yuxi_gis.read.dbf import open_dbf
from yuxi_gis.read.table import CONFIDENCE

SIMPLIFIED = [
    "碾房大田",
    "岩子脚",
    "红塔区玉兴街道",
    "永久基本农田",
    "承包方代表",
    "水浇地",
    "果园",
    "小石桥彝族乡",
]
TRADITIONAL = [
    "農村土地",
    "地籍圖",
    "土地所有權人",
    "臺北市中正區",
    "鄉鎮市區",
    "使用分區",
    "道路用地",
    "繁體國語",
]


@pytest.mark.parametrize(
    ("texts", "codec", "encoding"),
    [
        (SIMPLIFIED, "utf-8", "UTF-8"),
        (SIMPLIFIED, "gb18030", "GB18030"),
        (SIMPLIFIED, "gb2312", "GB18030"),
        (TRADITIONAL, "utf-8", "UTF-8"),
        (TRADITIONAL, "big5", "Big5"),
        (TRADITIONAL, "gb18030", "GB18030"),
        (["𠮷田", "㙍村", *SIMPLIFIED], "gb18030", "GB18030"),
    ],
)
def test_chinese(texts: list[str], codec: str, encoding: str) -> None:
    verdict = of_bytes(text.encode(codec) for text in texts)
    assert (verdict.encoding, verdict.confidence) == (encoding, "high")
    assert "--encoding" in verdict.zh and "--encoding" in verdict.en
    for text in texts:
        assert text.encode(codec).decode(verdict.encoding) == text


def test_every_village_of_yuxi_alone(shared_data: Path) -> None:
    """One name is enough in UTF-8, and in GB18030."""
    with (shared_data / "regions" / "yuxi_villages.csv").open(encoding="utf-8-sig") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert len(names) > 700
    for codec, encoding in (("utf-8", "UTF-8"), ("gb18030", "GB18030")):
        assert {of_bytes([name.encode(codec)]).encoding for name in names} == {encoding}


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Gemüse Straße Äcker", "cp1252"),
        ("Gemüse Straße Äcker", "cp1250"),
        ("Čebula žito njiva", "cp1250"),
        ("prairie à fauche, blé d'été", "cp1252"),
    ],
)
def test_european_text_is_not_chinese(text: str, codec: str) -> None:
    raw = text.encode(codec)
    verdict = of_bytes([raw])
    assert verdict.encoding == "ISO-8859-1" and verdict.confidence == "low"
    declared = of_bytes([raw], codec, "a.cpg")
    assert declared.encoding == canonical(codec) and raw.decode(declared.encoding)


def test_ascii_says_nothing() -> None:
    assert of_bytes([b"plain", b""]).encoding == "UTF-8"
    assert of_bytes([b"plain"], "GBK", "a.cpg").encoding == "GB18030"
    assert of_bytes([b"plain"], "OEM", "a.cpg").encoding == "UTF-8"
    assert of_bytes([]).encoding == "UTF-8"


@pytest.mark.parametrize("codec", ["utf-8", "gb18030", "big5"])
@pytest.mark.parametrize("declared", ["UTF-8", "GBK", "Big5", "ISO-8859-1", "ANSI 936", "OEM"])
def test_bytes_overrule_what_is_declared(codec: str, declared: str) -> None:
    texts = TRADITIONAL if codec == "big5" else SIMPLIFIED
    verdict = of_bytes([t.encode(codec) for t in texts], declared, "DK.cpg")
    assert verdict.encoding == canonical(codec) and verdict.confidence == "high"
    if canonical(declared) == canonical(codec):
        assert "as DK.cpg declares" in verdict.en and "与声明一致" in verdict.zh
    else:
        assert f"DK.cpg declares {declared}" in verdict.en and "不符" in verdict.zh


def test_the_code_page_of_windows_is_big5() -> None:
    verdict = of_bytes([text.encode("big5") for text in TRADITIONAL], "950", "DK.cpg")
    assert verdict.encoding == "Big5" and "as DK.cpg declares" in verdict.en


def test_half_characters_do_not_count() -> None:
    for codec, encoding in (("utf-8", "UTF-8"), ("gb18030", "GB18030"), ("big5", "Big5")):
        texts = TRADITIONAL if codec == "big5" else SIMPLIFIED
        assert of_bytes([t.encode(codec)[:-1] for t in texts]).encoding == encoding


def test_one_bad_value_does_not_change_the_rest() -> None:
    good = [f"{name}{n}".encode() for n, name in enumerate(SIMPLIFIED * 20)]
    assert of_bytes([*good, b"\xb4\xf3\xcc\xef"]).encoding == "UTF-8"
    good = [f"{name}{n}".encode("gb18030") for n, name in enumerate(SIMPLIFIED * 20)]
    assert of_bytes([*good, "大田".encode()]).encoding == "GB18030"


def test_text_lost_before_is_still_utf8() -> None:
    """U+FFFD is EF BF BD, which reads as 锟斤拷 in GBK."""
    assert of_bytes(["\ufffd\ufffd\ufffd\ufffd".encode()] * 3).encoding == "UTF-8"


def test_ambiguous_bytes_leave_it_to_the_declaration() -> None:
    both = "阿八".encode("gb18030")  # everyday characters in Big5 too
    assert of_bytes([both]).encoding == "GB18030"
    assert of_bytes([both], "Big5", "LDID 0x78").encoding == "Big5"
    assert {of_bytes([both]).confidence, of_bytes([both], "Big5").confidence} == {"low"}
    assert of_bytes([both], "ISO-8859-1").encoding == "GB18030"
    assert of_bytes(["m²".encode()]).encoding == "UTF-8"
    assert of_bytes(["m²".encode("latin-1")], "cp1252").encoding == "cp1252"
    assert of_bytes(["梅".encode("gb18030")], "GBK").encoding == "GB18030"
    assert of_bytes(["한국어".encode("cp949")], "cp949").encoding == "cp949"


def test_a_whole_text_file_is_one_text() -> None:
    lines = "\r\n".join(SIMPLIFIED)
    assert of_bytes([lines.encode("gb18030")]).encoding == "GB18030"
    assert of_bytes([("\ufeff" + lines).encode()]).encoding == "UTF-8"


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("UTF-8", "UTF-8"),
        ("utf8", "UTF-8"),
        ("65001", "UTF-8"),
        ("GBK", "GB18030"),
        ("936", "GB18030"),
        ("CP936", "GB18030"),
        ("ANSI 936", "GB18030"),
        ("gb2312", "GB18030"),
        ("Big-5", "Big5"),
        ("ISO-8859-1", "ISO-8859-1"),
        ("88591", "ISO-8859-1"),
        ("ANSI 1252", "cp1252"),
        *(
            (name, None)
            for name in ("OEM", "ANSI", "", "hex", "hz", "utf-16", "idna", "x" * 99, "\0")
        ),
    ],
)
def test_names(name: str, encoding: str | None) -> None:
    assert canonical(name) == encoding


def test_the_user_overrules(tmp_path: Path) -> None:
    rows = [[name.encode()] for name in SIMPLIFIED]
    dbf = open_dbf(write_dbf(tmp_path / "t.dbf", [(b"X", b"C", 40, 0)], rows))
    verdict = detect(dbf, "GBK")
    assert (verdict.encoding, verdict.confidence) == ("GB18030", "certain")
    with pytest.raises(ParameterError, match="no such encoding"):
        detect(dbf, "klingon")
    assert known("big5") == "Big5"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30)), st.one_of(st.none(), st.text(max_size=9)))
def test_any_bytes_and_any_declaration_give_a_verdict(texts: list[bytes], said: str | None) -> None:
    verdict = of_bytes(texts, said)
    assert verdict.confidence in CONFIDENCE
    assert isinstance(b"a".decode(verdict.encoding), str)


def test_many_blocks_are_read_as_a_stream() -> None:
    """Three megabytes in 100,000 values: what comes last counts as well."""
    rng = random.Random(1)
    texts = ("".join(rng.choices("".join(SIMPLIFIED), k=15)) for _ in range(100_000))
    verdict = of_bytes(text.encode("gb18030") for text in texts)
    assert (verdict.encoding, verdict.confidence) == ("GB18030", "high")
