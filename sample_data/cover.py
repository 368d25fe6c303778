"""What grows and lies on each face on the two dates, as fractions of known surfaces.

Reflectances are of the order that Sentinel-2 (level 2A) shows for these surfaces in the red-earth
mountains of Yunnan; they are set by hand, not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from parcels import FARM
from scipy.stats import norm
from terrain import STEP, Terrain, noise

__all__ = [
    "BANDS", "MATERIALS", "SURFACES", "Cover", "cover_of", "crop_calendar", "harmless_fields",
    "spectrum",
]  # fmt: skip

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")

SURFACES: dict[str, tuple[float, ...]] = {
    "pine": (0.024, 0.040, 0.031, 0.210, 0.105, 0.048),
    "broadleaf": (0.026, 0.048, 0.031, 0.300, 0.140, 0.060),
    "new_leaf": (0.030, 0.062, 0.036, 0.360, 0.165, 0.072),
    "shade": (0.014, 0.018, 0.014, 0.060, 0.030, 0.016),
    "shrub": (0.034, 0.058, 0.047, 0.245, 0.170, 0.088),
    "dry_grass": (0.055, 0.082, 0.098, 0.220, 0.265, 0.170),
    "green_grass": (0.036, 0.072, 0.050, 0.310, 0.200, 0.100),
    "fruit_tree": (0.028, 0.052, 0.034, 0.330, 0.155, 0.068),
    "wheat": (0.030, 0.070, 0.040, 0.420, 0.185, 0.085),
    "ripe": (0.060, 0.100, 0.118, 0.265, 0.270, 0.160),
    "bean": (0.032, 0.064, 0.040, 0.380, 0.175, 0.080),
    "rape_flower": (0.050, 0.135, 0.110, 0.420, 0.195, 0.100),
    "rape_pod": (0.036, 0.082, 0.052, 0.380, 0.185, 0.090),
    "vegetable": (0.034, 0.080, 0.044, 0.400, 0.190, 0.090),
    "cane": (0.042, 0.080, 0.075, 0.300, 0.220, 0.120),
    "straw": (0.072, 0.102, 0.130, 0.230, 0.290, 0.200),
    "red_dry": (0.050, 0.082, 0.152, 0.235, 0.310, 0.255),
    "red_wet": (0.036, 0.054, 0.096, 0.150, 0.190, 0.150),
    "mud_water": (0.062, 0.084, 0.088, 0.062, 0.032, 0.020),
    "clear_water": (0.040, 0.050, 0.042, 0.030, 0.015, 0.010),
    "pond_water": (0.050, 0.076, 0.056, 0.032, 0.013, 0.009),
    "duckweed": (0.034, 0.075, 0.045, 0.280, 0.110, 0.050),
    "concrete": (0.155, 0.180, 0.198, 0.228, 0.255, 0.232),
    "new_concrete": (0.220, 0.255, 0.280, 0.320, 0.350, 0.320),
    "gravel": (0.120, 0.155, 0.200, 0.265, 0.335, 0.300),
    "grey_tile": (0.098, 0.114, 0.126, 0.152, 0.188, 0.168),
    "red_tile": (0.086, 0.108, 0.178, 0.238, 0.285, 0.250),
    "blue_steel": (0.245, 0.220, 0.160, 0.200, 0.225, 0.185),
    "asphalt": (0.080, 0.090, 0.100, 0.120, 0.150, 0.140),
}

# State: fractions of surfaces (the first is what grows, the second what shows between it).
STATES: dict[str, dict[str, float]] = {
    "water": {"mud_water": 0.55, "clear_water": 0.25, "straw": 0.05, "duckweed": 0.06},
    "ploughed": {"red_wet": 0.75, "straw": 0.10, "mud_water": 0.15},
    "bare": {"red_dry": 0.72, "red_wet": 0.10, "straw": 0.12, "green_grass": 0.06},
    "stubble": {"straw": 0.50, "red_dry": 0.28, "green_grass": 0.12, "dry_grass": 0.10},
    "weeds": {"dry_grass": 0.50, "red_dry": 0.12, "green_grass": 0.28, "shrub": 0.05},
    "wheat": {"wheat": 0.72, "red_wet": 0.28},
    "ripe": {"ripe": 0.78, "red_dry": 0.12, "green_grass": 0.10},
    "bean": {"bean": 0.66, "red_wet": 0.34},
    "rape_flower": {"rape_flower": 0.85, "red_wet": 0.15},
    "rape_pod": {"rape_pod": 0.84, "red_wet": 0.16},
    "vegetable": {"vegetable": 0.50, "red_wet": 0.35, "red_dry": 0.15},
    "cane": {"cane": 0.84, "straw": 0.16},
    "cane_young": {"wheat": 0.14, "red_dry": 0.46, "straw": 0.40},
    "abandoned": {"dry_grass": 0.42, "shrub": 0.30, "green_grass": 0.24, "red_dry": 0.04},
    "orchard": {"fruit_tree": 0.55, "red_dry": 0.16, "dry_grass": 0.14, "shade": 0.15},
}
# What covers land that is not farmed, in March and in February.
OTHER: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "0301": ({"broadleaf": 0.26, "pine": 0.42, "new_leaf": 0.12, "shade": 0.20},
             {"broadleaf": 0.34, "pine": 0.42, "new_leaf": 0.02, "shade": 0.22}),
    "0307": ({"broadleaf": 0.40, "shrub": 0.20, "new_leaf": 0.12, "dry_grass": 0.13,
              "shade": 0.15},
             {"broadleaf": 0.48, "shrub": 0.22, "new_leaf": 0.02, "dry_grass": 0.12,
              "shade": 0.16}),
    "0305": ({"shrub": 0.58, "dry_grass": 0.22, "broadleaf": 0.12, "shade": 0.08},
             {"shrub": 0.60, "dry_grass": 0.18, "broadleaf": 0.13, "shade": 0.09}),
    "0404": ({"dry_grass": 0.68, "shrub": 0.16, "red_dry": 0.16},
             {"dry_grass": 0.60, "shrub": 0.18, "red_dry": 0.10, "green_grass": 0.12}),
    "0702": ({"fruit_tree": 0.24, "red_dry": 0.26, "concrete": 0.28, "dry_grass": 0.22},
             {"fruit_tree": 0.25, "red_dry": 0.22, "concrete": 0.28, "dry_grass": 0.25}),
    "1004": ({"concrete": 0.9, "red_dry": 0.1},) * 2,
    "1006": ({"gravel": 0.45, "concrete": 0.40, "dry_grass": 0.15},) * 2,
    "1101": ({"clear_water": 0.35, "mud_water": 0.20, "gravel": 0.30, "shrub": 0.15},
             {"clear_water": 0.40, "mud_water": 0.22, "gravel": 0.25, "shrub": 0.13}),
    "1104": ({"pond_water": 0.92, "duckweed": 0.08},) * 2,
    "1107": ({"concrete": 0.45, "clear_water": 0.30, "dry_grass": 0.25},) * 2,
    "08H2": ({"grey_tile": 0.45, "concrete": 0.30, "dry_grass": 0.25},) * 2,
    "0601": ({"red_tile": 0.45, "gravel": 0.30, "dry_grass": 0.25},) * 2,
    "1201": ({"concrete": 0.60, "dry_grass": 0.40},) * 2,
    "1202": ({"blue_steel": 0.50, "concrete": 0.35, "red_dry": 0.15},) * 2,
}  # fmt: skip
# Things with their own outline: buildings, and what the real changes put on the ground.
MATERIALS: dict[str, dict[str, float]] = {
    "grey_roof": {"grey_tile": 0.95, "shade": 0.05},
    "red_roof": {"red_tile": 0.95, "shade": 0.05},
    "flat_roof": {"concrete": 0.95, "shade": 0.05},
    "blue_roof": {"blue_steel": 0.95, "shade": 0.05},
    "yard": {"concrete": 0.70, "red_dry": 0.15, "fruit_tree": 0.15},
    "new_yard": {"new_concrete": 0.55, "gravel": 0.35, "red_dry": 0.10},
    "new_road": {"new_concrete": 0.90, "gravel": 0.10},
    "shoulder": {"gravel": 0.55, "red_dry": 0.45},
    "pond": {"pond_water": 0.70, "mud_water": 0.30},
    "orchard": {"fruit_tree": 0.50, "red_dry": 0.20, "green_grass": 0.15, "shade": 0.15},
    "wild": {"shrub": 0.52, "green_grass": 0.20, "dry_grass": 0.20, "shade": 0.08},
    "rubble": {"red_dry": 0.45, "gravel": 0.20, "dry_grass": 0.25, "green_grass": 0.10},
    "ridge": {"dry_grass": 0.45, "red_dry": 0.25, "shrub": 0.20, "green_grass": 0.10},
}

# Share of fields in each state in the middle of March and of February, by kind of field.
MARCH: dict[str, dict[str, float]] = {
    "paddy": {"rape_pod": 24, "ripe": 18, "bean": 12, "ploughed": 14, "stubble": 12,
              "weeds": 6, "vegetable": 14},
    "dry": {"bare": 28, "ripe": 12, "vegetable": 17, "stubble": 13, "weeds": 6, "cane_young": 10,
            "cane": 14},
}  # fmt: skip
FEBRUARY: dict[str, dict[str, float]] = {
    "paddy": {"rape_flower": 28, "wheat": 24, "bean": 14, "ploughed": 6, "stubble": 10,
              "weeds": 4, "vegetable": 14},
    "dry": {"bare": 24, "wheat": 16, "vegetable": 12, "stubble": 24, "weeds": 6, "cane_young": 6,
            "cane": 12},
}  # fmt: skip
SAME_CROP = {"rape_pod": "rape_flower", "ripe": "wheat"}


@dataclass(frozen=True)
class Cover:
    """Mean reflectance of each face on one date and how it varies inside.

    Attributes
    ----------
    mean, lean : arrays (n, 6); `lean` is the direction from what lies between to what grows
    patchy, bright : arrays (n,): how far the mixture and the brightness vary
    """

    mean: NDArray[np.float64]
    lean: NDArray[np.float64]
    patchy: NDArray[np.float64]
    bright: NDArray[np.float64]


def _draw(shares: dict[str, float], likely: NDArray[np.float64]) -> NDArray[np.object_]:
    """States by their shares; `likely` in 0..1 chooses."""
    upper = np.cumsum(list(shares.values())) / sum(shares.values())
    return np.array(list(shares), dtype=object)[np.searchsorted(upper[:-1], likely)]


def crop_calendar(
    faces: gpd.GeoDataFrame, ground: Terrain, rng: np.random.Generator
) -> pd.DataFrame:
    """State of each farmed face on both dates: columns before, after (empty where not farmed).

    Neighbours tend to grow the same; paddies of old keep water over the winter; of the others
    more than half bear the same crop two years later, at another stage, the rest rotate.
    """
    n = len(faces)
    point = faces.representative_point()
    x, y = point.x.to_numpy(), point.y.to_numpy()

    def luck() -> NDArray[np.float64]:
        common = ground.at(noise(rng, ground.z.shape, 60 / STEP), x, y)
        return np.asarray(norm.cdf(0.65 * common + 0.76 * rng.standard_normal(n)))

    kind = faces.dlbm.map({"0101": "paddy", "0103": "dry", "0201": "orchard"}).to_numpy(object)
    flooded = (kind == "paddy") & (luck() < 0.60)
    stays = rng.random(n) < 0.58
    first, second = luck(), luck()
    before, after = np.full(n, "", dtype=object), np.full(n, "", dtype=object)
    for field in ("paddy", "dry"):
        here = kind == field
        before[here] = _draw(MARCH[field], first[here])
        after[here] = _draw(FEBRUARY[field], second[here])
    kept = np.array([SAME_CROP.get(s, s) for s in before], dtype=object)
    after = np.where(stays, kept, after)
    before[flooded], after[flooded] = "water", "water"
    # A few paddies are drained in one of the winters.
    drained = flooded & (rng.random(n) < 0.04)
    before[drained & (first > 0.5)] = "stubble"
    after[drained & (first <= 0.5)] = "stubble"
    before[kind == "orchard"] = after[kind == "orchard"] = "orchard"
    return pd.DataFrame({"before": before, "after": after}, index=faces.index)


def spectrum(parts: dict[str, float]) -> NDArray[np.float64]:
    """Reflectance of a mixture, by area."""
    total = sum(parts.values())
    return np.asarray(sum(np.array(SURFACES[s]) * w / total for s, w in parts.items()))


def cover_of(
    faces: gpd.GeoDataFrame, states: pd.Series, date: int, rng: np.random.Generator
) -> Cover:
    """Surface of each face on date 0 (before) or 1 (after), with its own growth and moisture."""
    names, table = list(SURFACES), np.array(list(SURFACES.values()))
    n = len(faces)
    weight, lean = np.zeros((n, len(names))), np.zeros((n, len(BANDS)))
    for i, (dlbm, state) in enumerate(zip(faces.dlbm, states, strict=True)):
        parts = STATES[state] if state else OTHER[dlbm][date]
        for surface, share in parts.items():
            weight[i, names.index(surface)] = share
        grows, between = list(parts)[:2]
        lean[i] = np.subtract(SURFACES[grows], SURFACES[between])
    farm = faces.dlbm.isin(FARM).to_numpy()
    spread = np.where(farm, 0.30, 0.06)[:, None]
    weight = weight * np.exp(spread * rng.standard_normal(weight.shape))
    weight /= weight.sum(axis=1, keepdims=True)
    shade = np.exp(np.where(farm, 0.06, 0.015) * rng.standard_normal(n))
    wood = faces.dlbm.isin(["0301", "0305", "0307"]).to_numpy()
    return Cover(
        mean=weight @ table * shade[:, None],
        lean=lean,
        patchy=np.where(farm, 0.10, np.where(wood, 0.22, 0.15)),
        bright=np.where(farm, 0.05, np.where(wood, 0.16, 0.12)),
    )


def harmless_fields(
    farmland: gpd.GeoDataFrame, faces: gpd.GeoDataFrame, calendar: pd.DataFrame, before: Cover,
    after: Cover, events: gpd.GeoDataFrame,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Fields that look different only for the season: harvest, growth, rotation, flooding."""

    def green(cover: Cover) -> NDArray[np.float64]:
        red, nir = cover.mean[:, 2], cover.mean[:, 3]
        return (nir - red) / (nir + red)

    change = pd.Series(green(after) - green(before), index=faces.index)
    distance = pd.Series(np.abs(after.mean - before.mean).mean(axis=1), index=faces.index)
    turned = calendar.before != calendar.after
    wet = (calendar == "water").sum(axis=1) == 1
    kind = np.select(
        [wet, change < -0.15, change > 0.15, turned & (distance > 0.015)],
        ["flooding", "harvest", "growth", "rotation"], "",
    )  # fmt: skip
    table = farmland.join(calendar).assign(kind=pd.Series(kind, index=faces.index))
    really = shapely.union_all(events.geometry.to_numpy())
    table = table[(table.kind != "") & (table.intersection(really).area < 1.0)]
    names = {"flooding": "放水或蓄水", "harvest": "收割", "growth": "作物生长", "rotation": "轮作"}
    return gpd.GeoDataFrame(
        {
            "kind": table.kind, "kind_zh": table.kind.map(names), "layer": "farmland",
            "feature": table.DKBM, "before": table.before, "after": table.after,
            "area_m2": table.area.round(2),
        },
        geometry=table.geometry,
        crs=farmland.crs,
    )  # fmt: skip
