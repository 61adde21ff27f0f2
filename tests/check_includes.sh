#!/usr/bin/env bash
# Includes point one way, launch -> models -> core -> dist, and a few headers and preprocessor branches have one place each.
# The rooms of core include one another as NEEDS in CMakeLists.txt declares it: no other room, and each that is declared.
# A source without a header of its own opens with a comment that says whose declarations it defines.
#   tests/check_includes.sh [ROOT]      prints FILE:LINE: what is wrong; exit code 1 when there is anything
set -euo pipefail
root="${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"
cd "$root"

folders=()
for folder in dist core models launch tests; do [ ! -d "$folder" ] || folders+=("$folder"); done
mapfile -t sources < <(find "${folders[@]}" -type f \( -name '*.h' -o -name '*.cpp' \) | sort)
[ ${#sources[@]} -gt 0 ] || { echo "no sources under $root"; exit 1; }

mapfile -t parts < <(printf '%s\n' "${sources[@]}" | grep -v '^tests/')
bad=0
awk '
  function wrong(message) { printf "%s:%d: %s\n", FILENAME, FNR, message; bad = 1 }
  BEGIN { level["dist"] = 1; level["core"] = 2; level["models"] = 3; level["launch"] = 4; level["tests"] = 5 }
  FNR == 1 {
    part = FILENAME; sub("/.*", "", part)
    backend = FILENAME ~ /^dist\/((mpi|nccl)\/[^\/]*\.(cpp|h)|factory\.cpp)$/
    model = FILENAME ~ /^models\/[^\/]+\/model\./
  }
  # simd.h tells the compiler which instruction sets to generate; nothing else may branch on the platform.
  /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)([ \t(!]|$)/ && !backend && FILENAME != "core/nn/ops/simd.h" {
    wrong("a preprocessor branch outside dist/mpi, dist/nccl and dist/factory.cpp; choose at run time instead")
  }
  /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    quoted = $0 ~ /include[ \t]*"/
    header = $0
    sub(/^[^<"]*[<"]/, "", header); sub(/[>"].*/, "", header)
    if (header ~ /^(torch\/(torch|all|extension)\.h|ATen\/ATen\.h)$/)
      wrong("<" header "> takes seconds to compile; include ATen/core/Tensor.h and ATen/ops/NAME.h")
    if (header ~ /^(nccl|mpi)\.h$/ && !backend)
      wrong("<" header "> outside dist/mpi, dist/nccl and dist/factory.cpp; use dist/communicator.h")
    if (header ~ /^dist\/(mpi|nccl)\// && !backend && FILENAME !~ /^tests\/dist\//)
      wrong("\"" header "\" is private to its backend; use dist/communicator.h or dist/factory.h")
    first = header; sub("/.*", "", first)
    if (first in level && level[first] > level[part])
      wrong("\"" header "\" points back: " part " may not include " first)
    if (model && first == "dist")
      wrong("\"" header "\": a model has no word of parallelism")
    # Tests may name a header that lies beside them; the sources name all from the root.
    if (quoted && !(first in level) && !(part == "tests" && header !~ "/"))
      wrong("\"" header "\" is not named from the root of the project")
  }
  END { exit bad }
' "${sources[@]}" || bad=1

# filigree_module(FOLDER [FLAT] NEEDS FOLDER... EXTERNAL ...): a file belongs to the longest declared folder it is in; a
# FLAT folder has only the files directly in it.
awk '
  function room_of(path,    folder) {
    folder = path
    while (sub(/\/[^\/]*$/, "", folder))
      if (folder in declared && (!(folder in is_flat) || index(substr(path, length(folder) + 2), "/") == 0)) return folder
    return ""
  }
  function declare(text,    words, count, i, needs) {
    count = split(text, words, /[ \t()]+/)
    room = words[2]
    declared[room] = 1
    for (i = 3; i <= count; ++i) {
      if (words[i] == "FLAT") is_flat[room] = 1
      if (words[i] == "EXTERNAL") break
      if (needs && words[i] != "") need[room, words[i]] = FNR
      if (words[i] == "NEEDS") needs = 1
    }
  }
  FILENAME == "CMakeLists.txt" {
    sub(/#.*/, "")
    if ($0 ~ /^filigree_(module|program)\(/) { call = ""; open = 1 }
    if (open) call = call " " $0
    if (open && /\)/) { open = 0; sub(/^ */, "", call); declare(call) }
    next
  }
  FNR == 1 {
    room = room_of(FILENAME)
    if (room == "") { printf "%s: is in no module that CMakeLists.txt declares\n", FILENAME; bad = 1 }
    present[room] = 1
  }
  room != "" && /^[ \t]*#[ \t]*include[ \t]*"/ {
    header = $0
    sub(/^[^"]*"/, "", header); sub(/".*/, "", header)
    other = room_of(header)
    if (other == "" || other == room) next
    used[room, other] = 1
    if (!((room, other) in need)) {
      printf "%s:%d: \"%s\": %s does not declare that it needs %s (CMakeLists.txt)\n", FILENAME, FNR, header, room, other
      bad = 1
    }
  }
  END {
    for (pair in need) {
      split(pair, names, SUBSEP)
      if (names[1] in present && !(pair in used)) {
        printf "CMakeLists.txt:%d: %s declares that it needs %s, but includes nothing of it\n", need[pair], names[1], names[2]
        bad = 1
      }
    }
    exit bad
  }
' CMakeLists.txt "${parts[@]}" || bad=1

# Where a definition is, the reader finds by the name of the header; else the file says whose declarations it defines.
for file in "${parts[@]}"; do
  case "$file" in *.cpp) ;; *) continue ;; esac
  [ ! -e "${file%.cpp}.h" ] || continue
  IFS= read -r first <"$file" || true
  [[ "$first" == "// "* ]] || { echo "$file:1: has no header of its own; say in a comment whose declarations it defines"; bad=1; }
done
exit "$bad"
