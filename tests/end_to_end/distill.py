"""Distillation in the recover stage: the ranks do not change it, a killed run resumes exactly, a lost cache is told."""
import os
import shutil

from runs import (STAGES, Folder, checkpoint, expect, expect_same_metrics, kill, losses, metrics, relative, run,
                  run_side_by_side, run_state, start, wait_for, write_recipe)

STEPS = 14
DISTILL = STAGES.replace("lr: 1e-3}", "lr: 1e-3, distill: {weight: 0.7, temperature: 3}}")
CACHE = "cache/teacher-logits-stage1.safetensors"


def in_recover(records):
    return records[-1]["stage"] == "recover" and records[-1]["step"] >= STEPS + 1 + 8


with Folder() as folder:
    expect(DISTILL != STAGES, "the recipe does not distill")
    recipe = write_recipe(folder, steps=STEPS, train=200, every=3, stages=DISTILL)
    plain = ("--set", "stages.recover.train.distill=null")
    run_side_by_side([("train", recipe, "--out", f"{folder}/n1"), ("train", recipe, "--out", f"{folder}/plain", *plain)])
    run(2, "train", recipe, "--out", f"{folder}/n2")
    difference = relative(losses(f"{folder}/n1", "recover"), losses(f"{folder}/n2", "recover"))
    print(f"2 ranks against 1, relative difference of the recovery's losses: {difference:.1e}")
    expect(len(losses(f"{folder}/n1", "recover")) == STEPS, "the recovery is not complete")
    expect(difference <= 1e-4, f"the recovery's losses on 1 and 2 ranks differ by {difference:.1e}")

    first, plain = (losses(f"{folder}/{name}", "recover")[0] for name in ("n1", "plain"))
    expect(losses(f"{folder}/n1", "adapt") == losses(f"{folder}/plain", "adapt"), "distill in a later stage changes the first")
    expect(abs(first - plain) > 0.05, f"the loss is {first} with distill and {plain} without: the teacher has no say")

    out = f"{folder}/killed"
    process = start(2, "train", recipe, "--out", out)
    wait_for(process, out, in_recover)
    kill(process)
    state = run_state(checkpoint(out))
    expect(state["stage"] == 2 and state["stage_step"] > 0, f"the kill did not come within the recovery: {state}")
    shutil.copytree(out, f"{folder}/lost")
    run(2, "train", recipe, "--out", out)
    expect_same_metrics(f"{folder}/n2", out, "SIGKILL in the recovery")

    # The teacher's logits come along when the run goes on in another folder.
    elsewhere = f"{folder}/elsewhere"
    run(2, "train", recipe, "--out", elsewhere, "--resume", f"{folder}/lost")
    went_on = metrics(elsewhere)
    expect(went_on and went_on[0]["step"] == state["global_step"] + 1, f"it went on with {went_on[:1]}")
    expect(went_on == metrics(f"{folder}/n2")[-len(went_on):], "in another folder the recovery went another way")

    os.remove(f"{folder}/lost/{CACHE}")
    _, err = run(2, "train", recipe, "--out", f"{folder}/lost", expect=3)
    for text in (f"{folder}/lost/{CACHE}", "which `distill` needs, are missing", "Resume from a checkpoint before the prune stage"):
        expect(err.count(text) == 1, f"a missing cache should be told once, with '{text}':\n{err}")
