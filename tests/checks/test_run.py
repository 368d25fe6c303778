"""`run_checks` as a whole: what did not run, CRSs, order, hostile data."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pandas.testing import assert_frame_equal

from yuxi_gis import findings
from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import RULES, run_checks
from yuxi_gis.errors import ParameterError

CODES = [f"530402001001000000{i}" for i in range(1, 10)]


def square(x: float, y: float = 0.0, size: float = 10.0) -> shapely.Polygon:
    return shapely.box(5e5 + x, 27e5 + y, 5e5 + x + size, 27e5 + y + size)


def farmland(shapes: list[Any], crs: Any = 4543, **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"DKBM": CODES[: len(shapes)], **columns}, geometry=shapes, crs=crs)


def skipped(result: Any) -> set[tuple[str, str]]:
    return {(run.rule, run.layer) for run in result.not_run}


# What cannot be judged is listed --------------------------------------------------------------


def test_missing_fields_and_layers_are_listed_with_the_reason() -> None:
    result = run_checks({"farmland": farmland([square(0)])})
    reasons = {(run.rule, run.layer, run.reason_en) for run in result.not_run}
    assert ("R01", "farmland", "missing: SCMJ") in reasons
    assert ("A01", "farmland", "field DKMC is missing") in reasons
    assert ("A02", "farmland", "field DKLB is missing") in reasons
    assert ("L01", "homestead", "the layer is not there") in reasons
    assert all(run.reason_zh and run.reason("zh") != run.reason("en") for run in result.not_run)
    assert result.not_run == tuple(
        sorted(result.not_run, key=lambda r: (r.rule, r.layer, r.reason_en))
    )


def test_every_rule_finds_or_runs_or_is_listed() -> None:
    """No rule passes over a layer in silence: all that need a field are listed where none is."""
    bare = gpd.GeoDataFrame(geometry=[square(0)], crs=4543)
    result = run_checks({"farmland": bare})
    excused = {rule for rule, layer in skipped(result) if layer == "farmland"}
    for_all = {id for id, rule in RULES.items() if not rule.layers or "farmland" in rule.layers}
    # What looks at the CRS, at the shapes or at whichever fields there are has run.
    ran = {"A11", "A12", "A21", "S02", "S09", "S10", "S11", "S12", "X02"}
    ran |= {id for id in for_all if RULES[id].on != "records" and RULES[id].family in "ST"}
    assert excused == for_all - (ran - {"S08"})
    assert set(result.findings["rule"]) == {"S09"}


def test_without_crs_areas_are_not_run_but_validity_is() -> None:
    eight = shapely.from_wkt("POLYGON((0 0,10 10,10 0,0 10,0 0))")
    result = run_checks({"farmland": farmland([eight], crs=None, SCMJ=50.0)})
    assert {"T03", "T05", "R01"} <= {rule for rule, _ in skipped(result)}
    found = result.findings.set_index("rule")
    assert {"S03", "T01"} <= set(found.index)
    assert "(5, 5)" in found.loc["T01", "message_zh"]
    # Its place on earth is not known.
    assert found.loc["T01", "geometry"] is None
    assert result.findings.crs is None


def test_coordinates_outside_their_crs_are_named_by_row() -> None:
    shapes = [shapely.box(102, 24, 102.001, 24.001), square(0)]
    result = run_checks({"farmland": farmland(shapes, crs=4490)}, rules=["T03"])
    assert result.findings.empty
    reason = next(run for run in result.not_run if run.layer == "farmland")
    assert "row" in reason.reason_en and "CRS" in reason.reason_en


def test_layers_on_other_datums_are_not_laid_over_each_other() -> None:
    homestead = gpd.GeoDataFrame({"ZDDM": ["Z"]}, geometry=[square(0)], crs=2379)
    patch = gpd.GeoDataFrame({"YJJBNTTBBH": ["P"]}, geometry=[square(0)], crs=4543)
    result = run_checks({"homestead": homestead, "protected_cropland": patch}, rules=["L01"])
    assert result.findings.empty
    assert any("datum" in run.reason_en for run in result.not_run if run.layer == "homestead")


def test_area_is_not_compared_outside_china() -> None:
    shape = shapely.box(10, 50, 10.001, 50.001)
    result = run_checks({"farmland": farmland([shape], crs=4326, SCMJ=1.0)}, rules=["R01"])
    assert result.findings.empty
    assert ("R01", "farmland") in skipped(result)


# CRSs ----------------------------------------------------------------------------------------


def test_findings_are_in_the_first_expected_crs() -> None:
    layers = {
        "homestead": gpd.GeoDataFrame({"ZDDM": ["Z"]}, geometry=[square(0)], crs=4543).to_crs(
            32648
        ),
        "farmland": farmland([square(0), square(9)]),
        "protected_cropland": gpd.GeoDataFrame(
            {"YJJBNTTBBH": ["P", "Q"]}, geometry=[square(0), square(9)], crs=4543
        ).to_crs(4490),
    }
    result = run_checks(layers, rules=["T03"])
    assert result.findings.crs.to_epsg() == 4543
    assert {name: layer.crs.to_epsg() for name, layer in result.layers.items()} == {
        "homestead": 32648,
        "farmland": 4543,
        "protected_cropland": 4490,
    }
    one, other = result.findings.geometry
    assert shapely.hausdorff_distance(one, other) < 0.001
    np.testing.assert_allclose(result.findings["area_m2"], 10, rtol=2e-3)


@pytest.mark.parametrize("crs", [4490, 4326, 4522, 32648, 3857])
def test_area_is_measured_in_the_gauss_kruger_plane_whatever_the_crs(crs: int) -> None:
    """SCMJ is the Gauss-Kruger area: no CRS of delivery may make a fault of it."""
    frame = farmland([square(0, size=100), square(100, size=100)], SCMJ=[10_000.0, 10_200.0])
    result = run_checks({"farmland": frame.to_crs(crs)}, rules=["R01"])
    assert result.findings["feature"].tolist() == [CODES[1]]
    np.testing.assert_allclose(result.findings["area_m2"], 10_000, atol=0.05)


def test_suspicion_across_crs() -> None:
    """A site in degrees, the patch in the plane with prefix: the same 25 m²."""
    site = gpd.GeoDataFrame({"ZDDM": ["Z"]}, geometry=[square(0)], crs=4543)
    patch = gpd.GeoDataFrame({"YJJBNTTBBH": ["P"]}, geometry=[square(5, 5)], crs=4543)
    layers = {"homestead": site.to_crs(4490), "protected_cropland": patch.to_crs(4522)}
    result = run_checks(layers, rules=["L01"])
    np.testing.assert_allclose(result.findings["value"], 25, rtol=3e-3)


# The table -----------------------------------------------------------------------------------


def test_order_depends_on_nothing_but_the_findings() -> None:
    shapes = [square(0), square(9), square(18), None, square(18)]
    frame = farmland(shapes, SCMJ=[100.0, 50.0, 100.0, 100.0, 7.0], SCMJM=0.15)
    admin = gpd.GeoDataFrame({"XZQDM": ["530402"]}, geometry=[square(0)], crs=4543)
    there = run_checks({"farmland": frame, "admin": admin}).findings
    back = run_checks({"admin": admin, "farmland": frame.iloc[::-1]}).findings
    columns = [name for name in findings.COLUMNS if name != "geometry"]
    assert_frame_equal(there[columns], back[columns])
    assert len(there) > 10
    assert list(there.columns) == list(findings.COLUMNS)


def test_a_layer_without_records_is_no_trouble() -> None:
    catalog = load_catalog()
    for name, spec in catalog.items():
        frame = gpd.GeoDataFrame({f.name: [] for f in spec.fields}, geometry=[], crs=4543)
        assert run_checks({name: frame}).findings.empty


def test_any_index_will_do() -> None:
    frame = farmland([square(0), square(9), square(30)], SCMJ=[100.0, 100.0, 50.0])
    plain = run_checks({"farmland": frame}).findings
    frame.index = pd.Index(["x", "x", "y"])
    assert_frame_equal(plain, run_checks({"farmland": frame}).findings)


def test_worst_severity() -> None:
    good = farmland([square(0)])
    assert run_checks({"farmland": good}, rules=["T03"]).worst is None
    frame = farmland([square(0)], SCMJ=101.0)
    assert run_checks({"farmland": frame}, rules=["R01"]).worst == "warning"
    frame = farmland([square(0), square(5)], SCMJ=101.0)
    assert run_checks({"farmland": frame}, rules=["R01", "T03"]).worst == "error"


def test_progress_runs_from_0_to_1() -> None:
    told: list[tuple[str, str, float]] = []
    run_checks({"farmland": farmland([square(0)])}, progress=lambda *step: told.append(step))
    fractions = [fraction for _, _, fraction in told]
    assert fractions[0] == 0 and fractions[-1] == 1 and fractions == sorted(fractions)
    assert all(zh and en for zh, en, _ in told)


# Bad input -----------------------------------------------------------------------------------


def test_unknown_words_are_refused() -> None:
    frame = farmland([square(0)])
    with pytest.raises(ParameterError, match="X99"):
        run_checks({"farmland": frame}, rules=["T03", "X99"])
    with pytest.raises(ParameterError, match="nowhere"):
        run_checks({"nowhere": frame})
    with pytest.raises(ParameterError, match="no profile nothing"):
        run_checks({"farmland": frame}, profile="nothing")


def test_a_ledger_without_geometry_is_judged_by_its_records() -> None:
    ledger = pd.DataFrame(farmland([square(0), square(1)]).drop(columns="geometry"))
    result = run_checks({"farmland": ledger.assign(DKBM="123")})
    rules = set(result.findings["rule"])
    assert "A04" in rules and "A05" in rules
    assert not any(rule.startswith(("T", "R01")) for rule in rules)
    assert result.findings.geometry.isna().all()


@pytest.mark.parametrize("crs", [4543, 4522, 4490, 3857, 2379, 28992, 4978, None])
def test_rules_do_not_fail_over_hostile_data(crs: int | None) -> None:
    with np.errstate(invalid="ignore"):
        nan = shapely.polygons([[5e5, 0], [5e5 + 1, 0], [np.nan, 1], [5e5, 0]])
        infinite = shapely.polygons([[5e5, 0], [5e5 + 1, 0], [np.inf, 1], [5e5, 0]])
    triangle = "POLYGON((500000 2700000,500010 2700000,500010 2700010,500000 2700000))"
    shapes = [
        nan,
        infinite,
        None,
        shapely.Polygon(),
        square(0),
        shapely.Point(5e5, 27e5),
        shapely.from_wkt(f"GEOMETRYCOLLECTION(POINT(500000 2700000),{triangle})"),
        shapely.from_wkt("GEOMETRYCOLLECTION EMPTY"),
        shapely.force_3d(square(0), 5),
        shapely.transform(square(0), lambda xy: xy * 1e300),
    ]
    fields = {field.name: [None] * 10 for field in load_catalog()["farmland"].fields}
    fields["DKBM"] = [
        "a\x1b[31m\n" * 40,
        "=1+1",
        "{x}",
        "{0.__class__}",
        5.0,
        np.nan,
        None,
        b"x",
        [1],
        {},
    ]
    fields["SCMJ"] = ["1e999", "nan", "-inf", " 5", "五", None, 1, 2, True, "0x10"]
    fields["DKLB"] = ["{}", "\u202e10", "x" * 9999, 10, 10.0, None, "10", b"10", [1], "\ud800"]
    layers = {
        "farmland": gpd.GeoDataFrame(fields, geometry=shapes, crs=crs),
        "homestead": gpd.GeoDataFrame({"ZDDM": ["z"] * 10}, geometry=shapes, crs=crs),
        "protected_cropland": gpd.GeoDataFrame({"BSM": range(10)}, geometry=shapes, crs=4543),
    }
    with np.errstate(all="ignore"):
        table = run_checks(layers).findings
    said = "".join(table["feature"] + table["message_zh"] + table["message_en"])
    assert not set(said) & set(map(chr, [*range(32), 0x7F, 0x202E, 0xD800]))
    assert table["message_zh"].str.len().max() < 1000
    # Missing, empty (twice) and a point; not a number and infinite.
    of_farmland = table.loc[table["layer"] == "farmland", "rule"].value_counts()
    assert of_farmland["T02"] == 4
    assert of_farmland["T01"] == 2
    places = table.geometry.dropna()
    assert np.isfinite(places.bounds.to_numpy()).all()


# What is told beside the findings --------------------------------------------------------------


def test_the_village_of_each_finding_is_told() -> None:
    codes = ["5304020010010000001", "5304020010020000001", "530402001"]
    frame = gpd.GeoDataFrame(
        {"DKBM": codes}, geometry=[square(0), square(5), square(100)], crs=4543
    )
    result = run_checks({"farmland": frame}, rules=["T03", "A04", "S09"])
    region = result.about["region"].groupby(result.findings["rule"]).agg(set).to_dict()
    assert region["T03"] == {"530402001001"}  # of the parcel that is named first
    assert region["A04"] == {"530402001"}  # no village in so short a code
    assert region["S09"] == {""}  # a fault of the layer lies in no village
    assert result.about.index.equals(result.findings.index)
    assert set(result.about["state"]) == set(result.about["remark"]) == {""}
    assert result.mended.empty


def test_a_file_that_could_not_be_read_is_a_finding() -> None:
    error = ParameterError("甲.shp：读不了\x1b[2J", "a.shp: cannot be read\nat all")
    result = run_checks({"farmland": farmland([square(0)])}, rules=["T02"], unread=[error])
    row = result.findings.iloc[0]
    assert (row["rule"], row["severity"], row["layer"], row["feature"]) == ("S01", "error", "", "")
    assert row["message_en"].startswith("a.shp: cannot be read at all")
    assert row["message_zh"].startswith("甲.shp：读不了 [2J")
    assert run_checks({}, unread=[error]).findings["rule"].tolist() == ["S01"]


def test_a_rule_that_needs_another_layer_is_listed_without_it() -> None:
    plots = gpd.GeoDataFrame({"ZDDM": ["A"], "XZLX": ["1"]}, geometry=[square(0)], crs=4543)
    reasons = {
        (run.rule, run.layer): run.reason_en
        for run in run_checks({"homestead": plots}, rules=["L01"]).not_run
    }
    assert reasons["L01", "homestead"] == "there is no layer protected_cropland"
