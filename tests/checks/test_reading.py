"""Rules on what reading told, on real files: written, damaged, read and checked."""

from __future__ import annotations

import struct
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import box

from yuxi_gis.checks import run_checks
from yuxi_gis.read import read_layer, read_layers

CODES = [f"530426001001000000{i}" for i in range(1, 6)]
OWN = ["S01", "S02", "S08", "S10", "S11", "S13", "S14", "S15", "T14"]


def parcels(n: int = 3) -> gpd.GeoDataFrame:
    shapes = [box(5e5 + 100 * k, 27e5, 5e5 + 100 * k + 90, 2700090) for k in range(n)]
    names = ["大田", "水田", "坡地", "河边", "村头"][:n]
    return gpd.GeoDataFrame({"DKBM": CODES[:n], "DKMC": names}, geometry=shapes, crs=4543)


def of(layers: dict[str, pd.DataFrame], rules: list[str]) -> list[tuple[str, str]]:
    found = run_checks(layers, rules=rules).findings
    return list(zip(found["rule"], found["severity"], strict=True))


def write(frame: gpd.GeoDataFrame, path: Path) -> Path:
    frame.to_file(path, encoding="UTF-8")
    return path


def turned(path: Path, rows: list[int]) -> None:
    """Write the rings of some rows of a shapefile of quadrangles backwards, as they are bytes."""
    data = bytearray(path.read_bytes())
    size = 8 + 44 + 4 + 5 * 16
    for row in rows:
        first = 100 + size * row + 56
        points = struct.unpack_from("<10d", data, first)
        pairs = np.reshape(points, (5, 2))[::-1]
        struct.pack_into("<10d", data, first, *pairs.ravel())
    path.write_bytes(bytes(data))


def test_a_shapefile_as_gdal_writes_it_is_clean(tmp_path: Path) -> None:
    path = write(parcels(), tmp_path / "DK530426.shp")
    result = run_checks({"farmland": read_layer(path)}, rules=OWN)
    found = result.findings
    # GDAL declares text of 80 characters; DKMC has 50 and DKBM 19.
    assert found.empty, found["message_en"].tolist()
    assert not [run for run in result.not_run if run.layer == "farmland"]


def test_rings_that_run_the_wrong_way_in_the_file(tmp_path: Path) -> None:
    path = write(parcels(), tmp_path / "DK.shp")
    turned(path, [0, 2])
    found = run_checks({"farmland": read_layer(path)}, rules=["T14", "T01"]).findings
    assert found["rule"].tolist() == ["T14"]
    assert found["value"].item() == 2 and "rows 1, 3" in found["message_en"].item()


def test_z_values_and_names(tmp_path: Path) -> None:
    frame = parcels()
    frame.geometry = shapely.force_3d(frame.geometry.to_numpy(), 1800.0)
    path = write(frame, tmp_path / "地块.shp")
    layers = {"farmland": read_layer(path, "farmland")}
    assert of(layers, OWN) == [("S08", "warning"), ("S14", "warning")]


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    path = write(parcels(), tmp_path / "DK.shp")
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, 100 + 8, 99)  # there is no such shape type
    path.write_bytes(bytes(data))
    assert ("S01", "error") in of({"farmland": read_layer(path)}, ["S01"])


def test_codes_as_numbers_and_narrow_names(tmp_path: Path) -> None:
    frame = parcels().assign(DKLB=[10, 21, 22], SCMJ=[1, 2, 3])
    path = tmp_path / "DK.gpkg"
    frame.to_file(path, layer="DK")
    found = run_checks({"farmland": read_layer(path)}, rules=["S10", "S11"]).findings
    assert found["rule"].tolist() == ["S10", "S10"]
    said = found["message_en"]
    assert all(name in text for name, text in zip(("DKLB", "SCMJ"), said, strict=True))


def test_each_part_of_a_layer_is_named(tmp_path: Path) -> None:
    for name, n in (("甲", 0), ("乙", 3)):
        (tmp_path / name).mkdir()
        frame = parcels(5).iloc[n : n + 2]
        if name == "乙":
            frame = frame.set_geometry(shapely.force_3d(frame.geometry.to_numpy(), 1.0))
        write(frame, tmp_path / name / f"{name}DK.shp")
    layer = read_layers(f"farmland={tmp_path}")["farmland"]
    assert [part["table"] for part in layer.attrs["parts"]] == ["乙DK", "甲DK"]
    found = run_checks({"farmland": layer}, rules=["S08", "S14"]).findings
    assert found["rule"].tolist() == ["S08", "S08", "S14"]
    assert "乙DK.shp" in found["message_zh"].iloc[2]


def test_what_was_made_in_memory_says_so() -> None:
    result = run_checks({"farmland": parcels()}, rules=OWN)
    assert result.findings.empty
    skipped = [(run.rule, run.reason_en) for run in result.not_run if run.layer == "farmland"]
    assert skipped == [(id, "made in memory: it was not read from a file") for id in ("S01", "S08")]


def test_an_older_edition_is_not_held_against_the_lengths_of_today() -> None:
    frame = gpd.GeoDataFrame(
        {"DLBM": ["013"], "GDPDJ": ["1"], "TKXS": ["x"]}, geometry=parcels(1).geometry.to_numpy()
    )
    result = run_checks({"landuse": frame}, rules=["S10", "S11", "S12"])
    assert {run.rule for run in result.not_run} == {"S10", "S11"}
    assert result.findings["rule"].tolist() == ["S10"]  # the coefficient x is no number
