"""``check``: every output at once, baselines, profiles, mends, and Ctrl-C at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import openpyxl
import pyogrio
import pytest
import shapely

from tests.cli.conftest import Ran

Yuxi = Callable[..., Ran]
MAIN = "import sys; from yuxi_gis.cli import main; main(sys.argv[1:])"
ENDINGS = (".xlsx", ".html", ".gpkg", ".csv", ".json", ".sarif")
CODES = [f"530402001001000000{i}" for i in range(1, 7)]


def write_farmland(path: Path, overlaps: dict[int, float], **columns: object) -> Path:
    """Six fields of 20 m, 10 m apart; some reach over the next by some metres."""
    shapes = [
        shapely.box(5e5 + 30 * i, 27e5, 500_020 + 30 * i, 2_700_020)
        if i not in overlaps
        else shapely.box(5e5 + 30 * i, 27e5, 500_030 + 30 * i + overlaps[i], 2_700_020)
        for i in range(6)
    ]
    frame = gpd.GeoDataFrame({"DKBM": CODES} | columns, geometry=shapes, crs=4543)
    frame.to_file(path, layer="DK")
    return path


def report(ran: Ran) -> dict:  # type: ignore[type-arg]
    return dict(json.loads(ran.out))


def test_all_outputs_at_once(yuxi: Yuxi, tmp_path: Path) -> None:
    source = write_farmland(tmp_path / "DK.gpkg", {0: 2})
    outputs = [tmp_path / "out" / f"f{ending}" for ending in ENDINGS]
    args = [arg for path in outputs for arg in ("-o", path)]
    ran = yuxi("check", source, *args, "--lang", "zh")
    assert ran.code == 1, ran.err
    assert sorted(outputs[0].parent.iterdir()) == sorted(outputs)
    assert "荷花社区居民委员会" in openpyxl.load_workbook(outputs[0]).sheetnames
    assert "<svg" in outputs[1].read_text(encoding="utf-8")
    sarif = json.loads(outputs[5].read_text(encoding="utf-8"))
    places = [
        place["physicalLocation"]["artifactLocation"]["uri"]
        for entry in sarif["runs"][0]["results"]
        for place in entry["locations"]
    ]
    assert set(places) == {"DK.gpkg"}


def test_the_summary_is_told_from_the_whole_to_the_single(yuxi: Yuxi, tmp_path: Path) -> None:
    source = write_farmland(tmp_path / "DK.gpkg", dict.fromkeys(range(4), 2), DKMC="")
    out = yuxi("check", source, "--lang", "zh").out.splitlines()
    totals, first = out[0], out[1]
    assert totals.startswith("共 ") and "错误" in totals and "提示" in totals
    assert first.split()[0] == "A01" and first.split()[-1] == "必填"
    heading = out.index("T03 面重叠")
    lines = out[heading + 1 : heading + 5]
    assert all(line.startswith("  farmland 5304") for line in lines[:3])
    assert lines[3].startswith("  → 核实界址")
    assert any("未执行" in line for line in out)
    assert out[-1].startswith("检查方案：standard ")


def test_a_misplaced_layer_is_told_once(yuxi: Yuxi, tmp_path: Path) -> None:
    """By its finding; the exit code says that the input is wrong."""
    source = write_farmland(tmp_path / "DK.gpkg", {})
    frame = gpd.read_file(source, layer="DK")
    frame.set_geometry(frame.translate(34e6)).to_file(source, layer="DK")
    ran = yuxi("check", source, "--lang", "zh")
    assert ran.code == 2 and "S05" in ran.out
    assert (ran.out + ran.err).count("带有带号 34") == 1
    plain = yuxi("check", source, "--lang", "zh", "--profile", "geometry-only")
    assert plain.code == 2 and (plain.out + plain.err).count("带有带号 34") == 1


def test_unread_files_are_in_the_ledger(yuxi: Yuxi, tmp_path: Path) -> None:
    write_farmland(tmp_path / "DK.gpkg", {})
    (tmp_path / "ZJD.shp").write_bytes(b"nothing")
    ran = yuxi("check", tmp_path, "-o", tmp_path / "f.xlsx", "--json", "-q")
    assert ran.code == 2
    (lost,) = [row for row in report(ran)["findings"] if not row["layer"]]
    assert lost["rule"] == "S01" and "ZJD.shp" in lost["message_en"]
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    rows = list(book["未分村" if "未分村" in book.sheetnames else "No village"].values)
    assert any(row[1] == "S01" and "ZJD.shp" in str(row) for row in rows)


def test_baseline_keeps_remarks_and_tells_what_changed(yuxi: Yuxi, tmp_path: Path) -> None:
    source = write_farmland(tmp_path / "DK.gpkg", {0: 2, 2: 2})
    old = tmp_path / "old.xlsx"
    assert yuxi("check", source, "-o", old, "-q").code == 1
    book = openpyxl.load_workbook(old)
    for row in book.worksheets[1].iter_rows():
        if row[1].value == "T03":
            row[15].value = f"已通知 {row[5].value[-1]}"
    book.save(old)
    before = old.read_bytes()
    write_farmland(source, {2: 3, 4: 1})
    new = tmp_path / "new.gpkg"
    ran = yuxi("check", source, "--baseline", old, "-o", new, "--json", "-q")
    found = report(ran)
    overlaps = {
        row["feature"]: (row["state"], row["remark"])
        for row in found["findings"]
        if row["rule"] == "T03"
    }
    assert overlaps == {CODES[2]: ("remaining", "已通知 3"), CODES[4]: ("new", "")}
    gone = [(r["feature"], r["remark"]) for r in found["mended"] if r["rule"] == "T03"]
    assert gone == [(CODES[0], "已通知 1")]
    assert found["baseline"]["unknown"] == 0
    assert "findings_mended" in [name for name, _ in pyogrio.list_layers(new)]
    # From there, the next time; and the terminal says so.
    again = yuxi("check", source, "--baseline", new, "--lang", "en")
    assert f"0 new, {len(found['findings'])} remaining, 0 mended" in again.out
    # The earlier result is no output.
    refused = yuxi("check", source, "--baseline", old, "-o", old, "--overwrite")
    assert refused.code == 2 and old.read_bytes() == before
    assert yuxi("check", source, "--baseline", source).code == 2


def test_profile(yuxi: Yuxi, tmp_path: Path) -> None:
    source = write_farmland(tmp_path / "DK.gpkg", {0: 2})
    own = tmp_path / "own.toml"
    own.write_text(
        'id = "own"\nversion = "3"\ntitle_zh = "自定"\ntitle_en = "Own"\n'
        'without = ["A", "S", "T"]\n',
        encoding="utf-8",
    )
    found = report(yuxi("check", source, "--profile", own, "--json", "-q"))
    assert found["profile"]["id"] == "own" and found["profile"]["version"] == "3"
    assert not {row["rule"][0] for row in found["findings"]} & set("AST")
    out = yuxi("check", source, "--profile", own, "--lang", "zh").out
    assert "检查方案：own 3" in out and "检查方案 own 不含此规则" in out
    wrong = yuxi("check", source, "--profile", "nothing", "-o", tmp_path / "o.csv", "--lang", "en")
    assert wrong.code == 2 and "There is no profile nothing" in wrong.err
    assert not (tmp_path / "o.csv").exists()


def test_fix_writes_a_copy_and_lists_each_mend(yuxi: Yuxi, tmp_path: Path) -> None:
    source = write_farmland(tmp_path / "DK.gpkg", {}, DKMC=" 大田 ")
    before = source.read_bytes()
    copy = tmp_path / "copy.gpkg"
    ran = yuxi("check", source, "--fix", copy, "--json", "-q")
    mends = report(ran)["mends"]
    assert len(mends) == 6 and all(row["done"] for row in mends)
    assert gpd.read_file(copy, layer="DK")["DKMC"].tolist() == ["大田"] * 6
    assert source.read_bytes() == before
    out = yuxi("check", source, "--fix", copy, "--overwrite", "--lang", "zh").out
    assert "已修补 6 处，未修补 0 处" in out
    again = yuxi("check", copy, "--fix", tmp_path / "again.gpkg", "--json", "-q")
    assert report(again)["mends"] == []
    assert yuxi("check", source, "--fix", tmp_path / "copy.shp").code == 2
    assert yuxi("check", source, "--fix", source, "--overwrite").code == 2
    assert source.read_bytes() == before


def test_nothing_read_leaves_nothing(yuxi: Yuxi, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("DK.shp", "ZJD.shp"):
        (tmp_path / "in" / name).write_bytes(b"nothing")
    ran = yuxi("check", tmp_path / "in", "-o", tmp_path / "o.html", "--lang", "en")
    assert ran.code == 2 and "DK.shp" in ran.err and "ZJD.shp" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_interrupted_at_any_moment_all_or_nothing(tmp_path: Path) -> None:
    """Ctrl-C at several moments of a run: all outputs are there, or none and no rest of them."""
    source = write_farmland(tmp_path / "DK.gpkg", {0: 2, 2: 2})
    args = [arg for ending in ENDINGS for arg in ("-o", str(tmp_path / "out" / f"f{ending}"))]
    command = [sys.executable, "-c", MAIN, "check", str(source), *args]

    def run(after: float | None) -> tuple[int, float, list[str]]:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if after is not None:
            time.sleep(after)
            process.send_signal(signal.SIGINT)
        code = process.wait(60)
        took = time.monotonic() - start
        names = (
            [p.name for p in (tmp_path / "out").iterdir()] if (tmp_path / "out").exists() else []
        )
        for name in names:
            (tmp_path / "out" / name).unlink()
        return code, took, sorted(names)

    whole = sorted(f"f{ending}" for ending in ENDINGS)
    code, took, names = run(None)
    assert (code, names) == (1, whole)
    seen = set()
    for share in (0.5, 0.8, 0.95):
        code, _, names = run(took * share)
        assert names in ([], whole), share
        seen.add(bool(names))
    assert False in seen
