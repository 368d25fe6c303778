"""``check --tile``: the same findings in every output, scratch files gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.cli.test_check import ENDINGS, MAIN, write_farmland
from yuxi_gis.cli import _checking

Yuxi = Callable[..., Ran]


def test_all_outputs_are_those_of_a_check_without_tiles(
    yuxi: Yuxi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    source = write_farmland(tmp_path / "DK.gpkg", {0: 2, 3: 5})
    for name, more in (("whole", ()), ("tiled", ("--tile", "0.03"))):
        (tmp_path / name).mkdir()
        outputs = [arg for end in ENDINGS for arg in ("-o", tmp_path / name / f"f{end}")]
        ran = yuxi("check", source, *outputs, *more, "--json")
        assert ran.code == 1, ran.err
        (tmp_path / name / "told.json").write_text(ran.out, encoding="utf-8")
    for name in ("told.json", "f.html", "f.csv", "f.json", "f.sarif"):
        whole, tiled = ((tmp_path / how / name).read_bytes() for how in ("whole", "tiled"))
        assert whole == tiled, name
    assert "<svg" in (tmp_path / "tiled" / "f.html").read_text(encoding="utf-8")
    assert not list(scratch.iterdir())
    # … and a tiled check is held against an earlier one.
    ran = yuxi(
        "check", source, "--tile", "0.03", "--baseline", tmp_path / "whole" / "f.gpkg", "--json"
    )
    data = json.loads(ran.out)
    assert data["findings"] and {row["state"] for row in data["findings"]} == {"remaining"}


def test_what_cannot_be_done_in_tiles_is_refused(yuxi: Yuxi, tmp_path: Path) -> None:
    source = write_farmland(tmp_path / "DK.gpkg", {})
    ran = yuxi("check", source, "--tile", "2", "--fix", tmp_path / "m.gpkg", "--lang", "en")
    assert ran.code == 2 and "--fix cannot be used with --tile" in ran.err
    assert not (tmp_path / "m.gpkg").exists()
    assert yuxi("check", source, "--tile", "0").code == 2


def test_tiles_are_recommended_where_memory_would_not_do(
    yuxi: Yuxi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_farmland(tmp_path / "DK.gpkg", {})
    assert "--tile" not in yuxi("check", source, "--lang", "en").err
    monkeypatch.setattr(_checking, "_memory", lambda: 10_000.0)
    assert "6 shapes, memory may not suffice: --tile 5" in yuxi("check", source, "--lang", "en").err
    assert "--tile" not in yuxi("check", source, "--lang", "en", "--tile", "1").err


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_no_scratch(tmp_path: Path, stop: signal.Signals) -> None:
    source = write_farmland(tmp_path / "DK.gpkg", {0: 2})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    words = ["check", str(source), "--tile", "0.001", "-o", str(tmp_path / "f.xlsx")]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 30
    while not any(scratch.glob("yuxi-gis-*")) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert process.poll() is None and any(scratch.glob("yuxi-gis-*"))
    process.send_signal(stop)
    assert process.wait(30) == 2
    assert not list(scratch.iterdir())
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".xlsx"] == []
