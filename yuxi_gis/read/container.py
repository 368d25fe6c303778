"""What holds the files of a scene: a folder, a zip or a tar, none of which is unpacked."""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yuxi_gis.errors import SceneError

__all__ = ["Container", "open_container"]

_MOST_FILES = 20_000  # a product has some hundred; more is a folder given by mistake
_MOST_BYTES = 2**26  # of metadata that are read in one piece; a product's are below 1 MiB
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError)


@dataclass(frozen=True)
class Container:
    """The files below one place.

    Attributes
    ----------
    path : str
        As the user gave it.
    names : tuple of str
        Of the files, with their folders, sorted; ``/`` between the parts.
    """

    path: str
    names: tuple[str, ...]
    _prefix: str
    _read: Callable[[str], bytes] = field(repr=False)

    def find(self, pattern: str) -> list[str]:
        """Names whose last parts match a regular expression, case ignored."""
        return [name for name in self.names if re.search(f"(?:^|/){pattern}$", name, re.I)]

    def below(self, folder: str) -> Container:
        """The files in `folder` (``""``: all) of the same container."""
        start = f"{folder}/" if folder else ""
        names = tuple(name for name in self.names if name.startswith(start))
        return Container(self.path, names, self._prefix, self._read)

    def full(self, name: str) -> str:
        """What rasterio opens."""
        return self._prefix + name

    def text(self, name: str) -> str:
        """A small text file.

        Raises
        ------
        SceneError
            It cannot be read.
        """
        try:
            return self._read(name).decode("utf-8", errors="replace")
        except (*_DAMAGED, KeyError) as error:
            raise _damaged(f"{self.path}/{name}") from error


def open_container(path: str) -> Container | None:
    """The files of a folder, a zip or a tar; None for anything else.

    Raises
    ------
    SceneError
        It is damaged, or holds too many files to be a scene.
    """
    where = Path(path).absolute().as_posix()
    try:
        if Path(path).is_dir():
            names = list(_walk(path))
            return Container(path, _few(path, names), f"{where}/", _reader(path))
        if path.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as packed:
                names = [i.filename for i in packed.infolist() if not i.is_dir()]
            return Container(path, _few(path, names), f"/vsizip/{{{where}}}/", _unzipper(path))
        if path.lower().endswith(".tar"):
            with tarfile.open(path, "r:") as tape:
                names = [member.name.removeprefix("./") for member in tape if member.isfile()]
            return Container(path, _few(path, names), f"/vsitar/{{{where}}}/", _untarrer(path))
    except _DAMAGED as error:
        raise _damaged(path) from error
    if re.search(r"\.(tar\.\w+|tgz|7z|rar)$", path, re.I):
        raise SceneError(
            f"{path}：不能直接读取这种压缩包。请先解压，再指定解压后的文件夹。",
            f"{path}: this kind of archive cannot be read in place. Unpack it and give the folder.",
        )
    return None


def _walk(path: str) -> Iterator[str]:
    """Files below a folder; stops after too many."""
    count = 0
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in files:
            count += 1
            yield Path(folder, name).relative_to(path).as_posix()
        if count > _MOST_FILES:
            return


def _few(path: str, names: list[str]) -> tuple[str, ...]:
    if len(names) > _MOST_FILES:
        raise SceneError(
            f"{path}：文件超过 {_MOST_FILES} 个，不像一景影像。请指定影像所在的文件夹。",
            f"{path}: more than {_MOST_FILES} files, which is no scene. Give the scene's folder.",
        )
    return tuple(sorted(names))


def _damaged(path: str) -> SceneError:
    return SceneError(
        f"{path}：无法读取，文件可能损坏、加密或没有下载完整。请重新下载。",
        f"{path}: cannot be read; it may be damaged, encrypted or not whole. Download it again.",
    )


def _reader(path: str) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        with Path(path, name).open("rb") as file:
            return file.read(_MOST_BYTES)

    return read


def _unzipper(path: str) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        with zipfile.ZipFile(path) as packed, packed.open(name) as file:
            return file.read(_MOST_BYTES)

    return read


def _untarrer(path: str) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        with tarfile.open(path, "r:") as tape:
            try:
                file = tape.extractfile(name)
            except KeyError:
                file = tape.extractfile(f"./{name}")
            return b"" if file is None else file.read(_MOST_BYTES)

    return read
