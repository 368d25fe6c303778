/* What packing.py packed: base64, zlib, variable-length integers, texts. */

/** The bytes of a base64 text. */
yuxi.fromBase64 = function (text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
};

/** A promise of the bytes that were compressed with zlib: by the browser where it can. */
yuxi.inflate = function (bytes) {
  if (typeof DecompressionStream === "undefined") {
    const whole = pako.inflate(bytes);
    return whole ? Promise.resolve(whole) : Promise.reject(new Error("the stream is cut off"));
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer().then((buffer) => new Uint8Array(buffer));
};

/** The named streams of a data block as Uint8Arrays. What is damaged does not pass: zlib's
    checksum covers all of them. */
yuxi.unpack = function (text, table) {
  const packed = new Promise((resolve) => resolve(yuxi.fromBase64(text)));
  const damaged = (error) => Promise.reject(yuxi.failure("damaged", error));
  return packed.then(yuxi.inflate).then(null, damaged).then(function (bytes) {
    const streams = {};
    let at = 0;
    for (const [name, length] of table) {
      streams[name] = bytes.subarray(at, at + length);
      at += length;
    }
    return streams;
  });
};

/** Call visit(number, i) for each variable-length integer. Numbers may go beyond 32 bits. */
yuxi.eachInteger = function (bytes, visit) {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    let value = 0, unit = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * unit;
      unit *= 128;
    } while (byte > 127);
    visit(value, i);
  }
};

/** The variable-length integers below 2³² of a stream; `count` where it is known. */
yuxi.integers = function (bytes, count) {
  const out = new Uint32Array(count === undefined ? yuxi.countIntegers(bytes) : count);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    let byte = bytes[at++], value = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = bytes[at++];
      value |= (byte & 127) << shift;
    }
    out[i] = value;
  }
  return out;
};

yuxi.countIntegers = function (bytes) {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] < 128) count++;
  return count;
};

/** Signed numbers from unsigned ones, 32 bits. */
yuxi.signed = function (value) {
  return (value >>> 1) ^ -(value & 1);
};

/** A column of texts: the number of each feature's word, and the words. */
yuxi.unpackTexts = function (words, codes, count) {
  const back = yuxi.integers(codes, count);
  const number = new Uint32Array(count);
  let next = 0;
  for (let i = 0; i < count; i++) number[i] = back[i] === 0 ? next++ : next - back[i];
  return { words: JSON.parse(new TextDecoder().decode(words)), number: number };
};

/** A column of numbers; NaN where missing. */
yuxi.unpackNumbers = function (codes, count, decimals) {
  const out = new Float64Array(count);
  const unit = Math.pow(10, decimals);
  yuxi.eachInteger(codes, function (value, i) {
    const code = value - 1;
    if (value === 0) out[i] = NaN;
    else out[i] = (code % 2 ? -(code + 1) / 2 : code / 2) / unit;
  });
  return out;
};
