"""Totals (汇总): by layer, and by village, town and county."""

from __future__ import annotations

from yuxi_gis.summary.office import OfficeColumn, OfficeTable, office_table
from yuxi_gis.summary.outlines import region_outlines
from yuxi_gis.summary.overall import totals
from yuxi_gis.summary.regional import UNKNOWN, LayerTotal, Summary, by_region, summarise
from yuxi_gis.summary.results import RESULTS

__all__ = [
    "RESULTS",
    "UNKNOWN",
    "LayerTotal",
    "OfficeColumn",
    "OfficeTable",
    "Summary",
    "by_region",
    "office_table",
    "region_outlines",
    "summarise",
    "totals",
]
