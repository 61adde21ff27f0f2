#!/usr/bin/env bash
# The program as a user meets it: exit codes, what goes to stdout and what to stderr, one message for many ranks.
# Usage: cli_test.sh FILIGREE MPIRUN
set -u
filigree=$1 mpirun=$2
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

# A small recipe with its data and a model of random weights.
mkdir "$folder/data" "$folder/model"
printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\n' >"$folder/model/vocab.txt"
cat >"$folder/model/config.json" <<'END'
{"model_type": "bert", "vocab_size": 7, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
 "intermediate_size": 16, "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu",
 "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
END
for split in train dev; do printf 'text\tlabel\ngood\t1\nbad\t0\n' >"$folder/data/$split.tsv"; done
demo=$folder/demo.yaml
cat >"$demo" <<END
name: demo
model: {path: $folder/model, init: random}
data: {format: tsv, dir: $folder/data, text: [text], label: label, max_length: 8}
stages:
  - name: adapt
    method: {name: dsee, rank: 2, num_sparse: 4, targets: [query, value]}
    train: {max_steps: 2, lr: 1e-3}
  - {name: prune, prune: {structure: [heads, ffn], heads: 0.5, ffn: 0.25}}
  - {name: recover, train: {max_steps: 2, lr: 1e-3, distill: {weight: 0.5}}}
  - {name: export, export: {format: hf}}
END
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

# A reader that closes the output early is not told about it. Output that was never open is an error.
for words in --help --version "check --help" "check $demo"; do
  expect 0 stdout "code 3" bash -c 'exec 3>&1; { "$@"; echo "code $?" >&3; } | true' _ "$filigree" $words
  expect_nothing_on stderr
done
expect 3 stderr "standard output: is closed" bash -c '"$1" --help >&-' _ "$filigree"

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
