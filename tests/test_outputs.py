from __future__ import annotations

from pathlib import Path

import pytest

from yuxi_gis.errors import OutputError
from yuxi_gis.outputs import refuse_inputs, staged, staged_folder


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_staged_moves_a_whole_file(tmp_path: Path) -> None:
    with staged(tmp_path / "new" / "a.txt") as path:
        assert path.name == "a.txt"
        path.write_text("whole")
        assert not (tmp_path / "new" / "a.txt").exists()
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"
    assert names(tmp_path / "new") == ["a.txt"]


def test_staged_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("earlier")
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "a.txt", overwrite=True) as path:
        path.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "earlier"
    assert names(tmp_path) == ["a.txt"]


def test_existing_output_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("earlier")
    with pytest.raises(OutputError, match="exists already"), staged(tmp_path / "a.txt"):
        pytest.fail("work was done before the refusal")
    with pytest.raises(OutputError, match="is a folder"), staged(tmp_path, overwrite=True):
        pytest.fail("work was done before the refusal")


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), staged(tmp_path / "file" / "x.txt"):
        pytest.fail("work was done before the refusal")
    target = tmp_path / "file" / "out"
    with pytest.raises(OutputError, match="cannot be written"), staged_folder(target, owns=["a"]):
        pytest.fail("work was done before the refusal")


def test_staged_folder_keeps_foreign_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("the user's")
    (out / "stale.txt").write_text("of an earlier run")
    with pytest.raises(OutputError), staged_folder(out, owns=["a.txt"]):
        pytest.fail("work was done before the refusal")
    with staged_folder(out, owns=["a.txt", "stale.txt"], overwrite=True) as folder:
        (folder / "a.txt").write_text("new")
    assert names(out) == ["a.txt", "mine.txt"]
    assert names(tmp_path) == ["out"]


def test_inputs_are_refused_as_outputs(tmp_path: Path) -> None:
    (tmp_path / "in.gpkg").touch()
    (tmp_path / "link").symlink_to(tmp_path / "in.gpkg")
    refuse_inputs([tmp_path / "out.gpkg", tmp_path / "b.gpkg"], [tmp_path / "in.gpkg"])
    for outputs in ([tmp_path / "in.gpkg"], [tmp_path / "link"], [tmp_path / "a", tmp_path / "a"]):
        with pytest.raises(OutputError, match="is also an input"):
            refuse_inputs(outputs, [tmp_path / "in.gpkg"])
