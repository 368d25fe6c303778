"""Write VCT files by the grammar of GB/T 17798-1999 and -2007, with known geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import shapely

__all__ = ["HEAD_1999", "HEAD_2007", "Vct", "sample"]

HEAD_2007 = {
    "DataMark": "LANDUSE-VCT",
    "Version": "3.0",
    "CoordinateSystemType": "P",
    "Dim": "2",
    "XAxisDirection": "E",
    "YAxisDirection": "N",
    "XYUnit": "M",
    "Spheroid": "CGCS2000,6378137.0,298.257222101",
    "PrimeMeridian": "Greenwich",
    "Projection": "高斯-克吕格投影",
    "Parameters": "102,1,34500000,0,3,34",
    "VerticalDatum": "1985国家高程基准",
    "TemporalReferenceSystem": "北京时间",
    "Date": "20231231",
    "Separator": ",",
}
HEAD_1999 = {
    "DataMark": "LANDUSE.VCT",
    "Version": "2.0",
    "Unit": "M",
    "Dim": "2",
    "Topo": "1",
    "Coordinate": "M",
    "Projection": "Gauss-Krueger Projection",
    "Spheroid": "IAG-75 Spheroid",
    "Parameters": "6378140,6356755",
    "Meridinan": "102",
    "Scale": "10000",
    "Date": "20100611",
    "Separator": ",",
}
Coords = Sequence[Sequence[float]]


@dataclass
class Vct:
    """A file in the making; `edition` is 1999 or 2007."""

    edition: int
    head: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    titles: tuple[str, ...] = (
        *("Head", "FeatureCode", "TableStructure", "Point", "Line", "Polygon"),
        *("Annotation", "Attribute", "Style"),
    )
    next_line: int = 900_000

    def __post_init__(self) -> None:
        self.head = {**(HEAD_2007 if self.edition == 2007 else HEAD_1999), **self.head}

    def add(self, section: str, *lines: object) -> None:
        self.parts.setdefault(section, []).extend(map(str, lines))

    def layer(self, code: str, title: str, shape: str, table: str, fields: Sequence[str]) -> None:
        middle = [] if self.edition == 2007 else ["0", "128", "255"]
        self.add("FeatureCode", ",".join([code, title, shape, *middle, table]))
        self.table(table, fields)

    def table(self, table: str, fields: Sequence[str]) -> None:
        ending = ["0"] if self.edition == 2007 else []
        self.add("TableStructure", f"{table},{len(fields)}", *fields, *ending)

    def rows(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        separator = self.head["Separator"]
        lines = [separator.join(map(str, row)) for row in rows]
        self.add("Attribute", table, *lines, "TableEnd", "")

    def _object(self, section: str, number: object, code: str, *body: object) -> None:
        style = "Unknown" if self.edition == 2007 else "图层"
        ending = ["0", ""] if self.edition == 2007 else []
        self.add(section, number, code, style, *body, *ending)

    def point(self, number: object, code: str, coords: Coords, kind: int = 1) -> None:
        count = [len(coords)] if kind == 4 else []
        self._object("Point", number, code, kind, *count, *_shown(coords))

    def line(self, number: object, code: str, coords: Coords) -> None:
        kind = [1, 1, 11] if self.edition == 2007 else [1]
        self._object("Line", number, code, *kind, len(coords), *_shown(coords))

    def segments(self, number: object, code: str, *segments: tuple[int, list[object]]) -> None:
        body = [word for shape, data in segments for word in (shape, *data)]
        self._object("Line", number, code, 1, len(segments), *body)

    def by_lines(self, number: object, code: str, refs: Sequence[object], kind: int = 21) -> None:
        rows = [",".join(map(str, refs[at : at + 8])) for at in range(0, len(refs), 8)]
        is_2007 = self.edition == 2007
        first = [100, "5,5", kind] if is_2007 else ["5,5"]
        self._object("Polygon", number, code, *first, len(refs), *rows)

    def direct(self, number: object, code: str, rings: Sequence[Coords]) -> None:
        body: list[object] = []
        for ring in rings:
            body += [*([11] if self.edition == 2007 else []), len(ring), *_shown(ring)]
        first = [1, "5,5", len(rings)] if self.edition == 2007 else ["5,5"]
        self._object("Polygon", number, code, *first, *body)
        if self.edition == 1999:
            self.add("Polygon", "0")

    def area(self, number: object, code: str, geometry: shapely.Geometry, cuts: int = 2) -> None:
        """A polygon by lines: each ring cut into `cuts`, every second one written backwards."""
        refs: list[object] = []
        for ring in rings_of(geometry):
            refs += [0] if refs else []
            bounds = [round(k * (len(ring) - 1) / cuts) for k in range(cuts + 1)]
            for k, (a, b) in enumerate(pairwise(bounds)):
                if a == b:
                    continue
                part = ring[a : b + 1]
                self.next_line += 1
                self.line(self.next_line, "1099000000", part[::-1] if k % 2 else part)
                refs.append(-self.next_line if k % 2 else self.next_line)
        self.by_lines(number, code, refs)

    def annotation(self, number: object, code: str, text: str, at: Sequence[float]) -> None:
        if self.edition == 2007:
            body: list[object] = [1, text, f"{at[0]!r},{at[1]!r},30"]
        else:
            body = ["宋体", 0, "400,0,F", "3,3", 1, text, 1, *_shown([at])]
        self._object("Annotation", number, code, *body)

    def bytes(self, encoding: str = "gbk", newline: str = "\r\n", *, lower: bool = False) -> bytes:
        lines: list[str] = []
        for title in self.titles:
            if title == "Head":
                body = [f"{key}:{value}" for key, value in self.head.items()]
            else:
                body = self.parts.get(title, [])
            if title == "Style" and not body:
                continue
            edges = [f"{title}Begin", f"{title}End"]
            edges = [edge.lower() for edge in edges] if lower else edges
            lines += [edges[0], *body, edges[1], ""]
        return newline.join(lines).encode(encoding)


def rings_of(geometry: shapely.Geometry) -> list[list[tuple[float, float]]]:
    """All rings, closed, shell before its holes."""
    found = []
    for part in shapely.get_parts(geometry):
        found += [list(part.exterior.coords), *(list(hole.coords) for hole in part.interiors)]
    return found


def _shown(coords: Coords) -> list[str]:
    return [",".join(repr(float(value)) for value in point) for point in coords]


DLTB = ("BSM,Char,18", "YSDM,Char,10", "DLMC,Char,60", "TBMJ,Float,15,2", "XH,Int4", "RQ,Date")


def sample(edition: int, **head: str) -> Vct:
    """Points, lines, a square with a hole, two squares that share a line, two parts, a text.

    Numbers 1-9 are objects; 101 is the line that the squares 4 and 5 share.
    """
    vct = Vct(edition, head)
    x, y = 34_500_000.0, 2_700_000.0

    def shift(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x + a, y + b) for a, b in points]

    vct.layer("1000119090", "测量控制点", "Point", "CLKZD", ["BSM,Char,18", "KZDMC,Char,50"])
    vct.layer("1000600200", "行政区界线", "Line", "XZQJX", ["BSM,Char,18", "JXLX,Char,6"])
    vct.layer("2001010100", "地类图斑", "Polygon", "DLTB", DLTB)
    vct.layer("2001010900", "注记", "Annotation", "ZJ", ["BSM,Char,18"])
    vct.table("QLR", ["BSM,Char,18", "QLRMC,Char,60"])
    vct.point(1, "1000119090", shift((1.5, 2.5)))
    vct.line(2, "1000600200", shift((0, 0), (50, 60.125), (70, 10)))
    vct.line(101, "1099000000", shift((10, 0), (10, 10)))
    vct.line(102, "1099000000", shift((10, 10), (0, 10), (0, 0), (10, 0)))
    vct.line(103, "1099000000", shift((10, 0), (20, 0), (20, 10), (10, 10)))
    vct.line(104, "1099000000", shift((2, 2), (2, 4), (4, 4), (2, 2)))
    vct.line(105, "1099000000", shift((30, 0), (40, 0), (40, 9), (30, 0)))
    vct.by_lines(4, "2001010100", [102, 101, 0, 104])
    vct.by_lines(5, "2001010100", [103, -101])
    vct.by_lines(6, "2001010100", [102, 101, 0, 105])
    vct.direct(7, "2001010100", [shift((50, 0), (60, 0), (60, 10), (50, 10), (50, 0))])
    vct.annotation(8, "2001010900", "水田，张家村", (x + 3, y + 4))
    vct.rows("CLKZD", [(1, "00000000000000001", "玉溪点")])
    vct.rows("XZQJX", [(2, "00000000000000002", "640200")])
    vct.rows(
        "DLTB",
        [
            (4, "530402000000000004", "2001010100", "水田", "98.0", 7, "20231231"),
            (5, "530402000000000005", "2001010100", "旱地", "100.25", "", "20231231"),
            (6, "530402000000000006", "2001010100", "", "", "12", ""),
            (7, "530402000000000007", "2001010100", "农村宅基地", "100", "13", "20240101"),
        ],
    )
    vct.rows("ZJ", [(8, "00000000000000008")])
    vct.rows("QLR", [(1, "0001", "某村民"), (2, "0002", "某村集体")])
    return vct
