#!/bin/bash
# Of two bits, each written three times, a small machine comes near the best log-likelihood that there
# is, -log 4; tables that are not there, and wrong numbers, are told apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
awk 'BEGIN { for (i = 0; i < 400; ++i) { a = i % 2; b = int(i / 2) % 2; print a "," a "," a "," b "," b "," b } }' \
  > "$folder/rows.csv"
rows=$folder/rows.csv
"$1" "$rows" "$rows" "$rows" 6 3000 0 0.02 | tee /dev/stderr |
  awk '/validation is best/ { good = $NF > -1.6 && $NF < -1.386 } END { exit !good }'
code=0
"$1" "$rows" "$folder/none.csv" "$rows" 2> "$folder/said" || code=$?
[ $code = 1 ] && grep -q none.csv "$folder/said"
code=0
"$1" "$rows" "$rows" "$rows" 40 2> /dev/null || code=$?
[ $code = 2 ]
