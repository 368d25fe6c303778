"""Peak memory of a check while the layer grows: ``python benchmarks/memory_checks.py [parcels …]``.

Invented parcels of 12 to 40 vertices that adjoin vertex on vertex, with the planted conflicts of
``checks.py`` and the fields of contracted parcels, as a GeoPackage. Each size is checked by all
rules of the standard profile, tiled and untiled, each in a process of its own, reading included;
the findings are compared row by row.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import checks as made
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pandas.testing import assert_frame_equal

from yuxi_gis.checks import CheckResult, run_checks
from yuxi_gis.read import read_layers, spooled_layers

FIELDS = {
    "DKMC": "河边的大田", "SYQXZ": "31", "DKLB": "10", "TDLYLX": "011", "DLDJ": "03",
    "TDYT": "1", "SFJBNT": "1", "DKDZ": "沟", "DKNZ": "路", "DKXZ": "田埂", "DKBZ": "山",
}  # fmt: skip


def make(path: Path, count: int) -> None:
    """Write `count` parcels."""
    rng = np.random.default_rng(4)
    rings, south = made.coverage(count, rng)
    made.plant(rings, south, rng)
    size = [len(ring) for ring in rings]
    xy = np.concatenate(rings)
    lines = shapely.linearrings(xy, indices=np.repeat(np.arange(len(size)), size))
    frame = gpd.GeoDataFrame(
        FIELDS, index=range(len(size)), geometry=shapely.polygons(lines), crs=4543
    )
    frame.insert(
        0, "DKBM", [f"5304020010{row // 100000:02d}{row % 100000:07d}" for row in frame.index]
    )
    frame["SCMJ"] = frame.area.round(2)
    frame.to_file(path, driver="GPKG", layer="DK")


def check(path: Path, tile: float) -> CheckResult:
    """All rules, in tiles of `tile` km; at once for 0."""
    if not tile:
        return run_checks(read_layers(path))
    with spooled_layers(path) as layers:
        return run_checks(layers, tile_km=tile)


def measure(path: Path, tile: float) -> None:
    """Check, and print seconds and peak memory of this process."""
    start = time.perf_counter()
    found = check(path, tile).findings
    seconds, cpu = time.perf_counter() - start, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    how = f"tiles of {tile:g} km" if tile else "untiled"
    print(
        f"{how:>18}: {seconds:7.1f} s, {cpu:7.1f} s of CPU, {peak:6.0f} MB, {len(found)} findings",
        flush=True,
    )
    found.to_pickle(f"{path}.{tile:g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[30_000, 100_000])
    parser.add_argument("--tile", type=float, default=5.0, help="km")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.counts[0])
        return
    if options.measure:
        measure(options.measure, options.tile)
        return
    for count in options.counts:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "DK.gpkg"
            # Not here: a process begins with the peak of the one that started it.
            subprocess.run([sys.executable, __file__, str(count), "--make", str(path)], check=True)
            print(f"{count} parcels, {path.stat().st_size / 2**20:.0f} MB", flush=True)
            for tile in (options.tile, 0.0):
                ask = [sys.executable, __file__, "--measure", str(path), "--tile", str(tile)]
                subprocess.run(ask, check=True)
            tiled, whole = (pd.read_pickle(f"{path}.{tile:g}") for tile in (options.tile, 0.0))
            assert_frame_equal(tiled, whole)


if __name__ == "__main__":
    main()
