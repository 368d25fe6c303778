"""The planner's map of a large layer in a browser: ``python benchmarks/webmap.py [parcels]``.

Invented parcels with five official fields, as one page each of `write_map`, of plain folium and of
geojson-vt (`webmap_peers.py`), take turns in headless Chromium without network (`browser.py`);
each opening has a browser of its own. Layouts: ``adjoining`` parcels share their edges, about 26
vertices a parcel; ``separate`` ones have gaps between them, 8 to 14 vertices.

Measured: bytes of the page; seconds to write it, data in memory; seconds from navigation to the
first polygons on the screen and to the last change of the picture; the worst frame of twelve drags
at three scales, the full view included, and the worst of turning the wheel four levels in and out,
each until the map has come to rest; memory. Of ours also: whether clicks into random parcels open
the right ones, and how far the page's coordinates are from those of the data.
The peers' packages come from npm at run time, or from ``--packages`` (a ``node_modules``); nothing
of them is part of this project.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from browser import FAILURES, SCREEN, Appearance, Browser, browser
from checks import PITCH, coverage
from webmap_peers import PEERS, install

from yuxi_gis.export.webmap import write_map

__all__ = ["BARS", "LAYOUTS", "bars", "clicks", "measure", "opened", "ours", "parcels", "rounding"]

CRS = 4543
LAYOUTS = ("adjoining", "separate")
#: Limits of a page of 200,000 parcels; measures are below, shares of right clicks above.
BARS = {
    "page MB": 15.0,
    "export s": 10.0,
    "first s": 3.0,
    "pan ms": 100.0,
    "zoom ms": 500.0,
    "wrong clicks": 0.0,
    "rounding m": 0.1,
}
PATIENCE = 60.0  # seconds for a page to show polygons
_NAMES = tuple(
    side + field
    for side in ("门前", "屋后", "河边", "村东", "村西", "大沟", "水井", "老坟山", "坝塘", "烤房")
    for field in ("田", "大田", "秧田", "地", "坡地", "长田", "菜地")
)  # fmt: skip


# The parcels ----------------------------------------------------------------------------------


def separate(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rings of 8 to 14 vertices with gaps between them, one in each cell of a grid."""
    wide = math.ceil(math.sqrt(count))
    cell = np.arange(count)
    centre = np.column_stack([cell % wide, cell // wide]) * PITCH + [480_000, 2_650_000]
    centre += rng.uniform(-1, 1, centre.shape)
    length = rng.integers(8, 15, count)
    row = np.repeat(cell, length)
    number = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    turn = 2 * np.pi * (number + rng.uniform(-0.3, 0.3, len(row))) / length[row]
    radius = rng.uniform(11, 18, len(row)) * rng.uniform(0.6, 1, count)[row]
    xy = centre[row] + radius[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    return np.split(xy.round(3), np.cumsum(length)[:-1])


def parcels(count: int, layout: str, seed: int = 6) -> gpd.GeoDataFrame:
    """Contracted parcels near Yuxi with five fields, in EPSG:4543, in the order of their codes.

    A village has up to 40 × 40 parcels, a villagers' group of it 10 × 10.
    """
    rng = np.random.default_rng(seed)
    rings = coverage(count, rng)[0] if layout == "adjoining" else separate(count, rng)
    row = np.repeat(np.arange(count), [len(ring) for ring in rings])
    shapes = shapely.polygons(shapely.linearrings(np.concatenate(rings), indices=row))
    wide = math.ceil(math.sqrt(count))
    y, x = np.divmod(np.arange(count), wide)
    village = y // 40 * math.ceil(wide / 40) + x // 40
    group = y % 40 // 10 * 4 + x % 40 // 10 + 1
    region = 530402_000_000 + (village // 15 + 100) * 1000 + village % 15 + 201
    table = pd.DataFrame({"code": region * 100 + group})
    table["code"] = table["code"] * 100_000 + table.groupby("code").cumcount() + 1
    fields = {
        "DKBM": table["code"].astype(str),
        "DKMC": rng.choice(_NAMES, count),
        "DKLB": rng.choice(["10", "21", "22", "23", "24"], count, p=[0.8, 0.08, 0.06, 0.04, 0.02]),
        "DLDJ": rng.choice(["03", "04", "05", "06", "07"], count),
        "SCMJ": shapely.area(shapes).round(2),
    }
    frame = gpd.GeoDataFrame(fields, geometry=shapes, crs=CRS)
    return frame.sort_values("DKBM", ignore_index=True)


# What is measured -----------------------------------------------------------------------------


def measure(page: Path) -> dict[str, float]:
    """Open a page and move about; nothing is measured of one that does not appear in time."""
    with opened(page) as (chrome, shown):
        if shown is None:
            return {}
        result = {"first s": shown.first, "last s": shown.last, "shot s": shown.step}
        result |= {"heap MB": chrome.heap(), "memory MB": chrome.memory()}
        centre, full = chrome.centre(), chrome.zoom()
        pans: list[float] = []
        for nearer in (0, 2, 4):
            chrome.look(*centre, full + nearer)
            chrome.rest()
            pan(chrome, pans)
        chrome.look(*centre, full)
        chrome.rest()
        zooms: list[float] = []
        for levels in (4, -4):
            with chrome.frames(zooms):
                chrome.wheel(levels)
        return result | {"pan ms": max(pans), "zoom ms": max(zooms)}


def pan(chrome: Browser, worst: list[float]) -> None:
    """Drag to all sides, a second each."""
    x, y = SCREEN[0] / 2, SCREEN[1] / 2
    for dx, dy in ((300, 100), (-300, 150), (-300, -150), (300, -100)):
        with chrome.frames(worst):
            chrome.drag((x - dx, y - dy), (2 * dx, 2 * dy))


@contextmanager
def opened(page: Path, patience: float = PATIENCE) -> Iterator[tuple[Browser, Appearance | None]]:
    """A fresh browser with a page, and when it appeared."""
    with browser(2 * PATIENCE) as chrome:
        try:
            shown = chrome.open(page, patience)
        except FAILURES:
            shown = None
        yield chrome, shown


def clicks(page: Path, frame: gpd.GeoDataFrame, count: int = 300) -> list[str]:
    """Click into random parcels on three scales; a line for each that did not open its own."""
    sample = frame.sample(min(count, len(frame)), random_state=6)
    places = sample.representative_point().to_crs(4326)
    code = (
        "var text = (document.querySelector('.leaflet-popup-content') || {}).innerText || '';"
        "return (text.match(/[0-9]{19}/) || [''])[0]"
    )
    wrong = []
    with opened(page) as (chrome, _):
        for n, (wanted, place) in enumerate(zip(sample["DKBM"], places, strict=True)):
            zoom = 16 + n % 3
            chrome.look(place.x, place.y, zoom)
            spot = chrome.js(
                "map.closePopup();"
                "var p = map.latLngToContainerPoint([arguments[1], arguments[0]]);"
                "var r = map.getContainer().getBoundingClientRect(); return [p.x + r.x, p.y + r.y]",
                place.x, place.y,
            )  # fmt: skip
            chrome.click(*spot)
            found, until = "", time.time() + 3
            while found != wanted and time.time() < until:
                found = chrome.js(code)
            if found != wanted:
                wrong.append(f"{wanted} at zoom {zoom}: {found or 'nothing'}")
    return wrong


#: Rings of the parcels of some codes as the page holds them: {code: [[[lng, lat], …], …]}.
_RINGS = """
const wanted = new Set(arguments[0]), found = {};
map.eachLayer(layer => {
  const f = layer.features;
  if (!f || !f.columnNamed) return;
  const c = f.columnNamed("DKBM");
  for (let i = 0; i < f.count; i++) {
    const code = f.value(i, c);
    if (!wanted.has(code)) continue;
    found[code] = [];
    f.eachPath(i, (kind, from, end) => {
      const ring = [];
      for (let v = from; v < end; v++) ring.push([f.x[v] * 1e-6, f.y[v] * 1e-6]);
      found[code].push(ring);
    });
  }
});
return found;
"""


def rounding(page: Path, frame: gpd.GeoDataFrame, count: int = 5000) -> float:
    """How far outlines of the page are from those of random parcels, at most, in metres."""
    sample = frame.sample(min(count, len(frame)), random_state=7)
    with opened(page) as (chrome, _):
        chrome.rest()
        rings = chrome.js(_RINGS, sample["DKBM"].tolist())
    read = [shapely.Polygon(rings[code][0], rings[code][1:]) for code in sample["DKBM"]]
    metres = gpd.GeoSeries(read, crs=4326).to_crs(CRS).to_numpy()
    return float(shapely.hausdorff_distance(metres, sample.geometry.to_numpy()).max())


# The race -------------------------------------------------------------------------------------

Writer = Callable[[Path, gpd.GeoDataFrame], object]


def ours(path: Path, frame: gpd.GeoDataFrame) -> None:
    write_map(path, {"farmland": frame}, overwrite=True)


def _peer(name: str, packages: Path, path: Path, frame: gpd.GeoDataFrame) -> None:
    PEERS[name](path, frame, packages)


def race(frame: gpd.GeoDataFrame, folder: Path, writers: dict[str, Writer], rounds: int) -> Any:
    """Let the writers take turns; the median of each measure, by name."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in writers}
    for _ in range(rounds):
        for name, write in writers.items():
            page = folder / f"{name}.html"
            start = time.perf_counter()
            write(page, frame)
            spent = {"export s": time.perf_counter() - start}
            spent["page MB"] = page.stat().st_size / 1e6
            runs[name].append(spent | measure(page))
    return {name: _medians(rows) for name, rows in runs.items()}


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of each measure that all runs have."""
    common = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: statistics.median(row[name] for row in rows) for name in common}


def bars(result: dict[str, float]) -> dict[str, bool]:
    """Whether each bar holds; one without a measure does not."""
    return {name: result.get(name, math.inf) <= limit for name, limit in BARS.items()}


def show(table: dict[str, dict[str, float]]) -> None:
    """Print the measures, and ours as shares of the peers'."""
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    print(f"{'':14}" + "".join(f"{name:>13}" for name in names))
    lines = dict(table)
    lines |= {
        f"ours / {peer}": _ratio(table["ours"], table[peer]) for peer in table if peer in PEERS
    }
    for title, row in lines.items():
        cells = (f"{row[name]:13.3g}" if name in row else f"{'—':>13}" for name in names)
        print(f"{title:18}"[:18] + "".join(cells)[4:])
        if title in table and "first s" not in row:
            print(f"{'':18}no polygons in {PATIENCE:.0f} s")
    for name, held in bars(table["ours"]).items():
        value = table["ours"].get(name, math.nan)
        print(f"{name:14}{value:10.3g} <= {BARS[name]:<6g} {'holds' if held else 'DOES NOT HOLD'}")


def _ratio(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: one[name] / other[name] for name in one if other.get(name)}


def load() -> str:
    """How busy the machine is."""
    one, five, _ = os.getloadavg()
    return f"load {one:.2f} (1 min) {five:.2f} (5 min) on {os.cpu_count()} processors"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parcels", nargs="?", type=int, default=200_000)
    parser.add_argument("--layout", choices=LAYOUTS, default=LAYOUTS[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clicks", type=int, default=300)
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), help="peers")
    parser.add_argument("--alone", action="store_true", help="without peers")
    parser.add_argument("--packages", type=Path, help="node_modules of the peers")
    parser.add_argument("--folder", type=Path, help="keep the pages here")
    parser.add_argument("--json", action="store_true")
    run(parser.parse_args())


def run(options: argparse.Namespace) -> None:
    peers = [] if options.alone else options.only
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        packages = options.packages or (install(Path(name)) if peers else Path(name))
        frame = parcels(options.parcels, options.layout)
        writers: dict[str, Writer] = {"ours": ours}
        for peer in peers:
            writers[peer] = partial(_peer, peer, packages)
        if not options.json:
            vertices = int(shapely.get_num_coordinates(frame.geometry).sum())
            print(f"{len(frame)} {options.layout} parcels, {vertices} vertices; {load()}")
        table = race(frame, folder, writers, options.rounds)
        page, mine = folder / "ours.html", table["ours"]
        wrong = clicks(page, frame, options.clicks) if "first s" in mine else ["no map"]
        mine |= {"wrong clicks": float(len(wrong)), "rounding m": rounding(page, frame)}
    if options.json:
        told = {"parcels": len(frame), "layout": options.layout, "load": load(), "measures": table}
        json.dump(told | {"bars": bars(mine), "wrong": wrong}, sys.stdout, indent=2)
        return
    show(table)
    print(*wrong[:10], f"{options.clicks} clicks; {load()}", sep="\n")


if __name__ == "__main__":
    main()
