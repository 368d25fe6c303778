"""Profiles: the tolerances and limits of the checks, each with its source, in one TOML file.

The built-in profile `standard` is the pattern: any other has the same parameters, types and units.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from yuxi_gis.errors import ParameterError
from yuxi_gis.toml import TomlFile

__all__ = ["Parameter", "Profile", "load_profile", "profile_ids"]

_PATTERN = "standard"
Value = float | tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """One tolerance or limit; `verified` says whether its source was seen to say so."""

    value: Value
    unit: str
    source: str
    effective_from: datetime.date
    verified: bool


@dataclass(frozen=True)
class Profile:
    """A set of parameters under a name and version."""

    id: str
    version: str
    title_zh: str
    title_en: str
    parameters: Mapping[str, Parameter]

    def title(self, lang: str = "zh") -> str:
        """The profile's title in `lang`."""
        return self.title_zh if lang == "zh" else self.title_en

    def __str__(self) -> str:
        return f"{self.id} {self.version}"

    def number(self, name: str) -> float:
        """The parameter `name`, a number in its unit."""
        return cast(float, self.parameters[name].value)

    def numbers(self, name: str) -> tuple[int, ...]:
        """The parameter `name`, a list of whole numbers."""
        return cast("tuple[int, ...]", self.parameters[name].value)


def profile_ids() -> tuple[str, ...]:
    """The built-in profiles."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_profile(source: str | Path | None = None) -> Profile:
    """Read a profile.

    Parameters
    ----------
    source : str or Path, optional
        The id of a built-in profile or the path of a TOML file; by default ``"standard"``.

    Raises
    ------
    ParameterError
        There is no such profile.
    CatalogError
        The file is wrong; the message names the file and the key.
    """
    name = str(source or _PATTERN)
    if name in profile_ids():
        return _built_in(name)
    path = Path(name)
    if not path.is_file():
        known = ", ".join(profile_ids())
        raise ParameterError(
            f"没有检查方案 {name}。内置方案：{known}；也可以给出 TOML 文件的路径。",
            f"There is no profile {name}. Built in: {known}; or give the path of a TOML file.",
        )
    return _read(path, _built_in(_PATTERN))


def _folder() -> Path:
    return Path(str(files("yuxi_gis.checks"))) / "profiles"


@cache
def _built_in(name: str) -> Profile:
    pattern = None if name == _PATTERN else _built_in(_PATTERN)
    return _read(_folder() / f"{name}.toml", pattern)


def _read(path: Path, pattern: Profile | None) -> Profile:
    file = TomlFile(path, "检查方案文件", "Profile file")
    table = file.table(file.data, "", Profile)
    tables = file.value(table, "", "parameters", dict)
    if pattern is not None:
        for name in [*pattern.parameters, *tables]:
            if name not in tables:
                raise file.error(f"parameters.{name}", "缺少", "is missing")
            if name not in pattern.parameters:
                raise file.error(f"parameters.{name}", "未知的键", "unknown key")
    parameters = {name: _parameter(file, name, row) for name, row in tables.items()}
    if pattern is not None:
        _same_kinds(file, parameters, pattern)
    texts = {
        key: file.value(table, "", key, str) for key in ("id", "version", "title_zh", "title_en")
    }
    return Profile(parameters=MappingProxyType(parameters), **texts)


def _parameter(file: TomlFile, name: str, row: Any) -> Parameter:
    where = f"parameters.{name}"
    table = file.table(row, where, Parameter)
    return Parameter(
        value=_value(file, where, file.value(table, where, "value", object)),
        unit=file.value(table, where, "unit", str),
        source=file.value(table, where, "source", str),
        effective_from=file.value(table, where, "effective_from", datetime.date),
        verified=file.value(table, where, "verified", bool),
    )


def _value(file: TomlFile, where: str, value: Any) -> Value:
    if isinstance(value, list) and value and all(type(item) is int for item in value):
        return tuple(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and number >= 0:
            return number
    raise file.error(
        f"{where}.value",
        f"{value!r} 应为不小于 0 的数，或整数的列表",
        f"{value!r} must be a number not below 0, or a list of whole numbers",
    )


def _same_kinds(file: TomlFile, parameters: Mapping[str, Parameter], pattern: Profile) -> None:
    for name, parameter in parameters.items():
        model = pattern.parameters[name]
        where = f"parameters.{name}"
        if type(parameter.value) is not type(model.value):
            raise file.error(
                f"{where}.value",
                f"应与 {_PATTERN} 同类，如 {_plain(model.value)}",
                f"must be of the same kind as in {_PATTERN}, like {_plain(model.value)}",
            )
        if parameter.unit != model.unit:
            raise file.error(
                f"{where}.unit", f"单位应为 {model.unit}", f"the unit must be {model.unit}"
            )


def _plain(value: Value) -> str:
    return str(list(value)) if isinstance(value, tuple) else f"{value:g}"
