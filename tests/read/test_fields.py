"""Field names as files have them, text out of numbers, and codes that were numbers once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.catalog import load_catalog
from yuxi_gis.read.fields import as_text, destroyed_codes, official_names

CATALOG = load_catalog()
FARMLAND = CATALOG["farmland"]
VILLAGE = "53040210020100"
CODES = [f"{VILLAGE}{number:05d}" for number in range(1, 3001)]


# ---- names


def test_names_in_any_case_by_alias_and_in_an_older_edition() -> None:
    columns = ["dkbm", "地块名称", "实测面积(亩)", "mine"]
    names = {"dkbm": "DKBM", "地块名称": "DKMC", "实测面积(亩)": "SCMJM"}
    assert official_names(columns, FARMLAND) == names
    assert official_names(["DLBM", "TKXS"], CATALOG["landuse"]) == {"DLBM": "DLBM", "TKXS": "KCXS"}


@pytest.mark.parametrize(
    ("layer", "column", "official"),
    [
        ("protected_cropland", "永久基本农", None),  # GB18030, 5 characters: five fields
        ("protected_cropland", "非稳定耕地", "FWDGDHRLY"),
        ("protected_cropland", "是否稳定利", "WDGD"),
        ("protected_cropland", "YJJBNTTBMJ", "YJJBNTTBMJ"),  # 10 bytes, and whole
        ("contractor", "承包方成员", "CBFCYSL"),
        ("contract_parcel", "原合同面积", None),  # a whole name, or that of the 亩 field cut
        ("contract_parcel", "YHTMJ", "YHTMJ"),
        ("contractor", "承包方调查", None),  # 日期, 员, 记事
        ("contractor", "承包方", None),  # UTF-8, 3 characters: any field of the table
        ("contractor", "公示审\ufffd", None),  # UTF-8 with a broken byte: 日期 or 人
        ("household_member", "与户主\ufffd", "YHZGX"),
        ("household_member", "与户主", "YHZGX"),
        ("household_member", "成员", None),  # no cut leaves 6 bytes
        ("farmland", "实测面积（", None),  # 实测面积（平方米）and 实测面积（亩）
    ],
)
def test_names_cut_at_ten_bytes(layer: str, column: str, official: str | None) -> None:
    spec = CATALOG[layer]
    found = official_names([column], spec, truncated=True)
    assert found == ({} if official is None else {column: official})
    if official not in (column, None):
        assert official_names([column], spec) == {}


def test_a_whole_name_goes_before_a_cut_one() -> None:
    spec = CATALOG["household_member"]
    both = official_names(["与户主", "YHZGX"], spec, truncated=True)
    assert both == {"YHZGX": "YHZGX"}
    assert official_names(["与户主", "与户主\ufffd"], spec, truncated=True) == {"与户主": "YHZGX"}


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_no_cut_name_goes_to_the_wrong_field(charset: str) -> None:
    """Every title of the catalogue, cut: its own field or none."""
    right = 0
    for spec in CATALOG.values():
        for field in spec.fields:
            cut = field.title_zh.encode(charset)[:10].decode(charset, "replace")
            found = official_names([cut], spec, truncated=True)
            assert found in ({}, {cut: field.name}), (spec.id, cut)
            right += bool(found)
    assert right > 100


@given(st.lists(st.text()))
def test_any_names_will_do(columns: list[str]) -> None:
    for truncated in (False, True):
        names = official_names(columns, FARMLAND, truncated=truncated)
        assert set(names) <= set(columns)
        assert len(set(names.values())) == len(names)


# ---- text


def test_numbers_and_dates_as_text() -> None:
    values = as_text(pd.Series([10.0, 2.5, None, 5.30402100200010011e18]))
    assert values.dropna().tolist() == ["10", "2.5", "5.3040210020001E+18"]
    assert as_text(pd.Series([101, 103])).tolist() == ["101", "103"]
    assert as_text(pd.Series(pd.to_datetime(["2024-01-05", None]))).dropna().tolist() == [
        "20240105"
    ]


# ---- destroyed codes


def damage(layer: str, **columns: object) -> list[tuple[str, str | None, int, tuple[int, ...]]]:
    frame = pd.DataFrame(columns)
    notes = destroyed_codes(frame, CATALOG[layer])
    for note in notes:
        assert note.field and note.field in note.zh and note.field in note.en
        assert str(note.count) in note.zh and "{" not in note.zh + note.en
    return [(note.what, note.field, note.count, note.rows[:3]) for note in notes]


def through_float(codes: list[str]) -> list[str]:
    return [str(int(float(code))) for code in codes]


def test_sound_codes_say_nothing() -> None:
    assert damage("farmland", DKBM=CODES, DKLB="10", DKMC="1E+10 not a code") == []
    assert damage("contractor", CBFBM=[f"{VILLAGE}{n:04d}" for n in range(3000)]) == []
    # Codes of units are 12 digits and seven zeros by their nature, in every row.
    bsm = [f"530402{n:012d}" for n in range(1, 3001)]
    assert damage("landuse", BSM=bsm, ZLDWDM="5304021002010000000", QSDWDM=VILLAGE + "00000") == []
    assert damage("farmland", DKBM=[], DKLB=[]) == []
    assert damage("farmland", DKBM=[None, ""], DKLB=[None, None]) == []


def test_codes_in_scientific_notation() -> None:
    codes = [*CODES[:2], "5.30402E+18", " 5.30402100200010E+18 ", None, "5,3e+18"]
    assert damage("farmland", DKBM=codes) == [("code_scientific", "DKBM", 3, (3, 4, 6))]
    assert damage("farmland", DKBM=[5.304e18, None, 5.304e18]) == [
        ("code_scientific", "DKBM", 2, (1, 3))
    ]
    assert damage("contractor", LXDH=["1.38E+10"]) == [("code_scientific", "LXDH", 1, (1,))]
    assert destroyed_codes(pd.DataFrame({"DKBM": ["5.30402E+18"]}), FARMLAND)[0].severity == "error"


def test_codes_that_were_float64() -> None:
    bad = through_float(CODES)
    assert bad != CODES
    assert damage("farmland", DKBM=bad) == [("code_rounded", "DKBM", 3000, (1, 2, 3))]
    # A part of the rows, blanks among them.
    mixed = [None, *CODES[:2000], *bad[:200]]
    ((what, _, count, _),) = damage("farmland", DKBM=mixed)
    assert what == "code_rounded" and 200 <= count < 210
    assert damage("contract_parcel", CBFBM=through_float([c[:18] for c in CODES[::9]]))


def test_codes_with_fifteen_digits_left() -> None:
    assert damage("farmland", DKBM=[code[:15] + "0000" for code in CODES[:30]]) == [
        ("code_rounded", "DKBM", 30, (1, 2, 3))
    ]
    ids = [f"53042519{n:07d}000" for n in range(100)]
    assert damage("contractor", CBFZJHM=ids) == [("code_rounded", "CBFZJHM", 100, (1, 2, 3))]


def test_one_household_in_many_rows_is_no_proof() -> None:
    """A code that is round by chance is repeated for each member: it counts once."""
    code = f"{VILLAGE}0000"
    assert int(float(code)) == int(code)
    assert damage("household_member", CBFBM=[code] * 40) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(16, 20))
def test_false_alarms_are_rare(seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 10, (500, digits))
    numbers[:, 0] = 5
    codes = ["".join(map(str, row)) for row in numbers]
    assert damage("protected_cropland", YJJBNTTBBH=codes) == []
    if digits > 17:
        assert damage("protected_cropland", YJJBNTTBBH=through_float(codes))


def test_lost_leading_zeros() -> None:
    assert damage("farmland", DLDJ=["1", "02", None, "10", 9]) == [
        ("code_zeros_lost", "DLDJ", 2, (1, 5))
    ]
    assert damage("landuse", DLBM=["101", "0103", "702"]) == [
        ("code_zeros_lost", "DLBM", 2, (1, 3))
    ]
    # Codes of the second survey: 101 is a railway there, and 013 no code of today.
    assert damage("landuse", DLBM=["101", "013", "203"]) == []
    landuse = CATALOG["landuse"]
    old = landuse.edition(["GDPDJ"])
    frame = pd.DataFrame({"DLBM": ["101", "102"]})
    assert destroyed_codes(frame, landuse, edition=old) == []
    (note,) = destroyed_codes(pd.DataFrame({"DLBM": ["13"]}), landuse, edition=old)
    assert note.what == "code_zeros_lost"


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(), st.integers().map(str))))
def test_any_text_will_do(values: list[str | None]) -> None:
    column = pd.Series(
        [v if v is None else v.encode("utf-8", "replace").decode() for v in values], dtype="str"
    )
    for note in destroyed_codes(pd.DataFrame({"DKBM": column, "DLDJ": column}), FARMLAND):
        assert 0 < note.count <= len(values)
