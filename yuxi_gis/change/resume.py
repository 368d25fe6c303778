"""Finished stages of a long run, kept beside its output until it ends.

A stage leaves files in the scratch folder and gives arrays, which are saved when it is through. A
run that is interrupted leaves the folder behind; a later one with the same key (a hash of the
inputs, the parameters and the version) takes what is there and goes on with the next stage.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from yuxi_gis.errors import OutputError, YuxiGisError

__all__ = ["Scratch", "fingerprint", "scratch", "stamps"]

Note = tuple[str, str]

_KEY = "key.txt"
_OTHER: Note = (
    "上次中断的运行用的是其他影像、地块、参数或软件版本，没有接着做，已从头开始。",
    "the interrupted run was of other scenes, parcels, parameters or another version: it was not "
    "resumed, everything was done anew.",
)
_NOTHING: Note = (
    "没有可以接着做的中断运行，已从头开始。",
    "there was no interrupted run to resume; everything was done from the start.",
)


@dataclass(frozen=True)
class Scratch:
    """Where the stages of a run lie.

    Attributes
    ----------
    folder : Path
        For the files of the stages.
    notes : tuple of (str, str)
        Why nothing was resumed, Chinese and English.
    """

    folder: Path
    notes: tuple[Note, ...] = ()

    def stage(self, name: str, work: Callable[[], Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
        """The arrays a stage gave: from disk if it is finished, else by doing its work."""
        path = self.folder / f"{name}.npz"
        if not path.exists():
            part = self.folder / f"{name}.part"
            with part.open("wb") as file:
                np.savez(file, **work())
            part.replace(path)
        with np.load(path, allow_pickle=False) as found:
            return dict(found)


@contextmanager
def scratch(out: Path, key: str, *, resume: bool, staging: Path | None = None) -> Iterator[Scratch]:
    """The scratch folder of the run that writes `out`: hidden beside it, named by it.

    It is removed when the block succeeds, or fails of something that resuming would not mend;
    otherwise it is left if any stage is through.

    Parameters
    ----------
    out : Path
    key : str
        Of what is to be done (`fingerprint`).
    resume : bool
        Use the stages that an earlier run with the same key left.
    staging : Path, optional
        Where this run collects its output. Such folders of killed runs are removed.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    folder = out.parent / f".{out.name}.resume"
    if folder.is_dir():
        _clear(out, staging)
    notes = _prepare(folder, key, resume)
    try:
        yield Scratch(folder, notes)
    except BaseException as error:
        in_vain = isinstance(error, YuxiGisError) and not isinstance(error, OutputError)
        if in_vain or not any(folder.glob("*.npz")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _clear(out: Path, staging: Path | None) -> None:
    """Remove the staging folders (`outputs.staged_folder`) that killed runs left beside `out`."""
    ours = re.compile(rf"\.{re.escape(out.name)}\.[a-z0-9_]{{8}}\.part")
    for folder in out.parent.iterdir():
        if ours.fullmatch(folder.name) and folder != staging:
            shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path, key: str, resume: bool) -> tuple[Note, ...]:
    try:
        found = (folder / _KEY).read_text("utf-8") if (folder / _KEY).is_file() else None
        if resume and found == key:
            return ()
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / _KEY).write_text(key, "utf-8")
    except OSError as error:
        raise OutputError(
            f"{folder}：无法写入中间结果（{error.strerror}）。请检查写权限和磁盘空间。",
            f"{folder}: intermediate results cannot be written ({error.strerror}). Check the "
            "permissions and the space on the disk.",
        ) from error
    return () if not resume else (_NOTHING if found is None else _OTHER,)


def stamps(paths: Iterable[str]) -> list[tuple[str, int, int]]:
    """Name, size (bytes) and time of change (ns) of files; those on no disk are left out.

    For what a hash of the scene's own bytes does not cover: an ENVI header, a world file, a mask
    beside it, the files that a VRT names.
    """
    found = [Path(path) for path in sorted(paths)]
    stats = [(path.name, path.stat()) for path in found if path.is_file()]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def fingerprint(parts: Mapping[str, object], layers: Mapping[str, gpd.GeoDataFrame]) -> str:
    """Hash (hex) of named parameters and of the rows of layers."""
    digest = hashlib.sha256(repr(sorted(parts.items())).encode())
    for name, layer in layers.items():
        table = pd.DataFrame(layer).astype("str").drop(columns=layer.geometry.name)
        digest.update(f"{name} {layer.crs} {list(table.columns)}".encode())
        digest.update(pd.util.hash_pandas_object(table).to_numpy().tobytes())
        for shape in layer.geometry.to_wkb():
            digest.update(shape or b"-")
    return digest.hexdigest()
