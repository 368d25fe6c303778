/* Put the page together. */

yuxi.start = function (map, settings, parts) {
  var texts = settings.texts;
  map.invalidateSize();
  yuxi.keepOrder(map, parts.layers);
  L.control.zoom({ zoomInTitle: texts.zoom_in, zoomOutTitle: texts.zoom_out }).addTo(map);
  L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
  yuxi.north(map, texts);
  yuxi.legend(map, settings, parts.scenes, parts.layers);
  yuxi.identify(map, parts.layers, texts);
  yuxi.search(map, parts.layers, texts);
  yuxi.closing(map);
  map.fitBounds(settings.bounds, {
    paddingTopLeft: [50, 12],
    paddingBottomRight: [yuxi.legendWidth(map) + 12, 40],
    animate: false,
  });
};

/** Escape, or a click on the map, closes the box about the data; Escape the popup, too. */
yuxi.closing = function (map) {
  var about = document.getElementById("yuxi-about");
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    about.open = false;
    map.closePopup();
  });
  map.on("click", function () { about.open = false; });
};

/** North is up. */
yuxi.north = function (map, texts) {
  var control = L.control({ position: "bottomleft" });
  control.onAdd = function () {
    var node = yuxi.element("div", "yuxi-north");
    yuxi.element("span", "yuxi-arrow", null, node);
    yuxi.element("span", null, texts.north, node);
    return node;
  };
  control.addTo(map);
};
