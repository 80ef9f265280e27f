#!/bin/bash
# The Ising table: exact sums and brackets agree with Kaufman's solution, energies within four standard
# errors, and tempering crosses signs where plain chains do not. With 300 temperatures the largest one is not bracketed.
set -euo pipefail
"$1" 20 1000 | tee /dev/stderr | awk '
  function off(a, b) { return a > b ? a - b : b - a }
  $1 == 4 { rows++; if (off($3, $4) > 1e-4 || $5 > $3 || $6 < $3 || off($7, $8) > 4 * $10) bad = 1 }
  $1 > 4 && $2 ~ /^0\./ && NF == 9 { rows++; if ($4 > $3 || $5 < $3 || off($6, $7) > 4 * $9) bad = 1 }
  /by itself/ { alone = $NF }
  /exchanged/ { together = $4 }
  END { exit bad || rows != 6 || together < 20 * alone }'
code=0
"$1" none 2> /dev/null || code=$?
[ $code = 2 ]
