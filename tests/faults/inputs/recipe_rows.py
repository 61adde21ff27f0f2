"""Recipes and command lines with one fault each."""
from rows import CHECK, TRAIN, Row


def edited(name, old, new, says, args=CHECK, code=2):
    return Row(name, says, args, lambda place: place.recipe(old, new), code)


def set_to(name, item, says, code=2):
    return Row(name, says, (*CHECK, "--set", item), code=code)


FORMER = {"max_train_samples": "limit", "grad_dtype": "wire", "gradient_accumulation": "accumulate",
          "activation_checkpointing": "recompute", "max_grad_norm": "clip"}


def of_earlier_version(place):
    """A run whose saved recipes have the former names of keys, and keys that have no effect."""
    place.trained()
    for name in ("run/recipe.yaml", "run/final/recipe.yaml"):
        for present, former in FORMER.items():
            place.edit(name, f" {present}:", f" {former}:")
        place.edit(name, "  bad_rows:", "  pack: false\n  mask_probability: 0.15\n  bad_rows:")
    return place


def saved(name, *args, says="", code=0):
    return Row(f"saved recipe of an earlier version: {name}", says, args, of_earlier_version, code)


ROWS = [
    saved("eval", "eval", "DIR/run"),
    saved("eval of a file", "eval", "DIR/run", "--data", "DIR/data/dev.tsv"),
    saved("eval by its recipe", "eval", "DIR/run", "--data", "DIR/run/recipe.yaml"),
    saved("eval of a model by its recipe", "eval", "DIR/run/final", "--data", "DIR/run/final/recipe.yaml"),
    saved("eval with --set", "eval", "DIR/run", "--set", "data.max_length=12", "--set", "data.max_train_samples=2", "--split", "train"),
    saved("eval with a former name in --set", "eval", "DIR/run/final", "--data", "DIR/run/recipe.yaml", "--set",
          "data.limit=2", says="--set data.limit: is now called 'max_train_samples'", code=2),
    saved("predict", "predict", "DIR/run", "--input", "DIR/input.txt"),
    saved("export", "export", "DIR/run", "--format", "filigree", "DIR/out"),
    saved("inspect", "inspect", "DIR/run"),
    saved("report", "report", "DIR/run"),
    saved("check", "check", "DIR/run/recipe.yaml"),
    saved("plan", "plan", "DIR/run/recipe.yaml", "--ranks", "2"),
    saved("resume", "train", "DIR/run/recipe.yaml", "--out", "DIR/run"),
    saved("as the base model", *TRAIN[:2], "--out", "DIR/other", "--set", "model.path=DIR/run"),
    Row("copy of a saved recipe of an earlier version", ": data.limit: is now called 'max_train_samples'",
        ("check", "DIR/mine.yaml"), lambda place: of_earlier_version(place).write("mine.yaml", place.read("run/recipe.yaml"))),
    edited("former key in another section", "max_length: 16", "max_length: 16\n  clip: 1",
           "recipe.yaml:12: data.clip: is now called 'max_grad_norm' and belongs in stages[].train"),
    edited("preset beside another format", "format: tsv", "format: jsonl\n  task: sst2",
           "recipe.yaml:7: data.format: is jsonl, but data.task: sst2 is a preset for files of the format tsv"),
    edited("preset of WordNet beside a format", "format: tsv", "format: tsv\n  task: wordnet",
           "recipe.yaml:7: data.format: is tsv, but data.task: wordnet is a preset for files of the format wordnet"),
    edited("header of a format without one", "format: tsv", "format: jsonl\n  header: true",
           "recipe.yaml:8: data.header: has no effect: it is used only when data.format is tsv or csv"),
    edited("share of masked tokens without masks", "max_length: 16", "max_length: 16\n  mask_probability: 0.3",
           "recipe.yaml:12: data.mask_probability: has no effect: it is used only when model.task is masked_lm"),
    edited("typo at the top", "log_every", "log_evry",
           "recipe.yaml:18: log_evry: is not a key of a recipe; did you mean 'log_every'?"),
    edited("typo in data", "max_length", "max_lenght",
           "recipe.yaml:11: data.max_lenght: is not a key of data; did you mean"),
    edited("key of another section", "seed: 7", "lr: 7",
           "recipe.yaml:2: lr: is not a key of a recipe; it belongs in stages[].train"),
    edited("unknown stage key", "    train:", "    trian:",
           "recipe.yaml:16: stages.adapt.trian: is not a key of a stage; did you mean 'train'?"),
    edited("linears with two updates", "checkpoint: {every",
           "  - name: more\n    method: {name: dsee, rank: 2, num_sparse: 4, targets: [value, query]}\n"
           "    train: {max_steps: 3, batch_size: 4, lr: 1e-3}\ncheckpoint: {every",
           "stages.more.method.targets: names 'query', which already has an update from stage adapt"),
    edited("linears with two updates, by a longer name", "checkpoint: {every",
           "  - name: more\n    method: {name: dsee, rank: 2, num_sparse: 4, targets: [value, self.query]}\n"
           "    train: {max_steps: 3, batch_size: 4, lr: 1e-3}\ncheckpoint: {every",
           "stages.more.method.targets: names 'self.query', which already has an update from stage adapt (as 'query')"),
    edited("linears with two updates, by a pattern", "checkpoint: {every",
           "  - name: more\n    method: {name: lora, rank: 2, targets: [\"*.query\"]}\n"
           "    train: {max_steps: 3, batch_size: 4, lr: 1e-3}\ncheckpoint: {every",
           "stages.more.method.targets: names '*.query', which already has an update from stage adapt (as 'query')"),
    edited("linears with updates of their own", "checkpoint: {every",
           "  - name: more\n    method: {name: lora, rank: 2, targets: [attention.self.key, \"output.*\"]}\n"
           "    train: {max_steps: 3, batch_size: 4, lr: 1e-3}\ncheckpoint: {every", "", code=0),
    edited("two names of one linear in one method", "[query]", "[query, self.query]", "", code=0),
    edited("repeated key", "seed: 7", "name: again", "recipe.yaml:2: name: is given twice, first on line 1"),
    edited("word for a number", "lr: 1e-3", "lr: fast",
           "recipe.yaml:16: stages.adapt.train.lr: must be a number, not 'fast'"),
    edited("fraction for a whole number", "batch_size: 4", "batch_size: 4.5",
           "stages.adapt.train.batch_size: must be a whole number"),
    edited("text for a list", "[query]", "query",
           "stages.adapt.method.targets: must be a list, not 'query'; write [query]"),
    edited("number for a section", "checkpoint: {every: 1, keep: 3}", "checkpoint: 5",
           "recipe.yaml:17: checkpoint: must be a section"),
    edited("negative learning rate", "lr: 1e-3", "lr: -1", "stages.adapt.train.lr: is -1, must be above 0"),
    edited("too large a number", "seed: 7", "seed: 99999999999999999999",
           "recipe.yaml:2: seed: is 99999999999999999999, which is too large"),
    edited("unknown precision", "fp32", "fp31",
           "parallel.precision: is 'fp31', must be one of auto, fp32, bf16; did you mean 'fp32'?"),
    edited("both epochs and max_steps", "max_steps: 3", "max_steps: 3, epochs: 2",
           "max_steps: is given together with epochs"),
    edited("neither epochs nor max_steps", "max_steps: 3, ", "",
           "recipe.yaml:16: stages.adapt.train: needs epochs or max_steps"),
    edited("unknown method", "name: lora", "name: laro",
           "recipe.yaml:15: stages.adapt.method: 'laro' is not a method (use one of"),
    edited("unknown method option", "rank: 2", "rnak: 2",
           "stages.adapt.method.rnak: is not a key of method lora; did you mean 'rank'?"),
    edited("passes of another support", "name: lora, rank: 2",
           "name: dsee, rank: 2, num_sparse: 4, support: random, passes: 3",
           "stages.adapt.method.passes: has no effect: it is used only when support is grebsmo"),
    edited("support without a sparse part", "name: lora, rank: 2",
           "name: dsee, rank: 2, num_sparse: 0, support: random",
           "stages.adapt.method.support: has no effect: it is used only when num_sparse or sparse_density is not 0"),
    edited("alpha without a low-rank part", "name: lora, rank: 2", "name: dsee, rank: 0, num_sparse: 4, alpha: 3",
           "stages.adapt.method.alpha: has no effect: it is used only when rank is not 0"),
    edited("rank 0", "rank: 2", "rank: 0", "stages.adapt.method.rank: is 0, must be at least 1"),
    edited("unknown target", "[query]", "[qurey]", "'qurey' names no linear of this bert model; it has: ", TRAIN),
    edited("unset variable", "DIR/model", "${FILIGREE_MODLES}/m",
           "uses ${FILIGREE_MODLES}, which is not set; did you mean 'FILIGREE_MODELS'?"),
    edited("no model path", '  path: "DIR/model"\n', "", "recipe.yaml:3: model.path: is missing"),
    edited("no label column", "  label: label\n", "", "data.label: is missing: name the label column"),
    edited("metric that does not fit", "label: label", "label: label\n  metric: pearson",
           "recipe.yaml:11: data.metric: is pearson, which does not measure"),
    edited("distillation without a teacher", "lr: 1e-3", "lr: 1e-3, distill: {weight: 0.5}",
           "stages.adapt.train.distill: has no teacher"),
    edited("nccl on the CPU", "backend: single", "backend: nccl",
           "parallel.backend: is nccl, which supports only CUDA tensors"),
    edited("tensor parallelism", "{precision", "{tensor: 2, precision", "parallel.tensor", TRAIN),
    edited("open bracket", "[query]", "[query", "is not valid YAML: "),
    edited("tab for spaces", "  text: [", "\ttext: [", "(line 9 is indented with a tab; YAML requires spaces)"),
    edited("recipe is not UTF-8", b"name: tiny", b"name: t\xe9ny",
           "recipe.yaml:1: is not UTF-8; save the recipe as UTF-8 text"),
    edited("zero byte in the recipe", b"name: tiny", b"name: t\0ny",
           "recipe.yaml:1: contains a zero byte; this is not a text file"),
    edited("export outside of the run", "checkpoint:", "  - {name: out, export: {dir: ../x}}\ncheckpoint:",
           "export.dir: is '../x', must be the name of a new directory inside the run directory"),
    Row("recipe is missing", "DIR/none.yaml: there is no such file", ("check", "DIR/none.yaml")),
    Row("recipe is a folder", "DIR/data: is a directory; a file is expected", ("check", "DIR/data")),
    Row("recipe is empty", "recipe.yaml: is empty", CHECK, lambda place: place.write("recipe.yaml", "")),
    Row("recipe is a list", "recipe.yaml:1: is not a recipe; write 'key: value' lines", CHECK,
        lambda place: place.write("recipe.yaml", "- a\n- b\n")),
    Row("two recipes in a file", "recipe.yaml: contains several YAML documents", CHECK,
        lambda place: place.write("recipe.yaml", "a: 1\n---\nb: 2\n")),
    set_to("set: unknown key", "data.formt=csv", "--set data.formt: is not a key of data; did you mean 'format'?"),
    set_to("set: no effect", "data.pack=false", "--set data.pack: has no effect: it is used only when"),
    set_to("set: takes the effect of a key of the file", "model.task=masked_lm",
           "recipe.yaml:10: data.label: has no effect after --set model.task=masked_lm: it is used only when model.task "
           "is sequence_classification or regression; remove it with --set data.label=null"),
    set_to("set: breaks what the file gives", "stages.adapt.train.max_steps=null",
           "recipe.yaml:16: stages.adapt.train: needs epochs or max_steps (after --set "
           "stages.adapt.train.max_steps=null)"),
    set_to("set: null for a stage", "stages.adapt=null",
           "--set stages.adapt: null removes optional keys and sections, but no item of a list"),
    set_to("set: null for a required value", "model.path=null",
           "--set model.path: is required; null cannot remove it"),
    edited("passes without a sparse part", "name: lora, rank: 2", "name: dsee, rank: 2, num_sparse: 0, passes: 3",
           "stages.adapt.method.passes: has no effect: it is used only when num_sparse or sparse_density is not 0"),
    edited("no label smoothing of classes", "lr: 1e-3", "lr: 1e-3, label_smoothing: 0",
           "stages.adapt.train.label_smoothing: has no effect: it is used only when model.task is masked_lm or"),
    edited("a quote that is never closed", "log_every: 1\n", 'log_every: "1\n',
           "a text in quotes that starts before this place has no closing quote"),
    edited("colon in a value", "name: tiny", "name: tiny: model", "recipe.yaml:1:11: is not valid YAML: ': ' is not"),
    edited("warm-up as long as its stage", "lr: 1e-3", "lr: 1e-3, warmup: 3",
           "stages.adapt.train.warmup: the warm-up has 3 steps and the stage 3: the learning rate never reaches its peak",
           args=TRAIN, code=0),
    set_to("set: unknown stage", "stages.adpat.train.lr=1", "--set stages.adpat"),
    set_to("set: out of range", "stages.adapt.train.batch_size=0",
           "--set stages.adapt.train.batch_size: is 0, must be at least 1"),
    set_to("set: no value", "seed", "--set seed: needs the form key=value"),
    set_to("set: no key", "=3", "--set =3: needs the form key=value, e.g. seed=1"),

    Row("no command", "usage: filigree COMMAND", ()),
    Row("unknown command", "unknown command 'trian'; did you mean 'train'?", ("trian", "DIR/recipe.yaml")),
    Row("unknown flag", "unknown flag --ouput", (*CHECK, "--ouput", "x")),
    Row("missing argument", "filigree train: RECIPE is missing", ("train",)),
    Row("nothing to evaluate on", "filigree eval: --data is missing: DIR/model has no recipe.yaml beside it that names its data", ("eval", "DIR/model")),
    Row("flag without a value", "filigree train: --out needs a value", ("train", "DIR/recipe.yaml", "--out")),
    Row("surplus argument", "filigree inspect: 'more' is one argument too many", ("inspect", "DIR/model", "more")),
    Row("flag twice", "filigree train: --out is given twice", (*TRAIN, "--out", "b")),
    Row("unknown export format", "--format is 'onnx', must be one of hf, hf_pruned, filigree, peft, peft_supertuning",
        ("export", "DIR/model", "--format", "onnx", "DIR/out")),
    Row("no number of ranks", "--ranks is 'two', must be a whole number, at least 1 and at most 65536",
        ("plan", "DIR/recipe.yaml", "--ranks", "two")),
    Row("input of a wrong form", "input.txt:1: has more than one tab",
        ("tokenize", "DIR/model", "--input", "DIR/input.txt"),
        lambda place: place.write("input.txt", "a\tb\tc\n"), 3),
    Row("no input file", "DIR/none.txt: there is no such file", ("predict", "DIR/model", "--input", "DIR/none.txt"),
        code=3),
]
