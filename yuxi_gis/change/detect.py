"""The whole change step: two scenes in, change raster, patches and parcels out.

Passes over the blocks of the *before* grid, each with one block in memory:

1. what both scenes show, and a sample of pixels (`seen`);
2. strength of change from the sample's variates (`irmad`), and its histogram (`threshold`);
3. changed or not, and which kind (`kinds`);
4. with parcels: their shares (`parcels`), and their own spectra (`unmix`), which correct the kind
   of fields that changed as a whole;
5. polygons (`patches`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio

from yuxi_gis.change.irmad import Mad
from yuxi_gis.change.kinds import KINDS
from yuxi_gis.change.parcels import (
    changed_parcels,
    gather,
    judged_whole,
    kind_shares,
    parcel_shares,
    shaped,
)
from yuxi_gis.change.passes import Passes
from yuxi_gis.change.patches import collect_patches
from yuxi_gis.change.spectra import has_reflectance
from yuxi_gis.change.threshold import FALSE_SHARE, Threshold
from yuxi_gis.codes import Masking, mask_codes
from yuxi_gis.errors import ParameterError, SceneError
from yuxi_gis.outputs import refuse_inputs, staged_folder
from yuxi_gis.read.raster import Grid, Pair, align, open_scene

__all__ = ["OWNS", "ChangeResult", "detect_change"]

Progress = Callable[[str, str, float], None]
Layers = Mapping[str, pd.DataFrame]

_MASKING = Masking()
# QGIS before 3.28 warns of every GeoPackage newer than this.
_GPKG = {"dataset_options": {"VERSION": "1.2"}}
OWNS = ("change.tif", "patches.gpkg", "parcels.gpkg")
"""The files that `detect_change` writes into its folder."""

_CACHE_MB = 64  # GDAL's own default grows with the machine: 5 % of its memory
_NO_REFLECTANCE = (
    "影像的反射率比例或六个反射波段（蓝、绿、红、近红外、短波红外 1、2）未知：没有查找云，"
    "变化类型一律为“其他变化”。",
    "the reflectance scale or the six reflective bands (blue, green, red, nir, swir1, swir2) of "
    "the scenes are not known: clouds were not looked for, and every change is of kind 'other'.",
)


@dataclass(frozen=True)
class ChangeResult:
    """What `detect_change` found, and where it lies.

    Attributes
    ----------
    raster : Path
        ``change.tif``.
    patches : GeoDataFrame
        Changed patches (`patches.PATCH_COLUMNS`), CRS of the before scene.
    parcels : GeoDataFrame or None
        Changed parcels (`parcels.CHANGED_COLUMNS`); None when no parcels were given.
    shares : GeoDataFrame or None
        Changed and seen share of every parcel (`parcels.SHARE_COLUMNS`).
    threshold : float
        Strength above which a pixel has changed; infinite when nothing stood out.
    changed_share : float
        Changed pixels ÷ seen pixels.
    seen_share : float
        Seen pixels ÷ pixels of the before scene.
    clouded_share : float
        Pixels taken for cloud or cloud shadow ÷ pixels of the before scene; they are not seen.
    dropped : int
        Patches left out as smaller than the smallest area their kind is mapped at.
    notes : tuple of (str, str)
        What could not be done, Chinese and English.
    """

    raster: Path
    patches: gpd.GeoDataFrame
    parcels: gpd.GeoDataFrame | None
    shares: gpd.GeoDataFrame | None
    threshold: float
    changed_share: float
    seen_share: float
    clouded_share: float
    dropped: int
    notes: tuple[tuple[str, str], ...]

    @property
    def report(self) -> dict[str, Any]:
        """The figures as plain JSON types."""
        return {
            "raster": str(self.raster),
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
            "changed_share": self.changed_share,
            "seen_share": self.seen_share,
            "clouded_share": self.clouded_share,
            "patches": _by_kind(self.patches, "MJ"),
            "small_patches_dropped": self.dropped,
            "parcels": None if self.parcels is None else _by_kind(self.parcels, "changed_m2"),
            "notes": [{"zh": zh, "en": en} for zh, en in self.notes],
        }


def _by_kind(frame: gpd.GeoDataFrame, area: str) -> list[dict[str, Any]]:
    groups = frame.groupby(["kind", "seasonal"], observed=True)[area]
    return [
        {"kind": kind, "seasonal": bool(seasonal), "count": len(rows), "m2": float(rows.sum())}
        for (kind, seasonal), rows in groups
    ]


def detect_change(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    parcels: gpd.GeoDataFrame | Layers | None = None,
    masking: Masking = _MASKING,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ChangeResult:
    """Find what changed between two scenes.

    Parameters
    ----------
    before, after : path-like
        Rasters of the same bands; any CRS and grid, any gain and offset (see
        `yuxi_gis.read.raster.open_scene`).
    out : path-like
        Folder for ``change.tif`` (Cloud Optimized GeoTIFF on the grid of `before`, float32 bands
        ``strength``, ``changed``, ``kind``; nodata −1 where not seen), ``patches.gpkg`` and, with
        `parcels`, ``parcels.gpkg`` (layers ``changed_parcels`` and ``parcel_shares``).
    parcels : GeoDataFrame or mapping of layer id to GeoDataFrame or DataFrame, optional
        Polygons in any CRS. Of a mapping, `admin` and `protected_cropland` also fill XZQDM and
        SFYN of the patches; tables without geometry are left out.
    masking : Masking
        Which personal data are masked in ``parcels.gpkg`` and ``patches.gpkg``; by default all.
        Parcels are called by their codes, so only what is no code is. The result is not masked.
    overwrite : bool
        Replace earlier results in `out`.
    progress : callable, optional
        Called as ``progress(zh, en, fraction)``.

    Returns
    -------
    ChangeResult

    Raises
    ------
    SceneError
        A scene cannot be read, has no CRS or no data, or the two do not fit each other.
    CRSError
        Parcels without CRS.
    ParameterError
        `parcels` is no GeoDataFrame and no mapping of tables, or none of them has geometry.
    OutputError
        `out` exists and `overwrite` is false, or cannot be written.
    """
    layers = _layers(parcels)
    first, second = open_scene(before), open_scene(after)
    refuse_inputs([Path(out) / name for name in OWNS], [before, after])
    say = progress or (lambda zh, en, fraction: None)
    with (
        rasterio.Env(GDAL_CACHEMAX=_CACHE_MB),
        staged_folder(out, owns=OWNS, overwrite=overwrite) as folder,
        align(first, second) as pair,
    ):
        crs = pair.grid.crs.to_wkt()
        if parcels is not None:
            _require_north_up(pair.grid)
        places = None if parcels is None else gather(layers, crs)
        scratch = folder / "scratch"
        scratch.mkdir()
        run = Passes(pair, scratch)
        sample = run.survey(_part(say, "读取影像", "reading the scenes", 0.0, 0.25))
        mad, threshold = run.measure(sample, _part(say, "计算变化强度", "strength", 0.25, 0.5))
        changed = run.classify(mad, threshold, _part(say, "判别变化类型", "kinds", 0.5, 0.75))
        tags = _provenance(pair, mad, threshold)
        table = shares = None
        if places is not None:
            parts = kind_shares(places, run.kinds)
            step = _part(say, "计算地块光谱", "spectra of parcels", 0.75, 0.85)
            judged = judged_whole(parts[0], run.wholes(mad, places, step))
            run.judge(places, judged)
            table = changed_parcels(places, *parts, judged)
            shares = parcel_shares(places, *parts)
            for layer, frame in {"changed_parcels": table, "parcel_shares": shares}.items():
                _write(folder / "parcels.gpkg", layer, frame, masking, tags)
        blocks = run.trace(_part(say, "生成图斑", "patches", 0.85, 1.0))
        patches = collect_patches(blocks, first, second, layers, crs=crs)
        _write(folder / "patches.gpkg", "patches", patches.table, masking, tags)
        run.publish(folder / "change.tif", tags)
    say("变化检测完成", "change detection done", 1.0)
    return ChangeResult(
        raster=Path(out) / "change.tif",
        patches=patches.table,
        parcels=table,
        shares=shares,
        threshold=threshold.value,
        changed_share=changed / sample.seen,
        seen_share=sample.seen / (pair.grid.width * pair.grid.height),
        clouded_share=sample.clouded / (pair.grid.width * pair.grid.height),
        dropped=patches.dropped,
        notes=() if has_reflectance(pair) else (_NO_REFLECTANCE,),
    )


def _layers(parcels: object) -> dict[str, gpd.GeoDataFrame]:
    """The layers with geometry, a single one as `parcels`."""
    if parcels is None:
        return {}
    if isinstance(parcels, gpd.GeoDataFrame):
        parcels = {"parcels": parcels}
    if not isinstance(parcels, Mapping) or not all(
        isinstance(layer, pd.DataFrame) for layer in parcels.values()
    ):
        raise ParameterError(
            "parcels 应为 GeoDataFrame，或图层 ID 到 GeoDataFrame 的字典。"
            "请先用 read_layers 读取文件。",
            "parcels must be a GeoDataFrame or a mapping of layer ids to such. Read files with "
            "read_layers first.",
        )
    return shaped(parcels)


def _require_north_up(grid: Grid) -> None:
    """Exact fractions of pixels are known on upright grids only."""
    t = grid.transform
    if t.b or t.d or t.a < 0 or t.e > 0:
        raise SceneError(
            "影像的栅格不是正北向上（旋转或上下颠倒），无法计算地块占比。"
            "请先用 gdalwarp 转成正北向上的影像。",
            "The grid of the scenes is not north-up (rotated or upside down), so shares of "
            "parcels cannot be measured. Warp it to a north-up grid first (gdalwarp).",
        )


def _part(say: Progress, zh: str, en: str, start: float, end: float) -> Callable[[float], None]:
    """Progress of one pass as part of the whole."""
    return lambda fraction: say(zh, en, start + fraction * (end - start))


def _write(
    path: Path, layer: str, frame: gpd.GeoDataFrame, masking: Masking, tags: Mapping[str, str]
) -> None:
    """A table of the results, with what it is made from and what is masked as its metadata."""
    codes = [name for name in ("feature", "XZQDM") if name in frame]
    frame = frame.assign(**{name: mask_codes(frame[name], masking) for name in codes})
    said = {"MASKING": masking.word, "MASKING_ZH": masking.text("zh")}
    metadata = {**tags, **said, "MASKING_EN": masking.text("en")}
    mode = "a" if path.exists() else "w"
    frame.to_file(
        path,
        layer=layer,
        mode=mode,
        dataset_metadata=metadata,
        DESCRIPTION=masking.text("zh"),
        **_GPKG,
    )


def _provenance(pair: Pair, mad: Mad, threshold: Threshold) -> dict[str, str]:
    """Tags that say how the raster was made: the same inputs give the same tags."""
    before, after = pair.before, pair.after
    return {
        "YUXI_GIS_VERSION": version("yuxi-gis"),
        "CLOUDS": "looked for" if has_reflectance(pair) else "not looked for",
        "METHOD": "iteratively reweighted MAD (Nielsen 2007), empirical null, Benjamini-Hochberg",
        "BEFORE": Path(before.path).name,
        "BEFORE_SHA256": before.sha256(),
        "AFTER": Path(after.path).name,
        "AFTER_SHA256": after.sha256(),
        "FALSE_SHARE": f"{FALSE_SHARE:g}",
        "THRESHOLD": f"{threshold.value:.6g}",
        "NULL_SCALE": f"{threshold.scale:.6g}",
        "BANDS_USED": " ".join(str(band + 1) for band in mad.bands),
        "ROUNDS": str(mad.rounds),
        "CORRELATIONS": " ".join(f"{rho:.4f}" for rho in mad.correlations),
        "KINDS": json.dumps(
            {kind.code: [kind.id, kind.zh, kind.seasonal] for kind in KINDS}, ensure_ascii=False
        ),
    }
