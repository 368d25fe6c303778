"""Suspicions and changes beyond their cases: what cannot be judged, dates, scale, wording."""

from __future__ import annotations

import re
from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from yuxi_gis.catalog import load_catalog, load_codes
from yuxi_gis.checks import run_checks
from yuxi_gis.checks.rules.legal import BUILT_TYPES, CONSTRUCTION
from yuxi_gis.specs import CodeList

EAST, NORTH = 500_000.0, 2_700_000.0
Frame = gpd.GeoDataFrame


def layer(crs: int = 4543, side: float = 30.0, **columns: list[object]) -> gpd.GeoDataFrame:
    n = len(next(iter(columns.values())))
    shapes = [
        shapely.box(EAST + 100 * i, NORTH, EAST + 100 * i + side, NORTH + side) for i in range(n)
    ]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)


def reasons(layers: dict[str, pd.DataFrame], rule: str) -> list[str]:
    result = run_checks(layers, rules=[rule])
    assert result.findings.empty
    return [run.reason_en for run in result.not_run if run.layer in layers]


def test_construction_classes_are_those_of_the_survey() -> None:
    names = load_codes()["DLBM"].zh
    built = {code for code in names if re.fullmatch(CONSTRUCTION, code)}
    assert {"0508", "05H1", "0601", "0702", "08H2A", "0810A", "09", "1009", "1109", "1201"} <= built
    assert not {code for code in built if code < "05"}
    assert not built & {
        "1006",
        "1101",
        "1103",
        "1104",
        "1107",
        "1107A",
        "1108",
        "1202",
        "1203",
        "1204",
    }
    types: CodeList | None = load_catalog()["monitoring_patch"].by_name["TBLX"].codes
    assert types is not None and set(BUILT_TYPES) <= set(types.zh)


def test_an_older_standard_is_not_judged() -> None:
    """071 of the second survey is a town, 07… of the third is so by its first digits only."""
    new = layer(BSM=["1"], DLBM=["0702"])
    old = layer(BSM=["2"], DLBM=["011"], TKXS=[0.1], GDPDJ=["2"])
    assert "old" in reasons({"landuse_change": new, "landuse": old}, "L04")[0]
    patches = layer(YJJBNTTBBH=["P"])
    assert "old" in reasons({"protected_cropland": patches, "landuse": old}, "L05")[0]


@pytest.mark.parametrize(
    ("rule", "layers", "says"),
    [
        ("L02", {"homestead": layer(ZDDM=["Z"])}, "ZJDMJ"),
        ("L03", {"homestead": layer(ZDDM=["Z"], HZXM=["李明"])}, "HZZJHM"),
        ("L04", {"landuse_change": layer(BSM=["1"]), "landuse": layer(DLBM=["0101"])}, "DLBM"),
        ("L04", {"landuse_change": layer(DLBM=["0702"]), "landuse": layer(BSM=["1"])}, "DLBM"),
        ("L04", {"landuse_change": layer(DLBM=["0702"])}, "landuse"),
        ("L04", {"monitoring_patch": layer(JCBH=["1"]), "landuse": layer(DLBM=["01"])}, "TBLX"),
        (
            "L04",
            {"landuse_change": layer(DLBM=["0702"]), "landuse": layer(2379, DLBM=["0101"])},
            "datum",
        ),
        ("L05", {"protected_cropland": layer(BSM=["1"]), "landuse": layer(BSM=["1"])}, "DLBM"),
        (
            "L05",
            {"protected_cropland": layer(BSM=["1"]), "landuse": layer(DLBM=["0101"])},
            "ZZSXDM",
        ),
        ("L06", {"landuse": layer(DLBM=["0101"])}, "ZZSXDM"),
        ("L06", {"idle_land": layer(XZLX=["3"])}, "XZKSRQ"),
        ("L07", {"idle_land": layer(XZKSRQ=["20100101"])}, "XZLX"),
        ("C01", {"landuse_change": layer(BSM=["1"])}, "DLBM"),
    ],
)
def test_what_cannot_be_judged_is_said(
    rule: str, layers: dict[str, pd.DataFrame], says: str
) -> None:
    assert any(says in reason for reason in reasons(layers, rule))


def test_a_ledger_without_shapes_is_judged() -> None:
    table = pd.DataFrame({"ZDDM": ["A"], "ZJDMJ": [300.0], "PZMJ": [150.0]})
    found = run_checks({"homestead": table}, rules=["L02"]).findings
    assert found["value"].tolist() == [300.0] and found.geometry.isna().all()


def test_a_year_is_a_year_up_to_today() -> None:
    today = date.today()
    year = today.replace(year=today.year - 1, day=min(today.day, 28))
    since = [year - timedelta(days=1), year + timedelta(days=4)]
    for dates in (
        pd.to_datetime(since),
        [day.strftime("%Y%m%d") for day in since],
        [float(day.strftime("%Y%m%d")) for day in since],
        since,
    ):
        frame = layer(XZBH=["A", "B"], XZLX=["1", "1"], XZKSRQ=list(dates))
        found = run_checks({"idle_land": frame}, rules=["L07"]).findings
        assert found["feature"].tolist() == ["A"]


def test_identity_numbers_and_names_are_nowhere_in_the_messages() -> None:
    number = "999999198001010019"
    frame = layer(ZDDM=["A", "B"], HZXM=["欧阳测试"] * 2, HZZJHM=[number] * 2, ZJDMJ=[999.0] * 2)
    found = run_checks({"homestead": frame}, rules=["L02", "L03"]).findings
    assert len(found) == 4
    said = "".join(found["message_zh"] + found["message_en"])
    assert number not in said and "欧阳" not in said and "19800101" not in said


def test_many_changes_on_many_fields() -> None:
    """2 500 changes on 2 500 fields: each is told once, with its whole area on cropland."""
    n = 50
    x, y = (axis.ravel() * 40.0 for axis in np.meshgrid(np.arange(n), np.arange(n)))
    fields = shapely.box(EAST + x, NORTH + y, EAST + x + 40, NORTH + y + 40)
    houses = shapely.box(EAST + x + 30, NORTH + y + 10, EAST + x + 50, NORTH + y + 30)
    old = Frame({"BSM": [f"F{i}" for i in range(n * n)], "DLBM": "0101"}, geometry=fields, crs=4543)
    new = Frame({"BSM": [f"H{i}" for i in range(n * n)], "DLBM": "0702"}, geometry=houses, crs=4543)
    found = run_checks({"landuse_change": new, "landuse": old}, rules=["L04"]).findings
    each = found[found["feature"] != ""]
    # Those at the eastern edge are half outside of the fields: 200 m² just reach the limit.
    assert len(each) == n * n
    assert each["value"].round(2).value_counts().to_dict() == {400.0: n * (n - 1), 200.0: n}
    assert each["severity"].unique().tolist() == ["warning"]
