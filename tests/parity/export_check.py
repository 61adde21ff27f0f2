"""Loads what export_test left in transformers and compares logits.

usage: export_check.py EXPORT_DIR [transformers4]      exits with 77 when transformers 4 is wanted and lacks

Each case is a folder: hf/ and hf_pruned/ (exports) or peft/ (an adapter of base/), and live.safetensors (ids, offsets,
logits of filigree's live model). Runs with transformers 5 and, without peft's cases, with 4.57, where hf_pruned/ loads
both with and without its modelling file unless FFN widths differ by layer. From 5.23 on, the stock class must refuse
the layers that differ.
"""

import json
import os
import pathlib
import sys
import tempfile

MODULES = tempfile.TemporaryDirectory()  # for the modelling files, which transformers copies
os.environ["HF_MODULES_CACHE"] = MODULES.name

if sys.argv[2:] == ["transformers4"]:  # a folder that launch/setup.sh made
    home = pathlib.Path(os.environ.get("FILIGREE_HOME", pathlib.Path.home() / ".cache" / "filigree"))
    if not (home / "transformers4" / "filigree-stamp").exists():
        print(f"skipped: {home / 'transformers4'} is missing, launch/setup.sh makes it")
        sys.exit(77)
    sys.path.insert(0, str(home / "transformers4"))

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSequenceClassification

TOLERANCE = 1e-5
NATIVE_PRUNED_HEADS = transformers.__version__.startswith("4.")
CASES = 30  # as many as export_cases() has, six adapters of peft, and one of a base in fp16
HAS_LAYERS = hasattr(transformers.PretrainedConfig, "per_layer_config")
LEARNED_SPARSITY = 0.9  # of export_cases.h
TYPES = {"fp16_base": {"F16", "F32"}}  # of the weights; else all are fp32


def architecture_of(folder):
    return json.loads((folder / "config.json").read_text())["architectures"][0]


def kind(folder):
    masked, causal = (architecture_of(folder).endswith(end) for end in ("ForMaskedLM", "LMHeadModel"))
    return AutoModelForMaskedLM if masked else AutoModelForCausalLM if causal else AutoModelForSequenceClassification


def load(folder, trust=False):
    architecture = architecture_of(folder)
    model, report = kind(folder).from_pretrained(folder, output_loading_info=True, attn_implementation="eager", trust_remote_code=trust)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"], (folder, report)
    types = set()
    for path in folder.glob("model*.safetensors"):
        with safe_open(path, "pt") as file:
            types |= {file.get_slice(name).get_dtype() for name in file.keys()}
    assert types == TYPES.get(folder.parent.name if folder.name != "base" else "", {"F32"}), (folder, types)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}, folder
    assert type(model).__name__ == ("Pruned" if trust else "") + architecture
    return model.eval(), kind(folder) is not AutoModelForSequenceClassification


def load_adapter(folder):
    from peft import PeftModel, get_peft_model_state_dict

    base, over_tokens = load(folder / "base")
    model = PeftModel.from_pretrained(base, folder / "peft")
    stored = load_file(folder / "peft" / "adapter_model.safetensors")
    expected = get_peft_model_state_dict(model)
    assert stored.keys() == expected.keys(), stored.keys() ^ expected.keys()
    return model.eval(), over_tokens


def small_forms(folder):
    """What must load hf_pruned/: (how, trust_remote_code)."""
    config = json.loads((folder / "hf_pruned" / "config.json").read_text())
    if "auto_map" not in config:
        return [("hf_pruned, nothing pruned", False)]
    native = NATIVE_PRUNED_HEADS or "pruned_heads" not in config
    return [("hf_pruned, own code", True)] + [("hf_pruned, stock code", False)] * (native and "ffn_width" in config["filigree"])


def expect_refusal(folder):
    """The stock class of transformers 5.23 does not load layers that differ, nor fill them with random weights."""
    for options in ({}, {"ignore_mismatched_sizes": True}):
        try:
            kind(folder).from_pretrained(folder, trust_remote_code=False, **options)
        except RuntimeError as problem:
            assert "is a per-layer attribute and may vary across layers" in str(problem), (folder, problem)
        else:
            sys.exit(f"{folder}: the stock class loads pruned layers, {options}")


def expect_use(folder, model):
    """What is done with a loaded model: saved again, it keeps its layers; a language model generates."""
    with tempfile.TemporaryDirectory() as copy:
        model.save_pretrained(copy)
        ours, saved = (json.loads((pathlib.Path(place) / "config.json").read_text()) for place in (folder, copy))
        for key in ("per_layer_config", "filigree"):
            assert saved.get(key) == ours.get(key), (folder, key, saved.get(key), ours.get(key))
    if kind(folder) is AutoModelForCausalLM:
        begin = torch.arange(5)[None]
        cached, plain = (model.generate(begin, max_new_tokens=6, do_sample=False, use_cache=use) for use in (True, False))
        assert torch.equal(cached, plain), folder


def expect_zeros(folder):
    """Each matrix of the encoder has exactly the zeros of the learned mask; query, key and value of GPT-2 are one tensor."""
    matrices = {name: weight for name, weight in load_file(folder / "model.safetensors").items()
                if (".encoder.layer." in name or ".h." in name) and weight.dim() == 2}
    assert len(matrices) in (12, 18), (folder, list(matrices))
    for name, weight in matrices.items():
        parts = 3 if name.endswith("c_attn.weight") else 1
        zeros, due = int((weight == 0).sum()), parts * int(LEARNED_SPARSITY * (weight.numel() // parts))
        assert zeros == due, (folder, name, zeros, due)


def check(folder):
    if (folder / "peft").exists():
        return compare(folder, "peft", *load_adapter(folder))
    worst = compare(folder, "hf", *load(folder / "hf"))
    if folder.name.endswith("_pst"):
        expect_zeros(folder / "hf")
    if not (folder / "hf_pruned").exists():
        return worst
    for how, trust in small_forms(folder):
        model, over_tokens = load(folder / "hf_pruned", trust)
        worst = max(worst, compare(folder, how, model, over_tokens))
        if trust:
            expect_use(folder / "hf_pruned", model)
    if HAS_LAYERS and "per_layer_config" in json.loads((folder / "hf_pruned" / "config.json").read_text()):
        expect_refusal(folder / "hf_pruned")
    return worst


def compare(folder, how, model, over_tokens):
    live = load_file(folder / "live.safetensors")
    offsets = live["offsets"].tolist()
    worst = 0.0
    for i, (begin, end) in enumerate(zip(offsets, offsets[1:])):
        with torch.no_grad():
            logits = model(input_ids=live["ids"][None, begin:end]).logits[0]
        expected = live["logits"][begin:end] if over_tokens else live["logits"][i]
        assert logits.shape == expected.shape, (folder, logits.shape, expected.shape)
        worst = max(worst, (logits - expected).abs().max().item())
    print(f"{folder.name} ({how}): largest difference {worst:.1e}")
    return worst


def main(directory):
    folders = sorted(folder for folder in pathlib.Path(directory).iterdir() if (folder / "live.safetensors").exists())
    assert len(folders) == CASES, f"{len(folders)} cases in {directory}, {CASES} expected"
    if NATIVE_PRUNED_HEADS:
        print("peft's cases are skipped: peft needs transformers 5")
        folders = [folder for folder in folders if not (folder / "peft").exists()]
    failed = [folder.name for folder in folders if not check(folder) <= TOLERANCE]
    if failed:
        sys.exit(f"logits differ by more than {TOLERANCE}: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1])
