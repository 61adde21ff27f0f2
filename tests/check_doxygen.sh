#!/usr/bin/env bash
# Doxygen reads every header without a warning: unknown commands, parameters that do not exist, broken markup.
# Exit code 77 (skipped) without doxygen.
#   tests/check_doxygen.sh [ROOT]       prints FILE:LINE: what is wrong; exit code 1 when there is anything
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "${1:-$project}"
command -v doxygen >/dev/null 2>&1 || { echo "skipped: doxygen is not here"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
{
  cat "$project/docs/doxygen/Doxyfile"
  printf 'OUTPUT_DIRECTORY = %s\nINPUT_FILTER = "awk -f %s"\n' "$out" "$project/docs/doxygen/contract.awk"
} | doxygen - 2>&1 | sort -u >"$out/warnings" || true
[ -d "$out/html" ] || { echo "doxygen wrote no pages"; cat "$out/warnings"; exit 1; }
cat "$out/warnings"
[ ! -s "$out/warnings" ]
