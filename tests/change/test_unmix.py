"""Narrow parcels get their own spectra back from pixels that are all mixtures."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from scipy.ndimage import gaussian_filter

from tests.change.planted import CRS, GRID, SPECTRA, write
from yuxi_gis.change import unmix
from yuxi_gis.change.kinds import KINDS, by_code
from yuxi_gis.change.normalise import Normalisation
from yuxi_gis.read.raster import align, open_scene

FINE = 10  # sub-pixels a side
WIDTH = 1.2  # pixels: a terrace

# What each strip is on both dates, in turn.
BEFORE = ("crop", "soil", "crop", "soil", "crop", "soil", "stubble")
AFTER = ("soil", "water", "crop", "soil", "stubble", "soil", "crop")


def strips(rotation: float) -> gpd.GeoDataFrame:
    """Long strips side by side, slanting through the grid."""
    x, y, size = GRID.c + 200, GRID.f - 200, 10 * WIDTH
    boxes = [shapely.box(x + n * size, y - 150, x + (n + 1) * size, y + 150) for n in range(-8, 9)]
    shapes = gpd.GeoSeries(boxes, crs=CRS).rotate(rotation, origin=(x, y))
    return gpd.GeoDataFrame(
        {"layer": "farmland"}, index=range(len(boxes)), geometry=shapes, crs=CRS
    )


def scene(path: Path, parcels: gpd.GeoDataFrame, names: tuple[str, ...], seed: int) -> Path:
    """The strips through a sensor: fine raster, blur, mean over pixels, noise."""
    from rasterio.features import rasterize

    fine = GRID @ Affine.scale(1 / FINE)
    which = rasterize(
        zip(parcels.geometry, range(1, len(parcels) + 1), strict=True), (400, 400), transform=fine
    )
    table = np.array([SPECTRA["forest"], *(SPECTRA[names[i % len(names)]] for i in parcels.index)])
    ground = table[which].transpose(2, 0, 1)
    blurred = gaussian_filter(ground, (0, 0.5 * FINE, 0.5 * FINE))
    pixels = blurred.reshape(6, 40, FINE, 40, FINE).mean(axis=(2, 4))
    noise = np.random.default_rng(seed).normal(0, 0.002, pixels.shape)
    return write(path, pixels + noise)


@pytest.fixture(params=[0.0, 23.0])
def planted(tmp_path: Path, request: pytest.FixtureRequest):
    parcels = strips(request.param)
    before = scene(tmp_path / "before.tif", parcels, BEFORE, 1)
    after = scene(tmp_path / "after.tif", parcels, AFTER, 2)
    seen = write(
        tmp_path / "seen.tif", np.ones((1, 40, 40)), dtype="uint8", nodata=None, names=None
    )
    return parcels, before, after, seen


def judge(planted, block: int | None = None) -> list[tuple[str, bool] | None]:
    parcels, before, after, seen = planted
    with align(open_scene(before), open_scene(after)) as pair:
        no_haze = Normalisation(np.ones(6), np.zeros(6), np.zeros((2, 6)))
        if block is not None:
            object.__setattr__(pair, "windows", lambda size=block: type(pair).windows(pair, block))
        codes = unmix.whole_kinds(pair, no_haze, parcels, seen)
    return [(by_code(c).id, by_code(c).seasonal) if c else None for c in codes]


def expected(name: tuple[str, str]) -> tuple[str, bool]:
    return {
        ("crop", "soil"): ("bare", True),
        ("soil", "water"): ("water", False),
        ("crop", "stubble"): ("bare", True),
        ("stubble", "crop"): ("planted", True),
    }.get(name, ("other", True))


def test_every_strip_is_told_from_its_neighbours(planted) -> None:
    verdicts = judge(planted)
    pairs = [(BEFORE[i % 7], AFTER[i % 7]) for i in range(len(verdicts))]
    inner = slice(1, -1)  # beyond the outermost strips lies what no parcel covers
    assert verdicts[inner] == [expected(pair) for pair in pairs][inner]


def test_plain_means_would_not_tell_them(planted) -> None:
    """The planted strips are hard: as means of their pixels no pond looks like water."""
    parcels, _, after, _ = planted
    from exactextract import exact_extract

    means = exact_extract(str(after), parcels, ["mean"], output="pandas")
    ponds = [i for i in range(1, 16) if AFTER[i % 7] == "water"]
    nir = means[[c for c in means if c.endswith("mean")][3]].iloc[ponds] / 10_000
    assert (nir > 0.10).all()  # water itself has 0.03


def test_blocks_do_not_matter(planted) -> None:
    assert judge(planted, block=16) == judge(planted)


def test_small_and_unseen_parcels_are_not_judged(planted, tmp_path: Path) -> None:
    parcels, before, after, _ = planted
    dark = write(
        tmp_path / "dark.tif", np.zeros((1, 40, 40)), dtype="uint8", nodata=None, names=None
    )
    assert set(judge((parcels, before, after, dark))) == {None}
    tiny = parcels.assign(geometry=parcels.centroid.buffer(5))
    assert set(judge((tiny, before, after, planted[3]))) == {None}
    assert judge((parcels.iloc[:0], before, after, planted[3])) == []


def test_every_code_is_a_kind() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)
