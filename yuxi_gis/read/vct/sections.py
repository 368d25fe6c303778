"""The text of a VCT file: its sections, the head, the layers and the fields of their tables."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

__all__ = ["GEOMETRY", "Field", "Layer", "Section", "read_fields", "read_head", "read_layers"]
__all__ += ["split_sections"]

#: Sections that hold objects with coordinates.
GEOMETRY = ("point", "line", "polygon", "annotation")
_TITLE = re.compile(rb"^[ \t]*([A-Za-z]{4,20}?)(Begin|End)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(rb"^[ \t]*CommentBegin.*?^[ \t]*CommentEnd", re.I | re.M | re.S)
_SEPARATORS = {"tab": "\t", r"\t": "\t", "逗号": ",", "，": ",", "空格": " ", "space": " "}


@dataclass(frozen=True)
class Section:
    """The lines of one section, stripped, without empty ones, and their numbers in the file."""

    name: str
    lines: list[bytes]
    numbers: np.ndarray
    closed: bool = True


@dataclass(frozen=True)
class Field:
    """A column of an attribute table: name, type in lower case (``char``), declared width."""

    name: str
    type: str
    width: int | None = None


@dataclass(frozen=True)
class Layer:
    """A line of the feature codes: which objects (code, shape) belong to which table."""

    code: str
    title: str
    shape: str
    table: str


def split_sections(data: bytes) -> dict[str, Section]:
    """The sections of a file by lower-case name; a name that comes twice is one section.

    `data` has lines that end with a line feed, and no byte order mark.
    Only the outer sections: what they hold (``NodeTopologyBegin``) stays inside.
    """
    data = _without_comments(data)
    titles = [(m.group(1).lower(), m.group(2).lower(), *m.span()) for m in _TITLE.finditer(data)]
    begins = [k for k, title in enumerate(titles) if title[1] == b"begin"]
    ends: dict[bytes, list[int]] = {}
    for k, title in enumerate(titles):
        if title[1] == b"end":
            ends.setdefault(title[0], []).append(k)
    found: dict[str, list[Section]] = {}
    at = line = counted = 0
    while (at := _after(begins, at)) < len(titles):
        name, _, _, start = titles[at]
        end = _after(ends.get(name, []), at)
        closed = end < len(titles)
        end = end if closed else _after(begins, at + 1)
        stop = titles[end][2] if end < len(titles) else len(data)
        line, counted = line + data.count(b"\n", counted, start), start
        section = _section(name.decode(), data[start:stop], line + 1, closed=closed)
        found.setdefault(section.name, []).append(section)
        at = end
    return {name: _joined(parts) for name, parts in found.items()}


def _after(sorted_numbers: list[int], at: int) -> int:
    """The first of `sorted_numbers` that is not below `at`; beyond any index where none is."""
    k = bisect_left(sorted_numbers, at)
    return sorted_numbers[k] if k < len(sorted_numbers) else sys.maxsize


def _without_comments(data: bytes) -> bytes:
    """`data` with empty lines for comments, so that lines keep their numbers."""
    last = data.lower().rfind(b"commentend")
    if last < 0:
        return data
    end = last + len(b"commentend")
    blank = _COMMENT.sub(lambda found: b"\n" * found.group().count(b"\n"), data[:end])
    return blank + data[end:]


def _section(name: str, text: bytes, first: int, *, closed: bool) -> Section:
    lines = [line.strip() for line in text.split(b"\n")]
    full = np.array([bool(line) for line in lines], bool)
    return Section(name, [line for line in lines if line], np.flatnonzero(full) + first, closed)


def _joined(parts: list[Section]) -> Section:
    if len(parts) == 1:
        return parts[0]
    lines = [line for part in parts for line in part.lines]
    numbers = np.concatenate([part.numbers for part in parts])
    return Section(parts[0].name, lines, numbers, all(part.closed for part in parts))


def read_head(section: Section | None, encoding: str) -> dict[str, str]:
    """The head: lower-case keys; ``separator`` is always there."""
    head: dict[str, str] = {}
    for line in section.lines if section else ():
        key, _, value = line.decode(encoding, "replace").replace("：", ":", 1).partition(":")
        head.setdefault(key.strip().lower(), value.strip())
    said = head.get("separator", "")
    head["separator"] = _SEPARATORS.get(said.lower(), said) or ","
    return head


def read_layers(section: Section | None, separator: str, encoding: str) -> list[Layer]:
    """The feature codes: code, title, shape, [colours,] table; or table, name for no shape."""
    layers = []
    for line in section.lines if section else ():
        words = [word.strip() for word in line.decode(encoding, "replace").split(separator)]
        if len(words) == 2:
            layers.append(Layer("", words[1], "table", words[0]))
        elif len(words) > 2:
            # Between shape and table stand one colour (1999), three (LANDUSE.VCT) or none (2007).
            rest = [word for word in words[3:] if word and not word.isdigit()] or words[3:]
            table = rest[0] if rest and rest[0] else words[1]
            layers.append(Layer(words[0], words[1], words[2].lower(), table))
    return layers


def read_fields(
    section: Section | None, separator: str, encoding: str
) -> tuple[dict[str, list[Field]], list[str]]:
    """Fields by table name, and the tables whose number of fields is not the one declared."""
    tables: dict[str, list[Field]] = {}
    declared: dict[str, int] = {}
    current: list[Field] = []
    for line in section.lines if section else ():
        words = [word.strip() for word in line.decode(encoding, "replace").split(separator)]
        if len(words) >= 2 and words[1].isdigit():
            current = tables.setdefault(words[0], [])
            declared[words[0]] = int(words[1][:9])
        elif len(words) >= 2 and words[0]:
            width = words[2][:9] if len(words) > 2 else ""
            size = int(width) if width.isdecimal() else None
            current.append(Field(words[0], words[1].lower(), size))
    return tables, [name for name, n in declared.items() if n != len(tables[name])]
