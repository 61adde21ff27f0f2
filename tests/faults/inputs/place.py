"""A place of its own for each row: a tiny BERT, a tiny task and a recipe, all good until the row spoils one of them."""
import json
import math
import os
import random
import resource
import struct
import subprocess

BINARY = os.environ["FILIGREE_BINARY"]
HIDDEN, INNER, POSITIONS = 8, 16, 32
VOCAB = "[PAD] [UNK] [CLS] [SEP] [MASK] the a film was good bad ##s dull fine story".split()
TRAIN = [("the film was good", 1), ("a dull story", 0), ("fine story", 1), ("the films was bad", 0)] * 3
RECIPE = """\
name: tiny
seed: 7
model:
  path: "DIR/model"
  task: sequence_classification
data:
  format: tsv
  dir: "DIR/data"
  text: [sentence]
  label: label
  max_length: 16
parallel: {precision: fp32, device: cpu, backend: single, timeout: 60}
stages:
  - name: adapt
    method: {name: lora, rank: 2, targets: [query]}
    train: {max_steps: 3, batch_size: 4, lr: 1e-3}
checkpoint: {every: 1, keep: 3}
log_every: 1
"""


def config():
    return {"model_type": "bert", "vocab_size": len(VOCAB), "hidden_size": HIDDEN, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": INNER, "max_position_embeddings": POSITIONS,
            "type_vocab_size": 2, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}


def shapes():
    """Name -> shape of each tensor of the tiny BERT."""
    layer = "encoder.layer.0."
    found = {"embeddings.word_embeddings.weight": [len(VOCAB), HIDDEN],
             "embeddings.position_embeddings.weight": [POSITIONS, HIDDEN],
             "embeddings.token_type_embeddings.weight": [2, HIDDEN]}
    linears = {layer + "attention.self." + part: (HIDDEN, HIDDEN) for part in ("query", "key", "value")}
    linears.update({layer + "attention.output.dense": (HIDDEN, HIDDEN), layer + "intermediate.dense": (INNER, HIDDEN),
                    layer + "output.dense": (HIDDEN, INNER), "pooler.dense": (HIDDEN, HIDDEN)})
    for name, (rows, cols) in linears.items():
        found.update({name + ".weight": [rows, cols], name + ".bias": [rows]})
    for norm in ("embeddings.LayerNorm", layer + "attention.output.LayerNorm", layer + "output.LayerNorm"):
        found.update({norm + ".weight": [HIDDEN], norm + ".bias": [HIDDEN]})
    return {**found, "classifier.weight": [2, HIDDEN], "classifier.bias": [2]}


def safetensors(tensors, dtype="F32"):
    """The bytes of a safetensors file with small random values, of `tensors` (name -> shape)."""
    draw = random.Random(3)
    header, data = {}, b""
    for name, shape in tensors.items():
        count = math.prod(shape)
        begin = len(data)
        if dtype == "F32":
            data += struct.pack(f"<{count}f", *(draw.gauss(0, 0.1) for _ in range(count)))
        else:
            data += struct.pack(f"<{count}i", *range(count))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def join(*files):
    """One safetensors file of the tensors of several."""
    header, data = {}, b""
    for content in files:
        size = struct.unpack("<Q", content[:8])[0]
        for name, entry in json.loads(content[8:8 + size]).items():
            header[name] = {**entry, "data_offsets": [len(data) + at for at in entry["data_offsets"]]}
        data += content[8 + size:]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Place:
    """A row's folder. Methods spoil one thing each and return the place, so that they can be chained."""

    def __init__(self, path):
        self.path = path
        self.after = []  # called when the row is over
        self.limit = None  # called in the child before it starts
        self.stdout = subprocess.PIPE
        os.makedirs(self.at("model"))
        os.makedirs(self.at("data"))
        self.write("recipe.yaml", RECIPE.replace("DIR", path))
        self.write("model/config.json", json.dumps(config()))
        self.write("model/vocab.txt", "\n".join(VOCAB) + "\n")
        self.write("model/model.safetensors", safetensors(shapes()))
        for name in ("train", "dev"):
            self.write(f"data/{name}.tsv", "sentence\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in TRAIN))
        self.write("input.txt", "the film was good\n")

    def at(self, name):
        return os.path.join(self.path, name)

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.at(name)), exist_ok=True)
        with open(self.at(name), "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        return self

    def read(self, name):
        with open(self.at(name), "rb") as file:
            return file.read()

    def remove(self, *names):
        for name in names:
            os.remove(self.at(name))
        return self

    def edit(self, name, old, new):
        """Replaces the one place where `old` stands in a file."""
        old, new = (x if isinstance(x, bytes) else x.replace("DIR", self.path).encode() for x in (old, new))
        content = self.read(name)
        if content.count(old) < 1:
            raise ValueError(f"'{old}' does not stand in {name}")
        return self.write(name, content.replace(old, new, 1))

    def recipe(self, old, new):
        return self.edit("recipe.yaml", old, new)

    def config(self, **changes):
        changed = {**config(), **changes}
        return self.write("model/config.json", json.dumps({k: v for k, v in changed.items() if v is not None}))

    def weights(self, dtype="F32", **changes):
        """Rewrites the weights; changes: tensor (dots as __) -> another shape, None to leave it out."""
        tensors = {**shapes(), **{name.replace("__", "."): shape for name, shape in changes.items()}}
        return self.write("model/model.safetensors", safetensors({k: v for k, v in tensors.items() if v}, dtype))

    def limit_memory(self, gib=4):
        """The program may take so much address space."""
        self.limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (gib << 30, gib << 30))
        return self

    def cut(self, name, keep):
        """Keeps the first `keep` bytes; a negative number counts from the end."""
        return self.write(name, self.read(name)[:keep])

    def table(self, *rows, name="train", header="sentence\tlabel", end="tsv"):
        """Rewrites a split: a header, then rows."""
        lines = [row if isinstance(row, bytes) else row.encode() for row in (header, *rows) if row]
        return self.write(f"data/{name}.{end}", b"\n".join(lines) + b"\n")

    def run(self, *args):
        """Runs the program as a preparation that must succeed."""
        words = [word.replace("DIR", self.path) for word in args]
        done = subprocess.run([BINARY, *words], env=environment(), capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise ValueError(f"preparation {words} ended with {done.returncode}: {done.stderr}")
        return self

    def trained(self, *more):
        return self.run("train", "DIR/recipe.yaml", "--out", "DIR/run", *more)

    def start(self, args):
        words = [word.replace("DIR", self.path) for word in args]
        return subprocess.Popen([BINARY, *words], env=environment(), stdout=self.stdout, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True, errors="replace", preexec_fn=self.limit,
                                cwd=self.path)


def environment():
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FILIGREE_")}
    return dict(kept, OMP_NUM_THREADS="1", FILIGREE_MODELS="/nowhere/models")
