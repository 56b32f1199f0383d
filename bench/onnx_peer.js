// SPDX-License-Identifier: MIT
// The peer of bench/run.sh: an exported network in ONNX Runtime, on the processor.
//
// usage: onnx_peer.js MODEL.onnx INPUT.f32 SIZE THREADS REPEATS OUTPUT.f32
//
// Reads and writes as torch_peer.py does, and prints the same line: median_ms min_ms max_rss_kib
const fs = require('fs'), ort = require('onnxruntime-node');

const [, , model, from, size, threads, repeats, to] = process.argv;

(async () => {
  const options = { intraOpNumThreads: +threads, interOpNumThreads: 1 };
  const session = await ort.InferenceSession.create(model, options);
  const bytes = fs.readFileSync(from), x = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const input = new ort.Tensor('float32', x, [1, 3, +size, +size]), times = [];
  let result;
  for (let i = 0; i <= +repeats; i++) {
    const t = process.hrtime.bigint();
    result = await session.run({ input });
    if (i) times.push(Number(process.hrtime.bigint() - t) / 1e6); // the first warms up
  }
  const y = result.output.data;
  fs.writeFileSync(to, Buffer.from(y.buffer, y.byteOffset, y.byteLength));
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1];
  console.log(median.toFixed(1), times[0].toFixed(1), process.resourceUsage().maxRSS);
})().catch(e => {
  console.error(`${model}: ${e.message}`);
  process.exit(1);
});
