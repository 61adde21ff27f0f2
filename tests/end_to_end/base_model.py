"""model.path of a recipe may be a run or a checkpoint: a run that starts from one gives what a run from its export gives."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults", "inputs"))
from place import Place  # noqa: E402
from runs import Folder, expect, expect_same_metrics, metrics, run  # noqa: E402


def train(place, out, base, *more, ranks=1, code=0):
    return run(ranks, "train", place.at("recipe.yaml"), "--out", place.at(out), "--set", "model.path=" + place.at(base), *more,
               expect=code)


with Folder() as folder:
    place = Place(os.path.join(folder, "p")).recipe("backend: single, ", "")
    recipe = place.at("recipe.yaml")
    train(place, "first", "model")
    checkpoint = "first/checkpoints/step-00000002"
    run(1, "export", place.at(checkpoint), "--format", "filigree", place.at("exported"))
    train(place, "from_export", "exported")

    # A checkpoint, on one rank and on two.
    train(place, "from_checkpoint", checkpoint)
    expect_same_metrics(place.at("from_export"), place.at("from_checkpoint"), "a checkpoint and its export")
    train(place, "on_two_ranks", checkpoint, ranks=2)
    for one, two in zip(metrics(place.at("from_checkpoint"), ("train",)), metrics(place.at("on_two_ranks"), ("train",)), strict=True):
        expect(abs(one["loss"] - two["loss"]) < 1e-5, f"one rank {one}\ntwo ranks {two}")

    # A finished run is its final model; an unfinished one is its newest checkpoint.
    train(place, "from_final", "first/final")
    train(place, "from_run", "first")
    expect_same_metrics(place.at("from_final"), place.at("from_run"), "a run and its final model")
    shutil.copytree(place.at("first"), place.at("unfinished"))
    for gone in ("final", "checkpoints/step-00000003"):
        shutil.rmtree(place.at("unfinished/" + gone))
    train(place, "from_unfinished", "unfinished")
    expect_same_metrics(place.at("from_export"), place.at("from_unfinished"), "an unfinished run and its newest checkpoint")

    # A resume needs the checkpoint no more.
    for gone in ("final", "checkpoints/step-00000002", "checkpoints/step-00000003"):
        shutil.rmtree(place.at("from_checkpoint/" + gone))
    shutil.move(place.at(checkpoint), place.at("elsewhere"))
    os.makedirs(place.at(checkpoint))
    shutil.copy(place.at("elsewhere/manifest.json"), place.at(checkpoint))
    train(place, "from_checkpoint", checkpoint)
    expect_same_metrics(place.at("from_export"), place.at("from_checkpoint"), "a resumed run from a checkpoint")
    shutil.rmtree(place.at(checkpoint))
    shutil.move(place.at("elsewhere"), place.at(checkpoint))

    # A run that began with an unfinished run keeps its base, though that run has a final model now.
    shutil.copytree(place.at("first/final"), place.at("unfinished/final"))
    shutil.rmtree(place.at("from_unfinished/final"))
    shutil.rmtree(place.at("from_unfinished/checkpoints/step-00000003"))
    train(place, "from_unfinished", "unfinished")
    expect_same_metrics(place.at("from_export"), place.at("from_unfinished"), "a resumed run whose base has finished")

    # The run directory may be renamed: the merged base lies in it.
    shutil.copytree(place.at("from_checkpoint"), place.at("unmoved"))
    shutil.move(place.at("from_checkpoint"), place.at("moved"))
    run(1, "eval", place.at("moved/checkpoints/step-00000003"))
    for gone in ("final", "checkpoints/step-00000003"):
        shutil.rmtree(place.at("moved/" + gone))
    train(place, "moved", checkpoint)
    expect_same_metrics(place.at("from_export"), place.at("moved"), "a renamed run")
    shutil.move(place.at("unmoved"), place.at("from_checkpoint"))

    # What the new run made stands on its own.
    for made in ("from_checkpoint", "from_checkpoint/checkpoints/step-00000003", "from_run"):
        run(1, "eval", place.at(made))
        run(1, "predict", place.at(made), "--input", place.at("input.txt"))
    run(1, "export", place.at("from_checkpoint"), "--format", "hf", place.at("hf"))
    expect(os.path.exists(place.at("hf/vocab.txt")), "the export has no tokenizer")

    # Other commands that read the key.
    for base in (checkpoint, "first", "unfinished"):
        run(1, "check", recipe, "--set", "model.path=" + place.at(base))
        run(1, "plan", recipe, "--ranks", "2", "--set", "model.path=" + place.at(base))
    _, err = run(1, "check", recipe, "--set", "model.path=" + place.at("data"), expect=3)
    expect("is neither a model (config.json), nor a checkpoint" in err, err)
