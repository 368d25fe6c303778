"""What is found to be wrong with where a layer lies."""

from __future__ import annotations

from dataclasses import dataclass

from pyproj import CRS

__all__ = ["Diagnosis"]


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with the CRS of a layer, and the mend.

    Attributes
    ----------
    what : {"zone_prefix", "axes_swapped", "degrees", "metres", "wrong_zone", "outside", "gcj02", \
"bd09"}
    zh, en : str
        One line: the numbers seen and the mend with the command's options.
    confidence : {"high", "low"}
    crs : CRS or None
        What to relabel with.
    swap : bool
        Whether X and Y are to be exchanged.
    """

    what: str
    zh: str
    en: str
    confidence: str
    crs: CRS | None = None
    swap: bool = False
