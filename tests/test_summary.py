from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from yuxi_gis.errors import CRSError
from yuxi_gis.summary import totals


def square(crs: int | None, side: float = 100.0) -> gpd.GeoDataFrame:
    box = shapely.box(612000, 2600000, 612000 + side, 2600000 + side)
    return gpd.GeoDataFrame(geometry=[box, box.boundary, None], crs=crs)


def test_totals_by_the_method_of_each_standard() -> None:
    """DK is measured in the plane, DLTB on the ellipsoid; a hectare is 15 亩."""
    table = totals({"farmland": square(4543), "landuse": square(4543)})
    assert table["layer"].tolist() == ["farmland", "landuse"]
    assert table["parcels"].tolist() == [3, 3]
    assert table["method"].tolist() == ["planar", "ellipsoidal"]
    assert table["area_m2"][0] == 10_000
    assert table["area_mu"][0] == 15
    assert 10_000 - table["area_m2"][1] == pytest.approx(3.08, abs=0.1)


def test_totals_of_nothing() -> None:
    assert totals({}).empty
    assert totals({"farmland": square(4543).iloc[:0]})["area_m2"].tolist() == [0.0]


def test_totals_need_a_crs() -> None:
    with pytest.raises(CRSError):
        totals({"farmland": square(None)})


def test_tables_count_rows_and_add_up_the_official_area() -> None:
    ledger = pd.DataFrame({"ZJDMJ": ["120.5", None, "不详", "79.5"]})
    people = pd.DataFrame({"CYXM": ["甲", "乙"]})
    blank = pd.DataFrame({"MJ": [None, None]})
    table = totals({"homestead": ledger, "household_member": people, "idle_land": blank})
    assert table["parcels"].tolist() == [4, 2, 2]
    assert table["method"].tolist() == ["official", "", ""]
    np.testing.assert_allclose(table["area_m2"], [200, np.nan, np.nan])
    np.testing.assert_allclose(table["area_mu"], [0.3, np.nan, np.nan])


def test_points_and_lines_have_no_area() -> None:
    points = gpd.GeoDataFrame(geometry=[shapely.Point(612000, 2600000)] * 2, crs=4543)
    table = totals({"boundary_point": points, "boundary_line": square(4543)})
    assert table["parcels"].tolist() == [2, 3]
    assert table["area_m2"].isna().all()
