"""Outlines: real parcels against a plain loop, and faults planted in random outlines."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.checks import run_checks

# Projected files: their coordinates are judged as they are.
FILES = ("de_bb_antrag.zip", "ec_si_SI_2021.zip", "nl_brpgewaspercelen_definitief_2023.gpkg")
ANGLE, STEP = 5.0, 0.0001


def narrowest(polygon: shapely.Polygon) -> float:
    """The narrowest angle of a polygon in degrees, vertex by vertex."""
    angles = [180.0]
    for ring in (polygon.exterior, *polygon.interiors):
        coords = list(ring.coords)
        points = [p for p, q in itertools.pairwise(coords) if math.dist(p, q) >= STEP]
        for k, (x, y, *_) in enumerate(points):
            a, b = points[k - 1], points[(k + 1) % len(points)]
            (ax, ay), (bx, by) = (a[0] - x, a[1] - y), (b[0] - x, b[1] - y)
            cosine = (ax * bx + ay * by) / (math.hypot(ax, ay) * math.hypot(bx, by))
            angles.append(math.degrees(math.acos(max(-1.0, min(1.0, cosine)))))
    return min(angles)


@pytest.mark.parametrize("name", FILES)
def test_narrow_angles_are_those_of_a_plain_loop(name: str, shared_data: Path) -> None:
    parcels = gpd.read_file(shared_data / "parcels" / name)[["geometry"]]
    table = run_checks({"farmland": parcels}, rules=["T09"]).findings
    found = dict(zip(table["feature"], table["value"], strict=True))
    expected = {
        f"#{row}": least
        for row, shape in enumerate(parcels.geometry, start=1)
        if shape.is_valid
        and (least := min(narrowest(part) for part in shapely.get_parts(shape))) < ANGLE
    }
    assert found == pytest.approx(expected, abs=1e-5)


def star(seed: int, count: int) -> np.ndarray:
    """A random outline without narrow angles or folds: `count` vertices around a centre."""
    rng = np.random.default_rng(seed)
    turn = (np.arange(count) + rng.uniform(-0.2, 0.2, count)) * math.tau / count
    reach = rng.uniform(25, 30, count)
    xy = np.stack([np.cos(turn), np.sin(turn)], axis=1) * reach[:, None]
    return np.round(xy + np.array([500_000, 2_700_000]), 4)


def found(ring: np.ndarray, east: float = 0.0) -> gpd.GeoDataFrame:
    crs = 4522 if east else 4543
    ring = np.concatenate([ring, ring[:1]])  # or a repeated vertex would be taken to close it
    frame = gpd.GeoDataFrame(
        {"DKBM": ["A"]}, geometry=[shapely.Polygon(ring + np.array([east, 0]))], crs=crs
    )
    return run_checks({"farmland": frame}, rules=["T08", "T09", "T10"]).findings


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(5, 20),
    data=st.data(),
    east=st.sampled_from([0.0, 34_000_000.0]),
)
def test_planted_faults_are_found_wherever_the_ring_begins(
    seed: int, count: int, data: st.DataObject, east: float
) -> None:
    ring = star(seed, count)
    assert found(ring, east).empty
    k = data.draw(st.integers(0, count - 1))
    middle = (ring[k] + ring[(k + 1) % count]) / 2
    side = ring[(k + 1) % count] - ring[k]
    along = side / np.hypot(*side)
    outwards = np.array([along[1], -along[0]])
    near, far = middle - 0.03 * along, middle + 0.03 * along
    plants = {
        "T08": [ring[k]],
        "T09": [near, middle + 3 * outwards, far],
        "T10": [near, near + 2 * outwards, far + 2 * outwards, far],
    }
    rule = data.draw(st.sampled_from(sorted(plants)))
    mended = np.insert(ring, k + 1, plants[rule], axis=0)
    table = found(np.roll(mended, data.draw(st.integers(0, len(mended))), axis=0), east)
    assert table["rule"].tolist() == [rule]
    place = shapely.affinity.translate(table.geometry[0], -east)
    tips = {"T08": ring[k], "T09": middle + 3 * outwards, "T10": middle + 2 * outwards}
    assert shapely.distance(place, shapely.Point(tips[rule])) < 1e-3
    values = {"T08": 0, "T09": 2 * math.degrees(math.atan(0.01)), "T10": 0.06}
    assert table["value"][0] == pytest.approx(values[rule], abs=1e-3)


def test_many_faults_are_one_finding_a_parcel() -> None:
    """A parcel whose vertices are all there twice is one finding with all places."""
    table = found(np.repeat(star(1, 12), 2, axis=0))
    assert table["rule"].tolist() == ["T08"]
    assert shapely.get_num_geometries(table.geometry[0]) == 12
