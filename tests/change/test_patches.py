"""Patches: the same whatever the blocks; small ones dropped and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label

from tests.change.planted import GRID, write
from yuxi_gis.change.patches import (
    LEAST_PIXELS,
    PATCH_COLUMNS,
    SMALL_COLUMNS,
    collect_patches,
    trace,
)
from yuxi_gis.read.raster import Scene, open_scene, windows

SHAPE = (13, 17)
CODES = (0, 1, 2, 6)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Scene:
    path: Path = tmp_path_factory.mktemp("patches") / "scene_20240301.tif"
    return open_scene(write(path, np.full((6, *SHAPE), 0.1)))


def blocks(kind: np.ndarray, size: int):
    strength = np.where(kind > 0, 5.0 + kind, 0.0)
    for window in windows(kind.shape, size):
        here = window.toslices()
        yield trace(kind[here], strength[here], window, GRID)


@settings(max_examples=40, deadline=None)
@given(arrays(np.int32, SHAPE, elements=st.sampled_from(CODES)), st.integers(2, 20))
def test_blocks_make_no_difference(scene, kind, size):
    whole = collect_patches(blocks(kind, 100), scene, scene, {})
    parts = collect_patches(blocks(kind, size), scene, scene, {})
    assert parts.small.equals(whole.small)
    assert (parts.table.geometry == whole.table.geometry).all()
    assert (parts.table == whole.table).all(axis=None)


@settings(max_examples=25, deadline=None)
@given(arrays(np.int32, SHAPE, elements=st.sampled_from(CODES)))
def test_patches_and_the_dropped_are_the_connected_areas(scene, kind):
    found = collect_patches(blocks(kind, 7), scene, scene, {})
    areas = sum(label(kind == code)[1] for code in CODES[1:])
    assert len(found.table) + found.dropped == areas
    assert found.table.pixels.sum() * 100 + found.small.m2.sum() == pytest.approx(
        (kind > 0).sum() * 100, rel=2e-3
    )
    assert found.table.geometry.is_valid.all()
    assert np.allclose(found.table.area, found.table.pixels * 100)
    assert (found.table.pixels >= LEAST_PIXELS).all()  # 400 m²: no kind here needs more


def test_small_patches_are_counted_by_kind_and_reason(scene):
    kind = np.zeros(SHAPE, dtype=np.int32)
    kind[0, 0:3] = kind[2, 0:2] = 1  # built: 300 and 200 m² are enough, but 3 and 2 pixels
    kind[4, 0] = 1  # 100 m²
    kind[6, 0:4] = 1  # 400 m² and 4 pixels
    kind[0, 5:8] = kind[0, 9:10] = 2  # water: 300 and 100 m²
    kind[2:4, 5:8] = 9  # other: 600 m²
    kind[8:10, 5:7] = 8  # perhaps seasonal: 400 m² of 600
    found = collect_patches(blocks(kind, 5), scene, scene, {})
    assert found.table.kind.tolist() == ["other", "built"]
    rows = found.small.set_index(["kind", "seasonal", "reason"])
    assert rows["count"].to_dict() == {
        ("built", False, "area"): 1,
        ("built", False, "pixels"): 2,
        ("water", False, "area"): 2,
        ("other", True, "area"): 1,
    }
    assert rows["m2"].tolist() == pytest.approx([100, 500, 400, 400], abs=0.1)
    assert found.dropped == 6


def test_strength_is_the_mean_over_the_patch(scene):
    kind = np.zeros(SHAPE, dtype=np.int32)
    kind[2:6, 3:9] = 1
    table = collect_patches(blocks(kind, 4), scene, scene, {}).table
    assert table.strength.tolist() == [6.0]
    assert table.pixels.tolist() == [24]


def test_nothing_changed(scene):
    none = collect_patches(blocks(np.zeros(SHAPE, dtype=np.int32), 5), scene, scene, {})
    assert tuple(none.table.columns) == PATCH_COLUMNS
    assert tuple(none.small.columns) == SMALL_COLUMNS
    assert (len(none.table), none.dropped) == (0, 0)
    assert none.table.crs.to_epsg() == 4543
