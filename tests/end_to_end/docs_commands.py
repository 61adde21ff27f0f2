"""Runs every command line of README.md and the user guide, as it is written but for shortened runs, in a folder with what
it names. A new command line must find what it needs here, or be added to SKIPPED with the reason."""
import json
import os
import re
import shlex
import subprocess
import sys

from runs import BINARY, MODELS, SOURCE, Folder, expect
from tiny import write_place

STAGES = """
  - name: adapt
    method: {name: lora, rank: 2, targets: [query]}
    train: {max_steps: 2, batch_size: 16, lr: 1e-3}
"""
GENERATE = """
name: tiny-gpt2
seed: 7
model: {path: "${FILIGREE_MODELS}/gpt2-tiny", task: causal_lm, init: random}
data: {format: FORMAT, dir: data, max_length: 24}
parallel: {precision: fp32, device: cpu, timeout: 120}
stages:
  - name: adapt
    method: {name: full}
    train: {max_steps: 1, batch_size: 2, lr: 1e-3}
"""
SKIPPED = {
    "launch/quickstart.sh": "installs and runs the demo; docs/benchmarks has its runs",
    "tests/run.sh": "runs this test",
    "filigree=$(launch/build.sh)": "has built this program",
}
SHORTER = {"train recipes/supersense_minilm_dsee.yaml": ["--set", "data.dir=wordnet", "--set", "stages.adapt.train.max_steps=2",
                                                       "--set", "stages.recover.train.max_steps=1"]}


def command_lines(path):
    """Of the code blocks without a language: (line number, command)."""
    block = None
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        if line.startswith("```"):
            block = line.strip()[3:] if block is None else None
        elif block == "" and re.match(r"(\$?filigree|mpirun|launch/|tests/)", line):
            yield number, re.split(r"  +", line.strip())[0]


def is_usage(command):
    """A line of the list of commands: it has a placeholder in capitals."""
    return re.search(r" [A-Z]{3,}\b", command) is not None


def prepare(folder):
    write_place(folder, STAGES, paths=".")
    config = json.load(open(f"{folder}/model/config.json"))
    expect(config["num_attention_heads"] >= 2, "the tiny model has no heads to split")
    os.symlink(os.path.join(SOURCE, "recipes"), f"{folder}/recipes")
    os.makedirs(f"{folder}/wordnet")
    for name in ("noun", "verb", "adj", "adv"):
        with open(f"/usr/share/wordnet/data.{name}", encoding="utf-8") as lines, open(f"{folder}/wordnet/data.{name}", "w") as out:
            out.writelines([line for line in lines if not line.startswith("  ")][::150])
    for name, text in (("lines.txt", "a dog\na tree\n"), ("meanings.txt", "name : x\n"), ("starts.txt", "the\n"),
                       ("hosts", "localhost slots=16\n"), ("data/train.txt", "a||b\nc||d\n"), ("data/dev.txt", "a||b\n")):
        with open(f"{folder}/{name}", "w") as out:
            out.write(text)
    for run_dir, kind in (("runs/e2e", "e2e"), ("runs/gpt2-tiny", "text")):
        with open(f"{folder}/{kind}.yaml", "w") as out:
            out.write(GENERATE.replace("FORMAT", kind))
        start(folder, [BINARY, "train", f"{kind}.yaml", "--out", run_dir], f"the run {run_dir}")


def start(folder, words, what):
    environment = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                       OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_rmaps_base_oversubscribe="1")
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)
    expect(done.returncode == 0, f"{what}: exit code {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
    return done.stdout


def words_of(command):
    more = [words for part, words in SHORTER.items() if part in command]
    words = [BINARY if word in ("filigree", "$filigree") else word for word in shlex.split(command, comments=True)]
    # As many ranks as the tiny model has heads; a run of its own for each command.
    words = [str(min(int(word), 4)) if before == "-n" else word for before, word in zip([""] + words, words)]
    words = ["parallel.tensor=2" if word == "parallel.tensor=4" else word for word in words]
    if "--tensor" in words and "plan" in words:
        words[words.index("--tensor") + 1] = "2"
    return words + (more[0] if more else [])


def main():
    if not os.path.exists("/usr/share/wordnet/data.noun") or not os.path.exists(f"{MODELS}/gpt2-tiny/config.json"):
        print("skipped: needs wordnet-base and the models of launch/setup.sh")
        return 77
    ran = 0
    with Folder() as folder:
        prepare(folder)
        for page in ("README.md", "docs/user-guide.md"):
            for number, command in command_lines(os.path.join(SOURCE, page)):
                where = f"{page}:{number}: {command}"
                if is_usage(command) or command.split("  ")[0].split(" #")[0].strip() in SKIPPED:
                    continue
                words = words_of(command)
                if "train" in words and "--out" not in words:
                    words += ["--out", f"runs/{ran}"]
                out = start(folder, words, where)
                expect(out.strip() or "train" in words, f"{where} prints nothing")
                print("ran", where)
                ran += 1
    expect(ran >= 12, f"only {ran} command lines were found: are the code blocks still there?")
    return 0


sys.exit(main())
