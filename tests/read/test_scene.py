"""Single files and folders: vendors' names, the user's word, what is no scene."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from affine import Affine
from rasterio.rpc import RPC
from rasterio.windows import Window

from tests.read.products import landsat, numbers, raster, refuses, safe, zipped
from yuxi_gis.errors import ParameterError, SceneError
from yuxi_gis.read.raster import align, open_scene

GF2 = "GF2_PMS2_E102.6_N24.3_20210121_L1A0005420001-MSS2"
FOUR = ("blue", "green", "red", "nir")


def bands(count: int, side: int = 20, dtype: str = "uint16") -> np.ndarray:
    return np.stack([numbers(i, side) for i in range(count)]).astype(dtype)


def decided(scene) -> dict[str, tuple[str, str]]:
    return {d.what: (d.value, d.confidence) for d in scene.decisions}


# Gaofen and Ziyuan


def test_a_gaofen_file_is_known_by_its_name(tmp_path):
    scene = open_scene(raster(tmp_path / f"{GF2}.tiff", bands(4), 4))
    assert (scene.roles, scene.date, scene.sensor) == (FOUR, "2021-01-21", "高分二号 GF-2 PMS")
    assert (scene.scale, scene.quality) == (None, None)
    assert decided(scene)["bands"] == ("blue=1 green=2 red=3 nir=4", "high")
    assert decided(scene)["reflectance"][0] == "-"


def test_the_eight_bands_of_gf6(tmp_path):
    path = raster(tmp_path / "GF6_WFV_E102.1_N24.0_20200101_L1A1119950002-2.tiff", bands(8), 16)
    assert open_scene(path).roles == (*FOUR, "rededge", None, "coastal", None)


def test_a_file_with_other_bands_than_the_sensor_is_not_guessed(tmp_path):
    scene = open_scene(raster(tmp_path / f"{GF2}.tiff", bands(2), 4))
    assert scene.roles == (None, None)
    assert decided(scene)["bands"] == ("-", "low")


def test_descriptions_go_before_the_table_of_sensors(tmp_path):
    names = ("red", "green", "blue", "nir")
    scene = open_scene(raster(tmp_path / f"{GF2}.tiff", bands(4), 4, names=names))
    assert scene.roles == names


def test_the_table_of_sensors_goes_before_the_colours_of_the_file(tmp_path):
    path = raster(tmp_path / f"{GF2}.tiff", bands(4, dtype="uint8"), 4, photometric="RGB")
    assert open_scene(path).roles == FOUR


def test_the_vendors_xml_beside_a_renamed_file(tmp_path):
    path = raster(tmp_path / "village.tif", bands(4), 2)
    (tmp_path / "village.xml").write_text(
        "<ProductMetaData><SatelliteID>GF1</SatelliteID><SensorID>PMS1</SensorID>"
        "<ReceiveTime>2020-03-04 03:51:02</ReceiveTime></ProductMetaData>"
    )
    scene = open_scene(path)
    assert (scene.roles, scene.date) == (FOUR, "2020-03-04")


@pytest.mark.parametrize("text", ["", "<a", "<a><SatelliteID/></a>", "\x00\x01"])
def test_any_other_xml_beside_a_file_says_nothing(tmp_path, text):
    path = raster(tmp_path / "village.tif", bands(4), 2)
    (tmp_path / "village.xml").write_text(text)
    assert open_scene(path).sensor is None


def test_the_multispectral_file_of_a_vendors_folder(tmp_path):
    path = raster(tmp_path / "gf" / f"{GF2}.tiff", bands(4), 4)
    raster(tmp_path / "gf" / f"{GF2.replace('MSS2', 'PAN2')}.tiff", bands(1), 1)
    scene = open_scene(tmp_path / "gf")
    assert (scene.roles, scene.sha256()) == (FOUR, open_scene(path).sha256())
    with open_scene(zipped(tmp_path / "gf", tmp_path / "gf.zip")).dataset() as data:
        assert np.array_equal(data.read(), bands(4))


def test_level_1_with_rpcs_only(tmp_path):
    rpc = RPC(
        height_off=1500.0, height_scale=500.0, lat_off=24.3, lat_scale=0.1,
        line_den_coeff=[1.0] * 20, line_num_coeff=[0.0] * 20, line_off=10.0, line_scale=10.0,
        long_off=102.6, long_scale=0.1,
        samp_den_coeff=[1.0] * 20, samp_num_coeff=[0.0] * 20, samp_off=10.0, samp_scale=10.0,
    )  # fmt: skip
    path = raster(tmp_path / f"{GF2}.tiff", bands(4), 4, crs=None, transform=None, rpcs=rpc)
    with refuses("RPC", "Orthorectify"):
        open_scene(path)


# The user's word


def test_the_users_word_goes_before_everything(tmp_path):
    path = raster(tmp_path / f"{GF2}.tiff", bands(4), 4, names=FOUR)
    scene = open_scene(path, {"nir": 1, "red": 4})
    assert scene.roles == ("nir", None, None, "red")
    assert decided(scene)["bands"] == ("nir=1 red=4", "certain")
    with align(scene, scene) as pair:
        assert (pair.roles, pair.before_bands) == (("red", "nir"), (4, 1))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"infrared": 1}, ("no band role infrared", "nir")),
        ({"red": 5}, ("no band 5", "4 nir")),
        ({"red": 0}, ("no band 0",)),
        ({"red": True}, ("no band True",)),
        ({"red": "3"}, ("no band 3",)),
        ({"red": 3, "nir": 3}, ("both red and nir",)),
    ],
)
def test_what_the_user_cannot_say(tmp_path, given, words):
    path = raster(tmp_path / f"{GF2}.tiff", bands(4), 4, names=FOUR)
    with pytest.raises(ParameterError) as caught:
        open_scene(path, given)
    assert all(word in caught.value.en for word in words)
    assert caught.value.zh


def test_a_quality_band_in_the_file(tmp_path):
    data = bands(3)
    data[2] = 4
    data[2, 0, 0], data[2, 1, 1] = 9, 0
    path = raster(tmp_path / "a.tif", data, 10, names=("red", "nir", "SCL"))
    scene = open_scene(path)
    assert (scene.roles, scene.quality.scheme) == (("red", "nir", "quality"), "SCL")
    with align(scene, scene) as pair:
        assert pair.before_bands == (1, 2)
        seen, hidden = pair.read(Window(0, 0, 20, 20))[2], pair.hidden(Window(0, 0, 20, 20))
    assert set(zip(*map(list, hidden.nonzero()), strict=True)) == {(0, 0)}
    assert set(zip(*map(list, (~seen).nonzero()), strict=True)) == {(0, 0), (1, 1)}
    named = open_scene(path, {"red": 1, "quality": 3})
    assert (named.quality.band, named.quality.scheme) == (3, "SCL")


def test_a_quality_band_of_unknown_meaning(tmp_path):
    path = raster(tmp_path / "a.tif", bands(3), 10, names=("red", "nir", "flags"))
    with refuses("band 3", "SCL, QA_PIXEL"):
        open_scene(path, {"red": 1, "quality": 3})


# What is no scene


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with refuses("no scene that is known", "STAC"):
        open_scene(tmp_path)


def test_a_folder_of_many_rasters(tmp_path):
    for name in "ab":
        raster(tmp_path / f"{name}.tif", bands(1), 10)
    with refuses("2 raster files", "a.tif"):
        open_scene(tmp_path)


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.rar", "a.7z"])
def test_other_archives(tmp_path, name):
    (tmp_path / name).write_bytes(b"anything")
    with refuses("Unpack it"):
        open_scene(tmp_path / name)


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x05\x06" + bytes(18)])
def test_damaged_archives(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SceneError):
        open_scene(tmp_path / name)


def test_a_zip_that_climbs_out_reads_nothing_outside(tmp_path):
    raster(tmp_path / "secret.tif", bands(1), 10)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr("../secret.tif", b"nothing")
    with pytest.raises(SceneError):
        open_scene(tmp_path / "a.zip")


def test_the_header_of_an_envi_file(tmp_path):
    raster(tmp_path / "scene", bands(2), 10, driver="ENVI", names=("red", "nir"))
    scene = open_scene(tmp_path / "scene.hdr")
    assert (scene.roles, scene.count) == (("red", "nir"), 2)


# Scenes of different sensors


def test_sentinel_2_against_landsat(tmp_path):
    one, two = open_scene(safe(tmp_path)), open_scene(landsat(tmp_path))
    with align(one, two) as pair:
        assert (pair.grid.transform.a, pair.grid.shape, len(pair.roles)) == (30, (16, 16), 6)
        _, _, seen = pair.read(Window(0, 0, 16, 16))
        hidden = pair.hidden(Window(0, 0, 16, 16))
    assert not seen[0, 0] and hidden[0, 0]  # a 20 m mask pixel hides all that it touches
    assert seen[3:15, 3:15].all() and not hidden[3:15, 3:15].any()


def test_four_bands_against_six(tmp_path):
    one = open_scene(raster(tmp_path / f"{GF2}.tiff", bands(4, dtype="uint8"), 10))
    two = open_scene(safe(tmp_path))
    with align(one, two) as pair:
        assert pair.roles == FOUR
        assert (pair.before_bands, pair.after_bands) == ((1, 2, 3, 4), (1, 2, 3, 4))
    with align(two, one) as pair:
        assert pair.roles == FOUR


def test_rotated_grid_of_a_vendor(tmp_path):
    turned = Affine(4, 0.5, 300_000, 0.5, -4, 2_700_000)
    scene = open_scene(raster(tmp_path / f"{GF2}.tiff", bands(4), 4, transform=turned))
    with align(scene, scene) as pair:
        assert pair.read(Window(0, 0, 20, 20))[2].all()
