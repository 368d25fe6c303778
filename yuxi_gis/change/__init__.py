"""Change between two scenes: raster, patches, and the changed share of every parcel."""

from __future__ import annotations

from yuxi_gis.change.detect import OWNS, ChangeResult, detect_change
from yuxi_gis.change.irmad import Mad, fit_mad
from yuxi_gis.change.kinds import KINDS, Kind
from yuxi_gis.change.methods import METHODS
from yuxi_gis.change.strength import write_strength

__all__ = [
    "KINDS",
    "METHODS",
    "OWNS",
    "ChangeResult",
    "Kind",
    "Mad",
    "detect_change",
    "fit_mad",
    "write_strength",
]
