"""TOML files that people write: every mistake is an error that names the file and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from yuxi_gis.errors import CatalogError

__all__ = ["TomlFile", "join"]


class TomlFile:
    """One TOML file of the project, read with errors that name it and the key.

    Parameters
    ----------
    path : Path
    zh, en : str
        What kind of file it is, as the errors call it.

    Raises
    ------
    CatalogError
        The file cannot be read or is no TOML.
    """

    def __init__(self, path: Path, zh: str, en: str) -> None:
        self.path = path
        self._what = (zh, en)
        try:
            self.data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise self.error("-", f"无法读取（{error}）", f"cannot be read ({error})") from error

    def error(self, key: str, zh: str, en: str) -> CatalogError:
        """The error about `key`."""
        what_zh, what_en = self._what
        return CatalogError(
            f"{what_zh} {self.path}，键 {key}：{zh}。", f"{what_en} {self.path}, key {key}: {en}."
        )

    def table(self, data: Any, where: str, known: type | None = None) -> dict[str, Any]:
        """`data` as a table; with `known`, one without keys that this dataclass does not have."""
        if not isinstance(data, dict):
            raise self.error(where or "-", "应为表（table）", "must be a table")
        if known is not None:
            names = {f.name for f in fields(known)}
            for key in data:
                if key not in names:
                    raise self.error(join(where, key), "未知的键", "unknown key")
        return data

    def value(
        self,
        data: Mapping[str, Any],
        where: str,
        key: str,
        kind: type[Any],
        *,
        among: Iterable[str] | None = None,
        default: Any = ...,
    ) -> Any:
        """``data[key]`` of type `kind`, not empty, one of `among` where given."""
        if key not in data:
            if default is ...:
                raise self.error(join(where, key), "缺少", "is missing")
            return default
        value: Any = data[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(
                join(where, key),
                f"应为 {kind.__name__}，实为 {type(value).__name__}",
                f"must be {kind.__name__}, not {type(value).__name__}",
            )
        if kind is str and not value.strip():
            raise self.error(join(where, key), "不能为空", "must not be empty")
        if kind is int and value < 0:
            raise self.error(join(where, key), "不能为负", "must not be negative")
        if kind is list and not all(isinstance(item, str) and item.strip() for item in value):
            raise self.error(join(where, key), "各项应为文本", "every item must be text")
        if among is not None and value not in among:
            allowed = ", ".join(among)
            raise self.error(
                join(where, key), f"{value!r} 不在 {allowed} 之中", f"{value!r} not in {allowed}"
            )
        return value


def join(where: str, key: str) -> str:
    """The full name of a key in the table `where`."""
    return f"{where}.{key}" if where else key
