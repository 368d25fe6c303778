"""The layer catalogue: what it says against the standards, and errors that name file and key."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuxi_gis.catalog import load_catalog, load_codes, recognise
from yuxi_gis.errors import CatalogError
from yuxi_gis.resources import folder
from yuxi_gis.symbology import load_style

CATALOG = load_catalog()


def words(text: str) -> list[str]:
    return text.split()


RESULT_STYLES = {
    "changed_parcels", "findings", "findings_areas", "findings_mended", "patches", "summary"
}  # fmt: skip

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
    "contract_parcel": "DKBM* FBFBM* CBFBM* CBJYQQDFS* HTMJ* CBHTBM* LZHTBM CBJYQZBM* YHTMJ HTMJM "
    "YHTMJM SFQQQG",
    "issuer": "FBFBM* FBFMC* FBFFZRXM* FZRZJLX* FZRZJHM* LXDH FBFDZ* YZBM* FBFDCY* FBFDCRQ* "
    "FBFDCJS",
    "contractor": "CBFBM* CBFLX* CBFMC* CBFZJLX* CBFZJHM* CBFDZ* YZBM* LXDH CBFCYSL* CBFDCRQ* "
    "CBFDCY* CBFDCJS GSJS GSJSR* GSSHRQ* GSSHR*",
    "household_member": "CBFBM* CYXM* CYXB* CYZJLX* CYZJHM* YHZGX* CYBZ SFGYR CYBZSM",
    "contract": "CBHTBM* YCBHTBM FBFBM* CBFBM* CBFS* CBQXQ* CBQXZ* HTZMJ* CBDKZS* QDSJ* HTZMJM "
    "YHTZMJ YHTZMJM",
    "transfer_contract": "YCBHTBM* LZHTBM* CFBBM* SRFBM* LZFS* LZQX* LZQXKSRQ* LZQXJSRQ* LZMJ* "
    "LZDKS* LZQTDYT LZHTDYT LZJGSM* HTQDRQ* LZMJM",
    "ownership_document": "CBJYQZBM* ZLFJBH* ZLFJMC* ZLFJRQ* FJ*",
    "register": "CBJYQZBM* FBFBM* CBFBM* CBFS* CBQX* CBQXQ* CBQXZ* DKSYT* CBJYQZLSH* DJBFJ "
    "YCBJYQZLSH DBR* DJSJ*",
    "certificate": "CBJYQZBM* FZJG* FZRQ* QZSFLY* QZLQRQ QZLQRXM QZLQRZJLX QZLQRZJHM",
    "certificate_reissue": "CBJYQZBM* QZBFYY* BFRQ* QZBFLQRQ* QZBFLQRXM* BFLQRZJLX* BFLQRZJHM*",
    "certificate_replacement": "CBJYQZBM* QZHFYY* HFRQ* QZHFLQRQ* QZHFLQRXM* HFLQRZJLX* HFLQRZJHM*",
    "certificate_cancellation": "CBJYQZBM* ZXYY* ZXRQ*",
    "boundary_point": "BSM YSDM JZDH JZDLX JBLX X Y",
    "boundary_line": "BSM YSDM JXXZ JZXLB JZXWZ JZXSM",
    "cadastral_parcel": "BSM YSDM ZDDM BDCDYH ZDTZM ZL ZDMJ MJDW YT DJ JG QLLX QLXZ QLSDFS RJL "
    "JZMD JZXG ZDSZD ZDSZN ZDSZX ZDSZB TFH DJH ZT BZ",
    "monitoring_patch": "XZQDM XMC JCBH TBLX TZ QSX HSX DLBM DLMC TBXHMC ZZSXDM CZCSXM JSYDXZ SFYN "
    "SFHX MJ BZ",
    "new_construction_patch": "YGTBZJ XZQDM JCSDQ JCSDH JCMJ TDZL TBLX ND",
}
OFFICIAL["suspected_construction_patch"] = OFFICIAL["new_construction_patch"]
OFFICIAL["enforcement_parcel"] = OFFICIAL["new_construction_patch"]
OFFICIAL["landuse_change"] = OFFICIAL["landuse"].replace("*", "")
OFFICIAL["farmland_target"] = OFFICIAL["landuse_change"] + " SFWHTD"

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


def test_layers_and_tables_are_those_of_the_reference() -> None:
    assert set(CATALOG) == set(OFFICIAL)
    assert {spec.name for spec in CATALOG.values() if not spec.is_table} == set(
        words(
            "DK ZJD XZJSYD YJJBNTTB DLTB DLTBGX XZQ JZD JZX ZDJBXX GDBHMB JCTB YGXZJSYDTB "
            "YGYSXZJSYDTB WFDK"
        )
    )
    assert {spec.name for spec in CATALOG.values() if spec.is_table} == set(
        words(
            "FBF CBF CBF_JTCY CBHT LZHT CBDKXX QSLYZLFJ CBJYQZDJB CBJYQZ CBJYQZ_QZBF CBJYQZ_QZHF "
            "CBJYQZ_QZZX"
        )
    )
    assert CATALOG["boundary_point"].geometry == "Point"
    assert CATALOG["boundary_line"].geometry == "LineString"


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
        ("contract_parcel", "CBHTBM", "Char", 19, None),
        ("contract_parcel", "LZHTBM", "Char", 20, None),
        ("transfer_contract", "LZHTBM", "Char", 18, None),
        ("contractor", "CBFCYSL", "Int", 2, None),
        ("register", "DKSYT", "Varbin", 254, None),
        ("cadastral_parcel", "JG", "Float", 15, 4),
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


# The lists of appendix C of NY/T 2539-2016 by where they are used, and their codes.
APPENDIX_C = {
    "boundary_line.JXXZ": "600001 600002 600003 600004 600005",
    "farmland.SYQXZ": "10 30 31 32 33 34",
    "farmland.DKLB": "10 21 22 23 24",
    "farmland.DLDJ": "01 02 03 04 05 06 07 08 09 10",
    "farmland.TDYT": "1 2 3 4 5",
    "contract_parcel.CBJYQQDFS": "100 110 120 200 300 400 500 600 700 800",
    "boundary_point.JZDLX": "1 2 3",
    "boundary_point.JBLX": "1 2 3 4 5 6 7 8 9",
    "boundary_line.JZXLB": "01 02 03 04 05 06 07 08 09",
    "boundary_line.JZXWZ": "01 02 03",
    "contractor.CBFZJLX": "1 2 3 4 5 9",
    "contractor.CBFLX": "1 2 3",
    "household_member.CYXB": "1 2",
    "household_member.CYBZ": "1 2 3 4 5 6 7 8",
    "household_member.SFGYR": "1 2",
}


@pytest.mark.parametrize("where", APPENDIX_C)
def test_appendix_c(where: str) -> None:
    layer_id, _, name = where.partition(".")
    codes = CATALOG[layer_id].by_name[name].codes
    assert codes is not None and codes.confidence == "V"
    assert list(codes.zh) == list(codes.en) == APPENDIX_C[where].split()


def test_codes_of_real_data_are_tolerated() -> None:
    kinds = CATALOG["farmland"].by_name["DKLB"].codes
    assert kinds is not None and dict(kinds.tolerated) == {"99": "其他集体土地"}
    ways = CATALOG["contract"].by_name["CBFS"].codes
    assert ways is not None and set(ways.tolerated) == {"121", "122", "123", "129"}


def test_second_survey_classes_and_what_became_of_them() -> None:
    lists = load_codes()
    old = lists["second_survey"]
    assert old.replaced_by == "DLBM"
    assert set(lists["land_use_2007"].zh) == set(old.successors)
    assert set(old.successors.values()) <= set(lists["DLBM"].zh)
    for code, new in {
        "011": "0101",
        "054": "05H1",
        "072": "0702",
        "095": "09",
        "125": "1108",
    }.items():
        assert old.successors[code] == new
    assert "203" in old.zh and "203" not in old.successors


def test_counties_of_yuxi() -> None:
    lists = load_codes()
    assert list(lists["county"].zh) == words(
        "530402 530403 530423 530424 530425 530426 530427 530428 530481"
    )
    assert dict(lists["county_former"].successors) == {"530421": "530403", "530422": "530481"}
    assert (lists["county"].confidence, lists["county_former"].confidence) == ("M", "K")


def test_codes_fit_their_fields() -> None:
    for spec in CATALOG.values():
        for field in spec.fields:
            if field.codes:
                longest = max(map(len, [*field.codes.zh, *field.codes.tolerated]))
                assert field.length is not None and longest <= field.length, (spec.id, field.name)


def test_relations_lead_to_the_key_of_a_table() -> None:
    found = {}
    for spec in CATALOG.values():
        for field in spec.fields:
            if field.references is not None:
                table, _, name = field.references.partition(".")
                assert CATALOG[table].key == name
                found[f"{spec.id}.{field.name}"] = table
    assert found["contract_parcel.DKBM"] == "farmland"
    assert found["contract_parcel.CBHTBM"] == "contract"
    assert found["household_member.CBFBM"] == "contractor"
    assert found["certificate_reissue.CBJYQZBM"] == "certificate"
    assert len(found) == 18


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
    planar = {"farmland", "homestead", "idle_land", "cadastral_parcel"}
    assert {layer_id for layer_id, method in methods.items() if method == "planar"} == planar
    assert {"landuse", "protected_cropland", "admin", "landuse_change"} <= set(methods)
    personal: dict[str, set[str]] = {}
    for spec in CATALOG.values():
        for f in spec.fields:
            if f.personal:
                personal.setdefault(f.personal, set()).add(f"{spec.id}.{f.name}")
    assert personal["id"] == set(
        words(
            "homestead.HZZJHM protected_cropland.ZRRZJHM issuer.FZRZJHM contractor.CBFZJHM "
            "household_member.CYZJHM certificate.QZLQRZJHM certificate_reissue.BFLQRZJHM "
            "certificate_replacement.HFLQRZJHM"
        )
    )
    assert personal["phone"] == {"protected_cropland.LXDH", "issuer.LXDH", "contractor.LXDH"}
    assert personal["name"] == set(
        words(
            "homestead.HZXM farmland.ZJRXM protected_cropland.CFZR protected_cropland.ZZRR "
            "protected_cropland.ZRRMC protected_cropland.JZDZ issuer.FBFFZRXM issuer.FBFDCY "
            "contractor.CBFMC contractor.CBFDZ contractor.CBFDCY contractor.GSJSR contractor.GSSHR "
            "household_member.CYXM register.DBR certificate.QZLQRXM certificate_reissue.QZBFLQRXM "
            "certificate_replacement.QZHFLQRXM"
        )
    )


def test_no_key_is_personal_data() -> None:
    """Findings name records by their key."""
    for spec in CATALOG.values():
        assert spec.by_name[spec.key].personal is None, spec.id


@pytest.mark.parametrize(
    ("layer_id", "name", "good", "bad"),
    [
        ("farmland", "DKBM", "5304251002010000001", "530425100201000001"),
        ("homestead", "ZDDM", "530425001002JC00001", "530425001002XC00001"),
        ("homestead", "BDCDYH", "530425001002JC00001F00010001", "530425001002JC00001"),
        ("idle_land", "XZBH", "530425100201XZ0001", "530425100201XZ001"),
        ("admin", "XZQDM", "530425100201", "5304251"),
        ("issuer", "FBFBM", "53042510020100", "5304251002010"),
        ("contractor", "CBFBM", "530425100201000001", "53042510020100001"),
        ("contract", "CBHTBM", "530425100201000001J", "530425100201000001"),
        ("contract_parcel", "CBHTBM", "530425100201000001", "53042510020100001J"),
    ],
)
def test_patterns(layer_id: str, name: str, good: str, bad: str) -> None:
    pattern = CATALOG[layer_id].by_name[name].pattern
    assert pattern is not None
    assert re.fullmatch(pattern, good)
    assert not re.fullmatch(pattern, bad)


def test_every_layer_has_a_style_and_every_style_a_layer() -> None:
    styles = {path.stem for path in folder("styles").glob("*.qml")}
    assert styles == {s.id for s in CATALOG.values() if not s.is_table} | RESULT_STYLES
    for spec in CATALOG.values():
        if not spec.is_table:
            kinds = {category.symbol.geometry for category in load_style(spec.id).categories}
            assert kinds == {spec.geometry}, spec.id


def test_every_code_of_a_styled_field_has_its_class() -> None:
    for spec in CATALOG.values():
        style = None if spec.is_table else load_style(spec.id)
        if style is None or style.attribute is None:
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


#: Layers with the same fields as another one: only their names tell them apart.
BY_NAME_ONLY = {
    "landuse_change": "landuse",  # an unknown table with these fields is the land use layer
    "new_construction_patch": None,
    "suspected_construction_patch": None,
    "enforcement_parcel": None,
}


@pytest.mark.parametrize("layer_id", CATALOG)
def test_every_layer_is_recognised_with_all_fields_and_with_the_mandatory_ones(
    layer_id: str,
) -> None:
    spec = CATALOG[layer_id]
    anonymous = CATALOG.get(BY_NAME_ONLY.get(layer_id, layer_id) or "")
    for columns in (list(spec.by_name), list(spec.mandatory) or list(spec.by_name)):
        titles = [spec.by_name[column].title_zh for column in columns]
        for names in (columns, [c.lower() for c in columns], [*columns, "OBJECTID"], titles):
            for name in (
                spec.name,
                spec.id,
                spec.title_zh,
                f"{spec.name}5304252016",
                *spec.aliases,
            ):
                assert recognise(name, names, CATALOG) is spec, name
            assert recognise("Sheet1", names, CATALOG) is anonymous


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        ("CBF", "CBFBM CBFMC", "contractor"),
        ("承包方", "承包方代码 承包方名称 联系电话", "contractor"),
        ("CBF_JTCY", "CBFBM CYXM", "household_member"),
        ("家庭成员", "承包方代码 成员姓名 与户主关系", "household_member"),
        ("JZD5304252016", "BSM JZDH JZDLX", "boundary_point"),
        ("Sheet1", "CBJYQZBM FBFBM CBFBM CBFS", None),  # of the register and of no one else
        ("Sheet1", "FBFBM CBFBM CBFS CBQXQ CBQXZ", None),  # contract or register
        ("layer_styles", "f_table_name styleName styleQML", None),
        ("brpgewaspercelen", "category gewas gewascode jaar status", None),
        ("areas", "id crop_name area_ha determination_datetime", None),
        ("Feldbloecke", "FLIK FLAECHE KREIS HBN", None),
        # a county's table, with GIS fields and without some of DLTB
        (
            "export",
            "OBJECTID BSM YSDM TBYBH TBBH DLBM DLMC QSXZ QSDWDM QSDWMC ZLDWDM ZLDWMC TBMJ KCDLBM "
            "KCXS KCMJ TBDLMJ GDLX SFWHTD GDPDJB TBXHDM TBXHMC ZZSXDM ZZSXMC GDDB FRDBS SJNF",
            "farmland_target",
        ),
        ("dltb_2009", "BSM YSDM TBBH DLBM DLMC TBMJ TKMJ TKXS GDPDJ", "landuse"),
        ("基本农田图斑", "BSM YSDM JBNTTBBH JBNTLX PDJB TKMJ TBMJ JBNTMJ", "protected_cropland"),
    ],
)
def test_recognise_tables_and_editions(name: str, columns: str, expected: str | None) -> None:
    spec = recognise(name, columns.split(), CATALOG)
    assert (spec and spec.id) == expected


# ---- older editions

SECOND_SURVEY = words(
    "BSM YSDM TBYBH TBBH DLBM DLMC QSXZ QSDWDM QSDWMC ZLDWDM ZLDWMC GDLX KCLX KCDLBM_1 GDPDJ TKXS "
    "TBMJ XZDWMJ LXDWMJ TKMJ TBDLMJ PZWH BZ"
)


def test_a_field_that_both_editions_have_does_not_make_a_layer_new() -> None:
    columns = words("BSM DLBM KCLX KCDLBM GDPDJ TKXS TKMJ XZDWMJ LXDWMJ")
    edition = CATALOG["landuse"].edition(columns)
    assert edition is not None and edition.name == "second_survey"
    assert CATALOG["landuse"].edition([*columns, "GDPDJB"]) is None


def test_second_survey_columns_get_their_names_of_today() -> None:
    spec = CATALOG["landuse"]
    edition = spec.edition(SECOND_SURVEY)
    assert edition is not None and edition.name == "second_survey"
    names = spec.official_names(SECOND_SURVEY)
    assert {old: new for old, new in names.items() if old != new} == {
        "KCLX": "KCDLBM", "GDPDJ": "GDPDJB", "TKXS": "KCXS", "TKMJ": "KCMJ",
    }  # fmt: skip
    # What has no name of today, or one that GDAL has made unique, stays as it is.
    assert not {"XZDWMJ", "LXDWMJ", "PZWH", "KCDLBM_1"} & set(names)
    assert edition.code_list(spec.by_name["DLBM"]) is load_codes()["second_survey"]
    assert edition.code_list(spec.by_name["KCDLBM"]) is None
    assert edition.code_list(spec.by_name["QSXZ"]) is spec.by_name["QSXZ"].codes
    assert spec.official_names(["gdpdj"]) == {"gdpdj": "GDPDJB"}


def test_basic_farmland_of_2007() -> None:
    spec = CATALOG["protected_cropland"]
    columns = words("JBNTTBBH JBNTLX PDJB TKMJ TBMJ JBNTMJ DLBM")
    edition = spec.edition(columns)
    assert edition is not None and edition.name == "basic_farmland_2007"
    assert spec.official_names(columns) == {
        "JBNTTBBH": "YJJBNTTBBH",
        "PDJB": "GDPDJB",
        "TKMJ": "KCMJ",
        "TBMJ": "YJJBNTTBMJ",
        "JBNTMJ": "YJJBNTMJ",
        "DLBM": "DLBM",
    }


@pytest.mark.parametrize(
    "columns",
    [
        "BSM DLBM TBMJ GDPDJB KCXS KCMJ",  # of today
        "BSM DLBM GDPDJ GDPDJB TKXS",  # of today with old columns beside
        "BSM DLBM TBMJ",  # could be either
    ],
)
def test_today_is_no_older_edition(columns: str) -> None:
    spec = CATALOG["landuse"]
    assert spec.edition(columns.split()) is None
    assert "GDPDJ" not in spec.official_names(columns.split())


def test_no_old_name_is_a_name_of_today() -> None:
    for spec in CATALOG.values():
        for edition in spec.editions:
            assert edition.marks
            assert not {*edition.marks, *edition.aliases} & set(spec.by_name)


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
    assert spec.official_name("ＤＬＢＭ") == "DLBM"
    assert spec.official_name("shape_area") is None
    assert CATALOG["farmland"].official_name("实测面积(亩)") == "SCMJM"


def test_exact_names_go_before_aliases() -> None:
    spec = CATALOG["farmland"]
    assert spec.official_names(["地块代码", "DKBM"]) == {"DKBM": "DKBM"}
    assert spec.official_names(["DKBM", "dkbm", "地块编码"]) == {"DKBM": "DKBM"}
    assert spec.official_names(["地块编码", "地块代码"]) == {"地块编码": "DKBM"}


@given(st.lists(st.text()))
def test_official_names_are_given_once(columns: list[str]) -> None:
    for spec in CATALOG.values():
        names = spec.official_names(columns)
        assert set(names) <= set(columns) and set(names.values()) <= set(spec.by_name)
        assert len(set(names.values())) == len(names)


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
[[editions]]
name = "old"
title_zh = "旧"
title_en = "Old"
source = "test"
confidence = "W"
marks = ["TBH"]
open = ["MJ"]
aliases = { TBH = "KTBH" }
codes = { KTMC = "KTLX" }
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
    ("length = 8", 'references = "lake.BH"', "fields.KTBH.references"),
    ("length = 8", 'references = "pond.BH"', "fields.KTBH.references"),
    ('title_en = "Ponds"', 'title_en = "Ponds"\nlike = "lake"', "like"),
    ('marks = ["TBH"]', "", "editions[0].marks"),
    ('marks = ["TBH"]', 'marks = ["MJ"]', "editions[0].marks"),
    ('marks = ["TBH"]', 'marks = ["TBH"]\nfields = 1', "editions[0].fields"),
    ('open = ["MJ"]', 'open = ["MU"]', "editions[0].open"),
    ('TBH = "KTBH"', 'TBH = "BH"', "editions[0].aliases"),
    ('TBH = "KTBH"', 'MJ = "KTBH"', "editions[0].aliases"),
    ('KTMC = "KTLX"', 'MC = "KTLX"', "editions[0].codes"),
    ('KTMC = "KTLX"', 'KTMC = "LX"', "editions[0].codes"),
    ("[[editions]]", "[editions]", "editions"),
    (
        'zh = { 1 = "鱼塘" }',
        'zh = { 1 = "鱼塘" }\nsuccessors = { 2 = "1" }',
        "codes.KTLX.successors.2",
    ),
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
    third = tmp_path / "third"
    (third / "codes").mkdir(parents=True)
    text = 'source = "x"\nconfidence = "K"\nreplaced_by = "{}"\nzh = {{ 1 = "a" }}\n'
    text += 'successors = {{ 1 = "{}" }}\n'
    for today, code, key in (("none", "1", "replaced_by"), ("list", "2", "successors")):
        (third / "codes" / "list.toml").write_text(text.format(today, code), encoding="utf-8")
        with pytest.raises(CatalogError, match=rf"list\.toml, key {key}: there is no"):
            load_codes(third)


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
