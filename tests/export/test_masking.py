"""No output carries a personal number, wherever in the source it stood; codes and areas stay."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.webmap.unpacked import everything_in
from tests.test_codes import FULL, ID, TEXTS, WITH_X, contractors
from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import run_checks
from yuxi_gis.codes import Masking
from yuxi_gis.export.geopackage import write_geopackage
from yuxi_gis.export.masking import kind_by_title, mask_findings, mask_table
from yuxi_gis.export.table import write_csv, write_json
from yuxi_gis.export.webmap import write_map
from yuxi_gis.export.workbook import write_workbook

CATALOG = load_catalog()
PHONE = "13887654321"


def masked(spec: str | None = None, masking: Masking | None = None, **columns: object) -> dict:
    frame = pd.DataFrame(columns)
    known = None if spec is None else CATALOG[spec]
    out, changed = mask_table(frame, masking or Masking(), known)
    assert list(out.columns) == list(frame.columns)
    return {name: out[name].tolist() for name in changed}


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("户主身份证号码", "id"), ("证件号", "id"), ("SFZH", "id"), ("cyzjhm", "id"),
        ("联系电话", "phone"), ("手机", "phone"), ("联系方式", "phone"), ("LXDH", "phone"),
        ("姓名", "name"), ("户主", "name"), ("HZXM", "name"), ("家庭住址", "name"),
        ("东至", "neighbour"), ("DKDZ", "neighbour"), ("ZDSZN", "neighbour"),
        ("与户主关系", None), ("证件类型", None), ("户主性别", None), ("权利人性质", None),
        ("DKBM", None), ("DKMC", None), ("XZQDM", None), ("ZDDM", None), ("SCMJ", None),
        ("承包方", "name"), ("承包方代表", "name"), ("承包方地址", "name"), ("CBFMC", None),
        ("QLR", "name"), ("QLRMC", "name"), ("权利人名称", "name"), ("家庭成员", "name"),
        ("产权人", "name"), ("使用权人", "name"), ("户名", "name"), ("负责人", "name"),
        ("责任人", "name"), ("负责人证件号码", "id"), ("身份证编号", "id"),
        ("银行账号", "id"), ("帐号", "id"),
        ("银行卡号", "id"), ("开户", "id"), ("开户行", "id"),
        ("承包方代码", None), ("承包方类型", None), ("承包方式", None), ("承包方成员数量", None),
        ("家庭成员数", None), ("承包方调查日期", None), ("产权人类型", None), ("QLRLX", None),
        ("项目名称", None), ("XMMC", None), ("承包方编码", None), ("电话数量单位", None),
    ],
)  # fmt: skip
def test_titles(title: str, kind: str | None) -> None:
    assert kind_by_title(title) == kind


def test_official_fields() -> None:
    found = masked(
        "farmland",
        DKBM=["5304252002010000001", "5304252002010000002"],
        ZJRXM=["张三", "李四"],
        DKDZ=["王五", "水沟"],
        DKBZXX=[f"见{ID}", "无"],
        SCMJ=[13_800_000_000.0, 1.0],
    )
    assert found == {
        "ZJRXM": ["张*", "李*"],
        "DKDZ": ["王*", "水沟"],
        "DKBZXX": [f"见530425***********{ID[-1]}", "无"],
    }
    named = masked("farmland", Masking(names=False), ZJRXM=[f"张三{PHONE}"], DKDZ=["王五"])
    assert named == {"ZJRXM": ["张三138******21"]}


def test_personal_fields_of_other_layers() -> None:
    """A clerk joins the contractor's name to the parcels: CBFMC is no field of farmland."""
    for name in ("CBFMC", "cbfmc", "承包方（代表）名称", "DBR", "指界人", "GSJSR"):
        assert masked("landuse", **{name: ["张三", "无"]}) == {name: ["张*", "无"]}, name
        assert masked(**{name: ["张三", "无"]}) == {name: ["张*", "无"]}, name
    assert masked("issuer", FBFMC=["示例村"], FBFDZ=["示例村1号"]) == {}
    assert masked("farmland", 承包方代码=contractors().tolist(), 承包方类型=["1"] * 440) == {}


def test_accounts_and_mistyped_numbers() -> None:
    account, typo = "6217001234567890123", ID[:-1] + ("1" if ID[-1] != "1" else "2")
    found = masked(银行账号=[account, "无"], 卡号=[int(account), 0], 备注=[f"账 {typo}", "x"])
    assert found["银行账号"] == ["6" + "*" * 18, "无"]
    assert set(found) == {"银行账号", "卡号", "备注"}
    assert account[1:] not in str(found) and "1990" not in str(found)
    assert set(masked(a=[int(typo), int(ID)])) == {"a"}


def test_codes_stay_and_numbers_in_their_place_do_not() -> None:
    codes = contractors()
    assert masked("contractor", CBFBM=codes.tolist()) == {}
    assert masked(CBFBM=codes.tolist()) == {}
    assert masked("farmland", DKBM=["5304252002010000001", ID])["DKBM"][1].startswith("530425***")


def test_unknown_columns_tell_by_their_values() -> None:
    found = masked(
        a=[ID, WITH_X.lower() + " ", None],
        b=[PHONE, PHONE, "无"],
        c=[1.5e5, 2.5, 3],
        d=["大田", "小田", "x"],
        e=["1", f"电话{PHONE}", ""],
        f=[ID.translate(FULL), f"'{ID}", ID],
    )
    assert set(found) == {"a", "b", "e", "f"}
    assert "1990" not in str(found) and PHONE not in str(found)
    assert found["b"][2] == "无"


def test_numbers_that_became_numbers() -> None:
    digits = "530425199001011231"
    found = masked(
        phone=[float(PHONE), np.nan],
        whole=[int(PHONE), int(PHONE)],
        born=[float(digits), float(digits)],
        身份证=[float(digits), 1.0],
        area=[1.3e10, 1.5],
        code=[float(code) for code in contractors()[:2]],
    )
    assert set(found) == {"phone", "whole", "born", "身份证"}
    assert "1990" not in str(found) and PHONE not in str(found)
    assert pd.isna(found["phone"][1])


def test_geometry_attributes_and_the_given_frame_stay() -> None:
    frame = gpd.GeoDataFrame({"姓名": ["张三"]}, geometry=[shapely.Point(1, 2)], crs=4543)
    frame.attrs["source"] = "x"
    out, changed = mask_table(frame, Masking())
    assert changed == ("姓名",) and frame["姓名"].tolist() == ["张三"]
    assert isinstance(out, gpd.GeoDataFrame) and out.crs == frame.crs and out.attrs == frame.attrs
    assert out.geometry.tolist() == frame.geometry.tolist()
    same, nothing = mask_table(out, Masking())
    assert same is out and nothing == ()


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["姓名", "身份证", "电话", "DKDZ", "备注", "a", "DKBM", "四至"]),
        st.lists(st.one_of(TEXTS, st.none()), min_size=3, max_size=3),
        min_size=1,
    ),
    st.sampled_from([None, "farmland"]),
)
def test_masking_a_masked_table_changes_nothing(columns: dict, spec: str | None) -> None:
    frame = pd.DataFrame(columns, dtype=object)
    once, _ = mask_table(frame, Masking(), CATALOG.get(spec or ""))
    twice, changed = mask_table(once, Masking(), CATALOG.get(spec or ""))
    assert changed == () and twice is once


def test_a_million_rows_of_twenty_columns_take_seconds() -> None:
    """A tenth of that here: 100,000 rows, all codes and names different."""
    n = 100_000
    rows = np.arange(n).astype(str)
    columns = {f"t{i}": np.char.add("地块", rows) for i in range(14)}
    columns |= {f"DKBM{i}": np.char.add("5304252002010", np.char.zfill(rows, 6)) for i in range(3)}
    columns["姓名"] = np.char.add("张", rows)
    columns["电话"] = np.char.add("138", np.char.zfill(rows, 8))
    columns["备注"] = np.char.add("电话138", np.char.zfill(rows, 8))
    frame = pd.DataFrame(columns).astype("str")
    start = time.process_time()
    _, changed = mask_table(frame, Masking())
    assert changed == ("姓名", "电话", "备注")
    assert time.process_time() - start < 8


def planted() -> dict[str, gpd.GeoDataFrame]:
    """Layers with the number in every text field, with and without words around it."""
    layers = {}
    for layer_id in ("farmland", "homestead", "protected_cropland"):
        spec = CATALOG[layer_id]
        texts = [f.name for f in spec.fields if f.type in ("Char", "Varchar")]
        columns = {
            name: [ID, f"户主{ID}，电话{PHONE}", WITH_X.lower(), f" {ID} ", "正常", "正常"]
            for name in [*texts, "额外", "extra"]
        }
        squares = [shapely.box(5e5 + 90 * i, 26e5, 5e5 + 90 * i + 99, 2600100) for i in range(6)]
        layers[layer_id] = gpd.GeoDataFrame(columns, geometry=squares, crs=4543)
    return layers


def leaks(path: Path) -> list[str]:
    """The personal numbers that stand in a file, unpacked where it is a workbook or a map."""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            data = b"".join(book.read(name) for name in book.namelist())
    elif path.suffix == ".html":
        data = everything_in(path.read_text(encoding="utf-8"))
    else:
        data = path.read_bytes()
    return [n for n in (ID, WITH_X, WITH_X.lower(), PHONE) if n.encode() in data]


def test_no_output_of_any_kind_has_a_planted_number(tmp_path: Path) -> None:
    layers = planted()
    result = run_checks(layers)
    assert result.findings["message_zh"].str.contains(ID).any(), "else this proves nothing"
    results = {"findings": result.findings}
    shown = Masking(False, False, False)
    for masking, hidden in ((Masking(), True), (Masking(names=False), True), (shown, False)):
        folder = tmp_path / masking.word.replace(" ", "-")
        write_workbook(folder / "f.xlsx", result, masking=masking)
        write_csv(folder / "f.csv", result, masking=masking)
        write_json(folder / "f.json", result, masking=masking)
        write_geopackage(folder / "f.gpkg", layers, **results, masking=masking)
        write_map(folder / "f.html", layers, **results, masking=masking)
        unknown = {f"unknown_{name}": frame for name, frame in layers.items()}
        write_map(folder / "u.html", unknown, masking=masking)
        write_geopackage(folder / "u.gpkg", {}, others=unknown, masking=masking)
        files = sorted(folder.iterdir())
        assert len(files) == 7
        for path in files:
            assert bool(leaks(path)) != hidden, path.name


def test_codes_in_findings_stay_in_their_messages() -> None:
    codes = contractors()
    frame = gpd.GeoDataFrame(
        {
            "feature": codes,
            "message_zh": "承包方 " + codes + f" 的备注写着 {ID}",
            "message_en": "Contractor " + codes,
        },
        geometry=gpd.GeoSeries([None] * len(codes)),
    )
    out = mask_findings(frame, Masking())
    assert out["feature"].tolist() == codes.tolist()
    assert out["message_en"].tolist() == frame["message_en"].tolist()
    assert (
        out["message_zh"].tolist()
        == ("承包方 " + codes + f" 的备注写着 530425***********{ID[-1]}").tolist()
    )
