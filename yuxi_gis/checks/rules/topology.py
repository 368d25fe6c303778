"""Rules on the shape of parcels and on how they lie to each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis import findings
from yuxi_gis.checks.pairs import Pairs
from yuxi_gis.checks.registry import rule
from yuxi_gis.checks.subject import Mask, Subject, Texts
from yuxi_gis.units import to_mu

__all__ = ["geometry_there", "geometry_valid", "no_duplicate", "no_overlap"]

# What GEOS says → what a clerk reads.
_REASONS = {
    "Self-intersection": ("边界自相交", "the outline crosses itself"),
    "Ring Self-intersection": ("同一环在一点上自相接", "a ring touches itself"),
    "Hole lies outside shell": ("洞在外环之外", "a hole lies outside the outline"),
    "Holes are nested": ("洞套洞", "a hole lies within a hole"),
    "Nested shells": ("多部件互相包含", "one part lies within another"),
    "Interior is disconnected": ("洞把面分成几块", "holes cut the parcel in pieces"),
    "Duplicate Rings": ("环重复", "a ring is there twice"),
    "Too few points in geometry component": ("环的点数太少", "a ring has too few points"),
    "Invalid Coordinate": ("坐标不是有效数字", "a coordinate is no number"),
    "Ring is not closed": ("环未闭合", "a ring is not closed"),
}


@rule("T01", "error", "几何有效", "Valid geometry", confidence="M")
def geometry_valid(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：面的边界自相交、洞在外环之外、多部件互相重叠等不符合 OGC 规范的图形；没有面积的图形
    归 T02。

    为什么：这样的图形没有确定的面积，各种软件算出的结果不同，叠加分析可能出错或中断。

    怎样改：在标出的点上编辑节点，使边界不再交叉；不要用自动修复代替核实界址，自动修复可能丢掉一部分地块。

    例：相邻两个界址点的顺序颠倒，边界成“8”字形。

    依据：OGC 06-103r4（ISO 19125-1）简单要素；由 GEOS 判断。

    What it finds: outlines that cross themselves, holes outside the outline, parts that overlap and
    other shapes against the OGC rules (shapes without an area are T02's).

    Why it matters: such a shape has no definite area; programs disagree on it, and overlay may
    fail.

    How to mend it: edit the vertices at the marked point until the outline no longer crosses
    itself; an automatic repair is no survey and may drop a part of the parcel.

    Example: two boundary points in the wrong order make the outline a figure of eight.

    Source: OGC 06-103r4 (ISO 19125-1) simple features, as judged by GEOS.
    """
    wrong = ~subject.valid & ~_without_area(subject)
    reason = pd.Series(shapely.is_valid_reason(subject.shapes[wrong]), dtype="str")
    parts = reason.str.extract(r"^(?P<what>[^\[]*)(?:\[(?P<x>\S+) (?P<y>\S+).*\])?$")
    what = parts["what"].fillna("").str.strip()
    x, y = (pd.to_numeric(parts[axis], errors="coerce").to_numpy("float64") for axis in "xy")
    place = np.full(len(x), None)
    known = np.isfinite(x) & np.isfinite(y)
    place[known] = shapely.points(x[known], y[known])
    words = {
        "reason_zh": what.map(lambda text: _REASONS.get(text, (text, text))[0]).to_numpy(),
        "reason_en": what.map(lambda text: _REASONS.get(text, (text, text))[1]).to_numpy(),
        "at_zh": _at(x, y, known, "，位置 "),
        "at_en": _at(x, y, known, " at "),
    }
    yield findings.make(
        subject.feature[wrong],
        place,
        subject.crs,
        words=words,
        zh="地块 {feature} 的图形无效：{reason_zh}{at_zh}。",
        en="Parcel {feature}: invalid geometry, {reason_en}{at_en}.",
    )


@rule("T02", "error", "空几何", "Geometry missing or empty", confidence="M")
def geometry_there(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：记录没有图形，图形为空，或图形没有面积（点、线，或各点在一条线上的面）。

    为什么：没有图形的地块画不出来，也没有面积，但仍会计入地块数。

    怎样改：从原始图件补上图形；若记录是多余的，核实后删去。

    例：属性表中有一行，地图上没有对应的地块。

    依据：OGC 06-103r4（ISO 19125-1）；面积须大于 0。

    What it finds: a record without geometry, with an empty one, or with one that has no area (a
    point, a line, or a polygon whose points lie on one line).

    Why it matters: the parcel cannot be drawn and has no area, yet it is counted.

    How to mend it: add the outline from the original map; if the record is superfluous, verify and
    delete it.

    Example: a row of the attribute table with no parcel on the map.

    Source: OGC 06-103r4 (ISO 19125-1); the area must be above 0.
    """
    none = _without_area(subject)
    missing = shapely.is_missing(subject.shapes) | shapely.is_empty(subject.shapes)
    # Something to point at where the shape has points but no area: its first one.
    line = none & ~missing
    place = np.full(len(none), None)
    xy, row = shapely.get_coordinates(subject.shapes[line], return_index=True)
    first = np.unique(row, return_index=True)[1]
    place[line] = shapely.points(xy[first])
    yield findings.make(
        subject.feature[none],
        place[none],
        subject.crs,
        value=0,
        limit=0,
        unit="m²",
        area_m2=0,
        words={
            "what_zh": np.where(missing[none], "没有图形", "的图形没有面积"),
            "what_en": np.where(missing[none], "no geometry", "its geometry has no area"),
        },
        zh="地块 {feature} {what_zh}。",
        en="Parcel {feature}: {what_en}.",
    )


@rule(
    "T03",
    "error",
    "面重叠",
    "Parcels overlap",
    confidence="V",
    layers=("farmland", "homestead", "landuse", "protected_cropland"),
    parameters=("overlap_area", "equal_distance"),
    scope="neighbours",
)
def no_overlap(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：同一图层的两个地块有公共的内部，包括一个在另一个之内；每一对报告一次，完全
    相同的一对归 T05。重叠宽度指重叠最宽一块的宽度，按面积和周长都与它相同的矩形的短边计；处处窄于
    equal_distance 的重叠不报，那是节点坐标取整或相邻地块节点不一致留下的细缝。

    为什么：同一块土地不能同时属于两个地块，否则面积重复计算，权属有争议。

    怎样改：核实界址，把重叠部分划给其中一个地块，使两个地块共用一条边界；若一个地块在另一个之内，
    核实后从外面的地块中挖去，或删去多余的一个。

    例：地块甲的东界伸入地块乙 0.5 米，重叠 12.3 平方米。

    依据：NY/T 2539-2016 及确权登记成果检查软件的“面重叠”检查项；面积容差见检查方案 overlap_area，
    宽度容差见 equal_distance。

    What it finds: two parcels of a layer that share interior, one within the other included; each
    pair once. Two equal parcels are T05's. The width is that of the widest piece: the short side of
    the rectangle with the same area and perimeter. An overlap that is nowhere as wide as
    equal_distance is not reported: it comes of rounded coordinates, or of a vertex that only one of
    two neighbours has.

    Why it matters: a piece of land cannot belong to two parcels: it would be counted twice, and its
    title would be in dispute.

    How to mend it: verify the boundary and give the shared part to one parcel, so that both use the
    same line; where a parcel lies within another, cut it out of the outer one after verification,
    or delete the superfluous one.

    Example: the eastern boundary of one parcel reaches 0.5 m into the next; they share 12.3 m².

    Source: NY/T 2539-2016 and the check "polygons overlap" of inspection software for land rights
    confirmation; the tolerances stand in the profile: overlap_area for the area, equal_distance
    for the width.
    """
    pairs = subject.conflicts
    pairs = pairs[~pairs.equal]
    area = shapely.area(subject.metre.to_numpy())
    smaller = np.minimum(area[pairs.left], area[pairs.right])
    inside = smaller - pairs.area <= subject.profile.number("overlap_area")
    yield _pair_findings(
        subject,
        pairs,
        value=pairs.area,
        limit=subject.profile.number("overlap_area"),
        unit="m²",
        words={
            "mu": to_mu(pairs.area),
            "share": np.minimum(100 * pairs.area / smaller, 100),
            "width": pairs.width,
            "how_zh": np.where(inside, "，其中一个完全在另一个之内", ""),
            "how_en": np.where(inside, "; one lies within the other", ""),
        },
        zh="地块 {feature} 与 {other_feature} 重叠 {value:.2f} m²（{mu:.4f} 亩，占较小地块的 "
        "{share:.1f} %，限值 {limit:g} m²），重叠最宽处约 {width:.3f} m{how_zh}。",
        en="Parcels {feature} and {other_feature} overlap by {value:.2f} m² ({mu:.4f} mu, "
        "{share:.1f} % of the smaller one; limit {limit:g} m²), about {width:.3f} m wide"
        "{how_en}.",
    )


@rule(
    "T05",
    "error",
    "重复面",
    "Parcel drawn twice",
    confidence="V",
    parameters=("equal_distance",),
    scope="neighbours",
)
def no_duplicate(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：同一图层的两个地块图形相同（起点、方向和多余节点不论）；每一对报告一次，不再报 T03。

    为什么：同一个地块录入两次，地块数和面积都会重复计算。

    怎样改：比较两条记录的属性，核实后删去多余的一条；若两条都有合同，先核实合同。

    例：合并分组数据时，同一地块被复制了两次。

    依据：国土调查与确权登记成果检查软件的“重复面”检查项；容差见检查方案 equal_distance。

    What it finds: two parcels of a layer with the same outline (whatever its starting point,
    direction and superfluous vertices); each pair once, and not as T03.

    Why it matters: a parcel recorded twice is counted twice, in number and area.

    How to mend it: compare the attributes of both records, verify, and delete the superfluous one;
    if both have a contract, settle that first.

    Example: a parcel was copied twice when the data of several groups were merged.

    Source: the check "duplicate polygons" of inspection software for land survey and land rights
    confirmation; the tolerance stands in the profile as equal_distance.
    """
    pairs = subject.conflicts
    pairs = pairs[pairs.equal]
    yield _pair_findings(
        subject,
        pairs,
        value=pairs.area,
        limit=0,
        unit="m²",
        words={"mu": to_mu(pairs.area)},
        zh="地块 {feature} 与 {other_feature} 的图形相同（{value:.2f} m²，{mu:.4f} 亩），"
        "疑为重复录入。",
        en="Parcels {feature} and {other_feature} have the same outline ({value:.2f} m², "
        "{mu:.4f} mu); one seems to be recorded twice.",
    )


def _at(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], known: Mask, lead: str) -> Texts:
    """`lead` and where a fault is; nothing where that is unknown."""
    said = np.full(len(x), "", dtype=object)
    places = zip(x[known], y[known], strict=True)
    said[known] = [f"{lead}({east:.10g}, {north:.10g})" for east, north in places]
    return said


def _without_area(subject: Subject) -> Mask:
    """No shape, or a shape of finite coordinates that encloses nothing."""
    enclosed = shapely.area(subject.sound)
    return shapely.is_missing(subject.shapes) | (enclosed == 0)


def _pair_findings(subject: Subject, pairs: Pairs, **columns: Any) -> gpd.GeoDataFrame:
    """Findings on pairs, the lesser name first, so that the order of rows does not matter."""
    left, right = subject.feature[pairs.left], subject.feature[pairs.right]
    swap = left > right
    return findings.make(
        np.where(swap, right, left),
        pairs.shape,
        subject.metre.crs,
        other_layer=subject.spec.id,
        other_feature=np.where(swap, left, right),
        area_m2=pairs.area,
        **columns,
    )
