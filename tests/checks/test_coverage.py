"""Gaps and nodes of shared edges: real parcels against brute force, faults planted in coverages."""

from __future__ import annotations

import itertools
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from yuxi_gis.checks import run_checks

FILES = (
    "ai4sf_1_vietnam_areas.gpkg",
    "de_bb_antrag.zip",
    "de_sh_Feldbloecke_2026_GPKG.zip",
    "ec_si_SI_2021.zip",
    "india_10k_india_10k.zip",
    "nl_brpgewaspercelen_definitief_2023.gpkg",
)
TOLERANCE = 0.05


# Real parcels ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=FILES)
def plane(request: pytest.FixtureRequest, shared_data: Path) -> gpd.GeoDataFrame:
    """The real parcels in metres, valid; every file as it is in the projected ones."""
    frame = gpd.read_file(shared_data / "parcels" / request.param)[["geometry"]]
    if not frame.crs.is_projected:
        frame = frame.to_crs(frame.estimate_utm_crs())
    return frame.set_geometry(frame.geometry.make_valid())


@pytest.fixture(scope="module")
def found(plane: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return run_checks({"farmland": plane}, rules=["T03", "T05", "T06", "T07"]).findings


def row(name: str) -> int:
    return int(name.removeprefix("#")) - 1


def brute_force(shapes: np.ndarray) -> tuple[set, set]:
    """Missing nodes (parcel, x, y) and near pairs of vertices {(x, y), (x, y)}: every pair of
    parcels, every vertex, by the distance to the outline and to all vertices, without an index."""
    missing, near = set(), set()
    vertices = [np.unique(shapely.get_coordinates(shape), axis=0) for shape in shapes]
    for a, b in itertools.combinations(range(len(shapes)), 2):
        if shapely.distance(shapes[a], shapes[b]) > 2 * TOLERANCE:
            continue
        apart = np.round(cdist(vertices[a], vertices[b]), 6)
        for mine, other, between in ((a, b, apart), (b, a, apart.T)):
            points = shapely.points(vertices[other])
            beside = shapely.distance(points, shapely.boundary(shapes[mine])) <= TOLERANCE
            lonely = between.min(axis=0) >= TOLERANCE
            missing |= {(mine, *vertices[other][k]) for k in np.flatnonzero(beside & lonely)}
        close = (apart > 0) & (apart < TOLERANCE)
        # Where both have one of the two points, they meet there.
        close &= (apart.min(axis=1) > 0)[:, None] & (apart.min(axis=0) > 0)[None, :]
        near |= {
            frozenset((tuple(vertices[a][i]), tuple(vertices[b][k])))
            for i, k in zip(*np.nonzero(close), strict=True)
        }
    return missing, near


def test_nodes_are_those_of_brute_force(plane: gpd.GeoDataFrame, found: gpd.GeoDataFrame) -> None:
    missing, near = brute_force(plane.geometry.to_numpy())
    table = found[found["rule"] == "T06"]
    places = shapely.get_coordinates(table.geometry)
    reported = {(row(name), *xy) for name, xy in zip(table["feature"], places, strict=True)}
    assert len(reported) == len(table)
    assert reported <= missing
    # What brute force has more lies across a thin corner of a third parcel, or of its own.
    shapes = plane.geometry.to_numpy()
    for mine, *xy in missing - reported:
        way = shapely.shortest_line(shapely.Point(xy), shapes[mine])
        between = shapely.contains_properly(shapes, shapely.centroid(way))
        assert between.any() and not between[mine]

    table = found[found["rule"] == "T07"]
    assert len(table) == len(near)
    points = {point for pair in near for point in pair}
    assert {tuple(xy) for xy in shapely.get_coordinates(table.geometry)} <= points


def test_nodes_and_invalid_edges(plane: gpd.GeoDataFrame, found: gpd.GeoDataFrame) -> None:
    """`shapely.coverage_invalid_edges` knows edges, not vertices: with a gap width it marks those
    beside a narrow gap, without one those that neighbours do not share alike. Each reported vertex
    lies on an edge of the first kind; a parcel with one of the second is in a finding."""
    shapes = plane.geometry.to_numpy()
    marked = shapely.coverage_invalid_edges(shapes, gap_width=TOLERANCE)
    nodes = found[found["rule"].isin(["T06", "T07"])]
    for name, other, place in zip(
        nodes["feature"], nodes["other_feature"], nodes.geometry, strict=True
    ):
        edges = [marked[row(name)], marked[row(other)]]
        assert shapely.distance(edges, place).min() <= TOLERANCE + 1e-6
    told = {row(name) for name in (*found["feature"], *found["other_feature"])}
    unequal = shapely.length(shapely.coverage_invalid_edges(shapes)) > 0
    assert set(np.flatnonzero(unequal)) <= told


# Random coverages ------------------------------------------------------------------------------


def coverage(n: int, seed: int) -> tuple[np.ndarray, list[tuple[int, tuple[float, float]]]]:
    """n × n parcels that tile: rings of 12 vertices, the two between corners a third along each
    side and up to 2 cm off it; and every such vertex of two parcels, as (parcel, point)."""
    rng = np.random.default_rng(seed)
    sub = 3
    at = np.arange(n * sub + 1)
    lattice = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1) * 10.0
    corners = at % sub == 0
    lattice[np.ix_(corners, corners)] += rng.uniform(-4, 4, (n + 1, n + 1, 2))
    for axis in (0, 1):  # the others lie on the sides, moved by up to 2 cm
        grid = np.swapaxes(lattice, 0, 1) if axis else lattice
        for k in (1, 2):
            a, b = grid[corners][:-1][:, corners], grid[corners][1:][:, corners]
            side = a + (b - a) * k / sub
            grid[np.ix_(at[k::sub], at[corners])] = side + rng.uniform(-0.014, 0.014, side.shape)
    lattice = np.round(lattice + np.array([500_000, 2_700_000]), 4)
    k, zero = np.arange(sub), np.zeros(sub, dtype=int)
    ring_i = np.concatenate([zero, k, zero + sub, sub - k])
    ring_j = np.concatenate([k, zero + sub, sub - k, zero])
    rings, shared = [], []
    for i, j in itertools.product(range(n), range(n)):
        rings.append(lattice[i * sub + ring_i, j * sub + ring_j])
        for di, dj in zip(ring_i, ring_j, strict=True):
            u, v = i * sub + di, j * sub + dj
            inside = 0 < u < n * sub and 0 < v < n * sub
            if inside and (u % sub or v % sub):
                shared.append((len(rings) - 1, tuple(lattice[u, v])))
    return np.array(rings), shared


def layer(rings: list[np.ndarray], crs: int = 4543) -> gpd.GeoDataFrame:
    names = [f"P{k:03d}" for k in range(len(rings))]
    return gpd.GeoDataFrame({"DKBM": names}, geometry=[*map(shapely.Polygon, rings)], crs=crs)


def nodes(frame: gpd.GeoDataFrame, east: float = 0.0) -> set[tuple[str, str, str, float, float]]:
    table = run_checks({"farmland": frame}, rules=["T06", "T07"]).findings
    xy = np.round(shapely.get_coordinates(table.geometry) - [east, 0], 4)
    columns = table[["rule", "feature", "other_feature"]].to_numpy().tolist()
    return {(*names, x, y) for names, (x, y) in zip(columns, xy.tolist(), strict=True)}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_planted_missing_nodes_are_found_and_nothing_else(seed: int, data: st.DataObject) -> None:
    """Whatever the order of the parcels, with and without a zone prefix."""
    whole, shared = coverage(4, seed)
    chosen = data.draw(st.lists(st.sampled_from(shared), max_size=8, unique_by=lambda s: s[1]))
    rings = list(whole)
    for parcel, point in chosen:
        rings[parcel] = rings[parcel][~(rings[parcel] == point).all(axis=1)]
    frame = layer(rings)
    owners = {
        (parcel, point): next(p for p, q in shared if q == point and p != parcel)
        for parcel, point in chosen
    }
    expected = {
        ("T06", f"P{parcel:03d}", f"P{owner:03d}", *np.round(point, 4).tolist())
        for (parcel, point), owner in owners.items()
    }
    assert nodes(frame) == expected
    order = data.draw(st.permutations(range(len(frame))))
    assert nodes(frame.iloc[order]) == expected
    east = 34_000_000.0
    prefixed = frame.set_geometry(frame.geometry.translate(east)).set_crs(4522, allow_override=True)
    assert nodes(prefixed, east) == expected


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_a_vertex_moved_in_one_parcel_is_a_near_pair(seed: int, data: st.DataObject) -> None:
    rings, shared = coverage(4, seed)
    parcel, point = data.draw(st.sampled_from(shared))
    by = data.draw(st.sampled_from([0.001, 0.02, 0.049, 0.2]))
    here = (rings[parcel] == point).all(axis=1)
    rings[parcel][here] += [by, 0]
    owner = next(p for p, q in shared if q == point and p != parcel)
    first, second = sorted((parcel, owner))
    table = run_checks({"farmland": layer(list(rings))}, rules=["T07"]).findings
    names = table[["feature", "other_feature"]].to_numpy().tolist()
    assert names == ([[f"P{first:03d}", f"P{second:03d}"]] if by < TOLERANCE else [])
    assert table["value"].tolist() == pytest.approx([by] if by < TOLERANCE else [], abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_planted_gaps_are_found_and_nothing_else(seed: int, data: st.DataObject) -> None:
    """A vertex of a side, moved into its own parcel, leaves a triangle."""
    rings, shared = coverage(4, seed)
    parcel, point = data.draw(st.sampled_from(shared))
    here = (rings[parcel] == point).all(axis=1)
    inward = rings[parcel].mean(axis=0) - point
    whole = shapely.polygons(rings)
    rings[parcel][here] += inward / np.hypot(*inward) * data.draw(st.sampled_from([0.03, 1.0]))
    frame = layer(list(rings)).rename(columns={"DKBM": "BSM"})
    order = data.draw(st.permutations(range(len(frame))))
    table = run_checks({"landuse": frame.iloc[order]}, rules=["T04"]).findings
    gap = shapely.difference(whole[parcel], frame.geometry.iloc[parcel])
    owner = next(p for p, q in shared if q == point and p != parcel)
    assert len(table) == 1
    assert {table["feature"][0], table["other_feature"][0]} == {f"P{parcel:03d}", f"P{owner:03d}"}
    assert shapely.hausdorff_distance(table.geometry[0], gap) < 1e-3
    assert table["area_m2"][0] == pytest.approx(gap.area, abs=1e-3)


def test_a_coverage_without_faults_is_clean() -> None:
    rings, _ = coverage(8, 1)
    frame = layer(list(rings))
    layers = {"farmland": frame, "landuse": frame.rename(columns={"DKBM": "BSM"})}
    result = run_checks(layers, rules=["T04", "T06", "T07", "T08", "T09", "T10", "T13"])
    assert result.findings.empty
