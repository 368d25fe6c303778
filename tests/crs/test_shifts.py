from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from yuxi_gis.crs.datum import to_crs
from yuxi_gis.crs.shifts import BALLPARK, Helmert, move
from yuxi_gis.errors import CRSError, ParameterError

NUMBERS = (120.5, -61.25, 33.125, 1.5, -2.25, 3.125, 4.5)
TEXT = ",".join(map(str, NUMBERS))
GRID = np.stack(np.meshgrid(np.linspace(430e3, 615e3, 5), np.linspace(2580e3, 2760e3, 5)), -1)
POINTS = GRID.reshape(-1, 2)

_TMERC = "+proj=tmerc +lat_0=0 +lon_0=102 +k=1 +x_0=500000 +y_0=0"


def pipeline(convention: str, numbers: tuple[float, ...] = NUMBERS) -> Transformer:
    """PROJ's own operations, step by step: the oracle."""
    names = ("x", "y", "z", "rx", "ry", "rz", "s")
    values = " ".join(f"+{name}={value}" for name, value in zip(names, numbers, strict=True))
    return Transformer.from_pipeline(
        f"+proj=pipeline +step +inv {_TMERC} +a=6378140 +rf=298.257 "
        "+step +proj=push +v_3 +step +proj=cart +a=6378140 +rf=298.257 "
        f"+step +proj=helmert {values} +convention={convention} "
        "+step +inv +proj=cart +a=6378137 +rf=298.257222101 +step +proj=pop +v_3 "
        f"+step {_TMERC} +a=6378137 +rf=298.257222101"
    )


def moved(shift: Helmert, source: int = 2379, target: int = 4543) -> np.ndarray:
    series = gpd.GeoSeries(shapely.points(POINTS), crs=2379).to_crs(source)
    return shapely.get_coordinates(to_crs(series, target, shift=shift).array)


@pytest.mark.parametrize("convention", ["coordinate_frame", "position_vector"])
def test_helmert_is_that_of_proj_to_the_millimetre(convention: str) -> None:
    expected = np.column_stack(pipeline(convention).transform(*POINTS.T))
    assert np.hypot(*(expected - POINTS).T).min() > 50
    for shift in (Helmert.parse(TEXT, convention), Helmert.parse(f"{TEXT},{convention}")):
        np.testing.assert_allclose(moved(shift), expected, atol=1e-4)


def test_the_chinese_formula_is_the_default() -> None:
    """X' = dX + (1+m) [1 rz -ry; -rz 1 rx; ry -rx 1] X, written out."""
    dx, dy, dz, *turns, ds = NUMBERS
    rx, ry, rz = np.radians(np.array(turns) / 3600)
    matrix = np.array([[1, rz, -ry], [-rz, 1, rx], [ry, -rx, 1]]) * (1 + ds * 1e-6)
    earth = {
        old: Transformer.from_pipeline(
            f"+proj=pipeline +step +inv {_TMERC} {ellps} +step +proj=cart {ellps}"
        )
        for old, ellps in {
            True: "+a=6378140 +rf=298.257",
            False: "+a=6378137 +rf=298.257222101",
        }.items()
    }
    xyz = np.stack(earth[True].transform(*POINTS.T, np.zeros(len(POINTS))))
    new = matrix @ xyz + np.array([[dx], [dy], [dz]])
    east, north, _ = earth[False].transform(*new, direction="INVERSE")
    np.testing.assert_allclose(
        moved(Helmert.parse(TEXT)), np.column_stack([east, north]), atol=1e-3
    )
    other = moved(Helmert.parse(TEXT, "position_vector"))
    assert np.hypot(*(other - moved(Helmert.parse(TEXT))).T).min() > 50


@pytest.mark.parametrize(("source", "target"), [(2358, 4522), (4610, 4490), (2379, 4326),
                                                (4610, 32648), (2343, 4507)])  # fmt: skip
def test_helmert_from_and_to_any_projection(source: int, target: int) -> None:
    """The same places whichever projection the layer comes in and goes to."""
    plane = gpd.GeoSeries(shapely.points(moved(Helmert.parse(TEXT))), crs=4543)
    there = gpd.GeoSeries(shapely.points(moved(Helmert.parse(TEXT), source, target)), crs=target)
    assert plane.distance(there.to_crs(4543)).max() < 1e-3


def test_helmert_replaces_parameters_in_the_crs() -> None:
    own = CRS("+proj=tmerc +lon_0=102 +x_0=500000 +a=6378140 +rf=298.257 +towgs84=9,9,9,0,0,0,0")
    series = gpd.GeoSeries(shapely.points(POINTS), crs=own)
    there = to_crs(series, 4543, shift=Helmert.parse(TEXT))
    np.testing.assert_allclose(
        shapely.get_coordinates(there.array), moved(Helmert.parse(TEXT)), atol=1e-4
    )


@pytest.mark.parametrize("text", ["１，２，３，0,0,0,0", " 1 , 2,3 ,0,0,0,0", "1;2;3;0;0;0;0"])
def test_parse_forgives_the_comma(text: str) -> None:
    assert Helmert.parse(text).values == (1, 2, 3, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "1,2,3,4,5,6,7,8", "a,b,c,d,e,f,g", "1,2,3,nan,5,6,7", "1,2,3,inf,5,6,7",
     "1,2,3,4,5,6,7,other", "1" * 5000],
)  # fmt: skip
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ParameterError) as error:
        Helmert.parse(text)
    assert "--helmert" in error.value.zh and "DX,DY,DZ" in error.value.en
    assert len(error.value.en) < 400


@pytest.mark.parametrize("text", ["0,0,0,1500,0,0,0", "0,0,0,0,0,-300,0", "1e5,0,0,0,0,0,0"])
def test_wrong_units_are_found(text: str) -> None:
    with pytest.raises(ParameterError, match="units"):
        moved(Helmert.parse(text))


def test_a_shift_leads_to_cgcs2000_only() -> None:
    new = gpd.GeoSeries(shapely.points(POINTS), crs=4543)
    with pytest.raises(CRSError, match="CGCS2000"):
        to_crs(new, 2379, shift=Helmert.parse(TEXT))
    old = gpd.GeoSeries(shapely.points(POINTS), crs=2379)
    with pytest.raises(CRSError, match="CGCS2000"):
        to_crs(old, 2431, shift=Helmert.parse(TEXT))


def test_descriptions() -> None:
    zh, en = Helmert.parse(TEXT).describe()
    for number in NUMBERS:
        assert f"{number:g}" in zh and f"{number:g}" in en
    assert "coordinate_frame" in zh and "coordinate_frame" in en
    assert all("ballpark" in text for text in BALLPARK.describe())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["POINT (1 2)", "POINT Z (1 2 3)", "POLYGON EMPTY", None])))
def test_move_touches_the_plane_only(texts: list[str | None]) -> None:
    shapes = np.array([None if t is None else shapely.from_wkt(t) for t in texts], dtype=object)
    before = shapes.copy()
    after = move(shapes, lambda x, y: (x + 10, y - 10))
    assert len(after) == len(shapes) and all(a is b for a, b in zip(shapes, before, strict=True))
    for old, new in zip(shapes, after, strict=True):
        if old is None or old.is_empty:
            assert new is None if old is None else new.is_empty
        else:
            assert (new.x, new.y, new.has_z) == (11, -8, old.has_z)
            assert not old.has_z or new.z == 3
