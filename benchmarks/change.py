"""Change on a whole scene, ours against its peers: ``python benchmarks/change.py``.

Makes a pair of four-band uint16 scenes (10980 × 10980, the size of a Sentinel-2 tile; seeded,
written tile by tile), runs every row of the table in a process of its own, the rows taking turns
in each round, and prints the medians of wall time and CPU time and the largest peak of memory.
Wall time and memory are of the whole process; CPU time is that of the work, without the start of
Python and the imports (of the peer, everything).

* ``read and write``: both scenes read, a float32 raster of the same layout written; no thought.
* ``difference``, ``irmad``: `yuxi_gis.change.strength.write_strength`.
* ``otb mad``: ``otbcli_MultivariateAlterationDetector`` of the Orfeo ToolBox, one pass.
* ``detect_change``: the whole step, for information; only with ``--only detect_change``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

TEXTURE = 1024
TILE = 512
ROLES = ("blue", "green", "red", "nir")
ENDS = np.array([[0.03, 0.07, 0.04, 0.40], [0.06, 0.09, 0.16, 0.24], [0.02, 0.045, 0.025, 0.30]])
CONCRETE = np.array([0.20, 0.23, 0.25, 0.28])
NOISE = 0.002
BUILDINGS = 3  # a tile
OTB = "otbcli_MultivariateAlterationDetector"
CACHE = 64 << 20


def texture() -> NDArray[np.float32]:
    """Fields, soil and forest that meet themselves at the edges, (bands, rows, columns)."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    shares = np.stack(
        [
            gaussian_filter(rng.standard_normal((TEXTURE, TEXTURE)), scale, mode="wrap") * scale
            for scale in (3, 4, 6)
        ]
    )
    shares = np.exp(8 * shares)
    return np.einsum("kb,krc->brc", ENDS, shares / shares.sum(axis=0)).astype(np.float32)


def make(path: Path, size: int, date: int, compress: str) -> None:
    """One date: gain, haze and noise of its own; at the second date, buildings."""
    ground = texture()
    gain, haze = (1.0, 0.0) if date == 0 else (0.93, 0.006)
    with rasterio.open(
        path, "w", driver="GTiff", count=4, height=size, width=size, dtype="uint16",
        crs="EPSG:4543", transform=from_origin(500_000, 2_700_000, 10, 10), tiled=True,
        blockxsize=TILE, blockysize=TILE, interleave="pixel", bigtiff="IF_SAFER",
        **({} if compress == "none" else {"compress": compress, "predictor": 2}),
    ) as out:  # fmt: skip
        out.descriptions = ROLES
        out.update_tags(REFLECTANCE_SCALE="10000")
        for top in range(0, size, TILE):
            for left in range(0, size, TILE):
                place = np.random.default_rng((top, left))
                rows, columns = (np.arange(TILE) + place.integers(TEXTURE) for _ in "rc")
                image = ground[:, rows % TEXTURE][:, :, columns % TEXTURE]
                image = image * np.float32(place.uniform(0.85, 1.15))
                if date == 1:
                    for row, column in place.integers(0, TILE - 8, (BUILDINGS, 2)):
                        image[:, row : row + 8, column : column + 8] = CONCRETE[:, None, None]
                noise = np.random.default_rng((top, left, date))
                image += NOISE * noise.standard_normal(image.shape, dtype=np.float32)
                number = ((image * gain + haze) * 1e4).clip(1, 65535).astype("uint16")
                height, width = min(TILE, size - top), min(TILE, size - left)
                window = Window(left, top, width, height)
                out.write(number[:, :height, :width], window=window)


def started() -> None:
    """Tell the parent what starting Python and importing cost: it is no part of the work."""
    print(f"{time.process_time()}", flush=True)


def read_and_write(before: Path, after: Path, out: Path) -> None:
    """What any method must do at the least."""
    started()
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE),
        rasterio.open(before) as one,
        rasterio.open(after) as two,
        rasterio.open(
            out, "w", driver="GTiff", count=1, height=one.height, width=one.width,
            dtype="float32", crs=one.crs, transform=one.transform, nodata=-1, tiled=True,
            blockxsize=TILE, blockysize=TILE,
        ) as result,
    ):  # fmt: skip
        for _, window in result.block_windows(1):
            one.read(window=window)
            number = two.read(window=window)
            result.write(number[0].astype(np.float32), 1, window=window)


def strength(method: str) -> Callable[[Path, Path, Path], None]:
    def run(before: Path, after: Path, out: Path) -> None:
        from yuxi_gis.change.strength import write_strength

        started()
        write_strength(before, after, out, method=method)

    return run


def whole(before: Path, after: Path, out: Path) -> None:
    from yuxi_gis.change import detect_change

    started()
    detect_change(before, after, out.with_suffix(""))


def otb(before: Path, after: Path, out: Path) -> None:
    """A process of the peer's own in place of this one."""
    print(0.0, flush=True)
    words = [OTB, "-in1", before, "-in2", after, "-out", out, "float"]
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.execvp(OTB, [str(word) for word in words])


ROWS: dict[str, Callable[[Path, Path, Path], None]] = {
    "read and write": read_and_write,
    "difference": strength("difference"),
    "irmad": strength("irmad"),
    "otb mad": otb,
    "detect_change": whole,
}


def measure(row: str, folder: Path) -> tuple[float, float, float]:
    """Wall s (all), CPU s (after the imports) and peak MB of one run in a process of its own."""
    out = folder / f"{row.replace(' ', '_')}.tif"
    start = time.perf_counter()
    words = [sys.executable, __file__, "--run", row, str(folder), str(out)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    before = float(child.stdout.readline() or 0)  # type: ignore[union-attr]
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{row}: failed with {child.returncode}")
    for left in (out, out.with_suffix("")):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)
    return wall, usage.ru_utime + usage.ru_stime - before, usage.ru_maxrss / 1024


def report(size: int, compress: str, found: dict[str, list[tuple[float, float, float]]]) -> None:
    """Medians, and the ratios that are promised."""
    middle = {
        row: (*(statistics.median(run[i] for run in runs) for i in (0, 1)), max(r[2] for r in runs))
        for row, runs in found.items()
    }
    rounds = len(next(iter(found.values())))
    print(f"\n{size} × {size} pixels, 4 bands, uint16, {compress}; median of {rounds}")
    print(f"{'':16}{'wall s':>10}{'CPU s':>10}{'peak MB':>10}")
    for row, (wall, cpu, peak) in middle.items():
        print(f"{row:16}{wall:10.2f}{cpu:10.2f}{peak:10.0f}")
    promises = (
        ("difference", "read and write", 1, "CPU", 1.25),
        ("irmad", "otb mad", 0, "wall", 1.0),
        ("irmad", "otb mad", 2, "memory", 0.25),
    )
    for ours, peer, column, what, most in promises:
        if ours in middle and peer in middle:
            ratio = middle[ours][column] / middle[peer][column]
            print(f"{ours} / {peer}, {what}: {ratio:.2f} (at most {most})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, nargs="+", default=[2000, 5000, 10980])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=ROWS, help="rows to run")
    parser.add_argument("--folder", type=Path, help="where to make the scenes (4.4 GB)")
    parser.add_argument("--compress", default="deflate", help="of the scenes; or: none")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        row, folder, out = options.run
        ROWS[row](Path(folder, "before.tif"), Path(folder, "after.tif"), Path(out))
        return
    rows = options.only or [
        row for row in ROWS if row != "detect_change" and (row != "otb mad" or shutil.which(OTB))
    ]
    for size in options.size:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            for date, scene in enumerate(("before", "after")):
                make(folder / f"{scene}.tif", size, date, options.compress)
            found: dict[str, list[tuple[float, float, float]]] = {row: [] for row in rows}
            for turn in range(options.rounds):
                for row in rows:
                    found[row].append(measure(row, folder))
                    said = "  ".join(f"{number:.1f}" for number in found[row][-1])
                    print(f"{size}  round {turn + 1}  {row:16}{said}", file=sys.stderr, flush=True)
            report(size, options.compress, found)


if __name__ == "__main__":
    main()
