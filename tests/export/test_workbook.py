"""The ledger, read back as a spreadsheet program would."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from openpyxl.cell import Cell

from yuxi_gis.checks import RULES, CheckResult, run_checks
from yuxi_gis.errors import OutputError
from yuxi_gis.export import workbook
from yuxi_gis.export.spreadsheet import sheet_title
from yuxi_gis.export.workbook import write_workbook
from yuxi_gis.regions import region_names

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


def ledger(book: openpyxl.Workbook) -> list[dict[str, Cell]]:
    """The rows of all sheets of findings, by header."""
    rows: list[dict[str, Cell]] = []
    for sheet in book.worksheets[1:]:
        header = [cell.value for cell in sheet[1]]
        rows += [dict(zip(header, cells, strict=True)) for cells in sheet.iter_rows(min_row=2)]
    return rows


def test_every_finding_is_in_the_sheet_of_its_village(
    book: openpyxl.Workbook, result: CheckResult
) -> None:
    assert book.sheetnames == ["概况", "荷花社区居民委员会", "未分村"]
    village = result.about["region"] == "530402001001"
    for name, mask in (("荷花社区居民委员会", village), ("未分村", ~village)):
        sheet = book[name]
        assert " ".join(cell.value for cell in sheet[1]) == (
            "序号 规则 检查项 级别 图层 地块代码 相关图层 相关地块 问题 数值 限值 单位 面积（m²） "
            "处理方法 状态 备注 村（代码） 中心经度 中心纬度"
        )
        assert sheet.freeze_panes == "A2"
        assert sheet.max_row == mask.sum() + 1 > 2
        assert sheet.auto_filter.ref == f"A1:S{sheet.max_row}"
        assert sheet.print_title_rows == "$1:$1"


def test_a_row_says_all_that_is_known(book: openpyxl.Workbook, result: CheckResult) -> None:
    village = result.about["region"] == "530402001001"
    found = pd.concat([result.findings[village], result.findings[~village]])
    for row, cells in zip(found.itertuples(), ledger(book), strict=True):
        values = {name: cell.value for name, cell in cells.items()}
        assert values["规则"] == row.rule
        assert values["检查项"] == RULES[row.rule].title_zh
        assert values["级别"] in ("错误", "警告", "提示")
        assert values["处理方法"] == RULES[row.rule].mend("zh")
        assert values["问题"] + values["处理方法"] == row.message_zh
        assert values["状态"] is None and values["备注"] is None
        assert not cells["备注"].protection.locked
        assert (values["村（代码）"] is None) == (not result.about["region"][row.Index])
        if row.geometry is None:
            assert values["中心经度"] is None
        else:
            assert values["中心经度"] == pytest.approx(102.0, abs=0.01)
            assert values["中心纬度"] == pytest.approx(24.4, abs=0.01)
    numbers = [cells["序号"].value for cells in ledger(book)]
    assert numbers[: village.sum()] == list(range(1, village.sum() + 1))


def test_codes_stay_text_and_numbers_numbers(book: openpyxl.Workbook) -> None:
    (row,) = [row for row in ledger(book) if row["规则"].value == "R01"]
    assert row["地块代码"].value == CODE
    assert row["地块代码"].data_type == "s" and row["地块代码"].number_format == "@"
    assert [row[name].value for name in ("数值", "限值", "单位")] == [2, 0.1, "m²"]
    assert row["数值"].data_type == "n"


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
    rows = [row for row in ledger(book) if row["规则"].value == "L01"]
    assert rows
    for row in rows:
        assert "疑似" in row["检查项"].value and "疑似" in row["问题"].value
        assert row["级别"].value == "警告"
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
    start = next(i for i, row in enumerate(rows) if row[0] == "未执行")
    told = [(rule, row[3], row[2]) for row in rows[start + 1 :] for rule in row[0].split()]
    titles = {name: layer.spec.title_zh for name, layer in result.layers.items()}
    not_run = {(n.rule, n.reason_zh, titles.get(n.layer, n.layer)) for n in result.not_run}
    assert len(told) == len(set(told)) == len(not_run)
    given = [row for row in told if row[2] in titles.values()]
    assert set(given) == {row for row in not_run if row[2] in titles.values()}
    assert told[: len(given)] == given  # what was not given comes last


def test_on_paper_are_the_columns_up_to_the_remark(book: openpyxl.Workbook) -> None:
    for sheet in book.worksheets[1:]:
        last = next(cell.column_letter for cell in sheet[1] if cell.value == "备注")
        assert sheet.print_area == f"'{sheet.title}'!$A$1:${last}${sheet.max_row}"
        assert sheet.page_setup.paperSize == 8 and sheet.page_setup.fitToHeight == 0


def test_the_overview_leads_to_the_sheets(book: openpyxl.Workbook) -> None:
    links = {
        row[0].value: (row[0].hyperlink.location, row[2].value)
        for row in book["概况"].iter_rows()
        if row[0].hyperlink
    }
    assert links == {name: (f"'{name}'!A1", book[name].max_row - 1) for name in book.sheetnames[1:]}


def test_rows_are_high_enough_for_their_text(book: openpyxl.Workbook) -> None:
    for sheet in book.worksheets[1:]:
        for row in range(2, sheet.max_row + 1):
            for column in "IN":
                text = str(sheet[f"{column}{row}"].value)
                width = sum(1 if ord(c) < 0x1100 else 2 for c in text)
                lines = width // sheet.column_dimensions[column].width
                assert sheet.row_dimensions[row].height >= 15 * lines


def test_english(result: CheckResult, tmp_path: Path) -> None:
    write_workbook(tmp_path / "f.xlsx", result, lang="en", reading=[("甲", "was moved")])
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert book.sheetnames == ["Overview", "荷花社区居民委员会", "No village"]
    first = ledger(book)[0]
    assert first["Severity"].value in ("error", "warning")
    told = f"{first['What is wrong'].value} {first['How to mend it'].value}"
    assert told in set(result.findings["message_en"])
    assert ("On reading", "was moved") in [
        row[:2] for row in book["Overview"].iter_rows(values_only=True)
    ]


def test_states_remarks_and_what_is_mended(result: CheckResult, tmp_path: Path) -> None:
    state = ["new", *["remaining"] * (len(result.findings) - 1)]
    about = result.about.assign(state=state, remark="已问王五 13812345678")
    mended = result.findings[:2].assign(region="530402001001", state="mended", remark="=好")
    write_workbook(tmp_path / "f.xlsx", replace(result, about=about, mended=mended))
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert book.sheetnames[-1] == "已整改"
    rows = ledger(book)
    states = [row["状态"].value for row in rows]
    assert states.count("新增") == 1 and states.count("已整改") == 2
    assert {row["备注"].value for row in rows[:-2]} == {"已问王五 138******78"}
    assert rows[-1]["备注"].value == "=好" and rows[-1]["备注"].quotePrefix
    overview = [row[:2] for row in book["概况"].iter_rows(values_only=True)]
    assert ("与上次相比", f"新增 1，仍存在 {len(about) - 1}，已整改 2") in overview


def test_villages_of_one_name_and_many_villages(result: CheckResult, tmp_path: Path) -> None:
    """There are two 新村村委会 or the like; whatever a code is, its sheet has a name of its own."""
    names = [code for code in region_names() if len(code) == 12][:80]
    unknown = [f"53049900{i:04d}" for i in range(9000, 9010)]
    n = len(names) + len(unknown)
    findings = result.findings.iloc[np.zeros(n, dtype=int)].reset_index(drop=True)
    about = pd.DataFrame({"region": [*names, *unknown], "state": "", "remark": ""}, dtype="str")
    write_workbook(tmp_path / "f.xlsx", replace(result, findings=findings, about=about))
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert len(book.sheetnames) == n + 1
    assert {sheet.max_row for sheet in book.worksheets[1:]} == {2}
    assert {row["村（代码）"].value.split()[-1] for row in ledger(book)} == {*names, *unknown}
    assert sum(bool(row[0].hyperlink) for row in book["概况"].iter_rows()) == n


@pytest.mark.parametrize(
    "text",
    ["", "a:b\\c/d?e*f[g]h", "'quoted'", "村" * 40, "\x00\u202e\ud800", "History", "𠀀" * 31],
)
def test_sheet_titles_are_such_as_excel_takes(text: str) -> None:
    taken: set[str] = set()
    titles = [sheet_title(text, taken) for _ in range(12)]
    assert len({title.casefold() for title in titles}) == 12
    for title in titles:
        assert 0 < len(title.encode("utf-16-le")) // 2 <= 31
        assert not set(title) & set("[]:*?/\\\x00\u202e")
        assert title.strip("' ") == title and title.casefold() != "history"


def test_more_rows_than_a_sheet_takes_go_on_in_the_next(
    result: CheckResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "ROWS_A_SHEET", 2)
    write_workbook(tmp_path / "f.xlsx", result)
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert book.sheetnames[1:3] == ["荷花社区居民委员会", "荷花社区居民委员会 2"]
    assert len(ledger(book)) == len(result.findings)


def test_nothing_found_is_written_too(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"DKBM": [CODE]}, geometry=[shapely.box(5e5, 0, 500001, 1)], crs=4543)
    write_workbook(tmp_path / "f.xlsx", run_checks({"farmland": frame}, rules=["T03"]))
    book = openpyxl.load_workbook(tmp_path / "f.xlsx")
    assert book.sheetnames == ["概况"]
    assert ("无", None, None, None) in list(book["概况"].iter_rows(values_only=True))


def test_an_existing_file_is_refused_and_kept(result: CheckResult, tmp_path: Path) -> None:
    path = tmp_path / "f.xlsx"
    path.write_text("mine")
    with pytest.raises(OutputError):
        write_workbook(path, result)
    assert path.read_text() == "mine"
