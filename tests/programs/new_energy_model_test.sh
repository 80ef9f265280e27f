#!/bin/bash
# The example that is there to be copied: its options, a run's files, and what it is told wrong.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"

expect 0 "--batch 100" --help
expect 0 "--batch 100" --epochs 3 --help
expect 2 "there is no option '--epoch'" --epoch 3
expect 2 "--lr: its value is missing" --lr
for wrong in three 3x 2.5 0 -1 "" 99999999999999999999; do
  expect 2 "--epochs: '$wrong' is no whole number of at least 1" --epochs "$wrong" --data bars
done
for name in --batch --hidden --k; do expect 2 "$name: '0' is no whole number" $name 0 --data bars; done
for wrong in nan inf -0.1 1e999; do expect 2 "--lr: '$wrong' is no finite number" --lr "$wrong" --data bars; done
[ ! -e new_energy_model-run ] || fail "wrong options left a folder"
"$program" --help > /dev/full 2> output && fail "a full disk behind the standard output is not noticed"
grep -q "standard output" output || fail "full disk: $(cat output)"
expect 1 "./nowhere" --data ./nowhere --out run
expect 1 "do not fill a batch" --data bars --batch 1000000 --out run
expect 1 "no size such as 28x28" --data bars --resize large
awk 'BEGIN { for (i = 0; i < 30; ++i) print i % 2 "," int(i / 2) % 2 "," int(i / 4) % 2 ",1" }' > rows.csv
expect 0 "split by seed 7: 24 images to train on, 3 to validate, 3 to test" --data rows.csv --seed 7 --epochs 1 \
  --hidden 2 --batch 5 --out rows
expect 0 "24 images, 4 batches of 5, in another order in each epoch" --data rows.csv --resize 1x1 --epochs 1 --hidden 2 \
  --batch 5 --out small
expect 0 "pictures in run" --data bars --epochs 2 --hidden 4 --batch 20 --out run
for file in metrics.csv model.npz filters.png samples.png; do
  [ -s "run/$file" ] || fail "run/$file is not there"
done
# Two runs do not share a folder.
"$program" --data bars --epochs 1000000 --hidden 4 --batch 20 --out busy > log 2>&1 &
running=$!
until [ -s busy/metrics.csv ]; do
  kill -0 $running 2> /dev/null || fail "ended before it could be disturbed: $(cat log)"
  sleep 0.01
done
expect 1 "new_energy_model, process $running, is writing to it" --data bars --epochs 1 --out busy
kill $running
wait $running 2> /dev/null
[ "$(wc -l < run/metrics.csv)" = 3 ] || fail "metrics.csv: $(cat run/metrics.csv)"
