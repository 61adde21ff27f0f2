#!/usr/bin/env bash
# Sets up, configures and builds. Prints the program's path on stdout; everything else goes to stderr.
#
#   launch/build.sh [preset] [target...]     presets: release (default) debug asan tsan cpu
#                                            default target: filigree, the program alone; "all" also builds the tests
#
# CMAKE_PREFIX_PATH may name a LibTorch and a conda environment; CMAKE_BUILD_PARALLEL_LEVEL sets the jobs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
preset="${1:-release}"
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- filigree

"$FILIGREE_ROOT/launch/setup.sh" >&2
cd "$FILIGREE_ROOT"
generator=()
command -v ninja >/dev/null 2>&1 || generator=(-G "Unix Makefiles")
cmake --preset "$preset" "${generator[@]}" -DFILIGREE_PYTHON="$filigree_python" \
  -DFILIGREE_WERROR="${FILIGREE_WERROR:-OFF}" >&2
cmake --build "build/$preset" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(filigree_jobs)}" --target "$@" >&2
echo "$FILIGREE_ROOT/build/$preset/filigree"
