"""Every method over a whole run on two ranks: killed at a random step and resumed, it equals the undisturbed run to the bit;
resumed on another mesh it has the same losses up to rounding, with sharded frozen weights to the bit; heads and neurons are
pruned after it; transformers reads the export, which has exactly the zeros that the method promises.

usage: methods.py NAME..."""
import json
import os
import random
import shutil
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from runs import (Folder, checkpoint, expect, expect_same_metrics, kill, metrics, relative, run, run_state, start, wait_for)
from tiny import cut_back, expect_resume, write_place

random.seed(5)
STEPS = 12
# Name, options, share of zeros in each matrix of the encoder at the end (None: not promised).
METHODS = {
    "pst": ("{name: pst, rank: 2, score_rank: 2, sparsity: 0.5}", 0.5),
    "sift": ("{name: sift, rate: 0.1, targets: [query, value]}", None),
    "rosa": ("{name: dsee, rank: 2, sparse_density: 0.1, support: gradient, support_warmup: 3, scale_sparse: false, "
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
TRAIN = f"train: {{max_steps: {STEPS}, batch_size: 4, lr: 5e-3}}"


def losses(run_dir):
    return [record["loss"] for record in metrics(run_dir, ("train",))]


def expect_close(whole, other, what, bound=1e-3):
    worst = relative(losses(whole), losses(other))
    expect(worst <= bound, f"{what}: losses differ by {worst:.1e}")
    return worst


def killed_and_resumed(recipe, whole):
    out, at = f"{whole}-killed", random.randrange(2, 2 * STEPS)
    process = start(2, "train", recipe, "--out", out)
    wait_for(process, out, lambda records: records[-1]["step"] >= at)
    kill(process)
    state = run_state(checkpoint(out))
    run(2, "train", recipe, "--out", out)
    expect_same_metrics(whole, out, f"SIGKILL, resumed from step {state['global_step']}")
    return state["global_step"]


def on_another_mesh(recipe, whole):
    copy = f"{whole}-1x2"
    cut_back(whole, copy, STEPS // 2)
    run(2, "train", recipe, "--out", copy, "--set", "parallel.tensor=2")
    return expect_close(whole, copy, "resumed on 1x2")


def check_export(whole, share):
    """The export has exactly the promised zeros, and transformers reads it with the logits of the last checkpoint."""
    export = f"{whole}/export"
    if share is not None:
        for name, weight in load_file(f"{export}/model.safetensors").items():
            if ".encoder.layer." not in name or weight.dim() != 2:
                continue
            zeros = int((weight == 0).sum())
            expect(zeros == int(share * weight.numel()), f"{name} has {zeros} of {weight.numel()} zeros")
    texts = ["the film was good", "a dull story", "fine"]
    model, report = AutoModelForSequenceClassification.from_pretrained(export, output_loading_info=True)
    expect(not any(report.values()), f"transformers misses something in the export: {report}")
    with torch.no_grad():
        batch = AutoTokenizer.from_pretrained(export)(texts, padding=True, return_tensors="pt")
        logits = model.eval()(**batch).logits
    with open(f"{folder}/texts.txt", "w") as out:
        out.write("".join(text + "\n" for text in texts))
    for source in (checkpoint(whole, STEPS), export):
        out, _ = run(1, "predict", source, "--input", f"{folder}/texts.txt")
        found = torch.tensor([json.loads(line)["logits"] for line in out.splitlines()])
        worst = (found - logits).abs().max().item()
        expect(worst <= 1e-5, f"the export's logits differ from those of {os.path.basename(source)} by {worst:.1e}")


def check(name, method, share):
    recipe = write_place(f"{folder}/{name}", f"""\
  - {{name: adapt, method: {method}, {TRAIN}}}
  - {{name: export, export: {{format: hf, dir: export}}}}
  - {{name: prune, prune: {{structure: [heads, ffn], heads: 0.5, ffn: 0.4, score: magnitude}}}}
  - {{name: recover, {TRAIN}}}
""")
    whole = f"{folder}/{name}/run"
    run(2, "train", recipe, "--out", whole)
    killed = killed_and_resumed(recipe, whole)
    if name in RESUMED_AFTER_PRUNE:
        expect_resume(2, recipe, whole, STEPS + 1)
    mesh = on_another_mesh(recipe, whole)
    check_export(whole, share)
    if name in SHARDED:
        run(2, "train", recipe, "--out", f"{whole}-sharded", "--set", "parallel.shard_frozen=true")
        expect(losses(f"{whole}-sharded") == losses(whole), "shard_frozen changes the losses")
    print(f"{name}: killed and resumed from step {killed} to the bit; pruned; on another mesh {mesh:.0e}")
    shutil.rmtree(f"{folder}/{name}")


with Folder() as folder:
    chosen = [name for name in METHODS if not sys.argv[1:] or name in sys.argv[1:]]
    expect(chosen, f"no method of {sys.argv[1:]}")
    for name in chosen:
        check(name, *METHODS[name])
