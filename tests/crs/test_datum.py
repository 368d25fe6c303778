from __future__ import annotations

import math
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import CRS, Geod

from yuxi_gis import findings
from yuxi_gis.change.parcels import gather
from yuxi_gis.checks import run_checks
from yuxi_gis.crs.datum import BALLPARK, Helmert, accuracy, modern, to_cgcs2000, to_crs
from yuxi_gis.errors import CRSError
from yuxi_gis.export.table import lon_lat
from yuxi_gis.export.webmap.features import drawable

SQUARE = shapely.box(550_000, 2_680_000, 550_100, 2_680_100)
#: A shift as large as real ones, made up for these tests.
HELMERT = Helmert.parse("120.5,-61.25,33.125,1.5,-2.25,3.125,4.5")


def layer(crs: int, shape: shapely.Geometry = SQUARE) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[shape, None], index=[7, 9], crs=crs)


# What PROJ knows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "metres"),
    [
        (4543, 4522, 0), (2379, 2358, 0), (4490, 4480, 0),
        (4543, 4326, 1), (4490, 32648, 1), (3857, 4543, 1), (9755, 4490, 1),
        (4647, 4326, 1), (28992, 4326, 1), (25833, 4326, 1), (3794, 4326, 1),
        (28992, 4490, 1), (3794, 4543, 1),
        (2379, 4543, None), (2358, 4326, None), (4610, 4490, None), (4490, 4610, None),
        (2431, 4543, None), (4214, 4326, None), (2431, 2379, None), (4555, 4490, None),
    ],
)  # fmt: skip
def test_accuracy(source: int, target: int, metres: float | None) -> None:
    assert accuracy(CRS(source), CRS(target)) == metres


def test_an_operation_for_another_place_is_none() -> None:
    """The first that PROJ lists for Beijing 1954 is for the Tarim basin."""
    degrees, wgs84 = CRS(4214), CRS(4326)
    assert accuracy(degrees, wgs84, (80, 38, 81, 39)) == 1
    assert accuracy(degrees, CRS(4490), (80, 38, 81, 39)) == 1
    assert accuracy(degrees, wgs84, (102.3, 24, 102.5, 24.2)) is None
    assert accuracy(degrees, wgs84, (80, 38, 102, 39)) is None  # half of it lies outside


def test_an_operation_whose_grid_is_missing_is_not_waited_for() -> None:
    """Britain's best needs a grid that is not installed; 2 m is what runs here."""
    assert accuracy(CRS(27700), CRS(4326)) in (1, 2)


def test_parameters_in_the_crs_itself_count() -> None:
    own = CRS("+proj=tmerc +lon_0=102 +x_0=500000 +ellps=krass +towgs84=10,-150,-90,0,0,0,0")
    assert math.isnan(accuracy(own, CRS(4326)) or 0)
    assert accuracy(CRS("+proj=tmerc +lon_0=102 +x_0=500000 +ellps=krass"), CRS(4326)) is None


@pytest.mark.parametrize(
    ("old", "new"), [(2379, 4543), (2358, 4522), (4610, 4490), (2410, 4522), (2431, 4543),
                     (4214, 4490), (2343, 4507), (21418, 4496), (4543, 4543), (4490, 4490)]
)  # fmt: skip
def test_modern(old: int, new: int) -> None:
    assert modern(CRS(old)) == CRS(new)
    arcgis = CRS(CRS(old).to_wkt("WKT1_ESRI"))
    found = modern(arcgis)
    assert found is not None and found.to_epsg() == new


def test_modern_keeps_the_projection_of_a_city() -> None:
    city = CRS("+proj=tmerc +lon_0=102.55 +x_0=50000 +y_0=-2600000 +ellps=krass")
    found = modern(city)
    assert found is not None and found.geodetic_crs == CRS(4490) and found.to_epsg() is None
    assert "102.55" in found.to_wkt() and "-2600000" in found.to_wkt()
    assert modern(CRS(4978)) is None


# Moving ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [2379, 2358, 4610, 2431, 4214])
@pytest.mark.parametrize("target", [4543, 4490, 4326, 32648])
def test_a_ballpark_is_refused(source: int, target: int) -> None:
    frame = layer(2379).to_crs(2358) if source == 2358 else layer(2379)
    if source in (4610, 4214):
        frame = layer(source, shapely.box(102.3, 24, 102.31, 24.01))
    frame = frame.set_crs(source, allow_override=True)
    with pytest.raises(CRSError) as error:
        to_crs(frame, target)
    datum = CRS(source).datum.name
    for text in (error.value.zh, error.value.en):
        assert datum in text and "\n" not in text
        for way in ("--helmert", "--control-points", "--allow-ballpark"):
            assert way in text
    with pytest.raises(CRSError):  # nor the other way round
        to_crs(layer(4543), source)


def test_the_danger_is_real() -> None:
    """geopandas goes ahead: less than 2 m of motion where the user's shift moves 100 m and more."""
    silent = layer(2379).to_crs(4543).geometry.iloc[0].centroid
    true = to_crs(layer(2379), 4543, shift=HELMERT).geometry.iloc[0].centroid
    assert silent.distance(SQUARE.centroid) < 2
    assert true.distance(SQUARE.centroid) > 100


@pytest.mark.parametrize(
    ("source", "target"),
    [(4543, 4522), (4543, 4490), (4522, 4326), (4490, 32648), (2379, 4610), (2358, 2379)],
)
def test_where_datums_agree_it_is_the_same_as_geopandas(source: int, target: int) -> None:
    frame = layer(4543).to_crs(4522) if source == 4522 else layer(source)
    if source == 4490:
        frame = layer(4543).to_crs(4490)
    if source == 2358:
        frame = layer(2379).to_crs(2358)
    moved = to_crs(frame, target)
    pd.testing.assert_frame_equal(moved, frame.to_crs(target))
    series = to_crs(frame.geometry, target)
    assert isinstance(series, gpd.GeoSeries) and series.crs == CRS(target)


@pytest.mark.parametrize(
    "name",
    ["de_sh_Feldbloecke_2026_GPKG.zip", "nl_brpgewaspercelen_definitief_2023.gpkg",
     "ec_si_SI_2021.zip", "de_bb_antrag.zip", "india_10k_india_10k.zip",
     "ai4sf_1_vietnam_areas.gpkg"],
)  # fmt: skip
def test_foreign_parcels_pass(shared_data: Path, name: str) -> None:
    frame = gpd.read_file(shared_data / "parcels" / name)
    expected = frame.to_crs(4326)
    moved = to_crs(frame, 4326)
    assert shapely.equals_exact(
        moved.geometry.array, expected.geometry.array, tolerance=1e-11
    ).all()
    # To CGCS2000 by way of WGS 84: PROJ alone would take a ballpark and be 100 m off in Holland.
    assert shapely.equals_exact(
        to_crs(frame, 4490).geometry.array, expected.geometry.array, tolerance=1e-8
    ).all()


def test_rows_heights_and_names_are_kept() -> None:
    high = shapely.force_3d(SQUARE, 1650.5)
    frame = gpd.GeoDataFrame(
        {"name": list("abcd")}, geometry=[high, None, shapely.Polygon(), SQUARE], crs=2379
    ).rename_geometry("shape")
    for shift in (HELMERT, BALLPARK):
        moved = to_crs(frame, 4543, shift=shift)
        assert moved.active_geometry_name == "shape" and list(moved.columns) == ["name", "shape"]
        assert moved.geometry.isna().tolist() == [False, True, False, False]
        assert moved.geometry.has_z.tolist() == [True, False, False, False]
        assert set(shapely.get_coordinates(moved.geometry.array, include_z=True)[:5, 2]) == {1650.5}
        assert moved.crs == CRS(4543) and frame.crs == CRS(2379)
    assert to_crs(frame.iloc[1:3], 4543).crs == CRS(4543)  # nothing there to be misplaced


def test_no_crs_and_no_such_crs() -> None:
    with pytest.raises(CRSError):
        to_crs(layer(4543).set_crs(None, allow_override=True), 4543)
    with pytest.raises(CRSError, match="EPSG:999999"):
        to_crs(layer(4543), "EPSG:999999")


def test_nothing_to_pay_where_datums_agree() -> None:
    frame = gpd.GeoSeries(np.repeat(np.array([SQUARE], dtype=object), 50_000), crs=4543)

    def best(run: object) -> float:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            run()  # type: ignore[operator]
            times.append(time.perf_counter() - start)
        return min(times)

    theirs, ours = best(lambda: frame.to_crs(4522)), best(lambda: to_crs(frame, 4522))
    assert ours < 1.3 * theirs + 0.2


def test_to_cgcs2000() -> None:
    frame, how = to_cgcs2000(layer(2379), HELMERT)
    assert (how.source, how.target, frame.crs) == (CRS(2379), CRS(4543), CRS(4543))
    assert "120.5" in how.zh and "120.5" in how.en and how.warnings == ()
    assert to_cgcs2000(layer(2358, shapely.box(34_550_000, 2_680_000, 34_550_100, 2_680_100)),
                       HELMERT)[0].crs == CRS(4522)  # fmt: skip
    for crs, shape in ((4543, SQUARE), (4326, shapely.box(102, 24, 102.1, 24.1))):
        same = layer(crs, shape)
        frame, how = to_cgcs2000(same, HELMERT)
        assert frame is same and how.source == how.target == CRS(crs) and how.zh == how.en == ""
    frame, how = to_cgcs2000(layer(2431), BALLPARK)
    assert frame.crs == CRS(4543) and "--allow-ballpark" in how.zh and len(how.warnings) == 1


# Where the package crosses datums ----------------------------------------------------------------


def test_checks_do_not_judge_across_datums() -> None:
    here = gpd.GeoDataFrame({"DKBM": ["1"]}, geometry=[SQUARE], crs=4543)
    old = gpd.GeoDataFrame({"YJJBNTTBBH": ["P"]}, geometry=[SQUARE], crs=2379)
    result = run_checks({"homestead": here, "protected_cropland": old}, rules=["L01"])
    assert result.findings.empty
    assert any("datum" in run.reason_en for run in result.not_run)


def test_checks_measure_degrees_on_an_old_datum() -> None:
    shapes = [shapely.box(102.3, 24, 102.301, 24.001), shapely.box(102.3005, 24, 102.3015, 24.001)]
    frame = gpd.GeoDataFrame({"DKBM": ["1", "2"]}, geometry=shapes, crs=4610)
    result = run_checks({"farmland": frame}, rules=["T03"])
    true = frame.to_crs(2379).geometry
    assert result.findings["area_m2"].tolist() == pytest.approx(
        [true.iloc[0].intersection(true.iloc[1]).area], rel=2e-3
    )


def test_findings_on_another_datum_lose_their_place_only() -> None:
    parts = [
        findings.make(["x"], [SQUARE.centroid], CRS(crs), zh="z", en="e") for crs in (2379, 4543)
    ]
    table = findings.finish(parts, CRS(4543))
    assert len(table) == 2 and table.geometry.isna().sum() == 1
    lon, lat = lon_lat(findings.finish(parts[:1], CRS(2379)))
    assert lon.isna().all() and lat.isna().all()
    lon, lat = lon_lat(findings.finish(parts[1:], CRS(4543)))
    assert (lon.round(2).tolist(), lat.round(2).tolist()) == ([102.49], [24.22])


def test_map_and_change_refuse_a_ballpark() -> None:
    frame = gpd.GeoDataFrame({"DKBM": ["1"]}, geometry=[SQUARE], crs=2379)
    with pytest.raises(CRSError, match="--helmert"):
        drawable(frame)
    with pytest.raises(CRSError, match="--helmert"):
        gather({"farmland": frame}, CRS(32648).to_wkt())
    assert len(drawable(to_crs(frame, 4543, shift=HELMERT))) == 1


def test_the_size_of_the_error_in_the_message_is_right() -> None:
    """Ballpark against a shift as large as those in use: tens of metres to more than 100 m."""
    way = Geod(ellps="GRS80")
    a = to_crs(layer(2379), 4490, shift=BALLPARK).geometry.iloc[0].centroid
    b = to_crs(layer(2379), 4490, shift=HELMERT).geometry.iloc[0].centroid
    assert 30 < way.inv(a.x, a.y, b.x, b.y)[2] < 300
