"""Promise 2 for every mesh: a run saved on one of 1x1, 2x1, 1x2, 2x2 goes on on each of them, before and after a structured
prune; on the same mesh to the bit."""
import os
import shutil

from runs import Folder, expect, fail, metrics, run, without_comm, write_recipe

MESHES = ((1, 1), (2, 1), (1, 2), (2, 2))
STEPS = 6
# The stages are steps 1 to 6 (adapt), 7 (the prune), 8 to 13 (recover).
MOMENTS = {"before the prune": 3, "after it": 10}


def train(mesh, recipe, out):
    data, tensor = mesh
    run(data * tensor, "train", recipe, "--out", out, "--set", f"parallel.tensor={tensor}")
    return metrics(out, ("train", "eval", "prune"))


def resume(source, step, mesh, recipe, out):
    """A copy of the run as it was when the checkpoint of `step` had just been written."""
    shutil.copytree(source, out)
    for name in os.listdir(f"{out}/checkpoints"):
        if name.startswith("step-") and int(name[5:]) > step:
            shutil.rmtree(f"{out}/checkpoints/{name}")
    for name in ("final", "export"):
        shutil.rmtree(f"{out}/{name}", ignore_errors=True)
    return train(mesh, recipe, out)


def compare(one, other, bound, what):
    expect(len(one) == len(other), f"{what}: {len(other)} records instead of {len(one)}")
    for a, b in zip(one, other):
        expect(a.keys() == b.keys() and a["kind"] == b["kind"], f"{what}: {a} against {b}")
        if a["kind"] == "prune":
            expect(a == b, f"{what}: other units are pruned: {a} against {b}")
        elif abs(a["loss"] - b["loss"]) > bound * abs(a["loss"]):
            fail(f"{what}: loss {b['loss']} instead of {a['loss']} at step {a['step']}")


with Folder() as folder:
    recipe = write_recipe(folder, steps=STEPS, every=1, train=200)
    text = open(recipe).read().replace("keep: 3", "keep: 20")
    open(recipe, "w").write(text)
    whole = {mesh: train(mesh, recipe, f"{folder}/whole-{mesh[0]}x{mesh[1]}") for mesh in MESHES}
    for saved in MESHES:
        source = f"{folder}/whole-{saved[0]}x{saved[1]}"
        for when, step in MOMENTS.items():
            for going_on in MESHES:
                what = "saved on {}x{} {}, gone on on {}x{}".format(*saved, when, *going_on)
                found = resume(source, step, going_on, recipe, f"{folder}/resumed")
                if saved == going_on:
                    expect(found == whole[saved], f"{what}: not the same to the bit")
                compare(without_comm(whole[saved]), without_comm(found), 1e-4, what)
                shutil.rmtree(f"{folder}/resumed")
        print("{}x{}: goes on on every mesh, {}".format(*saved, " and ".join(MOMENTS)))
