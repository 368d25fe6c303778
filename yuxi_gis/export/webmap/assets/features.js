/* The features of one layer in typed arrays, and what is asked of them: where is it, what is here,
   what does it say. Coordinates are whole numbers of 1e-6 degree; a feature is its number. */

yuxi.STEP = 1e-6;
yuxi.KIND = { POINT: 0, LINE: 1, SHELL: 2, HOLE: 3 };

yuxi.Features = class {
  /** `head` is encode_layer's; `streams` the unpacked ones. */
  constructor(head, streams) {
    this.head = head;
    this.count = head.count;
    this.streams = streams;
    this.columns = head.columns.map(() => null);
    this.category = yuxi.integers(streams.category, head.count);
    this.area = streams.area ? yuxi.unpackNumbers(streams.area, head.count, 1) : null;
    this.village = streams["village.codes"]
      ? yuxi.unpackTexts(streams["village.words"], streams["village.codes"], head.count)
      : null;
    this._unpackShapes();
    this._measure();
    this._makeGrid();
  }

  /* --- What it says --- */

  /** A column's {words, number} or numbers, unpacked when it is first asked for. */
  column(c) {
    if (!this.columns[c]) {
      const head = this.head.columns[c];
      const codes = this.streams[c + ".codes"];
      if (head.of !== undefined) {
        this.columns[c] = { numbers: this.column(head.of).numbers.map((v) => v * head.factor) };
      } else if (head.decimals !== undefined) {
        this.columns[c] = { numbers: yuxi.unpackNumbers(codes, this.count, head.decimals) };
      } else {
        this.columns[c] = yuxi.unpackTexts(this.streams[c + ".words"], codes, this.count);
      }
    }
    return this.columns[c];
  }

  /** What a column says of a feature, for people; "" where nothing. */
  value(i, c) {
    const head = this.head.columns[c], column = this.column(c);
    if (column.words) return yuxi.word(column.words[column.number[i]]);
    const number = column.numbers[i];
    return isNaN(number) ? "" : yuxi.number(number, head.decimals) + yuxi.word(head.unit);
  }

  /** The number of the column of this name, or -1. */
  columnNamed(name) {
    return this.head.columns.findIndex((column) => column.name === name);
  }

  /** The code that names a feature. */
  key(i) {
    return this.head.key === null ? "" : this.value(i, this.head.key);
  }

  /** The village of a feature by name, "" where not known. */
  villageOf(i) {
    return this.village ? yuxi.word(this.village.words[this.village.number[i]]) : "";
  }

  /* --- Where it is --- */

  /** [west, south, east, north] in degrees. */
  box(i) {
    return Array.from(this.boxes.subarray(4 * i, 4 * i + 4), (v) => v * yuxi.STEP);
  }

  /** The bounds as Leaflet has them. */
  bounds(i) {
    const [west, south, east, north] = this.box(i);
    return L.latLngBounds([south, west], [north, east]);
  }

  /** Call visit(i) for the features whose box meets a box in degrees, in ascending order. */
  within(west, south, east, north, visit) {
    const unit = 1 / yuxi.STEP;
    this.meet(west * unit, south * unit, east * unit, north * unit).forEach(visit);
  }

  /** The features whose box meets a box in units of STEP, ascending. */
  meet(west, south, east, north) {
    const grid = this.grid, boxes = this.boxes, found = [];
    const left = grid.column(west), right = grid.column(east);
    const top = grid.row(north), bottom = grid.row(south);
    for (let row = bottom; row <= top; row++) {
      for (let column = left; column <= right; column++) {
        const cell = row * grid.columns + column;
        for (let k = grid.start[cell]; k < grid.start[cell + 1]; k++) {
          const i = grid.items[k], b = 4 * i;
          if (boxes[b] > east || boxes[b + 2] < west) continue;
          if (boxes[b + 1] > north || boxes[b + 3] < south) continue;
          // A feature in several cells counts in the first of them that is looked at.
          if (column > left && grid.column(boxes[b]) < column) continue;
          if (row > bottom && grid.row(boxes[b + 1]) < row) continue;
          found.push(i);
        }
      }
    }
    return Uint32Array.from(found).sort();
  }

  /** The paths of a feature: visit(kind, first vertex, end). */
  eachPath(i, visit) {
    for (let p = this.pathOf[i]; p < this.pathOf[i + 1]; p++) {
      visit(this.kind[p], this.vertexOf[p], this.vertexOf[p + 1]);
    }
  }

  /** GeoJSON coordinates of each path, rings closed: [[kind, [[lng, lat], …]], …]. */
  paths(i) {
    const out = [];
    this.eachPath(i, (kind, from, end) => {
      const path = [];
      for (let v = from; v < end; v++) path.push([this.x[v] * yuxi.STEP, this.y[v] * yuxi.STEP]);
      if (kind >= yuxi.KIND.SHELL) path.push(path[0]);
      out.push([kind, path]);
    });
    return out;
  }

  /** Whether a feature covers a place (in units of STEP), or passes it within `reach`, where
      `reach` is [along x, along y] in the same units. */
  hits(i, x, y, reach) {
    let inside = false, hit = false;
    this.eachPath(i, (kind, from, end) => {
      if (kind >= yuxi.KIND.SHELL) {
        if (kind === yuxi.KIND.SHELL) {
          hit = hit || inside;
          inside = false;
        }
        if (this._inRing(x, y, from, end)) inside = !inside;
      } else if (this._near(x, y, from, end, reach)) hit = true;
    });
    return hit || inside;
  }

  /** A place inside a feature, or on it, as [lng, lat]. */
  place(i) {
    let best = null, width = -1;
    const at = (this.boxes[4 * i + 1] + this.boxes[4 * i + 3]) / 2 + 0.37;
    const cuts = [];
    this.eachPath(i, (kind, from, end) => {
      if (best === null) best = [this.x[from], this.y[from]];
      if (kind < yuxi.KIND.SHELL) return;
      for (let a = from, b = end - 1; a < end; b = a++) {
        if (this.y[a] > at !== this.y[b] > at) {
          const share = (at - this.y[a]) / (this.y[b] - this.y[a]);
          cuts.push(this.x[a] + share * (this.x[b] - this.x[a]));
        }
      }
    });
    cuts.sort((a, b) => a - b);
    for (let k = 0; k + 1 < cuts.length; k += 2) {
      if (cuts[k + 1] - cuts[k] > width) {
        width = cuts[k + 1] - cuts[k];
        best = [(cuts[k] + cuts[k + 1]) / 2, at];
      }
    }
    return best.map((v) => v * yuxi.STEP);
  }

  /* --- How it is made --- */

  _unpackShapes() {
    const paths = yuxi.integers(this.streams.paths, this.count);
    const sizes = yuxi.integers(this.streams.sizes);
    this.pathOf = new Uint32Array(this.count + 1);
    for (let i = 0; i < this.count; i++) this.pathOf[i + 1] = this.pathOf[i] + paths[i];
    this.kind = new Uint8Array(sizes.length);
    this.vertexOf = new Uint32Array(sizes.length + 1);
    for (let p = 0; p < sizes.length; p++) {
      this.kind[p] = sizes[p] & 3;
      this.vertexOf[p + 1] = this.vertexOf[p] + (sizes[p] >>> 2);
    }
    this._unpackVertices(this.vertexOf[sizes.length]);
  }

  _unpackVertices(count) {
    const hops = yuxi.integers(this.streams.vertices, count);
    const dx = yuxi.integers(this.streams.dx), dy = yuxi.integers(this.streams.dy);
    const x = new Int32Array(count), y = new Int32Array(count);
    const first = new Uint32Array(dx.length); // where each distinct vertex first occurs
    let known = 0, number = 0, px = 0, py = 0;
    for (let v = 0; v < count; v++) {
      const hop = hops[v];
      if (hop === 0) {
        number = known++;
        first[number] = v;
        px += yuxi.signed(dx[number]);
        py += yuxi.signed(dy[number]);
      } else {
        number += yuxi.signed(hop - 1);
        px = x[first[number]];
        py = y[first[number]];
      }
      x[v] = px;
      y[v] = py;
    }
    this.x = x;
    this.y = y;
  }

  /** Boxes of all features. */
  _measure() {
    const boxes = (this.boxes = new Int32Array(4 * this.count)), x = this.x, y = this.y;
    for (let i = 0; i < this.count; i++) {
      let west = 2e9, south = 2e9, east = -2e9, north = -2e9;
      const end = this.vertexOf[this.pathOf[i + 1]];
      for (let v = this.vertexOf[this.pathOf[i]]; v < end; v++) {
        if (x[v] < west) west = x[v];
        if (x[v] > east) east = x[v];
        if (y[v] < south) south = y[v];
        if (y[v] > north) north = y[v];
      }
      boxes.set([west, south, east, north], 4 * i);
    }
  }

  _makeGrid() {
    this.grid = yuxi.makeGrid(this.boxes, this.count);
  }

  _inRing(px, py, from, end) {
    const x = this.x, y = this.y;
    let inside = false;
    for (let a = from, b = end - 1; a < end; b = a++) {
      if (y[a] > py !== y[b] > py && px < ((x[b] - x[a]) * (py - y[a])) / (y[b] - y[a]) + x[a]) {
        inside = !inside;
      }
    }
    return inside;
  }

  /** Whether a line or point passes within reach. */
  _near(px, py, from, end, reach) {
    for (let v = from; v < end; v++) {
      const w = Math.min(v + 1, end - 1);
      // In units of the reach, so that a circle on the map is a circle here.
      const ax = (this.x[v] - px) / reach[0], ay = (this.y[v] - py) / reach[1];
      const dx = (this.x[w] - this.x[v]) / reach[0], dy = (this.y[w] - this.y[v]) / reach[1];
      const long = dx * dx + dy * dy;
      const t = long ? Math.max(0, Math.min(1, -(ax * dx + ay * dy) / long)) : 0;
      if (Math.pow(ax + t * dx, 2) + Math.pow(ay + t * dy, 2) <= 1) return true;
    }
    return false;
  }
};

/** An even grid over boxes: `items` of cell c are from start[c] to start[c + 1], ascending. */
yuxi.makeGrid = function (boxes, count) {
  let west = 0, south = 0, east = 1, north = 1;
  for (let i = 0; i < count; i++) {
    west = i ? Math.min(west, boxes[4 * i]) : boxes[0];
    south = i ? Math.min(south, boxes[4 * i + 1]) : boxes[1];
    east = i ? Math.max(east, boxes[4 * i + 2]) : boxes[2];
    north = i ? Math.max(north, boxes[4 * i + 3]) : boxes[3];
  }
  const side = Math.max(1, Math.min(512, Math.round(Math.sqrt(count / 8))));
  const wide = Math.max(1, east - west), high = Math.max(1, north - south);
  const clamp = (v) => (v < 0 ? 0 : v >= side ? side - 1 : Math.floor(v));
  const grid = {
    columns: side,
    column: (x) => clamp(((x - west) / wide) * side),
    row: (y) => clamp(((y - south) / high) * side),
    start: new Uint32Array(side * side + 1),
  };
  const each = function (visit) {
    for (let i = 0; i < count; i++) {
      const right = grid.column(boxes[4 * i + 2]), top = grid.row(boxes[4 * i + 3]);
      const left = grid.column(boxes[4 * i]);
      for (let row = grid.row(boxes[4 * i + 1]); row <= top; row++) {
        for (let column = left; column <= right; column++) visit(row * side + column, i);
      }
    }
  };
  each((cell) => grid.start[cell + 1]++);
  for (let c = 0; c < side * side; c++) grid.start[c + 1] += grid.start[c];
  grid.items = new Uint32Array(grid.start[side * side]);
  const next = grid.start.slice();
  each((cell, i) => (grid.items[next[cell]++] = i));
  return grid;
};
