#!/bin/sh
# SPDX-License-Identifier: MIT
# slide.sh BIN [SIDE [NGF [THREADS [REPEATS]]]]: what restain takes beside the network, ASP's generator with random
# weights: from the command's start to a 256 x 256 tile on disk; a made slide of SIDE x SIDE, tissue everywhere,
# against its windows through the network alone; a smaller one with one thread against THREADS.
set -eu
bin=$1
side=${2:-8192}
ngf=${3:-32}
threads=${4:-2}
repeats=${5:-9}
part=$((side < 2048 ? side : 2048))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
OMP_WAIT_POLICY=passive # as the command does by itself
export OMP_WAIT_POLICY

quietly() { # quietly COMMAND...: what it says is shown if it fails
    "$@" >"$work/said" 2>&1 || {
        cat "$work/said" >&2
        exit 1
    }
}

took() { # took COMMAND...: median of its milliseconds
    for _ in $(seq "$repeats"); do
        from=$(date +%s%N)
        quietly "$@"
        echo $((($(date +%s%N) - from) / 10000))
    done | sort -n | awk '{ v[NR] = $1 } END { printf "%.2f\n", v[int((NR + 1) / 2)] / 100 }'
}

line() { # line TEXT MS
    printf '  %-62s %8.1f ms\n' "$1" "$2"
}

quietly "$bin/restain" convert --init resnet_6blocks --ngf "$ngf" --seed 1 --init-gain 0.2 "$work/m.safetensors"

# The start --------------------------------------------------------------------------------------

quietly "$bin/restain" synth --pairs 1 --size 256 --val-share 0 -o "$work/tile"
"$bin/bench_generator" input "$work/x.f32" 256
"$bin/bench_generator" forward "$work/m.safetensors" "$work/x.f32" 256 "$threads" "$repeats" "$work/y.f32" >"$work/net"
read -r net _ <"$work/net"
tile=$(echo "$work"/tile/trainA/*)
whole=$(took "$bin/restain" translate --num-threads "$threads" -m "$work/m.safetensors" "$tile" -o "$work/y.png" --overwrite)
echo "start, ngf $ngf, $threads threads, medians of $repeats:"
line 'restain --version' "$(took "$bin/restain" --version)"
line 'restain info MODEL' "$(took "$bin/restain" info "$work/m.safetensors")"
line 'restain translate, a tile of 256 x 256, to the file on disk' "$whole"
line 'the network alone, warm' "$net"
awk -v a="$whole" -v b="$net" 'BEGIN { printf "  start: %.0f ms beside the network (wanted: below 300)\n", a - b }'

# The slide --------------------------------------------------------------------------------------

slide() { # slide NAME SIDE THREADS: a line of bench_slide's into NAME.txt
    [ -e "$work/$2.tif" ] || quietly "$bin/restain" synth --slide "$2x$2" --tissue 1 --mpp 0 --seed 1 "$work/$2.tif"
    "$bin/bench_slide" "$work/m.safetensors" "$work/$2.tif" "$work/out.ome.tif" "$3" >"$work/$1.txt"
}

slide whole "$side" "$threads"
read -r tiles computed stats reads network translate kib <"$work/whole.txt"
echo "a slide of $side x $side, ngf $ngf, $threads threads: $computed of $tiles tiles"
echo "| statistics s | reading s | the network alone s | translation s | of the network | MiB    |"
echo "|---|---|---|---|---|---|"
awk -v s="$stats" -v r="$reads" -v n="$network" -v t="$translate" -v k="$kib" 'BEGIN {
    printf "| %12.2f | %9.2f | %19.2f | %13.2f | %14.3f | %6.0f |\n", s, r, n, t, t / n, k / 1024
    printf "  slide: %.3f of the network alone (wanted: at most 1.05)\n", t / n }'

slide one "$part" 1
slide all "$part" "$threads"
read -r _ _ _ _ network1 translate1 _ <"$work/one.txt"
read -r _ _ _ _ network2 translate2 _ <"$work/all.txt"
awk -v n="$threads" -v side="$part" -v a="$network1" -v b="$network2" -v c="$translate1" -v d="$translate2" 'BEGIN {
    printf "%d x %d, one thread against %d: network alone %.2f s and %.2f s (%.2fx), translation %.2f s and %.2f s\n",
        side, side, n, a, b, a / b, c, d
    printf "  threads: %.2fx (wanted: 1.9 with two)\n", c / d }'
