"""A pair of small scenes, and patches on them, for the tests of what the change step writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from shapely import box

from tests.change import planted
from yuxi_gis.units import to_mu

WEST, NORTH = planted.GRID.c, planted.GRID.f
SHAPE = (80, 80)


def place(row: int, column: int, rows: int, columns: int) -> Any:
    """The ground of some pixels."""
    return box(
        WEST + 10 * column,
        NORTH - 10 * (row + rows),
        WEST + 10 * (column + columns),
        NORTH - 10 * row,
    )


def scenes(folder: Path) -> tuple[Path, Path]:
    """Crop at both dates, with concrete in rows 40 to 43, columns 50 to 55, at the second."""
    before = np.zeros((6, *SHAPE))
    planted.put(before, slice(None), slice(None), "crop")
    planted.put(before, slice(0, 20), slice(None), "soil")
    planted.put(before, slice(60, 80), slice(0, 40), "concrete")
    after = before.copy()
    planted.put(after, slice(40, 44), slice(50, 56), "concrete")
    scale = {"REFLECTANCE_SCALE": "10000"}
    return (
        planted.write(folder / "a.tif", before, tags=scale | {"ACQUISITION_DATE": "2024-03-18"}),
        planted.write(folder / "b.tif", after, tags=scale | {"ACQUISITION_DATE": "2026-02-11"}),
    )


def patches(*shapes: Any, crs: Any = planted.CRS, **columns: Any) -> gpd.GeoDataFrame:
    """Patches as `detect_change` gives them; `columns` are instead of its own."""
    shapes = shapes or (place(40, 50, 4, 6), place(10, 10, 3, 3))
    n = len(shapes)
    area = np.array([shape.area for shape in shapes]).round(2)
    table: dict[str, Any] = {
        "XZQDM": [""] * n,
        "JCBH": [f"{number:06d}" for number in range(1, n + 1)],
        "TBLX": ["20"] * n,
        "QSX": ["2024-03-18"] * n,
        "HSX": ["2026-02-11"] * n,
        "SFYN": [""] * n,
        "MJ": area,
        "MJ_MU": to_mu(area),
        "kind": ["built"] * n,
        "kind_zh": ["新增建（构）筑物或硬化"] * n,
        "seasonal": [False] * n,
        "strength": [5.0] * n,
        "pixels": [9] * n,
    }
    return gpd.GeoDataFrame(table | columns, geometry=list(shapes), crs=crs)
