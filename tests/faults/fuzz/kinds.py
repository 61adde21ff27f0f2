"""Each kind of file: what it stands in, how it is damaged, and the commands that read it."""
import dataclasses
import json
import os
import shutil
import typing

import mutate
from place import HIDDEN, TRAIN, VOCAB, join, safetensors, shapes

LAST = "run/checkpoints/step-00000003"
BYTES = [chr(b) if 33 <= b < 127 else chr(256 + i) for i, b in enumerate(range(256))]  # as good as GPT-2's for a test
PIECES = ["th", "the", "Ġthe", "ĠA", "fi", "lm", "film"]
MERGES = ["t h", "th e", "f i", "l m", "fi lm"]


@dataclasses.dataclass
class Kind:
    name: str
    files: typing.Sequence[str]  # one of them is damaged at a time
    damage: typing.Callable
    commands: typing.Sequence[typing.Sequence[str]]
    prepare: typing.Callable = lambda place: place
    harmless: bool = False  # what is damaged is passed over
    seal: bool = False  # the file is a manifest: its checksum is made anew


def bpe_vocabulary():
    tokens = ["<|endoftext|>"] + sorted(set("abcdefghijklmnopqrstuvwxyzĠ|.:,[]{}\"0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ")) + \
             ["th", "the", "fi", "lm", "film"]
    return {token: i for i, token in enumerate(tokens)}


def gpt2(place):
    """Beside model/, a GPT-2 with byte-level BPE in gpt2/."""
    vocabulary, inner = bpe_vocabulary(), 4 * HIDDEN
    config = {"model_type": "gpt2", "vocab_size": len(vocabulary), "n_embd": HIDDEN, "n_layer": 1, "n_head": 2, "n_positions": 64,
              "architectures": ["GPT2LMHeadModel"], "bos_token_id": 0, "eos_token_id": 0}
    found = {"wte.weight": [len(vocabulary), HIDDEN], "wpe.weight": [64, HIDDEN]}
    for name, (rows, cols) in {"attn.c_attn": (HIDDEN, 3 * HIDDEN), "attn.c_proj": (HIDDEN, HIDDEN), "mlp.c_fc": (HIDDEN, inner),
                               "mlp.c_proj": (inner, HIDDEN)}.items():
        found.update({f"h.0.{name}.weight": [rows, cols], f"h.0.{name}.bias": [cols]})
    for norm in ("h.0.ln_1", "h.0.ln_2", "ln_f"):
        found.update({norm + ".weight": [HIDDEN], norm + ".bias": [HIDDEN]})
    place.write("gpt2/config.json", json.dumps(config))
    place.write("gpt2/model.safetensors", safetensors({"transformer." + k: v for k, v in found.items()}))
    place.write("gpt2/vocab.json", json.dumps(vocabulary))
    return place.write("gpt2/merges.txt", "#version: 0.2\n" + "\n".join(MERGES) + "\n")


def bpe_json(place):
    gpt2(place).remove("gpt2/vocab.json", "gpt2/merges.txt")
    tokenizer = {"version": "1.0", "truncation": None, "padding": None,
                 "added_tokens": [{"id": 0, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False,
                                   "normalized": True, "special": True}],
                 "normalizer": None,
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
                 "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
                 "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                 "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                           "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                           "vocab": bpe_vocabulary(), "merges": MERGES}}
    return place.write("gpt2/tokenizer.json", json.dumps(tokenizer))


def wordpiece_json(place):
    special = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for i, token in enumerate(VOCAB[:5])]
    def single(token): return {"SpecialToken": {"id": token, "type_id": 0}}
    tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
                 "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                                "lowercase": True},
                 "pre_tokenizer": {"type": "BertPreTokenizer"},
                 "post_processor": {
                     "type": "TemplateProcessing",
                     "single": [single("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, single("[SEP]")],
                     "pair": [single("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, single("[SEP]"),
                              {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                     "special_tokens": {t: {"id": t, "ids": [VOCAB.index(t)], "tokens": [t]} for t in ("[CLS]", "[SEP]")}},
                 "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                           "max_input_chars_per_word": 100, "vocab": {token: i for i, token in enumerate(VOCAB)}}}
    place.write("input.txt", "the films was good\nthe film\ta dull story\n\n[SEP] x\n")
    return place.remove("model/vocab.txt").write("model/tokenizer.json", json.dumps(tokenizer))


def side_files(place):
    place.write("model/tokenizer_config.json", json.dumps(
        {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True, "model_max_length": 512,
         "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]",
         "added_tokens_decoder": {"0": {"content": "[PAD]", "special": True}}, "truncation_side": "right"}))
    return place.write("model/special_tokens_map.json", json.dumps(
        {"cls_token": "[CLS]", "pad_token": {"content": "[PAD]", "lstrip": False}, "sep_token": "[SEP]", "unk_token": "[UNK]"}))


def sharded(place):
    tensors = shapes()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in parts.items():
        place.write("model/" + file, safetensors({name: tensors[name] for name in part}))
    index = {"metadata": {"total_size": 1}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    return place.remove("model/model.safetensors").write("model/model.safetensors.index.json", json.dumps(index))


def classifier(place):
    """Weights and configuration with a head, which predict and eval want."""
    config = json.loads(place.read("model/config.json"))
    config.update(architectures=["BertForSequenceClassification"], id2label={"0": "0", "1": "1"}, label2id={"0": 0, "1": 1})
    tensors = {"bert." + name: shape for name, shape in shapes().items()}
    tensors.update({"classifier.weight": [2, HIDDEN], "classifier.bias": [2]})
    return place.write("model/config.json", json.dumps(config)).write("model/model.safetensors", safetensors(tensors))


def lora(place):
    place.recipe('  path: "DIR/model"\n', '  path: "DIR/model"\n  init_lora: "DIR/lora"\n').recipe("max_steps: 3", "max_steps: 1")
    place.write("lora/adapter_config.json", json.dumps(
        {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["query"], "lora_dropout": 0.0, "bias": "none",
         "fan_in_fan_out": False, "modules_to_save": None, "use_rslora": False, "rank_pattern": {}, "alpha_pattern": {"query": 2},
         "task_type": "SEQ_CLS", "base_model_name_or_path": "model", "exclude_modules": None, "init_lora_weights": True}))
    linear = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_"
    return place.write("lora/adapter_model.safetensors",
                       safetensors({linear + "A.weight": [2, HIDDEN], linear + "B.weight": [HIDDEN, 2]}))


def supertuning(place):
    lora(place).recipe("{name: lora, rank: 2, ", "{name: dsee, rank: 2, num_sparse: 4, ")
    place.write("lora/adapter_config.json", json.dumps(
        {"peft_type": "SUPERTUNING", "r": 2, "lora_alpha": 4, "target_modules": ["query"], "lora_dropout": 0.0,
         "modules_to_save": None, "sparsity": 1 - 2.5 / HIDDEN**2, "select_top": True, "init_weights": True,
         "save_precomputed_indices": True, "task_type": "SEQ_CLS", "base_model_name_or_path": "model"}))
    linear = "base_model.model.bert.encoder.layer.0.attention.self.query.supertuning_"
    return place.write("lora/adapter_model.safetensors", join(
        safetensors({linear + "values": [2], linear + "lora_A.weight": [2, HIDDEN], linear + "lora_B.weight": [HIDDEN, 2]}),
        safetensors({linear + "indices": [2]}, "I32")))


def table(form):
    """A classification task in another layout; dev is the file that is damaged."""
    def prepare(place):
        classifier(place).recipe("format: tsv", "format: " + form)
        for split in ("train", "dev"):
            place.write(f"data/{split}.csv", "sentence,label\n" + "".join(f'"{text}",{label}\n' for text, label in TRAIN))
            place.write(f"data/{split}.jsonl",
                        "".join(json.dumps({"sentence": text, "label": label}) + "\n" for text, label in TRAIN))
        return place
    return prepare


WEBNLG = {"entries": [{str(i): {"category": "Film", "lexicalisations": [{"comment": "good", "lex": "the film was good", "lid": "Id1"}],
                                "modifiedtripleset": [{"object": "good", "property": "was", "subject": "film"}],
                                "originaltriplesets": {"originaltripleset": [[{"object": "good", "property": "was",
                                                                              "subject": "film"}]]}}} for i in (1, 2)]}
DART = [{"tripleset": [["film", "was", "good"], ["a", "b", "c"]], "annotations": [{"source": "x", "text": "the film was good"}]}] * 2
CAUSAL = {"text": ("txt", "the film was good\na dull story\n\nfine\n"),
          "e2e": ("txt", "name[film], food[good]||the film was good\nname[a]||a\n"),
          "webnlg": ("json", json.dumps(WEBNLG)), "dart": ("json", json.dumps(DART))}


def causal(form):
    """A language model's task; dev is the file that is damaged."""
    def prepare(place):
        end, content = CAUSAL[form]
        gpt2(place).recipe("DIR/model", "DIR/gpt2").recipe("sequence_classification", "causal_lm")
        place.recipe("format: tsv", f"format: {form}\n  train: train.{end}\n  dev: dev.{end}")
        place.recipe("  text: [sentence]\n  label: label\n", "").recipe("[query]", "['attn.c_attn']").recipe("max_length: 16", "max_length: 60")
        for split in ("train", "dev"):
            place.write(f"data/{split}.{end}", content)
        return place
    return prepare


def run(place):
    classifier(place).trained()
    shutil.copytree(place.at("run"), place.at("run.whole"))
    return place


CHECK = ("check", "DIR/recipe.yaml")
TRAIN_IT = ("train", "DIR/recipe.yaml", "--out", "DIR/fresh")
RESUME = ("train", "DIR/recipe.yaml", "--out", "DIR/run")
PREDICT = ("predict", "DIR/model", "--input", "DIR/input.txt")
TOKENIZE = ("tokenize", "DIR/model", "--input", "DIR/input.txt")
INSPECT = ("inspect", "DIR/model")
EVAL = ("eval", "DIR/model", "--data", "DIR/recipe.yaml")
GPT2_TOKENIZE = ("tokenize", "DIR/gpt2", "--input", "DIR/input.txt")
GPT2_EVAL = ("eval", "DIR/gpt2", "--data", "DIR/recipe.yaml")
GENERATE = ("generate", "DIR/gpt2", "--input", "DIR/input.txt", "--max-new-tokens", "4")

KINDS = [
    Kind("recipe", ["recipe.yaml"], mutate.text, [CHECK, CHECK, CHECK, ("plan", "DIR/recipe.yaml", "--ranks", "2")]),
    Kind("config", ["model/config.json"], mutate.json_text, [INSPECT, PREDICT, TRAIN_IT], classifier),
    Kind("config_gpt2", ["gpt2/config.json"], mutate.json_text, [("inspect", "DIR/gpt2"), GENERATE], gpt2),
    Kind("weights", ["model/model.safetensors"], mutate.safetensors, [INSPECT, PREDICT], classifier),
    Kind("index", ["model/model.safetensors.index.json"], mutate.json_text, [INSPECT, INSPECT, TRAIN_IT], sharded),
    Kind("wordpiece_json", ["model/tokenizer.json"], mutate.json_text, [TOKENIZE, TOKENIZE, PREDICT],
         lambda place: wordpiece_json(classifier(place))),
    Kind("bpe_json", ["gpt2/tokenizer.json"], mutate.json_text, [GPT2_TOKENIZE, GPT2_TOKENIZE, GENERATE], bpe_json),
    Kind("vocab_txt", ["model/vocab.txt"], mutate.text, [TOKENIZE, PREDICT], classifier),
    Kind("vocab_json", ["gpt2/vocab.json"], mutate.json_text, [GPT2_TOKENIZE, GENERATE], gpt2),
    Kind("merges", ["gpt2/merges.txt"], mutate.text, [GPT2_TOKENIZE], gpt2),
    Kind("tokenizer_config", ["model/tokenizer_config.json", "model/special_tokens_map.json"], mutate.json_text, [TOKENIZE],
         lambda place: side_files(classifier(place))),
    Kind("peft_config", ["lora/adapter_config.json"], mutate.json_text, [TRAIN_IT], lora),
    Kind("peft_weights", ["lora/adapter_model.safetensors"], mutate.safetensors, [TRAIN_IT], lora),
    Kind("supertuning_config", ["lora/adapter_config.json"], mutate.json_text, [TRAIN_IT], supertuning),
    Kind("supertuning_weights", ["lora/adapter_model.safetensors"], mutate.safetensors, [TRAIN_IT], supertuning),
    Kind("tsv", ["data/dev.tsv"], mutate.text, [EVAL], classifier),
    Kind("csv", ["data/dev.csv"], mutate.text, [EVAL], table("csv")),
    Kind("jsonl", ["data/dev.jsonl"], mutate.json_lines, [EVAL], table("jsonl")),
    Kind("text", ["data/dev.txt"], mutate.text, [GPT2_EVAL], causal("text")),
    Kind("e2e", ["data/dev.txt"], mutate.text, [GPT2_EVAL], causal("e2e")),
    Kind("webnlg", ["data/dev.json"], mutate.json_text, [GPT2_EVAL], causal("webnlg")),
    Kind("dart", ["data/dev.json"], mutate.json_text, [GPT2_EVAL], causal("dart")),
    Kind("input", ["input.txt"], mutate.text, [PREDICT, TOKENIZE, GENERATE], lambda place: gpt2(classifier(place))),
    Kind("manifest", [LAST + "/manifest.json"], mutate.json_text, [("inspect", "DIR/" + LAST), RESUME], run, seal=True),
    Kind("checkpoint", [LAST + "/trained.safetensors"], mutate.damaged, [RESUME, ("inspect", "DIR/" + LAST)], run),
    Kind("metrics", ["run/metrics.jsonl"], mutate.json_lines, [("report", "DIR/run"), RESUME], run, harmless=True),
    Kind("best", ["run/checkpoints/best.json"], mutate.json_text, [RESUME, ("inspect", "DIR/run")], run, harmless=True),
    Kind("run_recipe", ["run/recipe.yaml", "run/final/recipe.yaml"], mutate.text, [RESUME, ("inspect", "DIR/run"),
                                                                                  ("report", "DIR/run")], run),
    Kind("final", ["run/final/config.json"], mutate.json_text, [("inspect", "DIR/run"),
                                                               ("predict", "DIR/run", "--input", "DIR/input.txt")], run),
    Kind("final_weights", ["run/final/model.safetensors"], mutate.safetensors, [("inspect", "DIR/run/final")], run),
]


def restore(place):
    """What a command may have written is gone before the next one."""
    shutil.rmtree(place.at("fresh"), ignore_errors=True)
    if os.path.exists(place.at("run.whole")):
        shutil.rmtree(place.at("run"), ignore_errors=True)
        shutil.copytree(place.at("run.whole"), place.at("run"))
