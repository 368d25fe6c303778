"""The page's parts as folium elements, each a few lines that call into ``assets/*.js``."""

from __future__ import annotations

import json
from typing import Any

import folium
from folium.map import Layer
from folium.template import Template

from yuxi_gis.export.webmap.page import data_block, page_of

__all__ = ["PageControls", "VectorLayer"]


class VectorLayer(Layer):
    """A folium layer of features from `yuxi_gis.export.webmap.features.encode_layer`.

    Parameters
    ----------
    data : str
        The JSON.
    name : str
        Title for people; it goes into the page only inside `data`.
    show : bool
        Shown when the page opens.
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = yuxi.layer(yuxi.data("{{ this.get_name() }}_data"));
        {% endmacro %}
        """
    )

    def __init__(self, data: str, *, name: str, show: bool = True) -> None:
        super().__init__(name=name, overlay=True, show=show)
        self._name = "VectorLayer"
        self.data = data

    def render(self, **kwargs: Any) -> None:  # type: ignore[override] # as folium's own
        block = f"{self.get_name()}_data"
        page_of(self).html.add_child(data_block(block, self.data), name=block)
        super().render(**kwargs)


class PageControls(folium.LayerControl):
    """Everything around the features: legend with layer switches, search, popups, first view.

    Takes the layers of its map from folium, as `folium.LayerControl` does. Layers are listed with
    the uppermost first.

    Parameters
    ----------
    settings : dict
        ``texts``, ``scenes`` (title of each picture) and ``bounds`` ([[S, W], [N, E]]).
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        yuxi.start({{ this._parent.get_name() }}, yuxi.data("{{ this.get_name() }}_data"), {
            scenes: [{{ this.base_layers.values()|join(", ") }}],
            layers: [{{ this.overlays.values()|join(", ") }}],
        });
        {% endmacro %}
        """
    )

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self._name = "PageControls"
        self.settings = settings

    def reset(self) -> None:
        super().reset()
        block = f"{self.get_name()}_data"
        data = json.dumps(self.settings, ensure_ascii=False)
        page_of(self).html.add_child(data_block(block, data), name=block)
