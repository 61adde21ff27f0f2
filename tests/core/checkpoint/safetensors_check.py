"""Shows the files that safetensors_test wrote to the safetensors package.

usage: safetensors_check.py FOLDER

The package must refuse every malformed file that filigree refuses, but for the listed ones, where filigree is stricter on
purpose, and must read the good file with the same values.
"""

import pathlib
import sys

import torch
from safetensors import safe_open

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


if __name__ == "__main__":
    main(sys.argv[1])
