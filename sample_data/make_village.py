"""Make the invented sample village: python sample_data/make_village.py [OUT_DIR] [--seed N].

Everything follows from SEED: layers with planted data faults, two scenes with planted changes,
and the ledgers of both (folder truth). See README.md beside this file. Another seed makes another
village; some seeds leave no room for all that is planted and end in a LookupError.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
import shapely.affinity

sys.path.insert(0, str(Path(__file__).parent))

from attributes import VILLAGE_CODE, make_idle, make_layers
from changes import PIXEL_M2, ROOFS, Planting, changed_parcels, plant
from cover import Cover, cover_of, crop_calendar, harmless_fields
from data_faults import Faults, deliver_idle, lay_on_protected, make_crs_less
from parcels import CRS, lay_out, make_homesteads
from plan import Plan, make_plan
from scenes import AFTER, BEFORE, Sky, make_sky, relit, render, write_scene
from shapely.geometry.base import BaseGeometry
from terrain import Terrain, make_terrain

Layers = dict[str, gpd.GeoDataFrame]
Things = list[tuple[BaseGeometry, str]]

SEED = 530_428
LAYER_ORDER = ("XZQ", "DLTB", "YJJBNTTB", "DK", "ZJD", "XZJSYD")
FIXED_TIME = "2026-03-01T00:00:00.000Z"
EVENT_COLUMNS = ["event", "kind", "kind_zh", "layer", "feature", "features", "area_m2", "pixels",
                 "large", "under_cloud", "geometry"]  # fmt: skip


def rng(stage: int) -> np.random.Generator:
    """A generator of its own for each stage: one stage's draws do not shift another's."""
    return np.random.default_rng([SEED, stage])


def houses(yards: gpd.GeoSeries, random: np.random.Generator) -> Things:
    """Yards and their roofs, for the renderer."""
    things: Things = [(yard, "yard") for yard in yards]
    kinds = random.choice(ROOFS, len(yards), p=[0.36, 0.16, 0.36, 0.12])
    for yard, kind in zip(yards, kinds, strict=True):
        side, depth = random.uniform(0.74, 0.88, 2)
        things.append((shapely.affinity.scale(yard, side, depth), str(kind)))
    return things


def as_things(things: Things) -> gpd.GeoDataFrame:
    """Outlines with their material, as the renderer wants them."""
    return gpd.GeoDataFrame(
        {"material": [m for _, m in things]}, geometry=[g for g, _ in things], crs=CRS
    )


def describe(events: gpd.GeoDataFrame, parcels: pd.DataFrame) -> gpd.GeoDataFrame:
    """The truth of the changes: which parcels, how large; `feature` is the one most changed."""
    by_size = parcels.sort_values(["event", "changed_m2"], ascending=[True, False])
    first = by_size.drop_duplicates("event").set_index("event")
    events["layer"] = events.event.map(first["layer"])
    events["feature"] = events.event.map(first["feature"])
    events["features"] = events.event.map(by_size.groupby("event").feature.agg(";".join))
    events["area_m2"] = events.area.round(2)
    events["pixels"] = (events.area / PIXEL_M2).round(2)
    events["large"] = events.pixels >= 4.0
    return events[EVENT_COLUMNS]


def write_layers(path: Path, layers: dict[str, gpd.GeoDataFrame]) -> None:
    """A GeoPackage whose bytes depend on its content only."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_TIME})
    try:
        for name, frame in layers.items():
            frame.to_file(path, layer=name, driver="GPKG", index=False)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


@dataclass(frozen=True)
class Standing:
    """What stands apart from the ordinary: changes and faults keep away from it."""

    squatters: list[shapely.Polygon]
    station: shapely.Polygon
    area: BaseGeometry


def add_exceptions(layers: Layers, calendar: pd.DataFrame, plan: Plan, ground: Terrain) -> Standing:
    """Houses on protected cropland, abandoned fields and the layer of idle land.

    All of them were there before the first scene.
    """
    built = shapely.union_all([plan.roads, plan.settlement, plan.ditch])
    squatters, station = lay_on_protected(layers["YJJBNTTB"], layers["DK"], built, ground, rng(8))
    layers["ZJD"] = add_squatters(layers["ZJD"], squatters)
    taken = shapely.union_all([built, *squatters, station])
    abandoned = layers["DK"].loc[pick_abandoned(layers["DK"], taken, rng(9))]
    calendar.loc[abandoned.index, ["before", "after"]] = "abandoned"
    idle = layers["ZJD"][layers["ZJD"].LYZT.isin(["3", "4"])].iloc[:4]
    sites = [plan.sites["08H2"], plan.sites["0601"], plan.sites["1201"], station]
    layers["XZJSYD"] = make_idle(sites, idle, abandoned)
    area = shapely.union_all([*squatters, station, *abandoned.geometry, *idle.geometry])
    return Standing(squatters, station, area)


def write_scenes(
    out: Path, layers: Layers, covers: tuple[Cover, Cover], faces: gpd.GeoDataFrame,
    ground: Terrain, sky: Sky, station: shapely.Polygon, planting: Planting,
) -> None:  # fmt: skip
    """Both scenes: the second with what the planted changes put on the ground."""
    things = [*houses(layers["ZJD"].geometry, rng(11)), (station, "flat_roof")]
    for name, date, cover, paint, seed in (
        ("scene_before.tif", BEFORE, covers[0], things, 15),
        ("scene_after.tif", AFTER, covers[1], things + planting.things, 16),
    ):
        scene = render(faces, cover, as_things(paint), ground, sky, date, rng(14), rng(seed))
        write_scene(out / name, scene, date)


def make(out: Path) -> None:
    """Write the whole sample into folder `out`."""
    ground = make_terrain(rng(1))
    plan = make_plan(ground, rng(2))
    faces = lay_out(ground, plan, rng(3))
    layers = make_layers(faces, make_homesteads(plan, rng(4)), plan, ground, rng(5))
    calendar = crop_calendar(faces, ground, rng(6))
    sky = make_sky(ground, rng(7))
    standing = add_exceptions(layers, calendar, plan, ground)

    fields = layers["DK"].join(calendar)
    yards = layers["ZJD"][layers["ZJD"].LYZT == "1"]
    fields, yards = (f[~f.intersects(standing.area)] for f in (fields, yards))
    events, planting = plant(fields, yards, plan, ground, sky.cloud_area, sky.shadow_area, rng(10))
    keys = {"farmland": (layers["DK"], "DKBM"), "homestead": (layers["ZJD"], "ZDDM")}
    parcels = changed_parcels(events, keys)
    covers = (
        cover_of(faces, calendar.before, 0, rng(12)), cover_of(faces, calendar.after, 1, rng(13))
    )  # fmt: skip
    write_scenes(out, layers, covers, faces, ground, sky, standing.station, planting)
    truth = out / "truth"
    truth.mkdir()
    write_layers(truth / "changes.gpkg", {"changes": describe(events, parcels)})
    parcels.to_csv(truth / "changed_parcels.csv", index=False, encoding="utf-8")
    seasonal = harmless_fields(layers["DK"], faces, calendar, *covers, events)
    harmless = pd.concat([seasonal, relit(ground, sky)], ignore_index=True)
    write_layers(truth / "harmless.gpkg", {"harmless": harmless})

    faults = plant_faults(layers, standing, events)
    faults.ledger().to_csv(truth / "faults.csv", index=False, encoding="utf-8")
    write_crs_less(out / "faults", layers["ZJD"])
    layers["XZJSYD"] = deliver_idle(layers["XZJSYD"])
    write_layers(out / "village.gpkg", {name: layers[name] for name in LAYER_ORDER})


def add_squatters(homesteads: gpd.GeoDataFrame, shapes: list[shapely.Polygon]) -> gpd.GeoDataFrame:
    """Second homesteads of three households, on protected cropland and recorded so."""
    used = homesteads.index[homesteads.LYZT == "1"]
    owners = used[:: len(used) // len(shapes)][: len(shapes)]
    homesteads.loc[owners, "YHDZ"] = "1"
    rows = homesteads.loc[owners].copy()
    number = np.arange(len(homesteads) + 1, len(homesteads) + 1 + len(shapes))
    rows["ZDDM"] = [f"{VILLAGE_CODE}JC{i:05d}" for i in number]
    rows["BDCDYH"] = rows.ZDDM + "F00010001"
    rows["SFZYYJJBNT"] = "1"
    rows["geometry"] = shapes
    area = rows.area.round(2)
    rows["ZJDMJ"], rows["PZMJ"], rows["CBZMJ"] = area, 0.0, area
    rows["JZZDMJ"] = (area * 0.7).round(2)
    rows["JZMJ"] = (rows.JZZDMJ * rows.CS).round(2)
    return pd.concat([homesteads, rows], ignore_index=True)


def pick_abandoned(
    farmland: gpd.GeoDataFrame, taken: BaseGeometry, random: np.random.Generator
) -> list[int]:
    """Fields given up before the first scene; one of them is protected cropland."""
    free = farmland[
        (farmland.distance(taken) > 40.0) & (farmland.SCMJ > 500) & (farmland.TDLYLX == "013")
    ]
    chosen: list[int] = []
    for flag, count in (("1", 1), ("2", 3)):
        chosen += list(random.permutation(free.index[free.SFJBNT.eq(flag)])[:count])
    return [int(i) for i in chosen]


def plant_faults(layers: Layers, standing: Standing, events: gpd.GeoDataFrame) -> Faults:
    """All faults, in place, and the ledger lines of those that concern whole layers."""
    faults = Faults(layers, shapely.union_all([standing.area, *events.geometry]), rng(17))
    for shape in (*standing.squatters, standing.station):
        faults.block("YJJBNTTB", shape)
    faults.shapes()
    faults.attributes()
    faults.households()
    faults.on_protected(standing.squatters, standing.station)
    faults.note(
        "S04", "XZJSYD", None, "delivered in EPSG:4326 (hand GPS)", "以手持GPS的EPSG:4326交付"
    )
    faults.note(
        "S09",
        "XZJSYD",
        None,
        "mandatory field XZKSRQ is missing",
        "缺必填字段XZKSRQ",
        field="XZKSRQ",
    )
    faults.note(
        "S03", "ZJD", None, "faults/ZJD_noprj.shp has no .prj", "faults/ZJD_noprj.shp缺.prj文件"
    )
    return faults


def write_crs_less(folder: Path, homesteads: gpd.GeoDataFrame) -> None:
    """A shapefile whose .prj got lost."""
    folder.mkdir()
    path = folder / "ZJD_noprj.shp"
    make_crs_less(homesteads).to_file(path, driver="ESRI Shapefile", encoding="UTF-8", index=False)
    path.with_suffix(".prj").unlink()
    dbf = path.with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    content[1:4] = bytes([126, 3, 1])  # the date of the file, years since 1900
    dbf.write_bytes(content)


def main() -> None:
    global SEED
    parser = argparse.ArgumentParser(description="Make the invented sample village.")
    parser.add_argument("out", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    target, SEED = options.out, options.seed
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".village.", dir=target) as temporary:
        made = Path(temporary)
        make(made)
        for source in sorted(p for p in made.rglob("*") if p.is_file()):
            goal = target / source.relative_to(made)
            goal.parent.mkdir(exist_ok=True)
            source.replace(goal)


if __name__ == "__main__":
    main()
