"""A tiny BERT and a tiny task (those of tests/faults/inputs/place.py, with more layers) for tests of many short runs; a tiny
RoBERTa and a tiny GPT-2 of random weights for the same task."""
import array
import json
import os
import shutil
import struct
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


# Of models that a recipe initializes; weights this large let a loss depend on each of them.
FAMILIES = {
    "roberta": {"vocab_size": 40, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
                "max_position_embeddings": 40, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    "gpt2": {"vocab_size": 40, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_inner": 16, "n_positions": 40, "bos_token_id": 0, "eos_token_id": 2},
}
LETTERS = "abcdefghijklmnopqrstuvwxyz#\u0120"  # \u0120: a space


def lively(safetensors):
    """The bytes of a file of place.safetensors with weights three times as large, and layer norms around 1."""
    begin = 8 + struct.unpack("<Q", safetensors[:8])[0]
    values = array.array("f", safetensors[begin:])
    for name, entry in json.loads(safetensors[8:begin]).items():
        first, last = (offset // values.itemsize for offset in entry["data_offsets"])
        for i in range(first, last):
            values[i] = 1 + values[i] if name.endswith("LayerNorm.weight") else 3 * values[i]
    return safetensors[:begin] + values.tobytes()


def write_family(folder, family, stages):
    """As write_place, with a model of this family."""
    recipe = write_place(folder, stages)
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        os.remove(f"{folder}/model/{name}")
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *LETTERS]
    config = {"model_type": family, "initializer_range": 0.3, **FAMILIES[family]}
    for name, content in (("config.json", config), ("vocab.json", {word: i for i, word in enumerate(words)})):
        with open(f"{folder}/model/{name}", "w") as out:
            json.dump(content, out)
    with open(f"{folder}/model/merges.txt", "w") as out:
        out.write("#version: 0.2\n")
    with open(recipe) as file:
        text = file.read()
    with open(recipe, "w") as out:
        out.write(text.replace("task: sequence_classification", "task: sequence_classification, init: random")
                  .replace("max_length: 16", "max_length: 32"))
    return recipe


def write_place(folder, stages="", layers=3, paths=None, alive=False):
    """model/, data/ and recipe.yaml in `folder`; returns the recipe's path. paths: what the recipe says of the folder. alive:
    weights that make logits of some size, which differ between texts; with the usual ones they are almost 0."""
    os.makedirs(folder, exist_ok=True)
    here = place.Place(os.path.join(folder, "place"))
    for name in ("model", "data"):
        os.rename(here.at(name), os.path.join(folder, name))
    shutil.rmtree(here.path)
    with open(f"{folder}/model/config.json", "w") as out:
        json.dump({**place.config(), "num_hidden_layers": layers}, out)
    with open(f"{folder}/model/model.safetensors", "wb") as out:
        weights = place.safetensors(shapes(layers))
        out.write(lively(weights) if alive else weights)
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
