#!/usr/bin/env bash
# clang-tidy with .clang-tidy (for tests: tests/.clang-tidy) finds nothing. Exit code 77 (skipped) without the version in
# launch/requirements-style.txt, or without a build, whose compile commands it uses.
#   tests/check_tidy.sh               the .cpp files that changed since the merge base with origin/main (if that is HEAD or
#                                     unknown: in the last 10 commits), and those that include a header that changed
#   tests/check_tidy.sh --since REV   the same, since REV
#   tests/check_tidy.sh --all         every file, without a time limit
#   tests/check_tidy.sh FILE...       these files; for a header, its own .cpp file or the first that includes it
# FILIGREE_BUILD_DIR      the build (default build/$FILIGREE_PRESET)
# FILIGREE_TIDY_SECONDS   the time after which no file is started; those left are printed (default 120)
# FILIGREE_TIDY_JOBS      files at the same time (default: as many as cores and memory allow)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../launch/env.sh"
caller=$PWD
cd "$FILIGREE_ROOT"
build=$(cd "$caller" && realpath -m "${FILIGREE_BUILD_DIR:-$FILIGREE_ROOT/build/${FILIGREE_PRESET:-release}}")
folders=(core dist models launch examples tests cmake)
skip() { echo "skipped: $*"; exit 77; }

# Sets tool to the clang-tidy in PATH or to the one of set-up.
find_tool() {
  local version found='' seen=none
  version=$(sed -n 's/^clang-tidy==//p' launch/requirements-style.txt)
  for tool in clang-tidy "$FILIGREE_HOME/style/clang_tidy/data/bin/clang-tidy"; do
    found=$("$tool" --version 2>/dev/null | sed -n 's/.*version \([0-9.]*\).*/\1/p') || continue
    [ "$found" != "$version" ] || return 0
    seen=$found
  done
  skip "clang-tidy $version is not here (found: $seen); FILIGREE_STYLE_TOOLS=1 launch/setup.sh installs it"
}

# The build's commands without GCC's precompiled headers, which clang cannot read, and without -Werror: .clang-tidy decides
# which warnings count.
make_database() {
  [ -f "$build/compile_commands.json" ] || skip "there is no $build/compile_commands.json; build first"
  sed -E 's/ -Winvalid-pch//g; s/ -Werror( |=[^ ]*)/ /g
    s/( -Xclang)? -include(-pch)?( -Xclang)? (\\"[^"]*cmake_pch[^"]*\\"|[^ "]*cmake_pch[^ "]*)//g' \
    "$build/compile_commands.json" >"$work/compile_commands.json"
}

# The header's own .cpp file, then those that include it by its path from the root or, beside it, by its name; where no
# .cpp file does, those of the headers that include it.
files_with() {
  local direct header
  direct=$({ ls "${1%.h}.cpp"
    grep -rlF --include='*.cpp' "#include \"$1\"" "${folders[@]}" | sort
    grep -lF "#include \"${1##*/}\"" "${1%/*}"/*.cpp; } 2>/dev/null || true)
  [ -z "$direct" ] || { echo "$direct"; return; }
  grep -rlF --include='*.h' "#include \"$1\"" "${folders[@]}" | while read -r header; do files_with "$header"; done
}

# Reads names of files. Prints the .cpp files, one file per header, and then (all) the others that include a header.
select_sources() {
  local name
  local -a names found others=()
  mapfile -t names
  for name in "${names[@]}"; do [[ "$name" != *.cpp ]] || echo "$name"; done
  for name in "${names[@]}"; do
    [[ "$name" == *.h ]] || continue
    mapfile -t found < <(files_with "$name")
    printf '%s\n' "${found[@]:0:1}"
    [ "$1" = first ] || others+=("${found[@]:1}")
  done
  printf '%s\n' "${others[@]}"
}

default_base() {
  local base
  base=$(git merge-base origin/main HEAD 2>/dev/null) && [ "$base" != "$(git rev-parse HEAD)" ] ||
    base=$(git rev-parse -q --verify HEAD~10) || base=$(git hash-object -t tree /dev/null)
  echo "$base"
}

changed_since() {
  git diff --name-only --diff-filter=d "$1" -- "${folders[@]}"
  git ls-files --others --exclude-standard -- "${folders[@]}"
}

list_files() {
  case "${1:-}" in
    --all) find "${folders[@]}" -name '*.cpp' | sort ;;
    --since) changed_since "${2:?name a revision}" | select_sources all ;;
    '') changed_since "$(default_base)" | select_sources all ;;
    *) (cd "$caller" && realpath --relative-to="$FILIGREE_ROOT" "$@") | select_sources first ;;
  esac | awk 'NF && !seen[$0]++' | without_unbuilt_backends
}

# A build without MPI or NCCL has no flags for the files of that backend.
without_unbuilt_backends() {
  local name
  while read -r name; do
    [[ "$name" == dist/@(mpi|nccl)/* ]] && ! grep -qF "/$name\"" "$work/compile_commands.json" || echo "$name"
  done
}

# Adds a file to bad, or to left when the time is over. A file in work may take 30 s more. Files outside the project get
# its rules too.
check_file() {
  local now code=0 log
  local -a rules=()
  now=$(date +%s)
  [ "$now" -lt "$deadline" ] || { echo "$1" >>"$work/left"; return 0; }
  log=$(mktemp -p "$work")
  [[ "$1" != ../* ]] || rules=(--config-file=.clang-tidy)
  timeout $((deadline - now + 30)) "$tool" -p "$work" "${rules[@]}" --quiet \
    --extra-arg=-Wno-unknown-warning-option "$1" >"$log" 2>&1 || code=$?
  case "$code" in
    0) echo "$1" >>"$work/clean" ;;
    124) echo "$1" >>"$work/left" ;;
    *) echo "$1" >>"$work/bad"; cat "$log" ;;
  esac
}

count() { [ ! -f "$work/$1" ] && echo 0 || wc -l <"$work/$1"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find_tool
make_database
git rev-parse -q --verify HEAD >/dev/null 2>&1 || [ -n "${1:-}" ] || skip "this is not a git checkout: name files, or use --all"
list_files "$@" >"$work/files"
mapfile -t files <"$work/files"
deadline=$(($(date +%s) + ${FILIGREE_TIDY_SECONDS:-120}))
[ "${1:-}" != --all ] || deadline=$((deadline + 1000000))
jobs="${FILIGREE_TIDY_JOBS:-$(filigree_jobs)}" running=0
for file in "${files[@]}"; do
  [ "$running" -lt "$jobs" ] || { wait -n; running=$((running - 1)); }
  check_file "$file" &
  running=$((running + 1))
done
wait
echo "$(count clean) of ${#files[@]} files are clean"
[ ! -f "$work/left" ] || { echo "no time was left for these $(count left) files:"; sort "$work/left"; }
[ ! -f "$work/bad" ] || { echo "findings in $(count bad) files:"; sort "$work/bad"; exit 1; }
