/* Step through suspected changes, largest first: where it is, its pictures before and after, and
   the parcels concerned. Only the one that is looked at is in the page. */

/** From which confidence on it is called what. */
yuxi.SURE = [[0.8, "changes_high"], [0.5, "changes_middle"], [0, "changes_low"]];

yuxi.Changes = class {
  constructor(app) {
    this.app = app;
    this.list = app.settings.changes;
    this.byConfidence = false;
    // What may be the season's is left out, unless there is nothing else.
    this.seasonal = this.list.items.every((item) => item.seasonal);
    /** By layer id: the number of the feature with a key. */
    this.numbers = {};
    this.panel = yuxi.panel(app, "changes", (open) => open && this._open());
    this._makeHead(this.panel.node);
    this.card = yuxi.element("div", "yuxi-change", null, this.panel.node);
    yuxi.say(yuxi.element("p", "yuxi-change-note", null, this.panel.node), "changes_note");
    this.panel.node.tabIndex = -1;
    this.panel.node.addEventListener("keydown", (event) => this._key(event));
    this._arrange();
    app.on("lang", () => this._render());
    app.on("ready", () => this.panel.opened() && this.step(this.at));
    app.on("select", () => this._follow());
  }

  /** Look at the change at this place of the list. */
  step(at) {
    if (!this.order.length) return this._render();
    this.at = Math.max(0, Math.min(this.order.length - 1, at));
    this._render();
    this._show(this._feature(this.item()));
  }

  /** The change that is looked at. */
  item() {
    return this.list.items[this.order[this.at]];
  }

  /* --- The list --- */

  _arrange() {
    const items = this.list.items, sure = (i) => items[i].confidence || 0;
    const wanted = (i) => this.seasonal || !items[i].seasonal;
    this.order = items.map((item, i) => i).filter(wanted);
    if (this.byConfidence) this.order.sort((a, b) => sure(b) - sure(a) || a - b);
    this.at = 0;
  }

  /** The feature {layer, i} of a change; null where it is not on the map. */
  _feature(item) {
    const layer = this.app.layers.find((each) => each.id === item.layer);
    if (!layer || !layer.features) return null;
    if (!this.numbers[layer.id]) {
      const numbers = (this.numbers[layer.id] = new Map());
      for (let i = 0; i < layer.features.count; i++) numbers.set(layer.features.key(i), i);
    }
    const i = this.numbers[layer.id].get(item.key);
    return i === undefined ? null : { layer: layer, i: i };
  }

  /** The feature of a parcel that a change lies on. */
  _parcel(item, parcel) {
    const layer = this.app.layers.find((each) => each.id === parcel.layer);
    const change = this._feature(item);
    if (!change || !layer || !layer.features) return null;
    const [west, south, east, north] = change.layer.features.box(change.i);
    let found = null;
    layer.features.within(west, south, east, north, (i) => {
      if (layer.features.key(i) === parcel.key) found = { layer: layer, i: i };
    });
    return found;
  }

  /** Bring a change into view and select it. */
  _show(feature) {
    const app = this.app, map = app.map;
    if (!feature) return;
    map.closePopup();
    if (!map.hasLayer(feature.layer)) map.addLayer(feature.layer);
    map.fitBounds(feature.layer.features.bounds(feature.i), {
      maxZoom: 18,
      paddingTopLeft: [60, 60],
      paddingBottomRight: [60 + app.covered(), 60],
      animate: false,
    });
    app.select(feature);
  }

  /** When a change is chosen on the map, it is the one that is looked at. */
  _follow() {
    const chosen = this.app.selected;
    if (!chosen || !this.panel.opened() || !/^(seasonal_)?patches$/.test(chosen.layer.id)) return;
    const key = chosen.layer.features.key(chosen.i), items = this.list.items;
    const at = this.order.findIndex(
      (n) => items[n].layer === chosen.layer.id && items[n].key === key
    );
    if (at < 0 || at === this.at) return;
    this.at = at;
    this._render();
  }

  /* --- The panel --- */

  _open() {
    this.step(this.at);
    this.panel.node.focus({ preventScroll: true });
  }

  _makeHead(parent) {
    const row = yuxi.element("div", "yuxi-steps", null, parent);
    this.backward = [
      yuxi.button("yuxi-step", "changes_first", row, () => this.step(0)),
      yuxi.button("yuxi-step", "changes_previous", row, () => this.step(this.at - 1)),
    ];
    this.where = yuxi.element("b", "yuxi-where", null, row);
    this.where.setAttribute("role", "status");
    this.forward = yuxi.button("yuxi-step", "changes_next", row, () => this.step(this.at + 1));
    yuxi.say(row, "changes_keys", "title");
    const options = yuxi.element("div", "yuxi-change-options", null, parent);
    this._makeSort(options);
    if (this.list.items.some((item) => item.seasonal)) this._makeFilter(options);
  }

  _makeSort(parent) {
    const label = yuxi.element("label", null, null, parent);
    yuxi.say(yuxi.element("span", null, null, label), "changes_sort");
    const select = yuxi.element("select", null, null, label);
    for (const key of ["changes_by_area", "changes_by_confidence"]) {
      yuxi.say(yuxi.element("option", null, null, select), key);
    }
    select.addEventListener("change", () => {
      this.byConfidence = select.selectedIndex === 1;
      this._arrange();
      this.step(0);
    });
  }

  _makeFilter(parent) {
    const label = yuxi.element("label", null, null, parent);
    const input = yuxi.element("input", null, null, label);
    input.type = "checkbox";
    input.checked = this.seasonal;
    yuxi.say(yuxi.element("span", null, null, label), "changes_seasonal");
    input.addEventListener("change", () => {
      this.seasonal = input.checked;
      this._arrange();
      this.step(0);
    });
  }

  _key(event) {
    const to = {
      ArrowRight: this.at + 1,
      ArrowDown: this.at + 1,
      ArrowLeft: this.at - 1,
      ArrowUp: this.at - 1,
      Home: 0,
      End: this.order.length - 1,
    };
    if (event.target.tagName === "SELECT" || !(event.key in to)) return;
    event.preventDefault();
    // What has the focus may be gone with the change it belongs to.
    if (this.card.contains(event.target)) this.panel.node.focus({ preventScroll: true });
    this.step(to[event.key]);
  }

  _render() {
    const count = this.order.length, card = this.card;
    this.where.textContent = count ? yuxi.number(this.at + 1) + " / " + yuxi.number(count) : "0";
    this.backward.forEach((node) => node.setAttribute("aria-disabled", String(this.at === 0)));
    this.forward.setAttribute("aria-disabled", String(this.at >= count - 1));
    card.textContent = "";
    if (!count) return yuxi.element("p", null, yuxi.text("changes_none"), card);
    const item = this.item();
    this._renderTitle(item, card);
    this._renderPicture(item, card);
    this._renderFacts(item, card);
    this._renderParcels(item, card);
  }

  _renderTitle(item, parent) {
    const feature = this._feature(item), line = yuxi.element("div", "yuxi-change-title", null, parent);
    if (feature) {
      const features = feature.layer.features;
      yuxi.swatch(features.head.categories[features.category[feature.i]].symbol, line);
    }
    const season = item.seasonal ? " · " + yuxi.text("seasonal") : "";
    yuxi.element("b", null, yuxi.word(this.list.kinds[item.kind]) + season, line);
    yuxi.element("span", "yuxi-code", item.key, line);
  }

  _renderPicture(item, parent) {
    if (item.chip) {
      const button = yuxi.element("button", "yuxi-chip", null, parent);
      button.type = "button";
      button.title = yuxi.text("changes_picture");
      const image = yuxi.element("img", null, null, button);
      image.alt = yuxi.text("changes_picture");
      image.src = item.chip;
      button.addEventListener("click", () => yuxi.enlarge(item.chip, button));
    } else if (this.list.chips) {
      const text = yuxi.text("changes_no_picture").replace("{n}", this.list.chips);
      yuxi.element("p", "yuxi-change-note", text, parent);
    }
  }

  _renderFacts(item, parent) {
    const table = yuxi.element("table", "yuxi-change-facts", null, parent);
    const body = yuxi.element("tbody", null, null, table);
    const add = function (key, text) {
      const row = yuxi.element("tr", null, null, body);
      yuxi.element("th", null, yuxi.text(key), row).scope = "row";
      return yuxi.element("td", null, text, row);
    };
    add("area_m2", yuxi.number(item.m2, 1));
    add("area_mu", yuxi.number(item.m2 / yuxi.M2_PER_MU, 2));
    if (item.confidence === null) return;
    const word = yuxi.text(yuxi.SURE.find((row) => item.confidence >= row[0])[1]);
    const cell = add("confidence", item.confidence.toFixed(2) + " · " + word);
    const meaning = yuxi.text("changes_of_hundred").replace("{n}", Math.round(100 * item.confidence));
    yuxi.element("div", "yuxi-change-note", meaning, cell);
  }

  _renderParcels(item, parent) {
    yuxi.element("h3", null, yuxi.text("changes_parcels"), parent);
    if (!item.parcels.length) {
      yuxi.element("p", "yuxi-change-note", yuxi.text("changes_no_parcels"), parent);
    }
    const list = yuxi.element("ul", "yuxi-change-parcels", null, parent);
    item.parcels.forEach((parcel) => this._renderParcel(item, parcel, list));
    if (item.more) {
      const text = yuxi.text("changes_more_parcels").replace("{n}", item.more);
      yuxi.element("li", "yuxi-change-note", text, list);
    }
  }

  _renderParcel(item, parcel, list) {
    const feature = parcel.key ? this._parcel(item, parcel) : null;
    const line = yuxi.element("li", null, null, list);
    const box = yuxi.element(feature ? "button" : "div", "yuxi-change-parcel", null, line);
    const layer = this.app.layers.find((each) => each.id === parcel.layer);
    yuxi.element("b", null, layer ? layer.title() : parcel.layer, box);
    yuxi.element("span", "yuxi-code", parcel.key, box);
    const mu = yuxi.number(parcel.m2 / yuxi.M2_PER_MU, 2) + " " + yuxi.text("changes_mu");
    const share = yuxi.text("changes_share").replace("{share}", (100 * parcel.share).toFixed(1));
    const amount = [yuxi.number(parcel.m2, 1) + " m²", mu, share].join(" · ");
    yuxi.element("span", "yuxi-change-note", amount, box);
    if (!feature) return;
    box.type = "button";
    box.addEventListener("click", () => yuxi.goTo(this.app, feature));
  }
};

/** A picture as large as the page; a click or Escape takes it away again. */
yuxi.enlarge = function (url, from) {
  const box = yuxi.element("div", "yuxi-large", null, document.body);
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-modal", "true");
  yuxi.say(box, "changes_picture", "aria-label");
  const image = yuxi.element("img", null, null, box);
  image.alt = "";
  image.src = url;
  const close = yuxi.element("button", "yuxi-close", "×", box);
  close.type = "button";
  yuxi.say(close, "close", "aria-label");
  const leave = function () {
    box.remove();
    from.focus();
  };
  box.addEventListener("click", leave);
  box.addEventListener("keydown", function (event) {
    event.stopPropagation();
    if (event.key === "Escape") leave();
    // The button is all there is to go to.
    else if (event.key === "Tab") event.preventDefault();
  });
  close.focus();
};

yuxi.changes = function (app) {
  const list = app.settings.changes;
  if (list && list.items.length) app.changes = new yuxi.Changes(app);
};
