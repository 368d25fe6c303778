/* Compare the scene before with the one after: before left, after right of a handle.

   Both pictures are on the map at once, each in a pane of its own that is clipped in the map's
   pixels. The handle stays where it is on the screen whatever the map does. */

yuxi.SWIPE_STEP = 0.02;

/** What a hand does, by what the browser knows: [[down, move, up…], …]. */
yuxi.DRAGS = window.PointerEvent
  ? [["pointerdown", "pointermove", "pointerup", "pointercancel"]]
  : [
      ["mousedown", "mousemove", "mouseup"],
      ["touchstart", "touchmove", "touchend", "touchcancel"],
    ];

yuxi.Swipe = class {
  constructor(app) {
    this.app = app;
    this.on = false;
    /** Where the handle is, as a part of the map's width. */
    this.share = 0.5;
    this.panes = ["yuxi-before", "yuxi-after"].map((name) => app.map.getPane(name));
    this._makeHandle();
    this.tool = yuxi.tool("swipe", () => (this.on ? this.end(true) : this.start()));
    this.tool.setAttribute("aria-pressed", "false");
    app.map.on("move zoom viewreset resize", () => this._clip());
    // Whoever chooses a scene, or none, wants to see just that.
    app.map.on("baselayerchange", () => this.end(false));
    app.on("lang filter", () => this._sync());
  }

  start() {
    const map = this.app.map;
    if (this.on) return;
    this.on = true;
    /** What the legend's choice was. */
    this.chosen = this.app.scenes.filter((scene) => map.hasLayer(scene));
    this.app.scenes.forEach((scene) => map.addLayer(scene));
    this._sync();
    this.to(this.share);
  }

  /** End the comparison; `restore` shows again what was shown before it. */
  end(restore) {
    if (!this.on) return;
    this.on = false;
    this.panes.forEach((pane) => (pane.style.clip = ""));
    if (restore) {
      const map = this.app.map, gone = (scene) => this.chosen.indexOf(scene) < 0;
      this.app.scenes.filter(gone).forEach((scene) => map.removeLayer(scene));
    }
    this._sync();
  }

  /** Move the handle. */
  to(share) {
    this.share = Math.max(0, Math.min(1, share));
    this.divide.style.left = this.handle.style.left = 100 * this.share + "%";
    this.handle.setAttribute("aria-valuenow", String(Math.round(100 * this.share)));
    this._clip();
  }

  _makeHandle() {
    const frame = this.app.map.getContainer();
    this.divide = yuxi.element("div", "yuxi-divide", null, frame);
    this.dates = [0, 1].map(() => yuxi.element("span", null, null, this.divide));
    this.handle = yuxi.element("div", "yuxi-handle", null, frame);
    this.handle.tabIndex = 0;
    for (const [name, value] of [
      ["role", "slider"],
      ["aria-orientation", "horizontal"],
      ["aria-valuemin", "0"],
      ["aria-valuemax", "100"],
    ]) {
      this.handle.setAttribute(name, value);
    }
    yuxi.say(this.handle, "swipe_handle", "aria-label");
    yuxi.say(this.handle, "swipe_handle", "title");
    this.handle.addEventListener("keydown", (event) => this._key(event));
    yuxi.DRAGS.forEach((names) => this._drag(names));
    // Not a drag of the map, nor a click on it.
    L.DomEvent.disableClickPropagation(this.handle);
    this.divide.hidden = this.handle.hidden = true;
  }

  _drag(names) {
    const [down, move] = names, ups = names.slice(2);
    const at = (event) => (event.touches ? event.touches[0] : event).clientX;
    this.handle.addEventListener(down, (event) => {
      if (event.button) return;
      const offset = at(event), first = this.share, width = this.app.map.getSize().x;
      const follow = (moved) => this.to(first + (at(moved) - offset) / width);
      const release = () => {
        window.removeEventListener(move, follow);
        ups.forEach((up) => window.removeEventListener(up, release));
      };
      if (event.pointerId !== undefined) this.handle.setPointerCapture(event.pointerId);
      window.addEventListener(move, follow);
      ups.forEach((up) => window.addEventListener(up, release));
      event.preventDefault();
      this.handle.focus();
    });
  }

  _key(event) {
    const step = yuxi.SWIPE_STEP, share = this.share;
    const to = {
      ArrowLeft: share - step,
      ArrowDown: share - step,
      ArrowRight: share + step,
      ArrowUp: share + step,
      Home: 0,
      End: 1,
    };
    if (!(event.key in to)) return;
    this.to(to[event.key]);
    event.preventDefault();
    // The map has arrow keys, too.
    event.stopPropagation();
  }

  /** Show each picture on its side of the handle. */
  _clip() {
    if (!this.on) return;
    const map = this.app.map, size = map.getSize();
    const from = map.containerPointToLayerPoint([0, 0]), to = map.containerPointToLayerPoint(size);
    const middle = Math.round(from.x + this.share * size.x);
    [[from.x, middle], [middle, to.x]].forEach(([left, right], i) => {
      const edges = [from.y, right, to.y, left].map((edge) => edge + "px");
      this.panes[i].style.clip = "rect(" + edges.join(",") + ")";
    });
  }

  /** Handle, dates, tool, and the legend's choice: while two scenes are compared, it is none. */
  _sync() {
    this.divide.hidden = this.handle.hidden = !this.on;
    this.tool.setAttribute("aria-pressed", String(this.on));
    this.dates.forEach((node, i) => {
      node.textContent = yuxi.word(this.app.scenes[i].yuxiTitle);
    });
    if (!this.on) return;
    const legend = this.app.legend.getContainer();
    legend.querySelectorAll("input[name=yuxi-scene]").forEach((input) => (input.checked = false));
  }
};

yuxi.swipe = function (app) {
  if (app.scenes.length === 2) app.swipe = new yuxi.Swipe(app);
};
