"""Reads mutants of one format, one line of JSON for each; run by test_mutants in a process.

``python -m tests.fuzz.worker SEEDS WORK FIRST COUNT``: SEEDS is a folder with one good source,
WORK a folder of its own.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.fuzz.mutate import mutate

#: Far above what these small files need (less than 0.5 GB with all libraries loaded).
_MEMORY = 6 << 30
_SAYS_BUG = ("Traceback", "Internal error", "程序内部错误", "MemoryError")


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _read(source: Path, out: Path, seed: int) -> tuple[int, str]:
    """What the command line does with a source: exit code and stderr."""
    from yuxi_gis.cli import main

    told = ["--crs", "EPSG:4543", "-q", "--lang", "en"]
    args = ["info", str(source), "--json", *told]
    if seed % 5 == 0:
        args = ["convert", str(source), str(out / "out.gpkg"), *told]
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    std = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(std), redirect_stderr(err):
        try:
            main(args)
        except SystemExit as stop:
            code = int(stop.code or 0)
    err.flush()
    return code, err.buffer.getvalue().decode()  # type: ignore[attr-defined]


def _one(seeds: Path, work: Path, seed: int) -> dict[str, object]:
    for name in ("in", "out"):
        shutil.rmtree(work / name, ignore_errors=True)
        (work / name).mkdir(parents=True)
    done = mutate(seeds, work / "in", seed)
    before = {p.name: p.read_bytes() for p in (work / "in").iterdir()}
    code, err = _read(work / "in", work / "out", seed)
    wrong = [word for word in _SAYS_BUG if word in err]
    if code not in (0, 2):
        wrong.append(f"exit code {code}")
    if {p.name: p.read_bytes() for p in (work / "in").iterdir()} != before:
        wrong.append("the source was changed")
    if {p.name for p in (work / "out").iterdir()} - {"out.gpkg"}:
        wrong.append("something else was written")
    if {p.name for p in work.iterdir()} != {"in", "out"}:
        wrong.append("something was written outside")
    return {"seed": seed, "done": done, "code": code, "wrong": wrong, "err": err[-2000:]}


def run(seeds: Path, work: Path, first: int, count: int) -> None:
    os.environ.pop("YUXI_GIS_DEBUG", None)
    _limit_memory()
    for seed in range(first, first + count):
        print(json.dumps({"begins": seed}), flush=True)
        print(json.dumps(_one(seeds, work, seed)), flush=True)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
