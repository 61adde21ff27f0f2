#!/usr/bin/env python3
"""Adapter directories as peft writes them, with their models' logits, for import_peft_test.

usage: import_reference.py OUT      exits with 77 when peft lacks

Each case is a folder of OUT: base/ (a Hugging Face directory), lora/ (what save_pretrained of peft wrote), live.safetensors
(ids and offsets of the packed samples, logits). Where EDITS has a case, its adapter_config.json is changed after it was
written, and the logits are those of what PeftModel.from_pretrained makes of it.
"""
import importlib.util
import json
import os
import sys

import torch

LENGTHS = [7, 31, 2, 18]
BERT = dict(vocab_size=101, hidden_size=36, num_attention_heads=3, intermediate_size=51, max_position_embeddings=48,
            num_hidden_layers=3, num_labels=5)
GPT2 = dict(vocab_size=101, n_embd=36, n_head=3, n_layer=2, n_positions=48, num_labels=4, pad_token_id=0)

CASES = {  # family, task, on the bare backbone, options of LoraConfig, or of SupertuningConfig (those with a sparsity)
    "bert": ("bert", "SEQ_CLS", False, dict(r=4, lora_alpha=10, target_modules=["query", "key", "value"])),
    "patterns": ("bert", "SEQ_CLS", False,
                 dict(r=4, lora_alpha=7, use_rslora=True, target_modules=["query", "value", "intermediate.dense"],
                      rank_pattern={"layer.1.attention.self.query": 6, r"layer\.\d\.intermediate.dense": 2},
                      alpha_pattern={"layer.0.attention.self.value": 3, "intermediate.dense": 5})),
    "pattern_order": ("bert", "SEQ_CLS", False,
                      dict(r=4, lora_alpha=7, target_modules=["query", "value"], rank_pattern={"self.query": 3})),
    "excluded": ("bert", "SEQ_CLS", False, dict(r=4, lora_alpha=10, target_modules=["query", "key", "value"])),
    "excluded_by_expression": ("bert", "SEQ_CLS", False, dict(r=4, lora_alpha=10, target_modules=["query", "key", "value"])),
    "layers": ("bert", "SEQ_CLS", False, dict(r=4, lora_alpha=10, target_modules=["query", "key", "value"])),
    "layers_of_a_word": ("bert", "SEQ_CLS", False, dict(r=4, lora_alpha=10, target_modules=["query", "key", "value"])),
    "bare": ("bert", None, True, dict(r=3, lora_alpha=6, target_modules=["query", "output.dense"])),
    "gpt2": ("gpt2", "CAUSAL_LM", False, dict(r=5, lora_alpha=8, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)),
    "supra": ("bert", "SEQ_CLS", False,
              dict(sparsity=0.97, r=4, lora_alpha=10, target_modules=["query", "key", "value"])),
    "super": ("bert", "SEQ_CLS", False,
              dict(sparsity=0.96, select_top=False, target_modules=["query", "intermediate.dense"])),
    "supra_bare": ("bert", None, True, dict(sparsity=0.985, r=3, target_modules=["query", "output.dense"])),
    "gpt2_classes": ("gpt2", "SEQ_CLS", False, dict(r=2, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True)),
}

EDITS = {
    # Of several keys that match the first in the file counts (save_pretrained sorts them).
    "pattern_order": {"rank_pattern": {"self.query": 3, "1.attention.self.query": 5},
                      "alpha_pattern": {"query": 32, "0.attention.self.query": 64, "value": 2, "2.*value": 90}},
    "excluded": {"exclude_modules": ["bert.encoder.layer.0.attention.self.query", "key"]},
    "excluded_by_expression": {"exclude_modules": r".*\.layer\.[01]\..*", "target_modules": r".*\.(query|value)"},
    "layers": {"layers_to_transform": [0, 2]},
    "layers_of_a_word": {"layers_to_transform": 1, "layers_pattern": "layer"},
}


def base_model(family, task):
    from transformers import (BertConfig, BertForSequenceClassification, GPT2Config, GPT2ForSequenceClassification,
                              GPT2LMHeadModel)

    if family == "bert":
        return BertForSequenceClassification(BertConfig(**BERT, initializer_range=0.15))
    kind = GPT2LMHeadModel if task == "CAUSAL_LM" else GPT2ForSequenceClassification
    return kind(GPT2Config(**GPT2, initializer_range=0.15))


def logits_of(model, task, ids):
    with torch.no_grad():
        logits = [model(input_ids=x[None]).logits[0] for x in ids]
    return torch.cat(logits) if task == "CAUSAL_LM" else torch.stack(logits)


def edited(out, task, changes):
    """What peft makes of a saved adapter whose configuration was changed."""
    from peft import PeftModel
    from transformers import BertForSequenceClassification

    path = os.path.join(out, "lora", "adapter_config.json")
    with open(path) as file:
        config = {**json.load(file), **changes}
    with open(path, "w") as file:
        json.dump(config, file)
    base = BertForSequenceClassification.from_pretrained(os.path.join(out, "base"))
    return PeftModel.from_pretrained(base, os.path.join(out, "lora")).eval()


def make(out, family, task, bare, options, changes):
    from peft import LoraConfig, SupertuningConfig, get_peft_model
    from safetensors.torch import save_file

    model = base_model(family, task)
    model.save_pretrained(os.path.join(out, "base"))
    config = (SupertuningConfig if "sparsity" in options else LoraConfig)(task_type=task, **options)
    adapted = get_peft_model(model.base_model if bare else model, config).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name or "supertuning_values" in name or "modules_to_save" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    adapted.save_pretrained(os.path.join(out, "lora"))
    if changes:
        adapted = edited(out, task, changes)
    ids = [torch.randint(1, 101, (n,)) for n in LENGTHS]
    logits = logits_of(model.eval() if bare else adapted, task, ids)
    offsets = torch.tensor([0] + LENGTHS).cumsum(0)
    save_file({"ids": torch.cat(ids), "offsets": offsets, "logits": logits}, os.path.join(out, "live.safetensors"))


def main():
    for package in ("peft", "transformers"):
        if importlib.util.find_spec(package) is None:
            print(f"skipped: {package} is not installed")
            sys.exit(77)
    torch.manual_seed(5)
    for name, case in CASES.items():
        make(os.path.join(sys.argv[1], name), *case, EDITS.get(name))


if __name__ == "__main__":
    main()
