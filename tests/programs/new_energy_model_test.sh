#!/bin/bash
# The example that is there to be copied: its options, a run's files, and what it is told wrong.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"

expect 2 "the options are --batch (100)" --help
expect 2 "the options are" --epoch 3
expect 1 "./nowhere" --data ./nowhere --out run
expect 1 "do not fill a batch" --data bars --batch 1000000 --out run
expect 0 "pictures in run" --data bars --epochs 2 --hidden 4 --batch 20 --out run
for file in metrics.csv model.npz filters.png samples.png; do
  [ -s "run/$file" ] || fail "run/$file is not there"
done
[ "$(wc -l < run/metrics.csv)" = 3 ] || fail "metrics.csv: $(cat run/metrics.csv)"
