"""The table of sensors, `sensors.toml`: which band is which, and what its numbers mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from yuxi_gis.read.quality import SCHEMES
from yuxi_gis.toml import TomlFile, join

__all__ = ["ROLES", "Sensor", "SensorBand", "find_sensor", "load_sensors", "sensors"]

#: What a band can be to the methods; in the order in which common bands are compared.
ROLES = ("coastal", "blue", "green", "red", "rededge", "nir", "swir1", "swir2")


@dataclass(frozen=True)
class SensorBand:
    """One band of a sensor: its name, its role (or None), its centre in micrometres."""

    name: str
    role: str | None
    wavelength: float


@dataclass(frozen=True)
class Sensor:
    """One table of `sensors.toml`.

    Attributes
    ----------
    id, title : str
    files : {"one", "many"}
        Whether all bands lie in one file.
    patterns : tuple of str
        Regular expressions for the beginning of names.
    bands : tuple of SensorBand
        In the order of the file.
    nodata : float or None
    scale, offset : float or None
        ``reflectance = number × scale + offset`` where the product fixes it.
    quality, saturation : str or None
        Schemes of the quality layers (`yuxi_gis.read.quality.SCHEMES`).
    source : str
    """

    id: str
    title: str
    files: str
    patterns: tuple[str, ...]
    bands: tuple[SensorBand, ...]
    source: str
    nodata: float | None = None
    scale: float | None = None
    offset: float | None = None
    quality: str | None = None
    saturation: str | None = None

    @property
    def roles(self) -> tuple[str | None, ...]:
        """Role of each band in the order of the file."""
        return tuple(band.role for band in self.bands)

    def named(self, name: str) -> bool:
        """Whether a file or product of this name is this sensor's."""
        return any(re.match(pattern, name, re.I) for pattern in self.patterns)


def load_sensors(path: Path) -> Mapping[str, Sensor]:
    """Read a table of sensors.

    Raises
    ------
    CatalogError
        The file is wrong; names the key.
    """
    file = TomlFile(path, "传感器表", "table of sensors")
    return {name: _sensor(file, name, data) for name, data in file.data.items()}


def _sensor(file: TomlFile, name: str, data: Any) -> Sensor:
    table = file.table(data, name, Sensor)
    schemes = tuple(SCHEMES)
    patterns = tuple(file.value(table, name, "patterns", list))
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise file.error(
                join(name, "patterns"), f"正则表达式有误（{error}）", f"bad expression ({error})"
            ) from error
    return Sensor(
        id=name,
        title=file.value(table, name, "title", str),
        files=file.value(table, name, "files", str, among=("one", "many")),
        patterns=patterns,
        bands=_bands(file, name, table.get("bands")),
        source=file.value(table, name, "source", str),
        nodata=table.get("nodata"),
        scale=table.get("scale"),
        offset=table.get("offset"),
        quality=file.value(table, name, "quality", str, among=schemes, default=None),
        saturation=file.value(table, name, "saturation", str, among=schemes, default=None),
    )


def _bands(file: TomlFile, name: str, rows: Any) -> tuple[SensorBand, ...]:
    try:
        bands = tuple(SensorBand(band, role or None, float(um)) for band, role, um in rows)
    except (TypeError, ValueError) as error:
        raise file.error(
            join(name, "bands"),
            "应为 [名称, 角色, 波长] 的列表",
            "must be a list of [name, role, wavelength]",
        ) from error
    roles = [band.role for band in bands if band.role]
    if len(set(roles)) != len(roles) or not set(roles) <= set(ROLES):
        raise file.error(
            join(name, "bands"),
            f"角色重复或不在 {', '.join(ROLES)} 之中",
            f"a role occurs twice or is not one of {', '.join(ROLES)}",
        )
    return bands


@cache
def sensors() -> Mapping[str, Sensor]:
    """The sensors of the project by id."""
    return load_sensors(Path(__file__).with_name("sensors.toml"))


def find_sensor(name: str, files: str) -> Sensor | None:
    """The sensor whose products of one or of many files (`files`) have such a name."""
    return next((s for s in sensors().values() if s.files == files and s.named(name)), None)
