"""The list of suspected changes: order, parcels concerned, pictures, personal data."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from tests.clients.mapping import EAST, NORTH, box, layers, write_scene
from yuxi_gis.catalog import load_catalog
from yuxi_gis.codes import Masking
from yuxi_gis.export.masking import mask_table
from yuxi_gis.export.webmap import changes, make_map
from yuxi_gis.export.webmap.changes import change_list
from yuxi_gis.export.webmap.themes import Theme, layer_theme
from yuxi_gis.units import ellipsoidal_area


def three() -> gpd.GeoDataFrame:
    """A small, a large and a middling (possibly seasonal) patch on fields of 60 m, 70 m apart."""
    shapes = [
        box(1, 1, 30),
        shapely.box(EAST + 30, NORTH, EAST + 90, NORTH + 60),
        box(3, 3, 50),
    ]
    fields = {
        "JCBH": ["000001", "000002", "000003"],
        "kind": ["built", "water", "vegetation_gain"],
        "seasonal": [False, False, True],
        "MJ": [900.0, 3600.0, 2500.0],
        "MJ_MU": [1.35, 5.4, 3.75],
        "confidence": [0.91, np.nan, 0.303],
    }
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=4543)


def themed(frames: dict[str, gpd.GeoDataFrame]) -> list[tuple[Theme, gpd.GeoDataFrame]]:
    specs = load_catalog()
    found = []
    for name, frame in frames.items():
        masked, _ = mask_table(frame, Masking(), specs.get(name))
        found.append((layer_theme(name, masked, specs.get(name)), masked))
    return found


def listed(frames: dict[str, gpd.GeoDataFrame] | None = None, **options: Any) -> dict[str, Any]:
    own = {"farmland": layers()["farmland"]} if frames is None else frames
    return change_list(three(), themed(own), masking=Masking(), **options)


def test_the_largest_comes_first() -> None:
    found = listed()
    assert [item["key"] for item in found["items"]] == ["000002", "000003", "000001"]
    assert [item["m2"] for item in found["items"]] == [3600, 2500, 900]
    assert [item["layer"] for item in found["items"]] == ["patches", "seasonal_patches", "patches"]
    assert [item["confidence"] for item in found["items"]] == [None, 0.3, 0.91]
    assert found["kinds"]["built"] == ("新增建（构）筑物或硬化", "New building or hard surface")
    assert found["chips"] == 0 and found["items"][0]["chip"] is None
    json.dumps(found, allow_nan=False)


def test_parcels_concerned_with_the_area_they_share() -> None:
    large, season, small = (item["parcels"] for item in listed()["items"])
    # 30 × 60 m of the first field, 20 × 60 m of the second one.
    assert [parcel["key"][-2:] for parcel in large] == ["01", "02"]
    assert {parcel["layer"] for parcel in large} == {"farmland"}
    true = ellipsoidal_area(three())[1]
    assert [parcel["m2"] for parcel in large] == pytest.approx([true / 2, true / 3], abs=0.1)
    assert [parcel["share"] for parcel in large] == pytest.approx([0.5, 1 / 3], abs=1e-4)
    assert [parcel["share"] for parcel in season] == pytest.approx([(50 / 60) ** 2], abs=1e-4)
    assert [(parcel["key"][-2:], parcel["share"]) for parcel in small] == [("08", 0.25)]


def test_degrees_and_another_projection_give_the_same_areas() -> None:
    fields = {"farmland": layers()["farmland"].to_crs(4490)}
    planar = [parcel["m2"] for parcel in listed()["items"][0]["parcels"]]
    found = change_list(three().to_crs(4490), themed(fields), masking=Masking())
    assert [p["m2"] for p in found["items"][0]["parcels"]] == pytest.approx(planar, rel=1e-3)


def test_parcels_of_all_layers_are_called_as_on_the_page() -> None:
    around = shapely.box(EAST - 50, NORTH - 50, EAST + 600, NORTH + 400)
    own = gpd.GeoDataFrame({"名称": ["甲", "乙"]}, geometry=[box(9, 9), around], crs=4543)
    landuse = gpd.GeoDataFrame({"BSM": ["1"], "DLBM": ["0101"]}, geometry=[around], crs=4543)
    frames = {**layers(), "landuse": landuse, "own": own}
    parcels = listed(frames)["items"][0]["parcels"]
    assert [(parcel["layer"], parcel["key"][-2:]) for parcel in parcels] == [
        ("own", "乙"),
        ("farmland", "01"),
        ("farmland", "02"),
    ], "neither districts nor land use are parcels"


def test_codes_are_masked_as_on_the_page() -> None:
    person = "53040219900307123X"
    own = gpd.GeoDataFrame({"备注": [person]}, geometry=[box(0, 0, 200)], crs=4543)
    frames = {"own": own}
    text = json.dumps(listed(frames), ensure_ascii=False)
    assert person not in text
    masked = themed(frames)[0][1]["备注"].iloc[0]
    assert listed(frames)["items"][0]["parcels"][0]["key"] == masked


def test_many_parcels_are_counted_not_all_named() -> None:
    x = np.arange(40)
    cells = shapely.box(EAST + 30 + x, NORTH, EAST + 31 + x, NORTH + 60)
    own = gpd.GeoDataFrame({"n": [f"{i:03d}" for i in x]}, geometry=cells, crs=4543)
    item = listed({"own": own})["items"][0]
    assert len(item["parcels"]) == 12 and item["more"] == 28


def test_pictures_of_the_first_as_far_as_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = {
        "before": write_scene(tmp_path / "before_20230501.tif", None),
        "after": write_scene(tmp_path / "after_20240501.tif", box(1, 1, 30)),
    }
    found = listed(**scenes)
    chips = [item["chip"] for item in found["items"]]
    assert found["chips"] == 3 and all(chip.startswith("data:image/") for chip in chips)
    with rasterio.open(io.BytesIO(base64.b64decode(chips[0].split(",")[1]))) as image:
        assert (image.width, image.height) == (644, 360)
    # What may be seasonal comes after the rest.
    monkeypatch.setattr(changes, "MOST_CHIPS", 2)
    assert [item["chip"] is None for item in listed(**scenes)["items"]] == [False, True, False]
    monkeypatch.setattr(changes, "MOST_BYTES", len(chips[0]) + 10)
    found = listed(**scenes)
    assert found["chips"] == 1 and found["items"][0]["chip"] == chips[0]


def test_detail_is_packed_as_webp(tmp_path: Path) -> None:
    """A place so large that pixels are averaged is a photograph."""
    wide = three().assign(geometry=three().buffer(3000))
    scenes = {
        "before": write_scene(tmp_path / "before_20230501.tif", None),
        "after": write_scene(tmp_path / "after_20240501.tif", None),
    }
    found = change_list(wide, [], masking=Masking(), **scenes)
    url = found["items"][0]["chip"]
    assert url.startswith("data:image/webp")
    with rasterio.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as image:
        assert (image.width, image.height) == (644, 360)


def test_without_patches_there_is_no_list() -> None:
    nothing = {"kinds": {}, "chips": 0, "items": []}
    assert change_list(None, [], masking=Masking()) == nothing
    assert change_list(three().iloc[:0], [], masking=Masking()) == nothing
    assert change_list(three().drop(columns="JCBH"), [], masking=Masking()) == nothing


def test_a_patch_without_a_place_is_listed_without_picture_or_parcels(tmp_path: Path) -> None:
    patches = three()
    patches.loc[1, "geometry"] = None
    scenes = {
        "before": write_scene(tmp_path / "before_20230501.tif", None),
        "after": write_scene(tmp_path / "after_20240501.tif", None),
    }
    frames = themed({"farmland": layers()["farmland"]})
    item = change_list(patches, frames, masking=Masking(), **scenes)["items"][0]
    assert item["key"] == "000002" and item["chip"] is None and item["parcels"] == []


def test_the_map_carries_the_list() -> None:
    page = make_map({"farmland": layers()["farmland"]}, patches=three()).get_root().render()
    assert '"key":"000003"' in page.replace(" ", "")
