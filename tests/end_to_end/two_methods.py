"""Two methods in one recipe with parallel.shard_frozen: what the first has trained is frozen and in parts on the ranks
while the second trains. Checkpoints must hold its values all the same, and a run that resumes from any of them, within a
stage or between two, must have all metrics of the undisturbed one, communication included.

Both pairs of methods come with a prune: zeroed entries of weights that are frozen later, and heads removed in rounds
while the frozen weights are in parts."""
import filecmp
import os

from runs import Folder, checkpoint_steps, expect, metrics, run, without_comm
from tiny import expect_resume, write_place

FULL_LORA = """\
  - name: warm
    method: full
    prune: {sparsity: 0.4}
    train: {max_steps: 2, batch_size: 4, lr: 1e-2, weight_decay: 0.5}
  - name: adapt
    method: {name: lora, rank: 2, targets: [query]}
    train: {max_steps: 3, batch_size: 4, lr: 1e-2}
  - {name: cut, prune: {structure: [ffn], ffn: 0.25}}
  - {name: recover, train: {max_steps: 2, batch_size: 4, lr: 1e-2}}
"""
BITFIT_DSEE = """\
  - name: warm
    method: {name: bitfit}
    train: {max_steps: 2, batch_size: 4, lr: 1e-2}
  - name: adapt
    method: {name: dsee, rank: 2, num_sparse: 8, targets: [query, value]}
    prune: {structure: [ffn], ffn: 0.5, steps: 2}
    train: {max_steps: 4, batch_size: 4, lr: 1e-2}
"""


def expect_same_tensors(whole, parts):
    """The checkpoints' tensor files are equal byte by byte, whether the frozen weights were in parts or not."""
    compared = 0
    for step in checkpoint_steps(whole):
        a, b = (f"{out}/checkpoints/step-{step:08d}" for out in (whole, parts))
        for name in sorted(os.listdir(a)):
            if name.endswith(".safetensors"):
                compared += 1
                expect(filecmp.cmp(f"{a}/{name}", f"{b}/{name}", shallow=False), f"{b}/{name} differs from {a}/{name}")
    expect(compared > 8, f"{compared} files compared")


with Folder() as folder:
    for name, stages in (("full-lora", FULL_LORA), ("bitfit-dsee", BITFIT_DSEE)):
        recipe = write_place(f"{folder}/{name}", stages)
        for tensor, resumed in ((1, None), (2, (3, 4))):
            outs = {}
            for shard in ("false", "true"):
                outs[shard] = f"{folder}/{name}-tensor{tensor}-{shard}"
                options = ("--set", f"parallel.tensor={tensor}", "--set", f"parallel.shard_frozen={shard}")
                run(2 * tensor, "train", recipe, "--out", outs[shard], *options)
            a, b = (without_comm(metrics(outs[shard])) for shard in ("false", "true"))
            expect(len(a) > 5 and a == b, f"{outs['true']}: the numbers change: {[p for p in zip(a, b) if p[0] != p[1]][:1]}")
            expect_same_tensors(outs["false"], outs["true"])
            steps = checkpoint_steps(outs["true"])
            for step in steps[:-1] if resumed is None else resumed:
                expect_resume(2 * tensor, recipe, outs["true"], step, *options)
            print(f"{name}, {2 * tensor} ranks, tensor {tensor}: checkpoints of steps {steps} are whole")
