"""Loads what export_test left in transformers and compares logits.

usage: export_check.py EXPORT_DIR

Each case is a folder: hf/ (the export) or peft/ (an adapter of base/), and live.safetensors (ids, offsets, logits of
filigree's live model).
"""

import json
import pathlib
import sys

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSequenceClassification

TOLERANCE = 1e-5
CASES = 18  # as many as export_cases() has, and three of peft


def load(folder):
    config = json.loads((folder / "config.json").read_text())
    architecture = config["architectures"][0]
    masked, causal = architecture.endswith("ForMaskedLM"), architecture.endswith("LMHeadModel")
    kind = AutoModelForMaskedLM if masked else AutoModelForCausalLM if causal else AutoModelForSequenceClassification
    model, report = kind.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"], (folder, report)
    for path in folder.glob("model*.safetensors"):
        with safe_open(path, "pt") as file:
            assert all(file.get_slice(name).get_dtype() == "F32" for name in file.keys()), folder
    assert type(model).__name__ == architecture
    return model.eval(), masked or causal


def load_adapter(folder):
    base, over_tokens = load(folder / "base")
    model = PeftModel.from_pretrained(base, folder / "peft")
    stored = load_file(folder / "peft" / "adapter_model.safetensors")
    expected = get_peft_model_state_dict(model)
    assert stored.keys() == expected.keys(), stored.keys() ^ expected.keys()
    return model.eval(), over_tokens


def check(folder):
    model, over_tokens = load_adapter(folder) if (folder / "peft").exists() else load(folder / "hf")
    live = load_file(folder / "live.safetensors")
    offsets = live["offsets"].tolist()
    worst = 0.0
    for i, (begin, end) in enumerate(zip(offsets, offsets[1:])):
        with torch.no_grad():
            logits = model(input_ids=live["ids"][None, begin:end]).logits[0]
        expected = live["logits"][begin:end] if over_tokens else live["logits"][i]
        assert logits.shape == expected.shape, (folder, logits.shape, expected.shape)
        worst = max(worst, (logits - expected).abs().max().item())
    print(f"{folder.name}: largest difference {worst:.1e}")
    return worst


def main(directory):
    folders = sorted(folder for folder in pathlib.Path(directory).iterdir() if (folder / "live.safetensors").exists())
    assert len(folders) == CASES, f"{len(folders)} cases in {directory}, {CASES} expected"
    failed = [folder.name for folder in folders if not check(folder) <= TOLERANCE]
    if failed:
        sys.exit(f"logits differ by more than {TOLERANCE}: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1])
