"""Promise 1 for data parallelism: 1, 2 and 4 ranks give the same losses, pruned structures and evaluation."""
from runs import Folder, expect, losses, metrics, run, write_recipe


def relative(a, b):
    return max(abs(x - y) / abs(x) for x, y in zip(a, b, strict=True))


with Folder() as folder:
    recipe = write_recipe(folder, steps=50, every=1000)
    for ranks in (1, 2, 4):
        run(ranks, "train", recipe, "--out", f"{folder}/n{ranks}")
    base = losses(f"{folder}/n1", "adapt")
    expect(len(base) == 50, f"{len(base)} train lines instead of 50")
    expect(base[0] != base[1], "the loss does not move")
    for ranks in (2, 4):
        other = losses(f"{folder}/n{ranks}", "adapt")
        first, all_steps = relative(base[:5], other[:5]), relative(base, other)
        print(f"{ranks} ranks against 1, relative difference of the losses: first 5 steps {first:.1e}, 50 steps {all_steps:.1e}")
        expect(first <= 5e-6, f"{ranks} ranks: the first 5 losses differ by {first:.2e}")
        expect(all_steps <= 1e-4, f"{ranks} ranks: the losses of 50 steps differ by {all_steps:.2e}")
        plans = [metrics(f"{folder}/n{n}", ("prune",)) for n in (1, ranks)]
        expect(plans[0] == plans[1], f"{ranks} ranks prune other units: {plans}")
        recovered = relative(losses(f"{folder}/n1", "recover"), losses(f"{folder}/n{ranks}", "recover"))
        print(f"{ranks} ranks against 1, recovery: {recovered:.1e}")
        expect(recovered <= 1e-3, f"{ranks} ranks: recovery differs by {recovered:.2e}")
