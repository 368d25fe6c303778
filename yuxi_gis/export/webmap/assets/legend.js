/* The legend: what is on the map, how much of it, and the switches of layers and categories.

   It keeps no state: what is on is known to the map, what is filtered to the layers. Layers keep
   their order whatever is switched, because it is their z-index. */

yuxi.M2_PER_MU = 2000 / 3;

/** The area of each category of a layer in m² on the ellipsoid; null where it has no areas. */
yuxi.categoryAreas = function (layer) {
  const features = layer.features;
  if (!features || !features.area) return null;
  const sums = new Float64Array(layer.head.categories.length);
  for (let i = 0; i < features.count; i++) {
    if (features.area[i] > 0) sums[features.category[i]] += features.area[i];
  }
  return sums;
};

yuxi.Legend = L.Control.extend({
  options: { position: "topright", collapsed: false },

  initialize: function (app) {
    L.Control.prototype.initialize.call(this, { collapsed: app.narrow() });
    this.app = app;
  },

  onAdd: function (map) {
    const node = (this._node = yuxi.element("section", "yuxi-legend"));
    this._fold = yuxi.button("yuxi-legend-fold", "legend", node, () => this._toggle());
    this._list = yuxi.element("div", "yuxi-legend-list", null, node);
    this._list.id = "yuxi-legend-list";
    this._fold.setAttribute("aria-controls", this._list.id);
    L.DomEvent.disableClickPropagation(node).disableScrollPropagation(node);
    this._follow(map);
    this._build();
    this._setCollapsed(this.options.collapsed);
    return node;
  },

  collapse: function () {
    this._setCollapsed(true);
  },

  /** The legend in the language of the page. */
  rebuild: function () {
    const scroll = this._list.scrollTop;
    this._build();
    this._list.scrollTop = scroll;
  },

  _toggle: function () {
    this._setCollapsed(!this.options.collapsed);
  },

  _setCollapsed: function (collapsed) {
    this.options.collapsed = collapsed;
    this._list.hidden = collapsed;
    this._fit();
    this._fold.setAttribute("aria-expanded", String(!collapsed));
  },

  /** Follow whoever switches layers, categories or scenes. */
  _follow: function (map) {
    const app = this.app;
    app.layers.forEach((layer) => {
      layer.on("add", () => map.fire("overlayadd", { layer: layer }));
      layer.on("remove", () => map.fire("overlayremove", { layer: layer }));
      layer.ready.then(() => this._measure(layer));
    });
    app.scenes.forEach((scene) => scene.on("add remove", () => this._sync()));
    app.on("filter", () => this._sync());
    map.on("resize", () => this._fit());
    // The title bar takes more lines once it has all its tools.
    app.on("ready", () => this._fit());
  },

  /** Keep within the height of the map. */
  _fit: function () {
    const height = this.app.map.getContainer().clientHeight;
    this._list.style.maxHeight = Math.max(120, height - 90) + "px";
  },

  /* --- What it is made of --- */

  _build: function () {
    const app = this.app, list = this._list;
    list.textContent = "";
    /** By layer id: the nodes that change. */
    this._rows = {};
    this._scenes = [];
    if (app.scenes.length) this._addScenes(list);
    if (app.basemaps && app.basemaps.length) yuxi.basemapChoice(app.map, app.basemaps, list);
    if (app.layers.length) this._addHeads(list);
    app.layers.slice().reverse().forEach((layer) => this._addLayer(layer, list));
    this._fit();
    this._sync();
  },

  _addScenes: function (parent) {
    const box = yuxi.element("fieldset", null, null, parent);
    yuxi.element("legend", "yuxi-head", yuxi.text("scenes"), box);
    for (const scene of [null].concat(this.app.scenes)) {
      const label = yuxi.element("label", null, null, box);
      const input = yuxi.element("input", null, null, label);
      input.type = "radio";
      input.name = "yuxi-scene";
      const title = scene ? scene.yuxiTitle : yuxi.texts.no_scene;
      yuxi.element("span", null, yuxi.word(title), label);
      input.addEventListener("change", () => this._choose(scene));
      this._scenes.push({ scene: scene, input: input });
    }
  },

  /** Show one of the scenes, or none. */
  _choose: function (chosen) {
    const map = this.app.map;
    for (const scene of this.app.scenes) {
      if (scene === chosen) map.addLayer(scene);
      else map.removeLayer(scene);
    }
    map.fire("baselayerchange", { layer: chosen });
  },

  _addHeads: function (parent) {
    const row = yuxi.element("div", "yuxi-row yuxi-head", null, parent);
    yuxi.element("span", null, yuxi.text("legend_layers"), row);
    yuxi.element("span", "yuxi-count", yuxi.text("legend_count"), row);
    yuxi.element("span", "yuxi-mu", yuxi.text("legend_mu"), row).title = yuxi.text("legend_area");
  },

  /** A row: a switch with a symbol and a label, a count, an area. */
  _addRow: function (parent, tag, symbol, text, count) {
    const row = yuxi.element(tag, "yuxi-row", null, parent);
    const label = yuxi.element("label", null, null, row);
    const input = yuxi.element("input", null, null, label);
    input.type = "checkbox";
    if (symbol) yuxi.swatch(symbol, label);
    yuxi.element("span", null, text, label);
    yuxi.element("span", "yuxi-count", yuxi.number(count), row);
    const mu = yuxi.element("span", "yuxi-mu", null, row);
    return { node: row, input: input, mu: mu };
  },

  _addLayer: function (layer, parent) {
    const app = this.app, categories = layer.head.categories, title = layer.title();
    const section = yuxi.element("div", "yuxi-layer", null, parent);
    // A category that says no more than the layer's name needs no line of its own.
    const single = categories.length === 1 && yuxi.word(categories[0].label) === title;
    const symbol = single ? categories[0].pin || categories[0].symbol : null;
    const row = this._addRow(section, "div", symbol, title, layer.head.count);
    row.node.classList.add("yuxi-layer-row");
    if (!layer.head.count) {
      section.classList.add("yuxi-empty");
      row.input.disabled = true;
    }
    row.input.addEventListener("change", () => this._switch(layer));
    row.list = yuxi.element("ul", "yuxi-classes", null, section);
    row.lines = (single ? [] : categories).map((category, c) => {
      const mark = category.pin || category.symbol, text = yuxi.word(category.label);
      const line = this._addRow(row.list, "li", mark, text, category.count);
      line.input.addEventListener("change", () => app.filter(layer, c, !line.input.checked));
      return line;
    });
    this._rows[layer.id] = row;
    this._measure(layer);
  },

  /** Fill in the areas, once they are known. */
  _measure: function (layer) {
    const row = this._rows[layer.id], areas = yuxi.categoryAreas(layer);
    if (!row || !areas) return;
    const say = function (node, area) {
      const mu = area / yuxi.M2_PER_MU;
      node.textContent = mu > 0 && mu < 0.05 ? "< 0.1" : yuxi.number(mu, 1);
      node.title = yuxi.text("legend_area");
    };
    say(row.mu, areas.reduce((sum, area) => sum + area, 0));
    row.lines.forEach((line, c) => say(line.mu, areas[c]));
  },

  /* --- What it does --- */

  /** A layer whose categories are not all shown gets all of them; else it is switched. */
  _switch: function (layer) {
    const map = this.app.map;
    if (!map.hasLayer(layer)) map.addLayer(layer);
    else if (layer.hidden.some(Boolean)) yuxi.showCategories(this.app, layer);
    else map.removeLayer(layer);
    this._sync();
  },

  /** Show the state of everything. */
  _sync: function () {
    const app = this.app, map = app.map;
    const shown = app.scenes.filter((scene) => map.hasLayer(scene));
    for (const entry of this._scenes) {
      entry.input.checked = entry.scene ? shown.indexOf(entry.scene) >= 0 : !shown.length;
    }
    for (const layer of app.layers) {
      layer.fade(shown.length > 0);
      const row = this._rows[layer.id], on = map.hasLayer(layer);
      const hidden = layer.hidden.filter(Boolean).length;
      row.input.checked = on && (!hidden || hidden < layer.hidden.length);
      row.input.indeterminate = row.input.checked && hidden > 0;
      row.list.hidden = !on;
      row.lines.forEach((line, c) => (line.input.checked = !layer.hidden[c]));
    }
  },
});

/** Show all categories of a layer, or those of `wanted` numbers. */
yuxi.showCategories = function (app, layer, wanted) {
  layer.hidden.forEach(function (hidden, c) {
    if (hidden && (!wanted || wanted.has(c))) app.filter(layer, c, false);
  });
};

/** Add the legend: scenes as a choice of one or none, then layers with the uppermost first. */
yuxi.legend = function (app) {
  const control = new yuxi.Legend(app).addTo(app.map);
  app.on("lang", () => control.rebuild());
  return control;
};
