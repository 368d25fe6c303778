/* A Leaflet layer of many features: canvas tiles from a grid index.

   Tiles take no part in Leaflet's mouse handling: clicks are resolved over all layers at once in
   identify.js, so that an upper layer never hides a lower one from them. */

yuxi.Layer = L.GridLayer.extend({
  options: { pane: "yuxi-features", tileSize: 256, keepBuffer: 1, updateWhenZooming: false },

  /** From the data blocks of the element `name`. */
  initialize: function (name) {
    L.GridLayer.prototype.initialize.call(this, {});
    this.head = yuxi.data(name + "_head");
    this.id = this.head.id;
    this.result = this.head.result;
    this.hidden = this.head.categories.map(() => false);
    this.faded = false;
    /** Pixels of a tile in one of the page; null: as the screen has them. */
    this.ratio = null;
    this.features = null;
    this.jobs = new Map();
    const block = document.getElementById(name + "_data");
    /** Resolved when the features can be asked. */
    this.ready = yuxi.unpack(block.textContent, this.head.streams).then((streams) => {
      block.textContent = "";
      this.features = new yuxi.Features(this.head, streams);
      return this;
    });
    this.ready.catch((error) => yuxi.fail(error, this.head.title));
    this.on("tileunload", (event) => this._cancel(event.tile));
  },

  title: function () {
    return yuxi.word(this.head.title);
  },

  onAdd: function (map) {
    if (!map.getPane("yuxi-features")) map.createPane("yuxi-features").style.zIndex = 300;
    L.GridLayer.prototype.onAdd.call(this, map);
  },

  createTile: function (coords, done) {
    const tile = yuxi.element("canvas", "yuxi-tile");
    tile.width = tile.height = 0;
    this.ready.then(() => this._map && this._draw(tile, coords, () => done(null, tile)));
    return tile;
  },

  /** Show or hide a category. */
  filter: function (category, hidden) {
    this.hidden[category] = hidden;
    this.refresh();
  },

  /** Fills fade while a picture is shown below them, so that it can be seen. */
  fade: function (faded) {
    if (this.faded === faded) return;
    this.faded = faded;
    this.refresh();
  },

  /** Draw all tiles anew. */
  refresh: function () {
    if (!this._map || !this.features) return;
    for (const key in this._tiles) {
      const tile = this._tiles[key];
      this._cancel(tile.el);
      this._draw(tile.el, tile.coords, () => {
        if (!tile.loaded) this._tileReady(tile.coords, null, tile.el);
      });
    }
  },

  _draw: function (tile, coords, done) {
    const layer = this, size = this.getTileSize().x;
    const here = yuxi.featuresOf(this, coords, size);
    // An empty tile needs no canvas.
    if (!here.length) return done();
    const job = { cancelled: false };
    job.steps = (function* () {
      if (!layer._map) return;
      const ratio = layer.ratio || Math.min(2, window.devicePixelRatio || 1);
      tile.width = tile.height = size * ratio;
      const context = tile.getContext("2d");
      context.scale(ratio, ratio);
      yield* yuxi.paint(layer, context, coords, size, here);
      layer.jobs.delete(tile);
      done();
    })();
    this.jobs.set(tile, job);
    yuxi.queue.add(job);
  },

  _cancel: function (tile) {
    const job = this.jobs.get(tile);
    if (job) job.cancelled = true;
    this.jobs.delete(tile);
  },
});

yuxi.layer = function (name) {
  return new yuxi.Layer(name);
};
