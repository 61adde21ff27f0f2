"""Shows the files that safetensors_test wrote to the safetensors package.

usage: safetensors_check.py FOLDER

The package must refuse every malformed file that filigree refuses, but for the listed ones, where filigree is stricter on
purpose, and must read the good file with the same values.
"""

import json
import pathlib
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

# The package takes the last of two tensors with one name, and space before the header's first brace.
STRICTER = {"duplicate", "leading_space"}


def read(path):
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def main(folder):
    folder = pathlib.Path(folder)
    files = sorted((folder / "EveryMalformedFileIsRefusedWithItsName").glob("*.safetensors"))
    assert len(files) > 30, f"only {len(files)} malformed files in {folder}: did safetensors_test run?"
    accepted = set()
    for path in files:
        try:
            read(path)
            accepted.add(path.stem)
        except Exception as error:
            print(f"{path.stem}: {str(error)[:100]}")
    print("accepted by the package:", sorted(accepted))
    assert accepted <= STRICTER, f"filigree refuses what the package reads: {sorted(accepted - STRICTER)}"
    tensors = read(folder / "WhatIsWrittenIsRead" / "all.safetensors")
    assert torch.equal(tensors["t.BFloat16"], torch.arange(15).view(5, 3).bfloat16())
    assert torch.equal(tensors["turned"], torch.arange(6).view(2, 3).t())
    assert tensors["empty"].shape == (0, 4) and tensors["scalar"].item() == 7
    with safe_open(folder / "TensorsOfForeignTypesMatterOnlyWhenTheyAreRead" / "foreign.safetensors", "pt") as file:
        assert sorted(file.keys()) == list("abcde")
    check_copies()


def check_copies():
    """transformers reads the shards in the order of their names; the index does not say which copy counts."""
    config = BertConfig(vocab_size=5, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4)
    with tempfile.TemporaryDirectory() as folder:
        model = BertModel(config)
        model.save_pretrained(folder)
        tensors = load_file(f"{folder}/model.safetensors")
        pathlib.Path(folder, "model.safetensors").unlink()
        name = "pooler.dense.bias"
        save_file({**tensors, name: torch.full((4,), 1.0)}, f"{folder}/a.safetensors", metadata={"format": "pt"})
        save_file({name: torch.full((4,), 2.0)}, f"{folder}/b.safetensors", metadata={"format": "pt"})
        for shard in ("a.safetensors", "b.safetensors"):
            weight_map = {**dict.fromkeys(tensors, "a.safetensors"), name: shard}
            listed = {"metadata": {}, "weight_map": {**weight_map, "unknown": "b.safetensors"}}
            pathlib.Path(folder, "model.safetensors.index.json").write_text(json.dumps(listed))
            assert BertModel.from_pretrained(folder).pooler.dense.bias[0].item() == 2.0


if __name__ == "__main__":
    main(sys.argv[1])
