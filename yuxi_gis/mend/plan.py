"""What can be mended in one layer, and the layer with that mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.errors import GEOSException

from yuxi_gis import findings
from yuxi_gis.checks import RULES
from yuxi_gis.checks.subject import Mask, Shapes, Subject
from yuxi_gis.crs import datum
from yuxi_gis.errors import CRSError
from yuxi_gis.mend.shapes import (
    insert_nodes,
    nearest_vertex,
    plane,
    snaps,
    turned,
    without_repeated,
)
from yuxi_gis.mend.texts import planned_texts
from yuxi_gis.read.fields import official_names

__all__ = ["KINDS", "Plan", "plan"]

#: What can be mended, by kind.
KINDS = {
    "text": ("文字规范", "Text"),
    "repeated_vertex": ("重复节点", "Repeated vertices"),
    "ring_direction": ("环方向", "Direction of rings"),
    "node": ("公共边节点", "Node on a shared edge"),
}
_COLUMNS = ("row", "kind", "field", "what_zh", "what_en", "before", "after", "moved_m", "place")

#: What became of a text: trimmed, or more.
_CLEANED = (
    ("去掉前后空白", "blanks around the text left out"),
    (
        "去掉空白和控制字符，代码改为半角",
        "blanks and control characters left out, codes written in half-width characters",
    ),
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """The mends of a layer.

    `mends` has a row a mend: `row` (position), `kind`, `field` (texts), `what_zh`, `what_en`,
    `before`, `after` (texts as they are), `moved_m` and `place` (a point in the layer's CRS).
    `snaps` are vertices and those to be put in their place.
    """

    subject: Subject
    mends: pd.DataFrame
    snaps: tuple[Floats, Floats]

    def applied(self, which: Mask) -> pd.DataFrame:
        """The layer with the mends `which`; the frame itself where there is none."""
        frame, mends = self.subject.frame, self.mends[which]
        if mends.empty:
            return frame
        attrs, frame = frame.attrs, frame.copy(deep=False)
        for field, texts in mends[mends["kind"] == "text"].groupby("field"):
            place = _place(self.subject, str(field))
            values = frame.iloc[:, place].array.copy()
            values[texts["row"].to_numpy(int)] = texts["after"].to_numpy(object)
            frame.isetitem(place, values)
        if isinstance(frame, gpd.GeoDataFrame) and (mends["kind"] != "text").any():
            name = frame.active_geometry_name
            frame[name] = gpd.GeoSeries(self._shapes(mends), index=frame.index, crs=frame.crs)
        frame.attrs = attrs
        return frame

    def _shapes(self, mends: pd.DataFrame) -> Shapes:
        shapes = self.subject.shapes.copy()
        of = {kind: rows["row"].to_numpy(int) for kind, rows in mends.groupby("kind")}
        if (rows := of.get("repeated_vertex")) is not None:
            shapes[rows] = without_repeated(shapes[rows], *self.snaps)
        if (rows := of.get("node")) is not None:
            some, which = np.unique(rows, return_inverse=True)
            xy = shapely.get_coordinates(mends.loc[mends["kind"] == "node", "place"].to_numpy())
            scale = plane(self.subject.crs, self.subject.shapes)
            shapes[some] = insert_nodes(shapes[some], which, xy, scale)
        if (rows := of.get("ring_direction")) is not None:
            shapes[rows] = turned(shapes[rows], _clockwise(self.subject))
        return shapes


def plan(subject: Subject) -> Plan:
    """All that can be mended in a layer."""
    parts, pairs = [_texts(subject)], (np.empty((0, 2)), np.empty((0, 2)))
    if subject.shaped and subject.spec.geometry == "Polygon":
        flat = subject.valid & ~shapely.has_z(subject.shapes) & ~shapely.has_m(subject.shapes)
        flat &= ~shapely.is_empty(subject.shapes)
        scale = plane(subject.crs, subject.shapes)
        pairs = snaps(subject.shapes[flat], scale, subject.profile.number("repeated_vertex"))
        parts += [_repeated(subject, flat, pairs, scale), _directions(subject, flat)]
        parts += [_nodes(subject, flat, scale)]
    found = [part for part in parts if len(part)]
    mends = pd.concat(found, ignore_index=True) if found else _table([])
    return Plan(subject, mends, pairs)


def _table(rows: Any, **columns: Any) -> pd.DataFrame:
    empty = {"field": "", "before": "", "after": "", "moved_m": np.nan, "place": None}
    table = pd.DataFrame({"row": np.asarray(rows, dtype=int)})
    for name in _COLUMNS[1:]:
        value = columns.get(name, empty.get(name, ""))
        table[name] = pd.Series(value, index=table.index, dtype=object)
    return table.astype({"moved_m": float})


def _texts(subject: Subject) -> pd.DataFrame:
    texts = planned_texts(subject)
    named = [subject.spec.by_name[name] for name in texts["field"]]
    how = (texts["before"].str.strip() != texts["after"]).astype(int)
    points = _points(subject, texts["row"].to_numpy(int))
    return _table(
        texts["row"],
        kind="text",
        field=texts["field"].to_numpy(object),
        what_zh=[
            f"{f.name}（{f.title_zh}）{_CLEANED[k][0]}" for f, k in zip(named, how, strict=True)
        ],
        what_en=[
            f"{f.name} ({f.title_en}): {_CLEANED[k][1]}" for f, k in zip(named, how, strict=True)
        ],
        before=texts["before"].to_numpy(object),
        after=texts["after"].to_numpy(object),
        place=points,
    )


def _repeated(
    subject: Subject, flat: Mask, pairs: tuple[Floats, Floats], scale: Floats
) -> pd.DataFrame:
    rows = np.flatnonzero(flat)
    before = subject.shapes[rows]
    after = without_repeated(before, *pairs)
    wrong = ~shapely.equals_identical(before, after)
    rows, before, after = rows[wrong], before[wrong], after[wrong]
    fewer = shapely.get_num_coordinates(before) - shapely.get_num_coordinates(after)
    far = np.hypot(*((pairs[1] - pairs[0]) * scale).T).max(initial=0.0)
    return _table(
        rows,
        kind="repeated_vertex",
        what_zh=[f"去掉 {n} 个重复的节点" for n in fewer],
        what_en=[f"{n} repeated vertices left out" for n in fewer],
        moved_m=far,
        place=_points(subject, rows),
    )


def _directions(subject: Subject, flat: Mask) -> pd.DataFrame:
    rows = np.flatnonzero(flat)
    shapes = subject.shapes[rows]
    rows = rows[~shapely.equals_identical(shapes, turned(shapes, _clockwise(subject)))]
    return _table(
        rows,
        kind="ring_direction",
        what_zh="外环与洞的方向改为相反，边界不动",
        what_en="outline and holes made to run in opposite directions; no boundary moved",
        moved_m=0.0,
        place=_points(subject, rows),
    )


def _clockwise(subject: Subject) -> bool | None:
    """Which way outlines run (T14): a shapefile prescribes it, other formats only that holes run
    the other way."""
    told = subject.frame.attrs.get("decisions", ())
    formats = {one["value"] for one in told if one["what"] == "format"}
    return True if formats == {"ESRI Shapefile"} else None


def _nodes(subject: Subject, flat: Mask, scale: Floats) -> pd.DataFrame:
    """What T06 finds, at the neighbour's vertex."""
    rule = RULES["T06"]
    if subject.spec.id not in rule.layers or not subject.profile.has(rule.id):
        return _table([])
    try:
        tables = [part for part in rule.check(subject) if isinstance(part, gpd.GeoDataFrame)]
    except (CRSError, GEOSException):  # told by the checks, as not run
        return _table([])
    found = pd.concat(tables) if tables else findings.empty(subject.crs)
    row_of = pd.Series(np.arange(len(subject.feature)), index=subject.feature)
    row, owner = (row_of.loc[found[name]].to_numpy() for name in ("feature", "other_feature"))
    here = flat[row] & flat[owner]
    found, row, owner = found[here], row[here], owner[here]
    if not len(found):
        return _table([])
    points = datum.to_crs(found.geometry, subject.crs) if subject.crs else found.geometry
    xy = nearest_vertex(subject.shapes[owner], shapely.get_coordinates(points.to_numpy()), scale)
    return _table(
        row,
        kind="node",
        what_zh=[f"在公共边上插入与 {name} 共用的节点" for name in found["other_feature"]],
        what_en=[f"node inserted on the edge shared with {n}" for n in found["other_feature"]],
        moved_m=found["value"].to_numpy(),
        place=shapely.points(xy),
    )


def _place(subject: Subject, field: str) -> int:
    """Where an official field lies among the columns."""
    names = [str(name) for name in subject.frame.columns]
    official = official_names(dict.fromkeys(names), subject.spec)
    return names.index(next(name for name, known in official.items() if known == field))


def _points(subject: Subject, rows: npt.NDArray[np.intp]) -> Shapes:
    """A point in each of the rows' shapes; None in a table."""
    shapes = subject.sound if subject.spec.geometry == "Polygon" else subject.shapes
    return np.asarray(shapely.point_on_surface(shapes[rows]), dtype=object)
