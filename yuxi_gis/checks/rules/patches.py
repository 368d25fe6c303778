"""Rules on the size of one parcel, and on its parts."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from yuxi_gis import findings
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent, from_older_edition
from yuxi_gis.checks.rules.legal import CONSTRUCTION
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.units import to_mu

__all__ = ["CLASSES", "mapping_unit", "not_thin", "one_part", "parcel_large_enough"]

# Classes that are drawn by their width (2 m), whatever their area: roads and waters.
_LINEAR = r"100[1-469]|1101|1107A?"
#: Survey classes (DLBM) by the smallest patch that the survey draws; the first that fits.
CLASSES = (
    ("", _LINEAR),
    ("construction", CONSTRUCTION + "|1202.*"),
    ("farm", r"(?:01|02|03|040[123]|1103|1104|1203).*"),
    ("other", r"(?:0404|1102|1105|1106|1108|1110|1204|1205|1206|1207).*"),
)


@rule(
    "T11",
    "warning",
    "碎小图斑",
    "Sliver",
    confidence="V",
    parameters=(
        "sliver_area",
        "mapping_unit_construction",
        "mapping_unit_farm",
        "mapping_unit_other",
    ),
)
def parcel_large_enough(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：面积小于限值的面：地类图斑按地类（建设用地和设施农用地、农用地、其他地类）用三调最小上图面积，
    其余图层和线状地类、地类不明的图斑只用碎小面的面积。面积为平面面积；没有面积的归 T02。

    为什么：过小的面多为叠加、切割的碎屑，而不是真实地块；小于最小上图面积的图斑应并入相邻图斑。

    怎样改：核实来源；碎屑并入相邻的地块，真实的小图斑保留并在备注中说明。

    例：村界切割后留下一个 0.3 平方米的旱地图斑。

    依据：确权登记成果检查软件的“碎小面”检查项和三调最小上图面积；见检查方案 sliver_area、
    mapping_unit_construction、mapping_unit_farm、mapping_unit_other；地类的归类未核实。

    What it finds: an area below the limit: for land-use patches the smallest patch that the third
    survey draws of their class (built land and facilities, farmland, other), for all other layers
    and for linear or unknown classes only the area of a sliver. The area is planar. What has none
    is T02's.

    Why it matters: very small areas are mostly crumbs of overlay and cutting, no real parcels;
    patches below the smallest drawn belong to their neighbours.

    How to mend it: find out where it comes from; join a crumb to the parcel beside it, keep a real
    small patch and say so in the remark.

    Example: cutting along the village boundary left a dry-land patch of 0.3 m².

    Source: the check "slivers" of inspection software for land rights confirmation, and the
    smallest patches of the third survey; in the profile sliver_area, mapping_unit_construction,
    mapping_unit_farm and mapping_unit_other. Which class belongs where is not verified.
    """
    limit = np.full(len(subject.shapes), subject.profile.number("sliver_area"))
    if subject.spec.id == "landuse":
        if subject.edition is not None:
            yield from_older_edition(subject)
        elif not subject.has("DLBM"):
            yield absent(subject.spec.by_name["DLBM"])
        else:
            limit = np.fmax(limit, mapping_unit(subject, subject.text("DLBM")))
    area = shapely.area(subject.metre.to_numpy())
    small = (area > 0) & (area < limit)
    yield subject.at(
        small,
        value=area[small],
        limit=limit[small],
        unit="m²",
        area_m2=area[small],
        words={"mu": to_mu(area[small])},
        zh="地块 {feature} 的面积只有 {value:.2f} m²（{mu:.4f} 亩），小于 {limit:g} m²。",
        en="Parcel {feature} has only {value:.2f} m² ({mu:.4f} mu), less than {limit:g} m².",
    )


@rule(
    "T12",
    "info",
    "狭长图斑",
    "Thin patch",
    confidence="V",
    layers=("landuse",),
    parameters=("thin_width", "thinness"),
)
def not_thin(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：平均宽度（2 × 面积 ÷ 周长）或形状系数（4π × 面积 ÷ 周长²，圆为 1）小于限值的地类图斑；
    铁路、公路、道路、河流、沟渠、管道等线状地类本来狭长，不查。

    为什么：狭长的图斑可能是两次数字化之间的碎屑；也可能是真实的田边地角，故只作提示。

    怎样改：与影像对照；碎屑并入相邻图斑，真实的保留。

    例：两条没有重合的界线之间留下宽 8 厘米、长 60 米的林地图斑。

    依据：公开的狭长图斑检查脚本；限值见检查方案 thin_width、thinness。

    What it finds: land-use patches whose mean width (2 × area ÷ perimeter) or thinness (4π × area ÷
    perimeter², 1 for a circle) is below the limit. Linear classes, such as railways, roads,
    rivers, ditches and pipelines, are thin by nature and not judged.

    Why it matters: a thin patch may be a crumb between two lines digitised apart, or a real strip
    beside a field: therefore only a hint.

    How to mend it: compare it with the image; join a crumb to the patch beside it, keep a real one.

    Example: between two lines that do not coincide lies a forest patch of 60 m by 8 cm.

    Source: a public script for thin patches; the limits stand in the profile as thin_width and
    thinness.
    """
    shapes = subject.metre.to_numpy()
    area, length = shapely.area(shapes), shapely.length(shapes)
    judged = (area > 0) & ~_linear(subject)
    width = np.divide(2 * area, length, out=np.full(len(area), np.nan), where=judged)
    ratio = np.divide(4 * np.pi * area, length**2, out=np.full(len(area), np.nan), where=judged)
    narrow = width < subject.profile.number("thin_width")
    thin = ~narrow & (ratio < subject.profile.number("thinness"))
    yield subject.at(
        narrow,
        value=width[narrow],
        limit=subject.profile.number("thin_width"),
        unit="m",
        area_m2=area[narrow],
        zh="图斑 {feature} 的平均宽度为 {value:.3f} m，小于 {limit:g} m。",
        en="Patch {feature} is {value:.3f} m wide on average, less than {limit:g} m.",
    )
    yield subject.at(
        thin,
        value=ratio[thin],
        limit=subject.profile.number("thinness"),
        area_m2=area[thin],
        words={"width": width[thin]},
        zh="图斑 {feature} 狭长：形状系数 4πA/P² 为 {value:.3f}，小于 {limit:g}"
        "（平均宽度 {width:.1f} m）。",
        en="Patch {feature} is thin: 4πA/P² is {value:.3f}, less than {limit:g} (mean width "
        "{width:.1f} m).",
    )


@rule(
    "T13",
    "warning",
    "多部件",
    "Several parts",
    confidence="W",
    layers=("farmland", "homestead", "landuse"),
)
def one_part(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：一条记录由几个互不相连的面组成；标出最大的一个以外的各部分。填了飞入地标识 FRDBS（不是
    0）的地类图斑不查。

    为什么：一个地块、图斑或宗地应是一块连片的土地；分开的几块应各有代码。多余的部分常是叠加留下的
    碎屑。

    怎样改：碎屑删去或并入相邻地块；确为几块土地的，分成几条记录，各编代码。

    例：道路把图斑切成两块，仍是一条记录。

    依据：第三次全国国土调查数据库建库培训材料的多部件检查（二手资料）；NY/T 2539-2016 的地块。

    What it finds: a record of several areas that are not connected; all but the largest are marked.
    Land-use patches with the mark of an exclave, FRDBS (other than 0), are not judged.

    Why it matters: a parcel or patch is one connected piece of land; separate pieces have codes of
    their own. Superfluous parts are often crumbs of an overlay.

    How to mend it: delete a crumb or join it to the parcel beside it; where there really are
    several pieces of land, make a record with its own code of each.

    Example: a road cuts a patch in two, which still is one record.

    Source: the check of multipart features in training material on the databases of the third land
    survey (secondary); the parcel of NY/T 2539-2016.
    """
    several = np.flatnonzero(shapely.get_num_geometries(subject.shapes) > 1)
    parts, part_of = shapely.get_parts(shapely.force_2d(subject.shapes[several]), return_index=True)
    row = several[part_of]
    solid = (shapely.get_dimensions(parts) == 2) & ~shapely.is_empty(parts)
    solid &= ~_exclave(subject)[row]
    parts, row = parts[solid], row[solid]
    order = np.lexsort([-shapely.area(parts), row])
    parts, row = parts[order], row[order]
    lesser = np.concatenate([[False], row[1:] == row[:-1]])[: len(row)]
    rows, index, count = np.unique(row[lesser], return_inverse=True, return_counts=True)
    places = shapely.multipolygons(parts[lesser], indices=index)
    yield findings.make(
        subject.feature[rows],
        places,
        subject.crs,
        value=count + 1,
        limit=1,
        zh="地块 {feature} 由 {value:.0f} 个互不相连的部分组成。",
        en="Parcel {feature} consists of {value:.0f} separate parts.",
    )


def mapping_unit(
    subject: Subject, codes: pd.Series, table: tuple[tuple[str, str], ...] = CLASSES
) -> npt.NDArray[np.float64]:
    """The smallest patch that the survey draws, by the profile.

    Parameters
    ----------
    subject : Subject
    codes : Series of str
        The class of each patch.
    table : tuple of (str, str)
        The profile's ``mapping_unit_…`` and the codes it holds for, as a pattern; the first that
        fits. ``""`` where there is none.

    Returns
    -------
    ndarray of float64, shape (n,)
        m²; nan where there is none.
    """
    limit = np.full(len(codes), np.nan)
    for kind, pattern in reversed(table):
        limit[_is(codes, pattern)] = (
            subject.profile.number(f"mapping_unit_{kind}") if kind else np.nan
        )
    return limit


def _linear(subject: Subject) -> Mask:
    """The patches of classes that are lines, in today's codes or those of the layer's edition."""
    if not subject.has("DLBM"):
        return np.zeros(len(subject.shapes), dtype=bool)
    code = subject.text("DLBM")
    known = subject.codes(subject.spec.by_name["DLBM"])
    today = code.replace(dict(known.successors) if known else {})
    return _is(today, _LINEAR)


def _exclave(subject: Subject) -> Mask:
    """The patches marked as lying apart from the rest of their village."""
    if not subject.has("FRDBS"):
        return np.zeros(len(subject.shapes), dtype=bool)
    mark = subject.text("FRDBS")
    return (mark.notna() & (mark != "0")).to_numpy(bool)


def _is(code: pd.Series, pattern: str) -> Mask:
    return code.str.fullmatch(pattern, na=False).to_numpy(bool)
