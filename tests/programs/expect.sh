# Sourced by the scripts here, which set $program: a folder of their own, and the words of a test.
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$program")
name=$(basename "$program")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

fail() {
  echo "FAILED: $name: $*" >&2
  exit 1
}

# expect CODE TEXT ARGUMENTS...: what the program's exit code is, and TEXT in what it prints.
expect() {
  local code=$1 text=$2
  shift 2
  "$program" "$@" > output 2>&1
  local got=$?
  [ $got = "$code" ] || fail "$*: exit code $got, expected $code: $(cat output)"
  grep -qF -- "$text" output || fail "$*: expected '$text' in: $(cat output)"
}
