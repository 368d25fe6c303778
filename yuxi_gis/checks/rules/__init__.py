"""The rules, one module a family or a part of it; importing a module registers its rules."""

from __future__ import annotations

from yuxi_gis.checks.rules import area, attributes, legal, structure, topology

__all__ = ["MODULES"]

#: All modules of rules.
MODULES = (structure, attributes, topology, area, legal)
