"""The rules, one module a family or a part of it; importing a module registers its rules."""

from __future__ import annotations

from yuxi_gis.checks.rules import (
    area,
    attributes,
    borders,
    change,
    codes,
    columns,
    contracts,
    coordinates,
    coverage,
    cropland,
    dates,
    landuse,
    legal,
    legal_homestead,
    legal_idle,
    outlines,
    overlay,
    patches,
    reading,
    structure,
    tables,
    topology,
    totals,
)

__all__ = ["MODULES"]

#: All modules of rules.
MODULES = (
    reading,
    coordinates,
    structure,
    columns,
    attributes,
    codes,
    contracts,
    dates,
    landuse,
    cropland,
    topology,
    area,
    legal,
    legal_homestead,
    legal_idle,
    change,
    coverage,
    totals,
    tables,
    outlines,
    overlay,
    borders,
    patches,
)
