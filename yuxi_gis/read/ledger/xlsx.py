"""What calamine does not tell of an XLSX: error cells, and integers of more than 15 digits."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from yuxi_gis.read.ledger.kind import damaged
from yuxi_gis.read.ledger.sheet import letters
from yuxi_gis.read.table import Note

__all__ = ["Flaws", "flaws_of"]

_ERROR_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*\bt=[\"']e[\"'][^>]*)>")
_LONG_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*)><(?:\w+:)?v>(\d{16,40})</")
_REFERENCE = re.compile(rb"\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_BLOCK, _OVERLAP = 1 << 20, 4096


@dataclass
class Flaws:
    """What calamine does not tell of a sheet: error cells, and integers of more than 15 digits."""

    errors: list[tuple[int, int]] = field(default_factory=list)
    exact: defaultdict[int, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))

    def notes(self) -> list[Note]:
        if not self.errors:
            return []
        shown = ", ".join(f"{letters(c)}{r}" for r, c in self.errors[:10])
        return [
            Note.on_rows(
                "error_cell",
                [row for row, _ in self.errors],
                f"{{count}} 个单元格是错误值（#N/A、#REF! 等），按缺失读入：{shown}。",
                f"{{count}} cells hold an error (#N/A, #REF! …) and are read as missing: {shown}.",
                severity="warning",
            )
        ]


def flaws_of(path: Path) -> dict[str, Flaws]:
    """By sheet name; nothing for a zip that is no XLSX."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _scan(archive, part) for name, part in _parts(archive)}
    except KeyError:
        return {}
    except (zipfile.BadZipFile, ElementTree.ParseError, zlib.error, ValueError) as error:
        raise damaged(path) from error
    except (RuntimeError, NotImplementedError, EOFError) as error:
        raise damaged(path, str(error)[:100]) from error


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Names of sheets and the parts of the package that hold them (ECMA-376, part 1, 18.2.19)."""

    def root(part: str) -> ElementTree.Element:
        with archive.open(part) as file:
            text = file.read(1 << 24)
        if b"<!DOCTYPE" in text:
            raise ValueError("DOCTYPE")
        return ElementTree.fromstring(text)

    links = {link.get("Id"): link.get("Target", "") for link in root("xl/_rels/workbook.xml.rels")}
    names = set(archive.namelist())
    for element in root("xl/workbook.xml").iter():
        if element.tag.rpartition("}")[2] != "sheet":
            continue
        ids = [value for name, value in element.items() if name.endswith("}id")]
        target = links.get(ids[0] if ids else None, "").lstrip("/")
        part = target if target.startswith("xl/") else f"xl/{target}"
        if part in names:
            yield element.get("name", ""), part


def _scan(archive: zipfile.ZipFile, part: str) -> Flaws:
    flaws = Flaws()
    errors: set[tuple[int, int]] = set()
    with archive.open(part) as file:
        tail = b""
        while block := file.read(_BLOCK):
            block = tail + block
            for match in _ERROR_CELL.finditer(block):
                errors |= _place(match[1])
            for match in _LONG_CELL.finditer(block):
                for row, column in _place(match[1]):
                    flaws.exact[column][row] = match[2].decode()
            tail = block[-_OVERLAP:]
    flaws.errors = sorted(errors)
    return flaws


def _place(attributes: bytes) -> set[tuple[int, int]]:
    match = _REFERENCE.search(attributes)
    if match is None:
        return set()
    column = 0
    for letter in match[1]:
        column = column * 26 + letter - 64
    return {(int(match[2]), column - 1)}
