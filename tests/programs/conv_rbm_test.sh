#!/bin/bash
here=$(dirname "$0")
"$here/behaves" "$1" --data bars --epochs 1 --hidden 4 || exit 1
"$here/resumes" "$1" --data bars8 --limit 4000 --epochs 30 --hidden 10 || exit 1
program=$1
. "$here/expect.sh"
expect 0 "report.html" --data bars --epochs 2 --hidden 4 --out run
for epoch in 1 2; do
  for picture in filters reconstructions; do
    [ -s "run/${picture}_epoch_$epoch.png" ] || fail "$picture were not drawn in epoch $epoch"
  done
done
# A share of wrong pixels stays below 1 however far the weights run: it is told all the same.
expect 0 "worse than before training" --data bars --epochs 6 --hidden 4 --filter 2 --lr 1000 --out far
