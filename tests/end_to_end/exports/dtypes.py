"""The data types of an export's weights through the program (export.dtype, --dtype): a run with bf16 on a base in fp16."""
import glob
import json
import os
import sys

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from runs import Folder, expect, run  # noqa: E402
from tiny import write_place  # noqa: E402

STAGES = """\
  - name: adapt
    method: {name: dsee, rank: 2, num_sparse: 8, targets: [query, value]}
    train: {max_steps: 3, batch_size: 4, lr: 5e-2}
  - {name: out, export: {format: hf, dir: hf, dtype: fp32}}
"""


def weights(folder):
    (file,) = glob.glob(f"{folder}/model*.safetensors")
    return load_file(file)


def is_updated(name):
    return name.endswith(("query.weight", "value.weight")) or name.startswith("classifier.")


def expect_types(folder, base, unchanged, changed):
    """Types of the unchanged and of the other weights; the former have the base's values, rounded to their type."""
    config, found = json.load(open(f"{folder}/config.json")), weights(folder)
    expect(config["dtype"] == ("bfloat16" if unchanged == changed == torch.bfloat16 else "float32"), config["dtype"])
    for name, tensor in found.items():
        wanted = changed if is_updated(name) else unchanged
        expect(tensor.dtype == wanted, f"{folder}: {name} is {tensor.dtype}, not {wanted}")
        if not is_updated(name):
            expected = base[name.removeprefix("bert.")]
            expect(torch.equal(tensor, expected.to(wanted)), f"{folder}: {name} differs from the base's")
    expect(sum(map(is_updated, found)) == 8, sorted(found))


def types_of_the_weights(folder):
    recipe, out = write_place(folder, STAGES), f"{folder}/run"
    file = f"{folder}/model/model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(file).items()}, file)
    base = load_file(file)
    run(1, "train", recipe, "--out", out, "--set", "parallel.precision=bf16")
    expect_types(f"{out}/final", base, torch.float16, torch.float32)
    expect_types(f"{out}/hf", base, torch.float32, torch.float32)
    rounded = any(not torch.equal(tensor, tensor.bfloat16().half()) for tensor in base.values())
    expect(rounded, "bf16 holds the base exactly: a test that cannot fail")
    newest = sorted(glob.glob(f"{out}/checkpoints/step-*"))[-1]
    for source, form in ((out, "hf"), (out, "hf_pruned"), (newest, "filigree")):
        for dtype, unchanged, changed in (("auto", torch.float16, torch.float32), ("fp32", torch.float32, torch.float32),
                                          ("bf16", torch.bfloat16, torch.bfloat16)):
            target = f"{folder}/{form}-{dtype}"
            run(1, "export", source, "--format", form, "--dtype", dtype, target)
            expect_types(target, base, unchanged, changed)
            run(1, "inspect", target)
    _, err = run(1, "check", recipe, "--set", "stages.out.export.dtype=fp16", expect=2)
    expect("export.dtype: is 'fp16', must be one of auto, fp32, bf16" in err, err)


with Folder() as directory:
    types_of_the_weights(directory)
