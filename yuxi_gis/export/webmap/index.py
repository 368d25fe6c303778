"""The index of maps by town: where the towns are, and a link to the page of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from yuxi_gis.catalog import LayerSpec
from yuxi_gis.export.webmap.elements import VectorLayer
from yuxi_gis.export.webmap.page import OfflineMap, OfflinePage, Raw, check_offline, page_of
from yuxi_gis.export.webmap.texts import LANGUAGES, both, texts
from yuxi_gis.export.webmap.themes import Column, Theme
from yuxi_gis.regions import region_name
from yuxi_gis.units import M2_PER_MU, ellipsoidal_area

__all__ = ["TownPage", "write_index"]

_STYLE = """
#yuxi-side { width: min(46vw, 430px); }
#yuxi-towns { width: 100%; border-collapse: collapse; font-size: 13px; }
#yuxi-towns th { padding: 12px 14px 3px; text-align: left; font-size: 15px; }
#yuxi-towns th span { color: #5b6b63; font-size: 12px; font-weight: 400; }
#yuxi-towns td { padding: 2px 14px; border-bottom: 1px solid #e8ece9; }
#yuxi-towns td + td { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
#yuxi-towns a { color: #1d4a3a; }
@media (max-width: 700px) { #yuxi-side { width: auto; } }
"""


@dataclass(frozen=True)
class TownPage:
    """One page: whose it is, how large, and what is on it.

    Attributes
    ----------
    code : str
        Of the town.
    size : int
        Bytes.
    rows : tuple of ((str, str), int, float or None)
        For each layer its title, how many features, and their area in mu; None without areas.
    """

    code: str
    size: int
    rows: tuple[tuple[tuple[str, str], int, float | None], ...]

    @classmethod
    def of(
        cls,
        code: str,
        size: int,
        frames: Mapping[str, gpd.GeoDataFrame],
        catalog: Mapping[str, LayerSpec],
    ) -> TownPage:
        """From what was put on the page."""
        rows = []
        for name, frame in frames.items():
            spec = catalog.get(name)
            titles = (spec.title_zh, spec.title_en) if spec else (name, name)
            if name in ("findings", "patches", "changed_parcels"):
                titles = both(name)
            if len(frame):
                rows.append((titles, len(frame), None if name == "findings" else _mu(frame)))
        return cls(code, size, tuple(rows))

    @property
    def file(self) -> str:
        """The name of the page."""
        return f"{self.code}.html"

    @property
    def features(self) -> int:
        """How many features of all layers."""
        return sum(count for _, count, _ in self.rows)

    @staticmethod
    def name_of(code: str, lang: str) -> str:
        """What people call it."""
        return region_name(code) if code.isdigit() else texts(lang)["split_rest"]


def _mu(frame: gpd.GeoDataFrame) -> float | None:
    shapes = frame.geometry.to_numpy()
    placed = frame[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    if not len(placed) or shapely.get_dimensions(placed.geometry.to_numpy()).max() < 2:
        return None
    return float(np.nansum(ellipsoidal_area(placed.geometry))) / M2_PER_MU


def write_index(
    path: Path,
    pages: Sequence[TownPage],
    outlines: gpd.GeoDataFrame,
    lang: str,
    title: str | None = None,
) -> None:
    """Write the page that leads to the others.

    Parameters
    ----------
    path : Path
    pages : sequence of TownPage
        In the same folder.
    outlines : GeoDataFrame
        ``region`` and geometry: the towns' places, drawn where there are any.
    lang : {"zh", "en"}
    title : str, optional
    """
    words = texts(lang)
    heading = f"{title} · {words['split_title']}" if title else words["split_title"]
    codes = [page.code for page in pages]
    outlines = outlines[outlines["region"].isin(codes)]
    canvas = OfflineMap(
        title=heading,
        lang="zh-CN" if lang == "zh" else "en",
        attribution_control=False,
        max_zoom=22,
        zoom_snap=0.5,
    )
    if len(outlines):
        named = outlines.assign(name=outlines["region"].map(region_name))
        layer = VectorLayer(named, theme=_theme(LANGUAGES.index(lang)))
        layer.add_to(canvas)
        west, south, east, north = layer.encoded.bounds or (0, 0, 0, 0)
        canvas.fit_bounds([[south, west], [north, east]], padding=(20, 20))
    page = page_of(canvas)
    page.header.add_child(Raw(f"<style>{_STYLE}</style>"))
    page.html.add_child(Raw(_listing(heading, pages, lang)), name="heading")
    assert isinstance(page, OfflinePage)
    path.write_text(page.render(), encoding="utf-8", newline="\n")
    check_offline(path.read_text(encoding="utf-8"))


def _theme(index: int) -> Theme:
    columns = (
        Column("name", both("split_name"), search=True),
        Column("region", both("split_code")),
    )
    title = both("split_name")[index]
    return Theme("towns", title, "name", columns, None, lambda category: title)


def _listing(title: str, pages: Sequence[TownPage], lang: str) -> str:
    """The title bar and the table of links, all texts escaped."""
    words, index = texts(lang), LANGUAGES.index(lang)
    lines = []
    for page in pages:
        name = escape(TownPage.name_of(page.code, lang))
        lines.append(
            f'<tr><th colspan="3"><a href="{page.file}">{name}</a> '
            f"<span>{page.size / 1e6:.1f} MB</span></th></tr>"
        )
        for titles, count, mu in page.rows:
            area = "" if mu is None else f"{mu:,.1f} {escape(words['split_mu'])}"
            lines.append(
                f"<tr><td>{escape(titles[index])}</td><td>{count:,}</td><td>{area}</td></tr>"
            )
    return (
        f'<header id="yuxi-bar"><h1>{escape(title)}</h1></header>\n'
        f'<aside id="yuxi-side"><table id="yuxi-towns">{"".join(lines)}</table></aside>\n'
    )
