/* Features on the canvas.

   Paths take no part in Leaflet's mouse handling (interactive: false): clicks are resolved over
   all layers at once in identify.js, so that an upper layer never hides a lower one from them. */

/** A Leaflet layer from the data of `encode_layer`. */
yuxi.layer = function (data) {
  var shapes = L.geoJSON(
    { type: "FeatureCollection", features: data.features },
    {
      interactive: false,
      style: function (feature) {
        return data.symbols[feature.properties.s];
      },
      pointToLayer: function (feature, latlng) {
        return L.circleMarker(latlng, data.symbols[feature.properties.s]);
      },
    }
  );
  var layer = L.featureGroup([shapes]);
  if (data.pins.length) layer.addLayer(yuxi.pins(data));
  data.features.forEach(function (feature) {
    feature.layer = layer;
    feature.box = yuxi.box(feature.geometry);
  });
  layer.yuxi = data;
  layer.shapes = shapes;
  return layer;
};

/** A mark of constant size on every feature. */
yuxi.pins = function (data) {
  return L.featureGroup(
    data.features.map(function (feature) {
      var p = feature.properties;
      var options = L.extend({ interactive: false }, data.pins[p.s]);
      return L.circleMarker([p.p[1], p.p[0]], options);
    })
  );
};

/** Fills fade while a picture is shown below them, so that it can be seen. */
yuxi.fade = function (layer, faded) {
  layer.shapes.setStyle(function (feature) {
    var symbol = layer.yuxi.symbols[feature.properties.s];
    return { fillOpacity: faded ? Math.min(symbol.fillOpacity, 0.12) : symbol.fillOpacity };
  });
};

/** Keep the drawing order whatever is switched on last: one canvas draws in the order of adding. */
yuxi.keepOrder = function (map, layers) {
  map.on("layeradd", function (event) {
    var from = layers.indexOf(event.layer);
    if (from < 0) return;
    layers.slice(from + 1).forEach(function (above) {
      if (map.hasLayer(above)) above.bringToFront();
    });
  });
};

/** Call visit(lng, lat) for every position of a GeoJSON geometry. */
yuxi.positions = function (geometry, visit) {
  (function walk(part) {
    if (typeof part[0] === "number") visit(part[0], part[1]);
    else part.forEach(walk);
  })(geometry.geometries ? [] : geometry.coordinates);
  (geometry.geometries || []).forEach(function (part) {
    yuxi.positions(part, visit);
  });
};

/** The bounds of a GeoJSON geometry. */
yuxi.box = function (geometry) {
  var west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
  yuxi.positions(geometry, function (x, y) {
    if (x < west) west = x;
    if (x > east) east = x;
    if (y < south) south = y;
    if (y > north) north = y;
  });
  return L.latLngBounds([south, west], [north, east]);
};
