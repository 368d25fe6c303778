"""Cut-outs: which tiles are taken, and what is said of those that cannot be."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_bounds

from tests.export.webmap.cutouts import (
    Tiles,
    directory,
    picture,
    pixels,
    tile_at,
    tile_id,
    write_mbtiles,
    write_pmtiles,
)
from yuxi_gis.errors import ParameterError, SourceError
from yuxi_gis.export.webmap.tiles import CutOut, _hilbert, read_tiles

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

WEST, SOUTH, EAST, NORTH = 102.52, 24.34, 102.56, 24.37
BOUNDS = ((SOUTH, WEST), (NORTH, EAST))
ELSEWHERE = ((31.0, 121.0), (31.1, 121.1))

Write = Callable[[Path, Tiles], Path]


def around(level: int) -> list[tuple[int, int, int]]:
    """Tiles that touch BOUNDS, and a ring of others."""
    _, left, top = tile_at(level, WEST, NORTH)
    _, right, bottom = tile_at(level, EAST, SOUTH)
    return [(level, x, y) for x in range(left - 1, right + 2) for y in range(top - 1, bottom + 2)]


def within(level: int) -> set[str]:
    _, left, top = tile_at(level, WEST, NORTH)
    _, right, bottom = tile_at(level, EAST, SOUTH)
    return {f"{level}/{x}/{y}" for x in range(left, right + 1) for y in range(top, bottom + 1)}


def planted(levels: range) -> dict[tuple[int, int, int], bytes]:
    """Each tile has its own colour."""
    tiles = [tile for level in levels for tile in around(level)]
    return {tile: picture(ground=(i % 256, i // 256, 7)) for i, tile in enumerate(tiles)}


def flat(path: Path, tiles: Tiles) -> Path:
    return write_pmtiles(path.with_suffix(".pmtiles"), tiles, packed=False)


def leaves(path: Path, tiles: Tiles) -> Path:
    return write_pmtiles(path.with_suffix(".pmtiles"), tiles, leaf=5)


def mbtiles(path: Path, tiles: Tiles) -> Path:
    return write_mbtiles(path.with_suffix(".mbtiles"), tiles, attribution="Yuxi &amp; <b>co</b>")


def bytes_of(cut: CutOut, key: str) -> bytes:
    return base64.b64decode(cut.pictures[cut.index[key]].partition(",")[2])


KINDS = pytest.mark.parametrize("write", [mbtiles, flat, leaves])


@KINDS
def test_just_the_tiles_that_touch_the_bounds_each_with_its_own_picture(
    tmp_path: Path, write: Write
) -> None:
    tiles = planted(range(12, 16))
    cut = read_tiles(write(tmp_path / "a", tiles), BOUNDS)
    assert set(cut.index) == set().union(*(within(level) for level in range(12, 16)))
    assert cut.levels == (12, 13, 14, 15) and cut.left_out == ()
    for key in cut.index:
        z, x, y = map(int, key.split("/"))
        assert bytes_of(cut, key) == tiles[z, x, y]
    assert cut.pictures[0].startswith("data:image/png;base64,")
    assert cut.attribution in ("Yuxi & co", "Yuxi &co")


@KINDS
def test_equal_tiles_are_kept_once(tmp_path: Path, write: Write) -> None:
    same = picture(ground=(9, 9, 9))
    cut = read_tiles(write(tmp_path / "a", dict.fromkeys(planted(range(14, 17)), same)), BOUNDS)
    assert len(cut.pictures) == 1
    assert len(cut.index) == sum(len(within(level)) for level in range(14, 17))


@KINDS
def test_coarse_levels_come_first_and_what_does_not_fit_is_told(
    tmp_path: Path, write: Write
) -> None:
    path = write(tmp_path / "a", planted(range(12, 17)))
    whole = read_tiles(path, BOUNDS)
    size = {
        level: sum(len(whole.pictures[whole.index[key]]) + 24 for key in within(level))
        for level in whole.levels
    }
    limit = size[12] + size[13] + size[14]
    cut = read_tiles(path, BOUNDS, size_limit=limit)
    assert cut.levels == (12, 13, 14) and cut.left_out == (15, 16)
    assert sum(map(len, cut.pictures)) + 24 * len(cut.index) == limit
    assert read_tiles(path, BOUNDS, size_limit=limit - 1).levels == (12, 13)
    with pytest.raises(ParameterError, match="12") as told:
        read_tiles(path, BOUNDS, size_limit=100)
    assert path.name in told.value.zh and "12 级" in told.value.zh


@KINDS
def test_no_tiles_here(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a", planted(range(12, 14)))
    with pytest.raises(SourceError, match="no tiles within") as told:
        read_tiles(path, ELSEWHERE)
    assert path.name in str(told.value) and path.name in told.value.zh


@KINDS
def test_vector_tiles_are_refused(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a", dict.fromkeys(around(12), b"\x1f\x8b\x08vector"))
    with pytest.raises(SourceError, match="vector tiles, perhaps"):
        read_tiles(path, BOUNDS)


@KINDS
@pytest.mark.parametrize("keep", [0, 60, 0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_told_as_damaged(
    tmp_path: Path, write: Write, keep: float
) -> None:
    path = write(tmp_path / "a", planted(range(12, 16)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep if keep > 1 else keep * len(whole))])
    with pytest.raises(SourceError, match="is damaged") as told:
        read_tiles(path, BOUNDS)
    assert path.name in told.value.zh


@pytest.mark.parametrize("suffix", [".mbtiles", ".pmtiles"])
def test_other_files_and_missing_ones(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with pytest.raises(SourceError, match="no such file"):
        read_tiles(path, BOUNDS)
    path.write_bytes(b"PK\x03\x04" + bytes(500))
    with pytest.raises(SourceError, match="is damaged"):
        read_tiles(path, BOUNDS)


def test_random_bytes_in_the_directories_never_do_worse_than_an_error(tmp_path: Path) -> None:
    path = leaves(tmp_path / "a", planted(range(12, 16)))
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    damaged = 0
    for _ in range(150):
        data = bytearray(whole)
        data[random.integers(0, 900)] = random.integers(0, 256)
        path.write_bytes(data)
        try:
            read_tiles(path, BOUNDS)
        except (SourceError, ParameterError):
            damaged += 1
    assert damaged > 20


def test_directories_that_unpack_to_more_than_any_real_one_are_not_unpacked(
    tmp_path: Path,
) -> None:
    path = flat(tmp_path / "a", planted(range(12, 13)))
    bomb = gzip.compress(bytes(1 << 27), 9)
    data = bytearray(path.read_bytes())
    data[8:24] = len(data).to_bytes(8, "little") + (1 << 14).to_bytes(8, "little")
    data[97] = 2
    path.write_bytes(bytes(data) + bomb)
    with pytest.raises(SourceError, match="is damaged"):
        read_tiles(path, BOUNDS)


def test_a_mbtiles_of_gdal_lies_where_gdal_says(tmp_path: Path) -> None:
    """Written by another program from a georeferenced picture: the rows are counted right."""
    level = 13
    left, top = (256 * n for n in tile_at(level, WEST, NORTH)[1:])
    x, y = pixels(level, 102.54, 24.355)
    rgb = np.full((3, 1024, 1024), 200, dtype="uint8")
    rgb[:, int(y - top), int(x - left)] = (255, 0, 0)
    unit = 40075016.685578488 / 256 / 2**level
    edges = [left * unit, top * unit, (left + 1024) * unit, (top + 1024) * unit]
    west, north, east, south = (
        edge - 20037508.342789244 if i % 2 == 0 else 20037508.342789244 - edge
        for i, edge in enumerate(edges)
    )
    path = tmp_path / "gdal.mbtiles"
    with rasterio.open(
        path, "w", driver="MBTiles", width=1024, height=1024, count=3, dtype="uint8",
        crs="EPSG:3857", transform=from_bounds(west, south, east, north, 1024, 1024),
        TILE_FORMAT="PNG",
    ) as image:  # fmt: skip
        image.write(rgb)
    key = "/".join(map(str, tile_at(level, 102.54, 24.355)))
    with rasterio.MemoryFile(bytes_of(read_tiles(path, BOUNDS), key)) as file, file.open() as tile:
        rows, columns = np.nonzero(tile.read(2) == 0)
    assert (columns.tolist(), rows.tolist()) == ([int(x % 256)], [int(y % 256)])


def test_ids_of_the_specification() -> None:
    """The writer of these tests and the reader, which goes another way, agree with it."""
    told = {(0, 0, 0): 0, (1, 0, 0): 1, (1, 0, 1): 2, (1, 1, 1): 3, (1, 1, 0): 4, (2, 0, 0): 5}
    told[12, 3423, 1763] = 19078479
    for (z, x, y), number in told.items():
        assert tile_id(z, x, y) == number
        assert _hilbert(z, np.array([x]), np.array([y])).tolist() == [number]


def test_runs_and_contiguous_offsets_are_packed() -> None:
    assert directory([(5, 3, 10, 0), (9, 1, 300, 10)]) == bytes(
        [2, 5, 4, 3, 1, 10, 0xAC, 0x02, 1, 0]
    )
