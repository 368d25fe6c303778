"""What a user must know of a VCT file, in words: one row for each thing that can be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from yuxi_gis.read.table import Note
from yuxi_gis.read.vct.objects import Names, Objects
from yuxi_gis.read.vct.sections import GEOMETRY, Section

__all__ = ["file_notes", "problem_notes"]

_READ = (*GEOMETRY, "head", "featurecode", "tablestructure", "attribute", "comment")
_NAMED = 10

#: what: (severity, zh, en); {ids} are the numbers of the objects, {deviation} in their unit.
_PROBLEMS = {
    "broken": ("error", "{count} 个对象不符合语法，无法读出几何，几何为空（{ids}）。",
               "{count} objects do not follow the grammar: their geometry is null ({ids})."),
    "count": ("warning", "{count} 个对象声明的个数与实际不符，按实际读取（{ids}）。",
              "{count} objects declare another count than they have: read as they are ({ids})."),
    "coordinate": ("error", "{count} 个对象的坐标不是数字，几何为空（{ids}）。",
                   "{count} objects have coordinates that are no numbers: geometry null ({ids})."),
    "missing": ("error", "{count} 个对象引用的线或面不在文件中，几何为空（{ids}）。",
                "{count} objects refer to lines or polygons that are not in the file: geometry "
                "null ({ids})."),
    "gap": ("error", "{count} 个对象的线首尾不相接，几何为空（{ids}）。",
            "The lines of {count} objects do not meet: geometry null ({ids})."),
    "direction": ("warning", "{count} 个对象的线方向（正负号）不对，或为有向点的方向未保留，"
                  "已按首尾相接读取（{ids}）。",
                  "{count} objects have wrong signs of lines, put right by how the lines meet, or "
                  "are directed points whose direction is not kept ({ids})."),
    "unclosed": ("warning", "{count} 个面的环不闭合，已连接首尾（{ids}）。",
                 "{count} polygons have a ring that is not closed: its ends were joined ({ids})."),
    "ring": ("warning", "{count} 个面有不足三个点的环，已略去该环（{ids}）。",
             "{count} polygons have a ring of fewer than three points, left out ({ids})."),
    "nesting": ("error", "{count} 个面的环互相嵌套过多，几何为空（{ids}）。",
                "{count} polygons have too many rings within one another: geometry null ({ids})."),
    "empty": ("warning", "{count} 个对象没有可用的几何，几何为空（{ids}）。",
              "{count} objects have no usable geometry: null ({ids})."),
    "curve": ("info", "{count} 个对象的圆弧已折线化，最大偏离 {deviation:.2g}（{ids}）。",
              "Arcs of {count} objects are chords now, at most {deviation:.2g} off ({ids})."),
    "angle": ("warning", "{count} 个对象有圆心弧或椭圆弧：起止角按自东逆时针理解，已折线化，"
              "最大偏离 {deviation:.2g}。请核对（{ids}）。",
              "{count} objects have arcs by centre and angles, taken anticlockwise from east and "
              "made chords, at most {deviation:.2g} off. Check them ({ids})."),
    "spline": ("warning", "{count} 个对象有样条等曲线，按其控制点的折线读取，偏离未知（{ids}）。",
               "{count} objects have splines, read as lines through their points; how far off is "
               "not known ({ids})."),
    "no_object": ("warning", "{count} 行属性没有图形，几何为空（{ids}）。",
                  "{count} attribute rows have no object: geometry null ({ids})."),
    "no_attributes": ("warning", "{count} 个图形没有属性，属性为空（{ids}）。",
                      "{count} objects have no attributes: null ({ids})."),
    "duplicate_id": ("warning", "{count} 行的对象标识号重复，按先后次序对应（{ids}）。",
                     "{count} rows share the number of their object with another: joined in the "
                     "order of the file ({ids})."),
}  # fmt: skip


def problem_notes(
    names: Names, found: Mapping[str, np.ndarray], ids: np.ndarray, deviation: float = 0.0
) -> Iterator[Note]:
    """A note for each problem; `found` has row indices from 0, `ids` the object of each row."""
    for what, rows in found.items():
        if not len(rows):
            continue
        severity, zh, en = _PROBLEMS[what]
        shown = ", ".join(names.text(int(ids[k]))[:40] for k in rows[:_NAMED])
        words: dict[str, Any] = {"count": len(rows), "deviation": deviation}
        words["ids"] = shown + (" …" if len(rows) > _NAMED else "")
        zh, en = (text.format(**words) for text in (zh, en))
        yield Note.on_rows(f"vct_{what}", rows + 1, zh, en, severity=severity)


def file_notes(
    sections: Mapping[str, Section],
    miscounted: list[str],
    stray: list[int],
    built_from: Mapping[str, int],
    objects: Mapping[str, Objects],
    dimension: str,
) -> tuple[Note, ...]:
    """Notes on the file as a whole."""
    notes = []
    if dimension.strip() == "3":
        notes.append(
            _note(
                "z_dropped",
                "info",
                sum(len(found.ids) for found in objects.values()),
                "文件是三维的（Dim: 3），只保留平面坐标。",
                "The file is three-dimensional (Dim: 3); only x and y are kept.",
            )
        )
    for name, section in sections.items():
        if name not in _READ and section.lines:
            notes.append(
                _note(
                    "section_not_read",
                    "warning",
                    len(section.lines),
                    f"{name.title()}Begin 段（{len(section.lines)} 行）没有读取。",
                    f"Section {name.title()}Begin ({len(section.lines)} lines) is not read.",
                )
            )
        if not section.closed:
            notes.append(
                _note(
                    "section_open",
                    "warning",
                    1,
                    f"{name.title()}Begin 段没有 {name.title()}End：文件可能被截断。",
                    f"Section {name.title()}Begin has no {name.title()}End: the file may be cut.",
                )
            )
    missing = [name for name in ("head", "featurecode", "tablestructure") if name not in sections]
    if missing:
        shown = ", ".join(f"{name.title()}Begin" for name in missing)
        notes.append(
            _note(
                "section_missing",
                "warning",
                len(missing),
                f"文件缺少 {shown} 段。",
                f"The file has no section {shown}.",
            )
        )
    for name in miscounted:
        notes.append(
            _note(
                "field_count",
                "warning",
                1,
                f"表 {name[:60]} 声明的字段数与实际不符，按实际读取。",
                f"Table {name[:60]} declares another number of fields than it has: read as is.",
            )
        )
    if stray:
        shown = ", ".join(map(str, stray[:_NAMED]))
        notes.append(
            _note(
                "stray_lines",
                "warning",
                len(stray),
                f"属性段有 {len(stray)} 行不属于任何表，未读（文件第 {shown} 行）。",
                f"{len(stray)} lines of the attributes are in no table, not read (lines {shown}).",
            )
        )
    for shape, count in built_from.items():
        if count:
            zh, en = (
                ("线只用于构面", "lines only bound polygons")
                if shape == "line"
                else ("结点只用于拓扑", "nodes only serve topology")
            )
            notes.append(
                _note(
                    "helpers",
                    "info",
                    count,
                    f"{count} 个{zh}，不成表。",
                    f"{count} {en}: no table is made of them.",
                )
            )
    ids = np.array(objects["line"].ids, np.int64)
    twice = len(ids) - len(np.unique(ids))
    if twice and any(objects["polygon"].refs):
        notes.append(
            _note(
                "duplicate_line",
                "warning",
                twice,
                f"{twice} 条线的标识号重复；构面时用先出现的。",
                f"{twice} lines repeat the number of another; polygons use the first one.",
            )
        )
    return tuple(notes)


def _note(what: str, severity: str, count: int, zh: str, en: str) -> Note:
    return Note(f"vct_{what}", zh, en, severity, count)
