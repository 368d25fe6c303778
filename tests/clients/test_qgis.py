"""A real QGIS opens the GeoPackage: layers valid, styles loaded, colours those of the QML."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from shapely import Point, box

from yuxi_gis.catalog import LayerSpec, load_catalog
from yuxi_gis.export.geopackage import write_geopackage
from yuxi_gis.read import read_layers
from yuxi_gis.resources import folder
from yuxi_gis.symbology import Category, load_style

CATALOG = load_catalog()
STEMS = {spec.name: spec.id for spec in CATALOG.values()}
PROBE = Path(__file__).with_name("qgis_probe.py")
#: From the lowest to the topmost.
ORDER = [
    "DLTB", "XZQ", "DK", "YJJBNTTB", "XZJSYD", "ZJD", "patches", "changed_parcels",
    "findings_areas", "findings",
]  # fmt: skip


def one_row_a_class(spec: LayerSpec) -> gpd.GeoDataFrame:
    """A layer with one parcel for every class of its style, an unknown code and a missing one."""
    style = load_style(spec.id)
    values = [c.value for c in style.categories if c.value] + ["?", None]
    rows = {f.name: [1] * len(values) for f in spec.fields if f.type in ("Int", "Float")}
    rows |= {f.name: [f.title_zh] * len(values) for f in spec.fields if f.name not in rows}
    if style.attribute is not None:
        rows[style.attribute] = values
    row = list(CATALOG).index(spec.id) * 30
    squares = [
        box(500_000 + 20 * i, 2_700_000 + row, 500_018 + 20 * i, 2_700_018 + row)
        for i in range(len(values))
    ]
    return gpd.GeoDataFrame(rows, geometry=squares, crs=4543)


def results() -> dict[str, gpd.GeoDataFrame]:
    kinds = [c.value for c in load_style("patches").categories]
    squares = [
        box(500_000 + 30 * i, 2_700_200, 500_025 + 30 * i, 2_700_220) for i in range(len(kinds))
    ]
    patches = gpd.GeoDataFrame({"JCBH": "1", "kind": kinds}, geometry=squares, crs=4543)
    severities = [c.value for c in load_style("findings").categories]
    findings = gpd.GeoDataFrame(
        {"rule": "T01", "severity": severities, "layer": "farmland"},
        geometry=[Point(500_000, 2_700_000), *squares[:2]],
        crs=4543,
    )
    parcels = patches.assign(layer="farmland", feature="1")
    return {"findings": findings, "patches": patches, "changed_parcels": parcels}


def probe(python: str, package: Path, *picture: str) -> dict[str, dict[str, Any]]:
    run = subprocess.run(
        [python, str(PROBE), str(package), *picture],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    answer: dict[str, dict[str, Any]] = json.loads(run.stdout)
    return answer


@pytest.fixture(scope="module")
def opened(
    qgis_python: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, dict[str, Any]]]:
    package = tmp_path_factory.mktemp("qgis") / "planted.gpkg"
    layers = {layer_id: one_row_a_class(spec) for layer_id, spec in CATALOG.items()}
    write_geopackage(package, layers, **results())
    return package, probe(qgis_python, package)


def check(package: Path, layers: dict[str, dict[str, Any]]) -> None:
    """Every table of `package` is there in QGIS, as its QML and the catalogue say."""
    tables = [str(name) for name, _ in gpd.list_layers(package).itertuples(index=False)]
    assert sorted(layers) == sorted(set(tables) - {"layer_styles"})
    for name, layer in layers.items():
        rows = gpd.read_file(package, layer=name)
        assert layer["valid"], name
        assert layer["features"] == len(rows), name
        assert layer["crs"] == f"EPSG:{rows.crs.to_epsg()}", name
        style = load_style(STEMS.get(name, name))
        kind = "singleSymbol" if style.attribute is None else "categorizedSymbol"
        assert (layer["renderer"], layer["attribute"]) == (kind, style.attribute), name
        assert len(layer["classes"]) == len(style.categories), name
        for (value, label, drawn), category in zip(layer["classes"], style.categories, strict=True):
            assert (value, label) == (category.value, category.label), name
            same_colours(drawn, category)
        for column, alias in layer["aliases"].items():
            if name in STEMS and column in CATALOG[STEMS[name]].by_name:
                assert alias == CATALOG[STEMS[name]].by_name[column].title_zh


def same_colours(drawn: list[dict[str, Any]], category: Category) -> None:
    symbol = category.symbol
    hatches = [layer for layer in drawn if layer["type"] == "LinePatternFill"]
    plain = [layer for layer in drawn if layer["type"] != "LinePatternFill"]
    for layer in drawn:
        assert layer["fill"][0] == symbol.fill, category
    (outline,) = plain
    assert outline["stroke"] == [symbol.stroke, symbol.stroke_opacity]
    width = outline["properties"]["outline_width"]
    assert float(width) == symbol.stroke_width_mm
    assert outline["properties"]["outline_style"] == symbol.stroke_style
    if not hatches:
        solid = outline["properties"].get("style") != "no"
        assert outline["fill"][1] * solid == pytest.approx(symbol.fill_opacity, abs=0.005)
    if "size" in outline["properties"]:
        assert float(outline["properties"]["size"]) == symbol.size_mm


def test_every_layer_is_as_its_style_says(
    opened: tuple[Path, dict[str, dict[str, Any]]],
) -> None:
    package, layers = opened
    assert sorted(layers) == sorted(ORDER)
    check(package, layers)


def test_every_feature_is_drawn(opened: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    _, layers = opened
    for name, layer in layers.items():
        assert layer["drawn"] == layer["features"] > 0, name


def test_the_attribute_table_speaks_chinese(
    opened: tuple[Path, dict[str, dict[str, Any]]],
) -> None:
    _, layers = opened
    for spec in CATALOG.values():
        layer = layers[spec.name]
        for field in spec.fields:
            assert layer["aliases"][field.name] == field.title_zh
            assert layer["values"][field.name] == dict(field.codes.zh if field.codes else {})
    assert layers["findings"]["values"]["severity"]["error"] == "错误"
    assert layers["findings"]["values"]["layer"]["farmland"] == "农村承包地"
    assert layers["patches"]["aliases"]["JCBH"] == "图斑编号"


def test_admin_areas_carry_their_names(opened: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    _, layers = opened
    assert {name: layer["labels"] for name, layer in layers.items() if layer["labels"]} == {
        "XZQ": "XZQMC"
    }


def test_the_sample_village_in_qgis(qgis_python: str, tmp_path: Path) -> None:
    village = folder("sample_data") / "village.gpkg"
    package = tmp_path / "village.gpkg"
    write_geopackage(package, read_layers(village))
    picture = tmp_path / "village.png"
    order = [name for name in ORDER if name in set(gpd.list_layers(package)["name"])]
    layers = probe(qgis_python, package, str(picture), *order)
    check(package, layers)
    assert picture.stat().st_size > 50_000, "a picture of one colour is far smaller"
