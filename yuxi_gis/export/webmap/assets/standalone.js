/* Layers on a map without the page around it: a click shows what is there. All layers of a map
   share one app. */

yuxi.standalone = function (map, layer) {
  const app = map.yuxiApp || (map.yuxiApp = yuxi.bareApp(map));
  app.layers.push(layer);
  layer.setZIndex(app.layers.length);
};

/** An app of a map alone: popup and outline of what is clicked, in the page's language. */
yuxi.bareApp = function (map) {
  const lang = /^en/.test(document.documentElement.lang) ? "en" : "zh";
  const settings = { texts: yuxi.data("yuxi-texts"), lang: lang, scenes: [] };
  const app = new yuxi.App(map, settings, { layers: [], scenes: [] });
  // A popup asks how much of the map the legend covers: there is none.
  app.legend = { options: { collapsed: true }, collapse: function () {} };
  yuxi.identify(app);
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") map.closePopup();
  });
  return app;
};
