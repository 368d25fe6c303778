"""Conversion loses nothing, says what it did, and changes nothing the second time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from yuxi_gis.codes import Masking
from yuxi_gis.errors import OutputError
from yuxi_gis.export.convert import Conversion, convert
from yuxi_gis.read import Options, survey
from yuxi_gis.resources import folder

VILLAGE = folder("sample_data") / "village.gpkg"
CODE = "5304252022010000001"


def parcels(n: int = 3, first: int = 0, **columns: object) -> gpd.GeoDataFrame:
    data = {
        "DKBM": [f"{int(CODE) + first + i}" for i in range(n)],
        "DKMC": ["大田"] * n,
        "SCMJ": [100.0] * n,
        **columns,
    }
    boxes = [shapely.box(500000 + 20 * i, 2600000, 500010 + 20 * i, 2600010) for i in range(n)]
    return gpd.GeoDataFrame(data, geometry=boxes, crs=4543)


def converted(sources: list[Path | str], out: Path, **told: Any) -> Conversion:
    options = Options.of(**{k: told.pop(k) for k in list(told) if k in ("crs", "encoding")})
    return convert(survey(sources, options=options).tables, out, **told)


def content(path: Path) -> dict[str, Any]:
    """All that a GeoPackage holds, by table."""
    found = {}
    for name, kind in pyogrio.list_layers(path):
        if name == "layer_styles":
            continue
        frame = pyogrio.read_dataframe(path, layer=name)
        text = frame.drop(columns="geometry", errors="ignore").to_csv()
        shapes = b""
        if "geometry" in frame:
            shapes = b"".join(shapely.to_wkb(g) if g else b"-" for g in frame.geometry)
        found[str(name)] = (kind, str(getattr(frame, "crs", None)), text, shapes)
    return found


def test_the_second_conversion_changes_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "1.gpkg", tmp_path / "2.gpkg"
    converted([VILLAGE], first)
    converted([first], second)
    assert content(second) == content(first)
    assert len(content(first)) > 5


def test_rows_and_fields_are_accounted_for(tmp_path: Path) -> None:
    frame = parcels(4, mine=[1, 2, 3, 4], dkbm=["a", "b", "c", "d"]).rename(
        columns={"DKMC": "地块名称"}
    )
    frame.loc[1, "geometry"] = None
    frame.loc[2, "geometry"] = shapely.Polygon()
    frame.to_file(tmp_path / "DK.geojson", driver="GeoJSON")
    done = converted([tmp_path / "DK.geojson"], tmp_path / "o.gpkg", crs=4543)
    (table,) = done.tables
    assert (table.table, table.layer, table.rows) == ("DK", "farmland", 4)
    assert list(table.sources.values()) == [4]
    assert table.fields == {
        "DKBM": "DKBM",
        "地块名称": "DKMC",
        "SCMJ": "SCMJ",
        "mine": "mine",
        "dkbm": "dkbm_2",
    }
    back = pyogrio.read_dataframe(tmp_path / "o.gpkg", layer="DK")
    assert back["dkbm_2"].tolist() == ["a", "b", "c", "d"]
    assert back.geometry.isna().tolist() == [False, True, True, False]


def test_unknown_tables_keep_their_names(tmp_path: Path) -> None:
    for name in ("gpkg_mine", "别的 表"):
        parcels()[["geometry"]].assign(x=[1, 2, 3]).to_file(tmp_path / f"{name}.geojson")
    pd.DataFrame({"k": ["v"]}).to_csv(tmp_path / "k.csv", index=False)
    done = converted([tmp_path], tmp_path / "out" / "o.gpkg", crs=4543)
    names = [table.table for table in done.tables]
    assert sorted(names) == sorted(["t_gpkg_mine", "别的 表", "k"])
    assert set(content(tmp_path / "out" / "o.gpkg")) == set(names)


def test_townships_are_put_together(tmp_path: Path) -> None:
    for k in range(2):
        parcels(3, first=3 * k).to_file(tmp_path / f"DK53040{k}.shp", encoding="UTF-8")
    done = converted([tmp_path], tmp_path / "o.gpkg")
    (table,) = done.tables
    assert table.rows == 6 and len(table.sources) == 2
    back = pyogrio.read_dataframe(tmp_path / "o.gpkg", layer="DK")
    assert back["DKBM"].nunique() == 6


def test_a_copy_is_left_out_and_told(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "DK1.gpkg", layer="DK")
    parcels().to_file(tmp_path / "DK2.gpkg", layer="DK")
    parcels(2, first=9).to_file(tmp_path / "DK3.gpkg", layer="DK")
    done = converted([tmp_path], tmp_path / "o.gpkg")
    assert [table.rows for table in done.tables] == [5]
    assert [Path(name).name for name in done.tables[0].sources] == ["DK1.gpkg|DK", "DK3.gpkg|DK"]
    assert len(done.failures) == 1 and "DK2.gpkg|DK is not used" in done.failures[0].en


def test_what_lies_wrong_is_not_moved(tmp_path: Path) -> None:
    wrong = parcels()
    wrong["geometry"] = wrong.translate(34e6, 0)
    wrong.to_file(tmp_path / "a.gpkg", layer="DK")
    parcels().to_file(tmp_path / "b.gpkg", layer="other")
    done = converted([tmp_path], tmp_path / "o.gpkg", to=4490)
    assert [table.table for table in done.tables] == ["other"]
    assert "EPSG:4522" in done.failures[0].zh


def test_binary_fields_stay_binary(tmp_path: Path) -> None:
    frame = pd.DataFrame({"FJ": [b"\x80\x00\xff", None], "ZLFJBH": ["1", "2"]})
    frame.to_parquet(tmp_path / "QSLYZLFJ.parquet")
    converted([tmp_path / "QSLYZLFJ.parquet"], tmp_path / "o.gpkg")
    converted([tmp_path / "o.gpkg"], tmp_path / "p.gpkg")
    for name in ("o", "p"):
        back = pyogrio.read_dataframe(tmp_path / f"{name}.gpkg")
        assert back["FJ"].tolist()[0] == b"\x80\x00\xff" and back["FJ"].isna().tolist()[1]


def test_one_bad_layer_does_not_stop_the_others(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "DK.gpkg", layer="DK")
    parcels().to_file(tmp_path / "extra.shp", encoding="UTF-8")
    (tmp_path / "extra.prj").unlink()
    done = converted([tmp_path], tmp_path / "o.gpkg")
    assert [table.table for table in done.tables] == ["DK"]
    assert len(done.failures) == 1 and "extra" in done.failures[0].en


def test_personal_data_are_masked_and_named(tmp_path: Path) -> None:
    parcels(ZJRXM=["张三", "李四", "王五"]).to_file(tmp_path / "DK.gpkg", layer="DK")
    done = converted([tmp_path / "DK.gpkg"], tmp_path / "o.gpkg")
    assert done.tables[0].masked == ("ZJRXM",)
    back = pyogrio.read_dataframe(tmp_path / "o.gpkg", layer="DK")
    assert back["ZJRXM"].tolist() == ["张*", "李*", "王*"]
    shown = Masking(ids=False, phones=False, names=False)
    converted([tmp_path / "DK.gpkg"], tmp_path / "all.gpkg", masking=shown)
    back = pyogrio.read_dataframe(tmp_path / "all.gpkg", layer="DK")
    assert back["ZJRXM"].tolist() == ["张三", "李四", "王五"]


def test_to_another_crs(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "DK.gpkg", layer="DK")
    done = converted([tmp_path / "DK.gpkg"], tmp_path / "o.gpkg", to=4490)
    assert "EPSG:4490" in str(done.tables[0].crs)
    back = pyogrio.read_dataframe(tmp_path / "o.gpkg", layer="DK")
    moved = parcels().to_crs(4490)
    assert np.allclose(back.total_bounds, moved.total_bounds, atol=1e-9)


def test_an_existing_output_stays(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "DK.gpkg", layer="DK")
    (tmp_path / "o.gpkg").write_text("earlier")
    with pytest.raises(OutputError, match="exists already"):
        converted([tmp_path / "DK.gpkg"], tmp_path / "o.gpkg")
    assert (tmp_path / "o.gpkg").read_text() == "earlier"
