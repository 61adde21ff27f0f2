#!/usr/bin/env bash
# Sets up, builds and runs every test. Arguments go to ctest: tests/run.sh -L unit, tests/run.sh -R recipe.
# FILIGREE_PRESET chooses the build (release). The exit code and the last lines are ctest's own; before them stands why
# each skipped test was skipped.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../launch/env.sh"
preset="${FILIGREE_PRESET:-release}"
build="$FILIGREE_ROOT/build/$preset"

FILIGREE_STYLE_TOOLS=1 "$FILIGREE_ROOT/launch/build.sh" "$preset" all >&2
filigree_mpi_environment
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

set +e
ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$(filigree_cores)" "$@" 2>&1 |
  awk -v log_file="$build/Testing/Temporary/LastTest.log" -f "$FILIGREE_ROOT/tests/support/skip_reasons.awk"
exit "${PIPESTATUS[0]}"
