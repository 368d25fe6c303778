"""What really changed between the two dates, planted on the fields and yards."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.affinity
from parcels import CRS
from plan import Plan, level_line, rectangle
from shapely.geometry.base import BaseGeometry
from terrain import Terrain

__all__ = ["KINDS", "LARGE_PX", "PIXEL_M2", "Planting", "changed_parcels", "plant"]

KINDS = {
    "house": "耕地上新建房屋院落", "road": "耕地上新修道路", "pond": "耕地上新挖鱼塘",
    "orchard": "耕地改种果园", "wild": "耕地荒芜（灌草丛生）", "demolished": "宅基地房屋拆除",
}  # fmt: skip
PIXEL_M2 = 100.0
LARGE_PX = 4.0
ROOFS = ("grey_roof", "red_roof", "flat_roof", "blue_roof")


@dataclass
class Planting:
    """Events as they are laid: `rows` is the truth, `things` what the renderer paints, in order."""

    rows: list[tuple[str, BaseGeometry]] = field(default_factory=list)
    things: list[tuple[BaseGeometry, str]] = field(default_factory=list)

    def add(self, kind: str, area: BaseGeometry, *things: tuple[BaseGeometry, str]) -> None:
        self.rows.append((kind, area))
        self.things.extend(things)

    def far(self, area: BaseGeometry, metres: float = 55.0) -> bool:
        """No event nearer than that yet."""
        return all(area.distance(laid) > metres for _, laid in self.rows)


def _cluster(fields: gpd.GeoDataFrame, seed: int, size: int) -> gpd.GeoDataFrame:
    """A field and its neighbours by the longest common edges."""
    chosen = [seed]
    while len(chosen) < size:
        area = shapely.union_all(fields.geometry.loc[chosen].to_numpy())
        near = fields.drop(index=chosen)
        near = near[near.intersects(area)]
        if near.empty:
            break
        common = near.geometry.intersection(area).length
        chosen.append(common.idxmax())
    return fields.loc[chosen]


def _houses(
    out: Planting, fields: gpd.GeoDataFrame, plan: Plan, ground: Terrain, rng: np.random.Generator
) -> None:
    """Yards beside roads, over one or several terraces."""
    by_road = fields[fields.distance(plan.roads) < 14.0]
    land = shapely.union_all(fields.geometry.to_numpy())
    sizes = [(26, 20), (24, 19), (30, 22), (28, 18), (25, 20), (27, 21), (17, 14), (12, 11)]
    for length, depth in sizes:
        for index in rng.permutation(by_road.index):
            at = by_road.geometry.loc[index].representative_point()
            yard = rectangle(ground, (at.x, at.y), length, depth)
            clipped = shapely.intersection(yard, land)
            if clipped.area < 0.93 * yard.area or clipped.geom_type != "Polygon":
                continue
            if not out.far(clipped):
                continue
            share = float(rng.uniform(0.62, 0.75))
            roof = shapely.intersection(shapely.affinity.scale(yard, share, share + 0.05), clipped)
            out.add("house", clipped, (clipped, "new_yard"), (roof, str(rng.choice(ROOFS))))
            break


def _roads(
    out: Planting, fields: gpd.GeoDataFrame, ground: Terrain, rng: np.random.Generator
) -> None:
    """Farm roads cut along the slope, with their shoulders; and a short narrow one."""
    land = shapely.union_all(fields.geometry.to_numpy())
    for reach, width, grade in ((105.0, 8.5, 0.05), (95.0, 8.0, -0.06), (34.0, 4.0, 0.02)):
        for index in rng.permutation(fields.index):
            at = fields.geometry.loc[index].representative_point()
            along = float(ground.at(ground.along, np.array([at.x]), np.array([at.y]))[0])
            line = level_line(ground, (at.x, at.y), grade, along)
            line = shapely.intersection(line, at.buffer(reach))
            line = max(shapely.get_parts(line), key=lambda part: part.length)
            top = min(4.5, width - 0.5)
            strip, paved = (
                shapely.intersection(shapely.buffer(line, w / 2, cap_style="flat"), land)
                for w in (width, top)
            )
            whole = strip.geom_type == "Polygon" and strip.area > 0.97 * width * line.length
            if whole and line.length > 1.8 * reach and out.far(strip):
                out.add("road", strip, (strip, "shoulder"), (paved, "new_road"))
                break


def _whole_fields(out: Planting, fields: gpd.GeoDataFrame, rng: np.random.Generator) -> None:
    """Ponds, orchards and wild fields: in land that bore no dense green in the first scene.

    A dug pond where water stood already, or shrubs where a crop was as green, would be no change
    that any two pictures show.
    """
    dull = fields.before.isin(["bare", "stubble", "ploughed", "weeds", "cane_young", "ripe"])
    wide = 2 * fields.area / fields.length > 9.0
    for kind, material, sizes in (
        ("pond", "pond", [(1, 700, 2500), (1, 500, 2000), (2, 500, 2500), (1, 250, 420)]),
        ("orchard", "orchard", [(1, 700, 3000), (2, 600, 3000), (3, 500, 3000), (4, 500, 3000),
                                (1, 250, 390)]),
        ("wild", "wild", [(1, 700, 3000), (2, 500, 3000), (2, 500, 3000), (3, 500, 3000),
                          (1, 250, 390)]),
    ):  # fmt: skip
        for count, least, most in sizes:
            fit = fields[dull & (wide | (most < 500)) & fields.area.between(least, most)]
            for index in rng.permutation(fit.index):
                group = _cluster(fields[dull], index, count)
                area = shapely.coverage_union_all(group.geometry.to_numpy())
                if len(group) < count or not out.far(area, 40.0):
                    continue
                if kind == "pond":
                    area = shapely.simplify(shapely.buffer(area, -1.3), 0.1)
                    if area.geom_type != "Polygon":
                        continue
                out.add(kind, area, (area, material))
                break


def _demolished(out: Planting, yards: gpd.GeoDataFrame, rng: np.random.Generator) -> None:
    """Three neighbouring homesteads pulled down, and two single ones."""
    for count in (3, 1, 1):
        for index in rng.permutation(yards.index):
            near = yards.distance(yards.geometry.loc[index])
            group = yards.loc[near.nsmallest(count).index]
            area = shapely.union_all(group.geometry.to_numpy())
            tight = near.nsmallest(count).max() <= 6.0 and area.area >= (
                430.0 if count > 1 else 0.0
            )
            if not tight or not out.far(area, 25.0):
                continue
            out.add("demolished", area, (area, "rubble"))
            break


def plant(
    fields: gpd.GeoDataFrame, yards: gpd.GeoDataFrame, plan: Plan, ground: Terrain,
    hidden: BaseGeometry, dim: BaseGeometry, rng: np.random.Generator,
) -> tuple[gpd.GeoDataFrame, Planting]:  # fmt: skip
    """Lay all events.

    Parameters
    ----------
    fields : farmland with columns DKBM, before, after
    yards : homesteads in use, with ZDDM
    hidden, dim : areas under the cloud and in its shadow in the second scene
    """
    out = Planting()
    clear = shapely.union_all([hidden, dim]).buffer(15.0)
    open_fields = fields[~fields.intersects(clear)]
    _roads(out, open_fields, ground, rng)
    _houses(out, open_fields, plan, ground, rng)
    _whole_fields(out, open_fields, rng)
    _demolished(out, yards[~yards.intersects(clear)], rng)
    deep = hidden.buffer(-25.0)
    unseen = fields[fields.representative_point().within(deep) & (fields.area > 700.0)]
    at = unseen.geometry.iloc[0].representative_point()
    yard = shapely.intersection(
        rectangle(ground, (at.x, at.y), 24.0, 19.0), shapely.union_all(unseen.geometry.to_numpy())
    )
    out.add("house", yard, (yard, "new_yard"))
    kinds, areas = zip(*out.rows, strict=True)
    events = gpd.GeoDataFrame(
        {
            "event": [f"C{i:02d}" for i in range(1, len(kinds) + 1)],
            "kind": kinds,
            "kind_zh": [KINDS[kind] for kind in kinds],
        },
        geometry=list(areas),
        crs=CRS,
    )
    events["under_cloud"] = events.intersects(hidden)
    return events, out


def changed_parcels(
    events: gpd.GeoDataFrame, layers: dict[str, tuple[gpd.GeoDataFrame, str]]
) -> pd.DataFrame:
    """Which parcel of which layer each event took, by area.

    Parameters
    ----------
    layers : layer id -> (layer, its key field)
    """
    rows = []
    for layer, (frame, key) in layers.items():
        near, number = frame.sindex.query(events.geometry, predicate="intersects")
        parcel = frame.iloc[number]
        common = shapely.intersection(events.geometry.to_numpy()[near], parcel.geometry.to_numpy())
        taken = shapely.area(common)
        rows.append(
            pd.DataFrame(
                {
                    "layer": layer,
                    "feature": parcel[key].to_numpy(),
                    "kind": events.kind.to_numpy()[near],
                    "changed_m2": taken.round(2),
                    "share": (taken / parcel.area.to_numpy()).round(4),
                    "pixels": (taken / PIXEL_M2).round(2),
                    "event": events.event.to_numpy()[near],
                    "event_pixels": (events.area.to_numpy()[near] / PIXEL_M2).round(2),
                    "under_cloud": events.under_cloud.to_numpy()[near],
                }
            )
        )
    table = pd.concat(rows)
    kinds = {"farmland": table.kind != "demolished", "homestead": table.kind == "demolished"}
    wanted = (table.changed_m2 >= 1.0) & np.logical_or.reduce(
        [(table.layer == layer) & fits for layer, fits in kinds.items()]
    )
    return table[wanted].sort_values(["event", "layer", "feature"], ignore_index=True)
