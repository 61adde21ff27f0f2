#!/usr/bin/env bash
# hang.sh MPIRUN PROGRAM MODE RANKS DEADLINE EXIT_CODE MESSAGE...
# Runs the program under mpirun and checks: the exit code, that stderr has each MESSAGE (a fixed string, HOST stands for this
# host's name), that it ended within the deadline and a grace time, and that no process of the job is left.
set -u
mpirun=$1 program=$2 mode=$3 ranks=$4 deadline=$5 expected=$6
shift 6
token="hang-$mode-$$-$RANDOM"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fail() {
  echo "FAILED: $mode with $ranks ranks: $1"
  sed 's/^/    /' "$log"
  pkill -KILL -f -- "$token"
  exit 1
}

start=$(date +%s.%N)
timeout -k 5 120 "$mpirun" -n "$ranks" "$program" "$mode" "$deadline" "$token" >"$log" 2>&1 </dev/null
code=$?
seconds=$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {print b - a}')

[ "$code" = "$expected" ] || fail "exit code $code instead of $expected"
for message in "$@"; do
  message=${message//HOST/$(hostname)}
  grep -qF -- "$message" "$log" || fail "no message '$message'"
done
# MPI's start, the roll call (up to 2 s) and mpirun's own way of ending processes come on top of the deadline.
awk -v t="$seconds" -v d="$deadline" 'BEGIN {exit !(t < d + 25)}' || fail "took $seconds s"
for _ in 1 2 3 4 5 6 7 8 9 10; do
  pgrep -f -- "$token" >/dev/null || break
  sleep 0.5
done
pgrep -f -- "$token" >/dev/null && fail "processes are left: $(pgrep -af -- "$token")"
[ "$(grep -c 'did not complete in' "$log")" -le 1 ] || fail "more than one rank printed the error"
echo "passed: $mode with $ranks ranks: exit $code after $seconds s; $(grep -m1 filigree: "$log")"
