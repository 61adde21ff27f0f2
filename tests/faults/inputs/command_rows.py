"""Arguments of eval, predict and export that do not fit the model, its recipe or each other."""
import os

from rows import TRAIN, Row

RUN = ("eval", "DIR/run")
EXPORT = "  - name: out\n    export: {format: FORMAT, dir: sub/out}\ncheckpoint:"
JSONL = '{"sentence": "the film was good", "label": 1}\n{"sentence": "a dull story", "label": 0}\n'
PAIRS = "sentence\tlabel\tsecond\nthe film\t1\tgood\na story\t0\tbad\n"


def idle(key, why, *more):
    """--set of a key that eval does not read."""
    return Row(f"eval of a set {key} {' '.join(more)}", f"--set {key}: has no effect: {why}",
               (*RUN, "--set", f"{key}=2", *more), lambda place: place.trained())


def exported(form):
    return lambda place: place.recipe("checkpoint:", EXPORT.replace("FORMAT", form)).trained()


def jsonl(place):
    return place.trained().write("other/rows.jsonl", JSONL)


def pairs(place, lines):
    """A model that was trained on pairs."""
    for name in ("train", "dev"):
        place.write(f"data/{name}.tsv", PAIRS)
    return place.recipe("text: [sentence]", "text: [sentence, second]").trained().write("input.txt", lines)


def predict(name, says, spoil, model="DIR/run", code=3):
    return Row(f"predict: {name}", says, ("predict", model, "--input", "DIR/input.txt"), spoil, code)


def odd(name, make):
    """Something that is no file, in the place of one that an export copies."""
    def spoil(place):
        make(place.at(f"model/{name}"))
    return spoil


FILE = ("--data", "DIR/data/dev.tsv")
UNUSED = "--data names the file; use --split to name its split"

ROWS = [
    idle("data.dir", UNUSED, *FILE),
    idle("data.dev", UNUSED, *FILE),
    idle("data.max_train_samples", "it is used only with --split train, and the split is dev"),
    idle("data.train", "it is used only with --split train, and the split is dev", "--split", "dev"),
    idle("data.test", "the split is dev; use --split test"),
    idle("data.dev", "the split is train; use --split dev", "--split", "train"),
    idle("seed", "eval uses only `data`, `eval.generate`"),
    Row("eval of a file named like another format",
        "--data DIR/other/rows.jsonl: is named like a jsonl file, but the data format of the recipe is tsv; add --set "
        "data.format=jsonl, or add --set data.format=tsv if the file is a tsv file",
        (*RUN, "--data", "DIR/other/rows.jsonl"), jsonl),
    Row("eval of a stage's export for transformers",
        "has no recipe.yaml beside it that names its data; give the recipe of the run that it is in: --data DIR/run/recipe.yaml",
        ("eval", "DIR/run/sub/out"), exported("hf")),
    predict("pair for a model of single texts",
            "DIR/input.txt:2: is a pair of texts, but DIR/run was trained on single texts; remove the tab",
            lambda p: p.trained().write("input.txt", "a film\na\tfilm\n")),
    predict("single text for a model of pairs",
            "DIR/input.txt:2: is a single text, but DIR/run was trained on pairs of texts; separate the texts by a tab, "
            "also if one is empty", lambda p: pairs(p, "a\tfilm\na film\n")),
    predict("empty line for a model of pairs", "DIR/input.txt:3: is a single text, but DIR/run was trained on pairs",
            lambda p: pairs(p, "a\tfilm\n\tfilm\n\n")),
    predict("pair after a single text", "warning: DIR/input.txt:3: is a pair of texts, but the first line is a single text",
            lambda p: p.write("input.txt", "a film\n\na\tfilm\n"), "DIR/model", 0),
    Row("a folder named like a chat template", "DIR/model/chat_template.jinja: is a directory; an export copies the file of "
        "this name", TRAIN, odd("chat_template.jinja", os.mkdir), 3),
    Row("a link to a missing tokenizer file, check", "DIR/model/special_tokens_map.json: is a link to a file that does not exist",
        ("check", "DIR/recipe.yaml"), odd("special_tokens_map.json", lambda path: os.symlink("missing.json", path)), 3),
    Row("a pipe named like a chat template at an export", "DIR/model/chat_template.jinja: is a pipe, a socket or a device",
        ("export", "DIR/model", "--format", "hf", "DIR/out"), odd("chat_template.jinja", os.mkfifo), 3),
]
GOOD = [
    Row("eval of a stage's export", "", ("eval", "DIR/run/sub/out"), exported("filigree"), 0),
    Row("eval of another format", "", (*RUN, "--data", "DIR/other/rows.jsonl", "--set", "data.format=jsonl"), jsonl, 0),
    Row("eval of the training set, limited", "", (*RUN, "--split", "train", "--set", "data.max_train_samples=2"),
        lambda place: place.trained(), 0),
    predict("pairs with an empty text", "", lambda p: pairs(p, "a\tfilm\na\t\n\tb\n\t\n"), code=0),
]
