#!/bin/bash
here=$(dirname "$0")
"$here/behaves" "$1" --data bars --epochs 1 --hidden 4 || exit 1
exec "$here/resumes" "$1" --data bars8 --limit 4000 --epochs 30 --hidden 40
