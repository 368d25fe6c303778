"""Two pictures as Sentinel-2 takes them: land cover at 2 m, light, air, optics and noise.

Order of things: surfaces at 2 m, the light on the slope, the optics (blur and mean to 10 m, the two
short-wave infrared bands at 20 m as in the real instrument), the cloud's shadow, haze, the cloud,
the noise of the detector, rounding to integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from cover import BANDS, MATERIALS, Cover, spectrum
from numpy.typing import NDArray
from parcels import CRS, FARM
from pyproj import Transformer
from rasterio.features import rasterize, shapes
from rasterio.transform import Affine, from_origin
from scipy.ndimage import gaussian_filter, shift, zoom
from shapely.geometry.base import BaseGeometry
from terrain import CENTRE, Terrain, noise

__all__ = ["AFTER", "BEFORE", "SCENE_CRS", "Sky", "make_sky", "relit", "render", "write_scene"]

Grid = NDArray[np.float64]

SCENE_CRS = "EPSG:32648"
"""The zone of the Sentinel-2 tiles over 102 E and further east."""
PIXELS, PIXEL_M, FINE_M = 256, 10.0, 2.0
SWIR = (4, 5)


@dataclass(frozen=True)
class Date:
    """One acquisition: when, how hazy, how far off its place."""

    when: datetime
    haze: tuple[float, ...]
    dimming: float
    gain: tuple[float, ...]
    offset_m: tuple[float, float]
    cloudy: bool


BEFORE = Date(
    when=datetime(2024, 3, 18, 3, 50, 21, tzinfo=UTC),
    haze=(0.0060, 0.0042, 0.0026, 0.0010, 0.0004, 0.0002), dimming=0.02,
    gain=(1.0, 1.0, 1.0, 1.0, 1.0, 1.0), offset_m=(0.0, 0.0), cloudy=False,
)  # fmt: skip
AFTER = Date(
    when=datetime(2026, 2, 11, 3, 51, 9, tzinfo=UTC),
    haze=(0.0190, 0.0130, 0.0085, 0.0040, 0.0016, 0.0009), dimming=0.06,
    gain=(1.012, 0.994, 1.006, 0.991, 1.008, 0.996), offset_m=(1.3, -1.6), cloudy=True,
)  # fmt: skip
DIFFUSE = (0.26, 0.21, 0.16, 0.10, 0.05, 0.03)
"""Share of the light that comes from the sky, by band."""
CLOUD = np.array([0.58, 0.57, 0.58, 0.60, 0.42, 0.33])
CLOUD_HEIGHT_M = 420.0


@cache
def _transform() -> Affine:
    east, north = Transformer.from_crs(CRS, SCENE_CRS, always_xy=True).transform(*CENTRE)
    half = PIXELS * PIXEL_M / 2
    return from_origin(
        np.round((east - half) / PIXEL_M) * PIXEL_M, np.round((north + half) / PIXEL_M) * PIXEL_M,
        PIXEL_M, PIXEL_M,
    )  # fmt: skip


@cache
def _centres() -> tuple[Grid, Grid]:
    """Centres of the scene's pixels in the coordinates of the village."""
    column, row = np.meshgrid(np.arange(PIXELS) + 0.5, np.arange(PIXELS) + 0.5)
    east, north = _transform() * (column, row)
    return Transformer.from_crs(SCENE_CRS, CRS, always_xy=True).transform(east, north)


def _ground(grid: Grid, ground: Terrain) -> Grid:
    """A grid of the terrain at the centres of the scene's pixels."""
    return ground.at(grid, *_centres())


def sun(when: datetime, longitude: float = 102.14, latitude: float = 23.41) -> tuple[float, float]:
    """Zenith and azimuth of the sun, radians (Spencer's series, good to some 0.1°)."""
    day = 2 * np.pi * (when.timetuple().tm_yday - 1) / 365
    declination = (
        0.006918 - 0.399912 * np.cos(day) + 0.070257 * np.sin(day)
        - 0.006758 * np.cos(2 * day) + 0.000907 * np.sin(2 * day)
    )  # fmt: skip
    equation = 229.18 * (
        0.000075 + 0.001868 * np.cos(day) - 0.032077 * np.sin(day)
        - 0.014615 * np.cos(2 * day) - 0.040849 * np.sin(2 * day)
    )  # fmt: skip
    minutes = when.hour * 60 + when.minute + when.second / 60 + equation + 4 * longitude
    hour = np.radians(minutes / 4 - 180)
    lat = np.radians(latitude)
    cosine = np.sin(lat) * np.sin(declination) + np.cos(lat) * np.cos(declination) * np.cos(hour)
    zenith = np.arccos(cosine)
    azimuth = np.arctan2(
        np.sin(hour), np.cos(hour) * np.sin(lat) - np.tan(declination) * np.cos(lat)
    )
    return float(zenith), float(azimuth + np.pi)


@dataclass(frozen=True)
class Sky:
    """Opacity of the cloud and depth of its shadow (256, 256), 0..1; and their outlines."""

    cloud: Grid
    shadow: Grid
    cloud_area: BaseGeometry
    shadow_area: BaseGeometry


def _outline(grid: Grid) -> BaseGeometry:
    mask = (grid > 0.12).astype(np.uint8)
    areas = [shapely.geometry.shape(g) for g, v in shapes(mask, mask > 0, transform=_transform())]
    return gpd.GeoSeries([shapely.union_all(areas)], crs=SCENE_CRS).to_crs(CRS).iloc[0]


def make_sky(ground: Terrain, rng: np.random.Generator) -> Sky:
    """One fair-weather cloud with soft edges, and its shadow away from the sun."""
    along, above = _ground(ground.along, ground), _ground(ground.above, ground)
    rough = noise(rng, along.shape, 5.0) + 0.6 * noise(rng, along.shape, 1.8)
    body = 1.0 - np.hypot((along - 330.0) / 150.0, (above - 1010.0) / 95.0) + 0.36 * rough
    puff = 1.0 - np.hypot((along - 545.0) / 60.0, (above - 1085.0) / 45.0) + 0.28 * rough
    cloud = gaussian_filter(np.clip(1.35 * np.maximum(body, puff), 0.0, 1.0), 0.9)
    zenith, azimuth = sun(AFTER.when)
    reach = CLOUD_HEIGHT_M * np.tan(zenith) / PIXEL_M
    away = (np.cos(azimuth) * reach, -np.sin(azimuth) * reach)
    shadow = gaussian_filter(shift(cloud, away, order=1), 0.8)
    return Sky(cloud, shadow, _outline(cloud), _outline(shadow))


def illumination(ground: Terrain, date: Date) -> Grid:
    """cos(incidence) / cos(zenith) on the slope, (256, 256)."""
    z = _ground(ground.z, ground)
    down, east = np.gradient(z, PIXEL_M)
    zenith, azimuth = sun(date.when)
    normal = np.stack([-east, down, np.ones_like(z)]) / np.sqrt(1 + east**2 + down**2)
    ray = (np.sin(zenith) * np.sin(azimuth), np.sin(zenith) * np.cos(azimuth), np.cos(zenith))
    cosine = sum(n * r for n, r in zip(normal, ray, strict=True))
    return np.asarray(np.clip(cosine, 0.0, None) / np.cos(zenith))


def relit(ground: Terrain, sky: Sky) -> gpd.GeoDataFrame:
    """Where only the light changed: the cloud, its shadow, slopes turned from the lower sun."""
    loss = illumination(ground, AFTER) / illumination(ground, BEFORE)
    shade = _outline(np.where(loss < 0.88, 1.0, 0.0))
    names = {"cloud": "云", "cloud_shadow": "云影", "terrain_shadow": "山体阴影"}
    parts = (shapely.get_parts(a) for a in (sky.cloud_area, sky.shadow_area, shade))
    areas = [shapely.MultiPolygon(list(p)) for p in parts]
    return gpd.GeoDataFrame(
        {"kind": list(names), "kind_zh": list(names.values()),
         "area_m2": np.round(shapely.area(areas), 2)},
        geometry=areas,
        crs=CRS,
    )  # fmt: skip


def _grain(rng: np.random.Generator, n: int, sigma: float) -> Grid:
    """Noise of coarse grain, drawn on every fifth pixel: the same look for less work."""
    small = noise(rng, (n // 5, n // 5), sigma / 5)
    return np.asarray(zoom(small, 5, order=1, mode="grid-wrap", grid_mode=True))


def _surface(
    faces: gpd.GeoDataFrame, cover: Cover, things: gpd.GeoDataFrame, date: Date,
    trees: Grid, rng: np.random.Generator,
) -> NDArray[np.float32]:  # fmt: skip
    """Reflectance at 2 m without light and air, (6, 1280, 1280)."""
    n = round(PIXELS * PIXEL_M / FINE_M)
    coarse = _transform()
    at = Affine(FINE_M, 0, coarse.c + date.offset_m[0], 0, -FINE_M, coarse.f + date.offset_m[1])
    geometry = faces.geometry.to_crs(SCENE_CRS)
    ids = rasterize(zip(geometry, range(1, len(faces) + 1), strict=True), (n, n), transform=at) - 1
    farm = faces.dlbm.isin(FARM).to_numpy()

    def grain() -> Grid:
        fine = 0.75 * noise(rng, (n, n), 1.2)
        return fine + 0.45 * _grain(rng, n, 5) + 0.5 * _grain(rng, n, 22)

    mixing, shine = grain(), 0.8 * noise(rng, (n, n), 0.8) + 0.6 * _grain(rng, n, 8)
    lasting = ~farm[ids]
    mixing = np.where(lasting, 0.92 * trees + 0.39 * mixing, mixing)
    shine = np.where(lasting, 0.85 * np.roll(trees, 401, axis=1) + 0.5 * shine, shine)
    ridges = geometry[farm].boundary
    ridge = rasterize(zip(ridges, [1] * len(ridges), strict=True), (n, n), transform=at) > 0
    outlines = things.to_crs(SCENE_CRS).geometry
    made = rasterize(zip(outlines, range(1, len(things) + 1), strict=True), (n, n), transform=at)
    paint = np.array([spectrum(MATERIALS[m]) for m in things.material])
    tint = np.exp(0.07 * rng.standard_normal((len(things), 1)))
    ridge_colour = spectrum(MATERIALS["ridge"])

    bands = []
    for b in range(len(BANDS)):
        band = cover.mean[:, b][ids] + cover.lean[:, b][ids] * cover.patchy[ids] * mixing
        band = band * np.exp(cover.bright[ids] * shine)
        band = np.where(ridge, 0.55 * band + 0.45 * ridge_colour[b], band)
        thing = (paint * tint)[:, b][made - 1] * np.exp(0.10 * shine)
        band = np.where(made > 0, thing, band)
        bands.append(np.clip(band, 0.002, 1.0).astype(np.float32))
    return np.stack(bands)


def _optics(band: NDArray[np.float32], factor: int, blur_m: float) -> Grid:
    """Point spread and mean over `factor` fine pixels a side."""
    blurred = gaussian_filter(band.astype(np.float64), blur_m / FINE_M, mode="nearest")
    n = band.shape[0] // factor
    return np.asarray(blurred.reshape(n, factor, n, factor).mean(axis=(1, 3)))


def render(
    faces: gpd.GeoDataFrame, cover: Cover, things: gpd.GeoDataFrame, ground: Terrain, sky: Sky,
    date: Date, trees_rng: np.random.Generator, rng: np.random.Generator,
) -> NDArray[np.uint16]:  # fmt: skip
    """The scene of one date: reflectance × 10000, shape (6, 256, 256).

    Parameters
    ----------
    things : outlines with column material, painted over the faces in order
    trees_rng : generator in the same state for both dates: the pattern that stays
    """
    n = round(PIXELS * PIXEL_M / FINE_M)
    trees = 0.8 * noise(trees_rng, (n, n), 1.3)
    trees = trees + 0.4 * _grain(trees_rng, n, 7) + 0.45 * _grain(trees_rng, n, 45)
    surface = _surface(faces, cover, things, date, trees, rng)
    light = illumination(ground, date)
    veil = 1.0 + 0.22 * noise(rng, (PIXELS, PIXELS), 70.0)
    scene = []
    for b in range(len(BANDS)):
        if b in SWIR:
            band = zoom(_optics(surface[b], 10, 8.0), 2, order=1, mode="nearest", grid_mode=True)
        else:
            band = _optics(surface[b], 5, 4.2)
        sky_light = DIFFUSE[b]
        direct = (1.0 - sky_light) * np.clip(light, 0.0, 1.7)
        if date.cloudy:
            direct = direct * (1.0 - 0.88 * sky.shadow)
        band = band * (sky_light + direct)
        band = band * (1.0 - date.dimming * veil) + date.haze[b] * veil
        if date.cloudy:
            white = CLOUD[b] * (1.0 + 0.05 * noise(rng, (PIXELS, PIXELS), 3.0))
            band = band * (1.0 - sky.cloud) + white * sky.cloud
        band = band * date.gain[b]
        band = band + rng.standard_normal(band.shape) * np.hypot(band / 120.0, 0.0011)
        scene.append(np.clip(np.round(band * 10_000), 1, 65_000).astype(np.uint16))
    return np.stack(scene)


def write_scene(path: Path, scene: NDArray[np.uint16], date: Date) -> None:
    """A GeoTIFF with band names, scale, nodata 0 and the date of acquisition."""
    profile = {
        "driver": "GTiff", "width": PIXELS, "height": PIXELS, "count": len(BANDS),
        "dtype": "uint16", "crs": SCENE_CRS, "transform": _transform(), "nodata": 0,
        "compress": "deflate", "predictor": 2, "zlevel": 9, "tiled": True, "blockxsize": 128,
        "blockysize": 128, "interleave": "band",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as out:
        out.write(scene)
        out.descriptions = BANDS
        out.scales = [0.0001] * len(BANDS)
        out.update_tags(
            TIFFTAG_DATETIME=f"{date.when:%Y:%m:%d %H:%M:%S}",
            TIFFTAG_IMAGEDESCRIPTION="Invented, Sentinel-2-like; reflectance = value x 0.0001",
            ACQUISITION_DATE=f"{date.when:%Y-%m-%d}",
        )
