/* Find features by what their columns say: code, household, village, place.

   Each searched column of each layer, and the villages, are a Column: its distinct words in one
   long text, so that a search is a few `indexOf`. A hit is a word with all its features: a code has
   one, a household some, a village thousands. */

yuxi.MAX_HITS = 30;

/** A text as it is compared: full width as half width, capitals, without blanks. */
yuxi.fold = function (text) {
  const simple = /^[\x21-\x7e]*$/.test(text);
  return (simple ? text : text.normalize("NFKC").replace(/\s+/g, "")).toUpperCase();
};

/* --- The index --- */

yuxi.SearchColumn = class {
  /** `role` is "key", "village" or "other"; `data` gives {words, number}. */
  constructor(layer, role, title, data) {
    this.layer = layer;
    this.role = role;
    this.title = title;
    this.data = data;
    this.text = null;
    this.steps = this._fold();
  }

  /** The words, one a line, a little at a time. */
  *_fold() {
    const all = this.data().words, folded = [];
    const starts = new Uint32Array(all.length + 1);
    starts[0] = 1;
    for (let k = 0; k < all.length; k++) {
      folded.push(yuxi.fold(yuxi.word(all[k])));
      starts[k + 1] = starts[k] + folded[k].length + 1;
      if (k % 2000 === 1999) yield;
    }
    this.starts = starts;
    this.text = "\n" + folded.join("\n") + "\n";
  }

  /** The numbers of the words that hold `wanted`: `how` is "is", "begins" or "holds". */
  *find(wanted, how) {
    const before = how === "holds" ? "" : "\n";
    const pattern = before + wanted + (how === "is" ? "\n" : "");
    let at = this.text.indexOf(pattern);
    while (at >= 0) {
      const k = this._wordAt(at + before.length);
      yield k;
      at = this.text.indexOf(pattern, this.starts[k + 1] - 1);
    }
  }

  _wordAt(place) {
    let low = 0, high = this.starts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= place) low = middle;
      else high = middle;
    }
    return low;
  }

  word(k) {
    return yuxi.word(this.data().words[k]);
  }

  /** The features of a word, ascending. */
  features(k) {
    if (!this.start) this._sort();
    return this.items.subarray(this.start[k], this.start[k + 1]);
  }

  /** Sort the features by their words. */
  _sort() {
    const data = this.data(), number = data.number;
    const start = new Uint32Array(data.words.length + 1);
    for (let i = 0; i < number.length; i++) start[number[i] + 1]++;
    for (let k = 0; k < data.words.length; k++) start[k + 1] += start[k];
    const next = start.slice();
    this.items = new Uint32Array(number.length);
    for (let i = 0; i < number.length; i++) this.items[next[number[i]]++] = i;
    this.start = start;
  }
};

yuxi.SearchIndex = class {
  /** Parcels come first, then what lies below them, then results. */
  constructor(app) {
    const filled = app.layers.filter((layer) => layer.features && layer.features.count);
    const land = filled.filter((layer) => !layer.result).reverse();
    this.columns = [];
    land.concat(filled.filter((layer) => layer.result)).forEach((layer) => this._add(layer));
    this.ready = false;
    this.started = false;
  }

  _add(layer) {
    const features = layer.features, key = layer.head.key;
    const add = (role, title, data) =>
      this.columns.push(new yuxi.SearchColumn(layer, role, title, data));
    layer.head.columns.forEach(function (column, c) {
      const isText = column.decimals === undefined;
      if (!isText || (c !== key && !column.search)) return;
      add(c === key ? "key" : "other", () => yuxi.word(column.title), () => features.column(c));
    });
    if (features.village && !layer.result) {
      add("village", () => yuxi.text("search_village"), () => features.village);
    }
  }

  /** Build it beside the drawing, column by column, and call `then`. */
  start(then) {
    if (this.started) return;
    this.started = true;
    const next = (k) => {
      if (this.ready) return;
      if (k === this.columns.length) return this._done(then);
      const steps = this.columns[k].steps;
      yuxi.queue.add({
        steps: (function* () {
          yield* steps;
          next(k + 1);
        })(),
      });
    };
    next(0);
  }

  /** Build what is still missing, at once. */
  finish() {
    for (const column of this.columns) while (!column.steps.next().done);
    this.ready = true;
  }

  _done(then) {
    this.ready = true;
    then();
  }

  /** The hits, best first, one more than MAX_HITS where there are more: the very code, codes that
      begin so, villages (whose names follow those of their towns), then other words that are so
      and begin so, then all that hold it. */
  search(text) {
    const wanted = yuxi.fold(text), hits = [], seen = new Set();
    if (!wanted) return hits;
    const of = (role) => this.columns.filter((column) => column.role === role);
    const passes = [[of("key"), "is"], [of("key"), "begins"], [of("village"), "holds"],
      [of("other"), "is"], [of("other"), "begins"], [this.columns, "holds"]];
    for (const [columns, how] of passes) {
      for (const column of columns) {
        for (const k of column.find(wanted, how)) {
          // A village is one hit over all layers.
          const name = column.role === "village"
            ? "village " + column.word(k) : this.columns.indexOf(column) + " " + k;
          if (seen.has(name)) continue;
          seen.add(name);
          hits.push({ column: column, k: k, parts: this._parts(column, k) });
          if (hits.length > yuxi.MAX_HITS) return hits;
        }
      }
    }
    return hits;
  }

  /** The features of a hit by layer: [{layer, items}]. */
  _parts(column, k) {
    if (column.role !== "village") return [{ layer: column.layer, items: column.features(k) }];
    const wanted = yuxi.fold(column.word(k));
    const parts = [];
    for (const other of this.columns) {
      if (other.role !== "village") continue;
      const found = other.find(wanted, "is").next();
      if (!found.done) parts.push({ layer: other.layer, items: other.features(found.value) });
    }
    return parts;
  }
};

/* --- What is shown of a hit --- */

yuxi.countOf = function (hit) {
  return hit.parts.reduce((sum, part) => sum + part.items.length, 0);
};

/** `text` with the part that was looked for marked. */
yuxi.marked = function (text, wanted, parent) {
  const places = []; // where in `text` each folded character comes from
  let folded = "", at = 0;
  for (const character of text) {
    const part = yuxi.fold(character);
    for (let k = 0; k < part.length; k++) places.push(at);
    folded += part;
    at += character.length;
  }
  places.push(text.length);
  const found = folded.indexOf(wanted);
  const node = yuxi.element("span", "yuxi-value", null, parent);
  if (found < 0) {
    node.textContent = text;
    return;
  }
  const from = places[found], end = places[found + wanted.length];
  node.appendChild(document.createTextNode(text.slice(0, from)));
  yuxi.element("mark", null, text.slice(from, end), node);
  node.appendChild(document.createTextNode(text.slice(end)));
};

/** The row of a hit: where it is and how many; then which field says what. */
yuxi.hitRow = function (hit, wanted, parent) {
  const column = hit.column, count = yuxi.countOf(hit), layer = column.layer;
  const village = column.role === "village";
  const row = yuxi.element("li", null, null, parent);
  row.setAttribute("role", "option");
  const head = yuxi.element("div", "yuxi-hit", null, row);
  if (village) {
    const names = hit.parts.map((p) => p.layer.title() + " " + yuxi.number(p.items.length));
    yuxi.element("b", null, names.join(yuxi.text("search_and")), head);
  } else if (count === 1 && column.role !== "key") {
    yuxi.caption({ layer: layer, i: hit.parts[0].items[0] }, head);
  } else {
    const category = layer.features.category[hit.parts[0].items[0]];
    const symbol = layer.head.categories[category];
    yuxi.swatch(symbol.pin || symbol.symbol, head);
    yuxi.element("b", null, layer.title(), head);
  }
  if (count > 1 && !village) {
    const number = yuxi.text("search_count").replace("{n}", yuxi.number(count));
    yuxi.element("span", "yuxi-hits", number, head);
  }
  const line = yuxi.element("div", "yuxi-field", null, row);
  yuxi.element("span", "yuxi-name", column.title(), line);
  yuxi.marked(column.word(hit.k), wanted, line);
  return row;
};

/* --- The box --- */

yuxi.SearchBox = class {
  constructor(app) {
    this.app = app;
    this.index = new yuxi.SearchIndex(app);
    this.hits = [];
    this.active = -1;
    /** What the list is about; null when it is not of what is typed. */
    this.about = null;
    this._make(document.getElementById("yuxi-search"));
    this._listen();
    app.on("ready", () => this._renew());
    app.on("lang", () => this._renew());
  }

  _make(box) {
    const input = (this.input = yuxi.element("input", null, null, box));
    this.list = yuxi.element("ul", null, null, box);
    this.status = yuxi.element("p", null, null, box);
    this.status.setAttribute("role", "status");
    this.status.hidden = true;
    input.type = "search";
    input.autocomplete = "off";
    input.spellcheck = false;
    yuxi.say(input, "search", "placeholder");
    yuxi.say(input, "search_hint", "title");
    yuxi.say(input, "search", "aria-label");
    this.list.id = "yuxi-results";
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    yuxi.say(this.list, "search_results", "aria-label");
    [["role", "combobox"], ["aria-controls", this.list.id], ["aria-expanded", "false"],
      ["aria-autocomplete", "list"]].forEach((pair) => input.setAttribute(pair[0], pair[1]));
  }

  _listen() {
    const input = this.input;
    input.addEventListener("focus", () => this.index.start(() => this.refresh()));
    input.addEventListener("input", (event) => this._typed(event));
    // What an input method composes is not yet what is meant.
    input.addEventListener("compositionend", (event) => this._typed(event));
    input.addEventListener("click", () => input.value && this.refresh());
    input.addEventListener("blur", () => this.fold(true));
    input.addEventListener("keydown", (event) => this._pressed(event));
    this.app.map.on("click popupopen", () => (this.status.hidden = true));
  }

  /** Other layers can be asked now, or in another language. */
  _renew() {
    this.index = new yuxi.SearchIndex(this.app);
    this.about = null;
    if (document.activeElement === this.input) this.index.start(() => this.refresh());
  }

  _typed(event) {
    if (event.type === "input" && event.isComposing) return;
    this.about = null;
    this.status.hidden = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), 60);
  }

  _pressed(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const down = event.key === "ArrowDown", up = event.key === "ArrowUp";
    if (down || up) {
      if (this.list.hidden) this.refresh();
      this._mark(up && this.active < 0 ? -1 : this.active + (down ? 1 : -1));
      event.preventDefault();
    } else if (event.key === "Enter") {
      if (this.about !== this.input.value) this.refresh(true);
      this._choose(Math.max(this.active, 0));
    } else if (event.key === "Escape" && !this.list.hidden) {
      this.fold(true);
      event.preventDefault(); // which would empty the box
    }
  }

  fold(hidden) {
    this.list.hidden = hidden;
    this.input.setAttribute("aria-expanded", String(!hidden));
  }

  /** List the hits; `now` does not wait for the index. */
  refresh(now) {
    const text = this.input.value, list = this.list;
    clearTimeout(this.timer);
    list.textContent = "";
    this.hits = [];
    this.active = -1;
    this.input.removeAttribute("aria-activedescendant");
    if (!text.trim() || document.activeElement !== this.input) return this.fold(true);
    if (now) this.index.finish();
    if (!this.index.ready) {
      this.index.start(() => this.refresh());
      yuxi.element("li", "yuxi-note", yuxi.text("search_wait"), list);
      return this.fold(false);
    }
    this.about = text;
    this._fill(this.index.search(text), yuxi.fold(text));
    this.fold(false);
  }

  _fill(hits, wanted) {
    this.hits = hits.slice(0, yuxi.MAX_HITS);
    this.hits.forEach((hit, i) => {
      const row = yuxi.hitRow(hit, wanted, this.list);
      row.id = "yuxi-result-" + i;
      row.addEventListener("mousedown", (event) => event.preventDefault());
      row.addEventListener("click", () => this._choose(i));
    });
    const note = (text) => yuxi.element("li", "yuxi-note", text, this.list);
    if (!hits.length) {
      note(yuxi.text("search_none"));
      note(yuxi.text("search_hint"));
    } else if (hits.length > yuxi.MAX_HITS) {
      note(yuxi.text("search_more").replace("{n}", yuxi.MAX_HITS));
    }
  }

  _mark(index) {
    const rows = this.list.querySelectorAll("[role=option]");
    if (!rows.length) return;
    this.active = (index + rows.length) % rows.length;
    rows.forEach((row, i) => row.setAttribute("aria-selected", String(i === this.active)));
    this.input.setAttribute("aria-activedescendant", rows[this.active].id);
    rows[this.active].scrollIntoView({ block: "nearest" });
  }

  _choose(index) {
    const hit = this.hits[index];
    if (!hit) return;
    const count = yuxi.countOf(hit), what = hit.column.word(hit.k);
    this.fold(true);
    if (count === 1) {
      const feature = { layer: hit.parts[0].layer, i: hit.parts[0].items[0] };
      yuxi.goTo(this.app, feature);
      return;
    }
    if (this.app.narrow()) this.input.blur();
    yuxi.goToAll(this.app, hit.parts);
    this.status.textContent = yuxi.text("search_went")
      .replace("{n}", yuxi.number(count)).replace("{what}", () => what);
    this.status.hidden = false;
  }
};

yuxi.search = function (app) {
  app.searchBox = new yuxi.SearchBox(app);
};
