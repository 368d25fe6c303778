"""A folium page that loads nothing: assets inlined, outside addresses refused, a strict CSP."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import folium
from branca.element import Element, Figure
from folium.template import Template

from yuxi_gis.errors import OutputError
from yuxi_gis.export.webmap.notebook import inline_html

__all__ = [
    "OfflineMap",
    "OfflinePage",
    "Raw",
    "add_engine",
    "check_offline",
    "data_block",
    "page_of",
]

_STYLES = (
    "leaflet/leaflet.css",
    "popup.css",
    "standalone.css",
    "page.css",
    "legend.css",
    "search.css",
    "swipe.css",
    "changes.css",
    "summary.css",
    "measure.css",
    "print.css",
)
_SCRIPTS = (
    "leaflet/leaflet.js",
    "inflate/pako_inflate.js",
    "dom.js",
    "bytes.js",
    "features.js",
    "queue.js",
    "paint.js",
    "layers.js",
    "basemaps.js",
    "panel.js",
    "identify.js",
    "standalone.js",
    "legend.js",
    "search.js",
    "swipe.js",
    "changes.js",
    "summary.js",
    "table.js",
    "measure.js",
    "print.js",
    "language.js",
    "link.js",
    "about.js",
    "page.js",
)


class Raw(Element):
    """Text that goes into the page as it is.

    branca compiles the text of every other element as a Jinja template, so data that holds
    ``{{ … }}`` would be run. Data go into the page through this class only.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._name = "Raw"
        self.text = text

    def render(self, **kwargs: Any) -> str:
        return self.text


class OfflineMap(folium.Map):
    """A `folium.Map` with Leaflet from this package in place of ten files from four CDNs.

    jQuery, Bootstrap, Font Awesome and awesome-markers are left out: nothing here uses them. A
    folium plugin that links to a CDN makes `save` raise `OutputError`.

    Parameters
    ----------
    *args, **kwargs
        As `folium.Map`; there are no tiles by default.
    title : str
        Of the page.
    lang : str
        HTML language tag of the page.
    """

    default_js: list[tuple[str, str]] = []  # noqa: RUF012 (folium's own interface)
    default_css: list[tuple[str, str]] = []  # noqa: RUF012

    def __init__(
        self, *args: Any, title: str = "yuxi-gis", lang: str = "zh-CN", **kwargs: Any
    ) -> None:
        super().__init__(*args, **{"tiles": None, **kwargs})
        OfflinePage(title, lang).add_child(self)

    def render(self, **kwargs: Any) -> None:  # type: ignore[override] # as folium's own
        header = page_of(self).header
        header.add_child(Raw(f"<style>{_assets(_STYLES)}</style>"), name="yuxi_style")
        header.add_child(Raw(f"<script>{_assets(_SCRIPTS)}</script>"), name="yuxi_script")
        super().render(**kwargs)


class OfflinePage(Figure):
    """The HTML page around the map: language, title, Content-Security-Policy.

    Parameters
    ----------
    title : str
    lang : str
        HTML language tag; browsers choose the Chinese glyph forms by it.

    Attributes
    ----------
    hosts : list of str
        Origins, such as ``https://t0.tianditu.gov.cn``, from which pictures may be loaded and
        nothing else: those of the basemaps that the user asked for. None by default.
    """

    _template = Template(
        '<!DOCTYPE html>\n<html lang="{{ this.lang }}">\n<head>\n<meta charset="utf-8">\n'
        "<title>{{ this.title|e }}</title>\n{{ this.header.render(**kwargs) }}\n</head>\n"
        "<body>\n{{ this.html.render(**kwargs) }}\n"
        "<script>\n{{ this.script.render(**kwargs) }}\n</script>\n</body>\n</html>\n"
    )

    def __init__(self, title: str, lang: str) -> None:
        super().__init__(title=title)
        self.lang = lang
        self.hosts: list[str] = []

    def render(self, **kwargs: Any) -> str:
        """The page as HTML.

        Raises
        ------
        OutputError
            Something in it would load from elsewhere.
        """
        page = super().render(**kwargs).encode("utf-8", "replace").decode("utf-8")
        policy = _policy(check_offline(page), self.hosts)
        mark = '<meta charset="utf-8">\n'
        meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        return page.replace(mark, mark + meta, 1)

    def _repr_html_(self, **kwargs: Any) -> str:
        """The page in the output of a notebook's cell."""
        return inline_html(self.render(**kwargs), self.lang)


def add_engine(page: Figure) -> None:
    """Put what draws the layers into a page that has Leaflet already."""
    scripts = tuple(name for name in _SCRIPTS if not name.startswith("leaflet/"))
    styles = ("popup.css", "standalone.css")
    page.header.add_child(Raw(f"<style>{_assets(styles)}</style>"), name="yuxi_style")
    page.header.add_child(Raw(f"<script>{_assets(scripts)}</script>"), name="yuxi_script")


def page_of(element: Element) -> Figure:
    """The page that an element is in."""
    page: Any = element.get_root()
    return page


def data_block(name: str, json_text: str) -> Raw:
    """JSON as a data block of the page, read by ``yuxi.data(name)``.

    ``<`` is escaped so that no text can end the block; the line separators U+2028 and U+2029
    because older JavaScript took them for line ends.
    """
    safe = (
        json_text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )
    return Raw(f'<script type="application/json" id="{name}">{safe}</script>\n')


@cache
def _assets(names: tuple[str, ...]) -> str:
    """Files of ``assets/`` as one text, without links to their images and source maps."""
    folder = files(__package__) / "assets"
    text = "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
    text = re.sub(r"url\((images/|#default#)[^)]*\)", "none", text)
    return re.sub(r"//# sourceMappingURL=\S+", "", text).replace("\r\n", "\n")


class _Audit(HTMLParser):
    """Collects what a page runs, and what in it would load from elsewhere."""

    #: Attributes whose value is an address that a browser may follow or load.
    ADDRESSES = frozenset(
        (
            *("src", "srcset", "imagesrcset", "href", "xlink:href", "data", "poster"),
            *("action", "formaction", "background", "manifest", "ping", "codebase"),
        )
    )
    #: Addresses in the libraries' code: a namespace, and links that the page does not show.
    KNOWN = frozenset(
        {"http://www.w3.org/2000/svg", "https://leafletjs.com", "https://github.com/nodeca/pako"}
    )

    #: A link to another page in the same folder: a name that we made from a code.
    _SIBLING = re.compile(r"[0-9a-z_]+\.html")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.inside: str | None = None
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        for name, value in values.items():
            inside = value.strip().startswith(("data:image/", "#"))
            if tag == "a" and name == "href":
                inside = inside or self._SIBLING.fullmatch(value) is not None
            if name in self.ADDRESSES and not inside:
                self.outside.append(f"<{tag} {name}={value[:80]}>")
            if name == "style":
                self._check_style(value)
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self.outside.append(f"<meta refresh {values.get('content', '')[:80]}>")
        if tag == "style" or (tag == "script" and "json" not in values.get("type", "")):
            self.inside = tag
            (self.styles if tag == "style" else self.scripts).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = None
            if tag == "style":
                self._check_style(self.styles[-1])
            else:
                found = re.findall(r"(?:https?|wss?)://[^\s\"'`<>()\\,;]+", self.scripts[-1])
                self.outside += [address for address in found if address not in self.KNOWN]

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.styles[-1] += data
        elif self.inside == "script":
            self.scripts[-1] += data

    def _check_style(self, css: str) -> None:
        css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
        if "@import" in css:
            self.outside.append("@import")
        for address in re.findall(r"url\(\s*[\"']?([^\"')]*)", css):
            if not address.startswith(("data:image/", "#")):
                self.outside.append(f"url({address[:80]})")


def check_offline(page: str) -> _Audit:
    """Make sure that an HTML page loads nothing from outside itself.

    Data blocks run nothing and are not looked at: the page's policy bounds what a basemap in them
    can load.

    Parameters
    ----------
    page : str
        HTML.

    Returns
    -------
    _Audit
        The inline scripts and styles of the page.

    Raises
    ------
    OutputError
        A script, style sheet, picture, frame, form or script text has an outside address.
    """
    audit = _Audit()
    audit.feed(page)
    audit.close()
    if audit.outside:
        which = "; ".join(dict.fromkeys(audit.outside))
        raise OutputError(
            f"网页含有外部地址，断网时无法使用，因此没有写出：{which}。"
            "请去掉引用它的 folium 插件。",
            f"The page refers to outside addresses and would fail offline, so it was not written: "
            f"{which}. Remove the folium plugin that links to them.",
        )
    return audit


def _policy(audit: _Audit, hosts: Iterable[str]) -> str:
    """A Content-Security-Policy that runs just the scripts and styles that are in the page now.

    Pictures come from the page itself and from `hosts`. Data blocks may hold any address: this
    policy is what keeps them from being loaded.
    """
    for host in hosts:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", host):
            raise OutputError(
                f"{host[:80]}：不是网页可以引用的主机。",
                f"{host[:80]}: is no origin that a page can load from.",
            )

    def hashes(texts: list[str]) -> str:
        digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
        codes = dict.fromkeys(base64.b64encode(digest).decode("ascii") for digest in digests)
        return " ".join(f"'sha256-{code}'" for code in codes) or "'none'"

    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashes(audit.scripts)}",
            f"style-src {hashes(audit.styles)}",
            " ".join(("img-src data: blob:", *hosts)),
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
