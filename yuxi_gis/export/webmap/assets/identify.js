/* What is here: a click finds the features of all visible layers at a place, the uppermost first,
   and shows them in one popup, the first opened and the others folded. A feature is {layer, i}. */

/** How near to a line or a point a click must be, in pixels. */
yuxi.TOLERANCE = 8;

/** The features of the visible layers at a place, the uppermost first. */
yuxi.featuresAt = function (app, at) {
  const map = app.map;
  const corner = map.containerPointToLatLng(
    map.latLngToContainerPoint(at).add([yuxi.TOLERANCE, yuxi.TOLERANCE])
  );
  const reach = [corner.lng - at.lng, at.lat - corner.lat].map((v) => Math.abs(v) / yuxi.STEP);
  const x = at.lng / yuxi.STEP, y = at.lat / yuxi.STEP;
  const found = [];
  for (const layer of app.shown()) {
    const features = layer.features;
    for (const i of features.meet(x - reach[0], y - reach[1], x + reach[0], y + reach[1])) {
      const category = features.category[i];
      if (layer.hidden[category]) continue;
      const pinned = features.head.categories[category].pin && yuxi.pinned(features, i, x, y, reach);
      if (pinned || features.hits(i, x, y, reach)) found.unshift({ layer: layer, i: i });
    }
  }
  return found;
};

/** Whether the mark of a feature is within reach. */
yuxi.pinned = function (features, i, x, y, reach) {
  const place = features.place(i);
  const dx = (place[0] / yuxi.STEP - x) / reach[0], dy = (place[1] / yuxi.STEP - y) / reach[1];
  return dx * dx + dy * dy <= 1;
};

/* --- What a popup says --- */

/** Copy a text; a promise. */
yuxi.copy = function (text) {
  const byHand = function () {
    const area = yuxi.element("textarea", null, null, document.body);
    const before = document.activeElement;
    area.value = text;
    area.style.position = "fixed";
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (before) before.focus();
    if (!done) throw new Error("copy");
  };
  if (!navigator.clipboard) return Promise.resolve().then(byHand);
  return navigator.clipboard.writeText(text).catch(byHand);
};

/** A button that copies `text` and says so for a moment. */
yuxi.copyButton = function (text, parent) {
  const say = function (key) {
    yuxi.say(button, key);
    setTimeout(() => yuxi.say(button, "popup_copy"), 2000);
  };
  const button = yuxi.button("yuxi-copy", "popup_copy", parent, function (event) {
    event.preventDefault(); // within a summary it would fold
    yuxi.copy(text).then(() => say("popup_copied"), () => say("popup_not_copied"));
  });
  button.setAttribute("aria-live", "polite");
};

/** What is said of a feature: [title, value]; what is empty is left out. */
yuxi.facts = function (feature) {
  const layer = feature.layer, features = layer.features;
  const rows = layer.head.columns.map((column, c) => [
    yuxi.word(column.title), features.value(feature.i, c)
  ]);
  if (!layer.result) {
    rows.push([yuxi.text("popup_village"), features.villageOf(feature.i)]);
    const area = features.area ? features.area[feature.i] : NaN;
    if (area > 0) rows.push([yuxi.text("popup_area"), yuxi.areaText(area)]);
  }
  return rows.filter((row) => row[1]);
};

/** An area in both units. */
yuxi.areaText = function (area) {
  const mu = yuxi.number(area / yuxi.M2_PER_MU, 2) + " " + yuxi.text("legend_mu");
  return yuxi.number(area, 1) + " m² = " + mu;
};

/** The facts of a feature as a table. */
yuxi.card = function (feature, parent) {
  const body = yuxi.element("tbody", null, null, yuxi.element("table", null, null, parent));
  for (const [title, value] of yuxi.facts(feature)) {
    const row = yuxi.element("tr", null, null, body);
    yuxi.element("th", null, title, row).scope = "row";
    yuxi.element("td", null, value, row);
  }
};

/** The heading of a feature: its symbol, layer and code. */
yuxi.caption = function (feature, parent) {
  const features = feature.layer.features;
  const category = features.head.categories[features.category[feature.i]];
  yuxi.swatch(category.pin || category.symbol, parent);
  yuxi.element("b", null, feature.layer.title(), parent);
  yuxi.element("span", "yuxi-code", features.key(feature.i), parent);
};

/** What a popup holds; `open[k]` tells which features are unfolded. */
yuxi.popupContent = function (features, open) {
  const content = yuxi.element("div", "yuxi-popup");
  content.tabIndex = -1;
  content.setAttribute("role", "dialog");
  content.setAttribute("aria-label", yuxi.text("popup_label"));
  features.forEach(function (feature, k) {
    if (k === 1) yuxi.element("p", "yuxi-also", yuxi.text("also_here"), content);
    const section = yuxi.element("details", null, null, content);
    const summary = yuxi.element("summary", null, null, section);
    const code = feature.layer.features.key(feature.i);
    yuxi.caption(feature, summary);
    if (code) yuxi.copyButton(code, summary);
    // Of hundreds at one place, few are looked at.
    const fill = () => section.open && section.children.length < 2 && yuxi.card(feature, section);
    section.open = Boolean(open[k]);
    section.addEventListener("toggle", fill);
    fill();
  });
  return content;
};

/* --- The popup --- */

/** Show features in a popup. The focus goes into it, and back when it closes. */
yuxi.show = function (app, features, at) {
  const map = app.map, narrow = app.narrow();
  const focus = document.activeElement;
  const within = app.popup && app.popup.getElement() && app.popup.getElement().contains(focus);
  const back = within ? app.popup.yuxiBack : focus;
  if (narrow) app.legend.collapse();
  const popup = L.popup({
    maxWidth: Math.min(380, window.innerWidth - 60),
    minWidth: narrow ? 240 : 340,
    maxHeight: Math.max(140, Math.min(420, map.getSize().y - 150)),
    // Beside the buttons, or below them where the screen is narrow.
    autoPanPaddingTopLeft: narrow ? [12, 88] : [52, 12],
    autoPanPaddingBottomRight: [app.covered() + 12, 12],
  })
    .setLatLng(at)
    .setContent(yuxi.popupContent(features, [true]))
    .openOn(map);
  popup.yuxiFeatures = features;
  popup.yuxiBack = back;
  app.popup = popup;
  yuxi.say(popup.getElement().querySelector(".leaflet-popup-close-button"), "close", "aria-label");
  popup.getContent().focus({ preventScroll: true });
  app.select(features[0]);
};

/** The popup in another language, with the same features unfolded. */
yuxi.showAgain = function (popup) {
  const open = Array.from(popup.getContent().children)
    .filter((node) => node.tagName === "DETAILS")
    .map((node) => node.open);
  popup.setContent(yuxi.popupContent(popup.yuxiFeatures, open));
};

/** Give the focus back that a popup had. */
yuxi.leave = function (popup) {
  const focus = document.activeElement;
  const had = focus === document.body || popup.getElement().contains(focus);
  if (had && popup.yuxiBack) popup.yuxiBack.focus({ preventScroll: true });
};

/** Outline features, and nothing else. */
yuxi.outline = function (app, features) {
  if (app.mark) app.mark.remove();
  const latlngs = (path) => path.map((c) => [c[1], c[0]]);
  const style = { color: "#00b8d4", weight: 4, opacity: 1, fill: false, interactive: false };
  const marks = [];
  for (const feature of features) {
    for (const part of feature.layer.features.paths(feature.i)) {
      if (part[0] !== yuxi.KIND.POINT) marks.push(L.polyline(latlngs(part[1]), style));
      else marks.push(L.circleMarker(latlngs(part[1])[0], L.extend({ radius: 9 }, style)));
    }
  }
  app.mark = L.featureGroup(marks).addTo(app.map);
};

/** Outline one feature; null outlines nothing. */
yuxi.highlight = function (app, feature) {
  yuxi.outline(app, feature ? [feature] : []);
};

/* --- Going there --- */

/** As many features are outlined at most. */
yuxi.MAX_OUTLINED = 300;

/** Switch on what is needed to see features. */
yuxi.reveal = function (app, layer, items) {
  if (!app.map.hasLayer(layer)) app.map.addLayer(layer);
  const categories = new Set();
  for (let k = 0; k < items.length; k++) categories.add(layer.features.category[items[k]]);
  yuxi.showCategories(app, layer, categories);
};

/** Look at a box, clear of what lies on the map. */
yuxi.lookAt = function (app, bounds) {
  if (app.narrow()) app.legend.collapse();
  app.map.fitBounds(bounds, {
    maxZoom: 18,
    paddingTopLeft: [60, 60],
    paddingBottomRight: [60 + app.covered(), 60],
    animate: false,
  });
};

/** Go to a feature, switch its layer and category on, open its popup. */
yuxi.goTo = function (app, feature) {
  const features = feature.layer.features;
  yuxi.reveal(app, feature.layer, [feature.i]);
  yuxi.lookAt(app, features.bounds(feature.i));
  const place = features.place(feature.i);
  const at = L.latLng(place[1], place[0]);
  const others = yuxi.featuresAt(app, at).filter(
    (other) => other.layer !== feature.layer || other.i !== feature.i
  );
  yuxi.show(app, [feature].concat(others), at);
};

/** Go to many features by layer: see them all, with an outline where they are not too many. */
yuxi.goToAll = function (app, parts) {
  const bounds = L.latLngBounds([]), found = [];
  for (const part of parts) {
    yuxi.reveal(app, part.layer, part.items);
    bounds.extend(yuxi.boundsOf(part.layer.features, part.items));
    for (let k = 0; k < part.items.length && found.length <= yuxi.MAX_OUTLINED; k++) {
      found.push({ layer: part.layer, i: part.items[k] });
    }
  }
  app.map.closePopup();
  yuxi.lookAt(app, bounds);
  app.select(null);
  yuxi.outline(app, found.length > yuxi.MAX_OUTLINED ? [] : found);
};

/** The bounds of many features. */
yuxi.boundsOf = function (features, items) {
  const boxes = features.boxes;
  let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
  for (let k = 0; k < items.length; k++) {
    const b = 4 * items[k];
    west = Math.min(west, boxes[b]);
    south = Math.min(south, boxes[b + 1]);
    east = Math.max(east, boxes[b + 2]);
    north = Math.max(north, boxes[b + 3]);
  }
  const degrees = (x, y) => [y * yuxi.STEP, x * yuxi.STEP];
  return L.latLngBounds(degrees(west, south), degrees(east, north));
};

yuxi.identify = function (app) {
  app.popup = null;
  app.map.on("click", function (event) {
    const found = yuxi.featuresAt(app, event.latlng);
    if (found.length) yuxi.show(app, found, event.latlng);
  });
  app.map.on("popupclose", function (event) {
    if (event.popup !== app.popup) return;
    yuxi.leave(event.popup);
    app.popup = null;
    app.select(null);
  });
  app.on("select", () => yuxi.highlight(app, app.selected));
  app.on("lang", () => app.popup && yuxi.showAgain(app.popup));
};
