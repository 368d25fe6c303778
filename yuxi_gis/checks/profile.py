"""Profiles: which rules hold, and their tolerances and limits with sources, in one TOML file.

The built-in profile `standard` has every rule and every parameter. Any other is based on a built-in
one: it says only what is different, with the same types and units.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from yuxi_gis.errors import ParameterError
from yuxi_gis.findings import SEVERITIES
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
    """A set of rules and parameters under a name and version.

    `rules` are ids of rules or letters of families, `without` those of them that do not hold;
    `severity` is what a profile makes of a rule's findings. `based_on` is the built-in profile
    that says the rest.
    """

    id: str
    version: str
    title_zh: str
    title_en: str
    parameters: Mapping[str, Parameter]
    rules: tuple[str, ...]
    without: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)
    based_on: str | None = None

    def title(self, lang: str = "zh") -> str:
        """The profile's title in `lang`."""
        return self.title_zh if lang == "zh" else self.title_en

    def __str__(self) -> str:
        return f"{self.id} {self.version}"

    def has(self, rule: str) -> bool:
        """Whether the rule of this id holds in the profile."""
        return bool({rule, rule[0]} & set(self.rules)) and not {rule, rule[0]} & set(self.without)

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
    return _read(path)


def _folder() -> Path:
    return Path(str(files("yuxi_gis.checks"))) / "profiles"


@cache
def _built_in(name: str) -> Profile:
    return _read(_folder() / f"{name}.toml")


def _read(path: Path) -> Profile:
    file = TomlFile(path, "检查方案文件", "Profile file")
    table = file.table(file.data, "", Profile)
    base = _base(file, table, path)
    own = {
        name: _parameter(file, name, row)
        for name, row in file.value(table, "", "parameters", dict, default={}).items()
    }
    if base is not None:
        _require_same_kinds(file, own, base)
    texts = {
        key: file.value(table, "", key, str) for key in ("id", "version", "title_zh", "title_en")
    }
    severity = file.value(table, "", "severity", dict, default={})
    for rule in severity:
        file.value(severity, "severity", rule, str, among=SEVERITIES)
    return Profile(
        parameters=MappingProxyType({**(base.parameters if base else {}), **own}),
        rules=_rules(file, table, "rules") or (base.rules if base else ()),
        without=_rules(file, table, "without") + (base.without if base else ()),
        severity=MappingProxyType({**(base.severity if base else {}), **severity}),
        based_on=base.id if base else None,
        **texts,
    )


def _base(file: TomlFile, table: Mapping[str, Any], path: Path) -> Profile | None:
    """The built-in profile that this one is based on; None for the pattern itself."""
    if path == _folder() / f"{_PATTERN}.toml":
        return None
    others = tuple(name for name in profile_ids() if path != _folder() / f"{name}.toml")
    name = file.value(table, "", "based_on", str, among=others, default=_PATTERN)
    return _built_in(name)


def _rules(file: TomlFile, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of ids of rules and letters of families."""
    names = file.value(table, "", key, list, default=[])
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Z](\d\d)?", name):
            raise file.error(
                key,
                f"{name!r} 应为规则编号或类别字母，如 T03 或 T",
                f"{name!r} must be the id of a rule or the letter of a family, like T03 or T",
            )
    return tuple(names)


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


def _require_same_kinds(file: TomlFile, own: Mapping[str, Parameter], base: Profile) -> None:
    for name, parameter in own.items():
        where = f"parameters.{name}"
        model = base.parameters.get(name)
        if model is None:
            raise file.error(where, "未知的键", "unknown key")
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
