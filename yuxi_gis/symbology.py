"""QGIS styles: `styles/*.qml` read into symbols, the only source of colours.

The web map and the legends draw with what is read here, so that they look as QGIS does. A symbol
of several layers is brought to one fill and one stroke: fills lie over one another as QGIS draws
them, a hatch counts as a tint as strong as the part of the ground that its lines cover, and the
topmost outline is the stroke.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from yuxi_gis import resources
from yuxi_gis.errors import CatalogError

__all__ = ["Category", "Style", "Symbol", "load_style"]

_KINDS = {"fill": "Polygon", "line": "LineString", "marker": "Point"}
#: Millimetres in one unit of a QGIS width; map units have no size on paper.
_MM = {"MM": 1.0, "Point": 25.4 / 72, "Pixel": 25.4 / 96, "Inch": 25.4}
#: The tint that stands for a brush pattern or picture of unknown density.
_PATTERN_TINT = 0.25
#: QGIS's defaults, for options that a file leaves out.
_COLOUR, _WIDTH, _SIZE, _DISTANCE = "35,35,35,255", 0.26, 2.0, 5.0


@dataclass(frozen=True)
class Symbol:
    """How one category is drawn: colours as ``#rrggbb``, opacities 0..1, widths in mm.

    `stroke_style` is QGIS's word: ``"solid"``, ``"dash"``, ``"dot"``, ``"dash dot"`` or
    ``"dash dot dot"``.
    """

    geometry: str
    fill: str
    fill_opacity: float
    stroke: str
    stroke_opacity: float
    stroke_width_mm: float
    size_mm: float = 0.0
    stroke_style: str = "solid"


@dataclass(frozen=True)
class Category:
    """One class of a style; `value` is None for the only class of an uncategorised style and
    ``""`` for the class of all other values."""

    value: str | None
    label: str
    symbol: Symbol


@dataclass(frozen=True)
class Style:
    """The style of a layer: the field that it looks at (None: one symbol for all), its classes."""

    stem: str
    attribute: str | None
    categories: tuple[Category, ...]
    path: Path

    def symbol(self, value: object) -> Symbol | None:
        """The symbol for a value of `attribute`; None where no class fits."""
        wanted = "" if value is None else str(value)
        other = None
        for category in self.categories:
            if category.value is None or category.value == wanted:
                return category.symbol
            if category.value == "":
                other = category.symbol
        return other


@cache
def load_style(stem: str, folder: Path | None = None) -> Style:
    """Read the style `styles/<stem>.qml`.

    Parameters
    ----------
    stem : str
        The layer id, or ``"findings"``, ``"patches"``, … for results.
    folder : Path, optional
        Another folder of styles.

    Raises
    ------
    CatalogError
        The file is missing or damaged, or holds what cannot be drawn on the web map too: a
        renderer that is neither single nor categorised, a symbol of another kind.
    """
    path = (resources.folder("styles") if folder is None else folder) / f"{stem}.qml"
    try:
        root = ET.parse(path).getroot()
    except (OSError, ValueError, ET.ParseError) as error:
        raise _wrong(path, f"无法读取（{error}）", f"cannot be read ({error})") from error
    return _Reader(path).style(stem, root)


def _wrong(path: Path, zh: str, en: str) -> CatalogError:
    return CatalogError(f"样式文件 {path}：{zh}。", f"Style file {path}: {en}.")


class _Reader:
    """Reads the elements of one QML file, and names it in errors."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def style(self, stem: str, root: ET.Element) -> Style:
        renderer = root.find("renderer-v2")
        kind = None if renderer is None else renderer.get("type")
        if renderer is None or kind not in ("singleSymbol", "categorizedSymbol"):
            raise _wrong(
                self.path,
                f"渲染方式 {kind} 不支持，可用 singleSymbol（单一）和 categorizedSymbol（分类）",
                f"renderer {kind} cannot be used, only singleSymbol and categorizedSymbol can",
            )
        opacity = self.number({"layerOpacity": root.findtext("layerOpacity")}, "layerOpacity", 1)
        symbols = {
            symbol.get("name", ""): self.symbol(symbol, opacity)
            for symbol in renderer.iterfind("symbols/symbol")
        }
        if kind == "singleSymbol":
            if not symbols:
                raise _wrong(self.path, "没有符号", "has no symbol")
            only = Category(None, "", next(iter(symbols.values())))
            return Style(stem, None, (only,), self.path)
        attribute = renderer.get("attr", "").strip('"')
        if re.fullmatch(r"\w+", attribute) is None:
            raise _wrong(
                self.path,
                f"分类依据 attr={attribute!r} 应为一个字段名",
                f"attr={attribute!r} must be the name of a field",
            )
        categories = tuple(self.categories(renderer, symbols))
        if not categories:
            raise _wrong(self.path, "没有分类", "has no category")
        return Style(stem, attribute, categories, self.path)

    def categories(self, renderer: ET.Element, symbols: Mapping[str, Symbol]) -> Iterator[Category]:
        for element in renderer.iterfind("categories/category"):
            if element.get("render") == "false":
                continue
            name = element.get("symbol", "")
            if name not in symbols:
                raise _wrong(
                    self.path,
                    f"分类 {element.get('value')!r} 引用的符号 {name!r} 不存在",
                    f"category {element.get('value')!r} refers to symbol {name!r}, which is not "
                    "there",
                )
            # QGIS writes several values that share one class as <val> children.
            for value in element.findall("val") or [element]:
                yield Category(value.get("value") or "", element.get("label") or "", symbols[name])

    def symbol(self, element: ET.Element, opacity: float) -> Symbol:
        kind = element.get("type") or ""
        if kind not in _KINDS:
            raise _wrong(self.path, f"符号类型 {kind!r} 不支持", f"symbol type {kind!r} is unknown")
        opacity *= self.number(element.attrib, "alpha", 1)
        layers = [e for e in element.iterfind("layer") if e.get("enabled") != "0"]
        if not layers:
            raise _wrong(
                self.path,
                f"符号 {element.get('name')!r} 没有图层",
                f"symbol {element.get('name')!r} has no layer",
            )
        drawn = [self.layer(layer, _KINDS[kind], opacity) for layer in layers]
        symbol = drawn[0]
        for top in drawn[1:]:
            symbol = _over(symbol, top)
        return replace(
            symbol,
            fill_opacity=round(symbol.fill_opacity, 4),
            stroke_opacity=round(symbol.stroke_opacity, 4),
        )

    def layer(self, element: ET.Element, geometry: str, opacity: float) -> Symbol:
        """One symbol layer as a symbol of its own."""
        kind = element.get("class") or ""
        options = _options(element)
        if kind == "LinePatternFill":
            return self.hatch(element, options, opacity)
        if kind == "SimpleLine":
            return self.stroke(options, geometry, opacity, "line")
        if "color" not in options or geometry == "LineString":
            raise _wrong(
                self.path, f"符号图层 {kind!r} 不支持", f"symbol layer {kind!r} cannot be used"
            )
        symbol = self.stroke(options, geometry, opacity, "outline")
        fill, fill_opacity = self.colour(options, "color", opacity)
        if geometry == "Point":
            size = self.width(options, "size", _SIZE)
            return replace(symbol, fill=fill, fill_opacity=fill_opacity, size_mm=size)
        brush = options.get("style", "solid") if kind == "SimpleFill" else kind
        tint = {"solid": 1.0, "no": 0.0}.get(brush, _PATTERN_TINT)
        return replace(symbol, fill=fill, fill_opacity=fill_opacity * tint)

    def stroke(
        self, options: Mapping[str, str], geometry: str, opacity: float, prefix: str
    ) -> Symbol:
        stroke, stroke_opacity = self.colour(options, f"{prefix}_color", opacity)
        style = options.get(f"{prefix}_style", "solid")
        return Symbol(
            geometry=geometry,
            fill=stroke,
            fill_opacity=0.0,
            stroke=stroke,
            stroke_opacity=0.0 if style == "no" else stroke_opacity,
            stroke_width_mm=self.width(options, f"{prefix}_width", _WIDTH),
            stroke_style="solid" if style == "no" else style,
        )

    def hatch(self, element: ET.Element, options: Mapping[str, str], opacity: float) -> Symbol:
        line = element.find("symbol")
        if line is None:
            options = {**options, "line_color": options.get("color", _COLOUR)}
            drawn = self.stroke(options, "LineString", opacity, "line")
        else:
            drawn = self.symbol(line, opacity)
        distance = self.width(options, "distance", _DISTANCE)
        share = min(1.0, drawn.stroke_width_mm / distance) if distance > 0 else 1.0
        return replace(
            drawn,
            geometry="Polygon",
            fill=drawn.stroke,
            fill_opacity=drawn.stroke_opacity * share,
            stroke_opacity=0.0,
        )

    def colour(self, options: Mapping[str, str], key: str, opacity: float) -> tuple[str, float]:
        """``r,g,b,a`` in 0..255, with or without QGIS's newer ``,rgb:…`` behind it."""
        text = options.get(key, _COLOUR)
        parts = text.split(",")[:4]
        if not 3 <= len(parts) <= 4 or any(
            not part.strip().isdecimal() or int(part) > 255 for part in parts
        ):
            raise _wrong(
                self.path,
                f"{key} 的颜色 {text!r} 应为 r,g,b,a（0–255）",
                f"colour {text!r} of {key} must be r,g,b,a (0–255)",
            )
        red, green, blue, alpha = (int(part) for part in [*parts, "255"][:4])
        return f"#{red:02x}{green:02x}{blue:02x}", alpha / 255 * opacity

    def width(self, options: Mapping[str, str], key: str, default: float) -> float:
        unit = options.get(f"{key}_unit", "MM")
        if unit not in _MM:
            raise _wrong(
                self.path,
                f"{key} 的单位 {unit!r} 不支持，可用 {'、'.join(_MM)}",
                f"unit {unit!r} of {key} cannot be used, use one of {', '.join(_MM)}",
            )
        return self.number(options, key, default) * _MM[unit]

    def number(self, options: Mapping[str, str | None], key: str, default: float) -> float:
        text = options.get(key)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise _wrong(
                self.path,
                f"{key}={text!r} 应为不小于 0 的数",
                f"{key}={text!r} must be a number ≥ 0",
            )
        return value


def _options(layer: ET.Element) -> dict[str, str]:
    """Options of a symbol layer: ``<Option name value>`` since QGIS 3.20, ``<prop k v>`` before."""
    options = {p.get("k", ""): p.get("v", "") for p in layer.iterfind("prop")}
    options.update({o.get("name", ""): o.get("value", "") for o in layer.iterfind("Option/Option")})
    return options


def _over(bottom: Symbol, top: Symbol) -> Symbol:
    """`top` drawn over `bottom` (Porter and Duff 1984, 10.1145/800031.808606, operator over)."""
    through = bottom.fill_opacity * (1 - top.fill_opacity)
    opacity = top.fill_opacity + through
    fill = bottom.fill
    if opacity > 0:
        pairs = zip(_channels(top.fill), _channels(bottom.fill), strict=True)
        mixed = (round((t * top.fill_opacity + b * through) / opacity) for t, b in pairs)
        fill = "#" + "".join(f"{channel:02x}" for channel in mixed)
    outline = top if top.stroke_opacity > 0 else bottom
    return replace(
        outline,
        fill=fill,
        fill_opacity=opacity,
        size_mm=max(bottom.size_mm, top.size_mm),
    )


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
