"""Accuracy of the change step on the labelled Taizhou pair, beside three simpler ways.

The step runs with its one default configuration and does not see the labels (C. Wu et al. 2014,
10.1109/TGRS.2013.2266673). But its makers did while they chose that configuration, so this is no
blind test. Run: ``python benchmarks/accuracy_taizhou.py``.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from scipy.linalg import eigh
from scipy.stats import chi2, rankdata

from yuxi_gis.change import detect_change

Image = NDArray[np.float64]
Mask = NDArray[np.bool_]


def read(path: Path) -> Image:
    """All bands as float64, (bands, rows, columns)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as data:
            return data.read().astype(np.float64)


def scores(strength: Image, found: Mask, changed: Mask, unchanged: Mask) -> tuple[float, ...]:
    """OA, Kappa, F1 of `found` and AUC of `strength`, over the labelled pixels."""
    hit, miss = int((found & changed).sum()), int((~found & changed).sum())
    false, right = int((found & unchanged).sum()), int((~found & unchanged).sum())
    total = hit + miss + false + right
    accuracy = (hit + right) / total
    chance = ((hit + false) * (hit + miss) + (miss + right) * (false + right)) / total**2
    ranks = rankdata(np.concatenate([strength[changed], strength[unchanged]]))
    n, m = int(changed.sum()), int(unchanged.sum())
    area = (ranks[:n].sum() - n * (n + 1) / 2) / (n * m)
    return accuracy, (accuracy - chance) / (1 - chance), 2 * hit / (2 * hit + miss + false), area


def mad(before: Image, after: Image, rounds: int) -> Image:
    """MAD distance as published (Nielsen 2007): weights are the χ² probability of no change."""
    n = len(before)
    both = np.vstack([before.reshape(n, -1), after.reshape(n, -1)])
    weight = np.ones(both.shape[1])
    for _ in range(rounds):
        centred = both - (both @ weight / weight.sum())[:, None]
        cov = (centred * weight) @ centred.T / weight.sum()
        sxx, sxy, syy = cov[:n, :n], cov[:n, n:], cov[n:, n:]
        squared, a = eigh(sxy @ np.linalg.solve(syy, sxy.T), sxx)
        b = np.linalg.solve(syy, sxy.T @ a) / np.sqrt(squared)
        variates = a.T @ centred[:n] - b.T @ centred[n:]
        distance = (variates**2 / (2 * (1 - np.sqrt(squared)))[:, None]).sum(axis=0)
        weight = chi2.sf(distance, n)
    return np.sqrt(distance).reshape(before.shape[1:])


def otsu(image: Image) -> float:
    """Otsu's two-class threshold."""
    counts, edges = np.histogram(image, 512)
    middle = (edges[1:] + edges[:-1]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * middle)
    spread = (total[-1] * below / below[-1] - total) ** 2
    return float(middle[np.argmax(spread[:-1] / (below * (below[-1] - below))[:-1])])


def ours(before: Path, after: Path) -> tuple[Image, Mask]:
    """Strength and changed pixels of `detect_change` with default options."""
    with tempfile.TemporaryDirectory() as folder:
        result = detect_change(before, after, Path(folder) / "change")
        strength, changed, _ = read(result.raster)
    return strength, changed == 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "taizhou"
    parser.add_argument("--data", type=Path, default=default, help="folder of the pair")
    parser.add_argument("--before", default="2000TM", help="file name of the first date")
    parser.add_argument("--after", default="2003TM", help="file name of the second date")
    options = parser.parse_args()
    paths = options.data / options.before, options.data / options.after
    before, after = map(read, paths)
    changed, unchanged = (read(options.data / f"{n}.bmp")[0] > 0 for n in ("change", "unchanged"))
    bands = len(before)

    single, many = mad(before, after, 1), mad(before, after, 50)
    raw = np.sqrt(((after - before) ** 2).sum(axis=0))
    fixed = float(np.sqrt(chi2.ppf(0.99, bands)))
    ways: dict[str, Callable[[], tuple[Image, Mask]]] = {
        "yuxi-gis change (default)": lambda: ours(*paths),
        "IR-MAD as published, Otsu": lambda: (many, many > otsu(many)),
        "IR-MAD as published, chi2 99 %": lambda: (many, many > fixed),
        "MAD not iterated, Otsu": lambda: (single, single > otsu(single)),
        "MAD not iterated, chi2 99 %": lambda: (single, single > fixed),
        "CVA on raw numbers, Otsu": lambda: (raw, raw > otsu(raw)),
    }
    print(f"{'':32}     OA  Kappa     F1    AUC  changed share of the scene")
    for name, way in ways.items():
        strength, found = way()
        figures = "  ".join(f"{x:.4f}" for x in scores(strength, found, changed, unchanged))
        print(f"{name:32} {figures}  {found.mean():.4f}")


if __name__ == "__main__":
    main()
