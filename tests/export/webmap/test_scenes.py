"""A scene as a picture on the map: its ground, its size, its colours."""

from __future__ import annotations

import base64
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from tests.clients.mapping import layers
from yuxi_gis.export.webmap import make_map
from yuxi_gis.export.webmap.scenes import MAX_SIDE, Picture, picture

WEST, NORTH, SIDE = 552_000.0, 2_693_000.0, 4_000  # metres
#: A bright square of 40 m: west, north.
MARK = (554_000.0, 2_690_400.0)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """4 × 4 km of noise on pixels of 2 m with a mark."""
    path = tmp_path / "scene_20240501.tif"
    values = np.random.default_rng(5).integers(500, 900, (3, SIDE // 2, SIDE // 2), dtype="uint16")
    column, row = int(MARK[0] - WEST) // 2, int(NORTH - MARK[1]) // 2
    values[:, row : row + 20, column : column + 20] = 9000
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE // 2, height=SIDE // 2, count=3, dtype="uint16",
        crs="EPSG:4543", transform=from_origin(WEST, NORTH, 2, 2),
    ) as data:  # fmt: skip
        data.write(values)
        data.descriptions = ("red", "green", "blue")
    return path


def pixels(drawn: Picture) -> NDArray[np.uint8]:
    code = base64.b64decode(drawn.url.split(",")[1])
    with warnings.catch_warnings(), MemoryFile(code) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as image:
            return image.read()


def degrees(x: float, y: float) -> tuple[float, float]:
    return Transformer.from_crs(4543, 4326, always_xy=True).transform(x, y)


def metres_of_a_pixel(drawn: Picture) -> float:
    """Along the ground, west to east."""
    (south, west), (_, east) = drawn.bounds
    width = pixels(drawn).shape[2]
    return float((east - west) * 111_320 * np.cos(np.radians(south)) / width)


def mark_in(drawn: Picture) -> NDArray[np.float64]:
    """The middle of the mark in EPSG:3857, and the side of a picture's pixel."""
    image = pixels(drawn)
    rows, columns = np.nonzero(image[:3].min(axis=0) > 250)
    assert len(rows), "the mark is in the picture"
    # The middle of the mark, whatever single pixels of the noise are as bright.
    row, column = (np.percentile(places, [10, 90]).mean() + 0.5 for places in (rows, columns))
    (south, west), (north, east) = drawn.bounds
    web = Transformer.from_crs(4326, 3857, always_xy=True).transform([west, east], [south, north])
    height, width = image.shape[1:]
    x = web[0][0] + column / width * (web[0][1] - web[0][0])
    y = web[1][1] - row / height * (web[1][1] - web[1][0])
    return np.array([x, y, (web[0][1] - web[0][0]) / width])


@pytest.mark.parametrize("part", [False, True], ids=["whole", "part"])
def test_ground_lies_where_it_is_within_a_pixel(scene: Path, part: bool) -> None:
    around = (*degrees(MARK[0] - 300, MARK[1] - 340), *degrees(MARK[0] + 340, MARK[1] + 300))
    x, y, pixel = mark_in(picture(scene, around=around if part else None))
    true = Transformer.from_crs(4543, 3857, always_xy=True).transform(MARK[0] + 20, MARK[1] - 20)
    assert np.abs([x - true[0], y - true[1]]).max() <= pixel


def test_less_ground_in_more_detail(scene: Path) -> None:
    whole = picture(scene)
    assert max(pixels(whole).shape[1:]) == MAX_SIDE
    around = (*degrees(MARK[0] - 300, MARK[1] - 300), *degrees(MARK[0] + 300, MARK[1] + 300))
    part = picture(scene, around=around)
    assert np.allclose(part.bounds, [around[1::-1], around[:1:-1]], atol=1e-9)
    assert metres_of_a_pixel(whole) > 2 and metres_of_a_pixel(part) < 0.6


def test_no_more_than_the_scene_has(scene: Path) -> None:
    whole = picture(scene, max_side=200)
    for around in ((90.0, 10.0, 110.0, 40.0), (10.0, 10.0, 11.0, 11.0)):
        same = picture(scene, around=around, max_side=200)
        assert np.allclose(same.bounds, whole.bounds, atol=1e-9)
    # Half of the box lies beyond the scene.
    west, south = degrees(WEST - 500, NORTH - 1000)
    east, north = degrees(WEST + 500, NORTH - 500)
    cut = picture(scene, around=(west, south, east, north), max_side=200).bounds
    assert cut[0][1] == pytest.approx(whole.bounds[0][1]) and cut[1][1] == pytest.approx(east)


def test_the_map_shows_the_surroundings_of_its_layers(scene: Path) -> None:
    result = make_map({"farmland": layers()["farmland"]}, after=scene)
    (overlay,) = (c for n, c in result._children.items() if n.startswith("image_overlay"))
    (south, west), (north, east) = overlay.get_bounds()
    bounds = layers()["farmland"].to_crs(4326).total_bounds
    wide, high = bounds[2] - bounds[0], bounds[3] - bounds[1]
    assert np.allclose([east - west, north - south], [2 * wide, 2 * high], rtol=0.01)
    assert overlay.options["pane"] == "yuxi-after"


def test_pictures_are_webp_of_a_bounded_size(scene: Path) -> None:
    drawn = picture(scene)
    assert drawn.url.startswith("data:image/webp;base64,")
    assert pixels(drawn).shape[0] == 4
    # Noise is the worst case.
    assert len(drawn.url) < 1.5 * MAX_SIDE**2
