"""What a run of the change step found, and the tags that say how."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from yuxi_gis.change.kinds import KINDS
from yuxi_gis.change.methods import Fitted, Method
from yuxi_gis.change.registration import Shift
from yuxi_gis.change.seen import Survey, clouds_looked_for
from yuxi_gis.change.threshold import FALSE_SHARE, Threshold
from yuxi_gis.read.raster import Grid, Pair, Scene
from yuxi_gis.read.table import Decision

__all__ = ["ChangeResult", "provenance"]


@dataclass(frozen=True)
class ChangeResult:
    """What `detect_change` found, and where it lies.

    Attributes
    ----------
    raster : Path
        ``change.tif``.
    patches : GeoDataFrame
        Changed patches (`patches.PATCH_COLUMNS` and ``confidence``), in the CRS of the raster.
    parcels : GeoDataFrame or None
        Changed parcels (`parcels.CHANGED_COLUMNS` and ``confidence``); None when no parcels were
        given.
    shares : GeoDataFrame or None
        Changed and seen share of every parcel (`parcels.SHARE_COLUMNS`).
    method : str
        Id of the method.
    shift : (float, float)
        By which the after scene was moved, in map units of the raster; nought where the
        misregistration was not significant.
    registration : Shift
        The misregistration that was estimated.
    threshold : float
        Strength above which a pixel has changed; infinite when nothing stood out.
    changed_share : float
        Changed pixels ÷ seen pixels.
    seen_share : float
        Seen pixels ÷ pixels of the raster.
    clouded_share : float
        Pixels that a quality band or the detector takes for cloud, cloud shadow, snow or
        saturated ÷ pixels of the raster; they are not seen.
    small : DataFrame
        Patches that are too small to be listed, by kind and reason (`patches.SMALL_COLUMNS`).
    decisions : tuple of tuple of Decision
        What was decided of the first and the second scene.
    notes : tuple of (str, str)
        What could not be done, Chinese and English.
    """

    raster: Path
    patches: gpd.GeoDataFrame
    parcels: gpd.GeoDataFrame | None
    shares: gpd.GeoDataFrame | None
    method: str
    shift: tuple[float, float]
    registration: Shift
    threshold: float
    changed_share: float
    seen_share: float
    clouded_share: float
    small: pd.DataFrame
    decisions: tuple[tuple[Decision, ...], tuple[Decision, ...]]
    notes: tuple[tuple[str, str], ...]

    @property
    def dropped(self) -> int:
        """Number of patches that are too small to be listed."""
        return int(self.small["count"].sum())

    @property
    def report(self) -> dict[str, Any]:
        """The figures as plain JSON types."""
        return {
            "raster": str(self.raster),
            "method": self.method,
            "registration": self._registration,
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
            "changed_share": self.changed_share,
            "seen_share": self.seen_share,
            "clouded_share": self.clouded_share,
            "patches": _by_kind(self.patches, "MJ"),
            "small_patches_dropped": self.dropped,
            "small_patches": json.loads(self.small.to_json(orient="records", force_ascii=False)),
            "parcels": None if self.parcels is None else _by_kind(self.parcels, "changed_m2"),
            "decisions": {
                date: [asdict(decision) for decision in found]
                for date, found in zip(("before", "after"), self.decisions, strict=True)
            },
            "notes": [{"zh": zh, "en": en} for zh, en in self.notes],
        }

    @property
    def _registration(self) -> dict[str, Any]:
        found = self.registration
        return {
            "moved": list(self.shift),
            "unit": found.unit,
            "pixels": found.pixels if found.found else None,
            "error": found.error if found.found else None,
            "zh": found.zh,
            "en": found.en,
        }


def _by_kind(frame: gpd.GeoDataFrame, area: str) -> list[dict[str, Any]]:
    groups = frame.groupby(["kind", "seasonal"], observed=True)[area]
    return [
        {"kind": kind, "seasonal": bool(seasonal), "count": len(rows), "m2": float(rows.sum())}
        for (kind, seasonal), rows in groups
    ]


def provenance(
    pair: Pair,
    hashes: tuple[str, str],
    method: Method,
    fitted: Fitted,
    sample: Survey,
    registration: Shift,
    threshold: Threshold,
) -> dict[str, str]:
    """Tags that say how the results were made: the same inputs give the same tags."""
    before, after = pair.before, pair.after
    moved = (registration.dx, registration.dy) if registration.significant else (0.0, 0.0)
    return {
        "YUXI_GIS_VERSION": version("yuxi-gis"),
        "CLOUDS": "looked for" if clouds_looked_for(pair) else "as the products mark them",
        "METHOD": f"{method.id}: {method.en} ({method.source}), empirical null, Benjamini-Hochberg",
        "BEFORE": Path(before.path).name,
        "BEFORE_SHA256": hashes[0],
        "BEFORE_QUALITY": _quality(before),
        "BEFORE_RESAMPLING": _resampling(before, pair.grid, (0.0, 0.0)),
        "AFTER": Path(after.path).name,
        "AFTER_SHA256": hashes[1],
        "AFTER_QUALITY": _quality(after),
        "AFTER_RESAMPLING": _resampling(after, pair.grid, moved),
        "BANDS": " ".join(role or "?" for role in pair.roles),
        "MISREGISTRATION": registration.en,
        "AFTER_MOVED_BY": f"{moved[0]:.6g} {moved[1]:.6g} {registration.unit}",
        "SAMPLE": str(sample.before.shape[1]),
        "FALSE_SHARE": f"{FALSE_SHARE:g}",
        "THRESHOLD": f"{threshold.value:.6g}",
        "NULL_SCALE": f"{threshold.scale:.6g}",
        **fitted.tags(),
        "KINDS": json.dumps(
            {kind.code: [kind.id, kind.zh, kind.seasonal] for kind in KINDS}, ensure_ascii=False
        ),
    }


def _quality(scene: Scene) -> str:
    return "none" if scene.quality is None else " ".join(q.scheme for q in scene.quality.layers)


def _resampling(scene: Scene, grid: Grid, moved: tuple[float, float]) -> str:
    own = Grid.of(scene)
    if moved == (0.0, 0.0) and grid.equals(own):
        return "none"
    return "average" if grid.coarser(own) else "cubic"
