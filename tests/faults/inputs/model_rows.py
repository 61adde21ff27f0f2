"""Model directories with one fault each, met when a run starts."""
import json
import struct

from place import INNER, VOCAB, join, safetensors, shapes
from rows import CHECK, TRAIN, Row

WEIGHTS = "model/model.safetensors"
VALUE = "encoder__layer__0__attention__self__value__weight"


def spoilt(name, spoil, says, args=TRAIN, code=3):
    return Row(name, says, args, spoil, code)


def with_header(header):
    """Weights of which only the header is there."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def one_tensor(**entry):
    return with_header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **entry}}) + bytes(8)


def index(weight_map):
    return lambda place: place.remove(WEIGHTS).write(WEIGHTS + ".index.json", json.dumps({"weight_map": weight_map}))


def lora(config, spoil=lambda place: None):
    """A recipe that goes on from a LoRA; its adapter_config.json is `config` over a good one."""
    def make(place):
        place.recipe('  path: "DIR/model"\n', '  path: "DIR/model"\n  init_lora: "DIR/lora"\n')
        place.write("lora/adapter_config.json", json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 1, **config}))
        linear = "base_model.model.bert.encoder.layer.0.attention.self.key.lora_"
        place.write("lora/adapter_model.safetensors", safetensors({linear + "A.weight": [1, 8], linear + "B.weight": [8, 1]}))
        spoil(place)
    return make


def supertuning(config, values=2, places=2, method="dsee, rank: 2, num_sparse: 4"):
    """A recipe that goes on from a Super-Tuning adapter of the query: 2 of its 64 entries, r 1."""
    def make(place):
        lora({"peft_type": "SUPERTUNING", "sparsity": 1 - 2.5 / 64, **config})(place)
        place.recipe("{name: lora, rank: 2, ", "{name: %s, " % method)
        linear = "base_model.model.bert.encoder.layer.0.attention.self.query.supertuning_"
        place.write("lora/adapter_model.safetensors", join(
            safetensors({linear + "values": [values], linear + "lora_A.weight": [1, 8], linear + "lora_B.weight": [8, 1]}),
            safetensors({linear + "indices": [places]}, "I32")))
    return make


KEY = "bert.encoder.layer.0.attention.self.key"


def lora_with_head(labels, place):
    """A LoRA that the method fits, with a head of so many classes."""
    lora({})(place.recipe("[query]", "[key]"))
    place.write("lora/adapter_model.safetensors", join(
        place.read("lora/adapter_model.safetensors"),
        safetensors({f"base_model.model.classifier.{part}": shape for part, shape in (("weight", [labels, 8]), ("bias", [labels]))})))


def three_classes(place):
    return [place.table("the film\t0", "a story\t1", "fine\t2", name=name) for name in ("train", "dev")]


def of_adapter(name, spoil, says, code=2):
    """The rows for `check` and for `plan`, which name the recipe's line."""
    message = f"recipe.yaml:5: model.init_lora: {says}"
    return [spoilt(f"check: {name}", spoil, f"DIR/{message}", CHECK, code),
            spoilt(f"plan: {name}", spoil, message, PLAN, code)]


KEEP_HEAD = ("  task: seq", "  reset_head: false\n  task: seq")
NAMED = ("good film\tgood", "bad film\tbad")
PREDICT = ("predict", "DIR/model", "--input", "DIR/input.txt")
EVAL = ("eval", "DIR/model", "--data", "DIR/recipe.yaml")
GENERATE = ("generate", "DIR/gpt2", "--input", "DIR/input.txt")
INSPECT = ("inspect", "DIR/model")
PLAN = ("plan", "DIR/recipe.yaml", "--ranks", "2")
ID2LABELS = [("null", {"0": None, "1": "b"}, ": the name of class 0 must be text or a number, not null"),
             ("lists", {"0": ["a"], "1": "b"}, ': the name of class 0 must be text or a number, not ["a"]'),
             ("a list", ["a", "b"], ' must be an object that maps class numbers to names, not ["a","b"]'),
             ("numbered from 1", {"1": "a", "2": "b"}, " names 2 classes, numbered from 0, but has the key '2'")]


def untied_gpt2_without_head(place):
    """A GPT-2 whose files lack the head over the vocabulary that config.json says it has."""
    width, inner = 8, 16
    tensors = {"wte.weight": [len(VOCAB), width], "wpe.weight": [8, width], "ln_f.weight": [width], "ln_f.bias": [width]}
    for name, rows, cols in (("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width),
                             ("mlp.c_fc", width, inner), ("mlp.c_proj", inner, width)):
        tensors.update({f"h.0.{name}.weight": [rows, cols], f"h.0.{name}.bias": [cols]})
    for norm in ("h.0.ln_1", "h.0.ln_2"):
        tensors.update({norm + ".weight": [width], norm + ".bias": [width]})
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": len(VOCAB), "n_embd": width,
              "n_layer": 1, "n_head": 2, "n_inner": inner, "n_positions": 8, "tie_word_embeddings": False,
              "tokenizer_class": "BertTokenizer"}
    place.write("gpt2/config.json", json.dumps(config)).write("gpt2/model.safetensors", safetensors(tensors))
    place.write("gpt2/vocab.txt", "\n".join(VOCAB) + "\n")


ROWS = [
    spoilt("no such model", lambda p: p.recipe("DIR/model", "DIR/modle"), "DIR/modle: is not a model directory"),
    spoilt("model is a file", lambda p: p.recipe("DIR/model", "DIR/input.txt"),
           "input.txt: is not a model directory"),
    spoilt("no LoRA", lora({}, lambda p: p.remove("lora/adapter_config.json")),
           "lora/adapter_config.json: is missing; set model.init_lora to a directory that peft's save_pretrained"),
    spoilt("LoRA of linears that the method leaves alone", lora({}),
           "key', for which the first method has no low-rank update; add it to the method's targets", code=2),
    spoilt("LoRA for a method without low-rank updates", lora({}, lambda p: p.recipe("{name: lora, rank: 2, targets: [query]}", "full")),
           f"recipe.yaml:5: model.init_lora: DIR/lora changes '{KEY}', for which the first method has no low-rank update; "
           "start with dsee, lora or pst, with a rank of 1 or more", code=2),
    *of_adapter("no LoRA", lora({}, lambda p: p.remove("lora/adapter_config.json")),
                "DIR/lora/adapter_config.json: is missing; set model.init_lora to a directory", 3),
    *of_adapter("no plain LoRA", lora({"use_dora": True}), "DIR/lora/adapter_config.json: use_dora is set"),
    *of_adapter("LoRA of linears that the method leaves alone", lora({}), f"DIR/lora changes '{KEY}', for which the first"),
    *of_adapter("LoRA of another model", lora({}, lambda p: p.config(hidden_size=4)),
                f"DIR/lora: the update of '{KEY}' is 8 x 8, the model's weight 4 x 4; it belongs to another", 3),
    *of_adapter("LoRA with a head of other labels", lambda p: lora_with_head(3, p),
                "DIR/lora: 'classifier.bias' is [3], but the model's is [2]: it was trained for other labels", 3),
    *of_adapter("LoRA of two labels for three classes", lambda p: lora_with_head(2, three_classes(p)[0]),
                "DIR/lora: 'classifier.bias' is [2], but the model's is [3]: it was trained for other labels", 3),
    spoilt("check: LoRA of three labels for three classes", lambda p: lora_with_head(3, three_classes(p)[0]), "", CHECK, 0),
    *of_adapter("Super-Tuning for a method with fewer entries", supertuning({}, method="dsee, rank: 2, num_sparse: 1"),
                f"DIR/lora changes 2 entries of '{KEY.replace('key', 'query')}', but the method's sparse update has only 1"),
    *of_adapter("Super-Tuning for a support from gradients",
                supertuning({}, method="dsee, rank: 2, num_sparse: 4, support: gradient, support_warmup: 1"),
                "DIR/lora contains the positions of its sparse update, but dsee chooses them from gradients"),
    spoilt("Super-Tuning for a method without S2", supertuning({}, method="lora, rank: 2"),
           "query', for which the first method has no sparse update; use a method that has one, such as dsee", code=2),
    spoilt("Super-Tuning for a support from gradients",
           supertuning({}, method="dsee, rank: 2, num_sparse: 4, support: gradient, support_warmup: 1"),
           "contains the positions of its sparse update, but dsee chooses them from gradients; use the method dsee with", code=2),
    spoilt("Super-Tuning without positions", supertuning({"save_precomputed_indices": False}),
           "save_precomputed_indices is false: the adapter does not contain its positions; save it again", code=2),
    spoilt("Super-Tuning of another sparsity", supertuning({"sparsity": 0.5}),
           "query' has 2 entries, but adapter_config.json (sparsity) has 32 for a weight of 8 x 8"),
    spoilt("Super-Tuning with fewer values", supertuning({}, values=1), "is [1] and supertuning_indices is [2]; both must be"),
    spoilt("no plain LoRA", lora({"use_dora": True}), "use_dora is set, which is not a plain LoRA; merge it", code=2),
    spoilt("generate with a classifier", lambda p: p.write("input.txt", "the film\n"),
           "DIR/model: is a BertForSequenceClassification; generate needs a causal language model",
           ("generate", "DIR/model", "--input", "DIR/input.txt"), code=2),
    spoilt("config.json is missing", lambda p: p.remove("model/config.json"),
           "model/config.json: there is no such file; a model directory holds config.json"),
    spoilt("config.json is cut off", lambda p: p.cut("model/config.json", -5),
           "model/config.json:1: the JSON text ends in the middle of a value"),
    spoilt("config.json is nested deeply",
           lambda p: p.edit("model/config.json", "{", '{"x": ' + '{"a":[' * 100000 + "1" + "]}" * 100000 + ", "),
           "model/config.json: its values are nested more than 512 deep"),
    spoilt("tokenizer.json is nested deeply",
           lambda p: p.write("model/tokenizer.json", '{"x": ' + '{"a":[' * 100000 + "1" + "]}" * 100000 + "}"),
           "model/tokenizer.json: its values are nested more than 512 deep"),
    spoilt("adapter_config.json is nested deeply",
           lora({}, lambda p: p.edit("lora/adapter_config.json", "{", '{"x": ' + '{"a":[' * 100000 + "1" + "]}" * 100000 + ", ")),
           "lora/adapter_config.json"),
    spoilt("config.json is a list", lambda p: p.write("model/config.json", "[]"),
           "model/config.json: is not a JSON object"),
    spoilt("no family", lambda p: p.config(model_type=None), "config.json: has no model_type; known families: bert"),
    spoilt("unknown family", lambda p: p.config(model_type="llama"),
           "config.json: model_type 'llama' is not supported; known families: bert"),
    spoilt("word for a size", lambda p: p.config(hidden_size="big"),
           'config.json: hidden_size must be a whole number from 1 to 16777216, not "big"'),
    spoilt("heads that do not divide", lambda p: p.config(num_attention_heads=3),
           "hidden_size 8 is not a multiple of num_attention_heads 3"),
    spoilt("unknown activation", lambda p: p.config(hidden_act="sine"),
           "config.json: hidden_act 'sine' is not supported; use one of "),
    spoilt("decoder", lambda p: p.config(is_decoder=True),
           "config.json: is_decoder is true: only encoders are supported"),
    spoilt("weights are missing", lambda p: p.remove(WEIGHTS), "DIR/model: holds neither model.safetensors nor"),
    spoilt("a pickle only", lambda p: p.remove(WEIGHTS).write("model/pytorch_model.bin", b"PK\x03\x04"),
           "pytorch_model.bin: is a PyTorch pickle"),
    spoilt("weights are empty", lambda p: p.write(WEIGHTS, ""),
           "model.safetensors: not a valid safetensors file: only 0 bytes long"),
    spoilt("weights cut in the data", lambda p: p.cut(WEIGHTS, -100),
           "ends at byte 4320 of the data, but the file has 4292: it is truncated"),
    spoilt("weights cut in the header", lambda p: p.cut(WEIGHTS, 50), "the file has 42 after the length field"),
    spoilt("absurd length of the header", lambda p: p.write(WEIGHTS, struct.pack("<Q", 2**63) + b"{}"),
           "header length is 9223372036854775808 bytes"),
    spoilt("header is not JSON", lambda p: p.write(WEIGHTS, with_header(b"{nonsense}")),
           "not a valid safetensors file: the header is not JSON"),
    spoilt("offsets that lie", lambda p: p.write(WEIGHTS, one_tensor(data_offsets=[0, 4])),
           "tensor 'a' has 4 bytes of data, but its shape and dtype require 8"),
    spoilt("offsets beyond the end", lambda p: p.write(WEIGHTS, one_tensor(data_offsets=[0, 80], shape=[20])),
           "tensor 'a' ends at byte 80 of the data, but the file has 8: it is truncated"),
    spoilt("unknown type of numbers", lambda p: p.write(WEIGHTS, one_tensor(dtype="F33")),
           "tensor 'a' has the unknown dtype 'F33'; use one of "),
    spoilt("negative shape", lambda p: p.write(WEIGHTS, one_tensor(shape=[-2])),
           "the shape of tensor 'a' contains -2, which is not a size"),
    spoilt("integers for weights", lambda p: p.weights(dtype="I32"),
           "model.safetensors: tensor 'embeddings.word_embeddings.weight' holds integers"),
    spoilt("tensor is missing", lambda p: p.weights(**{VALUE: None}),
           "lacks 1 tensor of the model: bert.encoder.layer.0.attention.self.value.weight"),
    spoilt("wrong shape", lambda p: p.weights(**{VALUE: [8, 4]}),
           "value.weight' has the shape [8, 4], but config.json and the recipe's labels need [8, 8]"),
    spoilt("config of another size", lambda p: p.config(intermediate_size=2 * INNER),
           f"has the shape [{INNER}, 8], but config.json"),
    spoilt("head of other labels", lambda p: p.recipe(*KEEP_HEAD).weights(classifier__weight=[5, 8], classifier__bias=[5]),
           "its head does not fit: it has 5 classes, but the task has 2"),
    spoilt("head of other names", lambda p: p.recipe(*KEEP_HEAD).config(id2label={"0": "no", "1": "yes"}).table(
           *NAMED).table(*NAMED, name="dev"), "its head does not fit: its labels are no, yes, but the task's are bad, good"),
    spoilt("evaluation with a head of another kind", lambda p: p.config(problem_type="multi_label_classification"),
           "problem_type is multi_label_classification. Use a model that was trained for this task, or train this one first",
           EVAL),
    spoilt("evaluation with a key that it does not read", lambda p: None, "--set eval.batch_size: has no effect: eval uses "
           "only `data`, `eval.generate` and", (*EVAL, "--set", "data.max_length=8", "--set", "eval.batch_size=3"), 2),
    spoilt("no such way with a head", lambda p: p.recipe("  task: seq", "  reset_head: maybe\n  task: seq"),
           "model.reset_head: is 'maybe'", code=2),
    spoilt("predict without a head", lambda p: p.weights(classifier__weight=None, classifier__bias=None),
           "DIR/model: its weights lack 2 parameters of a BertForSequenceClassification (classifier.weight, "
           "classifier.bias), which would be random;", PREDICT),
    spoilt("generate without a head", untied_gpt2_without_head, "its weights lack 1 parameter of a GPT2LMHeadModel "
           "(lm_head.weight), which would be random;", GENERATE),
    spoilt("evaluation on other names", lambda p: p.config(id2label={"0": "no", "1": "yes"}).table(*NAMED)
           .table(*NAMED, name="dev"), "DIR/model: its labels are no, yes, but the task's are bad, good",
           (*EVAL, "--set", "data.labels=[bad, good]"), 2),
    *(spoilt(f"label names that are {what}", lambda p, names=names: p.config(id2label=names),
             f"model/config.json: id2label{says}", PREDICT) for what, names, says in ID2LABELS),
    spoilt("a million layers", lambda p: p.config(num_hidden_layers=1000000).limit_memory(),
           "config.json: num_hidden_layers must be a whole number from 1 to 1024, not 1000000", PLAN),
    spoilt("more layers than weights", lambda p: p.config(num_hidden_layers=1000).limit_memory(),
           "config.json: num_hidden_layers is 1000, but DIR/model/model.safetensors holds 1 layer", INSPECT),
    spoilt("random weights beyond the memory", lambda p: p.recipe("  task: seq", "  init: random\n  task: seq")
           .config(vocab_size=1 << 24, hidden_size=1 << 20).limit_memory(), "of memory"),
    spoilt("NaN for a number", lambda p: p.config(layer_norm_eps=float("nan")),
           'config.json: layer_norm_eps must be a number from 0 to 1, not "NaN"', PREDICT),
    spoilt("weights of a type that is not computed with", lambda p: p.write(WEIGHTS, p.read(WEIGHTS).replace(
           b'"F32"', b'"U32"')), "has the dtype U32, which filigree cannot compute with"),
    spoilt("layers of their own", lambda p: p.config(per_layer_config={"0": {"hidden_act": "relu"}}),
           "config.json: per_layer_config is"),
    spoilt("unknown kind of LoRA", lora({"alora_invocation_tokens": [5]}), "alora_invocation_tokens is set", code=2),
    spoilt("LoRA for a model", lambda p: p.write("model/adapter_config.json", "{}"),
           "model/adapter_config.json: is an adapter of the peft package; set model.path to its base model", INSPECT),
    spoilt("export without a head", lambda p: p.weights(classifier__weight=None),
           "DIR/model: its weights lack 1 parameter of a BertForSequenceClassification (classifier.weight)",
           ("export", "DIR/model", "--format", "hf", "DIR/hf")),
    spoilt("LoRA of another rank", lora({"r": 3}), "has rank 1, but adapter_config.json (r, rank_pattern) has 3"),
    spoilt("LoRA configuration that is no JSON", lora({}, lambda p: p.write("lora/adapter_config.json", "{,}")),
           "lora/adapter_config.json:1: is not valid JSON"),
    spoilt("index that is no JSON", lambda p: p.remove(WEIGHTS).write(WEIGHTS + ".index.json", "{,}"),
           "index.json:1: is not valid JSON"),
    spoilt("weights are missing, check", lambda p: p.remove(WEIGHTS), "DIR/model: holds neither model.safetensors nor model.safetensors.index.json",
           CHECK),
    spoilt("shard is missing, check", index({"a": "gone.safetensors"}), "DIR/model/gone.safetensors: there is no such file",
           CHECK),
    spoilt("tokenizer is missing, check", lambda p: p.remove("model/vocab.txt"),
           "DIR/model: has neither tokenizer.json nor vocab.txt nor vocab.json", CHECK),
    spoilt("random weights need no file, check",
           lambda p: p.remove(WEIGHTS).recipe("  task: seq", "  init: random\n  task: seq"), "", CHECK, 0),
    spoilt("model is missing, check", lambda p: p.recipe("DIR/model", "DIR/modle"),
           "DIR/recipe.yaml:4: model.path: DIR/modle: there is no such directory", CHECK),
    spoilt("model without config.json, check", lambda p: p.remove("model/config.json"),
           "DIR/recipe.yaml:4: model.path: DIR/model: is neither a model (config.json), nor a checkpoint", CHECK),
    spoilt("data and model faults together, check",
           lambda p: p.remove(WEIGHTS, "model/vocab.txt", "data/dev.tsv").recipe("[query]", "[quarry]"),
           "'quarry' names no linear of this bert model; it has: attention.self.query, attention.self.key, "
           "attention.self.value, attention.output.dense, intermediate.dense, output.dense, bert.pooler.dense, classifier\n"
           "DIR/data/dev.tsv: there is no such file", CHECK, 2),
    spoilt("shard is missing", index({"a": "gone.safetensors"}), "model/gone.safetensors: there is no such file"),
    spoilt("shard outside", index({"a": "../gone.safetensors"}), "tensor 'a' must name a file in the same folder"),
    spoilt("index without a map", lambda p: p.remove(WEIGHTS).write(WEIGHTS + ".index.json", "{}"),
           "index.json: has no 'weight_map' object"),
    spoilt("weights are a folder", lambda p: p.remove(WEIGHTS).recipe("DIR/model", "DIR"),
           "neither tokenizer.json nor vocab.txt"),
    spoilt("tokenizer is missing", lambda p: p.remove("model/vocab.txt"),
           "DIR/model: has neither tokenizer.json nor vocab.txt"),
    spoilt("tokenizer.json is broken", lambda p: p.write("model/tokenizer.json", "{"),
           "tokenizer.json:1: the JSON text ends in the middle of a value"),
    spoilt("tokenizer of another kind", lambda p: p.write("model/tokenizer.json", '{"model": {"type": "Unigram"}}'),
           "model of type Unigram is not supported; use WordPiece or BPE"),
    spoilt("vocabulary of another class", lambda p: p.config(model_type="roberta"),
           "DIR/model/vocab.txt: is a WordPiece tokenizer, but", PREDICT),
    spoilt("tokenizer.json of another class",
           lambda p: p.write("model/tokenizer.json", '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}'),
           "DIR/model/tokenizer.json: is a BPE tokenizer, but"),
    spoilt("special token of the class is null",
           lambda p: p.write("model/tokenizer_config.json", '{"cls_token": null}'),
           "DIR/model: BERT needs a cls_token, which the files set to null"),
    spoilt("vocabulary is empty", lambda p: p.write("model/vocab.txt", ""), "vocab.txt: the vocabulary is empty"),
    spoilt("token twice, the last beyond the embedding",
           lambda p: p.write("model/vocab.txt", "\n".join([*VOCAB, "film"])),
           "train.tsv:2: token id 15 ('film') is beyond the 15 rows of the embedding of DIR/model"),
    spoilt("vocabulary is not UTF-8", lambda p: p.edit("model/vocab.txt", b"dull", b"d\xffll"),
           "vocab.txt:13: byte 2 of the line (0xff) is not UTF-8"),
    spoilt("no [CLS]", lambda p: p.edit("model/vocab.txt", b"[CLS]", b"[XXX]"),
           "vocab.txt: the special token '[CLS]' is not in the vocabulary"),
    spoilt("a text uses a token beyond the embedding",
           lambda p: p.write("model/vocab.txt", "\n".join([*VOCAB, "extra"])).table("good extra\t1", name="dev"),
           "DIR/data/dev.tsv:2: token id 15 ('extra') is beyond the 15 rows of the embedding of DIR/model"),
    spoilt("more positions than the model has", lambda p: p.recipe("max_length: 16", "max_length: 33"),
           "data.max_length: 33 is more than the 32 positions of", code=2),
    spoilt("inspect: more positions than the model has", lambda p: p, "--length 33: DIR/model has 32 positions; use at most 32",
           (*INSPECT, "--length", "33"), 2),
    spoilt("check: more positions than the model has", lambda p: p.recipe("max_length: 16", "max_length: 33"),
           "data.max_length: 33 is more than the 32 positions of DIR/model", ("check", "DIR/recipe.yaml"), 2),
    spoilt("check: a number of config.json out of range", lambda p: p.config(num_attention_heads=0),
           "DIR/model/config.json: num_attention_heads", ("check", "DIR/recipe.yaml")),
    spoilt("samples too short for their marks", lambda p: p.recipe("max_length: 16", "max_length: 2"),
           "recipe.yaml:11: data.max_length: is 2, must be at least 3", code=2),
    spoilt("masked LM without [MASK]",
           lambda p: p.edit("model/vocab.txt", b"[MASK]", b"[XXX]")
           .recipe("sequence_classification", "masked_lm").recipe("  label: label\n", ""),
           "DIR/model: token id 15 ('[MASK]') is beyond the 15 rows"),
]
