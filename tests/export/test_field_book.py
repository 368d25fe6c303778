"""The book for field work: a row a patch, pictures in their cells, nothing hostile in it."""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import geopandas as gpd
import openpyxl
import pytest

from tests.export.changed import patches, place, scenes
from yuxi_gis.codes import Masking
from yuxi_gis.errors import OutputError
from yuxi_gis.export.chips import Chip, draw_chips
from yuxi_gis.export.field_book import write_field_book
from yuxi_gis.read.raster import open_scene

HEAD = 5
XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def farmland(*rows: tuple[str, Any]) -> gpd.GeoDataFrame:
    codes, shapes = zip(*rows, strict=True)
    return gpd.GeoDataFrame({"DKBM": list(codes)}, geometry=list(shapes), crs=4543)


@pytest.fixture
def chips(tmp_path: Path) -> list[Chip]:
    before, after = map(open_scene, scenes(tmp_path))
    return list(draw_chips(patches(), before, after))


def written(
    path: Path, rows: gpd.GeoDataFrame, chips: list[Chip], layers: Any, **options: Any
) -> list[list[Any]]:
    """The book's cells, the header first."""
    write_field_book(path, rows, chips, layers, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sheet = openpyxl.load_workbook(path).worksheets[0]
    return [list(row) for row in sheet.iter_rows(min_row=HEAD)]


def values(cells: list[Any]) -> list[Any]:
    return [cell.value for cell in cells]


def test_a_row_says_what_and_where(tmp_path: Path, chips: list[Chip]) -> None:
    own = "5304282032020300001"
    layers = {
        "farmland": farmland(
            (own, place(40, 50, 4, 5)), ("5304282032020300002", place(40, 55, 9, 9))
        ),
        "landuse": farmland(("x", place(0, 0, 80, 80))),
    }
    rows = patches(confidence=[0.87, float("nan")], seasonal=[False, True])
    head, first, second = written(tmp_path / "b.xlsx", rows, chips, layers)
    assert values(head) == [
        *("图斑编号", "疑似变化", "面积（m²）", "面积（亩）", "置信度", "村", "涉及地块", "经度"),
        *("纬度", "核实结果", "前时相 2024-03-18", "后时相 2026-02-11"),
    ]
    assert values(first)[:7] == [
        *("000001", "新增建（构）筑物或硬化", 2400, pytest.approx(3.6), 0.87),
        "哈施村民委员会 530428203202",
        f"农村承包地\n{own}\n5304282032020300002",
    ]
    lon, lat = values(first)[7:9]
    there = gpd.GeoSeries.from_xy([lon], [lat], crs=4490).to_crs(4543)
    assert there.iloc[0].within(rows.geometry[0])
    assert values(second)[1] == "新增建（构）筑物或硬化（可能只是季节变化）"
    assert values(second)[4:7] == [None, None, None]


def test_the_village_is_that_of_the_layer_of_regions(tmp_path: Path, chips: list[Chip]) -> None:
    admin = gpd.GeoDataFrame(
        {"XZQDM": ["530428999999"], "XZQMC": ["测试村"]}, geometry=[place(0, 0, 9, 9)], crs=4543
    )
    rows = patches(XZQDM=["530428999999", "530402"])
    _, first, second = written(tmp_path / "b.xlsx", rows, chips, {"admin": admin})
    assert first[5].value == "测试村 530428999999"
    assert second[5].value == "红塔区 530402"


def test_pictures_lie_in_their_rows(tmp_path: Path, chips: list[Chip]) -> None:
    written(tmp_path / "b.xlsx", patches(), chips, {})
    with ZipFile(tmp_path / "b.xlsx") as book:
        media = sorted(name for name in book.namelist() if name.startswith("xl/media/"))
        assert [book.read(name) for name in media] == [chip.data for chip in chips]
        drawing = ET.fromstring(book.read("xl/drawings/drawing1.xml"))
    anchors = drawing.findall(f"{XDR}twoCellAnchor")
    places = [
        [int(anchor.find(f"{XDR}{end}/{XDR}{axis}").text) for axis in ("row", "col")]  # type: ignore[union-attr,arg-type]
        for anchor in anchors
        for end in ("from", "to")
    ]
    assert places == [[HEAD, 10], [HEAD, 11], [HEAD + 1, 10], [HEAD + 1, 11]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sheet = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0]
    for row in (HEAD + 1, HEAD + 2):
        height = sheet.row_dimensions[row].height
        assert height is not None and height * 4 / 3 == pytest.approx(480 * 360 / 644, abs=10)
    assert sheet.freeze_panes == f"B{HEAD + 1}"
    assert sheet.auto_filter.ref == f"A{HEAD}:L{HEAD + 2}"


def test_hostile_codes_are_texts(tmp_path: Path, chips: list[Chip]) -> None:
    hostile = ('=HYPERLINK("http://x","y")', "+1\x00\x1b[2J", "@SUM(A1)\n=1", "x" * 500)
    layers = {"parcels": farmland(*((code, place(40, 50, 4, 6)) for code in hostile))}
    layers["parcels"] = layers["parcels"].set_index("DKBM")
    rows = patches(XZQDM=["=1+1", "530428\x07"])
    for row in written(tmp_path / "b.xlsx", rows, chips, layers)[1:]:
        for cell in row:
            assert cell.data_type != "f" and cell.hyperlink is None
            assert not any(ord(c) < 32 and c != "\n" for c in str(cell.value))
    with ZipFile(tmp_path / "b.xlsx") as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_identity_numbers_are_masked(tmp_path: Path, chips: list[Chip]) -> None:
    number = "53040219800101001X"
    layers = {"parcels": farmland((number, place(40, 50, 4, 6))).set_index("DKBM")}
    shown = [
        str(written(tmp_path / f"{n}.xlsx", patches(), chips, layers, masking=masking)[1][6].value)
        for n, masking in enumerate((Masking(), Masking(ids=False)))
    ]
    assert number not in shown[0] and number in shown[1]


def test_many_parcels_are_counted(tmp_path: Path, chips: list[Chip]) -> None:
    many = farmland(*((f"{n:019d}", place(40, 50, 1, n)) for n in range(1, 13)))
    text = written(tmp_path / "b.xlsx", patches(), chips, {"farmland": many})[1][6].value
    lines = text.split("\n")
    assert lines[0] == "农村承包地" and lines[-1] == "等 12 个" and len(lines) == 10


def test_english(tmp_path: Path, chips: list[Chip]) -> None:
    head, first, _ = written(tmp_path / "b.xlsx", patches(), chips, {}, lang="en")
    assert head[9].value == "Found on the ground" and head[10].value == "Before 2024-03-18"
    assert first[1].value == "New building or hard surface"


def test_no_patch_is_a_book_without_rows(tmp_path: Path) -> None:
    layers = {"farmland": farmland(("1", place(0, 0, 9, 9)))}
    assert len(written(tmp_path / "b.xlsx", patches().iloc[:0], [], layers)) == 1


def test_an_earlier_book_stays(tmp_path: Path, chips: list[Chip]) -> None:
    path = tmp_path / "b.xlsx"
    path.write_bytes(b"results of the field work")
    with pytest.raises(OutputError):
        write_field_book(path, patches(), chips, {})
    assert path.read_bytes() == b"results of the field work"
