#!/bin/bash
# Each estimator but noise contrast is near exact maximum likelihood on six bits after few updates.
set -euo pipefail
"$1" 150 | tee /dev/stderr | awk '
  /^six bits/ { six = 1 }
  /^RBM/ { six = 0 }
  six && /exact_likelihood/ { best = $2 }
  six && /cd|divergence|likelihood|matching|flow/ { n++; if ($(NF - 2) < best - 0.02) bad = 1 }
  END { exit bad || n != 9 }'
code=0
"$1" 0 2> /dev/null || code=$?
[ $code = 2 ]
