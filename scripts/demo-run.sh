#!/bin/sh
# SPDX-License-Identifier: MIT
# demo-run.sh BIN: what ./demo shows once restain is built. Writes into demo-out/ of the current folder.
set -eu
bin=$1
out=demo-out
model=models/demo.safetensors
mkdir -p "$out"

echo "A slide of synthetic tissue, HER2 3+, and the IHC slide that the same tissue would give:"
"$bin/restain" synth --slide 4096x3072 --tissue 0.7 --level 3 --seed 11 --ihc "$out/real.ome.tif" -o "$out/he.ome.tif" --overwrite

echo "The H&E slide, translated by a small model of the paper's architecture (models/demo.md):"
"$bin/restain" translate --model "$model" "$out/he.ome.tif" -o "$out/virtual.ome.tif" --overwrite

echo "Against the truth, pixel by pixel (DAB r: how well the brown agrees; area: share of brown pixels):"
"$bin/restain" evaluate -q --json "$out/slide.json" "$out/real.ome.tif" "$out/virtual.ome.tif"
"$bin/examples/side_by_side" "$out/side-by-side.png" 2400,800,768,768 \
    "$out/he.ome.tif" "$out/virtual.ome.tif" "$out/real.ome.tif"

echo "The same on 32 tiles of tissue that the model was not trained on, by HER2 level:"
rm -rf "$out/tiles" "$out/virtual"
"$bin/restain" synth --pairs 32 --size 256 --val-share 0 --seed 77 -q -o "$out/tiles"
"$bin/restain" translate -q --model "$model" "$out/tiles/trainA" -o "$out/virtual"
"$bin/restain" evaluate -q --json "$out/tiles.json" --report "$out/report" --he "$out/tiles/trainA" --names 'the demo model' \
    "$out/tiles/trainB" "$out/virtual"

echo "Training pairs at three magnifications, through small super-resolvers that were trained here too (models/superres.md):"
rm -rf "$out/pairs" "$out/magnified"
"$bin/restain" synth --pairs 5 --size 256 --seed 78 -q -o "$out/pairs"
"$bin/restain" prepare -q --multimag "$out/pairs" -o "$out/magnified" \
    --sr-x2 models/superres-x2.safetensors --sr-x4 models/superres-x4.safetensors
name=$(basename "$(find "$out/pairs/trainA" -name '*.png' | sort | tail -n 1)")
"$bin/examples/side_by_side" "$out/magnified.png" 0,0,256,256 \
    "$out/pairs/trainA/$name" "$out/magnified/HE/1x/$name" "$out/magnified/HE/2x/$name" "$out/magnified/HE/4x/$name"

cat <<EOT

Done. Open $out/side-by-side.png: H&E, virtual IHC, the IHC it should have been.
$out/report/index.html is the report on the tiles, in any browser: scores, the brown, the best and the worst pairs.
$out/magnified.png shows a training tile and its magnifications 1, 2 and 4.
The slide is $out/virtual.ome.tif (any viewer of OME-TIFF: QuPath, OpenSlide, ...); the numbers are in $out/*.json.
To translate a tile or a slide of your own:
  $bin/restain translate --model MODEL.safetensors TILE.png -o virtual.png
The demo's model knows synthetic tissue only. To train one on your pairs: $bin/restain train --help
EOT
