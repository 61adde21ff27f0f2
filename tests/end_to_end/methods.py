"""Every method over a whole run on two ranks: killed at a random step and resumed, it equals the undisturbed run to the bit;
resumed on another mesh it prunes the same, with the same losses up to rounding; with sharded frozen weights it is the same to
the bit; heads and neurons are pruned after it; transformers reads the export, which has exactly the zeros that the method
promises.

usage: methods.py NAME...
       methods.py --kills N NAME...      only kills and resumes, N times for each (not in CI)"""
import argparse
import glob
import random
import shutil

from safetensors.torch import load_file

from method_checks import (TOLERANCE, check_best, check_export, check_zeros, expect_distinct, losses, on_another_mesh,
                           predictions)
from runs import Folder, checkpoint, expect, killed_and_resumed, metrics, run, run_state, without_comm
from tiny import expect_resume, write_place

random.seed(5)
STEPS = 10
WARMUP = 3  # steps of rosa without S2
# Name, options, share of zeros in each matrix of the encoder at the end (None: not promised).
METHODS = {
    "pst": ("{name: pst, rank: 2, score_rank: 2, sparsity: 0.9}", 0.9),
    "sift": ("{name: sift, rate: 0.1, targets: [query, value]}", None),
    "rosa": (f"{{name: dsee, rank: 2, sparse_density: 0.1, support: gradient, support_warmup: {WARMUP}, scale_sparse: false, "
             "targets: [query, value]}", None),
    "lift": ("{name: dsee, rank: 0, sparse_density: 0.1, support: principal, support_rank: 2, targets: [query, value]}", None),
    "shira": ("{name: dsee, rank: 0, sparse_density: 0.1, support: random, targets: [query, value]}", None),
    "dps": ("{name: dps, update_ratio: 0.25}", None),
    "mix": ("{name: dps, variant: mix, update_ratio: 0.25}", None),
    "child_d": ("{name: child_tuning, variant: d, batches: 3}", None),
    "child_f": ("{name: child_tuning, variant: f}", None),
    "mixout": ("{name: mixout, probability: 0.3}", None),
    "movement": ("{name: movement, sparsity: 0.5, score_lr_ratio: 100}", 0.5),
    "soft_movement": ("{name: soft_movement, threshold: 0.6, score_lr_ratio: 1000}", None),
    "block_movement": ("{name: block_movement, block: 2, threshold: 0.6, score_lr_ratio: 1000}", None),
    "smp": ("{name: smp, sparsity: 0.5, allotment: uniform}", 0.5),
    "gates": ("{name: gates, penalty: 0.01}", None),
}
# Those with state that a resume after a prune must cut, and those whose backbone is frozen, so that it can be sharded.
RESUMED_AFTER_PRUNE = {"rosa", "dps", "mix", "pst", "block_movement", "gates"}
SHARDED = {"rosa", "sift", "pst", "smp"}
MESH_BOUND = 1e-4
TRAIN = f"train: {{max_steps: {STEPS}, batch_size: 4, lr: 5e-3}}"
STAGES = f"""\
  - {{name: adapt, method: METHOD, {TRAIN}}}
  - {{name: export, export: {{format: hf, dir: export}}}}
  - {{name: prune, prune: {{structure: [heads, ffn], heads: 0.5, ffn: 0.4, score: magnitude}}}}
  - {{name: recover, {TRAIN}}}
"""
LIVE = f"""\
  - {{name: adapt, method: METHOD, {TRAIN}}}
  - {{name: live, prune: {{structure: [heads, ffn], score: live, below: 0}}}}
  - {{name: fill, method: full, train: {{max_steps: 2, batch_size: 4, lr: 5e-3}}}}
  - {{name: export, export: {{format: hf, dir: export}}}}
"""


def make(name, stages=STAGES):
    return write_place(f"{folder}/{name}", stages.replace("METHOD", METHODS[name.split("-")[0]][0]), alive=True)


def tensors(run_dir, step):
    """By file name and tensor name: tensor-parallel ranks write parts."""
    return {(file, name): tensor for file in sorted(glob.glob(f"{checkpoint(run_dir, step)}/*.safetensors"))
            for name, tensor in load_file(file).items()}


def check_support(whole):
    """S2 of rosa and its moments are 0 until support_warmup, and not after."""
    for step in range(1, STEPS):
        found = {name: tensor for (_, name), tensor in tensors(whole, step).items() if name.endswith(".sparse_values")}
        expect(len(found) == 3 * 6, f"step {step} has {list(found)}")  # values and two moments of six matrices
        for name, tensor in found.items():
            zeros = int((tensor == 0).sum())
            expect(zeros == (tensor.numel() if step <= WARMUP else 0), f"{name} has {zeros} zeros after step {step}")


def check_best_level(whole):
    named = [(run_state(checkpoint(whole, step)).get("best") or {}).get("step") for step in range(1, STEPS)]
    expect(named == [None] * 8 + [9], f"the best steps while the method trains: {named}")
    check_best(whole, "adapt", named[-1], final=7)


def check_live(_):
    """Heads and neurons of which no block is left go; the logits stay. A later stage trains what is left as a dense model."""
    recipe, out, mesh = make("block_movement-live", LIVE), f"{folder}/live", ("--set", "parallel.tensor=2")
    run(2, "train", recipe, "--out", out, *mesh)
    (record,) = metrics(out, ("prune",))
    expect(sum(record["heads_left"]) < 6 and sum(record["ffn_left"]) < 48, f"nothing is empty: {record}")
    small = tensors(out, STEPS + 1)
    heads = [4 * left for left in record["heads_left"]]
    for part, lines in (("attention.self.query", heads), ("intermediate.dense", record["ffn_left"])):
        rows = [sum(len(tensor) for (_, name), tensor in small.items() if name == f"bert.encoder.layer.{i}.{part}.weight")
                for i in range(3)]
        expect(rows == lines, f"{part} has {rows} rows, not {lines}")
    before, after = predictions(folder, *(checkpoint(out, step) for step in (STEPS, STEPS + 1)))
    worst = (before - after).abs().max().item()
    expect_distinct(before)
    expect(worst <= TOLERANCE, f"logits before and after the prune differ by {worst:.1e}")
    expect(not [name for _, name in tensors(out, STEPS + 3) if "score" in name or "mask" in name], "a mask is left")
    expect_resume(2, recipe, out, STEPS + 2, *mesh)
    check_export(folder, f"{out}/export", out)


FURTHER = {"rosa": check_support, "pst": check_best_level, "movement": check_best_level, "smp": check_best_level,
           "block_movement": check_live}


def check_sharded(recipe, whole):
    out = f"{whole}-sharded"
    run(2, "train", recipe, "--out", out, "--set", "parallel.shard_frozen=true")
    expect(without_comm(metrics(out)) == without_comm(metrics(whole)), "shard_frozen changes the numbers")


def check(name):
    recipe, whole, share = make(name), f"{folder}/{name}/run", METHODS[name][1]
    run(2, "train", recipe, "--out", whole)
    killed = killed_and_resumed(recipe, whole, 2 * STEPS, f"{whole}-killed")["global_step"]
    if name in RESUMED_AFTER_PRUNE:
        expect_resume(2, recipe, whole, STEPS + 1)
    mesh = on_another_mesh(recipe, whole, STEPS // 2, MESH_BOUND)
    if share is not None:
        places, elsewhere = (check_zeros(f"{run_dir}/export", share) for run_dir in (whole, f"{whole}-1x2"))
        expect(places == elsewhere, "resumed on 1x2: other entries are zero")
    check_export(folder, f"{whole}/export", checkpoint(whole, STEPS))
    if name in SHARDED:
        check_sharded(recipe, whole)
    if name in FURTHER:
        FURTHER[name](whole)
    print(f"{name}: killed and resumed from step {killed} to the bit; pruned; on another mesh {mesh:.0e}")
    shutil.rmtree(f"{folder}/{name}")


def only_kills(name, times):
    recipe, whole = make(name), f"{folder}/{name}/run"
    run(2, "train", recipe, "--out", whole)
    steps = [killed_and_resumed(recipe, whole, 2 * STEPS, f"{whole}-killed-{i}")["global_step"] for i in range(times)]
    print(f"{name}: {times} kills, resumed to the bit from steps {steps}; {len(losses(whole))} losses")


arguments = argparse.ArgumentParser()
arguments.add_argument("--kills", type=int, default=0)
arguments.add_argument("names", nargs="+", choices=METHODS)
given = arguments.parse_args()
with Folder() as folder:
    for method in given.names:
        if given.kills:
            only_kills(method, given.kills)
        else:
            check(method)
