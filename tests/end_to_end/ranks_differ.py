"""Ranks that were started with different recipes, arguments, files or programs end at once: 2 or 3 and one message that
names the rank and what differs. Ranks on one host see different files of one name when their working folders differ."""
import os
import shutil
import subprocess
import time

from runs import BINARY, SOURCE, Folder, environment, expect, run
from tiny import write_place

STAGES = """\
  - {name: adapt, method: {name: lora, rank: 2, targets: [query]}, train: {max_steps: 3, batch_size: 4, lr: 1e-3}}
"""
MPIRUN = os.path.join(SOURCE, "tests/support/mpirun.sh")
LIMIT = 30  # seconds; parallel.timeout is 60


def run_pair(first, second, binary=BINARY, folders=(None, None)):
    """Two ranks with command lines of their own; returns exit code and stderr."""
    words = [MPIRUN]
    for i, (program, args) in enumerate(((BINARY, first), (binary, second))):
        words += [":"] * i + ["-n", "1"] + (["-wdir", folders[i]] if folders[i] else []) + [program, *args]
    begin = time.time()
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=100)
    expect(time.time() - begin < LIMIT, f"{second} took {time.time() - begin:.0f} s\n{done.stderr}")
    return done.returncode, done.stderr


def expect_refusal(what, result, code, *texts):
    found, err = result
    expect(found == code, f"{what}: ended with {found}, not {code}\n{err}")
    for text in ("rank 1 (", *texts):
        expect(err.count(text) == 1, f"{what}: not once '{text}' in\n{err}")
    print(f"{what}: told")


with Folder() as folder:
    places = [f"{folder}/a", f"{folder}/b"]
    for path in places:
        write_place(path, STAGES, paths="")
    here, there = places

    def train(*more, out="run"):
        return ("train", "recipe.yaml", "--out", f"{folder}/{out}", *more)

    same = (here, here)
    for key, value in (("seed", "8"), ("parallel.tensor", "2"), ("parallel.timeout", "50"), ("parallel.backend", "mpi"),
                       ("stages.0.train.batch_size", "6"), ("stages.0.method.rank", "1"), ("parallel.shard_frozen", "true"),
                       ("model.init", "random"), ("checkpoint.every", "2")):
        result = run_pair(train(), train("--set", f"{key}={value}"), folders=same)
        expect_refusal(key, result, 2, "has a different recipe than rank 0 (", f"\n  {key}: ", f"{value} on rank 1")
    expect_refusal("--out", run_pair(train(), train(out="other"), folders=same), 2, f"--out: {folder}/run on rank 0, {folder}/other on rank 1")
    expect_refusal("--resume", run_pair(train(), train("--resume", "never"), folders=same), 2,
                   "--resume: auto on rank 0, never on rank 1")
    expect_refusal("another command", run_pair(train(), ("bench", "recipe.yaml"), folders=same), 2,
                   "command: train on rank 0, bench on rank 1")
    other_build = f"{folder}/filigree"
    shutil.copy(BINARY, other_build)
    with open(other_build, "ab") as out:
        out.write(b"another build")
    expect_refusal("program", run_pair(train(), train(), other_build, same), 3, "has a different program than rank 0 (")
    expect(not os.path.exists(f"{folder}/run"), "a run was begun")

    def spoil_model(path, name, change):
        shutil.rmtree(there)
        write_place(there, STAGES, paths="")
        with open(f"{there}/{path}/{name}", "rb+") as file:
            data = change(bytearray(file.read()))
            file.seek(0)
            file.truncate()
            file.write(data)

    def flip_last(data):
        data[-1] ^= 1
        return data

    def turned(data):
        lines = bytes(data).splitlines(keepends=True)
        return b"".join(lines[:1] + lines[:0:-1])

    for path, name, change, says in (
            ("model", "model.safetensors", flip_last, "weights of model: "),
            ("model", "config.json", lambda data: data.replace(b'"gelu"', b'"relu"'), "model/config.json: "),
            ("model", "vocab.txt", lambda data: data + b"more\n", "model/vocab.txt: "),
            ("data", "train.tsv", turned, "training set: "),
            ("data", "dev.tsv", turned, "dev set: ")):
        spoil_model(path, name, change)
        result = run_pair(train(), train(), folders=places)
        expect_refusal(name, result, 3, "has a different set of files than rank 0 (", f"\n  {says}")
    expect(not os.path.exists(f"{folder}/run"), "a run was begun")

    # A checkpoint that only rank 0 sees.
    shutil.rmtree(there)
    write_place(there, STAGES, paths="")
    run(1, "train", f"{here}/recipe.yaml", "--out", f"{here}/run", "--set", f"model.path={here}/model", "--set",
        f"data.dir={here}/data", "--set", "stages.0.train.max_steps=2")
    result = run_pair(*2 * (("train", "recipe.yaml", "--out", "run", "--resume", "run/checkpoints/step-00000001"),), folders=places)
    expect_refusal("checkpoint", result, 3, "has a different checkpoint than rank 0 (")

    # Commands that read a model.
    open(f"{here}/input.txt", "w").write("the film\n")
    open(f"{there}/input.txt", "w").write("a dull film\n")
    predict = ("predict", "model", "--input", "input.txt")
    expect_refusal("input", run_pair(predict, predict, folders=places), 3, "has a different input than rank 0 (")
    shutil.copy(f"{here}/input.txt", there)
    spoil_model("model", "model.safetensors", flip_last)
    shutil.copy(f"{here}/input.txt", there)
    expect_refusal("model of predict", run_pair(predict, predict, folders=places), 3, "has a different model than rank 0 (")
    evaluate = ("eval", "model", "--data", "recipe.yaml", "--split", "dev")
    expect_refusal("arguments of eval", run_pair(evaluate, (*evaluate[:-1], "train"), folders=same), 2,
                   "--split: dev on rank 0, train on rank 1")
    spoil_model("data", "dev.tsv", turned)
    expect_refusal("data of eval", run_pair(evaluate, evaluate, folders=places), 3, "\n  dev set: ")
    code, err = run_pair(predict, predict, folders=same)
    expect(code == 0, f"two ranks alike ended with {code}\n{err}")
