"""Layers larger than memory: their shapes in scratch files, all other fields in memory.

Shapes are read batch by batch, made plain and placed as `vector` does it for a whole layer, and
written to a scratch file. What all shapes of a layer decide together (single or multi-part, the
place against the CRS) is decided on what is known of each of them: its kind and its bounds.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis.errors import OutputError, YuxiGisError
from yuxi_gis.read.geometry import plain, unify
from yuxi_gis.read.shapes import Joined, Kinds, Shapes, ShapeStore, Spool
from yuxi_gis.read.sources import Catalog, SourceTable, find_tables
from yuxi_gis.read.table import Note, Options, merged
from yuxi_gis.read.vector import Frame, Progress, finished, read_tables

__all__ = ["SpooledLayer", "hollow", "sample", "spool_tables", "spooled_layers", "stand_ins"]

#: So many shapes of a layer, from all over it, are looked at closely (as `crs.gcj02` does).
_SAMPLE = 2000


@dataclass(frozen=True)
class SpooledLayer:
    """A layer whose shapes are in a scratch file.

    Attributes
    ----------
    frame : GeoDataFrame or DataFrame
        As `read_layer` gives it, with CRS and ``attrs``, but that all geometry is missing.
    shapes : ShapeStore or None
        The geometry by row; None of a table without any.
    """

    frame: pd.DataFrame
    shapes: ShapeStore | None

    @property
    def attrs(self) -> dict[Any, Any]:
        """How it was read: those of `frame`."""
        return self.frame.attrs


@contextmanager
def spooled_layers(
    *sources: str | os.PathLike[str], catalog: Catalog | None = None, **options: Any
) -> Iterator[dict[str, SpooledLayer]]:
    """Read every recognised layer of `sources`, the shapes into scratch files.

    The scratch files lie in a temporary folder, which is removed at the end of the ``with`` block.
    See `read_layers` for parameters and errors.

    Examples
    --------
    >>> from yuxi_gis.checks import run_checks
    >>> from yuxi_gis.read import spooled_layers
    >>> with spooled_layers("DK5304282026.shp") as layers:  # doctest: +SKIP
    ...     result = run_checks(layers, tile_km=2)
    """
    with ExitStack() as stack:
        tables = find_tables(sources, options=Options.of(**options), catalog=catalog)
        yield spool_tables(tables, stack)


def spool_tables(
    tables: Iterable[SourceTable],
    stack: ExitStack,
    *,
    on_error: Callable[[YuxiGisError], None] | None = None,
    progress: Progress | None = None,
) -> dict[str, SpooledLayer]:
    """As `read_tables`, the shapes into scratch files that are gone when `stack` is closed.

    Raises
    ------
    OutputError
        The scratch files cannot be written, whatever is wrong with a source.
    """
    try:
        return _spool_tables(tables, stack, on_error, progress)
    except OSError as error:  # those of sources are SourceErrors by now
        why = error.strerror or str(error)
        raise OutputError(
            f"临时文件写不下去（{why}）。分块检查把图形放在临时文件夹里：请腾出空间，或把环境变量 "
            "TMPDIR（Windows 为 TEMP）设为有空间、可写的文件夹。",
            f"Scratch files cannot be written ({why}). Checking in tiles keeps the shapes in the "
            "temporary folder: make room there, or set the environment variable TMPDIR (TEMP on "
            "Windows) to a folder that has room.",
        ) from error


def _spool_tables(
    tables: Iterable[SourceTable],
    stack: ExitStack,
    on_error: Callable[[YuxiGisError], None] | None,
    progress: Progress | None,
) -> dict[str, SpooledLayer]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="yuxi-gis-")))
    spools: dict[str, Spool] = {}

    def read(table: SourceTable) -> Frame:
        frame, spool = _spooled(table, folder / f"{len(spools)}.wkb", stack)
        if spool is not None:
            spools[table.name] = spool
        return frame

    frames = read_tables(tables, on_error=on_error, progress=progress, read=read)
    return {name: SpooledLayer(frame, _store(frame, spools)) for name, frame in frames.items()}


def _store(frame: Frame, spools: Mapping[str, Spool]) -> ShapeStore | None:
    if not isinstance(frame, gpd.GeoDataFrame):
        return None
    parts = [spools[part["name"]] for part in frame.attrs.get("parts", [frame.attrs])]
    return parts[0] if len(parts) == 1 else Joined(parts)


def _spooled(table: SourceTable, path: Path, stack: ExitStack) -> tuple[Frame, Spool | None]:
    """The rows of one table, their geometry missing: all of it is in the spool."""
    frame, notes, batches = table.stream()
    if table.geometry is None:
        return finished(table, frame, notes, ())[0], None
    told: list[Note] = []
    shaped: list[Note] = []
    spool = Spool(path, _plain(batches, told, shaped))
    stack.callback(spool.close)
    single, unified = unify(spool.kinds.astype(np.intp))
    spool.as_multi(single)
    frame = _with_shapes(frame, stand_ins(spool), table.raw.crs)
    every = (*notes, *merged(told))
    frame, moves = finished(table, frame, every, (*merged(shaped), *unified))
    spool.moved(moves)
    return hollow(frame), spool


def _plain(
    batches: Iterable[tuple[Shapes, tuple[Note, ...]]], told: list[Note], shaped: list[Note]
) -> Iterator[tuple[Shapes, Kinds]]:
    """The batches made plain; notes go to `told` and `shaped`."""
    done = 0
    for batch, notes in batches:
        shapes, kinds, found = plain(batch)
        yield shapes, kinds
        told += notes
        shaped += [note.further_on(done) for note in found]
        done += len(batch)


def stand_ins(store: ShapeStore) -> Shapes:
    """What can be judged as the shapes of a layer where only bounds count: of a large layer lines
    with their bounds, but for those that are looked at closely."""
    if len(store) <= _SAMPLE:
        return np.asarray(store[:])
    there = np.isfinite(store.bounds).all(axis=1)
    lines = np.full(len(store), None, dtype=object)
    lines[there] = shapely.linestrings(store.bounds[there].reshape(-1, 2, 2))
    rows = sample(len(store))
    lines[rows] = store[rows]
    return lines


def sample(count: int) -> npt.NDArray[np.intp]:
    """The rows of a layer that are looked at closely, from all over it."""
    return np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.intp))


def _with_shapes(frame: pd.DataFrame, shapes: Shapes, crs: Any) -> gpd.GeoDataFrame:
    name, attrs = "geometry", frame.attrs
    while name in frame.columns:
        name = f"_{name}"
    column = gpd.GeoSeries(shapes, index=frame.index, crs=crs, name=name)
    frame = gpd.GeoDataFrame(pd.concat([frame, column], axis=1), geometry=name)
    frame.attrs = attrs
    return frame


def hollow(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The same layer with all geometry missing."""
    none = gpd.GeoSeries(None, index=frame.index, crs=frame.crs)
    attrs, frame = frame.attrs, frame.copy(deep=False)
    frame[frame.active_geometry_name] = none
    frame.attrs = attrs
    return frame
