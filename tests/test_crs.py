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


@pytest.mark.parametrize("epsg_code", [3857, 32633, 4502])
def test_metric_leaves_a_crs_that_does_not_measure(epsg_code: int) -> None:
    """20 m² are 20 m² also where they came in Web Mercator or a far-off zone."""
    true = gpd.GeoSeries([shapely.box(540000, 2600000, 540010, 2600002)], crs=4543)
    measured = metric(true.to_crs(epsg_code)).area.iloc[0]
    assert measured == pytest.approx(20, rel=2e-3)


def test_metric_keeps_what_cannot_be_told() -> None:
    """A zone prefix under the wrong code lies off the earth; that is for the checks to say."""
    wild = gpd.GeoSeries([shapely.box(34_500_000, 2600000, 34_500_010, 2600002)], crs=4543)
    assert metric(wild) is wild


def test_metric_of_an_empty_layer() -> None:
    frame = gpd.GeoDataFrame(geometry=gpd.GeoSeries([None, shapely.Polygon()]), crs=4490)
    assert metric(frame).crs.is_projected


def test_names() -> None:
    assert crs_name(None) == "-"
    assert crs_name(parse_crs(4543)).startswith("EPSG:4543 CGCS2000")
    with pytest.raises(CRSError):
        require_crs(gpd.GeoSeries([shapely.Point(0, 0)]))
