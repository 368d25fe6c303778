"""What parcels cover of a raster of kinds: ``python benchmarks/attribution.py [parcels] [rounds]``.

Invented parcels of 12 to 40 vertices on a raster of 5000 × 5000 pixels of 10 m: most of them
terraces of some pixels that share pixels with their neighbours, some with holes, in two parts, of
thousands of pixels, or reaching beyond the raster. `class_pixels` and exactextract's Python
interface take turns, each in a process of its own, on the same files. Of exactextract there are
three forms: features one by one (its default), block by block of the raster, and with the raster
as an array in memory. Counted are the seconds and the CPU seconds from polygons in memory to the
table of shares, and the peak memory of the process with the polygons; reading these is not.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from rasterio.transform import from_origin
from scipy.ndimage import zoom

from yuxi_gis.change.coverage import class_pixels
from yuxi_gis.change.kinds import KINDS

SIZE, PIXEL = 5000, 10.0
CRS = "EPSG:4543"
LEFT, TOP = 500_000.0, 2_700_000.0
CODES = [kind.code for kind in KINDS]
OPERATIONS = ["count", "unique", "frac"]
FORMS = ("ours", "exactextract", "exactextract, by blocks", "exactextract, in memory")


def make_kinds(path: Path) -> None:
    """Kind codes in patches of some pixels; a tenth is not seen."""
    rng = np.random.default_rng(0)
    coarse = rng.choice([-1, 0, 0, 0, 0, *CODES], (SIZE // 8, SIZE // 8))
    codes = zoom(coarse, 8, order=0).astype("int16")
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=SIZE, width=SIZE, dtype="int16", nodata=-1,
        crs=CRS, transform=from_origin(LEFT, TOP, PIXEL, PIXEL), tiled=True, blockxsize=256,
        blockysize=256,
    ) as out:  # fmt: skip
        out.write(codes, 1)


def make_parcels(number: int) -> np.ndarray:
    """Rings around random places: long and narrow, turned, each vertex a little in or out."""
    rng = np.random.default_rng(1)
    shapes = []
    for vertices in (12, 20, 40):
        count = number // 3 + (vertices == 12) * (number % 3)
        angle = np.sort(rng.uniform(0, 2 * np.pi, (count, vertices)), axis=1)
        reach = rng.uniform(0.7, 1, angle.shape)
        size = rng.lognormal(3.2, 0.5, (count, 1))  # metres, half the length
        size[:: max(count // 30, 1)] *= 40
        along, across = size * reach * np.cos(angle), 0.4 * size * reach * np.sin(angle)
        turn = rng.uniform(0, np.pi, (count, 1))
        x = along * np.cos(turn) - across * np.sin(turn)
        y = along * np.sin(turn) + across * np.cos(turn)
        middle = rng.uniform(-50, SIZE * PIXEL + 50, (2, count, 1))
        shapes.append(shapely.polygons(np.stack([LEFT + middle[0] + x, TOP - middle[1] + y], -1)))
    parcels = shapely.make_valid(np.concatenate(shapes), method="structure", keep_collapsed=False)
    parcels[::20] = shapely.difference(parcels[::20], shapely.buffer(parcels[::20], -8))  # holes
    parcels[7::50] = shapely.union(parcels[7::50], parcels[8::50][: len(parcels[7::50])])
    return parcels[~shapely.is_empty(parcels)]


def ours(parcels: np.ndarray, kinds: Path) -> tuple[np.ndarray, np.ndarray]:
    found = class_pixels(parcels, kinds, CODES)
    return found.seen, found.of_class


def theirs(parcels: np.ndarray, kinds: Path, form: str) -> tuple[np.ndarray, np.ndarray]:
    """The same table from exactextract."""
    frame = gpd.GeoDataFrame(geometry=parcels, crs=CRS)
    source: object = str(kinds)
    strategy = "raster-sequential" if form.endswith("blocks") else "feature-sequential"
    if form.endswith("memory"):
        with rasterio.open(kinds) as data:
            box, values = data.bounds, data.read(1)
        wkt = frame.crs.to_wkt()
        source = NumPyRasterSource(values, *box, nodata=-1, srs_wkt=wkt)
    found = exact_extract(source, frame, OPERATIONS, output="pandas", strategy=strategy)
    seen = found["count"].to_numpy(dtype=float)
    number = found["unique"].map(len).to_numpy(dtype=np.intp)
    codes = np.concatenate([*found["unique"], []]).astype(np.intp)
    parts = np.concatenate([*found["frac"], []]) * np.repeat(seen, number)
    rows = np.repeat(np.arange(len(frame)), number)
    place = np.full(max(CODES) + 1, -1)
    place[CODES] = range(len(CODES))
    table = np.zeros((len(frame), len(CODES)))
    np.add.at(table, (rows[codes > 0], place[codes[codes > 0]]), parts[codes > 0])
    return seen, table


def peak_mb() -> float:
    """Of this process; what `getrusage` says includes the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run(folder: Path, form: str) -> None:
    """One form: prints wall, CPU and peak memory, and leaves its table."""
    parcels = shapely.from_wkb(np.load(folder / "parcels.npy", allow_pickle=True))
    kinds = folder / "kinds.tif"
    wall, cpu = time.perf_counter(), time.process_time()
    found = ours(parcels, kinds) if form == "ours" else theirs(parcels, kinds, form)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(wall, cpu, peak_mb())
    np.save(folder / f"{form}.npy", np.column_stack(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parcels", nargs="?", type=int, default=100_000)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(Path(options.run[0]), options.run[1])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_kinds(folder / "kinds.tif")
        parcels = make_parcels(options.parcels)
        np.save(folder / "parcels.npy", shapely.to_wkb(parcels), allow_pickle=True)
        size = shapely.area(parcels) / PIXEL**2
        print(f"{len(parcels)} parcels, median {np.median(size):.1f}, largest {size.max():.0f} px")
        taken: dict[str, list[list[float]]] = {form: [] for form in FORMS}
        for _ in range(options.rounds):
            for form in FORMS:
                command = [sys.executable, __file__, "--run", name, form]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                taken[form].append([float(word) for word in said.split()])
        mine = np.load(folder / "ours.npy")
        base = None
        for form in FORMS:
            wall, cpu, peak = (statistics.median(row) for row in zip(*taken[form], strict=True))
            base = base or cpu
            table = np.load(folder / f"{form}.npy")
            apart = np.abs(table - mine) / np.maximum(size, 1e-9)[:, None]
            print(
                f"{form:26} {wall:8.2f} s  {cpu:8.2f} s CPU  {peak:6.0f} MB  "
                f"CPU ours/theirs {base / cpu:.3f}  share apart at most {apart.max():.1e}"
            )


if __name__ == "__main__":
    main()
