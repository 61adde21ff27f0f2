"""`filigree eval` says the same on any number of ranks, and the same as the run's own last evaluation."""
import json

from runs import Folder, checkpoint, expect, metrics, relative, run, write_recipe

DEV = 161  # samples: neither 2 nor 3 ranks divide them


def evaluate(ranks, model, recipe):
    out, _ = run(ranks, "eval", model, "--data", recipe)
    expect(out.count("\n") == 1, f"{ranks} ranks print {out.count(chr(10))} lines:\n{out}")
    return json.loads(out)


with Folder() as folder:
    recipe = write_recipe(folder, steps=12, every=1000, dev=DEV)
    out = f"{folder}/run"
    run(2, "train", recipe, "--out", out)
    last = metrics(out, ("eval",))[-1]
    expect(last["samples"] == DEV, f"the run evaluated {last['samples']} samples, not {DEV}")
    for model in (out, checkpoint(out)):  # the merged weights, and backbone and updates apart
        base = evaluate(1, model, recipe)
        for ranks in (2, 3):
            other = evaluate(ranks, model, recipe)
            difference = relative([base["loss"]], [other["loss"]])
            print(f"{ranks} ranks against 1: relative difference of the loss {difference:.1e}")
            expect(difference <= 1e-6, f"{ranks} ranks: loss {other['loss']}, alone {base['loss']}")
            expect({**other, "loss": 0} == {**base, "loss": 0}, f"{ranks} ranks: {other}, alone {base}")
        difference = relative([last["loss"]], [base["loss"]])
        print(f"eval against the run's last evaluation: relative difference of the loss {difference:.1e}")
        expect(difference <= 1e-6, f"eval: loss {base['loss']}, the run's last {last['loss']}")
        same = {key: value for key, value in last.items() if key not in ("kind", "stage", "step", "loss", "metric")}
        expect(same == {key: base.get(key) for key in same}, f"eval: {base}, the run's last {last}")
        expect(len(same) >= 3, f"nothing but {same} to compare")
