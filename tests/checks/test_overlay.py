"""The rules between layers on each other: against shapely's unions, in other CRSs, in any order."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.checks import CheckResult, run_checks

X, Y = 500_000.0, 2_700_000.0
BOXES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 20), st.integers(1, 20)),
    min_size=1,
    max_size=6,
)


def box(x: float, y: float, width: float, height: float) -> shapely.Polygon:
    return shapely.box(X + x, Y + y, X + x + width, Y + y + height)


def farmland(shapes: list[shapely.Geometry], flag: str = "1") -> gpd.GeoDataFrame:
    codes = [f"5304020010010{k:06d}" for k in range(len(shapes))]
    return gpd.GeoDataFrame({"DKBM": codes, "SFJBNT": flag}, geometry=shapes, crs=4543)


def protected(shapes: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    codes = [f"P{k}" for k in range(len(shapes))]
    return gpd.GeoDataFrame({"YJJBNTTBBH": codes, **columns}, geometry=shapes, crs=4543)


def landuse(shapes: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    codes = [f"L{k}" for k in range(len(shapes))]
    return gpd.GeoDataFrame({"BSM": codes, **columns}, geometry=shapes, crs=4543)


def check(rule: str, **layers: gpd.GeoDataFrame) -> CheckResult:
    return run_checks(layers, rules=[rule])


@settings(max_examples=30, deadline=None)
@given(plots=BOXES, patches=BOXES)
def test_the_share_is_that_of_the_union(
    plots: list[tuple[int, ...]], patches: list[tuple[int, ...]]
) -> None:
    """Patches that overlap, repeat, contain or touch each other count once."""
    parcels, fields = [box(*p) for p in plots], [box(*p) for p in patches]
    found = check("X05", farmland=farmland(parcels, "2"), protected_cropland=protected(fields))
    whole = shapely.union_all(fields)
    share = np.array([100 * p.intersection(whole).area / p.area for p in parcels])
    told = {f"5304020010010{k:06d}": s for k, s in enumerate(share) if s > 10 + 1e-9}
    values = dict(zip(found.findings["feature"], found.findings["value"], strict=True))
    assert values == pytest.approx(told, abs=1e-3)
    grave = found.findings["severity"].eq("warning")
    assert grave.tolist() == [bool(v >= 50) for v in found.findings["value"]]


@settings(max_examples=30, deadline=None)
@given(plots=BOXES, patches=BOXES)
def test_what_lies_off_cropland_adds_up(
    plots: list[tuple[int, ...]], patches: list[tuple[int, ...]]
) -> None:
    fields = [box(*p) for p in patches]
    uses = landuse(fields, DLBM=["0101" if k % 2 else "1006" for k in range(len(fields))])
    crops = [box(*p) for p in plots]
    found = check("X06", protected_cropland=protected(crops), landuse=uses).findings
    for k, crop in enumerate(crops):
        parts = [crop.intersection(f).area for f in fields[::2]]
        due = sum(parts) if sum(parts) > 1 and 100 * sum(parts) / crop.area > 1 else 0
        # A part of 1 m² or less beside a larger one is left out.
        due -= sum(p for p in parts if p <= 1 and p < max(parts)) if due else 0
        assert found["value"][found["feature"] == f"P{k}"].sum() == pytest.approx(due, abs=1e-3)


def test_a_place_outside_the_protected_layer_is_not_judged() -> None:
    """A county's parcels with the protected cropland of one village."""
    parcels = farmland([box(0, 0, 10, 10), box(5_000, 0, 10, 10)])
    result = check("X05", farmland=parcels, protected_cropland=protected([box(0, 0, 50, 50)]))
    assert result.findings.empty
    assert result.not_run[0].reason_en.startswith("1 parcels with SFJBNT 1 lie outside")


def test_layers_in_degrees_and_with_zone_prefix() -> None:
    crops = protected([box(0, 0, 20, 10)], TBBH="1", DLBM="0101")
    uses = landuse([box(0, 0, 20, 8), box(0, 8, 20, 8)], DLBM=["0101", "1006"], TBBH=["1", "2"])
    for crs in (4490, 4522, 32648):
        found = check("X06", protected_cropland=crops, landuse=uses.to_crs(crs)).findings
        assert found["value"].item() == pytest.approx(40, abs=0.01)
        found = check("X07", protected_cropland=crops, landuse=uses.to_crs(crs)).findings
        assert found["value"].item() == pytest.approx(2, abs=0.01)


def test_another_datum_is_not_compared_by_a_ballpark() -> None:
    crops, uses = protected([box(0, 0, 20, 10)]), landuse([box(0, 0, 20, 10)], DLBM="1006")
    uses = uses.set_crs(2379, allow_override=True)
    for rule in ("X06", "X07"):
        result = check(rule, protected_cropland=crops, landuse=uses)
        assert result.findings.empty and len(result.not_run) == 1


def test_another_year_has_other_patches() -> None:
    crops = protected([box(0, 0, 20, 10)], TBBH="1", DLBM="0101", SJNF=2021)
    uses = landuse([box(0, 0, 18, 10)], DLBM="0103", TBBH="2", SJNF=2023)
    result = check("X07", protected_cropland=crops, landuse=uses)
    assert result.findings.empty
    assert result.not_run[0].reason_en.startswith("1 patches have another data year")
    assert len(check("X07", protected_cropland=crops, landuse=uses.assign(SJNF=2021)).findings) == 3


def test_a_patch_beside_all_land_use_sticks_out_of_the_nearest() -> None:
    crops = protected([box(30, 0, 10, 10)], TBBH="1", DLBM="0101")
    uses = landuse([box(0, 0, 20, 10), box(100, 0, 20, 10)], DLBM="0101", TBBH="1")
    found = check("X07", protected_cropland=crops, landuse=uses).findings
    assert found[["other_feature", "value"]].to_numpy().tolist() == [["L0", 20.0]]


def test_missing_and_empty_outlines_are_passed_over() -> None:
    shapes = [box(0, 0, 20, 10), None, shapely.Polygon(), box(0, 0, 20, 10)]
    place = {"ZLDWDM": "5304030010010000000"}
    crops = protected(shapes, TBBH="1", DLBM="0101", **place)
    uses = landuse(shapes, DLBM="0101", TBBH="1", **place)
    admin = gpd.GeoDataFrame(
        {"XZQDM": ["530402", "530402", None]}, geometry=[*shapes[:2], shapes[0]], crs=4543
    )
    layers = {"landuse": uses, "protected_cropland": crops, "admin": admin}
    result = run_checks(
        {**layers, "farmland": farmland(shapes)}, rules=["X05", "X06", "X07", "X08"]
    )
    assert set(result.findings["rule"]) == {"X08"}
    wrong = result.findings[result.findings["layer"] == "landuse"]
    assert wrong["feature"].tolist() == ["L0", "L3"]
    assert not result.not_run


def test_the_order_of_rows_does_not_matter() -> None:
    crops = protected([box(k * 7, 0, 9, 10) for k in range(5)], TBBH="1", DLBM="0101")
    uses = landuse([box(k * 10, 0, 10, 10) for k in range(5)], DLBM=["0201", "1006"] * 2 + ["0301"])
    uses["TBBH"] = ["1", "2", "3", "4", "5"]
    for rule in ("X06", "X07"):
        found = check(rule, protected_cropland=crops, landuse=uses).findings
        turned = check(rule, protected_cropland=crops.iloc[::-1], landuse=uses.iloc[::-1]).findings
        assert len(found) > 3
        assert found["message_en"].tolist() == turned["message_en"].tolist()


def two_counties(shift: float, right: str = "5304030010010000000") -> gpd.GeoDataFrame:
    """Three bands that run over a border, the upper line `shift` m higher on the right."""
    left = [box(0, 0, 50, 20), box(0, 20, 50, 4), box(0, 24, 50, 20)]
    other = [box(50, 0, 50, 20), box(50, 20, 50, 4 + shift), box(50, 24 + shift, 50, 20 - shift)]
    where = ["5304020010010000000"] * 3 + [right] * 3
    return landuse(left + other, DLBM=["0101", "1006", "0301"] * 2, ZLDWDM=where)


@given(shift=st.sampled_from([0, 0.01, 0.049, 0.051, 0.3, 1.99, 2.01, 3]), order=st.randoms())
@settings(max_examples=20, deadline=None)
def test_a_step_at_the_border_is_told_once_whatever_the_order(shift: float, order) -> None:
    uses = two_counties(shift)
    rows = list(range(len(uses)))
    order.shuffle(rows)
    found = check("X09", landuse=uses.iloc[rows]).findings
    assert found["value"].tolist() == pytest.approx([shift] if 0.05 < shift < 2 else [], abs=1e-4)
    assert np.allclose(shapely.length(found.geometry.to_numpy()), found["value"])


@pytest.mark.parametrize("code", ["5304020010020000000", "", "530402"])
def test_a_border_needs_two_counties(code: str) -> None:
    result = check("X09", landuse=two_counties(0.3, code))
    assert result.findings.empty and "two counties" in result.not_run[0].reason_en


def test_a_county_under_its_former_code_is_one_county() -> None:
    """Jiangchuan was 530421 before it became 530403."""
    uses = two_counties(0.3)
    uses["ZLDWDM"] = uses["ZLDWDM"].str.replace("530402", "530421")
    assert "two counties" in check("X09", landuse=uses).not_run[0].reason_en
