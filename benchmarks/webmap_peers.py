"""The peers of `webmap.py`: parcels as a page of plain folium and as one of geojson-vt.

Plain folium loads ten files from four CDNs and is blank without them. Here Leaflet, jQuery and
Bootstrap are written into the page; icons and their styles are left out, since no polygon needs
them. The geojson-vt page is what its manual shows: one index in the browser, a canvas a tile, a
path a parcel; its GeoJSON, rounded to 1e-6 degree, is gzipped into the page. No file of a peer is
part of this project.
"""

from __future__ import annotations

import base64
import gzip
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import folium
import geopandas as gpd
import shapely

__all__ = ["PACKAGES", "PEERS", "install"]

PACKAGES = ("leaflet@1.9.3", "jquery@3.7.1", "bootstrap@5.2.2", "geojson-vt@4.0.2")
#: Files of the packages by the end of the address that folium asks for.
_FILES = {
    "leaflet.js": "leaflet/dist/leaflet.js",
    "leaflet.css": "leaflet/dist/leaflet.css",
    "jquery-3.7.1.min.js": "jquery/dist/jquery.min.js",
    "bootstrap.bundle.min.js": "bootstrap/dist/js/bootstrap.bundle.min.js",
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
}
#: One symbol for all parcels, close to that of ours.
_STYLE = {"fillColor": "#e3edb0", "fillOpacity": 1, "color": "#7d8f45", "weight": 0.5}
_LINK = re.compile(r'<script src="https?://[^"]*/([^"/]+)"></script>')
_SHEET = re.compile(r'<link rel="stylesheet" href="https?://[^"]*/([^"/]+)"\s*/?>')

_TILES = """<!DOCTYPE html><html><head><meta charset="utf-8"><style>{css}
html, body, #map {{ height: 100%; margin: 0 }}</style></head><body><div id="map"></div>
<script id="data" type="text/plain">{data}</script>
<script>{leaflet}</script><script>{geojson_vt}</script>
<script>
const bounds = {bounds};
const map_peer = L.map("map").fitBounds(bounds);
window.map_peer = map_peer;
const bytes = Uint8Array.from(atob(document.getElementById("data").textContent),
                              c => c.charCodeAt(0));
const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
const Tiles = L.GridLayer.extend({{
  createTile: function (coords) {{
    const tile = document.createElement("canvas");
    tile.width = tile.height = 256;
    const found = this.index.getTile(coords.z, coords.x, coords.y);
    if (!found) return tile;
    const context = tile.getContext("2d");
    context.fillStyle = "{fillColor}";
    context.strokeStyle = "{color}";
    context.lineWidth = {weight};
    for (const feature of found.features) {{
      context.beginPath();
      for (const ring of feature.geometry)
        ring.forEach((p, i) => context[i ? "lineTo" : "moveTo"](p[0] / 16, p[1] / 16));
      context.fill();
      context.stroke();
    }}
    return tile;
  }},
}});
new Response(stream).json().then(data => {{
  const tiles = new Tiles();
  tiles.index = geojsonvt(data, {{ maxZoom: 18 }});
  tiles.addTo(map_peer);
}});
</script></body></html>
"""


def install(folder: Path) -> Path:
    """Have npm put the peers' packages below `folder`, and return their folder."""
    command = ["npm", "install", "--prefix", str(folder), "--no-save", "--ignore-scripts"]
    subprocess.run(
        [*command, "--no-audit", "--no-fund", *PACKAGES], check=True, stdout=subprocess.DEVNULL
    )
    return folder / "node_modules"


def _bounds(degrees: gpd.GeoDataFrame) -> list[list[float]]:
    west, south, east, north = degrees.total_bounds.tolist()
    return [[south, west], [north, east]]


def plain_folium(path: Path, frame: gpd.GeoDataFrame, packages: Path) -> None:
    """Write `folium.GeoJson` with a popup, on one canvas."""
    degrees = frame.to_crs(4326)
    names = [name for name in frame.columns if name != frame.geometry.name]
    result = folium.Map(tiles=None, prefer_canvas=True)
    popup = folium.GeoJsonPopup(fields=names)
    folium.GeoJson(degrees, style_function=lambda feature: _STYLE, popup=popup).add_to(result)
    result.fit_bounds(_bounds(degrees))

    def inline(tag: str) -> Callable[[re.Match[str]], str]:
        def text(match: re.Match[str]) -> str:
            file = _FILES.get(match[1])
            return f"<{tag}>{(packages / file).read_text()}</{tag}>" if file else ""

        return text

    html = result.get_root().render()
    # Addresses stand before the parcels: there is no need to search hundreds of megabytes.
    head, end, body = html.partition("</head>")
    head = _SHEET.sub(inline("style"), _LINK.sub(inline("script"), head))
    path.write_text(head + end + body, encoding="utf-8")


def geojson_vt(path: Path, frame: gpd.GeoDataFrame, packages: Path) -> None:
    """Write GeoJSON, gzipped, cut into tiles by geojson-vt in the browser."""
    degrees = frame.to_crs(4326)
    degrees.geometry = shapely.transform(degrees.geometry, lambda xy: xy.round(6))
    text = degrees.to_json(drop_id=True, separators=(",", ":"), ensure_ascii=False)
    page = _TILES.format(
        css=(packages / "leaflet/dist/leaflet.css").read_text(),
        leaflet=(packages / "leaflet/dist/leaflet.js").read_text(),
        geojson_vt=(packages / "geojson-vt/geojson-vt.js").read_text(),
        data=base64.b64encode(gzip.compress(text.encode())).decode(),
        bounds=_bounds(degrees),
        **_STYLE,
    )
    path.write_text(page, encoding="utf-8")


#: Each writes a page: path, parcels, folder of the packages.
PEERS: Mapping[str, Callable[[Path, gpd.GeoDataFrame, Path], None]] = {
    "folium": plain_folium,
    "geojson-vt": geojson_vt,
}
