#!/bin/bash
# The README's program learns: the best log-likelihood that any model can reach on 3 x 3 bars and
# stripes is -2.5993 (12 patterns once and 2 twice: 12/16 log 1/16 + 4/16 log 2/16). And it prints
# what the README says it does, to the last digit or one beside it.
set -euo pipefail
printed=$("$1" | tee /dev/stderr)
awk '$2 == 2000 { exit !($4 > -2.65 && $4 < -2.599) }' <<< "$printed"
told=$(grep '^step' "$(dirname "$0")/../../README.md")
[ -n "$told" ]
paste -d' ' <(echo "$printed") <(echo "$told") |
  awk '$1 != $5 || $2 != $6 || $3 != $7 || ($4 - $8)^2 > 1.5e-3^2 { print "README:", $0; wrong = 1 } END { exit wrong }'
