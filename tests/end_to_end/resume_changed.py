"""A run is resumed with another recipe, with another metric, or from another run."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults", "inputs"))
from place import Place  # noqa: E402
from runs import Folder, expect, metrics, run  # noqa: E402

STAGES = """\
stages:
  - {name: adapt, method: {name: dsee, rank: 2, num_sparse: 8, targets: [query]}, train: {max_steps: 3, batch_size: 4, lr: 1e-2}}
  - {name: cut, prune: {structure: [ffn], ffn: 0.4, steps: 2}, train: {max_steps: 4, batch_size: 4, lr: 1e-2}}
checkpoint: {every: 1, keep: 99}
log_every: 1
"""
FIRST, SECOND = "stages.adapt.train.max_steps=5", "stages.cut.train.max_steps=40"


def place_in(folder, name):
    place = Place(os.path.join(folder, name)).recipe("backend: single, ", "")
    text = place.read("recipe.yaml").decode()
    return place.write("recipe.yaml", text[: text.index("stages:")] + STAGES)


def train(place, out, *more, code=0):
    return run(1, "train", place.at("recipe.yaml"), "--out", place.at(out), *more, expect=code)


def truncate(place, run_name, last):
    """Leaves what a run that was killed after step `last` would have left."""
    shutil.rmtree(place.at(run_name + "/final"), ignore_errors=True)
    folder = place.at(run_name + "/checkpoints")
    for name in os.listdir(folder):
        if name.startswith("step-") and int(name[5:]) > last:
            shutil.rmtree(os.path.join(folder, name))


def step(number):
    return f"checkpoints/step-{number:08}"


def another_recipe(place):
    """The checkpoints of a run that goes on with another recipe are as good as others."""
    for key, at in ((FIRST, 5), (SECOND, 5)):
        out = "other-" + key.split(".")[1]
        err = train(place, out, "--set", key, "--resume", place.at("run/" + step(at)))[1]
        no_effect = "note: the first stage is done in the checkpoint, so these changes have no effect:" in err
        expect(no_effect == (key == FIRST), f"{key}: {err}")
        undisturbed = metrics(place.at(out))
        for name in sorted(os.listdir(place.at(out + "/checkpoints"))):
            if name.startswith("step-"):
                run(1, "eval", place.at(f"{out}/checkpoints/{name}"))
        truncate(place, out, 6)
        train(place, out, "--set", key)
        expect(metrics(place.at(out)) == undisturbed, f"{key}: a resume of the changed run gives other metrics")


def same_command_again(place):
    """The command that started a run from another run's checkpoint resumes it, though that checkpoint is gone."""
    shutil.copytree(place.at("run"), place.at("source"))
    start = ("--resume", place.at("source/" + step(5)))
    train(place, "copy", *start)
    whole = metrics(place.at("copy"))
    truncate(place, "copy", 6)
    shutil.rmtree(place.at("source"))
    train(place, "copy", *start)
    expect(metrics(place.at("copy")) == whole, "the resumed copy has other metrics")


def another_metric(place):
    """Values of two metrics are not compared."""
    train(place, "metric", "--set", "eval.every=1")
    truncate(place, "metric", 2)
    _, err = train(place, "metric", "--set", "eval.every=1", "--set", "eval.best=loss")
    expect("the best checkpoint was chosen by accuracy on dev; from now on it is chosen by loss on dev" in err, err)
    best = json.load(open(place.at("metric/checkpoints/best.json")))["step"]
    after = [line for line in metrics(place.at("metric"), ("eval",)) if line["stage"] == "cut"]
    expect(best == min(after, key=lambda line: line["loss"])["step"], f"best.json: {best}; {after}")


def free_keys(place):
    """Names, exports and other paths of the same files may change; what changes results may not."""
    text = place.read("recipe.yaml").decode()
    place.write("recipe.yaml", text.replace("checkpoint: {", "  - {name: out, export: {format: filigree}}\ncheckpoint: {"))
    train(place, "free")
    whole = metrics(place.at("free"))
    os.symlink(place.at("model"), place.at("link"))
    shutil.copytree(place.at("data"), place.at("elsewhere"))
    changes = ("name=other", "model.path=" + place.at("link"), "data.dir=" + os.path.relpath(place.at("data")),
               "stages.out.export.dir=mine/export", "stages.out.export.format=hf",
               "stages.adapt.train.activation_checkpointing=true")
    truncate(place, "free", 2)
    _, err = train(place, "free", *(word for change in changes for word in ("--set", change)))
    expect(metrics(place.at("free")) == whole, "a resume with free keys changed gives other metrics")
    expect(os.path.exists(place.at("free/mine/export/config.json")), "no export under its new name")
    expect("in keys that do not change its numbers:" in err, err)
    for line in ("name: tiny, now other", "data.dir: ", "model.path: ", "stages.2.export.dir: export, now mine/export",
                 "stages.2.export.format: filigree, now hf",
                 "stages.0.train.activation_checkpointing: false, now true"):
        expect(f"\n  {line}" in err, f"{line}: {err}")
    truncate(place, "free", 2)
    _, err = train(place, "free", "--set", "stages.adapt.train.lr=1e-3", code=2)
    expect("free contains a run of a different recipe, which differs in:" in err, err)
    place.edit("elsewhere/train.tsv", "the film was good", "the story was good")
    _, err = train(place, "free", "--set", "data.dir=" + place.at("elsewhere"), code=3)
    expect("was trained on a different training set" in err, err)


def long_names(place):
    """A run of an earlier version, which allowed longer names, is resumed with its own recipe."""
    train(place, "long")
    whole = metrics(place.at("long"))
    truncate(place, "long", 4)
    name = "n" * 240
    place.edit("long/recipe.yaml", "name: tiny", f"name: {name}")
    err = train(place, "long", "--set", f"name={name}", code=2)[1]
    expect("has 240 characters; use at most 200" in err, err)
    _, err = run(1, "train", place.at("long/recipe.yaml"), "--out", place.at("long"))
    expect(metrics(place.at("long")) == whole, "other metrics")


with Folder() as folder:
    place = place_in(folder, "p")
    train(place, "run")
    another_recipe(place)
    same_command_again(place)
    another_metric(place)
    free_keys(place_in(folder, "q"))
    long_names(place_in(folder, "r"))
