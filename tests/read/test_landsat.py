"""Landsat Collection 2 Level-2: TM, ETM+ and OLI, metadata as text and JSON, quality bits."""

from __future__ import annotations

import pytest
from rasterio.windows import Window

from tests.read.products import (
    LANDSAT,
    ROLES,
    landsat,
    mtl,
    mtl_text,
    numbers,
    raster,
    refuses,
    tarred,
)
from yuxi_gis.read.raster import align, open_scene

WHOLE = Window(0, 0, 16, 16)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("oli", ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7")),
        ("tm", ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7")),
        ("etm", ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7")),
    ],
)
@pytest.mark.parametrize("metadata", ["txt", "json"])
def test_bands_of_each_sensor(tmp_path, kind, names, metadata):
    scene = open_scene(landsat(tmp_path, kind, metadata=metadata))
    assert (scene.names, scene.roles) == (names, ROLES)
    assert (scene.scale, scene.offset) == pytest.approx((2.75e-5, -0.2))
    assert (scene.date, scene.nodata, scene.shape) == ("2024-03-05", 0, (16, 16))
    assert scene.quality.scheme == "QA_PIXEL"
    assert {d.what: d.confidence for d in scene.decisions}["reflectance"] == "certain"


def test_without_metadata_the_name_and_the_collection_say_it(tmp_path):
    scene = open_scene(landsat(tmp_path, "tm", metadata=""))
    assert (scene.scale, scene.offset, scene.date) == (2.75e-5, -0.2, "2005-03-05")
    assert {d.what: d.confidence for d in scene.decisions}["reflectance"] == "high"


@pytest.mark.parametrize("how", ["tar", "metadata", "folder of it"])
def test_ways_to_name_it(tmp_path, how):
    folder = landsat(tmp_path / "in")
    path = {
        "tar": lambda: tarred(folder, tmp_path / "scene.tar"),
        "metadata": lambda: folder / f"{LANDSAT['oli']}_MTL.txt",
        "folder of it": lambda: folder.parent,
    }[how]()
    scene = open_scene(path)
    assert scene.roles == ROLES
    with align(scene, open_scene(folder)) as pair:
        before, after, seen = pair.read(WHOLE)
    assert (before == after).all() and seen.any()


@pytest.mark.parametrize(("kind", "radsat"), [("oli", {0, 2}), ("tm", {0, 1}), ("etm", {0, 1})])
def test_what_the_quality_bits_hide(tmp_path, kind, radsat):
    scene = open_scene(landsat(tmp_path, kind))
    with align(scene, scene) as pair:
        hidden, (_, _, seen) = pair.hidden(WHOLE), pair.read(WHOLE)
    expected = {(0, 0), (0, 1), (0, 2)} | {(1, column) for column in radsat}
    assert set(zip(*map(list, hidden.nonzero()), strict=True)) == expected
    assert set(zip(*map(list, (~seen).nonzero()), strict=True)) == expected | {(15, 15)}


def test_without_radsat_only_the_pixel_quality_counts(tmp_path):
    scene = open_scene(landsat(tmp_path, without=("QA_RADSAT",)))
    with align(scene, scene) as pair:
        assert pair.hidden(WHOLE).sum() == 3


@pytest.mark.parametrize("without", ["QA_PIXEL", "SR_B5"])
def test_incomplete_is_refused_unless_the_user_says(tmp_path, without):
    path = landsat(tmp_path, without=(without,))
    with refuses(without, "--bands"):
        open_scene(path)
    assert open_scene(path, {"red": 3}).roles.count("red") == 1


def test_level_1_is_refused(tmp_path):
    folder = landsat(tmp_path)
    for file in folder.iterdir():
        if "_SR_" in file.name:
            file.rename(folder / file.name.replace("L2SP", "L1TP").replace("_SR_", "_"))
    with refuses("Level-1", "L2SP"):
        open_scene(folder)


def test_two_products_in_one_folder(tmp_path):
    landsat(tmp_path, "oli")
    landsat(tmp_path, "tm")
    with refuses("holds 2"):
        open_scene(tmp_path)


def test_bands_of_different_scale_are_of_unknown_reflectance(tmp_path):
    folder = landsat(tmp_path)
    groups = mtl("oli")
    groups["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"]["REFLECTANCE_ADD_BAND_4"] = "-0.1"
    (folder / f"{LANDSAT['oli']}_MTL.txt").write_text(mtl_text(groups))
    assert open_scene(folder).scale is None


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"LANDSAT_METADATA_FILE": 3}', "[" * 5000])
def test_broken_metadata(tmp_path, text):
    folder = landsat(tmp_path, metadata="json")
    (folder / f"{LANDSAT['oli']}_MTL.json").write_text(text)
    with refuses("cannot be understood"):
        open_scene(folder)


def test_a_band_of_another_scene(tmp_path):
    folder = landsat(tmp_path)
    raster(folder / f"{LANDSAT['oli']}_SR_B4.TIF", numbers(0, 16), 30, crs="EPSG:32647")
    with refuses("CRS differs"):
        open_scene(folder)
