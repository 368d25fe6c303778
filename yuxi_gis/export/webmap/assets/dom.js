/* The one global of the page; its data blocks, its words and its elements. */
"use strict";

// Hides the sentence for browsers that cannot read these scripts (#yuxi-old).
document.documentElement.classList.add("yuxi-runs");

var yuxi = { lang: /^en/.test(document.documentElement.lang) ? "en" : "zh", texts: {} };

/** The JSON of a data block. */
yuxi.data = function (id) {
  try {
    return JSON.parse(document.getElementById(id).textContent);
  } catch (error) {
    throw yuxi.failure("damaged", error);
  }
};

/** A text, or the one of a pair [Chinese, English] that is in the language of the page now. */
yuxi.word = function (words) {
  return typeof words === "string" ? words : words[yuxi.lang === "zh" ? 0 : 1];
};

/** A text of the page by its key. */
yuxi.text = function (key) {
  return yuxi.word(yuxi.texts[key]);
};

/** A new element. `text` is never read as HTML. */
yuxi.element = function (tag, className, text, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
};

/** A button with a text by its key; the text follows the language (see `yuxi.translate`). */
yuxi.button = function (className, key, parent, action) {
  const node = yuxi.element("button", className, null, parent);
  node.type = "button";
  yuxi.say(node, key);
  node.addEventListener("click", action);
  return node;
};

/** Give an element the text of `key`, now and after every change of language; `attribute` names
    an attribute (title, placeholder, aria-label) instead of the text. */
yuxi.say = function (node, key, attribute) {
  node.setAttribute("data-say" + (attribute ? "-" + attribute : ""), key);
  if (attribute) node.setAttribute(attribute, yuxi.text(key));
  else node.textContent = yuxi.text(key);
};

/** Put all texts given by `yuxi.say`, `yuxi.sayWords` or heading.py into the language of the page. */
yuxi.translate = function () {
  document.documentElement.lang = yuxi.lang === "zh" ? "zh-CN" : "en";
  document.querySelectorAll("[data-say]").forEach(function (node) {
    node.textContent = yuxi.text(node.getAttribute("data-say"));
  });
  document.querySelectorAll("[data-zh]").forEach(function (node) {
    node.textContent = node.getAttribute("data-" + yuxi.lang);
  });
  for (const name of ["title", "placeholder", "aria-label"]) {
    document.querySelectorAll("[data-say-" + name + "]").forEach(function (node) {
      node.setAttribute(name, yuxi.text(node.getAttribute("data-say-" + name)));
    });
  }
};

/** A number for people: thousands apart, so many decimals. */
yuxi.number = function (value, decimals) {
  const parts = value.toFixed(decimals || 0).split(".");
  parts[0] = parts[0].replace(/\B(?=(\d{3})+$)/g, ",");
  return parts.join(".");
};

/** A small picture of a symbol: a patch, a line or a dot. */
yuxi.swatch = function (symbol, parent) {
  const node = yuxi.element("span", "yuxi-swatch yuxi-" + symbol.shape.toLowerCase(), null, parent);
  const inner = yuxi.element("span", null, null, node);
  if (symbol.fillOpacity > 0) {
    inner.style.backgroundColor = symbol.fill;
    inner.style.opacity = symbol.fillOpacity;
  }
  if (symbol.strokeOpacity > 0) {
    const style = symbol.dash.length ? "dashed" : "solid";
    const width = Math.max(1, Math.min(3, Math.round(symbol.width)));
    node.style.border = width + "px " + style + " " + symbol.stroke;
  }
  return node;
};

/* --- What went wrong is said in the page, so that it is never just blank --- */

/** Sentences that must be there even where the texts of the page are not. */
yuxi.FAILURES = {
  failed: ["地图未能完整显示。", "The map could not be shown as a whole."],
  damaged: ["数据已损坏，请重新获取此文件。", "The data are damaged: get a new copy of this file."],
  cut: [
    "文件不完整，可能在复制或传送时被截断，请重新获取此文件。",
    "The file is incomplete, perhaps cut off on its way here: get a new copy of it.",
  ],
};

/** An error that people can read; `cause` is for the console. */
yuxi.failure = function (key, cause) {
  const error = new Error(yuxi.FAILURES[key][1]);
  error.words = yuxi.FAILURES[key];
  if (cause) console.error(cause);
  return error;
};

/** Give an element a pair of texts [Chinese, English], now and after every change of language. */
yuxi.sayWords = function (node, words) {
  node.setAttribute("data-zh", words[0]);
  node.setAttribute("data-en", words[1]);
  node.textContent = yuxi.word(words);
};

/** Say an error, once; `title` is the text or pair that names what it is about. */
yuxi.fail = function (error, title) {
  if (!document.body) {
    document.addEventListener("DOMContentLoaded", () => yuxi.fail(error, title));
  } else if (yuxi.failed.indexOf(error) < 0) {
    yuxi.failed.push(error);
    const detail = String((error && error.message) || error);
    const words = (error && error.words) || yuxi.FAILURES.failed.map((text) => text + " " + detail);
    const of = [].concat(title || [""]);
    const lines = words.map((text, k) => (title ? (of[k] || of[0]) + (k ? ": " : "：") : "") + text);
    yuxi.sayWords(yuxi.element("p", null, null, yuxi.failedBox()), lines);
  }
};

/** The errors that were said. */
yuxi.failed = [];

yuxi.failedBox = function () {
  const known = document.getElementById("yuxi-failed");
  if (known) return known;
  const box = yuxi.element("div", null, null, document.body);
  box.id = "yuxi-failed";
  box.setAttribute("role", "alert");
  const close = yuxi.element("button", "yuxi-close", "×", box);
  close.type = "button";
  close.setAttribute("aria-label", yuxi.word(["关闭", "Close"]));
  close.addEventListener("click", () => box.remove());
  return box;
};

/** Errors that nobody caught; on a page of somebody else they are none of ours. */
yuxi.uncaught = function (error) {
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => yuxi.uncaught(error));
  } else if (document.getElementById("yuxi-bar")) {
    yuxi.fail(error);
  }
};

window.addEventListener("error", (event) => yuxi.uncaught(event.error || event.message));
window.addEventListener("unhandledrejection", (event) => yuxi.uncaught(event.reason));
// The script that starts the map is the last thing in the file.
window.addEventListener("load", function () {
  // (The index of --split has neither the search nor that script.)
  const whole = yuxi.app || !document.getElementById("yuxi-search");
  if (!whole && !yuxi.failed.length) yuxi.uncaught(yuxi.failure("cut"));
});
