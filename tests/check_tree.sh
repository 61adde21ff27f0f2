#!/usr/bin/env bash
# Rules for every file of the project: no path of one machine, no file above 1 MB, no source above 500 lines, no Markdown
# prose wider than 100 columns (tables, headings, links and code blocks aside), no folder of more than 25 files without
# separate rooms, no method above 150 lines, no cast to the class of an adapter.
#   tests/check_tree.sh [ROOT]          prints FILE[:LINE]: what is wrong; exit code 1 when there is anything
set -euo pipefail
root="${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"
cd "$root"

# Files that git tracks or would track; all files where this is no git checkout.
list_files() {
  if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ]; then
    git ls-files --cached --others --exclude-standard
  else
    find . -type d \( -name .git -o -name 'build*' -o -name runs \) -prune -o -type f -print | sed 's|^\./||'
  fi | sort -u
}

mapfile -t files < <(list_files | while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done)
[ ${#files[@]} -gt 0 ] || { echo "no files under $root"; exit 1; }

bad=0
wrong() { echo "$*"; bad=1; }

# Home folders are told from made-up ones by whose they are: tests use the latter.
homes='(^|[^A-Za-z0-9_.~$}/-])(/root|/work'"${HOME:+|$HOME}"')/'
if found=$(grep -InE "$homes" -- "${files[@]}" | cut -c1-200); then
  wrong "$(sed 's/$/   <- a path of one machine/' <<<"$found")"
fi

while IFS= read -r file; do
  wrong "$file: larger than 1 MB"
done < <(find "${files[@]}" -maxdepth 0 -size +1024k)

sources=()
for file in "${files[@]}"; do
  case "$file" in *.h | *.cpp | *.sh | *.cmake | *.py | CMakeLists.txt) sources+=("$file") ;; esac
done
while read -r lines file; do
  [ "$file" = total ] || [ "$lines" -le 500 ] || wrong "$file: more than 500 lines; split it"
  case "$file" in
    core/adapt/methods/*.cpp) [ "$lines" -le 150 ] || wrong "$file: a method of more than 150 lines; split it" ;;
  esac
done < <(wc -l -- "${sources[@]}")

# What an adapter is, it says through the interface of core/nn/adapter.h.
casts='dynamic_(pointer_)?cast<[^>]*(Adapter|LowRankSparse)'
if found=$(grep -InE "$casts" -- "${sources[@]}"); then
  wrong "$(sed 's/$/   <- asks for the class of an adapter; use nn::Adapter/' <<<"$found")"
fi

folders=$(printf '%s\n' "${files[@]}" | awk -F/ '
  NF > 1 { dir = $0; sub("/[^/]*$", "", dir); ++count[dir]; while (sub("/[^/]*$", "", dir)) has_rooms[dir] = 1 }
  END { for (dir in count) if (count[dir] > 25 && !(dir in has_rooms)) printf "%s: %d files; divide it into rooms\n", dir, count[dir] }')
[ -z "$folders" ] || wrong "$folders"

# Parameters that go with the rows or columns of a linear say so (nn::Follower); only sparse supports change by hand.
if found=$(printf '%s\n' "${sources[@]}" | grep -E '^(core/adapt|models)/' | grep -v '^core/adapt/low_rank_sparse' |
  xargs -r grep -InE 'reslice\(int64_t'); then
  wrong "$(sed 's/$/   <- changes rows or columns by hand; declare a follower of the linear/' <<<"$found")"
fi

# Characters, not bytes: the continuation bytes of UTF-8 do not count.
markdown=()
for file in "${files[@]}"; do
  case "$file" in *.md) markdown+=("$file") ;; esac
done
if [ ${#markdown[@]} -gt 0 ]; then
  LC_ALL=C awk '
    FNR == 1 { fence = 0 }
    /^[ ]*```/ { fence = !fence; next }
    fence || /^[ ]*[|#<]/ || /\]\([^)]*$|https?:/ { next }
    {
      text = $0
      gsub(/[\200-\277]/, "", text)
      if (length(text) > 100) { printf "%s:%d: prose of %d columns; wrap it at 100\n", FILENAME, FNR, length(text); bad = 1 }
    }
    END { exit bad }
  ' "${markdown[@]}" || bad=1
fi
exit "$bad"
