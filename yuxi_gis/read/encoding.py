"""The character encoding of a shapefile that does not say it, from the bytes of its text.

GDAL reads a .dbf without .cpg and without a Chinese language byte as ISO-8859-1, so that Chinese
text becomes mojibake without a word.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import numpy as np

__all__ = ["undeclared_encoding"]

#: Language bytes (dBASE, byte 29) that say nothing of the text: none, and the writers' default.
_SAY_NOTHING = (0x00, 0x57)
_ROWS = 20_000
_HEADER, _FIELD = 32, 32


def undeclared_encoding(path: Path) -> str | None:
    """The encoding of the shapefile `path` where it declares none and its bytes tell one.

    Parameters
    ----------
    path : Path
        The ``.shp`` file. At most 20,000 rows of its ``.dbf`` are looked at.

    Returns
    -------
    str or None
        ``"UTF-8"`` when all text is valid UTF-8 beyond ASCII; ``"GB18030"`` when all text is valid
        GB18030 and nearly all of its characters beyond ASCII are of GB 2312, whose two bytes are
        both 0xA1 or above (European text in one byte a character is not: an accented letter is
        followed by a plain one). None where the file declares its encoding, or all is ASCII, or
        the bytes tell nothing: then GDAL's own reading holds.
    """
    if any(path.with_suffix(suffix).exists() for suffix in (".cpg", ".CPG")):
        return None
    dbf = next((p for p in map(path.with_suffix, (".dbf", ".DBF")) if p.exists()), None)
    if dbf is None:
        return None
    with dbf.open("rb") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER or header[29] not in _SAY_NOTHING:
            return None
        rows = min(int.from_bytes(header[4:8], "little"), _ROWS)
        start, width = (int.from_bytes(header[a:b], "little") for a, b in ((8, 10), (10, 12)))
        fields = file.read(start - _HEADER)
        records = file.read(rows * width)
    texts = [value for value in _texts(fields, records, width) if not value.isascii()]
    if not texts:
        return None
    if _decodes(texts, "utf-8"):
        return "UTF-8"
    return "GB18030" if _decodes(texts, "gb18030") and _is_gb2312(texts) else None


def _texts(fields: bytes, records: bytes, width: int) -> Iterator[bytes]:
    """Names of the fields, then the values of the character columns."""
    offset = 1  # the deletion mark
    table = np.frombuffer(records, "u1", count=len(records) // width * width if width else 0)
    table = table.reshape(-1, width) if width else table.reshape(0, 0)
    for place in range(0, len(fields) - _FIELD + 1, _FIELD):
        field = fields[place : place + _FIELD]
        if field[0] == 0x0D:
            break
        yield field[:11].split(b"\0")[0]
        length = field[16]
        if field[11:12] == b"C" and offset + length <= width:
            column = np.ascontiguousarray(table[:, offset : offset + length])
            for value in np.unique(column.view(f"S{length}")):
                yield bytes(value).strip(b" \0")
        offset += length


def _decodes(texts: list[bytes], encoding: str) -> bool:
    """Whether all decode; half a character at the end is a value cut at the field's width."""
    decoder = codecs.getincrementaldecoder(encoding)
    try:
        for text in texts:
            decoder().decode(text, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _is_gb2312(texts: list[bytes]) -> bool:
    pairs = common = 0
    for text in texts:
        for character in codecs.getincrementaldecoder("gb18030")().decode(text, final=False):
            code = character.encode("gb18030")
            if len(code) > 1:
                pairs += 1
                common += len(code) == 2 and code[0] >= 0xA1 and code[1] >= 0xA1
    return pairs > 0 and common >= 0.9 * pairs
