"""Reading: official names, recognition, containers, and every refusal."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from yuxi_gis.catalog import load_catalog
from yuxi_gis.errors import CRSError, SourceError, YuxiGisError
from yuxi_gis.read import find_tables, read_layer, read_layers

CODE = "5304252022010000001"


def parcels(n: int = 3, **columns: object) -> gpd.GeoDataFrame:
    """A small farmland layer with a few official fields."""
    data = {
        "BSM": range(1, n + 1),
        "YSDM": ["211011"] * n,
        "DKBM": [f"{int(CODE) + i}" for i in range(n)],
        "DKMC": ["大田"] * n,
        "DKLB": ["10"] * n,
        "DLDJ": ["01"] * n,
        "TDYT": ["1"] * n,
        "SFJBNT": ["1"] * n,
        "SCMJ": [100.0] * n,
        **columns,
    }
    boxes = [shapely.box(500000 + 20 * i, 2600000, 500010 + 20 * i, 2600010) for i in range(n)]
    return gpd.GeoDataFrame(data, geometry=boxes, crs=4543)


@pytest.mark.parametrize("name", ["DK.shp", "DK.gpkg", "DK.geojson", "DK.gdb"])
def test_formats(tmp_path: Path, name: str) -> None:
    frame = parcels()
    if name.endswith("geojson"):
        frame = frame.to_crs(4490)
    kwargs = {".shp": {"encoding": "UTF-8"}, ".gdb": {"driver": "OpenFileGDB"}}.get(name[2:], {})
    pyogrio.write_dataframe(frame, tmp_path / name, **kwargs)
    read = read_layer(tmp_path / name)
    assert read.attrs["layer"] == "farmland"
    assert read["DKBM"].tolist() == frame["DKBM"].tolist()
    assert read["DKMC"].tolist() == ["大田"] * 3
    assert read.crs is not None
    assert read.attrs["crs_from"] == "file"
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_zipped_file_geodatabase(shared_data: Path) -> None:
    source = shared_data / "geometry" / "testopenfilegdb.gdb.zip"
    frame = read_layer(f"farmland={source}|layername=polygon")
    assert len(frame) > 0
    assert frame.crs is not None
    names = [t.table for t in find_tables([source])]
    assert "polygon" in names and len(names) > 30


def test_zipped_shapefile(tmp_path: Path) -> None:
    (tmp_path / "shp").mkdir()
    parcels().to_file(tmp_path / "shp" / "DK.shp", encoding="UTF-8")
    shutil.make_archive(str(tmp_path / "DK"), "zip", tmp_path / "shp")
    assert len(read_layer(tmp_path / "DK.zip")) == 3


def test_recognised_by_fields_not_only_by_name(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "export_1.gpkg", layer="export_1")
    assert list(read_layers(tmp_path / "export_1.gpkg")) == ["farmland"]


def test_unknown_table_is_listed_not_guessed(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "mix.gpkg", layer="DK")
    parcels()[["BSM", "geometry"]].to_file(tmp_path / "mix.gpkg", layer="something")
    with pytest.warns(UserWarning, match=r"mix\.gpkg\|something"):
        layers = read_layers(tmp_path / "mix.gpkg")
    assert list(layers) == ["farmland"]
    assert [t.spec is None for t in find_tables([tmp_path])] == [False, True]


def test_lower_case_and_chinese_field_names(tmp_path: Path) -> None:
    frame = parcels().rename(columns={"DKBM": "dkbm", "DKMC": "地块名称", "SCMJ": "scmj"})
    frame["mine"] = "kept"
    frame.to_file(tmp_path / "DK.gpkg", layer="DK")
    read = read_layer(tmp_path / "DK.gpkg")
    assert {"DKBM", "DKMC", "SCMJ", "mine"} <= set(read.columns)
    assert read.attrs["renamed"] == {"dkbm": "DKBM", "地块名称": "DKMC", "scmj": "SCMJ"}
    assert list(read.columns)[: len(frame.columns) - 2] == [
        {"dkbm": "DKBM", "地块名称": "DKMC", "scmj": "SCMJ"}.get(c, c)
        for c in frame.columns
        if c not in ("geometry", "mine")
    ]


def test_official_name_goes_before_an_alias(tmp_path: Path) -> None:
    frame = parcels()
    frame.insert(0, "地块代码", ["alias"] * 3)
    frame.to_file(tmp_path / "DK.gpkg", layer="DK")
    read = read_layer(tmp_path / "DK.gpkg")
    assert read["DKBM"].iloc[0] == CODE
    assert read["地块代码"].iloc[0] == "alias"


def test_codes_stay_text(tmp_path: Path) -> None:
    """Numbers in a text field lose only their ``.0``; missing stays missing."""
    frame = parcels(3, DKLB=[10, 21, 10], TDYT=[1.0, None, 2.5], SFJBNT=["1", None, ""])
    frame["DLDJ"] = [5.304e30, 1.0, 2.0]
    frame["DKMC"] = pd.to_datetime(["2024-01-05", None, "2023-12-31"])
    frame.to_file(tmp_path / "DK.gpkg", layer="DK")
    read = read_layer(tmp_path / "DK.gpkg")
    assert read["DLDJ"].tolist() == ["5.304E+30", "1", "2"]  # the digits are lost: say so
    assert read["DKLB"].tolist() == ["10", "21", "10"]
    assert read["TDYT"].tolist()[::2] == ["1", "2.5"]
    assert read["TDYT"].isna().tolist() == [False, True, False]
    assert read["DKMC"].dropna().tolist() == ["20240105", "20231231"]
    assert read["SFJBNT"].isna().tolist() == [False, True, False]


def test_rows_and_null_geometry_are_kept(tmp_path: Path) -> None:
    frame = parcels()
    frame.loc[1, "geometry"] = None
    frame.to_file(tmp_path / "DK.gpkg", layer="DK")
    read = read_layer(tmp_path / "DK.gpkg")
    assert len(read) == 3
    assert read.geometry.isna().tolist() == [False, True, False]


def test_missing_crs(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "DK.shp", encoding="UTF-8")
    (tmp_path / "DK.prj").unlink()
    with pytest.raises(CRSError) as error:
        read_layer(tmp_path / "DK.shp")
    assert "--crs EPSG:4543" in error.value.zh
    assert read_layer(tmp_path / "DK.shp", require_crs=False).crs is None
    given = read_layer(tmp_path / "DK.shp", crs=4543)
    assert given.crs.to_epsg() == 4543
    assert given.attrs["crs_from"] == "given"


def test_layer_must_be_named_when_there_are_several(tmp_path: Path) -> None:
    for name in ("DK", "DK2024"):
        parcels().to_file(tmp_path / "two.gpkg", layer=name)
    with pytest.raises(SourceError, match=r"say which layer"):
        read_layer(tmp_path / "two.gpkg")
    assert len(read_layer(tmp_path / "two.gpkg", "DK2024")) == 3
    with pytest.raises(SourceError, match=r"layername=NAME"):
        read_layer(f"farmland={tmp_path / 'two.gpkg'}")
    with pytest.raises(SourceError, match="found twice"):
        read_layers(tmp_path / "two.gpkg")
    with pytest.raises(SourceError, match="has no table nope"):
        read_layer(f"{tmp_path / 'two.gpkg'}|layername=nope")


def test_unknown_layer_id(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        read_layers(f"farm={tmp_path}")
    assert all(layer_id in error.value.en for layer_id in load_catalog())


def empty_file(path: Path) -> Path:
    path = path / "DK.gpkg"
    path.write_bytes(b"")
    return path


def rubbish(path: Path) -> Path:
    path = path / "DK.gpkg"
    path.write_bytes(b"this is no database" * 50)
    return path


def empty_folder(path: Path) -> Path:
    return path


def dbf_only(path: Path) -> Path:
    parcels().to_file(path / "DK.shp", encoding="UTF-8")
    for suffix in (".shx", ".dbf"):
        (path / "DK.shp").with_suffix(suffix).unlink()
    return path / "DK.shp"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path / "nowhere.shp", "no such file"),
        (empty_file, "is empty"),
        (rubbish, "is no GeoPackage"),
        (empty_folder, "no data that can be read"),
        (dbf_only, "is missing"),
    ],
)
def test_bad_sources(tmp_path: Path, make: Callable[[Path], Path], says: str) -> None:
    source = make(tmp_path)
    before = fingerprint(tmp_path)
    with pytest.raises(YuxiGisError) as error:
        read_layers(source)
    assert says in error.value.en
    assert str(source) in error.value.en and str(source) in error.value.zh
    assert "\n" not in error.value.zh
    assert fingerprint(tmp_path) == before


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


def test_a_table_without_geometry_is_a_plain_frame(tmp_path: Path) -> None:
    pyogrio.write_dataframe(parcels().drop(columns="geometry"), tmp_path / "DK.gpkg", layer="DK")
    frame = read_layers(tmp_path / "DK.gpkg")["farmland"]
    assert not isinstance(frame, gpd.GeoDataFrame)
    assert frame["DKBM"].iloc[0] == CODE
    assert frame.attrs["crs_from"] is None


def test_source_is_not_touched(tmp_path: Path) -> None:
    parcels().to_file(tmp_path / "DK.shp", encoding="UTF-8")
    before = fingerprint(tmp_path)
    read_layers(tmp_path)
    assert fingerprint(tmp_path) == before


def test_every_real_parcel_file(shared_data: Path) -> None:
    files = sorted((shared_data / "parcels").iterdir())
    assert len(files) == 6
    for file in files:
        frame = read_layer(f"farmland={file}")
        assert len(frame) == 100
        assert frame.crs is not None
        table = find_tables([f"farmland={file}"])[0]
        assert "DKBM" in table.missing
