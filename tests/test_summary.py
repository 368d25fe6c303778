from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.errors import CRSError, ParameterError
from yuxi_gis.regions import region_name
from yuxi_gis.summary import by_region, office_table, region_outlines, summarise, totals
from yuxi_gis.summary.balance import balanced
from yuxi_gis.summary.regional import COLUMNS
from yuxi_gis.units import M2_PER_MU, ellipsoidal_area


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


# By region ------------------------------------------------------------------------------------

VILLAGES = ["530402001001", "530402001002", "530402002001"]


def grid(n: int, side: float = 10.0, x: float = 612_000.0, y: float = 2_600_000.0) -> list[Any]:
    """Squares in a row, from west to east."""
    return [shapely.box(x + i * side, y, x + (i + 1) * side, y + side) for i in range(n)]


def farmland(villages: list[str], shapes: list[Any] | None = None, **fields: Any) -> Any:
    codes = [f"{village}{i:07d}" for i, village in enumerate(villages, start=1)]
    shapes = grid(len(villages)) if shapes is None else shapes
    fields = {"DKBM": codes, "DKLB": "10", "SCMJ": 99.0} | fields
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=4543)


def admin(widths: dict[str, tuple[float, float]], **fields: Any) -> Any:
    """Villages as stripes between two eastings (m east of 612000)."""
    shapes = [
        shapely.box(612_000 + west, 2_599_900, 612_000 + east, 2_600_100)
        for west, east in widths.values()
    ]
    codes = list(widths)
    return gpd.GeoDataFrame(
        {"XZQDM": codes, "XZQMC": [f"村{c[-3:]}" for c in codes]} | fields,
        geometry=shapes,
        crs=4543,
    )


def test_by_village_and_class() -> None:
    frame = farmland([VILLAGES[0], VILLAGES[0], VILLAGES[1]], DKLB=["10", "21", "10"])
    table = by_region({"farmland": frame})
    assert tuple(table.columns) == COLUMNS
    assert table["region"].tolist() == [VILLAGES[0], VILLAGES[0], VILLAGES[1]]
    assert table["region_name"].tolist() == [region_name(code) for code in table["region"]]
    assert table["class_zh"].tolist() == ["承包地块", "自留地", "承包地块"]
    assert table["count"].tolist() == [1, 1, 1]
    assert table["area_m2"].tolist() == [100.0] * 3
    assert table["official_m2"].tolist() == [99.0] * 3
    assert table["area_mu"].tolist() == [0.15] * 3
    assert table["area_hm2"].tolist() == [0.01] * 3
    assert table["protected_m2"].isna().all()


@pytest.mark.parametrize(
    ("by", "codes"), [("town", ["530402001", "530402002"]), ("county", ["530402"])]
)
def test_towns_have_nine_digits_and_counties_six(by: str, codes: list[str]) -> None:
    table = by_region({"farmland": farmland(VILLAGES)}, by)
    assert table["region"].tolist() == codes
    assert table["count"].sum() == 3


def test_unknown_codes_keep_their_number_and_are_said() -> None:
    frame = farmland([VILLAGES[0], "539999001001", "x"])
    summary = summarise({"farmland": frame})
    names = dict(zip(summary.table["region"], summary.table["region_name"], strict=True))
    assert names == {"": "未知", VILLAGES[0]: region_name(VILLAGES[0]), "539999001001": "未知"}
    said = "".join(en for _, en in summary.notes)
    assert "539999001001 (1)" in said and "1 have no usable code" in said


def test_a_code_that_names_a_town_only() -> None:
    table = by_region({"farmland": farmland(["530402001000", VILLAGES[0]])})
    assert table["region"].tolist() == ["530402001", VILLAGES[0]]
    assert table["region_name"][0] == "玉兴街道（未到村）"


def test_former_counties_are_those_of_today_and_said() -> None:
    summary = summarise({"farmland": farmland(["530421001001", "530403001001"])}, "county")
    assert summary.table["region"].tolist() == ["530403"]
    assert summary.table["count"].tolist() == [2]
    assert "1 codes begin with a former county" in summary.notes[0][1]
    assert not summarise({"farmland": farmland(["530403001001"])}, "county").notes


def test_classes_that_the_list_does_not_have() -> None:
    frame = farmland([VILLAGES[0]] * 4, DKLB=["10", "99", "=1+1", None])
    table = by_region({"farmland": frame})
    assert table["class"].tolist() == ["", "10", "99", "?"]
    assert table["class_en"].tolist()[0] == "blank"


def test_a_parcel_across_a_boundary_is_shared_out_exactly() -> None:
    """Squares of 10 m; the boundary cuts the second one at 7 m."""
    layers = {"farmland": farmland([VILLAGES[0]] * 3)}
    layers["admin"] = admin({VILLAGES[0]: (-5, 17), VILLAGES[1]: (17, 60)})
    summary = summarise(layers, by_place=True)
    table = summary.table.set_index("region")
    assert table["area_m2"].to_dict() == {VILLAGES[0]: 170.0, VILLAGES[1]: 130.0}
    assert table["official_m2"].to_dict() == {VILLAGES[0]: 168.3, VILLAGES[1]: 128.7}
    assert table["count"].to_dict() == {VILLAGES[0]: 2, VILLAGES[1]: 1}
    assert table["crossing"].to_dict() == {VILLAGES[0]: 1, VILLAGES[1]: 1}
    assert summary.crossing["feature"].tolist() == [f"{VILLAGES[0]}0000002"] * 2
    assert summary.crossing["share"].tolist() == [0.7, 0.3]
    assert summary.crossing["counted"].tolist() == [True, False]


def test_what_lies_outside_every_area_is_unknown() -> None:
    layers = {"farmland": farmland([VILLAGES[0]] * 3, SCMJ=[100.0, 100.0, None])}
    layers["admin"] = admin({VILLAGES[0]: (-5, 16)})
    summary = summarise(layers, by_place=True)
    assert summary.table.set_index("region")["area_m2"].to_dict() == {"": 140.0, VILLAGES[0]: 160.0}
    said = [en for _, en in summary.notes]
    assert any("1 lie outside" in note for note in said)
    assert any(
        "1 parcels lie outside the administrative areas in part, 40.00 m²" in n for n in said
    )


def test_layers_without_a_code_go_by_place() -> None:
    points = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy([612_001, 612_030, 613_000], [2_600_001] * 3), crs=4543
    )
    areas = admin({VILLAGES[0]: (0, 20), VILLAGES[1]: (20, 40)})
    table = by_region({"boundary_point": points, "admin": areas})
    assert table["region"].tolist() == ["", *VILLAGES[:2]]
    assert table["count"].tolist() == [1, 1, 1]
    assert table["area_m2"].isna().all()


def test_finer_areas_are_put_together() -> None:
    layers = {"farmland": farmland([VILLAGES[0]] * 2)}
    layers["admin"] = admin(dict(zip(VILLAGES, [(0, 5), (5, 12), (12, 30)], strict=True)))
    table = by_region(layers, "town", by_place=True)
    assert dict(zip(table["region"], table["area_m2"], strict=True)) == {
        "530402001": 120.0,
        "530402002": 80.0,
    }
    outlines = region_outlines(layers, "town")
    assert outlines["region"].tolist() == ["530402001", "530402002"]
    assert outlines.area.tolist() == [12 * 200, 18 * 200]


def test_protected_share_counts_overlapping_patches_once() -> None:
    patches = gpd.GeoDataFrame(
        {"YJJBNTTBBH": ["1", "2"], "ZLDWDM": VILLAGES[0], "DLBM": "0101"},
        geometry=[
            shapely.box(612_000, 2_600_000, 612_006, 2_600_010),
            shapely.box(612_004, 2_600_000, 612_008, 2_600_010),
        ],
        crs=4543,
    )
    frame = farmland([VILLAGES[0]] * 2)
    table = by_region({"farmland": frame, "protected_cropland": patches})
    row = table[table["layer"] == "farmland"].iloc[0]
    assert row["protected_m2"] == 80.0 and row["protected_share"] == 0.4
    assert table[table["layer"] == "protected_cropland"]["protected_m2"].isna().all()


def test_control_areas_are_compared_and_the_difference_is_told() -> None:
    landuse = gpd.GeoDataFrame(
        {"ZLDWDM": VILLAGES[0], "DLBM": "0101", "TBMJ": [100.0, 100.03]}, geometry=grid(2), crs=4543
    )
    areas = admin({VILLAGES[0]: (0, 20)}, DCMJ=[200.0], JSMJ=[199.5])
    control = summarise({"landuse": landuse, "admin": areas}).control
    assert control["field"].tolist() == ["DCMJ", "JSMJ"]
    assert control["official_difference"].tolist() == [0.03, 0.53]
    measured = round(float(ellipsoidal_area(landuse).sum()) - 200, 2)
    assert control["area_difference"][0] == pytest.approx(measured, abs=0.011)


def test_findings_and_changes_count_where_their_parcel_lies() -> None:
    frame = farmland(VILLAGES)
    codes = frame["DKBM"].tolist()
    findings = pd.DataFrame(
        {
            "layer": ["farmland", "farmland", "farmland", "homestead"],
            "feature": [codes[0], codes[1], "#3", "#1"],
            "severity": ["error", "warning", "error", "error"],
        }
    )
    parcels = pd.DataFrame(
        {"layer": ["farmland"], "feature": [codes[2]], "kind": ["built"], "changed_m2": [12.5]}
    )
    areas = admin({VILLAGES[0]: (0, 15), VILLAGES[1]: (15, 40)})
    patches = gpd.GeoDataFrame({"kind": ["built"], "XZQDM": [""], "MJ": [100.0]},
                               geometry=grid(2)[1:], crs=4543)  # fmt: skip
    layers = {"farmland": frame, "admin": areas}
    changes = {"patches": patches, "parcels": parcels}
    table = by_region(layers, findings=findings, changes=changes)

    def rows(layer: str) -> list[tuple[object, ...]]:
        return list(
            table[table["layer"] == layer][["region", "class", "count"]].itertuples(
                index=False, name=None
            )
        )

    # "#3" is no name of the third parcel, whose code is good.
    assert rows("findings") == [
        ("", "error", 2),
        (VILLAGES[0], "error", 1),
        (VILLAGES[1], "warning", 1),
    ]
    assert rows("changed_parcels") == [(VILLAGES[2], "built", 1)]
    assert table[table["layer"] == "changed_parcels"]["official_m2"].tolist() == [12.5]
    assert rows("patches") == [(VILLAGES[0], "built", 1), (VILLAGES[1], "built", 0)]
    assert table[table["layer"] == "patches"]["official_m2"].tolist() == [50.0, 50.0]


def test_wrong_input_is_refused() -> None:
    frame = farmland(VILLAGES)
    for layers, how in (
        ({"farmland": frame}, {"by": "province"}),
        ({"nothing": frame}, {}),
        ({"admin": admin({VILLAGES[0]: (0, 1)})}, {}),
        ({"farmland": frame}, {"by_place": True}),
        ({"farmland": frame, "admin": admin({"": (0, 1)})}, {"by_place": True}),
    ):
        with pytest.raises(ParameterError):
            by_region(layers, **how)
    with pytest.raises(CRSError):
        by_region({"farmland": frame.set_crs(None, allow_override=True)})


def test_unusable_administrative_areas_do_not_stop_totals_by_code() -> None:
    layers = {"farmland": farmland(VILLAGES), "admin": admin({"": (0, 1)})}
    summary = summarise(layers)
    assert summary.table["count"].sum() == 3
    assert "has no code (XZQDM)" in summary.notes[0][1]
    assert region_outlines(layers)["region"].tolist() == VILLAGES


def test_nothing_is_changed_in_the_input() -> None:
    layers = {"farmland": farmland(VILLAGES), "admin": admin({VILLAGES[0]: (0, 15)})}
    before = {name: frame.copy() for name, frame in layers.items()}
    summarise(layers, by_place=True)
    for name, frame in layers.items():
        pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(before[name]))


def test_empty_layers() -> None:
    table = by_region({"farmland": farmland(VILLAGES).iloc[:0]})
    assert table.empty and tuple(table.columns) == COLUMNS


def test_the_office_table_has_subtotals_and_a_total() -> None:
    frame = farmland([*VILLAGES, "x"], DKLB=["10", "21", "10", "10"])
    table = office_table(summarise({"farmland": frame}), "farmland")
    keys = [column.key for column in table.columns]
    data = table.data.set_axis(keys, axis=1)
    assert table.kinds == ("unit", "unit", "subtotal", "unit", "subtotal", "unit", "total")
    assert data["region_name"].tolist()[2::2] == ["玉兴街道 小计", "凤凰街道 小计", "合计"]
    assert data["count"].tolist() == [1, 1, 2, 1, 1, 1, 4]
    assert data["21 count"].tolist() == [0, 1, 1, 0, 0, 0, 1]
    assert data["official_m2"].tolist()[-1] == 99.0 * 4
    assert data["official_mu"].tolist()[2] == pytest.approx(data["official_mu"][:2].sum())


def test_a_county_subtotal_only_where_there_are_several_counties() -> None:
    several = office_table(
        summarise({"farmland": farmland([VILLAGES[0], "530403001001"])}), "farmland"
    )
    assert several.kinds == ("unit", "subtotal", "subtotal") * 2 + ("total",)


amounts = st.lists(st.floats(0, 1e7, allow_nan=False), min_size=1, max_size=30)


@given(amounts, st.integers(0, 10**12))
def test_balanced_adds_up_and_is_within_a_unit_of_the_share(
    weights: list[float], total: int
) -> None:
    units = balanced(weights, np.zeros(len(weights), dtype=int), [total])
    assert units.sum() == total and (units >= 0).all()
    if sum(weights) > 0:
        share = np.array(weights) / sum(weights) * total
        assert np.abs(units - share).max() < 1 + 1e-9 * total


codes = st.sampled_from([*VILLAGES, "539999001001", "?"])
parcels = st.lists(
    st.tuples(codes, st.sampled_from(["10", "21", "zz"]),
              st.floats(0.1, 30), st.floats(0.1, 30), st.integers(-40, 90)),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(parcels, st.randoms(use_true_random=False), st.booleans())
def test_sums_agree_with_the_parcels_and_with_any_order(
    rows: list[tuple[Any, ...]], random: Any, by_place: bool
) -> None:
    """To the last 0.01 m², split or not; 亩 add up to what the total is."""
    shapes = [
        shapely.affinity.rotate(
            shapely.box(612_000 + x, 2_600_000, 612_000 + x + w, 2_600_000 + h), x
        )
        for _, _, w, h, x in rows
    ]
    frame = farmland([r[0] for r in rows], shapes, DKLB=[r[1] for r in rows])
    areas = admin(dict(zip(VILLAGES, [(-20, 7.3), (7.3, 31.1), (31.1, 80)], strict=True)))
    layers = {"farmland": frame, "admin": areas}
    summary = summarise(layers, by_place=by_place)
    table = summary.table
    cents = int(np.rint(shapely.area(frame.geometry.array) * 100).sum())
    assert int(np.rint(table["area_m2"] * 100).sum()) == cents
    assert int(np.rint(table["official_m2"] * 100).sum()) == 9900 * len(rows)
    assert round(table["area_mu"].sum(), 2) == round(cents / 100 / M2_PER_MU, 2)
    assert table["count"].sum() == len(rows)
    order = random.sample(range(len(rows)), len(rows))
    pd.testing.assert_frame_equal(
        by_region({"farmland": frame.iloc[order], "admin": areas}, by_place=by_place), table
    )
    office = office_table(summary, "farmland")
    units = [i for i, kind in enumerate(office.kinds) if kind == "unit"]
    numbers = office.data[office.data.columns[2:9]].to_numpy(dtype=float)
    np.testing.assert_allclose(numbers[units].sum(axis=0), numbers[-1], atol=1e-6)
