// @ts-check
// Takes apart what the server sends: a line of JSON, then the charts that it names, each compressed (see stage.py).

/** @import { Chart, Message, Packed, Row } from "./types.d.ts" */

/** @param {Uint8Array} bytes @returns {Promise<Message>} */
export async function unwrap(bytes) {
  let at = bytes.indexOf(10) + 1;
  const line = JSON.parse(new TextDecoder().decode(bytes.subarray(0, at)));
  /** @type {[string, number][]} */
  const lengths = line.charts;
  line.charts = await Promise.all(lengths.map(([, length]) => inflate(bytes.subarray(at, (at += length)))));
  return line;
}

/** @param {Uint8Array} part @returns {Promise<Chart>} */
async function inflate(part) {
  const stream = new Blob([/** @type {BlobPart} */ (part)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).text();
  return { ...JSON.parse(text), text };
}

/** One row a frame; of heatmaps each row is a matrix. @param {Packed} packed @returns {Row[]} */
export function rows({ shape, float32 }) {
  const bytes = Uint8Array.from(atob(float32), (c) => c.charCodeAt(0));
  const all = new Float32Array(bytes.buffer);
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({ length: shape[0] }, (_, k) => {
    const row = all.subarray(k * size, (k + 1) * size);
    if (shape.length < 3) return row;
    return Array.from({ length: shape[1] }, (__, i) => row.subarray(i * shape[2], (i + 1) * shape[2]));
  });
}

/** @param {Uint8Array | undefined} one @param {Uint8Array | undefined} other */
export function same(one, other) {
  if (one === other) return true;
  return Boolean(one && other && one.length === other.length && one.every((byte, i) => byte === other[i]));
}
