"""What `plan` foresees is what `bench` measures: bytes per step within 1% (5% with tensor parallelism and by axis), and the
peak of live tensors within 10%, for the named recipes.

usage: plan.py NAME..."""
import json
import os
import sys

from runs import Folder, expect, run, write_data

RECIPES = {
    "full": ("sequence_classification", "label: class, metric: accuracy,", "fp32", 16, "full"),
    "dsee": ("sequence_classification", "label: class, metric: accuracy,", "auto", 48,
             "{name: dsee, rank: 8, num_sparse: 64, targets: [query, value], support: magnitude}"),
    "masked_lm": ("masked_lm", "", "auto", 24, "{name: lora, rank: 8, targets: [query, value, output.dense]}"),
    "pst": ("sequence_classification", "label: class, metric: accuracy,", "auto", 24, "{name: pst, rank: 8, score_rank: 8}"),
    "movement": ("sequence_classification", "label: class, metric: accuracy,", "auto", 24, "movement"),
    "dps": ("sequence_classification", "label: class, metric: accuracy,", "auto", 24, "{name: dps, variant: mix}"),
    "rosa": ("sequence_classification", "label: class, metric: accuracy,", "auto", 24,
             "{name: dsee, rank: 8, sparse_density: 0.01, support: gradient, support_warmup: 3, targets: [query, value]}"),
}
MESHES = {name: ((2, 1), (1, 2), (2, 2)) for name in ("full", "dsee", "masked_lm")}
TEXT = """
name: NAME
seed: 7
model: {path: "${FILIGREE_MODELS}/minilm-l6", task: TASK}
data: {format: tsv, dir: "DATA", text: [gloss], LABEL max_length: 64}
parallel: {precision: PRECISION, device: cpu, timeout: 120}
stages:
  - name: adapt
    method: METHOD
    train: {max_steps: 10, batch_size: SIZE, lr: 1e-4}
"""
# Activations on the tensor-parallel axis are those of 30 random batches.
BOUND = {False: 0.01, True: 0.05}
# What takes less than this share of the bytes of a step is not compared by itself.
SMALL = 0.01


def write(folder, name):
    task, label, precision, size, method = RECIPES[name]
    text = TEXT
    # bench keeps its run in a folder of the recipe's name.
    for key, value in (("NAME", f"plan-{name}-{os.getpid()}"), ("TASK", task), ("DATA", folder), ("LABEL", label),
                       ("PRECISION", precision), ("METHOD", method), ("SIZE", str(size))):
        text = text.replace(key, value)
    path = os.path.join(folder, f"{name}.yaml")
    with open(path, "w") as out:
        out.write(text)
    return path


def by_axis(comm):
    return {f"{axis}.{phase}": sent for axis, phases in comm.items() for phase, sent in phases.items()}


def compare(what, foreseen, measured, bound):
    print(f"  {what:<24} {foreseen:>14.0f} {measured:>14.0f} {100 * (foreseen / measured - 1):>7.2f}%")
    expect(abs(foreseen - measured) <= bound * measured, f"{what}: {foreseen} foreseen, {measured} measured")


expect(sys.argv[1:], "usage: plan.py NAME...")
with Folder() as folder:
    write_data(folder, train=1600)
    for name in sys.argv[1:]:
        recipe = write(folder, name)
        for data, tensor in MESHES.get(name, ((2, 1), (1, 2))):
            ranks = data * tensor
            print(f"{name} on {data}x{tensor}: foreseen, measured")
            plan = json.loads(run(1, "plan", recipe, "--ranks", str(ranks), "--tensor", str(tensor))[0])
            expect(plan["lengths"] == "data", "plan did not read the training data")
            stage = plan["stages"][0]
            bench = json.loads(run(ranks, "bench", recipe, "--set", f"parallel.tensor={tensor}")[0])
            compare("bytes per step", stage["comm_bytes_per_step"], bench["comm_bytes_per_step"], BOUND[tensor > 1])
            foreseen, measured = by_axis(stage["comm"]), by_axis(bench["comm"])
            for key in sorted(foreseen.keys() | measured.keys()):
                if measured.get(key, 0) >= SMALL * bench["comm_bytes_per_step"]:
                    compare(key, foreseen.get(key, 0), measured[key], 0.05)
            compare("peak of live tensors", stage["memory_bytes"], bench["peak_tensor_bytes"], 0.10)
