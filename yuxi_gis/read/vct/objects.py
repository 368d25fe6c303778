"""The objects of a VCT file: points, lines, polygons and annotations with their coordinates.

Two grammars are in use, and the version in the head does not always name the right one, so that
each object is read by its shape: a line with a separator holds coordinates or line numbers, one
without holds a single value.

==========  ========================================  ============================================
part        GB/T 17798-1999 (and LANDUSE.VCT 2.0)     GB/T 17798-2007 (and 国土 3.0)
==========  ========================================  ============================================
object      number / feature code / layer name        number / feature code / style code
point       type / x,y                                type / [n] / x,y … / 0
line        type 1-6 / n / x,y …                      1 / segments / {11-15 / n / x,y …} / 0
                                                      or 100 / n / line numbers / 0
polygon     label / n / line numbers                  100 / label / 21 / n / line numbers / 0
            or label / {n / x,y …} / 0                or 1 / label / rings / {11-14 / …} / 0
==========  ========================================  ============================================

Line numbers stand eight in a row; 0 parts two rings, a minus reverses the line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from yuxi_gis.read.vct.sections import Layer, Section

__all__ = ["Names", "Objects", "Piece", "read_objects"]

#: Farther from the origin than any coordinate in metres: a damaged number.
_FARTHEST = 1e9
_LONGEST_NUMBER = 18


class Names:
    """Numbers for the names of objects: a plain number is itself, any other text gets one."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._texts: list[bytes] = []

    def number(self, text: bytes) -> int:
        """The number of an object's name; the sign of a reversed line is not part of it."""
        if text.isdigit() and text[0] != 48 and len(text) <= _LONGEST_NUMBER:
            return int(text)
        found = self._numbers.setdefault(text, -1 - len(self._texts))
        if found == -1 - len(self._texts):
            self._texts.append(text)
        return found

    def text(self, number: int) -> str:
        """The name as the file has it."""
        if number >= 0:
            return str(number)
        return self._texts[-1 - number].decode("gb18030", "replace")


class Piece(NamedTuple):
    """A run of coordinates of an object: `shape` as in 2007 (11 polyline, 12 three-point arc …).

    `start` and `size` point into `Objects.xy`; `numbers` are radius, ratio and angles.
    """

    shape: int
    start: int
    size: int
    numbers: tuple[float, ...] = ()


@dataclass
class Objects:
    """The objects of one section, in the order of the file.

    Attributes
    ----------
    ids : list of int
        See `Names`.
    codes : list of str
        Feature codes.
    at : list of int
        Lines of the file where they begin.
    pieces : list of list of Piece
        Coordinates: of a direct polygon one piece a ring.
    refs : list of list of (int, bool, int)
        Line number, reversed, ring; empty for direct coordinates.
    kinds : list of int
        1 direct, 21 by lines, 22 by polygons; of points their type.
    texts : list of bytes
        Of annotations.
    problems : dict of str to dict of int to None
        What was suspicious, and with which objects.
    xy : ndarray, shape (n, 2)
        Columns as in the file; NaN where a number cannot be read.
    """

    ids: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    pieces: list[list[Piece]] = field(default_factory=list)
    refs: list[list[tuple[int, bool, int]]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    problems: dict[str, dict[int, None]] = field(default_factory=dict)
    xy: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))

    def mark(self, what: str, index: int) -> None:
        """Object `index` is suspicious."""
        self.problems.setdefault(what, {})[index] = None


class _Broken(Exception):
    """An object does not follow the grammar."""


class _Reader:
    """Reads the objects of one section: `lines`, with a cursor `i`."""

    def __init__(self, section: Section, codes: set[bytes], names: Names, topology: str) -> None:
        self.kind = section.name
        self.lines = section.lines
        self.numbers = section.numbers
        self.codes = codes
        self.names = names
        self.topology = topology
        self.n = len(self.lines)
        self.wide = np.array([b"," in line for line in self.lines], bool)
        plain = np.where(self.wide, self.n, np.arange(self.n))
        self.run_end = np.minimum.accumulate(plain[::-1])[::-1]  # where a run of wide lines ends
        self.runs: list[tuple[int, int]] = []
        self.total = 0
        self.terminated = False
        self.decoded: dict[bytes, str] = {}
        self.i = 0
        self.out = Objects()

    def whole(self) -> int:
        """The number on the current line."""
        if self.i >= self.n:
            raise _Broken
        text = self.lines[self.i]
        if not text.isdigit() or len(text) > 9:
            raise _Broken
        self.i += 1
        return int(text)

    def is_wide(self, i: int) -> bool:
        return i < self.n and bool(self.wide[i])

    def begins(self, i: int) -> bool:
        """Whether an object begins at line `i`, by the feature code on the next line."""
        return i + 1 < self.n and not self.wide[i] and self.lines[i + 1] in self.codes

    def run(self, declared: int | None) -> tuple[int, int]:
        """The run of coordinates at the cursor; all of its lines, whatever was declared."""
        count = int(self.run_end[self.i]) - self.i if self.is_wide(self.i) else 0
        if declared is not None and count != declared:
            self.mark("count")
        if not count:
            raise _Broken
        start = self.total
        self.runs.append((self.i, count))
        self.total += count
        self.i += count
        return start, count

    def optional_count(self) -> int | None:
        return None if self.is_wide(self.i) else self.whole()

    def floats(self, wanted: int) -> tuple[float, ...]:
        """`wanted` numbers, from as many whole lines as they take."""
        found: list[float] = []
        while len(found) < wanted and self.i < self.n:
            try:
                found += [float(word) for word in self.lines[self.i].split(b",")]
            except ValueError as error:
                raise _Broken from error
            self.i += 1
        if len(found) != wanted or not (np.abs(found) <= _FARTHEST).all():
            raise _Broken
        return tuple(found)

    def piece(self, shape: int, extra: dict[int, tuple[int, int]]) -> Piece:
        """A segment or ring; `extra` has centre and axis points and further numbers by shape."""
        if shape in (11, 12, 15):
            start, count = self.run(self.optional_count())
            return Piece(shape, start, count)
        if shape not in extra or not self.is_wide(self.i):
            raise _Broken
        points, further = extra[shape]
        if int(self.run_end[self.i]) - self.i < points:
            raise _Broken
        start = self.total
        self.runs.append((self.i, points))
        self.total += points
        self.i += points
        return Piece(shape, start, points, self.floats(further))

    def refs(self) -> list[tuple[int, bool, int]]:
        """Line numbers: as many as declared, the zeros between rings counted or not."""
        declared = self.whole()
        words: list[bytes] = []
        zeros = 0
        while self.i < self.n and len(words) - zeros < declared:
            line, wide = self.lines[self.i], self.wide[self.i]
            ends = line == b"0" and (len(words) >= declared or self.begins(self.i + 1))
            more = wide or self.lines[self.i + 1 : self.i + 2] == [b"0"]
            if ends or self.begins(self.i) or (len(words) >= declared and not more):
                break
            row = [word.strip() for word in line.split(b",") if word.strip()]
            if not all(word.lstrip(b"+-") for word in row):
                raise _Broken
            words += row
            zeros += row.count(b"0")
            self.i += 1
        if declared not in (len(words), len(words) - zeros):
            self.mark("count")
        return self._signed(words)

    def _signed(self, words: list[bytes]) -> list[tuple[int, bool, int]]:
        found, ring, number = [], 0, self.names.number
        for word in words:
            if word == b"0":
                ring += 1
            elif word[:1] == b"-":
                found.append((number(word[1:]), True, ring))
            else:
                found.append((number(word.lstrip(b"+")), False, ring))
        return found

    def mark(self, what: str) -> None:
        """The object that is being read is suspicious."""
        self.out.mark(what, len(self.out.ids) - 1)

    def point(self) -> None:
        kind = 1 if self.is_wide(self.i) else self.whole()
        declared = self.optional_count()
        expected = declared if declared is not None else 2 if kind == 3 else 1
        self.out.kinds[-1] = kind
        self.out.pieces[-1] = [Piece(11, *self.run(expected))]
        if kind == 2 and self.topology == "2" and self.lines[self.i : self.i + 1] != [b"0"]:
            self.refs()  # the lines that meet at a node

    def line(self) -> None:
        kind = self.whole()
        if kind == 100:
            self.out.kinds[-1] = 21
            self.out.refs[-1] = self.refs()
        elif self.is_wide(self.i + 1):  # 1999: the type is the shape
            self.out.pieces[-1] = [Piece(10 + kind, *self.run(self.whole()))]
            if self.topology == "2" and self.lines[self.i : self.i + 1] != [b"0"]:
                self.i += 4  # nodes and polygons on both sides
        else:
            self.parts({13: (1, 3), 14: (2, 3)})

    def parts(self, extra: dict[int, tuple[int, int]]) -> None:
        """Segments or rings of 2007."""
        declared = self.whole()
        pieces = self.out.pieces[-1]
        while len(pieces) < declared and self.lines[self.i : self.i + 1] != [b"0"]:
            pieces.append(self.piece(self.whole(), extra))
        if len(pieces) != declared:
            self.mark("count")

    def polygon(self) -> None:
        kind = None if self.is_wide(self.i) else self.whole()
        if not self.is_wide(self.i):
            raise _Broken
        self.i += 1  # label point
        following, plain = self.lines[self.i : self.i + 1], not self.is_wide(self.i + 1)
        if kind is not None and following in ([b"21"], [b"22"]) and plain:
            self.out.kinds[-1] = self.whole()
            self.out.refs[-1] = self.refs()
        elif kind == 1 and plain and following != [b"0"]:
            self.parts({13: (1, 1), 14: (2, 1)})
        elif self.has_ring():
            while self.has_ring():
                self.out.pieces[-1].append(Piece(11, *self.run(self.whole())))
        else:
            self.out.kinds[-1] = 21
            self.out.refs[-1] = self.refs()

    def has_ring(self) -> bool:
        """A count and as many lines of coordinates (line numbers stand in fewer lines)."""
        if self.i + 1 >= self.n or not self.lines[self.i].isdigit():
            return False
        declared = int(self.lines[self.i][:9])
        return declared > 2 and int(self.run_end[self.i + 1]) - self.i - 1 == declared

    def annotation(self) -> None:
        """2007: type, text, [n], x,y,angle …; 1999: font, colour, style, size, gap, text, n, …"""
        at = self.i
        stop = next((k for k in range(at, min(at + 9, self.n)) if self.is_wide(k)), self.n)
        is_2007 = self.lines[at : at + 1] in ([b"1"], [b"2"]) and stop - at < 4
        self.i += 1 if is_2007 else 5
        self.out.texts[-1] = b"".join(self.lines[self.i : self.i + 1])
        self.i += 1
        self.out.pieces[-1] = [Piece(11, *self.run(self.optional_count()))]

    def read(self, encoding: str) -> Objects:
        """All objects; one that cannot be read keeps its place, without coordinates."""
        body = getattr(self, self.kind)
        while self.i < self.n:
            if self.lines[self.i] == b"0":
                self.i += 1
                continue
            begin = self.i
            self._header(begin, encoding)
            try:
                body()
                self._finish()
            except _Broken:
                self.mark("broken")
                self.out.pieces[-1], self.out.refs[-1] = [], []
                self.i = self._next(begin)
        self.out.xy = self._coordinates()
        return self.out

    def _finish(self) -> None:
        """In a file whose objects end with 0, what is left of this one is skipped."""
        ends = self.lines[self.i : self.i + 1] == [b"0"]
        if len(self.out.ids) == 1:
            self.terminated = ends
        elif self.terminated and not ends and self.i < self.n and not self.begins(self.i):
            self.mark("count")
            self.i = self._next(self.i - 1)

    def _header(self, begin: int, encoding: str) -> None:
        """Number, code and name; LANDUSE-DAT 1.1 has the last two the other way round."""
        two = self.lines[begin + 1 : begin + 3]
        code = (
            two[-1]
            if len(two) == 2 and two[0] not in self.codes and two[1] in self.codes
            else (two[0] if two else b"")
        )
        out = self.out
        out.ids.append(self.names.number(self.lines[begin]))
        if code not in self.decoded:
            self.decoded[code] = code.decode(encoding, "replace")
        out.codes.append(self.decoded[code])
        out.at.append(int(self.numbers[begin]))
        out.pieces.append([])
        out.refs.append([])
        out.kinds.append(1)
        out.texts.append(b"")
        self.i = begin + 3

    def _next(self, begin: int) -> int:
        """Where the next object begins: after a line ``0``, or by its feature code."""
        for i in range(begin + 2, self.n):
            if self.lines[i - 1] == b"0" or self.begins(i):
                return i
        return self.n

    def _coordinates(self) -> np.ndarray:
        """First two columns of all runs; a number that cannot be read is NaN."""
        chosen: list[bytes] = []
        for start, count in self.runs:
            chosen += self.lines[start : start + count]
        if not chosen:
            return np.empty((0, 2))
        try:
            xy = _pairs(chosen)
        except ValueError:  # some line is no pair of numbers, or has more columns than others
            xy = np.array([_pair(line) for line in chosen])
        xy[~(np.abs(xy) <= _FARTHEST).all(axis=1)] = np.nan
        return xy


def _pairs(lines: list[bytes]) -> np.ndarray:
    names = [str(k) for k in range(lines[0].count(b",") + 1)]
    table = csv.read_csv(
        pa.BufferReader(b"\n".join(lines)),
        read_options=csv.ReadOptions(column_names=names),
        parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names[:2], pa.float64()), include_columns=names[:2]
        ),
    )
    if len(table) != len(lines):
        raise ValueError
    return np.stack([table[name].to_numpy() for name in names[:2]], axis=1)


def _pair(line: bytes) -> tuple[float, float]:
    try:
        x, y = line.split(b",")[:2]
        return float(x), float(y)
    except ValueError:
        return np.nan, np.nan


def read_objects(
    section: Section | None,
    layers: list[Layer],
    head: dict[str, str],
    names: Names,
    encoding: str,
) -> Objects:
    """The objects of a geometry section.

    Parameters
    ----------
    section : Section or None
    layers : list of Layer
        Their codes tell where an object begins after one that is damaged.
    head : dict of str to str
    names : Names
        Shared by all sections.
    encoding : str
    """
    if section is None:
        return Objects()
    separator = head["separator"].encode(encoding, "replace")
    lines = section.lines
    if separator in b";|/\t :" and len(separator) == 1:
        lines = [line.replace(separator, b",") for line in lines]
    # A short code looks like a count.
    codes = {layer.code.encode(encoding, "replace") for layer in layers if len(layer.code) > 3}
    reader = _Reader(replace(section, lines=lines), codes, names, head.get("topo", ""))
    return reader.read(encoding)
