"""Rules on administrative areas: parcels lie in their unit, and patches meet at its border."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.spatial import KDTree

from yuxi_gis import findings
from yuxi_gis.catalog import load_codes
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.regions import LEVELS

__all__ = ["patches_meet", "right_unit"]

Rows = npt.NDArray[np.intp]

_ADMIN = "admin"
_LEVELS_ZH = {"county": "县", "town": "乡", "village": "村"}


@rule(
    "X08",
    "error",
    "行政区归属",
    "Code and place name the same unit",
    confidence="V",
    needs=(_ADMIN,),
)
def right_unit(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：代码（地块代码、坐落单位代码、行政区代码等）开头所示的县、乡、村，不是图形代表点所在的
    行政区；行政区图层有到哪一级，就核对到哪一级，每个地块只报告最高的一级。县不符为错误，乡、村不符
    为提示：确权以后村的代码可能已变，承包地的代码在承包期内不变。江川、澄江的旧代码视同新代码；标明
    飞入地（FRDBS）的、代表点不在任何行政区内的、代码中没有行政区的不判断。

    为什么：代码和位置不在同一个县，说明代码写错，或图形移了位、投影带错了。

    怎样改：先查坐标系和带号（S04），再查代码；若确是飞地，填 FRDBS。

    例：DKBM 以 530402（红塔区）开头的地块落在 530403（江川区）之内。

    依据：国土调查数据库质量检查软件的行政区归属检查；GB/T 2260。

    What it finds: a parcel whose code (of parcel, location or administrative unit) begins with
    another county, town or village than the one its representative point lies in, as far down as
    the layer of administrative areas goes; only the highest level is told of each parcel. Another
    county is an error, another town or village a note: villages may have new codes since the
    survey, while parcels keep theirs for the term of the contract. The former codes of Jiangchuan
    and Chengjiang count as the new ones. Not judged are parcels marked as exclaves (FRDBS), in no
    unit of the layer, or whose code names no unit.

    Why it matters: where code and place are in different counties, the code is wrong, or the
    outline was moved or is in the wrong zone.

    How to mend it: look at CRS and zone first (S04), then at the code; fill in FRDBS if it is an
    exclave.

    Example: a parcel with DKBM 530402… (Hongta) lies in 530403 (Jiangchuan).

    Source: inspection software of the land survey; GB/T 2260.
    """
    if subject.spec.id == _ADMIN or subject.spec.region is None:
        return
    if not subject.has(subject.spec.region):
        yield absent(subject.spec.by_name[subject.spec.region])
        return
    admin = subject.others[_ADMIN]
    code, unit = _of_today(subject.region), _of_today(admin.region)
    areas = admin.polygons(subject.metre.crs).copy()
    areas[unit.isna().to_numpy()] = None
    points = shapely.point_on_surface(subject.metre.to_numpy())
    points[(code.isna() | _exclave(subject)).to_numpy(bool)] = None
    tree = shapely.STRtree(points)
    area, plot = tree.query(areas, predicate="intersects")
    inside = pd.DataFrame({"plot": plot, "code": code.to_numpy(object)[plot]})
    inside["unit"] = unit.to_numpy(object)[area]
    told = np.zeros(len(code), dtype=bool)
    for level, width in LEVELS.items():
        here = inside[inside[["unit", "code"]].map(len).min(axis=1) >= width]
        here = here.assign(unit=here["unit"].str[:width], code=here["code"].str[:width])
        right = here["plot"][here["code"] == here["unit"]]
        wrong = here[~here["plot"].isin(right) & ~told[here["plot"]]]
        wrong = wrong.sort_values(["plot", "unit"]).drop_duplicates("plot")
        told[wrong["plot"]] = True
        zh, en = _LEVELS_ZH[level], level
        yield subject.at(
            wrong["plot"].to_numpy(np.intp),
            severity="error" if level == "county" else "info",
            other_layer=_ADMIN,
            other_feature=wrong["unit"],
            words={"code": wrong["code"]},
            zh=f"地块 {{feature}} 的 {subject.spec.region} 以 {{code}}（{zh}）开头，"
            f"而它位于{zh} {{other_feature}} 之内。",
            en=f"Parcel {{feature}}: {subject.spec.region} begins with {en} {{code}}, but it lies "
            f"in {en} {{other_feature}}.",
        )


@rule(
    "X09",
    "warning",
    "县际接边",
    "Patches meet across county borders",
    confidence="V",
    layers=("landuse",),
    fields=("DLBM", "ZLDWDM"),
    parameters=("border_distance", "border_reach"),
    scope="layer",
)
def patches_meet(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：两县交界处，一侧两个地类之间的界线在边界上的端点，与另一侧同样两个地类之间的界线端点不
    重合：相距 0.05 米以上、2 米以内。只报告两侧都没有对上、且互为最近的端点，一对报告一次；相距更远
    的，或一侧的地类到边界为止的，可能本来就不是同一条界线，不报告。县按坐落单位代码前 6 位区分，
    图层须含两个以上的县。

    为什么：道路、河流、田块的界线跨过县界应当连续；接不上，两县拼接以后就有错口、缝隙和重叠。

    怎样改：两县共同核实，以精度较高的一侧为准移动另一侧的端点，使之重合。

    例：一条农村道路在红塔区一侧的边线与江川区一侧的边线在县界上错开 0.6 米。

    依据：国土调查数据库质量检查软件的接边检查，容差见检查方案 border_distance；搜索范围
    border_reach 为项目默认值。

    What it finds: at the border of two counties, the end of a boundary between two land classes
    that does not meet the end of a boundary between the same classes on the other side: they are
    more than 0.05 m and at most 2 m apart. Only ends that meet nothing and are nearest to each
    other are told, each pair once; ends farther apart, or of a class that ends at the border, may
    not be one boundary and are not. The first 6 digits of ZLDWDM name the county, and the layer
    must have two or more.

    Why it matters: boundaries of roads, rivers and fields run on across a border; where they do
    not meet, the joined layers have steps, gaps and overlaps.

    How to mend it: verify together with the other county, and move the end of the less accurate
    side onto the other.

    Example: the edge of a rural road in Hongta and its continuation in Jiangchuan are 0.6 m apart
    at the border.

    Source: edge matching in the inspection software of the land survey; the tolerance stands in the
    profile as border_distance; how far ends are looked for, border_reach, is a default of this
    project.
    """
    county = _of_today(subject.region).str[:6]
    counties = sorted(county.dropna().unique())
    if len(counties) < 2:
        yield NotRun("", "", "图层中没有两个县的图斑", "the layer has no patches of two counties")
        return
    classes = subject.text("DLBM").to_numpy(object)
    ends = pd.concat([_ends(subject, (county == c).to_numpy(bool), c) for c in counties])
    ends["classes"] = [
        " | ".join(sorted(map(str, pair)))
        for pair in zip(classes[ends["left"]], classes[ends["right"]], strict=True)
    ]
    near, reach = (subject.profile.number(f"border_{name}") for name in ("distance", "reach"))
    pairs = _facing(ends.reset_index(drop=True), near, reach)
    steps = pairs[["x", "y", "x_other", "y_other"]].to_numpy().reshape(-1, 2, 2)
    yield findings.make(
        subject.feature[pairs["left"]],
        np.asarray(shapely.linestrings(steps), dtype=object),
        subject.plane,
        other_layer="landuse",
        other_feature=subject.feature[pairs["left_other"]],
        value=pairs["distance"],
        limit=near,
        unit="m",
        words={"classes": [findings.printable(text) for text in pairs["classes"]]},
        zh="地类 {classes} 的界线在县界上没有接上：图斑 {feature} 与对侧图斑 {other_feature} 的端点"
        "相距 {value:.3f} m，限差 {limit:g} m。",
        en="The boundary between classes {classes} does not meet across the county border: its "
        "ends at patch {feature} and at patch {other_feature} on the other side are {value:.3f} m "
        "apart, the limit is {limit:g} m.",
    )


def _ends(subject: Subject, which: Mask, county: str) -> pd.DataFrame:
    """Where boundaries between two patches of a county reach its outline.

    Returns
    -------
    DataFrame
        `x`, `y`, `county`, and the rows of the patches before and behind, `left` and `right`.
    """
    edges = subject.unshared(which)
    before = pd.DataFrame(edges.end, columns=["x", "y"]).assign(left=edges.row)
    behind = pd.DataFrame(edges.start, columns=["x", "y"]).assign(right=edges.row)
    ends = before.merge(behind, on=["x", "y"])
    ends = ends[ends["left"] != ends["right"]]
    return ends.drop_duplicates(["x", "y"], keep=False).assign(county=county)


def _facing(ends: pd.DataFrame, near: float, reach: float) -> pd.DataFrame:
    """The pairs of ends of different counties and like classes that should meet and do not."""
    tree = KDTree(ends[["x", "y"]].to_numpy())
    i, j = tree.query_pairs(reach, output_type="ndarray").T.astype(np.intp)
    apart = ends["county"].to_numpy()[i] != ends["county"].to_numpy()[j]
    i, j = i[apart], j[apart]
    xy = ends[["x", "y"]].to_numpy()
    distance = np.round(np.hypot(*(xy[i] - xy[j]).T), 4)
    met = np.zeros(len(ends), dtype=bool)
    met[i[distance <= near]] = met[j[distance <= near]] = True
    alike = (ends["classes"].to_numpy()[i] == ends["classes"].to_numpy()[j]) & ~met[i] & ~met[j]
    i, j, distance = i[alike], j[alike], distance[alike]
    nearest = _nearest(i, j, distance, len(ends))
    mutual = (nearest[i] == j) & (nearest[j] == i)
    i, j, distance = i[mutual], j[mutual], distance[mutual]
    other = ends.iloc[j].reset_index(drop=True).add_suffix("_other")
    return ends.iloc[i].reset_index(drop=True).join(other).assign(distance=distance)


def _nearest(i: Rows, j: Rows, distance: npt.NDArray[np.float64], count: int) -> Rows:
    """Of each end the nearest one of its pairs; -1 where it is in none."""
    both = pd.DataFrame(
        {"end": np.r_[i, j], "other": np.r_[j, i], "distance": np.r_[distance, distance]}
    )
    first = both.sort_values(["distance", "other"]).drop_duplicates("end")
    nearest = np.full(count, -1, dtype=np.intp)
    nearest[first["end"]] = first["other"]
    return nearest


def _of_today(region: pd.Series) -> pd.Series:
    """Codes of units with the county's code of today."""
    today = load_codes()["county_former"].successors
    county = region.str[:6]
    return county.replace(dict(today)) + region.str[6:]


def _exclave(subject: Subject) -> Mask:
    """Which parcels are marked as lying in another unit than their own (飞入地)."""
    if not subject.has("FRDBS"):
        return np.zeros(len(subject.frame), dtype=bool)
    mark = subject.text("FRDBS")
    return (mark.notna() & (mark != "0")).to_numpy(bool)
