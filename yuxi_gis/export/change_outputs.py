"""What the change step gives to others: official patches, pictures and the book for field work."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd

from yuxi_gis.codes import Masking
from yuxi_gis.export import jctb
from yuxi_gis.export.chips import draw_chips
from yuxi_gis.export.field_book import write_field_book
from yuxi_gis.export.provenance import inputs_of
from yuxi_gis.outputs import staged_folder
from yuxi_gis.read.raster import Scene

__all__ = ["BOOK", "CHIPS", "OWNS", "Wanted", "first_patches", "write_change_outputs"]

CHIPS, BOOK = "chips", "field.xlsx"
OWNS = (*jctb.FILES, BOOK)
"""The files that `write_change_outputs` writes into the folder, beside those in ``chips/``."""
_CHIP = re.compile(r"\d{6,}\.(png|jpg)")
_MASKING = Masking()


@dataclass(frozen=True)
class Wanted:
    """Which outputs are wanted.

    Attributes
    ----------
    jctb : bool
        ``jctb.gpkg`` and ``jctb.shp``.
    chips : int
        At most so many patches in ``chips/`` and ``field.xlsx``; none for 0.
    """

    jctb: bool = False
    chips: int = 0


def write_change_outputs(
    out: str | os.PathLike[str],
    patches: gpd.GeoDataFrame,
    before: Scene,
    after: Scene,
    wanted: Wanted,
    *,
    layers: Mapping[str, pd.DataFrame] | None = None,
    shift: tuple[float, float] = (0.0, 0.0),
    lang: str = "zh",
    masking: Masking = _MASKING,
) -> list[str]:
    """Write what is wanted beside ``change.tif``, all of it or nothing.

    What an earlier run left there and is not wanted now is removed: it would not go with the
    patches any more.

    Parameters
    ----------
    out : path-like
        The folder of `detect_change`.
    patches : GeoDataFrame
        `ChangeResult.patches`.
    before, after : Scene
        For the pictures.
    wanted : Wanted
        Of the patches real change comes first, then what may be seasonal, each by size.
    layers : mapping of layer id to GeoDataFrame or DataFrame, optional
        Those given to `detect_change`; tables are left out.
    shift : (float, float)
        How far `after` was moved to fit (`ChangeResult.shift`).
    lang : {"zh", "en"}
        Of the book.
    masking : Masking
        Which personal data are masked; by default all.

    Returns
    -------
    list of str
        Names of the patches in the book, in its order.

    Raises
    ------
    SceneError
        A scene cannot be read.
    OutputError
        A file cannot be written.
    """
    folder = Path(out)
    shaped = {
        name: frame
        for name, frame in (layers or {}).items()
        if isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name is not None
    }
    shown = first_patches(patches, wanted.chips)
    scenes = (before.path, after.path)
    owned = sorted(path.name for path in folder.glob(f"{CHIPS}/*") if _CHIP.fullmatch(path.name))
    with ExitStack() as stack:
        stage = stack.enter_context(staged_folder(folder, owns=OWNS, overwrite=True))
        if wanted.jctb:
            jctb.write_jctb(stage, patches, shaped, masking=masking, inputs=scenes)
        if wanted.chips:
            chips = list(draw_chips(shown, before, after, shift=shift))
            inputs = [*scenes, *inputs_of(shaped)]
            write_field_book(
                stage / BOOK, shown, chips, shaped, lang=lang, masking=masking, inputs=inputs
            )
            owned = sorted({*owned, *(chip.name for chip in chips)})
            pictures = stack.enter_context(
                staged_folder(folder / CHIPS, owns=owned, overwrite=True)
            )
            for chip in chips:
                (pictures / chip.name).write_bytes(chip.data)
        elif owned:
            stack.enter_context(staged_folder(folder / CHIPS, owns=owned, overwrite=True))
    if (folder / CHIPS).is_dir() and not any((folder / CHIPS).iterdir()):
        (folder / CHIPS).rmdir()
    return shown["JCBH"].tolist()


def first_patches(patches: gpd.GeoDataFrame, number: int) -> gpd.GeoDataFrame:
    """The `number` patches to visit first: real change before the season's, each by size."""
    ordered = patches.sort_values(
        ["seasonal", "MJ", "JCBH"], ascending=[True, False, True], ignore_index=True
    )
    return ordered.head(number)
