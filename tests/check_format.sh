#!/usr/bin/env bash
# Every C++ file is as clang-format 14 (Debian 12's, or the one of set-up) with .clang-format writes it. Exit code 77 (skipped)
# without that version: others lay some lines out differently.
#   tests/check_format.sh [--fix]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../launch/env.sh"
cd "$FILIGREE_ROOT"

for tool in clang-format-14 clang-format "$FILIGREE_HOME/style/clang_format/data/bin/clang-format"; do
  version=$("$tool" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p') || continue
  [ "$version" != 14 ] || break
done
if [ "${version:-}" != 14 ]; then
  echo "skipped: clang-format 14 is not here (found: ${version:-none})"
  exit 77
fi

mode=(--dry-run -Werror)
[ "${1:-}" != --fix ] || mode=(-i)
find dist core models launch tests cmake examples -type f \( -name '*.h' -o -name '*.cpp' \) -print0 |
  xargs -0 "$tool" --style=file "${mode[@]}"
