"""New, remaining, mended: told from planted runs, and read back from each output."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from yuxi_gis.checks import CheckResult, run_checks
from yuxi_gis.checks.baseline import compare, tally
from yuxi_gis.errors import SourceError
from yuxi_gis.export.earlier import read_earlier
from yuxi_gis.export.geopackage import write_findings
from yuxi_gis.export.table import write_json
from yuxi_gis.export.workbook import write_workbook

CODES = [f"530402001001000000{i}" for i in range(1, 7)]
WRITERS = {".gpkg": write_findings, ".xlsx": write_workbook, ".json": write_json}


def farmland(overlaps: dict[int, float], **columns: object) -> gpd.GeoDataFrame:
    """Six squares of 20 m in a row, 30 m apart; some reach over their right neighbour by some
    metres."""
    east = [500_000.0 + 30 * i for i in range(6)]
    shapes = [
        shapely.box(x, 2_700_000, x + 20 + (10 + overlaps[i] if i in overlaps else 0), 2_700_020)
        for i, x in enumerate(east)
    ]
    return gpd.GeoDataFrame({"DKBM": CODES, **columns}, geometry=shapes, crs=4543)


def run(frame: gpd.GeoDataFrame, *rules: str) -> CheckResult:
    return run_checks({"farmland": frame}, rules=rules or ("T03",))


def states(result: CheckResult) -> dict[str, str]:
    return dict(zip(result.findings["feature"], result.about["state"], strict=True))


def test_new_remaining_and_mended() -> None:
    old = run(farmland({0: 2, 2: 2}))
    now = compare(run(farmland({2: 3, 4: 2})), old.findings.assign(remark="看过"))
    assert states(now) == {CODES[2]: "remaining", CODES[4]: "new"}
    assert now.about["remark"].tolist() == ["看过", ""]
    assert now.mended[["feature", "state", "remark"]].values.tolist() == [
        [CODES[0], "mended", "看过"]
    ]
    assert shapely.equals_exact(now.mended.geometry[0], old.findings.geometry[0], 1e-6)
    assert tally(now, 2) == {"new": 1, "remaining": 1, "mended": 1, "unknown": 0}


def test_the_same_run_again_changes_nothing_whatever_the_order() -> None:
    frame = farmland({0: 2, 2: 2, 4: 1}, DKLB=["99", "98", None, "10", "10", "x"])
    rules = ("T03", "A01", "A02")
    first = run(frame, *rules)
    shuffled = first.findings.sample(frac=1, random_state=3).reset_index(drop=True)
    again = compare(run(frame.sample(frac=1, random_state=1), *rules), shuffled)
    assert len(first.findings) > 5
    assert set(again.about["state"]) == {"remaining"} and again.mended.empty


def test_row_labels_say_nothing_and_places_do() -> None:
    """Without codes, two rows are put before: #1 … are other parcels now."""
    frame = farmland({0: 2, 4: 2}).drop(columns="DKBM")
    old = run(frame).findings.assign(remark=["first", "last"])
    before = farmland({})[4:6].drop(columns="DKBM")
    before.geometry = before.translate(0, 500)
    longer = pd.concat([before, frame], ignore_index=True)
    now = compare(run(longer), old)
    assert now.findings["feature"].tolist() == ["#3", "#7"]
    assert now.about["remark"].tolist() == ["first", "last"] and now.mended.empty
    moved = longer.assign(geometry=longer.translate(0, 50))
    away = compare(run(moved), old)
    assert set(away.about["state"]) == {"new"} and len(away.mended) == 2


def test_a_parcel_that_got_its_code_is_the_same_by_its_place() -> None:
    frame = farmland({0: 2})
    old = run(frame.assign(DKBM=[None, *CODES[1:]])).findings.assign(remark="r")
    assert old["feature"][0].startswith("#")
    now = compare(run(frame), old)
    assert now.about["remark"].tolist() == ["r"] and now.mended.empty


def test_of_several_the_nearest() -> None:
    """A long parcel is overlapped by one neighbour at three places, then at two."""
    long = shapely.box(500_000, 2_700_000, 500_300, 2_700_010)

    def comb(*teeth: float) -> gpd.GeoDataFrame:
        back = shapely.box(500_000, 2_700_020, 500_300, 2_700_030)
        parts = [shapely.box(500_000 + x, 2_700_008, 500_003 + x, 2_700_021) for x in teeth]
        shapes = [long, shapely.union_all([back, *parts])]
        return gpd.GeoDataFrame({"DKBM": CODES[:2]}, geometry=shapes, crs=4543)

    def parts(result: CheckResult) -> CheckResult:
        table = result.findings.explode(ignore_index=True)
        about = pd.DataFrame("", index=table.index, columns=result.about.columns, dtype="str")
        return replace(result, findings=table, about=about)

    old = parts(run(comb(10, 100, 200))).findings
    old["remark"] = [f"{shape.centroid.x - 500_000:.1f}" for shape in old.geometry]
    now = compare(parts(run(comb(11, 201))), old)
    places = [shape.centroid.x for shape in now.findings.geometry]
    kept = dict(zip(places, now.about["remark"], strict=True))
    assert [kept[x] for x in sorted(kept)] == ["11.5", "201.5"]
    assert now.mended["remark"].tolist() == ["101.5"]


def test_another_field_of_the_same_parcel_is_another_fault() -> None:
    old = run(farmland({}, DKLB="10", DKMC=None, SYQXZ="30"), "A01").findings
    now = compare(run(farmland({}, DKLB=None, DKMC="田", SYQXZ="30"), "A01"), old)
    changed = now.findings["message_zh"].str.contains("DKLB")
    assert changed.any()
    assert set(now.about["state"][changed]) == {"new"}
    assert now.mended["message_zh"].str.contains("DKMC").all() and len(now.mended) == 6


def test_data_moved_to_another_crs() -> None:
    frame = farmland({0: 2, 4: 2})
    old = run(frame).findings
    for crs in (4522, 4490):
        for codes in (CODES, None):
            before = run(frame if codes else frame.drop(columns="DKBM")).findings
            moved = frame.to_crs(crs) if codes else frame.drop(columns="DKBM").to_crs(crs)
            now = compare(run(moved), before)
            assert set(now.about["state"]) == {"remaining"} and now.mended.empty, (crs, codes)
    clean = compare(run(farmland({}).to_crs(4522)), old)
    assert clean.mended.crs == 4522
    assert clean.mended.total_bounds[0] > 34_000_000


def test_what_was_not_judged_is_not_mended(tmp_path: Path) -> None:
    old = run(farmland({0: 2}, DKLB="99"), "T03", "A02").findings
    assert set(old["rule"]) == {"T03", "A02"}
    profile = tmp_path / "own.toml"
    words = 'id = "own"\nversion = "1"\ntitle_zh = "自定"\ntitle_en = "Own"\nwithout = ["A"]\n'
    profile.write_text(words, encoding="utf-8")
    other = run_checks({"farmland": farmland({})}, profile=profile)
    now = compare(other, old)
    assert set(now.mended["rule"]) == {"T03"}
    assert tally(now, len(old))["unknown"] == (old["rule"] == "A02").sum() > 0
    # Rules asked for by name; the field missing; the layer missing; a rule that is no more.
    assert compare(run(farmland({}), "T03"), old, rules=["T03"]).mended["rule"].tolist() == ["T03"]
    points = gpd.GeoDataFrame({"ZDDM": ["x"]}, geometry=[shapely.box(5e5, 27e5, 5e5 + 1, 27e5 + 1)],
                              crs=4543)  # fmt: skip
    assert compare(run_checks({"homestead": points}), old).mended.empty
    assert compare(run(farmland({})), old.assign(rule="T99")).mended.empty


def test_nothing_before_nothing_now() -> None:
    clean, faulty = run(farmland({})), run(farmland({0: 2}))
    assert compare(clean, clean.findings).mended.empty
    assert set(compare(faulty, clean.findings).about["state"]) == {"new"}
    assert len(compare(clean, faulty.findings).mended) == 1


def test_unread_files_are_compared_too() -> None:
    def unread(*names: str) -> CheckResult:
        errors = [SourceError(f"{n}：打不开", f"{n}: cannot be opened") for n in names]
        return run_checks({"farmland": farmland({})}, rules=["T03"], unread=errors)

    now = compare(unread("b.shp", "c.shp"), unread("a.shp", "b.shp").findings)
    said = dict(zip(now.findings["message_en"].str[:5], now.about["state"], strict=True))
    assert said == {"b.shp": "remaining", "c.shp": "new"}
    assert now.mended["message_en"].str.startswith("a.shp").tolist() == [True]


def test_many_at_one_place_pair_one_to_one() -> None:
    faulty = run(farmland({0: 2}))
    many = faulty.findings.loc[[0] * 3000].reset_index(drop=True)
    about = pd.DataFrame("", index=many.index, columns=faulty.about.columns, dtype="str")
    now = compare(replace(faulty, findings=many, about=about), many[:2000])
    assert tally(now, 2000) == {"new": 1000, "remaining": 2000, "mended": 0, "unknown": 0}


# Read back ------------------------------------------------------------------------------------


@pytest.fixture
def before() -> CheckResult:
    frame = farmland({0: 2, 2: 2}, DKLB=["99", "10", "10", "10", "10", None])
    return run(frame, "T03", "A01", "A02", "S09")


@pytest.mark.parametrize("ending", sorted(WRITERS))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_output_is_a_baseline(
    before: CheckResult, ending: str, lang: str, tmp_path: Path
) -> None:
    path = tmp_path / f"old{ending}"
    about = before.about.assign(remark=[f"备注{i}" for i in before.about.index])
    WRITERS[ending](path, replace(before, about=about), lang=lang)
    old = read_earlier(path)
    assert len(old) == len(before.findings) > 8
    now = compare(before, old)
    assert set(now.about["state"]) == {"remaining"} and now.mended.empty
    assert now.about["remark"].tolist() == about["remark"].tolist()
    assert old["severity"].tolist() == before.findings["severity"].tolist()
    clean = compare(run(farmland({}), "T03"), old, rules=["T03"])
    assert sorted(clean.mended["feature"]) == [CODES[0], CODES[2]]
    assert clean.mended.geometry.notna().all()
    # What was mended before is not mended again.
    WRITERS[ending](tmp_path / f"new{ending}", clean)
    assert read_earlier(tmp_path / f"new{ending}").empty


def test_remarks_typed_into_the_workbook_come_back(before: CheckResult, tmp_path: Path) -> None:
    """The clerk sorts the sheet, puts a title above it, swaps columns and deletes a row."""
    path = tmp_path / "old.xlsx"
    write_workbook(path, before)
    book = openpyxl.load_workbook(path)
    sheet = book["荷花社区居民委员会"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    head, body = rows[0], rows[1:]
    remark, code = head.index("备注"), head.index("地块代码")
    for row in body:
        row[remark] = f"已核 {row[code]}" if row[head.index("规则")] == "T03" else None
    random.Random(4).shuffle(body)
    body = [row for row in body if row[code] != CODES[2]]
    sheet.delete_rows(1, sheet.max_row)
    sheet.append(["某村整改台账"])
    for row in [head, *body]:
        sheet.append(row[::-1])
    book.save(path)
    now = compare(before, read_earlier(path))
    overlaps = now.findings["rule"] == "T03"
    assert now.about["remark"][overlaps].tolist() == [f"已核 {CODES[0]}", ""]
    assert states(now)[CODES[2]] == "new"


def test_remarks_typed_into_the_package_come_back(before: CheckResult, tmp_path: Path) -> None:
    path = tmp_path / "old.gpkg"
    write_findings(path, before)
    frame = pyogrio.read_dataframe(path, layer="findings")
    frame.loc[frame["rule"] == "T03", "remark"] = "现场看过"
    pyogrio.write_dataframe(frame, path, layer="findings", append=False)
    now = compare(before, read_earlier(path))
    assert now.about["remark"][now.findings["rule"] == "T03"].tolist() == ["现场看过"] * 2


def test_what_is_no_earlier_result_is_refused(before: CheckResult, tmp_path: Path) -> None:
    for name, content in {
        "a.xlsx": b"PK\x03\x04 no", "b.json": b"[1, 2]", "c.json": b'{"findings": [{"rule": 1}]}',
        "d.gpkg": b"SQLite format 3\x00 no", "e.csv": b"rule\n", "f.json": b"\xff\xfe",
        "g.json": b'{"findings": 3, "layers": []}',
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=name):
            read_earlier(tmp_path / name)
    with pytest.raises(SourceError, match="there is no such file"):
        read_earlier(tmp_path / "none.xlsx")
    empty = openpyxl.Workbook()
    empty.save(tmp_path / "h.xlsx")
    farmland({}).to_file(tmp_path / "i.gpkg", layer="DK")
    for name in ("h.xlsx", "i.gpkg"):
        with pytest.raises(SourceError, match="no result of the checks"):
            read_earlier(tmp_path / name)
