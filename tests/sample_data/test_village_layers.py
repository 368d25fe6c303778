"""The invented village: its layers are lifelike, and hold the planted faults and no others."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from yuxi_gis.resources import folder
from yuxi_gis.units import ellipsoidal_area

SAMPLE = folder("sample_data")
LAYERS = {
    "farmland": ("DK", "DKBM"), "homestead": ("ZJD", "ZDDM"), "idle_land": ("XZJSYD", "XZBH"),
    "protected_cropland": ("YJJBNTTB", "YJJBNTTBBH"), "landuse": ("DLTB", "BSM"),
    "admin": ("XZQ", "XZQDM"),
}  # fmt: skip
BLANK = {"", "NULL", "无"}


def read_layers(folder_: Path) -> dict[str, gpd.GeoDataFrame]:
    return {
        layer: gpd.read_file(folder_ / "village.gpkg", layer=name)
        for layer, (name, _) in LAYERS.items()
    }


@pytest.fixture(scope="module")
def layers() -> dict[str, gpd.GeoDataFrame]:
    return read_layers(SAMPLE)


@pytest.fixture(scope="module")
def ledger() -> pd.DataFrame:
    return pd.read_csv(SAMPLE / "truth" / "faults.csv", dtype=str, keep_default_na=False)


def found(layers: dict[str, gpd.GeoDataFrame]) -> set[tuple[str, str, frozenset[str]]]:
    """Faults by the definitions of the reference, section 4.1: (rule, layer, features)."""
    out: set[tuple[str, str, frozenset[str]]] = set()

    def add(rule: str, layer: str, features: list[str] | pd.Series) -> None:
        out.update((rule, layer, frozenset([f])) for f in features)

    for layer, (_, key) in LAYERS.items():
        frame = layers[layer]
        spec = tomllib.loads((folder("layers") / f"{layer}.toml").read_text(encoding="utf-8"))
        if frame.crs.to_epsg() not in (4490, 4522, 4543):
            out.add(("S04", layer, frozenset()))
        for field in spec["fields"]:
            name = field["name"]
            if name not in frame:
                if field.get("required") == "M":
                    out.add(("S09", layer, frozenset()))
                continue
            text = frame[name].astype(object).where(frame[name].notna(), "").astype(str)
            empty = text.str.strip().isin(BLANK)
            if field.get("required") == "M":
                add("A01", layer, frame.loc[empty, key])
            if "codes" in field:
                codes = spec.get("codes", {}).get(field["codes"]) or tomllib.loads(
                    (folder("layers") / "codes" / f"{field['codes']}.toml").read_text("utf-8")
                )
                rule = "A13" if name == "DLBM" else "A02"
                add(rule, layer, frame.loc[~empty & ~text.isin(codes["zh"]), key])
        valid = frame.is_valid
        missing = frame.geometry.isna() | frame.is_empty
        add("T01", layer, frame.loc[~valid & ~missing, key])
        add("T02", layer, frame.loc[missing, key])
        shapes = frame[valid & ~missing].reset_index(drop=True)
        left, right = shapes.sindex.query(shapes.geometry, predicate="intersects")
        left, right = left[left < right], right[left < right]
        a, b = shapes.geometry.to_numpy()[left], shapes.geometry.to_numpy()[right]
        equal = shapely.equals(a, b)
        over = shapely.area(shapely.intersection(a, b)) > 0.01
        codes_ = shapes[key].to_numpy()
        if layer not in ("idle_land", "admin"):
            for i, j in zip(left[over & ~equal], right[over & ~equal], strict=True):
                out.add(("T03", layer, frozenset([codes_[i], codes_[j]])))
        for i, j in zip(left[equal], right[equal], strict=True):
            out.add(("T05", layer, frozenset([codes_[i], codes_[j]])))

    farmland = layers["farmland"]
    code = farmland.DKBM.astype(str)
    add("A04", "farmland", code[[re.fullmatch(r"\d{19}", c) is None for c in code]])
    add("A05", "farmland", code[code.duplicated(keep=False)])
    off = (farmland.SCMJ - farmland.area).abs() > np.maximum(0.1, 0.001 * farmland.area)
    add("R01", "farmland", code[off & ~farmland.geometry.isna()])
    add("R03", "farmland", code[(farmland.SCMJM - farmland.SCMJ * 0.0015).abs() > 0.005 + 1e-9])
    yards = layers["homestead"]
    due = yards.PZMJ.where(yards.PZMJ > 0, np.minimum(30.0 * yards.CYRS, 150.0))
    add("L02", "homestead", yards.loc[yards.ZJDMJ - due > 1, "ZDDM"])
    add("L03", "homestead", yards.loc[yards.HZZJHM.duplicated(keep=False), "ZDDM"])
    protected = layers["protected_cropland"]
    protected = protected[protected.is_valid]
    for layer in ("homestead", "idle_land"):
        frame = layers[layer].to_crs(4543)
        frame = frame[frame.is_valid & ~frame.is_empty]
        if layer == "idle_land":
            frame = frame[frame.XZLX != "3"]
        left, right = protected.sindex.query(frame.geometry, predicate="intersects")
        home, patch = frame.iloc[left], protected.iloc[right]
        common = shapely.area(
            shapely.intersection(home.geometry.to_numpy(), patch.geometry.to_numpy())
        )
        hit = (common >= 1.0) & (common >= 0.005 * home.area.to_numpy())
        for i, j in zip(home[LAYERS[layer][1]][hit], patch.YJJBNTTBBH[hit], strict=True):
            out.add(("L01", layer, frozenset([i, j])))
    return out


def test_the_planted_faults_are_there_and_no_others(layers, ledger) -> None:
    planted = {
        (r.rule, r.layer, frozenset(f for f in (r.feature, r.other_feature) if f))
        for r in ledger.itertuples()
        if r.rule != "S03"
    }
    real = found(layers)
    assert real - planted == set()
    assert planted - real == set()


def test_every_rule_has_its_faults(ledger) -> None:
    count = ledger.groupby("rule").size()
    assert set(count.index) == {
        "S03", "S04", "S09", "A01", "A02", "A04", "A05", "T01", "T02", "T03", "T05", "R01", "R03",
        "A13", "L01", "L02", "L03",
    }  # fmt: skip
    assert (count.drop(["S03", "S04", "S09", "A13"]) >= 2).all()


def test_ledger_features_exist_and_lie_where_it_says(layers, ledger) -> None:
    for row in ledger[ledger.feature != ""].itertuples():
        frame, key = layers[row.layer], LAYERS[row.layer][1]
        match = frame[frame[key] == row.feature]
        assert len(match) >= 1, row
        if row.other_feature:
            other, key = layers[row.other_layer], LAYERS[row.other_layer][1]
            assert (other[key] == row.other_feature).any(), row
        if row.rule == "T02":
            assert (match.geometry.isna() | match.is_empty).all()
            continue
        point = gpd.GeoSeries([shapely.Point(float(row.x), float(row.y))], crs=4543)
        shape = match.to_crs(4543)
        assert shape.distance(point.iloc[0]).min() < 1.0, row


def test_shapefile_without_crs() -> None:
    path = SAMPLE / "faults" / "ZJD_noprj.shp"
    frame = gpd.read_file(path)
    assert frame.crs is None
    assert len(frame) == 5
    assert frame.HZXM.str.startswith("示例户").all()
    assert not path.with_suffix(".prj").exists()


def test_counts_and_codes(layers) -> None:
    count = {layer: len(frame) for layer, frame in layers.items()}
    assert 400 <= count["farmland"] <= 730
    assert count["homestead"] >= 100
    assert count["idle_land"] >= 6
    assert set(layers["idle_land"].XZLX) == {"1", "2", "3"}
    assert layers["homestead"].ZDDM.str.fullmatch(r"5304\d{8}JC\d{5}").all()
    assert layers["idle_land"].XZBH.str.fullmatch(r"\d{12}XZ\d{4}").all()
    assert layers["farmland"].BSM.is_unique
    assert layers["landuse"].BSM.is_unique
    issuer = layers["farmland"].DKBM.str[:12]
    assert (issuer == "530428203202").sum() >= len(issuer) - 1


def test_homesteads_have_the_size_of_homesteads(layers) -> None:
    homestead = layers["homestead"]
    homestead = homestead[homestead.is_valid & ~homestead.is_empty]
    within = homestead.area.between(80, 220)
    assert within.sum() >= len(homestead) - 1  # the one planted inside another
    box = shapely.area(shapely.minimum_rotated_rectangle(homestead.geometry.to_numpy()))
    assert np.median(homestead.area / box) > 0.999
    sides = shapely.get_coordinates(homestead.geometry.to_numpy()[:60])
    angle = np.degrees(np.arctan2(*np.diff(sides, axis=0)[::5].T)) % 90
    assert angle.std() > 8  # not all turned the same way


def test_land_use_covers_the_village(layers, ledger) -> None:
    touched = set(ledger[(ledger.layer == "landuse") & (ledger.rule == "T03")].feature)
    landuse = layers["landuse"]
    clean = landuse[~landuse.BSM.isin(touched)]
    village = layers["admin"].geometry.iloc[0]
    assert shapely.coverage_is_valid(clean.geometry.to_numpy())
    hole = shapely.difference(village, shapely.union_all(landuse.geometry.to_numpy()))
    assert hole.area < 0.01
    assert abs(layers["admin"].JSMJ.iloc[0] - ellipsoidal_area(layers["admin"])[0]) < 1.0


def test_areas_agree_with_the_shapes(layers) -> None:
    for layer, field in (("landuse", "TBMJ"), ("protected_cropland", "YJJBNTTBMJ")):
        frame = layers[layer][layers[layer].is_valid]
        assert np.abs(frame[field] - ellipsoidal_area(frame)).max() <= 0.011
        rest = {"TBMJ": "TBDLMJ", "YJJBNTTBMJ": "YJJBNTMJ"}[field]
        assert np.abs(frame[field] - frame.KCMJ - frame[rest]).max() < 0.006
        assert np.abs(frame.KCMJ - frame[field] * frame.KCXS).max() <= 0.00501
    idle = layers["idle_land"].to_crs(4543)
    assert np.abs(idle.MJ - idle.area).max() < 0.02
    homestead = layers["homestead"]
    homestead = homestead[homestead.is_valid & ~homestead.is_empty]
    assert np.abs(homestead.ZJDMJ - homestead.area).max() <= 0.0051


def test_basic_farmland_mark_agrees_with_protected_cropland(layers) -> None:
    farmland = layers["farmland"]
    farmland = farmland[~farmland.geometry.isna() & farmland.is_valid]
    protected = shapely.union_all(layers["protected_cropland"].buffer(0).to_numpy())
    shapely.prepare(protected)
    share = farmland.intersection(protected).area / farmland.area
    assert ((share > 0.5) == (farmland.SFJBNT == "1")).all()
    assert share.between(0.1, 0.9).sum() == 0


def test_protected_cropland_is_made_of_land_use(layers) -> None:
    landuse = layers["landuse"].drop_duplicates("TBBH").set_index("TBBH")
    protected = layers["protected_cropland"]
    source = landuse.loc[protected.TBBH]
    inside = shapely.area(
        shapely.intersection(source.geometry.to_numpy(), protected.geometry.buffer(0).to_numpy())
    )
    beyond = protected.area.to_numpy() - inside
    assert (beyond > 0.5).sum() <= 1  # the one that has grown over its neighbour


def test_people_are_invented(layers) -> None:
    for frame in layers.values():
        for column in frame.columns.intersection(["HZXM", "ZJRXM", "ZRRMC", "ZZRR", "CFZR"]):
            named = frame[column].dropna()
            assert (named.str.startswith("示例") | (named == "无")).all()
    assert layers["homestead"].HZZJHM.str.startswith("999999").all()
