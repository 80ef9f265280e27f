#!/bin/bash
here=$(dirname "$0")
"$here/behaves" "$1" --limit 3 --epochs 1 --hidden 4 --seconds 2 --songs 1 || exit 1
exec "$here/resumes" "$1" --data chorales --limit 10 --epochs 30 --hidden 20 --seconds 4
