"""Faults of later stages: they are found before the first stage trains, by `check` and by a run."""
from rows import CHECK, TRAIN, Row

ADAPT = "    method: {name: lora, rank: 2, targets: [query]}\n    train: {max_steps: 3, batch_size: 4, lr: 1e-3}\n"
LATER = "    train: {max_steps: 2, batch_size: 4, lr: 1e-3}\n"


def later(place, stage):
    place.recipe(ADAPT, f"{ADAPT}  - name: later\n{stage}")


def both(name, stage, says):
    """The row for `check`, and for a run: no stage has begun."""
    message = f"stages.later: {says}"
    return [Row(f"later stage: {name}", f"DIR/recipe.yaml: {message}", CHECK, lambda place: later(place, stage)),
            Row(f"later stage of a run: {name}", message, TRAIN, lambda place: later(place, stage))]


ROWS = [row for rows in (
    both("targets of lora", "    method: {name: lora, rank: 2, targets: [kye]}\n" + LATER,
         "lora.targets: 'kye' names no linear of this bert model; it has: "),
    both("targets of a prune", "    prune: {score: magnitude, sparsity: 0.5, structure: [], targets: [quarry]}\n",
         "prune targets: no linear's name ends in 'quarry'"),
    both("freeze of full", "    method: {name: full, freeze: [embedings]}\n" + LATER,
         "full.freeze: 'embedings' matches no parameter of this bert model"),
    both("modules of bitfit", "    method: {name: bitfit, modules: [quarry]}\n" + LATER,
         "bitfit.modules: 'quarry' matches no parameter"),
    both("score delta of neurons", "    prune: {score: delta, structure: [ffn], ffn: 0.5}\n",
         "score 'delta' is undefined for the neurons of layer 0: no adapter is attached"),
    both("score delta of entries",
         "    prune: {score: delta, sparsity: 0.5, structure: [], targets: [query, key]}\n",
         "score 'delta' is undefined for 'bert.encoder.layer.0.attention.self.key': no adapter is attached"),
) for row in rows] + [
    Row("f1 of three classes", "data.metric: f1 is for two classes, but tsv has 3; use macro_f1", CHECK,
        lambda place: three_classes(place, "label: label\n  metric: f1")),
    Row("f1 of three classes in a run", "f1 is for two classes, but tsv has 3; use macro_f1", TRAIN,
        lambda place: three_classes(place, "label: label\n  metric: f1")),
    Row("best by f1 of no task with f1",
        "DIR/recipe.yaml: eval.best: 'f1' is not computed for this task; use one of accuracy, loss", CHECK,
        lambda place: place.recipe("log_every: 1", "log_every: 1\neval: {best: f1}")),
]


def three_classes(place, label):
    place.recipe("label: label", label)
    place.write("data/train.tsv", "sentence\tlabel\nthe film\t0\na story\t1\nfine\t2\n")
