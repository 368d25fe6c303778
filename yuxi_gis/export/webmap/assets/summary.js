/* Totals of what is listed: the features of one layer that are not filtered out and, unless all are
   asked for, have the centre of their box in view; by category and by village.

   Many features are counted in slices, so that the map can be moved meanwhile. */

yuxi.SLICE = 50000;
yuxi.MOST_VILLAGES = 200;

/** Call visit(i) for the features of a layer that are listed. `view` is a L.LatLngBounds, or null
    for everywhere. A generator that pauses now and then. */
yuxi.eachListed = function* (layer, view, visit) {
  const features = layer.features, boxes = features.boxes, category = features.category;
  const hidden = layer.hidden;
  // Twice the centre, in units of the boxes.
  const unit = 2 / yuxi.STEP;
  const west = view ? view.getWest() * unit : -Infinity, east = view ? view.getEast() * unit : Infinity;
  const south = view ? view.getSouth() * unit : -Infinity;
  const north = view ? view.getNorth() * unit : Infinity;
  for (let i = 0; i < features.count; i++) {
    if (i % yuxi.SLICE === yuxi.SLICE - 1) yield;
    const x = boxes[4 * i] + boxes[4 * i + 2], y = boxes[4 * i + 1] + boxes[4 * i + 3];
    if (x < west || x > east || y < south || y > north || hidden[category[i]]) continue;
    visit(i);
  }
};

/** Counts and areas in m² of what is listed: {all, categories, villages}, each {count, area} with
    a number for each category or village; `villages` is null where they are not known. */
yuxi.total = function* (layer, view) {
  const features = layer.features, category = features.category, area = features.area;
  const village = features.village && features.village.number;
  const table = (n) => ({ count: new Float64Array(n), area: new Float64Array(n) });
  const all = table(1), categories = table(layer.head.categories.length);
  const villages = village ? table(features.village.words.length) : null;
  const add = function (sums, k, m2) {
    sums.count[k]++;
    sums.area[k] += m2;
  };
  yield* yuxi.eachListed(layer, view, function (i) {
    const m2 = area && area[i] > 0 ? area[i] : 0;
    add(all, 0, m2);
    add(categories, category[i], m2);
    if (village) add(villages, village[i], m2);
  });
  return { all: all, categories: categories, villages: villages };
};

yuxi.Summary = class {
  constructor(app) {
    this.app = app;
    this.chosen = null; // the layer that a person chose
    this.whole = false;
    this.panel = yuxi.panel(app, "summary", (open) => open && this._sum());
    this._makeHead(this.panel.node);
    this.body = yuxi.element("div", null, null, this.panel.node);
    yuxi.say(yuxi.element("p", "yuxi-sum-note", null, this.panel.node), "summary_note");
    app.map.on("moveend resize", () => this.later());
    app.on("filter ready", () => this.later());
    app.on("lang", () => this._forget());
    app.layers.forEach((layer) => layer.ready.then(() => this.later(), () => null));
  }

  /** The layer that is summed: the chosen one, else the uppermost shown land layer. */
  layer() {
    if (this.chosen) return this.chosen;
    const shown = this.app.shown(), land = shown.filter((layer) => !layer.result);
    const all = this.app.layers;
    return land[land.length - 1] || shown[shown.length - 1] || all[all.length - 1];
  }

  /** What bounds the list: the view, or null for everywhere. */
  view() {
    return this.whole ? null : this.app.map.getBounds();
  }

  /** Sum soon, once for many events. */
  later() {
    clearTimeout(this.timer);
    if (this.panel.opened()) this.timer = setTimeout(() => this._sum(), 120);
  }

  /** What was said in another language. */
  _forget() {
    this.select.textContent = this.body.textContent = "";
    this.later();
  }

  _sum() {
    const layer = this.layer();
    this._fillLayers(layer);
    if (this.job) this.job.cancelled = true;
    if (!layer || !layer.features) return;
    const summary = this;
    this.job = {
      steps: (function* () {
        const sums = yield* yuxi.total(layer, summary.view());
        summary._show(layer, sums);
      })(),
    };
    this._run(this.job);
  }

  /** A slice now and one after each of what waits: tiles that are drawn do not keep it waiting. */
  _run(job) {
    if (!job.cancelled && !job.steps.next().done) setTimeout(() => this._run(job));
  }

  /* --- Its elements --- */

  _makeHead(parent) {
    const row = yuxi.element("div", "yuxi-sum-choices", null, parent);
    this.select = yuxi.element("select", null, null, row);
    yuxi.say(this.select, "summary_layer", "aria-label");
    this.select.addEventListener("change", () => {
      this.chosen = this.app.layers[Number(this.select.value)];
      this.later();
    });
    const group = yuxi.element("div", "yuxi-sum-part", null, row);
    group.setAttribute("role", "group");
    yuxi.say(group, "summary_part", "aria-label");
    this.parts = [["summary_view", false], ["summary_whole", true]].map(([key, whole]) =>
      yuxi.button(null, key, group, () => this._part(whole))
    );
    this._part(false);
    /** Where tools for the list have their buttons. */
    this.actions = yuxi.element("div", "yuxi-sum-actions", null, parent);
  }

  _part(whole) {
    this.whole = whole;
    this.parts.forEach((part, k) => part.setAttribute("aria-pressed", String((k === 1) === whole)));
    this.later();
  }

  /** The layers in the order of the legend; made once in a language, as a person may have the
      list open. */
  _fillLayers(chosen) {
    const layers = this.app.layers;
    for (let k = layers.length - 1; k >= 0 && this.select.length < layers.length; k--) {
      yuxi.element("option", null, layers[k].title(), this.select).value = k;
    }
    this.select.value = layers.indexOf(chosen);
  }

  _show(layer, sums) {
    const focus = document.activeElement && document.activeElement.getAttribute("data-village");
    const features = layer.features, hasArea = features.area !== null;
    this.body.textContent = "";
    this._showTotal(sums.all, hasArea);
    if (!sums.all.count[0]) return;
    const entries = layer.head.categories;
    this._table("summary_kind", sums.categories, hasArea, function (k, cell) {
      yuxi.swatch(entries[k].pin || entries[k].symbol, cell);
      yuxi.element("span", null, yuxi.word(entries[k].label), cell);
    });
    if (!sums.villages) return;
    this._table("summary_village", sums.villages, hasArea, (k, cell) => {
      const name = yuxi.word(features.village.words[k]) || yuxi.text("summary_unknown");
      const link = yuxi.element("button", "yuxi-sum-village", name, cell);
      link.type = "button";
      link.setAttribute("data-village", k);
      link.addEventListener("click", () => this._goToVillage(layer, k));
      if (focus === String(k)) this.again = link;
    });
    if (this.again) this.again.focus();
    this.again = null;
  }

  _showTotal(all, hasArea) {
    const line = yuxi.element("p", "yuxi-sum-total", null, this.body);
    line.setAttribute("role", "status");
    if (!all.count[0]) {
      line.textContent = yuxi.text("summary_none");
      return;
    }
    const part = function (number, key) {
      yuxi.element("b", null, number, line);
      yuxi.element("span", null, yuxi.text(key), line);
    };
    part(yuxi.number(all.count[0]), "summary_features");
    if (hasArea) part(yuxi.number(all.area[0] / yuxi.M2_PER_MU, 2), "summary_mu");
  }

  /** A table of sums, the largest first; `name(k, cell)` fills the cell that says of what. */
  _table(key, sums, hasArea, name) {
    const size = hasArea ? sums.area : sums.count;
    const rows = Array.from(sums.count.keys()).filter((k) => sums.count[k] > 0);
    rows.sort((a, b) => size[b] - size[a] || sums.count[b] - sums.count[a]);
    const total = rows.reduce((sum, k) => sum + size[k], 0) || 1;
    const table = yuxi.element("table", "yuxi-sums", null, this.body);
    const head = yuxi.element("tr", null, null, yuxi.element("thead", null, null, table));
    const keys = [key, "summary_count"].concat(hasArea ? ["summary_mu"] : []);
    keys.forEach((title) => (yuxi.element("th", null, yuxi.text(title), head).scope = "col"));
    const body = yuxi.element("tbody", null, null, table);
    for (const k of rows.slice(0, yuxi.MOST_VILLAGES)) {
      const row = yuxi.element("tr", null, null, body);
      const cell = yuxi.element("th", null, null, row);
      cell.scope = "row";
      name(k, yuxi.element("div", "yuxi-sum-name", null, cell));
      const bar = yuxi.element("div", "yuxi-sum-share", null, cell);
      yuxi.element("div", null, null, bar).style.width = (100 * size[k]) / total + "%";
      yuxi.element("td", null, yuxi.number(sums.count[k]), row);
      if (hasArea) yuxi.element("td", null, yuxi.number(sums.area[k] / yuxi.M2_PER_MU, 2), row);
    }
    const left = rows.length - yuxi.MOST_VILLAGES;
    if (left > 0) {
      yuxi.element("p", "yuxi-sum-note", yuxi.text("summary_more").replace("{n}", left), this.body);
    }
  }

  _goToVillage(layer, village) {
    const features = layer.features, boxes = features.boxes, number = features.village.number;
    let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
    for (let i = 0; i < features.count; i++) {
      if (number[i] !== village || layer.hidden[features.category[i]]) continue;
      west = Math.min(west, boxes[4 * i]);
      south = Math.min(south, boxes[4 * i + 1]);
      east = Math.max(east, boxes[4 * i + 2]);
      north = Math.max(north, boxes[4 * i + 3]);
    }
    if (west > east) return;
    const corners = [[south, west], [north, east]].map((at) => at.map((v) => v * yuxi.STEP));
    this.app.map.fitBounds(corners, {
      maxZoom: 18,
      paddingTopLeft: [50, 12],
      paddingBottomRight: [this.app.covered() + 12, 40],
      animate: false,
    });
  }
};

yuxi.summary = function (app) {
  app.summary = new yuxi.Summary(app);
};
