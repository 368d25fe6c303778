/* The legend is the layer switch: Leaflet's own control with the classes of each layer below its
   name, shown while the layer is. Names are set as text; Leaflet itself would read them as HTML. */

yuxi.Legend = L.Control.Layers.extend({
  onAdd: function (map) {
    var container = L.Control.Layers.prototype.onAdd.call(this, map);
    var texts = this.options.texts;
    var toggle = this._layersLink;
    toggle.textContent = texts.legend;
    toggle.title = texts.legend;
    toggle.setAttribute("aria-label", texts.legend);
    map.on("overlayadd overlayremove", function (event) {
      event.layer.classes.hidden = event.type === "overlayremove";
    });
    return container;
  },

  _addItem: function (item) {
    var row = L.Control.Layers.prototype._addItem.call(this, {
      layer: item.layer,
      overlay: item.overlay,
      name: "",
    });
    var input = row.querySelector("input");
    var label = input.nextElementSibling;
    label.textContent = item.name;
    var data = item.layer.yuxi;
    if (!data) return row;
    yuxi.element("span", "yuxi-count", data.features.length.toLocaleString(), label);
    var list = yuxi.element("ul", "yuxi-classes", null, row.parentNode);
    list.hidden = !input.checked;
    item.layer.classes = list;
    data.legend.forEach(function (entry, i) {
      var line = yuxi.element("li", null, null, list);
      yuxi.swatch((data.pins.length ? data.pins : data.symbols)[i], line);
      yuxi.element("span", null, entry.label, line);
      yuxi.element("span", "yuxi-count", entry.count.toLocaleString(), line);
    });
    return row;
  },
});

/** Add the legend: scenes as a choice of one or none, then layers with the uppermost first. */
yuxi.legend = function (map, settings, scenes, layers) {
  var texts = settings.texts;
  var narrow = map.getSize().x < 700;
  var control = new yuxi.Legend({}, {}, { collapsed: narrow, autoZIndex: false, texts: texts });
  if (scenes.length) {
    control.addBaseLayer(L.layerGroup().addTo(map), texts.no_scene);
    scenes.forEach(function (scene, i) {
      control.addBaseLayer(scene, settings.scenes[i]);
    });
  }
  layers.slice().reverse().forEach(function (layer) {
    control.addOverlay(layer, layer.yuxi.title);
  });
  control.addTo(map);
  map.yuxiLegend = control;
  var list = control.getContainer();
  L.DomUtil.addClass(list, "yuxi-legend");
  if (scenes.length) {
    var head = yuxi.element("div", "yuxi-head", texts.scenes);
    var bases = list.querySelector(".leaflet-control-layers-base");
    bases.parentNode.insertBefore(head, bases);
  }
  map.on("baselayerchange", function (event) {
    layers.forEach(function (layer) {
      yuxi.fade(layer, scenes.indexOf(event.layer) >= 0);
    });
  });
  return control;
};

/** How much of the map's right side the open legend covers, in pixels. */
yuxi.legendWidth = function (map) {
  var control = map.yuxiLegend;
  return control.options.collapsed ? 0 : control.getContainer().offsetWidth + 12;
};
