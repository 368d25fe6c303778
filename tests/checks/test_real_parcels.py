"""Real farm parcels: rules run, and every geometry finding is confirmed by another computation."""

from __future__ import annotations

import itertools
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import CheckResult, load_profile, run_checks

FILES = (
    "ai4sf_1_vietnam_areas.gpkg",
    "de_bb_antrag.zip",
    "de_sh_Feldbloecke_2026_GPKG.zip",
    "ec_si_SI_2021.zip",
    "india_10k_india_10k.zip",
    "nl_brpgewaspercelen_definitief_2023.gpkg",
)


@pytest.fixture(scope="module", params=FILES)
def parcels(request: pytest.FixtureRequest, shared_data: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(shared_data / "parcels" / request.param)


@pytest.fixture(scope="module")
def result(parcels: gpd.GeoDataFrame) -> CheckResult:
    return run_checks({"farmland": parcels})


def of(result: CheckResult, rule: str) -> gpd.GeoDataFrame:
    return result.findings[result.findings["rule"] == rule]


def rows(names: list[str]) -> list[int]:
    return [int(name.removeprefix("#")) - 1 for name in names]


def test_files_are_all_there(shared_data: Path) -> None:
    assert {path.name for path in (shared_data / "parcels").iterdir()} == set(FILES)


def test_missing_official_fields_are_findings(result: CheckResult) -> None:
    mandatory = load_catalog()["farmland"].mandatory
    said = of(result, "S09")["message_en"].tolist()
    assert len(said) == len(mandatory)
    assert all(any(f" {name} " in text for text in said) for name in mandatory)
    assert set(of(result, "S04")["severity"]) == {"error"}
    not_run = {run.rule for run in result.not_run if run.layer == "farmland"}
    assert {"A01", "A02", "A04", "A05", "R01", "R03"} <= not_run


def test_validity_is_that_of_shapely(result: CheckResult, parcels: gpd.GeoDataFrame) -> None:
    shapes = parcels.geometry.to_numpy()
    invalid = np.flatnonzero(
        ~shapely.is_valid(shapes) & (shapely.area(shapely.buffer(shapes, 0)) > 0)
    )
    assert sorted(rows(of(result, "T01")["feature"].tolist())) == invalid.tolist()
    nothing = np.flatnonzero(shapely.is_missing(shapes) | (shapely.area(shapes) == 0))
    assert sorted(rows(of(result, "T02")["feature"].tolist())) == nothing.tolist()


def test_conflicts_are_those_of_brute_force(result: CheckResult, parcels: gpd.GeoDataFrame) -> None:
    """Every pair of the file, by the areas of unions and no index."""
    profile = load_profile()
    plane = parcels.geometry
    if not plane.crs.is_projected:
        plane = plane.to_crs(plane.estimate_utm_crs())
    shapes = shapely.make_valid(plane.to_numpy())
    left, right = np.array(list(itertools.combinations(range(len(shapes)), 2))).T
    shared = (
        shapely.area(shapes[left])
        + shapely.area(shapes[right])
        - shapely.area(shapely.union(shapes[left], shapes[right]))
    )
    sure = shared >= profile.number("overlap_area") + 1e-3
    # What is nowhere wider than the tolerance vanishes when half of it is taken off all around.
    both = shapely.intersection(shapes[left[sure]], shapes[right[sure]])
    sure[sure] = shapely.area(shapely.buffer(both, -profile.number("equal_distance") / 2)) > 0
    unsure = np.abs(shared - profile.number("overlap_area")) < 1e-3
    expected = {
        (int(a), int(b)): s for a, b, s in zip(left[sure], right[sure], shared[sure], strict=True)
    }
    maybe = set(zip(left[unsure].tolist(), right[unsure].tolist(), strict=True))

    table = result.findings[result.findings["rule"].isin(["T03", "T05"])]
    pairs = zip(rows(table["feature"].tolist()), rows(table["other_feature"].tolist()), strict=True)
    actual = {tuple(sorted(pair)): value for pair, value in zip(pairs, table["value"], strict=True)}
    assert len(actual) == len(table)
    assert set(actual) - maybe == set(expected) - maybe
    for pair, area in expected.items():
        assert actual[pair] == pytest.approx(area, abs=1e-3)
    for row in table.itertuples():
        a, b = (parcels.geometry.iloc[rows([name])[0]] for name in (row.feature, row.other_feature))
        place = gpd.GeoSeries([row.geometry], crs=table.crs).to_crs(parcels.crs).iloc[0]
        # The place lies in both, and is no more than what they share.
        slack = 1e-6 if parcels.crs.is_geographic else 1e-3
        assert place.within(a.buffer(slack)) and place.within(b.buffer(slack))


def test_one_parcel_repeated_and_one_moved_are_found(parcels: gpd.GeoDataFrame) -> None:
    """The rules are not blind on these files: faults planted into them are found."""
    twice = gpd.GeoDataFrame(
        geometry=[*parcels.geometry, parcels.geometry.iloc[0]], crs=parcels.crs
    )
    table = run_checks({"farmland": twice}, rules=["T03", "T05"]).findings
    last = f"#{len(twice)}"
    assert ("T05", {"#1", last}) in [
        (row.rule, {row.feature, row.other_feature}) for row in table.itertuples()
    ]
