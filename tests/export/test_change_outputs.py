"""What the change step gives to others: all of it or nothing, and nothing of an earlier run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.export.changed import patches, place, scenes
from yuxi_gis.errors import SceneError
from yuxi_gis.export.change_outputs import Wanted, first_patches, write_change_outputs
from yuxi_gis.read.raster import Scene, open_scene

JCTB = [f"jctb.{part}" for part in ("cpg", "dbf", "gpkg", "prj", "qml", "shp", "shx")]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Scene, Scene]:
    before, after = scenes(tmp_path)
    return open_scene(before), open_scene(after)


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_wanted_is_there_and_goes_again(tmp_path: Path, pair: tuple[Scene, Scene]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "change.tif").write_bytes(b"raster")
    layers = {"contractor": pd.DataFrame({"CBFMC": ["某某"]})}  # a table: not laid on anything
    both = Wanted(jctb=True, chips=5)
    assert write_change_outputs(out, patches(), *pair, both, layers=layers) == ["000001", "000002"]
    pictures = ["chips/000001.png", "chips/000002.png"]
    assert listed(out) == sorted(["change.tif", "field.xlsx", *JCTB, *pictures])
    (out / "chips" / "note.txt").write_text("of the user")
    (out / "jctb.sbn").write_bytes(b"an index of another program")
    assert write_change_outputs(out, patches(), *pair, Wanted(chips=1)) == ["000001"]
    assert listed(out) == ["change.tif", "chips/000001.png", "chips/note.txt", "field.xlsx"]
    (out / "chips" / "note.txt").unlink()
    assert write_change_outputs(out, patches(), *pair, Wanted()) == []
    assert listed(out) == ["change.tif"] and not (out / "chips").exists()


def test_nothing_is_left_of_what_fails(tmp_path: Path, pair: tuple[Scene, Scene]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_change_outputs(out, patches(), *pair, Wanted(chips=1))
    old = {name: (out / name).read_bytes() for name in listed(out)}
    Path(pair[1].path).unlink()
    with pytest.raises(SceneError):
        write_change_outputs(out, patches(), *pair, Wanted(jctb=True, chips=2))
    assert {name: (out / name).read_bytes() for name in listed(out)} == old


def test_real_change_comes_first_and_the_largest_of_it() -> None:
    rows = patches(
        *(place(0, 0, size, size) for size in (2, 9, 4, 8)), seasonal=[False, True, False, True]
    )
    assert first_patches(rows, 3)["JCBH"].tolist() == ["000003", "000001", "000002"]


def test_two_runs_give_the_same_pictures(tmp_path: Path, pair: tuple[Scene, Scene]) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_change_outputs(tmp_path / name, patches(), *pair, Wanted(jctb=True, chips=2))
    one, two = (
        {path: (tmp_path / name / path).read_bytes() for path in listed(tmp_path / name)}
        for name in ("one", "two")
    )
    timed = {"field.xlsx", "jctb.gpkg"}  # hold the time of writing
    assert one.keys() == two.keys()
    assert all(one[path] == two[path] for path in one.keys() - timed)
