"""The mended copy: standard tables, styled, masked, with the list of mends."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from yuxi_gis.codes import Masking
from yuxi_gis.errors import OutputError, ParameterError
from yuxi_gis.export.mended import TABLE, write_mended
from yuxi_gis.mend import Mended, mend

NUMBER = "530402198001010019"
CODES = [f"530402001001000000{i}" for i in (1, 2, 3)]


@pytest.fixture(scope="module")
def mended() -> Mended:
    """A node to insert, a blank before a code, and a head of household with a blank."""
    shapes = [
        shapely.box(499_990, 27e5, 5e5, 2_700_030),
        shapely.box(5e5, 27e5, 500_010, 2_700_015),
        shapely.box(5e5, 2_700_015, 500_010, 2_700_030),
    ]
    farmland = gpd.GeoDataFrame({"DKBM": [" " + CODES[0], *CODES[1:]]}, geometry=shapes, crs=4543)
    farmland.attrs = {"source": "/home/someone/DK530402.shp"}
    contractor = pd.DataFrame({"CBFMC": ["李明 "], "CBFZJHM": [NUMBER + " "]})
    return mend({"farmland": farmland, "contractor": contractor})


def read(path: Path, table: str) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(path, layer=table)


def test_layers_and_mends_are_in_one_file(tmp_path: Path, mended: Mended) -> None:
    path = tmp_path / "mended.gpkg"
    masked = write_mended(path, mended)
    assert {name for name, _ in pyogrio.list_layers(path)} >= {"DK", "CBF", TABLE}
    parcels = read(path, "DK")
    assert parcels["DKBM"].tolist() == CODES
    assert parcels.crs.to_epsg() == 4543
    assert shapely.get_num_coordinates(parcels.geometry).tolist() == [6, 5, 5]
    assert masked["CBF"] == ("CBFMC", "CBFZJHM")
    mends = read(path, TABLE)
    told = mends[["layer", "row", "kind", "field", "done"]].to_numpy().tolist()
    assert ["农村承包地", 1, "公共边节点", "", True] in told
    assert len(told) == len(mended.mends) == 4
    with closing(sqlite3.connect(path)) as database:
        styled = database.execute("SELECT f_table_name FROM layer_styles").fetchall()
        told = database.execute("SELECT group_concat(metadata) FROM gpkg_metadata").fetchone()[0]
    assert ("DK",) in styled
    assert "DK530402.shp" in told and "someone" not in told


@pytest.mark.parametrize("masking", [Masking(), Masking(ids=False, phones=False, names=False)])
def test_personal_data_are_masked_unless_asked_for(
    tmp_path: Path, mended: Mended, masking: Masking
) -> None:
    path = tmp_path / "mended.gpkg"
    write_mended(path, mended, lang="en", masking=masking)
    shown = NUMBER.encode() in path.read_bytes()
    assert shown == (not masking.ids)
    assert "李明" not in " ".join(map(str, read(path, TABLE).to_numpy().ravel()))
    assert (read(path, "CBF")["CBFMC"].tolist() == ["李明"]) == (not masking.names)


def test_english(tmp_path: Path, mended: Mended) -> None:
    path = tmp_path / "mended.gpkg"
    write_mended(path, mended, lang="en")
    mends = read(path, TABLE)
    assert set(mends["kind"]) == {"Text", "Node on a shared edge"}
    assert all(text.isascii() for text in mends["what"])


def test_nothing_to_mend(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"DKBM": [CODES[0]]}, geometry=[shapely.box(5e5, 27e5, 500_010, 2_700_010)], crs=4543
    )
    path = tmp_path / "mended.gpkg"
    write_mended(path, mend({"farmland": frame}))
    assert len(read(path, TABLE)) == 0 and len(read(path, "DK")) == 1


def test_what_is_there_is_not_replaced(tmp_path: Path, mended: Mended) -> None:
    path = tmp_path / "mended.gpkg"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"mended\.gpkg"):
        write_mended(path, mended)
    assert path.read_text() == "mine" and [path] == list(tmp_path.iterdir())
    write_mended(path, mended, overwrite=True)
    with pytest.raises(ParameterError, match=r"\.gpkg"):
        write_mended(tmp_path / "mended.shp", mended)
