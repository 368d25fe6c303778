"""Ledgers as clerks keep them: workbooks written here with openpyxl, text written byte by byte.

``data/ledger.xls`` is a small invented ledger (title, unit row, header of two rows, three parcels
of two households, a total), written with openpyxl and saved as Excel 97 by LibreOffice 7.4.
"""

from __future__ import annotations

import datetime
import io
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.errors import SourceError, YuxiGisError
from yuxi_gis.read import ledger
from yuxi_gis.read.table import Note, Options, RawTable

_ID, _ID2 = "530402197001010018", "530402196502030027"
_CODE = "53040210020001{:05d}"


def _save(path: Path, *sheets: list[list], merge: tuple[str, ...] = ()) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"台账{number or ''}")
        for row in rows:
            sheet.append(row)
        for cells in merge:
            sheet.merge_cells(cells)
    book.save(path)
    return path


def _write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _one(path: Path, **options: str) -> tuple[RawTable, pd.DataFrame]:
    (table,) = ledger.open(path, Options(**options))
    frame, notes = table.load()
    assert notes == () and len(frame) == table.rows
    assert tuple(frame.columns.drop("geometry", errors="ignore")) == table.columns
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    assert len(frame.attrs["file_rows"]) == len(frame)
    return table, frame


def _note(table: RawTable, what: str) -> Note:
    (note,) = [note for note in table.notes if note.what == what]
    return note


def _whats(table: RawTable) -> set[str]:
    return {note.what for note in table.notes}


def _decided(table: RawTable, what: str) -> tuple[str, str]:
    (decision,) = [decision for decision in table.decisions if decision.what == what]
    return decision.value, decision.confidence


# --------------------------------------------------------------------------- a whole ledger

_HEADER = [
    ["序号", "承包方", None, "地块", None, "面积", None],
    [None, "姓名", "身份证\n号码", "地块编码", "地块名称", "合同面积", "实测面积"],
]


@pytest.fixture
def clerks_ledger(tmp_path: Path) -> Path:
    """Title, unit row, two rows of header, column numbers, totals, a second page, signatures."""
    rows = [
        ["红塔区某村承包地块台账"],
        ["填报单位：某村", None, None, None, None, None, "单位：亩"],
        *_HEADER,
        [1, 2, 3, 4, 5, 6, 7],
        [1, "张三", _ID + " ", _CODE.format(1), "大田", 2.5, 2.6],
        [2, None, None, _CODE.format(2), "大田", 3.5, 3.6],
        [3, "李四", "'" + _ID2, _CODE.format(3), "合计田", 1.5, 1.6],
        ["小  计", None, None, None, None, 7.5, 7.8],
        ["红塔区某村承包地块台账"],
        *_HEADER,
        [],
        [4, "王五", _ID, _CODE.format(4), "沟边", "4.5", 4.6],
        ["合计", None, None, None, None, 12, 12.4],
        ["填表人：张三", None, None, "审核人：李四"],
    ]
    merge = ("A1:G1", "A3:A4", "B3:C3", "D3:E3", "F3:G3", "B6:B7", "C6:C7", "F6:F7")
    return _save(tmp_path / "t.xlsx", rows, merge=merge)


def test_a_clerks_ledger(clerks_ledger: Path) -> None:
    table, frame = _one(clerks_ledger)
    assert table.name == "台账" and table.geometry is None
    assert frame.to_dict("list") == {
        "序号": [1, 2, 3, 4],
        "承包方/姓名": ["张三", "张三", "李四", "王五"],
        "承包方/身份证号码": [_ID, _ID, _ID2, _ID],
        "地块/地块编码": [_CODE.format(n) for n in (1, 2, 3, 4)],
        "地块/地块名称": ["大田", "大田", "合计田", "沟边"],
        "HTMJM": pytest.approx([2.5, np.nan, 1.5, 4.5], nan_ok=True),
        "SCMJM": [2.6, 3.6, 1.6, 4.6],
    }
    assert _decided(table, "header") == ("3-4", "high")
    assert [d.value for d in table.decisions if d.what == "units"] == [
        "面积/合同面积 → HTMJM",
        "面积/实测面积 → SCMJM",
    ]


def test_every_row_that_is_left_out_is_named(clerks_ledger: Path) -> None:
    table, _ = _one(clerks_ledger)
    rows = {note.what: note.rows for note in table.notes}
    assert rows["title_row"] == (1, 2)
    assert rows["number_row"] == (5,)
    assert rows["total_row"] == (9, 15)
    assert rows["page_header"] == (10, 11, 12)
    assert rows["blank_row"] == (13,)
    assert rows["footer_row"] == (16,)
    assert rows["merged_filled"] == (7,)
    assert rows["code_trimmed"] == (6, 7, 8)
    assert rows["number_as_text"] == (14,)


def test_rows_are_known_by_their_numbers_in_the_file(clerks_ledger: Path, tmp_path: Path) -> None:
    assert _one(clerks_ledger)[1].attrs["file_rows"] == [6, 7, 8, 14]
    text = '台账,\n\nDKBM,wkt\n1,"POINT\n(1 2)"\n\n2,POINT (3 4)\n合计,\n3,\n'
    _, frame = _one(_write(tmp_path / "t.csv", text))
    assert frame["DKBM"].tolist() == ["1", "2", "3"]  # a record counts from its first line
    assert frame.attrs["file_rows"] == [4, 7, 9] and "geometry" in frame


def test_a_merged_area_is_not_repeated(clerks_ledger: Path) -> None:
    table, frame = _one(clerks_ledger)
    assert "合同面积" in _note(table, "merged_number").zh
    assert frame["HTMJM"].sum() == 8.5


def test_xls_by_libreoffice() -> None:
    table, frame = _one(Path(__file__).parent / "data" / "ledger.xls")
    assert table.name == "承包地块台账" and table.rows == 3
    assert frame["承包方/姓名"].tolist() == ["张三", "张三", "李四"]
    assert frame["地块编码"].tolist() == [_CODE.format(1), _CODE.format(2), "5.3040210020001E+18"]
    assert frame["SCMJM"].tolist() == [2.5, 3.5, 4.0]
    assert frame["调查日期"].tolist() == [pd.Timestamp(2016, 5, day) for day in (1, 2, 3)]
    assert _note(table, "code_destroyed").rows == (7,)
    assert _note(table, "total_row").rows == (8,)


def test_the_content_counts_not_the_ending(clerks_ledger: Path, tmp_path: Path) -> None:
    expected = _one(clerks_ledger)[1]
    copy = _write(tmp_path / "t.csv", clerks_ledger.read_bytes())
    pd.testing.assert_frame_equal(_one(copy)[1], expected)
    text = _write(tmp_path / "t.xls", "地块编码\t地块名称\n1\t田\n")
    assert _one(text)[1]["地块名称"].tolist() == ["田"]


# ------------------------------------------------------------------------------- the header


@pytest.mark.parametrize("above", range(6))
def test_a_header_in_rows_1_to_6(tmp_path: Path, above: int) -> None:
    titles = [["某镇台账"], ["（2016年度）"], [], ["单位：某镇", None, "2016-05-01"], ["密级"]]
    rows = [*titles[:above], ["地块编码", "地块名称", "实测面积"], [_CODE.format(1), "田", 666.7]]
    table, frame = _one(_save(tmp_path / "t.xlsx", rows))
    assert list(frame.columns) == ["地块编码", "地块名称", "实测面积"] and len(frame) == 1
    assert _decided(table, "header") == (str(above + 1), "high")


def test_a_header_of_words_that_nobody_knows(tmp_path: Path) -> None:
    text = "某县农户调查表\n\n户主属相,常住人口数,2019年,2020年\n牛,3,砖混,2\n马,4,土木,1\n"
    table, frame = _one(_write(tmp_path / "t.csv", text))
    assert list(frame.columns) == ["户主属相", "常住人口数", "2019年", "2020年"]
    assert _decided(table, "header") == ("3", "high")


def test_a_table_without_header_loses_no_row(tmp_path: Path) -> None:
    table, frame = _one(_write(tmp_path / "t.csv", "1,2,x\n4,5,y\n"))
    assert _decided(table, "header") == ("", "low")
    assert list(frame.columns) == ["列A", "列B", "列C"] and frame["列A"].tolist() == [1, 4]


def test_an_uncertain_header_is_told(tmp_path: Path) -> None:
    table, frame = _one(_write(tmp_path / "t.csv", "红,大\n蓝,小\n绿,中\n"))
    assert _decided(table, "header") == ("1", "low") and len(frame) == 2


def test_rows_above_the_header_are_told(tmp_path: Path) -> None:
    text = "大,田,水,东,西\n" * 2 + "地块编码,地块名称,实测面积,东至,西至\n1,田,3,a,b\n"
    table, frame = _one(_write(tmp_path / "t.csv", text))
    assert len(frame) == 1 and frame.columns[0] == "地块编码"
    assert _note(table, "title_row").rows == (1, 2)
    assert _note(table, "title_row").severity == "warning"


def test_blank_columns_and_names(tmp_path: Path) -> None:
    rows = [
        [],
        [None, None, "地块 编码", None, "备 注", "备注", None],
        [None, None, _CODE.format(1), None, "a", "b", "c"],
    ]
    table, frame = _one(_save(tmp_path / "t.xlsx", rows))
    assert list(frame.columns) == ["地块编码", "备注", "备注_2", "列G"]
    assert "备注_2" in _note(table, "column_renamed").zh


def test_a_title_over_names_is_no_group(tmp_path: Path) -> None:
    rows = [["台账", None, None], ["地块编码", "地块名称", "备注"], [_CODE.format(1), "田", None]]
    _, frame = _one(_save(tmp_path / "t.xlsx", rows, merge=("A1:C1",)))
    assert list(frame.columns) == ["地块编码", "地块名称", "备注"]


# ------------------------------------------------------------------------------------ cells


def test_types_of_cells(tmp_path: Path) -> None:
    header = ["整数", "小数", "真假", "日期", "时间", "杂", "文字", "百分比"]
    day, moment = datetime.date(2016, 5, 1), datetime.datetime(2016, 5, 1, 12, 30)
    rows = [
        header,
        [1, 1.5, True, day, moment, 3, "=cmd|' /C calc'!A0", 0.25],
        [2, None, False, day, moment, " 留 ", " a\nb　", 0.5],
        [3, 2.5, True, None, None, True, "\t", 1],
    ]
    path = _save(tmp_path / "t.xlsx", rows)
    _, frame = _one(path)
    assert frame["整数"].dtype == "int64" and frame["整数"].tolist() == [1, 2, 3]
    assert frame["小数"].dtype == "float64" and np.isnan(frame["小数"][1])
    assert frame["真假"].tolist() == [True, False, True] and frame["真假"].dtype == bool
    assert frame["日期"][0] == pd.Timestamp(day) and pd.isna(frame["日期"][2])
    assert frame["时间"][0] == pd.Timestamp(moment)
    assert frame["杂"].tolist() == ["3", " 留 ", "TRUE"]
    assert frame["文字"][1] == " a\nb　" and pd.isna(frame["文字"][2])
    assert pd.isna(frame["文字"][0])  # a formula without a stored result: never evaluated
    assert frame["百分比"].tolist() == [0.25, 0.5, 1.0]


def test_cells_agree_with_openpyxl(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    numbers = [0.1, 1e-9, 123456789012345, -7.25, *rng.normal(0, 1e6, 40).tolist()]
    words = ["田 ", "<b>&amp;", "😀", "\u3000x", "1.50", "'"] * 7
    rows = [["面值", "说明文字"], *map(list, zip(numbers, words, strict=False))]
    path = _save(tmp_path / "t.xlsx", rows)
    _, frame = _one(path)
    cells = list(openpyxl.load_workbook(path).active.iter_rows(min_row=2, values_only=True))
    assert frame["面值"].tolist() == [number for number, _ in cells]
    assert frame["说明文字"].tolist() == [word for _, word in cells]


def test_error_cells_are_missing_and_named(tmp_path: Path) -> None:
    rows = [["地块编码", "面积"], [_CODE.format(1), "#N/A"], [_CODE.format(2), "#REF!"], ["3", 4.5]]
    table, frame = _one(_save(tmp_path / "t.xlsx", rows))
    note = _note(table, "error_cell")
    assert note.rows == (2, 3) and "B2, B3" in note.zh
    assert frame["面积"].isna().tolist() == [True, True, False]


def test_empty_and_hidden_sheets(tmp_path: Path) -> None:
    path = _save(tmp_path / "t.xlsx", [["地块编码"], ["1"]], [], [["地块名称"], ["田"]])
    book = openpyxl.load_workbook(path)
    book["台账2"].sheet_state = "veryHidden"
    book.create_chartsheet("图")
    book.save(path)
    first, second = ledger.open(path, Options())
    assert "台账1" in _note(first, "sheet_empty").zh
    assert second.name == "台账2" and _note(second, "sheet_hidden").severity == "warning"


def test_a_sheet_without_a_name_of_its_own_is_called_like_the_file(tmp_path: Path) -> None:
    path = _save(tmp_path / "DK530402.xlsx", [["地块编码", "地块名称"], ["1", "田"]])
    book = openpyxl.load_workbook(path)
    book.active.title = "Sheet1"
    book.save(path)
    assert _one(path)[0].name == "DK530402"


# ------------------------------------------------------------------------------------ codes


def _codes(tmp_path: Path, values: list, name: str = "地块编码") -> tuple[RawTable, list]:
    rows = [[name, "说明"], *[[value, "x"] for value in values]]
    table, frame = _one(_save(tmp_path / "t.xlsx", rows))
    assert pd.api.types.is_string_dtype(frame[name])
    return table, frame[name].tolist()


def test_numbers_in_a_code_column_are_digits(tmp_path: Path) -> None:
    table, codes = _codes(tmp_path, [530402100200010, 12, "0012", 530402.0])
    assert codes == ["530402100200010", "12", "0012", "530402"] and not table.notes


@pytest.mark.parametrize("name", ["地块编码", "发证编号", "联系电话", "areaCode", "农户身份证"])
def test_codes_that_excel_has_destroyed(tmp_path: Path, name: str) -> None:
    table, codes = _codes(tmp_path, [5304021002000100001, "5.30402E+18", _CODE.format(7)], name)
    assert codes == ["5.3040210020001E+18", "5.30402E+18", _CODE.format(7)]
    note = _note(table, "code_destroyed")
    assert note.rows == (2, 3) and note.field == name and note.severity == "error"
    assert "文本格式" in note.zh


def test_a_column_of_long_numbers_is_codes_whatever_its_name(tmp_path: Path) -> None:
    table, codes = _codes(tmp_path, [5304021002000100001, 5304021002000100002], "甲")
    assert codes == ["5.3040210020001E+18"] * 2 and _note(table, "code_destroyed").count == 2


@pytest.mark.parametrize(
    ("codes", "severity"),
    [
        ([f"530402100200{n:03d}0000" for n in range(1, 9)], "error"),
        ([_CODE.format(n) for n in range(1, 7)] + ["5304021002000120000"], "warning"),
        ([_CODE.format(n) for n in range(9_990, 10_011)], "warning"),
        ([_CODE.format(n) for n in range(1, 9)], None),
        ([f"5304021002{n:06d}" for n in range(1, 40)], None),  # 16 digits: one in ten by chance
    ],
)
def test_zeros_from_the_16th_digit_on(tmp_path: Path, codes: list, severity: str | None) -> None:
    table, _ = _codes(tmp_path, codes)
    found = [n.severity for n in table.notes if n.what == "code_destroyed"]
    assert found == ([severity] if severity else [])


def test_long_whole_numbers_that_a_program_wrote_exactly_are_kept(tmp_path: Path) -> None:
    path = _save(tmp_path / "t.xlsx", [["地块编码", "说明"], [5304021002000100001, "x"]])
    exact = _edited(path, "sheet1.xml", b"5.3040210020001e+18", b"5304021002000100001")
    table, frame = _one(_write(tmp_path / "u.xlsx", exact))
    assert frame["地块编码"].tolist() == [_CODE.format(1)] and not table.notes


def test_full_width_and_hidden_characters_leave_codes(tmp_path: Path) -> None:
    table, codes = _codes(tmp_path, ["５３０４０２", "530402\u200b", "'530402", "530402\u3000", ""])
    assert codes[:4] == ["530402"] * 4 and pd.isna(codes[4])
    assert _note(table, "code_trimmed").rows == (2, 3, 4, 5)


def test_names_keep_their_spaces(tmp_path: Path) -> None:
    _, codes = _codes(tmp_path, ["张 三 ", "李四"], "户主姓名")
    assert codes == ["张 三 ", "李四"]


@given(st.lists(st.text(st.sampled_from("0123456789"), min_size=19, max_size=19), min_size=1))
@settings(max_examples=30, deadline=None)
def test_nineteen_digits_survive_in_text(tmp_path_factory: pytest.TempPathFactory, codes) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    _write(path, "DKBM,DKMC\n" + "".join(f"{code},田\n" for code in codes))
    assert _one(path)[1]["DKBM"].tolist() == codes


# ------------------------------------------------------------------------------------ units


def _areas(tmp_path: Path, name: str, values: list, **others: list) -> tuple[RawTable, dict]:
    columns = {
        "地块编码": [_CODE.format(n + 1) for n in range(len(values))],
        name: values,
        **others,
    }
    text = pd.DataFrame(columns).to_csv(index=False)
    table, frame = _one(_write(tmp_path / "t.csv", text))
    return table, frame.drop(columns="地块编码").to_dict("list")


@pytest.mark.parametrize(
    ("name", "becomes", "factor"),
    [
        ("实测面积", "实测面积", 1),
        ("实测面积（亩）", "实测面积（亩）", 1),
        ("实测面积(平方米)", "实测面积(平方米)", 1),
        ("SCMJ（亩）", "SCMJM", 1),
        ("合同面积/亩", "HTMJM", 1),
        ("实测面积(公顷)", "实测面积", 10_000),
        ("图斑面积（亩）", "图斑面积", 2000 / 3),
        ("图斑面积（㎡）", "图斑面积", 1),
        ("晒场面积（亩）", "晒场面积（亩）", 1),
    ],
)
def test_units_in_the_header(tmp_path: Path, name: str, becomes: str, factor: float) -> None:
    table, columns = _areas(tmp_path, name, [300.0, 600.5, 900.0])
    key = becomes if becomes in columns else becomes.upper()
    assert columns == {key: pytest.approx([300 * factor, 600.5 * factor, 900 * factor])}
    told = [d for d in table.decisions if d.what == "units"]
    assert bool(told) == (name != becomes)


def test_a_unit_over_the_table(tmp_path: Path) -> None:
    text = "单位：平方米、元,\n地块编码,SCMJM\n1,666.7\n2,1333.3\n"
    _, frame = _one(_write(tmp_path / "t.csv", text))
    assert list(frame.columns) == ["地块编码", "SCMJ"] and frame["SCMJ"][0] == 666.7


def test_a_unit_that_concerns_nothing_is_recorded(tmp_path: Path) -> None:
    table, _ = _one(_write(tmp_path / "t.csv", "单位：亩,\n地块编码,地块名称\n1,田\n"))
    assert _decided(table, "units")[0] == "亩"


def test_two_columns_do_not_become_one(tmp_path: Path) -> None:
    table, columns = _areas(tmp_path, "SCMJ（亩）", [1.0, 2.0], SCMJM=[1.0, 2.0])
    assert set(columns) == {"SCMJ（亩）", "SCMJM"} and columns["SCMJ（亩）"] == [1.0, 2.0]
    assert _note(table, "units_conflict").field == "SCMJ（亩）"


def test_mixed_units_beside_the_numbers(tmp_path: Path) -> None:
    table, columns = _areas(tmp_path, "实测面积", ["3.5亩", "2333平方米", "1,000 m²", "0.1公顷"])
    assert columns == {"实测面积": pytest.approx([3.5 * 2000 / 3, 2333, 1000, 1000])}
    assert _note(table, "units_mixed").rows == (2, 5)
    table, columns = _areas(tmp_path, "晒场面积", ["3.5亩", "2亩"])
    assert columns == {"晒场面积（亩）": [3.5, 2.0]}


def test_a_number_without_unit_among_mixed_ones_is_not_guessed(tmp_path: Path) -> None:
    table, columns = _areas(tmp_path, "实测面积", ["3.5亩", "2333平方米", "4"])
    assert columns == {"实测面积": ["3.5亩", "2333平方米", "4"]}
    note = _note(table, "units_unclear")
    assert note.rows == (4,) and note.severity == "error"
    _, columns = _areas(tmp_path, "SCMJ（亩）", ["3.5亩", "2000平方米", "4"])
    assert columns == {"SCMJM": pytest.approx([3.5, 3.0, 4.0])}


def test_areas_that_look_like_mu_are_told_not_changed(tmp_path: Path) -> None:
    table, columns = _areas(tmp_path, "SCMJ", [2.5, 3.5, 4.5])
    assert columns == {"SCMJ": [2.5, 3.5, 4.5]} and _note(table, "units_suspicious")
    table, _ = _areas(tmp_path, "SCMJ", [2500.0, 3500.0, 4500.0], SCMJM=[2500.0, 3500.0, 4500.0])
    assert _note(table, "units_suspicious").field == "SCMJ"
    table, _ = _areas(tmp_path, "SCMJ", [15.0, 16.0, 17.0], SCMJM=[0.0225, 0.024, 0.0255])
    assert "units_suspicious" not in _whats(table)


def test_text_among_areas_is_told(tmp_path: Path) -> None:
    table, columns = _areas(tmp_path, "实测面积", ["300.5", "无", "200"])
    assert columns == {"实测面积": ["300.5", "无", "200"]}
    assert _note(table, "not_a_number").rows == (3,)


# ------------------------------------------------------------------------------------- text


_TEXT = "地块编码,地块名称,坐落\n530402,大田,沟边的水田\n530403,小田,玉溪市红塔区大营街\n"


@pytest.mark.parametrize(
    ("codec", "shown"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("gb18030", "GB18030"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
    ],
)
def test_charsets(tmp_path: Path, codec: str, shown: str) -> None:
    table, frame = _one(_write(tmp_path / "t.csv", _TEXT.encode(codec)))
    assert table.encoding == shown and _decided(table, "encoding")[0] == shown
    assert frame["地块名称"].tolist() == ["大田", "小田"]


def test_the_user_overrules_the_charset(tmp_path: Path) -> None:
    path = _write(tmp_path / "t.csv", _TEXT.encode("gb18030"))
    table, _ = _one(path, encoding="GBK")
    assert _decided(table, "encoding") == ("GB18030", "certain")
    table, _ = _one(path, encoding="utf-8")
    assert _note(table, "undecodable").rows == (1, 2, 3)
    with pytest.raises(YuxiGisError, match="no such encoding"):
        ledger.open(path, Options(encoding="klingon"))


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "，", "、"])
@pytest.mark.parametrize("ending", [".csv", ".txt"])
def test_delimiters(tmp_path: Path, delimiter: str, ending: str) -> None:
    text = "地块编码,地块名称,面积\n1,田一,2.5\n2,田二,3.5\n".replace(",", delimiter)
    table, frame = _one(_write(tmp_path / f"t{ending}", text))
    assert _decided(table, "delimiter")[0] == delimiter
    assert frame["地块名称"].tolist() == ["田一", "田二"]


def test_ragged_lines_lose_nothing(tmp_path: Path) -> None:
    text = 'a1,b1,c1\n1,"x\ny",3\n\n4,z\n5,"q",6,7,8\n9,w,10,,\n'
    table, frame = _one(_write(tmp_path / "t.csv", text))
    assert _note(table, "blank_row").rows == (4,)
    assert _note(table, "row_short").rows == (5,)
    assert _note(table, "row_long").rows == (6,) and _note(table, "row_long").severity == "error"
    assert frame["b1"].tolist() == ["x\ny", "z", "q", "w"]
    assert frame["多余的值"].tolist()[2] == "7,8" and frame["多余的值"].isna().sum() == 3


def test_numbers_and_codes_of_text(tmp_path: Path) -> None:
    text = (
        'DKBM,甲,乙,丙,丁,戊\n="5304021002000100001",1,1.5,01,nan,0x10\n5.30402E+18,2,,02,inf,1e3\n'
    )
    table, frame = _one(_write(tmp_path / "t.csv", text))
    assert frame["DKBM"].tolist() == [_CODE.format(1), "5.30402E+18"]
    assert _note(table, "code_destroyed").rows == (3,)
    assert frame["甲"].dtype == "int64" and frame["乙"].dtype == "float64"
    assert frame["丙"].tolist() == ["01", "02"]
    assert frame["丁"].tolist() == ["nan", "inf"] and frame["戊"].tolist() == ["0x10", "1e3"]


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    words = ["=cmd|'/C calc'!A0", "{rows}", "<script>", "../../x", "%s%n", "\x00\x07", "\u202eabc"]
    text = "{0}编码,名{称}\n" + "".join(f'"{word}","{word}"\n' for word in words)
    _, frame = _one(_write(tmp_path / "t.csv", text))
    assert list(frame.columns) == ["{0}编码", "名{称}"] and frame["名{称}"].tolist() == words


def test_memory_stays_within_a_few_times_the_size_of_the_file(tmp_path: Path) -> None:
    lines = [f"{_CODE.format(n)},田{n},{n}.5,水田\n" for n in range(100_000)]
    path = _write(tmp_path / "t.csv", "DKBM,DKMC,SCMJ,TDYT\n" + "".join(lines))
    code = (
        "import resource, sys; from pathlib import Path; from yuxi_gis.read import ledger, table;"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "(t,) = ledger.open(Path(sys.argv[1]), table.Options()); assert t.rows == 100_000;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)"  # KiB on Linux
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    assert int(done.stdout) * 1024 < 25 * path.stat().st_size


# ------------------------------------------------------------------------------ coordinates


def test_wkt_and_coordinates_make_layers(tmp_path: Path) -> None:
    text = 'DKBM,geometry\n1,"SRID=4543;POLYGON((0 0,1 0,1 1,0 0))"\n2,POINT(5 5)\n3,\n'
    table, frame = _one(_write(tmp_path / "t.csv", text))
    assert table.geometry == "Unknown" and table.crs.to_epsg() == 4543
    assert table.columns == ("DKBM",) and frame.crs.to_epsg() == 4543
    assert frame.geometry.isna().tolist() == [False, False, True]
    text = "DKBM,JZDH,X坐标,Y坐标\n1,J1,2650000.5,34500000.5\n1,J2,2650010.5,34500010.5\n"
    table, frame = _one(_write(tmp_path / "t.csv", text))
    assert table.geometry == "Point" and table.crs is None and frame.geometry.x[0] == 34500000.5
    assert table.columns == ("DKBM", "JZDH", "X坐标", "Y坐标")


def test_wkt_that_fails_stays_as_text(tmp_path: Path) -> None:
    text = "DKBM;geometry\n" + "1;POINT(5 5)\n" * 19 + "2;POINT(5\n"
    table, frame = _one(_write(tmp_path / "t.csv", text))
    assert table.columns == ("DKBM", "geometry_text") and frame["geometry_text"][19] == "POINT(5"
    assert _note(table, "wkt_unreadable").rows == (21,)


def test_loading_twice_gives_the_same(tmp_path: Path) -> None:
    table, frame = _one(_write(tmp_path / "t.csv", "DKBM,lon,lat\n1,102.5,24.3\n"))
    frame.loc[0, "DKBM"] = "changed"
    frame.attrs["file_rows"].clear()
    again, _ = table.load()
    assert again.loc[0, "DKBM"] == "1" and again.attrs["file_rows"] == [2]


# ---------------------------------------------------------------------------- hostile files


def _edited(path: Path, part: str, old: bytes, new: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith(part):
                assert old in data
                data = data.replace(old, new)
            target.writestr(name, data)
    return out.getvalue()


def _refused(path: Path, *words: str) -> None:
    with pytest.raises(SourceError) as caught:
        ledger.open(path, Options())
    assert str(path) in caught.value.zh and str(path) in caught.value.en
    for word in words:
        assert word in caught.value.zh


@pytest.mark.parametrize(
    ("content", "ending", "word"),
    [
        (b"", ".csv", "没有表格"),
        (b"\n\n", ".csv", "没有表格"),
        (b"\x00\x01\x02" * 2000, ".csv", "二进制"),
        (b"PK\x03\x04" + b"\0" * 100, ".xlsx", "损坏"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000, ".xls", "损坏"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><table>", ".xls", "HTML"),
        (b'<?xml version="1.0"?><Workbook/>', ".xls", "XML"),
        ("第一行只是话\n没有列\n".encode(), ".txt", "不是表格"),
        ("[属性描述]\n带号=34\n[地块坐标]\nJ1,1,2,3\n".encode(), ".txt", "[地块坐标]"),
        (b'a,b\n1,"2\n' + b"3,4\n" * 300, ".csv", "第 2 行"),
        (b",".join(b"c%d" % n for n in range(5000)) + b"\n1\n", ".csv", "5000 列"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, content: bytes, ending: str, word: str) -> None:
    _refused(_write(tmp_path / f"t{ending}", content), word)


def test_a_missing_file(tmp_path: Path) -> None:
    _refused(tmp_path / "none.csv")


def test_a_password(tmp_path: Path) -> None:
    """An encrypted package is a compound file with a stream of this name (MS-OFFCRYPTO 2.3.4)."""
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1016
    entry = "EncryptedPackage".encode("utf-16-le").ljust(64, b"\0") + struct.pack("<H", 34)
    _refused(_write(tmp_path / "t.xlsx", content + entry), "密码")


def test_a_workbook_without_content(tmp_path: Path) -> None:
    _refused(_save(tmp_path / "t.xlsx", [], []), "没有表格")


def test_a_cell_at_the_end_of_the_world_does_not_fill_memory(tmp_path: Path) -> None:
    path = _save(tmp_path / "t.xlsx", [["地块编码", "地块名称"], ["1", "田"]])
    far = _edited(path, "sheet1.xml", b'r="B2"', b'r="XFD1048576"')
    _refused(_write(tmp_path / "far.xlsx", far), "很远的行列")


def test_a_wrong_dimension_does_not_matter(tmp_path: Path) -> None:
    path = _save(tmp_path / "t.xlsx", [["地块编码", "地块名称"], ["1", "田"]])
    wide = _edited(path, "sheet1.xml", b'<dimension ref="A1:B2"', b'<dimension ref="A1:XFD1048576"')
    assert _one(_write(tmp_path / "u.xlsx", wide))[0].rows == 1


def test_a_zip_bomb_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (101 << 20))
    _refused(path, "压缩比")


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    path = _save(tmp_path / "t.xlsx", [["地块编码", "地块名称"], ["1", "田"]])
    laughs = b'<!DOCTYPE w [<!ENTITY a "' + b"ha" * 500 + b'">]><workbook'
    _refused(_write(tmp_path / "u.xlsx", _edited(path, "workbook.xml", b"<workbook", laughs)))


def _mutant(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(len(data))
        change = rng.random()
        if change < 0.5:
            data[at] = rng.randrange(256)
        elif change < 0.7:
            data[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, rng.randbytes(4)])
        elif change < 0.85:
            del data[at : at + rng.randrange(1, 20)]
        else:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
    return bytes(data)


def _mutant_part(content: bytes, rng: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        chosen = rng.choice(source.namelist())
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, _mutant(data, rng) if name == chosen and data else data)
    return out.getvalue()


_SEEDS = 40


@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".csv"])
def test_mutants_are_read_or_refused(clerks_ledger: Path, tmp_path: Path, ending: str) -> None:
    text = (
        '标题\n地块编码,地块名称,实测面积（亩）,经度,纬度,wkt\n1,田,3.5,102.5,24.3,POINT(1 2)\n"2",'
        '"a\nb",4亩,102°30′36″,24°12′30″,"POLYGON((0 0,1 0,1 1,0 0))"\n5.3E+18,c,5,0,0,\n短\n合计\n'
    )
    content = {
        ".xlsx": clerks_ledger.read_bytes(),
        ".xls": (Path(__file__).parent / "data" / "ledger.xls").read_bytes(),
        ".csv": text.encode("gb18030"),
    }[ending]
    outcomes = {"read": 0, "refused": 0}
    for seed in range(_SEEDS):
        rng = random.Random(f"{ending} {seed}")
        change = _mutant_part if ending == ".xlsx" and seed % 4 else _mutant
        path = _write(tmp_path / f"m{ending}", change(content, rng))
        try:
            for table in ledger.open(path, Options()):
                frame, _ = table.load()
                assert len(frame) == table.rows
            outcomes["read"] += 1
        except YuxiGisError as error:
            assert error.zh and error.en
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 3
