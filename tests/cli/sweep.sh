#!/bin/sh
# SPDX-License-Identifier: MIT
# A sweep: two trained rows by two seeds, stopped and gone on with, in one or two processes; what is done is not done
# again; the table is that of the numbers.
. "$(dirname "$0")/lib/common.sh"

expect 0 - synth -q --pairs 7 --size 64 --seed 3 -o data
expect 0 - synth -q --pairs 2 --size 64 --val-share 0 --seed 4 -o held
recipes=$RESTAIN_SOURCE/recipes/mist-her2

# begins NAME SEEDS: the sweep's file and a place for its table
begins() {
    printf 'before\n<!-- restain sweep %s: begin -->\n<!-- restain sweep %s: end -->\nafter\n' "$1" "$1" >"$1.md"
    cat >"$1.conf" <<CONF
[sweep]
name = $1
folder = $1
results = $1.out/numbers.tsv
summary = $1.md
seeds = $2
threads = 1

[train]
dataroot = data
netG = resnet_1blocks
ngf = 2
n-layers-D = 2
ndf = 2
nce-layers = 0,4,8
num-patches = 4
crop-size = 64
steps-per-epoch = 60
n-epochs = 1
n-epochs-decay = 1
num-threads = 1
print-freq = 1
val-freq = 0
panel-count = 0

[set 1x]
dataroot = held
split = train
[set 4x]
dataroot = held
split = train
magnification = 4

[row identity]
input = true
[row cyclegan] # two generators, of which the first is judged
recipe = $recipes/cyclegan.conf
[row full]
recipe = $recipes/full.conf
lr = 0.001
CONF
}

numbers() { # NAME: its lines in an order that does not depend on who was first
    sort "$1.out/numbers.tsv"
}

# The whole: seed 1 of all rows first, then seed 2.
begins whole 2,1
expect 0 'magnifications each, made by mm-bicubic' sweep whole.conf
mv out table
printf 'row\nidentity -\nidentity -\ncyclegan 2\ncyclegan 2\nfull 2\nfull 2\ncyclegan 1\ncyclegan 1\nfull 1\nfull 1\n' >order
cut -f 1,2 whole.out/numbers.tsv | tr '\t' ' ' | sed '1s/.*/row/' | cmp -s - order || problem 'another order'
grep -q '^seed = 1$' whole/runs/full-1/options.conf || problem 'the seed is not passed on'
grep -q '^lr = 0.001$' whole/runs/full-1/options.conf || problem 'what a row says is not passed on'

# Its table is that of the numbers, computed once more, and stands in the file and on the terminal.
sed '1,/begin/d; /end/,$d' whole.md | sed '$d' | cmp -s - table || problem 'the file has another table'
[ "$(sed -n '1p;$p' whole.md | tr '\n' ' ')" = 'before after ' ] || problem 'what is around the table has changed'
awk -F '\t' '
    function line(n, mean, square, i) {
        for (i = 0; i < n; i++) mean += x[i] / n
        for (i = 0; i < n; i++) square += (x[i] - mean) ^ 2
        return n == 1 ? sprintf(" %.3f ", mean) : sprintf(" %.3f ± %.3f ", mean, sqrt(square / (n - 1)))
    }
    FNR == NR { if ($3 == "4x") { n[$1]++; v[$1, n[$1]] = $6 } next }
    END { for (row in n) { for (i = 1; i <= n[row]; i++) x[i - 1] = v[row, i]; print row "|" n[row] "|" line(n[row]) } }
' whole.out/numbers.tsv | sort >mine
sed -n '/^| 4x/,$p' table | sed -n 's/^| \([a-z]*\) | \([12]\) |\([^|]*\)|.*/\1|\2|\3/p' | sort >theirs
check "the table is $(cat theirs), the numbers say $(cat mine)" cmp -s mine theirs
check 'the table has no rows' test -s theirs
# The identity is what evaluate says of the H&E.
expect 0 - evaluate -q held/trainB held/trainA
ssim=$(awk '$1 == "all" { print $3 }' out)
awk -v ssim="$ssim" '$1 == "identity" && $3 == "1x" { found = sprintf("%.4f", $6) == ssim } END { exit !found }' \
    whole.out/numbers.tsv || problem "the identity's SSIM is not $ssim"
# So is a training's generator.
expect 0 - translate -q --model whole/runs/full-1/latest_net_G.safetensors held/trainA -o virtual
expect 0 - evaluate -q held/trainB virtual
psnr=$(awk '$1 == "all" { print $4 }' out)
awk -v psnr="$psnr" '$1 == "full" && $2 == 1 && $3 == "1x" { found = sprintf("%.3f", $7) == psnr } END { exit !found }' \
    whole.out/numbers.tsv || problem "the PSNR of full, seed 1, is not $psnr"

# Nothing is due; without the trainings, too.
cp whole.out/numbers.tsv before.tsv
rm -r whole
expect 0 - sweep whole.conf
same out table
same whole.out/numbers.tsv before.tsv
absent whole/runs
# One line is missing: that job is done again, and only that.
grep -v "^full	1	4x" before.tsv >whole.out/numbers.tsv
expect 0 'full, seed 1, 4x: SSIM' sweep whole.conf
ls whole/runs >runs
[ "$(cat runs)" = full-1 ] || problem "done again: $(cat runs)"
sort before.tsv >sorted
numbers whole | cmp -s - sorted || problem 'done again, it has other numbers'

# Stopped within a training: 130, and what was done is kept.
begins stopped 2,1
"$RESTAIN" sweep stopped.conf >out 2>err &
pid=$!
waited=0
until [ -e stopped/runs/cyclegan-2/metrics.csv ] && [ "$(grep -c . stopped/runs/cyclegan-2/metrics.csv)" -gt 3 ] ||
    [ "$waited" -ge 600 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
kill -INT "$pid"
wait "$pid"
got=$?
checks=$((checks + 1))
[ "$got" = 130 ] || problem "exit code $got after SIGINT: $(cat err)"
grep -q 'stopped: stopped; the same command goes on' err || problem "it is not told how to go on: $(tail -n 1 err)"
check 'what was done before has no line' grep -q '^identity' stopped.out/numbers.tsv
no_halves .
# With other settings it does not go on, as train does not.
sed 's/^ngf = 2$/ngf = 4/' stopped.conf >other.conf
expect 2 'the options have changed since' sweep other.conf
# The rest in two processes at once: the numbers are those of the sweep that was never stopped.
"$RESTAIN" sweep stopped.conf >one 2>&1 &
pid=$!
expect 0 'SSIM' sweep stopped.conf
wait "$pid" || problem "the other process: $(cat one)"
checks=$((checks + 1))
numbers stopped >theirs
cmp -s sorted theirs || problem "stopped and gone on with, it has other numbers: $(diff sorted theirs)"
no_halves .
# Anew, with other settings.
sed -i 's/^lr = 0.001/lr = 0.002/' stopped.conf
expect 0 'full, seed 1, 1x' sweep --overwrite stopped.conf
numbers stopped | grep -v '^full' >others
grep -v '^full' sorted | cmp -s - others || problem 'rows whose settings are the same were done anew'
grep '^full' sorted >mine
numbers stopped | grep '^full' >theirs
differ mine theirs

# What would be done, and the table alone.
expect 0 - sweep --dry-run stopped.conf
[ "$(grep -c ' done$' out)" = 5 ] || problem "a dry run does not tell what is done: $(cat out)"
grep -v '^full	1' stopped.out/numbers.tsv >fewer
mv fewer stopped.out/numbers.tsv
expect 0 - sweep --dry-run stopped.conf
check 'a dry run does not tell what is due' grep -q '^full *1 *due' out
check 'a dry run does not tell how long it takes' grep -q '120 steps of [0-9.]* s: ' out
expect 0 - sweep --table stopped.conf
check 'the table has another number of seeds' grep -q '^| full | 1 |' out

# A training that becomes NaN leaves the others theirs.
begins wild 1
cat >>wild.conf <<CONF
normD = none
weight-norm = none
init-gain = 1000
[row last]
recipe = $recipes/full.conf
CONF
sed -i '/cyclegan/d; s/^lr = .*/lr = 1000/; s/^steps-per-epoch.*/steps-per-epoch = 8/' wild.conf
expect 4 'full, seed 1: .*not finite' sweep wild.conf
check 'it is not told how many failed' grep -q '1 of 3 trainings failed' err
check 'the row behind it is not done' grep -q '^last' wild.out/numbers.tsv
check 'the table is not printed' grep -q '^| full | 0 | –' out

# What is wrong with a file is told with its place, before any work.
wrong() { # PATTERN SED...: the file after this change
    pattern=$1
    shift
    sed "$@" whole.conf >wrong.conf
    expect 2 "$pattern" sweep wrong.conf
}
wrong 'wrong.conf:12: ng: restain train has no such setting; the nearest is' 's/^ngf = 2/ng = 2/'
wrong '\[row cyclegan\]: wrong.conf:11: --netG resnet: ' 's/^netG = .*/netG = resnet/'
wrong 'wrong.conf:[0-9]*: a sweep.s sections are' 's/^\[set 1x\]/[sets]/'
wrong '\[row identity\] wants one of recipe, model and input' 's/^input = true/input = false/'
wrong '\[set 1x\] has no dataroot' '/^\[set 1x\]/,/^split/s/^dataroot.*//'
wrong '\[sweep\] has no folder' 's/^folder.*//'
wrong '--seeds 1;2: must be numbers' 's/^seeds = .*/seeds = 1;2/'
echo nothing >wrong.md
wrong 'wrong.md: has no two lines' 's/^summary = .*/summary = wrong.md/'
finish
