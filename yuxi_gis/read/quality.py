"""Quality layers: where a product itself says that the ground was not seen.

What is hidden is not compared: it is "not seen", never "unchanged". What each code means is a
row of `SCHEMES`:

- ``SCL``, the scene classification of Sentinel-2 L2A (ESA, Sentinel-2 Products Specification
  Document): 0 no data; 1 saturated or defective; 3 cloud shadow; 8, 9 cloud of medium and high
  probability; 10 thin cirrus; 11 snow. Class 7 (unclassified, cloud of low probability) is kept.
- ``SCL_04``, the same from processing baseline 04.00 (25 January 2022) on, with class 2 too.
  Until then 2 meant "dark features", which are ground that was seen (water, burnt stubble, dark
  roofs); since then it means the shadow that terrain casts, where there is no direct light.
- ``QA_PIXEL`` of Landsat Collection 2 (USGS LSDS-1618, LSDS-1619), bits: 0 fill, 1 dilated
  cloud, 2 cirrus, 3 cloud, 4 cloud shadow, 5 snow.
- ``QA_RADSAT_TM``, ``QA_RADSAT_OLI`` of Landsat Collection 2, bits of saturation of the reflective
  bands in use, 9 dropped pixel (TM and ETM+), 11 hidden by terrain (OLI).
- ``MASK``: 0 is seen, anything else is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["SCHEMES", "Quality", "Scheme", "hidden", "scheme_of"]


@dataclass(frozen=True)
class Scheme:
    """What the numbers of a quality layer mean.

    Attributes
    ----------
    values : tuple of int
        Codes that hide the ground.
    bits : int
        Any of these bits hides it.
    fill : int or None
        The number where there are no data at all; it hides, too.
    rest : bool
        Every number but 0 hides.
    """

    values: tuple[int, ...] = ()
    bits: int = 0
    fill: int | None = None
    rest: bool = False


def _bits(*numbers: int, fill: int | None = None) -> Scheme:
    return Scheme(bits=sum(1 << number for number in numbers), fill=fill)


SCHEMES: Mapping[str, Scheme] = {
    "SCL": Scheme(values=(1, 3, 8, 9, 10, 11), fill=0),
    "SCL_04": Scheme(values=(1, 2, 3, 8, 9, 10, 11), fill=0),
    "QA_PIXEL": _bits(1, 2, 3, 4, 5, fill=1),
    "QA_RADSAT_TM": _bits(0, 1, 2, 3, 4, 6, 9),
    "QA_RADSAT_OLI": _bits(1, 2, 3, 4, 5, 6, 11),
    "MASK": Scheme(rest=True),
}
_NAMES = {
    r"SCL": "SCL",
    r"QA_PIXEL": "QA_PIXEL",
    r"cloud[ _-]?mask|CLM|云掩膜": "MASK",
}


@dataclass(frozen=True)
class Quality:
    """The quality layer of a scene.

    Attributes
    ----------
    path : str
        What rasterio opens.
    band : int
        1-based.
    scheme : str
        Key of `SCHEMES`.
    also : Quality or None
        A second layer of the same scene: Landsat's saturation.
    """

    path: str
    band: int
    scheme: str
    also: Quality | None = None

    @property
    def layers(self) -> tuple[Quality, ...]:
        """This layer and the further one."""
        return (self,) if self.also is None else (self, *self.also.layers)


def hidden(values: ArrayLike, scheme: str, *, fill: bool = True) -> NDArray[np.bool_]:
    """Where a quality layer says that the ground was not seen.

    Parameters
    ----------
    values : integers, any shape
        Numbers of the layer.
    scheme : str
        Key of `SCHEMES`.
    fill : bool
        Whether places without any data count as hidden; else only cloud, shadow, snow, and
        what is saturated or defective.

    Returns
    -------
    bool, of the same shape
    """
    meaning = SCHEMES[scheme]
    numbers = np.asarray(values)
    if numbers.dtype.kind == "f":
        numbers = np.nan_to_num(numbers, nan=0 if meaning.fill is None else meaning.fill)
    if numbers.dtype != np.uint16:
        numbers = numbers.astype(np.int64)
    if meaning.rest:
        return np.asarray(numbers != 0)
    if meaning.bits:
        found = (numbers & meaning.bits) != 0
    else:
        found = np.isin(numbers, meaning.values)
    if meaning.fill is None:
        return np.asarray(found)
    empty = numbers == meaning.fill
    return np.asarray(found | empty if fill else found & ~empty)


def scheme_of(name: str) -> str | None:
    """The scheme that the name of a band gives, or None."""
    return next((scheme for text, scheme in _NAMES.items() if re.fullmatch(text, name, re.I)), None)
