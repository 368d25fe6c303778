"""Zips are unpacked to a scratch folder whole, or refused with the entry's name and no trace."""

from __future__ import annotations

import gc
import io
import random
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import yuxi_gis.read.archive as archive
from yuxi_gis.errors import SourceError
from yuxi_gis.read.archive import refuse_other_archives, unpack

Content = Mapping[str, bytes | str]


def packed(content: Content, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return buffer.getvalue()


def renamed(data: bytes, old: str, new: bytes) -> bytes:
    """`data` with the raw bytes of a name replaced, in the local header and in the list."""
    assert len(old) == len(new) and data.count(old.encode()) == 2
    return data.replace(old.encode(), new)


def listed(data: bytes, at: int, form: str, value: int) -> bytes:
    """`data` with a value of the first entry's row in the list of entries replaced."""
    place = data.index(b"PK\x01\x02") + at
    size = struct.calcsize(form)
    return data[:place] + struct.pack(form, value) + data[place + size :]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where scratch folders are made; nothing but them may appear beside it."""
    place = tmp_path / "parent" / "scratch"
    place.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    gc.collect()
    assert list((tmp_path / "parent").rglob("*")) == [place]


def write(tmp_path: Path, data: bytes, name: str = "delivery.zip") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def refused(path: Path, scratch: Path, *words: str) -> None:
    """Refused with `words` in both messages' text, and no trace on the disk."""
    with pytest.raises(SourceError) as caught:
        unpack(path)
    assert not list(scratch.iterdir())
    assert str(path) in caught.value.zh and str(path) in caught.value.en
    for word in words:
        assert word in caught.value.zh + caught.value.en, caught.value.zh + caught.value.en
    assert str(scratch) not in caught.value.en or "scratch" in caught.value.en


def test_members_come_back_whole(tmp_path: Path, scratch: Path) -> None:
    content = {"矢量数据/DK.shp": b"\0" * 5000, "矢量数据/DK.dbf": b"abc", "说明.txt": "文"}
    unpacked = unpack(write(tmp_path, packed({**content, "空文件夹/": b""})))
    assert [m.name_in_zip for m in unpacked.members] == list(content)
    for member, data in zip(unpacked.members, content.values(), strict=True):
        assert member.path.is_relative_to(unpacked.folder)
        assert member.path.read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert unpacked.decisions == () and unpacked.notes == ()


def test_the_folder_lives_as_long_as_the_object(tmp_path: Path, scratch: Path) -> None:
    unpacked = unpack(write(tmp_path, packed({"a.shp": b"a"})))
    folder = unpacked.folder
    gc.collect()
    assert folder.is_dir()
    del unpacked
    gc.collect()
    assert not folder.exists()


@pytest.mark.parametrize("how", ["end", "error", "interrupt"])
def test_the_folder_is_gone_when_the_program_ends(tmp_path: Path, scratch: Path, how: str) -> None:
    path = write(tmp_path, packed({"a.shp": b"a"}))
    code = (
        "import sys, tempfile, time; tempfile.tempdir = sys.argv[2]\n"
        "from yuxi_gis.read.archive import unpack\n"
        "kept = unpack(sys.argv[1]); print(kept.folder, flush=True)\n"
        + {"end": "", "error": "1 / 0", "interrupt": "time.sleep(60)"}[how]
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(scratch)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        assert program.stdout is not None
        folder = Path(program.stdout.readline().strip())
        assert folder.parent == scratch
        if how == "interrupt":
            program.send_signal(signal.SIGINT)
        program.wait(30)
    assert (program.returncode != 0) == (how != "end")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("raw", "encoding", "name"),
    [
        ("红塔区地块.shp".encode("gbk"), "GB18030", "红塔区地块.shp"),
        ("大营街/地块.shp".encode("gbk"), "GB18030", "大营街/地块.shp"),
        ("㐂村𠀀.shp".encode("gb18030"), "GB18030", "㐂村𠀀.shp"),
        # The second byte of 乗 is a backslash, which must not become a folder.
        ("乗地.shp".encode("gb18030"), "GB18030", "乗地.shp"),
        ("红塔区.shp".encode(), "UTF-8", "红塔区.shp"),
        (b"caf\x82 \xff.shp", "CP437", "café \xa0.shp"),
    ],
)
def test_names_without_the_flag(
    tmp_path: Path, scratch: Path, raw: bytes, encoding: str, name: str
) -> None:
    stand_in = "n" * (len(raw) - 4) + ".shp"
    data = renamed(packed({stand_in: b"data", "ascii.dbf": b""}), stand_in, raw)
    unpacked = unpack(write(tmp_path, data))
    assert unpacked.members[0].name_in_zip == name
    assert unpacked.members[0].path.read_bytes() == b"data"
    (decision,) = unpacked.decisions
    assert (decision.what, decision.value) == ("zip_names", encoding)
    assert decision.confidence == ("low" if encoding == "CP437" else "high")


HOSTILE_NAMES = [
    "../evil.shp", "a/../../evil.shp", "..", "/etc/evil.shp", "//server/evil.shp", "C:/evil.shp",
    "C:evil.shp", "a\\..\\..\\evil.shp", "\\evil.shp", "..\\evil.shp", "a/.. /evil.shp",
    "a/.../evil.shp", "CON", "aux.shp", "x/COM1.dbf", "nul .txt", "a\nb.shp", "a\x1bb.shp",
    "a.shp:stream", "n" * 300 + ".shp", "字" * 100 + ".shp", "/".join("a" * 200) + "/x.shp", "./.",
    "__MACOSX/../../evil.shp",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_entries_that_lead_elsewhere(tmp_path: Path, scratch: Path, name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("good.shp", b"good")
        file.writestr(info, b"evil")
    refused(write(tmp_path, buffer.getvalue()), scratch, "不安全", "not safe")


def test_a_name_that_ends_early(tmp_path: Path, scratch: Path) -> None:
    data = renamed(packed({"a.shp_b.txt": b"x"}), "a.shp_b.txt", b"a.shp\0b.txt")
    refused(write(tmp_path, data), scratch, "不安全")


def test_backslashes_and_clutter(tmp_path: Path, scratch: Path) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = "矢量\\DK.shp"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(info, b"x")
        for name in ("__MACOSX/._DK.shp", "a/.DS_Store", "Thumbs.db", "a/THUMBS.DB", "desktop.ini"):
            file.writestr(name, b"clutter")
    unpacked = unpack(write(tmp_path, buffer.getvalue()))
    assert [m.name_in_zip for m in unpacked.members] == ["矢量/DK.shp"]
    assert [p for p in unpacked.folder.rglob("*") if p.is_file()] == [unpacked.members[0].path]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files(tmp_path: Path, scratch: Path, kind: int) -> None:
    info = zipfile.ZipInfo("link.shp")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(info, "/etc/passwd")
    refused(write(tmp_path, buffer.getvalue()), scratch, "link.shp", "链接")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name(tmp_path: Path, scratch: Path) -> None:
    for names in (("a.shp", "a.shp"), ("a.shp", "./a.shp"), ("a", "a/b.shp"), ("a/b", "a")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name in names:
                file.writestr(name, b"x")
        refused(write(tmp_path, buffer.getvalue()), scratch, "同名", "same name")


def test_names_that_differ_by_case(tmp_path: Path, scratch: Path) -> None:
    """The disk decides whether that is one name."""
    path = write(tmp_path, packed({"DK.shp": b"x", "dk.SHP": b"y"}))
    (tmp_path / "Case").touch()
    if (tmp_path / "cASE").exists():
        refused(path, scratch, "同名")
    else:
        unpacked = unpack(path)
        assert [m.path.read_bytes() for m in unpacked.members] == [b"x", b"y"]


def test_encrypted(tmp_path: Path, scratch: Path) -> None:
    data = listed(packed({"DK.shp": b"x" * 50}), 8, "<H", 1)
    refused(write(tmp_path, data), scratch, "DK.shp", "请先解压", "password")


@pytest.mark.parametrize(("method", "says"), [(9, "Deflate64"), (14, "LZMA"), (77, "77")])
def test_methods_that_cannot_be_read(tmp_path: Path, scratch: Path, method: int, says: str) -> None:
    data = listed(packed({"DK.shp": b"x" * 50}), 10, "<H", method)
    refused(write(tmp_path, data), scratch, "DK.shp", says)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_without_a_bound_on_memory(tmp_path: Path, scratch: Path, method: int) -> None:
    refused(write(tmp_path, packed({"DK.shp": b"x"}, method)), scratch, "DK.shp")


def test_damaged(tmp_path: Path, scratch: Path) -> None:
    data = packed({"good.shp": b"good", "DK.shp": bytes(range(256)) * 40}, zipfile.ZIP_STORED)
    middle = data.index(bytes(range(100))) + 500
    flipped = data[:middle] + b"\xff\xff" + data[middle + 2 :]
    refused(write(tmp_path, flipped), scratch, "DK.shp", "CRC", "已损坏")
    for part in (data[: len(data) // 2], data[:20], b"", b"PK\x03\x04", b"no zip at all" * 99):
        refused(write(tmp_path, part), scratch, "已损坏", "is damaged")
    deflated = packed({"DK.shp": random.Random(1).randbytes(9000)})
    longer = listed(deflated, 24, "<I", 9001)  # declares a byte that is not there
    refused(write(tmp_path, longer), scratch, "DK.shp", "已损坏")


def test_no_files(tmp_path: Path, scratch: Path) -> None:
    for content in ({}, {"a/": b""}, {"__MACOSX/x": b""}):
        refused(write(tmp_path, packed(content)), scratch, "没有文件", "no files")


def test_bombs(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = packed({"bomb.shp": bytes(archive.RATIO_FROM + 1)})
    refused(write(tmp_path, zeros), scratch, "压缩炸弹", "zip bomb")
    nested = packed({"inner.zip": zeros}, zipfile.ZIP_STORED)
    refused(write(tmp_path, nested), scratch, "inner.zip", "压缩炸弹")
    monkeypatch.setattr(archive, "TOTAL", 10_000)
    big = packed({"a.shp": bytes(6000), "b.shp": bytes(6000)}, zipfile.ZIP_STORED)
    refused(write(tmp_path, big), scratch, "压缩炸弹")


def test_real_bytes_are_counted_not_declared_ones(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "TOTAL", 10_000)
    data = listed(packed({"a.shp": bytes(50_000)}), 24, "<I", 9)
    refused(write(tmp_path, data), scratch, "a.shp")


def test_a_full_disk(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SPARE", 2**62)
    refused(write(tmp_path, packed({"a.shp": b"x"})), scratch, "空间不足", "not enough room")


def test_too_many_entries(tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ENTRIES", 10)
    assert len(unpack(write(tmp_path, packed({str(i): b"" for i in range(10)}))).members) == 10
    refused(
        write(tmp_path, packed({str(i): b"" for i in range(11)})), scratch, "条目超过", "entries"
    )
    inner = packed({str(i): b"" for i in range(6)})
    refused(write(tmp_path, packed({"a.zip": inner, "b.zip": inner})), scratch, "条目超过")


def test_a_list_of_entries_that_is_all_of_the_file(tmp_path: Path, scratch: Path) -> None:
    """Refused before an object is made of each entry."""
    row = b"PK\x01\x02" + bytes(42)
    rows = row * 400_000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0, 0, len(rows), 0, 0)
    path = write(tmp_path, rows + end)
    tracemalloc.start()
    refused(path, scratch, "条目超过")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(rows)


def test_entries_that_share_bytes(tmp_path: Path, scratch: Path) -> None:
    """Two rows of the list point at one body."""
    data = packed({"a.shp": b"x" * 900, "b.shp": b"y" * 900}, zipfile.ZIP_STORED)
    second = data.rindex(b"PK\x01\x02")
    data = data[: second + 42] + struct.pack("<I", 10) + data[second + 46 :]
    refused(write(tmp_path, data), scratch, "b.shp", "重叠", "overlap")


def test_zips_in_zips(tmp_path: Path, scratch: Path) -> None:
    innermost = packed({"deep.shp": b"deep"})
    inner = packed({"DK.shp": b"1", "more.zip": innermost, "a.rar": b"Rar!\x1a\x07"})
    outer = packed({"530402/DK.zip": inner, "530402/DK/DK.shp": b"2", "b.7z": b"7z\xbc\xaf'\x1c"})
    unpacked = unpack(write(tmp_path, outer))
    found = {m.name_in_zip: m.path.read_bytes() for m in unpacked.members}
    assert found == {"530402/DK/DK.shp": b"2", "530402/DK.zip/DK.shp": b"1"}
    assert len({m.path for m in unpacked.members}) == 2
    assert [n.what for n in unpacked.notes] == ["archive_left_out"] * 3
    said = " ".join(n.zh for n in unpacked.notes)
    assert all(name in said for name in ("b.7z", "530402/DK.zip/more.zip", "530402/DK.zip/a.rar"))
    assert not [p for p in unpacked.folder.rglob("*") if p.is_file() and p.suffix == ".zip"]


def test_a_zip_within_that_is_none(tmp_path: Path, scratch: Path) -> None:
    refused(write(tmp_path, packed({"a.zip": b"Rar!\x1a\x07\0..."})), scratch, "a.zip", "RAR")
    refused(write(tmp_path, packed({"a.zip": b"nothing"})), scratch, "a.zip", "已损坏")


def test_geodatabases(tmp_path: Path, scratch: Path) -> None:
    table = {"a00000001.gdbtable": b"t", "gdb": b"g"}
    bare = unpack(write(tmp_path, packed(table), "红塔区.gdb.zip"))
    assert {m.path.parent.name for m in bare.members} == {"红塔区.gdb"}
    within = {f"x.gdb/{name}": data for name, data in table.items()}
    whole = unpack(write(tmp_path, packed(within), "红塔区.gdb.zip"))
    assert {m.path.parent.name for m in whole.members} == {"x.gdb"}
    assert {m.path.parent.parent.name for m in whole.members} == {"红塔区"}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"Rar!\x1a\x07\x01\x00", "RAR"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\0" * 257 + b"ustar\x0000", "tar"),
    ],
)
def test_other_archives(tmp_path: Path, scratch: Path, head: bytes, kind: str) -> None:
    path = write(tmp_path, head + bytes(999))
    refused(path, scratch, kind, "请先解压", "Unpack it to a folder")
    with pytest.raises(SourceError):
        refuse_other_archives(path)
    refuse_other_archives(write(tmp_path, packed({"a": b""})))


def test_missing(tmp_path: Path, scratch: Path) -> None:
    refused(tmp_path / "no.zip", scratch, "无法读取", "cannot be read")


def test_memory_is_bounded(tmp_path: Path, scratch: Path) -> None:
    size = 60 * 2**20
    noise = random.Random(2).randbytes(2**20)
    path = write(tmp_path, packed({"a.tif": noise * 60}))
    tracemalloc.start()
    unpacked = unpack(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert unpacked.members[0].path.stat().st_size == size
    assert peak < 8 * 2**20


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """A delivery with bytes changed, cut out, doubled or swapped."""
    inner = packed({"DK.dbf": b"\x03" + bytes(300), "地块.prj": b"PROJCS"})
    gbk = "红塔区".encode("gbk")
    base = packed({"D" * 6 + ".shp": bytes(range(256)) * 4, "in.zip": inner, "a/b.txt": b"text"})
    base = renamed(base, "D" * 6 + ".shp", gbk + b".shp")
    random_ = random.Random(seed)
    pieces = [
        b"../",
        b"/",
        b"\\",
        b"\0",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"\xff\xff\xff\xff",
        b".zip",
    ]
    for _ in range(count):
        data = bytearray(base)
        for _ in range(random_.randint(1, 6)):
            # Most of what is decided stands in the list of entries at the end.
            low = len(data) * 2 // 3 if random_.random() < 0.6 else 0
            at = random_.randrange(low, len(data))
            change = random_.randrange(5)
            if change == 0:
                data[at] = random_.randrange(256)
            elif change == 1:
                piece = random_.choice(pieces)
                data[at : at + len(piece)] = piece
            elif change == 2:
                del data[at : at + random_.randint(1, 40)]
            elif change == 3:
                data[at:at] = data[at : at + random_.randint(1, 80)]
            else:
                data[at : at + 4] = struct.pack(
                    "<I", random_.choice([0, 1, 2**16, 2**31, 2**32 - 1])
                )
            data = data or bytearray(b"P")
        yield bytes(data)


def test_mutants_raise_nothing_else_and_leave_nothing(tmp_path: Path, scratch: Path) -> None:
    good = bad = 0
    for data in mutants(seed=3, count=300):
        try:
            unpacked = unpack(write(tmp_path, data))
        except SourceError:
            bad += 1
            assert not list(scratch.iterdir())
        else:
            good += 1
            assert all(m.path.resolve().is_relative_to(scratch) for m in unpacked.members)
            assert all(m.path.is_file() for m in unpacked.members)
            del unpacked
        names = {p.name for p in tmp_path.iterdir()}
        assert names == {"parent", "delivery.zip"}
        assert list((tmp_path / "parent").iterdir()) == [scratch]
    assert good > 10 and bad > 100
