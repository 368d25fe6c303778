"""The tiles of a cut-out (MBTiles, PMTiles version 3) that lie within the map, for inlining.

Both are read in place: directories and single tiles, never the whole file. Only pictures that
every browser shows (PNG, JPEG, WebP) in Web Mercator (EPSG:3857), as both formats have them.
"""

from __future__ import annotations

import base64
import json
import math
import os
import re
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from yuxi_gis.errors import ParameterError, SourceError

__all__ = ["SIZE_LIMIT", "SUFFIXES", "Bounds", "CutOut", "read_tiles"]

#: What a cut-out may add to the page, in bytes.
SIZE_LIMIT = 20_000_000
#: Endings of the files that `read_tiles` can read.
SUFFIXES = (".mbtiles", ".pmtiles")

#: ((south, west), (north, east)) in degrees of WGS 84 or CGCS2000.
Bounds = tuple[tuple[float, float], tuple[float, float]] | list[list[float]]

_DEEPEST = 24
#: What a tile costs in the page besides its picture: its number and the place of its picture.
_ENTRY = 24
_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.S), "image/webp"),
)


@dataclass(frozen=True)
class CutOut:
    """Tiles for the page.

    Attributes
    ----------
    pictures : tuple of str
        ``data:image/…`` URLs, each once.
    index : dict
        Of each tile ``"z/x/y"`` (rows from the north) the number of its picture.
    levels : tuple of int
        Zoom levels that are in the page, the shallowest first.
    left_out : tuple of int
        Deeper levels of the file, which would not fit.
    attribution : str
        What the file says of its origin, as plain text; may be empty.
    """

    pictures: tuple[str, ...]
    index: dict[str, int]
    levels: tuple[int, ...]
    left_out: tuple[int, ...]
    attribution: str


def read_tiles(
    path: str | os.PathLike[str], bounds: Bounds, *, size_limit: int = SIZE_LIMIT
) -> CutOut:
    """Take the tiles that touch `bounds`, level by level from the shallowest, while they fit.

    Parameters
    ----------
    path : path-like
        An ``.mbtiles`` or ``.pmtiles`` file.
    bounds : Bounds
    size_limit : int
        Bytes that the tiles may take in the page, as base64.

    Raises
    ------
    SourceError
        The file is missing, damaged, of another kind, or has vector tiles or none at this place.
    ParameterError
        Not even the shallowest level fits.
    """
    path = Path(path)
    if not path.is_file():
        raise SourceError(f"{path}：没有这个文件。", f"{path}: there is no such file.")
    reader: type[_Source] = _Mbtiles if path.suffix.lower() == ".mbtiles" else _Pmtiles
    try:
        with reader.open(path) as source:
            return _take(path, source, bounds, size_limit)
    except (sqlite3.Error, OSError, EOFError, ValueError, OverflowError, struct.error) as error:
        raise SourceError(
            f"{path}：文件已损坏，或不是它的后缀所说的格式（{error}）。请重新下载或导出。",
            f"{path}: is damaged, or not what its ending says ({error}). Download or export it "
            "again.",
        ) from error


def _take(path: Path, source: _Source, bounds: Bounds, size_limit: int) -> CutOut:
    index: dict[str, int] = {}
    pictures: dict[str, int] = {}
    taken: list[int] = []
    here: list[int] = []
    room = size_limit
    for level in source.levels():
        tiles = None if taken != here else _level(path, source, level, bounds, room, pictures)
        if tiles == {}:
            continue
        here.append(level)
        if tiles is not None:
            taken.append(level)
            index |= {key: pictures.setdefault(url, len(pictures)) for key, url in tiles.items()}
            room = size_limit - sum(map(len, pictures)) - _ENTRY * len(index)
    if not here:
        raise SourceError(
            f"{path}：这里（地图范围内）没有瓦片。请换一个覆盖本地区的切片文件。",
            f"{path}: has no tiles within the map. Take a cut-out of this area.",
        )
    if not taken:
        raise ParameterError(
            f"{path}：连最粗的 {here[0]} 级也超过 {size_limit / 1e6:g} MB 的限额。"
            "请缩小地图范围，或换用级别更少的切片文件。",
            f"{path}: not even level {here[0]}, the coarsest, fits into {size_limit / 1e6:g} MB. "
            "Map a smaller area, or take a cut-out with coarser levels.",
        )
    left = tuple(level for level in here if level not in taken)
    return CutOut(tuple(pictures), index, tuple(taken), left, _plain_text(source.attribution()))


def _level(
    path: Path,
    source: _Source,
    level: int,
    bounds: Bounds,
    room: int,
    known: dict[str, int],
) -> dict[str, str] | None:
    """The data URLs of a level's tiles by ``"z/x/y"``; None if they need more than `room`."""
    columns, rows = _ranges(bounds, level)
    tiles: dict[str, str] = {}
    seen: set[str] = set()
    for x, y, tile in source.tiles(level, columns, rows, room):
        if tile is None:
            return None
        url = _data_url(path, tile)
        room -= _ENTRY + (0 if url in known or url in seen else len(url))
        if room < 0:
            return None
        seen.add(url)
        tiles[f"{level}/{x}/{y}"] = url
    return tiles


Range = tuple[int, int]


def _ranges(bounds: Bounds, level: int) -> tuple[Range, Range]:
    """Columns and rows (from the north) of the tiles that touch `bounds`, both ends included."""
    (south, west), (north, east) = bounds
    side = 1 << level

    def within(fraction: float) -> int:
        return min(max(math.floor(fraction * side), 0), side - 1)

    def down(lat: float) -> float:
        return 0.5 - math.asinh(math.tan(math.radians(max(min(lat, 85.05), -85.05)))) / math.tau

    columns = within(west / 360 + 0.5), within(east / 360 + 0.5)
    return columns, (within(down(north)), within(down(south)))


def _data_url(path: Path, tile: bytes) -> str:
    for magic, kind in _PICTURES:
        if magic.match(tile):
            return f"data:{kind};base64,{base64.b64encode(tile).decode('ascii')}"
    raise _unsuitable(path)


def _unsuitable(path: Path) -> SourceError:
    return SourceError(
        f"{path}：瓦片不是 PNG、JPEG 或 WebP 图片（可能是矢量瓦片），不能作底图。"
        "请用影像或栅格图的切片文件。",
        f"{path}: its tiles are not PNG, JPEG or WebP pictures (vector tiles, perhaps) and cannot "
        "be a basemap. Take a cut-out of raster tiles.",
    )


def _plain_text(text: str) -> str:
    """At most 200 characters, without HTML tags."""
    return " ".join(unescape(re.sub(r"<[^<>]*>", " ", text[:2000])).split())[:200]


# MBTiles ----------------------------------------------------------------------------------------


class _Mbtiles:
    """MBTiles 1.3: SQLite with a table or view ``tiles``, rows counted from the south (TMS)."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[_Mbtiles]:
        # file:///C:/… and file:////server/share/… are how SQLite wants Windows' paths.
        name = path.resolve().as_posix()
        uri = "file://" + quote(name if name.startswith("/") else f"/{name}") + "?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            yield cls(database)

    def levels(self) -> Iterator[int]:
        query = "SELECT 1 FROM tiles WHERE zoom_level = ? LIMIT 1"
        for level in range(_DEEPEST + 1):
            if self._database.execute(query, (level,)).fetchone():
                yield level

    def tiles(
        self, level: int, columns: Range, rows: Range, largest: int
    ) -> Iterator[tuple[int, int, bytes | None]]:
        last = (1 << level) - 1
        found = self._database.execute(
            "SELECT tile_column, tile_row, length(tile_data), "
            "CASE WHEN length(tile_data) <= ? THEN tile_data END FROM tiles WHERE zoom_level = ? "
            "AND tile_column BETWEEN ? AND ? AND tile_row BETWEEN ? AND ? "
            "ORDER BY tile_column, tile_row",
            (largest, level, *columns, last - rows[1], last - rows[0]),
        )
        for x, row, length, tile in found:
            if length and not isinstance(tile, bytes | None):
                raise ValueError("tile_data")
            if length:
                yield int(x), last - int(row), tile

    def attribution(self) -> str:
        query = "SELECT value FROM metadata WHERE name = 'attribution'"
        row = self._database.execute(query).fetchone()
        return str(row[0]) if row and row[0] else ""


# PMTiles ----------------------------------------------------------------------------------------

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Directory:
    """Entries in the order of their first tile; a run of 0 is a further directory."""

    first: Ids
    run: Ids
    length: Ids
    offset: Ids

    @classmethod
    def decode(cls, packed: bytes) -> _Directory:
        numbers = _varints(packed)
        count = next(numbers)
        if not 0 < count <= len(packed) // 4:
            raise ValueError("directory")
        columns = [[next(numbers) for _ in range(count)] for _ in range(4)]
        offset: list[int] = []
        for i, (code, length) in enumerate(zip(columns[3], columns[2], strict=True)):
            if (code == 0 and i == 0) or length == 0:
                raise ValueError("directory entry")
            offset.append(code - 1 if code else offset[-1] + columns[2][i - 1])
        first = np.cumsum(np.array(columns[0], dtype="int64"), dtype="int64")
        if (np.diff(first) <= 0).any() or first[0] < 0:
            raise ValueError("directory order")
        return cls(first, *(np.array(c, dtype="int64") for c in (columns[1], columns[2], offset)))


class _Pmtiles:
    """PMTiles version 3, after its published specification (github.com/protomaps/PMTiles)."""

    #: Root directory and header lie in the first 16 KiB; limits of the other parts, unpacked.
    ROOT, LEAF, METADATA, DEPTH = 1 << 14, 1 << 25, 1 << 22, 4
    #: A level of so many tiles does not fit: it is not even looked through.
    TILES = 1 << 21

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        header = self._read(0, 127)
        if header[:7] != b"PMTiles" or header[7] != 3:
            raise ValueError("PMTiles 3")
        numbers = struct.unpack_from("<8Q", header, 8)
        self._root, self._metadata, self._leaves, self._data = zip(
            numbers[0::2], numbers[1::2], strict=True
        )
        self._packing, self._tile_packing, _, low, high = header[97:102]
        self._levels = range(low, min(high, _DEEPEST) + 1)
        if self._root[1] > self.ROOT:
            raise ValueError("root directory")

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[_Pmtiles]:
        with path.open("rb") as file:
            yield cls(file)

    def levels(self) -> Iterator[int]:
        return iter(self._levels)

    def tiles(
        self, level: int, columns: Range, rows: Range, largest: int
    ) -> Iterator[tuple[int, int, bytes | None]]:
        wide, high = columns[1] - columns[0] + 1, rows[1] - rows[0] + 1
        if wide * high > self.TILES:
            yield columns[0], rows[0], None
            return
        places = np.arange(wide * high, dtype="int64")
        ids = _hilbert(level, columns[0] + places % wide, rows[0] + places // wide)
        order = np.argsort(ids)
        for i, offset, length in self._find(self._root, ids[order], self.DEPTH):
            down, right = divmod(int(order[i]), wide)
            tile = None
            if length <= largest:
                start = self._within(self._data, offset, length)
                tile = _unpack(self._read(start, length), self._tile_packing, largest)
            yield columns[0] + right, rows[0] + down, tile

    def attribution(self) -> str:
        start, length = self._metadata
        if not 0 < length <= self.METADATA:
            return ""
        text = _unpack(self._read(start, length), self._packing, self.METADATA)
        metadata = json.loads(text) if text else {}
        return str(metadata.get("attribution") or "") if isinstance(metadata, dict) else ""

    def _find(self, place: Range, ids: Ids, depth: int) -> Iterator[tuple[int, int, int]]:
        """Position in `ids` (sorted), offset and length of the tiles that are in a directory."""
        start, length = place
        packed = self._read(start, length) if length <= self.LEAF else b""
        unpacked = _unpack(packed, self._packing, self.LEAF)
        if not unpacked or not depth:
            raise ValueError("directory")
        directory = _Directory.decode(unpacked)
        entry = np.searchsorted(directory.first, ids, side="right") - 1
        known = entry >= 0
        run = np.where(known, directory.run[entry], 1)
        hit = known & (run > 0) & (ids < directory.first[entry] + run)
        for i in np.flatnonzero(hit).tolist():
            yield i, int(directory.offset[entry[i]]), int(directory.length[entry[i]])
        for leaf in np.unique(entry[known & (run == 0)]):
            among = np.flatnonzero(entry == leaf)
            offset, length = int(directory.offset[leaf]), int(directory.length[leaf])
            further = self._within(self._leaves, offset, length), length
            for j, at, size in self._find(further, ids[among], depth - 1):
                yield int(among[j]), at, size

    def _within(self, section: Range, offset: int, length: int) -> int:
        """Where in the file a part of a section starts."""
        if offset < 0 or offset + length > section[1]:
            raise ValueError("offset")
        return section[0] + offset

    def _read(self, start: int, length: int) -> bytes:
        if start + length > self._size:
            raise EOFError("PMTiles: cut off")
        self._file.seek(start)
        return self._file.read(length)


def _varints(packed: bytes) -> Iterator[int]:
    """Little-endian groups of seven bits, the top bit set where more follow."""
    value = shift = 0
    for byte in packed:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
    raise ValueError("directory: cut off")


def _unpack(packed: bytes, how: int, largest: int) -> bytes | None:
    """Bytes that are plain (0, 1) or gzip (2); None if they are more than `largest`."""
    if how in (0, 1):
        return packed if len(packed) <= largest else None
    if how != 2:
        raise ValueError("compression: only gzip or none can be read")
    try:
        decoder = zlib.decompressobj(wbits=31)
        plain = decoder.decompress(packed, largest + 1)
    except zlib.error as error:
        raise ValueError(f"gzip: {error}") from error
    if len(plain) > largest:
        return None
    if not decoder.eof:
        raise EOFError("gzip: cut off")
    return plain


def _hilbert(level: int, x: Ids, y: Ids) -> Ids:
    """Tile ids: places on the Hilbert curve of the level, after all tiles of the levels above."""
    ids = np.full(x.shape, (4**level - 1) // 3, dtype="int64")
    for bit in reversed(range(level)):
        side = 1 << bit
        right, low = (x & side) > 0, (y & side) > 0
        ids += side * side * ((3 * right) ^ low)
        # The curve within a quarter is the whole one turned and, on the right, mirrored.
        mirrored = ~low & right
        x, y = np.where(mirrored, side - 1 - x, x), np.where(mirrored, side - 1 - y, y)
        x, y = np.where(low, x, y), np.where(low, y, x)
    return ids


_Source = _Mbtiles | _Pmtiles
