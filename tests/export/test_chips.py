"""Pictures before | after: the right ground, the same stretch, honest pixels."""

from __future__ import annotations

import base64
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from shapely import box

from tests.change import planted
from tests.export.changed import NORTH, WEST, patches, place, scenes
from yuxi_gis.errors import SceneError
from yuxi_gis.export.chips import HEIGHT, SIDE, WIDTH, Chip, data_url, draw_chips
from yuxi_gis.read.raster import open_scene

STRIP = (HEIGHT - SIDE) // 2
GAP = WIDTH - 2 * SIDE
YELLOW = np.array([255, 230, 0])[:, None, None]


def decoded(chip: Chip) -> NDArray[np.uint8]:
    with warnings.catch_warnings(), MemoryFile(chip.data) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as image:
            return image.read()


def panels(chip: Chip) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pixels = decoded(chip)[:, STRIP : STRIP + SIDE]
    return pixels[:, :, :SIDE], pixels[:, :, SIDE + GAP :]


def drawn(places: gpd.GeoDataFrame, before: Path, after: Path, **options: Any) -> list[Chip]:
    return list(draw_chips(places, open_scene(before), open_scene(after), **options))


def cell(panel: NDArray[np.uint8], shape: Any, at: tuple[float, float]) -> list[int]:
    """Colour of the ground at pixel (row, column) of the scene, in the chip of `shape`."""
    west, south, east, north = shape.bounds
    metres = max(east - west, north - south) + 400
    x, y = WEST + 10 * at[1] + 5, NORTH - 10 * at[0] - 5
    left, top = (west + east - metres) / 2, (south + north + metres) / 2
    column, row = int((x - left) / metres * SIDE), int((top - y) / metres * SIDE)
    return panel[:, row, column].tolist()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return scenes(tmp_path)


def test_shows_the_place_and_around_at_both_dates(pair: tuple[Path, Path]) -> None:
    rows = patches()
    first, second = drawn(rows, *pair)
    assert (first.name, second.name) == ("000001.png", "000002.png")
    assert decoded(first).shape == (3, HEIGHT, WIDTH)
    before, after = panels(first)
    changed, crop = (41, 52), (38, 60)
    shape = rows.geometry[0]
    # Concrete is in the stretch already; what did not change has one colour at both dates.
    assert cell(before, shape, changed) == cell(before, shape, crop) == cell(after, shape, crop)
    assert cell(after, shape, changed) != cell(before, shape, changed)
    assert cell(after, shape, changed) == cell(before, shape, (62, 35))
    assert max(cell(before, shape, crop)) < min(cell(after, shape, changed))


def test_pixels_are_squares_of_the_scene(pair: tuple[Path, Path], tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(0.05, 0.3, (6, 80, 80))
    noisy = planted.write(tmp_path / "noisy.tif", noise)
    shape = place(40, 40, 2, 2)
    (chip,) = drawn(patches(shape), noisy, noisy)
    row = panels(chip)[0][:, 10]
    steps = np.flatnonzero((np.diff(row.astype(int), axis=1) != 0).any(axis=0))
    width = SIDE * 10 / 420  # of a pixel of the scene
    assert 40 <= len(steps) <= 42  # 42 pixels of 10 m side by side
    assert np.diff(steps).min() >= int(width) and np.diff(steps).max() <= int(width) + 1


def test_outline_lies_on_the_patch(pair: tuple[Path, Path]) -> None:
    shape = place(40, 50, 4, 6)
    (chip,) = drawn(patches(shape), *pair)
    scale = SIDE / 460
    for panel in panels(chip):
        line = (panel == YELLOW).all(axis=0)
        rows, columns = np.nonzero(line)
        assert columns.max() - columns.min() == pytest.approx(60 * scale, abs=4)
        assert rows.max() - rows.min() == pytest.approx(40 * scale, abs=4)
        assert (rows.max() + rows.min()) / 2 == pytest.approx(SIDE / 2, abs=2)
        assert not line[SIDE // 2, SIDE // 2]


def test_the_scale_is_true(pair: tuple[Path, Path]) -> None:
    (chip,) = drawn(patches(place(40, 40, 2, 2)), *pair)
    bar = decoded(chip)[0, STRIP + SIDE + 12]
    length = np.argmin(bar[2:] == 0)
    assert length == pytest.approx(200 * SIDE / 420, abs=1)


def test_dates_stand_above(pair: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = (decoded(drawn(patches(), *scenes)[0])[0, :STRIP] for scenes in (pair, pair[::-1]))
    left, right = slice(0, SIDE), slice(SIDE + GAP, WIDTH)
    assert (one[:, left] == two[:, right]).all() and (one[:, left] != two[:, left]).any()
    undated = planted.write(tmp_path / "x.tif", np.full((6, 80, 80), 0.1))
    assert (decoded(drawn(patches(), undated, pair[1])[0])[0, :STRIP, left] == 255).all()


def test_without_blue_the_colours_are_false(tmp_path: Path) -> None:
    names = ("green", "red", "nir")
    image = np.zeros((3, 80, 80)) + np.array([0.1, 0.05, 0.1])[:, None, None]
    image[2, 40:] = 0.4  # leaves: bright in the near infrared
    scene = planted.write(tmp_path / "false.tif", image, names=names)
    shape = place(39, 39, 2, 2)
    (chip,) = drawn(patches(shape), scene, scene)
    bright, dark = (cell(panels(chip)[0], shape, at) for at in ((50, 30), (30, 30)))
    assert bright[0] > dark[0] and bright[1:] == dark[1:]


def test_numbers_of_different_kinds_are_stretched_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    ramp = rng.uniform(0.1, 0.3, (6, 80, 80))
    wide = planted.write(tmp_path / "wide.tif", ramp, tags={})
    narrow = planted.write(tmp_path / "narrow.tif", (ramp * 255).round(), dtype="uint8", tags={})
    (chip,) = drawn(patches(place(40, 40, 2, 2)), wide, narrow)
    for panel in panels(chip):
        assert 100 < panel.mean() < 155


def test_a_brighter_date_of_unknown_units_is_not_all_white(tmp_path: Path) -> None:
    ramp = np.random.default_rng(3).uniform(0.01, 0.02, (6, 80, 80))
    dark = planted.write(tmp_path / "dark.tif", ramp, tags={})
    bright = planted.write(tmp_path / "bright.tif", ramp * 50, tags={})
    (chip,) = drawn(patches(place(40, 40, 2, 2)), dark, bright)
    for panel in panels(chip):
        assert 100 < panel.mean() < 155


def test_ground_without_data_is_grey(pair: tuple[Path, Path], tmp_path: Path) -> None:
    shape = place(0, 0, 3, 3)
    (chip,) = drawn(patches(shape), *pair)
    assert panels(chip)[0][:, 5, 5].tolist() == [128] * 3
    image = np.full((6, 80, 80), 0.2)
    image[:, :40] = 0  # nobody declared it
    empty = planted.write(tmp_path / "empty.tif", image)
    shape = place(39, 39, 2, 2)
    (chip,) = drawn(patches(shape), empty, empty)
    assert cell(panels(chip)[0], shape, (30, 30)) == [128] * 3
    assert cell(panels(chip)[0], shape, (50, 30)) != [128] * 3


def test_the_second_scene_is_moved(pair: tuple[Path, Path]) -> None:
    shape = place(40, 50, 4, 6)
    (still,), (moved,) = (drawn(patches(shape), *pair, shift=s) for s in ((0.0, 0.0), (100.0, 0.0)))
    assert (panels(still)[0] == panels(moved)[0]).all()
    assert cell(panels(moved)[1], shape, (41, 62)) == cell(panels(still)[1], shape, (41, 52))
    assert cell(panels(moved)[1], shape, (41, 52)) != cell(panels(still)[1], shape, (41, 52))


def test_the_move_is_in_units_of_the_places(pair: tuple[Path, Path]) -> None:
    rows = patches(place(40, 50, 4, 6))
    degrees = rows.to_crs(4490)
    west, south, east, north = degrees.total_bounds
    moved = rows.translate(100, 0).to_crs(4490).total_bounds
    shift = ((moved[0] + moved[2] - west - east) / 2, (moved[1] + moved[3] - south - north) / 2)
    (chip,) = drawn(degrees, *pair, shift=shift)
    shape = rows.geometry[0]
    # At (41, 62) lies what was at (41, 52).
    panel = panels(chip)[1]
    assert cell(panel, shape, (41, 62)) != cell(panel, shape, (41, 52))
    assert cell(panel, shape, (41, 52)) == cell(panel, shape, (30, 62))


def test_a_large_place_on_fine_pixels_is_a_jpeg(tmp_path: Path) -> None:
    image = np.random.default_rng(2).uniform(0.05, 0.3, (6, 600, 600))
    fine = planted.write(tmp_path / "fine.tif", image, transform=Affine(1, 0, WEST, 0, -1, NORTH))
    (chip,) = drawn(patches(place(20, 20, 10, 10)), fine, fine)
    assert (chip.name, chip.format) == ("000001.jpg", "jpeg")
    assert decoded(chip).shape == (3, HEIGHT, WIDTH)
    assert len(chip.data) < 200_000


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_scenes_that_measure_no_metres(tmp_path: Path, crs: str) -> None:
    step = 1e-4 if crs == "EPSG:4326" else 11.0
    west, north = (102.2, 24.3) if crs == "EPSG:4326" else (11_376_852.0, 2_790_000.0)
    image = np.full((6, 80, 80), 0.1)
    image[:, 40:44, 40:44] = 0.3
    grid = Affine(step, 0, west, 0, -step, north)
    scene = planted.write(tmp_path / "d.tif", image, crs=crs, transform=grid)
    corner = (west + 40 * step, north - 44 * step, west + 44 * step, north - 40 * step)
    (chip,) = drawn(patches(box(*corner), crs=crs), scene, scene)
    rows, columns = np.nonzero((panels(chip)[0] == YELLOW).all(axis=0))
    assert abs((rows.max() + rows.min()) / 2 - SIDE / 2) <= 3
    assert abs((columns.max() + columns.min()) / 2 - SIDE / 2) <= 3
    # 44 m of 444 m: metres on the ground, not those of the map
    assert rows.max() - rows.min() == pytest.approx(44 / 444 * SIDE, abs=6)


def test_names_stay_in_their_folder(pair: tuple[Path, Path]) -> None:
    rows = patches(place(40, 40, 2, 2), JCBH=["../../等/a b"])
    assert drawn(rows, *pair)[0].name == "______等_a_b.png"


def test_two_runs_give_the_same_bytes(pair: tuple[Path, Path]) -> None:
    assert drawn(patches(), *pair) == drawn(patches(), *pair)


def test_no_places_no_chips(pair: tuple[Path, Path]) -> None:
    assert drawn(patches().iloc[:0], *pair) == []


def test_a_scene_that_is_gone_or_broken_is_told(pair: tuple[Path, Path], tmp_path: Path) -> None:
    image = np.random.default_rng(2).uniform(0.05, 0.3, (6, 80, 80))
    broken = planted.write(tmp_path / "broken.tif", image, compress="deflate")
    found = [open_scene(path) for path in (pair[1], broken)]
    pair[1].unlink()
    data = bytearray(broken.read_bytes())
    data[len(data) // 4 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 4)
    broken.write_bytes(data)
    for scene in found:
        with pytest.raises(SceneError) as error:
            list(draw_chips(patches(), open_scene(pair[0]), scene))
        assert scene.path in error.value.zh and scene.path in error.value.en


def test_for_pages(pair: tuple[Path, Path]) -> None:
    chip = drawn(patches(), *pair)[0]
    head, code = data_url(chip).split(",")
    assert head == "data:image/png;base64" and base64.b64decode(code) == chip.data
