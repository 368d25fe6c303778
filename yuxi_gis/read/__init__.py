"""Reading: vector layers and tables with their official field names, raster scenes."""

from yuxi_gis.read.sources import SourceTable, Survey, find_tables, survey
from yuxi_gis.read.spool import SpooledLayer, spooled_layers
from yuxi_gis.read.table import Decision, Note, Options
from yuxi_gis.read.vector import read_layer, read_layers, read_table, read_tables

__all__ = [
    "Decision",
    "Note",
    "Options",
    "SourceTable",
    "SpooledLayer",
    "Survey",
    "find_tables",
    "read_layer",
    "read_layers",
    "read_table",
    "read_tables",
    "spooled_layers",
    "survey",
]
