"""parallel.shard_frozen: the same numbers to the bit as with whole frozen weights, on fewer bytes a rank. Gradual pruning in
the recipe, so that the weights go back and forth; a batch of 2 on 3 ranks, so that one of them has no sample."""
import json

from runs import STAGES, Folder, expect, metrics, run, without_comm, write_recipe

ROUNDS = STAGES.replace("  - name: recover\n    train:", "  - name: recover\n    prune: {structure: [heads], heads: 0.5, score: taylor, steps: 2, batches: 2}\n    train:")


def stages(out):
    return [r for r in map(json.loads, open(f"{out}/metrics.jsonl")) if r["kind"] == "stage"]


with Folder() as folder:
    recipe = write_recipe(folder, steps=6, train=200, dev=16, stages=ROUNDS, eval_every=3)
    for data, tensor, batch, precision in ((2, 1, 8, "fp32"), (3, 1, 2, "bf16"), (2, 2, 8, "fp32")):
        name = f"{data}x{tensor}"
        sets = [f"parallel.tensor={tensor}", f"parallel.precision={precision}"]
        sets += [f"stages.{stage}.train.batch_size={batch}" for stage in ("adapt", "recover")]
        options = [word for key in sets for word in ("--set", key)]
        outs = {}
        for shard in ("false", "true"):
            outs[shard] = f"{folder}/{name}-{shard}"
            run(data * tensor, "train", recipe, "--out", outs[shard], "--set", f"parallel.shard_frozen={shard}", *options)
        whole, parts = (without_comm(metrics(outs[shard])) for shard in ("false", "true"))
        expect(len(whole) > 12 and whole == parts, f"{name}: the numbers change: {[(a, b) for a, b in zip(whole, parts) if a != b][:2]}")
        held = [stages(outs[shard])[0]["weight_bytes"] for shard in ("false", "true")]
        sent = [r["comm"]["dp"].get("weights", 0) for r in metrics(outs["true"], ("train",))]
        print(f"{name}: equal to the bit; a rank holds {held[1] / held[0]:.3f} of the bytes of weights, gathers {sent[0]} bytes in a step")
        expect(held[1] < held[0] * (1 / data + 0.05), f"{name}: {held[1]} bytes of weights instead of {held[0]} / {data}")
        expect(min(sent) > 0, f"{name}: nothing was gathered")
