/* Draw the features of one tile, in steps: many small paths, since the time for one path grows
   faster than its length. What is too small to be seen is left out or drawn as a dot. */

/** Sides in pixels up to which a feature is a rectangle, and has no outline. */
yuxi.DOT = 2.5;
yuxi.SMALL = 7;
/** Vertices of a path before it is drawn. */
yuxi.BATCH = 1200;

/** From units of STEP to pixels of a tile: functions x and y. Mercator's y is a cubic around the
    middle of the tile, good to 0.01 pixel; exact on small scales. */
yuxi.projector = function (coords, size) {
  const degree = Math.PI / 180, world = (size * Math.pow(2, coords.z)) / (2 * Math.PI);
  const east = (v) => (v * yuxi.STEP * degree + Math.PI) * world - coords.x * size;
  const mercator = (lat) => Math.log(Math.tan(Math.PI / 4 + lat / 2));
  if (coords.z < 7) {
    return {
      x: east,
      y: (v) => (Math.PI - mercator(v * yuxi.STEP * degree)) * world - coords.y * size,
    };
  }
  const middle = Math.PI - (coords.y + 0.5) * (size / world);
  const lat = 2 * Math.atan(Math.exp(middle)) - Math.PI / 2;
  const sec = 1 / Math.cos(lat), tan = Math.tan(lat);
  const b = sec, c = (sec * tan) / 2, d = (sec * (1 + 2 * tan * tan)) / 6;
  const unit = yuxi.STEP * degree, half = size / 2;
  return {
    x: east,
    y: function (v) {
      const step = v * unit - lat;
      return half - step * (b + step * (c + step * d)) * world;
    },
  };
};

/** The box of a tile and `margin` pixels around it, in units of STEP. */
yuxi.tileBox = function (map, coords, size, margin) {
  const nw = map.unproject(L.point(coords.x * size - margin, coords.y * size - margin), coords.z);
  const se = map.unproject(
    L.point((coords.x + 1) * size + margin, (coords.y + 1) * size + margin), coords.z
  );
  return [nw.lng, se.lat, se.lng, nw.lat].map((v) => v / yuxi.STEP);
};

/** The paths of one symbol that wait to be drawn. */
yuxi.Brush = class {
  constructor(context, project, size, symbol, faded) {
    this.context = context;
    this.project = project;
    this.size = size;
    this.symbol = symbol;
    this.fillOpacity = faded ? Math.min(symbol.fillOpacity, 0.12) : symbol.fillOpacity;
    this._clear();
  }

  _clear() {
    this.large = new Path2D();
    this.small = new Path2D();
    this.lines = new Path2D();
    this.vertices = 0;
  }

  add(features, i) {
    const b = 4 * i, boxes = features.boxes, project = this.project;
    const left = project.x(boxes[b]), bottom = project.y(boxes[b + 1]);
    const right = project.x(boxes[b + 2]), top = project.y(boxes[b + 3]);
    const side = Math.max(right - left, bottom - top);
    features.eachPath(i, (kind, from, end) => {
      if (kind === yuxi.KIND.POINT) this._point(features, from, side);
      else if (kind === yuxi.KIND.LINE) this._path(this.lines, features, from, end, false);
      else if (side > yuxi.DOT) {
        this._path(side > yuxi.SMALL ? this.large : this.small, features, from, end, true);
      } else if (kind === yuxi.KIND.SHELL) {
        this.small.rect(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
        this.vertices += 4;
      }
    });
  }

  /** A ring or line: without vertices that are less than a pixel apart, and without those that
      lie beyond the same edge of the tile as their neighbours. */
  _path(path, features, from, end, ring) {
    const xs = features.x, ys = features.y, project = this.project, far = this.size + 40;
    let px = project.x(xs[from]), py = project.y(ys[from]);
    let out = this._side(px, py, far), drawn = 1;
    path.moveTo(px, py);
    for (let v = from + 1; v < end; v++) {
      const x = project.x(xs[v]), y = project.y(ys[v]);
      const last = v === end - 1 && !ring;
      if (Math.abs(x - px) < 0.8 && Math.abs(y - py) < 0.8 && !last) continue;
      const side = this._side(x, y, far);
      if (side & out && v + 1 < end) {
        const next = this._side(project.x(xs[v + 1]), project.y(ys[v + 1]), far);
        if (side & out & next) continue;
      }
      path.lineTo(x, y);
      px = x;
      py = y;
      out = side;
      drawn++;
    }
    if (ring) path.closePath();
    this.vertices += drawn;
  }

  /** Beyond which edges of the tile a place lies, as bits. */
  _side(x, y, far) {
    return (x < -40 ? 1 : x > far ? 2 : 0) | (y < -40 ? 4 : y > far ? 8 : 0);
  }

  _point(features, v) {
    const x = this.project.x(features.x[v]), y = this.project.y(features.y[v]);
    this.dot(x, y);
  }

  dot(x, y) {
    const radius = this.symbol.radius;
    this.large.moveTo(x + radius, y);
    this.large.arc(x, y, radius, 0, 2 * Math.PI);
    this.vertices += 8;
  }

  flush() {
    const context = this.context, symbol = this.symbol;
    context.fillStyle = symbol.fill;
    context.strokeStyle = symbol.stroke;
    context.lineJoin = "round";
    context.setLineDash(symbol.dash);
    if (this.fillOpacity > 0) {
      context.globalAlpha = this.fillOpacity;
      context.fill(this.small);
      context.fill(this.large);
    }
    if (symbol.strokeOpacity > 0) {
      context.globalAlpha = symbol.strokeOpacity;
      context.lineWidth = symbol.width;
      context.stroke(this.large);
      context.stroke(this.lines);
      if (this.fillOpacity === 0) {
        context.lineWidth = 0.5;
        context.stroke(this.small);
      }
    }
    this._clear();
  }
};

/** The features that a tile shows, with marks and outlines that reach into it. */
yuxi.featuresOf = function (layer, coords, size) {
  const margin = layer.head.categories.reduce((most, category) => {
    const pin = category.pin || category.symbol;
    return Math.max(most, category.symbol.width, pin.radius + pin.width);
  }, 2);
  const box = yuxi.tileBox(layer._map, coords, size, margin);
  return layer.features.meet(box[0], box[1], box[2], box[3]);
};

/** Paint the features `here` of a tile, one step a batch. `layer` has features, hidden, faded. */
yuxi.paint = function* (layer, context, coords, size, here) {
  const features = layer.features, categories = features.head.categories;
  const project = yuxi.projector(coords, size);
  for (let c = 0; c < categories.length; c++) {
    if (layer.hidden[c]) continue;
    const brush = new yuxi.Brush(context, project, size, categories[c].symbol, layer.faded);
    for (const i of here) {
      if (features.category[i] !== c) continue;
      brush.add(features, i);
      if (brush.vertices < yuxi.BATCH) continue;
      brush.flush();
      yield;
    }
    brush.flush();
  }
  if (categories.some((category) => category.pin)) yield* yuxi.paintPins(layer, context, here, project, size);
};

/** A mark of constant size on every feature. */
yuxi.paintPins = function* (layer, context, here, project, size) {
  const features = layer.features, categories = features.head.categories;
  for (let c = 0; c < categories.length; c++) {
    if (layer.hidden[c] || !categories[c].pin) continue;
    const brush = new yuxi.Brush(context, project, size, categories[c].pin, false);
    for (const i of here) {
      if (features.category[i] !== c) continue;
      const place = features.place(i);
      brush.dot(project.x(place[0] / yuxi.STEP), project.y(place[1] / yuxi.STEP));
      if (brush.vertices < yuxi.BATCH) continue;
      brush.flush();
      yield;
    }
    brush.flush();
  }
};
