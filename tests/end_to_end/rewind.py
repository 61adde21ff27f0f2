"""`rewind`: the weights return to an earlier step to the bit, what was pruned stays pruned, and a resumed run equals an
undisturbed one; and the search of EarlyBERT, which ends when its draws are alike.

usage: rewind.py lottery | earlybert
       rewind.py kills N      only kills a lottery and resumes it, N times (not in CI)"""
import glob
import json
import os
import random
import shutil
import signal
import sys

import torch
from safetensors.torch import load_file

from runs import (Folder, checkpoint, checkpoint_steps, expect, expect_same_metrics, finish, interrupt, kill,
                  killed_and_resumed, metrics, relative, run, run_state, start, wait_for)
from tiny import write_place

TRAIN = "train: {max_steps: 6, batch_size: 4, lr: 5e-3}"
LOTTERY = f"""
  - {{name: dense, method: {{name: full}}, {TRAIN}}}
  - {{name: round1, prune: {{sparsity: 0.3, scope: global, score: magnitude}}, rewind: {{stage: dense, step: 2}}, {TRAIN}}}
  - {{name: round2, prune: {{sparsity: 0.5, scope: global, score: magnitude}}, rewind: {{stage: dense, step: 2}}, {TRAIN}}}
  - {{name: start, prune: {{sparsity: 0.6, scope: global, score: magnitude}}, rewind: {{stage: dense}}}}
"""
EARLYBERT = f"""
  - {{name: search, method: {{name: gates, stop_distance: 0.4, draw_every: 2, draws: 2, heads: 0.5, penalty: 0.05}},
     train: {{max_steps: 40, batch_size: 4, lr: 5e-3}}}}
  - {{name: draw, prune: {{structure: [heads], heads: 0.5, score: gates}}}}
  - {{name: neurons, prune: {{structure: [ffn], ffn: 0.4, score: gates, scope: global}}}}
  - {{name: train, method: {{name: full}}, rewind: {{stage: search}}, {TRAIN}}}
"""


def tensors(folder):
    """The trained tensors of a checkpoint that one rank or several wrote."""
    found = {}
    for file in glob.glob(f"{folder}/trained*.safetensors"):
        found.update(load_file(file))
    return found


def base_tensors():
    """The model's tensors by the names that a checkpoint has."""
    return {name if name.startswith("classifier") else f"bert.{name}": value
            for name, value in load_file(f"{folder}/model/model.safetensors").items()}


def expect_rewound(out, then, mask_of):
    """`out`'s newest checkpoint has the values of `then`, under the masks of `mask_of`."""
    now, masks = tensors(checkpoint(out)), {k: v for k, v in tensors(mask_of).items() if k.endswith(".mask")}
    weights = [name for name in now if not name.endswith(".mask")]
    expect(len(masks) > 5 and len(weights) > len(masks), f"{len(masks)} masks, {len(weights)} weights")
    for name in weights:
        expect(torch.equal(now[name], then[name]), f"{name} has not returned to its value")
    for name, mask in masks.items():
        expect(torch.equal(now[name], mask), f"{name} is not the mask of the prune")


def expect_stopped_and_resumed(ranks, recipe, whole, stage, stop, *options):
    out = f"{whole}-{stop.__name__}-{stage}"
    process = start(ranks, "train", recipe, "--out", out, *options)
    wait_for(process, out, lambda records: any(r["stage"] == stage and r["kind"] == "train" and r["stage_step"] >= 3 for r in records[-3:]))
    stop(process)
    state = run_state(checkpoint(out))
    run(ranks, "train", recipe, "--out", out, *options)
    expect_same_metrics(whole, out, f"{stop.__name__} in {stage}, resumed from step {state['stage_step']} of stage "
                        f"{state['stage']}")


def lottery():
    recipe = write_place(folder, LOTTERY, alive=True)
    keep = ("--set", "checkpoint.keep=1")
    whole = f"{folder}/whole"
    run(1, "train", recipe, "--out", whole)
    pruned = [record["sparsity"] for record in metrics(whole, ("prune",))]
    print("sparsity after each prune:", pruned)
    expect([round(share, 2) for share in pruned] == [0.3, 0.5, 0.6], f"the rounds reached {pruned}")

    # The last stage returns to the start: the values are the model's, under the masks of the last prune.
    expect_rewound(whole, base_tensors(), checkpoint(whole))
    # A round that only rewinds has the values of step 2 and the masks of its prune.
    steps = [record for record in metrics(whole) if record["kind"] == "train" and record["stage"] == "round1"]
    expect(steps[0]["stage_step"] == 1 and len(steps) == 6, f"round 1 trained {len(steps)} steps")
    only = f"{folder}/only"
    run(1, "train", recipe, "--out", only, "--set", "stages.round1.train=null", "--set", "stages.round2.train=null", "--set",
        "stages.start.rewind.step=2")
    expect_rewound(only, tensors(checkpoint(whole, 2)), checkpoint(only))
    # What the model did in between has no influence on a rewound round but for the masks.
    expect(metrics(only, ("train",)) == [r for r in metrics(whole, ("train",)) if r["stage"] == "dense"],
           "the first stage differs")

    expect_same_metrics(whole, kept_run(recipe, keep), "checkpoint.keep: 1")
    for ranks, options in ((2, ()), (2, ("--set", "parallel.tensor=2"))):
        out = f"{folder}/mesh-{len(options)}"
        run(ranks, "train", recipe, "--out", out, *options)
        worst = relative(*[[r["loss"] for r in metrics(one, ("train",))] for one in (whole, out)])
        print(f"{ranks} ranks {options}: losses differ by {worst:.1e}")
        expect(worst <= 1e-4, f"losses of {ranks} ranks {options} differ by {worst:.1e}")
    two = f"{folder}/mesh-0"
    for stage, stop in (("round1", kill), ("round2", interrupt), ("round2", kill)):
        expect_stopped_and_resumed(2, recipe, two, stage, stop)
    lost(recipe, keep)
    replaced_base(recipe)


def kept_run(recipe, keep):
    """A run that keeps one checkpoint besides the pinned one, which goes when no stage rewinds to it any more."""
    out = f"{folder}/kept"
    process = start(1, "train", recipe, "--out", out, *keep)
    wait_for(process, out, lambda records: records[-1]["step"] >= 15)
    interrupt(process)
    expect(checkpoint_steps(out)[0] == 2, f"the pinned checkpoint is not kept: {checkpoint_steps(out)}")
    shutil.copytree(out, f"{folder}/broken")
    run(1, "train", recipe, "--out", out, *keep)
    expect(2 not in checkpoint_steps(out), f"the pinned checkpoint is still there: {checkpoint_steps(out)}")
    return out


def replaced_base(recipe):
    """The base model's files change while the run trains: a rewind does not mix two models."""
    out, weights = f"{folder}/replaced", f"{folder}/model/model.safetensors"
    process = start(1, "train", recipe, "--out", out, "--set", "stages.dense.train.max_steps=200")
    wait_for(process, out, lambda records: records[-1]["step"] >= 3)
    os.kill(process.pid, signal.SIGSTOP)
    with open(weights, "rb") as file:
        good = file.read()
    with open(f"{weights}.new", "wb") as file:
        file.write(good[:-4] + b"\x00\x00\x80\x3f")
    os.rename(f"{weights}.new", weights)
    os.kill(process.pid, signal.SIGCONT)
    _, err = finish(process, ("train",), expect=3)
    expect("was trained on other base weights" in err, err)
    with open(weights, "wb") as file:
        file.write(good)


def lost(recipe, keep):
    """Another run that resumes from a checkpoint gets the pinned one as well; without it a resume is refused."""
    moved, newest = f"{folder}/moved", checkpoint(f"{folder}/broken")
    run(1, "train", recipe, "--out", moved, "--resume", newest, *keep)
    expect(tensors(checkpoint(moved)).keys() == tensors(checkpoint(f"{folder}/whole")).keys(), "other tensors")
    expect_rewound(moved, base_tensors(), checkpoint(f"{folder}/whole"))
    shutil.rmtree(checkpoint(f"{folder}/broken", 2))
    _, err = run(1, "train", recipe, "--out", f"{folder}/broken", *keep, expect=3)
    expect("step-00000002: is missing; stage round2 rewinds to it" in err, err)
    # A run that was made without the rewind has nothing to return to.
    plain = f"{folder}/plain"
    run(1, "train", recipe, "--out", plain, "--set", "stages.round1.rewind=null", "--set", "stages.round2.rewind=null")
    cut = checkpoint(plain, 12)
    _, err = run(1, "train", recipe, "--out", f"{folder}/late", "--resume", cut, expect=3)
    expect("stage round2: this run has no checkpoint of stage dense after 2 steps to rewind to" in err, err)


def earlybert():
    recipe = write_place(folder, EARLYBERT, layers=3)
    whole = f"{folder}/whole"
    run(1, "train", recipe, "--out", whole)
    search = [record for record in metrics(whole, ("train",)) if record["stage"] == "search"]
    print(f"the search ended after {len(search)} of 40 steps")
    expect(4 < len(search) < 40 and len(search) % 2 == 0, f"the search had {len(search)} steps")
    with open(f"{whole}/log.txt") as log:
        expect(f"gates ends it after {len(search)} steps" in log.read(), "log.txt does not name the end")

    # After the rewind the weights are the lines of the model that stay, and the gates are gone.
    only = f"{folder}/only"
    run(1, "train", recipe, "--out", only, "--set", "stages.train.train=null", "--set", "stages.train.method=null")
    now, base = tensors(checkpoint(only)), base_tensors()
    plans = {name: json.load(open(f"{only}/plans/{name}-1.json")) for name in ("draw", "neurons")}
    gates = {name: value for name, value in now.items() if name.endswith(".gates")}
    expect(len(gates) == 6 and all(bool((value == 1).all()) for value in gates.values()), f"gates: {gates}")
    for layer in range(3):
        kept = next(g["kept"] for g in plans["draw"]["groups"] if g["layer"] == layer and g["kind"] == "head")
        query = f"bert.encoder.layer.{layer}.attention.self.query.weight"
        size = base[query].shape[0] // next(g["total"] for g in plans["draw"]["groups"] if g["kind"] == "head")
        lines = [unit * size + i for unit in kept for i in range(size)]
        expect(0 < len(lines) < base[query].shape[0], f"layer {layer} keeps the heads {kept}")
        expect(torch.equal(now[query], base[query][lines]), f"{query} has not returned to its value")
        kept = next(g["kept"] for g in plans["neurons"]["groups"] if g["layer"] == layer and g["kind"] == "neuron")
        out = f"bert.encoder.layer.{layer}.output.dense.weight"
        expect(torch.equal(now[out], base[out][:, kept]), f"{out} has not returned to its value")
    expect(not [name for name in tensors(checkpoint(whole)) if "gate" in name], "the last stage trains gates")

    for ranks, options in ((2, ()), (2, ("--set", "parallel.tensor=2"))):
        out = f"{folder}/mesh-{len(options)}"
        run(ranks, "train", recipe, "--out", out, *options)
        worst = relative(*[[r["loss"] for r in metrics(one, ("train",))] for one in (whole, out)])
        print(f"{ranks} ranks {options}: losses differ by {worst:.1e}")
        expect(worst <= 1e-4, f"losses of {ranks} ranks {options} differ by {worst:.1e}")
    for stage, stop in (("search", kill), ("train", interrupt)):
        expect_stopped_and_resumed(2, recipe, f"{folder}/mesh-2", stage, stop, "--set", "parallel.tensor=2")


def kills():
    """At random steps of a run of two ranks, in any of its stages; each resumed run is the undisturbed one to the bit."""
    random.seed(5)
    recipe, whole = write_place(folder, LOTTERY, alive=True), f"{folder}/whole"
    run(2, "train", recipe, "--out", whole)
    last, resumed = metrics(whole, ("train",))[-1]["step"], []
    for i in range(int(sys.argv[2])):
        state = killed_and_resumed(recipe, whole, last, f"{whole}-killed-{i}")
        resumed.append((state["stage"], state["stage_step"]))
    print(f"lottery: {len(resumed)} kills, resumed to the bit from (stage, step) {resumed}")


with Folder() as folder:
    {"lottery": lottery, "earlybert": earlybert, "kills": kills}[sys.argv[1]]()
