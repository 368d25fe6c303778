"""Pictures of the country below the layers: none by default, one when the user asks for it.

Tianditu with the user's own key, an address of the intranet, a cut-out inlined in the page, or
Gaode. Gaode's tiles are in GCJ-02; ``assets/basemaps.js`` moves them to where they belong. The
data are never moved.
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from folium.map import Layer
from folium.template import Template

from yuxi_gis.errors import ParameterError
from yuxi_gis.export.webmap.packing import json_text
from yuxi_gis.export.webmap.page import OfflinePage, data_block, page_of
from yuxi_gis.export.webmap.tiles import SIZE_LIMIT, SUFFIXES, Bounds, CutOut, read_tiles

__all__ = ["KEY_VARIABLE", "Basemap", "BasemapLayer", "Hidden", "basemap"]

#: The environment variable with the user's Tianditu key.
KEY_VARIABLE = "YUXI_TIANDITU_KEY"

#: The same text in Chinese and in English.
Words = tuple[str, str]


class Hidden:
    """Addresses that may carry a key: neither `repr` nor JSON shows them."""

    __slots__ = ("_addresses",)

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    def reveal(self) -> tuple[str, ...]:
        """The addresses; only the page may get them."""
        return self._addresses

    def __repr__(self) -> str:
        return "Hidden(…)"


@dataclass(frozen=True)
class Basemap:
    """What the page draws below everything else.

    Attributes
    ----------
    id : str
    title : tuple of str
        Chinese, English; as all texts here.
    kind : {"address", "tiles"}
    url : Hidden
        Templates with ``{z}``, ``{x}``, ``{y}`` or ``{-y}``, ``{s}``; the lowest layer first.
    tiles : CutOut or None
        Tiles that go into the page.
    subdomains : str
        What ``{s}`` stands for, a character each.
    hosts : tuple of str
        Origins that the page loads from, for its policy.
    gcj02 : bool
        The tiles are in GCJ-02 and are moved; the data are not.
    min_zoom, max_native_zoom : int
        Levels that there are; deeper views enlarge the deepest.
    attribution : tuple of str
    notice : tuple of str or None
        What the page must say of this basemap.
    """

    id: str
    title: Words
    kind: str
    url: Hidden = field(default_factory=Hidden)
    tiles: CutOut | None = field(default=None, repr=False)
    subdomains: str = "abc"
    hosts: tuple[str, ...] = ()
    gcj02: bool = False
    min_zoom: int = 0
    max_native_zoom: int = 18
    attribution: Words = ("", "")
    notice: Words | None = None

    def json(self) -> str:
        """What ``yuxi.basemap`` reads. It holds the key: for the page only."""
        tiles = self.tiles
        return json_text(
            {
                "id": self.id,
                "title": self.title,
                "urls": self.url.reveal(),
                "subdomains": self.subdomains,
                "gcj02": self.gcj02,
                "minZoom": self.min_zoom,
                "maxNativeZoom": self.max_native_zoom,
                "attribution": self.attribution,
                "notice": self.notice,
                "failed": _FAILED,
                "choice": _CHOICE,
                "levels": tiles.levels if tiles else [],
                "index": tiles.index if tiles else {},
                "pictures": tiles.pictures if tiles else [],
            }
        )


class BasemapLayer(Layer):
    """A `Basemap` as a folium layer; the page's own legend has the choice between several.

    Parameters
    ----------
    basemap : Basemap
    show : bool
        Shown when the page opens; of several, one should be.
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = yuxi.basemap(yuxi.data("{{ this.get_name() }}_data"));
        {% endmacro %}
        """
    )

    def __init__(self, basemap: Basemap, *, show: bool = False) -> None:
        super().__init__(name=basemap.title[0], overlay=False, control=False, show=show)
        self._name = "BasemapLayer"
        self.basemap = basemap

    def render(self, **kwargs: Any) -> None:  # type: ignore[override] # as folium's own
        page, block = page_of(self), f"{self.get_name()}_data"
        page.html.add_child(data_block(block, self.basemap.json()), name=block)
        if isinstance(page, OfflinePage):
            page.hosts += [host for host in self.basemap.hosts if host not in page.hosts]
        super().render(**kwargs)


def basemap(word: str, *, bounds: Bounds, size_limit: int = SIZE_LIMIT) -> Basemap:
    """The basemap that a word of the command line asks for.

    Parameters
    ----------
    word : str
        ``tianditu`` (imagery with labels), ``tianditu-vec`` (map), ``gaode``; an address template
        with ``{z}``, ``{x}`` and ``{y}`` (``{-y}``: rows from the south); a WMTS address with
        ``LAYER=`` and ``TILEMATRIXSET=``, or with ``{TileMatrix}``, ``{TileRow}``, ``{TileCol}``;
        ``#8-16`` after an address says which levels there are; or an ``.mbtiles`` or ``.pmtiles``
        file.
    bounds : Bounds
        Of the map: which tiles of a cut-out are taken.
    size_limit : int
        Bytes that a cut-out may add to the page.

    Raises
    ------
    ParameterError
        The word is none of these, the key is missing or malformed, the address is not in Web
        Mercator, or the cut-out does not fit.
    SourceError
        The cut-out is missing, damaged, unsuitable or elsewhere.
    """
    name = word.strip()
    if name.lower() in _TIANDITU:
        return _tianditu(name.lower())
    if name.lower() == "gaode":
        return _GAODE
    if re.match(r"https?://", name, re.IGNORECASE):
        return _address(name)
    if name.lower().endswith(SUFFIXES):
        return _cut_out(Path(name), bounds, size_limit)
    shown = _redacted(name.partition("?")[0])
    raise ParameterError(
        f"--basemap {shown}：不认识的底图。可用 tianditu、tianditu-vec、gaode、"
        "含 {z}/{x}/{y} 的 http(s) 地址、WMTS 地址，或 .mbtiles/.pmtiles 文件。",
        f"--basemap {shown}: is no known basemap. Use tianditu, tianditu-vec, gaode, an http(s) "
        "address with {z}/{x}/{y}, a WMTS address, or an .mbtiles/.pmtiles file.",
    )


#: What is chosen, and the choice of none.
_CHOICE: tuple[Words, Words] = (("底图", "Basemap"), ("不显示", "None"))
_FAILED: Words = (
    "底图未能载入（需要网络）",
    "The basemap could not be loaded (it needs network)",
)

# Tianditu and Gaode ------------------------------------------------------------------------------

_TIANDITU: dict[str, tuple[Words, tuple[str, str]]] = {
    "tianditu": (("天地图影像", "Tianditu imagery"), ("img", "cia")),
    "tianditu-vec": (("天地图电子地图", "Tianditu map"), ("vec", "cva")),
}
_KEY_NOTICE: Words = (
    "本文件带有个人的天地图密钥，请勿转发；底图需要网络。",
    "This file carries a personal Tianditu key: do not pass it on. The basemap needs network.",
)


def _tianditu(name: str) -> Basemap:
    title, layers = _TIANDITU[name]
    key = _key()
    templates = (
        f"https://t{{s}}.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
        f"&LAYER={layer}&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles"
        f"&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={key}"
        for layer in layers
    )
    return Basemap(
        name,
        title,
        "address",
        Hidden(*templates),
        subdomains="01234567",
        hosts=tuple(f"https://t{i}.tianditu.gov.cn" for i in range(8)),
        min_zoom=1,
        attribution=("天地图", "Tianditu"),
        notice=_KEY_NOTICE,
    )


def _key() -> str:
    """The user's Tianditu key; no message ever holds it."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if re.fullmatch(r"[0-9a-fA-F]{32}", key):
        return key
    zh = f"不是 32 位十六进制字符（现有 {len(key)} 个字符）" if key else "没有设置"
    en = f"is not 32 hexadecimal characters (it has {len(key)})" if key else "is not set"
    raise ParameterError(
        f"天地图密钥：环境变量 {KEY_VARIABLE} {zh}。请在 console.tianditu.gov.cn 申请“浏览器端”"
        f"密钥，再设置：Windows 命令行 set {KEY_VARIABLE}=密钥；Linux export {KEY_VARIABLE}=密钥。",
        f"Tianditu key: the environment variable {KEY_VARIABLE} {en}. Get a key for browsers at "
        f"console.tianditu.gov.cn, then set it: set {KEY_VARIABLE}=KEY (Windows) or export "
        f"{KEY_VARIABLE}=KEY (Linux).",
    )


_SHIFTED_NOTICE: Words = (
    "底图瓦片已由 GCJ-02 移回原位，数据未移动；底图需要网络。",
    "The basemap's tiles are moved back from GCJ-02; the data are not moved. It needs network.",
)
_GAODE = Basemap(
    "gaode",
    ("高德地图", "Gaode map"),
    "address",
    Hidden(
        "https://webrd0{s}.is.autonavi.com/appmaptile"
        "?lang=zh_cn&size=1&scale=1&style=8&x={x}&y={y}&z={z}"
    ),
    subdomains="1234",
    hosts=tuple(f"https://webrd0{i}.is.autonavi.com" for i in range(1, 5)),
    gcj02=True,
    min_zoom=3,
    attribution=("高德地图", "Gaode (AutoNavi)"),
    notice=_SHIFTED_NOTICE,
)

# Addresses ---------------------------------------------------------------------------------------

#: Services whose tiles are in GCJ-02, whatever layer is asked for.
_SHIFTED = ("autonavi.com", "amap.com", "gtimg.com", "google.cn", "googlecnapps.cn", "geoq.cn")
#: Services whose tiles are in BD-09 and on a grid of their own.
_ELSEWHERE = ("baidu.com", "bdimg.com", "bdstatic.com")
#: Names of the matrix set that is Web Mercator with the usual levels.
_WEB_MERCATOR = re.compile(
    r"w|webmercatorquad|googlemapscompatible(_level\d+)?|(urn:ogc:def:crs:)?epsg:+(3857|900913)",
    re.IGNORECASE,
)
_SECRET = re.compile(r"tk|ak|sk|.*(key|token|secret|auth|sign|password).*", re.IGNORECASE)
_BRACES = {"tilematrix": "{z}", "tilerow": "{y}", "tilecol": "{x}"}
_KNOWN = {"z", "x", "y", "-y", "s"}


def _address(word: str) -> Basemap:
    template, _, levels = word.partition("#")
    template = re.sub("%7B", "{", re.sub("%7D", "}", template, flags=re.I), flags=re.I)
    template = re.sub(r"\{(\w+)\}", lambda m: _BRACES.get(m[1].lower(), m[0]), template)
    shown = _shown(template)
    parts = _split(template, shown)
    query = {name.upper(): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    if "LAYER" in query and "{z}" not in template:
        template = _wmts(parts, query, shown)
    _check_template(template, query, shown)
    low, high = _levels(levels, shown)
    host = str(parts.hostname)
    name = f"{host.replace('{s}', '')} {query.get('LAYER', '')[:40]}".rstrip()
    gcj02 = _belongs(host, _SHIFTED)
    return Basemap(
        f"address:{zlib.crc32(template.encode()):08x}",
        (f"底图 {name}", f"Basemap {name}"),
        "address",
        Hidden(template),
        hosts=tuple(dict.fromkeys(shown.replace("{s}", letter) for letter in "abc")),
        gcj02=gcj02,
        min_zoom=low,
        max_native_zoom=high,
        attribution=(host, host),
        notice=_notice(query, gcj02=gcj02),
    )


def _shown(template: str) -> str:
    """The origin in lower case: what messages may show, without password, path and query."""
    found = re.match(r"(https?://)(?:[^/?#]*@)?([^/?#]*)", template, re.IGNORECASE)
    return "".join(found.groups()).lower() if found else "http"


def _redacted(text: str) -> str:
    """Text of the user for a message: a key in the wrong place is not repeated."""
    return re.sub(r"\w{20,}", "…", text)[:60]


def _split(template: str, shown: str) -> SplitResult:
    try:
        parts = urlsplit(template)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        port, host = None, ""
    name = host.replace("{s}", "s")
    shown = _redacted(shown)
    good = re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name) and port != 0
    if not good or "@" in parts.netloc or re.search(r"[\s\x00-\x1f\"'<>\\]", template):
        raise ParameterError(
            f"--basemap {shown}：地址有误。主机名只能用字母、数字、点和连字符，地址中不能有空格、"
            "引号、用户名或口令。",
            f"--basemap {shown}: is no good address. Host names have letters, digits, dots and "
            "hyphens only; no spaces, quotes, user name or password.",
        )
    if _belongs(host, _ELSEWHERE):
        raise ParameterError(
            f"--basemap {shown}：百度瓦片用 BD-09 坐标和自己的网格，不能叠加。请换用天地图。",
            f"--basemap {shown}: Baidu's tiles are in BD-09 on a grid of their own and cannot lie "
            "under these layers. Use Tianditu.",
        )
    return parts


def _belongs(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _wmts(parts: SplitResult, query: dict[str, str], shown: str) -> str:
    """The GetTile template of a WMTS address that names the layer."""
    if "TILEMATRIXSET" not in query:
        raise ParameterError(
            f"--basemap {shown}：WMTS 地址缺少 TILEMATRIXSET=（如 EPSG:3857、w）。",
            f"--basemap {shown}: the WMTS address has no TILEMATRIXSET= (EPSG:3857, w, …).",
        )
    matrix_set = query["TILEMATRIXSET"]
    # GeoServer puts the set's name before the level.
    prefix = f"{matrix_set}:" if re.search(r"geoserver|gwc", parts.path, re.I) else ""
    asked = {"STYLE": "", "FORMAT": "image/png", **query}
    asked |= {"SERVICE": "WMTS", "REQUEST": "GetTile", "VERSION": "1.0.0"}
    asked |= {"TILEMATRIX": prefix + "{z}", "TILEROW": "{y}", "TILECOL": "{x}"}
    names = {name.upper(): name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    text = urlencode({names.get(name, name): value for name, value in asked.items()}, safe="{}/:")
    return parts._replace(query=text).geturl()


def _check_template(template: str, query: dict[str, str], shown: str) -> None:
    braces = re.findall(r"\{([^{}]*)\}", template)
    rows = {"y", "-y"} & set(braces)
    whole = {"z", "x"} <= set(braces) <= _KNOWN and len(rows) == 1
    if not whole or re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", template)):
        raise ParameterError(
            f"--basemap {shown}：地址须含 {{z}}、{{x}} 和 {{y}}（或 {{-y}}），不能有其他花括号；"
            "WMTS 地址须有 LAYER= 和 TILEMATRIXSET=。",
            f"--basemap {shown}: the address needs {{z}}, {{x}} and {{y}} (or {{-y}}) and no other "
            "braces; a WMTS address LAYER= and TILEMATRIXSET=.",
        )
    matrix_set = query.get("TILEMATRIXSET", "w")
    if not _WEB_MERCATOR.fullmatch(matrix_set):
        raise ParameterError(
            f"--basemap {shown}：瓦片矩阵集 {_redacted(matrix_set)} 不是 Web 墨卡托。"
            "请用 EPSG:3857、GoogleMapsCompatible 或天地图的 w。",
            f"--basemap {shown}: the tile matrix set {_redacted(matrix_set)} is not Web Mercator. "
            "Use EPSG:3857, GoogleMapsCompatible or Tianditu's w.",
        )


def _levels(text: str, shown: str) -> tuple[int, int]:
    """The levels after ``#``; without, 0 to 18."""
    found = re.fullmatch(r"(\d{1,2})-(\d{1,2})", text or "0-18")
    low, high = (int(found[1]), int(found[2])) if found else (1, 0)
    if low <= high <= 24:
        return low, high
    raise ParameterError(
        f"--basemap {shown}：# 后应为级别范围，如 #8-16。",
        f"--basemap {shown}: after # comes a range of levels, as in #8-16.",
    )


def _notice(query: dict[str, str], *, gcj02: bool) -> Words:
    if any(_SECRET.fullmatch(name) and value for name, value in query.items()):
        zh, en = (
            "本文件带有底图服务的密钥，请勿转发；底图需要网络。",
            "This file carries a key of the basemap's service: do not pass it on. "
            "The basemap needs network.",
        )
    else:
        zh, en = "底图需要能访问它的网络。", "The basemap needs a network that reaches it."
    if gcj02:
        zh, en = zh + _SHIFTED_NOTICE[0], f"{en} {_SHIFTED_NOTICE[1]}"
    return zh, en


# Cut-outs ----------------------------------------------------------------------------------------


def _cut_out(path: Path, bounds: Bounds, size_limit: int) -> Basemap:
    tiles = read_tiles(path, bounds, size_limit=size_limit)
    name, left = path.name, tiles.left_out
    notice = None
    if left:
        deepest, limit = tiles.levels[-1], f"{size_limit / 1e6:g} MB"
        levels = f"{left[0]}–{left[-1]}" if len(left) > 1 else f"{left[0]}"
        notice = (
            f"底图 {name} 只取到 {deepest} 级；更细的 {levels} 级超过 {limit} 的限额，未放入本页。",
            f"Of the basemap {name} levels up to {deepest} are in this page; {levels} would exceed "
            f"the limit of {limit}.",
        )
    return Basemap(
        f"tiles:{path.stem}",
        (f"底图 {path.stem}", f"Basemap {path.stem}"),
        "tiles",
        tiles=tiles,
        min_zoom=tiles.levels[0],
        max_native_zoom=tiles.levels[-1],
        attribution=(tiles.attribution, tiles.attribution),
        notice=notice,
    )
