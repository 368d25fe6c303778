"""QGIS styles: one QML file a layer; the only source of colours."""
