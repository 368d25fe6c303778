"""Reading: vector layers with their official field names, raster scenes."""

from yuxi_gis.read.sources import SourceTable, find_tables
from yuxi_gis.read.vector import read_layer, read_layers, read_tables

__all__ = ["SourceTable", "find_tables", "read_layer", "read_layers", "read_tables"]
