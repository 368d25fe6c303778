from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from yuxi_gis.crs import crs_name, epsg, metric, parse_crs, require_crs
from yuxi_gis.errors import CRSError


@pytest.mark.parametrize("value", [4543, "4543", "EPSG:4543", "epsg:4543"])
def test_parse_crs(value: object) -> None:
    assert epsg(parse_crs(value)) == 4543


@pytest.mark.parametrize("value", ["EPSG:999999", "no such system", "", "99999999"])
def test_parse_crs_refuses_what_proj_does_not_know(value: str) -> None:
    with pytest.raises(CRSError) as error:
        parse_crs(value)
    assert "EPSG:4543" in error.value.zh and "EPSG:4543" in error.value.en


def test_metric_keeps_a_metre_crs_and_projects_degrees() -> None:
    projected = gpd.GeoSeries([shapely.box(500000, 2600000, 500100, 2600100)], crs=4543)
    assert metric(projected) is projected
    degrees = gpd.GeoSeries([shapely.box(102.3, 24, 102.31, 24.01)], crs=4490)
    assert metric(degrees).crs.to_epsg() == 32648
    feet = projected.to_crs(2263)
    assert metric(feet).crs.axis_info[0].unit_conversion_factor == 1


def test_metric_of_an_empty_layer() -> None:
    frame = gpd.GeoDataFrame(geometry=gpd.GeoSeries([None, shapely.Polygon()]), crs=4490)
    assert metric(frame).crs.is_projected


def test_names() -> None:
    assert crs_name(None) == "-"
    assert crs_name(parse_crs(4543)).startswith("EPSG:4543 CGCS2000")
    with pytest.raises(CRSError):
        require_crs(gpd.GeoSeries([shapely.Point(0, 0)]))
