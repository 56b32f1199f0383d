#!/bin/sh
# SPDX-License-Identifier: MIT
# A data set checked: what is wrong with it is found, by kind; how the sections lie; the table that is written.
# shellcheck disable=SC2086
. "$(dirname "$0")/lib/common.sh"

found() { # PATTERN: a line of the last report
    checks=$((checks + 1))
    grep -q -e "$1" out || {
        problem "the report has no '$1'"
        sed 's/^/    /' out
    }
}

# A good set, whose IHC lies 10 pixels off.
expect 0 - synth -q --pairs 6 --size 256 --seed 8 --shift 5 -o good
expect 0 - prepare -q --check good -o good.tsv
found '^good pairs: 6 of 6, train 5, val 1$'
found '^slides:     0 by their names; 6 pairs'
found '^alignment:  shift \(9[.]9\|10[.]0\|10[.]1\) px, peak 0[.][6-9].*; 0 pairs without likeness$'
checks=$((checks + 1))
awk -F '\t' 'NR > 1 { d = sqrt($9 ^ 2 + $10 ^ 2); if (d < 9.5 || d > 10.5 || $7 <= 0.3 || $7 > 1 || $5 != 256) bad++ }
    END { exit bad + (NR != 7) }' good.tsv || problem "the table: $(cut -f 1,4-11 good.tsv)"
check 'the hash is another' test "$(awk -F '\t' 'NR == 2 { print $12 }' good.tsv)" = "$(sha256sum <good/trainA/00000_train_0.png | cut -d ' ' -f 1)"
cp out one
OMP_NUM_THREADS=3 expect 0 - prepare -q --check good -o three.tsv
same one out
same good.tsv three.tsv
expect 0 - train -q --method ammfi --dataroot good.tsv --ngf 2 --ndf 2 --crop-size 128 --n-layers-D 3 --num-patches 16 --dry-run
found '^data:  *5 pairs, 1 to validate'
expect 0 - prepare -q --check good.tsv
found '^good pairs: 6 of 6, train 5, val 1$'

# Everything wrong at once: each kind by its own name.
mkdir bad
cp -r good/trainA good/trainB good/valA good/valB bad
expect 0 - synth -q --pairs 1 --size 64 --val-share 0 -o small
head -c 5000 good/trainB/00001_train_1+.png >bad/trainB/00001_train_1+.png
cp small/trainB/00000_train_0.png bad/trainB/00002_train_2+.png
rm bad/trainB/00003_train_3+.png
cp good/trainB/00000_train_0.png bad/trainB/alone.png
cp good/trainA/00000_train_0.png bad/valA/00009_val_0.png
cp good/trainB/00004_train_0.png bad/valB/00009_val_0.png
expect 6 '^restain: bad: 4 files or pairs cannot be trained on$' prepare -q --check bad -o bad.tsv
found '^good pairs: 4 of 6, train 2, val 2$'
found '^cannot be used: 1$'
found 'trainB/00001_train_1+.png: '
found '^of different sizes: 1$'
found 'trainA/00002_train_2+.png: 256 x 256 pixels, its IHC .* has 64 x 64$'
found '^without partner: 2$'
found 'trainA/00003_train_3+.png: no IHC of that name$'
found 'trainB/alone.png: no H&E of that name$'
found '^there twice: 2$'
found 'valA/00009_val_0.png: the same bytes as .*trainA/00000_train_0.png, in another split$'
check 'the table has more than the good ones' test "$(wc -l <bad.tsv)" = 5
cp good/trainA/00000_train_0.png bad/trainA/00000_train_0.jpg
expect 6 . prepare -q --check bad
found 'trainA/00000_train_0.png: another file has its name without extension$'

# A split is called what it is: BCI has test and no val.
mkdir -p bci/HE bci/IHC
for side in A:HE B:IHC; do
    cp -r "good/train${side%:*}" "bci/${side#*:}/train"
    cp -r "good/val${side%:*}" "bci/${side#*:}/test"
done
expect 0 - prepare -q --check bci -o bci.tsv
found '^good pairs: 6 of 6, train 5, test 1$'
expect 0 'no rows of split val; those of test are used' train --method ammfi --dataroot bci.tsv --ngf 2 --ndf 2 --crop-size 128 \
    --n-layers-D 3 --num-patches 16 --dry-run
found '^data:  *5 pairs, 1 to validate'

# Slides by MIST's names: those in two splits are told, and a table without them is made.
mkdir -p mist/trainA mist/trainB mist/valA mist/valB
n=0
for name in train/7M1_1_1 train/7M1_1_2 train/7M1_2_1 train/8M2_1_1 train/9M3_1_1 train/9M3_1_2 val/7M1_3_3 val/8M2_5_5; do
    pair=$(printf '%05d' $((n % 5)))
    cp good/trainA/"$pair"_* "mist/${name%%/*}A/${name#*/}.png"
    cp good/trainB/"$pair"_* "mist/${name%%/*}B/${name#*/}.png"
    n=$((n + 1))
done
expect 0 - prepare -q --check mist -o mist.tsv
found '^slides:     3 by their names; 0 pairs'
found '^in several splits: 2$'
found 'slide 7M1: 3 pairs in train 1 pairs in val$'
check 'the splits were changed' test "$(cut -f 1 mist.tsv | grep -c val)" = 2
expect 0 - prepare -q --check mist -o slides.tsv --by-slide
check 'not all are there' test "$(wc -l <slides.tsv)" = 9
check 'not two pairs to validate with' test "$(cut -f 1 slides.tsv | grep -c val)" = 2
expect 0 - prepare -q --check slides.tsv
found '^good pairs: 8 of 8, train 6, val 2$'
checks=$((checks + 1))
! grep -q 'in several splits' out || problem 'slides are in several splits still'

# A split that is there and empty.
mkdir good/testA good/testB
expect 6 'good: 1 files or pairs' prepare -q --check good
found 'testA: no PNG'
rmdir good/testA good/testB

# Refused.
expect 2 'names of 6 pairs do not tell their slide' prepare -q --check good -o x.tsv --by-slide
expect 2 'say what: --check, --multimag or --tiles' prepare good
expect 2 'say what: --check, --multimag or --tiles' prepare --check --multimag good -o x
expect 2 'by-slide is for the table' prepare --check --by-slide good
expect 3 'nowhere' prepare --check nowhere
expect 1 'no/such/x.tsv' prepare -q --check good -o no/such/x.tsv
absent x.tsv x
finish
