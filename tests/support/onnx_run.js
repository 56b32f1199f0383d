// SPDX-License-Identifier: MIT
// onnx_run.js MODEL.onnx TILE.png WANTED.png [unit]: runs a network with ONNX Runtime and compares the bytes that come
// out with those of a picture. Prints the share of bytes that differ and by how much at most; fails above 1 of 255.
const fs = require('fs'), ort = require('onnxruntime-node'), { PNG } = require('pngjs');

const [, , model, tile, wanted, unit] = process.argv;
const read = path => PNG.sync.read(fs.readFileSync(path));
const toFloat = v => (unit ? v / 255 : v / 127.5 - 1);
const toByte = v => (unit ? Math.round(255 * Math.min(1, Math.max(0, v))) : Math.floor((v + 1) * 127.5));

(async () => {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 2 });
  const from = read(tile), to = read(wanted), pixels = from.width * from.height;
  const x = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++)
    for (let c = 0; c < 3; c++) x[c * pixels + i] = toFloat(from.data[4 * i + c]);
  const input = new ort.Tensor('float32', x, [1, 3, from.height, from.width]);
  const { output } = await session.run({ input });
  const [, , h, w] = output.dims;
  if (h !== to.height || w !== to.width) throw new Error(`an image of ${w} x ${h}, not ${to.width} x ${to.height}`);
  let differing = 0, most = 0;
  for (let i = 0; i < w * h; i++)
    for (let c = 0; c < 3; c++) {
      const d = Math.abs(toByte(output.data[c * w * h + i]) - to.data[4 * i + c]);
      differing += d > 0;
      most = Math.max(most, d);
    }
  console.log(`${model}: ${((100 * differing) / (3 * w * h)).toFixed(3)} % of the bytes differ, by ${most} at most`);
  process.exit(most > 1 ? 1 : 0);
})().catch(e => {
  console.error(`${model}: ${e.message}`);
  process.exit(1);
});
