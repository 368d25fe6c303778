from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from yuxi_gis.errors import SourceError
from yuxi_gis.read.shapefile import require_whole


@pytest.fixture
def shapefile(tmp_path: Path) -> Path:
    boxes = [shapely.box(i, 0, i + 1, 1) for i in range(3)]
    gpd.GeoDataFrame({"DKBM": ["a", "b", "c"]}, geometry=boxes, crs=4543).to_file(
        tmp_path / "DK.shp"
    )
    return tmp_path / "DK.shp"


def test_whole(shapefile: Path) -> None:
    require_whole(shapefile)


def test_empty_layer_is_whole(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"DKBM": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4543)
    frame.iloc[:0].to_file(tmp_path / "DK.shp", geometry_type="Polygon")
    require_whole(tmp_path / "DK.shp")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def lie_about_length(path: Path) -> None:
    data = bytearray(path.read_bytes())[:-20]
    data[24:28] = (len(data) // 2).to_bytes(4, "big")
    path.write_bytes(bytes(data))


def other_record_length(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[104:108] = (7).to_bytes(4, "big")
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("suffix", "damage", "says"),
    [
        (".shp", cut, "bytes, its header says"),
        (".shx", cut, "bytes, its header says"),
        (".shp", lie_about_length, "shape 3 reaches past the end"),
        (".shp", other_record_length, "shape 1 does not agree with the index"),
        (".shp", lambda p: p.write_bytes(b"PK" + bytes(200)), "does not begin as a shapefile"),
        (".shx", Path.unlink, "its .shx file is missing"),
        (".dbf", Path.unlink, "its .dbf file is missing"),
        (".dbf", lambda p: p.write_bytes(p.read_bytes()[:4] + bytes(30)), "the .dbf has 0 rows"),
    ],
)
def test_damage_is_named(
    shapefile: Path, suffix: str, damage: Callable[[Path], object], says: str
) -> None:
    damage(shapefile.with_suffix(suffix))
    with pytest.raises(SourceError) as error:
        require_whole(shapefile)
    assert says in error.value.en
    assert "请" in error.value.zh


def test_real_corrupt_file(shared_data: Path) -> None:
    with pytest.raises(SourceError, match="1145 bytes, its header says 1144"):
        require_whole(shared_data / "geometry" / "corrupt_too_long.shp")
