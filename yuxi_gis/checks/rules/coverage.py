"""Rules on how neighbours share their outlines: gaps, missing nodes, nodes that nearly coincide.

All three look only at edges that no neighbour shares (`Subject.edges`): in a clean coverage these
are the outline of the whole, and there is next to nothing to search.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis import findings
from yuxi_gis.checks.edges import Edges
from yuxi_gis.checks.registry import rule
from yuxi_gis.checks.subject import Mask, Shapes, Subject
from yuxi_gis.units import to_mu

__all__ = ["no_gap", "nodes_coincide", "nodes_there"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

# Edges searched at a time: what bounds the memory where no neighbour shares anything.
_BLOCK = 1_000_000
# T06 and T07 look for the same: found once, and kept as long as the layer.
_FOUND: WeakKeyDictionary[Subject, pd.DataFrame] = WeakKeyDictionary()
# Lengths are compared in micrometres, so that a zone prefix (7 nm of rounding) makes no difference.
_DECIMALS = 6


@rule(
    "T04",
    "error",
    "面缝隙",
    "Gap between parcels",
    confidence="V",
    layers=("landuse", "protected_cropland"),
    parameters=("gap_width", "mapping_unit_construction", "equal_distance"),
    scope="layer",
)
def no_gap(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：地类图斑之间（或一个图斑的洞中）没有图斑、四周封闭、面积小于最小上图面积或处处窄于限值的空隙；
    永久基本农田图斑本来不连片，只查处处窄于限值的封闭空隙。向图层外开口的缝隙不在此列，其边上的节点由
    T06、T07 查；宽度不到拓扑容差的不报告。

    为什么：地类图斑应当铺满辖区，缝隙使图斑面积之和小于控制面积，叠加分析时产生碎屑。

    怎样改：核实界线，把空隙划给相邻的一个图斑，使两侧图斑共用一条边界；若空隙确属未录入的地块，补录图斑。

    例：两个图斑分别数字化，公共边界之间留下长 40 米、宽 3 厘米的缝隙。

    依据：国土调查数据库质量检查软件的“面缝隙”检查项；限值见检查方案 gap_width 和建设用地的最小上图
    面积 mapping_unit_construction，容差见 equal_distance。

    What it finds: enclosed spots that no land-use patch covers (between patches, or in a hole of
    one) and that are smaller than the smallest patch of the survey, or narrower than the limit
    everywhere; among patches of permanent basic farmland, which do not tile the land, only the
    narrow ones. A slit that is open to the outside of the layer is not found; T06 and T07 look at
    the vertices on its sides. What is narrower than the topology tolerance is not reported.

    Why it matters: land-use patches must tile the land; a gap makes the sum of their areas less
    than the control area, and leaves crumbs in every overlay.

    How to mend it: verify the boundary and give the spot to one of the patches beside it, so that
    both use the same line; if it is a parcel that was never recorded, record it.

    Example: two patches were digitised apart, with a slit of 40 m by 3 cm between them.

    Source: the check "gaps" of inspection software for land survey databases; the limits stand in
    the profile as gap_width and mapping_unit_construction (the smallest patch of built land), the
    tolerance as equal_distance.
    """
    gaps, narrow = _uncovered(subject)
    area, width = shapely.area(gaps), _mean_width(gaps)
    limits = [subject.profile.number(n) for n in ("gap_width", "mapping_unit_construction")]
    largest, second = _beside(subject, gaps)
    yield findings.make(
        largest,
        gaps,
        subject.plane,
        other_layer=np.where(second != "", subject.spec.id, ""),
        other_feature=second,
        value=np.where(narrow, width, area),
        limit=np.where(narrow, *limits),
        unit=np.where(narrow, "m", "m²"),
        area_m2=area,
        words={
            "mu": to_mu(area),
            "width": width,
            "and_zh": np.where(second != "", " 与 ", ""),
            "and_en": np.where(second != "", " and ", ""),
        },
        zh="地块 {feature}{and_zh}{other_feature} 旁有 {area_m2:.2f} m²（{mu:.4f} 亩）的空隙，"
        "平均宽 {width:.3f} m（限值 {limit:g} {unit}）。",
        en="Beside {feature}{and_en}{other_feature} {area_m2:.2f} m² ({mu:.4f} mu) are not covered "
        "by any parcel, {width:.3f} m wide on average (limit {limit:g} {unit}).",
    )


@rule(
    "T06",
    "warning",
    "公共边缺节点",
    "Node missing on a shared edge",
    confidence="V",
    layers=("farmland", "landuse"),
    parameters=("node_distance", "near_vertex"),
    scope="neighbours",
)
def nodes_there(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：相邻地块的界址点落在本地块的边上（或距边不超过容差），而本地块在该处没有节点；每个界址点对
    每个地块报告一次，标出该点。点与本地块的节点相距不到近似节点容差的归 T07；那个节点若为两个地块
    共有，两边在此已经相接，不报告。两侧完全一致的边不查。

    为什么：公共边两侧的节点不一致，坐标转换或编辑后两条边不再重合，产生缝隙和重叠。

    怎样改：在标出的位置给缺节点的地块插入节点，并使之与相邻地块的界址点重合；移动不超过容差，不改变权属。

    例：地块甲的一条 30 米的直边外侧有乙、丙两个地块，乙、丙的公共界址点在甲的边上，甲没有这个节点。

    依据：确权登记成果检查软件的“公共边节点”检查项；容差见检查方案 node_distance、near_vertex。

    What it finds: a neighbour's vertex lies on an edge of the parcel, or no farther from it than
    the tolerance, where the parcel has no node; once for each vertex and parcel, at the vertex. A
    vertex that is close to a node of the parcel is T07's, and not reported where both share that
    node. Edges that are the same on both sides are not looked at.

    Why it matters: where the two sides of a shared edge have different nodes, they part when
    coordinates are transformed or edited, and leave gaps and overlaps.

    How to mend it: insert a node at the marked place into the parcel that lacks it, at the
    neighbour's vertex; this moves the edge by no more than the tolerance and changes no right.

    Example: two parcels lie along a straight edge of 30 m of a third; their common vertex is on
    that edge, which has no node there.

    Source: the check "nodes of shared edges" of inspection software for land rights confirmation;
    the tolerances stand in the profile as node_distance and near_vertex.
    """
    limit = subject.profile.number("node_distance")
    near = _near(subject)
    groups = near.groupby(["x", "y", "row"])
    near = near.assign(distance=groups["distance"].transform("min"))
    lonely = groups["node"].transform("min") >= subject.profile.number("near_vertex")
    near = near[lonely & (near["distance"] <= limit)]
    near = near[~_twins(subject, near)]
    near = near.assign(name=subject.feature[near["owner"]])
    near = near.sort_values("name").drop_duplicates(["x", "y", "row"])
    distance = near["distance"].to_numpy()
    yield findings.make(
        subject.feature[near["row"]],
        _points(near),
        subject.metre.crs,
        other_layer=subject.spec.id,
        other_feature=near["name"].to_numpy(),
        value=distance,
        limit=limit,
        unit="m",
        zh="地块 {feature} 的边上缺节点：地块 {other_feature} 的界址点距该边 {value:.4f} m"
        "（容差 {limit:g} m）。",
        en="Parcel {feature} lacks a node on its edge: a vertex of parcel {other_feature} is "
        "{value:.4f} m from it (tolerance {limit:g} m).",
    )


@rule(
    "T07",
    "warning",
    "近似节点",
    "Nodes that nearly coincide",
    confidence="V",
    layers=("farmland", "landuse"),
    parameters=("node_distance", "near_vertex"),
    scope="neighbours",
)
def nodes_coincide(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：两个地块的界址点相距小于容差而不重合；每一对点报告一次。两点中有一点为两个地块共有的不算：
    它们在该点已经相接，另一点只是短边的端点（T08）。

    为什么：同一个界址点在两个地块中坐标不同，边界之间就有肉眼看不见的缝隙或重叠。

    怎样改：核实界址点坐标，使两个地块使用同一个点。

    例：相邻地块由两组人分别测量，公共界址点相差 2 厘米。

    依据：确权登记成果检查软件的“近似节点”检查项；容差见检查方案 near_vertex（搜索范围至
    node_distance）。

    What it finds: vertices of two parcels that are closer than the tolerance and do not coincide;
    each pair once. Not where both parcels have one of the two points: there they meet already, and
    the other point is the end of a short edge (T08).

    Why it matters: one boundary point has different coordinates in two parcels, so between them is
    a gap or an overlap that nobody sees.

    How to mend it: verify the coordinates of the boundary point and use the same one in both
    parcels.

    Example: two teams surveyed adjoining parcels; the boundary point that they share differs by
    2 cm.

    Source: the check "near nodes" of inspection software for land rights confirmation; the
    tolerance stands in the profile as near_vertex (searched as far as node_distance).
    """
    limit = subject.profile.number("near_vertex")
    near = _near(subject)
    ends = [
        near.assign(x2=near[f"x_{end}"], y2=near[f"y_{end}"], gap=near[f"to_{end}"])
        for end in ("start", "end")
    ]
    pairs = pd.concat(ends, ignore_index=True)
    pairs = pairs[(pairs["gap"] > 0) & (pairs["gap"] < limit)]
    pairs = pairs[
        ~(_has(subject, pairs, "row", "x", "y") | _has(subject, pairs, "owner", "x2", "y2"))
    ]
    pairs = pairs[~_twins(subject, pairs)]
    # From the lesser name to the greater, so that the order of rows does not matter.
    pairs = pairs.assign(name=subject.feature[pairs["owner"]], other=subject.feature[pairs["row"]])
    swapped = pairs.rename(
        columns={"name": "other", "other": "name", "x": "x2", "x2": "x", "y": "y2", "y2": "y"}
    )
    pairs = pd.concat([pairs, swapped]).query("name < other").sort_values(["name", "other"])
    x, y, x2, y2 = (pairs[axis].to_numpy() for axis in ("x", "y", "x2", "y2"))
    first = (x < x2) | ((x == x2) & (y < y2))
    ordered = np.where(first, [x, y, x2, y2], [x2, y2, x, y])
    pairs = pairs[~pd.DataFrame(ordered.T).duplicated().to_numpy()]
    yield findings.make(
        pairs["name"].to_numpy(),
        _points(pairs),
        subject.metre.crs,
        other_layer=subject.spec.id,
        other_feature=pairs["other"].to_numpy(),
        value=pairs["gap"].to_numpy(),
        limit=limit,
        unit="m",
        zh="地块 {feature} 与 {other_feature} 的界址点相距 {value:.4f} m 而不重合"
        "（容差 {limit:g} m）。",
        en="Vertices of parcels {feature} and {other_feature} are {value:.4f} m apart and do not "
        "coincide (tolerance {limit:g} m).",
    )


# Gaps ------------------------------------------------------------------------------------------


def _uncovered(subject: Subject) -> tuple[Shapes, Mask]:
    """The enclosed spots that no parcel covers and that are narrow or small enough to be gaps;
    and which of them are narrow."""
    # An overlay makes nodes wherever edges cross, touch or lie on each other.
    noded = shapely.get_parts(shapely.union_all(_chains(subject.edges)))
    faces = shapely.get_parts(shapely.polygonize(noded))
    width = _mean_width(faces)
    wide = subject.profile.number("gap_width")
    # What is nowhere wider than `wide` is so on average, too.
    narrow = width <= wide
    narrow[narrow] = shapely.is_empty(shapely.buffer(faces[narrow], -wide / 2, quad_segs=1))
    gap = narrow.copy()
    if subject.spec.id == "landuse":
        gap |= shapely.area(faces) < subject.profile.number("mapping_unit_construction")
    gap &= width >= subject.profile.number("equal_distance")
    tree = shapely.STRtree(subject.around(faces[gap]).metre.to_numpy())
    inside = shapely.point_on_surface(faces[gap])
    gap[np.flatnonzero(gap)[tree.query(inside, predicate="intersects")[0]]] = False
    return faces[gap], narrow[gap]


def _chains(edges: Edges) -> Shapes:
    """The edges as few lines, those that follow each other in one."""
    ends = ~_followed(edges)
    chain: Rows = np.cumsum(ends) - ends
    xy = np.concatenate([edges.start, edges.end[ends]])
    chain = np.concatenate([chain, chain[ends]])
    order = np.argsort(chain, kind="stable")
    return np.asarray(shapely.linestrings(xy[order], indices=chain[order]), dtype=object)


def _mean_width(shapes: Shapes) -> Floats:
    length = shapely.length(shapes)
    return np.divide(2 * shapely.area(shapes), length, out=np.zeros(len(shapes)), where=length > 0)


def _beside(subject: Subject, gaps: Shapes) -> tuple[Shapes, Shapes]:
    """The names of the parcels with the largest and the next largest share of each gap's outline;
    ``""`` where there is no second one."""
    # Nodes lie beside the edges by rounding: what a thin rim shares is the length times its width.
    rims = shapely.buffer(gaps, subject.profile.number("equal_distance"), join_style="mitre")
    beside = subject.around(rims)
    parcels = beside.metre.to_numpy()
    gap, row = shapely.STRtree(parcels).query(rims, predicate="intersects")
    share = np.round(shapely.area(shapely.intersection(rims[gap], parcels[row])), _DECIMALS)
    table = pd.DataFrame({"gap": gap, "share": -share, "name": beside.feature[row]})
    table = table.sort_values(["gap", "share", "name"])
    place = table.groupby("gap").cumcount().to_numpy()
    names = np.full((2, len(gaps)), "", dtype=object)
    for which in (0, 1):
        names[which, table["gap"][place == which]] = table["name"][place == which]
    return names[0], names[1]


# Nodes -----------------------------------------------------------------------------------------


def _near(subject: Subject) -> pd.DataFrame:
    """What `_search` finds, once for both rules."""
    if subject not in _FOUND:
        _FOUND[subject] = _search(subject)
    return _FOUND[subject]


def _search(subject: Subject) -> pd.DataFrame:
    """Each vertex of a parcel that is within reach of an edge of another one, with that edge.

    Columns: `x`, `y` and `owner`, the vertex and its parcel's row; `row`, the edge's parcel;
    `x_start` … `y_end`, the edge; `distance` from vertex to edge, `to_start` and `to_end` to its
    ends, `node` to the nearer end (m).
    """
    edges, reach = subject.edges, _reach(subject)
    xy, owner = _vertices(edges)
    order = np.argsort(xy[:, 0], kind="stable")
    xy, owner = xy[order], owner[order]
    x_edge = np.sort(np.stack([edges.start[:, 0], edges.end[:, 0]]), axis=0)
    x_edge += np.array([[-reach], [reach]])
    by_x = np.argsort(x_edge[0], kind="stable")
    found = []
    # From west to east, a strip of edges at a time, with the vertices beside them.
    for k in range(0, max(len(by_x), 1), _BLOCK):
        strip = by_x[k : k + _BLOCK]
        west, east = x_edge[0][strip].min(initial=np.inf), x_edge[1][strip].max(initial=-np.inf)
        here = slice(*np.searchsorted(xy[:, 0], [west, east]))
        block = Edges(edges.start[strip], edges.end[strip], edges.row[strip])
        found.append(_near_edges(xy[here], owner[here], block, reach))
    return pd.concat(found, ignore_index=True)


def _reach(subject: Subject) -> float:
    """How far to look around a vertex, a little farther than the tolerances (m)."""
    names = ("node_distance", "near_vertex")
    return max(subject.profile.number(name) for name in names) + 10.0**-_DECIMALS


def _vertices(edges: Edges) -> tuple[Floats, Rows]:
    """The vertices of edges, and their rows; some ends of rings twice."""
    last = ~_followed(edges)
    xy = np.concatenate([edges.start, edges.end[last]])
    return xy, np.concatenate([edges.row, edges.row[last]])


def _followed(edges: Edges) -> Mask:
    """Whether the next edge begins where each ends, in the same parcel."""
    followed = np.zeros(len(edges.row), dtype=bool)
    followed[:-1] = (edges.end[:-1] == edges.start[1:]).all(axis=1)
    followed[:-1] &= edges.row[:-1] == edges.row[1:]
    return followed


def _near_edges(xy: Floats, owner: Rows, edges: Edges, reach: float) -> pd.DataFrame:
    tree = shapely.STRtree(edges.lines())
    vertex, edge = tree.query(shapely.points(xy), predicate="dwithin", distance=reach)
    others = owner[vertex] != edges.row[edge]
    vertex, edge = vertex[others], edge[others]
    point, start, end = xy[vertex], edges.start[edge], edges.end[edge]
    along = end - start
    square = (along**2).sum(axis=1)
    share = np.divide(
        ((point - start) * along).sum(axis=1), square, out=np.zeros(len(square)), where=square > 0
    )
    foot = start + along * np.clip(share, 0, 1)[:, None]
    table = {
        name: np.round(np.hypot(*(point - other).T), _DECIMALS)
        for name, other in (("distance", foot), ("to_start", start), ("to_end", end))
    }
    columns = {"x": point[:, 0], "y": point[:, 1], "owner": owner[vertex], "row": edges.row[edge]}
    for name, ends in (("start", start), ("end", end)):
        columns |= {f"x_{name}": ends[:, 0], f"y_{name}": ends[:, 1]}
    node = np.minimum(table["to_start"], table["to_end"])
    return pd.DataFrame({**columns, **table, "node": node})


def _points(table: pd.DataFrame) -> Shapes:
    return np.asarray(shapely.points(table[["x", "y"]].to_numpy()), dtype=object)


def _has(subject: Subject, table: pd.DataFrame, row: str, x: str, y: str) -> Mask:
    """Whether the parcel of each line has a vertex at exactly that point."""
    rows = table[row].unique()
    xy, index = shapely.get_coordinates(subject.metre.to_numpy()[rows], return_index=True)
    vertices = pd.MultiIndex.from_arrays([rows[index], xy[:, 0], xy[:, 1]])
    return np.asarray(pd.MultiIndex.from_frame(table[[row, x, y]]).isin(vertices), dtype=bool)


def _twins(subject: Subject, table: pd.DataFrame) -> Mask:
    """Where both parcels are the same one drawn twice (T05), which alone is worth saying."""
    if table.empty:
        return np.zeros(0, dtype=bool)
    pairs = subject.conflicts
    equal = pd.MultiIndex.from_arrays([pairs.left[pairs.equal], pairs.right[pairs.equal]])
    rows = np.sort(table[["owner", "row"]].to_numpy(), axis=1)
    return np.asarray(pd.MultiIndex.from_arrays(list(rows.T)).isin(equal), dtype=bool)
