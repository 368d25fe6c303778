"""Tiles with planted marks, and the two kinds of cut-out that hold them, made from nothing."""

from __future__ import annotations

import gzip
import math
import sqlite3
import struct
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from rasterio.io import MemoryFile

#: Of each tile (level, column, row from the north) its picture.
Tiles = Mapping[tuple[int, int, int], bytes]


def pixels(level: int, lon: float, lat: float) -> tuple[float, float]:
    """A place in pixels of a level of Web Mercator tiles of 256 pixels."""
    side = 256 * 2.0**level
    down = 0.5 - math.asinh(math.tan(math.radians(lat))) / math.tau
    return (lon / 360 + 0.5) * side, down * side


def tile_at(level: int, lon: float, lat: float) -> tuple[int, int, int]:
    x, y = pixels(level, lon, lat)
    return level, int(x // 256), int(y // 256)


def picture(
    tile: tuple[int, int, int] = (0, 0, 0),
    marks: Iterable[tuple[float, float]] = (),
    ground: tuple[int, int, int] = (255, 255, 255),
    driver: str = "PNG",
) -> bytes:
    """A tile of one colour with a red disc of 7 pixels at each mark (longitude, latitude)."""
    level, column, row = tile
    places = [pixels(level, *mark) for mark in marks]
    places = [(u - 256 * column, v - 256 * row) for u, v in places]
    near = [place for place in places if all(-9 < part < 265 for part in place)]
    return _encoded(tuple(near), ground, driver)


@cache
def _encoded(
    places: tuple[tuple[float, float], ...], ground: tuple[int, int, int], driver: str
) -> bytes:
    rgb = np.empty((3, 256, 256))
    rgb[:] = np.array(ground)[:, None, None]
    y, x = np.mgrid[:256, :256] + 0.5
    for u, v in places:
        within = np.clip(4 - np.hypot(x - u, y - v), 0, 1)
        rgb += within * (np.array([255, 0, 0])[:, None, None] - rgb)
    with MemoryFile() as memory:
        options = {"width": 256, "height": 256, "count": 3, "dtype": "uint8"}
        with memory.open(driver=driver, **options) as image:
            image.write(rgb.round().astype("uint8"))
        return memory.read()


def write_mbtiles(path: Path, tiles: Tiles, **metadata: str) -> Path:
    """MBTiles 1.3; rows are counted from the south."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        database.execute(
            "CREATE TABLE tiles (zoom_level INT, tile_column INT, tile_row INT, tile_data BLOB)"
        )
        database.execute("CREATE UNIQUE INDEX i ON tiles (zoom_level, tile_column, tile_row)")
        database.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
        rows = ((z, x, (1 << z) - 1 - y, data) for (z, x, y), data in tiles.items())
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    return path


def tile_id(level: int, x: int, y: int) -> int:
    """The number of a tile in PMTiles, quarter by quarter from the whole world down.

    The curve runs through the quarters NW, SW, SE, NE (as the ids 1 to 4 of level 1 do); in the
    first it is transposed, in the last transposed the other way.
    """
    number, side = 0, 1 << level
    while side > 1:
        side //= 2
        right, down = x >= side, y >= side
        x, y = x % side, y % side
        number = 4 * number + (
            0 if not right and not down else 1 if not right else 2 if down else 3
        )
        if not down:
            x, y = (side - 1 - y, side - 1 - x) if right else (y, x)
    return (4**level - 1) // 3 + number


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def directory(entries: list[tuple[int, int, int, int]]) -> bytes:
    """Entries (first id, run, length, offset) as the specification packs them."""
    firsts = [0, *(entry[0] for entry in entries)]
    columns = [[b - a for a, b in pairwise(firsts)]]
    columns += [[entry[k] for entry in entries] for k in (1, 2)]
    follows = [False, *(b[3] == a[3] + a[2] for a, b in pairwise(entries))]
    columns += [[0 if f else entry[3] + 1 for f, entry in zip(follows, entries, strict=True)]]
    numbers = [len(entries), *(value for column in columns for value in column)]
    return b"".join(map(varint, numbers))


def write_pmtiles(
    path: Path, tiles: Tiles, *, packed: bool = True, leaf: int = 0, kind: int = 2
) -> Path:
    """PMTiles 3; equal neighbours share a run, `leaf` entries go into each further directory."""
    ids = sorted((tile_id(*tile), data) for tile, data in tiles.items())
    entries: list[tuple[int, int, int, int]] = []
    body, placed = b"", {}
    for number, data in ids:
        if data not in placed:
            placed[data] = len(body)
            body += data
        last = entries[-1] if entries else None
        if last and last[0] + last[1] == number and last[3] == placed[data]:
            entries[-1] = (last[0], last[1] + 1, last[2], last[3])
        else:
            entries.append((number, 1, len(data), placed[data]))
    pack = gzip.compress if packed else bytes
    leaves = b""
    if leaf:
        root = []
        for start in range(0, len(entries), leaf):
            part = pack(directory(entries[start : start + leaf]))
            root.append((entries[start][0], 0, len(part), len(leaves)))
            leaves += part
        entries = root
    parts = [pack(directory(entries)), pack(b'{"attribution": "<a href=x>Yuxi</a> &amp; co"}')]
    parts += [leaves, body]
    starts = np.cumsum([127, *map(len, parts)])
    places = [value for pair in zip(starts, map(len, parts), strict=False) for value in pair]
    levels = [tile[0] for tile in tiles]
    header = b"PMTiles\x03" + struct.pack("<8Q3Q", *map(int, places), 0, 0, 0)
    header += bytes([1, 2 if packed else 1, 1, kind, min(levels), max(levels)])
    header += struct.pack("<4iB2i", -1800000000, -850000000, 1800000000, 850000000, 0, 0, 0)
    path.write_bytes(header + b"".join(parts))
    return path
