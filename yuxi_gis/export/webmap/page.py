"""A folium page that loads nothing: assets inlined, outside addresses refused, a strict CSP."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import folium
from branca.element import Element, Figure
from folium.template import Template

from yuxi_gis.errors import OutputError

__all__ = ["OfflineMap", "OfflinePage", "Raw", "check_offline", "data_block", "page_of"]

_STYLES = ("leaflet/leaflet.css", "page.css")
_SCRIPTS = (
    "leaflet/leaflet.js",
    "dom.js",
    "layers.js",
    "identify.js",
    "legend.js",
    "search.js",
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
    """

    default_js: list[tuple[str, str]] = []  # noqa: RUF012 (folium's own interface)
    default_css: list[tuple[str, str]] = []  # noqa: RUF012

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

    def render(self, **kwargs: Any) -> str:
        """The page as HTML.

        Raises
        ------
        OutputError
            Something in it would load from elsewhere.
        """
        page = super().render(**kwargs).encode("utf-8", "replace").decode("utf-8")
        policy = _policy(check_offline(page))
        mark = '<meta charset="utf-8">\n'
        meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        return page.replace(mark, mark + meta, 1)


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
    #: Addresses in Leaflet's code: a namespace, and a link that the page does not show.
    KNOWN = frozenset({"http://www.w3.org/2000/svg", "https://leafletjs.com"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.inside: str | None = None
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        for name, value in values.items():
            if name in self.ADDRESSES and not value.strip().startswith(("data:image/", "#")):
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


def _policy(audit: _Audit) -> str:
    """A Content-Security-Policy that runs just the scripts and styles that are in the page now."""

    def hashes(texts: list[str]) -> str:
        digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
        codes = dict.fromkeys(base64.b64encode(digest).decode("ascii") for digest in digests)
        return " ".join(f"'sha256-{code}'" for code in codes) or "'none'"

    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashes(audit.scripts)}",
            f"style-src {hashes(audit.styles)}",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
