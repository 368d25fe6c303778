"""Personal numbers and names are found in whatever form they stand, and codes are left alone."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.codes import (
    Masking,
    is_identity_number,
    is_mobile_number,
    mask,
    mask_codes,
    mask_text,
)

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
FULL = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


def identity(body: str) -> str:
    """17 digits with their check digit (GB 11643-1999)."""
    return body + "10X98765432"[sum(w * int(d) for w, d in zip(WEIGHTS, body, strict=True)) % 11]


ID = identity("53042519900101123")
YOUNG = identity("53042520020101001")
WITH_X = next(i for i in (identity(f"530425199001011{n:02d}") for n in range(99)) if i[-1] == "X")
OLD = "530425620101123"


def one(text: object, masking: Masking | None = None) -> str:
    return str(mask_text(pd.Series([text]), masking or Masking())[0])


def test_mask_hides_the_person() -> None:
    ids = pd.Series(["999999199001011234", None, "", "12"])
    assert mask(ids, "id").iloc[0] == "999999***********4"
    assert mask(ids, "id").isna().tolist() == [False, True, False, False]
    assert mask(ids, "id").iloc[3] == "*"
    assert mask(pd.Series(["13800000000"]), "phone").iloc[0] == "138******00"
    names = mask(pd.Series(["示例户001", "王", ""]), "name")
    assert names.tolist() == ["示*****"[: len("示例户001")], "*", ""]


def test_a_known_identity_number() -> None:
    """The example of GB 11643-1999."""
    assert is_identity_number("11010519491231002X")
    assert not is_identity_number("110105194912310021")
    assert is_identity_number("110105194912310021", check=False)


@pytest.mark.parametrize(
    "text",
    [ID, f" {ID}\t", f"'{ID}", f"{ID}.0", WITH_X, WITH_X.lower(), OLD, ID.translate(FULL),
     WITH_X.translate(FULL), f"{ID[:6]} {ID[6:14]} {ID[14:]}", f"{ID[:6]}-{ID[6:14]}-{ID[14:]}"],
)  # fmt: skip
def test_forms_of_identity_numbers(text: str) -> None:
    assert is_identity_number(text)
    masked = mask(pd.Series([text]), "id")[0]
    assert "1990" not in masked and "6201" not in masked
    assert masked.startswith("530425**") and len(masked) in (15, 18)


@pytest.mark.parametrize(
    "text",
    ["5304252002010000001", "530425100201", "530425200201010001J", "530425990101123",
     identity("53042518990101123"), identity("53042519901301123"), identity("00042519900101123"),
     identity("53042520990101123"), "530425100201123", "", "张三", "1" * 18],
)  # fmt: skip
def test_what_is_no_identity_number(text: str) -> None:
    is_old = text == "530425990101123"
    assert is_identity_number(text) == is_old


def test_mobile_numbers() -> None:
    for text in (
        "13812345678",
        "+8613812345678",
        " 138 1234 5678",
        "138-1234-5678",
        "19912345678.0",
    ):
        assert is_mobile_number(text), text
    for text in ("12812345678", "1381234567", "138123456789", "0877-2021234"):
        assert not is_mobile_number(text), text


def test_other_documents_and_telephones() -> None:
    others = pd.Series(["G12345678", "无", "/", 530425, 13812345678.0])
    assert mask(others, "id").tolist()[:3] == ["G********", "无", "/"]
    phones = mask(pd.Series(["0877-2021234", "2021234", "不详", "138 1234 5678"]), "phone")
    assert phones.tolist() == ["087*******34", "2******", "不详", "138******78"]
    assert mask(pd.Series([13812345678.0, None]), "phone").tolist()[0] == "138******78"


def test_neighbours_are_names_and_roads_are_not() -> None:
    values = ["李四", "李四田", "水沟", "路、张三", "机耕路", "3", "无", "高压线", "何家/河"]
    expected = ["李*", "李**", "水沟", "路、张*", "机耕路", "3", "无", "高压线", "何*/河"]
    assert mask(pd.Series(values), "neighbour").tolist() == expected


def test_numbers_within_text() -> None:
    text = f"户主张三{ID}，电话138-1234-5678，另{OLD}；+8613912345678"
    masked = one(text)
    assert masked.startswith("户主张三530425***********") and "电话138******78" in masked
    for part in (ID, "1990", "12345678", OLD):
        assert part not in masked
    assert one(ID.translate(FULL) + "号") == f"530425***********{ID[-1]}号"
    typo = ID[:-1] + ("1" if ID[-1] != "1" else "2")
    assert one(f"身份证号：{typo}") == f"身份证号：530425***********{typo[-1]}"
    assert one(typo) == f"530425***********{typo[-1]}", "ledgers are full of mistyped ones"


def wrong(number: str) -> str:
    """The same number with another check digit."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")


def test_mistyped_numbers() -> None:
    """Without a check digit only births before 2000 count, or what is called an identity number."""
    assert not is_identity_number(wrong(ID)) and not is_identity_number(wrong(YOUNG))
    for text in (f"见{wrong(ID)}号", f"{wrong(ID)[:6]} {wrong(ID)[6:14]} {wrong(ID)[14:]}"):
        assert "1990" not in one(text), text
    assert one(f"见{wrong(YOUNG)}") == f"见{wrong(YOUNG)}"
    assert "2002" not in one(f"证件号{wrong(YOUNG)}")
    for text in ("000425199001011231", "530425199013011231", "530425189001011231"):
        assert one(text) == text, "no province, no month, no living person"
    assert one(wrong(ID), Masking(ids=False)) == wrong(ID)
    column = pd.Series([wrong(ID), "5304252002010000001", wrong(YOUNG)])
    masked = mask_codes(column, Masking())
    assert masked.tolist() == [f"530425***********{wrong(ID)[-1]}", *column[1:]]
    assert mask_codes(column, Masking(), pattern=r"^\d{18,19}$").tolist() == column.tolist()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("区号0877-2061234", "区号087******34"), ("(0877)2061234", "087******34"),
        ("（0877） 2061234。", "087******34。"), ("北京010-12345678转1", "北京010******78转1"),
        ("0877－2061234、020—87654321", "087******34、020******21"),
        ("０８７７－２０６１２３４", "087******34"),
        ("+86-877-2061234", "+868*******34"), ("86-0877-2061234", "860********34"),
    ],
)  # fmt: skip
def test_landlines_within_text(text: str, masked: str) -> None:
    assert one(text) == masked
    assert one(text, Masking(phones=False)) == text
    assert mask_codes(pd.Series([text]), Masking()).tolist() == [masked]


@pytest.mark.parametrize(
    "text",
    ["5304252002010000001", "530425001002JC00001", f"{YOUNG}J", f"102.{ID}", "102.13812345678",
     "34500123.13812345678901", "530425200201", f"1{ID}", "张三 李四",
     "2020-12345678", "08772061234", "2024-05-17", "2024-05-17 08:30:00", "20240517-20250517",
     "1234.0877-2061234", "10877-2061234", "667.0300", "G48G048064", "G-48-048-0640", "0877-1",
     "5304252002010000001-0877", "530425100201JC00001-5304252", "0877-0123456", "0877-206123456",
     "2606.50-2607.25", "35500123.0-2606123.0", "(2020)1234567", "（001）1234567"],
)  # fmt: skip
def test_codes_and_coordinates_stay(text: str) -> None:
    assert one(text) == text


def test_what_the_user_wants_to_see_stays() -> None:
    text = f"{ID} 13812345678"
    assert one(text, Masking(ids=False)) == f"{ID} 138******78"
    assert one(text, Masking(phones=False)).endswith(" 13812345678")
    assert one(text, Masking(False, False, False)) == text


def contractors() -> pd.Series:
    """Contractors' codes of a town 200: their digits 7 to 14 are dates, 1 of 11 checks."""
    codes = [f"530425200201{g:02d}{n:04d}" for g in range(1, 12) for n in range(1, 41)]
    return pd.Series(codes)


def test_contractors_codes_are_no_identity_numbers() -> None:
    codes = contractors()
    assert codes.map(is_identity_number).mean() > 0.05, "else this proves nothing"
    assert mask_codes(codes, Masking()).tolist() == codes.tolist()
    assert mask_codes(codes[:1], Masking(), pattern=r"^\d{18}$").tolist() == codes[:1].tolist()
    planted = pd.concat([codes, pd.Series([ID])])
    for pattern in (None, r"^\d{18}$"):
        masked = mask_codes(planted, Masking(), pattern=pattern)
        assert masked.tolist() == [*codes, f"530425***********{ID[-1]}"]
    people = pd.Series([YOUNG, ID, "无"])
    assert not mask_codes(people, Masking()).str.contains("1990|2002").any()


def test_rows_of_one_label_are_told_apart() -> None:
    text = pd.Series(["a", ID, "b", ID], index=[7, 7, 7, 7])
    hidden = f"530425***********{ID[-1]}"
    assert mask_codes(text, Masking()).tolist() == ["a", hidden, "b", hidden]
    assert mask(text, "id").iloc[1] == f"530425***********{ID[-1]}"


def test_types_of_columns() -> None:
    for dtype in ("object", "str", "category"):
        column = pd.Series([f"见{ID}", None], dtype=dtype)
        masked = mask_text(column, Masking())
        assert ID not in masked[0] and pd.isna(masked[1])
    odd = pd.Series([["list"], "half \ud800", 7, None], dtype=object)
    assert mask(odd, "name").isna().tolist() == [False, False, False, True]


FRAGMENTS = st.sampled_from(
    [ID, YOUNG, WITH_X, OLD, "13812345678", "138-1234-5678", "+8613812345678", "0877-2061234",
     "(010)12345678", "身份证", "张三", "路", "、", " ", "'", ".0", "*", "**", "无", "-",
     ID.translate(FULL), "5304252002010000001"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(FRAGMENTS, st.text(max_size=3)), max_size=5).map("".join)


@settings(deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from(["id", "phone", "name", "neighbour"])
)
def test_masking_the_masked_changes_nothing(texts: list[str], kind: str) -> None:
    for how in (
        lambda values: mask(values, kind),
        lambda values: mask_text(values, Masking()),
        lambda values: mask_codes(values, Masking()),
    ):
        once = how(pd.Series(texts, dtype=object))
        assert how(once).tolist() == once.tolist()


@settings(deadline=None)
@given(
    st.text(alphabet="张三 号，电话abc:", max_size=6), st.text(alphabet="李四 。)abc", max_size=6)
)
def test_no_neighbouring_text_hides_a_number(before: str, after: str) -> None:
    for number in (ID, wrong(ID), WITH_X, "13812345678", OLD, "0877-2061234", "(010)12345678"):
        assert number not in one(before + number + after)


def test_what_masking_says() -> None:
    assert Masking().word == "ids phones names"
    assert Masking(names=False).word == "ids phones"
    assert Masking(False, False, False).word == "none"
    assert Masking().text("zh") == "个人信息（证件号码、电话、姓名）已遮盖。"
    for masking in (Masking(names=False), Masking(False, False, False)):
        assert "请勿外传" in masking.text("zh") and "do not pass on" in masking.text("en")
