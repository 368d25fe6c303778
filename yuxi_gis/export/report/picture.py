"""The picture of one finding: parcels in outline, the fault in red, a scale, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from yuxi_gis.crs import datum, metric
from yuxi_gis.errors import YuxiGisError
from yuxi_gis.read.shapes import InMemory, ShapeStore

__all__ = ["Ground", "picture"]

_WIDTH, _HEIGHT = 620, 380  # pixels of the drawing
_MARGIN = 1.35  # how much more than parcels and fault is seen
_NARROWEST = 4.0  # metres across, at least
_WIDEST = 25.0  # times the fault's own size, and
_PLENTY = 400.0  # metres: more of a large parcel is not shown
_SMALL = 14.0  # pixels; a fault smaller than that gets a ring
_ABOVE = 20.0  # pixels, of a label over the middle of its parcel
_NEIGHBOURS = 400  # outlines drawn, at most

_LOOKS = {
    "near": 'fill="none" stroke="#b5b5b5" stroke-width="1"',
    "other": 'fill="#3b6fb5" fill-opacity="0.12" stroke="#3b6fb5" stroke-width="1.6" '
    'stroke-dasharray="6 3"',
    "own": 'fill="#5f8f3f" fill-opacity="0.14" stroke="#3f6b26" stroke-width="1.8"',
    "fault": 'fill="#d7191c" fill-opacity="0.45" stroke="#d7191c" stroke-width="1.4"',
}


@dataclass(frozen=True)
class Ground:
    """A layer to draw from: `shapes` by row, and the row of each parcel by its label."""

    shapes: ShapeStore
    bounds: npt.NDArray[np.float64]
    crs: CRS | None
    row: Mapping[str, int]

    @classmethod
    def of(
        cls, frame: gpd.GeoDataFrame, labels: Iterable[str], shapes: ShapeStore | None = None
    ) -> Ground:
        """From a layer and what its parcels are called (`Subject.feature`); `shapes` where those
        are not in the layer itself."""
        rows = {label: row for row, label in enumerate(labels)}
        shapes = InMemory(np.asarray(frame.geometry.array)) if shapes is None else shapes
        return cls(shapes, shapes.bounds, frame.crs, rows)

    def parcel(self, label: str) -> BaseGeometry | None:
        """The parcel's geometry; None where there is none that can be drawn."""
        row = self.row.get(label)
        if row is None or not np.isfinite(self.bounds[row]).all():
            return None
        shape: BaseGeometry | None = self.shapes[row]
        return shape

    def within(self, window: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
        """The first shapes that may show in `window`, in the layer's CRS."""
        west, south, east, north = window
        low, high = self.bounds[:, :2], self.bounds[:, 2:]
        here = (low <= [east, north]).all(axis=1) & (high >= [west, south]).all(axis=1)
        return np.asarray(self.shapes[np.flatnonzero(here)[:_NEIGHBOURS]], dtype=object)


def picture(
    row: Mapping[str, Any],
    place: BaseGeometry | None,
    crs: CRS | None,
    grounds: Mapping[str, Ground],
    *,
    labels: tuple[str, str],
    title: str,
) -> str | None:
    """Draw one finding.

    Parameters
    ----------
    row : mapping
        `layer`, `feature`, `other_layer` and `other_feature` of the finding.
    place : geometry or None
        Its place, in `crs`.
    grounds : mapping of str to Ground
        The layers by id.
    labels : tuple of str
        What the two parcels are called in the picture.
    title : str
        What it shows, for those who cannot see it.

    Returns
    -------
    str or None
        An ``<svg>`` element; None where there is nothing to draw.
    """
    own, other = (
        _parcel(grounds, str(row[f"{which}layer"]), str(row[f"{which}feature"]))
        for which in ("", "other_")
    )
    first = grounds.get(str(row["layer"]))
    if first is None or first.crs is None:
        return None
    try:
        return _draw(first, grounds, row, (own, other), (place, crs), labels, title)
    except (YuxiGisError, GEOSException, ValueError, OverflowError):
        return None  # coordinates that no metre can be told of: the finding says so itself


def _parcel(
    grounds: Mapping[str, Ground], layer: str, feature: str
) -> tuple[BaseGeometry, CRS] | None:
    ground = grounds.get(layer)
    shape = ground.parcel(feature) if ground is not None else None
    return None if shape is None or ground is None or ground.crs is None else (shape, ground.crs)


def _draw(
    first: Ground,
    grounds: Mapping[str, Ground],
    row: Mapping[str, Any],
    parcels: tuple[tuple[BaseGeometry, CRS] | None, ...],
    fault: tuple[BaseGeometry | None, CRS | None],
    labels: tuple[str, str],
    title: str,
) -> str | None:
    seen = [shape for shape, _ in filter(None, parcels)]
    middle = seen[0] if seen else fault[0]
    if middle is None:
        return None
    base = first.crs if seen else fault[1]
    assert base is not None
    metre = metric(gpd.GeoSeries([shapely.force_2d(middle)], crs=base)).crs
    own, other = (None if p is None else _moved(*p, metre) for p in parcels)
    place = None if fault[0] is None or fault[1] is None else _moved(fault[0], fault[1], metre)
    shown = [shape for shape in (own, other, place) if shape is not None]
    if not shown:
        return None
    view = _View.on(shown, place)
    window = _window(view, metre, first.crs)
    near = [_moved(shape, first.crs, metre) for shape in first.within(window)]
    parts = [view.shape(shape, "near") for shape in near]
    parts += [view.shape(other, "other"), view.shape(own, "own"), view.fault(place)]
    parts += [view.label(other, labels[1], "#27508a"), view.label(own, labels[0], "#2c4c1a")]
    body = "".join([*parts, view.scale(), view.north()])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def _moved(shape: BaseGeometry, source: CRS | None, target: CRS) -> BaseGeometry:
    series = gpd.GeoSeries([shapely.force_2d(shape)], crs=source)
    moved = datum.to_crs(series, target).iloc[0]
    if not np.isfinite(shapely.bounds(moved)).all():
        raise ValueError("outside the CRS")
    return moved


def _window(view: _View, metre: CRS, target: CRS | None) -> npt.NDArray[np.float64]:
    half = np.array([_WIDTH, _HEIGHT]) / 2 / view.zoom
    frame = shapely.box(*(view.middle - half), *(view.middle + half))
    return shapely.bounds(_moved(frame, metre, CRS.from_user_input(target)))


@dataclass(frozen=True)
class _View:
    """What part of the ground is seen: pixels a metre around a point, y downwards."""

    middle: npt.NDArray[np.float64]
    zoom: float

    @classmethod
    def on(cls, shown: list[BaseGeometry], place: BaseGeometry | None) -> _View:
        """Parcels and fault as a whole, or what is around the fault where that is too much."""
        west, south, east, north = shapely.total_bounds(np.array(shown, dtype=object))
        size = np.maximum([east - west, north - south], _NARROWEST)
        middle = np.array([(west + east) / 2, (south + north) / 2])
        if place is not None:
            west, south, east, north = shapely.bounds(place)
            most = max(_PLENTY, _WIDEST * max(east - west, north - south))
            if size.max() > most:
                size = np.minimum(size, most)
                middle = np.array([(west + east) / 2, (south + north) / 2])
        return cls(middle, float(min(np.array([_WIDTH, _HEIGHT]) / (size * _MARGIN))))

    def pixels(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Where points in metres lie in the drawing."""
        return (points - self.middle) * [self.zoom, -self.zoom] + [_WIDTH / 2, _HEIGHT / 2]

    def shape(self, shape: BaseGeometry | None, look: str) -> str:
        """Outlines; points as dots. Nothing is drawn finer than a third of a pixel."""
        if shape is None:
            return ""
        coarse = shapely.simplify(shape, 0.3 / self.zoom, preserve_topology=False)
        paths = "".join(self._path(part) for part in _lines(coarse))
        return f'<path d="{paths}" fill-rule="evenodd" {_LOOKS[look]}/>' if paths else ""

    def _path(self, points: npt.NDArray[np.float64]) -> str:
        places = np.clip(self.pixels(points), -1e5, 1e5).round(1)
        return "M" + "L".join(f"{x:g},{y:g}" for x, y in places)

    def fault(self, place: BaseGeometry | None) -> str:
        """The fault in red, with a ring around it where it is hard to see."""
        if place is None:
            return ""
        drawn = self.shape(place, "fault")
        west, south, east, north = shapely.bounds(place)
        if max(east - west, north - south) * self.zoom < _SMALL:
            x, y = self.pixels(np.array([(west + east) / 2, (south + north) / 2])).round(1)
            drawn += (
                f'<circle cx="{x:g}" cy="{y:g}" r="2.2" fill="#d7191c"/><circle cx="{x:g}" '
                f'cy="{y:g}" r="13" fill="none" stroke="#d7191c" stroke-width="2"/>'
            )
        return drawn

    def label(self, shape: BaseGeometry | None, text: str, colour: str) -> str:
        """The parcel's code on it, within the drawing."""
        if shape is None or not text:
            return ""
        x, y = self.pixels(shapely.get_coordinates(shapely.point_on_surface(shape))[0])
        y -= _ABOVE  # a ring may be there
        half = 3.4 * len(text)
        x = min(max(x, half + 6), _WIDTH - half - 6)
        y = min(max(y, 18), _HEIGHT - 34)
        return (
            f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" font-size="12" '
            f'font-family="sans-serif" fill="{colour}" stroke="#fff" stroke-width="3" '
            f'paint-order="stroke">{escape(text)}</text>'
        )

    def scale(self) -> str:
        """A bar of 1, 2 or 5 times a power of ten metres."""
        longest = 150 / self.zoom
        step = 10 ** math.floor(math.log10(longest))
        metres = next(step * k for k in (5, 2, 1) if step * k <= longest)
        told = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
        end, y = 14 + metres * self.zoom, _HEIGHT - 14
        return (
            f'<path d="M14,{y - 6}V{y}H{end:.1f}V{y - 6}" fill="none" stroke="#222" '
            f'stroke-width="1.5"/><text x="{(14 + end) / 2:.0f}" y="{y - 5}" font-size="12" '
            f'font-family="sans-serif" text-anchor="middle" stroke="#fff" stroke-width="3" '
            f'paint-order="stroke">{told}</text>'
        )

    def north(self) -> str:
        """An arrow: north is up."""
        x = _WIDTH - 22
        return (
            f'<path d="M{x},12l6,18l-6,-5l-6,5z" fill="#222"/><text x="{x}" y="44" '
            f'font-size="12" font-family="sans-serif" text-anchor="middle">N</text>'
        )


def _lines(shape: BaseGeometry) -> Iterator[npt.NDArray[np.float64]]:
    """The coordinates of all rings and lines."""
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            for ring in (part.exterior, *part.interiors):
                yield shapely.get_coordinates(ring)
        elif part.geom_type in ("LineString", "LinearRing"):
            yield shapely.get_coordinates(part)
        elif part.geom_type != "Point":
            yield from _lines(part)
