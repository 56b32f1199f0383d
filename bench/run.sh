#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BIN [SIZE [THREADS [REPEATS]]]: restain against PyTorch in one run, the same weights, the same tile,
# the same threads; the outputs are compared. Prints one table of medians and ratios.
set -eu
bin=$1
size=${2:-512}
threads=${3:-2}
repeats=${4:-5}
here=$(dirname "$0")
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! "$python" -c 'import torch, numpy' 2>/dev/null; then
    echo "bench: $python has no torch: install python3-torch (scripts/install-deps.sh bench)" >&2
    exit 1
fi

gen=$bin/bench_generator
"$bin/restain" convert --init resnet_6blocks --seed 1 --init-gain 0.2 "$work/g.safetensors" >/dev/null
"$bin/restain" convert "$work/g.safetensors" "$work/g.pth" >/dev/null
"$gen" input "$work/x.f32" "$size"

# peer NAME WHAT [ENV...]: one PyTorch run
peer() {
    name=$1 what=$2
    shift 2
    env "$@" "$python" "$here/torch_peer.py" "$what" "$work/g.pth" "$work/x.f32" "$size" "$threads" "$repeats" \
        "$work/$name.f32" >"$work/$name.txt"
}
ours() {
    "$gen" "$2" "$work/g.safetensors" "$work/x.f32" "$size" "$threads" "$repeats" "$work/$1.f32" "$3" >"$work/$1.txt"
}
row() { # row NAME TITLE REFERENCE
    read -r med min rss <"$work/$1.txt"
    read -r base _ base_rss <"$work/$3.txt"
    diff=$("$gen" compare "$work/$1.f32" "$work/$3.f32")
    awk -v t="$2" -v m="$med" -v n="$min" -v r="$rss" -v b="$base" -v br="$base_rss" -v d="$diff" 'BEGIN {
        split(d, e, " ")
        printf "| %-34s | %8.0f | %8.0f | %5.2fx | %6.0f | %5.2f | %s | %s |\n", t, m, n, b / m, r / 1024, r / br, e[1], e[2] }'
}

tuned="MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=524288000"
echo "antialiased 6-block generator, ngf 64, ${size} x ${size}, fp32, $threads threads, medians of $repeats"
echo "| what                               |   median |  best ms | faster | MiB    | mem   | max diff | rel L2   |"
for what in forward backward; do
    peer "torch-$what" "$what" X=1
    # shellcheck disable=SC2086
    peer "tuned-$what" "$what" $tuned
    ours "auto-$what" "$what" auto
    ours "direct-$what" "$what" direct
    row "torch-$what" "$what: PyTorch as it comes" "torch-$what"
    row "tuned-$what" "$what: PyTorch, tuned allocator" "torch-$what"
    row "direct-$what" "$what: restain --conv direct" "torch-$what"
    row "auto-$what" "$what: restain" "torch-$what"
    awk -v w="$what" -v a="$(cut -d' ' -f1 "$work/tuned-$what.txt")" -v b="$(cut -d' ' -f1 "$work/auto-$what.txt")" \
        'BEGIN { printf "  %s: %.2fx PyTorch with the tuned allocator\n", w, a / b }'
done
