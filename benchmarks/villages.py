"""The change step on villages of other seeds: ``python benchmarks/villages.py 26 29 30``.

Each seed makes another village (sample_data/make_village.py). Counted by parcel, as in
tests/change/test_village.py: parcels with planted changes of at least 4 pixels of which more than
half was seen, and parcels reported as changed, not as possibly seasonal.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd

from yuxi_gis.change import detect_change

SCRIPT = Path(__file__).resolve().parent.parent / "sample_data" / "make_village.py"
LAYERS = {"farmland": "DK", "homestead": "ZJD"}
KEY = ["layer", "feature"]


def count(village: Path) -> tuple[int, int, int, int]:
    """Planted changes found, planted, reported parcels that are planted, reported."""
    parcels = {name: gpd.read_file(village / "village.gpkg", layer=t) for name, t in LAYERS.items()}
    before, after = village / "scene_before.tif", village / "scene_after.tif"
    result = detect_change(before, after, village / "change", parcels=parcels)
    truth = pd.read_csv(village / "truth" / "changed_parcels.csv", dtype={"feature": str})
    seen = result.shares.groupby(KEY)["seen_share"].max().rename("seen").reset_index()
    truth = truth.merge(seen, on=KEY, how="left")
    large = truth[(truth["pixels"] >= 4) & ~truth["under_cloud"] & (truth["seen"] > 0.5)]
    planted, found = (pd.MultiIndex.from_frame(table[KEY]) for table in (truth, large))
    table = result.parcels
    reported = pd.MultiIndex.from_frame(table.loc[~table["seasonal"], KEY])
    return (
        int(found.isin(reported).sum()),
        len(found),
        int(reported.isin(planted).sum()),
        len(reported),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[26, 29, 30])
    total = [0, 0, 0, 0]
    for seed in parser.parse_args().seeds:
        with tempfile.TemporaryDirectory() as name:
            made = subprocess.run(
                [sys.executable, SCRIPT, name, "--seed", str(seed)], capture_output=True
            )
            if made.returncode:
                print(f"seed {seed:4d}  no village: what is to be planted finds no room")
                continue
            numbers = count(Path(name))
        total = [a + b for a, b in zip(total, numbers, strict=True)]
        print(f"seed {seed:4d}  " + line(numbers), flush=True)
    print("together   " + line(total))


def line(numbers: tuple[int, ...] | list[int]) -> str:
    """Recall and precision of `count`."""
    found, planted, right, reported = numbers
    recall, precision = found / max(planted, 1), right / max(reported, 1)
    return f"recall {found}/{planted} {recall:.3f}  precision {right}/{reported} {precision:.3f}"


if __name__ == "__main__":
    main()
