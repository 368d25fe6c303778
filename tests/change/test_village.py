"""The change step on the sample village with default options, counted by parcel.

*Reported as changed* is what the output calls real: not possibly seasonal. Planted changes of at
least 4 pixels that the cloud does not hide must be so reported, and what is so reported must
mostly be planted changes.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from yuxi_gis.change import ChangeResult, detect_change

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data"
LAYERS = {"farmland": "DK", "homestead": "ZJD"}
LARGE = 4.0  # pixels


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> ChangeResult:
    parcels = {name: gpd.read_file(SAMPLE / "village.gpkg", layer=t) for name, t in LAYERS.items()}
    out = tmp_path_factory.mktemp("village") / "change"
    return detect_change(
        SAMPLE / "scene_before.tif", SAMPLE / "scene_after.tif", out, parcels=parcels
    )


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    table = pd.read_csv(SAMPLE / "truth" / "changed_parcels.csv", dtype={"feature": str})
    return table.set_index(["layer", "feature"])


@pytest.fixture(scope="module")
def harmless() -> pd.DataFrame:
    table = gpd.read_file(SAMPLE / "truth" / "harmless.gpkg").drop(columns="geometry")
    return table.dropna(subset="feature").set_index(["layer", "feature"])


def keys(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[["layer", "feature"]])


def test_recall_and_precision(result, truth, harmless, capsys):
    found = result.parcels
    changed, maybe = keys(found[~found.seasonal]), keys(found[found.seasonal])
    large = truth[(truth.pixels >= LARGE) & ~truth.under_cloud]
    firm, reported = large.index.isin(changed), large.index.isin(changed.union(maybe))
    right = changed.isin(truth.index)
    wrong = harmless[harmless.index.isin(changed[~right])]
    with capsys.disabled():
        print(f"\nsample village, planted changes of 4 pixels and more: {len(large)} parcels")
        print(f"  reported as changed         {firm.mean():.3f}")
        print(f"  or as possibly seasonal     {reported.mean():.3f}")
        for kind, group in pd.Series(firm, large.index).groupby(large.kind):
            print(f"    {kind:10} {group.sum()} of {len(group)} as changed")
        print(f"  precision of changed        {right.mean():.3f} ({right.sum()} of {len(right)})")
        print(f"  harmless taken for real     {wrong.kind.value_counts().to_dict()}")
    assert firm.mean() >= 0.95
    assert right.mean() >= 0.8
    assert reported.all()


def test_no_harvest_is_taken_for_real(result, harmless):
    """Nor is the shadow of a hill or a cloud: they may be possibly seasonal, or not seen."""
    firm = keys(result.parcels[~result.parcels.seasonal])
    harvest = harmless[harmless.kind == "harvest"].index
    assert len(harvest) > 20
    assert not set(firm) & set(harvest)


def test_no_harmless_field_becomes_built(result, truth, harmless):
    built = keys(result.parcels[(result.parcels.kind == "built") & ~result.parcels.seasonal])
    farming = harmless[harmless.kind.isin(["harvest", "growth", "rotation"])]
    assert not set(built) & set(farming.index.difference(truth.index))


def test_the_cloud_is_not_seen_rather_than_unchanged(result, truth):
    assert 0.01 < result.clouded_share < 0.06
    hidden = truth[truth.under_cloud].index
    shares = result.shares.set_index(["layer", "feature"])
    assert (shares.loc[shares.index.isin(hidden), "seen_share"] < 0.5).all()


def test_patches_say_what_the_parcels_say(result):
    """A pond is water in both tables: the parcel's own spectrum corrects its mixed pixels."""
    ponds = result.parcels[(result.parcels.kind == "water") & ~result.parcels.seasonal]
    patches = result.patches[(result.patches.kind == "water") & ~result.patches.seasonal]
    assert len(ponds) >= 3
    assert ponds.to_crs(patches.crs).intersects(patches.union_all()).all()
