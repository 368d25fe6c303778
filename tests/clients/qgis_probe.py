"""Run by a Python that has QGIS: opens every layer of a GeoPackage as a user would, prints JSON.

Usage: ``python3 qgis_probe.py PACKAGE [PICTURE TABLE…]``; with a picture, the named tables are
drawn, the first one lowest. It imports nothing of the project.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsCoordinateTransformContext,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProviderRegistry,
    QgsProviderSublayerDetails,
    QgsRenderContext,
    QgsSymbol,
    QgsSymbolLayer,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def main() -> None:
    application = QgsApplication([], False)
    application.initQgis()
    package, *picture = sys.argv[1:]
    details = QgsProviderRegistry.instance().querySublayers(package)
    options = QgsProviderSublayerDetails.LayerOptions(QgsCoordinateTransformContext())
    layers = {d.name(): d.toLayer(options) for d in details if d.name() != "layer_styles"}
    print(json.dumps({name: describe(layer) for name, layer in layers.items()}))
    if picture:
        draw(picture[0], [layers[name] for name in picture[1:]])
    layers.clear()
    application.exitQgis()


def describe(layer: QgsVectorLayer) -> dict[str, Any]:
    return {
        "valid": layer.isValid(),
        "geometry": QgsWkbTypes.geometryDisplayString(layer.geometryType()),
        "features": layer.featureCount(),
        "crs": layer.crs().authid(),
        "aliases": {f.name(): f.alias() for f in layer.fields()},
        "values": {f.name(): value_map(layer, i) for i, f in enumerate(layer.fields())},
        "labels": layer.labeling().settings().fieldName if layer.labelsEnabled() else None,
        **(describe_symbols(layer) if layer.isSpatial() else {}),
    }


def describe_symbols(layer: QgsVectorLayer) -> dict[str, Any]:
    renderer = layer.renderer()
    categorized = isinstance(renderer, QgsCategorizedSymbolRenderer)
    classes = renderer.categories() if categorized else []
    context = QgsRenderContext()
    renderer.startRender(context, layer.fields())
    drawn = sum(
        renderer.symbolForFeature(feature, context) is not None for feature in layer.getFeatures()
    )
    renderer.stopRender(context)
    return {
        "renderer": renderer.type(),
        "attribute": renderer.classAttribute() if categorized else None,
        "classes": [[c.value(), c.label(), symbol_layers(c.symbol())] for c in classes]
        or [[None, "", symbol_layers(renderer.symbol())]],
        "drawn": drawn,
    }


def value_map(layer: QgsVectorLayer, index: int) -> dict[str, str]:
    setup = layer.editorWidgetSetup(index)
    if setup.type() != "ValueMap":
        return {}
    return {code: label for entry in setup.config()["map"] for label, code in entry.items()}


def symbol_layers(symbol: QgsSymbol) -> list[dict[str, Any]]:
    return [
        {
            "type": layer.layerType(),
            "fill": colour(layer.subSymbol().color() if layer.subSymbol() else layer.color()),
            "stroke": colour(stroke_colour(layer)),
            "properties": layer.properties(),
        }
        for layer in symbol.symbolLayers()
    ]


def stroke_colour(layer: QgsSymbolLayer) -> QColor:
    """A line has its colour, all else one for the outline."""
    return layer.color() if layer.type() == QgsSymbol.Line else layer.strokeColor()


def colour(value: QColor) -> list[Any]:
    return [value.name(), round(value.alphaF(), 2)]


def draw(path: str, layers: list[QgsVectorLayer]) -> None:
    settings = QgsMapSettings()
    settings.setLayers(layers[::-1])
    settings.setDestinationCrs(layers[0].crs())
    settings.setBackgroundColor(QColor("white"))
    settings.setOutputSize(QSize(1600, 1200))
    settings.setOutputDpi(144)
    extent = layers[0].extent()
    extent.scale(1.05)
    settings.setExtent(extent)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path)


if __name__ == "__main__":
    main()
