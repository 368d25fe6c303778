"""yuxi_gis: load, check, watch and map the rural land data of a county or a city."""
