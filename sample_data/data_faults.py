"""The data faults planted in the layers, one by one, each with its line in the ledger.

Every fault touches parcels of its own, away from the others and from the planted changes, so that
one fault gives one finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.affinity
import shapely.ops
from parcels import CRS, GRID
from plan import rectangle
from shapely.geometry.base import BaseGeometry
from terrain import Terrain

from yuxi_gis.units import ellipsoidal_area

__all__ = ["COLUMNS", "Faults", "deliver_idle", "lay_on_protected", "make_crs_less"]

COLUMNS = ["rule", "layer", "feature", "other_layer", "other_feature", "field", "x", "y", "note",
           "note_zh"]  # fmt: skip
LAYERS = {
    "DK": ("farmland", "DKBM"), "ZJD": ("homestead", "ZDDM"), "XZJSYD": ("idle_land", "XZBH"),
    "YJJBNTTB": ("protected_cropland", "YJJBNTTBBH"), "DLTB": ("landuse", "BSM"),
}  # fmt: skip


class Spoil(NamedTuple):
    """A wrong value of one field; `value` may be a function of the row, `fits` chooses the row."""

    rule: str
    name: str
    field: str
    value: object
    note: str
    note_zh: str
    fits: Callable[[pd.Series], bool] = lambda row: True


BLANK, LIST, FORM = "mandatory value missing", "value outside the code list", "not 19 digits"
SPOILS = (
    Spoil("A01", "DK", "DKMC", None, f"{BLANK}: null", "必填字段为空值"),
    Spoil("A01", "DK", "DKMC", "\u3000", f"{BLANK}: full-width space", "必填字段只有全角空格"),
    Spoil("A01", "ZJD", "HZXM", "无", f"{BLANK}: 无", "必填字段填“无”"),
    Spoil("A01", "YJJBNTTB", "ZLDWMC", "NULL", f"{BLANK}: text NULL", "必填字段填“NULL”"),
    Spoil("A01", "DLTB", "QSDWMC", "", f"{BLANK}: empty text", "必填字段为空字符串"),
    Spoil("A02", "DK", "DKLB", "20", LIST, "地块类别不在值域内"),
    Spoil("A02", "DK", "TDYT", "9", LIST, "土地用途不在值域内"),
    Spoil("A02", "ZJD", "LYZT", "9", LIST, "利用状态不在值域内", lambda r: r.LYZT == "1"),
    Spoil("A13", "DLTB", "DLBM", "0104", LIST, "地类编码不在值域内", lambda r: r.DLBM == "0103"),
    Spoil("A02", "YJJBNTTB", "QSXZ", "99", LIST, "权属性质不在值域内"),
    Spoil("A04", "DK", "DKBM", lambda r: r.DKBM[:-2] + "O" + r.DKBM[-1],
          f"{FORM}: letter O for zero", "地块代码含字母O", lambda r: r.DKBM[-2] == "0"),
    Spoil("A04", "DK", "DKBM", lambda r: r.DKBM[:-1], f"{FORM}: but 18", "地块代码只有18位"),
    Spoil("A04", "DK", "DKBM", "5.30428E+18", f"{FORM}: spoilt by a spreadsheet",
          "地块代码变成科学计数法"),
    Spoil("R01", "DK", "SCMJ", lambda r: round(r.SCMJ * 1.031, 2), "recorded area 3.1 % too large",
          "实测面积偏大3.1%", lambda r: r.SCMJ > 600),
    Spoil("R01", "DK", "SCMJ", lambda r: round(r.SCMJ * 0.994, 2), "recorded area 0.6 % too small",
          "实测面积偏小0.6%", lambda r: r.SCMJ > 600),
    Spoil("R01", "DK", "SCMJ", lambda r: round(r.SCMJ * 1.12, 2), "recorded area 12 % too large",
          "实测面积偏大12%", lambda r: r.SCMJ > 600),
    Spoil("R03", "DK", "SCMJM", lambda r: round(r.SCMJ * 0.0015, 1), "亩 rounded to 0.1",
          "亩数只保留一位小数", lambda r: 0.02 < abs(r.SCMJM - round(r.SCMJM, 1)) < 0.045),
    Spoil("R03", "DK", "SCMJM", lambda r: round(r.SCMJ / 600, 2), "亩 reckoned as 600 m²",
          "按600平方米折算亩"),
)  # fmt: skip


class Faults:
    """Plants faults into `layers` (name -> frame, changed in place) and keeps the ledger.

    Parameters
    ----------
    taken : geometry that faults keep away from: changed parcels, planted homesteads
    """

    def __init__(
        self, layers: dict[str, gpd.GeoDataFrame], taken: BaseGeometry, rng: np.random.Generator
    ) -> None:
        self.layers, self.rng = layers, rng
        self.rows: list[dict[str, object]] = []
        self._free = {
            name: list(rng.permutation(frame.index[~frame.intersects(taken)]))
            for name, frame in layers.items()
        }

    def pick(self, name: str, fits: Callable[[pd.Series], bool] = lambda row: True) -> int:
        """A row that no fault has touched; its neighbours are out of the game from now on."""
        frame = self.layers[name]
        for index in self._free[name]:
            if fits(frame.loc[index]):
                self.block(name, frame.geometry.loc[index])
                return int(index)
        raise LookupError(f"{name}: no row fits")

    def block(self, name: str, area: BaseGeometry) -> None:
        frame = self.layers[name]
        self._free[name] = [
            i for i in self._free[name] if not frame.geometry.loc[i].intersects(area)
        ]

    def note(
        self, rule: str, name: str, index: int | None, note: str, note_zh: str, *, field: str = "",
        other: tuple[str, int] | None = None, place: BaseGeometry | None = None,
    ) -> None:  # fmt: skip
        """A line of the ledger. The place is that of the shape before it was spoilt."""
        layer, key = LAYERS[name]
        row: dict[str, object] = {"rule": rule, "layer": layer, "field": field, "note": note,
                                  "note_zh": note_zh}  # fmt: skip
        if index is not None:
            frame = self.layers[name]
            row["feature"] = frame[key].loc[index]
            place = frame.geometry.loc[index] if place is None else place
        if other is not None:
            row["other_layer"] = LAYERS[other[0]][0]
            row["other_feature"] = self.layers[other[0]][LAYERS[other[0]][1]].loc[other[1]]
        if place is not None:
            point = shapely.point_on_surface(place)
            row["x"], row["y"] = round(point.x, 3), round(point.y, 3)
        self.rows.append(row)

    def ledger(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows).reindex(columns=COLUMNS)
        return table.sort_values(["rule", "layer", "feature"], kind="stable", ignore_index=True)

    def _add(self, name: str, row: pd.Series, geometry: BaseGeometry) -> int:
        """Append a copy of `row` with its own code and identifier; its index."""
        frame = self.layers[name]
        key = LAYERS[name][1]
        row = row.copy()
        row["geometry"] = geometry
        serial = max(int(str(code)[-5:]) for code in frame[key] if str(code)[-5:].isdigit()) + 1
        row[key] = str(row[key])[:-5] + f"{serial:05d}"
        if name == "DK":
            row["BSM"] = int(frame["BSM"].max()) + 1
        elif name == "ZJD":
            row["BDCDYH"] = row[key] + "F00010001"
        elif key != "BSM":
            row["BSM"] = f"{int(frame['BSM'].max()) + 1:018d}"
        new = int(frame.index.max()) + 1
        self.layers[name] = pd.concat([frame, gpd.GeoDataFrame([row], index=[new], crs=frame.crs)])
        for column, kind in frame.dtypes.items():
            if column != "geometry":
                self.layers[name][column] = self.layers[name][column].astype(kind)
        self.measure(name, new)
        return new

    def measure(self, name: str, index: int) -> None:
        """Bring the area fields back in line with a changed shape."""
        frame = self.layers[name]
        shape = frame.geometry.loc[[index]]
        if name == "DK":
            area = round(float(shape.area.iloc[0]), 2)
            frame.loc[index, ["SCMJ", "SCMJM"]] = area, round(area * 0.0015, 2)
        elif name == "ZJD":
            area = round(float(shape.area.iloc[0]), 2)
            floor = round(area * 0.7, 2)
            frame.loc[index, ["ZJDMJ", "PZMJ", "CBZMJ"]] = area, area, 0.0
            frame.loc[index, ["JZZDMJ", "JZMJ"]] = (
                floor,
                round(floor * int(frame.loc[index, "CS"]), 2),
            )
        else:
            area = round(float(ellipsoidal_area(shape)[0]), 2)
            total, rest = {"DLTB": ("TBMJ", "TBDLMJ"), "YJJBNTTB": ("YJJBNTTBMJ", "YJJBNTMJ")}[name]
            deducted = round(area * float(frame.loc[index, "KCXS"]), 2)
            frame.loc[index, [total, "KCMJ", rest]] = area, deducted, round(area - deducted, 2)

    # ---- attributes ---------------------------------------------------------------------------

    def _spoil(self, spoil: Spoil) -> None:
        """Set one field of one row."""
        index = self.pick(spoil.name, spoil.fits)
        frame = self.layers[spoil.name]
        value = spoil.value
        frame.at[index, spoil.field] = value(frame.loc[index]) if callable(value) else value
        if spoil.rule == "R01":
            frame.at[index, "SCMJM"] = round(frame.at[index, "SCMJ"] * 0.0015, 2)
        self.note(spoil.rule, spoil.name, index, spoil.note, spoil.note_zh, field=spoil.field)

    def _same_code(self) -> None:
        first, second = self.pick("DK"), self.pick("DK")
        frame = self.layers["DK"]
        frame.at[second, "DKBM"] = frame.at[first, "DKBM"]
        for index in (first, second):
            self.note("A05", "DK", index, "parcel code used twice", "地块代码重复", field="DKBM")

    def attributes(self) -> None:
        """A01, A02, A04, A05, A13, R01, R03."""
        for _ in range(2):
            self._same_code()
        for spoil in SPOILS:
            self._spoil(spoil)

    # ---- shapes -------------------------------------------------------------------------------

    def _bow_tie(self, name: str) -> None:
        """Two boundary points in the wrong order: a loop of a few dm² inside the parcel."""
        index = self.pick(
            name, lambda r: r.geometry.area > 700 and _straight(r.geometry) is not None
        )
        frame = self.layers[name]
        ring = shapely.get_coordinates(shapely.orient_polygons(frame.geometry.loc[index]).exterior)
        edge = _straight(frame.geometry.loc[index])
        assert edge is not None
        step = ring[edge + 1] - ring[edge]
        inward = np.array([-step[1], step[0]]) / np.hypot(*step)
        a, b = (np.round(ring[edge] + step * part + inward * 0.35, 3) for part in (0.65, 0.35))
        frame.at[index, "geometry"] = shapely.Polygon(
            np.vstack([ring[: edge + 1], a, b, ring[edge + 1 :]])
        )
        self.measure(name, index)
        self.note("T01", name, index, "bow-tie: two boundary points in the wrong order",
                  "自相交：两个界址点顺序颠倒", place=shapely.Point((a + b) / 2))  # fmt: skip

    def _hourglass(self) -> None:
        index = self.pick("ZJD")
        frame = self.layers["ZJD"]
        ring = shapely.get_coordinates(frame.geometry.loc[index])
        centre = frame.geometry.loc[index].centroid
        frame.at[index, "geometry"] = shapely.Polygon(ring[[0, 2, 1, 3, 0]])
        self.note("T01", "ZJD", index, "corners in the wrong order: an hourglass",
                  "自相交：角点顺序颠倒成沙漏形", place=centre)  # fmt: skip

    def _no_shape(self) -> None:
        for name, shape, note, zh in (
            ("DK", None, "no geometry (null)", "几何为空值"),
            ("ZJD", shapely.Polygon(), "empty geometry", "空几何"),
        ):
            index = self.pick(name)
            frame = self.layers[name]
            was = frame.geometry.loc[index]
            frame.at[index, "geometry"] = shape
            self.note("T02", name, index, note, zh, place=was)

    def _widen(self, name: str, by: float) -> None:
        """A parcel grows over its neighbour along the middle of their common edge."""
        frame = self.layers[name]
        free = frame.loc[self._free[name]]
        for index in free.index:
            near = free[free.touches(frame.geometry.loc[index])]
            common = near.geometry.intersection(frame.geometry.loc[index])
            if (common.length > 22.0).any():
                break
        else:
            raise LookupError(f"{name}: no neighbours are free")
        other = common.length.idxmax()
        seam = shapely.line_merge(common.loc[other])
        seam = max(shapely.get_parts(seam), key=lambda part: part.length)
        points = shapely.get_coordinates(seam)
        middle = shapely.LineString(points[len(points) // 4 : len(points) * 3 // 4 + 1])
        strip = shapely.intersection(
            shapely.buffer(middle, by, cap_style="flat"), frame.geometry.loc[other], grid_size=GRID
        )
        strip = max(shapely.get_parts(strip), key=lambda part: part.area)
        for side in (index, other):
            self.block(name, frame.geometry.loc[side])
        frame.at[index, "geometry"] = shapely.union(
            frame.geometry.loc[index], strip, grid_size=GRID
        )
        self.measure(name, index)
        self.note("T03", name, index, "grown over its neighbour", "与相邻面重叠", place=strip,
                  other=(name, other))  # fmt: skip

    def _contained(self, name: str, size: float, least: float, zh: str) -> None:
        """A new parcel wholly inside another one."""
        frame = self.layers[name]
        index = self.pick(
            name, lambda r: r.geometry.area > least and not r.geometry.buffer(-size * 0.9).is_empty
        )
        inner = shapely.get_parts(frame.geometry.loc[index].buffer(-size * 0.8))
        at = shapely.point_on_surface(max(inner, key=lambda part: part.area))
        square = shapely.set_precision(at.buffer(size / 2, cap_style="square"), 0.001)
        row = frame.loc[index].copy()
        if name == "DLTB":
            row = row.where(~row.index.isin(["KCDLBM", "GDLX", "GDPDJB", "ZZSXDM", "ZZSXMC"]), None)
            row["TBBH"], row["KCXS"], row["GDDB"] = str(len(frame) + 1), 0.0, pd.NA
            row["DLBM"], row["DLMC"], row["CZCSXM"] = "0702", "农村宅基地", "203"
        new = self._add(name, row, shapely.intersection(square, frame.geometry.loc[index]))
        self.note(
            "T03", name, new, "wholly inside another one", zh, place=square, other=(name, index)
        )

    def _shifted_yard(self) -> None:
        """A homestead drawn over its neighbour's."""
        frame = self.layers["ZJD"]
        for index in list(self._free["ZJD"]):
            here = frame.geometry.loc[index]
            gap = frame.drop(index=index).distance(here)
            other = int(gap.idxmin())
            if other not in self._free["ZJD"] or not 0.4 < gap[other] < 2.0:
                continue
            to = frame.geometry.loc[other].centroid
            way = np.array([to.x - here.centroid.x, to.y - here.centroid.y])
            way = way / np.hypot(*way) * (gap[other] + 1.2)
            moved = shapely.set_precision(shapely.affinity.translate(here, *way), 0.001)
            if (frame.drop(index=[index, other]).distance(moved) < 0.2).any():
                continue
            common = shapely.intersection(moved, frame.geometry.loc[other])
            for side in (index, other):
                self.block("ZJD", frame.geometry.loc[side])
            frame.at[index, "geometry"] = moved
            self.measure("ZJD", index)
            self.note("T03", "ZJD", index, "drawn over its neighbour", "与相邻宅基地重叠",
                      place=common, other=("ZJD", other))  # fmt: skip
            return

    def _twice(self, name: str) -> None:
        """The same shape delivered twice, with another first point and another code."""
        index = self.pick(name, lambda r: r.geometry.geom_type == "Polygon")
        frame = self.layers[name]
        polygon = frame.geometry.loc[index]
        ring = shapely.get_coordinates(polygon.exterior)[:-1]
        turned = shapely.Polygon(np.roll(ring, 3, axis=0), [r.coords for r in polygon.interiors])
        new = self._add(name, frame.loc[index], turned)
        self.note(
            "T05", name, new, "same shape as another one", "与另一面完全重复", other=(name, index)
        )

    def shapes(self) -> None:
        """T01, T02, T03, T05."""
        for _ in range(2):
            self._bow_tie("DK")
        self._bow_tie("YJJBNTTB")
        self._hourglass()
        self._no_shape()
        self._widen("DK", 1.4)
        self._widen("DK", 0.6)
        self._contained("DK", 8.0, 900.0, "地块完全落在另一地块内")
        self._shifted_yard()
        self._contained("ZJD", 6.0, 190.0, "宅基地完全落在另一宅基地内")
        self._widen("YJJBNTTB", 1.8)
        self._widen("DLTB", 2.2)
        self._contained("DLTB", 15.0, 9000.0, "图斑完全落在另一图斑内")
        self._twice("DK")
        self._twice("YJJBNTTB")

    # ---- households ---------------------------------------------------------------------------

    def households(self) -> None:
        """L02, L03: yards larger than approved, and households with two of them."""
        frame = self.layers["ZJD"]
        standard = np.minimum(30.0 * frame.CYRS, 150.0)
        for index in frame.index[frame.ZJDMJ - frame.PZMJ.where(frame.PZMJ > 0, standard) > 1.0]:
            self.note("L02", "ZJD", index, "larger than approved, or than the standard",
                      "大于批准面积；未批准的大于标准面积", field="ZJDMJ")  # fmt: skip
        for index in frame.index[frame.HZZJHM.duplicated(keep=False)]:
            self.note("L03", "ZJD", index, "one household, two homesteads", "一户两处宅基地",
                      field="HZZJHM")  # fmt: skip

    # ---- between layers -----------------------------------------------------------------------

    def on_protected(self, yards: list[shapely.Polygon], site: shapely.Polygon) -> None:
        """L01: homesteads and an idle site on protected cropland (shapes laid before)."""
        protected = self.layers["YJJBNTTB"]
        for name, shapes in (("ZJD", yards), ("XZJSYD", [site])):
            frame = self.layers[name]
            for shape in shapes:
                index = int(frame.index[frame.geometry.geom_equals(shape)][0])
                for other in protected.index[protected.intersects(shape)]:
                    common = shapely.intersection(protected.geometry.loc[other], shape)
                    if common.area >= 1.0 and common.area >= 0.005 * shape.area:
                        self.note("L01", name, index, f"{common.area:.1f} m² on protected cropland",
                                  f"占用永久基本农田{common.area:.1f}平方米", place=common,
                                  other=("YJJBNTTB", other))  # fmt: skip


def _straight(polygon: shapely.Polygon) -> int | None:
    """Number of an edge of 2.5 to 12 m between gentle bends, in a ring that runs to the left."""
    if polygon.interiors:
        return None
    ring = shapely.get_coordinates(shapely.orient_polygons(polygon).exterior)
    steps = np.diff(ring, axis=0)
    length = np.hypot(*steps.T)
    bend = np.abs(np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))))
    good = (length[1:-1] > 2.5) & (length[1:-1] < 12.0) & (bend[:-1] < 0.5) & (bend[1:] < 0.5)
    return int(np.flatnonzero(good)[0]) + 1 if good.any() else None


def lay_on_protected(
    protected: gpd.GeoDataFrame, farmland: gpd.GeoDataFrame, taken: BaseGeometry,
    ground: Terrain, rng: np.random.Generator,
) -> tuple[list[shapely.Polygon], shapely.Polygon]:  # fmt: skip
    """Shapes of three homesteads (one only partly) and one idle site on protected cropland."""
    whole = shapely.union_all(protected.geometry.to_numpy())
    land = shapely.union_all(farmland.geometry.to_numpy())
    laid: list[shapely.Polygon] = []
    for length, depth, partly in (
        (13, 11, False),
        (14, 10, False),
        (12, 12, True),
        (22, 14, False),
    ):
        for index in rng.permutation(protected.index):
            patch = protected.geometry.loc[index]
            core = patch.buffer(-12.0)
            if partly:
                at = patch.boundary.interpolate(float(rng.random()), True)
            elif core.is_empty:
                continue
            else:
                at = core.representative_point()
            shape = shapely.set_precision(rectangle(ground, (at.x, at.y), length, depth), GRID)
            share = shapely.intersection(shape, whole).area / shape.area
            fits = 0.2 < share < 0.7 if partly else share > 0.999
            apart = shape.distance(taken) > 15.0 and all(shape.distance(s) > 80.0 for s in laid)
            if fits and apart and shape.within(land):
                laid.append(shape)
                break
    return laid[:3], laid[3]


def deliver_idle(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """S04, S09: the idle sites as a hand GPS gave them, without their mandatory date."""
    return frame.drop(columns="XZKSRQ").to_crs("EPSG:4326")


def make_crs_less(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """S03: a few homesteads for a shapefile without .prj."""
    return frame[frame.is_valid & ~frame.is_empty].iloc[3:8].set_crs(CRS, allow_override=True)
