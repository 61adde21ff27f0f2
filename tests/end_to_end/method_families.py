"""Methods with masks, mixtures and supports on a tiny RoBERTa and a tiny GPT-2, whose query, key and value are one matrix, in
parts on two ranks: resumed to the bit; transformers reads the export, which has exactly the promised zeros."""
import json
import shutil

from method_checks import check_best, check_export, check_zeros
from runs import Folder, expect, metrics, run
from tiny import expect_resume, write_family

STEPS = 10
MESH = ("--set", "parallel.tensor=2")
METHODS = {
    "pst": ("{name: pst, rank: 2, score_rank: 2, sparsity: 0.9}", 0.9),
    "movement": ("{name: movement, sparsity: 0.5, score_lr_ratio: 100}", 0.5),
    "mix": ("{name: dps, variant: mix, update_ratio: 0.25}", None),
    "rosa": ("{name: dsee, rank: 2, sparse_density: 0.1, support: gradient, support_warmup: 3, scale_sparse: false, "
             "targets: [query, value]}", None),
}


def check(family, name, method, share):
    recipe = write_family(f"{folder}/place", family, f"""\
  - {{name: adapt, method: {method}, train: {{max_steps: {STEPS}, batch_size: 4, lr: 5e-3}}}}
  - {{name: export, export: {{format: hf, dir: export}}}}
""")
    out = f"{folder}/place/run"
    run(2, "train", recipe, "--out", out, *MESH)
    expect_resume(2, recipe, out, 4, *MESH)
    if share is not None:
        check_zeros(f"{out}/export", share)
        with open(f"{out}/checkpoints/best.json") as marker:
            check_best(out, "adapt", json.load(marker)["step"], final=7)
    check_export(folder, f"{out}/export", out)
    losses = [record["loss"] for record in metrics(out, ("train",))]
    expect(max(losses) - min(losses) > 0.05, f"{family} learns nothing: {losses}")
    print(f"{family}, {name}: resumed to the bit; transformers reads its export")
    shutil.rmtree(f"{folder}/place")


with Folder() as folder:
    for kind in ("roberta", "gpt2"):
        for method_name, (options, zeros) in METHODS.items():
            check(kind, method_name, options, zeros)
