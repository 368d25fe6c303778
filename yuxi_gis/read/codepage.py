"""The text of formats whose encoding GDAL gets wrong: GeoJSON, KML, DXF and MapInfo.

GDAL takes GeoJSON and KML for UTF-8 whatever their bytes are, a DXF without code page for
Latin-1, and MapInfo for what its header says, which is often the writer's own Windows. Where the
bytes say otherwise, GDAL is given a scratch copy that it reads right; the source stays as it is.
"""

from __future__ import annotations

import codecs
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyogrio.raw import read

from yuxi_gis.errors import SourceError
from yuxi_gis.read.archive import unpack
from yuxi_gis.read.charset import Verdict, known, of_bytes
from yuxi_gis.read.table import Decision, Options

__all__ = ["Text", "text_of"]

_XML = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
_XML_TEXT = re.compile(r"^\s*<\?xml.*?\?>")
_MARKS = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))
_CODE_PAGE = re.compile(rb"\$DWGCODEPAGE\s+3\s+([\w-]+)")
_VERSION = re.compile(rb"\$ACADVER\s+1\s+AC(\d+)")
#: From AutoCAD 2007 on a DXF is UTF-8 (DXF reference, $ACADVER AC1021).
_UTF8_SINCE = 1021
#: Degrees between the points that GDAL puts on the arcs of a drawing: they leave the chord by
#: 2.4e-6 of the radius, 0.001 m (rule S15) at 420 m. Its own 4 degrees leave it by 6e-4.
_ARC_STEP = "0.25"
_CHARSET = re.compile(rb"""(!?\bcharset\s+"?)([\w-]+)""", re.IGNORECASE)
#: MapInfo's names (MITAB's table).
_CHARSETS = {
    "windowssimpchinese": "gbk",
    "windowstradchinese": "big5",
    "windowslatin1": "cp1252",
    "windowsjapanese": "cp932",
    "windowskorean": "cp949",
    "utf-8": "utf-8",
}
_PARTS = (".tab", ".dat", ".map", ".id", ".ind", ".mif", ".mid")
_BLOCK = 1 << 20
_HEAD = 65_536


@dataclass(frozen=True)
class Text:
    """How the text of a file is read.

    Attributes
    ----------
    source : Path
        What GDAL is given: the file, or a scratch copy.
    decision : Decision
    encoding : str or None
        For values that GDAL passes on as bytes which are no UTF-8.
    all_in_it : bool
        All values are passed on as bytes in `encoding`.
    config : dict of str to str
        GDAL's settings that hold while it reads.
    """

    source: Path
    decision: Decision
    encoding: str | None = None
    all_in_it: bool = False
    config: dict[str, Any] = field(default_factory=dict)
    _scratch: object = field(default=None, repr=False)


def text_of(path: Path, suffix: str, options: Options) -> Text:
    """How the text of `path` is read, by its format.

    Raises
    ------
    SourceError
        The text is not in the encoding that was given or found.
    """
    if suffix == ".kmz":
        return _of_kmz(path, options)
    if suffix == ".dxf":
        return _of_dxf(path, options)
    if suffix in (".tab", ".mif"):
        return _of_mapinfo(path, options)
    if suffix in (".gpkg", ".gdb", ".fgb") or _is_utf8(path):
        told = None if options.encoding is None else known(options.encoding)
        zh, en = "该格式的文字规定为 UTF-8", "the format's text is UTF-8 by definition"
        if told not in (None, "UTF-8"):
            zh += f"；不是 UTF-8 的值按用户指定的 {told} 读取"
            en += f"; values that are not are read as {told}, as told"
        return Text(path, Decision("encoding", "UTF-8", zh, en, "certain"), told)
    return _of_utf8_format(path, options)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return False
        file.seek(0)
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        file.seek(0)
        declared = _XML.match(file.read(_HEAD))
    return declared is None or declared[1].lower() in (b"utf-8", b"utf8", b"us-ascii")


def _of_utf8_format(path: Path, options: Options) -> Text:
    """GeoJSON or KML in another encoding: a scratch copy in UTF-8."""
    data = path.read_bytes()
    mark = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    declared = _XML.match(data[:_HEAD])
    said = declared[1].decode() if declared else None
    verdict = _verdict(options, lambda: of_bytes(data.splitlines(), said, "XML"))
    if mark is not None and options.encoding is None:
        verdict = Verdict(
            mark, "文件以 UTF-16 标记开头", "begins with the mark of UTF-16", "certain"
        )
    text = _decoded(data, verdict.encoding, path)
    copy = _Scratch(path)
    copy.file.write_text(_XML_TEXT.sub("", text, count=1), "utf-8", newline="")
    return Text(copy.file, _decision(verdict), _scratch=copy)


def _of_kmz(path: Path, options: Options) -> Text:
    unpacked = unpack(path)
    found = [m.path for m in unpacked.members if m.path.suffix.lower() == ".kml"]
    if not found:
        raise SourceError(
            f"{path}：这个 KMZ 里没有 .kml 文件。请重新导出。",
            f"{path}: this KMZ has no .kml file. Export it again.",
        )
    inner = text_of(found[0], ".kml", options)
    return Text(inner.source, inner.decision, inner.encoding, _scratch=(unpacked, inner))


def _of_dxf(path: Path, options: Options) -> Text:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    version, page = _VERSION.search(head), _CODE_PAGE.search(head)
    said = page[1].decode() if page else None
    if version and int(version[1]) >= _UTF8_SINCE:
        said = "UTF-8"
    verdict = _verdict(options, lambda: of_bytes(_odd_lines(path), said, "DXF"))
    config = {"DXF_ENCODING": verdict.encoding, "OGR_ARC_STEPSIZE": _ARC_STEP}
    return Text(path, _decision(verdict), config=config)


def _odd_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                yield line.strip()


def _of_mapinfo(path: Path, options: Options) -> Text:
    """A scratch copy whose header says "Neutral", so that GDAL passes the bytes on."""
    header = path.read_bytes()
    declared = _CHARSET.search(header[:_HEAD])
    said = _CHARSETS.get(declared[2].decode().lower()) if declared else None
    copy = _Scratch(path, _PARTS)
    neutral = _CHARSET.sub(rb"\g<1>Neutral", header, count=2)
    copy.file.write_bytes(neutral)
    meta, _, _, values = read(copy.file, encoding="ISO-8859-1", read_geometry=False)
    texts = [name.encode("latin-1") for name in meta["fields"]]
    for column in values:
        if column.dtype == object:
            texts += {v.encode("latin-1") for v in column if isinstance(v, str)}
    verdict = _verdict(
        options, lambda: of_bytes(texts, said, declared[2].decode() if declared else "")
    )
    if not header.isascii():  # names of fields
        copy.file.write_bytes(neutral.decode(verdict.encoding, "replace").encode())
    return Text(copy.file, _decision(verdict), verdict.encoding, all_in_it=True, _scratch=copy)


class _Scratch:
    """A folder, removed with this object, for a file that is written anew and its parts."""

    def __init__(self, path: Path, parts: tuple[str, ...] = ()) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="yuxi-gis-", ignore_cleanup_errors=True)
        self.file = Path(self._folder.name) / path.name
        for other in path.parent.iterdir() if parts else ():
            is_part = other.stem.lower() == path.stem.lower() and other.suffix.lower() in parts
            if is_part and other.name != path.name:
                target = self.file.with_name(other.name)
                try:
                    target.symlink_to(other.resolve())
                except OSError:
                    shutil.copyfile(other, target)


def _verdict(options: Options, found: Any) -> Verdict:
    if options.encoding is None:
        verdict: Verdict = found()
        return verdict
    name = known(options.encoding)
    return Verdict(
        name, f"按用户指定（{options.encoding}）", f"as told ({options.encoding})", "certain"
    )


def _decision(verdict: Verdict) -> Decision:
    return Decision("encoding", verdict.encoding, verdict.zh, verdict.en, verdict.confidence)


def _decoded(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path}：第 {line} 行的文字不是 {encoding} 编码。请用 --encoding 指明编码。",
            f"{path}: the text of line {line} is not {encoding}. Name the encoding with "
            "--encoding.",
        ) from error
