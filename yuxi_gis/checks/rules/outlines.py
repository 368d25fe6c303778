"""Rules on the outline of one parcel: its vertices, angles and folds, and their coordinates."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis import findings
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rings import (
    BLOCK,
    ROUNDING,
    Faults,
    Outlines,
    angle_between,
    each_outlines,
    search,
)
from yuxi_gis.checks.subject import Subject

__all__ = [
    "coordinates_rounded",
    "no_fold",
    "no_repeated_vertex",
    "no_spike",
]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

# The end of a fold may have so many edges: a square or a rounded one.
_CAP = 3


@rule(
    "T08",
    "warning",
    "重复节点",
    "Repeated vertex",
    confidence="V",
    parameters=("repeated_vertex",),
)
def no_repeated_vertex(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：同一环上相邻两个节点的距离小于容差（首尾闭合点除外）；每个地块报告一次，标出所有位置。
    图形无效的地块先按 T01 改正。

    为什么：重复节点使边长为零，界址点编号、注记和转角计算出错。

    怎样改：删去重复的节点；界址不变。

    例：矢量化时在同一处双击，留下两个坐标相同的节点。

    依据：确权登记成果检查软件的“重复节点”检查项；容差见检查方案 repeated_vertex。

    What it finds: consecutive vertices of a ring that are closer than the tolerance (other than
    the point that closes it); once for each parcel, with all places. Invalid outlines are to be
    mended first (T01).

    Why it matters: an edge without length upsets the numbers of boundary points, labels and
    angles.

    How to mend it: delete the superfluous vertex; the boundary stays as it is.

    Example: a double click while digitising left two vertices at one place.

    Source: the check "repeated vertices" of inspection software for land rights confirmation; the
    tolerance stands in the profile as repeated_vertex.
    """
    limit = subject.profile.number("repeated_vertex")

    def short(outlines: Outlines) -> Faults:
        length = outlines.length()
        return outlines.faults(length < limit, length)

    yield _at_vertices(
        subject,
        search(subject, short, limit),
        limit=limit,
        unit="m",
        zh="地块 {feature} 有 {count} 处相邻节点的距离小于 {limit:g} m，最小 {value:.6f} m。",
        en="Parcel {feature}: consecutive vertices closer than {limit:g} m: {count}, the closest "
        "{value:.6f} m.",
    )


@rule(
    "T09",
    "warning",
    "狭长角",
    "Narrow angle",
    confidence="V",
    parameters=("narrow_angle", "repeated_vertex"),
)
def no_spike(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：相邻两边在一个节点上的夹角（内角或外角）小于限值，即边界在一点上折返成尖刺；每个地块报告一次，
    标出所有尖点。重复节点不计；末端不是一个点的折返归 T10，宽度为零的归 T01。

    为什么：尖刺多为采集或编辑时的误点，虽几乎没有面积，却使界线、四至和缓冲分析出错。

    怎样改：核实该点是否为真实界址点；若不是，删去该节点。

    例：界址点误点到 20 米以外又折回，夹角 0.3 度。

    依据：确权登记成果检查软件的“狭长角”检查项；限值见检查方案 narrow_angle，重复节点的容差见
    repeated_vertex。

    What it finds: two consecutive edges with an angle between them, inside or outside, below the
    limit: the outline runs back at a point, as a spike; once for each parcel, with all its tips.
    Repeated vertices do not count. A fold whose end is not one point is T10's, one without any
    width T01's.

    Why it matters: a spike is mostly a slip of digitising or editing: it has hardly any area but
    upsets boundaries, adjacency and buffers.

    How to mend it: verify whether the tip is a real boundary point; if not, delete the vertex.

    Example: a boundary point was set 20 m away, and the outline comes back at 0.3 degrees.

    Source: the check "narrow angles" of inspection software for land rights confirmation; the
    limit stands in the profile as narrow_angle, the tolerance for repeated vertices as
    repeated_vertex.
    """
    limit = subject.profile.number("narrow_angle")

    def sharp(outlines: Outlines) -> Faults:
        after, before = outlines.after(), outlines.after(-1)
        there, back = outlines.xy[after] - outlines.xy, outlines.xy[before] - outlines.xy
        angle = angle_between(there, back)
        return outlines.faults(angle < limit, angle)

    yield _at_vertices(
        subject,
        search(subject, sharp, 0.0, limit, subject.profile.number("repeated_vertex")),
        limit=limit,
        unit="°",
        zh="地块 {feature} 有 {count} 处夹角小于 {limit:g}°，最小 {value:.2f}°。",
        en="Parcel {feature}: angles below {limit:g}°: {count}, the narrowest {value:.2f}°.",
    )


@rule(
    "T10",
    "error",
    "自重叠",
    "Outline folds back on itself",
    confidence="V",
    parameters=("fold_width", "fold_length", "narrow_angle", "repeated_vertex"),
)
def no_fold(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：边界折返，去与回的两边方向相反（偏差小于狭长角），在不短于限值的一段上相距不超过限值宽度，
    末端为一至三条短边；每个地块报告一次，标出折返的中线。末端为一个尖点的归 T09，宽度为零的归 T01；
    整个地块都这样窄的归 T12 和 T11。

    为什么：折返的细条没有实际土地，却占界址点和边长；叠加分析中成为碎屑。

    怎样改：核实界线，删去折返部分的节点，使边界直接相连。

    例：沿田埂采集时多走了 2 米又折回，形成宽 6 厘米的细条。

    依据：确权登记成果检查软件的“自重叠”检查项；限值见检查方案 fold_width、fold_length，方向偏差见
    narrow_angle，重复节点的容差见 repeated_vertex。

    What it finds: an outline that turns back: two edges run in opposite directions (to less than
    the narrow angle), no farther apart than the width over at least the length, and one to three
    short edges make the end; once for each parcel, along the middle of the fold. A fold that ends
    in one sharp point is T09's, one without any width T01's; a parcel that is as narrow all over
    is T12's and T11's.

    Why it matters: the strip is no land, but it has boundary points and length, and leaves crumbs
    in every overlay.

    How to mend it: verify the boundary and delete the vertices of the fold, so that the outline
    runs on directly.

    Example: a field ridge was recorded 2 m too far and back again, as a strip of 6 cm.

    Source: the check "self-overlap" of inspection software for land rights confirmation; the
    limits stand in the profile as fold_width and fold_length, how far the directions may differ as
    narrow_angle, the tolerance for repeated vertices as repeated_vertex.
    """
    width, length, angle = (
        subject.profile.number(name) for name in ("fold_width", "fold_length", "narrow_angle")
    )
    table = pd.concat(
        _folds(outlines, width, length, angle)
        for outlines in each_outlines(
            subject, width, step=subject.profile.number("repeated_vertex")
        )
    )
    rows = np.unique(table["row"].to_numpy())
    ends = table[["x", "y", "x2", "y2"]].to_numpy().reshape(-1, 2, 2)
    places = shapely.multilinestrings(ends, indices=np.searchsorted(rows, table["row"]))
    by_row = table.groupby("row")
    yield findings.make(
        subject.feature[rows],
        np.asarray(places, dtype=object),
        subject.metre.crs,
        value=by_row["width"].min().to_numpy(),
        limit=width,
        unit="m",
        words={"length": by_row["length"].max().to_numpy()},
        zh="地块 {feature} 的边界折返成宽 {value:.3f} m、长 {length:.2f} m 的细条"
        "（限值 {limit:g} m）。",
        en="Parcel {feature}: its outline folds back in a strip {value:.3f} m wide and "
        "{length:.2f} m long (limit {limit:g} m).",
    )


@rule(
    "T15",
    "info",
    "坐标精度",
    "Precision of coordinates",
    confidence="K",
    on="shapes",
    parameters=("coordinate_step",),
)
def coordinates_rounded(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：以米为单位的图层中，坐标的小数多于四位的节点数及所占份额；每个图层报告一次。经纬度坐标不查。

    为什么：外业测量的坐标没有这样精确；多余的小数说明坐标经过换算、叠加，或部分地块用别的软件改过，
    相邻地块的公共点可能因此不再重合（T06、T07）。

    怎样改：一般不必改；若只有少数节点如此，查这些地块的来源。不要为此自行四舍五入，那会移动公共点。

    例：图层由经纬度换算而来，全部节点都有八位小数。

    依据：惯例，未核实；位数见检查方案 coordinate_step。

    What it finds: how many vertices of a layer in metres have more than four decimals, and their
    share; once for each layer. Coordinates in degrees are not judged.

    Why it matters: no survey is so precise; superfluous decimals tell of a transformation or an
    overlay, or that some parcels were edited with another program, whereby the points that
    neighbours share may no longer coincide (T06, T07).

    How to mend it: mostly nothing; where only a few vertices are so, find out where their parcels
    come from. Do not round them for this: that would move shared points.

    Example: a layer was transformed from degrees, and all its vertices have eight decimals.

    Source: customary, not verified; the step stands in the profile as coordinate_step.
    """
    crs = subject.crs
    if crs is None or not crs.is_projected or crs.axis_info[0].unit_conversion_factor != 1:
        yield NotRun("", "", "坐标不以米为单位", "its coordinates are not in metres")
        return
    step = subject.profile.number("coordinate_step")
    total = fine = 0
    for part in subject.each():
        for start in range(0, len(part.shapes), BLOCK):
            xy = shapely.get_coordinates(part.shapes[start : start + BLOCK])
            total += len(xy)
            fine += int((np.abs(xy - np.round(xy / step) * step) > ROUNDING).any(axis=1).sum())
    if fine:
        yield subject.whole(
            [subject.spec.id],
            value=fine,
            words={"total": total, "share": 100 * fine / total, "step": step},
            zh="图层 {name} 的 {total} 个节点中有 {value:.0f} 个（{share:.1f} %）的坐标"
            "比 {step:g} m 更细。",
            en="Layer {name}: of {total} vertices {value:.0f} ({share:.1f} %) have coordinates "
            "finer than {step:g} m.",
        )


def _at_vertices(
    subject: Subject, faults: Faults, *, zh: str, en: str, limit: float, unit: str
) -> gpd.GeoDataFrame:
    """One finding a parcel, at all its places, with the least value and their `count`."""
    rows, index, count = np.unique(faults.row, return_inverse=True, return_counts=True)
    least = np.full(len(rows), np.inf)
    np.minimum.at(least, index, faults.value)
    places = shapely.multipoints(faults.xy, indices=index)
    return findings.make(
        subject.feature[rows],
        np.asarray(places, dtype=object),
        subject.metre.crs,
        value=least,
        limit=limit,
        unit=unit,
        words={"count": count},
        zh=zh,
        en=en,
    )


def _folds(outlines: Outlines, width: float, length: float, angle: float) -> pd.DataFrame:
    """The folds of outlines: their rows, lengths, mean widths and the ends of their middle lines.

    Parameters
    ----------
    width, length : float
        The greatest distance of the two edges and the least length along which they keep it, m.
    angle : float
        How far they may be from opposite directions, degrees.
    """
    columns = ["row", "length", "width", "x", "y", "x2", "y2"]
    found = [np.empty((0, len(columns)))]
    if not len(outlines.xy):
        return pd.DataFrame(found[0], columns=columns).astype({"row": np.intp})
    xy, size = outlines.xy, outlines.each(outlines.size)
    wide = outlines.each(outlines.mean_width() > width)
    short = outlines.length() <= width
    end = np.ones(len(xy), dtype=bool)
    for edges in range(1, _CAP + 1):
        end &= short[outlines.after(edges)]
        which = np.flatnonzero(end & wide & (size > edges + 2))
        a, b, c, d = (xy[outlines.after(k)[which]] for k in (0, 1, edges + 1, edges + 2))
        strips, table = _strips(a, b, c, d, width, angle)
        folded = table[:, 0] >= length
        rows = outlines.row[which[strips]][folded]
        found.append(np.column_stack([rows, table[folded]]))
    return pd.DataFrame(np.concatenate(found), columns=columns).astype({"row": np.intp})


def _strips(
    a: Floats, b: Floats, c: Floats, d: Floats, width: float, angle: float
) -> tuple[Rows, Floats]:
    """The strips between edges a-b and c-d that run in opposite directions, beginning at b and c.

    Returns
    -------
    ndarray of int, shape (m,)
        Which of the pairs of edges make a strip.
    ndarray of float64, shape (m, 6)
        Length and mean width of the strip, and the ends of its middle line.
    """
    opposite = np.flatnonzero(angle_between(b - a, c - d) < angle)
    a, b, c, d = a[opposite], b[opposite], c[opposite], d[opposite]
    size = np.hypot(*(b - a).T)
    along = (b - a) / size[:, None]
    across = along[:, ::-1] * [-1, 1]
    # Where c and d lie: so far back from b, and so far beside the edge.
    back_c, back_d = (((b - point) * along).sum(axis=1) for point in (c, d))
    side_c, side_d = (((point - b) * across).sum(axis=1) for point in (c, d))
    slope = (side_d - side_c) / (back_d - back_c)
    near, far = np.maximum(back_c, 0), np.minimum(back_d, size)
    # Edges that part leave the strip where they are too far from each other.
    parting = np.where(slope > 0, width - side_c, -width - side_c)
    far = np.minimum(far, back_c + np.divide(parting, slope, out=far - back_c, where=slope != 0))
    ends = []
    for back in (near, far):
        side = side_c + slope * (back - back_c)
        ends.append((side, b - along * back[:, None] + across * side[:, None] / 2))
    wide = (np.abs(ends[0][0]) + np.abs(ends[1][0])) / 2
    table = np.column_stack([far - near, wide, ends[0][1], ends[1][1]])
    close = np.abs(ends[0][0]) <= width
    return opposite[close], table[close]
