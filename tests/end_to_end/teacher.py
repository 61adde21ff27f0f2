"""The teacher's logits with two prune stages: a run that resumes learns from those that the undisturbed run learned from,
in the same folder and in another; logits that are damaged, missing or of another file end with 3."""
import os
import shutil

from runs import Folder, expect, expect_same_metrics, metrics, run
from tiny import cut_back, expect_resume, write_place

STAGES = """\
  - {name: adapt, method: {name: dsee, rank: 2, num_sparse: 8, targets: [query]}, train: {max_steps: 3, batch_size: 4, lr: 1e-2}}
  - {name: prune1, prune: {structure: [ffn], ffn: 0.3}}
  - {name: recover1, train: {max_steps: 3, batch_size: 4, lr: 1e-2, distill: {weight: 0.9}}}
  - {name: prune2, prune: {structure: [ffn], ffn: 0.3}}
  - {name: recover2, train: {max_steps: 3, batch_size: 4, lr: 1e-2, distill: {weight: 0.9}}}
"""
IN_RECOVER1, IN_RECOVER2 = 5, 9


def damaged(path, spoil):
    data = bytearray(open(path, "rb").read())
    with open(path, "wb") as out:
        out.write(spoil(data))


def flipped(data):
    data[-1] ^= 0x41
    return data


with Folder() as folder:
    recipe = write_place(folder, STAGES)
    whole = f"{folder}/whole"
    run(1, "train", recipe, "--out", whole)
    files = sorted(os.listdir(f"{whole}/cache"))
    expect(files == ["teacher-logits-stage1.safetensors", "teacher-logits-stage3.safetensors"], f"cache holds {files}")
    for step in (2, 3, 4, IN_RECOVER1, 7, IN_RECOVER2):
        expect_resume(1, recipe, whole, step)
    expect_resume(2, recipe, whole, 12)  # finished training, on another mesh

    # From a checkpoint before the second prune, in another folder and in one that holds other logits of that name.
    for other in ("elsewhere", "occupied"):
        if other == "occupied":
            os.makedirs(f"{folder}/{other}/cache")
            shutil.copy(f"{whole}/cache/{files[1]}", f"{folder}/{other}/cache/{files[0]}")
            shutil.copy(f"{folder}/elsewhere/.filigree", f"{folder}/{other}") if os.path.exists(f"{folder}/elsewhere/.filigree") else None
        run(1, "train", recipe, "--out", f"{folder}/{other}", "--resume", f"{whole}/checkpoints/step-{IN_RECOVER1:08d}")
        resumed = metrics(f"{folder}/{other}")
        expect(resumed == metrics(whole)[-len(resumed):], f"{other}: other numbers than the undisturbed run's")

    first = "cache/" + files[0]
    for name, spoil, says in (
            ("flipped", lambda path: damaged(path, flipped), "do not match their checksum: they are damaged"),
            ("zeroed", lambda path: damaged(path, lambda data: data[:-48] + bytes(48)), "do not match their checksum"),
            ("cut", lambda path: damaged(path, lambda data: data[:-8]), "do not match their checksum"),
            ("swapped", lambda path: shutil.copy(f"{whole}/cache/{files[1]}", path), "do not match their checksum"),
            ("lost", os.remove, "are missing")):
        out = f"{folder}/{name}"
        cut_back(whole, out, IN_RECOVER1)
        spoil(f"{out}/{first}")
        _, err = run(1, "train", recipe, "--out", out, expect=3)
        for text in (f"{out}/{first}: the adapted model's logits from before stage prune1, which `distill` needs, {says}",
                     "Resume from a checkpoint before the prune stage with --resume PATH"):
            expect(err.count(text) == 1, f"{name}: no '{text}' in\n{err}")
        run(1, "train", recipe, "--out", out, "--resume", f"{out}/checkpoints/step-00000003")  # as the message says
        expect_same_metrics(whole, out, f"{name}, resumed from before the prune")
    print("two prunes, two teachers: each resume has its own, damage is told")
