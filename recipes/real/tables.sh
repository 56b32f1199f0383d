#!/bin/sh
# SPDX-License-Identifier: MIT
# tables.sh DATA [BIN]: writes, into the current folder, the tables of pairs that the recipes here train on.
# DATA holds he_tile_grid_4096 (a registered grid; its last two columns are held out) and pairs_her2 (13
# neighbouring sections, all of them to be learnt by heart). With BIN, a folder of built programs, also scanners.tsv:
# of pairs_aligned_scanner what both scanners show, cut out into scanners/; one field of each case is held out.
set -eu
data=$(cd "$1" && pwd)
bin=${2:-}

{
    printf 'split\the\tihc\n'
    for he in "$data"/he_tile_grid_4096/he/*_*.png; do
        name=${he##*/}
        case $name in
        *_6.png | *_7.png) split='val' ;;
        *) split=train ;;
        esac
        printf '%s\t%s\t%s\n' "$split" "$he" "$data/he_tile_grid_4096/cut_kin/$name"
    done
} >tile-grid.tsv

{
    printf 'split\the\tihc\n'
    for he in "$data"/pairs_her2/bci/he/* "$data"/pairs_her2/mist/he/*; do
        for split in train val; do
            printf '%s\t%s\t%s\n' "$split" "$he" "${he%/he/*}/ihc/${he##*/}"
        done
    done
} >her2-pairs.tsv

[ -n "$bin" ] || exit 0
mkdir -p scanners
here=$(pwd)
printf 'split\the\tihc\n' >scanners.tsv
tail -n +2 "$data/pairs_aligned_scanner/shifts.csv" | while IFS=, read -r name dy dx _; do
    from=$data/pairs_aligned_scanner
    [ -e "$from/aperio/$name" ] || continue # the table tells of more than there are
    case $name in
    033_* | 043_*) split='test' ;;
    *) split=train ;;
    esac
    "$bin/bench_baselines" overlap "$from/aperio/$name" "$from/hamamatsu/$name" "$dy" "$dx" \
        "scanners/aperio_$name" "scanners/hamamatsu_$name"
    printf '%s\t%s\t%s\n' $split "$here/scanners/aperio_$name" "$here/scanners/hamamatsu_$name" >>scanners.tsv
done
