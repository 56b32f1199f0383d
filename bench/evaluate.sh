#!/bin/sh
# SPDX-License-Identifier: MIT
# evaluate.sh BIN [PAIRS [SIZE [THREADS]]]: restain evaluate against a scikit-image script in one run, on the same
# synthetic pairs and cores: SSIM, PSNR and the stain's agreement. What comes out is compared; then twice as many
# pairs, and a list of 1000, for time and memory. Fewer pictures than pairs are made: names repeat their files.
set -eu
bin=$1
pairs=${2:-100}
size=${3:-1024}
threads=${4:-2}
here=$(dirname "$0")
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -c 'import skimage' 2>/dev/null || {
    echo "bench: $python has no skimage: install python3-skimage (scripts/install-deps.sh bench)" >&2
    exit 1
}

made=20
[ "$pairs" -ge "$made" ] || made=$pairs
"$bin/restain" synth --pairs "$made" --size "$size" --seed 1 --val-share 0 -q -o "$work/data"

list() { # list FOLDER COUNT: so many pairs, as links to what was made
    mkdir -p "$work/$1/real" "$work/$1/virtual"
    set -- "$work/$1" "$2" "$work"/data/trainB/*
    to=$1 count=$2 n=0
    shift 2
    while [ "$n" -lt "$count" ]; do
        for file; do
            [ "$n" -lt "$count" ] || break
            name=$(printf '%06d.png' "$n")
            ln -s "$file" "$to/real/$name"
            ln -s "$work/data/trainA/$(basename "$file")" "$to/virtual/$name"
            n=$((n + 1))
        done
    done
}

ours() { # ours FOLDER: seconds and kibibytes into FOLDER.txt, the numbers into FOLDER.json
    /usr/bin/env time -f '%e %M' -o "$work/$1.txt" "$bin/restain" evaluate -q --threads "$threads" \
        --metrics ssim,psnr,stain --json "$work/$1.json" "$work/$1/real" "$work/$1/virtual" >"$work/$1.out"
}

peer() { # peer FOLDER PROCESSES
    "$python" "$here/skimage_peer.py" "$work/$1/real" "$work/$1/virtual" "$2" >"$work/peer$2.txt"
}

row() { # row TITLE FILE
    read -r seconds kib _ <"$2"
    awk -v t="$1" -v s="$seconds" -v k="$kib" -v n="$3" 'BEGIN {
        printf "| %-44s | %8.2f | %8.1f | %6.0f |\n", t, s, 1000 * s / n, k / 1024 }'
}

list once "$pairs"
list twice $((2 * pairs))
list many 1000
ours once # reads the files into the system's cache
ours once
peer once 1
peer once "$threads"
ours twice
ours many

printf 'SSIM, PSNR and stain of %s pairs of %sx%s, %s threads\n' "$pairs" "$size" "$size" "$threads"
echo "| what                                         |  seconds | ms a pair | MiB    |"
echo "|---|---|---|---|"
row 'scikit-image, one process' "$work/peer1.txt" "$pairs"
row "scikit-image, $threads processes" "$work/peer$threads.txt" "$pairs"
row restain "$work/once.txt" "$pairs"
row "restain, $((2 * pairs)) pairs" "$work/twice.txt" $((2 * pairs))
row 'restain, 1000 pairs' "$work/many.txt" 1000

read -r one _ <"$work/peer1.txt"
read -r pool _ <"$work/peer$threads.txt"
read -r own _ <"$work/once.txt"
awk -v a="$one" -v b="$pool" -v c="$own" 'BEGIN {
    printf "  evaluate: %.1fx one process, %.1fx the pool\n", a / c, b / c }'

# The same numbers: means of SSIM, PSNR, DAB, area, r.
awk -v want="$(cat "$work/peer1.txt")" '
    BEGIN { split(want, w, " "); n = split("ssim psnr_db dab_mean_real dab_mean_virtual dab_area_real " \
            "dab_area_virtual dab_r", key, " ") }
    /"level": "all"/ { all = 1 }
    all && match($0, /"[a-z_]+": [{]/) { name = substr($0, RSTART + 1, RLENGTH - 5) }
    all && /"mean":/ && !(name in mean) { v = $2; sub(/,/, "", v); mean[name] = v }
    END {
        for (i = 1; i <= n; i++) {
            d = mean[key[i]] - w[2 + i]
            d = d < 0 ? -d : d
            worst = d > worst ? d : worst
        }
        printf "  largest difference of the means: %.1e\n", worst
        exit !(worst < 1e-6)
    }' "$work/once.json" || {
    echo "bench: the numbers are not scikit-image's" >&2
    exit 1
}
