"""Sentinel-2 L2A: folder and zip, resolutions, offset, scene classification, what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.windows import Window

from tests.read.products import ROLES, S2, mtd, numbers, refuses, safe, safe_l1c, zipped
from yuxi_gis.read.raster import align, open_scene

MTD = "MTD_MSIL2A.xml"


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    return safe(tmp_path_factory.mktemp("s2"))


@pytest.fixture(scope="module")
def packed(product, tmp_path_factory):
    return zipped(product, tmp_path_factory.mktemp("zip") / f"{S2}.zip")


@pytest.mark.parametrize("how", ["folder", "folder of it", "zip", "metadata"])
def test_one_raster_on_the_finest_grid(product, packed, how):
    paths = {"folder": product, "folder of it": product.parent, "zip": packed}
    scene = open_scene(paths.get(how, product / MTD))
    assert scene.roles == ROLES
    assert (scene.shape, scene.transform.a, scene.crs.to_epsg()) == ((48, 48), 10, 32648)
    assert (scene.date, scene.sensor, scene.nodata) == ("2024-03-05", "Sentinel-2A MSI L2A", 0)
    assert (scene.scale, scene.offset) == pytest.approx((1e-4, -0.1))
    assert len(scene.sha256()) == 64
    with scene.dataset() as data:
        assert data.descriptions == ("B02", "B03", "B04", "B08", "B11", "B12")
        image = data.read()
    assert np.array_equal(image[0], numbers(0, 48))  # 10 m, not the 20 m copy
    coarse = image[4].astype(float).reshape(24, 2, 24, 2).mean(axis=(1, 3))
    assert np.abs(coarse - numbers(4, 24))[2:-2, 2:-2].max() < 40  # of 4,000


def test_nothing_is_written_beside_the_source(product):
    before = sorted(p.name for p in product.rglob("*"))
    open_scene(product)
    assert sorted(p.name for p in product.rglob("*")) == before


@pytest.mark.parametrize(
    ("baseline", "offset", "expected"),
    [
        ("02.14", None, (1e-4, 0.0)),
        ("04.00", -1000, (1e-4, -0.1)),
        ("05.11", -1000, (1e-4, -0.1)),
        ("05.11", None, (None, None)),  # an offset is promised and not given
    ],
)
def test_reflectance(product, baseline, offset, expected):
    old = (product / MTD).read_text()
    try:
        (product / MTD).write_text(mtd(baseline, offset))
        scene = open_scene(product)
    finally:
        (product / MTD).write_text(old)
    assert (scene.scale, scene.offset) == (
        expected if expected[0] is None else pytest.approx(expected)
    )
    assert scene.quality.scheme == ("SCL" if baseline < "04" else "SCL_04")


def test_the_bands_are_the_same_ground_whatever_the_offset(tmp_path):
    old = open_scene(safe(tmp_path / "a", baseline="03.01", offset=None))
    new = open_scene(safe(tmp_path / "b", add=1000))
    with align(old, new) as pair:
        one, two, seen = pair.read(Window(0, 0, 48, 48))
    reflectance = one * old.scale + old.offset, two * new.scale + new.offset
    assert seen.mean() > 0.9
    assert np.abs(reflectance[0] - reflectance[1])[:, seen].max() < 2e-4


def test_decisions_are_told_in_both_languages(product):
    told = {d.what: d for d in open_scene(product).decisions}
    assert list(told) == ["sensor", "bands", "reflectance", "quality"]
    assert told["bands"].value == "blue=1 green=2 red=3 nir=4 swir1=5 swir2=6"
    assert told["reflectance"].value == "× 0.0001 -0.1"
    assert told["quality"].value == "SCL_04"
    assert all(d.zh and d.en and d.confidence == "certain" for d in told.values())


def test_what_the_classification_hides_is_not_seen(product):
    scene = open_scene(product)
    with align(scene, scene) as pair:
        window = Window(0, 0, 48, 48)
        before, _, in_before, in_after = pair.read_each(window)
        hidden = pair.hidden(window)
    by_class = {code: hidden[:2, 2 * code : 2 * code + 2] for code in range(12)}
    assert {code for code, block in by_class.items() if block.all()} == {1, 2, 3, 8, 9, 10, 11}
    assert not any(by_class[code].any() for code in (0, 4, 5, 6, 7))
    assert not in_before[:2, :8].any()  # with class 0, no data
    assert in_before[:2, 8:16].all() and in_before[2:].all()
    assert np.array_equal(in_before, in_after)
    assert (before[:, ~in_before] == 0).all()


# What is wrong with a product


@pytest.mark.parametrize("without", ["SCL", "B08", "B12"])
def test_incomplete_is_refused_unless_the_user_says(tmp_path, without):
    path = safe(tmp_path, without=(without,))
    with refuses(without, "--bands", "not whole"):
        open_scene(path)
    scene = open_scene(path, {"red": 3, "green": 2})
    assert scene.band("red") == 3
    assert (scene.quality is None) == (without == "SCL")


def test_level_1c_is_refused_with_advice_unless_the_user_says(tmp_path):
    path = safe_l1c(tmp_path)
    with refuses("L1C", "L2A", "--bands"):
        open_scene(path)
    scene = open_scene(path, {"red": 3, "nir": 4})
    assert (scene.scale, scene.count, scene.by_user) == (None, 6, True)


def test_level_2_goes_before_level_1_in_one_folder(tmp_path):
    safe_l1c(tmp_path)
    safe(tmp_path)
    assert open_scene(tmp_path).scale == 1e-4


def test_two_products_in_one_zip(tmp_path):
    safe(tmp_path / "in", side=12)
    safe(tmp_path / "in", side=12, name=S2.replace("0305", "0405"))
    with refuses("holds 2", "Give one"):
        open_scene(zipped(tmp_path / "in", tmp_path / "two.zip"))


@pytest.mark.parametrize("text", ["", "<broken", "<a></a>"])
def test_broken_metadata(product, text):
    old = (product / MTD).read_text()
    try:
        (product / MTD).write_text(text)
        if text == "<a></a>":
            assert open_scene(product).scale is None
        else:
            with refuses("no whole XML"):
                open_scene(product)
    finally:
        (product / MTD).write_text(old)


@pytest.mark.parametrize("keep", [0, 60, 700])
def test_truncated_band(tmp_path, keep):
    product = safe(tmp_path)
    band = next(product.rglob("*B03_10m.jp2"))
    band.write_bytes(band.read_bytes()[:keep])
    with refuses("whole"):
        scene = open_scene(product)
        with align(scene, scene) as pair:
            pair.read(Window(0, 0, 48, 48))


def test_truncated_zip(packed, tmp_path):
    path = tmp_path / "cut.zip"
    path.write_bytes(packed.read_bytes()[:-400])
    with refuses("damaged"):
        open_scene(path)
