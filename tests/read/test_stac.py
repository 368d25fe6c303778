"""STAC items of version 1.0 and 1.1: roles, scales, quality, addresses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rasterio.windows import Window

from tests.read.products import ROLES, numbers, raster, refuses, scl
from yuxi_gis.read.raster import align, open_scene
from yuxi_gis.read.stac import read_stac

COMMON = ("blue", "green", "red", "nir", "swir16", "swir22")
METRES = (10, 10, 10, 10, 20, 20)


def asset(name: str, href: str, version: str, offset: float) -> dict[str, object]:
    """An asset of one band, in the words of the version."""
    if version == "1.1":
        return {
            "href": href,
            "roles": ["data"],
            "raster:scale": 1e-4,
            "raster:offset": offset,
            "nodata": 0,
            "bands": [{"name": name, "eo:common_name": name}],
        }
    return {
        "href": href,
        "roles": ["data", "reflectance"],
        "eo:bands": [{"name": name, "common_name": name}],
        "raster:bands": [{"nodata": 0, "scale": 1e-4, "offset": offset}],
    }


def item(folder: Path, version: str = "1.0", offset: float = -0.1, **properties: object) -> Path:
    """A Sentinel-2 item with its files beside it and what catalogues put among the assets."""
    assets: dict[str, object] = {
        "thumbnail": {"href": "preview.jpg", "roles": ["thumbnail"]},
        "visual": {
            "href": "TCI.tif",
            "roles": ["visual"],
            "eo:bands": [{"common_name": name} for name in ("red", "green", "blue")],
        },
        "granule_metadata": {"href": "metadata.xml", "roles": ["metadata"]},
    }
    for number, (name, metres) in enumerate(zip(COMMON, METRES, strict=True)):
        raster(folder / "img" / f"{name}.tif", numbers(number, 480 // metres), metres)
        assets[name] = asset(name, f"./img/{name}.tif", version, offset)
    raster(folder / "img" / "scl.tif", scl(24), 20)
    assets["scl"] = {"href": str(folder / "img" / "scl.tif"), "roles": ["data"]}
    data = {
        "type": "Feature",
        "stac_version": f"{version}.0",
        "id": "S2A_T48RSN_20240305",
        "properties": {
            "datetime": "2024-03-05T03:35:31Z",
            "platform": "sentinel-2a",
            "s2:processing_baseline": "05.10",
            **properties,
        },
        "assets": assets,
    }
    path = folder / "item.json"
    path.write_text(json.dumps(data))
    return path


def changed(path: Path, change) -> Path:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_item_is_a_scene(tmp_path, version):
    scene = open_scene(item(tmp_path, version))
    assert scene.roles == ROLES
    assert (scene.scale, scene.offset) == pytest.approx((1e-4, -0.1))
    assert (scene.date, scene.sensor, scene.shape) == ("2024-03-05", "sentinel-2a", (48, 48))
    assert scene.quality.scheme == "SCL_04"
    assert len(scene.sha256()) == 64
    with align(scene, scene) as pair:
        before, _, seen = pair.read(Window(0, 0, 48, 48))
    assert np.array_equal(before[0][seen], numbers(0, 48)[seen])
    assert 0 < (~seen).sum() < 100


def test_an_offset_that_was_taken_off_already(tmp_path):
    path = item(tmp_path, **{"earthsearch:boa_offset_applied": True})
    assert open_scene(path).offset == 0


def test_no_scale_no_reflectance(tmp_path):
    path = changed(item(tmp_path), lambda d: d["assets"]["red"].pop("raster:bands"))
    assert open_scene(path).scale is None


def test_bands_of_one_file(tmp_path):
    raster(tmp_path / "all.tif", np.stack([numbers(i, 20) for i in range(3)]), 10)
    path = item(tmp_path)
    bands = [{"name": "x"}, {"name": "n", "common_name": "nir"}, {"common_name": "red"}]
    changed(path, lambda d: d.update(assets={"data": {"href": "all.tif", "eo:bands": bands}}))
    scene = open_scene(path)
    assert scene.roles == ("red", "nir")
    with scene.dataset() as data:
        assert np.array_equal(data.read(2), numbers(1, 20))


@pytest.mark.parametrize(
    ("href", "opened"),
    [
        ("https://example.org/a/red.tif", "https://example.org/a/red.tif"),
        ("s3://bucket/red.tif", "s3://bucket/red.tif"),
        ("file:///a%20b/red.tif", "/a b/red.tif"),
        ("/a/red.tif", "/a/red.tif"),
    ],
)
def test_addresses_go_to_gdal_as_they_are(tmp_path, href, opened):
    path = changed(item(tmp_path), lambda d: d["assets"]["red"].update(href=href))
    product = read_stac(str(path))
    assert product is not None
    assert product.parts[product.roles.index("red")].path == opened


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(assets={}),
        lambda d: d.update(assets=[1]),
        lambda d: d.update(assets={"a": 3, "b": {"href": 4}, "c": {"href": "x", "eo:bands": 1}}),
        lambda d: d.update(
            assets={"a": {"href": "x.tif", "eo:bands": [1, {"common_name": "pan"}]}}
        ),
    ],
)
def test_no_usable_assets(tmp_path, change):
    with refuses("no usable bands", "common_name"):
        open_scene(changed(item(tmp_path), change))


def test_a_missing_file(tmp_path):
    path = item(tmp_path)
    (tmp_path / "img" / "nir.tif").unlink()
    with refuses("nir.tif", "not whole"):
        open_scene(path)


@pytest.mark.parametrize(
    "text", ["{}", "[1]", "nothing", '{"type": "FeatureCollection"}', "[" * 9999]
)
def test_other_json(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with refuses("other.json", "cannot be read"):
        open_scene(path)
