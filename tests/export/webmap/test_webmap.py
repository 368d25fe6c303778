"""The web map as a file: what is in the page, and what may not be."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from folium.plugins import MiniMap
from folium.raster_layers import ImageOverlay
from pyproj import Transformer
from rasterio.transform import from_origin

from tests.export.webmap.unpacked import everything_in, layers_of
from yuxi_gis.catalog import load_catalog
from yuxi_gis.codes import Masking
from yuxi_gis.errors import CRSError, OutputError, ParameterError, SceneError
from yuxi_gis.export.webmap import VectorLayer, make_map, write_map
from yuxi_gis.export.webmap.page import check_offline
from yuxi_gis.export.webmap.scenes import picture
from yuxi_gis.read.vector import read_layers
from yuxi_gis.resources import folder

EAST, NORTH = 554_000.0, 2_690_000.0
CODES = [f"53040210320300000{i:02d}" for i in range(4)]


def farmland(**columns: Any) -> gpd.GeoDataFrame:
    """Four square fields of 900 m² in a row."""
    shapes = [shapely.box(EAST + 40 * i, NORTH, EAST + 40 * i + 30, NORTH + 30) for i in range(4)]
    fields = {"DKBM": CODES, "DKLB": ["10", "10", "21", "77"], "SCMJ": 900.0, "ZJRXM": "李小明"}
    return gpd.GeoDataFrame({**fields, **columns}, geometry=shapes, crs=4543)


def patches() -> gpd.GeoDataFrame:
    fields = {
        "JCBH": ["1", "2"],
        "kind": ["built", "bare"],
        "seasonal": [False, True],
        "MJ": [900.0, 600.0],
        "MJ_MU": [1.35, 0.9],
    }
    return gpd.GeoDataFrame(fields, geometry=list(farmland().geometry[:2]), crs=4543)


def findings() -> gpd.GeoDataFrame:
    fields = {
        "rule": ["T01", "S09"],
        "severity": ["error", "warning"],
        "layer": "farmland",
        "feature": [CODES[0], ""],
        "message_zh": ["边界自相交。", "缺少字段 DKMC。"],
        "message_en": ["Self-intersection.", "Field DKMC is missing."],
        "area_m2": [2000 / 3, np.nan],
    }
    return gpd.GeoDataFrame(fields, geometry=[shapely.Point(EAST, NORTH), None], crs=4543)


def html(*args: Any, **kwargs: Any) -> str:
    return make_map(*args, **kwargs).get_root().render()


def carries(page: str, text: str) -> bool:
    """Whether a text is in the page, packed or not."""
    return text.encode() in everything_in(page)


# --- Nothing comes from outside ---------------------------------------------------------------


def test_page_has_no_cdn_and_passes_its_own_check() -> None:
    page = html({"farmland": farmland()})
    for word in ("jsdelivr", "cdnjs", "jquery", "bootstrap", "googleapis", "openstreetmap"):
        assert word not in page.lower()
    assert len(check_offline(page).scripts) == 3


@pytest.mark.parametrize(
    "addition",
    [
        folium.TileLayer("OpenStreetMap"),
        MiniMap(tile_layer=folium.TileLayer("OpenStreetMap")),
        folium.raster_layers.ImageOverlay("https://x.cn/a.png", [[24, 102], [25, 103]]),
    ],
    ids=["tiles", "plugin", "image"],
)
def test_folium_parts_that_load_are_refused(addition: Any) -> None:
    result = make_map({"farmland": farmland()})
    addition.add_to(result)
    with pytest.raises(OutputError, match="https://"):
        result.get_root().render()


@pytest.mark.parametrize(
    "part",
    [
        '<script src="https://a.cn/x.js"></script>',
        '<script src="x.js"></script>',
        '<link rel="stylesheet" href="//a.cn/x.css">',
        '<img src="http://a.cn/x.png">',
        '<img srcset="x.png 2x">',
        "<iframe src='data:text/html,hi'></iframe>",
        '<a href="javascript:alert(1)">x</a>',
        '<form action="http://a.cn"></form>',
        '<base href="http://a.cn/">',
        '<meta http-equiv="Refresh" content="0;url=http://a.cn">',
        "<style>@import 'x.css';</style>",
        "<style>p { background: url( 'http://a.cn/x.png') }</style>",
        '<p style="background:url(http://a.cn/x.png)"></p>',
        '<script>fetch("https://a.cn/data.json")</script>',
        "<script>new WebSocket('wss://a.cn')</script>",
        '<svg><image xlink:href="http://a.cn/x.png"/></svg>',
        '<object data="x.swf"></object>',
    ],
)
def test_check_refuses_outside_addresses(part: str) -> None:
    page = "<!DOCTYPE html><html><head></head><body>{}</body></html>"
    check_offline(page.format("<p>https://a.cn is only a text</p>"))
    with pytest.raises(OutputError):
        check_offline(page.format(part))


def test_policy_allows_just_the_scripts_and_styles_of_the_page() -> None:
    page = html({"farmland": farmland()})
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    assert "default-src 'none'" in policy and "unsafe" not in policy
    audit = check_offline(page)
    for text in (*audit.scripts, *audit.styles):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert page.index("Content-Security-Policy") < page.index("<script")


def test_vendored_files_are_the_ones_of_the_readme_with_their_licence() -> None:
    assets = files("yuxi_gis.export.webmap") / "assets"
    listed = re.findall(r"^ {4}([0-9a-f]{64})  (\S+)$", (assets / "README.md").read_text(), re.M)
    assert sorted(name for _, name in listed) == [
        "inflate/pako_inflate.js",
        "leaflet/leaflet.css",
        "leaflet/leaflet.js",
    ]
    for digest, name in listed:
        assert hashlib.sha256((assets / name).read_bytes()).hexdigest() == digest
    assert "BSD 2-Clause" in (assets / "leaflet" / "LICENSE").read_text()
    assert "MIT" in (assets / "inflate" / "LICENSE").read_text()


# --- Text from data ---------------------------------------------------------------------------

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7*7 }}{% raw %}{# x #}",
    "{{ ''.__class__.__mro__ }}",
    "<!--<script>",
    "line\u2028and\u2029end",
    "lone \ud800 surrogate",
    "\u202eright to left",
    "https://example.com/x.js",
    "@import url(http://example.com)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    # As an object: half a character cannot be in a column of text.
    frame = farmland(DKBM=pd.Series([text] * 4, dtype=object))
    frame.attrs["source"] = f"C:\\secret\\{text.replace('/', '')}"
    shown = text.encode("utf-8", "replace").decode()
    other = frame[["DKBM", "geometry"]].rename(columns={"DKBM": shown})
    page = html({"farmland": frame, text: other}, title=text)
    data = layers_of(page)
    assert data["farmland"].keys[0] == shown.strip()
    assert data[shown].title == shown and data[shown].fields == [shown]
    assert unescape(re.search("<title>(.*?)</title>", page, re.S)[1]) == shown
    assert unescape(re.search("<h1>(.*?)</h1>", page, re.S)[1]) == shown
    assert len(check_offline(page).scripts) == 3
    assert "<img" not in page
    assert "secret" not in page


def test_personal_data_are_masked_unless_asked_for() -> None:
    frame = farmland(户主电话=["13887654321"] * 4)
    page = html({"farmland": frame})
    assert layers_of(page)["farmland"].rows[0]["指界人姓名"] == "李**"
    assert not carries(page, "李小明") and not carries(page, "13887654321")
    assert '<meta name="yuxi-gis-masking" content="ids phones names">' in page
    assert "已遮盖" in page
    named = html({"farmland": frame}, masking=Masking(names=False))
    assert carries(named, "李小明") and not carries(named, "13887654321") and "请勿外传" in named


def test_personal_data_of_an_unknown_layer_are_masked() -> None:
    """Its columns are all shown, so their titles and values must tell."""
    frame = farmland(户主=["李小明"] * 4, col=["13887654321"] * 4, 备注="电话13887654321")
    page = html({"ledger": frame})
    assert not carries(page, "李小明") and not carries(page, "13887654321")
    assert carries(html({"ledger": frame}, masking=Masking(phones=False)), "13887654321")


def test_machine_paths_stay_out() -> None:
    frame = farmland()
    frame.attrs.update(source="/home/someone/private/village.gpkg", table="DK")
    page = html({"farmland": frame})
    assert "village.gpkg · DK" in page and "someone" not in page and "/home" not in page


# --- What is shown ----------------------------------------------------------------------------


def test_popup_has_titles_decoded_codes_and_areas() -> None:
    page = html({"farmland": farmland()})
    assert layers_of(page)["farmland"].rows[0] == {
        "地块代码": CODES[0],
        "地块类别": "承包地块 [10]",
        "实测面积": "900.00 m²",
        "面积（亩）": "1.35",
        "指界人姓名": "李**",
    }
    english = layers_of(page, "en")["farmland"]
    assert english.rows[0]["Parcel code"] == CODES[0]
    assert english.title == "Contracted farmland"
    cropland = gpd.GeoDataFrame(
        {"YJJBNTTBBH": ["1"], "YJJBNTTBMJ": [2000.0]}, geometry=farmland().geometry[:1], crs=4543
    )
    page = html({"protected_cropland": cropland})
    assert layers_of(page)["protected_cropland"].rows[0]["面积（亩）"] == "3.00"


def test_legend_lists_the_categories_that_occur_and_loses_no_feature() -> None:
    layer = layers_of(html({"farmland": farmland()}))["farmland"]
    assert layer.legend == [("承包地块", 2), ("自留地", 1), ("其他", 1)]
    assert sorted(layer.category) == [0, 0, 1, 2]


def test_possibly_seasonal_patches_are_a_layer_of_their_own_dashed_and_lighter() -> None:
    layers = layers_of(html({}, patches=patches()))
    sure, unsure = layers["patches"].symbols[0], layers["seasonal_patches"].symbols[0]
    assert not sure["dash"] and unsure["dash"]
    assert unsure["fillOpacity"] < 0.5 * sure["fillOpacity"]
    assert layers["seasonal_patches"].rows[0]["面积（亩）"] == "0.90"
    assert layers["patches"].head["show"] and not layers["seasonal_patches"].head["show"]


def test_possibly_seasonal_parcels_say_so_in_the_legend() -> None:
    changed = patches().assign(layer="farmland", feature="1")
    (sure, _), (unsure, _) = layers_of(html({}, changed_parcels=changed))["changed_parcels"].legend
    assert "季节" in unsure and "季节" not in sure


def test_findings_show_message_and_mu_and_those_without_a_place_are_counted() -> None:
    page = html({"farmland": farmland()}, findings=findings())
    layer = layers_of(page)["findings"]
    assert layer.count == 1 and "pin" in layer.head["categories"][0]
    row = layer.rows[0]
    assert row["说明"] == "边界自相交。" and row["程度"] == "错误"
    assert row["规则"].startswith("T01 ") and len(row["规则"]) > 5
    assert row["所在图层"] == "农村承包地" and row["面积（亩）"] == "1.00"
    assert "未绘出" in page
    assert layers_of(page, "en")["findings"].rows[0]["Message"] == "Self-intersection."


def test_layers_are_drawn_from_admin_up_to_findings() -> None:
    one = farmland()[["geometry"]]
    layers = {"idle_land": one, "own": one.assign(x="1"), "farmland": farmland(), "admin": one}
    changed = patches().assign(layer="farmland", feature="1")
    page = html(layers, findings=findings(), patches=patches(), changed_parcels=changed)
    land = ["admin", "farmland", "idle_land", "own"]
    results = ["changed_parcels", "seasonal_patches", "patches", "findings"]
    assert list(layers_of(page)) == land + results


def test_features_without_a_place_are_skipped() -> None:
    frame = farmland()
    frame.loc[0, "geometry"] = None
    frame.loc[1, "geometry"] = shapely.Polygon()
    assert sorted(layers_of(html({"farmland": frame}))["farmland"].keys) == CODES[2:]


@pytest.mark.parametrize("crs", [4543, 4522, 4490, 32648])
def test_every_crs_lands_on_the_same_degrees(crs: int) -> None:
    frame = farmland().to_crs(crs)
    frame.geometry = shapely.force_3d(frame.geometry.array, 1800.0)
    layer = layers_of(html({"farmland": frame}))["farmland"]
    ring = shapely.get_coordinates(layer.shapes[layer.keys.index(CODES[0])])
    want = Transformer.from_crs(4543, 4326, always_xy=True).transform(EAST, NORTH)
    assert np.abs(ring - want).max(axis=1).min() <= 0.51e-6


def test_every_official_layer_with_geometry_is_drawn_areas_below_lines_below_points() -> None:
    shapes = farmland().geometry
    kinds = {"Polygon": shapes, "LineString": shapes.boundary, "Point": shapes.centroid}
    rank = {kind: place for place, kind in enumerate(kinds)}
    catalog = load_catalog()
    layers = {
        layer_id: gpd.GeoDataFrame({spec.key: CODES}, geometry=kinds[spec.geometry])
        for layer_id, spec in catalog.items()
        if not spec.is_table
    }
    drawn = layers_of(html(layers))
    assert sorted(drawn) == sorted(layers)
    ranks = [rank[catalog[layer_id].geometry] for layer_id in drawn]
    assert ranks == sorted(ranks) and set(ranks) == {0, 1, 2}
    for layer_id, layer in drawn.items():
        spec = catalog[layer_id]
        assert sorted(layer.keys) == CODES
        assert {shape.geom_type for shape in layer.shapes} == {spec.geometry}
        assert {symbol["shape"] for symbol in layer.symbols} == {spec.geometry}


def test_tables_without_geometry_are_left_out() -> None:
    ledger = pd.DataFrame({"ZDDM": ["530425100201JC00001"]})
    bare = gpd.GeoDataFrame(ledger)  # has no column of geometry either
    tables = {"homestead": ledger, "idle_land": bare, "own": ledger}
    assert list(layers_of(html({"farmland": farmland(), **tables}))) == ["farmland"]
    with pytest.raises(ParameterError, match="has geometry"):
        make_map(tables)


def test_a_table_that_was_given_geometry_is_drawn_with_its_titles() -> None:
    page = html({"contract_parcel": farmland()[["DKBM", "geometry"]]})
    layer = layers_of(page)["contract_parcel"]
    assert (layer.title, layer.fields) == ("承包地块信息", ["地块代码"])
    assert layer.legend == [("承包地块信息", 4)]


def test_an_empty_layer_is_listed() -> None:
    page = html({"farmland": farmland()[:0], "homestead": farmland()[["geometry"]]})
    assert layers_of(page)["farmland"].count == 0


# --- Scenes -----------------------------------------------------------------------------------


def test_one_parcel_far_off_does_not_make_the_others_a_speck() -> None:
    """A broken coordinate opened the page on half of Asia, with nothing to be seen."""
    boxes = [shapely.box(x, 24.3, x + 0.001, 24.301) for x in np.linspace(102.5, 102.55, 60)]
    stray = shapely.box(150, -10, 150.001, -9.999)
    near = gpd.GeoDataFrame(geometry=boxes, crs=4326)
    whole = layer_bounds(near)
    assert whole == pytest.approx((102.5, 24.3, 102.551, 24.301))
    west, _, east, _ = layer_bounds(gpd.GeoDataFrame(geometry=[*boxes, stray], crs=4326))
    assert west >= 102.5 and east <= 102.551 and east - west > 0.045
    # A hamlet some way off is still seen.
    hamlet = shapely.box(102.9, 24.3, 102.901, 24.301)
    with_hamlet = layer_bounds(gpd.GeoDataFrame(geometry=[*boxes, hamlet], crs=4326))
    assert with_hamlet == pytest.approx((102.5, 24.3, 102.901, 24.301))


def layer_bounds(frame: gpd.GeoDataFrame) -> tuple[float, ...]:
    bounds = VectorLayer(frame).encoded.bounds
    assert bounds is not None
    return bounds


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """60 × 40 pixels of 10 m, nodata in the first five rows, descriptions out of RGB order."""
    values = np.random.default_rng(0).integers(1000, 2000, (4, 40, 60), dtype="uint16")
    values[:, :5] = 0
    values[2, 20:30, 20:30] = 9000  # red
    path = tmp_path / "scene_20240501.tif"
    place = from_origin(EAST, NORTH + 400, 10, 10)
    with rasterio.open(
        path, "w", driver="GTiff", width=60, height=40, count=4, dtype="uint16",
        crs="EPSG:4543", transform=place, nodata=0,
    ) as data:  # fmt: skip
        data.write(values)
        data.descriptions = ("blue", "green", "red", "nir")
    return path


def pixels(url: str) -> np.ndarray:
    with rasterio.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as image:
        return image.read()


def test_scene_is_warped_to_web_mercator_with_transparent_nodata(scene: Path) -> None:
    image = picture(scene)
    (south, west), (north, east) = image.bounds
    to_web = Transformer.from_crs(4326, 3857, always_xy=True)
    from_scene = Transformer.from_crs(4543, 3857, always_xy=True)
    left, bottom = to_web.transform(west, south)
    right, top = to_web.transform(east, north)
    red, _, _, alpha = pixels(image.url)
    rows, columns = red.shape

    def at(x: float, y: float) -> tuple[int, int]:
        x, y = from_scene.transform(x, y)
        return int((top - y) / (top - bottom) * rows), int((x - left) / (right - left) * columns)

    inside = at(EAST + 250, NORTH + 400 - 250)
    assert red[inside] > 230 and alpha[inside] == 255
    for x, y in ((203, 203), (297, 203), (203, 297), (297, 297)):  # just inside its corners
        assert red[at(EAST + x, NORTH + 400 - y)] > 180
    for x, y in ((195, 250), (305, 250), (250, 195), (250, 305)):  # just outside its edges
        assert red[at(EAST + x, NORTH + 400 - y)] < 180
    assert alpha[at(EAST + 300, NORTH + 400 - 20)] == 0
    assert image.scene.date == "2024-05-01"


def test_picture_size_is_bounded(scene: Path) -> None:
    assert max(pixels(picture(scene, max_side=30).url).shape[1:]) == 30
    assert max(pixels(picture(scene).url).shape[1:]) <= 4 * 62


def test_scenes_are_named_by_role_and_date_and_hidden_at_first(scene: Path) -> None:
    page = html({"farmland": farmland()}, before=scene, after=scene)
    assert "前时相 · 2024-05-01" in page and "后时相 · 2024-05-01" in page
    assert str(scene.parent) not in page


# --- The sample village -----------------------------------------------------------------------


def test_without_features_the_last_scene_shows(scene: Path) -> None:
    """Else the page opens blank."""
    map_ = make_map({}, before=scene, after=scene)
    shown = [child.show for child in map_._children.values() if isinstance(child, ImageOverlay)]
    assert shown == [False, True]
    map_ = make_map({"farmland": farmland()}, before=scene, after=scene)
    shown = [child.show for child in map_._children.values() if isinstance(child, ImageOverlay)]
    assert shown == [False, False]


def test_village_with_scenes_is_one_page_below_five_megabytes(tmp_path: Path) -> None:
    sample = folder("sample_data")
    layers = read_layers(sample / "village.gpkg")
    scenes = {"before": sample / "scene_before.tif", "after": sample / "scene_after.tif"}
    path = write_map(tmp_path / "map.html", layers, **scenes)
    assert path.stat().st_size < 5e6
    data = layers_of(path.read_text(encoding="utf-8"))
    assert {"farmland", "homestead", "protected_cropland", "landuse", "admin"} <= set(data)
    for name, frame in layers.items():
        placed = ~(shapely.is_missing(frame.geometry) | shapely.is_empty(frame.geometry))
        assert data[name].count == placed.sum()


# --- Bad input --------------------------------------------------------------------------------


def test_bad_input_is_refused_and_leaves_nothing(tmp_path: Path, scene: Path) -> None:
    path = tmp_path / "map.html"
    bad: list[tuple[type[Exception], dict[str, Any]]] = [
        (ParameterError, {"layers": {}}),
        (ParameterError, {"layers": {"farmland": farmland()}, "lang": "fr"}),
        (ParameterError, {"layers": {"patches": farmland()}, "patches": patches()}),
        (CRSError, {"layers": {"farmland": farmland().set_crs(None, allow_override=True)}}),
        (SceneError, {"layers": {"farmland": farmland()}, "before": tmp_path / "no.tif"}),
    ]
    for error, arguments in bad:
        with pytest.raises(error):
            write_map(path, **arguments)
    assert [p.name for p in tmp_path.iterdir()] == [scene.name]


def test_existing_file_is_kept_without_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "map.html"
    path.write_text("mine")
    with pytest.raises(OutputError):
        write_map(path, {"farmland": farmland()})
    assert path.read_text() == "mine"
    assert write_map(path, {"farmland": farmland()}, overwrite=True) == path
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_source_frames_are_not_changed() -> None:
    frame, copy = farmland(), farmland()
    html({"farmland": frame}, patches=patches())
    pd.testing.assert_frame_equal(frame, copy)
