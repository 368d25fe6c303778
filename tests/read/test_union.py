"""Townships make a county; two copies do not."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from yuxi_gis.catalog import load_catalog
from yuxi_gis.errors import CRSError, SourceError
from yuxi_gis.read.union import union

SPEC = load_catalog()["farmland"]


def part(name: str, codes: list[str], *, crs: int | None = 4543, geometry: str = "geometry"):  # type: ignore[no-untyped-def]
    frame = gpd.GeoDataFrame({"DKBM": codes}, geometry=[shapely.Point(0, 0)] * len(codes), crs=crs)
    if geometry != "geometry":
        frame = frame.rename_geometry(geometry)
    frame.attrs = attrs(name)
    return frame


def ledger(name: str, codes: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({"DKBM": codes})
    frame.attrs = attrs(name)
    return frame


def attrs(name: str) -> dict[str, object]:
    return {"name": name, "source": name, "renamed": {name: name}, "notes": [], "decisions": []}


def test_one_part_is_itself() -> None:
    one = part("a", ["1"])
    assert union([one], SPEC) is one


def test_rows_in_the_order_of_the_files() -> None:
    whole = union([part("a", ["1", "2"]), part("b", ["3"], geometry="geom")], SPEC)
    assert isinstance(whole, gpd.GeoDataFrame)
    assert whole["DKBM"].tolist() == ["1", "2", "3"]
    assert whole.geometry.notna().all() and whole.crs.to_epsg() == 4543
    assert whole.index.tolist() == [0, 1, 2]
    assert whole.attrs["parts"] == [
        {"name": "a", "source": "a", "rows": 2},
        {"name": "b", "source": "b", "rows": 1},
    ]
    assert whole.attrs["source"] == "a; b"
    assert whole.attrs["renamed"] == {"a": "a", "b": "b"}


def test_copies_are_refused_and_a_few_common_codes_are_not() -> None:
    with pytest.raises(SourceError, match="found twice: a and b have 2 equal DKBM"):
        union([part("a", ["1", "2", "3", "4"]), part("b", ["1", "2", "9"])], SPEC)
    few = union([part("a", ["1", "2", "3", "4"]), part("b", ["4", "5", "6"])], SPEC)
    assert len(few) == 7


def test_parts_with_different_crs_are_refused() -> None:
    with pytest.raises(CRSError, match="different CRS: a EPSG:4543"):
        union([part("a", ["1"]), part("b", ["2"], crs=4522)], SPEC)


def test_a_ledger_gives_way_to_the_layer() -> None:
    whole = union([ledger("book", ["1", "2"]), part("a", ["1", "2"])], SPEC)
    assert isinstance(whole, gpd.GeoDataFrame) and len(whole) == 2
    assert whole.attrs["left_out"] == ["book"]
    tables = union([ledger("x", ["1"]), ledger("y", ["2"])], SPEC)
    assert tables["DKBM"].tolist() == ["1", "2"]
