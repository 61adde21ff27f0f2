#!/usr/bin/env bash
# The program as a user meets it: exit codes, what goes to stdout and what to stderr, one message for many ranks.
# Usage: cli_test.sh FILIGREE MPIRUN SOURCE_DIR
set -u
filigree=$1 mpirun=$2 source=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# expect CODE STREAM TEXT COMMAND...: the exit code, and a line of stdout or stderr that holds TEXT.
expect() {
  local code=$1 stream=$2 text=$3 got
  shift 3
  "$@" >"$folder/stdout" 2>"$folder/stderr" </dev/null
  got=$?
  if [ "$got" != "$code" ]; then
    echo "FAILED: exit code $got, not $code: $*"; cat "$folder/stderr"; failed=1
  elif ! grep -qF -- "$text" "$folder/$stream"; then
    echo "FAILED: no '$text' on $stream: $*"; cat "$folder/stdout" "$folder/stderr"; failed=1
  fi
}
expect_nothing_on() {
  if [ -s "$folder/$1" ]; then echo "FAILED: $1 should be empty:"; cat "$folder/$1"; failed=1; fi
}

demo=$source/recipes/supersense_minilm_dsee.yaml
printf 'name: x\nsed: 3\n' >"$folder/bad.yaml"

expect 0 stdout "usage: filigree COMMAND" "$filigree" --help
expect_nothing_on stderr
expect 0 stdout "backends: " "$filigree" --version
expect 0 stdout "usage: filigree check RECIPE" "$filigree" check --help
expect 2 stderr "usage: filigree COMMAND" "$filigree"
expect_nothing_on stdout
expect 2 stderr "unknown command 'chekc'; did you mean 'check'?" "$filigree" chekc
expect 2 stderr "unknown flag --sett; did you mean '--set'?" "$filigree" check "$demo" --sett a=b
expect 2 stderr "RECIPE is missing" "$filigree" check
expect 2 stderr "bad.yaml:2: sed: is not a key of a recipe; did you mean 'seed'?" "$filigree" check "$folder/bad.yaml"
expect_nothing_on stdout
expect 2 stderr "there is no such file" "$filigree" check "$folder/none.yaml"
expect 2 stderr "--set stages.adapt.train.lr: is 0, must be above 0" "$filigree" check "$demo" --set stages.adapt.train.lr=0
expect 0 stdout "good: adapt (dsee, train), prune (prune), recover (train), export (export hf)" "$filigree" check "$demo"
if [ -e /dev/full ]; then
  expect 3 stderr "standard output: could not be written" bash -c '"$1" --help >/dev/full' _ "$filigree"
fi

# Many ranks: a fault that all see is told once, and a result is printed once.
if command -v mpirun >/dev/null && "$filigree" --version | grep -q 'backends:.*mpi'; then
  expect 2 stderr "sed: is not a key" "$mpirun" -n 3 "$filigree" check "$folder/bad.yaml"
  count=$(grep -c "sed: is not a key" "$folder/stderr")
  if [ "$count" != 1 ]; then echo "FAILED: three ranks told the fault $count times"; failed=1; fi
  expect 0 stdout "good: adapt" "$mpirun" -n 3 "$filigree" check "$demo"
  count=$(grep -c "good: adapt" "$folder/stdout")
  if [ "$count" != 1 ]; then echo "FAILED: three ranks printed the result $count times"; failed=1; fi
  # A fault of one rank alone is told with its number.
  expect 2 stderr "rank 1 (" "$mpirun" -n 1 "$filigree" check "$demo" : -n 1 "$filigree" check "$folder/bad.yaml"
else
  echo "skipped: the rows with many ranks, since this build or machine has no MPI"
fi
exit $failed
