#!/bin/bash
here=$(dirname "$0")
"$here/behaves" "$1" --data bars --epochs 3 --pretrain 1 --hidden 4 || exit 1
"$here/resumes" "$1" --data bars8 --limit 2000 --epochs 12 --pretrain 4 --hidden 24 --dropout 0.1 || exit 1
"$here/resumes" "$1" --data bars8 --limit 2000 --epochs 12 --pretrain 2 --hidden 24 --top 30 --layers 2 --shift 1 \
  --momentum 0.8 --input-dropout 0.1 || exit 1
# Rows and columns are told apart, by a network of RBMs' weights.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" --data bars --epochs 60 --pretrain 5 --hidden 40 --layers 2 --dropout 0 --out "$folder/run" 2>&1 |
  tee /dev/stderr | awk '/best validation error/ { seen = 1; bad = $(NF - 1) > 10 }
                         END { exit !seen || bad }'
# An RBM's cross-entropy is positive and falls.
awk -F, 'NR == 2 { first = $2 } NR > 1 && NR < 7 { last = $2 } END { exit !(last > 0 && last < first) }' \
  "$folder/run/metrics.csv" || { cat "$folder/run/metrics.csv"; exit 1; }
# The best epoch is one that was trained with classes, however little they taught.
"$1" --data bars --epochs 2 --pretrain 1 --hidden 4 --lr 1e6 --out "$folder/none" 2>&1 | tee /dev/stderr |
  grep -q "best validation error .* in epoch [45]," || exit 1
