from __future__ import annotations

import pandas as pd

from yuxi_gis.codes import mask


def test_mask_hides_the_person() -> None:
    ids = pd.Series(["999999199001011234", None, "", "12"])
    assert mask(ids, "id").iloc[0] == "999999***********4"
    assert mask(ids, "id").isna().tolist() == [False, True, False, False]
    assert mask(ids, "id").iloc[3] == "*"
    assert mask(pd.Series(["13800000000"]), "phone").iloc[0] == "138******00"
    names = mask(pd.Series(["示例户001", "王", ""]), "name")
    assert names.tolist() == ["示*****"[: len("示例户001")], "*", ""]
