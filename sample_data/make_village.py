"""Make the invented sample village: python sample_data/make_village.py [OUT_DIR].

Everything follows from SEED: layers with planted data faults, two scenes with planted changes,
and the ledgers of both (folder truth). See README.md beside this file.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
import shapely.affinity

sys.path.insert(0, str(Path(__file__).parent))

from attributes import VILLAGE_CODE, make_idle, make_layers
from changes import PIXEL_M2, ROOFS, changed_parcels, plant
from cover import cover_of, crop_calendar, harmless_fields
from faults import Faults, deliver_idle, lay_on_protected, make_crs_less
from parcels import CRS, lay_out, make_homesteads, make_plan
from scenes import AFTER, BEFORE, make_sky, relit, render, write_scene
from terrain import make_terrain

SEED = 530_428
LAYER_ORDER = ("XZQ", "DLTB", "YJJBNTTB", "DK", "ZJD", "XZJSYD")
FIXED_TIME = "2026-03-01T00:00:00.000Z"
EVENT_COLUMNS = ["event", "kind", "kind_zh", "layer", "feature", "features", "area_m2", "pixels",
                 "large", "under_cloud", "geometry"]  # fmt: skip


def rng(stage: int) -> np.random.Generator:
    """A generator of its own for each stage: one stage's draws do not shift another's."""
    return np.random.default_rng([SEED, stage])


def houses(yards: gpd.GeoSeries, random: np.random.Generator) -> gpd.GeoDataFrame:
    """Yards and their roofs, for the renderer."""
    things = [(yard, "yard") for yard in yards]
    kinds = random.choice(ROOFS, len(yards), p=[0.36, 0.16, 0.36, 0.12])
    for yard, kind in zip(yards, kinds, strict=True):
        side, depth = random.uniform(0.74, 0.88, 2)
        things.append((shapely.affinity.scale(yard, side, depth), str(kind)))
    return as_things(things)


def as_things(things: list[tuple[shapely.Geometry, str]]) -> gpd.GeoDataFrame:
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


def make(out: Path) -> None:
    """Write the whole sample into folder `out`."""
    ground = make_terrain(rng(1))
    plan = make_plan(ground, rng(2))
    faces = lay_out(ground, plan, rng(3))
    yards = make_homesteads(plan, rng(4))
    clean = make_layers(faces, yards, plan, ground, rng(5))
    calendar = crop_calendar(faces, ground, rng(6))
    sky = make_sky(ground, rng(7))

    # What stands on protected cropland has stood there before the first scene.
    roads = shapely.union_all([plan.roads, plan.settlement, plan.ditch])
    squatters, station = lay_on_protected(clean["YJJBNTTB"], roads, ground, rng(8))
    clean["ZJD"] = add_squatters(clean["ZJD"], squatters)
    abandoned = pick_abandoned(clean["DK"], roads.union(shapely.union_all([*squatters, station])), rng(9))
    calendar.loc[abandoned, ["before", "after"]] = "abandoned"
    idle_yards = clean["ZJD"][clean["ZJD"].LYZT.isin(["3", "4"])].iloc[:4]
    sites = [plan.sites["08H2"], plan.sites["0601"], plan.sites["1201"], station]
    clean["XZJSYD"] = make_idle(sites, idle_yards, clean["DK"].loc[abandoned])

    fixed = shapely.union_all(
        [*squatters, station, *clean["DK"].geometry.loc[abandoned], *idle_yards.geometry]
    )
    open_fields = clean["DK"].join(calendar)
    open_fields = open_fields[~open_fields.intersects(fixed)]
    in_use = clean["ZJD"][(clean["ZJD"].LYZT == "1") & ~clean["ZJD"].intersects(fixed)]
    events, planting = plant(
        open_fields, in_use, plan, ground, sky.cloud_area, sky.shadow_area, rng(10)
    )
    parcels = changed_parcels(
        events, {"farmland": (clean["DK"], "DKBM"), "homestead": (clean["ZJD"], "ZDDM")}
    )

    standing = houses(clean["ZJD"].geometry, rng(11))
    station_things = as_things([(station, "flat_roof")])
    standing = pd.concat([standing, station_things], ignore_index=True)
    later = pd.concat([standing, as_things(planting.things)], ignore_index=True)
    before, after = (cover_of(faces, calendar[d], i, rng(12 + i)) for i, d in enumerate(calendar))
    write_scene(
        out / "scene_before.tif",
        render(faces, before, standing, ground, sky, BEFORE, rng(14), rng(15)), BEFORE,
    )  # fmt: skip
    write_scene(
        out / "scene_after.tif",
        render(faces, after, later, ground, sky, AFTER, rng(14), rng(16)), AFTER,
    )  # fmt: skip
    harmless = harmless_fields(clean["DK"], faces, calendar, before, after, events)
    harmless = pd.concat([harmless, relit(ground, sky, clean["XZQ"].geometry.iloc[0])], ignore_index=True)

    faults = plant_faults(clean, shapely.union_all([fixed, *events.geometry]), squatters, station)
    layers = {name: faults.layers[name] for name in LAYER_ORDER}
    layers["XZJSYD"] = deliver_idle(layers["XZJSYD"])
    write_layers(out / "village.gpkg", layers)
    (out / "truth").mkdir()
    write_layers(out / "truth" / "changes.gpkg", {"changes": describe(events, parcels)})
    write_layers(out / "truth" / "harmless.gpkg", {"harmless": harmless})
    parcels.to_csv(out / "truth" / "changed_parcels.csv", index=False, encoding="utf-8")
    faults.ledger().to_csv(out / "truth" / "faults.csv", index=False, encoding="utf-8")
    write_crs_less(out / "faults", layers["ZJD"])


def add_squatters(homesteads: gpd.GeoDataFrame, shapes: list[shapely.Polygon]) -> gpd.GeoDataFrame:
    """Homesteads outside the settlements, on protected cropland and recorded so."""
    rows = homesteads[homesteads.LYZT == "1"].iloc[:: len(homesteads) // 5].iloc[: len(shapes)].copy()
    number = np.arange(len(homesteads) + 1, len(homesteads) + 1 + len(shapes))
    rows["ZDDM"] = [f"{VILLAGE_CODE}JC{i:05d}" for i in number]
    rows["BDCDYH"] = rows.ZDDM + "F00010001"
    rows["HZXM"] = [f"示例户{i:03d}" for i in number]
    rows["SFZYYJJBNT"] = "1"
    rows["YHDZ"] = "1"
    rows["geometry"] = shapes
    area = rows.area.round(2)
    rows["ZJDMJ"], rows["PZMJ"], rows["CBZMJ"] = area, 0.0, area
    rows["JZZDMJ"] = (area * 0.7).round(2)
    rows["JZMJ"] = (rows.JZZDMJ * rows.CS).round(2)
    return pd.concat([homesteads, rows], ignore_index=True)


def pick_abandoned(
    farmland: gpd.GeoDataFrame, taken: shapely.Geometry, random: np.random.Generator
) -> list[int]:
    """Fields given up before the first scene; one of them is protected cropland."""
    free = farmland[(farmland.distance(taken) > 40.0) & (farmland.SCMJ > 500) & (farmland.TDLYLX == "013")]
    chosen: list[int] = []
    for flag, count in (("1", 1), ("2", 3)):
        chosen += list(random.permutation(free.index[free.SFJBNT == flag])[:count])
    return [int(i) for i in chosen]


def plant_faults(
    clean: dict[str, gpd.GeoDataFrame], taken: shapely.Geometry, squatters: list[shapely.Polygon],
    station: shapely.Polygon,
) -> Faults:  # fmt: skip
    """All faults, and the ledger lines of those that concern whole layers."""
    faults = Faults(clean, taken, rng(17))
    for name in ("DK", "YJJBNTTB"):
        for shape in (*squatters, station):
            faults.block(name, shape)
    faults.shapes()
    faults.attributes()
    faults.on_protected(squatters, station)
    faults.note("S04", "XZJSYD", None, "delivered in EPSG:4326 (hand GPS)", "以手持GPS的EPSG:4326交付")
    faults.note("S09", "XZJSYD", None, "mandatory field XZKSRQ is missing", "缺必填字段XZKSRQ", field="XZKSRQ")
    faults.note("S03", "ZJD", None, "faults/ZJD_noprj.shp has no .prj", "faults/ZJD_noprj.shp缺.prj文件")
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
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".village.", dir=target) as temporary:
        made = Path(temporary)
        make(made)
        for source in sorted(p for p in made.rglob("*") if p.is_file()):
            goal = target / source.relative_to(made)
            goal.parent.mkdir(exist_ok=True)
            os.replace(source, goal)
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()


if __name__ == "__main__":
    main()
