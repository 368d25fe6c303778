from __future__ import annotations

import pandas as pd

from yuxi_gis.codes import mask, region_of


def test_region_of() -> None:
    codes = pd.Series(["5304252022010000001", "53042", None, "5304252022AB"])
    assert region_of(codes, "county").tolist()[0] == "530425"
    assert region_of(codes, "town").iloc[0] == "530425202"
    village = region_of(codes)
    assert village.iloc[0] == "530425202201"
    assert village.isna().tolist() == [False, True, True, True]


def test_mask_hides_the_person() -> None:
    ids = pd.Series(["999999199001011234", None, "", "12"])
    assert mask(ids, "id").iloc[0] == "999999***********4"
    assert mask(ids, "id").isna().tolist() == [False, True, False, False]
    assert mask(ids, "id").iloc[3] == "*"
    assert mask(pd.Series(["13800000000"]), "phone").iloc[0] == "138******00"
    names = mask(pd.Series(["示例户001", "王", ""]), "name")
    assert names.tolist() == ["示*****"[: len("示例户001")], "*", ""]
