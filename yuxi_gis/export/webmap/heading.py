"""The title bar with the search box and the note on where the data come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import geopandas as gpd

from yuxi_gis.crs import crs_name
from yuxi_gis.export.provenance import file_name, inputs_of, now, software
from yuxi_gis.export.webmap.page import Raw
from yuxi_gis.export.webmap.scenes import Picture
from yuxi_gis.export.webmap.texts import LANGUAGES, both
from yuxi_gis.export.webmap.values import Words

__all__ = ["Source", "heading"]


@dataclass(frozen=True)
class Source:
    """One line of the note: what is shown, how many, from which file, in which CRS."""

    title: Words
    count: str
    file: str
    crs: str
    unplaced: int = 0

    @classmethod
    def of_layer(cls, title: Words, frame: gpd.GeoDataFrame, drawn: int) -> Source:
        """A layer; its files are what its ``attrs`` say, without folders."""
        file = ", ".join(dict.fromkeys(map(file_name, inputs_of({str(title): frame}))))
        table = str(frame.attrs.get("table", ""))
        if table and table not in file:
            file = f"{file} · {table}"
        return cls(title, f"{drawn:,}", file, crs_name(frame.crs), len(frame) - drawn)

    @classmethod
    def of_picture(cls, title: Words, picture: Picture) -> Source:
        """A scene; its count is its size in pixels."""
        scene = picture.scene
        number = scene.crs.to_epsg()
        crs = f"EPSG:{number}" if number else scene.crs.to_string()[:40]
        return cls(title, f"{scene.width} × {scene.height}", file_name(scene.path), crs)


def heading(
    title: Words, sources: Sequence[Source], words: Mapping[str, str], masking: Words
) -> Raw:
    """The title bar as HTML, all texts escaped; they follow the language of the page.

    Parameters
    ----------
    title : str or (str, str)
    sources : sequence of Source
    words : mapping of str to str
        The texts of the page by key, in the language that it opens in.
    masking : str or (str, str)
        What the note says of personal data.
    """
    made = now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    say = _Say(words)
    facts = {
        "about_crs_page": "EPSG:3857 (WGS 84 / Pseudo-Mercator)",
        "about_made": made,
        "about_by": software(),
    }
    notes = (say.key("p", "about_suspected"), say("p", masking), say.key("p", "about_rounding"))
    old = "".join(f"<p>{escape(text)}</p>" for text in both("old_browser"))
    return Raw(
        f'<header id="yuxi-bar">{say("h1", title)}<div id="yuxi-search"></div>'
        '<div id="yuxi-tools" role="toolbar"></div>'
        f'<details id="yuxi-about">{say.key("summary", "about")}'
        f"<div>{_source_table(sources, say)}{_fact_list(facts, say)}{''.join(notes)}</div>"
        "</details></header>\n"
        '<aside id="yuxi-side" hidden></aside>\n'
        f'<div id="yuxi-old">{old}</div>\n'
    )


@dataclass(frozen=True)
class _Say:
    """HTML elements with a text in both languages, shown in the one of `words` at first."""

    words: Mapping[str, str]

    def key(self, tag: str, key: str) -> str:
        """A text of the page, as ``yuxi.say`` makes it."""
        return f'<{tag} data-say="{key}">{escape(self.words[key])}</{tag}>'

    def __call__(self, tag: str, text: Words) -> str:
        """Any text, as ``yuxi.sayWords`` makes it."""
        if isinstance(text, str):
            return f"<{tag}>{escape(text)}</{tag}>"
        shown = text[LANGUAGES.index(self.words["lang"])]
        zh, en = map(escape, text)
        return f'<{tag} data-zh="{zh}" data-en="{en}">{escape(shown)}</{tag}>'


def _source_table(sources: Sequence[Source], say: _Say) -> str:
    heads = ("about_layer", "about_count", "about_unplaced", "about_source", "about_crs")
    rows = "".join(
        _row(say("td", cell) for cell in (s.title, s.count, str(s.unplaced or ""), s.file, s.crs))
        for s in sources
    )
    return f"<table>{_row(say.key('th', head) for head in heads)}{rows}</table>"


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _fact_list(facts: Mapping[str, str], say: _Say) -> str:
    items = (say.key("dt", key) + say("dd", text) for key, text in facts.items())
    return f"<dl>{''.join(items)}</dl>"
