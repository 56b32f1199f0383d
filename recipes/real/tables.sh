#!/bin/sh
# SPDX-License-Identifier: MIT
# tables.sh DATA: writes, into the current folder, the tables of pairs that the recipes here train on.
# DATA holds he_tile_grid_4096 (a registered grid; its last two columns are held out) and pairs_her2 (13
# neighbouring sections, all of them to be learnt by heart).
set -eu
data=$(cd "$1" && pwd)

{
    printf 'split\the\tihc\n'
    for he in "$data"/he_tile_grid_4096/he/*_*.png; do
        name=${he##*/}
        case $name in
        *_6.png | *_7.png) split=val ;;
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
