/* Save what the summary lists as CSV: UTF-8 with a byte order mark, CRLF, quoted as RFC 4180 says. */

/** A spreadsheet takes text that begins with one of these for a formula and runs it. */
yuxi.FORMULA = /^[=+\-@\t\r\n]/;
yuxi.PLAIN_NUMBER = /^[+-]?\d+(\.\d+)?$/;
/** Codes that Excel would make numbers of, with zeros in place of their last digits. A tab behind
    them keeps them; what reads tables strips it. */
yuxi.LONG_CODE = /^(0\d+|\d{12,}|\d+e\d+)$/i;

/** A text as one cell. */
yuxi.cell = function (text) {
  let safe = text;
  if (yuxi.FORMULA.test(text) && !yuxi.PLAIN_NUMBER.test(text)) safe = "'" + text;
  else if (yuxi.LONG_CODE.test(text)) safe = text + "\t";
  return /[",\r\n]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
};

/** The columns of the file: [{title, cell(i)}]; all of the popup, the village, the measured area. */
yuxi.tableColumns = function (layer) {
  const features = layer.features, area = features.area;
  const columns = layer.head.columns.map((head, c) => ({
    title: yuxi.titleWithUnit(head),
    cell: yuxi.cellsOf(features.column(c), head.decimals),
  }));
  if (features.village) {
    columns.push({ title: yuxi.text("csv_village"), cell: yuxi.cellsOf(features.village) });
  }
  if (area) {
    const cell = (i) => (area[i] > 0 ? (area[i] / yuxi.M2_PER_MU).toFixed(3) : "");
    columns.push({ title: yuxi.text("csv_area"), cell: cell });
  }
  return columns;
};

/** A column's title; the unit of its numbers behind it. */
yuxi.titleWithUnit = function (head) {
  const title = yuxi.word(head.title), unit = head.unit ? yuxi.word(head.unit).trim() : "";
  if (!unit || title.indexOf(unit) >= 0) return title;
  return yuxi.lang === "zh" ? title + "（" + unit + "）" : title + " (" + unit + ")";
};

/** A function from a feature to its cell. Each distinct word is looked at once. */
yuxi.cellsOf = function (column, decimals) {
  if (!column.words) {
    const numbers = column.numbers;
    return (i) => (isNaN(numbers[i]) ? "" : numbers[i].toFixed(decimals));
  }
  const number = column.number, cells = new Array(column.words.length);
  return function (i) {
    const k = number[i];
    if (cells[k] === undefined) cells[k] = yuxi.cell(yuxi.word(column.words[k]));
    return cells[k];
  };
};

/** The pieces of the file, as a generator that pauses now and then; {parts, rows} in the end. */
yuxi.writeTable = function* (layer, view) {
  for (let c = 0; c < layer.head.columns.length; c++) {
    layer.features.column(c); // unpacked when first asked for
    yield;
  }
  const columns = yuxi.tableColumns(layer);
  const parts = ["\ufeff" + columns.map((column) => yuxi.cell(column.title)).join(",") + "\r\n"];
  const listed = [];
  yield* yuxi.eachListed(layer, view, (i) => listed.push(i));
  for (let from = 0; from < listed.length; from += 1000) {
    let text = "";
    for (const i of listed.slice(from, from + 1000)) {
      text += columns.map((column) => column.cell(i)).join(",") + "\r\n";
    }
    parts.push(text);
    yield;
  }
  return { parts: parts, rows: listed.length };
};

/** Let the browser save a file. */
yuxi.save = function (name, blob) {
  const link = yuxi.element("a", null, null, document.body);
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

/** A name of a file for a layer: its title and the day. */
yuxi.tableName = function (layer) {
  const now = new Date(), two = (n) => (n < 10 ? "0" : "") + n;
  const day = now.getFullYear() + two(now.getMonth() + 1) + two(now.getDate());
  const title = layer.title().replace(/[\\/:*?"<>|\u0000-\u001f\u202a-\u202e\u2066-\u2069]/g, "_");
  return title.slice(0, 60) + "_" + day + ".csv";
};

yuxi.table = function (app) {
  yuxi.button("yuxi-sum-action", "csv", app.summary.actions, function () {
    const layer = app.summary.layer(), view = app.summary.view();
    if (!layer || !layer.features) return;
    const steps = (function* () {
      const table = yield* yuxi.writeTable(layer, view);
      yuxi.save(yuxi.tableName(layer), new Blob(table.parts, { type: "text/csv;charset=utf-8" }));
      yuxi.note(yuxi.text("csv_done").replace("{n}", yuxi.number(table.rows)));
    })();
    yuxi.queue.add({ steps: steps });
  });
};
