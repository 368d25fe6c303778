from __future__ import annotations

import geopandas as gpd
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
