"""The ground of the invented village: smooth elevation with a valley, spurs and gullies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import expit
from shapely.geometry.base import BaseGeometry

__all__ = ["CENTRE", "HALF", "STEP", "Grid", "Terrain", "make_terrain", "noise"]

Grid = NDArray[np.float64]

CENTRE = (514_330.0, 2_589_900.0)
"""Middle of the model area, EPSG:4543 (about 102.14 E, 23.41 N)."""
HALF = 1340.0
"""Half the side of the model area, metres."""
STEP = 5.0
"""Grid step, metres."""

# Metres above the stream (across the valley below 0) and the slope there: opposite bank, gorge,
# terraces, shoulder with the village, fields, woods, ridge.
PROFILE = (
    (-3000, -0.1), (-700, -0.3), (-250, -0.40), (-30, -0.3), (30, 0.3), (130, 0.40), (220, 0.25),
    (900, 0.25), (980, 0.16), (1120, 0.16), (1200, 0.26), (1420, 0.28), (1560, 0.42),
    (2000, 0.38), (2400, 0.1), (4000, -0.1),
)  # fmt: skip
VALLEY_AZIMUTH = np.radians(55.0)
"""Direction of the stream; the village slope rises to its left."""


def noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Grid:
    """Smooth Gaussian noise of unit variance; `sigma` (cells) is its grain."""
    field = gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())


@dataclass(frozen=True)
class Terrain:
    """Grids of shape (n, n), row = north, column = east, first node at (`west`, `south`).

    Attributes
    ----------
    z : elevation, m
    along, above : metres along the valley and up the slope from the stream
    spur : -1 in a gully, +1 on the crest of a spur
    patch : unit noise of some 200 m grain, for the mosaic of land cover
    """

    west: float
    south: float
    z: Grid
    along: Grid
    above: Grid
    spur: Grid
    patch: Grid

    @property
    def domain(self) -> shapely.Polygon:
        side = STEP * (self.z.shape[0] - 1)
        return shapely.box(self.west, self.south, self.west + side, self.south + side)

    def at(self, grid: Grid, x: Grid, y: Grid) -> Grid:
        """`grid` interpolated at EPSG:4543 coordinates."""
        place = [(np.asarray(y) - self.south) / STEP, (np.asarray(x) - self.west) / STEP]
        return np.asarray(map_coordinates(grid, place, order=1, mode="nearest"))

    def uphill(self) -> tuple[Grid, Grid]:
        """Gradient of the elevation to the east and to the north, m/m."""
        north, east = np.gradient(self.z, STEP)
        return np.asarray(east), np.asarray(north)

    def slope(self) -> Grid:
        """Tangent of the slope."""
        return np.hypot(*self.uphill())

    def contour(self, grid: Grid, level: float) -> list[shapely.LineString]:
        """Lines where `grid` has the value `level` (marching triangles: no ambiguous cells)."""
        high = grid > level
        corners = high[:-1, :-1] * 1 + high[1:, :-1] + high[:-1, 1:] + high[1:, 1:]
        row, col = np.nonzero((corners > 0) & (corners < 4))

        def crossing(p: tuple[int, int], q: tuple[int, int]) -> tuple[NDArray[np.bool_], Grid]:
            at_p, at_q = grid[row + p[0], col + p[1]], grid[row + q[0], col + q[1]]
            crossed = (at_p > level) != (at_q > level)
            part = np.where(crossed, (level - at_p) / np.where(crossed, at_q - at_p, 1.0), 0.0)
            x = col + (p[1] + part * (q[1] - p[1]))
            y = row + (p[0] + part * (q[0] - p[0]))
            return crossed, np.stack([self.west + STEP * x, self.south + STEP * y], axis=-1)

        segments = []
        diagonal = crossing((0, 0), (1, 1))
        for sides in (
            (crossing((0, 0), (0, 1)), crossing((0, 1), (1, 1)), diagonal),
            (crossing((0, 0), (1, 0)), crossing((1, 0), (1, 1)), diagonal),
        ):
            crossed = np.stack([s[0] for s in sides], axis=1)
            points = np.stack([s[1] for s in sides], axis=1)
            cut = crossed.sum(axis=1) == 2
            first_two = np.argsort(~crossed[cut], axis=1, kind="stable")[:, :2]
            segments.append(np.take_along_axis(points[cut], first_two[:, :, None], axis=1))
        pieces = np.asarray(shapely.linestrings(np.vstack(segments)))
        return list(shapely.get_parts(shapely.line_merge(shapely.multilinestrings(pieces))))

    def zone(self, grid: Grid) -> BaseGeometry:
        """The area where `grid` > 0, as one (multi)polygon with smooth edges."""
        lines = [*self.contour(grid, 0.0), self.domain.exterior]
        lines = [shapely.simplify(line, 0.4) for line in lines]
        faces = np.asarray(shapely.get_parts(shapely.polygonize([shapely.unary_union(lines)])))
        inside = shapely.point_on_surface(faces)
        return shapely.unary_union(
            faces[self.at(grid, shapely.get_x(inside), shapely.get_y(inside)) > 0]
        )


def _profile(above: Grid) -> Grid:
    """Height over the stream, from the slopes of `PROFILE`."""
    up = np.linspace(-3000.0, 4000.0, 7001)
    knots = np.array(PROFILE)
    slope = gaussian_filter(np.interp(up, knots[:, 0], knots[:, 1]), 25)
    height = np.cumsum(slope)
    return np.interp(above, up, height - height[3000])


def make_terrain(rng: np.random.Generator) -> Terrain:
    """The same ground for the same generator state."""
    n = round(2 * HALF / STEP) + 1
    offsets = np.linspace(-HALF, HALF, n)
    east, north = np.meshgrid(offsets, offsets)
    along = east * np.sin(VALLEY_AZIMUTH) + north * np.cos(VALLEY_AZIMUTH)
    above = -east * np.cos(VALLEY_AZIMUTH) + north * np.sin(VALLEY_AZIMUTH) + 880.0
    wander = 45.0 * noise(rng, (n, n), 300 / STEP)
    above = above + 55.0 * np.sin(along / 240.0 + 0.6) + wander
    bent = along + 60.0 * noise(rng, (n, n), 240 / STEP) + 0.12 * (above - 800.0)
    spur = 0.8 * np.cos(bent / 92.0) + 0.35 * np.cos(bent / 171.0 + 1.1)
    spur = spur / 1.15
    relief = 20.0 * np.clip(np.abs(above) / 420.0, 0.0, 1.0)
    z = 1240.0 + _profile(above) + relief * spur - 0.025 * along
    z = z + 4.0 * noise(rng, (n, n), 150 / STEP) + 0.5 * noise(rng, (n, n), 45 / STEP)
    patch = noise(rng, (n, n), 170 / STEP)
    # The woods stand on rougher ground than the fields.
    rough = 13.0 * noise(rng, (n, n), 75 / STEP) + 4.0 * noise(rng, (n, n), 32 / STEP)
    z = z + rough * (expit((above - 1480.0) / 60.0) + expit((-above - 220.0) / 60.0))
    return Terrain(
        west=CENTRE[0] - HALF, south=CENTRE[1] - HALF, z=z, along=along, above=above, spur=spur,
        patch=patch,
    )  # fmt: skip
