#!/bin/sh
# SPDX-License-Identifier: MIT
# What is typed wrong: exit code 2 and one line that helps.
. "$(dirname "$0")/lib/common.sh"

"$RESTAIN" >out 2>err </dev/null
[ $? = 2 ] && grep -q 'no command was given' err && grep -q 'Commands:' err || problem 'restain alone does not explain itself'
expect 2 'tranlsate: no such command; the nearest is translate' tranlsate
expect 2 'comes first' --model x
expect 0 - --version
grep -q '^restain [0-9]*[.][0-9]*[.][0-9]*$' out || problem "--version prints $(cat out)"
for words in --help -h help 'help translate' 'translate --help' 'convert -h' 'info --help' 'doctor --help'; do
    # shellcheck disable=SC2086
    expect 0 - $words
    check "restain $words prints nothing" test -s out
done
expect 2 'the nearest is info' help inof

expect 2 'no such flag; the nearest is --overwrite' translate --overwrit a.png -o b.png
expect 2 'no such flag; the nearest is --num-threads' translate --num_thread 2
expect 2 'no such flag; the nearest is --n-layers-D' convert --n_layer_D 3
expect 2 '-x.*no such flag' translate -x
expect 2 'model is missing' translate a.png -o b.png
expect 2 'output is missing' translate --model m a.png
expect 2 'no file was given' translate --model m -o b.png
expect 2 'value is missing' translate --model
expect 2 'value is empty' translate --model= a.png -o b.png
expect 2 'stats frozen is for a slide' translate --model m --stats frozen a.png -o b.png
expect 2 'stats own: must be one of frozen tile exact' translate --model m --stats own a.png -o b.png
expect 2 'mpp is for a slide' translate --model m --mpp 0.5 a.png -o b.png
expect 2 'bn both: must be one of batch running' translate --model m --bn both a.png -o b.png
expect 2 'gpus 0: must be -1' translate --model m --gpus 0 a.png -o b.png
expect 2 'num-threads 1x: not a whole number' translate --model m --num-threads 1x a.png -o b.png
expect 2 'num-threads -1: must be 0 to 1024' translate --model m --num-threads=-1 a.png -o b.png
expect 2 'seed 99999999999999999999: not a whole number' translate --model m --seed 99999999999999999999 a -o b
expect 2 'overwrite: takes no value' translate --overwrite=yes
expect 2 'file too many' doctor now
expect 2 'no file was given' info
expect 2 'two files' convert one.pth
expect 2 'one file' convert --init stainnet a.pth b.safetensors
expect 2 'must end in .safetensors' convert --init stainnet a.bin
expect 2 "no network is called 'resnet_6block'; the nearest is resnet_6blocks" convert --init resnet_6block a.pth
expect 2 'ndf: resnet_6blocks has no such option' convert --init resnet_6blocks --ndf 4 a.pth
expect 2 'ngf: only with --arch or --init' convert --ngf 4 a.pth b.safetensors
expect 2 'seed: only with --init' convert --seed 4 a.pth b.safetensors
expect 2 'not go with --arch' convert --init stainnet --arch stainnet a.pth
expect 2 'not go with --mpp' convert --raw --mpp 0.5 a.pth b.safetensors
expect 2 'mpp nan: not a number' convert --mpp nan a.pth b.safetensors
expect 2 'mpp 1000: must be 0.01 to 100' convert --mpp 1000 a.pth b.safetensors
expect 2 'stem_k is 5' convert --init resnet_6blocks --stem-k 5 a.pth
absent a.pth b.safetensors

# The same flag in every way it may be typed.
expect 0 'untrained' convert --init stainnet --nf 3 --init-gain 0.5 --init_type=normal -- m.safetensors
for words in '--num-threads 1' --num_threads=1 '-o t2.png --num_threads 1' '-ot2.png' '-o=t2.png' '--output=t2.png'; do
    # shellcheck disable=SC2086
    expect 0 untrained translate -m m.safetensors "$images/rgb.png" -o t.png --overwrite $words
done
same t.png t2.png

# Threads wait asleep unless told otherwise (GNU's OpenMP tells; another says nothing of spinning).
policy() { # EXPECTED ENV...
    want=$1
    shift
    checks=$((checks + 1))
    env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT OMP_DISPLAY_ENV=verbose "$@" "$RESTAIN" --version >out 2>err || problem "$*: fails"
    spins=$(sed -n "s/.*GOMP_SPINCOUNT = '\(.*\)'.*/\1/p" err | tail -1)
    grep -q '^restain ' out && [ "${spins:-$want}" = "$want" ] || problem "$*: threads spin $spins times"
}
policy 0
policy 123 GOMP_SPINCOUNT=123

expect 0 - doctor
grep -q 'All is well' out || problem 'doctor does not say that all is well'
expect 0 - doctor --json
grep -q '"self_test":{' out || problem 'doctor --json has no self_test'
RESTAIN_ISA=none
export RESTAIN_ISA
expect 6 'self-test: direct convolution.*RESTAIN_ISA=none' doctor
grep -q 'All is well' out && problem 'doctor says that all is well when it is not'
expect 2 'RESTAIN_ISA=none' translate -m m.safetensors "$images/rgb.png" -o u.png
absent u.png
finish
