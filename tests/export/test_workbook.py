"""The ledger, read back as a spreadsheet program would."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
import shapely

from yuxi_gis.checks import RULES, CheckResult, run_checks
from yuxi_gis.errors import OutputError
from yuxi_gis.export import workbook
from yuxi_gis.export.workbook import write_workbook

CODE = "5304020010010000001"
HOSTILE = ['=HYPERLINK("http://x")', "+1", "-1+1", "@SUM(A1)", "a\x0bb", "=cmd|' /C calc'!A0"]


@pytest.fixture(scope="module")
def result() -> CheckResult:
    n = len(HOSTILE) + 1
    shapes = [shapely.box(5e5 + 9 * i, 27e5, 500010 + 9 * i, 2700010) for i in range(n)]
    farmland = gpd.GeoDataFrame(
        {"DKBM": [CODE, *HOSTILE], "SCMJ": [102.0] + [100.0] * (n - 1), "SCMJM": 0.15},
        geometry=shapes,
        crs=4543,
    )
    homestead = gpd.GeoDataFrame(
        {"ZDDM": ["530402001001JC00001"], "HZXM": ["张三丰"], "HZZJHM": ["530402197001011234"]},
        geometry=[shapely.box(5e5, 27e5, 500010, 2700010)],
        crs=4543,
    )
    patch = gpd.GeoDataFrame(
        {"YJJBNTTBBH": ["530402001001000001"]},
        geometry=[shapely.box(5e5, 27e5, 500050, 2700050)],
        crs=4543,
    )
    return run_checks(
        {"farmland": farmland, "homestead": homestead, "protected_cropland": patch},
    )


@pytest.fixture(scope="module")
def path(result: CheckResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("book") / "findings.xlsx"
    write_workbook(path, result)
    return path


@pytest.fixture(scope="module")
def book(path: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(path)


def test_ledger_has_a_row_a_finding_under_chinese_headers(
    book: openpyxl.Workbook, result: CheckResult
) -> None:
    sheet = book["问题"]
    header = [cell.value for cell in sheet[1]]
    assert " ".join(header) == (
        "序号 规则 检查项 级别 图层 地块代码 相关图层 相关地块 问题 数值 限值 单位 面积（m²） "
        "处理方法 中心经度 中心纬度 备注"
    )
    assert sheet.max_row == len(result.findings) + 1
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:Q{sheet.max_row}"
    for number, (row, cells) in enumerate(
        zip(result.findings.itertuples(), sheet.iter_rows(min_row=2), strict=True), start=1
    ):
        values = dict(zip(header, (cell.value for cell in cells), strict=True))
        assert values["序号"] == number
        assert values["规则"] == row.rule
        assert values["检查项"] == RULES[row.rule].title_zh
        assert values["级别"] in ("错误", "警告")
        assert values["问题"] + values["处理方法"] == row.message_zh
        assert not values["备注"]
        if row.geometry is None:
            assert values["中心经度"] is None
        else:
            assert values["中心经度"] == pytest.approx(102.0, abs=0.01)
            assert values["中心纬度"] == pytest.approx(24.4, abs=0.01)


def test_codes_stay_text_and_numbers_numbers(book: openpyxl.Workbook) -> None:
    rows = [r for r in book["问题"].iter_rows(min_row=2) if r[1].value == "R01"]
    (row,) = rows
    assert row[5].value == CODE
    assert row[5].data_type == "s" and row[5].number_format == "@"
    assert (row[9].value, row[10].value, row[11].value) == (2, 0.1, "m²")
    assert row[9].data_type == "n"


def test_no_cell_is_a_formula(book: openpyxl.Workbook, path: Path) -> None:
    seen = set()
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@")):
                    seen.add(cell.value)
                    assert cell.quotePrefix, cell.coordinate
    assert {text for text in HOSTILE if text[0] in "=+-@"} <= seen
    with zipfile.ZipFile(path) as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/"):
                assert b"<f>" not in parts.read(name)


def test_nobody_is_named(path: Path) -> None:
    with zipfile.ZipFile(path) as parts:
        text = b"".join(parts.read(name) for name in parts.namelist()).decode("utf-8", "replace")
    assert "530402001001JC00001" in text
    assert "张三丰" not in text
    assert "530402197001011234" not in text


def test_suspicions_are_worded_as_such(book: openpyxl.Workbook) -> None:
    rows = [r for r in book["问题"].iter_rows(min_row=2, values_only=True) if r[1] == "L01"]
    assert rows
    assert all("疑似" in row[2] and "疑似" in row[8] and row[3] == "警告" for row in rows)
    note = " ".join(str(cell.value) for row in book["概况"]["A1:A3"] for cell in row)
    assert "疑似" in note and "核实" in note


def test_overview_counts_and_lists_what_was_not_run(
    book: openpyxl.Workbook, result: CheckResult
) -> None:
    rows = list(book["概况"].iter_rows(values_only=True))
    assert ("检查方案", f"通用 ({result.profile})") == rows[2][:2]
    assert ("DK", "农村承包地", 7, "EPSG:4543 CGCS2000 / 3-degree Gauss-Kruger CM 102E") in rows
    counts = {(r[0], r[2]): r[3] for r in rows if r[0] in RULES and isinstance(r[3], int)}
    assert sum(counts.values()) == len(result.findings)
    assert counts["T03", "错误"] == int((result.findings["rule"] == "T03").sum())
    told = [r for r in rows if r[0] in RULES and isinstance(r[3], str)]
    assert len(told) == len(result.not_run)


def test_rows_are_high_enough_for_their_text(book: openpyxl.Workbook) -> None:
    sheet = book["问题"]
    for row in range(2, sheet.max_row + 1):
        text = str(sheet.cell(row, 9).value)
        width = sum(1 if ord(c) < 0x1100 else 2 for c in text)
        assert sheet.row_dimensions[row].height >= 15 * (
            width // sheet.column_dimensions["I"].width
        )


def test_english(result: CheckResult, tmp_path: Path) -> None:
    write_workbook(tmp_path / "f.xlsx", result, lang="en")
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert book.sheetnames == ["Overview", "Findings"]
    first = dict(zip(*list(book["Findings"].iter_rows(max_row=2, values_only=True)), strict=True))
    assert first["Severity"] == "error"
    assert f"{first['What is wrong']} {first['How to mend it']}" == result.findings["message_en"][0]


def test_more_rows_than_a_sheet_takes_go_on_in_the_next(
    result: CheckResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "_ROWS_A_SHEET", 10)
    write_workbook(tmp_path / "f.xlsx", result)
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert book.sheetnames[:3] == ["概况", "问题", "问题 2"]
    assert sum(sheet.max_row - 1 for sheet in book.worksheets[1:]) == len(result.findings)
    assert book["问题 2"]["A2"].value == 11


def test_nothing_found_is_written_too(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"DKBM": [CODE]}, geometry=[shapely.box(5e5, 0, 500001, 1)], crs=4543)
    write_workbook(tmp_path / "f.xlsx", run_checks({"farmland": frame}, rules=["T03"]))
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert book["问题"].max_row == 1
    assert ("无", None, None, None) in list(book["概况"].iter_rows(values_only=True))


def test_an_existing_file_is_refused_and_kept(result: CheckResult, tmp_path: Path) -> None:
    path = tmp_path / "f.xlsx"
    path.write_text("mine")
    with pytest.raises(OutputError):
        write_workbook(path, result)
    assert path.read_text() == "mine"
