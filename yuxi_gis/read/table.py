"""What every reader gives back: the tables of a file, and what was decided while reading them.

A reader is a function ``open(path, options) -> list[RawTable]``. It looks at the file, raises
`SourceError` where it cannot be read, and says what it decided and why; rows are read by
`RawTable.load`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import CRS

from yuxi_gis.crs import parse_crs

if TYPE_CHECKING:
    from yuxi_gis.crs.datum import DatumShift

__all__ = [
    "CONFIDENCE",
    "Batch",
    "Decision",
    "Declared",
    "Note",
    "Options",
    "RawTable",
    "Stream",
    "merged",
]

#: How sure a decision is: the user or the format says so; the data show it; the best guess.
CONFIDENCE = ("certain", "high", "low")
_ROWS_NAMED = 20


@dataclass(frozen=True)
class Decision:
    """What was decided while reading, why, and how sure it is.

    Attributes
    ----------
    what : str
        ``"format"``, ``"layer"``, ``"encoding"``, ``"crs"``, ``"header"``, ``"units"`` …
    value : str
        What was decided: ``"GB18030"``, ``"EPSG:4543"`` …
    zh, en : str
        The reason, and where it is not certain, how to overrule it.
    confidence : {"certain", "high", "low"}
    """

    what: str
    value: str
    zh: str
    en: str
    confidence: str


@dataclass(frozen=True)
class Note:
    """Something that the user must know of the rows: a loss, a repair, a suspicion.

    Attributes
    ----------
    what : str
        A short stable word for scripts: ``"z_dropped"``, ``"code_destroyed"`` …
    zh, en : str
        One line: what, where, and what to do about it.
    severity : {"info", "warning", "error"}
    count : int
        How many rows (or values) it concerns.
    rows : tuple of int
        The first of them, counted from 1 as the file counts them (at most 20).
    field : str or None
    """

    what: str
    zh: str
    en: str
    severity: str = "info"
    count: int = 0
    rows: tuple[int, ...] = ()
    field: str | None = None
    _templates: tuple[str, str] | None = dataclasses.field(default=None, repr=False, compare=False)
    _figures: Mapping[str, float] = dataclasses.field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def on_rows(
        cls,
        what: str,
        rows: Any,
        zh: str,
        en: str,
        *,
        severity: str = "info",
        field: str = "",
        **figures: float,
    ) -> Note:
        """A note on row numbers; ``{count}``, ``{rows}`` and `figures` in the texts are filled in.

        Of notes that are put together (`merged`), whole numbers among the figures add up and of
        others the greatest holds.
        """
        numbers = [int(row) for row in rows]
        return cls._told(what, numbers, len(numbers), (zh, en), severity, field or None, figures)

    @classmethod
    def counted(cls, what: str, count: int, zh: str, en: str, *, severity: str = "info") -> Note:
        """A note on so many rows, of which none is named; ``{count}`` is filled in."""
        return cls._told(what, (), count, (zh, en), severity, None, {})

    @classmethod
    def _told(
        cls,
        what: str,
        rows: Sequence[int],
        count: int,
        templates: tuple[str, str],
        severity: str,
        field: str | None,
        figures: Mapping[str, float],
    ) -> Note:
        shown = tuple(rows[:_ROWS_NAMED])
        zh, en = (_filled(text, shown, count, figures) for text in templates)
        return cls(what, zh, en, severity, count, shown, field, templates, figures)

    def renumbered(self, numbers: Sequence[int]) -> Note:
        """The same note with the rows as their file counts them: `numbers`, one a row."""
        if self._templates is None or not self.rows or max(self.rows) > len(numbers):
            return self
        rows = tuple(int(numbers[row - 1]) for row in self.rows)
        zh, en = (_filled(text, rows, self.count, self._figures) for text in self._templates)
        return replace(self, zh=zh, en=en, rows=rows)

    def further_on(self, rows: int) -> Note:
        """The same note of a batch before which there are so many `rows`."""
        return self.renumbered(range(rows + 1, rows + 1 + max(self.rows, default=0)))

    def as_dict(self) -> dict[str, Any]:
        """What scripts get."""
        names = ("what", "zh", "en", "severity", "count", "rows", "field")
        return {name: getattr(self, name) for name in names}


def _filled(text: str, rows: Sequence[int], count: int, figures: Mapping[str, float]) -> str:
    """A template with its numbers; names of fields in it may have braces, too."""
    listed = ", ".join(map(str, rows)) + (" …" if count > len(rows) else "")
    for name, value in figures.items():
        text = text.replace(f"{{{name}}}", str(value) if isinstance(value, int) else f"{value:.2g}")
    return text.replace("{count}", str(count)).replace("{rows}", listed)


def merged(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The notes of the batches of one table, in their order, as one reading would have told them.

    Those of one word on one field become one; texts without row numbers are told once each.
    """
    alike: dict[tuple[str, str | None, str], list[Note]] = {}
    for note in notes:
        told = "" if note._templates else note.zh
        alike.setdefault((note.what, note.field, told), []).append(note)
    return tuple(_together(found) for found in alike.values())


def _together(notes: Sequence[Note]) -> Note:
    first, grave = notes[0], ("info", "warning", "error")
    if len(notes) == 1 or first._templates is None:
        return first
    figures = {
        name: (sum if isinstance(value, int) else max)(note._figures[name] for note in notes)
        for name, value in first._figures.items()
    }
    return Note._told(
        first.what,
        [row for note in notes for row in note.rows],
        sum(note.count for note in notes),
        first._templates,
        max((note.severity for note in notes), key=grave.index),
        first.field,
        figures,
    )


@dataclass(frozen=True)
class Options:
    """What the user says about sources, over what they say of themselves.

    Attributes
    ----------
    encoding : str or None
        Of all text, whatever a file declares.
    crs : CRS or None
        Of sources that declare none; of all with `override_crs`.
    override_crs : bool
        `crs` holds also where a source declares another one; coordinates are not moved.
    swap_axes : bool
        Exchange X and Y of all coordinates.
    shift : DatumShift or None
        How layers on an older datum come to CGCS2000 (`yuxi_gis.crs.datum`).
    """

    encoding: str | None = None
    crs: CRS | None = None
    override_crs: bool = False
    swap_axes: bool = False
    shift: DatumShift | None = None

    @classmethod
    def of(cls, *, crs: Any = None, **others: Any) -> Options:
        """Options with `crs` as anything that pyproj takes."""
        return cls(crs=None if crs is None else parse_crs(crs), **others)


@dataclass(frozen=True)
class Declared:
    """One field as its file declares it.

    Attributes
    ----------
    type : {"text", "integer", "number", "date", "logical", "binary"}
    width : int or None
        Of text, as the format counts it: bytes in a DBF, else characters. None where it is not
        declared, and of other types.
    """

    type: str
    width: int | None = None


#: A table in parts: its rows without geometry and what was noticed of them, then the shapes in
#: the same order, a batch at a time, each with what was noticed (rows counted as `load` does).
Batch = tuple[npt.NDArray[np.object_], tuple[Note, ...]]
Stream = tuple[pd.DataFrame, tuple[Note, ...], Iterator[Batch]]


@dataclass(frozen=True)
class RawTable:
    """One table of a file before its fields have official names.

    Attributes
    ----------
    name : str
        As the file calls it.
    columns : tuple of str
        Field names as in the file, without the geometry.
    rows : int
    geometry : str or None
        ``"Polygon"``, ``"MultiPolygon"``, ``"Point"`` …, ``"Unknown"`` for mixed ones; None for a
        table without geometry.
    crs : CRS or None
        As the file declares it; None where it does not.
    encoding : str
        With which its text is read.
    load : callable
        Reads the rows: ``load() -> (frame, notes)``, a GeoDataFrame where `geometry` is not None,
        its columns in the order of `columns`, one row for each row of the file, RangeIndex.
        Raises `SourceError`.
    decisions : tuple of Decision
    notes : tuple of Note
        What is known before the rows are read.
    declared : mapping of str to Declared
        What the file says of its fields, by column; empty where the format says nothing.
    stream : callable or None
        Reads the same as `load`, the shapes batch by batch, so that never all of them are in
        memory; None where the format, or a table without geometry, has no such way.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    geometry: str | None
    crs: CRS | None
    encoding: str
    load: Callable[[], tuple[pd.DataFrame, tuple[Note, ...]]]
    decisions: tuple[Decision, ...] = ()
    notes: tuple[Note, ...] = ()
    declared: Mapping[str, Declared] = dataclasses.field(default_factory=dict)
    stream: Callable[[], Stream] | None = None
