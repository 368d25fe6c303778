"""What the user is told before a page is written: its size, and what its basemaps need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files

from branca.element import Element, Figure
from folium.raster_layers import ImageOverlay

from yuxi_gis.errors import OutputError
from yuxi_gis.export.webmap.basemaps import BasemapLayer
from yuxi_gis.export.webmap.elements import PageControls, VectorLayer
from yuxi_gis.export.webmap.packing import json_text
from yuxi_gis.export.webmap.page import Raw

__all__ = ["NOTE_ABOVE", "REFUSE_ABOVE", "Note", "announce", "estimate_bytes"]

#: Bytes above which the size of a page is told before it is written.
NOTE_ABOVE = 30_000_000
#: Bytes above which a page is not written: a browser takes several times as much memory.
REFUSE_ABOVE = 200_000_000

#: Takes a line for the user, in Chinese and English.
Note = Callable[[str, str], None]


def estimate_bytes(page: Element) -> int:
    """How many bytes a page will have, from its parts; it is not rendered.

    Parameters
    ----------
    page : branca.element.Element
        The page or the map on it.
    """
    return _assets() + sum(map(_own, _within(page.get_root())))


def _assets() -> int:
    folder = files(__package__) / "assets"
    parts = [*folder.iterdir(), *(folder / "leaflet").iterdir(), *(folder / "inflate").iterdir()]
    return sum(len(part.read_bytes()) for part in parts if part.name.endswith((".js", ".css")))


def _within(element: Element) -> Iterator[Element]:
    """An element and all within it."""
    yield element
    inner = [element.html] if isinstance(element, Figure) else []
    for child in (*element._children.values(), *inner):
        yield from _within(child)


def _own(element: Element) -> int:
    """The bytes that an element brings by itself."""
    if isinstance(element, VectorLayer):
        return len(element.encoded.data) + _bytes(json_text(element.encoded.head))
    if isinstance(element, PageControls):
        return _bytes(json_text(element.settings))
    if isinstance(element, BasemapLayer):
        return _bytes(element.basemap.json())
    if isinstance(element, ImageOverlay):
        return len(element.url)
    return _bytes(element.text) if isinstance(element, Raw) else 0


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def announce(page: Element, note: Note | None, limit: int = NOTE_ABOVE) -> None:
    """Tell what its basemaps need, and the size of a page above `limit` and what to do.

    Raises
    ------
    OutputError
        The page would be larger than `REFUSE_ABOVE` and `limit`.
    """
    if note is not None:
        for element in _within(page.get_root()):
            if isinstance(element, BasemapLayer) and element.basemap.notice:
                note(*element.basemap.notice)
    size = estimate_bytes(page)
    if size <= limit:
        return
    zh = (
        "可加 --simplify 1 简化图形（米），或用 --split town -o 文件夹 分乡镇写出"
        "（一个索引页，每个乡镇一页），或只给需要的图层。"
    )
    en = (
        "Simplify the shapes by coverage with --simplify 1 (metres), or write an index page and "
        "one page a township with --split town -o FOLDER, or give fewer layers."
    )
    most = max(limit, REFUSE_ABOVE)
    zh_size, en_size = f"地图页约 {size / 1e6:.1f} MB", f"The page has about {size / 1e6:.1f} MB"
    if size > most:
        raise OutputError(
            f"{zh_size}，超过 {most / 1e6:.0f} MB，浏览器难以打开，没有写出。{zh}"
            "确需写出时用 --max-size 提高上限。",
            f"{en_size}, more than {most / 1e6:.0f} MB: browsers would hardly open it, and it was "
            f"not written. {en} --max-size raises the limit.",
        )
    if note is not None:
        note(
            f"{zh_size}（超过 {limit / 1e6:g} MB），打开较慢。{zh}",
            f"{en_size} (more than {limit / 1e6:g} MB) and opens slowly. {en}",
        )
