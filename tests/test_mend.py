"""Mending: what is mended, what is never touched, and that it makes nothing worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from yuxi_gis.catalog import load_catalog
from yuxi_gis.checks import Profile, load_profile, run_checks
from yuxi_gis.checks.subject import Subject
from yuxi_gis.errors import ParameterError
from yuxi_gis.mend import COLUMNS, KINDS, Mended, mend

ORIGIN = (500_000.0, 2_700_000.0)
CODE = "53040200100100000{:02}"
#: Only the rules that a test is about: all others would make it slow.
SHAPES = replace(load_profile("geometry-only"), rules=("T01", "T03", "T06", "T07", "T08", "T14"))
TEXTS = replace(load_profile(), rules=("A04", "A05", "A07", "A21"))
AREAS = replace(load_profile(), rules=("R01", "T06"))


def polygon(*xy: tuple[float, float], holes: tuple = ()) -> shapely.Polygon:
    return shapely.transform(shapely.Polygon(xy, holes), lambda c: c + ORIGIN)


def farmland(shapes: list, crs: int | None = 4543, **columns: list) -> gpd.GeoDataFrame:
    data = {"DKBM": [CODE.format(i + 1) for i in range(len(shapes))], **columns}
    return gpd.GeoDataFrame(data, geometry=list(shapes), crs=crs)


def found(layers: Mapping[str, pd.DataFrame], *rules: str, profile: Profile = SHAPES) -> Counter:
    """How many findings there are of each rule on each row."""
    table = run_checks(layers, rules=rules or None, profile=profile).findings
    rows = {
        (name, feature): row
        for name, frame in layers.items()
        for row, feature in enumerate(
            Subject(frame, load_catalog()[name], load_profile(), {}).feature, 1
        )
    }
    places = [rows.get(each) for each in zip(table["layer"], table["feature"], strict=True)]
    return Counter(zip(table["rule"], table["layer"], places, strict=True))


def moved(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> float:
    """How far any outline has moved."""
    lines = (shapely.boundary(frame.geometry.to_numpy()) for frame in (before, after))
    return float(shapely.hausdorff_distance(*lines).max(initial=0.0))


def assert_harmless(
    layers: Mapping[str, pd.DataFrame], mended: Mended, profile: Profile = SHAPES
) -> None:
    """Rows, order, columns and index stay; nothing is left to mend, and nothing is new."""
    for name, frame in layers.items():
        after = mended.layers[name]
        assert type(after) is type(frame)
        assert after.index.equals(frame.index) and list(after.columns) == list(frame.columns)
        assert after.attrs == frame.attrs
    new = found(mended.layers, profile=profile) - found(layers, profile=profile)
    assert not new
    assert not mend(mended.layers, profile=profile).mends["done"].any()


# A long parcel beside two short ones, whose common corner lies 1 cm off its edge.
LONG = polygon((0, 0), (0, 30), (-10, 30), (-10, 0))
SOUTH = polygon((0, 0), (10, 0), (10, 15), (0.01, 15))
NORTH = polygon((0.01, 15), (10, 15), (10, 30), (0, 30))
FAR = polygon((100, 0), (110, 0), (110, 10), (100, 10))


def test_a_node_is_inserted_at_the_neighbours_vertex() -> None:
    layers = {"farmland": farmland([LONG, SOUTH, NORTH])}
    assert found(layers, "T06") == {("T06", "farmland", 1): 1}
    mended = mend(layers, profile=SHAPES)
    after = mended.layers["farmland"]
    node = [ORIGIN[0] + 0.01, ORIGIN[1] + 15]
    assert node in shapely.get_coordinates(after.geometry[0]).tolist()
    assert shapely.get_num_coordinates(after.geometry[0]) == 6
    assert moved(layers["farmland"], after) == pytest.approx(0.01, abs=1e-6)
    assert after.geometry[1:].geom_equals(layers["farmland"].geometry[1:]).all()
    row = mended.mends.iloc[0]
    assert (row.layer, row.feature, row.row, row.kind) == (
        "farmland", CODE.format(1), 1, "node",
    )  # fmt: skip
    assert row.done and row.moved_m == pytest.approx(0.01, abs=1e-6)
    assert [row.geometry.x, row.geometry.y] == node
    assert not found(mended.layers, "T06")
    assert_harmless(layers, mended)


def test_the_same_in_degrees_and_with_a_zone_prefix() -> None:
    frame = farmland([LONG, SOUTH, NORTH])
    prefixed = frame.set_geometry(frame.geometry.translate(34_000_000)).set_crs(
        4522, allow_override=True
    )
    for layer in (prefixed, frame.to_crs(4490)):
        mended = mend({"farmland": layer}, profile=SHAPES)
        after = mended.layers["farmland"].geometry
        assert mended.mends[["kind", "done"]].to_numpy().tolist() == [["node", True]]
        vertices = shapely.get_coordinates(after[1]).tolist()
        assert sum(v in vertices for v in shapely.get_coordinates(after[0])[:-1].tolist()) == 2
        assert_harmless({"farmland": layer}, mended)


def test_nodes_go_into_holes_and_parts_too() -> None:
    ring = [(2, 2), (8, 2), (8, 8), (2, 8)]
    outer = polygon((0, 0), (10, 0), (10, 10), (0, 10), holes=(ring[::-1],))
    inner = [polygon((2, 2), (8, 2), (8, 5), (2, 5)), polygon((2, 5), (8, 5), (8, 8), (2, 8))]
    far = polygon((50, 0), (60, 0), (60, 10), (50, 10))
    layers = {"landuse": farmland([shapely.MultiPolygon([far, outer]), *inner])}
    mended = mend(layers, profile=SHAPES)
    after = mended.layers["landuse"].geometry
    assert mended.mends["kind"].tolist() == ["node", "node"]
    assert after[0].geom_type == "MultiPolygon" and after[1].geom_type == "Polygon"
    assert shapely.get_num_coordinates(after[0]) == 5 + 5 + 7
    assert moved(layers["landuse"], mended.layers["landuse"]) < 1e-9
    assert not found(mended.layers, "T06")
    assert_harmless(layers, mended)


def test_what_would_make_something_new_is_left_out_and_said() -> None:
    """Pulling the edge 4 cm aside would lay the parcel on the one that touches it inside."""
    long = polygon((0, 0), (0, 60), (-10, 60), (-10, 0))
    south = polygon((0, 0), (10, 0), (10, 30), (0.04, 30))
    other = polygon((0.04, 30), (10, 30), (10, 60), (0, 60))
    layers = {"farmland": farmland([long, south, other], SCMJ=[600.0, 0, 0])}
    layers["farmland"].loc[0, "SCMJ"] = long.area + 0.55  # the area fits as it is (R01)
    layers["farmland"].loc[[1, 2], "SCMJ"] = [south.area, other.area]
    assert not found(layers, "R01", profile=AREAS)
    layers["farmland"].loc[0, "SCMJ"] = long.area - 0.55
    mended = mend(layers, profile=AREAS)
    assert not mended.mends["done"].any()
    assert "not done: rule R01" in mended.mends["what_en"][0]
    assert "未改" in mended.mends["what_zh"][0]
    assert mended.layers["farmland"].equals(layers["farmland"])
    assert_harmless(layers, mended, AREAS)


def test_findings_that_are_known_spare_a_run_and_change_nothing() -> None:
    layers = {"farmland": farmland([LONG, SOUTH, NORTH])}
    known = run_checks(layers, profile=SHAPES).findings
    calls: list[str] = []
    mended = mend(
        layers, profile=SHAPES, found=known, progress=lambda zh, en, share: calls.append(en)
    )
    assert mended.mends["done"].all() and "checks before mending" not in calls
    pd.testing.assert_frame_equal(mended.mends, mend(layers, profile=SHAPES).mends)


def test_repeated_vertices_go_in_both_neighbours_alike() -> None:
    near = (10.00005, 5.0)
    left = polygon((0, 0), (10, 0), (10, 5), near, (10, 10), (10, 10), (0, 10))
    right = polygon((10, 0), (20, 0), (20, 10), (10, 10), near, (10, 5))
    layers = {"farmland": farmland([left, right])}
    mended = mend(layers, profile=SHAPES)
    after = mended.layers["farmland"]
    assert mended.mends["kind"].tolist() == ["repeated_vertex"] * 2
    assert shapely.get_num_coordinates(after.geometry).tolist() == [6, 6]
    assert shapely.coverage_is_valid(after.geometry.to_numpy())
    assert moved(layers["farmland"], after) < 0.0001
    assert not found(mended.layers, "T08")
    assert_harmless(layers, mended)


def test_holes_run_against_outlines() -> None:
    outer = [(0, 0), (10, 0), (10, 10), (0, 10)]
    hole = [(2, 2), (8, 2), (8, 8), (2, 8)]
    wrong, right = polygon(*outer, holes=(hole,)), polygon(*outer, holes=(hole[::-1],))
    clockwise = polygon(*outer[::-1], holes=(hole,))
    frame = farmland([wrong, right, clockwise])
    mended = mend({"farmland": frame}, profile=SHAPES)
    assert mended.mends[["row", "kind"]].to_numpy().tolist() == [[1, "ring_direction"]]
    after = mended.layers["farmland"].geometry
    assert shapely.is_ccw(shapely.get_rings(after[0])).tolist() == [True, False]
    assert after[0].equals(wrong)
    assert after[1:].geom_equals_exact(frame.geometry[1:], 0).all()
    frame.attrs["decisions"] = ({"what": "format", "value": "ESRI Shapefile"},)
    mended = mend({"farmland": frame}, profile=SHAPES)
    assert mended.mends["row"].tolist() == [1, 2]
    assert not shapely.is_ccw(shapely.get_exterior_ring(mended.layers["farmland"].geometry)).any()
    assert_harmless({"farmland": frame}, mended)


def test_texts_are_trimmed_and_codes_are_half_width() -> None:
    frame = farmland(
        [LONG, SOUTH, NORTH],
        DKBM=["５３０４０２００１００１００００００１", CODE.format(2) + "\x00 ", CODE.format(3)],
        DKMC=["　大田 ", "水沟\t田１", " "],
        DKBZXX=["ＡＢ １２", None, "甲\n乙"],
        ZJRXM=["李明\u3000", "王　芳", "Ｌ"],
        MORE=[" as it is ", "１", ""],
    )
    mended = mend({"farmland": frame}, profile=TEXTS)
    after = mended.layers["farmland"]
    assert after["DKBM"].tolist() == [CODE.format(i) for i in (1, 2, 3)]
    assert after["DKMC"].tolist() == ["大田", "水沟\t田１", " "]
    assert after["ZJRXM"].tolist() == ["李明", "王　芳", "Ｌ"]
    for name in ("DKBZXX", "MORE"):
        assert after[name].equals(frame[name])
    texts = mended.mends[mended.mends["kind"] == "text"]
    assert texts["field"].tolist() == ["DKBM", "DKBM", "DKMC", "ZJRXM"]
    assert texts["before"].tolist()[1:] == [CODE.format(2) + "\ufffd ", "　大田 ", "***"]
    assert texts["after"].tolist()[2:] == ["大田", "***"]
    assert_harmless({"farmland": frame}, mended, TEXTS)


def test_a_code_that_would_be_anothers_stays() -> None:
    wide = CODE.format(1).translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"})
    frame = farmland([LONG, FAR], DKBM=[CODE.format(1), wide])
    mended = mend({"farmland": frame}, profile=TEXTS)
    assert mended.mends["done"].tolist() == [False]
    assert "rule A05" in mended.mends["what_en"][0]
    assert mended.layers["farmland"]["DKBM"].tolist() == [CODE.format(1), wide]
    assert_harmless({"farmland": frame}, mended, TEXTS)


def test_tables_other_values_and_the_given_frames_stay() -> None:
    table = pd.DataFrame(
        {
            "CBFBM": [" 530402001001010001", None, 7],
            "CBFMC": ["李明", 1.5, b"x"],
            "LXDH": [1, 2, 3],
        },
        index=[7, 7, 1],
    )
    frame = farmland([LONG, None, shapely.Polygon(), shapely.Point(5e5, 27e5), FAR])
    frame.attrs = {"source": "DK.shp"}
    layers = {"contractor": table, "farmland": frame}
    kept = {name: frame.copy() for name, frame in layers.items()}
    mended = mend(layers, profile=TEXTS)
    assert all(layers[name].equals(kept[name]) for name in layers)
    assert mended.layers["contractor"]["CBFBM"].tolist() == ["530402001001010001", None, 7]
    for name in ("CBFMC", "LXDH"):
        assert mended.layers["contractor"][name].equals(table[name])
    assert mended.mends[["layer", "row"]].to_numpy().tolist() == [["contractor", 1]]
    assert_harmless(layers, mended, TEXTS)


def test_invalid_shapes_and_heights_are_left_alone() -> None:
    bow = polygon((0, 0), (10, 10), (10, 0), (0, 10), (0, 10))
    high = shapely.force_3d(polygon((20, 0), (30, 0), (30, 0), (30, 10)), 1900.0)
    no_number = shapely.transform(SOUTH, lambda xy: np.where(xy == xy[2], np.nan, xy))
    frame = farmland([bow, high, no_number], crs=None)
    mended = mend({"farmland": frame}, profile=SHAPES)
    assert mended.mends.empty and list(mended.mends.columns) == list(COLUMNS)
    assert mended.layers["farmland"] is frame


def test_a_profile_without_the_rule_inserts_no_node(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    head = 'id = "mine"\nversion = "1"\ntitle_zh = "我"\ntitle_en = "Mine"\n'
    path.write_text(head + 'without = ["T06"]', encoding="utf-8")
    assert mend({"farmland": farmland([LONG, SOUTH, NORTH])}, profile=path).mends.empty


def test_nothing_to_look_at() -> None:
    for layers in ({}, {"farmland": farmland([])}, {"contractor": pd.DataFrame()}):
        mended = mend(layers)
        assert mended.mends.empty and list(mended.mends.columns) == list(COLUMNS)
        assert mended.layers.keys() == layers.keys()


def test_an_unknown_layer() -> None:
    with pytest.raises(ParameterError, match="nowhere"):
        mend({"nowhere": farmland([LONG])})


def test_progress_and_kinds() -> None:
    said: list[float] = []
    mend({"farmland": farmland([LONG])}, progress=lambda zh, en, part: said.append(part))
    assert said == sorted(said) and said[-1] == 1.0
    assert all(zh and en.isascii() for zh, en in KINDS.values())


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["farmland", "landuse"]))
def test_coverages_with_planted_faults(seed: int, layer: str) -> None:
    """Nodes taken out and put off their line, vertices doubled: mended, or left as they are."""
    rng = np.random.default_rng(seed)
    n = 6
    grid = np.stack(np.meshgrid(*[np.arange(n + 1) * 20.0] * 2), axis=-1)
    grid += rng.uniform(-4, 4, grid.shape)
    middle = (grid[:, 1:] + grid[:, :-1]) / 2 + rng.normal(0, 0.01, (n + 1, n, 2))
    shapes = []
    for i in range(n):
        for j in range(n):
            ring = [grid[i, j], middle[i, j], grid[i, j + 1], grid[i + 1, j + 1]]
            ring += [middle[i + 1, j], grid[i + 1, j]]
            keep = [xy for k, xy in enumerate(ring) if k not in (1, 4) or rng.random() < 0.6]
            twice = [xy for xy in keep for _ in range(1 + (rng.random() < 0.1))]
            shapes.append(polygon(*map(tuple, twice)))
    layers = {layer: farmland(shapes)}
    mended = mend(layers, profile=SHAPES)
    assert_harmless(layers, mended)
    tolerance = load_profile().number("node_distance")
    assert moved(layers[layer], mended.layers[layer]) <= tolerance + 1e-6
    done = mended.mends[mended.mends["done"]]
    before, after = found(layers, "T06", "T08"), found(mended.layers, "T06", "T08")
    assert after.total() <= before.total() - len(done[done["kind"] == "node"])


def test_real_parcels(shared_data: Path) -> None:
    """Real outlines: what is done is mended, and nothing else changes."""
    inserted = 0
    for name in ("de_bb_antrag.zip", "nl_brpgewaspercelen_definitief_2023.gpkg"):
        layers = {"farmland": gpd.read_file(shared_data / "parcels" / name)}
        mended = mend(layers, profile="geometry-only")
        assert_harmless(layers, mended, load_profile("geometry-only"))
        done = mended.mends[mended.mends["done"]]
        inserted += (done["kind"] == "node").sum()
        assert moved(layers["farmland"], mended.layers["farmland"]) <= 0.05 + 1e-6
        before, after = (found(each, "T06") for each in (layers, mended.layers))
        assert (before - after).total() == (done["kind"] == "node").sum()
    assert inserted >= 20
