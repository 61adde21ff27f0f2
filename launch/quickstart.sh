#!/usr/bin/env bash
# The complete demo: sets up and builds, then adapts, prunes and recovers the demo model on two ranks, and prints the
# results and the path of the report. Each run gets its own directory under runs/. Arguments go to `filigree train`:
#   launch/quickstart.sh --set seed=1
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
recipe="$FILIGREE_ROOT/recipes/supersense_minilm_dsee.yaml"
run="$FILIGREE_ROOT/runs/quickstart-$(date +%Y%m%d-%H%M%S)-$$"
ranks=2

filigree=$("$FILIGREE_ROOT/launch/build.sh" release | tail -n 1)

filigree_mpi_environment
cores=$(filigree_cores)
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((cores > ranks ? cores / ranks : 1))}"
launcher=(mpirun -n "$ranks")
if mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
  launcher+=(--bind-to none)
  # Open MPI counts physical cores; a machine with fewer than two of them needs this option to run two ranks.
  mpirun -n "$ranks" true >/dev/null 2>&1 || launcher+=(--oversubscribe)
fi

say "training on $ranks ranks; metrics and checkpoints are in $run"
started=$SECONDS
code=0
"${launcher[@]}" "$filigree" train "$recipe" --out "$run" "$@" || code=$?
[ "$code" = 0 ] || { say "filigree train ended with exit code $code; its messages are above"; exit "$code"; }
seconds=$((SECONDS - started))
report=$("$filigree" report "$run")

"$filigree_python" - "$run/metrics.jsonl" "$report" "$seconds" <<'EOF'
import json, sys
path, report, seconds = sys.argv[1:]
lines = [json.loads(line) for line in open(path)]
last = {line["stage"]: line["accuracy"] for line in lines if line["kind"] == "eval"}
prune = [line for line in lines if line["kind"] == "prune"][-1]
print()
for stage, words in (("adapt", "adapted"), ("prune", "just pruned"), ("recover", "recovered")):
    print(f"{words:>12}: accuracy {last[stage]:.3f} on dev")
print(f"{'FLOPs':>12}: {prune['flops_ratio']:.0%} of the unpruned model's")
print(f"{'time':>12}: {int(seconds) // 60} min {int(seconds) % 60} s on 2 ranks")
print(f"{'report':>12}: {report}")
EOF
