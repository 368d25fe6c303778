"""Interrupted runs: nothing half written, and resumed with the very same bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio.shutil
import shapely

from tests.change.planted import CRS, GRID, ground, look, put, write
from yuxi_gis.change import detect_change
from yuxi_gis.change.resume import fingerprint, scratch
from yuxi_gis.errors import SceneError

STAGES = ("reading the scenes", "strength", "kinds", "spectra of parcels", "patches")


class StopError(Exception):
    """What a user's progress callback raises."""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("scenes")
    land = ground((90, 100))
    later = land.copy()
    put(later, slice(20, 28), slice(30, 40), "concrete")
    return write(folder / "a.tif", look(land, 1)), write(folder / "b.tif", look(later, 2))


@pytest.fixture(scope="module")
def parcels() -> gpd.GeoDataFrame:
    boxes = [
        shapely.box(GRID.c + 100 * k, GRID.f - 400, GRID.c + 100 * k + 100, GRID.f - 150)
        for k in range(6)
    ]
    return gpd.GeoDataFrame({"name": [str(k) for k in range(6)]}, geometry=boxes, crs=CRS)


def run(scenes, parcels, out: Path, **options):
    return detect_change(*scenes, out, parcels=parcels, **options)


def told(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def whole(scenes, parcels, tmp_path_factory) -> dict[str, str]:
    """Hashes of an uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run(scenes, parcels, out)
    assert [p.name for p in out.parent.iterdir()] == ["out"]
    return told(out)


def stop_in(stage: str):
    """Progress that raises when the stage is through."""

    def progress(zh: str, en: str, fraction: float) -> None:
        if en == stage:
            raise StopError

    return progress


@pytest.mark.parametrize("stage", STAGES)
def test_a_resumed_run_gives_the_same_bytes(scenes, parcels, whole, tmp_path, stage):
    out = tmp_path / "out"
    with pytest.raises(StopError):
        run(scenes, parcels, out, progress=stop_in(stage))
    assert not out.exists()
    stages = []
    result = run(scenes, parcels, out, resume=True, progress=lambda zh, en, part: stages.append(en))
    assert told(out) == whole
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    again = [name for name in STAGES if name in stages]
    assert again == list(STAGES[STAGES.index(stage) :])
    assert bool(result.notes) == (stage == STAGES[0])  # then there was nothing to resume


def test_two_runs_give_the_same_bytes(scenes, parcels, whole, tmp_path):
    run(scenes, parcels, tmp_path / "out")
    assert told(tmp_path / "out") == whole


def test_an_interrupted_run_leaves_earlier_results(scenes, parcels, tmp_path):
    out = tmp_path / "out"
    run(scenes, parcels, out)
    before = told(out)
    with pytest.raises(StopError):
        run(scenes, parcels, out, overwrite=True, progress=stop_in("patches"))
    assert told(out) == before


def test_other_inputs_are_not_resumed(scenes, parcels, whole, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(StopError):
        detect_change(scenes[0], scenes[0], out, parcels=parcels, progress=stop_in("patches"))
    result = run(scenes, parcels, out, resume=True)
    assert told(out) == whole
    assert any("not resumed" in en for _, en in result.notes)


def test_without_resume_everything_is_done_anew(scenes, parcels, whole, tmp_path):
    out, stages = tmp_path / "out", []
    with pytest.raises(StopError):
        run(scenes, parcels, out, progress=stop_in("patches"))
    result = run(scenes, parcels, out, progress=lambda zh, en, part: stages.append(en))
    assert set(STAGES) <= set(stages)
    assert result.notes == ()
    assert told(out) == whole
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


CHILD = """
import os, signal, sys
import geopandas as gpd
from yuxi_gis.change import detect_change
def progress(zh, en, fraction):
    if en == "kinds":
        os.kill(os.getpid(), getattr(signal, sys.argv[5]))
detect_change(*sys.argv[1:3], sys.argv[3], parcels=gpd.read_file(sys.argv[4]), progress=progress)
"""


@pytest.mark.parametrize("signal", ["SIGINT", "SIGKILL"])
def test_a_killed_process_can_be_resumed(scenes, parcels, whole, tmp_path, signal):
    parcels.to_file(tmp_path / "parcels.gpkg")
    out = tmp_path / "out"
    words = [*scenes, out, tmp_path / "parcels.gpkg", signal]
    child = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True, text=True)
    assert child.returncode < 0 or "KeyboardInterrupt" in child.stderr
    assert not out.exists()
    stages = []
    run(
        scenes,
        gpd.read_file(tmp_path / "parcels.gpkg"),
        out,
        resume=True,
        progress=lambda zh, en, part: stages.append(en),
    )
    assert "strength" not in stages
    assert told(out) == whole


# The scratch folder itself


def test_a_stage_is_done_once(tmp_path):
    with pytest.raises(StopError), scratch(tmp_path / "o", "k", resume=False) as kept:
        kept.stage("one", lambda: {"x": np.arange(3)})
        raise StopError
    with scratch(tmp_path / "o", "k", resume=True) as kept:
        found = kept.stage("one", lambda: pytest.fail("done again"))
        assert found["x"].tolist() == [0, 1, 2]
        assert kept.notes == ()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("error", "left"), [(SceneError("坏", "bad"), False), (StopError(), True)])
def test_what_resuming_would_not_mend_is_removed(tmp_path, error, left):
    with pytest.raises(type(error)), scratch(tmp_path / "o", "k", resume=False) as kept:
        kept.stage("one", lambda: {"x": np.arange(3)})
        raise error
    assert bool(list(tmp_path.iterdir())) is left


def test_nothing_finished_leaves_nothing(tmp_path):
    with pytest.raises(StopError), scratch(tmp_path / "o", "k", resume=False):
        raise StopError
    assert not list(tmp_path.iterdir())


def test_the_fingerprint_sees_what_counts(parcels):
    first = fingerprint({"method": "mad"}, {"a": parcels})
    assert first == fingerprint({"method": "mad"}, {"a": parcels.copy()})
    moved = parcels.set_geometry(parcels.translate(0.001))
    renamed = parcels.assign(name="x")
    others = [
        fingerprint({"method": "mad"}, {"b": parcels}),
        fingerprint({"method": "mad"}, {"a": moved}),
        fingerprint({"method": "mad"}, {"a": renamed}),
        fingerprint({"method": "cva"}, {"a": parcels}),
        fingerprint({"method": "mad"}, {}),
    ]
    assert len({first, *others}) == 6


def test_a_file_beside_the_scene_that_changed_is_noticed(scenes, parcels, tmp_path):
    """A VRT keeps its bytes when the file it names is replaced."""
    source, later = tmp_path / "later.tif", tmp_path / "later.vrt"
    source.write_bytes(scenes[1].read_bytes())
    rasterio.shutil.copy(source, later, driver="VRT")
    out = tmp_path / "out"
    with pytest.raises(StopError):
        run((scenes[0], later), parcels, out, progress=stop_in("kinds"))
    source.write_bytes(scenes[0].read_bytes())
    result = run((scenes[0], later), parcels, out, resume=True)
    assert result.patches.empty and "done anew" in result.notes[0][1]


def test_what_killed_runs_left_is_removed(tmp_path):
    out, mine = tmp_path / "out", tmp_path / ".out.mine0123.part"
    for name in (".out.resume", ".out.dead_012.part", mine.name, ".out.b.dead_012.part"):
        (tmp_path / name).mkdir()
    with scratch(out, "key", resume=True, staging=mine):
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {".out.resume", mine.name, ".out.b.dead_012.part"}
