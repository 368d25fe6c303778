"""The invented village: scenes, planted changes, terraces, and that all of it can be made again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import shapely.affinity
from rasterio.features import geometry_mask

from yuxi_gis.resources import folder

SAMPLE = folder("sample_data")
BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
GENERATED = (
    "village.gpkg", "scene_before.tif", "scene_after.tif", "faults/ZJD_noprj.shp",
    "faults/ZJD_noprj.shx", "faults/ZJD_noprj.dbf", "faults/ZJD_noprj.cpg", "truth/changes.gpkg",
    "truth/changed_parcels.csv", "truth/faults.csv", "truth/harmless.gpkg",
)  # fmt: skip


@pytest.fixture(scope="module")
def events() -> gpd.GeoDataFrame:
    return gpd.read_file(SAMPLE / "truth" / "changes.gpkg")


@pytest.fixture(scope="module")
def parcels() -> pd.DataFrame:
    return pd.read_csv(SAMPLE / "truth" / "changed_parcels.csv", dtype={"feature": str})


@pytest.fixture(scope="module")
def farmland() -> gpd.GeoDataFrame:
    frame = gpd.read_file(SAMPLE / "village.gpkg", layer="DK")
    return frame[frame.is_valid & ~frame.geometry.isna()]


@pytest.fixture(scope="module")
def scenes() -> dict[str, np.ndarray]:
    out = {}
    for name in ("before", "after"):
        with rasterio.open(SAMPLE / f"scene_{name}.tif") as scene:
            out[name] = scene.read().astype(float) / 10_000
    return out


def inside(area: shapely.Geometry, crs: object) -> np.ndarray:
    """Pixels of the scene in an area, by their centre."""
    with rasterio.open(SAMPLE / "scene_before.tif") as scene:
        shape = gpd.GeoSeries([area], crs=crs).to_crs(scene.crs)
        return ~geometry_mask(shape, scene.shape, scene.transform)


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, made anew."""
    out = tmp_path_factory.mktemp("village")
    script = Path(__file__).parents[2] / "sample_data" / "make_village.py"
    subprocess.run([sys.executable, str(script), str(out)], check=True)
    return out


def test_made_again_it_is_identical(again: Path) -> None:
    made = sorted(str(p.relative_to(again)) for p in again.rglob("*") if p.is_file())
    assert made == sorted(GENERATED)
    for layer in ("DK", "ZJD", "XZJSYD", "YJJBNTTB", "DLTB", "XZQ"):
        old, new = (gpd.read_file(p / "village.gpkg", layer=layer) for p in (SAMPLE, again))
        pd.testing.assert_frame_equal(old.to_wkb(), new.to_wkb())
        assert old.crs == new.crs
    for name in ("scene_before.tif", "scene_after.tif"):
        with rasterio.open(SAMPLE / name) as old, rasterio.open(again / name) as new:
            assert (old.read() == new.read()).all()
            assert old.profile == new.profile
            assert old.tags() == new.tags()
    for name in ("truth/faults.csv", "truth/changed_parcels.csv"):
        assert (SAMPLE / name).read_text("utf-8") == (again / name).read_text("utf-8")


def test_it_is_small() -> None:
    size = sum((SAMPLE / name).stat().st_size for name in GENERATED)
    assert size < 5_000_000


@pytest.mark.parametrize(("name", "date"), [("before", "2024-03-18"), ("after", "2026-02-11")])
def test_scene_is_what_it_says(name: str, date: str) -> None:
    with rasterio.open(SAMPLE / f"scene_{name}.tif") as scene:
        assert scene.descriptions == BANDS
        assert set(scene.dtypes) == {"uint16"}
        assert scene.nodata == 0
        assert scene.res == (10.0, 10.0)
        assert scene.crs.to_epsg() == 32648
        assert scene.scales == (0.0001,) * 6
        assert scene.tags()["ACQUISITION_DATE"] == date
        assert scene.tags()["TIFFTAG_DATETIME"].startswith(date.replace("-", ":"))
        assert scene.profile["tiled"]
        assert scene.read().min() > 0
        village = gpd.read_file(SAMPLE / "village.gpkg", layer="XZQ").to_crs(scene.crs)
        assert shapely.box(*scene.bounds).contains(village.geometry.iloc[0])


def test_scenes_look_like_the_land(scenes: dict[str, np.ndarray]) -> None:
    """Forest is green, paddies are dark in the infrared, haze lifts the blue of the second."""
    landuse = gpd.read_file(SAMPLE / "village.gpkg", layer="DLTB")

    def mean(scene: str, code: str) -> np.ndarray:
        area = shapely.union_all(landuse.geometry[landuse.DLBM.eq(code)].buffer(-12).to_numpy())
        return scenes[scene][:, inside(area, landuse.crs)].mean(axis=1)

    for scene in ("before", "after"):
        wood = mean(scene, "0301")
        assert (wood[3] - wood[2]) / (wood[3] + wood[2]) > 0.6
        assert mean(scene, "0702")[2] > 2 * wood[2]
    paddy, dry = mean("before", "0101"), mean("before", "0103")
    assert paddy[4] < 0.8 * dry[4]
    assert 0.005 < (mean("after", "0301") - mean("before", "0301"))[0] < 0.03


def test_cloud_is_bright_and_its_shadow_dark(scenes: dict[str, np.ndarray]) -> None:
    harmless = gpd.read_file(SAMPLE / "truth" / "harmless.gpkg")
    area = harmless.set_index("kind").geometry
    cloud = inside(area["cloud"].buffer(-40), harmless.crs)
    shadow = inside(area["cloud_shadow"].buffer(-40), harmless.crs)
    assert np.median(scenes["after"][0][cloud]) > 0.4
    assert np.median(scenes["before"][0][cloud]) < 0.1
    ratio = scenes["after"][3][shadow] / scenes["before"][3][shadow]
    assert np.median(ratio) < 0.6


def test_harmless_changes_are_no_real_ones(events: gpd.GeoDataFrame) -> None:
    harmless = gpd.read_file(SAMPLE / "truth" / "harmless.gpkg")
    count = harmless.kind.value_counts()
    assert {"harvest", "growth", "rotation", "cloud", "cloud_shadow", "terrain_shadow"} <= set(
        count.index
    )
    assert (count[["harvest", "growth", "rotation"]] >= 10).all()
    fields = harmless[harmless.layer == "farmland"]
    real = shapely.union_all(events.geometry.to_numpy())
    assert fields.intersection(real).area.max() < 1.0


def test_planted_changes(events: gpd.GeoDataFrame, parcels: pd.DataFrame) -> None:
    count = events.kind.value_counts()
    assert set(count.index) == {"house", "road", "pond", "orchard", "wild", "demolished"}
    assert len(events) >= 25
    assert events.large.sum() >= 18
    assert (~events.large).sum() >= 5
    assert (events.large == (events.area >= 400)).all()
    assert np.abs(events.pixels - events.area / 100).max() <= 0.0051
    assert events.under_cloud.sum() == 1
    assert (parcels.groupby("event").size() > 1).sum() >= 8  # over several fields


def test_changed_parcels_agree_with_the_events(
    events: gpd.GeoDataFrame, parcels: pd.DataFrame, farmland: gpd.GeoDataFrame
) -> None:
    taken = parcels.groupby("event").changed_m2.sum()
    missing = (events.set_index("event").area - taken).abs()
    assert missing.max() < 2.0
    unique = farmland.drop_duplicates("DKBM", keep=False).set_index("DKBM").geometry
    fields = parcels[parcels.layer == "farmland"]
    assert set(fields.feature) <= set(unique.index)  # no fault on a changed parcel
    place = events.set_index("event").geometry
    for row in fields.iloc[::7].itertuples():
        common = unique[row.feature].intersection(place[row.event]).area
        assert common == pytest.approx(row.changed_m2, abs=0.01)
        assert row.share == pytest.approx(common / unique[row.feature].area, abs=1e-4)


def test_real_changes_show_in_the_scenes(
    events: gpd.GeoDataFrame, scenes: dict[str, np.ndarray]
) -> None:
    """Each kind changes the spectrum as it should, by the mean of its large events."""
    change: dict[str, list[np.ndarray]] = {}
    for row in events[events.large].itertuples():
        pixels = inside(row.geometry, events.crs)
        step = scenes["after"][:, pixels].mean(axis=1) - scenes["before"][:, pixels].mean(axis=1)
        change.setdefault(row.kind, []).append(step)
    mean = {kind: np.mean(steps, axis=0) for kind, steps in change.items()}
    assert mean["house"][0] > 0.05
    assert mean["road"][0] > 0.03
    assert mean["pond"][4] < -0.05
    for kind in ("orchard", "wild"):
        assert mean[kind][4] < -0.015
        assert mean[kind][3] > 0.0


def test_fields_are_terraces(farmland: gpd.GeoDataFrame) -> None:
    """Long and narrow, and longer along the slope than across it."""
    boxes = shapely.minimum_rotated_rectangle(farmland.geometry.to_numpy())
    corners = shapely.get_coordinates(boxes).reshape(-1, 5, 2)
    sides = np.hypot(*np.diff(corners[:, :3], axis=1).transpose(2, 0, 1))
    assert np.median(sides.max(axis=1) / sides.min(axis=1)) > 3.0
    width = 2 * farmland.area / farmland.length
    assert 8.0 < np.median(width) < 18.0
    assert farmland.geometry.count_coordinates().median() > 8  # not squares


def test_fields_follow_the_contours(
    farmland: gpd.GeoDataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE))
    terrain = pytest.importorskip("terrain")
    ground = terrain.make_terrain(np.random.default_rng([530_428, 1]))
    points, field = shapely.get_coordinates(farmland.geometry.to_numpy(), return_index=True)
    height = pd.Series(ground.at(ground.z, points[:, 0], points[:, 1]))
    rise = height.groupby(field).agg(lambda h: h.max() - h.min())
    assert rise.median() < 8.0  # metres, over fields some 90 m long
    long = farmland.geometry.length.to_numpy() / 2
    fall = ground.at(ground.slope(), *shapely.get_coordinates(farmland.centroid.array).T)
    assert np.median(rise / (long * fall)) < 0.35  # 1 if they ran down the slope


def test_bounds_name_the_real_neighbours(farmland: gpd.GeoDataFrame) -> None:
    """四至: looking out from the middle of a field's long front, there lies what it says."""
    named = farmland.drop_duplicates("DKMC", keep=False).set_index("DKMC")
    steps = {"DKDZ": (1, 0), "DKXZ": (-1, 0), "DKNZ": (0, -1), "DKBZ": (0, 1)}
    checked = 0
    for name, row in list(named.iterrows())[::11]:
        for field, (dx, dy) in steps.items():
            if row[field] not in named.index:
                continue
            other = named.geometry[row[field]]
            common = row.geometry.boundary.intersection(other.boundary)
            assert common.length > 0.5, (name, field)
            seen = shapely.affinity.translate(row.geometry, 2 * dx, 2 * dy).intersection(other)
            assert seen.area > 0.5, (name, field)
            checked += 1
    assert checked > 60
