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
"$bin/restain" evaluate -q --json "$out/tiles.json" "$out/tiles/trainB" "$out/virtual"

cat <<EOT

Done. Open $out/side-by-side.png: H&E, virtual IHC, the IHC it should have been.
The slide is $out/virtual.ome.tif (any viewer of OME-TIFF: QuPath, OpenSlide, ...); the numbers are in $out/*.json.
To translate a tile or a slide of your own:
  $bin/restain translate --model MODEL.safetensors TILE.png -o virtual.png
The demo's model knows synthetic tissue only. To train one on your pairs: $bin/restain train --help
EOT
