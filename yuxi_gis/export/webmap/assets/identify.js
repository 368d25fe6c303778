/* What is here: a click finds the features of all visible layers at a place, the uppermost first,
   and shows them in one popup. */

/** How near to a line or a point a click must be, in pixels. */
yuxi.TOLERANCE = 8;

/** Whether a point lies inside rings (even-odd rule, holes included). */
yuxi.inRings = function (rings, x, y) {
  var inside = false;
  rings.forEach(function (ring) {
    for (var i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      var a = ring[i], b = ring[j];
      if (a[1] > y !== b[1] > y && x < ((b[0] - a[0]) * (y - a[1])) / (b[1] - a[1]) + a[0]) {
        inside = !inside;
      }
    }
  });
  return inside;
};

/** Whether the line through `positions` (or a single one) passes within the tolerance. */
yuxi.nearLine = function (map, positions, at) {
  var points = positions.map(function (c) {
    return map.latLngToLayerPoint([c[1], c[0]]);
  });
  var click = map.latLngToLayerPoint(at);
  if (points.length === 1) return points[0].distanceTo(click) <= yuxi.TOLERANCE;
  return points.slice(1).some(function (end, i) {
    return L.LineUtil.pointToSegmentDistance(click, points[i], end) <= yuxi.TOLERANCE;
  });
};

/** Whether a GeoJSON geometry is at a place. */
yuxi.hits = function (map, geometry, at) {
  var parts = geometry.coordinates;
  function line(positions) {
    return yuxi.nearLine(map, positions, at);
  }
  function area(rings) {
    return yuxi.inRings(rings, at.lng, at.lat);
  }
  switch (geometry.type) {
    case "Polygon": return area(parts);
    case "MultiPolygon": return parts.some(area);
    case "LineString": return line(parts);
    case "MultiLineString": return parts.some(line);
    case "Point": return line([parts]);
    case "MultiPoint": return parts.some(function (p) { return line([p]); });
    default:
      return geometry.geometries.some(function (g) { return yuxi.hits(map, g, at); });
  }
};

/** The features of the visible layers at a place, the uppermost first. */
yuxi.featuresAt = function (map, layers, at) {
  var reach = map.containerPointToLatLng(
    map.latLngToContainerPoint(at).add([yuxi.TOLERANCE, yuxi.TOLERANCE])
  );
  var found = [];
  layers.forEach(function (layer) {
    if (!map.hasLayer(layer)) return;
    layer.yuxi.features.forEach(function (feature) {
      var p = feature.properties.p;
      var near =
        at.lng >= feature.box.getWest() - (reach.lng - at.lng) &&
        at.lng <= feature.box.getEast() + (reach.lng - at.lng) &&
        at.lat >= feature.box.getSouth() - (at.lat - reach.lat) &&
        at.lat <= feature.box.getNorth() + (at.lat - reach.lat);
      var pinned = layer.yuxi.pins.length && yuxi.nearLine(map, [p], at);
      if (pinned || (near && yuxi.hits(map, feature.geometry, at))) found.unshift(feature);
    });
  });
  return found;
};

/** The fields of a feature as a table; empty ones are left out. */
yuxi.card = function (feature, parent) {
  var table = yuxi.element("table", null, null, parent);
  var body = yuxi.element("tbody", null, null, table);
  feature.layer.yuxi.fields.forEach(function (title, i) {
    var value = feature.properties.v[i];
    if (!value) return;
    var row = yuxi.element("tr", null, null, body);
    yuxi.element("th", null, title, row).scope = "row";
    yuxi.element("td", null, value, row);
  });
};

/** The heading of a feature: its symbol, layer and code. */
yuxi.caption = function (feature, parent) {
  var data = feature.layer.yuxi;
  yuxi.swatch((data.pins.length ? data.pins : data.symbols)[feature.properties.s], parent);
  yuxi.element("b", null, data.title, parent);
  yuxi.element("span", "yuxi-code", feature.properties.k, parent);
};

/** Show features in a popup: the first opened, the others folded below it. */
yuxi.show = function (map, features, at, texts) {
  var content = yuxi.element("div", "yuxi-popup");
  features.forEach(function (feature, i) {
    if (i === 1) yuxi.element("p", "yuxi-also", texts.also_here, content);
    var section = yuxi.element("details", null, null, content);
    section.open = i === 0;
    yuxi.caption(feature, yuxi.element("summary", null, null, section));
    yuxi.card(feature, section);
  });
  yuxi.highlight(map, features[0]);
  var narrow = map.yuxiLegend.options.collapsed;
  if (narrow) map.yuxiLegend.collapse();
  L.popup({
    maxWidth: Math.min(380, window.innerWidth - 60),
    minWidth: narrow ? 240 : 300,
    maxHeight: yuxi.popupHeight(map),
    // Beside the buttons, or below them where the screen is narrow.
    autoPanPaddingTopLeft: narrow ? [12, 88] : [52, 12],
    autoPanPaddingBottomRight: [yuxi.legendWidth(map) + 12, 12],
  })
    .setLatLng(at)
    .setContent(content)
    .openOn(map);
};

yuxi.popupHeight = function (map) {
  return Math.max(140, Math.min(420, map.getSize().y - 150));
};

/** Outline one feature until the popup closes. */
yuxi.highlight = function (map, feature) {
  if (map.yuxiMark) map.yuxiMark.remove();
  map.yuxiMark = L.geoJSON(feature.geometry, {
    interactive: false,
    style: { color: "#00b8d4", weight: 4, opacity: 1, fill: false },
    pointToLayer: function (_, latlng) {
      return L.circleMarker(latlng, { radius: 9 });
    },
  }).addTo(map);
};

yuxi.identify = function (map, layers, texts) {
  map.on("click", function (event) {
    var found = yuxi.featuresAt(map, layers, event.latlng);
    if (found.length) yuxi.show(map, found, event.latlng, texts);
  });
  map.on("popupclose", function () {
    if (map.yuxiMark) map.yuxiMark.remove();
    map.yuxiMark = null;
  });
};
