#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BIN [PART [SIZE [THREADS [REPEATS [NGF]]]]]: restain against PyTorch and ONNX Runtime in one run, the same
# weights, the same picture, the same threads; what comes out is compared. PART: generator (forward and backward, CUT's
# and ASP's and the paper's), large (forward alone, 1024 x 1024), step (ASP's whole step of training), methods (the same
# of every method), loader (what a training waits for its data), roofline (what layers reach of what the machine
# allows; draws build/*/roofline.png), or all of them. Prints tables of medians and ratios.
set -eu
bin=$1
part=${2:-all}
size=${3:-}
threads=${4:-2}
repeats=${5:-5}
ngf=${6:-64}
here=$(dirname "$0")
python=${PYTHON:-/usr/bin/python3}
gen=$bin/bench_generator
train=$bin/bench_train_step
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tuned="MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=524288000"

need_torch() {
    "$python" -c 'import torch, numpy' 2>/dev/null && return
    echo "bench: $python has no torch: install python3-torch (scripts/install-deps.sh bench)" >&2
    exit 1
}

heading() { # heading WHAT DIFFERENCES
    printf '%s, fp32, %s threads, medians of %s\n' "$1" "$threads" "$repeats"
    echo "| what                               |   median |  best ms | faster | MiB    | mem   | $2 |"
    echo "|---|---|---|---|---|---|$(echo "$2" | sed 's/[^|]*/---/g')|"
}

row() { # row NAME TITLE REFERENCE DIFFERENCES
    read -r med min rss <"$work/$1.txt"
    read -r base _ base_rss <"$work/$3.txt"
    awk -v t="$2" -v m="$med" -v n="$min" -v r="$rss" -v b="$base" -v br="$base_rss" -v d="$4" 'BEGIN {
        printf "| %-34s | %8.0f | %8.0f | %5.2fx | %6.0f | %5.2f | %s |\n", t, m, n, b / m, r / 1024, r / br, d }'
}

ratio() { # ratio NAME REFERENCE: how many times as fast
    awk -v a="$(cut -d' ' -f1 "$work/$2.txt")" -v b="$(cut -d' ' -f1 "$work/$1.txt")" 'BEGIN { printf "%.2fx", a / b }'
}

# The generator --------------------------------------------------------------------------------------------------------

quietly() { # quietly COMMAND...: what it says is shown if it fails
    "$@" >"$work/said" 2>&1 || {
        cat "$work/said" >&2
        exit 1
    }
}

peer() { # peer NAME WHAT [ENV...]
    name=$1 what=$2
    shift 2
    env "$@" "$python" "$here/torch_peer.py" "$what" "$work/g.pth" "$work/x.f32" "$size" "$threads" "$repeats" \
        "$work/$name.f32" >"$work/$name.txt"
}

ours() { # ours NAME WHAT CONV
    "$gen" "$2" "$work/g.safetensors" "$work/x.f32" "$size" "$threads" "$repeats" "$work/$1.f32" "$3" >"$work/$1.txt"
}

generator_row() { # generator_row NAME TITLE REFERENCE
    row "$1" "$2" "$3" "$("$gen" compare "$work/$1.f32" "$work/$3.f32" | sed 's/ / | /')"
}

# onnx: the exported network in ONNX Runtime; its numbers are ours. Without node, a line says that a row is missing.
onnx() {
    modules=$bin/../onnx
    sh "$here/../scripts/install-onnx.sh" "$modules" || {
        echo '  no row for ONNX Runtime'
        return 0
    }
    quietly "$bin/restain" convert "$work/g.safetensors" "$work/g.onnx" --overwrite
    NODE_PATH=$modules/node_modules node "$here/onnx_peer.js" "$work/g.onnx" "$work/x.f32" "$size" "$threads" "$repeats" \
        "$work/onnx-forward.f32" >"$work/onnx-forward.txt"
    generator_row onnx-forward 'forward: ONNX Runtime' torch-forward
    "$gen" compare "$work/onnx-forward.f32" "$work/auto-forward.f32" | awk '!($2 <= 2e-4) {
        print "bench: what ONNX Runtime computes is not what restain does: " $0 | "cat >&2"; exit 1 }'
}

generator() { # generator NET TITLE WHAT...
    net=$1 title=$2
    shift 2
    quietly "$bin/restain" convert --init "$net" --ngf "$ngf" --seed 1 --init-gain 0.2 --overwrite "$work/g.safetensors"
    quietly "$bin/restain" convert "$work/g.safetensors" "$work/g.pth" --overwrite
    "$gen" input "$work/x.f32" "$size"
    heading "$title, ngf $ngf, $size x $size" 'max diff | rel L2  '
    for what; do
        peer "torch-$what" "$what" X=1
        # shellcheck disable=SC2086
        peer "tuned-$what" "$what" $tuned
        ours "auto-$what" "$what" auto
        ours "direct-$what" "$what" direct
        generator_row "torch-$what" "$what: PyTorch as it comes" "torch-$what"
        generator_row "tuned-$what" "$what: PyTorch, tuned allocator" "torch-$what"
        [ "$what" = backward ] || onnx
        generator_row "direct-$what" "$what: restain --conv direct" "torch-$what"
        generator_row "auto-$what" "$what: restain" "torch-$what"
        echo "  $what: $(ratio "auto-$what" "tuned-$what") PyTorch with the tuned allocator"
        [ ! -e "$work/onnx-$what.txt" ] || echo "  $what: $(ratio "auto-$what" "onnx-$what") ONNX Runtime"
    done
}

both_generators() { # both_generators WHAT...
    generator resnet_6blocks 'antialiased 6-block generator' "$@"
    generator ammfi_6blocks "the paper's generator" "$@"
}

# A step of training ---------------------------------------------------------------------------------------------------

step_init() { # step_init METHOD
    mkdir -p "$work/$1"
    "$train" init "$1" "$size" "$ngf" "$work/$1"
}

step_peer() { # step_peer NAME METHOD lean|published [ENV...]
    name=$1 method=$2 keys=$3
    shift 3
    env "$@" "$python" "$here/torch_step.py" "$method" "$work/$method" "$threads" "$repeats" "$work/$name.losses" "$keys" \
        >"$work/$name.txt"
}

step_ours() { # step_ours NAME METHOD CONV
    "$train" run "$2" "$ngf" "$work/$2" "$threads" "$repeats" "$work/$1.losses" "$3" >"$work/$1.txt"
}

# apart A B: the largest relative difference between losses of the first step; no number where one side lacks a loss.
apart() {
    awk '$1 != 1 { next }
        NR == FNR { a[$2] = $3; count++; next }
        { d = ($3 - a[$2]) / a[$2]; d = d < 0 ? -d : d; worst = d > worst ? d : worst; both += $2 in a }
        END { if (both && both == count && both == FNR / (steps + 1)) printf "%.1e", worst; else printf "other losses" }
    ' steps="$repeats" "$work/$1.losses" "$work/$2.losses"
}

# losses A B: a row a step: each loss of A, and how far B's is from it.
losses() {
    awk 'NR == FNR { a[$1, $2] = $3; next }
        $1 == 1 { name[++n] = $2 }
        { d = ($3 - a[$1, $2]) / a[$1, $2]; cell[$1, $2] = sprintf("%.6g (%.0e)", a[$1, $2], d < 0 ? -d : d) }
        END {
            printf "| step |"
            for (i = 1; i <= n; i++) printf " %-18s |", name[i]
            printf "\n|---|"
            for (i = 1; i <= n; i++) printf "---|"
            for (s = 1; s <= $1; s++) {
                printf "\n| %4d |", s
                for (i = 1; i <= n; i++) printf " %-18s |", cell[s, name[i]]
            }
            print ""
        }' "$work/$1.losses" "$work/$2.losses"
}

step_row() { # step_row NAME TITLE
    row "$1" "$2" torch "$(apart torch "$1")"
}

# agree A B: ends the run if the losses of the first step are not the same.
agree() {
    apart "$1" "$2" | awk -v n="$2" '$0 + 0 != $0 || $0 > 1e-3 {
        print "bench: " n ": the losses of step 1 are not PyTorch'"'"'s: " $0 | "cat >&2"; exit 1 }'
}

step() {
    step_init asp
    step_peer torch asp published X=1
    # shellcheck disable=SC2086
    step_peer tuned asp published $tuned
    # shellcheck disable=SC2086
    step_peer lean asp lean $tuned
    step_ours direct asp direct
    step_ours auto asp auto
    heading "ASP's step of training, ngf $ngf, a crop of $size x $size" 'losses of step 1'
    step_row torch 'PyTorch as it comes'
    step_row tuned 'PyTorch, tuned allocator'
    step_row lean 'the same, keys without a graph'
    step_row direct 'restain --conv direct'
    step_row auto 'restain'
    echo "  step: $(ratio auto torch) PyTorch as it comes, $(ratio auto tuned) with the tuned allocator," \
        "$(ratio auto lean) with keys without a graph too"
    echo "losses of PyTorch (relative difference of restain's):"
    losses torch auto
    agree torch direct
    agree torch auto
}

# Every method's step. Losses of later steps tell of the gradients.
methods() {
    heading "a step of training, ngf $ngf, a crop of $size x $size" 'losses of step 1'
    for method in pix2pix pyramid-pix2pix cyclegan cut asp ammfi; do
        step_init "$method"
        # shellcheck disable=SC2086
        step_peer "torch-$method" "$method" lean $tuned
        step_ours "auto-$method" "$method" auto
        row "torch-$method" "$method: PyTorch, tuned" "torch-$method" ''
        row "auto-$method" "$method: restain" "torch-$method" "$(apart "torch-$method" "auto-$method")"
        agree "torch-$method" "auto-$method"
    done
    for method in pix2pix pyramid-pix2pix cyclegan cut asp ammfi; do
        echo "$method, losses of PyTorch (relative difference of restain's):"
        losses "torch-$method" "auto-$method"
    done
}

# The loader -----------------------------------------------------------------------------------------------------------

# Twenty steps on JPEGs as large as MIST's, each read and decoded anew.
loader() {
    "$bin/restain" synth --pairs 16 --size 1024 --jpeg 90 -o "$work/data" 2>/dev/null
    "$bin/restain" train --method asp --dataroot "$work/data" --crop-size "$size" --ngf "$ngf" --threads "$threads" \
        --cache-mb 0 --max-steps 20 --print-freq 5 --val-freq 0 --panel-freq 1000 --name loader \
        --checkpoints-dir "$work" --quiet
    echo "share of the wall time that training waits for its data, ASP, ngf $ngf, a crop of $size x $size of 1024 x 1024:"
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; next }
        { s = $col["loader_share"]; worst = s > worst ? s : worst
          printf "  step %2d: %.3g images/s, %.4f %%\n", $col["step"], $col["images_per_s"], 100 * s }
        END { printf "  loader: at most %.4f %%\n", 100 * worst }' "$work/loader/metrics.csv"
}

given=$size
case $part in
generator | large | step | methods | loader | roofline | all) ;;
*)
    echo "bench: $part: must be generator, large, step, methods, loader, roofline or all" >&2
    exit 2
    ;;
esac
if [ "$part" = generator ] || [ "$part" = all ]; then
    need_torch
    size=${given:-512}
    both_generators forward backward
fi
if [ "$part" = large ] || [ "$part" = all ]; then
    need_torch
    size=${given:-1024}
    both_generators forward
fi
size=${given:-256}
if [ "$part" = step ] || [ "$part" = all ]; then
    need_torch
    step
fi
if [ "$part" = methods ] || [ "$part" = all ]; then
    need_torch
    methods
fi
if [ "$part" = loader ] || [ "$part" = all ]; then
    loader
fi
if [ "$part" = roofline ] || [ "$part" = all ]; then
    "$bin/bench_roofline" "$threads" "$repeats" "${given:-512}" "$bin/../roofline.png"
fi
