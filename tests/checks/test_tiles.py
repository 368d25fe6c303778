"""Judged window by window, a layer has the same findings as at once, row for row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from tests.checks.cases import load
from yuxi_gis.checks import RULES, CheckResult, run_checks, windows
from yuxi_gis.checks.windows import Whole
from yuxi_gis.errors import ParameterError
from yuxi_gis.read import read_layers, spooled_layers
from yuxi_gis.resources import folder

VILLAGE = folder("sample_data") / "village.gpkg"
# Rules on records see the records at once in any case.
BY_SHAPE = [id for id, rule in RULES.items() if rule.scope != "records"]
X, Y = 500_000.0, 2_650_000.0


def assert_same(tiled: CheckResult, whole: CheckResult) -> None:
    assert_frame_equal(tiled.findings, whole.findings)
    assert_frame_equal(tiled.about, whole.about)
    assert tiled.not_run == whole.not_run


@pytest.mark.parametrize("id", BY_SHAPE)
def test_all_cases_give_the_same_in_tiles(id: str) -> None:
    for number, case in enumerate(load(id)):
        frames = case.frames()
        whole = run_checks(frames, rules=[id], profile=case.profile)
        tile = (0.004, 0.03)[number % 2]
        assert_same(run_checks(frames, rules=[id], profile=case.profile, tile_km=tile), whole)


@pytest.fixture(scope="module")
def village() -> tuple[dict[str, pd.DataFrame], CheckResult]:
    layers = read_layers(VILLAGE)
    return layers, run_checks(layers)


def test_the_village_gives_the_same_by_all_rules(
    village: tuple[dict[str, pd.DataFrame], CheckResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """… from scratch files; and no rule asks for all the shapes of a layer."""
    asked = []
    monkeypatch.setattr(Whole, "shapes", property(lambda whole: asked.append(whole.spec.id)))
    with spooled_layers(VILLAGE) as layers:
        assert_same(run_checks(layers, tile_km=1.2), village[1])
    assert asked == []


def test_the_village_gives_the_same_in_any_order_of_rows(
    village: tuple[dict[str, pd.DataFrame], CheckResult],
) -> None:
    layers = {
        name: frame.sample(frac=1, random_state=number)
        for number, (name, frame) in enumerate(village[0].items())
    }
    for name, frame in village[0].items():
        layers[name].attrs = frame.attrs
    tiled = run_checks(layers, tile_km=3, rules=BY_SHAPE)
    assert_same(tiled, run_checks(layers, rules=BY_SHAPE))
    named = ~village[1].findings["feature"].str.startswith("#")
    known = village[1].findings[named & village[1].findings["rule"].isin(["T03", "T05", "X06"])]
    assert set(known["feature"]) <= set(tiled.findings["feature"])


def quilt(rng: np.random.Generator, wide: int, high: int, jitter: float) -> list[Any]:
    """Adjoining quadrangles of about 20 m, some of whose corners a neighbour does not share."""
    corner = np.stack(np.meshgrid(np.arange(wide + 1.0), np.arange(high + 1.0)), axis=-1) * 20
    corner = (corner + rng.uniform(-4, 4, corner.shape)).round(3)
    rings = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=2)
    rings = rings.reshape(-1, 4, 2)
    moved = rng.random(rings.shape[:2]) < 0.1
    rings[moved] += (rng.choice([0.0004, 0.05, 3.0], moved.sum()) * jitter)[:, None]
    return list(shapely.polygons(rings.round(4)))


@st.composite
def layers(draw: st.DrawFn) -> dict[str, gpd.GeoDataFrame]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    wide, high = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    prefix, crs = draw(st.sampled_from([(0.0, 4543), (34e6, 4522)]))
    made = {}
    for name, code, step in (
        ("farmland", "DKBM", 1),
        ("landuse", "BSM", 2),
        ("protected_cropland", "BSM", 3),
    ):
        shapes = quilt(rng, wide, high, draw(st.sampled_from([0.0, 1.0])))
        if draw(st.booleans()):  # a road across the layer, a bow tie, one drawn twice, one missing
            road = shapely.LineString([(0, 7), (20 * wide, 20 * high - 7)]).buffer(1.5)
            bow = shapely.Polygon([(5, 5), (18, 18), (18, 5), (5, 18)])
            shapes += [road, bow, shapes[0], None]
        shapes = [
            None if s is None else shapely.affinity.translate(s, X + prefix + step, Y)
            for s in shapes
        ]
        frame = gpd.GeoDataFrame(
            {code: [f"5304020010010{i % 97:06d}" for i in range(len(shapes))]},
            geometry=shapes,
            crs=crs,
        )
        frame["DLBM"] = rng.choice(["0101", "0103", "0301", "1006"], len(frame))
        frame["SFJBNT"] = rng.choice(["1", "2"], len(frame))
        frame["ZLDWDM"] = rng.choice(["5304020010010000000", "5304030010010000000"], len(frame))
        frame["TBMJ"] = frame["SCMJ"] = frame["YJJBNTMJ"] = frame.area.fillna(0) + rng.choice(
            [0, 9.0], len(frame)
        )
        made[name] = frame.sample(frac=1, random_state=int(rng.integers(1000)))
    return made


@settings(max_examples=8, deadline=None)
@given(made=layers(), tile=st.sampled_from([0.01, 0.033, 0.07, 2.0]), many=st.sampled_from([0, 99]))
def test_random_layers_give_the_same(
    made: dict[str, gpd.GeoDataFrame], tile: float, many: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:  # also with neighbours looked at one by one
        patch.setattr(windows, "_MANY", many)
        patch.setattr(windows, "_TIMES", many)
        assert_same(
            run_checks(made, tile_km=tile, rules=BY_SHAPE), run_checks(made, rules=BY_SHAPE)
        )


def test_in_degrees_and_from_far_away_too() -> None:
    """Windows of a layer in degrees; a protected patch kilometres from any land use."""
    near = [shapely.box(X + 20 * i, Y, X + 20 * i + 21, Y + 20) for i in range(6)]
    far = shapely.box(X + 9000, Y, X + 9020, Y + 20)
    codes = [f"5304020010010{i:06d}" for i in range(7)]
    made = {
        "landuse": gpd.GeoDataFrame({"BSM": codes[:6]}, geometry=near, crs=4543),
        "protected_cropland": gpd.GeoDataFrame({"BSM": codes}, geometry=[*near, far], crs=4543),
    }
    for crs in (4543, 4490):
        moved = {name: frame.to_crs(crs) for name, frame in made.items()}
        whole = run_checks(moved, rules=BY_SHAPE)
        found = whole.findings[whole.findings["rule"].isin(["T03", "X07"])]
        assert (found["rule"] == "T03").sum() == 10 and found["value"].max() > 8000
        assert_same(run_checks(moved, rules=BY_SHAPE, tile_km=0.05), whole)


def test_what_is_no_tile_is_refused(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"DKBM": ["1"]}, geometry=[shapely.box(X, Y, X + 9, Y + 9)], crs=4543)
    for tile in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(ParameterError, match="side of a tile"):
            run_checks({"farmland": frame}, tile_km=tile)
    frame.to_file(tmp_path / "DK.gpkg")
    with (
        spooled_layers(tmp_path / "DK.gpkg") as spooled,
        pytest.raises(ParameterError, match="tile_km"),
    ):
        run_checks(spooled)


def test_rules_say_what_they_must_see() -> None:
    scopes = {rule.scope for rule in RULES.values()}
    assert scopes == {"records", "shape", "neighbours", "layer"}
    assert all((rule.on == "records") == (rule.scope == "records") for rule in RULES.values())
