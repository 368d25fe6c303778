"""The attribute tables of a VCT file.

A row begins with the number of its object. In most files the fields follow; in others that number
is the first field itself. Which one holds is told by how many values the rows have.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from yuxi_gis.errors import SourceError
from yuxi_gis.read.table import Note
from yuxi_gis.read.vct.sections import Field, Layer, Section

__all__ = ["Attributes", "read_attributes"]

_WHOLE = ("int", "integer", "smallint", "int1", "int2", "int4", "int8", "long", "boolean", "bool")
_REAL = ("float", "double", "numeric", "decimal", "real")
#: So many fields are in no table.
_FEW = 4096
#: Fits into 64 bits.
_INTEGER = r"[+-]?\d{1,18}"


@dataclass
class Attributes:
    """The rows of one table: `values` as text, `id_texts` their first values."""

    name: str
    separator: str
    lines: list[str]
    numbers: list[int]
    ids: list[int] = field(default_factory=list)

    @property
    def id_texts(self) -> list[str]:
        return [line.split(self.separator, 1)[0].strip() for line in self.lines]

    def id_is_field(self, fields: int) -> bool:
        """Whether the number of the object is the value of a field too."""
        if not self._leads(fields):
            return True
        pairs = (line.split(self.separator, 2)[:2] for line in self.lines)
        return fields > 0 and all(len(p) > 1 and p[0].strip() == p[1].strip() for p in pairs)

    def _leads(self, fields: int) -> bool:
        """Whether rows have one value more than fields: the number of the object."""
        widths = Counter(line.count(self.separator) + 1 for line in self.lines)
        return not (fields and widths and widths[fields] > widths[fields + 1])

    def columns(self, names: list[str]) -> list[str]:
        """Field names; ``F1 …`` for the values of a table that is not declared."""
        if names or not self.lines:
            return names
        widest = max(line.count(self.separator) for line in self.lines[:1000])
        return [f"F{k + 1}" for k in range(min(widest, 255))]

    def frame(self, columns: list[str], types: list[str]) -> tuple[pd.DataFrame, tuple[Note, ...]]:
        """The rows with `columns` of `types`; a value that does not fit its type keeps its column
        as text."""
        lead = int(self._leads(len(types)))
        wanted = len(columns)
        if wanted * len(self.lines) > 4 * sum(map(len, self.lines)) + _FEW or wanted > _FEW:
            raise SourceError(
                f"表 {self.name[:60]}：声明了 {wanted} 个字段，远多于各行的值。请核对文件。",
                f"Table {self.name[:60]}: {wanted} fields are declared, far more than its rows "
                "have values. Check the file.",
            )
        rows, wrong = [], []
        for k, line in enumerate(self.lines):
            values = [value.strip() for value in line.split(self.separator)][lead:]
            while len(values) > wanted and not values[-1]:
                values.pop()
            if len(values) != wanted:
                wrong.append(k + 1)
                rest = self.separator.join(values[wanted - 1 :])
                values = [*values[: wanted - 1], rest, *[""] * (wanted - len(values))][:wanted]
            rows.append(values)
        frame = pd.DataFrame(rows, columns=range(wanted), dtype="str")
        frame = frame.where(frame != "")
        notes = []
        if wrong:
            shown = ", ".join(str(self.numbers[k - 1]) for k in wrong[:20])
            notes.append(
                Note.on_rows(
                    "value_count", wrong,
                    f"{{count}} 行的值个数与字段数不符（文件第 {shown} 行）；多出的并入末字段，"
                    "缺少的为空。请核对。",
                    f"{{count}} rows have not as many values as fields (lines {shown}); more are "
                    "joined into the last field, missing ones are null. Check them.",
                    severity="warning",
                )
            )  # fmt: skip
        for k, column in enumerate(columns):
            name = column[:60]
            frame[k], bad = _typed(frame[k], types[k] if k < len(types) else "char")
            if len(bad):
                notes.append(
                    Note.on_rows(
                        "wrong_type", bad + 1,
                        f"字段 {name} 声明为 {types[k]}，有 {{count}} 个值不是（行 {{rows}}），"
                        "整列按文本保留。",
                        f"Field {name} is declared {types[k]}; {{count}} values are not (rows "
                        "{rows}): the column stays text.",
                        severity="warning", field=column,
                    )
                )  # fmt: skip
            elif k < len(types) and types[k] == "varbin":
                notes.append(
                    Note(
                        "varbin",
                        f"字段 {column[:60]} 是二进制（Varbin），文件里只有外部文件名，"
                        "按文本保留。",
                        f"Field {column[:60]} is binary (Varbin); the file has only names of other "
                        "files, kept as text.",
                        field=column,
                    )
                )
        frame.columns = pd.Index(columns, dtype=object)
        return frame, tuple(notes)


def _typed(values: pd.Series, kind: str) -> tuple[pd.Series, np.ndarray]:
    """`values` as `kind`, or as they are with the places that do not fit."""
    there = values.notna()
    if kind in _WHOLE:
        bad = there & ~values.str.fullmatch(_INTEGER).fillna(False).astype(bool)
        if not bad.any():
            whole = pd.Series(0, index=values.index, dtype="int64")
            whole[there] = values[there].astype("int64")
            return (whole if there.all() else whole.astype("Int64").where(there)), bad.to_numpy()[
                :0
            ]
        return values, np.flatnonzero(bad)
    if kind in _REAL:
        real = pd.to_numeric(values, errors="coerce").astype("float64")
        bad = there & ~np.isfinite(real)
        return (values, np.flatnonzero(bad)) if bad.any() else (real, np.empty(0, int))
    return values, np.empty(0, int)


def read_attributes(
    section: Section | None,
    fields: dict[str, list[Field]],
    layers: list[Layer],
    head: dict[str, str],
    encoding: str,
) -> tuple[dict[str, Attributes], list[int]]:
    """Attribute tables by lower-case name, and the lines that are in none.

    A block is named by its table; some programs name it by the layer's title or code.
    """
    separator = head["separator"]
    known = {name.lower(): name.lower() for name in fields}
    for layer in layers:
        for alias in (layer.table, layer.title, layer.code):
            known.setdefault(alias.lower(), layer.table.lower())
    tables: dict[str, Attributes] = {}
    stray: list[int] = []
    current: Attributes | None = None
    for number, raw in zip(section.numbers, section.lines, strict=True) if section else ():
        line = raw.decode(encoding, "replace")
        key = line.lower()
        if key == "tableend":
            current = None
        elif key in known or (current is None and separator not in line):
            key = known.get(key, key)
            current = tables.setdefault(key, Attributes(line, separator, [], []))
        elif current is None:
            stray.append(int(number))
        else:
            current.lines.append(line)
            current.numbers.append(int(number))
    return tables, stray
