#!/bin/bash
# The page of several runs holds the pictures of each.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"
programs=$(dirname "$program")

expect 1 runs
"$programs/rbm" --data bars --epochs 1 --k 1 --plot-every 1 --quiet --out all/a || fail "rbm"
"$programs/rnn_rbm" --limit 3 --epochs 1 --hidden 4 --seconds 2 --songs 1 --quiet --out all/b || fail "rnn_rbm"
mkdir all/notes
expect 0 "2 runs on one page: all/report.html" --runs all
for text in "rbm on bars" "rnn_rbm on chorales" samples.png song_1.png song_1.mid; do
  grep -qF "$text" all/report.html || fail "no $text on the page"
done
