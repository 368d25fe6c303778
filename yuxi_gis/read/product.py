"""What the readers of satellite products and of single files hand to `open_scene`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from yuxi_gis.errors import SceneError
from yuxi_gis.read.quality import Quality
from yuxi_gis.read.sensors import Sensor, SensorBand
from yuxi_gis.read.stack import Part
from yuxi_gis.read.table import Decision

__all__ = ["BY_FILE", "Product", "Scaling", "bands_of", "day", "incomplete", "one_scale"]


#: How the roles of a satellite product's bands are told.
BY_FILE = ("各波段的文件名", "names of the band files", "certain")


@dataclass(frozen=True)
class Scaling:
    """``reflectance = number × scale + offset``, or why that is not known.

    Attributes
    ----------
    scale, offset : float or None
    zh, en : str
        Who says so.
    confidence : {"certain", "high", "low"}
    """

    scale: float | None
    offset: float | None
    zh: str
    en: str
    confidence: str = "certain"


@dataclass(frozen=True)
class Product:
    """What a scene is.

    Attributes
    ----------
    found : Decision
        What it is, and how that was told.
    parts : tuple of Part
        Its bands where they lie in many files; empty for one file.
    roles : tuple of (str or None)
        One a band.
    told : (str, str, str)
        How the roles were told: in Chinese, in English, and how sure it is.
    scaling : Scaling
    quality : Quality or None
    date : str or None
        ``YYYY-MM-DD``.
    doubt : SceneError or None
        Why it should not be used; raised unless the user says which bands to take.
    """

    found: Decision
    parts: tuple[Part, ...]
    roles: tuple[str | None, ...]
    told: tuple[str, str, str]
    scaling: Scaling
    quality: Quality | None
    date: str | None
    doubt: SceneError | None = None


def one_scale(scales: set[tuple[float, float]], zh: str, en: str) -> Scaling:
    """The scaling of a scene whose bands have these (scale, offset) pairs."""
    if len(scales) == 1:
        scale, offset = scales.pop()
        return Scaling(scale, offset, zh, en)
    return Scaling(
        None,
        None,
        f"{zh}没有给出，或各波段不同，反射率未知",
        f"{en} does not say it, or not one for all bands: reflectance is unknown",
        "low",
    )


def incomplete(path: str, sensor: Sensor, missing: list[str]) -> SceneError:
    """The error about a product that lacks files."""
    zh, en = "、".join(missing), ", ".join(missing)
    return SceneError(
        f"{path}：{sensor.title} 产品不完整，缺少 {zh}。请重新下载；确要使用现有波段时，"
        "用 --bands 指明（如 red=3,nir=4）。",
        f"{path}: this {sensor.title} product is not whole, {en} missing. Download it again; to "
        "use the bands there are, name them with --bands (for example red=3,nir=4).",
    )


def day(text: str) -> str | None:
    """The first ``YYYY-MM-DD`` or ``YYYYMMDD`` of a text as ``YYYY-MM-DD``."""
    found = re.search(r"(?<!\d)((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?([0-3]\d)", text)
    return "-".join(found.groups()) if found else None


def bands_of(sensor: Sensor, there: dict[str, str]) -> list[tuple[SensorBand, str]]:
    """The sensor's bands that are there, with their files, in the sensor's order."""
    return [(band, there[band.name]) for band in sensor.bands if band.name in there]
