"""Totals written and read back as their programs would."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from yuxi_gis.errors import OutputError
from yuxi_gis.export.summary import grades, to_json, write_csv, write_geopackage_of, write_json
from yuxi_gis.export.summary_book import write_workbook
from yuxi_gis.export.summary_page import write_page
from yuxi_gis.summary import Summary, office_table, region_outlines, summarise

VILLAGES = ["530402001001", "530402001002", "530402002001"]
WRITERS = {
    "csv": write_csv,
    "json": write_json,
    "xlsx": write_workbook,
    "gpkg": write_geopackage_of,
    "html": write_page,
}
HOSTILE = '=HYPERLINK("http://x")<script>alert(1)</script>{{7*7}}'


@pytest.fixture(scope="module")
def layers() -> dict[str, Any]:
    """Three villages in stripes, parcels of 10 m; the second one crosses a boundary."""
    boxes = [shapely.box(612_000 + 10 * i, 2.6e6, 612_010 + 10 * i, 2_600_010) for i in range(4)]
    codes = [f"{v}{i:07d}" for i, v in enumerate([*VILLAGES, VILLAGES[2]])]
    farmland = gpd.GeoDataFrame(
        {"DKBM": codes, "DKLB": ["10", "21", "10", "10"], "SCMJ": 100.5}, geometry=boxes, crs=4543
    )
    ends = [(0, 13), (13, 25), (25, 40)]
    stripes = [shapely.box(612_000 + a, 2_599_990, 612_000 + b, 2_600_020) for a, b in ends]
    names = [HOSTILE, "二村", "三村"]
    admin = gpd.GeoDataFrame({"XZQDM": VILLAGES, "XZQMC": names}, geometry=stripes, crs=4543)
    return {"farmland": farmland, "admin": admin}


@pytest.fixture(scope="module")
def summary(layers: dict[str, Any]) -> Summary:
    return summarise(layers, by_place=True)


@pytest.fixture(scope="module")
def outputs(
    layers: dict[str, Any], summary: Summary, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("totals")
    outlines = region_outlines(layers)
    paths = {ending: folder / f"totals.{ending}" for ending in WRITERS}
    for ending, path in paths.items():
        WRITERS[ending](path, summary, outlines, inputs=["/home/someone/DK.shp"])
    return paths


@pytest.mark.parametrize("ending", WRITERS)
def test_an_existing_file_is_not_replaced(
    outputs: dict[str, Path], summary: Summary, layers: dict[str, Any], ending: str
) -> None:
    before = outputs[ending].read_bytes()
    with pytest.raises(OutputError):
        WRITERS[ending](outputs[ending], summary, region_outlines(layers))
    assert outputs[ending].read_bytes() == before
    assert b"/home/someone" not in before


def test_csv_has_the_table_and_no_formula(outputs: dict[str, Path], summary: Summary) -> None:
    text = outputs["csv"].read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(text.decode("utf-8-sig").splitlines()))
    assert len(rows) == len(summary.table)
    assert [float(row["area_m2"]) for row in rows] == summary.table["area_m2"].tolist()
    assert all(not value.startswith("=") for row in rows for value in row.values())


def test_json_says_what_is_what(outputs: dict[str, Path], summary: Summary) -> None:
    data = json.loads(outputs["json"].read_text(encoding="utf-8"))
    assert data["layers"]["farmland"]["official"] == "SCMJ"
    assert data["layers"]["farmland"]["method"] == "planar"
    assert data["totals"][0]["protected_m2"] is None
    assert sum(row["area_m2"] for row in data["totals"]) == pytest.approx(400)
    assert data["provenance"]["inputs"] == ["DK.shp"]
    assert data["totals"] == to_json(summary)["totals"]


def test_workbook_is_the_office_table(outputs: dict[str, Path], summary: Summary) -> None:
    book = openpyxl.load_workbook(outputs["xlsx"])
    assert book.sheetnames == ["农村承包地", "跨界地块", "说明"]
    sheet = book["农村承包地"]
    table = office_table(summary, "farmland")
    assert sheet["A1"].value == "玉溪市农村承包地汇总表（按村）"
    assert sheet["A2"].value.startswith("单位：")
    assert {"A1", "A2", "A3", "D3"} <= {str(r).split(":")[0] for r in sheet.merged_cells.ranges}
    assert [cell.value for cell in sheet[4]] == [column.title for column in table.columns]
    for kind, row, values in zip(
        table.kinds, sheet.iter_rows(min_row=5), table.data.itertuples(index=False), strict=False
    ):
        for cell, value, column in zip(row, values, table.columns, strict=True):
            assert (cell.value or 0) == (value or 0)
            assert (cell.data_type == "n") == (column.decimals is not None)
        assert row[0].font.bold == (kind != "unit")
    assert sheet.cell(5, 4).number_format == "#,##0.00"
    assert sheet.freeze_panes == "C5"
    assert sheet.print_title_rows == "$1:$4"
    assert sheet.page_setup.orientation == "landscape" and sheet.page_setup.paperSize == 9
    foot = sheet.cell(5 + len(table.kinds), 1).value
    assert foot.startswith("制表日期：") and "来源：DK.shp" in foot
    assert [cell.value for cell in book["跨界地块"][2]][4:] == [30, 0.3, "否"]


def test_wide_tables_break_between_groups(tmp_path: Path) -> None:
    """Land use has many classes."""
    codes = ["0101", "0102", "0103", "0201", "0202", "0301", "0305", "0307", "0404", "0702", "1006"]
    shapes = [shapely.box(612_000 + i, 2.6e6, 612_001 + i, 2_600_001) for i in range(len(codes))]
    frame = gpd.GeoDataFrame(
        {"DLBM": codes, "ZLDWDM": VILLAGES[0], "TBMJ": 1.0}, geometry=shapes, crs=4543
    )
    summary = summarise({"landuse": frame})
    write_workbook(tmp_path / "wide.xlsx", summary, region_outlines({"landuse": frame}))
    sheet = openpyxl.load_workbook(tmp_path / "wide.xlsx").worksheets[0]
    breaks = [mark.id for mark in sheet.col_breaks.brk]
    assert breaks and sheet.page_setup.scale == 55
    for at in breaks:
        columns = office_table(summary, "landuse").columns
        assert columns[at - 1].group != columns[at].group


def test_geopackage_has_styled_regions_and_the_tables(
    outputs: dict[str, Path], summary: Summary
) -> None:
    names = {name for name, _ in pyogrio.list_layers(outputs["gpkg"])}
    assert {"regions", "totals", "crossing", "notes"} - names <= {"notes"}
    regions = gpd.read_file(outputs["gpkg"], layer="regions")
    assert regions["region"].tolist() == VILLAGES
    assert regions["farmland_area_m2"].tolist() == [130.0, 120.0, 150.0]
    assert regions["farmland_count"].tolist() == [1, 2, 1]  # of equal halves, the first
    assert regions["grade"].tolist() == ["2", "1", "3"]
    assert regions.area.tolist() == pytest.approx([13 * 30, 12 * 30, 15 * 30])
    totals = pyogrio.read_dataframe(outputs["gpkg"], layer="totals")
    assert totals["area_m2"].tolist() == summary.table["area_m2"].tolist()
    with sqlite3.connect(outputs["gpkg"]) as database:
        row = database.execute("SELECT f_table_name, useAsDefault, styleQML FROM layer_styles")
        table, default, qml = row.fetchall()[-1]
    assert (table, default) == ("regions", 1) and 'attr="grade"' in qml


def test_page_holds_the_table_and_the_map_and_runs_nothing_of_the_data(
    outputs: dict[str, Path], summary: Summary
) -> None:
    page = outputs["html"].read_text(encoding="utf-8")
    assert "Content-Security-Policy" in page
    assert "<script>alert(1)</script>" not in page and "{{7*7}}" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count('<tr class="unit">') == 3
    assert page.count('<tr class="subtotal">') == 2 and page.count('<tr class="total">') == 1
    assert "402.00" in page and "0.70" not in page.split("yuxi-totals")[0]


def test_regions_without_an_outline_are_kept(tmp_path: Path, layers: dict[str, Any]) -> None:
    frame = layers["farmland"].assign(DKBM=["x", *layers["farmland"]["DKBM"][1:]])
    summary = summarise({"farmland": frame})
    write_geopackage_of(tmp_path / "x.gpkg", summary, region_outlines({"farmland": frame}))
    regions = gpd.read_file(tmp_path / "x.gpkg", layer="regions")
    assert regions["region"].tolist() == ["", VILLAGES[1], VILLAGES[2]]
    assert regions.geometry.isna().tolist() == [True, False, False]
    assert regions["farmland_count"].sum() == 4


def test_tables_alone_can_be_written_too(tmp_path: Path) -> None:
    people = pd.DataFrame({"CBFBM": [VILLAGES[0] + "000001"] * 2})
    summary = summarise({"contractor": people})
    for ending, write in WRITERS.items():
        write(tmp_path / f"people.{ending}", summary, region_outlines({"contractor": people}))
    sheet = openpyxl.load_workbook(tmp_path / "people.xlsx").worksheets[0]
    assert [cell.value for cell in sheet[5]][:3] == [VILLAGES[0], "荷花社区居民委员会", 2]


def test_grades_rise_with_the_value_and_leave_nothing_blank() -> None:
    grade, ranges = grades([0.0, np.nan, 5.0, 1.0, 3.0, 3.0, 9.0, 7.0, 8.0, 2.0])
    assert grade.tolist()[:2] == ["", ""]
    assert sorted(grade.tolist()[2:]) == list("11223455") or len(set(grade[2:])) == 5
    assert ranges == sorted(ranges) and len(ranges) == 5
    assert grades([0.0])[1] == [] and grades([4.0, 4.0])[0].tolist() == ["1", "1"]
