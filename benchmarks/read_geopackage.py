"""Cost of reading a clean GeoPackage: ``python benchmarks/read_geopackage.py [parcels]``.

Invented parcels of 5 to 8 corners with the fields of the farmland layer. `read_layer` of
`yuxi_gis.read` and `pyogrio.read_dataframe` take turns, each time in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from yuxi_gis.read import read_layer

READERS = ("yuxi_gis", "pyogrio")
PITCH = 40.0
TOWNSHIPS = np.array([f"530402{n:03d}" for n in (1, 2, 3, 4, 100, 101, 102)])
NAMES = np.array(["大田", "门前田", "河边地", "坝子地", "秧田", "旱地", "梯田", "老埂田"])


def make(path: Path, count: int) -> None:
    """Write `count` parcels on a lattice, corners evenly about the middle at various distances."""
    rng = np.random.default_rng(3)
    corners = rng.integers(5, 9, count)
    parcel = np.repeat(np.arange(count), corners)
    number = np.arange(len(parcel)) - np.repeat(np.cumsum(corners) - corners, corners)
    angle = 2 * np.pi * (number + rng.uniform(0, 0.6, len(parcel))) / corners[parcel]
    reach = rng.uniform(8, 18, len(parcel))
    side = int(np.ceil(np.sqrt(count)))
    middle = np.stack(np.divmod(np.arange(count), side), axis=1) * PITCH + (480_000, 2_650_000)
    points = middle[parcel] + reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rings = shapely.linearrings(points.round(3), indices=parcel)
    frame = gpd.GeoDataFrame(fields(rng, count), geometry=shapely.polygons(rings), crs=4543)
    frame["SCMJ"] = frame.area.round(2)
    frame["SCMJM"] = (frame["SCMJ"] * 0.0015).round(2)
    pyogrio.write_dataframe(frame, path, layer="DK", use_arrow=True)


def fields(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """The attribute fields of NY/T 2539-2016, table 8, filled by chance."""
    serial = np.arange(count) % 99_999 + 1
    village = pd.Series(np.sort(rng.choice(TOWNSHIPS, count))) + "202" + "01"
    code = village + pd.Series(serial).astype(str).str.zfill(5)

    def some(values: list[str]) -> np.ndarray:
        return rng.choice(np.array(values), count)

    return pd.DataFrame(
        {
            "BSM": np.arange(1, count + 1),
            "YSDM": np.full(count, "211011"),
            "DKBM": code,
            "DKMC": rng.choice(NAMES, count),
            "SYQXZ": some(["10", "30", "31", "32"]),
            "DKLB": some(["10", "21", "22", "99"]),
            "TDLYLX": some(["011", "012", "013"]),
            "DLDJ": some(["01", "02", "03", "10"]),
            "TDYT": some(["1", "2", "3"]),
            "SFJBNT": some(["1", "2"]),
            "SCMJ": np.zeros(count),
            "DKDZ": rng.choice(NAMES, count),
            "DKXZ": rng.choice(NAMES, count),
            "DKNZ": rng.choice(NAMES, count),
            "DKBZ": rng.choice(NAMES, count),
            "DKBZXX": np.where(rng.random(count) < 0.9, None, "存疑"),
            "ZJRXM": rng.choice(["张三", "李四", "王五"], count),
            "KJZB": np.full(count, ""),
            "SCMJM": np.zeros(count),
        }
    )


def measure(reader: str, path: Path) -> None:
    """Read once; print seconds, peak memory and rows of this process as JSON."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    frame = read_layer(path) if reader == "yuxi_gis" else pyogrio.read_dataframe(path)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, peak - before, len(frame)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parcels", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:  # in a process of its own: a child takes over the peak of its parent
        make(options.make, options.parcels)
        return
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    runs: dict[str, list[list[float]]] = {reader: [] for reader in READERS}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "DK.gpkg"
        command = [sys.executable, __file__, str(options.parcels), "--make", str(path)]
        subprocess.run(command, check=True)
        print(f"{options.parcels} parcels, {path.stat().st_size / 2**20:.0f} MB")
        for _ in range(options.rounds):
            for reader in READERS:
                command = [sys.executable, __file__, "--measure", reader, str(path)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                runs[reader].append(json.loads(done.stdout))
                if runs[reader][-1][2] != options.parcels:
                    sys.exit(f"{reader} read {runs[reader][-1][2]} rows")
    for reader in READERS:
        seconds, peaks, _ = zip(*runs[reader], strict=True)
        print(
            f"{reader:9} best {min(seconds):6.2f} s  median {statistics.median(seconds):6.2f} s  "
            f"memory {max(peaks):6.0f} MB"
        )
    for word, of in (("best", min), ("median", statistics.median)):
        ours, plain = (of(run[0] for run in runs[reader]) for reader in READERS)
        print(f"ratio of the {word}: {ours / plain:.2f}")


if __name__ == "__main__":
    main()
