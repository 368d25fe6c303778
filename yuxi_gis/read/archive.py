"""Zip files: unpacked to a scratch folder, nothing in them believed.

What may be unpacked, and under which name, is `zip_entries`'s matter; here are the limits of size.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import tempfile
import weakref
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from yuxi_gis.errors import SourceError
from yuxi_gis.read.table import Decision, Note
from yuxi_gis.read.zip_entries import ENTRIES, accepted, refused, shown, too_many

__all__ = [
    "RATIO",
    "RATIO_FROM",
    "SPARE",
    "TOTAL",
    "Member",
    "Unpacked",
    "refuse_other_archives",
    "unpack",
]

TOTAL = 50 * 2**30
"""Most bytes after unpacking. A limit of this project: beyond it a user should know of it."""
SPARE = 2**30
"""Bytes of the disk that are left free for the results and the system."""
RATIO, RATIO_FROM = 200, 100 * 2**20
"""Most that unpacked ÷ packed may be from `RATIO_FROM` bytes on, over the whole zip: a DBF full of
blanks alone may pack better, a delivery does not. Deflate's own limit is 1,032 (zlib manual)."""
_CHUNK = 2**20
_DIRECTORY = 2**25  # bytes of the list of entries, which is read in one piece
#: What Python's reader raises over a zip that is not whole.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,  # NotImplementedError too
    IndexError,
    OverflowError,
)
_INNER_ARCHIVE = re.compile(r".*\.(zip|rar|7z|tar|tgz|gz|bz2|xz)", re.I | re.S)
_MAGIC = {
    b"Rar!\x1a\x07": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_TAR = (257, b"ustar")


@dataclass(frozen=True)
class Member:
    """A file of the zip: its name there (``inner.zip/DK.shp`` in a nested one), and where it is."""

    name_in_zip: str
    path: Path


class _Scratch:
    """A temporary folder that is removed with its last holder, or when the program ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="yuxi-gis-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class Unpacked:
    """What `unpack` made.

    Attributes
    ----------
    folder : Path
        Holds the members in the folders of the zip. It is removed when this object is, at the
        latest when the program ends (by an exception or Ctrl-C, too; not when it is killed).
    members : tuple of Member
        The files, in the order of the zip, those of nested zips last.
    notes : tuple of Note
    decisions : tuple of Decision
        How the members' names were decoded, where that was not plain.
    """

    folder: Path
    members: tuple[Member, ...]
    notes: tuple[Note, ...]
    decisions: tuple[Decision, ...]
    _scratch: _Scratch = field(repr=False, compare=False)


def refuse_other_archives(path: Path) -> None:
    """Raise `SourceError` if `path` is a RAR, 7z, tar or other archive that is no zip.

    Told by its first bytes, whatever its name says.
    """
    kind = _other_archive(path)
    if kind is not None:
        raise _other(str(path), kind)


def unpack(path: str | os.PathLike[str]) -> Unpacked:
    """Unpack a zip, and the zips in it, to a scratch folder.

    Entries are written in pieces of 1 MiB. Zips in a nested zip are left out with a note. A zip
    whose files are those of a File Geodatabase goes to a folder that ends in ``.gdb``.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Unpacked
        Hold it as long as the files are needed.

    Raises
    ------
    SourceError
        It is damaged, encrypted, packed by another method than store or deflate, larger than the
        limits of this module, or an entry would lie outside the folder or is no plain file. The
        message names the entry; nothing stays on the disk.
    """
    path = Path(path)
    refuse_other_archives(path)
    scratch = None
    try:
        scratch = _Scratch()
        job = _Unpacking(path, scratch.path)
        job.run(path, scratch.path / path.stem, str(path), "")
        if not job.members:
            raise refused(str(path), "压缩包里没有文件", "the zip has no files")
    except BaseException as error:
        if scratch is not None:
            scratch.remove()
        if not isinstance(error, OSError):
            raise
        place, why = tempfile.gettempdir(), error.strerror or str(error)
        raise refused(
            str(path),
            f"无法解压到临时文件夹 {place}（{why}）",
            f"cannot be unpacked to the scratch folder {place} ({why})",
        ) from error
    return Unpacked(
        scratch.path, tuple(job.members), tuple(job.notes), tuple(job.decisions), scratch
    )


def _other_archive(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(_TAR[0] + len(_TAR[1]))
    except OSError as error:
        raise SourceError(
            f"{path}：无法读取（{error.strerror}）。", f"{path}: cannot be read ({error.strerror})."
        ) from error
    if head[_TAR[0] :] == _TAR[1]:
        return "tar"
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def _other(where: str, kind: str) -> SourceError:
    return SourceError(
        f"{where}：是 {kind} 压缩包，不能直接读取。请先解压为文件夹，或改存为 zip。",
        f"{where}: is a {kind} archive, which cannot be read. Unpack it to a folder, or pack it "
        "as zip.",
    )


class _Bounded:
    """A file that refuses to be read in pieces larger than a list of entries may be.

    `zipfile` reads that list in one piece, as long as the file says that it is, and makes an
    object of each entry.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.length = os.fstat(file.fileno()).st_size
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.close = file.close

    def read(self, size: int = -1) -> bytes:
        rest = max(self.length - self.file.tell(), 0)
        size = rest if size < 0 else min(size, rest)
        if size > _DIRECTORY:
            raise zipfile.LargeZipFile
        data = self.file.read(size)
        if data.count(b"PK\x01\x02") > ENTRIES:
            raise zipfile.LargeZipFile
        return data


@dataclass
class _Unpacking:
    """The work on one source: what it may still take, and what came out so far."""

    source: Path
    scratch: Path
    used: int = 0
    entries: int = 0
    members: list[Member] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.room = shutil.disk_usage(self.scratch).free - SPARE
        self.dense = max(RATIO_FROM, RATIO * self.source.stat().st_size)

    def run(self, file: Path, folder: Path, where: str, prefix: str) -> None:
        """Unpack `file` to `folder`; `where` and `prefix` name it in messages and members."""
        try:
            with file.open("rb") as stream, zipfile.ZipFile(_Bounded(stream)) as archive:
                entries = self._entries(archive, where)
                folder = _fitting(folder, [name for name, _ in entries])
                inner = []
                for name, info in entries:
                    target = folder.joinpath(*name.split("/"))
                    if not _INNER_ARCHIVE.fullmatch(name):
                        self.members.append(Member(prefix + name, target))
                    elif prefix or not name.lower().endswith(".zip"):
                        self.notes.append(_left_out(prefix + name))
                        continue
                    else:
                        inner.append((name, target))
                    self._extract(archive, info, target, f"{where}|{shown(name)}")
        except zipfile.LargeZipFile:
            raise too_many(where) from None
        except _DAMAGED as error:
            raise _damaged(where, error) from error
        for name, target in inner:
            kind = _other_archive(target)
            if kind is not None:
                raise _other(f"{where}|{shown(name)}", kind)
            self.run(target, target.with_suffix(""), f"{where}|{shown(name)}", f"{name}/")
            target.unlink()

    def _entries(self, archive: zipfile.ZipFile, where: str) -> list[tuple[str, zipfile.ZipInfo]]:
        """The files of the zip; raises before anything is written where one is not to be had."""
        infos = archive.infolist()
        self.entries += len(infos)
        if self.entries > ENTRIES:
            raise too_many(where)
        files, decision = accepted(infos, where)
        if decision is not None:
            self.decisions.append(decision)
        self._require_room(sum(info.file_size for _, info in files), where)
        return files

    def _extract(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, where: str
    ) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            sink = target.open("xb")
        except (FileExistsError, NotADirectoryError) as error:
            # The disk says what it takes for one name: case and Unicode forms are its own matter.
            raise refused(
                where, "另一个条目在磁盘上与它同名", "another entry has the same name on the disk"
            ) from error
        try:
            with sink, archive.open(info) as stream:
                size = 0
                while chunk := stream.read(_CHUNK):
                    self._require_room(len(chunk), where)
                    self.used += len(chunk)
                    size += len(chunk)
                    sink.write(chunk)
        except _DAMAGED as error:
            raise _damaged(where, error) from error
        if size != info.file_size:
            raise _damaged(where, EOFError(f"{size} bytes, not {info.file_size}"))

    def _require_room(self, more: int, where: str) -> None:
        total = self.used + more
        if total > min(TOTAL, self.dense):
            packed = self.source.stat().st_size
            raise refused(
                where,
                f"解压后过大（{total:,} 字节，压缩包只有 {packed:,} 字节），像压缩炸弹。若确是数据",
                f"too large after unpacking ({total:,} bytes out of a zip of {packed:,}), refused "
                "as a zip bomb. If it is data",
            )
        if total > self.room:
            folder = tempfile.gettempdir()
            raise SourceError(
                f"{where}：解压需要 {total:,} 字节，临时文件夹 {folder} 所在磁盘空间不足。"
                "请清理磁盘，或用环境变量 TMPDIR 指定另一个文件夹。",
                f"{where}: needs {total:,} bytes, and the disk of the scratch folder {folder} has "
                "not enough room. Free some, or name another folder in TMPDIR.",
            )


def _damaged(where: str, error: Exception) -> SourceError:
    why = shown(" ".join(str(error).split()) or type(error).__name__)
    return SourceError(
        f"{where}：压缩包已损坏，无法解压（{why}）。请重新拷贝或下载。",
        f"{where}: the zip is damaged and cannot be unpacked ({why}). Copy or download it again.",
    )


def _left_out(name: str) -> Note:
    name = shown(name)
    return Note(
        "archive_left_out",
        f"{name}：压缩包里的压缩包，没有解开。如需其中的数据，请先自行解压。",
        f"{name}: an archive within the zip, not unpacked. If its data are needed, unpack it.",
        "warning",
        1,
    )


def _fitting(folder: Path, names: list[str]) -> Path:
    """`folder` under a free name, one that ends in ``.gdb`` where it becomes a geodatabase."""
    base = folder.name.rstrip(" .")
    while base.lower().endswith(".gdb"):
        base = base[:-4]
    end = ".gdb" if any(name.lower() == "a00000001.gdbtable" for name in names) else ""
    path = folder.with_name((base or "_") + end)
    while path.exists():
        base += "_"
        path = folder.with_name(base + end)
    return path
