"""The official layers of the invented village: fields filled from the faces, consistently."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from parcels import CRS, FARM, Polygons, components, edges
from plan import Plan
from shapely.geometry.base import BaseGeometry
from terrain import Terrain

from yuxi_gis.units import ellipsoidal_area

__all__ = ["VILLAGE_CODE", "VILLAGE_NAME", "make_idle", "make_layers"]

VILLAGE_CODE = "530428203202"
VILLAGE_NAME = "哈施村民委员会"
UNIT_CODE = VILLAGE_CODE + "0000000"
DATA_YEAR = 2023
HOMESTEAD_LIMIT_M2 = 150.0

NAMES = {
    "0101": "水田", "0103": "旱地", "0201": "果园", "0301": "乔木林地", "0305": "灌木林地",
    "0307": "其他林地", "0404": "其他草地", "0601": "工业用地", "0702": "农村宅基地",
    "08H2": "科教文卫用地", "1004": "城镇村道路用地", "1006": "农村道路", "1101": "河流水面",
    "1104": "坑塘水面", "1107": "沟渠", "1201": "空闲地", "1202": "设施农用地",
}  # fmt: skip
OLD_CLASS = {"0101": "011", "0103": "013", "0201": "021"}
BOUNDED_BY = {
    "0301": "林地", "0305": "荒坡", "0307": "林地", "0404": "荒坡", "0601": "厂房", "0702": "村庄",
    "08H2": "学校", "1004": "道路", "1006": "道路", "1101": "河流", "1104": "水塘", "1107": "沟渠",
    "1201": "空地", "1202": "养殖场",
}  # fmt: skip
TOPONYMS = (
    "大田", "秧田坝", "水井边", "老寨脚", "沙坝", "岩子脚", "龙树下", "石门坎", "新沟下", "碾房",
    "打谷场", "梁子上", "小箐边", "大箐边", "羊圈坡", "核桃树", "桃树湾", "白土坡", "红土地",
    "长田", "弯田", "月亮田", "马鹿塘", "下坝", "河边", "棕树林", "牛滚塘", "茶罐地",
)  # fmt: skip
WIDTHS = {"1004": 3.2, "1006": 4.5, "1101": 9.0, "1107": 2.0}
RIDGE_FACTOR = {"2": 0.068, "3": 0.1195, "4": 0.1886, "5": 0.2557}


def _neighbours(polygons: Polygons, names: NDArray[np.object_], outside: str) -> pd.DataFrame:
    """What bounds each face to the east, west, south and north: DKDZ, DKXZ, DKNZ, DKBZ.

    Of the neighbours along the edges that look in a direction, the one with the longest front.
    """
    shared = edges(polygons)
    east, north = shared.dy, -shared.dx  # outward: the interior lies to the left of the ring
    label = np.append(names, outside)[shared.other]
    sides = {"DKDZ": east, "DKXZ": -east, "DKNZ": -north, "DKBZ": north}
    table = {}
    for field, front in sides.items():
        rows = pd.DataFrame({"face": shared.face, "name": label, "front": front.clip(lower=0.0)})
        total = rows.groupby(["face", "name"])["front"].sum().reset_index()
        total = total.sort_values(["face", "front", "name"], ascending=[True, False, True])
        table[field] = total.drop_duplicates("face").set_index("face")["name"]
    return pd.DataFrame(table)


def _identity_number(number: int, born: pd.Timestamp) -> str:
    """A well-formed identity number of region 999999, which does not exist."""
    body = f"999999{born:%Y%m%d}{number % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = sum(w * int(d) for w, d in zip(weights, body, strict=True)) % 11
    return body + "10X98765432"[check]


def _dates(rng: np.random.Generator, n: int, first: str, last: str) -> NDArray[np.object_]:
    span = (pd.Timestamp(last) - pd.Timestamp(first)).days
    days = pd.Timestamp(first) + pd.to_timedelta(rng.integers(0, span, n), unit="D")
    return np.array(days.strftime("%Y%m%d"), dtype=object)


def _only(where: NDArray[np.bool_], value: object) -> NDArray[np.object_]:
    """`value` where the condition holds, else null."""
    return np.where(where, np.asarray(value, dtype=object), np.array(None, dtype=object))


def _slope_class(degrees: NDArray[np.float64]) -> NDArray[np.str_]:
    """耕地坡度级别: 1 up to 2°, 2 up to 6°, 3 up to 15°, 4 up to 25°, 5 above."""
    return (np.digitize(degrees, [2.0, 6.0, 15.0, 25.0]) + 1).astype(str)


def _farmland(faces: gpd.GeoDataFrame, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """DK: every farmed face of the village; the index is that of the faces."""
    farm = faces[faces.inside & faces.dlbm.isin(FARM)]
    n = len(farm)
    upper, east = farm.above > 925.0, farm.along > np.where(farm.above > 925.0, 60.0, 160.0)
    group = np.select([upper & ~east, upper & east, ~upper & ~east], ["01", "02", "03"], "04")
    order = np.lexsort((farm.along, -np.round(farm.above / 45.0), group))
    farm, group = farm.iloc[order], group[order]
    serial = pd.Series(group).groupby(group).cumcount().to_numpy() + 1

    points = shapely.get_coordinates(farm.representative_point().array)
    anchors = points[np.sort(rng.choice(n, len(TOPONYMS), replace=False))]
    nearest = ((points[:, None, :] - anchors[None]) ** 2).sum(axis=2).argmin(axis=1)
    place = np.array(TOPONYMS)[nearest]
    within = pd.Series(place).groupby(place).cumcount().to_numpy() + 1
    parcel_name = np.array([f"{p}{i}" for p, i in zip(place, within, strict=True)], dtype=object)

    names = faces.dlbm.map(BOUNDED_BY).fillna("邻村田").to_numpy(dtype=object)
    names[farm.index] = parcel_name
    around = _neighbours(faces.geometry.to_numpy(), names, "邻村")
    area = farm.area.round(2)
    fertility = np.where(farm.dlbm == "0101", 4, 7) + np.digitize(farm.slope, [12.0, 20.0])
    fertility = fertility + rng.integers(-1, 2, n)
    return gpd.GeoDataFrame(
        {
            "BSM": np.arange(1, n + 1),
            "YSDM": "211011",
            "DKBM": [f"{VILLAGE_CODE}{g}{s:05d}" for g, s in zip(group, serial, strict=True)],
            "DKMC": parcel_name,
            "SYQXZ": "31",
            "DKLB": rng.choice(["10", "21", "22", "23"], n, p=[0.91, 0.05, 0.02, 0.02]),
            "TDLYLX": farm.dlbm.map(OLD_CLASS),
            "DLDJ": [f"{v:02d}" for v in fertility],
            "TDYT": "1",
            "SFJBNT": "2",
            "SCMJ": area,
            **{field: around[field].loc[farm.index] for field in ("DKDZ", "DKXZ", "DKNZ", "DKBZ")},
            "DKBZXX": None,
            "ZJRXM": [f"示例户{i:03d}" for i in rng.integers(1, 171, n)],
            "KJZB": None,
            "SCMJM": (area * 0.0015).round(2),
        },
        geometry=farm.geometry,
        crs=CRS,
    )


def _landuse(faces: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """DLTB: adjacent fields of one class within a slope block; other land face by face.

    Column `patch` of `faces` becomes the row of each face in the result.
    """
    inside = faces[faces.inside]
    block = (
        np.floor((inside.along + 1000.0) / 230.0).astype(int).astype(str)
        + "/" + np.floor(inside.above / 170.0).astype(int).astype(str)
    )  # fmt: skip
    farm = inside.dlbm.isin(FARM)
    label = np.where(farm, inside.dlbm + block, np.arange(len(inside)).astype(str))
    patch = components(inside.geometry.to_numpy(), np.asarray(label, dtype=str))
    rows = inside.assign(patch=patch)
    grouped = rows.groupby("patch")
    merged = [shapely.coverage_union_all(g.to_numpy()) for _, g in grouped.geometry]
    first = grouped.first()
    slope = grouped.apply(lambda g: np.average(g.slope, weights=g.area), include_groups=False)
    order = np.lexsort((first.along, -np.round(grouped.above.mean() / 120.0)))
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    faces["patch"] = -1
    faces.loc[inside.index, "patch"] = rank[patch]

    geometry = gpd.GeoSeries(np.array(merged, dtype=object)[order], crs=CRS)
    dlbm = first.dlbm.to_numpy()[order]
    crop = np.isin(dlbm, ["0101", "0103"])
    grade = _only(crop, _slope_class(slope.to_numpy()[order]))
    terraced = crop & (grade != "1")
    area = ellipsoidal_area(geometry).round(2)
    factor = np.array([RIDGE_FACTOR.get(g, 0.0) if g else 0.0 for g in grade])
    deducted = (area * factor).round(2)
    plants = np.select([dlbm == "0101", crop & (np.arange(len(dlbm)) % 3 == 0), crop],
                       ["LS", "LYFL", "LS"], "")  # fmt: skip
    plant_names = {"LS": "种植粮食作物", "LYFL": "粮与非粮轮作"}
    number = np.arange(1, len(dlbm) + 1)
    settled = np.isin(dlbm, ["0601", "0702", "08H2", "1004", "1201"])
    return gpd.GeoDataFrame(
        {
            "BSM": [f"{VILLAGE_CODE}{i:06d}" for i in number],
            "YSDM": "2001010100",
            "TBYBH": None,
            "TBBH": [str(i) for i in number],
            "DLBM": dlbm,
            "DLMC": [NAMES[c] for c in dlbm],
            "QSXZ": np.where(np.isin(dlbm, ["1101"]), "10", "30"),
            "QSDWDM": UNIT_CODE,
            "QSDWMC": VILLAGE_NAME,
            "ZLDWDM": UNIT_CODE,
            "ZLDWMC": VILLAGE_NAME,
            "TBMJ": area,
            "KCDLBM": _only(factor > 0, "1203"),
            "KCXS": factor,
            "KCMJ": deducted,
            "TBDLMJ": (area - deducted).round(2),
            "GDLX": _only(terraced, "TT"),
            "GDPDJB": grade,
            "XZDWKD": [WIDTHS.get(c, np.nan) for c in dlbm],
            "TBXHDM": None,
            "TBXHMC": None,
            "ZZSXDM": _only(crop, plants),
            "ZZSXMC": [plant_names.get(p) for p in plants],
            "GDDB": np.where(crop, 9, np.nan),
            "FRDBS": None,
            "CZCSXM": _only(settled, np.where(dlbm == "0601", "203A", "203")),
            "SJNF": DATA_YEAR,
            "MSSM": "00",
            "HDMC": None,
            "BZ": None,
        },
        geometry=geometry,
        crs=CRS,
    ).astype({"GDDB": "Int64"})


def _protected(
    faces: gpd.GeoDataFrame, landuse: gpd.GeoDataFrame, plan: Plan, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """YJJBNTTB: unions of the fields of chosen land-use patches, away from the houses.

    Column `protected` of `faces` tells which fields are in.
    """
    crop = faces[faces.inside & faces.dlbm.isin(["0101", "0103"])]
    size = crop.area.groupby(crop.patch).sum()
    likely = np.where(landuse.loc[size.index, "DLBM"] == "0101", 0.85, 0.45)
    chosen = size.index[(size.to_numpy() > 5000.0) & (rng.random(len(size)) < likely)]
    far = crop.distance(shapely.union_all([plan.settlement, *plan.sites.values()])) > 14.0
    fields = crop[crop.patch.isin(chosen) & far & (crop.slope < 24.0)]
    parts = components(fields.geometry.to_numpy(), fields.patch.to_numpy().astype(str))
    keep = fields.area.groupby(parts).transform("sum") > 3000.0
    fields, parts = fields[keep], parts[keep]
    faces["protected"] = faces.index.isin(fields.index)

    grouped = fields.groupby(parts)
    patch = grouped.patch.first().to_numpy()
    geometry = gpd.GeoSeries(
        [shapely.coverage_union_all(g.to_numpy()) for _, g in grouped.geometry], crs=CRS
    )
    order = np.argsort(patch, kind="stable")
    patch, geometry = patch[order], geometry.iloc[order].reset_index(drop=True)
    source = landuse.iloc[patch].reset_index(drop=True)
    area = ellipsoidal_area(geometry).round(2)
    deducted = (area * source.KCXS).round(2)
    n = len(patch)
    number = range(1, n + 1)
    group = rng.integers(1, 5, n)
    return gpd.GeoDataFrame(
        {
            "BSM": [f"{VILLAGE_CODE}{900000 + i:06d}" for i in number],
            "YSDM": "2005010300",
            "XZQDM": VILLAGE_CODE,
            "XZQMC": VILLAGE_NAME,
            "YJJBNTTBBH": [f"{VILLAGE_CODE}{i:06d}" for i in number],
            **{c: source[c] for c in ("TBBH", "DLBM", "DLMC", "QSXZ", "QSDWDM", "QSDWMC",
                                      "ZLDWDM", "ZLDWMC")},
            "YJJBNTTBMJ": area,
            "KCDLBM": source.KCDLBM,
            "KCXS": source.KCXS,
            "KCMJ": deducted,
            "YJJBNTMJ": (area - deducted).round(2),
            "GDLX": source.GDLX,
            "GDPDJB": source.GDPDJB,
            "GGBZL": _only(source.DLBM == "0101", "85"),
            "TBXHDM": None,
            "TBXHMC": None,
            "ZZSXDM": source.ZZSXDM,
            "ZZSXMC": source.ZZSXMC,
            "GDDB": source.GDDB,
            "GDDJ": 6,
            "ZLFLDM": None,
            "FRDBS": None,
            "SJNF": DATA_YEAR,
            "CFZR": "示例村干部01",
            "ZMC": [f"示例{g}组" for g in group],
            "ZZRR": [f"示例组长{g:02d}" for g in group],
            "ZRRZJHM": None,
            "ZRRMC": [f"示例户{i:03d}" for i in rng.integers(1, 171, n)],
            "LXDH": [f"10000000{i:03d}" for i in rng.integers(1, 171, n)],
            "JZDZ": None,
            "BHKSSJ": "20210101",
            "BHJSSJ": "20351231",
            "SJBH": None,
            "SJMC": None,
            "WDGD": "1",
            "SFWYYJJBNT": "1",
            "FWDGDHRLY": None,
            "BZ": None,
        },
        geometry=geometry,
        crs=CRS,
    )  # fmt: skip


def _homesteads(yards: Sequence[shapely.Polygon], rng: np.random.Generator) -> gpd.GeoDataFrame:
    """ZJD: one household a yard."""
    n = len(yards)
    number = np.arange(1, n + 1)
    area = np.round(shapely.area(np.array(yards, dtype=object)), 2)
    floors = rng.choice([1, 2, 3], n, p=[0.3, 0.5, 0.2])
    footprint = np.round(area * rng.uniform(0.6, 0.78, n), 2)
    state = rng.choice(["1", "2", "3", "4", "5"], n, p=[0.80, 0.10, 0.06, 0.02, 0.02])
    since = _only(np.isin(state, ["2", "3", "4"]), _dates(rng, n, "2016-01-01", "2023-06-30"))
    born = pd.Timestamp("1945-01-01") + pd.to_timedelta(rng.integers(0, 18000, n), unit="D")
    # Most yards are as large as was approved; some of the large ones were approved for less.
    over = (area > HOMESTEAD_LIMIT_M2 + 5) & (number % 8 == 0)
    approved = np.where(over, HOMESTEAD_LIMIT_M2, area)
    code = [f"530428203202JC{i:05d}" for i in number]
    return gpd.GeoDataFrame(
        {
            "ZDDM": code,
            "BDCDYH": [f"{c}F00010001" for c in code],
            "HZXM": [f"示例户{i:03d}" for i in number],
            "HZZJHM": [_identity_number(i, b) for i, b in enumerate(born, start=1)],
            "CYRS": rng.integers(2, 7, n),
            "ZJDMJ": area,
            "PZMJ": approved,
            "JZZDMJ": footprint,
            "JZMJ": (footprint * floors).round(2),
            "CS": floors,
            "JGLX": rng.choice(["砖混", "砖木", "土木", "框架"], n, p=[0.5, 0.15, 0.2, 0.15]),
            "JCNF": rng.integers(1985, 2022, n),
            "QSLY": rng.choice(["批准", "继承", "历史使用"], n, p=[0.6, 0.25, 0.15]),
            "LYZT": state,
            "XZKSRQ": since,
            "YHDZ": "2",
            "CBZMJ": (area - approved).round(2),
            "SFZYYJJBNT": "2",
            "ZLDWDM": UNIT_CODE,
            "ZLDWMC": VILLAGE_NAME,
            "BZ": None,
        },
        geometry=list(yards),
        crs=CRS,
    )


def make_idle(
    sites: Sequence[BaseGeometry], yards: gpd.GeoDataFrame, fields: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """XZJSYD: idle construction land, homesteads out of use and abandoned fields."""
    stories = (
        ("原村小学", "20150901", "撤点并校"),
        ("原砖瓦厂", "20180301", "停产"),
        ("原晒场", "20190601", "弃用"),
        ("原烤烟收购点", "20200301", "站点撤并"),
    )
    rows = [("1", site, *story) for site, story in zip(sites, stories, strict=True)]
    rows += [
        ("2", g, "住宅", d, "举家外出务工")
        for g, d in zip(yards.geometry, yards.XZKSRQ, strict=True)
    ]
    rows += [("3", g, "耕地", "20210401", "无人耕种") for g in fields.geometry]
    kind, geometry, use, since, why = (list(c) for c in zip(*rows, strict=True))
    area = np.round(shapely.area(np.array(geometry, dtype=object)), 2)
    return gpd.GeoDataFrame(
        {
            "XZBH": [f"{VILLAGE_CODE}XZ{i:04d}" for i in range(1, len(rows) + 1)],
            "XZLX": kind, "ZLDWDM": UNIT_CODE, "ZLDWMC": VILLAGE_NAME, "QSDWMC": VILLAGE_NAME,
            "YT": use, "MJ": area, "MJM": (area * 0.0015).round(2), "XZKSRQ": since, "XZYY": why,
            "BZ": None,
        },
        geometry=geometry,
        crs=CRS,
    )  # fmt: skip


def make_layers(
    faces: gpd.GeoDataFrame, yards: list[shapely.Polygon], plan: Plan, ground: Terrain,
    rng: np.random.Generator,
) -> dict[str, gpd.GeoDataFrame]:  # fmt: skip
    """The layers without any fault; `faces` gains columns along, above, slope, patch, protected.

    The farmland layer keeps the index of its faces.
    """
    points = faces.representative_point()
    for column, grid in (("along", ground.along), ("above", ground.above),
                         ("slope", np.degrees(np.arctan(ground.slope())))):  # fmt: skip
        faces[column] = ground.at(grid, points.x.to_numpy(), points.y.to_numpy())
    farmland = _farmland(faces, rng)
    landuse = _landuse(faces)
    protected = _protected(faces, landuse, plan, rng)
    farmland.loc[faces.protected.reindex(farmland.index), "SFJBNT"] = "1"
    homestead = _homesteads(yards, rng)
    village = shapely.coverage_union_all(faces.geometry[faces.inside].to_numpy())
    admin = gpd.GeoDataFrame(
        {
            "BSM": [f"{VILLAGE_CODE}800001"], "YSDM": "1000600100", "XZQDM": VILLAGE_CODE,
            "XZQMC": VILLAGE_NAME, "DCMJ": landuse.TBMJ.sum().round(2),
            "JSMJ": landuse.TBMJ.sum().round(2), "MSSM": "00", "HDMC": None, "BZ": None,
        },
        geometry=[village],
        crs=CRS,
    )  # fmt: skip
    return {"DK": farmland, "ZJD": homestead, "YJJBNTTB": protected, "DLTB": landuse, "XZQ": admin}
