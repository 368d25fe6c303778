"""GeoParquet: CRS, encodings, several geometries, tables, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.errors import SourceError
from yuxi_gis.read import parquet
from yuxi_gis.read.table import Options, RawTable

HOLE = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(1, 1), (1, 2), (2, 2), (2, 1)]])
BOX = shapely.box(500000, 2600000, 500010, 2600010)


def layer(*shapes: object) -> gpd.GeoDataFrame:
    n = len(shapes)
    return gpd.GeoDataFrame(
        {
            "DKBM": [f"{5304252022010000001 + i}" for i in range(n)],
            "DKMC": pd.Series(["大田", None, "河边"] * n)[:n],
            "serial": range(n),
        },
        geometry=gpd.GeoSeries(list(shapes)),
        crs=4543,
    )


def only(path: Path) -> RawTable:
    (table,) = parquet.open(path, Options())
    return table


def with_meta(path: Path, change: Any) -> Path:
    """Rewrite the ``geo`` metadata of `path`."""
    table = pq.read_table(path)
    meta = json.loads(table.schema.metadata[b"geo"])
    changed = change(meta)
    meta = meta if changed is None else changed
    pq.write_table(table.replace_schema_metadata({b"geo": json.dumps(meta).encode()}), path)
    return path


@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
@pytest.mark.parametrize(
    "shapes",
    [
        (HOLE, None, BOX),
        (shapely.MultiPolygon([HOLE, shapely.box(20, 0, 30, 1)]), shapely.MultiPolygon([BOX])),
        (shapely.Point(1, 2), None, shapely.Point(3, 4)),
        (shapely.LineString([(0, 0), (1, 1)]), shapely.LineString([(5, 5), (6, 6), (7, 7)])),
        (shapely.MultiPoint([(0, 0), (1, 1)]), None),
        (shapely.MultiLineString([[(0, 0), (1, 1)], [(2, 2), (3, 3)]]),),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, shapes: tuple[object, ...]) -> None:
    frame = layer(*shapes)
    path = tmp_path / "DK.parquet"
    frame.to_parquet(path, geometry_encoding=encoding, schema_version="1.1.0")
    table = only(path)
    done, notes = table.load()
    assert shapely.equals_identical(
        done.geometry.dropna().to_numpy(), frame.geometry.dropna().to_numpy()
    ).all()
    assert done.geometry.isna().tolist() == frame.geometry.isna().tolist()
    assert done["DKMC"].isna().tolist() == frame["DKMC"].isna().tolist()
    assert done["DKBM"].tolist() == frame["DKBM"].tolist() and notes == ()
    assert table.columns == ("DKBM", "DKMC", "serial") and table.rows == len(shapes)
    assert table.crs.to_epsg() == 4543 and done.crs == table.crs
    assert table.geometry == next(s for s in shapes if s is not None).geom_type


def test_pieces_of_a_large_file(tmp_path: Path) -> None:
    """Several row groups and a slice of GeoArrow lists whose offsets do not start at 0."""
    frame = layer(*[shapely.box(i, 0, i + 1, 1) for i in range(500)])
    frame.to_parquet(tmp_path / "a.parquet", geometry_encoding="geoarrow", row_group_size=7)
    done, _ = only(tmp_path / "a.parquet").load()
    assert done.geometry.tolist() == frame.geometry.tolist()


def told(table: RawTable) -> dict[str, str]:
    return {d.what: d.confidence for d in table.decisions}


def test_crs(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    def change(value: Any) -> Any:
        def put(meta: dict[str, Any]) -> None:
            column = meta["columns"]["geometry"]
            del column["crs"]
            if value != "absent":
                column["crs"] = value

        layer(BOX).to_parquet(path)
        return only(with_meta(path, put))

    assert change(None).crs is None
    absent = change("absent")
    assert absent.crs.to_epsg() == 4326 and told(absent)["crs"] == "high"
    damaged = change({"type": "ProjectedCRS", "name": "x"})
    assert damaged.crs is None and [n.what for n in damaged.notes] == ["crs_unknown"]
    assert damaged.load()[0].crs is None


def test_second_geometry_is_text(tmp_path: Path) -> None:
    frame = layer(BOX, BOX)
    frame["centre"] = frame.centroid
    frame.to_parquet(tmp_path / "a.parquet")
    table = only(tmp_path / "a.parquet")
    done, notes = table.load()
    assert table.columns == ("DKBM", "DKMC", "serial", "centre")
    assert done["centre"].tolist() == ["POINT (500005 2600005)"] * 2
    assert [(n.what, n.field) for n in notes] == [("geometry_as_text", "centre")]
    assert done.geometry.tolist() == [BOX] * 2


def test_plain_parquet_is_a_table(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "code": pd.array([5304252022010000001, None], "Int64"),
            "kind": pd.Categorical(["甲", None]),
            "list": [[1, 2], None],
            "day": pd.to_datetime(["2024-01-05", None]),
        }
    )
    frame.to_parquet(tmp_path / "CBF.parquet")
    table = only(tmp_path / "CBF.parquet")
    done, _ = table.load()
    assert table.geometry is None and table.name == "CBF" and table.crs is None
    assert not isinstance(done, gpd.GeoDataFrame)
    assert done["code"].tolist()[0] == 5304252022010000001 and done["code"].isna().tolist()[1]
    assert done["kind"].tolist()[0] == "甲" and done["list"].tolist()[0] == "[1, 2]"
    assert done["day"].tolist()[0] == pd.Timestamp("2024-01-05")


def test_index_of_pandas_is_no_field(tmp_path: Path) -> None:
    layer(BOX, BOX, BOX).iloc[1:].to_parquet(tmp_path / "a.parquet", index=False)
    assert only(tmp_path / "a.parquet").load()[0].index.tolist() == [0, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: [],
        lambda meta: {"columns": {}},
        lambda meta: meta | {"primary_column": "nowhere"},
        lambda meta: meta | {"columns": {"geometry": 5}},
        lambda meta: meta["columns"]["geometry"].update(encoding="x"),
        lambda meta: meta["columns"]["geometry"].update(encoding="polygon"),
        lambda meta: meta | {"primary_column": "DKBM", "columns": {"DKBM": {"encoding": "point"}}},
    ],
)
def test_metadata_that_do_not_fit(tmp_path: Path, change: Any) -> None:
    layer(BOX).to_parquet(tmp_path / "a.parquet")
    path = with_meta(tmp_path / "a.parquet", change)
    with pytest.raises(SourceError, match=r"a\.parquet"):
        only(path).load()


def test_a_field_that_is_no_geometry(tmp_path: Path) -> None:
    """Text named as geometry: rows without shapes, and told so."""
    table = pa.table({"geometry": ["not a shape", None], "n": [1, 2]})
    meta = {
        "version": "1.0.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": [], "crs": None}},
    }
    path = tmp_path / "a.parquet"
    pq.write_table(table.replace_schema_metadata({b"geo": json.dumps(meta).encode()}), path)
    frame, notes = only(path).load()
    assert frame.geometry.isna().all() and notes[0].rows == (1,)


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """100 million equal values in half a megabyte."""
    path = tmp_path / "a.parquet"
    block = pa.table({"n": pa.array(np.zeros(10_000_000, "i1"))})
    with pq.ParquetWriter(path, block.schema, compression="zstd") as out:
        for _ in range(10):
            out.write_table(block, row_group_size=10_000_000)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(SourceError, match="far more content"):
        only(path)


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_rubbish(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("rubbish") / "a.parquet"
    for content in (data, b"PAR1" + data, b"PAR1" + data + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"a\.parquet"):
            only(path).load()


@pytest.mark.parametrize("encoding", ["point", "polygon", "multipolygon", "unknown"])
def test_an_encoding_that_does_not_fit(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "DK.parquet"
    layer(BOX).to_parquet(path)

    def change(value: Any) -> Any:
        value["columns"]["geometry"]["encoding"] = encoding
        return value

    with pytest.raises(SourceError, match=f"encoding {encoding}"):
        only(with_meta(path, change)).load()
