"""What a page carries, read back by other code than the page's."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

POINT, LINE, SHELL, HOLE = range(4)


def integers(stream: bytes) -> list[int]:
    """Variable-length integers."""
    out, value, shift = [], 0, 0
    for byte in stream:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            out.append(value)
            value = shift = 0
    return out


def signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


@dataclass
class Unpacked:
    """One layer of a page in one language."""

    head: dict[str, Any]
    streams: dict[str, bytes]
    lang: int = 0
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.count = self.head["count"]

    def word(self, words: Any) -> str:
        return words if isinstance(words, str) else words[self.lang]

    @property
    def title(self) -> str:
        return self.word(self.head["title"])

    @property
    def fields(self) -> list[str]:
        return [self.word(column["title"]) for column in self.head["columns"]]

    @property
    def legend(self) -> list[tuple[str, int]]:
        return [(self.word(row["label"]), row["count"]) for row in self.head["categories"]]

    @property
    def symbols(self) -> list[dict[str, Any]]:
        return [row["symbol"] for row in self.head["categories"]]

    @property
    def category(self) -> list[int]:
        return integers(self.streams["category"])

    def texts(self, name: str) -> list[str]:
        words = [self.word(pair) for pair in json.loads(self.streams[f"{name}.words"])]
        out: list[int] = []
        known = 0
        for code in integers(self.streams[f"{name}.codes"]):
            known += code == 0
            out.append(known - 1 if code == 0 else known - code)
        return [words[i] for i in out]

    def numbers(self, name: str, decimals: int) -> list[float | None]:
        codes = integers(self.streams[name])
        return [None if code == 0 else signed(code - 1) / 10**decimals for code in codes]

    def column(self, c: int) -> list[str]:
        head = self.head["columns"][c]
        if "decimals" not in head:
            return self.texts(str(c))
        first = head.get("of", c)
        values = self.numbers(f"{first}.codes", self.head["columns"][first]["decimals"])
        factor, unit = head.get("factor", 1), self.word(head["unit"])
        return [
            "" if value is None else f"{value * factor:,.{head['decimals']}f}{unit}"
            for value in values
        ]

    @property
    def rows(self) -> list[dict[str, str]]:
        """What the popups say, without empty fields."""
        columns = [self.column(c) for c in range(len(self.head["columns"]))]
        return [
            {title: value for title, value in zip(self.fields, row, strict=True) if value}
            for row in zip(*columns, strict=True)
        ]

    @property
    def keys(self) -> list[str]:
        return self.column(self.head["key"])

    @property
    def shapes(self) -> list[Any]:
        """Geometries in degrees."""
        paths = self._paths()
        return [_shape([next(paths) for _ in range(n)]) for n in integers(self.streams["paths"])]

    def _paths(self) -> Iterator[tuple[int, np.ndarray]]:
        hops = iter(integers(self.streams["vertices"]))
        steps = iter(
            zip(*(map(signed, integers(self.streams[k])) for k in ("dx", "dy")), strict=True)
        )
        known: list[tuple[int, int]] = []
        number, at = 0, (0, 0)
        for size in integers(self.streams["sizes"]):
            vertices = []
            for _ in range(size >> 2):
                hop = next(hops)
                if hop == 0:
                    dx, dy = next(steps)
                    at = (at[0] + dx, at[1] + dy)
                    number = len(known)
                    known.append(at)
                else:
                    number += signed(hop - 1)
                    at = known[number]
                vertices.append(at)
            yield size & 3, np.array(vertices, dtype=float) * 1e-6


def _shape(paths: list[tuple[int, np.ndarray]]) -> Any:
    parts: list[Any] = []
    for kind, xy in paths:
        if kind == POINT:
            parts.append(shapely.Point(xy[0]))
        elif kind == LINE:
            parts.append(shapely.LineString(xy) if len(xy) > 1 else shapely.Point(xy[0]))
        elif len(xy) < 3:
            parts.append(shapely.Point(xy[0]))
        elif kind == SHELL:
            parts.append(shapely.Polygon(xy))
        else:
            shell = parts[-1]
            parts[-1] = shapely.Polygon(shell.exterior, [*shell.interiors, xy])
    return parts[0] if len(parts) == 1 else shapely.GeometryCollection(parts)


def unpack(head: dict[str, Any], data: str, lang: str = "zh") -> Unpacked:
    """A layer from its head and its data."""
    raw, at, streams = zlib.decompress(base64.b64decode(data)), 0, {}
    for name, size in head["streams"]:
        streams[name] = raw[at : at + size]
        at += size
    assert at == len(raw)
    return Unpacked(head, streams, ("zh", "en").index(lang))


def layers_of(page: str, lang: str = "zh") -> dict[str, Unpacked]:
    """The layers of a page by their ids."""
    blocks = dict(
        re.findall(
            r'<script type="application/json" id="(vector_layer\w+|VectorLayer\w+)">(.*?)</script>',
            page,
            re.S | re.I,
        )
    )
    found = {}
    for name, text in blocks.items():
        if name.endswith("_head"):
            head = json.loads(text)
            found[head["id"]] = unpack(head, blocks[name[: -len("_head")] + "_data"], lang)
    return found


def everything_in(page: str) -> bytes:
    """A page with all that is packed in it."""
    streams = [stream for layer in layers_of(page).values() for stream in layer.streams.values()]
    return b"\n".join([page.encode(), *streams])
