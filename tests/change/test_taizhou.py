"""The change command on the real, labelled Taizhou pair, with no options."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from yuxi_gis.change import detect_change


def labels(path: Path) -> np.ndarray:
    """Where a label picture, which has no georeference, is not black."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as data:
            return data.read(1) > 0


def kappa(found: np.ndarray, changed: np.ndarray, unchanged: np.ndarray) -> float:
    """Cohen's Kappa over the labelled pixels, from the 2 × 2 table."""
    table = np.array(
        [[(found & changed).sum(), (found & unchanged).sum()],
         [(~found & changed).sum(), (~found & unchanged).sum()]],
        dtype=float,
    )  # fmt: skip
    total = table.sum()
    chance = (table.sum(axis=0) * table.sum(axis=1)).sum() / total**2
    return float((np.trace(table) / total - chance) / (1 - chance))


@pytest.mark.parametrize("gain", [1.0, 1.6])
def test_kappa(shared_data: Path, tmp_path: Path, gain: float) -> None:
    """At least 0.93 (a public implementation of the method: 0.932), and so on brightened input."""
    folder = shared_data / "taizhou"
    after = folder / "2003TM"
    if gain != 1:
        with rasterio.open(after) as data:
            image, profile = data.read(), data.profile
        after = tmp_path / "brighter.tif"
        profile.update(driver="GTiff", dtype="uint16")
        with rasterio.open(after, "w", **profile) as out:
            out.write((image * gain * 10 + 7).astype("uint16"))
    result = detect_change(folder / "2000TM", after, tmp_path / "out")
    with rasterio.open(result.raster) as data:
        found = data.read(2) == 1
    changed, unchanged = labels(folder / "change.bmp"), labels(folder / "unchanged.bmp")
    assert (int(changed.sum()), int(unchanged.sum())) == (4227, 17163)
    score = kappa(found, changed, unchanged)
    print(f"Kappa {score:.4f}")
    assert score >= 0.93
