"""Which checkpoints stay: the newest checkpoint.keep ones and the best of the stage, which best.json names."""
import json
import os

from runs import Folder, checkpoint_steps, expect, interrupt, metrics, run, start, wait_for, write_recipe

EVERY, EVAL = 4, 3  # steps between checkpoints and between evaluations


def best_step(evals):
    """The step of the highest metric, the first one of equals."""
    return max(evals, key=lambda record: (record["accuracy"], -record["step"]))["step"]


def saved_steps(records):
    """Every step at which the run must have saved: each EVERY, each new best, each end of a stage, and the last."""
    saved, highest = set(), -1.0
    for record, after in zip(records, records[1:] + [{"stage": None}]):
        due = record["kind"] == "train" and record["step"] % EVERY == 0
        improved = record["kind"] == "eval" and record["stage"] != "prune" and record["accuracy"] > highest
        if improved:
            highest = record["accuracy"]
        ends = after["stage"] != record["stage"]
        if ends:
            highest = -1.0
        if due or improved or ends:
            saved.add(record["step"])
    return sorted(saved)


def check(run_dir, keep, stage):
    evals = [record for record in metrics(run_dir, ("eval",)) if record["stage"] == stage]
    expect(len(evals) >= 3, f"only {len(evals)} evaluations in {stage}")
    best = best_step(evals)
    with open(os.path.join(run_dir, "checkpoints", "best.json")) as marker:
        named = json.load(marker)["step"]
    print(f"keep {keep}, {stage}: accuracy {[(r['step'], round(r['accuracy'], 4)) for r in evals]}, best {named}")
    expect(named == best, f"best.json names step {named}, the metrics say {best}")
    saved = saved_steps(metrics(run_dir))
    wanted = sorted(set(saved[-max(keep, 1):]) | {best})
    there = checkpoint_steps(run_dir)
    expect(there == wanted, f"keep {keep}: checkpoints {there} instead of {wanted}; saved were {saved}")
    left = [name for name in os.listdir(os.path.join(run_dir, "checkpoints")) if not name.startswith("step-")]
    expect(left == ["best.json"], f"besides checkpoints there are {left}")
    return best, saved


with Folder() as folder:
    recipe = write_recipe(folder, steps=26, every=EVERY, eval_every=EVAL)
    apart = 0  # runs whose best is none of the newest
    for keep in (0, 2, 3):
        out = f"{folder}/keep{keep}"
        run(1, "train", recipe, "--out", out, "--set", f"checkpoint.keep={keep}", "--set", "stages.recover.train.lr=3e-3")
        best, saved = check(out, keep, "recover")
        apart += best not in saved[-max(keep, 1):]
    expect(apart > 0, "in every run the best is among the newest, which proves nothing: choose another learning rate")

    # The same holds of a run that a signal stopped, and after it has been resumed.
    out = f"{folder}/stopped"
    process = start(1, "train", recipe, "--out", out, "--set", "checkpoint.keep=2")
    wait_for(process, out, lambda records: records[-1]["stage"] == "adapt" and records[-1]["step"] >= 14)
    interrupt(process)
    check(out, 2, "adapt")
    run(1, "train", recipe, "--out", out, "--set", "checkpoint.keep=2")
    check(out, 2, "recover")
