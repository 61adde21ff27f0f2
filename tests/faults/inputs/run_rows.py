"""Runs, checkpoints and disks with one fault each."""
import ctypes
import fcntl
import glob
import json
import math
import os
import resource
import shutil
import struct
import subprocess

from place import safetensors, shapes
from rows import TRAIN, Row, Skip
from stage_rows import PST

FIRST, LAST = "run/checkpoints/step-00000001", "run/checkpoints/step-00000003"
FULL = ("method: {name: lora, rank: 2, targets: [query]}", "method: full")
CAN_OVERRIDE, CAN_SEARCH, PR_CAPBSET_DROP = 1, 2, 24


def spoilt(name, spoil, says, args=TRAIN, code=3):
    return Row(name, says, args, spoil, code)


def spoil_all(place):
    """Every checkpoint of the run loses its end."""
    for path in glob.glob(place.at("run/checkpoints/*/trained.safetensors")):
        place.cut(os.path.relpath(path, place.path), -8)
    return place


def unfinished(place):
    """A run that has come no further than its first checkpoint."""
    place.trained()
    shutil.rmtree(place.at("run/final"))
    for step in (2, 3):
        shutil.rmtree(place.at(f"run/checkpoints/step-0000000{step}"))
    return place


def exported(place, name, number):
    """All values of a tensor of the exported model become this number."""
    weights = bytearray(place.read("run/final/model.safetensors"))
    size = struct.unpack("<Q", weights[:8])[0]
    begin, end = (8 + size + offset for offset in json.loads(weights[8 : 8 + size])[name]["data_offsets"])
    weights[begin:end] = struct.pack("<f", number) * ((end - begin) // 4)
    return place.write("run/final/model.safetensors", bytes(weights))


def overflowing(place):
    """Logits beyond fp32: every pooled value is 1."""
    return exported(exported(place.trained(), "bert.pooler.dense.bias", 100), "classifier.weight", 3e38)


def locked(place):
    place.write("run/.filigree", '{"filigree":"run","version":1}\n')
    lock = open(place.at("run/.lock"), "w")
    lock.write("process 1 on elsewhere")
    lock.flush()
    fcntl.flock(lock, fcntl.LOCK_EX)
    place.after.append(lock.close)


def file_limit(size):
    def spoil(place):
        place.recipe(*FULL)
        place.limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return spoil


def export_limit(place):
    place.trained()
    place.limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def small_disk(place):
    """The run's folder lies on a tmpfs of 64 KiB."""
    os.makedirs(place.at("run"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place.at("run")], capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise Skip("no tmpfs may be mounted here: " + done.stderr.strip())
    place.after.append(lambda: subprocess.run(["umount", place.at("run")], check=True))
    place.recipe(*FULL)


def huge_weights(place):
    """Numbers whose products are beyond fp32."""
    tensors = shapes()
    content = bytearray(safetensors(tensors))
    begin = len(content) - 4 * sum(math.prod(shape) for shape in tensors.values())
    content[begin:] = struct.pack("<f", 1e38) * ((len(content) - begin) // 4)
    return place.write("model/model.safetensors", bytes(content))


def full_output(place):
    if not os.path.exists("/dev/full"):
        raise Skip("there is no /dev/full")
    place.stdout = open("/dev/full", "w")
    place.after.append(place.stdout.close)


def without_override():
    """In the child: root, too, is bound by permissions."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (CAN_OVERRIDE, CAN_SEARCH):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "a capability cannot be dropped")


def forbidden(name, mode):
    """`name` gets `mode`; as root the program is started without the right to pass over permissions."""
    def spoil(place):
        if os.geteuid() == 0:
            if subprocess.run(["true"], preexec_fn=without_override, check=False).returncode != 0:
                raise Skip("root's right to pass over permissions cannot be dropped here")
            place.limit = without_override
        os.makedirs(place.at("run"), exist_ok=True)
        os.chmod(place.at(name), mode)
        place.after.append(lambda: os.chmod(place.at(name), 0o755))
    return spoil


def pipe(name):
    """A pipe that nobody writes to, in the place of a file: who opened it would wait for ever."""
    def spoil(place):
        if os.path.exists(place.at(name)):
            os.remove(place.at(name))
        os.makedirs(os.path.dirname(place.at(name)), exist_ok=True)
        os.mkfifo(place.at(name))
        return place
    return spoil


def device(name):
    def spoil(place):
        os.remove(place.at(name))
        os.symlink("/dev/zero", place.at(name))
    return spoil


PIPE = ": is a pipe, a socket or a device; a regular file is expected"
PREDICT = ("predict", "DIR/model", "--input", "DIR/input.txt")

ROWS = [
    spoilt("recipe is a pipe", pipe("recipe.yaml"), "DIR/recipe.yaml" + PIPE, code=2),
    spoilt("recipe is a device", device("recipe.yaml"), "recipe.yaml" + PIPE, ("check", "DIR/recipe.yaml"), 2),
    spoilt("config.json is a pipe", pipe("model/config.json"), "model/config.json: ", ),
    spoilt("vocabulary is a pipe", pipe("model/vocab.txt"), "DIR/model/vocab.txt" + PIPE),
    spoilt("vocabulary is a device", device("model/vocab.txt"), "/model/vocab.txt" + PIPE),
    spoilt("tokenizer.json is a pipe", pipe("model/tokenizer.json"), "DIR/model/tokenizer.json" + PIPE),
    spoilt("weights are a pipe", pipe("model/model.safetensors"), "DIR/model/model.safetensors: "),
    spoilt("data is a pipe", pipe("data/train.tsv"), "DIR/data/train.tsv" + PIPE),
    spoilt("data is a device", device("data/train.tsv"), "/data/train.tsv" + PIPE),
    spoilt("input is a pipe", pipe("input.txt"), "DIR/input.txt" + PIPE, PREDICT),
    spoilt("input is a device", device("input.txt"), "/input.txt" + PIPE, PREDICT),
    spoilt("manifest is a pipe", lambda p: pipe(LAST + "/manifest.json")(p.trained()), "DIR/" + LAST + "/manifest.json" + PIPE,
           (*TRAIN, "--resume", "DIR/" + LAST)),
    spoilt("metrics are a pipe", lambda p: pipe("run/metrics.jsonl")(p.trained()), "run/metrics.jsonl" + PIPE,
           ("report", "DIR/run")),
    spoilt("named checkpoint is cut off", lambda p: p.trained().cut(LAST + "/trained.safetensors", -8),
           "trained.safetensors: has 584 bytes, but the manifest lists 592: the checkpoint is damaged; use an older one",
           (*TRAIN, "--resume", "DIR/" + LAST)),
    spoilt("no checkpoint is whole", lambda p: spoil_all(p.trained()), "--resume DIR/run: there is no complete checkpoint",
           (*TRAIN, "--resume", "DIR/run")),
    spoilt("one bit of a checkpoint",
           lambda p: p.trained()
           .write(LAST + "/trained.safetensors", p.read(LAST + "/trained.safetensors")[:-1] + b"\x55"),
           "trained.safetensors: does not match its checksum: the checkpoint is damaged",
           (*TRAIN, "--resume", "DIR/" + LAST)),
    spoilt("manifest is missing", lambda p: p.trained().remove(LAST + "/manifest.json"),
           "--resume DIR/" + LAST + ": there is no complete checkpoint", (*TRAIN, "--resume", "DIR/" + LAST)),
    spoilt("manifest is cut off", lambda p: p.trained().cut(LAST + "/manifest.json", -3),
           "manifest.json: does not match its own checksum", (*TRAIN, "--resume", "DIR/" + LAST)),
    spoilt("resume from nowhere", lambda p: None, "--resume DIR/none: does not exist; give a checkpoint (a step-… directory), a run, `auto` or `never`",
           (*TRAIN, "--resume", "DIR/none")),
    spoilt("resume never over a run", lambda p: p.trained(),
           "DIR/run already contains a run, which --resume never would overwrite", (*TRAIN, "--resume", "never"), 2),
    spoilt("another recipe in the folder", lambda p: p.trained().recipe("lr: 1e-3", "lr: 2e-3"),
           "is the end of a run of a different recipe, which differs in:", code=2),
    spoilt("base weights changed",
           lambda p: p.trained().write("model/model.safetensors", p.read("model/model.safetensors")[:-1] + b"\x01"),
           "was trained on other base weights ("),
    spoilt("training set changed", lambda p: p.trained().table("good\t1", "bad\t0"),
           "was trained on a different training set than this recipe's"),
    spoilt("configuration changed", lambda p: unfinished(p).config(hidden_act="relu"),
           "the model's files are not those that it was trained with: DIR/model/config.json has changed. Restore them"),
    spoilt("configuration changed in layer_norm_eps", lambda p: unfinished(p).config(layer_norm_eps=1e-3),
           "DIR/run/checkpoints/step-00000001: the model's files are not those that it was trained with"),
    spoilt("tokenizer file is new", lambda p: unfinished(p).write("model/tokenizer_config.json", "{}"),
           "DIR/model/tokenizer_config.json is new"),
    spoilt("tokenizer file is gone",
           lambda p: unfinished(p.write("model/tokenizer_config.json", "{}")).remove("model/tokenizer_config.json"),
           "DIR/model/tokenizer_config.json is gone"),
    spoilt("configuration changed for eval", lambda p: p.trained().config(hidden_act="relu"),
           "DIR/model/config.json has changed", ("eval", "DIR/" + LAST, "--data", "DIR/recipe.yaml")),
    spoilt("dev set changed", lambda p: unfinished(p).table("good\t1", "bad\t0", name="dev"),
           "warning: the dev set has changed since DIR/run/checkpoints/step-00000001: results before and after it", code=0),
    spoilt("every checkpoint of a finished run is damaged", lambda p: spoil_all(p.trained()),
           "DIR/run contains a finished run without a complete checkpoint; training again would replace its results", code=2),
    spoilt("every checkpoint of an unfinished run is damaged", lambda p: spoil_all(unfinished(p)),
           "note: DIR/run has no complete checkpoint: the run starts again from its first step", code=0),
    spoilt("one bit of a final model",
           lambda p: p.trained().write("run/final/model.safetensors", p.read("run/final/model.safetensors")[:-1] + b"\x01"),
           "model.safetensors changed since filigree exported it: edited or damaged",
           ("predict", "DIR/run/final", "--input", "DIR/input.txt"), 0),
    spoilt("bad rows of dev are skipped", lambda p: p.recipe("max_length: 16", "max_length: 16\n  bad_rows: skip")
           .table("good\t1", "bad\t0", "bad\tx", name="dev").recipe("label: label", "label: label\n  labels: [\"0\", \"1\"]"),
           "warning: skipped 1 bad row of the dev set, the first: DIR/data/dev.tsv:4: ", code=0),
    spoilt("best by a metric that is not computed", lambda p: None, "eval.best: 'mcc' is not computed for this task; use one of ",
           (*TRAIN, "--set", "eval.best=mcc"), 2),
    spoilt("a bias that is not finite", lambda p: exported(p.trained(), "classifier.bias", math.nan),
           "run/final/model.safetensors: tensor 'classifier.bias' contains NaN or infinity: the file is damaged; replace it",
           ("predict", "DIR/run/final", "--input", "DIR/input.txt")),
    spoilt("logits beyond fp32, predict", overflowing,
           "logits are not finite: the model has diverged, or its weights are damaged",
           ("predict", "DIR/run/final", "--input", "DIR/input.txt")),
    spoilt("logits beyond fp32, eval", overflowing,
           "the loss on 'dev' is not finite in any of ", ("eval", "DIR/run")),
    spoilt("a long name of a run", lambda p: None, ": cannot be created: File name too long; choose another --out",
           ("train", "DIR/recipe.yaml", "--out", "DIR/" + 300 * "a")),
    spoilt("metrics are gone", lambda p: unfinished(p).remove("run/metrics.jsonl"),
           "warning: DIR/run/metrics.jsonl: has 0 of the 2 lines that it had when the checkpoint was taken", code=0),
    spoilt("metrics are shorter", lambda p: unfinished(p).cut("run/metrics.jsonl", 300),
           "of the 2 lines that it had when the checkpoint was taken; the others are lost", code=0),
    spoilt("metrics were edited", lambda p: unfinished(p).edit("run/metrics.jsonl", '"loss":0', '"loss":1'),
           "warning: DIR/run/metrics.jsonl: was changed since the checkpoint was taken", code=0),
    spoilt("checkpoint under another step", lambda p: os.rename(unfinished(p).at(FIRST), p.at("run/checkpoints/step-00000007")),
           "contains step 1, but its name is that of step 7", code=0),
    spoilt("run is being written", locked, "DIR/run: another run is writing here (process 1 on elsewhere)", code=2),
    spoilt("evaluation of no model", lambda p: None, "DIR/data: is neither a model (config.json), nor a checkpoint",
           ("eval", "DIR/data", "--data", "DIR/recipe.yaml")),
    spoilt("evaluation of nothing", lambda p: None, "DIR/none: there is no such directory",
           ("eval", "DIR/none", "--data", "DIR/recipe.yaml")),
    spoilt("damaged checkpoint is evaluated", lambda p: p.trained().cut(LAST + "/trained.safetensors", 9),
           "has 9 bytes, but the manifest lists", ("eval", "DIR/" + LAST, "--data", "DIR/recipe.yaml")),
    spoilt("report of no run", lambda p: None, "DIR/data: has no metrics.jsonl; give the directory of a run",
           ("report", "DIR/data")),
    spoilt("report of a spoilt log", lambda p: p.trained().write("run/metrics.jsonl", "{nonsense\n"),
           "run/metrics.jsonl: is damaged: none of its 1 line can be read", ("report", "DIR/run")),
    spoilt("export over a folder", lambda p: p.trained(), "DIR/data: is not empty, and an export overwrites nothing",
           ("export", "DIR/run", "--format", "hf", "DIR/data"), 2),
    spoilt("export over a file", lambda p: p.trained(), "DIR/input.txt: is a file, not a directory",
           ("export", "DIR/run", "--format", "hf", "DIR/input.txt"), 2),
    spoilt("updates of a model without", lambda p: None, "format peft: the model has no update; name a checkpoint",
           ("export", "DIR/model", "--format", "peft", "DIR/out"), 2),
    spoilt("an adapter with a learned mask", lambda p: p.recipe(FULL[0], f"method: {PST}").trained(),
           "format peft: 'bert.encoder.layer.0.attention.self.query' has a learned mask, which an adapter cannot hold; use --format hf",
           ("export", "DIR/run", "--format", "peft", "DIR/out"), 2),
    spoilt("Super-Tuning without a sparse update", lambda p: p.trained(),
           "format peft_supertuning: the model has no sparse update; use --format peft",
           ("export", "DIR/run", "--format", "peft_supertuning", "DIR/out"), 2),

    spoilt("no room for the recipe", file_limit(300), "run/recipe.yaml: cannot be written: File too large. Free some space"),
    spoilt("no room for a checkpoint", file_limit(6000), "The checkpoint of step 1 needs "),
    spoilt("no room for an export", export_limit, "model.safetensors",
           ("export", "DIR/run", "--format", "hf", "DIR/out")),
    spoilt("loss that is not finite", huge_weights,
           "Lower the learning rate, or inspect these samples"),
    spoilt("small disk", small_disk,
           "is free; free some space, lower checkpoint.keep, or choose another --out"),
    spoilt("no room for the result", full_output, "standard output: could not be written (is the disk full?)",
           ("inspect", "DIR/model")),
    spoilt("run under a file", lambda p: None,
           "DIR/input.txt/run: cannot be created: Not a directory; choose another --out",
           ("train", "DIR/recipe.yaml", "--out", "DIR/input.txt/run")),
    spoilt("run in /proc", lambda p: None, "/proc/filigree-run: cannot be created: ",
           ("train", "DIR/recipe.yaml", "--out", "/proc/filigree-run")),
    spoilt("run's folder is read-only", forbidden("run", 0o500),
           "run/.filigree: cannot be written: Permission denied"),
    spoilt("data cannot be searched", forbidden("data", 0o000), "data/train.tsv: cannot be opened: Permission denied"),
    spoilt("data cannot be read", forbidden("data/train.tsv", 0o000),
           "DIR/data/train.tsv: cannot be opened: Permission denied"),
    spoilt("model cannot be searched", forbidden("model", 0o000), "model/tokenizer.json: Permission denied"),
    spoilt("weights cannot be read", forbidden("model/model.safetensors", 0o000),
           "model.safetensors: cannot be opened: Permission denied"),
    spoilt("recipe cannot be read", forbidden("recipe.yaml", 0o000), "recipe.yaml: cannot be opened: Permission denied",
           code=2),
]
