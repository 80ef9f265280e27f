#!/bin/bash
# The page of several runs holds the pictures of each.
set -uo pipefail
overview=$(realpath "$1")
programs=$(dirname "$overview")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

"$overview" > output 2>&1 && fail "a folder that is not there is no error"
grep -q runs output || fail "the folder that is missing is not named: $(cat output)"
"$programs/rbm" --data bars --epochs 1 --k 1 --plot-every 1 --quiet --out all/a || fail "rbm"
"$programs/rnn_rbm" --limit 3 --epochs 1 --hidden 4 --seconds 2 --songs 1 --quiet --out all/b || fail "rnn_rbm"
mkdir all/notes
"$overview" --runs all > output 2>&1 || fail "$(cat output)"
grep -qF "2 runs on one page: all/report.html" output || fail "says $(cat output)"
for text in "rbm on bars" "rnn_rbm on chorales" samples.png song_1.png song_1.mid; do
  grep -qF "$text" all/report.html || fail "no $text on the page"
done
