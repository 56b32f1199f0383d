#!/bin/sh
# SPDX-License-Identifier: MIT
# install-onnx.sh FOLDER: ONNX Runtime for node, and a PNG reader, into FOLDER/node_modules, unless they are there.
# Fails with one line where that cannot be had; 77 without npm.
set -eu
if ! { node --version && npm --version; } >/dev/null 2>&1; then
    echo 'no node and npm here to run ONNX Runtime with' >&2
    exit 77
fi
[ ! -e "$1/node_modules/.whole" ] || exit 0
mkdir -p "$1"
# Without its scripts the package is what runs on processors; with them it fetches more from elsewhere.
(cd "$1" && npm install --no-audit --no-fund --ignore-scripts onnxruntime-node@1.20.1 pngjs@7.0.0) >"$1/npm.log" 2>&1 || {
    echo "npm could not install ONNX Runtime: $(grep -m 1 -i error "$1/npm.log")" >&2
    exit 1
}
: >"$1/node_modules/.whole"
