"""Shapefiles that do not say their encoding, written byte by byte."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from yuxi_gis.read import find_tables, read_layer
from yuxi_gis.read.encoding import undeclared_encoding


def shapefile(
    folder: Path,
    values: list[bytes],
    *,
    field: bytes = b"DKMC",
    language: int = 0,
    cpg: str | None = None,
    width: int = 30,
) -> Path:
    """Squares with one character column of raw bytes."""
    boxes = [shapely.box(i, 0, i + 1, 1) for i in range(len(values))]
    path = folder / "DK.shp"
    gpd.GeoDataFrame({"x": [0] * len(values)}, geometry=boxes, crs=4543).to_file(path)
    header = bytearray(32)
    header[0:4] = bytes([3, 126, 1, 1])
    header[4:8] = len(values).to_bytes(4, "little")
    header[8:10] = (32 + 32 + 1).to_bytes(2, "little")
    header[10:12] = (1 + width).to_bytes(2, "little")
    header[29] = language
    column = field.ljust(11, b"\0") + b"C" + bytes(4) + bytes([width]) + bytes(15)
    rows = b"".join(b" " + value[:width].ljust(width) for value in values)
    path.with_suffix(".dbf").write_bytes(bytes(header) + column + b"\r" + rows + b"\x1a")
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    return path


@pytest.mark.parametrize("language", [0x00, 0x57])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_chinese_without_cpg(tmp_path: Path, encoding: str, language: int) -> None:
    names = ["碾房大田", "岩子脚", "a plain one", ""]
    path = shapefile(tmp_path, [name.encode(encoding) for name in names], language=language)
    frame = read_layer(f"farmland={path}")
    assert frame["DKMC"].fillna("").tolist() == names
    assert frame.attrs["encoding"].lower() == encoding
    assert frame.attrs["encoding_from"] == "text"


def test_chinese_field_name_without_cpg(tmp_path: Path) -> None:
    path = shapefile(tmp_path, [b"5304282032020200001"], field="地块编码".encode("gb18030"))
    assert find_tables([f"farmland={path}"])[0].columns == ("地块编码",)
    assert read_layer(f"farmland={path}")["DKBM"].tolist() == ["5304282032020200001"]


def test_a_character_cut_at_the_width_of_the_field(tmp_path: Path) -> None:
    values = ["梯田梯田梯田".encode("gb18030"), "水田".encode("gb18030")]
    path = shapefile(tmp_path, values, width=11)
    assert undeclared_encoding(path) == "GB18030"


@pytest.mark.parametrize(
    "text", ["Gemüse Straße Äcker", "Čebula žito njiva", "prairie à fauche, blé d'été"]
)
def test_european_text_is_left_alone(tmp_path: Path, text: str) -> None:
    for encoding in ("latin-1", "cp1250"):
        path = shapefile(tmp_path, [text.encode(encoding, "ignore")], language=0x57)
        assert undeclared_encoding(path) is None


def test_what_is_declared_holds(tmp_path: Path) -> None:
    values = ["大田".encode("gb18030")]
    assert undeclared_encoding(shapefile(tmp_path, values, cpg="GBK")) is None
    assert undeclared_encoding(shapefile(tmp_path, values, language=0x4D)) is None
    assert undeclared_encoding(shapefile(tmp_path, [b"ascii only", b""])) is None
    assert undeclared_encoding(shapefile(tmp_path, [])) is None


def test_real_files(shared_data: Path, tmp_path: Path) -> None:
    """The GBK samples are told; the Big5 one is not taken for GB."""
    folder = shared_data / "encoding"
    for name in ("gbk", "gb2312"):
        path = (folder / f"test_data_dbf_{name}.dbf").with_suffix(".shp")
        assert undeclared_encoding(path) == "GB18030", name
    assert undeclared_encoding(folder / "test_data_dbf_big5.shp") is None
