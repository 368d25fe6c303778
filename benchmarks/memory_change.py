"""Peak memory of the change step while the scene grows: ``python benchmarks/memory_change.py``.

Synthetic pairs of 6 bands with planted buildings; each size runs in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter

from yuxi_gis.change import detect_change

TILE = 500
ROLES = ("blue", "green", "red", "nir", "swir1", "swir2")
ENDS = np.array(
    [[0.03, 0.07, 0.04, 0.40, 0.21, 0.10], [0.06, 0.09, 0.16, 0.24, 0.32, 0.27],
     [0.02, 0.045, 0.025, 0.30, 0.14, 0.06]]
)  # fmt: skip
CONCRETE = np.array([0.20, 0.23, 0.25, 0.28, 0.31, 0.28])


def make(path: Path, size: int, seed: int, buildings: int) -> None:
    """A scene of `size` pixels a side, written tile by tile."""
    shares = np.random.default_rng(0).standard_normal((3, TILE, TILE))
    shares = np.exp(20 * gaussian_filter(shares, (0, 3, 3)))
    ground = np.einsum("kb,krc->brc", ENDS, shares / shares.sum(axis=0))
    rng = np.random.default_rng(seed)
    with rasterio.open(
        path, "w", driver="GTiff", count=6, height=size, width=size, dtype="uint16",
        crs="EPSG:4543", transform=from_origin(500_000, 2_700_000, 10, 10), tiled=True,
        compress="deflate", nodata=0,
    ) as out:  # fmt: skip
        out.descriptions = ROLES
        out.update_tags(REFLECTANCE_SCALE="10000")
        for top in range(0, size, TILE):
            for left in range(0, size, TILE):
                image = ground + rng.normal(0, 0.002, ground.shape)
                for row, column in rng.integers(0, TILE - 8, (buildings, 2)):
                    image[:, row : row + 8, column : column + 8] = CONCRETE[:, None, None]
                number = (image * 1e4).clip(1, 65535).astype("uint16")
                out.write(number, window=Window(left, top, TILE, TILE))


def measure(folder: Path) -> None:
    """Run the step on a made pair and print seconds and peak memory of this process."""
    start = time.perf_counter()
    result = detect_change(folder / "before.tif", folder / "after.tif", folder / "change")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - start
    print(f"{seconds:8.1f} s  {peak:8.0f} MB  {len(result.patches):7d} patches", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 2000, 4000])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as name:
            make(Path(name) / "before.tif", size, 1, 0)
            make(Path(name) / "after.tif", size, 2, 20)
            print(f"{size:6d}² pixels", end="  ", flush=True)
            subprocess.run([sys.executable, __file__, "--measure", name], check=True)


if __name__ == "__main__":
    main()
