/* Put the page together: the app is the map, its layers, what is selected, and the language.

   Events of the app: "ready" (all layers can be asked), "lang" (another language), "select"
   (`app.selected` is another feature or null), "filter" (layers or categories shown or hidden). */

yuxi.App = L.Evented.extend({
  initialize: function (map, settings, parts) {
    this.map = map;
    this.settings = settings;
    /** Lowest first. */
    this.layers = parts.layers;
    this.scenes = parts.scenes;
    this.basemaps = parts.basemaps || [];
    this.selected = null;
    this.panels = [];
    yuxi.texts = settings.texts;
    yuxi.lang = settings.lang;
    parts.layers.forEach((layer, i) => layer.setZIndex(i + 1));
    parts.scenes.forEach((scene, i) => (scene.yuxiTitle = settings.scenes[i]));
    map.on("overlayadd overlayremove", () => this.fire("filter"));
    // A layer that cannot be read does not keep the others waiting.
    const settled = parts.layers.map((layer) => layer.ready.then(null, () => null));
    Promise.all(settled).then(() => this.fire("ready"));
  },

  /** The layers that are on the map and can be asked, the lowest first. */
  shown: function () {
    return this.layers.filter((layer) => layer.features && this.map.hasLayer(layer));
  },

  /** Whether the screen is that of a phone. */
  narrow: function () {
    return this.map.getSize().x < 700;
  },

  /** How much of the map's right side is covered by what lies on it, in pixels. */
  covered: function () {
    if (!this.legend || this.legend.options.collapsed) return 0;
    return this.legend.getContainer().offsetWidth + 12;
  },

  /** Select a feature {layer, i}, or null. */
  select: function (feature) {
    this.selected = feature;
    this.fire("select");
  },

  /** Change the language: "zh" or "en". */
  speak: function (lang) {
    yuxi.lang = lang;
    yuxi.translate();
    this.fire("lang");
  },

  /** Show or hide a category of a layer. */
  filter: function (layer, category, hidden) {
    layer.filter(category, hidden);
    this.fire("filter");
  },
});

yuxi.start = function (map, settings, parts) {
  const app = (yuxi.app = new yuxi.App(map, settings, parts));
  map.invalidateSize();
  yuxi.shell(app);
  yuxi.buttons(app);
  L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
  yuxi.north(map);
  app.legend = yuxi.legend(app);
  const tools = [yuxi.identify, yuxi.search, yuxi.swipe, yuxi.changes, yuxi.summary, yuxi.table];
  for (const tool of tools.concat([yuxi.measure, yuxi.print, yuxi.language])) tool(app);
  yuxi.closing(map);
  map.invalidateSize(); // the title bar is as high as its tools make it
  yuxi.home(app);
  yuxi.link(app);
};

/** The first view: all the land. */
yuxi.home = function (app) {
  app.map.fitBounds(app.settings.bounds, {
    paddingTopLeft: [50, 12],
    paddingBottomRight: [app.covered() + 12, 40],
    animate: false,
  });
};

yuxi.buttons = function (app) {
  const zoom = L.control.zoom().addTo(app.map).getContainer();
  zoom.querySelectorAll("a").forEach(function (link, i) {
    const key = i ? "zoom_out" : "zoom_in";
    yuxi.say(link, key, "title");
    yuxi.say(link, key, "aria-label");
  });
};

/** Escape, or a click on the map, closes the box about the data; Escape the popup, too. */
yuxi.closing = function (map) {
  const about = document.getElementById("yuxi-about");
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    about.open = false;
    map.closePopup();
  });
  map.on("click", () => (about.open = false));
};

/** North is up. */
yuxi.north = function (map) {
  const control = L.control({ position: "bottomleft" });
  control.onAdd = function () {
    const node = yuxi.element("div", "yuxi-north");
    yuxi.element("span", "yuxi-arrow", null, node);
    yuxi.say(yuxi.element("span", null, null, node), "north");
    return node;
  };
  control.addTo(map);
};
