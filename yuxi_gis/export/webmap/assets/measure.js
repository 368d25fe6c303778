/* Measure a length or an area on the ellipsoid of CGCS2000 (WGS 84 has the same to 0.1 mm).

   A sheet over the map takes the clicks, so that no popup opens while measuring; dragging and
   zooming go through it. Several measurements stay until they are cleared. */

yuxi.ELLIPSOID = { a: 6378137, f: 1 / 298.257222101 };

/** The geodesic between two places [lng, lat] in metres: Vincenty's inverse formula, Survey
    Review 23(176), 1975, doi:10.1179/sre.1975.23.176.88. NaN for places opposite on the globe. */
yuxi.geodesic = function (from, to) {
  const a = yuxi.ELLIPSOID.a, f = yuxi.ELLIPSOID.f, b = a * (1 - f), degree = Math.PI / 180;
  const east = (to[0] - from[0]) * degree;
  const u1 = Math.atan((1 - f) * Math.tan(from[1] * degree));
  const u2 = Math.atan((1 - f) * Math.tan(to[1] * degree));
  const sin1 = Math.sin(u1), cos1 = Math.cos(u1), sin2 = Math.sin(u2), cos2 = Math.cos(u2);
  let lambda = east;
  for (let step = 0; step < 100; step++) {
    const x = cos2 * Math.sin(lambda), y = cos1 * sin2 - sin1 * cos2 * Math.cos(lambda);
    const sin = Math.sqrt(x * x + y * y), cos = sin1 * sin2 + cos1 * cos2 * Math.cos(lambda);
    if (sin === 0) return 0;
    const sigma = Math.atan2(sin, cos), alpha = (cos1 * cos2 * Math.sin(lambda)) / sin;
    const square = 1 - alpha * alpha;
    const middle = square > 0 ? cos - (2 * sin1 * sin2) / square : 0;
    const c = (f / 16) * square * (4 + f * (4 - 3 * square));
    const arc = middle + c * cos * (2 * middle * middle - 1);
    const next = east + (1 - c) * f * alpha * (sigma + c * sin * arc);
    if (Math.abs(next - lambda) > 1e-13) {
      lambda = next;
      continue;
    }
    const k = (square * (a * a - b * b)) / (b * b);
    const big = 1 + (k / 16384) * (4096 + k * (k * (320 - 175 * k) - 768));
    const small = (k / 1024) * (256 + k * (k * (74 - 47 * k) - 128));
    const twice = 2 * middle * middle - 1;
    const last = (small / 6) * middle * (4 * sin * sin - 3) * (4 * middle * middle - 3);
    return b * big * (sigma - small * sin * (middle + (small / 4) * (cos * twice - last)));
  }
  return NaN;
};

/** The length of a path of [lng, lat] in metres. */
yuxi.lengthOf = function (path) {
  return path.slice(1).reduce((sum, to, i) => sum + yuxi.geodesic(path[i], to), 0);
};

/** Twice the area between equator and a latitude (radians) per radian of longitude, in units of
    a²: q of Snyder, USGS Professional Paper 1395 (1987), eq. 3-12. */
yuxi.authalic = function (lat) {
  const f = yuxi.ELLIPSOID.f, e = Math.sqrt(f * (2 - f)), s = e * Math.sin(lat);
  return (1 - e * e) * (s / (e * (1 - s * s)) + Math.log((1 + s) / (1 - s)) / (2 * e));
};

/** The area of a ring of [lng, lat] in m², its edges straight on the map (Web Mercator): the
    equal-area cylindrical ordinate, integrated along each edge by Simpson's rule. */
yuxi.areaOf = function (ring) {
  const degree = Math.PI / 180, a = yuxi.ELLIPSOID.a;
  const mercator = (lat) => Math.log(Math.tan(Math.PI / 4 + (lat * degree) / 2));
  const base = yuxi.authalic(ring[0][1] * degree);
  const above = (y) => yuxi.authalic(2 * Math.atan(Math.exp(y)) - Math.PI / 2) - base;
  let sum = 0;
  ring.forEach(function (from, i) {
    const to = ring[(i + 1) % ring.length];
    const start = mercator(from[1]), rise = mercator(to[1]) - start, run = (to[0] - from[0]) * degree;
    const pieces = 1 + Math.floor(10 * Math.max(Math.abs(rise), Math.abs(run)) / degree);
    for (let k = 0; k < pieces; k++) {
      const y = (share) => above(start + (rise * (k + share)) / pieces);
      sum += ((y(0) + 4 * y(0.5) + y(1)) / 6) * (run / pieces);
    }
  });
  return Math.abs(sum) * a * a / 2;
};

/** Whether two edges of a ring that are not neighbours cross or touch. */
yuxi.crosses = function (ring) {
  const n = ring.length;
  const turn = (a, b, c) => Math.sign(
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
  );
  for (let i = 0; i < n; i++) {
    const a = ring[i], b = ring[i + 1];
    for (let j = i + 2; j < n - (i ? 0 : 1); j++) {
      const c = ring[j], d = ring[(j + 1) % n];
      if (turn(a, b, c) !== turn(a, b, d) && turn(c, d, a) !== turn(c, d, b)) return true;
    }
  }
  return false;
};

/** How many vertices a measurement needs, and its figures for people. */
yuxi.MEASURES = {
  length: {
    least: 2,
    say: function (path) {
      const metres = yuxi.lengthOf(path);
      return [metres < 1000 ? yuxi.number(metres, 1) + " m" : yuxi.number(metres / 1000, 3) + " km"];
    },
  },
  area: {
    least: 3,
    say: function (path) {
      const area = yuxi.areaOf(path);
      const figures = [
        yuxi.number(area, area < 1e5 ? 1 : 0) + " m²",
        yuxi.number((area * 3) / 2000, 2) + " " + yuxi.text("measure_mu"),
        yuxi.number(area / 1e4, 4) + " " + yuxi.text("measure_ha"),
      ];
      if (yuxi.crosses(path)) figures.push(yuxi.text("measure_crosses"));
      return figures;
    },
  },
};

/** One measurement as it is drawn: vertices [lng, lat], and the place of the pointer, if any. */
yuxi.Sketch = class {
  constructor(map, mode) {
    this.map = map;
    this.mode = mode;
    this.path = [];
    const options = { pane: "yuxi-measure", renderer: yuxi.measureRenderer(map), interactive: false };
    const line = (style) => L[mode === "area" ? "polygon" : "polyline"]([], L.extend(style, options));
    this.lines = [
      line({ color: "#fff", weight: 5, opacity: 0.9, fill: false }),
      line({ color: "#b3005e", weight: 2.5, fillOpacity: 0.12 }),
    ];
    this.dots = L.featureGroup().addTo(map);
    this.dot = L.extend({ radius: 3.5, color: "#b3005e", weight: 2, fillColor: "#fff", fillOpacity: 1 },
      options);
    this.label = L.tooltip({ permanent: true, className: "yuxi-measured", opacity: 1 });
    this.lines.forEach((each) => each.addTo(map));
  }

  /** Draw it, with the pointer at `at` ([lng, lat]) or without; gives the words. */
  draw(at) {
    const path = at ? this.path.concat([at]) : this.path;
    const latlngs = path.map((place) => [place[1], place[0]]);
    const measure = yuxi.MEASURES[this.mode];
    const said = path.length < measure.least ? [] : measure.say(path);
    this.lines.forEach((line) => line.setLatLngs(latlngs));
    this.dots.clearLayers();
    latlngs.slice(0, this.path.length).forEach((p) => L.circleMarker(p, this.dot).addTo(this.dots));
    this._tag(said, this.mode === "area" && !at ? null : latlngs[latlngs.length - 1]);
    return said.join(" · ");
  }

  /** The label at a place, or in the middle of the area. */
  _tag(said, place) {
    this.label.remove();
    if (!said.length) return;
    this.label.options.direction = place ? "auto" : "center";
    this.label.setLatLng(place || this.lines[0].getBounds().getCenter())
      .setContent(yuxi.element("span", null, said.join("\n")))
      .addTo(this.map);
  }

  remove() {
    this.lines.concat([this.dots, this.label]).forEach((part) => part.remove());
  }
};

/** Lines in a pane above the features, as SVG: crisp on paper, too. */
yuxi.measureRenderer = function (map) {
  if (!map.getPane("yuxi-measure")) {
    const pane = map.createPane("yuxi-measure");
    pane.style.zIndex = 450;
    pane.style.pointerEvents = "none";
    map.yuxiMeasure = L.svg({ pane: "yuxi-measure" });
  }
  return map.yuxiMeasure;
};

/** The box with what can be done and what was measured. */
yuxi.measureBox = function (tool, container) {
  const box = yuxi.element("section", "yuxi-measure", null, container);
  const row = yuxi.element("div", "yuxi-measure-row", null, box);
  yuxi.say(box, "measure", "aria-label");
  box.hidden = true;
  const buttons = {};
  for (const mode of ["length", "area"]) {
    buttons[mode] = yuxi.button(null, "measure_" + mode, row, () => tool.begin(mode));
  }
  const acts = { finish: tool.finish, undo: tool.undo, clear: tool.clear };
  for (const name of Object.keys(acts)) {
    yuxi.button("yuxi-plain", "measure_" + name, row, () => acts[name].call(tool));
  }
  const close = yuxi.element("button", "yuxi-close", "×", row);
  close.type = "button";
  yuxi.say(close, "close", "aria-label");
  close.addEventListener("click", () => tool.toggle(false));
  const figure = yuxi.element("output", null, null, box);
  figure.setAttribute("role", "status");
  for (const note of ["measure_hint", "measure_note"]) {
    yuxi.say(yuxi.element("p", null, null, box), note);
  }
  L.DomEvent.disableClickPropagation(box);
  L.DomEvent.disableScrollPropagation(box);
  return { node: box, buttons: buttons, figure: figure };
};

yuxi.MeasureTool = class {
  constructor(app) {
    this.map = app.map;
    this.container = app.map.getContainer();
    this.done = [];
    this.sketch = null;
    this.on = false;
    this.sheet = yuxi.element("div", "yuxi-measure-sheet", null, this.container);
    this.sheet.hidden = true;
    this.box = yuxi.measureBox(this, this.container);
    this.button = yuxi.tool("measure", () => this.toggle(!this.on));
    this.button.setAttribute("aria-pressed", "false");
    this._listen();
    app.on("lang", () => this.done.forEach((sketch) => sketch.draw()));
  }

  toggle(on) {
    this.on = on;
    this.sheet.hidden = this.box.node.hidden = !on;
    this.button.setAttribute("aria-pressed", String(on));
    this.map.doubleClickZoom[on ? "disable" : "enable"]();
    this.map.closePopup();
    if (on) return this.begin("length");
    this._drop();
    this.button.focus();
  }

  /** Begin anew with "length" or "area". */
  begin(mode) {
    this._drop();
    this.mode = mode;
    this.sketch = new yuxi.Sketch(this.map, mode);
    for (const name of Object.keys(this.box.buttons)) {
      this.box.buttons[name].setAttribute("aria-pressed", String(name === mode));
    }
    this.container.focus({ preventScroll: true });
  }

  add(latlng) {
    this.sketch.path.push([latlng.lng, latlng.lat]);
    this._say();
  }

  undo() {
    this.sketch.path.pop();
    this._say();
  }

  /** Keep what was drawn, if it is enough, and begin the next. */
  finish() {
    if (this.sketch.path.length < yuxi.MEASURES[this.mode].least) return;
    this._say();
    this.done.push(this.sketch);
    this.sketch = null;
    this.begin(this.mode);
  }

  clear() {
    this.done.forEach((sketch) => sketch.remove());
    this.done = [];
    this.box.figure.textContent = "";
    this.begin(this.mode);
  }

  _drop() {
    if (this.sketch) this.sketch.remove();
    this.sketch = null;
  }

  /** Lead the line on to the pointer, or to the middle of the map. */
  _follow(latlng) {
    if (this.on && this.sketch.path.length) this._say([latlng.lng, latlng.lat]);
  }

  _say(at) {
    this.box.figure.textContent = this.sketch.draw(at);
  }

  _keys(on) {
    this.sheet.classList[on ? "add" : "remove"]("yuxi-keys");
  }

  _listen() {
    const at = (event) => this.map.mouseEventToLatLng(event);
    this.sheet.addEventListener("click", (event) => {
      event.stopPropagation();
      // The second click of a double click, and the end of a drag, set no vertex.
      if (event.detail < 2 && !this.map.dragging.moved()) this.add(at(event));
    });
    this.sheet.addEventListener("dblclick", (event) => {
      event.stopPropagation();
      this.finish();
    });
    this.sheet.addEventListener("mousemove", (event) => {
      this._keys(false);
      this._follow(at(event));
    });
    this.map.on("move", () => {
      if (this.sheet.classList.contains("yuxi-keys")) this._follow(this.map.getCenter());
    });
    document.addEventListener("keydown", (event) => this._press(event));
  }

  /** Keys count on the map and, except those that press a button, in the box. */
  _press(event) {
    const onMap = event.target === this.container;
    if (!this.on || !(onMap || this.box.node.contains(event.target))) return;
    const acts = { Escape: () => this._escape(), Backspace: () => this.undo() };
    if (onMap) {
      this._keys(true);
      acts.Enter = () => this.finish();
      acts[" "] = () => this.add(this.map.getCenter());
    }
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  /** Leave the line, then the tool. */
  _escape() {
    if (!this.sketch.path.length) return this.toggle(false);
    this.box.figure.textContent = "";
    this.begin(this.mode);
  }
};

yuxi.measure = function (app) {
  app.measuring = new yuxi.MeasureTool(app);
};
