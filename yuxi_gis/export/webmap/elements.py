"""The page's parts as folium elements, each a few lines that call into ``assets/*.js``."""

from __future__ import annotations

from html import escape
from typing import Any

import folium
import geopandas as gpd
from folium.map import Layer
from folium.template import Template

from yuxi_gis.catalog import load_catalog
from yuxi_gis.codes import Masking
from yuxi_gis.export.masking import mask_table
from yuxi_gis.export.webmap.basemaps import BasemapLayer
from yuxi_gis.export.webmap.features import Encoded, encode_layer
from yuxi_gis.export.webmap.packing import json_text
from yuxi_gis.export.webmap.page import OfflineMap, Raw, add_engine, data_block, page_of
from yuxi_gis.export.webmap.texts import all_texts
from yuxi_gis.export.webmap.themes import Theme, layer_theme

__all__ = ["PageControls", "VectorLayer"]

_MASKING = Masking()


class VectorLayer(Layer):
    """A folium layer of many features: 200,000 parcels in one page.

    On a map without `PageControls` a click shows a popup with all fields of what is there.
    `OfflineMap` brings all that the layer needs; on a plain `folium.Map` the layer brings its own
    scripts, and the map loads Leaflet from the internet as folium does.

    Parameters
    ----------
    data : GeoDataFrame or Encoded
        The features, in any CRS; or what `encode_layer` made of them.
    name : str, optional
        In the layer control, the popup and the legend. By default the layer's title.
    theme : Theme, optional
        How features are shown. By default as the catalogue says where ``data.attrs["layer"]`` is a
        layer of it, else all columns and one neutral symbol.
    show : bool
        Shown when the page opens.
    masking : Masking
        Which personal data of a GeoDataFrame are masked; by default all.

    Attributes
    ----------
    encoded : Encoded

    Raises
    ------
    CRSError
        The features have no CRS.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from yuxi_gis.export.webmap import OfflineMap, VectorLayer
    >>> land = gpd.GeoDataFrame(
    ...     {"use": ["road"]}, geometry=[shapely.box(102.5, 24.3, 102.6, 24.4)], crs=4490
    ... )
    >>> page = OfflineMap(location=[24.35, 102.55], zoom_start=12)
    >>> layer = VectorLayer(land, name="地块").add_to(page)
    >>> layer.layer_name, layer.encoded.count
    ('地块', 1)
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = yuxi.layer("{{ this.get_name() }}");
        {% if this.map_name %}
        yuxi.standalone({{ this.map_name }}, {{ this.get_name() }});
        {% endif %}
        {% endmacro %}
        """
    )

    def __init__(
        self,
        data: gpd.GeoDataFrame | Encoded,
        name: str | None = None,
        *,
        theme: Theme | None = None,
        show: bool | None = None,
        masking: Masking = _MASKING,
    ) -> None:
        if isinstance(data, gpd.GeoDataFrame):
            data = _encoded(data, name, theme, masking)
        head = dict(data.head)
        if name is not None:
            head["title"] = name
        if show is not None:
            head["show"] = show
        title = head["title"] if isinstance(head["title"], str) else head["title"][0]
        # Leaflet's layer control reads names as HTML.
        super().__init__(name=escape(title, quote=False), overlay=True, show=head["show"])
        self._name = "VectorLayer"
        self.encoded = Encoded(head, data.data, data.count, data.bounds)
        #: The map's name in the script where the layer answers clicks by itself.
        self.map_name: str | None = None

    def render(self, **kwargs: Any) -> None:  # type: ignore[override] # as folium's own
        page, name = page_of(self), self.get_name()
        canvas = _map_of(self)
        if not isinstance(canvas, OfflineMap):
            add_engine(page)
        controlled = any(isinstance(child, PageControls) for child in canvas._children.values())
        if not controlled:
            self.map_name = canvas.get_name()
            texts = data_block("yuxi-texts", json_text(all_texts()))
            page.html.add_child(texts, name="yuxi-texts")
        head, data = f"{name}_head", f"{name}_data"
        page.html.add_child(data_block(head, json_text(self.encoded.head)), name=head)
        block = f'<script type="application/json" id="{data}">{self.encoded.data}</script>\n'
        page.html.add_child(Raw(block), name=data)
        super().render(**kwargs)

    def _get_self_bounds(self) -> list[list[float | None]]:
        """[[south, west], [north, east]], for ``folium.Map.fit_bounds``."""
        if self.encoded.bounds is None:
            return [[None, None], [None, None]]
        west, south, east, north = self.encoded.bounds
        return [[south, west], [north, east]]


def _encoded(
    frame: gpd.GeoDataFrame, name: str | None, theme: Theme | None, masking: Masking
) -> Encoded:
    """Features as the page carries them."""
    layer_id = theme.id if theme else str(frame.attrs.get("layer") or name or "features")
    spec = load_catalog().get(layer_id)
    frame, _ = mask_table(frame, masking, spec)
    return encode_layer(frame, theme or layer_theme(layer_id, frame, spec))


def _map_of(element: Any) -> folium.Map:
    """The map that a layer is on, maybe in a group."""
    while not isinstance(element, folium.Map):
        element = element._parent
        if element is None:
            raise TypeError("the layer is on no map: add it to a folium.Map first")
    return element


class PageControls(folium.LayerControl):
    """Everything around the features: legend with layer switches, search, popups, first view.

    Takes the layers of its map from folium, as `folium.LayerControl` does. Layers are listed with
    the uppermost first.

    Parameters
    ----------
    settings : dict
        ``texts``, ``lang``, ``scenes`` (title of each picture) and ``bounds`` ([[S, W], [N, E]]).
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        yuxi.start({{ this._parent.get_name() }}, yuxi.data("{{ this.get_name() }}_data"), {
            basemaps: [{{ this.basemaps|join(", ") }}],
            scenes: [{{ this.scenes|join(", ") }}],
            layers: [{{ this.layers|join(", ") }}],
        });
        yuxi.about();
        {% endmacro %}
        """
    )

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self._name = "PageControls"
        self.settings = settings

    @property
    def basemaps(self) -> list[str]:
        """The names in the script of the basemaps."""
        on_map: Any = self._parent
        layers = on_map._children.values()
        return [layer.get_name() for layer in layers if isinstance(layer, BasemapLayer)]

    @property
    def scenes(self) -> list[str]:
        """The names in the script of the pictures to choose from."""
        basemaps = self.basemaps
        return [name for name in self.base_layers.values() if name not in basemaps]

    @property
    def layers(self) -> list[str]:
        """The names in the script of the vector layers. folium lists layers by their titles, of
        which two may be the same."""
        on_map: Any = self._parent
        layers = on_map._children.values()
        return [layer.get_name() for layer in layers if isinstance(layer, VectorLayer)]

    def reset(self) -> None:
        super().reset()
        block = f"{self.get_name()}_data"
        page_of(self).html.add_child(data_block(block, json_text(self.settings)), name=block)
