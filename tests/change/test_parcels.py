"""Parcels: exact fractions of pixels, and when a parcel counts as changed."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.change.planted import CRS, GRID, write
from yuxi_gis.catalog import load_catalog
from yuxi_gis.change.kinds import KINDS
from yuxi_gis.change.parcels import (
    CHANGED_COLUMNS,
    changed_parcels,
    gather,
    judged_whole,
    kind_shares,
    measure,
    parcel_shares,
    shaped,
)
from yuxi_gis.errors import CRSError, ParameterError

CODES = [kind.code for kind in KINDS]
UNKNOWN = np.zeros(1, dtype=np.int16)


def box(left: float, top: float, right: float, bottom: float) -> shapely.Polygon:
    """In pixels from the upper left corner."""
    return shapely.box(
        GRID.c + 10 * left, GRID.f - 10 * bottom, GRID.c + 10 * right, GRID.f - 10 * top
    )


def frame(*shapes: shapely.Geometry) -> gpd.GeoDataFrame:
    table = {"layer": "farmland", "feature": [str(n) for n in range(len(shapes))]}
    return gpd.GeoDataFrame(table, geometry=list(shapes), crs=CRS)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> Path:
    """20 × 20 pixels: built in columns 0-4, water in 5-9, unchanged in 10-14, not seen after."""
    codes = np.zeros((1, 20, 20))
    codes[0, :, :5], codes[0, :, 5:10], codes[0, :, 15:] = 1, 2, -1
    path = tmp_path_factory.mktemp("kinds") / "kind.tif"
    return write(path, codes, dtype="int16", nodata=-1, names=None)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 17), st.floats(0, 17), st.floats(0.3, 3), st.floats(0.3, 3))
def test_shares_are_exact(kinds, left, top, width, height):
    shares, seen = kind_shares(frame(box(left, top, left + width, top + height)), kinds)
    right = left + width

    def within(low: float, high: float) -> float:
        return max(min(right, high) - max(left, low), 0) / width

    assert shares[0, CODES.index(1)] == pytest.approx(within(0, 5), abs=1e-4)
    assert shares[0, CODES.index(2)] == pytest.approx(within(5, 10), abs=1e-4)
    assert seen[0] == pytest.approx(within(0, 15), abs=1e-4)
    assert shares.sum() == pytest.approx(within(0, 10), abs=2e-4)


def shares_of(**parts: float) -> np.ndarray:
    """One parcel's shares: ``built=0.2`` (real) or ``bare_s=0.5`` (seasonal)."""
    rows = {kind.id + "_s" * kind.seasonal: number for number, kind in enumerate(KINDS)}
    out = np.zeros((1, len(KINDS)))
    for name, part in parts.items():
        out[0, rows[name]] = part
    return out


@pytest.mark.parametrize(
    ("pixels", "parts", "verdict"),
    [
        (20, {}, None),
        (20, {"built": 0.15}, ("built", False)),  # 300 m²
        (20, {"built": 0.09}, None),  # 180 m²: below 200
        (20, {"water": 0.3}, None),  # 600 m², but the rim of a neighbour's pond
        (20, {"water": 0.6}, ("water", False)),
        (100, {"water": 0.25}, ("water", False)),  # 2,500 m² are no rim
        (20, {"bare_s": 0.7}, ("bare", True)),
        (20, {"bare_s": 0.7, "built": 0.2}, ("built", False)),
        (20, {"built": 0.05, "bare_s": 0.8}, ("bare", True)),
        (1.5, {"cleared": 0.8}, ("cleared", False)),  # a small homestead, mostly gone
        (1.5, {"cleared": 0.4}, None),
        (2, {"cleared": 0.45, "bare_s": 0.3}, ("bare", True)),  # no building is seasonal
    ],
)
def test_when_a_parcel_counts_as_changed(pixels, parts, verdict):
    parcel = frame(box(0, 0, pixels, 1))
    table = changed_parcels(parcel, shares_of(**parts), np.ones(1), UNKNOWN)
    found = None if table.empty else (table.kind[0], bool(table.seasonal[0]))
    assert found == verdict
    assert tuple(table.columns) == CHANGED_COLUMNS


def test_areas_and_shares():
    parcel, parts = frame(box(0, 0, 20, 1)), shares_of(built=0.2, bare_s=0.3)
    table = changed_parcels(parcel, parts, np.array([0.9]), UNKNOWN)
    assert table.changed_m2[0] == pytest.approx(400, rel=2e-3)
    assert table.changed_mu[0] == pytest.approx(0.6, rel=2e-3)
    assert table.seen_share[0] == 0.9
    shares = parcel_shares(parcel, parts, np.array([0.9]))
    assert (shares.changed_share[0], shares.seasonal_share[0]) == (0.2, 0.3)


def test_shares_are_not_rounded_beyond_a_millionth():
    parcel, third = frame(box(0, 0, 20, 1)), np.array([1 / 3])
    parts = shares_of(built=1 / 3, bare_s=1 / 7)
    shares, changed = (
        parcel_shares(parcel, parts, third),
        changed_parcels(parcel, parts, third, UNKNOWN),
    )
    assert shares.seasonal_share[0] == pytest.approx(1 / 7, abs=1e-6)
    for table in (shares, changed):
        assert table.changed_share[0] == pytest.approx(1 / 3, abs=1e-6)
        assert table.seen_share[0] == pytest.approx(1 / 3, abs=1e-6)


def test_gather_takes_polygons_of_all_layers_by_their_key():
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    one = gpd.GeoDataFrame(
        {"DKBM": ["a", "b", "c", "d"]},
        geometry=[box(0, 0, 1, 1), shapely.Point(0, 0), None, shapely.Polygon()],
        crs=CRS,
    )
    two = gpd.GeoDataFrame({"ZDDM": ["z"]}, geometry=[bow], crs=CRS)
    admin = gpd.GeoDataFrame({"XZQDM": ["5304"]}, geometry=[box(0, 0, 9, 9)], crs=CRS)
    found = gather({"farmland": one, "homestead": two, "admin": admin, "mine": two}, CRS)
    assert found[["layer", "feature"]].values.tolist() == [
        ["farmland", "a"],
        ["homestead", "z"],
        ["mine", "0"],
    ]
    assert found.geometry.is_valid.all()


def test_layers_without_polygons_give_no_parcels():
    points = gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=CRS)
    assert len(gather({"mine": points}, CRS)) == 0


def test_which_official_layers_hold_parcels():
    """Units of land do; districts, patches that were seen to change, points and lines do not."""
    field = box(0, 0, 1, 1)
    shapes = {"Polygon": field, "LineString": field.exterior, "Point": field.centroid}
    layers = {
        layer_id: gpd.GeoDataFrame(geometry=[shapes[spec.geometry]], crs=CRS)
        for layer_id, spec in load_catalog().items()
        if not spec.is_table
    }
    assert sorted(gather(layers, CRS)["layer"]) == [
        "cadastral_parcel", "farmland", "farmland_target", "homestead", "idle_land", "landuse",
        "landuse_change", "protected_cropland",
    ]  # fmt: skip


def test_tables_are_no_layers():
    table = pd.DataFrame({"DKBM": ["a"]})
    fields = frame(box(0, 0, 1, 1))
    both = {"contractor": table, "farmland": fields, "idle_land": gpd.GeoDataFrame(table)}
    assert list(shaped(both)) == ["farmland"]
    assert shaped({}) == {}
    with pytest.raises(ParameterError, match="contractor, idle_land: no geometry"):
        shaped({name: both[name] for name in ("contractor", "idle_land")})


def test_a_layer_without_crs_is_an_error():
    with pytest.raises(CRSError):
        gather({"mine": gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)])}, CRS)


def test_no_parcels_no_shares(kinds):
    shares, seen = kind_shares(frame().set_crs(CRS), kinds)
    assert shares.shape == (0, len(KINDS))
    assert len(seen) == 0
    assert len(changed_parcels(frame().set_crs(CRS), shares, seen, UNKNOWN[:0])) == 0


def test_a_parcel_beyond_the_scene_is_not_seen(kinds):
    shares, seen = kind_shares(frame(box(500, 500, 510, 510), box(0, 0, 5, 5)), kinds)
    assert seen.tolist() == [0, 1]
    assert shares.sum(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("parts", "whole", "verdict"),
    [
        ({"bare_s": 0.7}, ("water", False), ("water", False)),  # a pond with blurred banks
        ({"water": 0.7}, ("water", True), ("water", True)),  # a flooded field
        ({"bare_s": 0.4}, ("water", False), None),  # not most of the parcel changed
        ({"built": 0.15, "bare_s": 0.6}, ("planted", True), ("built", False)),  # a corner counts
        ({"bare_s": 0.7}, ("built", False), ("bare", True)),  # no field is built as a whole
    ],
)
def test_a_field_that_changed_as_a_whole_is_judged_by_its_own_spectrum(parts, whole, verdict):
    code = next(kind.code for kind in KINDS if (kind.id, kind.seasonal) == whole)
    parcel = frame(box(0, 0, 20, 1))
    shares = shares_of(**parts)
    judged = judged_whole(shares, np.array([code], dtype=np.int16))
    table = changed_parcels(parcel, shares, np.ones(1), judged)
    found = [(row.kind, row.seasonal) for row in table.itertuples()]
    assert found == ([] if verdict is None else [verdict])


def test_strength_and_size_of_the_changed_part(kinds, tmp_path):
    """Columns 0-4 are built with strength 8, columns 5-9 water with strength 2."""
    strength = np.repeat([8.0, 2.0, 1.0, 1.0], 5) * np.ones((1, 20, 20))
    path = write(tmp_path / "strength.tif", strength, dtype="float32", names=None)
    parcel = frame(box(4, 0, 8, 10))
    found = measure(parcel, kinds, path)
    table = changed_parcels(
        parcel, found.shares, found.seen, UNKNOWN, found.strengths, found.pixels
    )
    assert table.pixels.tolist() == pytest.approx([40])
    assert table.strength.tolist() == pytest.approx([(10 * 8 + 30 * 2) / 40])
    plain = changed_parcels(parcel, found.shares, found.seen, UNKNOWN)
    assert plain[["strength", "pixels"]].isna().all(axis=None)
