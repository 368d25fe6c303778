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
from yuxi_gis.change.patches import PATCH_COLUMNS, collect_patches, trace
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
    assert parts.dropped == whole.dropped
    assert (parts.table.geometry == whole.table.geometry).all()
    assert (parts.table == whole.table).all(axis=None)


@settings(max_examples=25, deadline=None)
@given(arrays(np.int32, SHAPE, elements=st.sampled_from(CODES)))
def test_patches_and_the_dropped_are_the_connected_areas(scene, kind):
    found = collect_patches(blocks(kind, 7), scene, scene, {})
    areas = sum(label(kind == code)[1] for code in CODES[1:])
    assert len(found.table) + found.dropped == areas
    assert found.table.geometry.is_valid.all()
    assert np.allclose(found.table.area, found.table.pixels * 100)
    least = {"built": 2, "water": 4, "bare": 4}  # pixels of 100 m²: 200 and 400 m²
    assert all(found.table.pixels >= found.table.kind.map(least).astype(float))


def test_strength_is_the_mean_over_the_patch(scene):
    kind = np.zeros(SHAPE, dtype=np.int32)
    kind[2:6, 3:9] = 1
    table = collect_patches(blocks(kind, 4), scene, scene, {}).table
    assert table.strength.tolist() == [6.0]
    assert table.pixels.tolist() == [24]


def test_nothing_changed(scene):
    none = collect_patches(blocks(np.zeros(SHAPE, dtype=np.int32), 5), scene, scene, {})
    assert tuple(none.table.columns) == PATCH_COLUMNS
    assert (len(none.table), none.dropped) == (0, 0)
    assert none.table.crs.to_epsg() == 4543
