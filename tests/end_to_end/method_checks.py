"""What the tests of methods look at in a run: it continues on another mesh, and its export has the promised
zeros and the logits of the run."""
import json
import os

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from runs import expect, finish, metrics, relative, run, start
from tiny import cut_back

TOLERANCE = 1e-5  # of logits
TEXTS = ["the film was good", "a dull story", "fine"]


def losses(run_dir):
    return [record["loss"] for record in metrics(run_dir, ("train",))]


def kept_units(run_dir):
    """The heads and neurons that each prune left."""
    found = []
    for name in sorted(os.listdir(f"{run_dir}/plans")):
        with open(f"{run_dir}/plans/{name}") as plan:
            found += [(name, group["kind"], group["layer"], group["kept"]) for group in json.load(plan)["groups"]]
    expect(len(found) >= 6, f"{run_dir} has the plans {found}")
    return found


def on_another_mesh(recipe, whole, step, bound):
    """The run continues from `step` on 1x2: it prunes the same, and its losses are the same up to rounding."""
    copy = f"{whole}-1x2"
    cut_back(whole, copy, step)
    run(2, "train", recipe, "--out", copy, "--set", "parallel.tensor=2")
    worst = relative(losses(whole), losses(copy))
    expect(worst <= bound, f"resumed on 1x2: losses differ by {worst:.1e}")
    expect(kept_units(whole) == kept_units(copy), f"resumed on 1x2: {kept_units(copy)} stay, not {kept_units(whole)}")
    return worst


def check_zeros(export, share):
    """Each matrix of the encoder has exactly this share of zeros; GPT-2 stores those of query, key and value as one. Returns
    where they are."""
    matrices = {name: weight for name, weight in load_file(f"{export}/model.safetensors").items()
                if (".encoder.layer." in name or ".h." in name) and weight.dim() == 2}
    expect(len(matrices) >= 8, f"{export} has the matrices {list(matrices)}")
    for name, weight in matrices.items():
        parts = 3 if name.endswith("c_attn.weight") else 1
        zeros = int((weight == 0).sum())
        expect(zeros == parts * int(share * (weight.numel() // parts)), f"{name} has {zeros} of {weight.numel()} zeros")
    return {name: (weight == 0).tolist() for name, weight in matrices.items()}


def predictions(folder, *sources):
    """The logits of each source."""
    with open(f"{folder}/texts.txt", "w") as out:
        out.write("".join(text + "\n" for text in TEXTS))
    started = [(start(1, *args), args) for args in (("predict", source, "--input", f"{folder}/texts.txt") for source in sources)]
    return [torch.tensor([json.loads(line)["logits"] for line in finish(process, args)[0].splitlines()])
            for process, args in started]


def expect_distinct(logits):
    """The texts differ by much more than the tolerance, or a comparison would show nothing."""
    expect(logits.std(0).max() > 100 * TOLERANCE, f"the logits of all texts are alike: {logits}")


def check_export(folder, export, source):
    """transformers reads the export, with the logits that `predict` gives of the source."""
    model, report = AutoModelForSequenceClassification.from_pretrained(export, output_loading_info=True)
    expect(not any(report.values()), f"transformers misses something in the export: {report}")
    tokenizer = AutoTokenizer.from_pretrained(export)
    with torch.no_grad():
        logits = torch.cat([model.eval()(**tokenizer(text, return_tensors="pt")).logits for text in TEXTS])
    expect_distinct(logits)
    (found,) = predictions(folder, source)
    worst = (found - logits).abs().max().item()
    expect(worst <= TOLERANCE, f"the logits of {source} differ from those of transformers by {worst:.1e}")


def check_best(run_dir, stage, named, final):
    """The best step that a run names is none before `final`, the first at the final sparsity, although an earlier evaluation of
    the stage was as good."""
    evals = [record for record in metrics(run_dir, ("eval",)) if record["stage"] == stage]
    late = [record for record in evals if record["step"] >= final]
    best = max(late, key=lambda record: (record["accuracy"], -record["step"]))
    expect(named == best["step"], f"the best step is {named}, not {best['step']}: {evals}")
    expect(any(record["step"] < final and record["accuracy"] >= best["accuracy"] for record in evals),
           f"no earlier evaluation is as good, which proves nothing: {evals}")
