from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from yuxi_gis.crs import (
    Zone,
    crs_name,
    datum_name,
    epsg,
    geocentric,
    metric,
    parse_crs,
    require_crs,
    robust_bounds,
)
from yuxi_gis.errors import CRSError

# Names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [4543, "4543", " 4543 ", "EPSG:4543", "epsg:4543", CRS(4543)])
def test_parse_crs(value: object) -> None:
    assert epsg(parse_crs(value)) == 4543


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("CGCS2000_3_Degree_GK_CM_102E", 4543),
        ("cgcs2000_3_degree_gk_zone_34", 4522),
        ("CGCS2000_GK_CM_105E", 4507),
        ("CGCS2000_GK_Zone_18", 4496),
        ("Xian_1980_3_Degree_GK_CM_102E", 2379),
        ("Xian_1980_3_Degree_GK_Zone_34", 2358),
        ("Xian_1980_GK_Zone_18", 2332),
        ("Beijing_1954_3_Degree_GK_CM_102E", 2431),
        ("Beijing_1954_3_Degree_GK_Zone_34", 2410),
        ("Beijing_1954_GK_Zone_18", 21418),
        ("GCS_China_Geodetic_Coordinate_System_2000", 4490),
        ("GCS_Xian_1980", 4610),
        ("GCS_Beijing_1954", 4214),
        ("WGS_1984_UTM_Zone_48N", 32648),
        ("CGCS2000 / 3-degree Gauss-Kruger CM 102E", 4543),
        ("CGCS2000 3度带 102", 4543),
        ("国家2000 三度带 中央经线102", 4543),
        ("2000国家大地坐标系 3度带 带号34", 4522),
        ("西安80 三度带 34带", 2358),
        ("1980西安坐标系 3度带 102", 2379),
        ("北京54 6度带 18", 21418),
    ],
)
def test_names_of_arcgis_and_of_people(name: str, number: int) -> None:
    assert epsg(parse_crs(name)) == number


@pytest.mark.parametrize(
    "value",
    ["EPSG:999999", "no such system", "", "99999999", "9" * 5000, "²", "\0", "西安80", None, 3.5],
)
def test_parse_crs_refuses_what_proj_does_not_know(value: object) -> None:
    with pytest.raises(CRSError) as error:
        parse_crs(value)
    assert "EPSG:4543" in error.value.zh and "EPSG:4543" in error.value.en
    assert len(error.value.en) < 500


@pytest.mark.parametrize(
    ("part", "meant"), [("Beijing", 4555), ("CGCS2000_3_Degree_GK_CM_102", 4543), ("Xian80", 4610)]
)
def test_part_of_a_name_is_a_question_not_a_guess(part: str, meant: int) -> None:
    assert CRS.from_user_input(part).to_epsg() == meant  # what PROJ makes of it, unasked
    with pytest.raises(CRSError, match=f"EPSG:{meant}"):
        parse_crs(part)


def test_names() -> None:
    assert crs_name(None) == "-"
    assert crs_name(parse_crs(4543)).startswith("EPSG:4543 CGCS2000")
    with pytest.raises(CRSError):
        require_crs(gpd.GeoSeries([shapely.Point(0, 0)]))


# Zones -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", Zone.all().values(), ids=lambda zone: str(zone.epsg))
def test_every_zone_is_what_proj_has_under_its_number(zone: Zone) -> None:
    crs = CRS.from_epsg(zone.epsg)
    numbers = {p.name: p.value for p in crs.coordinate_operation.params}
    assert numbers == {
        "Latitude of natural origin": 0,
        "Longitude of natural origin": zone.meridian,
        "Scale factor at natural origin": 1,
        "False easting": 500_000 + 1_000_000 * zone.number * zone.prefix,
        "False northing": 0,
    }
    assert datum_name(crs) == zone.datum
    assert crs.geodetic_crs.to_epsg() == zone.geographic
    assert f"{zone.meridian}E" in crs.name or str(zone.number) in crs.name
    assert zone.other().other() == zone == Zone.of(crs)
    assert zone.on("China 2000").meridian == zone.meridian


def test_zones_of_yuxi() -> None:
    prefixed = Zone.of(CRS(4522))
    assert prefixed is not None and prefixed.other().epsg == 4543
    assert prefixed.on("Xian 1980").epsg == 2358 and prefixed.on("Beijing 1954").epsg == 2410
    assert len(Zone.all()) == 3 * 2 * (21 + 11)
    assert Zone.of(CRS(32648)) is None and Zone.of(None) is None


@pytest.mark.parametrize("number", [*Zone.all(), 4490, 4610, 4214])
def test_prj_files_resolve_without_any_number_in_them(number: int) -> None:
    text = CRS.from_epsg(number).to_wkt("WKT1_ESRI")
    assert "AUTHORITY" not in text
    assert epsg(parse_crs(text)) == number


_PRJ = (
    'PROJCS["{name}",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",'
    'SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],'
    'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",{north}],'
    'PARAMETER["Central_Meridian",{meridian}],PARAMETER["Scale_Factor",{scale}],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


@pytest.mark.parametrize(
    ("north", "meridian", "scale"),
    [(0.0, 102.5, 1.0), (-2_000_000.0, 102.0, 1.0), (0.0, 102.0, 1.00025)],
)
def test_the_system_of_a_city_has_no_number(north: float, meridian: float, scale: float) -> None:
    crs = parse_crs(_PRJ.format(name="Yuxi_Local", north=north, meridian=meridian, scale=scale))
    assert epsg(crs) is None and crs_name(crs) == "Yuxi_Local"
    assert Zone.of(crs) is None


def test_heights_do_not_hide_the_number() -> None:
    assert epsg(CRS("EPSG:4543+5737")) == 4543


@pytest.mark.parametrize(
    ("crs", "answer"),
    [(4490, True), (4543, True), (4326, True), (32648, True), (9755, True), (4610, False),
     (4258, False), ("+proj=longlat +ellps=WGS84", True), ("+proj=longlat +ellps=krass", False)],
)  # fmt: skip
def test_geocentric(crs: object, answer: bool) -> None:
    assert geocentric(CRS(crs)) is answer


# Where the data are ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, 60, 1000])
@pytest.mark.parametrize("broken", [(0.0, 0.0), (np.inf, 2.6e6), (np.nan, np.nan), (1e300, -1e300)])
def test_one_broken_vertex_does_not_decide(n: int, broken: tuple[float, float]) -> None:
    x = 5e5 + 50 * np.arange(n)
    shapes = shapely.box(x, 26e5, x + 40, 26e5 + 30)
    ring = shapely.get_coordinates(shapes[0])
    with np.errstate(invalid="ignore"):
        shapes[0] = shapely.polygons(np.vstack([ring[:-1], [broken], ring[-1:]]))
        bounds = robust_bounds(shapes)
    assert bounds is not None
    west, south, east, north = bounds
    assert 5e5 <= west <= east <= x[-1] + 40 and 26e5 <= south <= north <= 26e5 + 30
    assert east - west >= 0.9 * (x[-1] - x[0])


def test_bounds_of_nothing() -> None:
    assert robust_bounds(np.array([], dtype=object)) is None
    assert robust_bounds(np.array([None, shapely.Polygon()], dtype=object)) is None
    assert robust_bounds(gpd.GeoSeries([shapely.Point(1, 2)]).array) == (1, 2, 1, 2)


@given(st.lists(st.tuples(*[st.floats(-1e7, 1e7)] * 2), min_size=1, max_size=200))
def test_bounds_lie_within_the_envelope(points: list[tuple[float, float]]) -> None:
    bounds = robust_bounds(shapely.points(points))
    assert bounds is not None and bounds[0] <= bounds[2] and bounds[1] <= bounds[3]
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    assert (low <= bounds[:2]).all() and (bounds[2:] <= high).all()


# Metres ------------------------------------------------------------------------------------------


def test_metric_keeps_a_metre_crs_and_projects_degrees() -> None:
    projected = gpd.GeoSeries([shapely.box(500000, 2600000, 500100, 2600100)], crs=4543)
    assert metric(projected) is projected
    degrees = gpd.GeoSeries([shapely.box(102.3, 24, 102.31, 24.01)], crs=4490)
    assert metric(degrees).crs.to_epsg() == 32648
    feet = projected.to_crs(2263)
    assert metric(feet).crs.axis_info[0].unit_conversion_factor == 1


@pytest.mark.parametrize("number", [4610, 4214])
def test_measuring_needs_no_datum_shift(number: int) -> None:
    degrees = gpd.GeoSeries([shapely.box(102.3, 24, 102.31, 24.01)], crs=number)
    measured = metric(degrees)
    assert datum_name(measured.crs) == datum_name(degrees.crs)
    true = degrees.to_crs(Zone.of(CRS(2379)).on(datum_name(degrees.crs)).epsg)  # type: ignore[union-attr]
    assert measured.area.iloc[0] == pytest.approx(true.area.iloc[0], rel=2e-3)


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
