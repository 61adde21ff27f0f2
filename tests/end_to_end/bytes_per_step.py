"""Bytes per step, exactly. `full_comm_bytes_per_step` of any run, and of `plan`, is what a run of the method `full` sends
on the same mesh. `dp.weights` of `plan` is what parallel.shard_frozen gathers in each step. The bytes of `plan` are the
average of rank 0's in the run, and its weights are the run's: 15 words and samples of unequal length divide unevenly."""
import json
import os

from runs import Folder, expect, run
from tiny import place, write_place

STAGE = "  - {name: adapt, method: METHOD, train: {max_steps: 2, batch_size: 8, lr: 1e-3, TRAIN}}"
METHODS = {
    "full": "full",
    "lora": "{name: lora, rank: 2, targets: [query, value]}",
    "dsee": "{name: dsee, rank: 2, num_sparse: 4, targets: [query, output.dense], support: magnitude}",
    "bitfit": "bitfit",
    "head": "head",
    "upper": "{name: full, freeze: [embeddings, layer.0]}",
}
CHECKPOINTING = "activation_checkpointing: true"
MASKED = ("--set", "model.task=masked_lm", "--set", "model.init=random", "--set", "data.label=null")


class Tiny:
    def __init__(self, folder):
        self.folder, self.runs = folder, 0
        write_place(folder)
        with open(f"{folder}/recipe.yaml") as file:
            self.text = file.read().replace("STAGES", "")

    def recipe(self, method, train):
        stage = STAGE.replace("METHOD", METHODS[method]).replace(", TRAIN", f", {train}" if train else "")
        path = os.path.join(self.folder, f"{method}.yaml")
        with open(path, "w") as out:
            out.write(self.text.replace("stages:\n", f"stages:\n{stage}\n"))
        return path

    def plan(self, mesh, method, train, options):
        path = self.recipe(method, train)
        ranks = ("--ranks", str(mesh[0] * mesh[1]), "--tensor", str(mesh[1]))
        return json.loads(run(1, "plan", path, *ranks, *options)[0])["stages"][0]

    def records(self, mesh, method, train, options):
        """The stage record and the train records."""
        self.runs += 1
        out = os.path.join(self.folder, f"run-{self.runs}")
        run(mesh[0] * mesh[1], "train", self.recipe(method, train), "--out", out,
            "--set", f"parallel.tensor={mesh[1]}", *options)
        with open(f"{out}/metrics.jsonl") as lines:
            records = [json.loads(line) for line in lines]
        return [[r for r in records if r["kind"] == kind] for kind in ("stage", "train")]


def check_plan(plan, stage, steps, what):
    """plan against the records of rank 0."""
    for axis, phases in plan["comm"].items():
        for phase, planned in phases.items():
            sent = sum(step["comm"].get(axis, {}).get(phase, 0) for step in steps) / len(steps)
            expect(planned == sent, f"{what}, {axis}.{phase}: {planned} planned, {sent} sent")
    sent = sum(step["comm_bytes"] for step in steps) / len(steps)
    expect(plan["comm_bytes_per_step"] == sent, f"{what}: {plan['comm_bytes_per_step']} planned, {sent} sent")
    for key in ("trainable", "total"):
        expect(plan[key] == stage[key], f"{what}: {key} is {plan[key]} in plan, {stage[key]} in the run")
    sizes = [plan[key] for key in ("weights", "buffers", "gradients", "optimizer", "activations")]
    expect(plan["memory_bytes"] == sum(sizes), f"{what}: {plan['memory_bytes']} is not the sum of {sizes}")


def check_weights(tiny):
    """The positions of S2 (9 linears, 4 values each, 2 numbers of 8 bytes) are no weights, in a run and in plan."""
    for mesh in ((1, 1), (1, 2)):
        plan = tiny.plan(mesh, "dsee", "", ())
        stage = tiny.records(mesh, "dsee", "", ())[0][0]
        expect(plan["buffers"] == 9 * 4 * 2 * 8, f"dsee on {mesh}: {plan['buffers']} bytes of buffers")
        # Rank 0 holds one word less than rank 1 of the embedding's 15.
        less = 0 if mesh[1] == 1 else 4 * place.HIDDEN
        expect(plan["weights"] - less == stage["weight_bytes"], f"dsee on {mesh}: {plan['weights']} bytes in plan, {stage}")


def check_full(tiny, mesh, others, train="", options=()):
    what = f"{mesh[0]}x{mesh[1]} {train} {' '.join(options)}"
    (sent,), steps = tiny.records(mesh, "full", train, options)
    plan = tiny.plan(mesh, "full", train, options)
    if options != MASKED:
        check_plan(plan, sent, steps, f"full on {what}")
    print(f"{what}: full sends {sent['comm_bytes_per_step']}")
    for stated in (sent, plan):
        expect(stated["full_comm_bytes_per_step"] == stated["comm_bytes_per_step"], f"{what}: full is not full: {stated}")
    expect((sent["comm_bytes_per_step"] == 0) == (mesh == (1, 1)), f"{what}: {sent}")
    for method in others:
        for shard in ("false", "true") if mesh[0] > 1 else ("false",):
            more = (*options, "--set", f"parallel.shard_frozen={shard}")
            (stage,), steps = tiny.records(mesh, method, train, more)
            stated = stage["full_comm_bytes_per_step"]
            expect(stated == sent["comm_bytes_per_step"],
                   f"{what}, {method}, shard_frozen {shard}: {stated} stated, full sends {sent['comm_bytes_per_step']}")
            planned = tiny.plan(mesh, method, train, more)
            stated = planned["full_comm_bytes_per_step"]
            expect(stated == plan["comm_bytes_per_step"], f"{what}, {method}: plan states {stated}, not as for full")
            if options != MASKED:
                check_plan(planned, stage, steps, f"{method}, shard_frozen {shard}, on {what}")


def check_gathers(tiny, mesh, method, train, options=()):
    options = (*options, "--set", "parallel.shard_frozen=true")
    planned = tiny.plan(mesh, method, train, options)["comm"]["dp"].get("weights", 0)
    sent = [r["comm"]["dp"].get("weights", 0) for r in tiny.records(mesh, method, train, options)[1]]
    print(f"{mesh[0]}x{mesh[1]} {method} {train} {' '.join(options[:2])}: {planned} planned, {sent} gathered")
    expect(len(sent) == 2 and set(sent) == {planned}, f"{method} {train}: {planned} planned, {sent} gathered")


with Folder() as folder:
    tiny = Tiny(os.path.join(folder, "tiny"))
    for mesh in ((1, 1), (2, 1), (1, 2)):
        check_full(tiny, mesh, ("lora", "dsee"))
    check_weights(tiny)
    check_full(tiny, (2, 2), ("dsee",), CHECKPOINTING)
    check_full(tiny, (2, 2), ("lora",), options=("--set", "parallel.precision=bf16", "--set", "parallel.grad_dtype=bf16"))
    check_full(tiny, (1, 2), ("lora",), options=MASKED)
    for method in ("lora", "dsee", "bitfit", "head", "upper"):
        for train in ("", CHECKPOINTING):
            check_gathers(tiny, (2, 1), method, train)
    check_gathers(tiny, (2, 1), "lora", "gradient_accumulation: 3")
    check_gathers(tiny, (3, 1), "dsee", f"gradient_accumulation: 2, {CHECKPOINTING}")
    check_gathers(tiny, (4, 1), "dsee", "gradient_accumulation: 8")
    for train in ("", CHECKPOINTING):
        check_gathers(tiny, (2, 1), "lora", train, MASKED)
