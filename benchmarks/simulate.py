"""Yuxi-like scene pairs with planted changes: ``python benchmarks/simulate.py OUT --seed 1``.

Each field grows what the month asks for, two crops a year; every field, and every place in it, has
a spectrum of its own. Both dates are seen as a sensor sees them: outlines at a quarter of a pixel,
point spread and mean over the detector's pixel, light on the slope, haze, cloud and its shadow,
noise, gain and offset. A seed makes one pair, wherever it is made.

The fine picture is made block by block. Reflectances are the invented ones of the sample village
(``sample_data/cover.py``), varied by seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine, from_origin
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "sample_data"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from cover import FEBRUARY, MARCH, MATERIALS, OTHER, SAME_CROP, STATES, SURFACES
from scenes import sun
from terrain import noise
from worlds import CRS, ORIGIN, World, packed, plant, terraces

__all__ = ["CALENDAR", "MIXTURES", "SENSORS", "Date", "Scenes", "Sensor", "a_pair", "simulate"]

Floats = NDArray[np.float32]

# The second crop of the year; the first is the sample's.
AUGUST = {
    "paddy": {"rice": 62, "vegetable": 14, "weeds": 6, "rice_young": 18},
    "dry": {"maize": 44, "vegetable": 24, "cane": 14, "bare": 8, "weeds": 10},
}
OCTOBER = {
    "paddy": {"ripe": 40, "stubble": 26, "ploughed": 16, "vegetable": 18},
    "dry": {"stubble": 28, "bare": 22, "ripe": 12, "vegetable": 16, "cane": 16, "weeds": 6},
}
CALENDAR = {2: FEBRUARY, 3: MARCH, 8: AUGUST, 10: OCTOBER}
"""Month -> kind of field -> how many fields are in each state."""
CROPS = {**STATES}
CROPS["rice"] = {"wheat": 0.80, "mud_water": 0.20}
CROPS["rice_young"] = {"wheat": 0.35, "mud_water": 0.55, "clear_water": 0.10}
CROPS["maize"] = {"wheat": 0.55, "cane": 0.30, "red_dry": 0.15}
MIXTURES: Mapping[str, Mapping[str, float]] = {
    **{code: winter for code, (_, winter) in OTHER.items()},
    **MATERIALS,
    **CROPS,
    "stripped": {"red_dry": 0.80, "gravel": 0.20},
}
"""Cover -> parts of surfaces."""

_ROOFS = ("grey_roof", "red_roof", "flat_roof", "blue_roof", "yard")
_BASE = {"blue": 490, "green": 560, "red": 665, "nir": 842, "swir1": 1610, "swir2": 2190}  # nm
_SENTINEL2 = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir1",
              "B12": "swir2"}  # fmt: skip
# Between red and near infrared: wavelength, and how far on the way soil and leaves are there.
_EDGE = {"B05": (705, 0.23, 0.20), "B06": (740, 0.42, 0.72), "B07": (783, 0.67, 0.94),
         "B8A": (865, 1.05, 1.01)}  # fmt: skip
_FINE = 4  # cells a side of a pixel
_REACH = 3  # pixels around a block that shine into it
_BLOCK = 128
_TILE = 509  # side of the pictures of noise that are laid side by side
_STAYS = 0.58  # of the fields bear the same again in the same season


@dataclass(frozen=True)
class Sensor:
    """What takes the picture.

    Attributes
    ----------
    bands : mapping of str to int
        Name of each band, and how many pixels a side the detector's own are.
    pixel_m : float
    blur : float
        Sigma of the point spread, pixels.
    noise : (float, float)
        Of the detector: floor in reflectance, and part of the signal.
    """

    bands: Mapping[str, int]
    pixel_m: float
    blur: float = 0.42
    noise: tuple[float, float] = (0.0011, 1 / 120)


_FOUR = dict.fromkeys(("blue", "green", "red", "nir"), 1)
_TEN = dict.fromkeys(("B02", "B03", "B04", "B08"), 1)
_TEN |= dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 2)
SENSORS: Mapping[str, Sensor] = {
    "sentinel2": Sensor({**_FOUR, "swir1": 2, "swir2": 2}, 10.0),
    "sentinel2-10": Sensor(_TEN, 10.0),
    "gaofen": Sensor(_FOUR, 8.0, 0.5, (0.003, 1 / 80)),
    "landsat": Sensor({**_FOUR, "swir1": 1, "swir2": 1}, 30.0, 0.45, (0.0015, 1 / 100)),
}


@dataclass(frozen=True)
class Date:
    """One acquisition.

    Attributes
    ----------
    when : datetime
        The month asks for the crops, the hour for the light.
    haze : float
        Reflectance that the air adds in the blue.
    gain, offset : float
        Of the calibration: how far they vary by band.
    shift : (float, float)
        Misplacement to the east and north, pixels.
    cloud : float
        Share of the ground under cloud.
    """

    when: datetime
    haze: float = 0.005
    gain: float = 0.0
    offset: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    cloud: float = 0.0


BEFORE = Date(datetime(2024, 3, 18, 3, 50, tzinfo=UTC))
AFTER = Date(datetime(2026, 2, 11, 3, 51, tzinfo=UTC), 0.015, 0.02, 0.002, (0.1, -0.15))


@dataclass(frozen=True)
class Scenes:
    """What `simulate` wrote: two scenes; the parcel layers; the planted changes."""

    before: Path
    after: Path
    layers: dict[str, gpd.GeoDataFrame]
    truth: gpd.GeoDataFrame


def covers(world: World, months: tuple[int, int], seed: int) -> tuple[NDArray[np.object_], ...]:
    """Cover of every face at both dates: neighbours tend to grow the same."""
    rng = np.random.default_rng([seed, 20])
    land = world.faces["land"].to_numpy(dtype=object)
    at = shapely.get_coordinates(shapely.point_on_surface(world.faces.geometry.to_numpy()))
    cell = ((at - ORIGIN) // 20).astype(int) % _TILE  # groups of fields, some 150 m wide
    states = []
    for month in months:
        common = noise(rng, (_TILE, _TILE), 4)[cell[:, 1], cell[:, 0]]
        luck = norm.cdf(0.65 * common + 0.76 * rng.standard_normal(len(land)))
        now = land.copy()
        for kind, shares in CALENDAR[month].items():
            upper = np.cumsum(list(shares.values())) / sum(shares.values())
            drawn = np.array(list(shares), dtype=object)[np.searchsorted(upper[:-1], luck)]
            now = np.where(land == kind, drawn, now)
        states.append(now)
    first, second = states
    if abs(months[0] - months[1]) <= 1:
        same = np.array([SAME_CROP.get(s, s) if months[1] < months[0] else s for s in first])
        second = np.where(rng.random(len(land)) < _STAYS, same, second)
    flooded = (land == "paddy") & (rng.random(len(land)) < 0.15)
    roofs = rng.choice(np.array(_ROOFS, dtype=object), len(land))
    return tuple(
        np.where(land == "built", roofs, np.where(flooded & (month < 4), "water", now))
        for month, now in zip(months, (first, second), strict=True)
    )


def spectra(names: NDArray[np.object_], seed: int, date: int) -> Floats:
    """Reflectance (n, 6) of each face on one date; the seed's surfaces differ from the table's.

    A crop's parts vary from field to field and year to year; what lasts varies only by place.
    """
    rng, lasting, yearly = (np.random.default_rng([seed, 21 + k]) for k in (0, 1, 2 + date))
    table = np.array(list(SURFACES.values()))
    table = table * np.exp(0.06 * rng.standard_normal((len(table), 1)))
    table = table * np.exp(0.03 * rng.standard_normal(table.shape))
    parts = pd.DataFrame([MIXTURES[name] for name in MIXTURES], columns=list(SURFACES)).fillna(0.0)
    which = pd.Index(MIXTURES).get_indexer(names)
    weight = parts.to_numpy()[which]
    crop = np.isin(names, list(CROPS))[:, None]
    same, new = lasting.standard_normal(weight.shape), yearly.standard_normal(weight.shape)
    weight = weight * np.exp(np.where(crop, 0.30 * new, 0.12 * same + 0.03 * new))
    weight /= weight.sum(axis=1, keepdims=True)
    light = np.exp(np.where(crop, 0.06, 0.015) * yearly.standard_normal((len(names), 1)))
    return (weight @ table * light).astype(np.float32)


def in_bands(six: NDArray[np.floating], bands: Mapping[str, int]) -> Floats:
    """Reflectance (n, bands) from that in the six base bands."""
    base = {role: six[:, k] for k, role in enumerate(_BASE)}
    red, nir = base["red"], base["nir"]
    leaves = np.clip((nir - red) / (nir + red) / 0.8, 0, 1)
    edge = {name: red + (nir - red) * (soil * (1 - leaves) + leaf * leaves)
            for name, (_, soil, leaf) in _EDGE.items()}  # fmt: skip
    known = {**base, **{name: base[role] for name, role in _SENTINEL2.items()}, **edge}
    return np.stack([known[name] for name in bands], axis=1).astype(np.float32)


@cache
def optics(size: int, blur: float, coarse: int) -> Floats:
    """Weights (size, cells) of the fine cells in each pixel of a line, by `_REACH` around it.

    The detector's pixel is a box, `coarse` pixels wide, seen through a Gaussian blur
    of sigma `blur`.
    """
    cells = np.arange((size + 2 * _REACH) * _FINE) / _FINE - _REACH + 0.5 / _FINE
    start = coarse * (np.arange(size) // coarse)[:, None]
    low, high = (cells - start) / blur, (cells - start - coarse) / blur
    weights = norm.cdf(low) - norm.cdf(high)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class _Sky:
    """Pictures of light, air and texture, laid side by side over the world."""

    light: Floats  # on the slope, 1 on level ground
    veil: Floats
    cloud: Floats
    shadow: Floats
    shine: Floats  # brightness within faces
    leaf: Floats  # leaves within faces


def _sky(date: Date, seed: int, number: int) -> _Sky:
    lasting, passing = np.random.default_rng([seed, 30]), np.random.default_rng([seed, 31 + number])
    height = noise(lasting, (_TILE, _TILE), 15)
    south, east = np.gradient(height)
    steep = 0.22 / np.hypot(east, south).mean()  # slopes of 12 degrees on average
    south, east = south * steep, east * steep
    zenith, azimuth = sun(date.when)
    tilt = np.tan(zenith) * (np.cos(azimuth) * south - np.sin(azimuth) * east)
    light = np.clip((1 + tilt) / np.sqrt(1 + east**2 + south**2), 0.1, 1.7)

    def texture() -> NDArray[np.float64]:
        grain = [noise(rng, (_TILE, _TILE), s) for rng in (lasting, passing) for s in (0.7, 4.0)]
        return 0.65 * grain[0] + 0.5 * grain[1] + 0.35 * grain[2] + 0.3 * grain[3]

    shine, leaf = texture(), texture()
    veil = 1 + 0.2 * noise(passing, (_TILE, _TILE), 60)
    puffs = noise(passing, (_TILE, _TILE), 12) + 0.3 * noise(passing, (_TILE, _TILE), 3)
    edge = np.quantile(puffs, 1 - date.cloud)
    cloud = np.clip(3 * (puffs - edge), 0, 1) if date.cloud else np.zeros_like(puffs)
    shadow = np.roll(cloud, (-6, 18), axis=(0, 1))
    return _Sky(*(a.astype(np.float32) for a in (light, veil, cloud, shadow, shine, leaf)))


def _windows(size: int) -> Iterator[rasterio.windows.Window]:
    for row in range(0, size, _BLOCK):
        for column in range(0, size, _BLOCK):
            yield rasterio.windows.Window(
                column, row, min(_BLOCK, size - column), min(_BLOCK, size - row)
            )


def _ground(
    shapes: NDArray[np.object_], tree: shapely.STRtree, table: Floats, sensor: Sensor,
    window: rasterio.windows.Window, shift: tuple[float, float],
) -> Floats:  # fmt: skip
    """Mean of `table` (faces, columns) in every pixel of the window, as the optics mix it."""
    cell = sensor.pixel_m / _FINE
    west = ORIGIN[0] + (window.col_off - _REACH - shift[0]) * sensor.pixel_m
    north = ORIGIN[1] - (window.row_off - _REACH + shift[1]) * sensor.pixel_m
    rows, columns = window.height + 2 * _REACH, window.width + 2 * _REACH
    box = shapely.box(west, north - rows * sensor.pixel_m, west + columns * sensor.pixel_m, north)
    near = np.sort(tree.query(box))
    fine = np.zeros((rows * _FINE, columns * _FINE), dtype=np.int32)
    if len(near):
        at = Affine(cell, 0, west, 0, -cell, north)
        rasterize(zip(shapes[near], near + 1, strict=True), out=fine, transform=at)
    wide = [*sensor.bands.values(), 1, 1]
    out = np.empty((len(wide), window.height, window.width), dtype=np.float32)
    for column, coarse in enumerate(wide):
        down = optics(window.height, sensor.blur, coarse)
        across = optics(window.width, sensor.blur, coarse)
        out[column] = down @ table[:, column].take(fine, mode="clip") @ across.T
    return out


def _render(
    path: Path, world: World, shapes: NDArray[np.object_], names: NDArray[np.object_],
    sensor: Sensor, date: Date, seed: int, number: int,
) -> None:  # fmt: skip
    """Write the scene of one date: reflectance × 10000."""
    ridge = np.append(np.array(["ridge"], dtype=object), names)
    six = in_bands(spectra(ridge, seed, number), sensor.bands)
    crop = np.isin(ridge, list(CROPS))
    rough = np.stack([np.where(crop, 0.05, 0.13), np.where(crop, 0.10, 0.14)], axis=1)
    table = np.concatenate([six, rough.astype(np.float32)], axis=1)
    tree = shapely.STRtree(shapes)
    sky, rng = _sky(date, seed, number), np.random.default_rng([seed, 40 + number])
    size = int(world.side_m // sensor.pixel_m)
    bands, n = list(sensor.bands), len(sensor.bands)
    gain = 1 + date.gain * rng.uniform(-1, 1, n)
    offset = date.offset * rng.uniform(-1, 1, n)
    profile = {
        "driver": "GTiff", "width": size, "height": size, "count": n, "dtype": "uint16",
        "crs": CRS, "transform": from_origin(*ORIGIN, sensor.pixel_m, sensor.pixel_m),
        "nodata": 0, "tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as out:
        for window in _windows(size):
            ground = _ground(shapes, tree, table, sensor, window, date.shift)
            seen = _seen(ground, bands, sky, date, sensor.pixel_m, window)
            seen = seen * gain[:, None, None] + offset[:, None, None]
            sigma = np.hypot(sensor.noise[0], seen * sensor.noise[1])
            seen = seen + sigma * rng.standard_normal(seen.shape)
            out.write(np.clip(np.round(seen * 10_000), 1, 65_000).astype(np.uint16), window=window)
        out.descriptions = tuple(bands)
        out.scales = [0.0001] * n
        out.update_tags(ACQUISITION_DATE=f"{date.when:%Y-%m-%d}")


def _seen(
    ground: Floats, bands: list[str], sky: _Sky, date: Date, pixel_m: float,
    window: rasterio.windows.Window,
) -> NDArray[np.float64]:  # fmt: skip
    """Reflectance with texture, light and air; the pictures of the sky have cells of 10 m."""
    rows, columns = (
        ((start + np.arange(count)) * pixel_m // 10).astype(int) % _TILE
        for start, count in ((window.row_off, window.height), (window.col_off, window.width))
    )

    def over(picture: Floats) -> Floats:
        return picture[np.ix_(rows, columns)]

    bright, green = ground[-2] * over(sky.shine), ground[-1] * over(sky.leaf)
    shadow, cloud, veil = over(sky.shadow), over(sky.cloud), over(sky.veil)
    out = np.empty((len(bands), *bright.shape))
    for k, name in enumerate(bands):
        role = _SENTINEL2.get(name, name)
        wave = _BASE[role] if role in _BASE else _EDGE[name][0]
        # More leaves: less of what they absorb, more of the near infrared.
        leaf = 0.8 if 730 < wave < 1000 else -0.6
        band = ground[k] * np.exp(bright + leaf * green)
        diffuse = 0.26 * (490 / wave) ** 1.6
        direct = (1 - diffuse) * over(sky.light) * (1 - 0.85 * shadow)
        haze = date.haze * (490 / wave) ** 2.5
        band = band * (diffuse + direct) * (1 - 3 * haze * veil) + haze * veil
        white = 0.58 if wave < 1000 else 0.40
        out[k] = band * (1 - cloud) + white * cloud
    return np.clip(out, 0.001, 1.5)


def simulate(
    folder: Path, world: World, truth: gpd.GeoDataFrame, seed: int,
    sensor: Sensor = SENSORS["sentinel2"], dates: tuple[Date, Date] = (BEFORE, AFTER),
) -> Scenes:  # fmt: skip
    """Write ``before.tif`` and ``after.tif`` into `folder`.

    Parameters
    ----------
    folder : Path
        Exists.
    world : World
    truth : GeoDataFrame
        From `worlds.plant`; the changes lie on the ground at the second date.
    seed : int
    sensor : Sensor
    dates : (Date, Date)

    Returns
    -------
    Scenes
    """
    shapes = world.faces.geometry.to_numpy()
    first, second = covers(world, (dates[0].when.month, dates[1].when.month), seed)
    after = np.concatenate([shapes, truth.geometry.to_numpy()])
    grown = np.concatenate([second, truth["cover"].to_numpy(dtype=object)])
    _render(folder / "before.tif", world, shapes, first, sensor, dates[0], seed, 0)
    _render(folder / "after.tif", world, after, grown, sensor, dates[1], seed, 1)
    return Scenes(folder / "before.tif", folder / "after.tif", world.layers(), truth)


def a_pair(
    folder: Path, seed: int, *, side_m: float = 3000.0, each: int = 2,
    fields: gpd.GeoDataFrame | None = None, sensor: Sensor = SENSORS["sentinel2"],
    dates: tuple[Date, Date] = (BEFORE, AFTER),
) -> Scenes:  # fmt: skip
    """A world of terraces, or of `fields`, its changes and its scenes in one step."""
    world = terraces(side_m, seed) if fields is None else packed(fields, side_m, seed)
    return simulate(folder, world, plant(world, each, seed), seed, sensor, dates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fields", type=Path, help="a layer of field outlines; else terraces")
    parser.add_argument("--pixels", type=int, default=300)
    parser.add_argument("--each", type=int, default=2, help="changes of each kind and size")
    parser.add_argument("--sensor", choices=SENSORS, default="sentinel2")
    parser.add_argument("--cloud", type=float, default=0.0, help="share under cloud, second date")
    options = parser.parse_args()
    sensor = SENSORS[options.sensor]
    after = Date(AFTER.when, AFTER.haze, AFTER.gain, AFTER.offset, AFTER.shift, options.cloud)
    options.out.mkdir(parents=True, exist_ok=True)
    made = a_pair(
        options.out, options.seed, side_m=options.pixels * sensor.pixel_m, each=options.each,
        fields=None if options.fields is None else gpd.read_file(options.fields),
        sensor=sensor, dates=(BEFORE, after),
    )  # fmt: skip
    for name, layer in {**made.layers, "truth": made.truth}.items():
        layer.to_file(options.out / "world.gpkg", layer=name)


if __name__ == "__main__":
    main()
