/* The row of tools in the title bar, the panel beside the map that some of them open, and what
   those need who hear the page or use its keys.

   One panel is open at a time; the map keeps its centre when it gets narrower. On a phone the
   panel lies below the map. */

/** A button in the row of tools, with a text by its key. */
yuxi.tool = function (key, action) {
  return yuxi.button("yuxi-tool", key, document.getElementById("yuxi-tools"), action);
};

/** A panel with a tool that opens and closes it: {node, opened(), toggle(open)}. `change(open)`
    is called after it was opened or closed; content goes into `node`. */
yuxi.panel = function (app, key, change) {
  const side = document.getElementById("yuxi-side");
  const section = yuxi.element("section", "yuxi-panel", null, side);
  yuxi.say(section, key, "aria-label");
  const head = yuxi.element("div", "yuxi-panel-head", null, section);
  yuxi.say(yuxi.element("h2", null, null, head), key);
  const panel = {
    node: yuxi.element("div", "yuxi-panel-body", null, section),
    opened: () => !section.hidden,
    toggle: function (open) {
      if (open === panel.opened()) return;
      if (open) app.panels.forEach((other) => other.toggle(false));
      section.hidden = !open;
      tool.setAttribute("aria-expanded", String(open));
      side.hidden = !open;
      app.map.invalidateSize({ animate: false });
      if (change) change(open);
    },
  };
  const tool = yuxi.tool(key, () => panel.toggle(!panel.opened()));
  const close = yuxi.element("button", "yuxi-close", "×", head);
  close.type = "button";
  yuxi.say(close, "close", "aria-label");
  const leave = function () {
    panel.toggle(false);
    tool.focus();
  };
  close.addEventListener("click", leave);
  section.addEventListener("keydown", (event) => event.key === "Escape" && leave());
  section.hidden = true;
  tool.setAttribute("aria-expanded", "false");
  app.panels.push(panel);
  return panel;
};

/** The way past the title bar, names of the parts, and what is said aloud. */
yuxi.shell = function (app) {
  const map = app.map.getContainer(), tools = document.getElementById("yuxi-tools");
  yuxi.say(map, "shell_map", "aria-label");
  map.setAttribute("role", "region");
  yuxi.say(tools, "shell_tools", "aria-label");
  tools.addEventListener("keydown", (event) => yuxi.alongTools(tools, event));
  const skip = yuxi.element("a", "yuxi-skip");
  skip.href = "#" + map.id;
  yuxi.say(skip, "shell_skip");
  skip.addEventListener("click", function (event) {
    event.preventDefault();
    map.focus();
  });
  document.body.insertBefore(skip, document.body.firstChild);
  yuxi.loading(app, map);
  const spoken = yuxi.element("div", "yuxi-spoken", null, document.body);
  spoken.setAttribute("role", "status");
  app.on("select", function () {
    const feature = app.selected;
    const key = feature ? feature.layer.features.key(feature.i) : "";
    spoken.textContent = feature ? feature.layer.title() + " " + key : "";
  });
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
    L.extend(app.map.options, { inertia: false, markerZoomAnimation: false });
  }
};

/** Say that the layers are being read, until they are. */
yuxi.loading = function (app, parent) {
  const note = yuxi.element("div", "yuxi-loading", null, parent);
  note.setAttribute("role", "status");
  yuxi.say(note, "loading");
  app.on("ready", () => note.remove());
};

/** Arrow keys, Home and End lead along the row of tools. */
yuxi.alongTools = function (tools, event) {
  const buttons = Array.from(tools.querySelectorAll("button"));
  const at = buttons.indexOf(document.activeElement), last = buttons.length - 1;
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  buttons[(to + buttons.length) % buttons.length].focus();
};
