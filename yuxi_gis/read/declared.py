"""What a file declares of its fields: their type, and how many characters or decimals they hold.

Text formats (GeoJSON, KML, CSV, workbooks) declare nothing; GDAL does not tell the widths of a File
Geodatabase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from yuxi_gis.read.table import Declared

if TYPE_CHECKING:
    from yuxi_gis.read.access.jet import Column
    from yuxi_gis.read.dbf import Field
    from yuxi_gis.read.vct.sections import Field as VctField

__all__ = ["of_access", "of_arrow", "of_dbf", "of_ogr", "of_vct"]

#: dBASE types; N without decimals is whole.
_DBF = {"C": "text", "M": "text", "N": "number", "F": "number", "D": "date", "L": "logical"}
_OGR = {
    "OFTString": "text",
    "OFTInteger": "integer",
    "OFTInteger64": "integer",
    "OFTReal": "number",
    "OFTDate": "date",
    "OFTTime": "date",
    "OFTDateTime": "date",
    "OFTBinary": "binary",
}
#: Numbers of the types in Access (Jet) → ours.
_ACCESS = (
    dict.fromkeys((2, 3, 4, 19), "integer")
    | dict.fromkeys((5, 6, 7, 16), "number")
    | dict.fromkeys((8, 20), "date")
    | dict.fromkeys((9, 11), "binary")
    | dict.fromkeys((10, 12, 15), "text")
    | {1: "logical"}
)
_ACCESS_TEXT = 10
#: Beginnings of type names in VCT (GB/T 17798).
_VCT = {
    "char": "text",
    "varchar": "text",
    "int": "integer",
    "float": "number",
    "double": "number",
    "date": "date",
    "time": "date",
    "varbin": "binary",
}
_ARROW = (
    (pa.types.is_boolean, "logical"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "number"),
    (pa.types.is_decimal, "number"),
    (pa.types.is_temporal, "date"),
    (pa.types.is_string, "text"),
    (pa.types.is_large_string, "text"),
)


def of_dbf(columns: Iterable[str], fields: Iterable[Field]) -> dict[str, Declared]:
    """The fields of a .dbf, by the names that reading gave them."""
    found = {}
    for name, field in zip(columns, fields, strict=True):
        kind = _DBF.get(field.type, "binary")
        if kind == "number" and not field.decimals and field.type == "N":
            kind = "integer"
        found[name] = Declared(kind, field.width if field.type == "C" else None)
    return found


def of_ogr(info: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Declared]:
    """The fields that GDAL tells of; `types` are those of a GeoPackage by field: ``TEXT(19)``."""
    found = {}
    kinds = zip(info["fields"], info["ogr_types"], info["ogr_subtypes"], strict=True)
    for name, kind, sub in kinds:
        if sub == "OFSTBoolean":
            found[str(name)] = Declared("logical")
        elif kind in _OGR:
            width = re.fullmatch(r"TEXT\((\d{1,9})\)", types.get(str(name), ""), re.IGNORECASE)
            found[str(name)] = Declared(_OGR[kind], int(width[1]) if width else None)
    return found


def of_access(
    names: Iterable[str], columns: Iterable[Column], *, wide: bool
) -> dict[str, Declared]:
    """The columns of an Access table; `wide`: two bytes a character, as from Access 2000 on."""
    return {
        name: Declared(
            _ACCESS[column.kind],
            column.size // (2 if wide else 1) or None if column.kind == _ACCESS_TEXT else None,
        )
        for name, column in zip(names, columns, strict=True)
        if column.kind in _ACCESS
    }


def of_vct(names: Iterable[str], fields: Iterable[VctField]) -> dict[str, Declared]:
    """The fields of a VCT table, by the names that reading gave them."""
    found = {}
    for name, field in zip(names, fields, strict=False):
        kind = _VCT.get(field.type) or _VCT.get(field.type.rstrip("0123456789"), "")
        if kind:
            found[name] = Declared(kind, field.width if kind == "text" else None)
    return found


def of_arrow(schema: pa.Schema) -> dict[str, Declared]:
    """The columns of an Arrow table; those of types that no field has are left out."""
    return {
        column.name: Declared(kind)
        for column in schema
        for kind in [next((kind for test, kind in _ARROW if test(column.type)), None)]
        if kind is not None
    }
