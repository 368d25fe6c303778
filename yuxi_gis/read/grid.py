"""Grids: where pixels lie, and the blocks in which they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from affine import Affine
from rasterio.crs import CRS
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from yuxi_gis.read.scene import Scene

__all__ = ["BLOCK", "FINER", "Grid", "grow", "windows"]

BLOCK = 512
"""Side of a reading block in pixels; a block of 2 scenes × 6 float32 bands is 13 MB."""

FINER = 2.25
"""Ratio of pixel areas above which the one grid is clearly finer than the other."""


@dataclass(frozen=True)
class Grid:
    """Where pixels lie: the grid on which two scenes are compared.

    Attributes
    ----------
    crs : rasterio.crs.CRS
    transform : affine.Affine
        Pixel (column, row) to map coordinates.
    width, height : int
        Pixels.
    """

    crs: CRS
    transform: Affine
    width: int
    height: int

    @classmethod
    def of(cls, scene: Scene) -> Grid:
        """The grid on which a scene is stored."""
        return cls(scene.crs, scene.transform, scene.width, scene.height)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.height, self.width

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        west, south, east, north = array_bounds(self.height, self.width, self.transform)
        return min(west, east), min(south, north), max(west, east), max(south, north)

    def equals(self, other: Grid) -> bool:
        """Whether each pixel of one is a pixel of the other."""
        return (
            self.crs == other.crs
            and self.shape == other.shape
            and self.transform.almost_equals(other.transform, 1e-6)
        )

    def bounds_in(self, crs: CRS) -> tuple[float, float, float, float]:
        """West, south, east, north in another CRS."""
        if self.crs == crs:
            return self.bounds
        return transform_bounds(self.crs, crs, *self.bounds, densify_pts=21)

    @property
    def profile(self) -> dict[str, Any]:
        """What rasterio is told of a tiled GeoTIFF on this grid."""
        return {
            "driver": "GTiff",
            "width": self.width,
            "height": self.height,
            "crs": self.crs,
            "transform": self.transform,
            "tiled": True,
            "bigtiff": "IF_SAFER",
        }

    def pixel_in(self, crs: CRS) -> float:
        """Mean area of a pixel in squared units of another CRS."""
        if self.crs == crs:
            return abs(float(self.transform.determinant))
        west, south, east, north = self.bounds_in(crs)
        return (east - west) * (north - south) / (self.width * self.height)

    def coarser(self, other: Grid) -> bool:
        """Whether the pixels are clearly larger than those of `other`."""
        return self.pixel_in(self.crs) > FINER * other.pixel_in(self.crs)


def windows(shape: tuple[int, int], size: int = BLOCK) -> list[Window]:
    """Square blocks that cover `shape` (rows, columns), row by row; smaller at the far edges."""
    rows, columns = shape
    return [
        Window(left, top, min(size, columns - left), min(size, rows - top))
        for top in range(0, rows, size)
        for left in range(0, columns, size)
    ]


def grow(window: Window, margin: int, shape: tuple[int, int]) -> tuple[Window, tuple[slice, slice]]:
    """`window` widened by `margin` pixels within `shape`, and where the old one lies in it."""
    top, left = max(window.row_off - margin, 0), max(window.col_off - margin, 0)
    bottom = min(window.row_off + window.height + margin, shape[0])
    right = min(window.col_off + window.width + margin, shape[1])
    row, column = window.row_off - top, window.col_off - left
    inner = (slice(row, row + window.height), slice(column, column + window.width))
    return Window(left, top, right - left, bottom - top), inner
