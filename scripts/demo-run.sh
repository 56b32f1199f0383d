#!/bin/sh
# SPDX-License-Identifier: MIT
# demo-run.sh BIN: what ./demo shows once restain is built. Writes into demo-out/ of the current folder.
set -eu
bin=$1
out=demo-out
mkdir -p "$out"

echo "Fitting a colour network to pattern-made H&E / IHC pairs:"
"$bin/examples/demo_fit" fit "$out"
"$bin/restain" convert "$out/colour.safetensors" "$out/model.safetensors" --overwrite
"$bin/restain" translate --model "$out/model.safetensors" "$out/he.png" -o "$out/virtual.png" --overwrite
"$bin/examples/demo_fit" join "$out/side-by-side.png" "$out/he.png" "$out/virtual.png" "$out/ihc.png"
cat <<EOF

Done. Open $out/side-by-side.png: the H&E tile, the virtual IHC, the IHC it should have been.
The model is $out/model.safetensors; try it on a tile of your own:
  $bin/restain translate --model $out/model.safetensors TILE.png -o virtual.png
EOF
