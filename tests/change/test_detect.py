"""The change step as a whole: files, bad input, blocks, parcels, and pairs without change."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from tests.change.planted import CRS, GRID, ground, look, put, write
from yuxi_gis.change import KINDS, detect_change
from yuxi_gis.change.patches import PATCH_COLUMNS
from yuxi_gis.errors import CRSError, OutputError, ParameterError, SceneError
from yuxi_gis.read import raster

SHAPE = (120, 130)


def area(rows: slice, columns: slice) -> shapely.Polygon:
    """A rectangle of pixels on the map."""
    xs = [GRID.c + GRID.a * column for column in (columns.start, columns.stop)]
    ys = [GRID.f + GRID.e * row for row in (rows.start, rows.stop)]
    return shapely.box(min(xs), min(ys), max(xs), max(ys))


PLANTED = {
    "house": (slice(20, 24), slice(30, 35), "concrete"),
    "pond": (slice(60, 68), slice(50, 58), "water"),
    "harvest": (slice(90, 100), slice(70, 84), "stubble"),
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> tuple[Path, Path]:
    """Two dates of a landscape; on crop: a house of 20 px, a pond of 64, a harvest of 140."""
    folder = tmp_path_factory.mktemp("scenes")
    land = ground(SHAPE)
    for rows, columns, _ in PLANTED.values():
        put(land, rows, columns, "crop")
    later = land.copy()
    for rows, columns, name in PLANTED.values():
        put(later, rows, columns, name)
    return (
        write(folder / "village_20240301.tif", look(land, 1)),
        write(folder / "village_20250304.tif", look(later, 2, gain=0.94)),
    )


@pytest.fixture(scope="module")
def parcels() -> dict[str, gpd.GeoDataFrame]:
    spots = [*[area(r, c) for r, c, _ in PLANTED.values()], area(slice(5, 15), slice(5, 15))]
    fields = gpd.GeoDataFrame({"DKBM": [*PLANTED, "quiet"]}, geometry=spots, crs=CRS)
    village = gpd.GeoDataFrame(
        {"XZQDM": ["530402102003"]}, geometry=[area(slice(0, 120), slice(0, 130))], crs=CRS
    )
    cropland = gpd.GeoDataFrame(
        {"YJJBNTTBBH": ["1"]}, geometry=[area(slice(15, 30), slice(25, 40))], crs=CRS
    ).to_crs(4490)
    return {"farmland": fields.to_crs(4490), "admin": village, "protected_cropland": cropland}


@pytest.fixture(scope="module")
def result(scenes, parcels, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "change"
    return detect_change(*scenes, out, parcels=parcels)


def hashes(*paths: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


# What is written


def test_raster_is_a_cog_on_the_grid_of_the_first_scene(result, scenes):
    with rasterio.open(result.raster) as data, rasterio.open(scenes[0]) as first:
        assert data.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert data.descriptions == ("strength", "changed", "kind")
        assert (data.crs, data.transform, data.shape) == (first.crs, first.transform, first.shape)
        assert data.nodata == -1
        strength, changed, kind = data.read()
    assert set(np.unique(changed)) == {0, 1}
    assert set(np.unique(kind)) <= {0, *(row.code for row in KINDS)}
    assert np.array_equal(changed == 1, kind > 0)
    assert np.array_equal(changed == 1, strength > result.threshold)


def test_tags_say_where_it_came_from(result, scenes):
    with rasterio.open(result.raster) as data:
        tags = data.tags()
    assert [tags["BEFORE_SHA256"], tags["AFTER_SHA256"]] == hashes(*scenes)
    assert tags["BEFORE"] == "village_20240301.tif"
    assert "Nielsen" in tags["METHOD"]
    assert float(tags["THRESHOLD"]) == pytest.approx(result.threshold, rel=1e-4)
    assert tags["YUXI_GIS_VERSION"]
    assert tags["BANDS"] == "blue green red nir swir1 swir2"
    assert (tags["BEFORE_RESAMPLING"], tags["AFTER_RESAMPLING"]) == ("none", "none")
    assert (tags["BEFORE_QUALITY"], int(tags["SAMPLE"])) == ("none", 120 * 130)


def test_folder_holds_the_three_files_only(result):
    names = {path.name for path in result.raster.parent.iterdir()}
    assert names == {"change.tif", "patches.gpkg", "parcels.gpkg"}


def test_patches_are_the_planted_changes(result):
    patches = gpd.read_file(result.raster.parent / "patches.gpkg")
    columns = (*PATCH_COLUMNS[:-1], "confidence", "geometry")
    assert tuple(patches.columns) == columns == tuple(result.patches.columns)
    assert result.patches.confidence.between(0, 1).all()
    assert len(patches) == len(result.patches)
    assert patches.crs == CRS
    for name, kind, seasonal in (
        ("house", "built", False),
        ("pond", "water", False),
        ("harvest", "bare", True),
    ):
        rows, columns, _ = PLANTED[name]
        place = area(rows, columns)
        here = patches[patches.intersects(place)]
        main = here.loc[here.area.idxmax()]
        assert (main.kind, bool(main.seasonal)) == (kind, seasonal), name
        assert main.geometry.intersection(place).area > 0.9 * place.area
        assert main.geometry.area < 1.5 * place.area
    elsewhere = ~patches.intersects(shapely.union_all([area(r, c) for r, c, _ in PLANTED.values()]))
    assert elsewhere.sum() <= 1


def test_patches_carry_the_official_fields(result):
    patches = result.patches
    assert patches.JCBH.is_unique
    assert set(patches.QSX) == {"2024-03-01"}
    assert set(patches.HSX) == {"2025-03-04"}
    assert set(patches.XZQDM) == {"530402102003"}
    house = patches[patches.intersects(area(*PLANTED["house"][:2]))]
    pond = patches[patches.intersects(area(*PLANTED["pond"][:2]))]
    assert set(house.SFYN) == {"1"}
    assert set(pond.SFYN) == {"2"}
    assert np.allclose(patches.MJ, patches.pixels * 100, rtol=2e-3)
    assert np.allclose(patches.MJ_MU, patches.MJ * 3 / 2000, atol=1e-3)


def test_parcels(result, parcels):
    table = gpd.read_file(result.raster.parent / "parcels.gpkg", layer="changed_parcels")
    assert tuple(table.columns) == tuple(result.parcels.columns)
    farmland = table[table.layer == "farmland"].set_index("feature")
    assert set(farmland.index) == {"house", "pond", "harvest"}
    assert farmland.kind.to_dict() == {"house": "built", "pond": "water", "harvest": "bare"}
    assert farmland.seasonal.to_dict() == {"house": False, "pond": False, "harvest": True}
    assert (farmland.changed_share > 0.75).all()  # the rim counts as blur
    assert (farmland.seen_share > 0.999).all()
    assert farmland.loc["pond", "changed_m2"] == pytest.approx(6400, rel=0.08)
    assert not (table.layer == "admin").any()
    assert len(result.shares) == len(parcels["farmland"]) + len(parcels["protected_cropland"])


def test_the_same_input_gives_the_same_files(scenes, parcels, result, tmp_path):
    again = detect_change(*scenes, tmp_path / "again", parcels=parcels)
    assert hashes(again.raster) == hashes(result.raster)
    assert again.patches.equals(result.patches)


def test_blocks_make_no_difference(scenes, parcels, result, tmp_path, monkeypatch):
    small = lambda self, size=37: raster.windows(self.before.shape, size)  # noqa: E731
    monkeypatch.setattr(raster.Pair, "windows", small)
    other = detect_change(*scenes, tmp_path / "small", parcels=parcels)
    with rasterio.open(result.raster) as one, rasterio.open(other.raster) as two:
        whole, blocks = one.read(), two.read()
    assert np.allclose(whole, blocks, rtol=1e-3)
    assert np.array_equal(whole[1:], blocks[1:])
    assert len(other.patches) == len(result.patches)
    assert (other.patches.geometry == result.patches.geometry).all()
    assert (other.patches.drop(columns="strength") == result.patches.drop(columns="strength")).all(
        axis=None
    )


def test_a_parcel_under_no_data_is_not_called_unchanged(tmp_path):
    land = ground(SHAPE)
    later = look(land, 2)
    later[:, 40:60, 40:60] = 0
    spot = gpd.GeoDataFrame(
        geometry=[area(slice(40, 60), slice(30, 50)), area(slice(42, 58), slice(42, 58))], crs=CRS
    )
    paths = write(tmp_path / "a.tif", look(land, 1)), write(tmp_path / "b.tif", later)
    result = detect_change(*paths, tmp_path / "out", parcels=spot)
    assert result.shares.seen_share.tolist() == pytest.approx([0.5, 0.0], abs=1e-6)
    with rasterio.open(result.raster) as data:
        assert (data.read()[:, 45, 45] == -1).all()
    assert result.seen_share == pytest.approx(1 - 400 / (120 * 130))


def test_the_report_is_plain_and_whole(result):
    report = json.loads(json.dumps(result.report))
    assert (report["method"], report["registration"]["moved"]) == ("irmad", [0, 0])
    assert report["small_patches_dropped"] == sum(r["count"] for r in report["small_patches"])
    assert {row["what"] for row in report["decisions"]["after"]} >= {"bands", "reflectance"}


@pytest.mark.parametrize("method", ["difference", "cva", "mad", "isfa"])
def test_every_method_finds_the_house(scenes, tmp_path, method):
    result = detect_change(*scenes, tmp_path / "out", method=method)
    assert result.method == method
    with rasterio.open(result.raster) as data:
        assert data.tags()["METHOD"].startswith(f"{method}: ")
        changed = data.read(2) == 1
    rows, columns, _ = PLANTED["house"]
    assert changed[rows, columns].mean() > 0.8
    for rows, columns, _ in PLANTED.values():
        changed[rows.start - 2 : rows.stop + 2, columns.start - 2 : columns.stop + 2] = False
    assert changed.mean() < 0.01


def test_no_such_method(scenes, tmp_path):
    with pytest.raises(ParameterError, match="irmad"):
        detect_change(*scenes, tmp_path / "out", method="guess")
    assert not list(tmp_path.iterdir())


def test_the_bands_that_the_user_names_are_compared(scenes, tmp_path):
    result = detect_change(*scenes, tmp_path / "out", bands={"red": 3, "nir": 4})
    with rasterio.open(result.raster) as data:
        assert data.tags()["BANDS"] == "red nir"
        assert (data.read(2)[21:23, 31:34] == 1).all()


def test_a_shifted_scene_is_moved_back(tmp_path):
    """Twenty metres on a grid of 10 m: two pixels."""
    land = ground((260, 260))
    later = land.copy()
    put(later, slice(60, 68), slice(50, 58), "concrete")
    moved = rasterio.Affine.translation(20, 0) * GRID
    one = write(tmp_path / "a.tif", look(land, 1))
    two = write(tmp_path / "b.tif", look(later, 2), transform=moved)
    result = detect_change(one, two, tmp_path / "out")
    assert result.shift == pytest.approx((-20, 0), abs=1)
    assert result.registration.significant
    assert result.changed_share < 0.01
    with rasterio.open(result.raster) as data:
        assert data.tags()["AFTER_RESAMPLING"] == "cubic"
        assert (data.read(2)[61:67, 51:57] == 1).all()


# Pairs without change, and with little and much


def test_a_scene_against_itself(scenes, tmp_path):
    result = detect_change(scenes[0], scenes[0], tmp_path / "out")
    assert result.changed_share == 0
    assert result.threshold == np.inf
    assert len(result.patches) == 0
    assert set(result.patches.columns) == {*PATCH_COLUMNS, "confidence"}
    assert result.report["threshold"] is None


@pytest.mark.parametrize("gain", [1.0, 0.8, 1.25])
def test_only_light_and_noise_differ(tmp_path, gain):
    land = ground(SHAPE)
    one, two = (
        write(tmp_path / "a.tif", look(land, 1)),
        write(tmp_path / "b.tif", look(land, 2, gain=gain)),
    )
    assert detect_change(one, two, tmp_path / "out").changed_share < 0.002


@pytest.mark.parametrize(("share", "least"), [(0.005, 0.9), (0.05, 0.9), (0.3, 0.9)])
def test_little_and_much_change(tmp_path, share, least):
    rng = np.random.default_rng(5)
    land = ground((200, 200))
    later, truth = land.copy(), np.zeros((200, 200), dtype=bool)
    while truth.mean() < share:
        row, column = rng.integers(0, 190, 2)
        put(later, slice(row, row + 6), slice(column, column + 6), "concrete")
        truth[row : row + 6, column : column + 6] = True
    paths = write(tmp_path / "a.tif", look(land, 1)), write(tmp_path / "b.tif", look(later, 2))
    result = detect_change(*paths, tmp_path / "out")
    with rasterio.open(result.raster) as data:
        found = data.read(2) == 1
    overlap = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    assert overlap > least


def test_another_grid_and_crs(scenes, tmp_path):
    with rasterio.open(scenes[1]) as data, rasterio.vrt.WarpedVRT(data, crs="EPSG:32648") as vrt:
        image, transform = vrt.read(), vrt.transform
    other = write(tmp_path / "utm.tif", image / 10_000, crs="EPSG:32648", transform=transform)
    result = detect_change(scenes[0], other, tmp_path / "out")
    kinds = {
        name: result.patches[result.patches.intersects(area(r, c).buffer(-10))]
        for name, (r, c, _) in PLANTED.items()
    }
    assert "built" in set(kinds["house"].kind)
    assert "water" in set(kinds["pond"].kind)


@pytest.mark.parametrize("offset", [2, 3])
def test_the_same_ground_on_two_grids_has_not_changed(tmp_path, offset):
    """Seen natively on grids that lie 4 or 6 m apart: warping must not look like change."""
    fine = ground((5 * 121, 5 * 131))
    paths = []
    for name, shift in (("a", 0), ("b", offset)):
        cut = fine[:, shift : shift + 600, shift : shift + 650]
        pixels = cut.reshape(6, 120, 5, 130, 5).mean(axis=(2, 4))
        grid = GRID @ rasterio.Affine.translation(shift / 5, shift / 5)
        seed = 1 + shift
        paths.append(write(tmp_path / f"{name}.tif", look(pixels, seed), transform=grid))
    result = detect_change(*paths, tmp_path / "out")
    assert result.changed_share < 0.002


def test_a_scene_in_degrees(tmp_path):
    land = ground(SHAPE)
    later = land.copy()
    put(later, slice(60, 68), slice(50, 58), "water")
    grid = rasterio.Affine(1e-4, 0, 102.1, 0, -9e-5, 23.4)
    paths = [
        write(tmp_path / f"{n}.tif", look(image, seed), crs="EPSG:4490", transform=grid)
        for n, image, seed in (("a", land, 1), ("b", later, 2))
    ]
    pond = shapely.box(102.105, 23.4 - 68 * 9e-5, 102.1058, 23.4 - 60 * 9e-5)
    spot = gpd.GeoDataFrame(geometry=[pond], crs=4490)
    result = detect_change(*paths, tmp_path / "out", parcels=spot.to_crs(CRS))
    pixel_m2 = 1e-4 * 9e-5 * 111_320**2 * np.cos(np.radians(23.4))
    assert result.patches.MJ.max() == pytest.approx(64 * pixel_m2, rel=0.1)
    assert result.parcels.kind.tolist() == ["water"]
    assert result.parcels.changed_share[0] > 0.75


def test_unknown_reflectance_gives_kind_other(tmp_path):
    land = ground(SHAPE)
    later = land.copy()
    put(later, slice(60, 68), slice(50, 58), "water")
    paths = [
        write(tmp_path / f"{n}.tif", look(image, 1), tags={})
        for n, image in (("a", land), ("b", later))
    ]
    result = detect_change(*paths, tmp_path / "out")
    assert set(result.patches.kind) == {"other"}
    assert not result.patches.seasonal.any()
    assert any("reflectance" in en for _, en in result.notes)


# Bad input: one line, nothing written, sources untouched


def refused(scenes, tmp_path, error, word, **options):
    before = hashes(*scenes)
    with pytest.raises(error, match=word) as caught:
        detect_change(*scenes, tmp_path / "out", **options)
    assert "\n" not in caught.value.zh + caught.value.en
    assert hashes(*scenes) == before
    assert not (tmp_path / "out").exists()
    assert {p.name for p in tmp_path.iterdir()} <= {p.name for p in scenes}


def saved(tmp_path, **images):
    return tuple(write(tmp_path / f"{name}.tif", image) for name, image in images.items())


def test_all_nodata(tmp_path):
    land = ground((60, 60))
    refused(saved(tmp_path, a=land, b=land * 0), tmp_path, SceneError, "b.tif: has no valid pixel")


def test_nothing_valid_in_common(tmp_path):
    one, two = ground((60, 60)), ground((60, 60))
    one[:, :30], two[:, 30:] = 0, 0
    refused(saved(tmp_path, a=one, b=two), tmp_path, SceneError, "do not overlap")


def test_too_few_pixels(tmp_path):
    land = ground((60, 60))
    land[:, 5:] = 0
    land[:, :, 20:] = 0
    refused(saved(tmp_path, a=land, b=land), tmp_path, SceneError, "only 100 valid pixels")


def test_no_bands_in_common(tmp_path):
    land = ground((60, 60))
    four = write(tmp_path / "b.tif", land[:4], names=None)
    refused((*saved(tmp_path, a=land), four), tmp_path, SceneError, "no bands in common")


def test_the_common_bands_of_four_and_six_are_used(tmp_path):
    land = ground((80, 80))
    built = land.copy()
    put(built, slice(30, 42), slice(30, 42), "concrete")
    scenes = saved(tmp_path, a=look(land, 1), b=look(built, 2)[:4])
    result = detect_change(*scenes, tmp_path / "out")
    with rasterio.open(result.raster) as data:
        changed = data.read(2) == 1
    assert changed[31:41, 31:41].all()
    changed[28:44, 28:44] = False
    assert changed.mean() < 0.005


def test_a_coarser_second_scene_gives_the_grid(tmp_path):
    land = ground((120, 120))
    built = land.copy()
    put(built, slice(30, 60), slice(30, 60), "concrete")
    coarse = look(built, 2).reshape(6, 40, 3, 40, 3).mean(axis=(2, 4))
    one = write(tmp_path / "a.tif", look(land, 1))
    two = write(tmp_path / "b.tif", coarse, transform=GRID * GRID.scale(3))
    result = detect_change(one, two, tmp_path / "out")
    with rasterio.open(result.raster) as data:
        assert data.shape == (40, 40)
        assert data.transform == GRID * GRID.scale(3)
        changed = data.read(2) == 1
    assert changed[11:19, 11:19].all()
    changed[9:21, 9:21] = False
    assert changed.mean() < 0.005


def test_far_apart(tmp_path):
    land = ground((60, 60))
    far = window_transform(Window(900, 0, 1, 1), GRID)
    paths = write(tmp_path / "a.tif", land), write(tmp_path / "b.tif", land, transform=far)
    refused(paths, tmp_path, SceneError, "do not overlap")


def test_a_file_broken_in_the_middle(tmp_path):
    land = ground((60, 60))
    paths = [write(tmp_path / f"{n}.tif", look(land, 1), compress="deflate") for n in "ab"]
    content = bytearray(paths[1].read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = bytes(2_000)
    paths[1].write_bytes(content)
    refused(paths, tmp_path, SceneError, "b.tif: reading failed")


def test_constant(tmp_path):
    flat = np.full((6, 60, 60), 0.2)
    refused(saved(tmp_path, a=flat, b=flat), tmp_path, SceneError, "no band varies")


def test_parcels_without_crs(tmp_path):
    land = ground((60, 60))
    spot = gpd.GeoDataFrame(geometry=[area(slice(0, 9), slice(0, 9))])
    refused(saved(tmp_path, a=land, b=land), tmp_path, CRSError, "CRS", parcels=spot)


@pytest.mark.parametrize("grid", [(10, 0, 0, 10), (8, 6, 6, -8)])
def test_parcels_on_a_grid_that_is_not_north_up(tmp_path, grid):
    a, b, d, e = grid
    transform = rasterio.Affine(a, b, GRID.c, d, e, GRID.f)
    land = ground((60, 60))
    paths = [
        write(tmp_path / f"{n}.tif", look(land, seed), transform=transform)
        for n, seed in (("a", 1), ("b", 2))
    ]
    spot = gpd.GeoDataFrame(geometry=[area(slice(0, 9), slice(0, 9))], crs=CRS)
    refused(paths, tmp_path, SceneError, "not north-up", parcels=spot)
    assert detect_change(*paths, tmp_path / "out").patches.empty


@pytest.mark.parametrize("wrong", ["village.gpkg", [1], {"farmland": 5}])
def test_parcels_that_are_no_layer(scenes, tmp_path, wrong):
    with pytest.raises(ParameterError, match="read_layers"):
        detect_change(*scenes, tmp_path / "out", parcels=wrong)
    assert not (tmp_path / "out").exists()


def test_tables_among_the_parcels_are_left_out(scenes, parcels, result, tmp_path):
    tables = {"contractor": pd.DataFrame({"CBFBM": ["1"]}), "idle_land": pd.DataFrame()}
    again = detect_change(*scenes, tmp_path / "again", parcels={**parcels, **tables})
    assert again.shares.equals(result.shares)
    assert again.patches.equals(result.patches)
    village = pd.DataFrame(parcels["admin"]).drop(columns="geometry")
    unknown = detect_change(
        *scenes, tmp_path / "unknown", parcels={"admin": village, "farmland": parcels["farmland"]}
    )
    assert set(unknown.patches["XZQDM"]) == {""}
    with pytest.raises(ParameterError, match="contractor, idle_land: no geometry"):
        detect_change(*scenes, tmp_path / "none", parcels=tables)
    assert not (tmp_path / "none").exists()


def test_output_exists(scenes, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with pytest.raises(OutputError, match="exists"):
        detect_change(*scenes, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]
    detect_change(*scenes, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "mine.txt").read_text() == "kept"


def test_progress_rises_to_one(scenes, tmp_path):
    told: list[tuple[str, str, float]] = []
    detect_change(*scenes, tmp_path / "out", progress=lambda *what: told.append(what))
    fractions = [fraction for *_, fraction in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
