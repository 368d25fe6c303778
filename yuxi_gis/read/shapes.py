"""The shapes of a layer by row, wherever they are: in memory or in a scratch file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from yuxi_gis.errors import ParameterError
from yuxi_gis.read.geometry import multi

__all__ = ["InMemory", "Joined", "ShapeStore", "Spool"]

Shapes = npt.NDArray[np.object_]
Kinds = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]
Move = Callable[[Shapes], Shapes]

#: Shapes that are taken through memory at once.
_BLOCK = 10_000
#: Shapely's type id; multi-part polygons are 3 further on, points and lines 4.
_POLYGON = 3


class ShapeStore(Protocol):
    """The shapes of a layer.

    `bounds` are west, south, east and north of each, float64 (n, 4), nan where there is none;
    `kinds` shapely's type ids, int (n,), -1 where there is none.
    """

    bounds: Floats
    kinds: Kinds

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> Any:
        """The shapes of these rows, as of an array; of one row the shape."""


class InMemory:
    """Shapes that are in memory."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self.bounds: Floats = shapely.bounds(shapes)
        self.kinds: Kinds = shapely.get_type_id(shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, rows: Any) -> Any:
        return self._shapes[rows]


class Spool:
    """Shapes in a scratch file, one behind the other as well-known binary.

    In memory are 45 bytes a shape. The file is read, not mapped: pages of a mapped file would
    count as memory of this process.

    Parameters
    ----------
    path : Path
        Is made.
    batches : iterable of (ndarray of geometries, ndarray of int)
        Two-dimensional shapes and their kinds.
    """

    def __init__(self, path: Path, batches: Iterable[tuple[Shapes, Kinds]]) -> None:
        self._file = path.open("x+b")
        sizes, bounds, kinds = [np.zeros(1, np.int64)], [np.empty((0, 4))], [np.empty(0, np.int8)]
        for shapes, types in batches:
            wkb = [one or b"" for one in shapely.to_wkb(shapes)]
            self._file.write(b"".join(wkb))
            sizes.append(np.array([len(one) for one in wkb], dtype=np.int64))
            bounds.append(shapely.bounds(shapes))
            kinds.append(types.astype(np.int8))
        self._file.flush()
        self._at = np.cumsum(np.concatenate(sizes))
        self._written = np.concatenate(kinds)
        self._single = np.zeros(len(self._written), dtype=bool)
        self._moves: Sequence[Move] = ()
        self.bounds: Floats = np.concatenate(bounds)
        self.kinds: Kinds = self._written

    def as_multi(self, which: npt.NDArray[np.bool_]) -> None:
        """From now on hand the single-part shapes `which` out as multi-part ones."""
        self._single = which
        several = np.where(self._written == _POLYGON, _POLYGON, _POLYGON + 1)
        self.kinds = (self._written + which * several).astype(np.int8)

    def moved(self, moves: Sequence[Move]) -> None:
        """From now on hand shapes out as `moves` leave them."""
        self._moves = tuple(moves)
        if moves:
            for first in range(0, len(self), _BLOCK):
                block = slice(first, first + _BLOCK)
                self.bounds[block] = shapely.bounds(self[block])

    def __len__(self) -> int:
        return len(self._written)

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, (int, np.integer)):
            return self[np.array([rows])][0]
        rows = np.arange(len(self))[rows]
        shapes = np.asarray(shapely.from_wkb(self._bytes(rows), on_invalid="fix"), dtype=object)
        shapes = multi(shapes, self._written[rows].astype(np.intp), self._single[rows])
        for move in self._moves:
            shapes = move(shapes)
        return shapes

    def _bytes(self, rows: npt.NDArray[np.intp]) -> Shapes:
        """The well-known binary of each row; None where there is no shape."""
        if self._file.closed:
            raise ParameterError(
                "图形的临时文件已关闭：请在 with spooled_layers(…) 语句块之内使用这些图层。",
                "The scratch file with the shapes is closed: use these layers within the block "
                "of with spooled_layers(…).",
            )
        start, stop = self._at[rows], self._at[rows + 1]
        parts = []
        for one, other in _runs(start, stop):  # what lies together is read together
            self._file.seek(one)
            parts.append(self._file.read(other - one))
        offsets = np.concatenate([[0], np.cumsum(stop - start)]).astype(np.int64)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(parts))]
        column = pa.Array.from_buffers(pa.large_binary(), len(rows), buffers)
        values: Shapes = column.to_numpy(zero_copy_only=False)
        values[start == stop] = None
        return values

    def close(self) -> None:
        """Close the scratch file."""
        self._file.close()


def _runs(start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where stretches of the file begin and end that lie without a break."""
    if len(start):
        breaks = np.flatnonzero(start[1:] != stop[:-1])
        firsts, lasts = start[np.append(0, breaks + 1)], stop[np.append(breaks, len(stop) - 1)]
        yield from zip(firsts.tolist(), lasts.tolist(), strict=True)


class Joined:
    """The shapes of several stores, one after the other."""

    def __init__(self, stores: Sequence[ShapeStore]) -> None:
        self._stores = stores
        self._first = np.cumsum([0, *map(len, stores)])
        self.bounds: Floats = np.concatenate([store.bounds for store in stores])
        self.kinds: Kinds = np.concatenate([store.kinds for store in stores])

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, (int, np.integer)):
            return self[np.array([rows])][0]
        rows = np.arange(len(self))[rows]
        shapes = np.full(len(rows), None, dtype=object)
        which = np.searchsorted(self._first, rows, side="right") - 1
        for number in np.unique(which):
            here = which == number
            shapes[here] = self._stores[number][rows[here] - self._first[number]]
        return shapes
