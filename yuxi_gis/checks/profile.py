"""Profiles: the tolerances and limits of the checks, each with its source, in one TOML file.

The built-in profile `standard` is the pattern: any other has the same parameters, types and units.
"""

from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from yuxi_gis.errors import CatalogError, ParameterError

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
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(path, "-", f"无法读取（{error}）", f"cannot be read ({error})") from error
    _same_keys(path, "", data, [f.name for f in fields(Profile)])
    texts = {key: _typed(path, key, data[key], str) for key in data if key != "parameters"}
    tables = _typed(path, "parameters", data["parameters"], dict)
    if pattern is not None:
        _same_keys(path, "parameters", tables, list(pattern.parameters))
    parameters = {name: _parameter(path, name, table) for name, table in tables.items()}
    if pattern is not None:
        _same_kinds(path, parameters, pattern)
    return Profile(parameters=MappingProxyType(parameters), **texts)


def _parameter(path: Path, name: str, table: Any) -> Parameter:
    where = f"parameters.{name}"
    _same_keys(path, where, _typed(path, where, table, dict), [f.name for f in fields(Parameter)])
    return Parameter(
        value=_value(path, f"{where}.value", table["value"]),
        unit=_typed(path, f"{where}.unit", table["unit"], str),
        source=_typed(path, f"{where}.source", table["source"], str),
        effective_from=_typed(
            path, f"{where}.effective_from", table["effective_from"], datetime.date
        ),
        verified=_typed(path, f"{where}.verified", table["verified"], bool),
    )


def _value(path: Path, where: str, value: Any) -> Value:
    if isinstance(value, list) and value and all(type(item) is int for item in value):
        return tuple(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and number >= 0:
            return number
    raise _wrong(
        path,
        where,
        f"{value!r} 应为不小于 0 的数，或整数的列表",
        f"{value!r} must be a number not below 0, or a list of whole numbers",
    )


def _same_kinds(path: Path, parameters: Mapping[str, Parameter], pattern: Profile) -> None:
    for name, parameter in parameters.items():
        model = pattern.parameters[name]
        where = f"parameters.{name}"
        if type(parameter.value) is not type(model.value):
            raise _wrong(
                path,
                f"{where}.value",
                f"应与 {_PATTERN} 同类，如 {_plain(model.value)}",
                f"must be of the same kind as in {_PATTERN}, like {_plain(model.value)}",
            )
        if parameter.unit != model.unit:
            raise _wrong(
                path, f"{where}.unit", f"单位应为 {model.unit}", f"the unit must be {model.unit}"
            )


def _plain(value: Value) -> str:
    return str(list(value)) if isinstance(value, tuple) else f"{value:g}"


def _same_keys(path: Path, where: str, table: Mapping[str, Any], expected: list[str]) -> None:
    for key in [*expected, *table]:
        full = f"{where}.{key}" if where else key
        if key not in table:
            raise _wrong(path, full, "缺少", "is missing")
        if key not in expected:
            raise _wrong(path, full, "未知的键", "unknown key")


def _typed(path: Path, where: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise _wrong(
            path,
            where,
            f"应为 {kind.__name__}，实为 {type(value).__name__}",
            f"must be {kind.__name__}, not {type(value).__name__}",
        )
    return value


def _wrong(path: Path, key: str, zh: str, en: str) -> CatalogError:
    return CatalogError(
        f"检查方案文件 {path}，键 {key}：{zh}。", f"Profile file {path}, key {key}: {en}."
    )
