"""Rules on where a layer lies: its CRS, its datum, its extent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from yuxi_gis import findings
from yuxi_gis.catalog import load_codes
from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.rules.reading import told
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.crs import Bounds, crs_name, datum, epsg, zones
from yuxi_gis.crs.diagnosis import Diagnosis

__all__ = [
    "crs_expected",
    "crs_fits",
    "crs_present",
    "datum_reliable",
    "extent_in_county",
]

Floats = npt.NDArray[np.float64]

_CGCS2000 = CRS.from_epsg(4490)
_CITY = "5304"
_METRES_PER_DEGREE = 111_320.0
#: From this share of codes in Yuxi on, the layer is Yuxi's.
_MOST = 0.9
#: Notes on how an older datum was brought to CGCS2000: what to look at again.
_SHIFTED = ("datum",)
#: Envelopes of the counties in degrees: west, south, east, north. Measured on public boundaries
#: (Amap), which are true to some 100 m: context, no legal boundaries.
_COUNTIES: Mapping[str, Bounds] = MappingProxyType(
    {
        "530402": (102.290, 24.141, 102.697, 24.539),
        "530403": (102.577, 24.205, 102.919, 24.518),
        "530423": (102.509, 23.909, 102.888, 24.244),
        "530424": (102.815, 23.986, 103.152, 24.568),
        "530425": (101.890, 24.449, 102.298, 24.952),
        "530426": (101.877, 24.015, 102.619, 24.533),
        "530427": (101.277, 23.632, 102.283, 24.429),
        "530428": (101.662, 23.315, 102.361, 23.897),
        "530481": (102.788, 24.483, 103.077, 24.921),
        _CITY: zones.YUXI,
    }
)


@rule("S03", "error", "坐标系存在", "CRS present", confidence="V", on="shapes")
def crs_present(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图层没有坐标系说明（例如丢失了 .prj 文件）。

    为什么：没有坐标系就不知道地块在地球上的位置，无法量算面积，也无法与其他图层叠加。

    怎样改：找到原来的 .prj 文件放回同一文件夹，或向测绘单位核实后指定坐标系；不要凭坐标数值猜测，
    CGCS2000、西安80、北京54 的坐标数值看上去一样。

    例：DK.shp 旁边没有 DK.prj，读入后坐标系为空。

    依据：第二次全国土地调查数据库检查软件“坐标系统”检查项。

    What it finds: a layer that does not say its CRS (its .prj file is lost, for example).

    Why it matters: without a CRS nobody knows where on earth the parcels lie; their areas cannot be
    measured and other layers cannot be laid over them.

    How to mend it: put the original .prj file back into the folder, or ask the surveyor and set the
    CRS; do not guess it from the numbers: CGCS2000, Xian 1980 and Beijing 1954 look alike.

    Example: DK.shp without DK.prj is read without a CRS.

    Source: check "coordinate system" of the inspection software of the second national land survey.
    """
    if subject.crs is None:
        yield subject.whole(
            [subject.spec.title_zh],
            zh="图层“{name}”没有坐标系。",
            en=f"Layer {subject.spec.id} has no CRS.",
        )


@rule(
    "S04",
    "error",
    "坐标系正确",
    "CRS as expected",
    confidence="M",
    on="shapes",
    parameters=("expected_crs",),
)
def crs_expected(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：图层标注的坐标系不在检查方案允许的坐标系之中。只看标注，不看坐标数值是否与之相符。

    为什么：成果应使用 CGCS2000；玉溪全境在三度带第 34 带。基准不同的坐标系之间相差几十到上百米，
    没有官方参数就无法可靠换算。

    怎样改：若只是标错，改正坐标系说明（坐标不动）；若坐标确实属于别的坐标系，请测绘单位用官方参数
    转换为 CGCS2000（EPSG:4490、4522 或 4543）后重新提交。

    例：图层为 EPSG:2379（西安80，中央经线 102°），而应为 EPSG:4543。

    依据：三度带、中央经线与 EPSG 代码经 PROJ 核对；允许的坐标系见检查方案 expected_crs。

    What it finds: a layer whose CRS is not among those that the profile allows. It looks at what
    the layer declares, not at whether the coordinates fit.

    Why it matters: results are due in CGCS2000, and all of Yuxi lies in its 3-degree zone 34. CRSs
    of another datum are tens to hundreds of metres away, and no reliable way leads from one to the
    other without official parameters.

    How to mend it: if only the label is wrong, correct it and leave the coordinates; if they do
    belong to another CRS, have the surveyor transform them to CGCS2000 (EPSG:4490, 4522 or 4543)
    with official parameters.

    Example: a layer in EPSG:2379 (Xian 1980, central meridian 102) that should be in EPSG:4543.

    Source: zones, meridians and EPSG codes were verified against PROJ; what is allowed stands in
    the profile as expected_crs.
    """
    allowed = subject.profile.numbers("expected_crs")
    if subject.crs is not None and epsg(subject.crs) not in allowed:
        codes = ", ".join(map(str, allowed))
        yield subject.whole(
            [crs_name(subject.crs)],
            value=epsg(subject.crs) or np.nan,
            unit="EPSG",
            zh=f"图层“{subject.spec.title_zh}”的坐标系为 {{name}}，应为 EPSG {codes} 之一。",
            en=f"Layer {subject.spec.id} is in {{name}}, not in one of EPSG {codes}.",
        )


@rule("S05", "error", "坐标与坐标系相符", "Coordinates fit the CRS", confidence="M", on="shapes")
def crs_fits(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：坐标数值与图层标注的坐标系不符：带号 34 的坐标标成不带号的坐标系（或相反）、X 和 Y
    写反、经纬度与米混淆、标成了别的带，以及 GCJ-02、BD-09 偏移坐标。按图层的大多数坐标判断，个别
    地块归 S06。基准不同（CGCS2000、西安80、北京54）从数值上分不出来，归 S04、S07。

    为什么：标错时地块会落到几百公里以外，叠加和面积都是错的；若再做投影转换，错误就固定在坐标里了。

    怎样改：照提示重新标注（数值不动），不要投影转换；标错的原因请向测绘单位核实。

    例：横坐标 34 500 000 的图层标成 EPSG:4543，应改标为 EPSG:4522：--crs EPSG:4522 --override-crs。

    依据：玉溪在各坐标系中的坐标范围经 PROJ 9.5.1 实测。

    What it finds: coordinates that do not go with the CRS that the layer declares: eastings with
    the zone prefix 34 under a CRS without it (or the other way round), X and Y exchanged, degrees
    taken for metres, another zone, and the shifted coordinates GCJ-02 and BD-09. It looks at where
    most of the layer lies; single parcels are S06's. Datums (CGCS2000, Xian 1980, Beijing 1954)
    cannot be told by value: they are S04's and S07's.

    Why it matters: under the wrong label parcels lie hundreds of kilometres away, and overlay and
    areas are wrong; a reprojection then makes the fault a part of the coordinates.

    How to mend it: relabel as the message says (the numbers stay), do not reproject; ask the
    surveyor how the label came about.

    Example: a layer with eastings of 34 500 000 that says EPSG:4543; it is EPSG:4522: --crs
    EPSG:4522 --override-crs.

    Source: the numbers that Yuxi has in each CRS, measured with PROJ 9.5.1.
    """
    if subject.crs is None:
        yield _without_crs()
        return
    for found in (*_diagnoses(subject), *zones.looks_shifted(subject.sampled(), _name(subject))):
        yield subject.whole(
            [found.zh],
            severity="error" if found.confidence == "high" else "warning",
            words={"en": findings.plain(found.en)},
            zh="{name}" if found.zh.endswith("。") else "{name}。",
            en="{en}" if found.en.endswith(".") else "{en}.",
        )


def _without_crs() -> NotRun:
    return NotRun("", "", "图层没有坐标系（见 S03）", "the layer has no CRS (see S03)")


def _name(subject: Subject) -> str:
    return str(subject.frame.attrs.get("name", ""))


def _diagnoses(subject: Subject) -> tuple[Diagnosis, ...]:
    """What the coordinates say against the layer's CRS, which it must have."""
    assert subject.crs is not None
    codes = subject.region.dropna()
    at_home = len(codes) > 0 and bool(codes.str.startswith(_CITY).mean() >= _MOST)
    return zones.diagnose(subject.place, subject.crs, home=zones.YUXI if at_home else None)


@rule(
    "S06",
    "warning",
    "坐标范围",
    "Extent in the county",
    confidence="M",
    on="shapes",
    parameters=("extent_margin",),
)
def extent_in_county(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：地块（点、线）的位置不在其代码所属县（市、区）的外接矩形之内，且超出 extent_margin；没有
    代码的与玉溪市的外接矩形比较，外地代码的不查。整个图层大半如此时只报告一次。江川、澄江撤县前的
    旧代码 530421、530422 按今天的 530403、530481 查。精确的归属由 X08 按行政区界判断。

    为什么：个别地块飞到远处，多半是坐标录错或代码写错；整层偏离多半是坐标系或代码错了。

    怎样改：在标出的点上核对：位置对的，改正代码；代码对的，从原始测量成果恢复坐标。整层偏离的，先看
    S04、S05、S07，再核对是不是别的县的数据。

    例：代码属红塔区（530402）的地块落在几十公里外的元江县。

    依据：各县范围由公开行政边界（高德）量得，误差约 100 m，不是法定界线，所以只作警告；容许超出的
    距离见检查方案 extent_margin。

    What it finds: parcels (points, lines) that lie outside the envelope of the county that their
    code names by more than extent_margin; those without a code are held against the envelope of
    Yuxi, those with a code of elsewhere are not judged. Where most of a layer lies so, it is told
    once. The former codes 530421 and 530422 count as the 530403 and 530481 of today. X08 judges by
    the boundaries themselves.

    Why it matters: a single parcel far away mostly has a wrong coordinate or a wrong code; a whole
    layer mostly a wrong CRS or wrong codes.

    How to mend it: look at the marked point. Where the place is right, correct the code; where the
    code is right, restore the coordinates from the survey. For a whole layer look at S04, S05 and
    S07 first, then whether the data are of another county.

    Example: a parcel with a code of Hongta (530402) lies in Yuanjiang, tens of kilometres away.

    Source: the envelopes were measured on public boundaries (Amap), which are true to about 100 m
    and no legal boundaries, hence a warning; how far is too far stands in the profile as
    extent_margin.
    """
    if subject.crs is None or subject.crs.geodetic_crs is None:
        yield _without_crs()
        return
    if any(found.confidence == "high" for found in _diagnoses(subject)):
        yield NotRun(
            "", "", "坐标与坐标系不符（见 S05）", "the coordinates do not fit the CRS (see S05)"
        )
        return
    x, y, away, county = _strays(subject)
    outside = away > subject.profile.number("extent_margin")
    judged = ~np.isnan(away)
    if outside.sum() * 2 > judged.sum():
        yield _whole_layer(subject, outside, judged, np.round(np.median(away[outside])))
        return
    if not outside.any():
        return
    yield findings.make(
        subject.feature[outside],
        np.asarray(shapely.points(x[outside], y[outside]), dtype=object),
        subject.crs,
        value=away[outside],
        limit=subject.profile.number("extent_margin"),
        unit="m",
        words={
            "zh": [_named(code, "zh") for code in county[outside]],
            "en": [_named(code, "en") for code in county[outside]],
            "km": away[outside] / 1000,
        },
        zh="{feature} 在{zh}的范围之外，超出 {km:.0f} km。",
        en="{feature} lies {km:.0f} km outside {en}.",
    )


def _strays(subject: Subject) -> tuple[Floats, Floats, Floats, npt.NDArray[np.object_]]:
    """The middle of each shape in the layer's CRS, how many metres it lies outside its county (0
    within; nan where that cannot be told), and the county's code."""
    assert subject.crs is not None
    box = subject.bounds
    x, y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
    way = Transformer.from_crs(subject.crs, subject.crs.geodetic_crs, always_xy=True)
    lon, lat = way.transform(x, y)
    county = _county(subject.region)
    boxes = np.array([*_COUNTIES.values(), (np.nan,) * 4])  # the last is that of elsewhere, -1
    west, south, east, north = boxes[pd.Index(list(_COUNTIES)).get_indexer(pd.Index(county))].T
    with np.errstate(invalid="ignore"):
        across = np.maximum(np.maximum(west - lon, lon - east), 0) * np.cos(np.radians(lat))
        along = np.maximum(np.maximum(south - lat, lat - north), 0)
        away = np.hypot(across, along) * _METRES_PER_DEGREE
    away[~np.isfinite(away)] = np.nan
    return x, y, np.round(away), county.to_numpy(object)


def _county(region: pd.Series) -> pd.Series:
    """The code of the county of each record, today's; of Yuxi where there is none; of elsewhere
    what it is."""
    row_code, codes = pd.factorize(region.str[:6])  # few counties, many records
    counties = pd.Series(codes, dtype="str").replace(dict(load_codes()["county_former"].successors))
    here = counties.isin(list(_COUNTIES)) | ~counties.str.startswith(_CITY)
    known = counties.where(here, _CITY)
    return pd.Series(known.array.take(row_code, allow_fill=True)).fillna(_CITY)


def _named(county: str, lang: str) -> str:
    if county == _CITY:
        return "玉溪市" if lang == "zh" else "Yuxi"
    return load_codes()["county"].label(county, lang)


def _whole_layer(subject: Subject, outside: Mask, judged: Mask, away: float) -> gpd.GeoDataFrame:
    return subject.whole(
        [subject.spec.title_zh],
        value=away,
        limit=subject.profile.number("extent_margin"),
        unit="m",
        words={
            "id": subject.spec.id,
            "count": int(outside.sum()),
            "of": int(judged.sum()),
            "km": away / 1000,
        },
        zh="图层“{name}”的 {of} 个图形中有 {count} 个在代码所属的县（没有代码的：玉溪市）范围之外，"
        "多在 {km:.0f} km 以外。",
        en="{count} of {of} shapes of layer {id} do not lie in the county of their code (without a "
        "code: in Yuxi), most of them {km:.0f} km away.",
    )


@rule("S07", "error", "基准可靠", "Reliable datum", confidence="M", on="shapes")
def datum_reliable(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：图层的基准（西安80、北京54 等）到 CGCS2000 没有已知精度的转换；以及用控制点或近似换算
    转换过来的图层需要再核对的地方。

    为什么：没有官方参数时，软件只换椭球、不移坐标，不会报错，位置却可差几十米到一百多米。

    怎样改：三种办法任选其一：用官方七参数 --helmert DX,DY,DZ,RX,RY,RZ,DS；用控制点表
    --control-points 文件；位置差几十米也无妨时才用 --allow-ballpark。例如 yuxi-gis convert 文件
    输出.gpkg --control-points 控制点.csv。若只是标错，用 --crs EPSG:4543 --override-crs 改标。

    例：EPSG:2379（西安80，中央经线 102°）的地块与 CGCS2000 的影像叠加，整体偏移几十米以上。

    依据：PROJ 9.5.1 实测：4610、4214 到 4490 只有近似换算（ballpark）；官方七参数不公开。

    What it finds: layers from whose datum (Xian 1980, Beijing 1954 and others) no transformation of
    known accuracy leads to CGCS2000; and what to look at again where a layer was brought there by
    control points or a ballpark.

    Why it matters: without official parameters programs exchange the ellipsoid and leave the
    coordinates, without a word, and places are tens of metres to more than 100 m off.

    How to mend it: one of three: official parameters with --helmert DX,DY,DZ,RX,RY,RZ,DS; control
    points with --control-points FILE; or --allow-ballpark, where tens of metres do not matter. For
    example yuxi-gis convert FILE OUT.gpkg --control-points POINTS.csv. Where only the label is
    wrong, relabel with --crs EPSG:4543 --override-crs.

    Example: parcels in EPSG:2379 (Xian 1980, meridian 102) lie tens of metres or more off an image
    in CGCS2000.

    Source: PROJ 9.5.1 has only a ballpark from 4610 and 4214 to 4490 (measured); official
    parameters are not public.
    """
    if subject.crs is None:
        yield _without_crs()
        return
    yield from told(subject, _SHIFTED)
    bounds = subject.place if subject.crs.geodetic_crs else None
    if datum.accuracy(subject.crs, _CGCS2000, bounds) is None:
        yield subject.whole(
            [crs_name(subject.crs)],
            words={"id": subject.spec.id, "zh": subject.spec.title_zh},
            zh="图层“{zh}”的坐标系 {name} 到 CGCS2000 没有已知精度的转换。",
            en="There is no transformation of known accuracy from {name}, the CRS of layer {id}, "
            "to CGCS2000.",
        )
