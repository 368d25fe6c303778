"""Geometry as it is read, brought to what the rest works with, and what that cost.

Curves become chords, Z and M are dropped, single and multi parts are one kind; rows are never
lost, and whatever is dropped is counted. Ring orientation and repeated points are a matter of
output (`tidy`).
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyproj import CRS
from shapely.errors import GEOSException

from yuxi_gis.read.curves import CURVED, linearise
from yuxi_gis.read.table import Note

__all__ = ["from_wkb", "multi", "normalise", "plain", "tidy", "unify"]

#: Largest distance of a chord from its arc, in metres (rule S15).
_SAGITTA = 0.001
_METRES_PER_DEGREE = 111_320.0
_COLLECTION = 7
#: Family of shapely's type ids −1 … 7: missing, point, line, ring, polygon, the multi ones.
_FAMILY = np.array([-1, 0, 1, 1, 2, 0, 1, 2, 3])
_FAMILIES = (("点", "points"), ("线", "lines"), ("面", "polygons"))
_MULTI: tuple[Any, ...] = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)
_FIRST_MULTI = 4


def from_wkb(column: pa.ChunkedArray, crs: CRS | None) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Shapes from a column of well-known binary, arcs as chords.

    Parameters
    ----------
    column : ChunkedArray of binary
        ISO or extended well-known binary; null for no geometry.
    crs : CRS or None
        Tells the unit of the tolerance, which is 0.001 m (rule S15). Without one, coordinates
        within ±400 are taken for degrees.

    Returns
    -------
    shapes : ndarray of shapely geometries, object
        One for each row; None where there is none or its bytes are no geometry.
    notes : tuple of Note
        ``curves_linearised`` with the deviation reached, ``ring_closed``,
        ``geometry_unreadable``.
    """
    values = column.to_numpy(zero_copy_only=False)
    notes: list[Note] = []
    curved = np.flatnonzero(np.isin(_types(column), CURVED))
    if len(curved):
        values = values.copy()
        tolerance = _SAGITTA / _metres(crs, values[curved])
        plain = linearise(values[curved].tolist(), tolerance)
        values[curved] = plain.wkb
        rows = curved[plain.arcs > 0]
        if len(rows):
            notes.append(_curves_note(rows, plain.deviation, tolerance))
        bad = np.array([one is None for one in plain.wkb])
        notes += _unreadable(curved[bad])
    try:
        return shapely.from_wkb(values), tuple(notes)
    except (GEOSException, ValueError, TypeError):
        shapes, found = _mended(values)
        return shapes, (*notes, *found)


def _types(column: pa.ChunkedArray) -> np.ndarray:
    """The geometry type (1 … 17) of each value, 0 where there is none."""
    result = np.zeros(len(column), "u4")
    done = 0
    for chunk in column.chunks:
        chunk = chunk.cast(pa.large_binary())
        _, offsets, data = chunk.buffers()
        if len(chunk) and data is not None and data.size >= 5:
            starts = np.frombuffer(offsets, "i8")[chunk.offset : chunk.offset + len(chunk) + 1]
            whole = np.flatnonzero(np.diff(starts) >= 5)
            result[done + whole] = _heads(np.frombuffer(data, "u1"), starts[whole])
        done += len(chunk)
    return result


def _heads(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    low, second = data[at + 1].astype("u4"), data[at + 2].astype("u4")
    big = data[at] == 0
    if big.any():
        low[big], second[big] = data[at[big] + 4], data[at[big] + 3]
    return (low | second << 8) % 1000  # the flags of extended WKB are in the other two bytes


def _metres(crs: CRS | None, values: Any) -> float:
    """Metres in a unit of the coordinates."""
    if crs is not None and crs.axis_info:
        unit = crs.axis_info[0].unit_conversion_factor or 1.0
        return _METRES_PER_DEGREE * np.rad2deg(unit) if crs.is_geographic else unit
    first = np.frombuffer(values[0][-16:].rjust(16, b"\0"), "<f8")
    return _METRES_PER_DEGREE if (np.abs(first) <= 400).all() else 1.0


def _curves_note(rows: np.ndarray, deviation: float, tolerance: float) -> Note:
    metres = deviation / tolerance * _SAGITTA
    return Note.on_rows(
        "curves_linearised",
        rows + 1,
        "{count} 行含圆弧，已化为折线，弦与弧最大相差 {reached} m（第 {rows} 行）。",
        "{count} rows have arcs, read as chords that leave them by {reached} m at most "
        "(rows {rows}).",
        severity="info" if metres <= _SAGITTA * 1.01 else "warning",
        reached=float(metres),
    )


def _mended(values: Any) -> tuple[np.ndarray, list[Note]]:
    """What can be read of values of which some are no valid WKB: open rings are closed."""
    try:
        shapes = shapely.from_wkb(values, on_invalid="ignore")
        odd = np.flatnonzero(shapely.is_missing(shapes) & ~pd.isna(values))
        shapes[odd] = shapely.from_wkb(values[odd], on_invalid="fix")
    except (GEOSException, ValueError, TypeError):  # one by one, for rows that upset the rest
        shapes = np.array([None] * len(values), dtype=object)
        odd = np.flatnonzero(~pd.isna(values))
        for row in odd:
            try:
                shapes[row] = shapely.from_wkb(values[row], on_invalid="fix")
            except (GEOSException, ValueError, TypeError):
                continue
        return shapes, _unreadable(odd[shapely.is_missing(shapes[odd])])
    closed = odd[~shapely.is_missing(shapes[odd])]
    notes = _unreadable(odd[shapely.is_missing(shapes[odd])])
    if len(closed):
        notes += [
            Note.on_rows(
                "ring_closed",
                closed + 1,
                "{count} 行的边界没有闭合，已闭合（第 {rows} 行）。",
                "{count} rows have a ring that was not closed; it was closed (rows {rows}).",
                severity="warning",
            )
        ]
    return shapes, notes


def _unreadable(rows: np.ndarray) -> list[Note]:
    if not len(rows):
        return []
    return [
        Note.on_rows(
            "geometry_unreadable",
            rows + 1,
            "{count} 行的图形数据已损坏，按无图形读入（第 {rows} 行）。请在原软件中修复后再导出。",
            "{count} rows have a damaged shape, read as rows without one (rows {rows}). Mend "
            "them where they come from and export again.",
            severity="error",
        )
    ]


def normalise(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """`frame` with plain 2-D geometry of one kind, and what was dropped or is suspicious.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
        As a reader gives it; a table without geometry is returned as it is.

    Returns
    -------
    frame : DataFrame or GeoDataFrame
        The same rows in the same order; `frame` itself where there was nothing to do. Z and M
        are dropped. Of a collection only the parts of the highest dimension are kept. Where one
        geometry of a family (points, lines, polygons) is multi-part, all of that family are.
        Null and empty geometries stay.
    notes : tuple of Note
        ``geometry_null``, ``geometry_empty``, ``z_dropped``, ``m_dropped``,
        ``collection_reduced``, ``collection_unpacked``, ``multi_unified``, ``geometry_mixed``,
        ``coordinate_not_finite``.
    """
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        return frame, ()
    given = frame.geometry.to_numpy()
    shapes, kinds, notes = plain(given)
    single, more = unify(kinds)
    shapes = multi(shapes, kinds, single)
    if shapes is not given:
        name, frame = frame.active_geometry_name, frame.copy(deep=False)
        frame[name] = gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)
    return frame, (*notes, *more)


def plain(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
    """What `normalise` does to each shape by itself, whatever the others are.

    Returns
    -------
    shapes : ndarray of shapely geometries
        Two-dimensional, none of them a collection; the same object where there was nothing to do.
    kinds : ndarray of int, shape (n,)
        Their type ids.
    notes : tuple of Note
    """
    kinds = shapely.get_type_id(shapes)
    notes = _without_shape(shapes, kinds) + _without_place(shapes)
    for step in (_flat, _without_collections):
        shapes, kinds, found = step(shapes, kinds)
        notes += found
    return shapes, kinds, tuple(notes)


_Step = tuple[np.ndarray, np.ndarray, list[Note]]


def _without_shape(shapes: np.ndarray, kinds: np.ndarray) -> list[Note]:
    notes = []
    if (null := kinds < 0).any():
        notes.append(
            Note.on_rows(
                "geometry_null",
                np.flatnonzero(null) + 1,
                "{count} 行没有图形，已保留（第 {rows} 行）。",
                "{count} rows have no geometry; they are kept (rows {rows}).",
                severity="warning",
            )
        )
    if (empty := shapely.is_empty(shapes)).any():
        notes.append(
            Note.on_rows(
                "geometry_empty",
                np.flatnonzero(empty) + 1,
                "{count} 行的图形是空的，已保留（第 {rows} 行）。",
                "{count} rows have an empty geometry; they are kept (rows {rows}).",
                severity="warning",
            )
        )
    return notes


def _without_place(shapes: np.ndarray) -> list[Note]:
    rows = _not_finite(shapes)
    if not len(rows):
        return []
    return [
        Note.on_rows(
            "coordinate_not_finite",
            rows + 1,
            "{count} 行的图形有坐标不是数字（NaN 或无穷大），按原样保留（第 {rows} 行）。"
            "请在原软件中修复后再导出。",
            "{count} rows have coordinates that are no numbers (NaN or infinite); they are kept "
            "as they are (rows {rows}). Mend them where they come from and export again.",
            severity="error",
        )
    ]


def _not_finite(shapes: np.ndarray) -> np.ndarray:
    """The positions of shapes with a vertex whose x or y is NaN or infinite."""
    points, of = shapely.get_coordinates(shapes, return_index=True)
    return np.unique(of[~np.isfinite(points).all(axis=1)])


def _flat(shapes: np.ndarray, kinds: np.ndarray) -> _Step:
    z, m = shapely.has_z(shapes), shapely.has_m(shapes)
    notes = [
        Note.on_rows(
            f"{letter.lower()}_dropped",
            np.flatnonzero(has) + 1,
            f"{{count}} 行的坐标带 {letter} 值，只保留平面坐标（第 {{rows}} 行）。",
            f"{{count}} rows have {letter} values; only x and y are kept (rows {{rows}}).",
        )
        for letter, has in (("Z", z), ("M", m))
        if has.any()
    ]
    return (shapely.force_2d(shapes) if notes else shapes), kinds, notes


def _without_collections(shapes: np.ndarray, kinds: np.ndarray) -> _Step:
    """Collections as multi-part geometries of their highest dimension."""
    rows = np.flatnonzero((kinds == _COLLECTION) & ~shapely.is_empty(shapes))
    if not len(rows):
        return shapes, kinds, []
    parts, of = shapes[rows], rows
    while (shapely.get_type_id(parts) >= _FIRST_MULTI).any():  # nested ones too
        parts, index = shapely.get_parts(parts, return_index=True)
        of = of[index]
    parts, of = parts[~shapely.is_empty(parts)], of[~shapely.is_empty(parts)]
    family = _FAMILY[shapely.get_type_id(parts) + 1]
    highest = np.full(len(shapes), -1)
    np.maximum.at(highest, of, family)
    kept = family == highest[of]
    shapes = shapes.copy()
    for number, make in enumerate(_MULTI):
        chosen = kept & (family == number)
        if chosen.any():
            targets, index = np.unique(of[chosen], return_inverse=True)
            shapes[targets] = make(parts[chosen], indices=index)
    lost = np.unique(of[~kept])
    whole = np.setdiff1d(rows, lost)
    notes = []
    if len(lost):
        points, lines = (int((~kept & (family == n)).sum()) for n in (0, 1))
        notes.append(
            Note.on_rows(
                "collection_reduced",
                lost + 1,
                "{count} 行是混合图形集合，只保留最高维的部分，舍去 {points} 个点、{lines} 个线"
                "（第 {rows} 行）。",
                "{count} rows are collections of mixed shapes; only the parts of the highest "
                "dimension are kept, {points} points, {lines} lines are left out (rows {rows}).",
                severity="warning",
                points=points,
                lines=lines,
            )
        )
    if len(whole):
        notes.append(
            Note.on_rows(
                "collection_unpacked",
                whole + 1,
                "{count} 行是同类图形的集合，按多部件图形读入（第 {rows} 行）。",
                "{count} rows are collections of one kind, read as multi-part shapes "
                "(rows {rows}).",
            )
        )
    return shapes, shapely.get_type_id(shapes), notes


def multi(shapes: np.ndarray, kinds: np.ndarray, which: np.ndarray) -> np.ndarray:
    """`shapes` of these `kinds`, multi-part where `which` is true."""
    if not which.any():
        return shapes
    shapes = shapes.copy()
    family = _FAMILY[kinds + 1]
    for number, make in enumerate(_MULTI):
        rows = np.flatnonzero(which & (family == number))
        shapes[rows] = make(shapes[rows][:, None])
    return shapes


def unify(kinds: np.ndarray) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Which single-part shapes are to be `multi`, by the kinds of the whole layer: all of a family
    where one of it is; mixed families are told."""
    chosen = np.zeros(len(kinds), dtype=bool)
    family = _FAMILY[kinds + 1]
    counts = np.bincount(family[family >= 0], minlength=4)[:3]
    notes = []
    for number, (zh, en) in enumerate(_FAMILIES):
        single = np.flatnonzero((family == number) & (kinds < _FIRST_MULTI))
        if not 0 < len(single) < counts[number]:
            continue
        chosen[single] = True
        notes.append(
            Note(
                "multi_unified",
                f"{len(single)} 行单部件{zh}与多部件{zh}统一为多部件。",
                f"{len(single)} rows of single-part {en} are read as multi-part, as others are.",
                count=len(single),
            )
        )
    if (counts > 0).sum() > 1:
        main = int(counts.argmax())
        zh = "、".join(f"{zh} {n}" for (zh, _), n in zip(_FAMILIES, counts, strict=True) if n)
        en = ", ".join(f"{n} {en}" for (_, en), n in zip(_FAMILIES, counts, strict=True) if n)
        notes.append(
            Note.on_rows(
                "geometry_mixed",
                np.flatnonzero((family >= 0) & (family < 3) & (family != main)) + 1,
                f"图层里混有不同类型的图形（{zh}）；其余类型在第 {{rows}} 行。",
                f"the layer mixes kinds of shapes ({en}); the fewer ones are in rows {{rows}}.",
                severity="warning",
            )
        )
    return chosen, tuple(notes)


def tidy(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, tuple[Note, ...]]:
    """`frame` as it is written: shells counter-clockwise, holes clockwise, no repeated points.

    The right-hand rule of RFC 7946, section 3.1.6, and OGC 06-103r4. Areas stay equal, and
    doing it again changes nothing. A shape that would collapse stays as it is, and so does one with
    vertices that are NaN or infinite, which GEOS drops or refuses.

    Parameters
    ----------
    frame : GeoDataFrame

    Returns
    -------
    frame : GeoDataFrame
        The same rows in the same order; `frame` itself where there was nothing to do.
    notes : tuple of Note
        ``points_removed`` and ``rings_oriented`` with the rows.
    """
    given = frame.geometry.to_numpy(copy=True)
    odd = _not_finite(given)
    kept, given[odd] = given[odd], None
    slim = _without_repeated(given)
    collapsed = shapely.is_empty(slim) & ~shapely.is_empty(given)
    slim = np.where(collapsed, given, slim)
    removed = shapely.get_num_coordinates(slim) < shapely.get_num_coordinates(given)
    slim = np.where(removed, slim, given)
    turned = shapely.orient_polygons(slim, exterior_cw=False)
    oriented = ~shapely.equals_identical(turned, slim) & ~shapely.is_missing(given)
    # A ring without area has no direction and would turn each time.
    again = shapely.orient_polygons(turned[oriented], exterior_cw=False)
    oriented[oriented] = shapely.equals_identical(again, turned[oriented])
    turned = np.where(oriented, turned, slim)
    if not (removed.any() or oriented.any()):
        return frame, ()
    notes = []
    if removed.any():
        notes.append(
            Note.on_rows(
                "points_removed",
                np.flatnonzero(removed) + 1,
                "{count} 行去掉了重复的界址点（第 {rows} 行）。",
                "{count} rows are written without repeated points (rows {rows}).",
            )
        )
    if oriented.any():
        notes.append(
            Note.on_rows(
                "rings_oriented",
                np.flatnonzero(oriented) + 1,
                "{count} 行的环方向统一为外环逆时针、内环顺时针。",
                "{count} rows are written with shells counter-clockwise and holes clockwise.",
            )
        )
    name, frame = frame.active_geometry_name, frame.copy(deep=False)
    turned[odd] = kept
    frame[name] = gpd.GeoSeries(turned, index=frame.index, crs=frame.crs)
    return frame, tuple(notes)


def _without_repeated(shapes: np.ndarray) -> np.ndarray:
    try:
        return shapely.remove_repeated_points(shapes, tolerance=0.0)
    except GEOSException:  # a ring of one and the same point; find it in halves
        if len(shapes) == 1:
            return shapes
    middle = len(shapes) // 2
    return np.concatenate([_without_repeated(shapes[:middle]), _without_repeated(shapes[middle:])])
