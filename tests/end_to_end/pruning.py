"""Pruning over a whole run: counts, rounds and zeros are exact, a resumed run equals an undisturbed one bit for bit, and
what is exported is what the run predicts with.

usage: pruning.py gradual | unstructured | scores | full | magnitude"""
import glob
import json
import math
import os
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from runs import (MODELS, Folder, checkpoint, expect, expect_same_metrics, interrupt, kill, losses, metrics, relative, run,
                  run_state, start, wait_for, write_recipe)
from tiny import write_place

STEPS, LAYERS, HEADS, NEURONS = 16, 6, 12, 1536
METHOD = "method: {name: dsee, rank: 4, num_sparse: 16, targets: [query, value], support: grebsmo}"
TRAIN = "train: {max_steps: STEPS, batch_size: 8, lr: 1e-3, warmup: 0.1}"
EXPORT = "  - {name: export, export: {format: hf, dir: export}}\n"


def share_of(share, units):
    return math.floor(share * units + 0.5)


def stopped_and_resumed(recipe, out, reached, stop):
    """Runs up to where `reached` says yes, stops there, and runs again to the end; the state that it went on from."""
    process = start(2, "train", recipe, "--out", out)
    wait_for(process, out, reached)
    stop(process)
    state = run_state(checkpoint(out))
    run(2, "train", recipe, "--out", out)
    return state


def gradual():
    """Heads and neurons go in rounds while the model trains."""
    rounds = 4
    stages = (f"  - name: adapt\n    {METHOD}\n    {TRAIN}\n"
              f"  - name: prune\n    prune: {{structure: [heads, ffn], heads: 0.25, ffn: 0.4, steps: {rounds}}}\n    {TRAIN}\n")
    recipe = write_recipe(folder, steps=STEPS, every=1, stages=stages)
    run(2, "train", recipe, "--out", f"{folder}/whole")
    pruned = metrics(f"{folder}/whole", ("prune",))
    expect(len(pruned) == rounds, f"{len(pruned)} rounds instead of {rounds}")
    for i, record in enumerate(pruned):
        due = STEPS + i * (STEPS * 3 // 4) // rounds
        heads = HEADS - share_of(0.25 * (i + 1) / rounds, HEADS)
        neurons = NEURONS - share_of(0.4 * (i + 1) / rounds, NEURONS)
        print(f"round {i + 1} at step {record['step']}: heads {record['heads_left']}, neurons {record['ffn_left']}")
        expect(record["step"] == due, f"round {i + 1} came at step {record['step']}, not {due}")
        expect(record["heads_left"] == [heads] * LAYERS, f"round {i + 1} left {record['heads_left']} heads, not {heads}")
        expect(record["ffn_left"] == [neurons] * LAYERS, f"round {i + 1} left {record['ffn_left']} neurons, not {neurons}")
    expect((heads, neurons) == (9, 922), "the last round must leave 9 heads and 922 neurons a layer")

    for name, stop in (("SIGKILL", kill), ("SIGUSR1", interrupt)):
        out = f"{folder}/{name}"
        state = stopped_and_resumed(recipe, out, lambda records: records[-1]["step"] >= pruned[1]["step"] + 2, stop)
        print(f"{name}: went on from step {state['stage_step']} of the stage, {state['prune_rounds']} rounds done")
        expect(state["stage"] == 1 and 0 < state["prune_rounds"] < rounds, f"not between two rounds: {state}")
        expect_same_metrics(f"{folder}/whole", out, f"{name} between two rounds")


def zeros(tensors):
    return sum(int((tensor == 0).sum()) for tensor in tensors), sum(tensor.numel() for tensor in tensors)


def expect_share(tensors, share, what):
    there, entries = zeros(tensors)
    expect(there == share_of(share, entries), f"{what}: {there} of {entries} entries are zero, not {share_of(share, entries)}")
    return there, entries


def predictions(model, texts):
    path = f"{folder}/texts.txt"
    with open(path, "w", encoding="utf-8") as out:
        out.write("".join(text + "\n" for text in texts))
    out, _ = run(1, "predict", model, "--input", path)
    return torch.tensor([json.loads(line)["logits"] for line in out.splitlines()])


def expect_same_predictions(run_dir):
    """transformers reads the export and gives the logits of the run's last checkpoint and of its final model."""
    with open(f"{folder}/dev.tsv", encoding="utf-8") as lines:
        texts = [line.split("\t")[0] for line in lines][1:21]
    model, report = AutoModelForSequenceClassification.from_pretrained(f"{run_dir}/export", output_loading_info=True)
    expect(not any(report.values()), f"transformers misses something in the export: {report}")
    tokenizer = AutoTokenizer.from_pretrained(f"{run_dir}/export")
    with torch.no_grad():
        batch = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
        logits = model.eval()(**batch).logits
    expect(logits.std() > 0.01, "all logits are alike")
    for source in (checkpoint(run_dir), run_dir):
        worst = (predictions(source, texts) - logits).abs().max().item()
        print(f"transformers against predict {os.path.basename(source)}: {worst:.1e}")
        expect(worst <= 1e-5, f"the export's logits differ from those of {source} by {worst:.1e}")


def masks(run_dir):
    tensors = {}
    for file in glob.glob(f"{checkpoint(run_dir)}/trained*.safetensors"):  # data-parallel ranks share whole tensors out
        tensors.update(load_file(file))
    return {name.removesuffix(".mask"): tensor for name, tensor in tensors.items() if name.endswith(".mask")}


def encoder_weights(run_dir):
    """Of the export: the six matrices of each layer, by name; those of query and value carry an update if dsee trained."""
    weights = {name.removesuffix(".weight"): tensor for name, tensor in load_file(f"{run_dir}/export/model.safetensors").items()
               if ".encoder." in name and name.endswith(".weight") and tensor.dim() == 2}
    expect(len(weights) == 6 * LAYERS, f"the export has {len(weights)} matrices in its encoder")
    return weights


def unstructured():
    """Single weights are zeroed, the same share in each matrix or over all; the run goes on from between two rounds."""
    share, rounds = 0.37, 3
    for scope, mask in (("global", "base"), ("matrix", "merged")):
        stages = (f"  - name: adapt\n    {METHOD}\n    {TRAIN}\n"
                  f"  - name: prune\n    prune: {{sparsity: {share}, scope: {scope}, mask: {mask}, steps: {rounds}}}\n    {TRAIN}\n" + EXPORT)
        recipe = write_recipe(folder, steps=STEPS, every=1, stages=stages)
        out = f"{folder}/{scope}"
        run(2, "train", recipe, "--out", out)
        chosen = masks(out)
        expect(len(chosen) == 6 * LAYERS, f"{scope}: {len(chosen)} masks")
        if scope == "global":
            expect_share(chosen.values(), share, "all masks")
        each = [zeros([mask])[0] / mask.numel() for mask in chosen.values()]
        there, entries = zeros(chosen.values())
        print(f"{scope}: {there} of {entries} entries zero; shares of the matrices {min(each):.4f} to {max(each):.4f}")
        expect((max(each) - min(each) > 0.01) == (scope == "global"), f"{scope}: shares {min(each)} to {max(each)}")
        for name, weight in encoder_weights(out).items():
            zeroed = next(value for key, value in chosen.items() if name.endswith(key))
            if scope == "matrix":
                expect_share([zeroed], share, f"mask of {name}")
            if mask == "merged" or not name.endswith(("query", "value")):  # these two have updates
                expect(torch.equal(weight == 0, zeroed == 0), f"{scope}: the export's zeros in {name} are not the mask's")
        expect_same_predictions(out)

        second = metrics(out, ("prune",))[1]["step"]
        state = stopped_and_resumed(recipe, f"{out}-resumed", lambda records: records[-1]["step"] >= second + 1, kill)
        expect(0 < state["prune_rounds"] < rounds, f"{scope}: not between two rounds: {state}")
        expect_same_metrics(out, f"{out}-resumed", f"{scope}, SIGKILL between two rounds")


def scores():
    """Scores that need more than the weights: each removes just as much, and other units than another score does."""
    stages = (f"  - name: adapt\n    {METHOD}\n    {TRAIN}\n"
              "  - name: prune\n    prune: {structure: [heads, ffn], heads: 0.5, ffn: 0.3, score: magnitude}\n")
    recipe = write_recipe(folder, steps=4, stages=stages)
    kept = {}
    for score in ("magnitude", "l1", "taylor", "random"):
        out = f"{folder}/{score}"
        run(2, "train", recipe, "--out", out, "--set", f"stages.prune.prune.score={score}")
        record = metrics(out, ("prune",))[-1]
        expect(record["heads_left"] == [6] * LAYERS, f"{score} left {record['heads_left']} heads")
        expect(record["ffn_left"] == [NEURONS - share_of(0.3, NEURONS)] * LAYERS, f"{score} left {record['ffn_left']} neurons")
        with open(f"{out}/plans/prune-1.json") as plan:
            kept[score] = [group["kept"] for group in json.load(plan)["groups"]]
        expect([len(units) for units in kept[score]].count(6) == LAYERS, f"{score}: the plan keeps {kept[score]}")
    for a, b in (("magnitude", "l1"), ("magnitude", "random"), ("l1", "random"), ("magnitude", "taylor"), ("taylor", "l1")):
        expect(kept[a] != kept[b], f"{a} and {b} keep the same units")

    # l1 learns its coefficients on batches shared out over the ranks; the choice must not depend on their number.
    run(1, "train", recipe, "--out", f"{folder}/alone", "--set", "stages.prune.prune.score=l1")
    expect(metrics(f"{folder}/alone", ("prune",)) == metrics(f"{folder}/l1", ("prune",)), "1 and 2 ranks prune differently by l1")


def full():
    """Method full trains on under a mask: what was zeroed stays zero, all else moves."""
    stages = (f"  - name: adapt\n    method: {{name: full}}\n    {TRAIN}\n"
              f"  - name: prune\n    prune: {{sparsity: 0.6, scope: global, score: magnitude}}\n"
              f"  - name: recover\n    {TRAIN}\n" + EXPORT)
    recipe = write_recipe(folder, steps=6, every=4, stages=stages)
    out = f"{folder}/full"
    run(2, "train", recipe, "--out", out)
    chosen, weights = masks(out), encoder_weights(out)
    base = load_file(os.path.join(MODELS, "minilm-l6/model.safetensors"))
    print("zeros of the masks: %d of %d" % expect_share(chosen.values(), 0.6, "masks"))
    print("zeros of the export: %d of %d" % expect_share(weights.values(), 0.6, "export"))
    for name, weight in weights.items():
        mask = next(value for key, value in chosen.items() if name.endswith(key))
        expect(torch.equal(weight == 0, mask == 0), f"the export's zeros in {name} are not the mask's")
        before = next(value for key, value in base.items() if name.endswith(key.removesuffix(".weight")))
        moved = (weight != before)[mask != 0].float().mean().item()
        expect(moved > 0.9, f"only {moved:.2f} of the entries left in {name} have moved: it was not trained")
    expect_same_predictions(out)
    run(1, "train", recipe, "--out", f"{folder}/alone")
    difference = relative(losses(out, "recover"), losses(f"{folder}/alone", "recover"))
    print(f"2 ranks against 1, relative difference of the losses after the mask: {difference:.1e}")
    expect(difference <= 1e-3, f"after the mask the losses of 1 and 2 ranks differ by {difference:.1e}")


def masks_after(run_dir, step):
    """The masks in a checkpoint, of one data-parallel copy: tensor-parallel ranks have parts of them."""
    parts = {}
    for file in sorted(glob.glob(f"{checkpoint(run_dir, step)}/trained*.safetensors")):
        for name, tensor in load_file(file).items():
            if name.endswith(".mask"):
                parts.setdefault(name, []).append(tensor)
    by_inputs = ("attention.output.dense.mask", "output.dense.mask")
    return {name: torch.cat(found, 1 if name.endswith(by_inputs) else 0) for name, found in parts.items()}


def magnitude():
    """Gradual magnitude pruning: the share grows along a cubic curve while all weights train, and entries come back."""
    share, rounds, steps = 0.6, 4, 16
    recipe = write_place(folder, f"""\
  - name: gradual
    method: full
    prune: {{sparsity: {share}, scope: global, score: magnitude, schedule: cubic, regrow: true, steps: {rounds}}}
    train: {{max_steps: {steps}, batch_size: 4, lr: 3e-2}}
""", alive=True)
    whole = f"{folder}/whole"
    run(2, "train", recipe, "--out", whole)
    pruned, last, returned = metrics(whole, ("prune",)), None, []
    expect(len(pruned) == rounds, f"{len(pruned)} rounds instead of {rounds}")
    for i, record in enumerate(pruned):
        due = i * (steps * 3 // 4) // rounds
        expect(record["step"] == due, f"round {i + 1} came at step {record['step']}, not {due}")
        chosen = masks_after(whole, due + 1)  # the first one after the round
        expect(len(chosen) == 6 * 3, f"{len(chosen)} masks")
        expect_share(chosen.values(), share * (1 - (1 - (i + 1) / rounds) ** 3), f"round {i + 1}")
        returned.append(sum(int(((last[name] == 0) & (mask != 0)).sum()) for name, mask in chosen.items()) if last else 0)
        last = chosen
    print(f"sparsity {[record['sparsity'] for record in pruned]}; entries that returned in each round: {returned}")
    expect(sum(returned) > 0, "no entry returned")

    state = stopped_and_resumed(recipe, f"{folder}/killed", lambda records: records[-1]["step"] >= pruned[1]["step"] + 1, kill)
    expect(0 < state["prune_rounds"] < rounds, f"not between two rounds: {state}")
    expect_same_metrics(whole, f"{folder}/killed", "SIGKILL between two rounds")
    out = f"{folder}/1x2"
    run(2, "train", recipe, "--out", out, "--set", "parallel.tensor=2")
    expect(metrics(out, ("prune",)) == pruned, "1x2 prunes otherwise than 2x1")
    for name, mask in masks_after(out, steps).items():
        expect(torch.equal(mask, masks_after(whole, steps)[name]), f"on 1x2 {name} has other zeros")
    difference = relative(losses(whole, "gradual"), losses(out, "gradual"))
    print(f"1x2 against 2x1: the same masks, losses differ by {difference:.1e}")
    expect(difference <= 1e-4, f"on 1x2 the losses differ by {difference:.1e}")


with Folder() as folder:
    {"gradual": gradual, "unstructured": unstructured, "scores": scores, "full": full, "magnitude": magnitude}[sys.argv[1]]()
