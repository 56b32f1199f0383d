#!/bin/sh
# SPDX-License-Identifier: MIT
# A super-resolver from tiles to prepare --multimag: what it is trained on, that a run goes on exactly, that its model is
# one like any other, and the committed ones.
# shellcheck disable=SC2086
. "$(dirname "$0")/lib/common.sh"

export OMP_NUM_THREADS=1
expect 0 - synth -q --pairs 5 --size 96 --seed 3 -o data
tiny='--method bsrgan --dataroot data --nf 4 --nb 1 --gc 2 --crop-size 32 --batch-size 2 --lr 1e-3 --seed 2'

expect 0 - train $tiny --sf 2 --dry-run
for line in 'method: *bsrgan' 'data: *8 tiles, 2 to validate with' 'network G: .* M parameters' 'steps: *800, 4 an epoch'; do
    grep -q "^$line" out || problem "the dry run does not tell '$line': $(cat out)"
done
absent checkpoints

# Both stains; scores against bicubic, and a panel.
for x in 2 4; do
    expect 0 - train -q $tiny --netG rrdbnet_x$x --name x$x --n-epochs 2 --n-epochs-decay 0 --print-freq 1
    model=checkpoints/x$x/latest_net_G.safetensors
    expect 0 - info $model
    for line in "network: *rrdbnet_x$x" 'nf: *4' "sf: *$x" 'recipe: *bsrgan, step 8, best by psnr' 'file: *trained on 8 tiles, crop 32' \
        'rounding: *round'; do
        grep -q "$line" out || problem "the card does not tell '$line'"
    done
    expect 0 'plain tensors' convert --raw $model x$x.pth
    expect 0 - info x$x.pth
    grep -q "rrdbnet_x$x" out || problem "x$x.pth is not known as what it is"
    check 'no panel' test -s checkpoints/x$x/panels/00000008.png
done
head -n 1 checkpoints/x2/metrics.csv | grep -q ',G_L1,G,.*ssim,psnr,dab_r,bicubic_ssim,bicubic_psnr,bicubic_dab_r,' ||
    problem "the table's columns: $(head -n 1 checkpoints/x2/metrics.csv)"
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $3 == "val" { n++; bad += !($at["psnr"] > 0 && $at["bicubic_ssim"] > 0.2 && $at["bicubic_psnr"] > 15) }
    END { exit !(n == 2 && !bad) }' checkpoints/x2/metrics.csv || problem "scores: $(grep val checkpoints/x2/metrics.csv)"

# Stopped and gone on, with other threads: the same bits. Another degradation is another training.
expect 0 - train -q $tiny --sf 2 --name cut --n-epochs 2 --n-epochs-decay 0 --print-freq 1 --max-steps 3
expect 0 - train -q $tiny --sf 2 --name cut --n-epochs 2 --n-epochs-decay 0 --print-freq 1 --num-threads 3 --resume
same checkpoints/cut/latest_net_G.safetensors checkpoints/x2/latest_net_G.safetensors
expect 2 'bicubic' train -q $tiny --sf 2 --name cut --degradation bicubic --resume
expect 0 - train -q $tiny --sf 2 --name plain --degradation bicubic --n-epochs 2 --n-epochs-decay 0
differ checkpoints/plain/latest_net_G.safetensors checkpoints/x2/latest_net_G.safetensors

# The second stage begins with the first's generator.
expect 0 - train -q $tiny --sf 2 --name gan --init-from x2.pth --lambda-GAN 0.1 --ndf 4 --max-steps 2 --print-freq 1 --ema 0.9
head -n 1 checkpoints/gan/metrics.csv | grep -q 'G_L1,G_GAN,D_real,D_fake,G,' || problem 'the second stage has no discriminator'
expect 0 - info checkpoints/gan/latest_net_G.safetensors
grep -q 'from x2.pth' out || problem 'the card does not tell what the generator began with'
expect 0 - train -q $tiny --sf 2 --name slow --init-from checkpoints/x2/latest_net_G.safetensors --lr 1e-12 --max-steps 1
expect 0 - translate --model checkpoints/slow/latest_net_G.safetensors data/valA -o slow
expect 0 - translate --model checkpoints/x2/latest_net_G.safetensors data/valA -o begun
check 'training does not begin with the weights given' diff -r slow begun
expect 3 '--init-from x2.pth: .*upconv2' train -q $tiny --sf 4 --init-from x2.pth --dry-run
expect 3 'none.pth' train -q $tiny --sf 2 --init-from none.pth --dry-run
expect 2 'two generators' train -q --method cyclegan --dataroot data --ngf 2 --ndf 2 --load-size 96 --crop-size 64 --init-from x2.pth --dry-run

# Tiles of one kind, in a folder as they are; files with two pictures; a table.
mkdir -p tiles/deep
cp data/trainA/* tiles
cp data/trainB/00000_train_0.png tiles/deep
expect 0 'no validation and no panels: tiles/val' train $tiny --dataroot tiles --dry-run
grep -q '^data: *5 tiles, 0 to validate with' out || problem "a folder of tiles: $(cat out)"
expect 2 '--layout tiles' train -q --method asp --dataroot tiles --layout tiles --dry-run
printf 'split\the\tihc\ntrain\t%s\t\n' data/trainA/00000_train_0.png >he.tsv
expect 0 . train $tiny --dataroot he.tsv --batch-size 1 --dry-run
grep -q '^data: *1 tiles' out || problem "a table of H&E alone: $(cat out)"

# Refused.
expect 2 'is no super-resolver' train $tiny --netG resnet_6blocks --dry-run
expect 2 'is no generator' train --method asp --dataroot data --netG rrdbnet_x2 --dry-run
expect 2 '^restain: --nb: asp has no such setting; bsrgan has' train --method asp --dataroot data --nb 3 --dry-run
expect 2 'sf is 3' train $tiny --sf 3 --dry-run
expect 2 'a multiple of 4' train $tiny --crop-size 34 --dry-run
expect 2 '--preprocess crop' train $tiny --preprocess none --dry-run
expect 2 'nothing to learn' train $tiny --lambda-L1 0 --dry-run
expect 3 'too small for --crop-size 128' train $tiny --crop-size 128 --dry-run
expect 1 'not finite' train -q $tiny --sf 2 --name wild --lr 1000 --init-type normal --init-gain 1000 --max-steps 30

# What it is for.
expect 0 - prepare -q --multimag data -o own --sr-x2 checkpoints/x2/latest_net_G.safetensors --sr-x4 x4.pth
check 'not by super-resolvers' grep -q mm-bsrgan own/manifest.tsv
expect 2 'is for pairs; bsrgan learns from tiles' train $tiny --multimag --dry-run
expect 2 'does not go with a super-resolver' train $tiny --dataroot own/manifest.tsv --dry-run

# The committed ones.
ours="--sr-x2 $RESTAIN_SOURCE/models/superres-x2.safetensors --sr-x4 $RESTAIN_SOURCE/models/superres-x4.safetensors"
expect 0 - prepare -q --multimag data -o ours $ours
expect 0 - synth -q --pairs 4 --size 192 --val-share 0 --seed 1000 -o clean
check 'not by super-resolvers' grep -q mm-bsrgan ours/manifest.tsv
for x in 2 4; do
    expect 0 - translate -q --model "$RESTAIN_SOURCE/models/superres-x$x.safetensors" data/valA -o large$x
    expect 0 - info large$x/00004_val_0.png
    grep -q "$((96 * x))" out || problem "not $((96 * x)) pixels: $(cat out)"
    # Clean tiles come out at least 2 dB better than by bicubic enlargement.
    "$RESTAIN_BUILD/bin/bench_superres" "$RESTAIN_SOURCE/models/superres-x$x.safetensors" clean/trainA clean/trainB >scores
    check "no better than bicubic: $(cat scores)" awk '$2 == "clean" { psnr[$3] += $5 } END { exit !(psnr["model"] > psnr["bicubic"] + 4) }' scores
done
finish
