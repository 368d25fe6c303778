"""The title bar with the search box and the note on where the data come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import geopandas as gpd

from yuxi_gis.crs import crs_name
from yuxi_gis.export.provenance import file_name, inputs_of, now, software
from yuxi_gis.export.webmap.page import Raw
from yuxi_gis.export.webmap.scenes import Picture

__all__ = ["Source", "heading"]


@dataclass(frozen=True)
class Source:
    """One line of the note: what is shown, how many, from which file, in which CRS."""

    title: str
    count: str
    file: str
    crs: str
    unplaced: int = 0

    @classmethod
    def of_layer(cls, title: str, frame: gpd.GeoDataFrame, drawn: int) -> Source:
        """A layer; its files are what its ``attrs`` say, without folders."""
        file = ", ".join(dict.fromkeys(map(file_name, inputs_of({title: frame}))))
        table = str(frame.attrs.get("table", ""))
        if table and table not in file:
            file = f"{file} · {table}"
        return cls(title, f"{drawn:,}", file, crs_name(frame.crs), len(frame) - drawn)

    @classmethod
    def of_picture(cls, title: str, picture: Picture) -> Source:
        """A scene; its count is its size in pixels."""
        scene = picture.scene
        number = scene.crs.to_epsg()
        crs = f"EPSG:{number}" if number else scene.crs.to_string()[:40]
        return cls(title, f"{scene.width} × {scene.height}", file_name(scene.path), crs)


def heading(title: str, sources: Sequence[Source], words: Mapping[str, str], masking: str) -> Raw:
    """The title bar as HTML, all texts escaped; `masking` is what it says of personal data."""
    made = now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    facts = {
        words["about_crs_page"]: "EPSG:3857 (WGS 84 / Pseudo-Mercator)",
        words["about_made"]: made,
        words["about_by"]: software(),
    }
    notes = (words["about_suspected"], masking, words["about_rounding"])
    lines = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return Raw(
        f'<header id="yuxi-bar"><h1>{escape(title)}</h1><div id="yuxi-search"></div>'
        f'<details id="yuxi-about"><summary>{escape(words["about"])}</summary><div>'
        f"{_source_table(sources, words)}{_fact_list(facts)}{lines}</div></details></header>\n"
        f"<noscript>{escape(words['noscript'])}</noscript>\n"
    )


def _source_table(sources: Sequence[Source], words: Mapping[str, str]) -> str:
    heads = ("about_layer", "about_count", "about_unplaced", "about_source", "about_crs")
    rows = "".join(
        _row("td", source.title, source.count, str(source.unplaced or ""), source.file, source.crs)
        for source in sources
    )
    return f"<table>{_row('th', *(words[head] for head in heads))}{rows}</table>"


def _row(tag: str, *cells: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _fact_list(facts: Mapping[str, str]) -> str:
    items = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    return f"<dl>{''.join(items)}</dl>"
