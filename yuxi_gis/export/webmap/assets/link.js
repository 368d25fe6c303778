/* The address follows the view, and the view the address:
   #map=zoom/lat/lng&DKBM=530402…&lang=en&layers=farmland,homestead

   DKBM stands for the column that names the selected feature. Language and layers are there when
   they are not what the page opens with. */

yuxi.RESERVED = ["map", "lang", "layers"];
/** Longer texts name nothing: an address of megabytes would not be taken by the browser. */
yuxi.LONGEST_KEY = 200;

/** The parts of a hash by name, as they stand. */
yuxi.hashParts = function (hash) {
  const parts = new Map();
  for (const part of hash.replace(/^#/, "").split("&")) {
    const at = part.indexOf("=");
    if (at > 0) parts.set(yuxi.decode(part.slice(0, at)), part.slice(at + 1));
  }
  return parts;
};

/** A part without its percent signs; as it stands where they make no sense. */
yuxi.decode = function (text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    return text;
  }
};

/** {zoom, at} of "zoom/lat/lng", or null. */
yuxi.hashView = function (text) {
  const number = "(-?\\d{1,3}(?:\\.\\d+)?)";
  const found = new RegExp("^" + [number, number, number].join("/") + "$").exec(text || "");
  if (!found) return null;
  const [zoom, lat, lng] = found.slice(1).map(Number);
  const sound = zoom >= 0 && zoom <= 30 && Math.abs(lat) <= 85 && Math.abs(lng) <= 180;
  return sound ? { zoom: zoom, at: L.latLng(lat, lng) } : null;
};

/** The feature that a column of this name calls by this text, both in any case: of a land layer
    rather than of a result, of the uppermost. Null where there is none. */
yuxi.featureNamed = function (app, name, text) {
  const upper = name.toUpperCase(), wanted = text.trim().toUpperCase();
  const layers = app.layers.filter((layer) => layer.features).reverse();
  const results = layers.filter((layer) => layer.result);
  for (const layer of layers.filter((layer) => !layer.result).concat(results)) {
    const c = layer.head.columns.findIndex((column) => column.name.toUpperCase() === upper);
    const column = c < 0 ? {} : layer.features.column(c);
    if (!column.words) continue;
    const fits = column.words.map((words) => yuxi.word(words).toUpperCase() === wanted);
    const i = fits.indexOf(true) < 0 ? -1 : column.number.findIndex((k) => fits[k]);
    if (i >= 0) return { layer: layer, i: i };
  }
  return null;
};

yuxi.Link = class {
  constructor(app) {
    this.app = app;
    this.lang = yuxi.lang;
    this.layers = this._shownLayers();
    this.written = "";
    // Nothing is written while a feature that the address names is still to be found.
    this.waiting = true;
    const settled = app.layers.map((layer) => layer.ready.then(null, () => null));
    this.ready = Promise.all(settled);
    this._follow(location.hash);
    app.map.on("moveend", () => this.later());
    app.on("select lang filter", () => this.later());
    window.addEventListener("hashchange", () => {
      if (location.hash !== this.written) this._follow(location.hash);
    });
    this.tool = yuxi.tool("link", () => this._copy());
  }

  /** Write the address soon, once for many events: browsers refuse too many in a short time. */
  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), 250);
  }

  write() {
    if (this.waiting) return;
    const address = location.href.split("#")[0] + this._hash();
    if (address !== location.href) {
      try {
        history.replaceState(null, "", address);
      } catch (error) {
        // Some browsers refuse it for a file.
        location.replace(address);
      }
    }
    this.written = location.hash;
  }

  _hash() {
    const map = this.app.map, at = map.getCenter(), selected = this.app.selected;
    const zoom = Math.round(map.getZoom() * 100) / 100;
    const parts = ["map=" + [zoom, at.lat.toFixed(6), at.lng.toFixed(6)].join("/")];
    if (selected && selected.layer.head.key !== null) {
      const name = selected.layer.head.columns[selected.layer.head.key].name;
      const key = selected.layer.features.key(selected.i);
      if (key && key.length <= yuxi.LONGEST_KEY && yuxi.RESERVED.indexOf(name) < 0) {
        parts.push(encodeURIComponent(name) + "=" + encodeURIComponent(key));
      }
    }
    if (yuxi.lang !== this.lang) parts.push("lang=" + yuxi.lang);
    if (this._shownLayers() !== this.layers) parts.push("layers=" + this._shownLayers());
    return "#" + parts.join("&");
  }

  _shownLayers() {
    const shown = this.app.layers.filter((layer) => this.app.map.hasLayer(layer));
    return shown.map((layer) => encodeURIComponent(layer.id)).join(",");
  }

  /* --- The other way --- */

  /** Go where a hash says; what makes no sense in it is passed over. */
  _follow(hash) {
    const app = this.app, parts = yuxi.hashParts(hash);
    const lang = parts.get("lang"), view = yuxi.hashView(parts.get("map"));
    if (lang !== yuxi.lang && (lang === "zh" || lang === "en")) app.speak(lang);
    if (parts.has("layers")) this._show(parts.get("layers").split(",").map(yuxi.decode));
    if (view) app.map.setView(view.at, view.zoom, { animate: false });
    const name = Array.from(parts.keys()).find((key) => yuxi.RESERVED.indexOf(key) < 0);
    const text = name === undefined ? "" : yuxi.decode(parts.get(name));
    this.waiting = true;
    this.ready.then(() => {
      if (text) this._select(name, text, view);
      this.waiting = false;
      this.later();
    });
  }

  _show(ids) {
    for (const layer of this.app.layers) {
      const on = ids.indexOf(layer.id) >= 0;
      if (on && !this.app.map.hasLayer(layer)) this.app.map.addLayer(layer);
      if (!on && this.app.map.hasLayer(layer)) this.app.map.removeLayer(layer);
    }
  }

  _select(name, text, view) {
    const app = this.app, feature = yuxi.featureNamed(app, name, text);
    if (!feature) {
      const said = yuxi.text("link_none").replace("{key}", () => text.slice(0, 60));
      yuxi.note(said);
      return;
    }
    yuxi.goTo(app, feature);
    if (view) app.map.setView(view.at, view.zoom, { animate: false });
  }

  _copy() {
    this.write();
    const say = function (key) {
      const field = yuxi.element("input", "yuxi-copied", null, yuxi.note(yuxi.text(key)));
      field.readOnly = true;
      field.value = location.href;
      yuxi.say(field, "link", "aria-label");
      field.select();
    };
    yuxi.copy(location.href).then(() => say("link_copied"), () => say("link_copy"));
  }
};

/** A short note over the map that goes away by itself, or when it is clicked; it is returned. */
yuxi.note = function (text) {
  const old = document.getElementById("yuxi-note");
  if (old) old.remove();
  const node = yuxi.element("div", null, null, document.body);
  node.id = "yuxi-note";
  node.setAttribute("role", "status");
  yuxi.element("span", null, text, node);
  const timer = setTimeout(() => node.remove(), 8000);
  node.addEventListener("focusin", () => clearTimeout(timer));
  node.addEventListener("keydown", (event) => event.key === "Escape" && node.remove());
  node.addEventListener("click", (event) => event.target.tagName !== "INPUT" && node.remove());
  return node;
};

/** Not within another page, such as a notebook: its address is not that of this one. */
yuxi.link = function (app) {
  if (/^(https?|file):$/.test(location.protocol)) app.link = new yuxi.Link(app);
};
