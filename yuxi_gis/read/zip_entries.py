"""Which entries of a zip may be unpacked, and under which names.

County deliveries are zips of zips, made on Chinese Windows. Only stored and deflated entries are
read: Python's bzip2 and LZMA readers take as much memory as a hostile entry asks for.
"""

from __future__ import annotations

import itertools
import re
import stat
import zipfile

from yuxi_gis.errors import SourceError
from yuxi_gis.read.table import Decision

__all__ = ["DEPTH", "ENTRIES", "accepted", "refused", "shown", "too_many"]

ENTRIES = 100_000
"""Most entries, those of nested zips too: each takes memory before it is looked at."""
DEPTH = 100
"""Most folders in one another; file systems and Python's own recursion end not far above."""

_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
_CLUTTER = re.compile(r"(.*/)?(__MACOSX/.*|\.DS_Store|Thumbs\.db|desktop\.ini)", re.I | re.S)
#: Names that Windows takes for devices, with any ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])( *\..*)?", re.I)
_NAME_ENCODINGS = (
    ("utf-8", "全部是有效的 UTF-8", "all are valid UTF-8", "high"),
    ("gb18030", "不是 UTF-8，全部是有效的 GB18030", "no UTF-8, all valid GB18030", "high"),
    ("cp437", "既非 UTF-8 也非 GB18030，按 zip 的默认编码", "neither UTF-8 nor GB18030", "low"),
)
#: What makes an entry unsafe, told by its name, the parts of it, and the type of the file.
_UNSAFE = (
    (
        "绝对路径",
        "an absolute path",
        lambda name, parts, kind: name[:1] in ("/", "\\") or ":" in name,
    ),
    (
        "指向文件夹之外",
        "leads outside its folder",
        lambda name, parts, kind: any(part.rstrip(" .") == "" for part in parts),
    ),
    (
        "文件名含控制字符",
        "its name has control characters",
        lambda name, parts, kind: any(c < " " or c == "\x7f" for c in name),
    ),
    ("没有文件名", "it has no name", lambda name, parts, kind: not parts and not _is_folder(name)),
    (
        "是系统保留的设备名",
        "is the name of a device",
        lambda name, parts, kind: any(map(_DEVICE.fullmatch, parts)),
    ),
    (
        "链接或特殊文件",
        "a link or special file",
        lambda name, parts, kind: kind not in (0, stat.S_IFREG, stat.S_IFDIR),
    ),
    (
        "文件夹层数过多",
        "too many folders in one another",
        lambda name, parts, kind: len(parts) > DEPTH,
    ),
    (
        "文件名过长",
        "its name is too long",
        lambda name, parts, kind: any(len(part.encode()) > 255 for part in parts),
    ),
)


def accepted(
    infos: list[zipfile.ZipInfo], where: str
) -> tuple[list[tuple[str, zipfile.ZipInfo]], Decision | None]:
    """The files of a zip under safe names; folders and the clutter of desktops are left out.

    Parameters
    ----------
    infos : list of ZipInfo
    where : str
        The zip's name for messages.

    Returns
    -------
    list of (str, ZipInfo)
        ``/`` between the parts of a name, all of them plain names.
    Decision or None
        How names that say no encoding were decoded.

    Raises
    ------
    SourceError
        An entry leads elsewhere, is no plain file, cannot be read or overlaps another.
    """
    names, decision = _names(infos, where)
    files = []
    for name, info in zip(names, infos, strict=True):
        safe = _safe(name, info, where)
        if not _is_folder(name) and not _CLUTTER.fullmatch(safe):
            _require_readable(info, f"{where}|{shown(safe)}")
            files.append((safe, info))
    _refuse_overlap(infos, where)
    return files, decision


def refused(where: str, zh: str, en: str) -> SourceError:
    """The error for a zip that the user can still unpack."""
    return SourceError(
        f"{where}：{zh}。请先自行解压，再给出文件夹。",
        f"{where}: {en}. Unpack it yourself and give the folder.",
    )


def too_many(where: str) -> SourceError:
    """The error for a zip of more than `ENTRIES` entries."""
    return refused(
        where,
        f"压缩包里的条目超过 {ENTRIES:,} 个，没有解压",
        f"the zip has more than {ENTRIES:,} entries and was not unpacked",
    )


def shown(text: str) -> str:
    """Text from the zip made safe to print."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return text if len(text) <= 120 else text[:119] + "…"


def _is_folder(name: str) -> bool:
    return name.endswith(("/", "\\"))


def _names(infos: list[zipfile.ZipInfo], where: str) -> tuple[list[str], Decision | None]:
    """The entries' names; without the UTF-8 flag they are in whatever the packer's system used."""
    # `orig_filename` is what stands in the file; `filename` ends at a NUL.
    raw = {
        i: info.orig_filename.encode("cp437")
        for i, info in enumerate(infos)
        if not info.flag_bits & _UTF8 and not info.orig_filename.isascii()
    }
    names = [info.orig_filename for info in infos]
    if not raw:
        return names, None
    encoding, zh, en, confidence = next(
        row for row in _NAME_ENCODINGS if all(_decodes(name, row[0]) for name in raw.values())
    )
    for i, name in raw.items():
        names[i] = name.decode(encoding)
    en = f"{where}: {len(raw)} names in the zip say no encoding; {en}"
    zh = f"{where}：压缩包里有 {len(raw)} 个文件名没有声明编码；{zh}"
    return names, Decision("zip_names", encoding.upper(), zh, en, confidence)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _safe(name: str, info: zipfile.ZipInfo, where: str) -> str:
    """`name` with ``/`` between its parts, all of them plain names below the folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    kind = stat.S_IFMT(info.external_attr >> 16)
    for zh, en, unsafe in _UNSAFE:
        if unsafe(name, parts, kind):
            raise SourceError(
                f"{where}：压缩包里的条目“{shown(name)}”不安全（{zh}），没有解压。"
                "请向提供者核实，或自行解压所需的文件。",
                f"{where}: the entry '{shown(name)}' is not safe ({en}); nothing was unpacked. "
                "Ask who made the zip, or unpack the files that you need yourself.",
            )
    return "/".join(parts)


def _require_readable(info: zipfile.ZipInfo, where: str) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise refused(where, "压缩包已加密，请先解压", "is encrypted and needs a password")
    if info.compress_type not in _READ:
        method = _METHODS.get(info.compress_type, str(info.compress_type))
        raise refused(
            where,
            f"压缩方法为 {method}，不能直接读取（Windows 压缩大于 2 GB 的文件时使用 Deflate64）",
            f"packed by the method {method}, which cannot be read (Windows uses Deflate64 for "
            "files beyond 2 GB)",
        )


def _refuse_overlap(infos: list[zipfile.ZipInfo], where: str) -> None:
    """Entries that share bytes are the trick of a zip bomb (Fifield 2019, USENIX WOOT)."""
    placed = sorted(infos, key=lambda info: info.header_offset)
    for before, after in itertools.pairwise(placed):
        if before.header_offset + 30 + before.compress_size > after.header_offset:
            name = shown(after.orig_filename)
            raise SourceError(
                f"{where}|{name}：与另一条目重叠，像是压缩炸弹，没有解压。请向提供者核实。",
                f"{where}|{name}: overlaps another entry, refused as a zip bomb. Ask who made it.",
            )
