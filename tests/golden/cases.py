"""The runs whose numbers are kept: each a recipe, options and a number of ranks."""
import json
import os
from dataclasses import dataclass
from typing import Callable

from runs import MODELS, write_data, write_recipe
from tiny import write_place

WORDNET = "/usr/share/wordnet/data.noun"
UNSTRUCTURED = """
  - name: adapt
    method: {name: dsee, rank: 4, num_sparse: 16, targets: [query, value], support: magnitude}
    train: {max_steps: 16, batch_size: 16, lr: 2e-3}
  - {name: prune, prune: {sparsity: 0.5, targets: [], score: magnitude+delta, scope: global}}
  - {name: recover, train: {max_steps: 8, batch_size: 16, lr: 1e-3}}
"""
TWO_METHODS = """\
  - {name: warm, method: bitfit, train: {max_steps: 10, batch_size: 4, lr: 1e-2}}
  - name: adapt
    method: {name: dsee, rank: 2, num_sparse: 8, targets: [query, value]}
    prune: {structure: [ffn], ffn: 0.5, steps: 2}
    train: {max_steps: 20, batch_size: 4, lr: 1e-2}
"""
GPT2 = """\
name: gpt2
seed: 7
model: {path: "${FILIGREE_MODELS}/gpt2-tiny", task: causal_lm, init: random}
data: {format: tsv, dir: FOLDER, text: [class, gloss], max_length: 48}
parallel: {precision: fp32, device: cpu, tensor: 2}
stages:
  - name: adapt
    method: {name: dsee, rank: 4, num_sparse: 16, targets: [query, value], support: magnitude}
    train: {max_steps: 24, batch_size: 8, lr: 2e-3, warmup: 0.1, label_smoothing: 0.1}
eval: {every: 12, batch_size: 32}
log_every: 1
"""
ROBERTA = """\
name: roberta
seed: 11
model: {path: FOLDER/model, task: sequence_classification, init: random}
data: {format: tsv, dir: FOLDER/data, text: [sentence], label: label, max_length: 16}
parallel: {precision: fp32, device: cpu}
log_every: 1
stages:
  - {name: all, method: full, train: {max_steps: 40, batch_size: 4, lr: 1e-3, warmup: 0.1, weight_decay: 0.01}}
"""
ROBERTA_CONFIG = {"model_type": "roberta", "vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2,
                  "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 34, "type_vocab_size": 1,
                  "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "layer_norm_eps": 1e-5,
                  "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "hidden_act": "gelu"}


@dataclass
class Case:
    recipe: Callable[[str], str]  # folder -> path
    options: tuple = ()
    ranks: int = 1
    twice: bool = False
    needs: tuple = ()  # paths

    def lacks(self):
        absent = [path for path in self.needs if not os.path.exists(path)]
        return f"{', '.join(absent)}: not here" if absent else ""


def minilm(**how):
    return lambda folder: write_recipe(folder, train=400, dev=160, eval_every=12, size=16, **how)


def tiny_gpt2(folder):
    write_data(folder, train=200, dev=40)
    with open(f"{folder}/recipe.yaml", "w") as out:
        out.write(GPT2.replace("FOLDER", folder))
    return f"{folder}/recipe.yaml"


def bytes_to_characters():
    """The 256 letters in which byte-level tokenizers write bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) for byte in plain] + [chr(256 + i) for i in range(len(others))]


def tiny_roberta(folder):
    """A RoBERTa without weights whose tokenizer has one token per byte."""
    write_place(folder)
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        os.remove(f"{folder}/model/{name}")
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *bytes_to_characters()]
    for name, content in (("config.json", ROBERTA_CONFIG), ("vocab.json", {word: i for i, word in enumerate(words)})):
        with open(f"{folder}/model/{name}", "w") as out:
            json.dump(content, out)
    with open(f"{folder}/model/merges.txt", "w") as out:
        out.write("#version: 0.2\n")
    with open(f"{folder}/recipe.yaml", "w") as out:
        out.write(ROBERTA.replace("FOLDER", folder))
    return f"{folder}/recipe.yaml"


MINILM = (WORDNET, f"{MODELS}/minilm-l6/config.json")

CASES = {
    "dsee_1x1": Case(minilm(steps=24), twice=True, needs=MINILM),
    "dsee_2x1": Case(minilm(steps=24), ranks=2, needs=MINILM),
    "unstructured": Case(minilm(stages=UNSTRUCTURED), needs=MINILM),
    "roberta_full": Case(tiny_roberta),
    "gpt2_dsee_1x2": Case(tiny_gpt2, ranks=2, needs=(WORDNET, f"{MODELS}/gpt2-tiny/config.json")),
    "two_methods": Case(lambda folder: write_place(folder, TWO_METHODS), ("--set", "parallel.shard_frozen=true"), ranks=2),
}
