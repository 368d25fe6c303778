"""Layers larger than memory, seen through square windows.

Parcels belong to windows by the lower left corners of their bounds, each to one. Parcels larger
than a window have wider ones of their own, so that a road through the county does not make a window
of the county. `tiles` runs the rules over the windows.

Names, rows, fields, bounds and validity are those of the whole layer; repaired and projected
shapes, edges and search trees are there for one window only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from yuxi_gis.catalog import Edition, LayerSpec
from yuxi_gis.checks.edges import Edges
from yuxi_gis.checks.profile import Profile
from yuxi_gis.checks.subject import Floats, Mask, Rows, Shapes, Subject, Texts, out_of_reach
from yuxi_gis.crs import Bounds, metric, require_crs, robust_bounds
from yuxi_gis.read.shapes import ShapeStore
from yuxi_gis.read.spool import sample, stand_ins
from yuxi_gis.units import ellipsoidal_area

__all__ = ["Whole", "Window"]

_METRES_PER_DEGREE = 111_320.0
#: How far beyond the parcels of a window others are looked for: those of the same layer (m; more
#: than any tolerance of the rules on neighbours), and those of other layers, whose bounds may have
#: to be brought to this one's CRS.
_MARGIN, _FAR = 5.0, 500.0
#: No place is farther off (m).
_EARTH = 5e7
#: By how much `Subject.wider` reaches farther.
_WIDER = 8.0
#: Where the bounds of a shape may lie after a projection there and back (m).
_ROUNDING = 1.0
#: From so many candidates on, and so many for each parcel, they are looked at one by one.
_MANY, _TIMES = 10_000, 2
#: Shapes that are taken through memory at once.
_BLOCK = 20_000
_NOWHERE = -(2**40)


class Whole(Subject):
    """A layer that is judged in windows of `side` metres; of its shapes only what is small is kept.

    What asks for all shapes at once gets them (`shapes`, `sound`, `metre`), at the price of memory.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        spec: LayerSpec,
        profile: Profile,
        others: Mapping[str, Subject],
        store: ShapeStore,
        side: float,
    ) -> None:
        super().__init__(frame, spec, profile, others)
        self.store = store
        self._side = side

    @cached_property
    def bare(self) -> gpd.GeoDataFrame:
        """A row for each parcel and nothing in it, not even ``attrs``, which pandas copies."""
        return gpd.GeoDataFrame(geometry=gpd.GeoSeries(None, self.frame.index, crs=self.crs))

    @cached_property
    def shapes(self) -> Shapes:
        return np.asarray(self.store[:])

    @cached_property
    def bounds(self) -> Floats:
        return self.store.bounds

    @cached_property
    def kinds(self) -> Any:
        return self.store.kinds

    @cached_property
    def place(self) -> Bounds | None:
        return robust_bounds(stand_ins(self.store))

    def sampled(self) -> gpd.GeoDataFrame:
        rows = sample(len(self.frame))
        frame: gpd.GeoDataFrame = self.frame.iloc[rows]
        return frame.set_geometry(gpd.GeoSeries(self.store[rows], index=frame.index, crs=self.crs))

    def drawn(self, which: Mask | Rows) -> Shapes:
        return np.asarray(self.store[which], dtype=object)

    def at(self, which: Mask | Rows, *, zh: str, en: str, **columns: Any) -> gpd.GeoDataFrame:
        part = self.part(np.arange(len(self.frame))[which])
        return part.at(np.arange(len(part.frame)), zh=zh, en=en, **columns)

    def planar(self, which: Mask) -> Floats:
        blocks = self._blocks(np.flatnonzero(which))
        return np.concatenate([np.empty(0), *(shapely.area(b.metre.to_numpy()) for b in blocks)])

    # Facts of all shapes, from one passage ----------------------------------------------------

    @cached_property
    def _passage(self) -> tuple[Mask, Floats]:
        """Validity, and the bounds of the sound parcels."""
        valid, bounds = [np.zeros(0, dtype=bool)], [np.empty((0, 4))]
        for block in self._blocks(np.arange(len(self.frame))):
            valid.append(shapely.is_valid(block.shapes))
            block.valid = valid[-1]
            bounds.append(shapely.bounds(block.sound))
        return np.concatenate(valid), np.concatenate(bounds)

    @cached_property
    def valid(self) -> Mask:
        return self._passage[0]

    @property
    def looked_at(self) -> bool:
        """Whether the passage is made."""
        return "_passage" in self.__dict__

    @cached_property
    def moves_to(self) -> CRS | None:
        """The CRS in metres in which the layer is measured; None where that is its own.

        Raises
        ------
        CRSError
        """
        box = self._passage[1]
        box = box[~np.isnan(box).any(axis=1)]
        extent = [shapely.box(*box[:, :2].min(axis=0), *box[:, 2:].max(axis=0))] if len(box) else []
        series = gpd.GeoSeries(extent, crs=self.crs)
        try:
            moved = metric(series)
        except (ProjError, RuntimeError, ValueError) as error:
            raise out_of_reach(self.row) from error
        return None if moved is series else moved.crs

    @property
    def plane(self) -> CRS:
        return self.moves_to or require_crs(self.frame)

    @cached_property
    def middle(self) -> shapely.Point | None:
        """Where `units.ellipsoidal_area` puts the middle of the layer; None without shapes."""
        box = self._passage[1]
        box = box[np.isfinite(box).all(axis=1)]
        return (
            shapely.Point(*np.median((box[:, :2] + box[:, 2:]) / 2, axis=0)) if len(box) else None
        )

    @property
    def metre_size(self) -> Floats:
        """A metre in the units of the coordinates, eastward and northward."""
        crs = self.crs
        if crs is None or not crs.is_geographic:
            unit = 1.0 if crs is None else crs.axis_info[0].unit_conversion_factor or 1.0
            return np.array([1.0, 1.0]) / unit
        south = self.bounds[np.isfinite(self.bounds).all(axis=1), 1]
        across = np.cos(np.radians(np.clip(np.median(south), -80, 80))) if len(south) else 1.0
        return np.array([1 / across, 1.0]) / _METRES_PER_DEGREE

    # Windows ----------------------------------------------------------------------------------

    @cached_property
    def windows(self) -> list[Rows]:
        """The rows of the parcels of each window; one window at least."""
        side = self.metre_size * self._side
        box = np.where(np.isfinite(self.bounds), self.bounds, np.nan)
        size = ((box[:, 2:] - box[:, :2]) / side).max(axis=1, initial=0)
        # Each step is twice as wide as the one before.
        step = np.ceil(np.log2(np.fmax(size, 1.0)))
        corner = np.floor(box[:, :2] / (side * 2.0 ** step[:, None]))
        cell = np.column_stack([corner, step])
        cell = np.nan_to_num(np.clip(cell, _NOWHERE, -_NOWHERE), nan=_NOWHERE).astype(np.int64)
        order = np.lexsort(cell.T)
        change = np.flatnonzero((np.diff(cell[order], axis=0) != 0).any(axis=1)) + 1
        return [np.sort(rows) for rows in np.split(order, change)]

    def each(self) -> Iterator[Subject]:
        for rows in self.windows:
            yield self.part(rows)

    def with_neighbours(self, rows: Rows) -> Window:
        """The parcels `rows` and those that come near them."""
        box = _extent(self.bounds[rows])
        near = rows if box is None else np.union1d(rows, self.near(box, _MARGIN, self, rows))
        return self.part(near, of=rows)

    def near(self, box: Floats, metres: float, of: Whole, rows: Rows) -> Rows:
        """The rows of the shapes that come within `metres` of the shapes `rows` of the layer `of`,
        and maybe of others within `metres` of `box`, which is around these."""
        reach = self.metre_size * metres
        low, high = box[:2] - reach, box[2:] + reach
        bounds = self.bounds
        here = (bounds[:, 0] <= high[0]) & (bounds[:, 2] >= low[0])
        here &= (bounds[:, 1] <= high[1]) & (bounds[:, 3] >= low[1])
        near = np.flatnonzero(here)
        if len(near) <= _MANY + _TIMES * len(rows) or self.crs != of.crs or not np.isfinite(metres):
            return near
        # Within the box around a long road are many that are not beside it.
        own = of.drawn(rows)
        odd = ~shapely.is_valid(own)
        own[odd] = shapely.envelope(own[odd])
        tree = shapely.STRtree(own)
        found = [np.empty(0, dtype=np.intp)]
        for block in (near[k : k + _BLOCK] for k in range(0, len(near), _BLOCK)):
            shapes = self.drawn(block)
            odd = ~shapely.is_valid(shapes)
            beside = tree.query(shapes, predicate="dwithin", distance=reach.max())[0]
            odd[beside] = True  # what is not valid may be repaired to anything in its box
            found.append(block[odd])
        return np.concatenate(found)

    def around(self, shapes: Shapes) -> Subject:
        series = gpd.GeoSeries(shapes, crs=self.plane)
        boxes = np.asarray((series.to_crs(self.crs) if self.moves_to else series).bounds)
        reach = self.metre_size * _ROUNDING
        boxes = boxes[np.isfinite(boxes).all(axis=1)] + np.concatenate([-reach, reach])
        tree = shapely.STRtree(shapely.box(*boxes.T))
        found = [np.empty(0, dtype=np.intp)]
        for first in range(0, len(self.bounds), _BLOCK):
            block = self.bounds[first : first + _BLOCK]
            there = np.flatnonzero(np.isfinite(block).all(axis=1))
            found.append(first + there[np.unique(tree.query(shapely.box(*block[there].T))[0])])
        return self.part(np.concatenate(found))

    def unshared(self, which: Mask) -> Edges:
        found = []
        for rows in self.windows:
            part = self.with_neighbours(rows[which[rows]])
            edges = Subject.unshared(part, which[part.rows])
            row = part.rows[edges.row]
            own = np.isin(row, rows)
            found.append(Edges(edges.start[own], edges.end[own], row[own]))
        row = np.concatenate([edges.row for edges in found])
        order = np.argsort(row, kind="stable")
        start, end = (
            np.concatenate([getattr(e, name) for e in found]) for name in ("start", "end")
        )
        return Edges(start[order], end[order], row[order])

    def part(self, rows: Rows, reach: float = _FAR, of: Rows | None = None) -> Window:
        """The parcels `rows`, with those of other layers within `reach` metres of them, or of the
        parcels `of`."""
        reach = reach if reach < _EARTH else np.inf
        return Window(self, rows, _Around(self, rows if of is None else of, reach))

    def _blocks(self, rows: Rows) -> Iterator[Window]:
        for first in range(0, len(rows), _BLOCK):
            yield Window(self, rows[first : first + _BLOCK], self.others)


class Window(Subject):
    """Some rows of a layer, that are called as they are in the layer as a whole."""

    def __init__(self, whole: Whole, rows: Rows, others: Mapping[str, Subject]) -> None:
        frame = whole.bare.iloc[rows]
        frame.attrs = whole.frame.attrs
        super().__init__(frame, whole.spec, whole.profile, others)
        self._whole = whole
        self.rows = rows
        if isinstance(others, _Around):  # a unit of the coordinates may be less than a metre
            self.reach = others.reach / 2

    @cached_property
    def edition(self) -> Edition | None:
        return self._whole.edition

    def has(self, field: str) -> bool:
        return self._whole.has(field)

    @cached_property
    def row(self) -> Rows:
        return self._whole.row[self.rows]

    @cached_property
    def feature(self) -> Texts:
        return self._whole.feature[self.rows]

    @cached_property
    def region(self) -> pd.Series:
        return self._whole.region.iloc[self.rows].reset_index(drop=True)

    def column(self, field: str) -> pd.Series:
        return self._whole.column(field).iloc[self.rows].reset_index(drop=True)

    def text(self, field: str) -> pd.Series:
        return self._whole.text(field).iloc[self.rows].reset_index(drop=True)

    @cached_property
    def shapes(self) -> Shapes:
        return self._whole.drawn(self.rows)

    @cached_property
    def valid(self) -> Mask:
        if self._whole.looked_at:
            return self._whole.valid[self.rows]
        return np.asarray(shapely.is_valid(self.shapes))

    @cached_property
    def metre(self) -> gpd.GeoSeries:
        plane = self._whole.moves_to
        if plane is None:
            return gpd.GeoSeries(self.sound, crs=self.crs)
        return gpd.GeoSeries(self.polygons(plane), crs=plane)

    @property
    def plane(self) -> CRS:
        return self._whole.plane

    @cached_property
    def place(self) -> Bounds | None:
        return self._whole.place

    @cached_property
    def ellipsoidal(self) -> Floats:
        # The projection is centred on the median of the layer: points there, more than there are
        # parcels, make it the same for all windows.
        points = np.full(len(self.rows) + 1, self._whole.middle)
        every = gpd.GeoSeries(np.concatenate([self.sound, points]), crs=self.crs)
        return ellipsoidal_area(every)[: len(self.rows)]

    def wider(self) -> Subject:
        return self._whole.part(self.rows, 2 * self.reach * _WIDER)


class _Around(Mapping[str, Subject]):
    """All layers of a run by id, of each only what comes near a window, once it is asked for."""

    def __init__(self, whole: Whole, rows: Rows, reach: float) -> None:
        self.whole = whole
        self.reach = reach
        self._rows = rows
        self._there: dict[str, Subject] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole.others)

    def __len__(self) -> int:
        return len(self.whole.others)

    def __getitem__(self, name: str) -> Subject:
        other = self.whole.others[name]
        if other is self.whole or not isinstance(other, Whole):
            return other
        if name not in self._there:
            self._there[name] = Window(other, self._near(other), other.others)
        return self._there[name]

    def _near(self, other: Whole) -> Rows:
        box = _extent(self.whole.bounds[self._rows])
        if box is None:
            return np.empty(0, dtype=np.intp)
        box = _moved(box, self.whole.crs, other.crs)
        if box is None:
            return np.arange(len(other.frame))
        return other.near(box, self.reach, self.whole, self._rows)


def _extent(bounds: Floats) -> Floats | None:
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if not len(bounds):
        return None
    return np.concatenate([bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)])


def _moved(box: Floats, crs: CRS | None, other: CRS | None) -> Floats | None:
    """`box` in another CRS; None where that cannot be told."""
    if crs == other:
        return box
    if crs is None or other is None:
        return None
    try:
        moved = np.array(Transformer.from_crs(crs, other, always_xy=True).transform_bounds(*box))
    except (ProjError, RuntimeError, ValueError):
        return None
    return moved if np.isfinite(moved).all() else None
