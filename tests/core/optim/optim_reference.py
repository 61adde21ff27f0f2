#!/usr/bin/env python3
"""Reference values of tests/core/optim: transformers' schedules and torch.optim.AdamW.

usage: optim_reference.py OUT        writes OUT/schedules.safetensors and OUT/adamw.safetensors

schedules: "<kind>.<warmup>.<total>" fp64 [total + 3], the factor of the learning rate before each update.
adamw:     "start.<p>", "grad.<step>.<p>", "value.<step>.<p>", "m.<p>", "v.<p>" for the parameters p of SHAPES; the gradients
           are as summed, that is before SCALE; "norm.<step>" fp64, the norm that clip_grad_norm_ saw.
"""
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import (get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup,
                          get_linear_schedule_with_warmup)

CASES = [(0, 1), (0, 10), (3, 10), (10, 10), (7, 100), (100, 40)]
SHAPES = {"matrix": (7, 5), "bias": (5,), "large": (130, 257), "values": (64,)}
STEPS, LR, SCALE, CLIP, DECAY = 50, 3e-3, 1 / 32, 1.0, 0.05


def factors(make, total):
    """What the schedule multiplies the learning rate with, step by step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=1.0)
    schedule = make(optimizer)
    values = []
    for _ in range(total + 3):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return torch.tensor(values, dtype=torch.float64)


def schedules():
    out = {}
    for warmup, total in CASES:
        makers = {
            "linear": lambda o: get_linear_schedule_with_warmup(o, warmup, total),
            "cosine": lambda o: get_cosine_schedule_with_warmup(o, warmup, total),
            "constant": lambda o: get_constant_schedule_with_warmup(o, warmup),
        }
        for kind, make in makers.items():
            out[f"{kind}.{warmup}.{total}"] = factors(make, total)
    return out


def adamw():
    torch.manual_seed(11)
    out = {}
    parameters = {name: torch.nn.Parameter(torch.randn(shape)) for name, shape in SHAPES.items()}
    out.update({f"start.{name}": p.detach().clone() for name, p in parameters.items()})
    decayed = [p for p in parameters.values() if p.dim() >= 2]
    plain = [p for p in parameters.values() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}], lr=LR)
    for step in range(STEPS):
        size = 10.0 if step % 3 == 0 else 0.02  # some steps are clipped, some not
        for name, p in parameters.items():
            out[f"grad.{step}.{name}"] = torch.randn(p.shape) * size
            p.grad = out[f"grad.{step}.{name}"] * SCALE
        out[f"norm.{step}"] = torch.nn.utils.clip_grad_norm_(parameters.values(), CLIP).double().reshape(1)
        optimizer.step()
        if step in (0, 1, STEPS - 1):
            out.update({f"value.{step}.{name}": p.detach().clone() for name, p in parameters.items()})
    for name, p in parameters.items():
        out[f"m.{name}"] = optimizer.state[p]["exp_avg"].clone()
        out[f"v.{name}"] = optimizer.state[p]["exp_avg_sq"].clone()
    return out


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    save_file(schedules(), os.path.join(out, "schedules.safetensors"))
    save_file(adamw(), os.path.join(out, "adamw.safetensors"))


if __name__ == "__main__":
    main()
