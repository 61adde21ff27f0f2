"""Heads and labels through the program: classes are matched by name, a head that does not fit is replaced and this is said,
and what the weights lack or hold besides is printed once."""
import array
import json
import os
import struct
import sys

from runs import Folder, expect, metrics, relative, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults", "inputs"))
from place import Place  # noqa: E402

TEXTS = ["the film was good", "a dull story", "fine story", "the films was bad", "bad", "good good good", "a", "was dull",
         "the story was fine a film", "films"]
NAMES = ["pos", "neg"]  # of the model's classes 0 and 1


def write_weights(place, **changes):
    """Ten times as large as the other tests have them, so that the texts differ."""
    content = place.weights(**changes).read("model/model.safetensors")
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    values = array.array("f", content[begin:])
    return place.write("model/model.safetensors", content[:begin] + array.array("f", (10 * x for x in values)).tobytes())


def make(folder, name, **weights):
    """A tiny BERT with a head and a task of named labels."""
    place = Place(os.path.join(folder, name))
    write_weights(place, **weights)
    place.recipe("backend: single, ", "")
    place.write("input.txt", "".join(text + "\n" for text in TEXTS))
    return place.config(id2label=dict(enumerate(NAMES)), label2id={n: i for i, n in enumerate(NAMES)})


def balance(place):
    """Moves the first class's bias so that each class wins for half of the texts."""
    found = sorted(first - second for first, second in (line["logits"] for line in predict(place.at("model"), place)))
    content = bytearray(place.read("model/model.safetensors"))
    size = struct.unpack("<Q", content[:8])[0]
    at = 8 + size + json.loads(content[8:8 + size])["classifier.bias"]["data_offsets"][0]
    bias = struct.unpack_from("<f", content, at)[0] - (found[len(found) // 2 - 1] + found[len(found) // 2]) / 2
    struct.pack_into("<f", content, at, bias)
    return place.write("model/model.safetensors", bytes(content))


def predict(model, place):
    out, _ = run(1, "predict", model, "--input", place.at("input.txt"))
    return [json.loads(line) for line in out.splitlines()]


def label_with_the_model(place):
    """Data whose labels are what the model predicts, so that its accuracy is 1, or 0 when the classes are mixed up."""
    balance(place)
    rows = [f"{text}\t{found['label']}" for text, found in zip(TEXTS, predict(place.at("model"), place))]
    expect({row.split("\t")[1] for row in rows} == set(NAMES), f"the model gives one class only: {rows}")
    for split in ("train", "dev"):
        place.table(*rows, name=split)
    return place


def evaluate(model, place, *more):
    out, _ = run(1, "eval", model, "--data", place.at("recipe.yaml"), *more)
    return json.loads(out)


def labels_are_matched_by_name(folder):
    place = label_with_the_model(make(folder, "order"))
    for order in (["pos", "neg"], ["neg", "pos"], ["NEG", "POS"]):
        text = [f"{row}" for row in place.read("data/dev.tsv").decode().splitlines()[1:]]
        if order[0].isupper():
            for split in ("train", "dev"):
                place.table(*(row.split("\t")[0] + "\t" + row.split("\t")[1].upper() for row in text), name=split)
        found = evaluate(place.at("model"), place, "--set", f"data.labels=[{','.join(order)}]")
        expect(found["accuracy"] == 1, f"labels {order}: {found}")
        out = place.at(f"run-{'-'.join(order)}")
        _, err = run(1, "train", place.at("recipe.yaml"), "--out", out, "--set", f"data.labels=[{','.join(order)}]",
                     "--set", "stages.0.train.lr=1e-12")
        expect(("order of the task's labels" in err) == (order[0].lower() == "neg"), err)
        expect("newly initialized" not in err, err)
        expect(evaluate(out, place)["accuracy"] == 1, f"trained with labels {order}")
        names = [name if order[0].islower() else name.upper() for name in NAMES]
        expect([found["label"] for found in predict(out, place)] == [row.split("\t")[1] for row in
               place.read("data/dev.tsv").decode().splitlines()[1:]], f"predictions after training with {order}")
        config = json.load(open(os.path.join(out, "final", "config.json")))
        expect([config["id2label"][str(i)] for i in range(2)] == order, f"final has {config['id2label']}, not {order}")
        expect(set(names) == set(order), "the data's names")


def a_head_that_does_not_fit_is_replaced(folder):
    place = label_with_the_model(make(folder, "other"))
    write_weights(place, classifier__weight=[3, 8], classifier__bias=[3])
    place.config(id2label={0: "entailment", 1: "neutral", 2: "contradiction"})
    runs = {}
    for ranks, tensor in ((1, 1), (2, 2)):
        out = place.at(f"run-{ranks}")
        _, err = run(ranks, "train", place.at("recipe.yaml"), "--out", out, "--set", f"parallel.tensor={tensor}")
        expect(err.count("a new head replaces the one in the weights: it has 3 classes, but the task has 2") == 1, err)
        expect(err.count("newly initialized, because they are not in the weights: 2 parameters (classifier.weight, "
                         "classifier.bias)") == 1, err)
        runs[ranks] = [line["loss"] for line in metrics(out, ("train",))]
        expect(evaluate(out, place)["samples"] == len(TEXTS), "an evaluation of the run")
        newest = os.path.join(out, "checkpoints", "step-00000003")
        expect(relative([evaluate(out, place)["loss"]], [evaluate(newest, place)["loss"]]) < 1e-5, "final and checkpoint")
        expect({found["label"] for found in predict(out, place)} <= set(NAMES), "the new labels")
    expect(relative(runs[1], runs[2]) < 1e-5, f"{runs}")
    run(1, "export", place.at("run-1"), "--format", "hf", place.at("hf"))
    config = json.load(open(place.at("hf/config.json")))
    expect(sorted(config["id2label"].values()) == sorted(NAMES) and "num_labels" not in config, f"{config}")
    run(1, "export", place.at("run-1"), "--format", "peft", place.at("peft"))

    _, err = run(1, "train", place.at("recipe.yaml"), "--out", place.at("run"), "--set", "model.reset_head=false", expect=3)
    expect("its head does not fit: it has 3 classes, but the task has 2" in err, err)
    write_weights(place).config(id2label=dict(enumerate(NAMES)))
    _, err = run(1, "train", place.at("recipe.yaml"), "--out", place.at("new"), "--set", "model.reset_head=true")
    expect("a new head replaces the one in the weights: model.reset_head is true" in err, err)


def findings_are_told_once(folder):
    place = make(folder, "findings", cls__predictions__bias=[15], cls__predictions__transform__dense__bias=[8],
                 some__thing=[2], some__more=[2], some__other=[2])
    place.table("good film\tpos", "bad film\tneg").table("good film\tpos", "bad film\tneg", name="dev")
    told = "not used by this model: 5 tensors of the weights (cls.predictions.bias, cls.predictions.transform.dense.bias, " \
           "some.more, some.other and 1 more)"
    for ranks, args in ((1, ("predict", place.at("model"), "--input", place.at("input.txt"))),
                        (2, ("eval", place.at("model"), "--data", place.at("recipe.yaml"))),
                        (1, ("inspect", place.at("model"))),
                        (2, ("train", place.at("recipe.yaml"), "--out", place.at("run")))):
        out, err = run(ranks, *args)
        expect(err.count(told) == 1 and told not in out, f"{args[0]} on {ranks} ranks: {err}")
    place.weights(classifier__weight=None, classifier__bias=None)
    _, err = run(1, "inspect", place.at("model"))
    expect("newly initialized, because they are not in the weights: 2 parameters" in err, err)


def every_command_refuses(folder):
    """What is wrong with a model, said by each command that opens it."""
    place = make(folder, "refused").table("good film\tpos", "bad film\tneg").table("good film\tpos", name="dev")
    model, recipe = place.at("model"), place.at("recipe.yaml")
    opens = [("predict", model, "--input", place.at("input.txt")), ("eval", model, "--data", recipe)]
    builds = [("inspect", model), ("train", recipe, "--out", place.at("run"))]
    plans = [("plan", recipe, "--ranks", "2")]
    good = place.read("model/model.safetensors")
    for change, says, commands in (
            ({"id2label": {"0": None, "1": "b"}}, "id2label: the name of class 0", opens + builds + plans),
            ({"num_hidden_layers": 1000000}, "num_hidden_layers must be", opens + builds + plans),
            ({"num_hidden_layers": 1000, "intermediate_size": 1 << 24}, "is more than the supported maximum", opens + builds + plans),
            ({"num_hidden_layers": 1000}, "holds 1 layer", opens + builds),
            (None, "which would be random;", opens)):
        place.config(**(change or {}))
        if change is None:
            place.weights(classifier__weight=None, classifier__bias=None)
        else:
            place.write("model/model.safetensors", good)
        for args in commands:
            _, err = run(1, *args, expect=3)
            expect(says in err and "internal error" not in err, f"{args[0]}: {err}")


with Folder() as directory:
    every_command_refuses(directory)
    labels_are_matched_by_name(directory)
    a_head_that_does_not_fit_is_replaced(directory)
    findings_are_told_once(directory)
