"""Thousands of damaged files: no traceback, no hang, no memory filled, nothing written outside.

``YUXI_MUTANTS=20000`` makes so many of each format in place of the few hundred of the suite.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue

import geopandas as gpd
import openpyxl
import pyogrio
import pyproj
import pytest
import shapely

from tests.read import jet_writer, vct_cases
from tests.read.test_access import chinese, geodatabase
from yuxi_gis.resources import folder

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = int(os.environ.get("YUXI_MUTANTS", "350"))
#: No mutant of these small files may take longer.
SECONDS = 20
WORKERS = 2
VILLAGE = folder("sample_data") / "village.gpkg"


def farmland() -> gpd.GeoDataFrame:
    return gpd.read_file(VILLAGE, layer="DK").head(30)


def shapefile(path: Path) -> None:
    farmland().to_file(path / "DK.shp", encoding="GBK")
    (path / "DK.cpg").unlink()


def geopackage(path: Path) -> None:
    pyogrio.write_dataframe(farmland(), path / "village.gpkg", layer="DK")
    extra = farmland().drop(columns="geometry").head(5)
    pyogrio.write_dataframe(extra, path / "village.gpkg", layer="CBF", append=True)


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["某村承包地台账"])
    sheet.merge_cells("A1:D1")
    sheet.append(["地块代码", "地块名称", "实测面积（亩）", "WKT"])
    for row in farmland().itertuples():
        sheet.append([row.DKBM, row.DKMC, row.SCMJM, shapely.to_wkt(row.geometry)])
    book.save(path / "台账.xlsx")


def archive(path: Path) -> None:
    (path / "in").mkdir()
    shapefile(path / "in")
    shutil.make_archive(str(path / "DK"), "zip", path / "in")
    shutil.rmtree(path / "in")


def access(path: Path) -> None:
    crs = pyproj.CRS(4543).to_wkt("WKT1_ESRI")
    (path / "rights.mdb").write_bytes(jet_writer.write(chinese(), jet_writer.JET4))
    (path / "shapes.mdb").write_bytes(jet_writer.write(geodatabase(crs), jet_writer.JET4))


def vct(path: Path) -> None:
    for edition in (1999, 2007):
        (path / f"{edition}.vct").write_bytes(vct_cases.sample(edition).bytes())


SOURCES = {
    "shapefile": shapefile,
    "geopackage": geopackage,
    "workbook": workbook,
    "zip": archive,
    "access": access,
    "vct": vct,
}


class Worker:
    """A process that reads mutants; what it printed last tells which one it died of."""

    def __init__(self, seeds: Path, work: Path, first: int, count: int) -> None:
        work.mkdir(parents=True)
        args = [sys.executable, "-m", "tests.fuzz.worker", seeds, work, first, count]
        self.process = subprocess.Popen(
            [str(arg) for arg in args],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: Queue[str | None] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()  # type: ignore[union-attr]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def results(self) -> list[dict[str, object]]:
        """One entry a mutant; a hang or a crash is an entry too, and the last."""
        found: list[dict[str, object]] = []
        current: object = None
        while True:
            try:
                line = self.lines.get(timeout=SECONDS + (30 if current is None else 0))
            except Empty:
                self.process.kill()
                return [*found, {"seed": current, "wrong": [f"more than {SECONDS} s"]}]
            if line is None:
                code = self.process.wait()
                died = {"seed": current, "wrong": [f"the process ended with {code}"]}
                return [*found, died] if code else found
            entry = json.loads(line)
            if "begins" in entry:
                current = entry["begins"]
            else:
                found.append(entry)


@pytest.mark.parametrize("kind", SOURCES)
def test_no_mutant_breaks_the_reader(tmp_path: Path, kind: str) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    SOURCES[kind](seeds)
    share = MUTANTS // WORKERS
    workers = [Worker(seeds, tmp_path / f"w{k}", k * share, share) for k in range(WORKERS)]
    results = [entry for worker in workers for entry in worker.results()]
    wrong = [entry for entry in results if entry["wrong"]]
    assert not wrong, json.dumps(wrong[:5], ensure_ascii=False, indent=1)
    assert len(results) == share * WORKERS
    # Damage that nothing notices would be no test: some mutants are refused, some are read.
    codes = [entry["code"] for entry in results]
    assert 0 < codes.count(2) < len(codes), (codes.count(0), codes.count(2))
