"""Peers of the change step, as published: arrays in, strength and a threshold out."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from scipy.linalg import eigh
from scipy.special import gammaincc
from scipy.stats import chi2

__all__ = ["PEERS", "spread"]

Image = NDArray[np.float64]


def spread(image: Image) -> Image:
    """Standard deviation of each band, (bands, 1, 1)."""
    return image.std(axis=(1, 2))[:, None, None]


def published_irmad(before: Image, after: Image, rounds: int = 50) -> Image:
    """IR-MAD distance as published: weights are the χ² probability of no change."""
    n = len(before)
    both = np.vstack([before.reshape(n, -1), after.reshape(n, -1)])
    weight, last = np.ones(both.shape[1]), np.zeros(n)
    for _ in range(rounds):
        centred = both - (both @ weight / weight.sum())[:, None]
        cov = (centred * weight) @ centred.T / weight.sum()
        sxx, sxy, syy = cov[:n, :n], cov[:n, n:], cov[n:, n:]
        squared, a = eigh(sxy @ np.linalg.solve(syy, sxy.T), sxx)
        b = np.linalg.solve(syy, sxy.T @ a) / np.sqrt(squared)
        squared = np.minimum(squared, 1 - 1e-12)
        variates = a.T @ centred[:n] - b.T @ centred[n:]
        distance = (variates**2 / (2 * (1 - np.sqrt(squared)))[:, None]).sum(axis=0)
        if np.abs(squared - last).max() < 1e-3:
            break
        last, weight = squared, gammaincc(n / 2, distance / 2)
    return np.sqrt(distance).reshape(before.shape[1:])


def published_isfa(before: Image, after: Image, rounds: int = 50) -> Image:
    """ISFA distance as published, with the same kind of weights."""
    n = len(before)
    x, y = before.reshape(n, -1), after.reshape(n, -1)
    weight, last = np.ones(x.shape[1]), np.zeros(n)
    for _ in range(rounds):
        share = weight / weight.sum()
        one, two = (date - (date @ share)[:, None] for date in (x, y))
        one, two = (date / np.sqrt(date**2 @ share)[:, None] for date in (one, two))
        apart = one - two
        mean = ((one * share) @ one.T + (two * share) @ two.T) / 2
        slowness, w = eigh((apart * share) @ apart.T, mean)
        distance = ((w.T @ apart) ** 2 / slowness[:, None]).sum(axis=0)
        if np.abs(slowness - last).max() < 1e-3 * slowness.max():
            break
        last, weight = slowness, gammaincc(n / 2, distance / 2)
    return np.sqrt(distance).reshape(before.shape[1:])


def plain_cva(before: Image, after: Image) -> Image:
    """Length of the difference of the standardised dates."""
    one, two = ((x - x.mean(axis=(1, 2))[:, None, None]) / spread(x) for x in (before, after))
    return np.sqrt(((two - one) ** 2).sum(axis=0))


def otb_mad(before: Image, after: Image) -> Image:
    """Length of the standardised variates of Orfeo ToolBox's MultivariateAlterationDetector."""
    with tempfile.TemporaryDirectory() as name:
        names = [str(Path(name) / f"{stem}.tif") for stem in ("in1", "in2", "out")]
        for path, image in zip(names, (before, after), strict=False):
            count, height, width = image.shape
            with rasterio.open(
                path, "w", driver="GTiff", count=count, height=height, width=width,
                dtype="float32", crs="EPSG:32651", transform=Affine(30, 0, 0, 0, -30, 0),
            ) as out:  # fmt: skip
                out.write(image.astype(np.float32))
        words = [w for pair in zip(("-in1", "-in2", "-out"), names, strict=True) for w in pair]
        subprocess.run(
            ["otbcli_MultivariateAlterationDetector", *words, "float"],
            check=True, capture_output=True,
        )  # fmt: skip
        with rasterio.open(names[2]) as data:
            variates = data.read().astype(float)
    return np.sqrt(((variates / spread(variates)) ** 2).sum(axis=0))


def otsu(strength: Image) -> float:
    """Otsu's two-class threshold."""
    counts, edges = np.histogram(strength, 512)
    middle = (edges[1:] + edges[:-1]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * middle)
    apart = (total[-1] * below / below[-1] - total) ** 2
    return float(middle[np.argmax(apart[:-1] / np.maximum(below * (below[-1] - below), 1)[:-1])])


def two_means(strength: Image) -> float:
    """The threshold of 2-class k-means."""
    limit = float(strength.mean())
    for _ in range(100):
        low, high = strength[strength <= limit], strength[strength > limit]
        if not len(high) or limit == (limit := float(low.mean() + high.mean()) / 2):
            break
    return limit


def chi_99(strength: Image, bands: int = 6) -> float:
    """The 99 % quantile under no change."""
    return float(np.sqrt(chi2.ppf(0.99, bands)))


PEERS: Mapping[str, tuple[Callable[[Image, Image], Image], Callable[[Image], float]]] = {
    "IR-MAD as published, Otsu": (published_irmad, otsu),
    "IR-MAD as published, 2-means": (published_irmad, two_means),
    "IR-MAD as published, χ² 99 %": (published_irmad, chi_99),
    "ISFA as published, 2-means": (published_isfa, two_means),
    "CVA, Otsu": (plain_cva, otsu),
    **({"OTB MAD, Otsu": (otb_mad, otsu)} if shutil.which("otbcli") else {}),
}
"""Strength and threshold of each peer."""
