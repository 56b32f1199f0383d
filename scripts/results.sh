#!/bin/sh
# SPDX-License-Identifier: MIT
# results.sh [ARG...]: what doc/results.md says of the paper's rows on synthetic pairs. ARG... go to restain sweep.
# It may be stopped at any moment; the same command goes on. On several cores, several of it at once are faster than one:
#     OMP_NUM_THREADS=1 make results
set -eu
cd "$(dirname "$0")/.."
restain=build/release/bin/restain

pairs() { # DIR ARG...: makes a data set unless a whole one is there; its manifest is written last
    [ -s "build/results/$1/manifest.tsv" ] || {
        dir=$1
        shift
        "$restain" synth --size 256 "$@" --overwrite -o "build/results/$dir"
    }
}

mkdir -p build/results
(
    flock 9 # one makes them, the others wait
    pairs synthetic --pairs 404 --val-share 0.01 --seed 1
    pairs held --pairs 64 --val-share 0 --seed 1000
) 9>build/results/lock
exec "$restain" sweep recipes/synthetic/sweep.conf "$@"
