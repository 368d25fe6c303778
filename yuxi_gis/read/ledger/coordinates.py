"""Columns of a table that hold coordinates or well-known text (WKT), as geometry.

Which of two columns is the easting is decided by their values, not by the letters: in Chinese
surveying X is the northing and Y the easting (GB/T 35957, NY/T 2537), in most programs it is the
other way. Where the values do not tell, nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from yuxi_gis.crs import parse_crs
from yuxi_gis.errors import YuxiGisError
from yuxi_gis.read.table import Decision, Note

__all__ = ["Found", "find", "last_part"]

#: Share of the filled values that must fit, so that a column counts as coordinates.
_SHARE = 0.9
_NESTED = 16
_WKT = (
    r"(?i)^\s*(?:SRID\s*=\s*(\d{1,9})\s*;)?\s*((?:MULTI)?(?:POINT|LINESTRING|POLYGON)"
    r"|GEOMETRYCOLLECTION|LINEARRING|CURVEPOLYGON|COMPOUNDCURVE|CIRCULARSTRING"
    r"|MULTISURFACE|MULTICURVE|TRIANGLE|TIN|POLYHEDRALSURFACE)\b"
)
_CURVED = re.compile(r"(?i)CURVE|CIRCULARSTRING|MULTISURFACE|TRIANGLE|TIN\b|POLYHEDRAL")
_DEGREES = (
    r"^(?P<a>[EWNS东西南北+-]?)[经纬]?\s*(?P<d>\d{1,3})\s*[°º度:]\s*"
    r"(?:(?P<m>\d{1,2}(?:\.\d+)?)\s*['′’‘分:]\s*)?(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*"
    r"(?:\"|″|”|“|''|′′|’’|秒)?)?\s*(?P<z>[EWNS]?)$"
)
"""Degrees, minutes and seconds: ``102°32′45.6″E``, ``北纬24度12分30秒``, ``24:12:30``."""


@dataclass(frozen=True)
class _Pair:
    """Two columns by their names: `first` is the easting where the names say so."""

    kind: str
    first: str
    second: str


#: In the order in which they are preferred. The letters x and y prove no order.
_PAIRS = (
    _Pair("degrees", r".*经度|东经|lon|lng|long|longitude", r".*纬度|北纬|lat|latitude"),
    _Pair(
        "metres",
        r"e|.*东(向)?坐标[xy]?|横坐标[xy]?|.*east(ing)?|.*_e",
        r"n|.*北(向)?坐标[xy]?|纵坐标[xy]?|.*north(ing)?|.*_n",
    ),
    _Pair(
        "letters", r"(.*[^a-z])?x(坐标|值|_?coord)?|坐标x", r"(.*[^a-z])?y(坐标|值|_?coord)?|坐标y"
    ),
)


@dataclass(frozen=True)
class _Window:
    """Where coordinates of China lie, easting (or longitude) first."""

    zh: str
    en: str
    east: tuple[float, float]
    north: tuple[float, float]


#: China lies within 73-136° E, 3-54° N; zones of 3° have the numbers 25-45, those of 6° 13-23.
#: From 1000 km (9° N) northwards a northing cannot be taken for an easting without zone number.
_WINDOWS = (
    _Window("经纬度（度）", "degrees", (73, 136), (3, 54)),
    _Window("平面坐标，无带号", "metres without zone number", (1e5, 9.5e5), (1e6, 6.2e6)),
    _Window("平面坐标，有带号", "metres with zone number", (1.305e7, 4.595e7), (1e6, 6.2e6)),
    _Window("Web 墨卡托", "Web Mercator", (8.1e6, 1.52e7), (1e6, 7.2e6)),
)


@dataclass(frozen=True)
class Found:
    """Geometry that a table holds in its columns.

    Attributes
    ----------
    shapes : ndarray of shapely geometry
        One for each row; None where there is none.
    kind : str
        As `RawTable.geometry`.
    crs : CRS or None
        That of EWKT.
    drop : str or None
        The column that became the geometry wholly and is no field any more.
    decisions : tuple of Decision
    notes : tuple of Note
    """

    shapes: np.ndarray
    kind: str
    crs: CRS | None
    drop: str | None
    decisions: tuple[Decision, ...]
    notes: tuple[Note, ...]


def last_part(column: str) -> str:
    """The lower level of a two-level header: ``"中心点/X坐标"`` → ``"X坐标"``."""
    return column.rpartition("/")[2] or column


def _key(column: str) -> str:
    """A column's name for comparison: half width, lower case, without spaces and ``(…)``."""
    text = unicodedata.normalize("NFKC", last_part(column))
    return re.sub(r"\s+", "", re.sub(r"\([^()]*\)$", "", text.strip())).lower()


def find(frame: pd.DataFrame) -> tuple[Found | None, tuple[Note, ...]]:
    """The geometry of a table, if one of its columns holds WKT or two hold coordinates.

    Parameters
    ----------
    frame : DataFrame
        Its index has the row numbers of the file, for notes.

    Returns
    -------
    found : Found or None
    notes : tuple of Note
        Why columns that look like coordinates were not used.
    """
    found = _wkt(frame)
    if found is not None:
        return found, ()
    notes: list[Note] = []
    keys = {column: _key(column) for column in frame.columns}
    for pair in _PAIRS:
        firsts = [c for c, k in keys.items() if re.fullmatch(pair.first, k)]
        seconds = [c for c, k in keys.items() if re.fullmatch(pair.second, k)]
        if len(firsts) != 1 or len(seconds) != 1:
            if firsts and seconds:
                notes.append(_several(firsts + seconds))
            continue
        found, note = _points(frame, pair, firsts[0], seconds[0])
        if found is not None:
            return found, tuple(notes)
        notes += [note] if note is not None else []
    return None, tuple(notes)


def _several(columns: Sequence[str]) -> Note:
    names = ", ".join(columns)
    return Note(
        "coordinates_ambiguous",
        f"有多组坐标列（{names}），未作为图形读入；请只保留一组。",
        f"several columns may be the coordinates ({names}); none was used. Keep one pair.",
        severity="warning",
    )


# ---------------------------------------------------------------------------------- points


def _points(
    frame: pd.DataFrame, pair: _Pair, first: str, second: str
) -> tuple[Found | None, Note | None]:
    a, b = _numbers(frame[first]), _numbers(frame[second])
    filled = frame[first].notna() | frame[second].notna()
    placed = a.notna() & b.notna() & ~((a == 0) & (b == 0))
    if not placed.any():
        return None, None
    decided = _axes(pair, a[placed].to_numpy(), b[placed].to_numpy(), first, second)
    if decided is None:
        return None, Note(
            "coordinates_ambiguous",
            f"{first}、{second} 像坐标，但从数值看不出哪一列是东坐标，未作为图形读入。请把列名改为"
            "“东坐标”“北坐标”或“经度”“纬度”。",
            f"{first} and {second} look like coordinates, but their values do not tell which one "
            "is the easting; no geometry was made. Call them easting and northing, or lon and lat.",
            severity="warning",
        )
    swapped, window, decision = decided
    east, north = (b, a) if swapped else (a, b)
    shapes = np.full(len(frame), None, object)
    shapes[placed] = shapely.points(east[placed].to_numpy(), north[placed].to_numpy())
    notes = []
    if (lost := filled & ~placed).any():
        notes.append(_missing(frame.index[lost], first, second))
    if window is not None and (far := placed & ~_inside(east, north, window)).any():
        notes.append(_outside(frame.index[far], window))
    return Found(shapes, "Point", None, None, (decision,), tuple(notes)), None


def _missing(rows: pd.Index, first: str, second: str) -> Note:
    return Note.on_rows(
        "coordinates_missing",
        rows,
        f"{{count}} 行的 {first}、{second} 缺失、为 0 或不是数，没有图形（第 {{rows}} 行）。",
        f"{{count}} rows have no point: {first} or {second} is missing, 0 or no number "
        "(rows {rows}).",
        severity="warning",
    )


def _outside(rows: pd.Index, window: _Window) -> Note:
    return Note.on_rows(
        "coordinates_outside",
        rows,
        f"{{count}} 行的坐标不在{window.zh}的范围内，请核对（第 {{rows}} 行）。",
        f"{{count}} rows lie outside the window of {window.en} (rows {{rows}}).",
        severity="warning",
    )


def _numbers(values: pd.Series) -> pd.Series:
    """Coordinates as float64: numbers, text of numbers, or degrees, minutes and seconds."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    if not pd.api.types.is_numeric_dtype(values):
        text = values.astype("str").where(values.notna() & numbers.isna()).str.strip()
        parts = text.str.extract(_DEGREES)
        d, m, s = (pd.to_numeric(parts[name], errors="coerce") for name in "dms")
        m, s = m.fillna(0), s.fillna(0)
        negative = parts["a"].isin(list("WS西南-")) | parts["z"].isin(["W", "S"])
        degrees = (d + m / 60 + s / 3600) * (1 - 2 * negative.astype(int))
        numbers = numbers.fillna(degrees.where((m < 60) & (s < 60)))
    return numbers.where(np.isfinite(numbers))


def _inside(east: pd.Series, north: pd.Series, window: _Window) -> pd.Series:
    return east.between(*window.east) & north.between(*window.north)


def _axes(
    pair: _Pair, a: np.ndarray, b: np.ndarray, first: str, second: str
) -> tuple[bool, _Window | None, Decision] | None:
    """Whether `second` is the easting, by which window, and the decision; None where unknown."""
    fits = []
    for swapped, east, north in ((False, a, b), (True, b, a)):
        for window in _WINDOWS:
            if _inside(pd.Series(east), pd.Series(north), window).mean() >= _SHARE:
                fits.append((swapped, window))
    if len({swapped for swapped, _ in fits}) == 1:
        swapped, window = fits[0]
        return swapped, window, _by_values(pair, swapped, window, first, second)
    if pair.kind == "letters":
        return None
    if pair.kind == "degrees" and (np.abs(a).max() > 180 or np.abs(b).max() > 90):
        return None
    decision = Decision(
        "axes",
        f"{first}, {second}",
        f"按列名：{first} 为东（经度），{second} 为北（纬度）；数值不在中国范围内，请核对",
        f"by their names {first} is the easting and {second} the northing; the values lie outside "
        "China, check them",
        "low",
    )
    return False, None, decision


def _by_values(pair: _Pair, swapped: bool, window: _Window, first: str, second: str) -> Decision:
    east, north = (second, first) if swapped else (first, second)
    zh = f"按数值：{east} 为东（经度），{north} 为北（纬度），{window.zh}"
    en = f"by their values {east} is the easting and {north} the northing, {window.en}"
    if swapped and pair.kind == "letters":
        zh += "；测量习惯 X 为北、Y 为东"
        en += "; as surveyors do, X is the northing and Y the easting"
    elif swapped:
        zh += "；与列名相反，请核对"
        en += "; the names say the opposite, check them"
    return Decision("axes", f"{east}, {north}", zh, en, "high")


# ------------------------------------------------------------------------------------- WKT


def _wkt(frame: pd.DataFrame) -> Found | None:
    for column in frame.columns:
        values = frame[column]
        if not (pd.api.types.is_string_dtype(values) or values.dtype == object):
            continue
        filled = values.dropna()
        if filled.empty or not _is_wkt(filled.iloc[:100]) or not _is_wkt(filled):
            continue
        return _from_wkt(values, column)
    return None


def _is_wkt(values: pd.Series) -> bool:
    return bool(values.astype("str").str.contains(_WKT_TEST, regex=True).mean() >= _SHARE)


_WKT_TEST = re.sub(r"\((?!\?)", "(?:", _WKT)


def _from_wkt(values: pd.Series, column: str) -> Found:
    text = values.astype("str").where(values.notna())
    head = text.str.extract(_WKT)
    # GEOS reads nested collections by recursion, and has no arcs.
    deep = text.str.count(r"(?i)GEOMETRYCOLLECTION").fillna(0) > _NESTED
    deep |= text.str.contains(r"(?:\(\s*){8}", regex=True, na=False)
    curved = text.str.contains(_CURVED.pattern, regex=True, na=False)
    plain = text.str.replace(r"(?i)^\s*SRID\s*=\s*\d+\s*;", "", regex=True)
    readable = text.notna() & ~deep & ~curved
    shapes = np.full(len(values), None, object)
    shapes[readable] = shapely.from_wkt(plain[readable].tolist(), on_invalid="ignore")
    coords, of = shapely.get_coordinates(shapes, return_index=True)
    shapes[np.unique(of[~np.isfinite(coords).all(axis=1)])] = None
    failed = (text.notna() & shapely.is_missing(shapes)).to_numpy()
    notes = [_unread(values.index[failed], column, curved[failed].any())] if failed.any() else []
    crs, extra = _declared(head[0].dropna().unique(), column)
    decision = Decision(
        "geometry",
        column,
        f"{column} 列是 WKT 文本",
        f"column {column} holds WKT",
        "certain",
    )
    return Found(
        shapes,
        _kind(shapes),
        crs,
        None if failed.any() else column,
        (decision,),
        (*notes, *extra),
    )


def _unread(rows: pd.Index, column: str, curved: bool) -> Note:
    zh = "含有弧线的请先在原软件中转为折线。" if curved else "请核对这些行。"
    en = "Turn arcs into lines in the program they come from." if curved else "Check these rows."
    return Note.on_rows(
        "wkt_unreadable",
        rows,
        f"{{count}} 行的 {column} 不是可读的 WKT，没有图形，文字保留（第 {{rows}} 行）。{zh}",
        f"{{count}} rows have text in {column} that is no readable WKT; they have no geometry and "
        f"keep the text (rows {{rows}}). {en}",
        severity="error",
        field=column,
    )


def _declared(srids: Iterable[str], column: str) -> tuple[CRS | None, list[Note]]:
    """The CRS of EWKT; a note where it names several or an unknown one."""
    numbers = sorted({int(number) for number in srids} - {0})
    if len(numbers) == 1:
        try:
            return parse_crs(numbers[0]), []
        except YuxiGisError:
            pass
    if not numbers:
        return None, []
    shown = ", ".join(map(str, numbers[:5]))
    return None, [
        Note(
            "srid_unusable",
            f"{column} 列的 SRID（{shown}）不止一个或无法识别，未采用；请用 --crs 指明坐标系。",
            f"the SRIDs in column {column} ({shown}) are several, or unknown; none was used. "
            "Give --crs.",
            severity="error",
            field=column,
        )
    ]


def _kind(shapes: np.ndarray) -> str:
    kinds = pd.unique(gpd.GeoSeries(shapes).geom_type.dropna())
    return str(kinds[0]) if len(kinds) == 1 else "Unknown"
