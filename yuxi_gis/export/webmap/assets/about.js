/* Where the page comes from, in the box about the data: input files with their hashes, what was
   simplified, versions. From the data block that about.py writes. */

yuxi.about = function () {
  const block = document.getElementById("yuxi-provenance");
  const box = document.querySelector("#yuxi-about > div");
  if (!block || !box) return;
  const record = JSON.parse(block.textContent);
  const list = yuxi.element("dl", "yuxi-provenance");
  const entry = function (name, text) {
    const term = yuxi.element("dt", null, name, list);
    const value = yuxi.element("dd", null, text, list);
    value.style.overflowWrap = "anywhere";
    return { term: term, value: value };
  };
  if (record.inputs.length) yuxi.say(entry("", "SHA-256").term, "about_files");
  for (const input of record.inputs) {
    const size = input.sha256 ? yuxi.bytes(input.bytes) + " · " + input.sha256 : "–";
    entry(input.file, size).value.style.fontVariantNumeric = "tabular-nums";
  }
  const simplified = record.layers.filter((layer) => layer.simplified);
  if (simplified.length) {
    const line = entry("", "");
    yuxi.say(line.term, "about_simplified");
    yuxi.say(line.value, "about_simplified_how");
  }
  for (const layer of simplified) {
    const done = layer.simplified, count = [done.vertices, done.left].map((n) => yuxi.number(n));
    const shift = done.tolerance_m + " m · " + done.shift_m + " m · " + count.join(" → ");
    const title = typeof layer.title === "string" ? [layer.title, layer.title] : layer.title;
    yuxi.sayWords(entry("", shift).term, title);
  }
  const versions = Object.keys(record.versions).map((name) => name + " " + record.versions[name]);
  yuxi.say(entry("", versions.join(" · ")).term, "about_versions");
  box.insertBefore(list, box.querySelector("p"));
};

/** A size for people. */
yuxi.bytes = function (count) {
  return count < 1e6 ? yuxi.number(count / 1e3, 1) + " KB" : yuxi.number(count / 1e6, 1) + " MB";
};
