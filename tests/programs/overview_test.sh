#!/bin/bash
# The page of several runs holds the pictures of each.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"
programs=$(dirname "$program")

expect 1 "runs: is no folder"
"$programs/rbm" --data bars --epochs 1 --k 1 --plot-every 1 --quiet --out all/a || fail "rbm"
"$programs/rnn_rbm" --limit 3 --epochs 1 --hidden 4 --seconds 2 --songs 1 --quiet --out all/b || fail "rnn_rbm"
mkdir all/notes
# A run's own folder is not one of runs, and its report stays.
cp all/a/report.html before
expect 1 "no folder in it holds a run" --runs all/a
cmp before all/a/report.html || fail "a run's report was replaced"
expect 0 "2 runs on one page: all/report.html" --runs all
for text in "rbm on bars" "rnn_rbm on chorales" samples.png song_1.png song_1.mid; do
  grep -qF "$text" all/report.html || fail "no $text on the page"
done
# A broken run is left out with a word; curves of several runs lie over one another.
"$programs/rbm" --data bars --epochs 2 --k 1 --lr 0.05 --plot-every 1 --quiet --out all/c || fail "rbm"
mkdir all/broken && echo "{" > all/broken/run.json
expect 0 "3 runs on one page: all/report.html" --runs all
grep -q "overview: left out: all/broken/run.json" output || fail "not a word on the broken run: $(cat output)"
for text in "rbm: 2 runs" "<button type=\"button\">lr</button>" "class=\"legend\"\|<polyline.*" "Play song_1.mid"; do
  grep -q "$text" all/report.html || fail "no $text on the page"
done
