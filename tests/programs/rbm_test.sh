#!/bin/bash
# Runs the program given as $1 as its users do: resuming, its own options, bad input.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"

for kind in --persistent --cd; do
  "$here/resumes" "$program" --data bars --epochs 40 --hidden 12 --k 20 --plot-every 10 "$kind" || exit 1
done

"$here/behaves" "$program" --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1 || exit 1
"$here/endures" "$program" --data bars --hidden 12 --k 20 --plot-every 10 --epochs 100 || exit 1
expect 0 samples.png --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1
expect 0 "--persistent" --help
expect 0 "GFLOP/s" --info
expect 2 "did you mean 'fashion'" --data fashoin
expect 2 "exclude each other" --cd --persistent
expect 2 "no validation score here to stop by" --patience 3 --data bars --out patient
[ ! -e patient ] || fail "an option that does nothing left a folder"
expect 2 "no file or folder that is there" --data faces.npy
expect 1 "neither a data set" --data ./nowhere
expect 1 "not a single full batch" --data bars --batch 100000 --out batch
mkdir idx && printf 'not an idx file' > idx/train-images-idx3-ubyte
expect 1 "idx" --data ./idx
expect 0 "1 epoch is done" --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1 --out one
expect 0 "last_batch filled up with the first 11 images" --data bars --batch 13 --epochs 1 --hidden 4 --k 1 --plot-every 1
# A cross-entropy is positive and falls where a model learns, and nothing is said to become worse.
expect 0 "cross_entropy" --cd --data bars --epochs 6 --k 1 --plot-every 1 --out cd
awk -F, 'NR > 1 { if ($2 <= 0 || (NR > 2 && $2 >= last)) exit 1; last = $2 }' cd/metrics.csv || fail "$(cat cd/metrics.csv)"
grep -q "become worse" output && fail "--cd: $(cat output)"
expect 0 "order shuffled" --data bars --shuffle --epochs 1 --hidden 4 --k 1 --plot-every 1
# Samples are drawn until Ctrl-C, and then again.
"$program" --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1000000 --out samples > log 2>&1 &
running=$!
until grep -q "drawing samples" log; do kill -0 $running || fail "$(cat log)"; sleep 0.01; done
kill -INT $running
wait $running
[ $? = 130 ] || fail "Ctrl-C while samples are drawn: $(cat log)"
grep -q "after the last epoch" log || fail "$(cat log)"
grep -q '"status": "stopped"' samples/run.json || fail "$(cat samples/run.json)"
expect 0 samples.png --resume samples --plot-every 1
"$program" --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1 --quiet --out silent || fail "--quiet: $?"
expect 0 "changed: epochs 1 is 2 now" --resume silent --epochs 2
grep -q "changed: quiet" output && fail "what belongs to a call is told as changed: $(cat output)"
expect 1 "A smaller --lr may help" --data bars --lr 1e37 --epochs 1 --out nan
