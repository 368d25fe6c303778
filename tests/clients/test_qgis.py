"""A real QGIS opens the GeoPackage: layers valid, styles loaded, colours those of the QML; tables
without geometry with titles and code labels."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
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
    "DLTB", "DLTBGX", "XZQ", "DK", "YJJBNTTB", "GDBHMB", "ZDJBXX", "XZJSYD", "ZJD", "JCTB",
    "YGYSXZJSYDTB", "YGXZJSYDTB", "WFDK", "JZX", "JZD", "patches", "changed_parcels",
    "findings_areas", "findings",
]  # fmt: skip
#: The catalogue's word for a geometry → QGIS's, and how to make one of a square.
GEOMETRIES = {
    "Polygon": ("Polygon", shapely.normalize),
    "LineString": ("Line", shapely.boundary),
    "Point": ("Point", shapely.centroid),
}


def rows_of(spec: LayerSpec, count: int) -> pd.DataFrame:
    """A table with all fields of `spec`."""
    numbers = ("Int", "Float")
    return pd.DataFrame(
        {f.name: [1 if f.type in numbers else f.title_zh] * count for f in spec.fields}
    )


def one_row_a_class(spec: LayerSpec) -> gpd.GeoDataFrame:
    """A layer with one feature for every class of its style, an unknown code and a missing one."""
    style = load_style(spec.id)
    values = [c.value for c in style.categories if c.value] + ["?", None]
    rows = rows_of(spec, len(values))
    if style.attribute is not None:
        rows[style.attribute] = values
    row = list(CATALOG).index(spec.id) * 30
    squares = [
        box(500_000 + 20 * i, 2_700_000 + row, 500_018 + 20 * i, 2_700_018 + row)
        for i in range(len(values))
    ]
    shapes = GEOMETRIES[spec.geometry][1](squares)
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=4543)


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
    layers = {
        layer_id: rows_of(spec, 2) if spec.is_table else one_row_a_class(spec)
        for layer_id, spec in CATALOG.items()
    }
    write_geopackage(package, layers, **results())
    return package, probe(qgis_python, package)


def check(package: Path, layers: dict[str, dict[str, Any]]) -> None:
    """Every layer of `package` is there in QGIS, as its QML and the catalogue say."""
    tables = [str(name) for name, _ in gpd.list_layers(package).itertuples(index=False)]
    assert sorted(layers) == sorted(set(tables) - {"layer_styles"})
    for name, layer in layers.items():
        rows = gpd.read_file(package, layer=name)
        assert layer["valid"], name
        assert layer["features"] == len(rows), name
        for column, alias in layer["aliases"].items():
            if name in STEMS and column in CATALOG[STEMS[name]].by_name:
                assert alias == CATALOG[STEMS[name]].by_name[column].title_zh
        if not isinstance(rows, gpd.GeoDataFrame):
            assert (layer["geometry"], layer["crs"]) == ("No geometry", ""), name
            continue
        assert layer["crs"] == f"EPSG:{rows.crs.to_epsg()}", name
        style = load_style(STEMS.get(name, name))
        assert layer["geometry"] == GEOMETRIES[style.categories[0].symbol.geometry][0], name
        kind = "singleSymbol" if style.attribute is None else "categorizedSymbol"
        assert (layer["renderer"], layer["attribute"]) == (kind, style.attribute), name
        assert len(layer["classes"]) == len(style.categories), name
        for (value, label, drawn), category in zip(layer["classes"], style.categories, strict=True):
            assert (value, label) == (category.value, category.label), name
            same_colours(drawn, category)


def same_colours(drawn: list[dict[str, Any]], category: Category) -> None:
    symbol = category.symbol
    hatches = [layer for layer in drawn if layer["type"] == "LinePatternFill"]
    plain = [layer for layer in drawn if layer["type"] != "LinePatternFill"]
    for layer in drawn:
        assert layer["fill"][0] == symbol.fill, category
    (outline,) = plain
    properties = outline["properties"]
    prefix = "line" if symbol.geometry == "LineString" else "outline"
    assert outline["stroke"] == [symbol.stroke, symbol.stroke_opacity], category
    assert float(properties[f"{prefix}_width"]) == symbol.stroke_width_mm, category
    assert properties[f"{prefix}_style"] == symbol.stroke_style, category
    if symbol.geometry != "LineString" and not hatches:
        solid = properties.get("style") != "no"
        assert outline["fill"][1] * solid == pytest.approx(symbol.fill_opacity, abs=0.005), category
    assert float(properties.get("size", 0)) == symbol.size_mm, category


def test_every_layer_is_as_its_style_says(
    opened: tuple[Path, dict[str, dict[str, Any]]],
) -> None:
    package, layers = opened
    tables = [spec.name for spec in CATALOG.values() if spec.is_table]
    assert sorted(layers) == sorted(ORDER + tables)
    check(package, layers)
    for spec in CATALOG.values():
        kind = GEOMETRIES[spec.geometry][0] if spec.geometry in GEOMETRIES else "No geometry"
        assert layers[spec.name]["geometry"] == kind, spec.id


def test_every_feature_is_drawn(opened: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    _, layers = opened
    for name in ORDER:
        assert layers[name]["drawn"] == layers[name]["features"] > 0, name


def test_the_attribute_table_speaks_chinese(
    opened: tuple[Path, dict[str, dict[str, Any]]],
) -> None:
    _, layers = opened
    for spec in CATALOG.values():
        layer = layers[spec.name]
        for field in spec.fields:
            place = f"{spec.name}.{field.name}"
            assert layer["aliases"][field.name] == field.title_zh, place
            assert layer["values"][field.name] == dict(field.codes.zh if field.codes else {}), place
    assert layers["findings"]["values"]["severity"]["error"] == "错误"
    assert layers["findings"]["values"]["layer"]["farmland"] == "农村承包地"
    assert layers["patches"]["aliases"]["JCBH"] == "图斑编号"
    assert layers["CBF_JTCY"]["values"]["CYXB"] == {"1": "男", "2": "女"}


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
    assert order
    layers = probe(qgis_python, package, str(picture), *order)
    check(package, layers)
    assert picture.stat().st_size > 50_000, "a picture of one colour is far smaller"


def test_layers_without_and_tables_with_geometry(qgis_python: str, tmp_path: Path) -> None:
    """A ledger of parcels without their shapes; contract records that were given some."""
    farmland, contracts = CATALOG["farmland"], CATALOG["contract_parcel"]
    shapes = [box(500_000, 2_700_000, 500_020, 2_700_020)] * 2
    package = tmp_path / "odd.gpkg"
    shaped = gpd.GeoDataFrame(rows_of(contracts, 2), geometry=shapes, crs=4543)
    write_geopackage(package, {"farmland": rows_of(farmland, 2), "contract_parcel": shaped})
    layers = probe(qgis_python, package)
    for spec, geometry in ((farmland, "No geometry"), (contracts, "Polygon")):
        layer = layers[spec.name]
        assert (layer["valid"], layer["features"], layer["geometry"]) == (True, 2, geometry)
        assert {f.name: layer["aliases"][f.name] for f in spec.fields} == {
            f.name: f.title_zh for f in spec.fields
        }
    assert layers["CBDKXX"]["drawn"] == 2
    assert layers["DK"]["values"]["DKLB"]["10"] == "承包地块"
