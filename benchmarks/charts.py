"""Small pictures as SVG, written with the standard library."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["curves", "reliability_diagram"]

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 20, 56
COLOURS = {
    "all": "#111111", "built": "#d62728", "water": "#1f77b4", "planted": "#2ca02c",
    "abandoned": "#b8860b", "demolished": "#7f5fbf",
}  # fmt: skip


class _Chart:
    """A frame with axes; places are parts of the frame, from the lower left corner."""

    def __init__(self, x_title: str, y_title: str) -> None:
        self.parts: list[str] = []
        self.text(0.5, -0.14, x_title, "middle")
        y = TOP + (HEIGHT - TOP - BOTTOM) / 2
        self.parts.append(
            f'<text transform="translate(16 {y:.0f}) rotate(-90)" text-anchor="middle">'
            f"{escape(y_title)}</text>"
        )
        for share in np.linspace(0, 1, 6):
            self.line([(0, share), (1, share)], "#dddddd", 1)
            self.text(-0.015, share - 0.012, f"{share:.0%}", "end")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixel of a place."""
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return round(LEFT + x * wide, 1), round(TOP + (1 - y) * high, 1)

    def text(self, x: float, y: float, words: str, anchor: str = "start") -> None:
        u, v = self.at(x, y)
        self.parts.append(f'<text x="{u}" y="{v}" text-anchor="{anchor}">{escape(words)}</text>')

    def line(self, places: list[tuple[float, float]], colour: str, width: float) -> None:
        points = " ".join(f"{u},{v}" for u, v in (self.at(x, y) for x, y in places))
        self.parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
        )

    def area(self, places: list[tuple[float, float]], colour: str) -> None:
        points = " ".join(f"{u},{v}" for u, v in (self.at(x, y) for x, y in places))
        self.parts.append(f'<polygon points="{points}" fill="{colour}" fill-opacity="0.15"/>')

    def dot(self, x: float, y: float, colour: str, radius: float = 3) -> None:
        u, v = self.at(x, y)
        self.parts.append(f'<circle cx="{u}" cy="{v}" r="{radius}" fill="{colour}"/>')

    def write(self, path: Path) -> None:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">'
        )
        ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([head, ground, *self.parts, "</svg>", ""]), encoding="utf-8")


def curves(path: Path, table: pd.DataFrame) -> None:
    """Rate by size, a line a group; the interval of all groups together is shaded.

    Parameters
    ----------
    path : Path
    table : DataFrame
        ``group, size, rate, low, high``.
    """
    chart = _Chart("area of the change, m² (10 m pixel: 100 m²)", "found")
    sizes = np.sort(table["size"].unique())
    log = np.log(sizes)
    place = dict(zip(sizes, (log - log[0]) / (log[-1] - log[0]), strict=True))
    for size, x in place.items():
        chart.line([(x, 0), (x, -0.015)], "#555555", 1)
        chart.text(x, -0.065, f"{size:,}".replace(",", " "), "middle")
    whole = table[table["group"] == "all"].dropna()
    x = [place[size] for size in whole["size"]]
    upper = list(zip(x, whole["high"], strict=True))
    chart.area(upper + list(zip(x, whole["low"], strict=True))[::-1], COLOURS["all"])
    for number, (group, colour) in enumerate(COLOURS.items()):
        rows = table[table["group"] == group].dropna()
        places = [(place[s], r) for s, r in zip(rows["size"], rows["rate"], strict=True)]
        chart.line(places, colour, 3 if group == "all" else 1.5)
        for one in places:
            chart.dot(*one, colour)
        y = 0.95 - 0.07 * number
        chart.line([(1.05, y), (1.11, y)], colour, 3 if group == "all" else 1.5)
        chart.text(1.13, y - 0.012, group)
    chart.write(path)


def reliability_diagram(path: Path, table: pd.DataFrame) -> None:
    """Observed share against the confidence, with intervals and counts.

    Parameters
    ----------
    path : Path
    table : DataFrame
        ``said, real, low, high, count``.
    """
    chart = _Chart("confidence", "really changed")
    for share in np.linspace(0, 1, 6):
        chart.text(share, -0.065, f"{share:.1f}", "middle")
    chart.line([(0, 0), (1, 1)], "#999999", 1)
    chart.line([(s, r) for s, r in zip(table["said"], table["real"], strict=True)], "#1f77b4", 2)
    for row in table.itertuples():
        chart.line([(row.said, row.low), (row.said, row.high)], "#1f77b4", 1.5)
        chart.dot(row.said, row.real, "#1f77b4", 4)
    chart.text(1.05, 0.95, "bin: count")
    for number, (name, count) in enumerate(zip(table["bin"], table["count"], strict=True)):
        chart.text(1.05, 0.88 - 0.07 * number, f"{name}: {count}")
    chart.write(path)
