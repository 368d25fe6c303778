/* Pictures of the country below everything else. Tiles in GCJ-02 are moved to where their content
   belongs in WGS 84 and CGCS2000; the data are never moved. */

yuxi.gcj02 = {};

/** [lng, lat] in WGS 84 as [lng, lat] in GCJ-02, as yuxi_gis/crs/gcj02.py does; outside of the box
    around the mainland nothing is shifted. */
yuxi.gcj02.forward = function (lng, lat) {
  if (lng < 72.004 || lng > 137.8347 || lat < 0.8293 || lat > 55.8271) return [lng, lat];
  const x = lng - 105, y = lat - 35;
  const root = Math.sqrt(Math.abs(x));
  const wave = function (of, sizes) {
    return ((sizes[0] * Math.sin((of * Math.PI) / sizes[1]) +
      sizes[2] * Math.sin((of * Math.PI) / sizes[3])) * 2) / 3;
  };
  const short = wave(x, [20, 1 / 6, 20, 1 / 2]);
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root +
    short + wave(y, [20, 1, 40, 3]) + wave(y, [160, 12, 320, 30]);
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root +
    short + wave(x, [20, 1, 40, 3]) + wave(x, [150, 12, 300, 30]);
  // Metres into degrees on the ellipsoid of Krassowsky.
  const a = 6378245, ee = 0.00669342162296594323, degree = Math.PI / 180;
  const phi = lat * degree, magic = 1 - ee * Math.sin(phi) * Math.sin(phi);
  return [
    lng + east / ((a / Math.sqrt(magic)) * Math.cos(phi) * degree),
    lat + north / (((a * (1 - ee)) / Math.pow(magic, 1.5)) * degree),
  ];
};

/** The [lng, lat] in WGS 84 that is shifted to [lng, lat]: each step wins two digits. */
yuxi.gcj02.inverse = function (lng, lat) {
  let x = lng, y = lat;
  for (let step = 0; step < 8; step++) {
    const there = yuxi.gcj02.forward(x, y);
    x += lng - there[0];
    y += lat - there[1];
  }
  return [x, y];
};

/** Tiles in GCJ-02. Each is stretched by a pixel or so to lie between the true places of its four
    edges, taken at their middles, so that neighbours share an edge and leave no gap. */
yuxi.ShiftedTileLayer = L.TileLayer.extend({
  /** The shifted view: tiles that cover it cover the view once they are moved. */
  _getTiledPixelBounds: function (center) {
    const view = L.TileLayer.prototype._getTiledPixelBounds.call(this, center);
    const corners = [view.min, view.max, view.getTopRight(), view.getBottomLeft()];
    return L.bounds(corners.map((corner) => this._moved(corner, yuxi.gcj02.forward)));
  },

  /** Where a place in pixels of the tiles' level is moved to. */
  _moved: function (point, how) {
    const place = this._map.unproject(point, this._tileZoom);
    const there = how(place.lng, place.lat);
    return this._map.project([there[1], there[0]], this._tileZoom);
  },

  /** Where a tile belongs, in pixels of its level. */
  _trueBox: function (coords) {
    const size = this.getTileSize().x;
    const at = (x, y) => this._moved(L.point(x * size, y * size), yuxi.gcj02.inverse);
    const x = coords.x, y = coords.y;
    const min = L.point(at(x, y + 0.5).x, at(x + 0.5, y).y);
    const max = L.point(at(x + 1, y + 0.5).x, at(x + 0.5, y + 1).y);
    return L.bounds(min, max);
  },

  /** The same in whole pixels, without which the edges between tiles would show. */
  _tileBox: function (coords) {
    const box = this._trueBox(coords);
    return L.bounds(box.min.round(), box.max.round());
  },

  _getTilePos: function (coords) {
    return this._tileBox(coords).min.subtract(this._level.origin);
  },

  _addTile: function (coords, container) {
    L.TileLayer.prototype._addTile.call(this, coords, container);
    const size = this._tileBox(coords).getSize();
    const style = this._tiles[this._tileCoordsToKey(coords)].el.style;
    style.width = size.x + "px";
    style.height = size.y + "px";
  },
});

/** Tiles that are in the page. */
yuxi.InlinedTileLayer = L.GridLayer.extend({
  _number: function (coords) {
    return this.options.spec.index[coords.z + "/" + coords.x + "/" + coords.y];
  },

  createTile: function (coords, done) {
    const tile = document.createElement("img");
    tile.alt = "";
    tile.onload = () => done(null, tile);
    tile.onerror = () => done(new Error("tile"), tile);
    tile.src = this.options.spec.pictures[this._number(coords)];
    return tile;
  },

  /** The deepest level in the page that is not deeper than the view, or the coarsest. */
  _clampZoom: function (zoom) {
    const levels = this.options.spec.levels;
    return levels.filter((level) => level <= zoom).pop() || levels[0];
  },

  _isValidTile: function (coords) {
    return this._number(coords) !== undefined;
  },
});

/** A basemap: its layers of tiles in a pane below everything, and who made it in a corner. */
yuxi.Basemap = L.LayerGroup.extend({
  initialize: function (spec) {
    this.spec = spec;
    L.LayerGroup.prototype.initialize.call(this, yuxi.tileLayers(spec));
    this.eachLayer((tiles) => this._listen(tiles));
  },

  onAdd: function (map) {
    if (!map.getPane("yuxi-basemap")) map.createPane("yuxi-basemap").style.zIndex = 100;
    L.LayerGroup.prototype.onAdd.call(this, map);
    this._credit = this._credit || yuxi.credit(this.spec);
    this._credit.addTo(map);
  },

  onRemove: function (map) {
    this._credit.remove();
    L.LayerGroup.prototype.onRemove.call(this, map);
  },

  /** Say in the corner, and only there, that nothing of what was asked for could be loaded. */
  _listen: function (tiles) {
    let loaded = false;
    tiles.on("loading", () => { loaded = false; });
    tiles.on("tileload", () => {
      loaded = true;
      if (this._credit) this._credit.failed(false);
    });
    tiles.on("tileerror", () => {
      if (!loaded && this._credit) this._credit.failed(true);
    });
  },
});

/** The Leaflet layer of a basemap's data block. */
yuxi.basemap = function (spec) {
  yuxi.basemapNotice(spec);
  return new yuxi.Basemap(spec);
};

/** The choice of one of the basemaps or none, for the legend. */
yuxi.basemapChoice = function (map, basemaps, parent) {
  const box = yuxi.element("fieldset", "yuxi-basemaps", null, parent);
  const words = basemaps[0].spec.choice;
  yuxi.sayWords(yuxi.element("legend", "yuxi-head", null, box), words[0]);
  for (const chosen of [null].concat(basemaps)) {
    const line = yuxi.element("span", null, null, yuxi.element("label", null, null, box));
    const input = yuxi.element("input", null, null, line);
    const text = yuxi.element("span", null, null, line);
    input.type = "radio";
    input.name = "yuxi-basemap";
    input.checked = chosen ? map.hasLayer(chosen) : !basemaps.some((each) => map.hasLayer(each));
    yuxi.sayWords(text, chosen ? chosen.spec.title : words[1]);
    input.addEventListener("change", function () {
      basemaps.forEach((each) => (each === chosen ? each.addTo(map) : each.remove()));
    });
  }
  return box;
};

/** The layers of tiles of a basemap, the lowest first. A far view is left empty, where small tiles
    of a deep level would be many; the map's own zoom is not limited (beforeAdd does that). */
yuxi.tileLayers = function (spec) {
  const options = {
    pane: "yuxi-basemap",
    spec: spec,
    subdomains: spec.subdomains,
    minZoom: Math.max(0, spec.minZoom - 3),
    minNativeZoom: spec.minZoom,
    maxZoom: 30,
    maxNativeZoom: spec.maxNativeZoom,
  };
  const layers = spec.levels.length
    ? [new yuxi.InlinedTileLayer(options)]
    : spec.urls.map((url) => new (spec.gcj02 ? yuxi.ShiftedTileLayer : L.TileLayer)(url, options));
  for (const tiles of layers) tiles.beforeAdd = L.Util.falseFn;
  return layers;
};

/** Who made the basemap, what to know of it, and whether it failed, in a corner of the map. */
yuxi.credit = function (spec) {
  const control = L.control({ position: "bottomright" });
  const node = yuxi.element("div", "yuxi-credit leaflet-control-attribution");
  const note = (tag, words) => {
    const part = yuxi.element(tag, null, null, node);
    if (words) yuxi.sayOnceStarted(part, words);
    return part;
  };
  // Clear of the scale bar, which is on the other side.
  node.style.maxWidth = "calc(100vw - 140px)";
  node.style.fontSize = "11px";
  note("span", spec.attribution);
  if (spec.attribution[0] && spec.notice) yuxi.element("span", null, " · ", node);
  note("span", spec.notice);
  const failed = note("strong", spec.failed.map((text) => " " + text));
  failed.setAttribute("role", "status");
  failed.hidden = true;
  control.onAdd = () => node;
  control.failed = (yes) => { failed.hidden = !yes; };
  return control;
};

/** What the page must say of the basemap, in the box about the data: shown or not, it is there. */
yuxi.basemapNotice = function (spec) {
  const about = document.querySelector("#yuxi-about > div");
  if (about && spec.notice) yuxi.sayOnceStarted(yuxi.element("p", null, null, about), spec.notice);
};

/** `yuxi.sayWords` for elements made before the page has been told its language. */
yuxi.sayOnceStarted = function (node, words) {
  yuxi.sayWords(node, words);
  window.setTimeout(() => yuxi.sayWords(node, words), 0);
};
