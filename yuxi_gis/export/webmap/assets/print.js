/* Print the map on one sheet of A4 or A3: title, map, legend of what is shown, scale, north,
   date, notes and sources.

   The map itself is moved onto a sheet of the paper's size, drawn there for the same view, and
   moved back when printing is over. */

yuxi.PAPERS = { A4: [210, 297], A3: [297, 420] };
/** Margin of the paper in mm; what is left is the sheet. */
yuxi.MARGIN = 10;
/** Pixels of CSS in a millimetre of paper. */
yuxi.PER_MM = 96 / 25.4;
/** Dots of a tile for each of these pixels. */
yuxi.PRINT_RATIO = 2;

/** Metres on the ground for a pixel of CSS at zoom 0 and a latitude: the mean of east and north,
    which differ by 0.6 % since Web Mercator takes the ellipsoid for a sphere. */
yuxi.groundPixel = function (lat) {
  const f = yuxi.ELLIPSOID.f, square = f * (2 - f), degree = Math.PI / 180;
  const w = 1 - square * Math.pow(Math.sin(lat * degree), 2);
  const stretch = Math.sqrt(1 - square) / w;
  return (Math.cos(lat * degree) * stretch * 2 * Math.PI * yuxi.ELLIPSOID.a) / 256;
};

/** The least of the usual numbers 1, 1.5, 2, … × 10ⁿ that is not less than `value`. */
yuxi.roundUp = function (value, steps) {
  const unit = Math.pow(10, Math.floor(Math.log10(value)));
  return unit * steps.concat([10]).find((step) => step * unit >= value * (1 - 1e-9));
};

/** The number after "1:" at a zoom and a latitude, and the zoom for such a number. */
yuxi.scaleAt = function (zoom, lat) {
  return (yuxi.groundPixel(lat) / Math.pow(2, zoom)) * yuxi.PER_MM * 1000;
};
yuxi.zoomFor = function (scale, lat) {
  return Math.log2((yuxi.groundPixel(lat) * yuxi.PER_MM * 1000) / scale);
};

/** What of the map is not covered by the legend. */
yuxi.uncovered = function (app) {
  const map = app.map, size = map.getSize();
  const corner = L.point(Math.max(size.x / 2, size.x - app.covered()), size.y);
  return L.latLngBounds(map.containerPointToLatLng([0, 0]), map.containerPointToLatLng(corner));
};

/** Show all of `bounds` in the map at a round scale; gives the scale. */
yuxi.fitScale = function (map, bounds) {
  const center = bounds.getCenter();
  map.options.zoomSnap = 0;
  map.invalidateSize({ animate: false, pan: false });
  const scale = yuxi.roundUp(
    yuxi.scaleAt(map.getBoundsZoom(bounds), center.lat), [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5]
  );
  map.setView(center, yuxi.zoomFor(scale, center.lat), { animate: false });
  return Math.round(scale);
};

/* --- The parts of the sheet --- */

/** The categories of a layer that are on the map now and not filtered out. */
yuxi.seen = function (layer, bounds) {
  const features = layer.features, seen = layer.head.categories.map(() => false);
  features.within(bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth(), (i) => {
    seen[features.category[i]] = true;
  });
  return layer.head.categories.filter((category, c) => seen[c] && !layer.hidden[c]);
};

/** The legend: what is on the map, the uppermost first; smaller where there is much. */
yuxi.sheetLegend = function (app, box) {
  const bounds = app.map.getBounds();
  yuxi.element("h2", null, yuxi.text("print_legend"), box);
  for (const layer of app.shown().reverse()) {
    const categories = yuxi.seen(layer, bounds);
    if (!categories.length) continue;
    const group = yuxi.element("div", null, null, box);
    yuxi.element("h3", null, layer.title(), group);
    for (const category of categories) {
      const line = yuxi.element("div", "yuxi-sheet-class", null, group);
      yuxi.swatch(category.pin || category.symbol, line);
      yuxi.element("span", null, yuxi.word(category.label), line);
    }
  }
  const scene = app.scenes.find((other) => app.map.hasLayer(other));
  if (scene) yuxi.element("h3", null, yuxi.word(scene.yuxiTitle), box);
  const over = () => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1;
  for (let size = 9; over() && size > 4; size -= 0.5) box.style.fontSize = size + "pt";
};

/** The bar of a round length, and the scale as a number. */
yuxi.sheetScale = function (scale, box) {
  const metres = yuxi.roundUp((scale * 25) / 1000, [1, 2, 5]), long = metres >= 1000;
  const bar = yuxi.element("div", "yuxi-sheet-bar", null, box);
  bar.style.width = (metres * 1000) / scale + "mm";
  for (const part of [0, 0.5, 1]) {
    const label = String(Number(((metres * part) / (long ? 1000 : 1)).toPrecision(6)));
    yuxi.element("span", null, label + (part === 1 ? (long ? " km" : " m") : ""), bar);
  }
  yuxi.element("strong", null, "1:" + yuxi.number(scale).replace(/,/g, "\u2009"), box);
  yuxi.element("small", null, yuxi.text("print_scale"), box);
};

/** Notes of the page, source files of what is shown, and the date. */
yuxi.sheetNotes = function (app, box) {
  const notes = Array.from(document.querySelectorAll("#yuxi-about p"), (note) => note.textContent);
  yuxi.element("p", null, notes.join(" "), box);
  const shown = app.shown().map((layer) => layer.head.title);
  app.scenes.forEach((scene) => app.map.hasLayer(scene) && shown.push(scene.yuxiTitle));
  const titles = [].concat.apply([], shown);
  const files = new Set();
  document.querySelectorAll("#yuxi-about table tr").forEach(function (row) {
    const name = row.cells[0].textContent, file = row.cells.length > 3 && row.cells[3].textContent;
    if (file && titles.some((title) => title.indexOf(name) === 0)) files.add(file);
  });
  const last = yuxi.element("p", null, null, box);
  if (files.size) {
    const sources = yuxi.text("print_sources") + Array.from(files).join(", ");
    yuxi.element("span", "yuxi-sheet-sources", sources, last);
  }
  const now = new Date(), two = (number) => ("0" + number).slice(-2);
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  yuxi.element("time", null, yuxi.text("print_date") + date, last);
};

/** An empty sheet: {node, frame, side, scale, notes}. */
yuxi.sheet = function (paper, landscape, title) {
  const node = yuxi.element("div", landscape ? "yuxi-landscape" : "yuxi-portrait", null, document.body);
  const size = yuxi.PAPERS[paper].slice();
  if (landscape) size.reverse();
  node.id = "yuxi-sheet";
  // Half a millimetre less than there is: rounding must not begin another page.
  node.style.width = size[0] - 2 * yuxi.MARGIN + "mm";
  node.style.height = size[1] - 2 * yuxi.MARGIN - 0.5 + "mm";
  yuxi.element("h1", null, title, node);
  const frame = yuxi.element("div", "yuxi-sheet-map", null, node);
  const north = yuxi.element("div", "yuxi-north", null, frame);
  yuxi.element("span", "yuxi-arrow", null, north);
  yuxi.element("span", null, yuxi.text("north"), north);
  const part = (name) => yuxi.element("div", "yuxi-sheet-" + name, null, node);
  return { node: node, frame: frame, side: part("legend"), scale: part("scale"), notes: part("notes") };
};

/* --- Printing --- */

/** Draw all tiles with so many pixels in one of the page; null: as the screen has them. */
yuxi.drawAt = function (app, ratio) {
  app.layers.forEach(function (layer) {
    layer.ratio = ratio;
    layer.refresh();
  });
};

/** Lay out the sheet; gives what undoes all of it. */
yuxi.layOut = function (app, paper, landscape, title) {
  const map = app.map, container = map.getContainer(), bounds = yuxi.uncovered(app);
  const before = { center: map.getCenter(), zoom: map.getZoom(), snap: map.options.zoomSnap };
  const place = document.createComment("map");
  map.closePopup();
  container.parentNode.replaceChild(place, container);
  const sheet = yuxi.sheet(paper, landscape, title);
  sheet.frame.insertBefore(container, sheet.frame.firstChild);
  document.body.classList.add("yuxi-printing");
  const rule = "@page { size: " + paper + " " + (landscape ? "landscape" : "portrait") +
    "; margin: " + yuxi.MARGIN + "mm; }";
  const style = document.styleSheets[0];
  style.insertRule(rule, style.cssRules.length);
  yuxi.drawAt(app, Math.max(yuxi.PRINT_RATIO, window.devicePixelRatio));
  const scale = yuxi.fitScale(map, bounds);
  yuxi.sheetLegend(app, sheet.side);
  yuxi.sheetScale(scale, sheet.scale);
  yuxi.sheetNotes(app, sheet.notes);
  return function () {
    for (let i = style.cssRules.length - 1; i >= 0; i--) {
      if (style.cssRules[i].type === CSSRule.PAGE_RULE) style.deleteRule(i);
    }
    document.body.classList.remove("yuxi-printing");
    place.parentNode.replaceChild(container, place);
    sheet.node.remove();
    yuxi.drawAt(app, null);
    map.options.zoomSnap = before.snap;
    map.invalidateSize({ animate: false, pan: false });
    map.setView(before.center, before.zoom, { animate: false });
  };
};

/** Draw what waits, a while without a break: nobody moves the map now. */
yuxi.hurry = function () {
  const jobs = yuxi.queue.jobs, end = performance.now() + 200;
  while (jobs.length && performance.now() < end) {
    if (jobs[0].cancelled || jobs[0].steps.next().done) jobs.shift();
  }
};

/** Resolved when all that is on the map is drawn, or after 30 seconds. */
yuxi.drawn = function (app) {
  const late = Date.now() + 30000;
  const busy = function () {
    yuxi.hurry();
    let found = yuxi.queue.jobs.length > 0 || app.layers.some((layer) => !layer.features);
    // isLoading() stays true when the last missing tiles are dropped.
    app.map.eachLayer((layer) => {
      found = found || (layer instanceof L.GridLayer && !layer._noTilesToLoad());
    });
    return found;
  };
  return new Promise(function (resolve) {
    const look = () => (busy() && Date.now() < late ? setTimeout(look, 20) : resolve());
    setTimeout(look, 50);
  });
};

/** The panel's form: paper, orientation, title. */
yuxi.printForm = function (parent, action) {
  const form = yuxi.element("form", "yuxi-print", null, parent);
  const fields = {};
  const field = function (name, tag) {
    const label = yuxi.element("label", null, null, form);
    yuxi.say(yuxi.element("span", null, null, label), "print_" + name);
    fields[name] = yuxi.element(tag, null, null, label);
    return fields[name];
  };
  const paper = field("paper", "select");
  Object.keys(yuxi.PAPERS).forEach((name) => (yuxi.element("option", null, name, paper).value = name));
  const turn = field("turn", "select");
  for (const name of ["landscape", "portrait"]) {
    const option = yuxi.element("option", null, null, turn);
    option.value = name;
    yuxi.say(option, "print_" + name);
  }
  field("title", "input").maxLength = 60;
  yuxi.button(null, "print", form, null).type = "submit";
  yuxi.say(yuxi.element("p", null, null, form), "print_hint");
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    action(paper.value, turn.value === "landscape", fields.title.value);
  });
  return fields;
};

yuxi.print = function (app) {
  const heading = document.querySelector("#yuxi-bar h1");
  let restore = null;
  const panel = yuxi.panel(app, "print", function (open) {
    if (open && !fields.title.value) fields.title.value = heading.textContent;
  });
  const fields = yuxi.printForm(panel.node, function (paper, landscape, title) {
    panel.toggle(false);
    const undo = yuxi.layOut(app, paper, landscape, title);
    restore = function () {
      restore = null;
      undo();
    };
    yuxi.drawn(app).then(function () {
      if (!restore) return;
      window.print();
      // Chrome before 63 waits here and does not say when printing is over.
      if (!("onafterprint" in window)) restore();
    });
  });
  window.addEventListener("afterprint", () => restore && restore());
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && restore) restore();
  });
};
