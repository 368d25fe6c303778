"""Finding all conflicts of a layer: ``python benchmarks/checks.py [parcels …]``.

Invented parcels of 12 to 40 vertices that adjoin vertex on vertex, with planted conflicts: a
vertex pushed into the neighbour, a parcel within another, a parcel drawn twice, a parcel across
four others, a parcel that is itself invalid. `Subject.conflicts` and PostGIS take turns on the
same data, and their pairs are compared one by one. Then the same parcels digitised apart, where no
neighbours share a vertex: `Subject.conflicts` and a plain search by STRtree take turns.

Not counted on either side: reading, the repair of invalid parcels, PostGIS's spatial index. PostGIS
runs in a cluster of its own in a temporary folder, on as many processes as it likes (ours is one).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import load_profile
from yuxi_gis.checks.subject import Subject

PITCH, STEPS = 40.0, 10  # metres; most edges on one side of a parcel
SITE = 8  # every so many rows and columns there is a planted conflict
FLOOR = load_profile().number("overlap_area")
SETTINGS = {
    "shared_buffers": "2GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
    "effective_cache_size": "6GB",
    "max_parallel_workers_per_gather": "2",
    "random_page_cost": "1.1",
    "fsync": "off",
}
VALID = "ST_MakeValid(geom, 'method=structure keepcollapsed=false')"
PREPARE = f"""
CREATE TABLE parcels AS SELECT id, CASE WHEN ST_IsValid(geom) THEN geom
    ELSE ST_CollectionExtract({VALID}, 3) END AS geom FROM raw;
CREATE INDEX ON parcels USING gist (geom);
ALTER TABLE parcels ADD PRIMARY KEY (id);
VACUUM ANALYZE parcels;
"""
QUESTION = f"""
COPY (SELECT a.id, b.id, ST_Area(ST_Intersection(a.geom, b.geom))
FROM parcels a JOIN parcels b ON a.id < b.id AND a.geom && b.geom AND ST_Intersects(a.geom, b.geom)
WHERE ST_Area(ST_Intersection(a.geom, b.geom)) >= {FLOOR - 1e-3}) TO STDOUT (FORMAT csv)
"""


# The parcels ----------------------------------------------------------------------------------


def walk(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The points of a crooked line in 3 to 10 steps, shape (…, 11, 2), and the number of steps."""
    steps = rng.integers(3, STEPS + 1, a.shape[:-1])
    part = np.minimum(np.arange(STEPS + 1) / steps[..., None], 1)[..., None]
    points = a[..., None, :] + part * (b - a)[..., None, :]
    points += ((part > 0) & (part < 1)) * rng.uniform(-1, 1, points.shape)
    return points.round(3), steps


def coverage(count: int, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """The rings of `count` parcels, row by row, and how many edges are on their southern sides."""
    wide = int(np.ceil(np.sqrt(count)))
    high = -(-count // wide)
    corner = np.stack(np.meshgrid(np.arange(wide + 1.0), np.arange(high + 1.0)), axis=-1) * PITCH
    corner += rng.uniform(-5, 5, corner.shape) + np.array([480_000, 2_650_000])
    along, along_steps = walk(corner[:, :-1], corner[:, 1:], rng)
    up, up_steps = walk(corner[:-1], corner[1:], rng)
    rings: list[np.ndarray] = []
    number = np.arange(STEPS)
    for y in range(high):
        sides = [
            (along[y], along_steps[y], False),
            (up[y, 1:], up_steps[y, 1:], False),
            (along[y + 1], along_steps[y + 1], True),
            (up[y, :-1], up_steps[y, :-1], True),
        ]
        points, used = [], []
        for side, steps, back in sides:
            at = np.abs(steps[:, None] * back - number)
            points.append(np.take_along_axis(side, np.minimum(at, STEPS)[..., None], axis=1))
            used.append(number < steps[:, None])
        kept = np.concatenate(used, axis=1)
        flat = np.concatenate(points, axis=1)[kept]
        rings += np.split(flat, np.cumsum(kept.sum(axis=1))[:-1])
    return rings[:count], along_steps[:high].reshape(-1)[:count]


def plant(rings: list[np.ndarray], south: np.ndarray, rng: np.random.Generator) -> list[list[int]]:
    """Change some of `rings`, add others at the end, and say which pairs conflict by that."""
    wide = int(np.ceil(np.sqrt(len(rings))))
    count = len(rings)
    sites = [i for i in range(count - wide - 1) if i % wide % SITE == 3 and i // wide % SITE == 3]
    pairs: list[list[int]] = []
    for kind, i in enumerate(sites):
        ring, new, right = rings[i], len(rings), i + 1
        if i % wide == wide - 1:
            continue
        if kind % 5 == 0:  # a vertex of the eastern side pushed into the neighbour
            rings[i] = ring.copy()
            rings[i][south[i] + 1, 0] += rng.uniform(2, 5)
            pairs.append([i, right])
        elif kind % 5 == 1:  # … and split in two that cross: an invalid parcel
            at = south[i] + 1
            eight = ring[at] + [[3, 1], [3, -1]]
            rings[i] = np.concatenate([ring[:at], eight, ring[at + 1 :]])
            pairs.append([i, right])
        elif kind % 5 == 2:  # within another
            middle = ring.mean(axis=0)
            rings.append((middle + (ring - middle) * rng.uniform(0.1, 0.4)).round(3))
            pairs.append([i, new])
        elif kind % 5 == 3:  # drawn twice, from another vertex and the other way round
            rings.append(np.roll(ring, 3, axis=0)[::-1])
            pairs.append([i, new])
        else:  # across a corner of four
            corner = ring[south[i]] + 0.0
            rings.append(corner + 10 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
            pairs += [[other, new] for other in (i, right, i - wide, i - wide + 1)]
    return pairs


def make(folder: Path, count: int, apart: bool) -> None:
    """Write the parcels as coordinates and counts of vertices, and the planted pairs."""
    rng = np.random.default_rng(4)
    rings, south = coverage(count, rng)
    pairs = plant(rings, south, rng)
    length = np.array([len(ring) for ring in rings])
    xy = np.concatenate(rings)
    if apart:
        xy += rng.uniform(-0.2, 0.2, xy.shape).round(3)
    np.savez(folder / "parcels.npz", xy=xy, length=length, pairs=np.array(pairs))


def parcels(folder: Path) -> np.ndarray:
    with np.load(folder / "parcels.npz") as data:
        row = np.repeat(np.arange(len(data["length"])), data["length"])
        return np.asarray(shapely.polygons(shapely.linearrings(data["xy"], indices=row)))


# Who searches ---------------------------------------------------------------------------------


def subject(folder: Path) -> Subject:
    frame = gpd.GeoDataFrame(geometry=parcels(folder), crs=4543)
    return Subject(frame, load_catalog()["farmland"], load_profile(), {})


def ours(sound: Subject) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pairs = sound.conflicts
    return pairs.left, pairs.right, pairs.area


def plain(sound: Subject) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A query of the whole tree, the relation of all candidates, what the related share."""
    shapes = sound.metre.to_numpy()
    left, right = shapely.STRtree(shapes).query(shapes)
    left, right = left[left < right], right[left < right]
    meet = shapely.relate_pattern(shapes[left], shapes[right], "T********")
    left, right = left[meet], right[meet]
    area = shapely.area(shapely.intersection(shapes[left], shapes[right]))
    return left[area >= FLOOR], right[area >= FLOOR], area[area >= FLOOR]


def search(folder: Path, how: Callable[[Subject], tuple[np.ndarray, ...]]) -> None:
    """Search once, keep the pairs; print wall and CPU seconds and the peak memory in MB."""
    layer = subject(folder)
    start = time.perf_counter()
    assert len(layer.metre)
    repaired = time.perf_counter()
    cpu = time.process_time()
    left, right, area = how(layer)
    spent = [time.perf_counter() - repaired, time.process_time() - cpu]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table = pd.DataFrame({"left": left, "right": right, "area": area})
    table.to_csv(folder / f"{how.__name__}.csv", header=False, index=False)
    print(json.dumps([*spent, peak, repaired - start]))


def write_hex(folder: Path) -> None:
    """The parcels for PostGIS's COPY, to the standard output."""
    shapes = parcels(folder)
    for first in range(0, len(shapes), 10_000):
        texts = shapely.to_wkb(shapes[first : first + 10_000], hex=True)
        lines = (f"{first + k}\t{text}\n" for k, text in enumerate(texts))
        sys.stdout.write("".join(lines))


class PostGIS:
    """A PostgreSQL server of our own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cluster"
        self.folder.mkdir(mode=0o700)
        # initdb refuses to run as root
        self.other = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self.other:
            folder.chmod(0o711)
            shutil.chown(self.folder, "postgres", "postgres")
        bin_ = binaries()
        self.psql = [str(bin_ / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"]
        self.psql += ["-h", str(self.folder), "-d", "postgres"]
        data = self.folder / "data"
        run = {"cwd": self.folder, "stdout": subprocess.DEVNULL, **self.other}
        subprocess.run([bin_ / "initdb", "-D", data, "-A", "trust"], check=True, **run)
        told = [f"--{name}={value}" for name, value in SETTINGS.items()]
        told += ["--listen_addresses=", f"--unix_socket_directories={self.folder}"]
        with (folder / "server.log").open("w") as log:
            self.server = subprocess.Popen(
                [bin_ / "postgres", "-D", data, *told], stderr=log, **run
            )
        ready = [bin_ / "pg_isready", "-q", "-h", self.folder]
        while subprocess.run(ready, check=False).returncode:
            if self.server.poll() is not None:
                sys.exit((folder / "server.log").read_text())
            time.sleep(0.2)

    def ask(self, sql: str, **streams: object) -> None:
        subprocess.run(
            [*self.psql, "-c", sql],
            check=True,
            cwd=self.folder,
            env=os.environ | {"PGOPTIONS": "-c client_min_messages=warning"},
            **self.other,
            **streams,
        )

    def cpu(self) -> float:
        """CPU seconds of the server and of all its processes that have ended."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def load(self, folder: Path) -> None:
        """Fill the table, repair, index."""
        self.ask("CREATE EXTENSION IF NOT EXISTS postgis; DROP TABLE IF EXISTS raw, parcels")
        self.ask("CREATE TABLE raw (id int, geom geometry)")
        with step("hex", folder) as texts:
            self.ask("COPY raw FROM STDIN", stdin=texts.stdout)
        for sql in PREPARE.split(";")[:-1]:
            self.ask(sql)
        self.ask("DROP TABLE raw")

    def search(self, folder: Path) -> list[float]:
        cpu, start = self.cpu(), time.perf_counter()
        with (folder / "postgis.csv").open("w") as out:
            self.ask(QUESTION, stdout=out)
        wall = time.perf_counter() - start
        time.sleep(1)  # until the server has counted its ended processes
        return [wall, self.cpu() - cpu, float("nan"), 0.0]


def binaries() -> Path:
    """Where initdb and postgres are."""
    found = [Path("/usr/lib/postgresql/15/bin")]
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
        found.insert(0, Path(told.stdout.strip()))
    for folder in found:
        if (folder / "initdb").exists():
            return folder
    sys.exit("PostgreSQL is not installed: apt-get install postgresql-15-postgis-3")


# The race -------------------------------------------------------------------------------------


@contextmanager
def step(name: str, folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A step in a process of its own: a child takes over the peak memory of its parent."""
    command = [sys.executable, __file__, "--step", name, str(folder), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
    if process.returncode:
        sys.exit(f"{name} failed")


def measured(name: str, folder: Path) -> list[float]:
    with step(name, folder) as process:
        return list(json.loads(process.communicate()[0]))


def race(runners: dict[str, Callable[[], list[float]]], rounds: int) -> dict[str, list[float]]:
    """Let `runners` take turns; print a table, and return the median of each measure."""
    runs: dict[str, list[list[float]]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            runs[name].append(run())
    table = {
        name: [statistics.median(v) for v in zip(*rows, strict=True)] for name, rows in runs.items()
    }
    print(f"{'':10}{'wall s':>10}{'CPU s':>10}{'peak MB':>10}{'repair s':>10}")
    for name, (wall, cpu, peak, repair) in table.items():
        print(f"{name:10}{wall:10.2f}{cpu:10.2f}{peak:10.0f}{repair:10.2f}")
    (wall, cpu, *_), (other_wall, other_cpu, *_) = table.values()
    print(f"{'ratio':10}{wall / other_wall:10.3f}{cpu / other_cpu:10.3f}")
    return table


def compare(folder: Path, a: str, b: str) -> None:
    """Say how many pairs both found, and stop where they disagree on an area or a planted pair."""
    tables = [
        pd.read_csv(folder / f"{name}.csv", header=None, names=["left", "right", name])
        for name in (a, b)
    ]
    both = tables[0].merge(tables[1], on=["left", "right"], how="outer")
    off = (both[a] - both[b]).abs().max()
    alone = both[both[[a, b]].isna().any(axis=1)]
    alone = alone[alone[[a, b]].max(axis=1) >= FLOOR + 1e-3]  # nearer the floor rounding decides
    with np.load(folder / "parcels.npz") as data:
        planted = pd.DataFrame(data["pairs"], columns=["left", "right"])
    missed = len(planted) - len(planted.merge(tables[0], on=["left", "right"]))
    shared = both[[a, b]].notna().all(axis=1).sum()
    print(
        f"{shared} pairs found by both, areas at most {off:.1g} m² apart; {len(alone)} by one "
        f"only; {len(planted) - missed} of {len(planted)} planted pairs found"
    )
    for row in alone.head(10).itertuples(index=False):
        print("  ", *row)
    if off > 1e-3 or missed:
        sys.exit("the results differ")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parcels", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--apart", type=int, default=100_000, help="parcels digitised apart")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        name, folder = options.step[0], Path(options.step[1])
        if name == "make":
            make(folder, int(options.step[2]), options.step[3] == "apart")
        elif name == "hex":
            write_hex(folder)
        else:
            search(folder, {"ours": ours, "plain": plain}[name])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        postgis = PostGIS(folder)
        try:
            against_postgis(postgis, folder, options.parcels, options.rounds)
        finally:
            postgis.server.terminate()
            postgis.server.wait()
        if options.apart:
            against_plain(folder, options.apart, options.rounds)


def against_postgis(postgis: PostGIS, folder: Path, counts: list[int], rounds: int) -> None:
    print("PostGIS:", ", ".join(f"{name} {value}" for name, value in SETTINGS.items()))
    for count in counts:
        with step("make", folder, str(count), "adjoining"):
            pass
        postgis.load(folder)
        print(f"\n{count} adjoining parcels")
        runners = {
            "ours": lambda: measured("ours", folder),
            "postgis": lambda: postgis.search(folder),
        }
        race(runners, rounds)
        compare(folder, "ours", "postgis")


def against_plain(folder: Path, count: int, rounds: int) -> None:
    with step("make", folder, str(count), "apart"):
        pass
    print(f"\n{count} parcels digitised apart")
    race({name: lambda name=name: measured(name, folder) for name in ("ours", "plain")}, rounds)
    compare(folder, "ours", "plain")


if __name__ == "__main__":
    main()
