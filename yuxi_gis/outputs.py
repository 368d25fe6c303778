"""Write beside, move into place when whole: no half-written output, no lost earlier one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from yuxi_gis.errors import OutputError

__all__ = ["refuse_existing", "refuse_inputs", "staged", "staged_folder"]


def refuse_existing(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `OutputError` if `path` exists and `overwrite` is false.

    A folder counts as existing only when something is in it.
    """
    path = Path(path)
    if overwrite or not path.exists():
        return
    if path.is_dir() and not any(path.iterdir()):
        return
    raise OutputError(
        f"{path}：已存在。加 --overwrite 覆盖，或换一个输出名。",
        f"{path}: exists already. Use --overwrite to replace it, or choose another name.",
    )


def refuse_inputs(
    outputs: Iterable[str | os.PathLike[str]], inputs: Iterable[str | os.PathLike[str]]
) -> None:
    """Raise `OutputError` if an output is named twice or is one of the inputs.

    Not even ``--overwrite`` may replace the data that the work is about. Links are followed.
    """
    taken = {os.path.realpath(path) for path in inputs}
    for path in outputs:
        real = os.path.realpath(path)
        if real in taken:
            raise OutputError(
                f"{path}：与输入文件或另一个输出相同，不能覆盖。请换一个输出名。",
                f"{path}: is also an input or another output and is not replaced. Choose another "
                "name.",
            )
        taken.add(real)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    why = error.strerror or str(error)
    return OutputError(
        f"{path}：无法写入（{why}）。请检查文件夹是否存在、是否有写权限、是否被其他程序占用。",
        f"{path}: cannot be written ({why}). Check that the folder exists, that you may write "
        "there, and that no other program holds the file.",
    )


@contextmanager
def _workplace(parent: Path, target: Path) -> Iterator[Path]:
    """A private temporary folder on the same file system as `target`, removed at the end."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=parent))
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def staged(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write one file to; move it to `path` when the block succeeds.

    Parameters
    ----------
    path : path-like
        Where the file shall be in the end. Missing parent folders are made.
    overwrite : bool
        Replace an existing file.

    Yields
    ------
    pathlib.Path
        A path with the same name and ending, in a temporary folder beside `path`.

    Raises
    ------
    OutputError
        `path` exists and `overwrite` is false, or the folder cannot be written.
    """
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    if path.is_dir():
        raise OutputError(
            f"{path}：是文件夹，不能作为输出文件。请给出文件名。",
            f"{path}: is a folder, not a file. Give a file name.",
        )
    with _workplace(path.parent, path) as folder:
        yield folder / path.name
        try:
            (folder / path.name).replace(path)
        except OSError as error:
            raise _cannot_write(path, error) from error


@contextmanager
def staged_folder(
    path: str | os.PathLike[str], *, owns: Sequence[str], overwrite: bool = False
) -> Iterator[Path]:
    """Yield a temporary folder to fill; move its files into folder `path` when the block succeeds.

    Files of `path` that are not named in `owns` are never touched; those named there are results
    of an earlier run and are replaced or, if this run made none, removed.

    Parameters
    ----------
    path : path-like
        The folder in the end; made when missing.
    owns : sequence of str
        The names that the caller may write.
    overwrite : bool
        Go on although `path` has something in it.

    Raises
    ------
    OutputError
        `path` is a file, or is not empty and `overwrite` is false, or cannot be written.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise OutputError(
            f"{path}：是文件，不能作为输出文件夹。请换一个名字。",
            f"{path}: is a file, not a folder. Choose another name.",
        )
    refuse_existing(path, overwrite=overwrite)
    with _workplace(path.parent, path) as folder:
        yield folder
        try:
            path.mkdir(parents=True, exist_ok=True)
            for name in owns:
                if (folder / name).exists():
                    (folder / name).replace(path / name)
                else:
                    (path / name).unlink(missing_ok=True)
        except OSError as error:
            raise _cannot_write(path, error) from error
