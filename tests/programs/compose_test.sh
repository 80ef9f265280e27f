#!/bin/bash
# compose continues the numbers of what is there, and runs each command of docs/composing.md.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"
programs=$(dirname "$program")
document=$here/../../docs/composing.md

expect 1 "holds no run" --run nowhere
expect 1 "nowhere" --run nowhere
"$programs/rbm" --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1 --quiet --out images || fail "rbm"
expect 1 "no run of rnn_rbm" --run images

small="--limit 4 --hidden 6 --recurrent 4 --pretrain-rbm 1 --pretrain-rnn 1 --epochs 2 --songs 1 --seconds 3"
commands=0
while read -r command; do
  case $command in
    rnn_rbm*) command="$command $small" ;;
    *--wav*) command -v fluidsynth > /dev/null || continue ;;
  esac
  # shellcheck disable=SC2086
  eval "\"$programs\"/$command" --threads 1 > output 2>&1 || fail "$command: $(cat output)"
  commands=$((commands + 1))
done < <(sed -n '/^```/,/^```/p' "$document" | grep -v '^```')
[ $commands -ge 5 ] || fail "only $commands commands in $document"

# Nothing is written over, whoever wrote it.
cp -r mine before
touch mine/composed_40.txt
expect 0 "composed_41.mid" --run mine --songs 1 --seconds 2
for file in before/*.mid before/*.png; do cmp "$file" "mine/$(basename "$file")" || fail "$file is not what it was"; done
# The same run, number and seed compose the same piece; another seed another.
expect 0 composed_1.mid --run mine --out a --songs 1 --seconds 20
expect 0 composed_1.mid --run mine --out b --songs 1 --seconds 20
cmp a/composed_1.mid b/composed_1.mid || fail "the same seed composes another piece"
expect 0 composed_1.mid --run mine --out c --songs 1 --seconds 20 --seed 9
cmp -s a/composed_1.mid c/composed_1.mid && fail "another seed composes the same piece"
grep -q "Play composed_1.mid" a/composed.html || fail "nothing to play in composed.html"
expect 1 "nowhere.mid" --run mine --prime nowhere.mid
# Pieces begin as one of those trained on, unless told otherwise, and a run without these begins by itself.
expect 0 "composed_1.mid, begun as piece" --run mine --out begun --songs 1 --seconds 2
expect 0 "composed_2.mid" --run mine --out begun --songs 1 --seconds 2 --no-real-starts
grep -q "begun as" output && fail "--no-real-starts: $(cat output)"
expect 0 "composed_3.mid" --run mine --out begun --songs 1 --seconds 2 --prime mine/real_1.mid
grep -q "begun as" output && fail "--prime: $(cat output)"
# Where Gibbs steps start makes another piece.
expect 0 composed_1.mid --run mine --out of_known --songs 1 --seconds 20 --no-real-starts
grep -q '"from": "known"' mine/run.json || fail "--from: $(cat mine/run.json)"
cp -r mine earlier && sed -i 's/"from": "known"/"from-before": true/' earlier/run.json
expect 0 composed_1.mid --run earlier --out of_before --songs 1 --seconds 20 --no-real-starts
cmp -s of_known/composed_1.mid of_before/composed_1.mid && fail "a run of an earlier version does not compose from the frame before"
mv mine/starts.npz starts.npz
expect 0 "composed_4.mid" --run mine --out begun --songs 1 --seconds 2
grep -q "begun as" output && fail "a run without starts.npz: $(cat output)"
head -c 100 starts.npz > mine/starts.npz
expect 1 "mine/starts.npz" --run mine --out begun --songs 1 --seconds 2
mv starts.npz mine/starts.npz
# Two at once would take the same numbers.
"$program" --run mine --out busy --songs 1000 --seconds 60 > log 2>&1 &
running=$!
until ls busy/*.mid > /dev/null 2>&1; do
  kill -0 $running 2> /dev/null || fail "ended before it could be disturbed: $(cat log)"
  sleep 0.01
done
expect 1 "compose, process $running, is writing to it" --run mine --out busy
kill -INT $running
wait $running
[ $? = 130 ] || fail "SIGINT: $(cat log)"
