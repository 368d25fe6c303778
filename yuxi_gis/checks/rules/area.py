"""Rules on recorded areas."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from yuxi_gis.checks.registry import NotRun, rule
from yuxi_gis.checks.subject import Mask, Subject
from yuxi_gis.crs import require_crs
from yuxi_gis.units import M2_PER_MU

__all__ = ["area_matches_geometry", "mu_matches_area"]

# Longitudes of the 3° zones of CGCS2000, whose CRSs without prefix are EPSG:4534 (75°) … 4554.
_WEST, _EAST, _FIRST = 73.5, 136.5, 4534


@rule(
    "R01",
    "warning",
    "面积一致",
    "Recorded area agrees with the outline",
    confidence="K",
    layers=("farmland",),
    fields=("SCMJ",),
    parameters=("area_absolute", "area_relative", "area_gross"),
)
def area_matches_geometry(subject: Subject) -> Iterator[gpd.GeoDataFrame | NotRun]:
    """
    查什么：实测面积 SCMJ 与图形的高斯—克吕格平面面积之差超过限差（0.1 平方米与 0.1 % 取大者）为
    警告，超过 5 % 为错误。图形无效的地块没有确定的面积，归 T01。

    为什么：合同和权证上的面积来自 SCMJ；与图形不符说明面积没有更新，或图形有错。

    怎样改：若图形正确，按图形重新计算 SCMJ 和 SCMJM；若面积正确，核实界址点。

    例：SCMJ 为 1000.00，图形的面积为 950.00 平方米，相差 50 平方米（5.3 %）。

    依据：NY/T 2539-2016 的实测面积按平面面积计（未核实）；限差为惯例，见检查方案 area_absolute、
    area_relative、area_gross。

    What it finds: a recorded area SCMJ that differs from the outline's area in the Gauss-Kruger
    plane by more than the greater of 0.1 m² and 0.1 % (a warning), or by more than 5 % (an error).
    A parcel with invalid geometry has no definite area: it is T01's.

    Why it matters: contract and certificate take their area from SCMJ; if it does not fit the
    outline, it was not updated, or the outline is wrong.

    How to mend it: if the outline is right, work out SCMJ and SCMJM anew; if the area is right,
    verify the boundary points.

    Example: SCMJ is 1000.00, the outline has 950.00 m²: they differ by 50 m² (5.3 %).

    Source: NY/T 2539-2016 means the planar area (unverified); the tolerances are customary and
    stand in the profile as area_absolute, area_relative and area_gross.
    """
    plane = _gauss_kruger(subject)
    if plane is None:
        yield NotRun(
            "",
            "",
            "图层不在 CGCS2000 三度带的范围内，没有可比的平面面积",
            "the layer lies outside the 3-degree zones of CGCS2000: no planar area to compare with",
        )
        return
    drawn = shapely.area(plane)
    recorded = subject.number("SCMJ")
    yield _not_a_number(subject, "SCMJ", recorded)
    profile = subject.profile
    difference = np.abs(recorded - drawn)
    limit = np.maximum(
        profile.number("area_absolute"), profile.number("area_relative") / 100 * drawn
    )
    judged = subject.valid & (drawn > 0)
    wrong = judged & (np.round(difference, 4) > np.round(limit, 4))
    percent = 100 * difference[wrong] / drawn[wrong]
    gross = percent > profile.number("area_gross")
    yield subject.at(
        wrong,
        severity=np.where(gross, "error", "warning").astype(object),
        value=np.round(difference[wrong], 4),
        limit=np.round(limit[wrong], 4),
        unit="m²",
        area_m2=np.round(drawn[wrong], 4),
        words={"recorded": recorded[wrong], "percent": percent},
        zh="地块 {feature} 的实测面积 SCMJ 为 {recorded:.2f} m²，图形面积为 {area_m2:.2f} m²，"
        "相差 {value:.2f} m²（{percent:.2f} %），限差 {limit:.2f} m²。",
        en="Parcel {feature}: recorded area SCMJ is {recorded:.2f} m², its outline has "
        "{area_m2:.2f} m²; they differ by {value:.2f} m² ({percent:.2f} %), the "
        "limit is {limit:.2f} m².",
    )


@rule(
    "R03",
    "error",
    "亩换算",
    "Area in mu agrees with square metres",
    confidence="V",
    layers=("farmland",),
    fields=("SCMJ", "SCMJM"),
    parameters=("mu_difference",),
)
def mu_matches_area(subject: Subject) -> Iterator[gpd.GeoDataFrame]:
    """
    查什么：亩数 SCMJM 与 SCMJ × 0.0015 之差超过 0.005 亩（两个字段都有值时）。

    为什么：农户看的是亩数；亩数与平方米不符，合同和权证上的面积就自相矛盾。

    怎样改：核实 SCMJ 后按 SCMJ × 0.0015 重新计算 SCMJM，保留两位小数。

    例：SCMJ 为 1000.00，SCMJM 为 1.60，应为 1.50。

    依据：1 亩 = 2000/3 平方米；NY/T 2539-2016 DK 表 SCMJM；容差见检查方案 mu_difference。

    What it finds: an area in mu (SCMJM) that differs from SCMJ × 0.0015 by more than 0.005 mu,
    where both are filled in.

    Why it matters: farmers read the mu; if they do not fit the square metres, contract and
    certificate contradict themselves.

    How to mend it: verify SCMJ, then work out SCMJM as SCMJ × 0.0015 with two decimals.

    Example: SCMJ is 1000.00 and SCMJM is 1.60; it should be 1.50.

    Source: 1 mu = 2000/3 m²; NY/T 2539-2016, table DK, field SCMJM; the tolerance stands in the
    profile as mu_difference.
    """
    area, mu = subject.number("SCMJ"), subject.number("SCMJM")
    yield _not_a_number(subject, "SCMJM", mu)
    due = area / M2_PER_MU
    difference = np.round(np.abs(mu - due), 6)
    limit = subject.profile.number("mu_difference")
    # SCMJ is itself rounded to 0.01 m²: two honest roundings must not make an error.
    wrong = difference > limit + 0.005 / M2_PER_MU
    yield subject.at(
        wrong,
        value=difference[wrong],
        limit=limit,
        unit="亩",
        area_m2=area[wrong],
        words={"mu": mu[wrong], "due": due[wrong]},
        zh="地块 {feature} 的 SCMJM 为 {mu:.2f} 亩，SCMJ 为 {area_m2:.2f} m²，合 {due:.2f} 亩，"
        "相差 {value:.4f} 亩，限差 {limit:g} 亩。",
        en="Parcel {feature}: SCMJM is {mu:.2f} mu, but SCMJ is {area_m2:.2f} m², which is "
        "{due:.2f} mu; they differ by {value:.4f} mu, the limit is {limit:g} mu.",
    )


def _not_a_number(subject: Subject, field: str, number: np.ndarray) -> gpd.GeoDataFrame:
    """What is filled in but is no number cannot be compared: that is a fault by itself."""
    odd: Mask = np.isnan(number) & subject.text(field).notna().to_numpy()
    return subject.at(
        odd,
        severity="error",
        zh=f"地块 {{feature}} 的 {field} 不是数字，无法核对面积。",
        en=f"Parcel {{feature}}: {field} is not a number, its area cannot be checked.",
    )


def _gauss_kruger(subject: Subject) -> np.ndarray | None:
    """The parcels in a Gauss-Kruger plane: their own, or the 3° zone of CGCS2000 they lie in."""
    if _is_gauss_kruger(require_crs(subject.frame)):
        return subject.sound
    series = gpd.GeoSeries(subject.sound, crs=subject.crs)
    west, _, east, _ = series.to_crs(4490).total_bounds
    middle = (west + east) / 2
    if not _WEST <= middle < _EAST:
        return None
    return subject.polygons(_FIRST + round((middle - 75) / 3))


def _is_gauss_kruger(crs: CRS) -> bool:
    operation = crs.coordinate_operation
    if not crs.is_projected or operation is None or operation.method_name != "Transverse Mercator":
        return False
    scale = [p.value for p in operation.params if p.name == "Scale factor at natural origin"]
    return scale == [1.0] and crs.axis_info[0].unit_conversion_factor == 1
