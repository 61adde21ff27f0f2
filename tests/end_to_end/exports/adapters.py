"""Adapters of Super-Tuning through the program: exported, and the start of a run on one rank and on two that share the model.
No command takes one for a model."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from runs import Folder, expect, run  # noqa: E402
from tiny import write_place  # noqa: E402

STAGES = """\
  - name: adapt
    method: {name: dsee, rank: 2, num_sparse: 8, targets: [query, value]}
    train: {max_steps: 3, batch_size: 4, lr: 5e-2}
"""


def logits(model, folder):
    out, _ = run(1, "predict", model, "--input", f"{folder}/input.txt")
    return [line["logits"] for line in map(json.loads, out.splitlines())]


def difference(a, b):
    return max(abs(x - y) for left, right in zip(a, b, strict=True) for x, y in zip(left, right, strict=True))


def adapters(folder):
    recipe, out, adapter = write_place(folder, STAGES), f"{folder}/run", f"{folder}/adapter"
    with open(f"{folder}/input.txt", "w") as file:
        file.write("the film was good\na dull story\nbad\n")
    run(1, "train", recipe, "--out", out)
    said, _ = run(1, "export", out, "--format", "peft_supertuning", adapter)
    expect(json.loads(said)["largest_difference"] < 1e-5, said)
    expect(json.load(open(f"{adapter}/adapter_config.json"))["peft_type"] == "SUPERTUNING", "its kind")
    expected = logits(out, folder)
    for ranks in (1, 2):
        again = f"{folder}/again-{ranks}"
        run(ranks, "train", recipe, "--out", again, "--set", f"model.init_lora={adapter}", "--set", f"parallel.tensor={ranks}",
            "--set", "stages.adapt.train.lr=1e-12", "--set", "stages.adapt.method.num_sparse=12")
        found = difference(logits(again, folder), expected)
        expect(found < 1e-5, f"started from the adapter on {ranks} ranks, logits differ by {found}")
    run(1, "train", recipe, "--out", f"{folder}/without", "--set", "stages.adapt.train.lr=1e-12")
    expect(difference(logits(f"{folder}/without", folder), expected) > 1e-2, "the adapter changes nothing: it cannot fail")
    for args in (("inspect", adapter), ("predict", adapter, "--input", f"{folder}/input.txt"), ("eval", adapter, "--data", recipe),
                 ("export", adapter, "--format", "hf", f"{folder}/none"), ("train", recipe, "--set", f"model.path={adapter}")):
        _, err = run(1, *args, expect=3)
        expect("is an adapter of the peft package; set model.path to its base model and model.init_lora to" in err, err)


with Folder() as directory:
    adapters(directory)
