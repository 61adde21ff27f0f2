#!/usr/bin/env python3
"""Trains as a recipe says, with transformers and peft in place of filigree, for an `external` row of `filigree bench-methods`.

usage: transformers_peft.py RECIPE --seeds 1,2,3 --output FILE.json [--set KEY=VALUE]... [--method NAME]

The recipe has one stage that trains, with the method `full` or `lora`, on TSV files of a preset with one text column (sst2) or
with text and label columns by name. Model, training samples (max_train_samples chooses the same ones), steps, batch size, lengths,
learning rate and its schedule, AdamW, clipping, dropout, seed and metric (accuracy) are the recipe's. The order of the samples and
the dropout masks are those of torch for the seed. It computes in fp32: give `--set parallel.precision=fp32` to filigree to compare
speeds. The file is written after each seed.
"""
import argparse
import csv
import json
import math
import os
import re
import resource
import sys
import time

import torch
import yaml

MASK = (1 << 64) - 1
ADAMW = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}


def fail(message):
    print(message, file=sys.stderr)
    sys.exit(2)


def variable(name):
    home = os.environ.get("FILIGREE_HOME") or os.path.expanduser("~/.cache/filigree")
    known = {"FILIGREE_HOME": home, "FILIGREE_MODELS": f"{home}/models", "FILIGREE_DATA": f"{home}/data"}
    return os.environ.get(name) or known.get(name) or fail(f"${{{name}}} is not set")


def number(value):
    """YAML 1.1 reads 1e-3 as text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def assign(recipe, argument):
    path, _, text = argument.partition("=")
    place, words = recipe, path.split(".")
    for word in words[:-1]:
        if isinstance(place, list):
            place = next((item for item in place if item["name"] == word), None)
            if place is None:
                fail(f"--set {argument}: there is no stage '{word}'")
        else:
            place = place.setdefault(word, {})
    place[words[-1]] = yaml.safe_load(text)
    for one, other in (("epochs", "max_steps"), ("max_steps", "epochs")):
        if words[-1] == one:
            place.pop(other, None)


def read_recipe(path, sets):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"\$\{(\w+)\}", lambda match: variable(match[1]), file.read())
    recipe = yaml.safe_load(text)
    for argument in sets:
        assign(recipe, argument)
    return recipe


def training_stage(recipe):
    stages = [stage for stage in recipe["stages"] if "train" in stage]
    if len(stages) != 1 or any("prune" in stage for stage in recipe["stages"]):
        fail("the recipe must have one stage that trains, and no prune")
    method = stages[0].get("method")
    method = {"name": method} if isinstance(method, str) else method
    if not method or method["name"] not in ("full", "lora"):
        fail("the method must be full or lora")
    unknown = {"full": set(method) - {"name"}, "lora": set(method) - {"name", "rank", "alpha", "targets"}}[method["name"]]
    if unknown:
        fail(f"options of the method that this script lacks: {', '.join(sorted(unknown))}")
    train = {**{"batch_size": 32, "lr": 1e-3, "schedule": "linear", "warmup": 0, "max_grad_norm": 1}, **ADAMW,
             **{key: number(value) for key, value in stages[0]["train"].items()}}
    if train["schedule"] not in ("linear", "constant") or "distill" in train:
        fail("this script has the schedules linear and constant, and no distillation")
    return method, train


def permutation(seed, size):
    """The samples that filigree's max_train_samples chooses (core/random.h)."""
    def mix(z):
        z = (z + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    name = 0xCBF29CE484222325
    for byte in b"data.limit":
        name = ((name ^ byte) * 0x100000001B3) & MASK
    a = mix(seed)
    stream = mix(a ^ ((name + 0x632BE59BD9B4E019 + ((a << 6) & MASK) + (a >> 2)) & MASK))
    order = list(range(size))
    for i in range(size - 1, 0, -1):
        j = mix((stream + i * 0xD1342543DE82EF95) & MASK) % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def read_split(data, split, default):
    if data.get("format", "tsv") != "tsv" or data.get("task", "sst2") != "sst2":
        fail("data: this script reads TSV files, of the task sst2 or with columns by name")
    text, label = data.get("text", ["sentence"]), data.get("label", "label")
    path = os.path.join(data["dir"], data.get(split, default))
    with open(path, encoding="utf-8", newline="") as file:
        rows = [(row[text[0]], row[label].strip()) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return rows


def label_ids(data, rows):
    names = data.get("labels") or sorted({label for _, label in rows}, key=lambda name: (len(name), name))
    return {name: i for i, name in enumerate(names)}


def encode(rows, labels, tokenizer, length):
    ids = tokenizer([text for text, _ in rows], truncation=True, max_length=length)["input_ids"]
    return [(torch.tensor(row), labels[label]) for row, (_, label) in zip(ids, rows)]


def collate(samples, pad, device):
    ids = torch.nn.utils.rnn.pad_sequence([ids for ids, _ in samples], batch_first=True, padding_value=pad)
    lengths = torch.tensor([len(ids) for ids, _ in samples])
    mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
    return ids.to(device), mask.to(device), torch.tensor([label for _, label in samples]).to(device)


def make_model(recipe, method, classes):
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(recipe["model"]["path"], num_labels=classes)
    if recipe["model"].get("dropout") is not None:
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = recipe["model"]["dropout"]
    model = AutoModelForSequenceClassification.from_pretrained(recipe["model"]["path"], config=config, dtype=torch.float32,
                                                               ignore_mismatched_sizes=True)
    if method["name"] == "full":
        return model
    from peft import LoraConfig, get_peft_model

    return get_peft_model(model, LoraConfig(
        r=method.get("rank", 8), lora_alpha=method.get("alpha", 16), lora_dropout=0.0,
        target_modules=method.get("targets", ["query", "value"]), modules_to_save=["classifier"], task_type="SEQ_CLS"))


def steps_of(train, samples):
    per_epoch = math.ceil(samples / train["batch_size"])
    total = int(train["max_steps"]) if "max_steps" in train else max(1, math.ceil(train["epochs"] * per_epoch))
    warmup = math.ceil(train["warmup"] * total) if train["warmup"] < 1 else int(train["warmup"])
    return total, warmup


def rate(step, total, warmup, schedule):
    if step < warmup:
        return step / max(1, warmup)
    return 1.0 if schedule == "constant" else max(0.0, (total - step) / max(1, total - warmup))


def batches(count, size, total):
    """Sample numbers of each step: every epoch is a new order, and its last batch may be smaller."""
    done = 0
    while done < total:
        order = torch.randperm(count).tolist()
        for begin in range(0, count, size):
            if done == total:
                return
            yield order[begin:begin + size]
            done += 1


def accuracy(model, samples, pad, device, size=64):
    model.eval()
    right = 0
    with torch.no_grad():
        for begin in range(0, len(samples), size):
            ids, mask, labels = collate(samples[begin:begin + size], pad, device)
            right += (model(input_ids=ids, attention_mask=mask).logits.argmax(-1) == labels).sum().item()
    return right / len(samples)


def train_one(recipe, method, train, seed, name):
    from transformers import AutoTokenizer

    begun = time.monotonic()
    torch.manual_seed(seed)
    wanted = recipe.get("parallel", {}).get("device", "auto")
    device = torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")
    data, tokenizer = recipe["data"], AutoTokenizer.from_pretrained(recipe["model"]["path"])
    rows = read_split(data, "train", "train.tsv")
    labels = label_ids(data, rows)
    limit = data.get("max_train_samples", 0)
    if 0 < limit < len(rows):
        rows = [rows[i] for i in sorted(permutation(seed, len(rows))[:limit])]
    length = data.get("max_length", 128)
    training = encode(rows, labels, tokenizer, length)
    dev = encode(read_split(data, "dev", "dev.tsv"), labels, tokenizer, length)
    model = make_model(recipe, method, len(labels)).to(device)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=train["lr"], betas=(train["beta1"], train["beta2"]), eps=train["eps"],
                                  weight_decay=train["weight_decay"])
    total, warmup = steps_of(train, len(training))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, total, warmup, train["schedule"]))
    times = []
    model.train()
    for numbers in batches(len(training), int(train["batch_size"]), total):
        started = time.monotonic()
        ids, mask, targets = collate([training[i] for i in numbers], tokenizer.pad_token_id, device)
        loss = torch.nn.functional.cross_entropy(model(input_ids=ids, attention_mask=mask).logits, targets)
        loss.backward()
        if train["max_grad_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(learned, train["max_grad_norm"])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        times.append(1e3 * (time.monotonic() - started))
    value = accuracy(model, dev, tokenizer.pad_token_id, device)
    return {"method": name, "seed": seed, "metric": "accuracy", "split": "dev", "value": value, "steps": total,
            "trainable": sum(parameter.numel() for parameter in learned),
            "total": sum(parameter.numel() for parameter in model.parameters()), "sparsity": 0.0, "flops_share": 1.0,
            "step_ms": sorted(times)[len(times) // 2], "seconds": time.monotonic() - begun,
            "peak_memory_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def write(path, recipe_path, sets, runs):
    import peft
    import transformers

    settings = {"recipe": recipe_path, "set": sets, "torch": torch.__version__, "transformers": transformers.__version__,
                "peft": peft.__version__}
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".tmp", "w", encoding="utf-8") as out:
        json.dump({"settings": settings, "runs": [{k: v for k, v in run.items() if v is not None} for run in runs]}, out, indent=1)
        out.write("\n")
    os.replace(path + ".tmp", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--output", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--method", help="name of the row in the list; default: any row that reads the file")
    options = parser.parse_args()
    recipe = read_recipe(options.recipe, options.set)
    method, train = training_stage(recipe)
    runs = []
    for seed in map(int, options.seeds.split(",")):
        runs.append(train_one(recipe, method, train, seed, options.method))
        print(f"seed {seed}: accuracy {runs[-1]['value']:.4f}, {runs[-1]['seconds']:.0f} s", file=sys.stderr)
        write(options.output, options.recipe, options.set, runs)


if __name__ == "__main__":
    main()
