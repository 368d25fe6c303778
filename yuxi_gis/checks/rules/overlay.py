"""Rules between layers that lie on each other: parcels, protected cropland and land use.

Layers are brought to the metre CRS of the one that is judged; where only a ballpark leads there,
the rule is not run.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS

from yuxi_gis import findings
from yuxi_gis.checks.pairs import polygonal, shared
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.fields import absent
from yuxi_gis.checks.subject import Mask, Rows, Shapes, Subject

__all__ = ["cropland_flag", "patch_from_landuse", "protected_is_cropland"]


_PROTECTED, _LANDUSE = "protected_cropland", "landuse"
_YES, _NO = ("1",), ("2", "0")
_CROPLAND = "01"
# Pairs cut at a time, so that memory does not grow with the layer.
_BATCH = 100_000


@rule(
    "X05",
    "warning",
    "基本农田标识",
    "Basic farmland flag agrees with protected cropland",
    confidence="K",
    layers=("farmland",),
    fields=("SFJBNT",),
    needs=(_PROTECTED,),
    parameters=("flag_share", "flag_band"),
    scope="layer",
)
def cropland_flag(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：是否基本农田 SFJBNT 为 1 的地块，不足 50 % 在永久基本农田图斑之内；或 SFJBNT 为 2（或
    0）的地块，50 % 以上在其内。份额在 10 %～90 % 之间而标识与多数一致的，为提示：边界从地块中穿过。
    永久基本农田图层范围以外的地块不判断。

    为什么：标识与永久基本农田图层不一致，统计和用途管制就会出错。

    怎样改：核对两个图层的时间；以经批准的永久基本农田为准改正 SFJBNT，或将图层不符之处报主管部门。

    例：地块的 SFJBNT 为 1，只有 12 % 在永久基本农田图斑之内。

    依据：惯例（未核实）；份额见检查方案 flag_share、flag_band。

    What it finds: a parcel with SFJBNT 1 of which less than 50 % lies in patches of permanent basic
    farmland, or one with SFJBNT 2 (or 0) of which 50 % or more does. Where the share is between
    10 % and 90 % and the flag follows the larger part, it is a note: the boundary runs through the
    parcel. Parcels outside the extent of the layer of protected cropland are not judged.

    Why it matters: where flag and layer differ, totals and the control of land use go wrong.

    How to mend it: compare the dates of both layers; correct SFJBNT after the approved layer, or
    report where that layer is wrong.

    Example: a parcel has SFJBNT 1, but only 12 % of it lies in patches of protected cropland.

    Source: customary (unverified); the shares stand in the profile as flag_share and flag_band.
    """
    extent = _extent(subject.others[_PROTECTED], subject.plane)
    outside = 0
    for part in subject.each():
        outside += yield from _flags_against(part, extent)
    if outside:
        yield NotRun(
            "",
            "",
            f"{outside} 个 SFJBNT 为 1 的地块在永久基本农田图层的范围以外",
            f"{outside} parcels with SFJBNT 1 lie outside the extent of protected cropland",
        )


@rule(
    "X06",
    "warning",
    "永农落在耕地",
    "Protected cropland lies on cropland",
    confidence="K",
    layers=(_PROTECTED,),
    needs=(_LANDUSE,),
    parameters=("noncropland_area", "noncropland_share"),
)
def protected_is_cropland(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：永久基本农田图斑落在非耕地（地类编码不以 01 开头）的地类图斑上，面积合计大于 1 平方米且
    大于该图斑的 1 %；与每个地类图斑的相交各报告一次。

    为什么：永久基本农田应是耕地；落在道路、水面、园地、建设用地上的部分，可能是图层不同期、边界误差
    或地类变化，须逐块核实。

    怎样改：核对两个图层的时间；边界误差的，改正边界；地类确已变化的，按规定报主管部门处理。

    例：一块永久基本农田有 35 平方米（4 %）落在农村道路 1006 上。

    依据：惯例（未核实）；限值为项目默认值，见检查方案 noncropland_area、noncropland_share。

    What it finds: a patch of permanent basic farmland of which more than 1 m² and more than 1 % lie
    on land use patches that are no cropland (class not 01…); what it shares with each of them is
    one finding.

    Why it matters: protected cropland should be cropland; parts on roads, water, orchards or
    construction land may come from layers of different dates, boundary errors or a changed use, and
    have to be verified one by one.

    How to mend it: compare the dates of both layers; correct the boundary if it is in error; report
    to the authority where the use has changed.

    Example: 35 m² (4 %) of a patch of protected cropland lie on a rural road (1006).

    Source: customary (unverified); the limits are defaults of this project and stand in the profile
    as noncropland_area and noncropland_share.
    """
    landuse = subject.others[_LANDUSE]
    if not landuse.has("DLBM"):
        yield absent(landuse.spec.by_name["DLBM"])
        return
    classes = landuse.text("DLBM")
    cropland = (classes.isna() | classes.str.startswith(_CROPLAND)).to_numpy(bool)
    patches, fields = subject.metre.to_numpy(), landuse.polygons(subject.metre.crs)
    parts = _parts(patches, _without(fields, cropland))
    total = parts.groupby("plot")["area"].transform("sum").round(4)
    parts["percent"] = np.round(100 * total / shapely.area(patches[parts["plot"]]), 4)
    floor = subject.profile.number("noncropland_area")
    share = subject.profile.number("noncropland_share")
    parts = parts[(total > floor) & (parts["percent"] > share)]
    # Slivers beside the real part are left out.
    largest = parts.groupby("plot")["area"].transform("max")
    parts = parts[(parts["area"] > floor) | (parts["area"] == largest)]
    yield findings.make(
        subject.feature[parts["plot"]],
        parts["shape"].to_numpy(),
        subject.metre.crs,
        other_layer=_LANDUSE,
        other_feature=landuse.feature[parts["patch"]],
        value=parts["area"],
        limit=floor,
        unit="m²",
        area_m2=parts["area"],
        words={
            "percent": parts["percent"],
            "share": share,
            "dlbm": [findings.printable(code) for code in classes[parts["patch"]]],
        },
        zh="永久基本农田图斑 {feature} 有 {value:.2f} m² 落在地类 {dlbm} 图斑 {other_feature} 上，"
        "该图斑共有 {percent:.1f} % 不在耕地上（限值 {limit:g} m² 且 {share:g} %）。",
        en="Patch {feature} of protected cropland: {value:.2f} m² lie on patch {other_feature} of "
        "class {dlbm}, {percent:.1f} % of it in all are not on cropland (limits {limit:g} m² and "
        "{share:g} %).",
    )


@rule(
    "X07",
    "warning",
    "永农取自图斑",
    "Protected cropland comes from one land use patch",
    confidence="V",
    layers=(_PROTECTED,),
    needs=(_LANDUSE,),
    parameters=("patch_distance",),
    scope="layer",
)
def patch_from_landuse(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：永久基本农田图斑不在一个地类图斑（与它相交面积最大的那个）之内，超出 0.1 米以上；或两者
    的图斑编号 TBBH、地类编码 DLBM 不同。两个图层的数据年份 SJNF 不同的不判断：编号和界线每年会变。

    为什么：永久基本农田图斑取自当年的地类图斑，属性随图斑而来；对不上时，说不清它是哪一块地。

    怎样改：用同一年份的地类图斑核对；按地类图斑的界线分割或修正永久基本农田图斑，并重新取其 TBBH 和
    DLBM。

    例：永久基本农田图斑的 TBBH 为 12，它所在的地类图斑的 TBBH 为 21。

    依据：永久基本农田数据库标准的 TBBH、DLBM 字段（来自 DLTB）；距离见检查方案 patch_distance。

    What it finds: a patch of permanent basic farmland that reaches more than 0.1 m beyond one land
    use patch, the one it shares most area with; or whose TBBH or DLBM is not that patch's. Patches
    whose data year SJNF is not that of the land use are not judged: numbers and boundaries change
    every year.

    Why it matters: a protected patch is taken from the land use of its year, with its attributes;
    where they differ, nobody can say which land it is.

    How to mend it: compare with the land use of the same year; cut or correct the patch along the
    land use patch, and take TBBH and DLBM from that anew.

    Example: a protected patch has TBBH 12, but the land use patch it lies in has TBBH 21.

    Source: the fields TBBH and DLBM of the database standard, which come from DLTB; the distance
    stands in the profile as patch_distance.
    """
    names = []
    for name in ("TBBH", "DLBM"):
        lacking = [one for one in (subject, subject.others[_LANDUSE]) if not one.has(name)]
        if lacking:
            yield absent(lacking[0].spec.by_name[name])
        else:
            names.append(name)
    years = 0
    for part in subject.each():
        years += yield from _not_as_hosts(part, names)
    if years:
        yield NotRun(
            "",
            "",
            f"{years} 个图斑与地类图斑的数据年份不同",
            f"{years} patches have another data year than the land use",
        )


def _extent(layer: Subject, crs: CRS) -> shapely.Polygon:
    """The rectangle around all parcels of a layer, in another CRS."""
    boxes = [shapely.total_bounds(part.polygons(crs)) for part in layer.each()]
    low, high = np.split(np.asarray(boxes), 2, axis=1)
    return shapely.box(*np.fmin.reduce(low), *np.fmax.reduce(high))


def _flags_against(
    subject: Subject, extent: shapely.Polygon
) -> Generator[gpd.GeoDataFrame, None, int]:
    """The findings of X05; returns how many marked parcels lie outside the `extent`."""
    protected = subject.others[_PROTECTED]
    patches = protected.polygons(subject.plane)
    flag = subject.text("SFJBNT")
    yes, no = (flag.isin(words).to_numpy(bool) for words in (_YES, _NO))
    plots = _without(subject.metre.to_numpy(), ~(yes | no))
    within = shapely.intersects(extent, plots)
    area = shapely.area(plots)
    percent = np.round(
        100 * _covered(plots, protected, patches) / np.where(area > 0, area, np.nan), 4
    )
    limit, band = (subject.profile.number(name) for name in ("flag_share", "flag_band"))
    against = (yes & (percent < limit)) | (no & (percent >= limit))
    cut = (percent > band) & (percent < 100 - band)
    told = within & (area > 0) & (against | cut)
    zh = np.where(against, "与标识不符", "与标识相符，但边界从地块中穿过")
    en = np.where(against, "against the flag", "as the flag says, but the boundary runs through it")
    yield subject.at(
        told,
        severity=np.where(against, "warning", "info")[told],
        other_layer=_PROTECTED,
        value=percent[told],
        limit=limit,
        unit="%",
        area_m2=np.round(area[told], 4),
        words={"flag": flag[told], "says_zh": zh[told], "says_en": en[told]},
        zh="地块 {feature} 的 SFJBNT 为 {flag}，{value:.1f} % 在永久基本农田图斑之内（界限 "
        "{limit:g} %）：{says_zh}。",
        en="Parcel {feature}: SFJBNT is {flag} and {value:.1f} % of it lies in patches of "
        "protected cropland (limit {limit:g} %): {says_en}.",
    )
    return int((~within & yes & (area > 0)).sum())


def _not_as_hosts(subject: Subject, names: list[str]) -> Generator[gpd.GeoDataFrame, None, int]:
    """The findings of X07 on the fields `names`; returns how many patches are of another year."""
    subject, fields, host, within = _hosted(subject)
    landuse = subject.others[_LANDUSE]
    plot, years = np.flatnonzero(host >= 0), 0
    if subject.has("SJNF") and landuse.has("SJNF"):
        mine, theirs = subject.number("SJNF")[plot], landuse.number("SJNF")[host[plot]]
        other_year = (mine != theirs) & ~np.isnan(mine) & ~np.isnan(theirs)
        years = int(other_year.sum())
        plot = plot[~other_year]
    distance = subject.profile.number("patch_distance")
    loose = plot[~within[plot]]
    yield _sticking_out(subject, landuse, loose, host[loose], fields, distance)
    for name in names:
        said = subject.text(name).iloc[plot].reset_index(drop=True)
        due = landuse.text(name).iloc[host[plot]].reset_index(drop=True)
        odd = (said.notna() & due.notna() & (said != due)).to_numpy(bool)
        yield subject.at(
            plot[odd],
            other_layer=_LANDUSE,
            other_feature=landuse.feature[host[plot][odd]],
            words={
                "said": [findings.printable(text) for text in said[odd]],
                "due": [findings.printable(text) for text in due[odd]],
            },
            zh=f"永久基本农田图斑 {{feature}} 的 {name} 为 {{said}}，它所在的地类图斑 "
            "{other_feature} 为 {due}。",
            en=f"Patch {{feature}} of protected cropland: {name} is {{said}}, but {{due}} in "
            "the land use patch {other_feature} it lies in.",
        )
    return years


def _hosted(subject: Subject) -> tuple[Subject, Shapes, Rows, Mask]:
    """The patches with the land use around them, that as polygons, and `_hosts` in it."""
    while True:
        patches, fields = subject.metre.to_numpy(), subject.others[_LANDUSE].polygons(subject.plane)
        host, within = _hosts(patches, fields)
        here = ~(shapely.is_missing(patches) | shapely.is_empty(patches))
        found = host >= 0
        far = np.ones(len(host), dtype=bool)
        far[found] = shapely.distance(patches[found], fields[host[found]]) > subject.reach
        # The nearest may lie farther off than anything that is there yet.
        if math.isinf(subject.reach) or not (far & here).any():
            return subject, fields, host, within
        subject = subject.wider()


def _parts(plots: Shapes, patches: Shapes) -> pd.DataFrame:
    """What plots share with patches.

    Returns
    -------
    DataFrame
        A row a pair with shared area: `plot` and `patch` (row numbers), `shape`, `area` (m²).
    """
    tree = shapely.STRtree(patches)
    plot, patch = tree.query(plots, predicate="intersects")
    # Most neighbours only touch; asking costs a quarter of cutting them.
    touching, touched = tree.query(plots, predicate="touches")
    meet = ~np.isin(plot * len(patches) + patch, touching * len(patches) + touched)
    plot, patch = plot[meet], patch[meet]
    found = [
        shared(plots[plot[k : k + _BATCH]], patches[patch[k : k + _BATCH]])
        for k in range(0, max(len(plot), 1), _BATCH)
    ]
    shape, area = (np.concatenate(columns) for columns in zip(*found, strict=True))
    parts = pd.DataFrame({"plot": plot, "patch": patch, "shape": shape, "area": area})
    return parts[parts["area"] > 0].reset_index(drop=True)


def _without(shapes: Shapes, which: Mask) -> Shapes:
    """`shapes`, missing where `which` is true."""
    kept = shapes.copy()
    kept[which] = None
    return kept


def _around(plots: Shapes, patches: Shapes) -> Rows:
    """Of each plot the first patch that covers all of it; -1 where there is none."""
    patch, plot = shapely.STRtree(plots).query(patches)
    inner, outer = shapely.bounds(plots)[plot], shapely.bounds(patches)[patch]
    fits = ((outer[:, :2] <= inner[:, :2]) & (outer[:, 2:] >= inner[:, 2:])).all(axis=1)
    patch, plot = patch[fits], plot[fits]
    # A long road has many plots within its box: it is prepared once.
    asked = patches[np.unique(patch)]
    shapely.prepare(asked)
    covers = shapely.covers(patches[patch], plots[plot])
    shapely.destroy_prepared(asked)
    patch, plot = patch[covers], plot[covers]
    around = np.full(len(plots), len(patches), dtype=np.intp)
    np.minimum.at(around, plot, patch)
    return np.where(around < len(patches), around, -1)


def _covered(plots: Shapes, layer: Subject, patches: Shapes) -> npt.NDArray[np.float64]:
    """The area of each plot within patches of `layer`, once where these overlap; 0 without any."""
    whole = _around(plots, patches) >= 0
    parts = _parts(_without(plots, whole), patches)
    total = np.bincount(parts["plot"], parts["area"], len(plots)).astype(np.float64)
    total[whole] = shapely.area(plots[whole])
    overlapping = np.concatenate([layer.conflicts.left, layer.conflicts.right])
    twice = parts[parts["patch"].isin(overlapping)]
    several = twice["plot"][twice["plot"].duplicated()]
    for plot, shapes in parts[parts["plot"].isin(several)].groupby("plot")["shape"]:
        total[int(str(plot))] = shapely.area(shapely.union_all(shapes.to_numpy()))
    return total


def _hosts(patches: Shapes, fields: Shapes) -> tuple[Rows, Mask]:
    """Of each patch the row of the field it lies in, and whether it does.

    The field that covers all of it, else the one it shares most area with, else the nearest; -1
    where there is no patch or no field.
    """
    host = _around(patches, fields)
    within = host >= 0
    parts = _parts(_without(patches, within), fields)
    parts = parts.sort_values(["plot", "area", "patch"], ascending=[True, False, True])
    first = parts.drop_duplicates("plot")
    host[first["plot"]] = first["patch"]
    here = ~shapely.is_missing(patches) & ~shapely.is_empty(patches)
    alone = np.flatnonzero(here & (host < 0))
    nearest = shapely.STRtree(fields).nearest(patches[alone])
    host[alone] = -1 if nearest is None else nearest
    return host, within


def _sticking_out(
    subject: Subject,
    landuse: Subject,
    plot: Rows,
    host: Rows,
    fields: Shapes,
    distance: float,
) -> gpd.GeoDataFrame:
    """Where patches reach more than `distance` beyond their hosts."""
    patches = subject.metre.to_numpy()
    beyond = polygonal(shapely.difference(patches[plot], shapely.buffer(fields[host], distance)))
    out = shapely.area(beyond) > 0
    plot, host, beyond = plot[out], host[out], beyond[out]
    vertices, row = shapely.get_coordinates(beyond, return_index=True)
    far = np.zeros(len(plot))
    np.maximum.at(far, row, shapely.distance(shapely.points(vertices), fields[host][row]))
    return findings.make(
        subject.feature[plot],
        beyond,
        subject.metre.crs,
        other_layer=_LANDUSE,
        other_feature=landuse.feature[host],
        value=np.round(far, 3),
        limit=distance,
        unit="m",
        area_m2=np.round(shapely.area(beyond), 4),
        zh="永久基本农田图斑 {feature} 不全在一个地类图斑之内：超出图斑 {other_feature} 最多 "
        "{value:.2f} m，限差 {limit:g} m。",
        en="Patch {feature} of protected cropland does not lie in one land use patch: it reaches "
        "up to {value:.2f} m beyond patch {other_feature}, the limit is {limit:g} m.",
    )
