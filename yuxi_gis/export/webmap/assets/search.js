/* Find a parcel by any part of its code: a combobox over the keys of all layers. */

yuxi.MAX_RESULTS = 12;

/** Layers in the order of the search: parcels, then what lies below them, then results. */
yuxi.searchOrder = function (layers) {
  function is(result) {
    return function (layer) { return layer.yuxi.result === result; };
  }
  return layers.filter(is(false)).reverse().concat(layers.filter(is(true)));
};

/** Features whose key contains `text`, those that begin with it first. */
yuxi.find = function (layers, text) {
  var wanted = text.trim().toUpperCase();
  var first = [], then = [];
  yuxi.searchOrder(layers).forEach(function (layer) {
    layer.yuxi.features.forEach(function (feature) {
      var at = feature.properties.k.toUpperCase().indexOf(wanted);
      if (at === 0) first.push(feature);
      else if (at > 0) then.push(feature);
    });
  });
  return first.concat(then);
};

/** Go to a feature, switch its layer on, open its popup. */
yuxi.goTo = function (map, layers, feature, texts) {
  if (!map.hasLayer(feature.layer)) map.addLayer(feature.layer);
  map.fitBounds(feature.box, {
    maxZoom: 18,
    paddingTopLeft: [60, 60],
    paddingBottomRight: [60 + yuxi.legendWidth(map), 60],
    animate: false,
  });
  var p = feature.properties.p;
  var at = L.latLng(p[1], p[0]);
  var others = yuxi.featuresAt(map, layers, at).filter(function (other) {
    return other !== feature;
  });
  yuxi.show(map, [feature].concat(others), at, texts);
};

yuxi.search = function (map, layers, texts) {
  var box = document.getElementById("yuxi-search");
  var input = yuxi.element("input", null, null, box);
  var list = yuxi.element("ul", null, null, box);
  var found = [], active = -1;
  input.type = "search";
  input.placeholder = texts.search;
  input.autocomplete = "off";
  input.title = texts.search_hint;
  list.id = "yuxi-results";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  [["role", "combobox"], ["aria-controls", list.id], ["aria-expanded", "false"],
   ["aria-label", texts.search], ["aria-autocomplete", "list"]].forEach(function (pair) {
    input.setAttribute(pair[0], pair[1]);
  });

  function fold(hidden) {
    list.hidden = hidden;
    input.setAttribute("aria-expanded", String(!hidden));
  }

  function choose(index) {
    if (!found[index]) return;
    fold(true);
    input.value = found[index].properties.k;
    yuxi.goTo(map, layers, found[index], texts);
  }

  function mark(index) {
    var rows = list.querySelectorAll("[role=option]");
    if (!rows.length) return;
    active = (index + rows.length) % rows.length;
    rows.forEach(function (row, i) {
      row.setAttribute("aria-selected", String(i === active));
    });
    input.setAttribute("aria-activedescendant", rows[active].id);
    rows[active].scrollIntoView({ block: "nearest" });
  }

  function refresh() {
    list.textContent = "";
    active = -1;
    input.removeAttribute("aria-activedescendant");
    found = input.value.trim() ? yuxi.find(layers, input.value) : [];
    if (!input.value.trim()) return fold(true);
    found.slice(0, yuxi.MAX_RESULTS).forEach(function (feature, i) {
      var row = yuxi.element("li", null, null, list);
      row.id = "yuxi-result-" + i;
      row.setAttribute("role", "option");
      yuxi.caption(feature, row);
      row.addEventListener("mousedown", function (event) {
        event.preventDefault();
        choose(i);
      });
    });
    var more = found.length - yuxi.MAX_RESULTS;
    if (!found.length) yuxi.element("li", "yuxi-note", texts.search_none, list);
    if (more > 0) {
      yuxi.element("li", "yuxi-note", texts.search_more.replace("{n}", more), list);
    }
    fold(false);
  }

  input.addEventListener("input", refresh);
  input.addEventListener("focus", refresh);
  input.addEventListener("blur", function () { fold(true); });
  input.addEventListener("keydown", function (event) {
    var moves = { ArrowDown: active + 1, ArrowUp: active < 0 ? -1 : active - 1 };
    if (event.key in moves) {
      mark(moves[event.key]);
      event.preventDefault();
    } else if (event.key === "Enter") {
      choose(Math.max(active, 0));
    } else if (event.key === "Escape") {
      fold(true);
    }
  });
};
