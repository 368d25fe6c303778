"""The whole change step: two scenes in, change raster, patches and parcels out.

The scenes are laid on one grid, the second one moved where it lies off significantly
(`registration`). Then passes over the blocks of the grid, each with one block in memory:

1. what both scenes show, and a sample of pixels (`seen`), to which the method is fitted (`methods`)
   and from whose unchanged pixels the radiometry of the dates is known (`normalise`);
2. strength of change, and its histogram (`threshold`);
3. changed or not, and which kind (`kinds`), with what the parcels teach (`appearance`);
4. with parcels: their shares (`parcels`), and their own spectra (`unmix`), which correct the kind
   of fields that changed as a whole;
5. polygons (`patches`).

What each pass gives is kept until the end, so that an interrupted run can be resumed (`resume`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import rasterio
from numpy.typing import NDArray

from yuxi_gis.change.appearance import Appearance, grounds
from yuxi_gis.change.confidence import parcel_confidence, patch_confidence
from yuxi_gis.change.methods import DEFAULT, METHODS, Fitted, Method
from yuxi_gis.change.normalise import Normalisation, fit_normalisation
from yuxi_gis.change.parcels import (
    Measured,
    changed_parcels,
    gather,
    judged_whole,
    measure,
    parcel_shares,
    shaped,
)
from yuxi_gis.change.passes import LEAST_CACHE, Passes, cache_bytes
from yuxi_gis.change.patches import Patches, collect_patches
from yuxi_gis.change.registration import Shift, estimate_shift
from yuxi_gis.change.result import ChangeResult, provenance
from yuxi_gis.change.resume import Scratch, fingerprint, scratch, stamps
from yuxi_gis.change.seen import Survey
from yuxi_gis.change.spectra import ROLES, has_reflectance, levelled
from yuxi_gis.change.threshold import Histogram, Threshold, find_threshold
from yuxi_gis.codes import Masking, mask_codes
from yuxi_gis.errors import ParameterError, SceneError
from yuxi_gis.outputs import refuse_inputs, staged_folder
from yuxi_gis.read.raster import Grid, Pair, Scene, align, open_scene

__all__ = ["OWNS", "ChangeResult", "detect_change"]

Progress = Callable[[str, str, float], None]
Step = Callable[[float], None]
Layers = Mapping[str, pd.DataFrame]

_MASKING = Masking()
# QGIS before 3.28 warns of every GeoPackage newer than this.
_GPKG = {"dataset_options": {"VERSION": "1.2"}}
# In place of the time of writing, which would make two runs on the same input differ.
_WRITTEN = "1970-01-01T00:00:00.000Z"
OWNS = (
    *("change.tif", "patches.gpkg", "parcels.gpkg"),
    *("patches.gpkg.aux.xml", "parcels.gpkg.aux.xml"),  # where GDAL leaves what it counted
)
"""The files that `detect_change` writes into its folder."""

_NO_REFLECTANCE = (
    "影像的反射率比例或蓝、绿、红、近红外波段未知：变化类型只能靠地块图层判别，其余为“其他变化”。",
    "the reflectance scale or the bands blue, green, red and nir of the scenes are not known: "
    "kinds of change are told from the parcel layers only, and are 'other' elsewhere.",
)


def detect_change(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    parcels: gpd.GeoDataFrame | Layers | None = None,
    method: str = DEFAULT,
    bands: Mapping[str, int] | None = None,
    bands_after: Mapping[str, int] | None = None,
    masking: Masking = _MASKING,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> ChangeResult:
    """Find what changed between two scenes.

    Parameters
    ----------
    before, after : path-like
        Scenes in any CRS and grid, of any gain and offset (see `yuxi_gis.read.raster.open_scene`).
        The bands that both have are compared.
    out : path-like
        Folder for ``change.tif`` (Cloud Optimized GeoTIFF on the grid of `before`, or of the
        coarser scene; float32 bands ``strength``, ``changed``, ``kind``; nodata −1 where not
        seen), ``patches.gpkg`` and, with `parcels`, ``parcels.gpkg`` (layers ``changed_parcels``
        and ``parcel_shares``).
    parcels : GeoDataFrame or mapping of layer id to GeoDataFrame or DataFrame, optional
        Polygons in any CRS. Of a mapping, `admin` and `protected_cropland` also fill XZQDM and
        SFYN of the patches; tables without geometry are left out.
    method : str
        Key of `yuxi_gis.change.methods.METHODS`.
    bands, bands_after : mapping of role to int, optional
        The user's word on the bands, ``{"red": 3, "nir": 4}``; `bands` holds for both scenes
        unless `bands_after` says otherwise of the second.
    masking : Masking
        Which personal data are masked in ``parcels.gpkg`` and ``patches.gpkg``; by default all.
        Parcels are called by their codes, so only what is no code is. The result is not masked.
    overwrite : bool
        Replace earlier results in `out`.
    resume : bool
        Go on after the last stage that an interrupted run with the same inputs and parameters
        finished. Its scratch lies in a hidden folder beside `out`, and is removed when a run is
        through; without `resume` it is removed at once. The results are the same, byte by byte.
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
        `parcels` is no GeoDataFrame and no mapping of tables, or none of them has geometry; there
        is no such method or band.
    OutputError
        `out` exists and `overwrite` is false, or cannot be written.
    """
    layers, chosen = _layers(parcels), _method(method)
    first = open_scene(before, bands)
    second = open_scene(after, bands if bands_after is None else bands_after)
    refuse_inputs([Path(out) / name for name in OWNS], [before, after])
    say = progress or (lambda zh, en, fraction: None)
    with staged_folder(out, owns=OWNS, overwrite=overwrite) as folder:
        hashes = first.sha256(), second.sha256()
        key = _key(first, second, hashes, chosen, layers)
        with (
            scratch(Path(out), key, resume=resume, staging=folder) as kept,
            _laid(first, second, kept, _part(say, "配准影像", "registration", 0.0, 0.1)) as laid,
        ):
            work = _Work(Passes(laid[0], kept.folder), kept, chosen, laid[1], hashes, layers, say)
            if parcels is not None:
                _require_north_up(laid[0].grid)
            found = work.changes()
            table, shares = (None, None) if parcels is None else work.parcels(found)
            patches = collect_patches(
                work.passes.trace(_part(say, "生成图斑", "patches", 0.85, 0.95)),
                first, second, layers, crs=work.crs,
            )  # fmt: skip
            _sure(patches.table, patch_confidence, found)
            _write(folder / "patches.gpkg", "patches", patches.table, masking, found.tags)
            for layer, frame in {"changed_parcels": table, "parcel_shares": shares}.items():
                if frame is not None:
                    _write(folder / "parcels.gpkg", layer, frame, masking, found.tags)
            work.passes.publish(folder / "change.tif")
            say("变化检测完成", "change detection done", 1.0)
    return work.result(Path(out), found, patches, table, shares)


def _method(name: str) -> Method:
    if name not in METHODS:
        known = ", ".join(METHODS)
        raise ParameterError(
            f"没有名为 {name!r} 的变化检测方法。可用：{known}。",
            f"no method of change detection is called {name!r}. Known: {known}.",
        )
    return METHODS[name]


def _key(
    first: Scene,
    second: Scene,
    hashes: tuple[str, str],
    method: Method,
    layers: Mapping[str, gpd.GeoDataFrame],
) -> str:
    """What the stages of a run depend on; a remote scene is known by its name only."""
    scenes = [
        (digest or scene.path, _beside(scene), scene.roles, scene.scale, scene.offset, scene.date)
        for scene, digest in zip((first, second), hashes, strict=True)
    ]
    parts = {"version": version("yuxi-gis"), "scenes": scenes, "method": method.id}
    return fingerprint(parts, layers)


def _beside(scene: Scene) -> list[tuple[str, int, int]]:
    with scene.dataset() as data:
        return stamps(data.files)


@contextmanager
def _laid(first: Scene, second: Scene, kept: Scratch, step: Step) -> Iterator[tuple[Pair, Shift]]:
    """Both scenes on one grid, the second moved if it lies off, and what was found of that."""
    with rasterio.Env(GDAL_CACHEMAX=LEAST_CACHE), align(first, second) as pair:
        shift = estimate_shift(pair)
    moved = (shift.dx, shift.dy) if shift.significant else (0.0, 0.0)
    with (
        align(first, second, shift=moved) as pair,
        rasterio.Env(GDAL_CACHEMAX=cache_bytes(pair)),
        pair.stored(kept.folder, step) as quick,
    ):
        yield quick, shift


@dataclass(frozen=True)
class _Found:
    """What the pixels say."""

    sample: Survey
    normalisation: Normalisation
    threshold: Threshold
    appearance: Appearance | None
    changed: int
    tags: dict[str, str]


@dataclass(frozen=True)
class _Work:
    """The stages of one run."""

    passes: Passes
    kept: Scratch
    method: Method
    shift: Shift
    hashes: tuple[str, str]
    layers: dict[str, gpd.GeoDataFrame]
    say: Progress

    @property
    def crs(self) -> str:
        return str(self.passes.pair.grid.crs.to_wkt())

    def changes(self) -> _Found:
        """All that is known without the parcels' own shares."""
        sample = self._survey()
        pair = self.passes.pair
        fitted = self.method.fit(*levelled(pair, sample.before, sample.after), pair.roles)
        normalisation = fit_normalisation(sample.before, sample.after, fitted.unchanged)
        threshold = find_threshold(self._histogram(fitted), fitted.degrees)
        tags = provenance(pair, self.hashes, self.method, fitted, sample, self.shift, threshold)
        appearance = self._appearance(threshold)
        changed = self._classify(threshold, normalisation, appearance, tags)
        return _Found(sample, normalisation, threshold, appearance, changed, tags)

    def _survey(self) -> Survey:
        step = _part(self.say, "读取影像", "reading the scenes", 0.1, 0.3)
        found = self.kept.stage("survey", lambda: vars(self.passes.survey(step)))
        counts = int(found["seen"]), int(found["clouded"])
        return Survey(found["before"], found["after"], *counts)

    def _histogram(self, fitted: Fitted) -> Histogram:
        step = _part(self.say, "计算变化强度", "strength", 0.3, 0.5)
        found = self.kept.stage("strength", lambda: vars(self.passes.measure(fitted, step)))
        return Histogram(**found)

    def _appearance(self, threshold: Threshold) -> Appearance | None:
        def work() -> dict[str, NDArray[Any]]:
            step = _part(self.say, "学习地类外观", "appearance of the classes", 0.5, 0.55)
            look = self.passes.learn(grounds(self.layers, self.crs), threshold, step)
            return {} if look is None else vars(look) | {"classes": np.array(look.classes)}

        found = self.kept.stage("appearance", work)
        if not found:
            return None
        return Appearance(tuple(map(str, found.pop("classes"))), **found)

    def _classify(
        self,
        threshold: Threshold,
        normalisation: Normalisation,
        appearance: Appearance | None,
        tags: Mapping[str, str],
    ) -> int:
        def work() -> dict[str, NDArray[Any]]:
            step = _part(self.say, "判别变化类型", "kinds", 0.55, 0.75)
            changed = self.passes.classify(threshold, normalisation, appearance, tags, step)
            return {"changed": np.array(changed)}

        return int(self.kept.stage("kinds", work)["changed"])

    def parcels(self, found: _Found) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
        """Changed parcels, and the shares of all; whole fields correct the kinds of pixels."""
        places = gather(self.layers, self.crs)

        def work() -> dict[str, NDArray[Any]]:
            parts = measure(places, self.passes.kinds, self.passes.strength)
            step = _part(self.say, "计算地块光谱", "spectra of parcels", 0.75, 0.85)
            wholes = self.passes.wholes(found.normalisation, places, found.appearance, step)
            return vars(parts) | {"wholes": wholes}

        known = self.kept.stage("parcels", work)
        wholes, parts = known.pop("wholes"), Measured(**known)
        judged = judged_whole(parts.shares, wholes)
        self.passes.judge(places, judged)
        changed = changed_parcels(
            places, parts.shares, parts.seen, judged, parts.strengths, parts.pixels
        )
        _sure(changed, parcel_confidence, found)
        return changed, parcel_shares(places, parts.shares, parts.seen)

    def result(
        self,
        out: Path,
        found: _Found,
        patches: Patches,
        parcels: gpd.GeoDataFrame | None,
        shares: gpd.GeoDataFrame | None,
    ) -> ChangeResult:
        """All that there is to tell."""
        pair, shift = self.passes.pair, self.shift
        pixels = pair.grid.width * pair.grid.height
        known = has_reflectance(pair, ROLES[:4])
        return ChangeResult(
            raster=out / "change.tif",
            patches=patches.table,
            parcels=parcels,
            shares=shares,
            method=self.method.id,
            shift=(shift.dx, shift.dy) if shift.significant else (0.0, 0.0),
            registration=shift,
            threshold=found.threshold.value,
            changed_share=found.changed / max(found.sample.seen, 1),
            seen_share=found.sample.seen / pixels,
            clouded_share=found.sample.clouded / pixels,
            small=patches.small,
            decisions=(pair.before.decisions, pair.after.decisions),
            notes=(*self.kept.notes, *(() if known else (_NO_REFLECTANCE,))),
        )


def _sure(
    table: gpd.GeoDataFrame,
    confidence: Callable[[gpd.GeoDataFrame, float], NDArray[np.float64]],
    found: _Found,
) -> None:
    """Give a table its column of confidence, before the geometry."""
    values = confidence(table, found.threshold.value).round(3)
    table.insert(len(table.columns) - 1, "confidence", values)


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
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _WRITTEN})
    try:
        frame.to_file(
            path,
            layer=layer,
            mode=mode,
            dataset_metadata=metadata,
            DESCRIPTION=masking.text("zh"),
            **_GPKG,
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
