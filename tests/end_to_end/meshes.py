"""Promise 1 for every mesh: data-parallel x tensor-parallel ranks give the same losses, support of S2, pruned heads and
neurons, and evaluation. 12 heads over 3 and over 5 ranks are not even."""
from runs import Folder, expect, losses, metrics, relative, run, write_recipe

MESHES = ((2, 1), (1, 2), (2, 2), (1, 4), (4, 1), (1, 3), (1, 5))


def train(folder, recipe, data, tensor):
    out = f"{folder}/{data}x{tensor}"
    run(data * tensor, "train", recipe, "--out", out, "--set", f"parallel.tensor={tensor}", "--set", "stages.recover.train.max_steps=10")
    return out


def support(out):
    """Rows and columns of S2 in the first checkpoint, by the reader that knows nothing of filigree's."""
    import glob

    from safetensors import safe_open

    places = {}
    first = sorted(glob.glob(f"{out}/checkpoints/step-*"))[0]
    for path in glob.glob(f"{first}/trained*.safetensors"):
        with safe_open(path, "np") as file:
            places.update({name: file.get_tensor(name).tolist() for name in file.keys() if "sparse_rows" in name or "sparse_cols" in name})
    return places


with Folder() as folder:
    recipe = write_recipe(folder, steps=50, every=1000, dev=160)
    base = train(folder, recipe, 1, 1)
    expect(len(losses(base, "adapt")) == 50, "50 train lines are missing")
    expect(len(support(base)) == 24, f"{len(support(base))} lists of places instead of 24")
    for mesh in MESHES:
        other = train(folder, recipe, *mesh)
        name = "{} x {}".format(*mesh)
        first = relative(losses(base, "adapt")[:5], losses(other, "adapt")[:5])
        adapt = relative(losses(base, "adapt"), losses(other, "adapt"))
        recover = relative(losses(base, "recover"), losses(other, "recover"))
        print(f"{name} against 1 x 1: losses of 5 steps {first:.1e}, of 50 {adapt:.1e}, of the recovery {recover:.1e}")
        expect(first <= 5e-6, f"{name}: the first 5 losses differ by {first:.2e}")
        expect(adapt <= 1e-4, f"{name}: the losses of 50 steps differ by {adapt:.2e}")
        expect(recover <= 1e-3, f"{name}: the losses of the recovery differ by {recover:.2e}")
        expect(support(base) == support(other), f"{name}: S2 lies at other places")
        expect(metrics(base, ("prune",)) == metrics(other, ("prune",)), f"{name}: other units are pruned")
        evals = [[r["accuracy"] for r in metrics(out, ("eval",))] for out in (base, other)]
        expect(max(abs(a - b) for a, b in zip(*evals, strict=True)) <= 2 / 160, f"{name}: evaluation differs: {evals}")
