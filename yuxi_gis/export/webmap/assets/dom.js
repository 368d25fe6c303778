/* The one global of the page, and the two ways in: data blocks and elements. */
"use strict";

var yuxi = {};

/** The JSON of a data block. */
yuxi.data = function (id) {
  return JSON.parse(document.getElementById(id).textContent);
};

/** A new element. `text` is never read as HTML. */
yuxi.element = function (tag, className, text, parent) {
  var node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
};

/** A small picture of a symbol: a patch, a line or a dot. */
yuxi.swatch = function (symbol, parent) {
  var node = yuxi.element("span", "yuxi-swatch yuxi-" + symbol.shape.toLowerCase(), null, parent);
  var inner = yuxi.element("span", null, null, node);
  if (symbol.fill) {
    inner.style.backgroundColor = symbol.fillColor;
    inner.style.opacity = symbol.fillOpacity;
  }
  if (symbol.stroke) {
    var style = symbol.dashArray ? "dashed" : "solid";
    var width = Math.max(1, Math.min(3, Math.round(symbol.weight)));
    node.style.border = width + "px " + style + " " + symbol.color;
  }
  return node;
};
