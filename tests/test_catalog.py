"""The layer catalogue: what it says against the standards, and errors that name file and key."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuxi_gis.catalog import load_catalog, recognise
from yuxi_gis.errors import CatalogError
from yuxi_gis.resources import folder
from yuxi_gis.symbology import load_style

CATALOG = load_catalog()
RESULT_STYLES = {"findings", "findings_areas", "patches", "changed_parcels"}

# Field names in the order of the standards' tables (mandatory ones with a star).
OFFICIAL = {
    "farmland": "BSM* YSDM* DKBM* DKMC* SYQXZ DKLB* TDLYLX DLDJ* TDYT* SFJBNT* SCMJ* DKDZ DKXZ "
    "DKNZ DKBZ DKBZXX ZJRXM KJZB SCMJM",
    "landuse": "BSM* YSDM* TBYBH TBBH* DLBM* DLMC* QSXZ* QSDWDM* QSDWMC* ZLDWDM* ZLDWMC* TBMJ* "
    "KCDLBM KCXS KCMJ TBDLMJ* GDLX GDPDJB XZDWKD TBXHDM TBXHMC ZZSXDM ZZSXMC GDDB FRDBS CZCSXM "
    "SJNF* MSSM* HDMC BZ",
    "protected_cropland": "BSM* YSDM* XZQDM* XZQMC* YJJBNTTBBH* TBBH* DLBM* DLMC* QSXZ* QSDWDM* "
    "QSDWMC* ZLDWDM* ZLDWMC* YJJBNTTBMJ* KCDLBM KCXS KCMJ YJJBNTMJ* GDLX GDPDJB GGBZL TBXHDM "
    "TBXHMC ZZSXDM ZZSXMC GDDB GDDJ ZLFLDM FRDBS SJNF* CFZR ZMC ZZRR ZRRZJHM ZRRMC LXDH JZDZ "
    "BHKSSJ* BHJSSJ* SJBH SJMC WDGD* SFWYYJJBNT FWDGDHRLY BZ",
    "admin": "BSM* YSDM* XZQDM* XZQMC* DCMJ* JSMJ* MSSM HDMC BZ",
    "homestead": "ZDDM* BDCDYH HZXM* HZZJHM CYRS ZJDMJ* PZMJ JZZDMJ JZMJ CS JGLX JCNF QSLY LYZT* "
    "XZKSRQ YHDZ CBZMJ SFZYYJJBNT ZLDWDM* ZLDWMC BZ",
    "idle_land": "XZBH* XZLX* ZLDWDM* ZLDWMC QSDWMC YT MJ* MJM XZKSRQ* XZYY BZ",
}

# The third survey's working classification, by the three great classes of its annex A.4.
LAND_CLASSES = """
0101 0102 0103 0201 0202 0203 0204 0301 0302 0303 0304 0305 0306 0307 0401 0402 0403 1006 1103
1104 1104A 1107 1107A 1202 1203 0201K 0202K 0203K 0204K 0301K 0302K 0307K 0403K 1104K
05H1 0508 0601 0602 0603 0701 0702 08H1 08H2 08H2A 0809 0810 0810A 09 1001 1002 1003 1004 1005
1007 1008 1009 1109 1201
0404 1101 1102 1105 1106 1108 1110 1204 1205 1206 1207
"""


@pytest.mark.parametrize("layer_id", OFFICIAL)
def test_fields_are_those_of_the_standard(layer_id: str) -> None:
    spec = CATALOG[layer_id]
    starred = [f.name + "*" * (f.required == "M") for f in spec.fields]
    assert starred == OFFICIAL[layer_id].split()


def test_layers_are_the_six_of_the_catalogue() -> None:
    assert set(CATALOG) == set(OFFICIAL)
    assert {spec.name for spec in CATALOG.values()} == {
        "DK", "ZJD", "XZJSYD", "YJJBNTTB", "DLTB", "XZQ",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("layer_id", "name", "kind", "length", "decimals"),
    [
        ("farmland", "DKBM", "Char", 19, None),
        ("farmland", "BSM", "Int", 10, None),
        ("farmland", "SCMJ", "Float", 15, 2),
        ("farmland", "DKBZXX", "Char", 300, None),
        ("landuse", "BSM", "Char", 18, None),
        ("landuse", "TBMJ", "Float", 18, 2),
        ("landuse", "KCXS", "Float", 6, 4),
        ("protected_cropland", "YJJBNTTBBH", "Char", 20, None),
        ("homestead", "BDCDYH", "Char", 28, None),
    ],
)
def test_types_and_lengths(
    layer_id: str, name: str, kind: str, length: int, decimals: int | None
) -> None:
    field = CATALOG[layer_id].by_name[name]
    assert (field.type, field.length, field.decimals) == (kind, length, decimals)


def test_code_lists() -> None:
    classes = CATALOG["landuse"].by_name["DLBM"].codes
    assert classes is not None
    assert set(classes.zh) == set(LAND_CLASSES.split()) == set(classes.en)
    assert classes.label("0702") == "农村宅基地"
    assert classes.label("0702", "en") == "Rural homestead"
    assert classes.label("9999") == "9999"
    kinds = CATALOG["farmland"].by_name["DKLB"].codes
    assert kinds is not None
    assert dict(kinds.zh) == {
        "10": "承包地块", "21": "自留地", "22": "机动地", "23": "开荒地", "24": "其他",
    }  # fmt: skip
    yes_no = CATALOG["farmland"].by_name["SFJBNT"].codes
    assert yes_no is not None
    assert dict(yes_no.zh) == {"1": "是", "2": "否"}


def test_codes_fit_their_fields() -> None:
    for spec in CATALOG.values():
        for field in spec.fields:
            for code in field.codes.zh if field.codes else ():
                assert field.length is not None and len(code) <= field.length, (spec.id, field.name)


def test_everything_has_a_source_and_a_confidence() -> None:
    for spec in CATALOG.values():
        for field in spec.fields:
            assert field.source and field.confidence in "VMWK"
            assert field.codes is None or field.codes.source
    homestead = CATALOG["homestead"]
    assert homestead.by_name["ZDDM"].confidence == "V"
    assert homestead.by_name["HZXM"].confidence == homestead.confidence == "K"


def test_areas_and_personal_data() -> None:
    methods = {spec.id: spec.area.method for spec in CATALOG.values() if spec.area}
    assert methods == {
        "farmland": "planar",
        "homestead": "planar",
        "idle_land": "planar",
        "landuse": "ellipsoidal",
        "protected_cropland": "ellipsoidal",
        "admin": "ellipsoidal",
    }
    personal = {
        f"{spec.id}.{f.name}": f.personal
        for spec in CATALOG.values()
        for f in spec.fields
        if f.personal
    }
    assert personal["homestead.HZZJHM"] == personal["protected_cropland.ZRRZJHM"] == "id"
    assert personal["protected_cropland.LXDH"] == "phone"
    assert personal["homestead.HZXM"] == personal["farmland.ZJRXM"] == "name"


@pytest.mark.parametrize(
    ("layer_id", "name", "good", "bad"),
    [
        ("farmland", "DKBM", "5304251002010000001", "530425100201000001"),
        ("homestead", "ZDDM", "530425001002JC00001", "530425001002XC00001"),
        ("homestead", "BDCDYH", "530425001002JC00001F00010001", "530425001002JC00001"),
        ("idle_land", "XZBH", "530425100201XZ0001", "530425100201XZ001"),
        ("admin", "XZQDM", "530425100201", "5304251"),
    ],
)
def test_patterns(layer_id: str, name: str, good: str, bad: str) -> None:
    pattern = CATALOG[layer_id].by_name[name].pattern
    assert pattern is not None
    assert re.fullmatch(pattern, good)
    assert not re.fullmatch(pattern, bad)


def test_every_layer_has_a_style_and_every_style_a_layer() -> None:
    styles = {path.stem for path in folder("styles").glob("*.qml")}
    assert styles == set(CATALOG) | RESULT_STYLES


def test_every_code_of_a_styled_field_has_its_class() -> None:
    for spec in CATALOG.values():
        style = load_style(spec.id)
        if style.attribute is None:
            continue
        codes = spec.by_name[style.attribute].codes
        assert codes is not None
        values = [category.value for category in style.categories]
        assert values[-1] == "", f"{spec.id}: the class of all other values is last"
        if spec.id != "protected_cropland":  # which is cropland, whatever else occurs
            assert values[:-1] == list(codes.zh)
            labels = [category.label.split(" ")[-1] for category in style.categories[:-1]]
            assert labels == list(codes.zh.values())


# ---- which layer a table is


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        ("DK", "DKBM DKMC", "farmland"),
        ("dk5304252016", "dkbm", "farmland"),
        ("530425DLTB", "BSM DLBM", "landuse"),
        ("地类图斑", "BSM DLBM DLMC", "landuse"),
        ("export_1", OFFICIAL["farmland"].replace("*", ""), "farmland"),
        ("export_2", OFFICIAL["protected_cropland"].replace("*", ""), "protected_cropland"),
        ("table", "地块编码 地块名称 地块类别 地力等级 土地用途 实测面积", "farmland"),
        ("ZJD", "OBJECTID SHAPE", None),  # the name alone proves nothing
        ("DKX", "OBJECTID DKMC", None),
        ("STBHHX", "BSM YSDM XZQDM XZQMC LXDM MC QYMJ", None),  # fields that all layers have
        ("export_3", "BSM YSDM XZQDM XZQMC DCMJ JSMJ", "admin"),
        (
            "export_4",
            "BSM YSDM XZQDM XZQMC YJJBNTTBBH TBBH DLBM DLMC QSXZ QSDWDM QSDWMC ZLDWDM ZLDWMC "
            "YJJBNTTBMJ YJJBNTMJ SJNF",
            "protected_cropland",  # which the eleven mandatory fields of DLTB do not outweigh
        ),
        ("YJJBNTTB530425", "BSM YSDM YJJBNTTBBH", "protected_cropland"),
        ("patches", "XZQDM JCBH TBLX QSX HSX SFYN MJ", None),
        ("parcels", "id crop area", None),
        ("", "", None),
    ],
)
def test_recognise(name: str, columns: str, expected: str | None) -> None:
    spec = recognise(name, columns.split(), CATALOG)
    assert (spec and spec.id) == expected


def test_recognise_does_not_guess_between_two() -> None:
    farmland = CATALOG["farmland"]
    twins = {"farmland": farmland, "twin": replace(farmland, id="twin")}
    assert recognise("DK", ["DKBM"], {"farmland": farmland}) is farmland
    assert recognise("DK", ["DKBM"], twins) is None
    assert recognise("export", [f.name for f in farmland.fields], twins) is None


@given(st.text(), st.lists(st.text()))
def test_recognise_takes_anything(name: str, columns: list[str]) -> None:
    spec = recognise(name, columns, CATALOG)
    assert spec is None or spec.id in CATALOG


def test_official_name() -> None:
    spec = CATALOG["landuse"]
    assert spec.official_name("dlbm") == "DLBM"
    assert spec.official_name(" 地类编码 ") == "DLBM"
    assert spec.official_name("XXTBKD") == "XZDWKD"
    assert spec.official_name("shape_area") is None


# ---- wrong files

GOOD = """
id = "pond"
name = "KT"
aliases = ["坑塘"]
title_zh = "坑塘水面"
title_en = "Ponds"
standard = "test"
source = "test"
confidence = "V"
geometry = "Polygon"
key = "KTBH"
label = "KTMC"
fields = [
    { name = "KTBH", title_zh = "编号", title_en = "Number", type = "Char", length = 8 },
    { name = "KTMC", title_zh = "名称", title_en = "Name", type = "Char", codes = "KTLX" },
    { name = "MJ", title_zh = "面积", title_en = "Area", type = "Float", decimals = 2 },
]
[area]
field = "MJ"
method = "planar"
[codes.KTLX]
source = "test"
confidence = "K"
zh = { 1 = "鱼塘" }
"""

WRONG = [
    ('id = "pond"', 'id = "lake"', "id"),
    ('id = "pond"', "", "id"),
    ('name = "KT"', "name = 3", "name"),
    ('name = "KT"', 'name = "  "', "name"),
    ('title_en = "Ponds"', "", "title_en"),
    ('standard = "test"', "", "standard"),
    ('source = "test"\nconfidence = "V"', 'confidence = "V"', "source"),
    ('confidence = "V"', 'confidence = "sure"', "confidence"),
    ('confidence = "V"', "", "confidence"),
    ('geometry = "Polygon"', 'geometry = "Circle"', "geometry"),
    ('geometry = "Polygon"', 'geometry = "Polygon"\ncolour = "red"', "colour"),
    ('key = "KTBH"', 'key = "BH"', "key"),
    ('label = "KTMC"', "", "label"),
    ('aliases = ["坑塘"]', 'aliases = "坑塘"', "aliases"),
    ('aliases = ["坑塘"]', "aliases = [1]", "aliases"),
    ('title_zh = "编号", ', "", "fields.KTBH.title_zh"),
    ('name = "KTBH", ', "", "fields[0].name"),
    ('type = "Char", length = 8', 'type = "Text"', "fields.KTBH.type"),
    ("length = 8", 'length = "8"', "fields.KTBH.length"),
    ("length = 8", "length = -8", "fields.KTBH.length"),
    ("length = 8", "length = true", "fields.KTBH.length"),
    ("length = 8", "len = 8", "fields[0].len"),
    ("length = 8", "decimals = 2", "fields.KTBH.decimals"),
    ("length = 8", 'required = "yes"', "fields.KTBH.required"),
    ("length = 8", 'unique = "yes"', "fields.KTBH.unique"),
    ("length = 8", 'personal = "face"', "fields.KTBH.personal"),
    ("length = 8", "pattern = '^[0-9'", "fields.KTBH.pattern"),
    ("length = 8", 'aliases = ["名称"]', "fields.*.aliases"),
    ("decimals = 2", 'codes = "KTLX"', "fields.MJ.codes"),
    ('codes = "KTLX"', 'codes = "KTL"', "fields.KTMC.codes"),
    ('name = "MJ"', 'name = "ktbh"', "fields.*.name"),
    ('{ name = "MJ"', '"MJ", { name = "MJ"', "fields[2]"),
    ('field = "MJ"', 'field = "MJM"', "area.field"),
    ('method = "planar"', 'method = "guess"', "area.method"),
    ('method = "planar"', 'method = "planar"\nunit = "ha"', "area.unit"),
    ("[area]", "[[area]]", "area"),
    ('confidence = "K"', "", "codes.KTLX.confidence"),
    ('zh = { 1 = "鱼塘" }', "", "codes.KTLX.zh"),
    ('zh = { 1 = "鱼塘" }', "zh = { 1 = 2 }", "codes.KTLX.zh.1"),
    ('zh = { 1 = "鱼塘" }', "zh = {}", "codes.KTLX.zh"),
    ('zh = { 1 = "鱼塘" }', 'zh = { 1 = "鱼塘" }\nen = { 2 = "Pond" }', "codes.KTLX.en.2"),
    ("[codes.KTLX]", "[[codes.KTLX]]", "codes.KTLX"),
    ("[codes.KTLX]", "[codes.yes_no]", "codes.yes_no"),
    (GOOD, "", "fields"),
    ("[area]", "[area", "-"),
]


def _folder(tmp_path: Path, text: str) -> Path:
    (tmp_path / "codes").mkdir()
    shutil.copy(folder("layers") / "codes" / "yes_no.toml", tmp_path / "codes")
    (tmp_path / "pond.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_good_file_is_good(tmp_path: Path) -> None:
    assert list(load_catalog(_folder(tmp_path, GOOD))) == ["pond"]


@pytest.mark.parametrize(("old", "new", "key"), WRONG)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    if old == GOOD:
        key = "id"
    with pytest.raises(CatalogError) as caught:
        load_catalog(_folder(tmp_path, text))
    assert f"{tmp_path / 'pond.toml'}, key {key}:" in caught.value.en
    assert f"{tmp_path / 'pond.toml'}，键 {key}：" in caught.value.zh


def test_wrong_bytes_a_wrong_list_and_an_empty_folder(tmp_path: Path) -> None:
    path = _folder(tmp_path, GOOD)
    (path / "pond.toml").write_bytes("名".encode("gbk"))
    with pytest.raises(CatalogError, match=r"pond\.toml"):
        load_catalog(path)
    other = tmp_path / "other"
    (other / "codes").mkdir(parents=True)
    (other / "pond.toml").write_text(GOOD, encoding="utf-8")
    (other / "codes" / "list.toml").write_text('source = "x"\n', encoding="utf-8")
    with pytest.raises(CatalogError, match=r"list\.toml, key zh: is missing"):
        load_catalog(other)
    with pytest.raises(CatalogError, match="no \\*\\.toml"):
        load_catalog(tmp_path / "nowhere")


def test_two_layers_may_not_share_a_name(tmp_path: Path) -> None:
    path = _folder(tmp_path, GOOD)
    twin = GOOD.replace('"pond"', '"tarn"').replace('"KT"', '"KT2"').replace("坑塘水面", "塘")
    (path / "tarn.toml").write_text(twin, encoding="utf-8")
    with pytest.raises(CatalogError, match=r"tarn\.toml, key name or aliases: 坑塘 belongs"):
        load_catalog(path)


def test_a_new_layer_is_one_toml_and_one_qml(tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    styles = tmp_path / "styles"
    shutil.copytree(folder("layers"), layers, ignore=shutil.ignore_patterns("*.py", "__*"))
    shutil.copytree(folder("styles"), styles, ignore=shutil.ignore_patterns("*.py", "__*"))
    (layers / "pond.toml").write_text(GOOD, encoding="utf-8")
    shutil.copy(styles / "patches.qml", styles / "pond.qml")
    catalog = load_catalog(layers)
    assert len(catalog) == len(CATALOG) + 1
    spec = recognise("KT530425", ["KTBH", "KTMC", "MJ"], catalog)
    assert spec is not None and spec.id == "pond"
    assert load_style("pond", styles).categories
