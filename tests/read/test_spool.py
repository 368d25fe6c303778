"""Layers with their shapes in scratch files: the same as a whole reading; nothing is left."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pandas.testing import assert_frame_equal

from yuxi_gis.errors import CRSError, OutputError, ParameterError, SourceError, YuxiGisError
from yuxi_gis.read import ogr, read_layers, shapefile, spooled_layers
from yuxi_gis.read.shapes import InMemory, Joined, Spool
from yuxi_gis.read.sources import find_tables
from yuxi_gis.read.spool import spool_tables
from yuxi_gis.read.table import Note, Options, merged

X, Y = 500_000.0, 2_650_000.0
FORMATS = ("DK.gpkg", "DK.fgb", "DK.gdb", "DK.shp", "DK.geojson", "DK.parquet")


def box(i: int, *, z: bool = False) -> shapely.Geometry:
    made = shapely.box(X + 20 * i, Y, X + 20 * i + 15, Y + 15)
    return shapely.force_3d(made, 7.0) if z else made


def parcels(name: str, count: int = 9, first: int = 0) -> gpd.GeoDataFrame:
    """Single and multi parts, missing ones and some with heights, as far as the format has them."""
    shapes: list[Any] = [box(first + i, z=i in (1, 6)) for i in range(count)]
    if not name.endswith(".fgb"):  # whose spatial index has no room for it
        shapes[5] = None
    if name.endswith((".gpkg", ".geojson", ".parquet")):
        shapes[4] = shapely.Polygon()
    shapes[7] = shapely.multipolygons([box(first + 7), box(first + 70)])
    codes = [f"53040200100100{first + i:05d}" for i in range(count)]
    columns = {"DKBM": codes, "SCMJ": np.arange(count) + 0.5, "DKMC": "河边的大田"}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4543)


def written(path: Path, frame: gpd.GeoDataFrame) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".shp":
        frame["geometry"] = shapely.force_3d(frame.geometry.array)
        frame.to_file(path, encoding="utf-8")
    elif path.suffix == ".gdb":
        frame["geometry"] = shapely.force_2d(frame.geometry.array)
        frame.to_file(path, layer="DK", driver="OpenFileGDB", promote_to_multi=True)
    elif path.suffix == ".geojson":
        frame.to_crs(4490).to_file(path)
    else:
        if path.suffix == ".fgb":
            frame["geometry"] = shapely.force_3d(frame.geometry.array)
        frame.to_file(path, layer="DK")
    return path


def told(attrs: dict[Any, Any]) -> dict[Any, Any]:
    return {**attrs, "notes": sorted(attrs["notes"], key=lambda note: note["what"])}


def assert_same(sources: list[str], **options: Any) -> None:
    whole = read_layers(*sources, **options)
    with spooled_layers(*sources, **options) as layers:
        assert list(layers) == list(whole)
        for name, layer in layers.items():
            frame = whole[name]
            assert told(layer.attrs) == told(frame.attrs)
            if layer.shapes is None:
                assert_frame_equal(layer.frame, frame)
                continue
            shapes = np.asarray(frame.geometry.array)
            assert layer.frame.crs == frame.crs and layer.frame.geometry.isna().all()
            bare = [pd.DataFrame(f.drop(columns=f.geometry.name)) for f in (layer.frame, frame)]
            assert_frame_equal(*bare)
            assert shapely.equals_identical(layer.shapes[:], shapes)[
                ~shapely.is_missing(shapes)
            ].all()
            np.testing.assert_array_equal(layer.shapes.bounds, shapely.bounds(shapes))
            np.testing.assert_array_equal(layer.shapes.kinds, shapely.get_type_id(shapes))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ogr, "_BATCH", 2)
    monkeypatch.setattr(shapefile, "_BATCH", 2)


@pytest.mark.parametrize("name", FORMATS)
def test_a_spooled_layer_is_the_layer_that_a_whole_reading_gives(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, parcels(name))
    assert_same([f"farmland={path}"])
    assert_same([f"farmland={path}"], swap_axes=True)


def test_decisions_are_those_of_the_whole_layer_also_where_it_is_large(tmp_path: Path) -> None:
    """Coordinates with a zone prefix under a CRS without: told of 3,000 as of 30."""
    for count in (30, 3000):
        frame = gpd.GeoDataFrame(
            {"DKBM": [f"53040200100100{i:05d}" for i in range(count)]},
            geometry=[
                shapely.affinity.translate(box(i % 50), 34e6, i // 50 * 20) for i in range(count)
            ],
            crs=4543,
        )
        path = tmp_path / f"{count}.fgb"
        frame.to_file(path)
        assert_same([f"farmland={path}"])
        assert_same([f"farmland={path}"], crs=4522, override_crs=True)


def test_a_datum_shift_moves_the_spooled_shapes(tmp_path: Path) -> None:
    from yuxi_gis.crs.datum import Helmert

    frame = parcels("DK.gpkg").set_crs(2379, allow_override=True)
    path = written(tmp_path / "DK.gpkg", frame)
    assert_same([f"farmland={path}"], shift=Helmert.parse("10,20,30,0.1,0.2,0.3,1"))


def test_files_of_one_layer_come_together_and_tables_stay_tables(tmp_path: Path) -> None:
    one = written(tmp_path / "a.gpkg", parcels("a.gpkg"))
    two = written(tmp_path / "b.shp", parcels("b.shp", first=100))
    ledger = tmp_path / "承包方.csv"
    ledger.write_text("CBFBM,CBFMC\n530402001001010001,张三\n", encoding="utf-8")
    assert_same([f"farmland={one}", f"farmland={two}", f"contractor={ledger}"])


def test_points_and_lines_among_parcels_are_multi_part_too(tmp_path: Path) -> None:
    line = shapely.LineString([(X, Y), (X + 9, Y + 9)])
    shapes: list[Any] = [box(0), shapely.Point(X, Y), line]
    shapes += [shapely.multipoints([(X, Y), (X + 5, Y)]), shapely.multilinestrings([line, line])]
    shapes.append(shapely.multipolygons([box(1), box(2)]))
    frame = gpd.GeoDataFrame({"DKBM": list("123456")}, geometry=shapes, crs=4543)
    frame.to_file(tmp_path / "DK.gpkg")
    assert_same([f"farmland={tmp_path / 'DK.gpkg'}"])


def test_a_full_temporary_folder_is_no_fault_of_a_source(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = written(tmp_path / "DK.gpkg", parcels("DK.gpkg", count=900))
    tables = find_tables([f"farmland={path}"], options=Options())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    failures: list[YuxiGisError] = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with ExitStack() as stack, pytest.raises(OutputError, match="TMPDIR"):
            spool_tables(tables, stack, on_error=failures.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert failures == []


def test_layers_are_of_no_use_after_their_block_and_private_in_it(tmp_path: Path) -> None:
    path = written(tmp_path / "DK.gpkg", parcels("DK.gpkg"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        with spooled_layers(f"farmland={path}") as layers:
            (folder,) = tmp_path.glob("yuxi-gis-*")
            assert folder.stat().st_mode & 0o077 == 0
    shapes = layers["farmland"].shapes
    assert shapes is not None
    with pytest.raises(ParameterError, match="within the block"):
        shapes[:]


def test_errors_are_those_of_a_whole_reading_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path = written(tmp_path / "DK.shp", parcels("DK.shp"))
    with pytest.raises(KeyboardInterrupt), spooled_layers(f"farmland={path}") as layers:
        assert len(layers["farmland"].frame) == 9 and list(scratch.iterdir())
        raise KeyboardInterrupt
    assert not list(scratch.iterdir())
    path.with_suffix(".prj").unlink()
    with pytest.raises(CRSError, match="--crs"), spooled_layers(f"farmland={path}"):
        pass
    data = bytearray((tmp_path / "DK.shp").read_bytes())
    (tmp_path / "DK.shp").write_bytes(data[:-8])
    with pytest.raises(SourceError, match="damaged"), spooled_layers(f"farmland={path}"):
        pass
    assert not list(scratch.iterdir())


def test_stores_are_asked_as_arrays_are(tmp_path: Path) -> None:
    shapes = np.array([box(0), None, box(2), shapely.Polygon(), box(4)], dtype=object)
    spool = Spool(
        tmp_path / "a", [(shapes[:3], np.array([3, -1, 3])), (shapes[3:], np.array([3, 3]))]
    )
    both = Joined([spool, InMemory(shapes)])
    twice = np.concatenate([shapes, shapes])
    for rows in ([4, 0, 0, 1], slice(1, 3), np.array([], dtype=int), [3]):
        assert list(spool[rows]) == list(shapes[rows])
    for rows in ([9, 0, 5, 1], slice(3, 8), twice == box(4)):
        assert list(both[rows]) == list(twice[rows])
    assert spool[2] == box(2) and spool[1] is None and both[7] == box(2) and len(both) == 10
    spool.close()


def test_notes_of_batches_become_one() -> None:
    parts = [
        Note.on_rows("lost", [first + 1, first + 2], "{count} {rows} {n} {far}", "{count}",
                     severity=grave, n=first, far=far)
        for first, far, grave in ((0, 0.5, "info"), (30, 0.25, "warning"))
    ]  # fmt: skip
    same = Note("said", "一样", "the same", "warning")
    one, other = merged([parts[0], same, parts[1].further_on(10), same])
    assert (one.zh, one.rows, one.count) == ("4 1, 2, 41, 42 30 0.5", (1, 2, 41, 42), 4)
    assert one.severity == "warning" and other == same
