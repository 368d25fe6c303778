"""Patches in the official fields: what is known is right, what is not stays empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from tests.export.changed import patches, place
from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import run_checks
from yuxi_gis.codes import Masking
from yuxi_gis.export.jctb import FILES, LAYER, monitoring_patches, overlaps, write_jctb
from yuxi_gis.read import read_layer

SPEC = load_catalog()[LAYER]
PATCH = place(0, 0, 10, 10)


def landuse(*rows: tuple[Any, ...], crs: Any = 4543) -> gpd.GeoDataFrame:
    """Land-use polygons: DLBM, DLMC, ZZSXDM, shape."""
    table = pd.DataFrame(rows, columns=["DLBM", "DLMC", "ZZSXDM", "geometry"])
    table["ZLDWDM"] = "5304282032020000000"
    table["CZCSXM"] = None
    return gpd.GeoDataFrame(table, crs=4543).to_crs(crs)


#: Of the patch 30 % and 31 % dry land in two polygons, and 39 % orchard in one.
LANDUSE = landuse(
    ("0103", "旱地", "LS", place(0, 0, 10, 3)),
    ("0103", "旱地", "WG", place(0, 3, 10, 3).union(place(0, 6, 1, 1))),
    ("0201", "果园", None, place(1, 6, 9, 1).union(place(0, 7, 10, 3))),
)


def test_fields_are_those_of_the_standard_and_nothing_is_invented() -> None:
    made = monitoring_patches(patches(PATCH), {})
    assert [*made.columns] == [field.name for field in SPEC.fields] + ["geometry"]
    known = made.loc[0].dropna().to_dict()
    del known["geometry"]
    assert known == {
        "JCBH": "000001",
        "TBLX": "20",
        "QSX": "2024-03-18",
        "HSX": "2026-02-11",
        "MJ": 10_000.0,
        "BZ": "疑似新增建（构）筑物或硬化，须实地核实",
    }


@pytest.mark.parametrize("crs", [4543, 4490, 32648])
def test_former_class_has_the_largest_share_in_all(crs: int) -> None:
    made = monitoring_patches(patches(PATCH, place(50, 50, 2, 2)), {"landuse": LANDUSE.to_crs(crs)})
    first = made.loc[0]
    assert (first["DLBM"], first["DLMC"], first["ZZSXDM"]) == ("0103", "旱地", "WG")
    assert first["XZQDM"] == "530428" and first["XMC"] == "元江哈尼族彝族傣族自治县"
    assert pd.isna(first["CZCSXM"]) and pd.isna(first["TBXHMC"])  # a field that is not there
    assert made.loc[1, ["DLBM", "DLMC", "ZZSXDM", "XMC", "XZQDM"]].isna().all()


def test_region_of_the_patch_stays() -> None:
    made = monitoring_patches(patches(PATCH, XZQDM=["530421001001"]), {"landuse": LANDUSE})
    assert made.loc[0, "XZQDM"] == "530421001001"
    assert made.loc[0, "XMC"] == "江川区"  # 530421 was the county's code until 2015


def test_remark_tells_doubt_and_confidence() -> None:
    rows = patches(PATCH, PATCH, seasonal=[True, False], confidence=[0.871, float("nan")])
    made = monitoring_patches(rows, {})["BZ"].tolist()
    assert made[0] == "疑似新增建（构）筑物或硬化，可能只是季节变化，置信度 0.87，须实地核实"
    assert made[1] == "疑似新增建（构）筑物或硬化，须实地核实"


def test_a_scene_without_date_has_no_time() -> None:
    made = monitoring_patches(patches(PATCH, QSX=["前时相_final(2)"]), {})
    assert pd.isna(made.loc[0, "QSX"]) and made.loc[0, "HSX"] == "2026-02-11"


def test_hostile_texts_are_cut_and_printable() -> None:
    hostile = landuse(("0103\x1b[31m", "旱" * 300 + "\n=1+1", "LS", PATCH))
    made = monitoring_patches(patches(PATCH), {"landuse": hostile}).loc[0]
    assert made["DLMC"] == "旱" * 60
    assert len(made["DLBM"]) <= 5 and made["DLBM"].isprintable()


@pytest.mark.parametrize(
    ("own", "given", "made"), [(4543, None, 4543), (32648, 4522, 4522), (32648, None, 4490)]
)
def test_coordinates_are_on_cgcs2000(own: int, given: int | None, made: int) -> None:
    layers = {} if given is None else {"landuse": LANDUSE.to_crs(given)}
    frame = monitoring_patches(patches(PATCH).to_crs(own), layers)
    assert frame.crs.to_epsg() == made
    back = frame.to_crs(4543).geometry[0]
    assert back.symmetric_difference(PATCH).area < 1  # of 10,000 m²


def test_a_datum_without_a_way_stays() -> None:
    assert monitoring_patches(patches(PATCH, crs=2379), {}).crs.to_epsg() == 2379


@pytest.mark.parametrize("name", FILES[:2])
def test_our_own_check_finds_the_structure_right(tmp_path: Path, name: str) -> None:
    rows = patches(PATCH, place(30, 30, 3, 3), XZQDM=["530428203202", ""], SFYN=["1", "2"])
    write_jctb(tmp_path, rows, {"landuse": LANDUSE}, inputs=("a.tif",))
    layer = read_layer(tmp_path / name, LAYER)
    assert layer["JCBH"].tolist() == ["000001", "000002"]
    assert layer["SFYN"].tolist() == ["1", "2"] and layer["DLMC"][0] == "旱地"
    found = run_checks({LAYER: layer}).findings
    assert not found[found["severity"].isin(["error", "warning"])]["message_en"].tolist()


def test_the_shapefile_is_as_wide_as_the_standard_says(tmp_path: Path) -> None:
    write_jctb(tmp_path, patches(PATCH), {})
    assert (tmp_path / "jctb.cpg").read_text() == "GBK"
    head = (tmp_path / "jctb.dbf").read_bytes()
    entries = [head[32 * (1 + n) : 32 * (2 + n)] for n in range(len(SPEC.fields))]
    width = {entry[:11].rstrip(b"\0").decode(): entry[16] for entry in entries}
    assert [*width] == [field.name for field in SPEC.fields]
    for field in SPEC.fields:
        if field.length:
            assert width[field.name] == field.length, field.name


def test_characters_that_gbk_has_not_are_kept(tmp_path: Path) -> None:
    rare = landuse(("0103", "旱地𠮷", "LS", PATCH))
    write_jctb(tmp_path, patches(PATCH), {"landuse": rare})
    assert read_layer(tmp_path / "jctb.shp", LAYER)["DLMC"][0] == "旱地𠮷"
    assert (tmp_path / "jctb.cpg").read_text() == "GB18030"


@pytest.mark.parametrize("name", FILES[:2])
def test_identity_numbers_are_masked(tmp_path: Path, name: str) -> None:
    number = "53040219800101001X"
    named = landuse(("0103", f"旱地{number}", "LS", PATCH))
    for folder, masking in (("masked", Masking()), ("open", Masking(ids=False))):
        (tmp_path / folder).mkdir()
        write_jctb(tmp_path / folder, patches(PATCH), {"landuse": named}, masking=masking)
    masked, known = (
        read_layer(tmp_path / folder / name, LAYER)["DLMC"][0] for folder in ("masked", "open")
    )
    assert number not in masked and number in known


def test_no_patch_is_a_table_without_rows(tmp_path: Path) -> None:
    write_jctb(tmp_path, patches(PATCH).iloc[:0], {"landuse": LANDUSE})
    for name, layer in zip(FILES, ("JCTB", "jctb"), strict=False):
        assert pyogrio.read_info(tmp_path / name, layer=layer)["features"] == 0


def test_files_are_those_that_are_named(tmp_path: Path) -> None:
    write_jctb(tmp_path, patches(PATCH), {})
    assert {path.name for path in tmp_path.iterdir()} < set(FILES)


squares = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 5)), min_size=1, max_size=6
)


@settings(max_examples=40, deadline=None)
@given(squares, squares)
def test_overlaps_are_those_of_every_two(ones: list[Any], others: list[Any]) -> None:
    left, right = (
        gpd.GeoDataFrame(geometry=[box(x, y, x + w, y + w) for x, y, w in rows], crs=4543)
        for rows in (ones, others)
    )
    found = overlaps(left, right)
    expected = {
        (i, j): one.intersection(other).area
        for i, one in enumerate(left.geometry)
        for j, other in enumerate(right.geometry)
        if one.intersection(other).area
    }
    assert {(p, r): a for p, r, a in found.itertuples(index=False)} == pytest.approx(expected)
    for _, rows in found.groupby("patch"):
        assert rows["area"].is_monotonic_decreasing
