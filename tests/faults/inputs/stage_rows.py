"""Faults of later stages: they are found before the first stage trains, by `check` and by a run."""
import json

from data_rows import bare
from place import VOCAB
from rows import CHECK, TRAIN, Row

PLAN = ("plan", "DIR/recipe.yaml", "--ranks", "1")

ADAPT = "    method: {name: lora, rank: 2, targets: [query]}\n    train: {max_steps: 3, batch_size: 4, lr: 1e-3}\n"
LATER = "    train: {max_steps: 2, batch_size: 4, lr: 1e-3}\n"

LORA = "{name: lora, rank: 2, targets: [query]}"
PST = "{name: pst, rank: 2, score_rank: 2}"
PRUNE = "    prune: {sparsity: 0.5, structure: [], score: magnitude}\n"
PRUNE_HEADS = "    prune: {structure: [heads], heads: 0.5, score: magnitude}\n"
QUERY, KEY, OUTPUT = (f"bert.encoder.layer.0.attention.{part}" for part in ("self.query", "self.key", "output.dense"))


def later(place, stage):
    place.recipe("lr: 1e-3}\n", f"lr: 1e-3}}\n  - name: later\n{stage}")


def both(name, stage, says):
    """The row for `check`, for `plan`, and for a run: no stage has begun."""
    message = f"recipe.yaml:18: stages.later.{says}"
    return [Row(f"later stage: {name}", f"DIR/{message}", CHECK, lambda place: later(place, stage)),
            Row(f"later stage of a plan: {name}", message.removeprefix("recipe."), PLAN, lambda place: later(place, stage)),
            Row(f"later stage of a run: {name}", message, TRAIN, lambda place: later(place, stage))]


def after(first, stage, says):
    """The row of a stage that does not go with the method of the first one."""
    name = stage.strip().splitlines()[0]
    return Row(f"after {first}: {name}", f"DIR/recipe.yaml:18: stages.later.{says}", CHECK,
               lambda place: later(place.recipe(LORA, first), stage))


def by_gradient(warmup):
    return f"{{name: dsee, num_sparse: 4, rank: 2, support: gradient, support_warmup: {warmup}, targets: [key]}}"


def with_last(place, stage, method):
    """A first stage with sparse entries, a stage, and a last one with a method."""
    later(place.recipe(LORA, "{name: dsee, num_sparse: 4, rank: 2, targets: [query]}"),
          f"{stage}  - name: last\n    method: {method}\n{LATER}")


def in_last(name, stage, method, says):
    """The rows for `check`, for `plan` and for a run of a method that a prune before it rules out."""
    message = f"recipe.yaml:20: stages.last.method.{says}"
    return [Row(f"{name}: {args[0]}", message[cut:], args, lambda place: with_last(place, stage, method))
            for cut, args in ((0, CHECK), (len("recipe."), PLAN), (len("recipe.yaml"), TRAIN))]


def frozen(place):
    """A model of which the method trains nothing."""
    place.recipe("{name: lora, rank: 2, targets: [query]}",
                 "{name: full, freeze: [bert, classifier]}")


def several(place):
    """Two wrong targets, and a prune of a third one in the stage after it."""
    place.recipe("[query]", "[kye, kwery]")
    place.recipe("checkpoint:", "  - name: later\n    prune: {score: delta, sparsity: 0.5, targets: [quarry]}\ncheckpoint:")


ROWS = [row for rows in (
    both("targets of lora", "    method: {name: lora, rank: 2, targets: [kye]}\n" + LATER,
         "method.targets: 'kye' names no linear of this bert model; it has: "),
    both("targets of a prune", "    prune: {score: magnitude, sparsity: 0.5, structure: [], targets: [quarry]}\n",
         "prune.targets: no linear's name ends in 'quarry'"),
    both("freeze of full", "    method: {name: full, freeze: [embedings]}\n" + LATER,
         "method.freeze: 'embedings' matches no parameter of this bert model"),
    both("modules of bitfit", "    method: {name: bitfit, modules: [quarry]}\n" + LATER,
         "method.modules: 'quarry' matches no parameter"),
    both("modules of layernorm", "    method: {modules: [query], name: layernorm}\n" + LATER,
         "method.modules: 'query' matches no parameter"),
    both("score delta of neurons", "    prune: {score: delta, structure: [ffn], ffn: 0.5}\n",
         "prune.score: 'delta' is undefined for the neurons of layer 0: no adapter is attached"),
    both("score delta of entries",
         "    prune: {score: delta, sparsity: 0.5, structure: [], targets: [query, key]}\n",
         "prune.score: 'delta' is undefined for 'bert.encoder.layer.0.attention.self.key': no adapter is attached"),
    both("regrow of frozen weights",
         "    prune: {regrow: true, sparsity: 0.5, structure: [], score: magnitude, targets: [query]}\n",
         "prune.regrow: 'bert.encoder.layer.0.attention.self.query' is frozen, so that weights zeroed once have no values"),
    both("score gates without gates", "    prune: {score: gates, structure: [ffn], ffn: 0.5}\n",
         "prune.score: 'gates' is undefined for the neurons of layer 0: train a stage with the method gates before this one"),
    both("block of another size", "    method: {block: 3, name: block_movement}\n" + LATER,
         "method.block: 3 does not divide the head size, 4, and the width, 8, of 'bert.encoder.layer.0.attention.self.query'"),
    both("rewind to no stage", "    rewind: {stage: adopt}\n",
         "rewind.stage: is 'adopt', which is not a stage before this one that trains; use one of adapt"),
    both("rewind beyond the stage", "    rewind: {step: 5, stage: adapt}\n",
         "rewind.step: is 5, but stage adapt has 3 steps"),
    both("support chosen after the steps", f"    method: {by_gradient(2)}\n{LATER}",
         "method.support_warmup: is 2, but the stage has 2 steps, so that the positions of S2 are never chosen; set it to at"),
    both("support chosen after the epochs", f"    method: {by_gradient(7)}\n{LATER.replace('max_steps', 'epochs')}",
         "method.support_warmup: is 7, but the stage has 6 steps"),
    in_last("num_sparse beyond a pruned matrix", PRUNE_HEADS, "{name: dsee, num_sparse: 33, rank: 2, targets: [key]}",
            f"num_sparse: 33 entries are requested, but {KEY} has only 32"),
    in_last("rank beyond a pruned matrix", PRUNE_HEADS, "{name: lora, rank: 5, targets: [key]}",
            f"rank: is 5, but {KEY} is a matrix of 4 x 8, whose rank is at most 4"),
    in_last("gates after a merged mask", PRUNE.replace("magnitude", "merged, mask: merged"), "gates",
            f"targets: {OUTPUT} has a mask from an earlier stage; name other targets"),
) for row in rows] + [
    Row("num_sparse of a matrix that a global prune may leave", "", CHECK,
        lambda place: with_last(place, PRUNE_HEADS.replace("{", "{scope: global, "),
                                "{name: dsee, num_sparse: 33, rank: 2, targets: [key]}"), 0),
    Row("a mixture after a prune of entries, what to do",
        "which this method cannot train; name it in 'freeze', or use a method that trains such a linear, as full does", CHECK,
        lambda place: with_last(place, PRUNE, "mixout")),
    *(Row(f"child_tuning without a layer: {args[0]}",
          f"{where}:15: stages.adapt.method.freeze: leaves no layer of this bert model to train, so that child_tuning has no",
          args, lambda place: place.recipe(LORA, "{name: child_tuning, batches: 2, freeze: [bert]}"))
      for where, args in (("DIR/recipe.yaml", CHECK), ("yaml", TRAIN), ("recipe.yaml", PLAN))),
    # A linear has one update, and one mask, mixture or gates.
    after(PST, f"    method: movement\n{LATER}", f"method.targets: {QUERY} already has an update (low_rank) from an earlier"),
    after(PST, f"    method: gates\n{LATER}", f"method.targets: {OUTPUT} has a mask from an earlier stage; name other targets"),
    after("movement", f"    method: smp\n{LATER}", f"method.targets: {QUERY} has a mask from an earlier stage; name other"),
    *(Row(f"{what} after a prune of entries", f"DIR/recipe.yaml:20: stages.last.method{says}", CHECK,
          lambda place, method=method: later(place.recipe(LORA, "full"), f"{PRUNE}  - name: last\n    method: {method}\n{LATER}"))
      for what, method, says in (("a learned mask", PST, f".targets: {QUERY} has a mask from an earlier stage"),
                                 ("a mixture", "mixout", f": {QUERY} has an update or a mask from an earlier stage"))),
    after(PST, PRUNE, f"prune.targets: '{QUERY}' has a learned mask of its method, so that it cannot have a mask; name other"),
    after("mixout", PRUNE, f"prune.targets: '{QUERY}' has a mixture of its method, so that it cannot have a mask; name other"),
    after("gates", PRUNE, f"prune.targets: '{OUTPUT}' has gates of its method, so that it cannot have a mask; name other"),
    after(LORA, f"    method: mixout\n{LATER}", f"method: {QUERY} has an update or a mask from an earlier stage, which this"),
    after(LORA, f"    method: {{name: dps, variant: mix}}\n{LATER}", f"method: {QUERY} has an update or a mask from an earlier"),
    Row("all faults of the model level",
        "DIR/recipe.yaml:11: data.max_length: 16 is more than the 4 positions of DIR/model\n"
        "DIR/recipe.yaml:15: stages.adapt.method.targets: 'kye' names no linear", CHECK,
        lambda place: several(place.config(max_position_embeddings=4))),
    Row("all faults of two stages", "'kwery' names no linear of this bert model; it has: attention.self.query, "
        "attention.self.key, attention.self.value, attention.output.dense, intermediate.dense, output.dense, "
        "bert.pooler.dense, classifier\nDIR/recipe.yaml:18: stages.later.prune.targets: no linear's name ends in 'quarry'",
        CHECK, several),
    Row("model level by --set", "--set stages.adapt.method.targets: 'self' names no linear of this bert model",
        (*CHECK, "--set", "stages.adapt.method.targets=[query, self]")),
    Row("nothing to train", "DIR/recipe.yaml:15: stages.adapt.method.freeze: leaves nothing of this bert model to train",
        CHECK, frozen),
    Row("nothing to train in a run", "yaml:15: stages.adapt.method.freeze: leaves nothing of this bert model to train",
        TRAIN, frozen),
    Row("shard_frozen without frozen weights",
        "warning: DIR/recipe.yaml:12: parallel.shard_frozen: has no effect in stage adapt: full trains all parameters", CHECK,
        lambda place: place.recipe("{name: lora, rank: 2, targets: [query]}", "full").recipe(
            "backend: single,", "shard_frozen: true, backend: single,"), 0),
    Row("rewind beyond the epochs", "DIR/recipe.yaml:18: stages.later.rewind.step: is 4, but stage adapt has 3 steps", CHECK,
        lambda place: later(place.recipe("max_steps: 3", "epochs: 1"), "    rewind: {step: 4, stage: adapt}\n")),
    Row("rewind beyond the epochs in a run", "yaml:18: stages.later.rewind.step: is 4, but stage adapt has 3 steps", TRAIN,
        lambda place: later(place.recipe("max_steps: 3", "epochs: 1"), "    rewind: {step: 4, stage: adapt}\n")),
    Row("rank beyond the matrix",
        "DIR/recipe.yaml:15: stages.adapt.method.rank: is 9, but bert.encoder.layer.0.attention.self.query is a matrix of "
        "8 x 8, whose rank is at most 8", CHECK, lambda place: place.recipe("rank: 2", "rank: 9")),
    Row("rank beyond the matrix in a run", "yaml:15: stages.adapt.method.rank: is 9, but bert.", TRAIN,
        lambda place: place.recipe("rank: 2", "rank: 9")),
    Row("head of a tied decoder",
        "warning: DIR/recipe.yaml:15: stages.adapt.method.train_head: has no effect: the decoder of this gpt2 model is tied "
        "to the word embeddings", CHECK, lambda place: tied(place, "{name: lora, rank: 2, targets: [query], train_head: true}"),
        0),
    Row("nothing to train but the head of a tied decoder",
        "DIR/recipe.yaml:15: stages.adapt.method: leaves nothing of this gpt2 model to train", CHECK,
        lambda place: tied(place, "head")),
    Row("f1 of three classes",
        "DIR/recipe.yaml:11: data.metric: f1 is for two classes, but DIR/data/train.tsv has 3; use macro_f1", CHECK,
        lambda place: three_classes(place, "label: label\n  metric: f1")),
    Row("f1 of three classes in a run", "yaml:11: data.metric: f1 is for two classes, but DIR/data/train.tsv has 3", TRAIN,
        lambda place: three_classes(place, "label: label\n  metric: f1")),
    Row("best by f1 of no task with f1",
        "DIR/recipe.yaml:19: eval.best: 'f1' is not computed for this task; use one of accuracy, loss", CHECK,
        lambda place: place.recipe("log_every: 1", "log_every: 1\neval: {best: f1}")),
]


def three_classes(place, label):
    place.recipe("label: label", label)
    place.write("data/train.tsv", "sentence\tlabel\nthe film\t0\na story\t1\nfine\t2\n")


def tied(place, method):
    """A GPT-2 of random weights, whose decoder is its word embeddings."""
    bare(place).write("model/config.json", json.dumps({
        "model_type": "gpt2", "vocab_size": len(VOCAB), "n_embd": 8, "n_layer": 1, "n_head": 2, "n_inner": 16,
        "n_positions": 32}))
    place.recipe("  task: sequence_classification", "  task: causal_lm").recipe("  label: label\n", "")
    place.recipe("{name: lora, rank: 2, targets: [query]}", method).recipe("  task:", "  init: random\n  task:")
