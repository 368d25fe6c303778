"""Confidence: never falls as strength and area grow, and holds on a pair it was not fitted to."""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.change import confidence, detect_change
from yuxi_gis.change.kinds import KINDS
from yuxi_gis.errors import CatalogError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import detection
import simulate

KIND = st.sampled_from([(kind.id, kind.seasonal) for kind in KINDS])
NUMBER = st.floats(1, 1e4)


def patches(kind: tuple[str, bool], strength: list[float], pixels: list[float]) -> gpd.GeoDataFrame:
    rows = [
        {"kind": kind[0], "seasonal": kind[1], "strength": s, "pixels": n,
         "geometry": shapely.box(0, 0, 10 * np.sqrt(n), 10 * np.sqrt(n))}
        for s, n in zip(strength, pixels, strict=True)
    ]  # fmt: skip
    columns = ["kind", "seasonal", "strength", "pixels", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), crs="EPSG:32648")


def parcels(kind: tuple[str, bool], **columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"kind": kind[0], "seasonal": kind[1], **columns})


@settings(deadline=None, max_examples=40)
@given(kind=KIND, low=NUMBER, more=st.floats(0, 1e4), other=NUMBER)
def test_stronger_or_larger_is_never_less_sure(kind, low, more, other):
    for table in (
        patches(kind, [low, low + more], [other, other]),
        patches(kind, [other, other], [low, low + more]),
    ):
        one, two = confidence.patch_confidence(table, 4.0)
        assert 0 <= one <= two <= 1
    for name in ("strength", "pixels"):
        columns = {"strength": [other] * 2, "pixels": [other] * 2, name: [low, low + more]}
        table = parcels(kind, **columns, changed_share=[0.5] * 2, seen_share=[1.0] * 2)
        one, two = confidence.parcel_confidence(table, 4.0)
        assert 0 <= one <= two <= 1


def test_strength_is_measured_against_the_threshold():
    one, other = (
        confidence.patch_confidence(patches(("built", False), [strength], [10]), threshold)
        for strength, threshold in ((8.0, 4.0), (80.0, 40.0))
    )
    assert one == pytest.approx(other)


def test_a_season_is_less_sure_than_the_same_kind_of_real_change():
    for name in ("planted", "water"):
        firm, maybe = (
            confidence.patch_confidence(patches((name, season), [12.0], [20]), 4.0)[0]
            for season in (False, True)
        )
        assert maybe < firm


def test_no_rows_and_no_threshold_give_numbers():
    assert confidence.patch_confidence(patches(("built", False), [], []), np.inf).shape == (0,)
    unknown = patches(("never heard of", False), [9.0], [5])
    assert 0 < confidence.patch_confidence(unknown, np.inf)[0] < 1


def test_every_kind_that_was_met_has_an_intercept():
    names = {f"{kind.id} seasonal" if kind.seasonal else kind.id for kind in KINDS}
    for model in confidence.load_models().values():
        assert set(model.kinds) <= names
        assert {"built", "water", "planted", "planted seasonal", "other seasonal"} <= set(
            model.kinds
        )


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("compactness = ", "compactness = -", "patches.compactness"),
        ("seen = ", "unseen = ", "parcels.seen"),
        ("[parcels.kinds]", "[nothing]", "parcels.kinds"),
    ],
)
def test_a_wrong_table_is_named_with_its_key(tmp_path, old, new, key):
    text = Path(confidence.__file__).with_name("confidence.toml").read_text(encoding="utf-8")
    path = tmp_path / "models.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogError, match=key):
        confidence.load_models(path)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> detection.Outcome:
    """A pair of a seed and of fields that the models were not fitted to."""
    sizes = [(12, 35), (16, 60), (25, 70), (40, 90), (60, 110), (90, 130)]
    boxes = [shapely.box(0, 0, wide, long) for wide, long in sizes]
    fields = gpd.GeoDataFrame(geometry=boxes, crs="EPSG:32648").translate(410_000, 2_590_000)
    folder = tmp_path_factory.mktemp("pair")
    made = simulate.a_pair(folder, 31, side_m=1800.0, each=1, fields=fields.to_frame())
    result = detect_change(made.before, made.after, folder / "change", parcels=made.layers)
    return detection.judge(made, result, "made")


@pytest.mark.parametrize("name", ["patches", "parcels"])
def test_confidence_holds_on_a_fresh_pair(outcome, name):
    table = getattr(outcome, name)
    terms = confidence.PATCH_TERMS if name == "patches" else confidence.PARCEL_TERMS
    model = confidence.load_models()[name]
    said = model(table[list(terms)].to_numpy(dtype=float), table["name"])
    measured = detection.errors(said, table["real"].to_numpy())
    assert measured["count"] > 50
    assert measured["ece"] < 0.10
    assert measured["brier"] < measured["brier_of_mean"]


def test_large_buildings_are_found(outcome):
    """What the curve of the docs rests on: the judge sees what the step reports."""
    built = outcome.events[(outcome.events["kind"] == "built") & (outcome.events["size"] >= 700)]
    assert len(built) >= 4
    assert built["noticed"].mean() >= 0.75


def test_wilson_is_the_textbooks():
    """Ten of ten: from 0.722 to 1 (Brown, Cai & DasGupta, Statistical Science 16, 2001)."""
    share, low, high = detection.wilson(10, 10)
    assert (share, high) == (1, 1)
    assert low == pytest.approx(0.722, abs=1e-3)


def test_reliability_of_what_is_right_by_design():
    rng = np.random.default_rng(1)
    said = rng.uniform(size=20_000)
    real = rng.uniform(size=20_000) < said
    assert detection.errors(said, real)["ece"] < 0.02
    assert detection.errors(np.sqrt(said), real)["ece"] > 0.1
