"""Write a shapefile that loses nothing: every value is read back before it is in its place.

GDAL writes the shapes; the table is written here, because GDAL drops characters that the encoding
does not have, cuts text at 254 bytes, writes missing numbers as ``***``, and timestamps for dates
(GDAL 3.12, measured).

Source: ESRI Shapefile Technical Description (1998); dBASE III+ file structure.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from yuxi_gis.errors import OutputError, ParameterError, SourceError
from yuxi_gis.outputs import refuse_existing, staged
from yuxi_gis.read.shapefile import open as read_shapefile
from yuxi_gis.read.table import Options

__all__ = ["ENCODINGS", "write_shapefile"]

#: Encodings that can be written: Python's codec and the language byte. UTF-8 has none, its .cpg
#: says it.
ENCODINGS = {"UTF-8": ("utf-8", 0x00), "GBK": ("gbk", 0x4D), "GB18030": ("gb18030", 0x4D)}
_NAME_BYTES, _TEXT_BYTES, _NUMBER_BYTES, _FIELDS = 10, 254, 24, 255
#: Digits that every program reads exactly from a number; longer ones are codes.
_DIGITS = 15
_FILE_BYTES = 1 << 31
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg", "_fields.csv")
#: Indexes and metadata of other programs, which an overwritten shapefile makes wrong.
_STALE = (".sbn", ".sbx", ".qix", ".qpj", ".fix", ".shp.xml")
_KINDS = {"Point": "Point", "MultiPoint": "MultiPoint"} | {
    multi + name: name for name in ("LineString", "Polygon") for multi in ("", "Multi")
}


def write_shapefile(
    path: str | os.PathLike[str],
    frame: gpd.GeoDataFrame,
    *,
    encoding: str = "UTF-8",
    widths: Mapping[str, int] = MappingProxyType({}),
    overwrite: bool = False,
) -> dict[str, str]:
    """Write `frame` as a shapefile with its .cpg and language byte.

    Parameters
    ----------
    path : path-like
        Ends in ``.shp``.
    frame : GeoDataFrame
        One kind of geometry: points, multipoints, lines or polygons; missing and empty ones become
        null shapes. Text, whole numbers, numbers, bool and dates keep their type; whole numbers of
        more than 15 digits and times of day become text.
    encoding : {"UTF-8", "GBK", "GB18030"}
    widths : mapping of str to int
        Bytes that columns of text have at least, where a standard says so; by default, and beyond
        that, a field is as wide as its longest text.
    overwrite : bool
        Replace an existing shapefile, with the indexes of other programs beside it.

    Returns
    -------
    dict of str to str
        Column → field. A field's name is ASCII and has at most 10 bytes; where a name had to
        change, ``<stem>_fields.csv`` (UTF-8) lists all.

    Raises
    ------
    OutputError
        A character that the encoding does not have, a value that is too long or of a type that a
        shapefile does not have (names row and field), several kinds of geometry, or the file
        cannot be written. Nothing is written then.
    ParameterError
        The encoding is not one of those.
    """
    path = Path(path)
    if encoding not in ENCODINGS:
        raise ParameterError(
            f"shapefile 的编码不能是 {encoding!r}。可用 {'、'.join(ENCODINGS)}。",
            f"A shapefile is not written in {encoding!r}. Use one of {', '.join(ENCODINGS)}.",
        )
    if path.suffix.lower() != ".shp":
        raise OutputError(
            f"{path}：文件名应以 .shp 结尾。", f"{path}: the name of a shapefile ends in .shp."
        )
    for suffix in _PARTS:
        refuse_existing(_beside(path, suffix), overwrite=overwrite)
    shapes, kind = _shapes(path, frame)
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    names = _names(str(column) for column in table.columns)
    if len(names) < len(table.columns):
        raise OutputError(
            f"{path}：有重名的字段，无法区分。请先改名。",
            f"{path}: several fields have the same name. Rename them first.",
        )
    columns = [
        _column(path, name, table.iloc[:, n], ENCODINGS[encoding][0], widths.get(name, 1))
        for n, name in enumerate(names)
    ]
    with staged(path, overwrite=overwrite) as part:
        try:
            _write_shapes(part, path, shapes, kind, frame.crs)
            _write_dbf(part, path, names, columns, len(table), encoding)
            part.with_suffix(".cpg").write_text(encoding, "ascii")
            if any(old != new for old, new in names.items()):
                listed = pd.DataFrame({"field": list(names.values()), "name": list(names)})
                listed.to_csv(_beside(part, "_fields.csv"), index=False, encoding="utf-8-sig")
            _verify(part, path, columns, shapes, encoding)
            _move(part, path)
        except OSError as error:
            why = error.strerror or str(error)
            raise OutputError(
                f"{path}：无法写入（{why}）。请检查磁盘空间，以及是否被其他程序占用。",
                f"{path}: cannot be written ({why}). Check that there is room on the disk and "
                "that no other program holds the file.",
            ) from error
    return names


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.stem + suffix)


def _move(part: Path, path: Path) -> None:
    """Put the parts beside the .shp, which is moved last; remove what belongs to an older one."""
    for suffix in (*_PARTS[1:], *_STALE):
        if _beside(part, suffix).exists():
            _beside(part, suffix).replace(_beside(path, suffix))
        else:
            _beside(path, suffix).unlink(missing_ok=True)


def _names(columns: Iterable[str]) -> dict[str, str]:
    """Column → field: ASCII, a letter first, at most 10 bytes, each once in any case."""
    names: dict[str, str] = {}
    columns = list(columns)
    fit = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{_NAME_BYTES - 1}}}")
    taken = {column.upper() for column in columns if fit.fullmatch(column)}
    seen: set[str] = set()
    for number, column in enumerate(columns, 1):
        name = column
        if not fit.fullmatch(column) or column.upper() in seen:
            plain = re.sub(r"[^A-Za-z0-9_]", "", column) if column.isascii() else ""
            stem = plain if re.match(r"[A-Za-z]", plain) else f"F{number:02d}"
            name, n = stem[:_NAME_BYTES], 0
            while name.upper() in taken:
                n += 1
                name = f"{stem[: _NAME_BYTES - 1 - len(str(n))]}_{n}"
        taken.add(name.upper())
        seen.add(name.upper())
        names[column] = name
    return names


def _shapes(path: Path, frame: gpd.GeoDataFrame) -> tuple[np.ndarray, str]:
    """The shapes, empty ones as None, and their kind."""
    if not isinstance(frame, gpd.GeoDataFrame) or frame._geometry_column_name not in frame:
        raise OutputError(
            f"{path}：表没有图形，不能写成 shapefile。请输出为 .csv、.xlsx 或 .gpkg。",
            f"{path}: a table without geometry is no shapefile. Write .csv, .xlsx or .gpkg.",
        )
    shapes = np.array(frame.geometry.array, dtype=object)
    shapes[shapely.is_empty(shapes)] = None
    types = pd.Series(frame.geometry.geom_type.to_numpy())[~shapely.is_missing(shapes)]
    kinds = types.map(_KINDS).fillna(types).unique().tolist()
    if len(kinds) > 1 or (kinds and kinds[0] not in _KINDS.values()):
        found = ", ".join(f"{name} × {number}" for name, number in types.value_counts().items())
        raise OutputError(
            f"{path}：shapefile 只能存一种图形，数据中有 {found}。请按类型拆分，或输出为 .gpkg。",
            f"{path}: a shapefile holds one kind of shape, here are {found}. Split them by kind, "
            "or write a .gpkg.",
        )
    z = " Z" if shapely.has_z(shapes).any() else ""
    return shapes, (kinds[0] if kinds else "Polygon") + z


def _write_shapes(part: Path, path: Path, shapes: np.ndarray, kind: str, crs: Any) -> None:
    layer = gpd.GeoDataFrame({"n": np.zeros(len(shapes), "int8")}, geometry=shapes, crs=crs)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*crs.*not provided")
            pyogrio.write_dataframe(layer, part, driver="ESRI Shapefile", geometry_type=kind)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError, ValueError) as error:
        why = " ".join(str(error).split())
        raise OutputError(
            f"{path}：图形无法写入（{why}）。", f"{path}: the shapes cannot be written ({why})."
        ) from error


@dataclass(frozen=True)
class _Column:
    """A field: `cells` are its values in the file's bytes, `values` what must be read back."""

    type: str
    width: int
    decimals: int
    cells: np.ndarray
    values: pd.Series


def _column(path: Path, name: str, values: pd.Series, codec: str, width: int) -> _Column:
    values = values.reset_index(drop=True)
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "integer" and (values.dropna().abs() < 10**_DIGITS).all():
        return _whole(values)
    if kind == "integer":
        values = values.map(str, na_action="ignore")
    elif kind in ("floating", "mixed-integer-float"):
        return _float(path, name, values.astype("float64"))
    elif kind == "boolean":
        return _bool(values)
    elif kind in ("datetime64", "datetime", "date"):
        days = values.map(_day, na_action="ignore")
        if days.isna().equals(values.isna()):
            return _packed("D", days, 0, pd.to_datetime(days, format="%Y%m%d"), 8)
        values = values.map(lambda time: time.isoformat(" "), na_action="ignore")
    elif kind not in ("string", "empty"):
        wrong = next((n for n, v in enumerate(values) if not _is_plain(v)), 0)
        raise _refused(
            path,
            wrong,
            name,
            f"shapefile 不能存 {kind} 类型的值，请先转换为文本",
            f"a shapefile has no type for {kind}; make it text first",
        )
    return _text(path, name, values, codec, width)


def _is_plain(value: Any) -> bool:
    missing: Any = pd.isna(value) if pd.api.types.is_scalar(value) else False
    return isinstance(value, str) or bool(missing)


def _day(value: Any) -> str | None:
    """YYYYMMDD of a date or of a time at midnight; None for other times."""
    time = pd.Timestamp(value)
    return f"{time:%Y%m%d}".zfill(8) if time.tz is None and time == time.normalize() else None


def _whole(values: pd.Series) -> _Column:
    text = values.map(lambda value: str(int(value)), na_action="ignore")
    return _packed("N", text, 0, values.astype("float64"))


def _float(path: Path, name: str, values: pd.Series) -> _Column:
    """Fixed-point with the fewest decimals that keep every value, else as Python writes it."""
    if np.isinf(values).any():
        zh, en = "无穷大不能写入", "infinity cannot be written"
        raise _refused(path, int(np.isinf(values).argmax()), name, zh, en)
    known = values.dropna()
    # A column of whole numbers with missing ones is float only because pandas has no other way.
    least = 0 if len(known) < len(values) else 1
    small = known.abs().max() < 10**_DIGITS
    for decimals in range(least, _DIGITS + 1) if small else ():
        if (known.round(decimals) == known).all():
            text = pd.Series([f"{v:.{decimals}f}" for v in known], known.index, dtype=object)
            if text.map(len).max() <= _NUMBER_BYTES and text.astype("float64").equals(known):
                return _packed("N", text.reindex(values.index), decimals, values)
    text = known.map(lambda value: repr(float(value))).reindex(values.index)
    return _packed("N", text, _DIGITS, values)


def _bool(values: pd.Series) -> _Column:
    text = values.map(lambda value: "T" if value else "F", na_action="ignore").astype(object)
    return _packed("L", text.where(values.notna(), "?"), 0, values.astype("boolean"))


def _text(path: Path, name: str, values: pd.Series, codec: str, width: int) -> _Column:
    codes, distinct = pd.factorize(values)
    cells: list[bytes] = []
    for code, value in enumerate(distinct):
        fault = _fault(value, codec)
        if fault is not None:
            raise _refused(path, int(np.argmax(codes == code)), name, *fault)
        cells.append(value.encode(codec))
    packed = np.array([*cells, b""], dtype=bytes)[codes]  # code -1, missing, is the last
    width = max(width, packed.dtype.itemsize)
    return _Column("C", width, 0, _padded(packed, width, np.char.ljust), values)


def _fault(value: str, codec: str) -> tuple[str, str] | None:
    """Why a .dbf in `codec` cannot hold `value`, in Chinese and English; None if it can."""
    try:
        size = len(value.encode(codec))
    except UnicodeEncodeError as error:
        lost = value[error.start]
        named = f"{lost!r} (U+{ord(lost):04X})"
        return (
            f"{codec.upper()} 编码没有字符 {named}，请改用 UTF-8 或 GB18030 编码",
            f"{codec.upper()} has no character {named}; write UTF-8 or GB18030",
        )
    if "\0" in value:
        return "含有空字符（U+0000），请先去掉", "it has a null character (U+0000); remove it first"
    if size > _TEXT_BYTES:
        return (
            f"文本有 {size} 字节，shapefile 最多 {_TEXT_BYTES} 字节，请缩短或输出为 .gpkg",
            f"its {size} bytes are more than {_TEXT_BYTES}; shorten it or write a .gpkg",
        )
    return None


def _packed(
    kind: str, text: pd.Series, decimals: int, values: pd.Series, least: int = 1
) -> _Column:
    """A field of ASCII text: numbers at the right, all else at the left."""
    cells = text.astype(object).where(text.notna(), "").to_numpy().astype(bytes)
    width = max(least, cells.dtype.itemsize)
    pad = np.char.rjust if kind == "N" else np.char.ljust
    return _Column(kind, width, decimals, _padded(cells, width, pad), values)


def _padded(cells: np.ndarray, width: int, pad: Callable[..., np.ndarray]) -> np.ndarray:
    return pad(cells, width) if len(cells) else cells


def _refused(path: Path, row: int, name: str, zh: str, en: str) -> OutputError:
    return OutputError(
        f"{path}：第 {row + 1} 行字段 {name}：{zh}。", f"{path}: row {row + 1}, field {name}: {en}."
    )


def _write_dbf(
    part: Path,
    path: Path,
    names: dict[str, str],
    columns: list[_Column],
    rows: int,
    encoding: str,
) -> None:
    width = 1 + sum(column.width for column in columns)
    if len(columns) > _FIELDS or width >= 1 << 16 or rows * width >= _FILE_BYTES:
        raise OutputError(
            f"{path}：属性表太大（{len(columns)} 个字段，{rows} 行 × {width} 字节），"
            f"shapefile 最多 {_FIELDS} 个字段、2 GB。请输出为 .gpkg。",
            f"{path}: the table is too large ({len(columns)} fields, {rows} rows × {width} bytes) "
            f"for a shapefile, which holds {_FIELDS} fields and 2 GB. Write a .gpkg.",
        )
    head = bytearray(32)
    # 2000-01-01 as the date of the last change: the same data give the same bytes.
    head[:4] = bytes((3, 100, 1, 1))
    head[4:8] = rows.to_bytes(4, "little")
    head[8:10] = (32 + 32 * len(columns) + 1).to_bytes(2, "little")
    head[10:12] = width.to_bytes(2, "little")
    head[29] = ENCODINGS[encoding][1]
    records = np.full((rows, width), 0x20, "u1")
    at = 1
    for name, column in zip(names.values(), columns, strict=True):
        entry = bytearray(32)
        entry[: len(name)] = name.encode("ascii")
        entry[11], entry[16], entry[17] = ord(column.type), column.width, column.decimals
        head += entry
        cells = np.ascontiguousarray(column.cells).view("u1").reshape(rows, column.width)
        records[:, at : at + column.width] = cells
        at += column.width
    with part.with_suffix(".dbf").open("wb") as file:
        file.write(bytes(head) + b"\r")
        file.write(records.data)
        file.write(b"\x1a")


def _verify(
    part: Path, path: Path, columns: list[_Column], shapes: np.ndarray, encoding: str
) -> None:
    """Raise `OutputError` unless what was written is read back the same."""
    try:
        back, _ = read_shapefile(part, Options(encoding=encoding))[0].load()
    except SourceError as error:
        raise _unlike(path, error.zh, error.en) from error
    nulls = shapely.is_missing(np.array(back.geometry.array, dtype=object))
    if not np.array_equal(nulls, shapely.is_missing(shapes)):
        raise _unlike(path, "图形数不同", "the shapes differ")
    for number, column in enumerate(columns):
        name = str(back.columns[number])
        same = _SAME[column.type](column.values, back.iloc[:, number])
        if not same.all():
            row = int(np.argmin(same)) + 1
            raise _unlike(
                path, f"第 {row} 行字段 {name} 的值不同", f"row {row}, field {name} differs"
            )


def _same_text(written: pd.Series, read: pd.Series) -> np.ndarray:
    """A .dbf has no difference between missing and empty, and pads with blanks."""
    text = written.astype(object).where(written.notna(), "").str.strip(" ")
    return (text == read.astype(object).where(read.notna(), "")).to_numpy()


def _same_values(written: pd.Series, read: pd.Series) -> np.ndarray:
    both = pd.DataFrame({"written": written, "read": read.astype(written.dtype)})
    equal = (both["written"] == both["read"]).fillna(False).to_numpy(bool)
    return equal | both.isna().all(axis=1).to_numpy()


_SAME: dict[str, Callable[[pd.Series, pd.Series], np.ndarray]] = {
    "C": _same_text,
    "N": _same_values,
    "D": _same_values,
    "L": _same_values,
}


def _unlike(path: Path, zh: str, en: str) -> OutputError:
    return OutputError(
        f"{path}：写出后读回的内容与原数据不一致（{zh}），已放弃。请改用 .gpkg。",
        f"{path}: what was written is not read back the same ({en}) and was thrown away. Write a "
        ".gpkg.",
    )
