"""A tiny BERT and a tiny task (those of tests/faults/inputs/place.py, with more layers) for tests of many short runs."""
import json
import os
import shutil
import sys

from runs import SOURCE, expect_same_metrics, run

sys.path.insert(0, os.path.join(SOURCE, "tests/faults/inputs"))
import place  # noqa: E402

HEAD = """\
name: tiny
seed: 7
model: {path: MODEL, task: sequence_classification}
data: {format: tsv, dir: DATA, text: [sentence], label: label, max_length: 16}
parallel: {precision: fp32, device: cpu, timeout: 60}
stages:
STAGES
checkpoint: {every: 1, keep: 99}
log_every: 1
"""


def shapes(layers):
    return {name.replace(".layer.0.", f".layer.{i}."): shape for i in range(layers)
            for name, shape in place.shapes().items()}


def write_place(folder, stages="", layers=3, paths=None):
    """model/, data/ and recipe.yaml in `folder`; returns the recipe's path. paths: what the recipe says of the folder."""
    os.makedirs(folder, exist_ok=True)
    here = place.Place(os.path.join(folder, "place"))
    for name in ("model", "data"):
        os.rename(here.at(name), os.path.join(folder, name))
    shutil.rmtree(here.path)
    with open(f"{folder}/model/config.json", "w") as out:
        json.dump({**place.config(), "num_hidden_layers": layers}, out)
    with open(f"{folder}/model/model.safetensors", "wb") as out:
        out.write(place.safetensors(shapes(layers)))
    base = folder if paths is None else paths
    with open(f"{folder}/recipe.yaml", "w") as out:
        out.write(HEAD.replace("MODEL", os.path.join(base, "model")).replace("DATA", os.path.join(base, "data"))
                  .replace("STAGES", stages))
    return f"{folder}/recipe.yaml"


def cut_back(run_dir, copy, step):
    """A copy of a finished run as it was when the checkpoint of `step` was its newest."""
    shutil.copytree(run_dir, copy)
    for name in ("final", "export"):
        shutil.rmtree(f"{copy}/{name}", ignore_errors=True)
    for name in os.listdir(f"{copy}/checkpoints"):
        if name.startswith("step-") and int(name[5:]) > step:
            shutil.rmtree(f"{copy}/checkpoints/{name}")


def expect_resume(ranks, recipe, whole, step, *options):
    """A run that resumes from the checkpoint of `step` has the metrics of the undisturbed one."""
    copy = f"{whole}-from-{step}"
    cut_back(whole, copy, step)
    run(ranks, "train", recipe, "--out", copy, *options)
    expect_same_metrics(whole, copy, f"resumed from step {step} of {os.path.basename(whole)}")
    shutil.rmtree(copy)
