"""Totals as one HTML page that works without internet: the tables, and maps shaded by them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from yuxi_gis.codes import Masking
from yuxi_gis.export.provenance import Provenance
from yuxi_gis.export.summary import grades, land_of, region_totals
from yuxi_gis.export.summary_book import table_title, unit_line
from yuxi_gis.export.webmap.elements import PageControls, VectorLayer
from yuxi_gis.export.webmap.features import drawable, encode_layer
from yuxi_gis.export.webmap.heading import Source, heading
from yuxi_gis.export.webmap.page import OfflineMap, OfflinePage, Raw, check_offline
from yuxi_gis.export.webmap.texts import all_texts, texts
from yuxi_gis.export.webmap.themes import Column, Theme
from yuxi_gis.export.webmap.values import SHARE, Number, Text, Words
from yuxi_gis.outputs import staged
from yuxi_gis.summary import UNKNOWN, OfficeColumn, OfficeTable, Summary, office_table
from yuxi_gis.symbology import Category, load_style

__all__ = ["write_page"]

#: The tables lie under the map; printed, they come whole.
_CSS = """
#yuxi-totals { grid-area: totals; max-height: 45vh; overflow: auto; padding: 0 12px 12px;
  border-top: 2px solid #1d4a3a; background: #fff; }
#yuxi-totals h2 { margin: 12px 0 2px; font-size: 16px; text-align: center; }
#yuxi-totals p { margin: 2px 0; }
#yuxi-totals .units { text-align: right; }
#yuxi-totals table { margin: 0 auto; border-collapse: collapse; font-size: 13px; }
#yuxi-totals th, #yuxi-totals td { padding: 2px 8px; border: 1px solid #9aa8a0;
  white-space: nowrap; }
#yuxi-totals th { background: #dde8d8; }
#yuxi-totals td.n { text-align: right; font-variant-numeric: tabular-nums; }
#yuxi-totals tr.subtotal td { background: #eef3ea; font-weight: 600; }
#yuxi-totals tr.total td { background: #dde8d8; font-weight: 600; }
#yuxi-totals .wide { overflow-x: auto; }
@media print {
  html, body { height: auto; overflow: visible; display: block; }
  .folium-map { height: 100mm !important; }
  #yuxi-totals { max-height: none; overflow: visible; }
  #yuxi-totals .wide { overflow: visible; }
}
"""
_YUXI = [[23.315, 101.277], [24.952, 103.152]]
_LAND = {
    "official_mu": ("记载面积（亩）", "Recorded area (mu)"),
    "area_mu": ("图形面积（亩）", "Measured area (mu)"),
    "count": ("数量", "Count"),
}


def write_page(
    path: str | os.PathLike[str],
    summary: Summary,
    outlines: gpd.GeoDataFrame,
    *,
    lang: str = "zh",
    inputs: Iterable[object] = (),
    overwrite: bool = False,
) -> None:
    """Write the totals as one HTML file that loads nothing.

    Each layer is a map of the regions, in up to five shades with about as many regions each, by
    its recorded area, else the measured one, else the count; the legend switches between them.
    Under the map stand the tables that `summary_book.write_workbook` writes.

    Parameters
    ----------
    path : path-like
    summary : Summary
    outlines : GeoDataFrame
        From `yuxi_gis.summary.region_outlines`.
    lang : {"zh", "en"}
    inputs : iterable of path-like
    overwrite : bool

    Raises
    ------
    CRSError
        Nothing but a ballpark leads from the datum of `outlines` to WGS 84.
    OutputError
        `path` exists and `overwrite` is false, or it cannot be written.
    """
    k = 0 if lang == "zh" else 1
    words = texts(lang)
    title = ("玉溪市农村土地汇总", "Rural land of Yuxi: totals")
    page = OfflinePage(title[k], "zh-CN" if k == 0 else "en")
    drawn = drawable(outlines)
    bounds = _bounds(drawn)
    (south, west), (north, east) = bounds
    canvas = OfflineMap(
        location=[(south + north) / 2, (west + east) / 2], zoom_start=12, max_zoom=22, tiles=None,
        control_scale=False, zoom_control=False, prefer_canvas=True, attribution_control=False,
        zoom_snap=0.5, fade_animation=False,
    )  # fmt: skip
    page.add_child(canvas)
    sources = []
    for i, layer in enumerate(reversed(list(summary.layers))):
        frame, theme = _shaded(summary, layer, drawn, show=i == len(summary.layers) - 1)
        VectorLayer(encode_layer(frame, theme)).add_to(canvas)
        sources.append(Source(theme.title, f"{len(frame):,}", "", "EPSG:4326"))
    settings = {"texts": all_texts(), "lang": lang, "scenes": [], "bounds": bounds}
    PageControls(settings).add_to(canvas)
    provenance = Provenance.of(inputs, Masking())
    page.header.add_child(Raw(f"<style>{_CSS}</style>"))
    names = provenance.inputs
    files = ("来源：" + "、".join(names), "From " + ", ".join(names))
    page.html.add_child(heading(title, sources[::-1], words, files), name="heading")
    page.html.add_child(Raw(_tables(summary, lang)), name="totals")
    with staged(path, overwrite=overwrite) as part:
        html = page.render()
        check_offline(html)
        Path(part).write_text(html, encoding="utf-8", newline="\n")


def _bounds(frame: gpd.GeoDataFrame) -> list[list[float]]:
    if frame.empty:
        return _YUXI
    west, south, east, north = frame.total_bounds.tolist()
    return [[south, west], [north, east]]


def _shaded(
    summary: Summary, layer: str, outlines: gpd.GeoDataFrame, *, show: bool
) -> tuple[gpd.GeoDataFrame, Theme]:
    """The regions with the numbers of one layer, and how they are shown."""
    about = summary.layers[layer]
    land = land_of(about)
    sums = region_totals(summary, layer).reindex(outlines["region"])
    grade, ranges = grades(sums[land])
    names = [summary.names.get(code, UNKNOWN) for code in outlines["region"]]
    numbers = {str(name): values.to_numpy() for name, values in sums.items()}
    frame = outlines.assign(**numbers, region_name=names, grade=pd.Series(grade, dtype="str").array)
    decimals = 0 if land == "count" else 2
    shown: list[Column] = [
        Column("region_name", ("名称", "Name"), Text(lambda name: name), search=True),
        Column("count", ("数量", "Count"), Number(0)),
    ]
    for column in ("official_mu", "area_mu"):
        if sums[column].notna().any():
            shown.append(Column(column, _LAND[column], Number(2)))
    if about.protected:
        shown.append(
            Column("protected_share", ("永久基本农田占比", "In protected cropland"), SHARE)
        )

    def label(category: Category) -> Words:
        if not category.value or int(category.value) > len(ranges):
            return "没有", "none"
        low, high = ranges[int(category.value) - 1]
        ends = dict.fromkeys(f"{value:,.{decimals}f}" for value in (low, high))
        return " – ".join(ends)

    zh, en = (f"{name} · {of}" for name, of in zip(about.titles, _LAND[land], strict=True))
    style = load_style("summary")
    return frame, Theme(
        layer, (zh, en), "region", tuple(shown), style, label, visible=show, measured=False
    )


def _tables(summary: Summary, lang: str) -> str:
    k = 0 if lang == "zh" else 1
    parts = [
        f"<h2>{escape(table_title(summary, layer, lang))}</h2>"
        f'<p class="units">{escape(unit_line(lang))}</p>'
        f'<div class="wide">{_table(office_table(summary, layer, lang))}</div>'
        for layer in summary.layers
    ]
    notes = "".join(f"<p>{escape(note[k])}</p>" for note in summary.notes)
    return f'<section id="yuxi-totals">{"".join(parts)}{notes}</section>'


def _table(table: OfficeTable) -> str:
    groups: list[tuple[str, int]] = []
    for column in table.columns:
        if groups and groups[-1][0] == column.group:
            groups[-1] = (column.group, groups[-1][1] + 1)
        else:
            groups.append((column.group, 1))
    upper = "".join(f'<th colspan="{n}">{escape(group)}</th>' for group, n in groups)
    lower = "".join(f"<th>{escape(column.title)}</th>" for column in table.columns)
    rows = "".join(
        f'<tr class="{kind}">' + "".join(map(_cell, table.columns, values)) + "</tr>"
        for kind, values in zip(table.kinds, table.data.itertuples(index=False), strict=True)
    )
    return f"<table><thead><tr>{upper}</tr><tr>{lower}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(column: OfficeColumn, value: Any) -> str:
    if column.decimals is None:
        return f"<td>{escape(str(value))}</td>"
    return f'<td class="n">{"" if pd.isna(value) else f"{value:,.{column.decimals}f}"}</td>'
